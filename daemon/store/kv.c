/* kv.c: opening, transactions, changes. */
#include "daemon/store/kv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/kv_priv.h"
#include "proto/status.h"

#define TIDY_NODES 1500              /* in one slice */
#define TIDY_PERCENT 60              /* of a log file, before merging begins by itself */

/* ---- opening ---- */

int kv_open(const char *directory, int64_t map_bytes, const struct kv_tree *trees, size_t tree_count, struct kv **out, char *why,
            size_t why_size)
{
	struct kv *kv = calloc(1, sizeof *kv);
	if (kv == NULL || pthread_rwlock_init(&kv->lock, NULL) != 0) {
		free(kv);
		(void)snprintf(why, why_size, "no memory");
		return -ST_NO_MEMORY;
	}
	kv->trees = trees;
	kv->tree_count = tree_count;
	buf_init(&kv->record, KV_MAX_RECORD_BYTES);
	kv->overlay = overlay_new();
	int rc = kv->overlay == NULL ? -ST_NO_MEMORY : kv_log_orphaned(directory, why, why_size);
	if (rc == 0)
		rc = lmdb_open(directory, map_bytes, trees, tree_count, &kv->db, why, why_size);
	if (rc == 0)
		rc = kv_view_open(kv);
	if (rc == 0)
		rc = kv_log_open(kv, directory, map_bytes, why, why_size);
	kv_view_close(kv);
	if (rc < 0) {
		if (why[0] == '\0')
			(void)snprintf(why, why_size, "%s", status_info(rc)->help);
		kv_close(kv);
		return rc;
	}
	*out = kv;
	return 0;
}

void kv_close(struct kv *kv)
{
	if (kv == NULL)
		return;
	kv_view_close(kv);
	lmdb_close(kv->db);
	wal_close(kv->wal);
	overlay_free(kv->overlay);
	buf_done(&kv->record);
	(void)pthread_rwlock_destroy(&kv->lock);
	free(kv);
}

unsigned kv_doubts(const struct kv *kv)
{
	return kv->doubts;
}

int kv_tidy(struct kv *kv, bool idle)
{
	if (!kv->merging && (overlay_empty(kv->overlay) || (!idle && wal_percent(kv->wal) < TIDY_PERCENT)))
		return 0;
	if (!kv->merging)
		kv_merge_begin(kv);
	return kv_merge_some(kv, TIDY_NODES);
}

/* ---- transactions ---- */

static int txn_read(struct kv_txn *t)
{
	(void)pthread_rwlock_rdlock(&t->kv->lock);
	int rc = lmdb_begin(t->kv->db, false, &t->view);
	t->overlay = t->kv->overlay;
	if (rc == 0 && t->snapshot) {
		t->overlay = overlay_copy(t->kv->overlay);
		rc = t->overlay == NULL ? -ST_NO_MEMORY : 0;
		if (rc < 0)
			lmdb_abort(t->view);
	}
	if (rc < 0 || t->snapshot)
		(void)pthread_rwlock_unlock(&t->kv->lock);
	return rc;
}

static int txn_begin(struct kv *kv, bool write, bool snapshot, struct kv_txn **out)
{
	struct kv_txn *t = calloc(1, sizeof *t);
	int rc = 0;
	if (t == NULL)
		return -ST_NO_MEMORY;
	*t = (struct kv_txn){ .kv = kv, .write = write, .snapshot = snapshot };
	if (!write) {
		rc = txn_read(t);
	} else {
		rc = kv_view_open(kv);
		t->overlay = kv->overlay;
	}
	if (rc < 0) {
		free(t);
		return rc;
	}
	*out = t;
	return 0;
}

int kv_begin(struct kv *kv, bool write, struct kv_txn **out)
{
	return txn_begin(kv, write, false, out);
}

int kv_snapshot(struct kv *kv, struct kv_txn **out)
{
	return txn_begin(kv, false, true, out);
}

void kv_abort(struct kv_txn *t)
{
	if (t == NULL)
		return;
	if (t->write) {
		(void)pthread_rwlock_wrlock(&t->kv->lock);
		overlay_abort(t->overlay);
		kv_view_close(t->kv);
	} else {
		lmdb_abort(t->view);
	}
	if (t->snapshot)
		overlay_free(t->overlay);
	else
		(void)pthread_rwlock_unlock(&t->kv->lock);
	free(t);
}

static int commit_log(struct kv *kv)
{
	buf_reset(&kv->record);
	for (const struct overlay_node *n = overlay_pending(kv->overlay, NULL); n != NULL; n = overlay_pending(kv->overlay, n))
		kv_log_record(&kv->record, n);
	int rc = buf_error(&kv->record);
	if (rc == 0)
		rc = wal_append(kv->wal, kv->seq + 1, kv->record.data, kv->record.len);
	if (rc != -ST_TOO_LARGE)
		return rc;
	/* The file is full: on to the other one; where that is still needed, everything is merged and both are free. */
	if (!kv->merging) {
		kv_merge_begin(kv);
		rc = wal_append(kv->wal, kv->seq + 1, kv->record.data, kv->record.len);
		if (rc != -ST_TOO_LARGE)
			return rc;
	}
	rc = kv_merge_all(kv);
	return rc < 0 ? rc : wal_append(kv->wal, kv->seq + 1, kv->record.data, kv->record.len);
}

int kv_commit(struct kv_txn *t)
{
	struct kv *kv = t->kv;
	int rc = t->failed;
	if (!t->write || rc < 0 || overlay_pending(kv->overlay, NULL) == NULL) {
		kv_abort(t);
		return rc;
	}
	rc = commit_log(kv);
	if (rc == -ST_TOO_LARGE)
		rc = kv_merge_pending(kv);
	else if (rc == 0)
		rc = 1;
	if (rc <= 0) {
		/* Nothing happened, or all of it stands in the trees: the overlay has nothing to keep. */
		kv_abort(t);
		return rc;
	}
	kv->seq++;
	(void)pthread_rwlock_wrlock(&kv->lock);
	overlay_commit(kv->overlay);
	(void)pthread_rwlock_unlock(&kv->lock);
	kv_view_close(kv);
	free(t);
	return 0;
}

int kv_sync(struct kv *kv)
{
	return wal_sync(kv->wal);
}

/* ---- reading and changing ---- */

struct lmdb_txn *kv_view(const struct kv_txn *t)
{
	return t->write ? t->kv->view : t->view;
}

int kv_get(struct kv_txn *t, const void *key, size_t key_len, struct kv_slice *out)
{
	unsigned tree = lmdb_tree(t->kv->db, key, key_len);
	const struct overlay_node *n = overlay_find(t->overlay, tree, key, key_len);
	const struct overlay_value *v = n != NULL ? overlay_value(n, t->write) : NULL;
	if (v == NULL || v->kind == OVERLAY_NONE)
		return lmdb_get(kv_view(t), tree, key, key_len, out);
	if (v->kind == OVERLAY_GONE)
		return -ST_NO_ITEM;
	*out = (struct kv_slice){ v->data != NULL ? v->data : "", v->len };
	return 0;
}

static int change(struct kv_txn *t, const void *key, size_t key_len, const void *data, size_t len)
{
	if (t->failed < 0)
		return t->failed;
	if (!t->write || key_len == 0 || key_len > KV_MAX_KEY_BYTES) {
		t->failed = -ST_INVALID;
	} else if (len > KV_MAX_RECORD_BYTES / 2) {
		t->failed = -ST_TOO_LARGE;
	} else {
		(void)pthread_rwlock_wrlock(&t->kv->lock);
		t->failed = overlay_put(t->overlay, lmdb_tree(t->kv->db, key, key_len), key, key_len, data, len);
		(void)pthread_rwlock_unlock(&t->kv->lock);
	}
	return t->failed;
}

int kv_put(struct kv_txn *t, const void *key, size_t key_len, const void *data, size_t len)
{
	return change(t, key, key_len, data != NULL ? data : "", len);
}

int kv_del(struct kv_txn *t, const void *key, size_t key_len)
{
	struct kv_slice v;
	/* Nothing to remove, nothing to remember. */
	int rc = kv_get(t, key, key_len, &v);
	return rc == -ST_NO_ITEM ? 0 : rc < 0 ? rc : change(t, key, key_len, NULL, 0);
}

/* ---- room, upgrade ---- */

int kv_usage(struct kv *kv, struct kv_usage *out)
{
	return lmdb_usage(kv->db, out);
}

int kv_map_size(struct kv *kv, int64_t map_bytes)
{
	return lmdb_map_size(kv->db, map_bytes);
}

int kv_hold(struct kv *kv, uint64_t bytes)
{
	return lmdb_hold(kv->db, bytes);
}

int kv_room(struct kv_txn *t, uint64_t *out_bytes)
{
	int rc = lmdb_room(kv_view(t), out_bytes);
	/* What waits to be merged takes its place in the trees, on pages that are not full. */
	uint64_t waiting = 2 * (uint64_t)overlay_bytes(t->overlay);
	*out_bytes = *out_bytes > waiting ? *out_bytes - waiting : 0;
	return rc;
}

int64_t kv_adopt(struct kv *kv, size_t max)
{
	struct lmdb_txn *txn;
	if (!lmdb_needs_adopting(kv->db))
		return 0;
	int rc = lmdb_begin(kv->db, true, &txn);
	if (rc < 0)
		return rc;
	int64_t moved = lmdb_adopt(txn, max);
	if (moved < 0) {
		lmdb_abort(txn);
		return moved;
	}
	rc = lmdb_commit(txn);
	return rc < 0 ? rc : moved;
}
