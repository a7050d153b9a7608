/* unit.c: tables of units and currencies, and parsers that take the whole text or nothing. All sums are checked. */
#include "proto/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/buf.h"
#include "proto/status.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define WEEK_MS (7 * DAY_MS)
#define YEAR_MS (36525 * DAY_MS / 100)
#define DURATION_MAX_MS (100 * YEAR_MS)
#define UTC_MAX_MS (INT64_C(253402300800) * SECOND_MS - 1)     /* the last millisecond of 9999 */
#define MONEY_MAX_MINOR INT64_C(999999999999999)               /* 15 digits: exact wherever JSON is read as doubles */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads digits at *p into *out; *p moves behind them. -ST_INVALID without a digit or past int64. */
static int read_number(const char **p, int64_t *out)
{
	int64_t v = 0;
	if (!is_digit(**p))
		return -ST_INVALID;
	for (; is_digit(**p); (*p)++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, **p - '0', &v))
			return -ST_INVALID;
	*out = v;
	return 0;
}

/* Exactly n digits. */
static int read_fixed(const char **p, int n, int64_t *out)
{
	int64_t v = 0;
	for (int i = 0; i < n; i++, (*p)++) {
		if (!is_digit(**p))
			return -ST_INVALID;
		v = v * 10 + (**p - '0');
	}
	*out = v;
	return 0;
}

static int expect(const char **p, char c)
{
	if (**p != c)
		return -ST_INVALID;
	(*p)++;
	return 0;
}

/* ---- durations ---- */

struct span { const char *name; int64_t ms; };

/* The first name of each length is the one that is written. */
static const struct span spans[] = {
	{ "y", YEAR_MS }, { "w", WEEK_MS }, { "d", DAY_MS }, { "h", HOUR_MS }, { "min", MINUTE_MS }, { "s", SECOND_MS },
	{ "ms", 1 },
	{ "year", YEAR_MS }, { "years", YEAR_MS }, { "week", WEEK_MS }, { "weeks", WEEK_MS },
	{ "day", DAY_MS }, { "days", DAY_MS },
	{ "hr", HOUR_MS }, { "hour", HOUR_MS }, { "hours", HOUR_MS }, { "minute", MINUTE_MS }, { "minutes", MINUTE_MS },
	{ "sec", SECOND_MS }, { "second", SECOND_MS }, { "seconds", SECOND_MS },
};
#define SPANS_WRITTEN 7
#define SPAN_COUNT (sizeof spans / sizeof *spans)

static const struct span *find_span(const char *name, size_t len)
{
	for (size_t i = 0; i < SPAN_COUNT; i++)
		if (strlen(spans[i].name) == len && memcmp(spans[i].name, name, len) == 0)
			return &spans[i];
	return NULL;
}

static void skip_spaces(const char **p)
{
	*p += strspn(*p, " ");
}

int unit_duration_parse(const char *text, int64_t *out_ms)
{
	int64_t total = 0, n, part;
	const char *p = text;
	if (strcmp(text, "0") == 0) {
		*out_ms = 0;
		return 0;
	}
	do {
		if (read_number(&p, &n))
			return -ST_INVALID;
		skip_spaces(&p);
		size_t len = strspn(p, "abcdefghijklmnopqrstuvwxyz");
		const struct span *u = find_span(p, len);
		if (!u || __builtin_mul_overflow(n, u->ms, &part) || __builtin_add_overflow(total, part, &total))
			return -ST_INVALID;
		p += len;
		if (*p)
			skip_spaces(&p);
		else
			break;
	} while (*p);
	/* A blank at the end has nothing behind it to separate. */
	if (p[-1] == ' ' || total > DURATION_MAX_MS)
		return -ST_INVALID;
	*out_ms = total;
	return 0;
}

char *unit_duration_format(int64_t ms, char *buf, size_t size)
{
	struct buf b = BUF_INIT(128);
	uint64_t left = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
	if (ms < 0)
		buf_add_char(&b, '-');
	for (size_t i = 0; i < SPANS_WRITTEN && left; i++) {
		uint64_t n = left / (uint64_t)spans[i].ms;
		left %= (uint64_t)spans[i].ms;
		if (!n)
			continue;
		if (b.len > (ms < 0))
			buf_add_char(&b, ' ');
		buf_add_u64(&b, n);
		buf_add_str(&b, spans[i].name);
	}
	(void)snprintf(buf, size, "%s", ms ? buf_cstr(&b) : "0");
	buf_done(&b);
	return buf;
}

/* ---- sizes ---- */

static const char size_suffixes[] = "KMGT";

int unit_size_parse(const char *text, int64_t *out_bytes)
{
	int64_t v;
	const char *p = text;
	if (read_number(&p, &v))
		return -ST_INVALID;
	const char *suffix = *p ? strchr(size_suffixes, *p) : NULL;
	if (suffix) {
		if (__builtin_mul_overflow(v, INT64_C(1) << (10 * (suffix - size_suffixes + 1)), &v))
			return -ST_INVALID;
		p++;
	}
	if (*p == 'B')
		p++;
	if (*p)
		return -ST_INVALID;
	*out_bytes = v;
	return 0;
}

char *unit_size_format(int64_t bytes, char *buf, size_t size)
{
	int power = 0;
	while (power < 4 && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		power++;
	}
	char suffix[2] = { power ? size_suffixes[power - 1] : '\0', '\0' };
	(void)snprintf(buf, size, "%" PRId64 "%s", bytes, suffix);
	return buf;
}

/* ---- money ---- */

/* ISO 4217: codes by the digits of their minor unit, each code four characters wide. */
static const char *const currencies[] = {
	[0] = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF ",
	[2] = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF "
	      "CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL "
	      "HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP "
	      "MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD "
	      "SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS "
	      "VED VES WST XCD YER ZAR ZMW ",
	[3] = "BHD IQD JOD KWD LYD OMR TND ",
};
#define MINOR_DIGITS_MAX 3

/* Digits of the minor unit, -1 for a code that is not in the table. */
static int minor_digits(const char *code)
{
	for (int digits = 0; digits <= MINOR_DIGITS_MAX; digits++)
		for (const char *c = currencies[digits]; c && *c; c += 4)
			if (memcmp(c, code, 3) == 0)
				return digits;
	return -1;
}

int unit_money_parse(const char *text, int64_t *out_minor, char currency[4])
{
	size_t len = strlen(text);
	int64_t major, fraction = 0, minor;
	const char *p = text;
	if (len < 4 || strspn(text + len - 3, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
		return -ST_INVALID;
	const char *code = text + len - 3;
	int digits = minor_digits(code);
	if (digits < 0 || (p[0] == '0' && is_digit(p[1])) || read_number(&p, &major))
		return -ST_INVALID;
	if (digits > 0 && (expect(&p, '.') || read_fixed(&p, digits, &fraction)))
		return -ST_INVALID;
	if (p != code)
		return -ST_INVALID;
	minor = major;
	for (int i = 0; i < digits; i++)
		if (__builtin_mul_overflow(minor, 10, &minor))
			return -ST_INVALID;
	if (__builtin_add_overflow(minor, fraction, &minor) || minor > MONEY_MAX_MINOR)
		return -ST_INVALID;
	*out_minor = minor;
	memcpy(currency, code, 4);
	return 0;
}

char *unit_money_format(int64_t minor, const char *currency, char *buf, size_t size)
{
	int digits = strlen(currency) == 3 ? minor_digits(currency) : -1;
	uint64_t magnitude = minor < 0 ? 0 - (uint64_t)minor : (uint64_t)minor;
	char fraction[MINOR_DIGITS_MAX + 2] = "";
	if (digits < 0) {
		(void)snprintf(buf, size, "%" PRId64 " minor units of %s", minor, currency);
		return buf;
	}
	for (int i = digits; i > 0; i--, magnitude /= 10)
		fraction[i] = (char)('0' + magnitude % 10);
	if (digits)
		fraction[0] = '.';
	(void)snprintf(buf, size, "%s%" PRIu64 "%s%s", minor < 0 ? "-" : "", magnitude, fraction, currency);
	return buf;
}

/* ---- instants ---- */

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar, by eras of 400 years that begin in March. */
static int64_t days_from_date(int64_t y, int64_t m, int64_t d)
{
	y -= m <= 2;
	int64_t era = y / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 719468;
}

static void date_from_days(int64_t days, int *y, int *m, int *d)
{
	int64_t z = days + 719468;
	int64_t era = z / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	*d = (int)(doy - (153 * mp + 2) / 5 + 1);
	*m = (int)(mp < 10 ? mp + 3 : mp - 9);
	*y = (int)(yoe + era * 400 + (*m <= 2));
}

static int64_t days_in_month(int64_t y, int64_t m)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	return days[m - 1] + (m == 2 && leap);
}

/* Every entry of the journal and every answer has times: printf would be a tenth of their cost. */
static void put_digits(char *at, size_t width, int value)
{
	for (; width > 0; width--, value /= 10)
		at[width - 1] = (char)('0' + value % 10);
}

char *unit_utc_format(int64_t time_ms, char *buf, size_t size)
{
	int y, m, d;
	if (time_ms < 0 || time_ms > UTC_MAX_MS) {
		(void)snprintf(buf, size, "?");
		return buf;
	}
	int second = (int)(time_ms / SECOND_MS % 86400), ms = (int)(time_ms % SECOND_MS);
	date_from_days(time_ms / DAY_MS, &y, &m, &d);
	char text[] = "YYYY-MM-DDThh:mm:ss.mmmZ";
	put_digits(text, 4, y);
	put_digits(text + 5, 2, m);
	put_digits(text + 8, 2, d);
	put_digits(text + 11, 2, second / 3600);
	put_digits(text + 14, 2, second / 60 % 60);
	put_digits(text + 17, 2, second % 60);
	put_digits(text + 20, 3, ms);
	if (ms == 0)
		memcpy(text + 19, "Z", 2);
	size_t len = strlen(text);
	if (size > 0) {
		len = len < size ? len : size - 1;
		memcpy(buf, text, len);
		buf[len] = '\0';
	}
	return buf;
}

/* ".123456": at least one digit; what is finer than a millisecond is cut off. */
static int read_fraction(const char **p, int64_t *out_ms)
{
	int64_t weight = 100;
	*out_ms = 0;
	if (**p != '.')
		return 0;
	(*p)++;
	if (!is_digit(**p))
		return -ST_INVALID;
	for (; is_digit(**p); (*p)++, weight /= 10)
		*out_ms += (**p - '0') * weight;
	return 0;
}

static int read_zone(const char **p, int64_t *out_ms)
{
	char c = **p;
	int64_t hours, minutes;
	*out_ms = 0;
	if (c != 'Z' && c != 'z' && c != '+' && c != '-')
		return -ST_INVALID;
	(*p)++;
	if (c == 'Z' || c == 'z')
		return 0;
	if (read_fixed(p, 2, &hours) || expect(p, ':') || read_fixed(p, 2, &minutes) || hours > 23 || minutes > 59)
		return -ST_INVALID;
	*out_ms = (hours * HOUR_MS + minutes * MINUTE_MS) * (c == '-' ? -1 : 1);
	return 0;
}

static int read_date(const char **p, int64_t *days)
{
	int64_t y, m, d;
	if (read_fixed(p, 4, &y) || expect(p, '-') || read_fixed(p, 2, &m) || expect(p, '-') || read_fixed(p, 2, &d))
		return -ST_INVALID;
	if (m < 1 || m > 12 || d < 1 || d > days_in_month(y, m))
		return -ST_INVALID;
	*days = days_from_date(y, m, d);
	return 0;
}

int unit_utc_parse(const char *text, int64_t *out_ms)
{
	int64_t days, h, m, s, fraction, offset;
	const char *p = text;
	if (read_date(&p, &days) || (*p != 'T' && *p != 't'))
		return -ST_INVALID;
	p++;
	if (read_fixed(&p, 2, &h) || expect(&p, ':') || read_fixed(&p, 2, &m) || expect(&p, ':') || read_fixed(&p, 2, &s))
		return -ST_INVALID;
	if (h > 23 || m > 59 || s > 59 || read_fraction(&p, &fraction) || read_zone(&p, &offset) || *p)
		return -ST_INVALID;
	int64_t ms = days * DAY_MS + h * HOUR_MS + m * MINUTE_MS + s * SECOND_MS + fraction - offset;
	if (ms < 0 || ms > UTC_MAX_MS)
		return -ST_INVALID;
	*out_ms = ms;
	return 0;
}

/* ---- numbers and ids ---- */

int unit_int_parse(const char *text, int64_t min, int64_t max, int64_t *out)
{
	const char *p = text;
	bool negative = *p == '-';
	int64_t v = 0;
	p += negative;
	if (!is_digit(*p))
		return -ST_INVALID;
	for (; is_digit(*p); p++) {
		int digit = *p - '0';
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, negative ? -digit : digit, &v))
			return -ST_INVALID;
	}
	if (*p || v < min || v > max)
		return -ST_INVALID;
	*out = v;
	return 0;
}

int unit_id_parse(const char *text, uint64_t *out_id, unsigned *out_n)
{
	int64_t id, n = 0;
	const char *p = text;
	if (*p == '0' || read_number(&p, &id))
		return -ST_INVALID;
	if (*p == '.') {
		p++;
		if (*p == '0' || read_number(&p, &n) || n > 999)
			return -ST_INVALID;
	}
	if (*p)
		return -ST_INVALID;
	*out_id = (uint64_t)id;
	*out_n = (unsigned)n;
	return 0;
}

char *unit_id_format(uint64_t id, unsigned n, char *buf, size_t size)
{
	if (n)
		(void)snprintf(buf, size, "%" PRIu64 ".%u", id, n);
	else
		(void)snprintf(buf, size, "%" PRIu64, id);
	return buf;
}
