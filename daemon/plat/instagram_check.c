/* instagram_check.c: preflight by the limits of Instagram. Sizes in pixels are no limits of pictures: they are scaled. */
#include "daemon/plat/instagram.h"

#include <string.h>

#include "daemon/model/text.h"
#include "daemon/plat/kind.h"
#include "daemon/plat/public.h"
#include "proto/unit.h"

#define MIB (INT64_C(1024) * 1024)
#define MIN_CAROUSEL 2
#define MAX_CAROUSEL 10
#define MAX_TAGGED 20
#define MAX_COLLABORATORS 3
#define VIDEO_MIMES "video/mp4,video/quicktime"

/* How long texts may be; what is in doubt comes with DoubtfulLimits=keep alone. */
struct text_limits { int64_t characters, tags, mentions, links; bool doubtful; };
static const struct text_limits caption = { 2200, 30, 20, 0, false };
static const struct text_limits comment = { 300, 4, 0, 1, true };

static const struct wire_media_limits picture = { .max_bytes = 8 * MIB, .mimes = "image/jpeg" };
static const struct wire_shape_limits feed_shape = { .narrowest = { 4, 5 }, .widest = { 191, 100 } };
static const struct wire_shape_limits any_shape = { .min_width = 0 };

#define VIDEO_RULES .min_frame_milli = 23000, .max_frame_milli = 60000, .max_bit_rate = 25000000, \
	.video_codecs = "h264,hevc", .audio_codecs = "aac", .max_channels = 2, .max_hz = 48000, \
	.shape = { .max_width = 1920, .narrowest = { 1, 100 }, .widest = { 10, 1 } }

struct film { struct wire_media_limits file, doubtful_file; struct wire_video_limits video; };
static const struct film reel = {
	.file = { .max_bytes = 1024 * MIB, .mimes = VIDEO_MIMES }, .doubtful_file = { .max_bytes = 300 * MIB },
	.video = { .min_ms = 3000, .max_ms = 15 * 60 * 1000, VIDEO_RULES },
};
static const struct film story = {
	.file = { .max_bytes = 1024 * MIB, .mimes = VIDEO_MIMES }, .doubtful_file = { .max_bytes = 100 * MIB },
	.video = { .min_ms = 3000, .max_ms = 60 * 1000, VIDEO_RULES },
};

static bool keeps_doubts(const struct plat_in *in)
{
	const char *word = plat_option(in->account, "DoubtfulLimits");

	return !word || strcmp(word, "ignore");
}

/* ---- texts ---- */

static void check_text(const struct wire_check *c, size_t n)
{
	const struct plat_in *in = c->in;
	const struct text_limits *l = in->content->parts[n].comment ? &comment : &caption;
	bool counts = !l->doubtful || keeps_doubts(in);
	const char *text = wire_text(in->arena, in->content, n, true);
	struct plat_part_report *r = &c->out->parts[n];
	int64_t found, of_kind[3] = { 0, 0, 0 };

	*r = (struct plat_part_report){ .limit = counts ? l->characters : 0, .bytes = (int64_t)strlen(text), .unit = "characters",
	                                .used = text_characters(text) };
	found = text_find(in->arena, text, TEXT_MASTODON, &r->facets);
	r->facet_count = found < 0 ? 0 : (size_t)found;
	for (size_t i = 0; i < r->facet_count; i++)
		of_kind[r->facets[i].kind]++;
	if (found < 0)
		wire_check_say(c, n, "text", "text could not be looked through");
	wire_check_limit(c, n, "text-length", l == &comment ? "comment" : "caption", "characters", r->limit, r->used);
	wire_check_limit(c, n, "tags", "text", "hashtags", counts ? l->tags : 0, of_kind[ENTITY_TAG]);
	wire_check_limit(c, n, "mentions", "text", "mentions", counts ? l->mentions : 0, of_kind[ENTITY_MENTION]);
	wire_check_limit(c, n, "links", "text", "links", counts ? l->links : 0, of_kind[ENTITY_URL]);
	if (l == &comment)
		wire_check_empty(c, n, text, false);
}

/* ---- media ---- */

static void check_file(const struct wire_check *c, const struct media *m, size_t k, bool shaped)
{
	const char *what = wire_str(arena_fmt(c->in->arena, "media %zu", k + 1));
	const struct film *film = c->in->content->form == FORM_STORY ? &story : &reel;

	if (!kind_is_video(m)) {
		wire_check_file(c, 0, what, m, &picture);
		wire_check_shape(c, 0, what, m, shaped ? &feed_shape : &any_shape);
		return;
	}
	wire_check_file(c, 0, what, m, &film->file);
	if (keeps_doubts(c->in))
		wire_check_file(c, 0, what, m, &film->doubtful_file);
	wire_check_video(c, 0, what, m, &film->video);
}

static void check_number(const struct wire_check *c)
{
	const struct content *content = c->in->content;
	int64_t count = (int64_t)content->parts[0].media_count;
	bool feed = content->form == FORM_POST;

	if (!count)
		wire_check_say(c, 0, "media-count", "a post is a picture or a video here; add one");
	if (feed && count > 1)
		wire_check_limit(c, 0, "media-count", "carousel", "media files", MAX_CAROUSEL, count);
	if (!feed)
		wire_check_limit(c, 0, "media-count", content->form == FORM_STORY ? "story" : "reel", "media files", 1, count);
	if (content->form == FORM_REEL && count && !kind_is_video(&content->parts[0].media[0]))
		wire_check_say(c, 0, "reel", "a reel is a video");
}

static void check_media(const struct wire_check *c)
{
	const struct content *content = c->in->content;
	const struct part *p = &content->parts[0];
	bool fetched = false;

	check_number(c);
	for (size_t k = 0; k < p->media_count; k++) {
		/* The pictures of a carousel are cropped to the shape of the first. */
		check_file(c, &p->media[k], k, !k && content->form != FORM_STORY);
		fetched = fetched || !kind_is_video(&p->media[k]) || !instagram_sends(c->in);
	}
	if (content->cover_count)
		wire_check_file(c, 0, "the cover", &content->cover[0], &picture);
	if (fetched || content->cover_count)
		public_check(c);
	for (size_t n = 1; n < content->part_count; n++)
		if (content->parts[n].media_count)
			wire_check_say(c, n, "media", "a comment shows no media");
}

/* ---- options ---- */

static void check_tags(const struct wire_check *c, const char *option, bool placed)
{
	static const char in_picture[] = "NAME:X:Y, with the place in the picture from 0 to 1, as in jane:0.5:0.25";
	static const char in_video[] = "names alone for a video";
	const char *list = plat_setting(c->in, option);
	struct instagram_tag t;
	int64_t count = 0;

	for (const char *at = list; at && instagram_next_tag(&at, &t); count++) {
		if (!t.name || (placed && !t.x) || (!placed && t.x)) {
			wire_check_say(c, 0, "tags", wire_str(arena_fmt(c->in->arena, "%s= is a list of %s", option, placed ? in_picture
			                                                                                                    : in_video)));
			break;
		}
	}
	wire_check_limit(c, 0, "tags", option, "entries", MAX_TAGGED, count);
}

static void check_collaborators(const struct wire_check *c)
{
	const char *at = plat_setting(c->in, "Collaborators");
	struct instagram_tag t;
	int64_t count = 0;

	while (at && instagram_next_tag(&at, &t))
		count++;
	if (keeps_doubts(c->in))
		wire_check_limit(c, 0, "collaborators", "Collaborators=", "names", MAX_COLLABORATORS, count);
}

static void check_offset(const struct wire_check *c)
{
	const char *text = plat_setting(c->in, "ThumbOffset");
	const struct part *p = &c->in->content->parts[0];
	int64_t offset_ms;

	if (!text || c->in->content->cover_count)
		return;
	if (unit_duration_parse(text, &offset_ms))
		wire_check_say(c, 0, "thumb-offset", "ThumbOffset= is a time in the video, as in 2500ms");
	else if (p->media_count && p->media[0].duration_ms)
		wire_check_limit(c, 0, "thumb-offset", "ThumbOffset=", "ms", p->media[0].duration_ms, offset_ms);
}

static void check_options(const struct wire_check *c)
{
	bool story_form = c->in->content->form == FORM_STORY, video = instagram_kind(c->in, 0) == INSTAGRAM_REEL;

	if (!story_form) {
		check_tags(c, "UserTags", !video);
		check_tags(c, "ProductTags", !video);
		check_collaborators(c);
	}
	if (video)
		check_offset(c);
	if (plat_setting(c->in, "ProductTags") && !instagram_by_page(c->in))
		wire_check_say(c, 0, "products", "products can be tagged with Login=facebook alone");
}

void instagram_check(const struct plat_in *in, struct plat_report *out)
{
	const struct wire_check c = { .in = in, .out = out, .platform = "instagram" };
	const struct content *content = in->content;
	const char *text = wire_str(content->parts[0].text);

	if (!wire_check_begin(&c))
		return;
	for (size_t n = 0; n < out->part_count; n++)
		check_text(&c, n);
	check_media(&c);
	check_options(&c);
	if (content->form == FORM_STORY && (text[strspn(text, " \t\r\n")] || content->card_count))
		wire_check_say(&c, 0, "story", "a story shows no text and no link");
	if (content->form == FORM_STORY && content->part_count > 1)
		wire_check_say(&c, 0, "story", "a story takes no first comment");
}
