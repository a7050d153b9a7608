/* facebook_media.c: photos that nobody sees yet; videos in the chunks that the platform asks for; reels and video stories in one piece. */
#include "tests/cli/sim/facebook.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PHOTO_MAX_BYTES (4 * 1024 * 1024)
#define VIDEO_MAX_BYTES (2 * INT64_C(1073741824))
#define TITLE_MAX 255
#define DAY_MS (24 * 3600 * INT64_C(1000))

void facebook_photo(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const struct sim_field *file = sim_file(q, "source");
	const char *published = sim_arg(q, "published"), *why, *mime;
	cJSON *m;

	if (!facebook_page_good(s, q, r) || !graph_fields_known(q, r, "source url published temporary alt_text_custom appsecret_proof"))
		return;
	if (!published || strcmp(published, "false") != 0 || (!file && !sim_arg(q, "url"))) {
		graph_error(r, 100, 0, "simulator: published=false and source or url are needed");
		return;
	}
	m = graph_media(s, q, sim_arg(q, "url"), file, &why);
	mime = sim_text(m, "mime");
	if (!m || sim_number(m, "size") > PHOTO_MAX_BYTES ||
	    (strcmp(mime, "image/jpeg") != 0 && strcmp(mime, "image/png") != 0 && strcmp(mime, "image/gif") != 0)) {
		graph_error(r, 324, 1366046, "Your photos couldn't be uploaded. Photos should be smaller than 4 MB and saved as JPG, PNG");
		return;
	}
	sim_set(m, "kind", "photo");
	sim_set(m, "alt", sim_arg(q, "alt_text_custom"));
	sim_set(m, "post", "");
	sim_answer(r, 200, "{\"id\":\"%s\"}", sim_text(m, "id"));
}

/* ---- videos ---- */

/* "videos": in chunks; the others: one piece to an address of its own. */
static const struct edge { const char *name, *kind; bool chunks; } edges[] = {
	{ "videos", "video", true }, { "video_reels", "reel", false }, { "video_stories", "story", false },
};

static const struct edge *edge_find(const char *name)
{
	for (size_t i = 0; i < SIM_COUNT(edges); i++)
		if (strcmp(edges[i].name, name) == 0)
			return &edges[i];
	return NULL;
}

static void say_range(struct sim_reply *r, const cJSON *m)
{
	int64_t at = (int64_t)sim_blob_size(sim_text(m, "id")), total = sim_number(m, "total_bytes"), end = at + facebook.chunk_bytes;

	sim_answer(r, 200, "{\"start_offset\":\"%" PRId64 "\",\"end_offset\":\"%" PRId64 "\"}", at, end < total ? end : total);
}

void facebook_video_start(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const struct edge *e = edge_find(q->ids[2]);
	int64_t total = sim_arg(q, "file_size") ? atoll(sim_arg(q, "file_size")) : 0;
	char id[24], url[100];
	cJSON *m;

	if (!e) {
		sim_refuse(s, r, SIM_NO_ROUTE);
		return;
	}
	if (!facebook_page_good(s, q, r) || !graph_fields_known(q, r, "upload_phase file_size appsecret_proof"))
		return;
	if (e->chunks && (total < 1 || total > VIDEO_MAX_BYTES)) {
		graph_error(r, 6000, 1363023, "file_size");
		return;
	}
	m = sim_add(s, "media", sim_next_id(s, id), q->account);
	sim_set(m, "kind", e->kind);
	sim_set(m, "post", "");
	sim_set(m, "state", "uploading");
	sim_set_number(m, "total_bytes", total);
	sim_set_number(m, "polls_left", s->sw.media_polls);
	if (e->chunks) {
		say_range(r, m);
		sim_set(r->json, "video_id", id);
		sim_set(r->json, "upload_session_id", id);
		return;
	}
	snprintf(url, sizeof url, "http://127.0.0.1:%d/video-upload/v25.0/%s", s->port, id);
	sim_answer(r, 200, "{\"video_id\":\"%s\",\"upload_url\":\"%s\"}", id, url);
}

static cJSON *session(struct sim *s, struct sim_request *q, struct sim_reply *r, const char *id)
{
	cJSON *m = id ? sim_own(s, "media", id, q->account) : NULL;

	if (!m || strcmp(sim_text(m, "kind"), "photo") == 0)
		graph_error(r, 6001, 1363033, "the upload session does not exist");
	return m;
}

void facebook_video_chunk(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const struct sim_field *file = sim_file(q, "video_file_chunk");
	const char *id = sim_arg(q, "upload_session_id"), *offset = sim_arg(q, "start_offset");
	cJSON *m;
	int64_t at, total, want;

	if (!facebook_page_good(s, q, r) || !graph_fields_known(q, r, "upload_phase upload_session_id start_offset video_file_chunk appsecret_proof"))
		return;
	m = session(s, q, r, id);
	if (!m)
		return;
	at = (int64_t)sim_blob_size(id);
	total = sim_number(m, "total_bytes");
	want = total - at < facebook.chunk_bytes ? total - at : facebook.chunk_bytes;
	if (!file || !offset || sim_take(&facebook.wrong_offset) || atoll(offset) != at || (int64_t)file->len != want) {
		graph_error(r, 6001, 1363037, "the chunk is not the one that is wanted");
		cJSON *data = cJSON_AddObjectToObject(cJSON_GetObjectItem(r->json, "error"), "error_data");

		sim_set_number(data, "start_offset", at);
		sim_set_number(data, "end_offset", at + want);
		return;
	}
	sim_blob_put(id, (int)(at / facebook.chunk_bytes), file->value, file->len);
	say_range(r, m);
}

void facebook_video_put(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *offset = sim_header(q, "offset"), *size = sim_header(q, "file_size");
	cJSON *m;

	if (!graph_scheme_good(q, r, "OAuth"))
		return;
	m = session(s, q, r, q->ids[1]);
	if (!m)
		return;
	if (!offset || !size || atoll(size) < 1 || (size_t)atoll(offset) != sim_blob_size(q->ids[1]) ||
	    atoll(offset) + (int64_t)q->body_len != atoll(size)) {
		sim_answer(r, 400, "{\"debug_info\":{\"retriable\":true,\"type\":\"PartialRequestError\",\"message\":\"offset, file_size and body\"}}");
		return;
	}
	sim_blob_put(q->ids[1], atoll(offset) ? 1 : 0, q->body, q->body_len);
	sim_set_number(m, "total_bytes", atoll(size));
	sim_answer(r, 200, "{\"success\":true}");
}

static int reels_today(struct sim *s, int account)
{
	const cJSON *p;
	int n = 0;

	cJSON_ArrayForEach(p, sim_book(s, "posts"))
		n += sim_number(p, "account") == account && strcmp(sim_text(p, "kind"), "reel") == 0 && sim_now_ms() - sim_number(p, "received_ms") < DAY_MS;
	return n;
}

static bool finish_good(struct sim *s, struct sim_request *q, struct sim_reply *r, const struct edge *e, const cJSON *m)
{
	const char *state = sim_arg(q, "video_state"), *mime = sim_text(m, "mime"), *title = sim_arg(q, "title");

	if ((int64_t)sim_blob_size(sim_text(m, "id")) != sim_number(m, "total_bytes") || !sim_number(m, "total_bytes"))
		graph_error(r, 6001, 1363045, "the bytes are not all there");
	else if (strncmp(mime, "video/", 6) != 0)
		graph_error(r, 6000, 1363024, "the file's format is not supported");
	else if (*sim_text(m, "post"))
		graph_error(r, 100, 0, "the video was published before");
	else if (strcmp(e->kind, "reel") == 0 && (!state || strcmp(state, "PUBLISHED") != 0))
		graph_error(r, 100, 0, "video_state=PUBLISHED is needed");
	else if (strcmp(e->kind, "reel") == 0 && reels_today(s, q->account) >= facebook.reel_limit)
		graph_error(r, 32, 0, "(#32) Page request limit reached");
	else if (title && sim_utf16(title) > TITLE_MAX)
		graph_error(r, 100, 0, "title");
	return r->status == 0;
}

void facebook_video_finish(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const struct edge *e = edge_find(q->ids[2]);
	const char *names = !e ? "" : e->chunks ? "upload_phase upload_session_id description title published thumb appsecret_proof" :
	                    strcmp(e->kind, "reel") == 0 ? "upload_phase video_id video_state description title appsecret_proof" :
	                    "upload_phase video_id appsecret_proof";
	cJSON *m, *p;

	if (!e) {
		sim_refuse(s, r, SIM_NO_ROUTE);
		return;
	}
	if (!facebook_page_good(s, q, r) || !graph_fields_known(q, r, names))
		return;
	m = session(s, q, r, sim_arg(q, e->chunks ? "upload_session_id" : "video_id"));
	if (!m)
		return;
	sim_blob_note(sim_text(m, "id"), m);
	if (!finish_good(s, q, r, e, m))
		return;
	p = facebook_post_add(s, q, e->kind, sim_arg(q, "description"));
	sim_set(p, "title", sim_arg(q, "title"));
	facebook_show(p, m);
	sim_set(m, "state", "processing");
	sim_answer(r, 200, "{\"success\":true}");
	if (strcmp(e->kind, "story") == 0)
		sim_set(r->json, "post_id", sim_text(p, "id"));
}

cJSON *facebook_video_json(cJSON *m)
{
	int64_t left = sim_number(m, "polls_left");
	bool finished = *sim_text(m, "post") != '\0', ready = finished && left <= 0;
	bool whole = sim_number(m, "total_bytes") > 0 && (int64_t)sim_blob_size(sim_text(m, "id")) == sim_number(m, "total_bytes");
	cJSON *o = cJSON_CreateObject(), *status = cJSON_AddObjectToObject(o, "status"), *phase;

	if (finished && left > 0)
		sim_set_number(m, "polls_left", left - 1);
	sim_set(o, "id", sim_text(m, "id"));
	sim_set(status, "video_status", ready ? "ready" : whole ? "processing" : "upload_complete");
	phase = cJSON_AddObjectToObject(status, "uploading_phase");
	sim_set(phase, "status", whole ? "complete" : "in_progress");
	sim_set_number(phase, "bytes_transferred", (int64_t)sim_blob_size(sim_text(m, "id")));
	sim_set(cJSON_AddObjectToObject(status, "processing_phase"), "status", ready ? "complete" : whole ? "in_progress" : "not_started");
	phase = cJSON_AddObjectToObject(status, "publishing_phase");
	sim_set(phase, "status", ready ? "complete" : "not_started");
	cJSON_AddBoolToObject(o, "published", finished);
	if (ready) {
		sim_set(phase, "publish_status", "published");
		sim_set(o, "post_id", sim_text(m, "post"));
		sim_set(o, "permalink_url", "/watch/");
	}
	return o;
}
