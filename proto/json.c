/* json.c: reading. json_scan.c judges the text, cJSON builds the tree; this file keeps cJSON from the rest of the
 * house. struct json is a cJSON node under another name. Numbers with fraction or exponent keep their text in
 * valuestring, which cJSON leaves unused for numbers and frees, so that nothing is ever judged by a rounded double. */
#include "proto/json.h"

#include <cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json_scan.h"
#include "proto/status.h"

#define DIGITS_MAX 15

static const cJSON *node(const struct json *v)
{
	return (const cJSON *)(const void *)v;
}

static const struct json *wrap(const cJSON *c)
{
	return (const struct json *)(const void *)c;
}

struct keeper { const struct json_scan *scan; size_t numbers, next; };

/* Walks the tree in the order of the text and hands the kept texts to their numbers. */
static int keep_number_texts(struct keeper *k, cJSON *c)
{
	if (cJSON_IsNumber(c)) {
		const struct json_scan *s = k->scan;
		if (k->next < s->exact_count && s->exact[k->next].ordinal == k->numbers++) {
			const struct json_scan_number *n = &s->exact[k->next++];
			char *text = cJSON_malloc(n->len + 1);
			if (!text)
				return -ST_NO_MEMORY;
			memcpy(text, s->text + n->at, n->len);
			text[n->len] = '\0';
			c->valuestring = text;
		}
	}
	for (cJSON *e = c->child; e && k->next < k->scan->exact_count; e = e->next) {
		int rc = keep_number_texts(k, e);
		if (rc)
			return rc;
	}
	return 0;
}

static int build(struct json_scan *s, cJSON **out)
{
	const char *text = s->copied ? s->rewritten.data : s->text;
	size_t len = s->copied ? s->rewritten.len : s->len;
	*out = cJSON_ParseWithLengthOpts(text, len, NULL, 0);
	if (!*out)
		return -ST_NO_MEMORY;
	if (!s->exact_count)
		return 0;
	struct keeper k = { .scan = s };
	int rc = keep_number_texts(&k, *out);
	if (rc) {
		cJSON_Delete(*out);
		*out = NULL;
	}
	return rc;
}

int json_parse(struct json **out, const char *text, size_t len, const char **why, size_t *at)
{
	struct json_scan s;
	cJSON *root = NULL;
	*out = NULL;
	int rc = json_scan(&s, text, len);
	if (rc == 0)
		rc = build(&s, &root);
	else if (rc == -ST_INVALID) {
		if (why)
			*why = s.why;
		if (at)
			*at = s.at;
	}
	json_scan_done(&s);
	*out = (struct json *)(void *)root;
	return rc;
}

void json_free(struct json *root)
{
	cJSON_Delete((cJSON *)(void *)root);
}

enum json_kind json_kind(const struct json *v)
{
	const cJSON *c = node(v);
	if (cJSON_IsBool(c))
		return JSON_BOOL;
	if (cJSON_IsNumber(c))
		return JSON_NUMBER;
	if (cJSON_IsString(c))
		return JSON_STRING;
	if (cJSON_IsArray(c))
		return JSON_ARRAY;
	return cJSON_IsObject(c) ? JSON_OBJECT : JSON_NULL;
}

static bool is_container(const cJSON *c)
{
	return cJSON_IsObject(c) || cJSON_IsArray(c);
}

static const struct json *get_n(const struct json *object, const char *key, size_t len)
{
	const cJSON *c = node(object);
	if (!cJSON_IsObject(c))
		return NULL;
	for (const cJSON *e = c->child; e; e = e->next)
		if ((len == 0 || e->string[0] == key[0]) && strncmp(e->string, key, len) == 0 && e->string[len] == '\0')
			return wrap(e);
	return NULL;
}

const struct json *json_get(const struct json *object, const char *key)
{
	return get_n(object, key, strlen(key));
}

const struct json *json_path(const struct json *v, const char *path)
{
	while (v) {
		size_t len = strcspn(path, ".");
		if (json_kind(v) == JSON_ARRAY) {
			if (len == 0 || len > 9 || strspn(path, "0123456789") != len)
				return NULL;
			v = json_at(v, (size_t)strtoul(path, NULL, 10));
		} else {
			v = get_n(v, path, len);
		}
		if (path[len] == '\0')
			break;
		path += len + 1;
	}
	return v;
}

size_t json_count(const struct json *array_or_object)
{
	size_t n = 0;
	for (const struct json *e = json_first(array_or_object); e; e = json_next(e))
		n++;
	return n;
}

const struct json *json_at(const struct json *array_or_object, size_t index)
{
	const struct json *e = json_first(array_or_object);
	while (e && index--)
		e = json_next(e);
	return e;
}

const struct json *json_first(const struct json *array_or_object)
{
	const cJSON *c = node(array_or_object);
	return is_container(c) ? wrap(c->child) : NULL;
}

const struct json *json_next(const struct json *element)
{
	return element ? wrap(node(element)->next) : NULL;
}

const char *json_key(const struct json *member)
{
	return member ? node(member)->string : NULL;
}

const char *json_text(const struct json *v)
{
	return cJSON_IsString(node(v)) ? node(v)->valuestring : NULL;
}

bool json_true(const struct json *v, bool fallback)
{
	return cJSON_IsBool(node(v)) ? cJSON_IsTrue(node(v)) : fallback;
}

const char *json_number_text(const struct json *v)
{
	return cJSON_IsNumber(node(v)) ? node(v)->valuestring : NULL;
}

/* [-]digits, exactly n characters, into an int64. */
static int read_digits(const char *s, size_t n, int64_t *out)
{
	bool negative = n && *s == '-';
	int64_t v = 0;
	if (n == negative)
		return -ST_INVALID;
	for (size_t i = negative; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -ST_INVALID;
		int digit = s[i] - '0';
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, negative ? -digit : digit, &v))
			return -ST_INVALID;
	}
	*out = v;
	return 0;
}

int json_int(const struct json *v, int64_t *out)
{
	const cJSON *c = node(v);
	if (cJSON_IsNumber(c)) {
		const char *text = c->valuestring;
		if (!text) {
			*out = (int64_t)c->valuedouble;      /* at most 15 digits */
			return 0;
		}
		const char *point = strchr(text, '.');
		if (!point || point[1 + strspn(point + 1, "0")] != '\0')
			return -ST_INVALID;
		return read_digits(text, (size_t)(point - text), out);
	}
	const char *s = json_text(v);
	if (!s)
		return -ST_INVALID;
	size_t sign = *s == '-', n = strlen(s);
	if (n - sign <= DIGITS_MAX || s[sign] == '0')
		return -ST_INVALID;
	return read_digits(s, n, out);
}

const char *json_get_text(const struct json *object, const char *key)
{
	return json_text(json_get(object, key));
}

int json_get_int(const struct json *object, const char *key, int64_t *out)
{
	return json_int(json_get(object, key), out);
}

const char *json_get_id(const struct json *object, const char *key, char *buf24)
{
	const struct json *v = json_get(object, key);
	int64_t number;
	const char *text = json_text(v);
	if (text)
		return *text ? text : NULL;
	if (json_int(v, &number))
		return NULL;
	(void)snprintf(buf24, 24, "%" PRId64, number);
	return buf24;
}
