/* text_find.h: what the scanners of the flavours share. Only text_find.c and those scanners (text_bluesky.c,
 * text_mastodon.c, text_threads.c, text_x.c) include this. */
#ifndef SMMQ_MODEL_TEXT_FIND_H
#define SMMQ_MODEL_TEXT_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <unicode/utypes.h>

#include "daemon/model/text.h"

#define TEXT_FIND_MAX 1000               /* entities */

struct finder {
	struct arena *arena;
	const char *text;
	size_t len;
	struct entity *entity;
	size_t count, room;
};

/* What a scanner found at a place. */
struct match {
	bool found, upper;               /* upper: the value is stored in upper case */
	enum entity_kind kind;
	size_t start, end, value_start;
	size_t resume;                   /* where the scanner goes on after a match, also a rejected one; 0: no match */
	const char *prefix;              /* put before the value */
};

/* The code point at *at, which moves on. U+FFFD at the end and on bad bytes: never part of anything we look for. */
UChar32 text_find_char(const struct finder *f, size_t *at);
/* The byte at a place, 0 at the end. Enough where only ASCII matters. */
char text_find_byte(const struct finder *f, size_t at);
bool text_find_digit(UChar32 c);
bool text_find_alpha(UChar32 c);
bool text_find_alnum(UChar32 c);         /* of ASCII */
/* Length of "http://" or "https://" at a place, in any case; 0 if neither. */
size_t text_find_scheme(const struct finder *f, size_t at);
/* Whether a name ends in a dot and a known top-level domain in lower case. */
bool text_find_domain(const char *name, size_t len);
/* Appends a match. 0, or a negative status. */
int text_find_add(struct finder *f, const struct match *m);

int text_bluesky_find(struct finder *f);
int text_mastodon_find(struct finder *f);
int text_x_find(struct finder *f);

#endif
