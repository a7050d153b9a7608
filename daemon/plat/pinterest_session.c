/* pinterest_session.c: tokens, whose they are; preflight by the contract's limits (4.1). */
#include <string.h>

#include "daemon/model/text.h"
#include "daemon/plat/kind.h"
#include "daemon/plat/pinterest.h"
#include "daemon/plat/public.h"
#include "proto/unit.h"

#define DAY_S (24 * 3600)
#define MAX_SENT_BYTES (10 * INT64_C(1000000))        /* base64 makes 13 of them */
#define MAX_FETCHED_BYTES (20 * INT64_C(1000000))
#define MAX_VIDEO_BYTES (2000 * INT64_C(1000000))

/* 1.1, 1.2. A refresh hands out another refresh token, which is stored before anything is done with the pair. */
const struct oauth pinterest_oauth = {
	.platform = "pinterest", .client_id_name = "client_id", .basic = true,
	.authorize_url = "https://www.pinterest.com/oauth/", .scope_separator = ",",
	.scopes = "boards:read boards:write pins:read pins:write user_accounts:read",
	.code = { .url = "https://api.pinterest.com/v5/oauth/token", .grant_type = "authorization_code" },
	.refresh = { .url = "https://api.pinterest.com/v5/oauth/token", .grant_type = "refresh_token", .token_name = "refresh_token" },
	.life_ms = 30 * DAY_S * INT64_C(1000),
};

static void who_answer(const struct plat_in *in, struct plat_out *out)
{
	struct wire_answer answer;
	char digits[24];

	pinterest_answer(in, &answer);
	const char *id = json_get_id(answer.json, "id", digits), *name = json_get_text(answer.json, "username");
	id = id ? id : name;
	if (answer.status != 200 || !id)
		pinterest_refuse(in, out, "the question whose token it is", &answer);
	else if (wire_same_profile(in, out, "pinterest", id, name))
		wire_keep_profile(in, out, id, name);
	wire_answer_done(&answer);
}

void pinterest_session(const struct plat_in *in, struct plat_out *out)
{
	memset(out, 0, sizeof(*out));
	if (!oauth_session(in, out, &pinterest_oauth)) {
		if (in->response && wire_step_is(in->response_step, "who", NULL))
			who_answer(in, out);
		else
			pinterest_request(in, out, "who", PLAT_NONE, PLAT_GET, "/user_account");
	}
	wire_end(in, out);
}

/* ---- preflight ---- */

static void check_words(const struct wire_check *c)
{
	const struct content *content = c->in->content;
	const struct part *p = &content->parts[0];
	const char *link = pinterest_link(c->in);
	struct plat_part_report *r = &c->out->parts[0];

	*r = (struct plat_part_report){ .used = wire_chars(p->text), .limit = PINTEREST_MAX_DESCRIPTION, .bytes = (int64_t)strlen(wire_str(p->text)),
	                                .unit = "characters" };
	wire_check_limit(c, 0, "text-length", "description", "characters", PINTEREST_MAX_DESCRIPTION, r->used);
	wire_check_limit(c, 0, "title-length", "title", "characters", PINTEREST_MAX_TITLE, wire_chars(content->title));
	wire_check_limit(c, 0, "link-length", "link with its mark", "characters", PINTEREST_MAX_LINK, wire_chars(link));
	for (size_t k = 0; k < p->media_count; k++)
		wire_check_limit(c, 0, "alt-length", "alt text", "characters", PINTEREST_MAX_ALT, wire_chars(p->media[k].alt));
}

static void check_video(const struct wire_check *c)
{
	static const struct wire_media_limits file = { .max_count = 1, .max_bytes = MAX_VIDEO_BYTES, .mimes = "video/mp4,video/quicktime,video/x-m4v" };
	static const struct wire_media_limits cover = { .max_bytes = MAX_SENT_BYTES, .mimes = "image/jpeg,image/png" };
	static const struct wire_video_limits film = { .min_ms = 4 * 1000, .max_ms = 15 * 60 * 1000, .video_codecs = "h264,hevc" };
	const struct content *content = c->in->content;
	const char *second = pinterest_option(c->in, PINTEREST_COVER_SECOND);
	int64_t number;

	wire_check_media(c, 0, &file);
	wire_check_video(c, 0, "video", &content->parts[0].media[0], &film);
	if (content->cover_count)
		wire_check_file(c, 0, "cover", &content->cover[0], &cover);
	else if (unit_int_parse(second, 0, 3600, &number))
		wire_check_say(c, 0, "CoverSecond", "CoverSecond= must be a whole number of seconds");
}

static void check_pictures(const struct wire_check *c)
{
	const struct wire_media_limits pictures = { .max_count = PINTEREST_MAX_IMAGES, .max_bytes = pinterest_by_url(c->in) ? MAX_FETCHED_BYTES : MAX_SENT_BYTES,
	                                            .mimes = "image/jpeg,image/png" };
	const struct part *p = &c->in->content->parts[0];

	wire_check_media(c, 0, &pictures);
	if (pinterest_by_url(c->in) && p->media_count)
		public_check(c);
	for (size_t k = 1; k < p->media_count; k++)
		if (p->media[k].width != p->media[0].width || p->media[k].height != p->media[0].height) {
			wire_check_say(c, 0, "carousel", arena_fmt(c->in->arena, "the pictures of a carousel must have the same width and height, and picture %zu differs "
			                                           "from the first", k + 1));
			return;
		}
}

static void check_id(const struct wire_check *c, enum pinterest_option option, const char *name, bool required)
{
	const char *id = pinterest_option(c->in, option);

	if (!*id && required)
		wire_check_say(c, 0, name, arena_fmt(c->in->arena, "no board is named; set %s= to its id in the account's [Platform] section, or --set %s=ID", name, name));
	else if (id[strspn(id, "0123456789")])
		wire_check_say(c, 0, name, arena_fmt(c->in->arena, "%s=%.40s is no id, which is made of digits", name, id));
}

void pinterest_check(const struct plat_in *in, struct plat_report *out)
{
	const struct wire_check c = { .in = in, .out = out, .platform = "pinterest" };

	if (!wire_check_begin(&c))
		return;
	check_words(&c);
	check_id(&c, PINTEREST_BOARD, "Board", true);
	check_id(&c, PINTEREST_SECTION, "BoardSection", false);
	if (pinterest_is_video(in))
		check_video(&c);
	else
		check_pictures(&c);
}
