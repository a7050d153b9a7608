/* youtube.c: videos by version 3 of the Data API.
 *
 * In two phases: the file goes up as a private video with a tag of our own (youtube_upload.c), which nobody sees and which is found again by that tag;
 * then one update makes it public. That update and the comments are the steps of effect once; what became of them
 * is read from the video itself (youtube_find.c). */
#include "daemon/plat/youtube.h"

#include <string.h>

#include "daemon/model/caltime.h"
#include "daemon/plat/kind.h"
#include "daemon/plat/progress.h"

#define DAY_MS (24 * 3600 * INT64_C(1000))
#define UPLOAD_TIMEOUT_MS (10 * 60 * INT64_C(1000))
#define QUOTA_ZONE "America/Los_Angeles"

static const char *const lasting[] = { PLAT_ID, PLAT_URL, NULL };

/* Contract 4.3; name is the platform's reason. */
static const struct wire_rule rules[] = {
	{ 300, 399, NULL, NULL, PLAT_PERMANENT, YOUTUBE_FAIL },
	{ 401, 401, "youtubeSignupRequired", NULL, PLAT_AUTH, YOUTUBE_FAIL },
	{ 401, 401, NULL, NULL, PLAT_AUTH, YOUTUBE_TOKEN },
	{ 403, 403, "insufficientPermissions", NULL, PLAT_AUTH, YOUTUBE_FAIL },
	{ 403, 403, "quotaExceeded", NULL, PLAT_RATE, YOUTUBE_DAY },
	{ 403, 403, "dailyLimitExceeded", NULL, PLAT_RATE, YOUTUBE_DAY },
	{ 400, 400, "uploadLimitExceeded", NULL, PLAT_RATE, YOUTUBE_CHANNEL_DAY },
	{ 429, 429, "uploadRateLimitExceeded", NULL, PLAT_RATE, YOUTUBE_CHANNEL_DAY },
	{ 403, 429, "rateLimitExceeded", "Video Uploads", PLAT_RATE, YOUTUBE_DAY },
	{ 403, 429, "rateLimitExceeded", "per day", PLAT_RATE, YOUTUBE_DAY },
	{ 403, 429, "rateLimitExceeded", NULL, PLAT_RATE, YOUTUBE_FAIL },
	{ 403, 429, "userRateLimitExceeded", NULL, PLAT_RATE, YOUTUBE_FAIL },
	{ 429, 429, NULL, NULL, PLAT_RATE, YOUTUBE_FAIL },
	{ 404, 404, "videoNotFound", NULL, PLAT_PERMANENT, YOUTUBE_ABSENT },
	{ 408, 408, NULL, NULL, PLAT_UNKNOWN, YOUTUBE_FAIL },
	{ 400, 499, NULL, NULL, PLAT_PERMANENT, YOUTUBE_FAIL },
	{ -1, 999, NULL, NULL, PLAT_TRANSIENT, YOUTUBE_FAIL },
};

static const struct plat_option options[YOUTUBE_OPTION_COUNT] = {
	[YOUTUBE_PRIVACY] = { .name = "Privacy", .words = "public unlisted private", .fallback = "public", .help = "Who can see the videos.", .per_post = true },
	[YOUTUBE_CATEGORY] = { .name = "Category", .fallback = "22", .help = "The number of the videos' category.", .per_post = true },
	[YOUTUBE_TAGS] = { .name = "Tags", .help = "Tags of the videos, with commas between them.", .per_post = true },
	[YOUTUBE_KIDS] = { .name = "MadeForKids", .words = "no yes", .fallback = "no", .help = "Whether the videos are made for children.", .per_post = true },
	[YOUTUBE_SYNTHETIC] = { .name = "SyntheticMedia", .words = "no yes", .fallback = "no", .help = "Tells viewers that what looks real was altered or made up.", .per_post = true },
	[YOUTUBE_NOTIFY] = { .name = "NotifySubscribers", .words = "yes no", .fallback = "yes", .help = "Whether subscribers are told of the videos.", .per_post = true },
	[YOUTUBE_EMBED] = { .name = "Embeddable", .words = "yes no", .fallback = "yes", .help = "Whether other sites may show the videos.", .per_post = true },
	[YOUTUBE_LICENSE] = { .name = "License", .words = "youtube creativeCommon", .fallback = "youtube", .help = "The videos' license.", .per_post = true },
	[YOUTUBE_STATS] = { .name = "PublicStats", .words = "yes no", .fallback = "yes", .help = "Whether everybody sees the videos' figures.", .per_post = true },
	[YOUTUBE_PUBLISH] = { .name = "PublishWhen", .words = "processed uploaded", .fallback = "processed",
	                      .help = "Whether a video is shown once YouTube has processed it, or as soon as it is there.", .per_post = true },
	[YOUTUBE_THUMBNAIL] = { .name = "Thumbnail", .words = "require try", .fallback = "require",
	                        .help = "Whether a video may be shown where its thumbnail cannot be set.", .per_post = true },
	[YOUTUBE_TITLE] = { .name = "Title", .help = "What a video is called whose post has no title.", .per_post = true },
};

const char *youtube_option(const struct plat_in *in, enum youtube_option option)
{
	const char *text = plat_setting(in, options[option].name);

	return text ? text : wire_str(options[option].fallback);
}

bool youtube_chosen(const struct plat_in *in, enum youtube_option option, const char *word)
{
	return !strcmp(youtube_option(in, option), word);
}

const char *youtube_title(const struct plat_in *in)
{
	return in->content->title && *in->content->title ? in->content->title : youtube_option(in, YOUTUBE_TITLE);
}

/* ---- requests and answers ---- */

struct plat_request *youtube_request(const struct plat_in *in, struct plat_out *out, const char *step, enum plat_effect effect,
                                     enum plat_method method, const char *path)
{
	const char *base = in->account->base_url ? in->account->base_url : "https://www.googleapis.com";
	struct plat_request *r = wire_request(out, step, effect, method, wire_str(arena_fmt(in->arena, "%s%s", base, path)));

	oauth_bearer(in, r);
	return r;
}

void youtube_answer(const struct plat_in *in, struct wire_answer *answer)
{
	const struct json *error;
	const char *message, *reason;

	wire_answer_read(in->arena, in->response, answer);
	error = json_get(answer->json, "error");
	message = json_get_text(error, "message");
	reason = json_get_text(json_first(json_get(error, "errors")), "reason");
	answer->name = wire_str(reason);
	if (message)
		answer->message = wire_str(wire_excerpt(in->arena, message, strlen(message), WIRE_EXCERPT_CHARS));
}

const struct wire_rule *youtube_rule(const struct wire_answer *answer)
{
	const struct wire_rule *rule = wire_rule_find(rules, WIRE_COUNT(rules), answer);

	return rule ? rule : &rules[WIRE_COUNT(rules) - 1];
}

/* Quotas begin anew at midnight in California (4.2). */
static int64_t quota_reset_ms(const struct plat_in *in)
{
	int64_t at_ms = in->now_ms;
	enum caltime_note note;
	struct wall w;

	/* Last midnight, and then the one of the day that noon is of a day and a half later, whatever the clocks do. */
	for (int i = 0; i < 2; i++) {
		if (caltime_to_wall(at_ms + i * (DAY_MS + DAY_MS / 2), QUOTA_ZONE, &w, NULL))
			return in->now_ms + DAY_MS;
		w.hour = w.minute = w.second = 0;
		if (caltime_to_instant(&w, QUOTA_ZONE, &at_ms, &note))
			return in->now_ms + DAY_MS;
	}
	return at_ms + ((int64_t)in->random[0] << 8 | in->random[1]) % 5000;
}

void youtube_refuse(const struct plat_in *in, struct plat_out *out, const char *what, const struct wire_answer *answer)
{
	const struct wire_rule *rule = youtube_rule(answer);

	if (rule->act == YOUTUBE_TOKEN && in->values) {
		oauth_rejected(in, out, "youtube", what, answer);
		return;
	}
	wire_refuse(in, out, "youtube", what, rule->klass, answer);
	if (rule->act == YOUTUBE_DAY) {
		out->until_ms = quota_reset_ms(in);
		out->scope = PLAT_APPLICATION;
	} else if (rule->act == YOUTUBE_CHANNEL_DAY) {
		out->until_ms = in->now_ms + DAY_MS;
	}
}

bool youtube_ready(const struct plat_in *in)
{
	const char *cred = plat_get(in->account_values, "cred"), *now = wire_credential_print(in);

	return oauth_fresh(in, 5 * 60 * 1000) && plat_get(in->account_values, "own_id") && plat_get(in->account_values, "uploads") && cred && now &&
	       !strcmp(cred, now);
}

void youtube_stands(const struct plat_in *in, size_t n, const char *id)
{
	bool is_short = in->content->form == FORM_SHORT;

	id = arena_strdup(in->arena, id);
	plat_set_n(in->values, PLAT_ID, n, id);
	plat_set_n(in->values, PLAT_URL, n, n ? NULL : arena_fmt(in->arena, "https://www.youtube.com/%s%s", is_short ? "shorts/" : "watch?v=", wire_str(id)));
	wire_forget(in->values, lasting);
}

const char *youtube_tag(const struct plat_in *in)
{
	/* Preflight asks before there is a target: any tag is as long. */
	const char *target = in->target ? wire_target_print(in, 0) : "000000000000";

	return wire_str(arena_fmt(in->arena, "smmqd-%.12s-%.8s", wire_str(target), wire_str(wire_part_print(in, 0))));
}

const char *youtube_description(const struct plat_in *in)
{
	return wire_str(wire_text(in->arena, in->content, 0, true));
}

/* ---- making it public ---- */

/* An update replaces all of the part: what is left out would be reset. */
void youtube_write_status(const struct plat_in *in, struct json_writer *w, const char *privacy)
{
	jw_object(w, "status");
	jw_str(w, "privacyStatus", privacy);
	jw_bool(w, "selfDeclaredMadeForKids", youtube_chosen(in, YOUTUBE_KIDS, "yes"));
	jw_bool(w, "containsSyntheticMedia", youtube_chosen(in, YOUTUBE_SYNTHETIC, "yes"));
	jw_bool(w, "embeddable", youtube_chosen(in, YOUTUBE_EMBED, "yes"));
	jw_str(w, "license", youtube_option(in, YOUTUBE_LICENSE));
	jw_bool(w, "publicStatsViewable", youtube_chosen(in, YOUTUBE_STATS, "yes"));
	jw_end(w);
}

static void send_publish(const struct plat_in *in, struct plat_out *out)
{
	struct plat_request *r = youtube_request(in, out, wire_step_name(in->arena, "publish", 0), PLAT_ONCE, PLAT_PUT, "/youtube/v3/videos?part=status");
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	struct json_writer w;

	r->mark = plat_get(in->values, "video");
	jw_init(&w, &b);
	jw_object(&w, NULL);
	jw_str(&w, "id", r->mark);
	youtube_write_status(in, &w, youtube_option(in, YOUTUBE_PRIVACY));
	jw_end(&w);
	wire_json_body(r, in->arena, &b);
}

static void send_thumbnail(const struct plat_in *in, struct plat_out *out)
{
	const char *video = wire_percent(in->arena, plat_get(in->values, "video"), "");
	const struct media *m = &in->content->cover[0];
	struct plat_request *r = youtube_request(in, out, "thumbnail", PLAT_REPEATABLE, PLAT_POST,
	                                         wire_str(arena_fmt(in->arena, "/upload/youtube/v3/thumbnails/set?videoId=%s", wire_str(video))));

	r->timeout_ms = UPLOAD_TIMEOUT_MS;
	plat_header(r, "Content-Type", m->mime ? m->mime : "application/octet-stream");
	plat_body_media(r, m);
}

static void send_comment(const struct plat_in *in, struct plat_out *out, size_t n)
{
	struct plat_request *r = youtube_request(in, out, wire_step_name(in->arena, "comment", n), PLAT_ONCE, PLAT_POST,
	                                         "/youtube/v3/commentThreads?part=snippet");
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	struct json_writer w;

	r->mark = wire_part_print(in, n);
	jw_init(&w, &b);
	jw_object(&w, NULL);
	jw_object(&w, "snippet");
	jw_str(&w, "videoId", plat_get_n(in->values, PLAT_ID, 0));
	jw_object(&w, "topLevelComment");
	jw_object(&w, "snippet");
	jw_str(&w, "textOriginal", in->content->parts[n].text);
	jw_end(&w);
	jw_end(&w);
	jw_end(&w);
	jw_end(&w);
	wire_json_body(r, in->arena, &b);
}

/* ---- step ---- */

static void proceed_video(const struct plat_in *in, struct plat_out *out)
{
	if (youtube_upload(in, out))
		return;
	if (in->content->cover_count && !plat_get(in->values, "thumbed"))
		send_thumbnail(in, out);
	else if (youtube_chosen(in, YOUTUBE_PRIVACY, "private"))
		youtube_stands(in, 0, plat_get(in->values, "video"));
	else
		send_publish(in, out);
}

static void proceed(const struct plat_in *in, struct plat_out *out)
{
	size_t n = wire_part(in);

	if (n < in->content->part_count && !youtube_ready(in)) {
		out->verdict = PLAT_NEED_SESSION;
		return;
	}
	if (!n) {
		wire_renew(in, lasting, 0);
		proceed_video(in, out);
		n = wire_part(in);        /* a private video stands without a further request */
		if (!n)
			return;
	}
	if (n == in->content->part_count) {
		wire_all_done(in, out);
	} else {
		wire_renew(in, lasting, n);
		send_comment(in, out, n);
	}
}

static bool publish_answer(const struct plat_in *in, struct plat_out *out)
{
	struct wire_answer answer;
	bool filled = true;

	youtube_answer(in, &answer);
	if (answer.status == 200) {
		oauth_accepted(in);
		youtube_stands(in, 0, plat_get(in->values, "video"));
		filled = false;
	} else {
		youtube_refuse(in, out, "the publication of the video", &answer);
		if (out->verdict == PLAT_FAIL && answer.status >= 500)
			out->klass = PLAT_UNKNOWN;
	}
	wire_answer_done(&answer);
	return filled;
}

static bool thumbnail_answer(const struct plat_in *in, struct plat_out *out)
{
	struct wire_answer answer;
	bool filled = false;

	youtube_answer(in, &answer);
	if (answer.status == 200) {
		oauth_accepted(in);
		plat_set(in->values, "thumbed", "1");
	} else {
		youtube_refuse(in, out, "the thumbnail", &answer);
		filled = out->verdict != PLAT_FAIL || youtube_chosen(in, YOUTUBE_THUMBNAIL, "require") ||
		         (out->klass != PLAT_PERMANENT && out->klass != PLAT_RATE);
		if (!filled) {
			memset(out, 0, sizeof(*out));
			plat_set(in->values, "thumbed", "1");
		}
	}
	wire_answer_done(&answer);
	return filled;
}

static bool comment_answer(const struct plat_in *in, struct plat_out *out, size_t n)
{
	struct wire_answer answer;
	const char *id;
	bool filled = true;

	youtube_answer(in, &answer);
	id = json_get_text(answer.json, "id");
	if (answer.status == 200 && id) {
		oauth_accepted(in);
		youtube_stands(in, n, id);
		filled = false;
	} else if (answer.status == 200) {
		plat_fail(out, PLAT_UNKNOWN, "youtube answered 200 to the comment, but without its id");
	} else {
		youtube_refuse(in, out, "the comment", &answer);
		if (out->verdict == PLAT_FAIL && answer.status >= 500)
			out->klass = PLAT_UNKNOWN;
	}
	wire_answer_done(&answer);
	return filled;
}

/* True when *out is filled. An answer that belongs to no step of the part under way is too late to matter. */
static bool answered(const struct plat_in *in, struct plat_out *out)
{
	size_t part = wire_part(in), n;

	if (part == in->content->part_count)
		return false;
	if (wire_step_is(in->response_step, "comment", &n))
		return n == part && comment_answer(in, out, n);
	if (part)
		return false;
	if (wire_step_is(in->response_step, "publish", &n))
		return publish_answer(in, out);
	if (wire_step_is(in->response_step, "thumbnail", NULL))
		return thumbnail_answer(in, out);
	return youtube_upload_answer(in, out);
}

static void step(const struct plat_in *in, struct plat_out *out)
{
	memset(out, 0, sizeof(*out));
	if (!in->response || !answered(in, out))
		proceed(in, out);
	wire_end(in, out);
}

static const struct plat_need needs[] = {
	{ "access_token", "token refresh_token client_id", "holds no access token; write the lines client_id= and client_secret= of the app to log in with, "
	  "and refresh_token= where there is one" },
};

const struct plat plat_youtube = {
	.name = "youtube",
	.kinds = KIND_BIT(KIND_VIDEO) | KIND_BIT(KIND_SHORT) | KIND_BIT(KIND_COMMENT) | KIND_BIT(KIND_TITLE) | KIND_BIT(KIND_COVER) |
	         KIND_BIT(KIND_LANGUAGE),
	.needs = needs,
	.need_count = WIRE_COUNT(needs),
	.options = options,
	.option_count = WIRE_COUNT(options),
	.oauth = &youtube_oauth,
	.parallel = 1,
	.needs_credential = true,
	/* 4.2: 100 uploads in a day of the whole application; a channel's own limit is not published. */
	.quota = { .posts = 100, .window_ms = DAY_MS, .slots = 24 },
	.settle_ms = 5 * 1000,
	.session_ms = DAY_MS,
	.step = step,
	.reconcile = youtube_reconcile,
	.session = youtube_session,
	.check = youtube_check,
};
