/* text_bluesky.c: what Bluesky's client makes a link, a mention or a tag.
 *
 * That client has one regular expression per kind; every one demands a boundary (the start of the text, white space,
 * for some '(') before the thing itself and goes on from the end of its own last match. So one walk over the
 * boundaries is enough: at each, every kind whose last match ended before tries its luck. Each scanner below stands
 * for one expression, quirks included; tests/cli/oracle_text.mjs compares them with the original. Where that client
 * would make something its own server refuses, or two that overlap, nothing is made. */
#include "daemon/model/text_find.h"

#include <string.h>
#include <unicode/uchar.h>

#define TAG_MAX_UNITS 64                  /* of UTF-16, as that client counts here */

/* \s of ECMAScript: not quite Unicode's white space (U+0085 is missing, U+FEFF is in). */
static bool is_space(UChar32 c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
	       c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000 || c == 0xFEFF;
}

/* The end of the run without white space. */
static size_t skip_word(const struct finder *f, size_t at)
{
	while (at < f->len) {
		size_t next = at;

		if (is_space(text_find_char(f, &next)))
			break;
		at = next;
	}
	return at;
}

static bool ends_with(const char *s, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len >= n && memcmp(s + len - n, end, n) == 0;
}

/* @([a-zA-Z0-9.-]+)\b : the run is cut back to a word boundary; '_' is a word character but not part of the run. */
static struct match bluesky_mention(const struct finder *f, size_t at)
{
	struct match m = { .kind = ENTITY_MENTION, .start = at, .value_start = at + 1, .prefix = "" };
	size_t end = at + 1;

	if (text_find_byte(f, at) != '@')
		return m;
	while (text_find_alnum(text_find_byte(f, end)) || (end < f->len && strchr(".-", f->text[end]) != NULL))
		end++;
	while (end > at + 1) {
		char next = text_find_byte(f, end);

		if (text_find_alnum(f->text[end - 1]) != (text_find_alnum(next) || next == '_'))
			break;
		end--;
	}
	if (end == at + 1)
		return m;
	m.resume = m.end = end;
	m.found = text_find_domain(f->text + at + 1, end - at - 1) ||
	          ends_with(f->text + at + 1, end - at - 1, ".test");
	return m;
}

/* [a-z][a-z0-9]*(\.[a-z0-9]+)+ in any case; the end, or `at` if there is none. */
static size_t skip_bare_domain(const struct finder *f, size_t at)
{
	size_t end = at;

	if (!text_find_alpha(text_find_byte(f, at)))
		return at;
	while (text_find_alnum(text_find_byte(f, end)))
		end++;
	if (text_find_byte(f, end) != '.' || !text_find_alnum(text_find_byte(f, end + 1)))
		return at;
	while (text_find_byte(f, end) == '.' && text_find_alnum(text_find_byte(f, end + 1)))
		for (end++; text_find_alnum(text_find_byte(f, end)); end++)
			continue;
	return end;
}

static struct match bluesky_url(const struct finder *f, size_t at)
{
	struct match m = { .kind = ENTITY_URL, .start = at, .value_start = at, .prefix = "" };
	size_t scheme = text_find_scheme(f, at), domain = skip_bare_domain(f, at), word;

	/* Before looking for the end of the word: there may be as many boundaries in it as bytes. */
	if (scheme == 0 && domain == at)
		return m;
	word = skip_word(f, at);
	if (scheme > 0 && word > at + scheme) {
		m.found = strncmp(f->text + at, "http", 4) == 0;
	} else if (domain > at) {
		m.found = text_find_domain(f->text + at, domain - at);
		m.prefix = "https://";
		scheme = 0;
	} else {
		return m;
	}
	m.resume = m.end = word;
	if (strchr(".,;:!?", f->text[m.end - 1]) != NULL)
		m.end--;
	if (f->text[m.end - 1] == ')' && memchr(f->text + at, '(', m.end - at) == NULL)
		m.end--;
	/* "https://" alone or "https:///x" is no URI for the server, which would refuse the whole post. */
	if (m.end <= at + scheme || f->text[at + scheme] == '/')
		m.found = false;
	return m;
}

static bool is_tag_end(UChar32 c)
{
	return is_space(c) || c == 0xAD || c == 0x2060 || (c >= 0x200A && c <= 0x200D) || c == 0x20E2;
}

/* '#' and a run that has something besides digits and punctuation; punctuation at its end stays outside. */
static struct match bluesky_tag(const struct finder *f, size_t at)
{
	struct match m = { .kind = ENTITY_TAG, .start = at, .prefix = "" };
	size_t units = 0, next = at;
	bool content = false;
	UChar32 c = text_find_char(f, &next);

	if (c != '#' && c != 0xFF03)
		return m;
	m.resume = m.value_start = m.end = at = next;
	for (size_t run_units = 0; at < f->len; at = next) {
		c = text_find_char(f, &next);
		if (is_tag_end(c) || (c == 0xFE0F && at == m.value_start))
			break;
		run_units += c > 0xFFFF ? 2 : 1;
		if (u_ispunct(c))
			continue;
		content = content || !text_find_digit(c);
		m.end = next;
		units = run_units;
	}
	if (content)
		m.resume = at;
	m.found = content && units <= TAG_MAX_UNITS;
	return m;
}

/* \$([A-Za-z][A-Za-z0-9]{0,4}) before white space, the end, or closing punctuation: to Bluesky a tag that keeps its
 * '$'. */
static struct match bluesky_cashtag(const struct finder *f, size_t at)
{
	struct match m = { .kind = ENTITY_TAG, .upper = true, .start = at, .value_start = at, .prefix = "" };
	size_t end = at + 1, after;
	UChar32 c;

	if (text_find_byte(f, at) != '$' || !text_find_alpha(text_find_byte(f, end)))
		return m;
	while (text_find_alnum(text_find_byte(f, end)) && end - at <= 5)
		end++;
	after = end;
	c = text_find_char(f, &after);
	if (end < f->len && !is_space(c) && c != 0x2019 && (c > 0x7F || strchr(".,;:!?)\"'", (char)c) == NULL))
		return m;
	m.found = true;
	m.resume = m.end = end;
	return m;
}

static const struct {
	struct match (*scan)(const struct finder *f, size_t at);
	bool after_parenthesis;
} scanners[] = {
	{ bluesky_mention, true },
	{ bluesky_url, true },
	{ bluesky_tag, false },
	{ bluesky_cashtag, true },
};

#define SCANNERS (sizeof(scanners) / sizeof(scanners[0]))

/* Lets every scanner look behind one boundary, which begins at `lead` and ends at `at`. */
static int try_all(struct finder *f, size_t lead, size_t at, size_t resume[SCANNERS])
{
	bool parenthesis = at > lead && f->text[lead] == '(';

	for (size_t i = 0; i < SCANNERS; i++) {
		struct match m;
		int status;

		if (lead < resume[i] || (parenthesis && !scanners[i].after_parenthesis))
			continue;
		m = scanners[i].scan(f, at);
		if (m.resume > 0)
			resume[i] = m.resume;
		if (!m.found || (f->count > 0 && m.start < f->entity[f->count - 1].end))
			continue;
		status = text_find_add(f, &m);
		if (status != 0)
			return status;
	}
	return 0;
}

int text_bluesky_find(struct finder *f)
{
	size_t resume[SCANNERS] = { 0 };
	int status = try_all(f, 0, 0, resume);

	for (size_t at = 0; status == 0 && at < f->len && f->count < TEXT_FIND_MAX;) {
		size_t lead = at;
		UChar32 c = text_find_char(f, &at);

		if (c == '(' || is_space(c))
			status = try_all(f, lead, at, resume);
	}
	return status;
}
