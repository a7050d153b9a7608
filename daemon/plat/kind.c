/* kind.c: what a post is made of, and what a platform lacks of it. */
#include "daemon/plat/kind.h"

#include <string.h>

#define WELCOME (KIND_BIT(KIND_ALT) | KIND_BIT(KIND_LANGUAGE) | KIND_BIT(KIND_COVER))

static const char *const names[KIND__COUNT] = {
	[KIND_TEXT] = "text", [KIND_LINK] = "link", [KIND_IMAGE] = "image", [KIND_IMAGES] = "several images",
	[KIND_VIDEO] = "video", [KIND_MIXED] = "images and videos together", [KIND_DOCUMENT] = "document",
	[KIND_STORY] = "story", [KIND_REEL] = "reel", [KIND_SHORT] = "short", [KIND_SPOTLIGHT] = "spotlight",
	[KIND_THREAD] = "thread", [KIND_COMMENT] = "first comment", [KIND_POLL] = "poll", [KIND_QUOTE] = "quote",
	[KIND_WARNING] = "content warning", [KIND_TITLE] = "title", [KIND_COVER] = "cover", [KIND_ALT] = "alt text",
	[KIND_LANGUAGE] = "language",
};

const char *kind_name(enum kind k)
{
	return (unsigned)k < KIND__COUNT ? names[k] : "?";
}

static bool starts(const struct media *m, const char *type)
{
	return m->mime && !strncmp(m->mime, type, strlen(type));
}

bool kind_is_image(const struct media *m)
{
	return starts(m, "image/");
}

bool kind_is_video(const struct media *m)
{
	return starts(m, "video/");
}

bool kind_is_document(const struct media *m)
{
	return !kind_is_image(m) && !kind_is_video(m);
}

static enum kind shows(const struct content *c)
{
	static const enum kind of_form[FORM__COUNT] = {
		[FORM_STORY] = KIND_STORY, [FORM_REEL] = KIND_REEL, [FORM_SHORT] = KIND_SHORT,
		[FORM_SPOTLIGHT] = KIND_SPOTLIGHT,
	};
	const struct part *p = &c->parts[0];
	size_t images = 0, videos = 0;

	if (c->form != FORM_POST && c->form < FORM__COUNT)
		return of_form[c->form];
	for (size_t i = 0; i < p->media_count; i++) {
		images += kind_is_image(&p->media[i]);
		videos += kind_is_video(&p->media[i]);
	}
	if (images + videos < p->media_count)
		return KIND_DOCUMENT;
	if (images && videos)
		return KIND_MIXED;
	if (videos)
		return videos > 1 ? KIND_MIXED : KIND_VIDEO;
	if (images)
		return images > 1 ? KIND_IMAGES : KIND_IMAGE;
	return c->card_count ? KIND_LINK : KIND_TEXT;
}

static bool has_alt(const struct content *c)
{
	for (size_t n = 0; n < c->part_count; n++)
		for (size_t i = 0; i < c->parts[n].media_count; i++)
			if (c->parts[n].media[i].alt && *c->parts[n].media[i].alt)
				return true;
	return false;
}

uint32_t kind_of(const struct content *c)
{
	size_t comments = 0;
	uint32_t bits = KIND_BIT(shows(c));

	for (size_t n = 0; n < c->part_count; n++)
		comments += c->parts[n].comment != 0;
	if (c->part_count > comments + 1)
		bits |= KIND_BIT(KIND_THREAD);
	if (comments)
		bits |= KIND_BIT(KIND_COMMENT);
	if (c->poll_count)
		bits |= KIND_BIT(KIND_POLL);
	if (c->cover_count)
		bits |= KIND_BIT(KIND_COVER);
	if (c->quote)
		bits |= KIND_BIT(KIND_QUOTE);
	if (c->warning)
		bits |= KIND_BIT(KIND_WARNING);
	if (c->title)
		bits |= KIND_BIT(KIND_TITLE);
	if (c->language)
		bits |= KIND_BIT(KIND_LANGUAGE);
	if (has_alt(c))
		bits |= KIND_BIT(KIND_ALT);
	return bits;
}

const char *kind_list(struct arena *a, uint32_t kinds)
{
	struct buf b = BUF_INIT(4096);

	for (int k = 0; k < KIND__COUNT; k++)
		if (kinds & KIND_BIT(k))
			buf_add_fmt(&b, "%s%s", b.len ? ", " : "", names[k]);
	return wire_take(&b, a, NULL);
}

void kind_check(const struct wire_check *c, uint32_t has)
{
	uint32_t lacks = kind_of(c->in->content) & ~has & ~WELCOME;
	const char *list = lacks ? kind_list(c->in->arena, has) : NULL, *text;

	for (int k = 0; k < KIND__COUNT; k++) {
		if (!(lacks & KIND_BIT(k)))
			continue;
		text = arena_fmt(c->in->arena, "%s: this post needs \"%s\", which %s does not have (it has: %s)", c->platform,
		                 names[k], c->platform, wire_str(list));
		plat_finding(c->out, "kind", 0, 0, text ? text : "out of memory");
	}
}
