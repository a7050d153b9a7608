/* facebook_status.c: what Facebook makes of a video after it was told to publish it: it is worked on, then shown, or found
 * unusable. */
#include "daemon/plat/facebook.h"

#include <string.h>

#include "daemon/plat/progress.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)

static const struct poll_plan video_plan = { 5 * SECOND_MS, 5 * SECOND_MS, MINUTE_MS, 30 * SECOND_MS, 30 * MINUTE_MS };
static const struct poll_plan short_plan = { 5 * SECOND_MS, 5 * SECOND_MS, MINUTE_MS, 10 * SECOND_MS, 10 * MINUTE_MS };

void facebook_ask_video(const struct plat_in *in, struct plat_out *out, const char *step, const char *video)
{
	const char *id = wire_percent(in->arena, video, "");

	graph_get(in, out, &facebook_page, step, wire_str(arena_fmt(in->arena, "/%s", wire_str(id))),
	          "fields=status,post_id,permalink_url,published");
}

/* ---- reading ---- */

static bool is(const struct json *status, const char *path, const char *word)
{
	const char *text = json_text(json_path(status, path));

	return text && !strcmp(text, word);
}

/* What Facebook says of a phase that failed; NULL while none did. */
static const char *fault_of(const struct plat_in *in, const struct json *status)
{
	static const char *const phases[] = { "uploading_phase", "processing_phase", "publishing_phase" };
	const char *text;

	for (size_t i = 0; i < WIRE_COUNT(phases); i++) {
		const struct json *phase = json_get(status, phases[i]);

		if (!is(phase, "status", "error"))
			continue;
		text = json_text(json_path(phase, "errors.0.message"));
		text = text ? wire_excerpt(in->arena, text, strlen(text), WIRE_EXCERPT_CHARS) : NULL;
		return text && *text ? text : phases[i];
	}
	if (is(status, "video_status", "error") || is(status, "video_status", "expired"))
		return json_get_text(status, "video_status");
	return NULL;
}

enum facebook_state facebook_state(const struct plat_in *in, const struct json *video, const char **why)
{
	const struct json *status = json_get(video, "status");
	bool post = json_get(video, "post_id"), published = json_true(json_get(video, "published"), false);
	const char *fault = fault_of(in, status);

	*why = "";
	if (fault) {
		*why = wire_str(arena_fmt(in->arena, "facebook could not publish the video: %s", fault));
		return FACEBOOK_BROKEN;
	}
	if (is(status, "publishing_phase.status", "complete") || (post && is(status, "video_status", "ready")))
		return FACEBOOK_SHOWN;
	return post || published || is(status, "publishing_phase.status", "in_progress") ? FACEBOOK_TAKEN : FACEBOOK_IDLE;
}

void facebook_video_stands(const struct plat_in *in, size_t n, const struct json *video)
{
	const char *own = plat_get(in->values, "video"), *url = json_get_text(video, "permalink_url"), *post;
	char digits[24];

	post = json_get_id(video, "post_id", digits);
	plat_set(in->values, "edge", post && strchr(post, '_') ? NULL : own);
	if (url && *url == '/')
		url = arena_fmt(in->arena, FACEBOOK_SITE "%s", url);
	if (!url && !facebook_is_story(facebook_kind(in, n)))
		url = arena_fmt(in->arena, FACEBOOK_SITE "/%s", wire_str(own));
	facebook_stands(in, n, post ? post : own, url);
}

/* ---- waiting ---- */

static const struct poll_plan *plan_of(const struct plat_in *in, size_t n)
{
	return facebook_kind(in, n) == FACEBOOK_VIDEO ? &video_plan : &short_plan;
}

void facebook_await(const struct plat_in *in, struct plat_out *out, size_t n)
{
	if (!poll_under_way(in, "status", 0))
		poll_begin(in, out, plan_of(in, n), "status", 0);
	else
		facebook_ask_video(in, out, "status", plat_get(in->values, "video"));
}

/* It may be shown at any time yet: nothing may send it again, so that the look goes on where the wait ended. */
static void too_slow(const struct plat_in *in, struct plat_out *out, size_t n)
{
	plat_set(in->values, "slow", "1");
	facebook_post(in, out, n);
	plat_fail(out, PLAT_UNKNOWN, "facebook took the video and has not shown it for a long time");
}

bool facebook_await_answer(const struct plat_in *in, struct plat_out *out, size_t n)
{
	struct graph_answer answer;
	int64_t wait_ms = 0;
	const char *why;
	enum facebook_state state = FACEBOOK_TAKEN;

	graph_answer_read(in, &answer);
	if (answer.good) {
		state = facebook_state(in, answer.wire.json, &why);
		wait_ms = graph_ease_ms(in);
	} else {
		graph_refuse(in, out, &facebook_page, "the question for the video", &answer);
		/* A question that fails says nothing about the video. */
		if (out->verdict == PLAT_FAIL && out->klass == PLAT_RATE)
			wait_ms = out->until_ms - in->now_ms;
	}
	if (state == FACEBOOK_SHOWN) {
		facebook_video_stands(in, n, answer.wire.json);
	} else if (state == FACEBOOK_BROKEN) {
		plat_set(in->values, PLAT_ACCEPTED, NULL);
		poll_end(in, "status", 0);
		plat_set(in->values, "broken", why);
	} else if (out->verdict != PLAT_NEED_SESSION && !(out->verdict == PLAT_FAIL && out->klass == PLAT_AUTH)) {
		*out = (struct plat_out){ .verdict = PLAT_SEND };
		if (!poll_again(in, out, plan_of(in, n), "status", 0, wait_ms))
			too_slow(in, out, n);
	}
	graph_answer_done(&answer);
	return out->verdict != PLAT_SEND;
}
