/* cmd_care.c: check, verify, backup: looking after the store. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/command.h"
#include "client/talk.h"
#include "proto/status.h"

#define CARE_MS (60 * 60 * 1000)     /* a large store on a slow disk */
#define CARE_FOUND 1                 /* exit status where the store is not as it should be */

static int care_report(struct client *c, enum verb verb, const char *counted, const char *fine)
{
	struct buf line = BUF_INIT(64);
	struct answer a;
	int64_t count = 0, problems = 0;
	int rc;

	buf_add_str(&line, verb_info(verb)->name);
	buf_add_char(&line, '\n');
	rc = talk_request(c, verb, &line, &a, CARE_MS, NULL, NULL);
	buf_done(&line);
	if (rc != 0)
		return rc;
	(void)json_get_int(a.json, counted, &count);
	(void)json_get_int(a.json, "problems", &problems);
	if (c->out.json) {
		out_json(&c->out, a.text, a.len);
	} else {
		for (const struct json *p = json_first(json_get(a.json, "list")); p; p = json_next(p)) {
			out_text(&c->out, json_text(p));
			out_fmt(&c->out, "\n");
		}
		if (problems == 0)
			out_fmt(&c->out, "%" PRId64 " %s: %s\n", count, counted, fine);
		else
			out_fmt(&c->out, "%" PRId64 " %s, %" PRId64 " problems\n", count, counted, problems);
	}
	answer_done(&a);
	return problems == 0 ? 0 : CARE_FOUND;
}

int cmd_check(struct client *c)
{
	return care_report(c, VERB_CHECK, "targets", "records, indexes and counters agree");
}

int cmd_verify(struct client *c)
{
	return care_report(c, VERB_VERIFY, "entries", "the journal's chain is whole");
}

/* The daemon works elsewhere: it gets the whole path. */
int cmd_backup(struct client *c)
{
	const char *directory = c->args.operands[0];
	char path[PATH_MAX * 2], here[PATH_MAX];
	struct buf line = BUF_INIT(LINE_MAX_BYTES + 64);
	struct json_writer w;
	struct answer a;
	int rc;

	if (directory[0] == '/')
		snprintf(path, sizeof path, "%s", directory);
	else if (getcwd(here, sizeof here))
		snprintf(path, sizeof path, "%s/%s", here, directory);
	else
		return out_fail(&c->out, ST_IO, "the current directory cannot be read; give an absolute path");
	talk_line_begin(&line, &w, VERB_BACKUP, NULL);
	jw_str(&w, "directory", path);
	rc = talk_line_end(c, &line, &w);
	if (rc == 0)
		rc = talk_request(c, VERB_BACKUP, &line, &a, CARE_MS, NULL, NULL);
	buf_done(&line);
	if (rc != 0)
		return rc;
	if (c->out.json)
		out_json(&c->out, a.text, a.len);
	else
		out_fmt(&c->out, "%s\n", path);
	answer_done(&a);
	return 0;
}
