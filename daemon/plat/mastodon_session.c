/* mastodon_session.c: whose token it is and what the instance allows.
 *
 * The token does not expire, so a session is a set of reads, repeated once a day and after a change of the credential:
 * a new credential must belong to the same profile as the one that posted before. */
#include "daemon/plat/mastodon.h"

#include <string.h>

/* ---- session ---- */

static bool who_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	const char *before = plat_get(in->account_values, "own_id"), *acct = json_get_text(answer->json, "acct"), *id;
	char digits[24];

	id = json_get_id(answer->json, "id", digits);
	if (answer->status != 200 || !id || !*id) {
		mastodon_refuse_read(in, out, "the question whose token it is", answer);
		return false;
	}
	if (before && strcmp(before, id)) {
		const char *was = plat_get(in->account_values, "own_acct");

		acct = acct ? wire_excerpt(in->arena, acct, strlen(acct), WIRE_EXCERPT_CHARS) : "?";
		plat_fail(out, PLAT_AUTH,
		          arena_fmt(in->arena, "mastodon: the credential belongs to @%s (id %s), but account %s has been used as @%s "
		                    "(id %s); give it a credential of that profile, or configure the other one under a new account "
		                    "name", wire_str(acct), id, in->account->name, was ? was : "?", before));
		return false;
	}
	plat_set(in->account_values, "own_id", id);
	plat_set(in->account_values, "own_acct", acct);
	plat_set(in->account_values, "cred", wire_credential_print(in));
	return true;
}

static void keep_mimes(const struct plat_in *in, const struct json *list)
{
	struct buf b = BUF_INIT(4096);

	for (const struct json *e = json_first(list); e; e = json_next(e)) {
		const char *mime = json_text(e);

		if (mime && (!strncmp(mime, "image/", 6) || !strncmp(mime, "video/", 6)) && !strchr(mime, ',')) {
			if (b.len)
				buf_add_char(&b, ',');
			buf_add_str(&b, mime);
		}
	}
	if (b.len && !buf_error(&b))
		plat_set(in->account_values, "mime_types", buf_cstr(&b));
	buf_done(&b);
}

static void keep_limits(const struct plat_in *in, const struct json *json)
{
	static const struct { const char *path, *name; } limits[] = {
		{ "configuration.statuses.max_characters", "max_chars" },
		{ "configuration.statuses.characters_reserved_per_url", "url_chars" },
		{ "configuration.statuses.max_media_attachments", "max_media" },
		{ "configuration.media_attachments.image_size_limit", "image_size_limit" },
		{ "configuration.media_attachments.image_matrix_limit", "image_matrix_limit" },
		{ "configuration.media_attachments.video_size_limit", "video_size_limit" },
		{ "configuration.media_attachments.video_matrix_limit", "video_matrix_limit" },
		{ "configuration.media_attachments.video_frame_rate_limit", "video_frame_rate_limit" },
		{ "configuration.media_attachments.description_limit", "description_limit" },
		{ "configuration.polls.max_options", "poll_options" },
		{ "configuration.polls.max_characters_per_option", "poll_chars" },
		{ "configuration.polls.min_expiration", "poll_min_s" },
		{ "configuration.polls.max_expiration", "poll_max_s" },
	};
	int64_t number;

	for (size_t i = 0; i < WIRE_COUNT(limits); i++)
		if (!json_int(json_path(json, limits[i].path), &number) && number > 0)
			plat_set_int(in->account_values, limits[i].name, number);
	keep_mimes(in, json_path(json, "configuration.media_attachments.supported_mime_types"));
}

static void ask(const struct plat_in *in, struct plat_out *out, const char *step, const char *path)
{
	mastodon_request(in, out, step, PLAT_NONE, PLAT_GET, path);
}

/* The limits are good to have: an instance that does not tell them gets the contract's defaults. A rate limit or a
 * fault of the server does not count as not telling. */
static void limits_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer, bool old)
{
	enum plat_class klass = mastodon_rule(answer)->klass;

	if (answer->status == 200)
		keep_limits(in, answer->json);
	else if (klass == PLAT_RATE || klass == PLAT_TRANSIENT)
		mastodon_refuse_read(in, out, "the question for its limits", answer);
	else if (!old)
		ask(in, out, "limits.1", "/api/v1/instance");
	if (out->verdict == PLAT_SEND && !out->request.step)
		ask(in, out, "app", "/api/v1/apps/verify_credentials");
}

/* Optional as well: our application's name tells our statuses from those that a person wrote. */
static void app_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	const char *name = json_get_text(answer->json, "name");

	plat_set(in->account_values, "app_name", answer->status == 200 ? name : NULL);
	plat_done(out, plat_get(in->account_values, "own_id"), NULL);
}

void mastodon_session(const struct plat_in *in, struct plat_out *out)
{
	struct wire_answer answer = { .status = 0 };
	const char *step = in->response ? in->response_step : NULL;

	memset(out, 0, sizeof(*out));
	if (step)
		wire_answer_read(in->arena, in->response, &answer);
	if (!plat_credential(in->account, "token"))
		plat_fail(out, PLAT_AUTH,
		          "mastodon: the credential file holds no access token: write the bare token, or token=..., "
		          "into it");
	else if (step && wire_step_is(step, "who", NULL) && who_answer(in, out, &answer))
		ask(in, out, "limits.2", "/api/v2/instance");
	else if (step && wire_step_is(step, "limits.2", NULL))
		limits_answer(in, out, &answer, false);
	else if (step && wire_step_is(step, "limits.1", NULL))
		limits_answer(in, out, &answer, true);
	else if (step && wire_step_is(step, "app", NULL))
		app_answer(in, out, &answer);
	else if (out->verdict == PLAT_SEND)
		ask(in, out, "who", "/api/v1/accounts/verify_credentials");
	wire_answer_done(&answer);
	wire_end(in, out);
}
