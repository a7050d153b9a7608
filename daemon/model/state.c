/* state.c: the table. What it does not list cannot happen. */
#include "daemon/model/state.h"

#include <string.h>

#include "proto/status.h"

static const struct transition table[] = {
	{ STATE_DRAFT, EVENT_QUEUE, STATE_QUEUED },
	{ STATE_DRAFT, EVENT_HOLD, STATE_HELD },
	{ STATE_DRAFT, EVENT_CANCEL, STATE_CANCELLED },
	{ STATE_QUEUED, EVENT_ARM, STATE_SENDING },
	{ STATE_QUEUED, EVENT_HOLD, STATE_HELD },
	{ STATE_QUEUED, EVENT_CANCEL, STATE_CANCELLED },
	{ STATE_QUEUED, EVENT_MISS, STATE_MISSED },
	{ STATE_QUEUED, EVENT_EXPIRE, STATE_EXPIRED },
	{ STATE_QUEUED, EVENT_DOUBT, STATE_UNKNOWN },
	{ STATE_SENDING, EVENT_PUBLISH, STATE_PUBLISHED },
	{ STATE_SENDING, EVENT_FAIL, STATE_FAILED },
	{ STATE_SENDING, EVENT_LOSE, STATE_UNKNOWN },
	{ STATE_SENDING, EVENT_DEFER, STATE_QUEUED },
	{ STATE_UNKNOWN, EVENT_PUBLISH, STATE_PUBLISHED },
	{ STATE_UNKNOWN, EVENT_FAIL, STATE_FAILED },
	{ STATE_UNKNOWN, EVENT_SETTLE, STATE_QUEUED },
	{ STATE_FAILED, EVENT_RETRY, STATE_QUEUED },
	{ STATE_FAILED, EVENT_HOLD, STATE_HELD },
	{ STATE_FAILED, EVENT_CANCEL, STATE_CANCELLED },
	{ STATE_HELD, EVENT_RELEASE, STATE_QUEUED },
	{ STATE_HELD, EVENT_CANCEL, STATE_CANCELLED },
};
#define TABLE_COUNT (sizeof table / sizeof *table)

static const char *const state_names[STATE__COUNT] = {
	[STATE_DRAFT] = "draft", [STATE_QUEUED] = "queued", [STATE_SENDING] = "sending", [STATE_PUBLISHED] = "published",
	[STATE_FAILED] = "failed", [STATE_UNKNOWN] = "unknown", [STATE_HELD] = "held", [STATE_CANCELLED] = "cancelled",
	[STATE_MISSED] = "missed", [STATE_EXPIRED] = "expired",
};

static const char *const event_names[EVENT__COUNT] = {
	[EVENT_QUEUE] = "queue", [EVENT_HOLD] = "hold", [EVENT_RELEASE] = "release", [EVENT_CANCEL] = "cancel",
	[EVENT_ARM] = "arm",
	[EVENT_DEFER] = "defer", [EVENT_PUBLISH] = "publish", [EVENT_FAIL] = "fail", [EVENT_LOSE] = "lose",
	[EVENT_SETTLE] = "settle", [EVENT_RETRY] = "retry", [EVENT_MISS] = "miss", [EVENT_EXPIRE] = "expire",
	[EVENT_DOUBT] = "doubt",
};

int state_next(enum state from, enum event event)
{
	for (size_t i = 0; i < TABLE_COUNT; i++)
		if (table[i].from == from && table[i].event == event)
			return (int)table[i].to;
	return -ST_CONFLICT;
}

const struct transition *state_table(size_t *count)
{
	*count = TABLE_COUNT;
	return table;
}

const char *state_name(enum state s)
{
	return (unsigned)s < STATE__COUNT ? state_names[s] : "?";
}

int state_find(const char *name)
{
	for (int i = 0; name && i < STATE__COUNT; i++)
		if (strcmp(state_names[i], name) == 0)
			return i;
	return -ST_INVALID;
}

const char *event_name(enum event e)
{
	return (unsigned)e < EVENT__COUNT ? event_names[e] : "?";
}

bool state_terminal(enum state s)
{
	return s == STATE_PUBLISHED || s == STATE_CANCELLED || s == STATE_MISSED || s == STATE_EXPIRED;
}

bool state_live(enum state s)
{
	return (unsigned)s < STATE__COUNT && !state_terminal(s) && s != STATE_FAILED;
}
