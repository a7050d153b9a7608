/* test_arena.c: alignment, zeroing, limits and reuse of arenas. */
#include "proto/arena.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/status.h"

static void test_zeroed_and_aligned(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, 1 << 20);
	for (int round = 0; round < 3; round++) {
		for (size_t n = 0; n < 300; n++) {
			unsigned char *p = arena_alloc(&a, n, 7);
			assert_non_null(p);
			assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
			for (size_t i = 0; i < n * 7; i++)
				assert_int_equal(p[i], 0);
			memset(p, 0xff, n * 7);
		}
		arena_reset(&a);
		assert_int_equal(a.used_bytes, 0);
	}
	arena_done(&a);
}

static void test_limit_sticks(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, 1000);
	assert_non_null(arena_alloc(&a, 1, 900));
	assert_null(arena_alloc(&a, 1, 900));
	assert_int_equal(a.error, -ST_TOO_LARGE);
	assert_null(arena_alloc(&a, 1, 1));
	assert_null(arena_strdup(&a, "x"));
	assert_null(arena_fmt(&a, "%d", 1));
	arena_reset(&a);
	assert_int_equal(a.error, 0);
	assert_non_null(arena_alloc(&a, 1, 900));
	arena_done(&a);
}

static void test_overflow(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, SIZE_MAX);
	assert_null(arena_alloc(&a, SIZE_MAX / 2, 3));
	assert_int_equal(a.error, -ST_TOO_LARGE);
	arena_reset(&a);
	assert_null(arena_alloc(&a, 1, SIZE_MAX));
	assert_int_equal(a.error, -ST_TOO_LARGE);
	arena_done(&a);
}

static void test_copies(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, 1 << 20);
	assert_string_equal(arena_strdup(&a, "hello"), "hello");
	assert_string_equal(arena_strdup(&a, ""), "");
	assert_null(arena_strdup(&a, NULL));
	assert_null(arena_strndup(&a, NULL, 5));
	assert_int_equal(a.error, 0);
	assert_string_equal(arena_strndup(&a, "hello", 2), "he");
	assert_string_equal(arena_strndup(&a, "hi", 200), "hi");
	assert_string_equal(arena_fmt(&a, "%s-%03d", "x", 7), "x-007");
	arena_done(&a);
}

static void test_grow(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, 1 << 20);
	int *list = NULL;
	size_t cap = 0;
	for (int i = 0; i < 1000; i++) {
		if ((size_t)i == cap) {
			list = arena_grow(&a, list, cap, cap ? cap * 2 : 1, sizeof *list);
			cap = cap ? cap * 2 : 1;
			assert_non_null(list);
		}
		assert_int_equal(list[i], 0);
		list[i] = i;
	}
	for (int i = 0; i < 1000; i++)
		assert_int_equal(list[i], i);
	assert_null(arena_grow(&a, list, 1000, SIZE_MAX, sizeof *list));
	assert_int_equal(a.error, -ST_TOO_LARGE);
	arena_done(&a);
}

static void test_large_block_is_not_kept(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, 64 << 20);
	assert_non_null(arena_alloc(&a, 1, 16 << 20));
	arena_reset(&a);
	assert_null(a.head);
	assert_non_null(arena_alloc(&a, 1, 10));
	arena_reset(&a);
	assert_non_null(a.head);
	arena_done(&a);
	assert_null(a.head);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zeroed_and_aligned), cmocka_unit_test(test_limit_sticks), cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_copies), cmocka_unit_test(test_grow), cmocka_unit_test(test_large_block_is_not_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
