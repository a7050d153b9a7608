/* kv_lmdb.c: the trees: one LMDB environment, a named database for each. LMDB's codes are translated here and nowhere else. */
#include "daemon/store/kv_lmdb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "daemon/store/kv_lmdb_priv.h"
#include "proto/status.h"

#define LMDB_FULL_BYTES (1024 * 1024)

struct lmdb_cursor {
	struct lmdb_txn *txn;
	MDB_cursor *cur;
};

int lmdb_status(int rc)
{
	switch (rc) {
	case 0: return 0;
	case MDB_NOTFOUND: return -ST_NO_ITEM;
	case MDB_MAP_FULL: case ENOSPC: case EDQUOT: return -ST_NO_SPACE;
	case MDB_READERS_FULL: return -ST_BUSY;
	case ENOMEM: return -ST_NO_MEMORY;
	case MDB_CORRUPTED: case MDB_PAGE_NOTFOUND: case MDB_VERSION_MISMATCH: case MDB_INVALID: return -ST_CORRUPT;
	case MDB_BAD_VALSIZE: return -ST_INVALID;
	default: return -ST_IO;
	}
}

int lmdb_begin(struct lmdb *db, bool write, struct lmdb_txn **out)
{
	struct lmdb_txn *t = calloc(1, sizeof *t);
	if (t == NULL)
		return -ST_NO_MEMORY;
	lmdb_enter(db);
	int rc = mdb_txn_begin(db->env, NULL, write ? 0 : MDB_RDONLY, &t->txn);
	if (rc != 0) {
		lmdb_leave(db);
		free(t);
		return lmdb_status(rc);
	}
	t->db = db;
	t->write = write;
	*out = t;
	return 0;
}

/* A write that the disk has no room for comes out of LMDB as EIO when part of it fitted. Nothing has changed then. */
static bool lmdb_disk_full(struct lmdb *db)
{
	mdb_filehandle_t fd;
	struct statvfs fs;
	return mdb_env_get_fd(db->env, &fd) == 0 && fstatvfs(fd, &fs) == 0 && fs.f_bavail * fs.f_frsize < LMDB_FULL_BYTES;
}

int lmdb_commit(struct lmdb_txn *txn)
{
	struct lmdb *db = txn->db;
	if (txn->failed < 0) {
		int failed = txn->failed;
		lmdb_abort(txn);
		return failed;
	}
	int rc = mdb_txn_commit(txn->txn);
	lmdb_leave(db);
	free(txn);
	if (rc == EIO && lmdb_disk_full(db))
		rc = ENOSPC;
	return lmdb_status(rc);
}

void lmdb_abort(struct lmdb_txn *txn)
{
	if (txn == NULL)
		return;
	mdb_txn_abort(txn->txn);
	lmdb_leave(txn->db);
	free(txn);
}

/* LMDB takes non-const pointers but does not write through keys and values it is given. */
static MDB_val lmdb_val(const void *data, size_t len)
{
	union { const void *in; void *out; } p = { .in = data };
	return (MDB_val){ .mv_size = len, .mv_data = p.out };
}

static int lmdb_out(int rc, const MDB_val *key, const MDB_val *val, struct kv_slice *k, struct kv_slice *v)
{
	if (rc != 0)
		return lmdb_status(rc);
	if (k != NULL)
		*k = (struct kv_slice){ key->mv_data, key->mv_size };
	if (v != NULL)
		*v = (struct kv_slice){ val->mv_data, val->mv_size };
	return 0;
}

int lmdb_get(struct lmdb_txn *txn, unsigned tree, const void *key, size_t key_len, struct kv_slice *out)
{
	MDB_val k = lmdb_val(key, key_len), v;
	int rc = mdb_get(txn->txn, txn->db->trees[tree].dbi, &k, &v);
	if (rc == MDB_NOTFOUND && txn->db->needs_adopting && key_len > 1)
		rc = mdb_get(txn->txn, txn->db->unnamed, &k, &v);
	return lmdb_out(rc, &k, &v, NULL, out);
}

/* LMDB answers everything after a failed change with a code of its own; what counts is why the first one failed. */
static int lmdb_changed(struct lmdb_txn *txn, int rc)
{
	if (txn->failed == 0)
		txn->failed = lmdb_status(rc);
	return txn->failed;
}

int lmdb_put(struct lmdb_txn *txn, unsigned tree, const void *key, size_t key_len, const void *data, size_t len)
{
	MDB_val k = lmdb_val(key, key_len), v = lmdb_val(data, len);
	const struct tree *t = &txn->db->trees[tree];
	/* Appending splits no page in half; it changes nothing where the key is not the highest. */
	int rc = t->ascending ? mdb_put(txn->txn, t->dbi, &k, &v, MDB_APPEND) : MDB_KEYEXIST;
	if (rc == MDB_KEYEXIST)
		rc = mdb_put(txn->txn, t->dbi, &k, &v, 0);
	return lmdb_changed(txn, rc);
}

int lmdb_append(struct lmdb_txn *txn, unsigned tree, const void *key, size_t key_len, const void *data, size_t len)
{
	MDB_val k = lmdb_val(key, key_len), v = lmdb_val(data, len);
	return lmdb_changed(txn, mdb_put(txn->txn, txn->db->trees[tree].dbi, &k, &v, MDB_APPEND));
}

int lmdb_del(struct lmdb_txn *txn, unsigned tree, const void *key, size_t key_len)
{
	MDB_val k = lmdb_val(key, key_len);
	int rc = mdb_del(txn->txn, txn->db->trees[tree].dbi, &k, NULL);
	return rc == MDB_NOTFOUND ? 0 : lmdb_changed(txn, rc);
}

int lmdb_cursor_open(struct lmdb_txn *txn, unsigned tree, struct lmdb_cursor **out)
{
	struct lmdb_cursor *c = calloc(1, sizeof *c);
	if (c == NULL)
		return -ST_NO_MEMORY;
	int rc = mdb_cursor_open(txn->txn, txn->db->trees[tree].dbi, &c->cur);
	if (rc != 0) {
		free(c);
		return lmdb_status(rc);
	}
	*out = c;
	return 0;
}

void lmdb_cursor_close(struct lmdb_cursor *c)
{
	if (c == NULL)
		return;
	mdb_cursor_close(c->cur);
	free(c);
}

int lmdb_seek(struct lmdb_cursor *c, const void *key, size_t key_len, struct kv_slice *k, struct kv_slice *v)
{
	MDB_val mk = lmdb_val(key, key_len), mv;
	return lmdb_out(mdb_cursor_get(c->cur, &mk, &mv, MDB_SET_RANGE), &mk, &mv, k, v);
}

int lmdb_next(struct lmdb_cursor *c, struct kv_slice *k, struct kv_slice *v)
{
	MDB_val mk, mv;
	return lmdb_out(mdb_cursor_get(c->cur, &mk, &mv, MDB_NEXT), &mk, &mv, k, v);
}

int lmdb_prev(struct lmdb_cursor *c, struct kv_slice *k, struct kv_slice *v)
{
	MDB_val mk, mv;
	return lmdb_out(mdb_cursor_get(c->cur, &mk, &mv, MDB_PREV), &mk, &mv, k, v);
}

int lmdb_seek_before(struct lmdb_cursor *c, const void *key, size_t key_len, struct kv_slice *k, struct kv_slice *v)
{
	MDB_val mk = lmdb_val(key, key_len), mv;
	int rc = mdb_cursor_get(c->cur, &mk, &mv, MDB_SET_RANGE);
	rc = rc == MDB_NOTFOUND ? mdb_cursor_get(c->cur, &mk, &mv, MDB_LAST)
	   : rc == 0 ? mdb_cursor_get(c->cur, &mk, &mv, MDB_PREV) : rc;
	return lmdb_out(rc, &mk, &mv, k, v);
}

bool lmdb_needs_adopting(const struct lmdb *db)
{
	return db->needs_adopting;
}

int64_t lmdb_adopt(struct lmdb_txn *txn, size_t max)
{
	MDB_cursor *cur;
	MDB_val k, v;
	int64_t moved = 0;
	int rc = mdb_cursor_open(txn->txn, txn->db->unnamed, &cur);
	if (rc != 0)
		return lmdb_changed(txn, rc);
	while ((size_t)moved < max && (rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT)) == 0) {
		if (k.mv_size == 1)
			continue;
		rc = lmdb_put(txn, lmdb_tree(txn->db, k.mv_data, k.mv_size), k.mv_data, k.mv_size, v.mv_data, v.mv_size);
		/* The cursor then stands before the next one. */
		rc = rc == 0 ? mdb_cursor_del(cur, 0) : rc;
		if (rc != 0)
			break;
		moved++;
	}
	mdb_cursor_close(cur);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return txn->failed < 0 ? txn->failed : lmdb_changed(txn, rc);
	txn->db->needs_adopting = moved > 0;
	return moved;
}
