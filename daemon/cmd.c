/* cmd.c: from a line to its handler and from an answer back to its connection: order, levels, bounds. */
#include "daemon/cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cmd_priv.h"
#include "daemon/engine.h"
#include "daemon/log.h"

#define ANSWER_BYTES 400                 /* most answers fit */
#define PARSED_FACTOR 32                 /* what a parsed body may take in memory, by its length */

/* One row per verb: a turn, a read, or a talk with the connection itself. */
struct handler {
	cmd_turn_fn *turn;
	bool recalls;                    /* what is armed and has not left is taken back first */
	cmd_read_fn *read;
	enum cmd_next (*talk)(struct cmd_conn *s, struct cmd_call *c);
};

static const struct handler handlers[VERB__COUNT] = {
	[VERB_HELLO] = { .read = cmd_hello },
	[VERB_ADD] = { .turn = cmd_add },
	[VERB_SHOW] = { .read = cmd_show },
	[VERB_LIST] = { .read = cmd_list },
	[VERB_EDIT] = { .turn = cmd_edit, .recalls = true },
	[VERB_MOVE] = { .turn = cmd_move, .recalls = true },
	[VERB_CANCEL] = { .turn = cmd_cancel, .recalls = true },
	[VERB_HOLD] = { .turn = cmd_hold, .recalls = true },
	[VERB_RELEASE] = { .turn = cmd_release },
	[VERB_RETRY] = { .turn = cmd_retry },
	[VERB_RESOLVE] = { .turn = cmd_resolve },
	[VERB_PUT] = { .talk = cmd_put },
	[VERB_WATCH] = { .talk = cmd_watch },
	[VERB_LOG] = { .read = cmd_log },
	[VERB_STATUS] = { .read = cmd_status },
	[VERB_ACCOUNTS] = { .read = cmd_accounts },
	[VERB_LOGIN] = { .turn = cmd_login },
	[VERB_RELOAD] = { .talk = cmd_reload },
	[VERB_DRAIN] = { .talk = cmd_drain },
	[VERB_CHECK] = { .talk = cmd_check_store },
	[VERB_VERIFY] = { .talk = cmd_verify },
	[VERB_BACKUP] = { .talk = cmd_backup },
};

/* ---- connections ---- */

static struct cmd_conn **conn_slot(struct cmd *c, uint64_t conn)
{
	struct cmd_conn **at = &c->buckets[conn % CMD_BUCKETS];
	while (*at != NULL && (*at)->who.conn != conn)
		at = &(*at)->next;
	return at;
}

struct cmd_conn *cmd_conn_find(struct cmd *c, uint64_t conn)
{
	return *conn_slot(c, conn);
}

int cmd_open(struct cmd *c, const struct cmd_peer *peer, struct cmd_conn **out)
{
	int level = cmd_peer_level(turns_conf(c->parts.turns), peer);
	if (level < 0) {
		log_line(LOG_LEVEL_NOTICE, "connection refused: the user is in no group that smmqd.conf names", "uid=%lu", (unsigned long)peer->uid);
		return -ST_DENIED;
	}
	struct cmd_conn *s = calloc(1, sizeof *s);
	if (s == NULL)
		return -ST_NO_MEMORY;
	s->cmd = c;
	s->who = (struct cmd_who){ .conn = peer->conn, .uid = peer->uid, .level = (enum level)level };
	cmd_peer_name(peer->uid, s->who.name, sizeof s->who.name);
	*conn_slot(c, peer->conn) = s;
	*out = s;
	return 0;
}

void cmd_closed(struct cmd_conn *s)
{
	struct cmd_conn **at = conn_slot(s->cmd, s->who.conn);
	if (*at == s)
		*at = s->next;
	if (s->watching)
		s->cmd->watchers--;
	cmd_drain_gone(s);
	media_put_cancel(s->put);
	free(s);
}

bool cmd_owes(const struct cmd_conn *s)
{
	/* An upload whose bytes will not come any more gets no answer. */
	unsigned never = s->put_left > 0 ? 1 : 0;
	return s->pending > never || s->watching;
}

/* ---- answers ---- */

void cmd_ok(struct cmd_call *c)
{
	buf_add_str(&c->out, "OK ");
	jw_init(&c->w, &c->out);
	jw_object(&c->w, NULL);
}

int cmd_ok_end(struct cmd_call *c)
{
	jw_end(&c->w);
	buf_add_char(&c->out, '\n');
	return buf_error(&c->out);
}

void cmd_data(struct cmd_call *c)
{
	buf_add_str(&c->out, "* ");
	jw_init(&c->w, &c->out);
	jw_object(&c->w, NULL);
}

void cmd_data_end(struct cmd_call *c)
{
	jw_end(&c->w);
	buf_add_char(&c->out, '\n');
}

void cmd_err_begin(struct cmd_call *c, enum status status, const char *message)
{
	const struct status_info *s = status_info((int)status);
	buf_reset(&c->out);
	buf_add_str(&c->out, "ERR ");
	buf_add_str(&c->out, s->word);
	buf_add_char(&c->out, ' ');
	jw_init(&c->w, &c->out);
	jw_object(&c->w, NULL);
	jw_str(&c->w, "message", message);
	jw_bool(&c->w, "retryable", s->retryable);
	jw_bool(&c->w, "safe_to_retry", s->safe_to_retry);
}

int cmd_err(struct cmd_call *c, enum status status, const char *fmt, ...)
{
	struct buf text = BUF_INIT(4096);
	va_list ap;
	va_start(ap, fmt);
	buf_add_vfmt(&text, fmt, ap);
	va_end(ap);
	cmd_err_begin(c, status, buf_cstr(&text));
	buf_done(&text);
	return cmd_ok_end(c);
}

static void conn_resume(struct cmd_conn *s)
{
	s->waits = false;
	s->cmd->parts.wire.resume(s->cmd->parts.wire.ctx, s->who.conn);
}

void cmd_reply(struct cmd *c, uint64_t conn, const char *text, size_t len)
{
	c->parts.wire.write(c->parts.wire.ctx, conn, text, len);
	struct cmd_conn *s = cmd_conn_find(c, conn);
	if (s == NULL)
		return;
	if (s->pending > 0)
		s->pending--;
	if (s->waits)
		conn_resume(s);
}

void cmd_room(struct cmd *c)
{
	for (size_t i = 0; i < CMD_BUCKETS; i++)
		for (struct cmd_conn *s = c->buckets[i]; s != NULL; s = s->next)
			if (s->wants_room) {
				s->wants_room = false;
				conn_resume(s);
			}
}

/* ---- calls ---- */

static void call_free(void *input)
{
	struct cmd_call *c = input;
	json_free(c->body);
	buf_done(&c->out);
	free(c->line);
	free(c);
}

static struct cmd_call *call_new(struct cmd_conn *s, const char *line, size_t len)
{
	struct cmd_call *c = calloc(1, sizeof *c);
	if (c == NULL)
		return NULL;
	c->cmd = s->cmd;
	c->who = s->who;
	buf_init(&c->out, CMD_MAX_ANSWER_BYTES);
	c->line = malloc(len + 1);
	if (c->line == NULL) {
		free(c);
		return NULL;
	}
	memcpy(c->line, line, len);
	c->line[len] = '\0';
	return c;
}

/* Parses the body into c->body. 1: fine, 0: the error is answered. */
static int call_body(struct cmd_call *c)
{
	const char *why = NULL;
	size_t at = 0;
	json_free(c->body);
	c->body = NULL;
	if (c->request.body == NULL)
		return 1;
	int rc = json_parse(&c->body, c->request.body, c->request.body_len, &why, &at);
	if (rc == 0 && json_kind(c->body) == JSON_OBJECT)
		return 1;
	if (rc == -ST_NO_MEMORY)
		(void)cmd_err(c, ST_NO_MEMORY, "no memory to read the request");
	else
		(void)cmd_err(c, ST_INVALID, "the JSON object is not well formed: %s, at byte %zu", why != NULL ? why : "not an object", at);
	return 0;
}

static int call_turn(struct turn *t, void *input)
{
	struct cmd_call *c = input;
	buf_reset(&c->out);
	c->now_ms = t->now_ms;
	c->conf = t->conf;
	c->txn = t->txn;
	c->arena = t->arena;
	(void)buf_reserve(&c->out, ANSWER_BYTES);        /* what fails here fails again where it matters */
	int rc = handlers[c->request.verb->verb].turn(t, c);
	if (rc < 0)
		return rc;
	if (buf_error(&c->out) < 0)
		return buf_error(&c->out);
	turn_reply(t, c->who.conn, c->out.data, c->out.len);
	/* What this thread allocated it frees: handed to the loop, each free would contend for this thread's heap. */
	buf_done(&c->out);
	return 0;
}

static void call_failed(void *input, int status)
{
	struct cmd_call *c = input;
	const struct status_info *s = status_info(status);
	(void)cmd_err(c, s->code, "%s%s%s", s->help, s->code == ST_NO_SPACE ? "; free space on the disk or raise MapSize= for " : "",
	              s->code == ST_NO_SPACE ? turns_conf(c->cmd->parts.turns)->state_directory : "");
	log_line(LOG_LEVEL_ERR, "a request could not be carried out", "verb=%s error=%s by=%s", c->request.verb->name, s->word, c->who.name);
	cmd_reply(c->cmd, c->who.conn, buf_cstr(&c->out), c->out.len);
}

/* An answer that needs no store, but must not overtake those of changes before it: a turn that only replies. */
static int call_say_turn(struct turn *t, void *input)
{
	const struct cmd_call *c = input;
	turn_reply(t, c->who.conn, buf_cstr(&c->out), c->out.len);
	return 0;
}

static enum cmd_next call_submit(struct cmd_conn *s, struct cmd_call *c, int (*run)(struct turn *, void *))
{
	int rc = turns_submit(s->cmd->parts.turns, run, call_failed, call_free, c, c->request.body_len * PARSED_FACTOR);
	if (rc == 0) {
		s->pending++;
		return CMD_NEXT;
	}
	if (rc == -ST_BUSY) {
		s->wants_room = true;
		return CMD_AGAIN;
	}
	/* No memory, or stopping: the connection cannot be served in order any more. */
	return CMD_CLOSE;
}

static enum cmd_next call_say(struct cmd_conn *s, struct cmd_call *c)
{
	if (s->pending > 0)
		return call_submit(s, c, call_say_turn);
	s->cmd->parts.wire.write(s->cmd->parts.wire.ctx, s->who.conn, buf_cstr(&c->out), c->out.len);
	call_free(c);
	return CMD_NEXT;
}

static enum cmd_next call_read(struct cmd_conn *s, struct cmd_call *c)
{
	struct arena a;
	arena_init(&a, 64u * 1024 * 1024);
	c->arena = &a;
	c->now_ms = turns_now_ms();
	c->conf = turns_conf(s->cmd->parts.turns);
	int rc = store_begin(s->cmd->parts.store, false, &c->txn);
	if (rc == 0) {
		rc = call_body(c) == 1 ? handlers[c->request.verb->verb].read(c) : 0;
		store_abort(c->txn);
	}
	if (rc == 0 && a.error < 0)
		rc = a.error;
	if (rc == 0)
		rc = buf_error(&c->out);
	if (rc < 0)
		(void)cmd_err(c, status_info(rc)->code, "%s", status_info(rc)->help);
	arena_done(&a);
	c->arena = NULL;
	return call_say(s, c);
}

/* What may not run now comes again when the answers before it have left. */
static bool must_wait(const struct cmd_conn *s, const char *line, size_t len)
{
	const char *blank = memchr(line, ' ', len);
	const struct verb_info *v = verb_find(line, blank != NULL ? (size_t)(blank - line) : len);
	bool turn = v != NULL && handlers[v->verb].turn != NULL;
	return s->pending >= (turn ? CMD_MAX_PENDING : 1);
}

static enum cmd_next call_run(struct cmd_conn *s, struct cmd_call *c)
{
	const struct handler *h = &handlers[c->request.verb->verb];
	if (c->request.verb->level > s->who.level) {
		(void)cmd_err(c, ST_DENIED, "%s needs the role %s, %s has %s; the groups in smmqd.conf decide", c->request.verb->name,
		              level_name(c->request.verb->level), s->who.name, level_name(s->who.level));
		return call_say(s, c);
	}
	if (s->cmd->stopping && h->read == NULL) {
		(void)cmd_err(c, ST_STOPPING, "the daemon is stopping; nothing was changed");
		return call_say(s, c);
	}
	if (h->turn != NULL) {
		/* Read here, once: the store's thread is the one that all wait for. */
		if (call_body(c) == 0)
			return call_say(s, c);
		if (h->recalls)
			engine_disarm(s->cmd->parts.engine);
		return call_submit(s, c, call_turn);
	}
	if (h->read != NULL)
		return call_read(s, c);
	c->now_ms = turns_now_ms();
	c->conf = turns_conf(s->cmd->parts.turns);
	if (call_body(c) == 0)
		return call_say(s, c);
	return h->talk(s, c);
}

enum cmd_next cmd_line(struct cmd_conn *s, const char *line, size_t len)
{
	const char *why = NULL;
	if (s->watching)
		return CMD_CLOSE;
	if (!s->cmd->started || must_wait(s, line, len)) {
		s->waits = true;
		return CMD_AGAIN;
	}
	struct cmd_call *c = call_new(s, line, len);
	if (c == NULL)
		return CMD_CLOSE;
	if (request_split(c->line, len, &c->request, &why) < 0) {
		(void)cmd_err(c, ST_USAGE, "%s", why);
		return call_say(s, c);
	}
	enum cmd_next next = call_run(s, c);
	/* The line itself is gone once a talk has taken it; talks free their call. */
	return next;
}

enum cmd_next cmd_bad_line(struct cmd_conn *s, bool too_long)
{
	struct cmd_call *c = s->watching ? NULL : call_new(s, "", 0);
	if (c == NULL)
		return CMD_CLOSE;
	if (too_long)
		(void)cmd_err(c, ST_TOO_LARGE, "a request is at most 1048576 bytes; this one was discarded up to its end of line");
	else
		(void)cmd_err(c, ST_USAGE, "the line is not clean UTF-8 text: it holds control characters or invalid bytes");
	return call_say(s, c);
}

/* ---- the rest ---- */

void cmd_journal(struct cmd *c)
{
	if (c->watchers == 0)
		return;
	for (size_t i = 0; i < CMD_BUCKETS; i++)
		for (struct cmd_conn *s = c->buckets[i], *next; s != NULL; s = next) {
			next = s->next;
			if (s->watching)
				cmd_watch_more(s);
		}
}

void cmd_drained(struct cmd_conn *s)
{
	if (s->watching)
		cmd_watch_more(s);
}

void cmd_start(struct cmd *c)
{
	c->started = true;
	for (size_t i = 0; i < CMD_BUCKETS; i++)
		for (struct cmd_conn *s = c->buckets[i]; s != NULL; s = s->next)
			if (s->waits)
				conn_resume(s);
}

void cmd_stop(struct cmd *c)
{
	c->stopping = true;
}

int cmd_new(const struct cmd_parts *parts, struct cmd **out)
{
	struct cmd *c = calloc(1, sizeof *c);
	if (c == NULL)
		return -ST_NO_MEMORY;
	c->parts = *parts;
	c->started_ms = turns_now_ms();
	*out = c;
	return 0;
}

void cmd_free(struct cmd *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < CMD_BUCKETS; i++)
		while (c->buckets[i] != NULL)
			cmd_closed(c->buckets[i]);
	cmd_care_gone(c);
	free(c);
}
