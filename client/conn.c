/* conn.c: sockets and framing of the client, with poll so that nothing can hang for ever. */
#include "client/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "proto/status.h"

#ifndef RUNSTATEDIR
#define RUNSTATEDIR "/run"
#endif

#define CONNECT_MS 5000
#define SEND_MS 60000

int64_t conn_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void conn_init(struct conn *c, const char *socket_option)
{
	memset(c, 0, sizeof *c);
	c->fd = -1;
	c->option = socket_option;
	buf_init(&c->why, 4096);
	line_init(&c->in);
}

void conn_close(struct conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	line_done(&c->in);
	line_init(&c->in);
}

void conn_done(struct conn *c)
{
	conn_close(c);
	line_done(&c->in);
	buf_done(&c->why);
}

static void sleep_ms(int64_t ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static void say(struct conn *c, const char *what)
{
	buf_reset(&c->why);
	buf_add_str(&c->why, what);
}

/* 0 or the errno of the failure. A full backlog (EAGAIN) is waited for: the daemon is busy, not absent. */
static int connect_path(struct conn *c, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int64_t until_ms = conn_now_ms() + CONNECT_MS;
	int fd;

	if (strlen(path) >= sizeof addr.sun_path)
		return ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return errno;
	while (connect(fd, (const struct sockaddr *)&addr, sizeof addr) < 0) {
		int error = errno;

		if ((error == EAGAIN || error == EINTR) && conn_now_ms() < until_ms) {
			sleep_ms(20);
			continue;
		}
		close(fd);
		return error;
	}
	c->fd = fd;
	snprintf(c->path, sizeof c->path, "%s", path);
	return 0;
}

static int connect_status(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return -ST_DENIED;
	case ENAMETOOLONG:
		return -ST_USAGE;
	case ENOMEM:
		return -ST_NO_MEMORY;
	default:
		return -ST_UNREACHABLE;
	}
}

static const char *connect_words(int error)
{
	switch (error) {
	case ENOENT:
		return "there is no such socket";
	case ECONNREFUSED:
		return "nobody listens there";
	case EAGAIN:
		return "the daemon does not take connections";
	case EACCES:
		return "no permission; are you in the group of the socket?";
	case ENAMETOOLONG:
		return "the path is too long for a socket";
	default:
		return strerror(error);
	}
}

static int try_path(struct conn *c, const char *path)
{
	int error = connect_path(c, path);

	if (!error)
		return 0;
	buf_add_fmt(&c->why, "%s%s: %s", c->why.len ? "; " : "", path, connect_words(error));
	return connect_status(error);
}

int conn_open(struct conn *c)
{
	const char *fixed = c->option ? c->option : getenv("SMMQ_SOCKET");
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	int first, second;
	char path[4096];

	if (c->fd >= 0)
		return 0;
	buf_reset(&c->why);
	if (fixed && *fixed)
		return try_path(c, fixed);
	first = try_path(c, RUNSTATEDIR "/smmq/smmq.sock");
	if (first == 0 || !runtime || !*runtime)
		return first;
	snprintf(path, sizeof path, "%s/smmq/smmq.sock", runtime);
	second = try_path(c, path);
	return second == 0 ? 0 : first == -ST_DENIED ? first : second;
}

int conn_reopen(struct conn *c, int64_t patience_ms)
{
	int64_t until_ms = conn_now_ms() + patience_ms;
	int64_t pause_ms = 25;

	conn_close(c);
	for (;;) {
		int rc;

		buf_reset(&c->why);
		rc = c->path[0] ? try_path(c, c->path) : conn_open(c);
		if (rc == 0 || conn_now_ms() + pause_ms > until_ms)
			return rc;
		sleep_ms(pause_ms);
		pause_ms = pause_ms < 500 ? pause_ms * 2 : 500;
	}
}

/* Waits for events; their bits, 0 on timeout, or -1. EINTR is not an event. */
static int wait_for(struct conn *c, short events, int64_t timeout_ms)
{
	int64_t until_ms = conn_now_ms() + timeout_ms;

	for (;;) {
		struct pollfd p = { .fd = c->fd, .events = events };
		int64_t left_ms = timeout_ms < 0 ? -1 : until_ms - conn_now_ms();
		int n;

		if (timeout_ms >= 0 && left_ms < 0)
			left_ms = 0;
		n = poll(&p, 1, left_ms > 3600000 ? 3600000 : (int)left_ms);
		if (n > 0)
			return p.revents;
		if (n < 0 && errno != EINTR)
			return -1;
		if (timeout_ms >= 0 && conn_now_ms() >= until_ms)
			return 0;
	}
}

bool conn_answer_waits(struct conn *c)
{
	int ready = c->fd >= 0 ? wait_for(c, POLLIN, 0) : 0;

	return ready > 0 && (ready & POLLIN);
}

int conn_send(struct conn *c, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);
		int ready;

		if (n > 0) {
			data += n;
			len -= (size_t)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			say(c, "the daemon closed the connection");
			return -ST_UNREACHABLE;
		}
		ready = wait_for(c, POLLOUT, SEND_MS);
		if (ready <= 0) {
			say(c, "the daemon takes no more bytes");
			return -ST_UNREACHABLE;
		}
	}
	return 0;
}

static int parse_err(struct answer *a, char *rest, size_t len)
{
	const struct status_info *info;
	size_t word = strcspn(rest, " ");

	if (word == 0 || word >= sizeof a->word)
		return -ST_ANSWER_LOST;
	memcpy(a->word, rest, word);
	a->word[word] = '\0';
	a->text = word < len ? rest + word + 1 : NULL;
	a->len = word < len ? len - word - 1 : 0;
	info = status_find(a->word);
	a->status = info ? (int)info->code : ST_INTERNAL;
	a->exit_status = info ? info->exit_status : 0;
	return 0;
}

/* "* JSON", "OK [JSON]" or "ERR word [JSON]"; anything else means that the peer is not smmqd. */
static int parse_answer(struct answer *a, char *line, size_t len)
{
	if (len > 2 && memcmp(line, "* ", 2) == 0) {
		a->kind = ANSWER_DATA;
		a->text = line + 2;
		a->len = len - 2;
	} else if (len >= 2 && memcmp(line, "OK", 2) == 0 && (len == 2 || line[2] == ' ')) {
		a->kind = ANSWER_OK;
		a->text = len > 3 ? line + 3 : NULL;
		a->len = len > 3 ? len - 3 : 0;
	} else if (len > 4 && memcmp(line, "ERR ", 4) == 0) {
		a->kind = ANSWER_ERR;
		if (parse_err(a, line + 4, len - 4) < 0)
			return -ST_ANSWER_LOST;
	} else {
		return -ST_ANSWER_LOST;
	}
	if (a->text) {
		int rc = json_parse(&a->json, a->text, a->len, NULL, NULL);

		if (rc < 0)
			return rc == -ST_NO_MEMORY ? rc : -ST_ANSWER_LOST;
	}
	/* a word that a newer daemon added: the answer itself says whether trying again can help */
	if (a->kind == ANSWER_ERR && a->exit_status == 0)
		a->exit_status =
			status_info(json_true(json_get(a->json, "retryable"), false) ? ST_BUSY : ST_INVALID)->exit_status;
	return 0;
}

static int fill(struct conn *c, int64_t timeout_ms)
{
	char bytes[65536];
	ssize_t n;
	int ready = wait_for(c, POLLIN, timeout_ms);

	if (ready == 0)
		return CONN_QUIET;
	n = ready < 0 ? -1 : recv(c->fd, bytes, sizeof bytes, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		say(c, "the daemon closed the connection");
		return -ST_ANSWER_LOST;
	}
	return line_feed(&c->in, bytes, (size_t)n);
}

int conn_read(struct conn *c, struct answer *a, int64_t timeout_ms)
{
	int64_t until_ms = conn_now_ms() + timeout_ms;

	memset(a, 0, sizeof *a);
	if (c->fd < 0)
		return -ST_ANSWER_LOST;
	for (;;) {
		char *line;
		size_t len;
		int64_t left_ms = timeout_ms < 0 ? -1 : until_ms - conn_now_ms();
		enum line_event event = line_next(&c->in, &line, &len);
		int rc;

		if (event == LINE_TEXT) {
			rc = parse_answer(a, line, len);
			if (rc == -ST_ANSWER_LOST) {
				answer_done(a);
				say(c, "what answered does not speak smmq's protocol");
			}
			return rc;
		}
		if (event != LINE_NONE) {
			say(c, "the answer was not a clean line of smmq's protocol");
			return -ST_ANSWER_LOST;
		}
		rc = fill(c, left_ms < 0 && timeout_ms >= 0 ? 0 : left_ms);
		if (rc != 0)
			return rc;
	}
}

void answer_done(struct answer *a)
{
	json_free(a->json);
	a->json = NULL;
}
