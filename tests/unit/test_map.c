/* test_map.c: the map changes its size while the store is in use. */
#include "tests/unit/store_world.h"

#define MIB (INT64_C(1) << 20)

static void put_big(struct kv_txn *t, const char *key, size_t bytes, int want)
{
	char *big = calloc(1, bytes);
	assert_int_equal(kv_put(t, key, strlen(key), big, bytes), want);
	free(big);
}

static int64_t map_bytes(struct world *w)
{
	struct kv_usage u;
	uint64_t disk_free;
	assert_int_equal(store_usage(w->store, &u, &disk_free), 0);
	return (int64_t)u.map_bytes;
}

static void test_grows(void **state)
{
	struct world *w = *state;
	put_big(store_kv(begin(w, true)), "z1", 40 * MIB, 0);
	commit(w);
	put_big(store_kv(begin(w, true)), "z2", 40 * MIB, 0);
	assert_int_equal(store_commit(w->txn), -ST_NO_SPACE);
	w->txn = NULL;
	assert_int_equal(store_map_size(w->store, 128 * MIB), 0);
	assert_int_equal(map_bytes(w), 128 * MIB);
	put_big(store_kv(begin(w, true)), "z2", 40 * MIB, 0);
	commit(w);
}

/* Whoever reads goes on reading what it saw: the map moves when the last one has left. */
static void test_waits_for_readers(void **state)
{
	struct world *w = *state;
	struct store_txn *reader, *other;
	struct kv_slice before, after;
	struct kv_txn *t = store_kv(begin(w, true));
	assert_int_equal(kv_put(t, "za", 2, "text", 4), 0);
	commit(w);
	assert_int_equal(store_begin(w->store, false, &reader), 0);
	assert_int_equal(kv_get(store_kv(reader), "za", 2, &before), 0);
	assert_int_equal(store_begin(w->store, false, &other), 0);
	assert_int_equal(store_map_size(w->store, 128 * MIB), 1);
	assert_int_equal(map_bytes(w), WORLD_MAP_BYTES);
	store_abort(other);
	assert_int_equal(map_bytes(w), WORLD_MAP_BYTES);
	assert_int_equal(kv_get(store_kv(reader), "za", 2, &after), 0);
	assert_ptr_equal(before.data, after.data);
	assert_memory_equal(after.data, "text", 4);
	store_abort(reader);
	assert_int_equal(map_bytes(w), 128 * MIB);
	t = store_kv(begin(w, false));
	assert_int_equal(kv_get(t, "za", 2, &after), 0);
	assert_memory_equal(after.data, "text", 4);
}

static void test_shrinks_to_what_is_used(void **state)
{
	struct world *w = *state;
	put_big(store_kv(begin(w, true)), "z1", 40 * MIB, 0);
	commit(w);
	assert_int_equal(store_map_size(w->store, 32 * MIB), -ST_CONFLICT);
	assert_int_equal(map_bytes(w), WORLD_MAP_BYTES);
	assert_int_equal(store_map_size(w->store, 48 * MIB), 0);
	assert_int_equal(map_bytes(w), 48 * MIB);
	assert_int_equal(store_map_size(w->store, INT64_MAX / 2), -ST_NO_MEMORY);
	assert_int_equal(map_bytes(w), 48 * MIB);
	put_big(store_kv(begin(w, true)), "z2", MIB, 0);
	commit(w);
}

/* A store that has outgrown what it is given opens, takes nothing new, and can still write. */
static void test_opens_larger_than_told(void **state)
{
	struct world *w = *state;
	char why[1000];
	put_big(store_kv(begin(w, true)), "z1", 40 * MIB, 0);
	commit(w);
	store_close(w->store);
	w->store = NULL;
	assert_int_equal(store_open(w->directory, 16 * MIB, &w->store, why, sizeof why), 0);
	assert_true(map_bytes(w) > 40 * MIB);
	assert_int_equal(store_has_room(begin(w, true)), 0);
	put_big(store_kv(w->txn), "z2", MIB, 0);
	commit(w);
	assert_int_equal(store_map_size(w->store, 128 * MIB), 0);
	assert_int_equal(store_has_room(begin(w, true)), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_grows, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_waits_for_readers, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_shrinks_to_what_is_used, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_opens_larger_than_told, world_setup, world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
