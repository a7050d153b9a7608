/* kind.h: what a post is made of, in words that every platform is asked for. Private to plat/ (and conf's manual).
 *
 * A driver's row says which of these it has (struct plat, kinds); kind_check refuses what it lacks with the list of
 * what it has. */
#ifndef SMMQ_PLAT_KIND_H
#define SMMQ_PLAT_KIND_H

#include <stdint.h>

#include "daemon/plat/wire.h"

enum kind {
	/* What the first part shows: exactly one of these. */
	KIND_TEXT, KIND_LINK, KIND_IMAGE, KIND_IMAGES, KIND_VIDEO, KIND_MIXED, KIND_DOCUMENT,
	/* Instead, when published as one. */
	KIND_STORY, KIND_REEL, KIND_SHORT, KIND_SPOTLIGHT,
	/* What may come with it. */
	KIND_THREAD, KIND_COMMENT, KIND_POLL, KIND_QUOTE, KIND_WARNING, KIND_TITLE, KIND_COVER, KIND_ALT,
	KIND_LANGUAGE,
	KIND__COUNT
};

#define KIND_BIT(kind) (UINT32_C(1) << (kind))

const char *kind_name(enum kind k);              /* "several images" */
/* The bits of what the content needs. */
uint32_t kind_of(const struct content *c);
/* Whether a media file is a picture, a video (an animated GIF is a picture), a document. */
bool kind_is_image(const struct media *m);
bool kind_is_video(const struct media *m);
bool kind_is_document(const struct media *m);
/* "text, link, image, first comment" in the arena; NULL without memory. */
const char *kind_list(struct arena *a, uint32_t kinds);
/* One finding (rule "kind") for each thing that the content needs and the platform lacks. Alt texts, languages and
 * covers that a platform cannot take are no reason to refuse: they help where they can. */
void kind_check(const struct wire_check *c, uint32_t has);

#endif
