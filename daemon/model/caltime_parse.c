/* caltime_parse.c: the time expressions people type. The text is cut into words at blanks; a table says what the
 * first word may be, and each form takes all words or refuses with a sentence that says what to write instead.
 *
 * A form yields a wall time and the day it may move on from; only at the end is the instant computed and compared
 * with now. */
#include "daemon/model/caltime.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "daemon/model/caltime_zone.h"
#include "proto/status.h"
#include "proto/unit.h"

#define WORDS_MAX 3
#define WORD_SIZE CALTIME_ZONE_NAME_SIZE
#define MAX_MS (CALTIME_ZONE_MAX_S * 1000 + 999)
#define DAY_MS INT64_C(86400000)

static const char why_form[] =
	"not a time: write '2026-12-01 09:00', '09:00', 'tomorrow 9:00', 'fri 9:00', '+2h', 'now' or "
	"RFC 3339 like '2026-12-01T09:00:00Z'";
static const char why_clock[] =
	"not a time of day: write hours 0 to 23 and two digits of minutes, like '9:00' or '21:30'";
static const char why_no_clock[] =
	"the time of day is missing: add it, like 'tomorrow 9:00' or '2026-12-01 09:00'";
static const char why_date[] =
	"not a date that exists: write year, month and day with all digits, like '2026-12-01'";
static const char why_rfc3339[] =
	"not an RFC 3339 time: write '2026-12-01T09:00:00Z' or '2026-12-01T09:00:00+01:00', or without an offset "
	"'2026-12-01 09:00' for the account's zone";
static const char why_zone_name[] =
	"unknown time zone: write a name of the system's zone list, like 'Europe/Paris' or 'UTC'";
static const char why_zone_place[] =
	"too many words: a time zone may stand only after a full date, like '2026-12-01 09:00 Europe/Paris'";
static const char why_span[] =
	"not a duration: write '+' and a number with its unit, like '+90s', '+5min', '+2h' or '+1d' "
	"(a bare 'm' is read in two ways: write 'min' for minutes)";
static const char why_past_never[] = "that time is past: write a later one";
static const char why_past[] = "that time is past: write a later one, or add --past=now or --past=tomorrow";
static const char why_far[] = "that time is too far away: the last year is 9999";
static const char why_account_zone[] =
	"the account's time zone is not one of the system's: check TimeZone= of the account";
static const char why_memory[] = "out of memory: try again";

struct input {
	char word[WORDS_MAX][WORD_SIZE];
	unsigned count;
	struct wall today;              /* the date now, in the account's zone */
	int64_t now_ms;
	/* the next one was asked for: past today means tomorrow, whatever `past` says */
	bool rolls;
	const char **why;
};

static int refuse(const struct input *in, const char *why)
{
	*in->why = why;
	return -ST_INVALID;
}

static bool split(const char *text, struct input *in)
{
	if (*text == ' ')
		return false;
	while (*text != '\0') {
		size_t len = strcspn(text, " ");

		if (in->count == WORDS_MAX || len >= WORD_SIZE)
			return false;
		memcpy(in->word[in->count], text, len);
		in->word[in->count++][len] = '\0';
		text += len;
		if (*text == ' ' && text[strspn(text, " ")] == '\0')
			return false;
		text += strspn(text, " ");
	}
	return in->count > 0;
}

/* Digits from min to max of them; the end, or NULL. */
static const char *digits(const char *s, unsigned min, unsigned max, int *out)
{
	unsigned n = 0;

	*out = 0;
	while (n < max && s[n] >= '0' && s[n] <= '9')
		*out = *out * 10 + (s[n++] - '0');
	return n >= min ? s + n : NULL;
}

static bool parse_clock(const char *s, struct wall *w)
{
	w->second = 0;
	s = digits(s, 1, 2, &w->hour);
	if (s == NULL || *s++ != ':' || (s = digits(s, 2, 2, &w->minute)) == NULL)
		return false;
	if (*s == ':' && (s = digits(s + 1, 2, 2, &w->second)) == NULL)
		return false;
	return *s == '\0' && w->hour <= 23 && w->minute <= 59 && w->second <= 59;
}

static bool parse_date(const char *s, struct wall *w)
{
	s = digits(s, 4, 4, &w->year);
	if (s == NULL || *s++ != '-' || (s = digits(s, 2, 2, &w->month)) == NULL)
		return false;
	if (*s++ != '-' || (s = digits(s, 2, 2, &w->day)) == NULL)
		return false;
	return *s == '\0';
}

static void add_days(struct wall *w, int64_t days)
{
	caltime_zone_day_date(caltime_zone_day_number(w->year, w->month, w->day) + days, w);
}

/* 2026-12-01 09:00[:SS][ ZONE] */
static int form_date(struct input *in, struct caltime_want *out)
{
	if (!parse_date(in->word[0], &out->wall))
		return refuse(in, why_date);
	if (in->count < 2)
		return refuse(in, why_no_clock);
	if (!parse_clock(in->word[1], &out->wall))
		return refuse(in, why_clock);
	if (!caltime_zone_wall_ok(&out->wall))
		return refuse(in, why_date);
	if (in->count == 3) {
		if (caltime_zone_check(in->word[2]) != 0)
			return refuse(in, why_zone_name);
		snprintf(out->zone, sizeof(out->zone), "%s", in->word[2]);
	}
	out->has_wall = true;
	return 0;
}

/* A day counted from today, then a time of day. */
static int form_day(struct input *in, struct caltime_want *out, int64_t days)
{
	if (in->count < 2)
		return refuse(in, why_no_clock);
	if (in->count > 2)
		return refuse(in, why_zone_place);
	out->wall = in->today;
	if (!parse_clock(in->word[1], &out->wall))
		return refuse(in, why_clock);
	add_days(&out->wall, days);
	out->has_wall = true;
	return 0;
}

static int form_clock(struct input *in, struct caltime_want *out)
{
	if (in->count > 1)
		return refuse(in, why_zone_place);
	out->wall = in->today;
	if (!parse_clock(in->word[0], &out->wall))
		return refuse(in, why_clock);
	out->has_wall = true;
	in->rolls = true;
	return 0;
}

/* text is the whole expression: a duration may hold blanks. */
static int form_span(struct input *in, const char *text, struct caltime_want *out)
{
	int64_t span_ms;

	if (unit_duration_parse(text + 1, &span_ms) != 0 || span_ms < 0)
		return refuse(in, why_span);
	if (span_ms > MAX_MS - in->now_ms)
		return refuse(in, why_far);
	out->due_ms = in->now_ms + span_ms;
	return 0;
}

static int form_rfc3339(struct input *in, struct caltime_want *out)
{
	if (in->count > 1 || unit_utc_parse(in->word[0], &out->due_ms) != 0)
		return refuse(in, why_rfc3339);
	return 0;
}

/* weekday: 0 is Monday; -1: days count */
static const struct day_name { const char *name; int weekday, days; } day_names[] = {
	{ "today", -1, 0 },   { "tomorrow", -1, 1 },
	{ "mon", 0, 0 },      { "tue", 1, 0 },       { "wed", 2, 0 },         { "thu", 3, 0 },
	{ "fri", 4, 0 },      { "sat", 5, 0 },       { "sun", 6, 0 },
	{ "monday", 0, 0 },   { "tuesday", 1, 0 },   { "wednesday", 2, 0 },   { "thursday", 3, 0 },
	{ "friday", 4, 0 },   { "saturday", 5, 0 },  { "sunday", 6, 0 },
};

static int form_day_name(struct input *in, struct caltime_want *out)
{
	for (size_t i = 0; i < sizeof(day_names) / sizeof(day_names[0]); i++) {
		const struct day_name *d = &day_names[i];
		int64_t today, ahead;

		if (strcasecmp(in->word[0], d->name) != 0)
			continue;
		if (d->weekday < 0)
			return form_day(in, out, d->days);
		/* 1970-01-01 was a Thursday. The next one is 1 to 7 days ahead, never today. */
		today = (caltime_zone_day_number(in->today.year, in->today.month, in->today.day) + 3) % 7;
		ahead = (d->weekday - today + 7) % 7;
		return form_day(in, out, ahead == 0 ? 7 : ahead);
	}
	return refuse(in, why_form);
}

static int read_form(struct input *in, struct caltime_want *out)
{
	size_t number = strspn(in->word[0], "0123456789");

	if (in->count == 1 && strcasecmp(in->word[0], "now") == 0) {
		out->due_ms = in->now_ms;
		return 0;
	}
	if (number == 0)
		return form_day_name(in, out);
	if (in->word[0][number] == ':')
		return form_clock(in, out);
	if (in->word[0][number] != '-')
		return refuse(in, in->word[0][number] == '\0' ? why_clock : why_form);
	if (strpbrk(in->word[0], "Tt") != NULL)
		return form_rfc3339(in, out);
	return form_date(in, out);
}

static int resolve_wall(const struct input *in, struct caltime_want *out)
{
	if (!caltime_zone_wall_ok(&out->wall))
		return refuse(in, why_far);
	if (caltime_to_instant(&out->wall, out->zone, &out->due_ms, &out->note) != 0)
		return refuse(in, why_far);
	return 0;
}

/* The same wall time today, or tomorrow when today's is past too, in the zone of the expression. */
static int move_on(const struct input *in, struct caltime_want *out)
{
	struct wall clock = out->wall;

	for (int days = 0; days <= 2; days++) {
		if (caltime_to_wall(in->now_ms, out->zone, &out->wall, NULL) != 0)
			return refuse(in, why_memory);
		add_days(&out->wall, days);
		out->wall.hour = clock.hour;
		out->wall.minute = clock.minute;
		out->wall.second = clock.second;
		if (resolve_wall(in, out) != 0)
			return -ST_INVALID;
		if (out->due_ms >= in->now_ms)
			return 0;
	}
	return refuse(in, why_past);
}

static int settle(const struct input *in, enum caltime_past past, struct caltime_want *out)
{
	if (out->has_wall && resolve_wall(in, out) != 0)
		return -ST_INVALID;
	if (out->due_ms >= in->now_ms)
		return 0;
	if (out->has_wall && (in->rolls || past == CALTIME_PAST_TOMORROW))
		return move_on(in, out);
	if (past == CALTIME_PAST_REFUSE || past == CALTIME_PAST_NEVER)
		return refuse(in, past == CALTIME_PAST_NEVER ? why_past_never : why_past);
	if (past == CALTIME_PAST_NOW) {
		out->due_ms = in->now_ms;
		out->has_wall = false;
		out->note = CALTIME_PLAIN;
		out->wall = (struct wall){ 0 };
		return 0;
	}
	/* An instant with an offset has no zone to take days from: the same time of day at that offset. */
	out->due_ms += (in->now_ms - out->due_ms + DAY_MS - 1) / DAY_MS * DAY_MS;
	return out->due_ms <= MAX_MS ? 0 : refuse(in, why_far);
}

int caltime_parse(const char *text, const char *zone, int64_t now_ms, enum caltime_past past, struct caltime_want *out,
                  const char **why)
{
	struct input in = { .now_ms = now_ms, .why = why };
	struct caltime_want want = { 0 };
	int status;

	*why = NULL;
	if (now_ms < 0 || now_ms > MAX_MS)
		return refuse(&in, why_far);
	status = caltime_to_wall(now_ms, zone, &in.today, NULL);
	if (status != 0)
		return refuse(&in, status == -ST_NO_MEMORY ? why_memory : why_account_zone);
	snprintf(want.zone, sizeof(want.zone), "%s", zone);
	if (*text == '+')
		status = form_span(&in, text, &want);
	else if (split(text, &in))
		status = read_form(&in, &want);
	else
		status = refuse(&in, why_form);
	if (status == 0)
		status = settle(&in, past, &want);
	if (status != 0)
		return status;
	*out = want;
	return 0;
}
