/* queue_limit.c: rate limits: of an account in its record, of an application (all accounts that share a platform, a server and a
 * client id) in one record for all of them, whatever their number. */
#include <stdio.h>
#include <string.h>

#include "daemon/queue.h"
#include "proto/status.h"

/* The name of the fact; NULL without memory. A client id is public; only its account's credential says it. */
static const char *application_fact(struct arena *a, const struct conf_account *conf)
{
	const char *client = "";
	for (size_t i = 0; i < conf->credential_count; i++)
		if (strcmp(conf->credential[i].name, "client_id") == 0)
			client = conf->credential[i].text;
	return arena_fmt(a, "limit %s %.200s %.200s", conf->plat->name, conf->base_url != NULL ? conf->base_url : "", client);
}

/* "until_ms reason"; empty or absent: none. */
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
	if (rc == -ST_NO_ITEM || (rc == 0 && text[0] == '\0'))
		return 0;
	if (rc < 0 || sscanf(text, "%lld %n", &until_ms, &at) != 1)
		return rc < 0 ? rc : -ST_CORRUPT;
	out->until_ms = until_ms;
	out->reason = text + at;
	return 0;
}

int queue_limit_get(struct store_txn *txn, struct arena *a, const struct account *account, const struct conf_account *conf, int64_t now_ms,
                    struct queue_limit *out)
{
	struct queue_limit application = { 0 };
	int rc = conf != NULL ? application_get(txn, a, conf, &application) : 0;
	*out = (struct queue_limit){ .until_ms = account->not_before_ms, .reason = account->not_before_reason };
	if (application.until_ms > out->until_ms)
		*out = application;
	/* No platform's limit lasts so long: the clock was wrong when it was noted. */
	if (out->until_ms <= now_ms || out->until_ms - now_ms > QUEUE_LIMIT_MAX_MS)
		*out = (struct queue_limit){ 0 };
	return rc;
}

int queue_limit_set(struct turn *t, struct account *account, const struct conf_account *conf, bool application, int64_t until_ms,
                    const char *reason)
{
	struct queue_limit now = { .until_ms = account->not_before_ms };
	int rc = application ? application_get(t->txn, t->arena, conf, &now) : 0;
	if (rc < 0 || until_ms <= now.until_ms)
		return rc;
	reason = reason != NULL ? reason : "rate limited";
	if (application) {
		const char *fact = application_fact(t->arena, conf), *text = arena_fmt(t->arena, "%lld %s", (long long)until_ms, reason);
		rc = fact == NULL || text == NULL ? -ST_NO_MEMORY : store_fact_put(t->txn, fact, text);
	} else {
		account->not_before_ms = until_ms;
		account->not_before_reason = arena_strdup(t->arena, reason);
		rc = store_account_put(t->txn, account);
	}
	if (rc == 0)
		rc = queue_note(t, NULL, account->name, "limit", application ? arena_fmt(t->arena, "of the application: %s", reason) : reason,
		                NULL, NULL);
	return rc;
}

int queue_limit_clear(struct turn *t, struct account *account, const struct conf_account *conf, const char *by)
{
	struct queue_limit limit;
	int rc = queue_limit_get(t->txn, t->arena, account, conf, t->now_ms, &limit);
	if (rc < 0 || limit.until_ms == 0)
		return rc;
	const char *fact = limit.application ? application_fact(t->arena, conf) : NULL;
	rc = limit.application ? fact == NULL ? -ST_NO_MEMORY : store_fact_put(t->txn, fact, "") : 0;
	if (rc == 0 && account->not_before_ms > 0) {
		account->not_before_ms = 0;
		account->not_before_reason = NULL;
		rc = store_account_put(t->txn, account);
	}
	if (rc == 0)
		rc = queue_note(t, NULL, account->name, "unlimit", limit.application ? "of the application" : NULL, by, NULL);
	if (rc < 0)
		return rc;
	/* Others of the application look again too. */
	turn_due(t, 0, 0);
	return 1;
}
