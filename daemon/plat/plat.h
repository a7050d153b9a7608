/* plat.h: what a platform driver is.
 *
 * A driver is a set of functions from values to values. The engine calls step() with nothing answered yet; the driver
 * says what to send. The engine commits that intent together with the driver's named values, sends it, and calls step()
 * again with the answer, until the driver is done or fails. In between the process may die: then the engine calls step()
 * with no answer and the values as committed, and the driver goes on from them. A driver therefore keeps nothing in
 * memory, reads no clock, opens no file, and includes nothing but plat, model and proto.
 *
 * A request of effect once whose answer is lost, unclear, or 5xx is never repeated by the engine: it calls reconcile()
 * until the driver has found the post, has shown that it is absent, or gives up (a person decides).
 *
 * A store that may have gone back (a backup, a snapshot) does not know of every attempt. For a target that may have been
 * published since, the engine makes an attempt "unrecorded": reconcile() then asks for the first part that does not
 * stand, by content, account and the window since armed_ms (and after the post mark, where one is named). Nothing is
 * waited for and one look is enough; "known" are posts of other targets, which are never ours.
 *
 * Secrets: a driver puts credentials into header values marked secret and nowhere else, with exceptions that platforms
 * force: the body of bluesky's "create" (session) holds the password, and steps "token.*" (oauth.h) hold tokens and client
 * secrets in their forms, or in their URLs where the platform takes them there alone. Bodies and URLs are therefore never logged. */
#ifndef SMMQ_PLAT_H
#define SMMQ_PLAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/model/job.h"
#include "daemon/model/limit.h"
#include "proto/arena.h"
#include "proto/json.h"

#define PLAT_MAX_HEADERS 16
#define PLAT_MAX_PIECES 32
#define PLAT_MAX_VALUE_BYTES (64 * 1024)
#define PLAT_USER_AGENT "smmqd"

/* ---- named values ---- */
/* A list of name = text in an arena. The target's survive in its record, the account's in the account's record. They are
 * committed after every call, whatever its verdict (but not while `error` is set).
 * Some names have a meaning for the engine: "id.N" and "url.N" say that part N stands on the platform, under which id and
 * web address; the engine copies them to target->shown. Where a person resolves an unknown outcome as published, the
 * engine sets them, and step() goes on with the next part. */
#define PLAT_ID "id"
#define PLAT_URL "url"
/* While this one is there the platform has taken the post and will show it by itself (it works on a video, say): it can no
 * longer be called back, though nothing stands yet. */
#define PLAT_ACCEPTED "accepted"
/* An account value that the engine sets when a step said that the platform refuses the token (plat_out.refused). */
#define PLAT_REFUSED "refused"

struct plat_values { struct arena *arena; struct value *list; size_t count; int error; };

const char *plat_get(const struct plat_values *v, const char *name);                    /* NULL when absent */
void plat_set(struct plat_values *v, const char *name, const char *text);               /* text NULL removes; error sticks */
int64_t plat_get_int(const struct plat_values *v, const char *name, int64_t fallback);
void plat_set_int(struct plat_values *v, const char *name, int64_t number);
/* The same with a part's index behind the name: "rkey.3". */
const char *plat_get_n(const struct plat_values *v, const char *name, size_t index);
void plat_set_n(struct plat_values *v, const char *name, size_t index, const char *text);

/* ---- requests ---- */
enum plat_effect {
	PLAT_NONE,          /* a read */
	PLAT_REPEATABLE,    /* safe to send again */
	PLAT_ONCE           /* visible to the public, or spends money */
};
enum plat_method {
	PLAT_GET, PLAT_POST, PLAT_PUT, PLAT_DELETE,
	PLAT_FILE,          /* write a file into the directory `url`, atomically; file_name NULL: only what is put beside it */
	PLAT_UNLINK         /* remove file_name from the directory `url` */
};

struct plat_header { const char *name, *value; bool secret; };

enum plat_piece_kind {
	PLAT_BYTES,         /* data, len */
	PLAT_MEDIA,         /* len bytes from offset of the stored media file sha256 */
	PLAT_BASE64,        /* all len bytes of it, as base64 */
	PLAT_LINK,          /* PLAT_FILE only: hard-link the media file sha256 beside it under the name in data, or */
	PLAT_COPY           /* put a copy there that everybody may read */
};
struct plat_piece { enum plat_piece_kind kind; const char *data; uint64_t offset, len; const char *sha256; };

/* AWS signature 4, made in io/http from the finished request; sha256: of the body, in hex. */
struct plat_sign { const char *key, *secret, *region, *service, *sha256; };

struct plat_request {
	const char *step;                        /* the driver's name for this exchange; stands in the journal */
	enum plat_effect effect;
	const char *mark;                        /* effect once: how our act can be recognised */
	enum plat_method method;
	const char *url;                         /* PLAT_FILE: the directory */
	const char *file_name;                   /* PLAT_FILE */
	struct plat_header headers[PLAT_MAX_HEADERS];
	size_t header_count;
	struct plat_piece pieces[PLAT_MAX_PIECES];   /* the body, in order */
	size_t piece_count;
	int64_t timeout_ms;                      /* whole exchange; 0 = 60 s */
	struct plat_sign sign;                   /* key NULL: not signed */
};

void plat_header(struct plat_request *r, const char *name, const char *value);
void plat_secret_header(struct plat_request *r, const char *name, const char *value);
void plat_body(struct plat_request *r, const char *data, size_t len);
void plat_body_media(struct plat_request *r, const struct media *m);
void plat_body_range(struct plat_request *r, const struct media *m, uint64_t offset, uint64_t len);
void plat_body_base64(struct plat_request *r, const struct media *m);

/* ---- answers ---- */
struct plat_response {
	int status;                              /* HTTP status; for PLAT_FILE 200, or 500 with the reason in body */
	const char *body; size_t body_len;       /* NUL-terminated too; at most 4 MiB */
	const struct plat_header *headers; size_t header_count;
	int64_t received_ms;
};
const char *plat_response_header(const struct plat_response *r, const char *name);   /* case-insensitive; NULL */

/* ---- the call ---- */
/* Where files can be put for platforms that fetch them by address (public.h). base_url NULL: nowhere. */
struct plat_public {
	const char *base_url;                    /* under which the world sees what is put there; without a trailing slash */
	const char *directory;                   /* a directory of this machine, or */
	const char *bucket_url;                  /* an S3-compatible bucket: https://host/bucket, with */
	const char *region, *key, *secret;
};

struct plat_account {
	const char *name;
	const char *base_url;                    /* without a trailing slash; NULL = the platform's default */
	const char *directory;                   /* outbox */
	const struct value *credential;          /* name = text as read from the credential file; one bare token is "token" */
	size_t credential_count;
	const struct value *options;             /* platform options of the account's [Platform] section */
	size_t option_count;
	struct plat_public public;
};
const char *plat_credential(const struct plat_account *a, const char *name);
const char *plat_option(const struct plat_account *a, const char *name);

/* What a person brought back from the platform's login page (RFC 6749, 4.1.3; RFC 7636). */
struct plat_login { const char *code, *verifier, *redirect_uri; };

struct plat_in {
	struct arena *arena;                     /* everything in plat_out lives here */
	const struct plat_account *account;
	struct plat_values *account_values;      /* session tokens, own id, limits; session() changes it, others only read */
	const struct post *post;                 /* NULL for session() */
	const struct target *target;             /* NULL for session() */
	const struct content *content;           /* what counts on this target; NULL for session() */
	struct plat_values *values;              /* the target's; step() and reconcile() change it; NULL for session() */
	const char *const *known;                /* reconcile() of an attempt that is not recorded: remote ids of other targets */
	size_t known_count;
	const struct plat_login *login;          /* session() only: a login to be finished; NULL otherwise */
	const struct plat_response *response;    /* answer to the last request, NULL at (re)start */
	const char *response_step;               /* the step that response answers; NULL at (re)start */
	int64_t now_ms;
	int64_t steady_ms;                       /* a clock that is never set: how long ago something was is told by it alone */
	unsigned char random[16];                /* fresh for every call */
};

/* A platform option as it counts for this post: the post's own, else the account's, else NULL. */
const char *plat_setting(const struct plat_in *in, const char *name);

enum plat_verdict {
	PLAT_SEND,               /* request is filled */
	PLAT_WAIT,               /* call again (without response) at until_ms */
	PLAT_NEED_SESSION,       /* step/reconcile: run session() first, then call again without response */
	PLAT_DONE,               /* step, reconcile: published (remote_id, url of the first part); session: ready */
	PLAT_FAIL,               /* klass, text. Unknown with a request of effect once filled in: that step was sent at some time and
	                          * must be looked for before it is sent again. From reconcile the look failed, not the post (transient, rate, auth only): still
	                          * unknown, look again */
	PLAT_SETTLED,            /* reconcile only: the lost request is accounted for (text says how: "absent", or "part 2 stands");
	                          * values are such that step() goes on rightly */
	PLAT_UNDECIDED           /* reconcile only: cannot be told by reading (text is the evidence); a person decides */
};

enum plat_class { PLAT_TRANSIENT, PLAT_RATE, PLAT_AUTH, PLAT_PERMANENT, PLAT_DUPLICATE, PLAT_UNKNOWN, PLAT_CLASS__COUNT };
const char *plat_class_name(enum plat_class c);

/* Whom a rate limit binds: one account, or all that share the application (platform, server, client id). */
enum plat_scope { PLAT_ACCOUNT, PLAT_APPLICATION };

struct plat_out {
	enum plat_verdict verdict;
	struct plat_request request;
	int64_t until_ms;        /* PLAT_WAIT; PLAT_FAIL of class rate or transient: not before (0 = the engine's backoff) */
	const char *remote_id, *url;
	enum plat_class klass;
	enum plat_scope scope;   /* of class rate */
	const char *text;        /* for people, in the platform's own words where it has some; never holds a secret */
	bool refused;            /* PLAT_NEED_SESSION: the platform refused the token that looked good */
};

/* The headers of a good answer say that no more is taken until then (remaining 0); 0: nothing of the kind. */
int64_t plat_spent_ms(const struct plat_in *in);

/* Fill *out and return; for use as `return plat_fail(...)`. */
void plat_fail(struct plat_out *out, enum plat_class klass, const char *text);
void plat_wait(struct plat_out *out, int64_t until_ms);
void plat_done(struct plat_out *out, const char *remote_id, const char *url);
/* reconcile() alone. text NULL: without memory for a better one. */
void plat_settled(struct plat_out *out, const char *text);
void plat_undecided(struct plat_out *out, const char *text);

/* ---- preflight ---- */
#define PLAT_MAX_FINDINGS 32

struct plat_finding { const char *rule; int64_t limit, value; const char *message; };   /* message names platform, limit, value */
struct plat_part_report {
	int64_t used, limit;            /* characters as the platform counts them; limit 0 = none */
	int64_t bytes, byte_limit;
	const char *unit;               /* "graphemes", "characters" */
	struct entity *facets;          /* what becomes link, mention, tag; daemon/model/text.h */
	size_t facet_count;
};
struct plat_report {
	struct plat_finding findings[PLAT_MAX_FINDINGS];
	size_t finding_count;           /* 0 = may be queued */
	struct plat_part_report *parts;
	size_t part_count;
};
void plat_finding(struct plat_report *r, const char *rule, int64_t limit, int64_t value, const char *message);

/* ---- the table ---- */
/* An option of the account's [Platform] section; per_post: a post may have its own (smmq add --set NAME=VALUE). */
struct plat_option { const char *name, *words /* allowed, NULL = any text */, *fallback, *help; bool per_post; };

/* What the credential file must hold: a value of this name, or of one of the others (blanks between them); text goes on "the
 * file that Credential= names ...". */
struct plat_need { const char *name, *or_name, *text; };

struct oauth;

struct plat {
	const char *name;
	uint32_t kinds;                 /* KIND_BIT()s of kind.h: what a post may be made of */
	const struct plat_option *options;
	size_t option_count;
	const struct plat_need *needs;
	size_t need_count;
	const struct oauth *oauth;      /* how its tokens are handed out; NULL: they are not (oauth.h) */
	unsigned parallel;              /* targets of one account that may be under way at once */
	bool needs_base_url, needs_directory, needs_credential;
	bool takes_query;               /* BaseURL= is the whole address and may hold a query */
	struct limit_quota quota;       /* posts that the platform takes of an account; every part of a thread is one */
	int64_t settle_ms;              /* wait this long after a lost answer before the first look */
	int64_t session_ms;             /* account values older than this are read again; 0 = no session() */
	/* All but step may be NULL. Each returns nothing: the verdict says it all. */
	void (*step)(const struct plat_in *in, struct plat_out *out);
	void (*reconcile)(const struct plat_in *in, struct plat_out *out);   /* in->target->open is the attempt in question */
	void (*session)(const struct plat_in *in, struct plat_out *out);
	/* After the end of a target that was under way: takes away what was put somewhere for it alone. PLAT_SEND (never of
	 * effect once), PLAT_DONE, or PLAT_FAIL: tried again later. */
	void (*clean)(const struct plat_in *in, struct plat_out *out);
	/* in: arena, account, account_values, content. Text, media kinds, sizes, counts. */
	void (*check)(const struct plat_in *in, struct plat_report *out);
};

const struct plat *plat_find(const char *name);      /* NULL if there is none */
const struct plat *plat_at(size_t index);            /* NULL past the end */

extern const struct plat plat_outbox, plat_webhook, plat_mastodon, plat_bluesky, plat_linkedin, plat_threads, plat_facebook, plat_instagram, plat_x, plat_pinterest,
	plat_youtube, plat_tiktok;

#endif
