/* work.h: a long piece of work off the loop, in libuv's pool: walks over the whole store, copies of it. */
#ifndef SMMQ_IO_WORK_H
#define SMMQ_IO_WORK_H

struct loop;

/* run(ctx) on a pool thread, then done(ctx) on the loop thread. ctx belongs to the work until then. 0, -ST_NO_MEMORY, -ST_IO.
 * A work that has begun runs to its end; the loop is not freed before. */
int work_start(struct loop *l, void (*run)(void *ctx), void (*done)(void *ctx), void *ctx);

#endif
