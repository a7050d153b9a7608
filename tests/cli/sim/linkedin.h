/* linkedin.h: what the rooms of the simulated LinkedIn share. */
#ifndef SMMQ_TESTS_SIM_LINKEDIN_H
#define SMMQ_TESTS_SIM_LINKEDIN_H

#include "tests/cli/sim/sim.h"

extern struct linkedin_knobs {
	int part_bytes;         /* of a video: what its instructions say */
	int no_read;            /* the token may post, but not read posts, images and documents */
	int no_activity;        /* next N comments: the post has no activity yet */
	int lag_ms;             /* how long a post takes to appear in the finder */
	int old_version;        /* the version that is asked for has ended */
} linkedin;

void linkedin_error(struct sim_reply *r, int status, const char *code, const char *message);
/* The headers that every versioned call has, and addresses encoded as Rest.li wants it; false: refused. */
bool linkedin_call_good(struct sim_request *q, struct sim_reply *r, const char *method);
/* Checks what a post shows; false: refused. */
bool linkedin_content_good(struct sim *s, const char *author, const cJSON *content, struct sim_reply *r);

sim_handler linkedin_initialize, linkedin_put, linkedin_put_part, linkedin_finalize, linkedin_asset;      /* linkedin_media.c */

#endif
