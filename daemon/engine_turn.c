/* engine_turn.c: the turns that publish: one driver step after the other. */
#include <stdio.h>
#include <string.h>

#include "daemon/engine_priv.h"
#include "daemon/log.h"
#include "proto/json.h"
#include "proto/status.h"
#include "proto/unit.h"

/* ---- requests ---- */

static const char *intent_detail(struct turn *t, const struct attempt *a)
{
	struct buf b = BUF_INIT(8192);
	struct json_writer w;
	jw_init(&w, &b);
	jw_object(&w, NULL);
	jw_int(&w, "attempt", (int64_t)a->number);
	jw_str(&w, "step", a->step);
	jw_str(&w, "mark", a->mark);
	jw_str(&w, "body_sha256", a->body_sha256);
	jw_end(&w);
	const char *text = buf_error(&b) == 0 ? arena_strndup(t->arena, b.data, b.len) : NULL;
	buf_done(&b);
	return text;
}

/* The attempt record: committed with this turn, before the request's first byte leaves. */
static int open_attempt(struct drive *d)
{
	struct turn *t = d->t;
	const struct plat_request *r = &d->out.request;
	struct attempt *a = arena_alloc(t->arena, 1, sizeof *a);
	if (a == NULL)
		return -ST_NO_MEMORY;
	a->number = ++d->target->attempts;
	a->step = arena_strdup(t->arena, r->step);
	a->mark = arena_strdup(t->arena, r->mark);
	a->body_sha256 = arena_strdup(t->arena, drive_body_sha256(t, r));
	a->armed_ms = t->now_ms;
	a->armed_steady_ms = t->steady_ms;
	d->target->open = a;
	d->target->open_count = 1;
	return queue_note(t, d->target, NULL, "intent", NULL, NULL, intent_detail(t, a));
}

/* ---- verdicts ---- */

static int ensure_sending(struct drive *d)
{
	if (d->target->state != STATE_QUEUED)
		return 0;
	int rc = clean_plan(d);
	return rc < 0 ? rc : queue_move(d->t, d->target, EVENT_ARM, NULL, NULL, NULL);
}

/* Nothing was shown by the step in question: back into the queue, or, where the target never left it, later in it. */
static int defer(struct drive *d, int64_t not_before_ms, const char *reason)
{
	struct target *target = d->target;
	drive_store_values(d);
	target->open = NULL;
	target->open_count = 0;
	target->not_before_ms = not_before_ms;
	int rc;
	if (target->state == STATE_SENDING) {
		rc = queue_move(d->t, target, EVENT_DEFER, reason, NULL, NULL);
	} else {
		target->reason = arena_strdup(d->t->arena, reason);
		rc = queue_keep(d->t, target);
	}
	return rc < 0 ? rc : drive_outcome(d, OUTCOME_END, 0);
}

int drive_fail(struct drive *d, const char *reason)
{
	drive_store_values(d);
	d->target->open = NULL;
	d->target->open_count = 0;
	int rc = ensure_sending(d);
	if (rc == 0)
		rc = queue_move(d->t, d->target, EVENT_FAIL, reason, NULL, NULL);
	return rc < 0 ? rc : drive_outcome(d, OUTCOME_END, 0);
}

static int on_fail(struct drive *d)
{
	struct target *target = d->target;
	int rc = 0;
	switch (d->out.klass) {
	case PLAT_TRANSIENT: {
		int64_t at_ms = d->t->now_ms + drive_backoff_ms(d, ++target->tries);
		return defer(d, d->out.until_ms > at_ms ? d->out.until_ms : at_ms, d->out.text);
	}
	case PLAT_RATE:
		/* The limit holds it back, not a time of its own: who ends the limit sends it. */
		rc = drive_rate_limit(d);
		return rc < 0 ? rc : defer(d, 0, d->out.text);
	case PLAT_AUTH:
		rc = queue_account_pause(d->t, d->account, d->out.text);
		return rc < 0 ? rc : defer(d, 0, d->out.text);
	case PLAT_DUPLICATE: case PLAT_UNKNOWN:
		/* A step that was sent long ago, and is in doubt again, is looked for like one whose answer was just lost. */
		if (target->open_count == 0 && d->out.request.step != NULL && d->out.request.effect == PLAT_ONCE) {
			rc = open_attempt(d);
			if (rc == 0)
				rc = ensure_sending(d);
			if (rc < 0)
				return rc;
		}
		/* Only an open attempt can be looked for; without one this is the platform's refusal. */
		if (target->open_count > 0) {
			drive_store_values(d);
			return drive_lose(d, d->out.text);
		}
		return drive_fail(d, d->out.text);
	case PLAT_PERMANENT: case PLAT_CLASS__COUNT:
		break;
	}
	return drive_fail(d, d->out.text);
}

/* A rehearsal stops before the step that would be seen. */
static bool rehearsal_stops(const struct drive *d)
{
	return d->t->conf->mode == MODE_REHEARSE && drive_visible(d);
}

/* The rehearsed item is held, so that it can be released once the mode is live. */
static int rehearsed(struct drive *d)
{
	static const char reason[] = "rehearsal (Mode=rehearse): everything up to the visible step worked, nothing was published";
	drive_store_values(d);
	int rc = d->target->state == STATE_SENDING ? queue_move(d->t, d->target, EVENT_DEFER, reason, NULL, NULL) : 0;
	if (rc == 0)
		rc = queue_move(d->t, d->target, EVENT_HOLD, reason, NULL, NULL);
	return rc < 0 ? rc : drive_outcome(d, OUTCOME_END, 0);
}

static int on_send(struct drive *d)
{
	if (rehearsal_stops(d))
		return rehearsed(d);
	drive_store_values(d);
	int rc = 0;
	if (d->out.request.effect == PLAT_ONCE)
		rc = open_attempt(d);
	if (rc == 0)
		rc = d->target->state == STATE_QUEUED ? ensure_sending(d) : queue_keep(d->t, d->target);
	return rc < 0 ? rc : drive_send(d);
}

static int on_wait(struct drive *d)
{
	int64_t until_ms = d->out.until_ms;
	if (d->target->state == STATE_QUEUED || until_ms - d->t->now_ms > ENGINE_WAIT_IN_MEMORY_MS)
		return defer(d, until_ms, d->out.text);
	drive_store_values(d);
	int rc = queue_keep(d->t, d->target);
	return rc < 0 ? rc : drive_outcome(d, OUTCOME_WAIT, until_ms);
}

static int on_need_session(struct drive *d)
{
	drive_store_values(d);
	int rc = drive_refused(d);
	if (rc == 0)
		rc = queue_keep(d->t, d->target);
	return rc < 0 ? rc : drive_outcome(d, OUTCOME_SESSION, 0);
}

int drive_verdict(struct drive *d)
{
	/* The driver has read the answer: unless it says that it cannot tell, the attempt is closed. */
	bool unclear = d->out.verdict == PLAT_FAIL && (d->out.klass == PLAT_UNKNOWN || d->out.klass == PLAT_DUPLICATE);
	if (!unclear)
		d->target->open_count = 0;
	switch (d->out.verdict) {
	case PLAT_SEND: return on_send(d);
	case PLAT_WAIT: return on_wait(d);
	case PLAT_NEED_SESSION: return on_need_session(d);
	case PLAT_DONE: return drive_publish(d);
	case PLAT_FAIL: return on_fail(d);
	case PLAT_SETTLED: case PLAT_UNDECIDED: break;
	}
	return drive_fail(d, "the driver gave a verdict that a step cannot have; this is a defect");
}

static int drive_step(struct drive *d)
{
	d->conf->plat->step(&d->pin, &d->out);
	return drive_verdict(d);
}

/* ---- the answer turn ---- */

/* The generic part of judging an answer; the driver only ever sees clear ones. */
static int drive_answer(struct drive *d)
{
	const struct answer *a = &d->in->answer;
	bool once = d->in->once;
	/* Where nobody can look, a request that is safe to repeat may have been seen all the same. */
	if (drive_blind(d->conf) && (a->reach == HTTP_MAYBE_SENT || (a->reach == HTTP_ANSWERED && a->status >= 500)))
		d->target->maybe_shown = 1;
	if (a->reach == HTTP_NOT_SENT) {
		d->out = (struct plat_out){ 0 };
		plat_fail(&d->out, PLAT_TRANSIENT, arena_fmt(d->t->arena, "nothing was sent: %s", a->error));
		return on_fail(d);
	}
	if (a->reach == HTTP_MAYBE_SENT && once)
		return drive_lose(d, arena_fmt(d->t->arena, "no clear answer to %s: %s", d->in->step, a->error));
	if (a->reach == HTTP_MAYBE_SENT) {
		d->out = (struct plat_out){ 0 };
		plat_fail(&d->out, PLAT_TRANSIENT, arena_fmt(d->t->arena, "no clear answer to %s: %s", d->in->step, a->error));
		return on_fail(d);
	}
	int rc = drive_note_answer(d);
	if (rc < 0)
		return rc;
	if (once && a->status >= 500)
		return drive_lose(d, arena_fmt(d->t->arena, "%s was answered with %d, which leaves open whether it was done", d->in->step, a->status));
	drive_response(d);
	d->conf->plat->step(&d->pin, &d->out);
	rc = drive_spent(d);
	return rc < 0 ? rc : drive_verdict(d);
}

int engine_drive_turn(struct turn *t, void *input)
{
	struct drive_input *in = input;
	struct drive d;
	int rc = drive_open(&d, t, in);
	if (rc < 0 && rc != -ST_NO_ITEM && rc != -ST_NO_ACCOUNT && rc != -ST_CORRUPT)
		return rc;
	if (rc == -ST_NO_ITEM || d.target->state != STATE_SENDING)
		return drive_outcome(&d, OUTCOME_END, 0);
	bool open = d.target->open_count > 0;
	if (open && !in->has_answer)
		return drive_lose(&d, "the answer could not be taken in");
	if (rc == -ST_CORRUPT)
		return open ? drive_lose(&d, "its content cannot be read") : drive_fail(&d, "its content cannot be read");
	if (rc == -ST_NO_ACCOUNT)
		return open ? drive_lose(&d, "the account is no longer configured") : defer(&d, 0, "the account is no longer configured");
	return in->has_answer ? drive_answer(&d) : drive_step(&d);
}

int engine_defer_turn(struct turn *t, void *input)
{
	struct drive_input *in = input;
	struct target target;
	struct drive d = { .t = t, .in = in };
	int rc = store_target_get(t->txn, t->arena, in->id, in->n, &target);
	/* A look that waited for the session has its lease in the periodic index. */
	if (rc == 0 && target.state == STATE_SENDING && in->kind == RUN_PUBLISH)
		rc = queue_move(t, &target, EVENT_DEFER, "no session could be had; see the account", NULL, NULL);
	return rc < 0 ? rc : drive_outcome(&d, OUTCOME_END, 0);
}

int engine_disarm_turn(struct turn *t, void *input)
{
	struct drive_input *in = input;
	struct target target;
	struct drive d = { .t = t, .in = in };
	int rc = store_target_get(t->txn, t->arena, in->id, in->n, &target);
	bool ours = rc == 0 && target.state == STATE_SENDING && (target.open_count == 0 || target.open->number == in->attempt);
	if (ours) {
		target.open_count = 0;
		rc = queue_move(t, &target, EVENT_DEFER, "taken back before it was sent: nothing had left", NULL, NULL);
	}
	return rc < 0 && rc != -ST_NO_ITEM && rc != -ST_CORRUPT ? rc : drive_outcome(&d, OUTCOME_END, 0);
}
