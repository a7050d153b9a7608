/* json.c: reading requests and writing answers: members, fields and what is none. */
#include "tests/cli/sim/sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <microhttpd.h>

const char *sim_text(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsString(v) ? v->valuestring : "";
}

int64_t sim_number(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsNumber(v) ? (int64_t)v->valuedouble : cJSON_IsString(v) && *v->valuestring ? strtoll(v->valuestring, NULL, 10) : -1;
}

cJSON *sim_at(const cJSON *o, const char *path)
{
	char name[64];

	while (o && *path) {
		size_t len = strcspn(path, ".");

		if (len >= sizeof name)
			return NULL;
		memcpy(name, path, len);
		name[len] = '\0';
		o = cJSON_IsArray(o) ? cJSON_GetArrayItem(o, atoi(name)) : cJSON_GetObjectItemCaseSensitive(o, name);
		path += len + (path[len] == '.');
	}
	return (cJSON *)(uintptr_t)o;
}

static void put(cJSON *o, const char *name, cJSON *value)
{
	sim_need(value);
	if (cJSON_GetObjectItemCaseSensitive(o, name))
		cJSON_ReplaceItemInObjectCaseSensitive(o, name, value);
	else
		cJSON_AddItemToObject(o, name, value);
}

void sim_set(cJSON *o, const char *name, const char *text)
{
	put(o, name, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

void sim_set_number(cJSON *o, const char *name, int64_t number)
{
	put(o, name, cJSON_CreateNumber((double)number));
}

static void answer_text(struct sim_reply *r, int status, const char *text)
{
	cJSON_Delete(r->json);
	r->status = status;
	r->json = cJSON_Parse(text);
	if (!r->json && *text)
		sim_fail("an answer that is no JSON");
}

void sim_answer(struct sim_reply *r, int status, const char *format, ...)
{
	char *text = sim_need(malloc(8192));
	va_list more;

	va_start(more, format);
	if (vsnprintf(text, 8192, format, more) >= 8192)
		sim_fail("an answer that is too long");
	va_end(more);
	answer_text(r, status, text);
	free(text);
}

void sim_refuse(struct sim *s, struct sim_reply *r, enum sim_refusal what)
{
	answer_text(r, s->platform->words[what].status, s->platform->words[what].json);
}

void sim_header_add(struct sim_reply *r, const char *name, const char *format, ...)
{
	char text[1024];
	va_list more;

	if (r->header_count == SIM_MAX_HEADERS)
		sim_fail("an answer with more headers than there is room for");
	va_start(more, format);
	vsnprintf(text, sizeof text, format, more);
	va_end(more);
	r->headers[r->header_count][0] = sim_copy(name);
	r->headers[r->header_count++][1] = sim_copy(text);
}

/* ---- what nobody knows ---- */

static bool kind_fits(const cJSON *v, char kind)
{
	switch (kind) {
	case 's': return cJSON_IsString(v);
	case 'S': return cJSON_IsString(v) || cJSON_IsNull(v);
	case 'n': return cJSON_IsNumber(v);
	case 'b': return cJSON_IsBool(v);
	case 'o': return cJSON_IsObject(v);
	case 'a': return cJSON_IsArray(v);
	case '0': return cJSON_IsNull(v);
	default: return kind == '*';
	}
}

/* The word of a list that is this name; what stands behind the name. */
static const char *word_find(const char *list, const char *name, char end)
{
	size_t len = strlen(name);

	while (*list) {
		list += strspn(list, " ");
		if (strncmp(list, name, len) == 0 && (list[len] == end || (end == ' ' && !list[len])))
			return list + len;
		list += strcspn(list, " ");
	}
	return NULL;
}

const char *sim_bad_member(const cJSON *o, const char *rules)
{
	const cJSON *v;

	cJSON_ArrayForEach(v, o) {
		const char *rule = v->string ? word_find(rules, v->string, ':') : NULL;

		if (!rule || !kind_fits(v, rule[1]))
			return v->string ? v->string : "(an array)";
	}
	return NULL;
}

const char *sim_bad_field(const struct sim_request *q, const char *names)
{
	for (int i = 0; i < q->field_count; i++)
		if (!word_find(names, q->fields[i].name, ' '))
			return q->fields[i].name;
	return NULL;
}

const char *sim_arg(const struct sim_request *q, const char *name)
{
	for (int i = 0; i < q->field_count; i++)
		if (strcmp(q->fields[i].name, name) == 0)
			return q->fields[i].value;
	return NULL;
}

const struct sim_field *sim_file(const struct sim_request *q, const char *name)
{
	for (int i = 0; i < q->field_count; i++)
		if (q->fields[i].place == SIM_PART && strcmp(q->fields[i].name, name) == 0)
			return &q->fields[i];
	return NULL;
}

const char *sim_header(const struct sim_request *q, const char *name)
{
	return MHD_lookup_connection_value(q->connection, MHD_HEADER_KIND, name);
}
