/* linkedin_session.c: whose token it is; preflight by the contract's limits (4.1). */
#include "daemon/plat/linkedin.h"

#include <string.h>

#include "daemon/model/text.h"
#include "daemon/plat/kind.h"

#define TEXT_MAX 3000
#define COMMENT_MAX 1250
#define ALT_MAX 4086
#define TITLE_MAX 400
#define IMAGES_MAX 20
#define IMAGE_MAX_PIXELS 36152319
#define VIDEO_MIN_BYTES (75 * 1000)
#define VIDEO_MAX_BYTES (500 * INT64_C(1000000))
#define DOCUMENT_MAX_BYTES (100 * INT64_C(1000000))

/* Posts of an organisation take other permissions, and are looked for with those. */
static const struct oauth organization_oauth = {
	.platform = "linkedin", .client_id_name = "client_id",
	.authorize_url = "https://www.linkedin.com/oauth/v2/authorization", .scope_separator = " ",
	.scopes = "openid profile w_organization_social r_organization_social",
	.code = { .url = "https://www.linkedin.com/oauth/v2/accessToken", .grant_type = "authorization_code" },
	.refresh = { .url = "https://www.linkedin.com/oauth/v2/accessToken", .grant_type = "refresh_token",
	             .token_name = "refresh_token" },
	.life_ms = 60 * 24 * 3600 * INT64_C(1000),
};

/* Contract 1.5. A token that is new may be refused for some seconds: the engine's next try finds it good. */
const struct oauth linkedin_oauth = {
	.platform = "linkedin", .client_id_name = "client_id",
	.authorize_url = "https://www.linkedin.com/oauth/v2/authorization", .scope_separator = " ",
	.scopes = "openid profile w_member_social",
	.option = "Author", .other = &organization_oauth,
	.code = { .url = "https://www.linkedin.com/oauth/v2/accessToken", .grant_type = "authorization_code" },
	.refresh = { .url = "https://www.linkedin.com/oauth/v2/accessToken", .grant_type = "refresh_token",
	             .token_name = "refresh_token" },
	.life_ms = 60 * 24 * 3600 * INT64_C(1000),
};

/* ---- session ---- */

static void keep_profile(const struct plat_in *in, struct plat_out *out, const char *urn, const char *name)
{
	const char *before = plat_get(in->account_values, "own_id");

	if (before && strcmp(before, urn)) {
		plat_fail(out, PLAT_AUTH, arena_fmt(in->arena, "linkedin: the credential or Author= belongs to %s, but account %s has been used as "
		                                    "%s; give it a credential of that profile, or configure the other one under a new account name",
		                                    urn, in->account->name, before));
		return;
	}
	plat_set(in->account_values, "own_id", urn);
	plat_set(in->account_values, "own_name", name ? name : urn);
	plat_set(in->account_values, "cred", wire_credential_print(in));
	plat_done(out, urn, NULL);
}

static void who_answer(const struct plat_in *in, struct plat_out *out)
{
	const char *author = plat_option(in->account, "Author"), *sub, *name;
	struct wire_answer answer;

	linkedin_answer(in, &answer);
	sub = json_get_text(answer.json, "sub");
	name = json_get_text(answer.json, "name");
	if (answer.status == 200 && sub && *sub)
		keep_profile(in, out, author ? author : wire_str(arena_fmt(in->arena, "urn:li:person:%s", sub)), name);
	else if (answer.status == 403 && author)
		keep_profile(in, out, author, NULL);       /* a token without openid: the author is named by the account */
	else
		linkedin_refuse(in, out, "the question whose token it is", &answer);
	wire_answer_done(&answer);
}

void linkedin_session(const struct plat_in *in, struct plat_out *out)
{
	const char *base = in->account->base_url ? in->account->base_url : "https://api.linkedin.com";

	memset(out, 0, sizeof(*out));
	if (oauth_session(in, out, &linkedin_oauth)) {
		wire_end(in, out);
		return;
	}
	if (in->response && wire_step_is(in->response_step, "who", NULL))
		who_answer(in, out);
	else
		oauth_bearer(in, wire_request(out, "who", PLAT_NONE, PLAT_GET, wire_str(arena_fmt(in->arena, "%s/v2/userinfo", base))));
	wire_end(in, out);
}

/* ---- preflight ---- */

static void check_text(const struct wire_check *c, size_t n)
{
	const struct content *content = c->in->content;
	const char *text = wire_str(content->parts[n].text);
	struct plat_part_report *r = &c->out->parts[n];
	bool comment = content->parts[n].comment;

	*r = (struct plat_part_report){ .limit = comment ? COMMENT_MAX : TEXT_MAX, .used = linkedin_length(text),
	                                .bytes = (int64_t)strlen(text), .unit = "UTF-16 units" };
	wire_check_limit(c, n, "text-length", comment ? "comment" : "text", "UTF-16 units", r->limit, r->used);
	wire_check_empty(c, n, text, !comment && (content->parts[n].media_count > 0 || content->card_count > 0));
	if (comment && content->parts[n].media_count)
		wire_check_say(c, n, "comment-media", "a comment has no media");
}

static void check_file(const struct wire_check *c, size_t k, const struct media *m)
{
	static const struct wire_media_limits image = { .mimes = "image/jpeg,image/png,image/gif", .max_pixels = IMAGE_MAX_PIXELS };
	static const struct wire_media_limits video = { .mimes = "video/mp4", .max_bytes = VIDEO_MAX_BYTES };
	static const struct wire_media_limits document = {
		.mimes = "application/pdf,application/msword,application/vnd.ms-powerpoint,"
		         "application/vnd.openxmlformats-officedocument.wordprocessingml.document,"
		         "application/vnd.openxmlformats-officedocument.presentationml.presentation",
		.max_bytes = DOCUMENT_MAX_BYTES,
	};
	static const struct wire_video_limits film = {
		.min_ms = 3000, .max_ms = 30 * 60 * 1000, .shape = { .narrowest = { 5, 12 }, .widest = { 12, 5 } },
	};
	const char *what = arena_fmt(c->in->arena, "media %zu", k + 1), *alt = wire_str(m->alt);

	what = what ? what : "media";
	wire_check_file(c, 0, what, m, kind_is_image(m) ? &image : kind_is_video(m) ? &video : &document);
	if (kind_is_video(m)) {
		wire_check_least(c, 0, "media-bytes", what, "bytes", VIDEO_MIN_BYTES, (int64_t)m->size_bytes);
		wire_check_video(c, 0, what, m, &film);
	}
	wire_check_limit(c, 0, "alt-length", "alt text", "UTF-16 units", ALT_MAX, linkedin_length(alt));
}

void linkedin_check(const struct plat_in *in, struct plat_report *out)
{
	const struct wire_check c = { .in = in, .out = out, .platform = "linkedin" };
	const struct content *content = in->content;
	const struct part *p = &content->parts[0];

	if (!wire_check_begin(&c))
		return;
	for (size_t n = 0; n < out->part_count; n++)
		check_text(&c, n);
	for (size_t k = 0; k < p->media_count; k++)
		check_file(&c, k, &p->media[k]);
	wire_check_limit(&c, 0, "media-count", "post", "images", IMAGES_MAX, (int64_t)p->media_count);
	for (size_t k = 0; k < p->media_count; k++)
		if (!kind_is_image(&p->media[k]) && p->media_count > 1)
			wire_check_say(&c, 0, "media-mixed", "a video or a document stands alone: no other media beside it");
	if (p->media_count && !kind_is_image(&p->media[0]) && !kind_is_video(&p->media[0]) && !content->title)
		wire_check_say(&c, 0, "title", "a document needs a title");
	if (p->media_count && content->card_count)
		wire_check_say(&c, 0, "media-link", "a post has either media or a link card");
	if (content->card_count && !wire_str(content->card->title)[0])
		wire_check_say(&c, 0, "link-title", "a link card needs a title: the platform reads nothing from the page");
	wire_check_limit(&c, 0, "title-length", "title", "UTF-16 units", TITLE_MAX,
	                 linkedin_length(wire_str(content->card_count ? content->card->title : content->title)));
	if (content->card_count)
		wire_check_limit(&c, 0, "description-length", "description of the link", "UTF-16 units", ALT_MAX,
		                 linkedin_length(wire_str(content->card->description)));
	if (content->card_count && content->card->thumb_count)
		check_file(&c, 0, content->card->thumb);
}
