/* kv_lmdb.c: the trees: one LMDB environment, a named database for each. LMDB's codes are translated here and nowhere else. */
#include "daemon/store/kv_lmdb.h"

#include <errno.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>

#include "daemon/store/kv_lmdb_file.h"
#include "proto/status.h"

#define LMDB_MAX_READERS 64
#define LMDB_FULL_BYTES (1024 * 1024)
#define LMDB_LOW_BYTES (64u * 1024 * 1024)
#define LMDB_SLACK_BYTES (32u * 1024 * 1024)

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

struct lmdb_cursor {
	struct lmdb_txn *txn;
	MDB_cursor *cur;
};

static int lmdb_status(int rc)
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

/* ---- the size of the map ---- */

static int lmdb_used(struct lmdb *db, uint64_t *used_bytes, uint64_t *map_bytes)
{
	MDB_envinfo info;
	MDB_stat st;
	int rc = mdb_env_info(db->env, &info);
	if (rc == 0)
		rc = mdb_env_stat(db->env, &st);
	if (rc != 0)
		return rc;
	*used_bytes = (uint64_t)(info.me_last_pgno + 1) * st.ms_psize;
	*map_bytes = info.me_mapsize;
	return 0;
}

/* Nobody may be inside. LMDB unmaps first, and has no way back if mapping fails then: it is tried before. */
static int lmdb_remap(struct lmdb *db, size_t bytes)
{
	void *room = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED)
		return ENOMEM;
	(void)munmap(room, bytes);
	return mdb_env_set_mapsize(db->env, bytes);
}

static void lmdb_enter(struct lmdb *db)
{
	pthread_mutex_lock(&db->mutex);
	db->users++;
	pthread_mutex_unlock(&db->mutex);
}

static void lmdb_leave(struct lmdb *db)
{
	pthread_mutex_lock(&db->mutex);
	if (--db->users == 0 && db->wanted_bytes != 0) {
		/* What was refused for want of address space stays as it was; the next reload tries again. */
		(void)lmdb_remap(db, db->wanted_bytes);
		db->wanted_bytes = 0;
	}
	pthread_mutex_unlock(&db->mutex);
}

int lmdb_map_size(struct lmdb *db, int64_t map_bytes)
{
	uint64_t used = 0, now = 0;
	pthread_mutex_lock(&db->mutex);
	int rc = lmdb_status(lmdb_used(db, &used, &now));
	if (rc == 0 && (uint64_t)map_bytes < used)
		rc = -ST_CONFLICT;
	if (rc == 0) {
		db->limit_bytes = (uint64_t)map_bytes;
		db->wanted_bytes = (uint64_t)map_bytes == now ? 0 : (size_t)map_bytes;
		if (db->wanted_bytes != 0 && db->users > 0) {
			rc = 1;
		} else if (db->wanted_bytes != 0) {
			rc = lmdb_status(lmdb_remap(db, db->wanted_bytes));
			db->wanted_bytes = 0;
		}
	}
	pthread_mutex_unlock(&db->mutex);
	return rc;
}

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

unsigned lmdb_tree(const struct lmdb *db, const void *key, size_t key_len)
{
	return key_len > 0 ? db->tree_of[*(const unsigned char *)key] : 0;
}

unsigned lmdb_tree_count(const struct lmdb *db)
{
	return db->tree_count;
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

int lmdb_usage(struct lmdb *db, struct kv_usage *out)
{
	*out = (struct kv_usage){ 0 };
	lmdb_enter(db);
	int rc = lmdb_used(db, &out->used_bytes, &out->map_bytes);
	lmdb_leave(db);
	return lmdb_status(rc);
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

/* Pages that were freed and wait for reuse: LMDB keeps them in its own table 0, each record a list that begins with its length.
 * Only a read transaction may look there; one of its own, since the caller's may be writing. */
static int lmdb_free_pages(struct lmdb *db, uint64_t *out)
{
	MDB_txn *txn;
	MDB_cursor *cur;
	MDB_val k, v;
	*out = 0;
	int rc = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn);
	if (rc != 0)
		return rc;
	rc = mdb_cursor_open(txn, 0, &cur);
	if (rc != 0) {
		mdb_txn_abort(txn);
		return rc;
	}
	while ((rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT)) == 0) {
		size_t count = 0;
		if (v.mv_size >= sizeof count)
			memcpy(&count, v.mv_data, sizeof count);
		*out += count;
	}
	mdb_cursor_close(cur);
	mdb_txn_abort(txn);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

int lmdb_room(struct lmdb_txn *txn, uint64_t *out_bytes)
{
	MDB_envinfo info;
	MDB_stat st;
	mdb_filehandle_t fd;
	struct statvfs fs;
	uint64_t freed = 0;
	int rc = mdb_env_info(txn->db->env, &info);
	if (rc == 0)
		rc = mdb_env_stat(txn->db->env, &st);
	if (rc == 0)
		rc = mdb_env_get_fd(txn->db->env, &fd);
	if (rc != 0 || fstatvfs(fd, &fs) != 0)
		return rc != 0 ? lmdb_status(rc) : -ST_IO;
	uint64_t used = (uint64_t)(info.me_last_pgno + 1) * st.ms_psize;
	uint64_t limit = txn->db->limit_bytes < info.me_mapsize ? txn->db->limit_bytes : info.me_mapsize;
	uint64_t beyond = used < limit ? limit - used : 0;
	uint64_t disk = (uint64_t)fs.f_bavail * fs.f_frsize;
	*out_bytes = beyond < disk ? beyond : disk;
	/* The list of free pages is only read when it matters. */
	if (*out_bytes < LMDB_LOW_BYTES && (rc = lmdb_free_pages(txn->db, &freed)) == 0)
		*out_bytes += freed * st.ms_psize;
	return lmdb_status(rc);
}
