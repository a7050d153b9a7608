/* test_buf.c: growth, the maximum, the sticky error and number formatting. */
#include "proto/buf.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/status.h"

static void test_append_and_maximum(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(10);
	assert_string_equal(buf_cstr(&b), "");
	buf_add_str(&b, "hello");
	buf_add_char(&b, ' ');
	assert_string_equal(buf_cstr(&b), "hello ");
	buf_add(&b, "1234", 4);
	assert_int_equal(b.len, 10);
	assert_int_equal(buf_error(&b), 0);
	buf_add_char(&b, 'x');
	assert_int_equal(buf_error(&b), -ST_TOO_LARGE);
	buf_add(&b, NULL, 0);
	assert_string_equal(buf_cstr(&b), "hello 1234");
	assert_null(buf_steal(&b));
	buf_reset(&b);
	assert_int_equal(buf_error(&b), 0);
	assert_string_equal(buf_cstr(&b), "");
	buf_add_str(&b, "again");
	assert_string_equal(buf_cstr(&b), "again");
	buf_done(&b);
	assert_int_equal(b.max_bytes, 10);
	assert_string_equal(buf_cstr(&b), "");
}

static void test_error_sticks(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(3);
	buf_add_str(&b, "toolong");
	buf_add_str(&b, "a");
	buf_add_fmt(&b, "%d", 1);
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_reserve(&b, 0), -ST_TOO_LARGE);
	buf_done(&b);
}

static void test_huge_requests(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(SIZE_MAX);
	buf_add_char(&b, 'x');
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -ST_TOO_LARGE);
	buf_reset(&b);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -ST_TOO_LARGE);
	buf_done(&b);
}

static void test_consume(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(100);
	buf_consume(&b, 0);
	buf_add_str(&b, "abcdef");
	buf_consume(&b, 2);
	assert_string_equal(buf_cstr(&b), "cdef");
	buf_consume(&b, 4);
	assert_int_equal(b.len, 0);
	assert_string_equal(buf_cstr(&b), "");
	buf_done(&b);
}

static void test_steal(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(100);
	char *empty = buf_steal(&b);
	assert_string_equal(empty, "");
	free(empty);
	buf_add_str(&b, "mine");
	char *mine = buf_steal(&b);
	assert_string_equal(mine, "mine");
	free(mine);
	assert_int_equal(b.len, 0);
	assert_null(b.data);
	buf_add_str(&b, "next");
	assert_string_equal(buf_cstr(&b), "next");
	buf_done(&b);
}

static void test_numbers(void **state)
{
	(void)state;
	static const long long values[] = { 0, 1, -1, 9, 10, 99, 100, 12345678901234, INT64_MAX, INT64_MIN, -10 };
	struct buf b = BUF_INIT(100);
	char expected[32];
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		buf_reset(&b);
		buf_add_i64(&b, values[i]);
		(void)snprintf(expected, sizeof expected, "%lld", values[i]);
		assert_string_equal(buf_cstr(&b), expected);
	}
	buf_reset(&b);
	buf_add_u64(&b, ULLONG_MAX);
	assert_string_equal(buf_cstr(&b), "18446744073709551615");
	buf_done(&b);
}

static void test_format_grows(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(100000);
	for (int i = 0; i < 1000; i++)
		buf_add_fmt(&b, "%04d,", i);
	assert_int_equal(b.len, 5000);
	assert_memory_equal(b.data + 4995, "0999,", 6);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append_and_maximum), cmocka_unit_test(test_error_sticks),
		cmocka_unit_test(test_huge_requests),
		cmocka_unit_test(test_consume), cmocka_unit_test(test_steal), cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_format_grows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
