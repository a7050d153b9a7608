/* text_x.c: how long a text is to X, and what in it is a link, a mention or a tag.
 *
 * Lengths are X's weights (twitter-text, configuration version 3): a link is 23 however long, an emoji of any make is 2, most of
 * the alphabets are 1, all the rest is 2. Emoji are the sequences that Unicode recommends for interchange, as ICU knows
 * them, and those besides that X draws too. */
#include "daemon/model/text_x.h"

#include <string.h>
#include <unicode/uchar.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>

#include "daemon/model/text_find.h"
#include "proto/status.h"

#define TEXT_MAX_BYTES (16 * 1024 * 1024)
#define URL_WEIGHT 23
#define WIDE_WEIGHT 2
#define EMOJI_MAX_UNITS 40               /* the longest of Unicode 15 has 17 */
#define VARIANT 0xFE0F                   /* "as a picture" */
#define AS_TEXT 0xFE0E
#define JOINER 0x200D
#define KEYCAP 0x20E3

struct units { UChar *u; int32_t len; };

/* len bytes as UTF-16 in the arena. */
static int to_units(struct arena *a, const char *text, size_t len, struct units *out)
{
	UErrorCode error = U_ZERO_ERROR;

	if (len > TEXT_MAX_BYTES)
		return -ST_TOO_LARGE;
	out->u = arena_alloc(a, len + 1, sizeof(*out->u));
	if (!out->u)
		return a->error;
	u_strFromUTF8(out->u, (int32_t)len + 1, &out->len, text, (int32_t)len, &error);
	return U_FAILURE(error) ? -ST_INVALID : 0;
}

/* ---- emoji ---- */

static UChar32 char_at(const struct units *t, int32_t at, int32_t *next)
{
	UChar32 c = 0;

	*next = at;
	if (at < t->len)
		U16_NEXT(t->u, *next, t->len, c);
	return c;
}

/* Whether a picture of c may be asked for with VARIANT: all that are text by themselves, and some of the others. */
static bool takes_variant(UChar32 c)
{
	static const struct { UChar32 first, last; } others[] = {
		{ 0x231A, 0x231B }, { 0x25FD, 0x25FE }, { 0x2614, 0x2615 }, { 0x2648, 0x2653 }, { 0x267F, 0x267F },
		{ 0x2693, 0x2693 }, { 0x26A1, 0x26A1 }, { 0x26AA, 0x26AB }, { 0x26BD, 0x26BE }, { 0x26C4, 0x26C5 },
		{ 0x26D4, 0x26D4 }, { 0x26EA, 0x26EA }, { 0x26F2, 0x26F3 }, { 0x26F5, 0x26F5 }, { 0x26FA, 0x26FA },
		{ 0x26FD, 0x26FD }, { 0x2757, 0x2757 }, { 0x2B1B, 0x2B1C }, { 0x2B50, 0x2B50 }, { 0x2B55, 0x2B55 },
		{ 0x1F004, 0x1F004 }, { 0x1F21A, 0x1F21A }, { 0x1F22F, 0x1F22F }, { 0x1FAF0, 0x1FAF0 },
	};

	if (!u_hasBinaryProperty(c, UCHAR_EMOJI_PRESENTATION))
		return c != 0x267E;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (c >= others[i].first && c <= others[i].last)
			return true;
	return false;
}

static bool may_continue(UChar32 c)
{
	return c == VARIANT || c == JOINER || (c >= 0xE0020 && c <= 0xE007F) || u_hasBinaryProperty(c, UCHAR_EMOJI);
}

/* The longest sequence for interchange at a place; `at` if there is none of more than one character. */
static int32_t sequence_end(const struct units *t, int32_t at)
{
	int32_t ends[EMOJI_MAX_UNITS], count = 0, next;

	for (int32_t end = at; end < t->len && end - at < EMOJI_MAX_UNITS; end = next) {
		UChar32 c = char_at(t, end, &next);

		if (end > at && !may_continue(c))
			break;
		ends[count++] = next;
	}
	while (--count > 0)
		if (u_stringHasBinaryProperty(t->u + at, ends[count] - at, UCHAR_RGI_EMOJI))
			return ends[count];
	return at;
}

static bool is_skin(UChar32 c)
{
	return u_hasBinaryProperty(c, UCHAR_EMOJI_MODIFIER);
}

/* Families, dancers and wrestlers have one in Unicode, but not to X; its skiers do. */
static bool takes_skin(UChar32 c)
{
	return c == 0x26F7 || (u_hasBinaryProperty(c, UCHAR_EMOJI_MODIFIER_BASE) && c != 0x1F46A && c != 0x1F46F && c != 0x1F93C);
}

/* What X draws besides what is meant for interchange: the levitating man and woman, Father and Mother Christmas. */
static int32_t joined_end(const struct units *t, int32_t at, UChar32 c, bool changed)
{
	static const struct { UChar32 base; bool changed; UChar tail[3]; } drawn[] = {
		{ 0x1F574, true, { JOINER, 0x2640, VARIANT } }, { 0x1F574, true, { JOINER, 0x2642, VARIANT } },
		{ 0x1F468, false, { JOINER, 0xD83C, 0xDF84 } }, { 0x1F469, false, { JOINER, 0xD83C, 0xDF84 } },
	};

	for (size_t i = 0; i < sizeof(drawn) / sizeof(drawn[0]); i++)
		if (c == drawn[i].base && changed >= drawn[i].changed && t->len - at >= 3 &&
		    !u_memcmp(t->u + at, drawn[i].tail, 3))
			return at + 3;
	return at;
}

/* A picture with VARIANT, with a colour of skin, or both. */
static int32_t picture_end(const struct units *t, int32_t at)
{
	int32_t next, end, after, bare;
	UChar32 c = char_at(t, at, &end), v = char_at(t, end, &next);

	bare = end;
	if (v == AS_TEXT && takes_variant(c))
		return end;
	if (v == VARIANT && takes_variant(c))
		end = next;
	if (takes_skin(c) && is_skin(char_at(t, end, &after)))
		end = after;
	return joined_end(t, end, c, end > bare);
}

/* The end of the emoji at a place; `at` if there is none. */
static int32_t emoji_end(const struct units *t, int32_t at)
{
	static const UChar eye[] = { 0xD83D, 0xDC41, JOINER, 0xD83D, 0xDDE8 };
	int32_t next, after, end;
	UChar32 c = char_at(t, at, &next), v = char_at(t, next, &after);

	if (c < 0x80 && !u_hasBinaryProperty(c, UCHAR_EMOJI))
		return at;
	if (c < 0x80 && v == VARIANT)
		v = char_at(t, after, &after);
	if (c < 0x80)
		return v == KEYCAP ? after : at;
	if (c == VARIANT)
		return next;
	if (!u_hasBinaryProperty(c, UCHAR_EMOJI))
		return at;
	if (c == 0xA9 || c == 0xAE)
		return v == VARIANT ? after : at;
	/* The eye in a speech bubble is known without any VARIANT only. */
	if (c == 0x1F441)
		return t->len - at >= 5 && !u_memcmp(t->u + at, eye, 5) ? at + 5 : picture_end(t, at);
	end = c == 0x267E ? at : sequence_end(t, at);
	next = picture_end(t, at);
	return end > next ? end : next;
}

/* ---- length ---- */

static int64_t char_weight(UChar32 c)
{
	bool narrow = c <= 0x10FF || (c >= 0x2000 && c <= 0x200D) || (c >= 0x2010 && c <= 0x201F) || (c >= 0x2032 && c <= 0x2037);

	return narrow ? 1 : WIDE_WEIGHT;
}

/* The emoji of a text, told from left to right over the whole of it, whatever else stands there. */
struct pictures { int32_t from, to; bool found; };

/* The end of the emoji that begins at a place; `at` if none does. Places only grow. */
static int32_t picture_at(struct pictures *p, const struct units *t, int32_t at)
{
	while (p->to <= at && p->to < t->len) {
		p->from = p->to;
		p->to = emoji_end(t, p->from);
		p->found = p->to > p->from;
		if (!p->found)
			char_at(t, p->from, &p->to);
	}
	return p->found && p->from == at ? p->to : at;
}

int64_t text_x_length(struct arena *a, const char *text)
{
	const char *nfc = text_nfc(a, text);
	struct pictures pictures = { .from = 0 };
	struct x_scan scan;
	struct x_url url;
	struct units t;
	int64_t sum = 0;
	bool more;
	int rc;

	if (!nfc)
		return a->error;
	rc = to_units(a, nfc, strlen(nfc), &t);
	if (!rc)
		rc = x_scan_begin(&scan, a, t.u, t.len);
	if (rc)
		return rc;
	more = x_scan_next(&scan, &url);
	for (int32_t at = 0, next; at < t.len; at = next) {
		UChar32 c = char_at(&t, at, &next);
		int32_t end = picture_at(&pictures, &t, at);

		while (more && url.start < at)
			more = x_scan_next(&scan, &url);
		if (more && url.start == at) {
			sum += URL_WEIGHT;
			next = url.end;
		} else if (end > at) {
			sum += WIDE_WEIGHT;
			next = end;
		} else {
			sum += char_weight(c);
		}
	}
	return sum;
}

/* ---- what becomes a link ---- */

static bool is_word(UChar32 c)
{
	return text_find_alnum(c) || c == '_';
}

static bool is_at(UChar32 c)
{
	return c == '@' || c == 0xFF20;
}

static bool is_hash(UChar32 c)
{
	return c == '#' || c == 0xFF03;
}

static bool in_set(UChar32 c, const char *set)
{
	return c > 0 && c < 0x80 && strchr(set, (char)c);
}

static bool opens_scheme(const struct finder *f, size_t at)
{
	return f->len - at >= 3 && !memcmp(f->text + at, "://", 3);
}

/* '@' and up to 20 letters, digits or '_', by itself. */
static struct match find_mention(const struct finder *f, size_t at, UChar32 before)
{
	struct match m = { .kind = ENTITY_MENTION, .start = at, .prefix = "" };
	size_t next = at;
	UChar32 after;

	if (!is_at(text_find_char(f, &next)) || is_word(before) || in_set(before, "!#$%&*@") || before == 0xFF20)
		return m;
	m.value_start = m.end = next;
	while (m.end - next < 20 && is_word((unsigned char)text_find_byte(f, m.end)))
		m.end++;
	at = m.end;
	after = text_find_char(f, &at);
	m.found = m.end > next && !is_at(after) && !(after <= 0xFFFF && x_is_latin((UChar)after)) && !opens_scheme(f, m.end);
	return m;
}

static bool is_tag_char(UChar32 c, bool *letter)
{
	static const UChar32 others[] = {
		'_', 0x200C, 0x200D, 0xA67E, 0x05BE, 0x05F3, 0x05F4, 0xFF5E, 0x301C, 0x309B, 0x309C, 0x30A0, 0x30FB, 0x3003, 0x0F0B,
		0x0F0C, 0xB7,
	};
	uint32_t kind = U_GET_GC_MASK(c);

	if (kind & (U_GC_L_MASK | U_GC_M_MASK))
		return *letter = true;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (c == others[i])
			return true;
	return kind & U_GC_ND_MASK;
}

/* '#' and a run with a letter in it. */
static struct match find_tag(const struct finder *f, size_t at, UChar32 before)
{
	struct match m = { .kind = ENTITY_TAG, .start = at, .prefix = "" };
	bool letter = false;
	size_t next = at;
	UChar32 c = text_find_char(f, &next);

	if (!is_hash(c) || before == '&' || (before != VARIANT && before != AS_TEXT && is_tag_char(before, &letter)))
		return m;
	m.value_start = m.end = at = next;
	c = text_find_char(f, &at);
	if (c == VARIANT || c == KEYCAP)
		return m;
	for (letter = false; next < f->len; m.end = next)
		if (!is_tag_char(text_find_char(f, &next), &letter))
			break;
	next = m.end;
	m.found = letter && !is_hash(text_find_char(f, &next)) && !opens_scheme(f, m.end);
	return m;
}

static bool ends_cashtag(const struct finder *f, size_t at)
{
	size_t next = at;
	UChar32 c = text_find_char(f, &next);

	return at == f->len || u_isUWhiteSpace(c) || in_set(c, "!'#%&()*+,\\-./:;<=>?@[]^_{|}~$");
}

/* '$' and up to six letters, with up to two more behind a dot or '_'. */
static struct match find_cashtag(const struct finder *f, size_t at, UChar32 before)
{
	struct match m = { .kind = ENTITY_TAG, .upper = true, .start = at, .value_start = at, .prefix = "" };
	size_t end = at + 1, more;

	if (!u_isUWhiteSpace(before))
		return m;
	while (end - at <= 6 && text_find_alpha(text_find_byte(f, end)))
		end++;
	more = end + 1;
	while (in_set(text_find_byte(f, end), "._") && more - end <= 2 && text_find_alpha(text_find_byte(f, more)))
		more++;
	m.end = more > end + 1 && ends_cashtag(f, more) ? more : end;
	m.found = end > at + 1 && ends_cashtag(f, m.end);
	return m;
}

static struct match find_word(const struct finder *f, size_t at, UChar32 before)
{
	size_t next = at;
	UChar32 c = text_find_char(f, &next);

	if (is_at(c))
		return find_mention(f, at, before);
	if (is_hash(c))
		return find_tag(f, at, before);
	return c == '$' ? find_cashtag(f, at, before) : (struct match){ .found = false };
}

/* The bytes that so many units of UTF-16 take. */
static size_t skip_units(const struct finder *f, size_t at, int32_t units)
{
	while (units > 0 && at < f->len)
		units -= U16_LENGTH(text_find_char(f, &at));
	return at;
}

int text_x_find(struct finder *f)
{
	struct x_url url = { .start = 0 };
	struct x_scan scan;
	struct units t;
	int32_t unit = 0;
	UChar32 before = ' ';
	int rc = to_units(f->arena, f->text, f->len, &t);
	bool more;

	if (!rc)
		rc = x_scan_begin(&scan, f->arena, t.u, t.len);
	more = !rc && x_scan_next(&scan, &url);
	for (size_t at = 0, next; !rc && at < f->len && f->count < TEXT_FIND_MAX; at = next) {
		struct match m = { .found = false };

		while (more && url.start < unit)
			more = x_scan_next(&scan, &url);
		if (more && url.start == unit)
			m = (struct match){ .found = true, .kind = ENTITY_URL, .start = at, .value_start = at,
			                    .end = skip_units(f, at, url.end - url.start), .prefix = url.bare ? "https://" : "" };
		else
			m = find_word(f, at, before);
		if (m.found)
			rc = text_find_add(f, &m);
		next = at;
		do {
			before = text_find_char(f, &next);
			unit += U16_LENGTH(before);
		} while (m.found && next < m.end);
	}
	return rc;
}
