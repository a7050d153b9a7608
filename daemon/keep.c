/* keep.c: one pass after the other: posts, keys, journal. */
#include "daemon/keep.h"

#include <stdio.h>
#include <string.h>

#include "daemon/queue.h"
#include "daemon/store/store_care.h"
#include "proto/status.h"
#include "proto/unit.h"

#define KEEP_FIRST_MS (60 * 1000)
#define KEEP_NEXT_MS 200
#define KEEP_PASS_MS (24 * 3600LL * 1000)
#define KEEP_LOOKS 1000
#define KEEP_ENTRIES 500

enum keep_phase { KEEP_POSTS, KEEP_KEYS, KEEP_JOURNAL, KEEP__COUNT };

struct keep { int phase; char cursor[STORE_KEY_CURSOR_MAX]; };

/* There is one plan at a time: the fact "keep" says where it stands in the index. */
static int keep_plan(struct turn *t, const struct keep *k, int64_t at_ms)
{
	char *text;
	struct periodic_ref ref = { .kind = PERIODIC_KEEP };
	int rc = store_fact_get(t->txn, t->arena, "keep", &text);
	if (rc == 0 && unit_int_parse(text, 0, INT64_MAX, &ref.due_ms) == 0)
		rc = store_periodic_del(t->txn, &ref);
	if (rc < 0 && rc != -ST_NO_ITEM)
		return rc;
	ref.due_ms = at_ms;
	const char *payload = arena_fmt(t->arena, "%d %s", k->phase, k->cursor);
	if (payload == NULL)
		return -ST_NO_MEMORY;
	rc = store_periodic_put(t->txn, &ref, payload, strlen(payload));
	turn_periodic(t, at_ms);
	return rc < 0 ? rc : store_fact_put(t->txn, "keep", arena_fmt(t->arena, "%lld", (long long)at_ms));
}

int keep_start_turn(struct turn *t)
{
	const struct keep first = { .phase = KEEP_POSTS };
	return keep_plan(t, &first, t->now_ms + KEEP_FIRST_MS);
}

/* A failed post is not over in the sense of the state table, so its media are still counted as used. */
static int keep_gone(void *ctx, const struct post *p)
{
	struct turn *t = ctx;
	if (p->media_released)
		return 0;
	int rc = queue_media_use(t, p->content, -1);
	for (uint64_t n = 1; n <= p->target_count && rc == 0; n++) {
		struct target target;
		rc = store_target_get(t->txn, t->arena, p->id, n, &target);
		if (rc == 0 && target.own_count > 0)
			rc = queue_media_use(t, target.own, -1);
	}
	return rc;
}

/* One step of a phase; the cursor is "" when the phase is over. */
static int keep_step(struct turn *t, struct keep *k, int64_t *removed)
{
	int64_t before_ms = t->now_ms - t->conf->retention_ms, had = *removed;
	int rc;
	switch ((enum keep_phase)k->phase) {
	case KEEP_POSTS:
		return store_prune_posts(t->txn, t->arena, before_ms, KEEP_LOOKS, k->cursor, keep_gone, t, removed);
	case KEEP_KEYS:
		return store_prune_keys(t->txn, t->arena, t->now_ms - t->conf->key_retention_ms, KEEP_LOOKS, k->cursor, removed);
	case KEEP_JOURNAL:
		rc = store_prune_journal(t->txn, t->arena, before_ms, KEEP_ENTRIES, removed);
		(void)snprintf(k->cursor, sizeof k->cursor, "%s", *removed - had == KEEP_ENTRIES ? "more" : "");
		return rc;
	case KEEP__COUNT: break;
	}
	return -ST_INTERNAL;
}

int keep_step_turn(struct turn *t, const struct kv_slice *payload)
{
	struct keep k = { .phase = KEEP_POSTS };
	int64_t removed = 0;
	const char *text = payload->data;
	size_t len = payload->len;
	if (len >= 2 && text[0] >= '0' && text[0] < '0' + KEEP__COUNT && len - 2 < sizeof k.cursor) {
		k.phase = text[0] - '0';
		memcpy(k.cursor, text + 2, len - 2);
	}
	int rc = keep_step(t, &k, &removed);
	/* A cursor that no longer fits (a state was added, an account went) only makes the pass begin again. */
	if (rc == -ST_INVALID) {
		k.cursor[0] = '\0';
		rc = 0;
	}
	if (rc < 0)
		return rc;
	if (k.cursor[0] == '\0')
		k.phase++;
	bool over = k.phase == KEEP__COUNT;
	if (over)
		k.phase = KEEP_POSTS;
	return keep_plan(t, &k, t->now_ms + (over ? KEEP_PASS_MS : KEEP_NEXT_MS));
}
