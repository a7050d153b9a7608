/* bluesky_look.c: reading a record by the key that we chose, which settles every lost answer; and preflight. */
#include "daemon/plat/bluesky.h"

#include <string.h>

#include "proto/json.h"

#define BACKOFF_MS (5 * INT64_C(1000))
#define BACKOFF_MAX_MS (30 * 60 * INT64_C(1000))
#define MAX_LOSSES 24
#define PAGE 100
#define MAX_PAGES 10
#define SKEW_MS (60 * INT64_C(1000))

static const char *const lasting[] = { PLAT_ID, PLAT_URL, "cid", "tid_us", "tid_clock", NULL };

/* The record key at the end of an at-uri or of a web address that a person gave. */
static const char *last_segment(const char *uri)
{
	const char *slash = strrchr(uri, '/');

	return slash ? slash + 1 : uri;
}

void bluesky_get_record(const struct plat_in *in, struct plat_out *out, const char *step, const char *uri)
{
	const char *did = wire_percent(in->arena, plat_get(in->account_values, "did"), ":");
	const char *rkey = wire_percent(in->arena, uri ? last_segment(uri) : "", "");
	const char *call = arena_fmt(in->arena, "com.atproto.repo.getRecord?repo=%s&collection=%s&rkey=%s",
	                             wire_str(did), BLUESKY_COLLECTION, wire_str(rkey));

	bluesky_request(in, out, step, PLAT_NONE, PLAT_GET, bluesky_pds(in), wire_str(call));
}

bool bluesky_is_ours(const struct plat_in *in, const struct json *answer)
{
	static const char *const same[] = { "text", "createdAt" };
	const char *record = plat_get(in->values, "record");
	const struct json *theirs = json_get(answer, "value");
	struct json *ours = NULL;
	bool equal = json_get_text(answer, "uri") && json_get_text(answer, "cid");

	if (!record || json_parse(&ours, record, strlen(record), NULL, NULL))
		return false;
	for (size_t i = 0; i < WIRE_COUNT(same) && equal; i++) {
		const char *a = json_get_text(ours, same[i]), *b = json_get_text(theirs, same[i]);

		equal = a && b && !strcmp(a, b);
	}
	json_free(ours);
	return equal;
}

static const char *web_url(const struct plat_in *in, const char *uri)
{
	const char *handle = plat_get(in->account_values, "handle"), *did = plat_get(in->account_values, "did");
	bool named = handle && *handle && strcmp(handle, "handle.invalid");

	return arena_fmt(in->arena, "https://bsky.app/profile/%s/post/%s", named ? handle : wire_str(did),
	                 last_segment(uri));
}

void bluesky_stands(const struct plat_in *in, size_t n, const char *uri, const char *cid)
{
	plat_set_n(in->values, PLAT_ID, n, uri);
	plat_set_n(in->values, PLAT_URL, n, web_url(in, uri));
	plat_set_n(in->values, "cid", n, cid);
	if (n > 1)
		plat_set_n(in->values, "cid", n - 1, NULL);
	wire_forget(in->values, lasting);
}

/* ---- reconcile ---- */

static void stands(const struct plat_in *in, struct plat_out *out, size_t n)
{
	if (wire_part(in) == in->content->part_count)
		wire_all_done(in, out);
	else
		plat_settled(out, arena_fmt(in->arena, "part %zu stands as %s", n + 1, plat_get_n(in->values, PLAT_ID, n)));
}

static void absent(const struct plat_in *in, struct plat_out *out, size_t n)
{
	int64_t losses = plat_get_int(in->values, "losses", 0) + 1;

	if (wire_unrecorded(in)) {
		plat_settled(out, "absent");
		return;
	}
	plat_set_int(in->values, "losses", losses);
	if (losses > MAX_LOSSES)
		plat_undecided(out, arena_fmt(in->arena, "bluesky: part %zu was sent %lld times without a clear answer and is not in "
		                         "the repository; look at the profile and resolve it by hand", n + 1, (long long)losses));
	else
		plat_settled(out, "absent");
}

/* ---- what this store has no record of ---- */

static void send_list(const struct plat_in *in, struct plat_out *out)
{
	const char *did = wire_percent(in->arena, plat_get(in->account_values, "did"), ":");
	const char *cursor = plat_get(in->values, "list_cursor");
	const char *below = cursor ? wire_percent(in->arena, cursor, "") : NULL;
	const char *call = arena_fmt(in->arena, "com.atproto.repo.listRecords?repo=%s&collection=%s&limit=%d%s%s", wire_str(did),
	                             BLUESKY_COLLECTION, PAGE, below ? "&cursor=" : "", wire_str(below));

	bluesky_request(in, out, "list", PLAT_NONE, PLAT_GET, bluesky_pds(in), wire_str(call));
}

static void list_begin(const struct plat_in *in, struct plat_out *out)
{
	static const char *const begun[] = { "list_cursor", "list_pages", "hits", "match", "match_cid" };

	for (size_t i = 0; i < WIRE_COUNT(begun); i++)
		plat_set(in->values, begun[i], NULL);
	send_list(in, out);
}

/* Record keys are instants, newest first: true once the list has come to those that are too old to be ours. */
static bool list_scan(const struct plat_in *in, size_t n, const struct json *records)
{
	char oldest[BLUESKY_TID_SIZE];

	bluesky_tid((in->target->open[0].armed_ms - SKEW_MS) * 1000, 0, oldest);
	for (const struct json *r = json_first(records); r; r = json_next(r)) {
		const char *uri = json_get_text(r, "uri"), *cid = json_get_text(r, "cid");
		const char *key = last_segment(wire_str(uri));

		if (strlen(key) + 1 == sizeof(oldest) && strcmp(key, oldest) < 0)
			return true;
		plat_set(in->values, "list_cursor", key);
		if (!uri || !cid || wire_known(in, uri) || !bluesky_is_part(in, n, json_get(r, "value")))
			continue;
		plat_set_int(in->values, "hits", plat_get_int(in->values, "hits", 0) + 1);
		plat_set(in->values, "match", uri);
		plat_set(in->values, "match_cid", cid);
	}
	return json_count(records) < PAGE;
}

static void list_end(const struct plat_in *in, struct plat_out *out, size_t n)
{
	int64_t hits = plat_get_int(in->values, "hits", 0);

	if (!hits) {
		plat_settled(out, "absent");
	} else if (wire_known(in, plat_get(in->values, "match"))) {
		list_begin(in, out);        /* another target was found there meanwhile */
	} else if (hits > 1 || bluesky_is_vague(in, n)) {
		plat_undecided(out, arena_fmt(in->arena, "bluesky: %lld posts look like part %zu (one is %s) and cannot be told apart",
		                         (long long)hits, n + 1, plat_get(in->values, "match")));
	} else {
		bluesky_stands(in, n, plat_get(in->values, "match"), plat_get(in->values, "match_cid"));
		stands(in, out, n);
	}
}

static void list_answer(const struct plat_in *in, struct plat_out *out, size_t n)
{
	int64_t pages = plat_get_int(in->values, "list_pages", 0) + 1;
	struct wire_answer answer;

	wire_answer_read(in->arena, in->response, &answer);
	/* What is no list says nothing about what is on it. */
	if (answer.status != 200 || json_kind(json_get(answer.json, "records")) != JSON_ARRAY) {
		bluesky_refuse(in, out, "the look for the post", &answer);
		if (out->klass == PLAT_PERMANENT || out->klass == PLAT_DUPLICATE)
			plat_undecided(out, out->text);
	} else if (list_scan(in, n, json_get(answer.json, "records"))) {
		list_end(in, out, n);
	} else if (pages >= MAX_PAGES) {
		plat_undecided(out, "bluesky: too many posts since to look through");
	} else {
		plat_set_int(in->values, "list_pages", pages);
		send_list(in, out);
	}
	wire_answer_done(&answer);
}

/* With a record key that was chosen before it is enough to read that. */
static void look_unrecorded(const struct plat_in *in, struct plat_out *out, size_t n)
{
	if (in->response && wire_step_is(in->response_step, "list", NULL)) {
		list_answer(in, out, n);
	} else if (plat_get(in->values, "tid_us")) {
		bluesky_get_record(in, out, "look", bluesky_uri(in, n));
	} else {
		list_begin(in, out);
	}
}

static void look_answer(const struct plat_in *in, struct plat_out *out, size_t n)
{
	const struct wire_rule *rule;
	struct wire_answer answer;

	wire_answer_read(in->arena, in->response, &answer);
	rule = bluesky_rule(&answer);
	if (answer.status == 200 && (bluesky_is_ours(in, answer.json) ||
	                             (wire_unrecorded(in) && bluesky_is_part(in, n, json_get(answer.json, "value"))))) {
		bluesky_stands(in, n, json_get_text(answer.json, "uri"), json_get_text(answer.json, "cid"));
		stands(in, out, n);
	} else if (answer.status == 200) {
		plat_undecided(out, arena_fmt(in->arena, "bluesky: a record stands under our key %s, but its text or time is not ours",
		                         wire_str(bluesky_uri(in, n))));
	} else if (rule->act == BLUESKY_ABSENT) {
		absent(in, out, n);
	} else {
		bluesky_refuse(in, out, "the look for the post", &answer);
		if (out->klass == PLAT_PERMANENT || out->klass == PLAT_DUPLICATE)
			plat_undecided(out, out->text);
	}
	wire_answer_done(&answer);
}

/* The same put is sent again after every look that finds nothing, so a server that keeps failing is asked ever more
 * rarely. */
static int64_t earliest_ms(const struct plat_in *in)
{
	const struct attempt *a = &in->target->open[0];
	int64_t losses = plat_get_int(in->values, "losses", 0), pause = BACKOFF_MS;

	if (!losses)
		return 0;
	for (int64_t i = 1; i < losses && pause < BACKOFF_MAX_MS; i++)
		pause *= 2;
	return (a->armed_steady_ms ? a->armed_steady_ms : a->armed_ms) + (pause < BACKOFF_MAX_MS ? pause : BACKOFF_MAX_MS);
}

void bluesky_reconcile(const struct plat_in *in, struct plat_out *out)
{
	size_t n = 0;
	bool known = wire_unrecorded(in) || (in->target->open_count && wire_step_is(in->target->open[0].step, "post", &n));

	memset(out, 0, sizeof(*out));
	if (wire_unrecorded(in))
		n = wire_part(in);
	if (wire_unrecorded(in) && n == in->content->part_count)
		wire_all_done(in, out);
	else if (!known || n >= in->content->part_count)
		plat_undecided(out, "bluesky: the record of the attempt names no post");
	else if (plat_get_n(in->values, PLAT_ID, n))
		stands(in, out, n);
	else if (!plat_get(in->account_values, "did"))
		out->verdict = PLAT_NEED_SESSION;
	else if (in->response && wire_step_is(in->response_step, "look", NULL))
		look_answer(in, out, n);
	else if (wire_unrecorded(in))
		look_unrecorded(in, out, n);
	else if (in->steady_ms < earliest_ms(in))
		plat_wait(out, in->now_ms + (earliest_ms(in) - in->steady_ms));
	else
		bluesky_get_record(in, out, "look", bluesky_uri(in, n));
	wire_end(in, out);
}

/* ---- preflight ---- */

static void check_video(const struct wire_check *c, size_t n)
{
	static const struct wire_video_limits film = { .max_ms = BLUESKY_MAX_VIDEO_MS };
	bool blob = !strcmp(bluesky_option(c->in, BLUESKY_VIDEO), "blob");
	const struct wire_media_limits file = { .max_count = 1, .max_bytes = blob ? BLUESKY_BLOB_VIDEO_BYTES : BLUESKY_VIDEO_BYTES,
	                                        .mimes = "video/mp4" };

	wire_check_media(c, n, &file);
	wire_check_video(c, n, "video", &c->in->content->parts[n].media[0], &film);
}

/* A gallery wants to know the shape of each of its pictures. */
static void check_images(const struct wire_check *c, size_t n)
{
	static const struct wire_media_limits images = {
		.max_count = BLUESKY_MAX_GALLERY, .max_bytes = BLUESKY_IMAGE_BYTES, .mimes = BLUESKY_MIME_TYPES,
	};
	const struct part *p = &c->in->content->parts[n];

	wire_check_media(c, n, &images);
	for (size_t k = 0; k < p->media_count && p->media_count > BLUESKY_MAX_IMAGES; k++)
		if (!p->media[k].width || !p->media[k].height)
			wire_check_say(c, n, "gallery", arena_fmt(c->in->arena, "more than %d pictures make a gallery, which needs the width and height of each; "
			                                          "those of picture %zu could not be read", BLUESKY_MAX_IMAGES, k + 1));
}

static bool is_address(const char *url)
{
	return !strncmp(url, "https://", 8) || !strncmp(url, "http://127.0.0.1", 16) || !strncmp(url, "http://localhost", 16);
}

static void check_options(const struct wire_check *c)
{
	static const struct { enum bluesky_option option; const char *rule, *message; } urls[] = {
		{ BLUESKY_VIDEO_URL, "VideoURL", "VideoURL= of the account's [Platform] section must begin with https://" },
		{ BLUESKY_READ_URL, "ReadURL", "ReadURL= of the account's [Platform] section must begin with https://" },
	};
	const char *quote = c->in->content->quote, *authority, *rkey;

	for (size_t i = 0; i < WIRE_COUNT(urls); i++)
		if (!is_address(bluesky_option(c->in, urls[i].option)))
			wire_check_say(c, 0, urls[i].rule, urls[i].message);
	if (quote && !bluesky_quote_parse(c->in->arena, quote, &authority, &rkey))
		wire_check_say(c, 0, "quote", "what is quoted must be the address of a post, as in https://bsky.app/profile/NAME/post/KEY or at://...");
}

static void check_part(const struct wire_check *c, size_t n)
{
	static const struct wire_media_limits thumbs = { .max_bytes = BLUESKY_THUMB_BYTES,
	                                                 .mimes = BLUESKY_MIME_TYPES };
	const struct plat_in *in = c->in;
	const struct part *p = &in->content->parts[n];
	const char *text = bluesky_text(in, n);
	int64_t used = text_graphemes(text, strlen(text)), found;
	struct plat_part_report *r = &c->out->parts[n];

	*r = (struct plat_part_report){
		.used = used < 0 ? 0 : used, .limit = BLUESKY_MAX_GRAPHEMES, .bytes = (int64_t)strlen(text),
		.byte_limit = BLUESKY_MAX_BYTES, .unit = "graphemes",
	};
	found = text_find(in->arena, text, TEXT_BLUESKY, &r->facets);
	r->facet_count = found < 0 ? 0 : (size_t)found;
	if (used < 0 || found < 0)
		wire_check_say(c, n, "text", "text could not be counted");
	wire_check_limit(c, n, "text-length", "text", "graphemes", BLUESKY_MAX_GRAPHEMES, used);
	wire_check_limit(c, n, "text-bytes", "text", "bytes", BLUESKY_MAX_BYTES, r->bytes);
	wire_check_empty(c, n, text, p->media_count > 0 || bluesky_has_card(in, n) || (!n && in->content->quote));
	if (bluesky_has_video(in, n))
		check_video(c, n);
	else
		check_images(c, n);
	if (bluesky_has_card(in, n) && in->content->card[0].thumb_count)
		wire_check_file(c, n, "card image", &in->content->card[0].thumb[0], &thumbs);
}

void bluesky_check(const struct plat_in *in, struct plat_report *out)
{
	const struct wire_check c = { .in = in, .out = out, .platform = "bluesky" };

	if (!wire_check_begin(&c))
		return;
	check_options(&c);
	for (size_t n = 0; n < out->part_count; n++)
		check_part(&c, n);
}
