/* json.h: the one door through which JSON enters and leaves.
 *
 * Reading refuses what cJSON lets pass: invalid UTF-8, \u0000, lone surrogates, duplicate keys, bytes after the value,
 * nesting deeper than JSON_MAX_DEPTH, more than JSON_MAX_MEMBERS in one object, fractions written with more than
 * JSON_MAX_NUMBER characters. Integers of more than 15 digits are kept as strings of their digits, so that no
 * double ever touches an id or an amount; json_int() and json_id() read both forms exactly.
 * Writing is a streaming writer on a struct buf: it cannot produce unbalanced or wrongly separated text. */
#ifndef SMMQ_PROTO_JSON_H
#define SMMQ_PROTO_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/buf.h"

#define JSON_MAX_DEPTH 32
#define JSON_MAX_MEMBERS 1000
#define JSON_MAX_NUMBER 60

struct json;                     /* one parsed value; freed through its root only */

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* Parses len bytes of text into *out (the caller frees it with json_free). 0, -ST_INVALID or -ST_NO_MEMORY.
 * On -ST_INVALID, *why (may be NULL) is a static English text and *at (may be NULL) the byte offset. */
int json_parse(struct json **out, const char *text, size_t len, const char **why, size_t *at);
void json_free(struct json *root);            /* NULL is fine */

enum json_kind json_kind(const struct json *v);                            /* v NULL: JSON_NULL */
const struct json *json_get(const struct json *object, const char *key);   /* NULL when absent or not an object */
/* Follows a path of keys and array indexes, "didDoc.service.0.id". NULL when anything is missing. */
const struct json *json_path(const struct json *v, const char *path);
size_t json_count(const struct json *array_or_object);
const struct json *json_at(const struct json *array_or_object, size_t index);   /* O(index); prefer json_first/json_next in loops */
const struct json *json_first(const struct json *array_or_object);
const struct json *json_next(const struct json *element);
const char *json_key(const struct json *member);                           /* the member's name, NULL for array elements */

/* Each returns its fallback when v is NULL or of another kind. Strings belong to the root. */
const char *json_text(const struct json *v);                               /* NULL unless a string (a long integer is one) */
bool json_true(const struct json *v, bool fallback);
/* Exact integer: 0, or -ST_INVALID when v is absent, not a number without fraction and exponent ("2.0" is one), or out
 * of int64. The string form of a long integer counts as a number, shorter strings do not. */
int json_int(const struct json *v, int64_t *out);
/* The text of a number written with a fraction or exponent, exactly as it came; NULL for anything else. */
const char *json_number_text(const struct json *v);

/* Shorthands on an object's member. */
const char *json_get_text(const struct json *object, const char *key);
int json_get_int(const struct json *object, const char *key, int64_t *out);
/* An id that a platform gives as number or string: its digits or text, NULL if absent. buf24 holds at least 24 bytes. */
const char *json_get_id(const struct json *object, const char *key, char *buf24);

/* Writes v as compact JSON text. */
void json_print(const struct json *v, struct buf *out);

/* ---- writer ---- */
#define JW_MAX_DEPTH 63

struct json_writer {
	struct buf *out;
	uint64_t has_member;     /* one bit per open level: a member was written */
	uint64_t is_array;       /* one bit per open level: it is closed with ']' */
	unsigned depth;
};

void jw_init(struct json_writer *w, struct buf *out);
/* key is NULL inside arrays and for the root value (one per jw_init). At most JW_MAX_DEPTH levels, enough for a parsed
 * value inside a structure of ours. Misuse (a member without key, a second root, an end too many, too deep) sticks in
 * the buffer as -ST_INTERNAL. */
void jw_object(struct json_writer *w, const char *key);
void jw_array(struct json_writer *w, const char *key);
void jw_end(struct json_writer *w);                                        /* closes the innermost; the writer remembers which kind */
void jw_str(struct json_writer *w, const char *key, const char *value);    /* value NULL writes null; must be UTF-8, bad bytes become U+FFFD */
void jw_strn(struct json_writer *w, const char *key, const char *value, size_t len);
void jw_int(struct json_writer *w, const char *key, int64_t value);
void jw_bool(struct json_writer *w, const char *key, bool value);
void jw_null(struct json_writer *w, const char *key);
void jw_raw(struct json_writer *w, const char *key, const char *json_text, size_t len);   /* trusted JSON text */
void jw_value(struct json_writer *w, const char *key, const struct json *v);

#endif
