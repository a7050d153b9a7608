/* cmd_status.c: status, status --check and account: what needs a person first, then the totals. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/command.h"
#include "client/talk.h"
#include "client/when.h"
#include "proto/status.h"
#include "proto/unit.h"

#define CHECK_MS 10000       /* a monitor wants an answer, or an alarm */
#define CHECK_BAD 2
#define CHECK_WARN 1
#define CHECK_LIMIT_MS (3600 * INT64_C(1000))     /* most platforms limit by the quarter of an hour or the hour */
#define CHECK_TOKEN_MS (72 * INT64_C(3600) * 1000)

static int64_t number(const struct json *object, const char *key)
{
	int64_t n = 0;

	(void)json_get_int(object, key, &n);
	return n;
}

static bool limited(const struct json *account)
{
	const char *state = json_get_text(account, "state");

	return state && strcmp(state, "limited") == 0;
}

static bool paused(const struct json *account)
{
	const char *state = json_get_text(account, "state");

	return state && strcmp(state, "ready") != 0 && !limited(account);
}

/* ---- --check ---- */

static void add_problem(struct buf *b, const char *fmt, const char *name, int64_t count)
{
	buf_add_str(b, b->len ? ", " : "");
	if (name)
		buf_add_fmt(b, "%s %s", fmt, name);
	else
		buf_add_fmt(b, "%" PRId64 " %s", count, fmt);
}

/* The token ends soon, and no refresh will help. */
static bool token_ends(const struct json *account, const struct json *status)
{
	int64_t until_ms = number(account, "token_until_ms");

	return until_ms > 0 && until_ms - number(status, "now_ms") < CHECK_TOKEN_MS;
}

/* One line, worst first, as monitors read it. */
static int check(struct client *c, const struct json *status)
{
	struct buf bad = BUF_INIT(65536), warn = BUF_INIT(65536);
	const char *word = "OK";
	int64_t late = 0;
	int level = 0;

	if (number(status, "unknown") > 0)
		add_problem(&bad, "unknown", NULL, number(status, "unknown"));
	if (number(status, "failed") > 0)
		add_problem(&bad, "failed", NULL, number(status, "failed"));
	for (const struct json *a = json_first(json_get(status, "accounts")); a; a = json_next(a)) {
		const char *name = json_get_text(a, "name");

		if (paused(a))
			add_problem(&bad, "account paused:", name ? name : "?", 0);
		if (limited(a) && number(a, "not_before_ms") - number(status, "now_ms") > CHECK_LIMIT_MS)
			add_problem(&warn, "account rate limited for long:", name ? name : "?", 0);
		if (token_ends(a, status))
			add_problem(&warn, "token ends soon:", name ? name : "?", 0);
		late += number(a, "late");
	}
	if (late > 0)
		add_problem(&warn, "late", NULL, late);
	/* The daemon's own doubts stop everything until somebody looks; a gate that a person closed is no alarm. */
	for (const struct json *g = json_first(json_get(status, "gates")); g; g = json_next(g)) {
		const char *name = json_get_text(g, "name");

		if (name && (strcmp(name, "restored") == 0 || strcmp(name, "clock") == 0))
			add_problem(&bad, "gate", name, 0);
	}
	if (json_true(json_path(status, "store.low"), false))
		add_problem(&bad, "the", "store is full", 0);
	if (json_true(json_get(status, "draining"), false))
		add_problem(&warn, "draining:", "nothing is fired", 0);
	if (bad.len > 0) {
		level = CHECK_BAD;
		word = "CRITICAL";
	} else if (warn.len > 0) {
		level = CHECK_WARN;
		word = "WARNING";
	}
	if (!c->out.json) {
		out_fmt(&c->out, "%s: ", word);
		out_text(&c->out, buf_cstr(&bad));
		out_fmt(&c->out, "%s", bad.len && warn.len ? ", " : "");
		out_text(&c->out, buf_cstr(&warn));
		out_fmt(&c->out, "%s%" PRId64 " queued\n", level ? "; " : "", number(status, "queued"));
	}
	buf_done(&bad);
	buf_done(&warn);
	return level;
}

/* ---- the report ---- */

static void problem(struct out *o, const char *what, const char *next)
{
	out_color(o, COLOR_BAD, what);
	out_fmt(o, "  (");
	out_text(o, next);
	out_fmt(o, ")\n");
}

static void problem_count(struct out *o, int64_t count, const char *what, const char *next)
{
	char line[160];

	if (count <= 0)
		return;
	snprintf(line, sizeof line, "%" PRId64 " %s", count, what);
	problem(o, line, next);
}

/* What is due behind the token's end fails unless somebody logs in. */
static void problem_token(struct out *o, const struct json *account, const struct json *status)
{
	const char *name = json_get_text(account, "name");
	char what[320], next[160], end[WHEN_SIZE], due[WHEN_SIZE];
	int64_t due_ms = number(account, "next_due_ms"), until_ms = number(account, "token_until_ms");

	if (!token_ends(account, status))
		return;
	snprintf(what, sizeof what, "the token of account %.100s %s %s%s%s", name ? name : "?",
		until_ms > number(status, "now_ms") ? "ends" : "ended", when_here(until_ms, end),
		due_ms > until_ms ? "; the next post would fail at " : "", due_ms > until_ms ? when_here(due_ms, due) : "");
	snprintf(next, sizeof next, "smmq account login %.100s", name ? name : "?");
	problem(o, what, next);
}

static void print_problems(struct out *o, const struct json *status)
{
	int64_t late = 0;

	problem_count(
		o, number(status, "unknown"), "unknown: nobody knows whether it is public", "smmq list --state unknown");
	problem_count(o, number(status, "failed"), "failed", "smmq list --state failed");
	for (const struct json *a = json_first(json_get(status, "accounts")); a; a = json_next(a)) {
		const char *name = json_get_text(a, "name"), *state = json_get_text(a, "state"),
				   *reason = json_get_text(a, "reason"), *limit = json_get_text(a, "limit");
		char what[512], next[320], until[WHEN_SIZE + 40], when[WHEN_SIZE];

		late += number(a, "late");
		problem_token(o, a, status);
		if (!paused(a) && !limited(a))
			continue;
		until[0] = '\0';
		if (limited(a))
			snprintf(until, sizeof until, "%s, not before %s", limit && strcmp(limit, "application") == 0 ? " with its application" : "",
				when_here(number(a, "not_before_ms"), when));
		snprintf(what, sizeof what, "account %.100s is %.40s%s%s%.300s", name ? name : "?", state, until, reason ? ": " : "",
			reason ? reason : "");
		if (state && strcmp(state, "gone") == 0)
			snprintf(next, sizeof next, "put accounts.d/%.100s.conf back and reload, or: smmq cancel --account %.100s",
				name ? name : "?", name ? name : "?");
		else
			snprintf(next, sizeof next, "smmq release --account %.100s", name ? name : "?");
		problem(o, what, next);
	}
	problem_count(o, late, "late", "smmq list --state queued");
	if (json_true(json_path(status, "store.low"), false))
		problem(o, "the store is full: nothing new is taken", "free disk space, or raise MapSize=");
	if (json_true(json_get(status, "draining"), false))
		problem(o, "draining: nothing is fired", "smmq drain --off");
}

static void print_totals(struct out *o, const struct json *status)
{
	static const char *const states[] = {
		"queued", "sending", "unknown", "failed", "held", "draft", "published", "missed", "expired", "cancelled"
	};

	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		int64_t n = number(status, states[i]);

		if (n == 0 && i > 0)
			continue;
		out_fmt(o, "%s%" PRId64 " ", i ? "  " : "", n);
		out_color(o, n ? out_state_color(states[i]) : COLOR_NONE, states[i]);
	}
	out_fmt(o, "\n");
}

static void print_daemon(struct client *c, const struct json *status)
{
	int64_t up_ms = number(status, "now_ms") - number(status, "started_ms");
	char span[64];

	out_fmt(&c->out, "smmqd ");
	out_text(&c->out, json_get_text(status, "version"));
	out_fmt(&c->out, ", pid %" PRId64, number(status, "pid"));
	if (up_ms >= 0)
		out_fmt(&c->out, ", up %s",
			unit_duration_format(up_ms - up_ms % (up_ms < 60000 ? 1000 : 60000), span, sizeof span));
	out_fmt(&c->out, ", ");
	out_text(&c->out, c->conn.path);
	out_fmt(&c->out, "\n");
}

static void print_gates(struct out *o, const struct json *gates)
{
	char when[WHEN_SIZE];

	for (const struct json *g = json_first(gates); g; g = json_next(g)) {
		const char *reason = json_get_text(g, "reason"), *by = json_get_text(g, "by");
		int64_t since_ms = number(g, "since_ms"), until_ms = number(g, "until_ms");

		out_color(o, COLOR_WARN, "gate ");
		out_color(o, COLOR_WARN, json_get_text(g, "name"));
		if (reason && *reason) {
			out_fmt(o, ": ");
			out_text(o, reason);
		}
		if (by) {
			out_fmt(o, ", by ");
			out_text(o, by);
		}
		if (since_ms > 0)
			out_fmt(o, ", since %s", when_here(since_ms, when));
		if (until_ms > 0)
			out_fmt(o, ", until %s", when_here(until_ms, when));
		out_fmt(o, "\n");
	}
}

static void print_accounts(struct out *o, const struct json *accounts)
{
	static const struct out_column columns[] = {
		{ "ACCOUNT", 16, true },
		{ "PLATFORM", 9, true },
		{ "STATE", 7, false },
		{ "QUEUED", 6, false },
		{ "SENDING", 7, false },
		{ "UNKNOWN", 7, false },
		{ "FAILED", 6, false },
		{ "LATE", 4, false },
		{ "NEXT", 0, true },
	};
	static const char *const counts[] = { "queued", "sending", "unknown", "failed", "late" };
	size_t n = sizeof columns / sizeof *columns;

	if (json_count(accounts) == 0)
		return;
	out_head(o, columns, n);
	for (const struct json *a = json_first(accounts); a; a = json_next(a)) {
		char texts[5][24], when[WHEN_SIZE];
		const char *next = json_get_text(a, "next_due");
		int64_t due_ms = number(a, "next_due_ms");

		for (size_t i = 0; i < 5; i++)
			snprintf(texts[i], sizeof texts[i], "%" PRId64, number(a, counts[i]));
		if (o->tty && next && due_ms > 0)
			next = when_here(due_ms, when);
		out_row(o, columns, n, (const char *const[]){ json_get_text(a, "name"), json_get_text(a, "platform"),
			json_get_text(a, "state"), texts[0], texts[1], texts[2], texts[3], texts[4], next }, 2);
	}
}

int cmd_status(struct client *c)
{
	bool checking = args_has(&c->args, "check");
	struct buf line = BUF_INIT(64);
	struct answer a;
	int rc;

	if (checking && conn_open(&c->conn) < 0) {
		if (!c->out.json) {
			out_fmt(&c->out, "CRITICAL: cannot reach smmqd: ");
			out_text(&c->out, buf_cstr(&c->conn.why));
			out_fmt(&c->out, "\n");
		} else {
			out_fail(&c->out, ST_UNREACHABLE, "cannot reach smmqd: %s", buf_cstr(&c->conn.why));
		}
		return CHECK_BAD;
	}
	buf_add_str(&line, "STATUS\n");
	rc = talk_request(c, VERB_STATUS, &line, &a, checking ? CHECK_MS : CONN_ANSWER_MS, NULL, NULL);
	buf_done(&line);
	if (rc != 0 && checking && !c->out.json)
		out_fmt(&c->out, "CRITICAL: no status\n");
	if (rc != 0)
		return checking ? CHECK_BAD : rc;
	if (c->out.json)
		out_json(&c->out, a.text, a.len);
	if (checking) {
		rc = check(c, a.json);
	} else if (!c->out.json) {
		print_problems(&c->out, a.json);
		print_totals(&c->out, a.json);
		print_gates(&c->out, json_get(a.json, "gates"));
		print_accounts(&c->out, json_get(a.json, "accounts"));
		print_daemon(c, a.json);
	}
	answer_done(&a);
	return rc;
}

/* ---- account ---- */

static const struct out_column account_columns[] = {
	{ "ACCOUNT", 16, true },
	{ "PLATFORM", 9, true },
	{ "STATE", 7, false },
	{ "QUEUED", 6, false },
	{ "NEXT", 20, true },
	{ "ZONE", 16, true },
	{ "PROFILE", 24, true },
	{ "REASON", 0, true },
};
#define ACCOUNT_COLUMNS (sizeof account_columns / sizeof *account_columns)

static bool print_account(struct client *c, const struct answer *a, void *context)
{
	const struct json *row = a->json;
	bool *headed = context;
	char queued[24], when[WHEN_SIZE], digits[24];
	const char *next = json_get_text(row, "next_due"), *profile = json_get_text(row, "remote_name");

	if (c->out.json) {
		out_json(&c->out, a->text, a->len);
		return !c->out.closed;
	}
	if (!*headed)
		out_head(&c->out, account_columns, ACCOUNT_COLUMNS);
	*headed = true;
	snprintf(queued, sizeof queued, "%" PRId64, number(row, "queued"));
	if (c->out.tty && next && number(row, "next_due_ms") > 0)
		next = when_here(number(row, "next_due_ms"), when);
	out_row(&c->out, account_columns, ACCOUNT_COLUMNS, (const char *const[]){ json_get_text(row, "name"),
		json_get_text(row, "platform"), json_get_text(row, "state"), queued, next, json_get_text(row, "zone"),
		profile ? profile : json_get_id(row, "remote_id", digits), json_get_text(row, "reason") }, 2);
	return !c->out.closed;
}

static int accounts(struct client *c, const char *name, bool *headed)
{
	struct buf line = BUF_INIT(LINE_MAX_BYTES + 64);
	struct json_writer w;
	struct answer a;
	int rc;

	talk_line_begin(&line, &w, VERB_ACCOUNTS, NULL);
	if (name)
		jw_str(&w, "name", name);
	rc = talk_line_end(c, &line, &w);
	if (rc == 0) {
		rc = talk_request(c, VERB_ACCOUNTS, &line, &a, CONN_ANSWER_MS, print_account, headed);
		if (rc == 0)
			answer_done(&a);
	}
	buf_done(&line);
	return rc;
}

int cmd_account(struct client *c)
{
	bool headed = false, login = c->args.operand_count == 2 && strcmp(c->args.operands[0], "login") == 0;
	int rc = 0;

	if (login)
		return cmd_account_login(c, c->args.operands[1]);
	if (args_has(&c->args, "redirect") || args_has(&c->args, "answer"))
		return out_fail(&c->out, ST_USAGE, "--redirect and --answer go with: account login ACCOUNT");
	if (c->args.operand_count == 0)
		rc = accounts(c, NULL, &headed);
	for (size_t i = 0; i < c->args.operand_count && !c->out.closed; i++) {
		int one = accounts(c, c->args.operands[i], &headed);

		if (rc == 0)
			rc = one;
	}
	if (rc == 0 && !headed && !c->out.json && !c->out.closed)
		out_note(&c->out, "There is no account; each is a file in accounts.d (smmqd.conf(5)).");
	return rc;
}
