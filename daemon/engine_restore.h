/* engine_restore.h: a store that may have gone back behind what was published.
 *
 * A store that was restored from a copy, or went back with its whole machine, holds targets as queued that stand on their
 * platform already. Whether it did cannot always be seen: a snapshot takes everything along that could tell. So the rule
 * does not depend on seeing it: what was due before the daemon started is looked for once before it is sent, on
 * platforms that can be asked. It goes to state unknown with an attempt "unrecorded" (plat/plat.h) and the looks that
 * settle lost answers settle it: found, not there, or undecided, which a person resolves. What falls due after the start
 * pays nothing, unless the wall clock jumps ahead, as it does where a machine goes on from a snapshot; platforms that
 * cannot be asked pay nothing either: a webhook gets the same key as before, a file in an
 * outbox the same name.
 *
 * Where the store is known to have gone back, the gate "restored" stays closed meanwhile, and opens by itself once
 * everything in doubt was found or shown to be absent. All functions here are for turns. */
#ifndef SMMQ_ENGINE_RESTORE_H
#define SMMQ_ENGINE_RESTORE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/turn.h"

#define RESTORE_ID_SKIP 1000000          /* ids that the life after a copy may have handed out */
#define RESTORE_ID_SKIP_BOOT 10000       /* the same where nothing but the boot is new */

/* At every start, before anything is fired: what is due by now may have been published since floor_ms, the last instant that
 * the store knows of. */
int restore_begin(struct turn *t, int64_t floor_ms);
/* 1: what was tried at armed_ms was so before the start, and may have gone on in a run that the store does not know of; 0, or a status. */
int restore_in_doubt(struct turn *t, int64_t armed_ms);
/* The store is known to have gone back, or to be a copy: closes the gate, lets ids jump, and plans the steps that open it again.
 * alone: nobody else works on the other one, as far as can be seen; else a person opens the gate. */
int restore_close(struct turn *t, const char *why, bool alone);

#endif
