/* caltime_zone.h: what caltime.c and caltime_parse.c need from a time zone: its changes of offset as a plain,
 * immutable table. Nobody else includes this, except a reload that must see new zone data (caltime_zone_forget). */
#ifndef SMMQ_MODEL_CALTIME_ZONE_H
#define SMMQ_MODEL_CALTIME_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/model/caltime.h"

#define CALTIME_ZONE_NAME_SIZE 64               /* with the NUL; as caltime_want.zone */
#define CALTIME_ZONE_MAX_S INT64_C(253402300799) /* 9999-12-31T23:59:59Z, the last instant we know */

struct caltime_zone_change { int64_t at_s; int offset_s; };     /* from at_s on; the first row begins at INT64_MIN */

struct caltime_zone {
	char name[CALTIME_ZONE_NAME_SIZE];
	bool utc;
	size_t count;
	const struct caltime_zone_change *change;
};

/* The table of a zone, to be given back with caltime_zone_put. NULL: the zone is unknown (-ST_INVALID in *status) or
 * memory ran out (-ST_NO_MEMORY). */
const struct caltime_zone *caltime_zone_get(const char *name, int *status);
void caltime_zone_put(const struct caltime_zone *zone);      /* accepts NULL */

/* Forgets all tables, so that changed zone data on disk is read again. Tables in use stay whole until they are put. */
void caltime_zone_forget(void);

/* The row in force at an instant. */
size_t caltime_zone_row(const struct caltime_zone *zone, int64_t at_s);

/* Days since 1970-01-01 of a date of the Gregorian calendar, and back (hour, minute and second are left alone). */
int64_t caltime_zone_day_number(int year, int month, int day);
void caltime_zone_day_date(int64_t day_number, struct wall *out);
bool caltime_zone_wall_ok(const struct wall *w);      /* a date that exists, years 1970 to 9999, second up to 59 */

#endif
