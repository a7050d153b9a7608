/* x_text.c: a text as it was sent and as X tells it, made comparable. X turns every link into one of its own (t.co), adds
 * such links for media and quotes, and escapes three characters of HTML. */
#include "daemon/plat/x.h"

#include <string.h>

#include "daemon/model/text.h"

/* ---- our form ---- */

static void add_lower(struct buf *b, const char *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf_add_char(b, from[i] >= 'A' && from[i] <= 'Z' ? (char)(from[i] - 'A' + 'a') : from[i]);
}

/* A link without its scheme and a final '/', its host in lower case. */
static void add_link(struct buf *b, const char *link, size_t len)
{
	const char *scheme = memmem(link, len, "://", 3);
	size_t skip = scheme ? (size_t)(scheme - link) + 3 : 0, host = skip;

	while (host < len && !strchr("/?#", link[host]))
		host++;
	if (len > skip && link[len - 1] == '/')
		len--;
	add_lower(b, link + skip, (host < len ? host : len) - skip);
	if (host < len)
		buf_add(b, link + host, len - host);
}

/* White space of any length as one blank, none at the ends. */
static const char *squeezed(struct arena *a, const char *text)
{
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	bool gap = false;

	for (; *text; text++) {
		if (strchr(" \t\r\n\v\f", *text)) {
			gap = b.len > 0;
			continue;
		}
		if (gap)
			buf_add_char(&b, ' ');
		gap = false;
		buf_add_char(&b, *text);
	}
	return wire_take(&b, a, NULL);
}

const char *x_plain(struct arena *a, const char *text)
{
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	const char *nfc = text_nfc(a, text), *joined;
	struct entity *e = NULL;
	int64_t count = nfc ? text_find(a, nfc, TEXT_X, &e) : -1;
	size_t at = 0;

	if (count < 0)
		return NULL;
	for (int64_t i = 0; i < count; i++) {
		if (e[i].kind != ENTITY_URL)
			continue;
		buf_add(&b, nfc + at, e[i].start - at);
		add_link(&b, nfc + e[i].start, e[i].end - e[i].start);
		at = e[i].end;
	}
	buf_add_str(&b, nfc + at);
	joined = wire_take(&b, a, NULL);
	return joined ? squeezed(a, joined) : NULL;
}

/* ---- X's form ---- */

const struct json *x_either(const struct json *object, const char *one, const char *other)
{
	const struct json *found = json_get(object, one);

	return found ? found : json_get(object, other);
}

const char *x_refers(const struct json *post, const char *how, char *buf24)
{
	const struct json *list = x_either(post, "referenced_tweets", "referenced_posts");

	for (const struct json *e = json_first(list); e; e = json_next(e)) {
		const char *type = json_get_text(e, "type");

		if (type && !strcmp(type, how))
			return wire_str(json_get_id(e, "id", buf24));
	}
	return "";
}

static const char *unescaped(struct arena *a, const char *text)
{
	static const struct { const char *written; char means; } table[] = { { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' } };
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);

	while (*text) {
		size_t i = 0;

		while (i < WIRE_COUNT(table) && strncmp(text, table[i].written, strlen(table[i].written)))
			i++;
		buf_add_char(&b, i < WIRE_COUNT(table) ? table[i].means : *text);
		text += i < WIRE_COUNT(table) ? strlen(table[i].written) : 1;
	}
	return wire_take(&b, a, NULL);
}

static bool is_slug(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Every `link` in text, where it is not the beginning of a longer one, as `by`. */
static const char *replaced(struct arena *a, const char *text, const char *link, const char *by)
{
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	size_t len = strlen(link);

	for (const char *at; len && (at = strstr(text, link)); text = at + len) {
		buf_add(&b, text, (size_t)(at - text));
		buf_add_str(&b, is_slug(at[len]) ? link : by);
	}
	buf_add_str(&b, text);
	return wire_take(&b, a, NULL);
}

/* Whether a link was added by X: to the post's own media, or to what it quotes. */
static bool is_added(const struct json *post, const struct json *link, const char *target)
{
	char own[24], quoted[24];
	const char *ids[] = { wire_str(json_get_id(post, "id", own)), x_refers(post, "quoted", quoted) };
	const char *place = strstr(target, "/status/");

	if (json_get_text(link, "media_key"))
		return true;
	for (size_t i = 0; place && i < WIRE_COUNT(ids); i++) {
		size_t len = strlen(ids[i]);

		if (len && !strncmp(place + 8, ids[i], len) && (!place[8 + len] || place[8 + len] == '/'))
			return true;
	}
	return false;
}

/* Media have a t.co link at the end that need not be explained. */
static const char *without_tail(struct arena *a, const struct json *post, const char *text)
{
	static const char own[] = "https://t.co/";
	size_t len = strlen(text), at;
	char quoted[24];

	while (len && strchr(" \n", text[len - 1]))
		len--;
	for (at = len; at && is_slug(text[at - 1]);)
		at--;
	if (at == len || at < sizeof(own) - 1 || strncmp(text + at - (sizeof(own) - 1), own, sizeof(own) - 1))
		return text;
	if (!json_count(json_path(post, "attachments.media_keys")) && !*x_refers(post, "quoted", quoted))
		return text;
	return arena_strndup(a, text, at - (sizeof(own) - 1));
}

const char *x_plain_post(struct arena *a, const struct json *post)
{
	const struct json *note = x_either(post, "note_tweet", "note_post"), *whole = json_get_text(note, "text") ? note : post;
	const char *text = json_get_text(whole, "text");

	text = text ? unescaped(a, text) : NULL;
	for (const struct json *e = json_first(json_path(whole, "entities.urls")); e && text; e = json_next(e)) {
		const char *link = json_get_text(e, "url"), *target = json_get_text(e, "expanded_url");

		if (link && target)
			text = replaced(a, text, link, is_added(post, e, target) ? "" : target);
	}
	text = text ? without_tail(a, post, text) : NULL;
	return text ? x_plain(a, text) : NULL;
}
