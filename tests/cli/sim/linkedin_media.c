/* linkedin_media.c: LinkedIn's uploads: images and documents in one piece, videos in the pieces that the platform dictates. */
#include "tests/cli/sim/linkedin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VIDEO_MIN_BYTES 75000
#define VIDEO_MAX_BYTES 500000000
#define ALT_MAX 4086

static const struct kind { const char *path, *name, *mimes; } kinds[] = {
	{ "images", "image", "image/jpeg image/png image/gif" },
	{ "videos", "video", "video/mp4" },
	{ "documents", "document", "application/pdf" },
};

static const struct kind *kind_find(const char *path)
{
	for (size_t i = 0; i < SIM_COUNT(kinds); i++)
		if (strcmp(kinds[i].path, path) == 0)
			return &kinds[i];
	return NULL;
}

static bool owner_good(const char *owner)
{
	return strncmp(owner, "urn:li:person:", 14) == 0 || strncmp(owner, "urn:li:organization:", 20) == 0;
}

static void say_parts(struct sim *s, const cJSON *m, struct sim_reply *r)
{
	int64_t total = sim_number(m, "total_bytes"), at = 0;
	cJSON *list, *one;
	char url[160];

	sim_answer(r, 200, "{\"value\":{\"uploadUrlsExpireAt\":%" PRId64 ",\"video\":\"%s\",\"uploadToken\":\"\"}}", sim_now_ms() + 3600000,
		   sim_text(m, "id"));
	list = cJSON_AddArrayToObject(cJSON_GetObjectItem(r->json, "value"), "uploadInstructions");
	for (int i = 0; at < total; i++, at += linkedin.part_bytes) {
		one = cJSON_CreateObject();
		snprintf(url, sizeof url, "http://127.0.0.1:%d/dms-uploads/%s/part/%d", s->port, sim_text(m, "key"), i);
		sim_set(one, "uploadUrl", url);
		sim_set_number(one, "firstByte", at);
		sim_set_number(one, "lastByte", (at + linkedin.part_bytes < total ? at + linkedin.part_bytes : total) - 1);
		cJSON_AddItemToArray(list, one);
	}
}

void linkedin_initialize(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const struct kind *k = kind_find(q->ids[0]);
	const cJSON *o = cJSON_GetObjectItem(q->json, "initializeUploadRequest");
	bool video = k && strcmp(k->name, "video") == 0;
	int64_t bytes = sim_number(o, "fileSizeBytes");
	char key[24], urn[80];
	cJSON *m;

	if (!linkedin_call_good(q, r, NULL))
		return;
	if (!k || !o || sim_bad_member(o, video ? "owner:s fileSizeBytes:n uploadCaptions:b uploadThumbnail:b" : "owner:s") ||
	    !owner_good(sim_text(o, "owner")) || (video && (bytes < VIDEO_MIN_BYTES || bytes > VIDEO_MAX_BYTES))) {
		linkedin_error(r, 400, "PARAM_INVALID", "initializeUploadRequest: unknown, missing or out of range");
		return;
	}
	snprintf(urn, sizeof urn, "urn:li:%s:C4E%s", k->name, sim_next_id(s, key));
	m = sim_add(s, "media", urn, q->account);
	sim_set(m, "key", key);
	sim_set(m, "kind", k->name);
	sim_set(m, "owner", sim_text(o, "owner"));
	sim_set(m, "status", "WAITING_UPLOAD");
	sim_set_number(m, "polls_left", s->sw.media_polls);
	sim_set_number(m, "total_bytes", bytes);
	if (video)
		say_parts(s, m, r);
	else
		sim_answer(r, 200, "{\"value\":{\"uploadUrlExpiresAt\":%" PRId64 ",\"uploadUrl\":\"http://127.0.0.1:%d/dms-uploads/%s/whole/0?"
			   "ca=vector_feedshare&sync=0\",\"%s\":\"%s\"}}", sim_now_ms() + 3600000, s->port, key, k->name, urn);
}

static cJSON *by_key(struct sim *s, const char *key)
{
	cJSON *m;

	cJSON_ArrayForEach(m, sim_book(s, "media"))
		if (strcmp(sim_text(m, "key"), key) == 0)
			return m;
	return NULL;
}

static void uploaded(struct sim *s, cJSON *m)
{
	sim_blob_note(sim_text(m, "key"), m);
	sim_set(m, "status", sim_number(m, "polls_left") > 0 ? "PROCESSING" : s->sw.media_fail ? "PROCESSING_FAILED" : "AVAILABLE");
}

void linkedin_put(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *m = by_key(s, q->ids[0]);
	const char *mime = sim_sniff(q->body, q->body_len);

	if (!m || !q->body_len || !strstr(kind_find("images")->mimes, mime ? mime : "-")) {
		if (!m || strcmp(sim_text(m, "kind"), "document") != 0 || !q->body_len) {
			linkedin_error(r, 400, "PARAM_INVALID", "no such upload, or not a file of its kind");
			return;
		}
	}
	sim_blob_put(q->ids[0], 0, q->body, q->body_len);
	uploaded(s, m);
	sim_answer(r, 201, "%s", "");
}

void linkedin_put_part(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *m = by_key(s, q->ids[0]);
	int64_t total = sim_number(m, "total_bytes"), from = atoi(q->ids[1]) * (int64_t)linkedin.part_bytes, left = total - from;

	if (!m || left <= 0 || (int64_t)q->body_len != (left < linkedin.part_bytes ? left : linkedin.part_bytes)) {
		linkedin_error(r, 400, "PARAM_INVALID", "the part is not what its instruction says");
		return;
	}
	sim_blob_put(q->ids[0], atoi(q->ids[1]), q->body, q->body_len);
	sim_answer(r, 200, "%s", "");
	sim_header_add(r, "ETag", "\"/ambry-video/%s/part%s\"", q->ids[0], q->ids[1]);
}

static bool parts_good(const cJSON *m, const cJSON *ids)
{
	int64_t count = (sim_number(m, "total_bytes") + linkedin.part_bytes - 1) / linkedin.part_bytes;
	char want[80];
	int n = 0;
	const cJSON *v;

	cJSON_ArrayForEach(v, ids) {
		snprintf(want, sizeof want, "/ambry-video/%s/part%d", sim_text(m, "key"), n++);
		if (!cJSON_IsString(v) || strcmp(v->valuestring, want) != 0)
			return false;
	}
	return n == count && (int64_t)sim_blob_size(sim_text(m, "key")) == sim_number(m, "total_bytes");
}

void linkedin_finalize(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const cJSON *o = cJSON_GetObjectItem(q->json, "finalizeUploadRequest");
	cJSON *m = sim_own(s, "media", sim_text(o, "video"), q->account);

	if (!linkedin_call_good(q, r, NULL))
		return;
	if (!m || sim_bad_member(o, "video:s uploadToken:s uploadedPartIds:a") || !cJSON_IsString(cJSON_GetObjectItem(o, "uploadToken")) ||
	    !parts_good(m, cJSON_GetObjectItem(o, "uploadedPartIds"))) {
		linkedin_error(r, 400, "PARAM_INVALID", "finalizeUploadRequest: parts are missing or not in their order");
		return;
	}
	uploaded(s, m);
	sim_answer(r, 200, "%s", "");
}

void linkedin_asset(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *m = sim_own(s, "media", q->ids[1], q->account);
	bool video = strcmp(q->ids[0], "videos") == 0;
	int64_t left = m ? sim_number(m, "polls_left") : 0;

	if (!linkedin_call_good(q, r, NULL))
		return;
	if (linkedin.no_read && !video) {
		sim_refuse(s, r, SIM_FORBIDDEN);
		return;
	}
	if (!m) {
		sim_refuse(s, r, SIM_NO_ROUTE);
		return;
	}
	if (strcmp(sim_text(m, "status"), "PROCESSING") == 0) {
		sim_set_number(m, "polls_left", left - 1);
		if (left <= 1)
			sim_set(m, "status", s->sw.media_fail ? "PROCESSING_FAILED" : "AVAILABLE");
	}
	sim_answer(r, 200, "{\"id\":\"%s\",\"owner\":\"%s\",\"status\":\"%s\"}", sim_text(m, "id"), sim_text(m, "owner"), sim_text(m, "status"));
	if (strcmp(sim_text(m, "status"), "PROCESSING_FAILED") == 0)
		sim_set(r->json, "processingFailureReason", "unsupported codec");
}

/* ---- what a post shows ---- */

static bool asset_good(struct sim *s, const char *author, const char *urn, struct sim_reply *r)
{
	const cJSON *m = sim_find(s, "media", urn);
	const char *status = sim_text(m, "status");

	if (!m || strcmp(sim_text(m, "owner"), author) != 0)
		linkedin_error(r, 400, "INVALID_VALUE_FOR_FIELD", "the asset does not exist or is not the author's");
	else if (strcmp(status, "PROCESSING_FAILED") == 0)
		linkedin_error(r, 400, "MEDIA_ASSET_PROCESSING_FAILED", "the asset could not be processed");
	else if (strcmp(status, "AVAILABLE") != 0)
		linkedin_error(r, 400, "MEDIA_ASSET_WAITING_UPLOAD", "the asset is not ready");
	return r->status == 0;
}

static bool images_good(struct sim *s, const char *author, const cJSON *images, struct sim_reply *r)
{
	int count = cJSON_GetArraySize(images);
	const cJSON *v;

	if (count < 2 || count > 20) {
		linkedin_error(r, 400, "INVALID_VALUE_FOR_FIELD", "multiImage has 2 to 20 images");
		return false;
	}
	cJSON_ArrayForEach(v, images)
		if (sim_bad_member(v, "id:s altText:s") || sim_utf16(sim_text(v, "altText")) > ALT_MAX) {
			linkedin_error(r, 400, "INVALID_VALUE_FOR_FIELD", "multiImage: id or altText");
			return false;
		} else if (!asset_good(s, author, sim_text(v, "id"), r)) {
			return false;
		}
	return true;
}

static bool article_good(struct sim *s, const char *author, const cJSON *a, struct sim_reply *r)
{
	if (sim_bad_member(a, "source:s title:s description:s thumbnail:s") || !*sim_text(a, "source") || !*sim_text(a, "title") ||
	    sim_utf16(sim_text(a, "title")) > 400 || sim_utf16(sim_text(a, "description")) > 4086) {
		linkedin_error(r, 400, "INVALID_VALUE_FOR_FIELD", "article: source and title are needed; 400 and 4086 characters");
		return false;
	}
	return !*sim_text(a, "thumbnail") || asset_good(s, author, sim_text(a, "thumbnail"), r);
}

bool linkedin_content_good(struct sim *s, const char *author, const cJSON *content, struct sim_reply *r)
{
	const cJSON *media = cJSON_GetObjectItem(content, "media"), *article = cJSON_GetObjectItem(content, "article");
	bool document = strncmp(sim_text(media, "id"), "urn:li:document:", 16) == 0;

	if (content && (cJSON_GetArraySize(content) != 1 || sim_bad_member(content, "media:o article:o multiImage:o"))) {
		linkedin_error(r, 400, "INVALID_VALUE_FOR_FIELD", "content is one of media, article, multiImage");
		return false;
	}
	if (media && (sim_bad_member(media, "id:s title:s altText:s") || sim_utf16(sim_text(media, "altText")) > ALT_MAX ||
	              (document && !*sim_text(media, "title")))) {
		linkedin_error(r, 400, "MISSING_FIELD", "media: id, title of a document, altText up to 4086");
		return false;
	}
	if (media)
		return asset_good(s, author, sim_text(media, "id"), r);
	if (article)
		return article_good(s, author, article, r);
	return !content || images_good(s, author, sim_at(content, "multiImage.images"), r);
}
