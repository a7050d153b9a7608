/* token_plan.c: when a token is looked after though nothing is to be posted: one that no session refreshes in time is lost. */
#include "daemon/token.h"

#include <stdlib.h>

#include "daemon/engine.h"
#include "daemon/engine_priv.h"
#include "daemon/plat/oauth.h"
#include "proto/status.h"

#define PLAN_LEAST_MS (3600 * INT64_C(1000))        /* a refresh that fails in passing is tried again no sooner */

/* The account's value that says where its plan stands in the index. */
#define PLAN_AT "token_plan_ms"

static const struct oauth *plan_oauth(const struct conf_account *conf, struct plat_account *view)
{
	conf_account_plat(conf, view);
	return oauth_of(conf->plat->oauth, view);
}

/* Moves the plan of an account to at_ms; 0 takes it away. */
static int plan_move(struct turn *t, uint64_t account_no, struct plat_values *v, int64_t at_ms)
{
	struct periodic_ref ref = { .kind = PERIODIC_TOKEN, .id = account_no, .due_ms = plat_get_int(v, PLAN_AT, 0) };
	int rc = ref.due_ms > 0 ? store_periodic_del(t->txn, &ref) : 0;
	plat_set(v, PLAN_AT, NULL);
	if (rc < 0 || at_ms == 0)
		return rc;
	plat_set_int(v, PLAN_AT, at_ms);
	ref.due_ms = at_ms;
	turn_periodic(t, at_ms);
	return store_periodic_put(t->txn, &ref, "", 0);
}

int token_plan(struct drive *d)
{
	const struct oauth *o = oauth_of(d->conf->plat->oauth, &d->view);
	int64_t at_ms = o != NULL ? oauth_refresh_ms(&d->pin, o) : 0, least_ms = d->t->now_ms + PLAN_LEAST_MS;
	if (at_ms > 0 && at_ms < least_ms)
		at_ms = least_ms;
	if (at_ms == plat_get_int(&d->account_values, PLAN_AT, 0))
		return 0;
	return plan_move(d->t, d->account->no, &d->account_values, at_ms);
}

struct plan_due { struct engine *engine; uint64_t account_no; };

static void plan_run(void *data)
{
	const struct plan_due *p = data;
	engine_session(p->engine, p->account_no);
}

int token_plan_turn(struct turn *t, struct engine *e, const struct periodic_ref *ref)
{
	struct account account;
	int rc = store_account_get(t->txn, t->arena, ref->id, &account);
	struct plat_values v = { .arena = t->arena, .list = account.values, .count = account.value_count };
	if (rc < 0 || plat_get_int(&v, PLAN_AT, 0) != ref->due_ms)
		return rc < 0 && rc != -ST_NO_ACCOUNT && rc != -ST_CORRUPT ? rc : store_periodic_del(t->txn, ref);
	/* The session plans anew; where there is none (paused, gone for now, no place), this one comes again. */
	rc = plan_move(t, ref->id, &v, t->now_ms + PLAN_LEAST_MS);
	if (rc < 0 || v.error < 0)
		return rc < 0 ? rc : v.error;
	account.values = v.list;
	account.value_count = v.count;
	rc = store_account_put(t->txn, &account);
	struct plan_due *p = rc == 0 ? malloc(sizeof *p) : NULL;
	if (p == NULL)
		return rc < 0 ? rc : -ST_NO_MEMORY;
	*p = (struct plan_due){ .engine = e, .account_no = ref->id };
	turn_effect(t, plan_run, free, p);
	return 0;
}

int64_t token_until_ms(struct arena *a, const struct conf_account *conf, const struct account *account)
{
	struct plat_account view;
	struct plat_values v = { .arena = a, .list = account->values, .count = account->value_count };
	const struct oauth *o = plan_oauth(conf, &view);
	const struct plat_in in = { .arena = a, .account = &view, .account_values = &v };
	return o != NULL ? oauth_until_ms(&in, o) : 0;
}
