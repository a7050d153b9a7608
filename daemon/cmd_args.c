/* cmd_args.c: reading the JSON object of a request. Each reader answers the error itself, naming verb, key and what it takes. */
#include <stdio.h>
#include <string.h>

#include "daemon/cmd_priv.h"
#include "daemon/model/caltime.h"
#include "proto/unit.h"

int cmd_keys(struct cmd_call *c, const struct json *object, const char *what, const char *const *allowed)
{
	for (const struct json *m = json_first(object); m != NULL; m = json_next(m)) {
		const char *const *a = allowed;
		while (*a != NULL && strcmp(*a, json_key(m)) != 0)
			a++;
		if (*a != NULL)
			continue;
		struct buf list = BUF_INIT(2048);
		for (a = allowed; *a != NULL; a++) {
			buf_add_str(&list, a == allowed ? "" : ", ");
			buf_add_str(&list, *a);
		}
		(void)cmd_err(c, ST_INVALID, "%s has no key \"%.100s\"; it takes %s", what, json_key(m), buf_cstr(&list));
		buf_done(&list);
		return 0;
	}
	return 1;
}

int cmd_get_text(struct cmd_call *c, const struct json *object, const char *key, const char **out)
{
	const struct json *v = json_get(object, key);
	*out = json_text(v);
	if (v != NULL && *out == NULL && json_kind(v) != JSON_NULL) {
		(void)cmd_err(c, ST_INVALID, "\"%s\" must be a text", key);
		return 0;
	}
	return 1;
}

int cmd_get_flag(struct cmd_call *c, const struct json *object, const char *key, bool *out)
{
	const struct json *v = json_get(object, key);
	*out = json_true(v, false);
	if (v != NULL && json_kind(v) != JSON_BOOL) {
		(void)cmd_err(c, ST_INVALID, "\"%s\" must be true or false", key);
		return 0;
	}
	return 1;
}

int cmd_get_int(struct cmd_call *c, const struct json *object, const char *key, int64_t min, int64_t max, int64_t *out)
{
	int64_t value;
	if (json_get(object, key) == NULL)
		return 1;
	if (json_get_int(object, key, &value) < 0 || value < min || value > max) {
		(void)cmd_err(c, ST_INVALID, "\"%s\" must be a whole number from %lld to %lld", key, (long long)min, (long long)max);
		return 0;
	}
	*out = value;
	return 1;
}

int cmd_get_span(struct cmd_call *c, const struct json *object, const char *key, int64_t *out_ms)
{
	const char *text;
	if (!cmd_get_text(c, object, key, &text))
		return 0;
	if (text != NULL && unit_duration_parse(text, out_ms) < 0) {
		(void)cmd_err(c, ST_INVALID, "\"%s\" is \"%.60s\", which is no duration; write it like 90s, 5min, 1h30min, 3d", key, text);
		return 0;
	}
	return 1;
}

/* Labels are words to select by: no blanks or control characters, so that they fit on command lines and in logs. */
int cmd_get_label(struct cmd_call *c, const struct json *object, const char **out)
{
	if (!cmd_get_text(c, object, "label", out))
		return 0;
	if (*out == NULL)
		return 1;
	size_t len = strlen(*out);
	bool clean = len > 0 && len <= 100;
	for (const char *p = *out; *p != '\0'; p++)
		clean = clean && (unsigned char)*p > ' ' && *p != 127 && *p != ',';
	if (!clean)
		(void)cmd_err(c, ST_INVALID, "a label is 1 to 100 bytes without blanks and commas");
	return clean;
}

int cmd_id_word(struct cmd_call *c, uint64_t *id, unsigned *n)
{
	if (unit_id_parse(c->request.word[0], id, n) == 0)
		return 1;
	(void)cmd_err(c, ST_USAGE, "\"%.40s\" is no id; an id is 42 (a post) or 42.1 (one of its targets)", c->request.word[0]);
	return 0;
}

int cmd_room_left(struct cmd_call *c)
{
	int rc = store_has_room(c->txn);
	if (rc != 0)
		return rc;
	(void)cmd_err(c, ST_NO_SPACE, "the store is full: what is left is kept for what was accepted; free space on the disk of %s, or raise "
	              "MapSize= and reload", c->conf->state_directory);
	return 0;
}

int cmd_check_rev(struct cmd_call *c, uint64_t rev)
{
	int64_t want = (int64_t)rev;
	if (!cmd_get_int(c, c->body, "if_rev", 1, INT64_MAX, &want))
		return 0;
	if (want == (int64_t)rev)
		return 1;
	(void)cmd_err(c, ST_CONFLICT, "the revision is %llu, not %lld: somebody changed it; look at it again", (unsigned long long)rev,
	              (long long)want);
	return 0;
}

const char *cmd_id(struct cmd_call *c, uint64_t id, uint64_t n)
{
	char text[32];
	return arena_strdup(c->arena, unit_id_format(id, (unsigned)n, text, sizeof text));
}

/* ---- when ---- */

bool cmd_when_asked(const struct cmd_call *c)
{
	return json_get(c->body, "at") != NULL || json_get(c->body, "now") != NULL;
}

static int when_past(struct cmd_call *c, enum caltime_past *out)
{
	const char *past;
	if (!cmd_get_text(c, c->body, "past", &past))
		return 0;
	*out = CALTIME_PAST_REFUSE;
	if (past == NULL || strcmp(past, "refuse") == 0)
		return 1;
	if (strcmp(past, "now") == 0)
		*out = CALTIME_PAST_NOW;
	else if (strcmp(past, "tomorrow") == 0)
		*out = CALTIME_PAST_TOMORROW;
	else
		return cmd_err(c, ST_INVALID, "\"past\" is refuse, now or tomorrow"), 0;
	return 1;
}

static const char *when_note(struct cmd_call *c, const struct caltime_want *want)
{
	char local[40], instant[40];
	if (want->note == CALTIME_PLAIN)
		return NULL;
	caltime_wall_format(&want->wall, local, sizeof local);
	caltime_format(want->due_ms, want->zone, instant, sizeof instant);
	return want->note == CALTIME_SKIPPED
		? arena_fmt(c->arena, "%s does not exist in %s (clocks go forward); it fires at %s", local, want->zone, instant)
		: arena_fmt(c->arena, "%s exists twice in %s (clocks go back); it fires the first time, at %s", local, want->zone, instant);
}

int cmd_when(struct cmd_call *c, const char *zone, struct target *target, const char **warning)
{
	const char *at, *why = NULL;
	bool now;
	enum caltime_past past;
	struct caltime_want want = { 0 };
	if (!cmd_get_text(c, c->body, "at", &at) || !cmd_get_flag(c, c->body, "now", &now) || !when_past(c, &past))
		return 0;
	if ((at != NULL) == now) {
		(void)cmd_err(c, ST_INVALID, now ? "say either \"at\" or \"now\"" : "say when: \"at\" with a time, or \"now\" (--at TIME, --now; a --draft needs none)");
		return 0;
	}
	if (now)
		at = "now";
	if (caltime_parse(at, zone, c->now_ms, past, &want, &why) < 0) {
		(void)cmd_err(c, ST_INVALID, "\"%.80s\": %s", at, why != NULL ? why : "not a time");
		return 0;
	}
	char wall[40];
	target->want = now ? WANT_NOW : WANT_AT;
	target->want_text = arena_strdup(c->arena, at);
	target->want_local = want.has_wall ? arena_strdup(c->arena, caltime_wall_format(&want.wall, wall, sizeof wall)) : NULL;
	target->zone = arena_strdup(c->arena, want.zone[0] != '\0' ? want.zone : zone);
	target->due_ms = want.due_ms;
	target->not_before_ms = 0;
	if (warning != NULL)
		*warning = when_note(c, &want);
	return 1;
}
