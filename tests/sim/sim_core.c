/* sim_core.c: the process: store, turns without a thread, engine; and what people ask of it, as turns. */
#include "tests/sim/sim_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/queue.h"
#include "daemon/reload.h"
#include "proto/status.h"

#define MAP_BYTES (INT64_C(4) << 30)

static void die(const char *what, const char *why)
{
	fprintf(stderr, "run_sim: %s: %s\n", what, why);
	exit(1);
}

/* ---- configuration ---- */

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	if (f == NULL || fputs(text, f) == EOF || fchmod(fileno(f), 0600) != 0 || fclose(f) != 0)
		die("cannot write", path);
}

static void account_make(const struct core *c, enum sim_kind kind, unsigned n)
{
	static const char *const platform[] = {
		[KIND_MASTODON] = "mastodon", [KIND_PLAIN] = "mastodon", [KIND_BLUESKY] = "bluesky", [KIND_WEBHOOK] = "webhook",
		[KIND_OUTBOX] = "outbox",
	};
	struct host *h = &sim_hosts[sim_host_count++];
	char path[700], text[1700], credential[700];
	*h = (struct host){ .kind = kind };
	(void)snprintf(h->name, sizeof h->name, "%c%u.sim", sim_kind_names[kind][0], n);
	(void)snprintf(credential, sizeof credential, "%s/%s.secret", c->directory, h->name);
	write_file(credential, kind == KIND_BLUESKY ? "identifier=x\npassword=abcdefgh\n" : "secret-token\n");
	(void)snprintf(path, sizeof path, "%s/accounts.d/%c%u.conf", c->directory, h->name[0], n);
	if (kind == KIND_OUTBOX) {
		(void)snprintf(text, sizeof text, "[Account]\nPlatform=outbox\nDirectory=%s/%s\nMaxLate=20h\n", c->directory, h->name);
		(void)snprintf(credential, sizeof credential, "%s/%s", c->directory, h->name);
		(void)mkdir(credential, 0700);
	} else {
		(void)snprintf(text, sizeof text, "[Account]\nPlatform=%s\nBaseURL=https://%s\nCredential=%s\nMaxLate=20h\n", platform[kind], h->name,
		               credential);
	}
	write_file(path, text);
}

void core_make(struct core *c, const char *directory, unsigned per_kind, size_t items)
{
	char path[400], text[1000];
	struct conf_error error;
	*c = (struct core){ .item_max = items };
	(void)snprintf(c->directory, sizeof c->directory, "%s", directory);
	(void)snprintf(path, sizeof path, "%s/accounts.d", directory);
	(void)mkdir(path, 0700);
	(void)snprintf(path, sizeof path, "%s/state", directory);
	(void)mkdir(path, 0700);
	for (unsigned n = 0; n < per_kind; n++)
		for (int k = 0; k < KIND__COUNT; k++)
			account_make(c, (enum sim_kind)k, n);
	(void)snprintf(c->conf_file, sizeof c->conf_file, "%s/smmqd.conf", directory);
	(void)snprintf(text, sizeof text, "[Daemon]\nStateDirectory=%s/state\nSocket=%s/s\nMaxInFlight=8\n", directory, directory);
	write_file(c->conf_file, text);
	if (conf_load(c->conf_file, &c->conf, &error) < 0)
		die("configuration", error.text);
	c->items = calloc(items, sizeof *c->items);
	if (c->items == NULL)
		die("items", "no memory");
}

/* ---- the process ---- */

static void on_reply(void *ctx, uint64_t conn, const char *text, size_t len)
{
	(void)ctx; (void)conn; (void)text; (void)len;
}

static void on_due(void *ctx, uint64_t account_no, int64_t due_ms)
{
	engine_due(((struct core *)ctx)->engine, account_no, due_ms);
}

static void on_periodic(void *ctx, int64_t due_ms)
{
	engine_periodic(((struct core *)ctx)->engine, due_ms);
}

static void on_journal(void *ctx)
{
	if (!sim.dead)
		engine_schedule(((struct core *)ctx)->engine);
}

static void on_nothing(void *ctx)
{
	(void)ctx;
}

static void on_fatal(void *ctx, int status)
{
	(void)ctx;
	(void)status;
	sim.dead = true;
}

static void boot_done(void *data)
{
	engine_start(((struct core *)data)->engine);
}

static int boot_turn(struct turn *t, void *input)
{
	int rc = reload_accounts_turn(t);
	if (rc == 0)
		rc = queue_note(t, NULL, NULL, "start", NULL, NULL, NULL);
	turn_effect(t, boot_done, NULL, input);
	return rc;
}

static void boot_failed(void *input, int status)
{
	(void)input;
	(void)status;
	sim.dead = true;
}

void core_boot(struct core *c)
{
	const struct turn_sinks sinks = { .ctx = c, .reply = on_reply, .due = on_due, .periodic = on_periodic, .journal = on_journal,
	                                  .room = on_nothing, .fatal = on_fatal, .wake = on_nothing };
	char why[1000];
	sim.dead = false;
	sim.generation++;
	c->boots++;
	int rc;
	/* Its own first commit may meet a fault. */
	while ((rc = store_open(c->conf->state_directory, MAP_BYTES, &c->store, why, sizeof why)) < 0) {
		if (rc != -ST_NO_SPACE && rc != -ST_IO)
			die("store", why);
		sim.dead = false;
	}
	const struct engine_parts parts = { .loop = NULL };
	struct engine_parts engine = parts;
	if (turns_new(c->store, &sinks, &c->turns) < 0)
		die("turns", "no memory");
	turns_set_conf(c->turns, c->conf);
	engine.turns = c->turns;
	if (engine_new(&engine, &c->engine) < 0)
		die("engine", "no memory");
	engine_conf(c->engine, c->conf);
	if (turns_submit(c->turns, boot_turn, boot_failed, NULL, c, 0) < 0)
		die("turns", "cannot start");
	core_pump(c);
}

void core_drop(struct core *c)
{
	sim.dead = true;
	turns_free(c->turns);
	engine_free(c->engine);
	store_close(c->store);
	c->turns = NULL;
	c->engine = NULL;
	c->store = NULL;
}

void core_free(struct core *c)
{
	conf_unref(c->conf);
	free(c->items);
}

void core_pump(struct core *c)
{
	turns_pump(c->turns);
}

/* ---- people ---- */

struct ask { struct core *core; struct item *item; uint64_t seed, n; bool flag; };

static void ask(struct core *c, int (*run)(struct turn *, void *), struct item *item, bool flag)
{
	struct ask *a = calloc(1, sizeof *a);
	if (a == NULL)
		die("ask", "no memory");
	*a = (struct ask){ .core = c, .item = item, .seed = sim_next(&sim.load), .flag = flag };
	if (sim.dead)
		free(a);
	else
		(void)turns_submit(c->turns, run, NULL, free, a, sizeof *a);
}

/* The content of a post: every part carries its mark. */
static struct content *content_make(struct turn *t, const struct item *item)
{
	struct content *c = arena_alloc(t->arena, 1, sizeof *c);
	if (c == NULL || (c->parts = arena_alloc(t->arena, item->parts, sizeof *c->parts)) == NULL)
		return NULL;
	c->part_count = item->parts;
	for (size_t i = 0; i < item->parts; i++)
		c->parts[i].text = arena_fmt(t->arena, "post-%llu-%zu. Something to say", (unsigned long long)item->number, i);
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
	p.content = content_make(t, item);
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
