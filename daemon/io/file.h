/* file.h: files, off the loop (libuv's pool). Media come in as a stream and end under their SHA-256; the outbox writes
 * finished posts. Everything that is named is complete: written to a temporary name beginning with a dot, synced,
 * renamed, directory synced. */
#ifndef SMMQ_IO_FILE_H
#define SMMQ_IO_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct files;
struct file_sink;

/* directory: where media live, as <directory>/ab/abcdef... ; made (0700) if missing. Stale temporary files are removed.
 * 0, -ST_IO with errno, -ST_NO_MEMORY. */
int files_new(struct loop *l, const char *directory, struct files **out);
/* Waits for what is under way in the pool; callbacks do not run. Sinks are freed before; the loop is freed after. */
void files_free(struct files *f);
/* Of a stored file; "" if sha256 is not 64 lower-case hex digits or the path does not fit. Returns buf. */
const char *files_path(const struct files *f, const char *sha256, char *buf, size_t size);

struct file_info {
	char sha256[65];
	uint64_t size_bytes;
	char mime[64];                           /* by content (image.h); "application/octet-stream" if not known */
	uint32_t width, height;                  /* 0 where not an image */
};

/* ---- a stream into the store ---- */
/* Begins a file of exactly size bytes. 0, -ST_NO_MEMORY. Opening happens in the pool with the first write, and takes
 * room for all of it, so that a full disk shows there. */
int file_sink_new(struct files *f, uint64_t size, struct file_sink **out);
/* Copies data and writes and hashes it in the pool. ready(ctx, error) when more may come (error 0) or it failed
 * (-ST_NO_SPACE, -ST_IO; the sink is then dead and only file_sink_free remains). One write at a time, 1 MiB at most.
 * 0, or a status at once, and ready does not run: the sink's error, -ST_BUSY, -ST_TOO_LARGE, -ST_NO_MEMORY. */
int file_sink_write(struct file_sink *s, const void *data, size_t len, void (*ready)(void *ctx, int error), void *ctx);
/* After the last byte: sync, name it, probe it. done(ctx, error, info). A file that is already there is kept.
 * 0, or as above; -ST_INVALID while bytes are missing. info is NULL on error. Then only file_sink_free remains. */
int file_sink_finish(struct file_sink *s, void (*done)(void *ctx, int error, const struct file_info *info), void *ctx);
/* Ends it at any time, also from its callbacks; unfinished data are removed. Waits for nothing: what is in the pool
 * finishes behind the curtain. */
void file_sink_free(struct file_sink *s);

/* Removes a stored file in the pool; done may be NULL. One that is not there is fine. 0, -ST_INVALID, -ST_NO_MEMORY. */
int file_remove(struct files *f, const char *sha256, void (*done)(void *ctx, int error), void *ctx);

/* ---- a finished post for the outbox ---- */
/* Media to hard-link (copy across file systems) beside it; open: always a copy, which everybody may read. */
struct file_link { char *sha256; char *name; bool open; };
/* Writes directory/name atomically with mode 0640 after making the links (an existing same link is fine); name NULL:
 * only the links. The same name again replaces it: the same post. done(ctx, error, text): text names file and reason,
 * "" on success. Copies everything. Names are plain: no '/', no dot first, at most 240 bytes. 0, -ST_INVALID,
 * -ST_NO_MEMORY. */
int file_publish(struct files *f, const char *directory, const char *name, const void *data, size_t len,
                 const struct file_link *links, size_t link_count,
                 void (*done)(void *ctx, int error, const char *text), void *ctx);
/* Removes directory/name; one that is not there is fine. As file_publish. */
int file_unpublish(struct files *f, const char *directory, const char *name,
                   void (*done)(void *ctx, int error, const char *text), void *ctx);

#endif
