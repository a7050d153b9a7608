/* linkedin_media.c: images, documents and videos: asked for an address, sent there, waited for until they may be shown.
 * All of it may be repeated; an unused file stays behind unseen (contract, 2.4 to 2.7, 3). */
#include "daemon/plat/linkedin.h"

#include <stdio.h>
#include <string.h>

#include "daemon/plat/kind.h"
#include "daemon/plat/progress.h"

#define UPLOAD_TIMEOUT_MS (10 * 60 * INT64_C(1000))
#define EXPIRY_MARGIN_MS (60 * INT64_C(1000))
#define UNREADABLE_WAIT_MS (20 * INT64_C(1000))
#define MAX_READ_FAULTS 10

/* What is uploaded in which way. */
struct family { const char *path, *key, *what; struct poll_plan plan; };

static const struct family families[] = {
	{ "images", "image", "the image", { 3000, 3000, 0, 3000, 120 * 1000 } },
	{ "videos", "video", "the video", { 10 * 1000, 10 * 1000, 300 * 1000, 20 * 1000, 1800 * 1000 } },
	{ "documents", "document", "the document", { 3000, 3000, 0, 3000, 120 * 1000 } },
};

static const struct family *family_of(const struct media *m)
{
	return &families[kind_is_image(m) ? 0 : kind_is_video(m) ? 1 : 2];
}

size_t linkedin_files(const struct content *c, const struct media **out)
{
	if (c->parts[0].media_count) {
		*out = c->parts[0].media;
		return c->parts[0].media_count;
	}
	*out = c->card_count ? c->card->thumb : NULL;
	return c->card_count ? c->card->thumb_count : 0;
}

static void set_flag(const struct plat_in *in, const char *name, size_t k)
{
	plat_set_n(in->values, name, k, "1");
}

static void forget_file(const struct plat_in *in, size_t k)
{
	static const char *const names[] = { "asset", "put", "ready", "put_url", "expires" };

	for (size_t i = 0; i < WIRE_COUNT(names); i++)
		plat_set_n(in->values, names[i], k, NULL);
	poll_end(in, "ready", k);
}

static void forget_pieces(const struct plat_in *in)
{
	for (size_t j = 0; j < LINKEDIN_MAX_PIECES; j++) {
		plat_set_n(in->values, "piece_url", j, NULL);
		plat_set_n(in->values, "piece_at", j, NULL);
		plat_set_n(in->values, "piece_tag", j, NULL);
	}
	plat_set(in->values, "pieces", NULL);
	plat_set(in->values, "piece_token", NULL);
}

/* ---- requests ---- */

static void send_init(const struct plat_in *in, struct plat_out *out, size_t k, const struct media *m)
{
	const struct family *f = family_of(m);
	const char *path = arena_fmt(in->arena, "/rest/%s?action=initializeUpload", f->path);
	struct plat_request *r = linkedin_request(in, out, wire_step_name(in->arena, "init", k), PLAT_REPEATABLE, PLAT_POST,
	                                          wire_str(path), NULL);
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	struct json_writer w;

	jw_init(&w, &b);
	jw_object(&w, NULL);
	jw_object(&w, "initializeUploadRequest");
	jw_str(&w, "owner", linkedin_author(in));
	if (kind_is_video(m)) {
		jw_int(&w, "fileSizeBytes", (int64_t)m->size_bytes);
		jw_bool(&w, "uploadCaptions", false);
		jw_bool(&w, "uploadThumbnail", false);
	}
	jw_end(&w);
	jw_end(&w);
	wire_json_body(r, in->arena, &b);
}

/* Upload addresses come from the platform: they are believed on its own hosts alone, since the token goes there. */
static bool upload_host(const struct plat_in *in, const char *url)
{
	const char *base = in->account->base_url;
	size_t len, host;

	if (base && !strncmp(url, base, strlen(base)) && url[strlen(base)] == '/')
		return true;
	if (strncmp(url, "https://", 8))
		return false;
	host = strcspn(url + 8, "/?#");
	len = strlen(".linkedin.com");
	return host > len && !memchr(url + 8, '@', host) && !strncmp(url + 8 + host - len, ".linkedin.com", len);
}

static void send_put(const struct plat_in *in, struct plat_out *out, size_t k, const struct media *m)
{
	struct plat_request *r = wire_request(out, wire_step_name(in->arena, "put", k), PLAT_REPEATABLE, PLAT_PUT,
	                                      wire_str(plat_get_n(in->values, "put_url", k)));

	oauth_bearer(in, r);
	plat_header(r, "Content-Type", "application/octet-stream");
	plat_body_media(r, m);
	r->timeout_ms = UPLOAD_TIMEOUT_MS;
}

/* The samples of the vendor send no token with pieces. */
static void send_piece(const struct plat_in *in, struct plat_out *out, size_t j, const struct media *m)
{
	int64_t at = wire_get_int_n(in->values, "piece_at", j, 0);
	int64_t next = wire_get_int_n(in->values, "piece_at", j + 1, (int64_t)m->size_bytes);
	struct plat_request *r = wire_request(out, wire_step_name(in->arena, "piece", j), PLAT_REPEATABLE, PLAT_PUT,
	                                      wire_str(plat_get_n(in->values, "piece_url", j)));

	plat_header(r, "Content-Type", "application/octet-stream");
	plat_body_range(r, m, (uint64_t)at, (uint64_t)(next - at));
	r->timeout_ms = UPLOAD_TIMEOUT_MS;
}

static void send_finalize(const struct plat_in *in, struct plat_out *out)
{
	struct plat_request *r = linkedin_request(in, out, "finalize", PLAT_REPEATABLE, PLAT_POST, "/rest/videos?action=finalizeUpload", NULL);
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	int64_t pieces = plat_get_int(in->values, "pieces", 0);
	struct json_writer w;

	jw_init(&w, &b);
	jw_object(&w, NULL);
	jw_object(&w, "finalizeUploadRequest");
	jw_str(&w, "video", plat_get_n(in->values, "asset", 0));
	jw_str(&w, "uploadToken", wire_str(plat_get(in->values, "piece_token")));
	jw_array(&w, "uploadedPartIds");
	for (int64_t j = 0; j < pieces; j++)
		jw_str(&w, NULL, plat_get_n(in->values, "piece_tag", (size_t)j));
	jw_end(&w);
	jw_end(&w);
	jw_end(&w);
	wire_json_body(r, in->arena, &b);
}

static void send_ready(const struct plat_in *in, struct plat_out *out, size_t k, const struct media *m)
{
	const char *urn = linkedin_enc(in, plat_get_n(in->values, "asset", k));
	const char *path = arena_fmt(in->arena, "/rest/%s/%s", family_of(m)->path, wire_str(urn));

	linkedin_request(in, out, wire_step_name(in->arena, "ready", k), PLAT_NONE, PLAT_GET, wire_str(path), NULL);
}

/* ---- what comes next ---- */

static bool video_next(const struct plat_in *in, struct plat_out *out, const struct media *m)
{
	int64_t pieces = plat_get_int(in->values, "pieces", 0);

	for (int64_t j = 0; j < pieces; j++)
		if (!plat_get_n(in->values, "piece_tag", (size_t)j)) {
			send_piece(in, out, (size_t)j, m);
			return true;
		}
	send_finalize(in, out);
	return true;
}

static bool file_next(const struct plat_in *in, struct plat_out *out, size_t k, const struct media *m)
{
	int64_t expires = wire_get_int_n(in->values, "expires", k, 0);
	bool put = plat_get_n(in->values, "put", k);

	if (plat_get_n(in->values, "ready", k))
		return false;
	if (plat_get_n(in->values, "asset", k) && !put && expires && in->now_ms > expires - EXPIRY_MARGIN_MS) {
		forget_file(in, k);
		forget_pieces(in);
	}
	if (!plat_get_n(in->values, "asset", k))
		send_init(in, out, k, m);
	else if (put)
		send_ready(in, out, k, m);
	else if (kind_is_video(m))
		return video_next(in, out, m);
	else
		send_put(in, out, k, m);
	return true;
}

bool linkedin_media(const struct plat_in *in, struct plat_out *out)
{
	const struct media *files;
	size_t count = linkedin_files(in->content, &files);

	for (size_t k = 0; k < count; k++)
		if (file_next(in, out, k, &files[k]))
			return true;
	return false;
}

/* ---- answers ---- */

static bool keep_pieces(const struct plat_in *in, const struct json *list, const struct media *m)
{
	int64_t expected = 0, first, last;
	size_t j = 0;

	for (const struct json *e = json_first(list); e && j < LINKEDIN_MAX_PIECES; e = json_next(e), j++) {
		const char *url = json_get_text(e, "uploadUrl");

		if (!url || !upload_host(in, url) || json_get_int(e, "firstByte", &first) || json_get_int(e, "lastByte", &last) ||
		    first != expected || last < first)
			return false;
		expected = last + 1;
		plat_set_n(in->values, "piece_url", j, url);
		plat_set_n(in->values, "piece_at", j, arena_fmt(in->arena, "%lld", (long long)first));
	}
	plat_set_int(in->values, "pieces", (int64_t)j);
	return j && j == json_count(list) && (uint64_t)expected == m->size_bytes;
}

static bool init_answer(const struct plat_in *in, struct plat_out *out, size_t k, const struct media *m, const struct wire_answer *answer)
{
	const struct json *value = json_get(answer->json, "value");
	const char *urn = json_get_text(value, family_of(m)->key), *url = json_get_text(value, "uploadUrl");
	const struct json *list = json_get(value, "uploadInstructions");
	bool video = kind_is_video(m);
	int64_t expires = 0;

	if (answer->status < 200 || answer->status > 299) {
		linkedin_refuse(in, out, "the request to upload", answer);
		return true;
	}
	forget_pieces(in);
	if (!urn || !*urn || (video ? !keep_pieces(in, list, m) : !url || !upload_host(in, url))) {
		plat_fail(out, PLAT_TRANSIENT, "linkedin: the request to upload was answered without an address that can be used");
		return true;
	}
	if (json_get_int(value, video ? "uploadUrlsExpireAt" : "uploadUrlExpiresAt", &expires))
		expires = 0;
	plat_set_n(in->values, "asset", k, urn);
	plat_set_n(in->values, "put_url", k, video ? NULL : url);
	plat_set_n(in->values, "expires", k, arena_fmt(in->arena, "%lld", (long long)expires));
	plat_set(in->values, "piece_token", json_get_text(value, "uploadToken"));
	return false;
}

/* All bytes are there: the platform works on them. */
static bool stored(const struct plat_in *in, struct plat_out *out, size_t k, const struct media *m)
{
	set_flag(in, "put", k);
	poll_begin(in, out, &family_of(m)->plan, "ready", k);
	return true;
}

static bool put_answer(const struct plat_in *in, struct plat_out *out, size_t k, const struct media *m, const struct wire_answer *answer)
{
	if (answer->status >= 200 && answer->status < 300)
		return stored(in, out, k, m);
	linkedin_refuse(in, out, "an upload", answer);
	return true;
}

/* The tag verbatim, without one pair of quotes around it. */
static bool piece_answer(const struct plat_in *in, struct plat_out *out, size_t j, const struct wire_answer *answer)
{
	const char *tag = plat_response_header(in->response, "ETag");
	size_t len = tag ? strlen(tag) : 0;

	if (answer->status < 200 || answer->status > 299 || !len) {
		if (answer->status >= 200 && answer->status < 300)
			plat_fail(out, PLAT_TRANSIENT, "linkedin: a piece of the video was taken without a tag");
		else
			linkedin_refuse(in, out, "a piece of the video", answer);
		return true;
	}
	if (len >= 2 && tag[0] == '"' && tag[len - 1] == '"')
		tag = arena_strndup(in->arena, tag + 1, len - 2);
	plat_set_n(in->values, "piece_tag", j, tag);
	return false;
}

static bool ready_answer(const struct plat_in *in, struct plat_out *out, size_t k, const struct media *m, const struct wire_answer *answer)
{
	const struct family *f = family_of(m);
	const char *status = json_get_text(answer->json, "status"), *why = json_get_text(answer->json, "processingFailureReason");

	if (answer->status == 403) {
		/* Members without the scope to read: what is not ready then, the post is refused for. */
		set_flag(in, "ready", k);
		plat_wait(out, in->now_ms + UNREADABLE_WAIT_MS);
		return true;
	}
	if (answer->status < 200 || answer->status > 299) {
		if (fault_count(in, "read_faults", MAX_READ_FAULTS))
			linkedin_refuse(in, out, "the question for an uploaded file", answer);
		else if (!poll_again(in, out, &f->plan, "ready", k, 0))
			linkedin_refuse(in, out, "the question for an uploaded file", answer);
		return true;
	}
	plat_set(in->values, "read_faults", NULL);
	if (status && !strcmp(status, "AVAILABLE")) {
		set_flag(in, "ready", k);
		poll_end(in, "ready", k);
		return false;
	}
	if (status && !strcmp(status, "PROCESSING_FAILED")) {
		forget_file(in, k);
		plat_fail(out, PLAT_PERMANENT, arena_fmt(in->arena, "linkedin could not process %s: %s", f->what,
		                                         why ? wire_str(wire_excerpt(in->arena, why, strlen(why), WIRE_EXCERPT_CHARS)) : "no reason given"));
		return true;
	}
	if (poll_again(in, out, &f->plan, "ready", k, 0))
		return true;
	forget_file(in, k);
	plat_fail(out, fault_count(in, "faults", 2) ? PLAT_PERMANENT : PLAT_TRANSIENT,
	          arena_fmt(in->arena, "linkedin is still working on %s after %lld minutes", f->what, (long long)f->plan.give_up_ms / 60000));
	return true;
}

bool linkedin_media_answer(const struct plat_in *in, struct plat_out *out)
{
	const struct media *files;
	size_t count = linkedin_files(in->content, &files), k = 0;
	struct wire_answer answer;
	bool filled = false;

	linkedin_answer(in, &answer);
	if (wire_step_is(in->response_step, "init", &k) && k < count)
		filled = init_answer(in, out, k, &files[k], &answer);
	else if (wire_step_is(in->response_step, "put", &k) && k < count && plat_get_n(in->values, "put_url", k))
		filled = put_answer(in, out, k, &files[k], &answer);
	else if (wire_step_is(in->response_step, "piece", &k) && plat_get_n(in->values, "piece_url", k))
		filled = piece_answer(in, out, k, &answer);
	else if (wire_step_is(in->response_step, "finalize", NULL) && count && plat_get_n(in->values, "asset", 0))
		filled = put_answer(in, out, 0, &files[0], &answer);
	else if (wire_step_is(in->response_step, "ready", &k) && k < count && plat_get_n(in->values, "put", k))
		filled = ready_answer(in, out, k, &files[k], &answer);
	wire_answer_done(&answer);
	return filled;
}
