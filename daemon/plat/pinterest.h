/* pinterest.h: what the files of the Pinterest driver share. Private to plat/pinterest*.c.
 *
 * Account values: own_id, own_name, cred, and those of oauth.h. Target values: id.0 and url.0 of the Pin; everything else is about
 * the Pin under way:
 *   made                fingerprint of the content that the other values were made for
 *   link                the destination as it was sent, with its mark
 *   media_id upload     a video's registration: its id, the answer that tells where its bytes go
 *   sending uploaded ready      1 once its bytes were given away, once they arrived, once it can be shown
 *   state_began.0       its processing is polled since then
 *   registrations url_faults      counters that bound loops
 *   looks find_mark find_pages hits match      the look after a lost answer */
#ifndef SMMQ_PLAT_PINTEREST_H
#define SMMQ_PLAT_PINTEREST_H

#include "daemon/plat/oauth.h"
#include "daemon/plat/plat.h"
#include "daemon/plat/wire.h"

#define PINTEREST_MAX_IMAGES 5
#define PINTEREST_MAX_TITLE 100
#define PINTEREST_MAX_DESCRIPTION 800
#define PINTEREST_MAX_LINK 2048
#define PINTEREST_MAX_ALT 500

/* What a refusal asks for besides failing. */
enum pinterest_act { PINTEREST_FAIL, PINTEREST_TOKEN, PINTEREST_UNREACHABLE, PINTEREST_SPAM };

enum pinterest_option {
	PINTEREST_BOARD, PINTEREST_SECTION, PINTEREST_IMAGES, PINTEREST_LINK_MARK, PINTEREST_COVER_SECOND, PINTEREST_OPTION_COUNT
};

extern const struct oauth pinterest_oauth;

/* ---- pinterest.c ---- */
/* As it counts for this post, else its fallback; "" where there is none. */
const char *pinterest_option(const struct plat_in *in, enum pinterest_option option);
bool pinterest_by_url(const struct plat_in *in);
struct plat_request *pinterest_request(const struct plat_in *in, struct plat_out *out, const char *step, enum plat_effect effect,
                                       enum plat_method method, const char *path);
/* wire_answer_read with the platform's number as the name. */
void pinterest_answer(const struct plat_in *in, struct wire_answer *answer);
const struct wire_rule *pinterest_rule(const struct wire_answer *answer);
/* Fails by the table; in step and reconcile a refused token asks for a session first. */
void pinterest_refuse(const struct plat_in *in, struct plat_out *out, const char *what, const struct wire_answer *answer);
bool pinterest_ready(const struct plat_in *in);
/* The Pin stands under this id; all values about its making are dropped. */
void pinterest_stands(const struct plat_in *in, const char *id);
/* The destination with our mark; NULL where there is none. */
const char *pinterest_link(const struct plat_in *in);

/* ---- pinterest_video.c ---- */
bool pinterest_is_video(const struct plat_in *in);
/* True when *out is filled (an exchange, a wait, a failure), false when the video can be shown. */
bool pinterest_video(const struct plat_in *in, struct plat_out *out);
/* The answer to one of its steps: true when *out is filled. */
bool pinterest_video_answer(const struct plat_in *in, struct plat_out *out);

/* ---- pinterest_find.c, pinterest_session.c ---- */
void pinterest_reconcile(const struct plat_in *in, struct plat_out *out);
void pinterest_session(const struct plat_in *in, struct plat_out *out);
void pinterest_check(const struct plat_in *in, struct plat_report *out);

#endif
