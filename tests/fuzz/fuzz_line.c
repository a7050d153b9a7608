/* fuzz_line.c: any bytes into the line reader, in pieces whose sizes the first byte decides, and as a whole: the same
 * lines must come out. Lines are split as requests, a PUT asks for its body. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/buf.h"
#include "proto/line.h"
#include "proto/unit.h"
#include "proto/verb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static void take_line(struct line_reader *r, char *line, size_t len, struct buf *trace)
{
	struct request request;
	const char *why = NULL;
	int64_t bytes;
	require(strlen(line) == len);
	buf_add_char(trace, 'T');
	buf_add(trace, line, len);
	buf_add_char(trace, '\n');
	if (request_split(line, len, &request, &why)) {
		require(why != NULL);
		return;
	}
	require(request.words >= request.verb->min_words && request.words <= request.verb->max_words);
	for (unsigned i = 0; i < request.words; i++)
		require(*request.word[i] != '\0');
	require(!request.body || (request.body[0] == '{' && request.body + request.body_len == line + len));
	if (request.verb->verb == VERB_PUT && unit_int_parse(request.word[1], 0, 1 << 20, &bytes) == 0)
		line_expect_body(r, (uint64_t)bytes);
}

static void run(const uint8_t *data, size_t size, size_t step, struct buf *trace)
{
	struct line_reader r;
	char *out;
	size_t len;
	enum line_event e;
	line_init(&r);
	for (size_t at = 0; at < size; at += step) {
		require(line_feed(&r, (const char *)data + at, step < size - at ? step : size - at) == 0);
		while ((e = line_next(&r, &out, &len)) != LINE_NONE) {
			if (e == LINE_TEXT)
				take_line(&r, out, len, trace);
			else if (e == LINE_BODY)
				buf_add(trace, out, len);
			else
				buf_add_char(trace, e == LINE_BAD ? 'X' : 'L');
		}
		require(line_pending(&r) <= LINE_MAX_BYTES);
	}
	line_done(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = BUF_INIT(SIZE_MAX), pieces = BUF_INIT(SIZE_MAX);
	if (size < 2)
		return 0;
	run(data + 1, size - 1, size - 1, &whole);
	run(data + 1, size - 1, 1 + data[0] % 64, &pieces);
	require(whole.len == pieces.len && memcmp(buf_cstr(&whole), buf_cstr(&pieces), whole.len) == 0);
	buf_done(&whole);
	buf_done(&pieces);
	return 0;
}
