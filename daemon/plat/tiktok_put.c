/* tiktok_put.c: the bytes of a video, in chunks, one after the other (contract 2.2).
 *
 * Up to 64,000,000 bytes go at once; more go in chunks of 10 MiB, the last of which takes what is left over. With the last
 * bytes the post is made: that is the step of effect once. Bytes that go twice to the same address make no second post. The address
 * holds for an hour and gets no token. */
#include "daemon/plat/tiktok.h"

#include <string.h>

#include "daemon/plat/progress.h"
#include "proto/unit.h"

#define WHOLE_BYTES UINT64_C(64000000)
#define CHUNK_BYTES UINT64_C(10485760)
#define UPLOAD_TIMEOUT_MS (10 * 60 * INT64_C(1000))
#define UPLOAD_DOMAIN ".tiktokapis.com"
#define MAX_FAULTS 5

static const struct media *video(const struct plat_in *in)
{
	return &in->content->parts[0].media[0];
}

uint64_t tiktok_chunk_bytes(const struct media *m)
{
	return m->size_bytes <= WHOLE_BYTES ? m->size_bytes : CHUNK_BYTES;
}

uint64_t tiktok_chunk_count(const struct media *m)
{
	return m->size_bytes <= WHOLE_BYTES ? 1 : m->size_bytes / CHUNK_BYTES;
}

bool tiktok_upload_url(const struct plat_in *in, const char *url)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
	const char *base = in->account->base_url, *host = url + 8;
	size_t len, tail = strlen(UPLOAD_DOMAIN);

	if (base && !strncmp(url, base, strlen(base)) && url[strlen(base)] == '/')
		return true;
	if (strncmp(url, "https://", 8))
		return false;
	len = strspn(host, letters);
	return host[len] == '/' && len > tail && !strncmp(host + len - tail, UPLOAD_DOMAIN, tail);
}

/* ---- requests ---- */

static void send_chunk(const struct plat_in *in, struct plat_out *out, const struct chunk *c)
{
	const struct media *m = video(in);
	const char *step = wire_step_name(in->arena, c->last ? "last" : "chunk", 0);
	struct plat_request *r = wire_request(out, step, c->last ? PLAT_ONCE : PLAT_REPEATABLE, PLAT_PUT, wire_str(plat_get(in->values, "upload_url")));

	r->mark = c->last ? plat_get(in->values, "publish") : NULL;
	r->timeout_ms = UPLOAD_TIMEOUT_MS;
	plat_header(r, "Content-Type", m->mime);
	plat_header(r, "Content-Range", arena_fmt(in->arena, "bytes %llu-%llu/%llu", (unsigned long long)c->offset,
	                                          (unsigned long long)(c->offset + c->len - 1), (unsigned long long)m->size_bytes));
	chunk_body(r, m, c);
}

void tiktok_put(const struct plat_in *in, struct plat_out *out)
{
	struct chunk next;

	if (plat_get(in->values, "doubt") || !chunk_next_full(in, 0, video(in)->size_bytes, tiktok_chunk_bytes(video(in)), &next))
		tiktok_ask(in, out);
	else
		send_chunk(in, out, &next);
}

/* ---- answers ---- */

void tiktok_arrived(const struct plat_in *in, uint64_t bytes)
{
	uint64_t chunk = tiktok_chunk_bytes(video(in)), index = bytes / chunk, count = tiktok_chunk_count(video(in));

	/* The last chunk is sent whole. */
	chunk_arrived(in, 0, (index < count ? index : count - 1) * chunk);
}

bool tiktok_put_again(const struct plat_in *in, struct plat_out *out, const char *why)
{
	bool enough = fault_count(in, "put_faults", MAX_FAULTS);

	tiktok_forget(in);
	if (enough)
		plat_fail(out, PLAT_PERMANENT, why);
	return enough;
}

/* "bytes 0-10485760/150000000": what has arrived, as a count; a last byte would be one less, and means the same border. */
static bool told_bytes(const struct plat_in *in, uint64_t *out)
{
	const char *range = plat_response_header(in->response, "Content-Range"), *dash = range ? strchr(range, '-') : NULL;
	const char *digits = dash ? arena_strndup(in->arena, dash + 1, strspn(dash + 1, "0123456789")) : NULL;
	int64_t number;

	if (!range || strncmp(range, "bytes 0-", 8) || !digits || unit_int_parse(digits, 0, INT64_MAX - 1, &number))
		return false;
	*out = (uint64_t)number + (((uint64_t)number + 1) % tiktok_chunk_bytes(video(in)) == 0);
	return true;
}

/* Another offset than ours. Before the last bytes a person or a clock has nothing to say: they go on where TikTok says. */
static bool misplaced(const struct plat_in *in, struct plat_out *out)
{
	uint64_t bytes;

	if (fault_count(in, "range_faults", MAX_FAULTS)) {
		plat_set(in->values, "doubt", "gone");
		return false;
	}
	if (told_bytes(in, &bytes) && bytes < video(in)->size_bytes)
		tiktok_arrived(in, bytes);
	else
		plat_set(in->values, "doubt", "range");
	(void)out;
	return false;
}

/* The address has ended. */
static bool ended(const struct plat_in *in, struct plat_out *out)
{
	if (plat_get(in->values, "lost")) {
		plat_set(in->values, "doubt", "gone");
		return false;
	}
	return tiktok_put_again(in, out, "tiktok: the address for the video was refused again and again (403)");
}

static bool stored(const struct plat_in *in, struct plat_out *out, bool last)
{
	struct chunk sent;

	/* 201: all bytes are there, and the post is being made. */
	if (last && in->response->status != 206) {
		tiktok_accepted(in, out);
		return true;
	}
	if (last || !chunk_next_full(in, 0, video(in)->size_bytes, tiktok_chunk_bytes(video(in)), &sent) || sent.last)
		plat_set(in->values, "doubt", "range");
	else
		chunk_arrived(in, 0, sent.offset + sent.len);
	return false;
}

bool tiktok_put_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	bool last = wire_step_is(in->response_step, "last", &(size_t){ 0 });

	if (plat_get(in->values, PLAT_ACCEPTED) || !plat_get(in->values, "publish"))
		return false;
	if (answer->status >= 200 && answer->status < 300)
		return stored(in, out, last);
	if (answer->status == 403)
		return ended(in, out);
	if (answer->status == 404) {
		plat_set(in->values, "doubt", "gone");
		return false;
	}
	if (answer->status == 416)
		return misplaced(in, out);
	wire_refuse(in, out, "tiktok", "a piece of the video", tiktok_rule(answer)->klass, answer);
	if (last && (answer->status >= 500 || answer->status == 408))
		out->klass = PLAT_UNKNOWN;
	return true;
}
