/* engine.h: fires what is due, runs the drivers, looks after what is unknown.
 *
 * One target's way: the alarm rings -> a fire turn picks what is due and lets the driver say the first request; the intent is
 * committed -> the request leaves -> its answer goes into an answer turn, where the driver says the next request, and so on
 * until it is done or failed. In memory are only each account's next due time and the runs under way (at most
 * MaxInFlight=); everything else is in the store, so a restart goes on from the last commit. All functions here are for the
 * loop thread; the turns are in engine_turn.c, engine_look.c and token.c. */
#ifndef SMMQ_ENGINE_H
#define SMMQ_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/conf.h"
#include "daemon/turn.h"

struct engine;
struct loop;
struct http;
struct files;

struct engine_parts {
	struct loop *loop;
	struct turns *turns;
	struct http *http;
	struct files *files;
};

int engine_new(const struct engine_parts *parts, struct engine **out);
/* Settles what a dead process left under way, then begins to fire. Call once, with the loop about to run. */
void engine_start(struct engine *e);
/* NULL is fine. Requests under way are dropped: call engine_stop first. */
void engine_free(struct engine *e);

/* The configuration has changed: limits are taken over, everything due is looked at again. */
void engine_conf(struct engine *e, const struct conf *conf);
/* Sinks of turns: an account has something to fire at due_ms; account 0: all of them may. */
void engine_due(struct engine *e, uint64_t account_no, int64_t due_ms);
void engine_periodic(struct engine *e, int64_t due_ms);
/* Makes an account's session now, or once more behind the one under way. Without a place for it: before the next item. */
void engine_session(struct engine *e, uint64_t account_no);
/* Starts what may start and sets the alarm. Cheap; after every release of turns. */
void engine_schedule(struct engine *e);

/* Takes back what is armed and has not left: each goes back into the queue in a turn of its own. What is submitted behind this call
 * finds them there: a cancel in the last milliseconds is still "guaranteed not sent". */
void engine_disarm(struct engine *e);

/* Draining: nothing new is fired; what is under way goes on. */
void engine_drain(struct engine *e, bool on);
bool engine_draining(const struct engine *e);
unsigned engine_in_flight(const struct engine *e);        /* targets and sessions under way */
/* Calls idle(ctx) once nothing is under way any more (at once if so). One waiter at a time; NULL forgets it. */
void engine_when_idle(struct engine *e, void (*idle)(void *ctx), void *ctx);
/* Called with each media file that the periodic work found unused for a day. */
void engine_on_unused_media(struct engine *e, void (*unused)(void *ctx, const char *sha256), void *ctx);

#endif
