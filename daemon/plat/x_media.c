/* x_media.c: uploads, and the alt texts of what was uploaded.
 *
 * A small picture goes up in one request; all else in chunks: initialize, append, finalize, and for videos the question for
 * the state of its processing. Nobody sees an orphan, so every step is repeatable; one of them resumes at the offset that
 * is stored. Uploads live a day: those older than twelve hours are made again. */
#include "daemon/plat/x.h"

#include <string.h>

#include "daemon/plat/form.h"
#include "daemon/plat/kind.h"
#include "daemon/plat/progress.h"

#define KEEP_MS (12 * 3600 * INT64_C(1000))
#define UPLOAD_TIMEOUT_MS (10 * 60 * INT64_C(1000))
#define ONE_REQUEST_BYTES (1 << 20)
#define LEAST_CHUNK_BYTES (16 << 10)
#define MAX_CHUNKS 1000
#define MAX_FAULTS 3              /* uploads that vanished or never got ready; alt texts that could not be set */
#define CHECK_MS (3 * INT64_C(1000))
#define CHECK_MAX_MS (30 * INT64_C(1000))
#define PROCESSING_MS (15 * 60 * INT64_C(1000))

bool x_is_gif(const struct media *m)
{
	return m->mime && !strcmp(m->mime, "image/gif");
}

static const char *category(const struct media *m)
{
	return x_is_gif(m) ? "tweet_gif" : kind_is_video(m) ? "tweet_video" : "tweet_image";
}

static void forget(const struct plat_in *in, size_t k)
{
	static const char *const names[] = { "up", "media", "key", "media_ms", "alt" };

	for (size_t i = 0; i < WIRE_COUNT(names); i++)
		plat_set_n(in->values, names[i], k, NULL);
	chunk_forget(in, k);
	poll_end(in, "status", k);
}

/* The size last taken, or what is configured; never so small that there would be too many. */
static uint64_t chunk_bytes(const struct plat_in *in, size_t k, const struct media *m)
{
	uint64_t bytes = (uint64_t)wire_get_int_n(in->values, "chunk", k, x_number(in, X_CHUNK_BYTES));
	uint64_t least = (m->size_bytes + MAX_CHUNKS - 1) / MAX_CHUNKS;

	return bytes > least ? bytes : least;
}

/* ---- requests ---- */

static void send_whole(const struct plat_in *in, struct plat_out *out, size_t k, const struct media *m)
{
	struct plat_request *r = x_request(in, out, wire_step_name(in->arena, "upload", k), PLAT_REPEATABLE, PLAT_POST, "/2/media/upload");
	struct multipart body;

	r->timeout_ms = UPLOAD_TIMEOUT_MS;
	multipart_begin(&body, in, r);
	multipart_text(&body, "media_category", category(m));
	multipart_media(&body, "media", m, 0, m->size_bytes);
	multipart_end(&body);
}

static void send_initialize(const struct plat_in *in, struct plat_out *out, size_t k, const struct media *m)
{
	struct plat_request *r = x_request(in, out, wire_step_name(in->arena, "initialize", k), PLAT_REPEATABLE, PLAT_POST,
	                                   "/2/media/upload/initialize");
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	struct json_writer w;

	jw_init(&w, &b);
	jw_object(&w, NULL);
	jw_str(&w, "media_type", m->mime);
	jw_int(&w, "total_bytes", (int64_t)m->size_bytes);
	jw_str(&w, "media_category", category(m));
	jw_end(&w);
	wire_json_body(r, in->arena, &b);
}

static const char *upload_path(const struct plat_in *in, size_t k, const char *what)
{
	const char *id = wire_percent(in->arena, plat_get_n(in->values, "up", k), "");

	return wire_str(arena_fmt(in->arena, "/2/media/upload/%s/%s", wire_str(id), what));
}

static void send_append(const struct plat_in *in, struct plat_out *out, size_t k, const struct media *m, const struct chunk *c)
{
	struct plat_request *r = x_request(in, out, wire_step_name(in->arena, "append", k), PLAT_REPEATABLE, PLAT_POST,
	                                   upload_path(in, k, "append"));
	struct multipart body;

	r->timeout_ms = UPLOAD_TIMEOUT_MS;
	multipart_begin(&body, in, r);
	multipart_text(&body, "segment_index", arena_fmt(in->arena, "%llu", (unsigned long long)c->index));
	multipart_media(&body, "media", m, c->offset, c->len);
	multipart_end(&body);
}

static void send_status(const struct plat_in *in, struct plat_out *out, size_t k)
{
	const char *id = wire_percent(in->arena, plat_get_n(in->values, "up", k), "");
	const char *path = arena_fmt(in->arena, "/2/media/upload?command=STATUS&media_id=%s", wire_str(id));

	x_request(in, out, wire_step_name(in->arena, "status", k), PLAT_NONE, PLAT_GET, wire_str(path));
}

static void send_alt(const struct plat_in *in, struct plat_out *out, size_t k, const struct media *m)
{
	struct plat_request *r = x_request(in, out, wire_step_name(in->arena, "alt", k), PLAT_REPEATABLE, PLAT_POST, "/2/media/metadata");
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	struct json_writer w;

	jw_init(&w, &b);
	jw_object(&w, NULL);
	jw_str(&w, "id", plat_get_n(in->values, "media", k));
	jw_object(&w, "metadata");
	jw_object(&w, "alt_text");
	jw_str(&w, "text", m->alt);
	jw_end(&w);
	jw_end(&w);
	jw_end(&w);
	wire_json_body(r, in->arena, &b);
}

/* The next step of file k, which is not ready. */
static void advance(const struct plat_in *in, struct plat_out *out, size_t k, const struct media *m)
{
	bool begun = plat_get_n(in->values, "up", k);
	bool whole = !x_is_gif(m) && kind_is_image(m) && m->size_bytes <= ONE_REQUEST_BYTES;
	struct chunk next;

	if (!begun)
		plat_set_n(in->values, "media_ms", k, arena_fmt(in->arena, "%lld", (long long)in->steady_ms));
	if (!begun && whole && !plat_get_n(in->values, "chunk", k))
		send_whole(in, out, k, m);
	else if (!begun)
		send_initialize(in, out, k, m);
	else if (poll_under_way(in, "status", k))
		send_status(in, out, k);
	else if (chunk_next(in, k, m->size_bytes, chunk_bytes(in, k, m), &next))
		send_append(in, out, k, m, &next);
	else
		x_request(in, out, wire_step_name(in->arena, "finalize", k), PLAT_REPEATABLE, PLAT_POST, upload_path(in, k, "finalize"));
}

static bool wants_alt(const struct plat_in *in, size_t k, const struct media *m)
{
	return kind_is_image(m) && m->alt && *m->alt && !plat_get_n(in->values, "alt", k);
}

bool x_media(const struct plat_in *in, struct plat_out *out, size_t n)
{
	const struct part *p = &in->content->parts[n];

	for (size_t k = 0; k < p->media_count; k++) {
		int64_t age = in->steady_ms - wire_get_int_n(in->values, "media_ms", k, in->steady_ms);

		if (age > KEEP_MS || age < 0)
			forget(in, k);
		if (plat_get_n(in->values, "media", k))
			continue;
		advance(in, out, k, &p->media[k]);
		return true;
	}
	for (size_t k = 0; k < p->media_count; k++) {
		if (!wants_alt(in, k, &p->media[k]))
			continue;
		send_alt(in, out, k, &p->media[k]);
		return true;
	}
	return false;
}

/* ---- answers ---- */

static bool is_good(const struct wire_answer *answer)
{
	return answer->status >= 200 && answer->status < 300;
}

/* The upload is begun anew, until that was too often. */
static bool again(const struct plat_in *in, struct plat_out *out, size_t k, const char *why)
{
	bool enough = fault_count(in, "faults", MAX_FAULTS);

	forget(in, k);
	if (enough)
		plat_fail(out, PLAT_PERMANENT, why);
	return enough;
}

/* Chunks of half the size, from the start. */
static bool smaller(const struct plat_in *in, struct plat_out *out, size_t k, const struct media *m)
{
	uint64_t sent = plat_get_n(in->values, "up", k) ? chunk_bytes(in, k, m) : m->size_bytes;
	uint64_t half = (sent < m->size_bytes ? sent : m->size_bytes) / 2;

	if (half < LEAST_CHUNK_BYTES || m->size_bytes / half >= MAX_CHUNKS) {
		forget(in, k);
		plat_set_n(in->values, "chunk", k, NULL);
		plat_fail(out, PLAT_PERMANENT, arena_fmt(in->arena, "x: media %zu is too large: no size of chunks is taken that would fit into "
		                                         "%d of them", k + 1, MAX_CHUNKS));
		return true;
	}
	forget(in, k);
	plat_set_n(in->values, "chunk", k, arena_fmt(in->arena, "%llu", (unsigned long long)half));
	return false;
}

/* What finalize, a whole upload and the status have in common. */
static bool processed(const struct plat_in *in, struct plat_out *out, size_t k, const struct json *data)
{
	const struct json *info = json_get(data, "processing_info"), *error = json_get(info, "error");
	const char *state = json_get_text(info, "state"), *why = json_get_text(error, "message"), *key = json_get_text(data, "media_key");
	struct poll_plan plan = { CHECK_MS, CHECK_MS, PROCESSING_MS, CHECK_MS, PROCESSING_MS };
	int64_t after_s;

	if (key)
		plat_set_n(in->values, "key", k, key);
	if (!state || !strcmp(state, "succeeded")) {
		plat_set_n(in->values, "media", k, plat_get_n(in->values, "up", k));
		plat_set_n(in->values, "up", k, NULL);
		chunk_forget(in, k);
		poll_end(in, "status", k);
		return false;
	}
	if (!strcmp(state, "failed")) {
		why = why ? why : json_get_text(error, "name");
		why = why ? wire_excerpt(in->arena, why, strlen(why), WIRE_EXCERPT_CHARS) : "no reason given";
		forget(in, k);
		plat_fail(out, PLAT_PERMANENT, arena_fmt(in->arena, "x could not process media %zu: %s", k + 1, wire_str(why)));
		return true;
	}
	if (!json_get_int(info, "check_after_secs", &after_s) && after_s > 0)
		plan.first_ms = after_s < CHECK_MAX_MS / 1000 ? after_s * 1000 : CHECK_MAX_MS;
	if (!poll_under_way(in, "status", k)) {
		poll_begin(in, out, &plan, "status", k);
		return true;
	}
	return poll_again(in, out, &plan, "status", k, plan.first_ms) ||
	       again(in, out, k, "x: an uploaded file is still being processed after 15 minutes, and so were those before it");
}

static bool begun_answer(const struct plat_in *in, struct plat_out *out, size_t k, const struct media *m,
                         const struct wire_answer *answer, bool whole)
{
	const struct json *data = json_get(answer->json, "data");
	char digits[24];
	const char *id = json_get_id(data, "id", digits), *key = json_get_text(data, "media_key");

	if (whole && answer->status == 413)
		return smaller(in, out, k, m);
	if (!is_good(answer) || !id || !*id) {
		x_refuse_read(in, out, "an upload", answer);
		return true;
	}
	plat_set_n(in->values, "up", k, id);
	plat_set_n(in->values, "key", k, key);
	return whole && processed(in, out, k, data);
}

static bool gone(const struct wire_answer *answer)
{
	return answer->status == 404 || answer->status == 400;
}

static bool append_answer(const struct plat_in *in, struct plat_out *out, size_t k, const struct media *m,
                          const struct wire_answer *answer)
{
	struct chunk sent;

	if (answer->status == 413)
		return smaller(in, out, k, m);
	if (is_good(answer) && chunk_next(in, k, m->size_bytes, chunk_bytes(in, k, m), &sent)) {
		chunk_arrived(in, k, sent.offset + sent.len);
		return false;
	}
	x_refuse_read(in, out, "a chunk of an upload", answer);
	return true;
}

static bool state_answer(const struct plat_in *in, struct plat_out *out, size_t k, const struct wire_answer *answer)
{
	if (is_good(answer))
		return processed(in, out, k, json_get(answer->json, "data"));
	x_refuse_read(in, out, "the end of an upload", answer);
	return true;
}

/* An alt text that cannot be set does not keep the post from going out, unless it must. */
static bool alt_answer(const struct plat_in *in, struct plat_out *out, size_t k, const struct wire_answer *answer)
{
	if (is_good(answer)) {
		plat_set_n(in->values, "alt", k, "1");
		return false;
	}
	x_refuse_read(in, out, "an alt text", answer);
	if (out->verdict != PLAT_FAIL || x_chosen(in, "AltText", "require"))
		return true;
	if ((out->klass == PLAT_TRANSIENT || out->klass == PLAT_RATE) && !fault_count(in, "alt_faults", MAX_FAULTS))
		return true;
	memset(out, 0, sizeof(*out));
	plat_set_n(in->values, "alt", k, "-");
	return false;
}

/* An upload that X has lost is made again; what else it says of one stands. */
static bool upload_answer(const struct plat_in *in, struct plat_out *out, size_t k, const struct media *m,
                          const struct wire_answer *answer)
{
	size_t index;

	if (gone(answer)) {
		const char *why = arena_fmt(in->arena, "x answered %d to an upload under way, %d times: %s", answer->status, MAX_FAULTS,
		                            answer->message);

		return again(in, out, k, why);
	}
	if (wire_step_is(in->response_step, "append", &index))
		return append_answer(in, out, k, m, answer);
	return state_answer(in, out, k, answer);
}

bool x_media_answer(const struct plat_in *in, struct plat_out *out, size_t n)
{
	const struct part *p = &in->content->parts[n];
	const char *step = in->response_step;
	struct wire_answer answer;
	bool filled = false;
	size_t k;

	x_answer_read(in, &answer);
	if (is_good(&answer))
		oauth_accepted(in);
	if (wire_step_is(step, "upload", &k) && k < p->media_count)
		filled = begun_answer(in, out, k, &p->media[k], &answer, true);
	else if (wire_step_is(step, "initialize", &k) && k < p->media_count)
		filled = begun_answer(in, out, k, &p->media[k], &answer, false);
	else if (wire_step_is(step, "alt", &k) && plat_get_n(in->values, "media", k))
		filled = alt_answer(in, out, k, &answer);
	else if ((wire_step_is(step, "append", &k) || wire_step_is(step, "finalize", &k) || wire_step_is(step, "status", &k)) &&
	         k < p->media_count && plat_get_n(in->values, "up", k))
		filled = upload_answer(in, out, k, &p->media[k], &answer);
	wire_answer_done(&answer);
	return filled;
}
