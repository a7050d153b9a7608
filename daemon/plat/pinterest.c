/* pinterest.c: Pins by version 5 of the API.
 *
 * A Pin is a board, one picture, several, or a video, and words and a destination around them. It is made by one call, POST
 * /v5/pins, which takes the same Pin as often as it is sent: that is the step of effect once. Pictures travel in it as
 * base64, or are fetched from a public address; videos go up before (pinterest_video.c). What a lost answer left open is told by the board's
 * newest Pins (pinterest_find.c), where ours is known by a mark in its destination. */
#include "daemon/plat/pinterest.h"

#include <string.h>

#include "daemon/plat/kind.h"
#include "daemon/plat/progress.h"
#include "daemon/plat/public.h"
#include "proto/unit.h"

#define DAY_MS (24 * 3600 * INT64_C(1000))
#define MINUTE_MS (60 * INT64_C(1000))
#define UPLOAD_TIMEOUT_MS (5 * MINUTE_MS)
#define MAX_UNREACHABLE 3
#define MARK_CHARS 12

static const char *const lasting[] = { PLAT_ID, PLAT_URL, PUBLIC_LASTING, NULL };

/* Contract 4.3; name is the platform's code. */
static const struct wire_rule rules[] = {
	{ 300, 399, NULL, NULL, PLAT_PERMANENT, PINTEREST_FAIL },
	{ 403, 403, NULL, "spam", PLAT_RATE, PINTEREST_SPAM },
	{ 429, 429, NULL, "spam", PLAT_RATE, PINTEREST_SPAM },
	{ 400, 400, NULL, "Unable to reach the URL", PLAT_TRANSIENT, PINTEREST_UNREACHABLE },
	/* The scope is missing: a person has to log in again. */
	{ 401, 401, "3", NULL, PLAT_AUTH, PINTEREST_FAIL },
	{ 401, 403, "7", NULL, PLAT_PERMANENT, PINTEREST_FAIL },
	{ 401, 401, NULL, NULL, PLAT_AUTH, PINTEREST_TOKEN },
	{ 408, 408, NULL, NULL, PLAT_UNKNOWN, PINTEREST_FAIL },
	{ 409, 409, NULL, NULL, PLAT_UNKNOWN, PINTEREST_FAIL },
	{ 429, 429, NULL, NULL, PLAT_RATE, PINTEREST_FAIL },
	{ 400, 499, NULL, NULL, PLAT_PERMANENT, PINTEREST_FAIL },
	{ -1, 999, NULL, NULL, PLAT_TRANSIENT, PINTEREST_FAIL },
};

static const struct plat_option options[PINTEREST_OPTION_COUNT] = {
	[PINTEREST_BOARD] = { .name = "Board", .help = "The id of the board that Pins go to; required here or for each post.", .per_post = true },
	[PINTEREST_SECTION] = { .name = "BoardSection", .help = "The id of a section of it.", .per_post = true },
	[PINTEREST_IMAGES] = { .name = "Images", .words = "send fetch", .fallback = "send",
	                       .help = "Whether pictures are sent, or fetched by Pinterest from PublicURL=." },
	[PINTEREST_LINK_MARK] = { .name = "LinkMark", .words = "utm fragment no", .fallback = "utm",
	                          .help = "How a Pin's destination is marked, so that it is known again when an answer was lost.", .per_post = true },
	[PINTEREST_COVER_SECOND] = { .name = "CoverSecond", .fallback = "1", .help = "Which second of a video is its cover where it has none of its own.",
	                             .per_post = true },
};

const char *pinterest_option(const struct plat_in *in, enum pinterest_option option)
{
	const char *text = plat_setting(in, options[option].name);

	return text ? text : wire_str(options[option].fallback);
}

bool pinterest_by_url(const struct plat_in *in)
{
	return !strcmp(pinterest_option(in, PINTEREST_IMAGES), "fetch");
}

/* ---- requests and answers ---- */

struct plat_request *pinterest_request(const struct plat_in *in, struct plat_out *out, const char *step, enum plat_effect effect,
                                       enum plat_method method, const char *path)
{
	const char *base = in->account->base_url ? in->account->base_url : "https://api.pinterest.com";
	struct plat_request *r = wire_request(out, step, effect, method, wire_str(arena_fmt(in->arena, "%s/v5%s", base, path)));

	oauth_bearer(in, r);
	return r;
}

void pinterest_answer(const struct plat_in *in, struct wire_answer *answer)
{
	int64_t code;

	wire_answer_read(in->arena, in->response, answer);
	answer->name = json_get_int(answer->json, "code", &code) ? "" : wire_str(arena_fmt(in->arena, "%lld", (long long)code));
}

const struct wire_rule *pinterest_rule(const struct wire_answer *answer)
{
	const struct wire_rule *rule = wire_rule_find(rules, WIRE_COUNT(rules), answer);

	return rule ? rule : &rules[WIRE_COUNT(rules) - 1];
}

void pinterest_refuse(const struct plat_in *in, struct plat_out *out, const char *what, const struct wire_answer *answer)
{
	const struct wire_rule *rule = pinterest_rule(answer);

	if (rule->act == PINTEREST_TOKEN && in->values) {
		oauth_rejected(in, out, "pinterest", what, answer);
		return;
	}
	wire_refuse(in, out, "pinterest", what, rule->klass, answer);
	if (rule->act == PINTEREST_SPAM)
		out->until_ms = in->now_ms + DAY_MS;
	else if (rule->klass == PLAT_RATE && out->until_ms < in->now_ms + MINUTE_MS)
		out->until_ms = in->now_ms + MINUTE_MS + in->random[0] * 20;
}

bool pinterest_ready(const struct plat_in *in)
{
	const char *cred = plat_get(in->account_values, "cred"), *now = wire_credential_print(in);

	return oauth_fresh(in, MINUTE_MS) && plat_get(in->account_values, "own_id") && cred && now && !strcmp(cred, now);
}

void pinterest_stands(const struct plat_in *in, const char *id)
{
	id = arena_strdup(in->arena, id);
	plat_set_n(in->values, PLAT_ID, 0, id);
	plat_set_n(in->values, PLAT_URL, 0, arena_fmt(in->arena, "https://www.pinterest.com/pin/%s/", wire_str(id)));
	wire_forget(in->values, lasting);
}

/* ---- the Pin ---- */

/* The mark is made of what was fixed when the post was added, so a restored store makes the same. */
const char *pinterest_link(const struct plat_in *in)
{
	const char *url = in->content->card_count ? in->content->card[0].url : NULL, *how = pinterest_option(in, PINTEREST_LINK_MARK);
	/* Preflight asks before there is a target: any mark is as long. */
	const char *print = in->target ? wire_target_print(in, 0) : "000000000000", *fragment, *base;

	if (!url || !print || !strcmp(how, "no"))
		return url;
	fragment = strchr(url, '#');
	if (!strcmp(how, "fragment"))
		return fragment ? url : arena_fmt(in->arena, "%s#smmq-%.*s", url, MARK_CHARS, print);
	if (strstr(url, "utm_content="))
		return url;
	base = fragment ? arena_strndup(in->arena, url, (size_t)(fragment - url)) : url;
	return arena_fmt(in->arena, "%s%cutm_content=smmq-%.*s%s", wire_str(base), strchr(wire_str(base), '?') ? '&' : '?', MARK_CHARS, print,
	                 wire_str(fragment));
}

/* A JSON body with pictures in it: each place where one belongs is an empty string while it is written. */
struct picture_body { struct json_writer w; struct buf text; size_t at[PINTEREST_MAX_IMAGES + 1]; const struct media *media[PINTEREST_MAX_IMAGES + 1]; size_t count; };

static void add_picture(struct picture_body *b, const char *key, const struct media *m)
{
	if (b->count == WIRE_COUNT(b->at))
		return;
	jw_str(&b->w, key, "");
	b->at[b->count] = b->text.len - 1;
	b->media[b->count++] = m;
}

static void body_end(const struct plat_in *in, struct plat_request *r, struct picture_body *b)
{
	size_t len, from = 0;
	const char *text = wire_take(&b->text, in->arena, &len);

	plat_header(r, "Content-Type", "application/json");
	for (size_t i = 0; text && i < b->count; i++) {
		plat_body(r, text + from, b->at[i] - from);
		plat_body_base64(r, b->media[i]);
		from = b->at[i];
	}
	if (text)
		plat_body(r, text + from, len - from);
}

static void write_picture(const struct plat_in *in, struct picture_body *b, size_t k)
{
	const struct media *m = &in->content->parts[0].media[k];

	if (pinterest_by_url(in)) {
		jw_str(&b->w, "url", public_url(in, k));
		return;
	}
	jw_str(&b->w, "content_type", m->mime);
	add_picture(b, "data", m);
}

static void write_video(const struct plat_in *in, struct picture_body *b)
{
	const struct content *c = in->content;
	int64_t second = 1;

	jw_str(&b->w, "source_type", "video_id");
	jw_str(&b->w, "media_id", plat_get(in->values, "media_id"));
	if (c->cover_count) {
		jw_str(&b->w, "cover_image_content_type", c->cover[0].mime);
		add_picture(b, "cover_image_data", &c->cover[0]);
		return;
	}
	(void)unit_int_parse(pinterest_option(in, PINTEREST_COVER_SECOND), 0, 3600, &second);
	jw_int(&b->w, "cover_image_key_frame_time", second);
}

static void write_source(const struct plat_in *in, struct picture_body *b)
{
	const struct part *p = &in->content->parts[0];
	const char *way = pinterest_by_url(in) ? "url" : "base64";

	jw_object(&b->w, "media_source");
	if (pinterest_is_video(in)) {
		write_video(in, b);
	} else if (p->media_count == 1) {
		jw_str(&b->w, "source_type", arena_fmt(in->arena, "image_%s", way));
		write_picture(in, b, 0);
	} else {
		jw_str(&b->w, "source_type", pinterest_by_url(in) ? "multiple_image_urls" : "multiple_image_base64");
		jw_int(&b->w, "index", 0);
		jw_array(&b->w, "items");
		for (size_t k = 0; k < p->media_count; k++) {
			jw_object(&b->w, NULL);
			write_picture(in, b, k);
			jw_end(&b->w);
		}
		jw_end(&b->w);
	}
	jw_end(&b->w);
}

static void write_text(struct json_writer *w, const char *key, const char *text)
{
	if (text && *text)
		jw_str(w, key, text);
}

static void send_pin(const struct plat_in *in, struct plat_out *out)
{
	struct plat_request *r = pinterest_request(in, out, wire_step_name(in->arena, "pin", 0), PLAT_ONCE, PLAT_POST, "/pins");
	const struct part *p = &in->content->parts[0];
	const char *link = pinterest_link(in);
	struct picture_body b = { .text = BUF_INIT(WIRE_MAX_BODY_BYTES) };

	r->timeout_ms = UPLOAD_TIMEOUT_MS;
	r->mark = link ? link : wire_part_print(in, 0);
	plat_set(in->values, "link", link);
	jw_init(&b.w, &b.text);
	jw_object(&b.w, NULL);
	jw_str(&b.w, "board_id", pinterest_option(in, PINTEREST_BOARD));
	write_text(&b.w, "board_section_id", pinterest_option(in, PINTEREST_SECTION));
	write_text(&b.w, "title", in->content->title);
	write_text(&b.w, "description", p->text);
	write_text(&b.w, "link", link);
	write_text(&b.w, "alt_text", p->media[0].alt);
	write_source(in, &b);
	jw_end(&b.w);
	body_end(in, r, &b);
}

/* ---- step ---- */

/* What Pinterest has to have, or to fetch, before the Pin is made. */
static bool prepare(const struct plat_in *in, struct plat_out *out)
{
	const struct part *p = &in->content->parts[0];

	if (pinterest_is_video(in))
		return pinterest_video(in, out);
	for (size_t k = 0; k < p->media_count && pinterest_by_url(in); k++)
		if (public_media(in, out, k, &p->media[k]))
			return true;
	return false;
}

static void proceed(const struct plat_in *in, struct plat_out *out)
{
	if (wire_part(in) == in->content->part_count) {
		wire_all_done(in, out);
	} else if (!in->content->parts[0].media_count) {
		plat_fail(out, PLAT_PERMANENT, "pinterest: a Pin needs a picture or a video");
	} else if (!pinterest_ready(in)) {
		out->verdict = PLAT_NEED_SESSION;
	} else {
		wire_renew(in, lasting, 0);
		if (!prepare(in, out))
			send_pin(in, out);
	}
}

static bool pin_answer(const struct plat_in *in, struct plat_out *out)
{
	struct wire_answer answer;
	char digits[24];

	pinterest_answer(in, &answer);
	const char *id = json_get_id(answer.json, "id", digits);
	if (answer.status >= 200 && answer.status < 300 && id) {
		oauth_accepted(in);
		pinterest_stands(in, id);
		wire_answer_done(&answer);
		return false;
	}
	if (answer.status >= 200 && answer.status < 300)
		plat_fail(out, PLAT_UNKNOWN, arena_fmt(in->arena, "pinterest answered %d to the Pin, but without its id", answer.status));
	else
		pinterest_refuse(in, out, "the Pin", &answer);
	if (out->verdict == PLAT_FAIL && answer.status >= 500)
		out->klass = PLAT_UNKNOWN;
	if (pinterest_rule(&answer)->act == PINTEREST_UNREACHABLE && fault_count(in, "url_faults", MAX_UNREACHABLE))
		out->klass = PLAT_PERMANENT;
	wire_answer_done(&answer);
	return true;
}

static bool answered(const struct plat_in *in, struct plat_out *out)
{
	size_t k;

	if (wire_part(in) == in->content->part_count)
		return false;
	if (wire_step_is(in->response_step, "pin", &k))
		return pin_answer(in, out);
	if (pinterest_is_video(in))
		return pinterest_video_answer(in, out);
	return public_answer(in, out);
}

static void step(const struct plat_in *in, struct plat_out *out)
{
	memset(out, 0, sizeof(*out));
	if (!in->response || !answered(in, out))
		proceed(in, out);
	wire_end(in, out);
}

static const struct plat_need needs[] = {
	{ "access_token", "token refresh_token client_id", "holds no access token; write a line access_token=..., or the lines client_id= and "
	  "client_secret= of the app to log in with" },
};

const struct plat plat_pinterest = {
	.name = "pinterest",
	.kinds = KIND_BIT(KIND_IMAGE) | KIND_BIT(KIND_IMAGES) | KIND_BIT(KIND_VIDEO) | KIND_BIT(KIND_TITLE) | KIND_BIT(KIND_COVER) |
	         KIND_BIT(KIND_ALT),
	.needs = needs,
	.need_count = WIRE_COUNT(needs),
	.options = options,
	.option_count = WIRE_COUNT(options),
	.oauth = &pinterest_oauth,
	.parallel = 1,
	.needs_credential = true,
	/* 4.2: no limit is published; alike Pins in bursts are taken for spam. */
	.quota = { .posts = 25, .window_ms = DAY_MS, .slots = 24 },
	.settle_ms = 5 * 1000,
	.session_ms = DAY_MS,
	.step = step,
	.reconcile = pinterest_reconcile,
	.session = pinterest_session,
	.clean = public_clean,
	.check = pinterest_check,
};
