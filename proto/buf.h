/* buf.h: a growable byte buffer that cannot be made without saying its maximum.
 *
 * The first failure (maximum passed, no memory) sticks in `error`; later appends do nothing, so a caller
 * checks once at the end with buf_error(). The content is always followed by a NUL that does not count. */
#ifndef SMMQ_PROTO_BUF_H
#define SMMQ_PROTO_BUF_H

#include <stdarg.h>
#include <stddef.h>

struct buf {
	char *data;            /* NULL while nothing was appended */
	size_t len;            /* bytes used */
	size_t cap;            /* bytes allocated */
	size_t max_bytes;      /* len never passes this */
	int error;             /* 0, -ST_TOO_LARGE or -ST_NO_MEMORY */
};

#define BUF_INIT(max) { .max_bytes = (max) }

void buf_init(struct buf *b, size_t max_bytes);
void buf_done(struct buf *b);                     /* frees the content; the struct may be used again */
void buf_reset(struct buf *b);                    /* len = 0, error = 0, keeps the memory */
void buf_add(struct buf *b, const void *data, size_t len);
void buf_add_str(struct buf *b, const char *s);
void buf_add_char(struct buf *b, char c);
void buf_add_fmt(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_add_vfmt(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void buf_add_u64(struct buf *b, unsigned long long v);   /* decimal; faster than buf_add_fmt */
void buf_add_i64(struct buf *b, long long v);
void buf_consume(struct buf *b, size_t len);      /* drops the first len bytes (len <= b->len) */
int buf_reserve(struct buf *b, size_t more);      /* room for `more` bytes after len; 0 or the sticky error */
const char *buf_cstr(const struct buf *b);        /* never NULL; "" while empty */
char *buf_steal(struct buf *b);                   /* the caller owns the NUL-terminated content (free); NULL after an error */
static inline int buf_error(const struct buf *b) { return b->error; }

#endif
