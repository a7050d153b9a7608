/* file_pool.h: work in libuv's pool, and what the files of file share. Private to them.
 *
 * A job is a block that begins with struct job. `work` runs on a pool thread and may touch nothing but its job and what
 * never changes in struct files; `after` runs on the loop thread, always, exactly once, and decides what becomes of the
 * block. */
#ifndef SMMQ_IO_FILE_POOL_H
#define SMMQ_IO_FILE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/io/file.h"

#define FILE_TEMP_PREFIX ".tmp-"
#define FILE_MODE 0640

struct job {
	uv_work_t req;
	struct files *files;
	struct job *prev, *next;
	void (*work)(struct job *j);
	/* quiet: struct files is being freed, so callbacks of the caller's may not run. */
	void (*after)(struct job *j, bool quiet);
};

struct files {
	uv_loop_t *uv;
	char *directory;               /* never changes */
	uint64_t temp_count;
	struct job jobs;               /* list head: `after` is still to come */
	bool freed;
	uv_mutex_t mutex;
	uv_cond_t cond;
	unsigned in_pool;              /* guarded: submitted and `work` not yet over */
};

void pool_submit(struct files *f, struct job *j, void (*work)(struct job *j), void (*after)(struct job *j, bool quiet));

/* A status for errno after a failed call on a file. */
int file_error(int errno_value);
/* Whether text is a lower-case SHA-256 in hex: nothing else may become part of a path. */
bool file_is_sha256(const char *text);
/* All of it, whatever write(2) takes at once. 0 or -1 with errno. */
int file_write_all(int fd, const void *data, size_t len);
/* Makes the entries of a directory durable. 0 or -1 with errno. */
int file_sync_directory(const char *path);

#endif
