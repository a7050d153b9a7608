/* fuzz_text.c: any valid UTF-8 through every function of text.h, with what must hold for all texts. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/model/text.h"
#include "proto/arena.h"
#include "proto/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entities(struct arena *a, const char *text, enum text_flavour flavour)
{
	size_t len = strlen(text), end = 0;
	struct entity *e;
	int64_t count = text_find(a, text, flavour, &e);

	if (count < 0 || count > 1000)
		abort();
	for (int64_t i = 0; i < count; i++) {
		if (e[i].start < end || e[i].start >= e[i].end || e[i].end > len || e[i].value[0] == '\0')
			abort();
		end = e[i].end;
		if (!utf8_valid(text + e[i].start, e[i].end - e[i].start, NULL) ||
		    !utf8_valid(e[i].value, strlen(e[i].value), NULL))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	int64_t graphemes;
	const char *nfc;
	struct arena a;
	size_t len;

	if (text == NULL)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	len = strlen(text);
	if (utf8_valid(text, len, NULL)) {
		arena_init(&a, 64 << 20);
		check_entities(&a, text, TEXT_BLUESKY);
		check_entities(&a, text, TEXT_MASTODON);
		check_entities(&a, text, TEXT_X);
		graphemes = text_graphemes(text, len);
		if (graphemes < 0 || (size_t)graphemes > len || text_cut_graphemes(text, len, (size_t)graphemes) != len)
			abort();
		if (text_mastodon_length(&a, text, 23) < 0 || text_x_length(&a, text) < 0)
			abort();
		nfc = text_nfc(&a, text);
		if (nfc == NULL || text_nfc(&a, nfc) != nfc)
			abort();
		arena_done(&a);
	}
	free(text);
	return 0;
}
