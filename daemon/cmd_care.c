/* cmd_care.c: CHECK, VERIFY, BACKUP: walks over the whole store. They read one snapshot on a thread of their own, so neither the
 * loop nor the turns wait for them; one at a time, since a long reader keeps the store from reusing pages. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/cmd_priv.h"
#include "daemon/store/store_care.h"

enum care_kind { CARE_CHECK, CARE_VERIFY, CARE_BACKUP };

struct care {
	struct cmd *cmd;                 /* loop thread; NULL once the verbs are gone */
	struct store *store;
	uint64_t conn;
	enum care_kind kind;
	int status;
	struct care_report report;
	char directory[4096];
	int64_t now_ms;                  /* when it was asked for */
	char why[512];
};

static enum cmd_next care_done_with(struct cmd_call *c, enum cmd_next next)
{
	json_free(c->body);
	buf_done(&c->out);
	free(c->line);
	free(c);
	return next;
}

/* ---- the work ---- */

static void care_backup(struct care *w)
{
	if (mkdir(w->directory, 0700) < 0) {
		(void)snprintf(w->why, sizeof w->why, "cannot make %.400s: %s", w->directory, strerror(errno));
		w->status = errno == EEXIST ? -ST_CONFLICT : -ST_IO;
		return;
	}
	w->status = store_backup(w->store, w->directory, w->now_ms, w->why, sizeof w->why);
	if (w->status < 0)
		(void)rmdir(w->directory);
}

static void care_run(void *data)
{
	struct care *w = data;
	struct store_txn *txn;
	if (w->kind == CARE_BACKUP) {
		care_backup(w);
		return;
	}
	w->status = store_snapshot(w->store, &txn);
	if (w->status < 0)
		return;
	w->status = w->kind == CARE_CHECK ? store_check(txn, &w->report) : store_verify(txn, &w->report);
	store_abort(txn);
}

/* ---- the answer ---- */

static void care_write(struct cmd_call *c, const struct care *w)
{
	cmd_ok(c);
	if (w->kind == CARE_BACKUP) {
		jw_str(&c->w, "directory", w->directory);
		return;
	}
	jw_bool(&c->w, "ok", w->report.problems == 0);
	if (w->kind == CARE_CHECK) {
		jw_int(&c->w, "posts", w->report.posts);
		jw_int(&c->w, "targets", w->report.targets);
	} else {
		jw_int(&c->w, "entries", w->report.entries);
		jw_str(&c->w, "cursor", w->report.cursor[0] != '\0' ? w->report.cursor : NULL);
	}
	jw_int(&c->w, "problems", w->report.problems);
	jw_array(&c->w, "list");
	for (int64_t i = 0; i < w->report.problems && i < CARE_MAX_PROBLEMS; i++)
		jw_str(&c->w, NULL, w->report.problem[i]);
	jw_end(&c->w);
}

static void care_done(void *data)
{
	struct care *w = data;
	struct cmd_call c = { .cmd = w->cmd };
	if (w->cmd == NULL) {
		free(w);
		return;
	}
	w->cmd->care = NULL;
	buf_init(&c.out, CMD_MAX_ANSWER_BYTES);
	if (w->status < 0) {
		(void)cmd_err(&c, status_info(w->status)->code, "%s", w->why[0] != '\0' ? w->why : status_info(w->status)->help);
	} else {
		care_write(&c, w);
		(void)cmd_ok_end(&c);
	}
	cmd_reply(w->cmd, w->conn, buf_cstr(&c.out), c.out.len);
	buf_done(&c.out);
	free(w);
}

static enum cmd_next care_refuse(struct cmd_conn *s, struct cmd_call *c)
{
	s->cmd->parts.wire.write(s->cmd->parts.wire.ctx, s->who.conn, buf_cstr(&c->out), c->out.len);
	return care_done_with(c, CMD_NEXT);
}

static enum cmd_next care_start(struct cmd_conn *s, struct cmd_call *c, enum care_kind kind, const char *directory)
{
	struct cmd *cmd = s->cmd;
	struct care *w = cmd->care != NULL ? NULL : calloc(1, sizeof *w);
	if (w == NULL) {
		(void)cmd_err(c, ST_BUSY, "another CHECK, VERIFY or BACKUP is under way");
		return care_refuse(s, c);
	}
	*w = (struct care){ .cmd = cmd, .store = cmd->parts.store, .conn = s->who.conn, .kind = kind, .now_ms = turns_now_ms() };
	(void)snprintf(w->directory, sizeof w->directory, "%s", directory != NULL ? directory : "");
	if (cmd->parts.work(cmd->parts.work_ctx, care_run, care_done, w) < 0) {
		free(w);
		(void)cmd_err(c, ST_NO_MEMORY, "no memory for it");
		return care_refuse(s, c);
	}
	cmd->care = w;
	s->pending++;
	return care_done_with(c, CMD_NEXT);
}

void cmd_care_gone(struct cmd *cmd)
{
	if (cmd->care != NULL)
		cmd->care->cmd = NULL;
}

enum cmd_next cmd_check_store(struct cmd_conn *s, struct cmd_call *c)
{
	return care_start(s, c, CARE_CHECK, NULL);
}

enum cmd_next cmd_verify(struct cmd_conn *s, struct cmd_call *c)
{
	return care_start(s, c, CARE_VERIFY, NULL);
}

enum cmd_next cmd_backup(struct cmd_conn *s, struct cmd_call *c)
{
	static const char *const keys[] = { "directory", NULL };
	const char *directory;
	if (!cmd_keys(c, c->body, "BACKUP", keys) || !cmd_get_text(c, c->body, "directory", &directory))
		return care_refuse(s, c);
	if (directory == NULL || directory[0] != '/' || strlen(directory) >= 4000) {
		(void)cmd_err(c, ST_INVALID, "\"directory\" is the absolute path of a directory that does not exist yet; the daemon makes it");
		return care_refuse(s, c);
	}
	return care_start(s, c, CARE_BACKUP, directory);
}
