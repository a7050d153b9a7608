/* kv_lmdb.c: kv.h on LMDB: one environment, a named database for each tree. LMDB's codes are translated here and nowhere else. */
#include "daemon/store/kv.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "proto/status.h"

#define KV_MAX_READERS 64
#define KV_LOCK_BYTES (64 * 1024)
#define KV_FULL_BYTES (1024 * 1024)
#define KV_LOW_BYTES (64u * 1024 * 1024)

struct kv {
	MDB_env *env;
	MDB_dbi unnamed;                 /* LMDB's list of the trees; all keys, in stores from before there were trees */
	bool needs_adopting;
	struct tree { MDB_dbi dbi; bool ascending; } trees[KV_MAX_TREES];
	unsigned char tree_of[256];      /* by a key's first byte */
};

struct kv_txn {
	struct kv *kv;
	MDB_txn *txn;
	bool write;
	int failed;                      /* a change could not be made: nothing of the transaction may be committed */
};

struct kv_cursor {
	struct kv_txn *txn;
	MDB_cursor *cur;                 /* NULL before the first seek */
	const struct tree *tree;
};

static int kv_status(int rc)
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

/* LMDB makes its lock file sparse and then touches it through a mapping: on a full disk that is a SIGBUS. So the blocks are
 * claimed first, where failing is an ordinary error. */
static int kv_claim_lock_file(const char *directory)
{
	char path[4096];
	int n = snprintf(path, sizeof path, "%s/lock.mdb", directory);
	if (n < 0 || (size_t)n >= sizeof path)
		return ENAMETOOLONG;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	struct stat st;
	int rc = fstat(fd, &st) < 0 ? errno : 0;
	if (rc == 0 && st.st_size < KV_LOCK_BYTES)
		rc = posix_fallocate(fd, 0, KV_LOCK_BYTES);
	if (rc != 0 && st.st_size == 0)
		(void)unlink(path);
	(void)close(fd);
	return rc;
}

static int kv_open_env(struct kv *kv, const char *directory, int64_t map_bytes)
{
	int rc = kv_claim_lock_file(directory);
	if (rc == 0)
		rc = mdb_env_create(&kv->env);
	if (rc == 0)
		rc = mdb_env_set_mapsize(kv->env, (size_t)map_bytes);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(kv->env, KV_MAX_READERS);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(kv->env, KV_MAX_TREES);
	/* NOTLS: a read transaction belongs to its handle, so one thread may have a write and a read at once. NORDAHEAD: the
	 * queue may be larger than memory. */
	return rc == 0 ? mdb_env_open(kv->env, directory, MDB_NOTLS | MDB_NORDAHEAD, 0600) : rc;
}

/* The names of trees are one byte, other keys are longer. */
static int kv_look_for_old(struct kv *kv, MDB_txn *txn)
{
	MDB_cursor *cur;
	MDB_val k, v;
	int rc = mdb_cursor_open(txn, kv->unnamed, &cur);
	if (rc != 0)
		return rc;
	while ((rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT)) == 0 && k.mv_size == 1)
		;
	kv->needs_adopting = rc == 0;
	mdb_cursor_close(cur);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int kv_open_trees(struct kv *kv, const struct kv_tree *trees, size_t tree_count)
{
	MDB_txn *txn = NULL;
	int rc = mdb_txn_begin(kv->env, NULL, 0, &txn);
	if (rc == 0)
		rc = mdb_dbi_open(txn, NULL, 0, &kv->unnamed);
	if (rc == 0)
		rc = kv_look_for_old(kv, txn);
	for (size_t i = 0; rc == 0 && i < tree_count; i++) {
		rc = mdb_dbi_open(txn, trees[i].name, MDB_CREATE, &kv->trees[i].dbi);
		kv->trees[i].ascending = trees[i].ascending;
		if (trees[i].letters == NULL)
			memset(kv->tree_of, (int)i, sizeof kv->tree_of);
	}
	for (size_t i = 0; i < tree_count; i++)
		for (const char *l = trees[i].letters; l != NULL && *l != '\0'; l++)
			kv->tree_of[(unsigned char)*l] = (unsigned char)i;
	if (rc == 0)
		return mdb_txn_commit(txn);
	if (txn != NULL)
		mdb_txn_abort(txn);
	return rc;
}

int kv_open(const char *directory, int64_t map_bytes, const struct kv_tree *trees, size_t tree_count, struct kv **out, char *why,
            size_t why_size)
{
	struct kv *kv = calloc(1, sizeof *kv);
	if (kv == NULL) {
		(void)snprintf(why, why_size, "no memory");
		return -ST_NO_MEMORY;
	}
	int rc = kv_open_env(kv, directory, map_bytes);
	if (rc == 0)
		rc = kv_open_trees(kv, trees, tree_count);
	if (rc != 0) {
		(void)snprintf(why, why_size, "%s", mdb_strerror(rc));
		kv_close(kv);
		return rc == EAGAIN ? -ST_CONFLICT : kv_status(rc);
	}
	*out = kv;
	return 0;
}

void kv_close(struct kv *kv)
{
	if (kv == NULL)
		return;
	if (kv->env != NULL)
		mdb_env_close(kv->env);
	free(kv);
}

int kv_begin(struct kv *kv, bool write, struct kv_txn **out)
{
	struct kv_txn *t = calloc(1, sizeof *t);
	if (t == NULL)
		return -ST_NO_MEMORY;
	int rc = mdb_txn_begin(kv->env, NULL, write ? 0 : MDB_RDONLY, &t->txn);
	if (rc != 0) {
		free(t);
		return kv_status(rc);
	}
	t->kv = kv;
	t->write = write;
	*out = t;
	return 0;
}

/* A write that the disk has no room for comes out of LMDB as EIO when part of it fitted. Nothing has changed then. */
static bool kv_disk_full(struct kv *kv)
{
	mdb_filehandle_t fd;
	struct statvfs fs;
	return mdb_env_get_fd(kv->env, &fd) == 0 && fstatvfs(fd, &fs) == 0 && fs.f_bavail * fs.f_frsize < KV_FULL_BYTES;
}

int kv_commit(struct kv_txn *txn)
{
	struct kv *kv = txn->kv;
	if (txn->failed < 0) {
		int failed = txn->failed;
		kv_abort(txn);
		return failed;
	}
	int rc = mdb_txn_commit(txn->txn);
	free(txn);
	if (rc == EIO && kv_disk_full(kv))
		rc = ENOSPC;
	return kv_status(rc);
}

void kv_abort(struct kv_txn *txn)
{
	if (txn == NULL)
		return;
	mdb_txn_abort(txn->txn);
	free(txn);
}

/* LMDB takes non-const pointers but does not write through keys and values it is given. */
static MDB_val kv_val(const void *data, size_t len)
{
	union { const void *in; void *out; } p = { .in = data };
	return (MDB_val){ .mv_size = len, .mv_data = p.out };
}

static int kv_out(int rc, const MDB_val *key, const MDB_val *val, struct kv_slice *k, struct kv_slice *v)
{
	if (rc != 0)
		return kv_status(rc);
	if (k != NULL)
		*k = (struct kv_slice){ key->mv_data, key->mv_size };
	if (v != NULL)
		*v = (struct kv_slice){ val->mv_data, val->mv_size };
	return 0;
}

static const struct tree *kv_tree_of(const struct kv *kv, const void *key, size_t key_len)
{
	return &kv->trees[key_len > 0 ? kv->tree_of[*(const unsigned char *)key] : 0];
}

int kv_get(struct kv_txn *txn, const void *key, size_t key_len, struct kv_slice *out)
{
	MDB_val k = kv_val(key, key_len), v;
	int rc = mdb_get(txn->txn, kv_tree_of(txn->kv, key, key_len)->dbi, &k, &v);
	if (rc == MDB_NOTFOUND && txn->kv->needs_adopting && key_len > 1)
		rc = mdb_get(txn->txn, txn->kv->unnamed, &k, &v);
	return kv_out(rc, &k, &v, NULL, out);
}

/* LMDB answers everything after a failed change with a code of its own; what counts is why the first one failed. */
static int kv_changed(struct kv_txn *txn, int rc)
{
	if (txn->failed == 0)
		txn->failed = kv_status(rc);
	return txn->failed;
}

int kv_put(struct kv_txn *txn, const void *key, size_t key_len, const void *data, size_t len)
{
	MDB_val k = kv_val(key, key_len), v = kv_val(data, len);
	const struct tree *tree = kv_tree_of(txn->kv, key, key_len);
	/* Appending splits no page in half; it changes nothing where the key is not the highest. */
	int rc = tree->ascending ? mdb_put(txn->txn, tree->dbi, &k, &v, MDB_APPEND) : MDB_KEYEXIST;
	if (rc == MDB_KEYEXIST)
		rc = mdb_put(txn->txn, tree->dbi, &k, &v, 0);
	return kv_changed(txn, rc);
}

int kv_del(struct kv_txn *txn, const void *key, size_t key_len)
{
	MDB_val k = kv_val(key, key_len);
	int rc = mdb_del(txn->txn, kv_tree_of(txn->kv, key, key_len)->dbi, &k, NULL);
	return rc == MDB_NOTFOUND ? 0 : kv_changed(txn, rc);
}

int kv_cursor_open(struct kv_txn *txn, struct kv_cursor **out)
{
	struct kv_cursor *c = calloc(1, sizeof *c);
	if (c == NULL)
		return -ST_NO_MEMORY;
	c->txn = txn;
	*out = c;
	return 0;
}

void kv_cursor_close(struct kv_cursor *c)
{
	if (c == NULL)
		return;
	if (c->cur != NULL)
		mdb_cursor_close(c->cur);
	free(c);
}

static int kv_cursor_tree(struct kv_cursor *c, const void *key, size_t key_len)
{
	const struct tree *tree = kv_tree_of(c->txn->kv, key, key_len);
	if (c->cur != NULL && c->tree == tree)
		return 0;
	if (c->cur != NULL)
		mdb_cursor_close(c->cur);
	c->cur = NULL;
	c->tree = tree;
	return mdb_cursor_open(c->txn->txn, tree->dbi, &c->cur);
}

int kv_seek(struct kv_cursor *c, const void *key, size_t key_len, struct kv_slice *k, struct kv_slice *v)
{
	MDB_val mk = kv_val(key, key_len), mv;
	int rc = kv_cursor_tree(c, key, key_len);
	if (rc == 0)
		rc = mdb_cursor_get(c->cur, &mk, &mv, MDB_SET_RANGE);
	return kv_out(rc, &mk, &mv, k, v);
}

int kv_next(struct kv_cursor *c, struct kv_slice *k, struct kv_slice *v)
{
	MDB_val mk, mv;
	return kv_out(mdb_cursor_get(c->cur, &mk, &mv, MDB_NEXT), &mk, &mv, k, v);
}

int kv_prev(struct kv_cursor *c, struct kv_slice *k, struct kv_slice *v)
{
	MDB_val mk, mv;
	return kv_out(mdb_cursor_get(c->cur, &mk, &mv, MDB_PREV), &mk, &mv, k, v);
}

int kv_seek_before(struct kv_cursor *c, const void *key, size_t key_len, struct kv_slice *k, struct kv_slice *v)
{
	MDB_val mk = kv_val(key, key_len), mv;
	int rc = kv_cursor_tree(c, key, key_len);
	if (rc == 0)
		rc = mdb_cursor_get(c->cur, &mk, &mv, MDB_SET_RANGE);
	rc = rc == MDB_NOTFOUND ? mdb_cursor_get(c->cur, &mk, &mv, MDB_LAST)
	   : rc == 0 ? mdb_cursor_get(c->cur, &mk, &mv, MDB_PREV) : rc;
	return kv_out(rc, &mk, &mv, k, v);
}

int kv_usage(struct kv *kv, struct kv_usage *out)
{
	MDB_envinfo info;
	MDB_stat st;
	int rc = mdb_env_info(kv->env, &info);
	if (rc == 0)
		rc = mdb_env_stat(kv->env, &st);
	if (rc != 0)
		return kv_status(rc);
	*out = (struct kv_usage){ .used_bytes = (uint64_t)(info.me_last_pgno + 1) * st.ms_psize, .map_bytes = info.me_mapsize };
	return 0;
}

bool kv_needs_adopting(const struct kv *kv)
{
	return kv->needs_adopting;
}

int64_t kv_adopt(struct kv_txn *txn, size_t max)
{
	MDB_cursor *cur;
	MDB_val k, v;
	int64_t moved = 0;
	int rc = mdb_cursor_open(txn->txn, txn->kv->unnamed, &cur);
	if (rc != 0)
		return kv_changed(txn, rc);
	while ((size_t)moved < max && (rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT)) == 0) {
		if (k.mv_size == 1)
			continue;
		rc = kv_put(txn, k.mv_data, k.mv_size, v.mv_data, v.mv_size);
		/* The cursor then stands before the next one. */
		rc = rc == 0 ? mdb_cursor_del(cur, 0) : rc;
		if (rc != 0)
			break;
		moved++;
	}
	mdb_cursor_close(cur);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return txn->failed < 0 ? txn->failed : kv_changed(txn, rc);
	txn->kv->needs_adopting = moved > 0;
	return moved;
}

int kv_backup(struct kv *kv, const char *directory, char *why, size_t why_size)
{
	int rc = mdb_env_copy2(kv->env, directory, MDB_CP_COMPACT);
	if (rc != 0)
		(void)snprintf(why, why_size, "%s: %s", directory, rc == EEXIST ? "there is a copy already" : mdb_strerror(rc));
	return kv_status(rc);
}

/* Pages that were freed and wait for reuse: LMDB keeps them in its own table 0, each record a list that begins with its length.
 * Only a read transaction may look there; one of its own, since the caller's may be writing. */
static int kv_free_pages(struct kv *kv, uint64_t *out)
{
	MDB_txn *txn;
	MDB_cursor *cur;
	MDB_val k, v;
	*out = 0;
	int rc = mdb_txn_begin(kv->env, NULL, MDB_RDONLY, &txn);
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

int kv_room(struct kv_txn *txn, uint64_t *out_bytes)
{
	MDB_envinfo info;
	MDB_stat st;
	mdb_filehandle_t fd;
	struct statvfs fs;
	uint64_t freed = 0;
	int rc = mdb_env_info(txn->kv->env, &info);
	if (rc == 0)
		rc = mdb_env_stat(txn->kv->env, &st);
	if (rc == 0)
		rc = mdb_env_get_fd(txn->kv->env, &fd);
	if (rc != 0 || fstatvfs(fd, &fs) != 0)
		return rc != 0 ? kv_status(rc) : -ST_IO;
	uint64_t beyond = info.me_mapsize - (uint64_t)(info.me_last_pgno + 1) * st.ms_psize;
	uint64_t disk = (uint64_t)fs.f_bavail * fs.f_frsize;
	*out_bytes = beyond < disk ? beyond : disk;
	/* The list of free pages is only read when it matters. */
	if (*out_bytes < KV_LOW_BYTES && (rc = kv_free_pages(txn->kv, &freed)) == 0)
		*out_bytes += freed * st.ms_psize;
	return kv_status(rc);
}
