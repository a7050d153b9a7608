/* test_engine.c: the engine where things go wrong in ways that the simulation does not meet: damaged records, accounts that went
 * away, answers that are too old. */
#include "daemon/reload.h"
#include "tests/unit/engine_house.h"

static char name_box[] = "box", name_sky[] = "sky", name_gone[] = "gone";

/* ---- tests ---- */

/* At a start without its account's file, an unknown post is looked after in vain, and later again. */
static void test_look_without_account(void **state)
{
	struct house *h = *state;
	put_unknown(h, 1, name_gone, "mastodon");
	house_start(h);
	house_run(h);
	struct target t = get_target(h, 1);
	assert_int_equal(t.state, STATE_UNKNOWN);
	assert_non_null(strstr(t.open->evidence, "no longer configured"));
	assert_true(t.open->look_ms > now_ms);
	assert_int_equal(engine_in_flight(h->engine), 0);
	assert_int_equal(sent_count, 0);
}

/* What was under way on an account that is gone is settled at the start all the same. */
static void test_recover_without_account(void **state)
{
	struct house *h = *state;
	struct target t = { .id = 1, .account = name_gone, .state = STATE_SENDING, .due_ms = now_ms };
	put_target(h, &t, "mastodon");
	house_start(h);
	house_run(h);
	assert_int_equal(get_target(h, 1).state, STATE_QUEUED);
}

static void answer(int status, const char *body)
{
	const struct http_result res = { .reach = HTTP_ANSWERED, .status = status, .body = body, .body_len = strlen(body) };
	sent.done(sent.ctx, &res);
}

static void put_session(struct house *h)
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

/* A person resolved it and it was sent and lost again while a look was on its way: that look's answer is about the first request
 * and must not settle the second. */
static void test_stale_look(void **state)
{
	static const char absent[] = "{\"error\":\"RecordNotFound\",\"message\":\"Could not locate record\"}";
	struct house *h = *state;
	put_unknown(h, 1, name_sky, "bluesky");
	put_session(h);
	house_start(h);
	house_run(h);
	assert_int_equal(sent_count, 1);
	struct target t = get_target(h, 1);
	t.open->number = 2;
	begin(h->w, true);
	assert_int_equal(store_target_put(h->w->txn, &t, false), 0);
	commit(h->w);
	answer(400, absent);
	house_run(h);
	t = get_target(h, 1);
	assert_int_equal(t.state, STATE_UNKNOWN);
	assert_int_equal(t.open->number, 2);
	assert_int_equal(engine_in_flight(h->engine), 0);
	/* The next look is about it. */
	now_ms = t.open->look_ms;
	house_run(h);
	assert_int_equal(sent_count, 2);
	answer(400, absent);
	house_run(h);
	assert_int_not_equal(get_target(h, 1).state, STATE_UNKNOWN);
}

/* What the platform has accepted, and does not show yet, cannot be called back any more, wherever it goes from here. */
static void test_accepted(void **state)
{
	char name[] = PLAT_ACCEPTED, text[] = "1";
	struct value v = { .name = name, .text = text };
	struct house *h = *state;
	for (uint64_t id = 1; id <= 2; id++) {
		put_unknown(h, id, name_sky, "bluesky");
		struct target t = get_target(h, id);
		t.values = &v;
		t.value_count = id == 1;
		begin(h->w, true);
		assert_int_equal(store_target_put(h->w->txn, &t, false), 0);
		commit(h->w);
	}
	put_session(h);
	house_start(h);
	house_run(h);
	assert_int_equal(get_target(h, 1).maybe_shown, 1);
	assert_int_equal(get_target(h, 2).maybe_shown, 0);
}

/* What the platform has accepted is finished however late it is; calling it missed would be a lie. */
static void test_accepted_late(void **state)
{
	char name[] = PLAT_ACCEPTED, text[] = "1";
	struct value v = { .name = name, .text = text };
	struct house *h = *state;
	for (uint64_t id = 1; id <= 2; id++) {
		struct target t = { .id = id, .account = name_sky, .state = STATE_QUEUED, .due_ms = now_ms - 3600 * 1000 - (int64_t)id, .late = LATE_SKIP };
		t.values = &v;
		t.value_count = id == 1;
		t.maybe_shown = id == 1;
		put_target(h, &t, "bluesky");
	}
	put_session(h);
	house_start(h);
	house_run(h);
	assert_int_not_equal(get_target(h, 1).state, STATE_MISSED);
	assert_int_equal(get_target(h, 2).state, STATE_MISSED);
}

/* One post that cannot be read fails, or is passed over, and keeps nobody waiting. */
static void test_damaged(void **state)
{
	struct house *h = *state;
	for (uint64_t id = 1; id <= 3; id++) {
		struct target t = { .id = id, .account = name_box, .state = STATE_QUEUED, .due_ms = now_ms - 1000 + (int64_t)id };
		put_target(h, &t, "outbox");
	}
	struct key post = key_new('I'), target = key_new('I');
	key_add(&post, 1, 8);
	key_add(&post, 0, 2);
	key_add(&target, 2, 8);
	key_add(&target, 1, 2);
	begin(h->w, true);
	assert_int_equal(kv_put(store_kv(h->w->txn), post.b, post.len, "?", 1), 0);
	assert_int_equal(kv_put(store_kv(h->w->txn), target.b, target.len, "?", 1), 0);
	commit(h->w);
	house_start(h);
	house_run(h);
	assert_int_equal(written_count, 1);
	assert_string_equal(written_name, "3.1.json");
	written.done(written.ctx, 0, "");
	house_run(h);
	assert_int_equal(get_target(h, 3).state, STATE_PUBLISHED);
}

/* A late post whose zone the system has lost is held, and keeps nobody waiting. */
static void test_lost_zone(void **state)
{
	static char nowhere[] = "Nowhere/Land";
	struct house *h = *state;
	for (uint64_t id = 1; id <= 2; id++) {
		struct target t = { .id = id, .account = name_box, .state = STATE_QUEUED, .due_ms = now_ms - 3600 * 1000 + (int64_t)id };
		t.late = id == 1 ? LATE_NEXT : LATE_POST;
		put_target(h, &t, "outbox");
	}
	struct target t = get_target(h, 1);
	t.zone = nowhere;
	begin(h->w, true);
	assert_int_equal(store_target_put(h->w->txn, &t, false), 0);
	commit(h->w);
	house_start(h);
	house_run(h);
	assert_int_equal(get_target(h, 1).state, STATE_HELD);
	assert_string_equal(written_name, "2.1.json");
}

/* A session that succeeds ends the wait of failed sessions, and no other. */
static void test_rate_limit_stays(void **state)
{
	static const char login[] = "{\"did\":\"did:plc:x\",\"handle\":\"x.y\",\"accessJwt\":\"a.b.c\",\"refreshJwt\":\"d.e.f\"}";
	struct house *h = *state;
	struct account a;
	put_unknown(h, 1, name_sky, "bluesky");
	begin(h->w, true);
	assert_int_equal(store_account_find(h->w->txn, &h->w->arena, "sky", &a), 0);
	a.not_before_ms = now_ms + 3600 * 1000;
	a.not_before_reason = text_hello;
	assert_int_equal(store_account_put(h->w->txn, &a), 0);
	commit(h->w);
	house_start(h);
	house_run(h);
	assert_int_equal(sent_count, 1);
	answer(200, login);
	house_run(h);
	begin(h->w, false);
	assert_int_equal(store_account_find(h->w->txn, &h->w->arena, "sky", &a), 0);
	assert_true(a.session_ms == now_ms);
	assert_true(a.not_before_ms == now_ms + 3600 * 1000);
}

static struct account account_of(struct house *h, const char *name)
{
	struct account a;
	begin(h->w, false);
	assert_int_equal(store_account_find(h->w->txn, &h->w->arena, name, &a), 0);
	roll_back(h->w);
	return a;
}

struct limited { struct house *house; bool application; };

static int limit_turn(struct turn *t, void *input)
{
	const struct limited *l = input;
	struct account a;
	int rc = store_account_find(t->txn, t->arena, "box", &a);
	return rc < 0 ? rc : queue_limit_set(t, &a, conf_account_find(l->house->conf, "box"), l->application, now_ms + 60 * 1000, "too fast");
}

static int unlimit_turn(struct turn *t, void *input)
{
	const struct limited *l = input;
	struct account a;
	int rc = store_account_find(t->txn, t->arena, "cup", &a);
	struct queue_limit ended;
	rc = rc < 0 ? rc : queue_limit_clear(t, &a, conf_account_find(l->house->conf, "cup"), NULL, &ended);
	return rc == 1 ? 0 : -ST_INTERNAL;
}

static void limit_fail(void *input, int status)
{
	(void)input;
	fail_msg("status %d", status);
}

static void run_limit(struct house *h, int (*turn)(struct turn *, void *), bool application)
{
	static struct limited l;
	l = (struct limited){ .house = h, .application = application };
	assert_int_equal(turns_submit(h->turns, turn, limit_fail, NULL, &l, sizeof l), 0);
	turns_pump(h->turns);
}

static void put_two(struct house *h)
{
	static char name_cup[] = "cup";
	for (uint64_t id = 1; id <= 2; id++) {
		struct target t = { .id = id, .account = id == 1 ? name_box : name_cup, .state = STATE_QUEUED, .due_ms = now_ms };
		put_target(h, &t, "outbox");
	}
}

static void write_next(struct house *h)
{
	written.done(written.ctx, 0, "");
	house_run(h);
}

/* A limit of the account keeps that one back; its neighbour goes on. */
static void test_account_limit(void **state)
{
	struct house *h = *state;
	put_two(h);
	run_limit(h, limit_turn, false);
	assert_true(account_of(h, "box").not_before_ms == now_ms + 60 * 1000);
	house_start(h);
	house_run(h);
	assert_int_equal(written_count, 1);
	assert_string_equal(written_name, "2.1.json");
	write_next(h);
	now_ms += 61 * 1000;
	house_run(h);
	assert_int_equal(written_count, 2);
	assert_string_equal(written_name, "1.1.json");
	write_next(h);
}

/* A limit of the application keeps all of its accounts back until its time, */
static void test_application_limit(void **state)
{
	struct house *h = *state;
	put_two(h);
	run_limit(h, limit_turn, true);
	assert_true(account_of(h, "box").not_before_ms == 0);
	house_start(h);
	house_run(h);
	assert_int_equal(written_count, 0);
	now_ms += 61 * 1000;
	house_run(h);
	assert_int_equal(written_count, 2);
}

/* or until a person wants to try, for any of them. */
static void test_application_limit_ends(void **state)
{
	struct house *h = *state;
	put_two(h);
	run_limit(h, limit_turn, true);
	house_start(h);
	house_run(h);
	assert_int_equal(written_count, 0);
	run_limit(h, unlimit_turn, true);
	house_run(h);
	assert_int_equal(written_count, 2);
}

static void on_unused(void *ctx, const char *sha256)
{
	struct house *h = ctx;
	(void)snprintf(h->unused, sizeof h->unused, "%s", sha256);
	h->unused_count++;
}

/* A file found unused is told of until it is gone, however often the process that should remove it dies. */
static void test_unused_media(void **state)
{
	static const char *const names[] = {
		"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
		"ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
		"ee112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
	};
	struct house *h = *state;
	engine_on_unused_media(h->engine, on_unused, h);
	begin(h->w, true);
	for (size_t i = 0; i < 3; i++) {
		struct blob b = { .size_bytes = 1, .refs = i == 2, .unused_ms = i == 2 ? 0 : now_ms - QUEUE_MEDIA_UNUSED_MS };
		assert_int_equal(store_blob_put(h->w->txn, names[i], &b), 0);
		assert_int_equal(store_blob_plan(h->w->txn, names[i], now_ms), 0);
	}
	commit(h->w);
	house_start(h);
	house_run(h);
	assert_int_equal(h->unused_count, 2);
	house_run(h);
	assert_int_equal(h->unused_count, 2);
	now_ms += 11 * 60 * 1000;
	house_run(h);
	assert_int_equal(h->unused_count, 4);
	begin(h->w, true);
	assert_int_equal(store_blob_del(h->w->txn, names[0]), 0);
	assert_int_equal(store_blob_del(h->w->txn, names[1]), 0);
	commit(h->w);
	now_ms += 11 * 60 * 1000;
	house_run(h);
	now_ms += 24 * 3600 * 1000;
	house_run(h);
	assert_int_equal(h->unused_count, 4);
}

static int gate_turn(struct turn *t, void *input)
{
	int *rc = input;
	struct gate g = { .name = arena_fmt(t->arena, "label:%d", *rc), .reason = text_hello, .since_ms = t->now_ms };
	*rc = queue_gate_set(t, &g);
	return 0;
}

static int last_gate_turn(struct turn *t, void *input)
{
	struct queue_gates gates;
	struct gate all = { .name = arena_strdup(t->arena, "zz"), .since_ms = t->now_ms };
	(void)input;
	assert_int_equal(queue_gate_set(t, &all), 0);
	assert_int_equal(queue_gates_load(t->txn, t->arena, &gates), 0);
	assert_non_null(queue_gate_of(&gates, "box", NULL));
	return 0;
}

/* A gate that would not be looked at is refused; there is always room for one over everything. */
static void test_many_gates(void **state)
{
	struct house *h = *state;
	int rc = 0;
	for (int i = 0; i < QUEUE_MAX_GATES + 5 && rc >= 0; i++) {
		rc = i;
		assert_int_equal(turns_submit(h->turns, gate_turn, NULL, NULL, &rc, 0), 0);
		turns_pump(h->turns);
	}
	assert_int_equal(rc, -ST_TOO_LARGE);
	assert_int_equal(turns_submit(h->turns, last_gate_turn, NULL, NULL, NULL, 0), 0);
	turns_pump(h->turns);
}

/* ---- reload ---- */

struct told { unsigned times; int status; char text[300]; const struct conf *conf; };

static void on_done(void *ctx, int status, const char *text)
{
	struct told *d = ctx;
	d->times++;
	d->status = status;
	(void)snprintf(d->text, sizeof d->text, "%s", text);
}

static void on_take(void *ctx, const struct conf *conf)
{
	((struct told *)ctx)->conf = conf;
}

static void test_reload_platform(void **state)
{
	struct house *h = *state;
	struct told d = { 0 };
	struct target t = { .id = 1, .account = name_box, .state = STATE_QUEUED, .due_ms = now_ms + 1000 };
	char text[400];
	put_target(h, &t, "outbox");
	(void)snprintf(text, sizeof text, "[Account]\nPlatform=bluesky\nCredential=%s/secret\n", h->w->directory);
	write_text(h, "accounts.d/box.conf", text);
	reload_start(h->turns, h->conf, on_take, &d, on_done, &d);
	turns_pump(h->turns);
	assert_int_equal(d.times, 1);
	assert_int_equal(d.status, -ST_CONFIG);
	assert_non_null(strstr(d.text, "1 items wait"));
	assert_null(d.conf);
	/* After a restart its items wait, with the reason; nothing is asked of the wrong platform. */
	const struct conf *conf = house_conf(h);
	turns_set_conf(h->turns, conf);
	conf_unref(conf);
	now_ms += 5000;
	house_start(h);
	house_run(h);
	assert_int_equal(sent_count + written_count, 0);
	assert_int_equal(get_target(h, 1).state, STATE_QUEUED);
}

/* Nobody is told of a reload that the end of the daemon cut off: who asked may be gone. */
static void test_reload_cut(void **state)
{
	struct house *h = *state;
	struct told d = { 0 };
	reload_start(h->turns, h->conf, on_take, &d, on_done, &d);
	turns_free(h->turns);
	h->turns = NULL;
	assert_int_equal(d.times, 0);
	assert_null(d.conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_look_without_account, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(test_recover_without_account, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(test_stale_look, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(test_accepted, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(test_accepted_late, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(test_damaged, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(test_lost_zone, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(test_rate_limit_stays, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(test_account_limit, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(test_application_limit, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(test_application_limit_ends, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(test_unused_media, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(test_many_gates, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(test_reload_platform, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(test_reload_cut, house_setup, house_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
