/* text.c: counts a post's characters as the platforms do. Written apart from the daemon's counting, with ICU's iterator
 * alone, so that the two check each other. */
#include "tests/cli/sim/sim.h"

#include <stdlib.h>
#include <string.h>

#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>

static int graphemes(const char *text, size_t len)
{
	UErrorCode err = U_ZERO_ERROR;
	UText *ut = utext_openUTF8(NULL, text, (int64_t)len, &err);
	UBreakIterator *it = ubrk_open(UBRK_CHARACTER, "", NULL, 0, &err);
	int n = 0;

	if (U_SUCCESS(err))
		ubrk_setUText(it, ut, &err);
	while (U_SUCCESS(err) && ubrk_next(it) != UBRK_DONE)
		n++;
	ubrk_close(it);
	utext_close(ut);
	return U_FAILURE(err) ? -1 : n;
}

static bool word(int c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool utf8_valid(const unsigned char *p)
{
	while (*p) {
		int more = *p < 0x80 ? 0 : *p >= 0xC2 && *p < 0xE0 ? 1 : *p >= 0xE0 && *p < 0xF0 ? 2 : *p >= 0xF0 && *p < 0xF5 ? 3 : -1;

		if (more < 0 || (*p == 0xE0 && p[1] < 0xA0) || (*p == 0xED && p[1] > 0x9F) || (*p == 0xF0 && p[1] < 0x90) ||
		    (*p == 0xF4 && p[1] > 0x8F))
			return false;
		for (p++; more > 0; more--, p++)
			if ((*p & 0xC0) != 0x80)
				return false;
	}
	return true;
}

static size_t url_len(const char *p)
{
	size_t head = strncmp(p, "https://", 8) == 0 ? 8 : strncmp(p, "http://", 7) == 0 ? 7 : 0;
	size_t n = head;

	if (!head || !word((unsigned char)p[head]))
		return 0;
	while (p[n] && (unsigned char)p[n] > ' ')
		n++;
	while (n > head && strchr(".,;:!?)'\"", p[n - 1]))
		n--;
	return n;
}

/* "@host.example" behind "@user": the length that does not count. */
static size_t host_len(const char *p)
{
	size_t n = 1;

	if (p[0] != '@' || !word((unsigned char)p[1]))
		return 0;
	while (word((unsigned char)p[n]) || ((p[n] == '.' || p[n] == '-') && word((unsigned char)p[n + 1])))
		n++;
	return n;
}

int sim_count(const char *text, int url)
{
	char *kept = malloc(strlen(text) + 1);
	size_t len = 0, n;
	int urls = 0, count;

	if (!kept || !utf8_valid((const unsigned char *)text)) {
		free(kept);
		return -1;
	}
	for (const char *p = text; *p;) {
		bool start = p == text || !word((unsigned char)p[-1]);

		if (start && (n = url_len(p)) > 0) {
			urls++;
			p += n;
		} else if (start && *p == '@' && word((unsigned char)p[1])) {
			do
				kept[len++] = *p++;
			while (word((unsigned char)*p));
			p += host_len(p);
		} else {
			kept[len++] = *p++;
		}
	}
	count = graphemes(kept, len);
	free(kept);
	return count < 0 ? -1 : count + urls * url;
}

int sim_graphemes(const char *text)
{
	return utf8_valid((const unsigned char *)text) ? graphemes(text, strlen(text)) : -1;
}

/* ---- X: twitter-text's third configuration ---- */

static bool light(UChar32 c)
{
	return c <= 0x10FF || (c >= 0x2000 && c <= 0x200D) || (c >= 0x2010 && c <= 0x201F) || (c >= 0x2032 && c <= 0x2037);
}

/* Of one grapheme cluster: an emoji counts two, whatever it is put together from. */
static int weight(UText *ut, int64_t from, int64_t to)
{
	int sum = 0;
	bool emoji = false;

	utext_setNativeIndex(ut, from);
	for (int i = 0; utext_getNativeIndex(ut) < to; i++) {
		UChar32 c = utext_next32(ut);

		emoji |= u_hasBinaryProperty(c, UCHAR_EMOJI_PRESENTATION) || c == 0xFE0F || c == 0x20E3;
		sum += light(c) ? 1 : 2;
	}
	return emoji ? 2 : sum;
}

static int weigh(const char *text, size_t len)
{
	UErrorCode err = U_ZERO_ERROR;
	UText *ut = utext_openUTF8(NULL, text, (int64_t)len, &err), *walk = utext_openUTF8(NULL, text, (int64_t)len, &err);
	UBreakIterator *it = ubrk_open(UBRK_CHARACTER, "", NULL, 0, &err);
	int n = 0;

	if (U_SUCCESS(err))
		ubrk_setUText(it, ut, &err);
	for (int from = 0, to; U_SUCCESS(err) && (to = ubrk_next(it)) != UBRK_DONE; from = to)
		n += weight(walk, from, to);
	ubrk_close(it);
	utext_close(ut);
	utext_close(walk);
	return U_FAILURE(err) ? -1 : n;
}

int sim_weigh(const char *text)
{
	const char *from = text;
	int sum = 0;

	if (!utf8_valid((const unsigned char *)text))
		return -1;
	for (const char *p = text; *p;) {
		size_t n = p == text || !word((unsigned char)p[-1]) ? url_len(p) : 0;

		if (!n) {
			p++;
			continue;
		}
		sum += weigh(from, (size_t)(p - from)) + 23;
		p += n;
		from = p;
	}
	return sum + weigh(from, strlen(from));
}

int sim_utf16(const char *text)
{
	int n = 0;

	if (!utf8_valid((const unsigned char *)text))
		return -1;
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		n += (*p & 0xC0) == 0x80 ? 0 : *p >= 0xF0 ? 2 : 1;
	return n;
}

/* ---- Threads: characters, but an emoji counts its bytes ---- */

int sim_count_emoji(const char *text)
{
	UErrorCode err = U_ZERO_ERROR;
	UText *ut = utext_openUTF8(NULL, text, -1, &err);
	int64_t from = 0, to;
	int n = 0;
	UChar32 c;

	if (!utf8_valid((const unsigned char *)text) || U_FAILURE(err))
		return -1;
	while ((c = utext_next32(ut)) != U_SENTINEL) {
		to = utext_getNativeIndex(ut);
		n += u_hasBinaryProperty(c, UCHAR_EMOJI_PRESENTATION) ? (int)(to - from) : 1;
		from = to;
	}
	utext_close(ut);
	return n;
}
