/* test_turn.c: turns: what they change is committed together, what they want done happens once, in order, and only if it was.
 * Linked with -Wl,--wrap=kv_commit, so that a disk can fail. */
#include <pthread.h>
#include <stdatomic.h>

#include "daemon/turn.h"
#include "tests/unit/store_world.h"

#define SMALL_MAP_BYTES (INT64_C(1) << 20)

/* ---- the disk ---- */

int __real_kv_commit(struct kv_txn *txn);
int __wrap_kv_commit(struct kv_txn *txn);

static int commit_fails;             /* a status for the next commits */
static unsigned commits;

int __wrap_kv_commit(struct kv_txn *txn)
{
	if (commit_fails != 0) {
		kv_abort(txn);
		return commit_fails;
	}
	commits++;
	return __real_kv_commit(txn);
}

/* ---- the loop's side ---- */

#define LOG_MAX 20000

struct side {
	struct world *w;
	struct turns *turns;
	unsigned log[LOG_MAX];           /* numbers of the effects that ran, in order */
	size_t count, freed, failed;
	atomic_size_t dropped;           /* a rolled back turn's effects are dropped by the store thread */
	int failed_status;
	unsigned journal, room, fatal;
	int64_t due_ms;
	char reply[100];
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool woken;
};

static void on_reply(void *ctx, uint64_t conn, const char *text, size_t len)
{
	struct side *s = ctx;
	(void)snprintf(s->reply, sizeof s->reply, "%llu:%.*s", (unsigned long long)conn, (int)len, text);
}

static void on_due(void *ctx, uint64_t account_no, int64_t due_ms)
{
	((struct side *)ctx)->due_ms = (int64_t)account_no * 1000 + due_ms;
}

static void on_periodic(void *ctx, int64_t due_ms)
{
	((struct side *)ctx)->due_ms = due_ms;
}

static void on_journal(void *ctx)
{
	((struct side *)ctx)->journal++;
}

static void on_room(void *ctx)
{
	((struct side *)ctx)->room++;
}

static void on_fatal(void *ctx, int status)
{
	assert_int_equal(status, -ST_IO);
	((struct side *)ctx)->fatal++;
}

static void on_wake(void *ctx)
{
	struct side *s = ctx;
	pthread_mutex_lock(&s->mutex);
	s->woken = true;
	pthread_cond_signal(&s->cond);
	pthread_mutex_unlock(&s->mutex);
}

static struct side *side_of(void **state)
{
	return ((struct side *)*state);
}

static void side_conf(struct side *s)
{
	char path[100];
	struct conf_error error;
	const struct conf *conf;
	(void)snprintf(path, sizeof path, "%s/conf", s->w->directory);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "[Daemon]\nStateDirectory=%s\nSocket=%s/socket\n", s->w->directory, s->w->directory);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(conf_load(path, &conf, &error), 0);
	turns_set_conf(s->turns, conf);
	conf_unref(conf);
	(void)unlink(path);
}

static int side_begin(void **state, int64_t map_bytes)
{
	void *world;
	struct side *s = calloc(1, sizeof *s);
	commit_fails = 0;
	commits = 0;
	if (world_setup(&world) != 0)
		return -1;
	s->w = world;
	if (map_bytes != WORLD_MAP_BYTES) {
		char why[1000];
		store_close(s->w->store);
		assert_int_equal(store_open(s->w->directory, map_bytes, &s->w->store, why, sizeof why), 0);
	}
	pthread_mutex_init(&s->mutex, NULL);
	pthread_cond_init(&s->cond, NULL);
	const struct turn_sinks sinks = { .ctx = s, .reply = on_reply, .due = on_due, .periodic = on_periodic, .journal = on_journal,
	                                  .room = on_room, .fatal = on_fatal, .wake = on_wake };
	assert_int_equal(turns_new(s->w->store, &sinks, &s->turns), 0);
	side_conf(s);
	*state = s;
	return 0;
}

static int setup(void **state)
{
	return side_begin(state, WORLD_MAP_BYTES);
}

static int setup_small(void **state)
{
	return side_begin(state, SMALL_MAP_BYTES);
}

static int teardown(void **state)
{
	struct side *s = *state;
	void *world = s->w;
	turns_free(s->turns);
	commit_fails = 0;
	(void)world_teardown(&world);
	pthread_cond_destroy(&s->cond);
	pthread_mutex_destroy(&s->mutex);
	free(s);
	return 0;
}

/* ---- turns ---- */

struct input { struct side *side; unsigned number, runs; int fails; size_t writes; };

static void effect_run(void *data)
{
	const struct input *in = data;
	assert_true(in->side->count < LOG_MAX);
	in->side->log[in->side->count++] = in->number;
}

static void effect_drop(void *data)
{
	((struct input *)data)->side->dropped++;
}

/* Adds one to a counter in the store, which a replay must not do twice, and has an effect. */
static int count_turn(struct turn *t, void *input)
{
	struct input *in = input;
	char *text, now[32];
	long long have = 0;
	in->runs++;
	int rc = store_fact_get(t->txn, t->arena, "count", &text);
	if (rc == 0)
		have = atoll(text);
	(void)snprintf(now, sizeof now, "%lld", have + 1);
	rc = store_fact_put(t->txn, "count", now);
	turn_effect(t, effect_run, effect_drop, in);
	if (rc == 0 && in->writes > 0) {
		char *big = calloc(1, in->writes);
		struct key k = key_new('z');
		key_add(&k, in->number, 8);
		rc = kv_put(store_kv(t->txn), k.b, k.len, big, in->writes);
		free(big);
	}
	return rc < 0 ? rc : in->fails;
}

static void on_failed(void *input, int status)
{
	const struct input *in = input;
	in->side->failed++;
	in->side->failed_status = status;
}

static void on_free(void *input)
{
	((struct input *)input)->side->freed++;
}

static int submit(struct side *s, struct input *in, unsigned number)
{
	in->side = s;
	in->number = number;
	return turns_submit(s->turns, count_turn, on_failed, on_free, in, 10);
}

static long long stored_count(struct side *s)
{
	char *text;
	begin(s->w, false);
	long long n = store_fact_get(s->w->txn, &s->w->arena, "count", &text) == 0 ? atoll(text) : 0;
	roll_back(s->w);
	return n;
}

static void expect_in_order(const struct side *s, unsigned from, size_t count)
{
	assert_int_equal(s->count, count);
	for (size_t i = 1; i < s->count; i++)
		assert_true(s->log[i - 1] < s->log[i]);
	assert_int_equal(s->log[0], from);
}

/* ---- tests ---- */

static void test_order(void **state)
{
	static struct input in[3000];
	struct side *s = side_of(state);
	memset(in, 0, sizeof in);
	for (unsigned i = 0; i < 3000; i++)
		assert_int_equal(submit(s, &in[i], i), 0);
	assert_int_equal(s->count, 0);
	assert_false(turns_idle(s->turns));
	unsigned before = commits;
	turns_pump(s->turns);
	expect_in_order(s, 0, 3000);
	assert_true(commits - before < 10);
	assert_int_equal(stored_count(s), 3000);
	assert_int_equal(s->freed, 3000);
	assert_int_equal(s->dropped, 3000);
	assert_int_equal(in[0].runs, 1);
	assert_true(turns_idle(s->turns));
	assert_true(s->journal > 0 && s->room == 0 && s->fatal == 0);
}

static void wait_for(struct side *s, const size_t *what, size_t count)
{
	while (*what < count) {
		pthread_mutex_lock(&s->mutex);
		while (!s->woken)
			pthread_cond_wait(&s->cond, &s->mutex);
		s->woken = false;
		pthread_mutex_unlock(&s->mutex);
		turns_release(s->turns);
	}
}

static void test_thread(void **state)
{
	static struct input in[3000];
	struct side *s = side_of(state);
	memset(in, 0, sizeof in);
	assert_int_equal(turns_start(s->turns), 0);
	for (unsigned i = 0; i < 3000; i++) {
		in[i].fails = i % 500 == 499 ? -ST_CORRUPT : 0;
		assert_int_equal(submit(s, &in[i], i), 0);
		if (i % 100 == 0)
			turns_release(s->turns);
	}
	wait_for(s, &s->freed, 3000);
	expect_in_order(s, 0, 3000 - 6);
	assert_int_equal(s->failed, 6);
	assert_int_equal(stored_count(s), 3000 - 6);
	assert_true(turns_idle(s->turns));
}

/* One at fault: the group is rolled back and each runs again; only that one fails, and nothing happens twice. */
static void test_replay(void **state)
{
	struct input in[20] = { 0 };
	struct side *s = side_of(state);
	in[7].fails = -ST_CORRUPT;
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(submit(s, &in[i], i), 0);
	turns_pump(s->turns);
	assert_int_equal(s->count, 19);
	for (size_t i = 0; i < 19; i++)
		assert_int_equal(s->log[i], i < 7 ? i : i + 1);
	assert_int_equal(in[0].runs, 2);
	assert_int_equal(in[7].runs, 2);
	assert_int_equal(in[19].runs, 1);
	assert_int_equal(stored_count(s), 19);
	assert_int_equal(s->failed, 1);
	assert_int_equal(s->failed_status, -ST_CORRUPT);
	/* Each effect made was dropped, those of the first runs too. */
	assert_int_equal(s->dropped, 8 + 20);
	assert_int_equal(s->freed, 20);
	assert_int_equal(s->fatal, 0);
}

static void test_full(void **state)
{
	struct input in[5] = { 0 };
	struct side *s = side_of(state);
	in[2].writes = (size_t)SMALL_MAP_BYTES;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(submit(s, &in[i], i), 0);
	turns_pump(s->turns);
	assert_int_equal(s->count, 4);
	assert_int_equal(s->failed_status, -ST_NO_SPACE);
	assert_int_equal(stored_count(s), 4);
	assert_int_equal(s->fatal, 0);
	/* And a full disk at the commit: nobody's turn is at fault, all fail, and later ones succeed. */
	struct input more[3] = { 0 };
	commit_fails = -ST_NO_SPACE;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(submit(s, &more[i], 10 + i), 0);
	turns_pump(s->turns);
	assert_int_equal(s->count, 4);
	assert_int_equal(s->failed, 4);
	commit_fails = 0;
	struct input last = { 0 };
	assert_int_equal(submit(s, &last, 20), 0);
	turns_pump(s->turns);
	assert_int_equal(s->count, 5);
	assert_int_equal(stored_count(s), 5);
}

static void test_fatal(void **state)
{
	struct input in[10] = { 0 };
	struct side *s = side_of(state);
	commit_fails = -ST_IO;
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(submit(s, &in[i], i), 0);
	turns_pump(s->turns);
	assert_int_equal(s->count, 0);
	assert_int_equal(s->failed, 10);
	assert_int_equal(s->failed_status, -ST_IO);
	assert_int_equal(s->freed, 10);
	assert_true(s->fatal > 0);
	/* What is on the disk is not known: nothing more is run, not even when it would work again. */
	commit_fails = 0;
	struct input late = { 0 };
	assert_int_equal(submit(s, &late, 11), -ST_STOPPING);
	assert_int_equal(late.runs, 0);
	assert_int_equal(s->freed, 11);
}

static void test_busy(void **state)
{
	static struct input in[TURN_MAX_WAITING + 2];
	struct side *s = side_of(state);
	memset(in, 0, sizeof in);
	for (unsigned i = 0; i < TURN_MAX_WAITING; i++)
		assert_int_equal(submit(s, &in[i], i), 0);
	assert_int_equal(submit(s, &in[TURN_MAX_WAITING], 1), -ST_BUSY);
	assert_int_equal(s->freed, 1);
	assert_int_equal(s->room, 0);
	turns_pump(s->turns);
	assert_int_equal(s->room, 1);
	assert_int_equal(s->count, TURN_MAX_WAITING);
	assert_int_equal(submit(s, &in[TURN_MAX_WAITING + 1], TURN_MAX_WAITING), 0);
	turns_pump(s->turns);
	assert_int_equal(s->room, 1);
	/* By bytes as well. */
	struct input heavy[4] = { 0 };
	int rc = 0;
	for (int i = 0; i < 4 && rc == 0; i++) {
		heavy[i].side = s;
		rc = turns_submit(s->turns, count_turn, NULL, NULL, &heavy[i], TURN_MAX_WAITING_BYTES / 3);
		assert_int_equal(rc, i < 2 ? 0 : -ST_BUSY);
	}
	turns_pump(s->turns);
	assert_int_equal(s->room, 2);
}

static int effects_turn(struct turn *t, void *input)
{
	(void)input;
	turn_reply(t, 5, "hello", 5);
	turn_due(t, 3, 77);
	return 0;
}

static void test_sinks(void **state)
{
	struct side *s = side_of(state);
	assert_int_equal(turns_submit(s->turns, effects_turn, NULL, NULL, NULL, 0), 0);
	turns_pump(s->turns);
	assert_string_equal(s->reply, "5:hello");
	assert_int_equal(s->due_ms, 3077);
}

/* What still waits when all goes down is let go of, and nothing of it happens. */
static void test_end(void **state)
{
	struct input in[10] = { 0 };
	struct side *s = side_of(state);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(submit(s, &in[i], i), 0);
	turns_free(s->turns);
	s->turns = NULL;
	assert_int_equal(s->freed, 10);
	assert_int_equal(s->count, 0);
	assert_int_equal(s->failed, 0);
}

/* With a thread it is run, so that what was accepted is on disk, but its effects are not released. */
static void test_end_thread(void **state)
{
	static struct input in[500];
	struct side *s = side_of(state);
	memset(in, 0, sizeof in);
	assert_int_equal(turns_start(s->turns), 0);
	for (unsigned i = 0; i < 500; i++)
		assert_int_equal(submit(s, &in[i], i), 0);
	turns_free(s->turns);
	s->turns = NULL;
	assert_int_equal(s->freed, 500);
	assert_int_equal(s->count, 0);
	assert_int_equal(s->dropped, 500);
	assert_int_equal(stored_count(s), 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_thread, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup_small, teardown),
		cmocka_unit_test_setup_teardown(test_fatal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_busy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sinks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end_thread, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
