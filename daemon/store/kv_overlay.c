/* kv_overlay.c: one red-black tree for each tree of the store, and a list of what the transaction under way has set. */
#include "daemon/store/kv_overlay.h"

#include <bsd/sys/tree.h>
#include <stdlib.h>
#include <string.h>

#include "proto/status.h"

struct overlay_node {
	RB_ENTRY(overlay_node) link;
	struct overlay_node *next_pending;
	struct overlay_value committed, pending;
	uint32_t tree, key_len;
	unsigned char key[];
};

RB_HEAD(overlay_tree, overlay_node);

struct overlay {
	struct overlay_tree trees[KV_MAX_TREES];
	struct overlay_node *first_pending, **last_pending;
	size_t count, bytes;
};

/* A key to look for, without a copy. */
struct probe { const unsigned char *key; size_t len; };

static int key_compare(const unsigned char *a, size_t a_len, const unsigned char *b, size_t b_len)
{
	int diff = memcmp(a, b, a_len < b_len ? a_len : b_len);
	return diff != 0 ? diff : a_len < b_len ? -1 : a_len > b_len;
}

static int node_compare(const struct overlay_node *a, const struct overlay_node *b)
{
	return key_compare(a->key, a->key_len, b->key, b->key_len);
}

RB_GENERATE_INTERNAL(overlay_tree, overlay_node, link, node_compare, __attribute__((unused)) static)

struct overlay *overlay_new(void)
{
	struct overlay *o = calloc(1, sizeof *o);
	if (o != NULL)
		o->last_pending = &o->first_pending;
	return o;
}

static void node_free(struct overlay *o, struct overlay_node *n)
{
	o->count--;
	o->bytes -= sizeof *n + n->key_len + n->committed.len + n->pending.len;
	free(n->committed.data);
	free(n->pending.data);
	free(n);
}

void overlay_free(struct overlay *o)
{
	if (o == NULL)
		return;
	for (unsigned i = 0; i < KV_MAX_TREES; i++)
		for (struct overlay_node *n; (n = RB_ROOT(&o->trees[i])) != NULL;) {
			(void)RB_REMOVE(overlay_tree, &o->trees[i], n);
			node_free(o, n);
		}
	free(o);
}

/* ---- looking ---- */

/* The first node at or after a key; the descent by hand, since the generated one wants a whole node to compare with. */
struct overlay_node *overlay_ceil(struct overlay *o, unsigned tree, const void *key, size_t key_len)
{
	struct overlay_node *n = RB_ROOT(&o->trees[tree]), *best = NULL;
	while (n != NULL) {
		int diff = key_compare(key, key_len, n->key, n->key_len);
		if (diff == 0)
			return n;
		if (diff < 0)
			best = n;
		n = diff < 0 ? RB_LEFT(n, link) : RB_RIGHT(n, link);
	}
	return best;
}

struct overlay_node *overlay_find(struct overlay *o, unsigned tree, const void *key, size_t key_len)
{
	struct overlay_node *n = RB_ROOT(&o->trees[tree]);
	while (n != NULL) {
		int diff = key_compare(key, key_len, n->key, n->key_len);
		if (diff == 0)
			return n;
		n = diff < 0 ? RB_LEFT(n, link) : RB_RIGHT(n, link);
	}
	return NULL;
}

struct overlay_node *overlay_next(struct overlay *o, unsigned tree, struct overlay_node *n)
{
	(void)o;
	(void)tree;
	return RB_NEXT(overlay_tree, &o->trees[tree], n);
}

struct overlay_node *overlay_prev(struct overlay *o, unsigned tree, struct overlay_node *n)
{
	return n == NULL ? RB_MAX(overlay_tree, &o->trees[tree]) : RB_PREV(overlay_tree, &o->trees[tree], n);
}

struct kv_slice overlay_key(const struct overlay_node *n)
{
	return (struct kv_slice){ n->key, n->key_len };
}

const struct overlay_value *overlay_value(const struct overlay_node *n, bool writer)
{
	return writer && n->pending.kind != OVERLAY_NONE ? &n->pending : &n->committed;
}

size_t overlay_bytes(const struct overlay *o)
{
	return o->bytes;
}

bool overlay_empty(const struct overlay *o)
{
	return o->count == 0;
}

const struct overlay_node *overlay_pending(const struct overlay *o, const struct overlay_node *after)
{
	return after == NULL ? o->first_pending : after->next_pending;
}

/* ---- changing ---- */

/* The node of a key, made where there is none. */
static struct overlay_node *node_make(struct overlay *o, unsigned tree, const void *key, size_t key_len)
{
	struct overlay_node *n = malloc(sizeof *n + key_len);
	if (n == NULL)
		return NULL;
	memset(n, 0, sizeof *n);
	n->tree = tree;
	n->key_len = (uint32_t)key_len;
	memcpy(n->key, key, key_len);
	/* Most keys are new: one descent both looks and inserts. */
	struct overlay_node *known = RB_INSERT(overlay_tree, &o->trees[tree], n);
	if (known != NULL) {
		free(n);
		return known;
	}
	o->count++;
	o->bytes += sizeof *n + key_len;
	return n;
}

static void value_set(struct overlay *o, struct overlay_value *v, const struct overlay_value *to)
{
	o->bytes -= v->len;
	free(v->data);
	*v = *to;
}

int overlay_put(struct overlay *o, unsigned tree, const void *key, size_t key_len, const void *data, size_t len)
{
	struct overlay_value v = { .kind = data != NULL ? OVERLAY_VALUE : OVERLAY_GONE, .len = data != NULL ? (uint32_t)len : 0 };
	if (v.len > 0) {
		v.data = malloc(v.len);
		if (v.data == NULL)
			return -ST_NO_MEMORY;
		memcpy(v.data, data, v.len);
	}
	struct overlay_node *n = node_make(o, tree, key, key_len);
	if (n == NULL) {
		free(v.data);
		return -ST_NO_MEMORY;
	}
	if (n->pending.kind == OVERLAY_NONE) {
		n->next_pending = NULL;
		*o->last_pending = n;
		o->last_pending = &n->next_pending;
	}
	value_set(o, &n->pending, &v);
	o->bytes += v.len;
	return 0;
}

static struct overlay_node *pending_take(struct overlay *o)
{
	struct overlay_node *n = o->first_pending;
	if (n == NULL) {
		o->last_pending = &o->first_pending;
		return NULL;
	}
	o->first_pending = n->next_pending;
	return n;
}

void overlay_commit(struct overlay *o)
{
	for (struct overlay_node *n; (n = pending_take(o)) != NULL;) {
		value_set(o, &n->committed, &n->pending);
		n->pending = (struct overlay_value){ .kind = OVERLAY_NONE };
	}
}

void overlay_abort(struct overlay *o)
{
	const struct overlay_value none = { .kind = OVERLAY_NONE };
	for (struct overlay_node *n; (n = pending_take(o)) != NULL;) {
		value_set(o, &n->pending, &none);
		if (n->committed.kind == OVERLAY_NONE) {
			(void)RB_REMOVE(overlay_tree, &o->trees[n->tree], n);
			node_free(o, n);
		}
	}
}

void overlay_merged(struct overlay *o, unsigned tree, struct overlay_node *n)
{
	const struct overlay_value none = { .kind = OVERLAY_NONE };
	if (n->pending.kind != OVERLAY_NONE) {
		value_set(o, &n->committed, &none);
		return;
	}
	(void)RB_REMOVE(overlay_tree, &o->trees[tree], n);
	node_free(o, n);
}

struct overlay *overlay_copy(struct overlay *o)
{
	struct overlay *copy = overlay_new();
	for (unsigned i = 0; copy != NULL && i < KV_MAX_TREES; i++)
		for (struct overlay_node *n = RB_MIN(overlay_tree, &o->trees[i]); n != NULL; n = RB_NEXT(overlay_tree, &o->trees[i], n)) {
			const struct overlay_value *v = &n->committed;
			/* An empty value must not be taken for a removal. */
			const void *data = v->kind == OVERLAY_VALUE && v->len == 0 ? "" : v->data;
			if (v->kind == OVERLAY_NONE || overlay_put(copy, i, n->key, n->key_len, data, v->len) == 0)
				continue;
			overlay_free(copy);
			return NULL;
		}
	if (copy != NULL)
		overlay_commit(copy);
	return copy;
}
