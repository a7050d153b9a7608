/* unit.h: durations, sizes and money as people write them. One parser serves client, protocol and configuration.
 * All parsers take the whole NUL-terminated text, refuse anything around it, and leave *out alone on failure. */
#ifndef SMMQ_PROTO_UNIT_H
#define SMMQ_PROTO_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As systemd.time(7) writes spans: sums of <integer><unit>, blanks allowed between ("1h 30min"), units ms s sec second(s)
 * min minute(s) h hr hour(s) d day(s) w week(s) y year(s) (365.25 d). A bare number and a bare "m" are refused: they are
 * read in two ways by different people. "0" alone is allowed. 0 or -ST_INVALID; at most 100 years. */
int unit_duration_parse(const char *text, int64_t *out_ms);

/* The shortest exact form that unit_duration_parse reads back: "90s" gives "1min 30s". buf holds at least 64 bytes; returns buf. */
char *unit_duration_format(int64_t ms, char *buf, size_t size);

/* Bytes with an optional suffix K, M, G, T (powers of 1024; a trailing B is allowed). 0 or -ST_INVALID. */
int unit_size_parse(const char *text, int64_t *out_bytes);
char *unit_size_format(int64_t bytes, char *buf, size_t size);

/* "20.00EUR": exactly the digits of the currency's minor unit (ISO 4217; a small table in unit.c), no sign, upper case.
 * *out_minor is in minor units; currency receives 3 letters and NUL. 0 or -ST_INVALID. */
int unit_money_parse(const char *text, int64_t *out_minor, char currency[4]);
char *unit_money_format(int64_t minor, const char *currency, char *buf, size_t size);

/* Instants: RFC 3339 in UTC with milliseconds only where they are not zero, "2026-12-01T09:00:00Z". buf >= 32 bytes.
 * The range is years 1970 to 9999. */
char *unit_utc_format(int64_t time_ms, char *buf, size_t size);
/* Strict RFC 3339 with zone ("Z" or an offset), fraction of a second to milliseconds. 0 or -ST_INVALID. */
int unit_utc_parse(const char *text, int64_t *out_ms);

/* A decimal integer from min to max, nothing else around it. 0 or -ST_INVALID. */
int unit_int_parse(const char *text, int64_t min, int64_t max, int64_t *out);

/* An item id: "42" (n = 0, the whole post) or "42.1" (n >= 1, one target). n at most 999. 0 or -ST_INVALID. */
int unit_id_parse(const char *text, uint64_t *out_id, unsigned *out_n);
char *unit_id_format(uint64_t id, unsigned n, char *buf, size_t size);      /* buf >= 32 bytes */

#endif
