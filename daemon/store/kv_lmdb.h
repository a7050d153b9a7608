/* kv_lmdb.h: the trees on disk, as LMDB has them. Private to kv*.c; the contracts are those of kv.h where nothing else is said. A
 * tree is named by its index in the array given to lmdb_open. */
#ifndef SMMQ_STORE_KV_LMDB_H
#define SMMQ_STORE_KV_LMDB_H

#include "daemon/store/kv.h"

struct lmdb;
struct lmdb_txn;
struct lmdb_cursor;

int lmdb_open(const char *directory, int64_t map_bytes, const struct kv_tree *trees, size_t tree_count, struct lmdb **out, char *why,
              size_t why_size);
void lmdb_close(struct lmdb *db);                /* NULL is fine */
unsigned lmdb_tree(const struct lmdb *db, const void *key, size_t key_len);     /* the tree of a key */
unsigned lmdb_tree_count(const struct lmdb *db);

int lmdb_begin(struct lmdb *db, bool write, struct lmdb_txn **out);
int lmdb_commit(struct lmdb_txn *txn);
void lmdb_abort(struct lmdb_txn *txn);

int lmdb_get(struct lmdb_txn *txn, unsigned tree, const void *key, size_t key_len, struct kv_slice *out);
int lmdb_put(struct lmdb_txn *txn, unsigned tree, const void *key, size_t key_len, const void *data, size_t len);
/* The key must be the highest of its tree. */
int lmdb_append(struct lmdb_txn *txn, unsigned tree, const void *key, size_t key_len, const void *data, size_t len);
int lmdb_del(struct lmdb_txn *txn, unsigned tree, const void *key, size_t key_len);

int lmdb_cursor_open(struct lmdb_txn *txn, unsigned tree, struct lmdb_cursor **out);
void lmdb_cursor_close(struct lmdb_cursor *c);
int lmdb_seek(struct lmdb_cursor *c, const void *key, size_t key_len, struct kv_slice *k, struct kv_slice *v);
int lmdb_next(struct lmdb_cursor *c, struct kv_slice *k, struct kv_slice *v);
int lmdb_seek_before(struct lmdb_cursor *c, const void *key, size_t key_len, struct kv_slice *k, struct kv_slice *v);
int lmdb_prev(struct lmdb_cursor *c, struct kv_slice *k, struct kv_slice *v);

int lmdb_usage(struct lmdb *db, struct kv_usage *out);
/* As kv_map_size. */
int lmdb_map_size(struct lmdb *db, int64_t map_bytes);
int lmdb_room(struct lmdb_txn *txn, uint64_t *out_bytes);
int lmdb_hold(struct lmdb *db, uint64_t bytes);        /* as kv_hold */
bool lmdb_needs_adopting(const struct lmdb *db);
int64_t lmdb_adopt(struct lmdb_txn *txn, size_t max);

#endif
