/* buf.c: growing by doubling, every size checked against the maximum before it is added. */
#include "proto/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/status.h"

#define FIRST_BYTES 64u

void buf_init(struct buf *b, size_t max_bytes)
{
	*b = (struct buf)BUF_INIT(max_bytes);
}

void buf_done(struct buf *b)
{
	free(b->data);
	buf_init(b, b->max_bytes);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->error = 0;
	if (b->data)
		b->data[0] = '\0';
}

static int grow(struct buf *b, size_t more)
{
	if (b->len > b->max_bytes || more > b->max_bytes - b->len || b->len + more == SIZE_MAX)
		return b->error = -ST_TOO_LARGE;
	size_t need = b->len + more + 1;
	size_t cap = b->cap ? b->cap : FIRST_BYTES;
	while (cap < need) {
		if (cap > SIZE_MAX / 2) {
			cap = need;
			break;
		}
		cap *= 2;
	}
	if (b->max_bytes < SIZE_MAX && cap > b->max_bytes + 1)
		cap = b->max_bytes + 1;
	char *p = realloc(b->data, cap);
	if (!p)
		return b->error = -ST_NO_MEMORY;
	if (!b->data)
		p[0] = '\0';
	b->data = p;
	b->cap = cap;
	return 0;
}

int buf_reserve(struct buf *b, size_t more)
{
	if (b->error)
		return b->error;
	/* What was allocated is within the maximum, with the NUL. */
	return more < b->cap - b->len ? 0 : grow(b, more);
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	if (b->error || (len >= b->cap - b->len && grow(b, len)) || !len)
		return;
	memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_add_char(struct buf *b, char c)
{
	if (b->error || (b->cap - b->len < 2 && grow(b, 1)))
		return;
	b->data[b->len++] = c;
	b->data[b->len] = '\0';
}

void buf_add_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	buf_add_vfmt(b, fmt, ap);
	va_end(ap);
}

void buf_add_vfmt(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	/* What fits into the room there is, is not written twice. */
	size_t room = b->error ? 0 : b->cap - b->len;
	int len = vsnprintf(room ? b->data + b->len : NULL, room, fmt, ap);
	if (len < 0) {
		if (!b->error)
			b->error = -ST_NO_MEMORY;
	} else if ((size_t)len < room) {
		b->len += (size_t)len;
	} else if (!buf_reserve(b, (size_t)len)) {
		(void)vsnprintf(b->data + b->len, (size_t)len + 1, fmt, again);
		b->len += (size_t)len;
	} else if (room) {
		b->data[b->len] = '\0';
	}
	va_end(again);
}

void buf_add_u64(struct buf *b, unsigned long long v)
{
	char digits[24];
	size_t at = sizeof digits;
	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	buf_add(b, digits + at, sizeof digits - at);
}

void buf_add_i64(struct buf *b, long long v)
{
	if (v < 0) {
		buf_add_char(b, '-');
		buf_add_u64(b, 0 - (unsigned long long)v);
	} else {
		buf_add_u64(b, (unsigned long long)v);
	}
}

void buf_consume(struct buf *b, size_t len)
{
	if (!len || !b->data)
		return;
	if (len > b->len)
		len = b->len;
	memmove(b->data, b->data + len, b->len - len);
	b->len -= len;
	b->data[b->len] = '\0';
}

const char *buf_cstr(const struct buf *b)
{
	return b->data ? b->data : "";
}

char *buf_steal(struct buf *b)
{
	if (b->error || (!b->data && buf_reserve(b, 0)))
		return NULL;
	char *p = b->data;
	buf_init(b, b->max_bytes);
	return p;
}
