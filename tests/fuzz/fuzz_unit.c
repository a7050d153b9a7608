/* fuzz_unit.c: any text into every parser of unit.h. What is accepted must be written in a form that reads back. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/unit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static void durations_and_sizes(const char *text)
{
	char buf[64];
	int64_t v, again;
	if (unit_duration_parse(text, &v) == 0) {
		require(v >= 0);
		require(unit_duration_parse(unit_duration_format(v, buf, sizeof buf), &again) == 0 && again == v);
	}
	if (unit_size_parse(text, &v) == 0) {
		require(v >= 0);
		require(unit_size_parse(unit_size_format(v, buf, sizeof buf), &again) == 0 && again == v);
	}
	if (unit_utc_parse(text, &v) == 0) {
		require(v >= 0);
		require(unit_utc_parse(unit_utc_format(v, buf, sizeof buf), &again) == 0 && again == v);
	}
	if (unit_int_parse(text, -1000, 1000, &v) == 0)
		require(v >= -1000 && v <= 1000);
}

/* Money and ids have one spelling each: what is accepted comes back as the same text. */
static void money_and_ids(const char *text)
{
	char buf[64], currency[4];
	int64_t v;
	uint64_t id;
	unsigned n;
	if (unit_money_parse(text, &v, currency) == 0)
		require(v >= 0 && strcmp(unit_money_format(v, currency, buf, sizeof buf), text) == 0);
	if (unit_id_parse(text, &id, &n) == 0)
		require(id > 0 && n <= 999 && strcmp(unit_id_format(id, n, buf, sizeof buf), text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* The exact size lets the sanitizer see a read behind the NUL. */
	char *text = malloc(size + 1);
	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	durations_and_sizes(text);
	money_and_ids(text);
	free(text);
	return 0;
}
