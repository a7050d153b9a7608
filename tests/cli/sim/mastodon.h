/* mastodon.h: what the rooms of the simulated Mastodon instance share. */
#ifndef SMMQ_TESTS_SIM_MASTODON_H
#define SMMQ_TESTS_SIM_MASTODON_H

#include "tests/cli/sim/sim.h"

extern struct mastodon_knobs {
	int forget_key;         /* next N statuses: do it, lose the key, close the connection (crash between the two writes) */
	int repeat_500;         /* 4.6.0-4.6.5: a repeat with a known key answers 500 */
	int overlap_503;        /* 4.6: a repeat while the first is under way answers 503; off: both post */
	int ignore_key;         /* servers that are only like Mastodon */
	int delay_before_ms;    /* statuses: sleep before the commit, the key being taken */
	int key_clock_s;        /* how far the key memory's clock is ahead */
	int max_characters, url_characters, max_media, description_limit, image_size_limit;
	int rate_left;
} mastodon;

void mastodon_error(struct sim_reply *r, int status, const char *text);

sim_handler mastodon_post_media, mastodon_get_media, mastodon_put_media, mastodon_verify, mastodon_instance;   /* mastodon_media.c */

#endif
