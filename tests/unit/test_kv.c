/* test_kv.c: the storage engine against a model: whatever is put, removed, merged, cut off and read back, what is committed is what is
 * there, in order, and nothing else. */
#include "tests/unit/kv_world.h"

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
		cmocka_unit_test_setup_teardown(test_backup, setup, teardown),
		cmocka_unit_test_setup_teardown(test_snapshot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_readers, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
