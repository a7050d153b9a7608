/* fuzz_json.c: any bytes into the JSON door. What is accepted must print, and printing that again must not
 * change it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static void visit(const struct json *v)
{
	int64_t n = 0;
	char id[24];
	require(json_int(v, &n) == 0 || n == 0);
	(void)json_text(v);
	(void)json_get_id(v, "id", id);
	(void)json_path(v, "a.0.b");
	for (const struct json *e = json_first(v); e; e = json_next(e))
		visit(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json *v, *again;
	const char *why = NULL;
	size_t at = 0;
	int rc = json_parse(&v, (const char *)data, size, &why, &at);
	if (rc) {
		require(rc == -ST_INVALID && !v && why && at <= size);
		return 0;
	}
	struct buf one = BUF_INIT(SIZE_MAX), two = BUF_INIT(SIZE_MAX);
	visit(v);
	json_print(v, &one);
	require(buf_error(&one) == 0);
	require(json_parse(&again, one.data, one.len, NULL, NULL) == 0);
	json_print(again, &two);
	require(one.len == two.len && memcmp(one.data, two.data, one.len) == 0);
	json_free(v);
	json_free(again);
	buf_done(&one);
	buf_done(&two);
	return 0;
}
