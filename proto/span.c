/* span.c: tests of eight bytes in one word; see "Determine if a word has a byte less than n", Bit Twiddling Hacks. Each sets the
 * high bits of the bytes that it is true of, and perhaps of some behind the first of them. */
#include "proto/span.h"

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define EACH UINT64_C(0x0101010101010101)
#define HIGH (EACH * 0x80)

/* Some byte is less than n, n at most 0x80. */
static uint64_t any_less(uint64_t word, uint64_t n)
{
	return (word - EACH * n) & ~word & HIGH;
}

static uint64_t any_equal(uint64_t word, unsigned char c)
{
	return any_less(word ^ (EACH * c), 1);
}

/* The place of the first byte whose high bit is set. Those of any_less are exact up to the first: what it borrows, it borrows
 * from bytes behind. */
static size_t first_of(uint64_t high)
{
	return (size_t)__builtin_ctzll(high) / 8;
}

static bool plain_byte(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

size_t span_plain(const char *s, size_t len)
{
	size_t at = 0;
	uint64_t word;
	for (; len - at >= sizeof word; at += sizeof word) {
		memcpy(&word, s + at, sizeof word);
		word = le64toh(word);
		/* One more than 0x7f has the high bit, too. */
		uint64_t ends = ((word | (word + EACH)) & HIGH) | any_less(word, 0x20) | any_equal(word, '"') | any_equal(word, '\\');
		if (ends)
			return at + first_of(ends);
	}
	while (at < len && plain_byte((unsigned char)s[at]))
		at++;
	return at;
}

size_t span_ascii(const char *s, size_t len)
{
	size_t at = 0;
	uint64_t word;
	for (; len - at >= sizeof word; at += sizeof word) {
		memcpy(&word, s + at, sizeof word);
		if (word & HIGH)
			return at + first_of(le64toh(word) & HIGH);
	}
	while (at < len && (unsigned char)s[at] < 0x80)
		at++;
	return at;
}
