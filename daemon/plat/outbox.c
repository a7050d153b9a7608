/* outbox.c: the finished post as a file, for trying things and for handing over to scripts.
 *
 * One exchange: ID.n.json in the account's directory, with its media hard-linked beside it as ID.n.K.ext (K counts from
 * 1 through the parts, the card's picture last). The same name again is the same post, so the write may be repeated
 * freely. */
#include "daemon/plat/plat.h"

#include <string.h>

#include "daemon/plat/wire.h"

#define MAX_FILES (PLAT_MAX_PIECES - 1)

static void link_media(const struct plat_in *in, struct plat_request *r, size_t *file, const struct media *m)
{
	const char *name = wire_file_name(in, ++*file, m);

	if (name && r->piece_count < PLAT_MAX_PIECES)
		r->pieces[r->piece_count++] = (struct plat_piece){
			.kind = PLAT_LINK, .data = name, .len = strlen(name), .sha256 = m->sha256,
		};
}

static size_t file_count(const struct content *c)
{
	size_t count = (c->card_count ? c->card[0].thumb_count : 0) + c->cover_count;

	for (size_t i = 0; i < c->part_count; i++)
		count += c->parts[i].media_count;
	return count;
}

static const char *file_name(const struct plat_in *in)
{
	return arena_fmt(in->arena, "%llu.%llu.json", (unsigned long long)in->target->id,
	                 (unsigned long long)in->target->n);
}

static void send_file(const struct plat_in *in, struct plat_out *out)
{
	const struct content *c = in->content;
	struct plat_request *r;
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	size_t len, file = 0;
	const char *text;

	if (!in->account->directory) {
		plat_fail(out, PLAT_PERMANENT, "outbox: the account has no Directory=");
		return;
	}
	if (file_count(c) > MAX_FILES) {
		plat_fail(out, PLAT_PERMANENT, "outbox: more media files than fit beside one post");
		return;
	}
	r = wire_request(out, "write", PLAT_REPEATABLE, PLAT_FILE, in->account->directory);
	r->file_name = file_name(in);
	wire_post_json(in, &b, true);
	buf_add_char(&b, '\n');
	text = wire_take(&b, in->arena, &len);
	if (text)
		plat_body(r, text, len);
	for (size_t n = 0; n < c->part_count; n++)
		for (size_t i = 0; i < c->parts[n].media_count; i++)
			link_media(in, r, &file, &c->parts[n].media[i]);
	if (c->card_count && c->card[0].thumb_count)
		link_media(in, r, &file, &c->card[0].thumb[0]);
	if (c->cover_count)
		link_media(in, r, &file, &c->cover[0]);
}

static void written(const struct plat_in *in, struct plat_out *out)
{
	const char *name = file_name(in);
	const char *directory = wire_percent(in->arena, in->account->directory, "/");
	const char *url = name && directory ? arena_fmt(in->arena, "file://%s/%s", directory, name) : NULL;
	const char *why;

	if (in->response->status == 200) {
		for (size_t n = 0; name && url && n < in->content->part_count; n++) {
			plat_set_n(in->values, PLAT_ID, n, name);
			plat_set_n(in->values, PLAT_URL, n, url);
		}
		plat_done(out, name, url);
		return;
	}
	why = wire_excerpt(in->arena, in->response->body, in->response->body_len, WIRE_EXCERPT_CHARS);
	plat_fail(out, PLAT_TRANSIENT, arena_fmt(in->arena, "outbox: %s could not be written into %s: %s", name,
	                                         in->account->directory,
	                                         why && *why ? why : "no reason given"));
}

static void step(const struct plat_in *in, struct plat_out *out)
{
	memset(out, 0, sizeof(*out));
	if (in->response && wire_step_is(in->response_step, "write", NULL))
		written(in, out);
	else if (plat_get_n(in->values, PLAT_ID, 0))
		wire_all_done(in, out);
	else
		send_file(in, out);
	wire_end(in, out);
}

static void check(const struct plat_in *in, struct plat_report *out)
{
	const struct wire_check c = { .in = in, .out = out, .platform = "outbox" };

	if (!wire_check_begin(&c))
		return;
	wire_check_limit(&c, 0, "media-count", "post with all its parts", "media files", MAX_FILES,
	                 (int64_t)file_count(in->content));
	wire_check_plain(&c);
}

const struct plat plat_outbox = {
	.name = "outbox",
	.kinds = UINT32_MAX,
	.parallel = 4,
	.needs_directory = true,
	.step = step,
	.check = check,
};
