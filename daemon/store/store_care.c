/* store_care.c: checking records and indexes, verifying, copying. */
#include "daemon/store/store_care.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "daemon/store/store_check.h"
#include "proto/hash.h"
#include "proto/status.h"
#include "proto/unit.h"

void care_problem(struct care_report *r, const char *what, uint64_t id, uint64_t n, const char *detail)
{
	if (r->problems < CARE_MAX_PROBLEMS)
		(void)snprintf(r->problem[r->problems], sizeof r->problem[0], "%llu.%llu: %s%s%s", (unsigned long long)id, (unsigned long long)n,
		               what, detail != NULL ? ": " : "", detail != NULL ? detail : "");
	r->problems++;
}

/* ---- records and indexes ---- */

static int check_target(struct store_txn *t, struct arena *a, struct care_report *r, uint64_t id, uint64_t n, const struct kv_slice *v)
{
	struct target target;
	int rc = record_decode(&job_target_type, v->data, v->len, a, &target);
	r->targets++;
	if (rc == -ST_CORRUPT || (rc == 0 && (target.id != id || target.n != n || target.state >= STATE__COUNT))) {
		care_problem(r, "the record does not decode", id, n, NULL);
		return 0;
	}
	if (rc < 0)
		return rc;
	struct key index = store_index_key(&target);
	struct kv_slice none;
	rc = kv_get(t->kv, index.b, index.len, &none);
	if (rc == -ST_NO_ITEM)
		care_problem(r, "it is missing from the index of its state", id, n, state_name((enum state)target.state));
	return rc == -ST_NO_ITEM ? 0 : rc;
}

static int check_post(struct arena *a, struct care_report *r, uint64_t id, const struct kv_slice *v)
{
	struct post p;
	int rc = record_decode(&job_post_type, v->data, v->len, a, &p);
	r->posts++;
	if (rc == -ST_CORRUPT || (rc == 0 && (p.id != id || p.content_count != 1)))
		care_problem(r, "the post's record does not decode", id, 0, NULL);
	return rc == -ST_NO_MEMORY ? rc : 0;
}

int care_table(struct store_txn *t, char table, struct arena *a, struct care_report *r, care_each *each, void *ctx)
{
	struct kv_cursor *c;
	struct kv_slice k, v;
	struct key start = key_new(table);
	int rc = kv_cursor_open(t->kv, &c);
	if (rc < 0)
		return rc;
	for (rc = kv_seek(c, start.b, start.len, &k, &v); rc == 0; rc = kv_next(c, &k, &v)) {
		if (((const char *)k.data)[0] != table)
			break;
		rc = each(ctx, t, a, r, &k, &v);
		arena_reset(a);
		if (rc < 0)
			break;
	}
	kv_cursor_close(c);
	return rc == -ST_NO_ITEM ? 0 : rc;
}

static int check_item(void *ctx, struct store_txn *t, struct arena *a, struct care_report *r, const struct kv_slice *k, const struct kv_slice *v)
{
	(void)ctx;
	const unsigned char *key = k->data;
	if (k->len == STORE_LOG_KEY_BYTES)
		return 0;
	if (k->len != 11) {
		care_problem(r, "an item's key has the wrong length", 0, 0, NULL);
		return 0;
	}
	uint64_t id = key_read(key + 1, 8), n = key_read(key + 9, 2);
	return n == 0 ? check_post(a, r, id, v) : check_target(t, a, r, id, n, v);
}

static int check_index(void *ctx, struct store_txn *t, struct arena *a, struct care_report *r, const struct kv_slice *k, const struct kv_slice *v)
{
	(void)ctx;
	const unsigned char *key = k->data;
	size_t id_at = key[0] == 'D' ? 13 : 2;
	struct target target;
	(void)v;
	if (k->len != id_at + 10) {
		care_problem(r, "an index entry has the wrong length", 0, 0, NULL);
		return 0;
	}
	uint64_t id = key_read(key + id_at, 8), n = key_read(key + id_at + 8, 2);
	int rc = store_target_get(t, a, id, n, &target);
	if (rc == -ST_NO_ITEM || rc == -ST_CORRUPT) {
		care_problem(r, "an index entry leads nowhere", id, n, NULL);
		return 0;
	}
	if (rc < 0)
		return rc;
	struct key want = store_index_key(&target);
	if (want.len != k->len || memcmp(want.b, key, want.len) != 0)
		care_problem(r, "an index entry is not the one of its target", id, n, state_name((enum state)target.state));
	return 0;
}

/* ---- counters ---- */

struct tally { int64_t of[STATE__COUNT]; };

static int count_states(struct store_txn *t, struct tally *out)
{
	struct kv_cursor *c;
	struct kv_slice k;
	int rc = kv_cursor_open(t->kv, &c);
	if (rc < 0)
		return rc;
	static const char tables[] = { 'D', 'S' };
	for (size_t i = 0; i < sizeof tables && (rc == 0 || rc == -ST_NO_ITEM); i++) {
		struct key start = key_new(tables[i]);
		for (rc = kv_seek(c, start.b, start.len, &k, NULL); rc == 0; rc = kv_next(c, &k, NULL)) {
			const unsigned char *key = k.data;
			if (key[0] != (unsigned char)tables[i])
				break;
			unsigned state = key[0] == 'D' ? STATE_QUEUED : key[1];
			if (state < STATE__COUNT)
				out->of[state]++;
		}
	}
	kv_cursor_close(c);
	return rc == -ST_NO_ITEM ? 0 : rc;
}

static int check_counts(struct store_txn *t, struct care_report *r)
{
	struct tally real = { { 0 } };
	int64_t kept[STATE__COUNT];
	int rc = count_states(t, &real);
	if (rc == 0)
		rc = store_counts(t, 0, kept);
	for (unsigned s = 0; rc == 0 && s < STATE__COUNT; s++)
		if (real.of[s] != kept[s])
			care_problem(r, "the counter is wrong", (uint64_t)real.of[s], 0, state_name((enum state)s));
	return rc;
}

int store_check(struct store_txn *t, struct care_report *report)
{
	struct arena a;
	memset(report, 0, sizeof *report);
	arena_init(&a, STORE_MAX_RECORD_BYTES);
	int rc = care_table(t, 'I', &a, report, check_item, NULL);
	if (rc == 0)
		rc = care_table(t, 'D', &a, report, check_index, NULL);
	if (rc == 0)
		rc = care_table(t, 'S', &a, report, check_index, NULL);
	if (rc == 0)
		rc = check_counts(t, report);
	if (rc == 0)
		rc = care_links(t, &a, report);
	arena_done(&a);
	return rc;
}

/* ---- the journal's chain ---- */

/* Where the chain begins: the hash of the newest entry that was removed, or zeros. */
static int verify_base(struct store_txn *t, uint64_t *seq, unsigned char hash[HASH_SHA256_BYTES])
{
	struct arena a;
	char *text;
	unsigned long long number;
	arena_init(&a, 4096);
	memset(hash, 0, HASH_SHA256_BYTES);
	*seq = 0;
	int rc = store_fact_get(t, &a, "journal-base", &text);
	if (rc == 0 && (sscanf(text, "%llu", &number) != 1 || strlen(strchr(text, ' ') != NULL ? strchr(text, ' ') + 1 : "") != 64))
		rc = -ST_CORRUPT;
	if (rc == 0) {
		const char *hex = strchr(text, ' ') + 1;
		for (size_t i = 0; i < HASH_SHA256_BYTES; i++) {
			unsigned byte = 0;
			(void)sscanf(hex + 2 * i, "%2x", &byte);
			hash[i] = (unsigned char)byte;
		}
		*seq = number;
	}
	arena_done(&a);
	return rc == -ST_NO_ITEM ? 0 : rc;
}

struct chain { uint64_t seq; unsigned char hash[HASH_SHA256_BYTES]; };

static void verify_entry(struct chain *chain, struct care_report *r, const struct kv_slice *k, const struct kv_slice *v)
{
	const unsigned char *key = k->data;
	uint64_t seq = k->len == 11 ? key_read(key + 3, 8) : 0;
	unsigned char want[HASH_SHA256_BYTES];
	struct key made = { .len = 0 };
	if (k->len <= sizeof made.b) {
		memcpy(made.b, key, k->len);
		made.len = k->len;
	}
	r->entries++;
	bool ok = v->len >= HASH_SHA256_BYTES && seq == chain->seq + 1 &&
	          store_journal_hash(chain->hash, &made, (const char *)v->data + HASH_SHA256_BYTES, v->len - HASH_SHA256_BYTES, want) == 0 &&
	          CRYPTO_memcmp(want, v->data, HASH_SHA256_BYTES) == 0;
	if (!ok)
		care_problem(r, "the journal's chain breaks at this entry", seq, 0, seq != chain->seq + 1 ? "entries are missing before it" : NULL);
	else if (r->problems == 0)
		(void)snprintf(r->cursor, sizeof r->cursor, "%d-%llu", STORE_WRITER, (unsigned long long)seq + 1);
	/* Behind a break the chain is followed from what stands there, so that one change is one problem. */
	chain->seq = seq;
	if (v->len >= HASH_SHA256_BYTES)
		memcpy(chain->hash, v->data, HASH_SHA256_BYTES);
}

int store_verify(struct store_txn *t, struct care_report *report)
{
	struct chain chain;
	struct kv_cursor *c;
	struct kv_slice k, v;
	memset(report, 0, sizeof *report);
	int rc = verify_base(t, &chain.seq, chain.hash);
	if (rc == 0)
		rc = kv_cursor_open(t->kv, &c);
	if (rc < 0)
		return rc;
	struct key start = key_new('J');
	for (rc = kv_seek(c, start.b, start.len, &k, &v); rc == 0; rc = kv_next(c, &k, &v)) {
		if (((const char *)k.data)[0] != 'J')
			break;
		verify_entry(&chain, report, &k, &v);
	}
	kv_cursor_close(c);
	return rc == -ST_NO_ITEM ? 0 : rc;
}

int store_backup(struct store *s, const char *directory, int64_t now_ms, char *why, size_t why_size)
{
	char when[40];
	return kv_backup(s->kv, directory, "M" STORE_FACT_COPY, unit_utc_format(now_ms, when, sizeof when), why, why_size);
}
