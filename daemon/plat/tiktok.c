/* tiktok.c: publishing through TikTok's Content Posting API.
 *
 * A post is a video, whose bytes are sent (tiktok_put.c) or fetched, or pictures, which are fetched. TikTok is asked first what
 * the profile allows, then told of the post, and gives it a publish_id. The step of effect once is the last bytes of a video that
 * is sent, or what tells of files to be fetched. After that TikTok works on it, and its state is asked for until the post has an
 * id (tiktok_status.c). There is no idempotency key: a lost answer is looked for by the publish_id, or else among the
 * profile's videos (tiktok_find.c). */
#include "daemon/plat/tiktok.h"

#include <string.h>

#include "daemon/plat/kind.h"
#include "daemon/plat/public.h"

#define MINUTE_MS (60 * INT64_C(1000))
#define HOUR_MS (60 * MINUTE_MS)

static const char *const lasting[] = { PLAT_ID, PLAT_URL, PUBLIC_LASTING, NULL };

/* The contract's table (4.3). A profile that may not post is for a person: its items wait, and none is burnt. */
static const struct wire_rule rules[] = {
	{ 300, 399, NULL, NULL, PLAT_PERMANENT, 0 },
	{ -1, 999, "access_token_invalid", NULL, PLAT_AUTH, TIKTOK_TOKEN },
	{ -1, 999, "scope_not_authorized", NULL, PLAT_AUTH, 0 },
	{ -1, 999, "scope_permission_missed", NULL, PLAT_AUTH, 0 },
	{ -1, 999, "spam_risk_user_banned_from_posting", NULL, PLAT_AUTH, 0 },
	{ -1, 999, "spam_risk_too_many_posts", NULL, PLAT_RATE, TIKTOK_DAY },
	{ -1, 999, "spam_risk_too_many_pending_share", NULL, PLAT_RATE, TIKTOK_HOUR },
	{ -1, 999, "reached_active_user_cap", NULL, PLAT_RATE, TIKTOK_DAY_OF_APP },
	{ -1, 999, "rate_limit_exceeded", NULL, PLAT_RATE, TIKTOK_MINUTE },
	{ -1, 999, "invalid_publish_id", NULL, PLAT_PERMANENT, TIKTOK_UNKNOWN_ID },
	{ -1, 999, "token_not_authorized_for_specified_publish_id", NULL, PLAT_PERMANENT, TIKTOK_UNKNOWN_ID },
	{ 401, 401, NULL, NULL, PLAT_AUTH, TIKTOK_TOKEN },
	{ 408, 408, NULL, NULL, PLAT_TRANSIENT, 0 },
	{ 429, 429, NULL, NULL, PLAT_RATE, TIKTOK_MINUTE },
	{ 400, 499, NULL, NULL, PLAT_PERMANENT, 0 },
	{ -1, 999, NULL, NULL, PLAT_TRANSIENT, 0 },
};

/* ---- answers ---- */

void tiktok_answer(const struct plat_in *in, struct wire_answer *out)
{
	const struct json *error;
	const char *code, *message;

	wire_answer_read(in->arena, in->response, out);
	error = json_get(out->json, "error");
	code = json_get_text(error, "code");
	message = json_get_text(error, "message");
	out->name = wire_str(code);
	if (code)
		message = arena_fmt(in->arena, "%s%s%s", code, message && *message ? ": " : "", wire_str(message));
	if (code && message)
		out->message = wire_str(wire_excerpt(in->arena, message, strlen(message), WIRE_EXCERPT_CHARS));
}

bool tiktok_good(const struct wire_answer *answer)
{
	return answer->status >= 200 && answer->status < 300 && !strcmp(answer->name, "ok");
}

const struct wire_rule *tiktok_rule(const struct wire_answer *answer)
{
	const struct wire_rule *rule = wire_rule_find(rules, WIRE_COUNT(rules), answer);

	return rule ? rule : &rules[WIRE_COUNT(rules) - 1];
}

void tiktok_refuse(const struct plat_in *in, struct plat_out *out, const char *what, const struct wire_answer *answer)
{
	static const int64_t wait_ms[] = {
		[TIKTOK_MINUTE] = MINUTE_MS, [TIKTOK_HOUR] = HOUR_MS, [TIKTOK_DAY] = 24 * HOUR_MS, [TIKTOK_DAY_OF_APP] = 24 * HOUR_MS,
	};
	const struct wire_rule *rule = tiktok_rule(answer);

	if (rule->act == TIKTOK_TOKEN && in->values) {
		oauth_rejected(in, out, "tiktok", what, answer);
		return;
	}
	wire_refuse(in, out, "tiktok", what, rule->klass, answer);
	if (rule->klass == PLAT_RATE && out->until_ms < in->now_ms + wait_ms[rule->act])
		out->until_ms = in->now_ms + wait_ms[rule->act];
	if (rule->act == TIKTOK_DAY_OF_APP)
		out->scope = PLAT_APPLICATION;
}

/* ---- what the files share ---- */

struct plat_request *tiktok_request(const struct plat_in *in, struct plat_out *out, const char *step, enum plat_effect effect,
                                    enum plat_method method, const char *path, struct buf *body)
{
	const char *base = in->account->base_url ? in->account->base_url : "https://open.tiktokapis.com", *text;
	struct plat_request *r = wire_request(out, step, effect, method, wire_str(arena_fmt(in->arena, "%s%s", base, path)));
	size_t len;

	oauth_bearer(in, r);
	if (body) {
		text = wire_take(body, in->arena, &len);
		plat_header(r, "Content-Type", "application/json; charset=UTF-8");
		plat_body(r, text, len);
	}
	return r;
}

bool tiktok_ready(const struct plat_in *in)
{
	const char *cred = plat_get(in->account_values, "cred"), *now = wire_credential_print(in);

	return plat_get(in->account_values, "own_id") && cred && now && !strcmp(cred, now) && oauth_fresh(in, 0);
}

bool tiktok_chosen(const struct plat_in *in, const char *name, const char *word)
{
	const char *text = plat_setting(in, name);

	return text && !strcmp(text, word);
}

bool tiktok_is_draft(const struct plat_in *in)
{
	return tiktok_chosen(in, "Mode", "draft");
}

bool tiktok_is_photo(const struct content *c)
{
	return c->parts[0].media_count && kind_is_image(&c->parts[0].media[0]);
}

bool tiktok_fetches(const struct plat_in *in)
{
	return tiktok_is_photo(in->content) || tiktok_chosen(in, "Upload", "fetch");
}

void tiktok_stands(const struct plat_in *in, const char *id, bool public)
{
	const char *name = plat_get(in->values, "creator");

	id = arena_strdup(in->arena, id);
	plat_set_n(in->values, PLAT_ID, 0, id);
	if (public && name)
		plat_set_n(in->values, PLAT_URL, 0, arena_fmt(in->arena, "https://www.tiktok.com/@%s/%s/%s",
		                                              wire_str(wire_percent(in->arena, name, "")),
		                                              tiktok_is_photo(in->content) ? "photo" : "video", wire_str(id)));
	wire_forget(in->values, lasting);
}

void tiktok_forget(const struct plat_in *in)
{
	static const char *const lasting_of_post[] = {
		PLAT_ID, PLAT_URL, PUBLIC_LASTING, "made", "creator", "creator_ms", "forbids", "faults", "put_faults", "reach_faults", "relogin", NULL
	};

	wire_forget(in->values, lasting_of_post);
}

/* ---- step ---- */

static void proceed(const struct plat_in *in, struct plat_out *out)
{
	if (plat_get_n(in->values, PLAT_ID, 0)) {
		wire_all_done(in, out);
	} else if (!tiktok_ready(in)) {
		out->verdict = PLAT_NEED_SESSION;
	} else if (plat_get(in->values, PLAT_ACCEPTED)) {
		tiktok_await(in, out);
	} else {
		wire_renew(in, lasting, 0);
		tiktok_make(in, out);
	}
}

/* True when *out is filled. */
static bool answered(const struct plat_in *in, struct plat_out *out)
{
	const char *step = in->response_step;
	struct wire_answer answer;
	bool filled;
	size_t k;

	if (plat_get_n(in->values, PLAT_ID, 0))
		return false;
	if (wire_step_is(step, "public", &k) || wire_step_is(step, "reach", &k))
		return public_answer(in, out);
	tiktok_answer(in, &answer);
	if (tiktok_good(&answer))
		oauth_accepted(in);
	if (wire_step_is(step, "status", &k) || wire_step_is(step, "list", NULL))
		filled = tiktok_status_answer(in, out, &answer);
	else if (wire_step_is(step, "chunk", &k) || wire_step_is(step, "last", &k))
		filled = tiktok_put_answer(in, out, &answer);
	else
		filled = tiktok_made(in, out, &answer);
	wire_answer_done(&answer);
	return filled;
}

static void step(const struct plat_in *in, struct plat_out *out)
{
	memset(out, 0, sizeof(*out));
	if (!in->response || !answered(in, out))
		proceed(in, out);
	wire_end(in, out);
}

/* ---- the row ---- */

const struct plat_option tiktok_options[TIKTOK_OPTION_COUNT] = {
	{ .name = "Privacy", .words = "public friends followers private",
	  .help = "Who can see the posts; the platform allows no default, so it has to be said here or for each post.", .per_post = true },
	{ .name = "Mode", .words = "post draft", .fallback = "post",
	  .help = "Whether it is posted, or laid into the inbox of the app for a person to finish.", .per_post = true },
	{ .name = "Upload", .words = "send fetch", .fallback = "send",
	  .help = "Whether videos are sent, or fetched from a public address; pictures are always fetched." },
	{ .name = "Comments", .words = "allow forbid", .fallback = "allow", .help = "Whether others may comment.", .per_post = true },
	{ .name = "Duet", .words = "allow forbid", .fallback = "allow", .help = "Whether others may make a duet with the video.", .per_post = true },
	{ .name = "Stitch", .words = "allow forbid", .fallback = "allow", .help = "Whether others may take a piece of the video.", .per_post = true },
	{ .name = "PaidPartnership", .words = "no yes", .fallback = "no", .help = "Tells viewers of a paid partnership.", .per_post = true },
	{ .name = "OwnBrand", .words = "no yes", .fallback = "no", .help = "Tells viewers that it promotes the creator's own brand.", .per_post = true },
	{ .name = "MadeWithAI", .words = "no yes", .fallback = "no", .help = "Tells viewers that the video was made by AI.", .per_post = true },
	{ .name = "Music", .words = "no yes", .fallback = "no", .help = "Whether the platform puts music to pictures.", .per_post = true },
	{ .name = "CoverAt", .help = "The cover: a time in the video, or the number of a picture, from 1.", .per_post = true },
};

static const struct plat_need needs[] = {
	{ "access_token", "token client_id", "holds no access token; write the lines client_id= (the client key) and client_secret= of the app "
	  "to log in with, or lines access_token= and refresh_token= besides" },
};

const struct plat plat_tiktok = {
	.name = "tiktok",
	.kinds = KIND_BIT(KIND_IMAGE) | KIND_BIT(KIND_IMAGES) | KIND_BIT(KIND_VIDEO) | KIND_BIT(KIND_TITLE),
	.options = tiktok_options,
	.option_count = TIKTOK_OPTION_COUNT,
	.needs = needs,
	.need_count = WIRE_COUNT(needs),
	.oauth = &tiktok_oauth,
	/* Moderation takes hours at times; TikTok takes five posts at once. */
	.parallel = 4,
	.needs_credential = true,
	/* 4.2: about 15, all apps together. */
	.quota = { .posts = 15, .window_ms = 24 * HOUR_MS, .slots = 24 },
	.settle_ms = 15 * 1000,
	.session_ms = 24 * HOUR_MS,
	.step = step,
	.reconcile = tiktok_reconcile,
	.session = tiktok_session,
	.clean = public_clean,
	.check = tiktok_check,
};
