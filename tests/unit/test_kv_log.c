/* test_kv_log.c: a log or trees that are not whole: torn, lost, damaged, older than what stands beside them, or gone. What was synced is
 * there or its loss is told; what was never synced is no damage. */
#include <fcntl.h>

#include "tests/unit/kv_world.h"

static void log_damage(const struct world *w, unsigned file, off_t at, const void *bytes, size_t len)
{
	char path[128];
	(void)snprintf(path, sizeof path, "%s/wal.%u", w->directory, file);
	int fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, at), (ssize_t)len);
	close(fd);
}

static void put_one(struct world *w, unsigned i, const char *value)
{
	char key[32];
	struct kv_txn *t;
	assert_int_equal(kv_begin(w->kv, true, &t), 0);
	assert_int_equal(kv_put(t, key, key_of(i, key), value, strlen(value)), 0);
	assert_int_equal(kv_commit(t), 0);
}

static void put_synced(struct world *w, unsigned i, const char *value)
{
	put_one(w, i, value);
	assert_int_equal(kv_sync(w->kv), 0);
}

static bool has_one(struct world *w, unsigned i)
{
	char key[32];
	struct kv_txn *t;
	struct kv_slice v;
	assert_int_equal(kv_begin(w->kv, false, &t), 0);
	int rc = kv_get(t, key, key_of(i, key), &v);
	kv_abort(t);
	return rc == 0;
}

/* record: 16 bytes of head, 6 + 4 of an entry and its value: 32 for values of 6 bytes. */
#define RECORD 32
static const char zeros[RECORD];

/* The end of the last record never reached the disk: it is as if it had not been written, and the next takes its place. */
static void test_torn(void **state)
{
	struct world *w = *state;
	for (unsigned i = 0; i < 3; i++)
		put_synced(w, i, "values");
	kv_close(w->kv);
	log_damage(w, 0, 4096 + 2 * RECORD + 20, "????", 4);
	world_open(w);
	assert_int_equal(kv_doubts(w->kv), KV_DOUBT_TORN);
	assert_true(has_one(w, 0) && has_one(w, 1) && !has_one(w, 2));
	put_one(w, 3, "values");
	crash(w);
	assert_int_equal(kv_doubts(w->kv), 0);
	assert_true(has_one(w, 0) && has_one(w, 1) && !has_one(w, 2) && has_one(w, 3));
}

/* What was written and not yet synced may be lost in any part by a power cut. A record that stands behind a lost one is lost with it,
 * and must not come back when another has taken the place of the lost one. */
static void test_lost_unsynced(void **state)
{
	struct world *w = *state;
	put_synced(w, 0, "values");
	for (unsigned i = 1; i < 4; i++)
		put_one(w, i, "values");
	kv_close(w->kv);
	log_damage(w, 0, 4096 + 1 * RECORD, zeros, RECORD);
	world_open(w);
	assert_int_equal(kv_doubts(w->kv), KV_DOUBT_TORN);
	assert_true(has_one(w, 0) && !has_one(w, 1) && !has_one(w, 2) && !has_one(w, 3));
	put_one(w, 4, "values");
	crash(w);
	assert_int_equal(kv_doubts(w->kv), 0);
	assert_true(has_one(w, 0) && !has_one(w, 1) && !has_one(w, 2) && !has_one(w, 3) && has_one(w, 4));
}

/* The same where the lost one was synced before those behind it were written: that is damage. */
static void test_lost_synced(void **state)
{
	struct world *w = *state;
	char why[600] = "";
	put_one(w, 0, "values");
	put_synced(w, 1, "values");
	put_one(w, 2, "values");
	put_one(w, 3, "values");
	kv_close(w->kv);
	log_damage(w, 0, 4096 + 1 * RECORD, zeros, RECORD);
	w->kv = NULL;
	assert_int_equal(kv_open(w->directory, MAP_BYTES, trees, 3, &w->kv, why, sizeof why), -ST_CORRUPT);
	assert_non_null(strstr(why, "damaged in the middle"));
}

/* What a killed process has written and not synced is relied upon after the start: it is synced then. */
static void test_killed_unsynced(void **state)
{
	struct world *w = *state;
	put_synced(w, 0, "values");
	put_one(w, 1, "values");
	crash(w);
	put_one(w, 2, "values");
	kv_close(w->kv);
	log_damage(w, 0, 4096 + 1 * RECORD, zeros, RECORD);
	w->kv = NULL;
	char why[600] = "";
	assert_int_equal(kv_open(w->directory, MAP_BYTES, trees, 3, &w->kv, why, sizeof why), -ST_CORRUPT);
}

/* A damaged record with others behind it is no end: what follows was promised, so the store is not opened without it. */
static void test_damaged(void **state)
{
	struct world *w = *state;
	char why[600] = "";
	for (unsigned i = 0; i < 3; i++)
		put_synced(w, i, "values");
	kv_close(w->kv);
	w->kv = NULL;
	log_damage(w, 0, 4096 + RECORD + 20, "????", 4);
	assert_int_equal(kv_open(w->directory, MAP_BYTES, trees, 3, &w->kv, why, sizeof why), -ST_CORRUPT);
	assert_non_null(strstr(why, "wal.0"));
}

/* Trees whose log is gone, or is another store's, are not complete; after a clean end they need none. */
static void test_missing(void **state)
{
	struct world *w = *state;
	char why[600] = "";
	put_one(w, 1, "values");
	assert_int_equal(kv_settle(w->kv), 0);
	kv_close(w->kv);
	w->kv = NULL;
	remove_file(w, "wal.0");
	remove_file(w, "wal.1");
	world_open(w);
	assert_true(has_one(w, 1));
	put_one(w, 2, "values");
	kv_close(w->kv);
	w->kv = NULL;
	remove_file(w, "wal.1");
	assert_int_equal(kv_open(w->directory, MAP_BYTES, trees, 3, &w->kv, why, sizeof why), -ST_REFUSED);
	assert_non_null(strstr(why, "smmq backup"));
}

static void file_copy(const struct world *w, const char *from, const char *to)
{
	char a[128], b[128], command[300];
	(void)snprintf(a, sizeof a, "%s/%s", w->directory, from);
	(void)snprintf(b, sizeof b, "%s/%s", w->directory, to);
	(void)snprintf(command, sizeof command, "cp %s %s", a, b);
	assert_int_equal(system(command), 0);
}

static void file_cut(const struct world *w, const char *name, off_t bytes)
{
	char path[128];
	(void)snprintf(path, sizeof path, "%s/%s", w->directory, name);
	assert_int_equal(truncate(path, bytes), 0);
}

static void settle_and_close(struct world *w)
{
	assert_int_equal(kv_settle(w->kv), 0);
	kv_close(w->kv);
	w->kv = NULL;
}

/* Trees as they were at an earlier clean end, in the place of later ones: the log beside them gives it away, whether the later life
 * ended cleanly or not. */
static void test_stale(void **state)
{
	struct world *w = *state;
	for (int clean = 0; clean < 2; clean++) {
		put_one(w, 2, "values");
		settle_and_close(w);
		file_copy(w, "data.mdb", "old");
		world_open(w);
		assert_int_equal(kv_doubts(w->kv), 0);
		put_one(w, 3, "values");
		if (clean)
			assert_int_equal(kv_settle(w->kv), 0);
		kv_close(w->kv);
		w->kv = NULL;
		file_copy(w, "old", "data.mdb");
		world_open(w);
		assert_int_equal(kv_doubts(w->kv), KV_DOUBT_STALE);
		assert_true(has_one(w, 2));
		kv_close(w->kv);
		world_open(w);
		assert_int_equal(kv_doubts(w->kv), 0);
	}
	remove_file(w, "old");
}

/* A log without its trees is no empty store. */
static void test_orphaned(void **state)
{
	struct world *w = *state;
	char why[600] = "";
	put_one(w, 1, "values");
	settle_and_close(w);
	file_copy(w, "data.mdb", "kept");
	file_cut(w, "data.mdb", 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(kv_open(w->directory, MAP_BYTES, trees, 3, &w->kv, why, sizeof why), -ST_IO);
		assert_non_null(strstr(why, "data.mdb"));
		assert_non_null(strstr(why, "smmq backup"));
		if (i == 0)
			remove_file(w, "data.mdb");
	}
	file_copy(w, "kept", "data.mdb");
	remove_file(w, "kept");
	world_open(w);
	assert_true(has_one(w, 1));
}

/* Files that are shorter than they say are named, and nothing is read behind their end. */
static void test_cut_short(void **state)
{
	struct world *w = *state;
	char why[600] = "", value[1500];
	memset(value, 'v', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	for (unsigned i = 0; i < 200; i++)
		put_one(w, i, value);
	settle_and_close(w);
	file_copy(w, "data.mdb", "whole");
	for (off_t bytes = 4096 * 60; bytes >= 4096 * 4; bytes -= 4096 * 4 + 17) {
		file_copy(w, "whole", "data.mdb");
		file_cut(w, "data.mdb", bytes);
		why[0] = '\0';
		assert_int_equal(kv_open(w->directory, MAP_BYTES, trees, 3, &w->kv, why, sizeof why), -ST_CORRUPT);
		assert_non_null(strstr(why, "data.mdb is cut short"));
	}
	file_copy(w, "whole", "data.mdb");
	remove_file(w, "whole");
	world_open(w);
	put_one(w, 1, "values");
	kv_close(w->kv);
	w->kv = NULL;
	file_copy(w, "wal.0", "kept");
	file_cut(w, "wal.0", 4096);
	assert_int_equal(kv_open(w->directory, MAP_BYTES, trees, 3, &w->kv, why, sizeof why), -ST_IO);
	assert_non_null(strstr(why, "wal.0"));
	assert_non_null(strstr(why, "smmq backup"));
	file_copy(w, "kept", "wal.0");
	remove_file(w, "kept");
	world_open(w);
	assert_true(has_one(w, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_torn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_unsynced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_synced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed_unsynced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stale, setup, teardown),
		cmocka_unit_test_setup_teardown(test_orphaned, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_short, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
