/* json_scan.c: the grammar of RFC 8259 and our own refusals, in one pass over the text. Recursion is bounded by
 * JSON_MAX_DEPTH. Keys are compared by hash first; an escaped key is decoded before it is compared. */
#include "proto/json_scan.h"

#include <stdint.h>
#include <string.h>

#include "proto/json.h"
#include "proto/span.h"
#include "proto/status.h"
#include "proto/utf8.h"

#define PLAIN_MAX_DIGITS 15      /* every integer of this length is exact in a double */
#define ARENA_MAX_BYTES (256u * 1024 * 1024)

struct json_scan_key { uint64_t hash; const char *s; size_t len; };

struct raw_string { size_t from, len; bool escaped; };

static int scan_value(struct json_scan *s);

static int refuse(struct json_scan *s, const char *why)
{
	s->why = why;
	return -ST_INVALID;
}

static int refuse_at(struct json_scan *s, size_t at, const char *why)
{
	s->at = at;
	return refuse(s, why);
}

static char peek(const struct json_scan *s)
{
	return s->at < s->len ? s->text[s->at] : '\0';
}

static void skip_blanks(struct json_scan *s)
{
	while (s->at < s->len) {
		char c = s->text[s->at];
		if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
			return;
		s->at++;
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Four hex digits at p, or -1. */
static int32_t hex4(const char *p, const char *end)
{
	int32_t v = 0;
	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int d = hex_digit(p[i]);
		if (d < 0)
			return -1;
		v = v * 16 + d;
	}
	return v;
}

/* s->at is on the backslash; moves behind the escape. */
static int scan_escape(struct json_scan *s)
{
	const char *p = s->text + s->at, *end = s->text + s->len;
	if (end - p < 2)
		return refuse(s, "the text ends inside a string");
	if (p[1] != 'u') {
		if (!p[1] || !strchr("\"\\/bfnrt", p[1]))
			return refuse(s, "unknown escape in a string");
		s->at += 2;
		return 0;
	}
	int32_t unit = hex4(p + 2, end);
	if (unit < 0)
		return refuse(s, "\\u needs four hexadecimal digits");
	if (unit == 0)
		return refuse(s, "\\u0000 is not allowed");
	if (unit >= 0xdc00 && unit <= 0xdfff)
		return refuse(s, "a lone surrogate in a string");
	s->at += 6;
	if (unit < 0xd800 || unit > 0xdfff)
		return 0;
	p += 6;
	int32_t low = end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2, end) : -1;
	if (low < 0xdc00 || low > 0xdfff)
		return refuse_at(s, s->at - 6, "a lone surrogate in a string");
	s->at += 6;
	return 0;
}

static int scan_string(struct json_scan *s, struct raw_string *out)
{
	*out = (struct raw_string){ .from = s->at + 1 };
	s->at++;
	for (;;) {
		s->at += span_plain(s->text + s->at, s->len - s->at);
		if (s->at == s->len)
			return refuse(s, "the text ends inside a string");
		unsigned char c = (unsigned char)s->text[s->at];
		if (c == '"') {
			out->len = s->at - out->from;
			s->at++;
			return 0;
		}
		if (c < 0x20)
			return refuse(s, "a control character in a string must be escaped");
		if (c != '\\') {
			s->at++;
			continue;
		}
		out->escaped = true;
		int rc = scan_escape(s);
		if (rc)
			return rc;
	}
}

static char *put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		*out++ = (char)c;
		return out;
	}
	if (c < 0x800) {
		*out++ = (char)(0xc0 | (c >> 6));
	} else {
		if (c < 0x10000) {
			*out++ = (char)(0xe0 | (c >> 12));
		} else {
			*out++ = (char)(0xf0 | (c >> 18));
			*out++ = (char)(0x80 | ((c >> 12) & 0x3f));
		}
		*out++ = (char)(0x80 | ((c >> 6) & 0x3f));
	}
	*out++ = (char)(0x80 | (c & 0x3f));
	return out;
}

/* Decodes an escaped string that scan_string has accepted. out holds len bytes: no escape is shorter than what it
 * means. */
static size_t decode(const char *p, size_t len, char *out)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *end = p + len;
	char *start = out;
	while (p < end) {
		if (*p != '\\') {
			*out++ = *p++;
			continue;
		}
		if (p[1] != 'u') {
			const char *special = strchr(from, p[1]);
			*out++ = special ? to[special - from] : p[1];
			p += 2;
			continue;
		}
		uint32_t c = (uint32_t)hex4(p + 2, end);
		p += 6;
		if (c >= 0xd800 && c <= 0xdbff) {
			c = 0x10000 + ((c - 0xd800) << 10) + ((uint32_t)hex4(p + 2, end) - 0xdc00);
			p += 6;
		}
		out = put_utf8(out, c);
	}
	return (size_t)(out - start);
}

static uint64_t hash_bytes(const char *p, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)p[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* Adds a key to those of the innermost object, which begin at `first`. */
static int add_key(struct json_scan *s, size_t first, const struct raw_string *raw)
{
	struct json_scan_key key = { .s = s->text + raw->from, .len = raw->len };
	if (s->key_count - first == JSON_MAX_MEMBERS)
		return refuse_at(s, raw->from - 1, "an object has too many members");
	if (raw->escaped) {
		char *plain = arena_alloc(&s->arena, raw->len, 1);
		if (!plain)
			return -ST_NO_MEMORY;
		key.len = decode(key.s, key.len, plain);
		key.s = plain;
	}
	key.hash = hash_bytes(key.s, key.len);
	for (size_t i = first; i < s->key_count; i++) {
		const struct json_scan_key *k = &s->keys[i];
		if (k->hash == key.hash && k->len == key.len && memcmp(k->s, key.s, key.len) == 0)
			return refuse_at(s, raw->from - 1, "a key stands twice in one object");
	}
	if (s->key_count == s->key_cap) {
		size_t want = s->key_cap ? s->key_cap * 2 : 32;
		struct json_scan_key *grown = arena_grow(&s->arena, s->keys, s->key_count, want, sizeof *grown);
		if (!grown)
			return -ST_NO_MEMORY;
		s->keys = grown;
		s->key_cap = want;
	}
	s->keys[s->key_count++] = key;
	return 0;
}

/* Behind an element: 1 if another follows, 0 at the closing bracket. */
static int scan_separator(struct json_scan *s, char close, const char *why)
{
	skip_blanks(s);
	char c = peek(s);
	if (c != ',' && c != close)
		return refuse(s, why);
	s->at++;
	return c == ',';
}

static int scan_member(struct json_scan *s, size_t first_key)
{
	struct raw_string key;
	skip_blanks(s);
	if (peek(s) != '"')
		return refuse(s, "a key in double quotes is expected");
	int rc = scan_string(s, &key);
	if (!rc)
		rc = add_key(s, first_key, &key);
	if (rc)
		return rc;
	skip_blanks(s);
	if (peek(s) != ':')
		return refuse(s, "':' is expected behind a key");
	s->at++;
	rc = scan_value(s);
	return rc ? rc : scan_separator(s, '}', "',' or '}' is expected");
}

static int scan_element(struct json_scan *s, size_t first_key)
{
	(void)first_key;
	int rc = scan_value(s);
	return rc ? rc : scan_separator(s, ']', "',' or ']' is expected");
}

static int scan_container(struct json_scan *s, char close, int (*scan_one)(struct json_scan *, size_t))
{
	if (s->depth == JSON_MAX_DEPTH)
		return refuse(s, "nested too deep");
	s->depth++;
	s->at++;
	size_t first_key = s->key_count;
	int rc = 1;
	skip_blanks(s);
	if (peek(s) == close) {
		s->at++;
		rc = 0;
	}
	while (rc == 1)
		rc = scan_one(s, first_key);
	s->key_count = first_key;
	s->depth--;
	return rc;
}

static size_t scan_digits(struct json_scan *s)
{
	size_t from = s->at;
	while (s->at < s->len && s->text[s->at] >= '0' && s->text[s->at] <= '9')
		s->at++;
	return s->at - from;
}

/* cJSON would make a double of it: its digits go on as a string. */
static int quote_number(struct json_scan *s, size_t from)
{
	buf_add(&s->rewritten, s->text + s->copied, from - s->copied);
	buf_add_char(&s->rewritten, '"');
	buf_add(&s->rewritten, s->text + from, s->at - from);
	buf_add_char(&s->rewritten, '"');
	s->copied = s->at;
	return buf_error(&s->rewritten) ? -ST_NO_MEMORY : 0;
}

static int keep_exact(struct json_scan *s, size_t from)
{
	if (s->at - from > JSON_MAX_NUMBER)
		return refuse_at(s, from, "a number is written with too many characters");
	if (s->exact_count == s->exact_cap) {
		size_t want = s->exact_cap ? s->exact_cap * 2 : 32;
		struct json_scan_number *grown = arena_grow(&s->arena, s->exact, s->exact_count, want, sizeof *grown);
		if (!grown)
			return -ST_NO_MEMORY;
		s->exact = grown;
		s->exact_cap = want;
	}
	s->exact[s->exact_count++] = (struct json_scan_number){ .ordinal = s->numbers++, .at = from, .len = s->at - from };
	return 0;
}

static int scan_number(struct json_scan *s)
{
	size_t from = s->at;
	bool plain = true;
	if (peek(s) == '-')
		s->at++;
	bool zero = peek(s) == '0';
	size_t digits = scan_digits(s);
	if (digits == 0)
		return refuse(s, from == s->at ? "a value is expected" : "a digit is expected");
	if (zero && digits > 1)
		return refuse_at(s, from, "a number begins with a superfluous zero");
	if (peek(s) == '.') {
		plain = false;
		s->at++;
		if (!scan_digits(s))
			return refuse(s, "a digit is expected behind the point");
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		plain = false;
		s->at++;
		if (peek(s) == '+' || peek(s) == '-')
			s->at++;
		if (!scan_digits(s))
			return refuse(s, "a digit is expected in the exponent");
	}
	if (!plain)
		return keep_exact(s, from);
	if (digits > PLAIN_MAX_DIGITS)
		return quote_number(s, from);
	s->numbers++;
	return 0;
}

static int scan_word(struct json_scan *s, const char *word)
{
	size_t n = strlen(word);
	if (s->len - s->at < n || memcmp(s->text + s->at, word, n) != 0)
		return refuse(s, "a value is expected");
	s->at += n;
	return 0;
}

static int scan_value(struct json_scan *s)
{
	struct raw_string string;
	skip_blanks(s);
	if (s->at == s->len)
		return refuse(s, "the text ends where a value is expected");
	switch (s->text[s->at]) {
	case '{':
		return scan_container(s, '}', scan_member);
	case '[':
		return scan_container(s, ']', scan_element);
	case '"':
		return scan_string(s, &string);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	default:
		return scan_number(s);
	}
}

int json_scan(struct json_scan *s, const char *text, size_t len)
{
	*s = (struct json_scan){ .text = text, .len = len };
	arena_init(&s->arena, ARENA_MAX_BYTES);
	buf_init(&s->rewritten, len < SIZE_MAX / 4 ? len * 2 + 64 : SIZE_MAX / 2);
	if (!utf8_valid(text, len, &s->at))
		return refuse(s, "not valid UTF-8");
	int rc = scan_value(s);
	if (rc)
		return rc;
	skip_blanks(s);
	if (s->at < len)
		return refuse(s, "bytes behind the end of the value");
	if (s->copied) {
		buf_add(&s->rewritten, text + s->copied, len - s->copied);
		if (buf_error(&s->rewritten))
			return -ST_NO_MEMORY;
	}
	return 0;
}

void json_scan_done(struct json_scan *s)
{
	buf_done(&s->rewritten);
	arena_done(&s->arena);
}
