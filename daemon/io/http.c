/* http.c: libcurl's multi interface on the loop. One transfer is http_transfer.c.
 *
 * The one idea: libcurl tells of a finished transfer only when asked, and any call of curl_multi_socket_action may have
 * finished one, that of the timer as much as that of a socket. So there is one place that calls it, http_drive, and it
 * always asks. */
#include "daemon/io/http.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "daemon/io/http_transfer.h"
#include "daemon/io/loop.h"
#include "daemon/log.h"
#include "proto/status.h"

#define DEFAULT_MAX_IN_FLIGHT 256
#define MAX_KEPT_CONNECTIONS 256L

struct http {
	uv_loop_t *uv;
	uv_timer_t timer;
	CURLM *multi;                  /* NULL after a failure of libcurl's until a new one can be had */
	char *ca_file, *proxy, *user_agent;
	struct http_options options;   /* points to the copies above */
	struct transfer under_way;     /* list head */
	unsigned in_flight;
};

struct watch {
	uv_poll_t poll;                /* first: freed through it */
	struct http *http;
	curl_socket_t fd;
};

/* ---- the list of transfers ---- */

static void list_init(struct transfer *head)
{
	head->prev = head->next = head;
}

static void list_add(struct transfer *head, struct transfer *t)
{
	t->prev = head->prev;
	t->next = head;
	head->prev->next = t;
	head->prev = t;
}

static void list_remove(struct transfer *t)
{
	t->prev->next = t->next;
	t->next->prev = t->prev;
}

/* ---- driving libcurl ---- */

/* The transfer is in no list and no multi any more. */
static void finish(struct http *h, struct transfer *t, CURLcode code)
{
	struct http_result res;

	h->in_flight--;
	transfer_result(t, code, &res);
	t->done(t->ctx, &res);
	transfer_free(t);
}

static void collect(struct http *h)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(h->multi, &left)) != NULL) {
		struct transfer *t = NULL;
		CURL *easy = msg->easy_handle;
		CURLcode code = msg->data.result;

		if (msg->msg != CURLMSG_DONE || curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t) != CURLE_OK)
			continue;
		(void)curl_multi_remove_handle(h->multi, easy);
		list_remove(t);
		finish(h, t, code);
	}
}

/* libcurl's multi handle is of no more use: everything under way ends, each with how far it got; what is started from
 * now on runs on a new one. */
static void restart(struct http *h, const char *reason)
{
	struct transfer failed;

	log_line(LOG_LEVEL_ERR, "libcurl failed, ending all HTTP requests under way", "reason=\"%s\" requests=%u",
	         reason, h->in_flight);
	list_init(&failed);
	while (h->under_way.next != &h->under_way) {
		struct transfer *t = h->under_way.next;

		(void)curl_multi_remove_handle(h->multi, t->easy);
		list_remove(t);
		list_add(&failed, t);
	}
	(void)curl_multi_cleanup(h->multi);
	h->multi = NULL;
	uv_timer_stop(&h->timer);
	while (failed.next != &failed) {
		struct transfer *t = failed.next;

		list_remove(t);
		finish(h, t, CURLE_ABORTED_BY_CALLBACK);
	}
}

static void http_drive(struct http *h, curl_socket_t fd, int events)
{
	int running;
	CURLMcode code;

	if (h->multi == NULL)
		return;
	code = curl_multi_socket_action(h->multi, fd, events, &running);
	collect(h);
	if (code != CURLM_OK && h->multi != NULL)
		restart(h, curl_multi_strerror(code));
}

static void on_timeout(uv_timer_t *timer)
{
	http_drive(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_multi_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	struct http *h = ctx;

	(void)multi;
	if (timeout_ms < 0) {
		uv_timer_stop(&h->timer);
		return 0;
	}
	/* The loop's idea of now is as old as its iteration; a timer counted from it would ring too early. */
	uv_update_time(h->uv);
	return uv_timer_start(&h->timer, on_timeout, (uint64_t)timeout_ms, 0) == 0 ? 0 : -1;
}

static void on_socket_event(uv_poll_t *poll, int status, int events)
{
	struct watch *w = poll->data;
	int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);

	http_drive(w->http, w->fd, status < 0 ? CURL_CSELECT_ERR : flags);
}

static void on_watch_closed(uv_handle_t *handle)
{
	free(handle);
}

static struct watch *watch_new(struct http *h, curl_socket_t fd)
{
	struct watch *w = calloc(1, sizeof *w);

	if (w == NULL)
		return NULL;
	if (uv_poll_init_socket(h->uv, &w->poll, fd) != 0) {
		free(w);
		return NULL;
	}
	w->poll.data = w;
	w->http = h;
	w->fd = fd;
	return w;
}

/* libcurl wants a socket watched. -1 makes its multi handle fail as a whole, which http_drive then sees. */
static int on_multi_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	struct http *h = ctx;
	struct watch *w = socket_ctx;
	int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w != NULL) {
			uv_poll_stop(&w->poll);
			uv_close((uv_handle_t *)&w->poll, on_watch_closed);
			(void)curl_multi_assign(h->multi, fd, NULL);
		}
		return 0;
	}
	if (w == NULL) {
		w = watch_new(h, fd);
		if (w == NULL)
			return -1;
		if (curl_multi_assign(h->multi, fd, w) != CURLM_OK) {
			uv_close((uv_handle_t *)&w->poll, on_watch_closed);
			return -1;
		}
	}
	return uv_poll_start(&w->poll, events, on_socket_event) == 0 ? 0 : -1;
}

/* ---- opening, starting, closing ---- */

static int multi_open(struct http *h)
{
	bool good;

	h->multi = curl_multi_init();
	if (h->multi == NULL)
		return -ST_NO_MEMORY;
	good = curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_multi_socket) == CURLM_OK &&
	       curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h) == CURLM_OK &&
	       curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_multi_timer) == CURLM_OK &&
	       curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h) == CURLM_OK &&
	       curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK &&
	       curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, MAX_KEPT_CONNECTIONS) == CURLM_OK;
	if (good)
		return 0;
	(void)curl_multi_cleanup(h->multi);
	h->multi = NULL;
	return -ST_INTERNAL;
}

static void http_discard(struct http *h)
{
	free(h->ca_file);
	free(h->proxy);
	free(h->user_agent);
	free(h);
	curl_global_cleanup();
}

/* A copy of text, or NULL for NULL; memory running out sticks in *error. */
static char *copy_text(const char *text, int *error)
{
	char *copy = text != NULL ? strdup(text) : NULL;

	if (text != NULL && copy == NULL)
		*error = -ST_NO_MEMORY;
	return copy;
}

int http_new(struct loop *l, const struct http_options *o, struct http **out)
{
	struct http *h;
	int err = 0;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)      /* counted: one cleanup for each */
		return -ST_INTERNAL;
	h = calloc(1, sizeof *h);
	if (h == NULL) {
		curl_global_cleanup();
		return -ST_NO_MEMORY;
	}
	h->uv = loop_uv(l);
	list_init(&h->under_way);
	h->options = *o;
	h->options.ca_file = h->ca_file = copy_text(o->ca_file, &err);
	h->options.proxy = h->proxy = copy_text(o->proxy, &err);
	h->options.user_agent = h->user_agent = copy_text(o->user_agent, &err);
	if (h->options.max_in_flight == 0)
		h->options.max_in_flight = DEFAULT_MAX_IN_FLIGHT;
	if (err == 0)
		err = multi_open(h);
	if (err != 0) {
		http_discard(h);
		return err;
	}
	(void)uv_timer_init(h->uv, &h->timer);      /* cannot fail */
	h->timer.data = h;
	*out = h;
	return 0;
}

int http_start(struct http *h, struct http_request *r, void (*done)(void *ctx, const struct http_result *res),
               void *ctx)
{
	struct transfer *t;
	int err = 0;

	if (h->in_flight >= h->options.max_in_flight)
		err = -ST_BUSY;
	else if (h->multi == NULL)
		err = multi_open(h);
	if (err != 0) {
		http_request_free(r);
		return err;
	}
	err = transfer_new(r, &h->options, &t);
	if (err != 0)
		return err;
	t->done = done;
	t->ctx = ctx;
	/* Only sets its timer: the first byte moves in a later iteration of the loop, and so does any callback. */
	if (curl_multi_add_handle(h->multi, t->easy) != CURLM_OK) {
		transfer_free(t);
		return -ST_NO_MEMORY;
	}
	list_add(&h->under_way, t);
	h->in_flight++;
	return 0;
}

unsigned http_in_flight(const struct http *h)
{
	return h->in_flight;
}

static void on_timer_closed(uv_handle_t *handle)
{
	http_discard(handle->data);
}

void http_free(struct http *h)
{
	if (h == NULL)
		return;
	while (h->under_way.next != &h->under_way) {
		struct transfer *t = h->under_way.next;

		(void)curl_multi_remove_handle(h->multi, t->easy);
		list_remove(t);
		transfer_free(t);
	}
	if (h->multi != NULL)
		(void)curl_multi_cleanup(h->multi);
	uv_close((uv_handle_t *)&h->timer, on_timer_closed);
}
