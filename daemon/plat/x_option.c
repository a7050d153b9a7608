/* x_option.c: the options of an account on X, and those of them that are numbers. What the API leaves in doubt is one of them. */
#include "daemon/plat/x.h"

#include <string.h>

#include "proto/unit.h"

const struct plat_option x_options[X_OPTION_COUNT] = {
	{ .name = "ReplySettings", .words = "everyone following mentionedUsers subscribers verified", .fallback = "everyone",
	  .help = "Who may answer the posts.", .per_post = true },
	{ .name = "MadeWithAI", .words = "no yes", .fallback = "no", .help = "Tells readers that media were made by AI.", .per_post = true },
	{ .name = "PaidPartnership", .words = "no yes", .fallback = "no", .help = "Tells readers of a paid partnership.", .per_post = true },
	{ .name = "AltText", .words = "try require", .fallback = "try", .help = "Whether a post may go out where its alt text cannot be set.",
	  .per_post = true },
	{ .name = "Quotes", .words = "refuse allow", .fallback = "refuse", .help = "Whether posts may quote; X lets its Enterprise customers alone." },
	{ .name = "Mentions", .words = "allow refuse", .fallback = "allow", .help = "Whether posts may mention others; X blocks some of those." },
	{ .name = "MaxCharacters", .fallback = "280", .help = "The longest text, by X's weights; up to 25000 for subscribers." },
	{ .name = "MaxVideoDuration", .fallback = "2min", .help = "The longest video." },
	{ .name = "MaxVideoBytes", .fallback = "512M", .help = "The largest video." },
	{ .name = "VideoResolution", .words = "720p 1080p", .fallback = "720p", .help = "The largest picture of a video." },
	{ .name = "ChunkSize", .fallback = "1M", .help = "The bytes of a file that are sent at once." },
	{ .name = "FieldNames", .words = "tweet post", .fallback = "tweet", .help = "How the API calls the fields of a post." },
	{ .name = "AfterLoss", .words = "ask resend", .fallback = "ask",
	  .help = "What becomes of a post whose answer was lost and that three looks did not find." },
};

bool x_chosen(const struct plat_in *in, const char *name, const char *word)
{
	const char *text = plat_setting(in, name);

	return text && !strcmp(text, word);
}

static int count_parse(const char *text, int64_t *out)
{
	return unit_int_parse(text, 0, INT32_MAX, out);
}

static const struct number {
	const char *option, *wanted;
	int (*parse)(const char *text, int64_t *out);
	int64_t min, max, fallback;
} numbers[X_NUMBER__COUNT] = {
	[X_MAX_CHARACTERS] = { "MaxCharacters", "a number from 1 to 25000", count_parse, 1, 25000, 280 },
	[X_MAX_VIDEO_MS] = { "MaxVideoDuration", "a duration from 1s to 125min", unit_duration_parse, 1000, 125 * 60000, 120000 },
	[X_MAX_VIDEO_BYTES] = { "MaxVideoBytes", "a size from 1M to 16G", unit_size_parse, 1 << 20, INT64_C(16) << 30, 512 << 20 },
	[X_CHUNK_BYTES] = { "ChunkSize", "a size from 64K to 5M", unit_size_parse, 64 << 10, 5 << 20, 1 << 20 },
};

static bool number_read(const struct plat_in *in, enum x_number which, int64_t *out)
{
	const struct number *n = &numbers[which];
	const char *text = plat_setting(in, n->option);

	*out = n->fallback;
	if (!text)
		return true;
	if (!n->parse(text, out) && *out >= n->min && *out <= n->max)
		return true;
	*out = n->fallback;
	return false;
}

int64_t x_number(const struct plat_in *in, enum x_number which)
{
	int64_t value;

	(void)number_read(in, which, &value);
	return value;
}

const char *x_number_wrong(const struct plat_in *in, enum x_number which, const char **wanted)
{
	int64_t value;

	*wanted = numbers[which].wanted;
	return number_read(in, which, &value) ? NULL : numbers[which].option;
}
