/* cmd_add.c: ADD: everything about a post is settled here, for every account, before anything is written; a request either is
 * queued as a whole or changes nothing. */
#include <string.h>

#include "daemon/cmd_priv.h"
#include "daemon/model/caltime.h"
#include "daemon/model/text.h"
#include "proto/hash.h"

/* One target under construction. */
struct add_target {
	const struct conf_account *conf;
	struct account account;
	const struct content *content;
	struct plat_report report;
	struct cmd_notes notes;
};

struct add {
	struct post post;
	struct add_target *list;
	struct target *targets;
	size_t count;
	const char *key, *request_sha256;
	bool dry_run, hold, draft;
};

#define MAX_LATE_MIN_MS 1000

static const char *const add_keys[] = {
	"accounts", "text", "parts", "media", "first_comment", "link", "text_for", "media_for", "settings_for",
	"form", "title", "warning", "quote", "poll", "cover", "settings", "at", "now", "past", "language", "label", "key",
	"hold", "draft", "late", "max_late", "expires", "dry_run", NULL
};

/* ---- accounts ---- */

static int add_accounts(struct turn *t, struct cmd_call *c, struct add *a)
{
	const struct json *names = json_get(c->body, "accounts");
	a->count = json_count(names);
	if (json_kind(names) != JSON_ARRAY || a->count == 0)
		return cmd_err(c, ST_INVALID, "\"accounts\" must be a list of account names"), 0;
	if (a->count > JOB_MAX_TARGETS)
		return cmd_err(c, ST_TOO_LARGE, "%zu accounts; one post takes at most %d", a->count, JOB_MAX_TARGETS), 0;
	a->list = arena_alloc(c->arena, a->count, sizeof *a->list);
	a->targets = arena_alloc(c->arena, a->count, sizeof *a->targets);
	if (a->list == NULL || a->targets == NULL)
		return -ST_NO_MEMORY;
	size_t i = 0;
	for (const struct json *v = json_first(names); v != NULL; v = json_next(v), i++) {
		const char *name = json_text(v);
		if (name == NULL)
			return cmd_err(c, ST_INVALID, "element %zu of \"accounts\" is no text; it is an account's name", i + 1), 0;
		const struct conf_account *conf = conf_account_find(c->conf, name);
		if (conf == NULL)
			return cmd_err(c, ST_NO_ACCOUNT, "no account \"%.64s\"; smmq account lists those there are", name), 0;
		for (size_t k = 0; k < i; k++)
			if (a->list[k].conf == conf)
				return cmd_err(c, ST_INVALID, "account \"%s\" stands twice in \"accounts\"", name), 0;
		a->list[i].conf = conf;
		/* A dry run reads; the account's record is made when something is first queued for it. */
		int rc = store_account_find(t->txn, c->arena, name, &a->list[i].account);
		if (rc < 0 && rc != -ST_NO_ACCOUNT)
			return rc;
	}
	return 1;
}

/* ---- content ---- */

/* The content of target i alone. */
static struct content *add_own(struct cmd_call *c, struct add *a, size_t i)
{
	struct content *own = a->targets[i].own_count > 0 ? a->targets[i].own : cmd_content_copy(c, a->post.content);
	a->list[i].content = own;
	a->targets[i].own = own;
	a->targets[i].own_count = own != NULL;
	return own;
}

static int own_text(struct cmd_call *c, const struct json *v, struct content *own)
{
	const char *text = json_text(v);
	if (text == NULL)
		return cmd_err(c, ST_INVALID, "\"text_for\" has no text for \"%.64s\"", json_key(v)), 0;
	return cmd_content_text(c, text, &own->parts[0].text);
}

static int own_media(struct cmd_call *c, const struct json *v, struct content *own)
{
	return cmd_content_media(c, v, &own->parts[0]);
}

/* Keys whose members are accounts: what they say counts on that one alone. */
static const struct { const char *key; int (*take)(struct cmd_call *c, const struct json *v, struct content *own); } own_keys[] = {
	{ "text_for", own_text }, { "media_for", own_media }, { "settings_for", cmd_settings },
};

static int add_own_key(struct cmd_call *c, struct add *a, size_t row)
{
	const char *key = own_keys[row].key;
	const struct json *map = json_get(c->body, key);
	if (map == NULL)
		return 1;
	if (json_kind(map) != JSON_OBJECT)
		return cmd_err(c, ST_INVALID, "\"%s\" must be an object with accounts as keys", key), 0;
	for (const struct json *m = json_first(map); m != NULL; m = json_next(m)) {
		size_t i = 0;
		while (i < a->count && strcmp(a->list[i].conf->name, json_key(m)) != 0)
			i++;
		if (i == a->count)
			return cmd_err(c, ST_INVALID, "\"%s\" names \"%.64s\", which is not among \"accounts\"", key, json_key(m)), 0;
		struct content *own = add_own(c, a, i);
		int rc = own == NULL ? -ST_NO_MEMORY : own_keys[row].take(c, m, own);
		if (rc != 1)
			return rc;
	}
	return 1;
}

/* A setting of the post is for some of its accounts, one of an account for that one. */
static int add_settings(struct cmd_call *c, struct add *a)
{
	const struct plat **plats = arena_alloc(c->arena, a->count, sizeof *plats);
	if (plats == NULL)
		return -ST_NO_MEMORY;
	for (size_t i = 0; i < a->count; i++)
		plats[i] = a->list[i].conf->plat;
	int rc = cmd_setting_taken(c, a->post.content, plats, a->count);
	for (size_t i = 0; i < a->count && rc == 1; i++)
		if (a->targets[i].own_count > 0 && a->targets[i].own->settings != a->post.content->settings)
			rc = cmd_setting_taken(c, a->targets[i].own, &plats[i], 1);
	return rc;
}

static int add_content(struct cmd_call *c, struct add *a)
{
	int rc = cmd_content(c, NULL, &a->post.content);
	if (rc != 1)
		return rc;
	a->post.content_count = 1;
	for (size_t i = 0; i < a->count; i++)
		a->list[i].content = a->post.content;
	for (size_t row = 0; row < sizeof own_keys / sizeof own_keys[0] && rc == 1; row++)
		rc = add_own_key(c, a, row);
	if (rc == 1)
		rc = add_settings(c, a);
	for (size_t i = 0; i < a->count && rc == 1; i++)
		if (cmd_check(c, a->list[i].conf, &a->list[i].account, a->list[i].content, &a->list[i].report) < 0)
			rc = -ST_NO_MEMORY;
	return rc;
}

static size_t add_findings(const struct add *a)
{
	size_t count = 0;
	for (size_t i = 0; i < a->count; i++)
		count += a->list[i].report.finding_count;
	return count;
}

static int add_refuse(struct cmd_call *c, const struct add *a)
{
	const char *first = NULL;
	for (size_t i = 0; i < a->count && first == NULL; i++)
		if (a->list[i].report.finding_count > 0)
			first = arena_fmt(c->arena, "%s: %s", a->list[i].conf->name, a->list[i].report.findings[0].message);
	size_t more = add_findings(a) - 1;
	cmd_err_begin(c, ST_REFUSED, more == 0 ? first : arena_fmt(c->arena, "%s (and %zu more findings)", first, more));
	jw_array(&c->w, "findings");
	for (size_t i = 0; i < a->count; i++)
		for (size_t k = 0; k < a->list[i].report.finding_count; k++)
			cmd_write_finding(c, a->list[i].conf, &a->list[i].report.findings[k]);
	jw_end(&c->w);
	return cmd_ok_end(c);
}

/* ---- time ---- */

static int add_late(struct cmd_call *c, const struct conf_account *conf, struct target *target)
{
	const char *late;
	if (!cmd_get_text(c, c->body, "late", &late) || !cmd_get_span(c, c->body, "max_late", &target->max_late_ms))
		return 0;
	/* 0 in the record means the account's own. */
	if (json_get(c->body, "max_late") != NULL && target->max_late_ms < MAX_LATE_MIN_MS)
		return cmd_err(c, ST_INVALID, "\"max_late\" is too short: everything would be missed; the least is 1s"), 0;
	int rule = late == NULL ? (int)conf->late : late_find(late);
	if (rule < 0)
		return cmd_err(c, ST_INVALID, "\"late\" is post, skip, hold or next"), 0;
	target->late = (uint64_t)rule;
	return 1;
}

static int add_expires(struct cmd_call *c, const char *zone, struct target *target)
{
	const char *text, *why = NULL;
	struct caltime_want want;
	if (!cmd_get_text(c, c->body, "expires", &text))
		return 0;
	if (text == NULL)
		return 1;
	if (caltime_parse(text, zone, c->now_ms, CALTIME_PAST_NEVER, &want, &why) < 0)
		return cmd_err(c, ST_INVALID, "\"expires\" is \"%.80s\": %s", text, why), 0;
	if (target->zone != NULL && want.due_ms <= target->due_ms)
		return cmd_err(c, ST_INVALID, "\"expires\" is not after the time it is due"), 0;
	target->expires_ms = want.due_ms;
	return 1;
}

static int add_times(struct cmd_call *c, struct add *a)
{
	if (!cmd_get_flag(c, c->body, "hold", &a->hold) || !cmd_get_flag(c, c->body, "draft", &a->draft) ||
	    !cmd_get_flag(c, c->body, "dry_run", &a->dry_run))
		return 0;
	if (a->hold && a->draft)
		return cmd_err(c, ST_INVALID, "say either \"hold\" or \"draft\""), 0;
	for (size_t i = 0; i < a->count; i++) {
		const struct conf_account *conf = a->list[i].conf;
		struct target *target = &a->targets[i];
		const char *warning = NULL;
		if ((!a->draft || cmd_when_asked(c)) && !cmd_when(c, conf->time_zone, target, &warning))
			return 0;
		if (!add_late(c, conf, target) || !add_expires(c, conf->time_zone, target))
			return 0;
		cmd_note(&a->list[i].notes, warning);
		cmd_note(&a->list[i].notes, cmd_media_note(c, a->list[i].content));
		int rc = cmd_pace(c, conf, &a->list[i].account, target, &a->list[i].notes);
		if (rc != 1)
			return rc;
		if (a->list[i].account.pause_reason != NULL)
			cmd_note(&a->list[i].notes, arena_fmt(c->arena, "the account is paused: %s", a->list[i].account.pause_reason));
		target->state = a->draft ? STATE_DRAFT : a->hold ? STATE_HELD : STATE_QUEUED;
		target->account = conf->name;
		target->label = a->post.label;
	}
	return 1;
}

/* ---- key ---- */

/* The same key and request, as typed, give the same answer; the key itself belongs to the request. */
static int add_key(struct turn *t, struct cmd_call *c, struct add *a, uint64_t *known)
{
	unsigned char hash[HASH_SHA256_BYTES];
	char hex[HASH_SHA256_HEX_SIZE];
	struct keyed k;
	if (!cmd_get_text(c, c->body, "key", &a->key))
		return 0;
	*known = 0;
	if (a->key == NULL)
		return 1;
	if (a->key[0] == '\0' || strlen(a->key) > STORE_MAX_KEY_BYTES)
		return cmd_err(c, ST_INVALID, "a key is 1 to %d bytes", STORE_MAX_KEY_BYTES), 0;
	if (hash_sha256(c->request.body, c->request.body_len, hash) < 0)
		return -ST_NO_MEMORY;
	a->request_sha256 = arena_strdup(c->arena, hash_hex(hash, sizeof hash, hex));
	int rc = store_key_get(t->txn, c->arena, a->key, &k);
	if (rc < 0)
		return rc == -ST_NO_ITEM ? 1 : rc;
	if (a->request_sha256 == NULL || strcmp(k.request_sha256, a->request_sha256) != 0) {
		(void)cmd_err(c, ST_CONFLICT, "the key \"%.80s\" was used for another request (post %llu)", a->key, (unsigned long long)k.id);
		return 0;
	}
	*known = k.id;
	return 1;
}

/* ---- answers ---- */

static int add_answer(struct cmd_call *c, uint64_t id, bool repeated, const struct target *targets, size_t count, const struct add *a)
{
	cmd_ok(c);
	jw_int(&c->w, "id", (int64_t)id);
	jw_bool(&c->w, "repeated", repeated);
	jw_array(&c->w, "targets");
	for (size_t i = 0; i < count; i++) {
		jw_object(&c->w, NULL);
		jw_str(&c->w, "id", cmd_id(c, id, i + 1));
		cmd_view_asked(c, &targets[i], a != NULL ? &a->list[i].notes : NULL);
		jw_end(&c->w);
	}
	jw_end(&c->w);
	return cmd_ok_end(c);
}

static int add_repeated(struct turn *t, struct cmd_call *c, uint64_t id)
{
	struct post p;
	int rc = store_post_get(t->txn, c->arena, id, &p);
	if (rc < 0)
		return rc;
	struct target *targets = arena_alloc(c->arena, p.target_count, sizeof *targets);
	if (targets == NULL)
		return -ST_NO_MEMORY;
	for (uint64_t n = 1; n <= p.target_count && rc == 0; n++)
		rc = store_target_get(t->txn, c->arena, id, n, &targets[n - 1]);
	return rc < 0 ? rc : add_answer(c, id, true, targets, p.target_count, NULL);
}

static void write_part_preview(struct cmd_call *c, const struct part *part, const struct plat_part_report *r)
{
	static const char *const kinds[] = { [ENTITY_URL] = "link", [ENTITY_MENTION] = "mention", [ENTITY_TAG] = "tag" };
	jw_object(&c->w, NULL);
	jw_str(&c->w, "text", part->text);
	jw_int(&c->w, "media", (int64_t)part->media_count);
	jw_int(&c->w, "used", r->used);
	jw_int(&c->w, "limit", r->limit);
	jw_int(&c->w, "remaining", r->limit > 0 ? r->limit - r->used : 0);
	jw_str(&c->w, "unit", r->unit);
	jw_int(&c->w, "bytes", r->bytes);
	jw_int(&c->w, "byte_limit", r->byte_limit);
	jw_array(&c->w, "facets");
	for (size_t i = 0; i < r->facet_count; i++) {
		jw_object(&c->w, NULL);
		jw_str(&c->w, "kind", kinds[r->facets[i].kind]);
		jw_int(&c->w, "start", (int64_t)r->facets[i].start);
		jw_int(&c->w, "end", (int64_t)r->facets[i].end);
		jw_str(&c->w, "value", r->facets[i].value);
		jw_end(&c->w);
	}
	jw_end(&c->w);
	jw_end(&c->w);
}

static int add_preview(struct cmd_call *c, const struct add *a)
{
	cmd_ok(c);
	jw_bool(&c->w, "dry_run", true);
	jw_bool(&c->w, "ok", add_findings(a) == 0);
	jw_array(&c->w, "targets");
	for (size_t i = 0; i < a->count; i++) {
		const struct add_target *at = &a->list[i];
		jw_object(&c->w, NULL);
		cmd_view_asked(c, &a->targets[i], &at->notes);
		jw_array(&c->w, "findings");
		for (size_t k = 0; k < at->report.finding_count; k++)
			cmd_write_finding(c, at->conf, &at->report.findings[k]);
		jw_end(&c->w);
		jw_array(&c->w, "parts");
		for (size_t k = 0; k < at->report.part_count && k < at->content->part_count; k++)
			write_part_preview(c, &at->content->parts[k], &at->report.parts[k]);
		jw_end(&c->w);
		jw_end(&c->w);
	}
	jw_end(&c->w);
	return cmd_ok_end(c);
}

/* ---- the verb ---- */

static int add_write(struct turn *t, struct cmd_call *c, struct add *a)
{
	for (size_t i = 0; i < a->count; i++) {
		struct add_target *at = &a->list[i];
		int rc = at->account.no != 0 ? 0 : store_account_make(t->txn, c->arena, at->conf->name, at->conf->plat->name, &at->account);
		if (rc < 0)
			return rc;
		a->targets[i].account_no = at->account.no;
	}
	a->post.rev = 1;
	a->post.by = arena_strdup(c->arena, c->who.name);
	a->post.key = arena_strdup(c->arena, a->key);
	a->post.created_ms = t->now_ms;
	a->post.target_count = a->count;
	int rc = queue_insert(t, &a->post, a->targets);
	if (rc == 0 && a->key != NULL) {
		struct keyed k = { .id = a->post.id, .request_sha256 = arena_strdup(c->arena, a->request_sha256), .created_ms = t->now_ms };
		rc = store_key_put(t->txn, a->key, &k);
	}
	return rc < 0 ? rc : add_answer(c, a->post.id, false, a->targets, a->count, a);
}

int cmd_add(struct turn *t, struct cmd_call *c)
{
	struct add *a = arena_alloc(c->arena, 1, sizeof *a);
	const char *label;
	uint64_t known = 0;
	if (a == NULL)
		return -ST_NO_MEMORY;
	if (!cmd_keys(c, c->body, "ADD", add_keys))
		return 0;
	int rc = add_key(t, c, a, &known);
	if (rc != 1)
		return rc;
	if (known != 0)
		return add_repeated(t, c, known);
	if (!cmd_get_label(c, c->body, &label))
		return 0;
	a->post.label = arena_strdup(c->arena, label);
	rc = cmd_room_left(c);
	if (rc == 1)
		rc = add_accounts(t, c, a);
	if (rc == 1)
		rc = add_content(c, a);
	if (rc == 1)
		rc = add_times(c, a);
	if (rc != 1)
		return rc;
	if (a->dry_run)
		return add_preview(c, a);
	return add_findings(a) > 0 ? add_refuse(c, a) : add_write(t, c, a);
}
