/* app_wire.c: the socket and the verbs know nothing of each other; here the events of the one become calls of the other. */
#include "daemon/app_priv.h"

#define FAST_TICK_MS 200

/* ---- from the socket to the verbs ---- */

static enum server_next next_of(enum cmd_next n)
{
	static const enum server_next map[] = {
		[CMD_NEXT] = SERVER_NEXT, [CMD_WAIT] = SERVER_WAIT, [CMD_AGAIN] = SERVER_AGAIN, [CMD_CLOSE] = SERVER_CLOSE,
	};
	return map[n];
}

static int on_open(void *ctx, const struct peer *p, void **state)
{
	struct app *a = ctx;
	const struct cmd_peer peer = { .conn = p->conn, .uid = p->uid, .gid = p->gid, .groups = p->groups, .group_count = p->group_count };
	struct cmd_conn *s;
	int rc = cmd_open(a->cmd, &peer, &s);
	if (rc == 0)
		*state = s;
	return rc;
}

static enum server_next on_line(void *ctx, void *state, char *line, size_t len)
{
	(void)ctx;
	return next_of(cmd_line(state, line, len));
}

static enum server_next on_body(void *ctx, void *state, const char *data, size_t len, uint64_t left)
{
	(void)ctx;
	return next_of(cmd_body(state, data, len, left));
}

static enum server_next on_bad_line(void *ctx, void *state, bool too_long)
{
	(void)ctx;
	return next_of(cmd_bad_line(state, too_long));
}

static void on_drained(void *ctx, void *state)
{
	(void)ctx;
	cmd_drained(state);
}

static void on_closed(void *ctx, void *state)
{
	(void)ctx;
	cmd_closed(state);
}

static bool on_owes(void *ctx, void *state)
{
	(void)ctx;
	return cmd_owes(state);
}

const struct server_ops app_server_ops = {
	.open = on_open, .line = on_line, .body = on_body, .bad_line = on_bad_line, .drained = on_drained, .owes = on_owes,
	.closed = on_closed,
};

/* ---- from the verbs to the socket ---- */

static void wire_write(void *ctx, uint64_t conn, const char *data, size_t len)
{
	server_write(((struct app *)ctx)->server, conn, data, len);
}

static void wire_expect_body(void *ctx, uint64_t conn, uint64_t bytes)
{
	server_expect_body(((struct app *)ctx)->server, conn, bytes);
}

static void wire_resume(void *ctx, uint64_t conn)
{
	server_resume(((struct app *)ctx)->server, conn);
}

static void wire_close(void *ctx, uint64_t conn)
{
	server_close(((struct app *)ctx)->server, conn);
}

static bool wire_full(void *ctx, uint64_t conn)
{
	return server_waiting(((struct app *)ctx)->server, conn) >= SERVER_OUT_HIGH;
}

static unsigned wire_connections(void *ctx)
{
	return server_count(((struct app *)ctx)->server);
}

void app_hurry(struct app *a, bool on)
{
	if (on && a->fast == NULL)
		(void)loop_tick_new(a->loop, FAST_TICK_MS, app_fast_tick, a, &a->fast);
	if (!on && a->fast != NULL && a->phase == APP_RUNNING) {
		loop_tick_free(a->fast);
		a->fast = NULL;
	}
}

static void wire_hurry(void *ctx, bool on)
{
	app_hurry(ctx, on);
}

struct cmd_wire app_wire(struct app *a)
{
	return (struct cmd_wire){
		.ctx = a, .write = wire_write, .expect_body = wire_expect_body, .resume = wire_resume, .close = wire_close,
		.full = wire_full, .connections = wire_connections, .hurry = wire_hurry,
	};
}
