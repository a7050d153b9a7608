/* fuzz_caltime.c: time expressions and zone names from anywhere. Input: three lines, "EXPRESSION", "ZONE", "NOW in
 * ms". */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/model/caltime.h"

#define NOW_MS INT64_C(1795267800000)      /* where the input names no time */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, const char *zone, int64_t now_ms)
{
	struct caltime_want want;
	struct wall w;
	char buf[64];
	const char *why;

	for (int past = CALTIME_PAST_REFUSE; past <= CALTIME_PAST_TOMORROW; past++) {
		if (caltime_parse(text, zone, now_ms, (enum caltime_past)past, &want, &why) != 0) {
			if (why == NULL)
				abort();
			continue;
		}
		if (want.due_ms < now_ms || caltime_zone_check(want.zone) != 0)
			abort();
		if (want.has_wall) {
			int64_t again;

			if (caltime_to_instant(&want.wall, want.zone, &again, NULL) != 0 || again != want.due_ms)
				abort();
		}
		caltime_format(want.due_ms, want.zone, buf, sizeof(buf));
	}
	if (caltime_wall_parse(text, &w) == 0 && strcmp(caltime_wall_format(&w, buf, sizeof(buf)), text) != 0)
		abort();
	if (caltime_to_wall(now_ms, zone, &w, NULL) == 0)
		caltime_format(now_ms, zone, buf, sizeof(buf));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[512], *zone, *now;

	if (size >= sizeof(text))
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	zone = strchr(text, '\n');
	if (zone != NULL)
		*zone++ = '\0';
	now = zone != NULL ? strchr(zone, '\n') : NULL;
	if (now != NULL)
		*now++ = '\0';
	check(text, zone != NULL ? zone : "Europe/Paris", now != NULL ? strtoll(now, NULL, 10) : NOW_MS);
	return 0;
}
