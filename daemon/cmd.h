/* cmd.h: the verbs, from a line to its answer. Knows nothing of sockets: app.c carries lines in and answers out.
 *
 * What changes something runs as a turn and is answered when it is on disk; what reads runs at once on the loop thread, in a read
 * transaction of its own, a bounded page at a time, and only when every change that the same connection asked for before
 * has been answered: so a peer always sees its own changes. */
#ifndef SMMQ_CMD_H
#define SMMQ_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/conf.h"
#include "daemon/turn.h"

struct cmd;
struct cmd_conn;
struct engine;
struct media_room;

/* What a line (or piece of body) asks of the connection; as in io/server.h. */
enum cmd_next { CMD_NEXT, CMD_WAIT, CMD_AGAIN, CMD_CLOSE };

struct cmd_wire {
	void *ctx;
	void (*write)(void *ctx, uint64_t conn, const char *data, size_t len);
	void (*expect_body)(void *ctx, uint64_t conn, uint64_t bytes);
	void (*resume)(void *ctx, uint64_t conn);
	void (*close)(void *ctx, uint64_t conn);
	bool (*full)(void *ctx, uint64_t conn);              /* the peer has much to take yet: do not write more now */
	unsigned (*connections)(void *ctx);
	void (*hurry)(void *ctx, bool on);                   /* call cmd_tick several times a second / no more */
};

struct cmd_parts {
	struct turns *turns;
	struct store *store;
	struct engine *engine;
	struct media_room *media;
	struct cmd_wire wire;
	/* Reads the configuration again; done(ctx, status, text) later or at once: number of accounts as status, or negative with a text. */
	void (*reload)(void *ctx, void (*done)(void *done_ctx, int status, const char *text), void *done_ctx);
	void *reload_ctx;
	/* run(data) on another thread, then done(data) on the loop thread. 0 or a status. */
	int (*work)(void *ctx, void (*run)(void *data), void (*done)(void *data), void *data);
	void *work_ctx;
};

int cmd_new(const struct cmd_parts *parts, struct cmd **out);
void cmd_free(struct cmd *c);

struct cmd_peer { uint64_t conn; uid_t uid; gid_t gid; const gid_t *groups; size_t group_count; };
int cmd_open(struct cmd *c, const struct cmd_peer *peer, struct cmd_conn **out);       /* -ST_NO_MEMORY */
enum cmd_next cmd_line(struct cmd_conn *s, const char *line, size_t len);
enum cmd_next cmd_body(struct cmd_conn *s, const char *data, size_t len, uint64_t left);
enum cmd_next cmd_bad_line(struct cmd_conn *s, bool too_long);
void cmd_drained(struct cmd_conn *s);
bool cmd_owes(const struct cmd_conn *s);              /* answers to its requests are still to come */
void cmd_closed(struct cmd_conn *s);

/* Sinks of turns. */
void cmd_reply(struct cmd *c, uint64_t conn, const char *text, size_t len);
void cmd_journal(struct cmd *c);
void cmd_room(struct cmd *c);
/* Now and then (once a second or so): time limits. */
void cmd_tick(struct cmd *c, int64_t now_ms);

/* From now on requests are carried out; those that came before have waited. */
void cmd_start(struct cmd *c);
/* Counts by state, for systemd's STATUS line. */
int cmd_status_line(struct cmd *c, char *buf, size_t size);
/* Answers refuse changes from now on (ERR stopping). */
void cmd_stop(struct cmd *c);

#endif
