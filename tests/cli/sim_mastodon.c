/* sim_mastodon.c: the simulator's HTTP face. `sim_mastodon TOKEN [TOKEN ...]` listens on a free loopback port, prints "PORT n"
 * and serves until its standard input ends, so that it never outlives the test that started it. Each token is an account
 * (1100, 1101, ...). Bodies are gathered whole, then one handler of the table below answers. */
#include "tests/cli/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>

enum access { OPEN, TOKEN };

static const struct route { const char *method, *path; sim_handler *run; enum access access; } routes[] = {
	{ "GET", "/api/v1/accounts/verify_credentials", sim_verify, TOKEN },
	{ "GET", "/api/v2/instance", sim_instance, OPEN },
	{ "POST", "/api/v2/media", sim_post_media, TOKEN },
	{ "GET", "/api/v1/media/*", sim_get_media, TOKEN },
	{ "PUT", "/api/v1/media/*", sim_put_media, TOKEN },
	{ "POST", "/api/v1/statuses", sim_post_status, TOKEN },
	{ "GET", "/api/v1/accounts/*/statuses", sim_list_statuses, TOKEN },
	{ "GET", "/api/v1/statuses/*", sim_get_status, TOKEN },
	{ "GET", "/api/v1/statuses/*/source", sim_get_source, TOKEN },
	{ "DELETE", "/api/v1/statuses/*", sim_delete_status, TOKEN },
	{ "POST", "/_control", sim_control_set, OPEN },
	{ "GET", "/_control/statuses", sim_control_dump, OPEN },
};

static struct sim sim = {
	.rate_left = 300,
	.sw = { .overlap_503 = 1, .rate_reset_s = 2, .max_characters = 500, .url_characters = 23, .max_media = 4,
		.description_limit = 1500, .image_size_limit = 16777216 },
};

struct call {
	struct sim_request q;
	struct MHD_PostProcessor *form;
	int64_t started_ms;
	bool begun;
};

static void fail(const char *what)
{
	fprintf(stderr, "sim_mastodon: %s\n", what);
	exit(1);
}

static bool append(struct sim_request *q, char **to, size_t *len, const char *data, size_t size)
{
	if (*len + size > SIM_MAX_BODY) {
		q->too_large = true;
		return false;
	}
	char *bigger = realloc(*to, *len + size + 1);

	if (!bigger)
		fail("out of memory");
	*to = bigger;
	memcpy(bigger + *len, data, size);
	*len += size;
	bigger[*len] = '\0';
	return true;
}

static enum MHD_Result form_part(void *arg, enum MHD_ValueKind kind, const char *name, const char *file, const char *mime,
				 const char *encoding, const char *data, uint64_t at, size_t size)
{
	struct sim_request *q = arg;

	(void)kind;
	(void)encoding;
	if (strcmp(name, "description") == 0)
		return append(q, &q->description, &q->description_len, data, size) ? MHD_YES : MHD_NO;
	if (strcmp(name, "file") != 0)
		return MHD_YES;
	if (at == 0 && !q->file_name) {
		q->file_name = sim_copy(file);
		q->file_mime = sim_copy(mime);
	}
	return append(q, &q->body, &q->body_len, data, size) ? MHD_YES : MHD_NO;
}

static const char *query(const struct sim_request *q, const char *name)
{
	return MHD_lookup_connection_value(q->connection, MHD_GET_ARGUMENT_KIND, name);
}

static int account_of(struct MHD_Connection *c)
{
	const char *value = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization");

	for (int i = 0; value && strncmp(value, "Bearer ", 7) == 0 && i < sim.token_count; i++)
		if (strcmp(value + 7, sim.tokens[i]) == 0)
			return i;
	return -1;
}

/* "*" stands for one segment, which is copied to q->id_text. */
static bool path_matches(struct sim_request *q, const char *pattern, const char *path)
{
	while (*pattern && *path) {
		if (*pattern == '*') {
			size_t len = strcspn(path, "/");

			if (len == 0 || len >= sizeof q->id_text)
				return false;
			memcpy(q->id_text, path, len);
			q->id_text[len] = '\0';
			q->id = q->id_text;
			path += len;
			pattern++;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return *pattern == *path;
}

static const struct route *route_find(struct sim_request *q)
{
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
		if (strcmp(routes[i].method, q->method) == 0 && path_matches(q, routes[i].path, q->path))
			return &routes[i];
	return NULL;
}

/* What stands before every handler; the answer is in r if the request may not pass. */
static void run(struct sim_request *q, const struct route *route, struct sim_reply *r)
{
	bool control = route && strncmp(route->path, "/_control", 9) == 0;

	if (!control && sim_take(&sim.sw.rate_next)) {
		sim_error(r, 429, "Too many requests");
		r->rate_headers = true;
		r->reset_ms = sim_now_ms() + (int64_t)sim.sw.rate_reset_s * 1000;
	} else if (!route) {
		sim_error(r, 404, "Record not found");
	} else if (q->too_large) {
		sim_error(r, 413, "too large");
	} else if (route->access == TOKEN && (q->account < 0 || sim.sw.unauthorized)) {
		sim_error(r, 401, "The access token is invalid");
	} else if (route->access == TOKEN && sim.sw.forbidden) {
		sim_error(r, 403, "This action is outside the authorized scopes");
	} else {
		route->run(&sim, q, r);
	}
}

static void add_rate(struct MHD_Response *response, struct sim_reply *r)
{
	char text[48];

	MHD_add_response_header(response, "X-RateLimit-Limit", "300");
	snprintf(text, sizeof text, "%d", r->status == 429 ? 0 : sim.rate_left);
	MHD_add_response_header(response, "X-RateLimit-Remaining", text);
	sim_iso(r->reset_ms ? r->reset_ms : sim_now_ms() / 10800000 * 10800000 + 10800000, text, sizeof text, true);
	MHD_add_response_header(response, "X-RateLimit-Reset", text);
}

static enum MHD_Result answer(struct MHD_Connection *c, struct sim_reply *r)
{
	char *text = cJSON_PrintUnformatted(r->json);
	struct MHD_Response *response = text ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE) : NULL;
	enum MHD_Result result;

	if (!response)
		fail("out of memory");
	MHD_add_response_header(response, "Content-Type", "application/json; charset=utf-8");
	if (r->rate_headers)
		add_rate(response, r);
	result = MHD_queue_response(c, (unsigned)r->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result finish(struct MHD_Connection *c, struct call *call)
{
	struct sim_request *q = &call->q;
	const struct route *route = route_find(q);
	struct sim_reply r = { 0 };
	char name[160];

	q->query = query;
	q->connection = c;
	q->account = account_of(c);
	q->key = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Idempotency-Key");
	snprintf(name, sizeof name, "%s %s", q->method, route ? route->path : q->path);
	sim_lock();
	run(q, route, &r);
	if (r.rate_headers && sim.rate_left > 0)
		sim.rate_left--;
	if (strncmp(q->path, "/_control", 9) != 0)
		sim_log_add(&sim, name, q->key, r.status, call->started_ms);
	sim_sleep(r.sleep_ms);
	sim_unlock();
	enum MHD_Result result = r.status ? answer(c, &r) : MHD_NO;

	cJSON_Delete(r.json);
	return result;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url, const char *method, const char *version,
				  const char *data, size_t *size, void **state)
{
	struct call *call = *state;

	(void)arg;
	(void)version;
	if (!call) {
		const char *type = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Type");

		call = calloc(1, sizeof *call);
		if (!call)
			fail("out of memory");
		*state = call;
		call->started_ms = sim_now_ms();
		call->q.path = sim_copy(url);
		call->q.method = sim_copy(method);
		call->q.multipart = type && strncmp(type, "multipart/form-data", 19) == 0;
		if (call->q.multipart)
			call->form = MHD_create_post_processor(c, 65536, form_part, &call->q);
		return MHD_YES;
	}
	if (*size == 0)
		return finish(c, call);
	if (call->form)
		(void)MHD_post_process(call->form, data, *size);
	else if (!call->q.multipart)
		(void)append(&call->q, &call->q.body, &call->q.body_len, data, *size);
	*size = 0;
	return MHD_YES;
}

static void on_done(void *arg, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why)
{
	struct call *call = *state;

	(void)arg;
	(void)c;
	(void)why;
	if (!call)
		return;
	if (call->form)
		MHD_destroy_post_processor(call->form);
	free((void *)(uintptr_t)call->q.path);
	free((void *)(uintptr_t)call->q.method);
	free(call->q.file_name);
	free(call->q.file_mime);
	free(call->q.description);
	free(call->q.body);
	free(call);
	*state = NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct MHD_Daemon *d;
	char byte;

	if (argc < 2 || argc > 1 + SIM_MAX_TOKENS) {
		fprintf(stderr, "usage: sim_mastodon TOKEN [TOKEN ...]   (serves until its standard input ends)\n");
		return 64;
	}
	while (sim.token_count < argc - 1) {
		sim.tokens[sim.token_count] = argv[1 + sim.token_count];
		sim.token_count++;
	}
	d = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0, NULL, NULL, on_request, NULL,
			     MHD_OPTION_SOCK_ADDR, &any, MHD_OPTION_NOTIFY_COMPLETED, on_done, NULL,
			     MHD_OPTION_CONNECTION_TIMEOUT, 300u, MHD_OPTION_END);
	if (!d)
		fail("cannot listen on loopback");
	sim.port = MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT)->port;
	printf("PORT %d\n", sim.port);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	MHD_stop_daemon(d);
	return 0;
}
