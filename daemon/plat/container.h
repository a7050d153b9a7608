/* container.h: publishing by containers, as Instagram and Threads do it. Private to plat/.
 *
 * A post is made in a container that nobody sees, which fetches its media from public addresses (public.h) or is sent them;
 * several media have a container each, and one around them. When the platform has worked on it, the container is published:
 * that is the one step of effect once, and it works once for each container. So the container is the mark: after a lost
 * answer its state tells whether the post stands, and while it does not, the same one is published again, never another.
 * The post's id is not told with the state: it is looked for by content, kind and time.
 *
 * Target values: id.N and url.N of parts that stand, link (a part whose address is still asked for), quota (1: asked);
 * all else is about the part under way:
 *   made        which part, and a fingerprint of the content, that the other values were made for
 *   box.K box_ms.K box_ok.K            container K: id, when made (steady), ready; 0 is the post's, from 1 on its children's
 *   box_uri.K box_sent.K ready_began.K where its bytes go, that they went, polling
 *   words       fingerprint of the text that went into container 0
 *   first_ms    when it was first published      lost  1: an answer was lost since      losses  how many in a row
 *   clear       1: that answer was a refusal     blocked  1: as spam                    faults  containers that failed
 *   state find_after find_pages hits doubts match match_url looks look_ms      the look after a lost answer */
#ifndef SMMQ_PLAT_CONTAINER_H
#define SMMQ_PLAT_CONTAINER_H

#include <stdbool.h>

#include "daemon/plat/graph.h"
#include "daemon/plat/plat.h"
#include "daemon/plat/progress.h"

/* What an error asks for; a driver's own acts begin with CONTAINER_OWN. */
enum container_act {
	CONTAINER_AGAIN = GRAPH_OWN,    /* a new container, a few times */
	CONTAINER_LOOK,                 /* on publishing: the container's state tells what is to be done */
	CONTAINER_OWN
};

/* Where a part whose answer was lost is looked for. */
struct container_list {
	const char *path, *fields;      /* "/123/media", "id,caption" */
	const char *text_field;         /* NULL: entries have no text */
	bool since;                     /* it can be bounded by time */
	int64_t reach_ms;               /* it shows what is younger than this; 0: everything */
};

struct container {
	const struct graph *(*graph)(const struct plat_in *in);
	const char *node;               /* "me", or NULL: the profile's id */
	const char *create, *publish;   /* edges */
	const char *quota, *quota_fields;        /* edge that tells what is left; NULL: none */
	const char *quota_used, *quota_total;    /* paths in the first entry of its data */
	const char *status_fields, *status, *why;    /* of a container; names of its state and of the reason of an error */
	const char *post_fields;        /* of a post: its address */
	struct poll_plan quick, image, video;    /* quick: nothing is fetched */
	const char *const *passing_words;    /* reasons of an error that another container may not meet; NULL-terminated */
	int64_t max_faults;             /* containers that fail before the post does */
	/* Whether the bytes of videos are sent instead of fetched; NULL: never. Addresses they go to are below the
	 * domain (graph_upload_url). */
	bool (*sends)(const struct plat_in *in);
	const char *upload_domain;
	bool cover;                     /* a video's cover is public, too */
	/* The parameters of container k of part n. Media j has the public address public_url(in, j), the cover that behind them. */
	void (*fill)(const struct plat_in *in, size_t n, size_t k, struct form *f);
	/* The text of part n as it is published. */
	const char *(*text)(const struct plat_in *in, size_t n);
	/* The post that part n is a comment on, made by one request instead of a container; NULL: it is none. May be NULL. */
	const char *(*comments_on)(const struct plat_in *in, size_t n);
	/* An error with one of the driver's own acts: true when the next container will do better. May be NULL. */
	bool (*mend)(const struct plat_in *in, int act);
	void (*list)(const struct plat_in *in, size_t n, struct container_list *out);
	/* Whether an entry of that list is of the kind that part n has, text and time aside. */
	bool (*fits)(const struct plat_in *in, size_t n, const struct json *entry);
};

/* All of step() and reconcile(). */
void container_step(const struct plat_in *in, struct plat_out *out, const struct container *c);
void container_reconcile(const struct plat_in *in, struct plat_out *out, const struct container *c);

/* ---- for the driver's functions ---- */

/* The media of container k: k is 0 for a post of one file. NULL: it has none of its own. */
const struct media *container_media(const struct plat_in *in, size_t n, size_t k);
/* "id1,id2" of the children. */
const char *container_children(const struct plat_in *in, size_t n);
/* Whether the post's container is one around others. */
bool container_is_carousel(const struct plat_in *in, size_t n);
/* The public address of container k's media. */
const char *container_url(const struct plat_in *in, size_t n, size_t k);

/* ---- between container.c, container_make.c and container_look.c ---- */

/* "/node/edge". */
const char *container_path(const struct plat_in *in, const struct container *c, const char *edge);
/* A fingerprint of a text as it reads back: line ends, white space around it and normal form aside. NULL without memory. */
const char *container_words(const struct plat_in *in, const char *text);
/* Part n stands: its id and address are kept, all else about it is dropped. */
void container_stands(const struct plat_in *in, size_t n, const char *id, const char *url);
/* The part under way goes into new containers. */
void container_forget(const struct plat_in *in);
/* Reads container k; step "ready.K", or "state.N" with k 0. */
void container_ask(const struct plat_in *in, struct plat_out *out, const struct container *c, const char *step, size_t k);

/* container_make.c: true when *out is filled, false when part n's container is ready. */
bool container_make(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n);
/* Takes the answers to "create.K", "upload.K" and "ready.K": true when *out is filled, false to go on. *ours: it was one. */
bool container_made(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n,
                    const struct graph_answer *answer, bool *ours);
/* The publication of part n as a request, not to be sent but to be looked for where that is what the driver says. */
void container_publish(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n);
/* An error that asks for one of the driver's own acts, and what is to be sent will be better for it. */
bool container_mended(const struct plat_in *in, const struct container *c, int act);

#endif
