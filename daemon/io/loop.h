/* loop.h: the event loop of the daemon's loop thread, and the way other threads wake it. libuv stays behind this door.
 *
 * All functions but loop_wake_send are for the loop thread. Callbacks run on it, never nested. */
#ifndef SMMQ_IO_LOOP_H
#define SMMQ_IO_LOOP_H

#include <stdint.h>

struct loop;
struct loop_wake;
struct loop_tick;

int loop_new(struct loop **out);                 /* 0, -ST_NO_MEMORY, -ST_IO */
/* Runs until loop_stop. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
/* Closes every handle that is left, drains their close callbacks, frees. NULL is fine. */
void loop_free(struct loop *l);
void *loop_uv(struct loop *l);                   /* the uv_loop_t, for the files of io alone */

/* cb runs on the loop thread some time after each loop_wake_send (several sends may give one call). */
int loop_wake_new(struct loop *l, void (*cb)(void *ctx), void *ctx, struct loop_wake **out);
void loop_wake_send(struct loop_wake *w);        /* from any thread */
void loop_wake_free(struct loop_wake *w);        /* closes; the callback does not run after this */

/* cb every period_ms (monotonic); used for the watchdog and for time limits, not for due times. */
int loop_tick_new(struct loop *l, int64_t period_ms, void (*cb)(void *ctx), void *ctx, struct loop_tick **out);
void loop_tick_free(struct loop_tick *t);

/* cb runs on the loop thread for SIGTERM, SIGINT, SIGHUP. SIGPIPE is ignored. */
int loop_signals(struct loop *l, void (*cb)(void *ctx, int signo), void *ctx);

#endif
