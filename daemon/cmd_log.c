/* cmd_log.c: LOG and WATCH: the journal, by page and as it grows. A watcher holds no entries in memory: it has a cursor, and reads on
 * whenever the journal has grown and the peer has taken what it was given. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cmd_priv.h"
#include "proto/unit.h"

#define WATCH_LOOKS 500
#define LOG_LAST_LOOKS 100000

static void write_entry(struct cmd_call *c, const struct entry *e, const char *cursor)
{
	char time[40];
	cmd_data(c);
	jw_str(&c->w, "cursor", cursor);
	jw_str(&c->w, "time", unit_utc_format(e->time_ms, time, sizeof time));
	jw_int(&c->w, "time_ms", e->time_ms);
	jw_str(&c->w, "id", e->id != 0 ? cmd_id(c, e->id, e->n) : NULL);
	jw_int(&c->w, "rev", (int64_t)e->rev);
	jw_str(&c->w, "event", e->event);
	jw_str(&c->w, "from", e->from);
	jw_str(&c->w, "to", e->to);
	jw_str(&c->w, "reason", e->reason);
	jw_str(&c->w, "by", e->by);
	jw_str(&c->w, "account", e->account);
	if (e->detail != NULL)
		jw_raw(&c->w, "detail", e->detail, strlen(e->detail));
	else
		jw_null(&c->w, "detail");
	cmd_data_end(c);
}

/* ---- LOG ---- */

struct log_walk { struct cmd_call *c; unsigned n; int64_t limit, count; };

static int log_each(void *ctx, const struct entry *e, const char *cursor)
{
	struct log_walk *w = ctx;
	if (w->count == w->limit || w->c->out.len > CMD_PAGE_BYTES)
		return 1;
	if (w->n != 0 && e->n != w->n)
		return 0;
	write_entry(w->c, e, cursor);
	w->count++;
	return 0;
}

static int log_item(struct cmd_call *c, uint64_t *id, unsigned *n)
{
	struct post p;
	*id = 0;
	*n = 0;
	if (c->request.words == 0)
		return 1;
	if (!cmd_id_word(c, id, n))
		return 0;
	int rc = store_post_get(c->txn, c->arena, *id, &p);
	if (rc == -ST_NO_ITEM || (rc == 0 && *n > p.target_count))
		return cmd_err(c, ST_NO_ITEM, "there is no such item"), 0;
	return rc < 0 ? rc : 1;
}

/* The newest page of everything: as many entries back as fit. Entries of one writer have consecutive numbers. */
static int log_last(struct cmd_call *c, int64_t limit, char cursor[JOURNAL_CURSOR_MAX])
{
	unsigned writer;
	unsigned long long seq;
	int rc = store_journal_end(c->txn, cursor);
	if (rc == 0 && sscanf(cursor, "%u-%llu", &writer, &seq) == 2)
		(void)snprintf(cursor, JOURNAL_CURSOR_MAX, "%u-%llu", writer, seq > (unsigned long long)limit ? seq - (unsigned long long)limit : 1);
	return rc;
}

int cmd_log(struct cmd_call *c)
{
	static const char *const keys[] = { "limit", "cursor", "last", NULL };
	struct log_walk w = { .c = c, .limit = 100 };
	char cursor[JOURNAL_CURSOR_MAX] = "";
	const char *from;
	bool last, at_end;
	uint64_t id;
	if (!cmd_keys(c, c->body, "LOG", keys) || !cmd_get_int(c, c->body, "limit", 1, CMD_PAGE_MAX, &w.limit) ||
	    !cmd_get_text(c, c->body, "cursor", &from) || !cmd_get_flag(c, c->body, "last", &last))
		return 0;
	int rc = log_item(c, &id, &w.n);
	if (rc != 1)
		return rc;
	if (from != NULL)
		(void)snprintf(cursor, sizeof cursor, "%s", strlen(from) < sizeof cursor ? from : "x");
	else if (last && id == 0)
		rc = log_last(c, w.limit, cursor);
	if (rc >= 0)
		rc = store_journal_walk(c->txn, c->arena, cursor, id, CMD_PAGE_LOOKS, log_each, &w, &at_end);
	if (rc == -ST_INVALID)
		return cmd_err(c, ST_INVALID, "\"cursor\" is none of ours");
	if (rc == -ST_GONE)
		return cmd_err(c, ST_GONE, "the journal no longer reaches back to that cursor; begin without one");
	if (rc < 0)
		return rc;
	cmd_ok(c);
	jw_int(&c->w, "count", w.count);
	jw_str(&c->w, "cursor", at_end ? NULL : cursor);
	return cmd_ok_end(c);
}

/* ---- WATCH ---- */

struct watch_walk { struct cmd_call *c; const struct cmd_conn *s; };

static int watch_each(void *ctx, const struct entry *e, const char *cursor)
{
	struct watch_walk *w = ctx;
	const struct cmd_conn *s = w->s;
	if (w->c->out.len > CMD_PAGE_BYTES / 4)
		return 1;
	bool fits = (s->watch_id == 0 || s->watch_id == e->id) &&
	            (s->watch_account[0] == '\0' || (e->account != NULL && strcmp(s->watch_account, e->account) == 0));
	if (fits)
		write_entry(w->c, e, cursor);
	return 0;
}

/* Reads on from the cursor into c->out. 0, or a status (also of a cursor that is none or gone). */
static int watch_read(struct cmd_conn *s, struct cmd_call *c, bool *at_end)
{
	struct arena a;
	struct watch_walk w = { .c = c, .s = s };
	arena_init(&a, 16u * 1024 * 1024);
	c->arena = &a;
	int rc = store_begin(s->cmd->parts.store, false, &c->txn);
	if (rc == 0) {
		if (s->watch_cursor[0] == '\0')
			rc = store_journal_end(c->txn, s->watch_cursor);
		if (rc == 0)
			rc = store_journal_walk(c->txn, &a, s->watch_cursor, 0, WATCH_LOOKS, watch_each, &w, at_end);
		store_abort(c->txn);
	}
	arena_done(&a);
	c->arena = NULL;
	return rc < 0 ? rc : buf_error(&c->out);
}

void cmd_watch_more(struct cmd_conn *s)
{
	const struct cmd_wire *wire = &s->cmd->parts.wire;
	bool at_end = false;
	for (int pages = 0; pages < 4 && !at_end && !wire->full(wire->ctx, s->who.conn); pages++) {
		struct cmd_call c = { .cmd = s->cmd };
		buf_init(&c.out, CMD_MAX_ANSWER_BYTES);
		int rc = watch_read(s, &c, &at_end);
		if (rc < 0)
			(void)cmd_err(&c, status_info(rc)->code, "%s", status_info(rc)->help);
		if (c.out.len > 0)
			wire->write(wire->ctx, s->who.conn, c.out.data, c.out.len);
		buf_done(&c.out);
		if (rc < 0) {
			s->watching = false;
			s->cmd->watchers--;
			wire->close(wire->ctx, s->who.conn);
			return;
		}
	}
	/* What is left comes when the peer has taken this, or with the next change. */
}

static enum cmd_next watch_answer(struct cmd_conn *s, struct cmd_call *c, enum cmd_next next)
{
	const struct cmd_wire *wire = &s->cmd->parts.wire;
	wire->write(wire->ctx, s->who.conn, buf_cstr(&c->out), c->out.len);
	json_free(c->body);
	buf_done(&c->out);
	free(c->line);
	free(c);
	return next;
}

/* Whether the item to be watched exists. */
static int watch_item(const struct cmd_conn *s)
{
	struct store_txn *txn;
	struct arena a;
	struct post p;
	if (s->watch_id == 0)
		return 0;
	int rc = store_begin(s->cmd->parts.store, false, &txn);
	if (rc < 0)
		return rc;
	arena_init(&a, 16u * 1024 * 1024);
	rc = store_post_get(txn, &a, s->watch_id, &p);
	arena_done(&a);
	store_abort(txn);
	return rc;
}

enum cmd_next cmd_watch(struct cmd_conn *s, struct cmd_call *c)
{
	static const char *const keys[] = { "since", "id", "account", NULL };
	const char *since, *account, *text;
	unsigned n;
	bool at_end;
	s->watch_id = 0;
	if (!cmd_keys(c, c->body, "WATCH", keys) || !cmd_get_text(c, c->body, "since", &since) || !cmd_get_text(c, c->body, "account", &account))
		return watch_answer(s, c, CMD_NEXT);
	text = json_get_text(c->body, "id");
	int64_t number = 0;
	if (json_get(c->body, "id") != NULL && (text != NULL ? unit_id_parse(text, &s->watch_id, &n) : json_get_int(c->body, "id", &number)) < 0) {
		(void)cmd_err(c, ST_INVALID, "\"id\" is a post's id");
		return watch_answer(s, c, CMD_NEXT);
	}
	if (text == NULL)
		s->watch_id = (uint64_t)number;
	if (account != NULL && conf_account_find(c->conf, account) == NULL) {
		(void)cmd_err(c, ST_NO_ACCOUNT, "no account \"%.64s\"", account);
		return watch_answer(s, c, CMD_NEXT);
	}
	(void)snprintf(s->watch_account, sizeof s->watch_account, "%s", account != NULL ? account : "");
	(void)snprintf(s->watch_cursor, sizeof s->watch_cursor, "%s", since == NULL ? "" : strlen(since) < sizeof s->watch_cursor ? since : "x");
	int rc = watch_item(s);
	if (rc == 0)
		rc = watch_read(s, c, &at_end);
	if (rc < 0) {
		(void)cmd_err(c, status_info(rc)->code, "%s", rc == -ST_NO_ITEM ? "there is no such item" : rc == -ST_INVALID ? "\"since\" is no cursor of ours" : status_info(rc)->help);
		return watch_answer(s, c, CMD_NEXT);
	}
	s->watching = true;
	s->cmd->watchers++;
	(void)watch_answer(s, c, CMD_NEXT);
	if (!at_end)
		cmd_watch_more(s);
	/* The connection is WATCH's alone: nothing more is read from it. */
	return CMD_WAIT;
}
