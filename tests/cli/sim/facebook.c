/* facebook.c: a Page's feed, stories, reels and comments. After the contract's chapters 1 to 4. */
#include "tests/cli/sim/facebook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 63206
#define COMMENT_MAX 8000
#define PHOTOS_MAX 10

struct facebook_knobs facebook = { .chunk_bytes = 1048576, .reel_limit = 30 };

/* ---- tokens ---- */

/* A login's token only lists the Pages; each has a token of its own. */
static void accounts(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *page = NULL;

	if (!graph_fields_known(q, r, "fields limit after access_token appsecret_proof"))
		return;
	for (int i = 0; i < s->grant_count; i++)
		if (s->grants[i].account == q->account && strncmp(s->grants[i].access, "page-", 5) == 0 && s->grants[i].generation == s->generation)
			page = s->grants[i].access;
	if (!page) {
		struct sim_grant *g = sim_grant(s, q->account);
		char text[100];

		snprintf(text, sizeof text, "page-%s", g->access);
		free(g->access);
		g->access = sim_copy(text);
		page = g->access;
	}
	sim_answer(r, 200, "{\"data\":[{\"id\":\"%d\",\"name\":\"Demo Bakery\",\"access_token\":\"%s\",\"tasks\":[\"CREATE_CONTENT\",\"MODERATE\"]}],"
		   "\"paging\":{\"cursors\":{\"before\":\"QQ\",\"after\":\"QQ\"}}}", 5550001 + q->account, page);
}

static bool page_token(struct sim_request *q, struct sim_reply *r)
{
	if (strncmp(q->token, "page-", 5) == 0)
		return true;
	graph_error(r, 200, 0, "(#200) a Page's own token is needed");
	return false;
}

bool facebook_page_good(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	char page[16];

	snprintf(page, sizeof page, "%d", 5550001 + q->account);
	if (strcmp(q->ids[1], page) != 0)
		sim_refuse(s, r, SIM_NO_ROUTE);
	else if (graph_scheme_good(q, r, "Bearer"))
		page_token(q, r);
	return r->status == 0;
}

static void extend(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	bool ended;
	int account = sim_account(s, sim_arg(q, "fb_exchange_token"), &ended);

	if (!graph_fields_known(q, r, "grant_type client_id client_secret fb_exchange_token"))
		return;
	if (account < 0 || ended)
		sim_refuse(s, r, SIM_EXPIRED);
	else
		sim_answer(r, 200, "{\"access_token\":\"%s\",\"token_type\":\"bearer\",\"expires_in\":5183944}", sim_grant(s, account)->access);
}

/* ---- the feed ---- */

cJSON *facebook_post_add(struct sim *s, struct sim_request *q, const char *kind, const char *text)
{
	char id[64], number[24];
	bool bare = strcmp(kind, "story") == 0;
	cJSON *p;

	sim_next_id(s, number);
	snprintf(id, sizeof id, "%d_%s", 5550001 + q->account, number);
	p = sim_add(s, "posts", bare ? number : id, q->account);
	sim_set(p, "kind", kind);
	sim_set(p, "text", text ? text : "");
	cJSON_AddArrayToObject(p, "media");
	return p;
}

void facebook_show(cJSON *post, cJSON *media)
{
	sim_set(media, "post", sim_text(post, "id"));
	cJSON_AddItemToArray(cJSON_GetObjectItem(post, "media"), cJSON_Duplicate(media, true));
}

/* attached_media as JSON text in one field, or attached_media[0], [1], ...; NULL: none, or not readable (*bad). */
static cJSON *attached(struct sim_request *q, bool *bad)
{
	const char *all = sim_arg(q, "attached_media"), *one;
	cJSON *list = all ? cJSON_Parse(all) : NULL;
	char name[40];

	*bad = all && !cJSON_IsArray(list);
	for (int i = 0; !all && i <= PHOTOS_MAX; i++) {
		snprintf(name, sizeof name, "attached_media[%d]", i);
		one = sim_arg(q, name);
		if (!one)
			break;
		list = list ? list : cJSON_CreateArray();
		cJSON_AddItemToArray(list, sim_need(cJSON_Parse(one)));
	}
	return list;
}

static bool photos_good(struct sim *s, struct sim_request *q, struct sim_reply *r, const cJSON *list)
{
	const cJSON *v;

	if (cJSON_GetArraySize(list) > PHOTOS_MAX)
		graph_error(r, 100, 0, "too many photos");
	cJSON_ArrayForEach(v, list) {
		const cJSON *m = sim_own(s, "media", sim_text(v, "media_fbid"), q->account);

		if (!m || strcmp(sim_text(m, "kind"), "photo") != 0)
			graph_error(r, 100, 33, "a photo does not exist");
		else if (*sim_text(m, "post"))
			graph_error(r, 1366051, 0, "these photos were already posted");
	}
	return r->status == 0;
}

/* The same words as those of the post just before. */
static bool repeats(struct sim *s, struct sim_request *q, const char *text)
{
	cJSON *posts = sim_book(s, "posts"), *last = posts->child ? posts->child->prev : NULL;

	return last && *text && sim_number(last, "account") == q->account && strcmp(sim_text(last, "text"), text) == 0 &&
	       !cJSON_IsTrue(cJSON_GetObjectItem(last, "deleted"));
}

static void feed(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *text = sim_arg(q, "message"), *link = sim_arg(q, "link");
	bool bad;
	cJSON *list = attached(q, &bad), *p;
	const cJSON *v;

	if (!facebook_page_good(s, q, r) ||
	    !graph_fields_known(q, r, "message link published attached_media attached_media[0] attached_media[1] attached_media[2] attached_media[3] "
	                              "attached_media[4] attached_media[5] attached_media[6] attached_media[7] attached_media[8] attached_media[9] "
	                              "scheduled_publish_time targeting feed_targeting appsecret_proof")) {
		cJSON_Delete(list);
		return;
	}
	if (bad || ((!text || !*text) && !link && !list) || (text && (sim_utf16(text) < 0 || sim_utf16(text) > TEXT_MAX)) ||
	    (link && strncmp(link, "http", 4) != 0))
		graph_error(r, 100, 0, "message, link or attached_media");
	else if (!list && repeats(s, q, text ? text : ""))
		graph_error(r, 506, 0, "Duplicate status message");
	else if (photos_good(s, q, r, list)) {
		p = facebook_post_add(s, q, "post", text);
		sim_set(p, "link", link);
		cJSON_ArrayForEach(v, list)
			facebook_show(p, sim_find(s, "media", sim_text(v, "media_fbid")));
		sim_answer(r, 200, "{\"id\":\"%s\"}", sim_text(p, "id"));
	}
	cJSON_Delete(list);
}

static void photo_story(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *m = sim_arg(q, "photo_id") ? sim_own(s, "media", sim_arg(q, "photo_id"), q->account) : NULL, *p;

	if (!facebook_page_good(s, q, r) || !graph_fields_known(q, r, "photo_id appsecret_proof"))
		return;
	if (!m || *sim_text(m, "post")) {
		graph_error(r, 100, 33, "the photo does not exist or was published before");
		return;
	}
	p = facebook_post_add(s, q, "story", NULL);
	facebook_show(p, m);
	sim_answer(r, 200, "{\"success\":true,\"post_id\":\"%s\"}", sim_text(p, "id"));
}

/* ---- reading ---- */

static bool seen(struct sim_request *q, const cJSON *p, const char *kinds)
{
	return sim_number(p, "account") == q->account && strstr(kinds, sim_text(p, "kind")) &&
	       sim_now_ms() - sim_number(p, "received_ms") >= facebook.lag_ms;
}

static cJSON *post_json(const cJSON *p)
{
	const char *id = sim_text(p, "id"), *number = strchr(id, '_');
	cJSON *o = cJSON_CreateObject(), *attachments, *one;
	char text[120];

	sim_set(o, "id", id);
	if (*sim_text(p, "text"))
		sim_set(o, "message", sim_text(p, "text"));
	graph_time(p, text);
	sim_set(o, "created_time", text);
	snprintf(text, sizeof text, "https://www.facebook.com/%.*s/posts/%s", number ? (int)(number - id) : 0, id, number ? number + 1 : id);
	sim_set(o, "permalink_url", text);
	sim_set(cJSON_AddObjectToObject(o, "application"), "id", "1001");
	attachments = cJSON_AddArrayToObject(cJSON_AddObjectToObject(o, "attachments"), "data");
	if (*sim_text(p, "link")) {
		one = cJSON_CreateObject();
		sim_set(one, "unshimmed_url", sim_text(p, "link"));
		cJSON_AddItemToArray(attachments, one);
	}
	return o;
}

static cJSON *show_post(struct sim *s, struct sim_request *q, const cJSON *p)
{
	(void)s;
	return seen(q, p, "post video") ? post_json(p) : NULL;
}

static cJSON *show_story(struct sim *s, struct sim_request *q, const cJSON *p)
{
	const cJSON *m = sim_at(p, "media.0");
	cJSON *o;
	char text[32];

	(void)s;
	if (!seen(q, p, "story"))
		return NULL;
	o = cJSON_CreateObject();
	sim_set(o, "post_id", sim_text(p, "id"));
	sim_set(o, "status", "published");
	snprintf(text, sizeof text, "%lld", (long long)(sim_number(p, "received_ms") / 1000));
	sim_set(o, "creation_time", text);
	sim_set(o, "media_type", strcmp(sim_text(m, "kind"), "photo") == 0 ? "photo" : "video");
	sim_set(o, "media_id", sim_text(m, "id"));
	sim_set(o, "url", "https://facebook.com/stories/1");
	return o;
}

static cJSON *show_reel(struct sim *s, struct sim_request *q, const cJSON *p)
{
	cJSON *o;
	char text[32];

	(void)s;
	if (!seen(q, p, "reel"))
		return NULL;
	o = cJSON_CreateObject();
	sim_set(o, "id", sim_text(sim_at(p, "media.0"), "id"));
	sim_set(o, "description", sim_text(p, "text"));
	graph_time(p, text);
	sim_set(o, "created_time", text);
	sim_set(o, "post_id", sim_text(p, "id"));
	return o;
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
	sim_set(o, "message", sim_text(c, "text"));
	graph_time(c, text);
	sim_set(o, "created_time", text);
	snprintf(text, sizeof text, "%d", 5550001 + (int)sim_number(c, "account"));
	sim_set(cJSON_AddObjectToObject(o, "from"), "id", text);
	return o;
}

/* The stories' list answers whole entries; the others what fields= asks for. */
static void stories(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *list;
	const cJSON *p;

	if (!facebook_page_good(s, q, r) || !graph_fields_known(q, r, "status since until limit after appsecret_proof"))
		return;
	sim_answer(r, 200, "{}");
	list = cJSON_AddArrayToObject(r->json, "data");
	cJSON_ArrayForEach(p, sim_book(s, "posts")) {
		cJSON *o = show_story(s, q, p);

		if (o)
			cJSON_InsertItemInArray(list, 0, o);
	}
}

static void list(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	bool reels = strcmp(strrchr(q->path, '/'), "/video_reels") == 0;

	if (facebook_page_good(s, q, r) && graph_fields_known(q, r, "fields since until limit after before appsecret_proof"))
		graph_list(s, q, r, "posts", reels ? show_reel : show_post);
}

static void object(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *m = sim_own(s, "media", q->ids[1], q->account), *p = sim_own(s, "posts", q->ids[1], q->account), *o;
	char text[32];

	if (!graph_fields_known(q, r, "fields appsecret_proof") || !page_token(q, r))
		return;
	if (p) {
		graph_object(q, r, post_json(p));
	} else if (!m) {
		sim_refuse(s, r, SIM_NO_ROUTE);
	} else if (strcmp(sim_text(m, "kind"), "photo") == 0) {
		o = cJSON_CreateObject();
		sim_set(o, "id", q->ids[1]);
		graph_time(m, text);
		sim_set(o, "created_time", text);
		if (*sim_text(m, "post"))
			sim_set(o, "page_story_id", sim_text(m, "post"));
		graph_object(q, r, o);
	} else {
		graph_object(q, r, facebook_video_json(m));
	}
}

static void delete(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *p = sim_own(s, "posts", q->ids[1], q->account);

	p = p ? p : sim_own(s, "media", q->ids[1], q->account);
	if (!page_token(q, r))
		return;
	if (!p) {
		sim_refuse(s, r, SIM_NO_ROUTE);
		return;
	}
	cJSON_ReplaceItemInObject(p, "deleted", cJSON_CreateTrue());
	sim_answer(r, 200, "{\"success\":true}");
}

/* ---- comments ---- */

static void comment(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *text = sim_arg(q, "message"), *under = strchr(q->ids[1], '_');
	char id[64], number[24];
	cJSON *c;

	if (!graph_fields_known(q, r, "message attachment_url attachment_id appsecret_proof") || !page_token(q, r))
		return;
	if (!text || !*text || sim_utf16(text) > COMMENT_MAX || (!sim_own(s, "posts", q->ids[1], q->account) && !sim_own(s, "media", q->ids[1], q->account))) {
		graph_error(r, 100, 33, "no such post, or a comment that is too long");
		return;
	}
	snprintf(id, sizeof id, "%.30s_%s", under ? under + 1 : q->ids[1], sim_next_id(s, number));
	c = sim_add(s, "comments", id, q->account);
	sim_set(c, "text", text);
	sim_set(c, "parent", q->ids[1]);
	sim_answer(r, 200, "{\"id\":\"%s\"}", id);
}

static void comments(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	if (graph_fields_known(q, r, "fields order since limit after appsecret_proof") && page_token(q, r))
		graph_list(s, q, r, "comments", show_comment);
}

/* ---- the table ---- */

static void headers(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	int calls = r->status == 403 || r->status == 429 ? 100 : 3;

	(void)s;
	(void)q;
	sim_header_add(r, "X-App-Usage", "{\"call_count\":%d,\"total_time\":2,\"total_cputime\":2}", calls);
}

static const struct sim_route routes[] = {
	{ "GET", "/v*/oauth/access_token", extend, 0 },
	{ "GET", "/v*/me/accounts", accounts, SIM_TOKEN },
	{ "POST", "/v*/*/photos", facebook_photo, SIM_TOKEN | SIM_UPLOAD },
	{ "POST", "/v*/*/feed", feed, SIM_TOKEN | SIM_ACT },
	{ "POST", "/v*/*/photo_stories", photo_story, SIM_TOKEN | SIM_ACT },
	{ "POST", "/v*/*/videos?upload_phase=transfer", facebook_video_chunk, SIM_TOKEN | SIM_UPLOAD },
	{ "POST", "/v*/*/*?upload_phase=start", facebook_video_start, SIM_TOKEN },
	{ "POST", "/v*/*/*?upload_phase=finish", facebook_video_finish, SIM_TOKEN | SIM_ACT },
	{ "POST", "/video-upload/v*/*", facebook_video_put, SIM_TOKEN | SIM_UPLOAD },
	{ "POST", "/v*/*/comments", comment, SIM_TOKEN | SIM_ACT },
	{ "GET", "/v*/*/comments", comments, SIM_TOKEN | SIM_READ },
	{ "GET", "/v*/*/published_posts", list, SIM_TOKEN | SIM_READ },
	{ "GET", "/v*/*/video_reels", list, SIM_TOKEN | SIM_READ },
	{ "GET", "/v*/*/stories", stories, SIM_TOKEN | SIM_READ },
	{ "GET", "/v*/*", object, SIM_TOKEN | SIM_READ },
	{ "DELETE", "/v*/*", delete, SIM_TOKEN },
};

#define KNOB(name) { #name, &facebook.name }
static const struct sim_knob knobs[] = { KNOB(lag_ms), KNOB(chunk_bytes), KNOB(wrong_offset), KNOB(reel_limit) };

const struct sim_platform sim_facebook = {
	.name = "facebook", .routes = routes, .route_count = SIM_COUNT(routes), .knobs = knobs, .knob_count = SIM_COUNT(knobs), .words = graph_words,
	.headers = headers,
};
