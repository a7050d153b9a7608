/* linkedin_find.c: looking for a post or a comment whose answer was lost (contract, 3).
 *
 * The author's newest posts are read. One is ours when it shows the very file that was uploaded for this try (decisive), or,
 * without files, when it was made since the try with the same words. Looks follow 20, 60 and 180 seconds after the loss,
 * since the list lags. Nothing found: the identical request goes out once more, because the platform refuses duplicates
 * and names them (RetryAfterReconcile=); a second loss is for a person. A token that may not read the posts leaves that to
 * BlindRetry=.
 *
 * An attempt that is not recorded (plat.h) is looked for once, by words alone, past posts of other targets. */
#include "daemon/plat/linkedin.h"

#include <string.h>

#define SKEW_MS (60 * INT64_C(1000))
#define PAGE 50

static const int64_t looks_at_ms[] = { 20 * 1000, 60 * 1000, 180 * 1000 };

static const struct attempt *attempt(const struct plat_in *in)
{
	return &in->target->open[0];
}

static bool option_is(const struct plat_in *in, const char *name, const char *word, bool fallback)
{
	const char *text = plat_option(in->account, name);

	return text ? !strcmp(text, word) : fallback;
}

static void forget_look(const struct plat_in *in)
{
	plat_set(in->values, "looks", NULL);
}

/* ---- outcomes ---- */

static void found(const struct plat_in *in, struct plat_out *out, size_t n, const char *urn)
{
	forget_look(in);
	linkedin_stands(in, n, urn);
	if (wire_part(in) == in->content->part_count)
		wire_all_done(in, out);
	else
		plat_settled(out, arena_fmt(in->arena, "part %zu stands as %s", n + 1, plat_get_n(in->values, PLAT_ID, n)));
}

/* allowed: whether the identical request may go out once more. */
static void absent(const struct plat_in *in, struct plat_out *out, bool allowed, const char *why)
{
	forget_look(in);
	if (wire_unrecorded(in)) {
		plat_settled(out, "absent");
	} else if (!allowed || plat_get(in->values, "losses")) {
		plat_undecided(out, arena_fmt(in->arena, "linkedin: %s%s", why,
		                         plat_get(in->values, "losses") ? ", for the second time" : ""));
	} else {
		plat_set(in->values, "losses", "1");
		plat_settled(out, arena_fmt(in->arena, "absent: %s; it goes out once more, and the platform refuses duplicates", why));
	}
}

/* Not there yet: the next look, or the end of looking. */
static void not_found(const struct plat_in *in, struct plat_out *out)
{
	int64_t looks = plat_get_int(in->values, "looks", 0) + 1, lost = attempt(in)->lost_steady_ms, wait;

	const char *named = plat_get(in->values, "duplicate");

	if (!wire_unrecorded(in) && looks >= (int64_t)WIRE_COUNT(looks_at_ms) && named && plat_get(in->values, "losses") &&
	    !wire_part(in)) {
		found(in, out, 0, named);       /* the list lags, but the platform has named it */
		return;
	}
	if (wire_unrecorded(in) || looks >= (int64_t)WIRE_COUNT(looks_at_ms)) {
		absent(in, out, option_is(in, "RetryAfterReconcile", "yes", true), "three looks did not find it");
		return;
	}
	plat_set_int(in->values, "looks", looks);
	wait = (lost ? lost : attempt(in)->lost_ms) + looks_at_ms[looks] - in->steady_ms;
	plat_wait(out, in->now_ms + (wait > 1000 ? wait : 1000));
}

/* ---- requests ---- */

static void send_find(const struct plat_in *in, struct plat_out *out, size_t n)
{
	const char *path = n ? arena_fmt(in->arena, "/rest/socialActions/%s/comments?start=0&count=%d",
	                                 linkedin_enc(in, plat_get_n(in->values, PLAT_ID, 0)), PAGE)
	                     : arena_fmt(in->arena, "/rest/posts?author=%s&q=author&count=%d&sortBy=CREATED",
	                                 linkedin_enc(in, linkedin_author(in)), PAGE);

	linkedin_request(in, out, wire_step_name(in->arena, "find", n), PLAT_NONE, PLAT_GET, wire_str(path), n ? NULL : "FINDER");
}

/* ---- comparing ---- */

static bool same_text(const struct plat_in *in, const char *its, const char *ours)
{
	const char *a = linkedin_plain(in->arena, its), *b = linkedin_plain(in->arena, ours);

	return a && b && !strcmp(a, b);
}

static bool shows(const struct json *list, const char *urn)
{
	for (const struct json *e = json_first(list); e; e = json_next(e)) {
		const char *id = json_get_text(e, "id");

		if (id && urn && !strcmp(id, urn))
			return true;
	}
	return false;
}

/* Whether the post shows the file that was uploaded for this try. */
static bool has_file(const struct plat_in *in, const struct json *post)
{
	const char *asset = plat_get_n(in->values, "asset", 0);
	const char *media = json_text(json_path(post, "content.media.id")), *thumb = json_text(json_path(post, "content.article.thumbnail"));

	if (!asset)
		return false;
	return (media && !strcmp(media, asset)) || (thumb && !strcmp(thumb, asset)) || shows(json_path(post, "content.multiImage.images"), asset);
}

static bool in_window(const struct plat_in *in, int64_t created_ms)
{
	return created_ms >= attempt(in)->armed_ms - SKEW_MS;
}

static bool post_is_ours(const struct plat_in *in, const struct json *post)
{
	const char *author = json_get_text(post, "author"), *text = json_get_text(post, "commentary");
	const char *ours = wire_str(in->content->parts[0].text);
	bool files = plat_get_n(in->values, "asset", 0), plain = json_kind(json_path(post, "content.media")) != JSON_OBJECT &&
	                                                          json_kind(json_path(post, "content.multiImage")) != JSON_OBJECT;
	int64_t created;

	if (!author || strcmp(author, linkedin_author(in)) || json_get_int(post, "createdAt", &created) || !in_window(in, created))
		return false;
	if (files && !wire_unrecorded(in))
		return has_file(in, post);
	return *ours && plain == !in->content->parts[0].media_count && same_text(in, wire_str(text), ours);
}

static bool comment_is_ours(const struct plat_in *in, const struct json *comment, size_t n)
{
	const char *actor = json_get_text(comment, "actor"), *text = json_text(json_path(comment, "message.text"));
	int64_t created;

	return actor && !strcmp(actor, linkedin_author(in)) && !json_int(json_path(comment, "created.time"), &created) &&
	       in_window(in, created) && same_text(in, wire_str(text), linkedin_text(in, n));
}

/* ---- answers ---- */

static void look_through(const struct plat_in *in, struct plat_out *out, size_t n, const struct json *list)
{
	const char *match = NULL;
	size_t hits = 0;
	char digits[24];

	for (const struct json *e = json_first(list); e; e = json_next(e)) {
		const char *id = json_get_id(e, "id", digits);

		if (!id || wire_known(in, id) || !(n ? comment_is_ours(in, e, n) : post_is_ours(in, e)))
			continue;
		if (!hits++)
			match = arena_strdup(in->arena, id);
	}
	if (hits == 1)
		found(in, out, n, match);
	else if (hits > 1)
		plat_undecided(out, arena_fmt(in->arena, "linkedin: %zu %s carry exactly the same words (the newest is %s) and cannot be told apart",
		                         hits, n ? "comments" : "posts", wire_str(match)));
	else
		not_found(in, out);
}

static void find_answer(const struct plat_in *in, struct plat_out *out, size_t n)
{
	const char *named = plat_get(in->values, "duplicate");
	struct wire_answer answer;

	linkedin_answer(in, &answer);
	if (answer.status == 200 && json_kind(json_get(answer.json, "elements")) == JSON_ARRAY)
		look_through(in, out, n, json_get(answer.json, "elements"));
	else if (answer.status == 403 && named && plat_get(in->values, "losses") && !n)
		found(in, out, n, named);       /* the refusal as duplicate of what was lost before */
	else if (answer.status == 403)
		absent(in, out, option_is(in, "BlindRetry", "yes", false), "the token may not read the author's posts");
	else
		linkedin_refuse(in, out, "the look for it", &answer);
	if (out->verdict == PLAT_FAIL && out->klass != PLAT_RATE && out->klass != PLAT_AUTH)
		out->klass = PLAT_TRANSIENT;
	wire_answer_done(&answer);
}

void linkedin_reconcile(const struct plat_in *in, struct plat_out *out)
{
	size_t part, n;

	memset(out, 0, sizeof(*out));
	part = wire_part(in);
	if (part == in->content->part_count) {
		wire_all_done(in, out);
	} else if (!linkedin_ready(in)) {
		out->verdict = PLAT_NEED_SESSION;
	} else if (wire_unrecorded(in) && !part && !*wire_str(in->content->parts[0].text)) {
		plat_undecided(out, "linkedin: it has no words to be known by");
	} else if (in->response && wire_step_is(in->response_step, "find", &n) && n == part) {
		find_answer(in, out, part);
	} else {
		send_find(in, out, part);
	}
	wire_end(in, out);
}
