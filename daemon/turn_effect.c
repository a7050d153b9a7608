/* turn_effect.c: what a turn wants done, kept until its changes are on the disk. */
#include <stdlib.h>
#include <string.h>

#include "daemon/io/rng.h"
#include "daemon/turn_priv.h"
#include "proto/status.h"

static void effect_free(struct effect *e)
{
	if (e->kind == EFFECT_CALL && e->u.call.drop != NULL)
		e->u.call.drop(e->u.call.data);
	free(e);
}

void effects_free(struct effect *list)
{
	while (list != NULL) {
		struct effect *e = list;
		list = e->next;
		effect_free(e);
	}
}

void effects_drop(struct job *j)
{
	effects_free(j->effects);
	j->effects = NULL;
}

static struct effect *effect_new(struct turn *t, enum effect_kind kind, size_t more)
{
	struct effect *e = calloc(1, sizeof *e + more);
	if (e == NULL) {
		t->error = -ST_NO_MEMORY;
		return NULL;
	}
	e->kind = kind;
	*t->tail = e;
	t->tail = &e->next;
	return e;
}

void turn_reply(struct turn *t, uint64_t conn, const char *text, size_t len)
{
	struct effect *e = effect_new(t, EFFECT_REPLY, len);
	if (e == NULL)
		return;
	e->u.reply.conn = conn;
	e->u.reply.len = len;
	e->u.reply.text = (char *)(e + 1);
	memcpy(e->u.reply.text, text, len);
}

void turn_due(struct turn *t, uint64_t account_no, int64_t due_ms)
{
	struct effect *e = effect_new(t, EFFECT_DUE, 0);
	if (e != NULL) {
		e->u.due.account_no = account_no;
		e->u.due.due_ms = due_ms;
	}
}

void turn_periodic(struct turn *t, int64_t due_ms)
{
	struct effect *e = effect_new(t, EFFECT_PERIODIC, 0);
	if (e != NULL)
		e->u.due.due_ms = due_ms;
}

void turn_random(struct turn *t, void *out, size_t size)
{
	(void)t;
	rng_bytes(out, size);
}

void turn_effect(struct turn *t, void (*run)(void *data), void (*drop)(void *data), void *data)
{
	struct effect *e = effect_new(t, EFFECT_CALL, 0);
	if (e == NULL) {
		if (drop != NULL)
			drop(data);
		return;
	}
	e->u.call.run = run;
	e->u.call.drop = drop;
	e->u.call.data = data;
}

void effect_release(const struct turn_sinks *s, const struct effect *e)
{
	switch (e->kind) {
	case EFFECT_REPLY: s->reply(s->ctx, e->u.reply.conn, e->u.reply.text, e->u.reply.len); break;
	case EFFECT_DUE: s->due(s->ctx, e->u.due.account_no, e->u.due.due_ms); break;
	case EFFECT_PERIODIC: s->periodic(s->ctx, e->u.due.due_ms); break;
	case EFFECT_CALL: e->u.call.run(e->u.call.data); break;
	}
}
