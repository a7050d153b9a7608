/* main.c: wiring of the client: options before the command, the command's own, and the call. */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "client/command.h"
#include "proto/status.h"

#define ARENA_BYTES (64u * 1024 * 1024)

/* Errors of the command line itself must already come in the form that was asked for. */
static bool wants_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "-j") == 0 || strcmp(argv[i], "--json") == 0)
			return true;
	return false;
}

static int usage(struct client *c, const char *what)
{
	if (c->command)
		return out_fail(&c->out, ST_USAGE, "%s (smmq help %s)", what, c->command->name);
	return out_fail(&c->out, ST_USAGE, "%s", what);
}

static int unknown_command(struct client *c, const char *name)
{
	const char *guess = command_guess(name);

	return out_fail(&c->out, ST_USAGE, "there is no command \"%s\"%s%s%s", name,
		guess ? "; did you mean " : " (smmq help lists them)", guess ? guess : "", guess ? "?" : "");
}

static int check_operands(struct client *c)
{
	const struct command *command = c->command;
	char line[160];

	if (c->args.operand_count < command->min_operands) {
		snprintf(line, sizeof line, "%s needs %s", command->name, "an id");
		return usage(c, line);
	}
	if (c->args.operand_count > command->max_operands) {
		snprintf(
			line, sizeof line, "%s does not take \"%.60s\"", command->name, c->args.operands[command->max_operands]);
		return usage(c, line);
	}
	return 0;
}

static int run(struct client *c)
{
	int rc;

	if (args_has(&c->args, "version")) {
		out_fmt(&c->out, "smmq %s\n", PACKAGE_VERSION);
		return 0;
	}
	if (args_has(&c->args, "help")) {
		if (c->command)
			command_print_help(c, c->command);
		else
			command_print_all(c);
		return 0;
	}
	if (!c->command)
		return usage(c, "which command? (smmq help lists them)");
	rc = check_operands(c);
	if (rc != 0)
		return rc;
	conn_init(&c->conn, args_value(&c->args, "socket"));
	rc = c->command->run(c);
	conn_done(&c->conn);
	return rc;
}

int main(int argc, char **argv)
{
	static struct client client;
	struct client *c = &client;
	int used, rc = 0;

	signal(SIGPIPE, SIG_IGN);
	/* A descriptor that is not open would be the next file's: an answer must never go into the daemon's socket. */
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			return status_info(ST_IO)->exit_status;
	out_init(&c->out, wants_json(argc, argv), false);
	arena_init(&c->arena, ARENA_BYTES);
	args_init(&c->args);
	used = args_parse(&c->args, NULL, command_common_options, argc - 1, argv + 1, true);
	if (used < 0) {
		rc = usage(c, c->args.error);
	} else if (used < argc - 1) {
		c->command = command_find(argv[1 + used]);
		if (!c->command)
			rc = unknown_command(c, argv[1 + used]);
		else if (args_parse(&c->args, c->command->options, command_common_options, argc - 2 - used, argv + 2 + used,
					 false) < 0)
			rc = usage(c, c->args.error);
	}
	c->out.quiet = args_has(&c->args, "quiet");
	if (rc == 0)
		rc = run(c);
	arena_done(&c->arena);
	return out_finish(&c->out, rc);
}
