/* sim_control.c: the plain answers (account, instance) and what a test uses: switches in, everything that happened out. */
#include "tests/cli/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SWITCH(name) { #name, offsetof(struct sim_switches, name) }

static const struct { const char *name; size_t at; } switches[] = {
	SWITCH(drop_before), SWITCH(drop_after), SWITCH(fail_before), SWITCH(fail_after), SWITCH(forget_key), SWITCH(busy_next),
	SWITCH(repeat_500), SWITCH(overlap_503), SWITCH(ignore_key), SWITCH(delay_before_ms), SWITCH(delay_ms), SWITCH(rate_next),
	SWITCH(rate_reset_s), SWITCH(unauthorized), SWITCH(forbidden), SWITCH(read_fail), SWITCH(media_polls), SWITCH(media_fail),
	SWITCH(media_drop_after), SWITCH(max_characters), SWITCH(url_characters), SWITCH(max_media), SWITCH(description_limit),
	SWITCH(image_size_limit),
};

static int *find(struct sim *s, const char *name)
{
	for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
		if (strcmp(switches[i].name, name) == 0)
			return (int *)(void *)((char *)&s->sw + switches[i].at);
	return NULL;
}

void sim_control_set(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *o = q->body ? cJSON_ParseWithLength(q->body, q->body_len) : NULL;
	const cJSON *v;

	if (!cJSON_IsObject(o))
		sim_error(r, 400, "the body is not a JSON object");
	cJSON_ArrayForEach(v, o) {
		int *sw = find(s, v->string);
		int number = cJSON_IsBool(v) ? cJSON_IsTrue(v) : v->valueint;

		if (strcmp(v->string, "advance_s") == 0)
			s->key_clock_ms += (int64_t)number * 1000;
		else if (sw)
			*sw = number;
		else
			sim_error(r, 400, v->string);
	}
	if (!r->status) {
		r->status = 200;
		r->json = cJSON_CreateObject();
	}
	cJSON_Delete(o);
}

static void add_id(cJSON *o, const char *name, unsigned long id)
{
	char text[24];

	snprintf(text, sizeof text, "%lu", id);
	if (id)
		cJSON_AddStringToObject(o, name, text);
	else
		cJSON_AddNullToObject(o, name);
}

static void add_text(cJSON *o, const char *name, const char *text)
{
	if (text)
		cJSON_AddStringToObject(o, name, text);
	else
		cJSON_AddNullToObject(o, name);
}

static cJSON *dump_media(const struct sim_media *m)
{
	cJSON *o = cJSON_CreateObject();

	add_id(o, "id", m->id);
	add_text(o, "description", m->description);
	add_text(o, "name", m->name);
	add_text(o, "mime", m->mime);
	add_text(o, "sha256", m->sha256);
	cJSON_AddNumberToObject(o, "size", (double)m->size);
	add_id(o, "status", m->status);
	return o;
}

static cJSON *dump_status(struct sim *s, const struct sim_status *st)
{
	cJSON *o = cJSON_CreateObject(), *media;

	add_id(o, "id", st->id);
	cJSON_AddStringToObject(o, "token", s->tokens[st->account]);
	add_text(o, "text", st->text);
	add_text(o, "key", st->key);
	add_text(o, "visibility", st->visibility);
	add_text(o, "spoiler_text", st->spoiler);
	add_text(o, "language", st->language);
	add_id(o, "in_reply_to_id", st->parent);
	cJSON_AddNumberToObject(o, "received_ms", (double)st->received_ms);
	cJSON_AddBoolToObject(o, "deleted", st->deleted);
	media = cJSON_AddArrayToObject(o, "media");
	for (int i = 0; i < st->media_count; i++)
		cJSON_AddItemToArray(media, dump_media(sim_media_find(s, st->media[i])));
	return o;
}

static void dump_log(struct sim *s, cJSON *o)
{
	cJSON *list = cJSON_AddArrayToObject(o, "log"), *counts = cJSON_AddObjectToObject(o, "requests");

	for (size_t i = 0; i < s->log_count; i++) {
		const struct sim_line *line = &s->log[i];
		cJSON *one = cJSON_CreateObject(), *count = cJSON_GetObjectItemCaseSensitive(counts, line->request);

		cJSON_AddNumberToObject(one, "time_ms", (double)line->time_ms);
		cJSON_AddStringToObject(one, "request", line->request);
		add_text(one, "key", line->key);
		cJSON_AddNumberToObject(one, "status", line->status);
		cJSON_AddItemToArray(list, one);
		if (count)
			cJSON_SetNumberValue(count, count->valuedouble + 1);
		else
			cJSON_AddNumberToObject(counts, line->request, 1);
	}
}

void sim_control_dump(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *list, *keys;

	(void)q;
	r->status = 200;
	r->json = cJSON_CreateObject();
	list = cJSON_AddArrayToObject(r->json, "statuses");
	for (size_t i = 0; i < s->status_count; i++)
		cJSON_AddItemToArray(list, dump_status(s, &s->statuses[i]));
	list = cJSON_AddArrayToObject(r->json, "media");
	for (size_t i = 0; i < s->media_count; i++)
		cJSON_AddItemToArray(list, dump_media(&s->media[i]));
	keys = cJSON_AddObjectToObject(r->json, "keys");
	for (size_t i = 0; i < s->key_count; i++) {
		cJSON *one = cJSON_AddObjectToObject(keys, s->keys[i].key);

		cJSON_AddNumberToObject(one, "requests", s->keys[i].requests);
		add_id(one, "status", s->keys[i].status);
	}
	dump_log(s, r->json);
}

void sim_verify(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	char name[24];

	(void)s;
	r->status = 200;
	r->json = cJSON_CreateObject();
	add_id(r->json, "id", 1100 + (unsigned long)q->account);
	snprintf(name, sizeof name, q->account ? "acme%d" : "acme", q->account);
	cJSON_AddStringToObject(r->json, "username", name);
	cJSON_AddStringToObject(r->json, "acct", name);
	cJSON_AddNumberToObject(r->json, "followers_count", 812);
	cJSON_AddNumberToObject(r->json, "following_count", 20);
	cJSON_AddNumberToObject(r->json, "statuses_count", (double)s->status_count);
}

void sim_instance(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	static const char *const mimes[] = { "image/jpeg", "image/png", "image/gif", "image/webp", "video/mp4" };
	cJSON *config, *part;

	(void)q;
	r->status = 200;
	r->json = cJSON_CreateObject();
	cJSON_AddStringToObject(r->json, "domain", "127.0.0.1");
	cJSON_AddStringToObject(r->json, "version", s->sw.repeat_500 ? "4.6.5" : "4.5.15");
	cJSON_AddNumberToObject(cJSON_AddObjectToObject(r->json, "api_versions"), "mastodon", 7);
	config = cJSON_AddObjectToObject(r->json, "configuration");
	part = cJSON_AddObjectToObject(config, "statuses");
	cJSON_AddNumberToObject(part, "max_characters", s->sw.max_characters);
	cJSON_AddNumberToObject(part, "max_media_attachments", s->sw.max_media);
	cJSON_AddNumberToObject(part, "characters_reserved_per_url", s->sw.url_characters);
	part = cJSON_AddObjectToObject(config, "media_attachments");
	cJSON_AddItemToObject(part, "supported_mime_types", cJSON_CreateStringArray(mimes, sizeof mimes / sizeof *mimes));
	cJSON_AddNumberToObject(part, "description_limit", s->sw.description_limit);
	cJSON_AddNumberToObject(part, "image_size_limit", s->sw.image_size_limit);
	cJSON_AddNumberToObject(part, "image_matrix_limit", 33177600);
	cJSON_AddNumberToObject(part, "video_size_limit", 103809024);
	cJSON_AddNumberToObject(part, "video_frame_rate_limit", 120);
	cJSON_AddNumberToObject(part, "video_matrix_limit", 8294400);
	part = cJSON_AddObjectToObject(config, "polls");
	cJSON_AddNumberToObject(part, "max_options", 4);
	cJSON_AddNumberToObject(part, "max_characters_per_option", 50);
	cJSON_AddNumberToObject(part, "min_expiration", 300);
	cJSON_AddNumberToObject(part, "max_expiration", 2629746);
}
