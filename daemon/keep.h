/* keep.h: what is kept how long: ended posts and the journal for Retention=, idempotency keys for KeyRetention=. Removal goes in
 * small steps, one turn each, planned in the periodic index; a pass over everything a day. */
#ifndef SMMQ_KEEP_H
#define SMMQ_KEEP_H

#include "daemon/turn.h"

/* Part of the first turn: plans the first step. */
int keep_start_turn(struct turn *t);
/* One step; plans the next. payload: what the step before left. */
int keep_step_turn(struct turn *t, const struct kv_slice *payload);

#endif
