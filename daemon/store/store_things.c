/* store_things.c: the small tables: accounts, idempotency keys, gates, media files, periodic work. */
#include <ctype.h>
#include <string.h>

#include "daemon/store/store.h"
#include "daemon/store/store_priv.h"
#include "proto/hash.h"
#include "proto/status.h"

#define U64(tag, type, member) { tag, FIELD_U64, #member, offsetof(struct type, member), 0, NULL }
#define I64(tag, type, member) { tag, FIELD_I64, #member, offsetof(struct type, member), 0, NULL }
#define STR(tag, type, member) { tag, FIELD_STR, #member, offsetof(struct type, member), 0, NULL }
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- accounts ---- */

static const struct field slot_fields[] = { I64(1, limit_slot, slot), I64(2, limit_slot, count) };
static const struct record_type slot_type = { "slot", sizeof(struct limit_slot), slot_fields, COUNT(slot_fields) };

static const struct field account_fields[] = {
	U64(1, account, no), STR(2, account, name), STR(3, account, platform), STR(4, account, pause_reason),
	I64(5, account, pause_ms), I64(6, account, not_before_ms), STR(7, account, not_before_reason),
	STR(8, account, credential_digest), I64(9, account, session_ms),
	STR(11, account, pause_digest), I64(12, account, history.last_ms), I64(13, account, history.day), I64(14, account, history.day_count),
	I64(15, account, history.catch_up_ms), I64(16, account, history.catch_up_count), I64(17, account, pace_ms), STR(18, account, pace_reason),
	{ 19, FIELD_LIST, "slots", offsetof(struct account, history.slots), offsetof(struct account, history.slot_count), &slot_type },
	{ 10, FIELD_LIST, "values", offsetof(struct account, values), offsetof(struct account, value_count), &job_value_type },
};
const struct record_type store_account_type = { "account", sizeof(struct account), account_fields, COUNT(account_fields) };

static struct key key_account(uint64_t no)
{
	struct key k = key_new('A');
	key_add(&k, no, 4);
	return k;
}

/* Names are bounded by the configuration; what is longer cannot be an account. */
static int key_account_name(struct key *k, const char *name)
{
	return key_named(k, 'a', name) < 0 ? -ST_NO_ACCOUNT : 0;
}

int store_account_get(struct store_txn *t, struct arena *a, uint64_t no, struct account *out)
{
	struct key k = key_account(no);
	int rc = store_record_get(t, a, &k, &store_account_type, out);
	return rc == -ST_NO_ITEM ? -ST_NO_ACCOUNT : rc;
}

int store_account_find(struct store_txn *t, struct arena *a, const char *name, struct account *out)
{
	struct key k;
	struct kv_slice v;
	int rc = key_account_name(&k, name);
	if (rc == 0)
		rc = kv_get(t->kv, k.b, k.len, &v);
	if (rc < 0)
		return rc == -ST_NO_ITEM ? -ST_NO_ACCOUNT : rc;
	return v.len == 4 ? store_account_get(t, a, key_read(v.data, 4), out) : -ST_CORRUPT;
}

int store_account_put(struct store_txn *t, const struct account *account)
{
	struct key k = key_account(account->no);
	return store_record_put(t, &k, &store_account_type, account);
}

int store_account_make(struct store_txn *t, struct arena *a, const char *name, const char *platform, struct account *out)
{
	int rc = store_account_find(t, a, name, out);
	if (rc != -ST_NO_ACCOUNT)
		return rc;
	struct kv_cursor *c;
	struct kv_slice last;
	struct key end = key_account(UINT32_MAX), k;
	rc = kv_cursor_open(t->kv, &c);
	if (rc < 0)
		return rc;
	uint64_t no = 1;
	rc = kv_seek_before(c, end.b, end.len, &last, NULL);
	if (rc == 0 && last.len == 5 && ((const char *)last.data)[0] == 'A')
		no = key_read((const unsigned char *)last.data + 1, 4) + 1;
	kv_cursor_close(c);
	if (rc < 0 && rc != -ST_NO_ITEM)
		return rc;
	memset(out, 0, sizeof *out);
	out->no = no;
	out->name = arena_strdup(a, name);
	out->platform = arena_strdup(a, platform);
	if (out->name == NULL || out->platform == NULL)
		return -ST_NO_MEMORY;
	struct key number = { .len = 0 };
	key_add(&number, no, 4);
	rc = key_account_name(&k, name);
	if (rc == 0)
		rc = kv_put(t->kv, k.b, k.len, number.b, number.len);
	return rc < 0 ? rc : store_account_put(t, out);
}

/* Decodes every record of one table into an array. */
static int64_t store_table_list(struct store_txn *t, struct arena *a, char table, const struct record_type *type, void *out, size_t max)
{
	struct kv_cursor *c;
	struct kv_slice k, v;
	struct key start = key_new(table);
	int rc = kv_cursor_open(t->kv, &c);
	if (rc < 0)
		return rc;
	size_t count = 0;
	for (rc = kv_seek(c, start.b, start.len, &k, &v); rc == 0 && count < max; rc = kv_next(c, &k, &v)) {
		if (((const char *)k.data)[0] != table)
			break;
		rc = record_decode(type, v.data, v.len, a, (char *)out + count * type->size);
		if (rc < 0)
			break;
		count++;
	}
	kv_cursor_close(c);
	return rc < 0 && rc != -ST_NO_ITEM ? rc : (int64_t)count;
}

int64_t store_account_list(struct store_txn *t, struct arena *a, struct account *out, size_t max)
{
	return store_table_list(t, a, 'A', &store_account_type, out, max);
}

/* ---- idempotency keys ---- */

static const struct field keyed_fields[] = { U64(1, keyed, id), STR(2, keyed, request_sha256), I64(3, keyed, created_ms) };
static const struct record_type keyed_type = { "keyed", sizeof(struct keyed), keyed_fields, COUNT(keyed_fields) };

int store_keyed_decode(struct arena *a, const struct kv_slice *v, struct keyed *out)
{
	return record_decode(&keyed_type, v->data, v->len, a, out);
}

static int key_hashed(struct key *k, char table, const char *name)
{
	unsigned char hash[HASH_SHA256_BYTES];
	int rc = hash_sha256(name, strlen(name), hash);
	if (rc < 0)
		return rc;
	*k = key_new(table);
	memcpy(k->b + 1, hash, 16);
	k->len += 16;
	return 0;
}

static int key_keyed(struct key *k, const char *key)
{
	size_t len = strlen(key);
	*k = key_new('N');
	if (len == 0 || len > STORE_MAX_KEY_BYTES)
		return -ST_INVALID;
	memcpy(k->b + 1, key, len);
	k->len += len;
	return 0;
}

int store_key_get(struct store_txn *t, struct arena *a, const char *key, struct keyed *out)
{
	struct key k;
	int rc = key_keyed(&k, key);
	if (rc == 0)
		rc = store_record_get(t, a, &k, &keyed_type, out);
	if (rc != -ST_NO_ITEM)
		return rc;
	rc = key_hashed(&k, 'K', key);
	return rc < 0 ? rc : store_record_get(t, a, &k, &keyed_type, out);
}

int store_key_put(struct store_txn *t, const char *key, const struct keyed *value)
{
	struct key k;
	int rc = key_keyed(&k, key);
	return rc < 0 ? rc : store_record_put(t, &k, &keyed_type, value);
}

/* ---- gates ---- */

static const struct field gate_fields[] = {
	STR(1, gate, name), STR(2, gate, reason), STR(3, gate, by), I64(4, gate, since_ms), I64(5, gate, until_ms),
	STR(6, gate, backlog),
};
static const struct record_type gate_type = { "gate", sizeof(struct gate), gate_fields, COUNT(gate_fields) };

int store_gate_decode(struct arena *a, const struct kv_slice *v, struct gate *out)
{
	return record_decode(&gate_type, v->data, v->len, a, out);
}

/* Gate names hold labels, which may be longer than a key takes: long ones are kept by their hash. */
static int key_gate(struct key *k, const char *name)
{
	if (key_named(k, 'G', name) == 0)
		return 0;
	return key_hashed(k, 'G', name);
}

int store_gate_get(struct store_txn *t, struct arena *a, const char *name, struct gate *out)
{
	struct key k;
	int rc = key_gate(&k, name);
	return rc < 0 ? rc : store_record_get(t, a, &k, &gate_type, out);
}

int store_gate_put(struct store_txn *t, const struct gate *g)
{
	struct key k;
	int rc = key_gate(&k, g->name);
	return rc < 0 ? rc : store_record_put(t, &k, &gate_type, g);
}

int store_gate_del(struct store_txn *t, const char *name)
{
	struct key k;
	int rc = key_gate(&k, name);
	return rc < 0 ? rc : kv_del(t->kv, k.b, k.len);
}

int64_t store_gate_list(struct store_txn *t, struct arena *a, struct gate *out, size_t max)
{
	return store_table_list(t, a, 'G', &gate_type, out, max);
}

/* ---- backlogs ---- */

static const struct field backlog_fields[] = {
	STR(1, backlog, name), STR(2, backlog, policy), I64(3, backlog, from_ms), I64(4, backlog, until_ms),
};
static const struct record_type backlog_type = { "backlog", sizeof(struct backlog), backlog_fields, COUNT(backlog_fields) };

static struct key key_backlog(const struct backlog *b)
{
	struct key k = key_new('W');
	key_add(&k, (uint64_t)(b->until_ms < 0 ? 0 : b->until_ms), 8);
	for (const char *p = b->name; *p != '\0' && k.len < KEY_MAX_NAME; p++)
		k.b[k.len++] = (unsigned char)*p;
	return k;
}

int64_t store_backlog_list(struct store_txn *t, struct arena *a, struct backlog *out, size_t max)
{
	return store_table_list(t, a, 'W', &backlog_type, out, max);
}

int store_backlog_put(struct store_txn *t, struct arena *a, const struct backlog *b)
{
	struct backlog *list = arena_alloc(a, STORE_MAX_BACKLOGS, sizeof *list);
	if (list == NULL || b->name == NULL)
		return -ST_NO_MEMORY;
	int64_t count = store_backlog_list(t, a, list, STORE_MAX_BACKLOGS);
	int rc = count < 0 ? (int)count : 0;
	if (count == STORE_MAX_BACKLOGS) {
		struct key oldest = key_backlog(&list[0]);
		rc = kv_del(t->kv, oldest.b, oldest.len);
	}
	struct key k = key_backlog(b);
	return rc < 0 ? rc : store_record_put(t, &k, &backlog_type, b);
}

/* ---- media ---- */

static const struct field blob_fields[] = {
	STR(1, blob, mime), U64(2, blob, size_bytes), U64(3, blob, width), U64(4, blob, height), U64(5, blob, refs), I64(6, blob, unused_ms),
	I64(7, blob, duration_ms), U64(8, blob, frame_milli), U64(9, blob, bit_rate), STR(10, blob, video_codec), STR(11, blob, audio_codec),
	U64(12, blob, audio_channels), U64(13, blob, audio_hz), STR(14, blob, unprobed),
};
static const struct record_type blob_type = { "blob", sizeof(struct blob), blob_fields, COUNT(blob_fields) };

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int key_blob(struct key *k, const char *sha256)
{
	*k = key_new('B');
	for (size_t i = 0; i < 32; i++) {
		int high = hex_digit(sha256[2 * i]);
		int low = high < 0 ? -1 : hex_digit(sha256[2 * i + 1]);
		if (low < 0)
			return -ST_INVALID;
		k->b[k->len++] = (unsigned char)(high << 4 | low);
	}
	return sha256[64] == '\0' ? 0 : -ST_INVALID;
}

int store_blob_get(struct store_txn *t, struct arena *a, const char *sha256, struct blob *out)
{
	struct key k;
	int rc = key_blob(&k, sha256);
	return rc < 0 ? rc : store_record_get(t, a, &k, &blob_type, out);
}

int store_blob_put(struct store_txn *t, const char *sha256, const struct blob *b)
{
	struct key k;
	int rc = key_blob(&k, sha256);
	return rc < 0 ? rc : store_record_put(t, &k, &blob_type, b);
}

int store_blob_del(struct store_txn *t, const char *sha256)
{
	struct key k;
	int rc = key_blob(&k, sha256);
	return rc < 0 ? rc : kv_del(t->kv, k.b, k.len);
}

void store_blob_media(const struct blob *b, struct media *out)
{
	out->mime = b->mime;
	out->size_bytes = b->size_bytes;
	out->width = b->width;
	out->height = b->height;
	out->duration_ms = b->duration_ms;
	out->frame_milli = b->frame_milli;
	out->bit_rate = b->bit_rate;
	out->video_codec = b->video_codec;
	out->audio_codec = b->audio_codec;
	out->audio_channels = b->audio_channels;
	out->audio_hz = b->audio_hz;
	out->unprobed = b->unprobed;
}

/* ---- periodic work ---- */

static struct key key_periodic(const struct periodic_ref *r)
{
	struct key k = key_new('P');
	key_add(&k, (uint64_t)(r->due_ms < 0 ? 0 : r->due_ms), 8);
	key_add(&k, (uint64_t)r->kind, 1);
	key_add(&k, r->id, 8);
	key_add(&k, r->n, 2);
	return k;
}

int store_periodic_put(struct store_txn *t, const struct periodic_ref *ref, const void *data, size_t len)
{
	struct key k = key_periodic(ref);
	return kv_put(t->kv, k.b, k.len, data, len);
}

int store_periodic_del(struct store_txn *t, const struct periodic_ref *ref)
{
	struct key k = key_periodic(ref);
	return kv_del(t->kv, k.b, k.len);
}

int store_blob_plan(struct store_txn *t, const char *sha256, int64_t due_ms)
{
	struct key k;
	int rc = key_blob(&k, sha256);
	if (rc < 0)
		return rc;
	/* The first bytes of the name stand in for an id: two files that fall due together must not share one entry. */
	const struct periodic_ref ref = { .due_ms = due_ms, .kind = PERIODIC_MEDIA, .id = key_read(k.b + 1, 8), .n = key_read(k.b + 9, 2) };
	return store_periodic_put(t, &ref, sha256, strlen(sha256));
}

int64_t store_periodic_list(struct store_txn *t, struct arena *a, int64_t until_ms, struct periodic_ref *out, struct kv_slice *data,
                            size_t max)
{
	struct kv_cursor *c;
	struct kv_slice k, v;
	struct key start = key_new('P');
	int rc = kv_cursor_open(t->kv, &c);
	if (rc < 0)
		return rc;
	size_t count = 0;
	for (rc = kv_seek(c, start.b, start.len, &k, &v); rc == 0 && count < max; rc = kv_next(c, &k, &v)) {
		const unsigned char *p = k.data;
		if (k.len != 20 || p[0] != 'P' || (int64_t)key_read(p + 1, 8) > until_ms)
			break;
		out[count] = (struct periodic_ref){ .due_ms = (int64_t)key_read(p + 1, 8), .kind = (enum periodic)p[9],
		                                    .id = key_read(p + 10, 8), .n = key_read(p + 18, 2) };
		if (data != NULL)
			data[count] = (struct kv_slice){ arena_strndup(a, v.data, v.len), v.len };
		count++;
	}
	kv_cursor_close(c);
	return rc < 0 && rc != -ST_NO_ITEM ? rc : (int64_t)count;
}

int store_periodic_next(struct store_txn *t, int64_t *out_ms)
{
	struct periodic_ref ref;
	int64_t got = store_periodic_list(t, NULL, INT64_MAX, &ref, NULL, 1);
	if (got < 0)
		return (int)got;
	*out_ms = got == 0 ? INT64_MAX : ref.due_ms;
	return 0;
}
