/* test_io_http.c: libcurl against a small HTTP server on loopback that misbehaves on purpose. The server counts what
 * arrives: a request that may be sent only once must be seen there once, whatever happens to its connection.
 *
 * http_transfer.c is compiled in, so that single locks can be taken off to see that the others hold. */
#include "daemon/io/http.h"

#include "daemon/io/http_transfer.c"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "daemon/io/loop.h"

/* ---- the server: the path says what becomes of a request ---- */

static int listen_fd;
static unsigned port;
static pthread_t server_thread;
static atomic_uint connections, requests, posts;
static char last_request[2 * 1024 * 1024];
static atomic_size_t last_len;

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
		atomic_fetch_add(&connections, 1);
		pthread_create(&thread, NULL, serve_connection, (void *)(intptr_t)fd);
		pthread_detach(thread);
	}
}

static int start_server(void **state)
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

static int stop_server(void **state)
{
	(void)state;
	shutdown(listen_fd, SHUT_RDWR);
	pthread_join(server_thread, NULL);
	close(listen_fd);
	return 0;
}

/* ---- the client under test ---- */

static struct loop *loop;
static struct http *http;
static struct loop_tick *limit;
static unsigned answers;
static bool timed_out;

struct outcome {
	unsigned count;
	enum http_reach reach;
	int status;
	int64_t date_ms;
	size_t body_len, header_count;
	char body[256], error[512], limit[32], first[64];
	bool cookie;
};

static void on_limit(void *ctx)
{
	(void)ctx;
	timed_out = true;
	loop_stop(loop);
}

static int set_up(void **state)
{
	struct http_options o = { .address_family = 4, .user_agent = "smmq-test/1" };

	(void)state;
	atomic_store(&connections, 0);
	atomic_store(&requests, 0);
	atomic_store(&posts, 0);
	answers = 0;
	timed_out = false;
	if (loop_new(&loop) != 0 || http_new(loop, &o, &http) != 0)
		return -1;
	return loop_tick_new(loop, 30000, on_limit, NULL, &limit);
}

static int tear_down(void **state)
{
	(void)state;
	http_free(http);
	loop_tick_free(limit);
	loop_free(loop);
	return 0;
}

static void on_done(void *ctx, const struct http_result *res)
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

static struct http_request *request(const char *method, const char *path)
{
	char url[256];

	snprintf(url, sizeof url, "http://127.0.0.1:%u%s", port, path);
	return http_request_new(method, url);
}

static void begin(struct http_request *r, struct outcome *out)
{
	memset(out, 0, sizeof *out);
	assert_int_equal(http_start(http, r, on_done, out), 0);
	assert_int_equal(out->count, 0);
}

static void await(unsigned count)
{
	while (answers < count && !timed_out)
		loop_run(loop);
	assert_false(timed_out);
	assert_int_equal(answers, count);
	answers = 0;
}

static void run(struct http_request *r, struct outcome *out)
{
	begin(r, out);
	await(1);
	assert_int_equal(out->count, 1);
}

/* ---- what is answered ---- */

static void an_answer_comes_whole(void **state)
{
	struct outcome out;
	struct http_request *r = request("GET", "/ok?x=1");

	(void)state;
	http_request_header(r, "Authorization", "Bearer abc");
	http_request_header(r, "X-Empty", "");
	run(r, &out);
	assert_int_equal(out.reach, HTTP_ANSWERED);
	assert_int_equal(out.status, 200);
	assert_string_equal(out.body, "fine");
	assert_int_equal(out.body_len, 4);
	assert_string_equal(out.limit, "7");
	assert_false(out.cookie);
	assert_true(out.date_ms == INT64_C(1795287600000));
	assert_non_null(strstr(last_request, "GET /ok?x=1 HTTP/1.1\r\n"));
	assert_non_null(strstr(last_request, "\r\nAuthorization: Bearer abc\r\n"));
	assert_non_null(strstr(last_request, "\r\nX-Empty:\r\n"));
	assert_non_null(strstr(last_request, "\r\nUser-Agent: smmq-test/1\r\n"));
	assert_null(strcasestr(last_request, "Accept-Encoding"));
	assert_int_equal(http_in_flight(http), 0);
}

static void methods_and_lengths(void **state)
{
	static const struct {
		const char *method, *body, *start, *length;
	} rows[] = {
		{ "POST", "", "POST /ok ", "\r\nContent-Length: 0\r\n" },
		{ "PUT", "", "PUT /ok ", "\r\nContent-Length: 0\r\n" },
		{ "PUT", "abc", "PUT /ok ", "\r\nContent-Length: 3\r\n" },
		{ "DELETE", "", "DELETE /ok ", NULL },
		{ "DELETE", "ab", "DELETE /ok ", "\r\nContent-Length: 2\r\n" },
		{ "GET", "", "GET /ok ", NULL },
	};
	struct outcome out;

	(void)state;
	for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
		size_t n = i / 2;
		struct http_request *r = request(rows[n].method, "/ok");

		http_request_bytes(r, rows[n].body, strlen(rows[n].body));
		if (i % 2 != 0)
			http_request_once(r);
		run(r, &out);
		assert_int_equal(out.reach, HTTP_ANSWERED);
		assert_int_equal(strncmp(last_request, rows[n].start, strlen(rows[n].start)), 0);
		if (rows[n].length != NULL)
			assert_non_null(strstr(last_request, rows[n].length));
		else
			assert_null(strstr(last_request, "Content-Length"));
		assert_null(strstr(last_request, "Content-Type"));
		assert_null(strstr(last_request, "Transfer-Encoding"));
	}
}

static void pieces_are_streamed_in_order(void **state)
{
	char path[] = "/tmp/test_http_XXXXXX", *file = malloc(1500000);
	int fd = mkstemp(path);
	struct http_request *r = request("POST", "/ok");
	struct outcome out;
	const char *body;

	(void)state;
	for (size_t i = 0; i < 1500000; i++)
		file[i] = (char)('a' + i % 26 + i / 1000 % 7);
	assert_int_equal(write(fd, file, 1500000), 1500000);
	close(fd);
	http_request_header(r, "Content-Type", "multipart/form-data; boundary=b");
	http_request_bytes(r, "--b\r\n\r\n", 7);
	http_request_file(r, path, 1000, 1400000);
	http_request_bytes(r, "\r\n--b--", 7);
	http_request_once(r);
	run(r, &out);
	assert_int_equal(out.reach, HTTP_ANSWERED);
	assert_non_null(strstr(last_request, "\r\nContent-Length: 1400014\r\n"));
	assert_null(strcasestr(last_request, "Expect"));
	body = strstr(last_request, "\r\n\r\n");
	assert_non_null(body);
	assert_int_equal(atomic_load(&last_len) - (size_t)(body + 4 - last_request), 1400014);
	assert_memory_equal(body + 4, "--b\r\n\r\n", 7);
	assert_memory_equal(body + 11, file + 1000, 1400000);
	assert_memory_equal(body + 11 + 1400000, "\r\n--b--", 7);
	/* A file that is not as promised stops the request before anything is sent. */
	r = request("POST", "/ok");
	http_request_file(r, path, 1000000, 1000000);
	assert_int_equal(http_start(http, r, on_done, &out), -ST_IO);
	unlink(path);
	r = request("POST", "/ok");
	http_request_file(r, path, 0, 1);
	assert_int_equal(http_start(http, r, on_done, &out), -ST_IO);
	assert_int_equal(atomic_load(&requests), 1);
	free(file);
}

/* Whatever libcurl asks for at once, and however the file ends: the same as if it had been encoded in one go. */
static void files_as_base64(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 4, 3071, 3072, 3073, 65536, 1000001 };
	char path[] = "/tmp/test_http_XXXXXX", *file = malloc(1000001), *expected = malloc(BASE64_BYTES(1000001) + 1);
	int fd = mkstemp(path);

	(void)state;
	for (size_t i = 0; i < 1000001; i++)
		file[i] = (char)(i * 7 + i / 251);
	for (size_t n = 0; n < sizeof sizes / sizeof sizes[0]; n++) {
		struct http_request *r = request("POST", "/ok");
		struct outcome out;
		const char *body;

		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, file, sizes[n], 0), sizes[n]);
		http_request_bytes(r, "{\"", 2);
		http_request_base64(r, path, sizes[n]);
		http_request_bytes(r, "\"}", 2);
		run(r, &out);
		assert_int_equal(out.reach, HTTP_ANSWERED);
		body = strstr(last_request, "\r\n\r\n");
		assert_non_null(body);
		base64_block(expected, file, sizes[n]);
		assert_int_equal(atomic_load(&last_len) - (size_t)(body + 4 - last_request), BASE64_BYTES(sizes[n]) + 4);
		assert_memory_equal(body + 6, expected, BASE64_BYTES(sizes[n]));
		assert_memory_equal(body + 6 + BASE64_BYTES(sizes[n]), "\"}", 2);
		/* One that has grown meanwhile is another file. */
		r = request("POST", "/ok");
		assert_int_equal(pwrite(fd, "more", 4, (off_t)sizes[n]), 4);
		http_request_base64(r, path, sizes[n]);
		assert_int_equal(http_start(http, r, on_done, &out), -ST_IO);
	}
	close(fd);
	unlink(path);
	free(file);
	free(expected);
}

static void interim_answers_and_many_headers(void **state)
{
	struct outcome out;

	(void)state;
	run(request("GET", "/hints"), &out);
	assert_int_equal(out.status, 200);
	assert_string_equal(out.body, "late");
	assert_string_equal(out.first, "Content-Length");
	run(request("GET", "/headers"), &out);
	assert_int_equal(out.reach, HTTP_ANSWERED);
	assert_int_equal(out.header_count, HTTP_MAX_HEADERS);
	assert_string_equal(out.body, "ok");
}

/* ---- once ---- */

static struct http_request *post(const char *path, bool once, bool body)
{
	struct http_request *r = request("POST", path);

	if (once)
		http_request_once(r);
	if (body)
		http_request_bytes(r, "{\"text\":\"hello\"}", 16);
	return r;
}

/* The trap itself: were libcurl not to do this, the next tests would prove nothing. */
static void an_ordinary_post_is_repeated_by_libcurl(void **state)
{
	struct outcome out;

	(void)state;
	for (int body = 0; body < 2; body++) {
		atomic_store(&posts, 0);
		run(request("GET", "/trap"), &out);
		assert_int_equal(out.reach, HTTP_ANSWERED);
		run(post("/trap", false, body), &out);
		assert_int_equal(out.reach, HTTP_ANSWERED);
		assert_int_equal(atomic_load(&posts), 2);
		/* The repetition stands kept now: use that connection up. */
		run(post("/close", false, body), &out);
	}
}

static void once_is_never_repeated(void **state)
{
	struct outcome out;

	(void)state;
	for (int body = 0; body < 2; body++) {
		atomic_store(&posts, 0);
		run(request("GET", "/trap"), &out);      /* leaves a connection that will die */
		run(post("/trap", true, body), &out);
		assert_int_equal(out.reach, HTTP_MAYBE_SENT);
		assert_string_not_equal(out.error, "");
		assert_int_equal(atomic_load(&posts), 1);
		/* One that has been idle is not trusted: it dies unused, and a new one is answered. */
		run(request("GET", "/trap"), &out);
		sleep(3);
		run(post("/trap", true, body), &out);
		assert_int_equal(out.reach, HTTP_ANSWERED);
		assert_int_equal(atomic_load(&posts), 2);
		/* The answer came a moment ago: the next one is dropped on the same connection. */
		run(post("/close", true, body), &out);
		assert_int_equal(out.reach, HTTP_MAYBE_SENT);
		assert_int_equal(atomic_load(&posts), 3);
	}
}

static void once_follows_and_repeats_nothing(void **state)
{
	static const struct {
		const char *path;
		int status;
	} rows[] = { { "/redirect", 307 }, { "/401", 401 }, { "/417", 417 } };
	struct outcome out;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		atomic_store(&requests, 0);
		run(post(rows[i].path, true, true), &out);
		assert_int_equal(out.reach, HTTP_ANSWERED);
		assert_int_equal(out.status, rows[i].status);
		assert_int_equal(atomic_load(&requests), 1);
	}
	atomic_store(&requests, 0);
	run(request("GET", "/redirect"), &out);
	assert_int_equal(out.status, 307);
	assert_int_equal(atomic_load(&requests), 1);
}

/* Runs GET /trap and then r on the same kept connection. */
static CURLcode run_on_dying_connection(struct http_request *r, struct http_result *res, struct transfer **kept)
{
	static const struct http_options o = { .address_family = 4 };
	struct transfer *first;
	CURLM *multi = curl_multi_init();
	CURLcode code = CURLE_OK;
	CURLMsg *msg;
	int running, left;

	assert_int_equal(transfer_new(request("GET", "/trap"), &o, &first), 0);
	assert_int_equal(transfer_new(r, &o, kept), 0);
	for (int i = 0; i < 2; i++) {
		CURL *easy = i == 0 ? first->easy : (*kept)->easy;

		curl_multi_add_handle(multi, easy);
		do {
			curl_multi_perform(multi, &running);
			if (running > 0)
				curl_multi_poll(multi, NULL, 0, 1000, NULL);
		} while (running > 0);
		while ((msg = curl_multi_info_read(multi, &left)) != NULL)
			code = msg->data.result;
		curl_multi_remove_handle(multi, easy);
	}
	transfer_result(*kept, code, res);
	transfer_free(first);
	curl_multi_cleanup(multi);
	return code;
}

static void every_lock_holds_alone(void **state)
{
	struct http_result res;
	struct transfer *t;

	(void)state;
	/* An empty body needs no rewinding, so that only on_begin stops it. */
	for (int body = 0; body < 2; body++) {
		atomic_store(&posts, 0);
		assert_int_not_equal(run_on_dying_connection(post("/trap", true, body), &res, &t), CURLE_OK);
		assert_int_equal(res.reach, HTTP_MAYBE_SENT);
		assert_int_equal(atomic_load(&posts), 1);
		transfer_free(t);
		atomic_store(&posts, 0);
		assert_int_equal(run_on_dying_connection(post("/trap", false, body), &res, &t), CURLE_OK);
		assert_int_equal(atomic_load(&posts), 2);
		transfer_free(t);
	}
	/* The body that cannot be rewound. */
	static const struct http_options o = { .address_family = 4 };
	assert_int_equal(transfer_new(post("/ok", true, true), &o, &t), 0);
	assert_int_equal(on_seek(t, 0, SEEK_SET), CURL_SEEKFUNC_FAIL);
	transfer_free(t);
}

/* ---- how far it got ---- */

static unsigned closed_port(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof addr;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	bind(fd, (struct sockaddr *)&addr, sizeof addr);
	getsockname(fd, (struct sockaddr *)&addr, &len);
	close(fd);
	return ntohs(addr.sin_port);
}

static void not_sent(void **state)
{
	struct outcome out;
	char url[128];
	struct http_request *r;

	(void)state;
	snprintf(url, sizeof url, "http://127.0.0.1:%u/", closed_port());
	r = http_request_new("POST", url);
	http_request_once(r);
	http_request_bytes(r, "x", 1);
	run(r, &out);
	assert_int_equal(out.reach, HTTP_NOT_SENT);
	assert_non_null(strstr(out.error, "connect"));
	/* A name that never resolves; without a resolver at hand the time limit ends it. */
	r = http_request_new("POST", "http://name.invalid/");
	http_request_once(r);
	http_request_timeout(r, 2000);
	run(r, &out);
	assert_int_equal(out.reach, HTTP_NOT_SENT);
	/* No TLS there: whatever libcurl sent was not the request. */
	snprintf(url, sizeof url, "https://127.0.0.1:%u/ok", port);
	r = http_request_new("POST", url);
	http_request_once(r);
	http_request_timeout(r, 1000);
	run(r, &out);
	assert_int_equal(out.reach, HTTP_NOT_SENT);
	assert_int_equal(atomic_load(&posts), 0);
}

static void maybe_sent(void **state)
{
	static const struct {
		const char *path, *error;
	} rows[] = {
		{ "/close", "" }, { "/silent", "" }, { "/cut", "" }, { "/garbage", "" },
		{ "/big", "the answer is too large" }, { "/flood", "the headers of the answer are too large" },
	};
	struct outcome out;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct http_request *r = post(rows[i].path, true, true);

		http_request_header(r, "Authorization", "Bearer topsecret");
		http_request_timeout(r, strcmp(rows[i].path, "/silent") == 0 ? 300 : 10000);
		atomic_store(&posts, 0);
		run(r, &out);
		assert_int_equal(out.reach, HTTP_MAYBE_SENT);
		assert_int_equal(out.status, 0);
		assert_int_equal(atomic_load(&posts), 1);
		assert_string_not_equal(out.error, "");
		assert_null(strstr(out.error, "topsecret"));
		if (rows[i].error[0] != '\0')
			assert_string_equal(out.error, rows[i].error);
	}
}

/* libcurl's own example never hears of this one: the timer ends the last transfer and nobody asks. */
static void the_last_transfer_may_time_out(void **state)
{
	struct outcome a, b, c;
	struct http_request *r = request("GET", "/silent");

	(void)state;
	http_request_timeout(r, 400);
	begin(r, &a);
	r = request("GET", "/silent");
	http_request_timeout(r, 200);
	begin(r, &b);
	begin(request("GET", "/ok"), &c);
	assert_int_equal(http_in_flight(http), 3);
	await(3);
	assert_int_equal(a.count + b.count + c.count, 3);
	assert_int_equal(a.reach, HTTP_MAYBE_SENT);
	assert_int_equal(b.reach, HTTP_MAYBE_SENT);
	assert_int_equal(c.reach, HTTP_ANSWERED);
	assert_int_equal(http_in_flight(http), 0);
}

/* ---- refusals and ends ---- */

static void bad_requests_are_refused(void **state)
{
	static const struct {
		const char *method, *url, *name, *value;
		int error;
	} rows[] = {
		{ "GET", "ftp://127.0.0.1/", NULL, NULL, -ST_INVALID },
		{ "GET", "file:///dev/null", NULL, NULL, -ST_INVALID },
		{ "GET", "http://user:pw@127.0.0.1/", NULL, NULL, -ST_INVALID },
		{ "GET", "http://", NULL, NULL, -ST_INVALID },
		{ "GET", "http://127.0.0.1/a b", NULL, NULL, -ST_INVALID },
		{ "GET", "http://127.0.0.1/\r\nX: y", NULL, NULL, -ST_INVALID },
		{ "GE T", "http://127.0.0.1/", NULL, NULL, -ST_INVALID },
		{ "GET", "http://127.0.0.1/", "X-A", "b\r\nInjected: c", -ST_INVALID },
		{ "GET", "http://127.0.0.1/", "X A", "b", -ST_INVALID },
		{ "POST", "http://127.0.0.1/", "content-length", "5", -ST_INVALID },
		{ "POST", "http://127.0.0.1/", "Expect", "100-continue", -ST_INVALID },
	};
	struct outcome out;
	struct http_request *r;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		r = http_request_new(rows[i].method, rows[i].url);
		if (rows[i].name != NULL)
			http_request_header(r, rows[i].name, rows[i].value);
		assert_int_equal(http_start(http, r, on_done, &out), rows[i].error);
	}
	r = request("POST", "/ok");
	for (int i = 0; i <= HTTP_MAX_PIECES; i++)
		http_request_bytes(r, "x", 1);
	assert_int_equal(http_request_error(r), -ST_TOO_LARGE);
	http_request_free(r);
	r = request("POST", "/ok");
	for (int i = 0; i <= HTTP_MAX_HEADERS; i++)
		http_request_header(r, "X-A", "b");
	assert_int_equal(http_start(http, r, on_done, &out), -ST_TOO_LARGE);
	r = request("POST", "/ok");
	http_request_file(r, "/dev/null", UINT64_MAX - 1, 5);
	assert_int_equal(http_request_error(r), -ST_TOO_LARGE);
	http_request_free(r);
	http_request_free(NULL);
}

static void no_more_than_agreed(void **state)
{
	struct http_options o = { .address_family = 4, .max_in_flight = 2 };
	struct http *small;
	struct outcome a, b;

	(void)state;
	memset(&a, 0, sizeof a);
	memset(&b, 0, sizeof b);
	assert_int_equal(http_new(loop, &o, &small), 0);
	assert_int_equal(http_start(small, request("GET", "/ok"), on_done, &a), 0);
	assert_int_equal(http_start(small, request("GET", "/ok"), on_done, &b), 0);
	assert_int_equal(http_start(small, request("GET", "/ok"), on_done, &b), -ST_BUSY);
	await(2);
	assert_int_equal(http_start(small, request("GET", "/ok"), on_done, &a), 0);
	await(1);
	http_free(small);
}

static struct outcome chained;

static void on_done_start_another(void *ctx, const struct http_result *res)
{
	(void)ctx;
	assert_int_equal(res->reach, HTTP_ANSWERED);
	assert_int_equal(http_start(http, request("GET", "/ok"), on_done, &chained), 0);
}

static void a_callback_may_start_another(void **state)
{
	(void)state;
	memset(&chained, 0, sizeof chained);
	assert_int_equal(http_start(http, request("GET", "/ok"), on_done_start_another, NULL), 0);
	await(1);
	assert_int_equal(chained.reach, HTTP_ANSWERED);
}

static void on_tick_stop(void *ctx)
{
	(void)ctx;
	loop_stop(loop);
}

static void freeing_ends_all_in_silence(void **state)
{
	struct outcome a, b;
	struct loop_tick *tick;

	(void)state;
	begin(request("GET", "/silent"), &a);
	begin(request("POST", "/silent"), &b);
	assert_int_equal(loop_tick_new(loop, 200, on_tick_stop, NULL, &tick), 0);
	loop_run(loop);
	loop_tick_free(tick);
	http_free(http);
	http = NULL;
	assert_int_equal(a.count + b.count, 0);
}

#define ONLINE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONLINE(an_answer_comes_whole),
		ONLINE(methods_and_lengths),
		ONLINE(pieces_are_streamed_in_order), ONLINE(files_as_base64),
		ONLINE(interim_answers_and_many_headers),
		ONLINE(an_ordinary_post_is_repeated_by_libcurl),
		ONLINE(once_is_never_repeated),
		ONLINE(once_follows_and_repeats_nothing),
		ONLINE(every_lock_holds_alone),
		ONLINE(not_sent),
		ONLINE(maybe_sent),
		ONLINE(the_last_transfer_may_time_out),
		ONLINE(bad_requests_are_refused),
		ONLINE(no_more_than_agreed),
		ONLINE(a_callback_may_start_another),
		ONLINE(freeing_ends_all_in_silence),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
