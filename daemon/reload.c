/* reload.c: taking over a configuration. */
#include "daemon/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/queue.h"
#include "proto/status.h"

#define RELOAD_GONE "no longer configured"
#define RELOAD_BACK "was not configured for a while"
#define RELOAD_OTHER "configured for another platform"

struct reload {
	const struct conf *conf;
	void (*take)(void *, const struct conf *);
	void *take_ctx;
	void (*done)(void *, int, const char *);
	void *done_ctx;
	bool waits;                      /* its turn is under way: whoever asked is told when that is released */
	int status;
	char text[1200];
};

/* Freed while it waits: the daemon goes down, and with it perhaps whoever asked. */
static void reload_free(void *input)
{
	struct reload *r = input;
	if (!r->waits)
		r->done(r->done_ctx, r->status, r->text);
	conf_unref(r->conf);
	free(r);
}

static void reload_take(void *data)
{
	struct reload *r = data;
	r->waits = false;
	if (r->status >= 0)
		r->take(r->take_ctx, r->conf);
}

static int reload_store_accounts(struct turn *t, struct account **out, int64_t *count)
{
	*out = arena_alloc(t->arena, CONF_MAX_ACCOUNTS * 2, sizeof **out);
	if (*out == NULL)
		return -ST_NO_MEMORY;
	*count = store_account_list(t->txn, t->arena, *out, CONF_MAX_ACCOUNTS * 2);
	return *count < 0 ? (int)*count : 0;
}

/* Items that still want something of the account. */
static int reload_waiting(struct turn *t, const struct account *account, int64_t *out)
{
	int64_t counts[STATE__COUNT];
	int rc = store_counts(t->txn, account->no, counts);
	*out = counts[STATE_DRAFT] + counts[STATE_QUEUED] + counts[STATE_SENDING] + counts[STATE_UNKNOWN] + counts[STATE_HELD];
	return rc;
}

static bool begins(const char *text, const char *with)
{
	return text != NULL && strncmp(text, with, strlen(with)) == 0;
}

/* Another platform under the same name: what was learned of the old one means nothing there, and its items are not for it. */
static int reload_platform(struct turn *t, struct account *account, const char *platform)
{
	int64_t waiting;
	int rc = reload_waiting(t, account, &waiting);
	if (rc < 0)
		return rc;
	if (waiting > 0)
		return queue_account_pause(t, account, arena_fmt(t->arena, RELOAD_OTHER ": its items wait for %s; set Platform= back, or cancel them, "
		                                                 "and restart", account->platform));
	*account = (struct account){ .no = account->no, .name = account->name, .platform = arena_strdup(t->arena, platform) };
	return store_account_put(t->txn, account);
}

/* It is configured again. What became due meanwhile does not go out before somebody has looked at it. */
static int reload_back(struct turn *t, struct account *account)
{
	int64_t next_ms;
	int rc = store_due_next(t->txn, account->no, -1, &next_ms);
	if (rc < 0)
		return rc;
	if (next_ms > t->now_ms)
		return queue_account_resume(t, account, "reload");
	account->pause_reason = arena_fmt(t->arena, RELOAD_BACK ", and items became due meanwhile: look at them (smmq list --account %s), then: "
	                                  "smmq release --account %s", account->name, account->name);
	rc = store_account_put(t->txn, account);
	return rc < 0 ? rc : queue_note(t, NULL, account->name, "pause", account->pause_reason, NULL, NULL);
}

static int reload_account(struct turn *t, const struct conf *conf, struct account *account)
{
	const struct conf_account *now = conf_account_find(conf, account->name);
	const char *pause = account->pause_reason;
	if (now == NULL)
		return queue_account_pause(t, account, RELOAD_GONE ": put its file back into accounts.d and reload");
	if (account->platform != NULL && strcmp(account->platform, now->plat->name) != 0)
		return reload_platform(t, account, now->plat->name);
	if (begins(pause, RELOAD_GONE) || begins(pause, RELOAD_OTHER))
		return reload_back(t, account);
	const char *digest = account->pause_digest != NULL ? account->pause_digest : "";
	/* A pause for a refused credential ends when there is another one. */
	if (pause != NULL && strcmp(digest, now->credential_digest) != 0)
		return queue_account_resume(t, account, "reload");
	return 0;
}

/* An account may not go, or become another platform's, while items wait for it. */
static int reload_refuse(struct turn *t, struct reload *r, const struct account *account)
{
	const struct conf_account *now = conf_account_find(r->conf, account->name), *old = conf_account_find(t->conf, account->name);
	int64_t waiting;
	if (old == NULL || (now != NULL && now->plat == old->plat))
		return 0;
	int rc = reload_waiting(t, account, &waiting);
	if (rc < 0 || waiting == 0)
		return rc;
	r->status = -ST_CONFIG;
	if (now == NULL)
		(void)snprintf(r->text, sizeof r->text, "accounts.d/%s.conf is gone, but %lld items wait for this account; cancel them first "
		               "(smmq cancel --account %s) or put the file back", account->name, (long long)waiting, account->name);
	else
		(void)snprintf(r->text, sizeof r->text, "%s: Platform= was %s, and %lld items wait for this account; cancel them first "
		               "(smmq cancel --account %s) or set it back", now->file, old->plat->name, (long long)waiting, account->name);
	return 0;
}

/* What is in the store has to have room in it. */
static int reload_map(struct turn *t, struct reload *r)
{
	uint64_t used;
	int rc = store_used(t->txn, &used);
	if (rc < 0 || r->status < 0 || r->conf->map_bytes == t->conf->map_bytes || (uint64_t)r->conf->map_bytes >= used)
		return rc;
	r->status = -ST_CONFIG;
	(void)snprintf(r->text, sizeof r->text, "%s: MapSize= is less than what is in use, %llu MiB", r->conf->file,
	               (unsigned long long)(used >> 20) + 1);
	return 0;
}

static int reload_turn(struct turn *t, void *input)
{
	struct reload *r = input;
	struct account *list;
	int64_t count;
	int rc = reload_store_accounts(t, &list, &count);
	r->status = (int)r->conf->account_count;
	r->text[0] = '\0';
	for (int64_t i = 0; i < count && rc == 0 && r->status >= 0; i++)
		rc = reload_refuse(t, r, &list[i]);
	if (rc == 0)
		rc = reload_map(t, r);
	for (int64_t i = 0; i < count && rc == 0 && r->status >= 0; i++)
		rc = reload_account(t, r->conf, &list[i]);
	turn_effect(t, reload_take, NULL, r);
	return rc;
}

static void reload_failed(void *input, int status)
{
	struct reload *r = input;
	r->waits = false;
	r->status = status;
	(void)snprintf(r->text, sizeof r->text, "%s", status_info(status)->help);
}

int reload_accounts_turn(struct turn *t)
{
	struct account *list;
	int64_t count;
	int rc = reload_store_accounts(t, &list, &count);
	for (int64_t i = 0; i < count && rc == 0; i++)
		rc = reload_account(t, t->conf, &list[i]);
	return rc;
}

void reload_start(struct turns *turns, const struct conf *old, void (*take)(void *ctx, const struct conf *conf), void *take_ctx,
                  void (*done)(void *ctx, int status, const char *text), void *done_ctx)
{
	struct conf_error error;
	char fixed[256];
	struct reload *r = calloc(1, sizeof *r);
	if (r == NULL) {
		done(done_ctx, -ST_NO_MEMORY, "no memory to reload");
		return;
	}
	*r = (struct reload){ .take = take, .take_ctx = take_ctx, .done = done, .done_ctx = done_ctx, .status = -ST_STOPPING };
	int rc = conf_load(old->file, &r->conf, &error);
	if (rc < 0) {
		r->status = rc;
		(void)snprintf(r->text, sizeof r->text, "%s", error.text);
		reload_free(r);
		return;
	}
	const char *option = conf_not_reloadable(old, r->conf, fixed, sizeof fixed);
	if (option[0] != '\0')
		log_line(LOG_LEVEL_WARNING, "an option has changed that counts after a restart only", "option=%s", option);
	(void)snprintf(r->text, sizeof r->text, "the daemon is too busy or stops; try again");
	if (turns_submit(turns, reload_turn, reload_failed, reload_free, r, sizeof *r) == 0)
		r->waits = true;
}
