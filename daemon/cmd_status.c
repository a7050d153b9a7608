/* cmd_status.c: HELLO, STATUS, ACCOUNTS: what the daemon is and how things stand. */
#include "config.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/cmd_priv.h"
#include "daemon/engine.h"
#include "daemon/token.h"
#include "proto/line.h"
#include "proto/unit.h"

/* One minute of grace: what is retried after a passing failure is not late at once. */
#define LATE_MS (60 * 1000)
#define LATE_MAX 100             /* counted up to here */

int cmd_hello(struct cmd_call *c)
{
	static const char *const keys[] = { "client", NULL };
	const char *client;
	if (!cmd_keys(c, c->body, "HELLO", keys) || !cmd_get_text(c, c->body, "client", &client))
		return 0;
	cmd_ok(c);
	jw_str(&c->w, "server", "smmqd");
	jw_str(&c->w, "version", PACKAGE_VERSION);
	jw_int(&c->w, "protocol", 1);
	jw_str(&c->w, "role", level_name(c->who.level));
	jw_array(&c->w, "verbs");
	for (int v = 0; v < VERB__COUNT; v++)
		if (verb_info((enum verb)v)->level <= c->who.level)
			jw_str(&c->w, NULL, verb_info((enum verb)v)->name);
	jw_end(&c->w);
	jw_object(&c->w, "limits");
	jw_int(&c->w, "max_line_bytes", LINE_MAX_BYTES);
	jw_int(&c->w, "max_media_bytes", c->conf->media_max_bytes);
	jw_int(&c->w, "max_targets", JOB_MAX_TARGETS);
	jw_int(&c->w, "max_parts", JOB_MAX_PARTS);
	jw_int(&c->w, "max_media", JOB_MAX_MEDIA);
	jw_int(&c->w, "max_text_bytes", JOB_MAX_TEXT_BYTES);
	jw_int(&c->w, "max_page", CMD_PAGE_MAX);
	jw_end(&c->w);
	return cmd_ok_end(c);
}

/* ---- accounts ---- */

/* An account as it stands. No record yet: nothing was ever queued for it. No conf: it is gone from the configuration. */
struct standing { const struct conf_account *conf; struct account account; int64_t counts[STATE__COUNT]; int64_t next_ms, late; };

static int standing_fill(struct cmd_call *c, struct standing *s)
{
	struct store_ref late[LATE_MAX];
	const struct store_ref from = { .id = 0 };
	int rc = store_counts(c->txn, s->account.no, s->counts);
	if (rc == 0)
		rc = store_due_next(c->txn, s->account.no, -1, &s->next_ms);
	if (rc < 0 || s->next_ms >= c->now_ms - LATE_MS)
		return rc;
	s->late = store_due_list(c->txn, s->account.no, c->now_ms - LATE_MS, &from, late, LATE_MAX);
	return s->late < 0 ? (int)s->late : 0;
}

static int standing_read(struct cmd_call *c, const struct conf_account *conf, struct standing *out)
{
	memset(out, 0, sizeof *out);
	out->conf = conf;
	out->next_ms = INT64_MAX;
	int rc = store_account_find(c->txn, c->arena, conf->name, &out->account);
	return rc == -ST_NO_ACCOUNT ? 0 : rc < 0 ? rc : standing_fill(c, out);
}

static int64_t standing_waiting(const struct standing *s)
{
	return s->counts[STATE_DRAFT] + s->counts[STATE_QUEUED] + s->counts[STATE_SENDING] + s->counts[STATE_UNKNOWN] + s->counts[STATE_HELD];
}

/* Calls each for every configured account, then for those that are gone while items of theirs wait. */
static int standing_walk(struct cmd_call *c, int (*each)(struct cmd_call *c, const struct standing *s, void *ctx), void *ctx)
{
	struct standing s;
	int rc = 0;
	for (size_t i = 0; i < c->conf->account_count && rc == 0; i++) {
		rc = standing_read(c, &c->conf->accounts[i], &s);
		if (rc == 0)
			rc = each(c, &s, ctx);
	}
	struct account *list = arena_alloc(c->arena, CONF_MAX_ACCOUNTS * 2, sizeof *list);
	if (rc < 0 || list == NULL)
		return rc < 0 ? rc : -ST_NO_MEMORY;
	int64_t count = store_account_list(c->txn, c->arena, list, CONF_MAX_ACCOUNTS * 2);
	for (int64_t i = 0; i < count && rc == 0; i++) {
		if (conf_account_find(c->conf, list[i].name) != NULL)
			continue;
		s = (struct standing){ .account = list[i], .next_ms = INT64_MAX };
		rc = standing_fill(c, &s);
		if (rc == 0 && standing_waiting(&s) > 0)
			rc = each(c, &s, ctx);
	}
	return count < 0 ? (int)count : rc;
}

static void write_standing(struct cmd_call *c, const struct standing *s)
{
	char text[40];
	struct queue_limit limit;
	if (queue_limit_get(c->txn, c->arena, &s->account, s->conf, c->now_ms, &limit) < 0)
		limit.until_ms = 0;
	bool waits = limit.until_ms > 0;
	jw_str(&c->w, "name", s->conf != NULL ? s->conf->name : s->account.name);
	jw_str(&c->w, "platform", s->conf != NULL ? s->conf->plat->name : s->account.platform);
	jw_str(&c->w, "zone", s->conf != NULL ? s->conf->time_zone : NULL);
	jw_str(&c->w, "state", s->conf == NULL ? "gone" : s->account.pause_reason != NULL ? "paused" : waits ? "limited" : "ready");
	jw_str(&c->w, "reason", s->account.pause_reason != NULL ? s->account.pause_reason : waits ? limit.reason : NULL);
	jw_str(&c->w, "limit", waits ? queue_limit_scope(limit.application) : NULL);
	jw_int(&c->w, "not_before_ms", limit.until_ms);
	jw_int(&c->w, "token_until_ms", s->conf != NULL ? token_until_ms(c->arena, s->conf, &s->account) : 0);
	jw_int(&c->w, "queued", s->counts[STATE_QUEUED]);
	jw_str(&c->w, "next_due", s->next_ms == INT64_MAX ? NULL : unit_utc_format(s->next_ms, text, sizeof text));
	if (s->next_ms == INT64_MAX)
		jw_null(&c->w, "next_due_ms");
	else
		jw_int(&c->w, "next_due_ms", s->next_ms);
}

struct accounts_walk { const char *name; int64_t count; };

/* What the profile is called there: drivers keep it under one of these. */
static const char *accounts_profile(const struct plat_values *v)
{
	const char *acct = plat_get(v, "own_acct");
	return acct != NULL ? acct : plat_get(v, "own_name");
}

static int accounts_each(struct cmd_call *c, const struct standing *s, void *ctx)
{
	struct accounts_walk *w = ctx;
	const struct plat_values values = { .arena = c->arena, .list = s->account.values, .count = s->account.value_count };
	if (w->name != NULL && strcmp(w->name, s->conf != NULL ? s->conf->name : s->account.name) != 0)
		return 0;
	cmd_data(c);
	write_standing(c, s);
	jw_str(&c->w, "base_url", s->conf != NULL ? s->conf->base_url : NULL);
	jw_str(&c->w, "directory", s->conf != NULL ? s->conf->directory : NULL);
	jw_str(&c->w, "remote_id", plat_get(&values, "own_id"));
	jw_str(&c->w, "remote_name", accounts_profile(&values));
	jw_int(&c->w, "session_ms", s->account.session_ms);
	cmd_data_end(c);
	w->count++;
	return 0;
}

int cmd_accounts(struct cmd_call *c)
{
	static const char *const keys[] = { "name", NULL };
	struct accounts_walk w = { .count = 0 };
	if (!cmd_keys(c, c->body, "ACCOUNTS", keys) || !cmd_get_text(c, c->body, "name", &w.name))
		return 0;
	int rc = standing_walk(c, accounts_each, &w);
	if (rc < 0)
		return rc;
	if (w.name != NULL && w.count == 0)
		return cmd_err(c, ST_NO_ACCOUNT, "no account \"%.64s\"", w.name);
	cmd_ok(c);
	jw_int(&c->w, "count", w.count);
	return cmd_ok_end(c);
}

/* ---- STATUS ---- */

static int write_gates(struct cmd_call *c)
{
	struct queue_gates gates;
	int rc = queue_gates_load(c->txn, c->arena, &gates);
	if (rc < 0)
		return rc;
	jw_array(&c->w, "gates");
	for (size_t i = 0; i < gates.count; i++) {
		jw_object(&c->w, NULL);
		jw_str(&c->w, "name", gates.list[i].name);
		jw_str(&c->w, "reason", gates.list[i].reason);
		jw_str(&c->w, "by", gates.list[i].by);
		jw_int(&c->w, "since_ms", gates.list[i].since_ms);
		jw_int(&c->w, "until_ms", gates.list[i].until_ms);
		jw_end(&c->w);
	}
	jw_end(&c->w);
	return 0;
}

static int status_each(struct cmd_call *c, const struct standing *s, void *ctx)
{
	int64_t *problems = ctx;
	*problems += s->conf == NULL || s->account.pause_reason != NULL;
	jw_object(&c->w, NULL);
	write_standing(c, s);
	jw_int(&c->w, "sending", s->counts[STATE_SENDING]);
	jw_int(&c->w, "unknown", s->counts[STATE_UNKNOWN]);
	jw_int(&c->w, "failed", s->counts[STATE_FAILED]);
	jw_int(&c->w, "late", s->late);
	jw_end(&c->w);
	return 0;
}

static int write_accounts(struct cmd_call *c, int64_t *problems)
{
	jw_array(&c->w, "accounts");
	int rc = standing_walk(c, status_each, problems);
	jw_end(&c->w);
	return rc;
}

static void write_store(struct cmd_call *c)
{
	struct kv_usage u = { 0 };
	uint64_t disk_free = 0;
	(void)store_usage(c->cmd->parts.store, &u, &disk_free);
	bool low = store_has_room(c->txn) == 0;
	jw_object(&c->w, "store");
	jw_int(&c->w, "used_bytes", (int64_t)u.used_bytes);
	jw_int(&c->w, "map_bytes", (int64_t)u.map_bytes);
	jw_int(&c->w, "free_bytes", (int64_t)disk_free);
	jw_bool(&c->w, "low", low);
	jw_end(&c->w);
}

int cmd_status(struct cmd_call *c)
{
	static const char *const none[] = { NULL };
	const struct cmd_parts *parts = &c->cmd->parts;
	int64_t counts[STATE__COUNT];
	char cursor[JOURNAL_CURSOR_MAX];
	if (!cmd_keys(c, c->body, "STATUS", none))
		return 0;
	int rc = store_counts(c->txn, 0, counts);
	if (rc == 0)
		rc = store_journal_end(c->txn, cursor);
	if (rc < 0)
		return rc;
	cmd_ok(c);
	jw_str(&c->w, "version", PACKAGE_VERSION);
	jw_int(&c->w, "pid", getpid());
	for (unsigned s = 0; s < STATE__COUNT; s++)
		jw_int(&c->w, state_name((enum state)s), counts[s]);
	jw_int(&c->w, "started_ms", c->cmd->started_ms);
	jw_int(&c->w, "now_ms", c->now_ms);
	jw_bool(&c->w, "draining", engine_draining(parts->engine));
	jw_int(&c->w, "in_flight", engine_in_flight(parts->engine));
	jw_int(&c->w, "connections", parts->wire.connections(parts->wire.ctx));
	jw_str(&c->w, "cursor", cursor);
	int64_t problems = counts[STATE_UNKNOWN] + counts[STATE_FAILED];
	rc = write_gates(c);
	if (rc == 0)
		rc = write_accounts(c, &problems);
	if (rc < 0)
		return rc;
	write_store(c);
	jw_int(&c->w, "problems", problems);
	return cmd_ok_end(c);
}

int cmd_status_line(struct cmd *c, char *buf, size_t size)
{
	struct store_txn *txn;
	int64_t counts[STATE__COUNT];
	int rc = store_begin(c->parts.store, false, &txn);
	if (rc < 0)
		return rc;
	rc = store_counts(txn, 0, counts);
	store_abort(txn);
	if (rc == 0)
		(void)snprintf(buf, size, "%lld queued, %lld sending, %lld unknown, %lld held, %lld failed, %lld published",
		               (long long)counts[STATE_QUEUED], (long long)counts[STATE_SENDING], (long long)counts[STATE_UNKNOWN],
		               (long long)counts[STATE_HELD], (long long)counts[STATE_FAILED], (long long)counts[STATE_PUBLISHED]);
	return rc;
}
