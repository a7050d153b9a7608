/* kv_lmdb_file.h: LMDB's files where it trusts them blindly. Private to kv_lmdb*.c; codes are LMDB's (0, errno, MDB_*). */
#ifndef SMMQ_STORE_KV_LMDB_FILE_H
#define SMMQ_STORE_KV_LMDB_FILE_H

#include <lmdb.h>
#include <stddef.h>

/* LMDB makes its lock file sparse and then touches it through a mapping: on a full disk that is a SIGBUS. So the blocks are
 * claimed first, where failing is an ordinary error. */
int lmdb_file_claim_lock(const char *directory);
/* A data file that is shorter than its pages is a SIGBUS at the first look behind its end. MDB_CORRUPTED and why, where pages that
 * hold something are missing. */
int lmdb_file_whole(MDB_env *env, const char *directory, char *why, size_t why_size);

#endif
