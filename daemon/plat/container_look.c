/* container_look.c: what became of a post whose answer was lost: the container's state, then the post's id from the
 * profile's list; and the same for comments, which have no container.
 *
 * An entry is ours when it is of the same kind, reads the same and is not older than our try; never for being the newest.
 * Where there is no text to know it by, it is only taken when the container is known to be published and no other entry
 * fits.
 * An attempt that is not recorded (plat.h) is looked for in the list alone, once. */
#include "daemon/plat/container.h"

#include <string.h>

#include "daemon/plat/public.h"

#define SKEW_MS (60 * INT64_C(1000))
#define SINCE_MS (300 * INT64_C(1000))
#define PAGE 25
#define MAX_PAGES 20

static const int64_t looks_ms[] = { 15 * 1000, 60 * 1000, 300 * 1000, 600 * 1000 };

static const struct attempt *attempt(const struct plat_in *in)
{
	return &in->target->open[0];
}

static bool state_is(const struct plat_in *in, const char *word)
{
	const char *state = plat_get(in->values, "state");

	return state && !strcmp(state, word);
}

/* Waits for the next look; false when there were enough. */
static bool again(const struct plat_in *in, struct plat_out *out)
{
	int64_t looks = plat_get_int(in->values, "looks", 0);

	if (looks < 0 || looks >= (int64_t)WIRE_COUNT(looks_ms))
		return false;
	plat_set_int(in->values, "looks", looks + 1);
	plat_wait(out, in->now_ms + looks_ms[looks]);
	return true;
}

/* ---- outcomes ---- */

static void finish(const struct plat_in *in, struct plat_out *out, size_t n)
{
	if (wire_part(in) == in->content->part_count)
		wire_all_done(in, out);
	else
		plat_settled(out, arena_fmt(in->arena, "part %zu stands as %s", n + 1, wire_str(plat_get_n(in->values, PLAT_ID, n))));
}

static void found(const struct plat_in *in, struct plat_out *out, size_t n)
{
	container_stands(in, n, plat_get(in->values, "match"), plat_get(in->values, "match_url"));
	finish(in, out, n);
}

static void absent(const struct plat_in *in, struct plat_out *out, const char *text)
{
	plat_set_int(in->values, "losses", plat_get_int(in->values, "losses", 0) + 1);
	plat_set(in->values, "lost", "1");
	plat_set(in->values, "state", NULL);
	plat_set(in->values, "looks", NULL);
	plat_settled(out, text);
}

/* ---- the list ---- */

static int64_t floor_ms(const struct plat_in *in)
{
	int64_t armed = attempt(in)->armed_ms, first = plat_get_int(in->values, "first_ms", armed);

	return (!wire_unrecorded(in) && first < armed ? first : armed) - SKEW_MS;
}

static void send_find(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n)
{
	const char *after = plat_get(in->values, "find_after");
	struct container_list list = { .path = NULL };
	int64_t since = (floor_ms(in) - SINCE_MS + SKEW_MS) / 1000;
	struct buf b = BUF_INIT(8192);

	c->list(in, n, &list);
	buf_add_fmt(&b, "fields=%s", wire_str(list.fields));
	if (list.since)
		buf_add_fmt(&b, "&since=%lld", (long long)(since > 0 ? since : 0));
	buf_add_fmt(&b, "&limit=%d", PAGE);
	if (after)
		buf_add_fmt(&b, "&after=%s", wire_str(wire_percent(in->arena, after, "")));
	graph_get(in, out, c->graph(in), wire_step_name(in->arena, "find", n), wire_str(list.path), wire_take(&b, in->arena, NULL));
}

static void begin_find(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n)
{
	static const char *const names[] = { "find_after", "find_pages", "hits", "doubts", "match", "match_url" };

	for (size_t i = 0; i < WIRE_COUNT(names); i++)
		plat_set(in->values, names[i], NULL);
	send_find(in, out, c, n);
}

static bool already_shown(const struct plat_in *in, const char *id)
{
	for (size_t i = 0; i < in->content->part_count; i++) {
		const char *ours = plat_get_n(in->values, PLAT_ID, i);

		if (ours && !strcmp(ours, id))
			return true;
	}
	return wire_known(in, id);
}

/* As it reads now, or as it went out before an edit. */
static bool same_words(const struct plat_in *in, const char *ours, const char *its)
{
	const char *sent = plat_get(in->values, "words"), *a = container_words(in, ours), *b = container_words(in, its);

	return b && ((a && !strcmp(a, b)) || (sent && !strcmp(sent, b)));
}

static void count(const struct plat_in *in, const char *name)
{
	plat_set_int(in->values, name, plat_get_int(in->values, name, 0) + 1);
}

static void weigh(const struct plat_in *in, const struct container *c, size_t n, const struct container_list *list,
                  const struct json *entry, bool dated)
{
	const char *ours = wire_str(c->text(in, n)), *url = json_get_text(entry, "permalink"), *id;
	bool vague = !list->text_field || !ours[strspn(ours, " \t\r\n")] || !dated;
	char digits[24];

	id = json_get_id(entry, "id", digits);
	if (!id || already_shown(in, id) || !c->fits(in, n, entry))
		return;
	if (list->text_field && !same_words(in, ours, wire_str(json_get_text(entry, list->text_field))))
		return;
	count(in, vague ? "doubts" : "hits");
	/* A sure one counts more than those in doubt. */
	if (!plat_get(in->values, "match") || (!vague && plat_get_int(in->values, "hits", 0) == 1)) {
		plat_set(in->values, "match", id);
		plat_set(in->values, "match_url", url);
	}
}

static void not_found(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n,
                      const struct container_list *list)
{
	const char *platform = c->graph(in)->platform;
	bool short_sighted = list->reach_ms && floor_ms(in) < in->now_ms - list->reach_ms;

	if (wire_unrecorded(in)) {
		if (short_sighted)
			plat_undecided(out,
			          arena_fmt(in->arena, "%s shows only what is younger than a day: part %zu may have been published before",
			                    platform, n + 1));
		else
			plat_settled(out, "absent");
	} else if (again(in, out)) {
		return;
	} else if (state_is(in, "PUBLISHED")) {
		plat_undecided(out, arena_fmt(in->arena, "%s says that part %zu is published, but shows no post like it", platform, n + 1));
	} else if (state_is(in, "gone") && !plat_get(in->values, "clear")) {
		plat_undecided(out, arena_fmt(in->arena, "%s no longer knows the container of part %zu, and shows no post like it", platform,
		                         n + 1));
	} else if (state_is(in, "gone")) {
		container_forget(in);
		absent(in, out, "absent: its container is gone");
	} else {
		absent(in, out, "absent: it is not in the list");
	}
}

static void decide(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n,
                   const struct container_list *list)
{
	int64_t hits = plat_get_int(in->values, "hits", 0), doubts = plat_get_int(in->values, "doubts", 0);
	const char *platform = c->graph(in)->platform, *match = wire_str(plat_get(in->values, "match"));

	if (hits == 1 || (!hits && doubts == 1 && state_is(in, "PUBLISHED") && !wire_unrecorded(in)))
		found(in, out, n);
	else if (hits)
		plat_undecided(out, arena_fmt(in->arena, "%s: %lld posts read exactly as part %zu (one is %s) and cannot be told apart",
		                         platform, (long long)hits, n + 1, match));
	else if (doubts)
		plat_undecided(out, arena_fmt(in->arena, "%s: %s may be part %zu, but it has no text that tells", platform, match, n + 1));
	else
		not_found(in, out, c, n, list);
}

/* One page. Whether all behind it is too old to be ours: entries come newest first, and the last is. */
static bool scan(const struct plat_in *in, const struct container *c, size_t n, const struct container_list *list,
                 const struct json *data)
{
	int64_t time = 0, before = INT64_MAX;
	bool sorted = true, old = false;

	for (const struct json *e = json_first(data); e; e = json_next(e)) {
		const char *when = json_get_text(e, "timestamp");
		bool dated = when && !graph_time_ms(when, &time);

		old = dated && time < floor_ms(in);
		sorted = sorted && dated && time <= before;
		before = time;
		if (!old)
			weigh(in, c, n, list, e, dated);
	}
	return sorted && old;
}

static void find_answer(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n,
                        const struct graph_answer *answer)
{
	const struct json *data = json_get(answer->wire.json, "data");
	int64_t pages = plat_get_int(in->values, "find_pages", 0) + 1;
	const char *after = graph_next_page(answer->wire.json);
	struct container_list list = { .path = NULL };

	if (!answer->good || json_kind(data) != JSON_ARRAY) {
		graph_refuse(in, out, c->graph(in), "the look for the post", answer);
		if (out->verdict == PLAT_FAIL && out->klass == PLAT_PERMANENT)
			plat_undecided(out, out->text);
		return;
	}
	c->list(in, n, &list);
	if (scan(in, c, n, &list, data) || !after) {
		decide(in, out, c, n, &list);
	} else if (pages >= MAX_PAGES) {
		plat_undecided(out, arena_fmt(in->arena, "%s: too many posts since the attempt to look through", c->graph(in)->platform));
	} else {
		plat_set(in->values, "find_after", after);
		plat_set_int(in->values, "find_pages", pages);
		send_find(in, out, c, n);
	}
}

/* ---- the state ---- */

static void state_read(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n,
                       const char *state)
{
	const char *platform = c->graph(in)->platform;

	if (!strcmp(state, "PUBLISHED")) {
		plat_set(in->values, "state", state);
		plat_set(in->values, "looks", NULL);
		begin_find(in, out, c, n);
	} else if (!strcmp(state, "FINISHED")) {
		absent(in, out, "absent: its container is ready and not published");
	} else if (!strcmp(state, "ERROR") || !strcmp(state, "EXPIRED")) {
		container_forget(in);
		absent(in, out, arena_fmt(in->arena, "absent: its container ended as %s", state));
		plat_set(in->values, "lost", NULL);
	} else if (!again(in, out)) {
		plat_undecided(out, arena_fmt(in->arena, "%s: the container of part %zu stays %s", platform, n + 1,
		                         wire_str(wire_excerpt(in->arena, state, strlen(state), 40))));
	}
}

static void state_answer(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n,
                         const struct graph_answer *answer)
{
	const struct graph_rule *rule = graph_rule(c->graph(in), answer);
	const char *state = json_get_text(answer->wire.json, c->status);

	if (answer->good) {
		state_read(in, out, c, n, state ? state : "unknown");
	} else if (rule->klass == PLAT_PERMANENT || rule->act == CONTAINER_LOOK) {
		plat_set(in->values, "state", "gone");
		begin_find(in, out, c, n);
	} else {
		graph_refuse(in, out, c->graph(in), "the question for the container", answer);
	}
}

/* ---- all of it ---- */

static void look(const struct plat_in *in, struct plat_out *out, const struct container *c, size_t n, bool comment)
{
	struct graph_answer answer;
	size_t k;

	if (in->response && (wire_step_is(in->response_step, "state", &k) || wire_step_is(in->response_step, "find", &k)) &&
	    k == n) {
		graph_answer_read(in, &answer);
		if (wire_step_is(in->response_step, "state", &k))
			state_answer(in, out, c, n, &answer);
		else
			find_answer(in, out, c, n, &answer);
		graph_answer_done(&answer);
	} else if (wire_unrecorded(in) || comment || plat_get(in->values, "state") || !plat_get_n(in->values, "box", 0)) {
		begin_find(in, out, c, n);
	} else {
		container_ask(in, out, c, wire_step_name(in->arena, "state", n), 0);
	}
}

void container_reconcile(const struct plat_in *in, struct plat_out *out, const struct container *c)
{
	const char *step = in->target->open_count ? attempt(in)->step : NULL;
	size_t n = 0;
	bool comment, known;

	memset(out, 0, sizeof(*out));
	comment = wire_step_is(step, "comment", &n);
	known = comment || wire_step_is(step, "publish", &n) || wire_unrecorded(in);
	if (wire_unrecorded(in))
		n = wire_part(in);
	if (wire_unrecorded(in) && n == in->content->part_count)
		finish(in, out, n - 1);
	else if (!known || n >= in->content->part_count)
		plat_undecided(out, "the record of the attempt names no part");
	else if (plat_get_n(in->values, PLAT_ID, n))
		finish(in, out, n);
	else if (!graph_ready(in))
		out->verdict = PLAT_NEED_SESSION;
	else
		look(in, out, c, n, comment);
	wire_end(in, out);
}
