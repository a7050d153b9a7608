/* engine_clean.c: taking away what was put somewhere for one target alone (media at a public address), once it has ended.
 *
 * The look at it is planned when the target first goes under way, so that no way of ending can forget it; and is put off while
 * the target has not ended. */
#include "daemon/engine_priv.h"
#include "daemon/model/state.h"
#include "proto/status.h"

#define CLEAN_AFTER_MS (3600LL * 1000)         /* platforms may fetch a while longer than they say */
#define CLEAN_LEASE_MS (10 * 60 * 1000)        /* a cleaning that is under way is planned again so much later, in case we die */

/* failed ends a target unless a person retries it; what it needs is put there again then. */
static bool clean_ended(const struct target *target)
{
	return state_terminal((enum state)target->state) || target->state == STATE_FAILED;
}

static int clean_move(struct turn *t, struct target *target, int64_t at_ms)
{
	struct periodic_ref ref = { .kind = PERIODIC_CLEAN, .id = target->id, .n = target->n, .due_ms = target->clean_ms };
	int rc = ref.due_ms != 0 ? store_periodic_del(t->txn, &ref) : 0;
	target->clean_ms = at_ms;
	if (rc < 0 || at_ms == 0)
		return rc;
	ref.due_ms = at_ms;
	turn_periodic(t, at_ms);
	return store_periodic_put(t->txn, &ref, "", 0);
}

int clean_plan(struct drive *d)
{
	if (d->conf == NULL || d->conf->plat->clean == NULL || d->target->clean_ms != 0)
		return 0;
	return clean_move(d->t, d->target, d->t->now_ms + CLEAN_AFTER_MS);
}

int clean_begin(struct turn *t, struct engine *e, const struct periodic_ref *ref)
{
	struct target target;
	int rc = store_target_get(t->txn, t->arena, ref->id, ref->n, &target);
	if (rc < 0 && rc != -ST_NO_ITEM && rc != -ST_CORRUPT)
		return rc;
	if (rc < 0 || target.clean_ms != ref->due_ms)
		return store_periodic_del(t->txn, ref);
	bool ended = clean_ended(&target);
	rc = clean_move(t, &target, t->now_ms + (ended ? CLEAN_LEASE_MS : CLEAN_AFTER_MS));
	if (rc == 0)
		rc = queue_keep(t, &target);
	if (rc < 0 || !ended)
		return rc;
	struct drive_input in = { .engine = e, .id = ref->id, .n = ref->n, .account_no = target.account_no, .kind = RUN_CLEAN };
	struct drive d = { .t = t, .in = &in, .target = &target };
	return drive_outcome(&d, OUTCOME_WAIT, 0);
}

static int clean_end(struct drive *d, int64_t at_ms)
{
	drive_store_values(d);
	if (at_ms == 0 && state_terminal((enum state)d->target->state))
		d->target->value_count = 0;
	int rc = clean_move(d->t, d->target, at_ms);
	if (rc == 0)
		rc = queue_keep(d->t, d->target);
	return rc < 0 ? rc : drive_outcome(d, OUTCOME_END, 0);
}

int engine_clean_turn(struct turn *t, void *input)
{
	struct drive_input *in = input;
	struct drive d;
	int rc = drive_open(&d, t, in);
	if (rc < 0 && rc != -ST_NO_ITEM && rc != -ST_NO_ACCOUNT && rc != -ST_CORRUPT)
		return rc;
	/* A retry took it up again, or there is nothing left that could be told what to take away. */
	if (rc < 0 || !clean_ended(d.target) || d.conf->plat->clean == NULL)
		return drive_outcome(&d, OUTCOME_END, 0);
	if (in->has_answer && in->answer.reach != HTTP_ANSWERED)
		return clean_end(&d, t->now_ms + CLEAN_AFTER_MS);
	if (in->has_answer) {
		rc = drive_note_answer(&d);
		if (rc < 0)
			return rc;
		drive_response(&d);
	}
	d.conf->plat->clean(&d.pin, &d.out);
	if (d.out.verdict == PLAT_DONE)
		return clean_end(&d, 0);
	if (d.out.verdict != PLAT_SEND || d.out.request.effect == PLAT_ONCE)
		return clean_end(&d, t->now_ms + CLEAN_AFTER_MS);
	drive_store_values(&d);
	rc = queue_keep(t, d.target);
	return rc < 0 ? rc : drive_send(&d);
}
