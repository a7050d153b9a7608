/* queue_backlog.c: what becomes of what waited behind a gate. */
#include <string.h>

#include "daemon/queue.h"
#include "proto/status.h"

static const char *const names[BACKLOG__COUNT] = {
	[BACKLOG_PACE] = "pace", [BACKLOG_NOW] = "now", [BACKLOG_SKIP] = "skip", [BACKLOG_HOLD] = "hold",
};

int queue_backlog_find(const char *name)
{
	for (int i = 0; i < BACKLOG__COUNT; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -ST_INVALID;
}

const char *queue_backlog_name(enum backlog_policy p)
{
	return (unsigned)p < BACKLOG__COUNT ? names[p] : "?";
}

int queue_backlog_set(struct turn *t, const char *name, int64_t from_ms, const char *policy)
{
	const struct backlog b = { .name = arena_strdup(t->arena, name), .policy = arena_strdup(t->arena, policy), .from_ms = from_ms,
	                           .until_ms = t->now_ms };
	return b.policy == NULL ? -ST_NO_MEMORY : store_backlog_put(t->txn, t->arena, &b);
}

int queue_backlog_of(struct turn *t, const char *account, const char *label, int64_t due_ms, enum backlog_policy *out, const char **name)
{
	struct backlog *list = arena_alloc(t->arena, STORE_MAX_BACKLOGS, sizeof *list);
	*out = BACKLOG_PACE;
	if (list == NULL)
		return -ST_NO_MEMORY;
	int64_t count = store_backlog_list(t->txn, t->arena, list, STORE_MAX_BACKLOGS);
	/* The last release that covers it decides; a later "pace" undoes an earlier "skip". */
	for (int64_t i = count; i-- > 0;) {
		const struct backlog *b = &list[i];
		if (due_ms < b->from_ms || due_ms >= b->until_ms || b->name == NULL || !queue_gate_covers(b->name, account, label))
			continue;
		int policy = queue_backlog_find(b->policy != NULL ? b->policy : "");
		*out = policy < 0 ? BACKLOG_PACE : (enum backlog_policy)policy;
		*name = b->name;
		return 0;
	}
	return count < 0 ? (int)count : 0;
}
