/* facebook.c: publishing to a Facebook Page through the Graph API.
 *
 * A part is: what it shows, sent up unseen (facebook_upload.c); for a text without any a read of the newest post (so that a
 * look after a lost answer knows where to begin); then the one request that makes it public, "post.N". Of a video that only
 * says that it is taken: facebook_status.c waits for it to be shown. Facebook knows no idempotency key, and its answer to that
 * request may be an error although the post was made: whatever is not a clear refusal is looked for (facebook_find.c). */
#include "daemon/plat/facebook.h"

#include <string.h>

#include "daemon/plat/kind.h"

#define TOKEN_URL "https://graph.facebook.com/" GRAPH_VERSION "/oauth/access_token"
#define HOUR_MS (60 * 60 * INT64_C(1000))
#define DAY_MS (24 * HOUR_MS)

static const char *const lasting[] = { PLAT_ID, PLAT_URL, "edge", NULL };

/* ---- the error table (contract 4.2) ---- */

/* The same number comes as a code of its own, or as the subcode of another. */
#define EITHER(low, high, klass, act, pause_ms) \
	{ low, high, GRAPH_ANY_SUBCODE, klass, act, pause_ms }, { GRAPH_ANY_CODE, low, high, klass, act, pause_ms }

static const struct graph_rule rules[] = {
	{ 100, 100, 33, 33, PLAT_PERMANENT, FACEBOOK_GONE, 0 },
	EITHER(506, 506, PLAT_DUPLICATE, 0, 0),
	EITHER(1366051, 1366051, PLAT_DUPLICATE, 0, 0),
	EITHER(1363037, 1363037, PLAT_TRANSIENT, FACEBOOK_OFFSET, 0),
	EITHER(1363019, 1363019, PLAT_TRANSIENT, FACEBOOK_RESTART, 0),
	EITHER(1363021, 1363021, PLAT_TRANSIENT, FACEBOOK_RESTART, 0),
	EITHER(1363030, 1363030, PLAT_TRANSIENT, FACEBOOK_RESTART, 0),
	EITHER(1363033, 1363033, PLAT_TRANSIENT, FACEBOOK_RESTART, 0),
	EITHER(1363041, 1363041, PLAT_TRANSIENT, FACEBOOK_RESTART, 0),
	EITHER(1363045, 1363045, PLAT_TRANSIENT, FACEBOOK_RESTART, 0),
	EITHER(1363005, 1363005, PLAT_AUTH, 0, 0),
	EITHER(1363042, 1363042, PLAT_AUTH, 0, 0),
	EITHER(1404006, 1404006, PLAT_AUTH, 0, 0),
	EITHER(1404078, 1404078, PLAT_AUTH, 0, 0),
	EITHER(4854002, 4854002, PLAT_AUTH, 0, 0),
	EITHER(1390008, 1390008, PLAT_RATE, 0, HOUR_MS),
	EITHER(1609005, 1609005, PLAT_PERMANENT, FACEBOOK_AGAIN, 0),
	EITHER(1363047, 1363047, PLAT_PERMANENT, FACEBOOK_AGAIN, 0),
	EITHER(1609010, 1609010, PLAT_PERMANENT, FACEBOOK_AGAIN, 0),
	EITHER(1363022, 1363026, PLAT_PERMANENT, 0, 0),
	EITHER(1363031, 1363032, PLAT_PERMANENT, 0, 0),
	EITHER(1366046, 1366046, PLAT_PERMANENT, 0, 0),
	EITHER(1346003, 1346003, PLAT_PERMANENT, 0, 0),
	EITHER(1404102, 1404102, PLAT_PERMANENT, 0, 0),
	EITHER(1404112, 1404112, PLAT_PERMANENT, 0, 0),
	EITHER(1609008, 1609008, PLAT_PERMANENT, 0, 0),
	EITHER(2061006, 2061006, PLAT_PERMANENT, 0, 0),
	EITHER(1349125, 1349125, PLAT_PERMANENT, 0, 0),
	EITHER(3910001, 3910001, PLAT_TRANSIENT, 0, 0),
	{ 1705, 1705, GRAPH_ANY_SUBCODE, PLAT_PERMANENT, 0, 0 },
	{ 6000, 6000, GRAPH_ANY_SUBCODE, PLAT_PERMANENT, 0, 0 },
};

#define GRAPH_ROW(where, which) \
	{ .platform = "facebook", .host = where, .version = GRAPH_VERSION, .rules = rules, .rule_count = WIRE_COUNT(rules), .token = which }

const struct graph facebook_login = GRAPH_ROW("https://graph.facebook.com", NULL);
const struct graph facebook_page = GRAPH_ROW("https://graph.facebook.com", "page_token");
const struct graph facebook_video = GRAPH_ROW("https://graph-video.facebook.com", "page_token");

/* ---- what a part is ---- */

enum facebook_kind facebook_kind(const struct plat_in *in, size_t n)
{
	const struct content *c = in->content;
	const struct part *p = &c->parts[n];
	bool video = p->media_count && kind_is_video(&p->media[0]);

	if (n || p->comment)
		return FACEBOOK_COMMENT;
	if (c->form == FORM_STORY)
		return video ? FACEBOOK_VIDEO_STORY : FACEBOOK_PHOTO_STORY;
	if (c->form == FORM_REEL)
		return FACEBOOK_REEL;
	if (video)
		return FACEBOOK_VIDEO;
	return p->media_count ? FACEBOOK_PHOTOS : FACEBOOK_TEXT;
}

bool facebook_is_video(enum facebook_kind kind)
{
	return kind == FACEBOOK_VIDEO || kind == FACEBOOK_REEL || kind == FACEBOOK_VIDEO_STORY;
}

bool facebook_is_story(enum facebook_kind kind)
{
	return kind == FACEBOOK_PHOTO_STORY || kind == FACEBOOK_VIDEO_STORY;
}

const char *facebook_text(const struct plat_in *in, size_t n)
{
	return wire_text(in->arena, in->content, n, facebook_kind(in, n) != FACEBOOK_TEXT);
}

bool facebook_wants(const struct plat_in *in, const char *option, const char *word)
{
	const char *has = plat_option(in->account, option);

	return has && !strcmp(has, word);
}

const char *facebook_edge(const struct plat_in *in, const char *edge)
{
	const char *page = wire_percent(in->arena, plat_get(in->account_values, "own_id"), "");

	return wire_str(arena_fmt(in->arena, "/%s/%s", wire_str(page), edge));
}

const char *facebook_commented(const struct plat_in *in)
{
	const char *edge = plat_get(in->values, "edge");

	return edge ? edge : plat_get_n(in->values, PLAT_ID, 0);
}

bool facebook_ready(const struct plat_in *in)
{
	const char *wanted = plat_option(in->account, "Page"), *own = plat_get(in->account_values, "own_id");

	return graph_ready(in) && plat_get(in->account_values, "page_token") && (!wanted || !own || !strcmp(wanted, own));
}

void facebook_stands(const struct plat_in *in, size_t n, const char *id, const char *url)
{
	id = arena_strdup(in->arena, id);
	url = arena_strdup(in->arena, url);
	plat_set_n(in->values, PLAT_ID, n, id);
	plat_set_n(in->values, PLAT_URL, n, url);
	wire_forget(in->values, lasting);
}

/* ---- the other exchanges ---- */

static void send_before(const struct plat_in *in, struct plat_out *out)
{
	graph_get(in, out, &facebook_page, "before", facebook_edge(in, "published_posts"), "fields=id,created_time&limit=1");
}

static void send_url(const struct plat_in *in, struct plat_out *out)
{
	const char *id = wire_percent(in->arena, plat_get_n(in->values, PLAT_ID, 0), "");

	if (facebook_is_story(facebook_kind(in, 0)))
		graph_get(in, out, &facebook_page, "url.0", facebook_edge(in, "stories"), "status=%5B%22PUBLISHED%22%5D");
	else
		graph_get(in, out, &facebook_page, "url.0", wire_str(arena_fmt(in->arena, "/%s", wire_str(id))), "fields=permalink_url,created_time");
}

static void proceed(const struct plat_in *in, struct plat_out *out)
{
	size_t n = wire_part(in);

	if (n == in->content->part_count && plat_get_n(in->values, PLAT_URL, 0)) {
		wire_all_done(in, out);
		return;
	}
	if (!facebook_ready(in)) {
		out->verdict = PLAT_NEED_SESSION;
		return;
	}
	if (n && !plat_get_n(in->values, PLAT_URL, 0)) {
		send_url(in, out);
		return;
	}
	wire_renew(in, lasting, n);
	if (plat_get(in->values, PLAT_ACCEPTED))
		facebook_await(in, out, n);
	else if (facebook_upload(in, out, n))
		return;
	else if (facebook_kind(in, n) == FACEBOOK_TEXT && !facebook_wants(in, "TwoPhase", "yes") && !plat_get(in->values, "since"))
		send_before(in, out);
	else
		facebook_post(in, out, n);
}

/* ---- the answers ---- */

/* The read bounds a later look by what was there before, which no clock can do. A refusal for good does not keep the post from
 * going out. */
static bool before_answer(const struct plat_in *in, struct plat_out *out)
{
	struct graph_answer answer;
	const struct json *newest;
	char digits[24];
	int64_t ms;

	graph_answer_read(in, &answer);
	newest = json_first(json_get(answer.wire.json, "data"));
	if (answer.good) {
		const char *id = json_get_id(newest, "id", digits), *when = json_get_text(newest, "created_time");

		plat_set(in->values, "since", id ? id : "0");
		if (when && !graph_time_ms(when, &ms))
			plat_set_int(in->values, "since_ms", ms);
	} else {
		graph_refuse(in, out, &facebook_page, "the read before posting", &answer);
		if (out->verdict == PLAT_FAIL && out->klass == PLAT_PERMANENT) {
			*out = (struct plat_out){ .verdict = PLAT_SEND };
			plat_set(in->values, "since", "-");
		}
	}
	graph_answer_done(&answer);
	return out->verdict != PLAT_SEND;
}

static const char *url_in(const struct plat_in *in, const struct json *json)
{
	const char *own = plat_get_n(in->values, PLAT_ID, 0), *id;
	char digits[24];

	if (!facebook_is_story(facebook_kind(in, 0)))
		return json_get_text(json, "permalink_url");
	for (const struct json *s = json_first(json_get(json, "data")); s; s = json_next(s)) {
		id = json_get_id(s, "post_id", digits);
		if (id && !strcmp(id, own))
			return json_get_text(s, "url");
	}
	return NULL;
}

/* The address is good to have: one that is not told does not make what stands a failure. */
static void url_answer(const struct plat_in *in)
{
	const char *id = plat_get_n(in->values, PLAT_ID, 0), *url;
	struct graph_answer answer;

	graph_answer_read(in, &answer);
	url = answer.good ? url_in(in, answer.wire.json) : NULL;
	plat_set_n(in->values, PLAT_URL, 0, url ? url : arena_fmt(in->arena, FACEBOOK_SITE "/%s", id));
	graph_answer_done(&answer);
}

/* True when *out is filled. An answer that belongs to no step of the part under way is too late to matter. */
static bool answered(const struct plat_in *in, struct plat_out *out)
{
	size_t part = wire_part(in), n;

	if (part && wire_step_is(in->response_step, "url", &n) && !plat_get_n(in->values, PLAT_URL, 0))
		url_answer(in);
	if (part == in->content->part_count)
		return false;
	if (wire_step_is(in->response_step, "post", &n))
		return n == part && facebook_post_answer(in, out, n);
	if (wire_step_is(in->response_step, "draft", NULL))
		return facebook_draft_answer(in, out);
	if (wire_step_is(in->response_step, "before", NULL))
		return before_answer(in, out);
	if (wire_step_is(in->response_step, "status", NULL) && plat_get(in->values, PLAT_ACCEPTED))
		return facebook_await_answer(in, out, part);
	return facebook_upload_answer(in, out, part);
}

static void step(const struct plat_in *in, struct plat_out *out)
{
	memset(out, 0, sizeof(*out));
	if (!in->response || !answered(in, out))
		proceed(in, out);
	wire_end(in, out);
}

/* ---- the row ---- */

static const struct plat_option options[] = {
	{ .name = "Page", .help = "The number of the Page to publish to, where the login has several." },
	{ .name = "Version", .fallback = GRAPH_VERSION, .help = "The version of the Graph API." },
	{ .name = "AppSecretProof", .words = "no yes", .fallback = "no",
	  .help = "Whether requests carry a proof by client_secret; needed where the app requires it." },
	{ .name = "MediaLimits", .words = "safe large", .fallback = "safe",
	  .help = "Which of the published limits count: photos of 4 MB and videos of 2 GB and 40 minutes, or 10 MB, 10 GB and 4 hours." },
	{ .name = "VideoUpload", .words = "session handle", .fallback = "session",
	  .help = "How videos go up: in chunks to the Page, or as one file to the app." },
	{ .name = "TemporaryPhotos", .words = "no yes", .fallback = "no", .help = "Whether photos are sent up as temporary ones." },
	{ .name = "TwoPhase", .words = "no yes", .fallback = "no",
	  .help = "Whether a post without a video is made unpublished first and then published." },
	{ .name = "NotFound", .words = "ask repeat", .fallback = "ask",
	  .help = "After a lost answer to a text, a link or photos that three looks do not find: ask a person, or post again." },
};

static const struct plat_need needs[] = {
	{ "access_token", "client_id", "holds neither access_token= nor client_id= and client_secret= to log in with" },
};

const struct oauth facebook_oauth = {
	.platform = "facebook",
	.client_id_name = "client_id",
	.authorize_url = FACEBOOK_SITE "/" GRAPH_VERSION "/dialog/oauth",
	.scope_separator = ",",
	.scopes = "pages_show_list pages_manage_posts pages_read_engagement pages_read_user_content pages_manage_engagement "
	          "read_insights business_management",
	.code = { .url = TOKEN_URL, .get = true },
	.extend = { .url = TOKEN_URL, .get = true, .grant_type = "fb_exchange_token", .token_name = "fb_exchange_token", .by_access = true },
	.refresh = { .url = TOKEN_URL, .get = true, .grant_type = "fb_exchange_token", .token_name = "fb_exchange_token", .by_access = true },
	.life_ms = 60 * DAY_MS,
	.min_age_ms = DAY_MS,
	.passing = graph_passes,
};

const struct plat plat_facebook = {
	.name = "facebook",
	.kinds = KIND_BIT(KIND_TEXT) | KIND_BIT(KIND_LINK) | KIND_BIT(KIND_IMAGE) | KIND_BIT(KIND_IMAGES) | KIND_BIT(KIND_VIDEO) |
	         KIND_BIT(KIND_STORY) | KIND_BIT(KIND_REEL) | KIND_BIT(KIND_COMMENT) | KIND_BIT(KIND_TITLE) | KIND_BIT(KIND_COVER) |
	         KIND_BIT(KIND_ALT),
	.options = options,
	.option_count = WIRE_COUNT(options),
	.needs = needs,
	.need_count = WIRE_COUNT(needs),
	.oauth = &facebook_oauth,
	.parallel = 1,
	/* 4: no number is published; the contract's own policy. */
	.quota = { .posts = 25, .window_ms = DAY_MS, .slots = 24 },
	.needs_credential = true,
	.settle_ms = 15 * 1000,
	.session_ms = DAY_MS,
	.step = step,
	.reconcile = facebook_reconcile,
	.session = facebook_session,
	.check = facebook_check,
};
