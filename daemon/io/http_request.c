/* http_request.c: a request while it is put together. Whatever cannot be sent exactly as given is refused here, so
 * that a line break in a value can never become a header of its own. Values may be secrets: memory is wiped before it
 * is freed. */
#include "daemon/io/http_transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/base64.h"
#include "proto/status.h"

#define MAX_METHOD_BYTES 16
#define MAX_URL_BYTES (16 * 1024)

static const char *const own_headers[] = { "Content-Length", "Transfer-Encoding", "Expect", "Connection" };

static void free_wiped(char *data, size_t len)
{
	if (data != NULL)
		explicit_bzero(data, len);
	free(data);
}

static void free_text(char *text)
{
	free_wiped(text, text != NULL ? strlen(text) : 0);
}

static void request_fail(struct http_request *r, int error)
{
	if (r->error == 0)
		r->error = error;
}

static bool is_token(const char *s)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~";

	return s[0] != '\0' && s[strspn(s, allowed)] == '\0';
}

/* No control characters: neither a line break nor anything a server may take for one. */
static bool is_clean(const char *s)
{
	for (; *s != '\0'; s++)
		if (((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f)
			return false;
	return true;
}

struct http_request *http_request_new(const char *method, const char *url)
{
	struct http_request *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->method = strdup(method);
	r->url = strdup(url);
	if (r->method == NULL || r->url == NULL) {
		http_request_free(r);
		return NULL;
	}
	if (!is_token(method) || strlen(method) > MAX_METHOD_BYTES || !is_clean(url) || strchr(url, ' ') != NULL)
		request_fail(r, -ST_INVALID);
	if (strlen(url) > MAX_URL_BYTES)
		request_fail(r, -ST_TOO_LARGE);
	return r;
}

/* Counts len bytes against the request's bound; false when it is passed. */
static bool request_take(struct http_request *r, size_t len)
{
	if (r->error == 0 && len > HTTP_MAX_REQUEST_BYTES - r->bytes)
		request_fail(r, -ST_TOO_LARGE);
	if (r->error != 0)
		return false;
	r->bytes += len;
	return true;
}

void http_request_header(struct http_request *r, const char *name, const char *value)
{
	struct http_header *h;

	if (!is_token(name) || !is_clean(value))
		request_fail(r, -ST_INVALID);
	for (size_t i = 0; i < sizeof own_headers / sizeof own_headers[0]; i++)
		if (strcasecmp(name, own_headers[i]) == 0)
			request_fail(r, -ST_INVALID);
	if (r->header_count == HTTP_MAX_HEADERS)
		request_fail(r, -ST_TOO_LARGE);
	if (!request_take(r, strlen(name) + strlen(value)))
		return;
	h = &r->headers[r->header_count++];
	h->name = strdup(name);
	h->value = strdup(value);
	if (h->name == NULL || h->value == NULL)
		request_fail(r, -ST_NO_MEMORY);
}

static struct http_piece *piece_new(struct http_request *r)
{
	if (r->piece_count == HTTP_MAX_PIECES)
		request_fail(r, -ST_TOO_LARGE);
	return r->error == 0 ? &r->pieces[r->piece_count++] : NULL;
}

void http_request_bytes(struct http_request *r, const char *data, size_t len)
{
	struct http_piece *p;

	if (len == 0 || !request_take(r, len))
		return;
	p = piece_new(r);
	if (p == NULL)
		return;
	p->data = malloc(len);
	if (p->data == NULL) {
		request_fail(r, -ST_NO_MEMORY);
		return;
	}
	memcpy(p->data, data, len);
	p->len = len;
}

void http_request_file(struct http_request *r, const char *path, uint64_t offset, uint64_t size)
{
	struct http_piece *p;

	if (size > INT64_MAX || offset > INT64_MAX - size)
		request_fail(r, -ST_TOO_LARGE);
	p = piece_new(r);
	if (p == NULL)
		return;
	p->path = strdup(path);
	p->offset = offset;
	p->size = size;
	if (p->path == NULL)
		request_fail(r, -ST_NO_MEMORY);
}

void http_request_base64(struct http_request *r, const char *path, uint64_t bytes)
{
	if (bytes > INT64_MAX / 2) {
		request_fail(r, -ST_TOO_LARGE);
		return;
	}
	http_request_file(r, path, 0, bytes);
	if (r->error == 0) {
		r->pieces[r->piece_count - 1].base64 = true;
		r->pieces[r->piece_count - 1].size = BASE64_BYTES(bytes);
	}
}

void http_request_once(struct http_request *r)
{
	r->once = true;
}

void http_request_sign(struct http_request *r, const char *region, const char *service, const char *key, const char *secret)
{
	char provider[128];
	int n = snprintf(provider, sizeof provider, "aws:amz:%s:%s", region, service);

	if (n < 0 || (size_t)n >= sizeof provider || !is_clean(key) || !is_clean(secret))
		request_fail(r, -ST_INVALID);
	free(r->sign_provider);
	free_text(r->sign_key);
	free_text(r->sign_secret);
	r->sign_provider = strdup(provider);
	r->sign_key = strdup(key);
	r->sign_secret = strdup(secret);
	if (r->sign_provider == NULL || r->sign_key == NULL || r->sign_secret == NULL)
		request_fail(r, -ST_NO_MEMORY);
}

void http_request_timeout(struct http_request *r, int64_t timeout_ms)
{
	r->timeout_ms = timeout_ms;
}

int http_request_error(const struct http_request *r)
{
	return r->error;
}

void http_request_free(struct http_request *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->header_count; i++) {
		free(r->headers[i].name);
		free_text(r->headers[i].value);
	}
	for (size_t i = 0; i < r->piece_count; i++) {
		free_wiped(r->pieces[i].data, r->pieces[i].len);
		free(r->pieces[i].path);
	}
	free_text(r->url);
	free(r->sign_provider);
	free_text(r->sign_key);
	free_text(r->sign_secret);
	free(r->method);
	free(r);
}
