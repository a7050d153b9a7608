/* store_care.h: looking after the store: is it whole, is the journal unbroken, a copy of it, and removing what is old.
 * Checks and copies read one snapshot, from any thread, beside the daemon's work. */
#ifndef SMMQ_STORE_CARE_H
#define SMMQ_STORE_CARE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/store.h"

#define CARE_MAX_PROBLEMS 20

struct care_report {
	int64_t posts, targets, entries;     /* looked at */
	int64_t problems;                    /* found; the first ones in words */
	char problem[CARE_MAX_PROBLEMS][200];
	char cursor[JOURNAL_CURSOR_MAX];     /* verify: behind the last entry that holds */
};

/* Every record decodes; every target stands in exactly the index that its state asks for, and every index entry leads to such a
 * target; counters are the true numbers, and records that speak of each other (store_check.c) agree. 0 (look at report->problems), or a status where the store cannot be read. */
int store_check(struct store_txn *t, struct care_report *report);
/* The journal's chain: each entry's hash is that of the one before, its key and its bytes. */
int store_verify(struct store_txn *t, struct care_report *report);
/* A consistent copy into an empty directory, while the daemon works. why: a text for people. */
int store_backup(struct store *s, const char *directory, int64_t now_ms, char *why, size_t why_size);

/* ---- removing what is old, in small steps, in a write transaction ---- */
/* Looks at up to max_looks ended targets from *cursor ("" = the beginning; "" again at the end) and removes posts all of whose
 * targets ended before before_ms. failed counts as ended. gone(ctx, post) is called before each removal; negative stops.
 * removed is added to. */
int store_prune_posts(struct store_txn *t, struct arena *a, int64_t before_ms, size_t max_looks, char cursor[STORE_CURSOR_MAX],
                      int (*gone)(void *ctx, const struct post *p), void *ctx, int64_t *removed);
/* Removes up to max entries older than before_ms from the journal's old end; the chain stays verifiable from there on. */
int store_prune_journal(struct store_txn *t, struct arena *a, int64_t before_ms, size_t max, int64_t *removed);
/* Looks at up to max_looks keys from *cursor and removes those made before before_ms whose post is gone. */
#define STORE_KEY_CURSOR_MAX 448
int store_prune_keys(struct store_txn *t, struct arena *a, int64_t before_ms, size_t max_looks, char cursor[STORE_KEY_CURSOR_MAX],
                     int64_t *removed);

#endif
