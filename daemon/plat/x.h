/* x.h: what the files of the X driver share. Private to plat/x*.c.
 *
 * Account values besides oauth.h's: own_id, own_name, subscription, cred (whose session it is). Target values: id.N and
 * url.N of parts that stand; everything else is about the one part under way:
 *   made        fingerprint of the content that the other values were made for
 *   sent        fingerprint of the text that went out last       first_ms  when the part was first sent (steady)
 *   tries       how often the part was sent
 *   looks       looks after the lost answer so far               losses    attempts that were lost and given up for absent
 *   dup         X refused the part as a duplicate: "1" while it is looked for, "2" once it was not ours
 *   up.K at.K chunk.K                                             an upload under way: its id, bytes that arrived, size of chunks
 *   media.K key.K media_ms.K                                      an uploaded file: id, media key, when it was begun (steady)
 *   alt.K       its alt text is set ("1"), or could not be ("-")
 *   find_next find_pages hits match doubts                        the look after a lost answer */
#ifndef SMMQ_PLAT_X_H
#define SMMQ_PLAT_X_H

#include "daemon/plat/oauth.h"
#include "daemon/plat/plat.h"
#include "daemon/plat/wire.h"

/* What a refusal asks for besides failing. */
enum x_act { X_FAIL, X_CREDITS, X_CAPPED };

extern const struct oauth x_oauth;

/* A request with the token; path begins with '/'. */
struct plat_request *x_request(const struct plat_in *in, struct plat_out *out, const char *step, enum plat_effect effect,
                               enum plat_method method, const char *path);
/* Whether the session was made with this credential, and its token lasts. */
bool x_ready(const struct plat_in *in);

/* An answer with X's own words: name is the last word of the problem's type. */
void x_answer_read(const struct plat_in *in, struct wire_answer *out);
/* Fails by the row of the contract's table (4.4), or asks for a new session. */
void x_refuse(const struct plat_in *in, struct plat_out *out, const char *what, const struct wire_answer *answer);
/* The same for requests that may be repeated: nothing is unknown after them. */
void x_refuse_read(const struct plat_in *in, struct plat_out *out, const char *what, const struct wire_answer *answer);

#define X_OPTION_COUNT 13
extern const struct plat_option x_options[X_OPTION_COUNT];
/* Options that are numbers, and what they are where none, or none that can be read, is given. */
enum x_number { X_MAX_CHARACTERS, X_MAX_VIDEO_MS, X_MAX_VIDEO_BYTES, X_CHUNK_BYTES, X_NUMBER__COUNT };
int64_t x_number(const struct plat_in *in, enum x_number which);
/* The option's name where what is given cannot be read, with the words of what would be; else NULL. */
const char *x_number_wrong(const struct plat_in *in, enum x_number which, const char **wanted);
/* Whether an option with words has this one. */
bool x_chosen(const struct plat_in *in, const char *name, const char *word);

/* The text of part n as sent. */
const char *x_text(const struct plat_in *in, size_t n);
/* The id that part n answers, or NULL for the first. */
const char *x_parent(const struct plat_in *in, size_t n);
/* The digits of the id in the address of a post, or of an id. NULL where there are none. */
const char *x_post_id(struct arena *a, const char *text);
/* Part n stands: its id and url are kept, all other values about it dropped. */
void x_stands(const struct plat_in *in, size_t n, const char *id);

/* x_media.c: true when *out is filled (an exchange, a wait, a failure), false when part n's media are ready. */
bool x_media(const struct plat_in *in, struct plat_out *out, size_t n);
/* Takes the answer to a step of x_media: true when *out is filled, false to go on. */
bool x_media_answer(const struct plat_in *in, struct plat_out *out, size_t n);
bool x_is_gif(const struct media *m);

/* x_text.c: a text as it is compared: links without scheme and final '/', white space as one blank. NULL without memory. */
const char *x_plain(struct arena *a, const char *text);
/* The same of a post as X tells it: t.co links are what they stand for, those of its own media and quote are gone. */
const char *x_plain_post(struct arena *a, const struct json *post);
/* A member under its name in guides ("note_tweet") or in the published specification ("note_post"). */
const struct json *x_either(const struct json *object, const char *one, const char *other);
/* The id that a post refers to as "replied_to" or "quoted", or "". */
const char *x_refers(const struct json *post, const char *how, char *buf24);

void x_session(const struct plat_in *in, struct plat_out *out);
void x_reconcile(const struct plat_in *in, struct plat_out *out);
void x_check(const struct plat_in *in, struct plat_report *out);

#endif
