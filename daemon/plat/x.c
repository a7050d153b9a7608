/* x.c: publishing through X's API v2.
 *
 * A part is: its media (x_media.c), then POST /2/tweets, which knows no idempotency key: a lost answer is looked for in
 * the account's own timeline (x_find.c), and what is not found is never sent again unasked. X refuses a text that stands
 * already; that tells that an earlier try may have worked, and is looked for in the same way. */
#include "daemon/plat/x.h"

#include <string.h>

#include "daemon/plat/kind.h"
#include "proto/hash.h"
#include "proto/unit.h"

#define HOUR_MS (3600 * INT64_C(1000))
#define LEAST_RATE_MS (60 * INT64_C(1000))

static const char *const lasting[] = { PLAT_ID, PLAT_URL, NULL };
/* What outlives an edit: what was sent before may still turn up. */
static const char *const lasting_of_part[] = { PLAT_ID, PLAT_URL, "sent", "first_ms", "tries", "losses", NULL };

/* The contract's table (4.4). */
static const struct wire_rule rules[] = {
	{ 300, 399, NULL, NULL, PLAT_PERMANENT, 0 },
	{ 401, 401, NULL, NULL, PLAT_AUTH, 0 },
	{ 402, 402, NULL, NULL, PLAT_AUTH, X_CREDITS },
	{ 403, 429, "usage-capped", NULL, PLAT_RATE, X_CAPPED },
	{ 400, 429, "rate-limit-exceeded", NULL, PLAT_RATE, 0 },
	{ 403, 403, NULL, "duplicate content", PLAT_DUPLICATE, 0 },
	{ 403, 403, "client-forbidden", NULL, PLAT_AUTH, 0 },
	{ 403, 403, "unsupported-authentication", NULL, PLAT_AUTH, 0 },
	{ 403, 403, NULL, "not permitted to access this feature", PLAT_AUTH, 0 },
	{ 403, 403, "user-suspended", NULL, PLAT_AUTH, 0 },
	{ 403, 403, "not-authorized-for-resource", NULL, PLAT_AUTH, 0 },
	{ 408, 408, NULL, NULL, PLAT_UNKNOWN, 0 },
	{ 429, 429, NULL, NULL, PLAT_RATE, 0 },
	{ 400, 499, NULL, NULL, PLAT_PERMANENT, 0 },
	{ -1, 999, NULL, NULL, PLAT_TRANSIENT, 0 },
};

/* ---- answers ---- */

void x_answer_read(const struct plat_in *in, struct wire_answer *out)
{
	const struct json *error;
	const char *type, *detail, *more, *slash;
	int64_t code = 0;

	wire_answer_read(in->arena, in->response, out);
	error = json_first(json_get(out->json, "errors"));
	type = json_get_text(out->json, "type");
	detail = json_get_text(out->json, "detail");
	more = json_get_text(error, "message");
	slash = type ? strrchr(type, '/') : NULL;
	if (slash)
		out->name = slash + 1;
	else if (!json_get_int(error, "code", &code) && code == 88)
		out->name = "rate-limit-exceeded";
	if (!detail)
		detail = json_get_text(out->json, "title");
	if (detail && more && strcmp(detail, more))
		detail = arena_fmt(in->arena, "%s: %s", detail, more);
	else if (!detail)
		detail = more;
	if (detail)
		out->message = wire_excerpt(in->arena, detail, strlen(detail), WIRE_EXCERPT_CHARS);
	if (!out->message)
		out->message = "(no text)";
}

/* Limits of a day are told beside the usual ones; the one that is used up decides. */
static int64_t daily_reset_ms(const struct plat_in *in)
{
	static const struct { const char *remaining, *reset; } limits[] = {
		{ "x-user-limit-24hour-remaining", "x-user-limit-24hour-reset" },
		{ "x-app-limit-24hour-remaining", "x-app-limit-24hour-reset" },
	};
	int64_t latest_s = 0, reset_s;

	for (size_t i = 0; i < WIRE_COUNT(limits); i++) {
		const char *left = plat_response_header(in->response, limits[i].remaining);
		const char *reset = plat_response_header(in->response, limits[i].reset);

		if (left && reset && !strcmp(left, "0") && !unit_int_parse(reset, 0, INT64_MAX / 2000, &reset_s) && reset_s > latest_s)
			latest_s = reset_s;
	}
	return latest_s * 1000;
}

static void set_reset(const struct plat_in *in, struct plat_out *out, int act)
{
	int64_t daily = daily_reset_ms(in), least = in->now_ms + LEAST_RATE_MS;

	if (!out->until_ms && act == X_CAPPED)
		out->until_ms = in->now_ms + 24 * HOUR_MS;
	if (daily > in->now_ms && daily <= in->now_ms + 25 * HOUR_MS && daily > out->until_ms)
		out->until_ms = daily;
	if (out->until_ms < least)
		out->until_ms = least;
}

void x_refuse(const struct plat_in *in, struct plat_out *out, const char *what, const struct wire_answer *answer)
{
	const struct wire_rule *rule = wire_rule_find(rules, WIRE_COUNT(rules), answer);
	int act = rule ? rule->act : X_FAIL;

	if (answer->status == 401 && in->values) {
		oauth_rejected(in, out, "x", what, answer);
		return;
	}
	wire_refuse(in, out, "x", what, rule ? rule->klass : PLAT_TRANSIENT, answer);
	if (out->klass == PLAT_RATE)
		set_reset(in, out, act);
	if (act == X_CREDITS)
		out->text = arena_fmt(in->arena, "%s; what waits goes out once credits are bought and the account is released",
		                      wire_str(out->text));
}

void x_refuse_read(const struct plat_in *in, struct plat_out *out, const char *what, const struct wire_answer *answer)
{
	x_refuse(in, out, what, answer);
	if (out->verdict == PLAT_FAIL && (out->klass == PLAT_UNKNOWN || out->klass == PLAT_DUPLICATE))
		out->klass = PLAT_TRANSIENT;
}

/* ---- what the files share ---- */

struct plat_request *x_request(const struct plat_in *in, struct plat_out *out, const char *step, enum plat_effect effect,
                               enum plat_method method, const char *path)
{
	const char *base = in->account->base_url ? in->account->base_url : "https://api.x.com";
	struct plat_request *r = wire_request(out, step, effect, method, arena_fmt(in->arena, "%s%s", base, path));

	oauth_bearer(in, r);
	return r;
}

bool x_ready(const struct plat_in *in)
{
	const char *cred = plat_get(in->account_values, "cred"), *now = wire_credential_print(in);

	return plat_get(in->account_values, "own_id") && cred && now && !strcmp(cred, now) && oauth_fresh(in, 0);
}

const char *x_text(const struct plat_in *in, size_t n)
{
	return wire_text(in->arena, in->content, n, true);
}

const char *x_parent(const struct plat_in *in, size_t n)
{
	if (!n)
		return NULL;
	return plat_get_n(in->values, PLAT_ID, in->content->parts[n].comment ? 0 : n - 1);
}

const char *x_post_id(struct arena *a, const char *text)
{
	static const char digits[] = "0123456789", place[] = "/status/";
	const char *at = strstr(text, place);
	size_t len;

	at = at ? at + strlen(place) : text;
	len = strspn(at, digits);
	if (!len || len > 19 || (at == text && at[len]) || (at[len] && !strchr("/?#", at[len])))
		return NULL;
	return arena_strndup(a, at, len);
}

void x_stands(const struct plat_in *in, size_t n, const char *id)
{
	const char *name = plat_get(in->account_values, "own_name");
	const char *url = arena_fmt(in->arena, "https://x.com/%s/status/%s", name ? name : "i", id);

	id = arena_strdup(in->arena, id);
	plat_set_n(in->values, PLAT_ID, n, id);
	plat_set_n(in->values, PLAT_URL, n, url);
	wire_forget(in->values, lasting);
}

/* ---- the post ---- */

static void write_media(const struct plat_in *in, struct json_writer *w, const struct part *p)
{
	jw_object(w, "media");
	jw_array(w, "media_ids");
	for (size_t k = 0; k < p->media_count; k++)
		jw_str(w, NULL, plat_get_n(in->values, "media", k));
	jw_end(w);
	jw_end(w);
}

static void write_poll(struct json_writer *w, const struct poll *poll)
{
	jw_object(w, "poll");
	jw_array(w, "options");
	for (size_t i = 0; i < poll->choice_count; i++)
		jw_str(w, NULL, poll->choices[i].text);
	jw_end(w);
	jw_int(w, "duration_minutes", poll->duration_ms / 60000);
	jw_end(w);
}

/* What stands with the first part alone. */
static void write_first(const struct plat_in *in, struct json_writer *w)
{
	const struct content *c = in->content;
	const char *replies = plat_setting(in, "ReplySettings");

	if (c->poll_count)
		write_poll(w, &c->poll[0]);
	if (replies && strcmp(replies, "everyone"))
		jw_str(w, "reply_settings", replies);
	if (c->quote)
		jw_str(w, "quote_tweet_id", x_post_id(in->arena, c->quote));
}

static void write_post(const struct plat_in *in, struct json_writer *w, size_t n)
{
	const struct part *p = &in->content->parts[n];
	const char *text = x_text(in, n), *parent = x_parent(in, n);

	jw_object(w, NULL);
	if (*text)
		jw_str(w, "text", text);
	if (p->media_count)
		write_media(in, w, p);
	if (parent) {
		jw_object(w, "reply");
		jw_str(w, "in_reply_to_tweet_id", parent);
		jw_end(w);
	}
	if (!n)
		write_first(in, w);
	if (x_chosen(in, "MadeWithAI", "yes"))
		jw_bool(w, "made_with_ai", true);
	if (x_chosen(in, "PaidPartnership", "yes"))
		jw_bool(w, "paid_partnership", true);
	jw_end(w);
}

/* A fingerprint of the text as it is compared. NULL without memory. */
static const char *text_print(const struct plat_in *in, size_t n)
{
	const char *plain = x_plain(in->arena, x_text(in, n));
	unsigned char hash[HASH_SHA256_BYTES];

	return plain && !hash_sha256(plain, strlen(plain), hash) ? wire_hex(in->arena, hash, 8) : NULL;
}

static void send_post(const struct plat_in *in, struct plat_out *out, size_t n)
{
	struct plat_request *r = x_request(in, out, wire_step_name(in->arena, "post", n), PLAT_ONCE, PLAT_POST, "/2/tweets");
	const char *print = text_print(in, n), *key = plat_get_n(in->values, "key", 0);
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	struct json_writer w;

	plat_set(in->values, "sent", print);
	plat_set_int(in->values, "tries", plat_get_int(in->values, "tries", 0) + 1);
	if (!plat_get(in->values, "first_ms"))
		plat_set_int(in->values, "first_ms", in->steady_ms);
	r->mark = in->content->parts[n].media_count && key ? key : arena_fmt(in->arena, "text %s", wire_str(print));
	jw_init(&w, &b);
	write_post(in, &w, n);
	wire_json_body(r, in->arena, &b);
}

static void repeats_another(const struct plat_in *in, struct plat_out *out, size_t n)
{
	plat_set(in->values, "dup", NULL);
	plat_fail(out, PLAT_PERMANENT, arena_fmt(in->arena, "x refuses part %zu as a duplicate of a post that is not this one: "
	                                         "the same text stands on the account already; change the text", n + 1));
}

static void proceed(const struct plat_in *in, struct plat_out *out)
{
	size_t n = wire_part(in);
	const char *dup;

	if (n == in->content->part_count) {
		wire_all_done(in, out);
		return;
	}
	if (!x_ready(in)) {
		out->verdict = PLAT_NEED_SESSION;
		return;
	}
	wire_renew(in, lasting_of_part, n);
	dup = plat_get(in->values, "dup");
	if (dup && !strcmp(dup, "2")) {
		repeats_another(in, out, n);
		return;
	}
	if (!x_media(in, out, n))
		send_post(in, out, n);
}

/* ---- its answer ---- */

static bool post_answer(const struct plat_in *in, struct plat_out *out, size_t n)
{
	struct wire_answer answer;
	const char *id;
	char digits[24];
	bool good;

	x_answer_read(in, &answer);
	id = json_get_id(json_get(answer.json, "data"), "id", digits);
	good = answer.status >= 200 && answer.status < 300;
	if (good && id && *id) {
		oauth_accepted(in);
		x_stands(in, n, id);
	} else if (good) {
		plat_fail(out, PLAT_UNKNOWN, arena_fmt(in->arena, "x answered %d to the post, but with no post in it: %s", answer.status,
		                                       answer.message));
	} else {
		x_refuse(in, out, "the post", &answer);
		if (out->verdict == PLAT_FAIL && answer.status >= 500)
			out->klass = PLAT_UNKNOWN;
		/* What was sent for the first time repeats another's post, and that one is not to be taken for ours. */
		if (out->verdict == PLAT_FAIL && out->klass == PLAT_DUPLICATE && plat_get_int(in->values, "tries", 1) == 1)
			repeats_another(in, out, n);
		else if (out->verdict == PLAT_FAIL && out->klass == PLAT_DUPLICATE)
			plat_set(in->values, "dup", "1");
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
	if (wire_step_is(in->response_step, "post", &n))
		return n == part && post_answer(in, out, n);
	return x_media_answer(in, out, part);
}

static void step(const struct plat_in *in, struct plat_out *out)
{
	memset(out, 0, sizeof(*out));
	if (!in->response || !answered(in, out))
		proceed(in, out);
	wire_end(in, out);
}

/* ---- the row ---- */

const struct oauth x_oauth = {
	.platform = "x",
	.client_id_name = "client_id",
	.basic = true,
	.authorize_url = "https://x.com/i/oauth2/authorize",
	.scope_separator = " ",
	.scopes = "tweet.read tweet.write users.read media.write offline.access",
	.pkce = true,
	.code = { .url = "https://api.x.com/2/oauth2/token", .grant_type = "authorization_code" },
	.refresh = { .url = "https://api.x.com/2/oauth2/token", .grant_type = "refresh_token", .token_name = "refresh_token" },
	.life_ms = 2 * HOUR_MS,
};

static const struct plat_need needs[] = {
	{ "client_id", "access_token", "holds neither a client_id (with which smmq account login gets tokens) nor an access_token; "
	  "write lines client_id=..., for a confidential client client_secret=..., and where you have them access_token= and refresh_token=" },
};

const struct plat plat_x = {
	.name = "x",
	.kinds = KIND_BIT(KIND_TEXT) | KIND_BIT(KIND_LINK) | KIND_BIT(KIND_IMAGE) | KIND_BIT(KIND_IMAGES) | KIND_BIT(KIND_VIDEO) |
	         KIND_BIT(KIND_THREAD) | KIND_BIT(KIND_COMMENT) | KIND_BIT(KIND_POLL) | KIND_BIT(KIND_QUOTE) | KIND_BIT(KIND_ALT),
	.options = x_options,
	.option_count = X_OPTION_COUNT,
	.needs = needs,
	.need_count = WIRE_COUNT(needs),
	.oauth = &x_oauth,
	.parallel = 1,
	.needs_credential = true,
	/* 4.3: 2400 posts in a day, in slices of half an hour. */
	.quota = { .posts = 2400, .window_ms = 24 * HOUR_MS, .slots = 24, .slot_posts = 100 },
	.settle_ms = 15 * 1000,
	.session_ms = 10 * 60 * 1000,
	.step = step,
	.reconcile = x_reconcile,
	.session = x_session,
	.check = x_check,
};
