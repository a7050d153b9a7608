/* kv_world.h: a storage engine in a directory of its own, and what it ought to hold, for the tests of kv. */
#ifndef SMMQ_TESTS_KV_WORLD_H
#define SMMQ_TESTS_KV_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/store/kv_priv.h"
#include "proto/status.h"

#define MAP_BYTES (INT64_C(64) << 20)
#define KEYS 400
#define MAX_VALUE 300

static const struct kv_tree trees[] = { { "m", NULL, false }, { "i", "I", true }, { "d", "D", false } };

struct model { char value[KEYS][MAX_VALUE + 1]; bool there[KEYS]; };
struct world { char directory[64]; struct kv *kv; struct model committed, now; };

static inline void world_open(struct world *w)
{
	char why[600] = "";
	int rc = kv_open(w->directory, MAP_BYTES, trees, 3, &w->kv, why, sizeof why);
	if (rc < 0)
		fail_msg("kv_open: %s", why);
}

static inline void crash(struct world *w)
{
	kv_close(w->kv);
	world_open(w);
}

static inline int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	(void)snprintf(w->directory, sizeof w->directory, "/tmp/smmq-kv-XXXXXX");
	assert_non_null(mkdtemp(w->directory));
	world_open(w);
	*state = w;
	return 0;
}

static inline void remove_file(const struct world *w, const char *name)
{
	char path[128];
	(void)snprintf(path, sizeof path, "%s/%s", w->directory, name);
	(void)unlink(path);
}

static inline int teardown(void **state)
{
	static const char *const files[] = { "data.mdb", "lock.mdb", "wal.0", "wal.1" };
	struct world *w = *state;
	kv_close(w->kv);
	for (size_t i = 0; i < 4; i++)
		remove_file(w, files[i]);
	(void)rmdir(w->directory);
	free(w);
	return 0;
}

static inline size_t key_of(unsigned i, char out[32])
{
	return (size_t)snprintf(out, 32, "%c%03u", "mID"[i % 3], i);
}

#endif
