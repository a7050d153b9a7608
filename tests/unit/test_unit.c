/* test_unit.c: durations, sizes, money, instants, numbers and ids: what is taken, what is refused, and round trips. */
#include "proto/unit.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/status.h"

static uint64_t seed = 20261121;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

#define REFUSE(list, call) \
	for (size_t i = 0; i < sizeof list / sizeof *list; i++) { \
		const char *text = list[i]; \
		if ((call) != -ST_INVALID) \
			fail_msg("accepted: '%s'", text); \
	}

static void test_durations(void **state)
{
	(void)state;
	static const struct { const char *text; int64_t ms; const char *written; } good[] = {
		{ "0", 0, "0" }, { "0s", 0, "0" }, { "250ms", 250, "250ms" }, { "90s", 90000, "1min 30s" },
		{ "5min", 300000, "5min" },
		{ "2h", 7200000, "2h" }, { "3d", 259200000, "3d" }, { "1w", 604800000, "1w" }, { "1y", 31557600000, "1y" },
		{ "1h30min", 5400000, "1h 30min" }, { "1h 30min", 5400000, "1h 30min" }, { "1 h  30 min", 5400000, "1h 30min" },
		{ "2hours 1second", 7201000, "2h 1s" }, { "1day 1hr", 90000000, "1d 1h" }, { "2weeks", 1209600000, "2w" },
		{ "2years", 63115200000, "2y" }, { "1h1h", 7200000, "2h" }, { "100y", 3155760000000, "100y" },
		{ "3sec", 3000, "3s" }, { "1minute", 60000, "1min" }, { "2minutes", 120000, "2min" }, { "010s", 10000, "10s" },
	};
	static const char *const bad[] = {
		"", " ", "m", "5", "5m", "90", "00", "1h30", "h", "1x", "1H", "-1s", "+1s", "1.5h", "1h ", " 1h", "1h\t2min",
		"1h,2min",
		"101y", "100y 1ms", "9223372036854775808ms", "9223372036854775807w",
		"9223372036854775807ms9223372036854775807ms", "1month",
		"1us", "1h-2min", "1s2",
	};
	char buf[64];
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		int64_t ms = -1;
		if (unit_duration_parse(good[i].text, &ms))
			fail_msg("refused: '%s'", good[i].text);
		assert_int_equal(ms, good[i].ms);
		assert_string_equal(unit_duration_format(ms, buf, sizeof buf), good[i].written);
	}
	int64_t out = 77;
	REFUSE(bad, unit_duration_parse(text, &out));
	assert_int_equal(out, 77);
	assert_string_equal(unit_duration_format(-90000, buf, sizeof buf), "-1min 30s");
	assert_true(strlen(unit_duration_format(INT64_MIN, buf, sizeof buf)) > 5);
	assert_int_equal(strlen(unit_duration_format(5400000, buf, 4)), 3);
}

static void test_duration_roundtrip(void **state)
{
	(void)state;
	char buf[64];
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < 20000; i++) {
		int64_t ms = (int64_t)(next_random() % 3155760000001u) >> (next_random() % 40), back = -1;
		assert_int_equal(unit_duration_parse(unit_duration_format(ms, buf, sizeof buf), &back), 0);
		assert_int_equal(back, ms);
	}
}

static void test_sizes(void **state)
{
	(void)state;
	static const struct { const char *text; int64_t bytes; const char *written; } good[] = {
		{ "0", 0, "0" }, { "1", 1, "1" }, { "100B", 100, "100" }, { "1K", 1024, "1K" }, { "1KB", 1024, "1K" },
		{ "512M", 536870912, "512M" }, { "64G", 68719476736, "64G" }, { "2T", 2199023255552, "2T" },
		{ "1536", 1536, "1536" },
		{ "2048", 2048, "2K" }, { "8388607T", 8388607 * (INT64_C(1) << 40), "8388607T" },
	};
	static const char *const bad[] = { "", "K", "B", "-1", "+1", "1k", "1 K", " 1", "1 ", "1.5M", "1KK", "1BK", "1P",
	                                   "1BB", "8388608T",
	                                   "9223372036854775808", "1Ki" };
	char buf[32];
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		int64_t v = -1;
		if (unit_size_parse(good[i].text, &v))
			fail_msg("refused: '%s'", good[i].text);
		assert_int_equal(v, good[i].bytes);
		assert_string_equal(unit_size_format(v, buf, sizeof buf), good[i].written);
	}
	int64_t out = 77;
	REFUSE(bad, unit_size_parse(text, &out));
	assert_int_equal(out, 77);
	for (int i = 0; i < 10000; i++) {
		int64_t v = (int64_t)(next_random() >> (1 + next_random() % 62)), back = -1;
		assert_int_equal(unit_size_parse(unit_size_format(v, buf, sizeof buf), &back), 0);
		assert_int_equal(back, v);
	}
}

static void test_money(void **state)
{
	(void)state;
	static const struct { const char *text; int64_t minor; const char *currency; } good[] = {
		{ "20.00EUR", 2000, "EUR" }, { "0.05USD", 5, "USD" }, { "0.00GBP", 0, "GBP" }, { "2000JPY", 2000, "JPY" },
		{ "0KRW", 0, "KRW" },
		{ "1.234BHD", 1234, "BHD" }, { "0.001KWD", 1, "KWD" }, { "9999999999999.99EUR", 999999999999999, "EUR" },
		{ "7CLP", 7, "CLP" },
		{ "12.50ZMW", 1250, "ZMW" }, { "1.00AED", 100, "AED" },
	};
	static const char *const bad[] = {
		"", "EUR", "20EUR", "20.0EUR", "20.000EUR", "20.00", "20.00 EUR", " 20.00EUR", "20.00EUR ", "-1.00EUR",
		"+1.00EUR", "20.00eur",
		"20,00EUR", "1,000.00EUR", "020.00EUR", ".50EUR", "20.EUR", "20.00EU", "20.00EURO", "20.00ABC", "20.0JPY",
		"20.JPY", "1.23BHD",
		"10000000000000.00EUR", "9223372036854775808JPY", "92233720368547758.07EUR", "1e3JPY", "20.00R E", "20.00 EU",
		"1.00D A",
	};
	char buf[64];
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		char currency[4] = "";
		int64_t minor = -1;
		if (unit_money_parse(good[i].text, &minor, currency))
			fail_msg("refused: '%s'", good[i].text);
		assert_int_equal(minor, good[i].minor);
		assert_string_equal(currency, good[i].currency);
		assert_string_equal(unit_money_format(minor, currency, buf, sizeof buf), good[i].text);
	}
	int64_t out = 77;
	char currency[4] = "xyz";
	REFUSE(bad, unit_money_parse(text, &out, currency));
	assert_int_equal(out, 77);
	assert_string_equal(currency, "xyz");
	assert_string_equal(unit_money_format(-5, "EUR", buf, sizeof buf), "-0.05EUR");
	assert_string_equal(unit_money_format(-5, "ABC", buf, sizeof buf), "-5 minor units of ABC");
	assert_string_equal(unit_money_format(INT64_MIN, "JPY", buf, sizeof buf), "-9223372036854775808JPY");
}

static void test_money_roundtrip(void **state)
{
	(void)state;
	static const char *const codes[] = { "EUR", "JPY", "TND", "USD" };
	char buf[64], currency[4];
	for (int i = 0; i < 20000; i++) {
		const char *code = codes[next_random() % 4];
		int64_t v = (int64_t)(next_random() % 1000000000000000u) >> (next_random() % 50), back = -1;
		assert_int_equal(unit_money_parse(unit_money_format(v, code, buf, sizeof buf), &back, currency), 0);
		assert_int_equal(back, v);
		assert_string_equal(currency, code);
	}
}

static void test_instants(void **state)
{
	(void)state;
	static const struct { const char *text; int64_t ms; const char *written; } good[] = {
		{ "1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z" },
		{ "2026-12-01T09:00:00Z", INT64_C(1796115600000), "2026-12-01T09:00:00Z" },
		{ "2026-12-01T10:00:00+01:00", INT64_C(1796115600000), "2026-12-01T09:00:00Z" },
		{ "2026-12-01T03:30:00-05:30", INT64_C(1796115600000), "2026-12-01T09:00:00Z" },
		{ "2026-12-01t09:00:00z", INT64_C(1796115600000), "2026-12-01T09:00:00Z" },
		{ "2026-12-01T09:00:00.5Z", INT64_C(1796115600500), "2026-12-01T09:00:00.500Z" },
		{ "2026-12-01T09:00:00.007Z", INT64_C(1796115600007), "2026-12-01T09:00:00.007Z" },
		{ "2026-12-01T09:00:00.0079999999999999999999Z", INT64_C(1796115600007), "2026-12-01T09:00:00.007Z" },
		{ "2000-02-29T12:00:00Z", INT64_C(951825600000), "2000-02-29T12:00:00Z" },
		{ "9999-12-31T23:59:59.999Z", INT64_C(253402300799999), "9999-12-31T23:59:59.999Z" },
		{ "1970-01-01T01:00:00+01:00", 0, "1970-01-01T00:00:00Z" },
		{ "1969-12-31T23:59:59-00:01", 59000, "1970-01-01T00:00:59Z" },
	};
	static const char *const bad[] = {
		"", "2026-12-01", "2026-12-01T09:00Z", "2026-12-01T09:00:00", "2026-12-01 09:00:00Z", "2026-13-01T09:00:00Z",
		"2026-00-01T09:00:00Z", "2026-12-00T09:00:00Z", "2026-12-32T09:00:00Z", "2026-02-29T09:00:00Z",
		"1900-02-29T09:00:00Z",
		"2026-12-01T24:00:00Z", "2026-12-01T09:60:00Z", "2026-12-01T09:00:60Z", "2026-12-01T09:00:00+24:00",
		"2026-12-01T09:00:00+01:60", "2026-12-01T09:00:00+0100", "2026-12-01T09:00:00.Z", "2026-12-01T09:00:00Zx",
		" 2026-12-01T09:00:00Z", "26-12-01T09:00:00Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-00:01",
		"1970-01-01T00:00:00+00:01", "+026-12-01T09:00:00Z", "2026-12-01T09:00:00.-1Z",
	};
	char buf[32];
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		int64_t ms = -1;
		if (unit_utc_parse(good[i].text, &ms))
			fail_msg("refused: '%s'", good[i].text);
		assert_int_equal(ms, good[i].ms);
		assert_string_equal(unit_utc_format(ms, buf, sizeof buf), good[i].written);
	}
	int64_t out = 77;
	REFUSE(bad, unit_utc_parse(text, &out));
	assert_int_equal(out, 77);
	assert_string_equal(unit_utc_format(-1, buf, sizeof buf), "?");
	assert_string_equal(unit_utc_format(INT64_MAX, buf, sizeof buf), "?");
}

/* Every day from 1970 to 9999 follows the one before, and reads back. */
static void test_every_day(void **state)
{
	(void)state;
	char buf[32], last[32] = "";
	for (int64_t day = 0; day < 2932897; day += day < 200000 ? 1 : 17) {
		int64_t ms = day * 86400000 + 43200000, back = -1;
		unit_utc_format(ms, buf, sizeof buf);
		assert_true(strcmp(last, buf) < 0);
		assert_int_equal(unit_utc_parse(buf, &back), 0);
		assert_int_equal(back, ms);
		memcpy(last, buf, sizeof last);
	}
}

static void test_integers(void **state)
{
	(void)state;
	int64_t v = 77;
	assert_int_equal(unit_int_parse("42", 0, 100, &v), 0);
	assert_int_equal(v, 42);
	assert_int_equal(unit_int_parse("-9223372036854775808", INT64_MIN, INT64_MAX, &v), 0);
	assert_int_equal(v, INT64_MIN);
	assert_int_equal(unit_int_parse("9223372036854775807", INT64_MIN, INT64_MAX, &v), 0);
	assert_int_equal(v, INT64_MAX);
	assert_int_equal(unit_int_parse("007", 0, 100, &v), 0);
	assert_int_equal(v, 7);
	static const char *const bad[] = { "", "-", "+1", " 1", "1 ", "1.0", "0x1", "101", "-1", "--1",
	                                   "9223372036854775808", "1a",
	                                   "-9223372036854775809" };
	v = 77;
	REFUSE(bad, unit_int_parse(text, 0, 100, &v));
	assert_int_equal(v, 77);
	assert_int_equal(unit_int_parse("-9223372036854775809", INT64_MIN, INT64_MAX, &v), -ST_INVALID);
}

static void test_ids(void **state)
{
	(void)state;
	uint64_t id = 77;
	unsigned n = 77;
	char buf[32];
	assert_int_equal(unit_id_parse("42", &id, &n), 0);
	assert_int_equal(id, 42);
	assert_int_equal(n, 0);
	assert_string_equal(unit_id_format(id, n, buf, sizeof buf), "42");
	assert_int_equal(unit_id_parse("42.999", &id, &n), 0);
	assert_int_equal(n, 999);
	assert_string_equal(unit_id_format(id, n, buf, sizeof buf), "42.999");
	assert_int_equal(unit_id_parse("9223372036854775807.1", &id, &n), 0);
	static const char *const bad[] = { "", "0", "01", "42.", ".1", "42.0", "42.01", "42.1000", "42.1.1", "-1", "+1",
	                                   " 1", "1 ", "a",
	                                   "9223372036854775808", "42.9223372036854775808", "18446744073709551616" };
	id = 77;
	n = 77;
	REFUSE(bad, unit_id_parse(text, &id, &n));
	assert_int_equal(id, 77);
	assert_int_equal(n, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations), cmocka_unit_test(test_duration_roundtrip), cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_money), cmocka_unit_test(test_money_roundtrip), cmocka_unit_test(test_instants),
		cmocka_unit_test(test_every_day), cmocka_unit_test(test_integers), cmocka_unit_test(test_ids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
