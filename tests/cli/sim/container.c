/* container.c: the one flow of Instagram and Threads: make, ask until it is finished, publish. A container is published once and then
 * stays PUBLISHED; the platform fetches media itself, from the address that it is given. */
#include "tests/cli/sim/container.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS (24 * 3600 * INT64_C(1000))

struct container_knobs container = { .quota_total = 100 };

#define KNOB(name) { #name, &container.name }
const struct sim_knob container_knobs[CONTAINER_KNOBS] = { KNOB(quota_total), KNOB(lag_ms), KNOB(blocked_next), KNOB(expired) };

/* ---- making ---- */

static void keep_parameters(struct sim_request *q, cJSON *c)
{
	for (int i = 0; i < q->field_count; i++)
		if (strcmp(q->fields[i].name, "access_token") != 0)
			sim_set(c, q->fields[i].name, q->fields[i].value);
}

static cJSON *container_add(struct sim *s, struct sim_request *q, int polls)
{
	char id[24];
	cJSON *c = sim_add(s, "containers", sim_next_id(s, id), q->account);

	keep_parameters(q, c);
	sim_set(c, "state", polls > 0 ? "IN_PROGRESS" : "FINISHED");
	sim_set_number(c, "polls_left", polls);
	cJSON_AddArrayToObject(c, "files");
	return c;
}

static void made(struct sim_reply *r, const cJSON *c)
{
	sim_answer(r, 200, "{\"id\":\"%s\"}", sim_text(c, "id"));
}

/* Pictures that cannot be had are refused at once; of a video the container tells later. */
static void make_fetched(struct sim *s, struct sim_request *q, struct sim_reply *r, const struct container *k, const char *url, bool video)
{
	const char *why;
	cJSON *m = graph_media(s, q, url, NULL, &why), *c;

	if (!m && !video) {
		graph_error(r, 9004, 2207052, "The media could not be fetched from this URI");
		return;
	}
	if (m && !video && !k->picture_good(m, r))
		return;
	c = container_add(s, q, s->sw.media_polls);
	if (m && strncmp(sim_text(m, "mime"), video ? "video/" : "image/", 6) == 0) {
		if (sim_arg(q, "alt_text"))
			sim_set(m, "alt", sim_arg(q, "alt_text"));
		cJSON_AddItemToArray(cJSON_GetObjectItem(c, "files"), cJSON_Duplicate(m, true));
	}
	if (!m || s->sw.media_fail)
		sim_set(c, "fate", "ERROR");
	made(r, c);
}

static void make_carousel(struct sim *s, struct sim_request *q, struct sim_reply *r, const struct container *k)
{
	char *list = sim_copy(sim_arg(q, "children")), *rest = NULL;
	cJSON *files = sim_need(cJSON_CreateArray()), *c;
	int count = 0;

	for (char *id = list ? strtok_r(list, ",", &rest) : NULL; id && !r->status; id = strtok_r(NULL, ",", &rest), count++) {
		const cJSON *child = sim_own(s, "containers", id, q->account), *f;

		if (!child || strcmp(sim_text(child, "is_carousel_item"), "true") != 0)
			graph_error(r, 100, 0, "a child does not exist or is none of a carousel");
		else if (strcmp(sim_text(child, "state"), "FINISHED") != 0)
			graph_error(r, 9007, 2207027, "a child is not ready");
		cJSON_ArrayForEach(f, cJSON_GetObjectItem(child, "files"))
			cJSON_AddItemToArray(files, cJSON_Duplicate(f, true));
	}
	if (!r->status && (count < k->least_children || count > k->most_children))
		graph_error(r, 100, 2207028, "a carousel has other numbers of items");
	if (!r->status) {
		c = container_add(s, q, s->sw.media_polls);
		cJSON_ReplaceItemInObject(c, "files", cJSON_Duplicate(files, true));
		made(r, c);
	}
	cJSON_Delete(files);
	free(list);
}

static void make_resumable(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *c = container_add(s, q, s->sw.media_polls);

	sim_set(c, "state", "OPEN");
	made(r, c);
	sim_set(r->json, "uri", "");
	char uri[100];

	snprintf(uri, sizeof uri, "http://127.0.0.1:%d/ig-api-upload/v25.0/%s", s->port, sim_text(c, "id"));
	sim_set(r->json, "uri", uri);
}

void container_make(struct sim *s, struct sim_request *q, struct sim_reply *r, const struct container *k)
{
	const char *type = sim_arg(q, "media_type"), *video = sim_arg(q, "video_url"), *image = sim_arg(q, "image_url");
	const char *resumable = sim_arg(q, "upload_type");
	bool carousel = type && strcmp(type, "CAROUSEL") == 0;

	if (!graph_fields_known(q, r, k->names) || !graph_scheme_good(q, r, "Bearer") || !k->text_good(q, r))
		return;
	if ((image != NULL) + (video != NULL) + carousel + (resumable != NULL) > 1)
		graph_error(r, 100, 0, "image_url, video_url and children exclude each other");
	else if (carousel)
		make_carousel(s, q, r, k);
	else if (resumable)
		make_resumable(s, q, r);
	else if (image || video)
		make_fetched(s, q, r, k, image ? image : video, video != NULL);
	else if (k->threads && type && strcmp(type, "TEXT") == 0)
		made(r, container_add(s, q, 0));
	else
		graph_error(r, 9004, 2207052, "Only photo or video can be accepted as media type.");
}

/* ---- reading ---- */

static void poll(cJSON *c)
{
	int64_t left = sim_number(c, "polls_left");

	if (strcmp(sim_text(c, "state"), "IN_PROGRESS") == 0) {
		sim_set_number(c, "polls_left", left - 1);
		if (left <= 1)
			sim_set(c, "state", "FINISHED");
	}
}

/* What becomes of it whether it is asked for or not. */
static void age(cJSON *c)
{
	if (strcmp(sim_text(c, "state"), "FINISHED") == 0 && *sim_text(c, "fate"))
		sim_set(c, "state", sim_text(c, "fate"));
	if (strcmp(sim_text(c, "state"), "PUBLISHED") != 0 && (container.expired || sim_now_ms() - sim_number(c, "received_ms") > DAY_MS))
		sim_set(c, "state", "EXPIRED");
}

bool container_seen(struct sim_request *q, const cJSON *post)
{
	return sim_number(post, "account") == q->account && sim_now_ms() - sim_number(post, "received_ms") >= container.lag_ms;
}

void container_object(struct sim *s, struct sim_request *q, struct sim_reply *r, const struct container *k, graph_show *show)
{
	cJSON *c = sim_own(s, "containers", q->ids[1], q->account), *p = sim_own(s, "posts", q->ids[1], q->account), *o;
	const char *state;

	if (!graph_fields_known(q, r, "fields"))
		return;
	if (!c && !p) {
		sim_refuse(s, r, SIM_NO_ROUTE);
	} else if (p) {
		graph_object(q, r, show(s, q, p));
	} else {
		poll(c);
		age(c);
		state = sim_text(c, "state");
		o = cJSON_CreateObject();
		sim_set(o, "id", sim_text(c, "id"));
		sim_set(o, k->state, strcmp(state, "OPEN") == 0 ? "IN_PROGRESS" : state);
		sim_set(o, k->detail, strcmp(state, "ERROR") == 0 ? k->threads ? "FAILED_PROCESSING_VIDEO" : "Error: Media upload has failed with "
			"error code 2207026" : state);
		graph_object(q, r, o);
	}
}

static int used(struct sim *s, int account)
{
	const cJSON *p;
	int n = 0;

	cJSON_ArrayForEach(p, sim_book(s, "posts"))
		n += sim_number(p, "account") == account && sim_now_ms() - sim_number(p, "received_ms") < DAY_MS;
	return n;
}

void container_limit(struct sim *s, struct sim_request *q, struct sim_reply *r, const struct container *k)
{
	const char *more = k->threads ? ",\"reply_quota_usage\":0,\"reply_config\":{\"quota_total\":1000,\"quota_duration\":86400}" : "";

	if (graph_fields_known(q, r, "fields"))
		sim_answer(r, 200, "{\"data\":[{\"quota_usage\":%d,\"config\":{\"quota_total\":%d,\"quota_duration\":86400}%s}]}",
			   used(s, q->account), container.quota_total, more);
}

/* ---- publishing ---- */

static cJSON *post_add(struct sim *s, struct sim_request *q, const cJSON *c, const struct container *k)
{
	const char *type = sim_text(c, "media_type");
	char id[24];
	cJSON *p = sim_add(s, "posts", sim_next_id(s, id), q->account);

	sim_set(p, "text", sim_text(c, k->threads ? "text" : "caption"));
	sim_set(p, "media_type", *type ? type : "IMAGE");
	sim_set(p, "parent", *sim_text(c, "reply_to_id") ? sim_text(c, "reply_to_id") : NULL);
	sim_set(p, "container", sim_text(c, "id"));
	cJSON_AddItemToObject(p, "media", cJSON_Duplicate(cJSON_GetObjectItem(c, "files"), true));
	return p;
}

void container_publish(struct sim *s, struct sim_request *q, struct sim_reply *r, const struct container *k)
{
	const char *id = sim_arg(q, "creation_id"), *state;
	cJSON *c = id ? sim_own(s, "containers", id, q->account) : NULL;

	if (!graph_fields_known(q, r, "creation_id") || !graph_scheme_good(q, r, "Bearer"))
		return;
	if (c)
		age(c);
	state = sim_text(c, "state");
	if (!c || strcmp(state, "EXPIRED") == 0 || strcmp(state, "PUBLISHED") == 0)
		graph_error(r, 24, 2207006, "The requested resource does not exist");
	else if (strcmp(sim_text(c, "is_carousel_item"), "true") == 0)
		graph_error(r, 100, 0, "an item of a carousel is not published alone");
	else if (strcmp(state, "FINISHED") != 0)
		graph_error(r, 9007, 2207027, "Media ID is not available");
	else if (used(s, q->account) >= container.quota_total)
		graph_error(r, 9, 2207042, "Too many posts");
	else {
		sim_set(c, "state", "PUBLISHED");
		sim_answer(r, 200, "{\"id\":\"%s\"}", sim_text(post_add(s, q, c, k), "id"));
		if (sim_take(&container.blocked_next))
			graph_error(r, 4, 2207051, "Application request limit reached");
	}
}
