/* rng.h: randomness (getrandom). Replaced at link time in the simulation. */
#ifndef SMMQ_IO_RNG_H
#define SMMQ_IO_RNG_H

#include <stddef.h>

void rng_bytes(void *out, size_t len);

#endif
