/* cmd_show.c: show: everything about a post, and what a person can do where the daemon cannot go on alone. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/command.h"
#include "client/talk.h"
#include "client/when.h"
#include "proto/unit.h"

/* "  name    value"; nothing where there is no value. */
static void field(struct out *o, const char *indent, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	out_fmt(o, "%s%-10s ", indent, name);
	out_text(o, value);
	out_fmt(o, "\n");
}

static void show_media(struct out *o, const struct json *list)
{
	static const char *const codecs[] = { "video_codec", "audio_codec" };

	for (const struct json *m = json_first(list); m; m = json_next(m)) {
		const char *name = json_get_text(m, "name"), *mime = json_get_text(m, "mime"), *alt = json_get_text(m, "alt");
		int64_t size = 0, width = 0, height = 0, duration_ms = 0;
		char bytes[64];

		out_fmt(o, "  media      ");
		out_text(o, name ? name : json_get_text(m, "id"));
		out_fmt(o, "  ");
		out_text(o, mime);
		if (json_get_int(m, "width", &width) == 0 && json_get_int(m, "height", &height) == 0 && width > 0)
			out_fmt(o, " %" PRId64 "x%" PRId64, width, height);
		if (json_get_int(m, "duration_ms", &duration_ms) == 0 && duration_ms > 0)
			out_fmt(o, " %" PRId64 ".%03" PRId64 "s", duration_ms / 1000, duration_ms % 1000);
		for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
			if (json_get_text(m, codecs[i])) {
				out_fmt(o, " ");
				out_text(o, json_get_text(m, codecs[i]));
			}
		if (json_get_int(m, "size", &size) == 0)
			out_fmt(o, " %s", unit_size_format(size, bytes, sizeof bytes));
		out_fmt(o, "\n");
		field(o, "  ", "  alt", alt && *alt ? alt : "(none)");
		field(o, "  ", "  unknown", json_get_text(m, "unknown"));
	}
}

static void show_parts(struct out *o, const struct json *parts)
{
	size_t number = 0, count = json_count(parts);

	for (const struct json *p = json_first(parts); p; p = json_next(p)) {
		int64_t comment = 0;

		number++;
		if (json_true(json_get(p, "comment"), false) || (json_get_int(p, "comment", &comment) == 0 && comment))
			out_fmt(o, "first comment\n");
		else if (count > 1)
			out_fmt(o, "part %zu of %zu\n", number, count);
		else
			out_fmt(o, "text\n");
		out_block(o, "  | ", json_get_text(p, "text"));
		show_media(o, json_get(p, "media"));
	}
}

static void show_card(struct out *o, const struct json *card)
{
	if (json_kind(card) != JSON_OBJECT)
		return;
	out_fmt(o, "link card\n");
	field(o, "  ", "url", json_get_text(card, "url"));
	field(o, "  ", "title", json_get_text(card, "title"));
	field(o, "  ", "about", json_get_text(card, "description"));
}

/* The next step of a person, as commands that can be pasted. */
static void show_advice(struct out *o, const struct json *target, const char *state, const char *id)
{
	uint64_t number;
	unsigned n;

	if (unit_id_parse(id, &number, &n) < 0)
		return;
	if (strcmp(state, "unknown") == 0) {
		out_fmt(o, "  next       look at the account, then one of\n");
		out_fmt(o, "               smmq resolve %s --published URL          (it is there)\n", id);
		out_fmt(o, "               smmq resolve %s --absent                 (it is not: send it again)\n", id);
		out_fmt(o, "               smmq resolve %s --failed --reason TEXT   (give up)\n", id);
		out_fmt(o, "               smmq resolve %s --lookup                 (let the daemon look again now)\n", id);
	} else if (strcmp(state, "failed") == 0) {
		out_fmt(o, "  next       smmq retry %s  (goes on with what is missing), or smmq cancel %s\n", id, id);
	} else if (strcmp(state, "draft") == 0 && !json_get_text(target, "due")) {
		out_fmt(o, "  next       smmq move %s --at TIME, then smmq release %s\n", id, id);
	} else if (strcmp(state, "held") == 0 || strcmp(state, "draft") == 0) {
		out_fmt(o, "  next       smmq release %s\n", id);
	}
}

static void show_shown(struct out *o, const struct json *target)
{
	const struct json *shown = json_get(target, "shown");
	char digits[24];

	field(o, "  ", "url", json_get_text(target, "url"));
	field(o, "  ", "remote id", json_get_id(target, "remote_id", digits));
	if (json_count(shown) < 2 && json_get_text(target, "url"))
		return;
	for (const struct json *s = json_first(shown); s; s = json_next(s)) {
		const char *url = json_get_text(s, "url");

		field(o, "  ", "stands", url ? url : json_get_id(s, "remote_id", digits));
	}
}

static void show_open(struct out *o, const struct json *open)
{
	int64_t armed_ms, looks, next_ms;
	char when[WHEN_SIZE];

	if (json_kind(open) != JSON_OBJECT)
		return;
	field(o, "  ", "step", json_get_text(open, "step"));
	if (json_get_int(open, "armed_ms", &armed_ms) == 0 && armed_ms > 0)
		field(o, "  ", "sent", when_here(armed_ms, when));
	field(o, "  ", "mark", json_get_text(open, "mark"));
	field(o, "  ", "evidence", json_get_text(open, "evidence"));
	if (json_get_int(open, "looks", &looks) == 0 && looks > 0)
		out_fmt(o, "  looked     %" PRId64 " times\n", looks);
	if (json_get_int(open, "next_look_ms", &next_ms) == 0 && next_ms > 0)
		field(o, "  ", "looks next", when_here(next_ms, when));
}

static void show_target(struct out *o, const struct json *t)
{
	char digits[24], when[WHEN_SIZE];
	const char *id = json_get_id(t, "id", digits), *state = json_get_text(t, "state");
	int64_t attempts = 0, published_ms, next_ms;

	out_fmt(o, "\n");
	out_color(o, COLOR_HEAD, id);
	out_fmt(o, "  ");
	out_text(o, json_get_text(t, "account"));
	out_fmt(o, " (");
	out_text(o, json_get_text(t, "platform"));
	out_fmt(o, ")  ");
	out_color(o, out_state_color(state), state);
	out_fmt(o, "\n");
	field(o, "  ", "reason", json_get_text(t, "reason"));
	field(o, "  ", "gate", json_get_text(t, "gate"));
	field(o, "  ", "time", when_full(t, when));
	field(o, "  ", "asked", json_get_text(json_get(t, "want"), "text"));
	field(o, "  ", "late", json_get_text(t, "late"));
	if (state && strcmp(state, "queued") == 0 && json_get_int(t, "not_before_ms", &next_ms) == 0 && next_ms > 0)
		field(o, "  ", "next try", when_here(next_ms, when));
	if (json_get_int(t, "published_ms", &published_ms) == 0 && published_ms > 0)
		field(o, "  ", "published", when_here(published_ms, when));
	if (json_get_int(t, "attempts", &attempts) == 0 && attempts > 0)
		out_fmt(o, "  attempts   %" PRId64 "\n", attempts);
	show_shown(o, t);
	show_open(o, json_get(t, "open"));
	if (json_get_text(t, "text")) {
		out_fmt(o, "  own text\n");
		out_block(o, "    | ", json_get_text(t, "text"));
	}
	if (id && state)
		show_advice(o, t, state, id);
}

static int show_post(struct client *c, const struct answer *a, const char *asked, void *context)
{
	struct out *o = &c->out;
	const struct json *post = a->json;
	bool *again = context;
	char digits[24], when[WHEN_SIZE];
	const char *id = json_get_id(post, "id", digits);
	int64_t created_ms, rev;

	if (o->json) {
		out_json(o, a->text, a->len);
		return 0;
	}
	if (*again)
		out_fmt(o, "\n");
	*again = true;
	out_color(o, COLOR_HEAD, id ? id : asked);
	out_fmt(o, "\n");
	field(o, "", "label", json_get_text(post, "label"));
	field(o, "", "by", json_get_text(post, "by"));
	if (json_get_int(post, "created_ms", &created_ms) == 0 && created_ms > 0)
		field(o, "", "added", when_here(created_ms, when));
	else
		field(o, "", "added", json_get_text(post, "created"));
	field(o, "", "key", json_get_text(post, "key"));
	if (json_get_int(post, "rev", &rev) == 0)
		out_fmt(o, "%-10s %" PRId64 "\n", "revision", rev);
	field(o, "", "language", json_get_text(post, "language"));
	show_parts(o, json_get(post, "parts"));
	show_card(o, json_get(post, "card"));
	for (const struct json *t = json_first(json_get(post, "targets")); t; t = json_next(t))
		show_target(o, t);
	return 0;
}

int cmd_show(struct client *c)
{
	bool again = false;

	return talk_each(c, VERB_SHOW, NULL, show_post, &again);
}
