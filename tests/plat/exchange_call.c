/* exchange_call.c: one call of a driver, made twice, with nothing carried over but the values. */
#include "tests/plat/exchange_play.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CALLS 2000
#define STARVED 24

void exchange_wrong(struct run *r, const char *format, ...)
{
	size_t at = r->at < r->s->event_count ? r->at : r->s->event_count ? r->s->event_count - 1 : 0;
	va_list ap;

	if (r->failed)
		return;
	r->failed = true;
	printf("%s:%d: ", r->s->path, r->s->events[at].line);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	if (r->restart_at)
		printf(" (with a restart after request %d)", r->restart_at);
	printf("\n");
}

/* ---- calling the driver ---- */

static struct plat_values copy_values(struct arena *a, const struct plat_values *from)
{
	struct plat_values v = { .arena = a };

	for (size_t i = 0; i < from->count; i++)
		plat_set(&v, from->list[i].name, from->list[i].text);
	return v;
}

static bool same_values(const struct plat_values *a, const struct plat_values *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->list[i].name, b->list[i].name) || strcmp(a->list[i].text, b->list[i].text))
			return false;
	return true;
}

static bool same_text(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

static bool same_out(const struct plat_out *a, const struct plat_out *b)
{
	if (a->verdict != b->verdict || a->until_ms != b->until_ms || !same_text(a->text, b->text) ||
	    !same_text(a->remote_id, b->remote_id))
		return false;
	if (a->verdict != PLAT_SEND)
		return true;
	for (size_t i = 0; i < a->request.piece_count; i++)
		if (a->request.pieces[i].len != b->request.pieces[i].len ||
		    (a->request.pieces[i].data && memcmp(a->request.pieces[i].data, b->request.pieces[i].data,
		                                         a->request.pieces[i].len)))
			return false;
	return same_text(a->request.url, b->request.url) && a->request.piece_count == b->request.piece_count &&
	       a->request.header_count == b->request.header_count;
}

static void call_into(struct run *r, struct arena *a, struct arena *values_arena, struct plat_values *account,
                      struct plat_values *values, struct plat_out *out)
{
	struct script *s = r->s;
	struct target target = s->target;
	struct plat_in in = { .arena = a, .account = &s->account, .account_values = account, .now_ms = r->now_ms,
	                     .steady_ms = r->now_ms };

	*account = copy_values(values_arena, &r->account);
	*values = copy_values(values_arena, &r->target);
	for (size_t i = 0; i < sizeof(in.random); i++)
		in.random[i] = (unsigned char)(r->calls * 37 + i * 11);
	if (r->has_response) {
		in.response = &r->response;
		in.response_step = r->response_step;
	}
	if (r->mode != MODE_SESSION) {
		if (r->attempt.step) {
			target.open = &r->attempt;
			target.open_count = 1;
		}
		in.post = &s->post;
		in.target = &target;
		in.content = &s->content;
		in.values = values;
		in.known = s->known;
		in.known_count = s->known_count;
	}
	(r->mode == MODE_STEP ? s->plat->step : r->mode == MODE_RECONCILE ? s->plat->reconcile : s->plat->session)(&in,
	                                                                                                           out);
}

/* The same call with too little memory must fail in words, not crash, and never look like an answer. */
static void starve(struct run *r, size_t enough)
{
	struct arena values_arena, a;
	struct plat_values account, values;
	struct plat_out out;

	for (size_t i = 0; i < STARVED; i++) {
		arena_init(&values_arena, 64 << 20);
		arena_init(&a, enough * i / STARVED);
		call_into(r, &a, &values_arena, &account, &values, &out);
		if (a.error && out.verdict != PLAT_FAIL)
			exchange_wrong(r, "out of memory gave the verdict %d", (int)out.verdict);
		arena_done(&a);
		arena_done(&values_arena);
	}
}

/* Names are no secrets. */
static bool is_secret(const struct value *v)
{
	return strcmp(v->name, "identifier") && strcmp(v->name, "client_id");
}

static void check_secrets(struct run *r, const char *where, const char *text)
{
	for (size_t i = 0; text && i < r->s->account.credential_count; i++)
		if (is_secret(&r->s->credential[i]) && strstr(text, r->s->credential[i].text))
			exchange_wrong(r, "%s holds the credential %s", where, r->s->credential[i].name);
}

static void check_out(struct run *r)
{
	const struct plat_request *q = &r->out.request;

	check_secrets(r, "the text", r->out.text);
	if (r->out.verdict != PLAT_SEND)
		return;
	if (!q->step || strncmp(q->step, "token.", 6))
		check_secrets(r, "the URL", q->url);
	if (q->effect == PLAT_ONCE && !q->mark)
		exchange_wrong(r, "a request of effect once has no mark");
	for (size_t i = 0; i < q->header_count; i++) {
		if (!q->headers[i].secret)
			check_secrets(r, "a header that is not marked secret", q->headers[i].value);
		if (!strcmp(q->headers[i].name, "Idempotency-Key") && strlen(q->headers[i].value) > 64)
			exchange_wrong(r, "the idempotency key is longer than 64");
	}
}

void exchange_call(struct run *r)
{
	struct arena *a = calloc(1, sizeof(*a)), other;
	struct plat_values account, values, account2, values2;
	struct plat_out again;

	if (!a || ++r->calls > MAX_CALLS) {
		exchange_wrong(r, "does not end");
		free(a);
		return;
	}
	arena_init(a, 64 << 20);
	arena_init(&other, 64 << 20);
	call_into(r, &other, &other, &account2, &values2, &again);
	call_into(r, a, a, &account, &values, &r->out);
	if (!same_out(&r->out, &again) || !same_values(&account, &account2) || !same_values(&values, &values2))
		exchange_wrong(r, "the same call gave two answers");
	if (!r->restart_at)
		starve(r, other.used_bytes);
	arena_done(&other);
	if (r->memory)
		arena_done(r->memory);
	free(r->memory);
	r->memory = a;
	r->account = account;
	r->target = values;
	r->has_response = false;
	if (a->error || account.error || values.error)
		exchange_wrong(r, "memory or values failed");
	check_out(r);
}
