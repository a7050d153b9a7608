/* turn.h: the one way in which anything changes.
 *
 * A turn is a function of (input, store). The store thread runs all turns that wait in one transaction and commits it; the
 * sync thread makes it last; and only then are their effects released on the loop thread, in order: replies, requests to
 * platforms, alarms, changes in memory. So whatever leaves the daemon is backed by what is on disk. A turn touches nothing but its store
 * transaction, its arena and its effects, and it may run more than once: if the group fails (store full), it is rolled back and
 * its turns run again one by one, and only the one at fault fails.
 *
 * A turn that refuses its request replies so and returns 0; it must not have changed the store by then. A negative return
 * means that the store failed; nothing of the turn stays, and `failed` is called on the loop thread.
 *
 * Without a thread (simulation, tests) turns_pump runs everything in place. */
#ifndef SMMQ_TURN_H
#define SMMQ_TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/conf.h"
#include "daemon/store/store.h"
#include "proto/arena.h"

#define TURN_MAX_WAITING 8192
#define TURN_MAX_WAITING_BYTES (64u * 1024 * 1024)
#define TURN_ARENA_BYTES (64u * 1024 * 1024)

struct turns;
struct effect;

struct turn {
	struct store_txn *txn;
	struct arena *arena;             /* emptied after the turn */
	const struct conf *conf;         /* as it was when the turn was submitted */
	int64_t now_ms;                  /* when it was submitted: the same if it runs again */
	int64_t steady_ms;               /* the same instant on a clock that is never set: about now_ms, but only differences count */
	struct effect *effects, **tail;
	int error;                       /* an effect could not be made: sticks, fails the turn */
};

/* Where released effects go. All run on the loop thread. */
struct turn_sinks {
	void *ctx;
	void (*reply)(void *ctx, uint64_t conn, const char *text, size_t len);    /* text ends a request of conn */
	void (*due)(void *ctx, uint64_t account_no, int64_t due_ms);      /* an account has something to fire at due_ms (or earlier than known) */
	void (*periodic)(void *ctx, int64_t due_ms);
	void (*journal)(void *ctx);                                       /* the journal has grown; once per group */
	void (*room)(void *ctx);                                          /* turns_submit may succeed again */
	void (*fatal)(void *ctx, int status);                             /* the disk failed: stop with its exit status */
	void (*wake)(void *ctx);                                          /* any thread: make the loop thread call turns_release */
};

int turns_new(struct store *store, const struct turn_sinks *sinks, struct turns **out);
int turns_start(struct turns *ts);              /* starts the store thread and the sync thread */
/* Runs what waits, stops the thread, releases nothing more. NULL is fine. */
void turns_free(struct turns *ts);

/* The conf that turns submitted from now on see. Takes a reference of its own. */
void turns_set_conf(struct turns *ts, const struct conf *conf);
const struct conf *turns_conf(struct turns *ts);

/* input belongs to the turn from here on: free_input (may be NULL) is called on the loop thread after release, or at once on
 * failure to submit. failed may be NULL. cost_bytes bounds what waits. 0, -ST_BUSY (too much waits: sinks.room tells when to try again), -ST_NO_MEMORY,
 * -ST_STOPPING. Loop thread only. */
int turns_submit(struct turns *ts, int (*run)(struct turn *t, void *input), void (*failed)(void *input, int status),
                 void (*free_input)(void *input), void *input, size_t cost_bytes);

/* The steady clock is CLOCK_BOOTTIME + offset_ms. Loop thread only. */
void turns_set_steady(struct turns *ts, int64_t offset_ms);
int64_t turns_now_ms(void);                     /* the wall clock that submitted turns get */
void turns_release(struct turns *ts);           /* loop thread: releases the effects of committed turns */
void turns_pump(struct turns *ts);              /* no thread: runs and releases until nothing waits */
bool turns_idle(struct turns *ts);              /* nothing waits, runs, or is to be released */

/* ---- for use inside a turn ---- */
void turn_reply(struct turn *t, uint64_t conn, const char *text, size_t len);
void turn_due(struct turn *t, uint64_t account_no, int64_t due_ms);
void turn_periodic(struct turn *t, int64_t due_ms);
/* Any other effect: run(data) on the loop thread, then drop(data) (may be NULL). When the turn is rolled back, drop alone is called,
 * on the store thread: it may only free. */
void turn_effect(struct turn *t, void (*run)(void *data), void (*drop)(void *data), void *data);
void turn_random(struct turn *t, void *out, size_t size);       /* bytes that nobody can guess */

#endif
