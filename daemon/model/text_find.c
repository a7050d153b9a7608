/* text_find.c: links, mentions and tags in a text: the tools that the flavours share, and the choice between them. */
#include "daemon/model/text_find.h"

#include <libpsl.h>
#include <string.h>
#include <strings.h>

#include "proto/status.h"

#define TEXT_MAX_BYTES (16 * 1024 * 1024)      /* far above every limit of a text */
#define LABELS_SIZE 128                        /* two labels of a domain name, the dot and the NUL */

UChar32 text_find_char(const struct finder *f, size_t *at)
{
	size_t left = f->len - *at, more;
	unsigned char lead;
	UChar32 c;

	if (left == 0)
		return 0xFFFD;
	lead = (unsigned char)f->text[(*at)++];
	if (lead < 0x80)
		return lead;
	more = lead < 0xC0 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
	if (more == 0 || more >= left)
		return 0xFFFD;
	c = lead & (0x3F >> more);
	for (; more > 0; more--)
		c = c << 6 | (f->text[(*at)++] & 0x3F);
	return c <= 0x10FFFF ? c : 0xFFFD;
}

char text_find_byte(const struct finder *f, size_t at)
{
	return at < f->len ? f->text[at] : '\0';
}

bool text_find_digit(UChar32 c)
{
	return c >= '0' && c <= '9';
}

bool text_find_alpha(UChar32 c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool text_find_alnum(UChar32 c)
{
	return text_find_alpha(c) || text_find_digit(c);
}

size_t text_find_scheme(const struct finder *f, size_t at)
{
	if (f->len - at >= 7 && strncasecmp(f->text + at, "http://", 7) == 0)
		return 7;
	return f->len - at >= 8 && strncasecmp(f->text + at, "https://", 8) == 0 ? 8 : 0;
}

static bool is_suffix(const char *labels, size_t len)
{
	const psl_ctx_t *psl = psl_builtin();
	char name[LABELS_SIZE];

	if (psl == NULL || len == 0 || len >= sizeof(name))
		return false;
	memcpy(name, labels, len);
	name[len] = '\0';
	return psl_is_public_suffix2(psl, name, PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE) == 1;
}

/* A few countries stand in the public suffix list only with their second level (co.za), so two labels are tried as
 * well. */
bool text_find_domain(const char *name, size_t len)
{
	size_t last = len, second;

	while (last > 0 && name[last - 1] >= 'a' && name[last - 1] <= 'z')
		last--;
	if (len - last < 2 || last == 0 || name[last - 1] != '.')
		return false;
	if (is_suffix(name + last, len - last))
		return true;
	second = last - 1;
	while (second > 0 && text_find_alnum(name[second - 1]))
		second--;
	return second < last - 1 && is_suffix(name + second, len - second);
}

static const char *value_of(struct arena *a, const struct finder *f, const struct match *m)
{
	char *value = arena_fmt(a, "%s%.*s", m->prefix, (int)(m->end - m->value_start), f->text + m->value_start);

	for (char *p = value; m->upper && p != NULL && *p != '\0'; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	return value;
}

int text_find_add(struct finder *f, const struct match *m)
{
	struct entity *e;

	if (f->count == f->room) {
		size_t room = f->room == 0 ? 8 : f->room * 2;

		e = arena_grow(f->arena, f->entity, f->count, room, sizeof(*e));
		if (e == NULL)
			return f->arena->error;
		f->entity = e;
		f->room = room;
	}
	e = &f->entity[f->count];
	e->kind = m->kind;
	e->start = m->start;
	e->end = m->end;
	e->value = value_of(f->arena, f, m);
	if (e->value == NULL)
		return f->arena->error;
	f->count++;
	return 0;
}

int64_t text_find(struct arena *a, const char *text, enum text_flavour flavour, struct entity **out)
{
	static int (*const finders[])(struct finder *f) = {
		[TEXT_BLUESKY] = text_bluesky_find, [TEXT_MASTODON] = text_mastodon_find, [TEXT_X] = text_x_find,
	};
	struct finder f = { .arena = a, .text = text, .len = strlen(text) };
	int status;

	*out = NULL;
	if (a->error != 0)
		return a->error;
	if (f.len > TEXT_MAX_BYTES)
		return -ST_TOO_LARGE;
	status = finders[flavour](&f);
	if (status != 0)
		return status;
	*out = f.entity;
	return (int64_t)f.count;
}
