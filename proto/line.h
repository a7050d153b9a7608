/* line.h: framing, the same code on both sides. Bytes go in as they come; complete lines and counted bodies come out.
 *
 * A line ends with '\n' (a '\r' before it is refused as a control character). Longer than LINE_MAX_BYTES without a
 * newline: LINE_TOO_LONG once, then the reader discards up to the next newline and goes on. Lines with control
 * characters other than TAB or with invalid UTF-8 come out as LINE_BAD. */
#ifndef SMMQ_PROTO_LINE_H
#define SMMQ_PROTO_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/buf.h"

#define LINE_MAX_BYTES (1024 * 1024)   /* without the newline */

enum line_event {
	LINE_NONE,        /* nothing complete: feed more */
	LINE_TEXT,        /* a complete line, without its newline, NUL-terminated */
	LINE_BODY,        /* a piece of the counted body asked for with line_expect_body */
	LINE_TOO_LONG,
	LINE_BAD
};

struct line_reader {
	struct buf in;          /* unread bytes; at most LINE_MAX_BYTES + one feed */
	size_t used;            /* bytes of `in` already handed out */
	size_t scanned;         /* bytes searched for a newline */
	uint64_t body_left;     /* bytes of body still to come out */
	bool discarding;        /* up to the next newline after LINE_TOO_LONG */
};

void line_init(struct line_reader *r);
void line_done(struct line_reader *r);
/* Appends bytes. 0 or -ST_NO_MEMORY. Do not feed more while line_next still returns something: memory stays bounded so. */
int line_feed(struct line_reader *r, const char *data, size_t len);
/* The next event. For LINE_TEXT and LINE_BODY *data,*len point into the reader and are valid until the next call. */
enum line_event line_next(struct line_reader *r, char **data, size_t *len);
/* Puts the line just returned by line_next back, so that it comes again. Only directly after LINE_TEXT. */
void line_unread(struct line_reader *r, size_t len);
/* The next `bytes` bytes are a body: they come out as LINE_BODY before any further line. */
void line_expect_body(struct line_reader *r, uint64_t bytes);
/* Bytes held and not yet handed out. */
size_t line_pending(const struct line_reader *r);

#endif
