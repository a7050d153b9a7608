/* threads.h: what the files of the Threads driver share. Private to plat/threads*.c.
 *
 * Account values: own_id, own_name, cred, whose (graph.h) and the tokens (oauth.h). Target values: container.h's, and
 *   notag       1: the topic was refused, and is left out */
#ifndef SMMQ_PLAT_THREADS_H
#define SMMQ_PLAT_THREADS_H

#include "daemon/plat/plat.h"

#define THREADS_MAX_CHARS 500
#define THREADS_POLL_MS (24 * 3600 * INT64_C(1000))

/* The text of part n as sent: a link stands in it where it cannot be attached. */
const char *threads_text(const struct plat_in *in, size_t n);
/* Whether the option of this name says yes. */
bool threads_yes(const struct plat_in *in, const char *name);

void threads_check(const struct plat_in *in, struct plat_report *out);

#endif
