/* test_io_file.c: media into the store and posts into the outbox: complete under their names or not there at all. */
#include "daemon/io/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/io/file_pool.h"
#include "daemon/io/loop.h"
#include "proto/status.h"

#define ABC_SHA256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct loop *loop;
static struct files *files;
static struct loop_tick *limit;
static char root[64], media[128], outbox[128];
static unsigned calls;
static int last_error;
static struct file_info last_info;
static char last_text[512];
static bool timed_out;

static void on_limit(void *ctx)
{
	(void)ctx;
	timed_out = true;
	loop_stop(loop);
}

static int set_up(void **state)
{
	(void)state;
	calls = 0;
	timed_out = false;
	strcpy(root, "/tmp/test_file_XXXXXX");
	if (mkdtemp(root) == NULL)
		return -1;
	snprintf(media, sizeof media, "%s/media", root);
	snprintf(outbox, sizeof outbox, "%s/outbox", root);
	if (mkdir(outbox, 0700) != 0 || loop_new(&loop) != 0 || files_new(loop, media, &files) != 0)
		return -1;
	return loop_tick_new(loop, 30000, on_limit, NULL, &limit);
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	files_free(files);
	loop_tick_free(limit);
	loop_free(loop);
	snprintf(command, sizeof command, "rm -rf '%s'", root);
	return system(command) == 0 ? 0 : -1;
}

static void await(unsigned count)
{
	while (calls < count && !timed_out)
		loop_run(loop);
	assert_false(timed_out);
	assert_int_equal(calls, count);
	calls = 0;
}

static void on_ready(void *ctx, int error)
{
	(void)ctx;
	last_error = error;
	calls++;
	loop_stop(loop);
}

static void on_done(void *ctx, int error, const struct file_info *info)
{
	(void)ctx;
	last_error = error;
	assert_true((info != NULL) == (error == 0));
	if (info != NULL)
		last_info = *info;
	calls++;
	loop_stop(loop);
}

static void on_published(void *ctx, int error, const char *text)
{
	(void)ctx;
	last_error = error;
	snprintf(last_text, sizeof last_text, "%s", text);
	calls++;
	loop_stop(loop);
}

static void store(const char *data, size_t len)
{
	struct file_sink *s;

	assert_int_equal(file_sink_new(files, len, &s), 0);
	if (len > 0) {
		assert_int_equal(file_sink_write(s, data, len, on_ready, NULL), 0);
		await(1);
		assert_int_equal(last_error, 0);
	}
	assert_int_equal(file_sink_finish(s, on_done, NULL), 0);
	await(1);
	assert_int_equal(last_error, 0);
	file_sink_free(s);
}

static size_t entries(const char *directory, const char *prefix)
{
	DIR *dir = opendir(directory);
	struct dirent *e;
	size_t n = 0;

	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		     strncmp(e->d_name, prefix, strlen(prefix)) == 0;
	closedir(dir);
	return n;
}

static void expect_file(const char *path, const char *content)
{
	char got[256];
	int fd = open(path, O_RDONLY);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, got, sizeof got - 1);
	assert_true(n >= 0);
	got[n] = '\0';
	close(fd);
	assert_string_equal(got, content);
}

static const char *in(const char *directory, const char *name)
{
	static char path[4][512];
	static unsigned next;
	char *p = path[next++ % 4];

	snprintf(p, sizeof path[0], "%s/%s", directory, name);
	return p;
}

/* Lets the pool finish what runs behind the curtain. */
static void on_settled(void *ctx)
{
	(void)ctx;
	loop_stop(loop);
}

static void settle(void)
{
	struct loop_tick *t;

	assert_int_equal(loop_tick_new(loop, 100, on_settled, NULL, &t), 0);
	loop_run(loop);
	loop_tick_free(t);
}

/* ---- into the store ---- */

static void media_end_under_their_hash(void **state)
{
	char path[PATH_MAX];
	struct stat st;

	(void)state;
	store("abc", 3);
	assert_string_equal(last_info.sha256, ABC_SHA256);
	assert_int_equal(last_info.size_bytes, 3);
	assert_string_equal(last_info.mime, "application/octet-stream");
	assert_string_equal(files_path(files, ABC_SHA256, path, sizeof path), in(media, "ba/" ABC_SHA256));
	expect_file(path, "abc");
	assert_int_equal(stat(media, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	store("", 0);
	assert_string_equal(last_info.sha256, EMPTY_SHA256);
	assert_int_equal(entries(media, FILE_TEMP_PREFIX), 0);
}

static void what_is_there_is_kept(void **state)
{
	struct stat first, second;
	const char *path = in(media, "ba/" ABC_SHA256);

	(void)state;
	store("abc", 3);
	assert_int_equal(stat(path, &first), 0);
	store("abc", 3);
	assert_int_equal(stat(path, &second), 0);
	assert_int_equal(first.st_ino, second.st_ino);
	assert_int_equal(entries(media, FILE_TEMP_PREFIX), 0);
	/* A torn one is not the same content. */
	assert_int_equal(truncate(path, 1), 0);
	store("abc", 3);
	expect_file(path, "abc");
}

static void many_pieces_at_once(void **state)
{
	struct file_sink *a, *b;
	static char piece[1024 * 1024];

	(void)state;
	memset(piece, 'p', sizeof piece);
	assert_int_equal(file_sink_new(files, 4 * sizeof piece, &a), 0);
	assert_int_equal(file_sink_new(files, 4 * sizeof piece, &b), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(file_sink_write(a, piece, sizeof piece, on_ready, NULL), 0);
		assert_int_equal(file_sink_write(b, piece, sizeof piece, on_ready, NULL), 0);
		assert_int_equal(file_sink_write(a, piece, 1, on_ready, NULL), -ST_BUSY);
		await(2);
		assert_int_equal(last_error, 0);
	}
	assert_int_equal(file_sink_finish(a, on_done, NULL), 0);
	assert_int_equal(file_sink_finish(b, on_done, NULL), 0);
	await(2);
	assert_int_equal(last_error, 0);
	assert_int_equal(last_info.size_bytes, 4 * sizeof piece);
	file_sink_free(a);
	file_sink_free(b);
	assert_int_equal(entries(media, FILE_TEMP_PREFIX), 0);
}

static void sizes_are_kept_to(void **state)
{
	struct file_sink *s;

	(void)state;
	assert_int_equal(file_sink_new(files, 3, &s), 0);
	assert_int_equal(file_sink_write(s, "abcd", 4, on_ready, NULL), -ST_TOO_LARGE);
	assert_int_equal(file_sink_finish(s, on_done, NULL), -ST_INVALID);
	file_sink_free(s);
	assert_int_equal(file_sink_new(files, UINT64_MAX, &s), -ST_TOO_LARGE);
}

static void unfinished_data_are_removed(void **state)
{
	struct file_sink *idle, *busy;

	(void)state;
	assert_int_equal(file_sink_new(files, 6, &idle), 0);
	assert_int_equal(file_sink_write(idle, "abc", 3, on_ready, NULL), 0);
	await(1);
	assert_int_equal(entries(media, FILE_TEMP_PREFIX), 1);
	file_sink_free(idle);
	assert_int_equal(file_sink_new(files, 6, &busy), 0);
	assert_int_equal(file_sink_write(busy, "abc", 3, on_ready, NULL), 0);
	file_sink_free(busy);      /* while the pool has it: its callback never runs */
	settle();
	assert_int_equal(calls, 0);
	assert_int_equal(entries(media, ""), 0);
}

static void stale_names_go_at_start(void **state)
{
	struct files *again;

	(void)state;
	close(open(in(media, FILE_TEMP_PREFIX "1-0"), O_CREAT | O_WRONLY, 0600));
	store("abc", 3);
	assert_int_equal(files_new(loop, media, &again), 0);
	files_free(again);
	assert_int_equal(entries(media, FILE_TEMP_PREFIX), 0);
	expect_file(in(media, "ba/" ABC_SHA256), "abc");
	assert_int_equal(files_new(loop, in(root, "no/such"), &again), -ST_IO);
	close(open(in(root, "plain"), O_CREAT | O_WRONLY, 0600));
	assert_int_equal(files_new(loop, in(root, "plain"), &again), -ST_IO);
}

static void a_full_disk_is_told(void **state)
{
	static char piece[1024 * 1024];
	const char *tiny = in(root, "tiny");
	struct files *f;
	struct file_sink *s;

	(void)state;
	assert_int_equal(file_error(ENOSPC), -ST_NO_SPACE);
	assert_int_equal(file_error(EDQUOT), -ST_NO_SPACE);
	assert_int_equal(mkdir(tiny, 0700), 0);
	if (mount("tmpfs", tiny, "tmpfs", 0, "size=64k") != 0) {
		print_message("SKIPPED in part: a small tmpfs cannot be mounted here (%s)\n", strerror(errno));
		return;
	}
	assert_int_equal(files_new(loop, tiny, &f), 0);
	assert_int_equal(file_sink_new(f, sizeof piece, &s), 0);
	assert_int_equal(file_sink_write(s, piece, sizeof piece, on_ready, NULL), 0);
	await(1);
	assert_int_equal(last_error, -ST_NO_SPACE);
	assert_int_equal(file_sink_write(s, piece, 1, on_ready, NULL), -ST_NO_SPACE);
	assert_int_equal(file_sink_finish(s, on_done, NULL), -ST_NO_SPACE);
	file_sink_free(s);
	settle();
	assert_int_equal(entries(tiny, ""), 0);
	assert_int_equal(file_publish(f, tiny, "p.json", piece, sizeof piece, NULL, 0, on_published, NULL), 0);
	await(1);
	assert_int_equal(last_error, -ST_NO_SPACE);
	assert_int_equal(entries(tiny, ""), 0);
	files_free(f);
	settle();
	assert_int_equal(umount(tiny), 0);
}

static void removing(void **state)
{
	char path[PATH_MAX];

	(void)state;
	store("abc", 3);
	assert_int_equal(file_remove(files, ABC_SHA256, on_ready, NULL), 0);
	await(1);
	assert_int_equal(last_error, 0);
	assert_int_equal(access(files_path(files, ABC_SHA256, path, sizeof path), F_OK), -1);
	assert_int_equal(file_remove(files, ABC_SHA256, on_ready, NULL), 0);
	await(1);
	assert_int_equal(last_error, 0);
	assert_int_equal(file_remove(files, "../outbox/mine", NULL, NULL), -ST_INVALID);
	assert_string_equal(files_path(files, "../x", path, sizeof path), "");
	assert_string_equal(files_path(files, ABC_SHA256, path, 20), "");
	assert_int_equal(file_remove(files, EMPTY_SHA256, NULL, NULL), 0);
	settle();
}

static void freeing_waits_and_is_silent(void **state)
{
	static char piece[1024 * 1024];
	struct file_link none = { .sha256 = NULL };

	(void)state;
	for (int i = 0; i < 20; i++) {
		char name[32];

		snprintf(name, sizeof name, "n%d.json", i);
		assert_int_equal(file_publish(files, outbox, name, piece, sizeof piece, &none, 0, on_published, NULL),
		                 0);
	}
	files_free(files);
	files = NULL;
	settle();
	assert_int_equal(calls, 0);
	assert_int_equal(entries(outbox, "."), 0);
}

/* ---- the outbox ---- */

static void posts_are_published_with_their_media(void **state)
{
	char sha[] = ABC_SHA256, name[] = "7.1-1.bin";
	struct file_link link = { .sha256 = sha, .name = name };
	struct stat a, b;

	(void)state;
	store("abc", 3);
	for (int i = 0; i < 2; i++) {      /* the same name again is the same post */
		const char *text = i == 0 ? "{\"a\":1}" : "{\"a\":2}";

		assert_int_equal(file_publish(files, outbox, "7.1.json", text, strlen(text), &link, 1, on_published,
		                              NULL), 0);
		await(1);
		assert_int_equal(last_error, 0);
		assert_string_equal(last_text, "");
		expect_file(in(outbox, "7.1.json"), text);
		expect_file(in(outbox, "7.1-1.bin"), "abc");
		assert_int_equal(entries(outbox, ""), 2);
	}
	assert_int_equal(stat(in(outbox, "7.1.json"), &a), 0);
	assert_int_equal(a.st_mode & 0777, 0640);
	assert_int_equal(stat(in(outbox, "7.1-1.bin"), &a), 0);
	assert_int_equal(stat(in(media, "ba/" ABC_SHA256), &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_int_equal(a.st_mode & 0777, 0640);
	/* What stands under the temporary name is taken away, never written through: it may be a link to a stored file. */
	assert_int_equal(symlink(in(media, "ba/" ABC_SHA256), in(outbox, FILE_TEMP_PREFIX "7.1.json")), 0);
	assert_int_equal(file_publish(files, outbox, "7.1.json", "x", 1, &link, 1, on_published, NULL), 0);
	await(1);
	assert_int_equal(last_error, 0);
	assert_int_equal(entries(outbox, ""), 2);
	expect_file(in(outbox, "7.1.json"), "x");
	expect_file(in(media, "ba/" ABC_SHA256), "abc");
}

static void open_files_are_copies_for_everybody(void **state)
{
	char sha[] = ABC_SHA256, name[] = "smmq-1.bin";
	struct file_link link = { .sha256 = sha, .name = name, .open = true };
	struct stat a, b;

	(void)state;
	store("abc", 3);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(file_publish(files, outbox, NULL, NULL, 0, &link, 1, on_published, NULL), 0);
		await(1);
		assert_int_equal(last_error, 0);
		expect_file(in(outbox, name), "abc");
		assert_int_equal(entries(outbox, ""), 1);
	}
	assert_int_equal(stat(in(outbox, name), &a), 0);
	assert_int_equal(a.st_mode & 0777, 0644);
	assert_int_equal(stat(in(media, "ba/" ABC_SHA256), &b), 0);
	assert_int_not_equal(a.st_ino, b.st_ino);
	assert_int_equal(b.st_mode & 0777, 0640);
	for (int i = 0; i < 2; i++) {      /* one that is gone is as it should be */
		assert_int_equal(file_unpublish(files, outbox, name, on_published, NULL), 0);
		await(1);
		assert_int_equal(last_error, 0);
		assert_int_equal(entries(outbox, ""), 0);
	}
	assert_int_equal(file_unpublish(files, outbox, "../x", on_published, NULL), -ST_INVALID);
	assert_int_equal(file_unpublish(files, in(root, "gone"), name, on_published, NULL), 0);
	await(1);
	assert_int_equal(last_error, -ST_IO);
	assert_non_null(strstr(last_text, "gone"));
}

static void media_are_copied_where_links_end(void **state)
{
	char sha[] = ABC_SHA256, name[] = "m.bin", other[] = "/dev/shm/test_file_XXXXXX";
	struct file_link link = { .sha256 = sha, .name = name };
	struct stat here, there;

	(void)state;
	store("abc", 3);
	if (mkdtemp(other) == NULL || stat(media, &here) != 0 || stat(other, &there) != 0 ||
	    here.st_dev == there.st_dev) {
		print_message("SKIPPED: no second file system at /dev/shm\n");
		skip();
	}
	assert_int_equal(file_publish(files, other, "p.json", "{}", 2, &link, 1, on_published, NULL), 0);
	await(1);
	expect_file(in(other, "m.bin"), "abc");
	expect_file(in(other, "p.json"), "{}");
	assert_int_equal(last_error, 0);
	assert_int_equal(entries(other, ""), 2);
	unlink(in(other, "m.bin"));
	unlink(in(other, "p.json"));
	rmdir(other);
}

static void failures_name_the_file(void **state)
{
	char sha[] = ABC_SHA256, name[] = "m.bin";
	struct file_link link = { .sha256 = sha, .name = name };

	(void)state;
	assert_int_equal(file_publish(files, outbox, "p.json", "{}", 2, &link, 1, on_published, NULL), 0);
	await(1);
	assert_int_equal(last_error, -ST_IO);
	assert_non_null(strstr(last_text, "m.bin: No such file"));
	assert_int_equal(entries(outbox, ""), 0);      /* no post without its media */
	assert_int_equal(file_publish(files, in(root, "gone"), "p.json", "{}", 2, NULL, 0, on_published, NULL), 0);
	await(1);
	assert_int_equal(last_error, -ST_IO);
	assert_non_null(strstr(last_text, "gone"));
}

static void names_stay_in_the_directory(void **state)
{
	static const char *const bad[] = { "", ".", "..", "../x", "a/b", ".hidden", "/x" };
	char sha[] = "../outbox/mine", name[] = "m.bin", long_name[300];
	struct file_link link = { .sha256 = sha, .name = name };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(file_publish(files, outbox, bad[i], "x", 1, NULL, 0, on_published, NULL), -ST_INVALID);
	assert_int_equal(file_publish(files, outbox, "p", "x", 1, &link, 1, on_published, NULL), -ST_INVALID);
	memset(long_name, 'n', sizeof long_name);
	long_name[241] = '\0';
	assert_int_equal(file_publish(files, outbox, long_name, "x", 1, NULL, 0, on_published, NULL), -ST_INVALID);
	long_name[240] = '\0';
	assert_int_equal(file_publish(files, outbox, long_name, "x", 1, NULL, 0, on_published, NULL), 0);
	await(1);
	assert_int_equal(last_error, 0);
}

#define ONLINE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONLINE(media_end_under_their_hash),
		ONLINE(what_is_there_is_kept),
		ONLINE(many_pieces_at_once),
		ONLINE(sizes_are_kept_to),
		ONLINE(unfinished_data_are_removed),
		ONLINE(stale_names_go_at_start),
		ONLINE(a_full_disk_is_told),
		ONLINE(removing),
		ONLINE(freeing_waits_and_is_silent),
		ONLINE(posts_are_published_with_their_media),
		ONLINE(open_files_are_copies_for_everybody),
		ONLINE(media_are_copied_where_links_end),
		ONLINE(failures_name_the_file),
		ONLINE(names_stay_in_the_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
