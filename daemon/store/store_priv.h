/* store_priv.h: what the files of store/ share: the transaction, keys under construction, and records in and out. */
#ifndef SMMQ_STORE_PRIV_H
#define SMMQ_STORE_PRIV_H

#include "daemon/store/store.h"
#include "proto/buf.h"

#define STORE_MAX_RECORD_BYTES (16 * 1024 * 1024)
#define STORE_MAX_DELTAS 256

struct store {
	struct kv *kv;
	char *directory;
	int lock_fd;
	struct buf record;                       /* the writer's scratch between its transactions */
	uint64_t held_used_bytes;        /* what was used when room was last held for finishing; 0: not yet */
};

struct store_delta { uint64_t account_no; unsigned state; int64_t by; };

/* What a write transaction changes more often than it is worth writing: flushed at commit. */
struct store_txn {
	struct store *store;
	struct kv_txn *kv;
	bool write;
	int has_room;                            /* 1 or 0 once it has been asked, -1 before */
	struct buf record;                       /* scratch of record_encode */
	struct store_delta deltas[STORE_MAX_DELTAS];
	size_t delta_count;
	bool ids_loaded, ids_changed;
	uint64_t id_next, id_end;
	bool journal_loaded, journal_changed;
	uint64_t journal_seq;                    /* of the newest entry; 0 = none */
	unsigned char journal_hash[32];
};

/* A key being put together: a table's letter and the longest idempotency key fit. */
#define KEY_MAX_BYTES 208
#define KEY_MAX_NAME 79
struct key { unsigned char b[KEY_MAX_BYTES]; size_t len; };

static inline struct key key_new(char table)
{
	struct key k = { .len = 1 };
	k.b[0] = (unsigned char)table;
	return k;
}

static inline void key_add(struct key *k, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		k->b[k->len++] = (unsigned char)(v >> (8 * (bytes - 1 - i)));
}

static inline uint64_t key_read(const unsigned char *p, unsigned bytes)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | p[i];
	return v;
}

/* Encodes value and puts it under key. */
int store_record_put(struct store_txn *t, const struct key *k, const struct record_type *type, const void *value);
/* Gets and decodes; -ST_NO_ITEM where absent. */
int store_record_get(struct store_txn *t, struct arena *a, const struct key *k, const struct record_type *type, void *out);
/* A key of table + name; names longer than KEY_MAX_NAME are refused. */
int key_named(struct key *k, char table, const char *name);

/* Changes the number of targets of an account in a state, at commit. */
int store_count_add(struct store_txn *t, uint64_t account_no, unsigned state, int64_t by);
int store_count_flush(struct store_txn *t);

/* Facts that say how far an upgrade is stand in the store itself, so that one that was cut off goes on. */
int store_upgrade(struct store *s, char *why, size_t why_size);

/* The journal entries of a post follow its targets. */
#define STORE_LOG_N 0xffff
#define STORE_LOG_KEY_BYTES 21
struct key store_log_key(uint64_t id, uint64_t writer, uint64_t seq);

/* The one index entry that a target has: in the queue, or in the index of its state. */
struct key store_index_key(const struct target *t);
/* The hash of a journal entry: over the hash before it, its key, and its record. out: 32 bytes. 0 or -ST_NO_MEMORY. */
int store_journal_hash(const unsigned char *before, const struct key *k, const char *record, size_t len, unsigned char *out);
int store_journal_decode(struct arena *a, const struct kv_slice *v, struct entry *out);
int store_gate_decode(struct arena *a, const struct kv_slice *v, struct gate *out);
int store_keyed_decode(struct arena *a, const struct kv_slice *v, struct keyed *out);

#endif
