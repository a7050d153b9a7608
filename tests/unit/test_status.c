/* test_status.c: the status table is complete, its words are unique, and the exit statuses are the promised ones. */
#include "proto/status.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <limits.h>

static void test_rows(void **state)
{
	(void)state;
	for (int i = 0; i < ST__COUNT; i++) {
		const struct status_info *row = status_info(i);
		assert_int_equal(row->code, i);
		assert_ptr_equal(status_info(-i), row);
		assert_non_null(row->word);
		assert_non_null(row->help);
		assert_true(strlen(row->word) > 0 && strspn(row->word, "abcdefghijklmnopqrstuvwxyz_") == strlen(row->word));
		assert_ptr_equal(status_find(row->word), row);
	}
}

static void test_unknown(void **state)
{
	(void)state;
	assert_int_equal(status_info(ST__COUNT)->code, ST_INTERNAL);
	assert_int_equal(status_info(INT_MIN)->code, ST_INTERNAL);
	assert_int_equal(status_info(INT_MAX)->code, ST_INTERNAL);
	assert_null(status_find("no such word"));
	assert_null(status_find(NULL));
	assert_null(status_find("OK"));
}

static void test_exit_statuses(void **state)
{
	(void)state;
	static const struct { const char *word; int exit_status; } expected[] = {
		{ "ok", 0 }, { "usage", 64 }, { "invalid", 65 }, { "too_large", 65 }, { "refused", 65 }, { "conflict", 65 },
		{ "gone", 65 }, { "no_account", 67 }, { "no_item", 68 }, { "unreachable", 69 }, { "answer_lost", 74 },
		{ "busy", 75 }, { "no_space", 75 }, { "no_memory", 75 }, { "stopping", 75 }, { "in_flight", 4 },
		{ "denied", 77 },
		{ "config", 78 }, { "io", 74 }, { "corrupt", 74 }, { "internal", 70 },
	};
	assert_int_equal(sizeof expected / sizeof *expected, ST__COUNT);
	for (size_t i = 0; i < ST__COUNT; i++) {
		const struct status_info *row = status_find(expected[i].word);
		assert_non_null(row);
		assert_int_equal(row->exit_status, expected[i].exit_status);
		assert_int_equal(row->exit_status == 75 && !(row->retryable && row->safe_to_retry), 0);
	}
	assert_false(status_info(ST_ANSWER_LOST)->safe_to_retry);
	assert_true(status_info(ST_ANSWER_LOST)->retryable);
	assert_false(status_info(ST_CONFLICT)->retryable);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows), cmocka_unit_test(test_unknown), cmocka_unit_test(test_exit_statuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
