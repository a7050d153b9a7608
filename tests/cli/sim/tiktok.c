/* tiktok.c: TikTok's content posting API: a look at the creator's options, then a video in chunks, one after the other, whose last byte
 * makes it public; or pictures that the platform fetches. After the contract's chapters 1 to 4. */
#include "tests/cli/sim/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_LEAST INT64_C(5000000)
#define CHUNK_MOST INT64_C(64000000)
#define LAST_MOST INT64_C(128000000)
#define VIDEO_MOST (4 * INT64_C(1000000000))
#define PICTURE_MOST (20 * 1000 * 1000)
#define DAY_MS (24 * 3600 * INT64_C(1000))
#define MINUTE_MS 60000

static struct { int init_limit, pending_limit, private_only, no_id, url_expired, lag_ms; } tiktok = { .init_limit = 6, .pending_limit = 5 };

static void error(struct sim_reply *r, int status, const char *code, const char *message)
{
	sim_answer(r, status, "{\"data\":{},\"error\":{\"code\":\"%s\",\"log_id\":\"20261101AA\"}}", code);
	sim_set(cJSON_GetObjectItem(r->json, "error"), "message", message);
}

static cJSON *good(struct sim_reply *r)
{
	sim_answer(r, 200, "{\"data\":{},\"error\":{\"code\":\"ok\",\"message\":\"\",\"log_id\":\"20261101AA\"}}");
	return cJSON_GetObjectItem(r->json, "data");
}

/* ---- who one is ---- */

static void token(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *kind = sim_arg(q, "grant_type");
	const struct sim_grant *g = NULL;

	if (kind && strcmp(kind, "refresh_token") == 0 && sim_arg(q, "client_key") && sim_arg(q, "client_secret") &&
	    !sim_bad_field(q, "client_key client_secret grant_type refresh_token"))
		g = sim_refresh(s, sim_arg(q, "refresh_token"), true);
	if (!g)
		sim_answer(r, 400, "{\"error\":\"invalid_grant\",\"error_description\":\"Refresh token is invalid or expired.\",\"log_id\":\"2026\"}");
	else
		sim_answer(r, 200, "{\"access_token\":\"%s\",\"expires_in\":86400,\"open_id\":\"open%d\",\"refresh_expires_in\":31536000,"
			   "\"refresh_token\":\"%s\",\"scope\":\"user.info.basic,video.publish,video.upload,video.list\",\"token_type\":\"Bearer\"}",
			   g->access, g->account, g->refresh);
}

static void user(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	char text[16];
	cJSON *u;

	(void)s;
	if (!sim_arg(q, "fields")) {
		error(r, 400, "invalid_params", "fields");
		return;
	}
	u = cJSON_AddObjectToObject(good(r), "user");
	snprintf(text, sizeof text, "open%d", q->account);
	sim_set(u, "open_id", text);
	sim_set(u, "display_name", "Shop One");
}

/* What the creator allows just now; asked for before each post. */
static void creator(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *data = good(r), *c;
	char id[16];

	snprintf(id, sizeof id, "%d", q->account);
	c = sim_find(s, "looks", id);
	sim_set_number(c ? c : sim_add(s, "looks", id, q->account), "fresh", 1);
	sim_set(data, "creator_username", "shop1");
	sim_set(data, "creator_nickname", "Shop One");
	cJSON_AddItemToObject(data, "privacy_level_options", sim_need(cJSON_Parse(tiktok.private_only ? "[\"FOLLOWER_OF_CREATOR\",\"SELF_ONLY\"]" :
		"[\"PUBLIC_TO_EVERYONE\",\"MUTUAL_FOLLOW_FRIENDS\",\"SELF_ONLY\"]")));
	cJSON_AddBoolToObject(data, "comment_disabled", false);
	cJSON_AddBoolToObject(data, "duet_disabled", false);
	cJSON_AddBoolToObject(data, "stitch_disabled", false);
	sim_set_number(data, "max_video_post_duration_sec", 600);
}

/* ---- beginning ---- */

static int count(struct sim *s, int account, int64_t since_ms, bool pending)
{
	const cJSON *m;
	int n = 0;

	cJSON_ArrayForEach(m, sim_book(s, "media"))
		n += sim_number(m, "account") == account && sim_number(m, "received_ms") >= since_ms &&
		     (!pending || strcmp(sim_text(m, "status"), "PROCESSING_UPLOAD") == 0);
	return n;
}

static bool post_info_good(const cJSON *info, bool photo, struct sim_reply *r)
{
	const char *privacy = sim_text(info, "privacy_level");
	const char *members = photo ? "title:s description:s privacy_level:s disable_comment:b auto_add_music:b brand_content_toggle:b "
	                              "brand_organic_toggle:b" :
	                              "title:s privacy_level:s disable_duet:b disable_comment:b disable_stitch:b video_cover_timestamp_ms:n "
	                              "brand_content_toggle:b brand_organic_toggle:b is_aigc:b";
	const char *options = tiktok.private_only ? "|FOLLOWER_OF_CREATOR|SELF_ONLY|" : "|PUBLIC_TO_EVERYONE|MUTUAL_FOLLOW_FRIENDS|SELF_ONLY|";

	if (!info || sim_bad_member(info, members))
		error(r, 400, "invalid_params", "post_info has a member that is not known");
	else if (sim_utf16(sim_text(info, "title")) > (photo ? 90 : 2200) || sim_utf16(sim_text(info, "description")) > 4000)
		error(r, 400, "invalid_params", "title or description is too long");
	else if (!*privacy || !strstr(options, privacy))
		error(r, 403, "privacy_level_option_mismatch", "the creator does not offer this privacy level");
	else if (cJSON_IsTrue(cJSON_GetObjectItem(info, "brand_content_toggle")) && strcmp(privacy, "SELF_ONLY") == 0)
		error(r, 400, "invalid_params", "a paid partnership is not private");
	return r->status == 0;
}

static bool begin_good(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	char id[16];
	cJSON *look;

	snprintf(id, sizeof id, "%d", q->account);
	look = sim_find(s, "looks", id);
	if (count(s, q->account, sim_now_ms() - MINUTE_MS, false) >= tiktok.init_limit)
		sim_refuse(s, r, SIM_RATE);
	else if (count(s, q->account, sim_now_ms() - DAY_MS, true) >= tiktok.pending_limit)
		error(r, 403, "spam_risk_too_many_pending_share", "too many pending shares");
	else if (sim_number(look, "fresh") != 1)
		error(r, 400, "invalid_params", "simulator: the creator's options were not asked for before this post");
	else
		sim_set_number(look, "fresh", 0);
	return r->status == 0;
}

static cJSON *begun(struct sim *s, struct sim_request *q, struct sim_reply *r, const char *prefix, const char *status)
{
	char id[64], number[24];
	cJSON *m;

	snprintf(id, sizeof id, "%s%s", prefix, sim_next_id(s, number));
	m = sim_add(s, "media", id, q->account);
	sim_set(m, "key", number);
	sim_set(m, "status", status);
	sim_set_number(m, "polls_left", s->sw.media_polls);
	cJSON_AddItemToObject(m, "info", cJSON_Duplicate(cJSON_GetObjectItem(q->json, "post_info"), true));
	sim_set(good(r), "publish_id", id);
	return m;
}

static bool chunks_good(int64_t size, int64_t chunk, int64_t chunks)
{
	if (size < 1 || size > VIDEO_MOST || chunk < 1 || chunks < 1 || chunks > 1000)
		return false;
	if (chunks == 1)
		return chunk == size && size <= CHUNK_MOST;
	return chunk >= CHUNK_LEAST && chunk <= CHUNK_MOST && chunks == size / chunk && size - (chunks - 1) * chunk <= LAST_MOST;
}

static void video_init(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const cJSON *source = cJSON_GetObjectItem(q->json, "source_info");
	bool draft = strstr(q->path, "/inbox/") != NULL;
	char url[160];
	cJSON *m;

	if (sim_bad_member(q->json, draft ? "source_info:o" : "post_info:o source_info:o") ||
	    sim_bad_member(source, "source:s video_size:n chunk_size:n total_chunk_count:n") || strcmp(sim_text(source, "source"), "FILE_UPLOAD") != 0) {
		error(r, 400, "invalid_params", "simulator: only FILE_UPLOAD is played for videos");
		return;
	}
	if (!chunks_good(sim_number(source, "video_size"), sim_number(source, "chunk_size"), sim_number(source, "total_chunk_count"))) {
		error(r, 400, "invalid_params", "The chunk size or the total chunk count is invalid");
		return;
	}
	if ((!draft && !post_info_good(cJSON_GetObjectItem(q->json, "post_info"), false, r)) || !begin_good(s, q, r))
		return;
	m = begun(s, q, r, "v_pub_file~v2-1.", "PROCESSING_UPLOAD");
	sim_set_number(m, "draft", draft);
	sim_set_number(m, "total_bytes", sim_number(source, "video_size"));
	sim_set_number(m, "chunk_bytes", sim_number(source, "chunk_size"));
	sim_set_number(m, "chunks", sim_number(source, "total_chunk_count"));
	snprintf(url, sizeof url, "http://127.0.0.1:%d/video/?upload_id=%s&upload_token=tok", s->port, sim_text(m, "key"));
	sim_set(cJSON_GetObjectItem(r->json, "data"), "upload_url", url);
}

/* ---- what is public ---- */

static void post_add(struct sim *s, cJSON *m, const char *kind)
{
	const cJSON *info = cJSON_GetObjectItem(m, "info");
	char id[24];
	cJSON *p = sim_add(s, "posts", sim_next_id(s, id), (int)sim_number(m, "account"));

	sim_set(p, "text", strcmp(kind, "photo") == 0 && *sim_text(info, "description") ? sim_text(info, "description") : sim_text(info, "title"));
	sim_set(p, "title", sim_text(info, "title"));
	sim_set(p, "kind", kind);
	sim_set(p, "privacy_level", sim_text(info, "privacy_level"));
	cJSON_AddItemToObject(p, "media", cJSON_CreateArray());
	if (cJSON_GetObjectItem(m, "files"))
		cJSON_ReplaceItemInObject(p, "media", cJSON_Duplicate(cJSON_GetObjectItem(m, "files"), true));
	else
		cJSON_AddItemToArray(cJSON_GetObjectItem(p, "media"), cJSON_Duplicate(m, true));
	sim_set(m, "post", id);
}

static void photo_init(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const cJSON *source = cJSON_GetObjectItem(q->json, "source_info"), *images = cJSON_GetObjectItem(source, "photo_images"), *v;
	int images_count = cJSON_GetArraySize(images);
	cJSON *files = cJSON_CreateArray(), *one, *m;

	if (sim_bad_member(q->json, "media_type:s post_mode:s post_info:o source_info:o") || images_count < 1 || images_count > 35 ||
	    sim_bad_member(source, "source:s photo_cover_index:n photo_images:a") || strcmp(sim_text(source, "source"), "PULL_FROM_URL") != 0 ||
	    strcmp(sim_text(q->json, "media_type"), "PHOTO") != 0 || strcmp(sim_text(q->json, "post_mode"), "DIRECT_POST") != 0)
		error(r, 400, "invalid_params", "media_type, post_mode, source_info");
	else if (post_info_good(cJSON_GetObjectItem(q->json, "post_info"), true, r) && begin_good(s, q, r)) {
		m = begun(s, q, r, "p_pub_url~v2.", "PROCESSING_DOWNLOAD");
		cJSON_ArrayForEach(v, images) {
			size_t len = 0;
			char mime[64] = "", *data;
			const char *why, *have;

			data = sim_fetch(cJSON_GetStringValue(v), &len, mime, &why);
			have = data ? sim_sniff(data, len) : NULL;
			one = cJSON_CreateObject();
			sim_set(one, "mime", have);
			cJSON_AddItemToArray(files, one);
			if (!have || (strcmp(have, "image/jpeg") != 0 && strcmp(have, "image/webp") != 0) || len > PICTURE_MOST)
				sim_set(m, "fate", have ? "file_format_check_failed" : "photo_pull_failed");
			free(data);
		}
		cJSON_AddItemToObject(m, "files", cJSON_Duplicate(files, true));
		if (!*sim_text(m, "fate"))
			post_add(s, m, "photo");
	}
	cJSON_Delete(files);
}

/* ---- bytes ---- */

static cJSON *by_key(struct sim *s, const char *key)
{
	cJSON *m;

	cJSON_ArrayForEach(m, sim_book(s, "media"))
		if (key && strcmp(sim_text(m, "key"), key) == 0)
			return m;
	return NULL;
}

static void say_range(struct sim_reply *r, const cJSON *m, int status)
{
	sim_answer(r, status, "%s", "");
	sim_header_add(r, "Content-Range", "bytes 0-%zu/%" PRId64, sim_blob_size(sim_text(m, "key")), sim_number(m, "total_bytes"));
}

/* The last byte is what makes it public. */
static void last_chunk(struct sim *s, struct sim_request *q, struct sim_reply *r, cJSON *m, int index)
{
	if (sim_act_fails(s, r))
		return;
	sim_blob_put(sim_text(m, "key"), index, q->body, q->body_len);
	sim_blob_note(sim_text(m, "key"), m);
	if (strncmp(sim_text(m, "mime"), "video/", 6) != 0 || s->sw.media_fail)
		sim_set(m, "fate", "file_format_check_failed");
	else if (sim_number(m, "draft") != 1)
		post_add(s, m, "video");
	say_range(r, m, 201);
	sim_act_done(s, r);
}

static void put(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *range = sim_header(q, "Content-Range"), *type = sim_header(q, "Content-Type");
	cJSON *m = by_key(s, sim_arg(q, "upload_id"));
	int64_t from = -1, to = -1, of = -1, total = sim_number(m, "total_bytes"), chunk = sim_number(m, "chunk_bytes"), index, end;

	if (!m || tiktok.url_expired) {
		sim_answer(r, m ? 403 : 404, "%s", "");
		return;
	}
	if (!range || sscanf(range, "bytes %" SCNd64 "-%" SCNd64 "/%" SCNd64, &from, &to, &of) != 3 || of != total || !type ||
	    strncmp(type, "video/", 6) != 0 || from < 0 || to - from + 1 != (int64_t)q->body_len || !sim_arg(q, "upload_token")) {
		sim_answer(r, 400, "%s", "");
		return;
	}
	index = from / chunk;
	end = index == sim_number(m, "chunks") - 1 ? total : (index + 1) * chunk;
	if (*sim_text(m, "post") || from != (int64_t)sim_blob_size(sim_text(m, "key")) || from % chunk || to + 1 != end) {
		say_range(r, m, 416);
	} else if (end == total) {
		last_chunk(s, q, r, m, (int)index);
	} else {
		sim_blob_put(sim_text(m, "key"), (int)index, q->body, q->body_len);
		say_range(r, m, 206);
	}
}

/* ---- reading ---- */

static void advance(cJSON *m)
{
	int64_t left = sim_number(m, "polls_left");
	bool whole = *sim_text(m, "post") || *sim_text(m, "fate") || sim_number(m, "draft") == 1;

	if (!whole || (int64_t)sim_blob_size(sim_text(m, "key")) < sim_number(m, "total_bytes"))
		return;
	if (left > 0)
		sim_set_number(m, "polls_left", left - 1);
	else
		sim_set(m, "status", *sim_text(m, "fate") ? "FAILED" : sim_number(m, "draft") == 1 ? "SEND_TO_USER_INBOX" : "PUBLISH_COMPLETE");
}

static void status(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *m = sim_own(s, "media", sim_text(q->json, "publish_id"), q->account), *data, *ids;

	if (sim_bad_member(q->json, "publish_id:s") || !m) {
		error(r, 400, "invalid_publish_id", "the publish_id does not exist");
		return;
	}
	advance(m);
	data = good(r);
	sim_set(data, "status", sim_text(m, "status"));
	sim_set_number(data, "uploaded_bytes", (int64_t)sim_blob_size(sim_text(m, "key")));
	if (strcmp(sim_text(m, "status"), "FAILED") == 0)
		sim_set(data, "fail_reason", sim_text(m, "fate"));
	if (strcmp(sim_text(m, "status"), "PUBLISH_COMPLETE") == 0) {
		ids = cJSON_AddArrayToObject(data, "publicaly_available_post_id");
		if (!tiktok.no_id && strcmp(sim_text(cJSON_GetObjectItem(m, "info"), "privacy_level"), "SELF_ONLY") != 0)
			cJSON_AddItemToArray(ids, cJSON_CreateRaw(sim_text(m, "post")));
	}
}

static void list(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *posts = sim_book(s, "posts"), *data, *videos, *one;

	if (!sim_arg(q, "fields") || sim_bad_member(q->json, "max_count:n cursor:n") || sim_number(q->json, "max_count") > 20) {
		error(r, 400, "invalid_params", "fields, max_count, cursor");
		return;
	}
	data = good(r);
	videos = cJSON_AddArrayToObject(data, "videos");
	for (cJSON *p = posts->child ? posts->child->prev : NULL; p; p = p == posts->child ? NULL : p->prev) {
		if (sim_number(p, "account") != q->account || sim_now_ms() - sim_number(p, "received_ms") < tiktok.lag_ms)
			continue;
		one = cJSON_CreateObject();
		sim_set(one, "id", sim_text(p, "id"));
		sim_set(one, "title", sim_text(p, "title"));
		sim_set(one, "video_description", sim_text(p, "text"));
		sim_set_number(one, "create_time", sim_number(p, "received_ms") / 1000);
		cJSON_AddItemToArray(videos, one);
	}
	sim_set_number(data, "cursor", sim_now_ms());
	cJSON_AddBoolToObject(data, "has_more", false);
}

/* ---- the table: the slash at the end is part of the path ---- */

static const struct sim_route routes[] = {
	{ "POST", "/v2/oauth/token/", token, 0 },
	{ "GET", "/v2/user/info/", user, SIM_TOKEN },
	{ "POST", "/v2/post/publish/creator_info/query/", creator, SIM_TOKEN },
	{ "POST", "/v2/post/publish/video/init/", video_init, SIM_TOKEN },
	{ "POST", "/v2/post/publish/inbox/video/init/", video_init, SIM_TOKEN },
	{ "POST", "/v2/post/publish/content/init/", photo_init, SIM_TOKEN | SIM_ACT },
	{ "POST", "/v2/post/publish/status/fetch/", status, SIM_TOKEN },
	{ "POST", "/v2/video/list/", list, SIM_TOKEN | SIM_READ },
	{ "PUT", "/video/", put, 0 },
};

#define KNOB(name) { #name, &tiktok.name }
static const struct sim_knob knobs[] = {
	KNOB(init_limit), KNOB(pending_limit), KNOB(private_only), KNOB(no_id), KNOB(url_expired), KNOB(lag_ms),
};

#define ERROR(code, message) "{\"data\":{},\"error\":{\"code\":\"" code "\",\"message\":\"" message "\",\"log_id\":\"20261101AA\"}}"
static const struct sim_words words[SIM_REFUSALS] = {
	[SIM_NO_ROUTE] = { 404, ERROR("invalid_params", "no such path") },
	[SIM_TOO_LARGE] = { 413, "" },
	[SIM_UNAUTHORIZED] = { 401, ERROR("access_token_invalid", "The access token is invalid or not found in the request.") },
	[SIM_EXPIRED] = { 401, ERROR("access_token_invalid", "The access token is invalid or not found in the request.") },
	[SIM_FORBIDDEN] = { 401, ERROR("scope_not_authorized", "The user did not authorize the scope required for completing this request.") },
	[SIM_RATE] = { 429, ERROR("rate_limit_exceeded", "The API rate limit was exceeded.") },
	[SIM_BUSY] = { 503, "" },
	[SIM_BROKEN] = { 500, ERROR("internal_error", "Internal error") },
};

const struct sim_platform sim_tiktok = {
	.name = "tiktok", .routes = routes, .route_count = SIM_COUNT(routes), .knobs = knobs, .knob_count = SIM_COUNT(knobs), .words = words,
};
