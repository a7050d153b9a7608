/* limit.c: each rule moves the instant forward until all agree. */
#include "daemon/model/limit.h"

#include <stddef.h>
#include <string.h>

#include "daemon/model/caltime.h"
#include "proto/status.h"

#define DAY_MINUTES (24 * 60)
#define HOUR_MS (3600LL * 1000)
/* Rules only ever move forward, each at most a few times; the bound is for zones that are not what they should be. */
#define LIMIT_MAX_ROUNDS 64

static int minutes_parse(const char *text, int *out)
{
	if (strlen(text) < 5 || text[2] != ':' || strspn(text, "0123456789") != 2 || strspn(text + 3, "0123456789") < 2)
		return -ST_INVALID;
	int hour = (text[0] - '0') * 10 + (text[1] - '0'), minute = (text[3] - '0') * 10 + (text[4] - '0');
	if (hour > 23 || minute > 59)
		return -ST_INVALID;
	*out = hour * 60 + minute;
	return 0;
}

int limit_hours_parse(const char *text, struct limit_hours *out)
{
	struct limit_hours h = { 0, 0 };
	if (text[0] == '\0') {
		*out = h;
		return 0;
	}
	if (strlen(text) != 11 || text[5] != '-' || minutes_parse(text, &h.from_min) < 0 || minutes_parse(text + 6, &h.to_min) < 0 ||
	    h.from_min == h.to_min)
		return -ST_INVALID;
	*out = h;
	return 0;
}

static struct wall wall_of(const struct limit_policy *p, int64_t time_ms)
{
	struct wall w = { 1970, 1, 1, 0, 0, 0 };
	(void)caltime_to_wall(time_ms, p->zone, &w, NULL);
	return w;
}

static bool hours_hold(const struct limit_hours *h, const struct wall *w)
{
	int minute = w->hour * 60 + w->minute;
	if (h->from_min == h->to_min)
		return false;
	return h->from_min < h->to_min ? minute >= h->from_min && minute < h->to_min : minute >= h->from_min || minute < h->to_min;
}

bool limit_quiet(const struct limit_policy *p, int64_t time_ms)
{
	struct wall w = wall_of(p, time_ms);
	return hours_hold(&p->quiet, &w);
}

/* The first instant after time_ms whose wall clock shows `minute` of a day; a wall time that a clock change skips counts where it
 * is moved to. */
static int64_t next_minute(const struct limit_policy *p, int64_t time_ms, int minute)
{
	for (int days = 0; days < 3; days++) {
		struct wall w = wall_of(p, time_ms + days * DAY_MINUTES * 60000LL);
		int64_t at_ms;
		enum caltime_note note;
		w.hour = minute / 60;
		w.minute = minute % 60;
		w.second = 0;
		if (caltime_to_instant(&w, p->zone, &at_ms, &note) == 0 && at_ms > time_ms)
			return at_ms;
	}
	return time_ms + DAY_MINUTES * 60000LL;
}

static int64_t day_of(const struct limit_policy *p, int64_t time_ms)
{
	struct wall w = wall_of(p, time_ms);
	return (int64_t)w.year * 10000 + w.month * 100 + w.day;
}

static int64_t rule_day(const struct limit_policy *p, const struct limit_history *h, int64_t at_ms)
{
	bool full = p->daily_limit > 0 && h->day == day_of(p, at_ms) && h->day_count >= p->daily_limit;
	return full ? next_minute(p, at_ms, 0) : at_ms;
}

static int64_t rule_quiet(const struct limit_policy *p, const struct limit_history *h, int64_t at_ms)
{
	(void)h;
	return limit_quiet(p, at_ms) ? next_minute(p, at_ms, p->quiet.to_min) : at_ms;
}

/* A clock that was set back must not hold an account for longer than the gap itself. */
static int64_t rule_gap(const struct limit_policy *p, const struct limit_history *h, int64_t at_ms)
{
	bool near = p->min_gap_ms > 0 && h->last_ms > 0 && h->last_ms <= at_ms && at_ms < h->last_ms + p->min_gap_ms;
	return near ? h->last_ms + p->min_gap_ms : at_ms;
}

static int64_t rule_catch_up(const struct limit_policy *p, const struct limit_history *h, int64_t at_ms)
{
	bool full = p->catch_up_per_hour > 0 && h->catch_up_count >= p->catch_up_per_hour && h->catch_up_ms <= at_ms &&
	            at_ms < h->catch_up_ms + HOUR_MS;
	return full ? h->catch_up_ms + HOUR_MS : at_ms;
}

/* ---- the platform's quota ---- */

/* Posts in slots first to last. */
static int64_t slots_sum(const struct limit_history *h, int64_t first, int64_t last)
{
	int64_t sum = 0;
	for (size_t i = 0; i < h->slot_count; i++)
		if (h->slots[i].slot >= first && h->slots[i].slot <= last)
			sum += h->slots[i].count;
	return sum;
}

int64_t limit_quota_free(const struct limit_quota *q, const struct limit_history *h, int64_t time_ms)
{
	if (q->posts == 0)
		return time_ms;
	int64_t slot_ms = q->window_ms / q->slots, slot = time_ms / slot_ms;
	/* Slot by slot: in a whole window without a post everything is free. */
	for (int64_t n = 0; n <= q->slots + 1; n++) {
		bool full = slots_sum(h, slot + n - q->slots, slot + n) >= q->posts ||
		            (q->slot_posts > 0 && slots_sum(h, slot + n - 1, slot + n) >= q->slot_posts);
		if (!full)
			return n == 0 ? time_ms : (slot + n) * slot_ms;
	}
	return (slot + q->slots + 2) * slot_ms;
}

static void quota_fired(const struct limit_quota *q, struct limit_history *h, int64_t now_ms, int64_t posts, struct limit_slot *room)
{
	if (q->posts == 0)
		return;
	int64_t slot = now_ms / (q->window_ms / q->slots);
	size_t count = 0;
	/* A clock that was set back leaves slots in the future; they count until it has caught up, but no longer than a window. */
	for (size_t i = 0; i < h->slot_count && count < LIMIT_MAX_SLOTS - 1; i++)
		if (h->slots[i].slot >= slot - q->slots && h->slots[i].slot <= slot + q->slots && h->slots[i].slot != slot)
			room[count++] = h->slots[i];
	room[count++] = (struct limit_slot){ .slot = slot, .count = slots_sum(h, slot, slot) + posts };
	h->slots = room;
	h->slot_count = count;
}

static int64_t rule_quota(const struct limit_policy *p, const struct limit_history *h, int64_t at_ms)
{
	return limit_quota_free(&p->quota, h, at_ms);
}

static const struct rule {
	const char *name;
	bool late_only;
	int64_t (*move)(const struct limit_policy *, const struct limit_history *, int64_t);
} rules[] = {
	{ "DailyLimit= is reached", false, rule_day },
	{ "the platform's quota is reached (PlatformQuota=)", false, rule_quota },
	{ "QuietHours=", true, rule_quiet },
	{ "MinGap=", true, rule_gap },
	{ "CatchUp= is reached", true, rule_catch_up },
};

int64_t limit_next(const struct limit_policy *p, const struct limit_history *h, int64_t now_ms, bool late, const char **why)
{
	int64_t at_ms = now_ms;
	const char *reason = NULL;
	bool moved = true;
	for (int round = 0; moved && round < LIMIT_MAX_ROUNDS; round++) {
		moved = false;
		for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
			int64_t next_ms = rules[i].late_only && !late ? at_ms : rules[i].move(p, h, at_ms);
			if (next_ms <= at_ms)
				continue;
			at_ms = next_ms;
			reason = rules[i].name;
			moved = true;
		}
	}
	if (why != NULL)
		*why = reason;
	return at_ms;
}

void limit_fired(const struct limit_policy *p, struct limit_history *h, int64_t now_ms, bool late, int64_t posts, struct limit_slot *room)
{
	quota_fired(&p->quota, h, now_ms, posts, room);
	int64_t day = day_of(p, now_ms);
	if (h->day != day) {
		h->day = day;
		h->day_count = 0;
	}
	h->day_count++;
	h->last_ms = now_ms;
	if (!late)
		return;
	if (h->catch_up_ms > now_ms || now_ms >= h->catch_up_ms + HOUR_MS) {
		h->catch_up_ms = now_ms;
		h->catch_up_count = 0;
	}
	h->catch_up_count++;
}
