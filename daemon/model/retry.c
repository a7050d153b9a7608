/* retry.c: the doubling stops at the maximum, so that no number of tries overflows. */
#include "daemon/model/retry.h"

#define FIRST_MS INT64_C(15000)
#define MAX_MS INT64_C(3600000)

int64_t retry_delay_ms(uint64_t tries, uint64_t random)
{
	int64_t delay = FIRST_MS;
	for (uint64_t i = 1; i < tries && delay < MAX_MS; i++)
		delay *= 2;
	if (delay > MAX_MS)
		delay = MAX_MS;
	int64_t half = delay / 2;
	return half + (int64_t)(random % (uint64_t)(delay - half + 1));
}
