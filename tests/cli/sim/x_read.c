/* x_read.c: X's timeline of an account's own posts: texts come back changed, links shortened, signs escaped. */
#include "tests/cli/sim/x.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_MAX 100

struct render { char *out; size_t len; int points, links; cJSON *urls; };

static void put(struct render *o, const char *text, size_t len)
{
	memcpy(o->out + o->len, text, len);
	o->len += len;
	for (size_t i = 0; i < len; i++)
		o->points += ((unsigned char)text[i] & 0xC0) != 0x80;
}

static size_t link_len(const char *p)
{
	size_t n = 0;

	if (strncmp(p, "https://", 8) != 0 && strncmp(p, "http://", 7) != 0)
		return 0;
	while ((unsigned char)p[n] > ' ')
		n++;
	while (n && strchr(".,;:!?)'\"", p[n - 1]))
		n--;
	return n;
}

static void put_link(struct render *o, const char *id, const char *url, size_t len)
{
	char shorter[64], *whole = sim_need(strndup(url, len));
	cJSON *e = cJSON_CreateObject();

	snprintf(shorter, sizeof shorter, "https://t.co/%.10s%d", id + strlen(id) - 6, o->links++);
	sim_set_number(e, "start", o->points);
	put(o, shorter, strlen(shorter));
	sim_set_number(e, "end", o->points);
	sim_set(e, "url", shorter);
	sim_set(e, "expanded_url", whole);
	sim_set(e, "display_url", whole + (strncmp(whole, "https", 5) == 0 ? 8 : 7));
	cJSON_AddItemToArray(o->urls, e);
	free(whole);
}

/* Each sign grows to five at most, a link to 30. */
static void render(const cJSON *p, cJSON *out)
{
	static const struct { char sign; const char *name; } names[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" } };
	const char *text = sim_text(p, "text"), *id = sim_text(p, "id");
	struct render o = { .out = sim_need(malloc(5 * strlen(text) + 100)), .urls = cJSON_CreateArray() };
	bool media = cJSON_GetArraySize(cJSON_GetObjectItem(p, "media_keys")) > 0;

	for (const char *t = text; *t;) {
		size_t link = link_len(t), i = 0;

		while (i < SIM_COUNT(names) && names[i].sign != *t)
			i++;
		if (link)
			put_link(&o, id, t, link);
		else if (i < SIM_COUNT(names))
			put(&o, names[i].name, strlen(names[i].name));
		else
			put(&o, t, 1);
		t += link ? link : 1;
	}
	if (media && *text)
		put(&o, " ", 1);
	if (media)
		put_link(&o, id, "https://x.com/demo/status/1/photo/1", 35);
	o.out[o.len] = '\0';
	sim_set(out, "text", o.out);
	if (cJSON_GetArraySize(o.urls))
		cJSON_AddItemToObject(cJSON_AddObjectToObject(out, "entities"), "urls", o.urls);
	else
		cJSON_Delete(o.urls);
	free(o.out);
}

static cJSON *show(const cJSON *p)
{
	int64_t ms = sim_number(p, "received_ms");
	const char *parent = sim_text(p, "parent");
	cJSON *o = cJSON_CreateObject(), *one;
	char day[24], text[40];

	sim_set(o, "id", sim_text(p, "id"));
	render(p, o);
	sim_time(ms, day);
	snprintf(text, sizeof text, "%s.%03dZ", day, (int)(ms % 1000));
	sim_set(o, "created_at", text);
	sim_set(o, "conversation_id", *parent ? parent : sim_text(p, "id"));
	if (*parent) {
		one = cJSON_CreateObject();
		sim_set(one, "type", "replied_to");
		sim_set(one, "id", parent);
		cJSON_AddItemToArray(cJSON_AddArrayToObject(o, "referenced_tweets"), one);
	}
	if (cJSON_GetArraySize(cJSON_GetObjectItem(p, "media_keys")))
		cJSON_AddItemToObject(cJSON_AddObjectToObject(o, "attachments"), "media_keys", cJSON_Duplicate(cJSON_GetObjectItem(p, "media_keys"), true));
	return o;
}

static bool seen(const cJSON *p, struct sim_request *q, const char *start)
{
	int64_t ms = sim_number(p, "received_ms");
	char day[24];

	sim_time(ms, day);
	return sim_number(p, "account") == q->account && !cJSON_IsTrue(cJSON_GetObjectItem(p, "deleted")) && sim_now_ms() - ms >= x.lag_ms &&
	       (!start || strncmp(day, start, 19) >= 0);
}

void x_timeline(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *max = sim_arg(q, "max_results"), *start = sim_arg(q, "start_time"), *next = sim_arg(q, "pagination_token");
	int left = max ? atoi(max) : 10, from = next ? atoi(next) : 0, at = 0;
	cJSON *posts = sim_book(s, "posts"), *data = cJSON_CreateArray();
	char own[16];

	snprintf(own, sizeof own, "%d", 700001 + q->account);
	if (x_invalid(r, sim_bad_field(q, "max_results start_time end_time since_id until_id exclude tweet.fields post.fields expansions media.fields "
	                                  "pagination_token")) ||
	    x_invalid(r, left < 5 || left > PAGE_MAX ? "max_results: 5 to 100" : NULL) ||
	    x_invalid(r, start && (strlen(start) < 20 || start[10] != 'T' || start[strlen(start) - 1] != 'Z') ? "start_time" : NULL) ||
	    x_invalid(r, strcmp(own, q->ids[0]) != 0 ? "id: only the account's own posts are played here" : NULL)) {
		cJSON_Delete(data);
		return;
	}
	for (cJSON *p = posts->child ? posts->child->prev : NULL; p && left > 0; p = p == posts->child ? NULL : p->prev) {
		if (!seen(p, q, start) || at++ < from)
			continue;
		cJSON_AddItemToArray(data, show(p));
		left--;
	}
	sim_answer(r, 200, "{\"meta\":{\"result_count\":%d}}", cJSON_GetArraySize(data));
	if (cJSON_GetArraySize(data)) {
		char text[16];

		snprintf(text, sizeof text, "%d", at);
		if (left == 0)
			sim_set(cJSON_GetObjectItem(r->json, "meta"), "next_token", text);
		cJSON_AddItemToObject(r->json, "data", data);
	} else {
		cJSON_Delete(data);
	}
}
