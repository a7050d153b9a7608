/* sim_platform.c: the platforms as servers see themselves: a Mastodon with and one without memory of idempotency keys, a
 * webhook's receiver, an outbox's directory; and the count of what the public can see. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/unit.h"

#define KEY_MEMORY_MS (3600 * INT64_C(1000))

struct host sim_hosts[SIM_MAX_HOSTS];
size_t sim_host_count;

const char *const sim_kind_names[KIND__COUNT] = {
	[KIND_MASTODON] = "mastodon", [KIND_PLAIN] = "plain", [KIND_BLUESKY] = "bluesky", [KIND_WEBHOOK] = "webhook", [KIND_OUTBOX] = "outbox",
};

struct host *sim_host_find(const char *url)
{
	for (size_t i = 0; i < sim_host_count; i++)
		if (strstr(url, sim_hosts[i].name) != NULL)
			return &sim_hosts[i];
	fprintf(stderr, "no such host: %s\n", url);
	abort();
}

/* ---- what can be seen ---- */

struct seen { const struct host *host; uint64_t number; unsigned count[SIM_MAX_PARTS]; bool late; };

static struct seen *seen_table;
static size_t seen_cap, seen_count;

static struct seen *seen_slot(struct seen *table, size_t cap, const struct host *h, uint64_t number)
{
	size_t at = (size_t)((number * SIM_MAX_HOSTS + (uint64_t)(h - sim_hosts)) * UINT64_C(0x9e3779b97f4a7c15)) % cap;
	while (table[at].host != NULL && (table[at].host != h || table[at].number != number))
		at = (at + 1) % cap;
	return &table[at];
}

static struct seen *seen_get(const struct host *h, uint64_t number)
{
	if (seen_count * 2 >= seen_cap) {
		size_t cap = seen_cap == 0 ? 1024 : seen_cap * 2;
		struct seen *grown = calloc(cap, sizeof *grown);
		if (grown == NULL)
			abort();
		for (size_t i = 0; i < seen_cap; i++)
			if (seen_table[i].host != NULL)
				*seen_slot(grown, cap, seen_table[i].host, seen_table[i].number) = seen_table[i];
		free(seen_table);
		seen_table = grown;
		seen_cap = cap;
	}
	struct seen *s = seen_slot(seen_table, seen_cap, h, number);
	if (s->host == NULL) {
		*s = (struct seen){ .host = h, .number = number };
		seen_count++;
	}
	return s;
}

uint64_t sim_mark(const char *text, size_t *part)
{
	unsigned long long number, p;
	const char *at = text != NULL ? strstr(text, "post-") : NULL;
	*part = 0;
	if (at == NULL || sscanf(at, "post-%llu-%llu.", &number, &p) != 2 || p >= SIM_MAX_PARTS)
		return 0;
	*part = (size_t)p;
	return number;
}

void sim_show(struct host *h, const char *text)
{
	size_t part;
	uint64_t number = sim_mark(text, &part);
	if (number != 0)
		seen_get(h, number)->count[part]++;
}

unsigned sim_seen(const struct host *h, uint64_t number, size_t part)
{
	return seen_get(h, number)->count[part];
}

void sim_note_late(struct host *h, const char *text)
{
	size_t part;
	uint64_t number = sim_mark(text, &part);
	if (number != 0)
		seen_get(h, number)->late = true;
}

bool sim_was_late(const struct host *h, uint64_t number)
{
	return seen_get(h, number)->late;
}

void sim_seen_free(void)
{
	free(seen_table);
	seen_table = NULL;
	seen_cap = seen_count = 0;
}

/* ---- refusals ---- */

void platform_refuse(struct host *h, enum sim_fault fault, struct sim_answer *out)
{
	out->status = fault == FAULT_429 ? 429 : fault == FAULT_401 ? 401 : 503;
	if (fault == FAULT_429)
		(void)snprintf(out->retry_after, sizeof out->retry_after, "%d", (int)sim_between(&sim.faults, 1, 1200));
	if (fault == FAULT_401 && h->kind == KIND_BLUESKY && sim_chance(&sim.faults, 5000)) {
		out->status = 400;
		buf_add_str(&out->body, "{\"error\":\"ExpiredToken\",\"message\":\"Token has expired\"}");
	} else {
		buf_add_str(&out->body, "{\"error\":\"Simulated\",\"message\":\"refused by the simulation\"}");
	}
}

/* ---- Mastodon ---- */

struct status { uint64_t id; char *text, *key; int64_t created_ms; uint64_t parent; };
struct mastodon { struct status *list; size_t count, cap; };

static struct mastodon *mastodon_of(struct host *h)
{
	if (h->state == NULL && (h->state = calloc(1, sizeof(struct mastodon))) == NULL)
		abort();
	return h->state;
}

/* 15 digits: longer ones would be strings in JSON, which the bluesky and doc tests cover. */
static uint64_t status_id(const struct host *h, size_t index)
{
	return UINT64_C(100000000000000) + (uint64_t)(h - sim_hosts) * 1000000000 + index;
}

static void status_write(struct sim_answer *out, const struct host *h, const struct status *s)
{
	char when[64];
	buf_add_fmt(&out->body, "{\"id\":\"%llu\",\"created_at\":\"%s\",\"in_reply_to_id\":", (unsigned long long)s->id,
	            unit_utc_format(s->created_ms, when, sizeof when));
	if (s->parent != 0)
		buf_add_fmt(&out->body, "\"%llu\"", (unsigned long long)s->parent);
	else
		buf_add_str(&out->body, "null");
	buf_add_fmt(&out->body, ",\"visibility\":\"public\",\"spoiler_text\":\"\",\"media_attachments\":[],\"poll\":null,\"reblog\":null,"
	            "\"application\":{\"name\":\"smmq\"},\"url\":\"https://%s/@x/%llu\"}", h->name, (unsigned long long)s->id);
}

static void mastodon_post(struct host *h, const struct sim_request *r, int64_t now_ms, struct sim_answer *out)
{
	struct mastodon *m = mastodon_of(h);
	struct json *json = NULL;
	if (json_parse(&json, r->body, r->body_len, NULL, NULL) < 0 || json_get_text(json, "status") == NULL) {
		json_free(json);
		out->status = 422;
		buf_add_str(&out->body, "{\"error\":\"Validation failed\"}");
		return;
	}
	for (size_t i = m->count; h->kind == KIND_MASTODON && r->key != NULL && i-- > 0;)
		if (strcmp(m->list[i].key, r->key) == 0 && now_ms - m->list[i].created_ms < KEY_MEMORY_MS) {
			status_write(out, h, &m->list[i]);
			json_free(json);
			return;
		}
	if (m->count == m->cap) {
		m->cap = m->cap == 0 ? 64 : m->cap * 2;
		m->list = realloc(m->list, m->cap * sizeof *m->list);
		if (m->list == NULL)
			abort();
	}
	const char *parent = json_get_text(json, "in_reply_to_id");
	struct status *s = &m->list[m->count];
	*s = (struct status){ .id = status_id(h, m->count), .text = strdup(json_get_text(json, "status")), .key = strdup(r->key != NULL ? r->key : ""),
	                      .created_ms = now_ms, .parent = parent != NULL ? strtoull(parent, NULL, 10) : 0 };
	m->count++;
	sim_show(h, s->text);
	status_write(out, h, s);
	json_free(json);
}

static uint64_t query_number(const char *path, const char *name, uint64_t fallback)
{
	const char *at = strstr(path, name);
	return at != NULL ? strtoull(at + strlen(name), NULL, 10) : fallback;
}

static void mastodon_list(struct host *h, const char *path, struct sim_answer *out)
{
	const struct mastodon *m = mastodon_of(h);
	uint64_t limit = query_number(path, "limit=", 20), since = query_number(path, "since_id=", 0), max = query_number(path, "max_id=", UINT64_MAX);
	buf_add_char(&out->body, '[');
	for (size_t i = m->count, n = 0; i-- > 0 && n < limit;) {
		const struct status *s = &m->list[i];
		if (s->id <= since || s->id >= max)
			continue;
		if (n++ > 0)
			buf_add_char(&out->body, ',');
		status_write(out, h, s);
	}
	buf_add_char(&out->body, ']');
}

static void mastodon_source(struct host *h, uint64_t id, struct sim_answer *out)
{
	const struct mastodon *m = mastodon_of(h);
	size_t at = (size_t)(id - status_id(h, 0));
	struct json_writer w;
	if (at >= m->count) {
		out->status = 404;
		buf_add_str(&out->body, "{\"error\":\"Record not found\"}");
		return;
	}
	jw_init(&w, &out->body);
	jw_object(&w, NULL);
	jw_str(&w, "text", m->list[at].text);
	jw_str(&w, "spoiler_text", "");
	jw_end(&w);
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static void mastodon_answer(struct host *h, const struct sim_request *r, int64_t now_ms, struct sim_answer *out)
{
	bool post = strcmp(r->method, "POST") == 0;
	if (post && strcmp(r->path, "/api/v1/statuses") == 0)
		mastodon_post(h, r, now_ms, out);
	else if (begins(r->path, "/api/v1/accounts/verify_credentials"))
		buf_add_str(&out->body, "{\"id\":\"7\",\"acct\":\"x\"}");
	else if (begins(r->path, "/api/v1/accounts/7/statuses"))
		mastodon_list(h, r->path, out);
	else if (begins(r->path, "/api/v1/statuses/"))
		mastodon_source(h, strtoull(r->path + strlen("/api/v1/statuses/"), NULL, 10), out);
	else if (begins(r->path, "/api/v2/instance"))
		buf_add_str(&out->body, "{\"configuration\":{}}");
	else if (begins(r->path, "/api/v1/apps/verify_credentials"))
		buf_add_str(&out->body, "{\"name\":\"smmq\"}");
	else
		out->status = 404;
}

/* ---- webhook and outbox: what comes again under a known name is not seen twice ---- */

struct names { char **list; size_t count, cap; };

static bool name_is_new(struct host *h, const char *name)
{
	struct names *n = h->state;
	if (n == NULL && (h->state = n = calloc(1, sizeof *n)) == NULL)
		abort();
	for (size_t i = n->count; i-- > 0;)
		if (strcmp(n->list[i], name) == 0)
			return false;
	if (n->count == n->cap) {
		n->cap = n->cap == 0 ? 64 : n->cap * 2;
		n->list = realloc(n->list, n->cap * sizeof *n->list);
		if (n->list == NULL)
			abort();
	}
	n->list[n->count++] = strdup(name);
	return true;
}

static void show_all(struct host *h, const char *body)
{
	for (const char *at = body; (at = strstr(at, "post-")) != NULL; at++)
		sim_show(h, at);
}

void platform_file(struct host *h, const char *name, const char *data, size_t len)
{
	(void)len;
	if (name_is_new(h, name))
		show_all(h, data);
}

void platform_answer(struct host *h, const struct sim_request *r, int64_t now_ms, struct sim_answer *out)
{
	out->status = 200;
	switch (h->kind) {
	case KIND_MASTODON: case KIND_PLAIN:
		mastodon_answer(h, r, now_ms, out);
		break;
	case KIND_BLUESKY:
		bluesky_answer(h, r, out);
		break;
	case KIND_WEBHOOK:
		if (name_is_new(h, r->key != NULL ? r->key : ""))
			show_all(h, r->body);
		buf_add_str(&out->body, "{}");
		break;
	case KIND_OUTBOX: case KIND__COUNT:
		break;
	}
}

void platform_free(struct host *h)
{
	if (h->state == NULL)
		return;
	if (h->kind == KIND_MASTODON || h->kind == KIND_PLAIN) {
		struct mastodon *m = h->state;
		for (size_t i = 0; i < m->count; i++) {
			free(m->list[i].text);
			free(m->list[i].key);
		}
		free(m->list);
	} else if (h->kind == KIND_BLUESKY) {
		bluesky_free(h);
	} else {
		struct names *n = h->state;
		for (size_t i = 0; i < n->count; i++)
			free(n->list[i]);
		free(n->list);
	}
	free(h->state);
	h->state = NULL;
}
