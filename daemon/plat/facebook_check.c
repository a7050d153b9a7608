/* facebook_check.c: preflight. */
#include "daemon/plat/facebook.h"

#include <string.h>

#include "daemon/plat/kind.h"

#define MAX_CHARS 63206
#define MAX_COMMENT_CHARS 8000
#define MAX_TITLE_CHARS 255
#define MAX_PHOTOS 10
#define MIB (INT64_C(1024) * 1024)
#define GIB (1024 * MIB)
#define MINUTE_MS (60 * INT64_C(1000))

/* MediaLimits=safe and large: the contract's sources disagree (chapter 8). */
struct limits { int64_t photo_bytes, video_bytes, video_ms; };
static const struct limits safe = { 4 * MIB, 2 * GIB, 40 * MINUTE_MS }, large = { 10 * MIB, 10 * GIB, 240 * MINUTE_MS };

static const struct wire_video_limits any_video = { .video_codecs = "h264", .audio_codecs = "aac" };
static const struct wire_video_limits story_video = { .max_ms = MINUTE_MS, .video_codecs = "h264,hevc", .audio_codecs = "aac" };
static const struct wire_video_limits reel_video = {
	.min_ms = 3000, .max_ms = 90 * 1000, .min_frame_milli = 24000 - 24, .max_frame_milli = 60000, .video_codecs = "h264,hevc",
	.audio_codecs = "aac", .max_hz = 48000,
	.shape = { .min_width = 540, .min_height = 960, .narrowest = { 89, 160 }, .widest = { 91, 160 } },
};

/* Code points: no more than what Facebook counts. */
static int64_t characters(const char *text)
{
	int64_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static void check_text(const struct wire_check *c, size_t n, enum facebook_kind kind)
{
	const char *text = facebook_text(c->in, n), *title = c->in->content->title;
	int64_t limit = kind == FACEBOOK_COMMENT ? MAX_COMMENT_CHARS : MAX_CHARS, used = characters(text);
	const struct part *p = &c->in->content->parts[n];

	c->out->parts[n] = (struct plat_part_report){ .used = used, .limit = limit, .bytes = (int64_t)strlen(text), .unit = "characters" };
	wire_check_limit(c, n, "text-length", "text", "characters", limit, used);
	wire_check_empty(c, n, text, p->media_count > 0 || (!n && c->in->content->card_count));
	if (facebook_is_story(kind) && *text)
		wire_check_say(c, n, "story-text", "a story has no text; leave it empty on this account (smmq add --text-for)");
	if (n || !title)
		return;
	wire_check_limit(c, n, "title-length", "title", "characters", MAX_TITLE_CHARS, characters(title));
	if (kind != FACEBOOK_VIDEO && kind != FACEBOOK_REEL)
		wire_check_say(c, n, "title", "only a video or a reel has a title");
}

static void check_photos(const struct wire_check *c, size_t n, const struct limits *l, int64_t most)
{
	const struct wire_media_limits photos = { .max_count = most, .max_bytes = l->photo_bytes, .mimes = FACEBOOK_PHOTO_MIMES };

	wire_check_media(c, n, &photos);
}

static void check_video(const struct wire_check *c, size_t n, const struct limits *l, const struct wire_video_limits *own)
{
	const struct wire_media_limits file = { .max_count = 1, .max_bytes = l->video_bytes, .mimes = FACEBOOK_VIDEO_MIMES };
	struct wire_video_limits video = *own;
	const struct part *p = &c->in->content->parts[n];

	if (!video.max_ms)
		video.max_ms = l->video_ms;
	wire_check_media(c, n, &file);
	if (p->media_count && kind_is_video(&p->media[0]))
		wire_check_video(c, n, "media 1", &p->media[0], &video);
}

static void check_part(const struct wire_check *c, size_t n)
{
	const struct limits *l = facebook_wants(c->in, "MediaLimits", "large") ? &large : &safe;
	const struct wire_media_limits cover = { .max_bytes = l->photo_bytes, .mimes = "image/jpeg,image/png" };
	enum facebook_kind kind = facebook_kind(c->in, n);
	const struct content *content = c->in->content;

	check_text(c, n, kind);
	if (kind == FACEBOOK_VIDEO && content->cover_count)
		wire_check_file(c, n, "cover", &content->cover[0], &cover);
	switch (kind) {
	case FACEBOOK_TEXT: break;
	case FACEBOOK_PHOTOS: check_photos(c, n, l, MAX_PHOTOS); break;
	case FACEBOOK_COMMENT: check_photos(c, n, l, 1); break;
	case FACEBOOK_PHOTO_STORY: check_photos(c, n, l, 1); break;
	case FACEBOOK_VIDEO: check_video(c, n, l, &any_video); break;
	case FACEBOOK_REEL: check_video(c, n, l, &reel_video); break;
	case FACEBOOK_VIDEO_STORY: check_video(c, n, l, &story_video); break;
	}
	if (facebook_is_story(kind) && !content->parts[n].media_count)
		wire_check_say(c, n, "story-media", "a story shows one photo or one video; add it");
	if (kind == FACEBOOK_REEL && !content->parts[n].media_count)
		wire_check_say(c, n, "reel-media", "a reel shows one video; add it");
	if (kind == FACEBOOK_COMMENT && facebook_is_story(facebook_kind(c->in, 0)))
		wire_check_say(c, n, "story-comment", "a story takes no comment");
}

/* It stands in addresses. */
static void check_words(const struct wire_check *c)
{
	const char *version = plat_option(c->in->account, "Version"), *page = plat_option(c->in->account, "Page");

	if (version && (*version != 'v' || version[1 + strspn(version + 1, "0123456789.")] || !version[1]))
		wire_check_say(c, 0, "version", "Version= must be like v25.0");
	if (page && page[strspn(page, "0123456789")])
		wire_check_say(c, 0, "page", "Page= must be the Page's number");
}

void facebook_check(const struct plat_in *in, struct plat_report *out)
{
	const struct wire_check c = { .in = in, .out = out, .platform = "facebook" };

	if (!wire_check_begin(&c))
		return;
	check_words(&c);
	for (size_t n = 0; n < out->part_count; n++)
		check_part(&c, n);
}
