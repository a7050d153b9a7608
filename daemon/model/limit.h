/* limit.h: when an account may fire: quiet hours, the gap between posts, the number a local day, and the pace of catching up.
 * Pure: the history is an argument, "now" too.
 *
 * An item at the very time that a person chose passes quiet hours and gap (add has warned); what fires later than asked
 * (after an outage, a pause, a retry) respects both, and at most catch_up of such items leave in an hour. The daily limit
 * holds for all. */
#ifndef SMMQ_MODEL_LIMIT_H
#define SMMQ_MODEL_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/model/record.h"

/* Minutes of the local day; from == to: none. 22:00-07:00 goes over midnight. */
struct limit_hours { int from_min, to_min; };

/* What a platform itself allows an account in any window of time. Counted in `slots` equal parts of the window, the one that is only
 * partly in it as a whole: never more than the quota, and less by at most what one part holds. */
#define LIMIT_MAX_SLOTS 30
struct limit_quota {
	int64_t posts;                   /* in any window; 0 = no quota */
	int64_t window_ms, slots;        /* slots: 1 to LIMIT_MAX_SLOTS - 2 */
	int64_t slot_posts;              /* in any window of one slot's length; 0 = no such rule */
};

struct limit_policy {
	const char *zone;                /* local days and quiet hours are those of this zone */
	struct limit_hours quiet;
	int64_t min_gap_ms;              /* 0 = none */
	int64_t daily_limit;             /* 0 = none */
	int64_t catch_up_per_hour;       /* late items in any hour; 0 = no limit */
	struct limit_quota quota;        /* holds for all, whatever a person chose */
};

/* Posts in one part of a window: number time_ms / (window_ms / slots). */
struct limit_slot { struct record_extra extra; int64_t slot, count; };

/* What an account has fired, as kept in its record. */
struct limit_history {
	int64_t last_ms;                 /* when it last fired; 0 = never */
	int64_t day;                     /* local day the count is of: year * 10000 + month * 100 + day */
	int64_t day_count;
	int64_t catch_up_ms;             /* when the first late item of the current hour fired */
	int64_t catch_up_count;
	struct limit_slot *slots;        /* ascending; those that still count */
	size_t slot_count;
};

/* "22:00-07:00". 0 or -ST_INVALID. Empty text: none. */
int limit_hours_parse(const char *text, struct limit_hours *out);

/* Whether an instant lies in the quiet hours of the policy's zone. */
bool limit_quiet(const struct limit_policy *p, int64_t time_ms);

/* The earliest instant >= now_ms at which an item may fire; late: it is no longer at the time that was asked for.
 * *why (may be NULL) names the rule that decided, a static text, NULL if it may fire now. */
int64_t limit_next(const struct limit_policy *p, const struct limit_history *h, int64_t now_ms, bool late, const char **why);

/* The history after an item of so many posts fired at now_ms. room: LIMIT_MAX_SLOTS slots that the history may move into. */
void limit_fired(const struct limit_policy *p, struct limit_history *h, int64_t now_ms, bool late, int64_t posts, struct limit_slot *room);

/* The first instant >= time_ms at which the quota has room for one more, by what was fired. */
int64_t limit_quota_free(const struct limit_quota *q, const struct limit_history *h, int64_t time_ms);

#endif
