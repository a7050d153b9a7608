/* kv.h: ordered keys in transactions, the only door to storage. Small enough for a second engine behind it.
 *
 * Keys are 1 to 511 bytes, ordered as memcmp orders them. A key's first byte says which tree it stands in: what grows in
 * step then lies close on disk, and trees whose keys come in ascending order are filled to the brim. A cursor stays in the
 * tree of the key it was last sent to.
 *
 * One write transaction at a time, on the thread that runs the turns; read transactions may run beside it on other threads, and
 * must be short: while one is open no commit comes to its end. Data returned by get and cursors point into the store and
 * are valid until the transaction changes something or ends.
 *
 * A commit is one record and one sync of the write-ahead log (kv_wal.h). What is committed is kept in memory (kv_overlay.h) until
 * it is merged into the trees (kv_lmdb.h), many commits at once and in key order; a reader sees the trees with the overlay over
 * them. After a crash the overlay is read back from the log. kv_tidy does the merging, a slice at a time.
 *
 * A failed put or del poisons its write transaction: every later one and the commit fail with the same status, and nothing is
 * written. */
#ifndef SMMQ_STORE_KV_H
#define SMMQ_STORE_KV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kv;
struct kv_txn;
struct kv_cursor;

struct kv_slice { const void *data; size_t len; };

struct kv_usage { uint64_t used_bytes, map_bytes; };

#define KV_MAX_TREES 8
struct kv_tree {
	const char *name;
	const char *letters;             /* the first bytes of its keys; NULL: all that no other tree names */
	bool ascending;                  /* new keys are mostly higher than all before */
};

/* Opens (making it if missing) the store in directory. A store that is larger than map_bytes already is opened with just the
 * room that it takes to finish its work: kv_room counts from map_bytes all the same. trees: at most KV_MAX_TREES, exactly one of them without letters, static.
 * why receives a text for people on failure. 0, -ST_NO_SPACE, -ST_IO, -ST_CORRUPT, -ST_NO_MEMORY, -ST_REFUSED (the log belongs to
 * another store or is missing: what was promised may be in it). */
int kv_open(const char *directory, int64_t map_bytes, const struct kv_tree *trees, size_t tree_count, struct kv **out, char *why,
            size_t why_size);
/* What was noticed when it was opened: bits.
 *   TORN   the log's last record was not whole, as when the power fails in the middle of a commit that was never answered; it
 *          was left out
 *   STALE  the log beside it was written by a later state of the store: these trees are an old copy */
#define KV_DOUBT_TORN 1u
#define KV_DOUBT_STALE 2u
unsigned kv_doubts(const struct kv *kv);
/* As a crash does: what is committed is read back from the log by the next kv_open. NULL is fine. */
void kv_close(struct kv *kv);

/* Writer's thread, no transaction open: merges a bounded part of the overlay where enough has gathered, or where idle asks for it.
 * 1: there is more to do; 0: not now; or a status (-ST_NO_SPACE: it is tried again with the next call; -ST_IO). */
int kv_tidy(struct kv *kv, bool idle);
/* Merges everything and makes the trees complete without the log, for a clean end. Writer's thread. 0 or a status. */
int kv_settle(struct kv *kv);

/* -ST_NO_MEMORY, -ST_IO, -ST_BUSY (too many readers). */
int kv_begin(struct kv *kv, bool write, struct kv_txn **out);
/* A read transaction that may take its time, with a copy of the overlay. */
int kv_snapshot(struct kv *kv, struct kv_txn **out);
/* Ends the transaction in every case. What it changed is seen by those that come after it, but lasts only after a kv_sync: nobody may
 * be told of it before. 0, -ST_NO_SPACE (nothing changed), -ST_IO (the disk failed: what is on it is not known, the process must
 * stop and read it again). */
int kv_commit(struct kv_txn *txn);
/* Returns when all that was committed before the call is on the disk; 0 or -ST_IO, as above. Any thread; the writer may commit meanwhile. */
int kv_sync(struct kv *kv);
void kv_abort(struct kv_txn *txn);               /* NULL is fine */

int kv_get(struct kv_txn *txn, const void *key, size_t key_len, struct kv_slice *out);   /* 0, -ST_NO_ITEM, -ST_IO */
int kv_put(struct kv_txn *txn, const void *key, size_t key_len, const void *data, size_t len);
int kv_del(struct kv_txn *txn, const void *key, size_t key_len);                         /* absent: 0 */

/* A position in the order. Write transactions may change things while a cursor is open; it then stands at or after where it stood. */
int kv_cursor_open(struct kv_txn *txn, struct kv_cursor **out);
void kv_cursor_close(struct kv_cursor *c);       /* before the transaction ends; NULL is fine */
int kv_seek(struct kv_cursor *c, const void *key, size_t key_len, struct kv_slice *k, struct kv_slice *v);   /* first key >= key; -ST_NO_ITEM at the end */
int kv_next(struct kv_cursor *c, struct kv_slice *k, struct kv_slice *v);
/* The last key < key. */
int kv_seek_before(struct kv_cursor *c, const void *key, size_t key_len, struct kv_slice *k, struct kv_slice *v);
int kv_prev(struct kv_cursor *c, struct kv_slice *k, struct kv_slice *v);

int kv_usage(struct kv *kv, struct kv_usage *out);
/* Makes the map larger or smaller while the store is used. 0: done; 1: it is done when the last transaction that is open now, on any
 * thread, has ended (a walk over the whole store may be one); -ST_CONFLICT: more than so much is in use;
 * -ST_NO_MEMORY: no address space for it. */
int kv_map_size(struct kv *kv, int64_t map_bytes);
/* Bytes that writes may still take: what is free in the map and, where the file has to grow for them, on the disk. */
int kv_room(struct kv_txn *txn, uint64_t *out_bytes);
/* Takes so much of the disk for what the store may still grow by, so that nobody else can: -ST_NO_SPACE where it is not there. 0 also
 * on file systems that cannot do it. Writer's thread. */
int kv_hold(struct kv *kv, uint64_t bytes);
/* Stores written before there were trees have all keys in one. Until kv_adopt has moved them, kv_get alone finds those left behind.
 * Moves up to max of them in a transaction of its own; the number moved, 0 once none is left, or a status. */
int64_t kv_adopt(struct kv *kv, size_t max);
/* A consistent copy into an empty directory, beside the work; mark, under mark_key, stands in the copy alone. why: a text for people.
 * Any thread. */
int kv_backup(struct kv *kv, const char *directory, const char *mark_key, const char *mark, char *why, size_t why_size);

#endif
