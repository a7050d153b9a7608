/* bluesky_session.c: logging in with an app password, and keeping the session.
 *
 * session() always makes a new session: from the refresh token where one is there (made with this credential), and from
 * identifier and password when the refresh token is refused. Logins are limited to 300 a day, refreshes are not. The
 * did is the remote profile: a credential of another one is refused before anything is sent in its name. */
#include "daemon/plat/bluesky.h"

#include <string.h>

#include "proto/json.h"

#define DEFAULT_HOST "https://bsky.social"
#define EXPIRY_MARGIN_MS (120 * INT64_C(1000))
#define FRESH_MS (60 * INT64_C(1000))
#define MAX_JWT_BYTES 16384

/* ---- tokens ---- */

static int base64url_value(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

int64_t bluesky_jwt_exp(const char *token)
{
	const char *part = token ? strchr(token, '.') : NULL, *end = part ? strchr(part + 1, '.') : NULL;
	struct buf b = BUF_INIT(MAX_JWT_BYTES);
	struct json *json = NULL;
	int64_t exp = 0;
	unsigned bits = 0, count = 0;

	if (!end)
		return 0;
	for (part++; part < end && *part != '='; part++) {
		int value = base64url_value(*part);

		if (value < 0)
			break;
		bits = (bits << 6 | (unsigned)value) & 0xffffff;
		count += 6;
		if (count >= 8) {
			count -= 8;
			buf_add_char(&b, (char)(bits >> count & 0xff));
		}
	}
	if (!buf_error(&b) && !json_parse(&json, buf_cstr(&b), b.len, NULL, NULL) && json_get_int(json, "exp", &exp))
		exp = 0;
	json_free(json);
	buf_done(&b);
	return exp > 0 && exp < INT64_MAX / 1000 ? exp : 0;
}

bool bluesky_ready(const struct plat_in *in)
{
	const struct plat_values *v = in->account_values;
	const char *access = plat_get(v, "access"), *cred = plat_get(v, "cred"), *now = wire_credential_print(in);
	int64_t exp, age = in->now_ms - plat_get_int(v, "session_ms", 0);

	if (!access || !plat_get(v, "did") || !cred || !now || strcmp(cred, now))
		return false;
	exp = bluesky_jwt_exp(access);
	/* A session just made is tried whatever its expiry says: our clock may be wrong, and asking again would not
	 * help. */
	return !exp || in->now_ms <= exp * 1000 - EXPIRY_MARGIN_MS || (age >= 0 && age < FRESH_MS);
}

/* ---- requests ---- */

static const char *login_host(const struct plat_in *in)
{
	return in->account->base_url ? in->account->base_url : DEFAULT_HOST;
}

static void send_create(const struct plat_in *in, struct plat_out *out)
{
	const char *identifier = plat_credential(in->account, "identifier");
	const char *password = plat_credential(in->account, "password");
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	struct plat_request *r;
	struct json_writer w;

	if (!identifier || !password) {
		plat_fail(out, PLAT_AUTH,
		          "bluesky: the credential file needs the lines identifier=<handle or did> and "
		          "password=<app password>");
		return;
	}
	r = bluesky_request(in, out, "create", PLAT_REPEATABLE, PLAT_POST, login_host(in),
	                    "com.atproto.server.createSession");
	jw_init(&w, &b);
	jw_object(&w, NULL);
	jw_str(&w, "identifier", identifier);
	jw_str(&w, "password", password);
	jw_end(&w);
	wire_json_body(r, in->arena, &b);
}

static void send_refresh(const struct plat_in *in, struct plat_out *out)
{
	struct plat_request *r = bluesky_request(in, out, "refresh", PLAT_REPEATABLE, PLAT_POST, login_host(in),
	                                         "com.atproto.server.refreshSession");

	wire_bearer(r, in->arena, plat_get(in->account_values, "refresh"));
}

static void begin(const struct plat_in *in, struct plat_out *out)
{
	const char *cred = plat_get(in->account_values, "cred"), *now = wire_credential_print(in);

	if (plat_get(in->account_values, "refresh") && cred && now && !strcmp(cred, now))
		send_refresh(in, out);
	else
		send_create(in, out);
}

/* ---- answers ---- */

/* The account's own server. A plain http address is believed only where the login host is one, too (tests, a LAN). */
static const char *endpoint(const struct plat_in *in, const struct json *json)
{
	const struct json *list = json_path(json, "didDoc.service");
	bool plain = !strncmp(login_host(in), "http://", 7);

	for (const struct json *e = json_first(list); e; e = json_next(e)) {
		const char *id = json_get_text(e, "id"), *url = json_get_text(e, "serviceEndpoint");
		size_t len = id ? strlen(id) : 0, end = url ? strlen(url) : 0;

		if (len < 12 || strcmp(id + len - 12, "#atproto_pds") || !url)
			continue;
		if (strncmp(url, "https://", 8) && !(plain && !strncmp(url, "http://", 7)))
			continue;
		while (end && url[end - 1] == '/')
			end--;
		return arena_strndup(in->arena, url, end);
	}
	return NULL;
}

static void keep(const struct plat_in *in, struct plat_out *out, const struct json *json, bool refreshed)
{
	struct plat_values *v = in->account_values;
	const char *access = json_get_text(json, "accessJwt"), *refresh = json_get_text(json, "refreshJwt");
	const char *did = json_get_text(json, "did"), *before = plat_get(v, "did");
	const char *handle = json_get_text(json, "handle");
	const char *pds = endpoint(in, json);

	if (!access || !refresh || !did) {
		plat_fail(out, PLAT_TRANSIENT, "bluesky: the login was answered without tokens");
		return;
	}
	if (before && strcmp(before, did)) {
		const char *was = plat_get(v, "handle");

		handle = handle ? wire_excerpt(in->arena, handle, strlen(handle), WIRE_EXCERPT_CHARS) : "?";
		plat_fail(out, PLAT_AUTH,
		          arena_fmt(in->arena, "bluesky: the credential belongs to %s (%s), but account %s has been used as %s (%s); "
		                    "give it a credential of that profile, or configure the other one under a new account name",
		                    wire_str(handle), wire_str(wire_excerpt(in->arena, did, strlen(did), WIRE_EXCERPT_CHARS)),
		                    in->account->name, was ? was : "?", before));
		return;
	}
	plat_set(v, "did", did);
	plat_set(v, "access", access);
	plat_set(v, "refresh", refresh);
	if (handle)
		plat_set(v, "handle", handle);
	/* A refresh may leave the document out; a login without one means that its host is the account's own server. */
	if (pds || !refreshed)
		plat_set(v, "pds", pds);
	plat_set(v, "cred", wire_credential_print(in));
	plat_set_int(v, "session_ms", in->now_ms);
	plat_done(out, plat_get(v, "did"), NULL);
}

/* Whatever is wrong with the refresh token, the password may still do: only limits and faults of the server end the
 * try. */
static void refresh_refused(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	enum plat_class klass = bluesky_rule(answer)->klass;

	if (klass == PLAT_RATE || klass == PLAT_TRANSIENT || !strncmp(answer->name, "Account", 7))
		bluesky_refuse(in, out, "the refresh of the session", answer);
	else
		send_create(in, out);
	if (out->verdict == PLAT_FAIL && klass == PLAT_PERMANENT)
		out->klass = PLAT_AUTH;
}

void bluesky_session(const struct plat_in *in, struct plat_out *out)
{
	struct wire_answer answer;
	bool refresh;

	memset(out, 0, sizeof(*out));
	refresh = in->response && wire_step_is(in->response_step, "refresh", NULL);
	if (!in->response || (!refresh && !wire_step_is(in->response_step, "create", NULL))) {
		begin(in, out);
	} else {
		wire_answer_read(in->arena, in->response, &answer);
		if (answer.status == 200) {
			keep(in, out, answer.json, refresh);
		} else if (refresh) {
			refresh_refused(in, out, &answer);
		} else {
			bluesky_refuse(in, out, "the login", &answer);
			if (out->klass != PLAT_RATE && out->klass != PLAT_TRANSIENT)
				out->klass = PLAT_AUTH;
		}
		wire_answer_done(&answer);
	}
	wire_end(in, out);
}
