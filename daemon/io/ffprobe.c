/* ffprobe.c: the process, from uv_spawn to its end. What was asked is told once: when the answer is whole, or when time or room is over.
 * A process that was told off is killed, and keeps its place until it is gone, so that no more than two are ever there. */
#include "daemon/io/ffprobe.h"

#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include "daemon/io/loop.h"
#include "proto/buf.h"
#include "proto/status.h"

#define MAX_RUNNING 2
#define MAX_MEMORY_BYTES (1024UL * 1024 * 1024)
#define MAX_CPU_S 10
#define MAX_FILES 64

struct ask {
	struct ffprobe *room;
	struct ask *next;
	char *file;                              /* "file:PATH": never taken for an option or for another protocol */
	const char *container;
	void (*done)(void *ctx, const struct ffprobe_info *info);      /* NULL: told */
	void *ctx;
	bool begun, exited, closed;              /* closed: all of its output is here */
	int signal;
	unsigned handles;                        /* not closed yet */
	uv_process_t process;
	uv_pipe_t out;
	uv_timer_t limit;
	struct buf text;
	char piece[4096];
};

struct ffprobe {
	uv_loop_t *uv;
	uint64_t limit_ms;
	struct ask *asks;                        /* oldest first */
	unsigned running;
};

static const struct { const char *mime, *container; } kinds[] = {
	{ "video/mp4", "mov" }, { "video/quicktime", "mov" }, { "video/webm", "matroska" },
};

static const char *container_of(const char *mime)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kinds[i].mime, mime) == 0)
			return kinds[i].container;
	return NULL;
}

bool ffprobe_takes(const char *mime)
{
	return container_of(mime) != NULL;
}

/* ---- telling ---- */

static void ask_tell(struct ask *a, const struct ffprobe_info *info)
{
	void (*done)(void *, const struct ffprobe_info *) = a->done;

	a->done = NULL;
	if (done)
		done(a->ctx, info);
}

static void ask_say(struct ask *a, const char *why)
{
	struct ffprobe_info info = { .duration_ms = 0 };

	(void)snprintf(info.why, sizeof info.why, "%s", why);
	ask_tell(a, &info);
}

static void ask_answer(struct ask *a)
{
	struct ffprobe_info info;

	if (a->signal != 0) {
		ask_say(a, "ffprobe was ended by a signal: what is in it is damaged, or too large for it");
		return;
	}
	ffprobe_read(buf_cstr(&a->text), a->text.len, &info);
	ask_tell(a, &info);
}

/* ---- ending ---- */

static void ask_free(struct ask *a)
{
	buf_done(&a->text);
	free(a->file);
	free(a);
}

static void on_closed(uv_handle_t *handle)
{
	struct ask *a = handle->data;

	if (--a->handles == 0)
		ask_free(a);
}

static void ask_close(struct ask *a)
{
	uv_handle_t *all[] = { (uv_handle_t *)&a->process, (uv_handle_t *)&a->out, (uv_handle_t *)&a->limit };

	a->handles = sizeof all / sizeof all[0];
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		all[i]->data = a;
		uv_close(all[i], on_closed);
	}
}

static void ask_remove(struct ask *a)
{
	struct ask **at = &a->room->asks;

	while (*at && *at != a)
		at = &(*at)->next;
	if (*at)
		*at = a->next;
}

static void pump(struct ffprobe *f);

/* When it is gone and has been told. */
static void ask_settle(struct ask *a)
{
	struct ffprobe *f = a->room;

	if (a->exited && a->closed)
		ask_answer(a);
	if (!a->exited || a->done)
		return;
	ask_remove(a);
	f->running--;
	ask_close(a);
	pump(f);
}

static void ask_give_up(struct ask *a, const char *why)
{
	if (!a->exited)
		(void)uv_process_kill(&a->process, SIGKILL);
	(void)uv_read_stop((uv_stream_t *)&a->out);
	ask_say(a, why);
	ask_settle(a);
}

/* ---- while it runs ---- */

static void on_gone(uv_process_t *process, int64_t status, int signal)
{
	struct ask *a = process->data;

	(void)status;        /* the text says it all */
	a->exited = true;
	a->signal = signal;
	ask_settle(a);
}

static void on_limit(uv_timer_t *limit)
{
	struct ask *a = limit->data;
	char why[80];

	(void)snprintf(why, sizeof why, "ffprobe took longer than %llu ms", (unsigned long long)a->room->limit_ms);
	ask_give_up(a, why);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct ask *a = handle->data;

	(void)suggested;
	*out = uv_buf_init(a->piece, sizeof a->piece);
}

static void on_text(uv_stream_t *stream, ssize_t n, const uv_buf_t *piece)
{
	struct ask *a = stream->data;

	if (n < 0) {
		(void)uv_read_stop(stream);
		a->closed = true;
		ask_settle(a);
		return;
	}
	buf_add(&a->text, piece->base, (size_t)n);
	if (buf_error(&a->text) < 0)
		ask_give_up(a, buf_error(&a->text) == -ST_TOO_LARGE ? "ffprobe had more to say than is taken" : "there was no memory for what ffprobe said");
}

/* ---- starting ---- */

static bool bound(int pid)
{
	static const struct { __rlimit_resource_t what; rlim_t most; } limits[] = {
		{ RLIMIT_AS, MAX_MEMORY_BYTES }, { RLIMIT_CPU, MAX_CPU_S }, { RLIMIT_FSIZE, 0 }, { RLIMIT_NOFILE, MAX_FILES },
	};

	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		const struct rlimit limit = { limits[i].most, limits[i].most };

		/* It may have ended by now: then it harms nobody. */
		if (prlimit(pid, limits[i].what, &limit, NULL) != 0 && errno != ESRCH)
			return false;
	}
	return true;
}

/* 0, or libuv's error. */
static int spawn(struct ask *a)
{
	static char name[] = FFPROBE;
	const char *search = getenv("PATH");
	char path[4096];
	int n = snprintf(path, sizeof path, "PATH=%s", search && *search ? search : "/usr/local/bin:/usr/bin:/bin");
	char *env[] = { path, (char[]){ "LC_ALL=C" }, NULL };
	const char *args[] = {
		name, "-v", "quiet", "-show_error", "-protocol_whitelist", "file", "-nofind_stream_info", "-threads", "1", "-print_format", "json",
		"-show_entries", "format=duration:stream=codec_type,codec_name,width,height,avg_frame_rate,channels,sample_rate"
		":stream_disposition=attached_pic:stream_side_data=rotation",
		"-f", a->container, "-i", a->file, NULL,
	};
	char *argv[sizeof args / sizeof args[0]];
	uv_stdio_container_t stdio[3] = {
		{ .flags = UV_IGNORE }, { .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&a->out }, { .flags = UV_IGNORE },
	};
	uv_process_options_t options = { .exit_cb = on_gone, .file = name, .args = argv, .env = env, .stdio_count = 3, .stdio = stdio };

	if (n < 0 || (size_t)n >= sizeof path)
		return UV_ENAMETOOLONG;
	/* Libraries leave descriptors open over exec(3): LMDB that of the store's data. */
	if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
		return -errno;
	memcpy(argv, args, sizeof argv);         /* exec(3) takes them without const and changes nothing */
	return uv_spawn(a->room->uv, &a->process, &options);
}

static void ask_begin(struct ask *a)
{
	struct ffprobe *f = a->room;
	char why[160];
	int err;

	a->begun = true;
	/* Neither of these two can fail. */
	(void)uv_pipe_init(f->uv, &a->out, 0);
	(void)uv_timer_init(f->uv, &a->limit);
	err = spawn(a);
	a->process.data = a->out.data = a->limit.data = a;
	if (err != 0) {
		if (err == UV_ENOENT)
			(void)snprintf(why, sizeof why, "ffprobe is not installed where the daemon runs (package ffmpeg)");
		else
			(void)snprintf(why, sizeof why, "ffprobe cannot be started: %s", uv_strerror(err));
		ask_remove(a);
		ask_say(a, why);
		ask_close(a);
		return;
	}
	f->running++;
	uv_update_time(f->uv);
	(void)uv_timer_start(&a->limit, on_limit, f->limit_ms, 0);
	if (uv_read_start((uv_stream_t *)&a->out, on_room, on_text) != 0)
		ask_give_up(a, "what ffprobe says cannot be read");
	else if (!bound(a->process.pid))
		ask_give_up(a, "ffprobe cannot be bounded in what it may use");
}

static void pump(struct ffprobe *f)
{
	struct ask *a = f->asks;

	while (a && f->running < MAX_RUNNING) {
		if (a->begun) {
			a = a->next;
			continue;
		}
		ask_begin(a);
		a = f->asks;             /* a may be gone */
	}
}

int ffprobe_ask(struct ffprobe *f, const char *path, const char *mime, void (*done)(void *ctx, const struct ffprobe_info *info), void *ctx)
{
	const char *container = container_of(mime);
	struct ask *a = container ? calloc(1, sizeof *a) : NULL, **end = &f->asks;

	if (!container)
		return -ST_INVALID;
	if (!a)
		return -ST_NO_MEMORY;
	a->room = f;
	a->container = container;
	a->done = done;
	a->ctx = ctx;
	buf_init(&a->text, FFPROBE_MAX_OUTPUT_BYTES);
	if (asprintf(&a->file, "file:%s", path) < 0) {
		free(a);
		return -ST_NO_MEMORY;
	}
	while (*end)
		end = &(*end)->next;
	*end = a;
	pump(f);
	return 0;
}

/* ---- the room ---- */

int ffprobe_new(struct loop *l, int64_t limit_ms, struct ffprobe **out)
{
	struct ffprobe *f = calloc(1, sizeof *f);

	if (!f)
		return -ST_NO_MEMORY;
	f->uv = loop_uv(l);
	f->limit_ms = (uint64_t)limit_ms;
	*out = f;
	return 0;
}

void ffprobe_free(struct ffprobe *f)
{
	if (!f)
		return;
	for (struct ask *a = f->asks, *next; a; a = next) {
		next = a->next;
		a->done = NULL;
		if (a->begun && !a->exited)
			(void)uv_process_kill(&a->process, SIGKILL);
		if (a->begun)
			ask_close(a);
		else
			ask_free(a);
	}
	free(f);
}
