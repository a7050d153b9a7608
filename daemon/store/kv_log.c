/* kv_log.c: how log and trees belong together: what a record holds, which log is the trees' own, and the clean end, after which they
 * need none.
 *
 * The fact KV_FACT_LOG says in the trees: epoch of their log, how much of it they hold, and " settled" after a clean end. A log of
 * another epoch that holds records was written after these trees were left: they are an old copy, put in the place of the
 * store that wrote it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "daemon/store/kv_priv.h"
#include "proto/hash.h"
#include "proto/status.h"

#define GONE UINT32_MAX
#define SETTLED " settled"

/* ---- records of the log: key length (2), value length or GONE (4), key, value ---- */

void kv_log_record(struct buf *b, const struct overlay_node *n)
{
	const struct overlay_value *v = overlay_value(n, true);
	struct kv_slice key = overlay_key(n);
	uint16_t key_len = (uint16_t)key.len;
	uint32_t len = v->kind == OVERLAY_GONE ? GONE : v->len;
	buf_add(b, &key_len, sizeof key_len);
	buf_add(b, &len, sizeof len);
	buf_add(b, key.data, key.len);
	buf_add(b, v->data, v->len);
}

static int record_take(void *ctx, const unsigned char *p, size_t len)
{
	struct kv *kv = ctx;
	while (len > 0) {
		uint16_t key_len;
		uint32_t value_len;
		size_t head = sizeof key_len + sizeof value_len;
		if (len < head)
			return -ST_CORRUPT;
		memcpy(&key_len, p, sizeof key_len);
		memcpy(&value_len, p + sizeof key_len, sizeof value_len);
		size_t value = value_len == GONE ? 0 : value_len;
		if (key_len == 0 || key_len > KV_MAX_KEY_BYTES || len - head < key_len || len - head - key_len < value)
			return -ST_CORRUPT;
		const unsigned char *key = p + head, *data = key + key_len;
		int rc = overlay_put(kv->overlay, lmdb_tree(kv->db, key, key_len), key, key_len, value_len == GONE ? NULL : data, value);
		if (rc < 0)
			return rc;
		p = data + value;
		len -= head + key_len + value;
	}
	overlay_commit(kv->overlay);
	return 0;
}

/* ---- which log is theirs ---- */

static size_t log_bytes(int64_t map_bytes)
{
	int64_t bytes = map_bytes / 64;
	return bytes < WAL_MIN_BYTES ? WAL_MIN_BYTES : bytes > WAL_MAX_BYTES ? WAL_MAX_BYTES : (size_t)bytes / 4096 * 4096;
}

static int log_fact(struct kv *kv, uint64_t *applied, bool *settled)
{
	struct kv_slice v;
	char text[64];
	unsigned tree = lmdb_tree(kv->db, KV_FACT_LOG, 1);
	int rc = lmdb_get(kv->view, tree, KV_FACT_LOG, strlen(KV_FACT_LOG), &v);
	if (rc < 0)
		return rc;
	if (v.len <= (size_t)2 * WAL_EPOCH_BYTES || v.len >= sizeof text)
		return -ST_CORRUPT;
	memcpy(text, v.data, v.len);
	text[v.len] = '\0';
	for (size_t i = 0; i < WAL_EPOCH_BYTES; i++) {
		unsigned byte;
		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return -ST_CORRUPT;
		kv->epoch[i] = (unsigned char)byte;
	}
	*settled = strstr(text, SETTLED) != NULL;
	return sscanf(text + 2 * WAL_EPOCH_BYTES, " %" SCNu64, applied) == 1 ? 0 : -ST_CORRUPT;
}

int kv_log_fact(struct kv *kv, struct lmdb_txn *txn, uint64_t applied, const char *end)
{
	char text[2 * WAL_EPOCH_BYTES + 40], hex[2 * WAL_EPOCH_BYTES + 1];
	int n = snprintf(text, sizeof text, "%s %" PRIu64 "%s", hash_hex(kv->epoch, sizeof kv->epoch, hex), applied, end);
	return lmdb_put(txn, lmdb_tree(kv->db, KV_FACT_LOG, 1), KV_FACT_LOG, strlen(KV_FACT_LOG), text, (size_t)n);
}

/* A log of a new epoch; from the moment that the trees name it, it belongs to them. */
static int log_make(struct kv *kv, const char *directory, int64_t map_bytes)
{
	if (getrandom(kv->epoch, sizeof kv->epoch, 0) != (ssize_t)sizeof kv->epoch)
		return -ST_IO;
	int rc = wal_create(directory, log_bytes(map_bytes), kv->epoch, &kv->wal);
	if (rc < 0)
		return rc;
	return kv_merge_pending(kv);
}

static const char bring_back[] = "bring back data.mdb and both from the same time, or a copy made by smmq backup";

/* Bytes of lost records must not become records again behind the next ones: the log is made anew. */
static int log_renew(struct kv *kv, const char *directory, int64_t map_bytes)
{
	kv->doubts |= KV_DOUBT_TORN;
	int rc = kv_settle(kv);
	wal_close(kv->wal);
	kv->wal = NULL;
	return rc < 0 ? rc : log_make(kv, directory, map_bytes);
}

static int log_take(struct kv *kv, const char *directory, int64_t map_bytes, uint64_t applied, char *why, size_t why_size)
{
	bool torn = false;
	int rc = wal_open(directory, kv->epoch, &kv->wal);
	if (rc == 0)
		rc = wal_replay(kv->wal, applied, record_take, kv, &kv->seq, &torn);
	if (rc == 0 && torn)
		return log_renew(kv, directory, map_bytes);
	if (rc == -ST_NO_ITEM) {
		(void)snprintf(why, why_size, "its log (wal.0, wal.1) is missing or belongs to another store; the last changes are in it: %s",
		               bring_back);
		rc = -ST_REFUSED;
	} else if (rc == -ST_CORRUPT) {
		(void)snprintf(why, why_size, "its log (wal.0, wal.1) is damaged in the middle, and what follows was promised: %s", bring_back);
	} else if (rc == -ST_IO) {
		(void)snprintf(why, why_size, "its log (wal.0, wal.1) cannot be read to its end: %s", bring_back);
	}
	return rc;
}

int kv_log_open(struct kv *kv, const char *directory, int64_t map_bytes, char *why, size_t why_size)
{
	uint64_t applied;
	bool settled = false;
	int rc = log_fact(kv, &applied, &settled);
	if (rc == 0 && !settled)
		return log_take(kv, directory, map_bytes, applied, why, why_size);
	if (rc < 0 && rc != -ST_NO_ITEM)
		return rc;
	/* Stores that were ended before settling was noted say nothing of it, and neither do copies. */
	if (settled && wal_foreign(directory, kv->epoch))
		kv->doubts |= KV_DOUBT_STALE;
	return log_make(kv, directory, map_bytes);
}

int kv_log_orphaned(const char *directory, char *why, size_t why_size)
{
	char path[4096];
	struct stat st;
	int n = snprintf(path, sizeof path, "%s/data.mdb", directory);
	if (n < 0 || (size_t)n >= sizeof path)
		return -ST_IO;
	bool there = stat(path, &st) == 0 && st.st_size > 0;
	if (there || !wal_any(directory))
		return 0;
	(void)snprintf(why, why_size, "data.mdb is missing or empty, but its log (wal.0, wal.1) is there: there was a queue here. %s. "
	               "To begin with an empty queue all the same, remove wal.0, wal.1 and instance", bring_back);
	return -ST_IO;
}

int kv_settle(struct kv *kv)
{
	struct lmdb_txn *txn;
	int rc = kv_merge_all(kv);
	if (rc == 0)
		rc = lmdb_begin(kv->db, true, &txn);
	if (rc < 0)
		return rc;
	rc = kv_log_fact(kv, txn, kv->seq, SETTLED);
	if (rc == 0)
		return lmdb_commit(txn);
	lmdb_abort(txn);
	return rc;
}
