/* control.c: what a test uses: switches in, everything that happened out. */
#include "tests/cli/sim/sim.h"

#include <string.h>

#define SWITCH(name) { #name, offsetof(struct sim_switches, name) }

static const struct { const char *name; size_t at; } switches[] = {
	SWITCH(drop_before), SWITCH(drop_after), SWITCH(fail_before), SWITCH(fail_after), SWITCH(busy_next), SWITCH(skip),
	SWITCH(delay_ms), SWITCH(rate_next), SWITCH(rate_reset_s), SWITCH(unauthorized), SWITCH(forbidden), SWITCH(expire), SWITCH(read_fail),
	SWITCH(media_polls), SWITCH(media_fail), SWITCH(media_drop_after), SWITCH(media_delay_ms),
};

static int *find(struct sim *s, const char *name)
{
	for (size_t i = 0; i < SIM_COUNT(switches); i++)
		if (strcmp(switches[i].name, name) == 0)
			return (int *)(void *)((char *)&s->sw + switches[i].at);
	for (size_t i = 0; i < s->platform->knob_count; i++)
		if (strcmp(s->platform->knobs[i].name, name) == 0)
			return s->platform->knobs[i].value;
	return NULL;
}

void sim_control_set(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const cJSON *v;

	sim_answer(r, 200, "{}");
	if (!cJSON_IsObject(q->json))
		sim_answer(r, 400, "{\"error\":\"the body is not a JSON object\"}");
	cJSON_ArrayForEach(v, q->json) {
		int *sw = find(s, v->string);

		if (sw)
			*sw = cJSON_IsBool(v) ? cJSON_IsTrue(v) : v->valueint;
		else
			sim_answer(r, 400, "{\"error\":\"there is no switch %.60s\"}", v->string);
	}
	if (sim_take(&s->sw.expire))
		s->generation++;
}

static void dump_log(struct sim *s, cJSON *o)
{
	cJSON *list = cJSON_AddArrayToObject(o, "log"), *counts = cJSON_AddObjectToObject(o, "requests");

	for (size_t i = 0; i < s->log_count; i++) {
		const struct sim_line *line = &s->log[i];
		cJSON *one = cJSON_CreateObject(), *count = cJSON_GetObjectItemCaseSensitive(counts, line->request);

		sim_set_number(one, "time_ms", line->time_ms);
		sim_set(one, "request", line->request);
		sim_set(one, "key", line->note);
		sim_set_number(one, "status", line->status);
		cJSON_AddItemToArray(list, one);
		sim_set_number(counts, line->request, count ? (int64_t)count->valuedouble + 1 : 1);
	}
}

void sim_control_dump(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	(void)q;
	sim_book(s, "posts");
	sim_book(s, "media");
	r->status = 200;
	r->json = sim_need(cJSON_Duplicate(s->books, true));
	dump_log(s, r->json);
}

bool sim_act_fails(struct sim *s, struct sim_reply *r)
{
	if (s->sw.skip > 0)
		return false;
	if (sim_take(&s->sw.drop_before))
		return true;
	if (sim_take(&s->sw.busy_next)) {
		sim_refuse(s, r, SIM_BUSY);
		return true;
	}
	if (sim_take(&s->sw.fail_before)) {
		sim_refuse(s, r, SIM_BROKEN);
		return true;
	}
	return false;
}

void sim_act_done(struct sim *s, struct sim_reply *r)
{
	if (r->status >= 400 || sim_take(&s->sw.skip))
		return;
	r->sleep_ms = s->sw.delay_ms;
	if (sim_take(&s->sw.drop_after))
		r->status = 0;
	else if (sim_take(&s->sw.fail_after))
		sim_refuse(s, r, SIM_BROKEN);
}
