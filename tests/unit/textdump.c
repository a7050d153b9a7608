/* textdump.c: prints what text.h says about texts, for comparison with another implementation
 * (tests/cli/oracle_text.mjs, oracle_x.mjs).
 *
 * Reads one text per line as hexadecimal UTF-8, so that a text may hold anything. Prints per line
 * {"graphemes":N,"facets":[{"start":0,"end":5,"kind":"link","value":"HEX"}]}; with the argument "x" the length and the
 * facets as X has them: {"length":N,"facets":[...]}. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/model/text.h"
#include "proto/arena.h"

static int nibble(char c)
{
	const char *digits = "0123456789abcdef", *p = c != '\0' ? strchr(digits, c) : NULL;

	return p != NULL ? (int)(p - digits) : -1;
}

static void print_hex(const char *s)
{
	for (; *s != '\0'; s++)
		printf("%02x", (unsigned)(unsigned char)*s);
}

static int dump(struct arena *a, const char *text, bool x)
{
	static const char *const names[] = { [ENTITY_URL] = "link", [ENTITY_MENTION] = "mention",
	    [ENTITY_TAG] = "tag" };
	struct entity *entity;
	int64_t count = text_find(a, text, x ? TEXT_X : TEXT_BLUESKY, &entity);
	int64_t length = x ? text_x_length(a, text) : text_graphemes(text, strlen(text));

	if (count < 0 || length < 0)
		return 1;
	printf("{\"%s\":%" PRId64 ",\"facets\":[", x ? "length" : "graphemes", length);
	for (int64_t i = 0; i < count; i++) {
		const struct entity *e = &entity[i];

		printf("%s{\"start\":%zu,\"end\":%zu,\"kind\":\"%s\",\"value\":\"", i > 0 ? "," : "", e->start, e->end,
		    names[e->kind]);
		print_hex(e->value);
		printf("\"}");
	}
	puts("]}");
	return 0;
}

int main(int argc, char **argv)
{
	struct arena a;
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int failed = 0;
	bool x = argc > 1 && !strcmp(argv[1], "x");

	arena_init(&a, 16 * 1024 * 1024);
	while (failed == 0 && (len = getline(&line, &size, stdin)) > 0) {
		size_t n = 0;

		for (; nibble(line[2 * n]) >= 0 && nibble(line[2 * n + 1]) >= 0; n++)
			line[n] = (char)(nibble(line[2 * n]) << 4 | nibble(line[2 * n + 1]));
		line[n] = '\0';
		failed = dump(&a, line, x);
		arena_reset(&a);
	}
	arena_done(&a);
	free(line);
	return failed;
}
