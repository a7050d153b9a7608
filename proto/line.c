/* line.c: the reader keeps the unread bytes in one buffer and hands out pointers into it. `used` and `scanned` only
 * grow until the next feed moves the rest to the front, so every byte is searched once however small the feeds are. */
#include "proto/line.h"

#include <string.h>

#include "proto/span.h"
#include "proto/status.h"
#include "proto/utf8.h"

#define KEEP_BYTES (64u * 1024)      /* a larger buffer is given back once it is empty: most connections idle */

void line_init(struct line_reader *r)
{
	*r = (struct line_reader){ 0 };
	buf_init(&r->in, SIZE_MAX / 2);  /* bounded by the caller's reading rule; see line_feed */
}

void line_done(struct line_reader *r)
{
	buf_done(&r->in);
	line_init(r);
}

int line_feed(struct line_reader *r, const char *data, size_t len)
{
	if (r->used == r->in.len) {
		if (r->in.cap > KEEP_BYTES)
			buf_done(&r->in);
		else
			buf_reset(&r->in);
		r->scanned = 0;
	} else {
		buf_consume(&r->in, r->used);
		r->scanned -= r->used;
	}
	r->used = 0;
	if (buf_reserve(&r->in, len)) {
		r->in.error = 0;         /* the bytes read so far are whole: the caller may try again */
		return -ST_NO_MEMORY;
	}
	buf_add(&r->in, data, len);
	return 0;
}

static bool acceptable(const char *s, size_t len)
{
	bool ascii = true;
	for (size_t at = span_plain(s, len); at < len; at += 1 + span_plain(s + at + 1, len - at - 1)) {
		unsigned char c = (unsigned char)s[at];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
		ascii = ascii && c < 0x80;
	}
	return ascii || utf8_valid(s, len, NULL);
}

static enum line_event take_body(struct line_reader *r, char **data, size_t *len)
{
	size_t n = line_pending(r);
	if (n == 0)
		return LINE_NONE;
	if (n > r->body_left)
		n = (size_t)r->body_left;
	*data = r->in.data + r->used;
	*len = n;
	r->used += n;
	r->scanned = r->used;
	r->body_left -= n;
	return LINE_BODY;
}

/* No newline in the bytes held: they are a part of a line, which may already be too long. */
static enum line_event take_part(struct line_reader *r)
{
	r->scanned = r->in.len;
	bool told = r->discarding;
	if (line_pending(r) > LINE_MAX_BYTES)
		r->discarding = true;
	if (r->discarding)
		r->used = r->in.len;
	return r->discarding && !told ? LINE_TOO_LONG : LINE_NONE;
}

enum line_event line_next(struct line_reader *r, char **data, size_t *len)
{
	*data = NULL;
	*len = 0;
	if (r->body_left)
		return take_body(r, data, len);
	for (;;) {
		if (line_pending(r) == 0)
			return LINE_NONE;
		char *from = r->in.data + r->scanned;
		char *end = memchr(from, '\n', r->in.len - r->scanned);
		if (!end)
			return take_part(r);
		char *line = r->in.data + r->used;
		size_t n = (size_t)(end - line);
		r->used += n + 1;
		r->scanned = r->used;
		if (r->discarding) {
			r->discarding = false;
			continue;
		}
		if (n > LINE_MAX_BYTES)
			return LINE_TOO_LONG;
		if (!acceptable(line, n))
			return LINE_BAD;
		*end = '\0';
		*data = line;
		*len = n;
		return LINE_TEXT;
	}
}

void line_unread(struct line_reader *r, size_t len)
{
	if (r->used < len + 1)
		return;
	r->in.data[r->used - 1] = '\n';
	r->used -= len + 1;
	r->scanned = r->used;
}

void line_expect_body(struct line_reader *r, uint64_t bytes)
{
	r->body_left = bytes;
}

size_t line_pending(const struct line_reader *r)
{
	return r->in.len - r->used;
}
