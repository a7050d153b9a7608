/* exchange_play.h: the state of one play of a script. Private to tests/plat/exchange*.c. */
#ifndef SMMQ_TESTS_PLAT_EXCHANGE_PLAY_H
#define SMMQ_TESTS_PLAT_EXCHANGE_PLAY_H

#include "tests/plat/exchange.h"

enum mode { MODE_STEP, MODE_RECONCILE, MODE_SESSION };

struct run {
	struct script *s;
	size_t at;                        /* the next event */
	struct bindings bound;
	int64_t now_ms;
	enum mode mode, back;             /* back: where a session was asked for */
	struct arena *memory;             /* of the last call; values and out live there */
	struct plat_values account, target;
	struct plat_out out;
	struct attempt attempt;
	uint64_t attempts;
	struct plat_response response;
	char *response_step;
	bool has_response, restarted, failed, over;
	unsigned calls;
	int requests, restart_at;
};

/* Says what is wrong, once, with the line of the script. */
void exchange_wrong(struct run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Calls the driver as the mode says; r->out is the answer, r->account and r->target the values after it. */
void exchange_call(struct run *r);

#endif
