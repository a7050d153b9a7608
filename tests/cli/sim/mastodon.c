/* mastodon.c: the statuses part of a Mastodon instance: making one under an idempotency key, reading, deleting. The order of the
 * checks is the real server's: parent, then key, then media and text, so that a repeat with a known key is answered before
 * anything else can fail. */
#include "tests/cli/sim/mastodon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_LIFE_MS (3600 * INT64_C(1000))
#define ATTACH_MAX 16

struct mastodon_knobs mastodon = {
	.overlap_503 = 1, .max_characters = 500, .url_characters = 23, .max_media = 4, .description_limit = 1500, .image_size_limit = 16777216,
	.rate_left = 300,
};

void mastodon_error(struct sim_reply *r, int status, const char *text)
{
	sim_answer(r, status, "{}");
	sim_set(r->json, "error", text);
}

static void add_attachments(struct sim *s, const cJSON *status, cJSON *o)
{
	cJSON *list = cJSON_AddArrayToObject(o, "media_attachments"), *shown;

	cJSON_ArrayForEach(shown, cJSON_GetObjectItem(status, "media")) {
		const cJSON *m = sim_find(s, "media", sim_text(shown, "id"));
		cJSON *one = cJSON_CreateObject();

		sim_set(one, "id", sim_text(m, "id"));
		sim_set(one, "type", "image");
		sim_set(one, "description", sim_text(m, "description"));
		cJSON_AddItemToArray(list, one);
	}
}

static cJSON *status_json(struct sim *s, const cJSON *status)
{
	static const char *const same[] = { "id", "visibility", "spoiler_text", "language", "in_reply_to_id" };
	static const char *const counts[] = { "replies_count", "reblogs_count", "favourites_count", "quotes_count" };
	int64_t ms = sim_number(status, "received_ms");
	cJSON *o = cJSON_CreateObject();
	char text[80], day[24];

	for (size_t i = 0; i < SIM_COUNT(same); i++)
		cJSON_AddItemToObject(o, same[i], cJSON_Duplicate(cJSON_GetObjectItem(status, same[i]), true));
	sim_time(ms, day);
	snprintf(text, sizeof text, "%s.%03dZ", day, (int)(ms % 1000));
	sim_set(o, "created_at", text);
	snprintf(text, sizeof text, "http://127.0.0.1:%d/users/acme/statuses/%s", s->port, sim_text(status, "id"));
	sim_set(o, "uri", text);
	snprintf(text, sizeof text, "http://127.0.0.1:%d/@acme/%s", s->port, sim_text(status, "id"));
	sim_set(o, "url", text);
	sim_set(o, "content", "<p>rendered otherwise than it was sent</p>");
	add_attachments(s, status, o);
	sim_set(cJSON_AddObjectToObject(o, "application"), "name", "smmqd");
	cJSON_AddNullToObject(o, "card");
	cJSON_AddNullToObject(o, "poll");
	for (size_t i = 0; i < SIM_COUNT(counts); i++)
		sim_set_number(o, counts[i], 0);
	return o;
}

/* ---- making one ---- */

static const char *text_of(const cJSON *o, const char *name, const char *otherwise)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsString(v) ? v->valuestring : otherwise;
}

static bool media_free(struct sim *s, struct sim_request *q, const cJSON *ids, struct sim_reply *r)
{
	const cJSON *v;
	char text[160];

	if (cJSON_GetArraySize(ids) > mastodon.max_media) {
		snprintf(text, sizeof text, "Cannot attach more than %d files", mastodon.max_media);
		mastodon_error(r, 422, text);
		return false;
	}
	cJSON_ArrayForEach(v, ids) {
		const cJSON *m = cJSON_IsString(v) ? sim_own(s, "media", v->valuestring, q->account) : NULL;

		if (!m || cJSON_IsString(cJSON_GetObjectItem(m, "status"))) {
			snprintf(text, sizeof text, "Media %.40s not found or already attached to another post",
				 cJSON_IsString(v) ? v->valuestring : "(no string)");
			mastodon_error(r, 422, text);
			return false;
		}
		if (sim_number(m, "polls_left") > 0) {
			mastodon_error(r, 422, "Cannot attach files that have not finished processing. Try again in a moment!");
			return false;
		}
	}
	return true;
}

static bool text_fits(const char *text, const char *spoiler, int media, struct sim_reply *r)
{
	int count = sim_count(text, mastodon.url_characters), more = sim_count(spoiler, mastodon.url_characters);
	char message[80];

	if (count < 0 || more < 0) {
		mastodon_error(r, 400, "not UTF-8");
		return false;
	}
	if (count == 0 && media == 0) {
		mastodon_error(r, 422, "Validation failed: Text can't be blank");
		return false;
	}
	if (count + more > mastodon.max_characters) {
		snprintf(message, sizeof message, "Validation failed: Text character limit of %d exceeded", mastodon.max_characters);
		mastodon_error(r, 422, message);
		return false;
	}
	return true;
}

static void attach(struct sim *s, const cJSON *ids, cJSON *status)
{
	cJSON *list = cJSON_AddArrayToObject(status, "media");
	const cJSON *v;

	cJSON_ArrayForEach(v, ids) {
		cJSON *m = sim_find(s, "media", v->valuestring);

		sim_set(m, "status", sim_text(status, "id"));
		cJSON_AddItemToArray(list, cJSON_Duplicate(m, true));
	}
}

/* Checks and stores; NULL with the error in r. */
static cJSON *commit(struct sim *s, struct sim_request *q, const cJSON *parent, struct sim_reply *r)
{
	const cJSON *o = q->json, *ids = cJSON_GetObjectItemCaseSensitive(o, "media_ids");
	const char *visibility = text_of(o, "visibility", "public"), *key = sim_header(q, "Idempotency-Key");
	cJSON *status;
	char id[24];

	if (!media_free(s, q, ids, r) || !text_fits(text_of(o, "status", ""), text_of(o, "spoiler_text", ""), cJSON_GetArraySize(ids), r))
		return NULL;
	if (!*visibility || !strstr("|public|unlisted|private|direct|", visibility)) {
		mastodon_error(r, 422, "Validation failed: Visibility is not included in the list");
		return NULL;
	}
	snprintf(id, sizeof id, "%d", 3300 + cJSON_GetArraySize(sim_book(s, "posts")));
	status = sim_add(s, "posts", id, q->account);
	sim_set(status, "token", q->token);
	sim_set(status, "text", text_of(o, "status", ""));
	sim_set(status, "spoiler_text", text_of(o, "spoiler_text", ""));
	sim_set(status, "visibility", visibility);
	sim_set(status, "language", text_of(o, "language", NULL));
	sim_set(status, "in_reply_to_id", parent ? sim_text(parent, "id") : NULL);
	sim_set(status, "key", key);
	attach(s, ids, status);
	return status;
}

/* ---- the key memory ---- */

static cJSON *key_of(struct sim *s, struct sim_request *q)
{
	const char *key = sim_header(q, "Idempotency-Key");
	cJSON *k = key ? sim_own(s, "keys", key, q->account) : NULL;

	return k || !key ? k : sim_add(s, "keys", key, q->account);
}

static int64_t key_clock_ms(void)
{
	return sim_now_ms() + mastodon.key_clock_s * INT64_C(1000);
}

/* What the key memory answers. True: the request is over. */
static bool known_key(struct sim *s, cJSON *k, struct sim_reply *r)
{
	const cJSON *status;

	sim_set_number(k, "requests", sim_number(k, "requests") < 0 ? 1 : sim_number(k, "requests") + 1);
	if (mastodon.ignore_key)
		return false;
	if (sim_number(k, "pending") > 0 && mastodon.overlap_503) {
		sim_refuse(s, r, SIM_BUSY);
		return true;
	}
	status = key_clock_ms() - sim_number(k, "made_ms") < KEY_LIFE_MS ? sim_find(s, "posts", sim_text(k, "status")) : NULL;
	if (!status)
		return false;
	if (mastodon.repeat_500) {
		sim_refuse(s, r, SIM_BROKEN);
		return true;
	}
	r->status = 200;
	r->json = status_json(s, status);
	return true;
}

static void make_status(struct sim *s, struct sim_request *q, const cJSON *parent, struct sim_reply *r)
{
	cJSON *k = key_of(s, q), *status;
	bool forget;

	if (k && known_key(s, k, r))
		return;
	if (k)
		sim_set_number(k, "pending", 1);
	sim_sleep(mastodon.delay_before_ms);
	status = commit(s, q, parent, r);
	forget = status && sim_take(&mastodon.forget_key);
	if (k)
		sim_set_number(k, "pending", 0);
	if (k && status && !forget) {
		sim_set(k, "status", sim_text(status, "id"));
		sim_set_number(k, "made_ms", key_clock_ms());
	}
	if (!status || forget)
		return;
	r->status = 200;
	r->json = status_json(s, status);
}

static void post_status(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *bad = sim_bad_member(q->json, "status:s media_ids:a in_reply_to_id:S sensitive:b spoiler_text:s visibility:s language:s");
	const char *key = sim_header(q, "Idempotency-Key"), *parent = text_of(q->json, "in_reply_to_id", NULL);
	const cJSON *above = sim_find(s, "posts", parent);
	char text[120];

	if (!cJSON_IsObject(q->json)) {
		mastodon_error(r, 400, "the body is not a JSON object");
	} else if (bad) {
		snprintf(text, sizeof text, "simulator: the documentation has no such field or type: %.60s", bad);
		mastodon_error(r, 400, text);
	} else if (key && (!*key || strlen(key) > 64)) {
		mastodon_error(r, 400, "simulator: the idempotency key has not 1 to 64 characters");
	} else if (parent && !above) {
		mastodon_error(r, 404, "The post you are trying to reply to does not appear to exist.");
	} else {
		make_status(s, q, above, r);
	}
}

/* ---- reading ---- */

static cJSON *found(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *status = sim_find(s, "posts", q->ids[0]);

	if (!status)
		sim_refuse(s, r, SIM_NO_ROUTE);
	return status;
}

static void get_status(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const cJSON *status = found(s, q, r);

	if (!status)
		return;
	r->status = 200;
	r->json = status_json(s, status);
}

static void get_source(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const cJSON *status = found(s, q, r);

	if (!status)
		return;
	sim_answer(r, 200, "{}");
	sim_set(r->json, "id", sim_text(status, "id"));
	sim_set(r->json, "text", sim_text(status, "text"));
	sim_set(r->json, "spoiler_text", sim_text(status, "spoiler_text"));
}

static void delete_status(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *status = found(s, q, r);

	if (!status)
		return;
	r->status = 200;
	r->json = status_json(s, status);
	sim_set(r->json, "text", sim_text(status, "text"));
	cJSON_ReplaceItemInObject(status, "deleted", cJSON_CreateTrue());
}

static void list_statuses(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *since = sim_arg(q, "since_id"), *max = sim_arg(q, "max_id"), *limit = sim_arg(q, "limit");
	long newer = since ? atol(since) : 0, older = max ? atol(max) : 1L << 40, account = atol(q->ids[0]) - 1100;
	int left = limit ? atoi(limit) : 20;
	cJSON *posts = sim_book(s, "posts");

	if (account < 0 || account >= s->grant_count) {
		sim_refuse(s, r, SIM_NO_ROUTE);
		return;
	}
	left = left < 1 ? 1 : left > 40 ? 40 : left;
	r->status = 200;
	r->json = cJSON_CreateArray();
	for (cJSON *p = posts->child ? posts->child->prev : NULL; p && left > 0; p = p == posts->child ? NULL : p->prev) {
		int64_t id = sim_number(p, "id");

		if (cJSON_IsTrue(cJSON_GetObjectItem(p, "deleted")) || id <= newer || id >= older || sim_number(p, "account") != account)
			continue;
		cJSON_AddItemToArray(r->json, status_json(s, p));
		left--;
	}
}

/* ---- the table ---- */

static void headers(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	int64_t reset_ms = sim_now_ms() / 10800000 * 10800000 + 10800000;
	char text[24];

	(void)q;
	if (r->status == 429)
		reset_ms = sim_now_ms() + s->sw.rate_reset_s * INT64_C(1000);
	if (mastodon.rate_left > 0)
		mastodon.rate_left--;
	sim_time(reset_ms, text);
	sim_header_add(r, "X-RateLimit-Limit", "300");
	sim_header_add(r, "X-RateLimit-Remaining", "%d", r->status == 429 ? 0 : mastodon.rate_left);
	sim_header_add(r, "X-RateLimit-Reset", "%s.%03d000Z", text, (int)(reset_ms % 1000));
}

static const struct sim_route routes[] = {
	{ "GET", "/api/v1/accounts/verify_credentials", mastodon_verify, SIM_TOKEN },
	{ "GET", "/api/v2/instance", mastodon_instance, 0 },
	{ "POST", "/api/v2/media", mastodon_post_media, SIM_TOKEN | SIM_UPLOAD },
	{ "GET", "/api/v1/media/*", mastodon_get_media, SIM_TOKEN },
	{ "PUT", "/api/v1/media/*", mastodon_put_media, SIM_TOKEN },
	{ "POST", "/api/v1/statuses", post_status, SIM_TOKEN | SIM_ACT },
	{ "GET", "/api/v1/accounts/*/statuses", list_statuses, SIM_TOKEN | SIM_READ },
	{ "GET", "/api/v1/statuses/*", get_status, SIM_TOKEN | SIM_READ },
	{ "GET", "/api/v1/statuses/*/source", get_source, SIM_TOKEN | SIM_READ },
	{ "DELETE", "/api/v1/statuses/*", delete_status, SIM_TOKEN },
};

#define KNOB(name) { #name, &mastodon.name }
static const struct sim_knob knobs[] = {
	KNOB(forget_key), KNOB(repeat_500), KNOB(overlap_503), KNOB(ignore_key), KNOB(delay_before_ms), KNOB(key_clock_s), KNOB(max_characters),
	KNOB(url_characters), KNOB(max_media), KNOB(description_limit), KNOB(image_size_limit),
};

static const struct sim_words words[SIM_REFUSALS] = {
	[SIM_NO_ROUTE] = { 404, "{\"error\":\"Record not found\"}" },
	[SIM_TOO_LARGE] = { 413, "{\"error\":\"too large\"}" },
	[SIM_UNAUTHORIZED] = { 401, "{\"error\":\"The access token is invalid\"}" },
	[SIM_EXPIRED] = { 401, "{\"error\":\"The access token is invalid\"}" },
	[SIM_FORBIDDEN] = { 403, "{\"error\":\"This action is outside the authorized scopes\"}" },
	[SIM_RATE] = { 429, "{\"error\":\"Too many requests\"}" },
	[SIM_BUSY] = { 503, "{\"error\":\"There was a temporary problem serving your request, please try again\"}" },
	[SIM_BROKEN] = { 500, "{\"error\":\"Internal Server Error\"}" },
};

const struct sim_platform sim_mastodon = {
	.name = "mastodon", .routes = routes, .route_count = SIM_COUNT(routes), .knobs = knobs, .knob_count = SIM_COUNT(knobs), .words = words,
	.headers = headers,
};
