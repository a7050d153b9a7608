/* text.h: text as people and platforms see it: normal form, grapheme clusters, and what in it is a link, a mention or a tag.
 * All offsets are bytes of UTF-8. All input is valid UTF-8 of at most JOB_MAX_TEXT_BYTES. */
#ifndef SMMQ_MODEL_TEXT_H
#define SMMQ_MODEL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/arena.h"

/* NFC of text in the arena (the same pointer when it is already NFC). NULL after an arena error. */
const char *text_nfc(struct arena *a, const char *text);

/* Extended grapheme clusters (UAX #29) in len bytes. Negative status on failure. */
int64_t text_graphemes(const char *text, size_t len);

/* Whether nothing of it can be seen: white space, controls, and what Unicode lets a renderer leave out (zero-width
 * joiners, direction marks, byte order marks: Default_Ignorable_Code_Point). */
bool text_is_blank(const char *text);

/* Bytes of the longest prefix of at most max_graphemes clusters. */
size_t text_cut_graphemes(const char *text, size_t len, size_t max_graphemes);

enum entity_kind { ENTITY_URL, ENTITY_MENTION, ENTITY_TAG };

/* Which rules decide what counts. */
enum text_flavour {
	TEXT_BLUESKY,      /* as @atproto/api's RichText.detectFacetsWithoutResolution: also bare domains with a known ending;
	                    * mentions are handles (@bob.example); tags up to 64 units of UTF-16, not all digits; trailing
	                    * punctuation stays outside; cashtags ($ABC) are tags */
	TEXT_MASTODON,     /* http(s) URLs; @user and @user@host; #tags with at least one letter */
	TEXT_X             /* as X's twitter-text: links with a known ending, with or without a scheme; @user; #tags with at least
	                    * one letter; cashtags ($ABC) are tags */
};

struct entity {
	enum entity_kind kind;
	size_t start, end;       /* of the visible text, '@' and '#' included */
	const char *value;       /* in the arena: full URL (scheme added to a bare domain), handle without '@', tag without '#'; a
	                          * cashtag keeps its '$' and is in upper case */
};

/* The entities in order, without overlap, in the arena; at most 1000. Count, or a negative status. */
int64_t text_find(struct arena *a, const char *text, enum text_flavour flavour, struct entity **out);

/* Length as Mastodon counts it: graphemes, every URL as url_chars, @user@host as @user. Negative status on failure. */
int64_t text_mastodon_length(struct arena *a, const char *text, int64_t url_chars);

/* Length as X weighs it: every link 23, every emoji 2, most alphabets 1, all else 2. Negative status on failure. */
int64_t text_x_length(struct arena *a, const char *text);
/* Length as Threads counts it: characters (code points), but a cluster that holds an emoji as its bytes. Negative status on
 * failure. */
int64_t text_threads_length(const char *text);

/* Code points. */
int64_t text_characters(const char *text);

#endif
