/* ffprobe.h: what a video says of itself, asked of FFmpeg's ffprobe where that is installed (found through PATH).
 *
 * Hostile files are the normal case. ffprobe is told what container it is and that it may open nothing but files, reads headers alone
 * (no frame is decoded), gets no environment, no descriptors and no shell, and is bounded in time, memory, and in what it may write;
 * its answer goes through proto/json. Loop thread. */
#ifndef SMMQ_IO_FFPROBE_H
#define SMMQ_IO_FFPROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FFPROBE_LIMIT_MS (10 * 1000)
#define FFPROBE_MAX_OUTPUT_BYTES (64 * 1024)
#define FFPROBE_CODEC_SIZE 32

struct loop;
struct ffprobe;

/* 0, NULL and "" where it is not known, or not there. */
struct ffprobe_info {
	int64_t duration_ms;
	uint32_t width, height;                  /* pixels as shown: after rotation */
	uint64_t frame_milli;                    /* frames in 1000 seconds */
	uint64_t audio_channels, audio_hz;
	char video_codec[FFPROBE_CODEC_SIZE], audio_codec[FFPROBE_CODEC_SIZE];
	char why[200];                           /* why not all that belongs to it is known, for people; "": it is */
};

/* limit_ms: how long one file may take. 0, -ST_NO_MEMORY. */
int ffprobe_new(struct loop *l, int64_t limit_ms, struct ffprobe **out);
/* Ends what is under way; callbacks do not run. The loop is freed after. */
void ffprobe_free(struct ffprobe *f);
/* Whether files of this kind are asked about. */
bool ffprobe_takes(const char *mime);
/* Asks about a file of such a kind; copies path. done(ctx, info) once: later, or before this returns. Two files at once; others wait
 * their turn. 0, -ST_INVALID (no such kind), -ST_NO_MEMORY: done does not run. */
int ffprobe_ask(struct ffprobe *f, const char *path, const char *mime, void (*done)(void *ctx, const struct ffprobe_info *info), void *ctx);

/* What ffprobe wrote, as an info; whatever it is. */
void ffprobe_read(const char *text, size_t len, struct ffprobe_info *out);

#endif
