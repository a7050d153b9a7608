/* linkedin.h: what the files of the LinkedIn driver share. Private to plat/linkedin*.c.
 *
 * Account values: own_id (the author's URN: a member or an organisation), own_name, cred, and those of oauth.h. Target
 * values: id.N and url.N of what stands; everything else is about the one part under way:
 *   made                fingerprint of the content that the other values were made for
 *   asset.K             URN of the uploaded file K; put.K, ready.K: 1 once its bytes are there, once it may be shown
 *   put_url.K expires.K where its bytes go, and until when
 *   piece_url.J piece_at.J piece_tag.J pieces piece_token     the pieces of a video: address, first byte, what the host
 *                       called it
 *   sent                fingerprint of the commentary that went out last
 *   losses              1: a try was lost and not found; not_ready: refusals because a file was not ready
 *   duplicate           the URN that a refusal as duplicate named; looks: of the look after a lost answer */
#ifndef SMMQ_PLAT_LINKEDIN_H
#define SMMQ_PLAT_LINKEDIN_H

#include "daemon/plat/oauth.h"
#include "daemon/plat/plat.h"
#include "daemon/plat/wire.h"

#define LINKEDIN_MAX_PIECES 200          /* 500 MB in pieces of 4 MiB are 120 */

/* What a refusal asks for besides failing. */
enum linkedin_act { LINKEDIN_FAIL, LINKEDIN_TOKEN, LINKEDIN_NOT_READY, LINKEDIN_DUPLICATE, LINKEDIN_SOON, LINKEDIN_DAY };

extern const struct oauth linkedin_oauth;

/* ---- requests ---- */
/* A versioned call with its headers; path begins with "/rest/". method: X-RestLi-Method, or NULL. */
struct plat_request *linkedin_request(const struct plat_in *in, struct plat_out *out, const char *step, enum plat_effect effect,
                                      enum plat_method method, const char *path, const char *restli);
/* Percent-encoded completely, as URNs in paths and queries are. */
const char *linkedin_enc(const struct plat_in *in, const char *urn);
/* The author's URN. */
const char *linkedin_author(const struct plat_in *in);
bool linkedin_ready(const struct plat_in *in);

/* ---- answers ---- */
/* wire_answer_read with the platform's code as the name. */
void linkedin_answer(const struct plat_in *in, struct wire_answer *answer);
const struct wire_rule *linkedin_rule(const struct wire_answer *answer);
/* Fails by the table; in step and reconcile a refused token asks for a session first. */
void linkedin_refuse(const struct plat_in *in, struct plat_out *out, const char *what, const struct wire_answer *answer);
/* The id in the header x-restli-id (decoded), or NULL. */
const char *linkedin_id(const struct plat_in *in);

/* ---- linkedin_text.c: "little text" (contract, 2.1) ---- */
/* Reserved characters with a backslash, mentions and hashtags as they are. NULL without memory. */
const char *linkedin_escape(struct arena *a, const char *text, bool hashtags);
/* The same without its backslashes and with single blanks, for comparing. NULL without memory. */
const char *linkedin_plain(struct arena *a, const char *text);
/* UTF-16 units, the safer count. */
int64_t linkedin_length(const char *text);
/* The commentary of the post as sent, of the comment (part n > 0) plain. */
const char *linkedin_text(const struct plat_in *in, size_t n);

/* ---- linkedin_media.c ---- */
/* The files that the post shows: its media, or the picture of its card. */
size_t linkedin_files(const struct content *c, const struct media **out);
/* True when *out is filled (an exchange, a wait, a failure), false when all files are ready. */
bool linkedin_media(const struct plat_in *in, struct plat_out *out);
/* Takes the answers of its steps: true when *out is filled, false to go on. */
bool linkedin_media_answer(const struct plat_in *in, struct plat_out *out);

void linkedin_session(const struct plat_in *in, struct plat_out *out);
void linkedin_reconcile(const struct plat_in *in, struct plat_out *out);
void linkedin_check(const struct plat_in *in, struct plat_report *out);
/* Part n stands under this URN; everything else about it is dropped. */
void linkedin_stands(const struct plat_in *in, size_t n, const char *urn);

#endif
