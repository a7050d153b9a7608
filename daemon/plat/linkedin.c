/* linkedin.c: posts of a member or an organisation through the versioned REST API, and a first comment.
 *
 * The files of the post first (linkedin_media.c), then POST /rest/posts, which is the one step that cannot be repeated: the
 * platform has no idempotency key, but refuses what it has seen before and names it. What happens after a lost answer is in
 * linkedin_find.c. */
#include "daemon/plat/linkedin.h"

#include <string.h>

#include "daemon/plat/kind.h"
#include "daemon/plat/progress.h"
#include "proto/hash.h"

#define DEFAULT_VERSION "202606"
#define DAY_MS (24 * 3600 * INT64_C(1000))
#define NOT_READY_WAIT_MS (10 * INT64_C(1000))
#define MAX_NOT_READY 30
#define COMMENT_WAIT_MS (15 * INT64_C(1000))
#define MAX_COMMENT_WAITS 4

static const char *const lasting[] = { PLAT_ID, PLAT_URL, NULL };
/* What was sent may still turn up: losses and the duplicate's name outlive an edit. */
static const char *const lasting_of_part[] = { PLAT_ID, PLAT_URL, "losses", "duplicate", NULL };

/* Contract 1.6 and 4.2; name is the platform's code. */
static const struct wire_rule rules[] = {
	{ 300, 399, NULL, NULL, PLAT_PERMANENT, LINKEDIN_FAIL },
	{ 400, 499, "DUPLICATE_POST", NULL, PLAT_DUPLICATE, LINKEDIN_DUPLICATE },
	{ 400, 499, NULL, "duplicate of urn:li:", PLAT_DUPLICATE, LINKEDIN_DUPLICATE },
	{ 400, 400, "MEDIA_ASSET_WAITING_UPLOAD", NULL, PLAT_TRANSIENT, LINKEDIN_NOT_READY },
	{ 400, 400, "MEDIA_ASSET_PROCESSING_FAILED", NULL, PLAT_PERMANENT, LINKEDIN_FAIL },
	{ 400, 400, NULL, "not ready", PLAT_TRANSIENT, LINKEDIN_NOT_READY },
	{ 400, 404, NULL, "Unable to obtain activity", PLAT_TRANSIENT, LINKEDIN_SOON },
	{ 401, 401, NULL, NULL, PLAT_AUTH, LINKEDIN_TOKEN },
	{ 403, 403, NULL, "resource is forbidden", PLAT_TRANSIENT, LINKEDIN_FAIL },
	{ 408, 408, NULL, NULL, PLAT_UNKNOWN, LINKEDIN_FAIL },
	{ 409, 409, NULL, NULL, PLAT_TRANSIENT, LINKEDIN_FAIL },
	/* The operator has to name another version: all items of the account wait. */
	{ 426, 426, NULL, NULL, PLAT_AUTH, LINKEDIN_FAIL },
	{ 429, 429, NULL, "DAY", PLAT_RATE, LINKEDIN_DAY },
	{ 429, 429, NULL, NULL, PLAT_RATE, LINKEDIN_FAIL },
	{ 400, 499, NULL, NULL, PLAT_PERMANENT, LINKEDIN_FAIL },
	{ -1, 999, NULL, NULL, PLAT_TRANSIENT, LINKEDIN_FAIL },
};

/* ---- requests ---- */

const char *linkedin_author(const struct plat_in *in)
{
	return wire_str(plat_get(in->account_values, "own_id"));
}

bool linkedin_ready(const struct plat_in *in)
{
	const char *cred = plat_get(in->account_values, "cred"), *now = wire_credential_print(in);

	return oauth_fresh(in, 60 * 1000) && plat_get(in->account_values, "own_id") && cred && now && !strcmp(cred, now);
}

const char *linkedin_enc(const struct plat_in *in, const char *urn)
{
	return wire_str(wire_percent(in->arena, wire_str(urn), ""));
}

struct plat_request *linkedin_request(const struct plat_in *in, struct plat_out *out, const char *step, enum plat_effect effect,
                                      enum plat_method method, const char *path, const char *restli)
{
	const char *base = in->account->base_url ? in->account->base_url : "https://api.linkedin.com";
	const char *version = plat_option(in->account, "Version");
	struct plat_request *r = wire_request(out, step, effect, method, wire_str(arena_fmt(in->arena, "%s%s", base, path)));

	oauth_bearer(in, r);
	plat_header(r, "LinkedIn-Version", version ? version : DEFAULT_VERSION);
	plat_header(r, "X-Restli-Protocol-Version", "2.0.0");
	plat_header(r, "X-RestLi-Method", restli);
	return r;
}

/* ---- answers ---- */

void linkedin_answer(const struct plat_in *in, struct wire_answer *answer)
{
	const struct json *input;
	const char *code;

	wire_answer_read(in->arena, in->response, answer);
	input = json_first(json_path(answer->json, "errorDetails.inputErrors"));
	code = json_get_text(input, "code");
	if (!code)
		code = json_get_text(answer->json, "code");
	answer->name = wire_str(code);
}

const struct wire_rule *linkedin_rule(const struct wire_answer *answer)
{
	const struct wire_rule *rule = wire_rule_find(rules, WIRE_COUNT(rules), answer);

	return rule ? rule : &rules[WIRE_COUNT(rules) - 1];
}

/* The next midnight of UTC, and up to five seconds of jitter. */
static int64_t next_day_ms(const struct plat_in *in)
{
	return in->now_ms - in->now_ms % DAY_MS + DAY_MS + ((int64_t)in->random[0] << 8 | in->random[1]) % 5000;
}

void linkedin_refuse(const struct plat_in *in, struct plat_out *out, const char *what, const struct wire_answer *answer)
{
	const struct wire_rule *rule = linkedin_rule(answer);

	if (rule->act == LINKEDIN_TOKEN && in->values) {
		oauth_rejected(in, out, "linkedin", what, answer);
		return;
	}
	wire_refuse(in, out, "linkedin", what, rule->klass, answer);
	if (rule->act == LINKEDIN_DAY)
		out->until_ms = next_day_ms(in);
	if (rule->klass == PLAT_RATE && strstr(answer->message, "APPLICATION"))
		out->scope = PLAT_APPLICATION;
	if (answer->status == 426)
		out->text = arena_fmt(in->arena, "linkedin does not serve this version of its interface any more: set Version= in [Platform] (%s)",
		                      answer->message);
}

const char *linkedin_id(const struct plat_in *in)
{
	const char *id = plat_response_header(in->response, "x-restli-id");
	struct buf b = BUF_INIT(4096);

	for (; id && *id; id++) {
		if (!strncasecmp(id, "%3A", 3)) {
			buf_add_char(&b, ':');
			id += 2;
		} else {
			buf_add_char(&b, *id);
		}
	}
	return b.len ? wire_take(&b, in->arena, NULL) : NULL;
}

void linkedin_stands(const struct plat_in *in, size_t n, const char *urn)
{
	urn = arena_strdup(in->arena, urn);
	plat_set_n(in->values, PLAT_ID, n, urn);
	plat_set_n(in->values, PLAT_URL, n, n ? NULL : arena_fmt(in->arena, "https://www.linkedin.com/feed/update/%s/", wire_str(urn)));
	wire_forget(in->values, lasting);
}

/* ---- the post ---- */

static const char *visibility(const struct plat_in *in)
{
	static const struct { const char *word, *text; } words[] = {
		{ "public", "PUBLIC" }, { "connections", "CONNECTIONS" }, { "logged-in", "LOGGED_IN" },
	};
	const char *wanted = plat_setting(in, "Visibility");

	for (size_t i = 0; wanted && i < WIRE_COUNT(words); i++)
		if (!strcmp(words[i].word, wanted))
			return words[i].text;
	return "PUBLIC";
}

static void write_file(const struct plat_in *in, struct json_writer *w, size_t k, const struct media *m)
{
	const char *title = kind_is_image(m) ? "" : wire_str(in->content->title), *alt = kind_is_image(m) ? wire_str(m->alt) : "";

	jw_str(w, "id", plat_get_n(in->values, "asset", k));
	if (*title)
		jw_str(w, "title", title);
	if (*alt)
		jw_str(w, "altText", alt);
	jw_end(w);
}

static void write_article(const struct plat_in *in, struct json_writer *w, const struct card *card)
{
	jw_object(w, "article");
	jw_str(w, "source", card->url);
	jw_str(w, "title", wire_str(card->title));
	if (card->description && *card->description)
		jw_str(w, "description", card->description);
	if (card->thumb_count)
		jw_str(w, "thumbnail", plat_get_n(in->values, "asset", 0));
	jw_end(w);
}

static void write_content(const struct plat_in *in, struct json_writer *w)
{
	const struct part *p = &in->content->parts[0];

	if (!p->media_count && !in->content->card_count)
		return;
	jw_object(w, "content");
	if (p->media_count > 1) {
		jw_object(w, "multiImage");
		jw_array(w, "images");
		for (size_t k = 0; k < p->media_count; k++) {
			jw_object(w, NULL);
			write_file(in, w, k, &p->media[k]);
		}
		jw_end(w);
		jw_end(w);
	} else if (p->media_count) {
		jw_object(w, "media");
		write_file(in, w, 0, &p->media[0]);
	} else {
		write_article(in, w, in->content->card);
	}
	jw_end(w);
}

static const char *text_print(struct arena *a, const char *text)
{
	unsigned char hash[HASH_SHA256_BYTES];

	return hash_sha256(text, strlen(text), hash) ? NULL : wire_hex(a, hash, 8);
}

static void send_post(const struct plat_in *in, struct plat_out *out)
{
	struct plat_request *r = linkedin_request(in, out, wire_step_name(in->arena, "post", 0), PLAT_ONCE, PLAT_POST, "/rest/posts", NULL);
	const char *text = wire_str(linkedin_text(in, 0)), *asset = plat_get_n(in->values, "asset", 0);
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	struct json_writer w;

	r->mark = asset ? asset : wire_part_print(in, 0);
	plat_set(in->values, "sent", text_print(in->arena, text));
	jw_init(&w, &b);
	jw_object(&w, NULL);
	jw_str(&w, "author", linkedin_author(in));
	jw_str(&w, "commentary", text);
	jw_str(&w, "visibility", visibility(in));
	jw_object(&w, "distribution");
	jw_str(&w, "feedDistribution", "MAIN_FEED");
	jw_array(&w, "targetEntities");
	jw_end(&w);
	jw_array(&w, "thirdPartyDistributionChannels");
	jw_end(&w);
	jw_end(&w);
	write_content(in, &w);
	jw_str(&w, "lifecycleState", "PUBLISHED");
	jw_bool(&w, "isReshareDisabledByAuthor", false);
	jw_end(&w);
	wire_json_body(r, in->arena, &b);
}

static void send_comment(const struct plat_in *in, struct plat_out *out, size_t n)
{
	const char *post = plat_get_n(in->values, PLAT_ID, 0);
	const char *path = arena_fmt(in->arena, "/rest/socialActions/%s/comments", linkedin_enc(in, post));
	struct plat_request *r = linkedin_request(in, out, wire_step_name(in->arena, "comment", n), PLAT_ONCE, PLAT_POST, wire_str(path), NULL);
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	struct json_writer w;

	r->mark = wire_part_print(in, n);
	jw_init(&w, &b);
	jw_object(&w, NULL);
	jw_str(&w, "actor", linkedin_author(in));
	jw_str(&w, "object", post);
	jw_object(&w, "message");
	jw_str(&w, "text", linkedin_text(in, n));
	jw_end(&w);
	jw_end(&w);
	wire_json_body(r, in->arena, &b);
}

static void proceed(const struct plat_in *in, struct plat_out *out)
{
	size_t n = wire_part(in);

	if (n == in->content->part_count) {
		wire_all_done(in, out);
		return;
	}
	if (!linkedin_ready(in)) {
		out->verdict = PLAT_NEED_SESSION;
		return;
	}
	wire_renew(in, lasting_of_part, n);
	if (n)
		send_comment(in, out, n);
	else if (!linkedin_media(in, out))
		send_post(in, out);
}

/* ---- the answers ---- */

/* "Content is a duplicate of urn:li:share:7141": the earlier post. */
static void keep_duplicate(const struct plat_in *in, const struct wire_answer *answer)
{
	const char *at = strstr(answer->message, "urn:li:");

	if (at)
		plat_set(in->values, "duplicate", arena_strndup(in->arena, at, strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_")));
}

static void refused(const struct plat_in *in, struct plat_out *out, size_t n, const struct wire_answer *answer)
{
	const struct wire_rule *rule = linkedin_rule(answer);
	const char *what = n ? "the comment" : "the post";

	if (answer->status >= 200 && answer->status < 300) {
		plat_fail(out, PLAT_UNKNOWN, arena_fmt(in->arena, "linkedin answered %d to %s, but without its id", answer->status, what));
		return;
	}
	linkedin_refuse(in, out, what, answer);
	if (rule->act == LINKEDIN_DUPLICATE) {
		keep_duplicate(in, answer);
		/* Without a try that was lost it is somebody else's, or an older one of ours. */
		if (!plat_get(in->values, "losses"))
			out->klass = PLAT_PERMANENT;
	} else if (rule->act == LINKEDIN_NOT_READY && !fault_count(in, "not_ready", MAX_NOT_READY)) {
		plat_wait(out, in->now_ms + NOT_READY_WAIT_MS);
	} else if (rule->act == LINKEDIN_NOT_READY) {
		out->klass = PLAT_PERMANENT;
	} else if (rule->act == LINKEDIN_SOON && n && !fault_count(in, "comment_waits", MAX_COMMENT_WAITS)) {
		plat_wait(out, in->now_ms + COMMENT_WAIT_MS);
	}
}

static bool post_answer(const struct plat_in *in, struct plat_out *out, size_t n)
{
	struct wire_answer answer;
	const char *id = linkedin_id(in);

	linkedin_answer(in, &answer);
	if (answer.status >= 200 && answer.status < 300 && id) {
		oauth_accepted(in);
		linkedin_stands(in, n, id);
	} else {
		refused(in, out, n, &answer);
	}
	wire_answer_done(&answer);
	return out->verdict != PLAT_SEND;
}

/* True when *out is filled. An answer that belongs to no step of the part under way is too late to matter. */
static bool answered(const struct plat_in *in, struct plat_out *out)
{
	size_t part = wire_part(in), n;

	if (part == in->content->part_count)
		return false;
	if (wire_step_is(in->response_step, "post", &n) || wire_step_is(in->response_step, "comment", &n))
		return n == part && post_answer(in, out, n);
	return !part && linkedin_media_answer(in, out);
}

static void step(const struct plat_in *in, struct plat_out *out)
{
	memset(out, 0, sizeof(*out));
	if (!in->response || !answered(in, out))
		proceed(in, out);
	wire_end(in, out);
}

static const struct plat_option options[] = {
	{ .name = "Author", .help = "Who posts: urn:li:organization:N, or the member whose token it is." },
	{ .name = "Version", .fallback = DEFAULT_VERSION, .help = "The version of the interface, YYYYMM; each lives about a year." },
	{ .name = "Visibility", .words = "public connections logged-in", .fallback = "public", .help = "Who can see the posts.", .per_post = true },
	{ .name = "EscapeHashtags", .words = "no yes", .fallback = "no", .help = "Whether the # of hashtags is escaped too." },
	{ .name = "RetryAfterReconcile", .words = "yes no", .fallback = "yes",
	  .help = "Whether a post whose answer was lost, and which three looks did not find, is sent once more; the platform refuses duplicates." },
	{ .name = "BlindRetry", .words = "no yes", .fallback = "no",
	  .help = "The same where the token may not read the author's posts: the platform's refusal of duplicates is the only guard." },
};

static const struct plat_need needs[] = {
	{ "access_token", "token client_id", "holds no access token; write a line access_token=..., or the lines client_id= and client_secret= of "
	  "the app to log in with" },
};

const struct plat plat_linkedin = {
	.name = "linkedin",
	.kinds = KIND_BIT(KIND_TEXT) | KIND_BIT(KIND_LINK) | KIND_BIT(KIND_IMAGE) | KIND_BIT(KIND_IMAGES) | KIND_BIT(KIND_VIDEO) |
	         KIND_BIT(KIND_DOCUMENT) | KIND_BIT(KIND_COMMENT) | KIND_BIT(KIND_TITLE) | KIND_BIT(KIND_ALT),
	.needs = needs,
	.need_count = WIRE_COUNT(needs),
	.options = options,
	.option_count = WIRE_COUNT(options),
	.oauth = &linkedin_oauth,
	.parallel = 1,
	.needs_credential = true,
	.settle_ms = 20 * 1000,
	.session_ms = DAY_MS,
	.step = step,
	.reconcile = linkedin_reconcile,
	.session = linkedin_session,
	.check = linkedin_check,
};
