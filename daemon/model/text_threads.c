/* text_threads.c: how long a post is for Threads. */
#include "daemon/model/text_find.h"

#include <stdbool.h>
#include <string.h>
#include <unicode/uchar.h>

#include "proto/status.h"

int64_t text_characters(const char *text)
{
	int64_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

/* A pictogram, half of a flag, or the frame of a keycap. */
static bool is_emoji(UChar32 c)
{
	return u_hasBinaryProperty(c, UCHAR_EXTENDED_PICTOGRAPHIC) || u_hasBinaryProperty(c, UCHAR_REGIONAL_INDICATOR) || c == 0x20E3;
}

int64_t text_threads_length(const char *text)
{
	size_t len = strlen(text);
	const struct finder f = { .text = text, .len = len };
	int64_t used = 0;

	for (size_t at = 0, end; at < len; at = end) {
		int64_t characters = 0;
		bool emoji = false;

		end = at + 1;
		if ((unsigned char)text[at] >= 0x80 || (unsigned char)text[at + 1] >= 0x80)
			end = at + text_cut_graphemes(text + at, len - at, 1);
		if (end == at)
			return -ST_NO_MEMORY;
		for (size_t i = at; i < end; characters++)
			emoji |= is_emoji(text_find_char(&f, &i));
		used += emoji ? (int64_t)(end - at) : characters;
	}
	return used;
}
