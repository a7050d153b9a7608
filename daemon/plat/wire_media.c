/* wire_media.c: preflight of pictures and videos by a table of limits. */
#include "daemon/plat/wire.h"

#include <string.h>

static const char *finding_text(const char *text)
{
	return text ? text : "out of memory";
}

bool wire_listed(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (list && *list) {
		const char *comma = strchr(list, ',');
		size_t item = comma ? (size_t)(comma - list) : strlen(list);

		if (item == len && !strncmp(list, word, len))
			return true;
		list = comma ? comma + 1 : NULL;
	}
	return false;
}

void wire_check_least(const struct wire_check *c, size_t n, const char *rule, const char *what, const char *unit,
                      int64_t limit, int64_t value)
{
	const char *name = wire_part_name(c, n);

	if (value >= limit)
		return;
	plat_finding(c->out, rule, limit, value,
	             finding_text(arena_fmt(c->in->arena, "%s: %s%s has %lld %s, the least is %lld", c->platform, wire_str(name),
	                                    what,
	                                    (long long)value, unit, (long long)limit)));
}

/* The file that is looked at, and what it is called. */
struct shown_file { const char *what; const struct media *m; };

/* A rule that needs what nobody has told. */
static void cannot_tell(const struct wire_check *c, size_t n, const char *rule, const struct shown_file *f, const char *of)
{
	const char *why = f->m->unprobed;

	wire_check_say(c, n, rule, finding_text(arena_fmt(c->in->arena, "%s: its %s cannot be told, and the platform limits it%s %s", f->what, of,
	                                                  why ? ":" : ";", why ? why : "install ffprobe and add the file again")));
}

/* Both bounds of a number that may be unknown (0). */
static void check_range(const struct wire_check *c, size_t n, const char *rule, const struct shown_file *f, const char *of,
                        const char *unit, int64_t least, int64_t most, uint64_t value)
{
	const char *name = arena_fmt(c->in->arena, "the %s of %s", of, f->what);
	int64_t number = value > INT64_MAX ? INT64_MAX : (int64_t)value;

	if (!least && !most)
		return;
	if (!value) {
		cannot_tell(c, n, rule, f, of);
		return;
	}
	wire_check_limit(c, n, rule, name ? name : f->what, unit, most, number);
	wire_check_least(c, n, rule, name ? name : f->what, unit, least, number);
}

/* Whether w / h < low.w / low.h, in whole numbers. */
static bool narrower(uint64_t w, uint64_t h, const struct wire_aspect *a)
{
	return w * a->h < h * a->w;
}

void wire_check_shape(const struct wire_check *c, size_t n, const char *what, const struct media *m,
                      const struct wire_shape_limits *l)
{
	bool fits = m->width <= INT32_MAX && m->height <= INT32_MAX, bad;
	const struct wire_aspect *low = &l->narrowest, *high = &l->widest;
	const struct shown_file f = { what, m };

	check_range(c, n, "media-width", &f, "width", "pixels", l->min_width, l->max_width, m->width);
	check_range(c, n, "media-height", &f, "height", "pixels", l->min_height, l->max_height, m->height);
	if (!low->h && !high->h)
		return;
	if (!m->width || !m->height || !fits) {
		cannot_tell(c, n, "media-aspect", &f, "aspect ratio");
		return;
	}
	bad = (low->h && narrower(m->width, m->height, low)) ||
	      (high->h && !narrower(m->width, m->height, high) && m->width * high->h != m->height * high->w);
	if (bad)
		plat_finding(c->out, "media-aspect", 0, 0,
		             finding_text(arena_fmt(c->in->arena,
		                                    "%s: %s%s is %llu x %llu pixels; its width to height must be from %u:%u to %u:%u",
		                                    c->platform, wire_str(wire_part_name(c, n)), what, (unsigned long long)m->width,
		                                    (unsigned long long)m->height, low->w, low->h, high->w, high->h)));
}

static void check_codec(const struct wire_check *c, size_t n, const struct shown_file *f, const char *of, const char *list, const char *codec)
{
	if (!list)
		return;
	if (!codec)
		cannot_tell(c, n, "media-codec", f, of);
	else if (!wire_listed(list, codec))
		wire_check_say(c, n, "media-codec", finding_text(arena_fmt(c->in->arena, "the %s of %s is %s, which is not taken (taken: %s)",
		                                                           of, f->what, codec, list)));
}

void wire_check_video(const struct wire_check *c, size_t n, const char *what, const struct media *m,
                      const struct wire_video_limits *l)
{
	/* Without a video codec nothing was probed: then nobody knows whether there is sound. */
	bool sound = m->audio_codec || !m->video_codec;
	const struct shown_file f = { what, m };

	check_range(c, n, "media-duration", &f, "duration", "ms", l->min_ms, l->max_ms, m->duration_ms < 0 ? 0 : (uint64_t)m->duration_ms);
	check_range(c, n, "media-frames", &f, "frame rate", "frames in 1000 s", l->min_frame_milli, l->max_frame_milli, m->frame_milli);
	check_range(c, n, "media-bit-rate", &f, "bit rate", "bits a second", 0, l->max_bit_rate, m->bit_rate);
	check_codec(c, n, &f, "video codec", l->video_codecs, m->video_codec);
	if (sound) {
		check_codec(c, n, &f, "audio codec", l->audio_codecs, m->audio_codec);
		check_range(c, n, "media-audio", &f, "audio", "channels", 0, l->max_channels, m->audio_channels);
		check_range(c, n, "media-audio", &f, "audio", "Hz", 0, l->max_hz, m->audio_hz);
	}
	wire_check_shape(c, n, what, m, &l->shape);
}
