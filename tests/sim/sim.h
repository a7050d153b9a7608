/* sim.h: a world for the core: virtual time, chance from a seed, platforms in memory, and a process that can stop at every
 * commit and at every send.
 *
 * Everything runs in one thread, from one queue of events: store and turns are the real ones, io/{clock,rng,timer,http,file} are
 * replaced at link time (sim_world.c, sim_io.c), and kv_commit is wrapped (-Wl,--wrap=kv_commit). The same seed gives the same journal, byte for byte. Platforms (sim_platform.c,
 * sim_bluesky.c) outlive the process and count what the public can see. */
#ifndef SMMQ_TESTS_SIM_H
#define SMMQ_TESTS_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/buf.h"

#define SIM_EPOCH_MS INT64_C(1893456000000)      /* 2030-01-01T00:00:00Z */
#define SECOND_US INT64_C(1000000)
#define MINUTE_US (60 * SECOND_US)
#define HOUR_US (60 * MINUTE_US)
#define SIM_MAX_PARTS 4
#define SIM_MAX_HOSTS 32

/* ---- chance ---- */
struct sim_rng { uint64_t state; };
uint64_t sim_next(struct sim_rng *r);
uint64_t sim_below(struct sim_rng *r, uint64_t bound);
int64_t sim_between(struct sim_rng *r, int64_t low, int64_t high);
bool sim_chance(struct sim_rng *r, unsigned per_10000);

/* ---- the world ---- */
/* Where a run is to stop its process once, on purpose. */
enum sim_place { PLACE_NONE, PLACE_BEFORE_COMMIT, PLACE_AFTER_COMMIT, PLACE_BEFORE_SEND, PLACE_AFTER_SEND, PLACE__COUNT };

struct sim {
	int64_t now_us;                  /* true time since the epoch of the world; never steps */
	int64_t clock_off_us;            /* how wrong the host's wall clock is */
	struct sim_rng daemon, faults, load;
	uint64_t generation;             /* of the process: what belongs to a dead one is dropped */
	bool dead;                       /* the process has stopped; nothing leaves it any more */
	bool quiet;                      /* no more faults: everything is to settle */
	unsigned scale;                  /* how often faults come, in percent of the usual */
	bool trace;
	uint64_t commits, sends;         /* of this run so far, of processes that live */
	enum sim_place stop_place;
	uint64_t stop_at;                /* which commit or send, from 1 on */
	bool stopped;                    /* it did */
};
extern struct sim sim;

/* An event of the world (generation 0) or of one process. run or drop is called, once. */
void sim_at(int64_t delay_us, uint64_t generation, void (*run)(void *data), void (*drop)(void *data), void *data);
/* The next thing happens: an event or the alarm. False when nothing is left before until_us. */
bool sim_step(int64_t until_us);
void sim_events_free(void);
int64_t sim_wall_ms(void);
/* Moves the host's wall clock; the process is told as by the kernel. */
void sim_clock_step(int64_t by_us);

/* ---- faults of one exchange ---- */
enum sim_fault {
	FAULT_NONE, FAULT_REFUSED, FAULT_LOST_BEFORE, FAULT_LOST_AFTER, FAULT_LATE, FAULT_5XX_BEFORE, FAULT_5XX_AFTER, FAULT_429,
	FAULT_401, FAULT_SLOW, FAULT_GARBAGE, FAULT_STOP_BEFORE, FAULT_STOP_AFTER, FAULT__COUNT
};
extern const char *const sim_fault_names[FAULT__COUNT];

/* ---- platforms ---- */
enum sim_kind { KIND_MASTODON, KIND_PLAIN /* a Mastodon that forgets idempotency keys */, KIND_BLUESKY, KIND_WEBHOOK, KIND_OUTBOX, KIND__COUNT };
extern const char *const sim_kind_names[KIND__COUNT];

struct sim_request { const char *method, *path, *body; size_t body_len; const char *key; };
struct sim_answer { int status; struct buf body; char retry_after[16]; };

struct host { enum sim_kind kind; char name[32]; void *state; };
extern struct host sim_hosts[SIM_MAX_HOSTS];
extern size_t sim_host_count;
struct host *sim_host_find(const char *url);

/* What the server does with a request that reached it. now_ms is the server's own clock, which is right. */
void platform_answer(struct host *h, const struct sim_request *r, int64_t now_ms, struct sim_answer *out);
void bluesky_answer(struct host *h, const struct sim_request *r, struct sim_answer *out);
void platform_refuse(struct host *h, enum sim_fault fault, struct sim_answer *out);
void platform_file(struct host *h, const char *name, const char *data, size_t len);
void platform_free(struct host *h);
void bluesky_free(struct host *h);

/* Texts carry the mark "post-<number>-<part>."; each time the public could see another post with it is counted. */
void sim_show(struct host *h, const char *text);
unsigned sim_seen(const struct host *h, uint64_t number, size_t part);
/* The number in a text, its part in *part; 0 where there is no mark. */
uint64_t sim_mark(const char *text, size_t *part);
/* That an exchange about this post was hit by a request which arrives long after its sender gave up. */
void sim_note_late(struct host *h, const char *text);
bool sim_was_late(const struct host *h, uint64_t number);
void sim_stops(void);
/* sim_cover.c: what was met: an exchange of a driver's step with a fault; the table of it. minimum: how often each cell that can be
 * met must have been. The number of cells that were not. */
void sim_cover(enum sim_kind kind, const char *step, enum sim_fault fault);
unsigned sim_coverage(unsigned minimum);
void sim_seen_free(void);

#endif
