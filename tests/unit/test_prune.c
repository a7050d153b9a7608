/* test_prune.c: removing what is old: nothing young or unfinished goes, nothing is left behind, and what stays is whole. */
#include "tests/unit/store_world.h"

#include "daemon/store/store_care.h"

#define DAY INT64_C(86400000)
#define NOW (20000 * DAY)
#define BEFORE (NOW - 30 * DAY)

struct made { uint64_t id; int old, over; };

/* Posts of two targets whose ages and ends are mixed by their number. */
static struct made make_post(struct world *w, int i, uint64_t account_no)
{
	static const enum state ends[] = { STATE_PUBLISHED, STATE_CANCELLED, STATE_MISSED, STATE_EXPIRED, STATE_FAILED };
	static const enum state goes_on[] = { STATE_QUEUED, STATE_HELD, STATE_DRAFT, STATE_UNKNOWN, STATE_SENDING };
	struct part part = { .text = (char[]){ "text" } };
	struct content content = { .parts = &part, .part_count = 1 };
	struct made m = { .old = i % 3 != 0, .over = i % 2 };
	int64_t at = m.old ? BEFORE - (i + 1) * 1000 : NOW - DAY;
	struct post p = { .rev = 1, .created_ms = at, .target_count = 2, .content = &content, .content_count = 1 };
	assert_int_equal(store_id_new(w->txn, &p.id), 0);
	assert_int_equal(store_post_put(w->txn, &p), 0);
	for (uint64_t n = 1; n <= 2; n++) {
		bool ended = n == 1 || m.over;
		struct target t = { .id = p.id, .n = n, .rev = 1, .account = (char[]){ "a" }, .account_no = account_no, .due_ms = at,
		                    .state = ended ? ends[i % 5] : goes_on[i % 5] };
		struct entry e = { .time_ms = at, .id = p.id, .n = n, .event = (char[]){ "add" } };
		assert_int_equal(store_target_put(w->txn, &t, true), 0);
		assert_int_equal(store_journal_add(w->txn, &e), 0);
	}
	m.id = p.id;
	return m;
}

static int count_gone(void *ctx, const struct post *p)
{
	(void)p;
	++*(int *)ctx;
	return 0;
}

static void assert_whole(struct world *w)
{
	struct care_report report;
	begin(w, false);
	assert_int_equal(store_check(w->txn, &report), 0);
	if (report.problems > 0)
		fail_msg("%s", report.problem[0]);
	assert_int_equal(store_verify(w->txn, &report), 0);
	if (report.problems > 0)
		fail_msg("%s", report.problem[0]);
	roll_back(w);
}

static void test_posts(void **state)
{
	struct world *w = *state;
	struct made made[200];
	struct account account;
	begin(w, true);
	assert_int_equal(store_account_make(w->txn, &w->arena, "a", "outbox", &account), 0);
	for (int i = 0; i < 200; i++)
		made[i] = make_post(w, i, account.no);
	commit(w);
	assert_whole(w);
	char cursor[STORE_CURSOR_MAX] = "";
	int64_t removed = 0;
	int told = 0, rounds = 0;
	do {
		begin(w, true);
		assert_int_equal(store_prune_posts(w->txn, &w->arena, BEFORE, 37, cursor, count_gone, &told, &removed), 0);
		commit(w);
		arena_reset(&w->arena);
		assert_true(++rounds < 1000);
	} while (cursor[0] != '\0');
	int want = 0;
	begin(w, false);
	for (int i = 0; i < 200; i++) {
		struct post p;
		struct target t;
		int gone = made[i].old && made[i].over;
		want += gone;
		assert_int_equal(store_post_get(w->txn, &w->arena, made[i].id, &p), gone ? -ST_NO_ITEM : 0);
		for (uint64_t n = 1; n <= 2; n++)
			assert_int_equal(store_target_get(w->txn, &w->arena, made[i].id, n, &t), gone ? -ST_NO_ITEM : 0);
	}
	roll_back(w);
	assert_int_equal(removed, want);
	assert_int_equal(told, want);
	assert_true(want > 0 && want < 200);
	assert_whole(w);
}

struct seen { int64_t count, oldest_ms; };

static int see(void *ctx, const struct entry *e, const char *cursor)
{
	struct seen *s = ctx;
	(void)cursor;
	s->count++;
	if (e->time_ms < s->oldest_ms)
		s->oldest_ms = e->time_ms;
	return 0;
}

static struct seen read_journal(struct world *w, uint64_t id)
{
	struct seen s = { .oldest_ms = INT64_MAX };
	char cursor[JOURNAL_CURSOR_MAX] = "";
	begin(w, false);
	assert_int_equal(store_journal_walk(w->txn, &w->arena, cursor, id, 100000, see, &s, NULL), 0);
	roll_back(w);
	return s;
}

static void test_journal(void **state)
{
	struct world *w = *state;
	begin(w, true);
	for (int i = 0; i < 300; i++) {
		struct entry e = { .time_ms = NOW - (300 - i) * DAY / 5, .id = (uint64_t)(i % 7 + 1), .n = 1, .event = (char[]){ "add" } };
		assert_int_equal(store_journal_add(w->txn, &e), 0);
	}
	commit(w);
	char old[JOURNAL_CURSOR_MAX] = "1-5";
	int64_t removed = 0, last;
	do {
		last = removed;
		begin(w, true);
		assert_int_equal(store_prune_journal(w->txn, &w->arena, BEFORE, 40, &removed), 0);
		commit(w);
		assert_whole(w);
	} while (removed > last);
	assert_int_equal(removed, 150);
	struct seen all = read_journal(w, 0);
	assert_int_equal(all.count, 150);
	assert_true(all.oldest_ms >= BEFORE);
	int64_t of_items = 0;
	for (uint64_t id = 1; id <= 7; id++)
		of_items += read_journal(w, id).count;
	assert_int_equal(of_items, 150);
	begin(w, false);
	struct seen s = { 0 };
	assert_int_equal(store_journal_walk(w->txn, &w->arena, old, 0, 10, see, &s, NULL), -ST_GONE);
	roll_back(w);
	/* The newest entry stays whatever its age, and the chain goes on from it. */
	begin(w, true);
	assert_int_equal(store_prune_journal(w->txn, &w->arena, NOW + DAY, 1000, &removed), 0);
	commit(w);
	assert_true(read_journal(w, 0).count >= 1);
	begin(w, true);
	struct entry e = { .time_ms = NOW, .event = (char[]){ "start" } };
	assert_int_equal(store_journal_add(w->txn, &e), 0);
	commit(w);
	assert_whole(w);
}

static void test_keys(void **state)
{
	struct world *w = *state;
	struct account account;
	char key[32], cursor[STORE_KEY_CURSOR_MAX] = "";
	begin(w, true);
	assert_int_equal(store_account_make(w->txn, &w->arena, "a", "outbox", &account), 0);
	struct made kept = make_post(w, 1, account.no);
	for (int i = 0; i < 300; i++) {
		struct keyed k = { .id = i % 4 == 0 ? kept.id : 999999, .request_sha256 = (char[]){ "x" },
		                   .created_ms = i % 3 == 0 ? NOW : BEFORE - 1 };
		(void)snprintf(key, sizeof key, "key-%d", i);
		assert_int_equal(store_key_put(w->txn, key, &k), 0);
	}
	commit(w);
	int64_t removed = 0;
	int rounds = 0;
	do {
		begin(w, true);
		assert_int_equal(store_prune_keys(w->txn, &w->arena, BEFORE, 50, cursor, &removed), 0);
		commit(w);
		assert_true(++rounds < 100);
	} while (cursor[0] != '\0');
	int64_t want = 0;
	begin(w, false);
	for (int i = 0; i < 300; i++) {
		struct keyed k;
		bool gone = i % 4 != 0 && i % 3 != 0;      /* old, and its item is gone */
		want += gone;
		(void)snprintf(key, sizeof key, "key-%d", i);
		assert_int_equal(store_key_get(w->txn, &w->arena, key, &k), gone ? -ST_NO_ITEM : 0);
	}
	roll_back(w);
	assert_int_equal(removed, want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_posts, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_journal, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_keys, world_setup, world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
