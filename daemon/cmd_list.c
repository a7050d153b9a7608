/* cmd_list.c: SHOW and LIST. One request looks at a bounded number of records and writes a bounded page. */
#include <string.h>

#include "daemon/cmd_priv.h"

int cmd_show(struct cmd_call *c)
{
	struct post p;
	uint64_t id;
	unsigned n;
	if (!cmd_id_word(c, &id, &n))
		return 0;
	int rc = store_post_get(c->txn, c->arena, id, &p);
	if (rc == -ST_NO_ITEM || (rc == 0 && n > p.target_count))
		return cmd_err(c, ST_NO_ITEM, "there is no such item; smmq list shows those there are");
	return rc < 0 ? rc : cmd_view_post(c, &p, n);
}

struct list_walk {
	struct cmd_call *c;
	const struct cmd_select *s;
	struct cmd_view view;
	struct post post;                /* the last one read: targets of one post come together */
	int64_t limit, count;
	int rc;
};

static bool list_fits(const struct cmd_select *s, const struct target *t)
{
	return (s->states == 0 || (s->states & 1U << t->state) != 0) && (s->account == NULL || strcmp(s->account, t->account) == 0) &&
	       (s->label == NULL || (t->label != NULL && strcmp(s->label, t->label) == 0));
}

static int list_each(void *ctx, const struct store_ref *ref)
{
	struct list_walk *w = ctx;
	struct cmd_call *c = w->c;
	struct target t;
	if (w->count == w->limit || c->out.len > CMD_PAGE_BYTES)
		return 1;
	w->rc = store_target_get(c->txn, c->arena, ref->id, ref->n, &t);
	if (w->rc == 0 && list_fits(w->s, &t)) {
		if (w->post.id != ref->id)
			w->rc = store_post_get(c->txn, c->arena, ref->id, &w->post);
		if (w->rc == 0) {
			cmd_data(c);
			cmd_view_row(c, &w->view, &w->post, &t);
			cmd_data_end(c);
			w->count++;
		}
	}
	/* A damaged record is passed over here; SHOW of its id tells. */
	if (w->rc == -ST_CORRUPT || w->rc == -ST_NO_ITEM)
		w->rc = 0;
	return w->rc < 0;
}

int cmd_list(struct cmd_call *c)
{
	static const char *const keys[] = { "limit", NULL };
	struct cmd_select s;
	struct list_walk w = { .c = c, .s = &s, .limit = 100 };
	struct store_page page = { .max_looks = CMD_PAGE_LOOKS };
	struct account account;
	if (!cmd_select_read(c, "LIST", keys, &s) || !cmd_get_int(c, c->body, "limit", 1, CMD_PAGE_MAX, &w.limit))
		return 0;
	int rc = cmd_view_init(c, &w.view);
	if (rc < 0)
		return rc;
	page.states = s.states;
	memcpy(page.cursor, s.cursor, sizeof page.cursor);
	if (s.account != NULL) {
		rc = store_account_find(c->txn, c->arena, s.account, &account);
		if (rc == -ST_NO_ACCOUNT && conf_account_find(c->conf, s.account) == NULL)
			return cmd_err(c, ST_NO_ACCOUNT, "no account \"%.64s\"", s.account);
		if (rc < 0 && rc != -ST_NO_ACCOUNT)
			return rc;
		page.account_no = rc == 0 ? account.no : UINT32_MAX;
	}
	rc = cmd_select_queues(c, &page);
	if (rc == 0)
		rc = store_page_walk(c->txn, &page, list_each, &w);
	if (rc == -ST_INVALID)
		return cmd_err(c, ST_INVALID, "\"cursor\" is none of ours");
	if (rc < 0 || w.rc < 0)
		return rc < 0 ? rc : w.rc;
	cmd_ok(c);
	jw_int(&c->w, "count", w.count);
	jw_str(&c->w, "cursor", page.cursor[0] != '\0' ? page.cursor : NULL);
	return cmd_ok_end(c);
}
