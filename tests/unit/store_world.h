/* store_world.h: a store in a directory of its own, for the tests of store and turns. */
#ifndef SMMQ_TESTS_STORE_WORLD_H
#define SMMQ_TESTS_STORE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/store/store_priv.h"
#include "proto/status.h"

#define WORLD_MAP_BYTES (INT64_C(64) << 20)

struct world { char directory[64]; struct store *store; struct store_txn *txn; struct arena arena; };

static inline void world_open(struct world *w)
{
	char why[1000];
	int rc = store_open(w->directory, WORLD_MAP_BYTES, &w->store, why, sizeof why);
	if (rc < 0)
		fail_msg("%s", why);
}

static inline int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	(void)snprintf(w->directory, sizeof w->directory, "/tmp/smmq-store-XXXXXX");
	assert_non_null(mkdtemp(w->directory));
	arena_init(&w->arena, 64 << 20);
	world_open(w);
	*state = w;
	return 0;
}

static inline int world_teardown(void **state)
{
	static const char *const files[] = { "data.mdb", "lock.mdb", "lock", "wal.0", "wal.1" };
	struct world *w = *state;
	char path[128];
	store_abort(w->txn);
	store_close(w->store);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", w->directory, files[i]);
		(void)unlink(path);
	}
	(void)rmdir(w->directory);
	arena_done(&w->arena);
	free(w);
	return 0;
}

static inline struct store_txn *begin(struct world *w, bool write)
{
	assert_int_equal(store_begin(w->store, write, &w->txn), 0);
	return w->txn;
}

static inline void commit(struct world *w)
{
	assert_int_equal(store_commit(w->txn), 0);
	w->txn = NULL;
}

static inline void roll_back(struct world *w)
{
	store_abort(w->txn);
	w->txn = NULL;
}

static inline void reopen(struct world *w)
{
	store_close(w->store);
	w->store = NULL;
	world_open(w);
}

#endif
