/* mastodon_check.c: preflight by the limits that the instance tells (contract, 4.1). */
#include "daemon/plat/mastodon.h"

#include <string.h>

#include "daemon/model/text.h"
#include "daemon/plat/kind.h"

/* Where the instance did not tell. */
static const struct { const char *name; int64_t limit; } defaults[] = {
	{ "max_chars", 500 }, { "url_chars", 23 }, { "max_media", 4 }, { "image_size_limit", 16777216 },
	{ "image_matrix_limit", 33177600 }, { "video_size_limit", 103809024 }, { "video_matrix_limit", 8294400 },
	{ "video_frame_rate_limit", 120 }, { "description_limit", 1500 }, { "poll_options", 4 }, { "poll_chars", 50 },
	{ "poll_min_s", 300 }, { "poll_max_s", 2629746 },
};

static int64_t limit_of(const struct plat_in *in, const char *name)
{
	for (size_t i = 0; i < WIRE_COUNT(defaults); i++)
		if (!strcmp(defaults[i].name, name))
			return plat_get_int(in->account_values, name, defaults[i].limit);
	return 0;
}

static int64_t length_of(const struct wire_check *c, const char *text)
{
	int64_t used = text_mastodon_length(c->in->arena, text, limit_of(c->in, "url_chars"));

	if (used < 0)
		wire_check_say(c, 0, "text", "text could not be counted");
	return used < 0 ? 0 : used;
}

static void check_text(const struct wire_check *c, size_t n)
{
	const struct plat_in *in = c->in;
	const char *text = mastodon_text(in, n), *warning = in->content->warning;
	struct plat_part_report *r = &c->out->parts[n];
	int64_t found;

	*r = (struct plat_part_report){ .limit = limit_of(in, "max_chars"), .bytes = (int64_t)strlen(text), .unit = "characters",
	                                .used = length_of(c, text) };
	if (warning)
		r->used += length_of(c, warning);
	found = text_find(in->arena, text, TEXT_MASTODON, &r->facets);
	r->facet_count = found < 0 ? 0 : (size_t)found;
	if (found < 0)
		wire_check_say(c, n, "text", "text could not be counted");
	wire_check_limit(c, n, "text-length", warning ? "text with its warning" : "text", "characters", r->limit, r->used);
	wire_check_empty(c, n, text, in->content->parts[n].media_count > 0 || (!n && in->content->poll_count > 0));
}

static void check_file(const struct wire_check *c, size_t n, size_t k, const char *mimes)
{
	const struct plat_in *in = c->in;
	const struct media *m = &in->content->parts[n].media[k];
	const char *what = arena_fmt(in->arena, "media %zu", k + 1), *alt = wire_str(m->alt);
	bool video = kind_is_video(m);
	const struct wire_media_limits limits = {
		.mimes = mimes, .max_bytes = limit_of(in, video ? "video_size_limit" : "image_size_limit"),
		.max_pixels = limit_of(in, video ? "video_matrix_limit" : "image_matrix_limit"),
	};

	what = what ? what : "media";
	wire_check_file(c, n, what, m, &limits);
	if (video)
		wire_check_limit(c, n, "video-frame-rate", what, "frames in 1000 seconds", limit_of(in, "video_frame_rate_limit") * 1000,
		                 (int64_t)m->frame_milli);
	what = arena_fmt(in->arena, "alt text of media %zu", k + 1);
	wire_check_limit(c, n, "alt-length", what ? what : "alt text", "characters", limit_of(in, "description_limit"),
	                 text_graphemes(alt, strlen(alt)));
}

static void check_media(const struct wire_check *c, size_t n)
{
	const struct part *p = &c->in->content->parts[n];
	const char *mimes = plat_get(c->in->account_values, "mime_types");
	size_t videos = 0;

	wire_check_limit(c, n, "media-count", "post", "media files", limit_of(c->in, "max_media"), (int64_t)p->media_count);
	for (size_t k = 0; k < p->media_count; k++) {
		videos += kind_is_video(&p->media[k]);
		check_file(c, n, k, mimes ? mimes : MASTODON_MIME_TYPES);
	}
	if (videos && p->media_count > 1)
		wire_check_say(c, n, "media-mixed", "a video stands alone: no other media beside it");
	if (!n && c->in->content->poll_count && p->media_count)
		wire_check_say(c, n, "poll-media", "a poll has no media beside it");
}

static void check_poll(const struct wire_check *c)
{
	const struct poll *poll = c->in->content->poll_count ? c->in->content->poll : NULL;
	int64_t seconds;

	if (!poll)
		return;
	seconds = poll->duration_ms / 1000;
	wire_check_limit(c, 0, "poll-choices", "poll", "choices", limit_of(c->in, "poll_options"), (int64_t)poll->choice_count);
	for (size_t i = 0; i < poll->choice_count; i++) {
		const char *text = wire_str(poll->choices[i].text), *what = arena_fmt(c->in->arena, "choice %zu of the poll", i + 1);

		wire_check_limit(c, 0, "poll-choice-length", what ? what : "a choice", "characters", limit_of(c->in, "poll_chars"),
		                 text_graphemes(text, strlen(text)));
	}
	wire_check_limit(c, 0, "poll-duration", "poll", "seconds", limit_of(c->in, "poll_max_s"), seconds);
	if (seconds < limit_of(c->in, "poll_min_s")) {
		const char *text = arena_fmt(c->in->arena, "poll is open for %lld seconds, the least is %lld", (long long)seconds,
		                             (long long)limit_of(c->in, "poll_min_s"));

		wire_check_say(c, 0, "poll-duration", text ? text : "poll is too short");
	}
}

void mastodon_check(const struct plat_in *in, struct plat_report *out)
{
	const struct wire_check c = { .in = in, .out = out, .platform = "mastodon" };
	const char *wanted = plat_setting(in, "Visibility");

	if (!wire_check_begin(&c))
		return;
	if (wanted && strcmp(wanted, mastodon_visibility(in)))
		wire_check_say(&c, 0, "visibility", "Visibility= must be public, unlisted or private");
	for (size_t n = 0; n < out->part_count; n++) {
		check_text(&c, n);
		check_media(&c, n);
	}
	check_poll(&c);
}
