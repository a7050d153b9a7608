/* threads.c: publishing on Threads: every part is a container (container.h) that is published on its own; the parts of a
 * thread and the first comment are replies. Media are fetched from public addresses. */
#include "daemon/plat/threads.h"

#include <string.h>

#include "daemon/plat/container.h"
#include "daemon/plat/kind.h"
#include "daemon/plat/public.h"
#include "daemon/plat/oauth.h"

#define DAY_MS (24 * 3600 * INT64_C(1000))
#define MINUTE_MS (60 * INT64_C(1000))

enum threads_act { THREADS_NO_TAG = CONTAINER_OWN };

static const struct graph_rule rules[] = {
	{ GRAPH_ANY_CODE, 2207051, 2207051, PLAT_UNKNOWN, GRAPH_BLOCKED, DAY_MS },
	{ GRAPH_ANY_CODE, 2207052, 2207052, PLAT_TRANSIENT, CONTAINER_AGAIN, 0 },
	{ GRAPH_ANY_CODE, 4279013, 4279013, PLAT_AUTH, 0, 0 },
	{ GRAPH_ANY_CODE, 4279071, 4279071, PLAT_PERMANENT, THREADS_NO_TAG, 0 },
	{ 9004, 9004, GRAPH_ANY_SUBCODE, PLAT_TRANSIENT, CONTAINER_AGAIN, 0 },
	{ 24, 24, GRAPH_ANY_SUBCODE, PLAT_TRANSIENT, CONTAINER_LOOK, 0 },
};

static const struct graph graph = {
	.platform = "threads", .host = "https://graph.threads.net", .version = "v1.0",
	.rules = rules, .rule_count = WIRE_COUNT(rules),
};

static const struct graph *the_graph(const struct plat_in *in)
{
	(void)in;
	return &graph;
}

/* ---- content ---- */

const char *threads_text(const struct plat_in *in, size_t n)
{
	const struct part *p = &in->content->parts[n];

	return wire_text(in->arena, in->content, n, p->media_count || !p->text || !*p->text);
}

bool threads_yes(const struct plat_in *in, const char *name)
{
	const char *text = plat_setting(in, name);

	return text && !strcmp(text, "yes");
}

static const char *parent_of(const struct plat_in *in, size_t n)
{
	return n ? plat_get_n(in->values, PLAT_ID, in->content->parts[n].comment ? 0 : n - 1) : NULL;
}

static const char *media_type(const struct plat_in *in, size_t n, size_t k)
{
	const struct media *m = container_media(in, n, k);

	if (m)
		return kind_is_video(m) ? "VIDEO" : "IMAGE";
	return container_is_carousel(in, n) ? "CAROUSEL" : "TEXT";
}

/* {"option_a":"...","option_b":"..."} */
static const char *poll_text(const struct plat_in *in, const struct poll *p)
{
	static const char *const names[] = { "option_a", "option_b", "option_c", "option_d" };
	struct buf b = BUF_INIT(16384);
	struct json_writer w;

	jw_init(&w, &b);
	jw_object(&w, NULL);
	for (size_t i = 0; i < p->choice_count && i < WIRE_COUNT(names); i++)
		jw_str(&w, names[i], p->choices[i].text);
	jw_end(&w);
	return wire_take(&b, in->arena, NULL);
}

static void fill_media(const struct plat_in *in, size_t n, size_t k, struct form *f)
{
	const struct media *m = container_media(in, n, k);

	form_add(f, "media_type", media_type(in, n, k));
	if (m) {
		form_add(f, kind_is_video(m) ? "video_url" : "image_url", container_url(in, n, k));
		form_add(f, "alt_text", m->alt && *m->alt ? m->alt : NULL);
	}
}

/* What belongs to the post as a whole, and so to its first part. */
static void fill_first(const struct plat_in *in, struct form *f)
{
	const struct content *c = in->content;
	const struct part *p = &c->parts[0];

	form_add(f, "link_attachment", c->card_count && !p->media_count ? c->card[0].url : NULL);
	form_add(f, "poll_attachment", c->poll_count ? poll_text(in, &c->poll[0]) : NULL);
	form_add(f, "quote_post_id", c->quote);
	form_add(f, "reply_control", plat_setting(in, "ReplyControl"));
	form_add(f, "topic_tag", plat_get(in->values, "notag") ? NULL : plat_setting(in, "TopicTag"));
	form_add(f, "location_id", plat_setting(in, "Location"));
	form_add(f, "is_ghost_post", threads_yes(in, "GhostPost") ? "true" : NULL);
	form_add(f, "is_spoiler_media", threads_yes(in, "SpoilerMedia") && p->media_count ? "true" : NULL);
}

static void fill(const struct plat_in *in, size_t n, size_t k, struct form *f)
{
	const char *text = threads_text(in, n);

	fill_media(in, n, k, f);
	if (k) {
		form_add(f, "is_carousel_item", "true");
		return;
	}
	form_add(f, "text", *text ? text : NULL);
	form_add(f, "children", container_is_carousel(in, n) ? container_children(in, n) : NULL);
	form_add(f, "reply_to_id", parent_of(in, n));
	if (!n)
		fill_first(in, f);
}

/* ---- looking ---- */

static void list(const struct plat_in *in, size_t n, struct container_list *out)
{
	(void)in;
	*out = (struct container_list){ .path = "/me/threads", .fields = "id,text,timestamp,permalink,media_type,is_quote_post",
	                                .text_field = "text", .since = true };
	if (n)
		*out = (struct container_list){ .path = "/me/replies", .fields = "id,text,timestamp,permalink,media_type,replied_to",
		                                .text_field = "text" };
}

/* What the list does not tell excludes nothing. */
static bool fits(const struct plat_in *in, size_t n, const struct json *entry)
{
	const char *type = json_get_text(entry, "media_type"), *ours = media_type(in, n, 0), *parent = parent_of(in, n);
	const struct json *quotes = json_get(entry, "is_quote_post");
	char digits[24];
	const char *answers = json_get_id(json_get(entry, "replied_to"), "id", digits);

	if (type && strncmp(type, ours, strlen(ours)))
		return false;
	if (parent && answers && strcmp(parent, answers))
		return false;
	return n || json_kind(quotes) != JSON_BOOL || json_true(quotes, false) == (in->content->quote != NULL);
}

static bool mend(const struct plat_in *in, int act)
{
	if (act != THREADS_NO_TAG || plat_get(in->values, "notag"))
		return false;
	plat_set(in->values, "notag", "1");
	return true;
}

static const char *const passing_words[] = { "FAILED_DOWNLOADING_VIDEO", "UNKNOWN", NULL };

static const struct container container = {
	.graph = the_graph,
	.node = "me",
	.create = "threads", .publish = "threads_publish",
	.quota = "threads_publishing_limit", .quota_fields = "quota_usage,config",
	.quota_used = "quota_usage", .quota_total = "config.quota_total",
	.status_fields = "id,status,error_message", .status = "status", .why = "error_message",
	.post_fields = "id,permalink",
	.quick = { 0, 5 * 1000, MINUTE_MS, 30 * 1000, 5 * MINUTE_MS },
	.image = { 3 * 1000, 5 * 1000, MINUTE_MS, 30 * 1000, 5 * MINUTE_MS },
	.video = { 10 * 1000, 10 * 1000, MINUTE_MS, 30 * 1000, 15 * MINUTE_MS },
	.passing_words = passing_words,
	.max_faults = 3,
	.fill = fill,
	.text = threads_text,
	.mend = mend,
	.list = list,
	.fits = fits,
};

/* ---- entry points ---- */

static const struct oauth oauth = {
	.platform = "threads",
	.client_id_name = "client_id",
	.authorize_url = "https://threads.net/oauth/authorize",
	.scope_separator = ",",
	.scopes = "threads_basic threads_content_publish threads_read_replies threads_manage_replies threads_manage_insights "
	          "threads_delete",
	.code = { .url = "https://graph.threads.net/oauth/access_token", .grant_type = "authorization_code" },
	.extend = { .url = "https://graph.threads.net/access_token", .get = true, .grant_type = "th_exchange_token",
	            .token_name = "access_token", .by_access = true, .no_client_id = true },
	.refresh = { .url = "https://graph.threads.net/refresh_access_token", .get = true, .grant_type = "th_refresh_token",
	             .token_name = "access_token", .by_access = true, .no_client = true },
	.life_ms = 60 * DAY_MS,
	.min_age_ms = DAY_MS,
	.passing = graph_passes,
};

static void step(const struct plat_in *in, struct plat_out *out)
{
	container_step(in, out, &container);
}

static void reconcile(const struct plat_in *in, struct plat_out *out)
{
	container_reconcile(in, out, &container);
}

static void who_answer(const struct plat_in *in, struct plat_out *out)
{
	struct graph_answer answer;
	char digits[24];
	const char *id;

	graph_answer_read(in, &answer);
	id = json_get_id(answer.wire.json, "id", digits);
	if (!answer.good || !id || !*id)
		graph_refuse(in, out, &graph, "the question whose token it is", &answer);
	else if (graph_profile(in, out, &graph, id, json_get_text(answer.wire.json, "username")))
		plat_done(out, plat_get(in->account_values, "own_id"), NULL);
	graph_answer_done(&answer);
}

static void session(const struct plat_in *in, struct plat_out *out)
{
	memset(out, 0, sizeof(*out));
	if (!oauth_session(in, out, &oauth)) {
		if (in->response && wire_step_is(in->response_step, "who", NULL))
			who_answer(in, out);
		else
			graph_get(in, out, &graph, "who", "/me", "fields=id,username");
	}
	wire_end(in, out);
}

static const struct plat_option options[] = {
	{ .name = "ReplyControl", .words = "everyone accounts_you_follow mentioned_only parent_post_author_only followers_only",
	  .fallback = "everyone", .help = "Who may reply.", .per_post = true },
	{ .name = "TopicTag", .help = "The topic of the post, 1 to 50 characters without '.' and '&'.", .per_post = true },
	{ .name = "Location", .help = "The id of a place.", .per_post = true },
	{ .name = "SpoilerMedia", .words = "yes no", .fallback = "no",
	  .help = "Whether pictures and videos are covered until a reader wants to see them.", .per_post = true },
	{ .name = "GhostPost", .words = "yes no", .fallback = "no",
	  .help = "Whether a text vanishes after a day.", .per_post = true },
	{ .name = "DoubtfulLimits", .words = "keep ignore", .fallback = "keep",
	  .help = "Whether limits that sources disagree on refuse a post." },
};

static const struct plat_need needs[] = {
	{ "access_token", "token client_id", "holds no access token; write the token alone, or a line access_token=..., or the "
	  "lines client_id= and client_secret= of the app to log in with" },
};

const struct plat plat_threads = {
	.name = "threads",
	.kinds = KIND_BIT(KIND_TEXT) | KIND_BIT(KIND_LINK) | KIND_BIT(KIND_IMAGE) | KIND_BIT(KIND_IMAGES) |
	         KIND_BIT(KIND_VIDEO) | KIND_BIT(KIND_MIXED) | KIND_BIT(KIND_THREAD) | KIND_BIT(KIND_COMMENT) |
	         KIND_BIT(KIND_POLL) | KIND_BIT(KIND_QUOTE) | KIND_BIT(KIND_ALT),
	.options = options,
	.option_count = WIRE_COUNT(options),
	.needs = needs,
	.need_count = WIRE_COUNT(needs),
	.oauth = &oauth,
	.parallel = 1,
	/* 4: 250 posts in 24 hours; replies have 1000 of their own, and are counted here as well. */
	.quota = { .posts = 250, .window_ms = DAY_MS, .slots = 24 },
	.needs_credential = true,
	.settle_ms = 10 * 1000,
	.session_ms = DAY_MS,
	.clean = public_clean,
	.step = step,
	.reconcile = reconcile,
	.session = session,
	.check = threads_check,
};
