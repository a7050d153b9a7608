/* cmd_extra.c: what a post may have besides texts, media and a link: form, title, warning, quote, poll, cover, settings; from the
 * JSON of ADD and EDIT. */
#include <string.h>

#include "daemon/cmd_priv.h"
#include "daemon/model/text.h"
#include "proto/utf8.h"

#define SHORT_TEXT_BYTES 4000
#define POLL_MIN_MS (60 * INT64_C(1000))
#define POLL_MAX_MS (366 * 24 * 3600 * INT64_C(1000))

const char *const cmd_extra_keys[] = { "form", "title", "warning", "quote", "poll", "cover", "settings", NULL };

/* ---- short texts ---- */

/* null removes it. */
static int extra_text(struct cmd_call *c, const char *key, char **member)
{
	const char *text;
	if (!cmd_get_text(c, c->body, key, &text))
		return 0;
	if (json_get(c->body, key) == NULL)
		return 1;
	if (text != NULL && strlen(text) > SHORT_TEXT_BYTES)
		return cmd_err(c, ST_TOO_LARGE, "\"%s\" has more than %d bytes", key, SHORT_TEXT_BYTES), 0;
	if (text != NULL && text_is_blank(text))
		return cmd_err(c, ST_INVALID, "\"%s\" is empty; leave it out", key), 0;
	*member = text == NULL ? NULL : arena_strdup(c->arena, text_nfc(c->arena, text));
	return 1;
}

static int extra_form(struct cmd_call *c, struct content *out)
{
	const char *name;
	if (!cmd_get_text(c, c->body, "form", &name))
		return 0;
	if (json_get(c->body, "form") == NULL)
		return 1;
	int form = name == NULL ? FORM_POST : form_find(name);
	if (form < 0)
		return cmd_err(c, ST_INVALID, "\"form\" is \"%.40s\"; it is one of post, story, reel, short, spotlight", name), 0;
	out->form = (uint64_t)form;
	return 1;
}

/* ---- the poll ---- */

static int poll_choices(struct cmd_call *c, const struct json *list, struct poll *poll)
{
	size_t count = json_count(list);
	if (json_kind(list) != JSON_ARRAY || count < 2)
		return cmd_err(c, ST_INVALID, "a poll needs \"choices\": a list of at least two texts"), 0;
	if (count > JOB_MAX_CHOICES)
		return cmd_err(c, ST_TOO_LARGE, "%zu choices; a poll has at most %d", count, JOB_MAX_CHOICES), 0;
	poll->choices = arena_alloc(c->arena, count, sizeof *poll->choices);
	if (poll->choices == NULL)
		return -ST_NO_MEMORY;
	for (const struct json *v = json_first(list); v != NULL; v = json_next(v)) {
		const char *text = json_text(v);
		if (text == NULL || text_is_blank(text) || strlen(text) > SHORT_TEXT_BYTES)
			return cmd_err(c, ST_INVALID, "choice %zu of the poll is no text, or empty", poll->choice_count + 1), 0;
		poll->choices[poll->choice_count++].text = arena_strdup(c->arena, text_nfc(c->arena, text));
	}
	return 1;
}

static int extra_poll(struct cmd_call *c, struct content *out)
{
	static const char *const keys[] = { "choices", "duration", "multiple", NULL };
	const struct json *v = json_get(c->body, "poll");
	bool multiple;
	if (v == NULL)
		return 1;
	out->poll_count = 0;
	if (json_kind(v) == JSON_NULL)
		return 1;
	if (json_kind(v) != JSON_OBJECT)
		return cmd_err(c, ST_INVALID, "\"poll\" is an object {\"choices\":[...], \"duration\":\"1d\", \"multiple\":false}"), 0;
	out->poll = arena_alloc(c->arena, 1, sizeof *out->poll);
	if (out->poll == NULL)
		return -ST_NO_MEMORY;
	out->poll->duration_ms = 24 * 3600 * INT64_C(1000);
	if (!cmd_keys(c, v, "\"poll\"", keys) || !cmd_get_span(c, v, "duration", &out->poll->duration_ms) ||
	    !cmd_get_flag(c, v, "multiple", &multiple))
		return 0;
	if (out->poll->duration_ms < POLL_MIN_MS || out->poll->duration_ms > POLL_MAX_MS)
		return cmd_err(c, ST_INVALID, "a poll is open for one minute to a year"), 0;
	out->poll->multiple = multiple;
	out->poll_count = 1;
	return poll_choices(c, json_get(v, "choices"), out->poll);
}

static int extra_cover(struct cmd_call *c, struct content *out)
{
	const struct json *v = json_get(c->body, "cover");
	if (v == NULL)
		return 1;
	out->cover_count = 0;
	if (json_kind(v) == JSON_NULL)
		return 1;
	out->cover = arena_alloc(c->arena, 1, sizeof *out->cover);
	if (out->cover == NULL)
		return -ST_NO_MEMORY;
	out->cover_count = 1;
	return cmd_content_file(c, v, out->cover);
}

/* ---- settings ---- */

static const struct plat_option *option_of(const struct plat *p, const char *name)
{
	for (size_t i = 0; i < p->option_count; i++)
		if (p->options[i].per_post && strcmp(p->options[i].name, name) == 0)
			return &p->options[i];
	return NULL;
}

/* One of the words, which are separated by blanks and may have "=number" behind them. */
static bool word_in(const char *words, const char *text)
{
	size_t len = strlen(text);
	for (const char *w = words; *w != '\0';) {
		size_t n = strcspn(w, " ="), all = strcspn(w, " ");
		if (n == len && strncmp(w, text, len) == 0)
			return true;
		w += all + (w[all] == ' ');
	}
	return false;
}

/* Some platform has it. */
static int setting_check(struct cmd_call *c, const char *name)
{
	struct buf names = BUF_INIT(4096);
	for (size_t i = 0; plat_at(i) != NULL; i++) {
		const struct plat *p = plat_at(i);
		if (option_of(p, name) != NULL) {
			buf_done(&names);
			return 1;
		}
		for (size_t k = 0; k < p->option_count; k++)
			if (p->options[k].per_post)
				buf_add_fmt(&names, "%s%s (%s)", names.len > 0 ? ", " : "", p->options[k].name, p->name);
	}
	(void)cmd_err(c, ST_INVALID, "no platform has a setting \"%.60s\" for posts; there are: %s", name, buf_cstr(&names));
	buf_done(&names);
	return 0;
}

void cmd_settings_check(struct cmd_call *c, const struct conf_account *conf, const struct content *content, struct plat_report *report)
{
	for (size_t i = 0; i < content->setting_count; i++) {
		const struct value *v = &content->settings[i];
		const struct plat_option *o = option_of(conf->plat, v->name);
		if (o == NULL || o->words == NULL || word_in(o->words, v->text))
			continue;
		plat_finding(report, "setting", 0, 0,
		             arena_fmt(c->arena, "%s: %s is \"%.60s\"; it is one of: %s (for one account alone: --set %s:%s=...)", conf->plat->name,
		                       v->name, v->text, o->words, conf->name, v->name));
	}
}

int cmd_settings(struct cmd_call *c, const struct json *v, struct content *out)
{
	size_t count = json_count(v);
	out->setting_count = 0;
	if (json_kind(v) == JSON_NULL)
		return 1;
	if (json_kind(v) != JSON_OBJECT)
		return cmd_err(c, ST_INVALID, "settings are an object {\"Name\": \"value\"}"), 0;
	if (count > JOB_MAX_SETTINGS)
		return cmd_err(c, ST_TOO_LARGE, "%zu settings; a post has at most %d", count, JOB_MAX_SETTINGS), 0;
	out->settings = arena_alloc(c->arena, count + 1, sizeof *out->settings);
	if (out->settings == NULL)
		return -ST_NO_MEMORY;
	for (const struct json *m = json_first(v); m != NULL; m = json_next(m)) {
		const char *text = json_text(m);
		if (text == NULL || *text == '\0' || strlen(text) > SHORT_TEXT_BYTES)
			return cmd_err(c, ST_INVALID, "setting \"%.60s\" has no text, or one that is too long", json_key(m)), 0;
		if (!setting_check(c, json_key(m)))
			return 0;
		out->settings[out->setting_count++] =
			(struct value){ .name = arena_strdup(c->arena, json_key(m)), .text = arena_strdup(c->arena, text) };
	}
	return 1;
}

int cmd_setting_taken(struct cmd_call *c, const struct content *content, const struct plat *const *plats, size_t count)
{
	for (size_t i = 0; i < content->setting_count; i++) {
		bool taken = false;
		for (size_t k = 0; k < count && !taken; k++)
			taken = option_of(plats[k], content->settings[i].name) != NULL;
		if (!taken)
			return cmd_err(c, ST_INVALID, "setting %s is for none of the accounts' platforms", content->settings[i].name), 0;
	}
	return 1;
}

int cmd_extra(struct cmd_call *c, struct content *out)
{
	int rc = extra_form(c, out);
	if (rc == 1)
		rc = extra_text(c, "title", &out->title);
	if (rc == 1)
		rc = extra_text(c, "warning", &out->warning);
	if (rc == 1)
		rc = extra_text(c, "quote", &out->quote);
	if (rc == 1)
		rc = extra_poll(c, out);
	if (rc == 1)
		rc = extra_cover(c, out);
	if (rc == 1 && json_get(c->body, "settings") != NULL)
		rc = cmd_settings(c, json_get(c->body, "settings"), out);
	return rc;
}
