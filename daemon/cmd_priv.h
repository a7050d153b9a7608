/* cmd_priv.h: what the verbs' files share. */
#ifndef SMMQ_CMD_PRIV_H
#define SMMQ_CMD_PRIV_H

#include "daemon/cmd.h"
#include "daemon/media.h"
#include "daemon/queue.h"
#include "proto/buf.h"
#include "proto/json.h"
#include "proto/status.h"
#include "proto/verb.h"

#define CMD_MAX_PENDING 256          /* changes of one connection that wait for their commit */
#define CMD_MAX_ANSWER_BYTES (8u * 1024 * 1024)
#define CMD_PAGE_BYTES (128u * 1024) /* a read page stops growing here */
#define CMD_PAGE_LOOKS 1000
#define CMD_PAGE_MAX 1000
#define CMD_NAME_MAX 64

/* Who asks. */
struct cmd_who { uint64_t conn; uid_t uid; enum level level; char name[CMD_NAME_MAX]; };

struct cmd_conn {
	struct cmd *cmd;
	struct cmd_conn *next;           /* in its hash chain */
	struct cmd_who who;
	unsigned pending;                /* changes submitted and not answered */
	bool waits, wants_room;          /* told the wire CMD_AGAIN: resume when an answer leaves, or when turns have room */
	bool closing;
	struct media_put *put;
	int put_error;
	uint64_t put_left;               /* bytes of the body behind the piece being stored */
	bool watching;
	char watch_cursor[JOURNAL_CURSOR_MAX];
	uint64_t watch_id;
	char watch_account[CMD_NAME_MAX + 1];
};

#define CMD_BUCKETS 1024
struct care;
struct cmd {
	struct cmd_parts parts;
	struct cmd_conn *buckets[CMD_BUCKETS];
	int64_t started_ms;
	bool started, stopping;
	unsigned watchers;
	uint64_t drain_conn;             /* who waits for DRAIN; 0 = nobody */
	int64_t drain_until_ms;
	struct care *care;               /* the CHECK, VERIFY or BACKUP under way: one at a time */
};

/* One request on its way through a handler. `out` becomes the answer: data lines, then OK or ERR. */
struct cmd_call {
	struct cmd *cmd;
	struct cmd_who who;
	char *line;                      /* owned; request points into it */
	struct request request;
	struct json *body;               /* NULL where there is none */
	struct buf out;
	struct json_writer w;
	int64_t now_ms;
	const struct conf *conf;
	struct store_txn *txn;           /* the turn's, or the read's */
	struct arena *arena;
};

/* A handler returns 0 (out holds the answer), or a negative status (the store failed). Of turns: refuse before changing. */
typedef int cmd_turn_fn(struct turn *t, struct cmd_call *c);
typedef int cmd_read_fn(struct cmd_call *c);

cmd_turn_fn cmd_add, cmd_login, cmd_edit, cmd_move, cmd_cancel, cmd_hold, cmd_release, cmd_retry, cmd_resolve;
cmd_read_fn cmd_hello, cmd_show, cmd_list, cmd_log, cmd_status, cmd_accounts;
/* These speak to the connection itself. */
enum cmd_next cmd_put(struct cmd_conn *s, struct cmd_call *c);
enum cmd_next cmd_watch(struct cmd_conn *s, struct cmd_call *c);
enum cmd_next cmd_reload(struct cmd_conn *s, struct cmd_call *c);
enum cmd_next cmd_drain(struct cmd_conn *s, struct cmd_call *c);
enum cmd_next cmd_check_store(struct cmd_conn *s, struct cmd_call *c);
enum cmd_next cmd_verify(struct cmd_conn *s, struct cmd_call *c);
enum cmd_next cmd_backup(struct cmd_conn *s, struct cmd_call *c);
void cmd_watch_more(struct cmd_conn *s);
struct cmd_conn *cmd_conn_find(struct cmd *c, uint64_t conn);
void cmd_care_gone(struct cmd *cmd);
void cmd_drain_gone(struct cmd_conn *s);

/* The caller's level, or -1: none. The daemon's own user and root may do everything; with no group configured, whoever may open
 * the socket may submit. */
int cmd_peer_level(const struct conf *conf, const struct cmd_peer *p);
void cmd_peer_name(uid_t uid, char *out, size_t size);     /* the user's name, or "uid 1000" */

/* ---- answers ---- */
/* Begins "OK {"; the caller adds members to c->w and ends with cmd_ok_end. */
void cmd_ok(struct cmd_call *c);
int cmd_ok_end(struct cmd_call *c);                        /* 0 or the buffer's error */
/* Begins a data line "* {", ends it. */
void cmd_data(struct cmd_call *c);
void cmd_data_end(struct cmd_call *c);
/* The answer is an error: what was in out is dropped. Returns 0: the request is answered. */
int cmd_err(struct cmd_call *c, enum status status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same with the object left open for more members (c->w); close with cmd_ok_end. */
void cmd_err_begin(struct cmd_call *c, enum status status, const char *message);

/* ---- reading the JSON body: each answers the error itself. Return 1: fine, 0: an error is answered. ---- */
int cmd_keys(struct cmd_call *c, const struct json *object, const char *what, const char *const *allowed);    /* NULL-terminated */
int cmd_get_text(struct cmd_call *c, const struct json *object, const char *key, const char **out);   /* absent: NULL; not text: error */
int cmd_get_flag(struct cmd_call *c, const struct json *object, const char *key, bool *out);          /* absent: false */
int cmd_get_int(struct cmd_call *c, const struct json *object, const char *key, int64_t min, int64_t max, int64_t *out);   /* absent: as it is */
int cmd_get_span(struct cmd_call *c, const struct json *object, const char *key, int64_t *out_ms);    /* absent: as it is */
int cmd_get_label(struct cmd_call *c, const struct json *object, const char **out);
int cmd_id_word(struct cmd_call *c, uint64_t *id, unsigned *n);
/* Whether new things may be taken in: ERR no_space otherwise, with what to do. 1, 0 answered, negative. */
int cmd_room_left(struct cmd_call *c);
int cmd_check_rev(struct cmd_call *c, uint64_t rev);       /* if_rev against rev */

/* Content of ADD and EDIT: text | parts, media, first_comment, link, language. base (may be NULL) supplies what is absent. */
extern const char *const cmd_content_keys[];
int cmd_content(struct cmd_call *c, const struct content *base, struct content **out);   /* 1, 0 answered, negative store status */
/* A content that may be changed, with its own list of parts; what they hold is shared. NULL without memory. */
struct content *cmd_content_copy(struct cmd_call *c, const struct content *base);
/* Parts of it: 1, 0 answered, negative. */
int cmd_content_text(struct cmd_call *c, const char *text, char **out);
int cmd_content_file(struct cmd_call *c, const struct json *v, struct media *out);        /* {id, alt, name} of what PUT stored */
int cmd_content_media(struct cmd_call *c, const struct json *list, struct part *part);
/* cmd_extra.c: form, title, warning, quote, poll, cover, settings, as far as they are given (null removes). */
extern const char *const cmd_extra_keys[];
int cmd_extra(struct cmd_call *c, struct content *out);
int cmd_settings(struct cmd_call *c, const struct json *v, struct content *out);
/* Its findings: settings whose value the account's platform does not have. */
void cmd_settings_check(struct cmd_call *c, const struct conf_account *conf, const struct content *content, struct plat_report *report);
/* Every setting is one that a platform of these has. */
int cmd_setting_taken(struct cmd_call *c, const struct content *content, const struct plat *const *plats, size_t count);
bool cmd_content_asked(const struct cmd_call *c);          /* any of the content keys is there */

/* When: at, now, past. Fills want, due, zone of the target. 1, 0 answered. *warning (may be NULL) for people. */
int cmd_when(struct cmd_call *c, const char *zone, struct target *target, const char **warning);
bool cmd_when_asked(const struct cmd_call *c);

/* What people should know about a target, beside the answer. */
#define CMD_MAX_NOTES 4
struct cmd_notes { const char *list[CMD_MAX_NOTES]; size_t count; };
void cmd_note(struct cmd_notes *n, const char *text);       /* NULL: nothing */

/* A chosen time passes quiet hours and gap, with a warning; the daily limit it does not pass. 1, 0 answered, negative. */
int cmd_pace(struct cmd_call *c, const struct conf_account *conf, const struct account *account, const struct target *target,
             struct cmd_notes *notes);
/* Preflight of a target's content: fills report; the caller looks at finding_count. 0 or negative. */
int cmd_check(struct cmd_call *c, const struct conf_account *conf, const struct account *account, const struct content *content,
              struct plat_report *report);
/* What people should know of its media, in the arena; NULL: nothing. */
const char *cmd_media_note(struct cmd_call *c, const struct content *content);
void cmd_write_finding(struct cmd_call *c, const struct conf_account *conf, const struct plat_finding *f);

/* ---- views ---- */
struct cmd_view { struct queue_gates gates; };
int cmd_view_init(struct cmd_call *c, struct cmd_view *v);
void cmd_view_asked(struct cmd_call *c, const struct target *t, const struct cmd_notes *notes);    /* members of ADD's targets */
void cmd_view_when(struct cmd_call *c, const struct target *t);                      /* due, due_ms, local, zone */
void cmd_view_row(struct cmd_call *c, const struct cmd_view *v, const struct post *p, const struct target *t);     /* members of LIST */
void cmd_view_target(struct cmd_call *c, const struct cmd_view *v, const struct target *t);    /* members of SHOW's targets */
int cmd_view_post(struct cmd_call *c, const struct post *p, unsigned n);              /* the whole of SHOW; n = 0: all targets */
const char *cmd_id(struct cmd_call *c, uint64_t id, uint64_t n);                      /* "42.1" in the arena */

/* ---- selecting many targets (cmd_select.c) ---- */
struct cmd_select {
	bool all, dry_run;
	const char *account, *label;
	unsigned states;
	const struct json *ids;
	char cursor[STORE_CURSOR_MAX];   /* in: where to go on; out: where the next request goes on, "" at the end */
};
int cmd_select_read(struct cmd_call *c, const char *verb, const char *const *more_keys, struct cmd_select *out);   /* 1, 0 answered */
/* The filter -> refs (targets in one of `states`), a bounded number. 1, 0 answered, negative. */
int cmd_select_run(struct cmd_call *c, struct cmd_select *s, struct store_ref **out, size_t *count);
/* The accounts whose queues a walk by state goes through. 0 or negative. */
int cmd_select_queues(struct cmd_call *c, struct store_page *page);
/* The targets of the id word: one, or all of the post. 1, 0 answered (no_item), negative. */
int cmd_targets(struct cmd_call *c, struct post *p, struct target **out, size_t *count);

#endif
