/* verb.h: the verbs of the line protocol, one row each. Handlers in the daemon are an array indexed by enum verb; a test
 * fails while a verb lacks its section in PROTOCOL or in the manual. */
#ifndef SMMQ_PROTO_VERB_H
#define SMMQ_PROTO_VERB_H

#include <stdbool.h>
#include <stddef.h>

enum verb {
	VERB_HELLO, VERB_ADD, VERB_SHOW, VERB_LIST, VERB_EDIT, VERB_MOVE, VERB_CANCEL, VERB_HOLD, VERB_RELEASE, VERB_RETRY,
	VERB_RESOLVE, VERB_PUT, VERB_WATCH, VERB_LOG, VERB_STATUS, VERB_ACCOUNTS, VERB_LOGIN, VERB_RELOAD, VERB_DRAIN, VERB_CHECK,
	VERB_VERIFY, VERB_BACKUP,
	VERB__COUNT
};

/* Who may: each level includes the ones before it. */
enum level { LEVEL_READ, LEVEL_SUBMIT, LEVEL_APPROVE, LEVEL_ADMIN, LEVEL__COUNT };

enum body_rule { BODY_NONE, BODY_OPTIONAL, BODY_REQUIRED };

struct verb_info {
	enum verb verb;
	const char *name;          /* upper case */
	enum level level;
	unsigned min_words, max_words;   /* words between the verb and the JSON object */
	enum body_rule body;
	bool writes;               /* runs as a turn; the others read */
	const char *usage;         /* "SHOW id" */
	const char *help;          /* one sentence */
};

const struct verb_info *verb_info(enum verb v);
const struct verb_info *verb_find(const char *name, size_t len);   /* exact, upper case; NULL if there is none */
const char *level_name(enum level l);                              /* "read", "submit", "approve", "admin" */

#define REQUEST_MAX_WORDS 4

struct request {
	const struct verb_info *verb;
	unsigned words;
	char *word[REQUEST_MAX_WORDS];     /* point into the line */
	char *body;                        /* JSON text or NULL, points into the line */
	size_t body_len;
};

/* Splits a line in place into verb, words and body, and checks them against the verb's row. 0, -ST_USAGE with *why (static text). */
int request_split(char *line, size_t len, struct request *out, const char **why);

#endif
