/* facebook_find.c: looking for a part whose answer was lost.
 *
 * Where what it shows went up before, that object tells: a video its own state, a photo the post that it is attached to, a draft
 * whether it is published. A text is looked for among the Page's posts since the newest one before it, by its exact words and our
 * application; stories are known by their photo or video, comments by author and words. The newest post is never taken for ours
 * for being the newest.
 *
 * Not found: looks 15 s, 1 min and 5 min apart. After the third, what Facebook can publish only once (a video, a story, a draft)
 * and a comment go out again; texts and photos are left to a person, or go out again with NotFound=repeat; three times at most.
 * An attempt that is not recorded (plat.h) is looked for once, by content. */
#include "daemon/plat/facebook.h"

#include <string.h>

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define DAY_MS (24 * 60 * MINUTE_MS)
#define SETTLE_MS (15 * SECOND_MS)
#define TAKEN_FAST_MS (30 * MINUTE_MS)
#define STORY_LIFE_MS (23 * 60 * MINUTE_MS)
#define MAX_LOOKS 3
#define MAX_REPEATS 3
#define MAX_PAGES 10

static const int64_t pauses_ms[MAX_LOOKS] = { 0, MINUTE_MS, 5 * MINUTE_MS };

static const char *const list_values[] = { "find_after", "find_pages", "hits", "match", "match_url", "match_edge" };

static const struct attempt *attempt(const struct plat_in *in)
{
	return &in->target->open[0];
}

/* ---- outcomes ---- */

static void found(const struct plat_in *in, struct plat_out *out, size_t n)
{
	if (!n && !plat_get_n(in->values, PLAT_URL, 0))
		plat_set_n(in->values, PLAT_URL, 0, arena_fmt(in->arena, FACEBOOK_SITE "/%s", wire_str(plat_get_n(in->values, PLAT_ID, 0))));
	if (wire_part(in) == in->content->part_count)
		wire_all_done(in, out);
	else
		plat_settled(out, arena_fmt(in->arena, "part %zu stands as %s", n + 1, plat_get_n(in->values, PLAT_ID, n)));
}

static void stands(const struct plat_in *in, struct plat_out *out, size_t n, const char *id, const char *url, const char *edge)
{
	if (edge)
		plat_set(in->values, "edge", edge);
	facebook_stands(in, n, id, url);
	found(in, out, n);
}

/* What can be published once only, or is seen to be missing where it would stand. */
static bool repeatable(const struct plat_in *in, size_t n)
{
	enum facebook_kind kind = facebook_kind(in, n);

	return kind == FACEBOOK_COMMENT || kind == FACEBOOK_PHOTO_STORY || plat_get(in->values, "draft") ||
	       (facebook_is_video(kind) && plat_get(in->values, "video")) || facebook_wants(in, "NotFound", "repeat");
}

static void absent(const struct plat_in *in, struct plat_out *out, size_t n)
{
	int64_t looks = plat_get_int(in->values, "looks", 0) + 1, repeats = plat_get_int(in->values, "repeats", 0) + 1;

	if (wire_unrecorded(in)) {
		plat_settled(out, "absent");
		return;
	}
	if (looks < MAX_LOOKS) {
		plat_set_int(in->values, "looks", looks);
		plat_set_int(in->values, "look_ms", in->steady_ms + pauses_ms[looks]);
		plat_wait(out, in->now_ms + pauses_ms[looks]);
		return;
	}
	plat_set(in->values, "looks", NULL);
	plat_set(in->values, "look_ms", NULL);
	if (!repeatable(in, n) || repeats > MAX_REPEATS) {
		plat_undecided(out, arena_fmt(in->arena, "facebook: part %zu was sent %lld time%s without a clear answer and three looks did not find it",
		                         n + 1, (long long)repeats, repeats == 1 ? "" : "s"));
		return;
	}
	plat_set_int(in->values, "repeats", repeats);
	if (plat_get(in->values, "restart"))
		facebook_forget_upload(in);
	plat_set(in->values, "restart", NULL);
	plat_settled(out, "absent: three looks did not find it");
}

/* ---- lists ---- */

static void send_list(const struct plat_in *in, struct plat_out *out, size_t n)
{
	const struct facebook_list *l = facebook_list_of(in, n);
	const char *after = plat_get(in->values, "find_after"), *since = plat_get(in->values, "since");
	bool bounded = l->since && !(since && !strcmp(since, "0") && !wire_unrecorded(in));
	const char *to = l->edge ? NULL : wire_percent(in->arena, facebook_commented(in), "");
	const char *path = l->edge ? facebook_edge(in, l->edge) : arena_fmt(in->arena, "/%s/comments", wire_str(to));
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);

	buf_add_str(&b, l->query);
	if (bounded)
		buf_add_fmt(&b, "&since=%lld", (long long)(facebook_floor_ms(in) / 1000));
	if (after)
		buf_add_fmt(&b, "&after=%s", wire_str(wire_percent(in->arena, after, "")));
	graph_get(in, out, &facebook_page, "list", wire_str(path), wire_take(&b, in->arena, NULL));
}

static void begin_list(const struct plat_in *in, struct plat_out *out, size_t n)
{
	for (size_t i = 0; i < WIRE_COUNT(list_values); i++)
		plat_set(in->values, list_values[i], NULL);
	send_list(in, out, n);
}

static bool others(const struct plat_in *in, const char *id)
{
	const char *since = plat_get(in->values, "since");

	if (wire_known(in, id) || (since && !strcmp(since, id)))
		return true;
	for (size_t i = 0; i < in->content->part_count; i++) {
		const char *ours = plat_get_n(in->values, PLAT_ID, i);

		if (ours && !strcmp(ours, id))
			return true;
	}
	return false;
}

/* True when an entry is ours beyond doubt: the part stands then. *end: none of ours can be behind these. */
static bool scan(const struct plat_in *in, struct plat_out *out, size_t n, const struct json *data, bool *end)
{
	const struct facebook_list *l = facebook_list_of(in, n);
	char digits[24], edge_digits[24];

	*end = false;
	for (const struct json *e = json_first(data); e; e = json_next(e)) {
		const char *id = json_get_id(e, l->id_name, digits), *url = json_get_text(e, l->url_name);
		const char *edge = l->edge_name ? json_get_id(e, l->edge_name, edge_digits) : NULL;
		bool old = facebook_too_old(in, l, e);
		enum facebook_fit fit = old ? FACEBOOK_NOT : l->fit(in, n, e);

		*end = *end || (old && l->newest_first);
		if (!id)
			id = json_get_id(e, "id", digits);
		if (!id || others(in, id) || fit == FACEBOOK_NOT)
			continue;
		if (fit == FACEBOOK_SURELY) {
			stands(in, out, n, id, url, edge);
			return true;
		}
		plat_set_int(in->values, "hits", plat_get_int(in->values, "hits", 0) + 1);
		plat_set(in->values, "match", id);
		plat_set(in->values, "match_url", url);
		plat_set(in->values, "match_edge", edge);
	}
	return false;
}

static void end_list(const struct plat_in *in, struct plat_out *out, size_t n)
{
	int64_t hits = plat_get_int(in->values, "hits", 0);
	const char *match = plat_get(in->values, "match");
	bool story = facebook_is_story(facebook_kind(in, n));

	if (hits && wire_known(in, match)) {
		begin_list(in, out, n);        /* another target was found there meanwhile */
	} else if (hits > 1 || (hits && (story || facebook_wordless(in, n)))) {
		plat_undecided(out, arena_fmt(in->arena, "facebook: %lld post%s like part %zu (one is %s) and cannot be told apart", (long long)hits,
		                         hits > 1 ? "s look" : " looks", n + 1, match));
	} else if (hits) {
		stands(in, out, n, match, plat_get(in->values, "match_url"), plat_get(in->values, "match_edge"));
	} else if (wire_unrecorded(in) && story && in->now_ms - attempt(in)->armed_ms > STORY_LIFE_MS) {
		plat_undecided(out, "facebook: a story may have been shown and have ended since: it is no longer listed");
	} else {
		absent(in, out, n);
	}
}

static void list_answer(const struct plat_in *in, struct plat_out *out, size_t n, const struct graph_answer *answer)
{
	const struct json *data = json_get(answer->wire.json, "data");
	int64_t pages = plat_get_int(in->values, "find_pages", 0) + 1;
	const char *after = graph_next_page(answer->wire.json);
	bool end;

	/* What is no list says nothing about what is on it. */
	if (!answer->good || json_kind(data) != JSON_ARRAY) {
		graph_refuse(in, out, &facebook_page, "the look for the post", answer);
		if (out->verdict == PLAT_FAIL && out->klass == PLAT_PERMANENT)
			plat_undecided(out, out->text);
	} else if (scan(in, out, n, data, &end)) {
		return;
	} else if (!after || end) {
		end_list(in, out, n);
	} else if (pages >= MAX_PAGES) {
		plat_undecided(out, "facebook: too many posts since the attempt to look through");
	} else {
		plat_set(in->values, "find_after", after);
		plat_set_int(in->values, "find_pages", pages);
		send_list(in, out, n);
	}
}

/* ---- objects that went up before ---- */

static void send_look(const struct plat_in *in, struct plat_out *out, size_t n)
{
	enum facebook_kind kind = facebook_kind(in, n);
	const char *draft = plat_get(in->values, "draft"), *video = plat_get(in->values, "video");
	const char *photo = kind == FACEBOOK_PHOTOS ? plat_get_n(in->values, "photo", 0) : NULL, *id = draft ? draft : photo;

	id = id ? wire_str(wire_percent(in->arena, id, "")) : NULL;
	if (facebook_is_video(kind) && video)
		facebook_ask_video(in, out, "look.video", video);
	else if (id)
		graph_get(in, out, &facebook_page, draft ? "look.draft" : "look.photo", wire_str(arena_fmt(in->arena, "/%s", id)),
		          draft ? "fields=id,is_published,permalink_url" : "fields=id,page_story_id,created_time");
	else
		begin_list(in, out, n);
}

/* The object does not show it: it is absent, or, where there may be another one, the list is read. */
static void not_there(const struct plat_in *in, struct plat_out *out, size_t n)
{
	if (wire_unrecorded(in) || facebook_kind(in, n) == FACEBOOK_PHOTOS)
		begin_list(in, out, n);
	else
		absent(in, out, n);
}

/* Facebook works on it: nothing may send it again, and it is shown sooner or later. */
static void taken(const struct plat_in *in, struct plat_out *out)
{
	int64_t age = in->steady_ms - wire_armed_steady_ms(in);

	if (age > DAY_MS)
		plat_undecided(out, "facebook: it took the video a day ago and does not show it");
	else
		plat_wait(out, in->now_ms + (age < TAKEN_FAST_MS ? MINUTE_MS : 5 * MINUTE_MS));
}

static void video_answer(const struct plat_in *in, struct plat_out *out, size_t n, const struct graph_answer *answer)
{
	const char *why;
	enum facebook_state state = facebook_state(in, answer->wire.json, &why);
	bool slow = plat_get(in->values, "slow") || plat_get(in->values, PLAT_ACCEPTED);

	if (state == FACEBOOK_SHOWN || (state == FACEBOOK_TAKEN && wire_unrecorded(in))) {
		facebook_video_stands(in, n, answer->wire.json);
		found(in, out, n);
	} else if (state == FACEBOOK_BROKEN && !wire_unrecorded(in)) {
		plat_set(in->values, PLAT_ACCEPTED, NULL);
		plat_set(in->values, "broken", why);
		plat_settled(out, why);
	} else if (state == FACEBOOK_TAKEN || (slow && !wire_unrecorded(in))) {
		taken(in, out);
	} else {
		not_there(in, out, n);
	}
}

static void draft_answer(const struct plat_in *in, struct plat_out *out, size_t n, const struct graph_answer *answer)
{
	const char *url = json_get_text(answer->wire.json, "permalink_url");

	if (json_true(json_get(answer->wire.json, "is_published"), false))
		stands(in, out, n, plat_get(in->values, "draft"), url, NULL);
	else
		not_there(in, out, n);
}

static void photo_answer(const struct plat_in *in, struct plat_out *out, size_t n, const struct graph_answer *answer)
{
	char digits[24];
	const char *post = json_get_id(answer->wire.json, "page_story_id", digits);

	if (post)
		stands(in, out, n, post, NULL, NULL);
	else
		not_there(in, out, n);
}

static void look_answer(const struct plat_in *in, struct plat_out *out, size_t n, const struct graph_answer *answer)
{
	bool video = wire_step_is(in->response_step, "look.video", NULL), draft = wire_step_is(in->response_step, "look.draft", NULL);

	if (!answer->good && graph_rule(&facebook_page, answer)->act == FACEBOOK_GONE) {
		plat_set(in->values, "restart", "1");
		not_there(in, out, n);
	} else if (!answer->good) {
		graph_refuse(in, out, &facebook_page, "the look for the post", answer);
		if (out->verdict == PLAT_FAIL && out->klass == PLAT_PERMANENT)
			plat_undecided(out, out->text);
	} else if (video && plat_get(in->values, "video")) {
		video_answer(in, out, n, answer);
	} else if (draft && plat_get(in->values, "draft")) {
		draft_answer(in, out, n, answer);
	} else if (!video && !draft) {
		photo_answer(in, out, n, answer);
	} else {
		send_look(in, out, n);
	}
}

/* ---- the look ---- */

static void begin(const struct plat_in *in, struct plat_out *out, size_t n)
{
	const struct attempt *a = attempt(in);
	int64_t lost = a->lost_steady_ms ? a->lost_steady_ms : a->lost_ms;
	int64_t earliest = plat_get_int(in->values, "look_ms", lost + SETTLE_MS);

	if (in->steady_ms < earliest && !wire_unrecorded(in))
		plat_wait(out, in->now_ms + (earliest - in->steady_ms));
	else
		send_look(in, out, n);
}

static void answered(const struct plat_in *in, struct plat_out *out, size_t n)
{
	struct graph_answer answer;

	graph_answer_read(in, &answer);
	if (wire_step_is(in->response_step, "list", NULL))
		list_answer(in, out, n, &answer);
	else if (!strncmp(in->response_step, "look.", 5))
		look_answer(in, out, n, &answer);
	else
		begin(in, out, n);
	graph_answer_done(&answer);
}

void facebook_reconcile(const struct plat_in *in, struct plat_out *out)
{
	size_t n = 0;
	bool known = wire_unrecorded(in) || (in->target->open_count && wire_step_is(attempt(in)->step, "post", &n));

	memset(out, 0, sizeof(*out));
	if (wire_unrecorded(in))
		n = wire_part(in);
	if (wire_unrecorded(in) && n == in->content->part_count)
		wire_all_done(in, out);
	else if (!known || n >= in->content->part_count)
		plat_undecided(out, "facebook: the record of the attempt names no post");
	else if (plat_get_n(in->values, PLAT_ID, n))
		found(in, out, n);
	else if (!facebook_ready(in))
		out->verdict = PLAT_NEED_SESSION;
	else if (in->response)
		answered(in, out, n);
	else
		begin(in, out, n);
	wire_end(in, out);
}
