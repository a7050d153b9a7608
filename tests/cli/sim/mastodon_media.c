/* mastodon_media.c: uploads: what a file may be, how long it is "processed", and that it disappears once a status shows it; who an
 * account is, and what the instance says of itself. */
#include "tests/cli/sim/mastodon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cJSON *media_json(struct sim *s, const cJSON *m)
{
	cJSON *o = cJSON_CreateObject();
	char text[80];

	snprintf(text, sizeof text, "http://127.0.0.1:%d/m/%s", s->port, sim_text(m, "id"));
	sim_set(o, "id", sim_text(m, "id"));
	sim_set(o, "type", strncmp(sim_text(m, "mime"), "video", 5) == 0 ? "video" : "image");
	sim_set(o, "url", sim_number(m, "polls_left") > 0 ? NULL : text);
	cJSON_AddItemToObject(o, "description", cJSON_Duplicate(cJSON_GetObjectItem(m, "description"), true));
	return o;
}

static bool description_fits(const char *text, struct sim_reply *r)
{
	int count = text ? sim_count(text, 1) : 0;

	if (count >= 0 && count <= mastodon.description_limit)
		return true;
	mastodon_error(r, 422, "Validation failed: Description is too long");
	return false;
}

static bool file_fits(const struct sim_field *file, struct sim_reply *r)
{
	const char *kind = file ? sim_sniff(file->value, file->len) : NULL;

	if (!file || !file->file || !file->len)
		mastodon_error(r, 422, "Validation failed: File can't be blank");
	else if (file->len > (size_t)mastodon.image_size_limit)
		mastodon_error(r, 422, "Validation failed: File file size must be less than the limit");
	else if (!kind || !file->mime || strcmp(kind, file->mime) != 0)
		mastodon_error(r, 422, "Validation failed: File content type is invalid, File is invalid");
	return r->status == 0;
}

void mastodon_post_media(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const struct sim_field *file = sim_file(q, "file");
	char id[24], hash[65];
	cJSON *m;

	if (!file_fits(file, r) || !description_fits(sim_arg(q, "description"), r))
		return;
	snprintf(id, sizeof id, "%d", 2200 + cJSON_GetArraySize(sim_book(s, "media")));
	sim_hash(file->value, file->len, hash);
	m = sim_add(s, "media", id, q->account);
	sim_set(m, "description", sim_arg(q, "description"));
	sim_set(m, "name", file->file);
	sim_set(m, "mime", file->mime);
	sim_set(m, "sha256", hash);
	sim_set_number(m, "size", (int64_t)file->len);
	sim_set_number(m, "polls_left", s->sw.media_polls);
	cJSON_AddBoolToObject(m, "failed", s->sw.media_fail != 0);
	cJSON_AddNullToObject(m, "status");
	r->status = s->sw.media_polls > 0 ? 202 : 200;
	r->json = media_json(s, m);
}

/* The caller's own, not shown by a status yet; otherwise the real server's 404. */
static cJSON *own(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *m = sim_own(s, "media", q->ids[0], q->account);

	if (m && cJSON_IsNull(cJSON_GetObjectItem(m, "status")))
		return m;
	sim_refuse(s, r, SIM_NO_ROUTE);
	return NULL;
}

void mastodon_get_media(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *m = own(s, q, r);
	int64_t left = m ? sim_number(m, "polls_left") : 0;

	if (!m)
		return;
	r->status = left > 0 ? 206 : 200;
	r->json = media_json(s, m);
	if (left > 0)
		sim_set_number(m, "polls_left", left - 1);
	else if (cJSON_IsTrue(cJSON_GetObjectItem(m, "failed")))
		mastodon_error(r, 422, "Error processing thumbnail for uploaded media");
}

void mastodon_put_media(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *m = own(s, q, r);
	const cJSON *text = cJSON_GetObjectItemCaseSensitive(q->json, "description");

	if (m && cJSON_IsString(text) && description_fits(text->valuestring, r))
		sim_set(m, "description", text->valuestring);
	if (m && !r->status) {
		r->status = 200;
		r->json = media_json(s, m);
	}
}

void mastodon_verify(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	char name[24];

	snprintf(name, sizeof name, q->account ? "acme%d" : "acme", q->account);
	sim_answer(r, 200, "{\"id\":\"%d\",\"username\":\"%s\",\"acct\":\"%s\",\"followers_count\":812,\"following_count\":20,\"statuses_count\":%d}",
		   1100 + q->account, name, name, cJSON_GetArraySize(sim_book(s, "posts")));
}

void mastodon_instance(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	(void)s;
	(void)q;
	sim_answer(r, 200,
		   "{\"domain\":\"127.0.0.1\",\"version\":\"%s\",\"api_versions\":{\"mastodon\":7},\"configuration\":{"
		   "\"statuses\":{\"max_characters\":%d,\"max_media_attachments\":%d,\"characters_reserved_per_url\":%d},"
		   "\"media_attachments\":{\"supported_mime_types\":[\"image/jpeg\",\"image/png\",\"image/gif\",\"image/webp\",\"video/mp4\"],"
		   "\"description_limit\":%d,\"image_size_limit\":%d,\"image_matrix_limit\":33177600,\"video_size_limit\":103809024,"
		   "\"video_frame_rate_limit\":120,\"video_matrix_limit\":8294400},"
		   "\"polls\":{\"max_options\":4,\"max_characters_per_option\":50,\"min_expiration\":300,\"max_expiration\":2629746}}}",
		   mastodon.repeat_500 ? "4.6.5" : "4.5.15", mastodon.max_characters, mastodon.max_media, mastodon.url_characters,
		   mastodon.description_limit, mastodon.image_size_limit);
}
