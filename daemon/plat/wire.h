/* wire.h: what several drivers need to speak HTTP and JSON as values. Private to plat/.
 *
 * Everything returned lives in the arena of the call. An arena or values error is looked at once, at the end of each
 * entry point, by wire_end(): drivers need not check in between, but must not follow a NULL. */
#ifndef SMMQ_PLAT_WIRE_H
#define SMMQ_PLAT_WIRE_H

#include <stdbool.h>

#include "daemon/plat/plat.h"
#include "proto/buf.h"
#include "proto/json.h"

#define WIRE_MAX_BODY_BYTES (8 * 1024 * 1024)
#define WIRE_EXCERPT_CHARS 200

#define WIRE_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* For what may be absent, or lacks memory (which wire_end tells). */
static inline const char *wire_str(const char *text)
{
	return text ? text : "";
}

/* ---- requests ---- */

/* Begins the request of out (verdict send). */
struct plat_request *wire_request(struct plat_out *out, const char *step, enum plat_effect effect,
                                  enum plat_method method,
                                  const char *url);
/* Moves a buffer's content into the arena and empties the buffer. NULL after an error of either; arena->error is then
 * set. */
const char *wire_take(struct buf *b, struct arena *a, size_t *len);
/* The buffer as the JSON body of r, and empties the buffer. */
void wire_json_body(struct plat_request *r, struct arena *a, struct buf *b);
void wire_bearer(struct plat_request *r, struct arena *a, const char *token);
/* Percent-encodes every byte but the unreserved ones and those in keep. */
const char *wire_percent(struct arena *a, const char *text, const char *keep);
/* bytes (at most 32) as hex in the arena. */
const char *wire_hex(struct arena *a, const unsigned char *bytes, size_t len);

/* ---- answers ---- */

/* The answer in the form errors are told: HTTP status, JSON if it is some, the error's name and the words for people.
 * */
struct wire_answer {
	int status;
	struct json *json;          /* NULL when the body is no JSON */
	const char *name;           /* JSON "error", or "" */
	const char *message;        /* JSON "message", "error_description" or "error", else the body's beginning; never NULL */
};

void wire_answer_read(struct arena *a, const struct plat_response *r, struct wire_answer *out);
void wire_answer_done(struct wire_answer *answer);

/* The first row that fits decides. */
struct wire_rule {
	int low, high;              /* HTTP status, both included */
	const char *name;           /* the error's name, exactly; NULL = any */
	const char *has;            /* a part of the message; NULL = any */
	enum plat_class klass;
	int act;                    /* the driver's own: what to do besides; 0 = just fail */
};

const struct wire_rule *wire_rule_find(const struct wire_rule *rules, size_t count, const struct wire_answer *answer);

/* When a rate limit ends by the answer's headers: X-RateLimit-Reset (ISO 8601, or seconds of one or more windows), RateLimit-Reset and X-Rate-Limit-Reset
 * (unix seconds), Retry-After (seconds), plus up to 5 s of jitter; 0 where none is usable. */
int64_t wire_reset_ms(const struct plat_in *in);

/* An ISO 8601 instant to the second; decimals of any number are dropped. 0 or -ST_INVALID. */
int wire_iso_ms(const char *text, int64_t *out);

/* Up to max_chars code points as one line: valid UTF-8, without control characters. */
const char *wire_excerpt(struct arena *a, const char *text, size_t len, size_t max_chars);

/* Fails with class and "<platform> answered <status> to <what>: <message>", with secrets masked; class rate gets its
 * time. */
void wire_refuse(const struct plat_in *in, struct plat_out *out, const char *platform, const char *what,
                 enum plat_class klass,
                 const struct wire_answer *answer);

/* At the end of step, session and reconcile: turns an arena or values error into a failure that loses nothing. */
void wire_end(const struct plat_in *in, struct plat_out *out);

/* ---- steps and values ---- */

/* "status.3" with name "status": true and index 3. */
bool wire_step_is(const char *step, const char *name, size_t *index);
const char *wire_step_name(struct arena *a, const char *name, size_t index);
int64_t wire_get_int_n(const struct plat_values *v, const char *name, size_t index, int64_t fallback);
/* Removes every value whose name (up to its last '.') is not in the NULL-terminated list. */
void wire_forget(struct plat_values *v, const char *const *keep);
/* Content may be edited between attempts: where the value "made" is not of part n as it stands now, the values made for the former content
 * are forgotten, but for the NULL-terminated keep, and "made" is renewed. Call before part n is made. */
void wire_renew(const struct plat_in *in, const char *const *keep, size_t n);
/* The first part that does not stand yet; part_count when all do. */
size_t wire_part(const struct plat_in *in);
/* 32 hex digits that tell part n of this target from any other, made of what was fixed when the post was added: a store
 * that was restored from a copy makes the same. NULL on error. */
const char *wire_target_print(const struct plat_in *in, size_t n);
/* When the attempt in question was armed, and when its answer was lost, on the steady clock; older records, and those of an attempt
 * that is not recorded, have that of the wall alone. */
int64_t wire_armed_steady_ms(const struct plat_in *in);
int64_t wire_lost_steady_ms(const struct plat_in *in);
/* Whether the look is for an attempt that the store has no record of. */
bool wire_unrecorded(const struct plat_in *in);
/* Whether the remote id is known to be another target's. */
bool wire_known(const struct plat_in *in, const char *id);
/* All parts stand: done with the first part's id and url. */
void wire_all_done(const struct plat_in *in, struct plat_out *out);

/* A short fingerprint of part n as it would be sent: changes exactly when content, media or card do. NULL on error. */
const char *wire_part_print(const struct plat_in *in, size_t n);
/* 32 bits that tell one credential (and base URL) from another, and no more: a session remembers whose it is. */
const char *wire_credential_print(const struct plat_in *in);

/* ---- content ---- */

/* What outbox and webhook write: the post as one JSON object. files: each media object names its file (wire_file_name
 * with running numbers from 1: the parts' media in order, then the card's picture). */
void wire_post_json(const struct plat_in *in, struct buf *out, bool files);
/* "42.1.3.jpg". */
const char *wire_file_name(const struct plat_in *in, size_t file, const struct media *m);
/* "jpg" for "image/jpeg"; "bin" for what is not known. */
const char *wire_extension(const char *mime);
/* The part's text; the first part's with the card's URL as its last line where with_link and the text lacks it. */
const char *wire_text(struct arena *a, const struct content *c, size_t n, bool with_link);

/* False, and *out filled, where the account has been used as another profile (value "own_id"; "own_name" for people). */
bool wire_same_profile(const struct plat_in *in, struct plat_out *out, const char *platform, const char *id, const char *name);
/* It is remembered as whose credential this is, and the session is done. */
void wire_keep_profile(const struct plat_in *in, struct plat_out *out, const char *id, const char *name);

/* ---- preflight ---- */

/* Code points. */
int64_t wire_chars(const char *text);

struct wire_check { const struct plat_in *in; struct plat_report *out; const char *platform; };
struct wire_media_limits { int64_t max_count, max_bytes, max_pixels; const char *mimes; };
	/* 0 = none; mimes: comma list */

/* Makes room for the parts' reports, and refuses what the platform does not have (kind.h); false on error. */
bool wire_check_begin(const struct wire_check *c);
/* A finding with a message like "<platform>: part 2: text has 301 graphemes, the limit is 300" when value > limit > 0.
 * */
void wire_check_limit(const struct wire_check *c, size_t n, const char *rule, const char *what, const char *unit,
                      int64_t limit,
                      int64_t value);
/* The other way round: at least so many are needed. */
void wire_check_least(const struct wire_check *c, size_t n, const char *rule, const char *what, const char *unit, int64_t least,
                      int64_t value);
void wire_check_say(const struct wire_check *c, size_t n, const char *rule, const char *message);
/* Number, kinds and sizes of a part's media. */
void wire_check_media(const struct wire_check *c, size_t n, const struct wire_media_limits *l);
void wire_check_file(const struct wire_check *c, size_t n, const char *what, const struct media *m,
                     const struct wire_media_limits *l);
/* "part 2: " where there is more than one, else "". */
const char *wire_part_name(const struct wire_check *c, size_t n);
/* Whether a comma-separated list names the word. */
bool wire_listed(const char *list, const char *word);
/* A finding when value < limit. */
void wire_check_least(const struct wire_check *c, size_t n, const char *rule, const char *what, const char *unit,
                      int64_t limit,
                      int64_t value);

/* ---- preflight of pictures and videos (wire_media.c); 0 and NULL: no such rule. What is not known though a rule asks for
 * it is a finding, too ---- */

struct wire_aspect { unsigned w, h; };      /* 16, 9 */
struct wire_shape_limits {
	int64_t min_width, max_width, min_height, max_height;
	struct wire_aspect narrowest, widest;     /* both, or neither */
};
struct wire_video_limits {
	int64_t min_ms, max_ms;
	int64_t min_frame_milli, max_frame_milli;
	int64_t max_bit_rate;
	const char *video_codecs, *audio_codecs;  /* comma lists, as FFmpeg names them; a video without sound is fine */
	int64_t max_channels, max_hz;
	struct wire_shape_limits shape;
};
void wire_check_shape(const struct wire_check *c, size_t n, const char *what, const struct media *m,
                      const struct wire_shape_limits *l);
void wire_check_video(const struct wire_check *c, size_t n, const char *what, const struct media *m,
                      const struct wire_video_limits *l);

/* The parts' reports for a platform that counts graphemes and limits nothing. */
void wire_check_plain(const struct wire_check *c);
/* No text and nothing else to show. */
void wire_check_empty(const struct wire_check *c, size_t n, const char *text, bool shows_more);

#endif
