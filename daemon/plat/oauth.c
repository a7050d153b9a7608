/* oauth.c: OAuth 2 tokens: the login's code, the refresh, and whose file they are from. */
#include "daemon/plat/oauth.h"

#include <string.h>

#include "daemon/plat/form.h"
#include "proto/base64.h"
#include "proto/hash.h"

#define JUST_NOW_MS (60 * INT64_C(1000))
#define MARGIN_MS (5 * 60 * INT64_C(1000))
#define MAX_TOKEN_BYTES 16384

/* ---- what is there ---- */

const char *oauth_token(const struct plat_in *in)
{
	return plat_get(in->account_values, "access");
}

void oauth_bearer(const struct plat_in *in, struct plat_request *r)
{
	wire_bearer(r, in->arena, oauth_token(in));
}

bool oauth_fresh(const struct plat_in *in, int64_t margin_ms)
{
	int64_t until = plat_get_int(in->account_values, "access_until_ms", 0);

	return oauth_token(in) && (!until || in->now_ms <= until - margin_ms);
}

const struct oauth *oauth_of(const struct oauth *o, const struct plat_account *account)
{
	const char *word;

	while (o && o->option) {
		word = plat_option(account, o->option);
		if (!word || (o->word && strcmp(word, o->word)))
			break;
		o = o->other;
	}
	return o;
}

/* Whether there is what a refresh takes. */
static bool has_refresh(const struct plat_in *in, const struct oauth *o)
{
	const struct oauth_call *call = &o->refresh;

	if (!call->url || (!call->no_client && !call->no_client_id && !plat_credential(in->account, "client_id")))
		return false;
	return call->by_access ? oauth_token(in) != NULL : plat_get(in->account_values, "refresh") != NULL;
}

int64_t oauth_refresh_ms(const struct plat_in *in, const struct oauth *o)
{
	int64_t from = plat_get_int(in->account_values, "access_ms", 0);
	int64_t until = plat_get_int(in->account_values, "access_until_ms", 0), life = until - from, at;
	unsigned char hash[HASH_SHA256_BYTES];

	if (!until && from && o->life_ms && has_refresh(in, o) && o->refresh.by_access)
		return from + o->min_age_ms;
	if (!o->refresh.url || !until || life <= 0)
		return 0;
	if (hash_sha256(in->account->name, strlen(in->account->name), hash))
		hash[0] = 0;
	at = from + life / 1000 * (600 + hash[0] * 200 / 256);
	return at > from + o->min_age_ms ? at : from + o->min_age_ms;
}

int64_t oauth_until_ms(const struct plat_in *in, const struct oauth *o)
{
	bool by_refresh = has_refresh(in, o) && !o->refresh.by_access;

	return plat_get_int(in->account_values, by_refresh ? "refresh_until_ms" : "access_until_ms", 0);
}

/* Tells one set of tokens in the credential file from another. NULL where the file holds none, or without memory. */
static const char *file_print(const struct plat_in *in)
{
	const char *access = plat_credential(in->account, "access_token");
	const char *refresh = plat_credential(in->account, "refresh_token"), *bare = plat_credential(in->account, "token");
	unsigned char hash[HASH_SHA256_BYTES];
	const char *text;

	if (!access && !refresh && !bare)
		return NULL;
	text = arena_fmt(in->arena, "%s\n%s\n%s", wire_str(access), wire_str(refresh), wire_str(bare));
	return text && !hash_sha256(text, strlen(text), hash) ? wire_hex(in->arena, hash, 8) : NULL;
}

static void keep_tokens(const struct plat_in *in, const char *access, const char *refresh, int64_t life_ms)
{
	struct plat_values *v = in->account_values;

	plat_set(v, PLAT_REFUSED, NULL);        /* only another token makes up for one that was refused */
	plat_set(v, "access", access);
	plat_set(v, "refresh", refresh);
	plat_set_int(v, "access_ms", in->now_ms);
	if (life_ms > 0)
		plat_set_int(v, "access_until_ms", in->now_ms + life_ms);
	else
		plat_set(v, "access_until_ms", NULL);
}

/* A file's access token is of unknown age: it is used until the platform refuses it. */
static void take_file(const struct plat_in *in)
{
	const char *print = file_print(in), *had = plat_get(in->account_values, "token_print");
	const char *access = plat_credential(in->account, "access_token");

	if (!print || (had && !strcmp(print, had)))
		return;
	if (!access)
		access = plat_credential(in->account, "token");
	keep_tokens(in, access, plat_credential(in->account, "refresh_token"), 0);
	plat_set(in->account_values, "of_file", "1");
	plat_set(in->account_values, "refresh_until_ms", NULL);
	plat_set(in->account_values, "token_print", print);
}

/* ---- requests ---- */

static void add_client(const struct plat_in *in, struct form *f, struct plat_request *r, const struct oauth *o,
                       const struct oauth_call *call)
{
	const char *id = plat_credential(in->account, "client_id"), *secret;
	const char *pair;

	secret = plat_credential(in->account, "client_secret");
	if (call->no_client)
		return;
	if (o->basic && secret) {
		pair = arena_fmt(in->arena, "%s:%s", wire_str(id), secret);
		pair = pair ? base64_encode(in->arena, pair, strlen(pair)) : NULL;
		plat_secret_header(r, "Authorization", arena_fmt(in->arena, "Basic %s", wire_str(pair)));
		return;
	}
	if (!call->no_client_id)
		form_add(f, o->client_id_name, id);
	form_add(f, "client_secret", secret);
}

/* URLs in this table never hold a query of their own. */
static void send_call(const struct plat_in *in, struct plat_out *out, const struct oauth *o, const struct oauth_call *call,
                      const char *step)
{
	struct plat_request *r = wire_request(out, step, PLAT_REPEATABLE, call->get ? PLAT_GET : PLAT_POST, call->url);
	const struct plat_login *login = in->login;
	struct form f;

	form_begin(&f, in->arena);
	form_add(&f, "grant_type", call->grant_type);
	if (call == &o->code && login) {
		/* Some platforms put "#_" behind it, which a person may have copied. */
		form_add(&f, "code", arena_strndup(in->arena, login->code, strcspn(login->code, "#")));
		form_add(&f, "redirect_uri", login->redirect_uri);
		form_add(&f, "code_verifier", o->pkce ? login->verifier : NULL);
	}
	if (call->token_name)
		form_add(&f, call->token_name, plat_get(in->account_values, call->by_access ? "access" : "refresh"));
	add_client(in, &f, r, o, call);
	plat_header(r, "Accept", "application/json");
	if (call->get) {
		r->url = arena_fmt(in->arena, "%s?%s", call->url, wire_str(form_text(&f)));
	} else {
		form_body(&f, r);
	}
}

static void need_login(const struct plat_in *in, struct plat_out *out, const struct oauth *o, const char *why)
{
	const char *how = o->authorize_url ? arena_fmt(in->arena, "log in with: smmq account login %s", in->account->name)
	                                   : "give the account a new credential";

	plat_fail(out, PLAT_AUTH, arena_fmt(in->arena, "%s: %s; %s", o->platform, why, wire_str(how)));
}

/* ---- answers ---- */

/* Some answers are wrapped in {"data":[...]} or {"data":{...}}. */
static const struct json *unwrap(const struct json *json)
{
	const struct json *data = json_get(json, "data");

	if (json_get(json, "access_token") || !data)
		return json;
	return json_kind(data) == JSON_ARRAY ? json_first(data) : data;
}

static int64_t seconds_of(const struct json *json, const char *name)
{
	int64_t s;

	return !json_get_int(json, name, &s) && s > 0 && s < INT64_MAX / 2000 ? s * 1000 : 0;
}

static bool keep_answer(const struct plat_in *in, const struct oauth *o, const struct json *json)
{
	const struct json *body = unwrap(json);
	const char *access = json_get_text(body, "access_token"), *refresh = json_get_text(body, "refresh_token");
	int64_t life = seconds_of(body, "expires_in"), refresh_life = seconds_of(body, "refresh_token_expires_in");

	if (!access || !*access || strlen(access) > MAX_TOKEN_BYTES)
		return false;
	if (!refresh_life)
		refresh_life = seconds_of(body, "refresh_expires_in");
	keep_tokens(in, access, refresh ? refresh : plat_get(in->account_values, "refresh"), life ? life : o->life_ms);
	plat_set(in->account_values, PLAT_REFUSED, NULL);
	plat_set(in->account_values, "of_file", NULL);
	if (refresh_life)
		plat_set_int(in->account_values, "refresh_until_ms", in->now_ms + refresh_life);
	if (json_get_text(body, "scope"))
		plat_set(in->account_values, "scope", json_get_text(body, "scope"));
	/* What a login brought counts more than a file that was there before. */
	plat_set(in->account_values, "token_print", file_print(in));
	return true;
}

static bool ends_grant(const struct oauth *o, const struct wire_answer *answer)
{
	static const char *const standard[] = { "invalid_grant", "invalid_request", "invalid_client", "unauthorized_client", NULL };
	const char *const *lists[] = { standard, o->error_words };

	if (o->passing && o->passing(answer))
		return false;
	if (answer->status == 401 || answer->status == 403)
		return true;
	for (size_t l = 0; l < WIRE_COUNT(lists); l++)
		for (const char *const *w = lists[l]; w && *w; w++)
			if (!strcmp(answer->name, *w) || strstr(answer->message, *w))
				return true;
	return answer->status == 400;
}

/* True when *out is filled. */
static bool token_answer(const struct plat_in *in, struct plat_out *out, const struct oauth *o)
{
	bool code = wire_step_is(in->response_step, OAUTH_STEP_CODE, NULL), kept, passing;
	bool extend = wire_step_is(in->response_step, "token.extend", NULL);
	bool alive = oauth_fresh(in, 0) && !plat_get(in->account_values, PLAT_REFUSED);
	struct wire_answer answer;

	wire_answer_read(in->arena, in->response, &answer);
	kept = answer.status >= 200 && answer.status < 300 && keep_answer(in, o, answer.json);
	/* Where the access token itself is exchanged, it may be one that never ends: it is used until it is refused. */
	passing = !ends_grant(o, &answer) || (o->refresh.by_access && !code && !extend && alive);
	/* Whose a new token is, is asked anew. */
	if (kept && code)
		plat_set(in->account_values, "cred", NULL);
	if (kept && code && o->extend.url) {
		send_call(in, out, o, &o->extend, "token.extend");
	} else if (!kept && passing && !code && alive) {
		/* The old token still lasts; the refresh is tried again at the next session. */
		kept = true;
	} else if (!kept && (passing || extend)) {
		wire_refuse(in, out, o->platform, "the request for a token", answer.status == 429 ? PLAT_RATE : PLAT_TRANSIENT, &answer);
	} else if (!kept) {
		need_login(in, out, o, arena_fmt(in->arena, "the %s was refused (%d: %s)", code ? "login" : "refresh of the token",
		                                 answer.status, answer.message));
	}
	wire_answer_done(&answer);
	return out->verdict == PLAT_FAIL || (out->verdict == PLAT_SEND && out->request.step);
}

bool oauth_session(const struct plat_in *in, struct plat_out *out, const struct oauth *o)
{
	int64_t age, refresh_ms;
	bool dead;

	if (in->response && !strncmp(in->response_step, "token.", 6))
		return token_answer(in, out, o);
	if (in->response)
		return false;
	if (in->login) {
		send_call(in, out, o, &o->code, OAUTH_STEP_CODE);
		return true;
	}
	take_file(in);
	age = in->now_ms - plat_get_int(in->account_values, "access_ms", 0);
	refresh_ms = oauth_refresh_ms(in, o);
	/* A session is asked for when a token was refused, too; one that was just made is not to blame. */
	dead = plat_get(in->account_values, PLAT_REFUSED) && (plat_get(in->account_values, "of_file") || !(age >= 0 && age < JUST_NOW_MS));
	if (has_refresh(in, o) &&
	    (dead || !oauth_fresh(in, MARGIN_MS) || (refresh_ms && in->now_ms >= refresh_ms))) {
		send_call(in, out, o, &o->refresh, "token.refresh");
		return true;
	}
	if (oauth_fresh(in, 0))
		return false;
	need_login(in, out, o, oauth_token(in) ? "the token has expired" : "there is no token yet");
	return true;
}

void oauth_rejected(const struct plat_in *in, struct plat_out *out, const char *platform, const char *what,
                    const struct wire_answer *answer)
{
	if (plat_get(in->values, "relogin")) {
		plat_set(in->values, "relogin", NULL);
		wire_refuse(in, out, platform, what, PLAT_AUTH, answer);
		return;
	}
	plat_set(in->values, "relogin", "1");
	*out = (struct plat_out){ .verdict = PLAT_NEED_SESSION, .refused = true };
}

void oauth_accepted(const struct plat_in *in)
{
	plat_set(in->values, "relogin", NULL);
}

const char *oauth_authorize_url(const struct plat_in *in, const struct oauth *o, const char *redirect_uri, const char *state,
                                const char *verifier)
{
	const char *id = plat_credential(in->account, "client_id"), *scopes = arena_strdup(in->arena, o->scopes);
	unsigned char hash[HASH_SHA256_BYTES];
	struct form f;

	if (!id || !scopes || !o->authorize_url)
		return NULL;
	for (char *c = (char *)(uintptr_t)scopes; *c; c++)
		if (*c == ' ' && *o->scope_separator != ' ')
			*c = *o->scope_separator;
	form_begin(&f, in->arena);
	form_add(&f, "response_type", "code");
	form_add(&f, o->client_id_name, id);
	form_add(&f, "redirect_uri", redirect_uri);
	form_add(&f, "scope", scopes);
	form_add(&f, "state", state);
	if (o->pkce) {
		if (hash_sha256(verifier, strlen(verifier), hash))
			return NULL;
		form_add(&f, "code_challenge", o->pkce_hex ? wire_hex(in->arena, hash, sizeof(hash))
		                                           : base64_url_encode(in->arena, hash, sizeof(hash)));
		form_add(&f, "code_challenge_method", "S256");
	}
	return arena_fmt(in->arena, "%s?%s%s%s", o->authorize_url, wire_str(form_text(&f)), o->authorize_more ? "&" : "",
	                 wire_str(o->authorize_more));
}
