/* kv_lmdb_priv.h: what the files of kv_lmdb share. */
#ifndef SMMQ_STORE_KV_LMDB_PRIV_H
#define SMMQ_STORE_KV_LMDB_PRIV_H

#include <lmdb.h>
#include <pthread.h>

#include "daemon/store/kv_lmdb.h"

struct lmdb {
	MDB_env *env;
	MDB_dbi unnamed;                 /* LMDB's list of the trees; all keys, in stores from before there were trees */
	bool needs_adopting;
	struct tree { MDB_dbi dbi; bool ascending; } trees[KV_MAX_TREES];
	unsigned tree_count;
	unsigned char tree_of[256];      /* by a key's first byte */
	/* The map moves when its size changes: nobody may look into it then. */
	pthread_mutex_t mutex;
	unsigned users;                  /* transactions and looks that are open */
	size_t wanted_bytes;             /* 0: the size is as it is to be */
	uint64_t limit_bytes;            /* as configured; the map of a store that is larger already is larger too */
};

struct lmdb_txn {
	struct lmdb *db;
	MDB_txn *txn;
	bool write;
	int failed;                      /* a change could not be made: nothing of the transaction may be committed */
};

/* LMDB's codes and errno's; 0 for 0. */
int lmdb_status(int rc);

/* Whoever looks into the map is inside: its size changes only while nobody is. */
void lmdb_enter(struct lmdb *db);
void lmdb_leave(struct lmdb *db);
/* These give LMDB's codes. Inside, or where nobody else can be. */
int lmdb_used(struct lmdb *db, uint64_t *used_bytes, uint64_t *map_bytes);
int lmdb_remap(struct lmdb *db, size_t bytes);

#endif
