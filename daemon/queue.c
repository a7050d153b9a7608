/* queue.c: moving items, and the journal and log lines that go with it. */
#include "daemon/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "proto/buf.h"
#include "proto/status.h"
#include "proto/unit.h"

#define FEW_GATES 8

/* ---- log lines, written when the change is on disk ---- */

struct log_effect { enum log_level level; char message[64]; char tail[1024]; };

static void log_effect_run(void *data)
{
	const struct log_effect *l = data;
	log_line(l->level, l->message, "%s", l->tail);
}

static void queue_log(struct turn *t, enum log_level level, const char *message, const struct target *target, const char *account,
                      const char *reason)
{
	struct log_effect *l = log_wants(level) ? malloc(sizeof *l) : NULL;
	if (l == NULL)
		return;        /* a line less is not worth failing the change */
	char id[32], quoted[600];
	struct buf tail = BUF_INIT(sizeof l->tail - 1);
	l->level = level;
	(void)snprintf(l->message, sizeof l->message, "%s", message);
	if (target != NULL)
		buf_add_fmt(&tail, "item=%s", unit_id_format(target->id, (unsigned)target->n, id, sizeof id));
	if (account != NULL)
		buf_add_fmt(&tail, "%saccount=%s", tail.len > 0 ? " " : "", account);
	if (reason != NULL)
		buf_add_fmt(&tail, "%sreason=%s", tail.len > 0 ? " " : "", log_quote(reason, quoted, sizeof quoted));
	(void)snprintf(l->tail, sizeof l->tail, "%s", buf_cstr(&tail));
	buf_done(&tail);
	turn_effect(t, log_effect_run, free, l);
}

static enum log_level level_of(enum state s)
{
	switch (s) {
	case STATE_FAILED: case STATE_UNKNOWN: case STATE_MISSED: case STATE_EXPIRED:
		return LOG_LEVEL_WARNING;
	case STATE_DRAFT: case STATE_QUEUED: case STATE_SENDING: case STATE_PUBLISHED: case STATE_HELD: case STATE_CANCELLED:
	case STATE__COUNT:
		break;
	}
	return LOG_LEVEL_INFO;
}

/* ---- journal ---- */

int queue_note(struct turn *t, const struct target *target, const char *account, const char *event, const char *reason, const char *by,
               const char *detail)
{
	/* The journal stores what it is given; the casts only drop const, nothing is written through. */
	struct entry e = { .time_ms = t->now_ms };
	e.event = arena_strdup(t->arena, event);
	e.reason = arena_strdup(t->arena, reason);
	e.by = arena_strdup(t->arena, by);
	e.detail = arena_strdup(t->arena, detail);
	e.account = arena_strdup(t->arena, account);
	if (target != NULL) {
		e.id = target->id;
		e.n = target->n;
		e.rev = target->rev;
		e.account = target->account;
	}
	return store_journal_add(t->txn, &e);
}

static int queue_note_move(struct turn *t, const struct target *target, const char *event, int from, const char *by, const char *detail)
{
	struct entry e = { .time_ms = t->now_ms, .id = target->id, .n = target->n, .rev = target->rev, .account = target->account,
	                   .reason = target->reason };
	e.event = arena_strdup(t->arena, event);
	e.from = from < 0 ? NULL : arena_strdup(t->arena, state_name((enum state)from));
	e.to = arena_strdup(t->arena, state_name((enum state)target->state));
	e.by = arena_strdup(t->arena, by);
	e.detail = arena_strdup(t->arena, detail);
	return store_journal_add(t->txn, &e);
}

/* ---- media ---- */

static int media_use(struct turn *t, const char *sha256, int by)
{
	struct blob b;
	int rc = store_blob_get(t->txn, t->arena, sha256, &b);
	if (rc < 0)
		/* A damaged record of a file is not worth failing a post. */
		return rc == -ST_NO_ITEM || rc == -ST_CORRUPT ? 0 : rc;
	if (by > 0) {
		b.refs++;
		b.unused_ms = 0;
	} else if (b.refs > 0 && --b.refs == 0) {
		b.unused_ms = t->now_ms;
		rc = store_blob_plan(t->txn, sha256, t->now_ms + QUEUE_MEDIA_UNUSED_MS);
		if (rc == 0)
			turn_periodic(t, t->now_ms + QUEUE_MEDIA_UNUSED_MS);
	}
	return rc < 0 ? rc : store_blob_put(t->txn, sha256, &b);
}

int queue_media_use(struct turn *t, const struct content *c, int by)
{
	int rc = 0;
	for (size_t i = 0; i < c->part_count && rc == 0; i++)
		for (size_t k = 0; k < c->parts[i].media_count && rc == 0; k++)
			rc = media_use(t, c->parts[i].media[k].sha256, by);
	for (size_t i = 0; i < c->card_count && rc == 0; i++)
		for (size_t k = 0; k < c->card[i].thumb_count && rc == 0; k++)
			rc = media_use(t, c->card[i].thumb[k].sha256, by);
	for (size_t i = 0; i < c->cover_count && rc == 0; i++)
		rc = media_use(t, c->cover[i].sha256, by);
	return rc;
}

/* When every target of the post has ended, its media are no longer counted as used. */
static int queue_release_media(struct turn *t, uint64_t id)
{
	struct post p;
	int rc = store_post_get(t->txn, t->arena, id, &p);
	if (rc < 0 || p.media_released)
		return rc;
	struct target *all = arena_alloc(t->arena, p.target_count, sizeof *all);
	if (all == NULL)
		return -ST_NO_MEMORY;
	for (uint64_t n = 1; n <= p.target_count; n++) {
		rc = store_target_get(t->txn, t->arena, id, n, &all[n - 1]);
		if (rc < 0)
			return rc;
		if (!state_terminal((enum state)all[n - 1].state))
			return 0;
	}
	rc = queue_media_use(t, p.content, -1);
	for (uint64_t n = 0; n < p.target_count && rc == 0; n++)
		if (all[n].own_count > 0)
			rc = queue_media_use(t, all[n].own, -1);
	if (rc < 0)
		return rc;
	p.media_released = 1;
	return store_post_put(t->txn, &p);
}

/* ---- targets ---- */

int queue_keep(struct turn *t, const struct target *target)
{
	int rc = store_target_put(t->txn, target, false);
	if (rc == 0 && target->state == STATE_QUEUED)
		turn_due(t, target->account_no, job_fire_ms(target));
	return rc;
}

int queue_move(struct turn *t, struct target *target, enum event event, const char *reason, const char *by, const char *detail)
{
	enum state from = (enum state)target->state;
	int next = state_next(from, event);
	if (next < 0)
		return next;
	target->state = (uint64_t)next;
	target->rev++;
	target->reason = arena_strdup(t->arena, reason);
	/* What was put somewhere for it alone is still to be taken away by them. */
	if (state_terminal((enum state)next) && target->clean_ms == 0) {
		target->values = NULL;
		target->value_count = 0;
	}
	int rc = queue_keep(t, target);
	if (rc == 0)
		rc = queue_note_move(t, target, event_name(event), (int)from, by, detail);
	if (rc == 0 && state_terminal((enum state)next))
		rc = queue_release_media(t, target->id);
	if (rc == 0)
		/* The first passing failure of a target is told aloud; its retries are not, nor what is only looked for to be sure. */
		queue_log(t, event == EVENT_DEFER && target->tries == 1 ? LOG_LEVEL_WARNING
		             : event == EVENT_DOUBT ? LOG_LEVEL_INFO : level_of((enum state)next),
		          state_name((enum state)next), target, target->account, reason);
	return rc;
}

int queue_insert(struct turn *t, struct post *p, struct target *targets)
{
	int rc = store_id_new(t->txn, &p->id);
	if (rc == 0)
		rc = store_post_put(t->txn, p);
	if (rc == 0)
		rc = queue_media_use(t, p->content, 1);
	for (uint64_t i = 0; i < p->target_count && rc == 0; i++) {
		struct target *target = &targets[i];
		target->id = p->id;
		target->n = i + 1;
		target->rev = 1;
		rc = store_target_put(t->txn, target, true);
		if (rc == 0 && target->own_count > 0)
			rc = queue_media_use(t, target->own, 1);
		if (rc == 0)
			rc = queue_note_move(t, target, "add", -1, p->by, NULL);
		if (rc == 0 && target->state == STATE_QUEUED)
			turn_due(t, target->account_no, job_fire_ms(target));
	}
	return rc;
}

/* ---- gates ---- */

static int gates_list(struct store_txn *txn, struct arena *a, size_t room, struct queue_gates *out)
{
	out->count = 0;
	out->list = arena_alloc(a, room, sizeof *out->list);
	if (out->list == NULL)
		return -ST_NO_MEMORY;
	int64_t got = store_gate_list(txn, a, out->list, room);
	out->count = got < 0 ? 0 : (size_t)got;
	return got < 0 ? (int)got : 0;
}

int queue_gates_load(struct store_txn *txn, struct arena *a, struct queue_gates *out)
{
	/* Asked with every group that fires, and there is hardly ever one: room for all of them would be zeroed each time. */
	int rc = gates_list(txn, a, FEW_GATES, out);
	return rc == 0 && out->count == FEW_GATES ? gates_list(txn, a, QUEUE_MAX_GATES, out) : rc;
}

static bool gate_matches(const char *gate, const char *kind, const char *name)
{
	size_t len = strlen(kind);
	return name != NULL && strncmp(gate, kind, len) == 0 && strcmp(gate + len, name) == 0;
}

bool queue_gate_covers(const char *name, const char *account, const char *label)
{
	return strchr(name, ':') == NULL || gate_matches(name, "account:", account) || gate_matches(name, "label:", label);
}

const struct gate *queue_gate_of(const struct queue_gates *g, const char *account, const char *label)
{
	for (size_t i = 0; i < g->count; i++) {
		const char *name = g->list[i].name;
		if (queue_gate_covers(name, account, label))
			return &g->list[i];
	}
	return NULL;
}

/* Gates beyond QUEUE_MAX_GATES would not be seen: a person's are refused before that, so that the daemon's own always fit. */
static int gate_room(struct turn *t, const struct gate *g)
{
	struct queue_gates all;
	struct gate known;
	if (g->name == NULL)
		return -ST_NO_MEMORY;
	if (strchr(g->name, ':') == NULL || store_gate_get(t->txn, t->arena, g->name, &known) == 0)
		return 0;
	int rc = queue_gates_load(t->txn, t->arena, &all);
	return rc == 0 && all.count >= QUEUE_MAX_GATES - QUEUE_OWN_GATES ? -ST_TOO_LARGE : rc;
}

int queue_gate_set(struct turn *t, const struct gate *g)
{
	int rc = gate_room(t, g);
	if (rc == 0)
		rc = store_gate_put(t->txn, g);
	if (rc == 0 && g->until_ms > 0) {
		struct periodic_ref ref = { .due_ms = g->until_ms, .kind = PERIODIC_GATE };
		/* Two gates that end in the same millisecond share one key: the payload is only a hint, all due gates are looked at. */
		rc = store_periodic_put(t->txn, &ref, g->name, strlen(g->name));
		turn_periodic(t, ref.due_ms);
	}
	if (rc == 0)
		rc = queue_note(t, NULL, NULL, "gate", arena_fmt(t->arena, "%s: %s", g->name, g->reason ? g->reason : "no reason given"), g->by, NULL);
	if (rc == 0)
		/* Closed by a person, or by a doubt of the daemon's own, which somebody must see. */
		queue_log(t, g->by != NULL ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARNING, "gate closed: nothing behind it is sent", NULL, NULL,
		          arena_fmt(t->arena, "%s: %s", g->name, g->reason != NULL ? g->reason : "no reason given"));
	return rc;
}

int queue_gate_remove(struct turn *t, const char *name, const char *by, const char *reason)
{
	struct gate g;
	int rc = store_gate_get(t->txn, t->arena, name, &g);
	if (rc == 0)
		rc = store_gate_del(t->txn, name);
	/* Whoever opens this one has looked at the clock: it counts as right from now on. */
	if (rc == 0 && strcmp(name, GATE_CLOCK) == 0)
		rc = store_fact_put(t->txn, "clock", "");
	if (rc == 0 && g.backlog != NULL)
		rc = queue_backlog_set(t, name, g.since_ms, g.backlog);
	if (rc == 0)
		rc = queue_note(t, NULL, NULL, "ungate", reason != NULL ? reason : name, by, NULL);
	if (rc < 0)
		return rc;
	queue_log(t, LOG_LEVEL_NOTICE, "gate opened", NULL, NULL, name);
	turn_due(t, 0, 0);
	return 0;
}

/* ---- accounts ---- */

void queue_warn(struct turn *t, const char *message, const char *account, const char *reason)
{
	queue_log(t, LOG_LEVEL_WARNING, message, NULL, account, reason);
}

int queue_account_pause(struct turn *t, struct account *account, const char *reason)
{
	if (account->pause_reason != NULL)
		return 0;
	account->pause_reason = arena_strdup(t->arena, reason);
	account->pause_ms = t->now_ms;
	const struct conf_account *conf = conf_account_find(t->conf, account->name);
	account->pause_digest = arena_strdup(t->arena, conf != NULL ? conf->credential_digest : NULL);
	int rc = store_account_put(t->txn, account);
	if (rc == 0)
		rc = queue_note(t, NULL, account->name, "pause", reason, NULL, NULL);
	if (rc == 0)
		queue_log(t, LOG_LEVEL_ERR, "account paused, its items wait", NULL, account->name,
		          reason);
	return rc;
}

int queue_account_resume(struct turn *t, struct account *account, const char *by)
{
	if (account->pause_reason == NULL)
		return 0;
	account->pause_reason = NULL;
	account->pause_ms = 0;
	int rc = store_account_put(t->txn, account);
	if (rc == 0)
		rc = queue_note(t, NULL, account->name, "resume", NULL, by, NULL);
	if (rc == 0) {
		queue_log(t, LOG_LEVEL_NOTICE, "account resumed", NULL, account->name, NULL);
		turn_due(t, account->no, 0);
	}
	return rc;
}
