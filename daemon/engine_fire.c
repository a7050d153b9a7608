/* engine_fire.c: the turn that picks what is due, by the rules of lateness and pace, and lets the drivers say the first request. */
#include <stdio.h>
#include <string.h>

#include "daemon/engine_priv.h"
#include "daemon/log.h"
#include "daemon/model/caltime.h"
#include "proto/status.h"
#include "proto/unit.h"

#define DAY_MS (24 * 3600 * 1000LL)
#define FIRE_LOOKS 256               /* due targets looked at in one turn */

/* The same local time on the first day that makes it future; the want stays what it was. */
static int fire_next_day(struct turn *t, struct target *target, const char *late)
{
	struct wall w;
	enum caltime_note note;
	int64_t at_ms = target->due_ms, next_ms = target->due_ms;
	char when[48];
	if (target->zone == NULL || caltime_to_wall(target->due_ms, target->zone, &w, NULL) < 0)
		/* It is this one's trouble, not that of the others which are due. */
		return queue_move(t, target, EVENT_HOLD, arena_fmt(t->arena, "late (%s) and Late=next, but the system does not know its time zone %s",
		                  late, target->zone != NULL ? target->zone : "(none)"), NULL, NULL);
	/* Day by day in the zone, so that the wall time survives clock changes. */
	for (int days = 0; next_ms <= t->now_ms && days < 4000; days++) {
		struct wall day;
		at_ms += DAY_MS;
		if (caltime_to_wall(at_ms, target->zone, &day, NULL) < 0)
			day = w;
		day.hour = w.hour;
		day.minute = w.minute;
		day.second = w.second;
		if (caltime_to_instant(&day, target->zone, &next_ms, &note) < 0)
			next_ms = at_ms;
	}
	target->due_ms = next_ms + target->due_ms % 1000;
	target->not_before_ms = 0;
	target->tries = 0;
	target->rev++;
	int rc = queue_keep(t, target);
	return rc < 0 ? rc : queue_note(t, target, NULL, "move", arena_fmt(t->arena, "late (%s) and Late=next: now %s", late,
	                                caltime_format(next_ms, target->zone, when, sizeof when)), NULL, NULL);
}

/* Whether something of it stands, or will by itself: that is finished whatever the time, for half a thread is worse than a late
 * one, and a post that the platform works on was not missed. */
static bool fire_begun(const struct target *target, const struct conf_account *conf)
{
	return target->shown_count > 0 || (target->maybe_shown && !drive_blind(conf));
}

/* By its late rule or its expiry a due target may end here: post fires until MaxLate= has passed, skip and hold act once it is
 * late at all (a minute, or MaxLate= where that is shorter). 1: it did (or was held); 0: it may fire. */
static int fire_lateness(struct turn *t, struct target *target, const struct conf_account *conf)
{
	int64_t late_ms = t->now_ms - target->due_ms;
	int64_t max_ms = target->max_late_ms > 0 ? target->max_late_ms : conf->max_late_ms;
	char span[64];
	if (fire_begun(target, conf))
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
	else if (target->late == LATE_NEXT && late_ms > few_ms)
		rc = fire_next_day(t, target, late);
	else if (late_ms > max_ms)
		rc = queue_move(t, target, EVENT_MISS, arena_fmt(t->arena, "%s, more than MaxLate=%s%s", late,
		                unit_duration_format(max_ms, span, sizeof span), last), NULL, NULL);
	else
		return 0;
	return rc < 0 ? rc : 1;
}

/* What waited behind a gate goes by the policy of its release. 1: it ended or was held; 0: it may fire, *at_once without pace. */
static int fire_backlog(struct turn *t, struct target *target, const struct conf_account *conf, bool *at_once)
{
	enum backlog_policy policy;
	const char *name = "";
	char when[32];
	*at_once = false;
	if (target->due_ms >= t->now_ms || fire_begun(target, conf))
		return 0;
	int rc = queue_backlog_of(t, target->account, target->label, target->due_ms, &policy, &name);
	if (rc < 0 || policy == BACKLOG_PACE)
		return rc;
	*at_once = policy == BACKLOG_NOW;
	if (*at_once)
		return 0;
	const char *reason = arena_fmt(t->arena, "due at %s, while %s was held; released with backlog %s",
	                               unit_utc_format(target->due_ms, when, sizeof when), name, queue_backlog_name(policy));
	rc = queue_move(t, target, policy == BACKLOG_SKIP ? EVENT_MISS : EVENT_HOLD, reason, NULL, NULL);
	return rc < 0 ? rc : 1;
}

static struct limit_policy fire_policy(const struct conf_account *conf)
{
	return (struct limit_policy){ .zone = conf->time_zone, .quiet = conf->quiet_hours, .min_gap_ms = conf->min_gap_ms,
	                              .daily_limit = conf->daily_limit, .catch_up_per_hour = conf->catch_up_per_hour,
	                              .quota = conf_account_quota(conf) };
}

static bool fire_late(const struct turn *t, const struct target *target)
{
	return t->now_ms - target->due_ms > ENGINE_LATE_MS;
}

/* When it leaves: now, or in the next few milliseconds where it is armed. */
static int64_t fire_at_ms(const struct turn *t, const struct target *target)
{
	int64_t at_ms = job_fire_ms(target);
	return at_ms > t->now_ms ? at_ms : t->now_ms;
}

/* Whether quiet hours, gap, daily limit or the pace of catching up let the target wait. It stays as it is; the account says so. */
static bool fire_paced(struct turn *t, struct fire_input *in, struct account *account, const struct conf_account *conf,
                       const struct target *target, bool at_once)
{
	const struct limit_policy policy = fire_policy(conf);
	const char *why;
	if (fire_begun(target, conf))
		return false;
	int64_t at_ms = fire_at_ms(t, target), next_ms = limit_next(&policy, &account->history, at_ms, !at_once && fire_late(t, target), &why);
	if (next_ms <= at_ms)
		return false;
	if (next_ms < in->pace_ms)
		in->pace_ms = next_ms;
	if (account->pace_ms != next_ms) {
		account->pace_ms = next_ms;
		account->pace_reason = arena_strdup(t->arena, why);
		in->account_changed = true;
	}
	return true;
}

static int fire_count(struct turn *t, struct fire_input *in, struct account *account, const struct conf_account *conf,
                      const struct target *target, const struct content *content)
{
	const struct limit_policy policy = fire_policy(conf);
	bool late = fire_late(t, target);
	bool counts = policy.daily_limit > 0 || policy.quota.posts > 0 || policy.min_gap_ms > 0 || (late && policy.catch_up_per_hour > 0);
	/* A post counts once, however often it is tried; and accounts without rules cost no write. */
	if (!counts || target->tries > 0 || fire_begun(target, conf))
		return 0;
	struct limit_slot *room = arena_alloc(t->arena, LIMIT_MAX_SLOTS, sizeof *room);
	if (room == NULL)
		return -ST_NO_MEMORY;
	limit_fired(&policy, &account->history, fire_at_ms(t, target), late, (int64_t)content->part_count, room);
	in->account_changed = true;
	return 0;
}

#define FIRE_NOT_EARLY 2

/* 1: a place is taken; 0: the target ended or was passed over; FIRE_NOT_EARLY: it waits for its very time. */
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
	bool at_once;
	rc = fire_backlog(t, target, conf, &at_once);
	if (rc == 0)
		rc = fire_lateness(t, target, conf);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	if (fire_paced(t, in, account, conf, target, at_once))
		return 0;
	int64_t at_ms = fire_at_ms(t, target);
	*drive = (struct drive_input){ .engine = in->engine, .id = ref->id, .n = ref->n, .account_no = in->account_no, .kind = RUN_PUBLISH,
	                               .send_ms = at_ms > t->now_ms ? at_ms : 0 };
	memcpy(drive->random, in->random, sizeof drive->random);
	drive->random[0] = (unsigned char)(drive->random[0] ^ in->fired);
	drive->random[1] = (unsigned char)(drive->random[1] ^ (in->fired >> 8));
	rc = drive_load(d, t, drive, target, post, account);
	if (rc == -ST_CORRUPT)
		return drive_fail(d, "its content cannot be read");
	if (rc < 0)
		return rc;
	target->reason = NULL;
	d->conf->plat->step(&d->pin, &d->out);
	/* An intent that died before it left is looked for; where nobody can look, none is made early. */
	if (at_ms > t->now_ms && d->out.verdict == PLAT_SEND && d->out.request.effect == PLAT_ONCE && d->conf->plat->reconcile == NULL)
		return FIRE_NOT_EARLY;
	if (d->out.verdict == PLAT_NEED_SESSION) {
		in->needs_session = true;
		return 0;
	}
	rc = drive_verdict(d);
	if (rc < 0 || target->state != STATE_SENDING)
		return rc;
	rc = fire_count(t, in, account, conf, target, d->pin.content);
	return rc < 0 ? rc : 1;
}

/* 1: the account may send now; 0: in->next_ms says when to look again (INT64_MAX: when something changes); or a status. */
static int fire_allowed(struct turn *t, struct fire_input *in, const struct account *account, const struct conf_account *conf,
                         const struct queue_gates *gates, bool needs_session)
{
	struct queue_limit limit;
	in->next_ms = INT64_MAX;
	if (conf == NULL || account->pause_reason != NULL || queue_gate_of(gates, account->name, NULL) != NULL)
		return 0;
	int rc = queue_limit_get(t->txn, t->arena, account, conf, t->now_ms, &limit);
	if (rc < 0)
		return rc;
	if (limit.until_ms > 0) {
		in->next_ms = limit.until_ms;
		return 0;
	}
	if (needs_session)
		in->needs_session = true;
	return !needs_session;
}

/* The intent of the next one is to be on disk when its time comes. */
static int fire_next(struct turn *t, struct fire_input *in)
{
	int rc = store_due_next(t->txn, in->account_no, t->now_ms + ENGINE_ARM_MS, &in->next_ms);
	if (rc == 0 && in->next_ms != INT64_MAX)
		in->next_ms -= ENGINE_ARM_MS;
	return rc;
}

static int fire_scan(struct turn *t, struct fire_input *in, struct account *account, const struct conf_account *conf,
                     const struct queue_gates *gates)
{
	struct store_ref refs[FIRE_LOOKS];
	int64_t got = store_due_list(t->txn, in->account_no, t->now_ms + ENGINE_ARM_MS, &in->from, refs, FIRE_LOOKS);
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
		if (rc == FIRE_NOT_EARLY) {
			in->next_ms = refs[i].due_ms;
			return 0;
		}
		in->fired += (unsigned)rc;
		if (!in->needs_session)
			in->cut = refs[i];
	}
	if (got == FIRE_LOOKS)
		return 0;
	int rc = fire_next(t, in);
	if (rc == 0 && in->pace_ms != INT64_MAX) {
		/* Some wait for their pace: then everything is looked at again, from the beginning. */
		in->next_ms = in->pace_ms < in->next_ms ? in->pace_ms : in->next_ms;
		in->pace_ms = INT64_MAX;
		in->cut = (struct store_ref){ 0 };
	}
	return rc;
}

int engine_fire_turn(struct turn *t, void *input)
{
	struct fire_input *in = input;
	struct account account;
	struct queue_gates gates;
	in->fired = 0;
	in->needs_session = false;
	in->account_changed = false;
	in->pace_ms = in->pace_from_ms;
	in->cut = in->from;
	in->parallel = 1;
	int rc = store_account_get(t->txn, t->arena, in->account_no, &account);
	if (rc == 0)
		rc = queue_gates_load(t->txn, t->arena, &gates);
	if (rc < 0)
		return rc;
	(void)snprintf(in->name, sizeof in->name, "%s", account.name);
	const struct conf_account *conf = drive_conf(t->conf, &account);
	if (conf != NULL)
		in->parallel = conf->plat->parallel;
	/* Nothing due: no session is asked for before it is needed. */
	struct store_ref first;
	struct store_ref none = { 0 };
	int64_t due = store_due_list(t->txn, in->account_no, t->now_ms + ENGINE_ARM_MS, &none, &first, 1);
	if (due < 0)
		return (int)due;
	if (due == 0)
		return fire_next(t, in);
	struct drive probe = { .t = t, .conf = conf, .account = &account };
	rc = fire_allowed(t, in, &account, conf, &gates, conf != NULL && drive_needs_session(&probe));
	if (rc != 1)
		return rc;
	rc = fire_scan(t, in, &account, conf, &gates);
	return rc == 0 && in->account_changed ? store_account_put(t->txn, &account) : rc;
}
