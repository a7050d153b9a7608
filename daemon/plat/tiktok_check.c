/* tiktok_check.c: preflight by the contract's limits (4.1) and the rules of its posting (2.1). What the profile itself allows is
 * asked for before each post. */
#include "daemon/plat/tiktok.h"

#include <string.h>

#include "daemon/plat/kind.h"
#include "daemon/plat/public.h"

#define VIDEO_TEXT_MAX 2200
#define TITLE_MAX 90
#define PHOTO_TEXT_MAX 4000
#define IMAGES_MAX 35
#define IMAGE_MAX_BYTES (20 * INT64_C(1000000))
#define VIDEO_MAX_BYTES (4 * INT64_C(1000000000))
#define VIDEO_MAX_MS (600 * INT64_C(1000))

/* Characters of four bytes are two units; all others one. */
int64_t tiktok_length(const char *text)
{
	int64_t units = 0;

	for (; *text; text++)
		units += ((unsigned char)*text & 0xc0) == 0x80 ? 0 : (unsigned char)*text >= 0xf0 ? 2 : 1;
	return units;
}

static void check_image(const struct wire_check *c, const char *what, const struct media *m)
{
	static const struct wire_media_limits file = { .mimes = "image/jpeg,image/webp", .max_bytes = IMAGE_MAX_BYTES };
	/* "At most 1080p": either way round. */
	bool upright = m->height > m->width;
	const struct wire_shape_limits shape = { .max_width = upright ? 1080 : 1920, .max_height = upright ? 1920 : 1080 };

	wire_check_file(c, 0, what, m, &file);
	wire_check_shape(c, 0, what, m, &shape);
}

static void check_video(const struct wire_check *c, const char *what, const struct media *m)
{
	static const struct wire_media_limits file = { .mimes = "video/mp4,video/quicktime,video/webm", .max_bytes = VIDEO_MAX_BYTES };
	static const struct wire_video_limits limits = {
		.max_ms = VIDEO_MAX_MS, .min_frame_milli = 23000, .max_frame_milli = 60000, .video_codecs = "h264,hevc,vp8,vp9",
		.shape = { .min_width = 360, .max_width = 4096, .min_height = 360, .max_height = 4096 },
	};

	wire_check_file(c, 0, what, m, &file);
	wire_check_video(c, 0, what, m, &limits);
}

static void check_media(const struct wire_check *c)
{
	const struct part *p = &c->in->content->parts[0];

	for (size_t k = 0; k < p->media_count; k++) {
		const char *name = arena_fmt(c->in->arena, "media %zu", k + 1);

		if (kind_is_image(&p->media[k]))
			check_image(c, name ? name : "media", &p->media[k]);
		else if (kind_is_video(&p->media[k]))
			check_video(c, name ? name : "media", &p->media[k]);
	}
	wire_check_limit(c, 0, "media-count", "post", "pictures", IMAGES_MAX, (int64_t)p->media_count);
	if (p->media_count && tiktok_fetches(c->in))
		public_check(c);
}

static void check_words(const struct wire_check *c, bool photo)
{
	const struct content *content = c->in->content;
	const char *text = wire_str(content->parts[0].text);
	int64_t limit = photo ? PHOTO_TEXT_MAX : VIDEO_TEXT_MAX;

	c->out->parts[0] = (struct plat_part_report){ .limit = limit, .used = tiktok_length(text), .bytes = (int64_t)strlen(text),
	                                              .unit = "UTF-16 units" };
	wire_check_limit(c, 0, "text-length", "text", "UTF-16 units", limit, tiktok_length(text));
	if (content->title && photo)
		wire_check_limit(c, 0, "title-length", "title", "UTF-16 units", TITLE_MAX, tiktok_length(content->title));
	else if (content->title)
		wire_check_say(c, 0, "title", "only a post of pictures has a title; a video has its text");
	if (content->card_count)
		wire_check_say(c, 0, "link", "a post has no link; write the address into the text, where it cannot be followed by a click");
}

static void check_settings(const struct wire_check *c, bool photo)
{
	const struct plat_in *in = c->in;

	if (!tiktok_is_draft(in) && !tiktok_privacy(in))
		wire_check_say(c, 0, "privacy", "the platform allows no default for who can see a post: set Privacy= in [Platform], or --set Privacy=public "
		               "(or friends, followers, private) with the post");
	if (tiktok_chosen(in, "Privacy", "private") && tiktok_chosen(in, "PaidPartnership", "yes"))
		wire_check_say(c, 0, "partnership", "a paid partnership cannot be told of in a private post");
	if ((photo ? tiktok_cover_index(in) : tiktok_cover_ms(in)) < 0)
		wire_check_say(c, 0, "cover", photo ? "CoverAt= must be the number of one of the pictures, from 1"
		                                    : "CoverAt= must be a time in the video, as in 1500ms");
	else if (!photo && in->content->parts[0].media_count && tiktok_cover_ms(in) > in->content->parts[0].media[0].duration_ms &&
	         in->content->parts[0].media[0].duration_ms > 0)
		wire_check_say(c, 0, "cover", "CoverAt= is later than the end of the video");
}

void tiktok_check(const struct plat_in *in, struct plat_report *out)
{
	const struct wire_check c = { .in = in, .out = out, .platform = "tiktok" };
	bool photo = tiktok_is_photo(in->content);

	if (!wire_check_begin(&c))
		return;
	for (size_t n = 1; n < out->part_count; n++)
		out->parts[n] = (struct plat_part_report){ .unit = "UTF-16 units" };
	check_words(&c, photo);
	check_media(&c);
	if (in->content->parts[0].media_count)
		check_settings(&c, photo);
}
