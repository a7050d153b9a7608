/* turn.c: the loop thread's side: submitting turns, and releasing the effects of those that last. */
#include "daemon/turn.h"

#include <signal.h>
#include <stdlib.h>

#include "daemon/io/clock.h"
#include "daemon/turn_priv.h"
#include "proto/status.h"

void job_list_init(struct job_list *l)
{
	*l = (struct job_list){ .tail = NULL };
	l->tail = &l->head;
}

void job_list_add(struct job_list *l, struct job *j)
{
	j->next = NULL;
	*l->tail = j;
	l->tail = &j->next;
	l->count++;
	l->bytes += j->cost_bytes;
}

struct job *job_list_take(struct job_list *l)
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

int turns_new(struct store *store, const struct turn_sinks *sinks, struct turns **out)
{
	struct turns *ts = calloc(1, sizeof *ts);
	if (ts == NULL)
		return -ST_NO_MEMORY;
	ts->store = store;
	ts->sinks = *sinks;
	job_list_init(&ts->waiting);
	job_list_init(&ts->written);
	job_list_init(&ts->done);
	arena_init(&ts->arena, TURN_ARENA_BYTES);
	if (pthread_mutex_init(&ts->mutex, NULL) != 0 || pthread_cond_init(&ts->cond, NULL) != 0 ||
	    pthread_cond_init(&ts->sync_cond, NULL) != 0) {
		free(ts);
		return -ST_NO_MEMORY;
	}
	*out = ts;
	return 0;
}

/* Tells a thread to end once nothing is left for it, and waits until it has. */
static void thread_stop(struct turns *ts, bool *stop, pthread_cond_t *cond, pthread_t thread)
{
	pthread_mutex_lock(&ts->mutex);
	*stop = true;
	pthread_cond_signal(cond);
	pthread_mutex_unlock(&ts->mutex);
	pthread_join(thread, NULL);
}

int turns_start(struct turns *ts)
{
	/* Signals are the loop thread's. */
	sigset_t all, before;
	sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
		return -ST_IO;
	bool sync = pthread_create(&ts->sync_thread, NULL, turns_sync_thread, ts) == 0;
	ts->threaded = sync && pthread_create(&ts->store_thread, NULL, turns_store_thread, ts) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (sync && !ts->threaded)
		thread_stop(ts, &ts->sync_stop, &ts->sync_cond, ts->sync_thread);
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
		thread_stop(ts, &ts->stop, &ts->cond, ts->store_thread);
		thread_stop(ts, &ts->sync_stop, &ts->sync_cond, ts->sync_thread);
	}
	struct job *j;
	while ((j = job_list_take(&ts->done)) != NULL || (j = job_list_take(&ts->written)) != NULL || (j = job_list_take(&ts->waiting)) != NULL)
		job_free(j);
	effects_free(ts->spent);
	arena_done(&ts->arena);
	conf_unref(ts->conf);
	pthread_cond_destroy(&ts->cond);
	pthread_cond_destroy(&ts->sync_cond);
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
		job_list_add(&ts->waiting, j);
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
	job_list_init(&ts->done);
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
		turns_sync(ts);
		if (more)
			(void)turns_tidy(ts, false);
		pthread_mutex_unlock(&ts->mutex);
		turns_release(ts);
	}
}

bool turns_idle(struct turns *ts)
{
	pthread_mutex_lock(&ts->mutex);
	bool idle = ts->waiting.head == NULL && ts->written.head == NULL && ts->done.head == NULL && !ts->running && !ts->syncing;
	pthread_mutex_unlock(&ts->mutex);
	return idle;
}
