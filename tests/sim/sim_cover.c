/* sim_cover.c: fault x step x driver: how often each was met. The steps are those that the drivers have named in their requests, less
 * the part's number; a step that is not listed here, or never came, is a fault of this table. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <string.h>

static const struct cell_row { enum sim_kind kind; const char *step; bool rare; } rows[] = {
	{ KIND_MASTODON, "who", false }, { KIND_MASTODON, "app", false }, { KIND_MASTODON, "limits", false }, { KIND_MASTODON, "before", false },
	{ KIND_MASTODON, "status", false }, { KIND_MASTODON, "find", false }, { KIND_MASTODON, "source", false },
	{ KIND_PLAIN, "who", false }, { KIND_PLAIN, "app", false }, { KIND_PLAIN, "limits", false }, { KIND_PLAIN, "before", false },
	{ KIND_PLAIN, "status", false }, { KIND_PLAIN, "find", false }, { KIND_PLAIN, "source", false },
	{ KIND_BLUESKY, "create", false }, { KIND_BLUESKY, "refresh", false }, { KIND_BLUESKY, "post", false }, { KIND_BLUESKY, "look", false }, { KIND_BLUESKY, "list", false }, { KIND_BLUESKY, "exists", true },
	{ KIND_WEBHOOK, "post", false }, { KIND_OUTBOX, "write", false },
};
#define ROWS (sizeof rows / sizeof *rows)

/* What cannot be met, and why. A step of NULL: any. */
static const struct { enum sim_kind kind; enum sim_fault fault; const char *why; } never[] = {
	{ KIND_PLAIN, FAULT_LATE, "a server without memory of keys is one whose requests do not arrive minutes late" },
	{ KIND_OUTBOX, FAULT_REFUSED, "a file has no connection" }, { KIND_OUTBOX, FAULT_LATE, "a file has no connection" },
	{ KIND_OUTBOX, FAULT_429, "a directory knows no limits" }, { KIND_OUTBOX, FAULT_401, "a directory asks for no token" },
	{ KIND_OUTBOX, FAULT_GARBAGE, "a directory does not answer in words" },
};

static uint64_t met[ROWS][FAULT__COUNT];
static unsigned strange;

void sim_cover(enum sim_kind kind, const char *step, enum sim_fault fault)
{
	size_t len = strcspn(step, ".");
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].kind == kind && strlen(rows[i].step) == len && strncmp(rows[i].step, step, len) == 0) {
			met[i][fault]++;
			return;
		}
	if (strange++ < 10)
		printf("COVERAGE has no row for %s %s\n", sim_kind_names[kind], step);
}

static const char *why_never(enum sim_kind kind, enum sim_fault fault)
{
	for (size_t i = 0; i < sizeof never / sizeof *never; i++)
		if (never[i].kind == kind && never[i].fault == fault)
			return never[i].why;
	return NULL;
}

unsigned sim_coverage(unsigned minimum)
{
	unsigned few = strange;
	uint64_t least = UINT64_MAX;
	printf("exchanges by fault, driver and step (- cannot be):\n%-18s", "");
	for (int f = 0; f < FAULT__COUNT; f++)
		printf(" %11s", sim_fault_names[f]);
	printf("\n");
	for (size_t i = 0; i < ROWS; i++) {
		char name[40];
		(void)snprintf(name, sizeof name, "%s %s", sim_kind_names[rows[i].kind], rows[i].step);
		printf("%-18s", name);
		for (int f = 0; f < FAULT__COUNT; f++) {
			if (why_never(rows[i].kind, (enum sim_fault)f) != NULL) {
				printf(" %11s", "-");
				continue;
			}
			printf(" %11llu", (unsigned long long)met[i][f]);
			/* A put that met its own twin: too rare for a minimum. */
			if (rows[i].rare)
				continue;
			least = met[i][f] < least ? met[i][f] : least;
			few += met[i][f] < minimum;
		}
		printf("\n");
	}
	for (size_t i = 0; i < sizeof never / sizeof *never; i++)
		printf("- %s, %s: %s\n", sim_kind_names[never[i].kind], sim_fault_names[never[i].fault], never[i].why);
	printf("every cell that can be met: at least %llu\n", (unsigned long long)least);
	return few;
}
