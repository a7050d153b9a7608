/* text_x.h: links as X's own library finds them, over UTF-16. Private to text_x*.c.
 *
 * That library (twitter-text) is a set of regular expressions over JavaScript's strings, with flags "gi" and not "u": it
 * sees units of UTF-16, so halves of pairs are characters of their own, and it folds case as ECMAScript does there. The
 * scanner stands for those expressions, quirks included; tests/cli/oracle_x.mjs compares both. */
#ifndef SMMQ_MODEL_TEXT_X_H
#define SMMQ_MODEL_TEXT_X_H

#include <stdbool.h>
#include <stdint.h>
#include <unicode/utypes.h>

#include "proto/arena.h"

struct x_url { int32_t start, end; bool bare; };      /* units; bare: without a scheme */

/* What is known about the place after a dot, and about the label in front of it. */
struct x_place {
	int32_t dot;             /* of any place: the next dot of the same run, -1 */
	int32_t tld;             /* of a dot: where a known ending behind it ends, 0 */
	int32_t reach;           /* of a dot: where the domain ends that the label behind it begins, 0 */
	int32_t under;           /* of a dot: the last '_' in the label in front of it, -1 */
};

struct x_scan {
	const UChar *u;
	int32_t len;
	struct x_place *place;
	int32_t at;                             /* where the next match is looked for */
	int32_t name_at, domain_end, tail_at, tail_end;    /* of a bare domain whose names are not all given out */
};

/* Looks at len units; they and the arena must last as long as the scan. 0, or the arena's error. */
int x_scan_begin(struct x_scan *s, struct arena *a, const UChar *u, int32_t len);
/* The next link; false when there is none. */
bool x_scan_next(struct x_scan *s, struct x_url *out);

/* text_x_char.c: one unit each. */
bool x_in_set(UChar c, const char *set);        /* of ASCII */
bool x_is_digit(UChar c);
bool x_is_alnum(UChar c);                       /* of ASCII */
bool x_is_latin(UChar c);                       /* a letter with an accent, as that library lists them */
bool x_is_domain_char(UChar c);
bool x_is_name_char(UChar c);                   /* of a name that is a link without a scheme */
bool x_is_path_char(UChar c);
bool x_is_path_end(UChar c);
bool x_is_query_char(UChar c);
bool x_is_query_end(UChar c);
/* Without regard to case, as ECMAScript does it: characters with the same capital are the same, but none outside ASCII is
 * one inside. */
UChar x_capital(UChar c);

#endif
