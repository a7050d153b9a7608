/* cmd_change.c: the commands about items that exist and take ids alone: edit, move, retry, resolve. Those that also
 * take filters and gates are in cmd_stop.c. */
#include <stdio.h>
#include <string.h>

#include "client/command.h"
#include "client/content.h"
#include "client/talk.h"
#include "client/when.h"
#include "proto/status.h"
#include "proto/unit.h"

static void write_if_rev(struct client *c, struct json_writer *w)
{
	if (args_has(&c->args, "if-rev"))
		jw_int(w, "if_rev", args_number(&c->args, "if-rev", 0));
}

static int print_id(struct client *c, const struct answer *a, const char *asked)
{
	char digits[24];
	const char *id = json_get_id(a->json, "id", digits);

	if (c->out.json) {
		out_json(&c->out, a->text, a->len);
	} else {
		out_text(&c->out, id ? id : asked);
		out_fmt(&c->out, "\n");
	}
	return 0;
}

/* ---- edit ---- */

static bool content_options(const struct client *c)
{
	static const char *const names[] = { "file", "thread", "media", "no-media", "first-comment", "link", "no-link",
		"language", "no-language", "label", "no-label", "as", "title", "no-title", "warning", "no-warning", "quote", "no-quote",
		"poll", "no-poll", "cover", "no-cover", "set" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (args_has(&c->args, names[i]))
			return true;
	return false;
}

int cmd_edit(struct client *c)
{
	const char *id = c->args.operands[0];
	struct buf line = BUF_INIT(LINE_MAX_BYTES + 64);
	struct content content;
	struct json_writer w;
	struct answer a;
	uint64_t number;
	unsigned n;
	int rc;

	if (unit_id_parse(id, &number, &n) < 0)
		return out_fail(&c->out, ST_USAGE, "\"%s\" is not an id; ids look like 42 (a post) or 42.1 (one target)", id);
	if (c->args.operand_count < 2 && !content_options(c))
		return out_fail(
			&c->out, ST_USAGE, "nothing to change: give a text (- reads it from standard input) or an option");
	rc = content_read(c, &content, 1, false);
	if (rc == 0)
		rc = cmd_media_put(c, &content.media);
	if (rc == 0) {
		talk_line_begin(&line, &w, VERB_EDIT, id);
		content_write(c, &content, &w);
		write_if_rev(c, &w);
		rc = talk_line_end(c, &line, &w);
	}
	if (rc == 0)
		rc = talk_request(c, VERB_EDIT, &line, &a, CONN_ANSWER_MS, NULL, NULL);
	if (rc == 0) {
		rc = print_id(c, &a, id);
		answer_done(&a);
	}
	buf_done(&line);
	content_done(&content);
	return rc;
}

/* ---- move, retry, resolve: the same body for every id ---- */

static int each(struct client *c, enum verb verb, struct buf *body, talk_each_fn *on_ok)
{
	int rc;

	if (buf_error(body))
		rc = out_fail(&c->out, buf_error(body), "the request is too large");
	else
		rc = talk_each(c, verb, body->len ? buf_cstr(body) : NULL, on_ok, NULL);
	buf_done(body);
	return rc;
}

static int moved(struct client *c, const struct answer *a, const char *id, void *context)
{
	(void)context;
	print_id(c, a, id);
	out_flush(&c->out);
	when_echo(&c->out, a->json);
	return 0;
}

int cmd_move(struct client *c)
{
	struct buf body = BUF_INIT(65536);
	struct json_writer w;
	bool at = args_has(&c->args, "at");

	if (at == args_has(&c->args, "now"))
		return out_fail(&c->out, ST_USAGE, "say when: --at TIME or --now");
	jw_init(&w, &body);
	jw_object(&w, NULL);
	if (at)
		jw_str(&w, "at", args_value(&c->args, "at"));
	else
		jw_bool(&w, "now", true);
	if (args_has(&c->args, "past"))
		jw_str(&w, "past", args_value(&c->args, "past"));
	write_if_rev(c, &w);
	jw_end(&w);
	return each(c, VERB_MOVE, &body, moved);
}

static int retried(struct client *c, const struct answer *a, const char *id, void *context)
{
	(void)context;
	if (c->out.json)
		out_json(&c->out, a->text, a->len);
	else if (json_count(json_get(a->json, "ids")) == 0)
		print_id(c, a, id);
	for (const struct json *i = json_first(json_get(a->json, "ids")); i && !c->out.json; i = json_next(i)) {
		out_text(&c->out, json_text(i));
		out_fmt(&c->out, "\n");
	}
	return 0;
}

int cmd_retry(struct client *c)
{
	struct buf body = BUF_INIT(64);

	return each(c, VERB_RETRY, &body, retried);
}

static int resolved(struct client *c, const struct answer *a, const char *id, void *context)
{
	const char *state = json_get_text(a->json, "state");

	(void)context;
	print_id(c, a, id);
	out_flush(&c->out);
	out_note(&c->out, "%s: %s", id, state ? state : "settled");
	return 0;
}

int cmd_resolve(struct client *c)
{
	static const char *const truths[] = { "published", "absent", "failed", "lookup" };
	const struct args *a = &c->args;
	struct buf body = BUF_INIT(LINE_MAX_BYTES);
	struct json_writer w;
	const char *as = NULL;
	size_t given = 0;

	for (size_t i = 0; i < sizeof truths / sizeof *truths; i++)
		if (args_has(a, truths[i])) {
			as = truths[i];
			given++;
		}
	if (given != 1)
		return out_fail(&c->out, ST_USAGE, "say what is true: --published URL, --absent or --failed, or --lookup to look again");
	if (!args_has(a, "published") && args_has(a, "remote-id"))
		return out_fail(&c->out, ST_USAGE, "--remote-id goes with --published");
	if (!args_has(a, "failed") && args_has(a, "reason"))
		return out_fail(&c->out, ST_USAGE, "--reason goes with --failed");
	jw_init(&w, &body);
	jw_object(&w, NULL);
	jw_str(&w, "as", as);
	if (args_has(a, "published"))
		jw_str(&w, "url", args_value(a, "published"));
	if (args_has(a, "remote-id"))
		jw_str(&w, "remote_id", args_value(a, "remote-id"));
	if (args_has(a, "reason"))
		jw_str(&w, "reason", args_value(a, "reason"));
	jw_end(&w);
	return each(c, VERB_RESOLVE, &body, resolved);
}
