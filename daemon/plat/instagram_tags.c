/* instagram_tags.c: who and what is tagged, as an option tells it and as JSON. */
#include "daemon/plat/instagram.h"

#include <string.h>

#define BLANK " \t,"

/* From 0 to 1, in decimals, as JSON writes a number. */
static bool is_place(const char *text, size_t len)
{
	bool one = len && *text == '1';

	if (!len || len > 20 || (*text != '0' && !one) || (len > 1 && text[1] != '.') || len == 2)
		return false;
	for (size_t i = 2; i < len; i++)
		if (text[i] < '0' || text[i] > (one ? '0' : '9'))
			return false;
	return true;
}

bool instagram_next_tag(const char **at, struct instagram_tag *out)
{
	const char *end, *colon;
	struct instagram_tag t = { .name = *at + strspn(*at, BLANK) };

	end = t.name + strcspn(t.name, BLANK);
	*at = end;
	*out = (struct instagram_tag){ .name = NULL };
	if (end == t.name)
		return false;
	t.name_len = strcspn(t.name, ":" BLANK);
	if (t.name + t.name_len < end) {
		t.x = t.name + t.name_len + 1;
		colon = memchr(t.x, ':', (size_t)(end - t.x));
		if (!colon)
			return true;
		t.x_len = (size_t)(colon - t.x);
		t.y = colon + 1;
		t.y_len = (size_t)(end - t.y);
		if (!is_place(t.x, t.x_len) || !is_place(t.y, t.y_len))
			return true;
	}
	if (t.name_len)
		*out = t;
	return true;
}

const char *instagram_tags_json(const struct plat_in *in, const char *list, const char *key)
{
	struct buf b = BUF_INIT(64 * 1024);
	struct instagram_tag t;
	struct json_writer w;

	if (!list)
		return NULL;
	jw_init(&w, &b);
	jw_array(&w, NULL);
	while (instagram_next_tag(&list, &t)) {
		if (!t.name)
			continue;
		jw_object(&w, NULL);
		jw_strn(&w, key, t.name, t.name_len);
		if (t.x) {
			jw_raw(&w, "x", t.x, t.x_len);
			jw_raw(&w, "y", t.y, t.y_len);
		}
		jw_end(&w);
	}
	jw_end(&w);
	return wire_take(&b, in->arena, NULL);
}

const char *instagram_names_json(const struct plat_in *in, const char *list)
{
	struct buf b = BUF_INIT(64 * 1024);
	struct instagram_tag t;
	struct json_writer w;

	if (!list)
		return NULL;
	jw_init(&w, &b);
	jw_array(&w, NULL);
	while (instagram_next_tag(&list, &t))
		if (t.name)
			jw_strn(&w, NULL, t.name, t.name_len);
	jw_end(&w);
	return wire_take(&b, in->arena, NULL);
}
