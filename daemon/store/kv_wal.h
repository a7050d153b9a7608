/* kv_wal.h: the write-ahead log: two files of fixed size beside the trees, written in turn. Private to kv*.c.
 *
 * A committed transaction is one record. Records are written by one thread and synced by another, so several may be on their
 * way to the disk at once; what is promised to anybody is synced. While one file fills, what the other holds is brought into
 * the trees; then the other is free. Both are filled with zeros when they are made, so that a sync has nothing but data to
 * write and a full disk is met at start, not in a commit.
 *
 *     file:    "smmqwal1", epoch(8), zeros up to 4096; then records without gaps
 *     record:  length and lag(4) crc32(4) seq(8) payload(length), zeros up to a multiple of 8; integers as the machine has them
 *
 * crc32 is that of epoch, length and lag, seq and payload. Records count up by one; what an older round left behind has a lower
 * seq, what an older epoch left another crc, and what was cut off by a crash no right one: replay ends there. The lag (the
 * upper 8 bits) tells how many records before this one were not synced when it was written. A power cut may leave
 * any of the unsynced ones and lose others: a gap before a record that lags behind it is such a loss, and one before a
 * record that does not is damage of what was promised. */
#ifndef SMMQ_STORE_KV_WAL_H
#define SMMQ_STORE_KV_WAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WAL_EPOCH_BYTES 8
#define WAL_MIN_BYTES (256 * 1024)
#define WAL_MAX_BYTES (8 * 1024 * 1024)

struct wal;

/* Makes both files anew, empty, synced. 0, -ST_NO_SPACE, -ST_IO, -ST_NO_MEMORY. */
int wal_create(const char *directory, size_t file_bytes, const unsigned char epoch[WAL_EPOCH_BYTES], struct wal **out);
/* Opens those of an epoch. -ST_NO_ITEM where a file is missing or of another epoch. */
int wal_open(const char *directory, const unsigned char epoch[WAL_EPOCH_BYTES], struct wal **out);
/* Whether there is any log at all; and one of another epoch that holds records. */
bool wal_any(const char *directory);
bool wal_foreign(const char *directory, const unsigned char epoch[WAL_EPOCH_BYTES]);
void wal_close(struct wal *w);                   /* NULL is fine */

/* Calls each with the payload of every record behind applied, in order; negative stops. Once, after wal_open; what was read is synced
 * when it returns. *last: the newest seq; *torn: records behind it were begun and lost; they were not promised, unless the disk
 * changed them, and bytes of them are still there: such a log must be made anew. -ST_IO: a file is cut short, or the disk
 * fails. -ST_CORRUPT where a record in the middle is damaged: what follows it was promised and must not be lost in silence. */
int wal_replay(struct wal *w, uint64_t applied, int (*each)(void *ctx, const unsigned char *payload, size_t len), void *ctx,
               uint64_t *last, bool *torn);

/* Writes one record; wal_sync makes it last. The writer's thread. -ST_TOO_LARGE: it does not fit into what is left (switch, or bring the trees up to date);
 * -ST_NO_SPACE (nothing happened); -ST_IO: what is on disk is not known. */
int wal_append(struct wal *w, uint64_t seq, const void *payload, size_t len);
/* Returns when all that was written before the call is on the disk; 0, or -ST_IO for good: what is on it is not known then. Any thread. */
int wal_sync(struct wal *w);
/* How full the file being written is, in percent. */
unsigned wal_percent(const struct wal *w);
/* Goes on in the other file; false while that still holds what is needed. */
bool wal_switch(struct wal *w);
/* All up to seq stands in the trees, synced. */
void wal_applied(struct wal *w, uint64_t seq);

#endif
