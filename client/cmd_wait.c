/* cmd_wait.c: wait until every target has come to its end. The journal's cursor is taken before the items are looked
 * at, and the journal followed from there: no event can fall between. A restart of the daemon is waited out. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/command.h"
#include "client/event.h"
#include "client/ids.h"
#include "client/talk.h"
#include "proto/status.h"
#include "proto/unit.h"

#define TARGETS_MAX 100000
#define RESUME_MS 60000
#define SETTLE_MS 30000
#define TIMEOUT_EXIT 124

struct target {
	uint64_t id;
	unsigned n;
	char state[16];
	int64_t unknown_ms;       /* when this client first saw it unknown; 0: it is not */
	bool told;
};

struct wait {
	struct target *targets;
	size_t count, room;
	int64_t settle_ms;        /* how long the daemon may look before "unknown" is the answer */
	int64_t until_ms;         /* of --timeout; -1: none */
	char cursor[EVENT_CURSOR_BYTES];
};

/* Exit statuses from bad to good; a state that is not here has not ended. */
static const struct { const char *state; int exit_status; } ends[] = {
	{ "failed", 1 }, { "unknown", 4 }, { "cancelled", 3 }, { "missed", 3 }, { "expired", 3 }, { "published", 0 },
};
#define END_COUNT (sizeof ends / sizeof *ends)

static size_t end_of(const char *state)
{
	size_t i = 0;

	while (i < END_COUNT && strcmp(ends[i].state, state) != 0)
		i++;
	return i;
}

static int compare(const void *a, const void *b)
{
	const struct target *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->n < y->n ? -1 : x->n > y->n;
}

static void set_state(struct target *t, const char *state)
{
	if (!state || strcmp(t->state, state) == 0)
		return;
	snprintf(t->state, sizeof t->state, "%s", state);
	t->unknown_ms = strcmp(state, "unknown") == 0 ? conn_now_ms() : 0;
	t->told = false;
}

static int add_target(struct client *c, struct wait *wait, const struct json *row)
{
	char digits[24];
	const char *id = json_get_id(row, "id", digits);
	struct target t = { .n = 0 };

	if (!id || unit_id_parse(id, &t.id, &t.n) < 0)
		return out_fail(&c->out, ST_INTERNAL, "the daemon showed a target without an id");
	set_state(&t, json_get_text(row, "state"));
	if (wait->count == wait->room) {
		size_t room = wait->room ? wait->room * 2 : 64;
		struct target *grown;

		if (wait->count >= TARGETS_MAX)
			return out_fail(&c->out, ST_TOO_LARGE, "more than %d targets to wait for", TARGETS_MAX);
		grown = realloc(wait->targets, room * sizeof *grown);
		if (!grown)
			return out_fail(&c->out, ST_NO_MEMORY, "out of memory");
		wait->targets = grown;
		wait->room = room;
	}
	wait->targets[wait->count++] = t;
	return 0;
}

static int shown(struct client *c, const struct answer *a, const char *id, void *context)
{
	int rc = 0;

	(void)id;
	for (const struct json *t = json_first(json_get(a->json, "targets")); t && rc == 0; t = json_next(t))
		rc = add_target(c, context, t);
	return rc;
}

static void sort_targets(struct wait *wait)
{
	size_t kept = 0;

	if (wait->count > 0)
		qsort(wait->targets, wait->count, sizeof *wait->targets, compare);
	for (size_t i = 0; i < wait->count; i++)
		if (kept == 0 || compare(&wait->targets[i], &wait->targets[kept - 1]) != 0)
			wait->targets[kept++] = wait->targets[i];
	wait->count = kept;
}

static bool ended(const struct wait *wait, const struct target *t)
{
	if (t->unknown_ms)
		return conn_now_ms() - t->unknown_ms >= wait->settle_ms;
	return end_of(t->state) < END_COUNT;
}

static void tell(struct client *c, struct target *t, const char *reason)
{
	char id[32];
	struct buf line = BUF_INIT(65536);
	struct json_writer w;

	if (t->told)
		return;
	t->told = true;
	unit_id_format(t->id, t->n, id, sizeof id);
	if (c->out.json) {
		jw_init(&w, &line);
		jw_object(&w, NULL);
		jw_str(&w, "id", id);
		jw_str(&w, "state", t->state);
		jw_str(&w, "reason", reason);
		jw_end(&w);
		out_json(&c->out, buf_cstr(&line), line.len);
	} else {
		out_fmt(&c->out, "%s ", id);
		out_color(&c->out, out_state_color(t->state), t->state);
		out_fmt(&c->out, "%s", reason ? ": " : "");
		out_text(&c->out, reason);
		out_fmt(&c->out, "\n");
	}
	out_flush(&c->out);
	buf_done(&line);
}

/* Tells those that ended. How long until something may end by time alone: 0 when all have ended, -1: never. */
static int64_t look(struct client *c, struct wait *wait)
{
	int64_t now_ms = conn_now_ms(), pause_ms = wait->until_ms < 0 ? -1 : wait->until_ms - now_ms;
	bool all = true;

	for (size_t i = 0; i < wait->count; i++) {
		struct target *t = &wait->targets[i];

		if (ended(wait, t)) {
			tell(c, t, NULL);
			continue;
		}
		all = false;
		if (t->unknown_ms) {
			int64_t left_ms = t->unknown_ms + wait->settle_ms - now_ms;

			if (pause_ms < 0 || left_ms < pause_ms)
				pause_ms = left_ms > 0 ? left_ms : 1;
		}
	}
	if (all)
		return 0;
	return wait->until_ms < 0 ? pause_ms : pause_ms > 0 ? pause_ms : 1;
}

static void take_event(struct client *c, struct wait *wait, const struct answer *a)
{
	char digits[24];
	const char *id = json_get_id(a->json, "id", digits), *to = json_get_text(a->json, "to");
	struct target key = { .n = 0 }, *t;

	event_keep(a, wait->cursor);
	if (!id || !to || unit_id_parse(id, &key.id, &key.n) < 0)
		return;
	t = bsearch(&key, wait->targets, wait->count, sizeof *wait->targets, compare);
	if (!t)
		return;
	set_state(t, to);
	if (ended(wait, t))
		tell(c, t, json_get_text(a->json, "reason"));
}

static int start_watch(struct client *c, const struct wait *wait)
{
	struct buf line = BUF_INIT(4096);
	struct json_writer w;
	char id[32];
	int rc;

	talk_line_begin(&line, &w, VERB_WATCH, NULL);
	if (wait->cursor[0])
		jw_str(&w, "since", wait->cursor);
	if (wait->count == 1)
		jw_str(&w, "id", unit_id_format(wait->targets[0].id, wait->targets[0].n, id, sizeof id));
	jw_end(&w);
	buf_add_char(&line, '\n');
	rc = buf_error(&line) ? -ST_NO_MEMORY : conn_send(&c->conn, line.data, line.len);
	buf_done(&line);
	return rc;
}

/* Follows the journal until all have ended or the time is over (0), the connection breaks (negative), or the daemon
 * refuses (an exit status, told). */
static int follow(struct client *c, struct wait *wait)
{
	int64_t pause_ms;
	int rc = start_watch(c, wait);

	while (rc == 0 && (pause_ms = look(c, wait)) != 0) {
		struct answer a;

		if (wait->until_ms >= 0 && conn_now_ms() >= wait->until_ms)
			break;
		rc = conn_read(&c->conn, &a, pause_ms);
		if (rc == CONN_QUIET)
			rc = 0;
		else if (rc == 0 && a.kind == ANSWER_ERR)
			rc = out_refused(&c->out, &a, NULL);
		else if (rc == 0 && a.kind == ANSWER_DATA)
			take_event(c, wait, &a);
		else if (rc == 0)
			rc = -ST_ANSWER_LOST;
		answer_done(&a);
	}
	return rc;
}

static int finish(struct client *c, struct wait *wait)
{
	size_t worst = END_COUNT;
	bool pending = false;

	for (size_t i = 0; i < wait->count; i++) {
		struct target *t = &wait->targets[i];
		size_t end = end_of(t->state);
		char id[32];

		if (end < worst)
			worst = end;
		if (end < END_COUNT) {
			tell(c, t, NULL);
			continue;
		}
		pending = true;
		out_note(
			&c->out, "%s is still %s", unit_id_format(t->id, t->n, id, sizeof id), t->state[0] ? t->state : "waiting");
	}
	if (pending)
		return TIMEOUT_EXIT;
	return worst < END_COUNT ? ends[worst].exit_status : 0;
}

static int resume(struct client *c, struct wait *wait)
{
	int64_t patience_ms = wait->until_ms < 0 ? RESUME_MS : wait->until_ms - conn_now_ms();

	out_note(&c->out, "smmq: %s; waiting for it to come back", buf_cstr(&c->conn.why));
	if (patience_ms > 0 && conn_reopen(&c->conn, patience_ms) == 0)
		return 0;
	return out_fail(&c->out, ST_UNREACHABLE, "smmqd did not come back: %s", buf_cstr(&c->conn.why));
}

int cmd_wait(struct client *c)
{
	struct wait wait = { .settle_ms = args_span_ms(&c->args, "settle", SETTLE_MS), .until_ms = -1 };
	int rc;

	if (args_has(&c->args, "timeout"))
		wait.until_ms = conn_now_ms() + args_span_ms(&c->args, "timeout", 0);
	rc = ids_check(c);
	if (rc == 0)
		rc = event_end(c, wait.cursor);
	if (rc == 0)
		rc = talk_each(c, VERB_SHOW, NULL, shown, &wait);
	sort_targets(&wait);
	if (rc == 0 && look(c, &wait) != 0) {
		while ((rc = follow(c, &wait)) < 0) {
			rc = resume(c, &wait);
			if (rc != 0)
				break;
		}
	}
	if (rc == 0)
		rc = finish(c, &wait);
	free(wait.targets);
	return rc;
}
