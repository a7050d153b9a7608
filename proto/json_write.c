/* json_write.c: the streaming writer. Commas and brackets come from two bits per open level. A mistake of the caller
 * (a member without a name, an end without a beginning, too deep) sticks in the buffer as -ST_INTERNAL. */
#include "proto/json.h"

#include <string.h>

#include "proto/span.h"
#include "proto/status.h"
#include "proto/utf8.h"

/* What must be escaped: 'u' stands for \u00XX. DEL is a control character that our lines refuse. */
static const char escapes[256] = {
	['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't', [0x7f] = 'u',
	[0x00] = 'u', [0x01] = 'u', [0x02] = 'u', [0x03] = 'u', [0x04] = 'u', [0x05] = 'u', [0x06] = 'u', [0x07] = 'u',
	[0x0b] = 'u', [0x0e] = 'u', [0x0f] = 'u', [0x10] = 'u', [0x11] = 'u', [0x12] = 'u', [0x13] = 'u', [0x14] = 'u',
	[0x15] = 'u', [0x16] = 'u', [0x17] = 'u', [0x18] = 'u', [0x19] = 'u', [0x1a] = 'u', [0x1b] = 'u', [0x1c] = 'u',
	[0x1d] = 'u', [0x1e] = 'u', [0x1f] = 'u',
};

void jw_init(struct json_writer *w, struct buf *out)
{
	*w = (struct json_writer){ .out = out };
}

static void misuse(struct json_writer *w)
{
	if (!w->out->error)
		w->out->error = -ST_INTERNAL;
}

/* A run without anything to escape: bad bytes become U+FFFD one by one. */
static void add_run(struct buf *out, const char *s, size_t len)
{
	size_t bad;
	while (!utf8_valid(s, len, &bad)) {
		buf_add(out, s, bad);
		buf_add(out, "\xef\xbf\xbd", 3);
		s += bad + 1;
		len -= bad + 1;
	}
	buf_add(out, s, len);
}

static void add_quoted(struct buf *out, const char *s, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	size_t from = 0;
	buf_add_char(out, '"');
	for (size_t i = span_plain(s, len); i < len; i += 1 + span_plain(s + i + 1, len - i - 1)) {
		unsigned char c = (unsigned char)s[i];
		char e = escapes[c];
		if (!e)
			continue;
		if (i > from)
			add_run(out, s + from, i - from);
		from = i + 1;
		char text[6] = { '\\', e, '0', '0', hex[c >> 4], hex[c & 15] };
		buf_add(out, text, e == 'u' ? 6 : 2);
	}
	if (len > from)
		add_run(out, s + from, len - from);
	buf_add_char(out, '"');
}

/* The comma and the name before a value. */
static bool start(struct json_writer *w, const char *key)
{
	if (w->out->error)
		return false;
	uint64_t bit = UINT64_C(1) << w->depth;
	bool object = w->depth > 0 && !(w->is_array & bit);
	bool more = w->has_member & bit;
	if ((object && !key) || (w->depth == 0 && more)) {
		misuse(w);
		return false;
	}
	w->has_member |= bit;
	if (more)
		buf_add_char(w->out, ',');
	if (object) {
		add_quoted(w->out, key, strlen(key));
		buf_add_char(w->out, ':');
	}
	return true;
}

static void open_level(struct json_writer *w, const char *key, bool array)
{
	if (!start(w, key))
		return;
	if (w->depth == JW_MAX_DEPTH) {
		misuse(w);
		return;
	}
	w->depth++;
	uint64_t bit = UINT64_C(1) << w->depth;
	w->has_member &= ~bit;
	w->is_array = array ? w->is_array | bit : w->is_array & ~bit;
	buf_add_char(w->out, array ? '[' : '{');
}

void jw_object(struct json_writer *w, const char *key)
{
	open_level(w, key, false);
}

void jw_array(struct json_writer *w, const char *key)
{
	open_level(w, key, true);
}

void jw_end(struct json_writer *w)
{
	if (w->out->error)
		return;
	if (w->depth == 0) {
		misuse(w);
		return;
	}
	buf_add_char(w->out, w->is_array & (UINT64_C(1) << w->depth) ? ']' : '}');
	w->depth--;
}

void jw_str(struct json_writer *w, const char *key, const char *value)
{
	jw_strn(w, key, value, value ? strlen(value) : 0);
}

void jw_strn(struct json_writer *w, const char *key, const char *value, size_t len)
{
	if (!value)
		jw_null(w, key);
	else if (start(w, key))
		add_quoted(w->out, value, len);
}

void jw_int(struct json_writer *w, const char *key, int64_t value)
{
	if (start(w, key))
		buf_add_i64(w->out, value);
}

void jw_bool(struct json_writer *w, const char *key, bool value)
{
	if (start(w, key))
		buf_add_str(w->out, value ? "true" : "false");
}

void jw_null(struct json_writer *w, const char *key)
{
	if (start(w, key))
		buf_add_str(w->out, "null");
}

void jw_raw(struct json_writer *w, const char *key, const char *json_text, size_t len)
{
	if (start(w, key))
		buf_add(w->out, json_text, len);
}

void jw_value(struct json_writer *w, const char *key, const struct json *v)
{
	switch (json_kind(v)) {
	case JSON_NULL:
		jw_null(w, key);
		break;
	case JSON_BOOL:
		jw_bool(w, key, json_true(v, false));
		break;
	case JSON_STRING:
		jw_str(w, key, json_text(v));
		break;
	case JSON_NUMBER:
		if (start(w, key))
			json_print(v, w->out);
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		open_level(w, key, json_kind(v) == JSON_ARRAY);
		for (const struct json *e = json_first(v); e && !w->out->error; e = json_next(e))
			jw_value(w, json_key(e), e);
		jw_end(w);
		break;
	}
}

void json_print(const struct json *v, struct buf *out)
{
	int64_t number;
	if (json_kind(v) == JSON_NUMBER) {
		const char *digits = json_number_text(v);
		if (digits)
			buf_add_str(out, digits);
		else if (json_int(v, &number) == 0)
			buf_add_i64(out, number);
		return;
	}
	struct json_writer w;
	jw_init(&w, out);
	jw_value(&w, NULL, v);
}
