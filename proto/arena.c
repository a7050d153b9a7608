/* arena.c: a chain of blocks; the newest is filled from the front. Sizes double, so that a request costs few mallocs;
 * memory is zeroed when it is handed out, because blocks are used again after a reset. */
#include "proto/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/status.h"

#define BLOCK_FIRST_BYTES 4096u
#define BLOCK_MAX_BYTES (256u * 1024)    /* larger blocks are made for one large request only */
#define ALIGN_BYTES _Alignof(max_align_t)

struct arena_block {
	struct arena_block *next;
	size_t cap, used;
	max_align_t data[];
};

void arena_init(struct arena *a, size_t max_bytes)
{
	*a = (struct arena){ .max_bytes = max_bytes };
}

static void free_blocks(struct arena_block *b)
{
	while (b) {
		struct arena_block *next = b->next;
		free(b);
		b = next;
	}
}

void arena_done(struct arena *a)
{
	free_blocks(a->head);
	a->head = NULL;
	a->used_bytes = 0;
	a->error = 0;
}

void arena_reset(struct arena *a)
{
	if (a->head) {
		free_blocks(a->head->next);
		a->head->next = NULL;
		a->head->used = 0;
		if (a->head->cap > BLOCK_MAX_BYTES) {
			free_blocks(a->head);
			a->head = NULL;
		}
	}
	a->used_bytes = 0;
	a->error = 0;
}

static void *fail(struct arena *a, enum status why)
{
	if (!a->error)
		a->error = -(int)why;
	return NULL;
}

static struct arena_block *add_block(struct arena *a, size_t bytes)
{
	size_t cap = a->head ? a->head->cap * 2 : BLOCK_FIRST_BYTES;
	if (cap > BLOCK_MAX_BYTES)
		cap = BLOCK_MAX_BYTES;
	if (cap < bytes)
		cap = bytes;
	if (cap > SIZE_MAX - sizeof(struct arena_block))
		return fail(a, ST_NO_MEMORY);
	struct arena_block *b = malloc(sizeof *b + cap);
	if (!b)
		return fail(a, ST_NO_MEMORY);
	b->cap = cap;
	b->used = 0;
	b->next = a->head;
	a->head = b;
	return b;
}

/* Memory as it is: for those who overwrite all of it. */
static void *take(struct arena *a, size_t bytes)
{
	if (a->error)
		return NULL;
	if (bytes > SIZE_MAX - ALIGN_BYTES)
		return fail(a, ST_TOO_LARGE);
	bytes = bytes ? (bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES : ALIGN_BYTES;
	if (bytes > a->max_bytes || a->used_bytes > a->max_bytes - bytes)
		return fail(a, ST_TOO_LARGE);
	struct arena_block *b = a->head;
	if (!b || b->cap - b->used < bytes) {
		b = add_block(a, bytes);
		if (!b)
			return NULL;
	}
	void *p = (char *)b->data + b->used;
	b->used += bytes;
	a->used_bytes += bytes;
	return p;
}

void *arena_alloc(struct arena *a, size_t count, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes))
		return fail(a, ST_TOO_LARGE);
	void *p = take(a, bytes);
	if (p)
		memset(p, 0, bytes);
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return s ? arena_strndup(a, s, strlen(s)) : NULL;
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	if (!s)
		return NULL;
	len = strnlen(s, len);
	char *p = take(a, len + 1);
	if (p) {
		memcpy(p, s, len);
		p[len] = '\0';
	}
	return p;
}

char *arena_fmt(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	char text[512];
	va_start(ap, fmt);
	va_copy(again, ap);
	/* Most fit, and are not written twice. */
	int len = vsnprintf(text, sizeof text, fmt, ap);
	char *p = len < 0 ? fail(a, ST_NO_MEMORY) : take(a, (size_t)len + 1);
	if (p && (size_t)len < sizeof text)
		memcpy(p, text, (size_t)len + 1);
	else if (p)
		(void)vsnprintf(p, (size_t)len + 1, fmt, again);
	va_end(again);
	va_end(ap);
	return p;
}

void *arena_grow(struct arena *a, const void *old, size_t used, size_t want, size_t size)
{
	if (want < used)
		want = used;
	void *p = arena_alloc(a, want, size);
	if (p && used)
		memcpy(p, old, used * size);
	return p;
}
