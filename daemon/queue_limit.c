/* queue_limit.c: rate limits: of an account in its record, of an application (all accounts that share a platform, a server and a
 * client id) in one record for all of them, whatever their number. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "daemon/queue.h"
#include "proto/hash.h"
#include "proto/status.h"

/* The clock was wrong when such a limit was noted: it is none. */
#define DOUBT_MS (QUEUE_LIMIT_MAX_MS + 3600 * 1000)

static bool stands(int64_t until_ms, int64_t now_ms)
{
	return until_ms > now_ms && until_ms - now_ms <= DOUBT_MS;
}

const char *queue_limit_scope(bool application)
{
	return application ? "application" : "account";
}

/* ---- the record of an application ---- */

/* Behind "scheme://" and before path or query, which are the account's alone. */
static const char *server_of(struct arena *a, const char *base_url)
{
	const char *host = base_url != NULL ? strstr(base_url, "://") : NULL;
	if (host == NULL)
		return "";
	char *name = arena_strndup(a, host + 3, strcspn(host + 3, "/?"));
	for (char *c = name; c != NULL && *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	return name;
}

static const char *client_of(const struct conf_account *conf)
{
	static const char *const names[] = { "client_id", "client_key", "consumer_key" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		for (size_t k = 0; k < conf->credential_count; k++)
			if (strcmp(conf->credential[k].name, names[i]) == 0)
				return conf->credential[k].text;
	return "";
}

/* The name of the fact; NULL without memory. Hosts and client ids may be longer than a name: their digest stands for them. */
static const char *application_fact(struct arena *a, const struct conf_account *conf)
{
	unsigned char hash[HASH_SHA256_BYTES];
	char hex[HASH_SHA256_HEX_SIZE];
	const char *server = server_of(a, conf->base_url);
	const char *text = server != NULL ? arena_fmt(a, "%s %s", server, client_of(conf)) : NULL;
	if (text == NULL || hash_sha256(text, strlen(text), hash) < 0)
		return NULL;
	return arena_fmt(a, "limit %.20s %s", conf->plat->name, hash_hex(hash, 16, hex));
}

/* "until_ms reason"; empty, absent or not to be read: none. The platform says it again. */
static int application_get(struct store_txn *txn, struct arena *a, const struct conf_account *conf, struct queue_limit *out)
{
	const char *fact = application_fact(a, conf);
	char *text;
	long long until_ms;
	int at = 0;
	*out = (struct queue_limit){ .application = true };
	if (fact == NULL)
		return -ST_NO_MEMORY;
	int rc = store_fact_get(txn, a, fact, &text);
	if (rc < 0)
		return rc == -ST_NO_ITEM ? 0 : rc;
	if (sscanf(text, "%lld %n", &until_ms, &at) != 1)
		return 0;
	out->until_ms = until_ms;
	out->reason = text + at;
	return 0;
}

static int application_put(struct turn *t, const struct conf_account *conf, int64_t until_ms, const char *reason)
{
	const char *fact = application_fact(t->arena, conf);
	const char *text = until_ms > 0 ? arena_fmt(t->arena, "%lld %s", (long long)until_ms, reason) : "";
	return fact == NULL || text == NULL ? -ST_NO_MEMORY : store_fact_put(t->txn, fact, text);
}

/* ---- for all ---- */

int queue_limit_get(struct store_txn *txn, struct arena *a, const struct account *account, const struct conf_account *conf, int64_t now_ms,
                    struct queue_limit *out)
{
	struct queue_limit own = { .until_ms = account->not_before_ms, .reason = account->not_before_reason }, all = { 0 };
	int rc = conf != NULL ? application_get(txn, a, conf, &all) : 0;
	*out = (struct queue_limit){ 0 };
	if (stands(own.until_ms, now_ms))
		*out = own;
	if (stands(all.until_ms, now_ms) && all.until_ms > out->until_ms)
		*out = all;
	return rc;
}

static int limit_note(struct turn *t, const struct account *account, const char *event, const struct queue_limit *limit, const char *by)
{
	const char *detail = arena_fmt(t->arena, "{\"scope\":\"%s\",\"until_ms\":%lld}", queue_limit_scope(limit->application),
	                               (long long)limit->until_ms);
	return detail == NULL ? -ST_NO_MEMORY : queue_note(t, NULL, account->name, event, limit->reason, by, detail);
}

bool queue_limit_own(struct turn *t, struct account *account, int64_t until_ms, const char *reason)
{
	int64_t most_ms = t->now_ms + QUEUE_LIMIT_MAX_MS;
	until_ms = until_ms < most_ms ? until_ms : most_ms;
	if (stands(account->not_before_ms, t->now_ms) && account->not_before_ms >= until_ms)
		return false;
	account->not_before_ms = until_ms;
	account->not_before_reason = arena_strdup(t->arena, reason);
	return true;
}

static int set_application(struct turn *t, const struct account *account, const struct conf_account *conf, int64_t until_ms,
                           const char *reason)
{
	int64_t most_ms = t->now_ms + QUEUE_LIMIT_MAX_MS;
	struct queue_limit now, limit = { until_ms < most_ms ? until_ms : most_ms, reason, true };
	int rc = application_get(t->txn, t->arena, conf, &now);
	if (rc < 0 || (stands(now.until_ms, t->now_ms) && now.until_ms >= limit.until_ms))
		return rc;
	rc = application_put(t, conf, limit.until_ms, reason);
	return rc < 0 ? rc : limit_note(t, account, "limit", &limit, NULL);
}

int queue_limit_set(struct turn *t, struct account *account, const struct conf_account *conf, bool application, int64_t until_ms,
                    const char *reason)
{
	reason = reason != NULL ? reason : "rate limited";
	if (application)
		return set_application(t, account, conf, until_ms, reason);
	if (!queue_limit_own(t, account, until_ms, reason))
		return 0;
	const struct queue_limit limit = { account->not_before_ms, reason, false };
	int rc = store_account_put(t->txn, account);
	return rc < 0 ? rc : limit_note(t, account, "limit", &limit, NULL);
}

/* ---- a person's word ---- */

static int clear_own(struct turn *t, struct account *account, const char *by)
{
	const struct queue_limit own = { account->not_before_ms, account->not_before_reason, false };
	if (!stands(own.until_ms, t->now_ms))
		return 0;
	account->not_before_ms = 0;
	account->not_before_reason = NULL;
	int rc = store_account_put(t->txn, account);
	return rc < 0 ? rc : limit_note(t, account, "unlimit", &own, by);
}

static int clear_application(struct turn *t, const struct account *account, const struct conf_account *conf, const char *by)
{
	struct queue_limit all;
	int rc = application_get(t->txn, t->arena, conf, &all);
	if (rc < 0 || !stands(all.until_ms, t->now_ms))
		return rc;
	rc = application_put(t, conf, 0, "");
	return rc < 0 ? rc : limit_note(t, account, "unlimit", &all, by);
}

int queue_limit_clear(struct turn *t, struct account *account, const struct conf_account *conf, const char *by, struct queue_limit *ended)
{
	int rc = queue_limit_get(t->txn, t->arena, account, conf, t->now_ms, ended);
	if (rc < 0 || ended->until_ms == 0)
		return rc;
	rc = clear_own(t, account, by);
	if (rc == 0 && conf != NULL)
		rc = clear_application(t, account, conf, by);
	if (rc < 0)
		return rc;
	/* Others of the application look again too. */
	turn_due(t, 0, 0);
	return 1;
}
