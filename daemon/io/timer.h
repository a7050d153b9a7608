/* timer.h: one alarm on the wall clock: a timerfd on CLOCK_REALTIME that also reports every step of the clock
 * (TFD_TIMER_CANCEL_ON_SET), so that due times are wall-clock times and a step or a suspend is seen at once. */
#ifndef SMMQ_IO_TIMER_H
#define SMMQ_IO_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct timer;

/* cb(ctx, stepped): the alarm's time has come (stepped false), or the clock was set (true; the alarm stays armed at its
 * wall-clock time as re-armed by the callee). */
int timer_new(struct loop *l, void (*cb)(void *ctx, bool stepped), void *ctx, struct timer **out);
/* One alarm at time_ms (a past time fires at once); INT64_MAX disarms. Replaces the one before. */
int timer_set(struct timer *t, int64_t time_ms);
void timer_free(struct timer *t);

#endif
