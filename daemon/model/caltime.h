/* caltime.h: wall clocks and instants. Zones come from the system's tzdata through libical (Debian's ICU carries old rules).
 * Pure: "now" is an argument. Safe to call from several threads.
 *
 * Rules that do not change: a wall time that does not exist (spring) becomes the same distance after the gap begins as
 * it would have been without the change (02:30 -> 03:30); one that exists twice (autumn) is the first. Both set a flag, so
 * that add can warn. */
#ifndef SMMQ_MODEL_CALTIME_H
#define SMMQ_MODEL_CALTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum caltime_note { CALTIME_PLAIN, CALTIME_SKIPPED /* in a gap, moved on */, CALTIME_TWICE /* the first was taken */ };

struct wall { int year, month, day, hour, minute, second; };      /* month 1..12, day 1..31 */

/* 0 if the zone is one of the system's ("UTC", "Europe/Paris"), else -ST_INVALID. Never reads outside the zone directory. */
int caltime_zone_check(const char *zone);

/* The instant of a wall time in a zone. 0, or -ST_INVALID for an unknown zone or an impossible date. */
int caltime_to_instant(const struct wall *w, const char *zone, int64_t *out_ms, enum caltime_note *note);

/* The wall time of an instant, and the offset from UTC in seconds (out_offset_s may be NULL). */
int caltime_to_wall(int64_t time_ms, const char *zone, struct wall *out, int *out_offset_s);

/* "2026-12-01T10:00:00+01:00" in buf (>= 40 bytes); milliseconds only where they are not zero. Returns buf; falls back to UTC. */
char *caltime_format(int64_t time_ms, const char *zone, char *buf, size_t size);
/* "2026-12-01T10:00:00", no offset. */
char *caltime_wall_format(const struct wall *w, char *buf, size_t size);
int caltime_wall_parse(const char *text, struct wall *out);

/* NEVER: where the command has no --past= to suggest. */
enum caltime_past { CALTIME_PAST_REFUSE, CALTIME_PAST_NOW, CALTIME_PAST_TOMORROW, CALTIME_PAST_NEVER };

struct caltime_want {
	int64_t due_ms;
	bool has_wall;              /* a wall time in `zone` was meant; false for "+2h" and times with an offset */
	struct wall wall;
	char zone[64];              /* the zone it was resolved in */
	enum caltime_note note;
};

/* A time expression of a person: RFC 3339; `2026-12-01 09:00[:SS][ ZONE]`; `09:00` (the next one); `today 9:00`; `tomorrow 9:00`;
 * `fri 9:00` (the next, never today); `+2h` (a duration of unit.h); `now`. Hours may have one digit; names in any case, English.
 * zone: the account's. A time before now is refused, or handled as `past` says (tomorrow: the same wall time on the next day
 * that makes it future). 0, or -ST_INVALID with *why (a static text that says what to write instead). */
int caltime_parse(const char *text, const char *zone, int64_t now_ms, enum caltime_past past, struct caltime_want *out,
                  const char **why);

#endif
