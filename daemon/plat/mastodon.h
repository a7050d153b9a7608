/* mastodon.h: what the files of the Mastodon driver share. Private to plat/mastodon*.c.
 *
 * Account values: own_id, own_acct, app_name, cred (whose session it is), max_chars, url_chars, max_media,
 * image_size_limit, image_matrix_limit, video_size_limit, video_matrix_limit, video_frame_rate_limit,
 * description_limit, poll_options, poll_chars, poll_min_s, poll_max_s, mime_types. Target values: id.N and url.N of parts that
 * stand; everything else is about the one part under way:
 *   made        fingerprint of the content that the other values were made for
 *   key         its idempotency key        first_ms  when that key was first used (steady, as late_ms)
 *   losses      how often it was lost and found absent with this key        keys  how many new keys were taken
 *   sent        fingerprint of the text that went out last: what was lost may stand with it though it was edited since
 *   since       newest own status before sending ("0" none, "-" not known)
 *   media.K media_ms.K media_wait.K        uploaded media: id, when, still being processed
 *   find_* more cand.K match match_url hits doubts probes late_ms           the look after a lost answer */
#ifndef SMMQ_PLAT_MASTODON_H
#define SMMQ_PLAT_MASTODON_H

#include "daemon/plat/plat.h"
#include "daemon/plat/wire.h"

#define MASTODON_KEY_LIFE_MS (50 * 60 * INT64_C(1000))        /* the server's hour, less a margin */
#define MASTODON_MIME_TYPES "image/jpeg,image/png,image/gif,image/webp,video/mp4,video/quicktime,video/webm"

/* What a refusal asks for besides failing. */
enum mastodon_act { MASTODON_FAIL, MASTODON_POLL_MEDIA, MASTODON_DAY };

/* A request with token and language; path begins with '/'. */
struct plat_request *mastodon_request(const struct plat_in *in, struct plat_out *out, const char *step,
                                      enum plat_effect effect,
                                      enum plat_method method, const char *path);
/* Whether the session was made with this credential. */
bool mastodon_ready(const struct plat_in *in);
/* The text of part n as sent. */
const char *mastodon_text(const struct plat_in *in, size_t n);
/* Whether a status with this source is part n: as it reads now, or as it was sent before an edit. */
bool mastodon_is_text(const struct plat_in *in, size_t n, const char *source);
const char *mastodon_visibility(const struct plat_in *in);
/* The id that part n answers, or NULL for the first. */
const char *mastodon_parent(const struct plat_in *in, size_t n);
/* Part n stands: its id and url are kept, all other values about it dropped. */
void mastodon_stands(const struct plat_in *in, size_t n, const char *id, const char *url);
void mastodon_forget_media(struct plat_values *v, size_t k);
void mastodon_new_key(const struct plat_in *in, size_t n);

/* The row of the contract's error table (4.3, 1.2) for an answer; never NULL. */
const struct wire_rule *mastodon_rule(const struct wire_answer *answer);
/* Fails by that row. */
void mastodon_refuse(const struct plat_in *in, struct plat_out *out, const char *what,
                     const struct wire_answer *answer);

/* The same for requests that may be repeated: nothing is unknown after them. */
void mastodon_refuse_read(const struct plat_in *in, struct plat_out *out, const char *what,
                          const struct wire_answer *answer);

/* mastodon_media.c: true when *out is filled (an exchange, a wait, a failure), false when part n's media are ready. */
bool mastodon_media(const struct plat_in *in, struct plat_out *out, size_t n);
/* Takes the answer of "upload.K" or "ready.K": true when *out is filled, false to go on. */
bool mastodon_media_answer(const struct plat_in *in, struct plat_out *out, size_t n);

void mastodon_session(const struct plat_in *in, struct plat_out *out);
void mastodon_reconcile(const struct plat_in *in, struct plat_out *out);
void mastodon_check(const struct plat_in *in, struct plat_report *out);

#endif
