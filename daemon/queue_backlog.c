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

/* Of releases that cover the same item the most careful one counts: who said that it shall not go by itself is not
 * overruled by who opened another gate. Among the others, the last. */
static bool overrules(enum backlog_policy newer, enum backlog_policy counts, bool any)
{
	static const int care[BACKLOG__COUNT] = { [BACKLOG_PACE] = 0, [BACKLOG_NOW] = 0, [BACKLOG_SKIP] = 1, [BACKLOG_HOLD] = 2 };
	return !any || care[newer] >= care[counts];
}

int queue_backlog_of(struct turn *t, const char *account, const char *label, int64_t due_ms, enum backlog_policy *out, const char **name)
{
	struct backlog *list = arena_alloc(t->arena, STORE_MAX_BACKLOGS, sizeof *list);
	bool any = false;
	*out = BACKLOG_PACE;
	if (list == NULL)
		return -ST_NO_MEMORY;
	int64_t count = store_backlog_list(t->txn, t->arena, list, STORE_MAX_BACKLOGS);
	for (int64_t i = 0; i < count; i++) {
		const struct backlog *b = &list[i];
		if (due_ms < b->from_ms || due_ms >= b->until_ms || b->name == NULL || !queue_gate_covers(b->name, account, label))
			continue;
		int found = queue_backlog_find(b->policy != NULL ? b->policy : "");
		enum backlog_policy policy = found < 0 ? BACKLOG_PACE : (enum backlog_policy)found;
		if (!overrules(policy, *out, any))
			continue;
		any = true;
		*out = policy;
		*name = b->name;
	}
	return count < 0 ? (int)count : 0;
}
