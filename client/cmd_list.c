/* cmd_list.c: list. Pages come and go: no more than one line of the answer is ever held. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/command.h"
#include "client/filter.h"
#include "client/talk.h"
#include "client/when.h"
#include "proto/status.h"

#define PAGE 250

struct list {
	int64_t left;               /* rows still wanted; negative: all */
	bool headed;
};

static const struct out_column screen[] = {
	{ "ID", 9, false }, { "STATE", 9, false }, { "TIME", 23, false }, { "ACCOUNT", 12, true }, { "TEXT", 0, true },
};
static const struct out_column plain[] = {
	{ "ID", 0, false }, { "STATE", 0, false }, { "DUE", 0, false }, { "ACCOUNT", 0, false }, { "LABEL", 0, false },
	{ "GATE", 0, false }, { "REASON", 0, false }, { "URL", 0, false }, { "TEXT", 0, false },
};
#define COUNT(table) (sizeof(table) / sizeof *(table))

/* What matters most about the row stands first in the cut column: why it does not go out, then what it says. */
static void screen_row(struct out *o, const struct json *row, const char *id, const char *state)
{
	const char *reason = json_get_text(row, "reason"), *gate = json_get_text(row, "gate");
	const char *text = json_get_text(row, "text");
	struct buf b = BUF_INIT(64 * 1024);
	char when[WHEN_SIZE];

	if (gate)
		buf_add_fmt(&b, "[gate %s] ", gate);
	if (reason && *reason)
		buf_add_fmt(&b, "[%s] ", reason);
	buf_add_str(&b, text ? text : "");
	out_row(o, screen, COUNT(screen),
		(const char *const[]){ id, state, when_local(row, when), json_get_text(row, "account"), buf_cstr(&b) }, 1);
	buf_done(&b);
}

static bool print_row(struct client *c, const struct answer *a, void *context)
{
	struct list *list = context;
	const struct json *row = a->json;
	char digits[24];
	const char *id = json_get_id(row, "id", digits), *state = json_get_text(row, "state");

	if (list->left == 0)
		return true;
	if (list->left > 0)
		list->left--;
	if (c->out.json) {
		out_json(&c->out, a->text, a->len);
	} else if (c->out.tty) {
		if (!list->headed)
			out_head(&c->out, screen, COUNT(screen));
		list->headed = true;
		screen_row(&c->out, row, id, state);
	} else {
		out_row(&c->out, plain, COUNT(plain), (const char *const[]){ id, state, json_get_text(row, "due"),
			json_get_text(row, "account"), json_get_text(row, "label"), json_get_text(row, "gate"),
			json_get_text(row, "reason"), json_get_text(row, "url"), json_get_text(row, "text") }, -1);
	}
	return !c->out.closed && !c->out.error;
}

static int page(struct client *c, struct list *list, char **cursor, bool *last)
{
	struct buf line = BUF_INIT(LINE_MAX_BYTES + 64);
	const struct json *next;
	struct json_writer w;
	struct answer a;
	int rc;

	talk_line_begin(&line, &w, VERB_LIST, NULL);
	filter_write(c, &w, !args_has(&c->args, "all"));
	jw_int(&w, "limit", list->left < 0 || list->left > PAGE ? PAGE : list->left);
	if (*cursor)
		jw_str(&w, "cursor", *cursor);
	rc = talk_line_end(c, &line, &w);
	if (rc == 0)
		rc = talk_request(c, VERB_LIST, &line, &a, CONN_ANSWER_MS, print_row, list);
	buf_done(&line);
	if (rc != 0)
		return rc;
	next = json_get(a.json, "cursor");
	arena_reset(&c->arena);
	*cursor = arena_strdup(&c->arena, json_text(next));
	*last = !*cursor;
	if (json_kind(next) != JSON_NULL && !*cursor)
		rc = out_fail(&c->out, ST_INTERNAL, "the daemon's cursor is no text");
	answer_done(&a);
	return rc;
}

int cmd_list(struct client *c)
{
	struct list list = { .left = args_number(&c->args, "limit", -1) };
	char *cursor = NULL;
	bool last = false;
	int rc = filter_check(c);

	if (rc == 0 && args_has(&c->args, "all") && args_has(&c->args, "state"))
		rc = out_fail(&c->out, ST_USAGE, "--all and --state exclude each other");
	while (rc == 0 && !last && list.left != 0 && !c->out.closed && !c->out.error)
		rc = page(c, &list, &cursor, &last);
	if (rc == 0 && c->out.tty && !list.headed)
		out_note(&c->out, "Nothing here%s.", args_has(&c->args, "all") ? "" : "; --all shows what is over, too");
	return rc;
}
