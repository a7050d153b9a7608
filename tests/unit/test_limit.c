/* test_limit.c: quiet hours, gap, daily limit and catch-up, alone and together, across clock changes. */
#include "daemon/model/limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "daemon/model/caltime.h"
#include "proto/unit.h"

#define HOUR 3600000LL
#define PARIS "Europe/Paris"

static int64_t at(const char *text)
{
	int64_t ms;
	assert_int_equal(unit_utc_parse(text, &ms), 0);
	return ms;
}

static void assert_next(const struct limit_policy *p, const struct limit_history *h, const char *now, int late, const char *want)
{
	char have[40];
	const char *why;
	int64_t next = limit_next(p, h, at(now), late != 0, &why);
	assert_string_equal(unit_utc_format(next, have, sizeof have), want);
	assert_int_equal(why == NULL, next == at(now));
}

static struct limit_slot room[LIMIT_MAX_SLOTS];

static void test_parse(void **state)
{
	(void)state;
	static const char *const bad[] = { "22:00", "22:00-", "24:00-07:00", "22:60-07:00", "2:00-07:00", "22:00-22:00", "22:00 - 07:00",
	                                   "22:00-07:000", "ab:cd-ef:gh", "22-07", "-1:00-07:00" };
	struct limit_hours h = { 1, 2 };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_true(limit_hours_parse(bad[i], &h) < 0);
	assert_int_equal(h.from_min, 1);
	assert_int_equal(limit_hours_parse("22:00-07:30", &h), 0);
	assert_int_equal(h.from_min, 22 * 60);
	assert_int_equal(h.to_min, 7 * 60 + 30);
	assert_int_equal(limit_hours_parse("", &h), 0);
	assert_int_equal(h.from_min, h.to_min);
}

static void test_quiet(void **state)
{
	(void)state;
	struct limit_policy p = { .zone = PARIS };
	const struct limit_history h = { 0 };
	assert_int_equal(limit_hours_parse("22:00-07:00", &p.quiet), 0);
	assert_next(&p, &h, "2026-12-01T20:59:59Z", 1, "2026-12-01T20:59:59Z");      /* 21:59:59 */
	assert_next(&p, &h, "2026-12-01T21:00:00Z", 1, "2026-12-02T06:00:00Z");      /* 22:00 -> 07:00 */
	assert_next(&p, &h, "2026-12-02T02:00:00Z", 1, "2026-12-02T06:00:00Z");
	assert_next(&p, &h, "2026-12-02T06:00:00Z", 1, "2026-12-02T06:00:00Z");
	assert_next(&p, &h, "2026-12-01T21:00:00Z", 0, "2026-12-01T21:00:00Z");      /* the time that was asked for */
	/* The night that clocks go forward ends an hour earlier in UTC. */
	assert_next(&p, &h, "2027-03-27T23:00:00Z", 1, "2027-03-28T05:00:00Z");
	/* Quiet hours within a day. */
	assert_int_equal(limit_hours_parse("12:00-14:00", &p.quiet), 0);
	assert_next(&p, &h, "2026-12-01T11:30:00Z", 1, "2026-12-01T13:00:00Z");
	assert_next(&p, &h, "2026-12-01T22:30:00Z", 1, "2026-12-01T22:30:00Z");
}

static void test_gap(void **state)
{
	(void)state;
	const struct limit_policy p = { .zone = "UTC", .min_gap_ms = 2 * HOUR };
	struct limit_history h = { .last_ms = at("2026-12-01T10:00:00Z") };
	assert_next(&p, &h, "2026-12-01T11:00:00Z", 1, "2026-12-01T12:00:00Z");
	assert_next(&p, &h, "2026-12-01T12:00:00Z", 1, "2026-12-01T12:00:00Z");
	assert_next(&p, &h, "2026-12-01T11:00:00Z", 0, "2026-12-01T11:00:00Z");
	/* The clock was set back: the last post seems to lie ahead. */
	assert_next(&p, &h, "2026-12-01T09:00:00Z", 1, "2026-12-01T09:00:00Z");
}

static void test_day(void **state)
{
	(void)state;
	const struct limit_policy p = { .zone = PARIS, .daily_limit = 2 };
	struct limit_history h = { 0 };
	limit_fired(&p, &h, at("2026-12-01T08:00:00Z"), false, 1, room);
	assert_next(&p, &h, "2026-12-01T09:00:00Z", 0, "2026-12-01T09:00:00Z");
	limit_fired(&p, &h, at("2026-12-01T09:00:00Z"), false, 1, room);
	assert_next(&p, &h, "2026-12-01T10:00:00Z", 0, "2026-12-01T23:00:00Z");      /* midnight in Paris */
	limit_fired(&p, &h, at("2026-12-01T23:00:00Z"), false, 1, room);
	assert_int_equal(h.day_count, 1);
	/* A day of 23 hours. */
	h = (struct limit_history){ .day = 20270328, .day_count = 2 };
	assert_next(&p, &h, "2027-03-27T23:30:00Z", 0, "2027-03-28T22:00:00Z");
}

static void test_catch_up(void **state)
{
	(void)state;
	const struct limit_policy p = { .zone = "UTC", .catch_up_per_hour = 3 };
	struct limit_history h = { 0 };
	int64_t now = at("2026-12-01T08:00:00Z");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(limit_next(&p, &h, now, true, NULL), now);
		limit_fired(&p, &h, now, true, 1, room);
		now += 1000;
	}
	assert_int_equal(limit_next(&p, &h, now, true, NULL), at("2026-12-01T09:00:00Z"));
	assert_int_equal(limit_next(&p, &h, now, false, NULL), now);      /* what is on time is not held up */
	limit_fired(&p, &h, at("2026-12-01T09:00:00Z"), true, 1, room);
	assert_int_equal(h.catch_up_count, 1);
}

/* Whatever the policy and history: the result is not before now, all rules hold there, and asking again there gives the same. */
static void test_fixed_point(void **state)
{
	(void)state;
	uint64_t x = 88172645463325252ULL;
	for (int i = 0; i < 20000; i++) {
		uint64_t r[6];
		for (size_t k = 0; k < 6; k++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			r[k] = x;
		}
		int64_t now = at("2027-03-20T00:00:00Z") + (int64_t)(r[0] % (240 * 24 * HOUR));
		struct limit_policy p = { .zone = r[1] & 1 ? PARIS : "America/New_York",
		                          .quiet = { (int)(r[1] / 2 % 1440), (int)(r[1] / 4096 % 1440) },
		                          .min_gap_ms = (int64_t)(r[2] % (8 * HOUR)), .daily_limit = (int64_t)(r[2] / 7 % 4),
		                          .catch_up_per_hour = (int64_t)(r[3] % 3) };
		struct limit_history h = { 0 };
		for (int k = 0; k < 3; k++)
			limit_fired(&p, &h, now - (int64_t)(r[4] % (10 * HOUR)) + k, k & 1, 1, room);
		int64_t next = limit_next(&p, &h, now, true, NULL);
		assert_true(next >= now);
		assert_int_equal(limit_next(&p, &h, next, true, NULL), next);
		assert_false(limit_quiet(&p, next));
	}
}

/* Whatever is fired when it may be: no window holds more than the quota, nor a slot's length more than that; and all of it goes out. */
static void test_quota(void **state)
{
	(void)state;
	static int64_t fired[3000];
	uint64_t x = 362436069362436069ULL;
	for (int round = 0; round < 20; round++) {
		const struct limit_policy p = { .zone = "UTC", .quota = { .posts = 5 + round * 3, .window_ms = 3 * HOUR, .slots = 12,
		                                .slot_posts = round % 2 ? 4 : 0 } };
		struct limit_history h = { 0 };
		struct limit_slot two[2][LIMIT_MAX_SLOTS];
		int64_t now = at("2026-12-01T08:00:00Z");
		for (size_t n = 0; n < 400; n++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			now += (int64_t)(x % (round < 10 ? 60000 : 1200000));
			now = limit_next(&p, &h, now, false, NULL);
			limit_fired(&p, &h, now, false, 1, two[n % 2]);
			fired[n] = now;
			for (size_t k = n; k-- > 0 && fired[k] > now - p.quota.window_ms;)
				assert_true((int64_t)(n - k + 1) <= p.quota.posts);
			for (size_t k = n; p.quota.slot_posts > 0 && k-- > 0 && fired[k] > now - p.quota.window_ms / p.quota.slots;)
				assert_true((int64_t)(n - k + 1) <= p.quota.slot_posts);
		}
		/* Not held up more than a slot beyond what the quota asks. */
		if (round < 10)
			assert_true(now - at("2026-12-01T08:00:00Z") < 400 * p.quota.window_ms / p.quota.posts * 13 / 12 + 4 * HOUR + 400 * 60000LL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse), cmocka_unit_test(test_quiet), cmocka_unit_test(test_gap), cmocka_unit_test(test_day),
		cmocka_unit_test(test_catch_up), cmocka_unit_test(test_fixed_point),
		cmocka_unit_test(test_quota),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
