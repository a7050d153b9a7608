/* test_io_ffprobe.c: what ffprobe says, good and hostile; and programs in its place that behave badly. */
#include "daemon/io/ffprobe.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/io/loop.h"
#include "proto/status.h"

#define LIMIT_MS 20000           /* no test waits for this one */
#define STREAM "\"codec_type\":\"video\",\"codec_name\":\"h264\",\"width\":320,\"height\":240,\"avg_frame_rate\":\"30000/1001\""
#define SOUND "\"codec_type\":\"audio\",\"codec_name\":\"aac\",\"sample_rate\":\"44100\",\"channels\":2,\"avg_frame_rate\":\"0/0\""
#define GOOD "{\"programs\":[],\"streams\":[{" STREAM ",\"disposition\":{\"attached_pic\":0}},{" SOUND "}]," \
	"\"format\":{\"duration\":\"2.002600\"}}"

/* ---- reading ---- */

static struct ffprobe_info read_text(const char *text)
{
	struct ffprobe_info info;

	memset(&info, 0x5a, sizeof info);
	ffprobe_read(text, strlen(text), &info);
	return info;
}

static void all_that_it_says(void **state)
{
	struct ffprobe_info i = read_text(GOOD);

	(void)state;
	assert_int_equal(i.duration_ms, 2003);
	assert_int_equal(i.width, 320);
	assert_int_equal(i.height, 240);
	assert_int_equal(i.frame_milli, 29970);
	assert_string_equal(i.video_codec, "h264");
	assert_string_equal(i.audio_codec, "aac");
	assert_int_equal(i.audio_channels, 2);
	assert_int_equal(i.audio_hz, 44100);
	assert_string_equal(i.why, "");
}

static void turned_videos_are_told_as_shown(void **state)
{
	static const struct { const char *side; uint32_t width; } rows[] = {
		{ "[{\"rotation\":90}]", 240 }, { "[{\"rotation\":-90}]", 240 }, { "[{\"rotation\":270}]", 240 }, { "[{\"rotation\":180}]", 320 },
		{ "[{\"rotation\":0}]", 320 }, { "[{},{\"rotation\":-90}]", 240 }, { "[{\"rotation\":-2147483648}]", 320 }, { "{}", 320 },
	};
	char text[1000];

	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
		(void)snprintf(text, sizeof text, "{\"streams\":[{" STREAM ",\"side_data_list\":%s}],\"format\":{\"duration\":\"1.5\"}}", rows[k].side);
		struct ffprobe_info i = read_text(text);
		assert_int_equal(i.width, rows[k].width);
		assert_int_equal(i.height, 320 + 240 - rows[k].width);
		assert_string_equal(i.why, "");
	}
}

static void what_counts_is_the_first_that_plays(void **state)
{
	struct ffprobe_info i = read_text("{\"streams\":[{\"codec_type\":\"data\"},{\"codec_type\":\"video\",\"codec_name\":\"mjpeg\",\"width\":9,\"height\":9,"
		"\"disposition\":{\"attached_pic\":1}},{" SOUND "},{\"codec_type\":\"audio\",\"codec_name\":\"opus\"}],\"format\":{\"duration\":\"1\"}}");

	(void)state;
	assert_string_equal(i.video_codec, "");
	assert_int_equal(i.width, 0);
	assert_string_equal(i.audio_codec, "aac");
	assert_int_equal(i.duration_ms, 1000);
	assert_string_equal(i.why, "");
}

/* What is missing, or is no value that it can have, is not known, and it is said that it is not. */
static void what_is_not_told_is_named(void **state)
{
	static const struct { const char *text, *why; } rows[] = {
		{ "", "nothing that can be understood" },
		{ "ffprobe: error while loading shared libraries", "nothing that can be understood" },
		{ GOOD "{}", "nothing that can be understood" },
		{ "[]", "neither video nor sound" },
		{ "{\"streams\":{\"a\":1},\"format\":[]}", "neither video nor sound" },
		{ "{\"streams\":[null,7,[[]],{\"codec_type\":1}]}", "neither video nor sound" },
		{ "{\"error\":{\"code\":-1094995529,\"string\":\"Invalid data found\\u001b[2J when processing\"}}", "cannot read it: Invalid data found[2J when" },
		{ "{\"error\":7}", "no reason given" },
		{ "{\"streams\":[{" STREAM "}],\"format\":{}}", "how long" },
		{ "{\"streams\":[{" STREAM "}],\"format\":{\"duration\":\"-1.0\"}}", "how long" },
		{ "{\"streams\":[{" STREAM "}],\"format\":{\"duration\":\"99999999999.0\"}}", "how long" },
		{ "{\"streams\":[{" STREAM "}],\"format\":{\"duration\":\"9999999999.0\"}}", "how long" },
		{ "{\"streams\":[{" STREAM "}],\"format\":{\"duration\":\"inf\"}}", "how long" },
		{ "{\"streams\":[{\"codec_type\":\"video\",\"width\":-5,\"height\":7,\"avg_frame_rate\":\"25/1\"}],\"format\":{\"duration\":\"1\"}}", "pixels" },
		{ "{\"streams\":[{\"codec_type\":\"video\",\"width\":4294967297,\"height\":7,\"avg_frame_rate\":\"25/1\"}],\"format\":{\"duration\":\"1\"}}", "pixels" },
		{ "{\"streams\":[{\"codec_type\":\"video\",\"width\":5,\"height\":7,\"avg_frame_rate\":\"0/0\"}],\"format\":{\"duration\":\"1\"}}", "frames" },
		{ "{\"streams\":[{\"codec_type\":\"video\",\"width\":5,\"height\":7,\"avg_frame_rate\":\"99999999999/1\"}],\"format\":{\"duration\":\"1\"}}", "frames" },
		{ "{\"streams\":[{\"codec_type\":\"video\",\"width\":5,\"height\":7,\"avg_frame_rate\":\"25/1x\"}],\"format\":{\"duration\":\"1\"}}", "frames" },
		{ "{\"streams\":[{\"codec_type\":\"audio\",\"channels\":0,\"sample_rate\":\"8000\"}],\"format\":{\"duration\":\"1\"}}", "channels" },
	};

	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++)
		assert_non_null(strstr(read_text(rows[k].text).why, rows[k].why));
}

static void codecs_are_plain_words(void **state)
{
	static const char *const names[] = { "\"H264\"", "\"a b\"", "7", "\"\"", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", "null" };
	char text[500];

	(void)state;
	for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
		(void)snprintf(text, sizeof text, "{\"streams\":[{\"codec_type\":\"audio\",\"codec_name\":%s,\"channels\":\"x\"}]}", names[k]);
		assert_string_equal(read_text(text).audio_codec, "unknown");
		assert_int_equal(read_text(text).audio_channels, 0);
	}
}

static void every_damage_is_survived(void **state)
{
	char text[] = GOOD;
	struct ffprobe_info info;

	(void)state;
	for (size_t i = 0; i < sizeof text - 1; i++) {
		for (int bit = 0; bit < 8; bit++) {
			text[i] = (char)(text[i] ^ (1 << bit));
			ffprobe_read(text, sizeof text - 1, &info);
			assert_true(info.duration_ms >= 0 && info.width <= 1000000);
			text[i] = (char)(text[i] ^ (1 << bit));
		}
		ffprobe_read(text, i, &info);
		assert_string_not_equal(info.why, "");
	}
}

/* ---- running ---- */

static struct loop *loop;
static char directory[64];
static struct ffprobe_info told;
static unsigned answers, wanted;

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(directory, sizeof directory, "/tmp/test_ffprobe_XXXXXX");
	assert_non_null(mkdtemp(directory));
	answers = 0;
	wanted = 1;
	return loop_new(&loop);
}

static int tear_down(void **state)
{
	char command[100];

	(void)state;
	loop_free(loop);
	(void)snprintf(command, sizeof command, "PATH=/usr/bin:/bin rm -rf %s", directory);
	return system(command);
}

/* A program of that name, found first; what it says behind `say` becomes the reason. */
static void install(const char *script, mode_t mode)
{
	char path[200], text[2000];
	int n = snprintf(text, sizeof text, "#!/bin/sh\nsay() { printf '{\"error\":{\"string\":\"%%s\"}}' \"$*\"; exit; }\n%s\n", script);
	int fd;

	(void)snprintf(path, sizeof path, "%s/ffprobe", directory);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	assert_true(fd >= 0 && write(fd, text, (size_t)n) == n);
	close(fd);
	(void)snprintf(path, sizeof path, "%s:/usr/bin:/bin", directory);
	setenv("PATH", path, 1);
}

static void on_told(void *ctx, const struct ffprobe_info *info)
{
	(void)ctx;
	told = *info;
	if (++answers == wanted)
		loop_stop(loop);
}

static void on_late(void *ctx)
{
	(void)ctx;
	loop_stop(loop);
}

/* Asks so many times and waits for all answers. */
static void ask(int64_t limit_ms, unsigned times)
{
	struct ffprobe *f;
	struct loop_tick *late;

	wanted = times;
	assert_int_equal(ffprobe_new(loop, limit_ms, &f), 0);
	assert_int_equal(loop_tick_new(loop, 3 * LIMIT_MS, on_late, NULL, &late), 0);
	for (unsigned i = 0; i < times; i++)
		assert_int_equal(ffprobe_ask(f, "/some/-file", "video/mp4", on_told, NULL), 0);
	loop_run(loop);
	assert_int_equal(answers, times);
	loop_tick_free(late);
	ffprobe_free(f);
}

static void expect_why(const char *why)
{
	if (!strstr(told.why, why))
		fail_msg("have \"%s\", want \"%s\"", told.why, why);
}

static void not_installed(void **state)
{
	(void)state;
	setenv("PATH", directory, 1);
	ask(LIMIT_MS, 3);
	expect_why("not installed");
	install("", 0600);
	setenv("PATH", directory, 1);
	answers = 0;
	ask(LIMIT_MS, 1);
	expect_why("cannot be started");
}

static void answers_are_read(void **state)
{
	(void)state;
	install("echo '" GOOD "'", 0700);
	ask(LIMIT_MS, 5);
	expect_why("");
	assert_int_equal(told.duration_ms, 2003);
	assert_string_equal(told.audio_codec, "aac");
}

/* The file's name stands where nothing can take it for anything else, and the kind of container is said. */
static void what_it_is_called_with(void **state)
{
	(void)state;
	install("case \" $* \" in *' -protocol_whitelist file '*'-nofind_stream_info '*' -f mov -i file:/some/-file ') ;; *) say \"called: $*\" ;; esac\n"
		"[ -z \"$HOME$LD_PRELOAD$SECRET\" ] || say environment\n[ -n \"$PATH\" ] || say path\n"
		"set -- $(ls /proc/self/fd)\n[ \"$*\" = '0 1 2 3' ] || say \"descriptors $*\"\n"
		"[ \"$(readlink /proc/$$/fd/0)\" = /dev/null ] || say input\nread -r line && say input\nsay fine", 0700);
	setenv("SECRET", "token", 1);
	int left = fcntl(STDIN_FILENO, F_DUPFD, 40);
	assert_true(left >= 40);
	ask(LIMIT_MS, 1);
	close(left);
	expect_why("cannot read it: fine");
}

/* The limits come right behind the start: it waits a moment for them. */
static void it_is_bounded(void **state)
{
	(void)state;
	install("for i in 1 2 3 4 5 6 7 8 9 10; do [ \"$(ulimit -f)\" != 0 ] || break; sleep 0.2; done\n"
		"say \"$(ulimit -f) $(ulimit -v) $(ulimit -t) $(ulimit -n)\"", 0700);
	ask(LIMIT_MS, 1);
	expect_why("cannot read it: 0 1048576 10 64");
}

static void what_takes_too_long_is_ended(void **state)
{
	(void)state;
	install("exec sleep 600", 0700);
	ask(200, 3);
	expect_why("took longer than 200 ms");
	/* One that left another behind, who holds its output open. */
	install("sleep 5 & exit 0", 0700);
	answers = 0;
	ask(200, 3);
	expect_why("took longer than 200 ms");
}

static void what_says_too_much_is_ended(void **state)
{
	(void)state;
	install("exec yes", 0700);
	ask(LIMIT_MS, 3);
	expect_why("more to say");
}

static void what_crashes_is_told(void **state)
{
	(void)state;
	install("echo '" GOOD "'; kill -SEGV $$", 0700);
	ask(LIMIT_MS, 1);
	expect_why("signal");
	assert_int_equal(told.duration_ms, 0);
	install("exit 1", 0700);
	answers = 0;
	ask(LIMIT_MS, 1);
	expect_why("nothing that can be understood");
}

static void only_two_at_once(void **state)
{
	char script[500];

	(void)state;
	(void)snprintf(script, sizeof script, "mkdir %s/on.$$\nset -- %s/on.*\nsleep 0.1\nrmdir %s/on.$$\n[ $# -le 2 ] || { mkdir %s/many; }\nsay fine",
		directory, directory, directory, directory);
	install(script, 0700);
	ask(LIMIT_MS, 8);
	expect_why("fine");
	(void)snprintf(script, sizeof script, "%s/many", directory);
	assert_int_not_equal(access(script, F_OK), 0);
}

static void freed_while_it_runs(void **state)
{
	struct ffprobe *f;

	(void)state;
	install("exec sleep 600", 0700);
	assert_int_equal(ffprobe_new(loop, LIMIT_MS, &f), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(ffprobe_ask(f, "/file", "video/webm", on_told, NULL), 0);
	ffprobe_free(f);
	assert_int_equal(answers, 0);
}

static void pictures_are_not_its_business(void **state)
{
	struct ffprobe *f;

	(void)state;
	assert_int_equal(ffprobe_new(loop, LIMIT_MS, &f), 0);
	assert_int_equal(ffprobe_ask(f, "/file", "image/png", on_told, NULL), -ST_INVALID);
	assert_false(ffprobe_takes("application/pdf"));
	assert_true(ffprobe_takes("video/quicktime"));
	ffprobe_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_it_says),
		cmocka_unit_test(turned_videos_are_told_as_shown),
		cmocka_unit_test(what_counts_is_the_first_that_plays),
		cmocka_unit_test(what_is_not_told_is_named),
		cmocka_unit_test(codecs_are_plain_words),
		cmocka_unit_test(every_damage_is_survived),
		cmocka_unit_test_setup_teardown(not_installed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(answers_are_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_it_is_called_with, set_up, tear_down),
		cmocka_unit_test_setup_teardown(it_is_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_takes_too_long_is_ended, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_says_too_much_is_ended, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_crashes_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(only_two_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(freed_while_it_runs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pictures_are_not_its_business, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
