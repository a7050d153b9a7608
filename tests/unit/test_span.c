/* test_span.c: every byte at every place of a word, and random runs, against one byte at a time. */
#include "proto/span.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\';
}

static bool is_ascii(unsigned char c)
{
	return c < 0x80;
}

static size_t span_of(bool (*is)(unsigned char), const char *s, size_t len)
{
	size_t at = 0;
	while (at < len && is((unsigned char)s[at]))
		at++;
	return at;
}

static void check(const char *s, size_t len)
{
	assert_int_equal(span_plain(s, len), span_of(is_plain, s, len));
	assert_int_equal(span_ascii(s, len), span_of(is_ascii, s, len));
}

static void test_every_byte(void **state)
{
	(void)state;
	char text[24];
	for (int c = 0; c < 256; c++)
		for (size_t at = 0; at < sizeof text; at++)
			for (int rest = 0; rest < 2; rest++) {
				memset(text, rest ? '~' : ' ', sizeof text);
				text[at] = (char)c;
				for (size_t len = 0; len <= sizeof text; len++)
					check(text, len);
			}
}

/* Neighbours of a byte that ends the run: sums and differences of whole words must not carry a wrong answer over. */
static void test_random(void **state)
{
	(void)state;
	uint64_t seed = 1;
	char text[32];
	for (int round = 0; round < 200000; round++) {
		for (size_t i = 0; i < sizeof text; i++) {
			static const unsigned char often[] = { 0x1f, 0x20, 0x21, 0x22, 0x23, 0x5b, 0x5c, 0x5d, 0x7e, 0x7f, 0x80, 0xff, 0x00, 0x01, 'a', 'b' };
			seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			/* One in eight is a special one, so that runs are long. */
			text[i] = (seed >> 60) < 2 ? (char)often[seed >> 40 & 15] : (char)('a' + (seed >> 32) % 26);
		}
		check(text, sizeof text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_byte), cmocka_unit_test(test_random) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
