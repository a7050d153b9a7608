/* youtube.h: what the files of the YouTube driver share. Private to plat/youtube*.c.
 *
 * Account values: own_id (the channel), own_name, uploads (the playlist of its videos), cred, and those of oauth.h. Target values: id.N
 * and url.N of what stands (part 0: the video); everything else is about the one part under way:
 *   made                fingerprint of the content that the other values were made for
 *   upload              the address of the upload session, which is a secret
 *   at.0                bytes that the server has; doubt: 1 while it is not known how far a chunk came
 *   gone searches       when the session was found to have ended without an answer; searches made since then
 *   video               the id, once the last byte is there
 *   processed thumbed   1 once it may be shown, once its thumbnail is set (or cannot be)
 *   work_began.0 looks stuck sessions      polls, looks, and counters that bound loops
 *   Sources: the contract's chapters 2 and 3. */
#ifndef SMMQ_PLAT_YOUTUBE_H
#define SMMQ_PLAT_YOUTUBE_H

#include "daemon/plat/oauth.h"
#include "daemon/plat/plat.h"
#include "daemon/plat/wire.h"

#define YOUTUBE_MAX_TITLE 100
#define YOUTUBE_MAX_DESCRIPTION_BYTES 5000
#define YOUTUBE_MAX_TAGS 500
#define YOUTUBE_MAX_COMMENT 10000

/* What a refusal asks for besides failing. */
enum youtube_act { YOUTUBE_FAIL, YOUTUBE_TOKEN, YOUTUBE_DAY, YOUTUBE_CHANNEL_DAY, YOUTUBE_ABSENT };

enum youtube_option {
	YOUTUBE_PRIVACY, YOUTUBE_CATEGORY, YOUTUBE_TAGS, YOUTUBE_KIDS, YOUTUBE_SYNTHETIC, YOUTUBE_NOTIFY, YOUTUBE_EMBED, YOUTUBE_LICENSE,
	YOUTUBE_STATS, YOUTUBE_PUBLISH, YOUTUBE_THUMBNAIL, YOUTUBE_TITLE, YOUTUBE_OPTION_COUNT
};

extern const struct oauth youtube_oauth;

/* ---- youtube.c ---- */
/* As it counts for this post, else its fallback; "" where there is none. */
const char *youtube_option(const struct plat_in *in, enum youtube_option option);
bool youtube_chosen(const struct plat_in *in, enum youtube_option option, const char *word);
/* The post's title, or the option's: a post for many platforms has none where one of them knows no titles. */
const char *youtube_title(const struct plat_in *in);
/* path begins with "/youtube/v3/" or "/upload/youtube/v3/". */
struct plat_request *youtube_request(const struct plat_in *in, struct plat_out *out, const char *step, enum plat_effect effect,
                                     enum plat_method method, const char *path);
/* wire_answer_read with the platform's reason as the name. */
void youtube_answer(const struct plat_in *in, struct wire_answer *answer);
const struct wire_rule *youtube_rule(const struct wire_answer *answer);
/* Fails by the table; in step and reconcile a refused token asks for a session first. */
void youtube_refuse(const struct plat_in *in, struct plat_out *out, const char *what, const struct wire_answer *answer);
bool youtube_ready(const struct plat_in *in);
void youtube_stands(const struct plat_in *in, size_t n, const char *id);
/* "smmqd-" and what tells this target from any other, and this content from what it was before an edit: the tag of its video. */
const char *youtube_tag(const struct plat_in *in);
/* The member "status" with everything that the post chooses. */
void youtube_write_status(const struct plat_in *in, struct json_writer *w, const char *privacy);
/* The text below the video, with the link of a card. */
const char *youtube_description(const struct plat_in *in);

/* ---- youtube_upload.c ---- */
/* True when *out is filled, false when the video is there (value "video"). */
bool youtube_upload(const struct plat_in *in, struct plat_out *out);
/* Takes the answers to the upload's and the search's steps: true when *out is filled. */
bool youtube_upload_answer(const struct plat_in *in, struct plat_out *out);
/* Looks through the channel's newest videos for the tag: the first request, and the answer to each. The video's id is in *id
 * (NULL: not there) when nothing was filled in. */
void youtube_search(const struct plat_in *in, struct plat_out *out);
bool youtube_search_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer, const char **id);

/* ---- youtube_find.c, youtube_session.c ---- */
void youtube_reconcile(const struct plat_in *in, struct plat_out *out);
void youtube_session(const struct plat_in *in, struct plat_out *out);
void youtube_check(const struct plat_in *in, struct plat_report *out);

#endif
