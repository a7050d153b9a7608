/* record.c: the codec behind every stored record. Decoding goes over the bytes twice: first it checks the framing and
 * counts list elements, then it fills the struct, so that every list is allocated once and nothing trusts a length. */
#include "daemon/model/record.h"

#include <string.h>

#include "proto/status.h"

#define VARINT_MAX_BYTES 10
#define TAG_MAX 10000
#define FIELDS_MAX 64          /* of one type: one bit each while decoding */

struct raw_field { uint64_t tag; const unsigned char *whole, *data; size_t whole_len, len; };

void record_varint_add(struct buf *out, uint64_t v)
{
	unsigned char bytes[VARINT_MAX_BYTES];
	size_t n = 0;
	do {
		bytes[n] = (unsigned char)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
		v >>= 7;
		n++;
	} while (v);
	buf_add(out, bytes, n);
}

size_t record_varint_get(const unsigned char *p, size_t len, uint64_t *v)
{
	uint64_t value = 0;
	for (size_t i = 0; i < len && i < VARINT_MAX_BYTES; i++) {
		uint64_t bits = p[i] & 0x7f;
		if (i == VARINT_MAX_BYTES - 1 && bits > 1)
			return 0;            /* past 64 bits */
		value |= bits << (7 * i);
		if (p[i] & 0x80)
			continue;
		if (i > 0 && bits == 0)
			return 0;            /* each number has one spelling: keys are compared as bytes */
		*v = value;
		return i + 1;
	}
	return 0;
}

static uint64_t zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t u)
{
	return (int64_t)((u >> 1) ^ (0 - (u & 1)));
}

/* The members are reached by offset: memcpy keeps this free of casts that lie about types. */
static void *get_pointer(const void *value, size_t offset)
{
	void *p;
	memcpy(&p, (const char *)value + offset, sizeof p);
	return p;
}

static size_t get_count(const void *value, const struct field *f)
{
	size_t n;
	memcpy(&n, (const char *)value + f->count_offset, sizeof n);
	return n;
}

/* U64 as it is, I64 zigzagged: what is written. */
static uint64_t get_integer(const void *value, const struct field *f)
{
	uint64_t u;
	int64_t i;
	if (f->kind == FIELD_U64) {
		memcpy(&u, (const char *)value + f->offset, sizeof u);
		return u;
	}
	memcpy(&i, (const char *)value + f->offset, sizeof i);
	return zigzag(i);
}

/* ---- writing ---- */

static void encode_fields(const struct record_type *type, const void *value, struct buf *out);

static void encode_bytes(struct buf *out, unsigned tag, const void *data, size_t len)
{
	record_varint_add(out, tag);
	record_varint_add(out, len);
	buf_add(out, data, len);
}

static void encode_integer(struct buf *out, unsigned tag, uint64_t v)
{
	size_t n = 1;
	for (uint64_t rest = v >> 7; rest; rest >>= 7)
		n++;
	record_varint_add(out, tag);
	record_varint_add(out, n);
	record_varint_add(out, v);
}

/* The length of a nested record is known when it is written: its bytes move on if one byte for the length was too
 * little. */
static void encode_nested(struct buf *out, const struct field *f, const char *element)
{
	static const char room[VARINT_MAX_BYTES];
	record_varint_add(out, f->tag);
	size_t at = out->len;
	buf_add(out, room, 1);
	encode_fields(f->sub, element, out);
	if (buf_error(out))
		return;
	size_t len = out->len - at - 1, width = 1;
	for (size_t rest = len >> 7; rest; rest >>= 7)
		width++;
	buf_add(out, room, width - 1);
	if (buf_error(out))
		return;
	memmove(out->data + at + width, out->data + at + 1, len);
	for (size_t i = 0; i < width; i++, len >>= 7)
		out->data[at + i] = (char)((len & 0x7f) | (i + 1 < width ? 0x80 : 0));
}

static void encode_list(struct buf *out, const struct field *f, const void *value)
{
	const char *elements = get_pointer(value, f->offset);
	size_t count = get_count(value, f);
	if (count > RECORD_MAX_LIST) {
		if (!out->error)
			out->error = -ST_TOO_LARGE;
		return;
	}
	for (size_t i = 0; elements && i < count; i++)
		encode_nested(out, f, elements + i * f->sub->size);
}

static void encode_fields(const struct record_type *type, const void *value, struct buf *out)
{
	for (size_t i = 0; i < type->field_count; i++) {
		const struct field *f = &type->fields[i];
		const char *s;
		switch (f->kind) {
		case FIELD_U64:
		case FIELD_I64:
			if (get_integer(value, f))
				encode_integer(out, f->tag, get_integer(value, f));
			break;
		case FIELD_STR:
			s = get_pointer(value, f->offset);
			if (s)
				encode_bytes(out, f->tag, s, strlen(s));
			break;
		case FIELD_LIST:
			encode_list(out, f, value);
			break;
		}
	}
	struct record_extra extra;
	memcpy(&extra, value, sizeof extra);
	if (extra.data)
		buf_add(out, extra.data, extra.len);
}

void record_encode(const struct record_type *type, const void *value, struct buf *out)
{
	buf_add_char(out, RECORD_VERSION);
	encode_fields(type, value, out);
}

/* ---- reading ---- */

static int decode_fields(const struct record_type *type, const unsigned char *p, size_t len, struct arena *a,
                         void *value);

/* The next field at p. -ST_CORRUPT when it does not lie within len. */
static int next_field(const unsigned char *p, size_t len, struct raw_field *out)
{
	uint64_t n;
	size_t tag_len = record_varint_get(p, len, &out->tag);
	if (!tag_len || out->tag == 0 || out->tag > TAG_MAX)
		return -ST_CORRUPT;
	size_t len_len = record_varint_get(p + tag_len, len - tag_len, &n);
	if (!len_len || n > len - tag_len - len_len)
		return -ST_CORRUPT;
	out->whole = p;
	out->data = p + tag_len + len_len;
	out->len = (size_t)n;
	out->whole_len = tag_len + len_len + out->len;
	return 0;
}

/* Fields come nearly always in the order of the table, so the search begins where the last one ended. */
static const struct field *find_field(const struct record_type *type, uint64_t tag, size_t *hint)
{
	for (size_t i = 0; i < type->field_count; i++) {
		size_t at = (*hint + i) % type->field_count;
		if (type->fields[at].tag == tag) {
			*hint = at;
			return &type->fields[at];
		}
	}
	return NULL;
}

struct census { size_t counts[FIELDS_MAX]; size_t extra_len; };

/* The first pass: framing, list lengths, bytes of unknown fields, no scalar twice. */
static int count_fields(const struct record_type *type, const unsigned char *p, size_t len, struct census *c)
{
	struct raw_field raw;
	size_t hint = 0;
	for (; len; p += raw.whole_len, len -= raw.whole_len) {
		if (next_field(p, len, &raw))
			return -ST_CORRUPT;
		const struct field *f = find_field(type, raw.tag, &hint);
		if (!f)
			c->extra_len += raw.whole_len;
		else if (++c->counts[f - type->fields] > (f->kind == FIELD_LIST ? RECORD_MAX_LIST : 1))
			return -ST_CORRUPT;
	}
	return 0;
}

static int allocate(const struct record_type *type, const struct census *c, struct arena *a, void *value)
{
	memset(value, 0, type->size);
	for (size_t i = 0; i < type->field_count; i++) {
		const struct field *f = &type->fields[i];
		if (f->kind != FIELD_LIST || !c->counts[i])
			continue;
		void *elements = arena_alloc(a, c->counts[i], f->sub->size);
		if (!elements)
			return -ST_NO_MEMORY;
		memcpy((char *)value + f->offset, &elements, sizeof elements);
	}
	if (c->extra_len) {
		struct record_extra extra = { .data = arena_alloc(a, c->extra_len, 1) };
		if (!extra.data)
			return -ST_NO_MEMORY;
		memcpy(value, &extra, sizeof extra);
	}
	return 0;
}

static int decode_integer(const struct field *f, const struct raw_field *raw, void *value)
{
	uint64_t u;
	if (raw->len == 0 || record_varint_get(raw->data, raw->len, &u) != raw->len)
		return -ST_CORRUPT;
	int64_t i = unzigzag(u);
	if (f->kind == FIELD_U64)
		memcpy((char *)value + f->offset, &u, sizeof u);
	else
		memcpy((char *)value + f->offset, &i, sizeof i);
	return 0;
}

static int decode_string(const struct field *f, const struct raw_field *raw, struct arena *a, void *value)
{
	if (memchr(raw->data, '\0', raw->len))
		return -ST_CORRUPT;
	char *s = arena_strndup(a, (const char *)raw->data, raw->len);
	if (!s)
		return -ST_NO_MEMORY;
	memcpy((char *)value + f->offset, &s, sizeof s);
	return 0;
}

static int decode_element(const struct field *f, const struct raw_field *raw, struct arena *a, void *value)
{
	char *elements = get_pointer(value, f->offset);
	size_t n = get_count(value, f);
	int rc = decode_fields(f->sub, raw->data, raw->len, a, elements + n * f->sub->size);
	n++;
	memcpy((char *)value + f->count_offset, &n, sizeof n);
	return rc;
}

static int decode_field(const struct field *f, const struct raw_field *raw, struct arena *a, void *value)
{
	switch (f->kind) {
	case FIELD_U64:
	case FIELD_I64:
		return decode_integer(f, raw, value);
	case FIELD_STR:
		return decode_string(f, raw, a, value);
	case FIELD_LIST:
		return decode_element(f, raw, a, value);
	}
	return -ST_INTERNAL;
}

static void keep_extra(const struct raw_field *raw, void *value)
{
	struct record_extra extra;
	memcpy(&extra, value, sizeof extra);
	char *to = get_pointer(value, offsetof(struct record_extra, data));
	memcpy(to + extra.len, raw->whole, raw->whole_len);
	extra.len += raw->whole_len;
	memcpy(value, &extra, sizeof extra);
}

static int decode_fields(const struct record_type *type, const unsigned char *p, size_t len, struct arena *a,
                         void *value)
{
	struct census census = { 0 };
	struct raw_field raw;
	size_t hint = 0;
	int rc = type->field_count <= FIELDS_MAX ? count_fields(type, p, len, &census) : -ST_INTERNAL;
	if (!rc)
		rc = allocate(type, &census, a, value);
	for (; !rc && len; p += raw.whole_len, len -= raw.whole_len) {
		rc = next_field(p, len, &raw);
		if (rc)
			break;
		const struct field *f = find_field(type, raw.tag, &hint);
		if (f)
			rc = decode_field(f, &raw, a, value);
		else
			keep_extra(&raw, value);
	}
	return rc;
}

int record_decode(const struct record_type *type, const void *data, size_t len, struct arena *a, void *value)
{
	const unsigned char *p = data;
	memset(value, 0, type->size);
	if (len == 0 || p[0] != RECORD_VERSION)
		return -ST_CORRUPT;
	return decode_fields(type, p + 1, len - 1, a, value);
}

/* ---- dumps ---- */

static void dump_extra(const void *value, struct json_writer *w)
{
	static const char hex[] = "0123456789abcdef";
	struct record_extra extra;
	memcpy(&extra, value, sizeof extra);
	if (!extra.data || !extra.len)
		return;
	struct buf text = BUF_INIT(w->out->max_bytes);
	for (size_t i = 0; i < extra.len; i++) {
		unsigned char c = (unsigned char)extra.data[i];
		buf_add(&text, (const char[]){ hex[c >> 4], hex[c & 15] }, 2);
	}
	if (buf_error(&text) && !w->out->error)
		w->out->error = buf_error(&text);
	jw_strn(w, "extra", buf_cstr(&text), text.len);
	buf_done(&text);
}

/* A number past int64 is written as its digits in quotes: readers that use doubles or int64 keep it exact. */
static void dump_integer(const void *value, const struct field *f, struct json_writer *w)
{
	uint64_t u = get_integer(value, f);
	struct buf digits = BUF_INIT(32);
	if (f->kind == FIELD_I64) {
		jw_int(w, f->name, unzigzag(u));
	} else if (u <= INT64_MAX) {
		jw_int(w, f->name, (int64_t)u);
	} else {
		buf_add_u64(&digits, u);
		jw_str(w, f->name, buf_cstr(&digits));
		buf_done(&digits);
	}
}

static void dump_list(const void *value, const struct field *f, struct json_writer *w)
{
	const char *elements = get_pointer(value, f->offset);
	size_t count = get_count(value, f);
	jw_array(w, f->name);
	for (size_t i = 0; elements && i < count; i++)
		record_dump(f->sub, elements + i * f->sub->size, w, NULL);
	jw_end(w);
}

void record_dump(const struct record_type *type, const void *value, struct json_writer *w, const char *key)
{
	jw_object(w, key);
	for (size_t i = 0; i < type->field_count; i++) {
		const struct field *f = &type->fields[i];
		if (f->kind == FIELD_STR)
			jw_str(w, f->name, get_pointer(value, f->offset));
		else if (f->kind == FIELD_LIST)
			dump_list(value, f, w);
		else
			dump_integer(value, f, w);
	}
	dump_extra(value, w);
	jw_end(w);
}
