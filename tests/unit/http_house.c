/* http_house.c: a small HTTP server on loopback that misbehaves on purpose, and a client of libcurl in a loop of its own. */
#include "tests/unit/http_house.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the server: the path says what becomes of a request ---- */

static int listen_fd;
unsigned port;
static pthread_t server_thread;
atomic_uint requests, posts;
char last_request[2 * 1024 * 1024];
atomic_size_t last_len;

struct seen {
	int fd;
	unsigned nth;                  /* request on this connection, from 1 */
	const char *head, *body;
	size_t body_len;
};

static void say(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		data += n;
		len -= (size_t)n;
	}
}

static void answer(int fd, int status, const char *headers, const char *body)
{
	char head[1024];
	int n = snprintf(head, sizeof head, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n", status, strlen(body),
	                 headers);

	say(fd, head, (size_t)n);
	say(fd, body, strlen(body));
}

/* All return false to close the connection. */
static bool do_ok(const struct seen *r)
{
	answer(r->fd, 200, "Date: Sat, 21 Nov 2026 19:00:00 GMT\r\nX-Limit:  7 \r\nSet-Cookie: a=secret\r\n", "fine");
	return true;
}

static bool do_close(const struct seen *r)
{
	(void)r;
	return false;
}

/* Keeps the connection after the first request and drops the second one unanswered. */
static bool do_trap(const struct seen *r)
{
	if (r->nth > 1)
		return false;
	answer(r->fd, 200, "", "kept");
	return true;
}

static bool do_silent(const struct seen *r)
{
	char c;

	(void)recv(r->fd, &c, 1, 0);      /* until the client gives up */
	return false;
}

static bool do_cut(const struct seen *r)
{
	say(r->fd, "HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nhalf", 43);
	return false;
}

static bool do_big(const struct seen *r)
{
	static char piece[65536];

	memset(piece, 'x', sizeof piece);
	say(r->fd, "HTTP/1.1 200 X\r\nContent-Length: 5242880\r\n\r\n", 43);
	for (int i = 0; i < 80; i++)
		say(r->fd, piece, sizeof piece);
	return false;
}

static bool do_headers(const struct seen *r)
{
	char line[64];

	say(r->fd, "HTTP/1.1 200 X\r\nContent-Length: 2\r\n", 35);
	for (int i = 0; i < 200; i++) {
		int n = snprintf(line, sizeof line, "X-%d: %d\r\n", i, i);

		say(r->fd, line, (size_t)n);
	}
	say(r->fd, "\r\nok", 4);
	return true;
}

static bool do_flood(const struct seen *r)
{
	char line[1200];

	memset(line, 'h', sizeof line);
	memcpy(line, "X-Long: ", 8);
	memcpy(line + sizeof line - 2, "\r\n", 2);
	say(r->fd, "HTTP/1.1 200 X\r\n", 16);
	for (int i = 0; i < 1000; i++)
		say(r->fd, line, sizeof line);
	return false;
}

static bool do_redirect(const struct seen *r)
{
	answer(r->fd, 307, "Location: /ok\r\n", "");
	return true;
}

static bool do_unauthorized(const struct seen *r)
{
	answer(r->fd, 401, "WWW-Authenticate: Basic realm=\"x\"\r\n", "no");
	return true;
}

static bool do_expectation(const struct seen *r)
{
	answer(r->fd, 417, "", "");
	return true;
}

static bool do_early_hints(const struct seen *r)
{
	static const char hints[] = "HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n";

	say(r->fd, hints, sizeof hints - 1);
	answer(r->fd, 200, "X-Late: yes\r\n", "late");
	return true;
}

static bool do_garbage(const struct seen *r)
{
	say(r->fd, "SMTP is what I talk\r\n", 21);
	return false;
}

static const struct {
	const char *path;
	bool (*run)(const struct seen *r);
} paths[] = {
	{ "/ok", do_ok }, { "/close", do_close }, { "/trap", do_trap }, { "/silent", do_silent }, { "/cut", do_cut },
	{ "/big", do_big }, { "/headers", do_headers }, { "/flood", do_flood }, { "/redirect", do_redirect },
	{ "/401", do_unauthorized }, { "/417", do_expectation }, { "/hints", do_early_hints },
	{ "/garbage", do_garbage },
};

static bool run_path(const struct seen *r)
{
	const char *path = strchr(r->head, ' ');

	for (size_t i = 0; path != NULL && i < sizeof paths / sizeof paths[0]; i++)
		if (strncmp(path + 1, paths[i].path, strlen(paths[i].path)) == 0)
			return paths[i].run(r);
	answer(r->fd, 404, "", "");
	return true;
}

/* Reads one request into buf; its length, or 0 at the end of the connection. */
static size_t read_request(int fd, char *buf, size_t size, struct seen *r)
{
	size_t len = 0, want = 0;

	memset(buf, 0, 4);
	while (want == 0 || len < want) {
		ssize_t n = recv(fd, buf + len, size - 1 - len, 0);
		char *end, *length;

		if (n <= 0)
			return 0;
		len += (size_t)n;
		buf[len] = '\0';
		end = strstr(buf, "\r\n\r\n");
		if (end == NULL || want != 0)
			continue;
		length = strcasestr(buf, "\r\nContent-Length: ");
		r->head = buf;
		r->body = end + 4;
		r->body_len = length != NULL && length < end ? strtoul(length + 18, NULL, 10) : 0;
		want = (size_t)(r->body - buf) + r->body_len;
	}
	return len;
}

static void *serve_connection(void *arg)
{
	static const size_t size = sizeof last_request;
	struct seen r = { .fd = (int)(intptr_t)arg };
	char *buf = malloc(size);
	size_t len;

	while ((len = read_request(r.fd, buf, size, &r)) > 0) {
		r.nth++;
		memcpy(last_request, buf, len + 1);
		atomic_store(&last_len, len);
		atomic_fetch_add(&posts, strncmp(buf, "POST", 4) == 0);
		atomic_fetch_add(&requests, 1);
		if (!run_path(&r))
			break;
	}
	free(buf);
	close(r.fd);
	return NULL;
}

static void *serve(void *arg)
{
	(void)arg;
	for (;;) {
		pthread_t thread;
		int fd = accept(listen_fd, NULL, NULL);

		if (fd < 0)
			return NULL;
		pthread_create(&thread, NULL, serve_connection, (void *)(intptr_t)fd);
		pthread_detach(thread);
	}
}

int http_house_open(void **state)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof addr;

	(void)state;
	listen_fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listen_fd, (struct sockaddr *)&addr, sizeof addr) != 0 || listen(listen_fd, 64) != 0)
		return -1;
	getsockname(listen_fd, (struct sockaddr *)&addr, &len);
	port = ntohs(addr.sin_port);
	return pthread_create(&server_thread, NULL, serve, NULL);
}

int http_house_close(void **state)
{
	(void)state;
	shutdown(listen_fd, SHUT_RDWR);
	pthread_join(server_thread, NULL);
	close(listen_fd);
	return 0;
}

/* ---- the client under test ---- */

struct loop *loop;
struct http *http;
static struct loop_tick *limit;
static unsigned answers;
static bool timed_out;

static void on_limit(void *ctx)
{
	(void)ctx;
	timed_out = true;
	loop_stop(loop);
}

int http_house_set_up(void **state)
{
	struct http_options o = { .address_family = 4, .user_agent = "smmq-test/1" };

	(void)state;
	atomic_store(&requests, 0);
	atomic_store(&posts, 0);
	answers = 0;
	timed_out = false;
	if (loop_new(&loop) != 0 || http_new(loop, &o, &http) != 0)
		return -1;
	return loop_tick_new(loop, 30000, on_limit, NULL, &limit);
}

int http_house_tear_down(void **state)
{
	(void)state;
	http_free(http);
	loop_tick_free(limit);
	loop_free(loop);
	return 0;
}

void on_done(void *ctx, const struct http_result *res)
{
	struct outcome *out = ctx;

	out->count++;
	out->reach = res->reach;
	out->status = res->status;
	out->date_ms = res->date_ms;
	out->body_len = res->body_len;
	out->header_count = res->header_count;
	snprintf(out->body, sizeof out->body, "%s", res->body);
	snprintf(out->error, sizeof out->error, "%s", res->error != NULL ? res->error : "");
	for (size_t i = 0; i < res->header_count; i++) {
		if (i == 0)
			snprintf(out->first, sizeof out->first, "%s", res->headers[i].name);
		if (strcasecmp(res->headers[i].name, "X-Limit") == 0)
			snprintf(out->limit, sizeof out->limit, "%s", res->headers[i].value);
		out->cookie = out->cookie || strcasecmp(res->headers[i].name, "Set-Cookie") == 0;
	}
	answers++;
	loop_stop(loop);
}

struct http_request *request(const char *method, const char *path)
{
	char url[256];

	snprintf(url, sizeof url, "http://127.0.0.1:%u%s", port, path);
	return http_request_new(method, url);
}

void begin(struct http_request *r, struct outcome *out)
{
	memset(out, 0, sizeof *out);
	assert_int_equal(http_start(http, r, on_done, out), 0);
	assert_int_equal(out->count, 0);
}

void await(unsigned count)
{
	while (answers < count && !timed_out)
		loop_run(loop);
	assert_false(timed_out);
	assert_int_equal(answers, count);
	answers = 0;
}

void run(struct http_request *r, struct outcome *out)
{
	begin(r, out);
	await(1);
	assert_int_equal(out->count, 1);
}

struct http_request *post(const char *path, bool once, bool body)
{
	struct http_request *r = request("POST", path);

	if (once)
		http_request_once(r);
	if (body)
		http_request_bytes(r, "{\"text\":\"hello\"}", 16);
	return r;
}
