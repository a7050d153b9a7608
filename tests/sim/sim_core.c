/* sim_core.c: the process: store, turns without a thread, engine. */
#include "tests/sim/sim_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/engine_restore.h"
#include "daemon/io/clock.h"
#include "daemon/queue.h"
#include "daemon/reload.h"
#include "proto/status.h"

#define MAP_BYTES (INT64_C(4) << 30)

void core_die(const char *what, const char *why)
{
	fprintf(stderr, "run_sim: %s: %s\n", what, why);
	exit(1);
}

/* ---- configuration ---- */

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	if (f == NULL || fputs(text, f) == EOF || fchmod(fileno(f), 0600) != 0 || fclose(f) != 0)
		core_die("cannot write", path);
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
		core_die("configuration", error.text);
	c->items = calloc(items, sizeof *c->items);
	if (c->items == NULL)
		core_die("items", "no memory");
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
	struct core *c = ctx;
	c->known_ms = clock_now_ms();
	if (!sim.dead)
		engine_schedule(c->engine);
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
	const struct core *c = input;
	int rc = reload_accounts_turn(t);
	/* As the guard does it: what was due by now may have been published since by a run that the store does not know of. */
	if (rc == 0 && c->known_ms > 0)
		rc = restore_begin(t, c->known_ms);
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

void core_journal_end(struct core *c, char cursor[JOURNAL_CURSOR_MAX])
{
	struct store_txn *t;
	int rc = store_begin(c->store, false, &t);
	if (rc == 0) {
		rc = store_journal_end(t, cursor);
		store_abort(t);
	}
	if (rc < 0)
		core_die("journal", status_info(rc)->help);
}

/* A store that was to go back and did not tests nothing. */
static void check_back(struct core *c)
{
	char end[JOURNAL_CURSOR_MAX];
	if (c->back_to[0] == '\0')
		return;
	core_journal_end(c, end);
	if (strcmp(end, c->back_to) != 0)
		core_die("the store did not go back; its journal ends at", end);
	c->back_to[0] = '\0';
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
			core_die("store", why);
		sim.dead = false;
	}
	check_back(c);
	const struct engine_parts parts = { .loop = NULL };
	struct engine_parts engine = parts;
	if (turns_new(c->store, &sinks, &c->turns) < 0)
		core_die("turns", "no memory");
	turns_set_conf(c->turns, c->conf);
	engine.turns = c->turns;
	if (engine_new(&engine, &c->engine) < 0)
		core_die("engine", "no memory");
	engine_conf(c->engine, c->conf);
	if (turns_submit(c->turns, boot_turn, boot_failed, NULL, c, 0) < 0)
		core_die("turns", "cannot start");
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
