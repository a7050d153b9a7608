/* extra.c: what a post may have besides text, media and link, and what of it is meant for one account alone. */
#include <string.h>

#include "client/content.h"
#include "proto/status.h"

/* ACCOUNT, separator, the rest. Account names hold neither '=' nor ':'; a setting's value may hold both. */
struct split { const char *account; size_t account_len; const char *rest; };

static struct split split_at(const char *value, char separator)
{
	size_t len = strcspn(value, separator == ':' ? ":=" : "=");

	if (len == 0 || value[len] != separator)
		return (struct split){ .rest = value };
	return (struct split){ .account = value, .account_len = len, .rest = value + len + 1 };
}

static bool same_account(const struct split *a, const struct split *b)
{
	return a->account_len == b->account_len && (a->account_len == 0 || memcmp(a->account, b->account, a->account_len) == 0);
}

static bool is_option(const struct arg_hit *hit, const char *name)
{
	return strcmp(hit->option->name, name) == 0;
}

static void open_member(struct json_writer *w, const struct split *s, bool array)
{
	char name[256];

	memcpy(name, s->account, s->account_len);
	name[s->account_len] = '\0';
	if (array)
		jw_array(w, name);
	else
		jw_object(w, name);
}

/* ---- settings ---- */

static void write_setting(struct json_writer *w, const char *text)
{
	char name[256];
	size_t len = strcspn(text, "=");

	memcpy(name, text, len);
	name[len] = '\0';
	jw_str(w, name, text + len + 1);
}

int extra_check(struct client *c, bool accounts)
{
	const struct args *a = &c->args;

	for (size_t i = 0; i < a->hit_count; i++) {
		const char *value = a->hits[i].value;
		struct split s = split_at(value ? value : "", ':');
		size_t len = strcspn(s.rest, "=");

		if (!is_option(&a->hits[i], "set"))
			continue;
		if (len == 0 || len >= 256 || s.rest[len] != '=' || s.account_len >= 256 || (s.account && !accounts))
			return out_fail(&c->out, ST_USAGE, "--set wants %sNAME=VALUE, not \"%s\"", accounts ? "[ACCOUNT:]" : "", value);
		for (size_t j = 0; j < i; j++)
			if (is_option(&a->hits[j], "set") && strncmp(a->hits[j].value, value, (size_t)(s.rest - value) + len + 1) == 0)
				return out_fail(&c->out, ST_USAGE, "--set %.*s is given twice", (int)((size_t)(s.rest - value) + len), value);
	}
	return 0;
}

static void write_settings(const struct client *c, struct json_writer *w)
{
	const struct args *a = &c->args;
	bool any = false;

	for (size_t i = 0; i < a->hit_count; i++) {
		if (!is_option(&a->hits[i], "set") || split_at(a->hits[i].value, ':').account)
			continue;
		if (!any)
			jw_object(w, "settings");
		any = true;
		write_setting(w, a->hits[i].value);
	}
	if (any)
		jw_end(w);
}

/* ---- for the post ---- */

static void write_poll(const struct client *c, struct json_writer *w)
{
	const struct args *a = &c->args;

	if (!args_has(a, "poll"))
		return;
	jw_object(w, "poll");
	jw_array(w, "choices");
	for (size_t i = 0; i < a->hit_count; i++)
		if (is_option(&a->hits[i], "poll"))
			jw_str(w, NULL, a->hits[i].value);
	jw_end(w);
	if (args_has(a, "poll-for"))
		jw_str(w, "duration", args_value(a, "poll-for"));
	if (args_has(a, "poll-multiple"))
		jw_bool(w, "multiple", true);
	jw_end(w);
}

void extra_write(const struct client *c, const struct content *content, struct json_writer *w)
{
	write_poll(c, w);
	for (size_t i = 0; i < content->media.count; i++) {
		if (content->media.files[i].use != CMD_MEDIA_COVER)
			continue;
		jw_object(w, "cover");
		content_write_file(&content->media.files[i], w);
	}
	write_settings(c, w);
}

/* ---- for one account ---- */

/* Each account once: JSON with a key twice would be refused as malformed. */
static int write_text_for(struct client *c, struct json_writer *w)
{
	const struct args *a = &c->args;

	if (!args_has(a, "text-for"))
		return 0;
	jw_object(w, "text_for");
	for (size_t i = 0; i < a->hit_count; i++) {
		const char *value = a->hits[i].value;
		struct split s = split_at(value ? value : "", '=');
		char name[256];

		if (!is_option(&a->hits[i], "text-for"))
			continue;
		if (!s.account || s.account_len >= sizeof name)
			return out_fail(&c->out, ST_USAGE, "--text-for wants ACCOUNT=TEXT, not \"%s\"", value);
		for (size_t j = 0; j < i; j++) {
			struct split before = split_at(a->hits[j].value ? a->hits[j].value : "", '=');

			if (is_option(&a->hits[j], "text-for") && same_account(&before, &s))
				return out_fail(&c->out, ST_USAGE, "--text-for %.*s is given twice", (int)s.account_len, value);
		}
		memcpy(name, s.account, s.account_len);
		name[s.account_len] = '\0';
		jw_str(w, name, s.rest);
	}
	jw_end(w);
	return 0;
}

static struct split file_account(const struct cmd_media_file *f)
{
	return (struct split){ .account = f->account, .account_len = f->use == CMD_MEDIA_ACCOUNT ? f->account_len : 0 };
}

/* The files of one account stand together, wherever they were given. */
static void write_media_for(const struct content *content, struct json_writer *w)
{
	const struct cmd_media *m = &content->media;
	bool any = false;

	for (size_t i = 0; i < m->count; i++) {
		struct split s = file_account(&m->files[i]);
		bool first = s.account_len > 0 && s.account_len < 256;

		for (size_t j = 0; j < i && first; j++) {
			struct split before = file_account(&m->files[j]);

			first = !same_account(&before, &s);
		}
		if (!first)
			continue;
		if (!any)
			jw_object(w, "media_for");
		any = true;
		open_member(w, &s, true);
		for (size_t j = i; j < m->count; j++) {
			struct split other = file_account(&m->files[j]);

			if (!same_account(&other, &s))
				continue;
			jw_object(w, NULL);
			content_write_file(&m->files[j], w);
		}
		jw_end(w);
	}
	if (any)
		jw_end(w);
}

static struct split set_account(const struct arg_hit *hit)
{
	return is_option(hit, "set") ? split_at(hit->value, ':') : (struct split){ .rest = "" };
}

static void write_settings_for(const struct client *c, struct json_writer *w)
{
	const struct args *a = &c->args;
	bool any = false;

	for (size_t i = 0; i < a->hit_count; i++) {
		struct split s = set_account(&a->hits[i]);
		bool first = s.account_len > 0;

		for (size_t j = 0; j < i && first; j++) {
			struct split before = set_account(&a->hits[j]);

			first = !same_account(&before, &s);
		}
		if (!first)
			continue;
		if (!any)
			jw_object(w, "settings_for");
		any = true;
		open_member(w, &s, false);
		for (size_t j = i; j < a->hit_count; j++) {
			struct split other = set_account(&a->hits[j]);

			if (same_account(&other, &s))
				write_setting(w, other.rest);
		}
		jw_end(w);
	}
	if (any)
		jw_end(w);
}

int extra_write_for(struct client *c, const struct content *content, struct json_writer *w)
{
	int rc = write_text_for(c, w);

	if (rc != 0)
		return rc;
	write_media_for(content, w);
	write_settings_for(c, w);
	return 0;
}
