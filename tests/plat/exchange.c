/* exchange.c: plays the engine's part for one script; exchange.h says how. */
#include "tests/plat/exchange_play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/plat/wire.h"
#include "proto/unit.h"

#define JITTER_MS 6000
#define RETRY_MS 15000

/* ---- values ---- */

static void check_value(struct run *r, const struct plat_values *v, const char *text)
{
	const char *equals = strchr(text, '='), *name = arena_strndup(r->memory, text, equals ? (size_t)(equals - text)
	                                                              : strlen(text));
	const char *have = plat_get(v, name);

	if (equals ? !have || !exchange_match(&r->bound, equals + 1, have) : have != NULL)
		exchange_wrong(r, "value %s expected, is %s", text, have ? have : "absent");
}

static bool value_event(struct run *r)
{
	const struct event_step *e = r->at < r->s->event_count ? &r->s->events[r->at] : NULL;

	if (!e || (e->kind != EV_VALUE && e->kind != EV_ACCOUNT))
		return false;
	check_value(r, e->kind == EV_VALUE ? &r->target : &r->account, e->text);
	r->at++;
	return true;
}

/* ---- requests and answers ---- */

static const char *const methods[] = {
	[PLAT_GET] = "GET", [PLAT_POST] = "POST", [PLAT_PUT] = "PUT", [PLAT_DELETE] = "DELETE", [PLAT_FILE] = "FILE",
};
static const char *const effects[] = { [PLAT_NONE] = "none", [PLAT_REPEATABLE] = "repeatable", [PLAT_ONCE] = "once" };

static const char *or_none(const char *text)
{
	return text ? text : "(none)";
}

static const char *request_line(struct run *r)
{
	const struct plat_request *q = &r->out.request;

	return arena_fmt(r->memory, "%s %s%s%s %s %s", methods[q->method], or_none(q->url), q->file_name ? "/" : "",
	                 wire_str(q->file_name), effects[q->effect], or_none(q->step));
}

static bool header_fits(struct run *r, const char *wanted, const char **have)
{
	const struct plat_request *q = &r->out.request;
	const char *colon = strstr(wanted, ": ");
	size_t len = colon ? (size_t)(colon - wanted) : strlen(wanted);

	*have = NULL;
	for (size_t i = 0; i < q->header_count; i++)
		if (strlen(q->headers[i].name) == len && !strncmp(q->headers[i].name, wanted, len))
			*have = q->headers[i].value;
	if (colon && !strcmp(colon + 2, "-"))
		return !*have;
	return *have && colon && exchange_match(&r->bound, colon + 2, *have);
}

static void check_header(struct run *r, const char *wanted)
{
	const char *have;

	if (!header_fits(r, wanted, &have))
		exchange_wrong(r, "header %s expected, is %s", wanted, have ? have : "absent");
}

/* The body as text; media and links are written as <media sha256 len> and <link name>. */
static const char *body_text(struct run *r)
{
	const struct plat_request *q = &r->out.request;
	struct buf b = BUF_INIT(16 << 20);

	for (size_t i = 0; i < q->piece_count; i++) {
		const struct plat_piece *p = &q->pieces[i];

		if (p->kind == PLAT_BYTES)
			buf_add(&b, p->data, p->len);
		else
			buf_add_fmt(&b, "<%s %.8s %s %llu>", p->kind == PLAT_MEDIA ? "media" : p->kind == PLAT_BASE64 ? "base64" : "link", p->sha256,
			            p->data ? p->data : "",
			            (unsigned long long)p->len);
	}
	return wire_take(&b, r->memory, NULL);
}

static bool has_fragment(struct run *r, const char *body, const char *fragment)
{
	const char *filled = exchange_fill(&r->bound, r->memory, fragment);

	return strstr(body, filled);
}

static void check_request(struct run *r, const struct event_step *e)
{
	const char *body = body_text(r);

	for (size_t i = 0; i < e->header_count; i++)
		check_header(r, e->headers[i]);
	if (e->body && !exchange_match_json(&r->bound, e->body, body, strlen(body)))
		exchange_wrong(r, "body %s expected, is %s", exchange_fill(&r->bound, r->memory, e->body), body);
	if (e->exactly && !exchange_match(&r->bound, e->exactly, body))
		exchange_wrong(r, "body %s expected, is %s", e->exactly, body);
	for (size_t i = 0; i < e->fragment_count; i++)
		if (!has_fragment(r, body, e->fragments[i]))
			exchange_wrong(r, "\"%s\" expected in the body %s", e->fragments[i], body);
}

/* Whether the request is this event's by its line, and (of a restarted driver, which may be elsewhere in the script) by its headers. */
static bool is_event(struct run *r, const struct event_step *e, const char *line)
{
	struct bindings before = r->bound;
	bool fits = exchange_match(&r->bound, e->text, line);
	const char *have;

	for (size_t i = 0; r->restarted && fits && i < e->header_count; i++)
		fits = header_fits(r, e->headers[i], &have);
	if (!fits)
		r->bound = before;
	return fits;
}

/* A restarted driver may read again what it has read: such a request has its event before. */
static const struct event_step *event_of(struct run *r, const char *line)
{
	const struct event_step *e = r->at < r->s->event_count ? &r->s->events[r->at] : NULL;

	if (e && e->kind == EV_REQUEST && is_event(r, e, line)) {
		r->at++;
		return e;
	}
	for (size_t i = r->at; r->restarted && r->out.request.effect != PLAT_ONCE && i-- > 0;) {
		e = &r->s->events[i];
		if (e->kind == EV_REQUEST && !e->lost && is_event(r, e, line))
			return e;
	}
	for (size_t i = 0; r->restarted && i < r->s->detour_count; i++)
		if (is_event(r, &r->s->detours[i], line))
			return &r->s->detours[i];
	return NULL;
}

static void lose(struct run *r)
{
	if (r->out.request.effect == PLAT_ONCE) {
		r->attempt.lost_ms = r->now_ms;
		r->mode = MODE_RECONCILE;
	}
}

static void answer(struct run *r, const struct event_step *e)
{
	struct arena *keep = &r->s->arena;

	if (e->lost || (r->out.request.effect == PLAT_ONCE && e->status >= 500)) {
		lose(r);
		return;
	}
	r->response = (struct plat_response){ .status = e->status, .headers = e->answer,
	                                      .header_count = e->answer_count,
	                                      .received_ms = r->now_ms };
	r->response.body = e->answer_body ? exchange_fill(&r->bound, keep, e->answer_body) : "";
	r->response.body_len = strlen(r->response.body);
	r->response_step = arena_strdup(keep, r->out.request.step);
	r->has_response = true;
}

static void open_attempt(struct run *r)
{
	r->attempt = (struct attempt){ .number = ++r->attempts, .armed_ms = r->now_ms,
	                               .step = arena_strdup(&r->s->arena, r->out.request.step),
	                               .mark = arena_strdup(&r->s->arena, r->out.request.mark) };
}

/* For judges from outside: one JSON line for every request that the scripts make, media as in body_text(). */
static void dump(struct run *r)
{
	const struct plat_request *q = &r->out.request;
	const char *path = getenv("SMMQ_EXCHANGE_DUMP");
	struct buf b = BUF_INIT(16 << 20);
	struct json_writer w;
	FILE *f;

	if (!path || r->restart_at)
		return;
	jw_init(&w, &b);
	jw_object(&w, NULL);
	jw_str(&w, "platform", r->s->plat->name);
	jw_str(&w, "script", strrchr(r->s->path, '/') ? strrchr(r->s->path, '/') + 1 : r->s->path);
	jw_str(&w, "step", q->step);
	jw_str(&w, "method", methods[q->method]);
	jw_str(&w, "url", q->url);
	jw_object(&w, "headers");
	for (size_t i = 0; i < q->header_count; i++)
		jw_str(&w, q->headers[i].name, q->headers[i].value);
	jw_end(&w);
	jw_str(&w, "body", body_text(r));
	jw_end(&w);
	f = fopen(path, "a");
	if (!f || fprintf(f, "%s\n", buf_cstr(&b)) < 0 || fclose(f))
		abort();
	buf_done(&b);
}

static void sent(struct run *r)
{
	const char *line = request_line(r);
	size_t before = r->at;
	const struct event_step *e = event_of(r, line);

	if (!e) {
		exchange_wrong(r, "unexpected request: %s", line);
		return;
	}
	check_request(r, e);
	dump(r);
	r->requests++;
	if (r->requests == r->restart_at && r->out.request.effect != PLAT_ONCE) {
		r->restarted = true;
		r->at = before;
		return;
	}
	if (r->out.request.effect == PLAT_ONCE)
		open_attempt(r);
	answer(r, e);
}

/* ---- the other verdicts ---- */

static const struct event_step *expect(struct run *r, enum event_kind kind, const char *what)
{
	const struct event_step *e = r->at < r->s->event_count ? &r->s->events[r->at] : NULL;

	if (!e || e->kind != kind) {
		exchange_wrong(r, "unexpected %s: %s", what, r->out.text ? r->out.text : "");
		return NULL;
	}
	r->at++;
	return e;
}

static void expect_text(struct run *r, const char *fragment)
{
	if (!r->out.text || !strstr(r->out.text, exchange_fill(&r->bound, r->memory, fragment)))
		exchange_wrong(r, "\"%s\" expected in the text, which is: %s", fragment, or_none(r->out.text));
}

static int64_t duration(struct run *r, const char *text)
{
	int64_t ms = 0;

	if (unit_duration_parse(text, &ms))
		exchange_wrong(r, "\"%s\" is no duration", text);
	return ms;
}

static void waits(struct run *r)
{
	const struct event_step *e = expect(r, EV_WAIT, "wait");
	int64_t ms = e ? duration(r, e->text) : 0;

	if (e && r->out.until_ms - r->now_ms != ms)
		exchange_wrong(r, "waits %lld ms instead of %lld", (long long)(r->out.until_ms - r->now_ms),
		               (long long)ms);
	r->now_ms = r->out.until_ms;
}

/* Whether the failure is to be looked for, as the engine does: only an open attempt can be, or one that the driver names. */
static bool unclear(struct run *r)
{
	if (r->out.klass != PLAT_UNKNOWN && r->out.klass != PLAT_DUPLICATE)
		return false;
	if (!r->attempt.step && r->out.request.step && r->out.request.effect == PLAT_ONCE)
		open_attempt(r);
	return r->attempt.step;
}

static void fails(struct run *r)
{
	const struct event_step *e = expect(r, r->mode == MODE_SESSION ? EV_SESSION_FAIL : EV_FAIL, "failure");
	const char *name = plat_class_name(r->out.klass);
	int64_t pause = r->out.until_ms - r->now_ms;

	if (!e)
		return;
	if (strncmp(e->text, name, strlen(name)) || (e->text[strlen(name)] && e->text[strlen(name)] != ' '))
		exchange_wrong(r, "fails as %s: %s", name, r->out.text);
	else if (e->text[strlen(name)])
		expect_text(r, e->text + strlen(name) + 1);
	if (r->at < r->s->event_count && r->s->events[r->at].kind == EV_UNTIL) {
		int64_t want = duration(r, r->s->events[r->at++].text);

		if (pause < want || pause > want + JITTER_MS)
			exchange_wrong(r, "fails until %lld ms from now instead of %lld", (long long)pause,
			               (long long)want);
	}
	if (r->mode == MODE_RECONCILE && r->out.klass != PLAT_TRANSIENT && r->out.klass != PLAT_RATE &&
	    r->out.klass != PLAT_AUTH)
		exchange_wrong(r, "a look may not fail as %s", name);
	if (r->mode == MODE_STEP && unclear(r)) {
		r->attempt.lost_ms = r->now_ms;
		r->mode = MODE_RECONCILE;
		return;
	}
	r->now_ms += pause > 0 ? pause : RETRY_MS;
}

static void done(struct run *r)
{
	const struct event_step *e;
	const char *end;

	if (r->mode == MODE_SESSION) {
		if (r->at < r->s->event_count && r->s->events[r->at].kind == EV_SESSION_DONE)
			r->at++;
		r->mode = r->back;
		return;
	}
	e = expect(r, EV_DONE, "end");
	end = arena_fmt(r->memory, "%s%s%s", or_none(r->out.remote_id), r->out.url ? " " : "", wire_str(r->out.url));
	if (e && !exchange_match(&r->bound, e->text, end))
		exchange_wrong(r, "done as %s", end);
	r->over = true;
}

static void settles(struct run *r, enum event_kind kind)
{
	const struct event_step *e = expect(r, kind, kind == EV_SETTLED ? "settlement" : "indecision");

	if (r->mode != MODE_RECONCILE)
		exchange_wrong(r, "only a look can settle");
	if (e)
		expect_text(r, e->text);
	if (kind == EV_SETTLED || (r->at < r->s->event_count && r->s->events[r->at].kind == EV_PERSON)) {
		memset(&r->attempt, 0, sizeof(r->attempt));
		r->mode = MODE_STEP;
	} else {
		r->over = true;
	}
}

static void asks_session(struct run *r)
{
	expect(r, EV_SESSION, "request for a session");
	if (r->out.refused)
		plat_set(&r->account, PLAT_REFUSED, "1");
	r->back = r->mode;
	r->mode = MODE_SESSION;
}

static void handle(struct run *r)
{
	while (value_event(r))
		;
	switch (r->out.verdict) {
	case PLAT_SEND:
		sent(r);
		break;
	case PLAT_WAIT:
		waits(r);
		break;
	case PLAT_NEED_SESSION:
		asks_session(r);
		break;
	case PLAT_DONE:
		done(r);
		break;
	case PLAT_FAIL:
		fails(r);
		break;
	case PLAT_SETTLED:
		settles(r, EV_SETTLED);
		break;
	case PLAT_UNDECIDED:
		settles(r, EV_UNDECIDED);
		break;
	}
	/* A clear answer closes the attempt. */
	if (r->out.verdict != PLAT_SEND && r->mode == MODE_STEP && r->attempt.step && !r->has_response)
		memset(&r->attempt, 0, sizeof(r->attempt));
}

/* ---- what happens between the calls ---- */

static void edit(struct run *r, const char *text)
{
	char *rest;
	unsigned long part = strtoul(text, &rest, 10);

	if (part < 1 || part > r->s->content.part_count || *rest != ' ')
		exchange_wrong(r, "edit N TEXT expected");
	else
		r->s->parts[part - 1].text = arena_strdup(&r->s->arena, rest + 1);
}

static void person(struct run *r, const char *text)
{
	struct plat_values *v = &r->target;
	size_t n = 0;
	char *id, *url;

	if (strncmp(text, "published ", 10))
		return;
	id = arena_strdup(r->memory, text + 10);
	url = strchr(id, ' ');
	if (url)
		*url++ = '\0';
	while (plat_get_n(v, PLAT_ID, n))
		n++;
	plat_set_n(v, PLAT_ID, n, id);
	plat_set_n(v, PLAT_URL, n, url);
}

/* Handles all events that do not wait for the driver; false when the next one does. */
static bool between(struct run *r)
{
	const struct event_step *e = r->at < r->s->event_count ? &r->s->events[r->at] : NULL;

	if (!e)
		return false;
	if (e->kind == EV_RUN_SESSION)
		r->mode = MODE_SESSION;
	else if (e->kind == EV_ADVANCE)
		r->now_ms += duration(r, e->text);
	else if (e->kind == EV_EDIT)
		edit(r, e->text);
	else if (e->kind == EV_PERSON)
		person(r, e->text);
	else
		return value_event(r);
	r->at++;
	return true;
}

static void start_unrecorded(struct run *r)
{
	char *text = arena_strdup(r->memory, r->s->unrecorded), *mark = text;
	const char *span = strsep(&mark, " ");

	r->mode = MODE_RECONCILE;
	r->attempt = (struct attempt){ .number = ++r->attempts, .step = arena_strdup(&r->s->arena, "part.0"), .unrecorded = 1,
	                               .mark = arena_strdup(&r->s->arena, mark), .lost_ms = r->now_ms };
	r->attempt.armed_ms = r->now_ms - duration(r, span);
}

static void start(struct run *r)
{
	struct script *s = r->s;
	struct plat_in in = { .account = &s->account };

	r->memory = calloc(1, sizeof(*r->memory));
	if (!r->memory)
		abort();
	arena_init(r->memory, 64 << 20);
	in.arena = r->memory;
	r->account = (struct plat_values){ .arena = r->memory };
	r->target = (struct plat_values){ .arena = r->memory };
	for (size_t i = 0; i < s->account_value_count; i++)
		plat_set(&r->account, s->account_values[i].name, s->account_values[i].text);
	for (size_t i = 0; i < s->value_count; i++)
		plat_set(&r->target, s->values[i].name, s->values[i].text);
	if (s->signed_in)
		plat_set(&r->account, "cred", wire_credential_print(&in));
	r->now_ms = s->now_ms;
	if (s->unrecorded)
		start_unrecorded(r);
}

int exchange_run(struct script *s, int restart_at)
{
	struct run *r = calloc(1, sizeof(*r));
	int result;

	if (!r)
		abort();
	r->s = s;
	r->restart_at = restart_at;
	start(r);
	while (!r->over && !r->failed) {
		while (!r->has_response && !r->failed && between(r))
			;
		if (r->failed || (r->at == s->event_count && !r->has_response && r->requests &&
		                  r->mode != MODE_SESSION))
			break;
		exchange_call(r);
		if (!r->failed)
			handle(r);
		while (!r->failed && !r->has_response && value_event(r))
			;
		/* A failure, or a session, may be all that a script is about. */
		if (r->at == s->event_count && (r->out.verdict == PLAT_FAIL || r->out.verdict == PLAT_DONE))
			r->over = true;
	}
	while (!r->failed && between(r))
		;
	if (!r->failed && r->at != s->event_count)
		exchange_wrong(r, "ends before this");
	if (!r->failed && !r->over)
		exchange_wrong(r, "has no end");
	result = r->failed ? -1 : r->requests;
	arena_done(r->memory);
	free(r->memory);
	free(r);
	return result;
}

bool exchange_check(struct script *s)
{
	struct arena a;
	struct plat_values account = { .arena = &a };
	struct plat_report *report = calloc(1, sizeof(*report));
	struct plat_in in = { .arena = &a, .account = &s->account, .account_values = &account, .content = &s->content,
	                      .now_ms = s->now_ms };
	bool good = false;

	if (!report)
		abort();
	arena_init(&a, 16 << 20);
	for (size_t i = 0; i < s->account_value_count; i++)
		plat_set(&account, s->account_values[i].name, s->account_values[i].text);
	s->plat->check(&in, report);
	for (size_t i = 0; i < report->finding_count; i++)
		good = good || strstr(report->findings[i].message, s->check);
	if (!strcmp(s->check, "ok"))
		good = !report->finding_count;
	if (!good)
		printf("%s: check \"%s\" expected, found %zu: %s\n", s->path, s->check, report->finding_count,
		       report->finding_count ? report->findings[0].message : "");
	free(report);
	arena_done(&a);
	return good;
}
