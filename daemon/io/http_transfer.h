/* http_transfer.h: what the files of http share: the request as built, and one request on its way. Private to them. */
#ifndef SMMQ_IO_HTTP_TRANSFER_H
#define SMMQ_IO_HTTP_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/io/http.h"
#include "proto/buf.h"

struct http_request {
	char *method, *url;
	struct http_header headers[HTTP_MAX_HEADERS];
	size_t header_count;
	struct http_piece pieces[HTTP_MAX_PIECES];
	size_t piece_count;
	size_t bytes;                  /* in memory, of all pieces and headers */
	bool once;
	char *sign_provider, *sign_key, *sign_secret;      /* NULL: not signed */
	int64_t timeout_ms;            /* 0: the usual */
	int error;
};

struct transfer {
	struct transfer *prev, *next;
	struct http_request *request;
	CURL *easy;
	struct curl_slist *headers;
	char error[CURL_ERROR_SIZE];
	void (*done)(void *ctx, const struct http_result *res);
	void *ctx;
	bool begun;                    /* a connection stood and bytes may have left */
	/* the body on its way out */
	int fds[HTTP_MAX_PIECES];      /* of the pieces that are files */
	uint64_t body_size;
	size_t piece;
	uint64_t piece_at;
	/* the answer */
	struct buf body;
	struct http_header answer[HTTP_MAX_HEADERS];
	size_t answer_count;
	size_t answer_header_bytes;
	bool answer_headed;            /* the empty line behind the headers came */
	const char *refused;           /* why it was ended here, not by the peer; static text */
};

/* Takes the request over in every case. 0, or the status http_start returns. */
int transfer_new(struct http_request *r, const struct http_options *o, struct transfer **out);
void transfer_free(struct transfer *t);
/* What libcurl ended with, in our words; res points into t. */
void transfer_result(struct transfer *t, CURLcode code, struct http_result *res);

#endif
