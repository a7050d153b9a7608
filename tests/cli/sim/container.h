/* container.h: Instagram and Threads: a container is made, gets ready, and is published once. */
#ifndef SMMQ_TESTS_SIM_CONTAINER_H
#define SMMQ_TESTS_SIM_CONTAINER_H

#include "tests/cli/sim/graph.h"

struct container {
	bool threads;
	const char *names;             /* parameters of a new container */
	int least_children, most_children;
	const char *state;             /* the field with the state: "status_code" or "status" */
	const char *detail;            /* what tells why it is ERROR */
	/* Whether the text and the picture (NULL: none) are what the platform takes; refuses by itself. */
	bool (*text_good)(struct sim_request *q, struct sim_reply *r);
	bool (*picture_good)(const cJSON *media, struct sim_reply *r);
};

extern struct container_knobs {
	int quota_total;        /* posts in 24 hours */
	int lag_ms;             /* how long a post takes to appear in lists */
	int blocked_next;       /* next N publications: done, and answered as blocked (4/2207051) */
	int expired;            /* containers count as expired while on */
} container;

void container_make(struct sim *s, struct sim_request *q, struct sim_reply *r, const struct container *c);
void container_publish(struct sim *s, struct sim_request *q, struct sim_reply *r, const struct container *c);
/* A container, a post or nothing of this id. */
void container_object(struct sim *s, struct sim_request *q, struct sim_reply *r, const struct container *c, graph_show *show);
void container_limit(struct sim *s, struct sim_request *q, struct sim_reply *r, const struct container *c);
bool container_seen(struct sim_request *q, const cJSON *post);      /* whether it may stand in a list */

extern const struct sim_knob container_knobs[];
#define CONTAINER_KNOBS 4

#endif
