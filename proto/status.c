/* status.c: where function results, words on the wire and exit statuses meet. The words are lower case of the enum. */
#include "proto/status.h"

#include <string.h>

#define ROW(code, word, exit_status, retryable, safe, help) [code] = { code, word, exit_status, retryable, safe, help }

static const struct status_info table[ST__COUNT] = {
	ROW(ST_OK, "ok", 0, false, true, "Done; a change is on disk."),
	ROW(ST_USAGE, "usage", 64, false, true, "The words of the request or command line do not fit its pattern."),
	ROW(ST_INVALID, "invalid", 65, false, true, "A value is not acceptable: its syntax, its range or its content."),
	ROW(ST_TOO_LARGE, "too_large", 65, false, true, "A size passes a stated limit."),
	ROW(ST_REFUSED, "refused", 65, false, true,
	    "Well formed, but a rule of the account or of the platform forbids it."),
	ROW(ST_CONFLICT, "conflict", 65, false, true,
	    "The item's state or revision, or another use of the key, does not allow it."),
	ROW(ST_GONE, "gone", 65, false, true, "The cursor points before the oldest record that is kept."),
	ROW(ST_NO_ACCOUNT, "no_account", 67, false, true, "There is no such account."),
	ROW(ST_NO_ITEM, "no_item", 68, false, true, "There is no such item, gate or media file."),
	ROW(ST_UNREACHABLE, "unreachable", 69, true, true, "The daemon does not answer; said by the client alone."),
	ROW(ST_ANSWER_LOST, "answer_lost", 74, true, false,
	    "The request left, but its answer did not come; said by the client alone. Repeat an ADD with the same key."),
	ROW(ST_BUSY, "busy", 75, true, true, "A bound is reached for now; nothing was changed."),
	ROW(ST_NO_SPACE, "no_space", 75, true, true, "The disk or the store is full; nothing was changed."),
	ROW(ST_NO_MEMORY, "no_memory", 75, true, true, "Memory is short; nothing was changed."),
	ROW(ST_STOPPING, "stopping", 75, true, true, "The daemon is stopping; nothing was changed."),
	ROW(ST_IN_FLIGHT, "in_flight", 4, false, true, "Too late: the request to the platform is on its way."),
	ROW(ST_DENIED, "denied", 77, false, true, "The caller's role does not allow it."),
	ROW(ST_CONFIG, "config", 78, false, true, "The configuration is wrong."),
	ROW(ST_IO, "io", 74, true, false, "The disk or the operating system failed."),
	ROW(ST_CORRUPT, "corrupt", 74, false, true, "A stored record cannot be read; nothing was changed."),
	ROW(ST_INTERNAL, "internal", 70, false, false, "A defect of the daemon; its log says more."),
};

const struct status_info *status_info(int status)
{
	/* INT_MIN has no positive counterpart: unsigned negation is defined for all values. */
	unsigned code = status < 0 ? 0u - (unsigned)status : (unsigned)status;
	return code < ST__COUNT ? &table[code] : &table[ST_INTERNAL];
}

const struct status_info *status_find(const char *word)
{
	for (size_t i = 0; word && i < ST__COUNT; i++)
		if (strcmp(table[i].word, word) == 0)
			return &table[i];
	return NULL;
}
