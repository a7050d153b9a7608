/* text.c: normal form and grapheme clusters, by ICU.
 *
 * Most texts are plain ASCII or nearly: those never reach ICU. For the rest each thread keeps one break iterator, since
 * opening one costs more than a whole text, and reads UTF-8 in place through UText. */
#include "daemon/model/text.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utext.h>
#include <unicode/utf8.h>

#include "proto/span.h"
#include "proto/status.h"

#define TEXT_MAX_BYTES (16 * 1024 * 1024)      /* far above every limit of a text; keeps all sizes in ICU's int32_t */
#define URL_CHARS_MAX 1000000

struct breaker {
	UBreakIterator *iterator;
	UText *text;
};

static pthread_once_t breaker_once = PTHREAD_ONCE_INIT;
static pthread_key_t breaker_key;
static bool breaker_key_made;

static void breaker_free(void *data)
{
	struct breaker *b = data;

	if (b->iterator != NULL)
		ubrk_close(b->iterator);
	utext_close(b->text);
	free(b);
}

static void breaker_make_key(void)
{
	breaker_key_made = pthread_key_create(&breaker_key, breaker_free) == 0;
}

/* This thread's breaker, or NULL when memory ran out. */
static struct breaker *breaker_get(void)
{
	UErrorCode error = U_ZERO_ERROR;
	struct breaker *b;

	pthread_once(&breaker_once, breaker_make_key);
	if (!breaker_key_made)
		return NULL;
	b = pthread_getspecific(breaker_key);
	if (b != NULL)
		return b;
	b = calloc(1, sizeof(*b));
	if (b == NULL)
		return NULL;
	b->text = utext_openUTF8(NULL, "", 0, &error);
	b->iterator = ubrk_open(UBRK_CHARACTER, "", NULL, 0, &error);
	if (U_FAILURE(error) || pthread_setspecific(breaker_key, b) != 0) {
		breaker_free(b);
		return NULL;
	}
	return b;
}

static bool all_ascii(const char *text, size_t len)
{
	return span_ascii(text, len) == len;
}

/* Clusters of ASCII are bytes, but CR LF is one. Returns the bytes used by at most `max` clusters, their number in
 * *count. */
static size_t cut_ascii(const char *text, size_t len, size_t max, size_t *count)
{
	size_t at = 0;

	if (len <= max && memchr(text, '\r', len) == NULL) {
		*count = len;
		return len;
	}
	for (*count = 0; at < len && *count < max; ++*count)
		at += text[at] == '\r' && at + 1 < len && text[at + 1] == '\n' ? 2 : 1;
	return at;
}

static int64_t cut(const char *text, size_t len, size_t max, size_t *count)
{
	UErrorCode error = U_ZERO_ERROR;
	struct breaker *b;
	int32_t at = 0, next;

	if (len > TEXT_MAX_BYTES)
		return -ST_TOO_LARGE;
	if (all_ascii(text, len))
		return (int64_t)cut_ascii(text, len, max, count);
	b = breaker_get();
	if (b == NULL)
		return -ST_NO_MEMORY;
	utext_openUTF8(b->text, text, (int64_t)len, &error);
	ubrk_setUText(b->iterator, b->text, &error);
	if (U_FAILURE(error))
		return -ST_NO_MEMORY;
	ubrk_first(b->iterator);
	for (*count = 0; *count < max && (next = ubrk_next(b->iterator)) != UBRK_DONE; ++*count)
		at = next;
	return at;
}

int64_t text_graphemes(const char *text, size_t len)
{
	size_t count = 0;
	int64_t status = cut(text, len, SIZE_MAX, &count);

	return status < 0 ? status : (int64_t)count;
}

bool text_is_blank(const char *text)
{
	for (size_t at = 0; text[at];) {
		UChar32 c;

		U8_NEXT_UNSAFE(text, at, c);
		if (!u_isUWhiteSpace(c) && !u_isISOControl(c) && !u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT))
			return false;
	}
	return true;
}

size_t text_cut_graphemes(const char *text, size_t len, size_t max_graphemes)
{
	size_t count;
	int64_t at = cut(text, len, max_graphemes, &count);

	return at < 0 ? 0 : (size_t)at;
}

static const char *nfc_fail(struct arena *a, int status)
{
	if (a->error == 0)
		a->error = status;
	return NULL;
}

/* source (len units of UTF-16) normalised into UTF-8 in the arena. */
static const char *nfc_convert(struct arena *a, const UNormalizer2 *nfc, const UChar *source, int32_t len)
{
	UErrorCode error = U_ZERO_ERROR;
	int32_t room = len * 3 + 1, used, bytes;      /* NFC at most triples UTF-16 */
	UChar *normal = malloc((size_t)room * sizeof(*normal));
	char *out = NULL;

	if (normal == NULL)
		return nfc_fail(a, -ST_NO_MEMORY);
	used = unorm2_normalize(nfc, source, len, normal, room, &error);
	if (U_SUCCESS(error)) {
		u_strToUTF8(NULL, 0, &bytes, normal, used, &error);
		if (error == U_BUFFER_OVERFLOW_ERROR || U_SUCCESS(error)) {
			error = U_ZERO_ERROR;
			out = arena_alloc(a, (size_t)bytes + 1, 1);
			if (out != NULL)
				u_strToUTF8(out, bytes + 1, NULL, normal, used, &error);
		}
	}
	free(normal);
	if (U_FAILURE(error))
		return nfc_fail(a, error == U_MEMORY_ALLOCATION_ERROR ? -ST_NO_MEMORY : -ST_INVALID);
	return out;
}

const char *text_nfc(struct arena *a, const char *text)
{
	UErrorCode error = U_ZERO_ERROR;
	size_t bytes = strlen(text);
	const UNormalizer2 *nfc;
	const char *result = NULL;
	UChar *source;
	int32_t len;

	if (a->error != 0)
		return NULL;
	if (all_ascii(text, bytes))
		return text;
	if (bytes > TEXT_MAX_BYTES)
		return nfc_fail(a, -ST_TOO_LARGE);
	nfc = unorm2_getNFCInstance(&error);
	source = malloc((bytes + 1) * sizeof(*source));      /* UTF-16 never has more units than UTF-8 has bytes */
	if (U_FAILURE(error) || source == NULL) {
		free(source);
		return nfc_fail(a, -ST_NO_MEMORY);
	}
	u_strFromUTF8(source, (int32_t)bytes + 1, &len, text, (int32_t)bytes, &error);
	if (U_FAILURE(error))
		nfc_fail(a, -ST_INVALID);
	else if (unorm2_isNormalized(nfc, source, len, &error))
		result = text;
	else
		result = nfc_convert(a, nfc, source, len);
	free(source);
	return result;
}

/* Every URL is replaced by one 'x', every mention loses its host; what remains is counted, as Mastodon does it. */
int64_t text_mastodon_length(struct arena *a, const char *text, int64_t url_chars)
{
	size_t len = strlen(text), from = 0, used = 0;
	struct entity *entity;
	int64_t count = text_find(a, text, TEXT_MASTODON, &entity), urls = 0, graphemes;
	char *counted;

	if (count < 0)
		return count;
	if (url_chars < 0 || url_chars > URL_CHARS_MAX)
		return -ST_INVALID;
	if (count == 0)
		return text_graphemes(text, len);
	counted = arena_alloc(a, len + 1, 1);
	if (counted == NULL)
		return a->error;
	for (int64_t i = 0; i < count; i++) {
		const struct entity *e = &entity[i];
		size_t keep = e->end;

		if (e->kind == ENTITY_URL)
			keep = e->start;
		else if (e->kind == ENTITY_MENTION)
			keep = e->start + 1 + strcspn(e->value, "@");
		memcpy(counted + used, text + from, keep - from);
		used += keep - from;
		if (e->kind == ENTITY_URL) {
			counted[used++] = 'x';
			urls++;
		}
		from = e->end;
	}
	memcpy(counted + used, text + from, len - from);
	used += len - from;
	graphemes = text_graphemes(counted, used);
	return graphemes < 0 ? graphemes : graphemes + urls * (url_chars - 1);
}
