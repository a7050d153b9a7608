/* guard.h: doubts at start: is this store the one this host left, and is the clock the one it left? Each doubt closes a gate and says
 * so in one line; nothing is fired until the doubt is over.
 *
 * The store carries an instance: a random id, the host, the inode of its data file and the number of starts; a small file
 * "instance" beside it carries id and starts again. A copy has another inode or host, a restored older store an older
 * number; a copy made by smmq backup says itself that it is one, and trees that were put beside the log of a later state
 * are noticed when the store is opened. A snapshot of a whole machine takes file and inode along, and what tells one apart (its generation, its serial
 * number) is the superuser's to read: for that, what was due is doubted at every start (engine_restore.h), and ids jump
 * at a new boot. Whether the original of a copy still runs on this host tells a socket without a file, which cannot be
 * copied. The clock is compared with the boot clock: on the same boot both must have moved by the same amount; on
 * another boot time must not lie before the journal's end. */
#ifndef SMMQ_GUARD_H
#define SMMQ_GUARD_H

#include <stdint.h>

#include "daemon/turn.h"

#define GUARD_CLOCK_MS (5 * 60 * 1000)       /* a clock that is off by less is not doubted */

struct guard;

/* Reads the instance file and the clocks; store_doubts as store.h has them. 0, -ST_NO_MEMORY, -ST_IO. */
int guard_new(const char *state_directory, const char *store_file_id, unsigned store_doubts, struct guard **out);
void guard_free(struct guard *g);
/* The turn that compares, closes or opens gates, and binds the store to this instance. Must be submitted before anything else. */
int guard_start_turn(struct turn *t, void *guard);
/* After it: writes the instance file. 0 or -ST_IO. */
int guard_bind(struct guard *g);
/* The clock is trusted as it is now: after a step that was seen, and at the end. Input: a struct guard. */
int guard_clock_turn(struct turn *t, void *guard);
/* Fills the clocks anew for guard_clock_turn. */
void guard_read_clocks(struct guard *g);

#endif
