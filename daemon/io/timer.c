/* timer.c: the alarm. The kernel compares due times with the wall clock itself, so neither suspend nor a step needs
 * arithmetic here; a step is only told on. */
#include "daemon/io/timer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "daemon/io/loop.h"
#include "daemon/log.h"
#include "proto/status.h"

/* Far enough to mean "never", near enough for every kernel: 2200-01-01. An armed timer is needed to hear of steps. */
#define NEVER_MS INT64_C(7258118400000)

struct timer {
	uv_poll_t poll;
	uv_timer_t soon;      /* tells of a step that timer_set came across */
	int handles;
	int fd;
	int64_t time_ms;
	void (*cb)(void *ctx, bool stepped);
	void *ctx;
};

static void on_soon(uv_timer_t *soon)
{
	struct timer *t = soon->data;

	t->cb(t->ctx, true);
}

static int timer_arm(struct timer *t)
{
	int64_t ms = t->time_ms < 0 ? 0 : t->time_ms > NEVER_MS ? NEVER_MS : t->time_ms;
	struct itimerspec when = {
		/* All zero would disarm: the first nanosecond of 1970 is in the past as well. */
		.it_value = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 + (ms == 0) },
	};

	if (timerfd_settime(t->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL) == 0)
		return 0;
	if (errno != ECANCELED)
		return -ST_IO;
	/* The clock was set since the last time and nobody has read that yet: the alarm is armed all the same, but the
	 * step is told by this call alone (see NOTES in timerfd_settime(2)). */
	return uv_timer_start(&t->soon, on_soon, 0, 0) == 0 ? 0 : -ST_IO;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct timer *t = poll->data;
	uint64_t expirations;
	ssize_t n;

	(void)status;
	(void)events;
	n = read(t->fd, &expirations, sizeof expirations);
	if (n < 0 && errno == ECANCELED) {
		if (timer_arm(t) != 0)
			log_line(LOG_LEVEL_ERR, "the clock was set and the alarm could not be set again", "errno=%d",
			         errno);
		t->cb(t->ctx, true);
	} else if (n == (ssize_t)sizeof expirations) {
		/* Stay armed far away: a disarmed timerfd does not report steps of the clock. */
		t->time_ms = INT64_MAX;
		if (timer_arm(t) != 0)
			log_line(LOG_LEVEL_ERR, "steps of the wall clock can no longer be seen", "errno=%d", errno);
		t->cb(t->ctx, false);
	}
}

int timer_new(struct loop *l, void (*cb)(void *ctx, bool stepped), void *ctx, struct timer **out)
{
	struct timer *t = calloc(1, sizeof *t);

	if (t == NULL)
		return -ST_NO_MEMORY;
	t->cb = cb;
	t->ctx = ctx;
	t->time_ms = INT64_MAX;
	t->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (t->fd < 0 || uv_poll_init(loop_uv(l), &t->poll, t->fd) != 0) {
		if (t->fd >= 0)
			close(t->fd);
		free(t);
		return -ST_IO;
	}
	(void)uv_timer_init(loop_uv(l), &t->soon);      /* cannot fail */
	t->handles = 2;
	t->poll.data = t->soon.data = t;
	if (timer_arm(t) != 0 || uv_poll_start(&t->poll, UV_READABLE, on_readable) != 0) {
		timer_free(t);
		return -ST_IO;
	}
	*out = t;
	return 0;
}

int timer_set(struct timer *t, int64_t time_ms)
{
	t->time_ms = time_ms;
	return timer_arm(t);
}

static void on_closed(uv_handle_t *handle)
{
	struct timer *t = handle->data;

	if (--t->handles == 0)
		free(t);
}

void timer_free(struct timer *t)
{
	if (t == NULL)
		return;
	uv_poll_stop(&t->poll);
	close(t->fd);
	uv_close((uv_handle_t *)&t->poll, on_closed);
	uv_close((uv_handle_t *)&t->soon, on_closed);
}
