/* file.c: the media directory and the pool its work runs in. Streams into it are file_sink.c, the outbox is
 * file_publish.c. */
#include "daemon/io/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/io/file_pool.h"
#include "daemon/io/loop.h"
#include "proto/status.h"

#define SHA256_HEX 64

/* ---- the pool ---- */

static void on_work(uv_work_t *req)
{
	struct job *j = req->data;
	struct files *f = j->files;

	j->work(j);
	uv_mutex_lock(&f->mutex);
	f->in_pool--;
	uv_cond_signal(&f->cond);
	uv_mutex_unlock(&f->mutex);
}

static void files_release(struct files *f)
{
	uv_mutex_destroy(&f->mutex);
	uv_cond_destroy(&f->cond);
	free(f->directory);
	free(f);
}

static void on_after(uv_work_t *req, int status)
{
	struct job *j = req->data;
	struct files *f = j->files;

	(void)status;
	j->prev->next = j->next;
	j->next->prev = j->prev;
	j->after(j, f->freed);
	if (f->freed && f->jobs.next == &f->jobs)
		files_release(f);
}

void pool_submit(struct files *f, struct job *j, void (*work)(struct job *j), void (*after)(struct job *j, bool quiet))
{
	j->req.data = j;
	j->files = f;
	j->work = work;
	j->after = after;
	j->prev = f->jobs.prev;
	j->next = &f->jobs;
	f->jobs.prev->next = j;
	f->jobs.prev = j;
	uv_mutex_lock(&f->mutex);
	f->in_pool++;
	uv_mutex_unlock(&f->mutex);
	(void)uv_queue_work(f->uv, &j->req, on_work, on_after);      /* fails only without a work function */
}

/* ---- helpers of all three files ---- */

int file_error(int errno_value)
{
	switch (errno_value) {
	case ENOSPC:
	case EDQUOT:
		return -ST_NO_SPACE;
	case ENOMEM:
		return -ST_NO_MEMORY;
	default:
		return -ST_IO;
	}
}

bool file_is_sha256(const char *text)
{
	return strlen(text) == SHA256_HEX && strspn(text, "0123456789abcdef") == SHA256_HEX;
}

int file_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? EIO : errno;
			return -1;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int file_sync_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err, saved;

	if (fd < 0)
		return -1;
	err = fsync(fd);
	saved = errno;
	close(fd);
	errno = saved;
	return err;
}

/* ---- the directory ---- */

/* What a crash left behind: nothing is under way yet, so every temporary name is stale. */
static int remove_stale(const char *directory)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;

	if (dir == NULL)
		return file_error(errno);
	while ((entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, FILE_TEMP_PREFIX, strlen(FILE_TEMP_PREFIX)) == 0)
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	return 0;
}

int files_new(struct loop *l, const char *directory, struct files **out)
{
	struct files *f;
	int err;

	if (mkdir(directory, 0700) != 0 && errno != EEXIST)
		return file_error(errno);
	err = remove_stale(directory);
	if (err != 0)
		return err;
	f = calloc(1, sizeof *f);
	if (f == NULL)
		return -ST_NO_MEMORY;
	f->uv = loop_uv(l);
	f->jobs.prev = f->jobs.next = &f->jobs;
	f->directory = strdup(directory);
	if (f->directory == NULL || uv_mutex_init(&f->mutex) != 0) {
		free(f->directory);
		free(f);
		return -ST_NO_MEMORY;
	}
	if (uv_cond_init(&f->cond) != 0) {
		uv_mutex_destroy(&f->mutex);
		free(f->directory);
		free(f);
		return -ST_NO_MEMORY;
	}
	*out = f;
	return 0;
}

void files_free(struct files *f)
{
	if (f == NULL)
		return;
	f->freed = true;
	uv_mutex_lock(&f->mutex);
	for (struct job *j = f->jobs.next; j != &f->jobs; j = j->next)
		if (uv_cancel((uv_req_t *)&j->req) == 0)
			f->in_pool--;
	while (f->in_pool > 0)
		uv_cond_wait(&f->cond, &f->mutex);
	uv_mutex_unlock(&f->mutex);
	if (f->jobs.next == &f->jobs)
		files_release(f);
}

const char *files_path(const struct files *f, const char *sha256, char *buf, size_t size)
{
	int n = -1;

	if (file_is_sha256(sha256))
		n = snprintf(buf, size, "%s/%.2s/%s", f->directory, sha256, sha256);
	if ((n < 0 || (size_t)n >= size) && size > 0)
		buf[0] = '\0';
	return buf;
}

/* ---- removing ---- */

struct removal {
	struct job job;                /* first: freed through it */
	char *path;
	int error;
	void (*done)(void *ctx, int error);
	void *ctx;
};

static void removal_work(struct job *j)
{
	struct removal *r = (struct removal *)j;

	if (unlink(r->path) != 0 && errno != ENOENT)
		r->error = file_error(errno);
}

static void removal_after(struct job *j, bool quiet)
{
	struct removal *r = (struct removal *)j;

	if (!quiet && r->done != NULL)
		r->done(r->ctx, r->error);
	free(r->path);
	free(r);
}

int file_remove(struct files *f, const char *sha256, void (*done)(void *ctx, int error), void *ctx)
{
	char path[4096];
	struct removal *r;

	if (files_path(f, sha256, path, sizeof path)[0] == '\0')
		return -ST_INVALID;
	r = calloc(1, sizeof *r);
	if (r == NULL)
		return -ST_NO_MEMORY;
	r->path = strdup(path);
	if (r->path == NULL) {
		free(r);
		return -ST_NO_MEMORY;
	}
	r->done = done;
	r->ctx = ctx;
	pool_submit(f, &r->job, removal_work, removal_after);
	return 0;
}
