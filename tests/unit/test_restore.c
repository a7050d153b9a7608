/* test_restore.c: what was due before the start, or before a jump of the clock, is looked for before it is sent. */
#include "daemon/engine_restore.h"
#include "daemon/guard.h"
#include "tests/unit/engine_house.h"

#define MINUTE_MS (60 * 1000)

static char name_box[] = "box", name_sky[] = "sky";
static const char nothing[] = "{\"records\":[]}";

static void answer(int status, const char *body)
{
	const struct http_result res = { .reach = HTTP_ANSWERED, .status = status, .body = body, .body_len = strlen(body) };
	sent.done(sent.ctx, &res);
}

static void sign_in(struct house *h)
{
	char name[] = "did", text[] = "did:plc:x";
	struct value v = { .name = name, .text = text };
	struct account a;
	begin(h->w, true);
	assert_int_equal(store_account_find(h->w->txn, &h->w->arena, "sky", &a), 0);
	a.values = &v;
	a.value_count = 1;
	a.session_ms = now_ms;
	a.credential_digest = arena_strdup(&h->w->arena, conf_account_find(h->conf, "sky")->credential_digest);
	assert_int_equal(store_account_put(h->w->txn, &a), 0);
	commit(h->w);
}

static void put_queued(struct house *h, uint64_t id, char *account, const char *platform, int64_t due_ms)
{
	struct target t = { .id = id, .account = account, .state = STATE_QUEUED, .due_ms = due_ms, .max_late_ms = 24 * 60 * MINUTE_MS };
	put_target(h, &t, platform);
}

static int begin_turn(struct turn *t, void *input)
{
	return restore_begin(t, *(const int64_t *)input);
}

/* As the guard does it at a start, when the store was last known to be alive at floor_ms. */
static void start_after(struct house *h, int64_t floor_ms)
{
	assert_int_equal(turns_submit(h->turns, begin_turn, NULL, NULL, &floor_ms, 0), 0);
	turns_pump(h->turns);
	house_start(h);
}

static void test_late_is_looked_for(void **state)
{
	struct house *h = *state;
	put_queued(h, 1, name_sky, "bluesky", now_ms - 1000);
	put_queued(h, 2, name_sky, "bluesky", now_ms + 1000);
	put_queued(h, 3, name_box, "outbox", now_ms - 1000);
	sign_in(h);
	start_after(h, now_ms - MINUTE_MS);
	struct target t = get_target(h, 1);
	assert_int_equal(t.state, STATE_UNKNOWN);
	assert_int_equal(t.open->unrecorded, 1);
	assert_int_equal(t.open->armed_ms, now_ms - MINUTE_MS);
	assert_int_equal(get_target(h, 2).state, STATE_QUEUED);
	house_run(h);
	assert_int_equal(get_target(h, 3).state, STATE_SENDING);
	assert_int_equal(sent_count, 1);
	answer(200, nothing);
	turns_pump(h->turns);
	t = get_target(h, 1);
	assert_int_equal(t.open_count, 0);
	assert_int_equal(t.asked_ms, now_ms);
	assert_int_not_equal(t.state, STATE_UNKNOWN);
	/* The same start does not doubt it again, the next one does, from when it was last known to be absent. */
	house_start(h);
	assert_int_not_equal(get_target(h, 1).state, STATE_UNKNOWN);
	/* What fell due after the start is sent at once. */
	now_ms += 1000;
	house_run(h);
	assert_int_not_equal(get_target(h, 2).state, STATE_UNKNOWN);
}

/* A start that dies before everything is doubted leaves its window to the next one. */
static void test_broken_start(void **state)
{
	struct house *h = *state;
	int64_t floor_ms = now_ms - 60 * MINUTE_MS;
	put_queued(h, 1, name_sky, "bluesky", now_ms - 1000);
	assert_int_equal(turns_submit(h->turns, begin_turn, NULL, NULL, &floor_ms, 0), 0);
	turns_pump(h->turns);
	now_ms += MINUTE_MS;
	start_after(h, now_ms - 1000);
	assert_int_equal(get_target(h, 1).open->armed_ms, floor_ms);
	/* That one was finished. */
	put_queued(h, 2, name_sky, "bluesky", now_ms - 1000);
	start_after(h, now_ms - 500);
	assert_int_equal(get_target(h, 2).open->armed_ms, now_ms - 500);
}

static void test_looks_are_spread(void **state)
{
	struct house *h = *state;
	for (uint64_t id = 1; id <= 250; id++)
		put_queued(h, id, name_sky, "bluesky", now_ms - 1000);
	sign_in(h);
	start_after(h, now_ms - MINUTE_MS);
	assert_int_equal(sent_count, 20);
	for (uint64_t id = 1; id <= 250; id++) {
		struct target t = get_target(h, id);
		assert_int_equal(t.state, STATE_UNKNOWN);
		assert_true(t.open->look_ms > now_ms);
		assert_true(t.open->look_ms <= now_ms + 10 * MINUTE_MS);
	}
	now_ms += 15 * 1000;
	house_run(h);
	assert_int_equal(sent_count, 30);
}

static int clock_each(void *ctx, const struct entry *e, const char *cursor)
{
	(void)cursor;
	if (strcmp(e->event, "clock") == 0)
		(void)snprintf(ctx, 100, "%s", e->reason);
	return 0;
}

/* What the journal says of the clock; "" where it says nothing. */
static const char *clock_told(struct house *h)
{
	static char told[100];
	char cursor[JOURNAL_CURSOR_MAX] = "";
	told[0] = '\0';
	begin(h->w, false);
	assert_int_equal(store_journal_walk(h->w->txn, &h->w->arena, cursor, 0, 1000, clock_each, told, NULL), 0);
	roll_back(h->w);
	return told;
}

static void test_jump(void **state)
{
	struct house *h = *state;
	put_queued(h, 1, name_sky, "bluesky", now_ms + MINUTE_MS);
	sign_in(h);
	house_start(h);
	int64_t before_ms = now_ms;
	now_ms += 10 * MINUTE_MS;
	stepped_ms += 10 * MINUTE_MS;
	alarm_rings(h->engine, true);
	turns_pump(h->turns);
	struct target t = get_target(h, 1);
	assert_int_equal(t.state, STATE_UNKNOWN);
	assert_int_equal(t.open->armed_ms, before_ms);
	assert_string_equal(clock_told(h), "the system clock was set 10min ahead");
	house_run(h);
	assert_int_equal(sent_count, 1);
	answer(200, nothing);
	house_run(h);
	assert_int_not_equal(get_target(h, 1).state, STATE_UNKNOWN);
}

/* A machine that slept has its boot clock go on: nothing was published meanwhile. */
static void test_sleep_is_no_jump(void **state)
{
	struct house *h = *state;
	put_queued(h, 1, name_sky, "bluesky", now_ms + MINUTE_MS);
	sign_in(h);
	house_start(h);
	now_ms += 10 * MINUTE_MS;
	alarm_rings(h->engine, true);
	house_run(h);
	assert_int_not_equal(get_target(h, 1).state, STATE_UNKNOWN);
	assert_string_equal(clock_told(h), "");
}

static int guard_turn(struct turn *t, void *input)
{
	return guard_start_turn(t, input);
}

static uint64_t started_id(struct house *h, const char *clock)
{
	struct guard *g;
	uint64_t id;
	begin(h->w, true);
	assert_int_equal(store_fact_put(h->w->txn, "clock", clock), 0);
	commit(h->w);
	assert_int_equal(guard_new(h->w->directory, "1:2", 0, &g), 0);
	assert_int_equal(turns_submit(h->turns, guard_turn, NULL, NULL, g, 0), 0);
	turns_pump(h->turns);
	assert_int_equal(guard_bind(g), 0);
	guard_free(g);
	assert_int_equal(store_id_new(begin(h->w, true), &id), 0);
	commit(h->w);
	return id;
}

/* A start in the same boot goes on with the next id; after another boot some are left out. */
static void test_ids_jump_at_a_boot(void **state)
{
	struct house *h = *state;
	char path[200], clock[100];
	(void)snprintf(clock, sizeof clock, "boot %lld %lld", (long long)now_ms, (long long)now_ms);
	uint64_t first = started_id(h, clock);
	assert_int_equal(started_id(h, clock), first + 1);
	(void)snprintf(clock, sizeof clock, "other %lld %lld", (long long)now_ms, (long long)now_ms);
	assert_true(started_id(h, clock) >= first + RESTORE_ID_SKIP_BOOT);
	(void)snprintf(path, sizeof path, "%s/instance", h->w->directory);
	assert_int_equal(unlink(path), 0);
}

/* Put back with an older number of starts: the gate is closed, and ids jump further. */
static void test_guard_sees_an_older_store(void **state)
{
	struct house *h = *state;
	char path[200], clock[100], id[40];
	struct gate gate;
	(void)snprintf(clock, sizeof clock, "boot %lld %lld", (long long)now_ms, (long long)now_ms);
	uint64_t first = started_id(h, clock);
	assert_int_equal(store_gate_get(begin(h->w, false), &h->w->arena, GATE_RESTORED, &gate), -ST_NO_ITEM);
	roll_back(h->w);
	(void)snprintf(path, sizeof path, "%s/instance", h->w->directory);
	FILE *f = fopen(path, "r+");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%39s", id), 1);
	rewind(f);
	assert_true(fprintf(f, "%s 9\n", id) > 0);
	assert_int_equal(fclose(f), 0);
	assert_true(started_id(h, clock) >= first + RESTORE_ID_SKIP);
	assert_int_equal(store_gate_get(begin(h->w, false), &h->w->arena, GATE_RESTORED, &gate), 0);
	roll_back(h->w);
	assert_int_equal(unlink(path), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, house_setup, house_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_late_is_looked_for), TEST(test_broken_start), TEST(test_looks_are_spread), TEST(test_jump), TEST(test_sleep_is_no_jump),
		TEST(test_ids_jump_at_a_boot), TEST(test_guard_sees_an_older_store),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
