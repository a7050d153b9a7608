/* mastodon_find.c: looking for a status whose answer was lost.
 *
 * Our own statuses since the attempt are read, newest first. A status is ours when its media ids are exactly those we
 * attached (decisive: a file is attached once); without media when parent, visibility, spoiler text and, where known,
 * application agree and its source text is the text sent. The newest post is never taken for ours for being the newest.
 *
 * Not found: within 50 minutes of the key's first use the same key is sent again (the server then answers with the
 * first status, should it exist after all), at most 3 times and 15 s apart; after that only two empty looks 2 minutes
 * apart allow a new key.
 *
 * An attempt that is not recorded (plat.h) is looked for in the same way, once: without the ids of its files these are
 * known by number and descriptions, and posts of other targets are passed over. */
#include "daemon/plat/mastodon.h"

#include <string.h>

#define SETTLE_MS (10 * INT64_C(1000))
#define APART_MS (15 * INT64_C(1000))
#define SKEW_MS (60 * INT64_C(1000))
#define LATE_APART_MS (120 * INT64_C(1000))
#define LOOK_AGAIN_MS (300 * INT64_C(1000))
#define PROBE_APART_MS (30 * INT64_C(1000))
#define SAME_KEY_MAX 3
#define NEW_KEY_MAX 2
#define PROBE_MAX 3
#define PAGE 40
#define FULL_PAGE 30          /* a server may filter some rows out of a full page */
#define MAX_PAGES 10
#define MAX_CANDIDATES 16
#define MAX_ROUNDS 8          /* of so many candidates */

static const char *const look_values[] = {
	"find_max", "find_pages", "find_since", "find_rounds", "more", "match", "match_url", "hits", "doubts",
};

static const struct attempt *attempt(const struct plat_in *in)
{
	return &in->target->open[0];
}

/* Attempts of older stores have no steady times. */
/* Waits until the steady clock shows an instant. */
static void wait_until(const struct plat_in *in, struct plat_out *out, int64_t steady_ms)
{
	plat_wait(out, in->now_ms + (steady_ms - in->steady_ms));
}

static void forget_candidates(struct plat_values *v)
{
	for (size_t i = 0; i < MAX_CANDIDATES; i++) {
		plat_set_n(v, "cand", i, NULL);
		plat_set_n(v, "cand_url", i, NULL);
	}
}

static void forget_look(struct plat_values *v)
{
	for (size_t i = 0; i < WIRE_COUNT(look_values); i++)
		plat_set(v, look_values[i], NULL);
	forget_candidates(v);
}

/* ---- outcomes ---- */

static void found(const struct plat_in *in, struct plat_out *out, size_t n, const char *id, const char *url)
{
	mastodon_stands(in, n, id, url);
	if (wire_part(in) == in->content->part_count)
		wire_all_done(in, out);
	else
		plat_settled(out, arena_fmt(in->arena, "part %zu stands as %s", n + 1, plat_get_n(in->values, PLAT_ID, n)));
}

static void absent_late(const struct plat_in *in, struct plat_out *out, size_t n)
{
	int64_t first = plat_get_int(in->values, "late_ms", 0), keys = plat_get_int(in->values, "keys", 0);

	if (!first) {
		plat_set_int(in->values, "late_ms", in->steady_ms);
		plat_wait(out, in->now_ms + LATE_APART_MS);
		return;
	}
	if (keys >= NEW_KEY_MAX) {
		plat_undecided(out, arena_fmt(in->arena, "mastodon: part %zu was sent with %lld keys in turn, each answer was lost and "
		                         "no look found a status; look at the profile and resolve it by hand", n + 1,
		                         (long long)keys + 1));
		return;
	}
	mastodon_new_key(in, n);
	plat_set_int(in->values, "keys", keys + 1);
	plat_set(in->values, "late_ms", NULL);
	plat_settled(out, "absent: two looks 2 minutes apart found nothing; it goes out with a new key");
}

static void absent(const struct plat_in *in, struct plat_out *out, size_t n)
{
	int64_t first = plat_get_int(in->values, "first_ms", wire_armed_steady_ms(in));
	int64_t losses = plat_get_int(in->values, "losses", 0);

	forget_look(in->values);
	plat_set(in->values, "probes", NULL);
	if (wire_unrecorded(in)) {
		plat_settled(out, "absent");
		return;
	}
	if (in->steady_ms - first >= MASTODON_KEY_LIFE_MS) {
		absent_late(in, out, n);
	} else if (losses >= SAME_KEY_MAX) {
		int64_t until = first + MASTODON_KEY_LIFE_MS, soon = in->steady_ms + LOOK_AGAIN_MS;

		wait_until(in, out, until < soon ? until : soon);
	} else {
		plat_set_int(in->values, "losses", losses + 1);
		plat_settled(out, "absent");
	}
}

/* ---- requests ---- */

/* The mark of an attempt that is not recorded, where it can be an id: what a person resolved may be an address. */
static const char *mark_of(const struct plat_in *in)
{
	static const char ids[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	const char *mark = wire_unrecorded(in) ? attempt(in)->mark : NULL;

	return mark && *mark && !mark[strspn(mark, ids)] ? mark : NULL;
}

/* The newest status that was there before ours, or NULL. */
static const char *since_of(const struct plat_in *in, size_t n)
{
	const char *since = n ? plat_get_n(in->values, PLAT_ID, n - 1) : plat_get(in->values, "since");

	if (!since)
		since = mark_of(in);

	return since && strcmp(since, "-") && strcmp(since, "0") ? since : NULL;
}

static void send_find(const struct plat_in *in, struct plat_out *out, size_t n)
{
	const char *own = wire_percent(in->arena, plat_get(in->account_values, "own_id"), "");
	const char *later = plat_get(in->values, "find_since"), *since = later ? later : since_of(in, n);
	const char *max = plat_get(in->values, "find_max");
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	const char *path;

	since = since ? wire_percent(in->arena, since, "") : NULL;
	max = max ? wire_percent(in->arena, max, "") : NULL;
	buf_add_fmt(&b, "/api/v1/accounts/%s/statuses?limit=%d&exclude_reblogs=true", wire_str(own), PAGE);
	if (since)
		buf_add_fmt(&b, "&since_id=%s", since);
	if (max)
		buf_add_fmt(&b, "&max_id=%s", max);
	path = wire_take(&b, in->arena, NULL);
	mastodon_request(in, out, "find", PLAT_NONE, PLAT_GET, wire_str(path));
}

static void send_source(const struct plat_in *in, struct plat_out *out, size_t i)
{
	const char *id = wire_percent(in->arena, plat_get_n(in->values, "cand", i), "");
	const char *path = arena_fmt(in->arena, "/api/v1/statuses/%s/source", wire_str(id));

	mastodon_request(in, out, wire_step_name(in->arena, "source", i), PLAT_NONE, PLAT_GET, wire_str(path));
}

static void send_probe(const struct plat_in *in, struct plat_out *out)
{
	const char *id = wire_percent(in->arena, plat_get_n(in->values, "media", 0), "");
	const char *path = arena_fmt(in->arena, "/api/v1/media/%s", wire_str(id));

	mastodon_request(in, out, "probe", PLAT_NONE, PLAT_GET, wire_str(path));
}

static void begin(const struct plat_in *in, struct plat_out *out, size_t n)
{
	const struct attempt *a = attempt(in);
	int64_t lost = a->lost_steady_ms ? a->lost_steady_ms : a->lost_ms;
	int64_t earliest = wire_armed_steady_ms(in) + APART_MS, late = plat_get_int(in->values, "late_ms", 0);

	forget_look(in->values);
	if (lost + SETTLE_MS > earliest)
		earliest = lost + SETTLE_MS;
	if (late && late + LATE_APART_MS > earliest)
		earliest = late + LATE_APART_MS;
	if (in->steady_ms < earliest && !wire_unrecorded(in))
		wait_until(in, out, earliest);
	else
		send_find(in, out, n);
}

/* ---- comparing ---- */

static bool same_text(const char *a, const char *b)
{
	return !strcmp(wire_str(a), wire_str(b));
}

static bool same_media(const struct plat_in *in, const struct json *status, size_t count)
{
	const struct json *list = json_get(status, "media_attachments");

	if (!count || json_count(list) != count)
		return false;
	for (size_t k = 0; k < count; k++) {
		const char *ours = plat_get_n(in->values, "media", k);
		bool there = false;
		char digits[24];

		for (const struct json *e = json_first(list); e && ours; e = json_next(e))
			there = there || same_text(json_get_id(e, "id", digits), ours);
		if (!there)
			return false;
	}
	return true;
}

static bool same_files(const struct plat_in *in, const struct json *status, size_t n)
{
	const struct part *p = &in->content->parts[n];
	const struct json *e = json_first(json_get(status, "media_attachments"));

	for (size_t k = 0; k < p->media_count; k++, e = json_next(e))
		if (!e || !same_text(json_get_text(e, "description"), p->media[k].alt))
			return false;
	return !e;
}

/* Nothing to know the part by: a picture without a word. */
static bool is_vague(const struct plat_in *in, size_t n)
{
	const struct part *p = &in->content->parts[n];
	bool words = *wire_str(mastodon_text(in, n));

	for (size_t k = 0; k < p->media_count; k++)
		words = words || *wire_str(p->media[k].alt);
	return !words;
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

static bool same_poll(const struct plat_in *in, const struct json *poll, size_t n)
{
	const struct content *c = in->content;
	const struct json *e = json_first(json_get(poll, "options"));

	if (n || !c->poll_count)
		return !poll || json_kind(poll) == JSON_NULL;
	for (size_t i = 0; i < c->poll->choice_count; i++, e = json_next(e))
		if (!e || !same_text(json_get_text(e, "title"), c->poll->choices[i].text))
			return false;
	return !e;
}

/* Whether a status may be ours though no file tells, before its text is asked for. */
static bool may_be_ours(const struct plat_in *in, const struct json *status, size_t n)
{
	const char *app = plat_get(in->account_values, "app_name");
	const char *its = json_text(json_path(status, "application.name"));
	const char *visibility = json_get_text(status, "visibility"), *spoiler = json_get_text(status, "spoiler_text");
	char digits[24];

	bool files = wire_unrecorded(in) ? same_files(in, status, n) : !json_count(json_get(status, "media_attachments"));

	return files && same_poll(in, json_get(status, "poll"), n) &&
	       json_kind(json_get(status, "reblog")) == JSON_NULL && same_text(spoiler, in->content->warning) &&
	       (!visibility || same_text(visibility, mastodon_visibility(in))) &&
	       (!app || !its || same_text(app, its)) &&
	       same_text(json_get_id(status, "in_reply_to_id", digits), mastodon_parent(in, n));
}

/* ---- answers ---- */

static void not_found(const struct plat_in *in, struct plat_out *out, size_t n)
{
	if (!wire_unrecorded(in) && in->content->parts[n].media_count && plat_get_n(in->values, "media", 0))
		send_probe(in, out);
	else
		absent(in, out, n);
}

/* All candidates up to the newest of this round were looked at, and none is ours: the same for those after it. */
static void next_round(const struct plat_in *in, struct plat_out *out, size_t n)
{
	int64_t rounds = plat_get_int(in->values, "find_rounds", 0) + 1;

	if (rounds >= MAX_ROUNDS) {
		plat_undecided(out, "mastodon: too many statuses since the attempt to look through");
		return;
	}
	plat_set_int(in->values, "find_rounds", rounds);
	plat_set(in->values, "find_since", plat_get_n(in->values, "cand", 0));
	plat_set(in->values, "find_max", NULL);
	plat_set(in->values, "find_pages", NULL);
	plat_set(in->values, "more", NULL);
	forget_candidates(in->values);
	send_find(in, out, n);
}

static void next_candidate(const struct plat_in *in, struct plat_out *out, size_t n, size_t i)
{
	int64_t hits = plat_get_int(in->values, "hits", 0);

	if (plat_get_n(in->values, "cand", i)) {
		send_source(in, out, i);
	} else if (hits && wire_known(in, plat_get(in->values, "match"))) {
		begin(in, out, n);        /* another target was found there meanwhile */
	} else if (hits == 1) {
		found(in, out, n, plat_get(in->values, "match"), plat_get(in->values, "match_url"));
	} else if (hits > 1) {
		plat_undecided(out, arena_fmt(in->arena, "mastodon: %lld statuses carry exactly the text of part %zu (the newest is %s) "
		                         "and cannot be told apart", (long long)hits, n + 1, plat_get(in->values, "match")));
	} else if (plat_get(in->values, "more")) {
		next_round(in, out, n);
	} else if (plat_get(in->values, "doubts")) {
		plat_undecided(out, arena_fmt(in->arena, "mastodon: status %s may be part %zu, but it has no text that tells",
		                         plat_get(in->values, "doubts"), n + 1));
	} else {
		not_found(in, out, n);
	}
}

static int64_t floor_ms(const struct plat_in *in)
{
	int64_t armed = wire_armed_steady_ms(in), first = plat_get_int(in->values, "first_ms", armed);

	return attempt(in)->armed_ms - (first < armed ? armed - first : 0) - SKEW_MS;
}

/* Pages come newest first. Where there are too many for one round the oldest are kept: ours was made soon after the attempt, while
 * an account that goes on posting, or a person, may have added any number since. */
static void keep_candidate(const struct plat_in *in, const struct json *status, const char *id)
{
	const char *url = json_get_text(status, "url");
	size_t i = 0;

	while (i < MAX_CANDIDATES && plat_get_n(in->values, "cand", i))
		i++;
	if (i == MAX_CANDIDATES) {
		plat_set(in->values, "more", "1");
		for (i = 0; i + 1 < MAX_CANDIDATES; i++) {
			plat_set_n(in->values, "cand", i, plat_get_n(in->values, "cand", i + 1));
			plat_set_n(in->values, "cand_url", i, plat_get_n(in->values, "cand_url", i + 1));
		}
	}
	plat_set_n(in->values, "cand", i, id);
	plat_set_n(in->values, "cand_url", i, url ? url : json_get_text(status, "uri"));
}

/* Whether the list itself begins behind what was there before ours: then no clock, ours or the server's, has a say in it. */
static bool bounded(const struct plat_in *in, size_t n)
{
	const char *since = plat_get(in->values, "since");

	return since_of(in, n) || (!n && since && !strcmp(since, "0"));
}

/* One page. Returns the id to go on below, or NULL at the end or when *out is filled. */
static const char *scan(const struct plat_in *in, struct plat_out *out, size_t n, const struct json *list)
{
	size_t media_count = in->content->parts[n].media_count;
	const char *last = NULL, *id;
	bool older = false;
	char digits[24];
	int64_t created;

	for (const struct json *s = json_first(list); s; s = json_next(s)) {
		const char *when = json_get_text(s, "created_at");

		id = json_get_id(s, "id", digits);
		if (!id)
			continue;
		last = arena_strdup(in->arena, id);
		if (same_media(in, s, media_count) && !wire_known(in, id)) {
			const char *url = json_get_text(s, "url");

			found(in, out, n, id, url ? url : json_get_text(s, "uri"));
			return NULL;
		}
		if (!bounded(in, n) && when && !wire_iso_ms(when, &created) && created < floor_ms(in)) {
			older = true;
		} else if ((!media_count || wire_unrecorded(in)) && !already_shown(in, id) && may_be_ours(in, s, n)) {
			keep_candidate(in, s, id);
		}
	}
	return older || json_count(list) < FULL_PAGE ? NULL : last;
}

static void find_answer(const struct plat_in *in, struct plat_out *out, size_t n, const struct wire_answer *answer)
{
	int64_t pages = plat_get_int(in->values, "find_pages", 0) + 1;
	const char *below;

	if (answer->status != 200 || json_kind(answer->json) != JSON_ARRAY) {
		mastodon_refuse_read(in, out, "the look for the status", answer);
		if (out->klass == PLAT_PERMANENT)
			plat_undecided(out, out->text);
		return;
	}
	below = scan(in, out, n, answer->json);
	if (out->verdict != PLAT_SEND)
		return;
	if (!below) {
		next_candidate(in, out, n, 0);
	} else if (pages >= MAX_PAGES) {
		plat_undecided(out, "mastodon: too many statuses since the attempt to look through");
	} else {
		plat_set(in->values, "find_max", below);
		plat_set_int(in->values, "find_pages", pages);
		send_find(in, out, n);
	}
}

static void source_answer(const struct plat_in *in, struct plat_out *out, size_t n, size_t i,
                          const struct wire_answer *answer)
{
	const char *text = json_get_text(answer->json, "text"), *spoiler = json_get_text(answer->json, "spoiler_text");
	const char *id = plat_get_n(in->values, "cand", i);

	if (answer->status == 200 && text) {
		bool ours = mastodon_is_text(in, n, text) && same_text(spoiler, in->content->warning);

		if (ours && is_vague(in, n)) {
			plat_set(in->values, "doubts", id);
		} else if (ours) {
			plat_set_int(in->values, "hits", plat_get_int(in->values, "hits", 0) + 1);
			if (!plat_get(in->values, "match")) {
				plat_set(in->values, "match", id);
				plat_set(in->values, "match_url", plat_get_n(in->values, "cand_url", i));
			}
		}
	} else {
		mastodon_refuse_read(in, out, "the look at a status", answer);
		if (answer->status != 200 && out->klass != PLAT_PERMANENT)
			return;
		memset(out, 0, sizeof(*out));
		plat_set(in->values, "doubts", id);
	}
	next_candidate(in, out, n, i + 1);
}

/* An attached file is no longer to be had: a hint that the status exists and is not shown yet. It may also have been
 * cleaned up; after some looks it is uploaded again, still under the same key. */
static void probe_answer(const struct plat_in *in, struct plat_out *out, size_t n, const struct wire_answer *answer)
{
	int64_t probes = plat_get_int(in->values, "probes", 0) + 1;

	if (answer->status == 200 || answer->status == 206) {
		absent(in, out, n);
	} else if (answer->status != 404) {
		mastodon_refuse_read(in, out, "the question for an uploaded file", answer);
		if (out->klass == PLAT_PERMANENT)
			out->klass = PLAT_TRANSIENT;
	} else if (probes < PROBE_MAX) {
		plat_set_int(in->values, "probes", probes);
		plat_wait(out, in->now_ms + PROBE_APART_MS);
	} else {
		absent(in, out, n);
		for (size_t k = 0; out->verdict == PLAT_SETTLED && k < in->content->parts[n].media_count; k++)
			mastodon_forget_media(in->values, k);
	}
}

static void answered(const struct plat_in *in, struct plat_out *out, size_t n)
{
	struct wire_answer answer;
	size_t i;

	wire_answer_read(in->arena, in->response, &answer);
	if (wire_step_is(in->response_step, "find", NULL))
		find_answer(in, out, n, &answer);
	else if (wire_step_is(in->response_step, "source", &i) && plat_get_n(in->values, "cand", i))
		source_answer(in, out, n, i, &answer);
	else if (wire_step_is(in->response_step, "probe", NULL))
		probe_answer(in, out, n, &answer);
	else
		begin(in, out, n);
	wire_answer_done(&answer);
}

void mastodon_reconcile(const struct plat_in *in, struct plat_out *out)
{
	size_t n = 0;
	bool known = wire_unrecorded(in) || (in->target->open_count && wire_step_is(attempt(in)->step, "status", &n));

	memset(out, 0, sizeof(*out));
	if (wire_unrecorded(in))
		n = wire_part(in);
	if (wire_unrecorded(in) && n == in->content->part_count)
		wire_all_done(in, out);
	else if (!known || n >= in->content->part_count)
		plat_undecided(out, "mastodon: the record of the attempt names no status");
	else if (plat_get_n(in->values, PLAT_ID, n))
		found(in, out, n, plat_get_n(in->values, PLAT_ID, n), plat_get_n(in->values, PLAT_URL, n));
	else if (!mastodon_ready(in))
		out->verdict = PLAT_NEED_SESSION;
	else if (in->response)
		answered(in, out, n);
	else
		begin(in, out, n);
	wire_end(in, out);
}
