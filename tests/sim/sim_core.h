/* sim_core.h: the process under test and its operators. */
#ifndef SMMQ_TESTS_SIM_CORE_H
#define SMMQ_TESTS_SIM_CORE_H

#include "daemon/conf.h"
#include "daemon/engine.h"
#include "daemon/store/store.h"
#include "daemon/turn.h"
#include "tests/sim/sim.h"

#define CORE_MAX_TARGETS 3

/* One post as its owner knows it. */
struct item {
	uint64_t number, id;             /* id: 0 until it was acknowledged */
	size_t parts, targets;
	const struct host *hosts[CORE_MAX_TARGETS];
	uint64_t shown_when_cancelled[CORE_MAX_TARGETS];
	bool cancelled[CORE_MAX_TARGETS];       /* "cancelled" was answered */
};

struct core {
	char directory[256], conf_file[300];
	const struct conf *conf;
	struct store *store;
	struct turns *turns;
	struct engine *engine;
	struct item *items;
	size_t item_count, item_max;
	bool steps;                      /* the clock is set so far that lateness means nothing */
	uint64_t boots;
	char back_to[JOURNAL_CURSOR_MAX];        /* not "": the journal's end that the store has gone back to, for the next start to check */
	int64_t known_ms;                /* when the journal last grew, by the clock of the process */
};

/* Writes the configuration: per_kind accounts of each platform. */
void core_make(struct core *c, const char *directory, unsigned per_kind, size_t items);
/* Starts the process, recovery included. Exits the program with a message where the store cannot be opened. */
void core_boot(struct core *c);
/* Lets go of everything the process had in memory, as a stop does. */
void core_drop(struct core *c);
void core_free(struct core *c);
void core_journal_end(struct core *c, char cursor[JOURNAL_CURSOR_MAX]);
void core_die(const char *what, const char *why) __attribute__((noreturn));
/* What waits is run and released. */
void core_pump(struct core *c);

/* People. Each is a turn; where the process has stopped it comes to nothing. */
void core_add(struct core *c);           /* the next post, made up by sim.load */
void core_cancel(struct core *c);        /* one of them */
void core_change(struct core *c);        /* edits one, or resolves an unknown one */
void core_gate(struct core *c, bool close);
void core_care(struct core *c);          /* resumes paused accounts, retries what failed */

/* The last hash of the journal's chain, as core_check found it. */
#define CORE_HASH_SIZE 65
const char *core_journal_hash(void);

/* Compares store, platforms and what was acknowledged. The number of faults found; each is printed. */
unsigned core_check(struct core *c);

#endif
