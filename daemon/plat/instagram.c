/* instagram.c: publishing on Instagram: pictures, reels, stories and carousels are containers (container.h); a first
 * comment is a request of its own. Media are fetched from public addresses, or, with Upload=send, videos are sent. */
#include "daemon/plat/instagram.h"

#include <string.h>

#include "daemon/plat/container.h"
#include "daemon/plat/kind.h"
#include "daemon/plat/public.h"
#include "proto/unit.h"

#define HOUR_MS (3600 * INT64_C(1000))
#define DAY_MS (24 * HOUR_MS)
#define MINUTE_MS (60 * INT64_C(1000))

/* Subcodes tell more than codes, and belong to one each. */
static const struct graph_rule rules[] = {
	{ GRAPH_ANY_CODE, 2207051, 2207051, PLAT_UNKNOWN, GRAPH_BLOCKED, DAY_MS },
	{ GRAPH_ANY_CODE, 1772107, 1772107, PLAT_UNKNOWN, 0, 0 },
	{ GRAPH_ANY_CODE, 2207042, 2207042, PLAT_RATE, 0, HOUR_MS },
	{ GRAPH_ANY_CODE, 2207003, 2207003, PLAT_TRANSIENT, CONTAINER_AGAIN, 0 },
	{ GRAPH_ANY_CODE, 2207020, 2207020, PLAT_TRANSIENT, CONTAINER_AGAIN, 0 },
	{ GRAPH_ANY_CODE, 2207032, 2207032, PLAT_TRANSIENT, CONTAINER_AGAIN, 0 },
	{ GRAPH_ANY_CODE, 2207052, 2207053, PLAT_TRANSIENT, CONTAINER_AGAIN, 0 },
	{ GRAPH_ANY_CODE, 2207082, 2207082, PLAT_TRANSIENT, CONTAINER_AGAIN, 0 },
	{ GRAPH_ANY_CODE, 2207006, 2207006, PLAT_TRANSIENT, CONTAINER_LOOK, 0 },
	{ GRAPH_ANY_CODE, 2207008, 2207008, PLAT_TRANSIENT, CONTAINER_LOOK, 0 },
	{ GRAPH_ANY_CODE, 2207027, 2207027, PLAT_TRANSIENT, CONTAINER_LOOK, 0 },
	{ GRAPH_ANY_CODE, 2207050, 2207050, PLAT_AUTH, 0, 0 },
	{ GRAPH_ANY_CODE, 2207004, 2207005, PLAT_PERMANENT, 0, 0 },
	{ GRAPH_ANY_CODE, 2207009, 2207010, PLAT_PERMANENT, 0, 0 },
	{ GRAPH_ANY_CODE, 2207023, 2207026, PLAT_PERMANENT, 0, 0 },
	{ GRAPH_ANY_CODE, 2207028, 2207028, PLAT_PERMANENT, 0, 0 },
	{ GRAPH_ANY_CODE, 2207035, 2207040, PLAT_PERMANENT, 0, 0 },
	{ GRAPH_ANY_CODE, 2207057, 2207057, PLAT_PERMANENT, 0, 0 },
	{ GRAPH_ANY_CODE, 2207076, 2207077, PLAT_PERMANENT, 0, 0 },
	{ GRAPH_ANY_CODE, 2207081, 2207081, PLAT_PERMANENT, 0, 0 },
	{ GRAPH_ANY_CODE, 2207085, 2207085, PLAT_PERMANENT, 0, 0 },
	{ 9, 9, GRAPH_ANY_SUBCODE, PLAT_RATE, 0, HOUR_MS },
	{ 24, 24, GRAPH_ANY_SUBCODE, PLAT_TRANSIENT, CONTAINER_LOOK, 0 },
	{ 25, 25, GRAPH_ANY_SUBCODE, PLAT_AUTH, 0, 0 },
	{ 352, 352, GRAPH_ANY_SUBCODE, PLAT_PERMANENT, 0, 0 },
	{ 9004, 9004, GRAPH_ANY_SUBCODE, PLAT_TRANSIENT, CONTAINER_AGAIN, 0 },
	{ 9007, 9007, GRAPH_ANY_SUBCODE, PLAT_TRANSIENT, CONTAINER_LOOK, 0 },
	{ 36000, 36004, GRAPH_ANY_SUBCODE, PLAT_PERMANENT, 0, 0 },
};

static const struct graph graphs[] = {
	{ .platform = "instagram", .host = "https://graph.instagram.com", .version = GRAPH_VERSION,
	  .rules = rules, .rule_count = WIRE_COUNT(rules) },
	{ .platform = "instagram", .host = "https://graph.facebook.com", .version = GRAPH_VERSION,
	  .rules = rules, .rule_count = WIRE_COUNT(rules) },
};

static bool is_word(const char *text, const char *word)
{
	return text && !strcmp(text, word);
}

bool instagram_by_page(const struct plat_in *in)
{
	return is_word(plat_option(in->account, "Login"), "facebook");
}

bool instagram_sends(const struct plat_in *in)
{
	return is_word(plat_option(in->account, "Upload"), "send");
}

const struct graph *instagram_graph(const struct plat_in *in)
{
	return &graphs[instagram_by_page(in)];
}

/* ---- content ---- */

enum instagram_kind instagram_kind(const struct plat_in *in, size_t n)
{
	const struct part *p = &in->content->parts[n];

	if (p->comment)
		return INSTAGRAM_COMMENT;
	if (in->content->form == FORM_STORY)
		return INSTAGRAM_STORY;
	if (p->media_count > 1)
		return INSTAGRAM_CAROUSEL;
	return p->media_count && kind_is_video(&p->media[0]) ? INSTAGRAM_REEL : INSTAGRAM_IMAGE;
}

const char *instagram_text(const struct plat_in *in, size_t n)
{
	return instagram_kind(in, n) == INSTAGRAM_STORY ? "" : wire_text(in->arena, in->content, n, true);
}

static void fill_url(const struct plat_in *in, size_t n, size_t k, struct form *f)
{
	const struct media *m = container_media(in, n, k);

	if (m)
		form_add(f, kind_is_video(m) ? "video_url" : "image_url", container_url(in, n, k));
}

static void fill_alt(const struct plat_in *in, size_t n, size_t k, struct form *f)
{
	const struct media *m = container_media(in, n, k);

	form_add(f, "alt_text", m && kind_is_image(m) && m->alt && *m->alt ? m->alt : NULL);
}

static void fill_reel(const struct plat_in *in, size_t n, struct form *f)
{
	static const struct { const char *word, *strategy; } trials[] = {
		{ "manual", "MANUAL" }, { "performance", "SS_PERFORMANCE" },
	};
	const char *cover = n || !in->content->cover_count ? NULL : public_url(in, 1), *trial = plat_setting(in, "TrialReel");
	const char *offset = plat_setting(in, "ThumbOffset");
	int64_t offset_ms;

	form_add(f, "share_to_feed", is_word(plat_setting(in, "ShareToFeed"), "no") ? "false" : "true");
	form_add(f, "cover_url", cover);
	if (!cover && offset && !unit_duration_parse(offset, &offset_ms))
		form_add_int(f, "thumb_offset", offset_ms);
	form_add(f, "audio_name", plat_setting(in, "AudioName"));
	for (size_t i = 0; trial && i < WIRE_COUNT(trials); i++)
		if (!strcmp(trial, trials[i].word))
			form_add(f, "trial_params", arena_fmt(in->arena, "{\"graduation_strategy\":\"%s\"}", trials[i].strategy));
}

/* What every post of the feed may have. */
static void fill_feed(const struct plat_in *in, size_t n, struct form *f)
{
	const char *text = instagram_text(in, n);

	form_add(f, "caption", *text ? text : NULL);
	form_add(f, "location_id", plat_setting(in, "Location"));
	form_add(f, "user_tags", instagram_tags_json(in, plat_setting(in, "UserTags"), "username"));
	form_add(f, "collaborators", instagram_names_json(in, plat_setting(in, "Collaborators")));
	form_add(f, "product_tags", instagram_tags_json(in, plat_setting(in, "ProductTags"), "product_id"));
}

static void fill_child(const struct plat_in *in, size_t n, size_t k, struct form *f)
{
	const struct media *m = container_media(in, n, k);

	form_add(f, "is_carousel_item", "true");
	form_add(f, "media_type", m && kind_is_video(m) ? "VIDEO" : NULL);
	fill_url(in, n, k, f);
	fill_alt(in, n, k, f);
}

static void fill(const struct plat_in *in, size_t n, size_t k, struct form *f)
{
	static const char *const types[] = {
		[INSTAGRAM_REEL] = "REELS", [INSTAGRAM_STORY] = "STORIES", [INSTAGRAM_CAROUSEL] = "CAROUSEL", [INSTAGRAM_COMMENT] = NULL,
	};
	enum instagram_kind kind = instagram_kind(in, n);

	if (k) {
		fill_child(in, n, k, f);
		return;
	}
	form_add(f, "media_type", types[kind]);
	fill_url(in, n, 0, f);
	if (kind == INSTAGRAM_CAROUSEL)
		form_add(f, "children", container_children(in, n));
	if (kind == INSTAGRAM_IMAGE)
		fill_alt(in, n, 0, f);
	if (kind == INSTAGRAM_REEL)
		fill_reel(in, n, f);
	if (kind != INSTAGRAM_STORY)
		fill_feed(in, n, f);
}

static const char *comments_on(const struct plat_in *in, size_t n)
{
	return in->content->parts[n].comment ? plat_get_n(in->values, PLAT_ID, 0) : NULL;
}

/* ---- looking ---- */

static void list(const struct plat_in *in, size_t n, struct container_list *out)
{
	const char *own = wire_percent(in->arena, plat_get(in->account_values, "own_id"), "");
	enum instagram_kind kind = instagram_kind(in, n);

	if (kind == INSTAGRAM_COMMENT)
		*out = (struct container_list){
			.path = arena_fmt(in->arena, "/%s/comments", wire_str(wire_percent(in->arena, comments_on(in, n), ""))),
			.fields = "id,text,username,timestamp", .text_field = "text",
		};
	else if (kind == INSTAGRAM_STORY)
		*out = (struct container_list){ .path = arena_fmt(in->arena, "/%s/stories", wire_str(own)),
		                                .fields = "id,media_type,timestamp,permalink", .reach_ms = DAY_MS };
	else
		*out = (struct container_list){ .path = arena_fmt(in->arena, "/%s/media", wire_str(own)), .text_field = "caption",
		                                .fields = "id,caption,media_type,media_product_type,permalink,timestamp", .since = true };
}

/* What the list does not tell excludes nothing. */
static bool same(const char *its, const char *ours)
{
	return !its || !ours || !strcmp(its, ours);
}

static bool fits(const struct plat_in *in, size_t n, const struct json *entry)
{
	static const char *const products[] = {
		[INSTAGRAM_IMAGE] = "FEED", [INSTAGRAM_REEL] = "REELS", [INSTAGRAM_STORY] = "STORY", [INSTAGRAM_CAROUSEL] = "FEED",
		[INSTAGRAM_COMMENT] = NULL,
	};
	enum instagram_kind kind = instagram_kind(in, n);
	const struct media *m = container_media(in, n, 0);
	const char *type = kind == INSTAGRAM_CAROUSEL ? "CAROUSEL_ALBUM" : m && kind_is_video(m) ? "VIDEO" : "IMAGE";

	if (kind == INSTAGRAM_COMMENT)
		return same(json_get_text(entry, "username"), plat_get(in->account_values, "own_name"));
	return same(json_get_text(entry, "media_type"), type) && same(json_get_text(entry, "media_product_type"), products[kind]);
}

static const struct container container = {
	.graph = instagram_graph,
	.create = "media", .publish = "media_publish",
	.quota = "content_publishing_limit", .quota_fields = "config,quota_usage",
	.quota_used = "quota_usage", .quota_total = "config.quota_total",
	.status_fields = "status_code,status", .status = "status_code", .why = "status",
	.post_fields = "permalink,timestamp,media_product_type,shortcode",
	.quick = { 2 * 1000, 5 * 1000, MINUTE_MS, 5 * 1000, MINUTE_MS },
	.image = { 2 * 1000, 5 * 1000, MINUTE_MS, 5 * 1000, MINUTE_MS },
	.video = { 10 * 1000, 30 * 1000, MINUTE_MS, 30 * 1000, 15 * MINUTE_MS },
	.max_faults = 3,
	.sends = instagram_sends,
	.upload_domain = ".facebook.com",
	.cover = true,
	.fill = fill,
	.text = instagram_text,
	.comments_on = comments_on,
	.list = list,
	.fits = fits,
};

/* ---- the row ---- */

static void step(const struct plat_in *in, struct plat_out *out)
{
	container_step(in, out, &container);
}

static void reconcile(const struct plat_in *in, struct plat_out *out)
{
	container_reconcile(in, out, &container);
}

static const struct plat_option options[] = {
	{ .name = "Login", .words = "instagram facebook", .fallback = "instagram",
	  .help = "Whether the account logs in by itself, or through the Facebook Page that it is linked to." },
	{ .name = "Page", .help = "The number of that Page." },
	{ .name = "Version", .fallback = GRAPH_VERSION, .help = "The version of the Graph API." },
	{ .name = "AppSecretProof", .words = "no yes", .fallback = "no",
	  .help = "Whether requests carry a proof by client_secret; needed where the app requires it." },
	{ .name = "Upload", .words = "fetch send", .fallback = "fetch",
	  .help = "Whether videos are fetched from a public address, or sent; pictures are always fetched." },
	{ .name = "ShareToFeed", .words = "yes no", .fallback = "yes",
	  .help = "Whether a reel is shown in the feed, too.", .per_post = true },
	{ .name = "ThumbOffset", .help = "The time in a reel whose picture is its cover.", .per_post = true },
	{ .name = "AudioName", .help = "What the sound of a reel is called.", .per_post = true },
	{ .name = "TrialReel", .words = "no manual performance", .fallback = "no",
	  .help = "Whether a reel is first shown to others than followers, and when followers get to see it.", .per_post = true },
	{ .name = "Location", .help = "The id of a place.", .per_post = true },
	{ .name = "Collaborators", .help = "Names of accounts that are asked to share the post as their own.", .per_post = true },
	{ .name = "UserTags", .help = "Names of people in the picture, each with its place: NAME:X:Y.", .per_post = true },
	{ .name = "ProductTags", .help = "Numbers of products in the picture, as UserTags=.", .per_post = true },
	{ .name = "DoubtfulLimits", .words = "keep ignore", .fallback = "keep",
	  .help = "Whether limits that sources disagree on refuse a post." },
};

static const struct plat_need needs[] = {
	{ "access_token", "token client_id", "holds no access token; write the token alone, or a line access_token=..., or the "
	  "lines client_id= and client_secret= of the app to log in with" },
};

const struct plat plat_instagram = {
	.name = "instagram",
	.kinds = KIND_BIT(KIND_IMAGE) | KIND_BIT(KIND_IMAGES) | KIND_BIT(KIND_VIDEO) | KIND_BIT(KIND_MIXED) | KIND_BIT(KIND_STORY) |
	         KIND_BIT(KIND_REEL) | KIND_BIT(KIND_COMMENT) | KIND_BIT(KIND_COVER) | KIND_BIT(KIND_ALT),
	.options = options,
	.option_count = WIRE_COUNT(options),
	.needs = needs,
	.need_count = WIRE_COUNT(needs),
	.oauth = &instagram_oauth,
	.parallel = 1,
	/* What it takes in a day is asked for before each post: sources say 50, and 100. */
	.needs_credential = true,
	.settle_ms = 10 * 1000,
	.session_ms = DAY_MS,
	.step = step,
	.reconcile = reconcile,
	.session = instagram_session,
	.check = instagram_check,
};
