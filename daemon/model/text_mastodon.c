/* text_mastodon.c: what a Mastodon server makes a link, a mention or a tag. It matters for the length of a post: a
 * URL counts the same however long it is, so where it ends decides how much is counted in full.
 *
 * One walk from left to right; what was found is not looked into again. The character before decides whether
 * something may begin. Unlike the server we take any host for a URL, as the platform's documentation says, not only
 * known endings. */
#include "daemon/model/text_find.h"

#include <string.h>
#include <unicode/uchar.h>

static bool is_word(UChar32 c)
{
	const uint32_t word = U_GC_L_MASK | U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK;

	return c < 0x80 ? text_find_alnum(c) || c == '_' : c != 0xFFFD && (U_GET_GC_MASK(c) & word) != 0;
}

/* Whether c is in the NUL-terminated set of ASCII characters. */
static bool in_set(UChar32 c, const char *set)
{
	return c > 0 && c < 0x80 && strchr(set, (char)c) != NULL;
}

static UChar32 peek(const struct finder *f, size_t at)
{
	return text_find_char(f, &at);
}

/* Path characters from `at` on, up to what cannot be in a path. */
static size_t skip_path_chars(const struct finder *f, size_t at)
{
	while (at < f->len) {
		size_t next = at;
		UChar32 c = text_find_char(f, &next);

		if (in_set(c, "<>()?") || u_isUWhiteSpace(c))
			break;
		at = next;
	}
	return at;
}

/* "(...)" with at most one pair inside, or `at`. */
static size_t skip_parentheses(const struct finder *f, size_t at)
{
	size_t end = skip_path_chars(f, at + 1), inner;

	if (text_find_byte(f, end) == '(') {
		inner = skip_path_chars(f, end + 1);
		if (inner == end + 1 || text_find_byte(f, inner) != ')')
			return at;
		end = skip_path_chars(f, inner + 1);
	}
	return end > at + 1 && text_find_byte(f, end) == ')' ? end + 1 : at;
}

/* A path ends in a parenthesis that is closed, or in a character that is not punctuation. */
static size_t path_end(const struct finder *f, size_t at)
{
	size_t good = at + 1;

	for (at = good; at < f->len;) {
		size_t next = at;
		UChar32 c = text_find_char(f, &next);

		if (c == '(') {
			next = skip_parentheses(f, at);
			if (next == at)
				break;
			good = next;
		} else if (in_set(c, "<>)?") || u_isUWhiteSpace(c)) {
			break;
		} else if (!in_set(c, "!*\"';:=,.$%[]~&|@") && c != 0x300C && c != 0x300D) {
			good = next;
		}
		at = next;
	}
	return good;
}

static size_t query_end(const struct finder *f, size_t at)
{
	size_t good = at;

	for (at++; at < f->len;) {
		size_t next = at;
		UChar32 c = text_find_char(f, &next);
		bool high = c >= 0xA0 && !u_isUWhiteSpace(c);

		if (!high && !text_find_alnum(c) && !in_set(c, "!?*'();:&=+$/%#[]-_.,~|@^"))
			break;
		if (high || text_find_alnum(c) || in_set(c, "_&=#/-"))
			good = next;
		at = next;
	}
	return good;
}

/* The host: letters and digits of any script, inner dots, hyphens and underscores. `at` if there is none. */
static size_t host_end(const struct finder *f, size_t at)
{
	const size_t start = at;
	size_t good = at;

	while (at < f->len) {
		size_t next = at;
		UChar32 c = text_find_char(f, &next);

		if (is_word(c) && c != '_')
			good = next;
		else if (!in_set(c, "._-") || good == start)
			break;
		at = next;
	}
	return good;
}

static struct match find_url(const struct finder *f, size_t at, UChar32 before)
{
	struct match m = { .kind = ENTITY_URL, .start = at, .value_start = at, .prefix = "" };
	size_t scheme = text_find_scheme(f, at), end;

	if (scheme == 0 || text_find_alnum(before) || in_set(before, "@$#") || before == 0xFF20 || before == 0xFF03)
		return m;
	m.end = host_end(f, at + scheme);
	if (m.end == at + scheme)
		return m;
	if (text_find_byte(f, m.end) == ':') {
		for (end = m.end + 1; text_find_digit(text_find_byte(f, end)); end++)
			continue;
		if (end > m.end + 1)
			m.end = end;
	}
	if (text_find_byte(f, m.end) == '/')
		m.end = path_end(f, m.end);
	if (text_find_byte(f, m.end) == '?')
		m.end = query_end(f, m.end);
	m.found = true;
	return m;
}

/* The end of @host at `at`, its last character a word's; `at` if there is no host. */
static size_t mention_host_end(const struct finder *f, size_t at)
{
	size_t good = at, chars = 0;

	if (text_find_byte(f, at) != '@')
		return at;
	for (size_t next = at + 1; next < f->len; chars++) {
		UChar32 c = text_find_char(f, &next);

		if (!is_word(c) && !in_set(c, ".-"))
			break;
		if (is_word(c) && chars > 0)
			good = next;
	}
	return good;
}

static struct match find_mention(const struct finder *f, size_t at, UChar32 before)
{
	struct match m = { .kind = ENTITY_MENTION, .start = at, .value_start = at + 1, .end = at + 1, .prefix = "" };
	UChar32 after;

	if (is_word(before) || in_set(before, "=/") || !is_word(text_find_byte(f, at + 1)))
		return m;
	for (size_t end = at + 1; is_word(text_find_byte(f, end)) || in_set(text_find_byte(f, end), ".-"); end++)
		if (is_word(text_find_byte(f, end)))
			m.end = end + 1;
	m.end = mention_host_end(f, m.end);
	after = peek(f, m.end);
	if (after == '@' || after == 0xFF20 || (after >= 0xC0 && after <= 0x24F && u_isalpha(after)))
		return m;
	m.found = f->len - m.end < 3 || memcmp(f->text + m.end, "://", 3) != 0;
	return m;
}

/* '#' and word characters with a letter among them; inside also middle dots and the zero-width non-joiner. */
static struct match find_tag(const struct finder *f, size_t at, UChar32 before)
{
	struct match m = { .kind = ENTITY_TAG, .start = at, .prefix = "" };
	size_t next = at;
	UChar32 c = text_find_char(f, &next);

	if ((c != '#' && c != 0xFF03) || in_set(before, "=/)") || u_isalnum(before))
		return m;
	m.value_start = m.end = next;
	while (next < f->len) {
		c = text_find_char(f, &next);
		if (is_word(c))
			m.end = next;
		else if (c != 0xB7 && c != 0x30FB && c != 0x200C)
			break;
		m.found = m.found || u_isUAlphabetic(c);
	}
	return m;
}

int text_mastodon_find(struct finder *f)
{
	UChar32 before = ' ';

	for (size_t at = 0; at < f->len && f->count < TEXT_FIND_MAX;) {
		size_t next = at;
		UChar32 c = text_find_char(f, &next);
		struct match m = { .found = false };
		int status;

		if (c == 'h' || c == 'H')
			m = find_url(f, at, before);
		else if (c == '@')
			m = find_mention(f, at, before);
		else if (c == '#' || c == 0xFF03)
			m = find_tag(f, at, before);
		if (m.found) {
			status = text_find_add(f, &m);
			if (status != 0)
				return status;
			while (next < m.end)
				c = text_find_char(f, &next);
		}
		before = c;
		at = next;
	}
	return 0;
}
