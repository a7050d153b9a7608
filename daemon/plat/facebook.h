/* facebook.h: what the files of the Facebook driver share. Private to plat/facebook*.c.
 *
 * It publishes to one Page, never to a person's profile. Two tokens: the login's (oauth.h; it only lists Pages), and the
 * Page's own, which everything else is done with.
 * Account values: those of oauth.h and graph_profile() (own_id: the Page); page_token; app_id (tells our posts from others).
 * Target values: id.N and url.N of parts that stand; edge (the video on which comments go where the post has no id that takes
 * them); everything else is about the part under way:
 *   made                     fingerprint of the content that the other values were made for
 *   photo.K photo_ms.K       photos that nobody sees yet: id, when they went up
 *   video up_ms session upload_url handle at.0 end asked uploaded      a video on its way up (facebook_upload.c)
 *   accepted status_began.0 slow broken                    a video that Facebook works on
 *   draft                    an unpublished post that is to be published (TwoPhase=yes)
 *   since since_ms           the newest post before ours ("0" none)
 *   again restart faults stalls                                        counters and marks that bound loops
 *   looks look_ms repeats find_after find_pages hits match match_url match_edge      the look after a lost answer */
#ifndef SMMQ_PLAT_FACEBOOK_H
#define SMMQ_PLAT_FACEBOOK_H

#include "daemon/plat/graph.h"
#include "daemon/plat/oauth.h"
#include "daemon/plat/plat.h"
#include "daemon/plat/wire.h"

#define FACEBOOK_SITE "https://www.facebook.com"
#define FACEBOOK_PHOTO_MIMES "image/jpeg,image/png,image/gif,image/bmp,image/tiff"
#define FACEBOOK_VIDEO_MIMES "video/mp4,video/quicktime"

/* What an error asks for besides failing. */
enum facebook_act {
	FACEBOOK_GONE = GRAPH_OWN,       /* there is no such object */
	FACEBOOK_OFFSET,                 /* an upload goes on at another offset */
	FACEBOOK_RESTART,                /* an upload begins anew */
	FACEBOOK_AGAIN                   /* once more after a minute, then for good */
};

/* What a part is to Facebook. */
enum facebook_kind {
	FACEBOOK_TEXT, FACEBOOK_PHOTOS, FACEBOOK_VIDEO, FACEBOOK_REEL, FACEBOOK_PHOTO_STORY, FACEBOOK_VIDEO_STORY,
	FACEBOOK_COMMENT
};

extern const struct graph facebook_login, facebook_page, facebook_video;      /* hosts and tokens */
extern const struct oauth facebook_oauth;

/* ---- facebook.c ---- */
enum facebook_kind facebook_kind(const struct plat_in *in, size_t n);
/* Whether it is shown by a video object of its own. */
bool facebook_is_video(enum facebook_kind kind);
bool facebook_is_story(enum facebook_kind kind);
/* The text as sent: a card's address is a line of it where pictures or a video take the card's place. */
const char *facebook_text(const struct plat_in *in, size_t n);
/* Whether an option of the account has this word. */
bool facebook_wants(const struct plat_in *in, const char *option, const char *word);
/* "/PAGE/edge". */
const char *facebook_edge(const struct plat_in *in, const char *edge);
/* Where comments go: the post, or the video of which it is shown. NULL where nothing stands. */
const char *facebook_commented(const struct plat_in *in);
/* Whether the session is made, with this token, for this Page. */
bool facebook_ready(const struct plat_in *in);
/* Part n stands: id, url (may be NULL) and, of a video, its object are kept, all other values about it dropped. */
void facebook_stands(const struct plat_in *in, size_t n, const char *id, const char *url);

/* ---- facebook_post.c ---- */
/* The one request that makes part n public (with TwoPhase=yes, before it the one that makes it unpublished). */
void facebook_post(const struct plat_in *in, struct plat_out *out, size_t n);
/* Take the answers to "post.N" and "draft": true when *out is filled, false to go on. */
bool facebook_post_answer(const struct plat_in *in, struct plat_out *out, size_t n);
bool facebook_draft_answer(const struct plat_in *in, struct plat_out *out);

/* ---- facebook_upload.c ---- */
/* True when *out is filled (an exchange, a wait, a failure), false when all that part n shows is there. */
bool facebook_upload(const struct plat_in *in, struct plat_out *out, size_t n);
/* Takes the answers of its steps: true when *out is filled, false to go on. */
bool facebook_upload_answer(const struct plat_in *in, struct plat_out *out, size_t n);
/* Forgets whatever went up for the part under way. */
void facebook_forget_upload(const struct plat_in *in);

/* ---- facebook_status.c: what Facebook makes of a video ---- */
enum facebook_state {
	FACEBOOK_IDLE,           /* nothing was done with it but the upload */
	FACEBOOK_TAKEN,          /* it is to be published, and is worked on */
	FACEBOOK_SHOWN,
	FACEBOOK_BROKEN          /* *why says how */
};
void facebook_ask_video(const struct plat_in *in, struct plat_out *out, const char *step, const char *video);
enum facebook_state facebook_state(const struct plat_in *in, const struct json *video, const char **why);
/* A video stands: its post's id, else its own. */
void facebook_video_stands(const struct plat_in *in, size_t n, const struct json *video);
/* After an accepted commit: waits for the video to be shown. */
void facebook_await(const struct plat_in *in, struct plat_out *out, size_t n);
/* Takes the answer to step "status": true when *out is filled. */
bool facebook_await_answer(const struct plat_in *in, struct plat_out *out, size_t n);

/* ---- facebook_match.c: which entry of a list is ours ---- */
enum facebook_fit { FACEBOOK_NOT, FACEBOOK_MAYBE, FACEBOOK_SURELY };
struct facebook_list {
	const char *edge;        /* of the Page; NULL: the comments of the first part */
	const char *query;
	bool since;              /* takes since= */
	bool newest_first;       /* behind one that is too old there is none of ours */
	const char *id_name, *url_name, *time_name;
	const char *edge_name;   /* what is to be commented instead; NULL: the post itself */
	enum facebook_fit (*fit)(const struct plat_in *in, size_t n, const struct json *entry);
};
/* Where part n would be listed. */
const struct facebook_list *facebook_list_of(const struct plat_in *in, size_t n);
/* What is older cannot be ours. */
int64_t facebook_floor_ms(const struct plat_in *in);
bool facebook_too_old(const struct plat_in *in, const struct facebook_list *l, const struct json *entry);
/* Whether part n has neither a word nor a link to be known by. */
bool facebook_wordless(const struct plat_in *in, size_t n);

void facebook_session(const struct plat_in *in, struct plat_out *out);
void facebook_reconcile(const struct plat_in *in, struct plat_out *out);
void facebook_check(const struct plat_in *in, struct plat_report *out);

#endif
