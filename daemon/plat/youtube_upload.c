/* youtube_upload.c: a file on its way to being a private video: session, chunks, processing.
 *
 * The session's address is kept before a byte is sent. Whenever it is not known how far a chunk came (a lost answer, a restart), the server
 * is asked, and what it says counts: that is also the cure for a lost last answer. Only where the session itself is
 * gone are the channel's newest videos searched for our tag, three times, before another session is opened. */
#include <string.h>

#include "daemon/plat/progress.h"
#include "daemon/plat/youtube.h"
#include "proto/unit.h"

#define CHUNK_BYTES (8u * 1024 * 1024)        /* a multiple of 262,144 */
#define CHUNK_TIMEOUT_MS (30 * 60 * INT64_C(1000))
#define STUCK_WAIT_MS (5 * INT64_C(1000))
#define MAX_STUCK 60
#define MAX_SESSIONS 3

static const char *const of_upload[] = { "upload", "doubt", "gone", "searches" };
static const int64_t search_after_ms[] = { 60 * 1000, 5 * 60 * 1000, 30 * 60 * 1000 };
/* Step 3: every 30 s for ten minutes, then every two minutes, six hours at most. */
static const struct poll_plan work = {
	.first_ms = 30 * 1000, .fast_ms = 30 * 1000, .fast_for_ms = 10 * 60 * 1000, .slow_ms = 2 * 60 * 1000, .give_up_ms = 6 * 3600 * INT64_C(1000),
};

static const struct media *file(const struct plat_in *in)
{
	return &in->content->parts[0].media[0];
}

static void forget(const struct plat_in *in)
{
	for (size_t i = 0; i < WIRE_COUNT(of_upload); i++)
		plat_set(in->values, of_upload[i], NULL);
	chunk_forget(in, 0);
}

/* ---- the session ---- */

/* Ours last: it makes the video known again. */
static void write_tags(const struct plat_in *in, struct json_writer *w)
{
	const char *at = youtube_option(in, YOUTUBE_TAGS);

	jw_array(w, "tags");
	while (*at) {
		size_t len = strcspn(at, ","), lead = strspn(at, " "), end = len;

		while (end > lead && at[end - 1] == ' ')
			end--;
		if (end > lead)
			jw_strn(w, NULL, at + lead, end - lead);
		at += len + (at[len] == ',');
	}
	jw_str(w, NULL, youtube_tag(in));
	jw_end(w);
}

static void send_open(const struct plat_in *in, struct plat_out *out)
{
	const char *path = arena_fmt(in->arena, "/upload/youtube/v3/videos?uploadType=resumable&part=snippet,status&notifySubscribers=%s",
	                             youtube_chosen(in, YOUTUBE_NOTIFY, "yes") ? "true" : "false");
	struct plat_request *r = youtube_request(in, out, "open", PLAT_REPEATABLE, PLAT_POST, wire_str(path));
	const char *description = youtube_description(in), *language = in->content->language;
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	struct json_writer w;

	plat_header(r, "X-Upload-Content-Length", arena_fmt(in->arena, "%llu", (unsigned long long)file(in)->size_bytes));
	plat_header(r, "X-Upload-Content-Type", file(in)->mime ? file(in)->mime : "application/octet-stream");
	jw_init(&w, &b);
	jw_object(&w, NULL);
	jw_object(&w, "snippet");
	jw_str(&w, "title", youtube_title(in));
	if (*description)
		jw_str(&w, "description", description);
	write_tags(in, &w);
	jw_str(&w, "categoryId", youtube_option(in, YOUTUBE_CATEGORY));
	if (language && *language)
		jw_str(&w, "defaultLanguage", language);
	jw_end(&w);
	youtube_write_status(in, &w, "private");
	jw_end(&w);
	wire_json_body(r, in->arena, &b);
}

/* The file goes to Google, or, in a test, to the account's own server. */
static bool is_home(const struct plat_in *in, const char *url)
{
	static const char home[] = ".googleapis.com";
	const char *base = in->account->base_url;
	size_t len = base ? strlen(base) : 0, host;

	if (base)
		return !strncmp(url, base, len) && url[len] == '/';
	if (strncmp(url, "https://", 8))
		return false;
	host = strcspn(url + 8, "/?#:@");
	return url[8 + host] == '/' && host > strlen(home) && !strncmp(url + 8 + host - strlen(home), home, strlen(home));
}

static bool open_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	const char *url = plat_response_header(in->response, "Location");

	if (answer->status != 200 && answer->status != 201) {
		youtube_refuse(in, out, "the opening of an upload", answer);
		return true;
	}
	if (!url || !is_home(in, url)) {
		plat_fail(out, PLAT_PERMANENT, "youtube told no address of its own to send the video to");
		return true;
	}
	oauth_accepted(in);
	forget(in);
	plat_set(in->values, "upload", arena_strdup(in->arena, url));
	return false;
}

/* ---- the bytes ---- */

static struct plat_request *send_put(const struct plat_in *in, struct plat_out *out, const char *step, const char *range)
{
	struct plat_request *r = wire_request(out, step, PLAT_REPEATABLE, PLAT_PUT, wire_str(plat_get(in->values, "upload")));

	oauth_bearer(in, r);
	plat_header(r, "Content-Range", wire_str(range));
	r->timeout_ms = CHUNK_TIMEOUT_MS;
	return r;
}

static void send_bytes(const struct plat_in *in, struct plat_out *out)
{
	unsigned long long total = file(in)->size_bytes;
	struct chunk c;

	if (plat_get(in->values, "doubt") || !chunk_next(in, 0, file(in)->size_bytes, CHUNK_BYTES, &c)) {
		send_put(in, out, "query", arena_fmt(in->arena, "bytes */%llu", total))->timeout_ms = 0;
		return;
	}
	struct plat_request *r = send_put(in, out, "bytes", arena_fmt(in->arena, "bytes %llu-%llu/%llu", (unsigned long long)c.offset,
	                                                              (unsigned long long)(c.offset + c.len - 1), total));
	plat_header(r, "Content-Type", file(in)->mime ? file(in)->mime : "application/octet-stream");
	chunk_body(r, file(in), &c);
	plat_set(in->values, "doubt", "1");
}

/* "bytes=0-262143": what the server has; no such header: nothing. */
static void keep_range(const struct plat_in *in)
{
	const char *range = plat_response_header(in->response, "Range");
	int64_t last = -1;

	if (range && !strncmp(range, "bytes=0-", 8))
		(void)unit_int_parse(range + 8, 0, (int64_t)file(in)->size_bytes - 1, &last);
	chunk_arrived(in, 0, (uint64_t)(last + 1));
	plat_set(in->values, "doubt", NULL);
}

static bool bytes_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	const char *id = json_get_text(answer->json, "id");

	if (answer->status == 308) {
		keep_range(in);
		/* All is there and yet no video: it is asked about a little later. */
		if (wire_get_int_n(in->values, "at", 0, 0) < (int64_t)file(in)->size_bytes)
			return false;
		if (fault_count(in, "stuck", MAX_STUCK))
			plat_fail(out, PLAT_TRANSIENT, "youtube has all bytes of the video, but made none of it");
		else
			plat_wait(out, in->now_ms + STUCK_WAIT_MS);
		return true;
	}
	if ((answer->status == 200 || answer->status == 201) && id) {
		oauth_accepted(in);
		forget(in);
		plat_set(in->values, "video", arena_strdup(in->arena, id));
		return false;
	}
	if (answer->status == 404 || answer->status == 410) {
		plat_set_int(in->values, "gone", in->steady_ms);
		return false;
	}
	/* Its message may hold the address. */
	if (answer->status >= 300 && answer->status < 400)
		plat_fail(out, PLAT_PERMANENT, arena_fmt(in->arena, "youtube answered %d to a part of the video", answer->status));
	else
		youtube_refuse(in, out, "a part of the video", answer);
	return true;
}

/* ---- the search ---- */

void youtube_search(const struct plat_in *in, struct plat_out *out)
{
	const char *list = wire_percent(in->arena, plat_get(in->account_values, "uploads"), "");

	youtube_request(in, out, "list", PLAT_NONE, PLAT_GET,
	                wire_str(arena_fmt(in->arena, "/youtube/v3/playlistItems?part=snippet,contentDetails&maxResults=50&playlistId=%s", wire_str(list))));
}

static bool list_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	struct buf ids = BUF_INIT(WIRE_MAX_BODY_BYTES);

	for (const struct json *e = json_first(json_get(answer->json, "items")); e; e = json_next(e)) {
		const char *id = json_text(json_path(e, "contentDetails.videoId"));

		if (id)
			buf_add_fmt(&ids, "%s%s", ids.len ? "," : "", wire_str(wire_percent(in->arena, id, "")));
	}
	if (!ids.len) {
		buf_done(&ids);
		return false;
	}
	const char *text = wire_take(&ids, in->arena, NULL);
	youtube_request(in, out, "tags", PLAT_NONE, PLAT_GET, wire_str(arena_fmt(in->arena, "/youtube/v3/videos?part=snippet,status&id=%s", wire_str(text))));
	return true;
}

static bool has_tag(const struct json *video, const char *tag)
{
	for (const struct json *e = json_first(json_path(video, "snippet.tags")); e; e = json_next(e))
		if (json_text(e) && !strcmp(json_text(e), tag))
			return true;
	return false;
}

bool youtube_search_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer, const char **id)
{
	const char *tag = youtube_tag(in);

	*id = NULL;
	/* What is no list says nothing about what is on it. */
	if (answer->status != 200 || json_kind(json_get(answer->json, "items")) != JSON_ARRAY) {
		youtube_refuse(in, out, "the search for the video", answer);
		return true;
	}
	oauth_accepted(in);
	if (wire_step_is(in->response_step, "list", NULL))
		return list_answer(in, out, answer);
	for (const struct json *e = json_first(json_get(answer->json, "items")); e && !*id; e = json_next(e))
		if (has_tag(e, tag))
			*id = arena_strdup(in->arena, json_get_text(e, "id"));
	return false;
}

static bool gone_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	int64_t searches = plat_get_int(in->values, "searches", 0) + 1;
	const char *id;

	if (youtube_search_answer(in, out, answer, &id))
		return true;
	if (id) {
		forget(in);
		plat_set(in->values, "video", id);
		return false;
	}
	if (searches < (int64_t)WIRE_COUNT(search_after_ms)) {
		plat_set_int(in->values, "searches", searches);
		return false;
	}
	forget(in);
	if (!fault_count(in, "sessions", MAX_SESSIONS))
		return false;
	plat_fail(out, PLAT_TRANSIENT, "youtube forgot the upload of the video, several times");
	return true;
}

/* ---- processing ---- */

static void send_work(const struct plat_in *in, struct plat_out *out)
{
	const char *video = wire_percent(in->arena, plat_get(in->values, "video"), "");

	youtube_request(in, out, "work", PLAT_NONE, PLAT_GET,
	                wire_str(arena_fmt(in->arena, "/youtube/v3/videos?part=status,processingDetails&id=%s", wire_str(video))));
}

static bool work_failed(const struct plat_in *in, struct plat_out *out, const struct json *status, const char *state)
{
	const char *why = json_get_text(status, "failureReason");

	why = why ? why : json_get_text(status, "rejectionReason");
	why = why ? wire_excerpt(in->arena, why, strlen(why), 60) : "no reason given";
	plat_fail(out, PLAT_PERMANENT, arena_fmt(in->arena, "youtube: the video is %s: %s; it is still on the channel, private", state, wire_str(why)));
	return true;
}

static bool work_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	const struct json *items = json_get(answer->json, "items"), *status = json_get(json_first(items), "status");
	const char *state = wire_str(json_get_text(status, "uploadStatus"));

	if (answer->status != 200 || json_kind(items) != JSON_ARRAY) {
		youtube_refuse(in, out, "the question for the video's state", answer);
		return true;
	}
	oauth_accepted(in);
	if (!json_first(items)) {
		plat_set(in->values, "video", NULL);
		plat_fail(out, PLAT_PERMANENT, "youtube: the video was removed from the channel before it could be shown");
		return true;
	}
	if (!strcmp(state, "failed") || !strcmp(state, "rejected") || !strcmp(state, "deleted"))
		return work_failed(in, out, status, state);
	if (!strcmp(state, "processed") || youtube_chosen(in, YOUTUBE_PUBLISH, "uploaded")) {
		plat_set(in->values, "processed", "1");
		return false;
	}
	if (!poll_under_way(in, "work", 0)) {
		poll_begin(in, out, &work, "work", 0);
		return true;
	}
	if (poll_again(in, out, &work, "work", 0, 0))
		return true;
	/* It is there, and seen by viewers in a lesser quality first. */
	plat_set(in->values, "processed", "1");
	return false;
}

/* ---- */

/* A list may lag behind: each search has its time. */
static void wait_or_search(const struct plat_in *in, struct plat_out *out)
{
	size_t searches = (size_t)plat_get_int(in->values, "searches", 0);
	int64_t at_ms = plat_get_int(in->values, "gone", 0) + search_after_ms[searches < WIRE_COUNT(search_after_ms) ? searches : 0];

	if (in->steady_ms < at_ms)
		plat_wait(out, in->now_ms + at_ms - in->steady_ms);
	else
		youtube_search(in, out);
}

bool youtube_upload(const struct plat_in *in, struct plat_out *out)
{
	if (plat_get(in->values, "processed"))
		return false;
	if (plat_get(in->values, "video"))
		send_work(in, out);
	else if (plat_get(in->values, "gone"))
		wait_or_search(in, out);
	else if (plat_get(in->values, "upload"))
		send_bytes(in, out);
	else
		send_open(in, out);
	return true;
}

bool youtube_upload_answer(const struct plat_in *in, struct plat_out *out)
{
	static const struct { const char *step; bool (*take)(const struct plat_in *, struct plat_out *, const struct wire_answer *); } steps[] = {
		{ "open", open_answer }, { "bytes", bytes_answer }, { "query", bytes_answer }, { "list", gone_answer }, { "tags", gone_answer },
		{ "work", work_answer },
	};
	struct wire_answer answer;
	bool filled = false;

	youtube_answer(in, &answer);
	for (size_t i = 0; i < WIRE_COUNT(steps); i++)
		if (wire_step_is(in->response_step, steps[i].step, NULL))
			filled = steps[i].take(in, out, &answer);
	wire_answer_done(&answer);
	return filled;
}
