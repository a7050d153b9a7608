/* container_make.c: containers, from their parameters to the state in which they can be published. */
#include "daemon/plat/container.h"

#include <string.h>

#include "daemon/plat/kind.h"
#include "daemon/plat/public.h"

#define KEEP_MS (20 * 3600 * INT64_C(1000))         /* an unpublished container expires after a day */
#define UPLOAD_TIMEOUT_MS (30 * 60 * INT64_C(1000))
#define MISSING_MS (30 * INT64_C(1000))
#define MISSING_TRIES 2

static const struct poll_plan *plan_of(const struct plat_in *in, const struct container *c, size_t n, size_t k)
{
	const struct media *m = container_media(in, n, k);

	if (m)
		return kind_is_video(m) ? &c->video : &c->image;
	return container_is_carousel(in, n) ? &c->image : &c->quick;
}

static bool sends(const struct plat_in *in, const struct container *c, const struct media *m)
{
	return m && kind_is_video(m) && c->sends && c->sends(in);
}

/* A container failed for a reason that another may not meet. */
static void failed(const struct plat_in *in, struct plat_out *out, const struct container *c, const char *text)
{
	bool over = fault_count(in, "faults", c->max_faults);

	container_forget(in);
	plat_fail(out, over ? PLAT_PERMANENT : PLAT_TRANSIENT, text);
}

void container_ask(const struct plat_in *in, struct plat_out *out, const struct container *c, const char *step, size_t k)
{
	const char *id = wire_percent(in->arena, plat_get_n(in->values, "box", k), "");

	graph_get(in, out, c->graph(in), step, wire_str(arena_fmt(in->arena, "/%s", wire_str(id))),
	          arena_fmt(in->arena, "fields=%s", c->status_fields));
}

static void send_create(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n, size_t k)
{
	struct form f;

	form_begin(&f, in->arena);
	c->fill(in, n, k, &f);
	if (sends(in, c, container_media(in, n, k)))
		form_add(&f, "upload_type", "resumable");
	if (!k)
		plat_set(in->values, "words", container_words(in, wire_str(c->text(in, n))));
	graph_post(in, out, c->graph(in), wire_step_name(in->arena, "create", k), PLAT_REPEATABLE,
	           container_path(in, c, c->create), &f);
}

/* An interrupted upload is begun anew: the whole file, from offset 0. */
static void send_upload(const struct plat_in *in, struct plat_out *out, size_t k, const struct media *m)
{
	const char *uri = arena_strdup(in->arena, wire_str(plat_get_n(in->values, "box_uri", k)));
	struct plat_request *r = wire_request(out, wire_step_name(in->arena, "upload", k), PLAT_REPEATABLE, PLAT_POST,
	                                      wire_str(uri));

	r->timeout_ms = UPLOAD_TIMEOUT_MS;
	graph_upload_token(in, r);
	plat_header(r, "offset", "0");
	plat_header(r, "file_size", arena_fmt(in->arena, "%llu", (unsigned long long)m->size_bytes));
	plat_header(r, "Content-Type", "application/octet-stream");
	plat_body_media(r, m);
}

static bool put_media(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n)
{
	const struct part *p = &in->content->parts[n];

	for (size_t j = 0; j < p->media_count; j++)
		if (!sends(in, c, &p->media[j]) && public_media(in, out, j, &p->media[j]))
			return true;
	return c->cover && !n && in->content->cover_count && p->media_count == 1 && kind_is_video(&p->media[0]) &&
	       public_media(in, out, 1, &in->content->cover[0]);
}

static bool make(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n, size_t k)
{
	const struct media *m = container_media(in, n, k);

	if (!plat_get_n(in->values, "box", k)) {
		send_create(in, out, c, n, k);
		return true;
	}
	if (sends(in, c, m) && !plat_get_n(in->values, "box_sent", k)) {
		send_upload(in, out, k, m);
		return true;
	}
	return false;
}

static bool await(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n, size_t k)
{
	int64_t age = in->steady_ms - wire_get_int_n(in->values, "ready_began", k, 0), first_ms = plan_of(in, c, n, k)->first_ms;

	if (plat_get_n(in->values, "box_ok", k))
		return false;
	if (age >= 0 && age < first_ms)
		plat_wait(out, in->now_ms + first_ms - age);
	else
		container_ask(in, out, c, wire_step_name(in->arena, "ready", k), k);
	return true;
}

bool container_make(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n)
{
	size_t children = container_is_carousel(in, n) ? in->content->parts[n].media_count : 0;

	for (size_t k = 0; k <= children; k++)
		if (in->steady_ms - wire_get_int_n(in->values, "box_ms", k, in->steady_ms) > KEEP_MS)
			container_forget(in);
	if (plat_get_n(in->values, "box_ok", 0))
		return false;
	if (put_media(in, out, c, n))
		return true;
	for (size_t k = 1; k <= children; k++)
		if (make(in, out, c, n, k))
			return true;
	for (size_t k = 1; k <= children; k++)
		if (await(in, out, c, n, k))
			return true;
	return make(in, out, c, n, 0) || await(in, out, c, n, 0);
}

bool container_mended(const struct plat_in *in, const struct container *c, int act)
{
	if (act < CONTAINER_OWN || !c->mend || !c->mend(in, act))
		return false;
	container_forget(in);
	return true;
}

/* A refusal of a step that may be repeated. */
static bool refused(const struct plat_in *in, struct plat_out *out, const struct container *c, const char *what,
                    const struct graph_answer *answer)
{
	int act = graph_rule(c->graph(in), answer)->act;

	if (container_mended(in, c, act))
		return false;
	graph_refuse(in, out, c->graph(in), what, answer);
	if (act == CONTAINER_AGAIN || act == CONTAINER_LOOK)
		failed(in, out, c, out->text);
	return true;
}

static void begin_wait(const struct plat_in *in, const struct container *c, size_t n, size_t k)
{
	struct plat_out unused;

	poll_begin(in, &unused, plan_of(in, c, n, k), "ready", k);
}

static bool create_answer(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n, size_t k,
                          const struct graph_answer *answer)
{
	const char *uri = json_get_text(answer->wire.json, "uri"), *id;
	bool bytes = sends(in, c, container_media(in, n, k));
	char digits[24];

	id = json_get_id(answer->wire.json, "id", digits);
	if (!answer->good || !id || !*id)
		return refused(in, out, c, "a container", answer);
	/* The token goes there: to nobody else. */
	if (bytes && (!uri || !graph_upload_url(in, uri, c->upload_domain))) {
		plat_fail(out, PLAT_PERMANENT, arena_fmt(in->arena, "%s wants a video to be sent to an address that is not its own",
		                                         c->graph(in)->platform));
		return true;
	}
	plat_set_n(in->values, "box", k, id);
	plat_set_n(in->values, "box_ms", k, arena_fmt(in->arena, "%lld", (long long)in->steady_ms));
	plat_set_n(in->values, "box_uri", k, bytes ? uri : NULL);
	begin_wait(in, c, n, k);
	return false;
}

static bool upload_answer(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n, size_t k,
                          const struct graph_answer *answer)
{
	const struct json *debug = json_get(answer->wire.json, "debug_info");
	const char *text = json_get_text(debug, "message");

	if (answer->good && json_true(json_get(answer->wire.json, "success"), false)) {
		plat_set_n(in->values, "box_sent", k, "1");
		begin_wait(in, c, n, k);
		return false;
	}
	if (!debug)
		return refused(in, out, c, "the upload of a video", answer);
	text = text ? wire_excerpt(in->arena, text, strlen(text), WIRE_EXCERPT_CHARS) : "(no text)";
	failed(in, out, c, arena_fmt(in->arena, "%s answered %d to the upload of a video: %s", c->graph(in)->platform,
	                             answer->wire.status, wire_str(text)));
	if (json_kind(json_get(debug, "retriable")) == JSON_BOOL && !json_true(json_get(debug, "retriable"), true))
		out->klass = PLAT_PERMANENT;
	return true;
}

/* The reason of a container's error may hold a number of the table of errors. */
static bool passes(const struct plat_in *in, const struct container *c, const char *why)
{
	struct graph_answer answer = { .is_error = true };

	for (const char *const *w = c->passing_words; w && *w; w++)
		if (strstr(why, *w))
			return true;
	for (const char *d = why; *d && !answer.subcode; d++) {
		int64_t number = 0;
		size_t len = strspn(d, "0123456789");

		for (size_t i = 0; i < len && i < 10; i++)
			number = 10 * number + (d[i] - '0');
		if (len >= 7)
			answer.subcode = number;
		d += len ? len - 1 : 0;
	}
	return answer.subcode && graph_rule(c->graph(in), &answer)->act == CONTAINER_AGAIN;
}

static bool error_state(const struct plat_in *in, struct plat_out *out, const struct container *c, const struct json *json)
{
	const char *why = json_get_text(json, c->why), *platform = c->graph(in)->platform;

	why = why ? wire_excerpt(in->arena, why, strlen(why), WIRE_EXCERPT_CHARS) : "";
	failed(in, out, c, arena_fmt(in->arena, "%s could not use what it was given: %s", platform,
	                             *wire_str(why) ? why : "(no reason)"));
	if (!passes(in, c, wire_str(why)))
		out->klass = PLAT_PERMANENT;
	return true;
}

static bool ready_answer(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n, size_t k,
                         const struct graph_answer *answer)
{
	const char *state = json_get_text(answer->wire.json, c->status);

	if (!answer->good && graph_rule(c->graph(in), answer)->act == CONTAINER_LOOK &&
	    !fault_count(in, "missing", MISSING_TRIES)) {
		plat_wait(out, in->now_ms + MISSING_MS);
		return true;
	}
	if (!answer->good)
		return refused(in, out, c, "the question for a container", answer);
	if (state && !strcmp(state, "FINISHED")) {
		plat_set_n(in->values, "box_ok", k, "1");
		poll_end(in, "ready", k);
		return false;
	}
	if (state && !strcmp(state, "ERROR"))
		return error_state(in, out, c, answer->wire.json);
	if (state && !strcmp(state, "EXPIRED")) {
		failed(in, out, c, arena_fmt(in->arena, "%s: a container has expired", c->graph(in)->platform));
		return true;
	}
	if (state && !strcmp(state, "PUBLISHED") && !k) {
		/* By a try that this store knows nothing of. */
		container_publish(in, out, c, n);
		plat_fail(out, PLAT_UNKNOWN, "the post's container is published already");
		return true;
	}
	if (!poll_again(in, out, plan_of(in, c, n, k), "ready", k, graph_ease_ms(in)))
		failed(in, out, c, arena_fmt(in->arena, "%s is still working on a container after %lld minutes", c->graph(in)->platform,
		                             (long long)(plan_of(in, c, n, k)->give_up_ms / 60000)));
	return true;
}

bool container_made(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n,
                    const struct graph_answer *answer, bool *ours)
{
	static const struct {
		const char *step;
		bool (*take)(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n, size_t k,
		             const struct graph_answer *answer);
	} steps[] = { { "create", create_answer }, { "upload", upload_answer }, { "ready", ready_answer } };
	size_t k;

	for (size_t i = 0; i < WIRE_COUNT(steps); i++) {
		*ours = wire_step_is(in->response_step, steps[i].step, &k) && k <= in->content->parts[n].media_count;
		if (*ours)
			return steps[i].take(in, out, c, n, k, answer);
	}
	return false;
}
