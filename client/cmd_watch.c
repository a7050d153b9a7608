/* cmd_watch.c: watch and log. watch lives through a restart of the daemon: it resumes behind the last event printed. */
#include <stdio.h>
#include <string.h>

#include "client/command.h"
#include "client/event.h"
#include "client/ids.h"
#include "client/talk.h"
#include "proto/status.h"

#define RESUME_MS 60000
#define PAGE 500

/* ---- watch ---- */

static bool watch_event(struct client *c, const struct answer *a, void *context)
{
	event_print(c, a);
	event_keep(a, context);
	out_flush(&c->out);
	return !c->out.closed && !c->out.error;
}

static int watch_once(struct client *c, char *cursor, struct answer *a)
{
	struct buf line = BUF_INIT(LINE_MAX_BYTES + 64);
	struct json_writer w;
	int rc;

	talk_line_begin(&line, &w, VERB_WATCH, NULL);
	if (*cursor)
		jw_str(&w, "since", cursor);
	if (c->args.operand_count > 0)
		jw_str(&w, "id", c->args.operands[0]);
	if (args_has(&c->args, "account"))
		jw_str(&w, "account", args_value(&c->args, "account"));
	jw_end(&w);
	buf_add_char(&line, '\n');
	rc = buf_error(&line) ? -ST_NO_MEMORY : talk_exchange(c, &line, a, -1, watch_event, cursor);
	buf_done(&line);
	return rc;
}

int cmd_watch(struct client *c)
{
	const char *since = args_value(&c->args, "since");
	char cursor[EVENT_CURSOR_BYTES] = "";
	struct answer a;
	int rc;

	if (since && strlen(since) >= sizeof cursor)
		return out_fail(&c->out, ST_USAGE, "--since wants a cursor as watch -j and log -j print it");
	if (since)
		strcpy(cursor, since);
	rc = since ? talk_connect(c) : event_end(c, cursor);
	while (rc == 0) {
		rc = watch_once(c, cursor, &a);
		if (c->out.closed || c->out.error)
			return 0;
		if (rc == 0 && a.kind == ANSWER_ERR) {
			rc = out_refused(&c->out, &a, NULL);
			answer_done(&a);
			return rc;
		}
		answer_done(&a);
		if (rc == -ST_NO_MEMORY)
			return out_fail(&c->out, rc, "out of memory");
		out_note(&c->out, "smmq: %s; waiting for it to come back", buf_cstr(&c->conn.why));
		rc = conn_reopen(&c->conn, RESUME_MS);
		if (rc != 0)
			return out_fail(&c->out, ST_UNREACHABLE, "smmqd did not come back: %s; resume with --since %s",
				buf_cstr(&c->conn.why), cursor);
	}
	return rc;
}

/* ---- log ---- */

struct log { int64_t left; };      /* events still wanted; negative: all */

static bool log_event(struct client *c, const struct answer *a, void *context)
{
	struct log *log = context;

	if (log->left == 0)
		return true;
	if (log->left > 0)
		log->left--;
	event_print(c, a);
	return !c->out.closed && !c->out.error;
}

/* One page; *cursor "" at the end. */
static int log_page(struct client *c, const char *id, bool last, struct log *log, char *cursor)
{
	struct buf line = BUF_INIT(LINE_MAX_BYTES + 64);
	struct json_writer w;
	struct answer a;
	int rc;

	talk_line_begin(&line, &w, VERB_LOG, id);
	jw_int(&w, "limit", log->left >= 0 && log->left < PAGE ? log->left : last && log->left > 0 ? log->left : PAGE);
	if (last)
		jw_bool(&w, "last", true);
	else if (*cursor)
		jw_str(&w, "cursor", cursor);
	rc = talk_line_end(c, &line, &w);
	if (rc == 0)
		rc = talk_request(c, VERB_LOG, &line, &a, CONN_ANSWER_MS, log_event, log);
	buf_done(&line);
	if (rc != 0)
		return rc;
	cursor[0] = '\0';
	event_keep(&a, cursor);
	answer_done(&a);
	return 0;
}

static int log_pages(struct client *c, const char *id, const char *since)
{
	struct log log = { .left = args_number(&c->args, "limit", -1) };
	char cursor[EVENT_CURSOR_BYTES];
	int rc;

	snprintf(cursor, sizeof cursor, "%s", since ? since : "");
	do
		rc = log_page(c, id, false, &log, cursor);
	while (rc == 0 && *cursor && log.left != 0 && !c->out.closed && !c->out.error);
	return rc;
}

int cmd_log(struct client *c)
{
	const char *since = args_value(&c->args, "since"), *id;
	struct log newest = { .left = args_number(&c->args, "limit", 100) };
	char cursor[EVENT_CURSOR_BYTES] = "";
	struct ids ids;
	int rc = 0, more = 0;

	if (since && strlen(since) >= sizeof cursor)
		return out_fail(&c->out, ST_USAGE, "--since wants a cursor as watch -j and log -j print it");
	if (c->args.operand_count == 0 && (since || args_has(&c->args, "all")))
		return log_pages(c, NULL, since);
	if (c->args.operand_count == 0 && newest.left > 1000)
		return out_fail(
			&c->out, ST_USAGE, "--limit is at most 1000 for the newest events; --all prints the whole journal");
	if (c->args.operand_count == 0)
		return log_page(c, NULL, true, &newest, cursor);
	rc = ids_check(c);
	if (rc != 0)
		return rc;
	ids_init(&ids, c);
	while (!c->out.closed && !c->out.error && (more = ids_next(&ids, &id)) > 0) {
		int one = log_pages(c, id, since);

		if (rc == 0)
			rc = one;
	}
	if (more < 0)
		rc = ids.exit_status;
	ids_done(&ids);
	return rc;
}
