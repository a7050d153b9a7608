/* tiktok.h: what the files of the TikTok driver share. Private to plat/tiktok*.c.
 *
 * Account values besides oauth.h's: own_id (open_id), own_name, cred (whose session it is). Target values: id.N and url.N of
 * what stands, those of public.h, and of the one post under way:
 *   made        fingerprint of the content that the other values were made for
 *   creator creator_ms forbids    the name for the post's address, when it was asked for (steady), what the profile forbids
 *   publish     the publish_id: what TikTok calls the attempt
 *   upload_url upload_ms at.0     where the bytes go, since when (steady), how many arrived
 *   lost        1: the answer to the last bytes was lost; the address is not given up before the state was read
 *   doubt       why the state is read before anything else is sent: "range", "gone"
 *   accepted    1: TikTok has all it needs, and works on it; complete  1: it says that it is posted
 *   sent_ms     since when (wall clock)   listing  1: a day later, its id is looked for among the profile's videos
 *   slow        1: that took too long                             status_began.0 late_began.0
 *   faults put_faults range_faults                                counters that bound loops
 *   looks list_next list_pages hits match mute                     the look after a lost answer */
#ifndef SMMQ_PLAT_TIKTOK_H
#define SMMQ_PLAT_TIKTOK_H

#include "daemon/plat/oauth.h"
#include "daemon/plat/plat.h"
#include "daemon/plat/wire.h"

/* What a refusal asks for besides failing. */
enum tiktok_act { TIKTOK_FAIL, TIKTOK_TOKEN, TIKTOK_MINUTE, TIKTOK_HOUR, TIKTOK_DAY, TIKTOK_DAY_OF_APP, TIKTOK_UNKNOWN_ID };

extern const struct oauth tiktok_oauth;

#define TIKTOK_OPTION_COUNT 11
extern const struct plat_option tiktok_options[TIKTOK_OPTION_COUNT];

/* ---- tiktok.c ---- */
/* A call with the token and, for POST, body (NULL: none) as JSON; path begins with '/'. */
struct plat_request *tiktok_request(const struct plat_in *in, struct plat_out *out, const char *step, enum plat_effect effect,
                                    enum plat_method method, const char *path, struct buf *body);
/* Whether the session was made with this credential, and its token lasts. */
bool tiktok_ready(const struct plat_in *in);
/* Whether a setting has this word. */
bool tiktok_chosen(const struct plat_in *in, const char *name, const char *word);
/* A draft in the creator's app, which a person finishes there. */
bool tiktok_is_draft(const struct plat_in *in);
/* A post of pictures. */
bool tiktok_is_photo(const struct content *c);
/* Whether TikTok fetches the files instead of being sent them. */
bool tiktok_fetches(const struct plat_in *in);
/* The post stands: everything else about it is dropped. id: the post's, or the publish_id where nobody but a few can see it. */
void tiktok_stands(const struct plat_in *in, const char *id, bool public);
/* The next request begins the post anew. */
void tiktok_forget(const struct plat_in *in);

/* An answer with TikTok's error code as its name. */
void tiktok_answer(const struct plat_in *in, struct wire_answer *out);
/* "ok", with a 2xx. */
bool tiktok_good(const struct wire_answer *answer);
const struct wire_rule *tiktok_rule(const struct wire_answer *answer);
/* Fails by the contract's table (4.3); in step and reconcile a refused token asks for a session first. */
void tiktok_refuse(const struct plat_in *in, struct plat_out *out, const char *what, const struct wire_answer *answer);

/* ---- tiktok_make.c: what leads to the post ---- */
/* The next request of a post that TikTok does not have yet. */
void tiktok_make(const struct plat_in *in, struct plat_out *out);
/* Takes the answers to its steps: true when *out is filled. */
bool tiktok_made(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer);
/* The request of effect once, as it would be sent: not to be sent but to be looked for. */
void tiktok_commit(const struct plat_in *in, struct plat_out *out);
/* A duration or a number of a setting; fallback where there is none, -1 where it cannot be read. */
int64_t tiktok_cover_ms(const struct plat_in *in);
int64_t tiktok_cover_index(const struct plat_in *in);
/* How TikTok calls the level of Privacy=; NULL where none is set. */
const char *tiktok_privacy(const struct plat_in *in);

/* ---- tiktok_put.c: the bytes of a video ---- */
/* The next chunk, or the state where it is in doubt. */
void tiktok_put(const struct plat_in *in, struct plat_out *out);
/* Takes the answers to "chunk.0" and "last.0": true when *out is filled. */
bool tiktok_put_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer);
/* Whether TikTok's addresses for uploads may be believed. */
bool tiktok_upload_url(const struct plat_in *in, const char *url);
/* Size of chunks, and how many there are. */
uint64_t tiktok_chunk_bytes(const struct media *m);
uint64_t tiktok_chunk_count(const struct media *m);
/* So many bytes arrived: the upload goes on at the border below. */
void tiktok_arrived(const struct plat_in *in, uint64_t bytes);
/* The upload is given up and begun anew; true (with *out failed) when that was too often. */
bool tiktok_put_again(const struct plat_in *in, struct plat_out *out, const char *why);

/* ---- tiktok_status.c: what becomes of it ---- */
enum tiktok_state { TIKTOK_WORKING, TIKTOK_SHORT, TIKTOK_POSTED, TIKTOK_DRAFTED, TIKTOK_FAILED };
enum tiktok_state tiktok_state(const struct plat_in *in, const struct wire_answer *answer);
void tiktok_ask(const struct plat_in *in, struct plat_out *out);
/* Bytes that arrived, as a state tells. */
uint64_t tiktok_uploaded(const struct wire_answer *answer);
/* The id in the state of a post, or NULL. */
const char *tiktok_posted_id(const struct wire_answer *answer);
/* TikTok has all it needs: waits for the first look. */
void tiktok_accepted(const struct plat_in *in, struct plat_out *out);
/* The next look at a post that was accepted. */
void tiktok_await(const struct plat_in *in, struct plat_out *out);
/* Takes the answer to "status.0": true when *out is filled. */
bool tiktok_status_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer);

/* ---- tiktok_find.c ---- */
/* The look through the profile's videos; step "list". */
void tiktok_list(const struct plat_in *in, struct plat_out *out);
/* Takes one page: true when *out is filled (next page, a failure); else *hits posts fit, *id is one of them. */
bool tiktok_listed(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer, int64_t *hits, const char **id);
void tiktok_reconcile(const struct plat_in *in, struct plat_out *out);

void tiktok_session(const struct plat_in *in, struct plat_out *out);
void tiktok_check(const struct plat_in *in, struct plat_report *out);
/* UTF-16 units. */
int64_t tiktok_length(const char *text);

#endif
