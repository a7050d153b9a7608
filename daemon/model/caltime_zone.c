/* caltime_zone.c: time zones of the system's tzdata, read by libical, kept as plain tables.
 *
 * libical's own zone objects are shared, grow while they are read, and stay for ever once asked for by name. So a
 * zone is loaded privately, under one lock, its changes of offset are written into a table that never changes again,
 * and libical's object is freed. Readers hold a reference; the cache is bounded, whatever names people send.
 *
 * Changes are found by asking libical for the offset, week by week and then by halving: two changes that undo each
 * other within a week do not exist in tzdata since 1970 (the nearest pairs, at Ramadan, are four weeks apart).
 *
 * tests/cli/zones.py holds this against another reader for 2025 to 2037. From 2038 on the data may have only a rule,
 * and libical 3.0.16 misplaces the first change or two of some zones there (Nuuk, Troll, St. John's). */
#include "daemon/model/caltime_zone.h"

#include <libical/ical.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/status.h"

#define ZONE_CACHE_MAX 64
#define ZONE_CHANGES_MAX 1024
#define ZONE_FILE_MAX_BYTES (256 * 1024)
#define DAY_S INT64_C(86400)
#define ZONE_STEP_S (7 * DAY_S)
/* 2100-01-01: rules are followed up to here, the last offset holds after it */
#define ZONE_END_S INT64_C(4102444800)

struct entry {
	struct caltime_zone zone;       /* first: readers hold this address */
	unsigned refs;                  /* readers, and one for the cache */
	uint64_t used;                  /* for choosing the entry to drop */
	struct caltime_zone_change rows[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry *cache[ZONE_CACHE_MAX];
static uint64_t uses;

static const struct caltime_zone_change utc_row = { INT64_MIN, 0 };
static const struct caltime_zone utc_zone = { "UTC", true, 1, &utc_row };

/* One spelling for each zone, and nothing that could leave the directory. The names under posix/ and right/ are
 * second spellings (right/ even counts leap seconds, which our instants do not); two files are settings of the
 * machine, not zones. */
static bool name_ok(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= CALTIME_ZONE_NAME_SIZE)
		return false;
	if (name[0] == '/' || name[len - 1] == '/' || strstr(name, "//") != NULL)
		return false;
	if (strncmp(name, "posix/", 6) == 0 || strncmp(name, "right/", 6) == 0 || strcmp(name, "posixrules") == 0 ||
	    strcmp(name, "localtime") == 0)
		return false;
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+/-") == len;
}

/* Whether dir/name is a regular TZif file that stands below dir after all symbolic links. */
static bool file_ok(const char *dir, const char *name)
{
	char path[PATH_MAX], real[PATH_MAX], real_dir[PATH_MAX], magic[4] = "";
	struct stat st;
	size_t dir_len;
	FILE *f;
	bool ok;
	int n = snprintf(path, sizeof(path), "%s/%s", dir, name);

	if (n < 0 || (size_t)n >= sizeof(path) || realpath(dir, real_dir) == NULL || realpath(path, real) == NULL)
		return false;
	dir_len = strlen(real_dir);
	if (strncmp(real, real_dir, dir_len) != 0 || real[dir_len] != '/')
		return false;
	if (stat(real, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > ZONE_FILE_MAX_BYTES)
		return false;
	f = fopen(real, "rbe");
	if (f == NULL)
		return false;
	ok = fread(magic, 1, sizeof(magic), f) == sizeof(magic) && memcmp(magic, "TZif", sizeof(magic)) == 0;
	fclose(f);
	return ok;
}

static int offset_at(icaltimezone *zone, int64_t at_s)
{
	struct icaltimetype t = icaltime_from_timet_with_zone((time_t)at_s, 0, icaltimezone_get_utc_timezone());

	return icaltimezone_get_utc_offset_of_utc_time(zone, &t, NULL);
}

/* The first instant in (before, after] with another offset than at `before`. */
static int64_t find_change(icaltimezone *zone, int64_t before, int64_t after, int offset_before)
{
	while (after - before > 1) {
		int64_t middle = before + (after - before) / 2;

		if (offset_at(zone, middle) == offset_before)
			before = middle;
		else
			after = middle;
	}
	return after;
}

/* Fills rows (room for ZONE_CHANGES_MAX); the number of rows. */
static size_t expand(icaltimezone *zone, struct caltime_zone_change *rows)
{
	size_t count = 1;
	int64_t at = 0;
	int offset;

	/* The last instant first: libical then expands its rules once, not year by year. */
	(void)offset_at(zone, ZONE_END_S);
	offset = offset_at(zone, at);
	rows[0] = (struct caltime_zone_change){ INT64_MIN, offset };
	while (at < ZONE_END_S && count < ZONE_CHANGES_MAX) {
		int64_t next = at + ZONE_STEP_S < ZONE_END_S ? at + ZONE_STEP_S : ZONE_END_S;

		if (offset_at(zone, next) != offset) {
			next = find_change(zone, at, next, offset);
			offset = offset_at(zone, next);
			rows[count++] = (struct caltime_zone_change){ next, offset };
		}
		at = next;
	}
	return count;
}

static struct entry *entry_new(const char *name, const struct caltime_zone_change *rows, size_t count)
{
	struct entry *e = calloc(1, sizeof(*e) + count * sizeof(rows[0]));

	if (e == NULL)
		return NULL;
	memcpy(e->rows, rows, count * sizeof(rows[0]));
	snprintf(e->zone.name, sizeof(e->zone.name), "%s", name);
	e->zone.count = count;
	e->zone.change = e->rows;
	return e;
}

static struct entry *load(const char *name, int *status)
{
	static struct caltime_zone_change rows[ZONE_CHANGES_MAX];      /* under the lock */
	const char *dir = icaltzutil_get_zone_directory();
	icalcomponent *component = NULL;
	icaltimezone *zone;
	struct entry *e;

	*status = -ST_INVALID;
	if (dir == NULL || !file_ok(dir, name))
		return NULL;
	icalerror_set_errors_are_fatal(0);
	icaltimezone_set_builtin_tzdata(0);
	*status = -ST_NO_MEMORY;
	zone = icaltimezone_new();
	if (zone == NULL)
		return NULL;
	component = icaltzutil_fetch_timezone(name);
	if (component == NULL || !icaltimezone_set_component(zone, component)) {
		if (component != NULL)
			icalcomponent_free(component);
		icaltimezone_free(zone, 1);
		*status = -ST_INVALID;
		return NULL;
	}
	e = entry_new(name, rows, expand(zone, rows));
	icaltimezone_free(zone, 1);
	if (e != NULL)
		*status = 0;
	return e;
}

static void unref(struct entry *e)
{
	if (--e->refs == 0)
		free(e);
}

/* An empty place, or that of the entry unused for longest. */
static size_t place(void)
{
	size_t best = 0;

	for (size_t i = 0; i < ZONE_CACHE_MAX; i++) {
		if (cache[i] == NULL)
			return i;
		if (cache[i]->used < cache[best]->used)
			best = i;
	}
	return best;
}

static struct entry *lookup(const char *name, int *status)
{
	struct entry *e;
	size_t i;

	for (i = 0; i < ZONE_CACHE_MAX; i++)
		if (cache[i] != NULL && strcmp(cache[i]->zone.name, name) == 0)
			return cache[i];
	e = load(name, status);
	if (e == NULL)
		return NULL;
	i = place();
	if (cache[i] != NULL)
		unref(cache[i]);
	e->refs = 1;
	cache[i] = e;
	return e;
}

const struct caltime_zone *caltime_zone_get(const char *name, int *status)
{
	struct entry *e;

	*status = 0;
	if (name != NULL && strcmp(name, "UTC") == 0)
		return &utc_zone;
	if (name == NULL || !name_ok(name)) {
		*status = -ST_INVALID;
		return NULL;
	}
	pthread_mutex_lock(&lock);
	e = lookup(name, status);
	if (e != NULL) {
		e->refs++;
		e->used = ++uses;
	}
	pthread_mutex_unlock(&lock);
	return e != NULL ? &e->zone : NULL;
}

void caltime_zone_put(const struct caltime_zone *zone)
{
	union { const struct caltime_zone *zone; struct entry *entry; } u = { .zone = zone };

	if (zone == NULL || zone == &utc_zone)
		return;
	pthread_mutex_lock(&lock);
	unref(u.entry);
	pthread_mutex_unlock(&lock);
}

void caltime_zone_forget(void)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < ZONE_CACHE_MAX; i++) {
		if (cache[i] != NULL)
			unref(cache[i]);
		cache[i] = NULL;
	}
	pthread_mutex_unlock(&lock);
}

size_t caltime_zone_row(const struct caltime_zone *zone, int64_t at_s)
{
	size_t low = 0, high = zone->count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (zone->change[middle].at_s <= at_s)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Counted in years that begin in March, so that the leap day is the last day of a year. */
int64_t caltime_zone_day_number(int year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t m = month > 2 ? month - 3 : month + 9;
	int64_t before = y * 365 + y / 4 - y / 100 + y / 400;

	return before + (153 * m + 2) / 5 + day - 1 - 719468;
}

void caltime_zone_day_date(int64_t day_number, struct wall *out)
{
	int64_t days = day_number + 719468;      /* since 0000-03-01; positive for all years we know */
	int64_t cycle = days / 146097, rest = days % 146097;
	int64_t year = (rest - rest / 1460 + rest / 36524 - rest / 146096) / 365;
	int64_t day = rest - (365 * year + year / 4 - year / 100);
	int64_t m = (5 * day + 2) / 153;

	out->day = (int)(day - (153 * m + 2) / 5 + 1);
	out->month = (int)(m < 10 ? m + 3 : m - 9);
	out->year = (int)(year + 400 * cycle + (out->month <= 2 ? 1 : 0));
}

bool caltime_zone_wall_ok(const struct wall *w)
{
	struct wall same;

	if (w->year < 1970 || w->year > 9999 || w->month < 1 || w->month > 12 || w->day < 1 || w->day > 31)
		return false;
	if (w->hour < 0 || w->hour > 23 || w->minute < 0 || w->minute > 59 || w->second < 0 || w->second > 59)
		return false;
	caltime_zone_day_date(caltime_zone_day_number(w->year, w->month, w->day), &same);
	return same.month == w->month && same.day == w->day;
}
