/* filter.h: --account, --label and --state as keys of a request, the same for every command that takes them. */
#ifndef SMMQ_CLIENT_FILTER_H
#define SMMQ_CLIENT_FILTER_H

#include <stdbool.h>

#include "client/command.h"
#include "proto/json.h"

bool filter_given(const struct client *c);
/* Checks the states' names (with a guess for a wrong one). 0 or an exit status, told. */
int filter_check(struct client *c);
/* live: without --state, the states in which something may still happen or should be looked at. */
void filter_write(const struct client *c, struct json_writer *w, bool live);

#endif
