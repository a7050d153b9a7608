/* token.c: sessions: whatever an account needs before its items can be sent (tokens, its own id, the server's limits). One
 * session run at a time per account; what the driver obtains is stored before it is used. */
#include "daemon/token.h"

#include <string.h>

#include "daemon/engine_priv.h"
#include "proto/status.h"

/* Two values of an account that are the engine's, not the driver's. */
#define SESSION_TRIES "session_tries"      /* failed sessions in a row */
#define SESSION_UNTIL "session_until"      /* the account's not_before_ms as the last of them set it */

static int token_store(struct drive *d)
{
	/* What does not fit is not kept; the driver has said so in its verdict. */
	if (d->account_values.error < 0)
		return store_account_put(d->t->txn, d->account);
	d->account->values = d->account_values.list;
	d->account->value_count = d->account_values.count;
	return store_account_put(d->t->txn, d->account);
}

static int token_ready(struct drive *d)
{
	d->account->session_ms = d->t->now_ms;
	d->account->credential_digest = arena_strdup(d->t->arena, d->conf->credential_digest);
	/* The wait of failed sessions is over; a rate limit that was learned otherwise stays. */
	if (d->account->not_before_ms == plat_get_int(&d->account_values, SESSION_UNTIL, 0)) {
		d->account->not_before_ms = 0;
		d->account->not_before_reason = NULL;
	}
	plat_set(&d->account_values, SESSION_TRIES, NULL);
	plat_set(&d->account_values, SESSION_UNTIL, NULL);
	int rc = token_plan(d);
	if (rc == 0)
		rc = token_store(d);
	if (rc == 0)
		rc = queue_note(d->t, NULL, d->account->name, "session", NULL, NULL, NULL);
	return rc < 0 ? rc : drive_outcome(d, OUTCOME_END, 0);
}

/* Nothing of a passing failure pauses an account; only a refusal of the credential does. */
static int token_failed(struct drive *d)
{
	int rc;
	bool again = false;
	if (d->out.klass == PLAT_AUTH || d->out.klass == PLAT_PERMANENT) {
		rc = queue_account_pause(d->t, d->account, d->out.text);
	} else {
		int64_t tries = plat_get_int(&d->account_values, SESSION_TRIES, 0) + 1;
		plat_set_int(&d->account_values, SESSION_TRIES, tries);
		int64_t at_ms = d->t->now_ms + drive_backoff_ms(d, (uint64_t)tries);
		if (d->out.until_ms < at_ms)
			d->out.until_ms = at_ms;
		again = login_take(d) != NULL;
		if (d->out.until_ms > d->account->not_before_ms) {
			d->account->not_before_ms = d->out.until_ms;
			d->account->not_before_reason = arena_strdup(d->t->arena, d->out.text);
			plat_set_int(&d->account_values, SESSION_UNTIL, d->out.until_ms);
		}
		rc = queue_note(d->t, NULL, d->account->name, "session", d->out.text, NULL, NULL);
		/* The first of a row is told; the retries stand in the journal. */
		if (tries == 1)
			queue_warn(d->t, "account cannot be used for now, trying again", d->account->name, d->out.text);
	}
	if (rc == 0)
		rc = token_store(d);
	if (rc < 0)
		return rc;
	/* A person waits for it, and its code does not last. */
	return again ? drive_outcome(d, OUTCOME_WAIT, d->out.until_ms) : drive_outcome(d, OUTCOME_END, 0);
}

static int token_verdict(struct drive *d)
{
	int rc;
	switch (d->out.verdict) {
	case PLAT_SEND:
		rc = token_store(d);
		return rc < 0 ? rc : drive_send(d);
	case PLAT_DONE:
		return token_ready(d);
	case PLAT_WAIT:
		rc = token_store(d);
		return rc < 0 ? rc : drive_outcome(d, OUTCOME_WAIT, d->out.until_ms);
	case PLAT_FAIL: return token_failed(d);
	case PLAT_NEED_SESSION: case PLAT_SETTLED: case PLAT_UNDECIDED: break;
	}
	plat_fail(&d->out, PLAT_PERMANENT, "the driver gave a verdict that a session cannot have; this is a defect");
	return token_failed(d);
}

int token_turn(struct turn *t, void *input)
{
	struct drive_input *in = input;
	struct account *account = arena_alloc(t->arena, 1, sizeof *account);
	struct drive d;
	if (account == NULL)
		return -ST_NO_MEMORY;
	int rc = store_account_get(t->txn, t->arena, in->account_no, account);
	if (rc < 0)
		return rc;
	rc = drive_load(&d, t, in, NULL, NULL, account);
	if (rc == -ST_NO_ACCOUNT || account->pause_reason != NULL)
		return drive_outcome(&d, OUTCOME_END, 0);
	if (rc < 0)
		return rc;
	if (in->has_answer && in->answer.reach != HTTP_ANSWERED) {
		plat_fail(&d.out, PLAT_TRANSIENT, arena_fmt(t->arena, "%s: %s", in->step, in->answer.error));
		return token_failed(&d);
	}
	if (in->has_answer) {
		rc = drive_note_answer(&d);
		if (rc < 0)
			return rc;
		drive_response(&d);
	}
	if (!in->has_answer)
		d.pin.login = login_take(&d);
	d.conf->plat->session(&d.pin, &d.out);
	login_settle(&d);
	return token_verdict(&d);
}
