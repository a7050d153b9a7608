/* kv_wal.c: records out, and back in after a crash. */
#include "daemon/store/kv_wal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include <zlib.h>

#include "proto/status.h"

#define MAGIC "smmqwal1"
#define HEAD_BYTES 4096
#define ALIGN 8
#define LAG_SHIFT 24
#define LAG_MAX 255u

struct wal_head { char magic[8]; unsigned char epoch[WAL_EPOCH_BYTES]; uint64_t file_bytes; };
struct wal_record { uint32_t len_lag, crc; uint64_t seq; };

struct wal_file { int fd; uint64_t at, last_seq; /* 0: it holds nothing that is needed */ };

struct wal {
	struct wal_file files[2];
	unsigned active;
	uint64_t file_bytes;
	unsigned char epoch[WAL_EPOCH_BYTES];
	pthread_mutex_t sync_mutex;      /* one sync at a time: whoever comes second may rely on what the first has done */
	bool failed;                     /* under it: a sync that failed once is not asked again, since the kernel forgets */
	atomic_bool dirty[2];
	atomic_uint_fast64_t written, synced;    /* seq of the last record that is */
};

static int wal_status(int error)
{
	return error == ENOSPC || error == EDQUOT ? -ST_NO_SPACE : -ST_IO;
}

/* ---- files ---- */

static int file_path(const char *directory, unsigned i, char *out, size_t size)
{
	int n = snprintf(out, size, "%s/wal.%u", directory, i);
	return n < 0 || (size_t)n >= size ? -ST_IO : 0;
}

static struct wal *wal_new(const unsigned char *epoch, uint64_t file_bytes)
{
	struct wal *w = calloc(1, sizeof *w);
	if (w == NULL || pthread_mutex_init(&w->sync_mutex, NULL) != 0) {
		free(w);
		return NULL;
	}
	w->files[0] = w->files[1] = (struct wal_file){ .fd = -1, .at = HEAD_BYTES };
	w->file_bytes = file_bytes;
	memcpy(w->epoch, epoch, sizeof w->epoch);
	return w;
}

void wal_close(struct wal *w)
{
	if (w == NULL)
		return;
	for (unsigned i = 0; i < 2; i++)
		if (w->files[i].fd >= 0)
			(void)close(w->files[i].fd);
	(void)pthread_mutex_destroy(&w->sync_mutex);
	free(w);
}

/* Zeros are written, not reserved: blocks that were only reserved would cost each sync a change of the file's own records. */
static int file_fill(int fd, const struct wal_head *head, uint64_t file_bytes)
{
	static const char zeros[64 * 1024];
	for (uint64_t at = 0; at < file_bytes;) {
		size_t n = file_bytes - at < sizeof zeros ? (size_t)(file_bytes - at) : sizeof zeros;
		ssize_t wrote = pwrite(fd, zeros, n, (off_t)at);
		if (wrote <= 0)
			return wal_status(wrote < 0 ? errno : EIO);
		at += (uint64_t)wrote;
	}
	if (pwrite(fd, head, sizeof *head, 0) != (ssize_t)sizeof *head || fsync(fd) != 0)
		return wal_status(errno);
	return 0;
}

static int directory_sync(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -ST_IO;
	int rc = fsync(fd) == 0 ? 0 : -ST_IO;
	(void)close(fd);
	return rc;
}

int wal_create(const char *directory, size_t file_bytes, const unsigned char epoch[WAL_EPOCH_BYTES], struct wal **out)
{
	struct wal_head head = { .magic = MAGIC, .file_bytes = file_bytes };
	struct wal *w = wal_new(epoch, file_bytes);
	char path[4096];
	int rc = w == NULL ? -ST_NO_MEMORY : 0;
	memcpy(head.epoch, epoch, sizeof head.epoch);
	for (unsigned i = 0; rc == 0 && i < 2; i++) {
		rc = file_path(directory, i, path, sizeof path);
		if (rc < 0)
			break;
		w->files[i].fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		rc = w->files[i].fd < 0 ? wal_status(errno) : ftruncate(w->files[i].fd, (off_t)file_bytes) != 0 ? wal_status(errno) : 0;
		if (rc == 0)
			rc = file_fill(w->files[i].fd, &head, file_bytes);
		if (rc == -ST_NO_SPACE)
			(void)unlink(path);
	}
	if (rc == 0)
		rc = directory_sync(directory);
	if (rc < 0) {
		wal_close(w);
		return rc;
	}
	*out = w;
	return 0;
}

/* Reads the head of file i; false where there is none. */
static bool head_read(const char *directory, unsigned i, int *fd, struct wal_head *head)
{
	char path[4096];
	*fd = -1;
	if (file_path(directory, i, path, sizeof path) == 0)
		*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return *fd >= 0 && pread(*fd, head, sizeof *head, 0) == (ssize_t)sizeof *head && memcmp(head->magic, MAGIC, sizeof head->magic) == 0;
}

bool wal_any(const char *directory)
{
	struct wal_head head;
	bool any = false;
	for (unsigned i = 0; i < 2; i++) {
		int fd;
		any = head_read(directory, i, &fd, &head) || any;
		if (fd >= 0)
			(void)close(fd);
	}
	return any;
}

int wal_open(const char *directory, const unsigned char epoch[WAL_EPOCH_BYTES], struct wal **out)
{
	struct wal *w = wal_new(epoch, 0);
	char path[4096];
	int rc = w == NULL ? -ST_NO_MEMORY : 0;
	for (unsigned i = 0; rc == 0 && i < 2; i++) {
		struct wal_head head;
		rc = file_path(directory, i, path, sizeof path);
		if (rc < 0)
			break;
		w->files[i].fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
		if (w->files[i].fd < 0)
			rc = errno == ENOENT ? -ST_NO_ITEM : -ST_IO;
		else if (pread(w->files[i].fd, &head, sizeof head, 0) != (ssize_t)sizeof head)
			rc = -ST_NO_ITEM;
		else if (memcmp(head.magic, MAGIC, sizeof head.magic) != 0 || memcmp(head.epoch, epoch, sizeof head.epoch) != 0 ||
		         head.file_bytes < WAL_MIN_BYTES || head.file_bytes > WAL_MAX_BYTES)
			rc = -ST_NO_ITEM;
		else
			w->file_bytes = head.file_bytes;
	}
	if (rc < 0) {
		wal_close(w);
		return rc;
	}
	*out = w;
	return 0;
}

/* ---- records ---- */

static size_t record_len(const struct wal_record *r)
{
	return r->len_lag & ((1U << LAG_SHIFT) - 1);
}

/* All up to here was synced when the record was written. */
static uint64_t record_promised(const struct wal_record *r)
{
	return r->seq - 1 - (r->len_lag >> LAG_SHIFT);
}

static uint32_t record_crc(const struct wal *w, const struct wal_record *r, const void *payload)
{
	uLong crc = crc32(0, w->epoch, sizeof w->epoch);
	crc = crc32(crc, (const Bytef *)&r->len_lag, sizeof r->len_lag);
	crc = crc32(crc, (const Bytef *)&r->seq, sizeof r->seq);
	return (uint32_t)crc32_z(crc, payload, record_len(r));
}

static uint64_t record_bytes(size_t len)
{
	return (sizeof(struct wal_record) + len + ALIGN - 1) / ALIGN * ALIGN;
}

static int write_all(int fd, struct iovec *iov, int count, uint64_t at)
{
	while (count > 0) {
		ssize_t n = pwritev(fd, iov, count, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return wal_status(n < 0 ? errno : EIO);
		at += (uint64_t)n;
		for (; count > 0 && (size_t)n >= iov->iov_len; iov++, count--)
			n -= (ssize_t)iov->iov_len;
		if (count > 0) {
			iov->iov_base = (char *)iov->iov_base + n;
			iov->iov_len -= (size_t)n;
		}
	}
	return 0;
}

int wal_sync(struct wal *w)
{
	(void)pthread_mutex_lock(&w->sync_mutex);
	/* Whoever raised it had marked the file before. */
	uint64_t upto = atomic_load(&w->written);
	for (unsigned i = 0; i < 2; i++)
		if (!w->failed && atomic_exchange(&w->dirty[i], false))
			w->failed = fdatasync(w->files[i].fd) != 0;
	if (!w->failed)
		atomic_store(&w->synced, upto);
	int rc = w->failed ? -ST_IO : 0;
	(void)pthread_mutex_unlock(&w->sync_mutex);
	return rc;
}

/* The number of records before seq that are not synced; makes it small enough to be written down. */
static int lag_before(struct wal *w, uint64_t seq, uint32_t *lag)
{
	/* The first of a log: what came before stands in the trees. */
	if (atomic_load(&w->written) == 0) {
		atomic_store(&w->written, seq - 1);
		atomic_store(&w->synced, seq - 1);
	}
	if (seq - 1 - atomic_load(&w->synced) > LAG_MAX) {
		int rc = wal_sync(w);
		if (rc < 0)
			return rc;
	}
	*lag = (uint32_t)(seq - 1 - atomic_load(&w->synced));
	return 0;
}

int wal_append(struct wal *w, uint64_t seq, const void *payload, size_t len)
{
	struct wal_file *f = &w->files[w->active];
	uint64_t bytes = record_bytes(len);
	uint32_t lag;
	if (len > WAL_MAX_BYTES || bytes > w->file_bytes - f->at)
		return -ST_TOO_LARGE;
	int rc = lag_before(w, seq, &lag);
	if (rc < 0)
		return rc;
	union { const void *in; void *out; } body = { .in = payload };       /* only read */
	struct wal_record r = { .len_lag = (uint32_t)len | lag << LAG_SHIFT, .seq = seq };
	r.crc = record_crc(w, &r, payload);
	struct iovec iov[] = { { &r, sizeof r }, { body.out, len } };
	rc = write_all(f->fd, iov, 2, f->at);
	if (rc < 0)
		return rc;
	f->at += bytes;
	f->last_seq = seq;
	atomic_store(&w->dirty[w->active], true);
	atomic_store(&w->written, seq);
	return 0;
}

unsigned wal_percent(const struct wal *w)
{
	return (unsigned)(w->files[w->active].at * 100 / w->file_bytes);
}

bool wal_switch(struct wal *w)
{
	struct wal_file *other = &w->files[1 - w->active];
	if (other->last_seq != 0)
		return false;
	other->at = HEAD_BYTES;
	w->active = 1 - w->active;
	return true;
}

void wal_applied(struct wal *w, uint64_t seq)
{
	for (unsigned i = 0; i < 2; i++)
		if (w->files[i].last_seq <= seq)
			w->files[i] = (struct wal_file){ .fd = w->files[i].fd, .at = HEAD_BYTES };
}

/* ---- replay ---- */

struct wal_reader { struct wal *w; unsigned char *bytes; uint64_t applied; int (*each)(void *, const unsigned char *, size_t); void *ctx; };

static int file_read(const struct wal *w, unsigned i, unsigned char *out)
{
	for (uint64_t at = 0; at < w->file_bytes;) {
		ssize_t n = pread(w->files[i].fd, out + at, (size_t)(w->file_bytes - at), (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -ST_IO;
		at += (uint64_t)n;
	}
	return 0;
}

/* The record at an offset, if there is one. */
static bool record_at(const struct wal *w, const unsigned char *bytes, uint64_t at, struct wal_record *out)
{
	if (w->file_bytes - at < sizeof *out)
		return false;
	memcpy(out, bytes + at, sizeof *out);
	return out->seq != 0 && record_len(out) <= w->file_bytes - at - sizeof *out &&
	       record_crc(w, out, bytes + at + sizeof *out) == out->crc;
}

/* A record that comes after a gap: -ST_CORRUPT if what is missing, the one after seq, was promised; else it is lost with it. */
static int gap_status(const struct wal_record *after, uint64_t seq, bool *torn)
{
	*torn = true;
	return record_promised(after) > seq ? -ST_CORRUPT : 0;
}

/* Looks for later records behind the place where the records end. */
static int file_goes_on(const struct wal *w, const unsigned char *bytes, uint64_t at, uint64_t seq, bool *torn)
{
	struct wal_record r;
	int rc = 0;
	for (; rc == 0 && at < w->file_bytes && w->file_bytes - at >= sizeof r; at += ALIGN) {
		memcpy(&r.seq, bytes + at + offsetof(struct wal_record, seq), sizeof r.seq);
		if (r.seq > seq && r.seq - seq < w->file_bytes && record_at(w, bytes, at, &r))
			rc = gap_status(&r, seq, torn);
	}
	return rc;
}

bool wal_foreign(const char *directory, const unsigned char epoch[WAL_EPOCH_BYTES])
{
	bool found = false;
	for (unsigned i = 0; i < 2 && !found; i++) {
		struct wal_head head;
		struct wal w = { .file_bytes = WAL_MAX_BYTES };
		struct wal_record r;
		int fd;
		bool other = head_read(directory, i, &fd, &head) && memcmp(head.epoch, epoch, sizeof head.epoch) != 0;
		if (other && pread(fd, &r, sizeof r, HEAD_BYTES) == (ssize_t)sizeof r && r.seq != 0 && record_len(&r) <= WAL_MAX_BYTES) {
			unsigned char *payload = malloc(record_len(&r) + 1);
			memcpy(w.epoch, head.epoch, sizeof w.epoch);
			found = payload != NULL && pread(fd, payload, record_len(&r), HEAD_BYTES + sizeof r) == (ssize_t)record_len(&r) &&
			        record_crc(&w, &r, payload) == r.crc;
			free(payload);
		}
		if (fd >= 0)
			(void)close(fd);
	}
	return found;
}

/* Whether a record that should come next was begun where the records end, and is not whole. */
static bool record_torn(const struct wal *w, const unsigned char *bytes, uint64_t at, uint64_t seq)
{
	struct wal_record r;
	if (w->file_bytes - at < sizeof r)
		return false;
	memcpy(&r, bytes + at, sizeof r);
	return r.seq == seq + 1;
}

/* Goes through the records of one file; *seq is the last one seen. */
static int file_replay(struct wal_reader *r, unsigned i, const unsigned char *bytes, uint64_t *seq, bool *torn)
{
	struct wal_file *f = &r->w->files[i];
	struct wal_record rec;
	uint64_t at = HEAD_BYTES, before = 0;
	for (; record_at(r->w, bytes, at, &rec) && (before == 0 || rec.seq == before + 1); at += record_bytes(record_len(&rec))) {
		before = rec.seq;
		if (rec.seq <= *seq)
			continue;
		if (rec.seq != *seq + 1)
			return gap_status(&rec, *seq, torn);
		int rc = r->each(r->ctx, bytes + at + sizeof rec, record_len(&rec));
		if (rc < 0)
			return rc;
		*seq = rec.seq;
		f->last_seq = rec.seq;
		f->at = at + record_bytes(record_len(&rec));
	}
	*torn = *torn || record_torn(r->w, bytes, at, *seq);
	return file_goes_on(r->w, bytes, at, *seq, torn);
}

int wal_replay(struct wal *w, uint64_t applied, int (*each)(void *ctx, const unsigned char *payload, size_t len), void *ctx,
               uint64_t *last, bool *torn)
{
	struct wal_reader r = { .w = w, .each = each, .ctx = ctx };
	struct wal_record first[2] = { { .seq = 0 }, { .seq = 0 } };
	unsigned char *bytes = malloc(2 * (size_t)w->file_bytes);
	int rc = bytes == NULL ? -ST_NO_MEMORY : 0;
	for (unsigned i = 0; rc == 0 && i < 2; i++) {
		rc = file_read(w, i, bytes + i * w->file_bytes);
		if (rc == 0 && !record_at(w, bytes + i * w->file_bytes, HEAD_BYTES, &first[i]))
			first[i].seq = UINT64_MAX;
	}
	unsigned older = first[1].seq < first[0].seq;
	*last = applied;
	*torn = false;
	for (unsigned i = 0; rc == 0 && i < 2; i++)
		rc = file_replay(&r, i == 0 ? older : 1 - older, bytes + (i == 0 ? older : 1 - older) * w->file_bytes, last,
		                 torn);
	free(bytes);
	/* Writing goes on where the newest record ends. */
	w->active = w->files[1].last_seq > w->files[0].last_seq;
	/* A killed process has left records that it never synced; from now on they are relied upon. */
	atomic_store(&w->dirty[0], true);
	atomic_store(&w->dirty[1], true);
	atomic_store(&w->written, *last);
	return rc < 0 ? rc : wal_sync(w);
}
