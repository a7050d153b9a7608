/* bluesky_video.c: videos go to a service of their own, which encodes them and stores the result in the account's repository as a
 * blob. It is asked for its limits first, then given the file (whole, or in parts that can be sent again), then asked until the blob is there.
 *
 * Each call carries a token that the account's own server makes for it. All of it may be repeated: the service knows a
 * file again. Servers without the service take small videos as plain blobs (option Video=blob). */
#include <string.h>

#include "daemon/plat/bluesky.h"
#include "daemon/plat/kind.h"
#include "daemon/plat/progress.h"
#include "proto/json.h"

#define TOKEN_S (30 * 60)
#define LIMITS_TOKEN_S (5 * 60)
#define TOKEN_MARGIN_MS (60 * INT64_C(1000))
#define UPLOAD_TIMEOUT_MS (15 * 60 * INT64_C(1000))
#define MAX_RESTARTS 3
#define BLOB_MAX_BYTES 2048

enum { ACT_RESTART = 1, ACT_KNOWN };

/* 2.3. What is not here is as everywhere. */
static const struct wire_rule rules[] = {
	{ 400, 499, "already_exists", NULL, PLAT_PERMANENT, ACT_KNOWN },
	{ 400, 499, "ServiceOverloaded", NULL, PLAT_TRANSIENT, 0 },
	{ 400, 499, "UploadNotReady", NULL, PLAT_TRANSIENT, 0 },
	{ 400, 499, "DailyLimitExceeded", NULL, PLAT_RATE, 0 },
	{ 400, 499, "TooManyOpenUploads", NULL, PLAT_RATE, 0 },
	{ 400, 499, "PartSizeMismatch", NULL, PLAT_PERMANENT, ACT_RESTART },
	{ 400, 499, "MissingParts", NULL, PLAT_PERMANENT, ACT_RESTART },
	{ 400, 499, "UploadExpired", NULL, PLAT_PERMANENT, ACT_RESTART },
	{ 400, 499, "UploadNotFound", NULL, PLAT_PERMANENT, ACT_RESTART },
};
static const struct poll_plan polls = {
	.first_ms = 2 * 1000, .fast_ms = 2 * 1000, .fast_for_ms = 60 * 1000, .slow_ms = 5 * 1000, .give_up_ms = 15 * 60 * 1000,
};
static const char *const of_upload[] = { "limits", "token", "token_s", "upload", "part_bytes", "job" };

bool bluesky_has_video(const struct plat_in *in, size_t n)
{
	const struct part *p = &in->content->parts[n];

	return p->media_count && kind_is_video(&p->media[0]);
}

void bluesky_video_forget(const struct plat_in *in)
{
	for (size_t i = 0; i < WIRE_COUNT(of_upload); i++)
		plat_set(in->values, of_upload[i], NULL);
	poll_end(in, "job", 0);
	chunk_forget(in, 0);
}

/* ---- requests ---- */

static const char *service(const struct plat_in *in)
{
	return bluesky_option(in, BLUESKY_VIDEO_URL);
}

/* A server's name as a DID. */
static const char *did_web(const struct plat_in *in, const char *url)
{
	const char *scheme = strstr(url, "://"), *host = scheme ? scheme + 3 : url;

	return arena_fmt(in->arena, "did:web:%.*s", (int)strcspn(host, ":/"), host);
}

static void send_auth(const struct plat_in *in, struct plat_out *out, const char *step, const char *audience, const char *method,
                      int64_t lifetime_s)
{
	const char *aud = wire_percent(in->arena, wire_str(did_web(in, audience)), ":");
	const char *call = arena_fmt(in->arena, "com.atproto.server.getServiceAuth?aud=%s&lxm=%s&exp=%lld", wire_str(aud), method,
	                             (long long)(in->now_ms / 1000 + lifetime_s));
	struct plat_request *r = bluesky_request(in, out, step, PLAT_NONE, PLAT_GET, bluesky_pds(in), wire_str(call));

	wire_bearer(r, in->arena, plat_get(in->account_values, "access"));
}

static struct plat_request *send_service(const struct plat_in *in, struct plat_out *out, const char *step, enum plat_effect effect,
                                         const char *call)
{
	struct plat_request *r = bluesky_request(in, out, step, effect, effect == PLAT_NONE ? PLAT_GET : PLAT_POST, service(in),
	                                         wire_str(call));

	r->timeout_ms = effect == PLAT_NONE ? 0 : UPLOAD_TIMEOUT_MS;
	return r;
}

static const char *file_name(const struct plat_in *in, const struct media *m)
{
	return arena_fmt(in->arena, "%.32s.mp4", wire_str(m->sha256));
}

static void send_whole(const struct plat_in *in, struct plat_out *out, const struct media *m)
{
	const char *did = wire_percent(in->arena, plat_get(in->account_values, "did"), ":");
	struct plat_request *r = send_service(in, out, "video", PLAT_REPEATABLE,
	                                      arena_fmt(in->arena, "app.bsky.video.uploadVideo?did=%s&name=%s", wire_str(did),
	                                                wire_str(file_name(in, m))));

	wire_bearer(r, in->arena, plat_get(in->values, "token"));
	plat_header(r, "Content-Type", "video/mp4");
	plat_body_media(r, m);
}

static void send_json(const struct plat_in *in, struct plat_out *out, const char *step, const char *call, struct buf *body)
{
	struct plat_request *r = send_service(in, out, step, PLAT_REPEATABLE, call);

	wire_bearer(r, in->arena, plat_get(in->values, "token"));
	wire_json_body(r, in->arena, body);
}

static void send_start(const struct plat_in *in, struct plat_out *out, const struct media *m)
{
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	struct json_writer w;

	jw_init(&w, &b);
	jw_object(&w, NULL);
	jw_int(&w, "sizeBytes", (int64_t)m->size_bytes);
	jw_str(&w, "mimeType", "video/mp4");
	jw_str(&w, "name", file_name(in, m));
	jw_end(&w);
	send_json(in, out, "start", "app.bsky.video.startUpload", &b);
}

static void send_finish(const struct plat_in *in, struct plat_out *out)
{
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	struct json_writer w;

	jw_init(&w, &b);
	jw_object(&w, NULL);
	jw_str(&w, "jobId", plat_get(in->values, "upload"));
	jw_end(&w);
	send_json(in, out, "finish", "app.bsky.video.finishUpload", &b);
}

static void send_part(const struct plat_in *in, struct plat_out *out, const struct media *m)
{
	const char *upload = wire_percent(in->arena, plat_get(in->values, "upload"), "");
	struct chunk c;

	if (!chunk_next(in, 0, m->size_bytes, (uint64_t)plat_get_int(in->values, "part_bytes", 0), &c)) {
		send_finish(in, out);
		return;
	}
	struct plat_request *r = send_service(in, out, "part", PLAT_REPEATABLE,
	                                      arena_fmt(in->arena, "app.bsky.video.uploadPart?jobId=%s&partNumber=%llu", wire_str(upload),
	                                                (unsigned long long)c.index + 1));
	wire_bearer(r, in->arena, plat_get(in->values, "token"));
	plat_header(r, "Content-Type", "application/octet-stream");
	chunk_body(r, m, &c);
}

void bluesky_video_send(const struct plat_in *in, struct plat_out *out, size_t n)
{
	const struct media *m = &in->content->parts[n].media[0];
	const char *job = plat_get(in->values, "job"), *way = bluesky_option(in, BLUESKY_VIDEO);

	if (job) {
		const char *escaped = wire_percent(in->arena, job, "");
		send_service(in, out, "job", PLAT_NONE, arena_fmt(in->arena, "app.bsky.video.getJobStatus?jobId=%s", wire_str(escaped)));
	} else if (!plat_get(in->values, "limits")) {
		send_auth(in, out, "limits.auth", service(in), "app.bsky.video.getUploadLimits", LIMITS_TOKEN_S);
	} else if (plat_get_int(in->values, "token_s", 0) * 1000 - TOKEN_MARGIN_MS < in->now_ms) {
		send_auth(in, out, "video.auth", bluesky_pds(in), "com.atproto.repo.uploadBlob", TOKEN_S);
	} else if (!strcmp(way, "service") && m->size_bytes <= BLUESKY_WHOLE_VIDEO_BYTES) {
		send_whole(in, out, m);
	} else if (!plat_get(in->values, "upload")) {
		send_start(in, out, m);
	} else {
		send_part(in, out, m);
	}
}

/* ---- answers: each returns true when *out is filled, false to go on ---- */

static bool refused(const struct plat_in *in, struct plat_out *out, const char *what, const struct wire_answer *answer)
{
	const struct wire_rule *rule = wire_rule_find(rules, WIRE_COUNT(rules), answer);
	enum plat_class klass = rule ? rule->klass : bluesky_rule(answer)->klass;

	/* A token is for one use of half an hour; whatever was wrong with it, the next try gets another. */
	plat_set(in->values, "token_s", NULL);
	if (((rule && rule->act == ACT_RESTART) || klass == PLAT_AUTH) && !fault_count(in, "video_faults", MAX_RESTARTS)) {
		bluesky_video_forget(in);
		return false;
	}
	/* The account's own session is another one, and good: nothing is paused for this. */
	if (klass == PLAT_AUTH)
		klass = PLAT_PERMANENT;
	wire_refuse(in, out, "bluesky", what, klass, answer);
	return true;
}

static bool auth_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	const char *token = json_get_text(answer->json, "token");

	if (answer->status != 200 || !token) {
		bluesky_refuse(in, out, "the request for a video token", answer);
		if (bluesky_rule(answer)->act == BLUESKY_SESSION && !fault_count(in, "refused", MAX_RESTARTS))
			*out = (struct plat_out){ .verdict = PLAT_NEED_SESSION };
		return true;
	}
	if (wire_step_is(in->response_step, "limits.auth", NULL)) {
		struct plat_request *r = send_service(in, out, "limits", PLAT_NONE, "app.bsky.video.getUploadLimits");
		wire_bearer(r, in->arena, token);
		return true;
	}
	plat_set(in->values, "token", token);
	plat_set_int(in->values, "token_s", in->now_ms / 1000 + TOKEN_S);
	return false;
}

static bool limits_answer(const struct plat_in *in, struct plat_out *out, size_t n, const struct wire_answer *answer)
{
	int64_t left = INT64_MAX;
	const char *error = wire_str(json_get_text(answer->json, "error")), *message = json_get_text(answer->json, "message");

	if (answer->status != 200 || json_kind(json_get(answer->json, "canUpload")) != JSON_BOOL)
		return refused(in, out, "the question for the limits of videos", answer);
	(void)json_get_int(answer->json, "remainingDailyBytes", &left);
	if (json_true(json_get(answer->json, "canUpload"), false) && left >= (int64_t)in->content->parts[n].media[0].size_bytes) {
		plat_set(in->values, "limits", "1");
		return false;
	}
	plat_fail(out, strcmp(error, "unconfirmed_email") ? PLAT_RATE : PLAT_PERMANENT,
	          arena_fmt(in->arena, "bluesky: the video service takes no video of this account now: %s",
	                    wire_str(wire_excerpt(in->arena, message ? message : error, strlen(message ? message : error), 200))));
	return true;
}

static bool job_failed(const struct plat_in *in, struct plat_out *out, const struct json *status)
{
	const char *code = wire_str(json_get_text(status, "failureCode")), *why = json_get_text(status, "error");
	bool again = !strcmp(code, "pds_upload_failure") || !strcmp(code, "generic_failure");

	why = why ? why : wire_str(json_get_text(status, "message"));
	bluesky_video_forget(in);
	if (again && !fault_count(in, "video_faults", MAX_RESTARTS))
		return false;
	plat_fail(out, PLAT_PERMANENT, arena_fmt(in->arena, "bluesky: the video service refused the video (%s): %s",
	                                         wire_str(wire_excerpt(in->arena, code, strlen(code), 60)),
	                                         wire_str(wire_excerpt(in->arena, why, strlen(why), 200))));
	return true;
}

static bool job_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	const struct json *status = json_get(answer->json, "jobStatus"), *blob;
	struct buf b = BUF_INIT(BLOB_MAX_BYTES);

	if (answer->status != 200 || !status)
		return refused(in, out, "the question for the video's state", answer);
	blob = json_get(status, "blob");
	if (json_kind(blob) == JSON_OBJECT) {
		json_print(blob, &b);
		bluesky_video_forget(in);
		plat_set_n(in->values, "blob", 0, wire_take(&b, in->arena, NULL));
		return false;
	}
	if (!strcmp(wire_str(json_get_text(status, "state")), "JOB_STATE_FAILED"))
		return job_failed(in, out, status);
	if (!poll_under_way(in, "job", 0)) {
		poll_begin(in, out, &polls, "job", 0);
	} else if (!poll_again(in, out, &polls, "job", 0, 0)) {
		bluesky_video_forget(in);
		plat_fail(out, PLAT_TRANSIENT, "bluesky: the video service was still at work on the video after 15 minutes");
	}
	return true;
}

/* The work has begun under this name. An upload answers bare or wrapped in jobStatus. */
static bool job_begun(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	const struct wire_rule *rule = wire_rule_find(rules, WIRE_COUNT(rules), answer);
	const char *job = json_get_text(answer->json, "completedJobId");

	job = job ? job : json_get_text(answer->json, "jobId");
	job = job ? job : json_text(json_path(answer->json, "jobStatus.jobId"));
	if ((answer->status != 200 && !(rule && rule->act == ACT_KNOWN)) || !job)
		return refused(in, out, "the video", answer);
	plat_set(in->values, "job", job);
	poll_begin(in, out, &polls, "job", 0);
	return true;
}

static bool start_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	const char *upload = json_get_text(answer->json, "jobId");
	int64_t part_bytes = 0;

	if (answer->status != 200 || !upload || json_get_int(answer->json, "partSizeBytes", &part_bytes) || part_bytes <= 0)
		return refused(in, out, "the start of the upload", answer);
	chunk_forget(in, 0);
	plat_set(in->values, "upload", upload);
	plat_set_int(in->values, "part_bytes", part_bytes);
	return false;
}

static bool part_answer(const struct plat_in *in, struct plat_out *out, size_t n, const struct wire_answer *answer)
{
	struct chunk c;

	if (answer->status != 200)
		return refused(in, out, "a part of the video", answer);
	if (chunk_next(in, 0, in->content->parts[n].media[0].size_bytes, (uint64_t)plat_get_int(in->values, "part_bytes", 0), &c))
		chunk_arrived(in, 0, c.offset + c.len);
	return false;
}

bool bluesky_video_answer(const struct plat_in *in, struct plat_out *out, size_t n, const struct wire_answer *answer, bool *filled)
{
	const char *step = in->response_step;

	*filled = false;
	if (!bluesky_has_video(in, n))
		return false;
	if (wire_step_is(step, "limits.auth", NULL) || wire_step_is(step, "video.auth", NULL))
		*filled = auth_answer(in, out, answer);
	else if (wire_step_is(step, "limits", NULL))
		*filled = limits_answer(in, out, n, answer);
	else if (wire_step_is(step, "video", NULL) || wire_step_is(step, "finish", NULL))
		*filled = job_begun(in, out, answer);
	else if (wire_step_is(step, "start", NULL))
		*filled = start_answer(in, out, answer);
	else if (wire_step_is(step, "part", NULL))
		*filled = part_answer(in, out, n, answer);
	else if (wire_step_is(step, "job", NULL))
		*filled = job_answer(in, out, answer);
	else
		return false;
	return true;
}
