/* x.h: what the rooms of the simulated X share. */
#ifndef SMMQ_TESTS_SIM_X_H
#define SMMQ_TESTS_SIM_X_H

#include "tests/cli/sim/sim.h"

extern struct x_knobs {
	int post_limit;         /* posts in 15 minutes */
	int chunk_limit;        /* bytes of a chunk that the edge takes; above: 413 */
	int lag_ms;             /* how long a post takes to appear in the timeline */
	int no_credits;         /* 402 while on */
} x;

/* A problem document: kind is the last element of its type, NULL: about:blank. */
void x_problem(struct sim_reply *r, int status, const char *title, const char *kind, const char *detail);
/* What the request may not have; true: it has, and r says so. */
bool x_invalid(struct sim_reply *r, const char *bad);
const char *x_media_refused(struct sim *s, struct sim_request *q, const cJSON *ids);   /* of a post; NULL: all is well */
const char *x_media_key(const cJSON *media, char out[40]);

sim_handler x_upload, x_initialize, x_append, x_finalize, x_status, x_metadata;        /* x_media.c */
sim_handler x_timeline;                                                              /* x_read.c */

#endif
