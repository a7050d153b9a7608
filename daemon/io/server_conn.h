/* server_conn.h: what server.c (listening, opening, stopping) and server_conn.c (one connection) share. Private to
 * them.
 *
 * A connection moves between two queues of its server. `ready`: it has lines to hand over and may go on. `dirty`: it
 * has output to send, or is dead. Both are worked off once per loop iteration, just before the loop waits: so all
 * answers of an iteration leave in one send, a client that pipelines gets its turn like everybody else, and a
 * connection is never freed under a callback. */
#ifndef SMMQ_IO_SERVER_CONN_H
#define SMMQ_IO_SERVER_CONN_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/io/server.h"
#include "proto/buf.h"
#include "proto/line.h"

#define SERVER_READ_BYTES (64 * 1024)

struct link {
	struct link *prev, *next;
};

struct conn {
	uv_poll_t poll;                /* first: freed through it */
	struct server *server;
	int fd;
	int interest;                  /* what poll watches now */
	struct peer peer;
	gid_t *groups;
	void *state;
	struct line_reader in;
	struct buf out;
	size_t out_sent;               /* bytes at the head of out that the peer has */
	uint64_t heard_ms;             /* when it was opened, or a line or a piece of body was handed over (loop time) */
	uint64_t progress_ms;          /* the peer last took something, or output began to wait (loop time) */
	struct link ready, dirty;
	bool opened;                   /* closed() is owed */
	bool hungry;                   /* needs more bytes: every complete line was handed over */
	bool eof;                      /* the peer sends no more */
	bool waiting;                  /* until server_resume */
	bool in_handler, resumed;      /* a resume that came before the WAIT it answers */
	bool want_read;
	bool blocked;                  /* the socket takes no more output for now */
	bool was_high, drain_due;
	bool closing, dead;
};

struct server {
	uv_loop_t *uv;
	const struct server_ops *ops;
	void *ctx;
	char *path;                    /* bound here, to be removed; NULL otherwise */
	uint64_t path_dev, path_ino;
	int fd;
	uv_poll_t listener;
	uv_prepare_t prepare;
	uv_idle_t idle;                /* active while a queue is not empty: the loop must not sleep then */
	uv_timer_t tick, grace;
	unsigned open_handles;         /* memory goes with the last close callback */
	bool listening, accept_paused, full_told, freed;
	unsigned blocked_count;
	struct conn **slots;
	uint16_t *free_slots;
	unsigned max_connections, count;
	uint64_t serial;
	struct link ready, dirty;
	void (*all_closed)(void *ctx);
	void *all_closed_ctx;
	char read_buf[SERVER_READ_BYTES];
};

static inline void link_init(struct link *l)
{
	l->prev = l->next = l;
}

static inline bool link_empty(const struct link *l)
{
	return l->next == l;
}

static inline void link_remove(struct link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	link_init(l);
}

static inline void link_append(struct link *list, struct link *l)
{
	l->prev = list->prev;
	l->next = list;
	list->prev->next = l;
	list->prev = l;
}

#define CONN_OF(l, member) ((struct conn *)(void *)((char *)(l) - offsetof(struct conn, member)))

/* Takes the accepted socket over; on failure it is closed. */
void conn_open(struct server *s, int fd);
/* Something was queued: the loop must not sleep before it is worked off. */
void server_must_run(struct server *s);
/* Starts or ends the periodic check for stalled peers and paused accepting. */
void server_tick_update(struct server *s);
/* For how long it has asked for nothing that is owed to it, in ms of loop time; 0 while something is. */
uint64_t conn_idle_ms(const struct conn *c);
/* The connection is unusable: it is reaped before the loop waits again. */
void conn_kill(struct conn *c);
/* Flush, then close. */
void conn_close(struct conn *c);
/* Now: closed() is called, the memory goes with the handle. */
void conn_reap(struct conn *c);
/* Hands lines over, at most a fair share. */
void conn_pump(struct conn *c);
void conn_flush(struct conn *c);
size_t conn_waiting(const struct conn *c);
void server_handle_closed(struct server *s);

#endif
