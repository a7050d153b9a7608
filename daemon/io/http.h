/* http.h: requests to platforms, through libcurl's multi interface on the loop.
 *
 * The one idea: a request that may be sent only once is made impossible to re-send here and nowhere else. libcurl
 * repeats a POST by itself when a reused connection turns out dead; `once` means that it is stopped before it does,
 * HTTP/1.1, no redirects, no authentication round trips, no Expect: 100-continue. Every result says how far the
 * request got.
 *
 * http_free aborts what is under way; its callbacks do not run. All calls are for the loop thread. */
#ifndef SMMQ_IO_HTTP_H
#define SMMQ_IO_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_MAX_ANSWER_BYTES (4 * 1024 * 1024)
#define HTTP_MAX_HEADERS 64
#define HTTP_MAX_PIECES 32
#define HTTP_MAX_REQUEST_BYTES (16 * 1024 * 1024)    /* of a request in memory; ranges of files do not count */

struct loop;
struct http;

struct http_header { char *name, *value; };

struct http_piece {
	char *data; size_t len;              /* bytes, or */
	char *path; uint64_t offset, size;   /* a range of a file, streamed, */
	bool base64;                         /* perhaps as that: size is what it becomes */
};

/* Built by the caller with http_request_new and friends, given to http_start, freed by http.c. */
struct http_request;

/* Everything is copied. Only http and https, no user in the URL. A request with pieces, or a POST or PUT without any,
 * carries an exact Content-Length; Content-Length, Transfer-Encoding, Expect and Connection are made here alone and
 * refused as headers. */
struct http_request *http_request_new(const char *method, const char *url);    /* NULL without memory */
void http_request_header(struct http_request *r, const char *name, const char *value);
void http_request_bytes(struct http_request *r, const char *data, size_t len);
void http_request_file(struct http_request *r, const char *path, uint64_t offset, uint64_t size);
/* A whole file of `bytes` as base64 (RFC 4648, 4). */
void http_request_base64(struct http_request *r, const char *path, uint64_t bytes);
void http_request_once(struct http_request *r);
/* AWS signature version 4 over method, address, headers and x-amz-content-sha256 (which the caller has added as a
 * header: libcurl does not make it of a streamed body). */
void http_request_sign(struct http_request *r, const char *region, const char *service, const char *key, const char *secret);
void http_request_timeout(struct http_request *r, int64_t timeout_ms);
int http_request_error(const struct http_request *r);      /* sticky: -ST_NO_MEMORY, -ST_TOO_LARGE, -ST_INVALID */
void http_request_free(struct http_request *r);                                /* only if never started */

enum http_reach {
	HTTP_NOT_SENT,       /* no byte of the request left: name not resolved, refused, TLS failed, time was up before */
	HTTP_MAYBE_SENT,     /* bytes left, no complete answer came: timeout, reset, answer cut short or too large */
	HTTP_ANSWERED        /* a complete answer */
};

struct http_result {
	enum http_reach reach;
	int status;                          /* when answered */
	const char *body; size_t body_len;   /* NUL-terminated */
	const struct http_header *headers; size_t header_count;
	const char *error;                   /* for people, when not answered; never holds a header value */
	int64_t date_ms;                     /* the answer's Date header; 0 if none */
};

/* proxy: NULL for none; http_proxy and its like in the environment are not looked at. max_in_flight: 0 for 256. */
struct http_options {
	const char *ca_file, *proxy, *user_agent;
	int address_family;                  /* 0, 4, 6 */
	unsigned max_in_flight;
};

int http_new(struct loop *l, const struct http_options *o, struct http **out);
/* Starts at once (no queue: the engine bounds what is under way). done runs exactly once, never from within
 * http_start; the result is valid during the call. Takes ownership of r in every case. 0 or a status (then done does
 * not run and nothing was sent): that of the request, -ST_BUSY above max_in_flight, -ST_INVALID for a URL that is
 * none, -ST_IO with errno for a file that cannot be opened or is shorter than its range. done may start requests but
 * not call http_free. */
int http_start(struct http *h, struct http_request *r, void (*done)(void *ctx, const struct http_result *res),
               void *ctx);
unsigned http_in_flight(const struct http *h);
void http_free(struct http *h);

#endif
