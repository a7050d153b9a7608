/* x_session.c: tokens that last two hours and are refreshed with one that works once, and whose they are.
 *
 * The question whose token it is costs money at X, so it is asked only for tokens that a file or a login brought; a refreshed
 * one belongs to the same profile. */
#include "daemon/plat/x.h"

#include <string.h>

static void ask(const struct plat_in *in, struct plat_out *out)
{
	x_request(in, out, "who", PLAT_NONE, PLAT_GET, "/2/users/me?user.fields=subscription_type");
}

static void keep(const struct plat_in *in, const char *id, const char *name, const char *subscription)
{
	plat_set(in->account_values, "own_id", id);
	plat_set(in->account_values, "own_name", name);
	plat_set(in->account_values, "subscription", subscription);
	plat_set(in->account_values, "cred", wire_credential_print(in));
}

/* A token out of a file may be old: it is refreshed once. */
static void who_refused(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	struct plat_in again = *in;

	if (answer->status == 401) {
		again.response = NULL;
		again.login = NULL;
		plat_set(in->account_values, PLAT_REFUSED, "1");
		if (oauth_session(&again, out, &x_oauth))
			return;
	}
	x_refuse_read(in, out, "the question whose token it is", answer);
}

static void who_answer(const struct plat_in *in, struct plat_out *out)
{
	const char *before = plat_get(in->account_values, "own_id"), *was = plat_get(in->account_values, "own_name"), *id, *name;
	const struct json *data;
	struct wire_answer answer;
	char digits[24];

	x_answer_read(in, &answer);
	data = json_get(answer.json, "data");
	id = json_get_id(data, "id", digits);
	name = json_get_text(data, "username");
	name = name ? wire_excerpt(in->arena, name, strlen(name), WIRE_EXCERPT_CHARS) : NULL;
	if (answer.status != 200 || !id || !*id) {
		who_refused(in, out, &answer);
	} else if (before && strcmp(before, id)) {
		plat_fail(out, PLAT_AUTH,
		          arena_fmt(in->arena, "x: the credential belongs to @%s (id %s), but account %s has been used as @%s (id %s); give it a "
		                    "credential of that profile, or configure the other one under a new account name", wire_str(name), id,
		                    in->account->name, was ? was : "?", before));
	} else {
		plat_set(in->account_values, PLAT_REFUSED, NULL);
		keep(in, id, name, json_get_text(data, "subscription_type"));
		plat_done(out, plat_get(in->account_values, "own_id"), NULL);
	}
	wire_answer_done(&answer);
}

void x_session(const struct plat_in *in, struct plat_out *out)
{
	memset(out, 0, sizeof(*out));
	if (in->response && wire_step_is(in->response_step, "who", NULL)) {
		who_answer(in, out);
	} else if (!oauth_session(in, out, &x_oauth)) {
		if (x_ready(in))
			plat_done(out, plat_get(in->account_values, "own_id"), NULL);
		else
			ask(in, out);
	}
	wire_end(in, out);
}
