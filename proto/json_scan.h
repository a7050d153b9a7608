/* json_scan.h: the strict check that every JSON text passes before cJSON sees it. Inside proto/json alone. */
#ifndef SMMQ_PROTO_JSON_SCAN_H
#define SMMQ_PROTO_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/arena.h"
#include "proto/buf.h"

/* A number with fraction or exponent: the ordinal-th number node of the tree, counted in the order of the text. */
struct json_scan_number { size_t ordinal, at, len; };

struct json_scan {
	const char *text;
	size_t len, at;
	const char *why;                     /* set when the text is refused; `at` is then the place */
	struct buf rewritten;                /* the text with long integers quoted; empty while there are none */
	size_t copied;                       /* bytes of text already in rewritten */
	size_t numbers;                      /* number nodes so far */
	struct json_scan_number *exact;
	size_t exact_count, exact_cap;
	struct json_scan_key *keys;          /* of all open objects, one behind the other */
	size_t key_count, key_cap;
	unsigned depth;
	struct arena arena;
};

/* Scans text. 0, -ST_INVALID (why, at) or -ST_NO_MEMORY. json_scan_done must follow in every case. */
int json_scan(struct json_scan *s, const char *text, size_t len);
void json_scan_done(struct json_scan *s);

#endif
