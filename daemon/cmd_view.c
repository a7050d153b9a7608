/* cmd_view.c: items as JSON: one way of showing them for ADD, SHOW, LIST, EDIT. */
#include <string.h>

#include "daemon/cmd_priv.h"
#include "daemon/model/caltime.h"
#include "proto/unit.h"
#include "proto/utf8.h"

#define ROW_TEXT_BYTES 100

int cmd_view_init(struct cmd_call *c, struct cmd_view *v)
{
	return queue_gates_load(c->txn, c->arena, &v->gates);
}

static void write_time(struct cmd_call *c, const char *key, const char *key_ms, int64_t time_ms)
{
	char text[40];
	if (time_ms == 0) {
		jw_null(&c->w, key);
		jw_null(&c->w, key_ms);
		return;
	}
	jw_str(&c->w, key, unit_utc_format(time_ms, text, sizeof text));
	jw_int(&c->w, key_ms, time_ms);
}

void cmd_view_when(struct cmd_call *c, const struct target *t)
{
	char local[48];
	write_time(c, "due", "due_ms", t->zone != NULL ? t->due_ms : 0);
	if (t->zone != NULL)
		jw_str(&c->w, "local", caltime_format(t->due_ms, t->zone, local, sizeof local));
	else
		jw_null(&c->w, "local");
	jw_str(&c->w, "zone", t->zone);
}

void cmd_view_asked(struct cmd_call *c, const struct target *t, const struct cmd_notes *notes)
{
	const struct conf_account *conf = conf_account_find(c->conf, t->account);
	jw_str(&c->w, "account", t->account);
	jw_str(&c->w, "platform", conf != NULL ? conf->plat->name : NULL);
	jw_str(&c->w, "state", state_name((enum state)t->state));
	cmd_view_when(c, t);
	jw_array(&c->w, "warnings");
	for (size_t i = 0; notes != NULL && i < notes->count; i++)
		jw_str(&c->w, NULL, notes->list[i]);
	jw_end(&c->w);
}

/* Why a queued target waits besides its time: a gate, its account's pause, or what the account met last. */
struct waits { const char *gate, *reason; };

static struct waits view_waits(struct cmd_call *c, const struct cmd_view *v, const struct target *t)
{
	struct waits w = { .gate = NULL, .reason = t->reason };
	struct account account;
	char when[40];
	if (t->state != STATE_QUEUED)
		return w;
	const struct gate *g = queue_gate_of(&v->gates, t->account, t->label);
	if (g != NULL)
		return (struct waits){ g->name, g->reason != NULL ? g->reason : "held" };
	if (store_account_get(c->txn, c->arena, t->account_no, &account) < 0)
		return w;
	if (account.pause_reason != NULL)
		return (struct waits){ arena_fmt(c->arena, "account:%s", t->account), account.pause_reason };
	if (t->due_ms > c->now_ms)
		return w;
	struct queue_limit limit;
	int64_t until_ms = account.pace_ms;
	const char *why = account.pace_reason;
	if (queue_limit_get(c->txn, c->arena, &account, conf_account_find(c->conf, t->account), c->now_ms, &limit) == 0 && limit.until_ms > 0) {
		until_ms = limit.until_ms;
		why = t->reason != NULL ? t->reason : limit.reason;
	}
	if (until_ms > c->now_ms && why != NULL)
		w.reason = arena_fmt(c->arena, "%s; not before %s", why, unit_utc_format(until_ms, when, sizeof when));
	return w;
}

static void write_state(struct cmd_call *c, const struct cmd_view *v, const struct target *t)
{
	const struct conf_account *conf = conf_account_find(c->conf, t->account);
	struct waits w = view_waits(c, v, t);
	jw_str(&c->w, "account", t->account);
	jw_str(&c->w, "platform", conf != NULL ? conf->plat->name : NULL);
	jw_str(&c->w, "state", state_name((enum state)t->state));
	jw_str(&c->w, "reason", w.reason);
	jw_str(&c->w, "gate", w.gate);
	cmd_view_when(c, t);
}

void cmd_view_row(struct cmd_call *c, const struct cmd_view *v, const struct post *p, const struct target *t)
{
	const struct content *content = job_content(p, t);
	const char *text = content != NULL ? content->parts[0].text : "";
	size_t media = 0;
	for (size_t i = 0; content != NULL && i < content->part_count; i++)
		media += content->parts[i].media_count;
	jw_str(&c->w, "id", cmd_id(c, t->id, t->n));
	jw_str(&c->w, "label", p->label);
	write_state(c, v, t);
	jw_strn(&c->w, "text", text, utf8_cut(text, strlen(text), ROW_TEXT_BYTES));
	jw_int(&c->w, "parts", content != NULL ? (int64_t)content->part_count : 0);
	jw_int(&c->w, "media", (int64_t)media);
	jw_str(&c->w, "url", t->shown_count > 0 ? t->shown[0].url : NULL);
	jw_int(&c->w, "rev", (int64_t)t->rev);
}

static void write_media(struct cmd_call *c, const char *key, const struct media *list, size_t count)
{
	jw_array(&c->w, key);
	for (size_t i = 0; i < count; i++) {
		jw_object(&c->w, NULL);
		jw_str(&c->w, "id", list[i].sha256);
		jw_str(&c->w, "alt", list[i].alt);
		jw_str(&c->w, "name", list[i].name);
		job_media_json(&c->w, &list[i]);
		jw_end(&c->w);
	}
	jw_end(&c->w);
}

static void write_poll(struct cmd_call *c, const struct content *content)
{
	if (content->poll_count == 0)
		return;
	jw_object(&c->w, "poll");
	jw_array(&c->w, "choices");
	for (size_t i = 0; i < content->poll->choice_count; i++)
		jw_str(&c->w, NULL, content->poll->choices[i].text);
	jw_end(&c->w);
	jw_int(&c->w, "duration_ms", content->poll->duration_ms);
	jw_bool(&c->w, "multiple", content->poll->multiple != 0);
	jw_end(&c->w);
}

/* Only what is there: most posts have nothing of it. */
static void write_extra(struct cmd_call *c, const struct content *content)
{
	const struct { const char *key, *text; } texts[] = {
		{ "title", content->title }, { "warning", content->warning }, { "quote", content->quote },
	};
	if (content->form != FORM_POST)
		jw_str(&c->w, "form", form_name((enum content_form)content->form));
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (texts[i].text != NULL)
			jw_str(&c->w, texts[i].key, texts[i].text);
	write_poll(c, content);
	if (content->cover_count > 0)
		write_media(c, "cover", content->cover, content->cover_count);
	if (content->setting_count == 0)
		return;
	jw_object(&c->w, "settings");
	for (size_t i = 0; i < content->setting_count; i++)
		jw_str(&c->w, content->settings[i].name, content->settings[i].text);
	jw_end(&c->w);
}

static void write_content(struct cmd_call *c, const struct content *content)
{
	jw_str(&c->w, "language", content->language);
	write_extra(c, content);
	jw_array(&c->w, "parts");
	for (size_t i = 0; i < content->part_count; i++) {
		const struct part *p = &content->parts[i];
		jw_object(&c->w, NULL);
		jw_str(&c->w, "text", p->text);
		write_media(c, "media", p->media, p->media_count);
		jw_bool(&c->w, "comment", p->comment != 0);
		jw_end(&c->w);
	}
	jw_end(&c->w);
	if (content->card_count == 0) {
		jw_null(&c->w, "card");
		return;
	}
	const struct card *card = content->card;
	jw_object(&c->w, "card");
	jw_str(&c->w, "url", card->url);
	jw_str(&c->w, "title", card->title);
	jw_str(&c->w, "description", card->description);
	write_media(c, "thumb", card->thumb, card->thumb_count);
	jw_end(&c->w);
}

static void write_open(struct cmd_call *c, const struct target *t)
{
	if (t->open_count == 0) {
		jw_null(&c->w, "open");
		return;
	}
	const struct attempt *a = t->open;
	jw_object(&c->w, "open");
	jw_int(&c->w, "number", (int64_t)a->number);
	jw_str(&c->w, "step", a->step);
	jw_str(&c->w, "mark", a->mark);
	jw_int(&c->w, "armed_ms", a->armed_ms);
	jw_int(&c->w, "lost_ms", a->lost_ms);
	jw_int(&c->w, "looks", (int64_t)a->looks);
	jw_int(&c->w, "next_look_ms", a->look_ms);
	jw_str(&c->w, "evidence", a->evidence);
	jw_end(&c->w);
}

void cmd_view_target(struct cmd_call *c, const struct cmd_view *v, const struct target *t)
{
	jw_str(&c->w, "id", cmd_id(c, t->id, t->n));
	write_state(c, v, t);
	jw_object(&c->w, "want");
	jw_str(&c->w, "kind", t->zone == NULL ? NULL : t->want == WANT_NOW ? "now" : "at");
	jw_str(&c->w, "text", t->want_text);
	jw_end(&c->w);
	jw_str(&c->w, "late", late_name((enum late_rule)t->late));
	jw_int(&c->w, "max_late_ms", t->max_late_ms);
	jw_int(&c->w, "expires_ms", t->expires_ms);
	jw_int(&c->w, "not_before_ms", t->not_before_ms);
	jw_int(&c->w, "tries", (int64_t)t->tries);
	jw_int(&c->w, "attempts", (int64_t)t->attempts);
	jw_str(&c->w, "remote_id", t->shown_count > 0 ? t->shown[0].remote_id : NULL);
	jw_str(&c->w, "url", t->shown_count > 0 ? t->shown[0].url : NULL);
	jw_array(&c->w, "shown");
	for (size_t i = 0; i < t->shown_count; i++) {
		jw_object(&c->w, NULL);
		jw_str(&c->w, "remote_id", t->shown[i].remote_id);
		jw_str(&c->w, "url", t->shown[i].url);
		jw_end(&c->w);
	}
	jw_end(&c->w);
	write_time(c, "published", "published_ms", t->published_ms);
	jw_int(&c->w, "rev", (int64_t)t->rev);
	jw_str(&c->w, "text", t->own_count > 0 ? t->own->parts[0].text : NULL);
	write_open(c, t);
}

int cmd_view_post(struct cmd_call *c, const struct post *p, unsigned only)
{
	struct cmd_view v;
	int rc = cmd_view_init(c, &v);
	if (rc < 0)
		return rc;
	cmd_ok(c);
	jw_int(&c->w, "id", (int64_t)p->id);
	jw_int(&c->w, "rev", (int64_t)p->rev);
	jw_str(&c->w, "key", p->key);
	jw_str(&c->w, "label", p->label);
	write_time(c, "created", "created_ms", p->created_ms);
	jw_str(&c->w, "by", p->by);
	write_content(c, p->content);
	jw_array(&c->w, "targets");
	for (unsigned n = only != 0 ? only : 1; n <= (only != 0 ? only : p->target_count); n++) {
		struct target t;
		rc = store_target_get(c->txn, c->arena, p->id, n, &t);
		if (rc < 0)
			return rc;
		jw_object(&c->w, NULL);
		cmd_view_target(c, &v, &t);
		jw_end(&c->w);
	}
	jw_end(&c->w);
	return cmd_ok_end(c);
}
