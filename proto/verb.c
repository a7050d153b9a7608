/* verb.c: the verb table, and the one function that splits a request line by it. A line is `VERB [word ...] [{JSON}]`
 * with single spaces: one spelling for each request keeps logs, keys and transcripts comparable. */
#include "proto/verb.h"

#include <string.h>

#include "proto/status.h"

#define ROW(verb, name, level, min, max, body, writes, usage, help) \
	[verb] = { verb, name, level, min, max, body, writes, usage, help }

static const struct verb_info table[VERB__COUNT] = {
	ROW(VERB_HELLO, "HELLO", LEVEL_READ, 0, 0, BODY_OPTIONAL, false, "HELLO [{JSON}]",
	    "Names the version, the capabilities, the limits and the caller's role."),
	ROW(VERB_ADD, "ADD", LEVEL_SUBMIT, 0, 0, BODY_REQUIRED, true, "ADD {JSON}",
	    "Queues a post; the same key and request give the same id."),
	ROW(VERB_SHOW, "SHOW", LEVEL_READ, 1, 1, BODY_NONE, false, "SHOW id",
	    "Gives one item with all its targets."),
	ROW(VERB_LIST, "LIST", LEVEL_READ, 0, 0, BODY_OPTIONAL, false, "LIST [{JSON}]",
	    "Gives one data line for each target that a filter selects."),
	ROW(VERB_EDIT, "EDIT", LEVEL_SUBMIT, 1, 1, BODY_REQUIRED, true, "EDIT id {JSON}",
	    "Changes the content of an item that has not been sent."),
	ROW(VERB_MOVE, "MOVE", LEVEL_SUBMIT, 1, 1, BODY_REQUIRED, true, "MOVE id {JSON}",
	    "Gives an item another time."),
	ROW(VERB_CANCEL, "CANCEL", LEVEL_SUBMIT, 0, 1, BODY_OPTIONAL, true, "CANCEL [id] [{JSON}]",
	    "Cancels an item, or all that a filter selects: guaranteed not sent, or too late."),
	ROW(VERB_HOLD, "HOLD", LEVEL_SUBMIT, 0, 1, BODY_OPTIONAL, true, "HOLD [id] [{JSON}]",
	    "Holds an item, or puts a gate before everything, an account or a label."),
	ROW(VERB_RELEASE, "RELEASE", LEVEL_SUBMIT, 0, 1, BODY_OPTIONAL, true, "RELEASE [id] [{JSON}]",
	    "Lets a held item or a draft go, or takes a gate away."),
	ROW(VERB_RETRY, "RETRY", LEVEL_SUBMIT, 1, 1, BODY_OPTIONAL, true, "RETRY id [{JSON}]",
	    "Lets failed items go on from where they stand."),
	ROW(VERB_RESOLVE, "RESOLVE", LEVEL_SUBMIT, 1, 1, BODY_REQUIRED, true, "RESOLVE id {JSON}",
	    "Says what became of an item whose outcome is unknown."),
	ROW(VERB_PUT, "PUT", LEVEL_SUBMIT, 2, 2, BODY_NONE, true, "PUT name size",
	    "Takes a media file: exactly size bytes follow the line."),
	ROW(VERB_WATCH, "WATCH", LEVEL_READ, 0, 0, BODY_OPTIONAL, false, "WATCH [{JSON}]",
	    "Streams journal events; the connection is then WATCH's alone."),
	ROW(VERB_LOG, "LOG", LEVEL_READ, 0, 1, BODY_OPTIONAL, false, "LOG [id] [{JSON}]",
	    "Gives the journal of an item, or of everything."),
	ROW(VERB_STATUS, "STATUS", LEVEL_READ, 0, 0, BODY_OPTIONAL, false, "STATUS [{JSON}]",
	    "Gives totals, and the state of every account."),
	ROW(VERB_ACCOUNTS, "ACCOUNTS", LEVEL_READ, 0, 0, BODY_OPTIONAL, false, "ACCOUNTS [{JSON}]",
	    "Gives one data line for each account with its policy."),
	ROW(VERB_LOGIN, "LOGIN", LEVEL_ADMIN, 0, 0, BODY_REQUIRED, true, "LOGIN {JSON}",
	    "Leads a person through the login of an account: the address first, then what it answered."),
	ROW(VERB_RELOAD, "RELOAD", LEVEL_ADMIN, 0, 0, BODY_NONE, true, "RELOAD",
	    "Reads the configuration again; a bad one changes nothing."),
	ROW(VERB_DRAIN, "DRAIN", LEVEL_ADMIN, 0, 0, BODY_OPTIONAL, true, "DRAIN [{JSON}]",
	    "Starts nothing new and waits for what is under way."),
	ROW(VERB_CHECK, "CHECK", LEVEL_READ, 0, 0, BODY_NONE, false, "CHECK",
	    "Compares the store's records, indexes and counters with each other."),
	ROW(VERB_VERIFY, "VERIFY", LEVEL_READ, 0, 0, BODY_NONE, false, "VERIFY",
	    "Recomputes the journal's chain of hashes."),
	ROW(VERB_BACKUP, "BACKUP", LEVEL_ADMIN, 0, 0, BODY_REQUIRED, false, "BACKUP {JSON}",
	    "Writes a consistent copy of the store while the daemon works."),
};

static const char *const level_names[LEVEL__COUNT] = { "read", "submit", "approve", "admin" };

const struct verb_info *verb_info(enum verb v)
{
	return (unsigned)v < VERB__COUNT ? &table[v] : NULL;
}

const struct verb_info *verb_find(const char *name, size_t len)
{
	for (size_t i = 0; i < VERB__COUNT; i++)
		if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
			return &table[i];
	return NULL;
}

const char *level_name(enum level l)
{
	return (unsigned)l < LEVEL__COUNT ? level_names[l] : "?";
}

static int refuse(const char **why, const char *text)
{
	if (why)
		*why = text;
	return -ST_USAGE;
}

/* The word at *at, NUL-terminated in place; *at moves behind the blank that ends it. The word may be empty. */
static char *take_word(char *line, size_t len, size_t *at)
{
	char *word = line + *at;
	char *blank = memchr(word, ' ', len - *at);
	if (blank) {
		*blank = '\0';
		*at = (size_t)(blank - line) + 1;
	} else {
		*at = len;
	}
	return word;
}

static int check_shape(const struct request *r, const char **why)
{
	const struct verb_info *v = r->verb;
	if (r->words < v->min_words)
		return refuse(why, "words are missing behind the verb");
	if (r->words > v->max_words)
		return refuse(why, "too many words between the verb and the JSON object");
	if (r->body && v->body == BODY_NONE)
		return refuse(why, "this verb takes no JSON object");
	if (!r->body && v->body == BODY_REQUIRED)
		return refuse(why, "a JSON object must follow");
	return 0;
}

int request_split(char *line, size_t len, struct request *out, const char **why)
{
	*out = (struct request){ 0 };
	if (len == 0)
		return refuse(why, "the line is empty: a request is VERB [word ...] [JSON object]");
	if (memchr(line, '\0', len))
		return refuse(why, "a NUL byte in the line");
	bool blank_end = line[len - 1] == ' ';
	size_t at = 0;
	const char *name = take_word(line, len, &at);
	out->verb = verb_find(name, strlen(name));
	if (!out->verb)
		return refuse(why, "no such verb; verbs are written in upper case, HELLO lists the capabilities");
	while (at < len && line[at] != '{') {
		char *word = take_word(line, len, &at);
		if (*word == '\0')
			return refuse(why, "two blanks in a row: words are separated by single spaces");
		if (strchr(word, '\t'))
			return refuse(why, "a tab in a word: words are separated by single spaces");
		if (out->words == REQUEST_MAX_WORDS)
			return refuse(why, "too many words between the verb and the JSON object");
		out->word[out->words++] = word;
	}
	if (at < len) {
		out->body = line + at;
		out->body_len = len - at;
	} else if (blank_end) {
		return refuse(why, "a blank at the end of the line");
	}
	return check_shape(out, why);
}
