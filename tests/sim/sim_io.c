/* sim_io.c: disk, HTTP and files as the simulation builds them. A request is two events: it arrives at its platform, and its
 * sender learns something. Chance decides what happens to each. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine_priv.h"
#include "daemon/io/file.h"
#include "daemon/io/http.h"
#include "daemon/io/http_transfer.h"
#include "daemon/store/kv.h"
#include "proto/status.h"

/* ---- the disk ---- */

static struct { uint64_t before_commit, after_commit, before_send, after_send, full, commits; } stops;

static bool stop_here(enum sim_place place, uint64_t number)
{
	bool here = place == sim.stop_place && number == sim.stop_at && !sim.dead;
	sim.stopped |= here;
	return here;
}

int __real_kv_commit(struct kv_txn *txn);
int __wrap_kv_commit(struct kv_txn *txn);

/* Every commit is a place where the process may stop, just before or just after it, or where the disk may be full. */
int __wrap_kv_commit(struct kv_txn *txn)
{
	unsigned scale = sim.quiet ? 0 : sim.scale;
	stops.commits++;
	sim.commits += !sim.dead;
	if (sim.dead || sim_chance(&sim.faults, scale * 20 / 100) || stop_here(PLACE_BEFORE_COMMIT, sim.commits)) {
		stops.before_commit += !sim.dead;
		sim.dead = true;
		kv_abort(txn);
		return -ST_IO;
	}
	if (sim_chance(&sim.faults, scale * 50 / 100)) {
		stops.full++;
		kv_abort(txn);
		return -ST_NO_SPACE;
	}
	int rc = __real_kv_commit(txn);
	if (rc == 0 && (sim_chance(&sim.faults, scale * 20 / 100) || stop_here(PLACE_AFTER_COMMIT, sim.commits))) {
		stops.after_commit++;
		sim.dead = true;
		return -ST_IO;
	}
	return rc;
}

/* ---- HTTP ---- */

const char *const sim_fault_names[FAULT__COUNT] = {
	[FAULT_NONE] = "none", [FAULT_REFUSED] = "refused", [FAULT_LOST_BEFORE] = "lost-before", [FAULT_LOST_AFTER] = "lost-after",
	[FAULT_LATE] = "late", [FAULT_5XX_BEFORE] = "5xx-before", [FAULT_5XX_AFTER] = "5xx-after", [FAULT_429] = "429",
	[FAULT_401] = "401", [FAULT_SLOW] = "slow", [FAULT_GARBAGE] = "garbage", [FAULT_STOP_BEFORE] = "stop-before",
	[FAULT_STOP_AFTER] = "stop-after",
};
static const unsigned fault_chance[FAULT__COUNT] = {
	[FAULT_REFUSED] = 250, [FAULT_LOST_BEFORE] = 250, [FAULT_LOST_AFTER] = 400, [FAULT_LATE] = 150, [FAULT_5XX_BEFORE] = 200,
	[FAULT_5XX_AFTER] = 300, [FAULT_429] = 150, [FAULT_401] = 40, [FAULT_SLOW] = 300, [FAULT_GARBAGE] = 100,
	[FAULT_STOP_BEFORE] = 30, [FAULT_STOP_AFTER] = 60,
};

/* One exchange. Two events know of it: arrival and answer; the second one frees it. */
struct call {
	struct host *host;
	char *method, *path, *body, *key;
	size_t body_len;
	enum sim_fault fault;
	bool arrived, told;
	struct sim_answer answer;
	void (*done)(void *ctx, const struct http_result *res);
	void (*file_done)(void *ctx, int error, const char *text);
	void *ctx;
};

static void call_free(struct call *c)
{
	free(c->method);
	free(c->path);
	free(c->body);
	free(c->key);
	buf_done(&c->answer.body);
	free(c);
}

static void call_told(void *data)
{
	struct call *c = data;
	c->told = true;
	if (c->arrived)
		call_free(c);
}

static void call_gone(void *data)
{
	struct call *c = data;
	c->arrived = true;
	if (c->told)
		call_free(c);
}

static enum sim_fault fault_pick(bool once)
{
	uint64_t at = sim_below(&sim.faults, 10000), sum = 0;
	if (sim.quiet)
		return FAULT_NONE;
	for (int f = FAULT_NONE + 1; f < FAULT__COUNT; f++) {
		/* What is seen by the public is where faults matter most. */
		sum += fault_chance[f] * sim.scale / (once ? 50 : 100);
		if (at < sum)
			return (enum sim_fault)f;
	}
	return FAULT_NONE;
}

static void call_arrive(void *data)
{
	struct call *c = data;
	const struct sim_request r = { c->method, c->path, c->body, c->body_len, c->key };
	buf_init(&c->answer.body, 16 * 1024 * 1024);
	if (c->fault == FAULT_5XX_BEFORE || c->fault == FAULT_429 || c->fault == FAULT_401)
		platform_refuse(c->host, c->fault, &c->answer);
	else if (c->host->kind == KIND_OUTBOX)
		platform_file(c->host, c->path, c->body, c->body_len);
	else
		platform_answer(c->host, &r, SIM_EPOCH_MS + sim.now_us / 1000, &c->answer);
	if (c->fault == FAULT_5XX_AFTER)
		c->answer.status = 502;
	if (c->fault == FAULT_GARBAGE && c->answer.status < 300) {
		buf_reset(&c->answer.body);
		buf_add_str(&c->answer.body, "<html>hello</html>");
	}
	call_gone(c);
}

static void call_answer(void *data)
{
	struct call *c = data;
	struct http_result res = { .reach = HTTP_ANSWERED };
	char name[] = "Retry-After";
	struct http_header header = { .name = name, .value = c->answer.retry_after };
	if (c->fault == FAULT_REFUSED)
		res = (struct http_result){ .reach = HTTP_NOT_SENT, .error = "connection refused" };
	else if (c->fault == FAULT_LOST_BEFORE || c->fault == FAULT_LOST_AFTER || c->fault == FAULT_LATE || !c->arrived)
		res = (struct http_result){ .reach = HTTP_MAYBE_SENT, .error = "connection reset" };
	else {
		res.status = c->answer.status;
		res.body = buf_cstr(&c->answer.body);
		res.body_len = c->answer.body.len;
		res.headers = &header;
		res.header_count = header.value[0] != '\0';
	}
	if (c->file_done != NULL)
		c->file_done(c->ctx, res.reach == HTTP_ANSWERED && res.status < 300 ? 0 : -ST_IO, "the simulated disk failed");
	else
		c->done(c->ctx, &res);
	call_told(c);
}

/* Plans what becomes of the exchange. Returns false where the process stops before anything left. */
static void call_plan(struct call *c, bool once)
{
	static const enum sim_fault no_file_fault[] = { FAULT_REFUSED, FAULT_LATE, FAULT_429, FAULT_401, FAULT_GARBAGE };
	struct sim_rng *r = &sim.faults;
	c->fault = fault_pick(once);
	sim.sends++;
	if (stop_here(PLACE_BEFORE_SEND, sim.sends))
		c->fault = FAULT_STOP_BEFORE;
	else if (stop_here(PLACE_AFTER_SEND, sim.sends))
		c->fault = FAULT_STOP_AFTER;
	for (size_t i = 0; c->host->kind == KIND_OUTBOX && i < sizeof no_file_fault / sizeof *no_file_fault; i++)
		if (c->fault == no_file_fault[i])
			c->fault = FAULT_NONE;
	/* A server without memory of keys is one whose requests do not arrive minutes late. */
	if (c->host->kind == KIND_PLAIN && c->fault == FAULT_LATE)
		c->fault = FAULT_LOST_AFTER;
	sim_cover(c->host->kind, ((const struct run *)c->ctx)->step, c->fault);
	int64_t arrive_us = sim_between(r, 1000, 1500 * 1000), answer_us = arrive_us + sim_between(r, 1000, 1500 * 1000);
	if (c->fault == FAULT_LOST_BEFORE || c->fault == FAULT_LOST_AFTER)
		answer_us = sim_between(r, 1000, 20 * SECOND_US);
	else if (c->fault == FAULT_SLOW)
		answer_us = arrive_us + sim_between(r, 5 * SECOND_US, 58 * SECOND_US);
	else if (c->fault == FAULT_LATE) {
		answer_us = sim_between(r, SECOND_US, 20 * SECOND_US);
		arrive_us = sim_between(r, answer_us, 8 * MINUTE_US);
		sim_note_late(c->host, c->body);
	}
	if (c->fault == FAULT_STOP_BEFORE || c->fault == FAULT_STOP_AFTER) {
		stops.before_send += c->fault == FAULT_STOP_BEFORE;
		stops.after_send += c->fault == FAULT_STOP_AFTER;
		sim.dead = true;
	}
	bool leaves = c->fault != FAULT_REFUSED && c->fault != FAULT_LOST_BEFORE && c->fault != FAULT_STOP_BEFORE;
	c->arrived = !leaves;
	if (leaves)
		sim_at(arrive_us, 0, call_arrive, NULL, c);
	sim_at(answer_us, sim.generation, call_answer, call_told, c);
}

static char *copy(const char *text, size_t len)
{
	char *s = calloc(1, len + 1);
	if (s == NULL)
		abort();
	memcpy(s, text, len);
	return s;
}

static struct call *call_new(struct host *h, const char *method, const char *path)
{
	struct call *c = calloc(1, sizeof *c);
	if (c == NULL)
		abort();
	c->host = h;
	c->method = copy(method, strlen(method));
	c->path = copy(path, strlen(path));
	return c;
}

int http_start(struct http *h, struct http_request *r, void (*done)(void *ctx, const struct http_result *res), void *ctx)
{
	struct buf body = BUF_INIT(16 * 1024 * 1024);
	const char *path = strchr(r->url + strlen("https://"), '/');
	(void)h;
	if (sim.dead) {
		http_request_free(r);
		return 0;
	}
	struct call *c = call_new(sim_host_find(r->url), r->method, path != NULL ? path : "/");
	for (size_t i = 0; i < r->piece_count; i++)
		buf_add(&body, r->pieces[i].data, r->pieces[i].len);
	c->body_len = body.len;
	c->body = copy(buf_cstr(&body), body.len);
	buf_done(&body);
	for (size_t i = 0; i < r->header_count; i++)
		if (strcmp(r->headers[i].name, "Idempotency-Key") == 0)
			c->key = copy(r->headers[i].value, strlen(r->headers[i].value));
	c->done = done;
	c->ctx = ctx;
	if (sim.trace)
		printf("%12.3f send %s %s %s %.60s\n", (double)sim.now_us / 1e6, c->host->name, r->method, c->path, c->body);
	call_plan(c, r->once);
	if (sim.trace)
		printf("%12.3f      fault %s\n", (double)sim.now_us / 1e6, sim_fault_names[c->fault]);
	http_request_free(r);
	return 0;
}

/* ---- files ---- */

const char *files_path(const struct files *f, const char *sha256, char *buf, size_t size)
{
	(void)f;
	(void)snprintf(buf, size, "/media/%s", sha256);
	return buf;
}

int file_publish(struct files *f, const char *directory, const char *name, const void *data, size_t len, const struct file_link *links,
                 size_t link_count, void (*done)(void *ctx, int error, const char *text), void *ctx)
{
	(void)f;
	(void)links;
	(void)link_count;
	if (sim.dead)
		return 0;
	struct call *c = call_new(sim_host_find(directory), "FILE", name);
	c->body = copy(data, len);
	c->body_len = len;
	c->file_done = done;
	c->ctx = ctx;
	call_plan(c, false);
	return 0;
}

/* What is taken away is nothing that the world counts. */
int file_unpublish(struct files *f, const char *directory, const char *name, void (*done)(void *ctx, int error, const char *text),
                   void *ctx)
{
	(void)f;
	if (sim.dead)
		return 0;
	struct call *c = call_new(sim_host_find(directory), "UNLINK", name);
	c->file_done = done;
	c->ctx = ctx;
	call_plan(c, false);
	return 0;
}

void sim_stops(void)
{
	printf("stops: %llu before a commit, %llu after, %llu before a send, %llu after; disk full %llu of %llu commits\n",
	       (unsigned long long)stops.before_commit, (unsigned long long)stops.after_commit,
	       (unsigned long long)stops.before_send, (unsigned long long)stops.after_send, (unsigned long long)stops.full,
	       (unsigned long long)stops.commits);
}
