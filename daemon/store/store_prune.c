/* store_prune.c: removing what is old, a bounded number of records at a time. */
#include <stdio.h>
#include <string.h>

#include "daemon/store/store_care.h"
#include "daemon/store/store_priv.h"
#include "proto/hash.h"
#include "proto/status.h"

#define PRUNE_BATCH 64

/* ---- posts ---- */

#define PRUNE_STATES (1U << STATE_PUBLISHED | 1U << STATE_CANCELLED | 1U << STATE_MISSED | 1U << STATE_EXPIRED | 1U << STATE_FAILED)

struct prune_refs { struct store_ref refs[PRUNE_BATCH]; size_t count; };

static int prune_collect(void *ctx, const struct store_ref *ref)
{
	struct prune_refs *p = ctx;
	if (p->count == PRUNE_BATCH)
		return 1;
	/* Targets of one post stand in several indexes; one of them is enough to look at the post. */
	if (p->count == 0 || p->refs[p->count - 1].id != ref->id)
		p->refs[p->count++] = *ref;
	return 0;
}

/* When a target ended, as far as its record tells. */
static int64_t ended_ms(const struct target *t)
{
	int64_t at_ms = t->published_ms > t->due_ms ? t->published_ms : t->due_ms;
	return t->not_before_ms > at_ms ? t->not_before_ms : at_ms;
}

/* 1: the post and all its targets are over and old. */
static int post_is_old(struct store_txn *t, struct arena *a, uint64_t id, int64_t before_ms, struct post *p)
{
	int rc = store_post_get(t, a, id, p);
	if (rc < 0)
		return rc == -ST_NO_ITEM || rc == -ST_CORRUPT ? 0 : rc;
	if (p->created_ms >= before_ms)
		return 0;
	for (uint64_t n = 1; n <= p->target_count; n++) {
		struct target target;
		rc = store_target_get(t, a, id, n, &target);
		if (rc < 0)
			return rc == -ST_NO_ITEM || rc == -ST_CORRUPT ? 0 : rc;
		if ((PRUNE_STATES & 1U << target.state) == 0 || ended_ms(&target) >= before_ms)
			return 0;
	}
	return 1;
}

static int remove_key(struct store_txn *t, char table, uint64_t id, uint64_t n)
{
	struct key k = key_new(table);
	key_add(&k, id, 8);
	key_add(&k, n, 2);
	return kv_del(t->kv, k.b, k.len);
}

static int remove_post(struct store_txn *t, struct arena *a, const struct post *p)
{
	int rc = remove_key(t, 'I', p->id, 0);
	for (uint64_t n = 1; n <= p->target_count && rc == 0; n++) {
		struct target target;
		rc = store_target_get(t, a, p->id, n, &target);
		if (rc < 0)
			return rc;
		struct key index = store_index_key(&target);
		rc = kv_del(t->kv, index.b, index.len);
		if (rc == 0)
			rc = store_count_add(t, target.account_no, (unsigned)target.state, -1);
		if (rc == 0)
			rc = remove_key(t, 'I', p->id, n);
	}
	return rc;
}

int store_prune_posts(struct store_txn *t, struct arena *a, int64_t before_ms, size_t max_looks, char cursor[STORE_CURSOR_MAX],
                      int (*gone)(void *ctx, const struct post *p), void *ctx, int64_t *removed)
{
	struct prune_refs found = { .count = 0 };
	struct store_page page = { .states = PRUNE_STATES, .max_looks = max_looks };
	memcpy(page.cursor, cursor, sizeof page.cursor);
	int rc = store_page_walk(t, &page, prune_collect, &found);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < found.count; i++) {
		struct post p;
		rc = post_is_old(t, a, found.refs[i].id, before_ms, &p);
		if (rc == 1) {
			rc = gone(ctx, &p);
			if (rc >= 0)
				rc = remove_post(t, a, &p);
			*removed += rc == 0;
		}
		if (rc < 0)
			return rc;
	}
	memcpy(cursor, page.cursor, sizeof page.cursor);
	return 0;
}

/* ---- the journal ---- */

static int prune_entry(struct store_txn *t, struct arena *a, const struct kv_slice *k, const struct kv_slice *v, int64_t before_ms,
                       struct entry *e)
{
	if (v->len < HASH_SHA256_BYTES)
		return -ST_CORRUPT;
	int rc = store_journal_decode(a, v, e);
	if (rc < 0)
		return rc;
	if (e->time_ms >= before_ms)
		return 0;
	struct key key = { .len = k->len };
	memcpy(key.b, k->data, k->len);
	rc = kv_del(t->kv, key.b, key.len);
	if (rc == 0 && e->id != 0) {
		struct key l = store_log_key(e->id, STORE_WRITER, key_read(key.b + 3, 8));
		rc = kv_del(t->kv, l.b, l.len);
	}
	return rc < 0 ? rc : 1;
}

int store_prune_journal(struct store_txn *t, struct arena *a, int64_t before_ms, size_t max, int64_t *removed)
{
	struct kv_slice k, v;
	struct key start = key_new('J');
	char base[32 + HASH_SHA256_HEX_SIZE] = "";
	int rc = 0;
	/* The newest entry stays whatever its age: the chain goes on from it. */
	char end[JOURNAL_CURSOR_MAX];
	unsigned long long newest = 0;
	rc = store_journal_end(t, end);
	if (rc < 0 || sscanf(end, "%*u-%llu", &newest) != 1)
		return rc;
	for (size_t i = 0; i < max; i++) {
		struct kv_cursor *c;
		struct entry e;
		char hex[HASH_SHA256_HEX_SIZE];
		rc = kv_cursor_open(t->kv, &c);
		if (rc < 0)
			return rc;
		rc = kv_seek(c, start.b, start.len, &k, &v);
		uint64_t seq = rc == 0 && k.len == 11 && ((const char *)k.data)[0] == 'J' ? key_read((const unsigned char *)k.data + 3, 8) : 0;
		if (rc == 0 && seq != 0 && seq + 1 < newest) {
			(void)hash_hex(v.data, HASH_SHA256_BYTES, hex);
			kv_cursor_close(c);
			rc = prune_entry(t, a, &k, &v, before_ms, &e);
		} else {
			kv_cursor_close(c);
			rc = rc == -ST_NO_ITEM ? 0 : rc;
		}
		/* What cannot be read ends the pass, not the periodic work: it stays, and check names it. */
		if (rc == -ST_CORRUPT)
			rc = 0;
		if (rc <= 0)
			break;
		(void)snprintf(base, sizeof base, "%llu %s", (unsigned long long)seq, hex);
		(*removed)++;
	}
	if (rc >= 0 && base[0] != '\0')
		rc = store_fact_put(t, "journal-base", base);
	return rc < 0 ? rc : 0;
}

/* ---- idempotency keys ---- */

/* The cursor is the key in hex, table and all: after those of today come those that format 1 left. */
static int prune_cursor_read(const char *cursor, struct key *out)
{
	*out = key_new('N');
	if (cursor[0] == '\0')
		return 0;
	out->len = 0;
	for (const char *h = cursor; *h != '\0'; h += 2) {
		unsigned byte;
		if (out->len == sizeof out->b || sscanf(h, "%2x", &byte) != 1 || h[1] == '\0')
			return -ST_INVALID;
		out->b[out->len++] = (unsigned char)byte;
	}
	return out->b[0] == 'N' || out->b[0] == 'K' ? 0 : -ST_INVALID;
}

static bool key_is_old(struct store_txn *t, struct arena *a, const struct kv_slice *v, int64_t before_ms)
{
	struct keyed keyed;
	struct post p;
	return store_keyed_decode(a, v, &keyed) == 0 && keyed.created_ms < before_ms && store_post_get(t, a, keyed.id, &p) == -ST_NO_ITEM;
}

int store_prune_keys(struct store_txn *t, struct arena *a, int64_t before_ms, size_t max_looks, char cursor[STORE_KEY_CURSOR_MAX],
                     int64_t *removed)
{
	struct kv_cursor *c;
	struct kv_slice k, v;
	struct key start, *old = arena_alloc(a, PRUNE_BATCH, sizeof *old);
	size_t count = 0, looks = 0;
	int rc = old == NULL ? -ST_NO_MEMORY : prune_cursor_read(cursor, &start);
	if (rc == 0)
		rc = kv_cursor_open(t->kv, &c);
	if (rc < 0)
		return rc;
	cursor[0] = '\0';
	for (rc = kv_seek(c, start.b, start.len, &k, &v); rc == 0; rc = kv_next(c, &k, &v)) {
		if (((const char *)k.data)[0] != start.b[0])
			break;
		if (looks++ == max_looks || count == PRUNE_BATCH) {
			(void)hash_hex(k.data, k.len, cursor);
			break;
		}
		if (!key_is_old(t, a, &v, before_ms))
			continue;
		old[count].len = k.len;
		memcpy(old[count++].b, k.data, k.len);
	}
	kv_cursor_close(c);
	if (rc == -ST_NO_ITEM)
		rc = 0;
	if (rc == 0 && cursor[0] == '\0' && start.b[0] == 'N')
		(void)snprintf(cursor, STORE_KEY_CURSOR_MAX, "%02x", 'K');
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = kv_del(t->kv, old[i].b, old[i].len);
	*removed += rc == 0 ? (int64_t)count : 0;
	return rc;
}
