/* kv_merge.c: from the overlay into the trees. A merge walks the overlay once in key order, a slice a transaction; when it is through, all
 * that was committed when it began stands in the trees, and the log's older file is free. A crash in between does no harm: the
 * log is read back from where the last whole merge ended, and what it says comes over what the trees have. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/store/kv_priv.h"
#include "proto/hash.h"
#include "proto/status.h"

#define MERGE_ALL_NODES 20000

int kv_view_open(struct kv *kv)
{
	lmdb_abort(kv->view);
	kv->view = NULL;
	return lmdb_begin(kv->db, false, &kv->view);
}

void kv_view_close(struct kv *kv)
{
	lmdb_abort(kv->view);
	kv->view = NULL;
}

void kv_merge_begin(struct kv *kv)
{
	/* After a crash in a merge both files hold what is needed: then this one frees the older, and perhaps both. */
	(void)wal_switch(kv->wal);
	kv->merging = true;
	kv->merge_seq = kv->seq;
	kv->merge_tree = 0;
	kv->merge_key_len = 0;
}

static int merge_node(struct lmdb_txn *txn, unsigned tree, const struct overlay_node *n)
{
	const struct overlay_value *v = overlay_value(n, false);
	struct kv_slice key = overlay_key(n);
	if (v->kind == OVERLAY_NONE)
		return 0;
	return v->kind == OVERLAY_GONE ? lmdb_del(txn, tree, key.data, key.len) : lmdb_put(txn, tree, key.data, key.len, v->data, v->len);
}

static void merge_stand_at(struct kv *kv, unsigned tree, const struct overlay_node *n)
{
	kv->merge_tree = tree;
	kv->merge_key_len = 0;
	if (n == NULL)
		return;
	struct kv_slice key = overlay_key(n);
	memcpy(kv->merge_key, key.data, key.len);
	kv->merge_key_len = key.len;
}

/* Calls each for up to max nodes from where the merge stands. *tree, *next: where to go on; past the last tree at the end. */
static int merge_walk(struct kv *kv, size_t max, int (*each)(struct kv *, void *, unsigned, struct overlay_node *), void *ctx, unsigned *tree,
                      struct overlay_node **next)
{
	unsigned t = kv->merge_tree;
	struct overlay_node *n = overlay_ceil(kv->overlay, t, kv->merge_key, kv->merge_key_len);
	for (size_t count = 0; t < lmdb_tree_count(kv->db); ) {
		if (n == NULL) {
			if (++t < lmdb_tree_count(kv->db))
				n = overlay_ceil(kv->overlay, t, "", 0);
			continue;
		}
		if (count++ == max)
			break;
		struct overlay_node *after = overlay_next(kv->overlay, t, n);
		int rc = each(kv, ctx, t, n);
		if (rc < 0)
			return rc;
		n = after;
	}
	*tree = t;
	*next = n;
	return 0;
}

static int each_put(struct kv *kv, void *txn, unsigned tree, struct overlay_node *n)
{
	(void)kv;
	return merge_node(txn, tree, n);
}

static int each_forget(struct kv *kv, void *ctx, unsigned tree, struct overlay_node *n)
{
	(void)ctx;
	overlay_merged(kv->overlay, tree, n);
	return 0;
}

/* The slice is on disk: readers that begin now see it in the trees, so it can go from the overlay. */
static void merge_forget(struct kv *kv, size_t max, unsigned tree, struct overlay_node *next)
{
	unsigned t;
	struct overlay_node *n;
	(void)pthread_rwlock_wrlock(&kv->lock);
	(void)merge_walk(kv, max, each_forget, NULL, &t, &n);
	(void)pthread_rwlock_unlock(&kv->lock);
	merge_stand_at(kv, tree, next);
}

int kv_merge_some(struct kv *kv, size_t max)
{
	struct lmdb_txn *txn;
	struct overlay_node *next;
	unsigned tree;
	/* The writer's view would keep the pages that this frees from being used again; its transaction reads no more. */
	kv_view_close(kv);
	/* The trees must not know what the log may still lose. */
	int rc = wal_sync(kv->wal);
	if (rc == 0)
		rc = lmdb_begin(kv->db, true, &txn);
	if (rc == 0) {
		rc = merge_walk(kv, max, each_put, txn, &tree, &next);
		if (rc == 0 && tree == lmdb_tree_count(kv->db))
			rc = kv_log_fact(kv, txn, kv->merge_seq, "");
		if (rc < 0)
			lmdb_abort(txn);
		else
			rc = lmdb_commit(txn);
	}
	if (rc < 0)
		return rc;
	bool over = tree == lmdb_tree_count(kv->db);
	merge_forget(kv, max, tree, next);
	if (over) {
		kv->merging = false;
		wal_applied(kv->wal, kv->merge_seq);
	}
	return !over;
}

int kv_merge_all(struct kv *kv)
{
	int rc = 0;
	/* One that is under way may have passed places where something came since. */
	for (int i = 0; i < 2 && rc == 0; i++) {
		if (!kv->merging)
			kv_merge_begin(kv);
		while ((rc = kv_merge_some(kv, MERGE_ALL_NODES)) == 1)
			;
	}
	return rc;
}

int kv_merge_pending(struct kv *kv)
{
	struct lmdb_txn *txn;
	int rc = kv_merge_all(kv);
	if (rc < 0)
		return rc;
	kv_view_close(kv);
	rc = lmdb_begin(kv->db, true, &txn);
	for (const struct overlay_node *n = overlay_pending(kv->overlay, NULL); rc == 0 && n != NULL; n = overlay_pending(kv->overlay, n)) {
		const struct overlay_value *v = overlay_value(n, true);
		struct kv_slice key = overlay_key(n);
		unsigned tree = lmdb_tree(kv->db, key.data, key.len);
		rc = v->kind == OVERLAY_GONE ? lmdb_del(txn, tree, key.data, key.len) : lmdb_put(txn, tree, key.data, key.len, v->data, v->len);
		if (rc < 0)
			lmdb_abort(txn);
	}
	if (rc == 0 && (rc = kv_log_fact(kv, txn, kv->seq, "")) < 0)
		lmdb_abort(txn);
	return rc == 0 ? lmdb_commit(txn) : rc;
}
