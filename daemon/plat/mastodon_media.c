/* mastodon_media.c: uploads. The server gives an id at once and may work on the file for a while (202); unattached
 * files vanish after a day, so those older than twelve hours are uploaded again. Uploads are repeatable: nobody sees an
 * orphan. */
#include "daemon/plat/mastodon.h"

#include "daemon/plat/form.h"

#define KEEP_MS (12 * 3600 * INT64_C(1000))
#define UPLOAD_TIMEOUT_MS (10 * 60 * INT64_C(1000))
#define POLL_MS (2 * INT64_C(1000))
#define POLL_SLOW_MS (10 * INT64_C(1000))
#define POLL_FAST_FOR_MS (30 * INT64_C(1000))
#define POLL_FOR_MS (15 * 60 * INT64_C(1000))
#define MAX_FAULTS 3       /* answers 500, and files that vanished or never got ready */

void mastodon_forget_media(struct plat_values *v, size_t k)
{
	plat_set_n(v, "media", k, NULL);
	plat_set_n(v, "media_ms", k, NULL);
	plat_set_n(v, "media_wait", k, NULL);
}

static int64_t uploaded_ms(const struct plat_in *in, size_t k)
{
	return wire_get_int_n(in->values, "media_ms", k, 0);
}

/* ---- requests ---- */

static void send_upload(const struct plat_in *in, struct plat_out *out, size_t k, const struct media *m)
{
	struct plat_request *r = mastodon_request(in, out, wire_step_name(in->arena, "upload", k), PLAT_REPEATABLE,
	                                          PLAT_POST,
	                                          "/api/v2/media");
	struct multipart form;

	r->timeout_ms = UPLOAD_TIMEOUT_MS;
	multipart_begin(&form, in, r);
	multipart_text(&form, "description", m->alt && *m->alt ? m->alt : NULL);
	multipart_media(&form, "file", m, 0, m->size_bytes);
	multipart_end(&form);
}

static void send_poll(const struct plat_in *in, struct plat_out *out, size_t k)
{
	const char *id = wire_percent(in->arena, plat_get_n(in->values, "media", k), "");
	const char *path = arena_fmt(in->arena, "/api/v1/media/%s", wire_str(id));

	mastodon_request(in, out, wire_step_name(in->arena, "ready", k), PLAT_NONE, PLAT_GET, wire_str(path));
}

bool mastodon_media(const struct plat_in *in, struct plat_out *out, size_t n)
{
	const struct part *p = &in->content->parts[n];

	for (size_t k = 0; k < p->media_count; k++) {
		if (in->now_ms - uploaded_ms(in, k) > KEEP_MS)
			mastodon_forget_media(in->values, k);
		if (!plat_get_n(in->values, "media", k)) {
			send_upload(in, out, k, &p->media[k]);
			return true;
		}
	}
	for (size_t k = 0; k < p->media_count; k++) {
		if (plat_get_n(in->values, "media_wait", k)) {
			send_poll(in, out, k);
			return true;
		}
	}
	return false;
}

/* ---- answers ---- */

/* Counts a fault of this part's media; true when it was one too many. */
static bool faults_out(const struct plat_in *in)
{
	int64_t faults = plat_get_int(in->values, "faults", 0) + 1;

	plat_set_int(in->values, "faults", faults);
	return faults >= MAX_FAULTS;
}

static bool upload_answer(const struct plat_in *in, struct plat_out *out, size_t k, const struct wire_answer *answer)
{
	char digits[24];
	const char *id = json_get_id(answer->json, "id", digits);

	if ((answer->status == 200 || answer->status == 202) && id && *id) {
		plat_set_n(in->values, "media", k, id);
		plat_set_n(in->values, "media_ms", k, arena_fmt(in->arena, "%lld", (long long)in->now_ms));
		plat_set_n(in->values, "media_wait", k, answer->status == 202 ? "1" : NULL);
		if (answer->status == 202)
			plat_wait(out, in->now_ms + POLL_MS);
		return answer->status == 202;
	}
	mastodon_refuse_read(in, out, "an upload", answer);
	if (answer->status == 500 && faults_out(in)) {
		out->klass = PLAT_PERMANENT;
		plat_set(in->values, "faults", NULL);
	}
	return true;
}

static void poll_wait(const struct plat_in *in, struct plat_out *out, size_t k)
{
	int64_t age = in->now_ms - uploaded_ms(in, k);

	if (age <= POLL_FOR_MS) {
		plat_wait(out, in->now_ms + (age < POLL_FAST_FOR_MS ? POLL_MS : POLL_SLOW_MS));
		return;
	}
	mastodon_forget_media(in->values, k);
	plat_fail(out, faults_out(in) ? PLAT_PERMANENT : PLAT_TRANSIENT,
	          "mastodon: the server is still processing an uploaded file after 15 minutes");
}

static bool poll_answer(const struct plat_in *in, struct plat_out *out, size_t k, const struct wire_answer *answer)
{
	if (answer->status == 200) {
		plat_set_n(in->values, "media_wait", k, NULL);
		return false;
	}
	if (answer->status == 206) {
		poll_wait(in, out, k);
		return true;
	}
	if (answer->status == 404) {
		mastodon_forget_media(in->values, k);
		if (!faults_out(in))
			return false;
		plat_fail(out, PLAT_PERMANENT,
		          "mastodon: uploaded files vanish from the server before they can be posted");
		return true;
	}
	mastodon_refuse_read(in, out, "the question for an uploaded file", answer);
	if (out->klass == PLAT_PERMANENT)
		mastodon_forget_media(in->values, k);
	return true;
}

bool mastodon_media_answer(const struct plat_in *in, struct plat_out *out, size_t n)
{
	struct wire_answer answer;
	bool filled = false;
	size_t k;

	wire_answer_read(in->arena, in->response, &answer);
	if (wire_step_is(in->response_step, "upload", &k) && k < in->content->parts[n].media_count)
		filled = upload_answer(in, out, k, &answer);
	else if (wire_step_is(in->response_step, "ready", &k) && plat_get_n(in->values, "media", k))
		filled = poll_answer(in, out, k, &answer);
	wire_answer_done(&answer);
	return filled;
}
