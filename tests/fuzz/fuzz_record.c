/* fuzz_record.c: any bytes as a stored record. The first byte chooses the type. What decodes must encode, and decode to
 * the same bytes again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/model/job.h"
#include "daemon/model/record.h"
#include "proto/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

union any { struct post post; struct target target; struct content content; struct media media; };

static void encode_again(const struct record_type *type, const union any *value)
{
	struct arena a;
	struct buf one = BUF_INIT(SIZE_MAX), two = BUF_INIT(SIZE_MAX), text = BUF_INIT(SIZE_MAX);
	struct json_writer w;
	union any back;
	arena_init(&a, SIZE_MAX);
	record_encode(type, value, &one);
	require(buf_error(&one) == 0);
	require(record_decode(type, one.data, one.len, &a, &back) == 0);
	record_encode(type, &back, &two);
	require(one.len == two.len && memcmp(one.data, two.data, one.len) == 0);
	jw_init(&w, &text);
	record_dump(type, value, &w, NULL);
	require(buf_error(&text) == 0);
	buf_done(&one);
	buf_done(&two);
	buf_done(&text);
	arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct record_type *const types[] = { &job_post_type, &job_target_type, &job_content_type,
	                                                   &job_media_type };
	struct arena a;
	union any value;
	if (size < 1)
		return 0;
	const struct record_type *type = types[data[0] % 4];
	arena_init(&a, 64 << 20);
	int rc = record_decode(type, data + 1, size - 1, &a, &value);
	require(rc == 0 || rc == -ST_CORRUPT || (rc == -ST_NO_MEMORY && a.error));
	if (rc == 0) {
		encode_again(type, &value);
		if (type == &job_post_type)
			(void)job_content(&value.post, NULL);
		if (type == &job_target_type)
			(void)job_content(NULL, &value.target);
	}
	arena_done(&a);
	return 0;
}
