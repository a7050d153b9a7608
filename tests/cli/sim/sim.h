/* sim.h: what the rooms of the platforms' simulator share.
 *
 * `sim_platform NAME TOKEN [TOKEN ...]` is an HTTP server on loopback that behaves as that platform's interface for posting does and, told
 * through /_control, as badly as one can: every switch below is a way in which a post gets done twice or not at all. A platform
 * is a table of routes and its rules, written after the vendor's contract, never after our driver, and shares no code with the daemon:
 * what a vendor refuses is refused here, and what a vendor lets pass in silence although it is a mistake (a field that nobody
 * knows) as well. One thread per connection, one lock around all state; handlers run under the lock and let go of it
 * only to sleep or to fetch. Everything that happens is kept in books, which GET /_control shows. */
#ifndef SMMQ_TESTS_SIM_H
#define SMMQ_TESTS_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cJSON.h>

#define SIM_MAX_BODY (64u * 1024 * 1024)
#define SIM_MAX_LOG 50000u
#define SIM_MAX_PIECES 4000
#define SIM_MAX_BOOK 20000
#define SIM_MAX_TOKENS 8
#define SIM_MAX_GRANTS 256
#define SIM_MAX_FIELDS 96
#define SIM_MAX_IDS 4
#define SIM_MAX_HEADERS 12

/* Set by name through POST /_control {"name":number}; counters go down by one each time they act. "The act" is what a
 * platform shows to the public: a route marked SIM_ACT. */
struct sim_switches {
	int drop_before;        /* next N acts: close the connection, nothing done */
	int drop_after;         /* next N acts: do it, then close the connection */
	int fail_before;        /* next N acts: 500, nothing done */
	int fail_after;         /* next N acts: do it, then 500 */
	int busy_next;          /* next N acts: 503, nothing done */
	int skip;               /* the switches above spare the next N acts: what is meant may be the third part of a thread */
	int delay_ms;           /* acts: sleep between the deed and the answer */
	int rate_next;          /* next N requests of any kind: refused for being too many */
	int rate_reset_s;       /* until when, from now, where the platform says it */
	int unauthorized;       /* every token is refused while on */
	int forbidden;          /* a permission is missing while on */
	int expire;             /* every access token handed out so far has ended; refresh tokens still work */
	int read_fail;          /* next N reads of posts: 500 */
	int media_polls;        /* media are processed while N questions about them are answered */
	int media_fail;         /* processing ends badly */
	int media_drop_after;   /* next N uploads: stored, then the connection is closed */
	int media_delay_ms;     /* uploads: sleep between storing and the answer */
};

/* Where a field of the request came from. */
enum sim_place { SIM_QUERY, SIM_FORM, SIM_PART };
struct sim_field { char *name, *value, *file, *mime; size_t len; enum sim_place place; };

struct sim_request {
	const char *method;
	char *uri, *path;                      /* as it came, with its query; the path alone, decoded */
	char *ids[SIM_MAX_IDS];                /* what the stars of the route's path stand for, decoded */
	struct sim_field fields[SIM_MAX_FIELDS];
	int field_count;
	char *body;                            /* NULL for multipart/form-data; NUL behind it */
	size_t body_len;
	cJSON *json;                           /* a body of application/json, or NULL */
	int account;                           /* whose token, or -1 */
	const char *token;
	bool multipart, too_large;
	void *connection;
};

struct sim_reply {
	int status;                            /* 0: close the connection without an answer */
	cJSON *json;                           /* NULL: an empty body */
	char *headers[SIM_MAX_HEADERS][2];
	int header_count;
	int sleep_ms;                          /* after the lock is let go, before the answer */
};

struct sim;
typedef void sim_handler(struct sim *s, struct sim_request *q, struct sim_reply *r);

enum { SIM_TOKEN = 1, SIM_ACT = 2, SIM_READ = 4, SIM_UPLOAD = 8 };
/* path: "*" stands for the rest of a segment; behind "?" may stand a field that the request must have, as in
 * "/{page}/videos?upload_phase=finish". The first row that fits counts. */
struct sim_route { const char *method, *path; sim_handler *run; int flags; };

/* A platform's own number that tests may set. */
struct sim_knob { const char *name; int *value; };

/* What a platform says of what is the same everywhere. */
enum sim_refusal { SIM_NO_ROUTE, SIM_TOO_LARGE, SIM_UNAUTHORIZED, SIM_EXPIRED, SIM_FORBIDDEN, SIM_RATE, SIM_BUSY, SIM_BROKEN, SIM_REFUSALS };
struct sim_words { int status; const char *json; };

struct sim_platform {
	const char *name;
	const struct sim_route *routes;
	size_t route_count;
	const struct sim_knob *knobs;
	size_t knob_count;
	const struct sim_words *words;                                   /* SIM_REFUSALS of them */
	void (*headers)(struct sim *s, struct sim_request *q, struct sim_reply *r);    /* on every answer but those of /_control; may be NULL */
};

struct sim_grant { char *access, *refresh; int account, generation; bool spent; };
struct sim_line { int64_t time_ms; char *request, *note; int status; };

struct sim {
	const struct sim_platform *platform;
	struct sim_switches sw;
	struct sim_grant grants[SIM_MAX_GRANTS];
	int grant_count, generation;           /* access tokens of an older generation have ended */
	cJSON *books;                          /* {"posts":[...],"media":[...],...} */
	struct sim_line *log;
	size_t log_count;
	int64_t next_id;
	int port;
};

/* state.c. Strings given are copied; running out of memory ends the program with a message. */
void sim_lock(void);
void sim_unlock(void);
void sim_sleep(int ms);                    /* called under the lock, lets go of it meanwhile */
int64_t sim_now_ms(void);
_Noreturn void sim_fail(const char *what);
void *sim_need(void *memory);              /* the same, if it is not NULL */
char *sim_copy(const char *text);
bool sim_take(int *counter);               /* true and one less, if there is one left */
void sim_log_add(struct sim *s, const char *request, const char *note, int status, int64_t time_ms);
void sim_time(int64_t ms, char out[24]);   /* 2026-03-01T09:30:00, in UTC */
/* The books. An entry has "id", "account", "received_ms" and "deleted", and what its platform adds. */
cJSON *sim_book(struct sim *s, const char *book);
cJSON *sim_add(struct sim *s, const char *book, const char *id, int account);
cJSON *sim_find(struct sim *s, const char *book, const char *id);           /* NULL; not what is deleted */
cJSON *sim_own(struct sim *s, const char *book, const char *id, int account);
const char *sim_next_id(struct sim *s, char out[24]);
/* Tokens: of an account its index, or -1. A refresh token works once where `once` is set. */
int sim_account(struct sim *s, const char *token, bool *ended);
struct sim_grant *sim_grant(struct sim *s, int account);
struct sim_grant *sim_refresh(struct sim *s, const char *refresh, bool once);

/* json.c */
const char *sim_text(const cJSON *o, const char *name);                     /* "" where there is none */
int64_t sim_number(const cJSON *o, const char *name);                       /* of a number or of a text that is one; -1 */
cJSON *sim_at(const cJSON *o, const char *path);                            /* "content.media.id"; NULL */
void sim_set(cJSON *o, const char *name, const char *text);                 /* NULL: null; replaces */
void sim_set_number(cJSON *o, const char *name, int64_t number);
/* A printf that makes JSON, for texts that need no escapes. */
void sim_answer(struct sim_reply *r, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));
void sim_refuse(struct sim *s, struct sim_reply *r, enum sim_refusal what);
void sim_header_add(struct sim_reply *r, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The first member that rules ("text:s media:o n:n flag:b list:a any:*", blanks between them) do not allow, or NULL. */
const char *sim_bad_member(const cJSON *o, const char *rules);
/* The first field of the request that is not in the list of names, or NULL. */
const char *sim_bad_field(const struct sim_request *q, const char *names);
const char *sim_arg(const struct sim_request *q, const char *name);         /* any place; NULL */
const struct sim_field *sim_file(const struct sim_request *q, const char *name);   /* a part; NULL */
const char *sim_header(const struct sim_request *q, const char *name);      /* NULL */

/* text.c: lengths as the platforms count them; -1: not UTF-8. */
int sim_count(const char *text, int url);  /* Mastodon: grapheme clusters, URLs at `url`, @user@host as @user */
int sim_graphemes(const char *text);       /* Bluesky: grapheme clusters */
int sim_weigh(const char *text);           /* X: weighted */
int sim_utf16(const char *text);
int sim_count_emoji(const char *text);     /* Threads: code points, an emoji counts its bytes */

/* file.c, blob.c: what a file is by its content: its type, NULL if it is none of those known; its SHA-256; the size of a picture (0: not known). */
const char *sim_sniff(const char *data, size_t len);
void sim_hash(const char *data, size_t len, char out[65]);
char *sim_base64(const char *data, size_t len, bool url);          /* to be freed; url: the alphabet for addresses, no padding */
char *sim_unbase64(const char *text, size_t *len);                 /* NULL: is none; to be freed */
void sim_picture_size(const char *data, size_t len, int *width, int *height);
/* Contents that come in pieces, by the name of what they belong to; the same index again replaces. sim_blob_whole: the pieces follow
 * each other from 0 on; sim_blob_note writes "size", "mime" and "sha256" of all of them into an entry of the books. */
void sim_blob_put(const char *name, int index, const char *data, size_t len);
size_t sim_blob_size(const char *name);
int sim_blob_count(const char *name);
bool sim_blob_whole(const char *name);
char *sim_blob_join(const char *name, size_t *len);                /* those from 0 on; to be freed */
void sim_blob_note(const char *name, cJSON *entry);
/* Fetches an address as a platform does, the lock let go meanwhile. NULL: not to be had, why in *why. To be freed. */
char *sim_fetch(const char *url, size_t *len, char mime[64], const char **why);

/* control.c */
sim_handler sim_control_set, sim_control_dump;
/* What happens to an act before it and after it; true: the request is over. */
bool sim_act_fails(struct sim *s, struct sim_reply *r);
void sim_act_done(struct sim *s, struct sim_reply *r);

#define SIM_COUNT(table) (sizeof(table) / sizeof *(table))

extern const struct sim_platform sim_mastodon, sim_x, sim_linkedin, sim_facebook, sim_instagram, sim_threads, sim_bluesky, sim_tiktok,
	sim_pinterest, sim_youtube, sim_snapchat;

#endif
