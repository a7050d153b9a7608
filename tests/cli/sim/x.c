/* x.c: X's API v2: posts, who one is, tokens that refresh once. After the contract's chapters 1, 2 and 4. */
#include "tests/cli/sim/x.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define EPOCH_MS INT64_C(1288834974657)
#define WINDOW_MS (15 * 60 * INT64_C(1000))

struct x_knobs x = { .post_limit = 100, .chunk_limit = 5 * 1024 * 1024 };

void x_problem(struct sim_reply *r, int status, const char *title, const char *kind, const char *detail)
{
	char type[100];

	snprintf(type, sizeof type, kind ? "https://api.x.com/2/problems/%s" : "about:blank", kind);
	sim_answer(r, status, "{\"title\":\"%s\",\"type\":\"%s\",\"status\":%d}", title, type, status);
	sim_set(r->json, "detail", detail);
}

bool x_invalid(struct sim_reply *r, const char *bad)
{
	cJSON *error;

	if (!bad)
		return false;
	x_problem(r, 400, "Invalid Request", "invalid-request", "One or more parameters to your request was invalid.");
	error = cJSON_CreateObject();
	sim_set(error, "message", bad);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(r->json, "errors"), error);
	return true;
}

/* ---- who one is ---- */

static void me(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	(void)s;
	if (x_invalid(r, sim_bad_field(q, "user.fields expansions tweet.fields post.fields")))
		return;
	sim_answer(r, 200, "{\"data\":{\"id\":\"%d\",\"name\":\"Demo\",\"username\":\"demo%d\",\"subscription_type\":\"None\"}}", 700001 + q->account,
		   q->account);
}

/* A secret goes with Authorization: Basic and nowhere else; a client without one names itself in the form. */
static void token(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *authorization = sim_header(q, "Authorization"), *grant = sim_arg(q, "grant_type");
	const struct sim_grant *g;

	if (sim_bad_field(q, "grant_type refresh_token client_id") || (!sim_arg(q, "client_id") == !authorization) ||
	    (authorization && strncmp(authorization, "Basic ", 6) != 0)) {
		sim_answer(r, 401, "{\"error\":\"unauthorized_client\",\"error_description\":\"Missing valid authorization header\"}");
		return;
	}
	g = grant && strcmp(grant, "refresh_token") == 0 ? sim_refresh(s, sim_arg(q, "refresh_token"), true) : NULL;
	if (!g)
		sim_answer(r, 400, "{\"error\":\"invalid_request\",\"error_description\":\"Value passed for the token was invalid.\"}");
	else
		sim_answer(r, 200, "{\"token_type\":\"bearer\",\"expires_in\":7200,\"access_token\":\"%s\",\"refresh_token\":\"%s\","
			   "\"scope\":\"tweet.read tweet.write users.read media.write offline.access\"}", g->access, g->refresh);
}

/* ---- posts ---- */

static int posts_since(struct sim *s, int account, int64_t since_ms)
{
	const cJSON *p;
	int n = 0;

	cJSON_ArrayForEach(p, sim_book(s, "posts"))
		n += sim_number(p, "account") == account && sim_number(p, "received_ms") >= since_ms;
	return n;
}

static int64_t window_ms(void)
{
	return sim_now_ms() / WINDOW_MS * WINDOW_MS;
}

static const char *poll_refused(const cJSON *poll)
{
	int count = cJSON_GetArraySize(cJSON_GetObjectItem(poll, "options"));
	int64_t minutes = sim_number(poll, "duration_minutes");
	const cJSON *v;

	if (!poll)
		return NULL;
	if (sim_bad_member(poll, "options:a duration_minutes:n"))
		return "poll: unknown member";
	if (count < 2 || count > 4 || minutes < 5 || minutes > 10080)
		return "poll: 2 to 4 options, 5 to 10080 minutes";
	cJSON_ArrayForEach(v, cJSON_GetObjectItem(poll, "options"))
		if (!cJSON_IsString(v) || !*v->valuestring || sim_utf16(v->valuestring) > 25)
			return "poll: an option has 1 to 25 characters";
	return NULL;
}

static const char *shape_refused(const cJSON *o)
{
	static const char *const alone[] = { "media", "poll", "quote_tweet_id", "card_uri" };
	const char *settings = sim_text(o, "reply_settings");
	int many = 0;

	if (!cJSON_IsObject(o))
		return "the body is no JSON object";
	if (sim_bad_member(o, "text:s media:o reply:o poll:o reply_settings:s quote_tweet_id:s community_id:s share_with_followers:b made_with_ai:b "
	                      "paid_partnership:b nullcast:b card_uri:s geo:o edit_options:o"))
		return sim_bad_member(o, "text:s media:o reply:o poll:o reply_settings:s");
	if (sim_bad_member(cJSON_GetObjectItem(o, "media"), "media_ids:a tagged_user_ids:a title:s description:s preview_media_id:s") ||
	    sim_bad_member(cJSON_GetObjectItem(o, "reply"), "in_reply_to_tweet_id:s exclude_reply_user_ids:a"))
		return "media or reply: unknown member";
	for (size_t i = 0; i < SIM_COUNT(alone); i++)
		many += cJSON_GetObjectItem(o, alone[i]) != NULL;
	if (many > 1)
		return "media, poll, quote_tweet_id and card_uri exclude each other";
	if (*settings && !strstr("|following|mentionedUsers|subscribers|verified|", settings))
		return "reply_settings";
	return poll_refused(cJSON_GetObjectItem(o, "poll"));
}

static int cashtags(const char *text)
{
	int n = 0;

	for (const char *p = text; (p = strchr(p, '$')) != NULL; p++)
		n += (p == text || p[-1] == ' ') && ((p[1] >= 'A' && p[1] <= 'Z') || (p[1] >= 'a' && p[1] <= 'z'));
	return n;
}

/* A refusal with 403 for what the text, the parent or the media are. */
static const char *content_refused(struct sim *s, struct sim_request *q)
{
	const char *text = sim_text(q->json, "text"), *parent = sim_text(cJSON_GetObjectItem(q->json, "reply"), "in_reply_to_tweet_id");
	const cJSON *ids = sim_at(q->json, "media.media_ids"), *p;
	int weight = sim_weigh(text);

	if (weight < 0 || weight > 280 || strstr(text, "\xEF\xBB\xBF"))
		return "You are not permitted to perform this action.";
	if (cashtags(text) > 1)
		return "A maximum of one cashtag is allowed.";
	if (cJSON_GetObjectItem(q->json, "quote_tweet_id"))
		return "Quoting this post is not allowed because you have not been mentioned or otherwise engaged by the author.";
	if (*parent && sim_find(s, "posts", parent) && !sim_own(s, "posts", parent, q->account))
		return "Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged by the author.";
	cJSON_ArrayForEach(p, sim_book(s, "posts"))
		if (*text && sim_number(p, "account") == q->account && strcmp(sim_text(p, "text"), text) == 0 &&
		    !cJSON_IsTrue(cJSON_GetObjectItem(p, "deleted")))
			return "You are not allowed to create a Tweet with duplicate content.";
	return ids ? x_media_refused(s, q, ids) : NULL;
}

static cJSON *post_add(struct sim *s, struct sim_request *q)
{
	static int serial;
	const cJSON *o = q->json, *v;
	cJSON *p, *keys;
	char id[32], key[40];

	snprintf(id, sizeof id, "%" PRId64, (sim_now_ms() - EPOCH_MS) << 22 | (++serial & 0xFFF));
	p = sim_add(s, "posts", id, q->account);
	sim_set(p, "text", sim_text(o, "text"));
	sim_set(p, "parent", cJSON_GetObjectItem(o, "reply") ? sim_text(cJSON_GetObjectItem(o, "reply"), "in_reply_to_tweet_id") : NULL);
	if (cJSON_GetObjectItem(o, "poll"))
		cJSON_AddItemToObject(p, "poll", cJSON_Duplicate(cJSON_GetObjectItem(o, "poll"), true));
	cJSON_AddItemToObject(p, "media", cJSON_CreateArray());
	keys = cJSON_AddArrayToObject(p, "media_keys");
	cJSON_ArrayForEach(v, sim_at(o, "media.media_ids")) {
		const cJSON *m = sim_find(s, "media", v->valuestring);

		cJSON_AddItemToArray(cJSON_GetObjectItem(p, "media"), cJSON_Duplicate(m, true));
		cJSON_AddItemToArray(keys, cJSON_CreateString(x_media_key(m, key)));
	}
	return p;
}

static void post(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *parent = sim_text(cJSON_GetObjectItem(q->json, "reply"), "in_reply_to_tweet_id"), *why;

	if (x.no_credits) {
		x_problem(r, 402, "Payment Required", "credits-depleted", "credits depleted");
	} else if (posts_since(s, q->account, window_ms()) >= x.post_limit) {
		sim_refuse(s, r, SIM_RATE);
	} else if (x_invalid(r, shape_refused(q->json))) {
		return;
	} else if (!*sim_text(q->json, "text") && !sim_at(q->json, "media.media_ids.0")) {
		x_invalid(r, "text: is missing, and there is no media");
	} else if (*parent && !sim_find(s, "posts", parent)) {
		x_problem(r, 404, "Not Found Error", "resource-not-found", "Could not find tweet with id.");
	} else if ((why = content_refused(s, q)) != NULL) {
		x_problem(r, 403, "Forbidden", NULL, why);
	} else {
		const cJSON *p = post_add(s, q);

		sim_answer(r, 201, "{\"data\":{\"id\":\"%s\",\"edit_history_tweet_ids\":[\"%s\"]}}", sim_text(p, "id"), sim_text(p, "id"));
		sim_set(cJSON_GetObjectItem(r->json, "data"), "text", sim_text(p, "text"));
	}
}

static void delete(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *p = sim_own(s, "posts", q->ids[0], q->account);

	if (!p) {
		sim_refuse(s, r, SIM_NO_ROUTE);
		return;
	}
	cJSON_ReplaceItemInObject(p, "deleted", cJSON_CreateTrue());
	sim_answer(r, 200, "{\"data\":{\"deleted\":true}}");
}

/* ---- the table ---- */

static void headers(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	int64_t reset_ms = r->status == 429 && s->sw.rate_reset_s ? sim_now_ms() + s->sw.rate_reset_s * INT64_C(1000) : window_ms() + WINDOW_MS;
	int left = x.post_limit - posts_since(s, q->account, window_ms());
	bool posts = strcmp(q->path, "/2/tweets") == 0;

	sim_header_add(r, "x-rate-limit-limit", "%d", posts ? x.post_limit : 900);
	sim_header_add(r, "x-rate-limit-remaining", "%d", r->status == 429 ? 0 : posts ? (left > 0 ? left : 0) : 899);
	sim_header_add(r, "x-rate-limit-reset", "%" PRId64, reset_ms / 1000);
}

static const struct sim_route routes[] = {
	{ "POST", "/2/oauth2/token", token, 0 },
	{ "GET", "/2/users/me", me, SIM_TOKEN },
	{ "POST", "/2/tweets", post, SIM_TOKEN | SIM_ACT },
	{ "DELETE", "/2/tweets/*", delete, SIM_TOKEN },
	{ "GET", "/2/users/*/tweets", x_timeline, SIM_TOKEN | SIM_READ },
	{ "POST", "/2/media/upload", x_upload, SIM_TOKEN | SIM_UPLOAD },
	{ "POST", "/2/media/upload/initialize", x_initialize, SIM_TOKEN },
	{ "POST", "/2/media/upload/*/append", x_append, SIM_TOKEN | SIM_UPLOAD },
	{ "POST", "/2/media/upload/*/finalize", x_finalize, SIM_TOKEN },
	{ "GET", "/2/media/upload?command=STATUS", x_status, SIM_TOKEN },
	{ "POST", "/2/media/metadata", x_metadata, SIM_TOKEN },
};

#define KNOB(name) { #name, &x.name }
static const struct sim_knob knobs[] = { KNOB(post_limit), KNOB(chunk_limit), KNOB(lag_ms), KNOB(no_credits) };

#define BLANK(title, status) \
	"{\"title\":\"" title "\",\"detail\":\"" title "\",\"type\":\"about:blank\",\"status\":" status "}"
static const struct sim_words words[SIM_REFUSALS] = {
	[SIM_NO_ROUTE] = { 404, BLANK("Not Found", "404") },
	[SIM_TOO_LARGE] = { 413, "" },
	[SIM_UNAUTHORIZED] = { 401, BLANK("Unauthorized", "401") },
	[SIM_EXPIRED] = { 401, BLANK("Unauthorized", "401") },
	[SIM_FORBIDDEN] = { 403, "{\"title\":\"Client Forbidden\",\"detail\":\"your client app is not configured with the appropriate permissions\","
	                         "\"type\":\"https://api.x.com/2/problems/client-forbidden\",\"status\":403}" },
	[SIM_RATE] = { 429, BLANK("Too Many Requests", "429") },
	[SIM_BUSY] = { 503, BLANK("Service Unavailable", "503") },
	[SIM_BROKEN] = { 500, BLANK("Internal Server Error", "500") },
};

const struct sim_platform sim_x = {
	.name = "x", .routes = routes, .route_count = SIM_COUNT(routes), .knobs = knobs, .knob_count = SIM_COUNT(knobs), .words = words,
	.headers = headers,
};
