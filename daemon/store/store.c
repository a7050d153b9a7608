/* store.c: opening, locking, transactions, facts and ids. */
#include "daemon/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "daemon/store/store_priv.h"
#include "proto/status.h"
#include "proto/unit.h"

#define STORE_KEEP_BYTES (64 * 1024)     /* a larger scratch is given back */
#define STORE_ID_BLOCK 1000
#define STORE_RESERVE_BYTES (8u * 1024 * 1024)
#define STORE_FINISH_BYTES 4096          /* what an accepted target may still need: its records with what the driver keeps, the journal */
#define STORE_HOLD_EVERY_BYTES (1024 * 1024)
#define STORE_TARGET_BYTES 256           /* in the trees every target takes at least as much: record, index, journal */
#ifndef CIFS_SUPER_MAGIC
#define CIFS_SUPER_MAGIC 0xFF534D42
#endif

/* Items and journal grow at their end; the queue and the keys are trees of their own, so that nothing else moves when they grow. */
static const struct kv_tree trees[] = {
	{ "m", NULL, false }, { "i", "I", true }, { "j", "J", true }, { "d", "D", false }, { "n", "N", false },
};

static int store_lock(const char *directory, int *out_fd, char *why, size_t why_size)
{
	char path[4096];
	int n = snprintf(path, sizeof path, "%s/lock", directory);
	if (n < 0 || (size_t)n >= sizeof path) {
		(void)snprintf(why, why_size, "the path is too long: %s", directory);
		return -ST_CONFIG;
	}
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		(void)snprintf(why, why_size, "cannot open %s: %s", path, strerror(errno));
		return errno == ENOSPC ? -ST_NO_SPACE : -ST_IO;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		char pid[32] = "";
		ssize_t got = pread(fd, pid, sizeof pid - 1, 0);
		if (got > 0)
			pid[strcspn(pid, "\n")] = '\0';
		(void)snprintf(why, why_size, "another smmqd%s%s works on %s; stop it first or use another StateDirectory=",
		               pid[0] ? ", pid " : "", pid, directory);
		(void)close(fd);
		return -ST_CONFLICT;
	}
	char pid[32];
	int len = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)len, 0) != len) {
		/* The lock is what counts; the number in it is a courtesy to the next one's message. */
	}
	*out_fd = fd;
	return 0;
}

static int store_check_directory(const char *directory, char *why, size_t why_size)
{
	struct stat st;
	struct statfs fs;
	if (stat(directory, &st) < 0 || statfs(directory, &fs) < 0) {
		(void)snprintf(why, why_size, "cannot use %s: %s; create it or set StateDirectory=", directory, strerror(errno));
		return -ST_IO;
	}
	if (!S_ISDIR(st.st_mode)) {
		(void)snprintf(why, why_size, "%s is not a directory; set StateDirectory=", directory);
		return -ST_IO;
	}
	switch ((unsigned long)fs.f_type) {
	case NFS_SUPER_MAGIC: case SMB_SUPER_MAGIC: case SMB2_SUPER_MAGIC: case CIFS_SUPER_MAGIC: case AFS_SUPER_MAGIC:
		(void)snprintf(why, why_size, "%s is on a network file system, where locks and memory maps cannot be trusted; "
		               "set StateDirectory= to a local disk", directory);
		return -ST_REFUSED;
	default:
		return 0;
	}
}

int store_open(const char *directory, int64_t map_bytes, struct store **out, char *why, size_t why_size)
{
	why[0] = '\0';
	int rc = store_check_directory(directory, why, why_size);
	if (rc < 0)
		return rc;
	struct store *s = calloc(1, sizeof *s);
	if (s == NULL || (s->directory = strdup(directory)) == NULL) {
		free(s);
		(void)snprintf(why, why_size, "no memory");
		return -ST_NO_MEMORY;
	}
	s->lock_fd = -1;
	rc = store_lock(directory, &s->lock_fd, why, why_size);
	if (rc == 0) {
		char text[256] = "";
		rc = kv_open(directory, map_bytes, trees, sizeof trees / sizeof trees[0], &s->kv, text, sizeof text);
		if (rc < 0)
			(void)snprintf(why, why_size, "cannot open the store in %s: %s%s", directory, text[0] != '\0' ? text : status_info(rc)->help,
			               rc == -ST_NO_SPACE ? "; free some space" : "");
	}
	if (rc == 0)
		rc = store_upgrade(s, why, why_size);
	if (rc < 0) {
		store_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	if (s == NULL)
		return;
	kv_close(s->kv);
	buf_done(&s->record);
	if (s->lock_fd >= 0)
		(void)close(s->lock_fd);
	free(s->directory);
	free(s);
}

int store_tidy(struct store *s, bool idle)
{
	return kv_tidy(s->kv, idle);
}

int store_settle(struct store *s)
{
	return kv_settle(s->kv);
}

unsigned store_doubts(const struct store *s)
{
	_Static_assert(STORE_DOUBT_TORN == KV_DOUBT_TORN && STORE_DOUBT_STALE == KV_DOUBT_STALE, "the same bits");
	return kv_doubts(s->kv);
}

int store_file_id(const struct store *s, char *buf, size_t size)
{
	char path[4096];
	struct statx st;
	int n = snprintf(path, sizeof path, "%s/data.mdb", s->directory);
	if (n < 0 || (size_t)n >= sizeof path || statx(AT_FDCWD, path, 0, STATX_INO | STATX_BTIME, &st) < 0)
		return -ST_IO;
	/* A number of a file is soon given to another; its birth is its own. */
	if ((st.stx_mask & STATX_BTIME) == 0)
		st.stx_btime = (struct statx_timestamp){ 0 };
	(void)snprintf(buf, size, "%llx:%llu-%llx.%x", (unsigned long long)st.stx_dev_major << 32 | st.stx_dev_minor,
	               (unsigned long long)st.stx_ino, (unsigned long long)st.stx_btime.tv_sec, (unsigned)st.stx_btime.tv_nsec);
	return 0;
}

int store_usage(struct store *s, struct kv_usage *out, uint64_t *disk_free_bytes)
{
	struct statvfs fs;
	if (statvfs(s->directory, &fs) < 0)
		return -ST_IO;
	*disk_free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	return kv_usage(s->kv, out);
}

/* What it takes to finish everything that was accepted. */
static int finish_bytes(struct store_txn *t, uint64_t reserve, uint64_t *out)
{
	int64_t counts[STATE__COUNT], live = 0;
	int rc = store_counts(t, 0, counts);
	for (int s = 0; s < STATE__COUNT && rc == 0; s++)
		live += state_live((enum state)s) && counts[s] > 0 ? counts[s] : 0;
	*out = reserve + (uint64_t)live * STORE_FINISH_BYTES;
	return rc;
}

int store_has_room(struct store_txn *t)
{
	struct kv_usage u;
	uint64_t room, finish;
	if (t->has_room >= 0)
		return t->has_room;
	int rc = kv_room(t->kv, &room);
	if (rc == 0)
		rc = kv_usage(t->store->kv, &u);
	if (rc < 0)
		return rc;
	uint64_t reserve = u.map_bytes / 8 < STORE_RESERVE_BYTES ? u.map_bytes / 8 : STORE_RESERVE_BYTES;
	uint64_t most = reserve + u.used_bytes / STORE_TARGET_BYTES * STORE_FINISH_BYTES;
	bool grown = u.used_bytes >= t->store->held_used_bytes + STORE_HOLD_EVERY_BYTES || t->store->held_used_bytes == 0;
	t->has_room = room >= reserve;
	/* Most of the time it is clear without counting. */
	if (room < reserve || (room >= most && !grown))
		return t->has_room;
	rc = finish_bytes(t, reserve, &finish);
	if (rc < 0)
		return rc;
	t->has_room = room >= finish;
	if (t->has_room && t->write) {
		rc = kv_hold(t->store->kv, finish);
		t->store->held_used_bytes = u.used_bytes > 0 ? u.used_bytes : 1;
		t->has_room = rc == 0;
	}
	return rc < 0 && rc != -ST_NO_SPACE ? rc : t->has_room;
}

int store_used(struct store_txn *t, uint64_t *out_bytes)
{
	struct kv_usage u;
	int rc = kv_usage(t->store->kv, &u);
	*out_bytes = u.used_bytes;
	return rc;
}

int store_map_size(struct store *s, int64_t map_bytes)
{
	return kv_map_size(s->kv, map_bytes);
}

static int txn_begin(struct store *s, bool write, bool snapshot, struct store_txn **out)
{
	struct store_txn *t = calloc(1, sizeof *t);
	if (t == NULL)
		return -ST_NO_MEMORY;
	t->store = s;
	t->write = write;
	t->has_room = -1;
	buf_init(&t->record, STORE_MAX_RECORD_BYTES);
	int rc = snapshot ? kv_snapshot(s->kv, &t->kv) : kv_begin(s->kv, write, &t->kv);
	if (rc < 0) {
		free(t);
		return rc;
	}
	if (write && s->record.data != NULL) {
		t->record = s->record;
		buf_init(&s->record, STORE_MAX_RECORD_BYTES);
	}
	*out = t;
	return 0;
}

int store_begin(struct store *s, bool write, struct store_txn **out)
{
	return txn_begin(s, write, false, out);
}

int store_snapshot(struct store *s, struct store_txn **out)
{
	return txn_begin(s, false, true, out);
}

static void store_txn_free(struct store_txn *t)
{
	if (t->write && t->record.cap <= STORE_KEEP_BYTES) {
		buf_done(&t->store->record);
		buf_reset(&t->record);
		t->store->record = t->record;
	} else {
		buf_done(&t->record);
	}
	free(t);
}

static int store_ids_flush(struct store_txn *t)
{
	if (!t->ids_changed)
		return 0;
	char text[64];
	(void)snprintf(text, sizeof text, "%llu %llu", (unsigned long long)t->id_next, (unsigned long long)t->id_end);
	return store_fact_put(t, "ids", text);
}

int store_sync(struct store *s)
{
	return kv_sync(s->kv);
}

int store_commit(struct store_txn *t)
{
	int rc = 0;
	if (t->write)
		rc = store_count_flush(t);
	if (rc == 0 && t->write)
		rc = store_ids_flush(t);
	if (rc < 0)
		kv_abort(t->kv);
	else
		rc = kv_commit(t->kv);
	store_txn_free(t);
	return rc;
}

void store_abort(struct store_txn *t)
{
	if (t == NULL)
		return;
	kv_abort(t->kv);
	store_txn_free(t);
}

struct kv_txn *store_kv(struct store_txn *t)
{
	return t->kv;
}

int key_named(struct key *k, char table, const char *name)
{
	size_t len = strlen(name);
	*k = key_new(table);
	if (len == 0 || len > KEY_MAX_NAME)
		return -ST_INVALID;
	memcpy(k->b + 1, name, len);
	k->len += len;
	return 0;
}

int store_record_put(struct store_txn *t, const struct key *k, const struct record_type *type, const void *value)
{
	buf_reset(&t->record);
	record_encode(type, value, &t->record);
	if (buf_error(&t->record) < 0)
		return buf_error(&t->record);
	return kv_put(t->kv, k->b, k->len, t->record.data, t->record.len);
}

int store_record_get(struct store_txn *t, struct arena *a, const struct key *k, const struct record_type *type, void *out)
{
	struct kv_slice v;
	int rc = kv_get(t->kv, k->b, k->len, &v);
	return rc < 0 ? rc : record_decode(type, v.data, v.len, a, out);
}

int store_fact_get(struct store_txn *t, struct arena *a, const char *name, char **out)
{
	struct key k;
	struct kv_slice v;
	int rc = key_named(&k, 'M', name);
	if (rc == 0)
		rc = kv_get(t->kv, k.b, k.len, &v);
	if (rc < 0)
		return rc;
	*out = arena_strndup(a, v.data, v.len);
	return *out == NULL ? -ST_NO_MEMORY : 0;
}

int store_fact_put(struct store_txn *t, const char *name, const char *text)
{
	struct key k;
	int rc = key_named(&k, 'M', name);
	return rc < 0 ? rc : kv_put(t->kv, k.b, k.len, text, strlen(text));
}

/* Ids come from blocks that belong to this writer: the shared fact "id-block" is touched once per STORE_ID_BLOCK ids.
 * Takes `count` ids from there; *out is the first. */
static int store_ids_take(struct store_txn *t, struct arena *a, uint64_t count, uint64_t *out)
{
	char *text;
	int64_t start = 1;
	int rc = store_fact_get(t, a, "id-block", &text);
	if (rc == 0)
		rc = unit_int_parse(text, 1, INT64_MAX / 2, &start);
	else if (rc == -ST_NO_ITEM)
		rc = 0;
	if (rc < 0)
		return rc == -ST_INVALID ? -ST_CORRUPT : rc;
	char next[24];
	*out = (uint64_t)start;
	(void)snprintf(next, sizeof next, "%llu", (unsigned long long)(*out + count));
	return store_fact_put(t, "id-block", next);
}

static int store_ids_claim(struct store_txn *t, struct arena *a)
{
	int rc = store_ids_take(t, a, STORE_ID_BLOCK, &t->id_next);
	t->id_end = t->id_next + STORE_ID_BLOCK;
	return rc;
}

static int store_ids_load(struct store_txn *t, struct arena *a)
{
	char *text;
	int rc = store_fact_get(t, a, "ids", &text);
	if (rc == -ST_NO_ITEM)
		return 0;
	if (rc < 0)
		return rc;
	unsigned long long next, end;
	if (sscanf(text, "%llu %llu", &next, &end) != 2 || next > end)
		return -ST_CORRUPT;
	t->id_next = next;
	t->id_end = end;
	return 0;
}

int store_id_new(struct store_txn *t, uint64_t *out)
{
	int rc = 0;
	struct arena a;
	arena_init(&a, 4096);
	if (!t->ids_loaded)
		rc = store_ids_load(t, &a);
	t->ids_loaded = rc == 0;
	if (rc == 0 && t->id_next == t->id_end)
		rc = store_ids_claim(t, &a);
	arena_done(&a);
	if (rc < 0)
		return rc;
	*out = t->id_next++;
	t->ids_changed = true;
	return 0;
}

int store_ids_skip(struct store_txn *t, uint64_t by)
{
	struct arena a;
	uint64_t first;
	arena_init(&a, 4096);
	int rc = store_ids_take(t, &a, by, &first);
	arena_done(&a);
	if (rc < 0)
		return rc;
	/* What is left of the block in use goes too: the next id claims a new one. */
	t->ids_loaded = t->ids_changed = true;
	t->id_next = t->id_end = first;
	return 0;
}
