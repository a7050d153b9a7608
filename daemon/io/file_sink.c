/* file_sink.c: a stream into the media directory. Every write, the hashing, the sync and the naming run in the pool,
 * one job of a sink at a time; between jobs the sink belongs to the loop thread. */
#include "daemon/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/io/file_pool.h"
#include "daemon/io/image.h"
#include "proto/status.h"

#define MAX_WRITE_BYTES (1024 * 1024)

struct file_sink {
	struct job job;                /* first: found through it */
	struct files *files;
	uint64_t size, written;
	int fd;                        /* -1 until the first job */
	char *temp;                    /* NULL when there is nothing to remove */
	EVP_MD_CTX *md;
	char *data;
	size_t len, cap;
	int error;                     /* of the job, 0 or a status; sticky */
	bool busy, abandoned;
	struct file_info info;
	void (*ready)(void *ctx, int error);
	void (*done)(void *ctx, int error, const struct file_info *info);
	void *ctx;
};

int file_sink_new(struct files *f, uint64_t size, struct file_sink **out)
{
	struct file_sink *s;

	if (size > INT64_MAX)
		return -ST_TOO_LARGE;
	s = calloc(1, sizeof *s);
	if (s == NULL)
		return -ST_NO_MEMORY;
	s->files = f;
	s->size = size;
	s->fd = -1;
	s->md = EVP_MD_CTX_new();
	if (s->md == NULL || EVP_DigestInit_ex(s->md, EVP_sha256(), NULL) != 1 ||
	    asprintf(&s->temp, "%s/" FILE_TEMP_PREFIX "%ld-%llu", f->directory, (long)getpid(),
	             (unsigned long long)f->temp_count++) < 0) {
		EVP_MD_CTX_free(s->md);
		free(s);
		return -ST_NO_MEMORY;
	}
	*out = s;
	return 0;
}

static void sink_release(struct file_sink *s)
{
	EVP_MD_CTX_free(s->md);
	free(s->temp);
	free(s->data);
	free(s);
}

/* ---- on a pool thread ---- */

static int sink_open(struct file_sink *s)
{
	int err;

	if (s->fd >= 0)
		return 0;
	s->fd = open(s->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	/* Media are hard-linked into outboxes, where the group reads them; here the directory keeps others out. */
	if (s->fd < 0 || fchmod(s->fd, FILE_MODE) != 0)
		return file_error(errno);
	/* Room for all of it is taken now, so that a full disk is found before the bytes came and not after. */
	err = s->size > 0 && fallocate(s->fd, 0, 0, (off_t)s->size) != 0 ? errno : 0;
	return err == ENOSPC || err == EDQUOT || err == EFBIG ? file_error(err) : 0;      /* others: not offered here */
}

static void write_work(struct job *j)
{
	struct file_sink *s = (struct file_sink *)j;

	s->error = sink_open(s);
	if (s->error != 0)
		return;
	if (file_write_all(s->fd, s->data, s->len) != 0)
		s->error = file_error(errno);
	else if (EVP_DigestUpdate(s->md, s->data, s->len) != 1)
		s->error = -ST_INTERNAL;
	else
		s->written += s->len;
}

static int sink_hash(struct file_sink *s)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (EVP_DigestFinal_ex(s->md, hash, &len) != 1 || (size_t)len * 2 >= sizeof s->info.sha256)
		return -ST_INTERNAL;
	for (unsigned i = 0; i < len; i++) {
		s->info.sha256[2 * i] = hex[hash[i] >> 4];
		s->info.sha256[2 * i + 1] = hex[hash[i] & 15];
	}
	s->info.sha256[2 * len] = '\0';
	return 0;
}

/* Gives the temporary file its name. One of the same name and size is the same content: it stays, as others may have
 * linked it. */
static int sink_name(struct file_sink *s)
{
	char path[4096], *slash;
	struct stat st;

	if (files_path(s->files, s->info.sha256, path, sizeof path)[0] == '\0')
		return -ST_IO;
	slash = strrchr(path, '/');
	*slash = '\0';
	if (mkdir(path, 0700) == 0) {
		if (file_sync_directory(s->files->directory) != 0)
			return file_error(errno);
	} else if (errno != EEXIST) {
		return file_error(errno);
	}
	*slash = '/';
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == s->size) {
		(void)unlink(s->temp);
	} else if (rename(s->temp, path) != 0) {
		return file_error(errno);
	}
	free(s->temp);
	s->temp = NULL;
	*slash = '\0';
	return file_sync_directory(path) != 0 ? file_error(errno) : 0;
}

static void finish_work(struct job *j)
{
	struct file_sink *s = (struct file_sink *)j;

	s->error = sink_open(s);
	if (s->error == 0 && fsync(s->fd) != 0)
		s->error = file_error(errno);
	if (s->error == 0)
		s->error = sink_hash(s);
	if (s->error == 0)
		s->error = image_probe(s->fd, s->info.mime, sizeof s->info.mime, &s->info.width, &s->info.height);
	if (s->error == 0)
		s->error = sink_name(s);
	s->info.size_bytes = s->size;
}

static void discard_work(struct job *j)
{
	struct file_sink *s = (struct file_sink *)j;

	if (s->fd >= 0) {
		close(s->fd);
		if (s->temp != NULL)
			(void)unlink(s->temp);
	}
	s->fd = -1;
}

/* ---- on the loop thread ---- */

static void discard_after(struct job *j, bool quiet)
{
	(void)quiet;
	discard_work(j);      /* if it was cancelled in the pool; else there is nothing left to do */
	sink_release((struct file_sink *)j);
}

static void sink_discard(struct file_sink *s, bool quiet)
{
	if (quiet)
		discard_after(&s->job, true);
	else
		pool_submit(s->files, &s->job, discard_work, discard_after);
}

/* True when the owner is to be told. */
static bool sink_returns(struct file_sink *s, bool quiet)
{
	s->busy = false;
	if (!s->abandoned)
		return !quiet;
	sink_discard(s, quiet);
	return false;
}

static void write_after(struct job *j, bool quiet)
{
	struct file_sink *s = (struct file_sink *)j;

	if (sink_returns(s, quiet))
		s->ready(s->ctx, s->error);
}

static void finish_after(struct job *j, bool quiet)
{
	struct file_sink *s = (struct file_sink *)j;
	struct file_info info = s->info;      /* done may free the sink */

	if (sink_returns(s, quiet))
		s->done(s->ctx, s->error, s->error == 0 ? &info : NULL);
}

int file_sink_write(struct file_sink *s, const void *data, size_t len, void (*ready)(void *ctx, int error), void *ctx)
{
	if (s->error != 0)
		return s->error;
	if (s->busy)
		return -ST_BUSY;
	if (len > MAX_WRITE_BYTES || len > s->size - s->written)
		return -ST_TOO_LARGE;
	if (len > s->cap) {
		char *more = realloc(s->data, len);

		if (more == NULL)
			return -ST_NO_MEMORY;
		s->data = more;
		s->cap = len;
	}
	if (len > 0)
		memcpy(s->data, data, len);
	s->len = len;
	s->ready = ready;
	s->ctx = ctx;
	s->busy = true;
	pool_submit(s->files, &s->job, write_work, write_after);
	return 0;
}

int file_sink_finish(struct file_sink *s, void (*done)(void *ctx, int error, const struct file_info *info), void *ctx)
{
	if (s->error != 0)
		return s->error;
	if (s->busy)
		return -ST_BUSY;
	if (s->written != s->size)
		return -ST_INVALID;
	s->done = done;
	s->ctx = ctx;
	s->busy = true;
	pool_submit(s->files, &s->job, finish_work, finish_after);
	return 0;
}

void file_sink_free(struct file_sink *s)
{
	if (s == NULL)
		return;
	s->abandoned = true;
	if (s->busy)
		return;      /* write_after or finish_after goes on */
	if (s->fd < 0)
		sink_release(s);
	else
		sink_discard(s, s->files->freed);
}
