/* bluesky.c: publishing a record into an account's repository by XRPC.
 *
 * A part is: mentions looked up, images uploaded, the record built once and kept, then putRecord under a key of our own
 * with swapRecord null ("create only"). The same record under the same key may be put again without a trace, so nothing
 * is ever published twice; after a lost answer the record is read first all the same (bluesky_look.c), since a person
 * may have deleted it meanwhile. */
#include "daemon/plat/bluesky.h"

#include <string.h>

#include "daemon/plat/kind.h"
#include "proto/buf.h"
#include "proto/json.h"

#define MAX_FAULTS 3
#define UPLOAD_TIMEOUT_MS (10 * 60 * INT64_C(1000))
#define BLOB_MAX_BYTES 2048

/* What outlives an edit. The record key does: should the old record stand after all, the put of the new one is refused instead of
 * making a second post. */
static const char *const lasting_of_part[] = { PLAT_ID, PLAT_URL, "cid", "tid_us", "tid_clock", "losses", NULL };

static const struct wire_rule rules[] = {
	{ 300, 399, NULL, NULL, PLAT_PERMANENT, 0 },
	{ 400, 401, "ExpiredToken", NULL, PLAT_AUTH, BLUESKY_SESSION },
	{ 400, 401, "InvalidToken", NULL, PLAT_AUTH, BLUESKY_SESSION },
	{ 400, 400, "BlobNotFound", NULL, PLAT_PERMANENT, BLUESKY_BLOB_GONE },
	{ 400, 400, "InvalidSwap", NULL, PLAT_DUPLICATE, BLUESKY_EXISTS },
	{ 400, 400, "RecordNotFound", NULL, PLAT_PERMANENT, BLUESKY_ABSENT },
	{ 400, 400, NULL, "Could not locate record", PLAT_PERMANENT, BLUESKY_ABSENT },
	{ 400, 400, NULL, "Could not find repo", PLAT_PERMANENT, BLUESKY_REPO },
	{ 401, 401, "AccountTakedown", NULL, PLAT_PERMANENT, 0 },
	{ 401, 401, "AccountDeactivated", NULL, PLAT_PERMANENT, 0 },
	{ 401, 401, NULL, NULL, PLAT_AUTH, 0 },
	{ 403, 403, "AccountNotFound", NULL, PLAT_PERMANENT, 0 },
	{ 403, 403, NULL, NULL, PLAT_AUTH, 0 },
	{ 408, 408, NULL, NULL, PLAT_TRANSIENT, 0 },
	{ 429, 429, NULL, NULL, PLAT_RATE, 0 },
	{ 400, 499, NULL, NULL, PLAT_PERMANENT, 0 },
	{ 501, 501, NULL, NULL, PLAT_PERMANENT, 0 },
	{ 500, 599, NULL, NULL, PLAT_TRANSIENT, 0 },
	{ -1, 999, NULL, NULL, PLAT_TRANSIENT, 0 },
};

const struct wire_rule *bluesky_rule(const struct wire_answer *answer)
{
	const struct wire_rule *rule = wire_rule_find(rules, WIRE_COUNT(rules), answer);

	return rule ? rule : &rules[WIRE_COUNT(rules) - 1];
}

void bluesky_refuse(const struct plat_in *in, struct plat_out *out, const char *what, const struct wire_answer *answer)
{
	wire_refuse(in, out, "bluesky", what, bluesky_rule(answer)->klass, answer);
}

const char *bluesky_pds(const struct plat_in *in)
{
	const char *pds = plat_get(in->account_values, "pds");

	return pds ? pds : in->account->base_url ? in->account->base_url : "https://bsky.social";
}

struct plat_request *bluesky_request(const struct plat_in *in, struct plat_out *out, const char *step,
                                     enum plat_effect effect,
                                     enum plat_method method, const char *host, const char *call)
{
	return wire_request(out, step, effect, method, arena_fmt(in->arena, "%s/xrpc/%s", host, call));
}

/* ---- the exchanges ---- */

static void send_handle(const struct plat_in *in, struct plat_out *out, size_t k, const char *handle)
{
	const char *escaped = wire_percent(in->arena, handle, "");
	const char *call = arena_fmt(in->arena, "com.atproto.identity.resolveHandle?handle=%s", wire_str(escaped));

	bluesky_request(in, out, wire_step_name(in->arena, "handle", k), PLAT_NONE, PLAT_GET, bluesky_pds(in),
	                wire_str(call));
}

static void send_blob(const struct plat_in *in, struct plat_out *out, const char *step, const struct media *m)
{
	struct plat_request *r = bluesky_request(in, out, step, PLAT_REPEATABLE, PLAT_POST, bluesky_pds(in),
	                                         "com.atproto.repo.uploadBlob");

	r->timeout_ms = UPLOAD_TIMEOUT_MS;
	wire_bearer(r, in->arena, plat_get(in->account_values, "access"));
	plat_header(r, "Content-Type", m->mime ? m->mime : "application/octet-stream");
	plat_body_media(r, m);
}

static void send_put(const struct plat_in *in, struct plat_out *out, size_t n)
{
	const char *record = plat_get(in->values, "record");
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	struct plat_request *r;
	struct json_writer w;

	if (!record)
		return;
	r = bluesky_request(in, out, wire_step_name(in->arena, "post", n), PLAT_ONCE, PLAT_POST, bluesky_pds(in),
	                    "com.atproto.repo.putRecord");
	r->mark = bluesky_uri(in, n);
	wire_bearer(r, in->arena, plat_get(in->account_values, "access"));
	jw_init(&w, &b);
	jw_object(&w, NULL);
	jw_str(&w, "repo", plat_get(in->account_values, "did"));
	jw_str(&w, "collection", BLUESKY_COLLECTION);
	jw_str(&w, "rkey", bluesky_rkey(in, n));
	jw_bool(&w, "validate", true);
	jw_null(&w, "swapRecord");
	jw_raw(&w, "record", record, strlen(record));
	jw_end(&w);
	wire_json_body(r, in->arena, &b);
}

/* The cid of a part that a person told us stands, or whose cid was dropped when a later part stood. */
static bool need_cid(const struct plat_in *in, struct plat_out *out, size_t n)
{
	const size_t needed[] = { 0, n - 1 };
	size_t parent;

	if (!bluesky_parent(in, n, &parent))
		return false;
	for (size_t i = 0; i < WIRE_COUNT(needed); i++) {
		if (i && parent != needed[i])
			continue;
		if (!plat_get_n(in->values, "cid", needed[i])) {
			bluesky_get_record(in, out, wire_step_name(in->arena, "cid", needed[i]),
			                   plat_get_n(in->values, PLAT_ID, needed[i]));
			return true;
		}
	}
	return false;
}

/* What the record is made of. True when *out is filled. */
static bool gather(const struct plat_in *in, struct plat_out *out, size_t n)
{
	const struct part *p = &in->content->parts[n];
	const char *handles[BLUESKY_MAX_MENTIONS];
	size_t handle_count = plat_get(in->values, "record") ? 0 : bluesky_mentions(in, n, handles);

	for (size_t k = 0; k < handle_count; k++) {
		if (!plat_get_n(in->values, "did", k)) {
			send_handle(in, out, k, handles[k]);
			return true;
		}
	}
	for (size_t k = 0; k < p->media_count; k++) {
		if (plat_get_n(in->values, "blob", k))
			continue;
		if (bluesky_has_video(in, n) && strcmp(bluesky_option(in, BLUESKY_VIDEO), "blob") != 0)
			bluesky_video_send(in, out, n);
		else
			send_blob(in, out, wire_step_name(in->arena, "blob", k), &p->media[k]);
		return true;
	}
	if (!plat_get(in->values, "record") && bluesky_quote_send(in, out, n))
		return true;
	if (bluesky_has_card(in, n) && in->content->card[0].thumb_count && !plat_get(in->values, "thumb")) {
		send_blob(in, out, "thumb", &in->content->card[0].thumb[0]);
		return true;
	}
	return !plat_get(in->values, "record") && need_cid(in, out, n);
}

static void proceed(const struct plat_in *in, struct plat_out *out)
{
	size_t n = wire_part(in);

	if (n == in->content->part_count) {
		wire_all_done(in, out);
		return;
	}
	if (!bluesky_ready(in)) {
		out->verdict = PLAT_NEED_SESSION;
		return;
	}
	wire_renew(in, lasting_of_part, n);
	if (gather(in, out, n))
		return;
	if (!plat_get(in->values, "record"))
		bluesky_build(in, n);
	if (plat_get(in->values, "exists"))
		bluesky_get_record(in, out, wire_step_name(in->arena, "exists", n), bluesky_uri(in, n));
	else
		send_put(in, out, n);
}

/* ---- the answers: each returns true when *out is filled, false to go on ---- */

/* Counts under a name; true when it was one too many. */
static bool counted_out(const struct plat_in *in, const char *name)
{
	int64_t count = plat_get_int(in->values, name, 0) + 1;

	plat_set_int(in->values, name, count < MAX_FAULTS ? count : 0);
	return count >= MAX_FAULTS;
}

static bool refused(const struct plat_in *in, struct plat_out *out, size_t n, const char *what,
                    const struct wire_answer *answer)
{
	int act = bluesky_rule(answer)->act;

	bluesky_refuse(in, out, what, answer);
	if ((act == BLUESKY_SESSION && !counted_out(in, "refused")) ||
	    (act == BLUESKY_REPO && !plat_get(in->values, "repo_asked"))) {
		plat_set(in->values, "repo_asked", act == BLUESKY_REPO ? "1" : NULL);
		*out = (struct plat_out){ .verdict = PLAT_NEED_SESSION };
	} else if (act == BLUESKY_BLOB_GONE && !counted_out(in, "blob_faults")) {
		for (size_t k = 0; k < in->content->parts[n].media_count; k++)
			plat_set_n(in->values, "blob", k, NULL);
		plat_set(in->values, "thumb", NULL);
		bluesky_video_forget(in);
		memset(out, 0, sizeof(*out));
		return false;
	}
	return true;
}

static bool put_answer(const struct plat_in *in, struct plat_out *out, size_t n, const struct wire_answer *answer)
{
	const char *uri = json_get_text(answer->json, "uri"), *cid = json_get_text(answer->json, "cid");

	if (answer->status == 200 && uri && cid) {
		bluesky_stands(in, n, uri, cid);
		return false;
	}
	if (bluesky_rule(answer)->act == BLUESKY_EXISTS) {
		plat_set(in->values, "exists", "1");
		return false;
	}
	if (!refused(in, out, n, "the post", answer))
		return false;
	/* Without a clear answer the record may stand. */
	if (out->verdict == PLAT_FAIL && (answer->status >= 500 || answer->status == 408 || answer->status < 300))
		out->klass = PLAT_UNKNOWN;
	return true;
}

/* There is a record under our key: ours, from an earlier try, or another. */
static bool exists_answer(const struct plat_in *in, struct plat_out *out, size_t n, const struct wire_answer *answer)
{
	if (answer->status == 200 && bluesky_is_ours(in, answer->json)) {
		bluesky_stands(in, n, json_get_text(answer->json, "uri"), json_get_text(answer->json, "cid"));
		return false;
	}
	if (answer->status == 200 || bluesky_rule(answer)->act == BLUESKY_ABSENT)
		plat_set(in->values, "exists", NULL);
	if (answer->status == 200) {
		plat_fail(out, PLAT_PERMANENT, arena_fmt(in->arena, "bluesky: another record already stands under %s",
		                                         bluesky_uri(in, n)));
		return true;
	}
	refused(in, out, n, "the look at the existing record", answer);
	if (bluesky_rule(answer)->act == BLUESKY_ABSENT)
		out->klass = PLAT_TRANSIENT;
	return true;
}

static bool handle_answer(const struct plat_in *in, struct plat_out *out, size_t k, const struct wire_answer *answer)
{
	enum plat_class klass = bluesky_rule(answer)->klass;
	const char *did = json_get_text(answer->json, "did");

	if (answer->status == 200 && did && !strncmp(did, "did:", 4)) {
		plat_set_n(in->values, "did", k, did);
		return false;
	}
	if (klass == PLAT_RATE || (klass == PLAT_TRANSIENT && !counted_out(in, "handle_faults"))) {
		bluesky_refuse(in, out, "the question for a mentioned handle", answer);
		return true;
	}
	plat_set_n(in->values, "did", k, "-");
	return false;
}

static bool blob_answer(const struct plat_in *in, struct plat_out *out, size_t n, const char *name,
                        const struct wire_answer *answer)
{
	const struct json *blob = json_get(answer->json, "blob");
	struct buf b = BUF_INIT(BLOB_MAX_BYTES);

	if (answer->status != 200 || json_kind(blob) != JSON_OBJECT)
		return refused(in, out, n, "an upload", answer);
	json_print(blob, &b);
	plat_set(in->values, name, wire_take(&b, in->arena, NULL));
	return false;
}

static bool cid_answer(const struct plat_in *in, struct plat_out *out, size_t n, size_t of,
                       const struct wire_answer *answer)
{
	const char *uri = json_get_text(answer->json, "uri"), *cid = json_get_text(answer->json, "cid");

	if (answer->status != 200 || !cid || !uri)
		return refused(in, out, n, "the read of the post to answer", answer);
	plat_set_n(in->values, PLAT_ID, of, uri);
	plat_set_n(in->values, "cid", of, cid);
	return false;
}

static bool answered(const struct plat_in *in, struct plat_out *out)
{
	size_t part = wire_part(in), k;
	struct wire_answer answer;
	bool filled = false;

	if (part == in->content->part_count)
		return false;
	wire_answer_read(in->arena, in->response, &answer);
	if (wire_step_is(in->response_step, "post", &k))
		filled = k == part && put_answer(in, out, part, &answer);
	else if (wire_step_is(in->response_step, "exists", &k))
		filled = k == part && exists_answer(in, out, part, &answer);
	else if (wire_step_is(in->response_step, "handle", &k))
		filled = handle_answer(in, out, k, &answer);
	else if (wire_step_is(in->response_step, "blob", &k))
		filled = blob_answer(in, out, part, in->response_step, &answer);
	else if (wire_step_is(in->response_step, "thumb", NULL))
		filled = blob_answer(in, out, part, "thumb", &answer);
	else if (wire_step_is(in->response_step, "cid", &k))
		filled = cid_answer(in, out, part, k, &answer);
	else if (!bluesky_video_answer(in, out, part, &answer, &filled))
		(void)bluesky_quote_answer(in, out, &answer, &filled);
	if (!filled && answer.status == 200)
		plat_set(in->values, "refused", NULL);
	wire_answer_done(&answer);
	return filled;
}

static void step(const struct plat_in *in, struct plat_out *out)
{
	memset(out, 0, sizeof(*out));
	if (!in->response || !answered(in, out))
		proceed(in, out);
	wire_end(in, out);
}

static const struct plat_option options[BLUESKY_OPTION_COUNT] = {
	[BLUESKY_VIDEO] = { .name = "Video", .words = "service parts blob", .fallback = "service",
	                    .help = "How videos go up: whole to the video service and in parts from 100 MB on, in parts always, or as plain blobs to a "
	                            "server without that service." },
	[BLUESKY_VIDEO_URL] = { .name = "VideoURL", .fallback = "https://video.bsky.app", .help = "The video service." },
	[BLUESKY_READ_URL] = { .name = "ReadURL", .fallback = "https://public.api.bsky.app", .help = "Where posts of others, which are to be quoted, are read." },
	[BLUESKY_LABEL] = { .name = "Label", .words = "none sexual nudity porn graphic-media", .fallback = "none",
	                    .help = "What readers are warned of before they see the media.", .per_post = true },
};

const char *bluesky_option(const struct plat_in *in, enum bluesky_option option)
{
	const char *text = plat_setting(in, options[option].name);

	return text ? text : wire_str(options[option].fallback);
}

static const struct plat_need needs[] = {
	{ "identifier", NULL, "lacks the line identifier= with the account's handle or DID" },
	{ "password", NULL, "lacks the line password= with an app password" },
};

const struct plat plat_bluesky = {
	.name = "bluesky",
	.options = options,
	.option_count = WIRE_COUNT(options),
	.needs = needs,
	.need_count = WIRE_COUNT(needs),
	.kinds = KIND_BIT(KIND_TEXT) | KIND_BIT(KIND_LINK) | KIND_BIT(KIND_IMAGE) | KIND_BIT(KIND_IMAGES) | KIND_BIT(KIND_VIDEO) | KIND_BIT(KIND_THREAD) |
	         KIND_BIT(KIND_COMMENT) | KIND_BIT(KIND_QUOTE) | KIND_BIT(KIND_ALT) | KIND_BIT(KIND_LANGUAGE),
	.parallel = 1,
	/* 4: 35,000 points in a day and 5,000 in an hour; a post takes 3. */
	.quota = { .posts = 35000 / 3, .window_ms = 24 * 3600 * INT64_C(1000), .slots = 24, .slot_posts = 5000 / 3 },
	.needs_credential = true,
	.settle_ms = 2 * 1000,
	.session_ms = 60 * 60 * 1000,
	.step = step,
	.reconcile = bluesky_reconcile,
	.session = bluesky_session,
	.check = bluesky_check,
};
