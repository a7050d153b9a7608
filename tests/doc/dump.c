/* dump.c: the program's tables as JSON lines, for test_doc.py; and with two arguments (daemon|account FILE) whether a file's
 * text is accepted option by option, so that samples are known to be right. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/conf.h"
#include "daemon/conf_read.h"
#include "daemon/model/state.h"
#include "daemon/plat/plat.h"
#include "proto/buf.h"
#include "proto/json.h"
#include "proto/status.h"
#include "proto/unit.h"
#include "proto/verb.h"

#define MAX_OUT (1024 * 1024)

static void begin(struct json_writer *w, struct buf *out, const char *kind)
{
	jw_init(w, out);
	jw_object(w, NULL);
	jw_str(w, "kind", kind);
}

static void end(struct json_writer *w, struct buf *out)
{
	jw_end(w);
	buf_add_char(out, '\n');
}

static void dump_paths(struct buf *out)
{
	struct json_writer w;

	begin(&w, out, "paths");
	jw_str(&w, "localstatedir", LOCALSTATEDIR);
	jw_str(&w, "runstatedir", RUNSTATEDIR);
	jw_str(&w, "sysconfdir", SYSCONFDIR);
	end(&w, out);
}

static void dump_verbs(struct buf *out)
{
	static const char *const rules[] = { [BODY_NONE] = "none", [BODY_OPTIONAL] = "optional", [BODY_REQUIRED] = "required" };
	struct json_writer w;

	for (int i = 0; i < VERB__COUNT; i++) {
		const struct verb_info *v = verb_info((enum verb)i);
		begin(&w, out, "verb");
		jw_str(&w, "name", v->name);
		jw_str(&w, "level", level_name(v->level));
		jw_int(&w, "min_words", v->min_words);
		jw_int(&w, "max_words", v->max_words);
		jw_str(&w, "body", rules[v->body]);
		jw_str(&w, "usage", v->usage);
		jw_str(&w, "help", v->help);
		end(&w, out);
	}
}

static void dump_statuses(struct buf *out)
{
	struct json_writer w;

	for (int i = ST_OK + 1; i < ST__COUNT; i++) {
		const struct status_info *s = status_info(i);
		begin(&w, out, "status");
		jw_str(&w, "word", s->word);
		jw_int(&w, "exit", s->exit_status);
		jw_bool(&w, "retryable", s->retryable);
		jw_bool(&w, "safe", s->safe_to_retry);
		jw_str(&w, "help", s->help);
		end(&w, out);
	}
}

static void dump_states(struct buf *out)
{
	size_t count;
	const struct transition *rows = state_table(&count);
	struct json_writer w;

	for (int i = 0; i < STATE__COUNT; i++) {
		begin(&w, out, "state");
		jw_str(&w, "name", state_name((enum state)i));
		end(&w, out);
	}
	for (size_t i = 0; i < count; i++) {
		begin(&w, out, "transition");
		jw_str(&w, "from", state_name(rows[i].from));
		jw_str(&w, "event", event_name(rows[i].event));
		jw_str(&w, "to", state_name(rows[i].to));
		end(&w, out);
	}
}

/* Bounds as one would write them; "" where the type has none. */
static const char *bound(const struct conf_row *row, int64_t value, char *buf, size_t size)
{
	buf[0] = '\0';
	if (row->type == CONF_DURATION)
		return unit_duration_format(value, buf, size);
	if (row->type == CONF_SIZE)
		return unit_size_format(value, buf, size);
	if (row->type == CONF_INT)
		(void)snprintf(buf, size, "%lld", (long long)value);
	return buf;
}

static void dump_words(struct json_writer *w, const char *words)
{
	jw_array(w, "words");
	while (words && *words) {
		jw_strn(w, NULL, words, strcspn(words, " ="));
		words += strcspn(words, " ");
		words += strspn(words, " ");
	}
	jw_end(w);
}

static void dump_options(struct buf *out)
{
	size_t count;
	const struct conf_row *rows = conf_table(&count);
	struct json_writer w;
	char text[128];

	for (size_t i = 0; i < count; i++) {
		begin(&w, out, "option");
		jw_str(&w, "section", rows[i].section);
		jw_str(&w, "name", rows[i].name);
		jw_str(&w, "min", bound(&rows[i], rows[i].min, text, sizeof(text)));
		jw_str(&w, "max", bound(&rows[i], rows[i].max, text, sizeof(text)));
		dump_words(&w, rows[i].words);
		jw_str(&w, "fallback", rows[i].fallback);
		jw_bool(&w, "reloadable", rows[i].reloadable);
		jw_bool(&w, "group", rows[i].type == CONF_GROUP);
		jw_str(&w, "help", rows[i].help);
		end(&w, out);
	}
}

static void dump_platform_options(struct buf *out, const struct plat *p)
{
	struct json_writer w;

	for (size_t i = 0; i < p->option_count; i++) {
		begin(&w, out, "platform_option");
		jw_str(&w, "platform", p->name);
		jw_str(&w, "name", p->options[i].name);
		dump_words(&w, p->options[i].words);
		jw_str(&w, "fallback", p->options[i].fallback);
		jw_bool(&w, "per_post", p->options[i].per_post);
		end(&w, out);
	}
}

static void dump_platforms(struct buf *out)
{
	struct json_writer w;

	for (size_t i = 0; plat_at(i); i++) {
		begin(&w, out, "platform");
		jw_str(&w, "name", plat_at(i)->name);
		jw_bool(&w, "needs_base_url", plat_at(i)->needs_base_url);
		jw_bool(&w, "needs_directory", plat_at(i)->needs_directory);
		jw_bool(&w, "needs_credential", plat_at(i)->needs_credential);
		end(&w, out);
		dump_platform_options(out, plat_at(i));
	}
}

/* Reads and sets; nothing outside the file is looked at. */
static int check_file(const char *kind, const char *path)
{
	struct conf conf = { .file = NULL };
	struct conf_account account = { .name = NULL };
	struct conf_error error = { "" };
	struct arena arena;
	struct conf_source s = { .file = path, .arena = &arena, .error = &error };
	char *text;
	size_t len;
	int r;

	arena_init(&arena, CONF_MAX_BYTES);
	if (strcmp(kind, "daemon") == 0)
		s.conf = &conf;
	else
		s.account = &account;
	r = conf_read_file(&arena, path, &text, &len, &error);
	if (!r)
		r = conf_source_parse(&s, text, len);
	if (r)
		(void)fprintf(stderr, "%s\n", error.text);
	arena_done(&arena);
	return r ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct buf out = BUF_INIT(MAX_OUT);
	int rc;

	if (argc == 3)
		return check_file(argv[1], argv[2]);
	dump_paths(&out);
	dump_verbs(&out);
	dump_statuses(&out);
	dump_states(&out);
	dump_options(&out);
	dump_platforms(&out);
	rc = buf_error(&out) || fputs(buf_cstr(&out), stdout) == EOF || fflush(stdout) != 0;
	buf_done(&out);
	return rc ? 1 : 0;
}
