/* kv_overlay.h: what is committed to the log and not yet in the trees, in memory and in key order. Private to kv*.c.
 *
 * Every value has two layers: what is committed, which readers see, and what the write transaction under way has set, which only
 * it sees. A removed key stays as a mark, since the trees may still have it. The writer alone changes the overlay, holding
 * the lock that readers share; it may read without. */
#ifndef SMMQ_STORE_KV_OVERLAY_H
#define SMMQ_STORE_KV_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/kv.h"

enum overlay_kind { OVERLAY_NONE /* ask the tree */, OVERLAY_VALUE, OVERLAY_GONE };

struct overlay_value { enum overlay_kind kind; uint32_t len; void *data; };
struct overlay_node;
struct overlay;

struct overlay *overlay_new(void);
void overlay_free(struct overlay *o);            /* NULL is fine */

/* Sets or removes (data NULL) a key for the transaction under way. 0 or -ST_NO_MEMORY. */
int overlay_put(struct overlay *o, unsigned tree, const void *key, size_t key_len, const void *data, size_t len);
void overlay_commit(struct overlay *o);          /* what was set is committed; cannot fail */
void overlay_abort(struct overlay *o);           /* what was set is forgotten */

/* What the transaction under way has set, each key once. Order of first change. NULL at the end. */
const struct overlay_node *overlay_pending(const struct overlay *o, const struct overlay_node *after);
size_t overlay_bytes(const struct overlay *o);   /* about what the nodes take */
bool overlay_empty(const struct overlay *o);

/* The node of a key, the first at or after it, the last before it, the neighbours; NULL where there is none. */
struct overlay_node *overlay_find(struct overlay *o, unsigned tree, const void *key, size_t key_len);
struct overlay_node *overlay_ceil(struct overlay *o, unsigned tree, const void *key, size_t key_len);
struct overlay_node *overlay_next(struct overlay *o, unsigned tree, struct overlay_node *n);
struct overlay_node *overlay_prev(struct overlay *o, unsigned tree, struct overlay_node *n /* NULL: the last */);

struct kv_slice overlay_key(const struct overlay_node *n);
/* What is seen of a node: the writer's view or the readers'. */
const struct overlay_value *overlay_value(const struct overlay_node *n, bool writer);
/* What is committed of a node stands in its tree now and is forgotten here; what is set stays. */
void overlay_merged(struct overlay *o, unsigned tree, struct overlay_node *n);
/* The committed layer as an overlay of its own; NULL without memory. */
struct overlay *overlay_copy(struct overlay *o);

#endif
