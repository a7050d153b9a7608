/* pinterest.c: Pinterest's API v5: boards, Pins, and videos by way of a storage host. After the contract's chapters 1 to 4. The same
 * Pin is taken as often as it is sent. */
#include "tests/cli/sim/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOARD "700001"
#define PICTURE_MAX_BYTES (20 * 1024 * 1024)

static struct { int trial, spam, lag_ms, zone; } pinterest;

static void error(struct sim_reply *r, int status, int code, const char *message)
{
	sim_answer(r, status, "{\"code\":%d}", code);
	sim_set(r->json, "message", message);
}

/* ---- who one is ---- */

static void token(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *authorization = sim_header(q, "Authorization"), *kind = sim_arg(q, "grant_type");
	const struct sim_grant *g = NULL;

	if (authorization && strncmp(authorization, "Basic ", 6) == 0 && kind && strcmp(kind, "refresh_token") == 0 &&
	    !sim_bad_field(q, "grant_type refresh_token scope continuous_refresh"))
		g = sim_refresh(s, sim_arg(q, "refresh_token"), true);
	if (!g)
		error(r, 401, 2, "Authentication failed.");
	else
		sim_answer(r, 200, "{\"access_token\":\"%s\",\"response_type\":\"refresh_token\",\"token_type\":\"bearer\",\"expires_in\":2592000,"
			   "\"scope\":\"boards:read boards:write pins:read pins:write\",\"refresh_token\":\"%s\",\"refresh_token_expires_in\":5184000,"
			   "\"refresh_token_expires_at\":%" PRId64 "}", g->access, g->refresh, sim_now_ms() / 1000 + 5184000);
}

static void account(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	(void)s;
	sim_answer(r, 200, "{\"account_type\":\"BUSINESS\",\"id\":\"90010020030%d\",\"username\":\"acme%d\",\"follower_count\":812}", q->account, q->account);
}

static void boards(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	(void)s;
	(void)q;
	sim_answer(r, 200, "{\"items\":[{\"id\":\"" BOARD "\",\"name\":\"Spring\",\"privacy\":\"PUBLIC\",\"pin_count\":12,"
		   "\"created_at\":\"2026-03-01T08:00:00\"}],\"bookmark\":null}");
}

/* ---- what a Pin shows ---- */

static bool take_base64(struct sim *s, struct sim_request *q, struct sim_reply *r, const cJSON *o, cJSON *files)
{
	size_t len = 0;
	char *data = sim_unbase64(sim_text(o, "data"), &len), id[24];
	const char *mime = sim_text(o, "content_type"), *have = data ? sim_sniff(data, len) : NULL;
	cJSON *m;

	if (!have || strcmp(have, mime) != 0 || (strcmp(mime, "image/jpeg") != 0 && strcmp(mime, "image/png") != 0) || len > PICTURE_MAX_BYTES) {
		error(r, 400, 1, "Invalid media_source: the data is no picture of its content_type");
	} else {
		m = sim_add(s, "media", sim_next_id(s, id), q->account);
		sim_blob_put(id, 0, data, len);
		sim_blob_note(id, m);
		cJSON_AddItemToArray(files, cJSON_Duplicate(m, true));
	}
	free(data);
	return r->status == 0;
}

static bool take_url(struct sim *s, struct sim_request *q, struct sim_reply *r, const char *url, cJSON *files)
{
	const char *why;
	char mime[64], id[24], *data;
	size_t len;
	cJSON *m;

	data = sim_fetch(url, &len, mime, &why);
	if (!data || strncmp(sim_sniff(data, len) ? sim_sniff(data, len) : "-", "image/", 6) != 0) {
		error(r, 400, 1, "Sorry! Unable to reach the URL.");
	} else {
		m = sim_add(s, "media", sim_next_id(s, id), q->account);
		sim_blob_put(id, 0, data, len);
		sim_blob_note(id, m);
		cJSON_AddItemToArray(files, cJSON_Duplicate(m, true));
	}
	free(data);
	return r->status == 0;
}

static bool take_several(struct sim *s, struct sim_request *q, struct sim_reply *r, const cJSON *source, cJSON *files, bool urls)
{
	const cJSON *items = cJSON_GetObjectItem(source, "items"), *v;
	int count = cJSON_GetArraySize(items);

	if (count < 2 || count > 5 || sim_number(source, "index") < -1 || sim_number(source, "index") >= count) {
		error(r, 400, 1, "Invalid media_source: 2 to 5 items");
		return false;
	}
	cJSON_ArrayForEach(v, items) {
		if (sim_bad_member(v, urls ? "url:s title:s description:s link:s" : "content_type:s data:s title:s description:s link:s"))
			error(r, 400, 1, "Invalid media_source: an item has a member that is not known");
		else if (urls)
			take_url(s, q, r, sim_text(v, "url"), files);
		else
			take_base64(s, q, r, v, files);
		if (r->status)
			return false;
	}
	return true;
}

static bool take_video(struct sim *s, struct sim_request *q, struct sim_reply *r, const cJSON *source, cJSON *files)
{
	static const char *const covers[] = { "cover_image_url", "cover_image_data", "cover_image_key_frame_time" };
	const cJSON *m = sim_own(s, "media", sim_text(source, "media_id"), q->account);
	int have = 0;

	for (size_t i = 0; i < SIM_COUNT(covers); i++)
		have += cJSON_GetObjectItem(source, covers[i]) != NULL;
	if (have != 1)
		error(r, 400, 1, "Invalid media_source: one cover is needed");
	else if (!m || strcmp(sim_text(m, "status"), "succeeded") != 0)
		error(r, 400, 1, "Invalid media_source: the media is not there or not ready");
	else
		cJSON_AddItemToArray(files, cJSON_Duplicate(m, true));
	return r->status == 0;
}

static bool take_source(struct sim *s, struct sim_request *q, struct sim_reply *r, const cJSON *source, cJSON *files)
{
	static const struct { const char *type, *members; } types[] = {
		{ "image_base64", "source_type:s content_type:s data:s" },
		{ "image_url", "source_type:s url:s" },
		{ "multiple_image_base64", "source_type:s items:a index:n" },
		{ "multiple_image_urls", "source_type:s items:a index:n" },
		{ "video_id", "source_type:s media_id:s cover_image_url:s cover_image_content_type:s cover_image_data:s cover_image_key_frame_time:n" },
	};
	const char *type = sim_text(source, "source_type");
	size_t i = 0;

	while (i < SIM_COUNT(types) && strcmp(types[i].type, type) != 0)
		i++;
	if (i == SIM_COUNT(types) || sim_bad_member(source, types[i].members)) {
		error(r, 400, 1, "Invalid media_source");
		return false;
	}
	switch (i) {
	case 0: return take_base64(s, q, r, source, files);
	case 1: return take_url(s, q, r, sim_text(source, "url"), files);
	case 4: return take_video(s, q, r, source, files);
	default: return take_several(s, q, r, source, files, i == 3);
	}
}

/* ---- Pins ---- */

static bool texts_good(const cJSON *o, struct sim_reply *r)
{
	static const struct { const char *name; int most; } limits[] = { { "title", 100 }, { "description", 800 }, { "link", 2048 }, { "alt_text", 500 } };
	char text[60];

	for (size_t i = 0; i < SIM_COUNT(limits); i++) {
		int count = sim_utf16(sim_text(o, limits[i].name));

		if (count >= 0 && count <= limits[i].most)
			continue;
		snprintf(text, sizeof text, "Invalid %s: at most %d characters", limits[i].name, limits[i].most);
		error(r, 400, 1, text);
		return false;
	}
	return true;
}

static cJSON *pin_json(const cJSON *p)
{
	static const char *const same[] = { "id", "title", "description", "link", "alt_text", "board_id" };
	cJSON *o = cJSON_CreateObject();
	char day[24], text[32];

	for (size_t i = 0; i < SIM_COUNT(same); i++)
		cJSON_AddItemToObject(o, same[i], cJSON_Duplicate(cJSON_GetObjectItem(p, same[i]), true));
	sim_time(sim_number(p, "received_ms"), day);
	snprintf(text, sizeof text, "%s%s", day, pinterest.zone ? "Z" : "");
	sim_set(o, "created_at", text);
	sim_set(o, "creative_type", "REGULAR");
	cJSON_AddBoolToObject(o, "is_owner", true);
	cJSON_AddBoolToObject(o, "has_been_promoted", false);
	return o;
}

static void pin_add(struct sim *s, struct sim_request *q, struct sim_reply *r, cJSON *files)
{
	static const char *const same[] = { "title", "description", "link", "alt_text", "board_id" };
	char id[24];
	cJSON *p = sim_add(s, "posts", sim_next_id(s, id), q->account);

	for (size_t i = 0; i < SIM_COUNT(same); i++)
		sim_set(p, same[i], cJSON_GetObjectItem(q->json, same[i]) ? sim_text(q->json, same[i]) : NULL);
	sim_set(p, "text", sim_text(q->json, "description"));
	cJSON_AddItemToObject(p, "media", files);
	r->status = 201;
	r->json = pin_json(p);
}

static void pin(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *files = cJSON_CreateArray();

	if (sim_bad_member(q->json, "board_id:s board_section_id:s title:s description:s link:s alt_text:s dominant_color:s media_source:o"))
		error(r, 400, 1, "Invalid request: a member that is not known");
	else if (pinterest.trial)
		error(r, 403, 29, "You are not permitted to access that resource. Apps with Trial access may not create Pins in production");
	else if (pinterest.spam)
		error(r, 403, 403, "This action was blocked as spam");
	else if (strcmp(sim_text(q->json, "board_id"), BOARD) != 0)
		error(r, 404, 40, "Board not found.");
	else if (texts_good(q->json, r) && take_source(s, q, r, cJSON_GetObjectItem(q->json, "media_source"), files)) {
		pin_add(s, q, r, files);
		return;
	}
	cJSON_Delete(files);
}

static void pins(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *size = sim_arg(q, "page_size"), *bookmark = sim_arg(q, "bookmark");
	int left = size ? atoi(size) : 25, from = bookmark ? atoi(bookmark) : 0, at = 0;
	cJSON *entries = sim_book(s, "posts"), *list;
	char text[16];

	if (sim_bad_field(q, "page_size bookmark") || left < 1 || left > 250) {
		error(r, 400, 1, "Invalid page_size");
		return;
	}
	sim_answer(r, 200, "{\"bookmark\":null}");
	list = cJSON_AddArrayToObject(r->json, "items");
	for (cJSON *p = entries->child ? entries->child->prev : NULL; p && left > 0; p = p == entries->child ? NULL : p->prev) {
		if (sim_number(p, "account") != q->account || cJSON_IsTrue(cJSON_GetObjectItem(p, "deleted")) ||
		    sim_now_ms() - sim_number(p, "received_ms") < pinterest.lag_ms || at++ < from)
			continue;
		cJSON_AddItemToArray(list, pin_json(p));
		left--;
	}
	snprintf(text, sizeof text, "%d", at);
	if (left == 0)
		sim_set(r->json, "bookmark", text);
}

static void pin_get(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const cJSON *p = sim_own(s, "posts", q->ids[0], q->account);

	if (!p) {
		error(r, 404, 50, "Pin not found.");
		return;
	}
	r->status = 200;
	r->json = pin_json(p);
}

static void pin_delete(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *p = sim_own(s, "posts", q->ids[0], q->account);

	if (!p) {
		error(r, 404, 50, "Pin not found.");
		return;
	}
	cJSON_ReplaceItemInObject(p, "deleted", cJSON_CreateTrue());
	sim_answer(r, 204, "%s", "");
}

/* ---- videos ---- */

static void register_media(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	char id[24];
	cJSON *m;

	if (sim_bad_member(q->json, "media_type:s") || strcmp(sim_text(q->json, "media_type"), "video") != 0) {
		error(r, 400, 1, "Invalid media_type");
		return;
	}
	m = sim_add(s, "media", sim_next_id(s, id), q->account);
	sim_set(m, "status", "registered");
	sim_set_number(m, "polls_left", s->sw.media_polls);
	sim_answer(r, 201, "{\"media_id\":\"%s\",\"media_type\":\"video\",\"upload_url\":\"http://127.0.0.1:%d/storage/%s\",\"upload_parameters\":{"
		   "\"x-amz-date\":\"20261121T190000Z\",\"x-amz-signature\":\"0f\",\"x-amz-security-token\":\"tok\","
		   "\"x-amz-algorithm\":\"AWS4-HMAC-SHA256\",\"key\":\"u/1:video:1:%s\",\"policy\":\"eyJ9\","
		   "\"x-amz-credential\":\"AK/20261121/us-east-1/s3/aws4_request\",\"Content-Type\":\"multipart/form-data\"}}", id, s->port, id, id);
}

/* Every parameter as it was given, then the file, and no token. */
static void store(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const struct sim_field *last = q->field_count ? &q->fields[q->field_count - 1] : NULL;
	cJSON *m = sim_find(s, "media", q->ids[0]);
	char key[60];

	snprintf(key, sizeof key, "u/1:video:1:%s", q->ids[0]);
	if (!m || sim_header(q, "Authorization") || q->field_count != 9 || strcmp(last->name, "file") != 0 || !last->file || !sim_arg(q, "key") ||
	    strcmp(sim_arg(q, "key"), key) != 0 || !sim_arg(q, "policy") || !sim_arg(q, "x-amz-signature") || !sim_arg(q, "Content-Type")) {
		sim_answer(r, 403, "%s", "");
		return;
	}
	sim_blob_put(q->ids[0], 0, last->value, last->len);
	sim_blob_note(q->ids[0], m);
	sim_set(m, "status", "processing");
	sim_answer(r, 204, "%s", "");
}

static void media_get(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *m = sim_own(s, "media", q->ids[0], q->account);
	int64_t left = m ? sim_number(m, "polls_left") : 0;

	if (!m) {
		error(r, 404, 404, "Media not found");
		return;
	}
	if (strcmp(sim_text(m, "status"), "processing") == 0 && left > 0)
		sim_set_number(m, "polls_left", left - 1);
	else if (strcmp(sim_text(m, "status"), "processing") == 0)
		sim_set(m, "status", s->sw.media_fail || strncmp(sim_text(m, "mime"), "video/", 6) != 0 ? "failed" : "succeeded");
	sim_answer(r, 200, "{\"media_id\":\"%s\",\"media_type\":\"video\",\"status\":\"%s\"}", q->ids[0], sim_text(m, "status"));
}

/* ---- the table ---- */

static void headers(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	(void)q;
	sim_header_add(r, "x-pinterest-rid", "123");
	sim_header_add(r, "x-ratelimit-limit", "100, 100;w=60");
	sim_header_add(r, "x-ratelimit-remaining", "%d", r->status == 429 ? 0 : 90);
	sim_header_add(r, "x-ratelimit-reset", "%d", s->sw.rate_reset_s);
}

static const struct sim_route routes[] = {
	{ "POST", "/v5/oauth/token", token, 0 },
	{ "GET", "/v5/user_account", account, SIM_TOKEN },
	{ "GET", "/v5/boards", boards, SIM_TOKEN },
	{ "POST", "/v5/pins", pin, SIM_TOKEN | SIM_ACT },
	{ "GET", "/v5/pins", pins, SIM_TOKEN | SIM_READ },
	{ "GET", "/v5/boards/" BOARD "/pins", pins, SIM_TOKEN | SIM_READ },
	{ "GET", "/v5/pins/*", pin_get, SIM_TOKEN | SIM_READ },
	{ "DELETE", "/v5/pins/*", pin_delete, SIM_TOKEN },
	{ "POST", "/v5/media", register_media, SIM_TOKEN },
	{ "POST", "/storage/*", store, SIM_UPLOAD },
	{ "GET", "/v5/media/*", media_get, SIM_TOKEN },
};

#define KNOB(name) { #name, &pinterest.name }
static const struct sim_knob knobs[] = { KNOB(trial), KNOB(spam), KNOB(lag_ms), KNOB(zone) };

#define ERROR(code, message) "{\"code\":" code ",\"message\":\"" message "\"}"
static const struct sim_words words[SIM_REFUSALS] = {
	[SIM_NO_ROUTE] = { 404, ERROR("404", "Not found") },
	[SIM_TOO_LARGE] = { 413, ERROR("413", "too large") },
	[SIM_UNAUTHORIZED] = { 401, ERROR("2", "Authentication failed.") },
	[SIM_EXPIRED] = { 401, ERROR("2", "Authentication failed.") },
	[SIM_FORBIDDEN] = { 403, ERROR("29", "You are not permitted to access that resource.") },
	[SIM_RATE] = { 429, ERROR("8", "This request exceeded a rate limit. Please wait.") },
	[SIM_BUSY] = { 503, ERROR("4197", "temporarily unavailable") },
	[SIM_BROKEN] = { 500, ERROR("0", "Something went wrong") },
};

const struct sim_platform sim_pinterest = {
	.name = "pinterest", .routes = routes, .route_count = SIM_COUNT(routes), .knobs = knobs, .knob_count = SIM_COUNT(knobs), .words = words,
	.headers = headers,
};
