/* ids.c: see ids.h. Lines are read one by one: a pipe of a million ids needs no memory. */
#include "client/ids.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/command.h"
#include "proto/json.h"
#include "proto/status.h"
#include "proto/unit.h"

#define LINE_BYTES 65536

void ids_init(struct ids *it, struct client *c)
{
	memset(it, 0, sizeof *it);
	it->client = c;
}

void ids_done(struct ids *it)
{
	free(it->line);
	it->line = NULL;
}

bool ids_slow(const struct ids *it)
{
	return it->line != NULL;
}

bool ids_given(const struct client *c)
{
	return c->args.operand_count > 0 && strcmp(c->args.operands[0], "ALL") != 0;
}

static int take(struct ids *it, const char *text, size_t len, const char **id)
{
	unsigned n;
	uint64_t number;

	if (len >= sizeof it->id)
		len = sizeof it->id - 1;
	memcpy(it->id, text, len);
	it->id[len] = '\0';
	*id = it->id;
	if (unit_id_parse(it->id, &number, &n) == 0)
		return 1;
	it->exit_status = strcmp(it->id, "all") == 0
		? out_fail(&it->client->out, ST_USAGE, "\"all\" is not an id; for everything write ALL")
		: out_fail(&it->client->out, ST_USAGE, "\"%s\" is not an id; ids look like 42 (a post) or 42.1 (one target)",
			  it->id);
	return -1;
}

int ids_check(struct client *c)
{
	struct ids it;
	const char *id;

	ids_init(&it, c);
	for (size_t i = 0; i < c->args.operand_count && it.exit_status == 0; i++)
		if (!args_is_stdin(&c->args, i))
			(void)take(&it, c->args.operands[i], strlen(c->args.operands[i]), &id);
	return it.exit_status;
}

static int take_json(struct ids *it, const char **id)
{
	struct json *row = NULL;
	char digits[24];
	const char *text;
	int rc = -1;

	if (json_parse(&row, it->line, strcspn(it->line, "\n"), NULL, NULL) == 0) {
		text = json_get_id(row, "id", digits);
		if (text)
			rc = take(it, text, strlen(text), id);
		else
			it->exit_status =
				out_fail(&it->client->out, ST_USAGE, "line %zu of standard input has no \"id\"", it->line_no);
	} else {
		it->exit_status = out_fail(&it->client->out, ST_USAGE, "line %zu of standard input is not JSON", it->line_no);
	}
	json_free(row);
	return rc;
}

static int next_line(struct ids *it, const char **id)
{
	while (fgets(it->line, LINE_BYTES, stdin)) {
		char *start = it->line + strspn(it->line, " \t\r");

		it->line_no++;
		if (!strchr(it->line, '\n') && !feof(stdin)) {
			it->exit_status =
				out_fail(&it->client->out, ST_USAGE, "line %zu of standard input is too long", it->line_no);
			return -1;
		}
		if (*start == '\n' || *start == '\0' || *start == '#')
			continue;
		return *start == '{' ? take_json(it, id) : take(it, start, strcspn(start, " \t\r\n"), id);
	}
	if (ferror(stdin)) {
		it->exit_status = out_fail(&it->client->out, ST_IO, "cannot read standard input");
		return -1;
	}
	free(it->line);
	it->line = NULL;
	return 0;
}

int ids_next(struct ids *it, const char **id)
{
	const struct args *args = &it->client->args;

	for (;;) {
		if (it->line) {
			int rc = next_line(it, id);

			if (rc != 0)
				return rc;
			continue;
		}
		if (it->operand >= args->operand_count)
			return 0;
		if (!args_is_stdin(args, it->operand)) {
			const char *text = args->operands[it->operand++];

			return take(it, text, strlen(text), id);
		}
		it->operand++;
		it->line = malloc(LINE_BYTES);
		if (!it->line) {
			it->exit_status = out_fail(&it->client->out, ST_NO_MEMORY, "out of memory");
			return -1;
		}
	}
}
