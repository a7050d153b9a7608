/* kv_lmdb_file.c: the lock file's blocks, and whether the data file is as long as it says. */
#include "daemon/store/kv_lmdb_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define LMDB_LOCK_BYTES (64 * 1024)

int lmdb_file_claim_lock(const char *directory)
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
	if (rc == 0 && st.st_size < LMDB_LOCK_BYTES)
		rc = posix_fallocate(fd, 0, LMDB_LOCK_BYTES);
	if (rc != 0 && st.st_size == 0)
		(void)unlink(path);
	(void)close(fd);
	return rc;
}

/* Every page that a tree has is asked for; a page of zeros, which stands for one that is missing, is MDB_CORRUPTED. */
static int tree_walk(MDB_txn *txn, MDB_dbi dbi)
{
	MDB_cursor *cur;
	MDB_val k, v;
	int rc = mdb_cursor_open(txn, dbi, &cur);
	if (rc != 0)
		return rc;
	while ((rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT)) == 0)
		;
	mdb_cursor_close(cur);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int trees_walk(MDB_txn *txn)
{
	MDB_cursor *cur;
	MDB_val k, v;
	MDB_dbi names, dbi;
	int rc = mdb_dbi_open(txn, NULL, 0, &names);
	if (rc == 0)
		rc = mdb_cursor_open(txn, names, &cur);
	if (rc != 0)
		return rc;
	while (rc == 0 && (rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT)) == 0) {
		char name[2] = "";
		if (k.mv_size != 1)
			continue;
		name[0] = *(const char *)k.mv_data;
		rc = mdb_dbi_open(txn, name, 0, &dbi);
		if (rc == 0)
			rc = tree_walk(txn, dbi);
	}
	mdb_cursor_close(cur);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int env_walk(MDB_env *env)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
	if (rc != 0)
		return rc;
	rc = trees_walk(txn);
	mdb_txn_abort(txn);
	return rc;
}

/* Pages at the very end may never have been written, since they were taken and given back in one transaction: a file that is short is
 * made as long as it says, with zeros, and then all of it that counts is looked at. */
int lmdb_file_whole(MDB_env *env, const char *directory, char *why, size_t why_size)
{
	MDB_envinfo info;
	MDB_stat st;
	mdb_filehandle_t fd;
	struct stat file;
	int rc = mdb_env_info(env, &info);
	if (rc == 0)
		rc = mdb_env_stat(env, &st);
	if (rc == 0)
		rc = mdb_env_get_fd(env, &fd);
	if (rc == 0 && fstat(fd, &file) != 0)
		rc = errno;
	if (rc != 0)
		return rc;
	uint64_t bytes = (uint64_t)(info.me_last_pgno + 1) * st.ms_psize;
	if ((uint64_t)file.st_size >= bytes)
		return 0;
	if (ftruncate(fd, (off_t)bytes) != 0)
		return errno;
	rc = env_walk(env);
	if (rc != 0) {
		(void)ftruncate(fd, file.st_size);
		(void)snprintf(why, why_size, "%s/data.mdb is cut short: it has %llu bytes of %llu; bring it back whole, or a copy made by smmq backup",
		               directory, (unsigned long long)file.st_size, (unsigned long long)bytes);
		return MDB_CORRUPTED;
	}
	return 0;
}
