/* conf.c: reads smmqd.conf and accounts.d into one struct conf. All memory but the secrets is one arena, so a configuration
 * that fails half way and one whose last user has gone are freed alike. */
#include "daemon/conf.h"

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "daemon/conf_read.h"
#include "proto/status.h"

#define MAX_ACCOUNT_NAME 64
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789_-"

/* What the rest of the daemon sees is the first member. */
struct box {
	struct conf conf;
	atomic_uint refs;
	struct arena arena;
	struct conf_secret *secrets;
};

static struct box *box_of(const struct conf *c)
{
	/* Handed out as const, made here as variable. */
	return (struct box *)(uintptr_t)c;
}

static void box_free(struct box *b)
{
	conf_secret_free(b->secrets);
	arena_done(&b->arena);
	free(b);
}

/* ---- smmqd.conf ---- */

static int find_groups(struct conf *c, struct conf_error *error)
{
	struct { const char *name; gid_t *gid; } rows[] = {
		{ c->read_group, &c->read_gid }, { c->submit_group, &c->submit_gid },
		{ c->approve_group, &c->approve_gid }, { c->admin_group, &c->admin_gid },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		*rows[i].gid = (gid_t)-1;
		int e = rows[i].name ? conf_group_find(rows[i].name, rows[i].gid) : 0;
		if (e)
			return conf_fail(error, c->file, 0, "group %.60s cannot be looked up: %s", rows[i].name, strerror(e));
	}
	return 0;
}

static int check_main(struct conf_source *s)
{
	const struct conf *c = s->conf;
	const size_t max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

	if (strlen(c->socket) > max)
		return conf_fail(s->error, s->file, conf_source_line(s, "Daemon", "Socket"),
		                 "Socket= is longer than %zu bytes, the system's limit; choose a shorter path", max);
	return find_groups(s->conf, s->error);
}

static int load_main(struct box *b, struct conf_error *error)
{
	struct conf_source s = { .file = b->conf.file, .arena = &b->arena, .error = error, .conf = &b->conf };
	char *text;
	size_t len;
	int r = conf_read_file(&b->arena, b->conf.file, &text, &len, error);

	if (!r)
		r = conf_source_parse(&s, text, len);
	if (!r)
		r = conf_source_defaults(&s);
	return r ? r : check_main(&s);
}

/* ---- accounts.d ---- */

static bool is_account_file(const char *name)
{
	size_t len = strlen(name);

	/* Editors leave hidden files beside the ones they write. */
	return name[0] != '.' && len > strlen(".conf") && strcmp(name + len - strlen(".conf"), ".conf") == 0;
}

static int compare_accounts(const void *a, const void *b)
{
	return strcmp(((const struct conf_account *)a)->name, ((const struct conf_account *)b)->name);
}

static int add_account(struct box *b, const char *directory, const char *entry, struct conf_error *error)
{
	struct conf *c = &b->conf;
	struct conf_account a = { .file = arena_fmt(&b->arena, "%s/%s", directory, entry) };
	struct conf_account *grown;

	a.name = arena_strndup(&b->arena, entry, strlen(entry) - strlen(".conf"));
	if (!a.file || !a.name)
		return conf_no_memory(error);
	if (strlen(a.name) > MAX_ACCOUNT_NAME || a.name[strspn(a.name, NAME_CHARS)] || strchr("_-", a.name[0]))
		return conf_fail(error, a.file, 0, "the file's name is the account's name: lower-case letters, digits, _ and -, beginning "
		                 "with a letter or digit, at most %d; rename it", MAX_ACCOUNT_NAME);
	if (c->account_count == CONF_MAX_ACCOUNTS)
		return conf_fail(error, directory, 0, "holds more than %d accounts", CONF_MAX_ACCOUNTS);
	/* Doubling keeps the arena small; the count is bounded above. */
	if ((c->account_count & (c->account_count - 1)) == 0) {
		grown = arena_grow(&b->arena, c->accounts, c->account_count, c->account_count ? c->account_count * 2 : 1, sizeof(*grown));
		if (!grown)
			return conf_no_memory(error);
		c->accounts = grown;
	}
	c->accounts[c->account_count++] = a;
	return 0;
}

static int list_accounts(struct box *b, const char *directory, struct conf_error *error)
{
	DIR *d = opendir(directory);
	struct dirent *entry;
	int r = 0;

	if (!d && errno == ENOENT)
		return 0;
	if (!d)
		return conf_fail(error, directory, 0, "cannot be read: %s; the user that runs smmqd must be able to", strerror(errno));
	errno = 0;
	while (!r && (entry = readdir(d))) {
		if (is_account_file(entry->d_name))
			r = add_account(b, directory, entry->d_name, error);
		errno = 0;
	}
	if (!r && errno)
		r = conf_fail(error, directory, 0, "cannot be read: %s", strerror(errno));
	(void)closedir(d);
	if (!r && b->conf.account_count > 1)
		qsort(b->conf.accounts, b->conf.account_count, sizeof(*b->conf.accounts), compare_accounts);
	return r;
}

static int load_account(struct box *b, struct conf_account *a, struct conf_error *error)
{
	struct conf_source s = { .file = a->file, .arena = &b->arena, .error = error, .account = a };
	char *text;
	size_t len;
	int r = conf_read_file(&b->arena, a->file, &text, &len, error);

	if (!r)
		r = conf_source_parse(&s, text, len);
	if (!r)
		r = conf_source_defaults(&s);
	if (!r)
		r = conf_account_check(&s);
	if (!r)
		r = conf_credential_load(&s, &b->secrets);
	return r ? r : conf_account_check_credential(&s);
}

static int load_accounts(struct box *b, struct conf_error *error)
{
	const char *file = b->conf.file, *slash = strrchr(file, '/');
	const char *directory = slash ? arena_fmt(&b->arena, "%.*s/accounts.d", (int)(slash - file), file) : "accounts.d";
	int r = directory ? list_accounts(b, directory, error) : conf_no_memory(error);

	for (size_t i = 0; !r && i < b->conf.account_count; i++)
		r = load_account(b, &b->conf.accounts[i], error);
	return r;
}

int conf_load(const char *file, const struct conf **out, struct conf_error *error)
{
	struct box *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return conf_no_memory(error);
	atomic_init(&b->refs, 1);
	arena_init(&b->arena, CONF_MAX_BYTES);
	b->conf.file = arena_strdup(&b->arena, file);
	r = b->conf.file ? load_main(b, error) : conf_no_memory(error);
	if (!r)
		r = load_accounts(b, error);
	if (r) {
		box_free(b);
		return r;
	}
	*out = &b->conf;
	return 0;
}

/* ---- use ---- */

const struct conf *conf_ref(const struct conf *c)
{
	(void)atomic_fetch_add_explicit(&box_of(c)->refs, 1, memory_order_relaxed);
	return c;
}

void conf_unref(const struct conf *c)
{
	if (c && atomic_fetch_sub_explicit(&box_of(c)->refs, 1, memory_order_acq_rel) == 1)
		box_free(box_of(c));
}

const struct conf_account *conf_account_find(const struct conf *c, const char *name)
{
	size_t low = 0, high = c->account_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, c->accounts[middle].name);
		if (order == 0)
			return &c->accounts[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

struct limit_quota conf_account_quota(const struct conf_account *a)
{
	return a->platform_quota == QUOTA_IGNORE ? (struct limit_quota){ 0 } : a->plat->quota;
}

void conf_account_plat(const struct conf_account *a, struct plat_account *out)
{
	*out = (struct plat_account){
		.name = a->name, .base_url = a->base_url, .directory = a->directory,
		.credential = a->credential, .credential_count = a->credential_count,
		.options = a->options, .option_count = a->option_count,
		.public = { .base_url = a->public_url, .directory = a->public_directory, .bucket_url = a->public_bucket,
		            .region = a->public_region ? a->public_region : "us-east-1" },
	};
	out->public.key = plat_credential(out, "access_key");
	out->public.secret = plat_credential(out, "secret_key");
}

/* ---- reload ---- */

static bool is_text(enum conf_type type)
{
	return type == CONF_TEXT || type == CONF_PATH || type == CONF_ZONE || type == CONF_URL || type == CONF_GROUP ||
	       type == CONF_PROXY;
}

static bool same_member(const struct conf_row *row, const void *a, const void *b)
{
	const char *at_a = (const char *)a + row->offset, *at_b = (const char *)b + row->offset;
	const char *text_a, *text_b;

	if (row->type == CONF_PLATFORM)
		return memcmp(at_a, at_b, sizeof(const struct plat *)) == 0;
	if (!is_text(row->type))
		return memcmp(at_a, at_b, sizeof(int64_t)) == 0;
	memcpy(&text_a, at_a, sizeof(text_a));
	memcpy(&text_b, at_b, sizeof(text_b));
	return text_a && text_b ? strcmp(text_a, text_b) == 0 : text_a == text_b;
}

static const struct conf_row *first_fixed(const char *section, const void *a, const void *b)
{
	size_t count;
	const struct conf_row *rows = conf_table(&count);

	for (size_t i = 0; i < count; i++)
		if (!rows[i].reloadable && strcmp(rows[i].section, section) == 0 && !same_member(&rows[i], a, b))
			return &rows[i];
	return NULL;
}

const char *conf_not_reloadable(const struct conf *old, const struct conf *new_conf, char *buf, size_t size)
{
	const struct conf_row *row = first_fixed("Daemon", old, new_conf);

	buf[0] = '\0';
	if (row) {
		(void)snprintf(buf, size, "%s: %s= cannot change without a restart of smmqd", new_conf->file, row->name);
		return buf;
	}
	for (size_t i = 0; i < new_conf->account_count; i++) {
		const struct conf_account *now = &new_conf->accounts[i], *before = conf_account_find(old, now->name);
		row = before ? first_fixed("Account", before, now) : NULL;
		if (row) {
			(void)snprintf(buf, size, "%s: %s= cannot change without a restart of smmqd", now->file, row->name);
			return buf;
		}
	}
	return buf;
}
