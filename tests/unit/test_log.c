/* test_log.c: what a log line looks like, and that no input can forge one. */
#include "daemon/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int saved_stderr, log_fd;
static char text[4 * LOG_MAX_BYTES];

static void capture(void)
{
	char path[] = "/tmp/test_log_XXXXXX";

	log_fd = mkstemp(path);
	assert_true(log_fd >= 0);
	unlink(path);
	saved_stderr = dup(STDERR_FILENO);
	dup2(log_fd, STDERR_FILENO);
}

static const char *captured(void)
{
	ssize_t n = pread(log_fd, text, sizeof text - 1, 0);

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(log_fd);
	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

static size_t newlines(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += *s == '\n';
	return n;
}

static void plain_line(void **state)
{
	int year, month, day, hour, minute, second, ms, end = 0;

	(void)state;
	unsetenv("JOURNAL_STREAM");
	capture();
	log_setup(LOG_LEVEL_INFO);
	log_line(LOG_LEVEL_INFO, "published", "item=%s n=%d", "42.1", 7);
	captured();
	assert_int_equal(sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &year, &month, &day, &hour, &minute, &second,
	                        &ms, &end), 7);
	assert_string_equal(text + end, "info published item=42.1 n=7\n");
}

static void no_tail(void **state)
{
	(void)state;
	capture();
	log_setup(LOG_LEVEL_INFO);
	log_line(LOG_LEVEL_WARNING, "going on", NULL);
	captured();
	assert_non_null(strstr(text, " warning going on\n"));
}

static void levels(void **state)
{
	(void)state;
	assert_int_equal(log_level_find("err"), LOG_LEVEL_ERR);
	assert_int_equal(log_level_find("debug"), LOG_LEVEL_DEBUG);
	assert_int_equal(log_level_find("loud"), -1);
	assert_int_equal(log_level_find(""), -1);
	capture();
	log_setup(LOG_LEVEL_WARNING);
	log_line(LOG_LEVEL_NOTICE, "dropped", NULL);
	log_line(LOG_LEVEL_WARNING, "kept", NULL);
	captured();
	assert_null(strstr(text, "dropped"));
	assert_non_null(strstr(text, "kept"));
	log_setup(LOG_LEVEL_DEBUG);
}

static void journal_prefix(void **state)
{
	char stream[64];
	struct stat st;

	(void)state;
	capture();
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_setup(LOG_LEVEL_INFO);
	log_line(LOG_LEVEL_ERR, "disk full", "left=%d", 0);
	setenv("JOURNAL_STREAM", "1:1", 1);      /* somebody else's stream: stderr was redirected */
	log_setup(LOG_LEVEL_INFO);
	log_line(LOG_LEVEL_ERR, "second", NULL);
	unsetenv("JOURNAL_STREAM");
	setenv("SMMQ_LOG", "journal", 1);
	log_setup(LOG_LEVEL_INFO);
	log_line(LOG_LEVEL_INFO, "third", NULL);
	unsetenv("SMMQ_LOG");
	log_setup(LOG_LEVEL_INFO);
	captured();
	assert_true(strncmp(text, "<3>disk full left=0\n20", 22) == 0);
	assert_non_null(strstr(text, "Z err second\n<6>third\n"));
}

static void nothing_forges_a_line(void **state)
{
	(void)state;
	capture();
	log_setup(LOG_LEVEL_INFO);
	log_line(LOG_LEVEL_INFO, "got", "text=%s", "a\n<0>forged\r\x1b[31m\xc2\x9b\x7f\t\xc3\xa9");
	captured();
	assert_int_equal(newlines(text), 1);
	assert_non_null(strstr(text, "text=a\\n<0>forged\\r\\x1b[31m\\x9b\\x7f\\t\xc3\xa9\n"));
}

static void long_lines_are_cut(void **state)
{
	char *big = malloc(3 * LOG_MAX_BYTES);

	(void)state;
	assert_non_null(big);
	memset(big, 'x', 3 * LOG_MAX_BYTES);
	big[3 * LOG_MAX_BYTES - 1] = '\0';
	capture();
	log_setup(LOG_LEVEL_INFO);
	log_line(LOG_LEVEL_INFO, "m", "v=%s", big);
	log_line(LOG_LEVEL_INFO, big, NULL);
	captured();
	free(big);
	assert_int_equal(newlines(text), 2);
	assert_true(strlen(text) <= 2 * LOG_MAX_BYTES);
	assert_non_null(strstr(text, "x...\n"));
}

static void quoting(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "plain", "plain" },
		{ "", "\"\"" },
		{ "two words", "\"two words\"" },
		{ "say \"hi\"", "\"say \\\"hi\\\"\"" },
		{ "a=b", "\"a=b\"" },
		{ "back\\slash", "\"back\\\\slash\"" },
		{ "line\nbreak", "\"line\\nbreak\"" },
		{ "caf\xc3\xa9", "caf\xc3\xa9" },
	};
	char buf[64];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_string_equal(log_quote(rows[i].in, buf, sizeof buf), rows[i].out);
	assert_string_equal(log_quote("a long value", buf, 8), "\"a lon\"");
	assert_string_equal(log_quote("\xc3\xa9\xc3\xa9\xc3\xa9", buf, 6), "\xc3\xa9\xc3\xa9");
	assert_string_equal(log_quote(NULL, buf, sizeof buf), "\"\"");
	assert_string_equal(log_quote("x", buf, 1), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_line),
		cmocka_unit_test(no_tail),
		cmocka_unit_test(levels),
		cmocka_unit_test(journal_prefix),
		cmocka_unit_test(nothing_forges_a_line),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(quoting),
	};

	unsetenv("SMMQ_LOG");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
