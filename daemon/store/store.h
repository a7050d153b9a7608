/* store.h: everything the daemon remembers, as domain records over kv.h.
 *
 * All keys share one ordered space; the first byte says which table. Integers in keys are big-endian, so that key order is
 * number order.
 *
 *     'M' name                           facts of the store: "format", "instance", "clock", "ids", "journal"
 *     'A' account(4)                     struct account;        'a' name -> account(4)
 *     'I' id(8) 0(2)                     struct post            'I' id(8) n(2)  struct target (n >= 1): adjacent to its post
 *     'I' id(8) ffff(2) writer(2) seq(8)       the journal entries of the post: on the page that the post is on
 *     'D' account(4) due_ms(8) id(8) n(2)      the queue: every target in state queued, at the instant it may fire
 *     'S' state(1) id(8) n(2)                  every target in any other state
 *     'P' due_ms(8) kind(1) id(8) n(2)         periodic work: one index for all kinds of look-again-later
 *     'N' key                            struct keyed: idempotency keys, as given: those of one source lie close together
 *     'K' sha256(key)(16)                the same as format 1 had them; looked up and removed, no longer written
 *     'G' name                           struct gate
 *     'W' until_ms(8) name               struct backlog: what becomes of what waited behind a gate that was opened
 *     'B' sha256(32)                     struct blob: a stored media file
 *     'J' writer(2) seq(8)               hash(32) record: the journal; hash = SHA-256(hash before, key, record)
 *     'C' writer(2) account(4) state(1)  number of targets (signed: the sum over writers counts)
 *
 * Example: post 42 with one target due 2030-01-02T08:00:00Z (0x1b8e1f4b800 ms) on account 1 is
 *     49 000000000000002a 0000, 49 000000000000002a 0001, 44 00000001 000001b8e1f4b800 000000000000002a 0001
 * Records are record.h's TLV. To change one: add a field with a new tag; never reuse a tag or change its kind. To change
 * keys: raise STORE_FORMAT and add a step to the table in store_upgrade.c, with a sample of the old format in tests/unit.
 *
 * store_target_put is the one function that writes a target, with its index entries and counters. Id blocks, counters and
 * the journal chain belong to a writer (this daemon), so that several writers do not meet on one key. */
#ifndef SMMQ_STORE_H
#define SMMQ_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/model/job.h"
#include "daemon/model/limit.h"
#include "daemon/store/kv.h"
#include "proto/arena.h"

#define STORE_FORMAT 2
#define STORE_WRITER 1           /* this daemon's number among the writers; LMDB has one */

struct store;
struct store_txn;

/* ---- the store ---- */
/* Locks the directory against a second daemon and opens the store in it. why: a line for people.
 * 0, -ST_CONFLICT (a daemon has it), -ST_REFUSED (network file system, newer format), -ST_NO_SPACE, -ST_IO, ... */
int store_open(const char *directory, int64_t map_bytes, struct store **out, char *why, size_t why_size);
void store_close(struct store *s);
/* Store thread, between transactions: a slice of bringing the trees up to date with what is committed (kv.h). 1: more to do, 0, or a status. */
int store_tidy(struct store *s, bool idle);
/* All of it, before a clean end. */
int store_settle(struct store *s);
/* What was noticed when it was opened: KV_DOUBT_TORN, KV_DOUBT_STALE (kv.h). */
#define STORE_DOUBT_TORN 1u
#define STORE_DOUBT_STALE 2u
unsigned store_doubts(const struct store *s);
/* A fact that stands in backups alone: when this copy was made. "" or absent: it is none. */
#define STORE_FACT_COPY "copy"
/* Which file holds the data ("device:inode-birth"): changes when a store is copied or restored. buf >= 64 bytes. */
int store_file_id(const struct store *s, char *buf, size_t size);
/* As kv_map_size. */
int store_map_size(struct store *s, int64_t map_bytes);
/* 1: new items may be accepted; 0: the map or the disk is so full that the rest is kept for finishing, cancelling and journalling what
 * is accepted already (some kilobytes each); or a status. */
int store_has_room(struct store_txn *t);
int store_used(struct store_txn *t, uint64_t *out_bytes);
int store_usage(struct store *s, struct kv_usage *out, uint64_t *disk_free_bytes);

/* Read transactions for any thread, one write transaction for the store thread. */
int store_begin(struct store *s, bool write, struct store_txn **out);
/* A read transaction for walks over everything: it may take long. */
int store_snapshot(struct store *s, struct store_txn **out);
int store_commit(struct store_txn *t);           /* writes counters, ids, journal tail; then as kv_commit: not yet on the disk */
int store_sync(struct store *s);                 /* as kv_sync: makes it last. Any thread */
void store_abort(struct store_txn *t);           /* NULL is fine */
struct kv_txn *store_kv(struct store_txn *t);    /* for the files of store/ alone */

/* ---- facts ---- */
int store_fact_get(struct store_txn *t, struct arena *a, const char *name, char **out);     /* -ST_NO_ITEM */
int store_fact_put(struct store_txn *t, const char *name, const char *text);

/* ---- posts and targets ---- */
int store_id_new(struct store_txn *t, uint64_t *out);                                       /* increasing, never reused */
/* Leaves out this many ids, which the store may have handed out without knowing of it any more. */
int store_ids_skip(struct store_txn *t, uint64_t by);
int store_post_get(struct store_txn *t, struct arena *a, uint64_t id, struct post *out);    /* -ST_NO_ITEM, -ST_CORRUPT */
int store_post_put(struct store_txn *t, const struct post *p);
int store_target_get(struct store_txn *t, struct arena *a, uint64_t id, uint64_t n, struct target *out);
/* Writes the target and moves its index entries and counters from those of the stored one. is_new: nothing is stored yet. */
int store_target_put(struct store_txn *t, const struct target *target, bool is_new);

struct store_ref { uint64_t id, n; int64_t due_ms; };
/* Up to max targets of the queue of one account that are due at or before until_ms, in (due, id, n) order, after *from (zeroed
 * at first). Count; fewer than max means the end. */
int64_t store_due_list(struct store_txn *t, uint64_t account_no, int64_t until_ms, const struct store_ref *from,
                       struct store_ref *out, size_t max);
/* The first due time of an account after `after_ms`, INT64_MAX if there is none. */
int store_due_next(struct store_txn *t, uint64_t account_no, int64_t after_ms, int64_t *out_ms);

/* ---- pages over targets: by state, or by id ---- */
#define STORE_CURSOR_MAX 64
struct store_page {
	unsigned states;                 /* bit per enum state; 0 = all, in id order */
	uint64_t account_no;             /* 0 = every account; only the queue is kept by account: refs in other states are of all */
	const uint64_t *queue_accounts; size_t queue_account_count;   /* whose queues to walk for state queued, ascending */
	char cursor[STORE_CURSOR_MAX];   /* in: "" at first; out: "" at the end */
	size_t max_looks;                /* records looked at, at most */
};
/* Calls each(ctx, ref) until it returns non-zero (which is returned; that ref comes again with the cursor) or the page ends. */
int store_page_walk(struct store_txn *t, struct store_page *page, int (*each)(void *ctx, const struct store_ref *ref), void *ctx);

/* ---- counts ---- */
int store_counts(struct store_txn *t, uint64_t account_no /* 0 = all */, int64_t out[STATE__COUNT]);

/* ---- periodic work ---- */
enum periodic { PERIODIC_RECONCILE = 1, PERIODIC_GATE = 2, PERIODIC_MEDIA = 3, PERIODIC_KEEP = 4, PERIODIC_RESTORE = 5, PERIODIC_CLEAN = 6,
                PERIODIC_TOKEN = 7, PERIODIC__COUNT };
struct periodic_ref { int64_t due_ms; enum periodic kind; uint64_t id, n; };
int store_periodic_put(struct store_txn *t, const struct periodic_ref *ref, const void *data, size_t len);
int store_periodic_del(struct store_txn *t, const struct periodic_ref *ref);
/* Up to max entries due at or before until_ms; data (may be NULL) receives each payload in the arena. */
int64_t store_periodic_list(struct store_txn *t, struct arena *a, int64_t until_ms, struct periodic_ref *out, struct kv_slice *data,
                            size_t max);
int store_periodic_next(struct store_txn *t, int64_t *out_ms);                              /* INT64_MAX if there is none */

/* ---- accounts ---- */
struct account {
	struct record_extra extra;
	uint64_t no;                     /* never reused */
	char *name, *platform;
	char *pause_reason;              /* NULL while ready; else why nothing is sent */
	int64_t pause_ms;
	char *pause_digest;              /* the credential that was in use then: another one ends the pause */
	int64_t not_before_ms;           /* a rate limit: nothing is sent before */
	char *not_before_reason;
	char *credential_digest;         /* of the credential the session was made with */
	int64_t session_ms;              /* when session() last succeeded; 0 = never */
	struct limit_history history;    /* what was fired, for the rules of limit.h */
	int64_t pace_ms;                 /* late items wait until then, for pace_reason */
	char *pace_reason;
	struct value *values;            /* the driver's: tokens, own id, limits */
	size_t value_count;
};
extern const struct record_type store_account_type;
int store_account_get(struct store_txn *t, struct arena *a, uint64_t no, struct account *out);
int store_account_find(struct store_txn *t, struct arena *a, const char *name, struct account *out);    /* -ST_NO_ACCOUNT */
int store_account_put(struct store_txn *t, const struct account *account);
/* The account of this name, made with the next free number if it is not there. */
int store_account_make(struct store_txn *t, struct arena *a, const char *name, const char *platform, struct account *out);
int64_t store_account_list(struct store_txn *t, struct arena *a, struct account *out, size_t max);      /* by number */

/* ---- idempotency keys: 1 to STORE_MAX_KEY_BYTES bytes, -ST_INVALID otherwise ---- */
#define STORE_MAX_KEY_BYTES 200
struct keyed { struct record_extra extra; uint64_t id; char *request_sha256; int64_t created_ms; };
int store_key_get(struct store_txn *t, struct arena *a, const char *key, struct keyed *out);            /* -ST_NO_ITEM */
int store_key_put(struct store_txn *t, const char *key, const struct keyed *value);

/* ---- gates ---- */
struct gate {
	struct record_extra extra;
	char *name, *reason, *by;
	int64_t since_ms, until_ms /* 0 = open end */;
	char *backlog;                   /* what becomes of what waits when it opens by itself: a policy's name, NULL = pace */
};
int store_gate_get(struct store_txn *t, struct arena *a, const char *name, struct gate *out);           /* -ST_NO_ITEM */
int store_gate_put(struct store_txn *t, const struct gate *g);
int store_gate_del(struct store_txn *t, const char *name);
int64_t store_gate_list(struct store_txn *t, struct arena *a, struct gate *out, size_t max);

/* ---- backlogs: what was due while a gate was closed is judged by the policy that the release named ---- */
#define STORE_MAX_BACKLOGS 64                /* older ones are forgotten */
struct backlog { struct record_extra extra; char *name /* the gate's */, *policy; int64_t from_ms, until_ms; };
int store_backlog_put(struct store_txn *t, struct arena *a, const struct backlog *b);
int64_t store_backlog_list(struct store_txn *t, struct arena *a, struct backlog *out, size_t max);      /* oldest release first */

/* ---- media ---- */
struct blob {
	struct record_extra extra;
	char *mime;
	uint64_t size_bytes, width, height;
	uint64_t refs;                           /* items that show it */
	int64_t unused_ms;                       /* since when refs is 0 */
	/* Of video and sound, as in struct media. */
	int64_t duration_ms;
	uint64_t frame_milli, bit_rate, audio_channels, audio_hz;
	char *video_codec, *audio_codec, *unprobed;
};
/* What is known of the file, into the members of *out that say so; the others stay. */
void store_blob_media(const struct blob *b, struct media *out);
int store_blob_get(struct store_txn *t, struct arena *a, const char *sha256, struct blob *out);         /* -ST_NO_ITEM; -ST_INVALID for a bad name */
int store_blob_put(struct store_txn *t, const char *sha256, const struct blob *b);
int store_blob_del(struct store_txn *t, const char *sha256);
/* Plans a look at a file that may be unused (PERIODIC_MEDIA, payload: its name). Each file has keys of its own. */
int store_blob_plan(struct store_txn *t, const char *sha256, int64_t due_ms);

/* ---- the journal ---- */
struct entry {
	struct record_extra extra;
	int64_t time_ms;
	uint64_t id, n;                  /* 0: not about one item */
	uint64_t rev;
	char *event;                     /* event_name(), or add, edit, move, intent, answer, gate, ungate, pause, resume, start */
	char *from, *to;                 /* states; NULL where nothing moved */
	char *reason, *by, *account;
	char *detail;                    /* JSON object text; digests, step, status; never a secret */
};
#define JOURNAL_CURSOR_MAX 40
int store_journal_add(struct store_txn *t, const struct entry *e);
/* The cursor behind the newest entry. */
int store_journal_end(struct store_txn *t, char cursor[JOURNAL_CURSOR_MAX]);
/* Walks entries after cursor ("" = the oldest), at most max_looks, all or those of one post (id != 0). each gets the cursor behind
 * the entry; non-zero stops (and is returned). On return cursor is where to go on. -ST_INVALID for a cursor that is none,
 * -ST_GONE for one before the oldest entry or, in a store that was restored, behind the newest. *at_end (may be NULL): nothing
 * newer was there. */
int store_journal_walk(struct store_txn *t, struct arena *a, char cursor[JOURNAL_CURSOR_MAX], uint64_t id, size_t max_looks,
                       int (*each)(void *ctx, const struct entry *e, const char *cursor), void *ctx, bool *at_end);

#endif
