/* media.c: the way of an upload: pieces -> sink in the pool -> file under its hash -> ffprobe, where it is a video -> a turn records it
 * and replies. A file is never
 * removed while an upload is being named, since it might be the same one. */
#include "daemon/media.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine.h"
#include "daemon/io/ffprobe.h"
#include "daemon/io/file.h"
#include "daemon/log.h"
#include "daemon/queue.h"
#include "proto/json.h"
#include "proto/status.h"

struct media_put {
	struct media_room *room;
	struct media_put *next;
	struct file_sink *sink;
	uint64_t conn;
	char *name;
	struct media_put_ops ops;
	void *ctx;                       /* NULL once cancelled */
	int status;                      /* how it ended */
	bool finishing, waiting;         /* waiting: to be finished when no removal is under way */
	struct file_info info;
	struct ffprobe_info video;       /* zeroed for what is none */
};

struct media_room {
	struct files *files;
	struct ffprobe *ffprobe;
	struct turns *turns;
	struct media_put *puts;
	unsigned removing;
};

struct unused_input { struct media_room *room; char sha256[65]; bool busy; };

static void put_free(struct media_put *p)
{
	struct media_put **at = &p->room->puts;
	while (*at != NULL && *at != p)
		at = &(*at)->next;
	if (*at == p)
		*at = p->next;
	file_sink_free(p->sink);
	free(p->name);
	free(p);
}

/* ---- recording ---- */

/* What has no picture that moves is no video, whatever its container's first bytes say. */
static const char *mime_of(const struct media_put *p)
{
	static const struct { const char *video, *audio; } kinds[] = {
		{ "video/mp4", "audio/mp4" }, { "video/quicktime", "audio/mp4" }, { "video/webm", "audio/webm" },
	};
	bool sound_alone = p->video.audio_codec[0] != '\0' && p->video.video_codec[0] == '\0';
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && sound_alone; i++)
		if (strcmp(kinds[i].video, p->info.mime) == 0)
			return kinds[i].audio;
	return p->info.mime;
}

static char *some_text(struct arena *a, const char *text)
{
	return *text != '\0' ? arena_strdup(a, text) : NULL;
}

static void fill_blob(struct arena *a, const struct media_put *p, struct blob *b)
{
	const struct file_info *f = &p->info;
	const struct ffprobe_info *v = &p->video;
	b->mime = arena_strdup(a, mime_of(p));
	b->size_bytes = f->size_bytes;
	b->width = v->width != 0 ? v->width : f->width;
	b->height = v->height != 0 ? v->height : f->height;
	b->duration_ms = v->duration_ms;
	b->frame_milli = v->frame_milli;
	b->bit_rate = v->duration_ms > 0 && f->size_bytes <= INT64_MAX / 8000 ? f->size_bytes * 8000 / (uint64_t)v->duration_ms : 0;
	b->video_codec = some_text(a, v->video_codec);
	b->audio_codec = some_text(a, v->audio_codec);
	b->audio_channels = v->audio_channels;
	b->audio_hz = v->audio_hz;
	b->unprobed = some_text(a, v->why);
}

static int stored_reply(struct turn *t, const struct media_put *p, const struct blob *b)
{
	struct media m = { .sha256 = NULL };
	struct buf out = BUF_INIT(16384);
	struct json_writer w;
	store_blob_media(b, &m);
	buf_add_str(&out, "OK ");
	jw_init(&w, &out);
	jw_object(&w, NULL);
	jw_str(&w, "id", p->info.sha256);
	jw_str(&w, "name", p->name);
	job_media_json(&w, &m);
	jw_end(&w);
	buf_add_char(&out, '\n');
	int rc = buf_error(&out);
	if (rc == 0)
		turn_reply(t, p->conn, out.data, out.len);
	buf_done(&out);
	return rc;
}

static int stored_turn(struct turn *t, void *input)
{
	const struct media_put *p = input;
	const struct file_info *f = &p->info;
	struct blob b;
	int rc = store_blob_get(t->txn, t->arena, f->sha256, &b);
	if (rc == -ST_NO_ITEM)
		memset(&b, 0, sizeof b);
	else if (rc < 0)
		return rc;
	fill_blob(t->arena, p, &b);
	if (b.refs == 0) {
		b.unused_ms = t->now_ms;
		rc = store_blob_plan(t->txn, f->sha256, t->now_ms + QUEUE_MEDIA_UNUSED_MS);
		turn_periodic(t, t->now_ms + QUEUE_MEDIA_UNUSED_MS);
		if (rc < 0)
			return rc;
	}
	if (t->arena->error < 0)
		return t->arena->error;
	rc = store_blob_put(t->txn, f->sha256, &b);
	return rc < 0 ? rc : stored_reply(t, p, &b);
}

static void stored_failed(void *input, int status)
{
	struct media_put *p = input;
	p->status = status;
}

static void put_end(struct media_put *p)
{
	struct media_put_ops ops = p->ops;
	void *owner = p->ctx;
	int status = p->status;
	put_free(p);
	if (owner != NULL)
		ops.ended(owner, status);
}

static void stored_free(void *input)
{
	put_end(input);
}

static void put_record(void *ctx, const struct ffprobe_info *video)
{
	struct media_put *p = ctx;
	if (video != NULL)
		p->video = *video;
	p->status = -ST_BUSY;
	if (turns_submit(p->room->turns, stored_turn, stored_failed, stored_free, p, sizeof *p) == 0)
		p->status = 0;
}

static void sink_done(void *ctx, int error, const struct file_info *info)
{
	struct media_put *p = ctx;
	char path[4096];
	p->status = error;
	if (error < 0) {
		put_end(p);
		return;
	}
	p->info = *info;
	if (!ffprobe_takes(info->mime)) {
		put_record(p, NULL);
		return;
	}
	int rc = ffprobe_ask(p->room->ffprobe, files_path(p->room->files, info->sha256, path, sizeof path), info->mime, put_record, p);
	if (rc < 0) {
		p->status = rc;
		put_end(p);
	}
}

static int put_finish(struct media_put *p)
{
	p->waiting = false;
	return file_sink_finish(p->sink, sink_done, p);
}

/* ---- uploads ---- */

int media_put_new(struct media_room *m, uint64_t conn, const char *name, uint64_t size, const struct media_put_ops *ops, void *ctx,
                  struct media_put **out)
{
	struct media_put *p = calloc(1, sizeof *p);
	if (p == NULL)
		return -ST_NO_MEMORY;
	*p = (struct media_put){ .room = m, .conn = conn, .ops = *ops, .ctx = ctx, .name = strdup(name) };
	int rc = p->name == NULL ? -ST_NO_MEMORY : file_sink_new(m->files, size, &p->sink);
	if (rc < 0) {
		free(p->name);
		free(p);
		return rc;
	}
	p->next = m->puts;
	m->puts = p;
	*out = p;
	return 0;
}

static void sink_ready(void *ctx, int error)
{
	struct media_put *p = ctx;
	if (p->ctx != NULL)
		p->ops.more(p->ctx, error);
}

int media_put_data(struct media_put *p, const char *data, size_t len)
{
	return file_sink_write(p->sink, data, len, sink_ready, p);
}

int media_put_finish(struct media_put *p)
{
	p->finishing = true;
	if (p->room->removing > 0) {
		p->waiting = true;
		return 0;
	}
	int rc = put_finish(p);
	/* What did not begin to end has no end that would free it: cancel does. */
	p->finishing = rc == 0;
	return rc;
}

void media_put_cancel(struct media_put *p)
{
	if (p == NULL)
		return;
	p->ctx = NULL;
	/* What is being named ends by itself; its reply goes to a connection that is gone. */
	if (!p->finishing || p->waiting)
		put_free(p);
}

/* ---- removal ---- */

static void removed(void *ctx, int error)
{
	struct media_room *m = ctx;
	if (error < 0)
		log_line(LOG_LEVEL_WARNING, "an unused media file could not be removed", "error=%s", status_info(error)->word);
	if (--m->removing > 0)
		return;
	for (struct media_put *p = m->puts, *next; p != NULL; p = next) {
		next = p->next;
		if (!p->waiting)
			continue;
		int rc = put_finish(p);
		if (rc < 0) {
			p->status = rc;
			put_end(p);
		}
	}
}

static void unused_remove(void *data)
{
	struct unused_input *in = data;
	if (file_remove(in->room->files, in->sha256, removed, in->room) < 0)
		removed(in->room, -ST_NO_MEMORY);
}

static void unused_keep(void *data)
{
	struct unused_input *in = data;
	if (!in->busy)
		removed(in->room, 0);
}

static int unused_turn(struct turn *t, void *input)
{
	struct unused_input *in = input;
	struct blob b;
	int rc = store_blob_get(t->txn, t->arena, in->sha256, &b);
	bool gone = rc == -ST_NO_ITEM || rc == -ST_INVALID;
	if (rc < 0 && !gone)
		return rc;
	/* What is kept for now is looked at again: its entry in the periodic index stays until the file is used or gone. */
	if (gone || in->busy || b.refs > 0 || b.unused_ms == 0 || b.unused_ms + QUEUE_MEDIA_UNUSED_MS > t->now_ms) {
		turn_effect(t, unused_keep, NULL, in);
		return 0;
	}
	rc = store_blob_del(t->txn, in->sha256);
	turn_effect(t, unused_remove, NULL, in);
	return rc;
}

static void unused_failed(void *input, int status)
{
	struct unused_input *in = input;
	log_line(LOG_LEVEL_WARNING, "an unused media file could not be looked at; it stays", "error=%s", status_info(status)->word);
	if (!in->busy)
		removed(in->room, 0);
}

static bool media_naming(const struct media_room *m)
{
	for (const struct media_put *p = m->puts; p != NULL; p = p->next)
		if (p->finishing && !p->waiting)
			return true;
	return false;
}

static void media_unused(void *ctx, const char *sha256)
{
	struct media_room *m = ctx;
	struct unused_input *in = calloc(1, sizeof *in);
	if (in == NULL)
		return;
	in->room = m;
	in->busy = media_naming(m);
	(void)snprintf(in->sha256, sizeof in->sha256, "%s", sha256);
	if (!in->busy)
		m->removing++;
	bool busy = in->busy;
	if (turns_submit(m->turns, unused_turn, unused_failed, free, in, sizeof *in) < 0 && !busy)
		removed(m, 0);
}

int media_new(struct files *files, struct ffprobe *ffprobe, struct turns *turns, struct engine *engine, struct media_room **out)
{
	struct media_room *m = calloc(1, sizeof *m);
	if (m == NULL)
		return -ST_NO_MEMORY;
	m->files = files;
	m->ffprobe = ffprobe;
	m->turns = turns;
	engine_on_unused_media(engine, media_unused, m);
	*out = m;
	return 0;
}

void media_free(struct media_room *m)
{
	if (m == NULL)
		return;
	while (m->puts != NULL)
		put_free(m->puts);
	free(m);
}
