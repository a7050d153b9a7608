/* store_target.c: posts and targets, the queue, and the counts. A target in state queued stands in the due index, in any
 * other state in the state index: exactly one of the two, always. */
#include <string.h>

#include "daemon/store/store.h"
#include "daemon/store/store_priv.h"
#include "proto/status.h"

static struct key key_item(uint64_t id, uint64_t n)
{
	struct key k = key_new('I');
	key_add(&k, id, 8);
	key_add(&k, n, 2);
	return k;
}

static struct key key_due(uint64_t account_no, int64_t due_ms, uint64_t id, uint64_t n)
{
	struct key k = key_new('D');
	key_add(&k, account_no, 4);
	key_add(&k, (uint64_t)(due_ms < 0 ? 0 : due_ms), 8);
	key_add(&k, id, 8);
	key_add(&k, n, 2);
	return k;
}

struct key store_index_key(const struct target *t)
{
	if (t->state == STATE_QUEUED)
		return key_due(t->account_no, job_fire_ms(t), t->id, t->n);
	struct key k = key_new('S');
	key_add(&k, t->state, 1);
	key_add(&k, t->id, 8);
	key_add(&k, t->n, 2);
	return k;
}

int store_post_get(struct store_txn *t, struct arena *a, uint64_t id, struct post *out)
{
	struct key k = key_item(id, 0);
	int rc = store_record_get(t, a, &k, &job_post_type, out);
	if (rc == 0 && (out->content_count != 1 || out->content->part_count == 0))
		return -ST_CORRUPT;
	return rc;
}

int store_post_put(struct store_txn *t, const struct post *p)
{
	struct key k = key_item(p->id, 0);
	return store_record_put(t, &k, &job_post_type, p);
}

int store_target_get(struct store_txn *t, struct arena *a, uint64_t id, uint64_t n, struct target *out)
{
	if (n == 0 || n > JOB_MAX_TARGETS)
		return -ST_NO_ITEM;
	struct key k = key_item(id, n);
	int rc = store_record_get(t, a, &k, &job_target_type, out);
	if (rc == 0 && out->state >= STATE__COUNT)
		return -ST_CORRUPT;
	return rc;
}

static int store_target_unindex(struct store_txn *t, const struct target *target)
{
	struct arena a;
	struct target old;
	arena_init(&a, STORE_MAX_RECORD_BYTES);
	int rc = store_target_get(t, &a, target->id, target->n, &old);
	if (rc == 0) {
		struct key was = store_index_key(&old), now = store_index_key(target);
		if (was.len != now.len || memcmp(was.b, now.b, was.len) != 0)
			rc = kv_del(t->kv, was.b, was.len);
	}
	if (rc == 0)
		rc = store_count_add(t, old.account_no, (unsigned)old.state, -1);
	arena_done(&a);
	return rc;
}

int store_target_put(struct store_txn *t, const struct target *target, bool is_new)
{
	int rc = is_new ? 0 : store_target_unindex(t, target);
	if (rc < 0)
		return rc;
	struct key k = key_item(target->id, target->n), index = store_index_key(target);
	rc = store_record_put(t, &k, &job_target_type, target);
	if (rc == 0)
		rc = kv_put(t->kv, index.b, index.len, "", 0);
	return rc < 0 ? rc : store_count_add(t, target->account_no, (unsigned)target->state, 1);
}

int64_t store_due_list(struct store_txn *t, uint64_t account_no, int64_t until_ms, const struct store_ref *from,
                       struct store_ref *out, size_t max)
{
	struct kv_cursor *c;
	struct kv_slice k;
	int rc = kv_cursor_open(t->kv, &c);
	if (rc < 0)
		return rc;
	/* n + 1: behind the one given. */
	struct key start = key_due(account_no, from->due_ms, from->id, from->id == 0 ? 0 : from->n + 1);
	size_t count = 0;
	for (rc = kv_seek(c, start.b, start.len, &k, NULL); rc == 0 && count < max; rc = kv_next(c, &k, NULL)) {
		const unsigned char *p = k.data;
		if (k.len != start.len || memcmp(p, start.b, 5) != 0)
			break;
		int64_t due_ms = (int64_t)key_read(p + 5, 8);
		if (due_ms > until_ms)
			break;
		out[count++] = (struct store_ref){ .id = key_read(p + 13, 8), .n = key_read(p + 21, 2), .due_ms = due_ms };
	}
	kv_cursor_close(c);
	return rc < 0 && rc != -ST_NO_ITEM ? rc : (int64_t)count;
}

int store_due_next(struct store_txn *t, uint64_t account_no, int64_t after_ms, int64_t *out_ms)
{
	struct store_ref ref;
	const struct store_ref from = { .due_ms = after_ms == INT64_MAX ? after_ms : after_ms + 1 };
	int64_t got = store_due_list(t, account_no, INT64_MAX, &from, &ref, 1);
	if (got < 0)
		return (int)got;
	*out_ms = got == 0 ? INT64_MAX : ref.due_ms;
	return 0;
}

/* ---- counts ---- */

static struct key key_count(uint64_t account_no, unsigned state)
{
	struct key k = key_new('C');
	key_add(&k, STORE_WRITER, 2);
	key_add(&k, account_no, 4);
	key_add(&k, state, 1);
	return k;
}

int store_count_flush(struct store_txn *t)
{
	for (size_t i = 0; i < t->delta_count; i++) {
		const struct store_delta *d = &t->deltas[i];
		struct key k = key_count(d->account_no, d->state);
		struct kv_slice v;
		int64_t have = 0;
		int rc = kv_get(t->kv, k.b, k.len, &v);
		if (rc < 0 && rc != -ST_NO_ITEM)
			return rc;
		if (rc == 0 && v.len == sizeof have)
			memcpy(&have, v.data, sizeof have);
		have += d->by;
		rc = d->by == 0 ? 0 : kv_put(t->kv, k.b, k.len, &have, sizeof have);
		if (rc < 0)
			return rc;
	}
	t->delta_count = 0;
	return 0;
}

int store_count_add(struct store_txn *t, uint64_t account_no, unsigned state, int64_t by)
{
	for (size_t i = 0; i < t->delta_count; i++)
		if (t->deltas[i].account_no == account_no && t->deltas[i].state == state) {
			t->deltas[i].by += by;
			return 0;
		}
	if (t->delta_count == STORE_MAX_DELTAS) {
		int rc = store_count_flush(t);
		if (rc < 0)
			return rc;
	}
	t->deltas[t->delta_count++] = (struct store_delta){ account_no, state, by };
	return 0;
}

/* Adds a row to out where it belongs to the account (0: any). *skip is set to a key behind which the account may go on. */
static void count_row(const struct kv_slice *k, const struct kv_slice *v, uint64_t account_no, int64_t *out, struct key *skip)
{
	const unsigned char *p = k->data;
	uint64_t writer = key_read(p + 1, 2), no = key_read(p + 3, 4);
	int64_t have;
	skip->len = 0;
	if (account_no == 0 || no == account_no) {
		if (v->len == sizeof have && p[7] < STATE__COUNT) {
			memcpy(&have, v->data, sizeof have);
			out[p[7]] += have;
		}
		return;
	}
	/* The rows of one account stand together below each writer: jump there, not over every account. */
	*skip = key_new('C');
	key_add(skip, no < account_no ? writer : writer + 1, 2);
	key_add(skip, account_no, 4);
}

int store_counts(struct store_txn *t, uint64_t account_no, int64_t out[STATE__COUNT])
{
	memset(out, 0, STATE__COUNT * sizeof out[0]);
	struct kv_cursor *c;
	struct kv_slice k, v;
	struct key skip, start = key_new('C');
	int rc = kv_cursor_open(t->kv, &c);
	if (rc < 0)
		return rc;
	rc = kv_seek(c, start.b, start.len, &k, &v);
	while (rc == 0 && k.len == 8 && ((const char *)k.data)[0] == 'C') {
		count_row(&k, &v, account_no, out, &skip);
		rc = skip.len > 0 ? kv_seek(c, skip.b, skip.len, &k, &v) : kv_next(c, &k, &v);
	}
	kv_cursor_close(c);
	return rc < 0 && rc != -ST_NO_ITEM ? rc : 0;
}
