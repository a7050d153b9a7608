/* test_kv.c: the storage engine against a model: whatever is put, removed, merged, cut off and read back, what is committed is what is
 * there, in order, and nothing else. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/store/kv_priv.h"
#include "proto/status.h"

#define MAP_BYTES (INT64_C(64) << 20)
#define KEYS 400
#define MAX_VALUE 300

static const struct kv_tree trees[] = { { "m", NULL, false }, { "i", "I", true }, { "d", "D", false } };

struct model { char value[KEYS][MAX_VALUE + 1]; bool there[KEYS]; };
struct world { char directory[64]; struct kv *kv; struct model committed, now; };

static void world_open(struct world *w)
{
	char why[600] = "";
	int rc = kv_open(w->directory, MAP_BYTES, trees, 3, &w->kv, why, sizeof why);
	if (rc < 0)
		fail_msg("kv_open: %s", why);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	(void)snprintf(w->directory, sizeof w->directory, "/tmp/smmq-kv-XXXXXX");
	assert_non_null(mkdtemp(w->directory));
	world_open(w);
	*state = w;
	return 0;
}

static void remove_file(const struct world *w, const char *name)
{
	char path[128];
	(void)snprintf(path, sizeof path, "%s/%s", w->directory, name);
	(void)unlink(path);
}

static int teardown(void **state)
{
	static const char *const files[] = { "data.mdb", "lock.mdb", "wal.0", "wal.1" };
	struct world *w = *state;
	kv_close(w->kv);
	for (size_t i = 0; i < 4; i++)
		remove_file(w, files[i]);
	(void)rmdir(w->directory);
	free(w);
	return 0;
}

static size_t key_of(unsigned i, char out[32])
{
	return (size_t)snprintf(out, 32, "%c%03u", "mID"[i % 3], i);
}

/* ---- the store against the model ---- */

static void check_get(struct kv_txn *t, const struct model *m, unsigned i)
{
	char key[32];
	struct kv_slice v;
	size_t len = key_of(i, key);
	int rc = kv_get(t, key, len, &v);
	assert_int_equal(rc, m->there[i] ? 0 : -ST_NO_ITEM);
	if (rc == 0) {
		assert_int_equal(v.len, strlen(m->value[i]));
		assert_memory_equal(v.data, m->value[i], v.len);
	}
}

static void check_walk(struct kv_txn *t, const struct model *m, unsigned tree)
{
	struct kv_cursor *c;
	struct kv_slice k, v;
	char key[32], last[32];
	int rc;
	assert_int_equal(kv_cursor_open(t, &c), 0);
	rc = kv_seek(c, &"mID"[tree], 1, &k, &v);
	for (unsigned i = tree; i < KEYS; i += 3) {
		if (!m->there[i])
			continue;
		size_t len = key_of(i, key);
		assert_int_equal(rc, 0);
		assert_int_equal(k.len, len);
		assert_memory_equal(k.data, key, len);
		assert_int_equal(v.len, strlen(m->value[i]));
		memcpy(last, key, len);
		rc = kv_next(c, &k, &v);
	}
	bool end = rc == -ST_NO_ITEM || *(const char *)k.data != "mID"[tree] || memcmp(k.data, KV_FACT_LOG, k.len) == 0;
	assert_true(end);
	/* And back. */
	(void)snprintf(key, sizeof key, "%c999", "mID"[tree]);
	rc = kv_seek_before(c, key, 4, &k, &v);
	for (unsigned i = tree + (KEYS - 1 - tree) / 3 * 3;; i -= 3) {
		if (m->there[i]) {
			size_t len = key_of(i, key);
			assert_int_equal(rc, 0);
			assert_memory_equal(k.data, key, len);
			rc = kv_prev(c, &k, &v);
		}
		if (i == tree)
			break;
	}
	kv_cursor_close(c);
}

static void check_model(struct kv_txn *t, const struct model *m)
{
	for (unsigned i = 0; i < KEYS; i++)
		check_get(t, m, i);
	for (unsigned tree = 0; tree < 3; tree++)
		check_walk(t, m, tree);
}

static void check_committed(struct world *w)
{
	struct kv_txn *t;
	assert_int_equal(kv_begin(w->kv, false, &t), 0);
	check_model(t, &w->committed);
	kv_abort(t);
	assert_int_equal(kv_snapshot(w->kv, &t), 0);
	check_model(t, &w->committed);
	kv_abort(t);
}

static void change(struct world *w, struct kv_txn *t)
{
	unsigned i = (unsigned)rand() % KEYS;
	char key[32];
	size_t len = key_of(i, key), value = (size_t)rand() % MAX_VALUE;
	if (rand() % 3 == 0) {
		assert_int_equal(kv_del(t, key, len), 0);
		w->now.there[i] = false;
		return;
	}
	memset(w->now.value[i], 'a' + rand() % 26, value);
	w->now.value[i][value] = '\0';
	w->now.there[i] = true;
	assert_int_equal(kv_put(t, key, len, w->now.value[i], value), 0);
}

static void transaction(struct world *w)
{
	struct kv_txn *t;
	assert_int_equal(kv_begin(w->kv, true, &t), 0);
	w->now = w->committed;
	for (int n = 1 + rand() % 20; n > 0; n--)
		change(w, t);
	if (rand() % 4 == 0)
		check_model(t, &w->now);
	if (rand() % 5 == 0) {
		kv_abort(t);
		return;
	}
	assert_int_equal(kv_commit(t), 0);
	w->committed = w->now;
}

static void crash(struct world *w)
{
	kv_close(w->kv);
	world_open(w);
}

static void test_model(void **state)
{
	struct world *w = *state;
	for (unsigned seed = 1; seed <= 12; seed++) {
		srand(seed);
		for (int i = 0; i < 250; i++) {
			transaction(w);
			if (rand() % 6 == 0)
				assert_in_range(kv_tidy(w->kv, rand() % 2 == 0), 0, 1);
			if (rand() % 60 == 0)
				crash(w);
			if (rand() % 90 == 0) {
				assert_int_equal(kv_settle(w->kv), 0);
				crash(w);
			}
			if (rand() % 20 == 0)
				check_committed(w);
		}
		crash(w);
		check_committed(w);
	}
}

/* More is committed than both files of the log hold, without a chance to tidy. */
static void test_full_log(void **state)
{
	struct world *w = *state;
	static char big[20000];
	struct kv_txn *t;
	memset(big, 'x', sizeof big);
	for (unsigned i = 0; i < 400; i++) {
		char key[32];
		assert_int_equal(kv_begin(w->kv, true, &t), 0);
		assert_int_equal(kv_put(t, key, key_of(i, key), big, sizeof big), 0);
		assert_int_equal(kv_commit(t), 0);
	}
	crash(w);
	for (unsigned i = 0; i < 400; i++) {
		char key[32];
		struct kv_slice v;
		assert_int_equal(kv_begin(w->kv, false, &t), 0);
		assert_int_equal(kv_get(t, key, key_of(i, key), &v), 0);
		assert_int_equal(v.len, sizeof big);
		kv_abort(t);
	}
}

/* Crashes in the middle of merges, each with both files of the log in use, and the log filled up behind them. */
static void test_cut_merges(void **state)
{
	struct world *w = *state;
	static char big[30000];
	memset(big, 'y', sizeof big);
	srand(77);
	for (unsigned round = 0; round < 12; round++) {
		for (unsigned i = 0; i < 30 + 10 * round; i++) {
			struct kv_txn *t;
			transaction(w);
			assert_int_equal(kv_begin(w->kv, true, &t), 0);
			assert_int_equal(kv_put(t, "Mbig", 4, big, sizeof big - round), 0);
			assert_int_equal(kv_commit(t), 0);
		}
		/* A slice that is not the last. */
		if (!w->kv->merging)
			kv_merge_begin(w->kv);
		assert_in_range(kv_merge_some(w->kv, 3 + round), 0, 1);
		for (unsigned i = 0; i < 3; i++)
			transaction(w);
		crash(w);
		struct kv_txn *t;
		assert_int_equal(kv_begin(w->kv, false, &t), 0);
		for (unsigned i = 0; i < KEYS; i++)
			check_get(t, &w->committed, i);
		kv_abort(t);
	}
}

/* A transaction that is larger than the log goes straight into the trees. */
static void test_huge(void **state)
{
	struct world *w = *state;
	size_t size = 3 * 1024 * 1024;
	char *huge = malloc(size);
	struct kv_txn *t;
	struct kv_slice v;
	assert_non_null(huge);
	memset(huge, 'h', size);
	srand(5);
	for (int i = 0; i < 5; i++)
		transaction(w);
	assert_int_equal(kv_begin(w->kv, true, &t), 0);
	assert_int_equal(kv_put(t, "Mhuge", 5, huge, size), 0);
	assert_int_equal(kv_commit(t), 0);
	transaction(w);
	crash(w);
	assert_int_equal(kv_begin(w->kv, false, &t), 0);
	assert_int_equal(kv_get(t, "Mhuge", 5, &v), 0);
	assert_int_equal(v.len, size);
	for (unsigned i = 0; i < KEYS; i++)
		check_get(t, &w->committed, i);
	kv_abort(t);
	free(huge);
}

/* ---- a log that is not whole ---- */

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

/* ---- copies and readers ---- */

static void check_mark(struct world *w, const char *want)
{
	struct kv_txn *t;
	struct kv_slice v;
	assert_int_equal(kv_begin(w->kv, false, &t), 0);
	int rc = kv_get(t, "Mcopy", 5, &v);
	assert_int_equal(rc, want != NULL ? 0 : -ST_NO_ITEM);
	if (want != NULL)
		assert_memory_equal(v.data, want, strlen(want));
	kv_abort(t);
	if (want == NULL)
		return;
	/* Not one of the model's keys. */
	assert_int_equal(kv_begin(w->kv, true, &t), 0);
	assert_int_equal(kv_del(t, "Mcopy", 5), 0);
	assert_int_equal(kv_commit(t), 0);
}

static void test_backup(void **state)
{
	struct world *w = *state;
	struct world copy = { .directory = "" };
	char why[600] = "";
	srand(9);
	for (int i = 0; i < 60; i++)
		transaction(w);
	assert_int_equal(kv_tidy(w->kv, true) < 0, 0);
	for (int i = 0; i < 20; i++)
		transaction(w);
	(void)snprintf(copy.directory, sizeof copy.directory, "/tmp/smmq-kv-XXXXXX");
	assert_non_null(mkdtemp(copy.directory));
	assert_int_equal(kv_backup(w->kv, copy.directory, "Mcopy", "now", why, sizeof why), 0);
	copy.committed = w->committed;
	transaction(w);
	world_open(&copy);
	check_mark(&copy, "now");
	check_mark(w, NULL);
	check_committed(&copy);
	kv_close(copy.kv);
	static const char *const files[] = { "data.mdb", "lock.mdb", "wal.0", "wal.1" };
	for (size_t i = 0; i < 4; i++)
		remove_file(&copy, files[i]);
	(void)rmdir(copy.directory);
}

/* A snapshot shows its moment, whatever is committed and merged afterwards. */
static void test_snapshot(void **state)
{
	struct world *w = *state;
	struct kv_txn *t;
	srand(4);
	for (int i = 0; i < 50; i++)
		transaction(w);
	struct model before = w->committed;
	assert_int_equal(kv_snapshot(w->kv, &t), 0);
	for (int i = 0; i < 50; i++)
		transaction(w);
	while (kv_tidy(w->kv, true) == 1)
		;
	check_model(t, &before);
	kv_abort(t);
	check_committed(w);
}

struct reader { struct world *w; bool stop; unsigned rounds; };

static void *reader_run(void *arg)
{
	struct reader *r = arg;
	while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
		struct kv_txn *t;
		struct kv_slice a, b;
		if (kv_begin(r->w->kv, false, &t) < 0)
			abort();
		/* Both are always set together. */
		int first = kv_get(t, "m000", 4, &a), second = kv_get(t, "D998", 4, &b);
		if (first != second || (first == 0 && (a.len != b.len || memcmp(a.data, b.data, a.len) != 0)))
			abort();
		kv_abort(t);
		r->rounds++;
	}
	return NULL;
}

static void test_readers(void **state)
{
	struct world *w = *state;
	struct reader r = { .w = w };
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, reader_run, &r), 0);
	for (unsigned i = 0; i < 2000; i++) {
		struct kv_txn *t;
		char value[16];
		int len = snprintf(value, sizeof value, "%u", i);
		assert_int_equal(kv_begin(w->kv, true, &t), 0);
		assert_int_equal(kv_put(t, "m000", 4, value, (size_t)len), 0);
		assert_int_equal(kv_put(t, "D998", 4, value, (size_t)len), 0);
		assert_int_equal(kv_commit(t), 0);
		if (i % 7 == 0)
			assert_in_range(kv_tidy(w->kv, true), 0, 1);
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	assert_true(r.rounds > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_model, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_log, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_merges, setup, teardown),
		cmocka_unit_test_setup_teardown(test_huge, setup, teardown),
		cmocka_unit_test_setup_teardown(test_torn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_unsynced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_synced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed_unsynced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stale, setup, teardown),
		cmocka_unit_test_setup_teardown(test_orphaned, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_short, setup, teardown),
		cmocka_unit_test_setup_teardown(test_backup, setup, teardown),
		cmocka_unit_test_setup_teardown(test_snapshot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_readers, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
