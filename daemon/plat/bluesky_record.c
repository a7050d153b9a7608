/* bluesky_record.c: building the post record. Everything that a record holds is decided once, before it is sent, and
 * the exact JSON is kept: only the very same record under the same key may be put again. */
#include "daemon/plat/bluesky.h"

#include <string.h>

#include "proto/buf.h"
#include "proto/json.h"
#include "proto/unit.h"

#define CLOCK_MASK 1023u

/* ---- record keys ---- */

void bluesky_tid(int64_t us, unsigned clock_id, char out[BLUESKY_TID_SIZE])
{
	static const char digits[] = "234567abcdefghijklmnopqrstuvwxyz";
	uint64_t value = ((uint64_t)us << 10 | (clock_id & CLOCK_MASK)) & INT64_MAX;

	for (unsigned i = 0; i < 13; i++)
		out[i] = digits[value >> (60 - 5 * i) & 31];
	out[13] = '\0';
}

const char *bluesky_rkey(const struct plat_in *in, size_t n)
{
	char tid[BLUESKY_TID_SIZE];
	int64_t us = plat_get_int(in->values, "tid_us", 0);

	if (!us) {
		us = in->now_ms * 1000;
		plat_set_int(in->values, "tid_us", us);
		plat_set_int(in->values, "tid_clock", ((unsigned)in->random[0] << 8 | in->random[1]) & CLOCK_MASK);
	}
	bluesky_tid(us + (int64_t)n, (unsigned)plat_get_int(in->values, "tid_clock", 0), tid);
	return arena_strdup(in->arena, tid);
}

const char *bluesky_uri(const struct plat_in *in, size_t n)
{
	const char *did = plat_get(in->account_values, "did"), *rkey = bluesky_rkey(in, n);

	return did && rkey ? arena_fmt(in->arena, "at://%s/%s/%s", did, BLUESKY_COLLECTION, rkey) : NULL;
}

/* ---- content ---- */

bool bluesky_has_card(const struct plat_in *in, size_t n)
{
	return !n && in->content->card_count && !in->content->parts[0].media_count;
}

const char *bluesky_text(const struct plat_in *in, size_t n)
{
	return wire_text(in->arena, in->content, n, !bluesky_has_card(in, n));
}

bool bluesky_parent(const struct plat_in *in, size_t n, size_t *parent)
{
	if (!n)
		return false;
	*parent = in->content->parts[n].comment ? 0 : n - 1;
	return true;
}

static size_t mention_number(const char *const *handles, size_t count, const char *handle)
{
	size_t k = 0;

	while (k < count && strcmp(handles[k], handle))
		k++;
	return k;
}

size_t bluesky_mentions(const struct plat_in *in, size_t n, const char *handles[BLUESKY_MAX_MENTIONS])
{
	struct entity *list = NULL;
	int64_t found = text_find(in->arena, bluesky_text(in, n), TEXT_BLUESKY, &list);
	size_t count = 0;

	for (int64_t i = 0; i < found && count < BLUESKY_MAX_MENTIONS; i++)
		if (list[i].kind == ENTITY_MENTION && mention_number(handles, count, list[i].value) == count)
			handles[count++] = list[i].value;
	return count;
}

/* ---- the record ---- */

static void write_facet(struct json_writer *w, const struct entity *e, const char *type, const char *key,
                        const char *value)
{
	jw_object(w, NULL);
	jw_object(w, "index");
	jw_int(w, "byteStart", (int64_t)e->start);
	jw_int(w, "byteEnd", (int64_t)e->end);
	jw_end(w);
	jw_array(w, "features");
	jw_object(w, NULL);
	jw_str(w, "$type", type);
	jw_str(w, key, value);
	jw_end(w);
	jw_end(w);
	jw_end(w);
}

static void write_facets(const struct plat_in *in, struct json_writer *w, size_t n)
{
	static const struct { const char *type, *key; } kinds[] = {
		[ENTITY_URL] = { "app.bsky.richtext.facet#link", "uri" },
		[ENTITY_MENTION] = { "app.bsky.richtext.facet#mention", "did" },
		[ENTITY_TAG] = { "app.bsky.richtext.facet#tag", "tag" },
	};
	const char *handles[BLUESKY_MAX_MENTIONS];
	size_t handle_count = bluesky_mentions(in, n, handles);
	struct entity *list = NULL;
	int64_t count = text_find(in->arena, bluesky_text(in, n), TEXT_BLUESKY, &list);
	bool open = false;

	for (int64_t i = 0; i < count; i++) {
		const char *value = list[i].value;

		if (list[i].kind == ENTITY_MENTION)
			value = plat_get_n(in->values, "did", mention_number(handles, handle_count, value));
		if (!value || !strcmp(value, "-"))
			continue;
		if (!open)
			jw_array(w, "facets");
		open = true;
		write_facet(w, &list[i], kinds[list[i].kind].type, kinds[list[i].kind].key, value);
	}
	if (open)
		jw_end(w);
}

static void write_blob(struct json_writer *w, const char *key, const char *blob)
{
	if (blob)
		jw_raw(w, key, blob, strlen(blob));
}

static void write_aspect(struct json_writer *w, const struct media *m)
{
	if (!m->width || !m->height)
		return;
	jw_object(w, "aspectRatio");
	jw_int(w, "width", (int64_t)m->width);
	jw_int(w, "height", (int64_t)m->height);
	jw_end(w);
}

static void write_images(const struct plat_in *in, struct json_writer *w, const struct part *p)
{
	bool gallery = p->media_count > BLUESKY_MAX_IMAGES;

	jw_str(w, "$type", gallery ? "app.bsky.embed.gallery" : "app.bsky.embed.images");
	jw_array(w, gallery ? "items" : "images");
	for (size_t k = 0; k < p->media_count; k++) {
		const struct media *m = &p->media[k];

		jw_object(w, NULL);
		if (gallery)
			jw_str(w, "$type", "app.bsky.embed.gallery#image");
		write_blob(w, "image", plat_get_n(in->values, "blob", k));
		jw_str(w, "alt", m->alt ? m->alt : "");
		write_aspect(w, m);
		jw_end(w);
	}
	jw_end(w);
}

static void write_video(const struct plat_in *in, struct json_writer *w, const struct media *m)
{
	jw_str(w, "$type", "app.bsky.embed.video");
	write_blob(w, "video", plat_get_n(in->values, "blob", 0));
	jw_str(w, "alt", m->alt ? m->alt : "");
	write_aspect(w, m);
}

static void write_card(const struct plat_in *in, struct json_writer *w, const struct card *c)
{
	jw_str(w, "$type", "app.bsky.embed.external");
	jw_object(w, "external");
	jw_str(w, "uri", c->url);
	jw_str(w, "title", c->title ? c->title : "");
	jw_str(w, "description", c->description ? c->description : "");
	write_blob(w, "thumb", plat_get(in->values, "thumb"));
	jw_end(w);
}

static void write_quote(const struct plat_in *in, struct json_writer *w)
{
	jw_str(w, "$type", "app.bsky.embed.record");
	jw_object(w, "record");
	jw_str(w, "uri", plat_get(in->values, "quote_uri"));
	jw_str(w, "cid", plat_get(in->values, "quote_cid"));
	jw_end(w);
}

static void write_shown(const struct plat_in *in, struct json_writer *w, size_t n)
{
	const struct part *p = &in->content->parts[n];

	if (bluesky_has_video(in, n))
		write_video(in, w, &p->media[0]);
	else if (p->media_count)
		write_images(in, w, p);
	else
		write_card(in, w, &in->content->card[0]);
}

/* What the post shows, what it quotes, or both. */
static void write_embed(const struct plat_in *in, struct json_writer *w, size_t n)
{
	bool shows = in->content->parts[n].media_count || bluesky_has_card(in, n), quotes = !n && plat_get(in->values, "quote_uri");

	if (!shows && !quotes)
		return;
	jw_object(w, "embed");
	if (shows && quotes) {
		jw_str(w, "$type", "app.bsky.embed.recordWithMedia");
		jw_object(w, "record");
		write_quote(in, w);
		jw_end(w);
		jw_object(w, "media");
		write_shown(in, w, n);
		jw_end(w);
	} else if (shows) {
		write_shown(in, w, n);
	} else {
		write_quote(in, w);
	}
	jw_end(w);
}

static void write_label(const struct plat_in *in, struct json_writer *w)
{
	const char *label = bluesky_option(in, BLUESKY_LABEL);

	if (!strcmp(label, "none"))
		return;
	jw_object(w, "labels");
	jw_str(w, "$type", "com.atproto.label.defs#selfLabels");
	jw_array(w, "values");
	jw_object(w, NULL);
	jw_str(w, "val", label);
	jw_end(w);
	jw_end(w);
	jw_end(w);
}

static void write_ref(const struct plat_in *in, struct json_writer *w, const char *key, size_t n)
{
	jw_object(w, key);
	jw_str(w, "uri", plat_get_n(in->values, PLAT_ID, n));
	jw_str(w, "cid", plat_get_n(in->values, "cid", n));
	jw_end(w);
}

static const char *instant(struct arena *a, int64_t time_ms)
{
	char text[40];

	unit_utc_format(time_ms - time_ms % 1000, text, sizeof(text));
	return arena_fmt(a, "%.19s.%03dZ", text, (int)(time_ms % 1000));
}

void bluesky_build(const struct plat_in *in, size_t n)
{
	struct buf b = BUF_INIT(PLAT_MAX_VALUE_BYTES);
	struct json_writer w;
	size_t parent;

	jw_init(&w, &b);
	jw_object(&w, NULL);
	jw_str(&w, "$type", BLUESKY_COLLECTION);
	jw_str(&w, "text", bluesky_text(in, n));
	jw_str(&w, "createdAt", instant(in->arena, in->now_ms));
	if (in->content->language && *in->content->language) {
		jw_array(&w, "langs");
		jw_str(&w, NULL, in->content->language);
		jw_end(&w);
	}
	write_facets(in, &w, n);
	if (bluesky_parent(in, n, &parent)) {
		jw_object(&w, "reply");
		write_ref(in, &w, "root", 0);
		write_ref(in, &w, "parent", parent);
		jw_end(&w);
	}
	write_embed(in, &w, n);
	write_label(in, &w);
	jw_end(&w);
	plat_set(in->values, "record", wire_take(&b, in->arena, NULL));
}

/* ---- knowing it again ---- */

static bool same_text(const char *a, const char *b)
{
	return !strcmp(wire_str(a), wire_str(b));
}

/* What stands beside a quote is one level deeper; so is where pictures of a gallery are listed. */
static bool same_embed(const struct plat_in *in, size_t n, const struct json *embed)
{
	const struct part *p = &in->content->parts[n];
	const struct json *beside = json_get(embed, "media"), *shown = beside ? beside : embed, *list = json_get(shown, "images"), *e;
	const char *card = bluesky_has_card(in, n) ? in->content->card[0].url : NULL;
	bool video = bluesky_has_video(in, n);

	if (!bluesky_same_quote(in, n, embed) || !same_text(json_text(json_path(shown, "external.uri")), card))
		return false;
	if (video != (json_kind(json_get(shown, "video")) == JSON_OBJECT))
		return false;
	if (video)
		return same_text(json_get_text(shown, "alt"), p->media[0].alt);
	e = json_first(list ? list : json_get(shown, "items"));
	for (size_t k = 0; k < p->media_count; k++, e = json_next(e))
		if (!e || !same_text(json_get_text(e, "alt"), p->media[k].alt))
			return false;
	return !e;
}

bool bluesky_is_part(const struct plat_in *in, size_t n, const struct json *record)
{
	size_t parent;
	const char *answers = bluesky_parent(in, n, &parent) ? plat_get_n(in->values, PLAT_ID, parent) : NULL;

	return json_get_text(record, "text") && same_text(json_get_text(record, "text"), bluesky_text(in, n)) &&
	       same_text(json_text(json_path(record, "reply.parent.uri")), answers) && same_embed(in, n, json_get(record, "embed"));
}

bool bluesky_is_vague(const struct plat_in *in, size_t n)
{
	const struct part *p = &in->content->parts[n];
	bool words = *wire_str(bluesky_text(in, n)) || bluesky_has_card(in, n);

	for (size_t k = 0; k < p->media_count; k++)
		words = words || *wire_str(p->media[k].alt);
	return !words;
}
