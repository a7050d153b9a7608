/* token_login.c: the two halves of a login, and what of it the session takes over. */
#include "daemon/token.h"

#include <string.h>

#include "daemon/engine_priv.h"
#include "daemon/plat/oauth.h"
#include "proto/base64.h"
#include "proto/status.h"

#define LOGIN_MS (30 * 60 * 1000)
#define MAX_ADDRESS_BYTES 1000
#define MAX_CODE_BYTES 4096

/* The account's values that are the login's. */
#define LOGIN_STATE "login_state"
#define LOGIN_VERIFIER "login_verifier"
#define LOGIN_REDIRECT "login_redirect"
#define LOGIN_CODE "login_code"
#define LOGIN_BEGAN "login_ms"
static const char *const login_values[] = { LOGIN_STATE, LOGIN_VERIFIER, LOGIN_REDIRECT, LOGIN_CODE, LOGIN_BEGAN };

static void login_forget(struct plat_values *v)
{
	for (size_t i = 0; i < sizeof login_values / sizeof *login_values; i++)
		plat_set(v, login_values[i], NULL);
}

static int refuse(const char **why, int status, const char *text)
{
	*why = text;
	return -status;
}

/* ---- the account's record ---- */

static int login_open(struct turn *t, const struct conf_account *conf, bool make, struct account *account, struct plat_values *v)
{
	*v = (struct plat_values){ .arena = t->arena };
	*account = (struct account){ 0 };
	int rc = store_account_find(t->txn, t->arena, conf->name, account);
	if (rc == -ST_NO_ACCOUNT && !make)
		return 0;
	if (rc == -ST_NO_ACCOUNT)
		rc = store_account_make(t->txn, t->arena, conf->name, conf->plat->name, account);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < account->value_count; i++)
		plat_set(v, account->values[i].name, account->values[i].text);
	return v->error;
}

static int login_keep(struct turn *t, struct account *account, const struct plat_values *v)
{
	if (v->error < 0)
		return v->error;
	account->values = v->list;
	account->value_count = v->count;
	return store_account_put(t->txn, account);
}

/* ---- the address ---- */

static bool is_address(const char *text)
{
	size_t len = strlen(text);
	if (len > MAX_ADDRESS_BYTES || (strncmp(text, "https://", 8) != 0 && strncmp(text, "http://", 7) != 0))
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == '#' || text[i] == 0x7f)
			return false;
	return true;
}

int token_login_begin(struct turn *t, const struct conf_account *conf, const char *redirect_uri, const char **url, const char **why)
{
	unsigned char random[48];
	struct account account;
	struct plat_account view;
	struct plat_values v;
	conf_account_plat(conf, &view);
	const struct oauth *o = oauth_of(conf->plat->oauth, &view);
	if (o == NULL || o->authorize_url == NULL || o->code.url == NULL)
		return refuse(why, ST_REFUSED, arena_fmt(t->arena, "%s has no login that a program could lead through; its token stands in the "
		                                         "file of Credential= (smmqd.conf(5))", conf->plat->name));
	if (plat_credential(&view, "client_id") == NULL)
		return refuse(why, ST_REFUSED, arena_fmt(t->arena, "the credential of %s lacks the application's id; write lines client_id=... and, "
		                                         "where there is one, client_secret=..., then: smmq reload", conf->name));
	if (!is_address(redirect_uri))
		return refuse(why, ST_INVALID, "the redirect address is one beginning with https:// or http://, without blanks or \"#\", as it is "
		                               "registered with the platform's application");
	int rc = login_open(t, conf, true, &account, &v);
	if (rc < 0)
		return rc;
	turn_random(t, random, sizeof random);
	const char *state = base64_url_encode(t->arena, random, 16), *verifier = base64_url_encode(t->arena, random + 16, 32);
	const struct plat_in in = { .arena = t->arena, .account = &view, .account_values = &v, .now_ms = t->now_ms };
	*url = state != NULL && verifier != NULL ? oauth_authorize_url(&in, o, redirect_uri, state, verifier) : NULL;
	if (*url == NULL)
		return -ST_NO_MEMORY;
	login_forget(&v);
	plat_set(&v, LOGIN_STATE, state);
	plat_set(&v, LOGIN_VERIFIER, verifier);
	plat_set(&v, LOGIN_REDIRECT, redirect_uri);
	plat_set_int(&v, LOGIN_BEGAN, t->now_ms);
	return login_keep(t, &account, &v);
}

/* ---- the answer ---- */

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;
	return at != NULL ? (int)(at - digits) : -1;
}

/* A value of a query, decoded; NULL where it is absent. */
static const char *query_value(struct arena *a, const char *query, const char *name)
{
	size_t len = strlen(name);
	while (*query != '\0') {
		size_t pair = strcspn(query, "&#");
		if (pair > len && strncmp(query, name, len) == 0 && query[len] == '=') {
			char *out = arena_strndup(a, query + len + 1, pair - len - 1);
			size_t to = 0;
			for (const char *p = out; p != NULL && *p != '\0'; p++) {
				bool coded = *p == '%' && hex_digit(p[1]) >= 0 && hex_digit(p[2]) >= 0;
				out[to++] = coded ? (char)(hex_digit(p[1]) * 16 + hex_digit(p[2])) : *p == '+' ? ' ' : *p;
				p += coded ? 2 : 0;
			}
			if (out != NULL)
				out[to] = '\0';
			return out;
		}
		query += pair;
		if (*query != '&')
			return NULL;
		query++;
	}
	return NULL;
}

/* The code out of an answer: 0, or why there is none. */
static int answer_code(struct turn *t, const struct plat_values *v, const char *answer, const char **code, const char **why)
{
	const char *query = strchr(answer, '?'), *state, *error;
	*code = answer;
	if (query != NULL) {
		state = query_value(t->arena, query + 1, "state");
		error = query_value(t->arena, query + 1, "error_description");
		if (error == NULL)
			error = query_value(t->arena, query + 1, "error");
		*code = query_value(t->arena, query + 1, "code");
		if (state == NULL || strcmp(state, plat_get(v, LOGIN_STATE)) != 0)
			return refuse(why, ST_INVALID, "this address answers another login: its state is not the one that was given out; log in again");
		if (*code == NULL && error != NULL)
			return refuse(why, ST_REFUSED, arena_fmt(t->arena, "the platform says: %.400s", error));
	}
	if (*code == NULL || **code == '\0' || strlen(*code) > MAX_CODE_BYTES || strstr(*code, "://") != NULL)
		return refuse(why, ST_INVALID, "there is no code in it; give the whole address that the browser was sent to, or the code alone");
	for (const char *p = *code; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
			return refuse(why, ST_INVALID, "a code holds no blanks and no characters outside ASCII");
	return 0;
}

int token_login_end(struct turn *t, const struct conf_account *conf, const char *answer, const char *by, uint64_t *account_no,
                    const char **why)
{
	const char *code;
	struct account account;
	struct plat_values v;
	int rc = login_open(t, conf, false, &account, &v);
	if (rc < 0)
		return rc;
	int64_t age_ms = t->now_ms - plat_get_int(&v, LOGIN_BEGAN, 0);
	if (plat_get(&v, LOGIN_STATE) == NULL || age_ms < 0 || age_ms > LOGIN_MS)
		return refuse(why, ST_CONFLICT, arena_fmt(t->arena, "no login of %s was begun in the last half hour; begin one: smmq account login %s",
		                                          conf->name, conf->name));
	rc = answer_code(t, &v, answer, &code, why);
	if (rc < 0)
		return rc;
	plat_set(&v, LOGIN_CODE, code);
	plat_set(&v, LOGIN_STATE, NULL);
	account.session_ms = 0;
	rc = login_keep(t, &account, &v);
	if (rc == 0)
		rc = queue_note(t, NULL, account.name, "login", NULL, by, NULL);
	if (rc == 0)
		rc = queue_account_resume(t, &account, by);
	*account_no = account.no;
	return rc;
}

/* ---- the session ---- */

void login_settle(struct drive *d)
{
	bool passing = d->out.verdict == PLAT_FAIL && d->out.klass != PLAT_AUTH && d->out.klass != PLAT_PERMANENT;
	if (d->in->has_answer && strcmp(d->in->step, OAUTH_STEP_CODE) == 0 && !passing)
		login_forget(&d->account_values);
}

const struct plat_login *login_take(struct drive *d)
{
	struct plat_values *v = &d->account_values;
	const char *code = plat_get(v, LOGIN_CODE);
	int64_t age_ms = d->t->now_ms - plat_get_int(v, LOGIN_BEGAN, 0);
	bool fresh = age_ms >= 0 && age_ms <= LOGIN_MS;
	struct plat_login *login = code != NULL && fresh ? arena_alloc(d->t->arena, 1, sizeof *login) : NULL;
	if (!fresh)
		login_forget(v);
	if (login == NULL)
		return NULL;
	*login = (struct plat_login){ .code = arena_strdup(d->t->arena, code), .verifier = arena_strdup(d->t->arena, plat_get(v, LOGIN_VERIFIER)),
	                              .redirect_uri = arena_strdup(d->t->arena, plat_get(v, LOGIN_REDIRECT)) };
	return login->code != NULL && login->verifier != NULL && login->redirect_uri != NULL ? login : NULL;
}
