/* turn.c: the store thread, group commit, and the release of effects. */
#include "daemon/turn.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/io/clock.h"
#include "daemon/io/rng.h"
#include "daemon/log.h"
#include "proto/status.h"

#define GROUP_MAX_TURNS 1024
#define GROUP_MAX_BYTES (8u * 1024 * 1024)
#define IDLE_MS 300                  /* nothing came for so long: the store is brought up to date */

enum effect_kind { EFFECT_REPLY, EFFECT_DUE, EFFECT_PERIODIC, EFFECT_CALL };

struct effect {
	struct effect *next;
	enum effect_kind kind;
	union {
		struct { uint64_t conn; size_t len; char *text; } reply;
		struct { uint64_t account_no; int64_t due_ms; } due;
		struct { void (*run)(void *); void (*drop)(void *); void *data; } call;
	} u;
};

struct job {
	struct job *next;
	int (*run)(struct turn *, void *);
	void (*failed)(void *, int);
	void (*free_input)(void *);
	void *input;
	size_t cost_bytes;
	int64_t now_ms, steady_ms;
	const struct conf *conf;
	struct effect *effects;
	int status;
};

struct job_list { struct job *head, **tail; size_t count, bytes; };

struct turns {
	struct store *store;
	struct turn_sinks sinks;
	pthread_t thread;
	bool threaded;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	/* under the mutex */
	struct job_list waiting, done;
	bool stop, running;
	bool full;                       /* somebody was turned away */
	int fatal;
	struct effect *spent;            /* released effects: freed by the store thread, whose heap they are of */
	/* loop thread */
	const struct conf *conf;
	int64_t steady_offset_ms;
	/* store thread */
	struct arena arena;
};

static void list_init(struct job_list *l)
{
	*l = (struct job_list){ .tail = NULL };
	l->tail = &l->head;
}

static void list_add(struct job_list *l, struct job *j)
{
	j->next = NULL;
	*l->tail = j;
	l->tail = &j->next;
	l->count++;
	l->bytes += j->cost_bytes;
}

static struct job *list_take(struct job_list *l)
{
	struct job *j = l->head;
	if (j == NULL)
		return NULL;
	l->head = j->next;
	if (l->head == NULL)
		l->tail = &l->head;
	l->count--;
	l->bytes -= j->cost_bytes;
	return j;
}

/* ---- effects ---- */

static void effect_free(struct effect *e)
{
	if (e->kind == EFFECT_CALL && e->u.call.drop != NULL)
		e->u.call.drop(e->u.call.data);
	free(e);
}

static void effects_free(struct effect *list)
{
	while (list != NULL) {
		struct effect *e = list;
		list = e->next;
		effect_free(e);
	}
}

static void effects_drop(struct job *j)
{
	effects_free(j->effects);
	j->effects = NULL;
}

static struct effect *effect_new(struct turn *t, enum effect_kind kind, size_t more)
{
	struct effect *e = calloc(1, sizeof *e + more);
	if (e == NULL) {
		t->error = -ST_NO_MEMORY;
		return NULL;
	}
	e->kind = kind;
	*t->tail = e;
	t->tail = &e->next;
	return e;
}

void turn_reply(struct turn *t, uint64_t conn, const char *text, size_t len)
{
	struct effect *e = effect_new(t, EFFECT_REPLY, len);
	if (e == NULL)
		return;
	e->u.reply.conn = conn;
	e->u.reply.len = len;
	e->u.reply.text = (char *)(e + 1);
	memcpy(e->u.reply.text, text, len);
}

void turn_due(struct turn *t, uint64_t account_no, int64_t due_ms)
{
	struct effect *e = effect_new(t, EFFECT_DUE, 0);
	if (e != NULL) {
		e->u.due.account_no = account_no;
		e->u.due.due_ms = due_ms;
	}
}

void turn_periodic(struct turn *t, int64_t due_ms)
{
	struct effect *e = effect_new(t, EFFECT_PERIODIC, 0);
	if (e != NULL)
		e->u.due.due_ms = due_ms;
}

void turn_random(struct turn *t, void *out, size_t size)
{
	(void)t;
	rng_bytes(out, size);
}

void turn_effect(struct turn *t, void (*run)(void *data), void (*drop)(void *data), void *data)
{
	struct effect *e = effect_new(t, EFFECT_CALL, 0);
	if (e == NULL) {
		if (drop != NULL)
			drop(data);
		return;
	}
	e->u.call.run = run;
	e->u.call.drop = drop;
	e->u.call.data = data;
}

static void effect_release(const struct turn_sinks *s, const struct effect *e)
{
	switch (e->kind) {
	case EFFECT_REPLY: s->reply(s->ctx, e->u.reply.conn, e->u.reply.text, e->u.reply.len); break;
	case EFFECT_DUE: s->due(s->ctx, e->u.due.account_no, e->u.due.due_ms); break;
	case EFFECT_PERIODIC: s->periodic(s->ctx, e->u.due.due_ms); break;
	case EFFECT_CALL: e->u.call.run(e->u.call.data); break;
	}
}

/* ---- the store thread ---- */

static int job_run(struct turns *ts, struct job *j, struct store_txn *txn)
{
	effects_drop(j);
	struct turn t = { .txn = txn, .arena = &ts->arena, .conf = j->conf, .now_ms = j->now_ms, .steady_ms = j->steady_ms };
	t.tail = &t.effects;
	int rc = j->run(&t, j->input);
	if (rc == 0)
		rc = t.error;
	if (rc == 0)
		rc = ts->arena.error;
	j->effects = t.effects;
	arena_reset(&ts->arena);
	return rc;
}

/* A turn on its own: what fails here is its own fault. */
static void job_run_alone(struct turns *ts, struct job *j)
{
	struct store_txn *txn;
	int rc = store_begin(ts->store, true, &txn);
	if (rc == 0) {
		rc = job_run(ts, j, txn);
		if (rc < 0)
			store_abort(txn);
		else
			rc = store_commit(txn);
	}
	j->status = rc;
	if (rc < 0)
		effects_drop(j);
}

static void group_run(struct turns *ts, struct job *group)
{
	struct store_txn *txn;
	int rc = store_begin(ts->store, true, &txn);
	if (rc == 0) {
		for (struct job *j = group; j != NULL && rc == 0; j = j->next)
			rc = job_run(ts, j, txn);
		if (rc < 0)
			store_abort(txn);
		else
			rc = store_commit(txn);
	}
	if (rc == 0)
		return;
	for (struct job *j = group; j != NULL; j = j->next) {
		if (rc == -ST_IO) {
			j->status = rc;
			effects_drop(j);
		} else {
			job_run_alone(ts, j);
			if (j->status == -ST_IO)
				rc = -ST_IO;
		}
	}
}

/* Takes a group, runs it, hands it over. False when nothing waits. Called with the mutex held. */
static bool turns_step(struct turns *ts)
{
	struct job *group = NULL, **tail = &group;
	size_t bytes = 0;
	if (ts->waiting.head == NULL)
		return false;
	for (size_t n = 0; n < GROUP_MAX_TURNS && bytes < GROUP_MAX_BYTES && ts->waiting.head != NULL; n++) {
		struct job *j = list_take(&ts->waiting);
		bytes += j->cost_bytes;
		j->next = NULL;
		*tail = j;
		tail = &j->next;
	}
	bool broken = ts->fatal != 0;
	struct effect *spent = ts->spent;
	ts->spent = NULL;
	ts->running = true;
	pthread_mutex_unlock(&ts->mutex);
	effects_free(spent);
	if (!broken)
		group_run(ts, group);
	pthread_mutex_lock(&ts->mutex);
	while (group != NULL) {
		struct job *next = group->next;
		if (broken)
			group->status = -ST_IO;
		if (group->status == -ST_IO)
			ts->fatal = -ST_IO;
		list_add(&ts->done, group);
		group = next;
	}
	ts->running = false;
	return true;
}

/* A slice of the store's own work, between groups. Called with the mutex held; true while there is more of it. */
static bool turns_tidy(struct turns *ts, bool idle)
{
	if (ts->fatal != 0)
		return false;
	ts->running = true;
	pthread_mutex_unlock(&ts->mutex);
	int rc = store_tidy(ts->store, idle);
	pthread_mutex_lock(&ts->mutex);
	ts->running = false;
	if (rc == -ST_IO)
		ts->fatal = rc;
	return rc == 1;
}

/* Waits for turns; false when none came for a while. Called with the mutex held. */
static bool turns_wait(struct turns *ts, bool untidy)
{
	struct timespec until;
	if (!untidy || clock_gettime(CLOCK_REALTIME, &until) != 0) {
		pthread_cond_wait(&ts->cond, &ts->mutex);
		return true;
	}
	until.tv_nsec += IDLE_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	return pthread_cond_timedwait(&ts->cond, &ts->mutex, &until) == 0;
}

static void *turns_thread(void *arg)
{
	struct turns *ts = arg;
	bool untidy = true, more = false;
	pthread_mutex_lock(&ts->mutex);
	while (!ts->stop || ts->waiting.head != NULL) {
		if (turns_step(ts)) {
			pthread_mutex_unlock(&ts->mutex);
			ts->sinks.wake(ts->sinks.ctx);
			pthread_mutex_lock(&ts->mutex);
			untidy = true;
			more = turns_tidy(ts, false);
		} else if (more) {
			more = turns_tidy(ts, true);
		} else if (!turns_wait(ts, untidy)) {
			untidy = false;
			more = turns_tidy(ts, true);
		}
	}
	pthread_mutex_unlock(&ts->mutex);
	return NULL;
}

/* ---- the loop thread ---- */

int turns_new(struct store *store, const struct turn_sinks *sinks, struct turns **out)
{
	struct turns *ts = calloc(1, sizeof *ts);
	if (ts == NULL)
		return -ST_NO_MEMORY;
	ts->store = store;
	ts->sinks = *sinks;
	list_init(&ts->waiting);
	list_init(&ts->done);
	arena_init(&ts->arena, TURN_ARENA_BYTES);
	if (pthread_mutex_init(&ts->mutex, NULL) != 0 || pthread_cond_init(&ts->cond, NULL) != 0) {
		free(ts);
		return -ST_NO_MEMORY;
	}
	*out = ts;
	return 0;
}

int turns_start(struct turns *ts)
{
	/* Signals are the loop thread's. */
	sigset_t all, before;
	sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
		return -ST_IO;
	ts->threaded = pthread_create(&ts->thread, NULL, turns_thread, ts) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ts->threaded ? 0 : -ST_NO_MEMORY;
}

static void job_free(struct job *j)
{
	effects_drop(j);
	if (j->free_input != NULL)
		j->free_input(j->input);
	conf_unref(j->conf);
	free(j);
}

void turns_free(struct turns *ts)
{
	if (ts == NULL)
		return;
	if (ts->threaded) {
		pthread_mutex_lock(&ts->mutex);
		ts->stop = true;
		pthread_cond_signal(&ts->cond);
		pthread_mutex_unlock(&ts->mutex);
		pthread_join(ts->thread, NULL);
	}
	struct job *j;
	while ((j = list_take(&ts->done)) != NULL || (j = list_take(&ts->waiting)) != NULL)
		job_free(j);
	effects_free(ts->spent);
	arena_done(&ts->arena);
	conf_unref(ts->conf);
	pthread_cond_destroy(&ts->cond);
	pthread_mutex_destroy(&ts->mutex);
	free(ts);
}

void turns_set_conf(struct turns *ts, const struct conf *conf)
{
	const struct conf *old = ts->conf;
	ts->conf = conf_ref(conf);
	conf_unref(old);
}

const struct conf *turns_conf(struct turns *ts)
{
	return ts->conf;
}

void turns_set_steady(struct turns *ts, int64_t offset_ms)
{
	ts->steady_offset_ms = offset_ms;
}

int64_t turns_now_ms(void)
{
	return clock_now_ms();
}

static int turns_submit_job(struct turns *ts, struct job *j)
{
	int rc = 0;
	pthread_mutex_lock(&ts->mutex);
	if (ts->stop || ts->fatal != 0)
		rc = -ST_STOPPING;
	else if (ts->waiting.count >= TURN_MAX_WAITING || ts->waiting.bytes + j->cost_bytes > TURN_MAX_WAITING_BYTES)
		rc = -ST_BUSY;
	if (rc == 0) {
		list_add(&ts->waiting, j);
		pthread_cond_signal(&ts->cond);
	} else {
		ts->full = true;
	}
	pthread_mutex_unlock(&ts->mutex);
	return rc;
}

int turns_submit(struct turns *ts, int (*run)(struct turn *t, void *input), void (*failed)(void *input, int status),
                 void (*free_input)(void *input), void *input, size_t cost_bytes)
{
	int rc = -ST_NO_MEMORY;
	struct job *j = calloc(1, sizeof *j);
	if (j != NULL) {
		*j = (struct job){ .run = run, .failed = failed, .input = input, .cost_bytes = cost_bytes + sizeof *j,
		                   .now_ms = turns_now_ms(), .steady_ms = clock_boot_ms() + ts->steady_offset_ms, .conf = conf_ref(ts->conf) };
		rc = turns_submit_job(ts, j);
	}
	if (rc == 0) {
		/* Only now: until it is in the queue the input is freed here, once. The store thread never reads this member. */
		j->free_input = free_input;
		return 0;
	}
	if (j != NULL) {
		conf_unref(j->conf);
		free(j);
	}
	if (free_input != NULL)
		free_input(input);
	return rc;
}

static void job_release(struct turns *ts, struct job *j, struct effect **spent)
{
	if (j->status < 0) {
		if (j->failed != NULL)
			j->failed(j->input, j->status);
	} else {
		for (struct effect *e = j->effects, *next; e != NULL; e = next) {
			next = e->next;
			effect_release(&ts->sinks, e);
			/* What a call was given belongs to this thread. */
			if (e->kind == EFFECT_CALL && e->u.call.drop != NULL)
				e->u.call.drop(e->u.call.data);
			e->kind = EFFECT_DUE;
			e->next = *spent;
			*spent = e;
		}
		j->effects = NULL;
	}
	job_free(j);
}

static void spent_hand_over(struct turns *ts, struct effect *spent)
{
	if (spent == NULL)
		return;
	struct effect *last = spent;
	while (last->next != NULL)
		last = last->next;
	pthread_mutex_lock(&ts->mutex);
	last->next = ts->spent;
	ts->spent = spent;
	pthread_mutex_unlock(&ts->mutex);
}

void turns_release(struct turns *ts)
{
	pthread_mutex_lock(&ts->mutex);
	struct job *j = ts->done.head;
	list_init(&ts->done);
	bool room = ts->full && ts->waiting.count < TURN_MAX_WAITING / 2 && ts->waiting.bytes < TURN_MAX_WAITING_BYTES / 2;
	if (room)
		ts->full = false;
	int fatal = ts->fatal;
	pthread_mutex_unlock(&ts->mutex);
	bool any = j != NULL;
	struct effect *spent = NULL;
	while (j != NULL) {
		struct job *next = j->next;
		job_release(ts, j, &spent);
		j = next;
	}
	spent_hand_over(ts, spent);
	if (any)
		ts->sinks.journal(ts->sinks.ctx);
	if (room)
		ts->sinks.room(ts->sinks.ctx);
	if (fatal != 0)
		ts->sinks.fatal(ts->sinks.ctx, fatal);
}

void turns_pump(struct turns *ts)
{
	bool more = true;
	while (more) {
		pthread_mutex_lock(&ts->mutex);
		more = turns_step(ts);
		if (more)
			(void)turns_tidy(ts, false);
		pthread_mutex_unlock(&ts->mutex);
		turns_release(ts);
	}
}

bool turns_idle(struct turns *ts)
{
	pthread_mutex_lock(&ts->mutex);
	bool idle = ts->waiting.head == NULL && ts->done.head == NULL && !ts->running;
	pthread_mutex_unlock(&ts->mutex);
	return idle;
}
