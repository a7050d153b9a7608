/* http.c: the simulator's HTTP face. `sim_platform NAME TOKEN [TOKEN ...]` listens on a free loopback port, prints "PORT n" and
 * serves until its standard input ends, so that it never outlives the test that started it. Each token is the access token of
 * an account (0, 1, ...), whose refresh token is "refresh-" before it. Bodies are gathered whole, then one handler of the
 * platform's table answers. */
#include "tests/cli/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>

static const struct sim_platform *const platforms[] = {
	&sim_bluesky, &sim_facebook, &sim_instagram, &sim_linkedin, &sim_mastodon, &sim_pinterest, &sim_snapchat,
	&sim_threads, &sim_tiktok, &sim_x, &sim_youtube,
};

static const struct sim_route control[] = {
	{ "POST", "/_control", sim_control_set, 0 },
	{ "GET", "/_control", sim_control_dump, 0 },
};

static struct sim sim = { .sw = { .rate_reset_s = 2 }, .next_id = 7000000000000000 };

struct call {
	struct sim_request q;
	struct MHD_PostProcessor *form;
	int64_t started_ms;
	size_t total;
	bool begun;
};

/* ---- reading a request ---- */

static void append(char **to, size_t *len, const char *data, size_t size)
{
	*to = sim_need(realloc(*to, *len + size + 1));
	if (size)
		memcpy(*to + *len, data, size);
	*len += size;
	(*to)[*len] = '\0';
}

static enum MHD_Result field_part(void *arg, enum MHD_ValueKind kind, const char *name, const char *file, const char *mime,
				  const char *encoding, const char *data, uint64_t at, size_t size)
{
	struct call *call = arg;
	struct sim_request *q = &call->q;
	struct sim_field *f;

	(void)kind;
	(void)encoding;
	f = q->field_count ? &q->fields[q->field_count - 1] : NULL;
	if (at == 0 && !(f && !f->len && f->place != SIM_QUERY && strcmp(f->name, name) == 0)) {
		if (q->field_count == SIM_MAX_FIELDS)
			sim_fail("more fields than a request should have");
		f = &q->fields[q->field_count++];
		*f = (struct sim_field){ .name = sim_copy(name), .file = sim_copy(file), .mime = sim_copy(mime),
		                         .place = q->multipart ? SIM_PART : SIM_FORM };
	}
	f = &q->fields[q->field_count - 1];
	append(&f->value, &f->len, data, size);
	return MHD_YES;
}

static enum MHD_Result field_query(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct sim_request *q = arg;

	(void)kind;
	if (q->field_count == SIM_MAX_FIELDS)
		sim_fail("more fields than a request should have");
	q->fields[q->field_count++] = (struct sim_field){ .name = sim_copy(name), .value = sim_copy(value ? value : ""),
	                                                  .len = value ? strlen(value) : 0, .place = SIM_QUERY };
	return MHD_YES;
}

/* The token of Authorization: whatever the scheme, or of the field that Meta's older calls carry. */
static const char *token_of(const struct sim_request *q)
{
	const char *value = sim_header(q, "Authorization"), *space = value ? strchr(value, ' ') : NULL;

	return space ? space + 1 : sim_arg(q, "access_token");
}

/* ---- routes ---- */

static void forget_ids(struct sim_request *q)
{
	for (int i = 0; i < SIM_MAX_IDS; i++) {
		free(q->ids[i]);
		q->ids[i] = NULL;
	}
}

static bool path_matches(struct sim_request *q, const char *pattern)
{
	const char *path = q->path;
	int count = 0;

	forget_ids(q);
	while (*pattern && *pattern != '?' && *path) {
		if (*pattern == '*') {
			size_t len = strcspn(path, "/");

			if (len == 0 || count == SIM_MAX_IDS)
				return false;
			q->ids[count++] = sim_need(strndup(path, len));
			path += len;
			pattern++;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return !*path && (!*pattern || *pattern == '?');
}

static bool condition_holds(const struct sim_request *q, const char *pattern)
{
	const char *question = strchr(pattern, '?'), *equals = question ? strchr(question, '=') : NULL, *value;
	char name[64];

	if (!question)
		return true;
	snprintf(name, sizeof name, "%.*s", (int)((equals ? equals : strchr(question, '\0')) - question - 1), question + 1);
	value = sim_arg(q, name);
	return value && (!equals || strcmp(value, equals + 1) == 0);
}

static const struct sim_route *route_in(struct sim_request *q, const struct sim_route *routes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(routes[i].method, q->method) == 0 && path_matches(q, routes[i].path) && condition_holds(q, routes[i].path))
			return &routes[i];
	return NULL;
}

/* ---- answering ---- */

static bool token_refused(struct sim_request *q, const struct sim_route *route, struct sim_reply *r)
{
	bool ended = false;

	q->account = sim_account(&sim, q->token, &ended);
	if (!(route->flags & SIM_TOKEN))
		return false;
	if (q->account < 0 || sim.sw.unauthorized)
		sim_refuse(&sim, r, SIM_UNAUTHORIZED);
	else if (ended)
		sim_refuse(&sim, r, SIM_EXPIRED);
	else if (sim.sw.forbidden)
		sim_refuse(&sim, r, SIM_FORBIDDEN);
	return r->status != 0;
}

/* What stands before every handler and behind it. */
static void run(struct sim_request *q, const struct sim_route *route, struct sim_reply *r)
{
	if (sim_take(&sim.sw.rate_next)) {
		sim_refuse(&sim, r, SIM_RATE);
	} else if (!route) {
		sim_refuse(&sim, r, SIM_NO_ROUTE);
	} else if (q->too_large) {
		sim_refuse(&sim, r, SIM_TOO_LARGE);
	} else if (!token_refused(q, route, r)) {
		if ((route->flags & SIM_READ) && sim_take(&sim.sw.read_fail)) {
			sim_refuse(&sim, r, SIM_BROKEN);
			return;
		}
		if ((route->flags & SIM_ACT) && sim_act_fails(&sim, r))
			return;
		route->run(&sim, q, r);
		if (route->flags & SIM_ACT)
			sim_act_done(&sim, r);
		if ((route->flags & SIM_UPLOAD) && r->status < 400) {
			r->sleep_ms = sim.sw.media_delay_ms;
			if (sim_take(&sim.sw.media_drop_after))
				r->status = 0;
		}
	}
}

static enum MHD_Result answer(struct MHD_Connection *c, struct sim_reply *r)
{
	char *text = r->json ? sim_need(cJSON_PrintUnformatted(r->json)) : sim_copy("");
	struct MHD_Response *response = sim_need(MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE));
	enum MHD_Result result;

	if (r->json)
		MHD_add_response_header(response, "Content-Type", "application/json; charset=utf-8");
	for (int i = 0; i < r->header_count; i++)
		MHD_add_response_header(response, r->headers[i][0], r->headers[i][1]);
	result = MHD_queue_response(c, (unsigned)r->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result finish(struct MHD_Connection *c, struct call *call)
{
	struct sim_request *q = &call->q;
	const struct sim_route *route = route_in(q, control, SIM_COUNT(control)), *own = NULL;
	struct sim_reply r = { 0 };
	const char *type = sim_header(q, "Content-Type");
	char name[200];

	MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, field_query, q);
	if (q->body && type && strncmp(type, "application/json", 16) == 0)
		q->json = cJSON_ParseWithLengthOpts(q->body, q->body_len + 1, NULL, true);
	sim_lock();
	if (route) {
		route->run(&sim, q, &r);
	} else {
		own = route_in(q, sim.platform->routes, sim.platform->route_count);
		q->token = token_of(q);
		run(q, own, &r);
		if (sim.platform->headers)
			sim.platform->headers(&sim, q, &r);
		snprintf(name, sizeof name, "%s %s", q->method, own ? own->path : q->path);
		sim_log_add(&sim, name, sim_header(q, "Idempotency-Key"), r.status, call->started_ms);
	}
	sim_sleep(r.sleep_ms);
	sim_unlock();
	enum MHD_Result result = r.status ? answer(c, &r) : MHD_NO;

	cJSON_Delete(r.json);
	for (int i = 0; i < r.header_count; i++) {
		free(r.headers[i][0]);
		free(r.headers[i][1]);
	}
	return result;
}

static struct call *begin(struct MHD_Connection *c, struct call *call, const char *url, const char *method)
{
	const char *type = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Type");
	bool form = type && strncmp(type, "application/x-www-form-urlencoded", 33) == 0;

	call->begun = true;
	call->started_ms = sim_now_ms();
	call->q.connection = c;
	call->q.account = -1;
	call->q.path = sim_copy(url);
	call->q.method = sim_copy(method);
	call->q.multipart = type && strncmp(type, "multipart/form-data", 19) == 0;
	if (call->q.multipart || form)
		call->form = MHD_create_post_processor(c, 65536, field_part, call);
	return call;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url, const char *method, const char *version,
				  const char *data, size_t *size, void **state)
{
	struct call *call = *state;

	(void)arg;
	(void)version;
	if (!call->begun) {
		begin(c, call, url, method);
		return MHD_YES;
	}
	if (*size == 0)
		return finish(c, call);
	call->total += *size;
	call->q.too_large = call->total > SIM_MAX_BODY;
	if (!call->q.too_large && call->form)
		(void)MHD_post_process(call->form, data, *size);
	else if (!call->q.too_large && !call->q.multipart)
		append(&call->q.body, &call->q.body_len, data, *size);
	*size = 0;
	return MHD_YES;
}

/* Called first: what the address was before anything was decoded. */
static void *on_uri(void *arg, const char *uri, struct MHD_Connection *c)
{
	struct call *call = sim_need(calloc(1, sizeof *call));

	(void)arg;
	(void)c;
	call->q.uri = sim_copy(uri);
	return call;
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
	for (int i = 0; i < call->q.field_count; i++) {
		free(call->q.fields[i].name);
		free(call->q.fields[i].value);
		free(call->q.fields[i].file);
		free(call->q.fields[i].mime);
	}
	forget_ids(&call->q);
	free((void *)(uintptr_t)call->q.method);
	free(call->q.uri);
	free(call->q.path);
	free(call->q.body);
	cJSON_Delete(call->q.json);
	free(call);
	*state = NULL;
}

static const struct sim_platform *platform_named(const char *name)
{
	for (size_t i = 0; i < SIM_COUNT(platforms); i++)
		if (strcmp(platforms[i]->name, name) == 0)
			return platforms[i];
	return NULL;
}

static bool prepare(int argc, char **argv)
{
	char text[200];

	sim.platform = argc > 2 && argc <= 2 + SIM_MAX_TOKENS ? platform_named(argv[1]) : NULL;
	if (!sim.platform)
		return false;
	sim.books = sim_need(cJSON_CreateObject());
	for (int i = 2; i < argc; i++) {
		snprintf(text, sizeof text, "refresh-%.180s", argv[i]);
		sim.grants[sim.grant_count++] = (struct sim_grant){ .access = argv[i], .refresh = sim_copy(text), .account = i - 2 };
	}
	return true;
}

int main(int argc, char **argv)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct MHD_Daemon *d;
	char byte;

	if (!prepare(argc, argv)) {
		fprintf(stderr, "usage: sim_platform NAME TOKEN [TOKEN ...]   (serves until its standard input ends)\n");
		return 64;
	}
	d = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0, NULL, NULL, on_request, NULL,
			     MHD_OPTION_SOCK_ADDR, &any, MHD_OPTION_NOTIFY_COMPLETED, on_done, NULL, MHD_OPTION_URI_LOG_CALLBACK, on_uri, NULL,
			     MHD_OPTION_CONNECTION_TIMEOUT, 300u, MHD_OPTION_END);
	if (!d)
		sim_fail("cannot listen on loopback");
	sim.port = MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT)->port;
	printf("PORT %d\n", sim.port);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	MHD_stop_daemon(d);
	return 0;
}
