/* run_sim.c: one life of a daemon from one seed: posts come, platforms and disk fail, the process stops and starts; then it gets
 * quiet, and the books are compared. Exit 0 if nothing was lost and nothing doubled. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/log.h"
#include "tests/sim/sim_core.h"

static const struct option options[] = {
	{ "seed", required_argument, NULL, 's' }, { "seeds", required_argument, NULL, 'n' }, { "items", required_argument, NULL, 'i' },
	{ "accounts", required_argument, NULL, 'a' }, { "faults", required_argument, NULL, 'f' }, { "steps", required_argument, NULL, 'c' },
	{ "directory", required_argument, NULL, 'd' }, { "trace", no_argument, NULL, 't' }, { "verbose", no_argument, NULL, 'v' },
	{ "back", required_argument, NULL, 'b' }, { "minimum", required_argument, NULL, 'm' }, { "every-stop", no_argument, NULL, 'e' },
	{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
};
static const char usage[] =
	"usage: run_sim [--seed N] [--seeds COUNT] [--items M] [--accounts PER-PLATFORM] [--faults PERCENT] [--steps SECONDS]\n"
	"               [--back MINUTES] [--minimum CELL] [--directory DIR] [--trace] [--verbose] [--every-stop]\n"
	"Runs M posts through the core under faults, for COUNT seeds from N on. --steps: how far the wall clock steps at most.\n"
	"--every-stop: no chance at all; each seed is run again for every commit and every send, and stops just before it, or just after.\n"
	"--minimum: how often each cell of the table of coverage must be met.\n"
	"--back: now and then the store goes back by up to so much, as in a machine that is put back to a snapshot. Not with large\n"
	"--steps: what went out while the clock was ahead, and is not yet due when the store has gone back, cannot be told.\n";

/* away: in a life that will be forgotten; people do nothing then, for what they did would be forgotten too. */
struct life {
	struct core core; unsigned add_left; int64_t gap_us, step_us, back_us, known_ms; bool away; char snapshot_end[JOURNAL_CURSOR_MAX];
};

static void add_event(void *data)
{
	struct life *l = data;
	if (!l->away) {
		core_add(&l->core);
		l->add_left--;
	}
	if (l->add_left > 0)
		sim_at(sim_between(&sim.load, 0, 2 * l->gap_us), 0, add_event, NULL, l);
}

static void cancel_event(void *data)
{
	struct life *l = data;
	if (!l->away)
		core_cancel(&l->core);
	sim_at(sim_between(&sim.load, 0, 40 * l->gap_us), 0, cancel_event, NULL, l);
}

static void change_event(void *data)
{
	struct life *l = data;
	for (int i = 0; i < 4 && !l->away; i++)
		core_change(&l->core);
	sim_at(sim_between(&sim.load, 0, 2 * l->gap_us), 0, change_event, NULL, l);
}

static void gate_event(void *data)
{
	struct life *l = data;
	if (!l->away)
		core_gate(&l->core, !sim.quiet && sim_chance(&sim.load, 5000));
	sim_at(30 * MINUTE_US, 0, gate_event, NULL, l);
}

static void care_event(void *data)
{
	struct life *l = data;
	if (!l->away)
		core_care(&l->core);
	sim_at(20 * MINUTE_US, 0, care_event, NULL, l);
}

static void step_event(void *data)
{
	const struct life *l = data;
	if (!sim.quiet && l->step_us > 0)
		sim_clock_step(sim_between(&sim.load, -l->step_us, l->step_us) - sim.clock_off_us);
	sim_at(sim_between(&sim.load, 0, 2 * HOUR_US), 0, step_event, NULL, data);
}

static void boot_event(void *data)
{
	struct life *l = data;
	if (l->core.store != NULL)
		core_drop(&l->core);
	core_boot(&l->core);
}

/* Lets the world go on until a point in time; a stopped process is started again after a while. */
static void live(struct life *l, int64_t until_us)
{
	bool planned = false;
	while (sim_step(until_us)) {
		if (!sim.dead) {
			planned = false;
			core_pump(&l->core);
		}
		if (sim.dead && !planned) {
			planned = true;
			sim_at(sim_chance(&sim.faults, 9000) ? sim_between(&sim.faults, SECOND_US, MINUTE_US) : sim_between(&sim.faults, MINUTE_US, HOUR_US),
			       0, boot_event, NULL, l);
		}
	}
	sim.now_us = until_us;
}

static void remove_tree(const char *directory)
{
	char command[400];
	(void)snprintf(command, sizeof command, "rm -rf '%s'", directory);
	if (system(command) != 0)
		fprintf(stderr, "run_sim: cannot remove %s\n", directory);
}

/* ---- going back ---- */

static void copy_store(const struct life *l, const char *from, const char *to)
{
	/* Into the same files, as a disk that goes back: no number of a file or of a start tells. Without its log the store would not
	 * have gone back: what is in the newer one would come over it again. */
	static const char *const files[] = { "data.mdb", "wal.0", "wal.1" };
	char command[1000];
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		(void)snprintf(command, sizeof command, "cp --sparse=always '%.255s/%s/%s' '%.255s/%s/'", l->core.directory, from, files[i],
		               l->core.directory, to);
		if (system(command) != 0)
			core_die("snapshot", command);
	}
}

static void snapshot_event(void *data);

static void back_event(void *data)
{
	struct life *l = data;
	if (l->core.store != NULL)
		core_drop(&l->core);
	copy_store(l, "snapshot", "state");
	memcpy(l->core.back_to, l->snapshot_end, sizeof l->core.back_to);
	l->core.known_ms = l->known_ms;
	l->away = false;
	/* What was on its way has arrived when the machine is up again: live() starts it. */
	if (!sim.quiet)
		sim_at(sim_between(&sim.load, HOUR_US, 3 * HOUR_US), 0, snapshot_event, NULL, l);
}

static void snapshot_event(void *data)
{
	struct life *l = data;
	if (sim.dead || sim.quiet) {
		if (!sim.quiet)
			sim_at(MINUTE_US, 0, snapshot_event, NULL, l);
		return;
	}
	core_journal_end(&l->core, l->snapshot_end);
	core_drop(&l->core);
	(void)mkdir("snapshot", 0700);
	copy_store(l, "state", "snapshot");
	l->known_ms = l->core.known_ms;
	l->away = true;
	core_boot(&l->core);
	sim_at(sim_between(&sim.load, MINUTE_US, l->back_us), 0, back_event, NULL, l);
}

struct plan {
	enum sim_place stop_place; uint64_t stop_at;
	uint64_t seed; unsigned seeds, items, accounts, faults, steps, back, minimum; const char *directory; bool trace, every_stop;
};

static unsigned run(const struct plan *p, uint64_t seed)
{
	char directory[200];
	struct life l = { .add_left = p->items, .gap_us = 6 * HOUR_US / p->items, .step_us = p->steps * SECOND_US,
	                  .back_us = p->back * MINUTE_US };
	(void)snprintf(directory, sizeof directory, "%s/smmq-sim-XXXXXX", p->directory);
	if (mkdtemp(directory) == NULL) {
		perror(directory);
		return 1;
	}
	sim = (struct sim){ .daemon = { seed * 3 }, .faults = { seed * 3 + 1 }, .load = { seed * 3 + 2 }, .scale = p->faults, .trace = p->trace,
	                    .stop_place = p->stop_place, .stop_at = p->stop_at };
	sim_host_count = 0;
	/* Paths stand in the journal: they must not tell one run from another. */
	if (chdir(directory) < 0)
		core_die(directory, "cannot work in it");
	core_make(&l.core, "/proc/self/cwd", p->accounts, p->items);
	l.core.steps = p->steps > 60;
	core_boot(&l.core);
	sim_at(0, 0, add_event, NULL, &l);
	sim_at(MINUTE_US, 0, cancel_event, NULL, &l);
	sim_at(MINUTE_US, 0, change_event, NULL, &l);
	sim_at(MINUTE_US, 0, gate_event, NULL, &l);
	sim_at(MINUTE_US, 0, care_event, NULL, &l);
	sim_at(MINUTE_US, 0, step_event, NULL, &l);
	if (l.back_us > 0)
		sim_at(30 * MINUTE_US, 0, snapshot_event, NULL, &l);
	live(&l, 14 * HOUR_US);
	sim.quiet = true;
	live(&l, 60 * HOUR_US);
	printf("seed %llu: %u posts, %llu starts\n", (unsigned long long)seed, p->items, (unsigned long long)l.core.boots);
	unsigned faults = sim.dead ? 1 : core_check(&l.core);
	if (sim.dead)
		printf("the process did not stay up\n");
	core_drop(&l.core);
	core_free(&l.core);
	sim_events_free();
	sim_seen_free();
	for (size_t i = 0; i < sim_host_count; i++)
		platform_free(&sim_hosts[i]);
	if (chdir("/") == 0)
		remove_tree(directory);
	return faults;
}

static const char *const place_names[PLACE__COUNT] = { "nowhere", "before a commit", "after a commit", "before a send", "after a send" };

/* One life without a fault tells how many commits and sends there are; each of them then is where the process stops. */
static unsigned run_every_stop(const struct plan *plan, uint64_t seed)
{
	struct plan p = *plan;
	p.faults = p.steps = 0;
	unsigned faults = run(&p, seed), lives = 0;
	uint64_t commits = sim.commits, sends = sim.sends;
	for (int place = PLACE_BEFORE_COMMIT; place < PLACE__COUNT; place++)
		for (p.stop_at = 1; p.stop_at <= (place < PLACE_BEFORE_SEND ? commits : sends); p.stop_at++) {
			p.stop_place = (enum sim_place)place;
			unsigned found = run(&p, seed) + !sim.stopped;
			if (found > 0)
				printf("STOP %s %llu: %s\n", place_names[place], (unsigned long long)p.stop_at, sim.stopped ? "faults, see above" : "it did not stop");
			faults += found;
			lives++;
		}
	printf("every stop of seed %llu: %llu commits and %llu sends, %u lives that stopped before or after one, %u faults\n",
	       (unsigned long long)seed, (unsigned long long)commits, (unsigned long long)sends, lives, faults);
	return faults;
}

/* Without options: the same seed again, which must give the same journal; a few posts with a stop at every commit and every send; and
 * once with a store that goes back. */
static unsigned run_as_test(struct plan *p)
{
	char first[CORE_HASH_SIZE];
	(void)snprintf(first, sizeof first, "%s", core_journal_hash());
	unsigned faults = run(p, p->seed + p->seeds - 1);
	if (strcmp(first, core_journal_hash()) != 0) {
		printf("SEED the same one gave another journal\n");
		faults++;
	}
	struct plan few = *p;
	few.items = 5;
	few.accounts = 1;
	faults += run_every_stop(&few, p->seed);
	p->steps = 20;
	faults += run(p, p->seed + 1) + run(p, p->seed + 2);
	p->back = 90;
	for (uint64_t seed = 2; seed < 8; seed++)
		faults += run(p, seed);
	return faults;
}

static unsigned number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);
	if (*text == '\0' || *end != '\0' || n > 100000000) {
		fputs(usage, stderr);
		exit(64);
	}
	return (unsigned)n;
}

int main(int argc, char **argv)
{
	struct plan p = { .seed = 1, .seeds = 1, .items = 300, .accounts = 2, .faults = 100, .steps = 7200, .directory = "/tmp" };
	enum log_level level = LOG_LEVEL_ERR - 1;
	if (access("/dev/shm", W_OK) == 0)
		p.directory = "/dev/shm";
	for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (o) {
		case 's': p.seed = number(optarg); break;
		case 'n': p.seeds = number(optarg); break;
		case 'i': p.items = number(optarg); break;
		case 'a': p.accounts = number(optarg); break;
		case 'f': p.faults = number(optarg); break;
		case 'b': p.back = number(optarg); break;
		case 'c': p.steps = number(optarg); break;
		case 'm': p.minimum = number(optarg); break;
		case 'd': p.directory = optarg; break;
		case 'e': p.every_stop = true; break;
		case 't': p.trace = true; break;
		case 'v': level = LOG_LEVEL_INFO; break;
		case 'h': fputs(usage, stdout); return 0;
		default: fputs(usage, stderr); return 64;
		}
	}
	if (p.items == 0 || p.accounts == 0 || p.accounts * KIND__COUNT > SIM_MAX_HOSTS) {
		fputs(usage, stderr);
		return 64;
	}
	log_setup(level);
	unsigned faults = 0;
	for (unsigned i = 0; i < p.seeds; i++)
		faults += p.every_stop ? run_every_stop(&p, p.seed + i) : run(&p, p.seed + i);
	if (argc == 1)
		faults += run_as_test(&p);
	faults += sim_coverage(p.minimum);
	sim_stops();
	printf("%u faults found\n", faults);
	return faults == 0 ? 0 : 1;
}
