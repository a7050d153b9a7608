/* engine_look.c: the turns about what is not known: looking at the platform after a lost answer, the periodic index that plans
 * those looks, and settling what a dead process left under way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine_priv.h"
#include "daemon/engine_restore.h"
#include "daemon/keep.h"
#include "daemon/log.h"
#include "proto/status.h"

#define PERIODIC_BATCH 64
#define MEDIA_LEASE_MS (10 * 60 * 1000)
#define RECOVER_BATCH 200

/* ---- looking ---- */

static int look_again(struct drive *d, int64_t at_ms, const char *evidence)
{
	if (evidence != NULL)
		d->target->open->evidence = arena_strdup(d->t->arena, evidence);
	drive_store_values(d);
	int rc = drive_plan_look(d, at_ms);
	if (rc == 0)
		rc = queue_keep(d->t, d->target);
	return rc < 0 ? rc : drive_outcome(d, OUTCOME_END, 0);
}

/* Reading cannot tell: it stays unknown, with the evidence, until a person resolves it. */
static int look_undecided(struct drive *d, const char *evidence)
{
	const char *reason = arena_fmt(d->t->arena, "%s; look at the platform, then: smmq resolve", evidence);
	d->target->reason = arena_strdup(d->t->arena, reason);
	int rc = queue_note(d->t, d->target, NULL, "undecided", reason, NULL, NULL);
	return rc < 0 ? rc : look_again(d, 0, evidence);
}

/* A part was found, and the next one may stand too, without a record of its being sent. */
static int look_next_part(struct drive *d)
{
	struct target *target = d->target;
	target->open->unrecorded = 1;
	target->open->mark = NULL;
	target->open->step = arena_fmt(d->t->arena, "part.%zu", target->shown_count);
	target->open->looks = 0;
	int rc = queue_note(d->t, target, NULL, "found", d->out.text, NULL, NULL);
	return rc < 0 ? rc : look_again(d, d->t->now_ms, NULL);
}

static int look_settled(struct drive *d)
{
	struct target *target = d->target;
	size_t stood = target->shown_count;
	const char *reason = d->out.text;
	drive_store_values(d);
	int rc = target->shown_count == stood ? 0 : target->open->unrecorded ? 1 : restore_in_doubt(d->t, target->open->armed_ms);
	if (rc != 0)
		return rc < 0 ? rc : look_next_part(d);
	rc = drive_plan_look(d, 0);
	if (rc == 0 && target->open->unrecorded) {
		target->asked_ms = d->t->now_ms;
		reason = "looked for on the platform, and not there";
		rc = restore_settled(d->t, false);
	}
	if (rc < 0)
		return rc;
	target->open = NULL;
	target->open_count = 0;
	target->not_before_ms = 0;
	rc = queue_move(d->t, target, EVENT_SETTLE, reason, NULL, NULL);
	return rc < 0 ? rc : drive_outcome(d, OUTCOME_END, 0);
}

static int look_failed(struct drive *d)
{
	int64_t now_ms = d->t->now_ms;
	int rc = 0;
	switch (d->out.klass) {
	case PLAT_TRANSIENT: case PLAT_RATE: {
		int64_t at_ms = now_ms + drive_backoff_ms(d, d->target->open->looks);
		return look_again(d, d->out.until_ms > at_ms ? d->out.until_ms : at_ms, d->out.text);
	}
	case PLAT_AUTH:
		rc = queue_account_pause(d->t, d->account, d->out.text);
		return rc < 0 ? rc : look_again(d, now_ms + ENGINE_LOOK_LEASE_MS, d->out.text);
	case PLAT_PERMANENT: case PLAT_DUPLICATE: case PLAT_UNKNOWN: case PLAT_CLASS__COUNT:
		break;
	}
	return look_undecided(d, d->out.text);
}

static int look_verdict(struct drive *d)
{
	int rc;
	switch (d->out.verdict) {
	case PLAT_SEND:
		if (d->out.request.effect == PLAT_ONCE)
			return look_undecided(d, "the driver asked to write while looking; this is a defect");
		d->target->open->looks++;
		drive_store_values(d);
		rc = queue_keep(d->t, d->target);
		return rc < 0 ? rc : drive_send(d);
	case PLAT_WAIT: return look_again(d, d->out.until_ms, d->out.text);
	case PLAT_NEED_SESSION:
		drive_store_values(d);
		rc = drive_refused(d);
		if (rc == 0)
			rc = queue_keep(d->t, d->target);
		return rc < 0 ? rc : drive_outcome(d, OUTCOME_SESSION, 0);
	case PLAT_DONE: return drive_publish(d);
	case PLAT_SETTLED: return look_settled(d);
	case PLAT_FAIL: return look_failed(d);
	case PLAT_UNDECIDED: break;
	}
	return look_undecided(d, d->out.text);
}

static int look_driver(struct drive *d)
{
	const struct drive_input *in = d->in;
	if (d->conf->plat->reconcile == NULL)
		return look_undecided(d, "this platform cannot be asked");
	/* Reading what others can see is always allowed; a paused account would only be refused again. */
	if (d->account->pause_reason != NULL)
		return look_again(d, d->t->now_ms + ENGINE_LOOK_LEASE_MS, NULL);
	if (!in->has_answer && drive_needs_session(d))
		return drive_outcome(d, OUTCOME_SESSION, 0);
	if (in->has_answer && in->answer.reach != HTTP_ANSWERED) {
		plat_fail(&d->out, PLAT_TRANSIENT, arena_fmt(d->t->arena, "could not look: %s", in->answer.error));
		return look_failed(d);
	}
	bool complete = true;
	if (in->has_answer) {
		int rc = d->target->open->unrecorded ? restore_known(d, &complete) : 0;
		if (rc == 0)
			rc = drive_note_answer(d);
		if (rc < 0)
			return rc;
		drive_response(d);
	}
	d->conf->plat->reconcile(&d->pin, &d->out);
	if (!complete && d->out.verdict == PLAT_DONE)
		return look_undecided(d, arena_fmt(d->t->arena, "%s has the same content, but may be another item's: too much was published since",
		                                   d->out.url != NULL ? d->out.url : d->out.remote_id));
	return look_verdict(d);
}

int engine_look_turn(struct turn *t, void *input)
{
	struct drive_input *in = input;
	struct drive d;
	int rc = drive_open(&d, t, in);
	if (rc < 0 && rc != -ST_NO_ITEM && rc != -ST_NO_ACCOUNT && rc != -ST_CORRUPT)
		return rc;
	const struct target *target = d.target;
	/* An answer may be older than the attempt that is open now (it was resolved and sent anew): it says nothing about that one. */
	if (rc == -ST_NO_ITEM || target->state != STATE_UNKNOWN || target->open_count == 0 || (in->has_answer && in->attempt != target->open->number))
		return drive_outcome(&d, OUTCOME_END, 0);
	if (rc == -ST_CORRUPT)
		return look_undecided(&d, "its content cannot be read");
	if (rc == -ST_NO_ACCOUNT)
		return look_again(&d, t->now_ms + ENGINE_LOOKS_BACKOFF_MAX_MS, "the account is no longer configured");
	return rc < 0 ? rc : look_driver(&d);
}

/* ---- periodic work ---- */

static int periodic_look(struct turn *t, struct engine *e, const struct periodic_ref *ref)
{
	struct target target;
	int rc = store_target_get(t->txn, t->arena, ref->id, ref->n, &target);
	if (rc == 0)
		rc = store_periodic_del(t->txn, ref);
	if (rc < 0 && rc != -ST_NO_ITEM && rc != -ST_CORRUPT)
		return rc;
	if (rc < 0 || target.state != STATE_UNKNOWN || target.open_count == 0 || target.open->look_ms != ref->due_ms)
		return store_periodic_del(t->txn, ref);
	struct drive_input in = { .engine = e, .id = ref->id, .n = ref->n, .account_no = target.account_no, .kind = RUN_LOOK };
	struct drive d = { .t = t, .in = &in, .target = &target };
	rc = drive_plan_look(&d, t->now_ms + ENGINE_LOOK_LEASE_MS);
	if (rc == 0)
		rc = queue_keep(t, &target);
	return rc < 0 ? rc : drive_outcome(&d, OUTCOME_WAIT, 0);
}

static int periodic_gates(struct turn *t)
{
	struct queue_gates gates;
	int rc = queue_gates_load(t->txn, t->arena, &gates);
	for (size_t i = 0; rc == 0 && i < gates.count; i++)
		if (gates.list[i].until_ms > 0 && gates.list[i].until_ms <= t->now_ms)
			rc = queue_gate_remove(t, gates.list[i].name, NULL, arena_fmt(t->arena, "%s: its time is over", gates.list[i].name));
	return rc;
}

struct unused_effect { struct engine *engine; char sha256[65]; };

static void unused_run(void *data)
{
	const struct unused_effect *u = data;
	if (u->engine->unused != NULL)
		u->engine->unused(u->engine->unused_ctx, u->sha256);
}

/* What is unused for long enough is removed beside the turns, which may come to nothing: the next look is planned first. */
static int periodic_media(struct turn *t, struct engine *e, const struct kv_slice *data)
{
	struct blob b;
	const char *sha256 = data->data != NULL ? data->data : "";
	int rc = store_blob_get(t->txn, t->arena, sha256, &b);
	if (rc == -ST_NO_ITEM || rc == -ST_INVALID || rc == -ST_CORRUPT)
		return 0;
	if (rc < 0 || b.refs > 0 || b.unused_ms == 0)
		return rc;
	int64_t due_ms = b.unused_ms + QUEUE_MEDIA_UNUSED_MS;
	bool over = due_ms <= t->now_ms;
	if (over)
		due_ms = t->now_ms + MEDIA_LEASE_MS;
	rc = store_blob_plan(t->txn, sha256, due_ms);
	turn_periodic(t, due_ms);
	if (rc < 0 || !over)
		return rc;
	struct unused_effect *u = calloc(1, sizeof *u);
	if (u == NULL)
		return -ST_NO_MEMORY;
	u->engine = e;
	(void)snprintf(u->sha256, sizeof u->sha256, "%s", sha256);
	turn_effect(t, unused_run, free, u);
	return 0;
}

static void periodic_done(void *data)
{
	struct engine *e = data;
	e->periodic_turn = false;
}

int engine_periodic_turn(struct turn *t, void *input)
{
	const struct periodic_input *in = input;
	struct engine *e = in->engine;
	struct periodic_ref refs[PERIODIC_BATCH];
	struct kv_slice data[PERIODIC_BATCH];
	int64_t next_ms;
	size_t looks = 0;
	int64_t got = store_periodic_list(t->txn, t->arena, t->now_ms, refs, data, PERIODIC_BATCH);
	int rc = got < 0 ? (int)got : 0;
	for (int64_t i = 0; i < got && rc == 0; i++) {
		if (refs[i].kind == PERIODIC_RECONCILE || refs[i].kind == PERIODIC_CLEAN) {
			if (looks < in->room)
				rc = refs[i].kind == PERIODIC_CLEAN ? clean_begin(t, e, &refs[i]) : periodic_look(t, e, &refs[i]);
			looks++;
			continue;
		}
		if (refs[i].kind == PERIODIC_TOKEN) {
			rc = token_plan_turn(t, e, &refs[i]);
			continue;
		}
		if (refs[i].kind == PERIODIC_GATE)
			rc = periodic_gates(t);
		else if (refs[i].kind == PERIODIC_KEEP)
			rc = keep_step_turn(t, &data[i]);
		else if (refs[i].kind == PERIODIC_RESTORE)
			rc = restore_step_turn(t, refs[i].due_ms);
		else if (refs[i].kind == PERIODIC_MEDIA)
			rc = periodic_media(t, e, &data[i]);
		if (rc == 0)
			rc = store_periodic_del(t->txn, &refs[i]);
	}
	if (rc == 0)
		rc = store_periodic_next(t->txn, &next_ms);
	if (rc < 0)
		return rc;
	turn_effect(t, periodic_done, NULL, e);
	/* Looks without room are tried again when some of those under way have ended. */
	turn_periodic(t, looks > in->room ? t->now_ms + ENGINE_RETRY_TURN_MS : next_ms);
	return 0;
}

/* ---- recovery ---- */

struct recover_walk { struct store_ref refs[RECOVER_BATCH]; size_t count; };

static int recover_collect(void *ctx, const struct store_ref *ref)
{
	struct recover_walk *w = ctx;
	if (w->count == RECOVER_BATCH)
		return 1;
	w->refs[w->count++] = *ref;
	return 0;
}

/* What was under way when the process died: an open attempt may have been seen by the public; anything else provably was not.
 * 1: settled; 0: it cannot be read. */
static int recover_one(struct turn *t, struct engine *e, const struct store_ref *ref)
{
	struct target target;
	struct account account;
	struct drive_input in = { .engine = e, .id = ref->id, .n = ref->n };
	int rc = store_target_get(t->txn, t->arena, ref->id, ref->n, &target);
	if (rc == -ST_CORRUPT || rc == -ST_NO_ITEM) {
		log_line(LOG_LEVEL_ERR, "a target that was under way cannot be read", "item=%llu.%llu", (unsigned long long)ref->id,
		         (unsigned long long)ref->n);
		return 0;
	}
	if (rc < 0)
		return rc;
	struct drive d = { .t = t, .in = &in, .target = &target };
	rc = store_account_get(t->txn, t->arena, target.account_no, &account);
	if (rc == 0)
		d.conf = drive_conf(t->conf, &account);
	if (target.open_count == 0) {
		bool blind = drive_blind(d.conf);
		target.maybe_shown |= blind;
		rc = queue_move(t, &target, EVENT_DEFER, blind ? "the daemon was restarted; its request may have arrived and is repeated"
		                                               : "the daemon was restarted; what it had begun is done again", NULL, NULL);
		return rc < 0 ? rc : 1;
	}
	in.account_no = target.account_no;
	rc = drive_lose(&d, "the daemon ended while the request was on its way");
	return rc < 0 ? rc : 1;
}

static int recover_due(struct turn *t)
{
	struct account *list = arena_alloc(t->arena, CONF_MAX_ACCOUNTS * 2, sizeof *list);
	int64_t next_ms;
	if (list == NULL)
		return -ST_NO_MEMORY;
	int64_t got = store_account_list(t->txn, t->arena, list, CONF_MAX_ACCOUNTS * 2);
	for (int64_t i = 0; i < got; i++) {
		int rc = store_due_next(t->txn, list[i].no, -1, &next_ms);
		if (rc < 0)
			return rc;
		turn_due(t, list[i].no, next_ms);
	}
	int rc = got < 0 ? (int)got : store_periodic_next(t->txn, &next_ms);
	if (rc == 0)
		turn_periodic(t, next_ms);
	return rc;
}

static void recover_started(void *data)
{
	struct engine *e = data;
	e->started = true;
	engine_schedule(e);
}

static void recover_more(void *data)
{
	engine_start(data);
}

struct steady_effect { struct turns *turns; int64_t offset_ms; };

static void steady_run(void *data)
{
	const struct steady_effect *s = data;
	turns_set_steady(s->turns, s->offset_ms);
}

/* The steady clock goes on over a restart of the daemon. After one of the machine nobody knows how long it was away but the wall
 * clock; a wrong one closes a gate of its own. */
static int recover_steady(struct turn *t, const struct recover_input *in)
{
	char *text, boot_id[48];
	long long offset_ms = 0;
	int rc = store_fact_get(t->txn, t->arena, "steady", &text);
	if (rc < 0 && rc != -ST_NO_ITEM)
		return rc;
	bool same = rc == 0 && sscanf(text, "%47s %lld", boot_id, &offset_ms) == 2 && strcmp(boot_id, in->boot_id) == 0;
	if (!same) {
		offset_ms = t->now_ms - in->boot_ms;
		rc = store_fact_put(t->txn, "steady", arena_fmt(t->arena, "%s %lld", in->boot_id, offset_ms));
		if (rc < 0)
			return rc;
	}
	struct steady_effect *s = malloc(sizeof *s);
	if (s == NULL)
		return -ST_NO_MEMORY;
	*s = (struct steady_effect){ in->engine->parts.turns, offset_ms };
	turn_effect(t, steady_run, free, s);
	t->steady_ms = in->boot_ms + offset_ms;
	return 0;
}

int engine_recover_turn(struct turn *t, void *input)
{
	const struct recover_input *in = input;
	struct engine *e = in->engine;
	struct recover_walk *w = arena_alloc(t->arena, 1, sizeof *w);
	if (w == NULL)
		return -ST_NO_MEMORY;
	struct store_page page = { .states = 1U << STATE_SENDING, .max_looks = RECOVER_BATCH };
	int rc = recover_steady(t, in);
	if (rc == 0)
		rc = store_page_walk(t->txn, &page, recover_collect, w);
	if (rc < 0)
		return rc;
	size_t settled = 0;
	for (size_t i = 0; i < w->count; i++) {
		rc = recover_one(t, e, &w->refs[i]);
		if (rc < 0)
			return rc;
		settled += (size_t)rc;
	}
	/* Those just settled no longer stand there: the next batch begins at the front again. A batch that settles none ends it. */
	if (w->count == RECOVER_BATCH && settled > 0) {
		turn_effect(t, recover_more, NULL, e);
		return 0;
	}
	size_t doubted;
	rc = restore_doubt(t, RECOVER_BATCH, &doubted);
	if (rc == 0 && doubted == RECOVER_BATCH) {
		turn_effect(t, recover_more, NULL, e);
		return 0;
	}
	if (rc == 0)
		rc = recover_due(t);
	if (rc == 0)
		turn_effect(t, recover_started, NULL, e);
	return rc;
}
