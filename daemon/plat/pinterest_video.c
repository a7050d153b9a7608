/* pinterest_video.c: a video is registered, given to a storage host as a form that the registration dictates, and polled until it is ready.
 *
 * A registration is for one upload: where that was cut off, another one is made; the first is never seen by anybody. */
#include <string.h>

#include "daemon/plat/form.h"
#include "daemon/plat/kind.h"
#include "daemon/plat/pinterest.h"
#include "daemon/plat/progress.h"

#define UPLOAD_TIMEOUT_MS (60 * 60 * INT64_C(1000))
#define MAX_REGISTRATIONS 5

/* 2.2: after 5 s, then 10, then 20. */
static const struct poll_plan polls = {
	.first_ms = 5 * 1000, .fast_ms = 10 * 1000, .fast_for_ms = 15 * 1000, .slow_ms = 20 * 1000, .give_up_ms = 15 * 60 * 1000,
};
static const char *const of_registration[] = { "media_id", "upload", "sending", "uploaded" };

bool pinterest_is_video(const struct plat_in *in)
{
	const struct part *p = &in->content->parts[0];

	return p->media_count && kind_is_video(&p->media[0]);
}

static void forget(const struct plat_in *in)
{
	for (size_t i = 0; i < WIRE_COUNT(of_registration); i++)
		plat_set(in->values, of_registration[i], NULL);
	poll_end(in, "state", 0);
}

/* ---- requests ---- */

static void send_register(const struct plat_in *in, struct plat_out *out)
{
	struct plat_request *r = pinterest_request(in, out, "register", PLAT_REPEATABLE, PLAT_POST, "/media");
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	struct json_writer w;

	jw_init(&w, &b);
	jw_object(&w, NULL);
	jw_str(&w, "media_type", "video");
	jw_end(&w);
	wire_json_body(r, in->arena, &b);
}

/* Whatever fields were told, exactly as they were told, and the file last. The host is another one: it gets no token. */
static void send_upload(const struct plat_in *in, struct plat_out *out)
{
	const struct media *m = &in->content->parts[0].media[0];
	const char *text = wire_str(plat_get(in->values, "upload"));
	struct json *told = NULL;
	const char *url;

	(void)json_parse(&told, text, strlen(text), NULL, NULL);
	url = json_get_text(told, "upload_url");
	struct plat_request *r = wire_request(out, "upload", PLAT_REPEATABLE, PLAT_POST, wire_str(arena_strdup(in->arena, wire_str(url))));
	struct multipart form;
	r->timeout_ms = UPLOAD_TIMEOUT_MS;
	multipart_begin(&form, in, r);
	for (const struct json *e = json_first(json_get(told, "upload_parameters")); e; e = json_next(e))
		multipart_text(&form, json_key(e), json_text(e));
	multipart_media(&form, "file", m, 0, m->size_bytes);
	multipart_end(&form);
	json_free(told);
	plat_set(in->values, "sending", "1");
}

static void send_state(const struct plat_in *in, struct plat_out *out)
{
	const char *id = wire_percent(in->arena, plat_get(in->values, "media_id"), "");

	pinterest_request(in, out, "state", PLAT_NONE, PLAT_GET, wire_str(arena_fmt(in->arena, "/media/%s", wire_str(id))));
}

bool pinterest_video(const struct plat_in *in, struct plat_out *out)
{
	if (plat_get(in->values, "ready"))
		return false;
	/* Nobody can tell how far an upload came whose answer is not here. */
	if (plat_get(in->values, "sending") && !plat_get(in->values, "uploaded"))
		forget(in);
	if (!plat_get(in->values, "media_id"))
		send_register(in, out);
	else if (!plat_get(in->values, "uploaded"))
		send_upload(in, out);
	else
		send_state(in, out);
	return true;
}

/* ---- answers: true when *out is filled ---- */

static bool is_https(const struct plat_in *in, const char *url)
{
	const char *base = in->account->base_url;

	/* A test's own server may tell plain addresses, as it is one. */
	return url && (!strncmp(url, "https://", 8) || (base && !strncmp(base, "http://", 7) && !strncmp(url, "http://", 7)));
}

static bool register_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	char digits[24];
	const char *id = json_get_id(answer->json, "media_id", digits), *url = json_get_text(answer->json, "upload_url");
	struct buf b = BUF_INIT(PLAT_MAX_VALUE_BYTES);

	if (answer->status < 200 || answer->status >= 300 || !id || !url) {
		pinterest_refuse(in, out, "the registration of a video", answer);
		return true;
	}
	if (!is_https(in, url)) {
		plat_fail(out, PLAT_PERMANENT, "pinterest: the video is to be sent to an address that is not safe");
		return true;
	}
	oauth_accepted(in);
	json_print(answer->json, &b);
	forget(in);
	plat_set(in->values, "media_id", arena_strdup(in->arena, id));
	plat_set(in->values, "upload", wire_take(&b, in->arena, NULL));
	return false;
}

static bool upload_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	if (answer->status >= 200 && answer->status < 300) {
		plat_set(in->values, "uploaded", "1");
		plat_set(in->values, "upload", NULL);
		poll_begin(in, out, &polls, "state", 0);
		return true;
	}
	forget(in);
	if (!fault_count(in, "registrations", MAX_REGISTRATIONS) && answer->status < 500)
		return false;
	wire_refuse(in, out, "pinterest's storage host", "the video", answer->status >= 500 ? PLAT_TRANSIENT : PLAT_PERMANENT, answer);
	return true;
}

static bool state_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	const char *state = wire_str(json_get_text(answer->json, "status"));

	if (answer->status != 200 || !*state) {
		pinterest_refuse(in, out, "the question for the video's state", answer);
		return true;
	}
	oauth_accepted(in);
	if (!strcmp(state, "succeeded")) {
		poll_end(in, "state", 0);
		plat_set(in->values, "ready", "1");
		return false;
	}
	if (!strcmp(state, "failed")) {
		forget(in);
		plat_fail(out, PLAT_PERMANENT, "pinterest could not process the video (status failed)");
		return true;
	}
	if (!poll_again(in, out, &polls, "state", 0, 0)) {
		forget(in);
		plat_fail(out, PLAT_TRANSIENT, arena_fmt(in->arena, "pinterest was still at work on the video after 15 minutes (status %s)",
		                                         wire_str(wire_excerpt(in->arena, state, strlen(state), 40))));
	}
	return true;
}

bool pinterest_video_answer(const struct plat_in *in, struct plat_out *out)
{
	struct wire_answer answer;
	bool filled = false;

	pinterest_answer(in, &answer);
	if (wire_step_is(in->response_step, "register", NULL))
		filled = register_answer(in, out, &answer);
	else if (wire_step_is(in->response_step, "upload", NULL))
		filled = upload_answer(in, out, &answer);
	else if (wire_step_is(in->response_step, "state", NULL))
		filled = state_answer(in, out, &answer);
	wire_answer_done(&answer);
	return filled;
}
