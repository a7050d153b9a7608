/* http_transfer.c: one request as libcurl sees it: options, body out, answer in, and how far it got.
 *
 * A request of effect once is kept from being sent again by three locks, each of which would do for the usual case:
 *  - HTTP/1.1, no redirects, no Expect, no authentication schemes: nothing else in HTTP asks for a second round;
 *  - a body that cannot be rewound. It is no lock where the body is empty, as nothing has to be rewound then;
 *  - libcurl asks on_begin before every start of a request on a connection, also before a repetition of any cause and
 *    of an empty body: the second time the answer is no.
 * libcurl repeats a request only when a *reused* connection turns out dead. Such a request of effect once ends unanswered, and has
 * to be looked for: so it takes a kept connection only while that was used a moment ago.
 * The same callback tells how far a request got: before it ran, no byte of the request had left. */
#include "daemon/io/http_transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base64.h"
#include "proto/status.h"

#define CONNECT_TIMEOUT_MS 15000
#define DEFAULT_TIMEOUT_MS 60000
/* A peer that neither takes nor gives anything this long is dead, whatever the time limit for large uploads. */
#define LOW_SPEED_SECONDS 120
#define ONCE_IDLE_SECONDS 1L              /* no server gives up connections so soon */
#define BASE64_GROUPS 1024u                /* of three bytes, read at once */
#define MAX_ANSWER_HEADER_BYTES (256 * 1024)

/* ---- the body on its way out ---- */

/* Reads until n bytes are there or the file ends. */
static ssize_t read_fully(int fd, char *out, size_t n, uint64_t at)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(fd, out + done, n - done, (off_t)(at + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

/* Up to n bytes of a file's base64 from a place in it: whole groups of three bytes are read, what stands before that place is left out. */
static ssize_t read_base64(int fd, uint64_t at, char *out, size_t n)
{
	char raw[3 * BASE64_GROUPS], text[BASE64_BYTES(sizeof raw) + 1];
	size_t skip = (size_t)(at % 4), groups = (skip + n + 3) / 4;
	ssize_t got = read_fully(fd, raw, 3 * (groups < BASE64_GROUPS ? groups : BASE64_GROUPS), at / 4 * 3);
	size_t have;

	if (got <= 0)
		return got;
	base64_block(text, raw, (size_t)got);
	have = BASE64_BYTES((size_t)got) - skip;
	memcpy(out, text + skip, have < n ? have : n);
	return (ssize_t)(have < n ? have : n);
}

static ssize_t read_piece(struct transfer *t, const struct http_piece *p, char *out, size_t room)
{
	uint64_t left = (p->path != NULL ? p->size : p->len) - t->piece_at;
	size_t n = left < room ? (size_t)left : room;
	ssize_t got;

	if (p->path == NULL) {
		memcpy(out, p->data + t->piece_at, n);
		return (ssize_t)n;
	}
	if (p->base64)
		return read_base64(t->fds[t->piece], t->piece_at, out, n);
	do
		got = pread(t->fds[t->piece], out, n, (off_t)(p->offset + t->piece_at));
	while (got < 0 && errno == EINTR);
	return got;
}

static size_t on_read(char *out, size_t size, size_t count, void *ctx)
{
	struct transfer *t = ctx;
	const struct http_request *r = t->request;
	size_t room = size * count, done = 0;

	while (done < room && t->piece < r->piece_count) {
		const struct http_piece *p = &r->pieces[t->piece];
		ssize_t n;

		if (t->piece_at == (p->path != NULL ? p->size : p->len)) {
			t->piece++;
			t->piece_at = 0;
			continue;
		}
		n = read_piece(t, p, out + done, room - done);
		if (n <= 0) {
			t->refused = "a file of the request could not be read to its end";
			return CURL_READFUNC_ABORT;
		}
		done += (size_t)n;
		t->piece_at += (uint64_t)n;
	}
	return done;
}

static int on_seek(void *ctx, curl_off_t offset, int origin)
{
	struct transfer *t = ctx;

	if (t->request->once)
		t->refused = "the connection closed before an answer came";
	if (t->request->once || offset != 0 || origin != SEEK_SET)
		return CURL_SEEKFUNC_FAIL;
	t->piece = 0;
	t->piece_at = 0;
	return CURL_SEEKFUNC_OK;
}

/* libcurl reports a socket that could not be made as a server that could not be reached. */
static curl_socket_t on_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *t = ctx;
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

	(void)purpose;
	if (fd < 0 && (errno == EMFILE || errno == ENFILE))
		t->refused = "no file descriptor is left for a connection; raise LimitNOFILE= or lower MaxConnections= and MaxInFlight=";
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int on_begin(void *ctx, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
	struct transfer *t = ctx;

	(void)remote_ip;
	(void)local_ip;
	(void)remote_port;
	(void)local_port;
	if (t->begun && t->request->once)
		return CURL_PREREQFUNC_ABORT;
	t->begun = true;
	return CURL_PREREQFUNC_OK;
}

/* ---- the answer ---- */

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
	struct transfer *t = ctx;
	size_t len = size * count;

	buf_add(&t->body, data, len);
	if (buf_error(&t->body) == 0)
		return len;
	t->refused = buf_error(&t->body) == -ST_NO_MEMORY ? "no memory for the answer" : "the answer is too large";
	return 0;
}

static void answer_reset(struct transfer *t)
{
	for (size_t i = 0; i < t->answer_count; i++) {
		free(t->answer[i].name);
		free(t->answer[i].value);
	}
	t->answer_count = 0;
	t->answer_headed = false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Headers past the bound are left out: too many of them are no reason to call the outcome of a request unknown. */
static int answer_add(struct transfer *t, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len), *value;
	struct http_header *h = &t->answer[t->answer_count];

	if (colon == NULL || is_blank(line[0]) || t->answer_count == HTTP_MAX_HEADERS)
		return 0;
	/* Cookies are never sent back; they would only be secrets to keep. */
	if (strncasecmp(line, "set-cookie:", strlen("set-cookie:")) == 0)
		return 0;
	for (value = colon + 1; value < line + len && is_blank(*value); value++)
		;
	while (len > (size_t)(value - line) && is_blank(line[len - 1]))
		len--;
	h->name = strndup(line, (size_t)(colon - line));
	h->value = strndup(value, len - (size_t)(value - line));
	if (h->name == NULL || h->value == NULL) {
		free(h->name);
		free(h->value);
		return -ST_NO_MEMORY;
	}
	t->answer_count++;
	return 0;
}

static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
	struct transfer *t = ctx;
	size_t len = size * count;

	t->answer_header_bytes += len;
	if (t->answer_header_bytes > MAX_ANSWER_HEADER_BYTES) {
		t->refused = "the headers of the answer are too large";
		return 0;
	}
	if (len >= 5 && memcmp(data, "HTTP/", 5) == 0) {
		answer_reset(t);      /* what came before belonged to a 1xx */
	} else if (data[0] == '\r' || data[0] == '\n') {
		t->answer_headed = true;
	} else if (answer_add(t, data, len) != 0) {
		t->refused = "no memory for the answer";
		return 0;
	}
	return len;
}

static int64_t answer_date_ms(const struct transfer *t)
{
	for (size_t i = 0; i < t->answer_count; i++) {
		if (strcasecmp(t->answer[i].name, "Date") == 0) {
			time_t when = curl_getdate(t->answer[i].value, NULL);

			return when > 0 ? (int64_t)when * 1000 : 0;
		}
	}
	return 0;
}

void transfer_result(struct transfer *t, CURLcode code, struct http_result *res)
{
	long status = 0;

	memset(res, 0, sizeof *res);
	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_OK && status >= 200 && t->answer_headed) {
		res->reach = HTTP_ANSWERED;
		res->status = (int)status;
		res->body = buf_cstr(&t->body);
		res->body_len = t->body.len;
		res->headers = t->answer;
		res->header_count = t->answer_count;
		res->date_ms = answer_date_ms(t);
		return;
	}
	res->reach = t->begun ? HTTP_MAYBE_SENT : HTTP_NOT_SENT;
	res->body = "";
	/* To libcurl an answer is whole that was broken off among its headers, before Content-Length. */
	if (code == CURLE_OK && status >= 200)
		t->refused = "the connection was closed among the headers of the answer";
	if (t->refused != NULL)
		res->error = t->refused;
	else if (t->error[0] != '\0')
		res->error = t->error;
	else
		res->error = code != CURLE_OK ? curl_easy_strerror(code) : "the answer is not one of HTTP";
	for (char *s = t->error; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = ' ';
}

/* ---- making one ---- */

static const struct {
	CURLoption option;
	long value;
} fixed_options[] = {
	{ CURLOPT_NOSIGNAL, 1 },
	/* Otherwise a name still being resolved when time is up would hold the loop until the resolver gives up. */
	{ CURLOPT_QUICK_EXIT, 1 },
	{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
	{ CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
	{ CURLOPT_FOLLOWLOCATION, 0 },
	{ CURLOPT_NETRC, CURL_NETRC_IGNORED },
	{ CURLOPT_DISALLOW_USERNAME_IN_URL, 1 },
	{ CURLOPT_SUPPRESS_CONNECT_HEADERS, 1 },
	{ CURLOPT_HEADEROPT, CURLHEADER_SEPARATE },
	{ CURLOPT_PATH_AS_IS, 1 },
	{ CURLOPT_TCP_KEEPALIVE, 1 },
	{ CURLOPT_LOW_SPEED_LIMIT, 1 },
	{ CURLOPT_LOW_SPEED_TIME, LOW_SPEED_SECONDS },
};

/* The first failure sticks. */
static void keep(CURLcode *first, CURLcode code)
{
	if (*first == CURLE_OK)
		*first = code;
}

static void set_limits(struct transfer *t, CURLcode *err, const struct http_options *o)
{
	int64_t timeout_ms = t->request->timeout_ms > 0 ? t->request->timeout_ms : DEFAULT_TIMEOUT_MS;
	long resolve = o->address_family == 4 ? CURL_IPRESOLVE_V4 :
	               o->address_family == 6 ? CURL_IPRESOLVE_V6 : CURL_IPRESOLVE_WHATEVER;

	if (timeout_ms > INT32_MAX)
		timeout_ms = INT32_MAX;
	for (size_t i = 0; i < sizeof fixed_options / sizeof fixed_options[0]; i++)
		keep(err, curl_easy_setopt(t->easy, fixed_options[i].option, fixed_options[i].value));
	keep(err, curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms));
	keep(err, curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS));
	keep(err, curl_easy_setopt(t->easy, CURLOPT_IPRESOLVE, resolve));
	keep(err, curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https"));
	keep(err, curl_easy_setopt(t->easy, CURLOPT_USERAGENT, o->user_agent != NULL ? o->user_agent : "smmq"));
	keep(err, curl_easy_setopt(t->easy, CURLOPT_PROXY, o->proxy != NULL ? o->proxy : ""));
	if (o->ca_file != NULL)
		keep(err, curl_easy_setopt(t->easy, CURLOPT_CAINFO, o->ca_file));
	if (t->request->once)
		keep(err, curl_easy_setopt(t->easy, CURLOPT_MAXAGE_CONN, ONCE_IDLE_SECONDS));
}

static void set_signature(struct transfer *t, CURLcode *err)
{
	const struct http_request *r = t->request;

	if (r->sign_provider == NULL)
		return;
	keep(err, curl_easy_setopt(t->easy, CURLOPT_AWS_SIGV4, r->sign_provider));
	keep(err, curl_easy_setopt(t->easy, CURLOPT_USERNAME, r->sign_key));
	keep(err, curl_easy_setopt(t->easy, CURLOPT_PASSWORD, r->sign_secret));
}

static void set_callbacks(struct transfer *t, CURLcode *err)
{
	keep(err, curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t));
	keep(err, curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error));
	keep(err, curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION, on_socket));
	keep(err, curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, t));
	keep(err, curl_easy_setopt(t->easy, CURLOPT_PREREQFUNCTION, on_begin));
	keep(err, curl_easy_setopt(t->easy, CURLOPT_PREREQDATA, t));
	keep(err, curl_easy_setopt(t->easy, CURLOPT_READFUNCTION, on_read));
	keep(err, curl_easy_setopt(t->easy, CURLOPT_READDATA, t));
	keep(err, curl_easy_setopt(t->easy, CURLOPT_SEEKFUNCTION, on_seek));
	keep(err, curl_easy_setopt(t->easy, CURLOPT_SEEKDATA, t));
	keep(err, curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body));
	keep(err, curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t));
	keep(err, curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header));
	keep(err, curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t));
}

/* A body, even an empty one, travels as libcurl's POST under whatever name: exact Content-Length, no other rules. */
static void set_method(struct transfer *t, CURLcode *err)
{
	const char *method = t->request->method;
	bool body = t->request->piece_count > 0 || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
	            strcmp(method, "PATCH") == 0;

	if (body) {
		keep(err, curl_easy_setopt(t->easy, CURLOPT_POST, 1L));
		keep(err, curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body_size));
	} else if (strcmp(method, "HEAD") == 0) {
		keep(err, curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L));
	}
	keep(err, curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, method));
}

static int headers_add(struct transfer *t, const char *line)
{
	struct curl_slist *longer = curl_slist_append(t->headers, line);

	if (longer == NULL)
		return -ST_NO_MEMORY;
	t->headers = longer;
	return 0;
}

static int set_headers(struct transfer *t, CURLcode *err)
{
	const struct http_request *r = t->request;
	struct buf line = BUF_INIT(HTTP_MAX_REQUEST_BYTES);
	bool typed = false;
	/* libcurl signs each line of the list, also those that only take a header away: a signed request has none of them. */
	bool plain = r->sign_provider == NULL;
	int result = plain ? headers_add(t, "Expect:") : 0;      /* no waiting for 100, and no second round after a 417 */

	for (size_t i = 0; i < r->header_count && result == 0; i++) {
		typed = typed || strcasecmp(r->headers[i].name, "Content-Type") == 0;
		buf_reset(&line);
		buf_add_str(&line, r->headers[i].name);
		buf_add_str(&line, r->headers[i].value[0] != '\0' ? ": " : ";");      /* libcurl's way to say "empty" */
		buf_add_str(&line, r->headers[i].value);
		result = buf_error(&line) != 0 ? -ST_NO_MEMORY : headers_add(t, line.data);
	}
	if (line.data != NULL)
		explicit_bzero(line.data, line.cap);
	buf_done(&line);
	if (result == 0 && !typed && plain)
		result = headers_add(t, "Content-Type:");      /* no form unless the driver said so */
	keep(err, curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers));
	return result;
}

static int open_file(const struct http_piece *p, int *fd)
{
	struct stat st;

	*fd = open(p->path, O_RDONLY | O_CLOEXEC);
	if (*fd < 0 || fstat(*fd, &st) != 0)
		return -ST_IO;
	/* A file that has grown or shrunk is not the one that was announced. */
	if (st.st_size < 0 || (p->base64 ? BASE64_BYTES((uint64_t)st.st_size) != p->size : p->offset + p->size > (uint64_t)st.st_size)) {
		errno = ENODATA;
		return -ST_IO;
	}
	(void)posix_fadvise(*fd, (off_t)p->offset, (off_t)p->size, POSIX_FADV_SEQUENTIAL);
	return 0;
}

static int open_body(struct transfer *t)
{
	const struct http_request *r = t->request;

	for (size_t i = 0; i < r->piece_count; i++) {
		const struct http_piece *p = &r->pieces[i];
		uint64_t size = p->path != NULL ? p->size : p->len;
		int err = p->path != NULL ? open_file(p, &t->fds[i]) : 0;

		if (err != 0)
			return err;
		if (size > INT64_MAX - t->body_size)
			return -ST_TOO_LARGE;
		t->body_size += size;
	}
	return 0;
}

static int transfer_setup(struct transfer *t, const struct http_options *o)
{
	CURLcode err = CURLE_OK;
	int result = open_body(t);

	if (result != 0)
		return result;
	t->easy = curl_easy_init();
	if (t->easy == NULL)
		return -ST_NO_MEMORY;
	keep(&err, curl_easy_setopt(t->easy, CURLOPT_URL, t->request->url));
	set_limits(t, &err, o);
	set_callbacks(t, &err);
	set_method(t, &err);
	set_signature(t, &err);
	result = set_headers(t, &err);
	if (result != 0)
		return result;
	return err == CURLE_OK ? 0 : err == CURLE_OUT_OF_MEMORY ? -ST_NO_MEMORY : -ST_INTERNAL;
}

/* Asked of libcurl's own parser, so that what passes here cannot fail later as malformed. */
static int check_url(const char *url)
{
	CURLU *u = curl_url();
	char *scheme = NULL;
	int result = -ST_INVALID;

	if (u == NULL)
		return -ST_NO_MEMORY;
	if (curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER | CURLU_PATH_AS_IS) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	    (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0))
		result = 0;
	curl_free(scheme);
	curl_url_cleanup(u);
	return result;
}

int transfer_new(struct http_request *r, const struct http_options *o, struct transfer **out)
{
	struct transfer *t = NULL;
	int err = r->error != 0 ? r->error : check_url(r->url), saved;

	if (err == 0) {
		t = calloc(1, sizeof *t);
		err = t == NULL ? -ST_NO_MEMORY : 0;
	}
	if (err != 0) {
		http_request_free(r);
		return err;
	}
	t->request = r;
	buf_init(&t->body, HTTP_MAX_ANSWER_BYTES);
	for (size_t i = 0; i < HTTP_MAX_PIECES; i++)
		t->fds[i] = -1;
	err = transfer_setup(t, o);
	if (err != 0) {
		saved = errno;
		transfer_free(t);
		errno = saved;
		return err;
	}
	*out = t;
	return 0;
}

void transfer_free(struct transfer *t)
{
	if (t == NULL)
		return;
	curl_easy_cleanup(t->easy);
	for (struct curl_slist *h = t->headers; h != NULL; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(t->headers);
	for (size_t i = 0; i < HTTP_MAX_PIECES; i++)
		if (t->fds[i] >= 0)
			close(t->fds[i]);
	answer_reset(t);
	if (t->body.data != NULL)      /* answers of token endpoints are secrets */
		explicit_bzero(t->body.data, t->body.len);
	buf_done(&t->body);
	http_request_free(t->request);
	free(t);
}
