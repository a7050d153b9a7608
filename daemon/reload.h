/* reload.h: a new configuration: read as a whole, checked against what is queued, then taken over, or nothing changes. */
#ifndef SMMQ_RELOAD_H
#define SMMQ_RELOAD_H

#include "daemon/conf.h"
#include "daemon/turn.h"

/* Reads the files that old came from; on success take(take_ctx, conf) and then done(done_ctx, number of accounts, NULL), otherwise
 * done(done_ctx, status, text). Later, or at once. Loop thread. */
void reload_start(struct turns *turns, const struct conf *old, void (*take)(void *ctx, const struct conf *conf), void *take_ctx,
                  void (*done)(void *ctx, int status, const char *text), void *done_ctx);

/* Part of the first turn: accounts with items that are no longer configured are paused with that reason, those that are back or
 * have another credential go on. */
int reload_accounts_turn(struct turn *t);

#endif
