/* job.c: the stored format of posts and targets. A tag, once released, means its field for ever: a new field takes a
 * new tag, a dropped one leaves its tag unused. */
#include "daemon/model/job.h"

#include <string.h>

#include "proto/status.h"

#define U64(tag, type, member) { tag, FIELD_U64, #member, offsetof(struct type, member), 0, NULL }
#define I64(tag, type, member) { tag, FIELD_I64, #member, offsetof(struct type, member), 0, NULL }
#define STR(tag, type, member) { tag, FIELD_STR, #member, offsetof(struct type, member), 0, NULL }
#define LIST(tag, type, member, count, sub) \
	{ tag, FIELD_LIST, #member, offsetof(struct type, member), offsetof(struct type, count), sub }
#define TYPE(type) { #type, sizeof(struct type), type##_fields, sizeof type##_fields / sizeof *type##_fields }

static const struct field media_fields[] = {
	STR(1, media, sha256), STR(2, media, alt), STR(3, media, name), STR(4, media, mime), U64(5, media, size_bytes),
	U64(6, media, width), U64(7, media, height), I64(8, media, duration_ms), U64(9, media, frame_milli),
	U64(10, media, bit_rate), STR(11, media, video_codec), STR(12, media, audio_codec),
	U64(13, media, audio_channels), U64(14, media, audio_hz), STR(15, media, unprobed),
};
const struct record_type job_media_type = TYPE(media);

static const struct field part_fields[] = {
	STR(1, part, text), LIST(2, part, media, media_count, &job_media_type), U64(3, part, comment),
};
const struct record_type job_part_type = TYPE(part);

static const struct field card_fields[] = {
	STR(1, card, url), STR(2, card, title), STR(3, card, description),
	LIST(4, card, thumb, thumb_count, &job_media_type),
};
static const struct record_type card_type = TYPE(card);

static const struct field choice_fields[] = { STR(1, choice, text) };
static const struct record_type choice_type = TYPE(choice);

static const struct field poll_fields[] = {
	LIST(1, poll, choices, choice_count, &choice_type), I64(2, poll, duration_ms), U64(3, poll, multiple),
};
static const struct record_type poll_type = TYPE(poll);

static const struct field value_fields[] = { STR(1, value, name), STR(2, value, text) };
const struct record_type job_value_type = TYPE(value);

static const struct field content_fields[] = {
	LIST(1, content, parts, part_count, &job_part_type), LIST(2, content, card, card_count, &card_type),
	STR(3, content, language), U64(4, content, form), STR(5, content, title), STR(6, content, warning),
	STR(7, content, quote), LIST(8, content, poll, poll_count, &poll_type),
	LIST(9, content, cover, cover_count, &job_media_type),
	LIST(10, content, settings, setting_count, &job_value_type),
};
const struct record_type job_content_type = TYPE(content);

static const struct field post_fields[] = {
	U64(1, post, id), U64(2, post, rev), STR(3, post, key), STR(4, post, label), STR(5, post, by),
	I64(6, post, created_ms),
	U64(7, post, target_count), LIST(8, post, content, content_count, &job_content_type),
	U64(9, post, media_released),
};
const struct record_type job_post_type = TYPE(post);

static const struct field attempt_fields[] = {
	U64(1, attempt, number), STR(2, attempt, step), STR(3, attempt, mark), STR(4, attempt, body_sha256),
	I64(5, attempt, armed_ms), I64(6, attempt, lost_ms), STR(7, attempt, evidence), U64(8, attempt, looks),
	I64(9, attempt, look_ms), U64(10, attempt, unrecorded), I64(11, attempt, armed_steady_ms), I64(12, attempt, lost_steady_ms),
};
static const struct record_type attempt_type = TYPE(attempt);

static const struct field shown_fields[] = { STR(1, shown, remote_id), STR(2, shown, url) };
static const struct record_type shown_type = TYPE(shown);

static const struct field target_fields[] = {
	U64(1, target, id), U64(2, target, n), U64(3, target, rev), STR(4, target, account), U64(5, target, account_no),
	U64(6, target, state), STR(7, target, reason), U64(8, target, want), STR(9, target, want_text),
	STR(10, target, want_local), STR(11, target, zone), I64(12, target, due_ms), I64(13, target, not_before_ms),
	U64(14, target, late), I64(15, target, max_late_ms), I64(16, target, expires_ms),
	LIST(17, target, own, own_count, &job_content_type), U64(18, target, tries), U64(19, target, attempts),
	LIST(20, target, open, open_count, &attempt_type), LIST(21, target, values, value_count, &job_value_type),
	LIST(22, target, shown, shown_count, &shown_type), I64(23, target, published_ms), STR(24, target, label),
	U64(25, target, maybe_shown), I64(26, target, asked_ms), I64(27, target, clean_ms),
};
const struct record_type job_target_type = TYPE(target);

static const char *const late_names[LATE__COUNT] = { [LATE_POST] = "post", [LATE_SKIP] = "skip", [LATE_HOLD] = "hold",
	[LATE_NEXT] = "next" };

static const char *const form_names[FORM__COUNT] = { [FORM_POST] = "post", [FORM_STORY] = "story", [FORM_REEL] = "reel",
	[FORM_SHORT] = "short", [FORM_SPOTLIGHT] = "spotlight" };

static int name_find(const char *const *names, int count, const char *name)
{
	for (int i = 0; name && i < count; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -ST_INVALID;
}

const char *late_name(enum late_rule r)
{
	return (unsigned)r < LATE__COUNT ? late_names[r] : "?";
}

int late_find(const char *name)
{
	return name_find(late_names, LATE__COUNT, name);
}

const char *form_name(enum content_form f)
{
	return (unsigned)f < FORM__COUNT ? form_names[f] : "?";
}

int form_find(const char *name)
{
	return name_find(form_names, FORM__COUNT, name);
}

const struct content *job_content(const struct post *p, const struct target *t)
{
	const struct content *c = NULL;
	if (t && t->own_count == 1)
		c = t->own;
	else if (p && p->content_count == 1 && (!t || t->own_count == 0))
		c = p->content;
	if (!c || c->part_count == 0)
		return NULL;
	for (size_t i = 0; i < c->part_count; i++)
		if (!c->parts[i].text)
			return NULL;
	return c;
}

static bool moves(const struct media *m)
{
	return m->mime && (strncmp(m->mime, "video/", 6) == 0 || strncmp(m->mime, "audio/", 6) == 0);
}

const char *job_media_unknown(const struct media *m)
{
	if (!moves(m) || m->unprobed)
		return moves(m) ? m->unprobed : NULL;
	return m->video_codec || m->audio_codec ? NULL : "nobody has looked into it; add the file again where ffprobe is installed";
}

void job_media_json(struct json_writer *w, const struct media *m)
{
	const char *unknown = job_media_unknown(m);

	jw_str(w, "mime", m->mime);
	jw_int(w, "size", (int64_t)m->size_bytes);
	jw_int(w, "width", (int64_t)m->width);
	jw_int(w, "height", (int64_t)m->height);
	if (!moves(m))
		return;
	jw_int(w, "duration_ms", m->duration_ms);
	jw_int(w, "frame_milli", (int64_t)m->frame_milli);
	jw_int(w, "bit_rate", (int64_t)m->bit_rate);
	jw_str(w, "video_codec", m->video_codec);
	jw_str(w, "audio_codec", m->audio_codec);
	jw_int(w, "audio_channels", (int64_t)m->audio_channels);
	jw_int(w, "audio_hz", (int64_t)m->audio_hz);
	jw_bool(w, "probed", !unknown);
	if (unknown)
		jw_str(w, "unknown", unknown);
}

int64_t job_fire_ms(const struct target *t)
{
	return t->not_before_ms > t->due_ms ? t->not_before_ms : t->due_ms;
}
