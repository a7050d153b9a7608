/* youtube.c: YouTube's Data API v3: a resumable session, the bytes as private, and the update that makes the video public; comments. After
 * the contract's chapters 1 to 4. "media" holds what was uploaded, "posts" what is public. */
#include "tests/cli/sim/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_STEP 262144
#define TEXT_MAX 10000

static struct { int upload_quota, session_gone, store_bytes, lag_ms, uploads; } youtube = { .upload_quota = 100 };

static void error(struct sim_reply *r, int status, const char *reason, const char *message)
{
	sim_answer(r, status, "{\"error\":{\"code\":%d,\"errors\":[{\"domain\":\"youtube\",\"reason\":\"%s\"}]}}", status, reason);
	sim_set(cJSON_GetObjectItem(r->json, "error"), "message", message);
	sim_set(sim_at(r->json, "error.errors.0"), "message", message);
}

static void token(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *kind = sim_arg(q, "grant_type");
	const struct sim_grant *g = NULL;

	if (kind && strcmp(kind, "refresh_token") == 0 && sim_arg(q, "client_id") && !sim_bad_field(q, "grant_type refresh_token client_id client_secret"))
		g = sim_refresh(s, sim_arg(q, "refresh_token"), false);
	if (!g)
		sim_answer(r, 400, "{\"error\":\"invalid_grant\",\"error_description\":\"Token has been expired or revoked.\"}");
	else
		sim_answer(r, 200, "{\"access_token\":\"%s\",\"expires_in\":3599,\"scope\":\"https://www.googleapis.com/auth/youtube.force-ssl\","
			   "\"token_type\":\"Bearer\"}", g->access);
}

static void channels(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	(void)s;
	sim_answer(r, 200, "{\"kind\":\"youtube#channelListResponse\",\"items\":[{\"id\":\"UCme%d\",\"snippet\":{\"title\":\"Demo\"},\"contentDetails\":"
		   "{\"relatedPlaylists\":{\"uploads\":\"UUme%d\"}}}]}", q->account, q->account);
}

/* ---- sessions ---- */

static bool status_good(const cJSON *o, struct sim_reply *r)
{
	const char *privacy = sim_text(o, "privacyStatus");

	if (sim_bad_member(o, "privacyStatus:s publishAt:s selfDeclaredMadeForKids:b containsSyntheticMedia:b embeddable:b license:s "
	                      "publicStatsViewable:b") || !*privacy || !strstr("|public|unlisted|private|", privacy))
		error(r, 400, "invalidVideoMetadata", "status: privacyStatus is always sent; no other members");
	else if (*sim_text(o, "publishAt") && strcmp(privacy, "private") != 0)
		error(r, 400, "invalidPublishAt", "publishAt is for private videos");
	return r->status == 0;
}

static bool snippet_good(const cJSON *o, struct sim_reply *r)
{
	const char *title = sim_text(o, "title"), *description = sim_text(o, "description");
	const cJSON *v;
	size_t tags = 0;

	cJSON_ArrayForEach(v, cJSON_GetObjectItem(o, "tags"))
		tags += strlen(v->valuestring) + 1 + (strchr(v->valuestring, ' ') ? 2 : 0);
	if (sim_bad_member(o, "title:s description:s tags:a categoryId:s defaultLanguage:s defaultAudioLanguage:s"))
		error(r, 400, "invalidVideoMetadata", "snippet has a member that is not known");
	else if (!*title || sim_utf16(title) > 100 || strpbrk(title, "<>"))
		error(r, 400, "invalidTitle", "The request metadata specifies an invalid or empty video title.");
	else if (strlen(description) > 5000 || strpbrk(description, "<>"))
		error(r, 400, "invalidDescription", "The request metadata specifies an invalid video description.");
	else if (tags > 501)
		error(r, 400, "invalidTags", "The request metadata specifies invalid video keywords.");
	return r->status == 0;
}

static void open_session(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *length = sim_header(q, "X-Upload-Content-Length"), *type = sim_header(q, "X-Upload-Content-Type");
	char id[24];
	cJSON *m;

	if (sim_bad_field(q, "uploadType part notifySubscribers") || sim_bad_member(q->json, "snippet:o status:o") || !length || atoll(length) < 1 ||
	    !type || strncmp(type, "video/", 6) != 0)
		error(r, 400, "badRequest", "the session's headers, parts or parameters");
	else if (snippet_good(cJSON_GetObjectItem(q->json, "snippet"), r) && status_good(cJSON_GetObjectItem(q->json, "status"), r)) {
		if (youtube.uploads++ >= youtube.upload_quota) {
			sim_answer(r, 429, "{\"error\":{\"code\":429,\"message\":\"Quota exceeded for quota metric 'Video Uploads' and limit 'Video Uploads per "
				   "day'\",\"errors\":[{\"domain\":\"global\",\"reason\":\"rateLimitExceeded\"}],\"status\":\"RESOURCE_EXHAUSTED\"}}");
			return;
		}
		m = sim_add(s, "sessions", sim_next_id(s, id), q->account);
		sim_set_number(m, "total_bytes", atoll(length));
		cJSON_AddItemToObject(m, "snippet", cJSON_Duplicate(cJSON_GetObjectItem(q->json, "snippet"), true));
		cJSON_AddItemToObject(m, "status", cJSON_Duplicate(cJSON_GetObjectItem(q->json, "status"), true));
		sim_answer(r, 200, "%s", "");
		sim_header_add(r, "Location", "http://127.0.0.1:%d/upload/youtube/v3/videos?uploadType=resumable&upload_id=%s", s->port, id);
	}
}

/* ---- videos ---- */

static cJSON *video_json(const cJSON *v)
{
	cJSON *o = cJSON_CreateObject(), *snippet, *status;
	char day[24], text[32];

	sim_set(o, "kind", "youtube#video");
	sim_set(o, "id", sim_text(v, "id"));
	snippet = cJSON_Duplicate(cJSON_GetObjectItem(v, "snippet"), true);
	sim_time(sim_number(v, "received_ms"), day);
	snprintf(text, sizeof text, "%sZ", day);
	sim_set(snippet, "publishedAt", text);
	snprintf(text, sizeof text, "UCme%d", (int)sim_number(v, "account"));
	sim_set(snippet, "channelId", text);
	cJSON_AddItemToObject(o, "snippet", snippet);
	status = cJSON_Duplicate(cJSON_GetObjectItem(v, "status"), true);
	sim_set(status, "uploadStatus", sim_text(v, "uploadStatus"));
	if (strcmp(sim_text(v, "uploadStatus"), "failed") == 0)
		sim_set(status, "failureReason", "invalidFile");
	cJSON_AddItemToObject(o, "status", status);
	sim_set(cJSON_AddObjectToObject(o, "processingDetails"), "processingStatus", strcmp(sim_text(v, "uploadStatus"), "uploaded") ? "succeeded" : "processing");
	snprintf(text, sizeof text, "%" PRId64, sim_number(v, "size"));
	sim_set(cJSON_AddObjectToObject(o, "fileDetails"), "fileSize", text);
	return o;
}

/* Whoever may see it: what is public stands in the book of posts under the same id. */
static void show(struct sim *s, cJSON *v)
{
	const char *id = sim_text(v, "id"), *privacy = sim_text(cJSON_GetObjectItem(v, "status"), "privacyStatus");
	const cJSON *snippet = cJSON_GetObjectItem(v, "snippet");
	cJSON *p = sim_find(s, "posts", id);

	if (strcmp(privacy, "private") == 0 || p)
		return;
	p = sim_add(s, "posts", id, (int)sim_number(v, "account"));
	sim_set(p, "text", sim_text(snippet, "description"));
	sim_set(p, "title", sim_text(snippet, "title"));
	sim_set(p, "privacy", privacy);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(p, "media"), cJSON_Duplicate(v, true));
}

static cJSON *video_add(struct sim *s, const cJSON *session)
{
	char id[32];
	cJSON *v;

	snprintf(id, sizeof id, "vid%s", sim_text(session, "id") + 8);
	v = sim_add(s, "media", id, (int)sim_number(session, "account"));
	cJSON_AddItemToObject(v, "snippet", cJSON_Duplicate(cJSON_GetObjectItem(session, "snippet"), true));
	cJSON_AddItemToObject(v, "status", cJSON_Duplicate(cJSON_GetObjectItem(session, "status"), true));
	sim_blob_note(sim_text(session, "id"), v);
	sim_set(v, "uploadStatus", "uploaded");
	sim_set_number(v, "polls_left", s->sw.media_polls);
	show(s, v);
	return v;
}

static void say_stored(struct sim_reply *r, size_t stored)
{
	sim_answer(r, 308, "%s", "");
	if (stored)
		sim_header_add(r, "Range", "bytes=0-%zu", stored - 1);
}

static void say_video(struct sim_reply *r, const cJSON *v)
{
	r->status = 201;
	r->json = video_json(v);
}

/* A chunk may be taken in part: only what Range says counts. */
static void put(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *range = sim_header(q, "Content-Range"), *id = sim_arg(q, "upload_id");
	cJSON *m = sim_find(s, "sessions", id), *v;
	int64_t from = -1, to = -1, of = -1, total = sim_number(m, "total_bytes"), stored, take;

	if (!m || sim_take(&youtube.session_gone)) {
		sim_answer(r, 404, "%s", "");
		return;
	}
	v = sim_find(s, "media", sim_text(m, "video"));
	stored = (int64_t)sim_blob_size(id);
	if (v) {
		say_video(r, v);
	} else if (range && strncmp(range, "bytes */", 8) == 0 && q->body_len == 0) {
		say_stored(r, (size_t)stored);
	} else if (!range || sscanf(range, "bytes %" SCNd64 "-%" SCNd64 "/%" SCNd64, &from, &to, &of) != 3 || of != total || from != stored ||
	           to - from + 1 != (int64_t)q->body_len || to >= total || (to + 1 < total && q->body_len % CHUNK_STEP)) {
		error(r, 400, "badRequest", "Content-Range: chunks are multiples of 262144 and follow each other");
	} else {
		take = youtube.store_bytes && (int64_t)q->body_len > youtube.store_bytes ? youtube.store_bytes : (int64_t)q->body_len;
		youtube.store_bytes = 0;
		sim_blob_put(id, sim_blob_count(id), q->body, (size_t)take);
		if (stored + take < total) {
			say_stored(r, (size_t)(stored + take));
			return;
		}
		v = video_add(s, m);
		sim_set(m, "video", sim_text(v, "id"));
		say_video(r, v);
	}
}

static void advance(struct sim *s, cJSON *v)
{
	int64_t left = sim_number(v, "polls_left");

	if (strcmp(sim_text(v, "uploadStatus"), "uploaded") != 0)
		return;
	if (left > 0)
		sim_set_number(v, "polls_left", left - 1);
	else
		sim_set(v, "uploadStatus", s->sw.media_fail || strncmp(sim_text(v, "mime"), "video/", 6) != 0 ? "failed" : "processed");
}

/* Only the parts that were asked for. */
static void keep_parts(cJSON *o, const char *parts)
{
	static const char *const names[] = { "snippet", "status", "processingDetails", "fileDetails", "contentDetails" };

	for (size_t i = 0; i < SIM_COUNT(names); i++)
		if (!parts || !strstr(parts, names[i]))
			cJSON_DeleteItemFromObject(o, names[i]);
}

static void videos(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	char *ids = sim_copy(sim_arg(q, "id")), *rest = NULL;
	cJSON *items;

	if (sim_bad_field(q, "part id maxResults") || !ids) {
		error(r, 400, "missingRequiredParameter", "part, id");
		free(ids);
		return;
	}
	sim_answer(r, 200, "{\"kind\":\"youtube#videoListResponse\"}");
	items = cJSON_AddArrayToObject(r->json, "items");
	for (char *id = strtok_r(ids, ",", &rest); id; id = strtok_r(NULL, ",", &rest)) {
		cJSON *v = sim_own(s, "media", id, q->account), *o;

		if (!v)
			continue;
		advance(s, v);
		o = video_json(v);
		keep_parts(o, sim_arg(q, "part"));
		cJSON_AddItemToArray(items, o);
	}
	free(ids);
}

static void playlist(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *entries = sim_book(s, "media"), *items, *o, *snippet;
	char list[16];

	snprintf(list, sizeof list, "UUme%d", q->account);
	if (sim_bad_field(q, "part maxResults playlistId pageToken") || !sim_arg(q, "playlistId") || strcmp(sim_arg(q, "playlistId"), list) != 0) {
		error(r, 404, "playlistNotFound", "The playlist cannot be found.");
		return;
	}
	sim_answer(r, 200, "{\"kind\":\"youtube#playlistItemListResponse\"}");
	items = cJSON_AddArrayToObject(r->json, "items");
	for (cJSON *v = entries->child ? entries->child->prev : NULL; v; v = v == entries->child ? NULL : v->prev) {
		if (sim_number(v, "account") != q->account || sim_now_ms() - sim_number(v, "received_ms") < youtube.lag_ms)
			continue;
		o = cJSON_CreateObject();
		snippet = cJSON_AddObjectToObject(o, "snippet");
		sim_set(snippet, "title", sim_text(cJSON_GetObjectItem(v, "snippet"), "title"));
		sim_set(cJSON_AddObjectToObject(o, "contentDetails"), "videoId", sim_text(v, "id"));
		keep_parts(o, sim_arg(q, "part"));
		cJSON_AddItemToArray(items, o);
	}
}

/* The update replaces every property of the part. */
static void update(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *v = sim_own(s, "media", sim_text(q->json, "id"), q->account);
	const cJSON *status = cJSON_GetObjectItem(q->json, "status");

	if (sim_bad_field(q, "part") || sim_bad_member(q->json, "id:s status:o") || !sim_arg(q, "part") || strcmp(sim_arg(q, "part"), "status") != 0) {
		error(r, 400, "badRequest", "simulator: part=status alone is played");
	} else if (!v) {
		error(r, 404, "videoNotFound", "The video that you are trying to update cannot be found.");
	} else if (status_good(status, r)) {
		cJSON_ReplaceItemInObject(v, "status", cJSON_Duplicate(status, true));
		show(s, v);
		r->status = 200;
		r->json = video_json(v);
		keep_parts(r->json, "status");
	}
}

static void thumbnail(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *v = sim_arg(q, "videoId") ? sim_own(s, "media", sim_arg(q, "videoId"), q->account) : NULL;
	const char *mime = sim_sniff(q->body, q->body_len), *type = sim_header(q, "Content-Type");

	if (!v)
		error(r, 404, "videoNotFound", "The video cannot be found.");
	else if (!mime || !type || strcmp(mime, type) != 0 || (strcmp(mime, "image/jpeg") != 0 && strcmp(mime, "image/png") != 0))
		error(r, 400, "invalidImage", "The provided image content is invalid.");
	else {
		sim_set(v, "thumbnail", mime);
		sim_answer(r, 200, "{\"kind\":\"youtube#thumbnailSetResponse\",\"items\":[{\"default\":{\"url\":\"https://i.example/d.jpg\"}}]}");
	}
}

/* ---- comments ---- */

static cJSON *comment_json(const cJSON *c)
{
	cJSON *o = cJSON_CreateObject(), *snippet = cJSON_AddObjectToObject(o, "snippet"), *top, *inner;
	char text[16];

	sim_set(o, "id", sim_text(c, "id"));
	sim_set(snippet, "videoId", sim_text(c, "parent"));
	top = cJSON_AddObjectToObject(snippet, "topLevelComment");
	sim_set(top, "id", sim_text(c, "id"));
	inner = cJSON_AddObjectToObject(top, "snippet");
	sim_set(inner, "textOriginal", sim_text(c, "text"));
	snprintf(text, sizeof text, "UCme%d", (int)sim_number(c, "account"));
	sim_set(cJSON_AddObjectToObject(inner, "authorChannelId"), "value", text);
	return o;
}

static void comment(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const cJSON *snippet = cJSON_GetObjectItem(q->json, "snippet");
	const cJSON *text = sim_at(snippet, "topLevelComment.snippet.textOriginal");
	char number[24], id[32];
	cJSON *c;

	if (!cJSON_IsString(text) || !*text->valuestring || sim_bad_member(snippet, "videoId:s topLevelComment:o channelId:s"))
		error(r, 400, "commentTextRequired", "The comment has no text.");
	else if (sim_utf16(text->valuestring) > TEXT_MAX)
		error(r, 400, "commentTextTooLong", "The comment is too long.");
	else if (!sim_find(s, "posts", sim_text(snippet, "videoId")))
		error(r, 404, "videoNotFound", "The video is not there for comments.");
	else {
		snprintf(id, sizeof id, "Ug%s", sim_next_id(s, number));
		c = sim_add(s, "comments", id, q->account);
		sim_set(c, "text", text->valuestring);
		sim_set(c, "parent", sim_text(snippet, "videoId"));
		r->status = 200;
		r->json = comment_json(c);
	}
}

static void comments(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *held = sim_arg(q, "moderationStatus");
	cJSON *items;
	const cJSON *c;

	if (sim_bad_field(q, "part videoId order maxResults moderationStatus pageToken") || !sim_arg(q, "videoId")) {
		error(r, 400, "missingRequiredParameter", "part, videoId");
		return;
	}
	sim_answer(r, 200, "{\"kind\":\"youtube#commentThreadListResponse\"}");
	items = cJSON_AddArrayToObject(r->json, "items");
	cJSON_ArrayForEach(c, sim_book(s, "comments"))
		if (strcmp(sim_text(c, "parent"), sim_arg(q, "videoId")) == 0 && (!held || strcmp(held, "published") == 0))
			cJSON_InsertItemInArray(items, 0, comment_json(c));
}

/* ---- the table ---- */

static const struct sim_route routes[] = {
	{ "POST", "/token", token, 0 },
	{ "GET", "/youtube/v3/channels", channels, SIM_TOKEN },
	{ "POST", "/upload/youtube/v3/videos?uploadType=resumable", open_session, SIM_TOKEN },
	{ "PUT", "/upload/youtube/v3/videos?upload_id", put, SIM_UPLOAD },
	{ "POST", "/upload/youtube/v3/thumbnails/set", thumbnail, SIM_TOKEN },
	{ "GET", "/youtube/v3/videos", videos, SIM_TOKEN | SIM_READ },
	{ "PUT", "/youtube/v3/videos", update, SIM_TOKEN | SIM_ACT },
	{ "GET", "/youtube/v3/playlistItems", playlist, SIM_TOKEN | SIM_READ },
	{ "POST", "/youtube/v3/commentThreads", comment, SIM_TOKEN | SIM_ACT },
	{ "GET", "/youtube/v3/commentThreads", comments, SIM_TOKEN | SIM_READ },
};

#define KNOB(name) { #name, &youtube.name }
static const struct sim_knob knobs[] = { KNOB(upload_quota), KNOB(session_gone), KNOB(store_bytes), KNOB(lag_ms) };

#define ERROR(code, reason, message) \
	"{\"error\":{\"code\":" code ",\"message\":\"" message "\",\"errors\":[{\"message\":\"" message "\",\"domain\":\"global\",\"reason\":\"" reason "\"}]}}"
static const struct sim_words words[SIM_REFUSALS] = {
	[SIM_NO_ROUTE] = { 404, ERROR("404", "notFound", "Not Found") },
	[SIM_TOO_LARGE] = { 413, "" },
	[SIM_UNAUTHORIZED] = { 401, ERROR("401", "authError", "Invalid Credentials") },
	[SIM_EXPIRED] = { 401, ERROR("401", "authError", "Invalid Credentials") },
	[SIM_FORBIDDEN] = { 403, ERROR("403", "insufficientPermissions", "Request had insufficient authentication scopes.") },
	[SIM_RATE] = { 403, ERROR("403", "userRateLimitExceeded", "User rate limit exceeded") },
	[SIM_BUSY] = { 503, ERROR("503", "backendError", "Backend Error") },
	[SIM_BROKEN] = { 500, ERROR("500", "backendError", "Backend Error") },
};

const struct sim_platform sim_youtube = {
	.name = "youtube", .routes = routes, .route_count = SIM_COUNT(routes), .knobs = knobs, .knob_count = SIM_COUNT(knobs), .words = words,
};
