/* cmd_status.c: HELLO, STATUS, ACCOUNTS: what the daemon is and how things stand. */
#include "config.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/cmd_priv.h"
#include "daemon/engine.h"
#include "proto/line.h"
#include "proto/unit.h"

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

/* One configured account as it stands; no record yet means that nothing was ever queued for it. */
struct standing { const struct conf_account *conf; struct account account; int64_t counts[STATE__COUNT]; int64_t next_ms; };

static int standing_read(struct cmd_call *c, const struct conf_account *conf, struct standing *out)
{
	memset(out, 0, sizeof *out);
	out->conf = conf;
	out->next_ms = INT64_MAX;
	int rc = store_account_find(c->txn, c->arena, conf->name, &out->account);
	if (rc == -ST_NO_ACCOUNT)
		return 0;
	if (rc == 0)
		rc = store_counts(c->txn, out->account.no, out->counts);
	return rc < 0 ? rc : store_due_next(c->txn, out->account.no, -1, &out->next_ms);
}

static void write_standing(struct cmd_call *c, const struct standing *s)
{
	char text[40];
	bool waits = s->account.not_before_ms > c->now_ms;
	jw_str(&c->w, "name", s->conf->name);
	jw_str(&c->w, "platform", s->conf->plat->name);
	jw_str(&c->w, "zone", s->conf->time_zone);
	jw_str(&c->w, "state", s->account.pause_reason != NULL ? "paused" : "ready");
	jw_str(&c->w, "reason", s->account.pause_reason != NULL ? s->account.pause_reason : waits ? s->account.not_before_reason : NULL);
	jw_int(&c->w, "not_before_ms", waits ? s->account.not_before_ms : 0);
	jw_int(&c->w, "queued", s->counts[STATE_QUEUED]);
	jw_str(&c->w, "next_due", s->next_ms == INT64_MAX ? NULL : unit_utc_format(s->next_ms, text, sizeof text));
	if (s->next_ms == INT64_MAX)
		jw_null(&c->w, "next_due_ms");
	else
		jw_int(&c->w, "next_due_ms", s->next_ms);
}

int cmd_accounts(struct cmd_call *c)
{
	static const char *const keys[] = { "name", NULL };
	const char *name;
	int64_t count = 0;
	if (!cmd_keys(c, c->body, "ACCOUNTS", keys) || !cmd_get_text(c, c->body, "name", &name))
		return 0;
	for (size_t i = 0; i < c->conf->account_count; i++) {
		const struct conf_account *conf = &c->conf->accounts[i];
		struct standing s;
		if (name != NULL && strcmp(name, conf->name) != 0)
			continue;
		int rc = standing_read(c, conf, &s);
		if (rc < 0)
			return rc;
		const struct plat_values values = { .arena = c->arena, .list = s.account.values, .count = s.account.value_count };
		cmd_data(c);
		write_standing(c, &s);
		jw_str(&c->w, "base_url", conf->base_url);
		jw_str(&c->w, "directory", conf->directory);
		jw_str(&c->w, "remote_id", plat_get(&values, "own_id"));
		jw_str(&c->w, "remote_name", plat_get(&values, "own_acct"));
		cmd_data_end(c);
		count++;
	}
	if (name != NULL && count == 0)
		return cmd_err(c, ST_NO_ACCOUNT, "no account \"%.64s\"", name);
	cmd_ok(c);
	jw_int(&c->w, "count", count);
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

static int write_accounts(struct cmd_call *c, int64_t *problems)
{
	jw_array(&c->w, "accounts");
	for (size_t i = 0; i < c->conf->account_count; i++) {
		struct standing s;
		int rc = standing_read(c, &c->conf->accounts[i], &s);
		if (rc < 0)
			return rc;
		*problems += s.account.pause_reason != NULL;
		jw_object(&c->w, NULL);
		write_standing(c, &s);
		jw_int(&c->w, "sending", s.counts[STATE_SENDING]);
		jw_int(&c->w, "unknown", s.counts[STATE_UNKNOWN]);
		jw_int(&c->w, "failed", s.counts[STATE_FAILED]);
		/* One minute of grace: what is retried after a passing failure is not late at once. */
		jw_bool(&c->w, "late", s.next_ms != INT64_MAX && s.next_ms < c->now_ms - 60 * 1000);
		jw_end(&c->w);
	}
	jw_end(&c->w);
	return 0;
}

static void write_store(struct cmd_call *c)
{
	struct kv_usage u = { 0 };
	uint64_t disk_free = 0;
	(void)store_usage(c->cmd->parts.store, &u, &disk_free);
	jw_object(&c->w, "store");
	jw_int(&c->w, "used_bytes", (int64_t)u.used_bytes);
	jw_int(&c->w, "map_bytes", (int64_t)u.map_bytes);
	jw_int(&c->w, "free_bytes", (int64_t)disk_free);
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
