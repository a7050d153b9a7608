/* server_conn.c: one connection: bytes in, lines and bodies to the handler, output to the peer.
 *
 * Interest in reading is dropped lazily: only when bytes arrive that may not be taken yet. A client that sends one
 * request and awaits its answer therefore costs no change of the poll set. UV_PRIORITIZED is always watched: on these
 * sockets it stands for a peer that has closed both directions, also while nothing is read. Such a peer is gone: what
 * it sent and was not handed over yet is dropped. One that only shut down its sending side still gets its answers. */
#include "daemon/io/server_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/log.h"
#include "proto/status.h"

#define FAIR_LINES 64
#define FAIR_BYTES (64 * 1024)
#define SLOT_BITS 16
#define GROUPS_GUESS 64
#define OUT_FIRST_BYTES 2048

size_t conn_waiting(const struct conn *c)
{
	return c->out.len - c->out_sent;
}

/* Bytes without the end of their line are no request. */
uint64_t conn_idle_ms(const struct conn *c)
{
	const struct server_ops *ops = c->server->ops;

	if (c->dead || c->closing || c->waiting || !c->hungry || conn_waiting(c) > 0 ||
	    (c->opened && ops->owes != NULL && ops->owes(c->server->ctx, c->state)))
		return 0;
	return uv_now(c->server->uv) - c->heard_ms;
}

static void conn_queue_dirty(struct conn *c)
{
	if (link_empty(&c->dirty))
		link_append(&c->server->dirty, &c->dirty);
	server_must_run(c->server);
}

static void conn_queue_ready(struct conn *c)
{
	if (link_empty(&c->ready))
		link_append(&c->server->ready, &c->ready);
	server_must_run(c->server);
}

void conn_kill(struct conn *c)
{
	c->dead = true;
	conn_queue_dirty(c);
}

void conn_close(struct conn *c)
{
	c->closing = true;
	conn_queue_dirty(c);
}

/* May not be given a line now. */
static bool conn_held(const struct conn *c)
{
	return c->waiting || c->closing || c->dead || conn_waiting(c) > SERVER_OUT_HIGH;
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void conn_watch(struct conn *c)
{
	int want = UV_PRIORITIZED | (c->want_read ? UV_READABLE : 0) | (c->blocked ? UV_WRITABLE : 0);

	if (want == c->interest)
		return;
	c->interest = want;
	if (uv_poll_start(&c->poll, want, on_poll) != 0)
		conn_kill(c);
}

static void conn_set_blocked(struct conn *c, bool blocked)
{
	if (c->blocked == blocked)
		return;
	c->blocked = blocked;
	if (blocked)
		c->server->blocked_count++;
	else
		c->server->blocked_count--;
	server_tick_update(c->server);
}

static void conn_take_next(struct conn *c, enum server_next next, const char *line, size_t len)
{
	switch (next) {
	case SERVER_AGAIN:
		if (line != NULL)
			line_unread(&c->in, len);
		c->waiting = !c->resumed;
		break;
	case SERVER_WAIT:
		c->waiting = !c->resumed;
		break;
	case SERVER_CLOSE:
		conn_close(c);
		break;
	case SERVER_NEXT:
	default:
		break;
	}
}

static bool conn_hand_over(struct conn *c, size_t *bytes)
{
	const struct server_ops *ops = c->server->ops;
	void *ctx = c->server->ctx;
	enum server_next next = SERVER_NEXT;
	char *data;
	size_t len;
	enum line_event ev = line_next(&c->in, &data, &len);

	if (ev == LINE_NONE)
		return false;
	*bytes = len;
	c->heard_ms = uv_now(c->server->uv);
	c->in_handler = true;
	c->resumed = false;
	switch (ev) {
	case LINE_TEXT:
		next = ops->line(ctx, c->state, data, len);
		break;
	case LINE_BODY:
		next = ops->body(ctx, c->state, data, len, c->in.body_left);
		break;
	case LINE_TOO_LONG:
	case LINE_BAD:
		next = ops->bad_line(ctx, c->state, ev == LINE_TOO_LONG);
		break;
	case LINE_NONE:
	default:
		break;
	}
	c->in_handler = false;
	conn_take_next(c, next, ev == LINE_TEXT ? data : NULL, len);
	return true;
}

void conn_pump(struct conn *c)
{
	size_t lines = 0, bytes = 0, n = 0;

	if (c->drain_due && !c->dead && !c->closing) {
		c->drain_due = false;
		if (c->server->ops->drained != NULL)
			c->server->ops->drained(c->server->ctx, c->state);
	}
	c->hungry = false;
	while (!conn_held(c) && lines < FAIR_LINES && bytes < FAIR_BYTES) {
		if (!conn_hand_over(c, &n)) {
			c->hungry = true;
			break;
		}
		lines++;
		bytes += n;
	}
	if (!c->hungry) {
		if (!conn_held(c))
			conn_queue_ready(c);
		return;
	}
	if (line_pending(&c->in) == 0) {      /* idle connections hold no buffer */
		buf_done(&c->in.in);
		c->in.used = c->in.scanned = 0;
	}
	if (c->eof) {
		/* The start of a line without its end is no request. Answers that are still to come are waited for. */
		if (c->server->ops->owes == NULL || !c->server->ops->owes(c->server->ctx, c->state))
			conn_close(c);
		return;
	}
	c->want_read = true;
	conn_watch(c);
}

static void conn_read(struct conn *c)
{
	struct server *s = c->server;
	ssize_t n;

	if (!c->hungry || conn_held(c)) {
		if (link_empty(&c->ready))      /* those that are ready come back to reading in this very iteration */
			c->want_read = false;
		conn_watch(c);
		return;
	}
	do
		n = recv(c->fd, s->read_buf, sizeof s->read_buf, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		if (errno != EAGAIN)
			conn_kill(c);
		return;
	}
	if (n == 0) {
		c->eof = true;
		c->want_read = false;
		conn_watch(c);
	} else if (line_feed(&c->in, s->read_buf, (size_t)n) != 0) {
		log_line(LOG_LEVEL_WARNING, "no memory for a request, closing its connection", "uid=%u", c->peer.uid);
		conn_kill(c);
		return;
	}
	conn_pump(c);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct conn *c = poll->data;

	if (c->dead)
		return;
	if (status < 0 || (events & UV_PRIORITIZED) != 0) {
		conn_kill(c);
		return;
	}
	if ((events & UV_WRITABLE) != 0)
		conn_queue_dirty(c);
	if ((events & UV_READABLE) != 0)
		conn_read(c);
}

/* Sends until everything is taken or the socket is full. False when the peer is gone. */
static bool conn_send(struct conn *c)
{
	size_t before = c->out_sent;
	bool full = false;

	while (!full && conn_waiting(c) > 0) {
		ssize_t n = send(c->fd, c->out.data + c->out_sent, conn_waiting(c), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0)
			c->out_sent += (size_t)n;
		else if (errno == EAGAIN)
			full = true;
		else if (errno != EINTR)
			return false;
	}
	if (c->out_sent != before)
		c->progress_ms = uv_now(c->server->uv);
	if (!full)
		buf_done(&c->out);
	else if (c->out_sent > c->out.len / 2)
		buf_consume(&c->out, c->out_sent);
	else
		return true;
	c->out_sent = 0;
	return true;
}

void conn_flush(struct conn *c)
{
	if (!c->dead && conn_waiting(c) > 0 && !conn_send(c))
		c->dead = true;
	if (c->dead || (c->closing && conn_waiting(c) == 0)) {
		conn_reap(c);
		return;
	}
	conn_set_blocked(c, conn_waiting(c) > 0);
	if (c->was_high && conn_waiting(c) <= SERVER_OUT_HIGH) {
		c->was_high = false;
		c->drain_due = true;
		conn_queue_ready(c);
	}
	conn_watch(c);
	if (c->dead)
		conn_reap(c);
}

static void on_conn_closed(uv_handle_t *handle)
{
	struct conn *c = (struct conn *)handle;
	struct server *s = c->server;

	free(c);
	server_handle_closed(s);
}

static void conn_release(struct conn *c)
{
	struct server *s = c->server;

	s->slots[c->peer.conn & ((1u << SLOT_BITS) - 1)] = NULL;
	s->count--;
	s->free_slots[s->max_connections - s->count - 1] = (uint16_t)(c->peer.conn & ((1u << SLOT_BITS) - 1));
	conn_set_blocked(c, false);
	link_remove(&c->ready);
	link_remove(&c->dirty);
	line_done(&c->in);
	buf_done(&c->out);
	free(c->groups);
	c->groups = NULL;
	uv_close((uv_handle_t *)&c->poll, on_conn_closed);
	close(c->fd);
}

void conn_reap(struct conn *c)
{
	struct server *s = c->server;
	bool opened = c->opened;
	void *state = c->state;

	c->dead = true;
	conn_release(c);
	if (opened && s->ops->closed != NULL)
		s->ops->closed(s->ctx, state);
}

/* Who it is, as the kernel noted at connect(). */
static int peer_read(struct conn *c)
{
	struct ucred cred;
	socklen_t len = sizeof cred;

	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return -ST_IO;
	c->peer.uid = cred.uid;
	c->peer.gid = cred.gid;
	for (socklen_t bytes = GROUPS_GUESS * sizeof(gid_t);;) {
		gid_t *groups = realloc(c->groups, bytes);

		if (groups == NULL)
			return -ST_NO_MEMORY;
		c->groups = groups;
		len = bytes;
		if (getsockopt(c->fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == 0)
			break;
		if (errno != ERANGE || len <= bytes)
			return errno == ENOPROTOOPT ? 0 : -ST_IO;
		bytes = len;
	}
	c->peer.group_count = len / sizeof(gid_t);
	if (c->peer.group_count == 0) {
		free(c->groups);
		c->groups = NULL;
	} else {
		gid_t *fit = realloc(c->groups, len);

		c->groups = fit != NULL ? fit : c->groups;
	}
	c->peer.groups = c->groups;
	return 0;
}

static void conn_discard(struct conn *c)
{
	close(c->fd);
	free(c->groups);
	free(c);
}

void conn_open(struct server *s, int fd)
{
	struct conn *c = calloc(1, sizeof *c);
	uint16_t slot = s->free_slots[s->max_connections - s->count - 1];
	int err;

	if (c == NULL) {
		close(fd);
		return;
	}
	c->server = s;
	c->fd = fd;
	c->heard_ms = uv_now(s->uv);
	err = peer_read(c);
	if (err != 0 || uv_poll_init(s->uv, &c->poll, fd) != 0) {
		log_line(LOG_LEVEL_WARNING, "a connection was refused: no memory, or its peer is not known", NULL);
		conn_discard(c);
		return;
	}
	s->open_handles++;
	s->count++;
	s->slots[slot] = c;
	c->poll.data = c;
	c->peer.conn = ++s->serial << SLOT_BITS | slot;
	line_init(&c->in);
	buf_init(&c->out, 2 * (size_t)SERVER_OUT_MAX);
	link_init(&c->ready);
	link_init(&c->dirty);
	c->hungry = c->want_read = true;
	conn_watch(c);
	if (c->dead)
		return;
	if (s->ops->open(s->ctx, &c->peer, &c->state) != 0)
		conn_close(c);
	else
		c->opened = true;
}

static struct conn *conn_find(struct server *s, uint64_t id)
{
	unsigned slot = (unsigned)(id & ((1u << SLOT_BITS) - 1));
	struct conn *c = slot < s->max_connections ? s->slots[slot] : NULL;

	return c != NULL && c->peer.conn == id && !c->dead ? c : NULL;
}

void server_write(struct server *s, uint64_t conn, const char *data, size_t len)
{
	struct conn *c = conn_find(s, conn);

	if (c == NULL || len == 0)
		return;
	if (len > SERVER_OUT_MAX || conn_waiting(c) > SERVER_OUT_MAX - len) {
		log_line(LOG_LEVEL_WARNING, "a client does not read its answers, closing its connection", "uid=%u",
		         c->peer.uid);
		conn_kill(c);
		return;
	}
	if (conn_waiting(c) == 0)
		c->progress_ms = uv_now(s->uv);
	if (c->out.data == NULL)      /* the first of many answers that leave together; given back with them */
		(void)buf_reserve(&c->out, len < OUT_FIRST_BYTES ? OUT_FIRST_BYTES : len);
	buf_add(&c->out, data, len);
	if (buf_error(&c->out) != 0) {      /* half an answer must not be followed by the next one */
		log_line(LOG_LEVEL_WARNING, "no memory for an answer, closing its connection", "uid=%u", c->peer.uid);
		conn_kill(c);
		return;
	}
	c->was_high = c->was_high || conn_waiting(c) > SERVER_OUT_HIGH;
	conn_queue_dirty(c);
	if (c->eof)                   /* perhaps this was the last answer it waited for */
		conn_queue_ready(c);
}

size_t server_waiting(struct server *s, uint64_t conn)
{
	struct conn *c = conn_find(s, conn);

	return c != NULL ? conn_waiting(c) : 0;
}

void server_expect_body(struct server *s, uint64_t conn, uint64_t bytes)
{
	struct conn *c = conn_find(s, conn);

	if (c != NULL)
		line_expect_body(&c->in, bytes);
}

void server_resume(struct server *s, uint64_t conn)
{
	struct conn *c = conn_find(s, conn);

	if (c == NULL)
		return;
	if (c->in_handler)
		c->resumed = true;
	if (!c->waiting)
		return;
	c->waiting = false;
	conn_queue_ready(c);
}

void server_close(struct server *s, uint64_t conn)
{
	struct conn *c = conn_find(s, conn);

	if (c != NULL)
		conn_close(c);
}
