/* test_line.c: framing. The main property: however the bytes arrive in pieces, the same events come out. */
#include "proto/line.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "proto/status.h"

/* What came out, as text: "T3:abc" for a line, "B5" for body bytes in a row, "L" too long, "X" bad. A line "+N" is
 * followed by a body of N bytes. */
struct trace { struct buf out; size_t body; };

static void end_body(struct trace *t)
{
	if (t->body)
		buf_add_fmt(&t->out, "B%zu;", t->body);
	t->body = 0;
}

static void drain(struct line_reader *r, struct trace *t)
{
	char *data;
	size_t len;
	enum line_event e;
	while ((e = line_next(r, &data, &len)) != LINE_NONE) {
		if (e != LINE_BODY)
			end_body(t);
		if (e == LINE_TEXT) {
			assert_int_equal(data[len], '\0');
			buf_add_fmt(&t->out, "T%zu:", len);
			buf_add(&t->out, data, len > 100 ? 100 : len);
			if (len > 1 && len < 8 && data[0] == '+')
				line_expect_body(r, strtoul(data + 1, NULL, 10));
		} else if (e == LINE_BODY) {
			assert_true(len > 0);
			t->body += len;
		} else {
			buf_add_char(&t->out, e == LINE_TOO_LONG ? 'L' : 'X');
		}
	}
}

static char *run(const char *data, size_t len, size_t step, uint64_t *random)
{
	struct line_reader r;
	struct trace t = { .out = BUF_INIT(1 << 24) };
	line_init(&r);
	for (size_t at = 0; at < len;) {
		size_t n = step;
		if (random) {
			*random = *random * UINT64_C(6364136223846793005) + 1442695040888963407u;
			n = 1 + (size_t)((*random >> 33) % step);
		}
		if (n > len - at)
			n = len - at;
		char *copy = malloc(n);
		memcpy(copy, data + at, n);
		assert_int_equal(line_feed(&r, copy, n), 0);
		free(copy);
		at += n;
		drain(&r, &t);
		assert_true(line_pending(&r) <= LINE_MAX_BYTES);
	}
	end_body(&t);
	buf_add_fmt(&t.out, "|%zu", r.discarding ? 0 : line_pending(&r));
	line_done(&r);
	return buf_steal(&t.out);
}

static void assert_events(const char *data, size_t len, const char *expected)
{
	char *whole = run(data, len, len ? len : 1, NULL);
	char *bytes = run(data, len, 1, NULL);
	assert_string_equal(whole, bytes);
	if (expected)
		assert_string_equal(whole, expected);
	free(whole);
	free(bytes);
}

static void test_lines(void **state)
{
	(void)state;
	assert_events("", 0, "|0");
	assert_events("abc\n", 4, "T3:abc|0");
	assert_events("a\n\nb\npart", 9, "T1:aT0:T1:b|4");
	assert_events("a\tb\n", 4, "T3:a\tb|0");
	assert_events("a\r\nok\n", 6, "XT2:ok|0");
	assert_events("a\x7f\nok\n", 6, "XT2:ok|0");
	assert_events("\xff\nok\n", 5, "XT2:ok|0");
	assert_events("a\0b\nok\n", 7, "XT2:ok|0");
	assert_events("\xc3\xa9\n", 3, "T2:\xc3\xa9|0");
	assert_events("\xc3\n\xa9\n", 4, "XX|0");
}

static void test_body(void **state)
{
	(void)state;
	assert_events("+5\nab\ncdnext\n", 13, "T2:+5B5;T4:next|0");
	assert_events("+0\nnext\n", 8, "T2:+0T4:next|0");
	assert_events("+5\nab", 5, "T2:+5B2;|0");
	assert_events("+3\n\xff\0\nx\n", 8, "T2:+3B3;T1:x|0");
}

static void test_length_limit(void **state)
{
	(void)state;
	for (size_t n = LINE_MAX_BYTES - 1; n <= LINE_MAX_BYTES + 2; n++) {
		char *text = malloc(n + 5);
		char expected[200], a[101];
		memset(a, 'a', 100);
		a[100] = '\0';
		memset(text, 'a', n);
		memcpy(text + n, "\nok\n", 5);
		if (n <= LINE_MAX_BYTES)
			(void)snprintf(expected, sizeof expected, "T%zu:%sT2:ok|0", n, a);
		else
			(void)snprintf(expected, sizeof expected, "LT2:ok|0");
		assert_events(text, n + 4, expected);
		free(text);
	}
	size_t huge = 5 * LINE_MAX_BYTES;
	char *text = malloc(huge);
	memset(text, 'a', huge);
	assert_events(text, huge, "L|0");
	free(text);
}

static void test_unread(void **state)
{
	(void)state;
	struct line_reader r;
	char *data;
	size_t len;
	line_init(&r);
	assert_int_equal(line_feed(&r, "one\ntwo\n", 8), 0);
	assert_int_equal(line_next(&r, &data, &len), LINE_TEXT);
	assert_int_equal(line_pending(&r), 4);
	line_unread(&r, len);
	assert_int_equal(line_pending(&r), 8);
	assert_int_equal(line_next(&r, &data, &len), LINE_TEXT);
	assert_string_equal(data, "one");
	line_unread(&r, len);
	assert_int_equal(line_feed(&r, "three\n", 6), 0);
	static const char *const rest[] = { "one", "two", "three" };
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(line_next(&r, &data, &len), LINE_TEXT);
		assert_string_equal(data, rest[i]);
	}
	assert_int_equal(line_next(&r, &data, &len), LINE_NONE);
	line_done(&r);
}

static void test_memory_is_given_back(void **state)
{
	(void)state;
	struct line_reader r;
	char *data, *big = malloc(LINE_MAX_BYTES + 1);
	size_t len;
	line_init(&r);
	memset(big, 'x', LINE_MAX_BYTES);
	big[LINE_MAX_BYTES] = '\n';
	assert_int_equal(line_feed(&r, big, LINE_MAX_BYTES + 1), 0);
	assert_int_equal(line_next(&r, &data, &len), LINE_TEXT);
	assert_int_equal(len, LINE_MAX_BYTES);
	assert_int_equal(line_feed(&r, "small\n", 6), 0);
	assert_true(r.in.cap < LINE_MAX_BYTES);
	assert_int_equal(line_next(&r, &data, &len), LINE_TEXT);
	assert_string_equal(data, "small");
	free(big);
	line_done(&r);
}

static void test_random_pieces(void **state)
{
	(void)state;
	uint64_t random = 20260301;
	print_message("seed %llu\n", (unsigned long long)random);
	static const char alphabet[] = "ab{}\"\t\r\xc3\xa9\x7f \n\n\n";
	for (int round = 0; round < 400; round++) {
		char text[600];
		size_t len = 0;
		while (len < 500) {
			random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
			unsigned r = (unsigned)(random >> 40);
			if (r % 23 == 0)
				len += (size_t)snprintf(text + len, 20, "\n+%u\n", r / 23 % 40);
			else
				text[len++] = alphabet[r % (sizeof alphabet - 1)];
		}
		char *whole = run(text, len, len, NULL);
		for (size_t step = 1; step < 60; step = step * 3 + 1) {
			char *pieces = run(text, len, step, &random);
			assert_string_equal(whole, pieces);
			free(pieces);
		}
		free(whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines), cmocka_unit_test(test_body), cmocka_unit_test(test_length_limit),
		cmocka_unit_test(test_unread), cmocka_unit_test(test_memory_is_given_back),
		cmocka_unit_test(test_random_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
