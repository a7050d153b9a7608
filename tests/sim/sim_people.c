/* sim_people.c: what people ask of the daemon, as turns. Where the process has stopped it comes to nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/queue.h"
#include "proto/status.h"
#include "tests/sim/sim_core.h"

struct ask { struct core *core; struct item *item; uint64_t seed, n; bool flag; };

static void ask(struct core *c, int (*run)(struct turn *, void *), struct item *item, bool flag)
{
	struct ask *a = calloc(1, sizeof *a);
	if (a == NULL)
		core_die("ask", "no memory");
	*a = (struct ask){ .core = c, .item = item, .seed = sim_next(&sim.load), .flag = flag };
	if (sim.dead)
		free(a);
	else
		(void)turns_submit(c->turns, run, NULL, free, a, sizeof *a);
}

/* The content of a post: every part carries its mark. */
static struct content *content_make(struct turn *t, const struct item *item, const char *words)
{
	struct content *c = arena_alloc(t->arena, 1, sizeof *c);
	if (c == NULL || (c->parts = arena_alloc(t->arena, item->parts, sizeof *c->parts)) == NULL)
		return NULL;
	c->part_count = item->parts;
	for (size_t i = 0; i < item->parts; i++)
		c->parts[i].text = arena_fmt(t->arena, "post-%llu-%zu. %s", (unsigned long long)item->number, i, words);
	if (item->parts > 2)
		c->parts[item->parts - 1].comment = item->number % 2;
	return c;
}

static void acknowledged(void *data)
{
	struct ask *a = data;
	a->item->id = a->n;
}

static int add_turn(struct turn *t, void *input)
{
	struct ask *a = input;
	struct item *item = a->item;
	struct sim_rng r = { a->seed };
	struct post p = { .rev = 1, .created_ms = t->now_ms, .target_count = item->targets, .content_count = 1 };
	struct target *targets = arena_alloc(t->arena, item->targets, sizeof *targets);
	p.content = content_make(t, item, "Something to say");
	p.label = arena_strdup(t->arena, item->number % 3 == 0 ? "spring" : NULL);
	if (targets == NULL || p.content == NULL)
		return -ST_NO_MEMORY;
	for (size_t i = 0; i < item->targets; i++) {
		struct account account;
		char name[32];
		(void)snprintf(name, sizeof name, "%.*s", (int)strcspn(item->hosts[i]->name, "."), item->hosts[i]->name);
		const struct conf_account *conf = conf_account_find(t->conf, name);
		int rc = store_account_make(t->txn, t->arena, name, conf->plat->name, &account);
		if (rc < 0)
			return rc;
		targets[i] = (struct target){ .account = account.name, .account_no = account.no, .state = STATE_QUEUED, .label = p.label,
		                              .zone = arena_strdup(t->arena, "UTC"), .due_ms = t->now_ms + sim_between(&r, 0, 7200 * 1000),
		                              .late = sim_chance(&r, 500) ? LATE_SKIP : sim_chance(&r, 500) ? LATE_HOLD : LATE_POST };
		if (sim_chance(&r, 300))
			targets[i].expires_ms = targets[i].due_ms + sim_between(&r, 60 * 1000, 3600 * 1000);
	}
	int rc = queue_insert(t, &p, targets);
	a->n = p.id;
	turn_effect(t, acknowledged, NULL, a);
	return rc;
}

void core_add(struct core *c)
{
	struct item *item = &c->items[c->item_count++];
	*item = (struct item){ .number = c->item_count, .parts = sim_chance(&sim.load, 7000) ? 1 : 1 + sim_below(&sim.load, SIM_MAX_PARTS),
	                       .targets = 1 + sim_below(&sim.load, CORE_MAX_TARGETS) };
	size_t first = sim_below(&sim.load, sim_host_count);
	for (size_t i = 0; i < item->targets; i++)
		item->hosts[i] = &sim_hosts[(first + i) % sim_host_count];
	if (sim.trace)
		printf("%12.3f add %llu\n", (double)sim.now_us / 1e6, (unsigned long long)item->number);
	ask(c, add_turn, item, false);
}

static void cancelled(void *data)
{
	struct ask *a = data;
	a->item->cancelled[a->n - 1] = true;
}

static int cancel_turn(struct turn *t, void *input)
{
	struct ask *a = input;
	struct target target;
	a->n = 1 + a->seed % a->item->targets;
	int rc = store_target_get(t->txn, t->arena, a->item->id, a->n, &target);
	if (rc < 0 || state_next((enum state)target.state, EVENT_CANCEL) < 0)
		return rc;
	a->item->shown_when_cancelled[a->n - 1] = target.shown_count;
	turn_effect(t, cancelled, NULL, a);
	return queue_move(t, &target, EVENT_CANCEL, NULL, "sim", NULL);
}

void core_cancel(struct core *c)
{
	struct item *item = c->item_count > 0 ? &c->items[sim_below(&sim.load, c->item_count)] : NULL;
	if (item != NULL && item->id != 0)
		ask(c, cancel_turn, item, false);
}

static int edit_turn(struct turn *t, void *input)
{
	const struct ask *a = input;
	struct target target;
	int rc = store_target_get(t->txn, t->arena, a->item->id, 1 + a->seed % a->item->targets, &target);
	if (rc < 0 || target.state != STATE_QUEUED || target.shown_count > 0)
		return rc;
	target.own = content_make(t, a->item, a->seed % 3 == 0 ? "Something better to say" : "Something else to say");
	target.own_count = 1;
	target.rev++;
	return target.own == NULL ? -ST_NO_MEMORY : queue_keep(t, &target);
}

/* Says that an unknown one is not there, having looked: long enough after it was sent for that to be true. */
static int resolve_turn(struct turn *t, void *input)
{
	const struct ask *a = input;
	struct target target;
	uint64_t n = 1 + a->seed % a->item->targets;
	int rc = store_target_get(t->txn, t->arena, a->item->id, n, &target);
	if (rc < 0 || target.state != STATE_UNKNOWN || t->steady_ms - target.open->armed_steady_ms < 2 * 60 * 1000)
		return rc;
	size_t part = target.shown_count;
	if (sim_was_late(a->item->hosts[n - 1], a->item->number) || sim_seen(a->item->hosts[n - 1], a->item->number, part) > 0)
		return 0;
	struct periodic_ref ref = { .kind = PERIODIC_RECONCILE, .id = target.id, .n = target.n, .due_ms = target.open->look_ms };
	rc = ref.due_ms != 0 ? store_periodic_del(t->txn, &ref) : 0;
	target.open_count = 0;
	target.due_ms = t->now_ms;
	return rc < 0 ? rc : queue_move(t, &target, EVENT_SETTLE, "resolved: it is not there", "sim", NULL);
}

void core_change(struct core *c)
{
	struct item *item = c->item_count > 0 ? &c->items[sim_below(&sim.load, c->item_count)] : NULL;
	if (item != NULL && item->id != 0)
		ask(c, sim_chance(&sim.load, 5000) ? edit_turn : resolve_turn, item, false);
}

static int gate_turn(struct turn *t, void *input)
{
	static const char *const names[] = { GATE_ALL, "account:m0", "label:spring" };
	const struct ask *a = input;
	struct gate g = { .name = arena_strdup(t->arena, names[a->seed % 3]), .since_ms = t->now_ms };
	g.until_ms = a->seed % 2 == 0 ? t->now_ms + 20 * 60 * 1000 : 0;
	if (a->flag)
		return queue_gate_set(t, &g);
	for (size_t i = 0; i < 3; i++) {
		int rc = queue_gate_remove(t, names[i], "sim", NULL);
		if (rc < 0 && rc != -ST_NO_ITEM)
			return rc;
	}
	return 0;
}

void core_gate(struct core *c, bool close)
{
	ask(c, gate_turn, NULL, close);
}

struct failed { struct turn *t; uint64_t seed; int rc; struct store_ref refs[64]; size_t count; };

static int failed_each(void *ctx, const struct store_ref *ref)
{
	struct failed *f = ctx;
	if (f->count == 64)
		return 1;
	f->refs[f->count++] = *ref;
	return 0;
}

static int care_turn(struct turn *t, void *input)
{
	const struct ask *a = input;
	struct account list[SIM_MAX_HOSTS];
	struct failed f = { .t = t };
	struct store_page page = { .states = 1U << STATE_FAILED, .max_looks = 64 };
	int64_t count = store_account_list(t->txn, t->arena, list, SIM_MAX_HOSTS);
	int rc = count < 0 ? (int)count : 0;
	for (int64_t i = 0; i < count && rc == 0; i++)
		rc = queue_account_resume(t, &list[i], "sim");
	if (rc == 0)
		rc = store_page_walk(t->txn, &page, failed_each, &f);
	for (size_t i = 0; i < f.count && rc >= 0; i++) {
		struct target target;
		rc = store_target_get(t->txn, t->arena, f.refs[i].id, f.refs[i].n, &target);
		if (rc < 0 || (a->seed >> i) % 2 == 0)
			continue;
		target.due_ms = t->now_ms;
		target.not_before_ms = 0;
		rc = queue_move(t, &target, EVENT_RETRY, NULL, "sim", NULL);
	}
	return rc < 0 ? rc : 0;
}

void core_care(struct core *c)
{
	ask(c, care_turn, NULL, false);
}
