/* sim.h: what the parts of the Mastodon simulator share.
 *
 * The simulator (sim_mastodon.c) is an HTTP server on loopback that behaves as the statuses part of a Mastodon instance does
 * and, told through /_control, as badly as one can: every switch below is a way in which a post gets done twice or not at all.
 * One thread per connection, one lock around all state; handlers run under the lock and let go of it only to sleep.
 * It shares no code with the daemon, so that a mistake there is not repeated here. */
#ifndef SMMQ_TESTS_SIM_H
#define SMMQ_TESTS_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cJSON.h>

#define SIM_MAX_BODY (64u * 1024 * 1024)
#define SIM_MAX_STATUSES 20000u
#define SIM_MAX_MEDIA 5000u
#define SIM_MAX_KEYS 20000u
#define SIM_MAX_LOG 50000u
#define SIM_MAX_TOKENS 8
#define SIM_ATTACH_MAX 16
#define SIM_KEY_LIFE_MS (3600 * 1000)

/* Set by name through POST /_control {"name":number}; counters go down by one each time they act. */
struct sim_switches {
	int drop_before;        /* next N statuses: close the connection, nothing done */
	int drop_after;         /* next N statuses: do it, then close the connection */
	int fail_before;        /* next N statuses: 500, nothing done */
	int fail_after;         /* next N statuses: do it, then 500 */
	int forget_key;         /* next N statuses: do it, lose the key, close the connection (crash between the two writes) */
	int busy_next;          /* next N statuses: 503, nothing done */
	int repeat_500;         /* 4.6.0-4.6.5: a repeat with a known key answers 500 */
	int overlap_503;        /* 4.6: a repeat while the first is under way answers 503; off: both post */
	int ignore_key;         /* servers that are only like Mastodon */
	int delay_before_ms;    /* statuses: sleep before the commit */
	int delay_ms;           /* statuses: sleep between the commit and the answer */
	int rate_next;          /* next N requests of any kind: 429 */
	int rate_reset_s;       /* what their X-RateLimit-Reset says, from now */
	int unauthorized;       /* 401 for everything while on */
	int forbidden;          /* 403, scope missing, for everything while on */
	int read_fail;          /* next N reads of statuses: 500 */
	int media_polls;        /* media answer 202, then 206 N times, then 200; 0: 200 at once */
	int media_fail;         /* processing ends with 422 */
	int media_drop_after;   /* next N uploads: stored, then the connection is closed */
	int max_characters, url_characters, max_media, description_limit, image_size_limit;
};

struct sim_media {
	unsigned long id;
	int account;
	char *description, *name, *mime, sha256[65];
	size_t size;
	int polls_left;
	bool failed;
	unsigned long status;   /* 0: not attached */
};

struct sim_status {
	unsigned long id, parent;
	int account;
	bool deleted;
	int64_t received_ms;
	char *text, *spoiler, *visibility, *language, *key;
	unsigned long media[SIM_ATTACH_MAX];
	int media_count;
};

struct sim_key {
	int account;
	char *key;
	bool pending;
	unsigned long status;   /* 0: none yet, or forgotten */
	int64_t made_ms;        /* in the key clock */
	int requests;
};

struct sim_line { int64_t time_ms; char *request, *key; int status; };

struct sim {
	struct sim_switches sw;
	const char *tokens[SIM_MAX_TOKENS];
	int token_count;
	int64_t key_clock_ms;   /* how far the key memory's clock is ahead */
	int rate_left;
	struct sim_status *statuses;
	struct sim_media *media;
	struct sim_key *keys;
	struct sim_line *log;
	size_t status_count, media_count, key_count, log_count;
	int port;
};

/* The parts of an upload form, or the plain body. */
struct sim_request {
	const char *method, *path, *key;   /* key: Idempotency-Key or NULL */
	const char *id;                    /* the variable segment of the path, NUL-ended */
	char id_text[64];
	int account;                       /* index of the token, or -1 */
	char *body;
	size_t body_len;
	bool multipart, too_large;
	char *file_name, *file_mime;
	char *description;
	size_t description_len;
	const char *(*query)(const struct sim_request *, const char *name);
	void *connection;
};

struct sim_reply {
	int status;             /* 0: close the connection without an answer */
	cJSON *json;
	bool rate_headers;
	int64_t reset_ms;
	int sleep_ms;           /* after the lock is let go, before the answer */
};

typedef void sim_handler(struct sim *s, struct sim_request *q, struct sim_reply *r);

/* sim_state.c. Strings given are copied; running out of memory ends the program with a message. */
void sim_lock(void);
void sim_unlock(void);
void sim_sleep(int ms);                    /* called under the lock, lets go of it meanwhile */
int64_t sim_now_ms(void);
char *sim_copy(const char *text);
void sim_error(struct sim_reply *r, int status, const char *text);
bool sim_take(int *counter);               /* true and one less, if there is one left */
struct sim_status *sim_status_add(struct sim *s);
struct sim_status *sim_status_find(struct sim *s, const char *id);   /* not the deleted ones */
struct sim_media *sim_media_add(struct sim *s);
struct sim_media *sim_media_find(struct sim *s, unsigned long id);
struct sim_key *sim_key_find(struct sim *s, int account, const char *key, bool make);
void sim_log_add(struct sim *s, const char *request, const char *key, int status, int64_t time_ms);
void sim_iso(int64_t ms, char *out, size_t size, bool micros);

/* sim_count.c: the length of a post as Mastodon counts it: grapheme clusters, URLs at `url`, @user@host as @user. -1: not UTF-8. */
int sim_count(const char *text, int url);

sim_handler sim_post_status, sim_get_status, sim_get_source, sim_delete_status, sim_list_statuses;   /* sim_status.c */
sim_handler sim_post_media, sim_get_media, sim_put_media;                                            /* sim_media.c */
sim_handler sim_verify, sim_instance;                                                                /* sim_control.c */
sim_handler sim_control_set, sim_control_dump;

#endif
