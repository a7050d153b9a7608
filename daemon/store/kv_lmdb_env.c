/* kv_lmdb_env.c: opening the environment and its trees. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/kv_lmdb_file.h"
#include "daemon/store/kv_lmdb_priv.h"
#include "proto/status.h"

#define LMDB_MAX_READERS 64
#define LMDB_SLACK_BYTES (32u * 1024 * 1024)

/* A store that has outgrown the size it is given still has to finish what is in it. */
static int lmdb_open_slack(struct lmdb *db)
{
	uint64_t used = 0, map = 0;
	int rc = lmdb_used(db, &used, &map);
	return rc == 0 && used > db->limit_bytes - db->limit_bytes / 16 ? lmdb_remap(db, (size_t)(used + LMDB_SLACK_BYTES)) : rc;
}

static int lmdb_open_env(struct lmdb *db, const char *directory, int64_t map_bytes, char *why, size_t why_size)
{
	int rc = lmdb_file_claim_lock(directory);
	if (rc == 0)
		rc = mdb_env_create(&db->env);
	if (rc == 0)
		rc = mdb_env_set_mapsize(db->env, (size_t)map_bytes);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(db->env, LMDB_MAX_READERS);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(db->env, KV_MAX_TREES);
	/* NOTLS: a read transaction belongs to its handle, so one thread may have a write and a read at once. NORDAHEAD: the
	 * queue may be larger than memory. */
	if (rc == 0)
		rc = mdb_env_open(db->env, directory, MDB_NOTLS | MDB_NORDAHEAD, 0600);
	if (rc == 0)
		rc = lmdb_file_whole(db->env, directory, why, why_size);
	return rc == 0 ? lmdb_open_slack(db) : rc;
}

/* The names of trees are one byte, other keys are longer. */
static int lmdb_look_for_old(struct lmdb *db, MDB_txn *txn)
{
	MDB_cursor *cur;
	MDB_val k, v;
	int rc = mdb_cursor_open(txn, db->unnamed, &cur);
	if (rc != 0)
		return rc;
	while ((rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT)) == 0 && k.mv_size == 1)
		;
	db->needs_adopting = rc == 0;
	mdb_cursor_close(cur);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int lmdb_open_trees(struct lmdb *db, const struct kv_tree *trees, size_t tree_count)
{
	MDB_txn *txn = NULL;
	int rc = mdb_txn_begin(db->env, NULL, 0, &txn);
	if (rc == 0)
		rc = mdb_dbi_open(txn, NULL, 0, &db->unnamed);
	if (rc == 0)
		rc = lmdb_look_for_old(db, txn);
	for (size_t i = 0; rc == 0 && i < tree_count; i++) {
		rc = mdb_dbi_open(txn, trees[i].name, MDB_CREATE, &db->trees[i].dbi);
		db->trees[i].ascending = trees[i].ascending;
		if (trees[i].letters == NULL)
			memset(db->tree_of, (int)i, sizeof db->tree_of);
	}
	db->tree_count = (unsigned)tree_count;
	for (size_t i = 0; i < tree_count; i++)
		for (const char *l = trees[i].letters; l != NULL && *l != '\0'; l++)
			db->tree_of[(unsigned char)*l] = (unsigned char)i;
	if (rc == 0)
		return mdb_txn_commit(txn);
	if (txn != NULL)
		mdb_txn_abort(txn);
	return rc;
}

int lmdb_open(const char *directory, int64_t map_bytes, const struct kv_tree *trees, size_t tree_count, struct lmdb **out, char *why,
            size_t why_size)
{
	struct lmdb *db = calloc(1, sizeof *db);
	if (db == NULL) {
		(void)snprintf(why, why_size, "no memory");
		return -ST_NO_MEMORY;
	}
	db->limit_bytes = (uint64_t)map_bytes;
	(void)pthread_mutex_init(&db->mutex, NULL);
	int rc = lmdb_open_env(db, directory, map_bytes, why, why_size);
	if (rc == 0)
		rc = lmdb_open_trees(db, trees, tree_count);
	if (rc != 0) {
		if (why[0] == '\0')
			(void)snprintf(why, why_size, "%s", mdb_strerror(rc));
		lmdb_close(db);
		return rc == EAGAIN ? -ST_CONFLICT : lmdb_status(rc);
	}
	*out = db;
	return 0;
}

void lmdb_close(struct lmdb *db)
{
	if (db == NULL)
		return;
	if (db->env != NULL)
		mdb_env_close(db->env);
	(void)pthread_mutex_destroy(&db->mutex);
	free(db);
}

unsigned lmdb_tree(const struct lmdb *db, const void *key, size_t key_len)
{
	return key_len > 0 ? db->tree_of[*(const unsigned char *)key] : 0;
}

unsigned lmdb_tree_count(const struct lmdb *db)
{
	return db->tree_count;
}
