/* server_house.c: the server on a thread of its own, with commands that bring it into every state; and clients, which are plain blocking
 * sockets. The server's files are compiled in, so that the time limit for stalled peers can be a short one. */
#include "daemon/io/server.h"

#undef SERVER_STALL_MS
#define SERVER_STALL_MS 3000

#include "daemon/io/server.c"
#include "daemon/io/server_conn.c"

#include "tests/unit/server_house.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

const unsigned server_fair_lines = FAIR_LINES;

/* ---- the server under test and its handler ---- */

struct session {
	struct peer peer;
	bool again;
	uint64_t body_sum, body_len;
};

struct loop *loop;
struct server *server;
static struct loop_wake *wake;
static struct loop_tick *tick;
static pthread_t thread;
char path[128];
static char directory[64];
atomic_uint opened, closed, lines, drained;
atomic_size_t max_waiting;
static void (*volatile task)(void);        /* run on the loop thread by on_wake */
static atomic_bool task_done;
static uint64_t waiters[MAX_CONNS];
static size_t waiter_count;
char order[4096];
atomic_size_t order_len;

static void reply(struct session *s, const char *text)
{
	size_t waiting;

	server_write(server, s->peer.conn, text, strlen(text));
	waiting = server_waiting(server, s->peer.conn);
	if (waiting > atomic_load(&max_waiting))
		atomic_store(&max_waiting, waiting);
}

static int on_open(void *ctx, const struct peer *peer, void **state)
{
	struct session *s = calloc(1, sizeof *s);

	(void)ctx;
	s->peer = *peer;
	*state = s;
	atomic_fetch_add(&opened, 1);
	return 0;
}

static enum server_next do_echo(struct session *s, char *arg)
{
	reply(s, arg);
	reply(s, "\n");
	return SERVER_NEXT;
}

static enum server_next do_body(struct session *s, char *arg)
{
	s->body_sum = s->body_len = 0;
	server_expect_body(server, s->peer.conn, strtoull(arg, NULL, 10));
	return SERVER_NEXT;
}

static enum server_next do_big(struct session *s, char *arg)
{
	size_t len = strtoull(arg, NULL, 10);
	char *big = malloc(len + 2);

	memset(big, 'x', len);
	memcpy(big + len, "\n", 2);
	reply(s, big);
	free(big);
	return SERVER_NEXT;
}

static enum server_next do_wait(struct session *s, char *arg)
{
	(void)arg;
	waiters[waiter_count++] = s->peer.conn;      /* resumed, with an answer, by the tick */
	return SERVER_WAIT;
}

static enum server_next do_hang(struct session *s, char *arg)
{
	(void)arg;
	(void)s;
	return SERVER_WAIT;
}

static enum server_next do_again(struct session *s, char *arg)
{
	(void)arg;
	if (s->again) {
		reply(s, "again\n");
		s->again = false;
		return SERVER_NEXT;
	}
	s->again = true;
	waiters[waiter_count++] = s->peer.conn;
	return SERVER_AGAIN;
}

static enum server_next do_early(struct session *s, char *arg)
{
	(void)arg;
	reply(s, "early\n");
	server_resume(server, s->peer.conn);
	return SERVER_WAIT;
}

static enum server_next do_close(struct session *s, char *arg)
{
	(void)arg;
	reply(s, "bye\n");
	return SERVER_CLOSE;
}

static enum server_next do_who(struct session *s, char *arg)
{
	char text[128];

	(void)arg;
	snprintf(text, sizeof text, "%u %u %zu\n", s->peer.uid, s->peer.gid, s->peer.group_count);
	reply(s, text);
	return SERVER_NEXT;
}

static enum server_next do_order(struct session *s, char *arg)
{
	(void)s;
	size_t at = atomic_load(&order_len);

	if (at < sizeof order)
		order[at] = arg[0];
	atomic_store(&order_len, at + 1);
	return SERVER_NEXT;
}

static const struct {
	const char *name;
	enum server_next (*run)(struct session *s, char *arg);
} commands[] = {
	{ "echo", do_echo }, { "body", do_body },   { "big", do_big },     { "wait", do_wait }, { "hang", do_hang },
	{ "again", do_again }, { "early", do_early }, { "close", do_close }, { "who", do_who }, { "order", do_order },
};

static enum server_next on_line(void *ctx, void *state, char *line, size_t len)
{
	char *arg = strchr(line, ' ');
	size_t name_len = arg != NULL ? (size_t)(arg - line) : len;

	(void)ctx;
	atomic_fetch_add(&lines, 1);
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (strlen(commands[i].name) == name_len && strncmp(commands[i].name, line, name_len) == 0)
			return commands[i].run(state, arg != NULL ? arg + 1 : line + len);
	reply(state, "what?\n");
	return SERVER_NEXT;
}

static enum server_next on_body_piece(void *ctx, void *state, const char *data, size_t len, uint64_t left)
{
	struct session *s = state;
	char text[64];

	(void)ctx;
	s->body_len += len;
	for (size_t i = 0; i < len; i++)
		s->body_sum += (unsigned char)data[i];
	if (left == 0) {
		snprintf(text, sizeof text, "body %llu %llu\n", (unsigned long long)s->body_len,
		         (unsigned long long)s->body_sum);
		reply(s, text);
	}
	return SERVER_NEXT;
}

static enum server_next on_bad_line(void *ctx, void *state, bool too_long)
{
	(void)ctx;
	reply(state, too_long ? "too long\n" : "bad\n");
	return SERVER_NEXT;
}

static void on_drained(void *ctx, void *state)
{
	(void)ctx;
	(void)state;
	atomic_fetch_add(&drained, 1);
}

static void on_gone(void *ctx, void *state)
{
	(void)ctx;
	free(state);
	atomic_fetch_add(&closed, 1);
}

const struct server_ops ops = {
	.open = on_open, .line = on_line, .body = on_body_piece, .bad_line = on_bad_line, .drained = on_drained, .closed = on_gone,
};

static void on_tick_resume(void *ctx)
{
	(void)ctx;
	for (size_t i = 0; i < waiter_count; i++) {
		server_write(server, waiters[i], "waited\n", 7);
		server_resume(server, waiters[i]);
	}
	waiter_count = 0;
}

static void on_task(void *ctx)
{
	(void)ctx;
	if (task != NULL) {
		task();
		task = NULL;
		atomic_store(&task_done, true);
	}
}

void on_loop(void (*run)(void))
{
	atomic_store(&task_done, false);
	task = run;
	loop_wake_send(wake);
	while (!atomic_load(&task_done))
		usleep(500);
}

static void *run_loop(void *arg)
{
	(void)arg;
	loop_run(loop);
	return NULL;
}

int server_house_set_up(void **state)
{
	(void)state;
	atomic_store(&opened, 0);
	atomic_store(&closed, 0);
	atomic_store(&lines, 0);
	atomic_store(&drained, 0);
	atomic_store(&max_waiting, 0);
	waiter_count = 0;
	atomic_store(&order_len, 0);
	strcpy(directory, "/tmp/test_server_XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/s", directory);
	if (loop_new(&loop) != 0 || server_new(loop, path, -1, 0660, &ops, NULL, MAX_CONNS, &server) != 0 ||
	    loop_wake_new(loop, on_task, NULL, &wake) != 0 || loop_tick_new(loop, 20, on_tick_resume, NULL, &tick) != 0)
		return -1;
	return pthread_create(&thread, NULL, run_loop, NULL);
}

static void stop_loop(void)
{
	loop_stop(loop);
}

int server_house_tear_down(void **state)
{
	(void)state;
	on_loop(stop_loop);
	pthread_join(thread, NULL);
	server_free(server);
	loop_wake_free(wake);
	loop_tick_free(tick);
	loop_free(loop);
	unlink(path);
	rmdir(directory);
	return atomic_load(&opened) == atomic_load(&closed) ? 0 : -1;
}

/* ---- a client ---- */

int client_open(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = 20 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	strcpy(addr.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	return fd;
}

void client_send(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		assert_true(n > 0);
		data += n;
		len -= (size_t)n;
	}
}

void client_say(int fd, const char *text)
{
	client_send(fd, text, strlen(text));
}

void client_expect(int fd, const char *text)
{
	char got[256];
	size_t want = strlen(text), len = 0;

	assert_true(want < sizeof got);
	while (len < want) {
		ssize_t n = recv(fd, got + len, want - len, 0);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	got[len] = '\0';
	assert_string_equal(got, text);
}

void client_expect_end(int fd)
{
	char c;

	assert_int_equal(recv(fd, &c, 1, 0), 0);
}

void wait_for(atomic_uint *counter, unsigned value)
{
	for (int i = 0; i < 20000 && atomic_load(counter) < value; i++)
		usleep(1000);
	assert_true(atomic_load(counter) >= value);
}
