/* store_page.c: walking targets page by page. The cursor is the key at which the next page begins, as text; what changes between two pages is seen or not, but nothing is seen twice and nothing that stays is missed. */
#include <stdio.h>
#include <string.h>

#include "daemon/store/store.h"
#include "daemon/store/store_priv.h"
#include "proto/status.h"

/* The ranges of one walk, in order: by id: one; by state: each state asked for, queued as one per account. */
struct page_range { struct key prefix; size_t id_at; bool due; };

static size_t page_queue_count(const struct store_page *p)
{
	return p->account_no != 0 ? 1 : p->queue_account_count;
}

static bool page_range(const struct store_page *p, size_t index, struct page_range *out)
{
	if (p->states == 0) {
		*out = (struct page_range){ .prefix = key_new('I'), .id_at = 1 };
		return index == 0;
	}
	for (unsigned s = 0; s < STATE__COUNT; s++) {
		if (!(p->states & 1U << s))
			continue;
		size_t ranges = s == STATE_QUEUED ? page_queue_count(p) : 1;
		if (index >= ranges) {
			index -= ranges;
			continue;
		}
		bool due = s == STATE_QUEUED;
		*out = (struct page_range){ .prefix = key_new(due ? 'D' : 'S'), .id_at = due ? 13 : 2, .due = due };
		if (due)
			key_add(&out->prefix, p->account_no != 0 ? p->account_no : p->queue_accounts[index], 4);
		else
			key_add(&out->prefix, s, 1);
		return true;
	}
	return false;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Cursor text: the key in hex. Which range it stands in follows from its beginning, so that accounts which come between two
 * pages shift nothing, and a cursor of another walk leads into none. */
static int page_cursor_read(const struct store_page *p, size_t *index, struct key *k)
{
	struct page_range range;
	k->len = 0;
	*index = 0;
	if (p->cursor[0] == '\0')
		return 0;
	for (const char *h = p->cursor; *h != '\0'; h += 2) {
		int high = hex_digit(h[0]), low = high < 0 ? -1 : hex_digit(h[1]);
		if (low < 0 || k->len == sizeof p->cursor / 2)
			return -ST_INVALID;
		k->b[k->len++] = (unsigned char)(high << 4 | low);
	}
	for (; page_range(p, *index, &range); (*index)++)
		if (k->len == range.id_at + 10 && memcmp(k->b, range.prefix.b, range.prefix.len) == 0)
			return 0;
	return -ST_INVALID;
}

static void page_cursor_write(struct store_page *p, const unsigned char *key, size_t len)
{
	int at = 0;
	for (size_t i = 0; i < len && (size_t)at + 3 <= sizeof p->cursor; i++)
		at += snprintf(p->cursor + at, sizeof p->cursor - (size_t)at, "%02x", key[i]);
}

/* The next key of the range. A post's journal entries stand behind its targets and are passed over in one step. */
static int page_next(struct kv_cursor *c, const struct page_range *r, struct kv_slice *k)
{
	int rc = kv_next(c, k, NULL);
	if (rc < 0 || k->len == r->id_at + 10 || r->due || r->prefix.len != 1)
		return rc;
	struct key next = r->prefix;
	key_add(&next, key_read((const unsigned char *)k->data + 1, 8) + 1, 8);
	return kv_seek(c, next.b, next.len, k, NULL);
}

/* Walks one range from *from (empty: its beginning). 1: the page is full and its cursor written. */
static int page_walk_range(struct store_txn *t, struct store_page *p, const struct page_range *r, const struct key *from,
                           size_t *looks, int (*each)(void *, const struct store_ref *), void *ctx)
{
	struct kv_cursor *c;
	struct kv_slice k;
	int rc = kv_cursor_open(t->kv, &c);
	if (rc < 0)
		return rc;
	const struct key *start = from->len > 0 ? from : &r->prefix;
	int stop = 0;
	for (rc = kv_seek(c, start->b, start->len, &k, NULL); rc == 0; rc = page_next(c, r, &k)) {
		const unsigned char *key = k.data;
		if (k.len != r->id_at + 10 || memcmp(key, r->prefix.b, r->prefix.len) != 0)
			break;
		struct store_ref ref = { .id = key_read(key + r->id_at, 8), .n = key_read(key + r->id_at + 8, 2) };
		if (r->due)
			ref.due_ms = (int64_t)key_read(key + 5, 8);
		if ((*looks)++ >= p->max_looks)
			stop = 1;
		else if (ref.n != 0)
			stop = each(ctx, &ref);
		if (stop != 0) {
			page_cursor_write(p, key, k.len);
			break;
		}
	}
	kv_cursor_close(c);
	if (stop != 0)
		return stop;
	return rc < 0 && rc != -ST_NO_ITEM ? rc : 0;
}

int store_page_walk(struct store_txn *t, struct store_page *page, int (*each)(void *ctx, const struct store_ref *ref), void *ctx)
{
	size_t index, looks = 0;
	struct key from;
	struct page_range range;
	int rc = page_cursor_read(page, &index, &from);
	if (rc < 0)
		return rc;
	for (; page_range(page, index, &range); index++) {
		rc = page_walk_range(t, page, &range, &from, &looks, each, ctx);
		if (rc != 0)
			return rc;
		from.len = 0;
	}
	page->cursor[0] = '\0';
	return 0;
}
