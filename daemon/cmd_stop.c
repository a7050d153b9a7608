/* cmd_stop.c: CANCEL, HOLD, RELEASE: of items one by one, and of everything behind a gate by one record. */
#include <string.h>

#include "daemon/cmd_priv.h"
#include "daemon/model/caltime.h"

struct stop_list { const char **ids; size_t count; const char **flying; size_t flying_count; };

static int stop_list_init(struct cmd_call *c, struct stop_list *l, size_t max)
{
	memset(l, 0, sizeof *l);
	l->ids = arena_alloc(c->arena, max + 1, sizeof *l->ids);
	l->flying = arena_alloc(c->arena, max + 1, sizeof *l->flying);
	return l->ids == NULL || l->flying == NULL ? -ST_NO_MEMORY : 0;
}

static void write_ids(struct cmd_call *c, const char *key, const char *const *ids, size_t count)
{
	jw_array(&c->w, key);
	for (size_t i = 0; i < count; i++)
		jw_str(&c->w, NULL, ids[i]);
	jw_end(&c->w);
}

/* What cannot be called back: under way, of unknown outcome, or, for a cancel, waiting to repeat what may have arrived. */
static bool in_flight(const struct target *t, enum event event)
{
	return t->state == STATE_SENDING || t->state == STATE_UNKNOWN ||
	       (event == EVENT_CANCEL && t->maybe_shown && state_next((enum state)t->state, event) >= 0);
}

/* Moves what may be moved; lists what is on its way. */
static int stop_one(struct turn *t, struct cmd_call *c, struct target *target, enum event event, const char *reason, struct stop_list *l)
{
	if (in_flight(target, event)) {
		l->flying[l->flying_count++] = cmd_id(c, target->id, target->n);
		return 0;
	}
	int rc = queue_move(t, target, event, reason, c->who.name, NULL);
	if (rc == 0)
		l->ids[l->count++] = cmd_id(c, target->id, target->n);
	return rc == -ST_CONFLICT ? 0 : rc;
}

/* Of an id: refused unless something of it could be moved. */
static int stop_id(struct turn *t, struct cmd_call *c, enum event event, const char *reason, struct stop_list *l)
{
	struct post p;
	struct target *targets;
	size_t count;
	int rc = cmd_targets(c, &p, &targets, &count);
	if (rc != 1)
		return rc;
	rc = stop_list_init(c, l, count);
	size_t possible = 0, flying = 0;
	for (size_t i = 0; i < count; i++) {
		bool late = in_flight(&targets[i], event);
		possible += !late && state_next((enum state)targets[i].state, event) >= 0;
		flying += late;
	}
	if (rc == 0 && possible == 0 && flying > 0)
		return cmd_err(c, ST_IN_FLIGHT, "too late: it is %s; its request to the platform may be on its way or have arrived",
		               state_name((enum state)targets[0].state)), 0;
	if (rc == 0 && possible == 0)
		return cmd_err(c, ST_CONFLICT, "it is %s; %s does not change that", state_name((enum state)targets[0].state),
		               c->request.verb->name), 0;
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = stop_one(t, c, &targets[i], event, reason, l);
	return rc < 0 ? rc : 1;
}

static unsigned states_with(enum event event)
{
	unsigned states = 0;
	for (unsigned s = 0; s < STATE__COUNT; s++)
		states |= state_next((enum state)s, event) >= 0 ? 1U << s : 0;
	return states;
}

/* ---- CANCEL ---- */

static int cancel_many(struct turn *t, struct cmd_call *c, const char *reason, struct stop_list *l, struct cmd_select *s)
{
	static const char *const keys[] = { "reason", NULL };
	struct store_ref *refs;
	size_t count = 0;
	if (!cmd_select_read(c, "CANCEL", keys, s))
		return 0;
	if (!s->all && s->account == NULL && s->label == NULL && s->ids == NULL && s->states == 0)
		return cmd_err(c, ST_INVALID, "say which: an id, or at least one of account, label, state, ids, all:true"), 0;
	unsigned cancellable = states_with(EVENT_CANCEL) | 1U << STATE_SENDING | 1U << STATE_UNKNOWN;
	s->states = s->states == 0 ? cancellable : s->states & cancellable;
	int rc = s->states == 0 ? 1 : cmd_select_run(c, s, &refs, &count);
	if (rc != 1)
		return rc;
	rc = stop_list_init(c, l, count);
	for (size_t i = 0; i < count && rc == 0; i++) {
		struct target target;
		rc = store_target_get(t->txn, c->arena, refs[i].id, refs[i].n, &target);
		if (rc == 0 && s->dry_run && !in_flight(&target, EVENT_CANCEL))
			l->ids[l->count++] = cmd_id(c, target.id, target.n);
		else if (rc == 0)
			rc = stop_one(t, c, &target, EVENT_CANCEL, reason, l);
	}
	return rc < 0 ? rc : 1;
}

int cmd_cancel(struct turn *t, struct cmd_call *c)
{
	static const char *const keys[] = { "reason", NULL };
	struct stop_list l;
	const char *reason = NULL;
	struct cmd_select s = { .cursor = "" };
	if (c->body != NULL && c->request.words > 0 && !cmd_keys(c, c->body, "CANCEL id", keys))
		return 0;
	if (!cmd_get_text(c, c->body, "reason", &reason))
		return 0;
	int rc = c->request.words > 0 ? stop_id(t, c, EVENT_CANCEL, reason, &l) : cancel_many(t, c, reason, &l, &s);
	if (rc != 1)
		return rc;
	cmd_ok(c);
	jw_int(&c->w, "cancelled", (int64_t)l.count);
	write_ids(c, "ids", l.ids, l.count);
	write_ids(c, "in_flight", l.flying, l.flying_count);
	jw_bool(&c->w, "more", s.cursor[0] != '\0');
	jw_str(&c->w, "cursor", s.cursor[0] != '\0' ? s.cursor : NULL);
	return cmd_ok_end(c);
}

/* ---- gates ---- */

/* The gate that all, account or label names. 1, 0 answered. */
static int gate_name(struct cmd_call *c, const struct cmd_select *s, const char **out)
{
	int named = s->all + (s->account != NULL) + (s->label != NULL);
	if (named != 1 || s->ids != NULL || s->states != 0)
		return cmd_err(c, ST_INVALID, "say which: an id, or one of all:true, account, label (RELEASE also takes gate)"), 0;
	struct account account;
	if (s->account != NULL && conf_account_find(c->conf, s->account) == NULL &&
	    store_account_find(c->txn, c->arena, s->account, &account) < 0)
		return cmd_err(c, ST_NO_ACCOUNT, "no account \"%.64s\"", s->account), 0;
	*out = s->all ? GATE_ALL : s->account != NULL ? arena_fmt(c->arena, "account:%s", s->account)
	                                              : arena_fmt(c->arena, "label:%s", s->label);
	return *out == NULL ? -ST_NO_MEMORY : 1;
}

struct flying { struct cmd_call *c; const struct cmd_select *s; struct stop_list *l; int rc; };

static int flying_each(void *ctx, const struct store_ref *ref)
{
	struct flying *f = ctx;
	struct target t;
	f->rc = store_target_get(f->c->txn, f->c->arena, ref->id, ref->n, &t);
	if (f->rc < 0 || f->l->flying_count == CMD_PAGE_MAX)
		return 1;
	bool fits = (f->s->account == NULL || strcmp(f->s->account, t.account) == 0) &&
	            (f->s->label == NULL || (t.label != NULL && strcmp(f->s->label, t.label) == 0));
	if (fits)
		f->l->flying[f->l->flying_count++] = cmd_id(f->c, t.id, t.n);
	return 0;
}

/* "backlog" of HOLD and RELEASE; absent: NULL. 1, 0 answered. */
static int get_backlog(struct cmd_call *c, const char **out)
{
	if (!cmd_get_text(c, c->body, "backlog", out))
		return 0;
	if (*out != NULL && queue_backlog_find(*out) < 0)
		return cmd_err(c, ST_INVALID, "\"backlog\" is \"%.40s\"; it is one of pace, now, skip, hold", *out), 0;
	return 1;
}

/* The gate that this one takes the place of: it may have been meant to stay closed for longer. */
static void write_replaced(struct cmd_call *c, const struct gate *before)
{
	jw_object(&c->w, "replaced");
	jw_str(&c->w, "reason", before->reason);
	jw_str(&c->w, "by", before->by);
	jw_int(&c->w, "since_ms", before->since_ms);
	if (before->until_ms > 0)
		jw_int(&c->w, "until_ms", before->until_ms);
	jw_end(&c->w);
}

static int hold_gate(struct turn *t, struct cmd_call *c, const char *reason)
{
	static const char *const keys[] = { "reason", "until", "backlog", NULL };
	struct cmd_select s;
	struct stop_list l;
	const char *name, *until, *backlog, *why = NULL;
	struct caltime_want want = { 0 };
	if (!cmd_select_read(c, "HOLD", keys, &s) || !cmd_get_text(c, c->body, "until", &until) || get_backlog(c, &backlog) == 0)
		return 0;
	int rc = gate_name(c, &s, &name);
	if (rc != 1)
		return rc;
	const struct conf_account *conf = s.account != NULL ? conf_account_find(c->conf, s.account) : NULL;
	if (until != NULL && caltime_parse(until, conf != NULL ? conf->time_zone : "UTC", c->now_ms, CALTIME_PAST_NEVER, &want, &why) < 0)
		return cmd_err(c, ST_INVALID, "\"until\" is \"%.80s\": %s", until, why), 0;
	rc = stop_list_init(c, &l, CMD_PAGE_MAX);
	if (rc < 0)
		return rc;
	struct flying f = { .c = c, .s = &s, .l = &l };
	struct store_page page = { .states = 1U << STATE_SENDING, .max_looks = CMD_PAGE_LOOKS };
	rc = store_page_walk(t->txn, &page, flying_each, &f);
	if (rc < 0 || f.rc < 0)
		return rc < 0 ? rc : f.rc;
	struct gate g = { .name = arena_strdup(c->arena, name), .reason = arena_strdup(c->arena, reason),
	                  .by = arena_strdup(c->arena, c->who.name), .since_ms = t->now_ms, .until_ms = until != NULL ? want.due_ms : 0,
	                  .backlog = arena_strdup(c->arena, backlog) };
	struct gate before;
	int known = store_gate_get(t->txn, c->arena, name, &before);
	rc = known < 0 && known != -ST_NO_ITEM ? known : queue_gate_set(t, &g);
	if (rc < 0)
		return rc;
	cmd_ok(c);
	jw_str(&c->w, "gate", name);
	if (known == 0)
		write_replaced(c, &before);
	write_ids(c, "in_flight", l.flying, l.flying_count);
	return cmd_ok_end(c);
}

int cmd_hold(struct turn *t, struct cmd_call *c)
{
	static const char *const keys[] = { "reason", NULL };
	struct stop_list l;
	const char *reason = NULL;
	if (c->request.words > 0 && c->body != NULL && !cmd_keys(c, c->body, "HOLD id", keys))
		return 0;
	if (!cmd_get_text(c, c->body, "reason", &reason))
		return 0;
	if (c->request.words == 0)
		return hold_gate(t, c, reason);
	int rc = stop_id(t, c, EVENT_HOLD, reason, &l);
	if (rc != 1)
		return rc;
	cmd_ok(c);
	jw_int(&c->w, "held", (int64_t)l.count);
	write_ids(c, "ids", l.ids, l.count);
	write_ids(c, "in_flight", l.flying, l.flying_count);
	return cmd_ok_end(c);
}

/* ---- RELEASE ---- */

static void write_limit(struct cmd_call *c, const struct queue_limit *ended)
{
	jw_object(&c->w, "limit");
	jw_str(&c->w, "scope", queue_limit_scope(ended->application));
	jw_int(&c->w, "until_ms", ended->until_ms);
	jw_str(&c->w, "reason", ended->reason);
	jw_end(&c->w);
}

static int release_gate(struct turn *t, struct cmd_call *c)
{
	static const char *const keys[] = { "gate", "backlog", NULL };
	struct cmd_select s;
	const char *name, *backlog;
	if (!cmd_select_read(c, "RELEASE", keys, &s) || !cmd_get_text(c, c->body, "gate", &name) || get_backlog(c, &backlog) == 0)
		return 0;
	int rc = name != NULL ? 1 : gate_name(c, &s, &name);
	if (rc != 1)
		return rc;
	struct account account;
	const struct conf_account *conf = s.account != NULL ? conf_account_find(c->conf, s.account) : NULL;
	struct queue_limit limit;
	int limited = 0;
	bool paused = s.account != NULL && store_account_find(t->txn, c->arena, s.account, &account) == 0 && account.pause_reason != NULL;
	struct gate g;
	/* It would erase the reason and let nothing go. */
	if (paused && conf == NULL)
		return cmd_err(c, ST_CONFLICT, "account %s is not configured; put accounts.d/%s.conf back and reload, or: smmq cancel --account %s",
		               account.name, account.name, account.name), 0;
	rc = store_gate_get(t->txn, c->arena, name, &g);
	if (rc < 0 && rc != -ST_NO_ITEM)
		return rc;
	bool gated = rc == 0;
	if (s.account != NULL && store_account_find(t->txn, c->arena, s.account, &account) == 0)
		limited = queue_limit_clear(t, &account, conf, c->who.name, &limit);
	if (limited < 0)
		return limited;
	if (!gated && !paused && !limited)
		return cmd_err(c, ST_NO_ITEM, "nothing is held by \"%.140s\"; smmq status lists the gates", name), 0;
	int64_t since_ms = gated ? g.since_ms : t->now_ms;
	const char *policy = backlog != NULL ? backlog : gated && g.backlog != NULL ? g.backlog : queue_backlog_name(BACKLOG_PACE);
	if (paused && account.pause_ms < since_ms)
		since_ms = account.pause_ms;
	/* When the limit began is not known, only that it could not have lasted longer. */
	if (limited && limit.until_ms - QUEUE_LIMIT_MAX_MS < since_ms)
		since_ms = limit.until_ms - QUEUE_LIMIT_MAX_MS;
	rc = gated ? queue_gate_remove(t, name, c->who.name, NULL) : 0;
	if (paused && rc == 0)
		rc = queue_account_resume(t, &account, c->who.name);
	/* What the release says counts, also where the gate had a policy of its own. */
	if (rc == 0 && backlog != NULL)
		rc = queue_backlog_set(t, name, since_ms, backlog);
	if (rc < 0)
		return rc;
	cmd_ok(c);
	jw_str(&c->w, "gate", name);
	jw_str(&c->w, "backlog", policy);
	if (limited)
		write_limit(c, &limit);
	return cmd_ok_end(c);
}

/* draft -> queued and held -> queued: one word for people, two events in the table. */
static int release_one(struct turn *t, struct cmd_call *c, struct target *target, struct stop_list *l)
{
	enum event event = target->state == STATE_DRAFT ? EVENT_QUEUE : EVENT_RELEASE;
	if (state_next((enum state)target->state, event) < 0)
		return 0;
	/* Who releases one item after its time wants it to go: the old time no longer makes it late. */
	if (target->due_ms < t->now_ms) {
		target->due_ms = t->now_ms;
		target->not_before_ms = 0;
	}
	int rc = queue_move(t, target, event, NULL, c->who.name, NULL);
	if (rc == 0)
		l->ids[l->count++] = cmd_id(c, target->id, target->n);
	return rc;
}

int cmd_release(struct turn *t, struct cmd_call *c)
{
	struct post p;
	struct target *targets;
	struct stop_list l;
	size_t count, possible = 0;
	if (c->request.words == 0)
		return release_gate(t, c);
	if (c->body != NULL)
		return cmd_err(c, ST_USAGE, "RELEASE takes an id or a JSON object, not both");
	int rc = cmd_targets(c, &p, &targets, &count);
	if (rc != 1)
		return rc;
	for (size_t i = 0; i < count; i++) {
		bool waits = targets[i].state == STATE_DRAFT || targets[i].state == STATE_HELD;
		if (waits && targets[i].zone == NULL)
			return cmd_err(c, ST_CONFLICT, "%s has no time yet; give it one with MOVE (smmq move)", cmd_id(c, p.id, targets[i].n));
		possible += waits;
	}
	if (possible == 0)
		return cmd_err(c, ST_CONFLICT, "%s is %s; only held items and drafts are released", c->request.word[0],
		               state_name((enum state)targets[0].state));
	rc = stop_list_init(c, &l, count);
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = release_one(t, c, &targets[i], &l);
	if (rc < 0)
		return rc;
	cmd_ok(c);
	jw_int(&c->w, "released", (int64_t)l.count);
	write_ids(c, "ids", l.ids, l.count);
	return cmd_ok_end(c);
}
