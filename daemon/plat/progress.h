/* progress.h: what takes a platform more than one exchange: files that go up in chunks, and work that is polled for.
 * All of it is kept in the target's values, so that it goes on after a restart where it stood. Private to plat/. */
#ifndef SMMQ_PLAT_PROGRESS_H
#define SMMQ_PLAT_PROGRESS_H

#include "daemon/plat/plat.h"

/* ---- chunks ---- */

struct chunk {
	uint64_t index;             /* 0, 1, ... */
	uint64_t offset, len;       /* bytes of the file */
	bool last;
};

/* The next chunk of file k, from the value "at.K" (bytes that arrived): false when all have. Every chunk but the last
 * has chunk_bytes (> 0); index counts such chunks. */
bool chunk_next(const struct plat_in *in, size_t k, uint64_t total, uint64_t chunk_bytes, struct chunk *out);
/* The same where no chunk may be short: what is left over goes with the last one. */
bool chunk_next_full(const struct plat_in *in, size_t k, uint64_t total, uint64_t chunk_bytes, struct chunk *out);
/* The bytes before `at` have arrived. */
void chunk_arrived(const struct plat_in *in, size_t k, uint64_t at);
void chunk_forget(const struct plat_in *in, size_t k);
/* The body of r: this chunk of the file. */
void chunk_body(struct plat_request *r, const struct media *m, const struct chunk *c);

/* ---- polls ---- */

/* first_ms after the work began, then every fast_ms until fast_for_ms have passed, then every slow_ms; at give_up_ms
 * it has failed. */
struct poll_plan { int64_t first_ms, fast_ms, fast_for_ms, slow_ms, give_up_ms; };

/* The work of this name and index begins now; waits for the first look. */
void poll_begin(const struct plat_in *in, struct plat_out *out, const struct poll_plan *plan, const char *name, size_t k);
/* Not ready: waits for the next look (no earlier than at_least_ms from now, 0 = as planned); or, when it took too long,
 * forgets the name and returns false. */
bool poll_again(const struct plat_in *in, struct plat_out *out, const struct poll_plan *plan, const char *name, size_t k,
                int64_t at_least_ms);
/* Whether this work has begun and was not ended. */
bool poll_under_way(const struct plat_in *in, const char *name, size_t k);
void poll_end(const struct plat_in *in, const char *name, size_t k);

/* ---- faults ---- */

/* Counts a fault under this name; true when it was one too many (max, then it counts anew). */
bool fault_count(const struct plat_in *in, const char *name, int64_t max);

#endif
