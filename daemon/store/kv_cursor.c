/* kv_cursor.c: a cursor over both: the tree on disk and the overlay over it, where the overlay has the last word on a key. */
#include <stdlib.h>
#include <string.h>

#include "daemon/store/kv_priv.h"
#include "proto/status.h"

/* Where a cursor stands is a key. Each step looks from there in both sources; the tree's cursor is asked only when it has been used up. */
struct kv_cursor {
	struct kv_txn *txn;
	struct lmdb_cursor *low;         /* NULL before the first seek */
	unsigned tree;
	bool forward;                    /* low_key is the first at or after, else the last before */
	int low_rc;                      /* of low_key: 0 or -ST_NO_ITEM */
	struct kv_slice low_key, low_value;
	unsigned char at[KV_MAX_KEY_BYTES + 1];
	size_t at_len;
};

int kv_cursor_open(struct kv_txn *txn, struct kv_cursor **out)
{
	struct kv_cursor *c = calloc(1, sizeof *c);
	if (c == NULL)
		return -ST_NO_MEMORY;
	c->txn = txn;
	*out = c;
	return 0;
}

void kv_cursor_close(struct kv_cursor *c)
{
	if (c == NULL)
		return;
	lmdb_cursor_close(c->low);
	free(c);
}

static int cursor_tree(struct kv_cursor *c, unsigned tree)
{
	if (c->low != NULL && c->tree == tree)
		return 0;
	lmdb_cursor_close(c->low);
	c->low = NULL;
	c->tree = tree;
	return lmdb_cursor_open(kv_view(c->txn), tree, &c->low);
}

static int slice_compare(const struct kv_slice *a, const struct kv_slice *b)
{
	int diff = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);
	return diff != 0 ? diff : a->len < b->len ? -1 : a->len > b->len;
}

static int low_step(struct kv_cursor *c)
{
	int rc = c->forward ? lmdb_next(c->low, &c->low_key, &c->low_value) : lmdb_prev(c->low, &c->low_key, &c->low_value);
	c->low_rc = rc;
	return rc == -ST_NO_ITEM ? 0 : rc;
}

static struct overlay_node *node_step(struct kv_cursor *c, struct overlay_node *n)
{
	struct overlay *o = c->txn->overlay;
	return c->forward ? overlay_next(o, c->tree, n) : overlay_prev(o, c->tree, n);
}

static int cursor_give(struct kv_cursor *c, const struct kv_slice *key, const struct kv_slice *value, struct kv_slice *k, struct kv_slice *v)
{
	memcpy(c->at, key->data, key->len);
	c->at_len = key->len;
	if (k != NULL)
		*k = *key;
	if (v != NULL)
		*v = *value;
	return 0;
}

/* The nearest of both, from n in the overlay (NULL: nothing there) and low_key in the tree. */
static int cursor_pick(struct kv_cursor *c, struct overlay_node *n, struct kv_slice *k, struct kv_slice *v)
{
	for (;;) {
		const struct overlay_value *value = n != NULL ? overlay_value(n, c->txn->write) : NULL;
		if (value != NULL && value->kind == OVERLAY_NONE) {
			n = node_step(c, n);
			continue;
		}
		if (n == NULL)
			return c->low_rc < 0 ? c->low_rc : cursor_give(c, &c->low_key, &c->low_value, k, v);
		struct kv_slice key = overlay_key(n);
		int diff = c->low_rc < 0 ? 1 : slice_compare(&c->low_key, &key);
		if (c->low_rc == 0 && !c->forward)
			diff = -diff;
		if (diff < 0)
			return cursor_give(c, &c->low_key, &c->low_value, k, v);
		if (value->kind == OVERLAY_VALUE) {
			const struct kv_slice data = { value->data != NULL ? value->data : "", value->len };
			return cursor_give(c, &key, &data, k, v);
		}
		int rc = diff == 0 ? low_step(c) : 0;
		if (rc < 0)
			return rc;
		n = node_step(c, n);
	}
}

int kv_seek(struct kv_cursor *c, const void *key, size_t key_len, struct kv_slice *k, struct kv_slice *v)
{
	int rc = cursor_tree(c, lmdb_tree(c->txn->kv->db, key, key_len));
	if (rc < 0)
		return rc;
	c->forward = true;
	c->low_rc = lmdb_seek(c->low, key, key_len, &c->low_key, &c->low_value);
	if (c->low_rc < 0 && c->low_rc != -ST_NO_ITEM)
		return c->low_rc;
	return cursor_pick(c, overlay_ceil(c->txn->overlay, c->tree, key, key_len), k, v);
}

int kv_cursor_start(struct kv_cursor *c, unsigned tree, struct kv_slice *k, struct kv_slice *v)
{
	int rc = cursor_tree(c, tree);
	if (rc < 0)
		return rc;
	c->forward = true;
	c->low_rc = lmdb_seek(c->low, "\0", 1, &c->low_key, &c->low_value);
	if (c->low_rc < 0 && c->low_rc != -ST_NO_ITEM)
		return c->low_rc;
	return cursor_pick(c, overlay_ceil(c->txn->overlay, tree, "", 0), k, v);
}

int kv_seek_before(struct kv_cursor *c, const void *key, size_t key_len, struct kv_slice *k, struct kv_slice *v)
{
	int rc = cursor_tree(c, lmdb_tree(c->txn->kv->db, key, key_len));
	if (rc < 0)
		return rc;
	c->forward = false;
	c->low_rc = lmdb_seek_before(c->low, key, key_len, &c->low_key, &c->low_value);
	if (c->low_rc < 0 && c->low_rc != -ST_NO_ITEM)
		return c->low_rc;
	struct overlay *o = c->txn->overlay;
	return cursor_pick(c, overlay_prev(o, c->tree, overlay_ceil(o, c->tree, key, key_len)), k, v);
}

int kv_next(struct kv_cursor *c, struct kv_slice *k, struct kv_slice *v)
{
	if (c->low == NULL || c->at_len == 0)
		return -ST_NO_ITEM;
	/* The smallest key behind this one. The overlay is asked anew: something may have come since. */
	c->at[c->at_len] = 0;
	if (!c->forward)
		return kv_seek(c, c->at, c->at_len + 1, k, v);
	const struct kv_slice at = { c->at, c->at_len };
	while (c->low_rc == 0 && slice_compare(&c->low_key, &at) <= 0) {
		int rc = low_step(c);
		if (rc < 0)
			return rc;
	}
	return cursor_pick(c, overlay_ceil(c->txn->overlay, c->tree, c->at, c->at_len + 1), k, v);
}

int kv_prev(struct kv_cursor *c, struct kv_slice *k, struct kv_slice *v)
{
	if (c->low == NULL || c->at_len == 0)
		return -ST_NO_ITEM;
	return kv_seek_before(c, c->at, c->at_len, k, v);
}
