/* kv_lmdb.c: kv.h on LMDB: one environment, one unnamed database. LMDB's codes are translated here and nowhere else. */
#include "daemon/store/kv.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "proto/status.h"

#define KV_MAX_READERS 64
#define KV_LOCK_BYTES (64 * 1024)
#define KV_FULL_BYTES (1024 * 1024)
#define KV_LOW_BYTES (64u * 1024 * 1024)
#define KV_SLACK_BYTES (32u * 1024 * 1024)

struct kv {
	MDB_env *env;
	MDB_dbi dbi;
	/* The map moves when its size changes: nobody may look into it then. */
	pthread_mutex_t mutex;
	unsigned users;                  /* transactions and looks that are open */
	size_t wanted_bytes;             /* 0: the size is as it is to be */
	uint64_t limit_bytes;            /* as configured; the map of a store that is larger already is larger too */
};

struct kv_txn {
	struct kv *kv;
	MDB_txn *txn;
	bool write;
	int failed;                      /* a change could not be made: nothing of the transaction may be committed */
};

struct kv_cursor {
	struct kv_txn *txn;
	MDB_cursor *cur;
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

/* ---- the size of the map ---- */

static int kv_used(struct kv *kv, uint64_t *used_bytes, uint64_t *map_bytes)
{
	MDB_envinfo info;
	MDB_stat st;
	int rc = mdb_env_info(kv->env, &info);
	if (rc == 0)
		rc = mdb_env_stat(kv->env, &st);
	if (rc != 0)
		return rc;
	*used_bytes = (uint64_t)(info.me_last_pgno + 1) * st.ms_psize;
	*map_bytes = info.me_mapsize;
	return 0;
}

/* Nobody may be inside. LMDB unmaps first, and has no way back if mapping fails then: it is tried before. */
static int kv_remap(struct kv *kv, size_t bytes)
{
	void *room = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED)
		return ENOMEM;
	(void)munmap(room, bytes);
	return mdb_env_set_mapsize(kv->env, bytes);
}

static void kv_enter(struct kv *kv)
{
	pthread_mutex_lock(&kv->mutex);
	kv->users++;
	pthread_mutex_unlock(&kv->mutex);
}

static void kv_leave(struct kv *kv)
{
	pthread_mutex_lock(&kv->mutex);
	if (--kv->users == 0 && kv->wanted_bytes != 0) {
		/* What was refused for want of address space stays as it was; the next reload tries again. */
		(void)kv_remap(kv, kv->wanted_bytes);
		kv->wanted_bytes = 0;
	}
	pthread_mutex_unlock(&kv->mutex);
}

int kv_map_size(struct kv *kv, int64_t map_bytes)
{
	uint64_t used = 0, now = 0;
	pthread_mutex_lock(&kv->mutex);
	int rc = kv_status(kv_used(kv, &used, &now));
	if (rc == 0 && (uint64_t)map_bytes < used)
		rc = -ST_CONFLICT;
	if (rc == 0) {
		kv->limit_bytes = (uint64_t)map_bytes;
		kv->wanted_bytes = (uint64_t)map_bytes == now ? 0 : (size_t)map_bytes;
		if (kv->wanted_bytes != 0 && kv->users > 0) {
			rc = 1;
		} else if (kv->wanted_bytes != 0) {
			rc = kv_status(kv_remap(kv, kv->wanted_bytes));
			kv->wanted_bytes = 0;
		}
	}
	pthread_mutex_unlock(&kv->mutex);
	return rc;
}

/* A store that has outgrown the size it is given still has to finish what is in it. */
static int kv_open_slack(struct kv *kv)
{
	uint64_t used = 0, map = 0;
	int rc = kv_used(kv, &used, &map);
	return rc == 0 && used > kv->limit_bytes - kv->limit_bytes / 16 ? kv_remap(kv, (size_t)(used + KV_SLACK_BYTES)) : rc;
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
	/* NOTLS: a read transaction belongs to its handle, so one thread may have a write and a read at once. NORDAHEAD: the
	 * queue may be larger than memory. */
	if (rc == 0)
		rc = mdb_env_open(kv->env, directory, MDB_NOTLS | MDB_NORDAHEAD, 0600);
	if (rc == 0)
		rc = kv_open_slack(kv);
	MDB_txn *txn = NULL;
	if (rc == 0)
		rc = mdb_txn_begin(kv->env, NULL, 0, &txn);
	if (rc == 0)
		rc = mdb_dbi_open(txn, NULL, 0, &kv->dbi);
	if (rc == 0) {
		rc = mdb_txn_commit(txn);
		txn = NULL;
	}
	if (txn != NULL)
		mdb_txn_abort(txn);
	return rc;
}

int kv_open(const char *directory, int64_t map_bytes, struct kv **out, char *why, size_t why_size)
{
	struct kv *kv = calloc(1, sizeof *kv);
	if (kv == NULL) {
		(void)snprintf(why, why_size, "no memory");
		return -ST_NO_MEMORY;
	}
	kv->limit_bytes = (uint64_t)map_bytes;
	(void)pthread_mutex_init(&kv->mutex, NULL);
	int rc = kv_open_env(kv, directory, map_bytes);
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
	(void)pthread_mutex_destroy(&kv->mutex);
	free(kv);
}

int kv_begin(struct kv *kv, bool write, struct kv_txn **out)
{
	struct kv_txn *t = calloc(1, sizeof *t);
	if (t == NULL)
		return -ST_NO_MEMORY;
	kv_enter(kv);
	int rc = mdb_txn_begin(kv->env, NULL, write ? 0 : MDB_RDONLY, &t->txn);
	if (rc != 0) {
		kv_leave(kv);
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
	kv_leave(kv);
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
	kv_leave(txn->kv);
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

int kv_get(struct kv_txn *txn, const void *key, size_t key_len, struct kv_slice *out)
{
	MDB_val k = kv_val(key, key_len), v;
	return kv_out(mdb_get(txn->txn, txn->kv->dbi, &k, &v), &k, &v, NULL, out);
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
	return kv_changed(txn, mdb_put(txn->txn, txn->kv->dbi, &k, &v, 0));
}

int kv_del(struct kv_txn *txn, const void *key, size_t key_len)
{
	MDB_val k = kv_val(key, key_len);
	int rc = mdb_del(txn->txn, txn->kv->dbi, &k, NULL);
	return rc == MDB_NOTFOUND ? 0 : kv_changed(txn, rc);
}

int kv_cursor_open(struct kv_txn *txn, struct kv_cursor **out)
{
	struct kv_cursor *c = calloc(1, sizeof *c);
	if (c == NULL)
		return -ST_NO_MEMORY;
	int rc = mdb_cursor_open(txn->txn, txn->kv->dbi, &c->cur);
	if (rc != 0) {
		free(c);
		return kv_status(rc);
	}
	c->txn = txn;
	*out = c;
	return 0;
}

void kv_cursor_close(struct kv_cursor *c)
{
	if (c == NULL)
		return;
	mdb_cursor_close(c->cur);
	free(c);
}

int kv_seek(struct kv_cursor *c, const void *key, size_t key_len, struct kv_slice *k, struct kv_slice *v)
{
	MDB_val mk = kv_val(key, key_len), mv;
	return kv_out(mdb_cursor_get(c->cur, &mk, &mv, MDB_SET_RANGE), &mk, &mv, k, v);
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
	int rc = mdb_cursor_get(c->cur, &mk, &mv, MDB_SET_RANGE);
	rc = rc == MDB_NOTFOUND ? mdb_cursor_get(c->cur, &mk, &mv, MDB_LAST)
	   : rc == 0 ? mdb_cursor_get(c->cur, &mk, &mv, MDB_PREV) : rc;
	return kv_out(rc, &mk, &mv, k, v);
}

int kv_usage(struct kv *kv, struct kv_usage *out)
{
	MDB_stat st;
	*out = (struct kv_usage){ 0 };
	kv_enter(kv);
	int rc = kv_used(kv, &out->used_bytes, &out->map_bytes);
	if (rc == 0)
		rc = mdb_env_stat(kv->env, &st);
	if (rc == 0)
		out->entries = st.ms_entries;
	kv_leave(kv);
	return kv_status(rc);
}

int kv_backup(struct kv *kv, const char *directory, char *why, size_t why_size)
{
	kv_enter(kv);
	int rc = mdb_env_copy2(kv->env, directory, MDB_CP_COMPACT);
	kv_leave(kv);
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
	uint64_t used = (uint64_t)(info.me_last_pgno + 1) * st.ms_psize;
	uint64_t limit = txn->kv->limit_bytes < info.me_mapsize ? txn->kv->limit_bytes : info.me_mapsize;
	uint64_t beyond = used < limit ? limit - used : 0;
	uint64_t disk = (uint64_t)fs.f_bavail * fs.f_frsize;
	*out_bytes = beyond < disk ? beyond : disk;
	/* The list of free pages is only read when it matters. */
	if (*out_bytes < KV_LOW_BYTES && (rc = kv_free_pages(txn->kv, &freed)) == 0)
		*out_bytes += freed * st.ms_psize;
	return kv_status(rc);
}
