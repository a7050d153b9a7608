/* test_caltime.c: wall clocks, gaps and overlaps, what people may type, and names of zones that are attacks. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/model/caltime.h"
#include "daemon/model/caltime_zone.h"
#include "proto/status.h"
#include "proto/unit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int64_t utc(const char *text)
{
	int64_t ms = -1;

	if (unit_utc_parse(text, &ms) != 0)
		fail_msg("bad time in the test: %s", text);
	return ms;
}

static void test_to_instant(void **state)
{
	static const struct { const char *zone, *wall, *instant; enum caltime_note note; } rows[] = {
		{ "UTC", "2026-12-01T09:00:00", "2026-12-01T09:00:00Z", CALTIME_PLAIN },
		{ "Europe/Paris", "2026-12-01T09:00:00", "2026-12-01T08:00:00Z", CALTIME_PLAIN },
		{ "Europe/Paris", "2026-07-01T09:00:00", "2026-07-01T07:00:00Z", CALTIME_PLAIN },
		{ "Europe/Paris", "2026-03-29T01:59:59", "2026-03-29T00:59:59Z", CALTIME_PLAIN },
		{ "Europe/Paris", "2026-03-29T02:00:00", "2026-03-29T01:00:00Z", CALTIME_SKIPPED },
		{ "Europe/Paris", "2026-03-29T02:30:00", "2026-03-29T01:30:00Z", CALTIME_SKIPPED },
		{ "Europe/Paris", "2026-03-29T03:00:00", "2026-03-29T01:00:00Z", CALTIME_PLAIN },
		{ "Europe/Paris", "2026-10-25T01:59:59", "2026-10-24T23:59:59Z", CALTIME_PLAIN },
		{ "Europe/Paris", "2026-10-25T02:00:00", "2026-10-25T00:00:00Z", CALTIME_TWICE },
		{ "Europe/Paris", "2026-10-25T02:59:59", "2026-10-25T00:59:59Z", CALTIME_TWICE },
		{ "Europe/Paris", "2026-10-25T03:00:00", "2026-10-25T02:00:00Z", CALTIME_PLAIN },
		{ "America/New_York", "2026-03-08T02:15:00", "2026-03-08T07:15:00Z", CALTIME_SKIPPED },
		{ "America/New_York", "2026-11-01T01:30:00", "2026-11-01T05:30:00Z", CALTIME_TWICE },
		{ "Australia/Lord_Howe", "2026-10-04T02:10:00", "2026-10-03T15:40:00Z", CALTIME_SKIPPED },
		{ "Australia/Lord_Howe", "2026-10-04T02:30:00", "2026-10-03T15:30:00Z", CALTIME_PLAIN },
		{ "Australia/Lord_Howe", "2026-04-05T01:45:00", "2026-04-04T14:45:00Z", CALTIME_TWICE },
		{ "Australia/Lord_Howe", "2026-04-05T02:00:00", "2026-04-04T15:30:00Z", CALTIME_PLAIN },
		{ "Asia/Kathmandu", "2026-12-01T09:00:00", "2026-12-01T03:15:00Z", CALTIME_PLAIN },
		{ "Pacific/Kiritimati", "2026-12-01T09:00:00", "2026-11-30T19:00:00Z", CALTIME_PLAIN },
		/* a whole day that never was */
		{ "Pacific/Apia", "2011-12-30T12:00:00", "2011-12-30T22:00:00Z", CALTIME_SKIPPED },
		{ "Etc/GMT+12", "2026-02-28T23:59:59", "2026-03-01T11:59:59Z", CALTIME_PLAIN },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct wall w;
		int64_t ms = -1;
		enum caltime_note note = CALTIME_PLAIN;

		assert_int_equal(caltime_wall_parse(rows[i].wall, &w), 0);
		assert_int_equal(caltime_to_instant(&w, rows[i].zone, &ms, &note), 0);
		if (ms != utc(rows[i].instant) || note != rows[i].note)
			fail_msg("%s %s: got %lld note %d", rows[i].zone, rows[i].wall, (long long)ms, (int)note);
		assert_int_equal(caltime_to_instant(&w, rows[i].zone, &ms, NULL), 0);
	}
}

static void test_format(void **state)
{
	static const struct { int64_t ms; const char *zone, *text; } rows[] = {
		{ 1796112000000, "UTC", "2026-12-01T08:00:00Z" },
		{ 1796112000000, "Europe/Paris", "2026-12-01T09:00:00+01:00" },
		{ 1796112000007, "Europe/Paris", "2026-12-01T09:00:00.007+01:00" },
		{ 1796112000000, "America/St_Johns", "2026-12-01T04:30:00-03:30" },
		{ 1796112000000, "Asia/Kathmandu", "2026-12-01T13:45:00+05:45" },
		{ 1796112000000, "No/Such", "2026-12-01T08:00:00Z" },
		{ 0, "America/New_York", "1970-01-01T00:00:00Z" },      /* 1969 there: shown in UTC */
		{ 0, "Africa/Monrovia", "1970-01-01T00:00:00Z" },       /* an offset with seconds: shown in UTC */
	};
	char buf[64];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(caltime_format(rows[i].ms, rows[i].zone, buf, sizeof(buf)), rows[i].text);
}

static void test_to_wall(void **state)
{
	struct wall w;
	int offset;

	(void)state;
	assert_int_equal(caltime_to_wall(0, "America/New_York", &w, &offset), 0);
	assert_int_equal(w.year, 1969);
	assert_int_equal(w.hour, 19);
	assert_int_equal(offset, -18000);
	assert_int_equal(caltime_to_wall(utc("2028-02-29T12:34:56Z"), "UTC", &w, NULL), 0);
	assert_int_equal(w.month * 100 + w.day, 229);
	assert_int_equal(w.hour * 10000 + w.minute * 100 + w.second, 123456);
	assert_int_equal(caltime_to_wall(-1, "UTC", &w, NULL), -ST_INVALID);
	assert_int_equal(caltime_to_wall(INT64_MAX, "UTC", &w, NULL), -ST_INVALID);
	assert_int_equal(caltime_to_wall(INT64_MIN, "UTC", &w, NULL), -ST_INVALID);
	assert_int_equal(caltime_to_wall(0, "No/Such", &w, NULL), -ST_INVALID);
}

static void test_every_day_there_and_back(void **state)
{
	int64_t day = 0;
	struct wall w = { 0 };

	(void)state;
	for (; w.year < 2101; day += 1) {
		caltime_zone_day_date(day, &w);
		assert_true(caltime_zone_day_number(w.year, w.month, w.day) == day);
	}
	caltime_zone_day_date(11016, &w);
	assert_int_equal(w.year * 10000 + w.month * 100 + w.day, 20000229);
}

static void test_wall_text(void **state)
{
	static const char *const bad[] = {
		"", "2026-12-01", "2026-12-01T10:00", "2026-12-01 10:00:00", "2026-12-01T10:00:00Z",
		    "2026-13-01T10:00:00",
		"2026-02-29T10:00:00", "2026-04-31T10:00:00", "2026-12-01T24:00:00", "2026-12-01T10:60:00",
		    "2026-12-01T10:00:60",
		"2026-00-01T10:00:00", "2026-12-00T10:00:00", "1969-12-31T10:00:00", "2026-12-01T1 :00:00",
		    "+026-12-01T10:00:00",
		"2100-02-29T00:00:00",
	};
	struct wall w = { 0 };
	char buf[40];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (caltime_wall_parse(bad[i], &w) != -ST_INVALID)
			fail_msg("taken: '%s'", bad[i]);
	assert_int_equal(caltime_wall_parse("2028-02-29T23:59:59", &w), 0);
	assert_string_equal(caltime_wall_format(&w, buf, sizeof(buf)), "2028-02-29T23:59:59");
}

static void test_impossible_walls(void **state)
{
	static const struct wall bad[] = {
		{ 2026, 2, 29, 0, 0, 0 }, { 2026, 0, 1, 0, 0, 0 }, { 2026, 1, 1, 24, 0, 0 }, { 2026, 1, 1, -1, 0, 0 },
		{ 10000, 1, 1, 0, 0, 0 },
		{ 1969, 12, 31, 0, 0, 0 }, { INT32_MAX, 1, 1, 0, 0, 0 }, { INT32_MIN, INT32_MIN, 1, 0, 0, 0 },
		{ 2026, 1, 1, 0, 0, 60 },
	};
	int64_t ms = 7;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(caltime_to_instant(&bad[i], "UTC", &ms, NULL), -ST_INVALID);
	assert_true(ms == 7);
}

static void test_zone_names(void **state)
{
	static const char *const good[] = { "UTC", "Europe/Paris", "America/Argentina/Buenos_Aires", "Etc/GMT+12",
	    "Asia/Calcutta",
	                                    "EST5EDT", "America/Port-au-Prince", "GMT" };
	static const char *const bad[] = {
		"", "/", ".", "..", "Europe", "Europe/", "/Europe/Paris", "Europe//Paris", "../zoneinfo/UTC",
		    "Europe/../UTC", "./UTC",
		"/etc/passwd", "../../../etc/passwd", "/usr/share/zoneinfo/UTC", "zone.tab", "tzdata.zi", "leapseconds",
		    "posixrules",
		"right/UTC", "posix/UTC", "localtime", "Europe/Paris ", " UTC", "Europe\\Paris", "UTC\n",
		    "europe/paris/x", "No/Such",
		"Europe/Par\xc3\xads", "%s%n",
		    "A/A/A/A/A/A/A/A/A/A/A/A/A/A/A/A/A/A/A/A/A/A/A/A/A/A/A/A/A/A/A/A/A/A/A/A/A",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		if (caltime_zone_check(good[i]) != 0)
			fail_msg("refused: '%s'", good[i]);
	for (size_t i = 0; i < COUNT(bad); i++)
		if (caltime_zone_check(bad[i]) != -ST_INVALID)
			fail_msg("taken: '%s'", bad[i]);
	assert_int_equal(caltime_zone_check(NULL), -ST_INVALID);
}

/* Saturday, 21 November 2026, 14:30 in Paris. */
#define NOW "2026-11-21T13:30:00Z"

struct want_row { const char *text; enum caltime_past past; const char *due; bool has_wall; const char *zone; };

static void test_parse(void **state)
{
	static const struct want_row rows[] = {
		{ "now", CALTIME_PAST_REFUSE, NOW, false, NULL },
		{ "+2h", CALTIME_PAST_REFUSE, "2026-11-21T15:30:00Z", false, NULL },
		{ "+1h 30min", CALTIME_PAST_REFUSE, "2026-11-21T15:00:00Z", false, NULL },
		{ "2026-12-01T09:00:00Z", CALTIME_PAST_REFUSE, "2026-12-01T09:00:00Z", false, NULL },
		{ "2026-12-01T09:00:00.250+05:30", CALTIME_PAST_REFUSE, "2026-12-01T03:30:00.250Z", false, NULL },
		{ "2026-12-01 09:00", CALTIME_PAST_REFUSE, "2026-12-01T08:00:00Z", true, NULL },
		{ "2026-12-01 9:00", CALTIME_PAST_REFUSE, "2026-12-01T08:00:00Z", true, NULL },
		{ "2026-12-01  09:00:30", CALTIME_PAST_REFUSE, "2026-12-01T08:00:30Z", true, NULL },
		{ "2026-12-01 09:00 America/New_York", CALTIME_PAST_REFUSE, "2026-12-01T14:00:00Z", true,
		"America/New_York" },
		{ "2026-12-01 09:00 UTC", CALTIME_PAST_REFUSE, "2026-12-01T09:00:00Z", true, "UTC" },
		{ "14:30", CALTIME_PAST_REFUSE, NOW, true, NULL },
		{ "14:31", CALTIME_PAST_REFUSE, "2026-11-21T13:31:00Z", true, NULL },
		{ "14:29", CALTIME_PAST_REFUSE, "2026-11-22T13:29:00Z", true, NULL },
		{ "9:00", CALTIME_PAST_REFUSE, "2026-11-22T08:00:00Z", true, NULL },
		{ "9:00", CALTIME_PAST_NOW, "2026-11-22T08:00:00Z", true, NULL },      /* the next one was asked for */
		{ "today 15:00", CALTIME_PAST_REFUSE, "2026-11-21T14:00:00Z", true, NULL },
		{ "today 9:00", CALTIME_PAST_NOW, NOW, false, NULL },
		{ "today 9:00", CALTIME_PAST_TOMORROW, "2026-11-22T08:00:00Z", true, NULL },
		{ "tomorrow 9:00", CALTIME_PAST_REFUSE, "2026-11-22T08:00:00Z", true, NULL },
		{ "TOMORROW 09:00", CALTIME_PAST_REFUSE, "2026-11-22T08:00:00Z", true, NULL },
		{ "fri 9:00", CALTIME_PAST_REFUSE, "2026-11-27T08:00:00Z", true, NULL },
		{ "Sat 23:00", CALTIME_PAST_REFUSE, "2026-11-28T22:00:00Z", true, NULL },      /* never today */
		{ "Sunday 9:00", CALTIME_PAST_REFUSE, "2026-11-22T08:00:00Z", true, NULL },
		{ "mon 9:00", CALTIME_PAST_REFUSE, "2026-11-23T08:00:00Z", true, NULL },
		{ "2026-11-20 23:00", CALTIME_PAST_TOMORROW, "2026-11-21T22:00:00Z", true, NULL },
		{ "2026-11-20 09:00", CALTIME_PAST_TOMORROW, "2026-11-22T08:00:00Z", true, NULL },
		{ "1999-01-01 09:00 America/New_York", CALTIME_PAST_TOMORROW, "2026-11-21T14:00:00Z", true,
		"America/New_York" },
		{ "2026-11-20T23:00:00Z", CALTIME_PAST_TOMORROW, "2026-11-21T23:00:00Z", false, NULL },
		{ "2026-11-19T13:30:00Z", CALTIME_PAST_TOMORROW, NOW, false, NULL },
		{ "2026-11-20T23:00:00Z", CALTIME_PAST_NOW, NOW, false, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct caltime_want want;
		const char *why;
		int status = caltime_parse(rows[i].text, "Europe/Paris", utc(NOW), rows[i].past, &want, &why);

		if (status != 0)
			fail_msg("'%s': refused: %s", rows[i].text, why);
		if (want.due_ms != utc(rows[i].due) || want.has_wall != rows[i].has_wall)
			fail_msg("'%s': %lld", rows[i].text, (long long)want.due_ms);
		assert_string_equal(want.zone, rows[i].zone != NULL ? rows[i].zone : "Europe/Paris");
		assert_null(why);
		assert_int_equal(want.note, CALTIME_PLAIN);
	}
}

static void test_parse_refused(void **state)
{
	static const struct { const char *text, *says; } rows[] = {
		{ "", "write '2026-12-01 09:00'" }, { " ", "write" }, { " 9:00", "write" }, { "9:00 ", "write" },
		{ "9", "'9:00'" },
		{ "9am", "write" }, { "9:0", "'9:00'" }, { "24:00", "0 to 23" }, { "09:60", "two digits" },
		{ "009:00", "'9:00'" },
		{ "9:00:5", "'9:00'" }, { "9:00 UTC", "only after a full date" },
		{ "tomorrow", "time of day is missing" },
		{ "fri 9:00 UTC", "only after a full date" }, { "tomorrow 25:00", "0 to 23" },
		{ "someday 9:00", "write" },
		{ "2026-12-01", "time of day is missing" }, { "2026-13-01 09:00", "date that exists" },
		{ "2026-02-29 09:00", "date that exists" }, { "2026-1-1 09:00", "all digits" },
		{ "26-01-01 09:00", "all digits" },
		{ "2026-12-01 9", "'9:00'" }, { "2026-12-01T09:00:00", "without an offset" },
		{ "2026-12-01T09:00Z", "RFC 3339" },
		{ "2026-12-01T09:00:00Z UTC", "RFC 3339" }, { "2026-12-01 09:00 Mars/Base", "Europe/Paris" },
		{ "2026-12-01 09:00 ../UTC", "Europe/Paris" }, { "2026-12-01 09:00 UTC x", "write" }, { "+", "'+2h'" },
		{ "+2", "'+2h'" },
		{ "+2m", "'min'" }, { "+-2h", "'+2h'" }, { "-2h", "write" }, { "in 2h", "write" },
		{ "now 9:00", "write" },
		{ "2026-11-21 14:29", "--past=now" }, { "today 9:00", "--past=now" },
		{ "2026-11-20T23:00:00Z", "--past=now" },
		{ "9:00\n", "'9:00'" }, { "\t9:00", "write" }, { "12345678901234567890:00", "'9:00'" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct caltime_want want = { .due_ms = 5 };
		const char *why = NULL;

		if (caltime_parse(rows[i].text, "Europe/Paris", utc(NOW), CALTIME_PAST_REFUSE, &want,
		    &why) != -ST_INVALID)
			fail_msg("taken: '%s'", rows[i].text);
		if (why == NULL || strstr(why, rows[i].says) == NULL)
			fail_msg("'%s': %s", rows[i].text, why != NULL ? why : "no reason");
		assert_true(want.due_ms == 5);
	}
}

static void test_parse_around_changes(void **state)
{
	struct caltime_want want;
	const char *why;

	(void)state;
	/* 02:30 does not exist tomorrow: kept as typed, fired at 03:30 */
	assert_int_equal(caltime_parse("tomorrow 2:30", "Europe/Paris", utc("2026-03-28T12:00:00Z"),
	    CALTIME_PAST_REFUSE, &want, &why), 0);
	assert_int_equal(want.note, CALTIME_SKIPPED);
	assert_int_equal(want.wall.hour, 2);
	assert_true(want.due_ms == utc("2026-03-29T01:30:00Z"));
	/* between the two 02:30 the first is past: the next one is tomorrow's */
	assert_int_equal(caltime_parse("2:30", "Europe/Paris", utc("2026-10-25T00:45:00Z"), CALTIME_PAST_REFUSE, &want,
	    &why), 0);
	assert_true(want.due_ms == utc("2026-10-26T01:30:00Z"));
	assert_int_equal(want.note, CALTIME_PLAIN);
	assert_int_equal(caltime_parse("2:30", "Europe/Paris", utc("2026-10-25T00:15:00Z"), CALTIME_PAST_REFUSE, &want,
	    &why), 0);
	assert_int_equal(want.note, CALTIME_TWICE);
	/* the day is the account's: it is already Sunday in Auckland */
	assert_int_equal(caltime_parse("sun 9:00", "Pacific/Auckland", utc(NOW), CALTIME_PAST_REFUSE, &want, &why), 0);
	assert_true(want.due_ms == utc("2026-11-28T20:00:00Z"));
}

static void test_parse_bounds(void **state)
{
	struct caltime_want want;
	const char *why;

	(void)state;
	assert_int_equal(caltime_parse("9:00", "No/Such", utc(NOW), CALTIME_PAST_REFUSE, &want, &why), -ST_INVALID);
	assert_non_null(strstr(why, "TimeZone="));
	assert_int_equal(caltime_parse("9:00", "UTC", -1, CALTIME_PAST_REFUSE, &want, &why), -ST_INVALID);
	assert_int_equal(caltime_parse("+1d", "UTC", utc("9999-12-31T23:00:00Z"), CALTIME_PAST_REFUSE, &want, &why),
	    -ST_INVALID);
	assert_non_null(strstr(why, "9999"));
	assert_int_equal(caltime_parse("1:00", "UTC", utc("9999-12-31T23:00:00Z"), CALTIME_PAST_REFUSE, &want, &why),
	    -ST_INVALID);
	assert_int_equal(caltime_parse("9999-12-31 23:30 Etc/GMT+12", "UTC", utc(NOW), CALTIME_PAST_REFUSE, &want,
	    &why), -ST_INVALID);
}

/* Every thread walks over many zones, while one forgets them all again and again. */
static void *hammer(void *arg)
{
	uintptr_t bad = 0;
	char zone[32];

	for (int round = 0; round < 6; round++) {
		for (int hours = 0; hours <= 12; hours++) {
			for (int east = 0; east < 2; east++) {
				struct wall w;
				int offset = 1;

				snprintf(zone, sizeof(zone), "Etc/GMT%c%d", east ? '-' : '+', hours);
				if (caltime_to_wall(utc(NOW), zone, &w, &offset) != 0 ||
				    offset != (east ? hours : -hours) * 3600)
					bad++;
				if (caltime_to_wall(utc(NOW), "Europe/Paris", &w, &offset) != 0 || w.hour != 14 ||
				    offset != 3600)
					bad++;
			}
		}
		if (arg != NULL)
			caltime_zone_forget();
	}
	return (void *)bad;
}

static void test_threads(void **state)
{
	pthread_t threads[4];
	void *bad;

	(void)state;
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, i == 0 ? &threads : NULL), 0);
	for (size_t i = 0; i < COUNT(threads); i++) {
		assert_int_equal(pthread_join(threads[i], &bad), 0);
		assert_null(bad);
	}
	caltime_zone_forget();
}

static void test_more_zones_than_the_cache_holds(void **state)
{
	static const char *const cities[] = {
		"Africa/Abidjan", "Africa/Cairo", "Africa/Lagos", "Africa/Nairobi", "Africa/Tunis", "America/Bogota",
		    "America/Chicago",
		"America/Denver", "America/Halifax", "America/Havana", "America/Lima", "America/Los_Angeles",
		    "America/Mexico_City",
		"America/New_York", "America/Nuuk", "America/Santiago", "America/Sao_Paulo", "America/St_Johns",
		    "Asia/Baku",
		"Asia/Dhaka", "Asia/Dubai", "Asia/Hong_Kong", "Asia/Kabul", "Asia/Karachi", "Asia/Kathmandu",
		    "Asia/Kolkata", "Asia/Seoul",
		"Asia/Tehran", "Asia/Tokyo", "Australia/Lord_Howe", "Australia/Perth", "Australia/Sydney",
		    "Europe/Athens",
		"Europe/Dublin", "Europe/London", "Europe/Madrid", "Europe/Oslo", "Europe/Rome", "Europe/Vienna",
		    "Pacific/Apia",
		"Pacific/Auckland", "Pacific/Chatham", "Pacific/Fiji", "Pacific/Guam", "Pacific/Honolulu",
	};
	const struct caltime_zone *held;
	int status;
	char zone[32];

	(void)state;
	held = caltime_zone_get("Europe/Berlin", &status);
	assert_non_null(held);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < COUNT(cities); i++)
			assert_int_equal(caltime_zone_check(cities[i]), 0);
		for (int i = -14; i <= 12; i++) {
			snprintf(zone, sizeof(zone), "Etc/GMT%+d", i);
			assert_int_equal(caltime_zone_check(zone), 0);
		}
	}
	assert_string_equal(held->name, "Europe/Berlin");      /* dropped from the cache, in use: still whole */
	assert_true(held->count > 100);
	caltime_zone_put(held);
	caltime_zone_put(NULL);
	caltime_zone_forget();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_to_instant), cmocka_unit_test(test_format), cmocka_unit_test(test_to_wall),
		cmocka_unit_test(test_every_day_there_and_back), cmocka_unit_test(test_wall_text),
		    cmocka_unit_test(test_impossible_walls),
		cmocka_unit_test(test_zone_names), cmocka_unit_test(test_parse), cmocka_unit_test(test_parse_refused),
		cmocka_unit_test(test_parse_around_changes), cmocka_unit_test(test_parse_bounds),
		    cmocka_unit_test(test_threads),
		cmocka_unit_test(test_more_zones_than_the_cache_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
