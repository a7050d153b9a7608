/* pinterest_find.c: looking for a Pin whose answer was lost, among its board's Pins.
 *
 * A Pin is ours when it is the account's own, was made after the attempt, and leads where ours leads (the mark in the
 * destination is one of a kind); without a destination when title, description and alt text agree. Lists may lag and their order is not
 * promised: looks are made 5 s, 30 s, 2 min and 10 min after the loss, and a page ends the look only if all of it is too old.
 * After the last look an absent Pin was not made. */
#include <string.h>

#include "daemon/plat/pinterest.h"
#include "proto/json.h"

#define BEFORE_MS (120 * INT64_C(1000))        /* how far their clock may be behind ours */
#define STOP_MS (10 * 60 * INT64_C(1000))
#define MAX_PAGES 4

static const int64_t look_after_ms[] = { 5 * 1000, 30 * 1000, 120 * 1000, 600 * 1000 };
static const char *const look_values[] = { "find_mark", "find_pages", "hits", "match" };

static void forget_look(const struct plat_in *in)
{
	for (size_t i = 0; i < WIRE_COUNT(look_values); i++)
		plat_set(in->values, look_values[i], NULL);
}

static void send_find(const struct plat_in *in, struct plat_out *out)
{
	const char *board = wire_percent(in->arena, pinterest_option(in, PINTEREST_BOARD), ""), *mark = plat_get(in->values, "find_mark");
	const char *escaped = mark ? wire_percent(in->arena, mark, "") : NULL;

	pinterest_request(in, out, "find", PLAT_NONE, PLAT_GET,
	                  wire_str(arena_fmt(in->arena, "/boards/%s/pins?page_size=50%s%s", wire_str(board), escaped ? "&bookmark=" : "",
	                                     wire_str(escaped))));
}

static void begin(const struct plat_in *in, struct plat_out *out)
{
	size_t looks = (size_t)plat_get_int(in->values, "looks", 0);
	int64_t earliest = wire_lost_steady_ms(in) + look_after_ms[looks < WIRE_COUNT(look_after_ms) ? looks : 0];

	forget_look(in);
	if (!wire_unrecorded(in) && in->steady_ms < earliest)
		plat_wait(out, in->now_ms + (earliest - in->steady_ms));
	else
		send_find(in, out);
}

static void not_found(const struct plat_in *in, struct plat_out *out)
{
	int64_t looks = plat_get_int(in->values, "looks", 0) + 1;

	forget_look(in);
	if (wire_unrecorded(in) || looks >= (int64_t)WIRE_COUNT(look_after_ms)) {
		plat_set(in->values, "looks", NULL);
		plat_settled(out, wire_unrecorded(in) ? "absent" : "absent: four looks in ten minutes found nothing on the board");
		return;
	}
	plat_set_int(in->values, "looks", looks);
	begin(in, out);
}

/* ---- comparing ---- */

static const char *trimmed(struct arena *a, const char *text)
{
	size_t len;

	text = wire_str(text);
	text += strspn(text, " \t\r\n");
	len = strlen(text);
	while (len && strchr(" \t\r\n", text[len - 1]))
		len--;
	return wire_str(arena_strndup(a, text, len));
}

static bool same(const struct plat_in *in, const char *a, const char *b)
{
	return !strcmp(trimmed(in->arena, a), trimmed(in->arena, b));
}

static bool is_ours(const struct plat_in *in, const struct json *pin)
{
	const struct content *c = in->content;
	const char *sent = plat_get(in->values, "link"), *link = sent ? sent : pinterest_link(in);

	if (json_kind(json_get(pin, "is_owner")) == JSON_BOOL && !json_true(json_get(pin, "is_owner"), false))
		return false;
	if (link)
		return same(in, json_get_text(pin, "link"), link);
	return !*trimmed(in->arena, json_get_text(pin, "link")) && same(in, json_get_text(pin, "title"), c->title) &&
	       same(in, json_get_text(pin, "description"), c->parts[0].text) &&
	       same(in, json_get_text(pin, "alt_text"), c->parts[0].media_count ? c->parts[0].media[0].alt : NULL);
}

/* Whether nothing tells it from other Pins. */
static bool is_vague(const struct plat_in *in)
{
	const struct content *c = in->content;

	return !pinterest_link(in) && !*wire_str(c->title) && !*wire_str(c->parts[0].text) &&
	       !(c->parts[0].media_count && *wire_str(c->parts[0].media[0].alt));
}

/* Seen with and without the letter that says UTC. */
static bool instant(const struct plat_in *in, const char *text, int64_t *out)
{
	bool zoned = text && strlen(text) > 19 && strpbrk(text + 19, "Z+-");

	return text && !wire_iso_ms(zoned ? text : wire_str(arena_fmt(in->arena, "%sZ", text)), out);
}

/* One page: true when all of it is from long before the attempt. */
static bool scan(const struct plat_in *in, const struct json *items)
{
	int64_t armed_ms = in->target->open[0].armed_ms, at_ms;
	bool old = json_count(items) > 0;

	for (const struct json *pin = json_first(items); pin; pin = json_next(pin)) {
		char digits[24];
		const char *id = json_get_id(pin, "id", digits), *created = json_get_text(pin, "created_at");
		bool told = instant(in, created, &at_ms);

		old = old && told && at_ms < armed_ms - STOP_MS;
		if (!id || !told || at_ms < armed_ms - BEFORE_MS || wire_known(in, id) || !is_ours(in, pin))
			continue;
		plat_set_int(in->values, "hits", plat_get_int(in->values, "hits", 0) + 1);
		/* The newest comes first: the last one kept is the oldest. */
		plat_set(in->values, "match", arena_strdup(in->arena, id));
	}
	return old;
}

static void conclude(const struct plat_in *in, struct plat_out *out)
{
	int64_t hits = plat_get_int(in->values, "hits", 0);
	const char *match = plat_get(in->values, "match");

	if (!hits) {
		not_found(in, out);
	} else if (wire_known(in, match)) {
		begin(in, out);        /* another target was found there meanwhile */
	} else if (hits > 1 || is_vague(in)) {
		plat_undecided(out, arena_fmt(in->arena, "pinterest: %lld Pins of this board look like this one (the oldest is %s) and cannot be told apart",
		                         (long long)hits, match));
	} else {
		pinterest_stands(in, match);
		wire_all_done(in, out);
	}
}

static void find_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	const struct json *items = json_get(answer->json, "items");
	const char *mark = json_get_text(answer->json, "bookmark");
	int64_t pages = plat_get_int(in->values, "find_pages", 0) + 1;

	/* What is no list says nothing about what is on it. */
	if (answer->status != 200 || json_kind(items) != JSON_ARRAY) {
		pinterest_refuse(in, out, "the look for the Pin", answer);
		if (out->verdict == PLAT_FAIL && (out->klass == PLAT_PERMANENT || out->klass == PLAT_UNKNOWN))
			plat_undecided(out, out->text);
		return;
	}
	oauth_accepted(in);
	if (scan(in, items) || !mark || !*mark) {
		conclude(in, out);
	} else if (pages >= MAX_PAGES && plat_get(in->values, "hits")) {
		conclude(in, out);
	} else if (pages >= MAX_PAGES) {
		plat_undecided(out, "pinterest: too many Pins on this board since the attempt to look through");
	} else {
		plat_set(in->values, "find_mark", arena_strdup(in->arena, mark));
		plat_set_int(in->values, "find_pages", pages);
		send_find(in, out);
	}
}

void pinterest_reconcile(const struct plat_in *in, struct plat_out *out)
{
	size_t n = 0;
	bool known = wire_unrecorded(in) || (in->target->open_count && wire_step_is(in->target->open[0].step, "pin", &n));

	memset(out, 0, sizeof(*out));
	if (!known || n) {
		plat_undecided(out, "pinterest: the record of the attempt names no Pin");
	} else if (plat_get_n(in->values, PLAT_ID, 0)) {
		wire_all_done(in, out);
	} else if (!pinterest_ready(in)) {
		out->verdict = PLAT_NEED_SESSION;
	} else if (in->response && wire_step_is(in->response_step, "find", NULL)) {
		struct wire_answer answer;

		pinterest_answer(in, &answer);
		find_answer(in, out, &answer);
		wire_answer_done(&answer);
	} else {
		begin(in, out);
	}
	wire_end(in, out);
}
