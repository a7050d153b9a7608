/* retry.h: when to try again. Exponential backoff with "equal jitter": half fixed, half random, so that retries of
 * many items spread and none comes at once. */
#ifndef SMMQ_MODEL_RETRY_H
#define SMMQ_MODEL_RETRY_H

#include <stdint.h>

/* Delay in ms after the tries-th failure in a row (1, 2, ...): base 15 s doubled each time, at most 1 h, random in
 * [d/2, d]. random is any 64 random bits. */
int64_t retry_delay_ms(uint64_t tries, uint64_t random);

#endif
