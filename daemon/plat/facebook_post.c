/* facebook_post.c: the one request that makes a part public, and what is answered to it. */
#include "daemon/plat/facebook.h"

#include <string.h>

#include "daemon/plat/form.h"
#include "daemon/plat/progress.h"
#include "proto/json.h"

#define MINUTE_MS (60 * INT64_C(1000))
#define COMMIT_TIMEOUT_MS (2 * MINUTE_MS)
#define MAX_TRIES 2             /* of what Facebook asks to be tried once more */

/* An unpublished post that is published by setting a field may be published any number of times. */
static bool two_phase(const struct plat_in *in, size_t n)
{
	enum facebook_kind kind = facebook_kind(in, n);

	return (kind == FACEBOOK_TEXT || kind == FACEBOOK_PHOTOS) && facebook_wants(in, "TwoPhase", "yes");
}

/* ---- requests ---- */

static void add_photos(const struct plat_in *in, struct form *f, size_t n)
{
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	struct json_writer w;

	if (facebook_kind(in, n) != FACEBOOK_PHOTOS)
		return;
	jw_init(&w, &b);
	jw_array(&w, NULL);
	for (size_t k = 0; k < in->content->parts[n].media_count; k++) {
		jw_object(&w, NULL);
		jw_str(&w, "media_fbid", plat_get_n(in->values, "photo", k));
		jw_end(&w);
	}
	jw_end(&w);
	form_add(f, "attached_media", wire_take(&b, in->arena, NULL));
}

static const char *filled(const char *text)
{
	return text && *text ? text : NULL;
}

static void add_post(const struct plat_in *in, struct form *f, size_t n)
{
	bool link = facebook_kind(in, n) == FACEBOOK_TEXT && in->content->card_count;

	form_add(f, "message", filled(facebook_text(in, n)));
	form_add(f, "link", link ? in->content->card[0].url : NULL);
	add_photos(in, f, n);
}

static void commit_post(const struct plat_in *in, struct plat_out *out, size_t n, struct form *f)
{
	const char *draft = plat_get(in->values, "draft");
	const char *step = wire_step_name(in->arena, "post", n);

	if (draft) {
		form_add(f, "is_published", "true");
		draft = wire_percent(in->arena, draft, "");
		graph_post(in, out, &facebook_page, step, PLAT_ONCE, wire_str(arena_fmt(in->arena, "/%s", wire_str(draft))), f);
		return;
	}
	add_post(in, f, n);
	graph_post(in, out, &facebook_page, step, PLAT_ONCE, facebook_edge(in, "feed"), f);
}

/* A cover makes it multipart. */
static void commit_video(const struct plat_in *in, struct plat_out *out, size_t n, struct form *f)
{
	const char *handle = plat_get(in->values, "handle"), *step = wire_step_name(in->arena, "post", n);
	const struct { const char *name, *text; } fields[] = {
		{ "upload_phase", handle ? NULL : "finish" },
		{ "upload_session_id", handle ? NULL : plat_get(in->values, "session") },
		{ "fbuploader_video_file_chunk", handle },
		{ "title", filled(in->content->title) }, { "description", filled(facebook_text(in, n)) }, { "published", handle ? NULL : "true" },
	};
	struct plat_request *r;
	struct multipart m;

	for (size_t i = 0; i < WIRE_COUNT(fields); i++)
		form_add(f, fields[i].name, fields[i].text);
	r = graph_post(in, out, &facebook_video, step, PLAT_ONCE, facebook_edge(in, "videos"), in->content->cover_count ? NULL : f);
	if (!in->content->cover_count)
		return;
	(void)form_text(f);
	multipart_begin(&m, in, r);
	for (size_t i = 0; i < WIRE_COUNT(fields); i++)
		multipart_text(&m, fields[i].name, fields[i].text);
	multipart_media(&m, "thumb", &in->content->cover[0], 0, in->content->cover[0].size_bytes);
	multipart_end(&m);
}

static void commit_reel(const struct plat_in *in, struct plat_out *out, size_t n, struct form *f)
{
	form_add(f, "upload_phase", "finish");
	form_add(f, "video_id", plat_get(in->values, "video"));
	form_add(f, "video_state", "PUBLISHED");
	form_add(f, "description", filled(facebook_text(in, n)));
	form_add(f, "title", filled(in->content->title));
	graph_post(in, out, &facebook_page, wire_step_name(in->arena, "post", n), PLAT_ONCE, facebook_edge(in, "video_reels"), f);
}

static void commit_story(const struct plat_in *in, struct plat_out *out, size_t n, struct form *f)
{
	bool video = facebook_kind(in, n) == FACEBOOK_VIDEO_STORY;

	form_add(f, "upload_phase", video ? "finish" : NULL);
	form_add(f, "video_id", video ? plat_get(in->values, "video") : NULL);
	form_add(f, "photo_id", video ? NULL : plat_get_n(in->values, "photo", 0));
	graph_post(in, out, &facebook_page, wire_step_name(in->arena, "post", n), PLAT_ONCE,
	           facebook_edge(in, video ? "video_stories" : "photo_stories"), f);
}

static void commit_comment(const struct plat_in *in, struct plat_out *out, size_t n, struct form *f)
{
	const char *to = wire_percent(in->arena, facebook_commented(in), "");

	form_add(f, "message", filled(facebook_text(in, n)));
	form_add(f, "attachment_id", plat_get_n(in->values, "photo", 0));
	graph_post(in, out, &facebook_page, wire_step_name(in->arena, "post", n), PLAT_ONCE,
	           wire_str(arena_fmt(in->arena, "/%s/comments", wire_str(to))), f);
}

static void send_commit(const struct plat_in *in, struct plat_out *out, size_t n)
{
	static void (*const commits[])(const struct plat_in *, struct plat_out *, size_t, struct form *) = {
		[FACEBOOK_TEXT] = commit_post, [FACEBOOK_PHOTOS] = commit_post, [FACEBOOK_VIDEO] = commit_video,
		[FACEBOOK_REEL] = commit_reel, [FACEBOOK_PHOTO_STORY] = commit_story, [FACEBOOK_VIDEO_STORY] = commit_story,
		[FACEBOOK_COMMENT] = commit_comment,
	};
	const char *mark = plat_get(in->values, "video");
	struct form f;

	form_begin(&f, in->arena);
	commits[facebook_kind(in, n)](in, out, n, &f);
	if (!mark)
		mark = plat_get_n(in->values, "photo", 0);
	out->request.mark = mark ? mark : wire_part_print(in, n);
	out->request.timeout_ms = COMMIT_TIMEOUT_MS;
}

static void send_draft(const struct plat_in *in, struct plat_out *out, size_t n)
{
	struct form f;

	form_begin(&f, in->arena);
	add_post(in, &f, n);
	form_add(&f, "published", "false");
	graph_post(in, out, &facebook_page, "draft", PLAT_REPEATABLE, facebook_edge(in, "feed"), &f);
}

void facebook_post(const struct plat_in *in, struct plat_out *out, size_t n)
{
	if (two_phase(in, n) && !plat_get(in->values, "draft"))
		send_draft(in, out, n);
	else
		send_commit(in, out, n);
}

/* ---- answers ---- */

bool facebook_draft_answer(const struct plat_in *in, struct plat_out *out)
{
	struct graph_answer answer;
	char digits[24];
	const char *id;

	graph_answer_read(in, &answer);
	id = json_get_id(answer.wire.json, "id", digits);
	if (answer.good && id)
		plat_set(in->values, "draft", id);
	else
		graph_refuse(in, out, &facebook_page, "the unpublished post", &answer);
	graph_answer_done(&answer);
	return out->verdict != PLAT_SEND;
}

/* What Facebook may take on another day fails once for a minute, then for good. */
static void refused(const struct plat_in *in, struct plat_out *out, const struct graph_answer *answer)
{
	int act = graph_rule(&facebook_page, answer)->act;

	graph_refuse_once(in, out, &facebook_page, "the post", answer);
	if (act == FACEBOOK_RESTART)
		plat_set(in->values, "restart", "1");
	/* A clear refusal: the next try begins with a new read, unless an earlier one that was lost may turn up yet. */
	if (out->verdict == PLAT_FAIL && out->klass != PLAT_UNKNOWN && out->klass != PLAT_DUPLICATE && !plat_get(in->values, "repeats"))
		plat_set(in->values, "since", NULL);
	if (out->verdict != PLAT_FAIL || out->klass != PLAT_PERMANENT)
		return;
	facebook_forget_upload(in);
	if (act == FACEBOOK_AGAIN && !fault_count(in, "again", MAX_TRIES)) {
		out->klass = PLAT_TRANSIENT;
		out->until_ms = in->now_ms + MINUTE_MS;
	}
}

bool facebook_post_answer(const struct plat_in *in, struct plat_out *out, size_t n)
{
	enum facebook_kind kind = facebook_kind(in, n);
	char digits[24], post_digits[24];
	struct graph_answer answer;
	const char *id, *post;
	bool success;

	graph_answer_read(in, &answer);
	id = json_get_id(answer.wire.json, "id", digits);
	post = json_get_id(answer.wire.json, "post_id", post_digits);
	success = json_true(json_get(answer.wire.json, "success"), false);
	if (answer.good && facebook_is_story(kind) && post) {
		facebook_stands(in, n, post, NULL);
	} else if (answer.good && facebook_is_video(kind) && (success || id)) {
		plat_set(in->values, PLAT_ACCEPTED, "1");
		if (id)
			plat_set(in->values, "video", id);
	} else if (answer.good && plat_get(in->values, "draft") && success) {
		facebook_stands(in, n, plat_get(in->values, "draft"), NULL);
	} else if (answer.good && id && !facebook_is_story(kind) && !facebook_is_video(kind)) {
		facebook_stands(in, n, id, NULL);
	} else {
		refused(in, out, &answer);
	}
	graph_answer_done(&answer);
	return out->verdict != PLAT_SEND;
}
