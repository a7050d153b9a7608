/* sim_media.c: uploads: what a file may be, how long it is "processed", and that it disappears once a status shows it. */
#include "tests/cli/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

static const struct { const char *mime, *magic; size_t at, len; } kinds[] = {
	{ "image/png", "\x89PNG\r\n\x1a\n", 0, 8 },
	{ "image/jpeg", "\xff\xd8\xff", 0, 3 },
	{ "image/gif", "GIF8", 0, 4 },
	{ "image/webp", "WEBP", 8, 4 },
	{ "video/mp4", "ftyp", 4, 4 },
};

static const char *sniff(const char *data, size_t len)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (len >= kinds[i].at + kinds[i].len && memcmp(data + kinds[i].at, kinds[i].magic, kinds[i].len) == 0)
			return kinds[i].mime;
	return NULL;
}

static void hash(const char *data, size_t len, char out[65])
{
	unsigned char sum[EVP_MAX_MD_SIZE];

	EVP_Digest(data, len, sum, NULL, EVP_sha256(), NULL);
	for (int i = 0; i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", sum[i]);
}

static cJSON *media_json(struct sim *s, const struct sim_media *m)
{
	cJSON *o = cJSON_CreateObject();
	char text[80];

	snprintf(text, sizeof text, "%lu", m->id);
	cJSON_AddStringToObject(o, "id", text);
	cJSON_AddStringToObject(o, "type", strncmp(m->mime, "video", 5) == 0 ? "video" : "image");
	snprintf(text, sizeof text, "http://127.0.0.1:%d/m/%lu", s->port, m->id);
	if (m->polls_left > 0)
		cJSON_AddNullToObject(o, "url");
	else
		cJSON_AddStringToObject(o, "url", text);
	if (m->description)
		cJSON_AddStringToObject(o, "description", m->description);
	else
		cJSON_AddNullToObject(o, "description");
	return o;
}

static bool description_fits(struct sim *s, const char *text, struct sim_reply *r)
{
	int count = text ? sim_count(text, 1) : 0;

	if (count >= 0 && count <= s->sw.description_limit)
		return true;
	sim_error(r, 422, "Validation failed: Description is too long");
	return false;
}

static bool file_fits(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *kind = q->body ? sniff(q->body, q->body_len) : NULL;

	if (!q->multipart || !q->body || !q->file_name) {
		sim_error(r, 422, "Validation failed: File can't be blank");
		return false;
	}
	if (q->body_len > (size_t)s->sw.image_size_limit) {
		sim_error(r, 422, "Validation failed: File file size must be less than the limit");
		return false;
	}
	if (!kind || !q->file_mime || strcmp(kind, q->file_mime) != 0) {
		sim_error(r, 422, "Validation failed: File content type is invalid, File is invalid");
		return false;
	}
	return true;
}

void sim_post_media(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	if (!file_fits(s, q, r) || !description_fits(s, q->description, r))
		return;
	struct sim_media *m = sim_media_add(s);

	m->account = q->account;
	m->description = sim_copy(q->description);
	m->name = sim_copy(q->file_name);
	m->mime = sim_copy(q->file_mime);
	m->size = q->body_len;
	m->polls_left = s->sw.media_polls;
	m->failed = s->sw.media_fail != 0;
	hash(q->body, q->body_len, m->sha256);
	if (sim_take(&s->sw.media_drop_after))
		return;
	r->status = m->polls_left > 0 ? 202 : 200;
	r->json = media_json(s, m);
}

/* The caller's own, not shown by a status yet; otherwise the real server's 404. */
static struct sim_media *own(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	struct sim_media *m = sim_media_find(s, strtoul(q->id, NULL, 10));

	if (m && m->account == q->account && !m->status)
		return m;
	sim_error(r, 404, "Record not found");
	return NULL;
}

void sim_get_media(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	struct sim_media *m = own(s, q, r);

	if (!m)
		return;
	r->status = m->polls_left > 0 ? 206 : 200;
	r->json = media_json(s, m);
	if (sim_take(&m->polls_left))
		return;
	if (m->failed)
		sim_error(r, 422, "Error processing thumbnail for uploaded media");
}

void sim_put_media(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	struct sim_media *m = own(s, q, r);
	cJSON *o = q->body ? cJSON_ParseWithLength(q->body, q->body_len) : NULL;
	const cJSON *text = cJSON_GetObjectItemCaseSensitive(o, "description");

	if (m && cJSON_IsString(text) && description_fits(s, text->valuestring, r)) {
		free(m->description);
		m->description = sim_copy(text->valuestring);
	}
	if (m && !r->status) {
		r->status = 200;
		r->json = media_json(s, m);
	}
	cJSON_Delete(o);
}
