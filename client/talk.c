/* talk.c: the exchanges behind every command. */
#include "client/talk.h"

#include <stdio.h>
#include <string.h>

#include "client/ids.h"
#include "proto/line.h"
#include "proto/status.h"
#include "proto/unit.h"

/* Requests under way at once in talk_each: few enough that all of them fit into a socket's buffer, so that writing
 * never waits for us to read. */
#define WINDOW 16

void talk_line_begin(struct buf *line, struct json_writer *w, enum verb verb, const char *word)
{
	buf_add_str(line, verb_info(verb)->name);
	buf_add_char(line, ' ');
	if (word) {
		buf_add_str(line, word);
		buf_add_char(line, ' ');
	}
	jw_init(w, line);
	jw_object(w, NULL);
}

int talk_line_end(struct client *c, struct buf *line, struct json_writer *w)
{
	jw_end(w);
	if (!buf_error(line) && line->len <= LINE_MAX_BYTES) {
		buf_add_char(line, '\n');
		if (!buf_error(line))
			return 0;
	}
	if (buf_error(line) == -ST_NO_MEMORY)
		return out_fail(&c->out, ST_NO_MEMORY, "out of memory");
	return out_fail(
		&c->out, ST_TOO_LARGE, "the request is larger than %d bytes; make the text shorter", LINE_MAX_BYTES);
}

int talk_connect(struct client *c)
{
	int rc = conn_open(&c->conn);

	if (rc == 0)
		return 0;
	return out_fail(&c->out, rc, "cannot reach smmqd: %s", buf_cstr(&c->conn.why));
}

/* Reads up to OK or ERR. With on_data, returns -ST_ANSWER_LOST too where on_data stopped the reading. */
static int read_answer(struct client *c, struct answer *a, int64_t timeout_ms, talk_data_fn *on_data, void *context)
{
	for (;;) {
		int rc = conn_read(&c->conn, a, timeout_ms);
		bool go_on = true;

		if (rc != 0 || a->kind != ANSWER_DATA)
			return rc;
		if (on_data)
			go_on = on_data(c, a, context);
		answer_done(a);
		if (!go_on)
			return -ST_ANSWER_LOST;
	}
}

int talk_exchange(struct client *c, const struct buf *line, struct answer *a, int64_t timeout_ms, talk_data_fn *on_data,
	void *context)
{
	int rc = conn_send(&c->conn, line->data, line->len);

	memset(a, 0, sizeof *a);
	/* a daemon that turns the connection away says why before it closes */
	if (rc < 0 && !conn_answer_waits(&c->conn))
		return rc;
	if (rc < 0)
		return conn_read(&c->conn, a, 0) == 0 && a->kind == ANSWER_ERR ? 0 : (answer_done(a), rc);
	rc = read_answer(c, a, timeout_ms, on_data, context);
	if (rc == CONN_QUIET) {
		buf_reset(&c->conn.why);
		buf_add_fmt(&c->conn.why, "no answer within %d s", (int)(timeout_ms / 1000));
	}
	return rc;
}

int talk_lost(struct client *c, enum verb verb, int rc, const char *about)
{
	const char *name = verb_info(verb)->name;

	if (rc == -ST_NO_MEMORY)
		return out_fail(&c->out, ST_NO_MEMORY, "out of memory");
	if (rc == -ST_UNREACHABLE)
		return out_fail(&c->out, ST_UNREACHABLE, "the request %s did not leave: %s; nothing was changed", name,
			buf_cstr(&c->conn.why));
	if (!verb_info(verb)->writes)
		return out_fail(&c->out, ST_UNREACHABLE, "no answer to %s: %s", name, buf_cstr(&c->conn.why));
	return out_fail(&c->out, ST_ANSWER_LOST,
		"the answer to %s%s%s was lost: %s; look with \"smmq %s%s\" before trying again", name, about ? " " : "",
		about ? about : "", buf_cstr(&c->conn.why), about ? "show " : "list", about ? about : "");
}

int talk_request(struct client *c, enum verb verb, const struct buf *line, struct answer *a, int64_t timeout_ms,
	talk_data_fn *on_data, void *context)
{
	int rc = talk_connect(c);

	if (rc != 0)
		return rc;
	rc = talk_exchange(c, line, a, timeout_ms, on_data, context);
	/* the reader of the lines went away: no failure */
	if (rc == -ST_ANSWER_LOST && on_data && (c->out.closed || c->out.error))
		return 0;
	if (rc != 0)
		return talk_lost(c, verb, rc, NULL);
	if (a->kind == ANSWER_OK)
		return 0;
	rc = out_refused(&c->out, a, NULL);
	answer_done(a);
	return rc;
}

struct window {
	char id[WINDOW][40];
	size_t first, count;
};

static void worse(int *exit_status, int rc)
{
	if (*exit_status == 0)
		*exit_status = rc;
}

/* The answer to the oldest request under way. 0, or negative: the connection is gone. */
static int settle(struct client *c, struct window *w, talk_each_fn *on_ok, void *context, int *exit_status)
{
	const char *id = w->id[w->first];
	struct answer a;
	int rc = read_answer(c, &a, CONN_ANSWER_MS, NULL, NULL);

	if (rc == CONN_QUIET) {
		buf_reset(&c->conn.why);
		buf_add_str(&c->conn.why, "no answer within a minute");
		return -ST_ANSWER_LOST;
	}
	if (rc < 0)
		return rc;
	worse(exit_status, a.kind == ANSWER_OK ? on_ok(c, &a, id, context) : out_refused(&c->out, &a, id));
	answer_done(&a);
	w->first = (w->first + 1) % WINDOW;
	w->count--;
	return 0;
}

static int send_one(struct client *c, struct window *w, enum verb verb, const char *id, const char *body)
{
	struct buf line = BUF_INIT(LINE_MAX_BYTES + 1);
	int rc;

	buf_add_fmt(&line, "%s %s%s%s\n", verb_info(verb)->name, id, body ? " " : "", body ? body : "");
	rc = buf_error(&line) ? -ST_NO_MEMORY : conn_send(&c->conn, line.data, line.len);
	buf_done(&line);
	if (rc == 0) {
		snprintf(w->id[(w->first + w->count) % WINDOW], sizeof w->id[0], "%s", id);
		w->count++;
	}
	return rc;
}

int talk_each(struct client *c, enum verb verb, const char *body, talk_each_fn *on_ok, void *context)
{
	struct window w = { .count = 0 };
	struct ids ids;
	const char *id = NULL;
	int exit_status = ids_check(c), rc = 0, more;

	if (exit_status == 0)
		exit_status = talk_connect(c);
	if (exit_status != 0)
		return exit_status;
	ids_init(&ids, c);
	while ((more = ids_next(&ids, &id)) > 0) {
		/* what a person or a pipe feeds slowly is answered at once */
		while (rc == 0 && w.count > 0 && (w.count == WINDOW || ids_slow(&ids)))
			rc = settle(c, &w, on_ok, context, &exit_status);
		if (rc == 0)
			rc = send_one(c, &w, verb, id, body);
		/* what only reads ends with its reader; a change that was asked for is carried out */
		if (rc < 0 || ((c->out.closed || c->out.error) && !verb_info(verb)->writes))
			break;
	}
	while (rc == 0 && w.count > 0)
		rc = settle(c, &w, on_ok, context, &exit_status);
	if (rc == -ST_UNREACHABLE && w.count > 0)
		rc = -ST_ANSWER_LOST;
	if (rc < 0)
		worse(&exit_status, talk_lost(c, verb, rc, w.count > 0 ? w.id[w.first] : id));
	if (more < 0)
		worse(&exit_status, ids.exit_status);
	ids_done(&ids);
	return exit_status;
}
