/* engine.c: who may start when: lanes, the alarm, draining, recovery. */
#include "daemon/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine_priv.h"
#include "daemon/io/clock.h"
#include "daemon/io/rng.h"
#include "daemon/io/timer.h"
#include "daemon/log.h"
#include "proto/status.h"
#include "proto/unit.h"

#define COMPLAIN_MS (60 * 1000)

/* ---- lanes ---- */

struct lane *lane_find(struct engine *e, uint64_t no)
{
	for (size_t i = 0; i < e->lane_count; i++)
		if (e->lanes[i].no == no)
			return &e->lanes[i];
	return NULL;
}

struct lane *lane_make(struct engine *e, uint64_t no)
{
	struct lane *l = lane_find(e, no);
	if (l != NULL)
		return l;
	if (e->lane_count == e->lane_cap) {
		size_t cap = e->lane_cap == 0 ? 16 : e->lane_cap * 2;
		struct lane *grown = cap > 64 * CONF_MAX_ACCOUNTS ? NULL : realloc(e->lanes, cap * sizeof *grown);
		if (grown == NULL)
			return NULL;
		e->lanes = grown;
		e->lane_cap = cap;
	}
	l = &e->lanes[e->lane_count++];
	*l = (struct lane){ .no = no, .parallel = 1, .look_ms = INT64_MAX, .pace_ms = INT64_MAX };
	return l;
}

void engine_due(struct engine *e, uint64_t account_no, int64_t due_ms)
{
	if (account_no == 0) {
		for (size_t i = 0; i < e->lane_count; i++)
			engine_due(e, e->lanes[i].no, due_ms);
		return;
	}
	struct lane *l = lane_make(e, account_no);
	if (l == NULL)
		return;
	if (due_ms != INT64_MAX && due_ms - ENGINE_ARM_MS < l->look_ms)
		l->look_ms = due_ms - ENGINE_ARM_MS;
	l->touched = true;
	/* Everything before `from` was looked at and is gated. What is new there makes the scan begin again. */
	if (due_ms <= l->from.due_ms) {
		l->from = (struct store_ref){ 0 };
		l->pace_ms = INT64_MAX;
	}
}

void engine_periodic(struct engine *e, int64_t due_ms)
{
	if (due_ms < e->periodic_ms)
		e->periodic_ms = due_ms;
}

/* ---- firing ---- */

static void fire_done(void *data)
{
	const struct fire_input *in = data;
	struct engine *e = in->engine;
	struct lane *l = lane_find(e, in->account_no);
	e->reserved -= in->slots;
	if (l == NULL)
		return;
	l->firing = false;
	l->parallel = in->parallel;
	memcpy(l->name, in->name, sizeof l->name);
	if (l->touched) {
		/* Something came while the turn ran, which may stand anywhere: look again. */
		l->from = (struct store_ref){ 0 };
		l->pace_ms = INT64_MAX;
		l->look_ms = in->next_ms < l->look_ms ? in->next_ms : l->look_ms;
	} else {
		l->from = in->cut;
		l->pace_ms = in->pace_ms;
		l->look_ms = in->next_ms;
	}
	if (in->needs_session && !run_session_start(e, l))
		l->look_ms = clock_now_ms() + ENGINE_RETRY_TURN_MS;
}

static int fire_run(struct turn *t, void *input)
{
	int rc = engine_fire_turn(t, input);
	if (rc == 0)
		turn_effect(t, fire_done, NULL, input);
	return rc;
}

void engine_complain(struct engine *e, const char *what, int status)
{
	int64_t now_ms = clock_now_ms();
	if (e->told_ms != 0 && now_ms >= e->told_ms && now_ms - e->told_ms < COMPLAIN_MS)
		return;
	e->told_ms = now_ms;
	log_line(LOG_LEVEL_ERR, what, "error=%s reason=\"%s; trying again every second\"", status_info(status)->word, status_info(status)->help);
}

static void fire_failed(void *input, int status)
{
	struct fire_input *in = input;
	struct lane *l = lane_find(in->engine, in->account_no);
	in->engine->reserved -= in->slots;
	if (l != NULL) {
		l->firing = false;
		l->look_ms = clock_now_ms() + ENGINE_RETRY_TURN_MS;
	}
	engine_complain(in->engine, "what is due could not be started", status);
}

static void fire(struct engine *e, struct lane *l, int64_t now_ms)
{
	size_t room = e->max_runs - e->run_count - e->reserved;
	struct fire_input *in = calloc(1, sizeof *in);
	if (in == NULL) {
		l->look_ms = now_ms + ENGINE_RETRY_TURN_MS;
		return;
	}
	in->engine = e;
	in->account_no = l->no;
	in->slots = l->parallel - l->active;
	if (in->slots > room)
		in->slots = (unsigned)room;
	in->from = l->from;
	in->pace_from_ms = l->pace_ms;
	rng_bytes(in->random, sizeof in->random);
	unsigned slots = in->slots;
	l->firing = true;
	l->touched = false;
	e->reserved += slots;
	if (turns_submit(e->parts.turns, fire_run, fire_failed, free, in, sizeof *in) < 0) {
		e->reserved -= slots;
		l->firing = false;
		l->look_ms = now_ms + ENGINE_RETRY_TURN_MS;
	}
}

/* ---- periodic work ---- */

static void periodic_failed(void *input, int status)
{
	struct engine *e = ((struct periodic_input *)input)->engine;
	e->periodic_turn = false;
	e->periodic_ms = clock_now_ms() + ENGINE_RETRY_TURN_MS;
	engine_complain(e, "periodic work failed", status);
}

static void periodic_start(struct engine *e, int64_t now_ms)
{
	struct periodic_input *in = malloc(sizeof *in);
	size_t taken = e->run_count + e->reserved;
	e->periodic_ms = INT64_MAX;
	if (in != NULL)
		*in = (struct periodic_input){ .engine = e, .room = taken < e->max_runs ? e->max_runs - taken : 0 };
	e->periodic_turn = in != NULL &&
	                   turns_submit(e->parts.turns, engine_periodic_turn, periodic_failed, free, in, sizeof *in) == 0;
	if (!e->periodic_turn)
		e->periodic_ms = now_ms + ENGINE_RETRY_TURN_MS;
}

/* ---- the alarm ---- */

static int64_t schedule_lanes(struct engine *e, int64_t now_ms)
{
	int64_t next_ms = INT64_MAX;
	/* Begins at another lane each time, so that a full house does not always serve the same accounts. */
	size_t start = e->lane_count == 0 ? 0 : e->next_serial % e->lane_count;
	for (size_t i = 0; i < e->lane_count; i++) {
		struct lane *l = &e->lanes[(start + i) % e->lane_count];
		if (l->firing || l->session || l->active >= l->parallel || l->look_ms == INT64_MAX)
			continue;
		if (l->look_ms > now_ms)
			next_ms = l->look_ms < next_ms ? l->look_ms : next_ms;
		else if (e->run_count + e->reserved < e->max_runs)
			fire(e, l, now_ms);
	}
	return next_ms;
}

static int64_t schedule_runs(struct engine *e, int64_t now_ms)
{
	int64_t next_ms = INT64_MAX;
	for (size_t i = 0; i < e->run_count; i++) {
		struct run *r = e->runs[i];
		if (r->phase != PHASE_WAITING && r->phase != PHASE_ARMED)
			continue;
		if (r->wake_ms > now_ms) {
			next_ms = r->wake_ms < next_ms ? r->wake_ms : next_ms;
		} else if (r->phase == PHASE_ARMED) {
			run_send_armed(r);
		} else if (run_submit(r, NULL, NULL) < 0) {
			r->wake_ms = now_ms + ENGINE_RETRY_TURN_MS;
			next_ms = r->wake_ms < next_ms ? r->wake_ms : next_ms;
		}
	}
	return next_ms;
}

/* ---- a jump of the clock ---- */

static void jump_failed(void *input, int status)
{
	struct engine *e = ((struct jump_input *)input)->engine;
	e->jump_turn = false;
	engine_complain(e, "the clock jumped, and what became due cannot be looked for", status);
}

static void schedule_jump(struct engine *e)
{
	struct jump_input *in = malloc(sizeof *in);
	if (in == NULL)
		return;
	*in = (struct jump_input){ .engine = e, .floor_ms = e->jump_ms };
	e->jump_turn = turns_submit(e->parts.turns, restore_jump_turn, jump_failed, free, in, sizeof *in) == 0;
}

struct step_input { int64_t jump_ms; };

static int step_turn(struct turn *t, void *input)
{
	int64_t jump_ms = ((const struct step_input *)input)->jump_ms, size_ms = jump_ms < 0 ? -jump_ms : jump_ms;
	char span[64];
	return queue_note(t, NULL, NULL, "clock", arena_fmt(t->arena, "the system clock was set %s %s", unit_duration_format(size_ms / 1000 * 1000,
	                                                    span, sizeof span), jump_ms < 0 ? "back" : "ahead"), NULL, NULL);
}

static void step_failed(void *input, int status)
{
	(void)input;
	log_line(LOG_LEVEL_WARNING, "that the clock was set could not be journalled", "error=%s", status_info(status)->word);
}

/* So that what it made late, or early, can be explained. */
static void step_note(struct engine *e, int64_t jump_ms)
{
	struct step_input *in = jump_ms < ENGINE_STEP_MS && jump_ms > -ENGINE_STEP_MS ? NULL : malloc(sizeof *in);
	if (in == NULL)
		return;
	in->jump_ms = jump_ms;
	(void)turns_submit(e->parts.turns, step_turn, step_failed, free, in, sizeof *in);
}

/* Suspend moves both clocks; only a step, or a machine that goes on from a snapshot, moves the wall clock alone. */
static void clock_stepped(struct engine *e)
{
	int64_t now_ms = clock_now_ms(), off_ms = now_ms - clock_boot_ms(), jump_ms = off_ms - e->clock_off_ms;
	e->clock_off_ms = off_ms;
	step_note(e, jump_ms);
	if (jump_ms > ENGINE_JUMP_MS && e->jump_ms == INT64_MAX)
		e->jump_ms = now_ms - jump_ms;
}

void engine_schedule(struct engine *e)
{
	int64_t now_ms = clock_now_ms();
	if (!e->started && e->recover_ms <= now_ms)
		engine_start(e);
	int64_t next_ms = e->started ? schedule_runs(e, now_ms) : e->recover_ms;
	if (e->started && e->jump_ms != INT64_MAX) {
		if (!e->jump_turn)
			schedule_jump(e);
		next_ms = now_ms + ENGINE_RETRY_TURN_MS < next_ms ? now_ms + ENGINE_RETRY_TURN_MS : next_ms;
	} else if (e->started && !e->draining) {
		int64_t lanes_ms = schedule_lanes(e, now_ms);
		next_ms = lanes_ms < next_ms ? lanes_ms : next_ms;
		if (!e->periodic_turn && e->periodic_ms <= now_ms)
			periodic_start(e, now_ms);
		if (!e->periodic_turn && e->periodic_ms < next_ms)
			next_ms = e->periodic_ms;
	}
	(void)timer_set(e->timer, next_ms);
	if (e->idle != NULL && engine_in_flight(e) == 0) {
		void (*idle)(void *) = e->idle;
		e->idle = NULL;
		idle(e->idle_ctx);
	}
}

static void engine_alarm(void *ctx, bool stepped)
{
	struct engine *e = ctx;
	if (stepped) {
		clock_stepped(e);
		log_line(LOG_LEVEL_NOTICE, "the system clock was set; due times are looked at again", NULL);
		engine_disarm(e);
		engine_due(e, 0, 0);
	}
	engine_schedule(e);
}

/* ---- recovery ---- */

static void recover_failed(void *input, int status)
{
	struct engine *e = ((struct recover_input *)input)->engine;
	/* Without this nothing may be fired: what was under way is not known. The daemon stays up to answer questions. */
	engine_complain(e, "what was under way could not be settled; nothing is fired until it is", status);
	e->recover_ms = clock_now_ms() + ENGINE_RETRY_TURN_MS;
}

void engine_start(struct engine *e)
{
	struct recover_input *in = calloc(1, sizeof *in), none = { .engine = e };
	e->recover_ms = INT64_MAX;
	if (in != NULL) {
		in->engine = e;
		in->boot_ms = clock_boot_ms();
		clock_boot_id(in->boot_id, sizeof in->boot_id);
		if (in->boot_id[0] == '\0')
			(void)snprintf(in->boot_id, sizeof in->boot_id, "-");
	}
	int rc = in == NULL ? -ST_NO_MEMORY : turns_submit(e->parts.turns, engine_recover_turn, recover_failed, free, in, sizeof *in);
	if (rc < 0)
		recover_failed(&none, rc);
}

/* ---- life ---- */

int engine_new(const struct engine_parts *parts, struct engine **out)
{
	struct engine *e = calloc(1, sizeof *e);
	if (e == NULL)
		return -ST_NO_MEMORY;
	e->parts = *parts;
	e->periodic_ms = e->recover_ms = e->jump_ms = INT64_MAX;
	e->clock_off_ms = clock_now_ms() - clock_boot_ms();
	e->max_runs = 64;
	e->pool = calloc(ENGINE_MAX_RUNS, sizeof *e->pool);
	int rc = e->pool == NULL ? -ST_NO_MEMORY : timer_new(parts->loop, engine_alarm, e, &e->timer);
	if (rc < 0) {
		free(e->pool);
		free(e);
		return rc;
	}
	for (size_t i = 0; i < ENGINE_MAX_RUNS; i++)
		e->runs[i] = &e->pool[i];
	*out = e;
	return 0;
}

void engine_free(struct engine *e)
{
	if (e == NULL)
		return;
	timer_free(e->timer);
	for (size_t i = 0; i < e->run_count; i++)
		run_outcome_drop(e->runs[i]->armed);
	free(e->pool);
	free(e->lanes);
	free(e);
}

void engine_conf(struct engine *e, const struct conf *conf)
{
	e->max_runs = (size_t)conf->max_in_flight < ENGINE_MAX_RUNS ? (size_t)conf->max_in_flight : ENGINE_MAX_RUNS;
	engine_due(e, 0, 0);
}

void engine_disarm(struct engine *e)
{
	for (size_t i = 0; i < e->run_count; i++)
		if (e->runs[i]->phase == PHASE_ARMED)
			run_disarm(e->runs[i]);
}

void engine_drain(struct engine *e, bool on)
{
	e->draining = on;
	engine_schedule(e);
}

bool engine_draining(const struct engine *e)
{
	return e->draining;
}

unsigned engine_in_flight(const struct engine *e)
{
	return (unsigned)(e->run_count + e->reserved);
}

void engine_when_idle(struct engine *e, void (*idle)(void *ctx), void *ctx)
{
	e->idle = idle;
	e->idle_ctx = ctx;
	engine_schedule(e);
}

void engine_on_unused_media(struct engine *e, void (*unused)(void *ctx, const char *sha256), void *ctx)
{
	e->unused = unused;
	e->unused_ctx = ctx;
}
