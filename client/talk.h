/* talk.h: requests as commands make them: one at a time, or one per id with several under way at once. Errors are told
 * to the user here, so that a command only handles what went well. */
#ifndef SMMQ_CLIENT_TALK_H
#define SMMQ_CLIENT_TALK_H

#include "client/command.h"
#include "proto/buf.h"
#include "proto/json.h"

/* A data line ("* ..."). Returns false to stop reading (the reader of our output went away). */
typedef bool talk_data_fn(struct client *c, const struct answer *a, void *context);
/* The OK of one id. Returns an exit status. */
typedef int talk_each_fn(struct client *c, const struct answer *a, const char *id, void *context);

/* Starts "VERB [word] {" for the writer, and ends it with the newline. talk_line_end returns 0, or an exit status after
 * telling that the request is too large. */
void talk_line_begin(struct buf *line, struct json_writer *w, enum verb verb, const char *word);
int talk_line_end(struct client *c, struct buf *line, struct json_writer *w);

/* Connects if need be; 0 or an exit status, told. */
int talk_connect(struct client *c);
/* Sends one line and reads up to its OK or ERR, which the caller gives back with answer_done. Tells nothing.
 * 0 (a->kind says which), CONN_QUIET, -ST_UNREACHABLE (not sent), -ST_ANSWER_LOST, -ST_NO_MEMORY. */
int talk_exchange(struct client *c, const struct buf *line, struct answer *a, int64_t timeout_ms, talk_data_fn *on_data,
	void *context);
/* Connects and exchanges; ERR and broken connections are told. 0 with *a OK, else an exit status (nothing to give
 * back). */
int talk_request(struct client *c, enum verb verb, const struct buf *line, struct answer *a, int64_t timeout_ms,
	talk_data_fn *on_data, void *context);
/* "VERB id body" for every id among the operands (and lines of stdin for "-"), a window of them under way at once.
 * body is JSON text or NULL. An ERR is told and the rest goes on. The exit status of the first that failed, or 0. */
int talk_each(struct client *c, enum verb verb, const char *body, talk_each_fn *on_ok, void *context);
/* Tells that the answer to `verb` did not come: 74 where something may have changed, 69 otherwise. */
int talk_lost(struct client *c, enum verb verb, int rc, const char *about);

#endif
