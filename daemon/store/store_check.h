/* store_check.h: what store_care.c and store_check.c share. Private to the two. */
#ifndef SMMQ_STORE_CHECK_H
#define SMMQ_STORE_CHECK_H

#include "daemon/store/store_care.h"
#include "daemon/store/store_priv.h"

/* Looks at one key. Negative: the store cannot be read. */
typedef int care_each(void *ctx, struct store_txn *t, struct arena *a, struct care_report *r, const struct kv_slice *k,
                      const struct kv_slice *v);

void care_problem(struct care_report *r, const char *what, uint64_t id, uint64_t n, const char *detail);
/* Calls each for every key of a table, with an emptied arena. */
int care_table(struct store_txn *t, char table, struct arena *a, struct care_report *r, care_each *each, void *ctx);
/* What one record says of another: accounts, keys, gates, plans, media, the journal's index. */
int care_links(struct store_txn *t, struct arena *a, struct care_report *r);

#endif
