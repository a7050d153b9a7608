/* filter.c: see filter.h. */
#include "client/filter.h"

#include <string.h>

#include "client/args.h"
#include "proto/status.h"

/* In the order of the life of a target; the first LIVE_COUNT are those that `list` shows without being asked. */
static const char *const states[] = {
	"draft", "queued", "sending", "unknown", "held", "failed", "published", "cancelled", "missed", "expired"
};
#define LIVE_COUNT 6
#define STATE_COUNT (sizeof states / sizeof *states)

bool filter_given(const struct client *c)
{
	return args_has(&c->args, "account") || args_has(&c->args, "label") || args_has(&c->args, "state");
}

static int check_state(struct client *c, const char *name, size_t len)
{
	const char *best = NULL;
	unsigned distance = 4;
	char word[32];

	if (len >= sizeof word)
		len = sizeof word - 1;
	memcpy(word, name, len);
	word[len] = '\0';
	for (size_t i = 0; i < STATE_COUNT; i++) {
		unsigned d = args_distance(word, states[i]);

		if (d == 0)
			return 0;
		if (d < distance) {
			distance = d;
			best = states[i];
		}
	}
	return out_fail(&c->out, ST_USAGE, "there is no state \"%s\"%s%s%s", word, best ? "; did you mean " : "",
		best ? best : "", best ? "?" : " (smmq help list names them)");
}

int filter_check(struct client *c)
{
	if (args_count(&c->args, "account") > 1 || args_count(&c->args, "label") > 1)
		return out_fail(&c->out, ST_USAGE, "one --account and one --label at a time");
	for (size_t i = 0; i < c->args.hit_count; i++) {
		const char *names = c->args.hits[i].value;

		if (strcmp(c->args.hits[i].option->name, "state") != 0)
			continue;
		for (;;) {
			size_t len = strcspn(names, ",");
			int rc = check_state(c, names, len);

			if (rc != 0)
				return rc;
			if (!names[len])
				break;
			names += len + 1;
		}
	}
	return 0;
}

static bool state_wanted(const struct client *c, const char *state)
{
	size_t state_len = strlen(state);

	for (size_t i = 0; i < c->args.hit_count; i++) {
		const char *names = c->args.hits[i].value;

		if (strcmp(c->args.hits[i].option->name, "state") != 0)
			continue;
		while (*names) {
			size_t len = strcspn(names, ",");

			if (len == state_len && memcmp(names, state, len) == 0)
				return true;
			names += len + (names[len] == ',');
		}
	}
	return false;
}

void filter_write(const struct client *c, struct json_writer *w, bool live)
{
	bool chosen = args_has(&c->args, "state");

	if (args_has(&c->args, "account"))
		jw_str(w, "account", args_value(&c->args, "account"));
	if (args_has(&c->args, "label"))
		jw_str(w, "label", args_value(&c->args, "label"));
	if (!chosen && !live)
		return;
	jw_array(w, "state");
	for (size_t i = 0; i < STATE_COUNT; i++)
		if (chosen ? state_wanted(c, states[i]) : i < LIVE_COUNT)
			jw_str(w, NULL, states[i]);
	jw_end(w);
}
