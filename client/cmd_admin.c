/* cmd_admin.c: reload, drain, version, help. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/command.h"
#include "client/talk.h"
#include "proto/status.h"

#define DRAIN_MS 30000       /* the daemon's own default */
#define DRAIN_SLACK_MS 10000

int cmd_reload(struct client *c)
{
	struct buf line = BUF_INIT(64);
	struct answer a;
	int64_t accounts = 0;
	int rc;

	buf_add_str(&line, "RELOAD\n");
	rc = talk_request(c, VERB_RELOAD, &line, &a, CONN_ANSWER_MS, NULL, NULL);
	buf_done(&line);
	if (rc != 0)
		return rc;
	if (c->out.json)
		out_json(&c->out, a.text, a.len);
	else if (json_get_int(a.json, "accounts", &accounts) == 0)
		out_fmt(&c->out, "reloaded: %" PRId64 " accounts\n", accounts);
	answer_done(&a);
	return 0;
}

int cmd_drain(struct client *c)
{
	struct buf line = BUF_INIT(LINE_MAX_BYTES + 64);
	int64_t patience_ms = args_span_ms(&c->args, "timeout", DRAIN_MS) + DRAIN_SLACK_MS, in_flight = 0;
	bool off = args_has(&c->args, "off");
	struct json_writer w;
	struct answer a;
	int rc;

	talk_line_begin(&line, &w, VERB_DRAIN, NULL);
	if (off)
		jw_bool(&w, "off", true);
	if (args_has(&c->args, "timeout"))
		jw_str(&w, "timeout", args_value(&c->args, "timeout"));
	rc = talk_line_end(c, &line, &w);
	if (rc == 0)
		rc = talk_request(c, VERB_DRAIN, &line, &a, patience_ms, NULL, NULL);
	buf_done(&line);
	if (rc != 0)
		return rc;
	(void)json_get_int(a.json, "in_flight", &in_flight);
	if (c->out.json)
		out_json(&c->out, a.text, a.len);
	else if (off)
		out_fmt(&c->out, "firing again\n");
	else
		out_fmt(&c->out, "drained: %" PRId64 " in flight; smmq drain --off fires again\n", in_flight);
	answer_done(&a);
	return 0;
}

/* The client's version is an answer even where there is no daemon. */
int cmd_version(struct client *c)
{
	struct buf line = BUF_INIT(4096);
	struct answer a = { .json = NULL };
	struct json_writer w;
	int rc = conn_open(&c->conn);
	bool reached;

	buf_add_str(&line, "HELLO {\"client\":\"smmq " PACKAGE_VERSION "\"}\n");
	if (rc == 0)
		rc = talk_exchange(c, &line, &a, CONN_ANSWER_MS, NULL, NULL);
	reached = rc == 0 && a.kind == ANSWER_OK;
	if (c->out.json) {
		buf_reset(&line);
		jw_init(&w, &line);
		jw_object(&w, NULL);
		jw_str(&w, "version", PACKAGE_VERSION);
		jw_value(&w, "daemon", reached ? a.json : NULL);
		jw_end(&w);
		out_json(&c->out, buf_cstr(&line), line.len);
	} else {
		out_fmt(&c->out, "smmq %s\n", PACKAGE_VERSION);
	}
	if (reached && !c->out.json) {
		out_text(&c->out, json_get_text(a.json, "server"));
		out_fmt(&c->out, " ");
		out_text(&c->out, json_get_text(a.json, "version"));
		out_fmt(&c->out, ", %s, your role: ", c->conn.path);
		out_text(&c->out, json_get_text(a.json, "role"));
		out_fmt(&c->out, "\n");
	} else if (!reached) {
		out_note(&c->out, "smmqd is not reachable: %s", rc == 0 ? a.word : buf_cstr(&c->conn.why));
	}
	answer_done(&a);
	buf_done(&line);
	return 0;
}

int cmd_help(struct client *c)
{
	const struct command *about;
	const char *name, *guess;

	if (c->args.operand_count == 0) {
		command_print_all(c);
		return 0;
	}
	name = c->args.operands[0];
	about = command_find(name);
	if (about) {
		command_print_help(c, about);
		return 0;
	}
	guess = command_guess(name);
	return out_fail(&c->out, ST_USAGE, "there is no command \"%s\"%s%s%s", name, guess ? "; did you mean " : "",
		guess ? guess : "", guess ? "?" : "");
}
