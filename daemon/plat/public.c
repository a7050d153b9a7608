/* public.c: media at an address of ours, for as long as a platform may fetch them. */
#include "daemon/plat/public.h"

#include <string.h>

#include "daemon/plat/progress.h"

#define PUT_TIMEOUT_MS (10 * 60 * INT64_C(1000))
#define MAX_FAULTS 3
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

void public_check(const struct wire_check *c)
{
	const struct content *content = c->in->content;
	bool any = content->cover_count > 0;

	for (size_t n = 0; n < content->part_count; n++)
		any = any || content->parts[n].media_count > 0;
	if (any && !c->in->account->public.base_url)
		wire_check_say(c, 0, "public-media", "the platform fetches media from the web: the account needs PublicURL= with PublicDirectory= "
		               "or PublicBucket=");
}

const char *public_url(const struct plat_in *in, size_t k)
{
	const char *name = plat_get_n(in->values, "public", k), *base = in->account->public.base_url;

	return name && base ? arena_fmt(in->arena, "%s/%s", base, name) : NULL;
}

/* ---- where it is put ---- */

static void sign(const struct plat_in *in, struct plat_request *r, const char *sha256)
{
	const struct plat_public *p = &in->account->public;

	r->sign = (struct plat_sign){ .key = wire_str(p->key), .secret = wire_str(p->secret), .region = wire_str(p->region),
	                              .service = "s3", .sha256 = sha256 };
}

static const char *object_url(const struct plat_in *in, const char *name)
{
	return wire_str(arena_fmt(in->arena, "%s/%s", in->account->public.bucket_url, name));
}

static void send_put(const struct plat_in *in, struct plat_out *out, size_t k, const struct media *m)
{
	const struct plat_public *p = &in->account->public;
	const char *step = wire_step_name(in->arena, "public", k), *name = plat_get_n(in->values, "public", k);
	struct plat_request *r;

	if (p->directory) {
		r = wire_request(out, step, PLAT_REPEATABLE, PLAT_FILE, p->directory);
		r->pieces[r->piece_count++] = (struct plat_piece){ .kind = PLAT_COPY, .data = name, .sha256 = m->sha256 };
	} else {
		r = wire_request(out, step, PLAT_REPEATABLE, PLAT_PUT, object_url(in, name));
		plat_header(r, "Content-Type", m->mime);
		plat_body_media(r, m);
		sign(in, r, m->sha256);
	}
	r->timeout_ms = PUT_TIMEOUT_MS;
}

/* One byte is enough to see that it is there, and of what kind and size. */
static void send_reach(const struct plat_in *in, struct plat_out *out, size_t k)
{
	struct plat_request *r = wire_request(out, wire_step_name(in->arena, "reach", k), PLAT_NONE, PLAT_GET,
	                                      wire_str(public_url(in, k)));

	plat_header(r, "Range", "bytes=0-0");
}

bool public_media(const struct plat_in *in, struct plat_out *out, size_t k, const struct media *m)
{
	const char *hex, *made = plat_get_n(in->values, "public_of", k);

	if (!in->account->public.base_url) {
		plat_fail(out, PLAT_PERMANENT, "no public place is configured: the account needs PublicURL= with PublicDirectory= or PublicBucket=");
		return true;
	}
	/* Another file, after an edit, gets a name of its own; the old one is removed with the rest. */
	if (made && strcmp(made, m->sha256)) {
		plat_set_n(in->values, "public_old", (size_t)plat_get_int(in->values, "public_olds", 0), plat_get_n(in->values, "public", k));
		plat_set_int(in->values, "public_olds", plat_get_int(in->values, "public_olds", 0) + 1);
		plat_set_n(in->values, "public", k, NULL);
		plat_set_n(in->values, "public_ok", k, NULL);
	}
	if (!plat_get_n(in->values, "public", k)) {
		hex = wire_hex(in->arena, in->random, sizeof(in->random));
		plat_set_n(in->values, "public", k, arena_fmt(in->arena, "smmq-%s-%zu.%s", wire_str(hex), k, wire_extension(m->mime)));
		plat_set_n(in->values, "public_of", k, m->sha256);
	}
	if (plat_get_n(in->values, "public_ok", k))
		return false;
	if (plat_get_n(in->values, "public_put", k))
		send_reach(in, out, k);
	else
		send_put(in, out, k, m);
	return true;
}

/* ---- answers ---- */

static void put_answer(const struct plat_in *in, struct plat_out *out, size_t k)
{
	int status = in->response->status;
	struct wire_answer answer;

	if (status >= 200 && status < 300) {
		plat_set_n(in->values, "public_put", k, "1");
		return;
	}
	wire_answer_read(in->arena, in->response, &answer);
	plat_fail(out, status == 403 || status == 404 ? PLAT_PERMANENT : PLAT_TRANSIENT,
	          arena_fmt(in->arena, "a file could not be put into %s (%d): %s",
	                    in->account->public.directory ? "PublicDirectory=" : "PublicBucket=", status, answer.message));
	wire_answer_done(&answer);
}

/* A place that another machine serves may need a moment until it shows a new file. */
static void reach_answer(const struct plat_in *in, struct plat_out *out, size_t k)
{
	int status = in->response->status;
	bool given_up;

	if (status == 200 || status == 206) {
		plat_set_n(in->values, "public_ok", k, "1");
		plat_set(in->values, "reach_faults", NULL);
		return;
	}
	given_up = fault_count(in, "reach_faults", MAX_FAULTS);
	plat_set_n(in->values, "public_put", k, NULL);
	plat_fail(out, given_up ? PLAT_PERMANENT : PLAT_TRANSIENT,
	          arena_fmt(in->arena, "%s answers %d, so the platform could not fetch the file; does PublicURL= show what is in %s?",
	                    wire_str(public_url(in, k)), status, in->account->public.directory ? "PublicDirectory=" : "PublicBucket="));
}

bool public_answer(const struct plat_in *in, struct plat_out *out)
{
	size_t k;

	if (wire_step_is(in->response_step, "public", &k) && plat_get_n(in->values, "public", k))
		put_answer(in, out, k);
	else if (wire_step_is(in->response_step, "reach", &k) && plat_get_n(in->values, "public", k))
		reach_answer(in, out, k);
	return out->verdict == PLAT_FAIL;
}

/* ---- afterwards ---- */

static bool next_name(const struct plat_in *in, const char **list, size_t *k)
{
	static const char *const lists[] = { "public", "public_old" };

	for (size_t l = 0; l < WIRE_COUNT(lists); l++)
		for (*k = 0; *k < JOB_MAX_MEDIA * 2; (*k)++)
			if (plat_get_n(in->values, lists[l], *k)) {
				*list = lists[l];
				return true;
			}
	return false;
}

static bool remove_next(const struct plat_in *in, struct plat_out *out)
{
	const struct plat_public *p = &in->account->public;
	struct plat_request *r;
	const char *list;
	size_t k;

	if (!next_name(in, &list, &k) || (!p->directory && !p->bucket_url))
		return false;
	if (in->response && wire_step_is(in->response_step, "remove", NULL)) {
		int status = in->response->status;

		if (!(status >= 200 && status < 300) && status != 404) {
			plat_fail(out, PLAT_TRANSIENT, "a public file could not be removed");
			return true;
		}
		plat_set_n(in->values, list, k, NULL);
		plat_set_n(in->values, "public_ok", k, NULL);
		plat_set_n(in->values, "public_put", k, NULL);
		plat_set_n(in->values, "public_of", k, NULL);
		if (!next_name(in, &list, &k))
			return false;
	}
	if (p->directory) {
		r = wire_request(out, "remove", PLAT_REPEATABLE, PLAT_UNLINK, p->directory);
		r->file_name = plat_get_n(in->values, list, k);
	} else {
		r = wire_request(out, "remove", PLAT_REPEATABLE, PLAT_DELETE, object_url(in, plat_get_n(in->values, list, k)));
		sign(in, r, EMPTY_SHA256);
	}
	return true;
}

void public_clean(const struct plat_in *in, struct plat_out *out)
{
	memset(out, 0, sizeof(*out));
	if (!remove_next(in, out))
		plat_done(out, NULL, NULL);
	wire_end(in, out);
}
