/* job.h: what is queued. Plain values; every pointer lives in the arena that the value was decoded or built in.
 * The field tables in job.c are the stored format (record.h). */
#ifndef SMMQ_MODEL_JOB_H
#define SMMQ_MODEL_JOB_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/model/record.h"
#include "daemon/model/state.h"

#define JOB_MAX_TARGETS 64
#define JOB_MAX_PARTS 100
#define JOB_MAX_MEDIA 20              /* per part; platforms allow fewer */
#define JOB_MAX_TEXT_BYTES (256 * 1024)
#define JOB_MAX_VALUES 512            /* a driver's named values on one target */
#define JOB_MAX_CHOICES 20            /* of a poll; platforms allow fewer */
#define JOB_MAX_SETTINGS 40

/* A stored file that an item shows. */
struct media {
	struct record_extra extra;
	char *sha256;                     /* 64 lower-case hex digits: the content's name */
	char *alt;                        /* may be NULL */
	char *name;                       /* the file name as given, for upload forms */
	char *mime;                       /* by content, never by name */
	uint64_t size_bytes;
	uint64_t width, height;           /* pixels as shown (after rotation); 0 where there is no picture */
	/* Of video and audio; 0 and NULL where not known. */
	int64_t duration_ms;
	uint64_t frame_milli;             /* frames in 1000 seconds: 29970 for 29.97 a second */
	uint64_t bit_rate;                /* bits a second of the whole file */
	char *video_codec, *audio_codec;  /* "h264", "hevc", "aac": as FFmpeg names them */
	uint64_t audio_channels, audio_hz;
	char *unprobed;                   /* why not all of this is known, for people; NULL where it is, or was never asked */
};

/* One post on the platform: the only one, or one of a thread, or the first comment (the last part, flagged). */
struct part {
	struct record_extra extra;
	char *text;                       /* NFC, never NULL ("" with media) */
	struct media *media;
	size_t media_count;
	uint64_t comment;                 /* 1: this part is the first comment */
};

/* A link card. Nobody fetches the page: what is not given stays empty. */
struct card {
	struct record_extra extra;
	char *url, *title, *description;
	struct media *thumb;              /* 0 or 1 */
	size_t thumb_count;
};

/* As what it is published, where a platform has more than posts. */
enum content_form { FORM_POST, FORM_STORY, FORM_REEL, FORM_SHORT, FORM_SPOTLIGHT, FORM__COUNT };

struct choice { struct record_extra extra; char *text; };

/* A question that readers answer; it stands with the first part. */
struct poll {
	struct record_extra extra;
	struct choice *choices;           /* at least two */
	size_t choice_count;
	int64_t duration_ms;              /* from publication on */
	uint64_t multiple;                /* 1: more than one may be chosen */
};

struct value { struct record_extra extra; char *name, *text; };

struct content {
	struct record_extra extra;
	struct part *parts;               /* at least one */
	size_t part_count;
	struct card *card;                /* 0 or 1 */
	size_t card_count;
	char *language;                   /* BCP 47, may be NULL */
	uint64_t form;                    /* enum content_form */
	char *title;                      /* of a video, a pin, a document; may be NULL */
	char *warning;                    /* what readers are told before they see the post; may be NULL */
	char *quote;                      /* the web address or id of the post that this one quotes; may be NULL */
	struct poll *poll;                /* 0 or 1 */
	size_t poll_count;
	struct media *cover;              /* 0 or 1: what a video shows before it plays */
	size_t cover_count;
	struct value *settings;           /* platform options that count for this post more than the account's */
	size_t setting_count;
};

struct post {
	struct record_extra extra;
	uint64_t id;
	uint64_t rev;                     /* grows with every change of content or targets */
	char *key;                        /* idempotency key as given */
	char *label;                      /* may be NULL */
	char *by;                         /* user name or uid of who added it */
	int64_t created_ms;
	uint64_t target_count;            /* targets are n = 1 .. target_count */
	struct content *content;          /* exactly 1 */
	size_t content_count;
	uint64_t media_released;          /* 1: every target has ended and the media are no longer counted as used */
};

/* What was asked; due is derived from it. */
enum want_kind { WANT_AT, WANT_NOW };
enum late_rule { LATE_POST, LATE_SKIP, LATE_HOLD, LATE_NEXT, LATE__COUNT };

/* The durable record of a step of effect once: written before the first byte leaves, closed with the outcome. */
struct attempt {
	struct record_extra extra;
	uint64_t number;                  /* 1, 2, ... per target */
	char *step;                       /* the driver's name of the step, "post.0" */
	char *mark;                       /* what lets us recognise our act on the platform */
	char *body_sha256;
	int64_t armed_ms;
	int64_t lost_ms;                  /* when the outcome became unknown; 0 while open */
	int64_t armed_steady_ms;          /* the same two on the clock that is never set, by which waiting is measured */
	int64_t lost_steady_ms;
	char *evidence;                   /* what is known about an unknown outcome */
	uint64_t looks;                   /* reconciliation reads so far */
	int64_t look_ms;                  /* when the next one is planned: its entry in the periodic index; 0 = none */
	uint64_t unrecorded;              /* 1: this store made no such attempt, but one that it does not know of may have been
	                                   * made since armed_ms; mark: the newest post known to be older, or NULL */
};

/* One part that stands on the platform. */
struct shown { struct record_extra extra; char *remote_id, *url; };

struct target {
	struct record_extra extra;
	uint64_t id, n;
	uint64_t rev;
	char *account;
	uint64_t account_no;
	uint64_t state;                   /* enum state */
	char *reason;                     /* why it is in this state; NULL where nothing is to be said */
	uint64_t want;                    /* enum want_kind */
	char *want_text;                  /* as typed: "fri 9:00" */
	char *want_local;                 /* the resolved wall time "2026-12-01T09:00:00", for WANT_AT with a zone */
	char *zone;                       /* IANA name in which want_local counts */
	int64_t due_ms;                   /* derived */
	int64_t not_before_ms;            /* retries: fire no earlier; 0 = due_ms */
	uint64_t late;                    /* enum late_rule */
	int64_t max_late_ms;              /* 0 = the account's */
	int64_t expires_ms;               /* 0 = never */
	struct content *own;              /* 0 or 1: replaces the post's content on this account */
	size_t own_count;
	uint64_t tries;                   /* failed tries in a row, for the backoff */
	uint64_t attempts;                /* attempts of effect once so far */
	struct attempt *open;             /* 0 or 1 */
	size_t open_count;
	struct value *values;             /* the driver's own */
	size_t value_count;
	struct shown *shown;              /* parts on the platform, in order */
	size_t shown_count;
	int64_t published_ms;
	char *label;                      /* copy of the post's, so that label gates need no second read */
	int64_t asked_ms;                 /* when the platform was last asked for an attempt that is not recorded, and had none */
	int64_t clean_ms;                 /* when what was put somewhere for it alone is taken away: its entry in the periodic index; 0 = none */
	uint64_t maybe_shown;             /* 1: a repeatable request may have arrived, or the platform has accepted what it does not
	                                   * show yet; it goes on, but can no longer be called back */
};

extern const struct record_type job_media_type, job_part_type, job_content_type, job_value_type, job_post_type, job_target_type;

const char *late_name(enum late_rule r);
const char *form_name(enum content_form f);     /* "post", "story" */
int form_find(const char *name);                /* -ST_INVALID when there is none */
int late_find(const char *name);

/* The content that counts on this target: its own, else the post's. NULL if the records are damaged. */
const struct content *job_content(const struct post *p, const struct target *t);
/* Why not all is known of a video or sound, for people. NULL: all is, or it is something else. */
const char *job_media_unknown(const struct media *m);
/* What is known of the file, as members of an open object: mime, size, width, height; of videos and sound, too, what belongs to them. */
void job_media_json(struct json_writer *w, const struct media *m);
/* The instant before which the target does not fire. */
int64_t job_fire_ms(const struct target *t);

#endif
