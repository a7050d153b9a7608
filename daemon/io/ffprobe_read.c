/* ffprobe_read.c: ffprobe's JSON. The values come from a file of anybody's making: each is taken only where it is of the form and in
 * the range that it should be. */
#include "daemon/io/ffprobe.h"

#include <stdio.h>
#include <string.h>

#include "proto/json.h"

#define MAX_SECONDS INT64_C(1000000000)
#define MAX_SIDE 1000000
#define MAX_CHANNELS 1024
#define MAX_HZ 10000000

/* ---- values ---- */

/* Up to max_digits digits at *p, which moves behind them. False: there are none, or more. */
static bool read_digits(const char **p, size_t max_digits, int64_t *out)
{
	size_t n = strspn(*p, "0123456789");

	if (n == 0 || n > max_digits)
		return false;
	*out = 0;
	for (size_t i = 0; i < n; i++)
		*out = *out * 10 + ((*p)[i] - '0');
	*p += n;
	return true;
}

/* "2.002000" in seconds -> 2002, to the nearest; 0 for what is none. */
static int64_t read_ms(const char *text)
{
	int64_t seconds, micro = 0;

	if (!text || !read_digits(&text, 10, &seconds) || seconds > MAX_SECONDS)
		return 0;
	if (*text == '.') {
		text++;
		for (int i = 0; i < 6; i++)
			micro = micro * 10 + (*text >= '0' && *text <= '9' ? *text++ - '0' : 0);
	}
	return seconds * 1000 + (micro + 500) / 1000;
}

/* "30000/1001" -> 29970; 0 for what is none ("0/0"). */
static uint64_t read_frames(const char *text)
{
	int64_t count, seconds;

	if (!text || !read_digits(&text, 10, &count) || *text++ != '/' || !read_digits(&text, 10, &seconds) || *text || seconds == 0)
		return 0;
	return (uint64_t)((count * 1000 + seconds / 2) / seconds);
}

/* A whole number, as such or in quotes, from 1 to max; 0 for what is none. */
static int64_t read_number(const struct json *object, const char *key, int64_t max)
{
	const char *text = json_get_text(object, key);
	int64_t n = 0;

	if (text ? !read_digits(&text, 18, &n) || *text : json_get_int(object, key, &n) < 0)
		return 0;
	return n >= 1 && n <= max ? n : 0;
}

static void read_codec(const struct json *stream, char out[FFPROBE_CODEC_SIZE])
{
	const char *name = json_get_text(stream, "codec_name");
	bool plain = name && *name && strlen(name) < FFPROBE_CODEC_SIZE &&
	             name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';

	(void)snprintf(out, FFPROBE_CODEC_SIZE, "%s", plain ? name : "unknown");
}

/* ---- streams ---- */

static bool lies_on_its_side(const struct json *stream)
{
	for (const struct json *s = json_first(json_get(stream, "side_data_list")); s; s = json_next(s)) {
		int64_t degrees;

		if (json_get_int(s, "rotation", &degrees) == 0)
			return degrees % 180 == 90 || degrees % 180 == -90;
	}
	return false;
}

static void read_video(const struct json *stream, struct ffprobe_info *out)
{
	bool turned = lies_on_its_side(stream);

	read_codec(stream, out->video_codec);
	out->width = (uint32_t)read_number(stream, turned ? "height" : "width", MAX_SIDE);
	out->height = (uint32_t)read_number(stream, turned ? "width" : "height", MAX_SIDE);
	if (out->width == 0 || out->height == 0)
		out->width = out->height = 0;
	out->frame_milli = read_frames(json_get_text(stream, "avg_frame_rate"));
}

static void read_audio(const struct json *stream, struct ffprobe_info *out)
{
	read_codec(stream, out->audio_codec);
	out->audio_channels = (uint64_t)read_number(stream, "channels", MAX_CHANNELS);
	out->audio_hz = (uint64_t)read_number(stream, "sample_rate", MAX_HZ);
}

/* The first of each sort is what is played; a picture on the sleeve is none. */
static void read_stream(const struct json *stream, struct ffprobe_info *out)
{
	const char *type = json_get_text(stream, "codec_type");
	int64_t sleeve = 0;

	(void)json_get_int(json_get(stream, "disposition"), "attached_pic", &sleeve);
	if (!type || sleeve != 0)
		return;
	if (strcmp(type, "video") == 0 && !*out->video_codec)
		read_video(stream, out);
	else if (strcmp(type, "audio") == 0 && !*out->audio_codec)
		read_audio(stream, out);
}

/* ---- what is missing ---- */

/* The words of an error: FFmpeg's own, from a table; anything else in it is left out. */
static void read_error(const struct json *error, struct ffprobe_info *out)
{
	const char *text = json_get_text(error, "string");
	char words[80];
	size_t n = 0;

	for (; text && *text && n + 1 < sizeof words; text++)
		if (*text >= ' ' && *text <= '~')
			words[n++] = *text;
	words[n] = '\0';
	(void)snprintf(out->why, sizeof out->why, "ffprobe cannot read it: %s", n > 0 ? words : "no reason given");
}

static void say_missing(struct ffprobe_info *out)
{
	const char *what = NULL;

	if (!*out->video_codec && !*out->audio_codec)
		what = "neither video nor sound is in it";
	else if (out->duration_ms == 0)
		what = "it does not say how long it is (ffmpeg -i OLD -c copy NEW writes it anew)";
	else if (*out->video_codec && out->width == 0)
		what = "it does not say how many pixels it has";
	else if (*out->video_codec && out->frame_milli == 0)
		what = "it does not say how many frames a second it has";
	else if (*out->audio_codec && (out->audio_channels == 0 || out->audio_hz == 0))
		what = "it does not say how many channels or samples its sound has";
	if (what)
		(void)snprintf(out->why, sizeof out->why, "%s", what);
}

void ffprobe_read(const char *text, size_t len, struct ffprobe_info *out)
{
	struct json *root = NULL;

	memset(out, 0, sizeof *out);
	if (json_parse(&root, text, len, NULL, NULL) < 0) {
		(void)snprintf(out->why, sizeof out->why, "ffprobe said nothing that can be understood");
		return;
	}
	if (json_get(root, "error")) {
		read_error(json_get(root, "error"), out);
	} else {
		for (const struct json *s = json_first(json_get(root, "streams")); s; s = json_next(s))
			read_stream(s, out);
		out->duration_ms = read_ms(json_get_text(json_get(root, "format"), "duration"));
		say_missing(out);
	}
	json_free(root);
}
