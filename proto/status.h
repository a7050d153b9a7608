/* status.h: every outcome a function, an answer or a process can have.
 *
 * Functions return 0 (ST_OK) or a negative enum status: `return -ST_NO_ITEM;`. The same value is the word
 * after ERR on the wire and decides the exit status of the client; the table in status.c is the only place
 * where the three meet. proto/PROTOCOL and the manual are compared with that table by a test. */
#ifndef SMMQ_PROTO_STATUS_H
#define SMMQ_PROTO_STATUS_H

#include <stdbool.h>
#include <stddef.h>

enum status {
	ST_OK = 0,
	ST_USAGE,         /* the words of a request or command line do not fit */
	ST_INVALID,       /* a value is not acceptable: syntax, range, content */
	ST_TOO_LARGE,     /* a size passes a stated limit */
	ST_REFUSED,       /* well formed, but a rule of the account or platform forbids it */
	ST_CONFLICT,      /* the item is not in a state (or revision, or key) that allows it */
	ST_GONE,          /* a cursor points before the oldest kept record */
	ST_NO_ACCOUNT,    /* no such account */
	ST_NO_ITEM,       /* no such item, gate or media */
	ST_UNREACHABLE,   /* client only: the daemon does not answer */
	ST_ANSWER_LOST,   /* client only: the request left, the answer did not come */
	ST_BUSY,          /* a bound is reached for now, nothing was changed: try again */
	ST_NO_SPACE,      /* disk or map full, nothing was changed */
	ST_NO_MEMORY,     /* an allocation failed, nothing was changed */
	ST_STOPPING,      /* the daemon is stopping, nothing was changed */
	ST_IN_FLIGHT,     /* too late: the request to the platform is on its way */
	ST_DENIED,        /* the caller's role does not allow it */
	ST_CONFIG,        /* configuration is wrong */
	ST_IO,            /* the disk or the operating system failed */
	ST_CORRUPT,       /* a stored record does not decode */
	ST_INTERNAL,      /* a defect of ours */
	ST__COUNT
};

struct status_info {
	enum status code;
	const char *word;      /* on the wire, lower case with '_' */
	int exit_status;       /* of the client: sysexits, or 4 */
	bool retryable;        /* the same request may succeed later */
	bool safe_to_retry;    /* sending it again cannot do harm: nothing was changed */
	const char *help;      /* one line for manual and PROTOCOL */
};

/* The row for a status, given as enum value or negative return value. Never NULL: unknown values give ST_INTERNAL. */
const struct status_info *status_info(int status);

/* The row for a word from the wire, or NULL. */
const struct status_info *status_find(const char *word);

#endif
