/* record.h: stored records from field tables: one row says where a field lives in the struct and how it is written.
 *
 * Format: one version byte (RECORD_VERSION), then fields in any order: tag (LEB128), length (LEB128), that many bytes.
 * Integers are LEB128 (signed ones zigzag), strings are their bytes, a list is one field per element whose bytes are a
 * nested record without version byte. Defaults (0, NULL, an empty list) are not written; "" is, so that it stays
 * apart from NULL. A reader keeps fields whose tag it does not know in `extra` and writes them back, so a newer
 * daemon's fields survive an older one. A tag is never reused. */
#ifndef SMMQ_MODEL_RECORD_H
#define SMMQ_MODEL_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "proto/arena.h"
#include "proto/buf.h"
#include "proto/json.h"

#define RECORD_VERSION 1
#define RECORD_MAX_LIST 1000

enum field_kind {
	FIELD_U64,       /* uint64_t */
	FIELD_I64,       /* int64_t */
	FIELD_STR,       /* char *, UTF-8, NULL when absent */
	FIELD_LIST       /* struct <sub> * plus size_t count */
};

struct record_type;

struct field {
	unsigned tag;                 /* 1 to 10000 */
	enum field_kind kind;
	const char *name;             /* for the text dump */
	size_t offset;                /* of the member */
	size_t count_offset;          /* FIELD_LIST: of the size_t count */
	const struct record_type *sub;/* FIELD_LIST */
};

/* Every struct with a table begins with this member. */
struct record_extra { const char *data; size_t len; };

struct record_type {
	const char *name;
	size_t size;                  /* of the struct */
	const struct field *fields;
	size_t field_count;
};

/* Appends the record to out; sticky error in out. */
void record_encode(const struct record_type *type, const void *value, struct buf *out);
/* Fills *value (zeroed first); strings and lists live in the arena. 0, -ST_CORRUPT, -ST_NO_MEMORY. */
int record_decode(const struct record_type *type, const void *data, size_t len, struct arena *a, void *value);
/* The record as a JSON object (for dumps and tests): members by field name, "extra" as hex where present. */
void record_dump(const struct record_type *type, const void *value, struct json_writer *w, const char *key);

/* LEB128 for keys and logs elsewhere. record_varint_get returns bytes read, 0 if malformed. */
void record_varint_add(struct buf *out, uint64_t v);
size_t record_varint_get(const unsigned char *p, size_t len, uint64_t *v);

#endif
