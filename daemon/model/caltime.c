/* caltime.c: wall clocks to instants and back, over the offset tables of caltime_zone.c.
 *
 * A wall time belongs to every row of the table in whose span it falls when read with that row's offset: none in
 * spring's gap, two in autumn's overlap, one otherwise. The rows that can match lie within two days of the wall time
 * read as UTC. */
#include "daemon/model/caltime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/model/caltime_zone.h"
#include "proto/status.h"
#include "proto/unit.h"

#define DAY_S INT64_C(86400)

int caltime_zone_check(const char *zone)
{
	int status;

	caltime_zone_put(caltime_zone_get(zone, &status));
	return status;
}

static int64_t wall_seconds(const struct wall *w)
{
	return caltime_zone_day_number(w->year, w->month, w->day) * DAY_S + w->hour * 3600 + w->minute * 60 + w->second;
}

static bool in_row(const struct caltime_zone *z, size_t row, int64_t at_s)
{
	return at_s >= z->change[row].at_s && (row + 1 == z->count || at_s < z->change[row + 1].at_s);
}

/* The instant of local seconds, with the note. Rows are in order, so the first that matches is the earlier instant. */
static int64_t resolve(const struct caltime_zone *z, int64_t local_s, enum caltime_note *note)
{
	size_t first = caltime_zone_row(z, local_s - 2 * DAY_S), last = caltime_zone_row(z, local_s + 2 * DAY_S);
	int64_t found = 0;
	unsigned matches = 0;

	for (size_t row = first; row <= last; row++) {
		int64_t at = local_s - z->change[row].offset_s;

		if (in_row(z, row, at) && matches++ == 0)
			found = at;
	}
	*note = matches > 1 ? CALTIME_TWICE : CALTIME_PLAIN;
	if (matches > 0)
		return found;
	*note = CALTIME_SKIPPED;
	/* In a gap: read with the offset before it, the instant falls at or after the change. */
	for (size_t row = first + 1; row <= last; row++) {
		int64_t at = local_s - z->change[row - 1].offset_s;

		if (at >= z->change[row].at_s && local_s - z->change[row].offset_s < z->change[row].at_s)
			return at;
	}
	return local_s - z->change[last].offset_s;
}

int caltime_to_instant(const struct wall *w, const char *zone, int64_t *out_ms, enum caltime_note *note)
{
	enum caltime_note unused;
	const struct caltime_zone *z;
	int64_t at;
	int status;

	if (!caltime_zone_wall_ok(w))
		return -ST_INVALID;
	z = caltime_zone_get(zone, &status);
	if (z == NULL)
		return status;
	at = resolve(z, wall_seconds(w), note != NULL ? note : &unused);
	caltime_zone_put(z);
	if (at < 0 || at > CALTIME_ZONE_MAX_S)
		return -ST_INVALID;
	*out_ms = at * 1000;
	return 0;
}

int caltime_to_wall(int64_t time_ms, const char *zone, struct wall *out, int *out_offset_s)
{
	const struct caltime_zone *z;
	int64_t at = time_ms / 1000, local, of_day;
	int status, offset;

	if (time_ms < 0 || at > CALTIME_ZONE_MAX_S)
		return -ST_INVALID;
	z = caltime_zone_get(zone, &status);
	if (z == NULL)
		return status;
	offset = z->change[caltime_zone_row(z, at)].offset_s;
	caltime_zone_put(z);
	/* a day more, so that 1970-01-01 west of Greenwich does not divide a negative number */
	local = at + offset + DAY_S;
	of_day = local % DAY_S;
	caltime_zone_day_date(local / DAY_S - 1, out);
	out->hour = (int)(of_day / 3600);
	out->minute = (int)(of_day / 60 % 60);
	out->second = (int)(of_day % 60);
	if (out_offset_s != NULL)
		*out_offset_s = offset;
	return 0;
}

/* An offset with seconds, or a year of five digits, cannot be written in RFC 3339: such an instant is shown in UTC. */
char *caltime_format(int64_t time_ms, const char *zone, char *buf, size_t size)
{
	char wall[64], fraction[8] = "";
	struct wall w;
	int offset, ms = (int)(time_ms % 1000), minutes;

	if (zone == NULL || strcmp(zone, "UTC") == 0 || caltime_to_wall(time_ms, zone, &w, &offset) != 0 ||
	    offset % 60 != 0 || w.year < 1970 || w.year > 9999)
		return unit_utc_format(time_ms, buf, size);
	if (ms != 0)
		snprintf(fraction, sizeof(fraction), ".%03u", (unsigned)ms % 1000);
	minutes = abs(offset / 60);
	caltime_wall_format(&w, wall, sizeof(wall));
	snprintf(buf, size, "%s%s%c%02d:%02d", wall, fraction, offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
	return buf;
}

char *caltime_wall_format(const struct wall *w, char *buf, size_t size)
{
	snprintf(buf, size, "%04d-%02d-%02dT%02d:%02d:%02d", w->year, w->month, w->day, w->hour, w->minute, w->second);
	return buf;
}

/* Exactly the shape of caltime_wall_format, digit by digit. */
int caltime_wall_parse(const char *text, struct wall *out)
{
	static const char shape[] = "YYYY-MM-DDThh:mm:ss";
	struct wall w = { 0 };

	if (strlen(text) != sizeof(shape) - 1)
		return -ST_INVALID;
	for (size_t i = 0; shape[i] != '\0'; i++) {
		int *field = NULL;

		switch (shape[i]) {
		case 'Y': field = &w.year; break;
		case 'M': field = &w.month; break;
		case 'D': field = &w.day; break;
		case 'h': field = &w.hour; break;
		case 'm': field = &w.minute; break;
		case 's': field = &w.second; break;
		default: break;
		}
		if (field == NULL ? text[i] != shape[i] : text[i] < '0' || text[i] > '9')
			return -ST_INVALID;
		if (field != NULL)
			*field = *field * 10 + (text[i] - '0');
	}
	if (!caltime_zone_wall_ok(&w))
		return -ST_INVALID;
	*out = w;
	return 0;
}
