/* test_io_http.c: libcurl against a small HTTP server on loopback that misbehaves on purpose: what is answered, how far a request got,
 * what is refused. */
#include "daemon/io/http.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base64.h"
#include "proto/status.h"
#include "tests/unit/http_house.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONLINE(an_answer_comes_whole),
		ONLINE(methods_and_lengths),
		ONLINE(pieces_are_streamed_in_order),
		ONLINE(files_as_base64),
		ONLINE(interim_answers_and_many_headers),
		ONLINE(not_sent),
		ONLINE(maybe_sent),
		ONLINE(the_last_transfer_may_time_out),
		ONLINE(bad_requests_are_refused),
		ONLINE(no_more_than_agreed),
		ONLINE(a_callback_may_start_another),
		ONLINE(freeing_ends_all_in_silence),
	};

	return cmocka_run_group_tests(tests, http_house_open, http_house_close);
}
