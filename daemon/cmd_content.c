/* cmd_content.c: the content of a post, from the JSON of ADD and EDIT, and its preflight by the platform's driver. */
#include <string.h>

#include "daemon/cmd_priv.h"
#include "daemon/model/text.h"

const char *const cmd_content_keys[] = { "text", "parts", "media", "first_comment", "link", "language", NULL };

static bool asked(const struct cmd_call *c, const char *const *keys)
{
	for (; *keys != NULL; keys++)
		if (json_get(c->body, *keys) != NULL)
			return true;
	return false;
}

bool cmd_content_asked(const struct cmd_call *c)
{
	return asked(c, cmd_content_keys) || asked(c, cmd_extra_keys);
}

static int too_much(struct cmd_call *c, const char *what, long long limit)
{
	(void)cmd_err(c, ST_TOO_LARGE, "%s; the limit is %lld", what, limit);
	return 0;
}

int cmd_content_text(struct cmd_call *c, const char *text, char **out)
{
	if (strlen(text) > JOB_MAX_TEXT_BYTES)
		return too_much(c, "a text has too many bytes", JOB_MAX_TEXT_BYTES);
	const char *nfc = text_nfc(c->arena, text);
	*out = nfc == NULL ? NULL : arena_strdup(c->arena, nfc);
	return *out == NULL ? -ST_NO_MEMORY : 1;
}

/* {id, alt}: what PUT has stored. */
int cmd_content_file(struct cmd_call *c, const struct json *v, struct media *out)
{
	static const char *const keys[] = { "id", "alt", "name", NULL };
	const char *id, *alt, *name;
	struct blob b;
	if (json_kind(v) != JSON_OBJECT) {
		(void)cmd_err(c, ST_INVALID, "a media element is an object {\"id\":..., \"alt\":...}");
		return 0;
	}
	if (!cmd_keys(c, v, "a media element", keys) || !cmd_get_text(c, v, "id", &id) || !cmd_get_text(c, v, "alt", &alt) ||
	    !cmd_get_text(c, v, "name", &name))
		return 0;
	if (id == NULL)
		return cmd_err(c, ST_INVALID, "a media element needs the \"id\" that PUT gave"), 0;
	int rc = store_blob_get(c->txn, c->arena, id, &b);
	if (rc == -ST_INVALID)
		return cmd_err(c, ST_INVALID, "\"%.64s\" is no media id; an id is the 64 hex digits that PUT gave", id), 0;
	if (rc == -ST_NO_ITEM)
		return cmd_err(c, ST_NO_ITEM, "no media file \"%.64s\"; PUT it first (unused files are removed after a day)", id), 0;
	if (rc < 0)
		return rc;
	if (alt != NULL && strlen(alt) > JOB_MAX_TEXT_BYTES)
		return too_much(c, "an alt text has too many bytes", JOB_MAX_TEXT_BYTES);
	*out = (struct media){ .sha256 = arena_strdup(c->arena, id), .alt = arena_strdup(c->arena, alt) };
	store_blob_media(&b, out);
	out->name = arena_strdup(c->arena, name != NULL ? name : id);
	return 1;
}

int cmd_content_media(struct cmd_call *c, const struct json *list, struct part *part)
{
	size_t count = json_count(list);
	if (json_kind(list) != JSON_ARRAY)
		return cmd_err(c, ST_INVALID, "\"media\" must be a list"), 0;
	if (count > JOB_MAX_MEDIA)
		return too_much(c, "too many media files in one part", JOB_MAX_MEDIA);
	part->media = arena_alloc(c->arena, count + 1, sizeof *part->media);
	if (part->media == NULL)
		return -ST_NO_MEMORY;
	part->media_count = 0;
	for (const struct json *m = json_first(list); m != NULL; m = json_next(m)) {
		int rc = cmd_content_file(c, m, &part->media[part->media_count]);
		if (rc != 1)
			return rc;
		part->media_count++;
	}
	return 1;
}

static int content_part(struct cmd_call *c, const struct json *v, struct part *out)
{
	static const char *const keys[] = { "text", "media", NULL };
	const char *text;
	if (json_kind(v) != JSON_OBJECT)
		return cmd_err(c, ST_INVALID, "an element of \"parts\" is an object {\"text\":..., \"media\":[...]}"), 0;
	if (!cmd_keys(c, v, "an element of \"parts\"", keys) || !cmd_get_text(c, v, "text", &text))
		return 0;
	int rc = cmd_content_text(c, text != NULL ? text : "", &out->text);
	if (rc == 1 && json_get(v, "media") != NULL)
		rc = cmd_content_media(c, json_get(v, "media"), out);
	return rc;
}

static int content_parts(struct cmd_call *c, const struct json *list, struct content *out)
{
	size_t count = json_count(list);
	if (json_kind(list) != JSON_ARRAY || count == 0)
		return cmd_err(c, ST_INVALID, "\"parts\" must be a list with at least one element"), 0;
	if (count > JOB_MAX_PARTS)
		return too_much(c, "too many parts", JOB_MAX_PARTS);
	out->parts = arena_alloc(c->arena, count + 1, sizeof *out->parts);
	if (out->parts == NULL)
		return -ST_NO_MEMORY;
	out->part_count = 0;
	for (const struct json *v = json_first(list); v != NULL; v = json_next(v)) {
		int rc = content_part(c, v, &out->parts[out->part_count]);
		if (rc != 1)
			return rc;
		out->part_count++;
	}
	return 1;
}

static int content_link(struct cmd_call *c, const struct json *v, struct content *out)
{
	static const char *const keys[] = { "url", "title", "description", "thumb", NULL };
	const char *url, *title, *description;
	out->card_count = 0;
	if (json_kind(v) == JSON_NULL)
		return 1;
	if (json_kind(v) != JSON_OBJECT)
		return cmd_err(c, ST_INVALID, "\"link\" must be an object {\"url\":..., \"title\":..., \"description\":..., \"thumb\":...}"), 0;
	if (!cmd_keys(c, v, "\"link\"", keys) || !cmd_get_text(c, v, "url", &url) || !cmd_get_text(c, v, "title", &title) ||
	    !cmd_get_text(c, v, "description", &description))
		return 0;
	if (url == NULL || (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0) || strlen(url) > 4000 ||
	    strpbrk(url, " \t\"<>") != NULL)
		return cmd_err(c, ST_INVALID, "\"link\" needs an http or https \"url\" of at most 4000 bytes"), 0;
	out->card = arena_alloc(c->arena, 1, sizeof *out->card);
	if (out->card == NULL)
		return -ST_NO_MEMORY;
	out->card_count = 1;
	*out->card = (struct card){ .url = arena_strdup(c->arena, url), .title = arena_strdup(c->arena, title),
	                            .description = arena_strdup(c->arena, description) };
	if (json_get(v, "thumb") == NULL)
		return 1;
	out->card->thumb = arena_alloc(c->arena, 1, sizeof *out->card->thumb);
	if (out->card->thumb == NULL)
		return -ST_NO_MEMORY;
	out->card->thumb_count = 1;
	return cmd_content_file(c, json_get(v, "thumb"), out->card->thumb);
}

/* The main parts: from "parts", or the first one from "text" and "media", the rest as in base. Without the first comment. */
static int content_main(struct cmd_call *c, const struct content *base, struct content *out)
{
	const struct json *body = c->body, *parts = json_get(body, "parts"), *media = json_get(body, "media");
	const char *text;
	if (!cmd_get_text(c, body, "text", &text))
		return 0;
	if (parts != NULL && (text != NULL || media != NULL))
		return cmd_err(c, ST_INVALID, "give either \"parts\" or \"text\" and \"media\""), 0;
	if (parts != NULL) {
		int done = content_parts(c, parts, out);
		/* What is not given stays: the media of the first part too. */
		if (done == 1 && base != NULL && json_get(json_first(parts), "media") == NULL) {
			out->parts[0].media = base->parts[0].media;
			out->parts[0].media_count = base->parts[0].media_count;
		}
		return done;
	}
	size_t count = base != NULL ? base->part_count : 1;
	out->parts = arena_alloc(c->arena, count + 1, sizeof *out->parts);
	if (out->parts == NULL)
		return -ST_NO_MEMORY;
	if (base != NULL)
		memcpy(out->parts, base->parts, count * sizeof *out->parts);
	while (count > 1 && out->parts[count - 1].comment)
		count--;
	out->part_count = count;
	int rc = 1;
	if (text != NULL || out->parts[0].text == NULL)
		rc = cmd_content_text(c, text != NULL ? text : "", &out->parts[0].text);
	return rc == 1 && media != NULL ? cmd_content_media(c, media, &out->parts[0]) : rc;
}

static int content_comment(struct cmd_call *c, const struct content *base, struct content *out)
{
	const char *text;
	if (!cmd_get_text(c, c->body, "first_comment", &text))
		return 0;
	bool drop = json_get(c->body, "first_comment") != NULL && text == NULL;
	const struct part *last = base != NULL && base->part_count > 0 ? &base->parts[base->part_count - 1] : NULL;
	if (text == NULL && !drop && last != NULL && last->comment)
		out->parts[out->part_count++] = *last;
	if (text == NULL)
		return 1;
	struct part *p = &out->parts[out->part_count];
	memset(p, 0, sizeof *p);
	p->comment = 1;
	int rc = cmd_content_text(c, text, &p->text);
	out->part_count++;
	return rc;
}

/* A post that shows nothing is a mistake (a script whose generator failed), whatever the platform would take. */
static int content_not_empty(struct cmd_call *c, const struct content *content)
{
	for (size_t i = 0; i < content->part_count; i++) {
		const struct part *p = &content->parts[i];
		bool blank = p->text[strspn(p->text, " \t\r\n")] == '\0';
		if (!blank || p->media_count > 0 || (i == 0 && content->card_count > 0))
			continue;
		if (content->part_count == 1)
			return cmd_err(c, ST_INVALID, "the post is empty: give it a text, media or a link"), 0;
		return cmd_err(c, ST_INVALID, "part %zu of %zu is empty: give it a text or media", i + 1, content->part_count), 0;
	}
	return 1;
}

int cmd_content(struct cmd_call *c, const struct content *base, struct content **ret)
{
	const char *language;
	struct content *out = arena_alloc(c->arena, 1, sizeof *out);
	if (out == NULL)
		return -ST_NO_MEMORY;
	if (base != NULL)
		*out = *base;
	int rc = content_main(c, base, out);
	if (rc == 1)
		rc = content_comment(c, base, out);
	if (rc == 1 && json_get(c->body, "link") != NULL)
		rc = content_link(c, json_get(c->body, "link"), out);
	if (rc != 1)
		return rc;
	if (!cmd_get_text(c, c->body, "language", &language))
		return 0;
	if (language != NULL && (strlen(language) < 2 || strlen(language) > 35 ||
	                         strspn(language, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") != strlen(language)))
		return cmd_err(c, ST_INVALID, "\"language\" is a BCP 47 tag like en or pt-BR"), 0;
	if (json_get(c->body, "language") != NULL)
		out->language = arena_strdup(c->arena, language);
	rc = cmd_extra(c, out);
	if (rc == 1)
		rc = content_not_empty(c, out);
	if (rc != 1)
		return rc;
	*ret = out;
	return c->arena->error < 0 ? c->arena->error : 1;
}

struct content *cmd_content_copy(struct cmd_call *c, const struct content *base)
{
	struct content *out = arena_alloc(c->arena, 1, sizeof *out);
	struct part *parts = arena_alloc(c->arena, base->part_count, sizeof *parts);
	if (out == NULL || parts == NULL)
		return NULL;
	*out = *base;
	memcpy(parts, base->parts, base->part_count * sizeof *parts);
	out->parts = parts;
	return out;
}

/* ---- preflight ---- */

int cmd_check(struct cmd_call *c, const struct conf_account *conf, const struct account *account, const struct content *content,
              struct plat_report *report)
{
	memset(report, 0, sizeof *report);
	cmd_settings_check(c, conf, content, report);
	if (conf->plat->check == NULL)
		return 0;
	struct plat_account view;
	conf_account_plat(conf, &view);
	struct plat_values values = { .arena = c->arena, .list = account->values, .count = account->value_count };
	struct plat_in in = { .arena = c->arena, .account = &view, .account_values = &values, .content = content, .now_ms = c->now_ms };
	conf->plat->check(&in, report);
	return c->arena->error;
}

/* Of the first file of which not all is known; the others are in the answers of PUT and SHOW. */
const char *cmd_media_note(struct cmd_call *c, const struct content *content)
{
	for (size_t i = 0; i < content->part_count; i++)
		for (size_t k = 0; k < content->parts[i].media_count; k++) {
			const struct media *m = &content->parts[i].media[k];
			const char *unknown = job_media_unknown(m);
			if (unknown != NULL)
				return arena_fmt(c->arena, "%.100s: what a platform limits of it cannot all be checked: %s", m->name, unknown);
		}
	return NULL;
}

void cmd_write_finding(struct cmd_call *c, const struct conf_account *conf, const struct plat_finding *f)
{
	jw_object(&c->w, NULL);
	jw_str(&c->w, "account", conf->name);
	jw_str(&c->w, "platform", conf->plat->name);
	jw_str(&c->w, "rule", f->rule);
	jw_int(&c->w, "limit", f->limit);
	jw_int(&c->w, "value", f->value);
	jw_str(&c->w, "message", f->message);
	jw_end(&c->w);
}
