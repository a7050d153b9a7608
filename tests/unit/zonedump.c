/* zonedump.c: prints what caltime.h says about zones, for comparison with another implementation
 * (tests/cli/zones.py).
 *
 * Lines "ZONE SECONDS" give "OFFSET WALL"; lines "ZONE WALL" give "SECONDS NOTE" (0 plain, 1 skipped, 2 twice); what
 * cannot be answered gives "-". */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/model/caltime.h"

static void answer(const char *zone, const char *word)
{
	struct wall w;
	char buf[64];
	int64_t at_ms;
	enum caltime_note note;
	int offset;

	if (caltime_wall_parse(word, &w) == 0) {
		if (caltime_to_instant(&w, zone, &at_ms, &note) == 0)
			printf("%" PRId64 " %d\n", at_ms / 1000, (int)note);
		else
			puts("-");
	} else if (caltime_to_wall(strtoll(word, NULL, 10) * 1000, zone, &w, &offset) == 0) {
		printf("%d %s\n", offset, caltime_wall_format(&w, buf, sizeof(buf)));
	} else {
		puts("-");
	}
}

int main(void)
{
	char line[256], *zone, *word, *save;

	while (fgets(line, sizeof(line), stdin) != NULL) {
		zone = strtok_r(line, " \n", &save);
		word = strtok_r(NULL, " \n", &save);
		if (zone == NULL || word == NULL)
			return 1;
		answer(zone, word);
	}
	return 0;
}
