/* app_priv.h: what the files of the room app share. */
#ifndef SMMQ_APP_PRIV_H
#define SMMQ_APP_PRIV_H

#include "daemon/app.h"
#include "daemon/cmd.h"
#include "daemon/engine.h"
#include "daemon/guard.h"
#include "daemon/io/ffprobe.h"
#include "daemon/io/file.h"
#include "daemon/io/http.h"
#include "daemon/io/loop.h"
#include "daemon/io/server.h"
#include "daemon/media.h"
#include "daemon/store/store.h"
#include "daemon/turn.h"

enum app_phase { APP_STARTING, APP_RUNNING, APP_DRAINING, APP_CLOSING };

struct app {
	const struct conf *conf;
	struct loop *loop;
	struct loop_wake *wake;
	struct loop_tick *tick, *fast;
	struct store *store;
	struct turns *turns;
	struct http *http;
	struct files *files;
	struct ffprobe *ffprobe;
	struct engine *engine;
	struct media_room *media;
	struct cmd *cmd;
	struct server *server;
	struct guard *guard;
	enum app_phase phase;
	int64_t stop_ms;                 /* when waiting for what is in flight ends (boot clock) */
	int exit_status;
	char status_line[256];
};

/* app_wire.c: the socket's events into the verbs, the verbs' answers into the socket. Both with the app as ctx. */
extern const struct server_ops app_server_ops;
struct cmd_wire app_wire(struct app *a);
/* While on, app_fast_tick runs every 200 ms. */
void app_hurry(struct app *a, bool on);

/* app.c */
void app_fast_tick(void *ctx);

#endif
