/* kv_lmdb_map.c: the size of the map, and how much of it is left. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "daemon/store/kv_lmdb_priv.h"
#include "proto/status.h"

#define LMDB_LOW_BYTES (64u * 1024 * 1024)
#define LMDB_HOLD_STEP_BYTES (4u * 1024 * 1024)

int lmdb_used(struct lmdb *db, uint64_t *used_bytes, uint64_t *map_bytes)
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
int lmdb_remap(struct lmdb *db, size_t bytes)
{
	void *room = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED)
		return ENOMEM;
	(void)munmap(room, bytes);
	return mdb_env_set_mapsize(db->env, bytes);
}

void lmdb_enter(struct lmdb *db)
{
	pthread_mutex_lock(&db->mutex);
	db->users++;
	pthread_mutex_unlock(&db->mutex);
}

void lmdb_leave(struct lmdb *db)
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

int lmdb_usage(struct lmdb *db, struct kv_usage *out)
{
	*out = (struct kv_usage){ 0 };
	lmdb_enter(db);
	int rc = lmdb_used(db, &out->used_bytes, &out->map_bytes);
	lmdb_leave(db);
	return lmdb_status(rc);
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

/* Bytes of disk that are the data file's already, behind what is used of it. */
static uint64_t lmdb_held(int fd, uint64_t used_bytes)
{
	struct stat st;
	uint64_t blocks = fstat(fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
	return blocks > used_bytes ? blocks - used_bytes : 0;
}

int lmdb_hold(struct lmdb *db, uint64_t bytes)
{
	uint64_t used = 0, map = 0;
	mdb_filehandle_t fd;
	lmdb_enter(db);
	int rc = lmdb_used(db, &used, &map);
	if (rc == 0)
		rc = mdb_env_get_fd(db->env, &fd);
	if (rc == 0 && lmdb_held(fd, used) < bytes) {
		/* Ahead by a step where there is room for one. */
		rc = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)(used + bytes + LMDB_HOLD_STEP_BYTES)) == 0 ? 0 : errno;
		if (rc == ENOSPC || rc == EDQUOT)
			rc = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)(used + bytes)) == 0 ? 0 : errno;
		/* A file system that cannot: then what others leave free has to do. */
		if (rc == EOPNOTSUPP || rc == ENOSYS || rc == EINTR)
			rc = 0;
	}
	lmdb_leave(db);
	return lmdb_status(rc);
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
	uint64_t disk = (uint64_t)fs.f_bavail * fs.f_frsize + lmdb_held(fd, used);
	*out_bytes = beyond < disk ? beyond : disk;
	/* The list of free pages is only read when it matters. */
	if (*out_bytes < LMDB_LOW_BYTES && (rc = lmdb_free_pages(txn->db, &freed)) == 0)
		*out_bytes += freed * st.ms_psize;
	return lmdb_status(rc);
}
