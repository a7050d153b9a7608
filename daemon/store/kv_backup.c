/* kv_backup.c: a copy of what one snapshot shows, written densely and without a log. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/store/kv_priv.h"
#include "proto/status.h"

#define BACKUP_KEYS 20000            /* in one transaction of the copy */

/* Copies up to BACKUP_KEYS keys from where the cursor stands (*k, *v). 0; -ST_NO_ITEM at the tree's end. */
static int copy_some(struct kv_cursor *from, struct lmdb *to, unsigned tree, struct kv_slice *k, struct kv_slice *v)
{
	struct lmdb_txn *txn;
	int rc = lmdb_begin(to, true, &txn), step = 0;
	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && step == 0 && i < BACKUP_KEYS; i++) {
		bool ours = k->len == strlen(KV_FACT_LOG) && memcmp(k->data, KV_FACT_LOG, k->len) == 0;
		rc = ours ? 0 : lmdb_append(txn, tree, k->data, k->len, v->data, v->len);
		step = kv_next(from, k, v);
	}
	if (rc < 0) {
		lmdb_abort(txn);
		return rc;
	}
	rc = lmdb_commit(txn);
	return rc < 0 ? rc : step;
}

static int copy_trees(struct kv_txn *from, struct lmdb *to)
{
	struct kv_cursor *c;
	struct kv_slice k, v;
	int rc = kv_cursor_open(from, &c);
	if (rc < 0)
		return rc;
	for (unsigned tree = 0; rc == 0 && tree < lmdb_tree_count(from->kv->db); tree++) {
		rc = kv_cursor_start(c, tree, &k, &v);
		while (rc == 0)
			rc = copy_some(c, to, tree, &k, &v);
		if (rc == -ST_NO_ITEM)
			rc = 0;
	}
	kv_cursor_close(c);
	return rc;
}

static int put_mark(struct lmdb *to, const char *key, const char *mark)
{
	struct lmdb_txn *txn;
	int rc = lmdb_begin(to, true, &txn);
	if (rc < 0)
		return rc;
	rc = lmdb_put(txn, lmdb_tree(to, key, strlen(key)), key, strlen(key), mark, strlen(mark));
	if (rc == 0)
		return lmdb_commit(txn);
	lmdb_abort(txn);
	return rc;
}

int kv_backup(struct kv *kv, const char *directory, const char *mark_key, const char *mark, char *why, size_t why_size)
{
	struct kv_usage usage;
	struct kv_txn *from = NULL;
	struct lmdb *to = NULL;
	char lock[4096];
	int n = snprintf(lock, sizeof lock, "%s/lock.mdb", directory);
	int rc = n < 0 || (size_t)n >= sizeof lock ? -ST_IO : kv_usage(kv, &usage);
	why[0] = '\0';
	if (rc == 0)
		rc = kv_snapshot(kv, &from);
	if (rc == 0)
		rc = lmdb_open(directory, (int64_t)usage.map_bytes, kv->trees, kv->tree_count, &to, why, why_size);
	if (rc == 0)
		rc = copy_trees(from, to);
	if (rc == 0)
		rc = put_mark(to, mark_key, mark);
	kv_abort(from);
	lmdb_close(to);
	(void)unlink(lock);
	if (rc < 0 && why[0] == '\0')
		(void)snprintf(why, why_size, "%s: %s", directory, status_info(rc)->help);
	return rc;
}
