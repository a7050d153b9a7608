/* conf_account.c: an account as a whole: is there what its platform needs, and nothing that it would ignore? */
#include "daemon/conf_read.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/status.h"

static int missing(struct conf_source *s, const char *option, const char *how)
{
	return conf_fail(s->error, s->file, 0, "Platform=%s needs %s= in [Account]: %s", s->account->plat->name, option, how);
}

static int ignored(struct conf_source *s, const char *option)
{
	return conf_fail(s->error, s->file, conf_source_line(s, "Account", option), "%s= has no meaning with Platform=%s; remove it",
	                 option, s->account->plat->name);
}

static int check_needs(struct conf_source *s)
{
	const struct conf_account *a = s->account;
	const struct plat *p = a->plat;

	if (p->needs_base_url && !a->base_url)
		return missing(s, "BaseURL", "the address of the server, as in https://social.example");
	if (p->needs_directory && !a->directory)
		return missing(s, "Directory", "the absolute path of the directory that finished posts are written to");
	if (p->needs_credential && !a->credential_name)
		return missing(s, "Credential", "a name in $CREDENTIALS_DIRECTORY, or the path of a file of mode 0600");
	if (!p->needs_directory && a->directory)
		return ignored(s, "Directory");
	if (a->base_url && strchr(a->base_url, '?') && !p->takes_query)
		return conf_fail(s->error, s->file, conf_source_line(s, "Account", "BaseURL"),
		                 "BaseURL= must end with its path; leave out what begins with ?");
	/* A platform that lives in a directory talks to nobody. */
	if (p->needs_directory && a->base_url)
		return ignored(s, "BaseURL");
	if (p->needs_directory && a->credential_name)
		return ignored(s, "Credential");
	return 0;
}

static int check_directory(struct conf_source *s, const char *option, const char *path)
{
	unsigned line = conf_source_line(s, "Account", option);
	struct stat st;

	if (!path)
		return 0;
	if (stat(path, &st) < 0)
		return conf_fail(s->error, s->file, line, "%s=%.400s: %s; make it, writable for the user that runs smmqd", option, path,
		                 strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return conf_fail(s->error, s->file, line, "%s=%.400s is no directory; name one", option, path);
	return 0;
}

/* One place, and an address for it. */
static int check_public(struct conf_source *s)
{
	const struct conf_account *a = s->account;

	if (a->public_directory && a->public_bucket)
		return conf_fail(s->error, s->file, conf_source_line(s, "Account", "PublicBucket"),
		                 "PublicDirectory= and PublicBucket= exclude each other; keep one");
	if (a->public_url && !a->public_directory && !a->public_bucket)
		return conf_fail(s->error, s->file, conf_source_line(s, "Account", "PublicURL"),
		                 "PublicURL= needs PublicDirectory= or PublicBucket=: where media are put so that they appear there");
	if (!a->public_url && (a->public_directory || a->public_bucket))
		return conf_fail(s->error, s->file, 0, "PublicURL= is missing: the address under which the world sees %s",
		                 a->public_directory ? "PublicDirectory=" : "PublicBucket=");
	if (a->public_bucket && !a->credential_name)
		return missing(s, "Credential", "a file with the bucket's access_key= and secret_key=");
	return check_directory(s, "PublicDirectory", a->public_directory);
}

/* ---- [Platform] ---- */

static const struct plat_option *find_option(const struct plat *p, const char *name)
{
	for (size_t i = 0; i < p->option_count; i++)
		if (strcmp(p->options[i].name, name) == 0)
			return &p->options[i];
	return NULL;
}

static int unknown_option(struct conf_source *s, unsigned line, const struct plat *p, const char *name)
{
	const char *names[CONF_MAX_OPTIONS + 1];
	size_t n = 0;
	const char *near;

	while (n < p->option_count && n < CONF_MAX_OPTIONS) {
		names[n] = p->options[n].name;
		n++;
	}
	names[n] = NULL;
	if (n == 0)
		return conf_fail(s->error, s->file, line, "Platform=%s has no options of its own; remove %.60s= from [Platform]", p->name, name);
	near = conf_nearest(name, names);
	return conf_fail(s->error, s->file, line, "no option %.60s= in [Platform] for %s; %s%s%s", name, p->name,
	                 near ? "did you mean " : "smmqd.conf(5) lists them", near ? near : "", near ? "=?" : "");
}

static int check_options(struct conf_source *s)
{
	const struct conf_account *a = s->account;

	for (size_t i = 0; i < a->option_count; i++) {
		const struct plat_option *row = find_option(a->plat, a->options[i].name);
		unsigned line = s->option_line[i];
		char list[256];
		if (!row)
			return unknown_option(s, line, a->plat, a->options[i].name);
		if (!*a->options[i].text)
			return conf_fail(s->error, s->file, line, "%s= is empty; give it a value, or remove the line", row->name);
		if (row->words && conf_word_value(row->words, a->options[i].text) < 0)
			return conf_fail(s->error, s->file, line, "%s=%.60s is not known; write %s", row->name, a->options[i].text,
			                 conf_word_list(row->words, list, sizeof(list)));
	}
	return 0;
}

/* ---- credentials ---- */

static bool has_value(const struct conf_account *a, const char *name, size_t len)
{
	for (size_t i = 0; i < a->credential_count; i++)
		if (strlen(a->credential[i].name) == len && memcmp(a->credential[i].name, name, len) == 0)
			return true;
	return false;
}

/* names: with blanks between them, or NULL. */
static bool has_one_of(const struct conf_account *a, const char *names)
{
	while (names && *names) {
		size_t len = strcspn(names, " ");

		if (has_value(a, names, len))
			return true;
		names += len + strspn(names + len, " ");
	}
	return false;
}

static int check_needs_of(struct conf_source *s, const struct plat_need *needs, size_t count)
{
	const struct conf_account *a = s->account;

	for (size_t i = 0; i < count; i++)
		if (!has_one_of(a, needs[i].name) && !has_one_of(a, needs[i].or_name))
			return conf_fail(s->error, s->file, conf_source_line(s, "Account", "Credential"),
			                 "the file that Credential= names %s", needs[i].text);
	return 0;
}

/* Better told at start than by a platform's refusal at the time of the first post. */
int conf_account_check_credential(struct conf_source *s)
{
	static const struct plat_need bucket[] = {
		{ "access_key", NULL, "lacks the line access_key= with the key of PublicBucket=" },
		{ "secret_key", NULL, "lacks the line secret_key= with the secret of PublicBucket=" },
	};
	const struct conf_account *a = s->account;
	int r = a->credential_name ? check_needs_of(s, a->plat->needs, a->plat->need_count) : 0;

	return r || !a->public_bucket ? r : check_needs_of(s, bucket, sizeof(bucket) / sizeof(bucket[0]));
}

int conf_account_check(struct conf_source *s)
{
	int r;

	if (!s->account->plat)
		return conf_fail(s->error, s->file, 0, "Platform= is missing in [Account]; say where the account lives, as in Platform=mastodon");
	r = check_needs(s);
	if (!r)
		r = check_directory(s, "Directory", s->account->directory);
	if (!r)
		r = check_public(s);
	return r ? r : check_options(s);
}
