/* threads_check.c: preflight by the limits of Threads. Sizes in pixels are no limits there: pictures are scaled. */
#include "daemon/plat/threads.h"

#include <string.h>

#include "daemon/model/text.h"
#include "daemon/plat/kind.h"
#include "daemon/plat/public.h"
#include "daemon/plat/wire.h"

#define MAX_MEDIA 20
#define MAX_ALT_CHARS 1000
#define MAX_LINKS 5
#define MAX_TAG_CHARS 50
#define MIN_CHOICES 2
#define MAX_CHOICES 4

static const struct wire_media_limits image_file = { .max_bytes = 8 * 1024 * 1024, .mimes = "image/jpeg,image/png" };
static const struct wire_media_limits video_file = { .max_bytes = 1024 * 1024 * 1024, .mimes = "video/mp4,video/quicktime" };
static const struct wire_shape_limits image_shape = { .narrowest = { 1, 10 }, .widest = { 10, 1 } };
static const struct wire_video_limits video = {
	.min_ms = 1, .max_ms = 5 * 60 * 1000, .min_frame_milli = 23000, .max_frame_milli = 60000, .video_codecs = "h264,hevc",
	.audio_codecs = "aac", .shape = { .max_width = 1920 },
};

static void check_media(const struct wire_check *c, size_t n)
{
	const struct part *p = &c->in->content->parts[n];

	wire_check_limit(c, n, "media-count", "post", "media files", MAX_MEDIA, (int64_t)p->media_count);
	for (size_t k = 0; k < p->media_count; k++) {
		const struct media *m = &p->media[k];
		const char *what = wire_str(arena_fmt(c->in->arena, "media %zu", k + 1));
		bool moves = kind_is_video(m);

		wire_check_file(c, n, what, m, moves ? &video_file : &image_file);
		if (moves)
			wire_check_video(c, n, what, m, &video);
		else
			wire_check_shape(c, n, what, m, &image_shape);
		what = wire_str(arena_fmt(c->in->arena, "alt text of media %zu", k + 1));
		wire_check_limit(c, n, "alt-length", what, "characters", MAX_ALT_CHARS, text_characters(wire_str(m->alt)));
	}
}

static int64_t links_in(const struct entity *list, size_t count)
{
	int64_t links = 0;

	for (size_t i = 0; i < count; i++)
		links += list[i].kind == ENTITY_URL;
	return links;
}

static void check_text(const struct wire_check *c, size_t n)
{
	const struct plat_in *in = c->in;
	const char *text = threads_text(in, n), *doubts = plat_option(in->account, "DoubtfulLimits");
	struct plat_part_report *r = &c->out->parts[n];
	int64_t used = text_threads_length(text), found;

	*r = (struct plat_part_report){ .limit = THREADS_MAX_CHARS, .bytes = (int64_t)strlen(text), .unit = "characters",
	                                .used = used < 0 ? 0 : used };
	found = text_find(in->arena, text, TEXT_MASTODON, &r->facets);
	r->facet_count = found < 0 ? 0 : (size_t)found;
	if (used < 0 || found < 0)
		wire_check_say(c, n, "text", "text could not be counted");
	wire_check_limit(c, n, "text-length", "text", "characters", r->limit, used);
	wire_check_empty(c, n, text, in->content->parts[n].media_count > 0);
	if (!doubts || strcmp(doubts, "ignore"))
		wire_check_limit(c, n, "links", "text", "links (DoubtfulLimits=ignore lets more pass)", MAX_LINKS,
		                 links_in(r->facets, r->facet_count));
}

static void check_poll(const struct wire_check *c, const struct poll *p)
{
	wire_check_limit(c, 0, "poll-choices", "poll", "choices", MAX_CHOICES, (int64_t)p->choice_count);
	wire_check_least(c, 0, "poll-choices", "poll", "choices", MIN_CHOICES, (int64_t)p->choice_count);
	if (p->multiple)
		wire_check_say(c, 0, "poll-multiple", "a poll takes one choice of each reader here");
	if (p->duration_ms != THREADS_POLL_MS)
		wire_check_say(c, 0, "poll-duration", "a poll runs for one day here; give it a duration of 1d");
	if (c->in->content->parts[0].media_count)
		wire_check_say(c, 0, "poll-media", "a poll stands with a text alone, not with media");
}

static void check_options(const struct wire_check *c)
{
	const struct content *content = c->in->content;
	const char *tag = plat_setting(c->in, "TopicTag"), *quote = content->quote;

	if (tag && *tag) {
		wire_check_limit(c, 0, "topic-length", "topic", "characters", MAX_TAG_CHARS, text_characters(tag));
		if (strpbrk(tag, ".&"))
			wire_check_say(c, 0, "topic", "a topic (TopicTag=) has neither '.' nor '&'");
	}
	if (quote && (!*quote || quote[strspn(quote, "0123456789")]))
		wire_check_say(c, 0, "quote",
		               "a quoted post is told by its id, in digits, as smmq show has it; its web address does not tell the id");
	if (threads_yes(c->in, "GhostPost") && content->parts[0].media_count)
		wire_check_say(c, 0, "ghost", "only a text can vanish after a day (GhostPost=yes)");
}

void threads_check(const struct plat_in *in, struct plat_report *out)
{
	const struct wire_check c = { .in = in, .out = out, .platform = "threads" };
	size_t media = 0;

	if (!wire_check_begin(&c))
		return;
	for (size_t n = 0; n < out->part_count; n++) {
		check_text(&c, n);
		check_media(&c, n);
		media += in->content->parts[n].media_count;
	}
	if (media)
		public_check(&c);
	if (in->content->poll_count)
		check_poll(&c, &in->content->poll[0]);
	check_options(&c);
}
