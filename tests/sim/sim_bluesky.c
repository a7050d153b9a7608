/* sim_bluesky.c: a repository of records by key: putRecord with swapRecord null makes a record or refuses, getRecord reads it, listRecords
 * reads all, the newest key first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "tests/sim/sim.h"

#define LIST_PAGE 100

struct record { char *rkey, *text; };
struct repository { struct record *list; size_t count, cap; };

static struct repository *repository_of(struct host *h)
{
	if (h->state == NULL && (h->state = calloc(1, sizeof(struct repository))) == NULL)
		abort();
	return h->state;
}

static const struct record *record_find(struct host *h, const char *rkey, size_t len)
{
	const struct repository *p = repository_of(h);
	for (size_t i = p->count; i-- > 0;)
		if (strlen(p->list[i].rkey) == len && memcmp(p->list[i].rkey, rkey, len) == 0)
			return &p->list[i];
	return NULL;
}

static void write_names(struct sim_answer *out, const struct host *h, const struct record *r)
{
	buf_add_fmt(&out->body, "{\"uri\":\"at://did:plc:%.2s/app.bsky.feed.post/%s\",\"cid\":\"bafy%s\"", h->name, r->rkey, r->rkey);
}

static void refuse(struct sim_answer *out, const char *error, const char *message)
{
	out->status = 400;
	buf_add_fmt(&out->body, "{\"error\":\"%s\",\"message\":\"%s\"}", error, message);
}

static void put(struct host *h, const struct sim_request *r, struct sim_answer *out)
{
	struct repository *p = repository_of(h);
	struct json *json = NULL;
	struct buf text = BUF_INIT(1 << 20);
	(void)json_parse(&json, r->body, r->body_len, NULL, NULL);
	const char *rkey = json_get_text(json, "rkey");
	const struct json *record = json_get(json, "record");
	json_print(record, &text);
	const struct record *there = rkey != NULL ? record_find(h, rkey, strlen(rkey)) : NULL;
	bool create_only = json_get(json, "swapRecord") != NULL;
	if (rkey == NULL || json_kind(record) != JSON_OBJECT) {
		refuse(out, "InvalidRequest", "no record");
	} else if (there != NULL && strcmp(there->text, buf_cstr(&text)) == 0) {
		write_names(out, h, there);
		buf_add_char(&out->body, '}');
	} else if (there != NULL && create_only) {
		refuse(out, "InvalidSwap", "Record was at another cid");
	} else {
		if (p->count == p->cap) {
			p->cap = p->cap == 0 ? 64 : p->cap * 2;
			p->list = realloc(p->list, p->cap * sizeof *p->list);
			if (p->list == NULL)
				abort();
		}
		p->list[p->count] = (struct record){ .rkey = strdup(rkey), .text = strdup(buf_cstr(&text)) };
		sim_show(h, json_get_text(record, "text"));
		write_names(out, h, &p->list[p->count++]);
		buf_add_char(&out->body, '}');
	}
	buf_done(&text);
	json_free(json);
}

static void get(struct host *h, const char *path, struct sim_answer *out)
{
	const char *rkey = strstr(path, "rkey=");
	const struct record *r = rkey != NULL ? record_find(h, rkey + 5, strcspn(rkey + 5, "&")) : NULL;
	if (r == NULL) {
		refuse(out, "RecordNotFound", "Could not locate record");
		return;
	}
	write_names(out, h, r);
	buf_add_fmt(&out->body, ",\"value\":%s}", r->text);
}

/* The newest key below another (NULL: any). */
static const struct record *record_below(struct host *h, const char *key, size_t len)
{
	const struct repository *p = repository_of(h);
	const struct record *best = NULL;
	for (size_t i = 0; i < p->count; i++) {
		const struct record *r = &p->list[i];
		if ((key == NULL || strncmp(r->rkey, key, len) < 0) && (best == NULL || strcmp(r->rkey, best->rkey) > 0))
			best = r;
	}
	return best;
}

static void list(struct host *h, const char *path, struct sim_answer *out)
{
	const char *cursor = strstr(path, "&cursor="), *key = cursor != NULL ? cursor + 8 : NULL;
	size_t len = key != NULL ? strcspn(key, "&") : 0, left = LIST_PAGE;
	const struct record *r;
	buf_add_str(&out->body, "{\"records\":[");
	for (; left > 0 && (r = record_below(h, key, len)) != NULL; left--) {
		if (left < LIST_PAGE)
			buf_add_char(&out->body, ',');
		write_names(out, h, r);
		buf_add_fmt(&out->body, ",\"value\":%s}", r->text);
		key = r->rkey;
		len = strlen(key);
	}
	buf_add_str(&out->body, "]}");
}

void bluesky_answer(struct host *h, const struct sim_request *r, struct sim_answer *out)
{
	if (strstr(r->path, "createSession") != NULL || strstr(r->path, "refreshSession") != NULL)
		buf_add_fmt(&out->body, "{\"did\":\"did:plc:%.2s\",\"handle\":\"x.%s\",\"accessJwt\":\"a.b.c\",\"refreshJwt\":\"d.e.f\"}", h->name, h->name);
	else if (strstr(r->path, "putRecord") != NULL)
		put(h, r, out);
	else if (strstr(r->path, "getRecord") != NULL)
		get(h, r->path, out);
	else if (strstr(r->path, "listRecords") != NULL)
		list(h, r->path, out);
	else
		refuse(out, "MethodNotImplemented", "not in this simulation");
}

void bluesky_free(struct host *h)
{
	struct repository *p = h->state;
	for (size_t i = 0; i < p->count; i++) {
		free(p->list[i].rkey);
		free(p->list[i].text);
	}
	free(p->list);
}
