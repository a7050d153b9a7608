/* work.c: uv_queue_work behind a door. */
#include "daemon/io/work.h"

#include <stdlib.h>
#include <uv.h>

#include "daemon/io/loop.h"
#include "proto/status.h"

struct work {
	uv_work_t req;
	void (*run)(void *);
	void (*done)(void *);
	void *ctx;
};

static void work_run(uv_work_t *req)
{
	struct work *w = req->data;
	w->run(w->ctx);
}

static void work_done(uv_work_t *req, int status)
{
	struct work *w = req->data;
	(void)status;        /* nothing cancels these */
	w->done(w->ctx);
	free(w);
}

int work_start(struct loop *l, void (*run)(void *ctx), void (*done)(void *ctx), void *ctx)
{
	struct work *w = calloc(1, sizeof *w);
	if (w == NULL)
		return -ST_NO_MEMORY;
	*w = (struct work){ .run = run, .done = done, .ctx = ctx };
	w->req.data = w;
	if (uv_queue_work(loop_uv(l), &w->req, work_run, work_done) != 0) {
		free(w);
		return -ST_IO;
	}
	return 0;
}
