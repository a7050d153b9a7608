/* container.c: publishing containers, and comments; what both are made of. How containers get ready is in
 * container_make.c, what becomes of a lost answer in container_look.c. */
#include "daemon/plat/container.h"

#include <string.h>

#include "daemon/model/text.h"
#include "daemon/plat/public.h"
#include "proto/hash.h"

#define HOUR_MS (3600 * INT64_C(1000))
#define BLOCKED_MS (24 * HOUR_MS)
#define LINK_WAIT_MS (5 * INT64_C(1000))
#define LINK_TRIES 3
#define MAX_LOSSES 3

static const char *const lasting[] = { PLAT_ID, PLAT_URL, "made", "link", "quota", "relogin", PUBLIC_LASTING, NULL };

/* ---- what containers hold ---- */

bool container_is_carousel(const struct plat_in *in, size_t n)
{
	return in->content->parts[n].media_count > 1;
}

/* Where the media of container k stand in the part: -1 where it has none. */
static ptrdiff_t media_index(const struct plat_in *in, size_t n, size_t k)
{
	size_t count = in->content->parts[n].media_count;

	if (k)
		return k <= count ? (ptrdiff_t)k - 1 : -1;
	return count == 1 ? 0 : -1;
}

const struct media *container_media(const struct plat_in *in, size_t n, size_t k)
{
	ptrdiff_t j = media_index(in, n, k);

	return j < 0 ? NULL : &in->content->parts[n].media[j];
}

const char *container_url(const struct plat_in *in, size_t n, size_t k)
{
	ptrdiff_t j = media_index(in, n, k);

	return j < 0 ? NULL : public_url(in, (size_t)j);
}

const char *container_children(const struct plat_in *in, size_t n)
{
	struct buf b = BUF_INIT(8192);

	for (size_t k = 1; k <= in->content->parts[n].media_count; k++)
		buf_add_fmt(&b, "%s%s", k > 1 ? "," : "", wire_str(plat_get_n(in->values, "box", k)));
	return wire_take(&b, in->arena, NULL);
}

const char *container_path(const struct plat_in *in, const struct container *c, const char *edge)
{
	const char *node = c->node ? c->node : wire_percent(in->arena, plat_get(in->account_values, "own_id"), "");

	return wire_str(arena_fmt(in->arena, "/%s/%s", wire_str(node), edge));
}

const char *container_words(const struct plat_in *in, const char *text)
{
	static const char blank[] = " \t\r\n\v\f";
	const char *normal = text_nfc(in->arena, text);
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	unsigned char hash[HASH_SHA256_BYTES];
	size_t len;

	for (normal = wire_str(normal) + strspn(wire_str(normal), blank); *normal; normal++)
		if (*normal != '\r')
			buf_add_char(&b, *normal);
	normal = wire_take(&b, in->arena, &len);
	while (normal && len && strchr(blank, normal[len - 1]))
		len--;
	return normal && !hash_sha256(normal, len, hash) ? wire_hex(in->arena, hash, 8) : NULL;
}

/* ---- values ---- */

void container_forget(const struct plat_in *in)
{
	static const char *const numbered[] = { "box", "box_ms", "box_ok", "box_uri", "box_sent", "ready_began" };
	static const char *const single[] = {
		"words", "first_ms", "lost", "losses", "clear", "blocked", "state", "find_after", "find_pages", "hits", "doubts", "match",
		"match_url", "looks", "look_ms",
	};

	for (size_t i = 0; i < WIRE_COUNT(numbered); i++)
		for (size_t k = 0; k <= JOB_MAX_MEDIA; k++)
			plat_set_n(in->values, numbered[i], k, NULL);
	for (size_t i = 0; i < WIRE_COUNT(single); i++)
		plat_set(in->values, single[i], NULL);
}

void container_stands(const struct plat_in *in, size_t n, const char *id, const char *url)
{
	id = arena_strdup(in->arena, id);
	url = arena_strdup(in->arena, url);
	wire_forget(in->values, lasting);
	plat_set_n(in->values, PLAT_ID, n, id);
	plat_set_n(in->values, PLAT_URL, n, url);
}

/* ---- requests ---- */

/* The one step that others see. */
void container_publish(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n)
{
	const char *box = plat_get_n(in->values, "box", 0);
	struct plat_request *r;
	struct form f;

	form_begin(&f, in->arena);
	form_add(&f, "creation_id", box);
	r = graph_post(in, out, c->graph(in), wire_step_name(in->arena, "publish", n), PLAT_ONCE,
	               container_path(in, c, c->publish), &f);
	r->mark = box;
}

static void build_comment(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n,
                          const char *parent)
{
	const char *escaped = wire_percent(in->arena, parent, ""), *text = wire_str(c->text(in, n));
	struct plat_request *r;
	struct form f;

	form_begin(&f, in->arena);
	form_add(&f, "message", text);
	plat_set(in->values, "words", container_words(in, text));
	r = graph_post(in, out, c->graph(in), wire_step_name(in->arena, "comment", n), PLAT_ONCE,
	               wire_str(arena_fmt(in->arena, "/%s/comments", wire_str(escaped))), &f);
	r->mark = parent;
}

static void send_once(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n)
{
	const char *parent = c->comments_on ? c->comments_on(in, n) : NULL;

	if (plat_get(in->values, "blocked")) {
		plat_set(in->values, "blocked", NULL);
		plat_fail(out, PLAT_RATE,
		          arena_fmt(in->arena, "%s blocked the post as spam-like and did not publish it; the account rests "
		                                    "for a day", c->graph(in)->platform));
		out->until_ms = in->now_ms + BLOCKED_MS;
	} else if (plat_get_int(in->values, "losses", 0) >= MAX_LOSSES) {
		plat_set(in->values, "losses", NULL);
		plat_fail(out, PLAT_TRANSIENT, arena_fmt(in->arena, "%s did not publish the post in %d tries", c->graph(in)->platform,
		                                         MAX_LOSSES));
	} else {
		if (!plat_get(in->values, "first_ms"))
			plat_set_int(in->values, "first_ms", in->now_ms);
		plat_set(in->values, "clear", NULL);
		plat_set(in->values, "state", NULL);
		plat_set(in->values, "looks", NULL);
		if (parent)
			build_comment(in, out, c, n, parent);
		else
			container_publish(in, out, c, n);
	}
}

static void send_link(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n)
{
	const char *id = wire_percent(in->arena, plat_get_n(in->values, PLAT_ID, n), "");

	graph_get(in, out, c->graph(in), wire_step_name(in->arena, "link", n), wire_str(arena_fmt(in->arena, "/%s", wire_str(id))),
	          arena_fmt(in->arena, "fields=%s", c->post_fields));
}

/* Content may have been edited since values were made for it. What is public stays noted, to be removed in the end. */
static void renew(const struct plat_in *in, size_t n)
{
	const char *made = plat_get(in->values, "made"), *print = wire_part_print(in, n);
	const char *now = print ? arena_fmt(in->arena, "%zu %s", n, print) : NULL;

	if (!now || (made && !strcmp(made, now)))
		return;
	wire_forget(in->values, lasting);
	plat_set(in->values, "made", now);
}

static void proceed(const struct plat_in *in, struct plat_out *out, const struct container *c)
{
	size_t n = wire_part(in);
	int64_t link = plat_get_int(in->values, "link", -1);
	bool all = n == in->content->part_count;

	/* An address is good to have; a published post does not wait for a session to ask for it. */
	if (link >= 0 && (size_t)link < n && graph_ready(in)) {
		send_link(in, out, c, (size_t)link);
		return;
	}
	if (all) {
		wire_all_done(in, out);
		return;
	}
	if (!graph_ready(in)) {
		out->verdict = PLAT_NEED_SESSION;
		return;
	}
	renew(in, n);
	if (c->quota && !n && !plat_get(in->values, "quota"))
		graph_get(in, out, c->graph(in), "quota", container_path(in, c, c->quota),
		          arena_fmt(in->arena, "fields=%s", c->quota_fields));
	else if ((c->comments_on && c->comments_on(in, n)) || !container_make(in, out, c, n))
		send_once(in, out, c, n);
}

/* ---- answers: each returns true when *out is filled, false to go on ---- */

/* Only what cannot be asked at all is not waited for. */
static bool quota_answer(const struct plat_in *in, struct plat_out *out, const struct container *c,
                         const struct graph_answer *answer)
{
	const struct json *data = json_first(json_get(answer->wire.json, "data"));
	const struct graph_rule *rule = graph_rule(c->graph(in), answer);
	int64_t used = 0, total = 0;

	if (!answer->good && (rule->act == GRAPH_TOKEN || rule->klass == PLAT_TRANSIENT || rule->klass == PLAT_RATE)) {
		graph_refuse(in, out, c->graph(in), "the question for its limit", answer);
		return true;
	}
	if (answer->good && !json_int(json_path(data, c->quota_used), &used) &&
	    !json_int(json_path(data, c->quota_total), &total) &&
	    total > 0 && used >= total) {
		plat_fail(out, PLAT_RATE, arena_fmt(in->arena, "%s: %lld of the %lld posts that it takes in a day are used",
		                                    c->graph(in)->platform, (long long)used, (long long)total));
		out->until_ms = in->now_ms + HOUR_MS;
		return true;
	}
	plat_set(in->values, "quota", "1");
	return false;
}

/* What was lost once may stand for all that a later refusal tells. */
static bool once_answer(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n, bool comment,
                        const struct graph_answer *answer)
{
	const struct graph *g = c->graph(in);
	int act = graph_rule(g, answer)->act;
	char digits[24];
	const char *id = json_get_id(answer->wire.json, "id", digits);

	if (answer->good && id && *id) {
		container_stands(in, n, id, NULL);
		plat_set(in->values, "link", comment ? NULL : arena_fmt(in->arena, "%zu", n));
		return false;
	}
	if (!plat_get(in->values, "lost") && container_mended(in, c, act))
		return false;
	graph_refuse_once(in, out, g, comment ? "the comment" : "the publication", answer);
	if (out->verdict != PLAT_FAIL || out->klass == PLAT_AUTH || out->klass == PLAT_RATE)
		return true;
	if (act == GRAPH_BLOCKED)
		plat_set(in->values, "blocked", "1");
	if (act == CONTAINER_AGAIN || act == CONTAINER_LOOK || plat_get(in->values, "lost"))
		out->klass = PLAT_UNKNOWN;
	if (out->klass == PLAT_UNKNOWN) {
		plat_set(in->values, "clear", answer->wire.status >= 400 && act != GRAPH_BLOCKED ? "1" : NULL);
		plat_set(in->values, "lost", "1");
	}
	return true;
}

static bool link_answer(const struct plat_in *in, struct plat_out *out, size_t n, const struct graph_answer *answer)
{
	const char *url = json_get_text(answer->wire.json, "permalink");

	if (answer->good && url) {
		plat_set_n(in->values, PLAT_URL, n, url);
	} else if (!fault_count(in, "link_faults", LINK_TRIES)) {
		plat_wait(out, in->now_ms + LINK_WAIT_MS);
		return true;
	}
	plat_set(in->values, "link", NULL);
	return false;
}

static bool take(const struct plat_in *in, struct plat_out *out, const struct container *c,
                 const struct graph_answer *answer)
{
	size_t n = wire_part(in), k;
	bool ours, filled;

	if (wire_step_is(in->response_step, "link", &k) && k < n)
		return link_answer(in, out, k, answer);
	if (n == in->content->part_count)
		return false;
	if (wire_step_is(in->response_step, "quota", NULL))
		return quota_answer(in, out, c, answer);
	if (wire_step_is(in->response_step, "publish", &k))
		return k == n && once_answer(in, out, c, n, false, answer);
	if (wire_step_is(in->response_step, "comment", &k))
		return k == n && once_answer(in, out, c, n, true, answer);
	filled = container_made(in, out, c, n, answer, &ours);
	return ours ? filled : public_answer(in, out);
}

void container_step(const struct plat_in *in, struct plat_out *out, const struct container *c)
{
	struct graph_answer answer;
	bool filled = false;

	memset(out, 0, sizeof(*out));
	if (in->response) {
		graph_answer_read(in, &answer);
		filled = take(in, out, c, &answer);
		graph_answer_done(&answer);
	}
	if (!filled)
		proceed(in, out, c);
	wire_end(in, out);
}
