/* facebook_session.c: from the login's token to the Page's.
 *
 * The login (or the credential file) gives a token of a person or of a system user: with client_id and client_secret Facebook is
 * asked what it is good for, then for the Pages it can act for. The Page's token has no end of its own: where the login's is
 * refused later, the Page's is used on until it is refused, too. A credential that is itself a Page's token is taken as such. */
#include "daemon/plat/facebook.h"

#include <string.h>

#define MAX_PAGES 10
#define MAX_NAMED 5
#define NEEDED_SCOPE "pages_manage_posts"
#define NEEDED_TASK "CREATE_CONTENT"

static void lacks(const struct plat_in *in, struct plat_out *out, const char *text)
{
	plat_fail(out, PLAT_AUTH, arena_fmt(in->arena, "facebook: %s", wire_str(text)));
}

/* ---- requests ---- */

/* The access token is the one that is asked about: Facebook takes it in the query alone. */
static bool send_debug(const struct plat_in *in, struct plat_out *out)
{
	const char *id = plat_credential(in->account, "client_id"), *secret = plat_credential(in->account, "client_secret");
	const char *token = oauth_token(in) ? wire_percent(in->arena, oauth_token(in), "") : NULL, *url;
	struct plat_request *r;

	if (!id || !secret || !token)
		return false;
	url = arena_fmt(in->arena, "%s?input_token=%s", graph_url(in, &facebook_login, "/debug_token"), token);
	r = wire_request(out, "token.debug", PLAT_NONE, PLAT_GET, wire_str(url));
	wire_bearer(r, in->arena, arena_fmt(in->arena, "%s|%s", id, secret));
	return true;
}

static void send_pages(const struct plat_in *in, struct plat_out *out, size_t page, const char *after)
{
	const char *query = "fields=id,name,access_token,tasks";

	if (after)
		query = arena_fmt(in->arena, "%s&after=%s", query, wire_str(wire_percent(in->arena, after, "")));
	graph_get(in, out, &facebook_login, wire_step_name(in->arena, "pages", page), "/me/accounts", query);
}

/* ---- answers ---- */

static void keep_page(const struct plat_in *in, struct plat_out *out, const char *id, const char *name, const char *token)
{
	if (!graph_profile(in, out, &facebook_login, id, name))
		return;
	plat_set(in->account_values, "page_token", token);
	plat_set(in->account_values, PLAT_REFUSED, NULL);
	plat_done(out, plat_get(in->account_values, "own_id"), NULL);
}

static bool has_word(const struct json *list, const char *word)
{
	for (const struct json *e = json_first(list); e; e = json_next(e))
		if (json_text(e) && !strcmp(json_text(e), word))
			return true;
	return !list;
}

static void keep_until(const struct plat_in *in, const struct json *data, const char *name, const char *value)
{
	int64_t seconds;

	if (!json_get_int(data, name, &seconds) && seconds > 0 && seconds < INT64_MAX / 1000)
		plat_set_int(in->account_values, value, seconds * 1000);
}

static void debugged(const struct plat_in *in, struct plat_out *out, const struct json *data)
{
	char digits[24], app_digits[24];
	const char *type = json_get_text(data, "type"), *page = json_get_id(data, "profile_id", digits);

	keep_until(in, data, "expires_at", "access_until_ms");
	keep_until(in, data, "data_access_expires_at", "refresh_until_ms");
	plat_set(in->account_values, "app_id", json_get_id(data, "app_id", app_digits));
	if (!json_true(json_get(data, "is_valid"), true))
		lacks(in, out, arena_fmt(in->arena, "the token is no longer valid; log in with: smmq account login %s", in->account->name));
	else if (!has_word(json_get(data, "scopes"), NEEDED_SCOPE))
		lacks(in, out, arena_fmt(in->arena, "the token lacks the permission " NEEDED_SCOPE "; grant it at: smmq account login %s",
		                         in->account->name));
	else if (type && !strcmp(type, "PAGE") && page)
		keep_page(in, out, page, NULL, oauth_token(in));
	else
		send_pages(in, out, 0, NULL);
}

/* What it tells is good to have: where Facebook does not, the session goes on. */
static void debug_answer(const struct plat_in *in, struct plat_out *out, const struct graph_answer *answer)
{
	const struct json *data = json_get(answer->wire.json, "data");
	enum plat_class klass = graph_rule(&facebook_login, answer)->klass;

	if (answer->good && data)
		debugged(in, out, data);
	else if (klass == PLAT_RATE || klass == PLAT_TRANSIENT)
		graph_refuse(in, out, &facebook_login, "the question for the token", answer);
	else
		send_pages(in, out, 0, NULL);
}

static const char *names_of(const struct plat_in *in, const struct json *data)
{
	struct buf b = BUF_INIT(4096);
	size_t count = 0;
	char digits[24];

	for (const struct json *p = json_first(data); p && count < MAX_NAMED; p = json_next(p), count++) {
		const char *name = wire_str(json_get_text(p, "name")), *id = json_get_id(p, "id", digits);

		name = wire_str(wire_excerpt(in->arena, name, strlen(name), 40));
		buf_add_fmt(&b, "%s%.24s (%s)", count ? ", " : "", wire_str(id), name);
	}
	return wire_str(wire_take(&b, in->arena, NULL));
}

static const char *wanted_page(const struct plat_in *in)
{
	const char *wanted = plat_option(in->account, "Page");

	return wanted ? wanted : plat_get(in->account_values, "own_id");
}

static void take_page(const struct plat_in *in, struct plat_out *out, const struct json *page)
{
	char digits[24];
	const char *id = json_get_id(page, "id", digits), *token = json_get_text(page, "access_token");

	if (!has_word(json_get(page, "tasks"), NEEDED_TASK))
		lacks(in, out, arena_fmt(in->arena, "the token's owner may not publish to the Page %s (its tasks lack " NEEDED_TASK ")", id));
	else if (!token || !*token)
		lacks(in, out, arena_fmt(in->arena, "the Page %s is listed without a token of its own", id));
	else
		keep_page(in, out, id, json_get_text(page, "name"), token);
}

static void choose_page(const struct plat_in *in, struct plat_out *out, size_t at, const struct graph_answer *answer)
{
	const struct json *data = json_get(answer->wire.json, "data"), *only = NULL;
	const char *wanted = wanted_page(in), *after = graph_next_page(answer->wire.json), *id;
	char digits[24];

	for (const struct json *p = json_first(data); p && !only; p = json_next(p)) {
		id = json_get_id(p, "id", digits);
		if (id && (wanted ? !strcmp(id, wanted) : json_count(data) == 1 && !after && !at))
			only = p;
	}
	if (only)
		take_page(in, out, only);
	else if (wanted && after && at + 1 < MAX_PAGES)
		send_pages(in, out, at + 1, after);
	else if (wanted)
		lacks(in, out, arena_fmt(in->arena, "the token's owner has no Page %s (has: %s); set Page= to one of these, or log in as somebody "
		                         "who has it", wanted, names_of(in, data)));
	else if (json_count(data))
		lacks(in, out, arena_fmt(in->arena, "the token's owner has several Pages: set Page= in [Platform] to one of %s", names_of(in, data)));
	else
		lacks(in, out, "the token's owner has no Page; give it a role on the Page, and the permission pages_show_list");
}

/* The Page's own token is good on its own. */
static bool has_page_token(const struct plat_in *in)
{
	return facebook_ready(in) && !plat_get(in->account_values, PLAT_REFUSED);
}

static void pages_answer(const struct plat_in *in, struct plat_out *out, size_t at, const struct graph_answer *answer)
{
	if (answer->good && json_kind(json_get(answer->wire.json, "data")) == JSON_ARRAY) {
		choose_page(in, out, at, answer);
		return;
	}
	graph_refuse(in, out, &facebook_login, "the question for the Pages", answer);
	if (out->klass == PLAT_AUTH && has_page_token(in))
		plat_done(out, plat_get(in->account_values, "own_id"), NULL);
	else if (out->klass == PLAT_PERMANENT)
		out->klass = PLAT_AUTH;
}

void facebook_session(const struct plat_in *in, struct plat_out *out)
{
	const char *step = in->response ? in->response_step : "";
	struct graph_answer answer;
	size_t at;

	memset(out, 0, sizeof(*out));
	if (wire_step_is(step, "token.debug", NULL) || wire_step_is(step, "pages", &at)) {
		graph_answer_read(in, &answer);
		if (wire_step_is(step, "pages", &at))
			pages_answer(in, out, at, &answer);
		else
			debug_answer(in, out, &answer);
		graph_answer_done(&answer);
	} else if (!oauth_session(in, out, &facebook_oauth)) {
		if (!send_debug(in, out))
			send_pages(in, out, 0, NULL);
	} else if (out->verdict == PLAT_FAIL && out->klass == PLAT_AUTH && has_page_token(in)) {
		plat_done(out, plat_get(in->account_values, "own_id"), NULL);
	}
	wire_end(in, out);
}
