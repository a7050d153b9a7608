/* event.c: see event.h. */
#include "client/event.h"

#include <stdio.h>
#include <string.h>

#include "client/talk.h"
#include "client/when.h"

void event_keep(const struct answer *a, char cursor[EVENT_CURSOR_BYTES])
{
	const char *text = json_get_text(a->json, "cursor");

	if (text && strlen(text) < EVENT_CURSOR_BYTES)
		strcpy(cursor, text);
}

static void trailer(struct out *o, const char *before, const char *text)
{
	if (!text || !*text)
		return;
	out_fmt(o, "%s", before);
	out_text(o, text);
}

void event_print(struct client *c, const struct answer *a)
{
	struct out *o = &c->out;
	const struct json *e = a->json;
	char digits[24], when[WHEN_SIZE];
	const char *id = json_get_id(e, "id", digits), *to = json_get_text(e, "to"), *from = json_get_text(e, "from");
	int64_t time_ms;

	if (o->json) {
		out_json(o, a->text, a->len);
		return;
	}
	if (json_get_int(e, "time_ms", &time_ms) == 0)
		out_fmt(o, "%s", when_here(time_ms, when));
	else
		out_text(o, json_get_text(e, "time"));
	trailer(o, "  ", id ? id : "-");
	trailer(o, "  ", json_get_text(e, "event"));
	if (to && *to) {
		trailer(o, "  ", from && *from ? from : "new");
		out_fmt(o, " -> ");
		out_color(o, out_state_color(to), to);
	}
	trailer(o, "  ", json_get_text(e, "account"));
	trailer(o, "  by ", json_get_text(e, "by"));
	trailer(o, "  ", json_get_text(e, "reason"));
	if (json_kind(json_get(e, "detail")) == JSON_STRING)
		trailer(o, "  ", json_get_text(e, "detail"));
	out_fmt(o, "\n");
}

int event_end(struct client *c, char cursor[EVENT_CURSOR_BYTES])
{
	struct buf line = BUF_INIT(64);
	struct answer a;
	int rc;

	buf_add_str(&line, "STATUS\n");
	rc = talk_request(c, VERB_STATUS, &line, &a, CONN_ANSWER_MS, NULL, NULL);
	buf_done(&line);
	if (rc != 0)
		return rc;
	cursor[0] = '\0';
	event_keep(&a, cursor);
	answer_done(&a);
	return 0;
}
