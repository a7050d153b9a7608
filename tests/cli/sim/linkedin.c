/* linkedin.c: LinkedIn's versioned interface: posts, comments, and the refusal of what stands already. After the contract's
 * chapters 1 to 4. A sign that is reserved and not escaped cuts the text off there, in silence, as the real one does. */
#include "tests/cli/sim/linkedin.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 3000
#define COMMENT_MAX 1250
#define PAGE_MAX 100

struct linkedin_knobs linkedin = { .part_bytes = 4194304 };

void linkedin_error(struct sim_reply *r, int status, const char *code, const char *message)
{
	sim_answer(r, status, "{\"status\":%d,\"code\":\"%s\"}", status, code);
	sim_set(r->json, "message", message);
}

/* In the address a URN is percent-encoded completely, brackets and commas too; lists keep theirs. */
static bool encoded(const char *uri)
{
	const char *query = strchr(uri, '?');
	size_t path = query ? (size_t)(query - uri) : strlen(uri);
	char *copy = sim_need(strndup(uri, path));
	bool good = !strpbrk(copy, ":(),") && !(query && strstr(query, "urn:"));

	free(copy);
	return good;
}

bool linkedin_call_good(struct sim_request *q, struct sim_reply *r, const char *method)
{
	const char *version = sim_header(q, "LinkedIn-Version"), *protocol = sim_header(q, "X-Restli-Protocol-Version");
	const char *restli = sim_header(q, "X-RestLi-Method"), *authorization = sim_header(q, "Authorization");

	if (!version || strlen(version) != 6 || strcmp(version, "202501") < 0 || linkedin.old_version)
		linkedin_error(r, 426, "NONEXISTENT_VERSION", "Requested version is not active");
	else if (!protocol || strcmp(protocol, "2.0.0") != 0)
		linkedin_error(r, 400, "ILLEGAL_ARGUMENT", "X-Restli-Protocol-Version is not 2.0.0");
	else if (!authorization || strncmp(authorization, "Bearer ", 7) != 0)
		linkedin_error(r, 401, "EMPTY_ACCESS_TOKEN", "Empty oauth2 access token");
	else if (!encoded(q->uri))
		linkedin_error(r, 400, "ILLEGAL_ARGUMENT", "a URN in the address is not encoded");
	else if (q->body_len && !q->json)
		linkedin_error(r, 400, "ILLEGAL_ARGUMENT", "the body is no JSON");
	else if (method && (!restli || strcasecmp(restli, method) != 0))
		linkedin_error(r, 400, "ILLEGAL_ARGUMENT", "X-RestLi-Method is missing");
	return r->status == 0;
}

/* ---- tokens ---- */

static void token(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *refresh = sim_arg(q, "refresh_token"), *kind = sim_arg(q, "grant_type");
	const struct sim_grant *g = NULL;

	if (kind && strcmp(kind, "refresh_token") == 0 && sim_arg(q, "client_id") && sim_arg(q, "client_secret") &&
	    !sim_bad_field(q, "grant_type refresh_token client_id client_secret"))
		g = sim_refresh(s, refresh, false);
	if (!g)
		sim_answer(r, 400, "{\"error\":\"invalid_grant\",\"error_description\":\"The provided authorization grant or refresh token is invalid, "
			   "expired or revoked.\"}");
	else
		sim_answer(r, 200, "{\"access_token\":\"%s\",\"expires_in\":5184000,\"refresh_token\":\"%s\",\"refresh_token_expires_in\":31536000,"
			   "\"scope\":\"openid,profile,w_member_social\",\"token_type\":\"Bearer\"}", g->access, refresh);
}

static void userinfo(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	(void)s;
	sim_answer(r, 200, "{\"sub\":\"demo%d\",\"name\":\"A. Person\"}", q->account);
}

/* ---- little text ---- */

static size_t mention_len(const char *p, size_t *name)
{
	const char *close = p[0] == '@' && p[1] == '[' ? strchr(p, ']') : NULL, *end = close && close[1] == '(' ? strchr(close, ')') : NULL;

	*name = close ? (size_t)(close - p) - 2 : 0;
	return end && strncmp(close + 2, "urn:li:", 7) == 0 ? (size_t)(end - p) + 1 : 0;
}

/* What the public sees of it. */
static char *displayed(const char *text)
{
	char *out = sim_need(malloc(strlen(text) + 1));
	size_t len = 0, n, name;

	for (const char *p = text; *p; p += n) {
		n = mention_len(p, &name);
		if (n) {
			memcpy(out + len, p + 2, name);
			len += name;
		} else if (*p == '\\' && p[1]) {
			out[len++] = p[1];
			n = 2;
		} else if (*p == '#' && (p == text || isspace((unsigned char)p[-1])) && (isalnum((unsigned char)p[1]) || p[1] & 0x80)) {
			out[len++] = '#';
			n = 1;
		} else if (strchr("\\|{}@[]()<>#*_~", *p)) {
			break;
		} else {
			out[len++] = *p;
			n = 1;
		}
	}
	out[len] = '\0';
	return out;
}

/* ---- posts ---- */

static const cJSON *twin(struct sim *s, const cJSON *o)
{
	const cJSON *p;

	cJSON_ArrayForEach(p, sim_book(s, "posts"))
		if (strcmp(sim_text(p, "author"), sim_text(o, "author")) == 0 && strcmp(sim_text(p, "commentary"), sim_text(o, "commentary")) == 0 &&
		    cJSON_Compare(cJSON_GetObjectItem(p, "content"), cJSON_GetObjectItem(o, "content"), true) ==
		    (cJSON_GetObjectItem(p, "content") != NULL))
			return p;
	return NULL;
}

static bool post_good(struct sim_request *q, const char *text, struct sim_reply *r)
{
	const cJSON *o = q->json, *d = cJSON_GetObjectItem(o, "distribution");
	const char *author = sim_text(o, "author");
	char own[40];

	snprintf(own, sizeof own, "urn:li:person:demo%d", q->account);
	if (!cJSON_IsObject(o) || sim_bad_member(o, "author:s commentary:s visibility:s distribution:o lifecycleState:s isReshareDisabledByAuthor:b "
	                                            "content:o reshareContext:o") ||
	    sim_bad_member(d, "feedDistribution:s targetEntities:a thirdPartyDistributionChannels:a"))
		linkedin_error(r, 400, "ILLEGAL_ARGUMENT", "a member that the schema does not have");
	else if (!d || !*sim_text(o, "visibility") || strcmp(sim_text(o, "lifecycleState"), "PUBLISHED") != 0)
		linkedin_error(r, 400, "MISSING_FIELD", "visibility, distribution or lifecycleState");
	else if (!strstr("|PUBLIC|CONNECTIONS|LOGGED_IN|", sim_text(o, "visibility")))
		linkedin_error(r, 400, "INVALID_VALUE_FOR_FIELD", "visibility");
	else if (strcmp(author, own) != 0 && strcmp(author, "urn:li:organization:5501") != 0)
		linkedin_error(r, 403, "ACCESS_DENIED", "Not enough permissions to access: author");
	else if (sim_utf16(text) < 0 || sim_utf16(text) > TEXT_MAX)
		linkedin_error(r, 400, "FIELD_LENGTH_TOO_LONG", "commentary has more than 3000 characters");
	return r->status == 0;
}

static void post_add(struct sim *s, struct sim_request *q, const char *text, struct sim_reply *r)
{
	const cJSON *content = cJSON_GetObjectItem(q->json, "content"), *v;
	char id[24], urn[60];
	cJSON *p, *list;

	snprintf(urn, sizeof urn, "urn:li:share:%s", sim_next_id(s, id));
	p = sim_add(s, "posts", urn, q->account);
	sim_set(p, "text", text);
	sim_set(p, "author", sim_text(q->json, "author"));
	sim_set(p, "commentary", sim_text(q->json, "commentary"));
	sim_set(p, "visibility", sim_text(q->json, "visibility"));
	if (content)
		cJSON_AddItemToObject(p, "content", cJSON_Duplicate(content, true));
	list = cJSON_AddArrayToObject(p, "media");
	cJSON_ArrayForEach(v, sim_at(content, "multiImage.images"))
		cJSON_AddItemToArray(list, cJSON_Duplicate(sim_find(s, "media", sim_text(v, "id")), true));
	if (sim_at(content, "media.id"))
		cJSON_AddItemToArray(list, cJSON_Duplicate(sim_find(s, "media", sim_at(content, "media.id")->valuestring), true));
	sim_answer(r, 201, "%s", "");
	sim_header_add(r, "x-restli-id", "%s", urn);
}

static void post(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	char *text = displayed(sim_text(q->json, "commentary"));
	const cJSON *before = twin(s, q->json);

	if (linkedin_call_good(q, r, NULL) && post_good(q, text, r) &&
	    linkedin_content_good(s, sim_text(q->json, "author"), cJSON_GetObjectItem(q->json, "content"), r)) {
		if (before)
			sim_answer(r, 422, "{\"errorDetailType\":\"com.linkedin.common.error.BadRequest\",\"status\":422,\"message\":\"Content is a "
				   "duplicate of %s\",\"errorDetails\":{\"inputErrors\":[{\"description\":\"Duplicate post is detected\",\"input\":{},"
				   "\"code\":\"DUPLICATE_POST\"}]}}", sim_text(before, "id"));
		else
			post_add(s, q, text, r);
	}
	free(text);
}

static cJSON *post_json(const cJSON *p)
{
	cJSON *o = cJSON_CreateObject();

	sim_set(o, "id", sim_text(p, "id"));
	sim_set(o, "author", sim_text(p, "author"));
	sim_set(o, "commentary", sim_text(p, "commentary"));
	sim_set_number(o, "createdAt", sim_number(p, "received_ms"));
	sim_set_number(o, "publishedAt", sim_number(p, "received_ms"));
	sim_set(o, "lifecycleState", "PUBLISHED");
	sim_set(o, "visibility", sim_text(p, "visibility"));
	if (cJSON_GetObjectItem(p, "content"))
		cJSON_AddItemToObject(o, "content", cJSON_Duplicate(cJSON_GetObjectItem(p, "content"), true));
	return o;
}

static void post_get(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const cJSON *p = sim_find(s, "posts", q->ids[0]);

	if (!linkedin_call_good(q, r, NULL))
		return;
	if (linkedin.no_read || !p) {
		sim_refuse(s, r, linkedin.no_read ? SIM_FORBIDDEN : SIM_NO_ROUTE);
		return;
	}
	r->status = 200;
	r->json = post_json(p);
}

static void post_list(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *count = sim_arg(q, "count"), *start = sim_arg(q, "start");
	int left = count ? atoi(count) : 10, from = start ? atoi(start) : 0, at = 0;
	cJSON *posts = sim_book(s, "posts"), *list;

	if (!linkedin_call_good(q, r, "FINDER"))
		return;
	if (linkedin.no_read) {
		sim_refuse(s, r, SIM_FORBIDDEN);
		return;
	}
	if (sim_bad_field(q, "q author count start sortBy") || left < 1 || left > PAGE_MAX || !sim_arg(q, "author") || !sim_arg(q, "q")) {
		linkedin_error(r, 400, "PARAM_INVALID", "q, author, count, start, sortBy");
		return;
	}
	sim_answer(r, 200, "{\"paging\":{\"start\":%d,\"count\":%d,\"links\":[]}}", from, left);
	list = cJSON_AddArrayToObject(r->json, "elements");
	for (cJSON *p = posts->child ? posts->child->prev : NULL; p && left > 0; p = p == posts->child ? NULL : p->prev) {
		if (strcmp(sim_text(p, "author"), sim_arg(q, "author")) != 0 || cJSON_IsTrue(cJSON_GetObjectItem(p, "deleted")) ||
		    sim_now_ms() - sim_number(p, "received_ms") < linkedin.lag_ms || at++ < from)
			continue;
		cJSON_AddItemToArray(list, post_json(p));
		left--;
	}
}

static void post_delete(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *p = sim_own(s, "posts", q->ids[0], q->account);

	if (!linkedin_call_good(q, r, "DELETE"))
		return;
	if (p)
		cJSON_ReplaceItemInObject(p, "deleted", cJSON_CreateTrue());
	sim_answer(r, 204, "%s", "");
}

/* ---- comments ---- */

static void comment(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *text = sim_text(cJSON_GetObjectItem(q->json, "message"), "text");
	const cJSON *p = sim_find(s, "posts", q->ids[0]);
	char id[24];
	cJSON *c;

	if (!linkedin_call_good(q, r, NULL))
		return;
	if (sim_bad_member(q->json, "actor:s object:s message:o parentComment:s") || !*text || sim_utf16(text) > COMMENT_MAX ||
	    strcmp(sim_text(q->json, "object"), q->ids[0]) != 0 || !p || strcmp(sim_text(q->json, "actor"), sim_text(p, "author")) != 0) {
		linkedin_error(r, 400, "ILLEGAL_ARGUMENT", "actor, object, or message of 1 to 1250 characters");
		return;
	}
	if (sim_take(&linkedin.no_activity)) {
		linkedin_error(r, 404, "NOT_FOUND", "Unable to obtain activity for the URN");
		return;
	}
	c = sim_add(s, "comments", sim_next_id(s, id), q->account);
	sim_set(c, "text", text);
	sim_set(c, "parent", q->ids[0]);
	sim_set(c, "actor", sim_text(q->json, "actor"));
	sim_answer(r, 201, "{\"id\":\"%s\",\"$URN\":\"urn:li:comment:(urn:li:activity:1,%s)\"}", id, id);
	sim_header_add(r, "x-restli-id", "%s", id);
}

static void comments(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *list, *one;
	const cJSON *c;

	if (!linkedin_call_good(q, r, NULL))
		return;
	sim_answer(r, 200, "{\"paging\":{\"start\":0,\"count\":50}}");
	list = cJSON_AddArrayToObject(r->json, "elements");
	cJSON_ArrayForEach(c, sim_book(s, "comments")) {
		if (strcmp(sim_text(c, "parent"), q->ids[0]) != 0)
			continue;
		one = cJSON_CreateObject();
		sim_set(one, "id", sim_text(c, "id"));
		sim_set(one, "actor", sim_text(c, "actor"));
		sim_set(cJSON_AddObjectToObject(one, "message"), "text", sim_text(c, "text"));
		sim_set_number(cJSON_AddObjectToObject(one, "created"), "time", sim_number(c, "received_ms"));
		cJSON_AddItemToArray(list, one);
	}
}

/* ---- the table ---- */

static const struct sim_route routes[] = {
	{ "POST", "/oauth/v2/accessToken", token, 0 },
	{ "GET", "/v2/userinfo", userinfo, SIM_TOKEN },
	{ "POST", "/rest/*?action=initializeUpload", linkedin_initialize, SIM_TOKEN },
	{ "POST", "/rest/videos?action=finalizeUpload", linkedin_finalize, SIM_TOKEN },
	{ "PUT", "/dms-uploads/*/whole/0", linkedin_put, SIM_TOKEN | SIM_UPLOAD },
	{ "PUT", "/dms-uploads/*/part/*", linkedin_put_part, SIM_UPLOAD },
	{ "POST", "/rest/posts", post, SIM_TOKEN | SIM_ACT },
	{ "GET", "/rest/posts?author", post_list, SIM_TOKEN | SIM_READ },
	{ "GET", "/rest/posts/*", post_get, SIM_TOKEN | SIM_READ },
	{ "DELETE", "/rest/posts/*", post_delete, SIM_TOKEN },
	{ "POST", "/rest/socialActions/*/comments", comment, SIM_TOKEN | SIM_ACT },
	{ "GET", "/rest/socialActions/*/comments", comments, SIM_TOKEN | SIM_READ },
	{ "GET", "/rest/*/*", linkedin_asset, SIM_TOKEN },
};

#define KNOB(name) { #name, &linkedin.name }
static const struct sim_knob knobs[] = { KNOB(part_bytes), KNOB(no_read), KNOB(no_activity), KNOB(lag_ms), KNOB(old_version) };

static const struct sim_words words[SIM_REFUSALS] = {
	[SIM_NO_ROUTE] = { 404, "{\"status\":404,\"code\":\"NOT_FOUND\",\"message\":\"Could not find entity\"}" },
	[SIM_TOO_LARGE] = { 413, "" },
	[SIM_UNAUTHORIZED] = { 401, "{\"status\":401,\"serviceErrorCode\":65600,\"code\":\"INVALID_ACCESS_TOKEN\",\"message\":\"Invalid access token\"}" },
	[SIM_EXPIRED] = { 401, "{\"status\":401,\"serviceErrorCode\":65602,\"code\":\"EXPIRED_ACCESS_TOKEN\","
	                       "\"message\":\"The token used in the request has expired\"}" },
	[SIM_FORBIDDEN] = { 403, "{\"status\":403,\"serviceErrorCode\":100,\"code\":\"ACCESS_DENIED\","
	                         "\"message\":\"Not enough permissions to access: partnerApiPostsExternal.CREATE.20260601\"}" },
	[SIM_RATE] = { 429, "{\"status\":429,\"serviceErrorCode\":101,\"code\":\"TOO_MANY_REQUESTS\",\"message\":\"Resource level throttle limit for calls "
	                    "to this resource is reached.\"}" },
	[SIM_BUSY] = { 503, "{\"status\":503,\"message\":\"Service Unavailable\"}" },
	[SIM_BROKEN] = { 500, "{\"status\":500,\"message\":\"Internal Server Error\"}" },
};

const struct sim_platform sim_linkedin = {
	.name = "linkedin", .routes = routes, .route_count = SIM_COUNT(routes), .knobs = knobs, .knob_count = SIM_COUNT(knobs), .words = words,
};
