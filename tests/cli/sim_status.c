/* sim_status.c: statuses: making one under an idempotency key, reading, deleting. The order of the checks is the real server's:
 * parent, then key, then media and text, so that a repeat with a known key is answered before anything else can fail. */
#include "tests/cli/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_id(cJSON *o, const char *name, unsigned long id)
{
	char text[24];

	snprintf(text, sizeof text, "%lu", id);
	cJSON_AddStringToObject(o, name, text);
}

static void add_attachments(struct sim *s, const struct sim_status *st, cJSON *o)
{
	cJSON *list = cJSON_AddArrayToObject(o, "media_attachments");

	for (int i = 0; i < st->media_count; i++) {
		const struct sim_media *m = sim_media_find(s, st->media[i]);
		cJSON *one = cJSON_CreateObject();

		add_id(one, "id", m->id);
		cJSON_AddStringToObject(one, "type", "image");
		cJSON_AddStringToObject(one, "description", m->description ? m->description : "");
		cJSON_AddItemToArray(list, one);
	}
}

static cJSON *status_json(struct sim *s, const struct sim_status *st)
{
	static const char *const counts[] = { "replies_count", "reblogs_count", "favourites_count", "quotes_count" };
	cJSON *o = cJSON_CreateObject();
	char text[80];

	add_id(o, "id", st->id);
	sim_iso(st->received_ms, text, sizeof text, false);
	cJSON_AddStringToObject(o, "created_at", text);
	snprintf(text, sizeof text, "http://127.0.0.1:%d/users/acme/statuses/%lu", s->port, st->id);
	cJSON_AddStringToObject(o, "uri", text);
	snprintf(text, sizeof text, "http://127.0.0.1:%d/@acme/%lu", s->port, st->id);
	cJSON_AddStringToObject(o, "url", text);
	cJSON_AddStringToObject(o, "visibility", st->visibility);
	cJSON_AddStringToObject(o, "spoiler_text", st->spoiler);
	if (st->language)
		cJSON_AddStringToObject(o, "language", st->language);
	else
		cJSON_AddNullToObject(o, "language");
	if (st->parent)
		add_id(o, "in_reply_to_id", st->parent);
	else
		cJSON_AddNullToObject(o, "in_reply_to_id");
	cJSON_AddStringToObject(o, "content", "<p>rendered otherwise than it was sent</p>");
	add_attachments(s, st, o);
	cJSON_AddStringToObject(cJSON_AddObjectToObject(o, "application"), "name", "smmqd");
	cJSON_AddNullToObject(o, "card");
	cJSON_AddNullToObject(o, "poll");
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		cJSON_AddNumberToObject(o, counts[i], 0);
	return o;
}

static const char *string_of(const cJSON *o, const char *name, const char *otherwise)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsString(v) ? v->valuestring : otherwise;
}

/* A field that the documentation does not know, or of the wrong type, is a mistake of the driver: the real server would let it
 * pass in silence, this one does not. */
static const char *bad_field(const cJSON *o)
{
	static const struct { const char *name; int type; } known[] = {
		{ "status", cJSON_String }, { "media_ids", cJSON_Array }, { "in_reply_to_id", cJSON_String | cJSON_NULL },
		{ "sensitive", cJSON_True | cJSON_False }, { "spoiler_text", cJSON_String }, { "visibility", cJSON_String },
		{ "language", cJSON_String },
	};
	const cJSON *v;

	cJSON_ArrayForEach(v, o) {
		size_t i = 0;

		while (i < sizeof known / sizeof *known && strcmp(known[i].name, v->string) != 0)
			i++;
		if (i == sizeof known / sizeof *known || !(v->type & 0xFF & known[i].type))
			return v->string;
	}
	return NULL;
}

static bool take_media(struct sim *s, struct sim_request *q, const cJSON *ids, struct sim_status *st, struct sim_reply *r)
{
	const cJSON *v;
	char text[160];

	if (cJSON_GetArraySize(ids) > s->sw.max_media) {
		snprintf(text, sizeof text, "Cannot attach more than %d files", s->sw.max_media);
		sim_error(r, 422, text);
		return false;
	}
	cJSON_ArrayForEach(v, ids) {
		struct sim_media *m = cJSON_IsString(v) ? sim_media_find(s, strtoul(v->valuestring, NULL, 10)) : NULL;

		if (!m || m->account != q->account || m->status) {
			snprintf(text, sizeof text, "Media %.40s not found or already attached to another post",
				 cJSON_IsString(v) ? v->valuestring : "(no string)");
			sim_error(r, 422, text);
			return false;
		}
		if (m->polls_left > 0) {
			sim_error(r, 422, "Cannot attach files that have not finished processing. Try again in a moment!");
			return false;
		}
		if (st->media_count < SIM_ATTACH_MAX)
			st->media[st->media_count++] = m->id;
	}
	return true;
}

static bool text_fits(struct sim *s, const char *text, const char *spoiler, int media, struct sim_reply *r)
{
	int count = sim_count(text, s->sw.url_characters), more = sim_count(spoiler, s->sw.url_characters);
	char message[80];

	if (count < 0 || more < 0) {
		sim_error(r, 400, "not UTF-8");
		return false;
	}
	if (count == 0 && media == 0) {
		sim_error(r, 422, "Validation failed: Text can't be blank");
		return false;
	}
	if (count + more > s->sw.max_characters) {
		snprintf(message, sizeof message, "Validation failed: Text character limit of %d exceeded", s->sw.max_characters);
		sim_error(r, 422, message);
		return false;
	}
	return true;
}

/* Checks and stores; returns the new id, or 0 with the error in r. */
static unsigned long commit(struct sim *s, struct sim_request *q, const cJSON *o, unsigned long parent, struct sim_reply *r)
{
	struct sim_status draft = { 0 }, *st;
	const char *visibility = string_of(o, "visibility", "public");

	if (!take_media(s, q, cJSON_GetObjectItemCaseSensitive(o, "media_ids"), &draft, r) ||
	    !text_fits(s, string_of(o, "status", ""), string_of(o, "spoiler_text", ""), draft.media_count, r))
		return 0;
	if (!*visibility || !strstr("|public|unlisted|private|direct|", visibility)) {
		sim_error(r, 422, "Validation failed: Visibility is not included in the list");
		return 0;
	}
	st = sim_status_add(s);
	draft.id = st->id;
	draft.received_ms = st->received_ms;
	*st = draft;
	st->account = q->account;
	st->parent = parent;
	st->text = sim_copy(string_of(o, "status", ""));
	st->spoiler = sim_copy(string_of(o, "spoiler_text", ""));
	st->visibility = sim_copy(visibility);
	st->language = sim_copy(string_of(o, "language", NULL));
	st->key = sim_copy(q->key);
	for (int i = 0; i < st->media_count; i++)
		sim_media_find(s, st->media[i])->status = st->id;
	return st->id;
}

/* What the key memory answers. True: the request is over. */
static bool known_key(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	struct sim_key *k = sim_key_find(s, q->account, q->key, true);
	char id[24];

	k->requests++;
	if (s->sw.ignore_key)
		return false;
	if (k->pending && s->sw.overlap_503) {
		sim_error(r, 503, "There was a temporary problem serving your request, please try again");
		return true;
	}
	if (!k->status || sim_now_ms() + s->key_clock_ms - k->made_ms >= SIM_KEY_LIFE_MS)
		return false;
	snprintf(id, sizeof id, "%lu", k->status);
	struct sim_status *st = sim_status_find(s, id);

	if (!st)
		return false;
	if (s->sw.repeat_500) {
		sim_error(r, 500, "Internal Server Error");
		return true;
	}
	r->status = 200;
	r->json = status_json(s, st);
	return true;
}

/* The ways to fail before anything is done. True: the request is over. */
static bool fails_before(struct sim *s, struct sim_reply *r)
{
	if (sim_take(&s->sw.drop_before))
		return true;
	if (sim_take(&s->sw.busy_next)) {
		sim_error(r, 503, "There was a temporary problem serving your request, please try again");
		return true;
	}
	if (sim_take(&s->sw.fail_before)) {
		sim_error(r, 500, "Internal Server Error");
		return true;
	}
	return false;
}

static void remember(struct sim *s, struct sim_request *q, unsigned long id, bool keep)
{
	struct sim_key *k = q->key ? sim_key_find(s, q->account, q->key, true) : NULL;

	if (!k)
		return;
	k->pending = false;
	if (id && keep) {
		k->status = id;
		k->made_ms = sim_now_ms() + s->key_clock_ms;
	}
}

static void make_status(struct sim *s, struct sim_request *q, const cJSON *o, unsigned long parent, struct sim_reply *r)
{
	if ((q->key && known_key(s, q, r)) || fails_before(s, r))
		return;
	if (q->key)
		sim_key_find(s, q->account, q->key, true)->pending = true;
	sim_sleep(s->sw.delay_before_ms);
	unsigned long id = commit(s, q, o, parent, r);
	bool forget = id && sim_take(&s->sw.forget_key);

	remember(s, q, id, !forget);
	if (!id || forget || sim_take(&s->sw.drop_after))
		return;
	if (sim_take(&s->sw.fail_after)) {
		sim_error(r, 500, "Internal Server Error");
		return;
	}
	r->status = 200;
	r->json = status_json(s, &s->statuses[id - 3300]);
	r->sleep_ms = s->sw.delay_ms;
}

void sim_post_status(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *o = q->body ? cJSON_ParseWithLengthOpts(q->body, q->body_len + 1, NULL, true) : NULL;
	const char *bad = o ? bad_field(o) : NULL, *parent = string_of(o, "in_reply_to_id", NULL);
	struct sim_status *above = sim_status_find(s, parent);
	char text[120];

	r->rate_headers = true;
	if (!cJSON_IsObject(o)) {
		sim_error(r, 400, "the body is not a JSON object");
	} else if (bad) {
		snprintf(text, sizeof text, "simulator: the documentation has no such field or type: %.60s", bad);
		sim_error(r, 400, text);
	} else if (q->key && (!*q->key || strlen(q->key) > 64)) {
		sim_error(r, 400, "simulator: the idempotency key has not 1 to 64 characters");
	} else if (parent && !above) {
		sim_error(r, 404, "The post you are trying to reply to does not appear to exist.");
	} else {
		make_status(s, q, o, above ? above->id : 0, r);
	}
	cJSON_Delete(o);
}

static struct sim_status *own(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	struct sim_status *st = sim_status_find(s, q->id);

	if (sim_take(&s->sw.read_fail)) {
		sim_error(r, 500, "Internal Server Error");
		return NULL;
	}
	if (!st)
		sim_error(r, 404, "Record not found");
	return st;
}

void sim_get_status(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	struct sim_status *st = own(s, q, r);

	if (!st)
		return;
	r->status = 200;
	r->json = status_json(s, st);
}

void sim_get_source(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	struct sim_status *st = own(s, q, r);

	if (!st)
		return;
	r->status = 200;
	r->json = cJSON_CreateObject();
	add_id(r->json, "id", st->id);
	cJSON_AddStringToObject(r->json, "text", st->text);
	cJSON_AddStringToObject(r->json, "spoiler_text", st->spoiler);
}

void sim_delete_status(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	struct sim_status *st = own(s, q, r);

	if (!st)
		return;
	st->deleted = true;
	r->status = 200;
	r->json = status_json(s, st);
	cJSON_AddStringToObject(r->json, "text", st->text);
}

void sim_list_statuses(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *since = q->query(q, "since_id"), *max = q->query(q, "max_id"), *limit_text = q->query(q, "limit");
	unsigned long newer = since ? strtoul(since, NULL, 10) : 0, older = max ? strtoul(max, NULL, 10) : (unsigned long)-1;
	unsigned long account = strtoul(q->id, NULL, 10);
	int left = limit_text ? atoi(limit_text) : 20;

	if (sim_take(&s->sw.read_fail)) {
		sim_error(r, 500, "Internal Server Error");
		return;
	}
	if (account < 1100 || account - 1100 >= (unsigned long)s->token_count) {
		sim_error(r, 404, "Record not found");
		return;
	}
	left = left < 1 ? 1 : left > 40 ? 40 : left;
	r->status = 200;
	r->json = cJSON_CreateArray();
	for (size_t i = s->status_count; i-- > 0 && left > 0;) {
		const struct sim_status *st = &s->statuses[i];

		if (st->deleted || st->id <= newer || st->id >= older || st->account != (int)(account - 1100))
			continue;
		cJSON_AddItemToArray(r->json, status_json(s, st));
		left--;
	}
}
