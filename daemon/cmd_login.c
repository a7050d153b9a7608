/* cmd_login.c: LOGIN: the address at which a person logs in, then what the platform sent the person back with. */
#include <stdlib.h>
#include <string.h>

#include "daemon/cmd_priv.h"
#include "daemon/engine.h"
#include "daemon/token.h"

struct login { struct engine *engine; uint64_t account_no; };

static void login_run(void *data)
{
	const struct login *l = data;
	engine_session(l->engine, l->account_no);
}

static int login_begin(struct turn *t, struct cmd_call *c, const struct conf_account *conf, const char *redirect)
{
	const char *url = NULL, *why = NULL;
	int rc = token_login_begin(t, conf, redirect, &url, &why);
	if (rc < 0)
		return why != NULL ? cmd_err(c, status_info(rc)->code, "%s", why) : rc;
	cmd_ok(c);
	jw_str(&c->w, "account", conf->name);
	jw_str(&c->w, "url", url);
	return cmd_ok_end(c);
}

static int login_end(struct turn *t, struct cmd_call *c, const struct conf_account *conf, const char *answer)
{
	const char *why = NULL;
	struct login *l = malloc(sizeof *l);
	if (l == NULL)
		return -ST_NO_MEMORY;
	l->engine = c->cmd->parts.engine;
	int rc = token_login_end(t, conf, answer, c->who.name, &l->account_no, &why);
	if (rc < 0) {
		free(l);
		return why != NULL ? cmd_err(c, status_info(rc)->code, "%s", why) : rc;
	}
	turn_effect(t, login_run, free, l);
	cmd_ok(c);
	jw_str(&c->w, "account", conf->name);
	return cmd_ok_end(c);
}

int cmd_login(struct turn *t, struct cmd_call *c)
{
	static const char *const keys[] = { "account", "redirect", "answer", NULL };
	const char *name, *redirect, *answer;
	if (!cmd_keys(c, c->body, "LOGIN", keys) || !cmd_get_text(c, c->body, "account", &name) ||
	    !cmd_get_text(c, c->body, "redirect", &redirect) || !cmd_get_text(c, c->body, "answer", &answer))
		return 0;
	if (name == NULL || (redirect == NULL) == (answer == NULL))
		return cmd_err(c, ST_USAGE, "LOGIN takes \"account\" and either \"redirect\" or \"answer\"");
	const struct conf_account *conf = conf_account_find(c->conf, name);
	if (conf == NULL)
		return cmd_err(c, ST_NO_ACCOUNT, "no account \"%.64s\"", name);
	return answer != NULL ? login_end(t, c, conf, answer) : login_begin(t, c, conf, redirect);
}
