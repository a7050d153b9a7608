/* engine_restore.c: doubting what was due, knowing posts of other targets again, and opening the gate. */
#include "daemon/engine_restore.h"

#include <stdio.h>
#include <string.h>

#include "daemon/engine_priv.h"
#include "proto/buf.h"
#include "proto/status.h"
#include "proto/unit.h"

#define DOUBT_LIST 100
#define DOUBT_AT_ONCE 20                 /* looks of an account that begin at once; the others follow, */
#define DOUBT_APART_MS 1500              /* so far apart: a fraction of what platforms allow */
#define MARK_ENTRIES 2000                /* journal entries looked through for the newest post of an account */
#define KNOWN_BEFORE 200
#define KNOWN_ENTRIES 10000
#define KNOWN_MAX 1000
#define STEP_MS 1000
#define STEP_WAIT_MS (10 * 1000)
#define STEP_UNKNOWN 500
#define STEP_IDS 10

static const char doubt_reason[] = "it was due before the daemon started, and may have been published by a run that this store does not "
                                   "know of: looking for it";

/* ---- the fact ---- */

/* seq: the journal's next entry at the start. done: everything in doubt was found in the queue and doubted. */
struct doubt { long long floor_ms, until_ms; unsigned long long seq; int done; };

/* 0, or -ST_NO_ITEM where nothing is in doubt. */
static int doubt_get(struct turn *t, struct doubt *out)
{
	char *text;
	int rc = store_fact_get(t->txn, t->arena, "doubt", &text);
	if (rc == 0 && sscanf(text, "%lld %lld %llu %d", &out->floor_ms, &out->until_ms, &out->seq, &out->done) != 4)
		rc = -ST_CORRUPT;
	return rc;
}

static int doubt_put(struct turn *t, const struct doubt *d)
{
	return store_fact_put(t->txn, "doubt", arena_fmt(t->arena, "%lld %lld %llu %d", d->floor_ms, d->until_ms, d->seq, d->done));
}

int restore_begin(struct turn *t, int64_t floor_ms)
{
	char cursor[JOURNAL_CURSOR_MAX];
	unsigned writer;
	struct doubt old, now = { .floor_ms = floor_ms < t->now_ms ? floor_ms : t->now_ms, .until_ms = t->now_ms };
	int rc = store_journal_end(t->txn, cursor);
	if (rc == 0 && sscanf(cursor, "%u-%llu", &writer, &now.seq) != 2)
		rc = -ST_INTERNAL;
	if (rc < 0)
		return rc;
	/* A start that was broken off has left its doubts to this one. */
	rc = doubt_get(t, &old);
	if (rc == 0 && !old.done && old.floor_ms < now.floor_ms) {
		now.floor_ms = old.floor_ms;
		now.seq = old.seq;
	}
	return rc < 0 && rc != -ST_NO_ITEM ? rc : doubt_put(t, &now);
}

int restore_in_doubt(struct turn *t, int64_t armed_ms)
{
	struct doubt doubt;
	int rc = doubt_get(t, &doubt);
	return rc < 0 ? (rc == -ST_NO_ITEM ? 0 : rc) : armed_ms < doubt.until_ms;
}

/* Walks the journal from `before` entries ahead of the start. *end (may be NULL): the walk came to its end. */
static int walk_from(struct turn *t, struct arena *a, const struct doubt *doubt, unsigned before, size_t max,
                     int (*each)(void *, const struct entry *, const char *), void *ctx, bool *end)
{
	char cursor[JOURNAL_CURSOR_MAX];
	unsigned long long from = doubt->seq > before ? doubt->seq - before : 1;
	(void)snprintf(cursor, sizeof cursor, "%d-%llu", STORE_WRITER, from);
	int rc = store_journal_walk(t->txn, a, cursor, 0, max, each, ctx, end);
	if (rc != -ST_GONE)
		return rc;
	cursor[0] = '\0';        /* the older ones were removed */
	return store_journal_walk(t->txn, a, cursor, 0, max, each, ctx, end);
}

/* The post that a target shows last; NULL where there is none. */
static const char *shown_last(struct turn *t, uint64_t id, uint64_t n)
{
	struct target target;
	if (store_target_get(t->txn, t->arena, id, n, &target) < 0 || target.shown_count == 0)
		return NULL;
	return target.shown[target.shown_count - 1].remote_id;
}

/* ---- marks: each account's newest post before the start ---- */

struct mark { const char *account; uint64_t id, n; };
struct marks { struct mark list[CONF_MAX_ACCOUNTS]; size_t count; };

static bool is_publish(const struct entry *e)
{
	return e->event != NULL && e->account != NULL && strcmp(e->event, event_name(EVENT_PUBLISH)) == 0;
}

static int mark_each(void *ctx, const struct entry *e, const char *cursor)
{
	struct marks *m = ctx;
	size_t i = 0;
	(void)cursor;
	/* What was found by looking, or told by a person, may be older than what came before it. */
	if (!is_publish(e) || e->from == NULL || strcmp(e->from, state_name(STATE_SENDING)) != 0)
		return 0;
	while (i < m->count && strcmp(m->list[i].account, e->account) != 0)
		i++;
	if (i == CONF_MAX_ACCOUNTS)
		return 0;
	m->count += i == m->count;
	m->list[i] = (struct mark){ .account = e->account, .id = e->id, .n = e->n };
	return 0;
}

static int marks_load(struct turn *t, const struct doubt *doubt, struct marks **out)
{
	unsigned long long looks = doubt->seq > MARK_ENTRIES ? MARK_ENTRIES : doubt->seq - 1;
	*out = arena_alloc(t->arena, 1, sizeof **out);
	if (*out == NULL)
		return -ST_NO_MEMORY;
	return looks == 0 ? 0 : walk_from(t, t->arena, doubt, MARK_ENTRIES, (size_t)looks, mark_each, *out, NULL);
}

static const char *mark_of(struct turn *t, const struct marks *m, const char *account)
{
	for (size_t i = 0; i < m->count; i++)
		if (strcmp(m->list[i].account, account) == 0)
			return shown_last(t, m->list[i].id, m->list[i].n);
	return NULL;
}

/* ---- doubting ---- */

struct doubter {
	struct turn *t;
	struct doubt doubt;
	struct marks *marks;
	size_t left, count;
};

static int doubt_target(struct doubter *w, struct target *target, int64_t at_ms)
{
	struct turn *t = w->t;
	struct drive_input in = { 0 };
	struct drive d = { .t = t, .in = &in, .target = target };
	if (w->marks == NULL) {
		int rc = marks_load(t, &w->doubt, &w->marks);
		if (rc < 0)
			return rc;
	}
	struct attempt *a = arena_alloc(t->arena, 1, sizeof *a);
	if (a == NULL)
		return -ST_NO_MEMORY;
	/* What was asked since is known to have been absent then. */
	*a = (struct attempt){ .number = ++target->attempts, .unrecorded = 1,
	                       .armed_ms = target->asked_ms > w->doubt.floor_ms ? target->asked_ms : w->doubt.floor_ms };
	a->step = arena_fmt(t->arena, "part.%zu", target->shown_count);
	a->mark = arena_strdup(t->arena, mark_of(t, w->marks, target->account));
	a->evidence = arena_strdup(t->arena, doubt_reason);
	a->lost_ms = t->now_ms;
	target->open = a;
	target->open_count = 1;
	int rc = drive_plan_look(&d, at_ms);
	return rc < 0 ? rc : queue_move(t, target, EVENT_DOUBT, doubt_reason, NULL, NULL);
}

static int doubt_account(struct doubter *w, const struct account *account)
{
	struct turn *t = w->t;
	struct store_ref refs[DOUBT_LIST], from = { 0 };
	int64_t counts[STATE__COUNT], got = DOUBT_LIST;
	int rc = store_counts(t->txn, account->no, counts);
	int64_t nth = rc == 0 ? counts[STATE_UNKNOWN] : 0;
	while (rc == 0 && got == DOUBT_LIST && w->left > 0) {
		got = store_due_list(t->txn, account->no, w->doubt.until_ms, &from, refs, DOUBT_LIST);
		rc = got < 0 ? (int)got : 0;
		for (int64_t i = 0; i < got && rc == 0 && w->left > 0; i++) {
			struct target target;
			from = refs[i];
			rc = store_target_get(t->txn, t->arena, refs[i].id, refs[i].n, &target);
			if (rc == -ST_CORRUPT || rc == -ST_NO_ITEM) {
				rc = 0;        /* said when it is to be fired */
				continue;
			}
			if (rc < 0 || target.asked_ms >= w->doubt.until_ms)
				continue;
			rc = doubt_target(w, &target, t->now_ms + (nth < DOUBT_AT_ONCE ? 0 : (nth - DOUBT_AT_ONCE + 1) * DOUBT_APART_MS));
			nth++;
			w->left--;
			w->count++;
		}
	}
	return rc;
}

int restore_doubt(struct turn *t, size_t max, size_t *out_count)
{
	struct doubter w = { .t = t, .left = max };
	*out_count = 0;
	int rc = doubt_get(t, &w.doubt);
	if (rc < 0)
		return rc == -ST_NO_ITEM ? 0 : rc;
	struct account *list = arena_alloc(t->arena, CONF_MAX_ACCOUNTS * 2, sizeof *list);
	if (list == NULL)
		return -ST_NO_MEMORY;
	int64_t got = store_account_list(t->txn, t->arena, list, CONF_MAX_ACCOUNTS * 2);
	rc = got < 0 ? (int)got : 0;
	for (int64_t i = 0; i < got && rc == 0 && w.left > 0; i++) {
		const struct conf_account *conf = drive_conf(t->conf, &list[i]);
		if (conf != NULL && conf->plat->reconcile != NULL)
			rc = doubt_account(&w, &list[i]);
	}
	*out_count = w.count;
	if (rc < 0 || w.left == 0 || w.doubt.done)
		return rc;
	w.doubt.done = 1;
	return doubt_put(t, &w.doubt);
}

/* ---- a jump of the clock ---- */

static void jump_done(void *data)
{
	struct engine *e = data;
	e->jump_ms = INT64_MAX;
	engine_due(e, 0, 0);
}

static void jump_next(void *data)
{
	((struct engine *)data)->jump_turn = false;
}

int restore_jump_turn(struct turn *t, void *input)
{
	const struct jump_input *in = input;
	size_t count;
	int rc = restore_begin(t, in->floor_ms);
	if (rc == 0)
		rc = restore_doubt(t, DOUBT_LIST, &count);
	/* The life after the snapshot has handed out ids, too. */
	if (rc == 0 && count < DOUBT_LIST)
		rc = store_ids_skip(t->txn, RESTORE_ID_SKIP_BOOT);
	if (rc < 0)
		return rc;
	turn_effect(t, jump_next, NULL, in->engine);
	if (count < DOUBT_LIST)
		turn_effect(t, jump_done, NULL, in->engine);
	return 0;
}

/* ---- posts of other targets ---- */

struct known { const struct drive *d; struct store_ref refs[KNOWN_MAX]; size_t count; bool full; };

static int known_each(void *ctx, const struct entry *e, const char *cursor)
{
	struct known *k = ctx;
	const struct target *target = k->d->target;
	(void)cursor;
	if (!is_publish(e) || strcmp(e->account, target->account) != 0 || (e->id == target->id && e->n == target->n))
		return 0;
	if (k->count == KNOWN_MAX)
		k->full = true;
	else
		k->refs[k->count++] = (struct store_ref){ .id = e->id, .n = e->n };
	return 0;
}

/* Adds what a target shows. The target itself, which may be large, is let go of. */
static int known_add(struct turn *t, struct arena *a, const struct store_ref *ref, const char ***ids, size_t *count)
{
	struct target target;
	arena_reset(a);
	int rc = store_target_get(t->txn, a, ref->id, ref->n, &target);
	if (rc < 0)
		return rc == -ST_NO_ITEM || rc == -ST_CORRUPT ? 0 : rc;
	const char **grown = arena_grow(t->arena, *ids, *count, *count + target.shown_count + 1, sizeof **ids);
	if (grown == NULL)
		return -ST_NO_MEMORY;
	*ids = grown;
	for (size_t i = 0; i < target.shown_count; i++)
		if (target.shown[i].remote_id != NULL)
			(*ids)[(*count)++] = arena_strdup(t->arena, target.shown[i].remote_id);
	return 0;
}

int restore_known(struct drive *d, bool *complete)
{
	struct turn *t = d->t;
	struct doubt doubt;
	struct arena entries;
	const char **ids = NULL;
	size_t count = 0;
	bool end = true;
	*complete = true;
	int rc = doubt_get(t, &doubt);
	if (rc < 0)
		return rc == -ST_NO_ITEM ? 0 : rc;
	struct known *k = arena_alloc(t->arena, 1, sizeof *k);
	if (k == NULL)
		return -ST_NO_MEMORY;
	k->d = d;
	arena_init(&entries, TURN_ARENA_BYTES);
	rc = walk_from(t, &entries, &doubt, KNOWN_BEFORE, KNOWN_ENTRIES, known_each, k, &end);
	for (size_t i = 0; i < k->count && rc == 0; i++)
		rc = known_add(t, &entries, &k->refs[i], &ids, &count);
	arena_done(&entries);
	d->pin.known = ids;
	d->pin.known_count = count;
	*complete = end && !k->full;
	return rc;
}

/* ---- the gate ---- */

struct restored { unsigned long long found, absent; int alone; char *why; };

static int restored_get(struct turn *t, struct restored *out)
{
	char *text;
	int at = 0;
	int rc = store_fact_get(t->txn, t->arena, GATE_RESTORED, &text);
	if (rc < 0)
		return rc;
	if (sscanf(text, "%llu %llu %d %n", &out->found, &out->absent, &out->alone, &at) != 3 || at == 0)
		return -ST_CORRUPT;
	out->why = text + at;
	return 0;
}

static int restored_put(struct turn *t, const struct restored *r)
{
	return store_fact_put(t->txn, GATE_RESTORED, arena_fmt(t->arena, "%llu %llu %d %s", r->found, r->absent, r->alone, r->why));
}

int restore_settled(struct turn *t, bool found)
{
	struct gate gate;
	struct restored r;
	int rc = store_gate_get(t->txn, t->arena, GATE_RESTORED, &gate);
	if (rc == 0)
		rc = restored_get(t, &r);
	if (rc < 0)
		return rc == -ST_NO_ITEM ? 0 : rc;
	r.found += found;
	r.absent += !found;
	return restored_put(t, &r);
}

/* One plan counts; what an earlier start has left in the index comes to nothing. */
static int step_plan(struct turn *t, int64_t at_ms)
{
	const struct periodic_ref ref = { .due_ms = at_ms, .kind = PERIODIC_RESTORE };
	int rc = store_fact_put(t->txn, "restored-step", arena_fmt(t->arena, "%lld", (long long)at_ms));
	if (rc == 0)
		rc = store_periodic_put(t->txn, &ref, "", 0);
	turn_periodic(t, at_ms);
	return rc;
}

int restore_close(struct turn *t, const char *why, bool alone)
{
	struct gate gate;
	struct restored r = { .alone = alone };
	int rc = store_gate_get(t->txn, t->arena, GATE_RESTORED, &gate);
	if (rc < 0 && rc != -ST_NO_ITEM)
		return rc;
	/* A copy of what is in doubt already: the counts go on. */
	if (rc == 0 && restored_get(t, &r) == 0)
		r.alone = r.alone && alone;
	r.why = arena_strdup(t->arena, why);
	gate = (struct gate){ .name = arena_strdup(t->arena, GATE_RESTORED), .since_ms = t->now_ms };
	gate.reason = arena_fmt(t->arena, "%s; what may have been published since is looked for on the platforms%s", why,
	                        alone ? "" : "; once the other one is stopped for good: smmq release --gate restored");
	rc = queue_gate_set(t, &gate);
	if (rc == 0)
		rc = restored_put(t, &r);
	if (rc == 0)
		rc = store_ids_skip(t->txn, RESTORE_ID_SKIP);
	if (rc == 0)
		rc = queue_note(t, NULL, NULL, "restored", arena_fmt(t->arena, "new items leave out %d ids, which may have been used", RESTORE_ID_SKIP),
		                NULL, NULL);
	return rc < 0 ? rc : step_plan(t, t->now_ms + STEP_MS);
}

struct tally { struct turn *t; size_t looking, undecided; struct buf ids; };

static int tally_each(void *ctx, const struct store_ref *ref)
{
	struct tally *y = ctx;
	struct target target;
	char id[32];
	int rc = store_target_get(y->t->txn, y->t->arena, ref->id, ref->n, &target);
	if (rc < 0)
		return rc == -ST_CORRUPT || rc == -ST_NO_ITEM ? 0 : rc;
	if (target.open_count > 0 && target.open->look_ms != 0) {
		y->looking++;
		return 0;
	}
	if (y->undecided++ < STEP_IDS)
		buf_add_fmt(&y->ids, "%s%s", y->ids.len > 0 ? ", " : "", unit_id_format(ref->id, (unsigned)ref->n, id, sizeof id));
	return 0;
}

/* What the gate says; in the journal too where that is news. */
static int gate_say(struct turn *t, struct gate *gate, const char *reason, bool news)
{
	if (reason == NULL)
		return -ST_NO_MEMORY;
	if (gate->reason != NULL && strcmp(gate->reason, reason) == 0)
		return 0;
	gate->reason = arena_strdup(t->arena, reason);
	int rc = store_gate_put(t->txn, gate);
	if (rc == 0 && news)
		rc = queue_note(t, NULL, NULL, "restored", reason, NULL, NULL);
	if (rc == 0 && news)
		queue_warn(t, "gate restored: a person is needed", NULL, reason);
	return rc;
}

/* The first item in doubt that nobody can be asked about: a file in an outbox, which may have been taken away already. (A webhook
 * gets the key that it may know, so it may get the post again.) *out: NULL if there is none. */
static int unaskable(struct turn *t, const char **out)
{
	struct doubt doubt;
	char id[32];
	*out = NULL;
	struct account *list = arena_alloc(t->arena, CONF_MAX_ACCOUNTS * 2, sizeof *list);
	if (list == NULL)
		return -ST_NO_MEMORY;
	int64_t got = store_account_list(t->txn, t->arena, list, CONF_MAX_ACCOUNTS * 2);
	int rc = got < 0 ? (int)got : doubt_get(t, &doubt);
	for (int64_t i = 0; i < got && rc == 0 && *out == NULL; i++) {
		const struct conf_account *conf = drive_conf(t->conf, &list[i]);
		struct store_ref ref, from = { 0 };
		if (conf != NULL && (conf->plat->reconcile != NULL || drive_blind(conf)))
			continue;
		int64_t due = store_due_list(t->txn, list[i].no, doubt.until_ms, &from, &ref, 1);
		rc = due < 0 ? (int)due : 0;
		if (due > 0)
			*out = arena_fmt(t->arena, "%s for account %s", unit_id_format(ref.id, (unsigned)ref.n, id, sizeof id), list[i].name);
	}
	return rc == -ST_NO_ITEM ? 0 : rc;
}

static int step_end(struct turn *t, struct gate *gate, const struct restored *r, const struct tally *y, bool more)
{
	static const char release[] = "smmq release --gate restored";
	const char *told = arena_fmt(t->arena, "looked for on the platforms: %llu found, %llu not there", r->found, r->absent);
	const char *reason, *blind;
	if (y->looking > 0 || more) {
		reason = arena_fmt(t->arena, "%s; %s, %zu%s still to be looked for", r->why, told, y->looking, more ? " or more" : "");
		return gate_say(t, gate, reason, false);
	}
	int rc = unaskable(t, &blind);
	if (rc < 0)
		return rc;
	if (y->undecided > 0)
		reason = arena_fmt(t->arena, "%s; %s, %zu cannot be told by looking (%s%s): smmq resolve each; then the gate %s%s", r->why, told,
		                   y->undecided, buf_cstr(&y->ids), y->undecided > STEP_IDS ? ", ..." : "",
		                   r->alone && blind == NULL ? "opens by itself" : "waits for: ", r->alone && blind == NULL ? "" : release);
	else if (blind != NULL)
		reason = arena_fmt(t->arena, "%s; %s. What was due cannot be asked for everywhere (%s is the first): cancel what was published, "
		                   "then: %s", r->why, told, blind, release);
	else if (!r->alone)
		reason = arena_fmt(t->arena, "%s; %s. Make sure that the other one is stopped for good, then: %s", r->why, told, release);
	else
		return queue_gate_remove(t, GATE_RESTORED, NULL, arena_fmt(t->arena, "restored: %s", told));
	return gate_say(t, gate, reason, y->undecided > 0 || blind != NULL);
}

int restore_step_turn(struct turn *t, int64_t due_ms)
{
	struct gate gate;
	struct restored r;
	char *text;
	int64_t at_ms;
	size_t doubted;
	int rc = store_fact_get(t->txn, t->arena, "restored-step", &text);
	if (rc == 0 && (unit_int_parse(text, 0, INT64_MAX, &at_ms) < 0 || at_ms != due_ms))
		return 0;
	if (rc == 0)
		rc = store_gate_get(t->txn, t->arena, GATE_RESTORED, &gate);
	if (rc == 0)
		rc = restored_get(t, &r);
	if (rc < 0)
		return rc == -ST_NO_ITEM ? 0 : rc;      /* a person has opened it */
	/* What a look has put back into the queue since the start, for an attempt that was recorded, is in doubt as well. */
	rc = restore_doubt(t, DOUBT_LIST, &doubted);
	struct tally y = { .t = t, .ids = BUF_INIT(1024) };
	struct store_page page = { .states = 1U << STATE_UNKNOWN, .max_looks = STEP_UNKNOWN };
	if (rc == 0)
		rc = store_page_walk(t->txn, &page, tally_each, &y);
	if (rc == 0)
		rc = step_end(t, &gate, &r, &y, page.cursor[0] != '\0');
	if (rc == 0)
		rc = step_plan(t, t->now_ms + (y.looking > 0 ? STEP_MS : STEP_WAIT_MS));
	buf_done(&y.ids);
	return rc;
}
