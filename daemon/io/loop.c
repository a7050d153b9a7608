/* loop.c: libuv's loop, and the three small things others may ask of it: a wake-up, a period, signals.
 *
 * A handle's memory is free only in its close callback. Handles whose `data` points to themselves are the first member
 * of a block of their own, so that loop_free can give back what its owner forgot. */
#include "daemon/io/loop.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <uv.h>

#include "proto/status.h"

#define SIGNAL_COUNT 3

struct loop {
	uv_loop_t uv;
	uv_async_t keep;      /* keeps uv_run going while nothing else is active */
	bool stop;
	uv_signal_t signals[SIGNAL_COUNT];
	void (*signal_cb)(void *ctx, int signo);
	void *signal_ctx;
};

struct loop_wake {
	uv_async_t async;
	void (*cb)(void *ctx);
	void *ctx;
};

struct loop_tick {
	uv_timer_t timer;
	void (*cb)(void *ctx);
	void *ctx;
};

static int uv_status(int err)
{
	return err == 0 ? 0 : err == UV_ENOMEM ? -ST_NO_MEMORY : -ST_IO;
}

static void on_keep(uv_async_t *async)
{
	(void)async;
}

int loop_new(struct loop **out)
{
	struct loop *l = calloc(1, sizeof *l);
	int err;

	if (l == NULL)
		return -ST_NO_MEMORY;
	err = uv_loop_init(&l->uv);
	if (err != 0) {
		free(l);
		return uv_status(err);
	}
	err = uv_async_init(&l->uv, &l->keep, on_keep);
	if (err != 0) {
		(void)uv_loop_close(&l->uv);
		free(l);
		return uv_status(err);
	}
	*out = l;
	return 0;
}

void loop_run(struct loop *l)
{
	while (!l->stop)
		(void)uv_run(&l->uv, UV_RUN_DEFAULT);
	l->stop = false;
}

void loop_stop(struct loop *l)
{
	l->stop = true;
	uv_stop(&l->uv);
}

static void close_and_free(uv_handle_t *handle)
{
	free(handle);
}

static void close_left(uv_handle_t *handle, void *ctx)
{
	(void)ctx;
	if (!uv_is_closing(handle))
		uv_close(handle, handle->data == handle ? close_and_free : NULL);
}

void loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	uv_walk(&l->uv, close_left, NULL);
	/* Close callbacks may close more, and work in the pool keeps the loop alive until it is done. */
	while (uv_run(&l->uv, UV_RUN_DEFAULT) != 0)
		;
	while (uv_loop_close(&l->uv) == UV_EBUSY) {
		uv_walk(&l->uv, close_left, NULL);
		(void)uv_run(&l->uv, UV_RUN_DEFAULT);
	}
	free(l);
}

void *loop_uv(struct loop *l)
{
	return &l->uv;
}

static void on_wake(uv_async_t *async)
{
	struct loop_wake *w = (struct loop_wake *)async;

	w->cb(w->ctx);
}

int loop_wake_new(struct loop *l, void (*cb)(void *ctx), void *ctx, struct loop_wake **out)
{
	struct loop_wake *w = calloc(1, sizeof *w);
	int err;

	if (w == NULL)
		return -ST_NO_MEMORY;
	w->cb = cb;
	w->ctx = ctx;
	err = uv_async_init(&l->uv, &w->async, on_wake);
	if (err != 0) {
		free(w);
		return uv_status(err);
	}
	w->async.data = w;
	*out = w;
	return 0;
}

void loop_wake_send(struct loop_wake *w)
{
	(void)uv_async_send(&w->async);
}

void loop_wake_free(struct loop_wake *w)
{
	if (w != NULL)
		uv_close((uv_handle_t *)&w->async, close_and_free);
}

static void on_tick(uv_timer_t *timer)
{
	struct loop_tick *t = (struct loop_tick *)timer;

	t->cb(t->ctx);
}

int loop_tick_new(struct loop *l, int64_t period_ms, void (*cb)(void *ctx), void *ctx, struct loop_tick **out)
{
	uint64_t period = period_ms < 1 ? 1 : (uint64_t)period_ms;
	struct loop_tick *t = calloc(1, sizeof *t);

	if (t == NULL)
		return -ST_NO_MEMORY;
	t->cb = cb;
	t->ctx = ctx;
	/* Neither call can fail: the handle is new and the callback given. */
	(void)uv_timer_init(&l->uv, &t->timer);
	t->timer.data = t;
	uv_update_time(&l->uv);
	(void)uv_timer_start(&t->timer, on_tick, period, period);
	*out = t;
	return 0;
}

void loop_tick_free(struct loop_tick *t)
{
	if (t != NULL)
		uv_close((uv_handle_t *)&t->timer, close_and_free);
}

static void on_signal(uv_signal_t *handle, int signo)
{
	struct loop *l = handle->data;

	l->signal_cb(l->signal_ctx, signo);
}

int loop_signals(struct loop *l, void (*cb)(void *ctx, int signo), void *ctx)
{
	static const int wanted[SIGNAL_COUNT] = { SIGTERM, SIGINT, SIGHUP };

	l->signal_cb = cb;
	l->signal_ctx = ctx;
	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < SIGNAL_COUNT; i++) {
		int err = uv_signal_init(&l->uv, &l->signals[i]);

		if (err == 0) {
			l->signals[i].data = l;
			err = uv_signal_start(&l->signals[i], on_signal, wanted[i]);
		}
		if (err != 0)
			return uv_status(err);
	}
	return 0;
}
