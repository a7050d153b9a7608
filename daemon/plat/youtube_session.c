/* youtube_session.c: tokens, whose channel they are of; preflight by the contract's limits (4.1). */
#include <string.h>

#include "daemon/model/text.h"
#include "daemon/plat/kind.h"
#include "daemon/plat/youtube.h"
#include "proto/unit.h"

#define MAX_VIDEO_BYTES INT64_C(274877906944)
#define MAX_THUMBNAIL_BYTES (50 * INT64_C(1000000))

/* 1.1. Google's refresh tokens stay the same; they end after six months without use. */
const struct oauth youtube_oauth = {
	.platform = "youtube", .client_id_name = "client_id",
	.authorize_url = "https://accounts.google.com/o/oauth2/v2/auth", .scope_separator = " ",
	.scopes = "https://www.googleapis.com/auth/youtube.force-ssl",
	.authorize_more = "access_type=offline&prompt=consent", .pkce = true,
	.code = { .url = "https://oauth2.googleapis.com/token", .grant_type = "authorization_code" },
	.refresh = { .url = "https://oauth2.googleapis.com/token", .grant_type = "refresh_token", .token_name = "refresh_token" },
	.life_ms = 3600 * INT64_C(1000),
};

static void who_answer(const struct plat_in *in, struct plat_out *out)
{
	struct wire_answer answer;

	youtube_answer(in, &answer);
	const struct json *items = json_get(answer.json, "items"), *channel = json_first(items);
	const char *id = json_get_text(channel, "id"), *uploads = json_text(json_path(channel, "contentDetails.relatedPlaylists.uploads"));
	const char *name = json_text(json_path(channel, "snippet.title"));
	if (answer.status != 200) {
		youtube_refuse(in, out, "the question whose channel it is", &answer);
	} else if (!id || !uploads) {
		plat_fail(out, PLAT_AUTH, "youtube: this login has no channel; make one at https://www.youtube.com/create_channel, or log in as another");
	} else if (wire_same_profile(in, out, "youtube", id, name)) {
		plat_set(in->account_values, "uploads", arena_strdup(in->arena, uploads));
		wire_keep_profile(in, out, id, name);
	}
	wire_answer_done(&answer);
}

void youtube_session(const struct plat_in *in, struct plat_out *out)
{
	memset(out, 0, sizeof(*out));
	if (!oauth_session(in, out, &youtube_oauth)) {
		if (in->response && wire_step_is(in->response_step, "who", NULL))
			who_answer(in, out);
		else
			youtube_request(in, out, "who", PLAT_NONE, PLAT_GET, "/youtube/v3/channels?part=contentDetails,snippet&mine=true");
	}
	wire_end(in, out);
}

/* ---- preflight ---- */

static void check_angles(const struct wire_check *c, const char *rule, const char *what, const char *text)
{
	if (strpbrk(text, "<>"))
		wire_check_say(c, 0, rule, arena_fmt(c->in->arena, "%s must not have the characters < and >", what));
}

/* As YouTube counts them: with commas between, and with quotes around those that have blanks (2.1). */
static int64_t tags_length(const struct plat_in *in)
{
	const char *at = youtube_option(in, YOUTUBE_TAGS);
	int64_t used = (int64_t)strlen(youtube_tag(in));

	while (*at) {
		size_t len = strcspn(at, ","), lead = strspn(at, " ");

		if (len > lead)
			used += 1 + (int64_t)(len - lead) + (memchr(at + lead, ' ', len - lead) ? 2 : 0);
		at += len + (at[len] == ',');
	}
	return used;
}

static void check_words(const struct wire_check *c)
{
	const char *title = youtube_title(c->in), *text = youtube_description(c->in), *category = youtube_option(c->in, YOUTUBE_CATEGORY);
	int64_t number;

	c->out->parts[0] = (struct plat_part_report){ .used = wire_chars(text), .bytes = (int64_t)strlen(text), .byte_limit = YOUTUBE_MAX_DESCRIPTION_BYTES,
	                                              .unit = "characters" };
	if (!*title)
		wire_check_say(c, 0, "title", "a video needs a title (smmq add --title, or --set ACCOUNT:Title= where other platforms have none)");
	wire_check_limit(c, 0, "title-length", "title", "characters", YOUTUBE_MAX_TITLE, wire_chars(title));
	wire_check_limit(c, 0, "text-bytes", "description", "bytes", YOUTUBE_MAX_DESCRIPTION_BYTES, (int64_t)strlen(text));
	wire_check_limit(c, 0, "tags-length", "the list of tags with our own", "characters", YOUTUBE_MAX_TAGS, tags_length(c->in));
	check_angles(c, "title", "the title", title);
	check_angles(c, "text", "the description", text);
	if (unit_int_parse(category, 1, 1000, &number))
		wire_check_say(c, 0, "Category", "Category= must be the number of a category");
}

static void check_film(const struct wire_check *c)
{
	static const struct wire_media_limits file = { .max_count = 1, .max_bytes = MAX_VIDEO_BYTES };
	static const struct wire_media_limits thumbnail = { .max_bytes = MAX_THUMBNAIL_BYTES, .mimes = "image/jpeg,image/png" };
	static const struct wire_video_limits any = { .max_ms = 12 * 3600 * INT64_C(1000) };
	static const struct wire_video_limits brief = { .max_ms = 3 * 60 * INT64_C(1000), .shape = { .narrowest = { 1, 10 }, .widest = { 1, 1 } } };
	const struct content *content = c->in->content;
	const struct part *p = &content->parts[0];

	wire_check_media(c, 0, &file);
	if (p->media_count)
		wire_check_video(c, 0, "video", &p->media[0], content->form == FORM_SHORT ? &brief : &any);
	if (content->cover_count)
		wire_check_file(c, 0, "thumbnail", &content->cover[0], &thumbnail);
}

static void check_comment(const struct wire_check *c, size_t n)
{
	const struct part *p = &c->in->content->parts[n];

	c->out->parts[n] = (struct plat_part_report){ .used = wire_chars(p->text), .limit = YOUTUBE_MAX_COMMENT, .bytes = (int64_t)strlen(wire_str(p->text)),
	                                              .unit = "characters" };
	wire_check_limit(c, n, "text-length", "comment", "characters", YOUTUBE_MAX_COMMENT, wire_chars(p->text));
	wire_check_empty(c, n, wire_str(p->text), false);
	if (p->media_count)
		wire_check_say(c, n, "comment-media", "a comment has no media");
	if (youtube_chosen(c->in, YOUTUBE_PRIVACY, "private"))
		wire_check_say(c, n, "comment", "nobody can comment on a private video");
}

void youtube_check(const struct plat_in *in, struct plat_report *out)
{
	const struct wire_check c = { .in = in, .out = out, .platform = "youtube" };

	if (!wire_check_begin(&c))
		return;
	check_words(&c);
	check_film(&c);
	for (size_t n = 1; n < out->part_count; n++)
		check_comment(&c, n);
}
