/* test_io_server.c: the socket, from the client's side. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/status.h"
#include "tests/unit/server_house.h"

static atomic_uint resumed_early;
static atomic_bool all_closed;

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
	assert_in_range(longest, 1, 2 * server_fair_lines);
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
	atomic_store(&all_closed, false);
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
	char directory[] = "/tmp/test_server_XXXXXX";
	struct loop *l;
	struct server *first, *second;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;
	int fd;

	(void)state;
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
