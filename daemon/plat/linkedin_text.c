/* linkedin_text.c: the commentary's "little text": an unescaped reserved character silently cuts the post off there. */
#include "daemon/plat/linkedin.h"

#include <string.h>

#include "proto/utf8.h"

static const char reserved[] = "\\|{}@[]()<>#*_~";

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Letters of other scripts too: every byte of a longer character. */
static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

/* The length of a mention token "@[Name](urn:li:organization:N)" or "...person:ID)" at text; 0: none. */
static size_t mention_len(const char *text)
{
	static const char *const kinds[] = { "](urn:li:organization:", "](urn:li:person:" };
	const char *close;

	if (strncmp(text, "@[", 2))
		return 0;
	close = strpbrk(text + 2, "]\n");
	if (!close || *close != ']' || close == text + 2)
		return 0;
	for (size_t i = 0; i < WIRE_COUNT(kinds); i++) {
		size_t len = strlen(kinds[i]), id;

		if (strncmp(close, kinds[i], len))
			continue;
		id = strspn(close + len, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_");
		return id && close[len + id] == ')' ? (size_t)(close + len + id + 1 - text) : 0;
	}
	return 0;
}

const char *linkedin_escape(struct arena *a, const char *text, bool hashtags)
{
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	const char *start = text;

	while (*text) {
		size_t mention = mention_len(text);
		bool tag = *text == '#' && !hashtags && (text == start || is_blank(text[-1])) && is_word(text[1]);

		if (mention) {
			buf_add(&b, text, mention);
			text += mention;
			continue;
		}
		if (!tag && strchr(reserved, *text))
			buf_add_char(&b, '\\');
		buf_add_char(&b, *text++);
	}
	return wire_take(&b, a, NULL);
}

const char *linkedin_plain(struct arena *a, const char *text)
{
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	bool gap = false;

	for (; text && *text; text++) {
		if (is_blank(*text)) {
			gap = b.len > 0;
			continue;
		}
		if (*text == '\\' && text[1] && strchr(reserved, text[1]))
			text++;
		if (gap)
			buf_add_char(&b, ' ');
		gap = false;
		buf_add_char(&b, *text);
	}
	return wire_take(&b, a, NULL);
}

int64_t linkedin_length(const char *text)
{
	int64_t units = 0;

	/* Characters of four bytes are two units; all others one. */
	for (; *text; text++)
		units += ((unsigned char)*text & 0xc0) == 0x80 ? 0 : (unsigned char)*text >= 0xf0 ? 2 : 1;
	return units;
}

const char *linkedin_text(const struct plat_in *in, size_t n)
{
	const char *hashtags = plat_option(in->account, "EscapeHashtags"), *text = in->content->parts[n].text;

	if (n)
		return wire_str(text);
	return linkedin_escape(in->arena, wire_str(text), hashtags && !strcmp(hashtags, "yes"));
}
