/* test_store.c: kv, and the records and indexes above it: what stands in the store after any sequence of changes. */
#include "tests/unit/store_world.h"

#define ACCOUNTS 3
#define POSTS 60

/* ---- kv ---- */

static void kv_add(struct kv_txn *t, const char *key)
{
	assert_int_equal(kv_put(t, key, strlen(key), key, strlen(key)), 0);
}

static void expect(int rc, const struct kv_slice *k, const char *key)
{
	if (key == NULL) {
		assert_int_equal(rc, -ST_NO_ITEM);
		return;
	}
	assert_int_equal(rc, 0);
	assert_int_equal(k->len, strlen(key));
	assert_memory_equal(k->data, key, k->len);
}

static void test_kv(void **state)
{
	struct world *w = *state;
	struct kv_txn *t = store_kv(begin(w, true));
	struct kv_cursor *c;
	struct kv_slice k, v;
	static const char *const keys[] = { "zb", "za", "zab", "zz", "z" };
	for (size_t i = 0; i < 5; i++)
		kv_add(t, keys[i]);
	assert_int_equal(kv_cursor_open(t, &c), 0);
	expect(kv_seek(c, "z", 1, &k, &v), &k, "z");
	expect(kv_next(c, &k, &v), &k, "za");
	expect(kv_next(c, &k, &v), &k, "zab");
	expect(kv_next(c, &k, &v), &k, "zb");
	expect(kv_prev(c, &k, &v), &k, "zab");
	expect(kv_seek(c, "zac", 3, &k, &v), &k, "zb");
	expect(kv_seek(c, "zzz", 3, &k, &v), &k, NULL);
	expect(kv_seek_before(c, "zzz", 3, &k, &v), &k, "zz");
	expect(kv_seek_before(c, "zb", 2, &k, &v), &k, "zab");
	expect(kv_seek_before(c, "zac", 3, &k, &v), &k, "zab");
	expect(kv_seek_before(c, "\1", 1, &k, &v), &k, NULL);
	/* What is removed under a cursor is passed over, what comes is met. */
	expect(kv_seek(c, "za", 2, &k, &v), &k, "za");
	assert_int_equal(kv_del(t, "zab", 3), 0);
	kv_add(t, "zaz");
	expect(kv_next(c, &k, &v), &k, "zaz");
	kv_cursor_close(c);
	assert_int_equal(kv_del(t, "none", 4), 0);
	assert_int_equal(kv_get(t, "none", 4, &v), -ST_NO_ITEM);
	roll_back(w);
	t = store_kv(begin(w, false));
	assert_int_equal(kv_get(t, "za", 2, &v), -ST_NO_ITEM);
}

/* After a change that failed nothing of the transaction can be committed, and why it failed is not forgotten. */
static void test_kv_poisoned(void **state)
{
	struct world *w = *state;
	struct kv_txn *t = store_kv(begin(w, true));
	struct kv_slice v;
	kv_add(t, "zb");
	char *big = calloc(1, (size_t)WORLD_MAP_BYTES);
	assert_int_equal(kv_put(t, "za", 2, big, (size_t)WORLD_MAP_BYTES), -ST_TOO_LARGE);
	free(big);
	assert_int_equal(kv_put(t, "zc", 2, "x", 1), -ST_TOO_LARGE);
	assert_int_equal(store_commit(w->txn), -ST_TOO_LARGE);
	w->txn = NULL;
	t = store_kv(begin(w, false));
	assert_int_equal(kv_get(t, "zb", 2, &v), -ST_NO_ITEM);
}

/* ---- opening ---- */

static void test_format(void **state)
{
	struct world *w = *state;
	char why[1000] = "";
	struct store *other;
	assert_int_equal(store_open(w->directory, WORLD_MAP_BYTES, &other, why, sizeof why), -ST_CONFLICT);
	assert_non_null(strstr(why, "another smmqd"));
	assert_non_null(strstr(why, w->directory));
	assert_int_equal(store_fact_put(begin(w, true), "format", "3"), 0);
	commit(w);
	store_close(w->store);
	w->store = NULL;
	assert_int_equal(store_open(w->directory, WORLD_MAP_BYTES, &other, why, sizeof why), -ST_REFUSED);
	assert_non_null(strstr(why, "store format 3"));
	assert_int_equal(store_open("/nowhere/at/all", WORLD_MAP_BYTES, &other, why, sizeof why), -ST_IO);
	assert_non_null(strstr(why, "/nowhere/at/all"));
}

static void test_ids(void **state)
{
	struct world *w = *state;
	uint64_t last = 0, id;
	for (int round = 0; round < 6; round++) {
		begin(w, true);
		for (int i = 0; i < 700; i++) {
			assert_int_equal(store_id_new(w->txn, &id), 0);
			assert_true(id > last);
			last = id;
		}
		commit(w);
		/* What is given out and not committed was never seen by anybody. */
		begin(w, true);
		assert_int_equal(store_id_new(w->txn, &id), 0);
		assert_true(id > last);
		roll_back(w);
		if (round % 2 == 0)
			reopen(w);
	}
}

/* ---- posts and targets ---- */

static char text_account[] = "a", text_part[] = "hello";

static struct post post_of(uint64_t id, uint64_t targets)
{
	static struct part part;
	static struct content content;
	part = (struct part){ .text = text_part };
	content = (struct content){ .parts = &part, .part_count = 1 };
	return (struct post){ .id = id, .rev = 1, .target_count = targets, .content = &content, .content_count = 1 };
}

struct full { struct world *w; int64_t counts[ACCOUNTS + 1][STATE__COUNT]; size_t targets, due, state; };

static bool has_key(struct world *w, const struct key *k)
{
	struct kv_slice v;
	return kv_get(store_kv(w->txn), k->b, k->len, &v) == 0;
}

/* A target has exactly the one index entry that its record asks for. */
static void check_indexes(struct world *w, const struct target *t)
{
	struct key k = key_new(t->state == STATE_QUEUED ? 'D' : 'S');
	if (t->state == STATE_QUEUED) {
		key_add(&k, t->account_no, 4);
		key_add(&k, (uint64_t)job_fire_ms(t), 8);
	} else {
		key_add(&k, t->state, 1);
	}
	key_add(&k, t->id, 8);
	key_add(&k, t->n, 2);
	assert_true(has_key(w, &k));
}

static size_t count_table(struct world *w, char table)
{
	struct kv_cursor *c;
	struct kv_slice k;
	struct key start = key_new(table);
	size_t count = 0;
	assert_int_equal(kv_cursor_open(store_kv(w->txn), &c), 0);
	for (int rc = kv_seek(c, start.b, 1, &k, NULL); rc == 0 && ((const char *)k.data)[0] == table; rc = kv_next(c, &k, NULL))
		count++;
	kv_cursor_close(c);
	return count;
}

static int full_each(void *ctx, const struct store_ref *ref)
{
	struct full *f = ctx;
	struct target t;
	assert_int_equal(store_target_get(f->w->txn, &f->w->arena, ref->id, ref->n, &t), 0);
	check_indexes(f->w, &t);
	f->counts[t.account_no][t.state]++;
	f->counts[0][t.state]++;
	f->targets++;
	f->due += t.state == STATE_QUEUED;
	f->state += t.state != STATE_QUEUED;
	return 0;
}

static void check_all(struct world *w)
{
	struct full f = { .w = w };
	struct store_page page = { .max_looks = SIZE_MAX };
	begin(w, false);
	assert_int_equal(store_page_walk(w->txn, &page, full_each, &f), 0);
	assert_int_equal(count_table(w, 'D'), f.due);
	assert_int_equal(count_table(w, 'S'), f.state);
	for (uint64_t a = 0; a <= ACCOUNTS; a++) {
		int64_t counts[STATE__COUNT];
		assert_int_equal(store_counts(w->txn, a, counts), 0);
		assert_memory_equal(counts, f.counts[a], sizeof counts);
	}
	roll_back(w);
	arena_reset(&w->arena);
}

static struct target random_target(uint64_t id, uint64_t n)
{
	struct target t = { .id = id, .n = n, .rev = 1, .account = text_account, .account_no = 1 + id % ACCOUNTS };
	t.state = (uint64_t)(rand() % STATE__COUNT);
	t.due_ms = 1000 + rand() % 50;
	t.not_before_ms = rand() % 3 == 0 ? 1000 + rand() % 50 : 0;
	return t;
}

static void fill(struct world *w, uint64_t posts)
{
	begin(w, true);
	for (uint64_t i = 0; i < posts; i++) {
		uint64_t id, count = 1 + i % 3;
		assert_int_equal(store_id_new(w->txn, &id), 0);
		struct post p = post_of(id, count);
		assert_int_equal(store_post_put(w->txn, &p), 0);
		for (uint64_t n = 1; n <= count; n++) {
			struct target t = random_target(id, n);
			assert_int_equal(store_target_put(w->txn, &t, true), 0);
		}
	}
	commit(w);
}

static void test_targets(void **state)
{
	struct world *w = *state;
	srand(7);
	fill(w, POSTS);
	check_all(w);
	for (int round = 0; round < 40; round++) {
		begin(w, true);
		for (int i = 0; i < 30; i++) {
			uint64_t id = 1 + (uint64_t)(rand() % POSTS);
			struct target t = random_target(id, 1 + (uint64_t)rand() % (1 + (id - 1) % 3));
			assert_int_equal(store_target_put(w->txn, &t, false), 0);
		}
		if (round % 4 == 3)
			roll_back(w);
		else
			commit(w);
		check_all(w);
	}
	reopen(w);
	check_all(w);
	struct target none;
	begin(w, false);
	assert_int_equal(store_target_get(w->txn, &w->arena, 1, 0, &none), -ST_NO_ITEM);
	assert_int_equal(store_target_get(w->txn, &w->arena, 1, 60, &none), -ST_NO_ITEM);
	assert_int_equal(store_target_get(w->txn, &w->arena, 99999, 1, &none), -ST_NO_ITEM);
}

/* ---- pages ---- */

struct seen { char list[4000][24]; size_t count; struct world *w; const struct store_page *page; size_t stop_at; };

static int seen_each(void *ctx, const struct store_ref *ref)
{
	struct seen *s = ctx;
	if (s->stop_at != 0 && s->count == s->stop_at)
		return 7;
	(void)snprintf(s->list[s->count++], sizeof s->list[0], "%llu.%llu", (unsigned long long)ref->id, (unsigned long long)ref->n);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The same targets, each once, whether in one page or in pages of a few looks; and they are those a full scan finds. */
static void check_pages(struct world *w, unsigned states, uint64_t account_no)
{
	static const uint64_t accounts[] = { 1, 2, 3 };
	struct seen *all = calloc(1, sizeof *all), *paged = calloc(1, sizeof *paged), *scan = calloc(1, sizeof *scan);
	struct store_page whole = { .states = states, .account_no = account_no, .queue_accounts = accounts, .queue_account_count = ACCOUNTS,
	                            .max_looks = SIZE_MAX };
	begin(w, false);
	assert_int_equal(store_page_walk(w->txn, &whole, seen_each, all), 0);
	assert_string_equal(whole.cursor, "");
	for (size_t looks = 1; looks <= 7; looks += 3) {
		struct store_page page = whole;
		page.max_looks = looks;
		paged->count = 0;
		int turns = 0;
		do {
			assert_in_range(store_page_walk(w->txn, &page, seen_each, paged), 0, 1);
			assert_true(++turns < 2000);
		} while (page.cursor[0] != '\0');
		assert_int_equal(paged->count, all->count);
		assert_memory_equal(paged->list, all->list, all->count * sizeof all->list[0]);
	}
	for (uint64_t id = 1; id <= POSTS; id++)
		for (uint64_t n = 1; n <= 1 + (id - 1) % 3; n++) {
			struct target t;
			struct store_ref ref = { .id = id, .n = n };
			assert_int_equal(store_target_get(w->txn, &w->arena, id, n, &t), 0);
			bool queue_fits = account_no == 0 || t.state != STATE_QUEUED || t.account_no == account_no;
			if (states == 0 || (states & 1U << t.state && queue_fits))
				(void)seen_each(scan, &ref);
		}
	qsort(all->list, all->count, sizeof all->list[0], by_text);
	qsort(scan->list, scan->count, sizeof scan->list[0], by_text);
	assert_int_equal(all->count, scan->count);
	assert_memory_equal(all->list, scan->list, all->count * sizeof all->list[0]);
	roll_back(w);
	arena_reset(&w->arena);
	free(all);
	free(paged);
	free(scan);
}

static void test_pages(void **state)
{
	struct world *w = *state;
	srand(11);
	fill(w, POSTS);
	for (unsigned s = 0; s < STATE__COUNT; s++)
		check_pages(w, 1U << s, 0);
	check_pages(w, 0, 0);
	check_pages(w, (1U << STATE__COUNT) - 1, 0);
	check_pages(w, (1U << STATE__COUNT) - 1, 2);
	check_pages(w, 1U << STATE_QUEUED | 1U << STATE_HELD, 3);
}

static void test_page_cursors(void **state)
{
	static const uint64_t two[] = { 1, 2 }, three[] = { 1, 2, 3 };
	struct world *w = *state;
	struct seen *s = calloc(1, sizeof *s);
	srand(12);
	fill(w, POSTS);
	begin(w, false);
	struct store_page held = { .states = 1U << STATE_HELD, .max_looks = 1 };
	assert_int_equal(store_page_walk(w->txn, &held, seen_each, s), 1);
	/* Of another walk. */
	struct store_page failed = { .states = 1U << STATE_FAILED, .max_looks = 9 };
	memcpy(failed.cursor, held.cursor, sizeof failed.cursor);
	assert_int_equal(store_page_walk(w->txn, &failed, seen_each, s), -ST_INVALID);
	static const char *const none[] = { "x", "0", "-", "0-", "44", "4400000001", "zz00", "5", "530600000000000000010001ff", "+1+1" };
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
		(void)snprintf(failed.cursor, sizeof failed.cursor, "%s", none[i]);
		assert_int_equal(store_page_walk(w->txn, &failed, seen_each, s), -ST_INVALID);
	}
	/* An account that comes between two pages shifts nothing. */
	struct store_page page = { .states = 1U << STATE_QUEUED | 1U << STATE_HELD, .queue_accounts = two, .queue_account_count = 2, .max_looks = 1 };
	s->count = 0;
	int rc = 1;
	while (rc == 1) {
		rc = store_page_walk(w->txn, &page, seen_each, s);
		page.queue_accounts = three;
		page.queue_account_count = 3;
	}
	assert_int_equal(rc, 0);
	/* A ref on which each stops comes again. */
	struct store_page again = { .max_looks = SIZE_MAX };
	s->count = 0;
	s->stop_at = 5;
	assert_int_equal(store_page_walk(w->txn, &again, seen_each, s), 7);
	s->stop_at = 0;
	assert_int_equal(store_page_walk(w->txn, &again, seen_each, s), 0);
	assert_string_not_equal(s->list[4], s->list[5]);
	assert_int_equal(s->count, count_table(w, 'I') - POSTS);
	free(s);
}

/* ---- the queue ---- */

static void test_due(void **state)
{
	struct world *w = *state;
	struct store_ref from = { 0 }, refs[8];
	int64_t next, last_ms = 0;
	size_t total = 0;
	begin(w, true);
	for (uint64_t id = 1; id <= 40; id++) {
		struct target t = { .id = id, .n = 1, .account = text_account, .account_no = 1 + id % 2, .state = STATE_QUEUED };
		t.due_ms = 100 * (int64_t)(id % 5);
		t.not_before_ms = id == 4 ? 950 : 0;
		assert_int_equal(store_target_put(w->txn, &t, true), 0);
	}
	for (;;) {
		int64_t got = store_due_list(w->txn, 1, 300, &from, refs, 8);
		for (int64_t i = 0; i < got; i++) {
			assert_true(refs[i].due_ms >= last_ms && refs[i].due_ms <= 300 && refs[i].id % 2 == 0);
			last_ms = refs[i].due_ms;
		}
		total += (size_t)got;
		if (got < 8)
			break;
		from = refs[got - 1];
	}
	assert_int_equal(total, 16);
	assert_int_equal(store_due_next(w->txn, 1, -1, &next), 0);
	assert_int_equal(next, 0);
	assert_int_equal(store_due_next(w->txn, 1, 300, &next), 0);
	assert_int_equal(next, 400);
	assert_int_equal(store_due_next(w->txn, 1, 400, &next), 0);
	assert_int_equal(next, 950);
	assert_int_equal(store_due_next(w->txn, 1, 950, &next), 0);
	assert_true(next == INT64_MAX);
	assert_int_equal(store_due_next(w->txn, 9, -1, &next), 0);
	assert_true(next == INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kv, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_kv_poisoned, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_format, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_ids, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_targets, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_pages, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_page_cursors, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_due, world_setup, world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
