/* tiktok_session.c: tokens that last a day, refreshed with one that lasts a year and may change each time, and whose they are. */
#include "daemon/plat/tiktok.h"

#include <string.h>

/* TikTok tells errors of this kind with a status that is not written down; only these pass (contract 1.2). */
static bool passing(const struct wire_answer *answer)
{
	return !strcmp(answer->name, "server_error") || !strcmp(answer->name, "temporarily_unavailable");
}

static const char *const error_words[] = { "access_denied", "invalid_scope", "unsupported_grant_type", NULL };

const struct oauth tiktok_oauth = {
	.platform = "tiktok",
	.client_id_name = "client_key",
	.authorize_url = "https://www.tiktok.com/v2/auth/authorize/",
	.scope_separator = ",",
	.scopes = "user.info.basic video.publish video.upload video.list",
	.pkce = true,
	.pkce_hex = true,
	.code = { .url = "https://open.tiktokapis.com/v2/oauth/token/", .grant_type = "authorization_code" },
	.refresh = { .url = "https://open.tiktokapis.com/v2/oauth/token/", .grant_type = "refresh_token", .token_name = "refresh_token" },
	.life_ms = 24 * 3600 * INT64_C(1000),
	.error_words = error_words,
	.passing = passing,
};

/* A token out of a file may be old: it is refreshed once. */
static void refused(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	struct plat_in again = *in;

	if (tiktok_rule(answer)->act == TIKTOK_TOKEN) {
		again.response = NULL;
		again.login = NULL;
		plat_set(in->account_values, PLAT_REFUSED, "1");
		if (oauth_session(&again, out, &tiktok_oauth))
			return;
	}
	tiktok_refuse(in, out, "the question whose token it is", answer);
}

static void who_answer(const struct plat_in *in, struct plat_out *out)
{
	struct wire_answer answer;
	const struct json *user;
	const char *id, *name;

	tiktok_answer(in, &answer);
	user = json_path(answer.json, "data.user");
	id = json_get_text(user, "open_id");
	name = json_get_text(user, "display_name");
	name = name ? wire_excerpt(in->arena, name, strlen(name), WIRE_EXCERPT_CHARS) : "?";
	if (tiktok_good(&answer) && id && *id) {
		plat_set(in->account_values, PLAT_REFUSED, NULL);
		if (wire_same_profile(in, out, "tiktok", id, name))
			wire_keep_profile(in, out, id, name);
	} else if (tiktok_good(&answer)) {
		plat_fail(out, PLAT_TRANSIENT, "tiktok did not say whose token it is");
	} else {
		refused(in, out, &answer);
	}
	wire_answer_done(&answer);
}

void tiktok_session(const struct plat_in *in, struct plat_out *out)
{
	memset(out, 0, sizeof(*out));
	if (in->response && wire_step_is(in->response_step, "who", NULL))
		who_answer(in, out);
	else if (!oauth_session(in, out, &tiktok_oauth))
		tiktok_request(in, out, "who", PLAT_NONE, PLAT_GET, "/v2/user/info/?fields=open_id,display_name", NULL);
	wire_end(in, out);
}
