/* x_find.c: looking for a post whose answer was lost, in the account's own timeline.
 *
 * A post is ours when its media keys are those of our uploads (decisive: a file is attached once); without media when what it answers
 * and quotes agree, it was made after the attempt, and its text is the text sent once links are what they stand for. Posts of
 * other targets and parts that stand are passed over; the newest post is never taken for ours for being the newest.
 *
 * Looks are made 15 s, 60 s and 300 s after the loss. There is no idempotency key, and X does not say that its timeline is
 * complete then: what three looks did not find is for a person, unless AfterLoss=resend. Where X refused the part as a
 * duplicate and this look finds nothing, the other post is not ours: nothing was made, and the part has failed.
 *
 * An attempt that is not recorded (plat.h) is looked for in the same way, once. */
#include "daemon/plat/x.h"

#include <string.h>

#include "proto/hash.h"
#include "proto/unit.h"

#define SKEW_MS (60 * INT64_C(1000))
#define PAGE 100
#define MAX_PAGES 10

static const int64_t look_after_ms[] = { 15 * 1000, 60 * 1000, 300 * 1000 };
static const char *const look_values[] = { "find_next", "find_pages", "hits", "match", "doubts" };

static const struct attempt *attempt(const struct plat_in *in)
{
	return &in->target->open[0];
}

/* Older records, and those of an attempt that is not recorded, have no steady times. */
static void forget_look(struct plat_values *v)
{
	for (size_t i = 0; i < WIRE_COUNT(look_values); i++)
		plat_set(v, look_values[i], NULL);
}

/* ---- outcomes ---- */

static void found(const struct plat_in *in, struct plat_out *out, size_t n, const char *id)
{
	x_stands(in, n, id);
	if (wire_part(in) == in->content->part_count)
		wire_all_done(in, out);
	else
		plat_settled(out, arena_fmt(in->arena, "part %zu stands as %s", n + 1, plat_get_n(in->values, PLAT_ID, n)));
}

/* The last look found nothing. */
static void absent(const struct plat_in *in, struct plat_out *out, size_t n)
{
	int64_t losses = plat_get_int(in->values, "losses", 0);
	bool dup = plat_get(in->values, "dup");

	plat_set(in->values, "looks", NULL);
	if (wire_unrecorded(in)) {
		plat_settled(out, "absent");
	} else if (dup && !losses) {
		plat_set(in->values, "dup", "2");
		plat_settled(out, "absent: X refused it, and the post that it repeats is another one");
	} else if (dup) {
		plat_undecided(out, arena_fmt(in->arena, "x refused part %zu as a duplicate after an answer was lost, but it is not in the timeline; "
		                         "look at the profile and resolve it by hand", n + 1));
	} else if (x_chosen(in, "AfterLoss", "resend")) {
		plat_set_int(in->values, "losses", losses + 1);
		plat_settled(out, "absent: three looks in five minutes found nothing (AfterLoss=resend)");
	} else {
		plat_undecided(out, arena_fmt(in->arena, "x: part %zu is not in the timeline five minutes after its answer was lost; X gives no "
		                         "proof that it never will be; look at the profile and resolve it by hand", n + 1));
	}
}

static void not_found(const struct plat_in *in, struct plat_out *out, size_t n)
{
	int64_t looks = plat_get_int(in->values, "looks", 0) + 1, next;

	forget_look(in->values);
	if (wire_unrecorded(in) || looks >= (int64_t)WIRE_COUNT(look_after_ms)) {
		absent(in, out, n);
		return;
	}
	plat_set_int(in->values, "looks", looks);
	next = wire_lost_steady_ms(in) + look_after_ms[looks];
	plat_wait(out, in->now_ms + (next > in->steady_ms ? next - in->steady_ms : look_after_ms[0]));
}

/* ---- the request ---- */

/* The newest post that was there before ours, where one is known: then no clock has a say. */
static const char *since_of(const struct plat_in *in, size_t n)
{
	if (n)
		return plat_get_n(in->values, PLAT_ID, n - 1);
	return wire_unrecorded(in) && attempt(in)->mark ? x_post_id(in->arena, attempt(in)->mark) : NULL;
}

/* Nothing of ours is older; an earlier attempt may still turn up. */
static int64_t floor_ms(const struct plat_in *in)
{
	int64_t armed = wire_armed_steady_ms(in), first = plat_get_int(in->values, "first_ms", armed);

	return attempt(in)->armed_ms - (first < armed ? armed - first : 0) - SKEW_MS;
}

static void send_find(const struct plat_in *in, struct plat_out *out, size_t n)
{
	const char *own = wire_percent(in->arena, plat_get(in->account_values, "own_id"), ""), *since = since_of(in, n);
	const char *next = plat_get(in->values, "find_next"), *kind = x_chosen(in, "FieldNames", "post") ? "post" : "tweet";
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	int64_t from_ms = floor_ms(in) - SKEW_MS;
	char from[40];

	buf_add_fmt(&b, "/2/users/%s/tweets?max_results=%d", wire_str(own), PAGE);
	if (since)
		buf_add_fmt(&b, "&since_id=%s", since);
	else
		buf_add_fmt(&b, "&start_time=%s", unit_utc_format(from_ms - from_ms % 1000, from, sizeof(from)));
	buf_add_fmt(&b, "&exclude=retweets&%s.fields=created_at,text,entities,attachments,%s,conversation_id,note_%s"
	            "&expansions=attachments.media_keys", kind, *kind == 'p' ? "referenced_posts" : "referenced_tweets", kind);
	if (next)
		buf_add_fmt(&b, "&pagination_token=%s", wire_str(wire_percent(in->arena, next, "")));
	x_request(in, out, "find", PLAT_NONE, PLAT_GET, wire_str(wire_take(&b, in->arena, NULL)));
}

static void begin(const struct plat_in *in, struct plat_out *out, size_t n)
{
	size_t looks = (size_t)plat_get_int(in->values, "looks", 0);
	int64_t earliest = wire_lost_steady_ms(in) + look_after_ms[looks < WIRE_COUNT(look_after_ms) ? looks : 0];

	forget_look(in->values);
	if (!wire_unrecorded(in) && in->steady_ms < earliest)
		plat_wait(out, in->now_ms + (earliest - in->steady_ms));
	else
		send_find(in, out, n);
}

/* ---- comparing ---- */

enum likeness { OTHER, MAYBE, SAME, CERTAIN };

static bool has_key(const struct json *keys, const char *ours)
{
	for (const struct json *e = json_first(keys); e; e = json_next(e))
		if (json_text(e) && !strcmp(json_text(e), ours))
			return true;
	return false;
}

/* Whether every file of part n that we know by its key is attached. */
static bool has_our_media(const struct plat_in *in, size_t n, const struct json *keys)
{
	size_t count = in->content->parts[n].media_count;

	for (size_t k = 0; k < count; k++) {
		const char *ours = plat_get_n(in->values, "key", k);

		if (!ours || !has_key(keys, ours))
			return false;
	}
	return count;
}

static bool is_text(const struct plat_in *in, size_t n, const struct json *post)
{
	const char *ours = x_plain(in->arena, x_text(in, n)), *theirs = x_plain_post(in->arena, post), *print;
	const char *sent = plat_get(in->values, "sent");
	unsigned char hash[HASH_SHA256_BYTES];

	if (!ours || !theirs)
		return false;
	if (!strcmp(ours, theirs))
		return true;
	print = sent && !hash_sha256(theirs, strlen(theirs), hash) ? wire_hex(in->arena, hash, 8) : NULL;
	return print && !strcmp(print, sent);
}

static bool refers_as_ours(const struct plat_in *in, size_t n, const struct json *post)
{
	const char *quote = !n && in->content->quote ? x_post_id(in->arena, in->content->quote) : NULL;
	char answered[24], quoted[24];

	return !strcmp(x_refers(post, "replied_to", answered), wire_str(x_parent(in, n))) &&
	       !strcmp(x_refers(post, "quoted", quoted), wire_str(quote));
}

static enum likeness likeness(const struct plat_in *in, size_t n, const struct json *post)
{
	const struct json *keys = json_path(post, "attachments.media_keys");
	const char *created = json_get_text(post, "created_at");
	size_t count = in->content->parts[n].media_count;
	int64_t at_ms;

	if (has_our_media(in, n, keys))
		return CERTAIN;
	if (!since_of(in, n) && created && !wire_iso_ms(created, &at_ms) && at_ms < floor_ms(in))
		return OTHER;
	if (!refers_as_ours(in, n, post) || !is_text(in, n, post))
		return OTHER;
	if (!count)
		return json_count(keys) ? OTHER : SAME;
	/* Another post with the same words and other media, or ours under keys that we do not know. */
	if (wire_unrecorded(in) && !plat_get_n(in->values, "key", 0) && json_count(keys) == count && *x_text(in, n))
		return SAME;
	return !json_count(keys) || json_count(keys) == count ? MAYBE : OTHER;
}

static bool already_shown(const struct plat_in *in, const char *id)
{
	if (wire_known(in, id))
		return true;
	for (size_t i = 0; i < in->content->part_count; i++) {
		const char *ours = plat_get_n(in->values, PLAT_ID, i);

		if (ours && !strcmp(ours, id))
			return true;
	}
	return false;
}

/* ---- the answer ---- */

/* One page; true when *out is filled. */
static bool scan(const struct plat_in *in, struct plat_out *out, size_t n, const struct json *list)
{
	for (const struct json *post = json_first(list); post; post = json_next(post)) {
		char digits[24];
		const char *id = json_get_id(post, "id", digits);
		enum likeness how = id && !already_shown(in, id) ? likeness(in, n, post) : OTHER;

		if (how == CERTAIN) {
			found(in, out, n, id);
			return true;
		}
		if (how == MAYBE)
			plat_set(in->values, "doubts", id);
		if (how != SAME)
			continue;
		plat_set_int(in->values, "hits", plat_get_int(in->values, "hits", 0) + 1);
		if (!plat_get(in->values, "match"))
			plat_set(in->values, "match", id);
	}
	return false;
}

static void conclude(const struct plat_in *in, struct plat_out *out, size_t n)
{
	int64_t hits = plat_get_int(in->values, "hits", 0);
	const char *match = plat_get(in->values, "match"), *doubts = plat_get(in->values, "doubts");

	if (hits == 1 && wire_known(in, match))
		begin(in, out, n);        /* another target was found there meanwhile */
	else if (hits == 1)
		found(in, out, n, match);
	else if (hits > 1)
		plat_undecided(out, arena_fmt(in->arena, "x: %lld posts carry exactly the text of part %zu (the newest is %s) and cannot be told "
		                         "apart", (long long)hits, n + 1, match));
	else if (doubts)
		plat_undecided(out, arena_fmt(in->arena, "x: post %s has the text of part %zu, but its media cannot be told to be ours", doubts,
		                         n + 1));
	else
		not_found(in, out, n);
}

static void find_answer(const struct plat_in *in, struct plat_out *out, size_t n, const struct wire_answer *answer)
{
	const char *next = json_text(json_path(answer->json, "meta.next_token"));
	int64_t pages = plat_get_int(in->values, "find_pages", 0) + 1;

	/* Nothing is no "data"; an answer that is neither is no look. */
	if (answer->status != 200 || !(json_get(answer->json, "data") || json_get(answer->json, "meta"))) {
		x_refuse_read(in, out, "the look for the post", answer);
		if (out->verdict == PLAT_FAIL && out->klass == PLAT_PERMANENT)
			plat_undecided(out, out->text);
		return;
	}
	oauth_accepted(in);
	if (scan(in, out, n, json_get(answer->json, "data")))
		return;
	if (!next) {
		conclude(in, out, n);
	} else if (pages >= MAX_PAGES) {
		plat_undecided(out, "x: too many posts since the attempt to look through");
	} else {
		plat_set(in->values, "find_next", next);
		plat_set_int(in->values, "find_pages", pages);
		send_find(in, out, n);
	}
}

static void answered(const struct plat_in *in, struct plat_out *out, size_t n)
{
	struct wire_answer answer;

	x_answer_read(in, &answer);
	if (wire_step_is(in->response_step, "find", NULL))
		find_answer(in, out, n, &answer);
	else
		begin(in, out, n);
	wire_answer_done(&answer);
}

void x_reconcile(const struct plat_in *in, struct plat_out *out)
{
	size_t n = 0;
	bool known = wire_unrecorded(in) || (in->target->open_count && wire_step_is(attempt(in)->step, "post", &n));

	memset(out, 0, sizeof(*out));
	if (wire_unrecorded(in))
		n = wire_part(in);
	if (wire_unrecorded(in) && n == in->content->part_count)
		wire_all_done(in, out);
	else if (!known || n >= in->content->part_count)
		plat_undecided(out, "x: the record of the attempt names no post");
	else if (plat_get_n(in->values, PLAT_ID, n))
		found(in, out, n, plat_get_n(in->values, PLAT_ID, n));
	else if (!x_ready(in))
		out->verdict = PLAT_NEED_SESSION;
	else if (in->response)
		answered(in, out, n);
	else
		begin(in, out, n);
	wire_end(in, out);
}
