/* exchange_match.c: comparing texts and JSON with patterns that hold $names$. */
#include "tests/plat/exchange.h"

#include <ctype.h>
#include <string.h>

#include "proto/buf.h"

/* Length of "$name$" at p, 0 if there is none. */
static size_t placeholder(const char *p)
{
	size_t len = 1;

	if (*p != '$')
		return 0;
	while (islower((unsigned char)p[len]))
		len++;
	return len > 1 && len < 30 && p[len] == '$' ? len + 1 : 0;
}

static const char *bound(const struct bindings *b, const char *p, size_t len)
{
	for (size_t i = 0; i < b->count; i++)
		if (strlen(b->name[i]) == len && !strncmp(b->name[i], p, len))
			return b->text[i];
	return NULL;
}

static size_t free_text(const char *text)
{
	return strcspn(text, " \t\"'&/?");
}

bool exchange_match(struct bindings *b, const char *pattern, const char *text)
{
	size_t hole;

	while (*pattern) {
		hole = placeholder(pattern);
		if (!hole) {
			if (*pattern++ != *text++)
				return false;
			continue;
		}
		const char *known = bound(b, pattern, hole);
		size_t len = known ? strlen(known) : free_text(text);

		if (known && strncmp(known, text, len))
			return false;
		bool any = !strncmp(pattern, "$any$", hole);

		if (!known) {
			/* A hole inside a word ends where the rest of the pattern goes on. */
			const char *rest = pattern + hole;
			char stop = *rest && !placeholder(rest) ? *rest : '\0';
			const char *end = stop ? memchr(text, stop, len) : NULL;

			if (end)
				len = (size_t)(end - text);
			if (!len || len >= sizeof(b->text[0]) || b->count == EXCHANGE_MAX_NAMES)
				return false;
		}
		if (!known && !any) {
			memcpy(b->name[b->count], pattern, hole);
			b->name[b->count][hole] = '\0';
			memcpy(b->text[b->count], text, len);
			b->text[b->count++][len] = '\0';
		}
		pattern += hole;
		text += len;
	}
	return !*text;
}

static bool same(struct bindings *b, const struct json *want, const struct json *have);

static bool same_members(struct bindings *b, const struct json *want, const struct json *have)
{
	if (json_count(want) != json_count(have))
		return false;
	for (const struct json *w = json_first(want); w; w = json_next(w)) {
		const struct json *h = json_get(have, json_key(w));

		if (!h || !same(b, w, h))
			return false;
	}
	return true;
}

static bool same(struct bindings *b, const struct json *want, const struct json *have)
{
	struct buf x = BUF_INIT(1 << 20), y = BUF_INIT(1 << 20);
	bool equal;

	if (json_kind(want) != json_kind(have))
		return false;
	if (json_kind(want) == JSON_OBJECT)
		return same_members(b, want, have);
	if (json_kind(want) == JSON_STRING)
		return exchange_match(b, json_text(want), json_text(have));
	if (json_kind(want) == JSON_ARRAY) {
		const struct json *h = json_first(have);

		for (const struct json *w = json_first(want); w; w = json_next(w), h = json_next(h))
			if (!h || !same(b, w, h))
				return false;
		return !h;
	}
	json_print(want, &x);
	json_print(have, &y);
	equal = !strcmp(buf_cstr(&x), buf_cstr(&y));
	buf_done(&x);
	buf_done(&y);
	return equal;
}

bool exchange_match_json(struct bindings *b, const char *pattern, const char *text, size_t len)
{
	struct json *want = NULL, *have = NULL;
	bool equal = !json_parse(&want, pattern, strlen(pattern), NULL, NULL) &&
	             !json_parse(&have, text, len, NULL, NULL) &&
	             same(b, want, have);

	json_free(want);
	json_free(have);
	return equal;
}

const char *exchange_fill(const struct bindings *b, struct arena *a, const char *pattern)
{
	struct buf out = BUF_INIT(1 << 20);
	const char *copy;

	while (*pattern) {
		size_t hole = placeholder(pattern);
		const char *known = hole ? bound(b, pattern, hole) : NULL;

		if (known) {
			buf_add_str(&out, known);
			pattern += hole;
		} else {
			buf_add_char(&out, *pattern++);
		}
	}
	copy = arena_strdup(a, buf_cstr(&out));
	buf_done(&out);
	return copy;
}
