/* kv_priv.h: what the files of kv share. */
#ifndef SMMQ_STORE_KV_PRIV_H
#define SMMQ_STORE_KV_PRIV_H

#include <pthread.h>

#include "daemon/store/kv_lmdb.h"
#include "daemon/store/kv_overlay.h"
#include "daemon/store/kv_wal.h"
#include "proto/buf.h"

#define KV_MAX_KEY_BYTES 511
#define KV_MAX_RECORD_BYTES (96u * 1024 * 1024)

/* The fact that says which log belongs to the trees and how much of it they hold: "epoch applied". Absent: none does. */
#define KV_FACT_LOG "Mlog"

struct kv {
	const struct kv_tree *trees;
	size_t tree_count;
	struct lmdb *db;
	struct wal *wal;
	struct overlay *overlay;
	pthread_rwlock_t lock;           /* of the overlay: readers share it, whoever changes it has it alone */
	struct lmdb_txn *view;           /* what the writer sees of the trees, while it has a transaction */
	struct buf record;               /* the record being written */
	unsigned char epoch[WAL_EPOCH_BYTES];
	uint64_t seq;                    /* of the last commit */
	unsigned doubts;                 /* KV_DOUBT_* */
	/* the merge under way */
	bool merging;
	uint64_t merge_seq;              /* all up to here is in the trees when it ends */
	unsigned merge_tree;             /* where it goes on */
	unsigned char merge_key[KV_MAX_KEY_BYTES];
	size_t merge_key_len;
};

struct kv_txn {
	struct kv *kv;
	struct lmdb_txn *view;           /* of a reader */
	struct overlay *overlay;         /* the common one, or a snapshot's own */
	bool write, snapshot;
	int failed;                      /* a change could not be made: nothing of the transaction may be committed */
};

/* kv_log.c */
void kv_log_record(struct buf *b, const struct overlay_node *n);     /* appends what a commit sets */
int kv_log_open(struct kv *kv, const char *directory, int64_t map_bytes, char *why, size_t why_size);
/* -ST_IO and why, where there is a log but no trees. */
int kv_log_orphaned(const char *directory, char *why, size_t why_size);
/* Notes in the trees how much of the log they hold; end: "" or what is to be said beside it. */
int kv_log_fact(struct kv *kv, struct lmdb_txn *txn, uint64_t applied, const char *end);

/* Begins a merge of all that is committed now; the log goes on in its other file, if that is free. */
void kv_merge_begin(struct kv *kv);
/* Merges up to max nodes: 1 more to do, 0 done, or a status (nothing is lost, the merge goes on from there). Values that a transaction
 * under way has set stay as they are. */
int kv_merge_some(struct kv *kv, size_t max);
/* Everything committed, to the end. 0 or a status. */
int kv_merge_all(struct kv *kv);
/* What the transaction under way has set goes straight into the trees: for what is too large for the log. All else is merged. */
int kv_merge_pending(struct kv *kv);
/* The writer sees the trees as they are now, until the view is closed. */
int kv_view_open(struct kv *kv);
void kv_view_close(struct kv *kv);
/* What a transaction sees of the trees. */
struct lmdb_txn *kv_view(const struct kv_txn *t);
/* The first key of a tree. */
int kv_cursor_start(struct kv_cursor *c, unsigned tree, struct kv_slice *k, struct kv_slice *v);

#endif
