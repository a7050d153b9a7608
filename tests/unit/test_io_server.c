/* test_io_server.c: the socket, from the client's side: the server runs on a thread of its own, clients are plain
 * blocking sockets here. The server's files are compiled in, so that the time limit for stalled peers can be a short
 * one. */
#include "daemon/io/server.h"

#undef SERVER_STALL_MS
#define SERVER_STALL_MS 3000

#include "daemon/io/server.c"
#include "daemon/io/server_conn.c"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>

#include <cmocka.h>

#define MAX_CONNS 8

/* ---- the server under test and its handler ---- */

struct session {
	struct peer peer;
	bool again;
	uint64_t body_sum, body_len;
};

static struct loop *loop;
static struct server *server;
static struct loop_wake *wake;
static struct loop_tick *tick;
static pthread_t thread;
static char directory[64], path[128];
static atomic_uint opened, closed, lines, drained, resumed_early;
static atomic_size_t max_waiting;
static atomic_bool all_closed;
static void (*volatile task)(void);        /* run on the loop thread by on_wake */
static atomic_bool task_done;
static uint64_t waiters[MAX_CONNS];
static size_t waiter_count;
static char order[4096];
static atomic_size_t order_len;

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

static const struct server_ops ops = {
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

static void on_loop(void (*run)(void))
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

static int set_up(void **state)
{
	(void)state;
	atomic_store(&opened, 0);
	atomic_store(&closed, 0);
	atomic_store(&lines, 0);
	atomic_store(&drained, 0);
	atomic_store(&max_waiting, 0);
	atomic_store(&all_closed, false);
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

static int tear_down(void **state)
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

static int client_open(void)
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

static void client_send(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		assert_true(n > 0);
		data += n;
		len -= (size_t)n;
	}
}

static void client_say(int fd, const char *text)
{
	client_send(fd, text, strlen(text));
}

static void client_expect(int fd, const char *text)
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

static void client_expect_end(int fd)
{
	char c;

	assert_int_equal(recv(fd, &c, 1, 0), 0);
}

static void wait_for(atomic_uint *counter, unsigned value)
{
	for (int i = 0; i < 20000 && atomic_load(counter) < value; i++)
		usleep(1000);
	assert_true(atomic_load(counter) >= value);
}

/* ---- tests ---- */

static void *send_many(void *arg)
{
	char line[32];

	for (int i = 0; i < 20000; i++) {
		snprintf(line, sizeof line, "echo %d\n", i);
		client_say(*(int *)arg, line);
	}
	return NULL;
}

static void pipelined_answers_keep_their_order(void **state)
{
	int fd = client_open();
	pthread_t sender;
	FILE *in = fdopen(dup(fd), "r");
	char got[32], want[32];

	(void)state;
	assert_non_null(in);
	assert_int_equal(pthread_create(&sender, NULL, send_many, &fd), 0);
	for (int i = 0; i < 20000; i++) {
		assert_non_null(fgets(got, sizeof got, in));
		snprintf(want, sizeof want, "%d\n", i);
		assert_string_equal(got, want);
	}
	pthread_join(sender, NULL);
	fclose(in);
	close(fd);
}

static void clients_take_turns(void **state)
{
	int a = client_open(), b = client_open();
	char batch[1000 * 8 + 16];
	size_t longest = 0, run = 1, len;

	(void)state;
	/* Both are held with a thousand lines each in the server's hands, and let go in the same moment. */
	for (int i = 0; i < 2; i++) {
		len = (size_t)snprintf(batch, sizeof batch, "wait\n");
		for (int n = 0; n < 1000; n++)
			len += (size_t)snprintf(batch + len, sizeof batch - len, "order %c\n", 'a' + i);
		client_send(i == 0 ? a : b, batch, len);
	}
	client_expect(a, "waited\n");
	client_expect(b, "waited\n");
	for (int i = 0; i < 20000 && atomic_load(&order_len) < 2000; i++)
		usleep(1000);
	len = atomic_load(&order_len);
	assert_int_equal(len, 2000);
	for (size_t i = 1; i < len; i++) {
		run = order[i] == order[i - 1] ? run + 1 : 1;
		/* At either end one of them may be alone: its neighbour came a tick later or is through. */
		if (memchr(order + i, 'a', len - i) != NULL && memchr(order + i, 'b', len - i) != NULL &&
		    memchr(order, 'a', i) != NULL && memchr(order, 'b', i) != NULL && run > longest)
			longest = run;
	}
	assert_in_range(longest, 1, 2 * FAIR_LINES);
	close(a);
	close(b);
}

static void a_client_that_does_not_read_is_held(void **state)
{
	int fd = client_open();
	unsigned handed;
	char piece[65536];
	size_t left = 100 * 100001;

	(void)state;
	for (int i = 0; i < 100; i++)
		client_say(fd, "big 100000\n");
	usleep(300000);
	handed = atomic_load(&lines);
	assert_in_range(handed, 1, 12);
	assert_true(atomic_load(&max_waiting) <= SERVER_OUT_HIGH + 100001);
	while (left > 0) {
		ssize_t n = recv(fd, piece, left < sizeof piece ? left : sizeof piece, 0);

		assert_true(n > 0);
		left -= (size_t)n;
	}
	assert_int_equal(atomic_load(&lines), 100);
	assert_true(atomic_load(&drained) > 0);
	client_say(fd, "echo on\n");
	client_expect(fd, "on\n");
	close(fd);
}

static void a_client_that_overflows_is_cut(void **state)
{
	int fd = client_open();

	(void)state;
	client_say(fd, "big 9000000\n");
	client_expect_end(fd);
	wait_for(&closed, 1);
	close(fd);
}

static void a_client_that_stalls_is_cut(void **state)
{
	int fd = client_open();

	(void)state;
	client_say(fd, "big 1000000\n");
	wait_for(&closed, 1);
	close(fd);
}

static void bad_lines_are_told(void **state)
{
	int fd = client_open();
	size_t len = LINE_MAX_BYTES + 10;
	char *big = malloc(len);

	(void)state;
	memset(big, 'a', len);
	client_send(fd, big, len);
	client_say(fd, "\necho after\n");
	client_expect(fd, "too long\nafter\n");
	client_say(fd, "echo \xff\necho \x01\necho good\n");
	client_expect(fd, "bad\nbad\ngood\n");
	/* Exactly as long as a line may be. */
	memcpy(big, "nonsense", 8);
	client_send(fd, big, LINE_MAX_BYTES);
	client_say(fd, "\n");
	client_expect(fd, "what?\n");
	free(big);
	close(fd);
}

static void bodies_come_whole(void **state)
{
	int fd = client_open();
	size_t len = 300000;
	unsigned long long sum = 0;
	char *data = malloc(len), want[64];

	(void)state;
	for (size_t i = 0; i < len; i++) {
		data[i] = (char)(i * 31 + '\n');
		sum += (unsigned char)data[i];
	}
	client_say(fd, "body 300000\n");
	client_send(fd, data, len);
	client_say(fd, "echo next\nbody 3\n\n\n\necho last\n");
	snprintf(want, sizeof want, "body 300000 %llu\nnext\nbody 3 30\nlast\n", sum);
	client_expect(fd, want);
	free(data);
	close(fd);
}

static void half_closed_clients_get_their_answers(void **state)
{
	int fd = client_open();

	(void)state;
	client_say(fd, "wait\necho a\necho partial");
	shutdown(fd, SHUT_WR);
	client_expect(fd, "waited\na\n");
	client_expect_end(fd);
	assert_int_equal(atomic_load(&lines), 2);
	close(fd);
}

static void waiting_and_again(void **state)
{
	int fd = client_open();

	(void)state;
	client_say(fd, "wait\necho 1\nagain\necho 2\nearly\necho 3\n");
	client_expect(fd, "waited\n1\nwaited\nagain\n2\nearly\n3\n");
	assert_int_equal(atomic_load(&lines), 7);
	close(fd);
}

static void gone_clients_are_noticed_while_they_wait(void **state)
{
	int fd = client_open();

	(void)state;
	client_say(fd, "hang\n");
	wait_for(&lines, 1);
	close(fd);
	wait_for(&closed, 1);
	fd = client_open();
	client_say(fd, "hang\necho unread\n");
	wait_for(&lines, 2);
	shutdown(fd, SHUT_WR);      /* not gone: only done with sending */
	usleep(100000);
	assert_int_equal(atomic_load(&closed), 1);
	close(fd);
	wait_for(&closed, 2);
}

static void closing_flushes(void **state)
{
	int fd = client_open();

	(void)state;
	client_say(fd, "big 400000\nclose\necho never\n");
	for (size_t left = 400001; left > 0;) {
		char piece[4096];
		ssize_t n = recv(fd, piece, left < sizeof piece ? left : sizeof piece, 0);

		assert_true(n > 0);
		left -= (size_t)n;
	}
	client_expect(fd, "bye\n");
	wait_for(&closed, 1);
	assert_int_equal(atomic_load(&lines), 2);
	close(fd);
}

static void peers_are_known(void **state)
{
	int fd = client_open();
	char want[64];
	gid_t groups[256];
	int count = getgroups(256, groups);

	(void)state;
	snprintf(want, sizeof want, "%u %u %d\n", geteuid(), getegid(), count);
	client_say(fd, "who\n");
	client_expect(fd, want);
	close(fd);
}

static void too_many_are_told(void **state)
{
	int fds[MAX_CONNS + 1];

	(void)state;
	for (int i = 0; i < MAX_CONNS; i++) {
		fds[i] = client_open();
		client_say(fds[i], "echo in\n");
		client_expect(fds[i], "in\n");
	}
	fds[MAX_CONNS] = client_open();
	client_expect(fds[MAX_CONNS], "ERR busy {\"message\":");
	close(fds[0]);
	wait_for(&closed, 1);
	fds[0] = client_open();
	client_say(fds[0], "echo again\n");
	client_expect(fds[0], "again\n");
	for (int i = 0; i <= MAX_CONNS; i++)
		close(fds[i]);
}

static void silence_keeps_nobody_out(void **state)
{
	int fds[MAX_CONNS + 2];

	(void)state;
	for (int i = 0; i < MAX_CONNS; i++) {
		fds[i] = client_open();
		client_say(fds[i], i == 1 ? "echo on" : "echo");
	}
	client_say(fds[1], "e\n");
	client_expect(fds[1], "one\n");
	usleep((SERVER_IDLE_MS + 200) * 1000);
	client_say(fds[1], "echo at work\n");
	client_expect(fds[1], "at work\n");
	for (int i = MAX_CONNS; i < MAX_CONNS + 2; i++) {
		fds[i] = client_open();
		client_say(fds[i], "echo new\n");
		client_expect(fds[i], "new\n");
	}
	wait_for(&closed, 2);
	client_say(fds[1], "echo still\n");
	client_expect(fds[1], "still\n");
	for (int i = 0; i < MAX_CONNS + 2; i++)
		close(fds[i]);
}

static void no_descriptors_left(void **state)
{
	struct rlimit old, low;
	int fd, out[2], saved = dup(STDERR_FILENO), probe;
	char text[4096];
	ssize_t n;
	unsigned told = 0;

	(void)state;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	strcpy(addr.sun_path, path);
	assert_int_equal(pipe(out), 0);
	dup2(out[1], STDERR_FILENO);
	getrlimit(RLIMIT_NOFILE, &old);
	probe = dup(fd);
	close(probe);
	low = old;
	low.rlim_cur = (rlim_t)probe;      /* the next descriptor would be this one */
	setrlimit(RLIMIT_NOFILE, &low);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
	client_say(fd, "echo late\n");
	usleep(2300000);      /* two more tries, no more lines */
	assert_int_equal(atomic_load(&opened), 0);
	setrlimit(RLIMIT_NOFILE, &old);
	client_expect(fd, "late\n");
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(out[1]);
	n = read(out[0], text, sizeof text - 1);
	assert_true(n > 0);
	text[n] = '\0';
	for (char *s = text; (s = strstr(s, "cannot be accepted")) != NULL; s++)
		told++;
	assert_int_equal(told, 1);
	close(out[0]);
	close(fd);
}

static void check_idle(void)
{
	for (unsigned i = 0; i < server->max_connections; i++) {
		const struct conn *c = server->slots[i];

		if (c != NULL && (c->in.in.data != NULL || c->out.data != NULL))
			return;
	}
	atomic_fetch_add(&resumed_early, 1);
}

static void idle_connections_hold_no_buffers(void **state)
{
	int fd = client_open();

	(void)state;
	atomic_store(&resumed_early, 0);
	client_say(fd, "echo x\n");
	client_expect(fd, "x\n");
	on_loop(check_idle);
	assert_int_equal(atomic_load(&resumed_early), 1);
	assert_true(sizeof(struct conn) < 1024);
	close(fd);
}

static void on_all_closed(void *ctx)
{
	(void)ctx;
	atomic_store(&all_closed, true);
}

static void close_all_now(void)
{
	server_close_all(server, 300, on_all_closed, NULL);
}

static void stopping_flushes_and_ends(void **state)
{
	int a = client_open(), b = client_open();
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int late = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	strcpy(addr.sun_path, path);
	client_say(a, "hang\n");
	client_say(b, "big 2000000\n");      /* never read: only the grace period ends it */
	wait_for(&lines, 2);
	on_loop(close_all_now);
	client_expect_end(a);
	for (int i = 0; i < 20000 && !atomic_load(&all_closed); i++)
		usleep(1000);
	assert_true(atomic_load(&all_closed));
	assert_int_equal(atomic_load(&closed), 2);
	assert_int_equal(server_count(server), 0);
	assert_int_equal(connect(late, (struct sockaddr *)&addr, sizeof addr), -1);
	assert_int_equal(errno, ENOENT);
	close(late);
	close(a);
	close(b);
}

/* ---- listening, without the running server ---- */

static void names_and_modes(void **state)
{
	char name[256], long_name[200];
	struct loop *l;
	struct server *first, *second;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;
	int fd;

	(void)state;
	strcpy(directory, "/tmp/test_server_XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(name, sizeof name, "%s/t", directory);
	assert_int_equal(loop_new(&l), 0);
	memset(long_name, 'x', sizeof long_name - 1);
	long_name[0] = '/';
	long_name[sizeof long_name - 1] = '\0';
	assert_int_equal(server_new(l, long_name, -1, 0660, &ops, NULL, 0, &first), -ST_CONFIG);
	assert_int_equal(server_new(l, "", -1, 0660, &ops, NULL, 0, &first), -ST_CONFIG);
	/* A dead socket is replaced. */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	strcpy(addr.sun_path, name);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
	close(fd);
	assert_int_equal(server_new(l, name, -1, 0660, &ops, NULL, 0, &first), 0);
	assert_int_equal(stat(name, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	/* A living one is not. */
	assert_int_equal(server_new(l, name, -1, 0660, &ops, NULL, 0, &second), -ST_CONFLICT);
	assert_int_equal(stat(name, &st), 0);
	server_free(first);
	assert_int_equal(stat(name, &st), -1);
	/* Another file is nobody's to remove. */
	fd = open(name, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(server_new(l, name, -1, 0660, &ops, NULL, 0, &first), -ST_IO);
	assert_int_equal(errno, ENOTSOCK);
	assert_int_equal(stat(name, &st), 0);
	unlink(name);
	/* An inherited socket, which stays where it is. */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
	assert_int_equal(server_new(l, NULL, fd, 0660, &ops, NULL, 0, &first), -ST_IO);      /* does not listen */
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(server_new(l, NULL, fd, 0660, &ops, NULL, 0, &first), 0);
	server_free(first);
	assert_int_equal(stat(name, &st), 0);
	unlink(name);
	loop_free(l);
	rmdir(directory);
}

#define ONLINE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONLINE(pipelined_answers_keep_their_order),
		ONLINE(clients_take_turns),
		ONLINE(a_client_that_does_not_read_is_held),
		ONLINE(a_client_that_overflows_is_cut),
		ONLINE(a_client_that_stalls_is_cut),
		ONLINE(bad_lines_are_told),
		ONLINE(bodies_come_whole),
		ONLINE(half_closed_clients_get_their_answers),
		ONLINE(waiting_and_again),
		ONLINE(gone_clients_are_noticed_while_they_wait),
		ONLINE(closing_flushes),
		ONLINE(peers_are_known),
		ONLINE(too_many_are_told),
		ONLINE(silence_keeps_nobody_out),
		ONLINE(no_descriptors_left),
		ONLINE(idle_connections_hold_no_buffers),
		ONLINE(stopping_flushes_and_ends),
		cmocka_unit_test(names_and_modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
