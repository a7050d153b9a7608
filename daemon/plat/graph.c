/* graph.c: requests and answers of a Graph API. */
#include "daemon/plat/graph.h"

#include <string.h>

#include "daemon/plat/oauth.h"
#include "proto/hash.h"
#include "proto/status.h"
#include "proto/unit.h"

#define MINUTE_MS (60 * INT64_C(1000))
/* The limits are of a rolling hour, and mostly nothing tells when it is over. */
#define LEAST_RATE_MS (60 * INT64_C(1000))
#define HOUR_MS (60 * MINUTE_MS)
#define RESET_MAX_MS (24 * HOUR_MS)
#define USAGE_HIGH 80           /* percent of what is allowed */
#define USAGE_FULL 90

static const struct graph_rule shared[] = {
	{ 102, 102, GRAPH_ANY_SUBCODE, PLAT_AUTH, GRAPH_TOKEN, 0 },
	{ 190, 190, GRAPH_ANY_SUBCODE, PLAT_AUTH, GRAPH_TOKEN, 0 },
	{ 2500, 2500, GRAPH_ANY_SUBCODE, PLAT_AUTH, GRAPH_TOKEN, 0 },
	{ INT64_MIN, -1, GRAPH_ANY_SUBCODE, PLAT_TRANSIENT, 0, 0 },
	{ 1, 2, GRAPH_ANY_SUBCODE, PLAT_TRANSIENT, 0, 0 },
	{ 3910001, 3910001, GRAPH_ANY_SUBCODE, PLAT_TRANSIENT, 0, 0 },
	{ 4, 4, GRAPH_ANY_SUBCODE, PLAT_RATE, 0, 0 },
	{ 17, 17, GRAPH_ANY_SUBCODE, PLAT_RATE, 0, 0 },
	{ 32, 32, GRAPH_ANY_SUBCODE, PLAT_RATE, 0, 0 },
	{ 341, 341, GRAPH_ANY_SUBCODE, PLAT_RATE, 0, 0 },
	{ 613, 613, GRAPH_ANY_SUBCODE, PLAT_RATE, 0, 0 },
	{ 80000, 80999, GRAPH_ANY_SUBCODE, PLAT_RATE, 0, 0 },
	{ 368, 368, GRAPH_ANY_SUBCODE, PLAT_RATE, 0, 4 * HOUR_MS },
	{ 3, 3, GRAPH_ANY_SUBCODE, PLAT_AUTH, 0, 0 },
	{ 10, 10, GRAPH_ANY_SUBCODE, PLAT_AUTH, 0, 0 },
	{ 200, 299, GRAPH_ANY_SUBCODE, PLAT_AUTH, 0, 0 },
	{ 100, 100, GRAPH_ANY_SUBCODE, PLAT_PERMANENT, 0, 0 },
};

/* ---- requests ---- */

const char *graph_url(const struct plat_in *in, const struct graph *g, const char *path)
{
	const char *host = in->account->base_url ? in->account->base_url : g->host;
	const char *own = g->version ? plat_option(in->account, "Version") : NULL, *version = own ? own : g->version;

	return wire_str(arena_fmt(in->arena, "%s%s%s%s", host, version ? "/" : "", wire_str(version), path));
}

const char *graph_token(const struct plat_in *in, const struct graph *g)
{
	return g->token ? plat_get(in->account_values, g->token) : oauth_token(in);
}

const char *graph_proof(const struct plat_in *in, const struct graph *g)
{
	const char *wanted = plat_option(in->account, "AppSecretProof"), *token = graph_token(in, g);
	const char *secret = plat_credential(in->account, "client_secret");
	unsigned char mac[HASH_SHA256_BYTES];

	if (!wanted || strcmp(wanted, "yes") || !secret || !token ||
	    hash_hmac_sha256(secret, strlen(secret), token, strlen(token), mac))
		return NULL;
	return wire_hex(in->arena, mac, sizeof(mac));
}

struct plat_request *graph_get(const struct plat_in *in, struct plat_out *out, const struct graph *g, const char *step,
                               const char *path, const char *query)
{
	const char *url = graph_url(in, g, path), *proof = graph_proof(in, g), *tail = wire_str(query);
	struct plat_request *r;

	if (proof)
		tail = arena_fmt(in->arena, "%s%sappsecret_proof=%s", tail, *tail ? "&" : "", proof);
	if (*wire_str(tail))
		url = arena_fmt(in->arena, "%s?%s", url, tail);
	r = wire_request(out, step, PLAT_NONE, PLAT_GET, wire_str(url));
	wire_bearer(r, in->arena, graph_token(in, g));
	return r;
}

struct plat_request *graph_post(const struct plat_in *in, struct plat_out *out, const struct graph *g, const char *step,
                                enum plat_effect effect, const char *path, struct form *f)
{
	struct plat_request *r = wire_request(out, step, effect, PLAT_POST, graph_url(in, g, path));
	const char *proof = graph_proof(in, g);

	wire_bearer(r, in->arena, graph_token(in, g));
	if (f) {
		form_add(f, "appsecret_proof", proof);
		form_body(f, r);
	} else if (proof) {
		r->url = wire_str(arena_fmt(in->arena, "%s?appsecret_proof=%s", r->url, proof));
	}
	return r;
}

static void upload_token(const struct plat_in *in, struct plat_request *r, const char *token)
{
	const char *value = arena_fmt(in->arena, "OAuth %s", wire_str(token));

	if (value)
		plat_secret_header(r, "Authorization", value);
}

void graph_upload_token(const struct plat_in *in, struct plat_request *r)
{
	upload_token(in, r, oauth_token(in));
}

void graph_upload_token_of(const struct plat_in *in, struct plat_request *r, const struct graph *g)
{
	upload_token(in, r, graph_token(in, g));
}

bool graph_upload_url(const struct plat_in *in, const char *url, const char *upload_domain)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
	const char *base = in->account->base_url, *host = url + 8;
	size_t len, tail = strlen(upload_domain);

	if (base)
		return !strncmp(url, base, strlen(base)) && url[strlen(base)] == '/';
	if (strncmp(url, "https://", 8))
		return false;
	len = strspn(host, letters);
	return host[len] == '/' && len > tail && !strncmp(host + len - tail, upload_domain, tail);
}

/* ---- answers ---- */

/* The words for people, with what support asks for. */
static const char *words_of(const struct plat_in *in, const struct json *error, const struct graph_answer *answer)
{
	const char *title = json_get_text(error, "error_user_title"), *user = json_get_text(error, "error_user_msg");
	const char *text = user && *user ? user : json_get_text(error, "message"), *trace = json_get_text(error, "fbtrace_id");

	text = arena_fmt(in->arena, "%s%s%s", user && *user ? wire_str(title) : "", user && *user && title && *title ? ": " : "",
	                 text && *text ? text : "(no text)");
	text = wire_excerpt(in->arena, wire_str(text), strlen(wire_str(text)), WIRE_EXCERPT_CHARS);
	trace = trace ? wire_excerpt(in->arena, trace, strlen(trace), 40) : NULL;
	return wire_str(arena_fmt(in->arena, "%s (code %lld/%lld%s%s)", wire_str(text), (long long)answer->code,
	                          (long long)answer->subcode, trace && *trace ? ", trace " : "", wire_str(trace)));
}

void graph_answer_read(const struct plat_in *in, struct graph_answer *out)
{
	const struct json *error;

	*out = (struct graph_answer){ .is_error = false };
	wire_answer_read(in->arena, in->response, &out->wire);
	error = json_get(out->wire.json, "error");
	out->is_error = json_kind(error) == JSON_OBJECT;
	if (out->is_error) {
		(void)json_get_int(error, "code", &out->code);
		(void)json_get_int(error, "error_subcode", &out->subcode);
		out->transient = json_true(json_get(error, "is_transient"), false);
		out->wire.message = words_of(in, error, out);
	}
	out->good = out->wire.status >= 200 && out->wire.status < 300 && out->wire.json && !out->is_error;
	if (out->good && in->values)
		oauth_accepted(in);
}

void graph_answer_done(struct graph_answer *answer)
{
	wire_answer_done(&answer->wire);
}

static bool fits(const struct graph_rule *r, const struct graph_answer *answer)
{
	return answer->code >= r->low && answer->code <= r->high &&
	       ((!r->sub_low && !r->sub_high) || (answer->subcode >= r->sub_low && answer->subcode <= r->sub_high));
}

static const struct graph_rule *rule_in(const struct graph_rule *rules, size_t count, const struct graph_answer *answer)
{
	for (size_t i = 0; i < count; i++)
		if (fits(&rules[i], answer))
			return &rules[i];
	return NULL;
}

/* What an answer without an error object, or with a code that nobody knows, comes to. */
static const struct graph_rule *rule_by_status(const struct graph_answer *answer)
{
	static const struct { int low, high; struct graph_rule rule; } by_status[] = {
		{ 300, 399, { .klass = PLAT_PERMANENT } },
		{ 401, 401, { .klass = PLAT_AUTH, .act = GRAPH_TOKEN } },
		{ 403, 403, { .klass = PLAT_AUTH } },
		{ 408, 408, { .klass = PLAT_TRANSIENT } },
		{ 429, 429, { .klass = PLAT_RATE } },
		{ 400, 499, { .klass = PLAT_PERMANENT } },
	};
	static const struct graph_rule passing = { .klass = PLAT_TRANSIENT };

	for (size_t i = 0; i < WIRE_COUNT(by_status) && !answer->transient; i++)
		if (answer->wire.status >= by_status[i].low && answer->wire.status <= by_status[i].high)
			return &by_status[i].rule;
	return &passing;
}

const struct graph_rule *graph_rule(const struct graph *g, const struct graph_answer *answer)
{
	const struct graph_rule *rule = NULL;

	if (answer->is_error)
		rule = rule_in(g->rules, g->rule_count, answer);
	if (answer->is_error && !rule)
		rule = rule_in(shared, WIRE_COUNT(shared), answer);
	return rule ? rule : rule_by_status(answer);
}

bool graph_passes(const struct wire_answer *answer)
{
	const struct json *error = json_get(answer->json, "error");
	struct graph_answer a = { .wire = *answer, .is_error = json_kind(error) == JSON_OBJECT };
	const struct graph_rule *rule;

	(void)json_get_int(error, "code", &a.code);
	a.transient = json_true(json_get(error, "is_transient"), false);
	rule = a.is_error ? rule_in(shared, WIRE_COUNT(shared), &a) : NULL;
	if (!rule)
		rule = rule_by_status(&a);
	return rule->klass == PLAT_TRANSIENT || rule->klass == PLAT_RATE;
}

static void refuse(const struct plat_in *in, struct plat_out *out, const struct graph *g, const char *what,
                   const struct graph_answer *answer, bool once)
{
	const struct graph_rule *rule = graph_rule(g, answer);
	enum plat_class klass = rule->klass;

	if (rule->act == GRAPH_TOKEN && in->values) {
		oauth_rejected(in, out, g->platform, what, &answer->wire);
		return;
	}
	if (once && klass == PLAT_TRANSIENT)
		klass = PLAT_UNKNOWN;
	if (!once && klass == PLAT_UNKNOWN)
		klass = rule->pause_ms ? PLAT_RATE : PLAT_TRANSIENT;
	wire_refuse(in, out, g->platform, what, klass, &answer->wire);
	if (klass != PLAT_RATE)
		return;
	out->until_ms = graph_reset_ms(in);
	if (!out->until_ms)
		out->until_ms = in->now_ms + (rule->pause_ms ? rule->pause_ms : LEAST_RATE_MS);
}

void graph_refuse(const struct plat_in *in, struct plat_out *out, const struct graph *g, const char *what,
                  const struct graph_answer *answer)
{
	refuse(in, out, g, what, answer, false);
}

void graph_refuse_once(const struct plat_in *in, struct plat_out *out, const struct graph *g, const char *what,
                       const struct graph_answer *answer)
{
	refuse(in, out, g, what, answer, true);
}

/* ---- usage ---- */

struct usage { int64_t percent, regain_ms; };

/* 9 for 9.67: what stands before the point is enough. */
static int64_t whole_of(const struct json *number)
{
	const char *decimal = json_number_text(number);
	int64_t n = 0;

	if (!decimal)
		return json_int(number, &n) ? 0 : n;
	for (; *decimal >= '0' && *decimal <= '9' && n < 1000000; decimal++)
		n = 10 * n + (*decimal - '0');
	return n;
}

static void usage_of(const struct json *object, struct usage *u)
{
	static const char *const percents[] = { "call_count", "total_time", "total_cputime", "acc_id_util_pct", "app_id_util_pct" };
	int64_t n;

	for (size_t i = 0; i < WIRE_COUNT(percents); i++) {
		n = whole_of(json_get(object, percents[i]));
		if (n > u->percent)
			u->percent = n;
	}
	if (!json_get_int(object, "estimated_time_to_regain_access", &n) && n > 0 && n < RESET_MAX_MS &&
	    n * MINUTE_MS > u->regain_ms)
		u->regain_ms = n * MINUTE_MS;
	if (!json_get_int(object, "reset_time_duration", &n) && n > 0 && n < RESET_MAX_MS && n * 1000 > u->regain_ms)
		u->regain_ms = n * 1000;
}

/* Headers hold an object, or lists of such under the ids that they are about. */
static void usage_read(const struct plat_in *in, struct usage *u)
{
	static const char *const names[] = { "X-App-Usage", "X-Page-Usage", "X-Business-Use-Case-Usage", "X-Ad-Account-Usage" };

	*u = (struct usage){ 0, 0 };
	for (size_t i = 0; i < WIRE_COUNT(names); i++) {
		const char *text = plat_response_header(in->response, names[i]);
		struct json *json = NULL;

		if (!text || json_parse(&json, text, strlen(text), NULL, NULL))
			continue;
		usage_of(json, u);
		for (const struct json *list = json_first(json); list; list = json_next(list))
			for (const struct json *e = json_kind(list) == JSON_ARRAY ? json_first(list) : NULL; e; e = json_next(e))
				usage_of(e, u);
		json_free(json);
	}
	if (u->regain_ms > RESET_MAX_MS)
		u->regain_ms = RESET_MAX_MS;
}

int64_t graph_reset_ms(const struct plat_in *in)
{
	struct usage u;

	usage_read(in, &u);
	if (u.regain_ms <= 0)
		return wire_reset_ms(in);
	return in->now_ms + u.regain_ms + ((int64_t)in->random[0] << 8 | in->random[1]) % 5000 + 1;
}

int64_t graph_ease_ms(const struct plat_in *in)
{
	struct usage u;

	if (!in->response)
		return 0;
	usage_read(in, &u);
	if (u.percent <= USAGE_HIGH)
		return 0;
	return u.percent > USAGE_FULL && u.regain_ms > MINUTE_MS ? u.regain_ms : MINUTE_MS;
}

/* ---- times and pages ---- */

int graph_time_ms(const char *text, int64_t *out)
{
	size_t len = strlen(text);
	char spread[40];

	if (len < 5 || len + 2 > sizeof(spread) || (text[len - 5] != '+' && text[len - 5] != '-'))
		return unit_utc_parse(text, out);
	memcpy(spread, text, len - 2);
	spread[len - 2] = ':';
	memcpy(spread + len - 1, text + len - 2, 3);
	return unit_utc_parse(spread, out);
}

const char *graph_next_page(const struct json *answer)
{
	const char *after = json_text(json_path(answer, "paging.cursors.after"));

	return json_path(answer, "paging.next") && after && *after ? after : NULL;
}

/* ---- whose token it is ---- */

static const char *token_print(const struct plat_in *in)
{
	const char *token = wire_str(oauth_token(in));
	unsigned char hash[HASH_SHA256_BYTES];

	return hash_sha256(token, strlen(token), hash) ? NULL : wire_hex(in->arena, hash, 4);
}

static bool same(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

bool graph_ready(const struct plat_in *in)
{
	const char *whose = plat_get(in->account_values, "whose");

	return plat_get(in->account_values, "own_id") && oauth_token(in) &&
	       same(plat_get(in->account_values, "cred"), wire_credential_print(in)) && (!whose || same(whose, token_print(in)));
}

bool graph_profile(const struct plat_in *in, struct plat_out *out, const struct graph *g, const char *id, const char *name)
{
	struct plat_values *v = in->account_values;
	const char *before = plat_get(v, "own_id"), *was = plat_get(v, "own_name");

	name = name ? wire_excerpt(in->arena, name, strlen(name), WIRE_EXCERPT_CHARS) : NULL;
	if (before && strcmp(before, id)) {
		plat_fail(out, PLAT_AUTH,
		          arena_fmt(in->arena, "%s: the token belongs to %s (id %s), but account %s has been used as %s (id %s); give it "
		                    "a token of that profile, or configure the other one under a new account name", g->platform,
		                    name && *name ? name : "?", wire_str(wire_excerpt(in->arena, id, strlen(id), 40)), in->account->name,
		                    was ? was : "?", before));
		return false;
	}
	plat_set(v, "own_id", id);
	plat_set(v, "own_name", name);
	plat_set(v, "cred", wire_credential_print(in));
	plat_set(v, "whose", token_print(in));
	return true;
}
