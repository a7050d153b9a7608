/* graph.c: Meta's Graph API as its contract describes it: error objects by code and subcode, answers that hold only the fields
 * that were asked for, lists by page. */
#include "tests/cli/sim/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_MAX 100

void graph_error(struct sim_reply *r, int code, int subcode, const char *message)
{
	cJSON *e;

	sim_answer(r, 400, "{\"error\":{\"type\":\"OAuthException\",\"code\":%d,\"fbtrace_id\":\"AbC\",\"is_transient\":false}}", code);
	e = cJSON_GetObjectItem(r->json, "error");
	sim_set(e, "message", message);
	if (subcode)
		sim_set_number(e, "error_subcode", subcode);
}

bool graph_fields_known(struct sim_request *q, struct sim_reply *r, const char *names)
{
	const char *bad = sim_bad_field(q, names);
	char text[120];

	if (!bad)
		return true;
	snprintf(text, sizeof text, "simulator: the documentation has no parameter %.60s here", bad);
	graph_error(r, 100, 0, text);
	return false;
}

bool graph_scheme_good(struct sim_request *q, struct sim_reply *r, const char *scheme)
{
	const char *value = sim_header(q, "Authorization");

	if (value && strncmp(value, scheme, strlen(scheme)) == 0 && value[strlen(scheme)] == ' ')
		return true;
	graph_error(r, 190, 0, "simulator: the token does not stand where this call has it");
	return false;
}

bool graph_true(struct sim_request *q, const char *name)
{
	const char *value = sim_arg(q, name);

	return value && (strcmp(value, "true") == 0 || strcmp(value, "1") == 0);
}

void graph_time(const cJSON *entry, char out[32])
{
	char day[24];

	sim_time(sim_number(entry, "received_ms"), day);
	snprintf(out, 32, "%s+0000", day);
}

/* Whether "a,b{c,d},e.limit(1)" names this at its top. */
static bool asked(const char *fields, const char *name)
{
	int depth = 0;
	size_t len = strlen(name);
	bool start = true;

	for (const char *p = fields; *p; p++) {
		if (start && depth == 0 && strncmp(p, name, len) == 0 && (!p[len] || strchr(",{.", p[len])))
			return true;
		start = *p == ',';
		depth += (*p == '{' || *p == '(') - (*p == '}' || *p == ')');
	}
	return false;
}

static void keep_asked(struct sim_request *q, cJSON *o)
{
	const char *fields = sim_arg(q, "fields");
	cJSON *v = o->child, *next;

	for (; v; v = next) {
		next = v->next;
		if (strcmp(v->string, "id") != 0 && !(fields && asked(fields, v->string)))
			cJSON_Delete(cJSON_DetachItemViaPointer(o, v));
	}
}

void graph_object(struct sim_request *q, struct sim_reply *r, cJSON *o)
{
	keep_asked(q, o);
	r->status = 200;
	r->json = o;
}

void graph_list(struct sim *s, struct sim_request *q, struct sim_reply *r, const char *book, graph_show *show)
{
	const char *since = sim_arg(q, "since"), *limit = sim_arg(q, "limit"), *after = sim_arg(q, "after");
	int left = limit ? atoi(limit) : 25, from = after ? atoi(after) : 0, at = 0;
	int64_t since_ms = since ? atoll(since) * 1000 : 0;
	cJSON *entries = sim_book(s, book), *list, *cursors, *o;
	char text[16];

	left = left < 1 ? 1 : left > LIMIT_MAX ? LIMIT_MAX : left;
	sim_answer(r, 200, "{\"data\":[]}");
	list = cJSON_GetObjectItem(r->json, "data");
	for (cJSON *p = entries->child ? entries->child->prev : NULL; p && left > 0; p = p == entries->child ? NULL : p->prev) {
		if (sim_number(p, "received_ms") < since_ms || cJSON_IsTrue(cJSON_GetObjectItem(p, "deleted")) || !(o = show(s, q, p)))
			continue;
		keep_asked(q, o);
		if (at++ < from) {
			cJSON_Delete(o);
			continue;
		}
		cJSON_AddItemToArray(list, o);
		left--;
	}
	if (!cJSON_GetArraySize(list))
		return;
	cursors = cJSON_AddObjectToObject(cJSON_AddObjectToObject(r->json, "paging"), "cursors");
	snprintf(text, sizeof text, "%d", at);
	sim_set(cursors, "before", "0");
	sim_set(cursors, "after", text);
	if (left == 0)
		sim_set(cJSON_GetObjectItem(r->json, "paging"), "next", "https://graph.example/next");
}

cJSON *graph_media(struct sim *s, struct sim_request *q, const char *url, const struct sim_field *file, const char **why)
{
	char *data = file ? file->value : NULL, mime[64] = "", id[24];
	size_t len = file ? file->len : 0;
	cJSON *m;

	*why = NULL;
	if (!file)
		data = sim_fetch(url, &len, mime, why);
	if (!data) {
		*why = *why ? *why : "has no content";
		return NULL;
	}
	m = sim_add(s, "media", sim_next_id(s, id), q->account);
	sim_blob_put(id, 0, data, len);
	sim_blob_note(id, m);
	if (!file) {
		int width, height;

		sim_picture_size(data, len, &width, &height);
		sim_set_number(m, "width", width);
		sim_set_number(m, "height", height);
		sim_set(m, "url", url);
		if (strcmp(mime, sim_text(m, "mime")) != 0)
			*why = "is served as another type than it is";
		free(data);
	}
	return *why ? NULL : m;
}

void graph_refresh(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	bool ended;
	int account = sim_account(s, sim_arg(q, "access_token"), &ended);

	if (!graph_fields_known(q, r, "grant_type access_token"))
		return;
	if (account < 0 || ended)
		sim_refuse(s, r, SIM_EXPIRED);
	else
		sim_answer(r, 200, "{\"access_token\":\"%s\",\"token_type\":\"bearer\",\"expires_in\":5183944}", sim_grant(s, account)->access);
}

#define ERROR(message, code, more) "{\"error\":{\"message\":\"" message "\",\"type\":\"OAuthException\",\"code\":" code more ",\"fbtrace_id\":\"AbC\"}}"
const struct sim_words graph_words[SIM_REFUSALS] = {
	[SIM_NO_ROUTE] = { 400, ERROR("Unsupported request, or an object that does not exist", "100", ",\"error_subcode\":33") },
	[SIM_TOO_LARGE] = { 413, ERROR("too large", "1", "") },
	[SIM_UNAUTHORIZED] = { 400, ERROR("Error validating access token: the session has been invalidated", "190", ",\"error_subcode\":460") },
	[SIM_EXPIRED] = { 400, ERROR("Error validating access token: Session has expired", "190", ",\"error_subcode\":463") },
	[SIM_FORBIDDEN] = { 403, ERROR("(#10) Application does not have permission for this action", "10", "") },
	[SIM_RATE] = { 403, ERROR("(#4) Application request limit reached", "4", "") },
	[SIM_BUSY] = { 503, ERROR("Service temporarily unavailable", "2", ",\"is_transient\":true") },
	[SIM_BROKEN] = { 500, ERROR("An unexpected error has occurred. Please retry your request later.", "2", ",\"is_transient\":true") },
};
