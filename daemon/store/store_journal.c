/* store_journal.c: the journal: append-only, every entry chained to the one before by its hash, so that nothing can be
 * taken out or changed unseen. Cursors are "writer-seq" of the next entry to read. */
#include <stdio.h>
#include <string.h>

#include "daemon/store/store.h"
#include "daemon/store/store_priv.h"
#include "proto/hash.h"
#include "proto/status.h"

#define HASH_BYTES 32
#define U64(tag, member) { tag, FIELD_U64, #member, offsetof(struct entry, member), 0, NULL }
#define I64(tag, member) { tag, FIELD_I64, #member, offsetof(struct entry, member), 0, NULL }
#define STR(tag, member) { tag, FIELD_STR, #member, offsetof(struct entry, member), 0, NULL }

static const struct field entry_fields[] = {
	I64(1, time_ms), U64(2, id), U64(3, n), U64(4, rev), STR(5, event), STR(6, from), STR(7, to), STR(8, reason), STR(9, by),
	STR(10, account), STR(11, detail),
};
static const struct record_type entry_type = {
	"entry", sizeof(struct entry), entry_fields, sizeof entry_fields / sizeof entry_fields[0]
};

static struct key key_journal(uint64_t seq)
{
	struct key k = key_new('J');
	key_add(&k, STORE_WRITER, 2);
	key_add(&k, seq, 8);
	return k;
}

struct key store_log_key(uint64_t id, uint64_t writer, uint64_t seq)
{
	struct key k = key_new('I');
	key_add(&k, id, 8);
	key_add(&k, STORE_LOG_N, 2);
	key_add(&k, writer, 2);
	key_add(&k, seq, 8);
	return k;
}

/* The newest entry's number and hash, from the last key of the table. */
static int journal_load(struct store_txn *t)
{
	if (t->journal_loaded)
		return 0;
	struct kv_cursor *c;
	struct kv_slice k, v;
	int rc = kv_cursor_open(t->kv, &c);
	if (rc < 0)
		return rc;
	struct key end = key_journal(UINT64_MAX);
	rc = kv_seek_before(c, end.b, end.len, &k, &v);
	if (rc == 0 && k.len == end.len && memcmp(k.data, end.b, 3) == 0 && v.len >= HASH_BYTES) {
		t->journal_seq = key_read((const unsigned char *)k.data + 3, 8);
		memcpy(t->journal_hash, v.data, HASH_BYTES);
	}
	kv_cursor_close(c);
	if (rc < 0 && rc != -ST_NO_ITEM)
		return rc;
	t->journal_loaded = true;
	return 0;
}

int store_journal_hash(const unsigned char *before, const struct key *k, const char *record, size_t len, unsigned char *out)
{
	const struct hash_piece pieces[] = { { before, HASH_BYTES }, { k->b, k->len }, { record, len } };
	return hash_sha256_pieces(pieces, sizeof pieces / sizeof *pieces, out);
}

int store_journal_add(struct store_txn *t, const struct entry *e)
{
	int rc = journal_load(t);
	if (rc < 0)
		return rc;
	static const char room[HASH_BYTES];
	struct key k = key_journal(t->journal_seq + 1);
	buf_reset(&t->record);
	buf_add(&t->record, room, sizeof room);
	record_encode(&entry_type, e, &t->record);
	rc = buf_error(&t->record);
	unsigned char hash[HASH_BYTES];
	if (rc == 0)
		rc = store_journal_hash(t->journal_hash, &k, t->record.data + HASH_BYTES, t->record.len - HASH_BYTES, hash);
	if (rc < 0)
		return rc;
	memcpy(t->record.data, hash, HASH_BYTES);
	rc = kv_put(t->kv, k.b, k.len, t->record.data, t->record.len);
	if (rc == 0 && e->id != 0) {
		struct key l = store_log_key(e->id, STORE_WRITER, t->journal_seq + 1);
		rc = kv_put(t->kv, l.b, l.len, "", 0);
	}
	if (rc < 0)
		return rc;
	memcpy(t->journal_hash, hash, HASH_BYTES);
	t->journal_seq++;
	return 0;
}

static void cursor_write(char cursor[JOURNAL_CURSOR_MAX], uint64_t seq)
{
	(void)snprintf(cursor, JOURNAL_CURSOR_MAX, "%d-%llu", STORE_WRITER, (unsigned long long)seq);
}

static int cursor_read(const char *cursor, uint64_t *seq)
{
	*seq = 0;
	if (cursor[0] == '\0')
		return 0;
	char prefix[16];
	int n = snprintf(prefix, sizeof prefix, "%d-", STORE_WRITER);
	if (strncmp(cursor, prefix, (size_t)n) != 0)
		return -ST_INVALID;
	const char *p = cursor + n;
	size_t digits = strspn(p, "0123456789");
	if (digits == 0 || digits > 18 || p[digits] != '\0')
		return -ST_INVALID;
	for (; *p != '\0'; p++)
		*seq = *seq * 10 + (uint64_t)(*p - '0');
	return *seq == 0 ? -ST_INVALID : 0;
}

int store_journal_end(struct store_txn *t, char cursor[JOURNAL_CURSOR_MAX])
{
	int rc = journal_load(t);
	if (rc == 0)
		cursor_write(cursor, t->journal_seq + 1);
	return rc;
}

static int journal_oldest(struct kv_cursor *c, uint64_t *seq)
{
	struct kv_slice k;
	struct key start = key_journal(0);
	int rc = kv_seek(c, start.b, start.len, &k, NULL);
	*seq = 1;
	if (rc == 0 && k.len == start.len && memcmp(k.data, start.b, 3) == 0)
		*seq = key_read((const unsigned char *)k.data + 3, 8);
	return rc == -ST_NO_ITEM ? 0 : rc;
}

int store_journal_decode(struct arena *a, const struct kv_slice *v, struct entry *out)
{
	if (v->len < HASH_BYTES)
		return -ST_CORRUPT;
	return record_decode(&entry_type, (const char *)v->data + HASH_BYTES, v->len - HASH_BYTES, a, out);
}

static int journal_read(struct store_txn *t, struct arena *a, uint64_t seq, struct entry *out)
{
	struct key k = key_journal(seq);
	struct kv_slice v;
	int rc = kv_get(t->kv, k.b, k.len, &v);
	return rc < 0 ? rc : store_journal_decode(a, &v, out);
}

int store_journal_walk(struct store_txn *t, struct arena *a, char cursor[JOURNAL_CURSOR_MAX], uint64_t id, size_t max_looks,
                       int (*each)(void *ctx, const struct entry *e, const char *cursor), void *ctx, bool *at_end)
{
	uint64_t seq, oldest;
	struct kv_cursor *c;
	struct kv_slice k;
	int rc = cursor_read(cursor, &seq);
	if (rc == 0)
		rc = kv_cursor_open(t->kv, &c);
	if (rc < 0)
		return rc;
	rc = journal_oldest(c, &oldest);
	if (rc == 0)
		rc = journal_load(t);
	/* Behind the end: the cursor is from entries that a restored store has lost; waiting would pass over others. */
	if (rc == 0 && cursor[0] != '\0' && (seq < oldest || seq > t->journal_seq + 1))
		rc = -ST_GONE;
	if (rc < 0) {
		kv_cursor_close(c);
		return rc;
	}
	if (seq < oldest)
		seq = oldest;
	struct key start = id == 0 ? key_journal(seq) : store_log_key(id, STORE_WRITER, seq);
	bool end = true;
	int stop = 0;
	for (rc = kv_seek(c, start.b, start.len, &k, NULL); rc == 0; rc = kv_next(c, &k, NULL)) {
		if (k.len != start.len || memcmp(k.data, start.b, start.len - 8) != 0)
			break;
		if (max_looks-- == 0) {
			end = false;
			break;
		}
		uint64_t at = key_read((const unsigned char *)k.data + k.len - 8, 8);
		struct entry e;
		char next[JOURNAL_CURSOR_MAX];
		cursor_write(next, at + 1);
		rc = journal_read(t, a, at, &e);
		stop = rc < 0 ? rc : each(ctx, &e, next);
		if (stop != 0) {
			end = false;
			break;
		}
		seq = at + 1;
	}
	kv_cursor_close(c);
	cursor_write(cursor, seq);
	if (at_end != NULL)
		*at_end = end;
	return stop != 0 ? stop : rc < 0 && rc != -ST_NO_ITEM ? rc : 0;
}
