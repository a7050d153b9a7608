/* turn_store.c: the store thread, which runs groups of turns, and the sync thread, which makes them last.
 *
 * While one group is on its way to the disk the next one runs already, on top of it: its effects are released behind those of the
 * first, so nobody learns of it if the first is lost. When the disk fails, neither leaves a trace outside. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/turn_priv.h"
#include "proto/status.h"

#define GROUP_MAX_TURNS 1024
#define GROUP_MAX_BYTES (8u * 1024 * 1024)
#define WRITTEN_MAX_TURNS 4096       /* on their way to the disk: then the store thread waits for it */
#define IDLE_MS 300                  /* nothing came for so long: the store is brought up to date */

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

bool turns_step(struct turns *ts)
{
	struct job *group = NULL, **tail = &group;
	size_t bytes = 0;
	if (ts->waiting.head == NULL)
		return false;
	for (size_t n = 0; n < GROUP_MAX_TURNS && bytes < GROUP_MAX_BYTES && ts->waiting.head != NULL; n++) {
		struct job *j = job_list_take(&ts->waiting);
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
		job_list_add(&ts->written, group);
		group = next;
	}
	ts->running = false;
	return true;
}

void turns_sync(struct turns *ts)
{
	struct job_list list = ts->written;
	if (list.head == NULL)
		return;
	job_list_init(&ts->written);
	ts->syncing = true;
	pthread_mutex_unlock(&ts->mutex);
	int rc = store_sync(ts->store);
	for (struct job *j = list.head; j != NULL && rc < 0; j = j->next) {
		j->status = rc;
		effects_drop(j);
	}
	pthread_mutex_lock(&ts->mutex);
	ts->syncing = false;
	if (rc < 0)
		ts->fatal = rc;
	for (struct job *j = list.head, *next; j != NULL; j = next) {
		next = j->next;
		job_list_add(&ts->done, j);
	}
	if (list.count > WRITTEN_MAX_TURNS)
		pthread_cond_signal(&ts->cond);
}

bool turns_tidy(struct turns *ts, bool idle)
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

/* Syncs, and tells the loop thread. Called with the mutex held. */
static void sync_and_wake(struct turns *ts)
{
	turns_sync(ts);
	pthread_mutex_unlock(&ts->mutex);
	ts->sinks.wake(ts->sinks.ctx);
	pthread_mutex_lock(&ts->mutex);
}

void *turns_sync_thread(void *arg)
{
	struct turns *ts = arg;
	pthread_mutex_lock(&ts->mutex);
	while (!ts->sync_stop || ts->written.head != NULL) {
		if (ts->written.head != NULL && !ts->syncing)
			sync_and_wake(ts);
		else
			pthread_cond_wait(&ts->sync_cond, &ts->mutex);
	}
	pthread_mutex_unlock(&ts->mutex);
	return NULL;
}

/* Has a group synced: where nothing else waits, here, which saves a switch of threads; else by the sync thread. Called with the mutex held. */
static void hand_over(struct turns *ts)
{
	if (ts->waiting.head == NULL && !ts->syncing) {
		sync_and_wake(ts);
		return;
	}
	pthread_cond_signal(&ts->sync_cond);
	while (ts->written.count > WRITTEN_MAX_TURNS)
		pthread_cond_wait(&ts->cond, &ts->mutex);
}

void *turns_store_thread(void *arg)
{
	struct turns *ts = arg;
	bool untidy = true, more = false;
	pthread_mutex_lock(&ts->mutex);
	while (!ts->stop || ts->waiting.head != NULL) {
		if (turns_step(ts)) {
			hand_over(ts);
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
