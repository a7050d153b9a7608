/* plat.c: named values, the building of requests and verdicts, and the table of drivers. */
#include "daemon/plat/plat.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "proto/status.h"
#include "proto/unit.h"

static const struct plat *const plat_table[] = {
	&plat_outbox, &plat_webhook, &plat_mastodon, &plat_bluesky, &plat_linkedin, &plat_threads, &plat_facebook,
	&plat_instagram, &plat_x, &plat_pinterest, &plat_youtube, &plat_tiktok,
};

static const char *const class_names[PLAT_CLASS__COUNT] = {
	[PLAT_TRANSIENT] = "transient",
	[PLAT_RATE] = "rate",
	[PLAT_AUTH] = "auth",
	[PLAT_PERMANENT] = "permanent",
	[PLAT_DUPLICATE] = "duplicate",
	[PLAT_UNKNOWN] = "unknown",
};

/* ---- named values ---- */

static struct value *value_find(const struct plat_values *v, const char *name)
{
	for (size_t i = 0; i < v->count; i++)
		if (v->list[i].name && !strcmp(v->list[i].name, name))
			return &v->list[i];
	return NULL;
}

const char *plat_get(const struct plat_values *v, const char *name)
{
	const struct value *found = value_find(v, name);

	return found ? found->text : NULL;
}

static void value_remove(struct plat_values *v, struct value *at)
{
	size_t behind = v->count - (size_t)(at - v->list) - 1;

	memmove(at, at + 1, behind * sizeof(*at));
	v->count--;
}

static void value_add(struct plat_values *v, const char *name, char *text)
{
	struct value *grown, added = { .name = arena_strdup(v->arena, name), .text = text };

	if (v->count >= JOB_MAX_VALUES) {
		v->error = -ST_TOO_LARGE;
		return;
	}
	grown = arena_grow(v->arena, v->list, v->count, v->count + 1, sizeof(*grown));
	if (!grown || !added.name) {
		v->error = -ST_NO_MEMORY;
		return;
	}
	grown[v->count] = added;
	v->list = grown;
	v->count++;
}

void plat_set(struct plat_values *v, const char *name, const char *text)
{
	struct value *found = value_find(v, name);
	char *copy;

	if (!text) {
		if (found)
			value_remove(v, found);
		return;
	}
	if (v->error)
		return;
	if (strlen(text) > PLAT_MAX_VALUE_BYTES) {
		v->error = -ST_TOO_LARGE;
		return;
	}
	copy = arena_strdup(v->arena, text);
	if (!copy)
		v->error = -ST_NO_MEMORY;
	else if (found)
		found->text = copy;
	else
		value_add(v, name, copy);
}

int64_t plat_get_int(const struct plat_values *v, const char *name, int64_t fallback)
{
	const char *text = plat_get(v, name);
	int64_t number;

	return text && !unit_int_parse(text, INT64_MIN, INT64_MAX, &number) ? number : fallback;
}

void plat_set_int(struct plat_values *v, const char *name, int64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)number);
	plat_set(v, name, text);
}

/* 100 bytes hold every name that a driver uses; a longer one is cut for reading and writing alike. */
static void numbered(char *out, size_t size, const char *name, size_t index)
{
	snprintf(out, size, "%.70s.%zu", name, index);
}

const char *plat_get_n(const struct plat_values *v, const char *name, size_t index)
{
	char full[100];

	numbered(full, sizeof(full), name, index);
	return plat_get(v, full);
}

void plat_set_n(struct plat_values *v, const char *name, size_t index, const char *text)
{
	char full[100];

	numbered(full, sizeof(full), name, index);
	plat_set(v, full, text);
}

/* ---- requests ---- */

/* A line break in a header's value would let it forge further headers: such a header is left out. */
static bool header_safe(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

static void header_add(struct plat_request *r, const char *name, const char *value, bool secret)
{
	if (r->header_count < PLAT_MAX_HEADERS && value && header_safe(value))
		r->headers[r->header_count++] = (struct plat_header){ .name = name, .value = value, .secret = secret };
}

void plat_header(struct plat_request *r, const char *name, const char *value)
{
	header_add(r, name, value, false);
}

void plat_secret_header(struct plat_request *r, const char *name, const char *value)
{
	header_add(r, name, value, true);
}

void plat_body(struct plat_request *r, const char *data, size_t len)
{
	if (r->piece_count < PLAT_MAX_PIECES && data)
		r->pieces[r->piece_count++] = (struct plat_piece){ .kind = PLAT_BYTES, .data = data, .len = len };
}

void plat_body_media(struct plat_request *r, const struct media *m)
{
	plat_body_range(r, m, 0, m->size_bytes);
}

void plat_body_range(struct plat_request *r, const struct media *m, uint64_t offset, uint64_t len)
{
	if (r->piece_count < PLAT_MAX_PIECES)
		r->pieces[r->piece_count++] = (struct plat_piece){ .kind = PLAT_MEDIA, .offset = offset, .len = len,
		                                                   .sha256 = m->sha256 };
}

void plat_body_base64(struct plat_request *r, const struct media *m)
{
	if (r->piece_count < PLAT_MAX_PIECES)
		r->pieces[r->piece_count++] = (struct plat_piece){ .kind = PLAT_BASE64, .len = m->size_bytes, .sha256 = m->sha256 };
}

/* ---- answers and accounts ---- */

const char *plat_response_header(const struct plat_response *r, const char *name)
{
	for (size_t i = 0; i < r->header_count; i++)
		if (!strcasecmp(r->headers[i].name, name))
			return r->headers[i].value;
	return NULL;
}

static const char *text_of(const struct value *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].name && !strcmp(list[i].name, name))
			return list[i].text;
	return NULL;
}

const char *plat_credential(const struct plat_account *a, const char *name)
{
	return text_of(a->credential, a->credential_count, name);
}

const char *plat_option(const struct plat_account *a, const char *name)
{
	return text_of(a->options, a->option_count, name);
}

const char *plat_setting(const struct plat_in *in, const char *name)
{
	const struct content *c = in->content;
	const char *own = c ? text_of(c->settings, c->setting_count, name) : NULL;

	return own ? own : plat_option(in->account, name);
}

/* ---- verdicts ---- */

void plat_fail(struct plat_out *out, enum plat_class klass, const char *text)
{
	out->verdict = PLAT_FAIL;
	out->klass = klass;
	out->text = text;
}

void plat_settled(struct plat_out *out, const char *text)
{
	out->verdict = PLAT_SETTLED;
	out->text = text ? text : "settled";
}

void plat_undecided(struct plat_out *out, const char *text)
{
	out->verdict = PLAT_UNDECIDED;
	out->text = text ? text : "the look could not be finished";
}

void plat_wait(struct plat_out *out, int64_t until_ms)
{
	out->verdict = PLAT_WAIT;
	out->until_ms = until_ms;
}

void plat_done(struct plat_out *out, const char *remote_id, const char *url)
{
	out->verdict = PLAT_DONE;
	out->remote_id = remote_id;
	out->url = url;
}

const char *plat_class_name(enum plat_class c)
{
	return (unsigned)c < PLAT_CLASS__COUNT ? class_names[c] : "?";
}

void plat_finding(struct plat_report *r, const char *rule, int64_t limit, int64_t value, const char *message)
{
	if (r->finding_count < PLAT_MAX_FINDINGS)
		r->findings[r->finding_count++] =
			(struct plat_finding){ .rule = rule, .limit = limit, .value = value, .message = message };
}

/* ---- the table ---- */

const struct plat *plat_find(const char *name)
{
	for (size_t i = 0; i < sizeof(plat_table) / sizeof(plat_table[0]); i++)
		if (!strcmp(plat_table[i]->name, name))
			return plat_table[i];
	return NULL;
}

const struct plat *plat_at(size_t index)
{
	return index < sizeof(plat_table) / sizeof(plat_table[0]) ? plat_table[index] : NULL;
}
