/* command.h: the table of commands and what every command gets. main.c parses and calls; a command returns the exit
 * status. `smmq help`, the manual's test and the completions go by the table. */
#ifndef SMMQ_CLIENT_COMMAND_H
#define SMMQ_CLIENT_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "client/args.h"
#include "client/conn.h"
#include "client/out.h"
#include "proto/arena.h"
#include "proto/verb.h"

struct client {
	const struct command *command;
	struct args args;
	struct out out;
	struct conn conn;
	struct arena arena;              /* given back at the end of the process's one command */
};

struct command {
	const char *name;
	int (*run)(struct client *c);
	const char *usage;               /* what follows the name */
	const char *help;                /* one line */
	const struct arg_option *options;
	size_t min_operands, max_operands;
	int verb;                        /* the enum verb it is made of, or -1 */
};

const struct command *command_find(const char *name);
const struct command *command_at(size_t index);          /* NULL after the last */
const char *command_guess(const char *name);             /* the nearest name, or NULL */
extern const struct arg_option command_common_options[]; /* those that every command takes */
void command_print_help(struct client *c, const struct command *command);
void command_print_all(struct client *c);

int cmd_add(struct client *c);
int cmd_list(struct client *c);
int cmd_show(struct client *c);
int cmd_status(struct client *c);
int cmd_account(struct client *c);
int cmd_account_login(struct client *c, const char *name);
int cmd_edit(struct client *c);
int cmd_move(struct client *c);
int cmd_cancel(struct client *c);
int cmd_hold(struct client *c);
int cmd_release(struct client *c);
int cmd_retry(struct client *c);
int cmd_resolve(struct client *c);
int cmd_wait(struct client *c);
int cmd_watch(struct client *c);
int cmd_log(struct client *c);
int cmd_reload(struct client *c);
int cmd_drain(struct client *c);
int cmd_check(struct client *c);
int cmd_verify(struct client *c);
int cmd_backup(struct client *c);
int cmd_version(struct client *c);
int cmd_help(struct client *c);

#endif
