/* file_publish.c: a finished post for the outbox, and files that the world may see for a while. The post's own file is named last: who sees it finds its media beside
 * it. Temporary names are made of the final ones, so that what a crash leaves is taken over by the next attempt. */
#include "daemon/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/io/file_pool.h"
#include "proto/status.h"

#define MAX_NAME_BYTES 240             /* with the prefix it still fits a directory entry */
#define MAX_LINKS 64
#define COPY_BYTES (64 * 1024)
#define OPEN_MODE 0644                 /* for a web server of another user */

struct publication {
	struct job job;                /* first: found through it */
	char *directory, *name, *data;
	size_t len;
	struct file_link *links;
	size_t link_count;
	int error;
	char text[512];                /* what failed, for people */
	void (*done)(void *ctx, int error, const char *text);
	void *ctx;
};

/* ---- on a pool thread ---- */

static int failed(struct publication *p, const char *what)
{
	char reason[128];
	int saved = errno;

	snprintf(p->text, sizeof p->text, "%.200s/%.240s: %s", p->directory, what,
	         strerror_r(saved, reason, sizeof reason));
	p->error = file_error(saved);
	return -1;
}

static const char *temp_name(const char *name, char *buf, size_t size)
{
	snprintf(buf, size, FILE_TEMP_PREFIX "%s", name);
	return buf;
}

static int open_temp(int dir, const char *temp, mode_t mode)
{
	int fd;

	/* Not truncated but made anew: the name may be a link to a stored file. */
	(void)unlinkat(dir, temp, 0);
	fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0 && fchmod(fd, mode) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int sync_and_close(int fd, int err)
{
	int saved;

	if (err == 0)
		err = fsync(fd);
	saved = errno;
	close(fd);
	errno = saved;
	return err;
}

static int copy_bytes(int from, int to)
{
	char piece[COPY_BYTES];
	ssize_t n;

	while ((n = read(from, piece, sizeof piece)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || file_write_all(to, piece, (size_t)n) != 0)
			return -1;
	}
	return 0;
}

static int copy_to_temp(const char *from_path, int dir, const char *temp, mode_t mode)
{
	int from = open(from_path, O_RDONLY | O_CLOEXEC), to, err, saved;

	if (from < 0)
		return -1;
	to = open_temp(dir, temp, mode);
	err = to < 0 ? -1 : sync_and_close(to, copy_bytes(from, to));
	saved = errno;
	close(from);
	errno = saved;
	return err;
}

/* Another file system, one without links, or a file with all the links it can have. */
static bool needs_copy(int errno_value)
{
	return errno_value == EXDEV || errno_value == EPERM || errno_value == EMLINK || errno_value == EOPNOTSUPP;
}

static int place_link(struct publication *p, int dir, const struct file_link *link)
{
	char from[4096], temp[sizeof FILE_TEMP_PREFIX + MAX_NAME_BYTES];
	int err;

	files_path(p->job.files, link->sha256, from, sizeof from);
	temp_name(link->name, temp, sizeof temp);
	(void)unlinkat(dir, temp, 0);
	if (link->open)
		err = copy_to_temp(from, dir, temp, OPEN_MODE);
	else
		err = linkat(AT_FDCWD, from, dir, temp, 0);
	if (err != 0 && !link->open && needs_copy(errno))
		err = copy_to_temp(from, dir, temp, FILE_MODE);
	if (err != 0 || renameat(dir, temp, dir, link->name) != 0) {
		failed(p, link->name);
		(void)unlinkat(dir, temp, 0);
		return -1;
	}
	/* rename does nothing where both names are the same file already. */
	(void)unlinkat(dir, temp, 0);
	return 0;
}

static int place_post(struct publication *p, int dir)
{
	char temp[sizeof FILE_TEMP_PREFIX + MAX_NAME_BYTES];
	int fd = open_temp(dir, temp_name(p->name, temp, sizeof temp), FILE_MODE);

	if (fd < 0 || sync_and_close(fd, file_write_all(fd, p->data, p->len)) != 0 ||
	    renameat(dir, temp, dir, p->name) != 0) {
		failed(p, p->name);
		(void)unlinkat(dir, temp, 0);
		return -1;
	}
	return fsync(dir) != 0 ? failed(p, p->name) : 0;
}

static void publish_work(struct job *j)
{
	struct publication *p = (struct publication *)j;
	int dir = open(p->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0) {
		failed(p, "");
		return;
	}
	for (size_t i = 0; i < p->link_count && p->error == 0; i++)
		(void)place_link(p, dir, &p->links[i]);
	if (p->error == 0 && p->name != NULL)
		(void)place_post(p, dir);
	else if (p->error == 0 && fsync(dir) != 0)
		failed(p, "");
	close(dir);
}

static void unpublish_work(struct job *j)
{
	struct publication *p = (struct publication *)j;
	int dir = open(p->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0) {
		failed(p, "");
		return;
	}
	if (unlinkat(dir, p->name, 0) != 0 && errno != ENOENT)
		failed(p, p->name);
	close(dir);
}

/* ---- on the loop thread ---- */

static void publication_free(struct publication *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->link_count; i++) {
		free(p->links[i].sha256);
		free(p->links[i].name);
	}
	free(p->links);
	free(p->directory);
	free(p->name);
	free(p->data);
	free(p);
}

static void publish_after(struct job *j, bool quiet)
{
	struct publication *p = (struct publication *)j;

	if (!quiet)
		p->done(p->ctx, p->error, p->text);
	publication_free(p);
}

/* A plain name: nothing that leaves the directory, nothing hidden. */
static bool is_name(const char *name)
{
	return name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL && strlen(name) <= MAX_NAME_BYTES;
}

static int copy_links(struct publication *p, const struct file_link *links, size_t count)
{
	p->links = count > 0 ? calloc(count, sizeof *p->links) : NULL;
	if (count > 0 && p->links == NULL)
		return -ST_NO_MEMORY;
	p->link_count = count;
	for (size_t i = 0; i < count; i++) {
		if (!file_is_sha256(links[i].sha256) || !is_name(links[i].name))
			return -ST_INVALID;
		p->links[i].open = links[i].open;
		p->links[i].sha256 = strdup(links[i].sha256);
		p->links[i].name = strdup(links[i].name);
		if (p->links[i].sha256 == NULL || p->links[i].name == NULL)
			return -ST_NO_MEMORY;
	}
	return 0;
}

static struct publication *publication_new(const char *directory, const char *name,
                                           void (*done)(void *ctx, int error, const char *text), void *ctx)
{
	struct publication *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->done = done;
	p->ctx = ctx;
	p->directory = strdup(directory);
	p->name = name != NULL ? strdup(name) : NULL;
	if (p->directory == NULL || (name != NULL && p->name == NULL)) {
		publication_free(p);
		return NULL;
	}
	return p;
}

int file_publish(struct files *f, const char *directory, const char *name, const void *data, size_t len,
                 const struct file_link *links, size_t link_count,
                 void (*done)(void *ctx, int error, const char *text), void *ctx)
{
	struct publication *p;
	int err;

	if ((name != NULL && !is_name(name)) || link_count > MAX_LINKS)
		return -ST_INVALID;
	p = publication_new(directory, name, done, ctx);
	if (p == NULL)
		return -ST_NO_MEMORY;
	p->data = malloc(len > 0 ? len : 1);
	err = p->data == NULL ? -ST_NO_MEMORY : copy_links(p, links, link_count);
	if (err != 0) {
		publication_free(p);
		return err;
	}
	if (len > 0)
		memcpy(p->data, data, len);
	p->len = len;
	pool_submit(f, &p->job, publish_work, publish_after);
	return 0;
}

int file_unpublish(struct files *f, const char *directory, const char *name,
                   void (*done)(void *ctx, int error, const char *text), void *ctx)
{
	struct publication *p;

	if (!is_name(name))
		return -ST_INVALID;
	p = publication_new(directory, name, done, ctx);
	if (p == NULL)
		return -ST_NO_MEMORY;
	pool_submit(f, &p->job, unpublish_work, publish_after);
	return 0;
}
