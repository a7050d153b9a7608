/* instagram.c: what is Instagram's own: pictures are JPEG of certain shapes, captions, products, stories, comments, an upload by bytes. */
#include "tests/cli/sim/container.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE_MAX_BYTES (8 * 1024 * 1024)

static int signs(const char *text, char sign)
{
	int n = 0;

	for (; *text; text++)
		n += *text == sign;
	return n;
}

static bool text_good(struct sim_request *q, struct sim_reply *r)
{
	const char *caption = sim_arg(q, "caption"), *type = sim_arg(q, "media_type"), *alt = sim_arg(q, "alt_text");
	bool story = type && strcmp(type, "STORIES") == 0, reel = type && strcmp(type, "REELS") == 0, child = graph_true(q, "is_carousel_item");

	if (type && !story && !reel && strcmp(type, "CAROUSEL") != 0 && !(child && strcmp(type, "VIDEO") == 0))
		graph_error(r, 100, 2207023, "The media type is unknown");
	else if (caption && (story || child))
		graph_error(r, 100, 0, "simulator: stories and items of a carousel have no caption");
	else if (alt && (story || reel || sim_arg(q, "video_url") || sim_arg(q, "children")))
		graph_error(r, 100, 0, "simulator: alt_text is of pictures alone");
	else if (caption && (sim_utf16(caption) < 0 || sim_utf16(caption) > 2200 || signs(caption, '#') > 30 || signs(caption, '@') > 20))
		graph_error(r, 36004, 2207010, "The caption is too long");
	return r->status == 0;
}

static bool picture_good(const cJSON *m, struct sim_reply *r)
{
	int64_t width = sim_number(m, "width"), height = sim_number(m, "height");

	if (strcmp(sim_text(m, "mime"), "image/jpeg") != 0)
		graph_error(r, 36001, 2207005, "The image format is not supported");
	else if (sim_number(m, "size") > IMAGE_MAX_BYTES)
		graph_error(r, 36000, 2207004, "The image is too large");
	else if (height < 1 || width * 5 < height * 4 || width * 100 > height * 191)
		graph_error(r, 36003, 2207009, "The aspect ratio is not supported");
	return r->status == 0;
}

static const struct container kind = {
	.names = "image_url video_url media_type caption alt_text is_carousel_item children upload_type share_to_feed cover_url thumb_offset audio_name "
	         "collaborators trial_params location_id user_tags product_tags access_token appsecret_proof",
	.least_children = 2, .most_children = 10, .state = "status_code", .detail = "status", .text_good = text_good, .picture_good = picture_good,
};

static void me(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *o = cJSON_CreateObject();
	char id[24], name[24];

	(void)s;
	snprintf(id, sizeof id, "1784140000000000%d", q->account);
	snprintf(name, sizeof name, "demo%d", q->account);
	sim_set(o, "id", "1");
	sim_set(o, "user_id", id);
	sim_set(o, "username", name);
	graph_object(q, r, o);
}

/* The account's own number, which stands in the path. */
static bool own(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	char id[24];

	snprintf(id, sizeof id, "1784140000000000%d", q->account);
	if (strcmp(q->ids[1], id) != 0 && strcmp(q->ids[1], "me") != 0)
		sim_refuse(s, r, SIM_NO_ROUTE);
	return r->status == 0;
}

static void make(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	if (own(s, q, r))
		container_make(s, q, r, &kind);
}

static void publish(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	if (own(s, q, r))
		container_publish(s, q, r, &kind);
}

static void limit(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	if (own(s, q, r))
		container_limit(s, q, r, &kind);
}

static cJSON *show(struct sim *s, struct sim_request *q, const cJSON *p)
{
	const char *type = sim_text(p, "media_type");
	bool story = strcmp(type, "STORIES") == 0, reel = strcmp(type, "REELS") == 0;
	cJSON *o = cJSON_CreateObject();
	char text[80];

	(void)s;
	(void)q;
	sim_set(o, "id", sim_text(p, "id"));
	sim_set(o, "caption", sim_text(p, "text"));
	sim_set(o, "media_type", reel ? "VIDEO" : strcmp(type, "CAROUSEL") == 0 ? "CAROUSEL_ALBUM" : "IMAGE");
	sim_set(o, "media_product_type", story ? "STORY" : reel ? "REELS" : "FEED");
	snprintf(text, sizeof text, "https://www.instagram.com/p/%s/", sim_text(p, "id"));
	sim_set(o, "permalink", text);
	sim_set(o, "shortcode", sim_text(p, "id"));
	graph_time(p, text);
	sim_set(o, "timestamp", text);
	return o;
}

static cJSON *show_feed(struct sim *s, struct sim_request *q, const cJSON *p)
{
	return container_seen(q, p) && strcmp(sim_text(p, "media_type"), "STORIES") != 0 ? show(s, q, p) : NULL;
}

static cJSON *show_story(struct sim *s, struct sim_request *q, const cJSON *p)
{
	return container_seen(q, p) && strcmp(sim_text(p, "media_type"), "STORIES") == 0 ? show(s, q, p) : NULL;
}

static void list(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	if (graph_fields_known(q, r, "fields since until limit after before"))
		graph_list(s, q, r, "posts", strcmp(strrchr(q->path, '/'), "/stories") == 0 ? show_story : show_feed);
}

static void object(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	container_object(s, q, r, &kind, show);
}

/* ---- bytes ---- */

static void upload(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *c = sim_own(s, "containers", q->ids[1], q->account), *m;
	const char *offset = sim_header(q, "offset"), *size = sim_header(q, "file_size"), *mime = sim_sniff(q->body, q->body_len);

	if (!graph_scheme_good(q, r, "OAuth"))
		return;
	if (!c || strcmp(sim_text(c, "state"), "OPEN") != 0 || !offset || strcmp(offset, "0") != 0 || !size || (size_t)atoll(size) != q->body_len ||
	    !mime || strncmp(mime, "video/", 6) != 0) {
		sim_answer(r, 400, "{\"debug_info\":{\"retriable\":false,\"type\":\"ProcessingFailedError\",\"message\":\"Request processing failed\"}}");
		return;
	}
	m = sim_add(s, "media", q->ids[1], q->account);
	sim_blob_put(q->ids[1], 0, q->body, q->body_len);
	sim_blob_note(q->ids[1], m);
	cJSON_AddItemToArray(cJSON_GetObjectItem(c, "files"), cJSON_Duplicate(m, true));
	sim_set(c, "state", sim_number(c, "polls_left") > 0 ? "IN_PROGRESS" : "FINISHED");
	if (s->sw.media_fail)
		sim_set(c, "fate", "ERROR");
	sim_answer(r, 200, "{\"success\":true,\"message\":\"Upload successful.\"}");
}

/* ---- comments ---- */

static void comment(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *text = sim_arg(q, "message");
	char id[24];
	cJSON *c;

	if (!graph_fields_known(q, r, "message appsecret_proof"))
		return;
	if (!text || !*text || sim_utf16(text) > 300 || !sim_own(s, "posts", q->ids[1], q->account)) {
		graph_error(r, 100, 33, "no such post, or a comment that is too long");
		return;
	}
	c = sim_add(s, "comments", sim_next_id(s, id), q->account);
	sim_set(c, "text", text);
	sim_set(c, "parent", q->ids[1]);
	sim_answer(r, 200, "{\"id\":\"%s\"}", id);
}

static cJSON *show_comment(struct sim *s, struct sim_request *q, const cJSON *c)
{
	cJSON *o;
	char text[32];

	(void)s;
	if (strcmp(sim_text(c, "parent"), q->ids[1]) != 0)
		return NULL;
	o = cJSON_CreateObject();
	sim_set(o, "id", sim_text(c, "id"));
	sim_set(o, "text", sim_text(c, "text"));
	snprintf(text, sizeof text, "demo%d", (int)sim_number(c, "account"));
	sim_set(o, "username", text);
	graph_time(c, text);
	sim_set(o, "timestamp", text);
	return o;
}

static void comments(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	if (graph_fields_known(q, r, "fields since limit after"))
		graph_list(s, q, r, "comments", show_comment);
}

static const struct sim_route routes[] = {
	{ "GET", "/refresh_access_token", graph_refresh, 0 },
	{ "GET", "/v*/me", me, SIM_TOKEN },
	{ "POST", "/v*/*/media", make, SIM_TOKEN | SIM_UPLOAD },
	{ "POST", "/v*/*/media_publish", publish, SIM_TOKEN | SIM_ACT },
	{ "GET", "/v*/*/content_publishing_limit", limit, SIM_TOKEN },
	{ "GET", "/v*/*/media", list, SIM_TOKEN | SIM_READ },
	{ "GET", "/v*/*/stories", list, SIM_TOKEN | SIM_READ },
	{ "POST", "/v*/*/comments", comment, SIM_TOKEN | SIM_ACT },
	{ "GET", "/v*/*/comments", comments, SIM_TOKEN | SIM_READ },
	{ "POST", "/ig-api-upload/v*/*", upload, SIM_TOKEN | SIM_UPLOAD },
	{ "GET", "/v*/*", object, SIM_TOKEN | SIM_READ },
};

const struct sim_platform sim_instagram = {
	.name = "instagram", .routes = routes, .route_count = SIM_COUNT(routes), .knobs = container_knobs, .knob_count = CONTAINER_KNOBS,
	.words = graph_words,
};
