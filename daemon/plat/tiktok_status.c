/* tiktok_status.c: what becomes of a post that TikTok has: it is worked on, looked at by moderators, shown, or refused.
 *
 * A state that says "failed" is definite: nothing was published, and a new attempt is no second post. */
#include "daemon/plat/tiktok.h"

#include <string.h>

#include "daemon/plat/progress.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define MAX_FAULTS 3

static const struct poll_plan quick_plan = { 5 * SECOND_MS, 10 * SECOND_MS, 2 * MINUTE_MS, MINUTE_MS, 2 * HOUR_MS };
/* What is posted may have no id until moderators have seen it. */
static const struct poll_plan late_plan = { 10 * MINUTE_MS, 10 * MINUTE_MS, 0, 10 * MINUTE_MS, 22 * HOUR_MS };

enum remedy { NONE, ANEW, REACH, DAY };

/* Contract 4.4; what is not in it is permanent. */
static const struct { const char *reason; enum plat_class klass; enum remedy remedy; } reasons[] = {
	{ "internal", PLAT_TRANSIENT, ANEW },
	{ "video_pull_failed", PLAT_TRANSIENT, REACH },
	{ "photo_pull_failed", PLAT_TRANSIENT, REACH },
	{ "auth_removed", PLAT_AUTH, NONE },
	{ "spam_risk_too_many_posts", PLAT_RATE, DAY },
	{ "spam_risk_user_banned_from_posting", PLAT_AUTH, NONE },
};

void tiktok_ask(const struct plat_in *in, struct plat_out *out)
{
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	struct json_writer w;

	jw_init(&w, &b);
	jw_object(&w, NULL);
	jw_str(&w, "publish_id", plat_get(in->values, "publish"));
	jw_end(&w);
	tiktok_request(in, out, "status.0", PLAT_NONE, PLAT_POST, "/v2/post/publish/status/fetch/", &b);
}

/* ---- reading ---- */

uint64_t tiktok_uploaded(const struct wire_answer *answer)
{
	int64_t bytes;

	return json_get_int(json_get(answer->json, "data"), "uploaded_bytes", &bytes) || bytes < 0 ? 0 : (uint64_t)bytes;
}

const char *tiktok_posted_id(const struct wire_answer *answer)
{
	const struct json *data = json_get(answer->json, "data"), *list = json_get(data, "publicaly_available_post_id");
	const struct json *first = json_first(list ? list : json_get(data, "publicly_available_post_id"));
	const char *id = json_text(first);

	return id && *id && strspn(id, "0123456789") == strlen(id) && strlen(id) < 24 ? id : NULL;
}

enum tiktok_state tiktok_state(const struct plat_in *in, const struct wire_answer *answer)
{
	static const struct { const char *word; enum tiktok_state state; } words[] = {
		{ "PUBLISH_COMPLETE", TIKTOK_POSTED }, { "FAILED", TIKTOK_FAILED }, { "PUBLISH_FAILED", TIKTOK_FAILED },
		{ "SEND_TO_USER_INBOX", TIKTOK_DRAFTED }, { "SENDING_TO_USER_INBOX", TIKTOK_DRAFTED },
	};
	const char *status = wire_str(json_get_text(json_get(answer->json, "data"), "status"));

	for (size_t i = 0; i < WIRE_COUNT(words); i++)
		if (!strcmp(words[i].word, status))
			return words[i].state;
	if (!strcmp(status, "PROCESSING_UPLOAD") && tiktok_uploaded(answer) < in->content->parts[0].media[0].size_bytes)
		return TIKTOK_SHORT;
	return TIKTOK_WORKING;
}

/* ---- waiting ---- */

void tiktok_accepted(const struct plat_in *in, struct plat_out *out)
{
	plat_set(in->values, PLAT_ACCEPTED, "1");
	plat_set(in->values, "doubt", NULL);
	plat_set_int(in->values, "sent_ms", in->now_ms);
	poll_begin(in, out, &quick_plan, "status", 0);
}

void tiktok_await(const struct plat_in *in, struct plat_out *out)
{
	if (plat_get(in->values, "listing"))
		tiktok_list(in, out);
	else if (poll_under_way(in, "status", 0) || poll_under_way(in, "late", 0))
		tiktok_ask(in, out);
	else
		poll_begin(in, out, &quick_plan, "status", 0);
}

/* It has an id that only a look through the profile may tell, or none that the world can see. */
static bool ends(const struct plat_in *in, struct plat_out *out)
{
	if (plat_get(in->values, "complete")) {
		plat_set(in->values, "listing", "1");
		tiktok_list(in, out);
		return true;
	}
	/* It may be shown at any time yet: nothing may send it again. */
	plat_set(in->values, "slow", "1");
	tiktok_commit(in, out);
	plat_fail(out, PLAT_UNKNOWN, "tiktok took the post and has not shown it for a day");
	return true;
}

static bool not_yet(const struct plat_in *in, struct plat_out *out, int64_t at_least_ms)
{
	if (poll_under_way(in, "late", 0))
		return poll_again(in, out, &late_plan, "late", 0, at_least_ms) || ends(in, out);
	if (!plat_get(in->values, "complete") && poll_again(in, out, &quick_plan, "status", 0, at_least_ms))
		return true;
	poll_end(in, "status", 0);
	poll_begin(in, out, &late_plan, "late", 0);
	return true;
}

static bool posted(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	const char *id = tiktok_posted_id(answer);

	if (id) {
		tiktok_stands(in, id, true);
		return false;
	}
	/* What few may see never gets an id: the publish_id is all there is. */
	if (!tiktok_chosen(in, "Privacy", "public")) {
		tiktok_stands(in, wire_str(plat_get(in->values, "publish")), false);
		return false;
	}
	plat_set(in->values, "complete", "1");
	return not_yet(in, out, 0);
}

static bool failed(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	const char *reason = wire_str(json_get_text(json_get(answer->json, "data"), "fail_reason")), *text;
	enum plat_class klass = PLAT_PERMANENT;
	enum remedy remedy = NONE;
	bool enough;

	for (size_t i = 0; i < WIRE_COUNT(reasons); i++)
		if (!strcmp(reasons[i].reason, reason)) {
			klass = reasons[i].klass;
			remedy = reasons[i].remedy;
		}
	text = wire_excerpt(in->arena, reason, strlen(reason), WIRE_EXCERPT_CHARS);
	text = arena_fmt(in->arena, "tiktok did not publish the post: %s", *wire_str(text) ? text : "no reason given");
	enough = (remedy == ANEW || remedy == REACH) && fault_count(in, "faults", MAX_FAULTS);
	tiktok_forget(in);
	plat_set(in->values, "creator_ms", NULL);
	/* Whether our address shows the files is looked at anew. */
	for (size_t k = 0; remedy == REACH && k < in->content->parts[0].media_count; k++)
		plat_set_n(in->values, "public_ok", k, NULL);
	plat_fail(out, enough ? PLAT_PERMANENT : klass, text);
	if (remedy == DAY)
		out->until_ms = in->now_ms + 24 * HOUR_MS;
	return true;
}

/* ---- answers ---- */

/* An upload whose end is not known: goes on, was taken, or begins anew. */
static bool doubtful(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	bool gone = !strcmp(plat_get(in->values, "doubt"), "gone");

	switch (tiktok_state(in, answer)) {
	case TIKTOK_FAILED:
		return failed(in, out, answer);
	case TIKTOK_SHORT:
		if (gone)
			return tiktok_put_again(in, out, "tiktok: the upload of the video was lost again and again");
		plat_set(in->values, "doubt", NULL);
		tiktok_arrived(in, tiktok_uploaded(answer));
		return false;
	case TIKTOK_WORKING:
	case TIKTOK_POSTED:
	case TIKTOK_DRAFTED:
		break;
	}
	tiktok_accepted(in, out);
	return true;
}

static bool state_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	switch (tiktok_state(in, answer)) {
	case TIKTOK_POSTED:
		return posted(in, out, answer);
	case TIKTOK_DRAFTED:
		tiktok_stands(in, wire_str(plat_get(in->values, "publish")), false);
		return false;
	case TIKTOK_FAILED:
		return failed(in, out, answer);
	case TIKTOK_SHORT:
	case TIKTOK_WORKING:
		break;
	}
	return not_yet(in, out, 0);
}

/* A question that fails says nothing about the post. */
static bool unreadable(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	bool taken = plat_get(in->values, PLAT_ACCEPTED);
	int64_t wait_ms = 0;

	if (!taken && tiktok_rule(answer)->act == TIKTOK_UNKNOWN_ID && !plat_get(in->values, "lost"))
		return tiktok_put_again(in, out, "tiktok does not know the upload that it has begun");
	tiktok_refuse(in, out, "the question for the post", answer);
	if (out->verdict == PLAT_NEED_SESSION || out->klass == PLAT_AUTH || !taken) {
		if (out->verdict == PLAT_FAIL && out->klass == PLAT_PERMANENT)
			out->klass = PLAT_TRANSIENT;
		return true;
	}
	if (out->klass == PLAT_RATE)
		wait_ms = out->until_ms - in->now_ms;
	*out = (struct plat_out){ .verdict = PLAT_SEND };
	return not_yet(in, out, wait_ms);
}

/* After a day: whatever the list says, the post is published. */
static bool list_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	const char *id = NULL;
	int64_t hits = 0;

	if (!plat_get(in->values, "listing"))
		return false;
	if (tiktok_good(answer) && tiktok_listed(in, out, answer, &hits, &id) && out->verdict == PLAT_SEND)
		return true;
	*out = (struct plat_out){ .verdict = PLAT_SEND };
	tiktok_stands(in, hits == 1 ? id : wire_str(plat_get(in->values, "publish")), hits == 1);
	return false;
}

bool tiktok_status_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	if (wire_step_is(in->response_step, "list", NULL))
		return list_answer(in, out, answer);
	if (!plat_get(in->values, "publish"))
		return false;
	if (!tiktok_good(answer))
		return unreadable(in, out, answer);
	if (plat_get(in->values, PLAT_ACCEPTED))
		return state_answer(in, out, answer);
	return plat_get(in->values, "doubt") && doubtful(in, out, answer);
}
