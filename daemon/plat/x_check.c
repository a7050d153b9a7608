/* x_check.c: preflight by the contract's limits (4.1, 4.2). Limits of a post are those of the account's subscription, which
 * X applies once more when it is posted; the safe ones are taken unless the options say more. */
#include "daemon/plat/x.h"

#include <string.h>

#include "daemon/model/text.h"
#include "daemon/plat/kind.h"

#define MB (INT64_C(1) << 20)
#define MAX_IMAGES 4
#define ALT_CHARACTERS 1000
#define CHOICE_CHARACTERS 25
#define GIF_FRAMES 350
#define GIF_PIXELS (300 * INT64_C(1000000))

static const struct wire_media_limits image_limits = { .max_bytes = 5 * MB, .mimes = "image/jpeg,image/png,image/webp" };
static const struct wire_media_limits gif_limits = { .max_bytes = 15 * MB };

static int64_t characters(const char *text)
{
	int64_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xC0) != 0x80;
	return count;
}

/* ---- media ---- */

static void check_gif(const struct wire_check *c, size_t n, const char *what, const struct media *m)
{
	bool sane = m->width <= INT16_MAX && m->height <= INT16_MAX && m->duration_ms >= 0 && m->duration_ms < INT32_MAX &&
	            m->frame_milli < INT32_MAX;
	int64_t frames = sane ? m->duration_ms * (int64_t)m->frame_milli / 1000000 : 0;
	int64_t width = sane ? (int64_t)m->width : INT16_MAX, height = sane ? (int64_t)m->height : INT16_MAX;

	wire_check_file(c, n, what, m, &gif_limits);
	wire_check_limit(c, n, "media-width", what, "pixels of width", 1280, width);
	wire_check_limit(c, n, "media-height", what, "pixels of height", 1080, height);
	/* Where they are known; X tells otherwise. */
	wire_check_limit(c, n, "media-frames", what, "frames", GIF_FRAMES, frames);
	wire_check_limit(c, n, "media-pixels", what, "pixels in all frames", GIF_PIXELS, width * height * frames);
}

static void check_video(const struct wire_check *c, size_t n, const char *what, const struct media *m)
{
	const char *kind = plat_get(c->in->account_values, "subscription");
	bool large = x_chosen(c->in, "VideoResolution", "1080p") || (kind && strcmp(kind, "None"));
	/* Upright films turn the sides round. */
	bool upright = m->height > m->width;
	int64_t long_side = large ? 1920 : 1280, short_side = large ? 1200 : 1024;
	const struct wire_media_limits file = { .max_bytes = x_number(c->in, X_MAX_VIDEO_BYTES), .mimes = "video/mp4,video/quicktime" };
	const struct wire_video_limits limits = {
		.min_ms = 500, .max_ms = x_number(c->in, X_MAX_VIDEO_MS), .max_frame_milli = 60000,
		.video_codecs = "h264", .audio_codecs = "aac", .max_channels = 2,
		.shape = { .min_width = 32, .min_height = 32, .max_width = upright ? short_side : long_side,
		           .max_height = upright ? long_side : short_side, .narrowest = { 1, 3 }, .widest = { 3, 1 } },
	};

	wire_check_file(c, n, what, m, &file);
	wire_check_video(c, n, what, m, &limits);
}

static void check_media(const struct wire_check *c, size_t n)
{
	const struct part *p = &c->in->content->parts[n];
	size_t alone = 0;

	wire_check_limit(c, n, "media-count", "post", "media files", MAX_IMAGES, (int64_t)p->media_count);
	for (size_t k = 0; k < p->media_count; k++) {
		const struct media *m = &p->media[k];
		const char *name = arena_fmt(c->in->arena, "media %zu", k + 1), *what = name ? name : "media";
		const char *alt = arena_fmt(c->in->arena, "alt text of media %zu", k + 1);

		alone += x_is_gif(m) || kind_is_video(m);
		if (x_is_gif(m))
			check_gif(c, n, what, m);
		else if (kind_is_video(m))
			check_video(c, n, what, m);
		else
			wire_check_file(c, n, what, m, &image_limits);
		wire_check_limit(c, n, "alt-length", alt ? alt : "alt text", "characters", ALT_CHARACTERS, characters(wire_str(m->alt)));
	}
	if (alone && p->media_count > 1)
		wire_check_say(c, n, "media-alone", "a GIF or a video stands alone: a post has up to 4 images, or one GIF, or one video");
}

/* ---- poll and quote ---- */

static void check_poll(const struct wire_check *c, const struct poll *poll)
{
	wire_check_limit(c, 0, "poll-choices", "poll", "choices", 4, (int64_t)poll->choice_count);
	wire_check_least(c, 0, "poll-choices", "poll", "choices", 2, (int64_t)poll->choice_count);
	wire_check_limit(c, 0, "poll-duration", "poll", "minutes", 10080, poll->duration_ms / 60000);
	wire_check_least(c, 0, "poll-duration", "poll", "minutes", 5, poll->duration_ms / 60000);
	if (poll->multiple)
		wire_check_say(c, 0, "poll-multiple", "a poll allows one choice only");
	for (size_t i = 0; i < poll->choice_count; i++) {
		const char *what = arena_fmt(c->in->arena, "choice %zu of the poll", i + 1), *text = wire_str(poll->choices[i].text);

		wire_check_limit(c, 0, "poll-choice", what ? what : "choice", "characters", CHOICE_CHARACTERS, characters(text));
		wire_check_least(c, 0, "poll-choice", what ? what : "choice", "characters", 1, characters(text));
	}
}

static void check_attached(const struct wire_check *c)
{
	const struct content *content = c->in->content;
	int attached = (content->parts[0].media_count > 0) + (content->poll_count > 0) + (content->quote != NULL);

	if (attached > 1)
		wire_check_say(c, 0, "attached", "media, a poll and a quote exclude each other");
	if (content->poll_count)
		check_poll(c, &content->poll[0]);
	if (content->quote && !x_chosen(c->in, "Quotes", "allow"))
		wire_check_say(c, 0, "quote", "X lets nobody but its Enterprise customers quote through the API; if you are one, set Quotes=allow");
	else if (content->quote && !x_post_id(c->in->arena, content->quote))
		wire_check_say(c, 0, "quote", "what is quoted must be the id of a post, or its address as in https://x.com/NAME/status/ID");
}

/* ---- text ---- */

static bool holds_invalid(const char *text)
{
	return strstr(text, "\xEF\xBB\xBF") || strstr(text, "\xEF\xBF\xBE") || strstr(text, "\xEF\xBF\xBF");
}

static void check_facets(const struct wire_check *c, size_t n, const struct plat_part_report *r)
{
	int64_t cashtags = 0, mentions = 0;

	for (size_t i = 0; i < r->facet_count; i++) {
		cashtags += r->facets[i].kind == ENTITY_TAG && *r->facets[i].value == '$';
		mentions += r->facets[i].kind == ENTITY_MENTION;
	}
	wire_check_limit(c, n, "cashtags", "post", "cashtags", 1, cashtags);
	if (mentions && x_chosen(c->in, "Mentions", "refuse"))
		wire_check_say(c, n, "mentions", "post mentions others, which Mentions=refuse does not allow");
}

static void check_part(const struct wire_check *c, size_t n)
{
	struct arena *a = c->in->arena;
	struct plat_part_report *r = &c->out->parts[n];
	const char *text = x_text(c->in, n);
	int64_t used = text_x_length(a, text), found;

	*r = (struct plat_part_report){
		.limit = x_number(c->in, X_MAX_CHARACTERS), .bytes = (int64_t)strlen(text), .unit = "characters", .used = used < 0 ? 0 : used,
	};
	found = text_find(a, text, TEXT_X, &r->facets);
	r->facet_count = found < 0 ? 0 : (size_t)found;
	if (used < 0 || found < 0)
		wire_check_say(c, n, "text", "text could not be counted");
	wire_check_limit(c, n, "text-length", "text", "characters", r->limit, used);
	wire_check_empty(c, n, text, c->in->content->parts[n].media_count > 0);
	if (holds_invalid(text))
		wire_check_say(c, n, "text-invalid", "text holds a byte order mark (U+FEFF) or another character that X refuses; take it out");
	check_facets(c, n, r);
	check_media(c, n);
}

void x_check(const struct plat_in *in, struct plat_report *out)
{
	const struct wire_check c = { .in = in, .out = out, .platform = "x" };
	const char *option, *wanted;

	if (!wire_check_begin(&c))
		return;
	for (int i = 0; i < X_NUMBER__COUNT; i++) {
		option = x_number_wrong(in, (enum x_number)i, &wanted);
		if (option)
			wire_check_say(&c, 0, "option", wire_str(arena_fmt(in->arena, "%s= must be %s", option, wanted)));
	}
	check_attached(&c);
	for (size_t n = 0; n < out->part_count; n++)
		check_part(&c, n);
}
