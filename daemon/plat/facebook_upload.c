/* facebook_upload.c: what a part shows goes up before anybody sees it.
 *
 * Photos go up whole, each as an unpublished one. A video goes one of three ways, each of which goes on where it stood:
 *   chunks    (videos) start, then pieces whose bounds Facebook dictates, even after a refusal; at.0 and end are its last word
 *   put       (reels, video stories) start, then all bytes to the address that was told
 *   handle    (videos, VideoUpload=handle) a session of the app, then all bytes to it; what counts is the handle in the answer
 * Of the latter two Facebook is asked how far it came, before any bytes are sent. All of it is repeatable; what is never
 * published vanishes by itself, so that what is older than twelve hours goes up again. */
#include "daemon/plat/facebook.h"

#include <string.h>

#include "daemon/plat/form.h"
#include "daemon/plat/progress.h"
#include "proto/unit.h"

#define KEEP_MS (12 * 3600 * INT64_C(1000))
#define UPLOAD_TIMEOUT_MS (10 * 60 * INT64_C(1000))
#define SLOWEST_BYTES_PER_MS 200
#define MAX_FAULTS 3            /* uploads that begin anew */
#define MAX_STALLS 8            /* answers by which nothing went on */
#define UPLOAD_DOMAIN ".facebook.com"

static const char *const video_values[] = {
	"video", "up_ms", "session", "upload_url", "handle", "end", "asked", "uploaded", "stalls",
};

static void forget_video(const struct plat_in *in)
{
	for (size_t i = 0; i < WIRE_COUNT(video_values); i++)
		plat_set(in->values, video_values[i], NULL);
	chunk_forget(in, 0);
}

void facebook_forget_upload(const struct plat_in *in)
{
	forget_video(in);
	plat_set(in->values, "draft", NULL);
	for (size_t k = 0; k < JOB_MAX_MEDIA; k++) {
		plat_set_n(in->values, "photo", k, NULL);
		plat_set_n(in->values, "photo_ms", k, NULL);
	}
}

static bool by_handle(const struct plat_in *in, size_t n)
{
	return facebook_kind(in, n) == FACEBOOK_VIDEO && facebook_wants(in, "VideoUpload", "handle");
}

static const struct media *file_of(const struct plat_in *in, size_t n)
{
	return &in->content->parts[n].media[0];
}

static int64_t arrived(const struct plat_in *in)
{
	return wire_get_int_n(in->values, "at", 0, 0);
}

/* ---- photos ---- */

static void send_photo(const struct plat_in *in, struct plat_out *out, size_t k, const struct media *m)
{
	struct plat_request *r = graph_post(in, out, &facebook_page, wire_step_name(in->arena, "photo", k), PLAT_REPEATABLE,
	                                    facebook_edge(in, "photos"), NULL);
	struct multipart body;

	r->timeout_ms = UPLOAD_TIMEOUT_MS;
	multipart_begin(&body, in, r);
	multipart_text(&body, "published", "false");
	multipart_text(&body, "temporary", facebook_wants(in, "TemporaryPhotos", "yes") ? "true" : NULL);
	multipart_text(&body, "alt_text_custom", m->alt && *m->alt ? m->alt : NULL);
	multipart_media(&body, "source", m, 0, m->size_bytes);
	multipart_end(&body);
}

static bool photos(const struct plat_in *in, struct plat_out *out, size_t n)
{
	const struct part *p = &in->content->parts[n];

	for (size_t k = 0; k < p->media_count; k++) {
		if (plat_get_n(in->values, "photo", k) && in->now_ms - wire_get_int_n(in->values, "photo_ms", k, 0) <= KEEP_MS)
			continue;
		send_photo(in, out, k, &p->media[k]);
		return true;
	}
	return false;
}

static void photo_answer(const struct plat_in *in, struct plat_out *out, size_t k, const struct graph_answer *answer)
{
	char digits[24];
	const char *id = json_get_id(answer->wire.json, "id", digits);

	if (answer->good && id) {
		plat_set_n(in->values, "photo", k, id);
		plat_set_n(in->values, "photo_ms", k, arena_fmt(in->arena, "%lld", (long long)in->now_ms));
	} else {
		graph_refuse(in, out, &facebook_page, "a photo", answer);
	}
}

/* ---- videos: the beginning ---- */

static void begun(const struct plat_in *in, const char *video)
{
	forget_video(in);
	plat_set(in->values, "video", video);
	plat_set_int(in->values, "up_ms", in->now_ms);
}

static void send_start(const struct plat_in *in, struct plat_out *out, size_t n)
{
	enum facebook_kind kind = facebook_kind(in, n);
	const char *edge = kind == FACEBOOK_VIDEO ? "videos" : kind == FACEBOOK_REEL ? "video_reels" : "video_stories";
	struct form f;

	form_begin(&f, in->arena);
	form_add(&f, "upload_phase", "start");
	if (kind == FACEBOOK_VIDEO)
		form_add_int(&f, "file_size", (int64_t)file_of(in, n)->size_bytes);
	graph_post(in, out, kind == FACEBOOK_VIDEO ? &facebook_video : &facebook_page, "start", PLAT_REPEATABLE, facebook_edge(in, edge), &f);
}

/* "upload:SESSION?sig=...": with its query, as it came. */
static void send_session(const struct plat_in *in, struct plat_out *out, size_t n)
{
	const struct media *m = file_of(in, n);
	const char *app = plat_get(in->account_values, "app_id"), *path;
	struct form f;

	if (!app)
		app = plat_credential(in->account, "client_id");
	if (!app) {
		plat_fail(out, PLAT_AUTH, "facebook: VideoUpload=handle needs the app's number; write client_id= into the credential file");
		return;
	}
	form_begin(&f, in->arena);
	form_add(&f, "file_name", m->name && *m->name ? m->name : "video");
	form_add_int(&f, "file_length", (int64_t)m->size_bytes);
	form_add(&f, "file_type", m->mime);
	path = arena_fmt(in->arena, "/%s/uploads?%s", wire_str(wire_percent(in->arena, app, "")), wire_str(form_text(&f)));
	graph_post(in, out, &facebook_login, "session", PLAT_REPEATABLE, wire_str(path), NULL);
}

static bool offset_in(const struct json *json, const char *name, int64_t max, int64_t *out)
{
	char digits[24];
	const char *text = json_get_id(json, name, digits);

	return text && !unit_int_parse(text, 0, max, out);
}

/* The bounds of the next chunk; false where they make no sense for the file. */
static bool keep_bounds(const struct plat_in *in, size_t n, const struct json *json)
{
	int64_t size = (int64_t)file_of(in, n)->size_bytes, from, to;

	if (!offset_in(json, "start_offset", size, &from) || !offset_in(json, "end_offset", size, &to) || to < from ||
	    (to == from && from != size))
		return false;
	chunk_arrived(in, 0, (uint64_t)from);
	plat_set_int(in->values, "end", to);
	return true;
}

/* Begins anew, a few times. */
static void restart(const struct plat_in *in, struct plat_out *out, const char *why)
{
	bool over = fault_count(in, "faults", MAX_FAULTS);

	forget_video(in);
	plat_fail(out, over ? PLAT_PERMANENT : PLAT_TRANSIENT, arena_fmt(in->arena, "facebook: the upload of the video %s", why));
}

static void start_answer(const struct plat_in *in, struct plat_out *out, size_t n, const struct graph_answer *answer)
{
	const struct json *json = answer->wire.json;
	const char *url = json_get_text(json, "upload_url"), *video;
	char digits[24], session_digits[24];

	video = json_get_id(json, "video_id", digits);
	if (!answer->good || !video) {
		graph_refuse(in, out, &facebook_page, "the beginning of an upload", answer);
		return;
	}
	begun(in, video);
	if (facebook_kind(in, n) == FACEBOOK_VIDEO) {
		plat_set(in->values, "session", json_get_id(json, "upload_session_id", session_digits));
		if (!plat_get(in->values, "session") || !keep_bounds(in, n, json))
			restart(in, out, "was begun by Facebook without a session, or with bounds that do not fit the file");
	} else if (url && graph_upload_url(in, url, UPLOAD_DOMAIN)) {
		plat_set(in->values, "upload_url", url);
	} else {
		restart(in, out, "was to go to an address that is not Facebook's");
	}
}

static void session_answer(const struct plat_in *in, struct plat_out *out, const struct graph_answer *answer)
{
	const char *id = json_get_text(answer->wire.json, "id");

	if (!answer->good || !id || strncmp(id, "upload:", 7)) {
		graph_refuse(in, out, &facebook_page, "the beginning of an upload", answer);
		return;
	}
	begun(in, NULL);
	plat_set(in->values, "session", id);
}

/* ---- videos: chunks ---- */

static void send_chunk(const struct plat_in *in, struct plat_out *out, size_t n)
{
	struct plat_request *r = graph_post(in, out, &facebook_video, "chunk", PLAT_REPEATABLE, facebook_edge(in, "videos"), NULL);
	int64_t at = arrived(in), end = plat_get_int(in->values, "end", at);
	struct multipart body;

	r->timeout_ms = UPLOAD_TIMEOUT_MS;
	multipart_begin(&body, in, r);
	multipart_text(&body, "upload_phase", "transfer");
	multipart_text(&body, "upload_session_id", plat_get(in->values, "session"));
	multipart_text(&body, "start_offset", arena_fmt(in->arena, "%lld", (long long)at));
	multipart_media(&body, "video_file_chunk", file_of(in, n), (uint64_t)at, (uint64_t)(end - at));
	multipart_end(&body);
}

/* error_data is an object, or its text. */
static bool dictated(const struct plat_in *in, size_t n, const struct json *error)
{
	const struct json *data = json_get(error, "error_data");
	const char *text = json_text(data);
	struct json *parsed = NULL;
	bool good;

	if (text)
		(void)json_parse(&parsed, text, strlen(text), NULL, NULL);
	good = keep_bounds(in, n, parsed ? parsed : data);
	json_free(parsed);
	return good;
}

static void chunk_answer(const struct plat_in *in, struct plat_out *out, size_t n, const struct graph_answer *answer)
{
	int act = graph_rule(&facebook_page, answer)->act;
	int64_t before = arrived(in);
	bool good = answer->good ? keep_bounds(in, n, answer->wire.json)
	                         : act == FACEBOOK_OFFSET && dictated(in, n, json_get(answer->wire.json, "error"));

	if (good && arrived(in) > before)
		plat_set(in->values, "stalls", NULL);
	else if (good && fault_count(in, "stalls", MAX_STALLS))
		restart(in, out, "does not go on: Facebook asks for the same bytes again and again");
	else if (!good && (answer->good || act == FACEBOOK_OFFSET))
		restart(in, out, "was answered with bounds that do not fit the file");
	else if (!good && act == FACEBOOK_RESTART)
		restart(in, out, arena_fmt(in->arena, "was refused: %s", answer->wire.message));
	else if (!good)
		graph_refuse(in, out, &facebook_page, "the upload of a video", answer);
}

/* ---- videos: all bytes to one address ---- */

static const char *session_path(const struct plat_in *in)
{
	return wire_str(arena_fmt(in->arena, "/%s", wire_str(plat_get(in->values, "session"))));
}

static void send_put(const struct plat_in *in, struct plat_out *out, size_t n)
{
	bool handle = by_handle(in, n);
	const struct graph *g = handle ? &facebook_login : &facebook_page;
	const char *url = handle ? graph_url(in, g, session_path(in)) : plat_get(in->values, "upload_url");
	struct plat_request *r = wire_request(out, "put", PLAT_REPEATABLE, PLAT_POST, url);
	const struct media *m = file_of(in, n);
	uint64_t at = (uint64_t)arrived(in);

	graph_upload_token_of(in, r, g);
	plat_header(r, handle ? "file_offset" : "offset", arena_fmt(in->arena, "%llu", (unsigned long long)at));
	if (!handle)
		plat_header(r, "file_size", arena_fmt(in->arena, "%llu", (unsigned long long)m->size_bytes));
	plat_header(r, "Content-Type", "application/octet-stream");
	r->timeout_ms = UPLOAD_TIMEOUT_MS + (int64_t)(m->size_bytes / SLOWEST_BYTES_PER_MS);
	plat_body_range(r, m, at, m->size_bytes - at);
	plat_set(in->values, "asked", NULL);
}

/* Bytes may have arrived whose answer did not come: Facebook knows how many. */
static void send_ask(const struct plat_in *in, struct plat_out *out, size_t n)
{
	struct plat_request *r;

	if (!by_handle(in, n)) {
		facebook_ask_video(in, out, "ask", plat_get(in->values, "video"));
		return;
	}
	r = wire_request(out, "ask", PLAT_NONE, PLAT_GET, graph_url(in, &facebook_login, session_path(in)));
	graph_upload_token_of(in, r, &facebook_login);
}

/* debug_info is the upload host's own way to tell an error. */
static void put_answer(const struct plat_in *in, struct plat_out *out, size_t n, const struct graph_answer *answer)
{
	const struct json *json = answer->wire.json, *info = json_get(json, "debug_info");
	const char *handle = json_get_text(json, "h"), *text = json_get_text(info, "message");

	if (answer->good && by_handle(in, n) && handle) {
		plat_set(in->values, "handle", handle);
	} else if (answer->good && !by_handle(in, n) && json_true(json_get(json, "success"), false)) {
		plat_set(in->values, "uploaded", "1");
	} else if (json_kind(info) == JSON_OBJECT && !json_true(json_get(info, "retriable"), true)) {
		text = text ? wire_excerpt(in->arena, text, strlen(text), WIRE_EXCERPT_CHARS) : "";
		restart(in, out, arena_fmt(in->arena, "was refused: %s", wire_str(text)));
	} else if (json_kind(info) == JSON_OBJECT || answer->good) {
		plat_fail(out, PLAT_TRANSIENT, "facebook: the upload of the video was interrupted; it goes on where it stood");
		if (fault_count(in, "stalls", MAX_STALLS))
			restart(in, out, "does not go on");
	} else {
		graph_refuse(in, out, &facebook_page, "the upload of a video", answer);
	}
}

static void ask_answer(const struct plat_in *in, struct plat_out *out, size_t n, const struct graph_answer *answer)
{
	int64_t size = (int64_t)file_of(in, n)->size_bytes, at = 0;
	const struct json *phase = json_path(answer->wire.json, "status.uploading_phase");
	const char *status = json_get_text(phase, "status");
	bool told = by_handle(in, n) ? offset_in(answer->wire.json, "file_offset", size, &at)
	                             : offset_in(phase, "bytes_transferred", size, &at);

	if (!answer->good && graph_rule(&facebook_page, answer)->klass != PLAT_PERMANENT) {
		graph_refuse(in, out, &facebook_page, "the question how far an upload came", answer);
	} else if (!answer->good || (by_handle(in, n) && told && at == size) || (status && !strcmp(status, "error"))) {
		restart(in, out, "was lost, or its bytes were refused after they had arrived");
	} else if (!by_handle(in, n) && ((status && !strcmp(status, "complete")) || at == size)) {
		plat_set(in->values, "uploaded", "1");
	} else {
		chunk_arrived(in, 0, (uint64_t)(told ? at : 0));
		plat_set(in->values, "asked", "1");
	}
}

/* ---- which is next ---- */

static bool put_next(const struct plat_in *in, struct plat_out *out, size_t n)
{
	if (plat_get(in->values, "handle") || plat_get(in->values, "uploaded"))
		return false;
	if (plat_get(in->values, "asked"))
		send_put(in, out, n);
	else
		send_ask(in, out, n);
	return true;
}

static bool video(const struct plat_in *in, struct plat_out *out, size_t n)
{
	if (in->now_ms - plat_get_int(in->values, "up_ms", 0) > KEEP_MS)
		forget_video(in);
	if (by_handle(in, n) && !plat_get(in->values, "session"))
		send_session(in, out, n);
	else if (!by_handle(in, n) && !plat_get(in->values, "video"))
		send_start(in, out, n);
	else if (by_handle(in, n) || facebook_kind(in, n) != FACEBOOK_VIDEO)
		return put_next(in, out, n);
	else if (arrived(in) < plat_get_int(in->values, "end", 0))
		send_chunk(in, out, n);
	else
		return false;
	return true;
}

bool facebook_upload(const struct plat_in *in, struct plat_out *out, size_t n)
{
	const char *broken = plat_get(in->values, "broken");
	enum facebook_kind kind = facebook_kind(in, n);

	if (!in->content->parts[n].media_count && (facebook_is_video(kind) || facebook_is_story(kind))) {
		plat_fail(out, PLAT_PERMANENT, "facebook: there is no photo or video to show; add one");
		return true;
	}
	if (broken) {
		plat_fail(out, PLAT_PERMANENT, arena_strdup(in->arena, broken));
		plat_set(in->values, "broken", NULL);
		facebook_forget_upload(in);
		return true;
	}
	return facebook_is_video(kind) ? video(in, out, n) : photos(in, out, n);
}

bool facebook_upload_answer(const struct plat_in *in, struct plat_out *out, size_t n)
{
	static const struct {
		const char *step;
		void (*take)(const struct plat_in *in, struct plat_out *out, size_t n, const struct graph_answer *answer);
	} takers[] = { { "start", start_answer }, { "chunk", chunk_answer }, { "put", put_answer }, { "ask", ask_answer } };
	struct graph_answer answer;
	size_t k;

	graph_answer_read(in, &answer);
	if (wire_step_is(in->response_step, "photo", &k) && k < in->content->parts[n].media_count)
		photo_answer(in, out, k, &answer);
	else if (wire_step_is(in->response_step, "session", NULL))
		session_answer(in, out, &answer);
	for (size_t i = 0; i < WIRE_COUNT(takers) && facebook_is_video(facebook_kind(in, n)) && in->content->parts[n].media_count; i++)
		if (wire_step_is(in->response_step, takers[i].step, NULL))
			takers[i].take(in, out, n, &answer);
	graph_answer_done(&answer);
	return out->verdict != PLAT_SEND;
}
