/* queue.h: what may be done to items, inside turns. queue_move is the one function that moves a target between states;
 * every change writes its journal entry in the same transaction and its log line after the commit. */
#ifndef SMMQ_QUEUE_H
#define SMMQ_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/model/job.h"
#include "daemon/store/store.h"
#include "daemon/turn.h"

/* Moves target (as loaded in this turn; rev, state and reason change in place), writes it with its indexes, journals it,
 * wakes the engine where it is queued, gives media free where all is over. reason, by, detail (JSON object text) may be NULL.
 * 0; -ST_CONFLICT where the table has no such move (nothing changed); a store status. */
int queue_move(struct turn *t, struct target *target, enum event event, const char *reason, const char *by, const char *detail);

/* Writes target without a move: driver values, times. Wakes the engine where it is queued. */
int queue_keep(struct turn *t, const struct target *target);

/* A journal entry about a target that does not move (edit, move, intent, answer), or about an account (target NULL). */
int queue_note(struct turn *t, const struct target *target, const char *account, const char *event, const char *reason, const char *by,
               const char *detail);

/* Writes a new post with its targets (id and n filled here; state set by the caller), counts its media as used. */
int queue_insert(struct turn *t, struct post *p, struct target *targets);

#define QUEUE_MEDIA_UNUSED_MS (24LL * 3600 * 1000)      /* a file that nothing uses is kept so much longer */

/* Counts (+1) or uncounts (-1) every use of media in a content. */
int queue_media_use(struct turn *t, const struct content *c, int by);

/* ---- gates ---- */
#define QUEUE_MAX_GATES 1000
#define QUEUE_OWN_GATES 10           /* of them kept for gates of everything */
#define GATE_ALL "all"
#define GATE_RESTORED "restored"
#define GATE_CLOCK "clock"

struct queue_gates { struct gate *list; size_t count; };
int queue_gates_load(struct store_txn *txn, struct arena *a, struct queue_gates *out);
/* The gate that keeps an item of this account and label (may be NULL) back, or NULL. */
const struct gate *queue_gate_of(const struct queue_gates *g, const char *account, const char *label);
/* Whether a gate of this name is one for items of this account and label (may be NULL). */
bool queue_gate_covers(const char *name, const char *account, const char *label);
/* Sets a gate (replacing one of that name) or removes it, with journal and wake-up. Set: -ST_TOO_LARGE where there are too many;
 * removal: -ST_NO_ITEM where there is none. */
int queue_gate_set(struct turn *t, const struct gate *g);
int queue_gate_remove(struct turn *t, const char *name, const char *by, const char *reason);

/* ---- backlogs ---- */
/* What becomes of items that were due while a gate was closed or an account paused:
 *   pace   they follow their late rule, at the account's CatchUp= (the default: nothing is recorded)
 *   now    the same, at once: CatchUp=, QuietHours= and MinGap= do not hold them, daily limits do
 *   skip   they end as missed            hold   they are held, for a person to go through
 * A release is one record, whatever the queue's size; each item is judged when its turn comes. */
enum backlog_policy { BACKLOG_PACE, BACKLOG_NOW, BACKLOG_SKIP, BACKLOG_HOLD, BACKLOG__COUNT };
int queue_backlog_find(const char *name);                      /* the policy, or -ST_INVALID */
const char *queue_backlog_name(enum backlog_policy p);
/* What waited behind name ("all", "account:x", "label:y", any gate's) since from_ms is judged by this policy from now on. */
int queue_backlog_set(struct turn *t, const char *name, int64_t from_ms, const char *policy);
/* The policy for a target whose time was due_ms: of the releases that it waited for, the most careful (hold, then skip), else the
 * last. *name: whose. 0 or a status. */
int queue_backlog_of(struct turn *t, const char *account, const char *label, int64_t due_ms, enum backlog_policy *out, const char **name);

/* ---- accounts ---- */
/* Pauses: nothing is sent for the account until it is resumed. reason for people. Once: a paused one stays as it is. */
int queue_account_pause(struct turn *t, struct account *account, const char *reason);
int queue_account_resume(struct turn *t, struct account *account, const char *by);

/* ---- rate limits ---- */
#define QUEUE_LIMIT_MAX_MS (24LL * 3600 * 1000 + 5000)     /* a longer one is cut, whoever asks for it; 5 s of jitter */
/* The limit that keeps an account from sending now: its own, or that of its application (all accounts of one platform, server and
 * client id), whichever lasts longer; until_ms 0: none. conf may be NULL. 0 or a status. */
struct queue_limit { int64_t until_ms; const char *reason; bool application; };
int queue_limit_get(struct store_txn *txn, struct arena *a, const struct account *account, const struct conf_account *conf, int64_t now_ms,
                    struct queue_limit *out);
/* Notes one, unless a later one of that scope stands; journalled. */
int queue_limit_set(struct turn *t, struct account *account, const struct conf_account *conf, bool application, int64_t until_ms,
                    const char *reason);
/* The same of the account alone, in its record, which is left to the caller to write; not journalled. Whether it was noted. */
bool queue_limit_own(struct turn *t, struct account *account, int64_t until_ms, const char *reason);
/* A person wants to try now: ends what stands, of the account and of its application. 1: *ended is the one that counted; 0, or a status. */
int queue_limit_clear(struct turn *t, struct account *account, const struct conf_account *conf, const char *by, struct queue_limit *ended);
const char *queue_limit_scope(bool application);               /* "account", "application" */

/* One warning in the log when the turn is on disk. */
void queue_warn(struct turn *t, const char *message, const char *account, const char *reason);

#endif
