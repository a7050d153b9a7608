/* sim_world.c: time and chance: the queue of events, and io's clock, randomness and alarm as the simulation builds them. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/io/clock.h"
#include "daemon/io/rng.h"
#include "daemon/io/timer.h"
#include "proto/status.h"

struct event { int64_t at_us; uint64_t seq, generation; void (*run)(void *); void (*drop)(void *); void *data; };

struct sim sim;
static struct event *heap;
static size_t heap_count, heap_cap;
static uint64_t event_seq;

/* ---- chance: splitmix64 ---- */

uint64_t sim_next(struct sim_rng *r)
{
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t sim_below(struct sim_rng *r, uint64_t bound)
{
	return sim_next(r) % bound;
}

int64_t sim_between(struct sim_rng *r, int64_t low, int64_t high)
{
	return low + (int64_t)sim_below(r, (uint64_t)(high - low + 1));
}

bool sim_chance(struct sim_rng *r, unsigned per_10000)
{
	return sim_below(r, 10000) < per_10000;
}

void rng_bytes(void *out, size_t len)
{
	unsigned char *p = out;
	for (size_t i = 0; i < len; i++)
		p[i] = (unsigned char)sim_next(&sim.daemon);
}

/* ---- events ---- */

static bool event_before(const struct event *a, const struct event *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->seq < b->seq;
}

void sim_at(int64_t delay_us, uint64_t generation, void (*run)(void *data), void (*drop)(void *data), void *data)
{
	if (heap_count == heap_cap) {
		heap_cap = heap_cap == 0 ? 256 : heap_cap * 2;
		heap = realloc(heap, heap_cap * sizeof *heap);
		if (heap == NULL)
			abort();
	}
	struct event e = { sim.now_us + delay_us, ++event_seq, generation, run, drop, data };
	size_t at = heap_count++;
	while (at > 0 && event_before(&e, &heap[(at - 1) / 2])) {
		heap[at] = heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap[at] = e;
}

static struct event event_take(void)
{
	struct event first = heap[0], last = heap[--heap_count];
	size_t at = 0;
	for (;;) {
		size_t child = 2 * at + 1;
		if (child >= heap_count)
			break;
		if (child + 1 < heap_count && event_before(&heap[child + 1], &heap[child]))
			child++;
		if (!event_before(&heap[child], &last))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = last;
	return first;
}

static void event_drop(const struct event *e)
{
	if (e->drop != NULL)
		e->drop(e->data);
}

void sim_events_free(void)
{
	while (heap_count > 0) {
		struct event e = event_take();
		event_drop(&e);
	}
	free(heap);
	heap = NULL;
	heap_cap = 0;
}

/* ---- clock and alarm ---- */

struct timer { int64_t time_ms; void (*cb)(void *ctx, bool stepped); void *ctx; };

static struct timer *alarm_clock;

int64_t sim_wall_ms(void)
{
	return clock_now_ms();
}

int64_t clock_now_us(void)
{
	return SIM_EPOCH_MS * 1000 + sim.now_us + sim.clock_off_us;
}

int64_t clock_now_ms(void)
{
	return clock_now_us() / 1000;
}

int64_t clock_boot_ms(void)
{
	return sim.now_us / 1000;
}

void clock_boot_id(char *buf, size_t size)
{
	(void)snprintf(buf, size, "boot");
}

void clock_host_id(char *buf, size_t size)
{
	(void)snprintf(buf, size, "host");
}

int timer_new(struct loop *l, void (*cb)(void *ctx, bool stepped), void *ctx, struct timer **out)
{
	(void)l;
	struct timer *t = calloc(1, sizeof *t);
	if (t == NULL)
		return -ST_NO_MEMORY;
	*t = (struct timer){ .time_ms = INT64_MAX, .cb = cb, .ctx = ctx };
	alarm_clock = *out = t;
	return 0;
}

int timer_set(struct timer *t, int64_t time_ms)
{
	t->time_ms = time_ms;
	return 0;
}

void timer_free(struct timer *t)
{
	if (alarm_clock == t)
		alarm_clock = NULL;
	free(t);
}

void sim_clock_step(int64_t by_us)
{
	sim.clock_off_us += by_us;
	if (alarm_clock != NULL && !sim.dead)
		alarm_clock->cb(alarm_clock->ctx, true);
}

/* When the alarm rings, in true time. */
static int64_t alarm_us(void)
{
	if (alarm_clock == NULL || sim.dead || alarm_clock->time_ms == INT64_MAX)
		return INT64_MAX;
	int64_t at_us = (alarm_clock->time_ms - SIM_EPOCH_MS) * 1000 - sim.clock_off_us;
	return at_us < sim.now_us ? sim.now_us : at_us;
}

bool sim_step(int64_t until_us)
{
	int64_t ring_us = alarm_us();
	if (heap_count > 0 && heap[0].at_us <= ring_us) {
		if (heap[0].at_us > until_us)
			return false;
		struct event e = event_take();
		sim.now_us = e.at_us;
		if (e.generation != 0 && (sim.dead || e.generation != sim.generation))
			event_drop(&e);
		else
			e.run(e.data);
		return true;
	}
	if (ring_us > until_us)
		return false;
	sim.now_us = ring_us;
	alarm_clock->time_ms = INT64_MAX;
	alarm_clock->cb(alarm_clock->ctx, false);
	return true;
}
