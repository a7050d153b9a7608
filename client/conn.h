/* conn.h: the connection to the daemon: find the socket, send requests, read answers. It says what happened as a
 * status and in `why`; it prints nothing.
 *
 * The one idea: whether a request left WHOLE decides what a broken connection means. The daemon acts on whole lines
 * only, so a request that was cut is -ST_UNREACHABLE (nothing happened), one that left is -ST_ANSWER_LOST. */
#ifndef SMMQ_CLIENT_CONN_H
#define SMMQ_CLIENT_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/buf.h"
#include "proto/json.h"
#include "proto/line.h"

#define CONN_QUIET 1             /* conn_read: nothing came within the time given */
#define CONN_ANSWER_MS 60000     /* how long an ordinary answer may take */

enum answer_kind { ANSWER_DATA, ANSWER_OK, ANSWER_ERR };

struct answer {
	enum answer_kind kind;
	int exit_status;          /* 0, or that of the ERR word */
	int status;               /* enum status of the ERR word; ST_INTERNAL for a word this client does not know */
	char word[32];            /* of ERR */
	const char *text;         /* the JSON as it came; NULL if there was none; valid until the next conn_read */
	size_t len;
	struct json *json;        /* NULL if there was none; given back by answer_done */
};

struct conn {
	int fd;                   /* -1: not open */
	const char *option;       /* -s, or NULL */
	char path[108];           /* the socket in use */
	struct line_reader in;
	struct buf why;           /* after a failure: what happened, without newline */
};

void conn_init(struct conn *c, const char *socket_option);
void conn_close(struct conn *c);
void conn_done(struct conn *c);
/* Connects if there is no connection. 0, -ST_UNREACHABLE, -ST_DENIED, -ST_USAGE (path too long), -ST_NO_MEMORY. */
int conn_open(struct conn *c);
/* Connects again to the socket used before, trying for up to patience_ms: a daemon that restarts is back soon. */
int conn_reopen(struct conn *c, int64_t patience_ms);
/* 0, or -ST_UNREACHABLE: not all bytes left. */
int conn_send(struct conn *c, const char *data, size_t len);
/* Whether the daemon has said something that was not read yet: while a body is sent, that is a refusal. */
bool conn_answer_waits(struct conn *c);
/* The next line of an answer. 0; CONN_QUIET after timeout_ms (-1: wait for ever); -ST_ANSWER_LOST (ended, or not of
 * this protocol); -ST_NO_MEMORY. */
int conn_read(struct conn *c, struct answer *a, int64_t timeout_ms);
void answer_done(struct answer *a);

int64_t conn_now_ms(void);       /* a clock that only goes forward */

#endif
