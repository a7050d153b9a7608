/* ids.h: the ids that a command is about: operands, and with "-" the lines of standard input. Of a line the first word
 * counts, or the "id" of a JSON object, so that `smmq list | smmq cancel -` and `smmq list -j | ...` both work. */
#ifndef SMMQ_CLIENT_IDS_H
#define SMMQ_CLIENT_IDS_H

#include <stdbool.h>
#include <stddef.h>

struct client;

struct ids {
	struct client *client;
	size_t operand;           /* the next one */
	size_t line_no;
	char *line;               /* of standard input */
	size_t line_size;
	char id[40];
	int exit_status;          /* after an error, which is told already */
};

void ids_init(struct ids *it, struct client *c);
void ids_done(struct ids *it);
/* 1 with *id (valid until the next call), 0 at the end, -1 after an error. */
int ids_next(struct ids *it, const char **id);
bool ids_slow(const struct ids *it);      /* the ids come from standard input */
/* Checks the operands before anything is sent. 0 or an exit status, told. */
int ids_check(struct client *c);
/* True if operands name ids at all (not ALL). */
bool ids_given(const struct client *c);

#endif
