/* server.h: the Unix socket: listening, connections, framing, bounded output. Knows nothing of verbs.
 *
 * A connection hands over one line or one piece of body at a time. The handler answers with what comes next:
 * SERVER_NEXT (go on), SERVER_WAIT (do not give me anything before server_resume), SERVER_AGAIN (as WAIT, and give me
 * the same line again then; the line must not have been changed), SERVER_CLOSE (flush what is written, then close).
 *
 * Output is queued; all that is written in one iteration of the loop leaves in one send. While more than
 * SERVER_OUT_HIGH bytes wait to be taken by the peer, no further line of that connection is handed over, so a client
 * that never reads costs a bounded amount. A peer that takes nothing for SERVER_STALL_MS with output waiting is cut.
 *
 * A peer that only shut down its sending side gets the answers to its complete lines and is then closed; one that
 * closed altogether is gone, with what it sent and was not handed over yet, also while it waits for server_resume.
 *
 * Callbacks come from the loop, never from within a call of the functions below (server_free excepted: closed).
 * Connections are named by numbers that are never reused, so a late answer to a closed one is simply dropped. */
#ifndef SMMQ_IO_SERVER_H
#define SMMQ_IO_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SERVER_OUT_HIGH (256 * 1024)
#define SERVER_OUT_MAX (8 * 1024 * 1024)     /* above this the connection is cut */
#define SERVER_STALL_MS (60 * 1000)
#define SERVER_IDLE_MS 1000                  /* an idle connection gives its place to a newcomer after so long */
#define SERVER_MAX_CONNECTIONS 4096

struct loop;
struct server;

struct peer {
	uint64_t conn;
	uid_t uid;
	gid_t gid;
	const gid_t *groups; size_t group_count;     /* supplementary groups (SO_PEERGROUPS); owned by the connection */
};

enum server_next { SERVER_NEXT, SERVER_WAIT, SERVER_AGAIN, SERVER_CLOSE };

struct server_ops {
	/* A new connection; *state is the handler's own pointer for it. Non-zero refuses (nothing else is called). */
	int (*open)(void *ctx, const struct peer *peer, void **state);
	/* A complete line without newline, NUL-terminated, writable, valid until the call returns. */
	enum server_next (*line)(void *ctx, void *state, char *line, size_t len);
	/* A piece of the body asked for with server_expect_body; `left` bytes follow it. */
	enum server_next (*body)(void *ctx, void *state, const char *data, size_t len, uint64_t left);
	/* A line that is too long (too_long) or not clean UTF-8 text. It has been discarded. */
	enum server_next (*bad_line)(void *ctx, void *state, bool too_long);
	/* Output that waited has been taken: below SERVER_OUT_HIGH again. May write more. NULL if not wanted. */
	void (*drained)(void *ctx, void *state);
	/* Whether answers to lines handed over are still to come: a half-closed peer is kept for them. NULL: never. */
	bool (*owes)(void *ctx, void *state);
	/* Gone, for whatever reason. Last call for this state. */
	void (*closed)(void *ctx, void *state);
};

/* Listens. fd >= 0: an inherited listening socket (socket activation), path unused; else binds path with `mode` after
 * removing a dead socket there (one that refuses connections). 0, -ST_CONFLICT (somebody answers on it), -ST_CONFIG
 * (the path is empty or longer than a socket's name can be), -ST_IO with errno (ENOTSOCK: another file stands there
 * and is left alone). max_connections: 0 for all; whoever comes when they are taken gets the place of the one that has been idle for
 * longest (no whole line, nothing owed), or, where none is, is told ERR busy and closed. */
int server_new(struct loop *l, const char *path, int fd, mode_t mode, const struct server_ops *ops, void *ctx,
               unsigned max_connections, struct server **out);
/* Stops accepting; existing connections go on. Removes the path if it was bound here. */
void server_stop(struct server *s);
/* Stops, and closes every connection once its output is flushed, at most grace_ms later: no further line is handed
 * over, one that waits for server_resume is not waited for. done(ctx) when none is left, never from within the call. */
void server_close_all(struct server *s, int64_t grace_ms, void (*done)(void *ctx), void *ctx);
/* At any time: what is left is closed unflushed. Not from within callbacks other than done. */
void server_free(struct server *s);

void server_write(struct server *s, uint64_t conn, const char *data, size_t len);    /* copies; unknown conn: dropped */
size_t server_waiting(struct server *s, uint64_t conn);                              /* bytes not yet taken by the peer */
void server_expect_body(struct server *s, uint64_t conn, uint64_t bytes);            /* only from within line() */
void server_resume(struct server *s, uint64_t conn);                                 /* after SERVER_WAIT or SERVER_AGAIN */
void server_close(struct server *s, uint64_t conn);                                  /* flush, then close */
unsigned server_count(const struct server *s);

#endif
