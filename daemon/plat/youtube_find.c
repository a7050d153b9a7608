/* youtube_find.c: what became of a step whose answer was lost.
 *
 * The publication is read from the video itself. A comment is ours when the channel wrote it under this video with the same
 * words, whether it is shown or held for review; three looks in five minutes must find it in neither list before it is written
 * again. An attempt that is not recorded: the channel's newest videos are searched for our tag. */
#include <string.h>

#include "daemon/plat/youtube.h"

static const int64_t look_after_ms[] = { 10 * 1000, 60 * 1000, 300 * 1000 };

static void stands(const struct plat_in *in, struct plat_out *out, size_t n, const char *id)
{
	youtube_stands(in, n, id);
	if (wire_part(in) == in->content->part_count)
		wire_all_done(in, out);
	else
		plat_settled(out, arena_fmt(in->arena, "part %zu stands as %s", n + 1, plat_get_n(in->values, PLAT_ID, n)));
}

/* What is no list says nothing about what is on it. */
static bool is_list(const struct plat_in *in, struct plat_out *out, const char *what, const struct wire_answer *answer)
{
	if (answer->status == 200 && json_kind(json_get(answer->json, "items")) == JSON_ARRAY) {
		oauth_accepted(in);
		return true;
	}
	youtube_refuse(in, out, what, answer);
	if (out->verdict == PLAT_FAIL && (out->klass == PLAT_PERMANENT || out->klass == PLAT_UNKNOWN))
		plat_undecided(out, out->text);
	return false;
}

/* ---- the publication ---- */

static void send_look(const struct plat_in *in, struct plat_out *out)
{
	const char *video = wire_percent(in->arena, plat_get(in->values, "video"), "");

	youtube_request(in, out, "look", PLAT_NONE, PLAT_GET, wire_str(arena_fmt(in->arena, "/youtube/v3/videos?part=status&id=%s", wire_str(video))));
}

/* Whoever sees it: it is no longer private, so the update arrived. */
static void look_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	const struct json *video;
	const char *privacy;

	if (!is_list(in, out, "the look at the video", answer))
		return;
	video = json_first(json_get(answer->json, "items"));
	privacy = json_text(json_path(video, "status.privacyStatus"));
	if (!video)
		plat_undecided(out, arena_fmt(in->arena, "youtube: video %s is no longer on the channel", wire_str(plat_get(in->values, "video"))));
	else if (privacy && strcmp(privacy, "private"))
		stands(in, out, 0, plat_get(in->values, "video"));
	else
		plat_settled(out, "absent: the video is still private");
}

/* ---- a video that this store does not know of ---- */

/* The search goes on with its own steps; a video that is still private is carried on with. */
static void search_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	const char *id;

	if (youtube_search_answer(in, out, answer, &id)) {
		if (out->verdict == PLAT_FAIL && out->klass == PLAT_PERMANENT)
			plat_undecided(out, out->text);
		return;
	}
	if (!id) {
		plat_settled(out, "absent");
	} else if (wire_known(in, id)) {
		plat_settled(out, "absent");
	} else {
		plat_set(in->values, "video", id);
		send_look(in, out);
	}
}

/* ---- comments ---- */

static void send_comments(const struct plat_in *in, struct plat_out *out, bool held)
{
	const char *video = wire_percent(in->arena, plat_get_n(in->values, PLAT_ID, 0), "");

	youtube_request(in, out, held ? "held" : "comments", PLAT_NONE, PLAT_GET,
	                wire_str(arena_fmt(in->arena, "/youtube/v3/commentThreads?part=snippet&videoId=%s&order=time&maxResults=100%s", wire_str(video),
	                                   held ? "&moderationStatus=heldForReview" : "")));
}

static bool shown(const struct plat_in *in, const char *id)
{
	for (size_t i = 1; i < in->content->part_count; i++) {
		const char *ours = plat_get_n(in->values, PLAT_ID, i);

		if (ours && !strcmp(ours, id))
			return true;
	}
	return wire_known(in, id);
}

static const char *comment_of(const struct plat_in *in, size_t n, const struct json *items)
{
	const char *own = wire_str(plat_get(in->account_values, "own_id"));

	for (const struct json *e = json_first(items); e; e = json_next(e)) {
		const struct json *said = json_path(e, "snippet.topLevelComment.snippet");
		const char *id = json_get_text(e, "id"), *text = json_get_text(said, "textOriginal"), *who = json_text(json_path(said, "authorChannelId.value"));

		if (id && text && who && !strcmp(who, own) && !strcmp(text, wire_str(in->content->parts[n].text)) && !shown(in, id))
			return arena_strdup(in->arena, id);
	}
	return NULL;
}

static void begin_comments(const struct plat_in *in, struct plat_out *out)
{
	size_t looks = (size_t)plat_get_int(in->values, "looks", 0);
	int64_t at_ms = wire_lost_steady_ms(in) + look_after_ms[looks < WIRE_COUNT(look_after_ms) ? looks : 0];

	if (!wire_unrecorded(in) && in->steady_ms < at_ms)
		plat_wait(out, in->now_ms + at_ms - in->steady_ms);
	else
		send_comments(in, out, false);
}

static void comments_answer(const struct plat_in *in, struct plat_out *out, size_t n, const struct wire_answer *answer)
{
	int64_t looks = plat_get_int(in->values, "looks", 0) + 1;
	const char *id;

	if (!is_list(in, out, "the look for the comment", answer))
		return;
	id = comment_of(in, n, json_get(answer->json, "items"));
	if (id) {
		stands(in, out, n, id);
	} else if (wire_step_is(in->response_step, "comments", NULL)) {
		send_comments(in, out, true);
	} else if (wire_unrecorded(in) || looks >= (int64_t)WIRE_COUNT(look_after_ms)) {
		plat_set(in->values, "looks", NULL);
		plat_settled(out, wire_unrecorded(in) ? "absent" : "absent: three looks in five minutes found no such comment");
	} else {
		plat_set_int(in->values, "looks", looks);
		begin_comments(in, out);
	}
}

/* ---- */

static void answered(const struct plat_in *in, struct plat_out *out, size_t n)
{
	struct wire_answer answer;
	const char *step = in->response_step;

	youtube_answer(in, &answer);
	if (wire_step_is(step, "look", NULL))
		look_answer(in, out, &answer);
	else if (wire_step_is(step, "list", NULL) || wire_step_is(step, "tags", NULL))
		search_answer(in, out, &answer);
	else
		comments_answer(in, out, n, &answer);
	wire_answer_done(&answer);
}

static void begin(const struct plat_in *in, struct plat_out *out, size_t n)
{
	if (n)
		begin_comments(in, out);
	else if (plat_get(in->values, "video"))
		send_look(in, out);
	else if (wire_unrecorded(in))
		youtube_search(in, out);
	else
		plat_undecided(out, "youtube: the record of the attempt names no video");
}

void youtube_reconcile(const struct plat_in *in, struct plat_out *out)
{
	size_t n = 0;
	const char *step = in->target->open_count ? in->target->open[0].step : NULL;
	bool known = wire_unrecorded(in) || (step && (wire_step_is(step, "publish", &n) || wire_step_is(step, "comment", &n)));

	memset(out, 0, sizeof(*out));
	if (wire_unrecorded(in))
		n = wire_part(in);
	if (!known || n > in->content->part_count)
		plat_undecided(out, "youtube: the record of the attempt names no step");
	else if (n == in->content->part_count)
		wire_all_done(in, out);
	else if (plat_get_n(in->values, PLAT_ID, n))
		stands(in, out, n, plat_get_n(in->values, PLAT_ID, n));
	else if (!youtube_ready(in))
		out->verdict = PLAT_NEED_SESSION;
	else if (in->response)
		answered(in, out, n);
	else
		begin(in, out, n);
	wire_end(in, out);
}
