/* engine_drive.c: one driver call inside a turn: what goes in, and what its verdict does to the target. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine_priv.h"
#include "daemon/log.h"
#include "daemon/model/retry.h"
#include "proto/hash.h"
#include "proto/status.h"

/* Drivers change values in place: the stored ones stay as they are until the call is known to be good. */
static struct plat_values values_copy(struct arena *a, const struct value *list, size_t count)
{
	struct plat_values v = { .arena = a, .list = arena_grow(a, list, count, count + 1, sizeof *list), .count = count };
	if (v.list == NULL) {
		v.count = 0;
		v.error = -ST_NO_MEMORY;
	}
	return v;
}

const struct conf_account *drive_conf(const struct conf *conf, const struct account *account)
{
	const struct conf_account *a = conf_account_find(conf, account->name);
	return a != NULL && (account->platform == NULL || strcmp(account->platform, a->plat->name) == 0) ? a : NULL;
}

bool drive_blind(const struct conf_account *conf)
{
	return conf != NULL && conf->base_url != NULL && conf->plat->reconcile == NULL;
}

bool drive_visible(const struct drive *d)
{
	enum plat_effect effect = d->out.request.effect;
	return effect == PLAT_ONCE || (effect != PLAT_NONE && d->conf->plat->reconcile == NULL);
}

int drive_load(struct drive *d, struct turn *t, struct drive_input *in, struct target *target, struct post *post, struct account *account)
{
	memset(d, 0, sizeof *d);
	d->t = t;
	d->in = in;
	d->target = target;
	d->post = post;
	d->account = account;
	d->conf = drive_conf(t->conf, account);
	d->account_values = values_copy(t->arena, account->values, account->value_count);
	d->pin = (struct plat_in){ .arena = t->arena, .account = &d->view, .account_values = &d->account_values,
	                          .now_ms = in->send_ms > t->now_ms ? in->send_ms : t->now_ms, .steady_ms = t->steady_ms };
	memcpy(d->pin.random, in->random, sizeof d->pin.random);
	if (target != NULL) {
		d->values = values_copy(t->arena, target->values, target->value_count);
		d->pin.post = post;
		d->pin.target = target;
		d->pin.content = job_content(post, target);
		d->pin.values = &d->values;
		if (d->pin.content == NULL)
			return -ST_CORRUPT;
	}
	if (d->conf == NULL)
		return -ST_NO_ACCOUNT;
	conf_account_plat(d->conf, &d->view);
	return 0;
}

int drive_open(struct drive *d, struct turn *t, struct drive_input *in)
{
	struct target *target = arena_alloc(t->arena, 1, sizeof *target);
	struct post *post = arena_alloc(t->arena, 1, sizeof *post);
	struct account *account = arena_alloc(t->arena, 1, sizeof *account);
	*d = (struct drive){ .t = t, .in = in };
	if (target == NULL || post == NULL || account == NULL)
		return -ST_NO_MEMORY;
	int rc = store_target_get(t->txn, t->arena, in->id, in->n, target);
	if (rc == 0)
		rc = store_account_get(t->txn, t->arena, in->account_no, account);
	if (rc == -ST_CORRUPT || rc == -ST_NO_ITEM || rc == -ST_NO_ACCOUNT) {
		log_line(LOG_LEVEL_ERR, "a target that was under way, or its account, cannot be read", "item=%llu.%llu", (unsigned long long)in->id,
		         (unsigned long long)in->n);
		return -ST_NO_ITEM;
	}
	if (rc == 0)
		rc = store_post_get(t->txn, t->arena, in->id, post);
	if (rc == -ST_CORRUPT || rc == -ST_NO_ITEM) {
		memset(post, 0, sizeof *post);
		rc = 0;
	}
	return rc < 0 ? rc : drive_load(d, t, in, target, post, account);
}

void drive_response(struct drive *d)
{
	const struct answer *a = &d->in->answer;
	d->response = (struct plat_response){ .status = a->status, .body = a->body != NULL ? a->body : "", .body_len = a->body_len,
	                                      .headers = a->headers, .header_count = a->header_count, .received_ms = a->received_ms };
	d->pin.response = &d->response;
	d->pin.response_step = d->in->step;
}

bool drive_needs_session(const struct drive *d)
{
	const struct plat *p = d->conf->plat;
	if (p->session == NULL)
		return false;
	const char *digest = d->account->credential_digest;
	return d->account->session_ms == 0 || d->t->now_ms - d->account->session_ms > p->session_ms ||
	       d->t->now_ms < d->account->session_ms || strcmp(digest != NULL ? digest : "", d->conf->credential_digest) != 0;
}

/* What stands on the platform, as the driver's values tell. */
static void drive_shown(struct drive *d)
{
	size_t count = 0;
	while (count < d->pin.content->part_count && plat_get_n(&d->values, PLAT_ID, count) != NULL)
		count++;
	struct shown *list = arena_alloc(d->t->arena, count + 1, sizeof *list);
	if (list == NULL)
		return;
	for (size_t i = 0; i < count; i++) {
		list[i].remote_id = arena_strdup(d->t->arena, plat_get_n(&d->values, PLAT_ID, i));
		list[i].url = arena_strdup(d->t->arena, plat_get_n(&d->values, PLAT_URL, i));
	}
	d->target->shown = list;
	d->target->shown_count = count;
}

void drive_store_values(struct drive *d)
{
	/* What does not fit is not kept; the driver has said so in its verdict. */
	if (d->values.error < 0 || d->pin.content == NULL)
		return;
	d->target->values = d->values.list;
	d->target->value_count = d->values.count;
	if (!drive_blind(d->conf))
		d->target->maybe_shown = plat_get(&d->values, PLAT_ACCEPTED) != NULL;
	drive_shown(d);
}

int drive_refused(struct drive *d)
{
	if (!d->out.refused)
		return 0;
	plat_set(&d->account_values, PLAT_REFUSED, "1");
	if (d->account_values.error < 0)
		return d->account_values.error;
	d->account->values = d->account_values.list;
	d->account->value_count = d->account_values.count;
	return store_account_put(d->t->txn, d->account);
}

int64_t drive_backoff_ms(const struct drive *d, uint64_t tries)
{
	uint64_t random;
	memcpy(&random, d->in->random, sizeof random);
	return retry_delay_ms(tries, random);
}

/* ---- outcomes ---- */

static struct outcome *outcome_new(struct drive *d, enum outcome_kind what)
{
	struct outcome *o = calloc(1, sizeof *o);
	if (o == NULL) {
		d->t->error = -ST_NO_MEMORY;
		return NULL;
	}
	const struct drive_input *in = d->in;
	*o = (struct outcome){ .engine = in->engine, .serial = in->serial, .id = in->id, .n = in->n, .account_no = in->account_no,
	                       .kind = in->kind, .what = what, .send_ms = in->send_ms };
	if (d->target != NULL && d->target->open_count > 0)
		o->attempt = d->target->open->number;
	return o;
}

int drive_outcome(struct drive *d, enum outcome_kind what, int64_t wake_ms)
{
	struct outcome *o = outcome_new(d, what);
	if (o == NULL)
		return -ST_NO_MEMORY;
	o->wake_ms = wake_ms;
	o->ok = d->out.verdict == PLAT_DONE;
	turn_effect(d->t, run_apply, run_outcome_drop, o);
	return 0;
}

const char *drive_body_sha256(struct turn *t, const struct plat_request *r)
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

int drive_note_answer(struct drive *d)
{
	const struct answer *a = &d->in->answer;
	unsigned char hash[HASH_SHA256_BYTES];
	char hex[HASH_SHA256_HEX_SIZE];
	const char *detail;
	if (d->target == NULL) {
		detail = arena_fmt(d->t->arena, "{\"step\":\"%s\",\"status\":%d}", d->in->step, a->status);
		return queue_note(d->t, NULL, d->account->name, "answer", NULL, NULL, detail);
	}
	if (hash_sha256(a->body, a->body_len, hash) < 0)
		return -ST_NO_MEMORY;
	detail = arena_fmt(d->t->arena, "{\"step\":\"%s\",\"request_sha256\":\"%s\",\"status\":%d,\"bytes\":%zu,\"body_sha256\":\"%s\"}", d->in->step,
	                   d->in->digest, a->status, a->body_len, hash_hex(hash, sizeof hash, hex));
	return queue_note(d->t, d->target, NULL, "answer", NULL, NULL, detail);
}

static bool is_file(const struct plat_request *r)
{
	return r->method == PLAT_FILE || r->method == PLAT_UNLINK;
}

int drive_send(struct drive *d)
{
	const struct plat_request *r = &d->out.request;
	struct outcome *o = outcome_new(d, is_file(r) ? OUTCOME_FILE : OUTCOME_SEND);
	if (o == NULL)
		return -ST_NO_MEMORY;
	o->once = r->effect == PLAT_ONCE;
	/* What only prepares may leave before its time. */
	o->wake_ms = d->target != NULL && drive_visible(d) ? d->in->send_ms : 0;
	(void)snprintf(o->step, sizeof o->step, "%s", r->step);
	const char *digest = d->target == NULL ? "" : r->effect == PLAT_ONCE ? d->target->open->body_sha256 : drive_body_sha256(d->t, r);
	(void)snprintf(o->digest, sizeof o->digest, "%s", digest != NULL && r->piece_count > 0 ? digest : "");
	if (is_file(r))
		o->file = run_build_file(r);
	else
		o->request = run_build_http(d->in->engine, r);
	if (o->file == NULL && o->request == NULL) {
		run_outcome_drop(o);
		d->t->error = -ST_NO_MEMORY;
		return -ST_NO_MEMORY;
	}
	turn_effect(d->t, run_apply, run_outcome_drop, o);
	return 0;
}

/* ---- what verdicts do ---- */

static void close_attempt(struct target *target)
{
	target->open = NULL;
	target->open_count = 0;
}

int drive_plan_look(struct drive *d, int64_t at_ms)
{
	struct target *target = d->target;
	if (target->open_count == 0)
		return 0;
	struct periodic_ref ref = { .kind = PERIODIC_RECONCILE, .id = target->id, .n = target->n, .due_ms = target->open->look_ms };
	int rc = ref.due_ms != 0 ? store_periodic_del(d->t->txn, &ref) : 0;
	target->open->look_ms = at_ms;
	if (rc < 0 || at_ms == 0)
		return rc;
	ref.due_ms = at_ms;
	turn_periodic(d->t, at_ms);
	return store_periodic_put(d->t->txn, &ref, "", 0);
}

int drive_publish(struct drive *d)
{
	struct target *target = d->target;
	int rc = 0;
	drive_store_values(d);
	/* A queued target whose parts all stand (they were found) has nothing left to send, but the table has one way only. */
	if (target->state == STATE_QUEUED)
		rc = queue_move(d->t, target, EVENT_ARM, NULL, NULL, NULL);
	if (rc == 0)
		rc = drive_plan_look(d, 0);
	if (rc < 0)
		return rc;
	if (target->shown_count == 0) {
		target->shown = arena_alloc(d->t->arena, 1, sizeof *target->shown);
		if (target->shown == NULL)
			return -ST_NO_MEMORY;
		target->shown->remote_id = arena_strdup(d->t->arena, d->out.remote_id);
		target->shown->url = arena_strdup(d->t->arena, d->out.url);
		target->shown_count = 1;
	}
	const char *reason = NULL;
	if (target->open_count > 0 && target->open->unrecorded) {
		reason = "found on the platform: a run that this store does not know of had published it";
		rc = restore_settled(d->t, true);
		if (rc < 0)
			return rc;
	}
	close_attempt(target);
	target->tries = 0;
	target->published_ms = d->t->now_ms;
	rc = queue_move(d->t, target, EVENT_PUBLISH, reason, NULL, NULL);
	return rc < 0 ? rc : drive_outcome(d, OUTCOME_END, 0);
}

int drive_lose(struct drive *d, const char *evidence)
{
	struct target *target = d->target;
	const struct plat *p = d->conf != NULL ? d->conf->plat : NULL;
	target->open->lost_ms = d->t->now_ms;
	target->open->lost_steady_ms = d->t->steady_ms;
	target->open->evidence = arena_strdup(d->t->arena, evidence);
	int64_t settle_ms = p != NULL ? p->settle_ms : 10 * 1000;
	int rc = drive_plan_look(d, d->t->now_ms + settle_ms);
	if (rc == 0)
		rc = queue_move(d->t, target, EVENT_LOSE, evidence, NULL, NULL);
	return rc < 0 ? rc : drive_outcome(d, OUTCOME_END, 0);
}

int drive_rate_limit(struct drive *d)
{
	int64_t at_ms = d->out.until_ms > d->t->now_ms ? d->out.until_ms : d->t->now_ms + drive_backoff_ms(d, 1);
	return queue_limit_set(d->t, d->account, d->conf, d->out.scope == PLAT_APPLICATION, at_ms, d->out.text);
}

/* What was just taken may have been the last that is taken for now: then the next one is not sent to be refused. */
int drive_spent(struct drive *d)
{
	/* Limits of reads are others. */
	bool posted = d->in->once || d->out.verdict == PLAT_DONE;
	int64_t until_ms = posted && d->in->answer.status < 400 ? plat_spent_ms(&d->pin) : 0;
	if (until_ms <= d->t->now_ms)
		return 0;
	return queue_limit_set(d->t, d->account, d->conf, false, until_ms, "the platform takes no more for now");
}
