/* mastodon_session.c: whose token it is and what the instance allows; and preflight by these limits.
 *
 * The token does not expire, so a session is a set of reads, repeated once a day and after a change of the credential:
 * a new credential must belong to the same profile as the one that posted before. */
#include "daemon/plat/mastodon.h"

#include <string.h>

#include "daemon/model/text.h"

#define DEFAULT_CHARS 500
#define DEFAULT_URL_CHARS 23
#define DEFAULT_MEDIA 4
#define DEFAULT_IMAGE_BYTES 16777216
#define DEFAULT_IMAGE_PIXELS 33177600
#define DEFAULT_ALT_CHARS 1500

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

		if (mime && !strncmp(mime, "image/", 6) && !strchr(mime, ',')) {
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
		{ "configuration.media_attachments.description_limit", "description_limit" },
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

/* ---- preflight ---- */

static void check_part(const struct wire_check *c, size_t n)
{
	const struct plat_in *in = c->in;
	const struct plat_values *v = in->account_values;
	const struct part *p = &in->content->parts[n];
	const char *text = mastodon_text(in, n), *mimes = plat_get(v, "mime_types");
	const struct wire_media_limits media = {
		.max_count = plat_get_int(v, "max_media", DEFAULT_MEDIA),
		.max_bytes = plat_get_int(v, "image_size_limit", DEFAULT_IMAGE_BYTES),
		.max_pixels = plat_get_int(v, "image_matrix_limit", DEFAULT_IMAGE_PIXELS),
		.mimes = mimes ? mimes : MASTODON_MIME_TYPES,
	};
	struct plat_part_report *r = &c->out->parts[n];
	int64_t used = text_mastodon_length(in->arena, text, plat_get_int(v, "url_chars", DEFAULT_URL_CHARS)), found;

	*r = (struct plat_part_report){
		.limit = plat_get_int(v, "max_chars", DEFAULT_CHARS), .bytes = (int64_t)strlen(text), .unit = "characters",
		.used = used < 0 ? 0 : used,
	};
	found = text_find(in->arena, text, TEXT_MASTODON, &r->facets);
	r->facet_count = found < 0 ? 0 : (size_t)found;
	if (used < 0 || found < 0)
		wire_check_say(c, n, "text", "text could not be counted");
	wire_check_limit(c, n, "text-length", "text", "characters", r->limit, used);
	wire_check_empty(c, n, text, p->media_count > 0);
	wire_check_media(c, n, &media);
	for (size_t k = 0; k < p->media_count; k++) {
		const char *alt = wire_str(p->media[k].alt), *what = arena_fmt(in->arena, "alt text of media %zu", k + 1);

		wire_check_limit(c, n, "alt-length", what ? what : "alt text", "characters",
		                 plat_get_int(v, "description_limit", DEFAULT_ALT_CHARS), text_graphemes(alt, strlen(alt)));
	}
}

void mastodon_check(const struct plat_in *in, struct plat_report *out)
{
	const struct wire_check c = { .in = in, .out = out, .platform = "mastodon" };
	const char *wanted = plat_setting(in, "Visibility");

	if (!wire_check_begin(&c))
		return;
	if (wanted && strcmp(wanted, mastodon_visibility(in)))
		wire_check_say(&c, 0, "visibility", "Visibility= must be public, unlisted or private");
	for (size_t n = 0; n < out->part_count; n++)
		check_part(&c, n);
}
