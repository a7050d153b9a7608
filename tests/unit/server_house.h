/* server_house.h: a running server with its handler, and clients, for the tests of io/server. */
#ifndef SMMQ_TESTS_SERVER_HOUSE_H
#define SMMQ_TESTS_SERVER_HOUSE_H

#include <stdatomic.h>

#include "daemon/io/loop.h"
#include "daemon/io/server_conn.h"

#define MAX_CONNS 8

/* ---- the server ---- */
extern struct loop *loop;
extern struct server *server;
extern char path[128];                                 /* of its socket */
extern atomic_uint opened, closed, lines, drained;     /* since the set-up */
extern atomic_size_t max_waiting;                      /* bytes that waited for one client */
extern char order[4096];                               /* the arguments of "order", as they came */
extern atomic_size_t order_len;
extern const struct server_ops ops;                    /* the handler */
extern const unsigned server_fair_lines;               /* of one client in a row */

int server_house_set_up(void **state);
int server_house_tear_down(void **state);
#define ONLINE(test) cmocka_unit_test_setup_teardown(test, server_house_set_up, server_house_tear_down)
/* Runs it on the loop's thread, and waits for that. */
void on_loop(void (*run)(void));
/* Until the counter is at least so high. */
void wait_for(atomic_uint *counter, unsigned value);

/* ---- a client ---- */
int client_open(void);
void client_send(int fd, const char *data, size_t len);
void client_say(int fd, const char *text);
void client_expect(int fd, const char *text);
void client_expect_end(int fd);

#endif
