/* state.h: the states of a target, the events that move it, and the one table that joins them. The same table stands in
 * proto/PROTOCOL; a test compares the two. Only queue_move (daemon/queue.c) applies it to a stored target. */
#ifndef SMMQ_MODEL_STATE_H
#define SMMQ_MODEL_STATE_H

#include <stdbool.h>
#include <stddef.h>

/* Stored as numbers: append only, never renumber. */
enum state {
	STATE_DRAFT, STATE_QUEUED, STATE_SENDING, STATE_PUBLISHED, STATE_FAILED, STATE_UNKNOWN, STATE_HELD, STATE_CANCELLED,
	STATE_MISSED, STATE_EXPIRED,
	STATE__COUNT
};

enum event {
	EVENT_QUEUE,       /* draft released into the queue */
	EVENT_HOLD,        /* a person (or a rule, with the reason) holds it */
	EVENT_RELEASE,     /* held -> queued */
	EVENT_CANCEL,
	EVENT_ARM,         /* the first intent is committed: sending */
	EVENT_DEFER,       /* provably nothing shown: back to the queue, due later */
	EVENT_PUBLISH,     /* the platform gave an id, or a read shows the post */
	EVENT_FAIL,        /* refused for good, in the platform's words */
	EVENT_LOSE,        /* the outcome of a step of effect once is not known */
	EVENT_SETTLE,      /* unknown, and now known: go on from where it stands (nothing there, or this part is there) */
	EVENT_RETRY,       /* a person lets a failed one go on */
	EVENT_MISS,        /* too late by its late rule */
	EVENT_EXPIRE,      /* its --expires time passed */
	EVENT_DOUBT,       /* the store may have gone back behind its publication: it is looked for before it is sent */
	EVENT__COUNT
};

struct transition { enum state from; enum event event; enum state to; };

/* The state after event, or -ST_CONFLICT where the table has no such row. */
int state_next(enum state from, enum event event);
const struct transition *state_table(size_t *count);

const char *state_name(enum state s);            /* "queued"; "?" outside the range */
int state_find(const char *name);                /* the enum, or -ST_INVALID */
const char *event_name(enum event e);            /* "hold" */
bool state_terminal(enum state s);               /* nothing leads on: published, cancelled, missed, expired. failed is
                                                  * neither terminal nor live: it ends here unless a person retries it */
bool state_live(enum state s);                   /* something may still happen by itself or by release */

#endif
