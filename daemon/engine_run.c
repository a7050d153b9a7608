/* engine_run.c: runs on the loop thread: what a committed turn wants is done here (requests leave, waits begin), and what
 * comes back is put into the next turn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine_priv.h"
#include "daemon/io/clock.h"
#include "daemon/io/file.h"
#include "daemon/io/rng.h"
#include "daemon/log.h"
#include "proto/status.h"
#include "proto/unit.h"

struct file_job {
	char *directory, *name, *data;
	size_t len;
	struct file_link links[PLAT_MAX_PIECES];
	size_t link_count;
	bool remove;
};

/* ---- runs ---- */

struct run *run_find(struct engine *e, uint64_t serial)
{
	for (size_t i = 0; i < e->run_count; i++)
		if (e->runs[i]->serial == serial)
			return e->runs[i];
	return NULL;
}

static struct run *run_of_target(struct engine *e, const struct outcome *o)
{
	for (size_t i = 0; i < e->run_count; i++) {
		struct run *r = e->runs[i];
		if (r->id == o->id && r->n == o->n && r->kind == o->kind && r->account_no == o->account_no)
			return r;
	}
	return NULL;
}

static struct run *run_new(struct engine *e, uint64_t id, uint64_t n, uint64_t account_no, enum run_kind kind)
{
	/* Places that fire turns have reserved are theirs alone: a committed intent never finds the house full. */
	if (e->run_count + (kind == RUN_PUBLISH ? 0 : e->reserved) >= ENGINE_MAX_RUNS)
		return NULL;
	struct lane *l = lane_make(e, account_no);
	if (l == NULL)
		return NULL;
	/* The places were made at start: a committed intent never finds no memory for its run. */
	struct run *r = e->runs[e->run_count];
	*r = (struct run){ .engine = e, .serial = ++e->next_serial, .id = id, .n = n, .account_no = account_no, .kind = kind };
	e->run_count++;
	if (kind == RUN_PUBLISH)
		l->active++;
	return r;
}

void run_pause(struct run *r)
{
	r->phase = PHASE_WAITING;
	r->wake_ms = clock_now_ms() + ENGINE_RETRY_TURN_MS;
}

void run_end(struct run *r)
{
	struct engine *e = r->engine;
	struct lane *l = lane_find(e, r->account_no);
	if (r->kind == RUN_PUBLISH && l != NULL && l->active > 0)
		l->active--;
	for (size_t i = 0; i < e->run_count; i++)
		if (e->runs[i] == r) {
			e->runs[i] = e->runs[--e->run_count];
			e->runs[e->run_count] = r;
			break;
		}
}

/* ---- sessions ---- */

bool run_session_start(struct engine *e, struct lane *l)
{
	if (l->session)
		return true;
	struct run *r = run_new(e, 0, 0, l->no, RUN_SESSION);
	if (r == NULL)
		return false;
	l->session = true;
	if (run_submit(r, NULL, NULL) < 0)
		run_pause(r);
	return true;
}

void engine_session(struct engine *e, uint64_t account_no)
{
	struct lane *l = lane_make(e, account_no);
	if (l != NULL && l->session)
		l->again = true;
	else if (l != NULL)
		(void)run_session_start(e, l);
}

static void run_turn_failed(void *input, int status);
static void drive_input_free(void *input);

/* A turn without an answer that takes the target out of the run. */
static bool run_submit_bare(struct run *r, int (*turn)(struct turn *, void *), void (*failed)(void *, int))
{
	struct engine *e = r->engine;
	struct drive_input *in = calloc(1, sizeof *in);
	if (in != NULL)
		*in = (struct drive_input){ .engine = e, .serial = r->serial, .id = r->id, .n = r->n, .account_no = r->account_no,
		                            .kind = r->kind, .attempt = r->attempt };
	if (in == NULL || turns_submit(e->parts.turns, turn, failed, drive_input_free, in, sizeof *in) < 0)
		return false;
	r->phase = PHASE_TURN;
	return true;
}

/* Its session cannot be had: a turn puts the target back into the queue and ends the run. */
static void run_defer(struct run *r)
{
	if (!run_submit_bare(r, engine_defer_turn, run_turn_failed))
		run_pause(r);
}

/* The session of an account is ready or cannot be had: those who waited for it go on, or wait in the queue again. */
void run_session_done(struct engine *e, uint64_t account_no, bool ok)
{
	struct lane *l = lane_find(e, account_no);
	if (l != NULL) {
		l->session = false;
		engine_due(e, account_no, 0);
		if (l->again) {
			l->again = false;
			(void)run_session_start(e, l);
		}
	}
	for (size_t i = 0; i < e->run_count; i++) {
		struct run *r = e->runs[i];
		if (r->account_no != account_no || r->phase != PHASE_SESSION)
			continue;
		r->phase = PHASE_WAITING;
		r->wake_ms = 0;
		if (!ok)
			run_defer(r);
	}
}

/* ---- answers into turns ---- */

static void drive_input_free(void *input)
{
	struct drive_input *in = input;
	for (size_t i = 0; i < in->answer.header_count; i++) {
		union { const char *in; char *out; } name = { .in = in->answer.headers[i].name };
		free(name.out);        /* name and value are one block */
	}
	free(in->answer.headers);
	free(in->answer.body);
	free(in);
}

static bool answer_copy_headers(struct answer *a, const struct http_result *res)
{
	if (res->header_count == 0)
		return true;
	a->headers = calloc(res->header_count, sizeof *a->headers);
	if (a->headers == NULL)
		return false;
	for (size_t i = 0; i < res->header_count; i++) {
		size_t name_len = strlen(res->headers[i].name) + 1, value_len = strlen(res->headers[i].value) + 1;
		char *block = malloc(name_len + value_len);
		if (block == NULL)
			return false;
		memcpy(block, res->headers[i].name, name_len);
		memcpy(block + name_len, res->headers[i].value, value_len);
		a->headers[i] = (struct plat_header){ .name = block, .value = block + name_len };
		a->header_count++;
	}
	return true;
}

static bool answer_copy(struct answer *a, const struct http_result *res)
{
	a->reach = res->reach;
	a->status = res->status;
	a->received_ms = clock_now_ms();
	a->date_ms = res->date_ms;
	(void)snprintf(a->error, sizeof a->error, "%s", res->error != NULL ? res->error : "");
	a->body = malloc(res->body_len + 1);
	if (a->body == NULL)
		return false;
	if (res->body_len > 0)
		memcpy(a->body, res->body, res->body_len);
	a->body[res->body_len] = '\0';
	a->body_len = res->body_len;
	return answer_copy_headers(a, res);
}

static void answer_of_file(struct answer *a, const char *error)
{
	a->reach = HTTP_ANSWERED;
	a->status = error[0] == '\0' ? 200 : 500;
	a->received_ms = clock_now_ms();
	a->body = strdup(error);
	a->body_len = a->body != NULL ? strlen(error) : 0;
}

static void run_turn_failed(void *input, int status)
{
	struct drive_input *in = input;
	struct run *r = run_find(in->engine, in->serial);
	if (r == NULL)
		return;
	/* The store has no room for the result. What is in it still tells the truth (an open attempt stays open), so the driver is
	 * asked again later, as after a restart; for an answered request of effect once that means: look first. */
	engine_complain(in->engine, "the result of a step could not be stored", status);
	run_pause(r);
}

int run_submit(struct run *r, const struct http_result *res, const char *file_error)
{
	static int (*const turn_of[])(struct turn *, void *) = {
		[RUN_PUBLISH] = engine_drive_turn, [RUN_LOOK] = engine_look_turn, [RUN_SESSION] = token_turn,
		[RUN_CLEAN] = engine_clean_turn,
	};
	struct engine *e = r->engine;
	struct drive_input *in = calloc(1, sizeof *in);
	if (in == NULL)
		return -ST_NO_MEMORY;
	*in = (struct drive_input){ .engine = e, .serial = r->serial, .id = r->id, .n = r->n, .account_no = r->account_no,
	                            .kind = r->kind, .once = r->once, .has_answer = res != NULL || file_error != NULL,
	                            .attempt = r->attempt, .send_ms = r->send_ms };
	memcpy(in->step, r->step, sizeof in->step);
	memcpy(in->digest, r->digest, sizeof in->digest);
	rng_bytes(in->random, sizeof in->random);
	if (file_error != NULL)
		answer_of_file(&in->answer, file_error);
	if (res != NULL && !answer_copy(&in->answer, res)) {
		drive_input_free(in);
		return -ST_NO_MEMORY;
	}
	size_t cost = sizeof *in + in->answer.body_len;
	int rc = turns_submit(e->parts.turns, turn_of[r->kind], run_turn_failed, drive_input_free, in, cost);
	if (rc == 0)
		r->phase = PHASE_TURN;
	return rc;
}

/* An answer that finds no memory or no place in the queue of turns is as good as lost: the run asks its driver again, which for
 * an open attempt of effect once means that the platform is looked at first. */
static void run_answered(struct run *r, const struct http_result *res, const char *file_error)
{
	if (run_submit(r, res, file_error) < 0)
		run_pause(r);
	engine_schedule(r->engine);
}

static void http_answered(void *ctx, const struct http_result *res)
{
	run_answered(ctx, res, NULL);
}

static void file_answered(void *ctx, int error, const char *text)
{
	run_answered(ctx, NULL, error == 0 ? "" : text != NULL && text[0] != '\0' ? text : status_info(error)->help);
}

/* ---- requests ---- */

static const char *const method_names[] = {
	[PLAT_GET] = "GET", [PLAT_POST] = "POST", [PLAT_PUT] = "PUT", [PLAT_DELETE] = "DELETE", [PLAT_FILE] = "FILE",
	[PLAT_UNLINK] = "UNLINK",
};

struct http_request *run_build_http(const struct engine *e, const struct plat_request *r)
{
	char path[4096];
	struct http_request *h = http_request_new(method_names[r->method], r->url);
	if (h == NULL)
		return NULL;
	for (size_t i = 0; i < r->header_count; i++)
		http_request_header(h, r->headers[i].name, r->headers[i].value);
	for (size_t i = 0; i < r->piece_count; i++) {
		const struct plat_piece *p = &r->pieces[i];
		if (p->kind == PLAT_BYTES)
			http_request_bytes(h, p->data, p->len);
		else if (p->kind == PLAT_BASE64)
			http_request_base64(h, files_path(e->parts.files, p->sha256, path, sizeof path), p->len);
		else
			http_request_file(h, files_path(e->parts.files, p->sha256, path, sizeof path), p->offset, p->len);
	}
	if (r->effect == PLAT_ONCE)
		http_request_once(h);
	if (r->sign.key != NULL) {
		http_request_header(h, "x-amz-content-sha256", r->sign.sha256);
		http_request_sign(h, r->sign.region, r->sign.service, r->sign.key, r->sign.secret);
	}
	http_request_timeout(h, r->timeout_ms > 0 ? r->timeout_ms : 60 * 1000);
	if (http_request_error(h) < 0) {
		http_request_free(h);
		return NULL;
	}
	return h;
}

void run_file_job_free(struct file_job *j)
{
	if (j == NULL)
		return;
	for (size_t i = 0; i < j->link_count; i++) {
		free(j->links[i].sha256);
		free(j->links[i].name);
	}
	free(j->directory);
	free(j->name);
	free(j->data);
	free(j);
}

struct file_job *run_build_file(const struct plat_request *r)
{
	struct file_job *j = calloc(1, sizeof *j);
	if (j == NULL)
		return NULL;
	size_t len = 0;
	for (size_t i = 0; i < r->piece_count; i++)
		len += r->pieces[i].kind == PLAT_BYTES ? r->pieces[i].len : 0;
	j->remove = r->method == PLAT_UNLINK;
	j->directory = strdup(r->url);
	j->name = r->file_name != NULL ? strdup(r->file_name) : NULL;
	j->data = malloc(len + 1);
	bool ok = j->directory != NULL && (j->name != NULL || r->file_name == NULL) && j->data != NULL;
	for (size_t i = 0; i < r->piece_count && ok; i++) {
		const struct plat_piece *p = &r->pieces[i];
		if (p->kind == PLAT_BYTES) {
			memcpy(j->data + j->len, p->data, p->len);
			j->len += p->len;
		} else if (p->kind == PLAT_LINK || p->kind == PLAT_COPY) {
			struct file_link *l = &j->links[j->link_count++];
			l->open = p->kind == PLAT_COPY;
			l->sha256 = strdup(p->sha256);
			l->name = strdup(p->data);
			ok = l->sha256 != NULL && l->name != NULL;
		}
	}
	if (!ok) {
		run_file_job_free(j);
		return NULL;
	}
	return j;
}

/* ---- outcomes ---- */

void run_outcome_drop(void *outcome)
{
	struct outcome *o = outcome;
	if (o == NULL)
		return;
	if (o->request != NULL)
		http_request_free(o->request);
	run_file_job_free(o->file);
	free(o);
}

static void run_send(struct run *r, struct outcome *o)
{
	struct engine *e = r->engine;
	int rc;
	r->phase = PHASE_SENT;
	r->once = o->once;
	r->attempt = o->attempt;
	memcpy(r->step, o->step, sizeof r->step);
	memcpy(r->digest, o->digest, sizeof r->digest);
	if (o->what == OUTCOME_FILE) {
		const struct file_job *f = o->file;
		if (f->remove)
			rc = file_unpublish(e->parts.files, f->directory, f->name, file_answered, r);
		else
			rc = file_publish(e->parts.files, f->directory, f->name, f->data, f->len, f->links, f->link_count, file_answered, r);
	} else {
		struct http_request *request = o->request;
		o->request = NULL;
		rc = http_start(e->parts.http, request, http_answered, r);
	}
	if (rc < 0) {
		/* Nothing left: the driver is told so, as after any request that never got out. */
		struct http_result none = { .reach = HTTP_NOT_SENT, .error = status_info(rc)->help };
		if (run_submit(r, &none, NULL) < 0)
			run_pause(r);
	}
}

/* ---- arming ---- */

static void run_arm(struct run *r, struct outcome *o)
{
	r->phase = PHASE_ARMED;
	r->wake_ms = o->wake_ms;
	r->attempt = o->attempt;
	/* The effect's own is freed when the turn is over; what it holds goes on in a copy. */
	r->armed = malloc(sizeof *r->armed);
	if (r->armed == NULL) {
		run_send(r, o);      /* a few milliseconds early, rather than not */
		return;
	}
	*r->armed = *o;
	o->request = NULL;
	o->file = NULL;
}

void run_send_armed(struct run *r)
{
	struct outcome *o = r->armed;
	r->armed = NULL;
	run_send(r, o);
	run_outcome_drop(o);
}

/* The store has no room for taking it back: it is sent in its time after all, as it stands in the store. */
static void run_disarm_failed(void *input, int status)
{
	run_turn_failed(input, status);
}

void run_disarm(struct run *r)
{
	struct outcome *o = r->armed;
	if (!run_submit_bare(r, engine_disarm_turn, run_disarm_failed))
		return;
	r->armed = NULL;
	run_outcome_drop(o);
}

static void run_end_outcome(struct run *r, const struct outcome *o)
{
	struct engine *e = r->engine;
	uint64_t account_no = r->account_no;
	bool session = r->kind == RUN_SESSION;
	run_end(r);
	if (session)
		run_session_done(e, account_no, o->ok);
}

void run_apply(void *outcome)
{
	struct outcome *o = outcome;
	struct engine *e = o->engine;
	struct run *r = o->serial != 0 ? run_find(e, o->serial) : run_of_target(e, o);
	if (o->serial == 0 && r == NULL && o->what != OUTCOME_END)
		r = run_new(e, o->id, o->n, o->account_no, o->kind);
	else if (o->serial == 0)
		r = NULL;        /* somebody is at it already */
	if (r == NULL)
		return;
	r->send_ms = o->send_ms;
	switch (o->what) {
	case OUTCOME_SEND: case OUTCOME_FILE:
		if (o->wake_ms > clock_now_ms())
			run_arm(r, o);
		else
			run_send(r, o);
		break;
	case OUTCOME_WAIT:
		r->phase = PHASE_WAITING;
		r->wake_ms = o->wake_ms;
		break;
	case OUTCOME_SESSION: {
		struct lane *l = lane_make(e, r->account_no);
		r->phase = PHASE_SESSION;
		if (l == NULL || !run_session_start(e, l))
			run_pause(r);
		break;
	}
	case OUTCOME_END:
		run_end_outcome(r, o);
		break;
	}
}
