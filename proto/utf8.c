/* utf8.c: well-formedness by the ranges of the Unicode standard's table 3-7; the second byte carries all the special
 * cases. */
#include "proto/utf8.h"

#include "proto/span.h"

/* Bytes of the sequence that starts at s, 0 if it is not well formed. */
static size_t sequence_len(const unsigned char *s, size_t left)
{
	unsigned char c = s[0];
	unsigned char low = 0x80, high = 0xbf;
	size_t need;
	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf) {
		need = 2;
	} else if (c >= 0xe0 && c <= 0xef) {
		need = 3;
		if (c == 0xe0)
			low = 0xa0;      /* shorter forms exist */
		else if (c == 0xed)
			high = 0x9f;     /* surrogates */
	} else if (c >= 0xf0 && c <= 0xf4) {
		need = 4;
		if (c == 0xf0)
			low = 0x90;
		else if (c == 0xf4)
			high = 0x8f;     /* above U+10FFFF */
	} else {
		return 0;
	}
	if (left < need || s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < need; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return need;
}

bool utf8_valid(const char *s, size_t len, size_t *bad_at)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t at = 0;
	while (at < len) {
		at += span_ascii(s + at, len - at);
		if (at == len)
			break;
		size_t n = sequence_len(p + at, len - at);
		if (!n) {
			if (bad_at)
				*bad_at = at;
			return false;
		}
		at += n;
	}
	return true;
}

size_t utf8_cut(const char *s, size_t len, size_t max_bytes)
{
	if (len <= max_bytes)
		return len;
	while (max_bytes > 0 && ((unsigned char)s[max_bytes] & 0xc0) == 0x80)
		max_bytes--;
	return max_bytes;
}
