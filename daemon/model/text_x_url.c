/* text_x_url.c: where X sees a link. It matters for the length of a post: a link counts the same however long it is.
 *
 * One pass from the right tells for every dot whether a known ending stands behind it and how far the domain goes, so that
 * the walk from the left decides at each place at once; a text of any kind takes linear time. */
#include "daemon/model/text_x.h"

#include <libpsl.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>

#define MAX_ENDING 24                     /* units */
#define MAX_URL 4096                      /* with a scheme, counted twice where it is written */
#define MAX_LABEL 63                      /* as ASCII */
#define MAX_SLUG 40                       /* of X's own short links */

/* ---- domains ---- */

static UChar unit(const struct x_scan *s, int32_t at)
{
	return at < s->len ? s->u[at] : 0;
}

static bool is_ending(const UChar *u, int32_t len)
{
	const psl_ctx_t *psl = psl_builtin();
	UErrorCode error = U_ZERO_ERROR;
	UChar lower[MAX_ENDING];
	char name[4 * MAX_ENDING];

	for (int32_t i = 0; i < len; i++) {
		UChar32 c = u_tolower(x_capital(u[i]));

		if (U_IS_SURROGATE(u[i]) || (u[i] < 0x80 && !u_isalpha(u[i])) || (u[i] >= 0x80 && c < 0x80))
			return false;
		lower[i] = (UChar)c;
	}
	u_strToUTF8(name, sizeof(name), NULL, lower, len, &error);
	if (U_FAILURE(error) || error == U_STRING_NOT_TERMINATED_WARNING || !psl)
		return false;
	/* The public suffix list has South Africa with its second levels only. */
	return !strcmp(name, "za") || psl_is_public_suffix2(psl, name, PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE) == 1;
}

/* The end of the longest known ending at `at` that no letter or digit follows, or of a name in punycode; 0. */
static int32_t ending_end(const struct x_scan *s, int32_t at)
{
	static const char punycode[] = "XN--";
	int32_t last = at, end = at;

	while (last < s->len && last < at + MAX_ENDING && (u_isalpha(s->u[last]) || s->u[last] >= 0x80))
		last++;
	for (end = last; end >= at + 2; end--)
		if (!x_is_alnum(unit(s, end)) && !x_in_set(unit(s, end), "@+-") && is_ending(s->u + at, end - at))
			return end;
	for (int32_t i = 0; i < 4; i++)
		if (x_capital(unit(s, at + i)) != (UChar)punycode[i])
			return 0;
	for (end = at + 4; x_is_alnum(unit(s, end)) || unit(s, end) == '-'; end++)
		;
	return end > at + 4 ? end : 0;
}

/* Where the domain that begins at a place ends: as many labels as can be, the last of them without '_', and an ending. */
static int32_t domain_end(const struct x_scan *s, int32_t at)
{
	int32_t dot = at < s->len ? s->place[at].dot : -1;

	if (dot <= at || !x_is_domain_char(s->u[at]) || !x_is_domain_char(s->u[dot - 1]))
		return 0;
	if (s->place[dot].reach)
		return s->place[dot].reach;
	return s->place[dot].under < at ? s->place[dot].tld : 0;
}

int x_scan_begin(struct x_scan *s, struct arena *a, const UChar *u, int32_t len)
{
	*s = (struct x_scan){ .u = u, .len = len, .place = arena_alloc(a, (size_t)len + 1, sizeof(*s->place)), .name_at = -1 };
	if (!s->place)
		return a->error;
	s->place[len].dot = -1;
	for (int32_t p = len - 1; p >= 0; p--) {
		struct x_place *here = &s->place[p];
		bool within = x_in_set(u[p], "-_") || x_is_domain_char(u[p]);

		here->dot = within ? s->place[p + 1].dot : -1;
		if (u[p] == '_' && here->dot >= 0 && s->place[here->dot].under < 0)
			s->place[here->dot].under = p;
		if (u[p] != '.')
			continue;
		here->dot = p;
		here->under = -1;
		here->tld = ending_end(s, p + 1);
		here->reach = domain_end(s, p + 1);
	}
	return 0;
}

/* ---- what follows a domain ---- */

static int32_t skip_path_chars(const struct x_scan *s, int32_t at)
{
	while (at < s->len && x_is_path_char(s->u[at]))
		at++;
	return at;
}

/* "(...)" with something in it, or with one more pair in it that has; `at` where there is none. */
static int32_t skip_parentheses(const struct x_scan *s, int32_t at)
{
	int32_t end = skip_path_chars(s, at + 1), inner;

	if (unit(s, end) == '(') {
		inner = skip_path_chars(s, end + 1);
		if (inner == end + 1 || unit(s, inner) != ')')
			return at;
		end = skip_path_chars(s, inner + 1);
	}
	return end > at + 1 && unit(s, end) == ')' ? end + 1 : at;
}

static int32_t path_end(const struct x_scan *s, int32_t at)
{
	int32_t good = at + 1, next;

	for (at = good; at < s->len; at = next) {
		next = s->u[at] == '(' ? skip_parentheses(s, at) : at + x_is_path_char(s->u[at]);
		if (next == at)
			break;
		/* Parentheses end a path only right behind what could have ended it. */
		if (s->u[at] == '(' ? at == good : x_is_path_end(s->u[at]))
			good = next;
	}
	return good;
}

static int32_t query_end(const struct x_scan *s, int32_t at, int32_t stop)
{
	int32_t good = at;

	if (at >= stop || s->u[at] != '?')
		return at;
	for (int32_t next = at + 1; next < stop && x_is_query_char(s->u[next]); next++)
		if (x_is_query_end(s->u[next]))
			good = next + 1;
	return good;
}

/* ---- names ---- */

/* Length of a label in punycode (RFC 3492) with its prefix; more than MAX_LABEL where that is too long. */
static int32_t punycode_length(const UChar32 *c, int32_t count)
{
	int32_t n = 0x80, delta = 0, bias = 72, basic = 0, done, length;

	for (int32_t i = 0; i < count; i++)
		basic += c[i] < 0x80;
	length = 4 + basic + (basic > 0);
	for (done = basic; done < count; delta++, n++) {
		int32_t next = INT32_MAX;

		for (int32_t i = 0; i < count; i++)
			next = c[i] >= n && c[i] < next ? c[i] : next;
		delta += (next - n) * (done + 1);
		n = next;
		for (int32_t i = 0; i < count; i++) {
			delta += c[i] < n;
			if (c[i] != n)
				continue;
			for (int32_t q = delta, k = 36;; k += 36) {
				int32_t t = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;

				length++;
				if (q < t)
					break;
				q = (q - t) / (36 - t);
			}
			delta = done == basic ? delta / 700 : delta / 2;
			delta += delta / (done + 1);
			for (bias = 0; delta > 35 * 26 / 2; bias += 36)
				delta /= 35;
			bias += 36 * delta / (delta + 38);
			delta = 0;
			done++;
		}
	}
	return length;
}

/* Units of a label as ASCII; it may hold the wide dots of East Asia, which part it once more. */
static int32_t ascii_length(const UChar *u, int32_t len)
{
	UChar32 chars[MAX_LABEL + 1];
	int32_t count = 0, total = -1;
	bool ascii = true;

	for (int32_t i = 0; i <= len;) {
		UChar32 c = '.';

		if (i < len)
			U16_NEXT(u, i, len, c);
		else
			i++;
		if (c == '.' || c == 0x3002 || c == 0xFF0E || c == 0xFF61) {
			total += 1 + (ascii ? count : punycode_length(chars, count));
			count = 0;
			ascii = true;
		} else {
			if (count > MAX_LABEL - 1)
				return MAX_LABEL + 1;
			ascii = ascii && c >= 0x20 && c <= 0x7E;
			chars[count++] = c;
		}
	}
	return total;
}

/* The next name in ASCII and accented letters with an ending, from `at` on: its start, and *end; -1 if there is none. */
static int32_t next_name(const struct x_scan *s, int32_t at, int32_t stop, int32_t *end)
{
	while (at < stop) {
		int32_t start = at, dot;

		*end = 0;
		while (at < stop && x_is_name_char(s->u[at])) {
			dot = s->place[at].dot;
			for (; at < stop && x_is_name_char(s->u[at]); at++)
				;
			if (at != dot || at == stop)
				break;
			if (s->place[dot].tld)
				*end = s->place[dot].tld;
			at++;
		}
		if (*end)
			return start;
		if (at == start)
			at++;
	}
	return -1;
}

struct hit { int32_t start, domain, domain_end, tail, end; };      /* tail: the path, behind a port */

static bool is_valid(const struct x_scan *s, const struct hit *h)
{
	int32_t scheme = h->domain - h->start, name_end;

	if ((scheme ? scheme : 8) + h->end - h->start > MAX_URL)
		return false;
	if (h->domain_end - h->domain > 4 && !u_memcmp(s->u + h->domain, u"xn--", 4) &&
	    next_name(s, h->domain, h->domain_end, &name_end) < 0)
		return false;
	for (int32_t at = h->domain; at < h->domain_end;) {
		int32_t dot = s->place[at].dot;

		if (dot < 0 || dot > h->domain_end)
			dot = h->domain_end;
		if (ascii_length(s->u + at, dot - at) > MAX_LABEL)
			return false;
		at = dot + 1;
	}
	return true;
}

/* ---- the walk ---- */

static int32_t scheme_length(const struct x_scan *s, int32_t at)
{
	static const char http[] = "HTTP";

	for (int32_t i = 0; i < 4; i++)
		if (unit(s, at + i) >= 0x80 || u_toupper(unit(s, at + i)) != http[i])
			return 0;
	at += unit(s, at + 4) == 's' || unit(s, at + 4) == 'S';
	return unit(s, at + 4) == ':' && unit(s, at + 5) == '/' && unit(s, at + 6) == '/' ? 7 : 0;
}

static bool match(const struct x_scan *s, int32_t at, struct hit *h)
{
	int32_t scheme = scheme_length(s, at);

	if (scheme)
		scheme += unit(s, at + 4) != ':';
	*h = (struct hit){ .start = at, .domain = at + scheme };
	h->domain_end = domain_end(s, h->domain);
	if (!h->domain_end)
		return false;
	h->tail = h->domain_end;
	if (unit(s, h->tail) == ':' && x_is_digit(unit(s, h->tail + 1)))
		for (h->tail++; x_is_digit(unit(s, h->tail)); h->tail++)
			;
	h->end = unit(s, h->tail) == '/' ? path_end(s, h->tail) : h->tail;
	h->end = query_end(s, h->end, s->len);
	return true;
}

/* X's own short links end with their name; false where that is too long. */
static bool cut_short_link(const struct x_scan *s, struct hit *h)
{
	int32_t slug = h->domain + 5, end = slug;

	if (h->domain_end - h->domain != 4 || u_strncasecmp(s->u + h->domain, u"t.co", 4, 0) || unit(s, h->domain + 4) != '/')
		return true;
	while (end < h->end && x_is_alnum(s->u[end]))
		end++;
	if (end > slug)
		h->end = query_end(s, end, h->end);
	return end - slug <= MAX_SLUG;
}

/* A bare domain: every name in it is a link, the last one with the path. */
static bool next_bare(struct x_scan *s, struct x_url *out)
{
	int32_t end, after, start = s->name_at < 0 ? -1 : next_name(s, s->name_at, s->domain_end, &end);

	if (start < 0) {
		s->name_at = -1;
		return false;
	}
	s->name_at = end;
	*out = (struct x_url){ .start = start, .end = end, .bare = true };
	/* Counted from the name on, even where other letters stand between it and the path. */
	if (next_name(s, end, s->domain_end, &after) < 0 && s->tail_end > s->tail_at && unit(s, s->tail_at) == '/')
		out->end += s->tail_end - s->domain_end;
	return true;
}

static bool take(struct x_scan *s, int32_t at, UChar before, struct x_url *out)
{
	struct hit h;

	if (!match(s, at, &h))
		return false;
	s->at = h.end;
	*out = (struct x_url){ .start = -1 };
	if (!is_valid(s, &h))
		return true;
	if (h.domain > h.start) {
		if (cut_short_link(s, &h))
			*out = (struct x_url){ .start = h.start, .end = h.end };
	} else if (!x_in_set(before, "-_./")) {
		s->name_at = h.domain;
		s->domain_end = h.domain_end;
		s->tail_at = h.tail;
		s->tail_end = h.end;
	}
	return true;
}

bool x_scan_next(struct x_scan *s, struct x_url *out)
{
	while (!next_bare(s, out)) {
		int32_t at = s->at, from = s->at;
		bool taken = false;

		for (; !taken && at < s->len; at++) {
			UChar c = s->u[at];

			/* What may stand in front of a link; at the beginning nothing need to. */
			if (!x_is_alnum(c) && !x_in_set(c, "@$#") && c != 0xFF20 && c != 0xFF03 && c != 0xFEFF && c < 0xFFFE)
				taken = take(s, at + 1, c, out);
			if (!taken && at == 0 && from == 0)
				taken = take(s, 0, 0, out);
		}
		if (!taken) {
			s->at = s->len;
			return false;
		}
		if (out->start >= 0)
			return true;
	}
	return true;
}
