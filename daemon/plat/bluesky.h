/* bluesky.h: what the files of the Bluesky driver share. Private to plat/bluesky*.c.
 *
 * Account values: access, refresh (tokens), did, handle, pds (the account's own server), cred (whose session it is),
 * session_ms (when it was made).
 * Target values: tid_us and tid_clock (all record keys of the target follow from them); id.N (at-uri), url.N and cid.N
 * of parts that stand (cids only of the first and the newest, read again where missing); everything else is about the
 * part under way:
 *   made      fingerprint of the content that the other values were made for
 *   did.K     the K-th different mention's did, "-" for one that stays plain text
 *   blob.K    the K-th image's blob object, or the video's; thumb: the card's
 *   limits token token_s upload part_bytes at.0 job job_began.0 video_faults      a video on its way (bluesky_video.c)
 *   quote_did quote_uri quote_cid      the post that this one quotes
 *   record    the record's exact JSON, before it is first sent
 *   exists    a put was refused since something stands under the key: it is read next
 *   list_cursor list_pages hits match match_cid      the look for an attempt that is not recorded
 *   refused losses blob_faults handle_faults repo_asked      counters that bound loops */
#ifndef SMMQ_PLAT_BLUESKY_H
#define SMMQ_PLAT_BLUESKY_H

#include "daemon/model/text.h"
#include "daemon/plat/plat.h"
#include "daemon/plat/wire.h"

#define BLUESKY_TID_SIZE 14
#define BLUESKY_MAX_GRAPHEMES 300
#define BLUESKY_MAX_BYTES 3000
#define BLUESKY_MAX_IMAGES 4                   /* beside each other; more make a gallery */
#define BLUESKY_MAX_GALLERY 10
#define BLUESKY_VIDEO_BYTES INT64_C(300000000)
#define BLUESKY_WHOLE_VIDEO_BYTES 100000000u    /* larger ones go up in parts */
#define BLUESKY_BLOB_VIDEO_BYTES 52428800
#define BLUESKY_MAX_VIDEO_MS (180 * INT64_C(1000))
#define BLUESKY_MAX_MENTIONS 50
#define BLUESKY_IMAGE_BYTES 2000000
#define BLUESKY_THUMB_BYTES 1000000
#define BLUESKY_MIME_TYPES "image/jpeg,image/png,image/webp,image/gif"
#define BLUESKY_COLLECTION "app.bsky.feed.post"

enum bluesky_act { BLUESKY_FAIL, BLUESKY_SESSION, BLUESKY_BLOB_GONE, BLUESKY_EXISTS, BLUESKY_REPO, BLUESKY_ABSENT };

enum bluesky_option { BLUESKY_VIDEO, BLUESKY_VIDEO_URL, BLUESKY_READ_URL, BLUESKY_LABEL, BLUESKY_OPTION_COUNT };

/* ---- bluesky.c ---- */
/* As it counts for this post, else its fallback; "" where there is none. */
const char *bluesky_option(const struct plat_in *in, enum bluesky_option option);
/* The host for all but logging in. */
const char *bluesky_pds(const struct plat_in *in);
/* A request to <host>/xrpc/<method>[?query]. */
struct plat_request *bluesky_request(const struct plat_in *in, struct plat_out *out, const char *step,
                                     enum plat_effect effect,
                                     enum plat_method method, const char *host, const char *call);
/* The row of the contract's error table for an answer; never NULL. */
const struct wire_rule *bluesky_rule(const struct wire_answer *answer);
void bluesky_refuse(const struct plat_in *in, struct plat_out *out, const char *what, const struct wire_answer *answer);

/* ---- bluesky_session.c ---- */
void bluesky_session(const struct plat_in *in, struct plat_out *out);
/* Whether the access token is there, of this credential, and not about to expire. */
bool bluesky_ready(const struct plat_in *in);
/* "exp" of a JWT in unix seconds, 0 where it cannot be read. */
int64_t bluesky_jwt_exp(const char *token);

/* ---- bluesky_record.c ---- */
/* The record key of microseconds since 1970 and a clock id of 10 bits. */
void bluesky_tid(int64_t us, unsigned clock_id, char out[BLUESKY_TID_SIZE]);
/* Part n's key; the target's base is chosen at the first call. */
const char *bluesky_rkey(const struct plat_in *in, size_t n);
const char *bluesky_uri(const struct plat_in *in, size_t n);
/* The text as sent: a card's URL is a line of it where images take the card's place. */
const char *bluesky_text(const struct plat_in *in, size_t n);
bool bluesky_has_card(const struct plat_in *in, size_t n);
/* The different handles mentioned in part n, in order. Returns their number; further ones stay plain text. */
size_t bluesky_mentions(const struct plat_in *in, size_t n, const char *handles[BLUESKY_MAX_MENTIONS]);
/* The part that part n answers: its number, false for the first. */
bool bluesky_parent(const struct plat_in *in, size_t n, size_t *parent);
/* Builds part n's record into the value "record". */
void bluesky_build(const struct plat_in *in, size_t n);

/* ---- bluesky_video.c ---- */
bool bluesky_has_video(const struct plat_in *in, size_t n);
/* The next request on part n's video's way to the value blob.0. */
void bluesky_video_send(const struct plat_in *in, struct plat_out *out, size_t n);
/* False: the answer is not to one of those requests. Else *filled: *out is. */
bool bluesky_video_answer(const struct plat_in *in, struct plat_out *out, size_t n, const struct wire_answer *answer, bool *filled);
void bluesky_video_forget(const struct plat_in *in);

/* ---- bluesky_quote.c ---- */
/* Who wrote the quoted post (a DID or a handle) and its record key, of an at-uri or a web address; false where it is neither. */
bool bluesky_quote_parse(struct arena *a, const char *text, const char **authority, const char **rkey);
/* Asks for what is needed until quote_uri and quote_cid are there; false when they are, or nothing is quoted. */
bool bluesky_quote_send(const struct plat_in *in, struct plat_out *out, size_t n);
/* As bluesky_video_answer. */
bool bluesky_quote_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer, bool *filled);
/* Whether a record's embed quotes what part n quotes: nothing, or the same record. */
bool bluesky_same_quote(const struct plat_in *in, size_t n, const struct json *embed);

/* ---- bluesky_look.c ---- */
/* Reads the record of an at-uri. */
void bluesky_get_record(const struct plat_in *in, struct plat_out *out, const char *step, const char *uri);
/* Whether a getRecord answer shows the record that we built: the same text and createdAt. */
bool bluesky_is_ours(const struct plat_in *in, const struct json *answer);
/* Whether a record says what part n says: text, pictures by number and descriptions, card, and what it answers. */
bool bluesky_is_part(const struct plat_in *in, size_t n, const struct json *record);
/* Whether part n has no word to be known by. */
bool bluesky_is_vague(const struct plat_in *in, size_t n);
/* Part n stands: id, url and cid are kept, all other values about it dropped. */
void bluesky_stands(const struct plat_in *in, size_t n, const char *uri, const char *cid);
void bluesky_reconcile(const struct plat_in *in, struct plat_out *out);
void bluesky_check(const struct plat_in *in, struct plat_report *out);

#endif
