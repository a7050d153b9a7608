/* http_house.h: what the tests of io/http share. The server's path says what becomes of a request; it counts what arrives. */
#ifndef SMMQ_TESTS_HTTP_HOUSE_H
#define SMMQ_TESTS_HTTP_HOUSE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "daemon/io/http.h"
#include "daemon/io/loop.h"

/* ---- the server ---- */
extern unsigned port;
extern atomic_uint requests, posts;     /* since the last set-up */
extern char last_request[2 * 1024 * 1024];
extern atomic_size_t last_len;

/* ---- the client under test, and what came of one request ---- */
extern struct loop *loop;
extern struct http *http;

struct outcome {
	unsigned count;
	enum http_reach reach;
	int status;
	int64_t date_ms;
	size_t body_len, header_count;
	char body[256], error[512], limit[32], first[64];
	bool cookie;
};

/* cmocka's set-up and tear-down: of the group, and of a test. */
int http_house_open(void **state);
int http_house_close(void **state);
int http_house_set_up(void **state);
int http_house_tear_down(void **state);
#define ONLINE(test) cmocka_unit_test_setup_teardown(test, http_house_set_up, http_house_tear_down)

/* To the server; once: http_request_once; body: with a short one. */
struct http_request *request(const char *method, const char *path);
struct http_request *post(const char *path, bool once, bool body);
/* The callback that fills in a struct outcome. */
void on_done(void *outcome, const struct http_result *res);
void begin(struct http_request *r, struct outcome *out);
/* Until so many answers have come since the last call. */
void await(unsigned count);
/* begin and await in one. */
void run(struct http_request *r, struct outcome *out);

#endif
