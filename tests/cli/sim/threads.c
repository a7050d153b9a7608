/* threads.c: what is Threads' own: texts without media, replies, polls. */
#include "tests/cli/sim/container.h"

#include <stdio.h>
#include <string.h>

#define TEXT_MAX 500
#define IMAGE_MAX_BYTES (8 * 1024 * 1024)

static bool text_good(struct sim_request *q, struct sim_reply *r)
{
	static const char *const types[] = { "TEXT", "IMAGE", "VIDEO", "CAROUSEL" };
	const char *text = sim_arg(q, "text"), *type = sim_arg(q, "media_type"), *tag = sim_arg(q, "topic_tag");
	bool known = false;

	for (size_t i = 0; i < SIM_COUNT(types); i++)
		known |= type && strcmp(type, types[i]) == 0;
	if (!known)
		graph_error(r, 100, 2207023, "The media type is unknown");
	else if (graph_true(q, "auto_publish_text"))
		graph_error(r, 100, 0, "simulator: auto_publish_text takes the safety away");
	else if (strcmp(type, "TEXT") == 0 && (!text || !*text))
		graph_error(r, 100, 0, "a text is needed");
	else if (text && (sim_count_emoji(text) < 0 || sim_count_emoji(text) > TEXT_MAX))
		graph_error(r, 100, 0, "Param text must be at most 500 characters long.");
	else if (sim_arg(q, "link_attachment") && strcmp(type, "TEXT") != 0)
		graph_error(r, 100, 0, "link_attachment is of texts alone");
	else if (tag && (!*tag || strlen(tag) > 50 || strpbrk(tag, ".&")))
		graph_error(r, 100, 4279071, "The topic tag is not permitted");
	return r->status == 0;
}

static bool picture_good(const cJSON *m, struct sim_reply *r)
{
	const char *mime = sim_text(m, "mime");
	int64_t width = sim_number(m, "width"), height = sim_number(m, "height");

	if ((strcmp(mime, "image/jpeg") != 0 && strcmp(mime, "image/png") != 0) || sim_number(m, "size") > IMAGE_MAX_BYTES)
		graph_error(r, 36001, 2207005, "The image format is not supported");
	else if (height < 1 || width > 10 * height || height > 10 * width)
		graph_error(r, 36003, 2207009, "The aspect ratio is not supported");
	return r->status == 0;
}

static const struct container kind = {
	.threads = true,
	.names = "media_type text image_url video_url is_carousel_item children alt_text link_attachment reply_to_id reply_control quote_post_id topic_tag "
	         "poll_attachment location_id is_spoiler_media is_ghost_post access_token",
	.least_children = 2, .most_children = 20, .state = "status", .detail = "error_message", .text_good = text_good, .picture_good = picture_good,
};

static void make(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *parent = sim_arg(q, "reply_to_id");

	if (parent && !sim_find(s, "posts", parent))
		sim_refuse(s, r, SIM_NO_ROUTE);
	else
		container_make(s, q, r, &kind);
}

static void publish(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	container_publish(s, q, r, &kind);
}

static void limit(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	container_limit(s, q, r, &kind);
}

static cJSON *show(struct sim *s, struct sim_request *q, const cJSON *p)
{
	cJSON *o = cJSON_CreateObject();
	char text[80];

	(void)s;
	(void)q;
	sim_set(o, "id", sim_text(p, "id"));
	sim_set(o, "text", sim_text(p, "text"));
	sim_set(o, "media_type", strcmp(sim_text(p, "media_type"), "TEXT") == 0 ? "TEXT_POST" : sim_text(p, "media_type"));
	snprintf(text, sizeof text, "https://www.threads.com/@demo/post/%s", sim_text(p, "id"));
	sim_set(o, "permalink", text);
	sim_set(o, "shortcode", sim_text(p, "id"));
	graph_time(p, text);
	sim_set(o, "timestamp", text);
	cJSON_AddBoolToObject(o, "is_quote_post", false);
	if (*sim_text(p, "parent"))
		sim_set(cJSON_AddObjectToObject(o, "replied_to"), "id", sim_text(p, "parent"));
	return o;
}

static cJSON *show_post(struct sim *s, struct sim_request *q, const cJSON *p)
{
	return container_seen(q, p) && !*sim_text(p, "parent") ? show(s, q, p) : NULL;
}

static cJSON *show_reply(struct sim *s, struct sim_request *q, const cJSON *p)
{
	return container_seen(q, p) && *sim_text(p, "parent") ? show(s, q, p) : NULL;
}

static void list(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	if (graph_fields_known(q, r, "fields since until limit after before"))
		graph_list(s, q, r, "posts", strcmp(strrchr(q->path, '/'), "/replies") == 0 ? show_reply : show_post);
}

static void object(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	container_object(s, q, r, &kind, show);
}

static void me(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *o = cJSON_CreateObject();
	char text[24];

	(void)s;
	snprintf(text, sizeof text, "1784150%d", q->account);
	sim_set(o, "id", text);
	snprintf(text, sizeof text, "demo%d", q->account);
	sim_set(o, "username", text);
	graph_object(q, r, o);
}

static void delete(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *p = sim_own(s, "posts", q->ids[1], q->account);

	if (!p) {
		sim_refuse(s, r, SIM_NO_ROUTE);
		return;
	}
	cJSON_ReplaceItemInObject(p, "deleted", cJSON_CreateTrue());
	sim_answer(r, 200, "{\"success\":true,\"deleted_id\":\"%s\"}", q->ids[1]);
}

static const struct sim_route routes[] = {
	{ "GET", "/refresh_access_token", graph_refresh, 0 },
	{ "GET", "/v*/me", me, SIM_TOKEN },
	{ "POST", "/v*/me/threads", make, SIM_TOKEN | SIM_UPLOAD },
	{ "POST", "/v*/me/threads_publish", publish, SIM_TOKEN | SIM_ACT },
	{ "GET", "/v*/me/threads_publishing_limit", limit, SIM_TOKEN },
	{ "GET", "/v*/me/threads", list, SIM_TOKEN | SIM_READ },
	{ "GET", "/v*/me/replies", list, SIM_TOKEN | SIM_READ },
	{ "DELETE", "/v*/*", delete, SIM_TOKEN },
	{ "GET", "/v*/*", object, SIM_TOKEN | SIM_READ },
};

const struct sim_platform sim_threads = {
	.name = "threads", .routes = routes, .route_count = SIM_COUNT(routes), .knobs = container_knobs, .knob_count = CONTAINER_KNOBS,
	.words = graph_words,
};
