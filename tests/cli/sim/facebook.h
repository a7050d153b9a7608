/* facebook.h: what the rooms of the simulated Facebook share. */
#ifndef SMMQ_TESTS_SIM_FACEBOOK_H
#define SMMQ_TESTS_SIM_FACEBOOK_H

#include "tests/cli/sim/graph.h"

extern struct facebook_knobs {
	int lag_ms;             /* how long a post takes to appear in lists */
	int chunk_bytes;        /* of a video: what the platform asks for at once */
	int wrong_offset;       /* next N chunks: not the one that is wanted; go on where we say */
	int reel_limit;         /* reels in 24 hours */
} facebook;

/* The Page in the path is the account's, and the token is the Page's. False: refused. */
bool facebook_page_good(struct sim *s, struct sim_request *q, struct sim_reply *r);
/* A new post; its id. kind: "post", "video", "reel", "story". */
cJSON *facebook_post_add(struct sim *s, struct sim_request *q, const char *kind, const char *text);
/* Takes a file for the post that shows it. */
void facebook_show(cJSON *post, cJSON *media);

sim_handler facebook_photo, facebook_video_start, facebook_video_chunk, facebook_video_finish, facebook_video_put;      /* facebook_media.c */
cJSON *facebook_video_json(cJSON *media);                /* what a read tells; one processing step each */

#endif
