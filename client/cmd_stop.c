/* cmd_stop.c: cancel, hold and release: on ids one by one, on a filter, and on everything only for ALL in upper case.
 * Hold and release of an account, a label or ALL set and remove a gate: one record, whatever the queue's size. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/command.h"
#include "client/filter.h"
#include "client/ids.h"
#include "client/talk.h"
#include "client/when.h"
#include "proto/status.h"

static bool is_all(const struct client *c)
{
	return c->args.operand_count == 1 && strcmp(c->args.operands[0], "ALL") == 0;
}

static void print_ids(struct client *c, const struct json *ids)
{
	char digits[24];

	for (const struct json *i = json_first(ids); i; i = json_next(i)) {
		const char *id = json_text(i);
		int64_t number;

		if (!id && json_int(i, &number) == 0) {
			snprintf(digits, sizeof digits, "%" PRId64, number);
			id = digits;
		}
		out_text(&c->out, id);
		out_fmt(&c->out, "\n");
	}
}

/* Ids that were already on their way: told one by one, since a person may want to look at each. */
static int tell_in_flight(struct client *c, const struct json *answer)
{
	const struct json *list = json_get(answer, "in_flight");
	char digits[24];

	for (const struct json *i = json_first(list); i; i = json_next(i)) {
		int64_t number = 0;
		const char *id = json_text(i);

		if (!id && json_int(i, &number) == 0) {
			snprintf(digits, sizeof digits, "%" PRId64, number);
			id = digits;
		}
		out_note(&c->out, "%s: too late, in flight", id ? id : "?");
	}
	return json_count(list) > 0 ? status_info(ST_IN_FLIGHT)->exit_status : 0;
}

static int changed(struct client *c, const struct answer *a, const char *id, void *context)
{
	(void)id;
	(void)context;
	if (c->out.json)
		out_json(&c->out, a->text, a->len);
	else
		print_ids(c, json_get(a->json, "ids"));
	return tell_in_flight(c, a->json);
}

/* Either ids, or ALL, or a filter: `some` is whether a filter option was given. */
static int check_target(struct client *c, bool some, const char *filters)
{
	bool all = is_all(c), ids = ids_given(c);

	if (!all && !ids && c->args.operand_count > 0)
		return out_fail(&c->out, ST_USAGE, "ALL stands alone");
	if (!all && !ids && !some)
		return out_fail(&c->out, ST_USAGE, "say which: ids, - for ids from standard input, %s or ALL", filters);
	if (all + ids + some > 1)
		return out_fail(&c->out, ST_USAGE, "ids, %s and ALL exclude each other", filters);
	return 0;
}

/* ---- cancel ---- */

/* cursor: where the next request of the same filter goes on; "" at the end. */
struct cancel { int64_t count; int exit_status; char cursor[128]; };

static int cancel_request(struct client *c, struct cancel *cancel, const struct buf *line)
{
	int64_t count = 0;
	struct answer a;
	int rc = talk_request(c, VERB_CANCEL, line, &a, CONN_ANSWER_MS, NULL, NULL);

	if (rc != 0)
		return rc;
	rc = changed(c, &a, NULL, NULL);
	if (cancel->exit_status == 0)
		cancel->exit_status = rc;
	(void)json_get_int(a.json, "cancelled", &count);
	cancel->count += count;
	const char *cursor = json_get_text(a.json, "cursor");
	(void)snprintf(cancel->cursor, sizeof(cancel->cursor), "%s", cursor ? cursor : "");
	answer_done(&a);
	return 0;
}

static int cancel_page(struct client *c, struct cancel *cancel, bool dry_run)
{
	struct buf line = BUF_INIT(LINE_MAX_BYTES + 64);
	struct json_writer w;
	int rc;

	talk_line_begin(&line, &w, VERB_CANCEL, NULL);
	filter_write(c, &w, false);
	if (is_all(c))
		jw_bool(&w, "all", true);
	if (dry_run)
		jw_bool(&w, "dry_run", true);
	if (cancel->cursor[0])
		jw_str(&w, "cursor", cancel->cursor);
	rc = talk_line_end(c, &line, &w);
	if (rc == 0)
		rc = cancel_request(c, cancel, &line);
	buf_done(&line);
	return rc;
}

static int cancel_filter(struct client *c, struct cancel *cancel, bool dry_run)
{
	int rc;

	do
		rc = cancel_page(c, cancel, dry_run);
	while (rc == 0 && cancel->cursor[0]);
	return rc;
}

/* Ids for a dry run go as a filter, in groups: CANCEL of one id has no dry run. */
static int cancel_dry_ids(struct client *c, struct cancel *cancel)
{
	struct ids ids;
	const char *id;
	int rc = 0, more = 1;

	ids_init(&ids, c);
	while (rc == 0 && more > 0) {
		struct buf line = BUF_INIT(LINE_MAX_BYTES + 64);
		struct json_writer w;
		size_t count = 0;

		talk_line_begin(&line, &w, VERB_CANCEL, NULL);
		jw_bool(&w, "dry_run", true);
		jw_array(&w, "ids");
		for (; count < 500 && (more = ids_next(&ids, &id)) > 0; count++)
			jw_str(&w, NULL, id);
		jw_end(&w);
		rc = talk_line_end(c, &line, &w);
		if (rc == 0 && more >= 0 && count > 0)
			rc = cancel_request(c, cancel, &line);
		buf_done(&line);
	}
	if (more < 0)
		rc = ids.exit_status;
	ids_done(&ids);
	return rc;
}

int cmd_cancel(struct client *c)
{
	struct cancel cancel = { .count = 0 };
	bool dry_run = args_has(&c->args, "dry-run");
	int rc = filter_check(c);

	if (rc == 0)
		rc = check_target(c, filter_given(c), "--account, --label, --state");
	if (rc != 0)
		return rc;
	if (ids_given(c) && !dry_run)
		return talk_each(c, VERB_CANCEL, NULL, changed, NULL);
	rc = ids_given(c) ? cancel_dry_ids(c, &cancel) : cancel_filter(c, &cancel, dry_run);
	if (dry_run && rc == 0)
		out_note(&c->out, "%" PRId64 " would be cancelled; nothing was.", cancel.count);
	else if (!dry_run && (rc == 0 || cancel.count > 0))
		out_note(&c->out, "%" PRId64 " cancelled: guaranteed not sent.", cancel.count);
	return rc ? rc : cancel.exit_status;
}

/* ---- hold and release ---- */

/* Two people may hold the same: the first one's reason and end are gone then, which the second one is told. */
static void tell_replaced(struct client *c, const struct json *before)
{
	const char *by = json_get_text(before, "by"), *reason = json_get_text(before, "reason");
	int64_t until_ms = 0;
	char when[WHEN_SIZE];

	if (!before)
		return;
	(void)json_get_int(before, "until_ms", &until_ms);
	out_note(&c->out, "It was closed already, by %s: %s (until %s); that gate is replaced by yours.", by ? by : "the daemon",
		reason ? reason : "no reason given", until_ms > 0 ? when_here(until_ms, when) : "released");
}

/* Who releases an account may not have known that it was a limit that held it, nor that others share it. */
static void tell_limit(struct client *c, const struct json *ended)
{
	const char *scope = json_get_text(ended, "scope"), *reason = json_get_text(ended, "reason");
	bool shared = scope && strcmp(scope, "application") == 0;
	int64_t until_ms = 0;
	char when[WHEN_SIZE];

	if (!ended)
		return;
	(void)json_get_int(ended, "until_ms", &until_ms);
	out_note(&c->out, "Ended: a rate limit %suntil %s: %s", shared ? "of all accounts of its application " : "", when_here(until_ms, when),
		reason ? reason : "no reason given");
}

static int gate_request(struct client *c, enum verb verb, const struct buf *line, const char *done)
{
	struct answer a;
	const char *gate;
	int rc = talk_request(c, verb, line, &a, CONN_ANSWER_MS, NULL, NULL);

	if (rc != 0)
		return rc;
	gate = json_get_text(a.json, "gate");
	if (c->out.json) {
		out_json(&c->out, a.text, a.len);
	} else {
		out_text(&c->out, gate ? gate : "all");
		out_fmt(&c->out, "\n");
	}
	out_flush(&c->out);
	out_note(&c->out, "%s", done);
	tell_replaced(c, json_get(a.json, "replaced"));
	tell_limit(c, json_get(a.json, "limit"));
	rc = tell_in_flight(c, a.json);
	answer_done(&a);
	return rc;
}

static int gate(struct client *c, enum verb verb, const char *done)
{
	static const char *const options[] = { "account", "label", "gate", "reason", "until", "backlog" };
	struct buf line = BUF_INIT(LINE_MAX_BYTES + 64);
	struct json_writer w;
	int rc;

	talk_line_begin(&line, &w, verb, NULL);
	if (is_all(c))
		jw_bool(&w, "all", true);
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (args_has(&c->args, options[i]))
			jw_str(&w, options[i], args_value(&c->args, options[i]));
	rc = talk_line_end(c, &line, &w);
	if (rc == 0)
		rc = gate_request(c, verb, &line, done);
	buf_done(&line);
	return rc;
}

static int one_gate(struct client *c)
{
	size_t count = args_count(&c->args, "account") + args_count(&c->args, "label") + args_count(&c->args, "gate");

	return count > 1 ? out_fail(&c->out, ST_USAGE, "one gate at a time") : 0;
}

int cmd_hold(struct client *c)
{
	struct buf body = BUF_INIT(LINE_MAX_BYTES);
	struct json_writer w;
	int rc = check_target(c, filter_given(c), "--account, --label");

	if (rc == 0)
		rc = one_gate(c);
	if (rc != 0)
		return rc;
	if (!ids_given(c))
		return gate(c, VERB_HOLD, "Held: nothing behind this gate is fired until smmq release.");
	if (args_has(&c->args, "until") || args_has(&c->args, "backlog"))
		return out_fail(&c->out, ST_USAGE, "--until and --backlog go with ALL, --account or --label");
	if (args_has(&c->args, "reason")) {
		jw_init(&w, &body);
		jw_object(&w, NULL);
		jw_str(&w, "reason", args_value(&c->args, "reason"));
		jw_end(&w);
	}
	rc = talk_each(c, VERB_HOLD, body.len ? buf_cstr(&body) : NULL, changed, NULL);
	buf_done(&body);
	return rc;
}

static const char *released_note(const char *backlog)
{
	static const struct { const char *policy, *note; } notes[] = {
		{ "now", "Released: what waited goes at once, within the daily limits." },
		{ "skip", "Released: what was due meanwhile is not sent; it ends as missed." },
		{ "hold", "Released: what was due meanwhile is held one by one, for you to go through (smmq list --state held)." },
	};

	for (size_t i = 0; backlog != NULL && i < sizeof notes / sizeof *notes; i++)
		if (strcmp(notes[i].policy, backlog) == 0)
			return notes[i].note;
	return "Released: what waited follows its late rule, at the account's pace.";
}

int cmd_release(struct client *c)
{
	bool some = filter_given(c) || args_has(&c->args, "gate");
	int rc = check_target(c, some, "--account, --label, --gate");

	if (rc == 0)
		rc = one_gate(c);
	if (rc != 0)
		return rc;
	if (ids_given(c) && args_has(&c->args, "backlog"))
		return out_fail(&c->out, ST_USAGE, "--backlog goes with ALL, --account, --label or --gate");
	if (ids_given(c))
		return talk_each(c, VERB_RELEASE, NULL, changed, NULL);
	return gate(c, VERB_RELEASE, released_note(args_value(&c->args, "backlog")));
}
