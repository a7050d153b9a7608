/* cmd_pace.c: what an account's rules say of a chosen time, by what waits in its queue. */
#include <string.h>

#include "daemon/cmd_priv.h"
#include "daemon/model/caltime.h"

#define PACE_MAX_DAYS 400
#define DAY_MS (24 * 3600 * 1000LL)

/* A waiting post of the account closer to due_ms than the gap; 0 if there is none. */
static int pace_near(struct cmd_call *c, const struct account *account, const struct limit_policy *policy, int64_t due_ms, int64_t *near_ms)
{
	const struct store_ref from = { .due_ms = due_ms - policy->min_gap_ms + 1 };
	struct store_ref ref;
	*near_ms = 0;
	if (policy->min_gap_ms == 0)
		return 0;
	int64_t got = store_due_list(c->txn, account->no, due_ms + policy->min_gap_ms - 1, &from, &ref, 1);
	if (got > 0)
		*near_ms = ref.due_ms;
	return got < 0 ? (int)got : 0;
}

/* The local day of an instant: its number, and where it begins and ends. */
static int64_t pace_day(const struct limit_policy *policy, int64_t time_ms, int64_t *begin_ms, int64_t *end_ms)
{
	struct wall w = { 1970, 1, 1, 0, 0, 0 };
	enum caltime_note note;
	(void)caltime_to_wall(time_ms, policy->zone, &w, NULL);
	int64_t day = (int64_t)w.year * 10000 + w.month * 100 + w.day;
	w.hour = w.minute = w.second = 0;
	if (caltime_to_instant(&w, policy->zone, begin_ms, &note) < 0)
		*begin_ms = time_ms;
	/* 36 hours on is the next day whatever the clock does; its beginning is this one's end. */
	(void)caltime_to_wall(*begin_ms + DAY_MS + DAY_MS / 2, policy->zone, &w, NULL);
	w.hour = w.minute = w.second = 0;
	if (caltime_to_instant(&w, policy->zone, end_ms, &note) < 0 || *end_ms <= *begin_ms)
		*end_ms = *begin_ms + DAY_MS;
	return day;
}

/* The first instant from due_ms on that lies on a day whose limit is not reached: due_ms itself, or a later day's beginning. */
static int pace_free_day(struct cmd_call *c, const struct account *account, const struct limit_policy *policy, int64_t due_ms, int64_t *free_ms)
{
	*free_ms = due_ms;
	if (policy->daily_limit == 0)
		return 0;
	struct store_ref *refs = arena_alloc(c->arena, (size_t)policy->daily_limit, sizeof *refs);
	if (refs == NULL)
		return -ST_NO_MEMORY;
	for (int days = 0; days < PACE_MAX_DAYS; days++) {
		int64_t begin_ms, end_ms;
		int64_t day = pace_day(policy, *free_ms, &begin_ms, &end_ms);
		const struct store_ref from = { .due_ms = begin_ms };
		int64_t count = store_due_list(c->txn, account->no, end_ms - 1, &from, refs, (size_t)policy->daily_limit);
		if (count < 0)
			return (int)count;
		if (account->history.day == day)
			count += account->history.day_count;
		if (count < policy->daily_limit)
			return 0;
		*free_ms = end_ms;
	}
	return 0;
}

/* Waiting posts due after from_ms, up to until_ms, and what was fired in that time; *first_ms: when the first of those waiting is due. */
static int64_t pace_count(struct cmd_call *c, const struct account *account, const struct limit_quota *q, int64_t from_ms, int64_t until_ms,
                          struct store_ref *refs, int64_t *first_ms)
{
	const struct store_ref from = { .due_ms = from_ms + 1 };
	int64_t count = store_due_list(c->txn, account->no, until_ms, &from, refs, (size_t)q->posts);
	*first_ms = count > 0 ? refs[0].due_ms : until_ms;
	for (size_t i = 0; i < account->history.slot_count && count >= 0; i++) {
		int64_t at_ms = account->history.slots[i].slot * (q->window_ms / q->slots);
		count += at_ms > from_ms && at_ms <= until_ms ? account->history.slots[i].count : 0;
	}
	return count;
}

/* The first instant from due_ms on around which no window of the platform's quota is full. */
static int pace_free_quota(struct cmd_call *c, const struct account *account, const struct limit_quota *q, int64_t due_ms, int64_t *free_ms)
{
	*free_ms = due_ms;
	if (q->posts == 0)
		return 0;
	struct store_ref *refs = arena_alloc(c->arena, (size_t)q->posts, sizeof *refs);
	if (refs == NULL)
		return -ST_NO_MEMORY;
	for (int tries = 0; tries < PACE_MAX_DAYS; tries++) {
		int64_t first_ms, count = pace_count(c, account, q, *free_ms - q->window_ms, *free_ms, refs, &first_ms);
		if (count >= 0 && count < q->posts)
			count = pace_count(c, account, q, *free_ms, *free_ms + q->window_ms, refs, &first_ms);
		if (count < 0)
			return (int)count;
		if (count < q->posts)
			return 0;
		*free_ms = (first_ms > *free_ms ? first_ms : *free_ms) + q->window_ms / q->slots;
	}
	return 0;
}

void cmd_note(struct cmd_notes *n, const char *text)
{
	if (text != NULL && n->count < CMD_MAX_NOTES)
		n->list[n->count++] = text;
}

int cmd_pace(struct cmd_call *c, const struct conf_account *conf, const struct account *account, const struct target *target,
             struct cmd_notes *notes)
{
	const struct limit_policy policy = { .zone = conf->time_zone, .quiet = conf->quiet_hours, .min_gap_ms = conf->min_gap_ms,
	                                     .daily_limit = conf->daily_limit };
	char when[48];
	int64_t free_ms = target->due_ms, near_ms;
	if (target->zone == NULL)
		return 1;
	if (limit_quiet(&policy, target->due_ms))
		cmd_note(notes, "the time lies in the account's QuietHours=; it fires all the same");
	if (account->no == 0)
		return 1;
	int rc = pace_near(c, account, &policy, target->due_ms, &near_ms);
	if (rc == 0 && near_ms != 0)
		cmd_note(notes, arena_fmt(c->arena, "another post of the account is due at %s, closer than MinGap=; it fires all the same",
		                          caltime_format(near_ms, conf->time_zone, when, sizeof when)));
	if (rc == 0)
		rc = pace_free_day(c, account, &policy, target->due_ms, &free_ms);
	const struct limit_quota quota = conf_account_quota(conf);
	if (rc == 0 && free_ms == target->due_ms) {
		rc = pace_free_quota(c, account, &quota, target->due_ms, &free_ms);
		if (rc < 0 || free_ms == target->due_ms)
			return rc < 0 ? rc : 1;
		(void)cmd_err(c, ST_REFUSED, "%s: %s takes %lld posts in %lld hours, and so many wait or went around then; the next free time is %s "
		              "(PlatformQuota=)", conf->name, conf->plat->name, (long long)quota.posts, (long long)(quota.window_ms / 3600000),
		              caltime_format(free_ms, conf->time_zone, when, sizeof when));
		return 0;
	}
	if (rc < 0)
		return rc;
	(void)cmd_err(c, ST_REFUSED, "%s: DailyLimit=%lld is reached on that day; the next free time is %s", conf->name,
	              (long long)conf->daily_limit, caltime_format(free_ms, conf->time_zone, when, sizeof when));
	return 0;
}
