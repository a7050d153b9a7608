/* arena.h: memory of one request or turn, given back all at once. Everything decoded or built on the way to an answer
 * lives here, so that no path has to free it. Allocation failure and the maximum stick in `error`: the caller checks once. */
#ifndef SMMQ_PROTO_ARENA_H
#define SMMQ_PROTO_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *head;
	size_t used_bytes;       /* handed out in total */
	size_t max_bytes;
	int error;               /* 0, -ST_NO_MEMORY or -ST_TOO_LARGE */
};

void arena_init(struct arena *a, size_t max_bytes);
void arena_done(struct arena *a);
void arena_reset(struct arena *a);     /* forgets everything, keeps one block for reuse, clears the error */

/* Zeroed memory for count elements of size bytes, aligned for any type. NULL after an error; count * size is checked. */
void *arena_alloc(struct arena *a, size_t count, size_t size);
/* Copies; NULL gives NULL. */
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_fmt(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A grown copy of an array: old (used elements of size) with room for want elements. NULL after an error. */
void *arena_grow(struct arena *a, const void *old, size_t used, size_t want, size_t size);

#endif
