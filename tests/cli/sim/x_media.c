/* x_media.c: X's uploads: a picture in one request, all else in chunks in the contract's order, alt texts, and what a post may show. */
#include "tests/cli/sim/x.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE_MAX_BYTES (5 * INT64_C(1048576))
#define GIF_MAX_BYTES (15 * INT64_C(1048576))
#define VIDEO_MAX_BYTES (512 * INT64_C(1048576))
#define CHUNK_MAX_BYTES (5u * 1048576)
#define LIFE_MS (24 * 3600 * INT64_C(1000))

static const struct category { const char *name, *mimes, *key; int64_t max_bytes; int most; bool later; } categories[] = {
	{ "tweet_image", "image/jpeg image/png image/webp image/gif", "3", IMAGE_MAX_BYTES, 4, false },
	{ "tweet_gif", "image/gif", "16", GIF_MAX_BYTES, 1, true },
	{ "tweet_video", "video/mp4 video/quicktime video/webm", "7", VIDEO_MAX_BYTES, 1, true },
};

static const struct category *category_find(const char *name)
{
	for (size_t i = 0; name && i < SIM_COUNT(categories); i++)
		if (strcmp(categories[i].name, name) == 0)
			return &categories[i];
	return NULL;
}

const char *x_media_key(const cJSON *media, char out[40])
{
	const struct category *c = category_find(sim_text(media, "category"));

	snprintf(out, 40, "%s_%s", c ? c->key : "3", sim_text(media, "id"));
	return out;
}

static cJSON *media_add(struct sim *s, struct sim_request *q, const char *category)
{
	char id[24];
	cJSON *m = sim_add(s, "media", sim_next_id(s, id), q->account);

	sim_set(m, "category", category);
	sim_set(m, "state", "open");
	cJSON_AddNullToObject(m, "alt");
	return m;
}

static void say(struct sim_reply *r, const cJSON *m)
{
	char key[40];

	sim_answer(r, 200, "{\"data\":{\"id\":\"%s\",\"media_key\":\"%s\",\"expires_after_secs\":86400}}", sim_text(m, "id"), x_media_key(m, key));
	if (sim_number(m, "size") > 0)
		sim_set_number(cJSON_GetObjectItem(r->json, "data"), "size", sim_number(m, "size"));
}

void x_upload(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const struct sim_field *file = sim_file(q, "media");
	const char *mime = file ? sim_sniff(file->value, file->len) : NULL;
	cJSON *m;

	if (x_invalid(r, sim_bad_field(q, "media media_category media_type")))
		return;
	if (!file || !file->file || !sim_arg(q, "media_category") || strcmp(sim_arg(q, "media_category"), "tweet_image") != 0)
		x_invalid(r, "a file part media and media_category=tweet_image are needed");
	else if (!mime || !strstr(categories[0].mimes, mime) || (int64_t)file->len > IMAGE_MAX_BYTES)
		x_invalid(r, "media: is no picture that is taken");
	else {
		m = media_add(s, q, "tweet_image");
		sim_blob_put(sim_text(m, "id"), 0, file->value, file->len);
		sim_blob_note(sim_text(m, "id"), m);
		sim_set(m, "state", "succeeded");
		say(r, m);
	}
}

void x_initialize(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const struct category *c = category_find(sim_text(q->json, "media_category"));
	int64_t total = sim_number(q->json, "total_bytes");
	const char *type = sim_text(q->json, "media_type");
	cJSON *m;

	if (x_invalid(r, sim_bad_member(q->json, "media_type:s total_bytes:n media_category:s additional_owners:a shared:b")))
		return;
	if (!c || !*type || !strstr(c->mimes, type) || total < 1 || total > c->max_bytes) {
		x_invalid(r, "media_type, total_bytes or media_category");
		return;
	}
	m = media_add(s, q, c->name);
	sim_set_number(m, "total_bytes", total);
	say(r, m);
}

static cJSON *own(struct sim *s, struct sim_request *q, struct sim_reply *r, const char *id, const char *state)
{
	cJSON *m = id ? sim_own(s, "media", id, q->account) : NULL;

	if (!m || sim_now_ms() - sim_number(m, "received_ms") > LIFE_MS)
		x_problem(r, 404, "Not Found Error", "resource-not-found", "Could not find media.");
	else if (state && strcmp(sim_text(m, "state"), state) != 0)
		x_invalid(r, "the upload is not in the state for this call");
	else
		return m;
	return NULL;
}

void x_append(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *m = own(s, q, r, q->ids[0], "open");
	const struct sim_field *file = sim_file(q, "media");
	const char *index = sim_arg(q, "segment_index");

	if (!m || x_invalid(r, sim_bad_field(q, "segment_index media")))
		return;
	if (!file || !file->len || !index || strspn(index, "0123456789") != strlen(index) || atoi(index) > 999)
		x_invalid(r, "segment_index and a file part media are needed");
	else if (file->len > CHUNK_MAX_BYTES || file->len > (size_t)x.chunk_limit)
		sim_answer(r, 413, "%s", "");
	else {
		sim_blob_put(q->ids[0], atoi(index), file->value, file->len);
		sim_answer(r, 200, "{\"data\":{\"expires_at\":%" PRId64 "}}", sim_now_ms() / 1000 + 86400);
	}
}

static void say_processing(struct sim_reply *r, const cJSON *m)
{
	const char *state = sim_text(m, "state");
	cJSON *info;

	say(r, m);
	if (!sim_at(m, "processed"))
		return;
	info = cJSON_AddObjectToObject(cJSON_GetObjectItem(r->json, "data"), "processing_info");
	sim_set(info, "state", state);
	if (strcmp(state, "pending") == 0 || strcmp(state, "in_progress") == 0)
		sim_set_number(info, "check_after_secs", 1);
	if (strcmp(state, "failed") == 0)
		sim_set(cJSON_AddObjectToObject(info, "error"), "message", "file is currently unsupported");
}

void x_finalize(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *m = own(s, q, r, q->ids[0], "open");
	const struct category *c = category_find(sim_text(m, "category"));

	if (!m)
		return;
	if (q->body_len || q->field_count) {
		x_invalid(r, "finalize has no body");
	} else if (!sim_blob_whole(q->ids[0]) || (int64_t)sim_blob_size(q->ids[0]) != sim_number(m, "total_bytes")) {
		x_invalid(r, "the segments do not make total_bytes");
	} else {
		sim_blob_note(q->ids[0], m);
		if (c->later)
			cJSON_AddBoolToObject(m, "processed", true);
		sim_set_number(m, "polls_left", s->sw.media_polls);
		sim_set(m, "state", c->later ? "pending" : "succeeded");
		say_processing(r, m);
	}
}

void x_status(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *m = x_invalid(r, sim_bad_field(q, "command media_id")) ? NULL : own(s, q, r, sim_arg(q, "media_id"), NULL);
	int64_t left = m ? sim_number(m, "polls_left") : 0;

	if (!m)
		return;
	if (left > 0)
		sim_set_number(m, "polls_left", left - 1);
	if (strcmp(sim_text(m, "state"), "open") != 0)
		sim_set(m, "state", left > 0 ? "in_progress" : s->sw.media_fail ? "failed" : "succeeded");
	say_processing(r, m);
}

void x_metadata(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const cJSON *alt = sim_at(q->json, "metadata.alt_text");
	const char *text = sim_text(alt, "text");
	cJSON *m;

	if (x_invalid(r, sim_bad_member(q->json, "id:s metadata:o")) || x_invalid(r, sim_bad_member(alt, "text:s")))
		return;
	m = own(s, q, r, sim_text(q->json, "id"), NULL);
	if (!m)
		return;
	if (!*text || sim_utf16(text) > 1000 || strcmp(sim_text(m, "category"), "tweet_video") == 0) {
		x_invalid(r, "alt_text: 1 to 1000 characters, of pictures");
		return;
	}
	sim_set(m, "alt", text);
	sim_answer(r, 200, "{\"data\":{\"id\":\"%s\"}}", sim_text(m, "id"));
}

const char *x_media_refused(struct sim *s, struct sim_request *q, const cJSON *ids)
{
	const struct category *first = NULL;
	int count = cJSON_GetArraySize(ids);
	const cJSON *v;

	cJSON_ArrayForEach(v, ids) {
		const cJSON *m = cJSON_IsString(v) ? sim_own(s, "media", v->valuestring, q->account) : NULL;
		const struct category *c = category_find(sim_text(m, "category"));

		if (!m || strcmp(sim_text(m, "state"), "succeeded") != 0)
			return "Your media IDs are invalid.";
		if (first && c != first)
			return "You are not permitted to perform this action: media of several kinds.";
		first = c;
	}
	return count < 1 || count > first->most ? "A maximum of 4 items is allowed." : NULL;
}
