/* conf_source.c: one configuration file: finds the table's row for each line and sets its member. Which line set what is
 * remembered, so that an option given twice and errors found later still name their line. */
#include "daemon/conf_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/status.h"

static const char *section_of(const struct conf_source *s)
{
	return s->conf ? "Daemon" : "Account";
}

static const struct conf_row *find_row(const char *section, const char *name, size_t *index)
{
	size_t count;
	const struct conf_row *rows = conf_table(&count);

	for (*index = 0; *index < count; (*index)++)
		if (strcmp(rows[*index].section, section) == 0 && strcmp(rows[*index].name, name) == 0)
			return &rows[*index];
	return NULL;
}

unsigned conf_source_line(const struct conf_source *s, const char *section, const char *name)
{
	size_t index;

	return find_row(section, name, &index) ? s->line_of[index] : 0;
}

/* ---- what is not in the table ---- */

static int unknown_section(struct conf_source *s, unsigned line, const char *section)
{
	const char *const main_names[] = { "Daemon", NULL }, *const account_names[] = { "Account", "Platform", NULL };
	const char *near = conf_nearest(section, s->conf ? main_names : account_names);

	if (s->conf && (strcmp(section, "Account") == 0 || strcmp(section, "Platform") == 0))
		return conf_fail(s->error, s->file, line, "[%s] belongs into a file of its own, accounts.d/NAME.conf beside this one", section);
	if (s->account && strcmp(section, "Daemon") == 0)
		return conf_fail(s->error, s->file, line, "[Daemon] belongs into smmqd.conf; an account's file has [Account] and [Platform]");
	if (near)
		return conf_fail(s->error, s->file, line, "no section [%.60s]; did you mean [%s]?", section, near);
	return conf_fail(s->error, s->file, line, "no section [%.60s]; here goes %s", section,
	                 s->conf ? "[Daemon]" : "[Account] and [Platform]");
}

static int unknown_option(struct conf_source *s, unsigned line, const char *section, const char *name)
{
	const char *names[CONF_MAX_ROWS + 1];
	size_t count, n = 0;
	const struct conf_row *rows = conf_table(&count);
	const char *near;

	for (size_t i = 0; i < count && n < CONF_MAX_ROWS; i++)
		if (strcmp(rows[i].section, section) == 0)
			names[n++] = rows[i].name;
	names[n] = NULL;
	near = conf_nearest(name, names);
	if (near)
		return conf_fail(s->error, s->file, line, "no option %.60s= in [%s]; did you mean %s=?", name, section, near);
	return conf_fail(s->error, s->file, line, "no option %.60s= in [%s]; smmqd.conf(5) lists them", name, section);
}

/* ---- lines ---- */

/* [Platform] may stand before [Account], so its names are checked when the platform is known. */
static int add_platform_option(struct conf_source *s, unsigned line, const char *name, const char *value)
{
	struct conf_account *a = s->account;
	struct value *grown, option = { .name = arena_strdup(s->arena, name), .text = arena_strdup(s->arena, value) };

	for (size_t i = 0; i < a->option_count; i++)
		if (strcmp(a->options[i].name, name) == 0)
			return conf_fail(s->error, s->file, line, "%s= was given before, in line %u; keep one of them", name, s->option_line[i]);
	if (a->option_count == CONF_MAX_OPTIONS)
		return conf_fail(s->error, s->file, line, "more than %d options in [Platform]", CONF_MAX_OPTIONS);
	grown = arena_grow(s->arena, a->options, a->option_count, a->option_count + 1, sizeof(*grown));
	if (!grown || !option.name || !option.text)
		return conf_no_memory(s->error);
	grown[a->option_count] = option;
	a->options = grown;
	s->option_line[a->option_count++] = line;
	return 0;
}

static int set_line(void *ctx, unsigned line, const char *section, const char *name, const char *value)
{
	struct conf_source *s = ctx;
	const struct conf_row *row;
	size_t index;

	if (!*section)
		return conf_fail(s->error, s->file, line, "%.60s= stands before any section; begin the file with [%s]", name, section_of(s));
	if (s->account && strcmp(section, "Platform") == 0)
		return name ? add_platform_option(s, line, name, value) : 0;
	if (strcmp(section, section_of(s)) != 0)
		return unknown_section(s, line, section);
	if (!name)
		return 0;
	row = find_row(section, name, &index);
	if (!row || index >= CONF_MAX_ROWS)
		return unknown_option(s, line, section, name);
	if (s->line_of[index])
		return conf_fail(s->error, s->file, line, "%s= was given before, in line %u; keep one of them", name, s->line_of[index]);
	s->line_of[index] = line;
	return conf_value_set(s, row, line, value);
}

int conf_source_parse(struct conf_source *s, const char *text, size_t len)
{
	return conf_read_text(s->file, text, len, set_line, s, s->error);
}

/* ---- defaults ---- */

/* systemd names the directories that it made for a unit, several separated by ':'. */
static const char *from_environment(const char *option, char *buf, size_t size)
{
	static const struct { const char *option, *variable, *below; } rows[] = {
		{ "StateDirectory", "STATE_DIRECTORY", "" },
		{ "Socket", "RUNTIME_DIRECTORY", "/smmq.sock" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *text = strcmp(rows[i].option, option) == 0 ? getenv(rows[i].variable) : NULL;
		if (!text || !*text)
			continue;
		int n = snprintf(buf, size, "%.*s%s", (int)strcspn(text, ":"), text, rows[i].below);
		return n > 0 && (size_t)n < size ? buf : NULL;
	}
	return NULL;
}

int conf_source_defaults(struct conf_source *s)
{
	size_t count;
	const struct conf_row *rows = conf_table(&count);
	char buf[4096];

	for (size_t i = 0; i < count && i < CONF_MAX_ROWS; i++) {
		if (s->line_of[i] || strcmp(rows[i].section, section_of(s)) != 0)
			continue;
		const char *given = s->conf ? from_environment(rows[i].name, buf, sizeof(buf)) : NULL;
		const char *value = given ? given : rows[i].fallback;
		int r = value ? conf_value_set(s, &rows[i], 0, value) : 0;
		if (r)
			return r;
	}
	return 0;
}
