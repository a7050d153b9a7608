/* engine_priv.h: what the engine's loop side (engine.c, engine_run.c) and its turns (engine_turn.c, engine_look.c, token.c) share. */
#ifndef SMMQ_ENGINE_PRIV_H
#define SMMQ_ENGINE_PRIV_H

#include "daemon/engine.h"
#include "daemon/io/http.h"
#include "daemon/plat/plat.h"
#include "daemon/queue.h"

#define ENGINE_MAX_RUNS 1024
#define ENGINE_WAIT_IN_MEMORY_MS (2 * 60 * 1000)    /* a driver that waits longer gives its place back */
#define ENGINE_LOOK_LEASE_MS (60 * 1000)            /* a look that is under way is planned again so much later, in case we die; twice is harmless */
#define ENGINE_LOOKS_BACKOFF_MAX_MS (3600LL * 1000)
#define ENGINE_LATE_MS (60 * 1000)                  /* later than this counts as late for --late=skip and hold */
#define ENGINE_RETRY_TURN_MS 1000                   /* a turn that could not be run is tried again so much later */
#define ENGINE_ARM_MS 15                            /* an intent is committed so much before it is due, at most, and sent on time */
#define ENGINE_STEP_MS 1000                         /* a clock that was set by less is no news */
#define ENGINE_JUMP_MS (60 * 1000)                  /* a clock that jumped further ahead than this may be a machine that slept in a snapshot */

enum run_kind { RUN_PUBLISH, RUN_LOOK, RUN_SESSION, RUN_CLEAN };
enum run_phase { PHASE_TURN, PHASE_ARMED, PHASE_SENT, PHASE_WAITING, PHASE_SESSION };

/* One target (or session) under way. Lives on the loop thread; turns know it by its serial. */
struct run {
	struct engine *engine;
	uint64_t serial;
	uint64_t id, n, account_no;
	enum run_kind kind;
	enum run_phase phase;
	int64_t wake_ms;                 /* PHASE_WAITING, PHASE_ARMED */
	struct outcome *armed;           /* PHASE_ARMED: what leaves then; owned */
	int64_t send_ms;                 /* no step that can be seen leaves before */
	char step[64];                   /* of the request under way */
	char digest[72];                 /* of its body: SHA-256 in hex, "" where it has none */
	bool once;
	uint64_t attempt;                /* RUN_LOOK: which attempt the request asks about */
};

/* An account as the loop thread knows it. */
struct lane {
	uint64_t no;
	char name[65];
	unsigned parallel;
	unsigned active;                 /* runs of targets */
	int64_t look_ms;                 /* when its queue is to be looked at: a little before the earliest due time; INT64_MAX if none is known */
	bool firing;                     /* a fire turn is under way */
	bool touched;                    /* something became due while it was */
	bool session;                    /* a session run is under way */
	bool again;                      /* and another one is to follow it */
	struct store_ref from;           /* everything due up to here is gated: the next scan begins behind it */
	int64_t pace_ms;                 /* of what the scan has passed over, the first may go then; INT64_MAX: nothing */
};

struct engine {
	struct engine_parts parts;
	struct timer *timer;
	struct lane *lanes;
	size_t lane_count, lane_cap;
	struct run *pool;
	struct run *runs[ENGINE_MAX_RUNS];   /* the first run_count are under way, the others free */
	size_t run_count, reserved, max_runs;
	uint64_t next_serial;
	int64_t periodic_ms;
	bool periodic_turn;
	int64_t recover_ms;              /* when recovery is tried again, INT64_MAX while it is not to be */
	int64_t told_ms;                 /* when a failing store was last complained of */
	int64_t clock_off_ms;            /* wall clock less boot clock, as it was last */
	int64_t jump_ms;                 /* where the wall clock jumped ahead from, until what is due since is doubted; INT64_MAX: it did not */
	bool jump_turn;
	bool started, draining;
	void (*idle)(void *ctx);
	void *idle_ctx;
	void (*unused)(void *ctx, const char *sha256);
	void *unused_ctx;
};

/* ---- an answer on its way into a turn ---- */
struct answer {
	enum http_reach reach;
	int status;
	char *body;
	size_t body_len;
	struct plat_header *headers;
	size_t header_count;
	int64_t received_ms, date_ms;
	char error[256];
};

/* The input of every driver turn. */
struct drive_input {
	struct engine *engine;           /* for effects alone: turns do not look into it */
	uint64_t serial;
	uint64_t id, n, account_no;
	enum run_kind kind;
	char step[64];                   /* which request the answer belongs to */
	char digest[72];                 /* of that request, as in struct run */
	bool once;
	bool has_answer;
	uint64_t attempt;                /* RUN_LOOK: the attempt that the answer is about */
	struct answer answer;
	int64_t send_ms;                 /* what can be seen leaves at this instant, not before; 0: now */
	unsigned char random[16];
};

/* ---- what a turn wants done for a run, once it is committed ---- */
enum outcome_kind { OUTCOME_SEND, OUTCOME_FILE, OUTCOME_WAIT, OUTCOME_SESSION, OUTCOME_END };

struct outcome {
	struct engine *engine;
	uint64_t serial;                 /* 0: a new run */
	uint64_t id, n, account_no;
	enum run_kind kind;
	enum outcome_kind what;
	bool once, ok;                   /* ok: OUTCOME_END of a session that is ready */
	uint64_t attempt;                /* the open one */
	char step[64], digest[72];
	struct http_request *request;    /* OUTCOME_SEND */
	struct file_job *file;           /* OUTCOME_FILE */
	int64_t wake_ms;                 /* OUTCOME_WAIT; OUTCOME_SEND and FILE: not before, 0 = now */
	int64_t send_ms;                 /* of the drive_input */
};

/* engine.c, loop thread: one line, at most one a minute, since a full disk fails many turns */
void engine_complain(struct engine *e, const char *what, int status);

/* engine_run.c, loop thread */
void run_apply(void *outcome);                   /* effect: does what the outcome says; takes nothing */
void run_outcome_drop(void *outcome);
int run_submit(struct run *r, const struct http_result *res, const char *file_error);     /* its next driver turn */
void run_end(struct run *r);
void run_send_armed(struct run *r);              /* its time has come */
void run_disarm(struct run *r);                  /* what was armed does not leave; a turn puts the target back */
bool run_session_start(struct engine *e, struct lane *l);  /* false: no place for it now */
void run_session_done(struct engine *e, uint64_t account_no, bool ok);
void run_pause(struct run *r);                   /* its driver is asked again in a while, as after a restart */
struct run *run_find(struct engine *e, uint64_t serial);
struct lane *lane_find(struct engine *e, uint64_t no);
struct lane *lane_make(struct engine *e, uint64_t no);     /* NULL without memory */
struct http_request *run_build_http(const struct engine *e, const struct plat_request *r);
struct file_job *run_build_file(const struct plat_request *r);
void run_file_job_free(struct file_job *j);

/* ---- turns ---- */
struct fire_input {
	struct engine *engine;
	uint64_t account_no;
	unsigned slots;
	struct store_ref from;
	int64_t pace_from_ms;            /* as the lane had it */
	unsigned char random[16];
	/* filled by the turn for the effect that ends it */
	int64_t next_ms;                 /* when to look again */
	struct store_ref cut;
	int64_t pace_ms;                 /* in and out: see struct lane */
	unsigned fired;
	unsigned parallel;
	bool needs_session, account_changed;
	char name[65];
};
int engine_fire_turn(struct turn *t, void *input);         /* struct fire_input */
int engine_drive_turn(struct turn *t, void *input);        /* struct drive_input, RUN_PUBLISH */
int engine_look_turn(struct turn *t, void *input);         /* struct drive_input, RUN_LOOK */
int token_turn(struct turn *t, void *input);               /* struct drive_input, RUN_SESSION */
struct drive;
/* Behind a session: plans when the token is refreshed next, whatever is to be posted by then. */
int token_plan(struct drive *d);
int token_plan_turn(struct turn *t, struct engine *e, const struct periodic_ref *ref);     /* PERIODIC_TOKEN: takes ref over */
/* A login to be finished, out of the account's values; NULL: none. */
const struct plat_login *login_take(struct drive *d);
/* Behind the driver's verdict: a login whose code was taken or refused is over; what failed in passing is tried again. */
void login_settle(struct drive *d);
int engine_clean_turn(struct turn *t, void *input);        /* struct drive_input, RUN_CLEAN */
int engine_defer_turn(struct turn *t, void *input);        /* struct drive_input: its session failed, the target waits again */
int engine_disarm_turn(struct turn *t, void *input);       /* struct drive_input: what was armed is taken back, no byte had left */
int engine_periodic_turn(struct turn *t, void *input);      /* struct periodic_input */
int engine_recover_turn(struct turn *t, void *input);      /* struct recover_input */

/* boot_ms, boot_id: CLOCK_BOOTTIME when the turn was submitted, and of which boot. */
struct recover_input { struct engine *engine; int64_t boot_ms; char boot_id[48]; };

/* room: how many looks may begin. What finds none waits in the index. */
struct periodic_input { struct engine *engine; size_t room; };

/* ---- shared by the turns ---- */
struct drive {
	struct turn *t;
	struct drive_input *in;
	struct target *target;           /* NULL in a session */
	struct post *post;
	struct account *account;
	const struct conf_account *conf;
	struct plat_account view;
	struct plat_values values, account_values;
	struct plat_in pin;
	struct plat_out out;
	struct plat_response response;
};

/* The account's configuration; NULL where there is none, or one for another platform than that its items were made for. */
const struct conf_account *drive_conf(const struct conf *conf, const struct account *account);
/* Whether the platform is a URL that cannot be asked what it has seen (a webhook). */
bool drive_blind(const struct conf_account *conf);
/* Whether the driver's request can be seen: the commit step, or any write to a platform that has no such step. */
bool drive_visible(const struct drive *d);
/* Loads everything a driver call needs. 0; -ST_CORRUPT if there is no content to be had; -ST_NO_ACCOUNT if the account is not
 * configured now (target and values can be kept all the same). */
int drive_load(struct drive *d, struct turn *t, struct drive_input *in, struct target *target, struct post *post, struct account *account);
/* Reads the records of in and loads them; a post that cannot be read counts as one without content. As drive_load;
 * -ST_NO_ITEM if there is no target to be had (target is NULL then): only ending the run remains. */
int drive_open(struct drive *d, struct turn *t, struct drive_input *in);
void drive_response(struct drive *d);                      /* hands the answer to the driver */
int drive_refused(struct drive *d);                          /* remembers a token that the platform refused, for the session */
void drive_store_values(struct drive *d);                  /* values back into target and its shown parts, unless they do not fit */
bool drive_needs_session(const struct drive *d);
int drive_outcome(struct drive *d, enum outcome_kind what, int64_t wake_ms);   /* effect for the run */
int drive_verdict(struct drive *d);                        /* does what the driver's step() has said */
int drive_fail(struct drive *d, const char *reason);       /* any live state -> failed */
int drive_send(struct drive *d);                           /* effect: the driver's request */
/* Journals an exchange: step, digest of the request, status and digest of the answer. Of a session: digests of nothing, which may
 * hold secrets that could be guessed from them. */
int drive_note_answer(struct drive *d);
/* SHA-256 of a request's body, in the arena; NULL without memory. */
const char *drive_body_sha256(struct turn *t, const struct plat_request *r);
int drive_publish(struct drive *d);                        /* the driver is done: any live state -> published */
int drive_lose(struct drive *d, const char *evidence);     /* open attempt, outcome unknown */
int drive_plan_look(struct drive *d, int64_t at_ms);       /* (re)plans the next look at an unknown target; 0 = none */
int drive_spent(struct drive *d);                          /* reads from a good answer that the limit is used up */
int drive_rate_limit(struct drive *d);                     /* a rate limit holds the account, or all of its application, until out.until_ms */
/* engine_clean.c */
int clean_plan(struct drive *d);                           /* once a target is under way: plans its cleaning, where its platform has one */
int clean_begin(struct turn *t, struct engine *e, const struct periodic_ref *ref);     /* PERIODIC_CLEAN: takes ref over */
/* engine_restore.c */
/* Moves up to max targets that are in doubt since the start from the queue to unknown, their looks planned; *out_count: how many. */
int restore_doubt(struct turn *t, size_t max, size_t *out_count);
/* Before reconcile() of an unrecorded attempt: tells the driver which posts are other targets'. *complete: all of them. */
int restore_known(struct drive *d, bool *complete);
int restore_settled(struct turn *t, bool found);           /* one in doubt was found, or is not there */
int restore_step_turn(struct turn *t, int64_t due_ms);     /* PERIODIC_RESTORE */
/* The wall clock jumped ahead: what became due by that is doubted, step by step. */
struct jump_input { struct engine *engine; int64_t floor_ms; };
int restore_jump_turn(struct turn *t, void *input);
int64_t drive_backoff_ms(const struct drive *d, uint64_t tries);

#endif
