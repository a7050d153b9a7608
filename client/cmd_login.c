/* cmd_login.c: account login: shows where to log in, takes what the platform answered, and waits until the daemon has its token. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/command.h"
#include "client/talk.h"
#include "proto/status.h"

#define REDIRECT "http://127.0.0.1:8765/"
#define WAIT_MS (60 * 1000)
#define LOOK_MS 200
#define MAX_ANSWER_BYTES 8192

static int login_request(struct client *c, const char *name, const char *key, const char *value, struct answer *a)
{
	struct buf line = BUF_INIT(LINE_MAX_BYTES + 64);
	struct json_writer w;
	int rc;

	talk_line_begin(&line, &w, VERB_LOGIN, NULL);
	jw_str(&w, "account", name);
	jw_str(&w, key, value);
	rc = talk_line_end(c, &line, &w);
	if (rc == 0)
		rc = talk_request(c, VERB_LOGIN, &line, a, CONN_ANSWER_MS, NULL, NULL);
	buf_done(&line);
	return rc;
}

/* ---- the outcome ---- */

struct outcome { int64_t session_ms; char state[16], reason[1024], profile[256]; };

static void copy(char *out, size_t size, const char *text)
{
	(void)snprintf(out, size, "%s", text ? text : "");
}

static bool take_outcome(struct client *c, const struct answer *a, void *context)
{
	struct outcome *o = context;

	(void)c;
	o->session_ms = 0;
	(void)json_get_int(a->json, "session_ms", &o->session_ms);
	copy(o->state, sizeof o->state, json_get_text(a->json, "state"));
	copy(o->reason, sizeof o->reason, json_get_text(a->json, "reason"));
	copy(o->profile, sizeof o->profile, json_get_text(a->json, "remote_name"));
	return true;
}

static int look(struct client *c, const char *name, struct outcome *o)
{
	struct buf line = BUF_INIT(LINE_MAX_BYTES + 64);
	struct json_writer w;
	struct answer a;
	int rc;

	talk_line_begin(&line, &w, VERB_ACCOUNTS, NULL);
	jw_str(&w, "name", name);
	rc = talk_line_end(c, &line, &w);
	if (rc == 0)
		rc = talk_request(c, VERB_ACCOUNTS, &line, &a, CONN_ANSWER_MS, take_outcome, o);
	buf_done(&line);
	if (rc == 0)
		answer_done(&a);
	return rc;
}

static int login_wait(struct client *c, const char *name)
{
	int64_t until_ms = conn_now_ms() + WAIT_MS;
	struct outcome o = { 0 };
	int rc;

	while ((rc = look(c, name, &o)) == 0) {
		if (strcmp(o.state, "paused") == 0 || strcmp(o.state, "gone") == 0)
			return out_fail(&c->out, ST_REFUSED, "%s: %s", name, o.reason);
		if (o.session_ms > 0)
			break;
		if (conn_now_ms() >= until_ms)
			return out_fail(&c->out, ST_BUSY, "%s: there is no token yet%s%s; the daemon tries on, see smmq status", name,
				o.reason[0] ? ": " : "", o.reason);
		(void)nanosleep(&(struct timespec){ .tv_nsec = LOOK_MS * 1000000L }, NULL);
	}
	if (rc == 0)
		out_note(&c->out, "%s is logged in%s%s.", name, o.profile[0] ? " as " : "", o.profile);
	return rc;
}

/* ---- the two halves ---- */

static int login_begin(struct client *c, const char *name)
{
	const char *redirect = args_value(&c->args, "redirect");
	struct answer a;
	int rc = login_request(c, name, "redirect", redirect ? redirect : REDIRECT, &a);

	if (rc != 0)
		return rc;
	if (c->out.json) {
		out_json(&c->out, a.text, a.len);
	} else {
		out_text(&c->out, json_get_text(a.json, "url"));
		out_fmt(&c->out, "\n");
	}
	answer_done(&a);
	out_flush(&c->out);
	return 0;
}

static int login_end(struct client *c, const char *name, const char *text)
{
	struct answer a;
	int rc = login_request(c, name, "answer", text, &a);

	if (rc != 0)
		return rc;
	if (c->out.json)
		out_json(&c->out, a.text, a.len);
	answer_done(&a);
	return login_wait(c, name);
}

int cmd_account_login(struct client *c, const char *name)
{
	const char *answer = args_value(&c->args, "answer");
	char text[MAX_ANSWER_BYTES];
	size_t len;
	int rc;

	if (answer)
		return login_end(c, name, answer);
	rc = login_begin(c, name);
	if (rc != 0 || c->out.json)
		return rc;
	out_note(&c->out, "Open this address, log in as the profile that %s posts for, then paste the address that the browser was sent to "
		"(its page may be empty):", name);
	if (!fgets(text, sizeof text, stdin)) {
		out_note(&c->out, "Or later, within half an hour: smmq account login %s --answer ADDRESS", name);
		return 0;
	}
	len = strcspn(text, "\r\n");
	if (len == sizeof text - 1)
		return out_fail(&c->out, ST_TOO_LARGE, "an answer is shorter than %d bytes", MAX_ANSWER_BYTES);
	text[len] = '\0';
	return login_end(c, name, text);
}
