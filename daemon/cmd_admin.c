/* cmd_admin.c: RELOAD, DRAIN, PUT: verbs that talk with the daemon's parts instead of the store. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cmd_priv.h"
#include "daemon/engine.h"
#include "proto/unit.h"

/* Writes the answer at once: these verbs run only when nothing else of the connection waits. */
static void say(struct cmd_conn *s, struct cmd_call *c)
{
	const struct cmd_wire *wire = &s->cmd->parts.wire;
	wire->write(wire->ctx, s->who.conn, buf_cstr(&c->out), c->out.len);
}

static enum cmd_next done(struct cmd_call *c, enum cmd_next next)
{
	json_free(c->body);
	buf_done(&c->out);
	free(c->line);
	free(c);
	return next;
}

/* ---- RELOAD ---- */

struct reload { struct cmd *cmd; uint64_t conn; };

static void reload_done(void *ctx, int status, const char *text)
{
	struct reload *r = ctx;
	struct cmd_call c = { .cmd = r->cmd };
	buf_init(&c.out, CMD_MAX_ANSWER_BYTES);
	if (status < 0) {
		(void)cmd_err(&c, status_info(status)->code, "%s", text);
	} else {
		cmd_ok(&c);
		jw_int(&c.w, "accounts", status);
		(void)cmd_ok_end(&c);
	}
	cmd_reply(r->cmd, r->conn, buf_cstr(&c.out), c.out.len);
	buf_done(&c.out);
	free(r);
}

enum cmd_next cmd_reload(struct cmd_conn *s, struct cmd_call *c)
{
	struct reload *r = malloc(sizeof *r);
	if (r == NULL)
		return done(c, CMD_CLOSE);
	*r = (struct reload){ s->cmd, s->who.conn };
	/* The answer may come later: until then the connection has one change under way. */
	s->pending++;
	s->cmd->parts.reload(s->cmd->parts.reload_ctx, reload_done, r);
	return done(c, CMD_NEXT);
}

/* ---- DRAIN ---- */

static void drain_answer(struct cmd *cmd, uint64_t conn, bool on)
{
	struct cmd_call c = { .cmd = cmd };
	buf_init(&c.out, 4096);
	cmd_ok(&c);
	jw_bool(&c.w, "draining", on);
	jw_int(&c.w, "in_flight", engine_in_flight(cmd->parts.engine));
	(void)cmd_ok_end(&c);
	cmd_reply(cmd, conn, buf_cstr(&c.out), c.out.len);
	buf_done(&c.out);
}

static void drain_idle(void *ctx)
{
	struct cmd *cmd = ctx;
	uint64_t conn = cmd->drain_conn;
	cmd->drain_conn = 0;
	cmd->parts.wire.hurry(cmd->parts.wire.ctx, false);
	drain_answer(cmd, conn, true);
}

void cmd_drain_gone(struct cmd_conn *s)
{
	if (s->cmd->drain_conn != s->who.conn)
		return;
	s->cmd->drain_conn = 0;
	engine_when_idle(s->cmd->parts.engine, NULL, NULL);
}

void cmd_tick(struct cmd *cmd, int64_t now_ms)
{
	if (cmd->drain_conn == 0 || now_ms < cmd->drain_until_ms)
		return;
	uint64_t conn = cmd->drain_conn;
	struct cmd_call c = { .cmd = cmd };
	cmd->drain_conn = 0;
	engine_when_idle(cmd->parts.engine, NULL, NULL);
	cmd->parts.wire.hurry(cmd->parts.wire.ctx, false);
	buf_init(&c.out, 4096);
	(void)cmd_err(&c, ST_BUSY, "%u still in flight; nothing new is fired, ask again", engine_in_flight(cmd->parts.engine));
	cmd_reply(cmd, conn, buf_cstr(&c.out), c.out.len);
	buf_done(&c.out);
}

enum cmd_next cmd_drain(struct cmd_conn *s, struct cmd_call *c)
{
	static const char *const keys[] = { "off", "timeout", NULL };
	struct cmd *cmd = s->cmd;
	bool off;
	int64_t timeout_ms = 30 * 1000;
	if (!cmd_keys(c, c->body, "DRAIN", keys) || !cmd_get_flag(c, c->body, "off", &off) ||
	    !cmd_get_span(c, c->body, "timeout", &timeout_ms)) {
		say(s, c);
		return done(c, CMD_NEXT);
	}
	if (cmd->drain_conn != 0) {
		(void)cmd_err(c, ST_BUSY, "another DRAIN waits already");
		say(s, c);
		return done(c, CMD_NEXT);
	}
	s->pending++;
	engine_drain(cmd->parts.engine, !off);
	if (off) {
		drain_answer(cmd, s->who.conn, false);
		return done(c, CMD_NEXT);
	}
	cmd->drain_conn = s->who.conn;
	cmd->drain_until_ms = c->now_ms + timeout_ms;
	cmd->parts.wire.hurry(cmd->parts.wire.ctx, true);
	engine_when_idle(cmd->parts.engine, drain_idle, cmd);
	return done(c, CMD_NEXT);
}

/* ---- PUT ---- */

static void put_refuse(struct cmd_conn *s, int status)
{
	struct cmd_call c = { .cmd = s->cmd };
	buf_init(&c.out, 4096);
	(void)cmd_err(&c, status_info(status)->code, "the file was not stored: %s", status_info(status)->help);
	cmd_reply(s->cmd, s->who.conn, buf_cstr(&c.out), c.out.len);
	buf_done(&c.out);
}

static void put_ended(void *ctx, int status)
{
	struct cmd_conn *s = ctx;
	s->put = NULL;
	if (status < 0)
		put_refuse(s, status);
}

static void put_give_up(struct cmd_conn *s)
{
	media_put_cancel(s->put);
	s->put = NULL;
	put_refuse(s, s->put_error);
}

static void put_more(void *ctx, int status)
{
	struct cmd_conn *s = ctx;
	if (status < 0)
		s->put_error = status;
	if (s->put_left == 0 && s->put_error == 0)
		s->put_error = media_put_finish(s->put);
	if (s->put_left == 0 && s->put_error < 0)
		put_give_up(s);
	s->cmd->parts.wire.resume(s->cmd->parts.wire.ctx, s->who.conn);
}

/* A file that no post could be added with would only take the room that is kept for accepted ones. */
static int put_room(struct cmd_conn *s)
{
	struct store_txn *txn;
	int rc = store_begin(s->cmd->parts.store, false, &txn);
	if (rc < 0)
		return rc;
	rc = store_has_room(txn);
	store_abort(txn);
	return rc == 0 ? -ST_NO_SPACE : rc < 0 ? rc : 0;
}

enum cmd_next cmd_put(struct cmd_conn *s, struct cmd_call *c)
{
	static const struct media_put_ops ops = { .more = put_more, .ended = put_ended };
	int64_t size;
	if (unit_int_parse(c->request.word[1], 0, INT64_MAX, &size) < 0) {
		(void)cmd_err(c, ST_USAGE, "the size of PUT is a number of bytes");
		say(s, c);
		/* How many bytes follow is not known: what comes cannot be told from requests. */
		return done(c, CMD_CLOSE);
	}
	if (size > c->conf->media_max_bytes) {
		(void)cmd_err(c, ST_TOO_LARGE, "%lld bytes; a file is at most %lld (MediaMax=)", (long long)size, (long long)c->conf->media_max_bytes);
		say(s, c);
		return done(c, CMD_CLOSE);
	}
	if (size == 0) {
		(void)cmd_err(c, ST_INVALID, "an empty file cannot be shown anywhere");
		say(s, c);
		return done(c, CMD_NEXT);
	}
	s->put = NULL;
	s->put_error = put_room(s);
	if (s->put_error == 0)
		s->put_error = media_put_new(s->cmd->parts.media, s->who.conn, c->request.word[0], (uint64_t)size, &ops, s, &s->put);
	s->put_left = (uint64_t)size;
	s->pending++;
	s->cmd->parts.wire.expect_body(s->cmd->parts.wire.ctx, s->who.conn, (uint64_t)size);
	return done(c, CMD_NEXT);
}

/* After a failure the rest of the body is read and dropped, so that the connection stays usable. */
enum cmd_next cmd_body(struct cmd_conn *s, const char *data, size_t len, uint64_t left)
{
	s->put_left = left;
	if (s->put_error == 0 && len > 0) {
		s->put_error = media_put_data(s->put, data, len);
		if (s->put_error == 0)
			return CMD_WAIT;
	}
	if (left == 0)
		put_give_up(s);
	return CMD_NEXT;
}
