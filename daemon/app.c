/* app.c: wiring, start, stop, reload. */
#include "daemon/app.h"

#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/app_priv.h"
#include "daemon/io/clock.h"
#include "daemon/io/notify.h"
#include "daemon/io/work.h"
#include "daemon/keep.h"
#include "daemon/log.h"
#include "daemon/model/caltime_zone.h"
#include "daemon/reload.h"
#include "proto/status.h"

#define TICK_MS (10 * 1000)
#define CLOSE_GRACE_MS 2000

/* ---- sinks of turns ---- */

static void sink_reply(void *ctx, uint64_t conn, const char *text, size_t len)
{
	cmd_reply(((struct app *)ctx)->cmd, conn, text, len);
}

static void sink_due(void *ctx, uint64_t account_no, int64_t due_ms)
{
	engine_due(((struct app *)ctx)->engine, account_no, due_ms);
}

static void sink_periodic(void *ctx, int64_t due_ms)
{
	engine_periodic(((struct app *)ctx)->engine, due_ms);
}

static void sink_journal(void *ctx)
{
	struct app *a = ctx;
	cmd_journal(a->cmd);
	engine_schedule(a->engine);
}

static void sink_room(void *ctx)
{
	cmd_room(((struct app *)ctx)->cmd);
}

static void sink_fatal(void *ctx, int status)
{
	struct app *a = ctx;
	if (a->exit_status == 0)
		log_line(LOG_LEVEL_ERR, "the disk failed while the store was written; stopping, so that it is read again from the start",
		         "directory=%s", a->conf->state_directory);
	a->exit_status = status_info(status)->exit_status;
	loop_stop(a->loop);
}

static void sink_wake(void *ctx)
{
	loop_wake_send(((struct app *)ctx)->wake);
}

static void app_released(void *ctx)
{
	turns_release(((struct app *)ctx)->turns);
}

/* ---- stop ---- */

static void app_closed(void *ctx)
{
	loop_stop(((struct app *)ctx)->loop);
}

static void app_close(void *data)
{
	struct app *a = data;
	server_close_all(a->server, CLOSE_GRACE_MS, app_closed, a);
}

static int stop_turn(struct turn *t, void *input)
{
	struct app *a = input;
	int rc = guard_clock_turn(t, a->guard);
	turn_effect(t, app_close, NULL, a);
	return rc;
}

static void stop_failed(void *input, int status)
{
	(void)status;
	app_close(input);
}

/* Everything submitted before this turn is committed and answered before the connections close. */
static void app_finish(void *ctx)
{
	struct app *a = ctx;
	if (a->phase == APP_CLOSING)
		return;
	a->phase = APP_CLOSING;
	guard_read_clocks(a->guard);
	if (turns_submit(a->turns, stop_turn, stop_failed, NULL, a, 0) < 0)
		app_close(a);
}

static void app_stop(struct app *a)
{
	if (a->phase >= APP_DRAINING)
		return;
	a->phase = APP_DRAINING;
	a->stop_ms = clock_boot_ms() + a->conf->stop_timeout_ms;
	notify_stopping("finishing what is in flight");
	log_line(LOG_LEVEL_INFO, "stopping", "in_flight=%u", engine_in_flight(a->engine));
	cmd_stop(a->cmd);
	server_stop(a->server);
	engine_drain(a->engine, true);
	app_hurry(a, true);
	engine_when_idle(a->engine, app_finish, a);
}

void app_fast_tick(void *ctx)
{
	struct app *a = ctx;
	cmd_tick(a->cmd, clock_now_ms());
	if (a->phase != APP_DRAINING || clock_boot_ms() < a->stop_ms)
		return;
	log_line(LOG_LEVEL_WARNING, "StopTimeout= is over; what is still in flight is looked for at the next start", "in_flight=%u",
	         engine_in_flight(a->engine));
	app_finish(a);
}

/* ---- reload ---- */

static void app_map_size(struct app *a, int64_t map_bytes)
{
	int rc = store_map_size(a->store, map_bytes);
	if (rc < 0)
		log_line(LOG_LEVEL_ERR, "MapSize= cannot be taken over; the old one stays in force", "error=%s", status_info(rc)->word);
	else if (rc > 0)
		log_line(LOG_LEVEL_NOTICE, "MapSize= is taken over as soon as what reads the whole store has ended", NULL);
}

static void app_take_conf(void *ctx, const struct conf *conf)
{
	struct app *a = ctx;
	const struct conf *old = a->conf;
	if (conf->map_bytes != old->map_bytes)
		app_map_size(a, conf->map_bytes);
	a->conf = conf_ref(conf);
	conf_unref(old);
	turns_set_conf(a->turns, conf);
	log_setup((enum log_level)conf->log_level);
	caltime_zone_forget();
	log_line(LOG_LEVEL_NOTICE, "configuration reloaded", "accounts=%zu", conf->account_count);
	engine_conf(a->engine, conf);
}

static void app_reload(void *ctx, void (*done)(void *, int, const char *), void *done_ctx)
{
	struct app *a = ctx;
	reload_start(a->turns, a->conf, app_take_conf, a, done, done_ctx);
}

static void reload_logged(void *ctx, int status, const char *text)
{
	const struct app *a = ctx;
	if (status < 0)
		log_line(LOG_LEVEL_ERR, "reload refused, the configuration in force stays", "reason=\"%s\"", text);
	notify_ready(a->status_line);
}

static void on_signal(void *ctx, int signo)
{
	struct app *a = ctx;
	if (signo != SIGHUP) {
		app_stop(a);
		return;
	}
	notify_reloading();
	app_reload(a, reload_logged, a);
}

/* ---- status and watchdog ---- */

static void app_tick(void *ctx)
{
	struct app *a = ctx;
	char line[256];
	notify_watchdog();
	engine_schedule(a->engine);
	if (a->phase == APP_RUNNING && cmd_status_line(a->cmd, line, sizeof line) == 0 && strcmp(line, a->status_line) != 0) {
		memcpy(a->status_line, line, sizeof line);
		notify_status(line);
	}
}

/* ---- start ---- */

static void app_started(void *data)
{
	struct app *a = data;
	if (guard_bind(a->guard) < 0)
		log_line(LOG_LEVEL_WARNING, "the file \"instance\" could not be written; the next start may take the store for a restored one",
		         "directory=%s", a->conf->state_directory);
	a->phase = APP_RUNNING;
	cmd_start(a->cmd);
	engine_start(a->engine);
	app_tick(a);
	notify_ready(a->status_line);
	log_line(LOG_LEVEL_INFO, "ready", "version=%s accounts=%zu %s", PACKAGE_VERSION, a->conf->account_count,
	         a->conf->mode == MODE_REHEARSE ? "mode=rehearse" : "mode=live");
}

static int start_turn(struct turn *t, void *input)
{
	struct app *a = input;
	int rc = guard_start_turn(t, a->guard);
	if (rc == 0)
		rc = reload_accounts_turn(t);
	if (rc == 0)
		rc = keep_start_turn(t);
	turn_effect(t, app_started, NULL, a);
	return rc;
}

static void start_failed(void *input, int status)
{
	struct app *a = input;
	log_line(LOG_LEVEL_ERR, status == -ST_NO_SPACE ? "the disk or the store is full; free some space and start again"
	                                               : "the store cannot be used",
	         "directory=%s error=%s", a->conf->state_directory, status_info(status)->word);
	a->exit_status = 74;
	loop_stop(a->loop);
}

static int app_fail(const char *what, int status)
{
	log_line(LOG_LEVEL_ERR, what, "error=%s reason=\"%s\"", status_info(status)->word, errno != 0 ? strerror(errno) : "");
	return status;
}

static int app_listen(struct app *a)
{
	int fd = notify_listen_fd();
	errno = 0;
	int rc = server_new(a->loop, a->conf->socket, fd, 0660, &app_server_ops, a, (unsigned)a->conf->max_connections, &a->server);
	if (rc == -ST_CONFLICT)
		log_line(LOG_LEVEL_ERR, "another daemon answers on the socket; stop it or set Socket=", "socket=%s", a->conf->socket);
	else if (rc < 0)
		log_line(LOG_LEVEL_ERR, "cannot listen; make its directory or set Socket=", "socket=%s reason=\"%s\"", a->conf->socket,
		         errno != 0 ? strerror(errno) : status_info(rc)->help);
	return rc;
}

static int app_open_store(struct app *a)
{
	char why[1024], id[64];
	int rc = store_open(a->conf->state_directory, a->conf->map_bytes, &a->store, why, sizeof why);
	if (rc < 0) {
		log_line(LOG_LEVEL_ERR, why, NULL);
		a->exit_status = rc == -ST_CONFLICT || rc == -ST_REFUSED || rc == -ST_CONFIG ? 78 : 74;
		return rc;
	}
	struct kv_usage u;
	uint64_t disk_free;
	rc = store_usage(a->store, &u, &disk_free);
	if (rc == 0 && u.map_bytes > (uint64_t)a->conf->map_bytes)
		log_line(LOG_LEVEL_WARNING, "the store is as large as MapSize= or larger; nothing new is taken until it is raised (and reloaded)",
		         "used_bytes=%llu", (unsigned long long)u.used_bytes);
	if (rc == 0)
		rc = store_file_id(a->store, id, sizeof id);
	return rc < 0 ? rc : guard_new(a->conf->state_directory, id, store_doubts(a->store), &a->guard);
}

static int app_build_io(struct app *a)
{
	char media[4096];
	errno = 0;
	int rc = loop_new(&a->loop);
	if (rc < 0)
		return app_fail("the event loop could not be made", rc);
	(void)snprintf(media, sizeof media, "%s/media", a->conf->state_directory);
	rc = files_new(a->loop, media, &a->files);
	if (rc < 0)
		return app_fail("the media directory below StateDirectory= cannot be used", rc);
	rc = ffprobe_new(a->loop, FFPROBE_LIMIT_MS, &a->ffprobe);
	if (rc < 0)
		return rc;
	const struct http_options http = { .ca_file = a->conf->ca_file, .proxy = a->conf->proxy, .user_agent = "smmqd/" PACKAGE_VERSION,
	                                   .address_family = (int)a->conf->address_family,
	                                   .max_in_flight = 2 * (unsigned)a->conf->max_in_flight + 64 };
	rc = http_new(a->loop, &http, &a->http);
	return rc < 0 ? app_fail("HTTP could not be set up; look at CAFile= and Proxy=", rc) : 0;
}

static int app_work(void *ctx, void (*run)(void *data), void (*done)(void *data), void *data)
{
	return work_start(((struct app *)ctx)->loop, run, done, data);
}

static int app_build_core(struct app *a)
{
	const struct turn_sinks sinks = { .ctx = a, .reply = sink_reply, .due = sink_due, .periodic = sink_periodic, .journal = sink_journal,
	                                  .room = sink_room, .fatal = sink_fatal, .wake = sink_wake };
	int rc = turns_new(a->store, &sinks, &a->turns);
	if (rc < 0)
		return rc;
	turns_set_conf(a->turns, a->conf);
	const struct engine_parts engine = { .loop = a->loop, .turns = a->turns, .http = a->http, .files = a->files };
	rc = engine_new(&engine, &a->engine);
	if (rc == 0)
		rc = media_new(a->files, a->ffprobe, a->turns, a->engine, &a->media);
	if (rc < 0)
		return rc;
	engine_conf(a->engine, a->conf);
	const struct cmd_parts cmd = {
		.turns = a->turns, .store = a->store, .engine = a->engine, .media = a->media, .reload = app_reload, .reload_ctx = a,
		.work = app_work, .work_ctx = a,
		.wire = app_wire(a),
	};
	return cmd_new(&cmd, &a->cmd);
}

static int app_build(struct app *a)
{
	int rc = app_open_store(a);
	if (rc == 0)
		rc = app_build_io(a);
	if (rc == 0) {
		rc = app_build_core(a);
		if (rc < 0)
			(void)app_fail("the daemon could not be put together", rc);
	}
	if (rc == 0)
		rc = app_listen(a);
	int64_t watchdog_ms = notify_watchdog_ms();
	int64_t tick_ms = watchdog_ms > 0 ? watchdog_ms / 2 : TICK_MS;
	if (rc == 0 && (loop_wake_new(a->loop, app_released, a, &a->wake) < 0 || loop_signals(a->loop, on_signal, a) < 0 ||
	                loop_tick_new(a->loop, tick_ms < TICK_MS ? tick_ms : TICK_MS, app_tick, a, &a->tick) < 0 || turns_start(a->turns) < 0))
		rc = app_fail("the event loop could not be set up", -ST_NO_MEMORY);
	return rc;
}

/* In the opposite order of who uses whom. */
static void app_tear_down(struct app *a)
{
	server_free(a->server);
	cmd_free(a->cmd);
	turns_free(a->turns);
	ffprobe_free(a->ffprobe);
	media_free(a->media);
	engine_free(a->engine);
	http_free(a->http);
	files_free(a->files);
	loop_tick_free(a->tick);
	loop_tick_free(a->fast);
	loop_wake_free(a->wake);
	loop_free(a->loop);
	guard_free(a->guard);
	/* Not after the disk failed: what it holds is for the next start to find out. */
	if (a->store != NULL && a->exit_status == 0 && store_settle(a->store) < 0)
		log_line(LOG_LEVEL_WARNING, "the store could not be tidied; its log is read at the next start", "directory=%s", a->conf->state_directory);
	store_close(a->store);
	conf_unref(a->conf);
}

int app_run(const struct conf *conf)
{
	struct app *a = calloc(1, sizeof *a);
	if (a == NULL)
		return 74;
	a->conf = conf_ref(conf);
	int rc = app_build(a);
	if (rc == 0)
		rc = turns_submit(a->turns, start_turn, start_failed, NULL, a, 0);
	if (rc == 0)
		loop_run(a->loop);
	else if (a->exit_status == 0)
		a->exit_status = rc == -ST_CONFLICT || rc == -ST_CONFIG ? 78 : 74;
	int status = a->exit_status;
	if (rc == 0)
		log_line(LOG_LEVEL_INFO, "stopped", "exit=%d", status);
	app_tear_down(a);
	free(a);
	return status;
}
