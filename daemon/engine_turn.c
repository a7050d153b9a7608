/* engine_turn.c: the turns that publish: picking what is due, and one driver step after the other. */
#include <stdio.h>
#include <string.h>

#include "daemon/engine_priv.h"
#include "daemon/log.h"
#include "proto/hash.h"
#include "proto/json.h"
#include "proto/status.h"
#include "proto/unit.h"

#define FIRE_LOOKS 256               /* due targets looked at in one turn */

/* ---- requests ---- */

static const char *body_sha256(struct turn *t, const struct plat_request *r)
{
	struct buf b = BUF_INIT(16 * 1024 * 1024);
	unsigned char hash[HASH_SHA256_BYTES];
	char hex[HASH_SHA256_HEX_SIZE];
	for (size_t i = 0; i < r->piece_count; i++)
		if (r->pieces[i].kind == PLAT_BYTES)
			buf_add(&b, r->pieces[i].data, r->pieces[i].len);
		else
			buf_add_str(&b, r->pieces[i].sha256);
	const char *text = NULL;
	if (buf_error(&b) == 0 && hash_sha256(b.data, b.len, hash) == 0)
		text = arena_strdup(t->arena, hash_hex(hash, sizeof hash, hex));
	buf_done(&b);
	return text;
}

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
	a->body_sha256 = arena_strdup(t->arena, body_sha256(t, r));
	a->armed_ms = t->now_ms;
	d->target->open = a;
	d->target->open_count = 1;
	return queue_note(t, d->target, NULL, "intent", NULL, NULL, intent_detail(t, a));
}

static int note_answer(struct drive *d)
{
	const struct answer *a = &d->in->answer;
	unsigned char hash[HASH_SHA256_BYTES];
	char hex[HASH_SHA256_HEX_SIZE];
	if (hash_sha256(a->body, a->body_len, hash) < 0)
		return -ST_NO_MEMORY;
	const char *detail = arena_fmt(d->t->arena, "{\"step\":\"%s\",\"status\":%d,\"bytes\":%zu,\"body_sha256\":\"%s\"}", d->in->step,
	                               a->status, a->body_len, hash_hex(hash, sizeof hash, hex));
	return queue_note(d->t, d->target, NULL, "answer", NULL, NULL, detail);
}

/* ---- verdicts ---- */

static int ensure_sending(struct drive *d)
{
	return d->target->state == STATE_QUEUED ? queue_move(d->t, d->target, EVENT_ARM, NULL, NULL, NULL) : 0;
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

static int fail_for_good(struct drive *d, const char *reason)
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
		rc = drive_rate_limit(d);
		return rc < 0 ? rc : defer(d, d->account->not_before_ms, d->out.text);
	case PLAT_AUTH:
		rc = queue_account_pause(d->t, d->account, d->out.text);
		return rc < 0 ? rc : defer(d, 0, d->out.text);
	case PLAT_DUPLICATE: case PLAT_UNKNOWN:
		/* Only an open attempt can be looked for; without one this is the platform's refusal. */
		if (target->open_count > 0) {
			drive_store_values(d);
			return drive_lose(d, d->out.text);
		}
		return fail_for_good(d, d->out.text);
	case PLAT_PERMANENT: case PLAT_CLASS__COUNT:
		break;
	}
	return fail_for_good(d, d->out.text);
}

/* A rehearsal stops before the step that would be seen: the commit step, or any write of a platform that has no such step. */
static bool rehearsal_stops(const struct drive *d)
{
	enum plat_effect effect = d->out.request.effect;
	return d->t->conf->mode == MODE_REHEARSE && (effect == PLAT_ONCE || (effect != PLAT_NONE && d->conf->plat->reconcile == NULL));
}

static int on_send(struct drive *d)
{
	if (rehearsal_stops(d))
		return fail_for_good(d, "rehearsal (Mode=rehearse): everything up to the visible step worked, nothing was published");
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
	int rc = queue_keep(d->t, d->target);
	return rc < 0 ? rc : drive_outcome(d, OUTCOME_SESSION, 0);
}

static int drive_step(struct drive *d)
{
	d->conf->plat->step(&d->pin, &d->out);
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
	return fail_for_good(d, "the driver gave a verdict that a step cannot have; this is a defect");
}

/* ---- the answer turn ---- */

/* The generic part of judging an answer; the driver only ever sees clear ones. */
static int drive_answer(struct drive *d)
{
	const struct answer *a = &d->in->answer;
	bool once = d->in->once;
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
	int rc = note_answer(d);
	if (rc < 0)
		return rc;
	if (once && a->status >= 500)
		return drive_lose(d, arena_fmt(d->t->arena, "%s was answered with %d, which leaves open whether it was done", d->in->step, a->status));
	drive_response(d);
	return drive_step(d);
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
		return open ? drive_lose(&d, "its content cannot be read") : fail_for_good(&d, "its content cannot be read");
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

/* ---- the fire turn ---- */

/* By its late rule or its expiry a due target may end here: post fires until MaxLate= has passed, skip and hold act once it is
 * late at all (a minute, or MaxLate= where that is shorter). 1: it did (or was held); 0: it may fire. */
static int fire_lateness(struct turn *t, struct target *target, const struct conf_account *conf)
{
	int64_t late_ms = t->now_ms - target->due_ms;
	int64_t max_ms = target->max_late_ms > 0 ? target->max_late_ms : conf->max_late_ms;
	char span[64];
	/* Parts that stand are finished whatever the time: half a thread is worse than a late one. */
	if (target->shown_count > 0)
		return 0;
	const char *last = target->reason != NULL ? arena_fmt(t->arena, "; last: %s", target->reason) : "";
	const char *late = arena_fmt(t->arena, "due was %s ago", unit_duration_format(late_ms - late_ms % 1000, span, sizeof span));
	int64_t few_ms = max_ms < ENGINE_LATE_MS ? max_ms : ENGINE_LATE_MS;
	int rc = 0;
	if (target->expires_ms > 0 && t->now_ms >= target->expires_ms)
		rc = queue_move(t, target, EVENT_EXPIRE, arena_fmt(t->arena, "its expiry time passed%s", last), NULL, NULL);
	else if (target->late == LATE_HOLD && late_ms > few_ms)
		rc = queue_move(t, target, EVENT_HOLD, arena_fmt(t->arena, "late (%s) and Late=hold%s", late, last), NULL, NULL);
	else if (target->late == LATE_SKIP && late_ms > few_ms)
		rc = queue_move(t, target, EVENT_MISS, arena_fmt(t->arena, "late (%s) and Late=skip%s", late, last), NULL, NULL);
	else if (late_ms > max_ms)
		rc = queue_move(t, target, EVENT_MISS, arena_fmt(t->arena, "%s, more than MaxLate=%s%s", late,
		                unit_duration_format(max_ms, span, sizeof span), last), NULL, NULL);
	else
		return 0;
	return rc < 0 ? rc : 1;
}

/* 1: a place is taken; 0: the target ended or was passed over. */
static int fire_one(struct turn *t, struct fire_input *in, struct account *account, const struct conf_account *conf,
                    const struct queue_gates *gates, const struct store_ref *ref)
{
	struct target *target = arena_alloc(t->arena, 1, sizeof *target);
	struct post *post = arena_alloc(t->arena, 1, sizeof *post);
	struct drive *d = arena_alloc(t->arena, 1, sizeof *d);
	struct drive_input *drive = arena_alloc(t->arena, 1, sizeof *drive);
	if (target == NULL || post == NULL || d == NULL || drive == NULL)
		return -ST_NO_MEMORY;
	int rc = store_target_get(t->txn, t->arena, ref->id, ref->n, target);
	if (rc == 0)
		rc = store_post_get(t->txn, t->arena, ref->id, post);
	if (rc == -ST_CORRUPT || rc == -ST_NO_ITEM) {
		/* One damaged record must not keep the others waiting. */
		log_line(LOG_LEVEL_ERR, "a due target cannot be read and is passed over", "item=%llu.%llu error=%s",
		         (unsigned long long)ref->id, (unsigned long long)ref->n, status_info(rc)->word);
		return 0;
	}
	if (rc < 0)
		return rc;
	if (queue_gate_of(gates, account->name, target->label) != NULL)
		return 0;
	rc = fire_lateness(t, target, conf);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	*drive = (struct drive_input){ .engine = in->engine, .id = ref->id, .n = ref->n, .account_no = in->account_no, .kind = RUN_PUBLISH };
	memcpy(drive->random, in->random, sizeof drive->random);
	drive->random[0] = (unsigned char)(drive->random[0] ^ in->fired);
	drive->random[1] = (unsigned char)(drive->random[1] ^ (in->fired >> 8));
	rc = drive_load(d, t, drive, target, post, account);
	if (rc == -ST_CORRUPT)
		return fail_for_good(d, "its content cannot be read");
	if (rc < 0)
		return rc;
	target->reason = NULL;
	d->conf->plat->step(&d->pin, &d->out);
	if (d->out.verdict == PLAT_NEED_SESSION) {
		in->needs_session = true;
		return 0;
	}
	switch (d->out.verdict) {
	case PLAT_SEND: rc = on_send(d); break;
	case PLAT_WAIT: rc = on_wait(d); break;
	case PLAT_DONE: rc = drive_publish(d); break;
	case PLAT_FAIL: rc = on_fail(d); break;
	case PLAT_NEED_SESSION: case PLAT_SETTLED: case PLAT_UNDECIDED:
		rc = fail_for_good(d, "the driver gave a verdict that a step cannot have; this is a defect");
		break;
	}
	return rc < 0 ? rc : target->state == STATE_SENDING;
}

/* Whether the account may send now; if not, in->next_ms says when to look again (INT64_MAX: when something changes). */
static bool fire_allowed(struct turn *t, struct fire_input *in, const struct account *account, const struct conf_account *conf,
                         const struct queue_gates *gates, bool needs_session)
{
	in->next_ms = INT64_MAX;
	if (conf == NULL || account->pause_reason != NULL || queue_gate_of(gates, account->name, NULL) != NULL)
		return false;
	if (account->not_before_ms > t->now_ms && account->not_before_ms - t->now_ms <= ENGINE_RATE_MAX_MS) {
		in->next_ms = account->not_before_ms;
		return false;
	}
	if (needs_session)
		in->needs_session = true;
	return !needs_session;
}

static int fire_scan(struct turn *t, struct fire_input *in, struct account *account, const struct conf_account *conf,
                     const struct queue_gates *gates)
{
	struct store_ref refs[FIRE_LOOKS];
	int64_t got = store_due_list(t->txn, in->account_no, t->now_ms, &in->from, refs, FIRE_LOOKS);
	if (got < 0)
		return (int)got;
	in->cut = in->from;
	in->next_ms = t->now_ms;
	for (int64_t i = 0; i < got; i++) {
		if (in->fired == in->slots || in->needs_session)
			return 0;
		int rc = fire_one(t, in, account, conf, gates, &refs[i]);
		if (rc < 0)
			return rc;
		in->fired += (unsigned)rc;
		if (!in->needs_session)
			in->cut = refs[i];
	}
	return got == FIRE_LOOKS ? 0 : store_due_next(t->txn, in->account_no, t->now_ms, &in->next_ms);
}

int engine_fire_turn(struct turn *t, void *input)
{
	struct fire_input *in = input;
	struct account account;
	struct queue_gates gates;
	in->fired = 0;
	in->needs_session = false;
	in->cut = in->from;
	in->parallel = 1;
	int rc = store_account_get(t->txn, t->arena, in->account_no, &account);
	if (rc == 0)
		rc = queue_gates_load(t->txn, t->arena, &gates);
	if (rc < 0)
		return rc;
	(void)snprintf(in->name, sizeof in->name, "%s", account.name);
	const struct conf_account *conf = conf_account_find(t->conf, account.name);
	if (conf != NULL)
		in->parallel = conf->plat->parallel;
	/* Nothing due: no session is asked for before it is needed. */
	struct store_ref first;
	struct store_ref none = { 0 };
	int64_t due = store_due_list(t->txn, in->account_no, t->now_ms, &none, &first, 1);
	if (due < 0)
		return (int)due;
	if (due == 0)
		return store_due_next(t->txn, in->account_no, t->now_ms, &in->next_ms);
	struct drive probe = { .t = t, .conf = conf, .account = &account };
	if (!fire_allowed(t, in, &account, conf, &gates, conf != NULL && drive_needs_session(&probe)))
		return 0;
	return fire_scan(t, in, &account, conf, &gates);
}
