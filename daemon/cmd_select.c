/* cmd_select.c: which targets a request means: an id, or a filter over many. */
#include <stdio.h>
#include <string.h>

#include "daemon/cmd_priv.h"
#include "proto/unit.h"

#define SELECT_MAX 1000
#define SELECT_LOOKS 20000

int cmd_targets(struct cmd_call *c, struct post *p, struct target **out, size_t *count)
{
	uint64_t id;
	unsigned n;
	if (!cmd_id_word(c, &id, &n))
		return 0;
	int rc = store_post_get(c->txn, c->arena, id, p);
	if (rc == -ST_NO_ITEM || (rc == 0 && n > p->target_count))
		return cmd_err(c, ST_NO_ITEM, "there is no such item; smmq list shows those there are"), 0;
	if (rc < 0)
		return rc;
	*count = n != 0 ? 1 : p->target_count;
	*out = arena_alloc(c->arena, *count, sizeof **out);
	if (*out == NULL)
		return -ST_NO_MEMORY;
	for (size_t i = 0; i < *count && rc == 0; i++)
		rc = store_target_get(c->txn, c->arena, id, n != 0 ? n : i + 1, &(*out)[i]);
	return rc < 0 ? rc : 1;
}

/* "state": one name or a list of them. */
static int select_states(struct cmd_call *c, unsigned *out)
{
	const struct json *v = json_get(c->body, "state");
	if (v == NULL)
		return 1;
	*out = 0;
	const struct json *first = json_kind(v) == JSON_ARRAY ? json_first(v) : v;
	for (const struct json *s = first; s != NULL; s = json_kind(v) == JSON_ARRAY ? json_next(s) : NULL) {
		int state = json_text(s) == NULL ? -1 : state_find(json_text(s));
		if (state < 0)
			return cmd_err(c, ST_INVALID, "\"%.40s\" is no state; the states are draft, queued, sending, published, failed, unknown, held, "
			               "cancelled, missed, expired", json_text(s) != NULL ? json_text(s) : "?"), 0;
		*out |= 1U << state;
	}
	return 1;
}

int cmd_select_read(struct cmd_call *c, const char *verb, const char *const *more_keys, struct cmd_select *out)
{
	const char *keys[24] = { "all", "account", "label", "state", "ids", "dry_run", "cursor" };
	const char *cursor;
	size_t n = 7;
	for (; more_keys != NULL && *more_keys != NULL && n < 23; more_keys++)
		keys[n++] = *more_keys;
	out->states = 0;
	if (!cmd_keys(c, c->body, verb, keys) || !cmd_get_flag(c, c->body, "all", &out->all) ||
	    !cmd_get_flag(c, c->body, "dry_run", &out->dry_run) || !cmd_get_text(c, c->body, "account", &out->account) ||
	    !cmd_get_label(c, c->body, &out->label) || !select_states(c, &out->states) || !cmd_get_text(c, c->body, "cursor", &cursor))
		return 0;
	if (cursor != NULL && strlen(cursor) >= sizeof out->cursor)
		return cmd_err(c, ST_INVALID, "\"cursor\" is none of ours"), 0;
	(void)snprintf(out->cursor, sizeof out->cursor, "%s", cursor != NULL ? cursor : "");
	out->ids = json_get(c->body, "ids");
	if (out->ids != NULL && (json_kind(out->ids) != JSON_ARRAY || json_count(out->ids) > SELECT_MAX))
		return cmd_err(c, ST_INVALID, "\"ids\" must be a list of at most %d ids", SELECT_MAX), 0;
	return 1;
}

struct select_walk {
	struct cmd_call *c;
	const struct cmd_select *s;
	struct store_ref *refs;
	size_t count;
	int rc;
};

static bool select_fits(const struct cmd_select *s, const struct target *t)
{
	return (s->states & 1U << t->state) != 0 && (s->account == NULL || strcmp(s->account, t->account) == 0) &&
	       (s->label == NULL || (t->label != NULL && strcmp(s->label, t->label) == 0));
}

static int select_each(void *ctx, const struct store_ref *ref)
{
	struct select_walk *w = ctx;
	struct target t;
	w->rc = store_target_get(w->c->txn, w->c->arena, ref->id, ref->n, &t);
	if (w->rc < 0)
		return 1;
	if (!select_fits(w->s, &t))
		return 0;
	if (w->count == SELECT_MAX)
		return 1;
	w->refs[w->count++] = *ref;
	return 0;
}

static int select_ids(struct cmd_call *c, const struct cmd_select *s, struct select_walk *w)
{
	for (const struct json *v = json_first(s->ids); v != NULL; v = json_next(v)) {
		uint64_t id;
		unsigned n;
		struct post p;
		char number[24];
		const char *text = json_text(v);
		int64_t plain;
		if (text == NULL && json_int(v, &plain) == 0 && plain > 0)
			text = unit_id_format((uint64_t)plain, 0, number, sizeof number);
		if (text == NULL || unit_id_parse(text, &id, &n) < 0)
			return cmd_err(c, ST_INVALID, "\"ids\" holds something that is no id"), 0;
		int rc = store_post_get(c->txn, c->arena, id, &p);
		if (rc == -ST_NO_ITEM || (rc == 0 && n > p.target_count))
			return cmd_err(c, ST_NO_ITEM, "no item %s", text), 0;
		if (rc < 0)
			return rc;
		for (unsigned k = n != 0 ? n : 1; k <= (n != 0 ? n : p.target_count); k++) {
			struct store_ref ref = { .id = id, .n = k };
			if (select_each(w, &ref) != 0 && w->rc < 0)
				return w->rc;
		}
	}
	return 1;
}

int cmd_select_queues(struct cmd_call *c, struct store_page *page)
{
	struct account *accounts = arena_alloc(c->arena, CONF_MAX_ACCOUNTS * 2, sizeof *accounts);
	if (accounts == NULL)
		return -ST_NO_MEMORY;
	int64_t got = store_account_list(c->txn, c->arena, accounts, CONF_MAX_ACCOUNTS * 2);
	if (got < 0)
		return (int)got;
	uint64_t *numbers = arena_alloc(c->arena, (size_t)got + 1, sizeof *numbers);
	if (numbers == NULL)
		return -ST_NO_MEMORY;
	for (int64_t i = 0; i < got; i++)
		numbers[i] = accounts[i].no;
	page->queue_accounts = numbers;
	page->queue_account_count = (size_t)got;
	return 0;
}

int cmd_select_run(struct cmd_call *c, struct cmd_select *s, struct store_ref **out, size_t *count)
{
	struct select_walk w = { .c = c, .s = s };
	struct account account;
	w.refs = arena_alloc(c->arena, SELECT_MAX, sizeof *w.refs);
	if (w.refs == NULL)
		return -ST_NO_MEMORY;
	int rc;
	if (s->ids != NULL) {
		rc = select_ids(c, s, &w);
	} else {
		struct store_page page = { .states = s->states, .max_looks = SELECT_LOOKS };
		memcpy(page.cursor, s->cursor, sizeof page.cursor);
		if (s->account != NULL) {
			if (store_account_find(c->txn, c->arena, s->account, &account) < 0)
				return cmd_err(c, ST_NO_ACCOUNT, "no account \"%.64s\" has items", s->account), 0;
			page.account_no = account.no;
		}
		rc = cmd_select_queues(c, &page);
		/* Only a queued target's index knows the account; the others are looked at one by one. */
		if (rc == 0)
			rc = store_page_walk(c->txn, &page, select_each, &w);
		if (rc == -ST_INVALID)
			return cmd_err(c, ST_INVALID, "\"cursor\" is none of ours"), 0;
		if (rc >= 0)
			rc = w.rc < 0 ? w.rc : 1;
		memcpy(s->cursor, page.cursor, sizeof s->cursor);
	}
	*out = w.refs;
	*count = w.count;
	return rc;
}
