/* wire_content.c: the post as drivers see it: the neutral JSON, the text as sent, its fingerprint, and preflight
 * findings. */
#include "daemon/plat/wire.h"

#include <string.h>

#include "daemon/model/text.h"
#include "daemon/plat/kind.h"
#include "proto/hash.h"
#include "proto/status.h"
#include "proto/unit.h"

/* ---- the neutral JSON ---- */

/* Of a video, as far as it is known. */
static void moving_json(struct json_writer *w, const struct media *m)
{
	const struct { const char *key; uint64_t value; } numbers[] = {
		{ "duration_ms", m->duration_ms > 0 ? (uint64_t)m->duration_ms : 0 }, { "frame_milli", m->frame_milli },
		{ "bit_rate", m->bit_rate }, { "audio_channels", m->audio_channels }, { "audio_hz", m->audio_hz },
	};

	for (size_t i = 0; i < WIRE_COUNT(numbers); i++)
		if (numbers[i].value)
			jw_int(w, numbers[i].key, (int64_t)numbers[i].value);
	if (m->video_codec)
		jw_str(w, "video_codec", m->video_codec);
	if (m->audio_codec)
		jw_str(w, "audio_codec", m->audio_codec);
}

static void media_json(struct json_writer *w, const char *key, const struct media *m, const char *file)
{
	jw_object(w, key);
	if (file)
		jw_str(w, "file", file);
	jw_str(w, "sha256", m->sha256);
	jw_str(w, "mime", m->mime);
	jw_int(w, "size", (int64_t)m->size_bytes);
	if (m->width && m->height) {
		jw_int(w, "width", (int64_t)m->width);
		jw_int(w, "height", (int64_t)m->height);
	}
	moving_json(w, m);
	if (m->name)
		jw_str(w, "name", m->name);
	jw_str(w, "alt", m->alt ? m->alt : "");
	jw_end(w);
}

static void part_json(const struct plat_in *in, struct json_writer *w, const struct part *p, bool files, size_t *file)
{
	jw_object(w, NULL);
	jw_str(w, "text", p->text);
	if (p->comment)
		jw_bool(w, "comment", true);
	jw_array(w, "media");
	for (size_t i = 0; i < p->media_count; i++) {
		const char *name = files ? wire_file_name(in, ++*file, &p->media[i]) : NULL;

		media_json(w, NULL, &p->media[i], name);
	}
	jw_end(w);
	jw_end(w);
}

static void card_json(const struct plat_in *in, struct json_writer *w, const struct card *c, bool files, size_t *file)
{
	jw_object(w, "card");
	jw_str(w, "url", c->url);
	jw_str(w, "title", c->title ? c->title : "");
	jw_str(w, "description", c->description ? c->description : "");
	if (c->thumb_count)
		media_json(w, "thumb", &c->thumb[0], files ? wire_file_name(in, ++*file, &c->thumb[0]) : NULL);
	jw_end(w);
}

static void extra_json(const struct plat_in *in, struct json_writer *w, const struct content *c, bool files, size_t *file)
{
	const struct { const char *key, *text; } texts[] = { { "title", c->title }, { "warning", c->warning }, { "quote", c->quote } };

	if (c->form != FORM_POST)
		jw_str(w, "form", form_name((enum content_form)c->form));
	for (size_t i = 0; i < WIRE_COUNT(texts); i++)
		if (texts[i].text)
			jw_str(w, texts[i].key, texts[i].text);
	if (c->poll_count) {
		jw_object(w, "poll");
		jw_array(w, "choices");
		for (size_t i = 0; i < c->poll->choice_count; i++)
			jw_str(w, NULL, c->poll->choices[i].text);
		jw_end(w);
		jw_int(w, "duration_ms", c->poll->duration_ms);
		jw_bool(w, "multiple", c->poll->multiple != 0);
		jw_end(w);
	}
	if (c->cover_count)
		media_json(w, "cover", &c->cover[0], files ? wire_file_name(in, ++*file, &c->cover[0]) : NULL);
}

const char *wire_file_name(const struct plat_in *in, size_t file, const struct media *m)
{
	return arena_fmt(in->arena, "%llu.%llu.%zu.%s", (unsigned long long)in->target->id,
	                 (unsigned long long)in->target->n, file,
	                 wire_extension(m->mime));
}

void wire_post_json(const struct plat_in *in, struct buf *out, bool files)
{
	const struct content *c = in->content;
	struct json_writer w;
	char due[40];
	size_t file = 0;

	jw_init(&w, out);
	jw_object(&w, NULL);
	jw_int(&w, "id", (int64_t)in->target->id);
	jw_int(&w, "n", (int64_t)in->target->n);
	jw_str(&w, "account", in->account->name);
	jw_str(&w, "label", in->post->label);
	jw_str(&w, "language", c->language);
	jw_str(&w, "due", unit_utc_format(in->target->due_ms, due, sizeof(due)));
	jw_int(&w, "due_ms", in->target->due_ms);
	jw_array(&w, "parts");
	for (size_t i = 0; i < c->part_count; i++)
		part_json(in, &w, &c->parts[i], files, &file);
	jw_end(&w);
	if (c->card_count)
		card_json(in, &w, &c->card[0], files, &file);
	else
		jw_null(&w, "card");
	extra_json(in, &w, c, files, &file);
	jw_end(&w);
}

const char *wire_extension(const char *mime)
{
	static const struct { const char *mime, *extension; } table[] = {
		{ "image/jpeg", "jpg" }, { "image/png", "png" }, { "image/gif", "gif" }, { "image/webp", "webp" },
		{ "image/avif", "avif" }, { "image/heic", "heic" }, { "image/svg+xml", "svg" }, { "video/mp4", "mp4" },
		{ "video/quicktime", "mov" }, { "video/webm", "webm" }, { "audio/mp4", "m4a" }, { "audio/webm", "weba" },
		{ "audio/mpeg", "mp3" }, { "audio/ogg", "ogg" },
		{ "text/vtt", "vtt" }, { "application/pdf", "pdf" },
	};

	for (size_t i = 0; mime && i < WIRE_COUNT(table); i++)
		if (!strcmp(table[i].mime, mime))
			return table[i].extension;
	return "bin";
}

const char *wire_text(struct arena *a, const struct content *c, size_t n, bool with_link)
{
	const char *text = c->parts[n].text ? c->parts[n].text : "";
	const char *url = with_link && !n && c->card_count ? c->card[0].url : NULL, *joined;

	if (!url || strstr(text, url))
		return text;
	joined = arena_fmt(a, "%s%s%s", text, *text ? "\n" : "", url);
	return joined ? joined : text;
}

/* ---- fingerprints ---- */

static void print_add(struct buf *b, const char *text)
{
	buf_add_u64(b, text ? strlen(text) + 1 : 0);
	buf_add_char(b, ':');
	buf_add_str(b, wire_str(text));
}

static void print_media(struct buf *b, const struct media *m)
{
	print_add(b, m->sha256);
	print_add(b, m->alt);
	print_add(b, m->mime);
}

/* Nothing where there is nothing: what was printed before there were such things stays as it was. */
static void print_extra(struct buf *b, const struct content *c)
{
	const char *const texts[] = { c->title, c->warning, c->quote };

	if (c->form != FORM_POST)
		print_add(b, form_name((enum content_form)c->form));
	for (size_t i = 0; i < WIRE_COUNT(texts); i++)
		if (texts[i]) {
			buf_add_u64(b, i);
			print_add(b, texts[i]);
		}
	for (size_t i = 0; c->poll_count && i < c->poll->choice_count; i++)
		print_add(b, c->poll->choices[i].text);
	if (c->poll_count)
		buf_add_fmt(b, "%lld %d", (long long)c->poll->duration_ms, (int)c->poll->multiple);
	if (c->cover_count)
		print_media(b, &c->cover[0]);
	for (size_t i = 0; i < c->setting_count; i++) {
		print_add(b, c->settings[i].name);
		print_add(b, c->settings[i].text);
	}
}

static const char *print_end(struct arena *a, struct buf *b, size_t bytes)
{
	unsigned char sum[HASH_SHA256_BYTES];
	size_t len;
	const char *text = wire_take(b, a, &len);

	if (!text)
		return NULL;
	if (hash_sha256(text, len, sum)) {
		a->error = -ST_NO_MEMORY;
		return NULL;
	}
	return wire_hex(a, sum, bytes);
}

const char *wire_part_print(const struct plat_in *in, size_t n)
{
	const struct content *c = in->content;
	const struct part *p = &c->parts[n];
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);

	print_add(&b, p->text);
	print_add(&b, c->language);
	for (size_t i = 0; i < p->media_count; i++)
		print_media(&b, &p->media[i]);
	if (!n)
		print_extra(&b, c);
	if (!n && c->card_count) {
		print_add(&b, c->card[0].url);
		print_add(&b, c->card[0].title);
		print_add(&b, c->card[0].description);
		if (c->card[0].thumb_count)
			print_media(&b, &c->card[0].thumb[0]);
	}
	return print_end(in->arena, &b, 8);
}

const char *wire_credential_print(const struct plat_in *in)
{
	const struct plat_account *account = in->account;
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);

	print_add(&b, account->base_url);
	for (size_t i = 0; i < account->credential_count; i++) {
		print_add(&b, account->credential[i].name);
		print_add(&b, account->credential[i].text);
	}
	return print_end(in->arena, &b, 4);
}

/* ---- profiles ---- */

bool wire_same_profile(const struct plat_in *in, struct plat_out *out, const char *platform, const char *id, const char *name)
{
	const char *before = plat_get(in->account_values, "own_id"), *was = plat_get(in->account_values, "own_name");

	if (!before || !strcmp(before, id))
		return true;
	plat_fail(out, PLAT_AUTH,
	          arena_fmt(in->arena, "%s: the credential belongs to %s (%s), but account %s has been used as %s (%s); give it a credential of that "
	                    "profile, or configure the other one under a new account name", platform,
	                    wire_str(wire_excerpt(in->arena, wire_str(name), strlen(wire_str(name)), WIRE_EXCERPT_CHARS)),
	                    wire_str(wire_excerpt(in->arena, id, strlen(id), WIRE_EXCERPT_CHARS)), in->account->name, was ? was : "?", before));
	return false;
}

void wire_keep_profile(const struct plat_in *in, struct plat_out *out, const char *id, const char *name)
{
	plat_set(in->account_values, "own_id", arena_strdup(in->arena, id));
	plat_set(in->account_values, "own_name", arena_strdup(in->arena, name ? name : id));
	plat_set(in->account_values, "cred", wire_credential_print(in));
	plat_done(out, plat_get(in->account_values, "own_id"), NULL);
}

/* ---- preflight ---- */

int64_t wire_chars(const char *text)
{
	int64_t n = 0;

	for (text = wire_str(text); *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

bool wire_check_begin(const struct wire_check *c)
{
	size_t count = c->in->content->part_count;

	c->out->parts = arena_alloc(c->in->arena, count, sizeof(*c->out->parts));
	c->out->part_count = c->out->parts ? count : 0;
	if (!c->out->parts)
		wire_check_say(c, 0, "memory", "out of memory");
	kind_check(c, plat_find(c->platform)->kinds);
	return c->out->parts;
}

const char *wire_part_name(const struct wire_check *c, size_t n)
{
	if (c->in->content->part_count < 2)
		return "";
	return arena_fmt(c->in->arena, "part %zu: ", n + 1);
}

void wire_check_say(const struct wire_check *c, size_t n, const char *rule, const char *message)
{
	const char *name = wire_part_name(c, n);
	const char *text = name ? arena_fmt(c->in->arena, "%s: %s%s", c->platform, name, message) : NULL;

	plat_finding(c->out, rule, 0, 0, text ? text : "out of memory");
}

void wire_check_limit(const struct wire_check *c, size_t n, const char *rule, const char *what, const char *unit,
                      int64_t limit,
                      int64_t value)
{
	const char *name = wire_part_name(c, n), *text = NULL;

	if (limit <= 0 || value <= limit)
		return;
	if (name)
		text = arena_fmt(c->in->arena, "%s: %s%s has %lld %s, the limit is %lld", c->platform, name, what,
		                 (long long)value, unit,
		                 (long long)limit);
	plat_finding(c->out, rule, limit, value, text ? text : "out of memory");
}

void wire_check_file(const struct wire_check *c, size_t n, const char *what, const struct media *m,
                     const struct wire_media_limits *l)
{
	struct arena *a = c->in->arena;
	const char *mime = m->mime ? m->mime : "unknown";
	bool fits = m->width <= INT32_MAX && m->height <= INT32_MAX;

	if (l->mimes && !wire_listed(l->mimes, mime)) {
		const char *text = arena_fmt(a, "%s is of the kind %s, which is not taken (taken: %s)", what, mime,
		                             l->mimes);

		wire_check_say(c, n, "media-kind", text ? text : "media kind is not taken");
	}
	wire_check_limit(c, n, "media-bytes", what, "bytes", l->max_bytes, m->size_bytes > INT64_MAX ? INT64_MAX
	                 : (int64_t)m->size_bytes);
	wire_check_limit(c, n, "media-pixels", what, "pixels", l->max_pixels, fits ? (int64_t)(m->width * m->height)
	                 : INT64_MAX);
}

void wire_check_media(const struct wire_check *c, size_t n, const struct wire_media_limits *l)
{
	const struct part *p = &c->in->content->parts[n];

	wire_check_limit(c, n, "media-count", "post", "media files", l->max_count, (int64_t)p->media_count);
	for (size_t i = 0; i < p->media_count; i++) {
		const char *name = arena_fmt(c->in->arena, "media %zu", i + 1);

		wire_check_file(c, n, name ? name : "media", &p->media[i], l);
	}
}

void wire_check_plain(const struct wire_check *c)
{
	for (size_t n = 0; n < c->out->part_count; n++) {
		const char *text = wire_text(c->in->arena, c->in->content, n, false);
		int64_t used = text_graphemes(text, strlen(text));

		c->out->parts[n] = (struct plat_part_report){
			.used = used < 0 ? 0 : used, .bytes = (int64_t)strlen(text), .unit = "graphemes",
		};
	}
}

void wire_check_empty(const struct wire_check *c, size_t n, const char *text, bool shows_more)
{
	if (!shows_more && text_is_blank(text))
		wire_check_say(c, n, "empty", "post is empty: nothing of it can be seen; give it a text or media");
}
