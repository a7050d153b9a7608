/* cmd_edit.c: EDIT, MOVE, RETRY, RESOLVE: changes of one item. */
#include <string.h>

#include "daemon/cmd_priv.h"
#include "daemon/engine_restore.h"
#include "proto/unit.h"

/* ---- EDIT ---- */

static const char *const edit_keys[] = {
	"text", "parts", "media", "first_comment", "link", "language", "form", "title", "warning", "quote", "poll", "cover", "settings",
	"label", "if_rev", NULL
};

/* Content may change only while nothing of it can have been seen. 1, 0 answered. */
static int edit_allowed(struct cmd_call *c, const struct target *targets, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct target *t = &targets[i];
		const char *id = cmd_id(c, t->id, t->n), *state = state_name((enum state)t->state);
		if (t->state == STATE_SENDING || t->state == STATE_UNKNOWN || t->maybe_shown)
			return cmd_err(c, ST_IN_FLIGHT, "too late: %s is %s; its request to the platform may be on its way or have arrived", id,
			               state), 0;
		if (state_terminal((enum state)t->state) || t->shown_count > 0)
			return cmd_err(c, ST_CONFLICT, "%s is %s%s; edit the others one by one", id, state,
			               t->shown_count > 0 ? " and partly stands on the platform" : ""), 0;
	}
	return 1;
}

static int edit_check(struct cmd_call *c, const struct post *p, const struct target *targets, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct conf_account *conf = conf_account_find(c->conf, targets[i].account);
		struct plat_report *report = arena_alloc(c->arena, 1, sizeof *report);
		struct account account;
		if (conf == NULL)
			continue;
		int rc = report == NULL ? -ST_NO_MEMORY : store_account_get(c->txn, c->arena, targets[i].account_no, &account);
		if (rc == 0)
			rc = cmd_check(c, conf, &account, job_content(p, &targets[i]), report);
		if (rc < 0)
			return rc;
		if (report->finding_count == 0)
			continue;
		cmd_err_begin(c, ST_REFUSED, arena_fmt(c->arena, "%s: %s", conf->name, report->findings[0].message));
		jw_array(&c->w, "findings");
		for (size_t k = 0; k < report->finding_count; k++)
			cmd_write_finding(c, conf, &report->findings[k]);
		jw_end(&c->w);
		return cmd_ok_end(c) < 0 ? -ST_NO_MEMORY : 0;
	}
	return 1;
}

/* The driver's values stay: it sees for itself what was made for other content and drops that. The key or name under which an
 * earlier try went out must not be lost: should that one turn up after all, it is what keeps the new one from being a second post. */
static int edit_write_target(struct turn *t, struct cmd_call *c, struct target *target)
{
	target->rev++;
	int rc = queue_keep(t, target);
	return rc < 0 ? rc : queue_note(t, target, NULL, "edit", NULL, c->who.name, NULL);
}

/* One target gets a content of its own; or the whole post another one (targets with an own content keep that). */
static int edit_content(struct turn *t, struct cmd_call *c, struct post *p, struct target *targets, bool one)
{
	struct content *content, *base = one && targets[0].own_count > 0 ? targets[0].own : p->content;
	int rc = cmd_content(c, base, &content);
	if (rc != 1)
		return rc;
	rc = queue_media_use(t, content, 1);
	if (rc == 0 && one && targets[0].own_count > 0)
		rc = queue_media_use(t, targets[0].own, -1);
	else if (rc == 0 && !one)
		rc = queue_media_use(t, p->content, -1);
	if (one) {
		targets[0].own = content;
		targets[0].own_count = 1;
	} else {
		p->content = content;
	}
	return rc < 0 ? rc : 1;
}

/* Refusals must come before changes: the content is tried on copies first. 1, 0 answered. */
static int edit_try(struct cmd_call *c, const struct post *p, const struct target *targets, size_t count, bool one)
{
	struct content *content;
	const struct content *base = one && targets[0].own_count > 0 ? targets[0].own : p->content;
	int rc = cmd_content(c, base, &content);
	if (rc != 1)
		return rc;
	struct post trial = *p;
	struct target *copies = arena_alloc(c->arena, count, sizeof *copies);
	if (copies == NULL)
		return -ST_NO_MEMORY;
	memcpy(copies, targets, count * sizeof *copies);
	if (one) {
		copies[0].own = content;
		copies[0].own_count = 1;
	} else {
		trial.content = content;
	}
	return edit_check(c, &trial, copies, count);
}

int cmd_edit(struct turn *t, struct cmd_call *c)
{
	struct post p;
	struct target *targets;
	size_t count;
	const char *label;
	uint64_t id;
	unsigned n;
	if (!cmd_keys(c, c->body, "EDIT", edit_keys) || !cmd_id_word(c, &id, &n))
		return 0;
	int rc = cmd_targets(c, &p, &targets, &count);
	if (rc != 1)
		return rc;
	if (!cmd_check_rev(c, n != 0 ? targets[0].rev : p.rev) || !cmd_get_label(c, c->body, &label) || !edit_allowed(c, targets, count))
		return 0;
	bool relabel = json_get(c->body, "label") != NULL, content = cmd_content_asked(c);
	if (!relabel && !content)
		return cmd_err(c, ST_INVALID, "nothing to change: give text, parts, media, first_comment, link, language or label");
	if (relabel && n != 0)
		return cmd_err(c, ST_INVALID, "a label belongs to the whole post: EDIT %llu", (unsigned long long)id);
	rc = content ? edit_try(c, &p, targets, count, n != 0) : 1;
	if (rc == 1 && content)
		rc = edit_content(t, c, &p, targets, n != 0);
	if (rc != 1)
		return rc;
	p.rev++;
	if (relabel)
		p.label = arena_strdup(c->arena, label);
	rc = store_post_put(t->txn, &p);
	for (size_t i = 0; i < count && rc == 0; i++) {
		if (relabel)
			targets[i].label = p.label;
		rc = edit_write_target(t, c, &targets[i]);
	}
	return rc < 0 ? rc : cmd_view_post(c, &p, n);
}

/* ---- MOVE ---- */

/* 1, 0 answered, negative. */
static int move_one(struct cmd_call *c, struct target *target, struct cmd_notes *notes)
{
	const char *name = cmd_id(c, target->id, target->n), *state = state_name((enum state)target->state), *warning = NULL;
	const struct conf_account *conf = conf_account_find(c->conf, target->account);
	struct account account;
	if (target->state == STATE_SENDING || target->state == STATE_UNKNOWN)
		return cmd_err(c, ST_IN_FLIGHT, "too late: %s is %s", name, state), 0;
	if (target->state != STATE_DRAFT && target->state != STATE_QUEUED && target->state != STATE_HELD)
		return cmd_err(c, ST_CONFLICT, "%s is %s; only drafts, queued and held items have a time to move", name, state), 0;
	if (!cmd_when(c, conf != NULL ? conf->time_zone : "UTC", target, &warning))
		return 0;
	cmd_note(notes, warning);
	int rc = conf == NULL ? 0 : store_account_get(c->txn, c->arena, target->account_no, &account);
	if (rc < 0)
		return rc;
	return conf == NULL ? 1 : cmd_pace(c, conf, &account, target, notes);
}

static int move_answer(struct cmd_call *c, const struct post *p, const struct target *targets, const struct cmd_notes *notes, size_t count)
{
	cmd_ok(c);
	jw_int(&c->w, "id", (int64_t)p->id);
	jw_int(&c->w, "rev", (int64_t)p->rev);
	jw_array(&c->w, "targets");
	for (size_t i = 0; i < count; i++) {
		jw_object(&c->w, NULL);
		jw_str(&c->w, "id", cmd_id(c, targets[i].id, targets[i].n));
		cmd_view_asked(c, &targets[i], &notes[i]);
		jw_end(&c->w);
	}
	jw_end(&c->w);
	return cmd_ok_end(c);
}

int cmd_move(struct turn *t, struct cmd_call *c)
{
	static const char *const keys[] = { "at", "now", "past", "if_rev", NULL };
	struct post p;
	struct target *targets;
	size_t count;
	uint64_t id;
	unsigned n;
	if (!cmd_keys(c, c->body, "MOVE", keys) || !cmd_id_word(c, &id, &n))
		return 0;
	int rc = cmd_targets(c, &p, &targets, &count);
	if (rc != 1)
		return rc;
	struct cmd_notes *notes = arena_alloc(c->arena, count, sizeof *notes);
	if (notes == NULL)
		return -ST_NO_MEMORY;
	if (!cmd_check_rev(c, n != 0 ? targets[0].rev : p.rev))
		return 0;
	for (size_t i = 0; i < count && rc == 1; i++)
		rc = move_one(c, &targets[i], &notes[i]);
	if (rc != 1)
		return rc;
	for (size_t i = 0; i < count; i++) {
		targets[i].rev++;
		targets[i].tries = 0;
		rc = queue_keep(t, &targets[i]);
		if (rc == 0)
			rc = queue_note(t, &targets[i], NULL, "move", targets[i].want_text, c->who.name, NULL);
		if (rc < 0)
			return rc;
	}
	p.rev++;
	rc = store_post_put(t->txn, &p);
	return rc < 0 ? rc : move_answer(c, &p, targets, notes, count);
}

/* ---- RETRY ---- */

int cmd_retry(struct turn *t, struct cmd_call *c)
{
	struct post p;
	struct target *targets;
	size_t count, possible = 0;
	if (c->body != NULL && json_count(c->body) > 0)
		return cmd_err(c, ST_INVALID, "RETRY takes no keys");
	int rc = cmd_targets(c, &p, &targets, &count);
	if (rc != 1)
		return rc;
	for (size_t i = 0; i < count; i++)
		possible += targets[i].state == STATE_FAILED;
	if (possible == 0)
		return cmd_err(c, ST_CONFLICT, "%s is %s; only what failed can be retried", c->request.word[0],
		               state_name((enum state)targets[0].state));
	const char **ids = arena_alloc(c->arena, count, sizeof *ids);
	if (ids == NULL)
		return -ST_NO_MEMORY;
	size_t done = 0;
	for (size_t i = 0; i < count && rc >= 0; i++) {
		struct target *target = &targets[i];
		if (target->state != STATE_FAILED)
			continue;
		/* A person wants it now: the old time no longer makes it late. */
		target->due_ms = t->now_ms;
		target->not_before_ms = 0;
		target->tries = 0;
		if (target->zone == NULL)
			target->zone = arena_strdup(c->arena, "UTC");
		rc = queue_move(t, target, EVENT_RETRY, NULL, c->who.name, NULL);
		ids[done++] = cmd_id(c, target->id, target->n);
	}
	if (rc < 0)
		return rc;
	cmd_ok(c);
	jw_int(&c->w, "retried", (int64_t)done);
	jw_array(&c->w, "ids");
	for (size_t i = 0; i < done; i++)
		jw_str(&c->w, NULL, ids[i]);
	jw_end(&c->w);
	return cmd_ok_end(c);
}

/* ---- RESOLVE ---- */

enum resolve_as { AS_PUBLISHED, AS_ABSENT, AS_FAILED, AS_LOOKUP, AS__COUNT };
static const char *const as_names[AS__COUNT] = { "published", "absent", "failed", "lookup" };

/* Replaces the plan of the next look; 0 removes it. */
static int resolve_plan(struct turn *t, struct target *target, int64_t at_ms)
{
	struct periodic_ref ref = { .kind = PERIODIC_RECONCILE, .id = target->id, .n = target->n };
	if (target->open_count == 0)
		return 0;
	ref.due_ms = target->open->look_ms;
	int rc = ref.due_ms != 0 ? store_periodic_del(t->txn, &ref) : 0;
	target->open->look_ms = at_ms;
	if (rc < 0 || at_ms == 0)
		return rc;
	ref.due_ms = at_ms;
	turn_periodic(t, at_ms);
	return store_periodic_put(t->txn, &ref, "", 0);
}

static size_t resolve_part(const struct target *target)
{
	/* "status.2" is the third part; a step without a number is the only one. */
	const char *dot = target->open_count > 0 && target->open->step != NULL ? strrchr(target->open->step, '.') : NULL;
	int64_t part = 0;
	return dot != NULL && unit_int_parse(dot + 1, 0, JOB_MAX_PARTS, &part) == 0 ? (size_t)part : 0;
}

/* The next part may stand as well, in a store that may have gone back: it is looked for before it is sent. */
static int resolve_next_part(struct turn *t, struct cmd_call *c, struct target *target)
{
	target->open->unrecorded = 1;
	target->open->mark = NULL;
	target->open->step = arena_fmt(t->arena, "part.%zu", target->shown_count);
	int rc = resolve_plan(t, target, t->now_ms);
	if (rc == 0)
		rc = queue_note(t, target, NULL, "found", "resolved: this part stands; looking for the next one", c->who.name, NULL);
	return rc < 0 ? rc : queue_keep(t, target);
}

/* A person has seen it: the part counts as shown. Of a thread the next part goes on; otherwise the post is published. */
static int resolve_published(struct turn *t, struct cmd_call *c, const struct post *p, struct target *target, const char *url,
                             const char *remote_id)
{
	struct plat_values values = { .arena = c->arena, .list = target->values, .count = target->value_count };
	const struct content *content = job_content(p, target);
	size_t part = resolve_part(target);
	/* Checked by the caller: a part that others will answer comes with its remote id. */
	plat_set_n(&values, PLAT_ID, part, remote_id != NULL ? remote_id : url);
	plat_set_n(&values, PLAT_URL, part, url);
	if (values.error < 0)
		return values.error;
	target->values = values.list;
	target->value_count = values.count;
	struct shown *list = arena_grow(c->arena, target->shown, target->shown_count, part + 1, sizeof *list);
	if (list == NULL)
		return -ST_NO_MEMORY;
	list[part].remote_id = arena_strdup(c->arena, remote_id != NULL ? remote_id : url);
	list[part].url = arena_strdup(c->arena, url);
	target->shown = list;
	target->shown_count = part + 1;
	bool more = content != NULL && part + 1 < content->part_count;
	int doubt = more && target->open_count > 0 ? restore_in_doubt(t, target->open->armed_ms) : 0;
	if (doubt != 0)
		return doubt < 0 ? doubt : resolve_next_part(t, c, target);
	target->open = NULL;
	target->open_count = 0;
	if (more)
		return queue_move(t, target, EVENT_SETTLE, "resolved: this part stands", c->who.name, NULL);
	target->published_ms = t->now_ms;
	return queue_move(t, target, EVENT_PUBLISH, "resolved by a person", c->who.name, NULL);
}

static int resolve(struct turn *t, struct cmd_call *c, const struct post *p, struct target *target, enum resolve_as as)
{
	const char *url = json_get_text(c->body, "url"), *remote_id = json_get_text(c->body, "remote_id");
	const char *reason = json_get_text(c->body, "reason");
	int rc = resolve_plan(t, target, as == AS_LOOKUP ? t->now_ms : 0);
	if (rc < 0)
		return rc;
	switch (as) {
	case AS_PUBLISHED:
		return resolve_published(t, c, p, target, url, remote_id);
	case AS_ABSENT:
		target->open = NULL;
		target->open_count = 0;
		target->due_ms = t->now_ms;
		return queue_move(t, target, EVENT_SETTLE, "resolved: it is not there", c->who.name, NULL);
	case AS_FAILED:
		target->open = NULL;
		target->open_count = 0;
		return queue_move(t, target, EVENT_FAIL, reason != NULL ? reason : "given up by a person", c->who.name, NULL);
	case AS_LOOKUP: case AS__COUNT:
		break;
	}
	rc = queue_note(t, target, NULL, "lookup", NULL, c->who.name, NULL);
	return rc < 0 ? rc : queue_keep(t, target);
}

int cmd_resolve(struct turn *t, struct cmd_call *c)
{
	static const char *const keys[] = { "as", "url", "remote_id", "reason", NULL };
	struct post p;
	struct target *targets;
	size_t count;
	const char *as, *url, *remote_id, *reason;
	if (!cmd_keys(c, c->body, "RESOLVE", keys) || !cmd_get_text(c, c->body, "as", &as) || !cmd_get_text(c, c->body, "url", &url) ||
	    !cmd_get_text(c, c->body, "remote_id", &remote_id) || !cmd_get_text(c, c->body, "reason", &reason))
		return 0;
	int how = 0;
	while (how < AS__COUNT && (as == NULL || strcmp(as, as_names[how]) != 0))
		how++;
	if (how == AS__COUNT)
		return cmd_err(c, ST_INVALID, "\"as\" is published, absent, failed or lookup");
	if (how == AS_PUBLISHED && (url == NULL || url[0] == '\0' || strlen(url) > 4000))
		return cmd_err(c, ST_INVALID, "\"as\":\"published\" needs the \"url\" of the post");
	int rc = cmd_targets(c, &p, &targets, &count);
	if (rc != 1)
		return rc;
	size_t at = 0;
	while (at < count && targets[at].state != STATE_UNKNOWN)
		at++;
	if (at == count)
		return cmd_err(c, ST_CONFLICT, "%s is %s; only unknown outcomes are resolved", c->request.word[0],
		               state_name((enum state)targets[0].state));
	if (count > 1)
		return cmd_err(c, ST_INVALID, "say which target: RESOLVE %s", cmd_id(c, p.id, targets[at].n));
	if (how == AS_PUBLISHED && remote_id == NULL && resolve_part(&targets[0]) + 1 < job_content(&p, &targets[0])->part_count)
		return cmd_err(c, ST_INVALID, "this is part %zu of %zu: give its remote_id too, so that the next part can answer it",
		               resolve_part(&targets[0]) + 1, job_content(&p, &targets[0])->part_count);
	rc = resolve(t, c, &p, &targets[0], (enum resolve_as)how);
	if (rc < 0)
		return rc;
	cmd_ok(c);
	jw_str(&c->w, "id", cmd_id(c, targets[0].id, targets[0].n));
	jw_str(&c->w, "state", state_name((enum state)targets[0].state));
	return cmd_ok_end(c);
}
