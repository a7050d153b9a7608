/* server.c: the listening socket and what concerns all connections: accepting, working off the queues once per loop
 * iteration, stalled peers, stopping. One connection is server_conn.c. */
#include "daemon/io/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/io/loop.h"
#include "daemon/io/server_conn.h"
#include "daemon/log.h"
#include "proto/status.h"

#define ACCEPT_PER_WAKE 64
#define TICK_MS 1000
#define BACKLOG 1024

/* For those who come while every place is taken: framing alone, so that the client can tell "later" from "dead". */
static const char full_answer[] =
	"ERR busy {\"message\":\"too many connections are open; try again later\",\"retryable\":true,"
	"\"safe_to_retry\":true}\n";

static void free_if_unused(struct server *s)
{
	if (!s->freed || s->open_handles > 0)
		return;
	free(s->slots);
	free(s->free_slots);
	free(s->path);
	free(s);
}

void server_handle_closed(struct server *s)
{
	s->open_handles--;
	free_if_unused(s);
}

static void on_closed(uv_handle_t *handle)
{
	server_handle_closed(handle->data);
}

/* ---- accepting ---- */

static void accept_pause(struct server *s)
{
	if (!s->accept_paused)
		log_line(LOG_LEVEL_WARNING, "connections cannot be accepted for now, trying again every second",
		         "reason=\"%s\"", strerror(errno));
	s->accept_paused = true;
	uv_poll_stop(&s->listener);
	server_tick_update(s);
}

static void refuse_full(struct server *s, int fd)
{
	if (!s->full_told)
		log_line(LOG_LEVEL_WARNING, "all connections are taken, refusing more", "connections=%u", s->count);
	s->full_told = true;
	(void)send(fd, full_answer, sizeof full_answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

/* The one that has been idle for longest gives its place to a newcomer: silence must not keep anybody out. False where all
 * are at work, or were opened just now. */
static bool make_place(struct server *s)
{
	struct conn *oldest = NULL;
	uint64_t idle_ms = SERVER_IDLE_MS - 1;

	for (unsigned i = 0; i < s->max_connections; i++) {
		struct conn *c = s->slots[i];
		uint64_t ms = c != NULL ? conn_idle_ms(c) : 0;

		/* Files come in pieces, and a slow line may hold one up for a while. */
		if (ms > idle_ms && (c->in.body_left == 0 || ms > SERVER_STALL_MS)) {
			oldest = c;
			idle_ms = ms;
		}
	}
	if (oldest == NULL)
		return false;
	if (!s->full_told)
		log_line(LOG_LEVEL_WARNING, "all connections are taken, closing those that are idle for others", "connections=%u", s->count);
	s->full_told = true;
	conn_reap(oldest);
	return true;
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
	struct server *s = poll->data;

	(void)status;
	(void)events;
	for (int i = 0; i < ACCEPT_PER_WAKE && s->listening; i++) {
		int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0) {
			if (errno != EAGAIN)
				accept_pause(s);
			return;
		}
		if (s->accept_paused)
			log_line(LOG_LEVEL_NOTICE, "connections are accepted again", NULL);
		s->accept_paused = false;
		if (s->count >= s->max_connections && !make_place(s)) {
			refuse_full(s, fd);
			continue;
		}
		if (s->count < s->max_connections / 2)
			s->full_told = false;
		conn_open(s, fd);
	}
}

/* ---- once per iteration and once per second ---- */

static void work_ready(struct server *s)
{
	struct link now;

	if (link_empty(&s->ready))
		return;
	/* Those that want another turn queue up for the next iteration, behind whatever else arrives. */
	link_append(&s->ready, &now);
	link_remove(&s->ready);
	while (!link_empty(&now)) {
		struct conn *c = CONN_OF(now.next, ready);

		link_remove(&c->ready);
		if (!c->dead)
			conn_pump(c);
	}
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct server *s = prepare->data;

	work_ready(s);
	while (!link_empty(&s->dirty)) {
		struct conn *c = CONN_OF(s->dirty.next, dirty);

		link_remove(&c->dirty);
		conn_flush(c);
	}
	if (s->count == 0 && s->all_closed != NULL) {
		void (*done)(void *ctx) = s->all_closed;

		s->all_closed = NULL;
		uv_timer_stop(&s->grace);
		done(s->all_closed_ctx);
	}
	if (s->freed)
		return;
	if (link_empty(&s->ready) && link_empty(&s->dirty))
		uv_idle_stop(&s->idle);
}

static void on_idle(uv_idle_t *idle)
{
	(void)idle;
}

void server_must_run(struct server *s)
{
	/* Cannot fail: the callback is given. An active idle handle keeps the loop from sleeping. */
	(void)uv_idle_start(&s->idle, on_idle);
}

static void kill_stalled(struct server *s)
{
	uint64_t now = uv_now(s->uv);

	for (unsigned i = 0; i < s->max_connections && s->blocked_count > 0; i++) {
		struct conn *c = s->slots[i];

		if (c == NULL || c->dead || !c->blocked || now - c->progress_ms < SERVER_STALL_MS)
			continue;
		log_line(LOG_LEVEL_WARNING, "a client has stopped reading its answers, closing its connection",
		         "uid=%u", c->peer.uid);
		conn_kill(c);
	}
}

static void on_tick(uv_timer_t *timer)
{
	struct server *s = timer->data;

	/* A pause ends silently here and is told as over by the first connection that is accepted. */
	if (s->accept_paused && s->listening)
		(void)uv_poll_start(&s->listener, UV_READABLE, on_connection);
	kill_stalled(s);
	server_tick_update(s);
}

void server_tick_update(struct server *s)
{
	bool want = !s->freed && (s->blocked_count > 0 || (s->accept_paused && s->listening));

	if (want && !uv_is_active((uv_handle_t *)&s->tick))
		(void)uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
	else if (!want)
		uv_timer_stop(&s->tick);
}

/* ---- listening ---- */

/* Whether somebody answers at addr: 0 a dead socket, -ST_CONFLICT, or -ST_IO. */
static int probe_socket(const struct sockaddr_un *addr)
{
	struct stat st;
	int fd, err;

	if (lstat(addr->sun_path, &st) != 0)
		return errno == ENOENT ? 0 : -ST_IO;
	if (!S_ISSOCK(st.st_mode)) {      /* connect() is refused by plain files too: never remove one */
		errno = ENOTSOCK;
		return -ST_IO;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -ST_IO;
	err = connect(fd, (const struct sockaddr *)addr, sizeof *addr) == 0 ? 0 : errno;
	close(fd);
	if (err == ECONNREFUSED)
		return unlink(addr->sun_path) == 0 || errno == ENOENT ? 0 : -ST_IO;
	errno = err;
	return err == 0 || err == EAGAIN ? -ST_CONFLICT : err == ENOENT ? 0 : -ST_IO;
}

static int bind_path(struct server *s, const char *path, mode_t mode)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;
	int err;

	if (path == NULL || path[0] == '\0' || strlen(path) >= sizeof addr.sun_path)
		return -ST_CONFIG;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	s->path = strdup(path);
	if (s->path == NULL)
		return -ST_NO_MEMORY;
	err = probe_socket(&addr);
	if (err != 0)
		goto refused;
	err = -ST_IO;
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Linux takes the mode of the file from the socket's own inode, less umask: never wider than asked for. */
	if (s->fd < 0 || fchmod(s->fd, mode) != 0 || bind(s->fd, (struct sockaddr *)&addr, sizeof addr) != 0)
		goto refused;
	if (lstat(path, &st) == 0) {
		s->path_dev = st.st_dev;
		s->path_ino = st.st_ino;
	}
	return chmod(path, mode) == 0 && listen(s->fd, BACKLOG) == 0 ? 0 : -ST_IO;
refused:
	free(s->path);      /* nothing of ours stands there */
	s->path = NULL;
	return err;
}

static int adopt_fd(struct server *s, int fd)
{
	int listening = 0, flags = fcntl(fd, F_GETFL);
	socklen_t len = sizeof listening;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) != 0)
		return -ST_IO;
	if (!listening) {
		errno = EINVAL;
		return -ST_IO;
	}
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return -ST_IO;
	s->fd = fd;
	return 0;
}

static struct server *server_alloc(struct loop *l, const struct server_ops *ops, void *ctx, unsigned max_connections)
{
	struct server *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->uv = loop_uv(l);
	s->ops = ops;
	s->ctx = ctx;
	s->fd = -1;
	s->max_connections = max_connections;
	if (max_connections == 0 || max_connections > SERVER_MAX_CONNECTIONS)
		s->max_connections = SERVER_MAX_CONNECTIONS;
	s->slots = calloc(s->max_connections, sizeof *s->slots);
	s->free_slots = calloc(s->max_connections, sizeof *s->free_slots);
	if (s->slots == NULL || s->free_slots == NULL) {
		free(s->slots);
		free(s->free_slots);
		free(s);
		return NULL;
	}
	for (unsigned i = 0; i < s->max_connections; i++)
		s->free_slots[i] = (uint16_t)(s->max_connections - 1 - i);
	link_init(&s->ready);
	link_init(&s->dirty);
	/* None of these can fail: they only set the handle up. */
	(void)uv_prepare_init(s->uv, &s->prepare);
	(void)uv_idle_init(s->uv, &s->idle);
	(void)uv_timer_init(s->uv, &s->tick);
	(void)uv_timer_init(s->uv, &s->grace);
	s->prepare.data = s->idle.data = s->tick.data = s->grace.data = s;
	s->open_handles = 4;
	(void)uv_prepare_start(&s->prepare, on_prepare);
	return s;
}

int server_new(struct loop *l, const char *path, int fd, mode_t mode, const struct server_ops *ops, void *ctx,
               unsigned max_connections, struct server **out)
{
	struct server *s = server_alloc(l, ops, ctx, max_connections);
	int err, saved;

	if (s == NULL)
		return -ST_NO_MEMORY;
	err = fd >= 0 ? adopt_fd(s, fd) : bind_path(s, path, mode);
	if (err == 0 && uv_poll_init(s->uv, &s->listener, s->fd) != 0)
		err = -ST_IO;
	if (err == 0) {
		s->listening = true;
		s->listener.data = s;
		s->open_handles++;
		if (uv_poll_start(&s->listener, UV_READABLE, on_connection) != 0)
			err = -ST_IO;
	}
	if (err != 0) {
		saved = errno;
		server_free(s);
		errno = saved;
		return err;
	}
	*out = s;
	return 0;
}

/* ---- stopping ---- */

static void unlink_path(struct server *s)
{
	struct stat st;

	/* Another daemon may have taken the name since; its socket is not ours to remove. */
	if (s->path != NULL && lstat(s->path, &st) == 0 && st.st_dev == s->path_dev && st.st_ino == s->path_ino)
		(void)unlink(s->path);
	free(s->path);
	s->path = NULL;
}

void server_stop(struct server *s)
{
	if (s->listening) {
		s->listening = false;
		uv_close((uv_handle_t *)&s->listener, on_closed);
	}
	unlink_path(s);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	server_tick_update(s);
}

static void on_grace(uv_timer_t *timer)
{
	struct server *s = timer->data;

	for (unsigned i = 0; i < s->max_connections; i++)
		if (s->slots[i] != NULL)
			conn_kill(s->slots[i]);
}

void server_close_all(struct server *s, int64_t grace_ms, void (*done)(void *ctx), void *ctx)
{
	server_stop(s);
	s->all_closed = done;
	s->all_closed_ctx = ctx;
	for (unsigned i = 0; i < s->max_connections; i++)
		if (s->slots[i] != NULL)
			conn_close(s->slots[i]);
	server_must_run(s);
	uv_update_time(s->uv);
	(void)uv_timer_start(&s->grace, on_grace, grace_ms < 0 ? 0 : (uint64_t)grace_ms, 0);
}

void server_free(struct server *s)
{
	if (s == NULL)
		return;
	s->all_closed = NULL;
	for (unsigned i = 0; i < s->max_connections; i++)
		if (s->slots[i] != NULL)
			conn_reap(s->slots[i]);
	server_stop(s);
	s->freed = true;
	uv_close((uv_handle_t *)&s->prepare, on_closed);
	uv_close((uv_handle_t *)&s->idle, on_closed);
	uv_close((uv_handle_t *)&s->tick, on_closed);
	uv_close((uv_handle_t *)&s->grace, on_closed);
}

unsigned server_count(const struct server *s)
{
	return s->count;
}
