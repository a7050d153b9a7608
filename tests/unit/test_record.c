/* test_record.c: the stored format. Records survive a round trip, fields of a newer daemon survive an older one, and
 * damaged bytes are refused or read without harm. */
#include "daemon/model/record.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/model/job.h"
#include "daemon/model/retry.h"
#include "proto/status.h"

static uint64_t seed = 11400714819323198485u;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* ---- two versions of one type: the older one knows two fields of six ---- */

struct leaf { struct record_extra extra; uint64_t number; char *text; };
struct tree {
	struct record_extra extra;
	uint64_t u;
	int64_t i;
	char *s, *t;
	struct leaf *leaves;
	size_t leaf_count;
	uint64_t big;
};
struct old_leaf { struct record_extra extra; char *text; };
struct old_tree { struct record_extra extra; int64_t i; struct old_leaf *leaves; size_t leaf_count; };

#define ROW(tag, kind, type, member) { tag, kind, #member, offsetof(struct type, member), 0, NULL }
#define ROWS(type, fields) { #type, sizeof(struct type), fields, sizeof fields / sizeof *fields }

static const struct field leaf_fields[] = { ROW(1, FIELD_U64, leaf, number), ROW(2, FIELD_STR, leaf, text) };
static const struct record_type leaf_type = ROWS(leaf, leaf_fields);
static const struct field tree_fields[] = {
	ROW(1, FIELD_U64, tree, u), ROW(2, FIELD_I64, tree, i), ROW(3, FIELD_STR, tree, s), ROW(9999, FIELD_STR, tree, t),
	{ 200, FIELD_LIST, "leaves", offsetof(struct tree, leaves), offsetof(struct tree, leaf_count), &leaf_type },
	ROW(7, FIELD_U64, tree, big),
};
static const struct record_type tree_type = ROWS(tree, tree_fields);
static const struct field old_leaf_fields[] = { ROW(2, FIELD_STR, old_leaf, text) };
static const struct record_type old_leaf_type = ROWS(old_leaf, old_leaf_fields);
static const struct field old_tree_fields[] = {
	ROW(2, FIELD_I64, old_tree, i),
	{ 200, FIELD_LIST, "leaves", offsetof(struct old_tree, leaves), offsetof(struct old_tree, leaf_count),
	  &old_leaf_type },
};
static const struct record_type old_tree_type = ROWS(old_tree, old_tree_fields);

static char *random_text(struct arena *a)
{
	size_t len = next_random() % 7 == 0 ? next_random() % 3000 : next_random() % 20;
	if (next_random() % 5 == 0)
		return NULL;
	char *s = arena_alloc(a, len + 1, 1);
	for (size_t i = 0; i < len; i++)
		s[i] = (char)(1 + next_random() % 255);
	return s;
}

static struct tree *random_tree(struct arena *a)
{
	struct tree *t = arena_alloc(a, 1, sizeof *t);
	t->u = next_random() >> (next_random() % 64);
	t->i = (int64_t)next_random() >> (next_random() % 64);
	t->s = random_text(a);
	t->t = random_text(a);
	t->big = next_random() & 1 ? UINT64_MAX : 0;
	t->leaf_count = next_random() % 5;
	t->leaves = arena_alloc(a, t->leaf_count, sizeof *t->leaves);
	for (size_t i = 0; i < t->leaf_count; i++) {
		t->leaves[i].number = next_random() >> (next_random() % 64);
		t->leaves[i].text = random_text(a);
	}
	return t;
}

static void assert_text(const char *a, const char *b)
{
	assert_int_equal(a == NULL, b == NULL);
	if (a)
		assert_string_equal(a, b);
}

static void assert_trees(const struct tree *a, const struct tree *b)
{
	assert_int_equal(a->u, b->u);
	assert_int_equal(a->i, b->i);
	assert_int_equal(a->big, b->big);
	assert_text(a->s, b->s);
	assert_text(a->t, b->t);
	assert_int_equal(a->leaf_count, b->leaf_count);
	for (size_t i = 0; i < a->leaf_count; i++) {
		assert_int_equal(a->leaves[i].number, b->leaves[i].number);
		assert_text(a->leaves[i].text, b->leaves[i].text);
	}
}

static void test_roundtrip_and_unknown_fields(void **state)
{
	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	struct arena a;
	arena_init(&a, 64 << 20);
	for (int round = 0; round < 3000; round++) {
		struct tree *t = random_tree(&a), back;
		struct old_tree old;
		struct buf first = BUF_INIT(1 << 20), second = BUF_INIT(1 << 20);
		record_encode(&tree_type, t, &first);
		assert_int_equal(buf_error(&first), 0);
		assert_int_equal(record_decode(&tree_type, first.data, first.len, &a, &back), 0);
		assert_trees(t, &back);
		assert_int_equal(back.extra.len, 0);
		/* Through the hands of an older daemon, which changes what it knows. */
		assert_int_equal(record_decode(&old_tree_type, first.data, first.len, &a, &old), 0);
		assert_int_equal(old.i, t->i);
		old.i = t->i = round;
		record_encode(&old_tree_type, &old, &second);
		assert_int_equal(buf_error(&second), 0);
		assert_int_equal(record_decode(&tree_type, second.data, second.len, &a, &back), 0);
		assert_trees(t, &back);
		buf_done(&first);
		buf_done(&second);
		arena_reset(&a);
	}
	arena_done(&a);
}

static void test_bytes(void **state)
{
	(void)state;
	struct leaf leaf = { .number = 300, .text = (char[]){ "ab" } };
	struct tree t = { .i = -1, .s = (char[]){ "" }, .leaves = &leaf, .leaf_count = 1 };
	struct buf b = BUF_INIT(100);
	record_encode(&tree_type, &t, &b);
	static const unsigned char expected[] = {
		1, 2, 1, 1, 3, 0, 0xc8, 0x01, 8, 1, 2, 0xac, 0x02, 2, 2, 'a', 'b',
	};
	assert_int_equal(b.len, sizeof expected);
	assert_memory_equal(b.data, expected, sizeof expected);
	buf_done(&b);
}

static void test_long_nested_record(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, 8 << 20);
	for (size_t len = 100; len < 40000; len += len < 200 ? 1 : 1237) {
		struct leaf leaves[2] = { { .text = calloc(1, len + 1) }, { .number = 5 } };
		struct tree t = { .leaves = leaves, .leaf_count = 2 }, back;
		memset(leaves[0].text, 'x', len);
		struct buf b = BUF_INIT(1 << 20);
		record_encode(&tree_type, &t, &b);
		assert_int_equal(record_decode(&tree_type, b.data, b.len, &a, &back), 0);
		assert_trees(&t, &back);
		free(leaves[0].text);
		buf_done(&b);
		arena_reset(&a);
	}
	arena_done(&a);
}

static void test_corrupt(void **state)
{
	(void)state;
	static const struct { const char *bytes; size_t len; } bad[] = {
		{ "", 0 }, { "\0", 1 }, { "\2", 1 }, { "\1\1", 2 }, { "\1\1\1", 3 }, { "\1\0\0", 3 }, { "\1\1\0", 3 },
		{ "\1\1\2\1\1", 5 },                                  /* an integer shorter than its length */
		{ "\1\1\1\200", 4 }, { "\1\1\2\200\0", 5 },           /* cut, and spelled too long */
		{ "\1\1\1\1\1\1\1", 7 },                              /* a scalar twice */
		{ "\1\3\3a\0b", 6 },                                  /* NUL in a string */
		{ "\1\3\177ab", 5 }, { "\1\220\200\1\0", 5 },         /* length past the end, tag past the maximum */
		{ "\1\310\1\2\1\1", 6 },                              /* an element cut inside */
		{ "\1\1\13\377\377\377\377\377\377\377\377\377\377\1", 14 },
		{ "\1\1\12\377\377\377\377\377\377\377\377\377\2", 13 },
	};
	struct arena a;
	struct tree t;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char *copy = malloc(bad[i].len + 1);
		memcpy(copy, bad[i].bytes, bad[i].len);
		if (record_decode(&tree_type, copy, bad[i].len, &a, &t) != -ST_CORRUPT)
			fail_msg("accepted row %zu", i);
		free(copy);
	}
	assert_int_equal(record_decode(&tree_type, "\1", 1, &a, &t), 0);
	assert_int_equal(record_decode(&tree_type, "\1\1\12\377\377\377\377\377\377\377\377\377\1", 13, &a, &t), 0);
	assert_int_equal(t.u, UINT64_MAX);
	arena_done(&a);
}

static void test_limits(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, 1 << 20);
	struct leaf *leaves = calloc(RECORD_MAX_LIST + 1, sizeof *leaves);
	struct tree t = { .leaves = leaves, .leaf_count = RECORD_MAX_LIST }, back;
	struct buf b = BUF_INIT(1 << 20);
	record_encode(&tree_type, &t, &b);
	assert_int_equal(buf_error(&b), 0);
	assert_int_equal(record_decode(&tree_type, b.data, b.len, &a, &back), 0);
	assert_int_equal(back.leaf_count, RECORD_MAX_LIST);
	buf_add(&b, "\310\1\0", 3);
	assert_int_equal(record_decode(&tree_type, b.data, b.len, &a, &back), -ST_CORRUPT);
	buf_reset(&b);
	t.leaf_count++;
	record_encode(&tree_type, &t, &b);
	assert_int_equal(buf_error(&b), -ST_TOO_LARGE);
	buf_done(&b);
	struct buf small = BUF_INIT(50);
	t.leaf_count = 30;
	record_encode(&tree_type, &t, &small);
	assert_int_equal(buf_error(&small), -ST_TOO_LARGE);
	buf_done(&small);
	free(leaves);
	struct arena tiny;
	arena_init(&tiny, 16);
	assert_int_equal(record_decode(&tree_type, "\1\3\6abcdef\4\1x\5\1y\6\6zzzzzz", 23, &tiny, &back), -ST_NO_MEMORY);
	arena_done(&tiny);
	arena_done(&a);
}

/* Whatever is changed in a record, decoding says so or gives a value that can be used and written again. */
static void test_damage(void **state)
{
	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	struct arena a;
	arena_init(&a, 64 << 20);
	for (int round = 0; round < 20000; round++) {
		struct tree *t = random_tree(&a), back, again;
		struct buf b = BUF_INIT(1 << 20), c = BUF_INIT(1 << 20);
		record_encode(&tree_type, t, &b);
		size_t len = b.len;
		if (next_random() % 3 == 0)
			len = next_random() % (len + 1);
		char *copy = malloc(len + 1);
		memcpy(copy, b.data, len);
		for (int i = 0; len && i < 3; i++)
			copy[next_random() % len] = (char)next_random();
		int rc = record_decode(&tree_type, copy, len, &a, &back);
		assert_true(rc == 0 || rc == -ST_CORRUPT);
		if (rc == 0) {
			record_encode(&tree_type, &back, &c);
			assert_int_equal(buf_error(&c), 0);
			assert_int_equal(record_decode(&tree_type, c.data, c.len, &a, &again), 0);
			assert_trees(&back, &again);
			assert_int_equal(back.extra.len, again.extra.len);
		}
		free(copy);
		buf_done(&b);
		buf_done(&c);
		arena_reset(&a);
	}
	arena_done(&a);
}

static void test_dump(void **state)
{
	(void)state;
	struct leaf leaf = { .number = 3 };
	struct tree t = { .u = UINT64_MAX, .i = -5, .s = (char[]){ "q\"" }, .leaves = &leaf, .leaf_count = 1,
	                  .extra = { "\x0b\x01\xff", 3 } };
	struct buf b = BUF_INIT(1000);
	struct json_writer w;
	jw_init(&w, &b);
	record_dump(&tree_type, &t, &w, NULL);
	assert_string_equal(buf_cstr(&b), "{\"u\":\"18446744073709551615\",\"i\":-5,\"s\":\"q\\\"\",\"t\":null,"
	                                  "\"leaves\":[{\"number\":3,\"text\":null}],\"big\":0,\"extra\":\"0b01ff\"}");
	buf_done(&b);
}

static void test_varints(void **state)
{
	(void)state;
	for (int i = 0; i < 10000; i++) {
		uint64_t v = next_random() >> (next_random() % 64), back = 0;
		struct buf b = BUF_INIT(16);
		record_varint_add(&b, v);
		const unsigned char *p = (const unsigned char *)b.data;
		assert_int_equal(record_varint_get(p, b.len, &back), b.len);
		assert_int_equal(back, v);
		assert_int_equal(record_varint_get(p, b.len - 1, &back), 0);
		buf_done(&b);
	}
}

/* ---- the real tables ---- */

static const struct record_type *const job_types[] = { &job_media_type, &job_part_type, &job_content_type,
                                                       &job_post_type,
                                                       &job_target_type };

static void check_table(const struct record_type *type, unsigned depth)
{
	assert_true(depth < 8);
	for (size_t i = 0; i < type->field_count; i++) {
		const struct field *f = &type->fields[i];
		assert_true(f->tag >= 1 && f->tag <= 10000);
		assert_true(f->offset >= sizeof(struct record_extra) && f->offset < type->size);
		assert_int_equal(f->sub != NULL, f->kind == FIELD_LIST);
		for (size_t j = 0; j < i; j++) {
			assert_int_not_equal(f->tag, type->fields[j].tag);
			assert_int_not_equal(f->offset, type->fields[j].offset);
			assert_string_not_equal(f->name, type->fields[j].name);
		}
		if (f->sub)
			check_table(f->sub, depth + 1);
	}
}

static void test_job_tables(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof job_types / sizeof *job_types; i++)
		check_table(job_types[i], 0);
}

static void test_target_roundtrip(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, 1 << 20);
	struct media media = { .sha256 = (char[]){ "abc" }, .alt = (char[]){ "a cat" }, .width = 640 };
	struct part parts[2] = { { .text = (char[]){ "" }, .media = &media, .media_count = 1 },
	                         { .text = (char[]){ "x" }, .comment = 1 } };
	struct content own = { .parts = parts, .part_count = 2 };
	struct attempt open = { .number = 2, .mark = (char[]){ "m" }, .armed_ms = 5 };
	struct value values[] = { { .name = (char[]){ "rkey.0" }, .text = (char[]){ "3k" } } };
	struct shown shown = { .remote_id = (char[]){ "99" } };
	struct target t = { .id = 42, .n = 1, .state = STATE_SENDING, .due_ms = 1796115600000, .own = &own,
	                    .own_count = 1, .open = &open,
	                    .open_count = 1, .values = values, .value_count = 1, .shown = &shown, .shown_count = 1 }, back;
	struct buf b = BUF_INIT(1 << 16);
	record_encode(&job_target_type, &t, &b);
	assert_int_equal(record_decode(&job_target_type, b.data, b.len, &a, &back), 0);
	assert_int_equal(back.id, 42);
	assert_int_equal(back.state, STATE_SENDING);
	assert_int_equal(back.due_ms, t.due_ms);
	assert_int_equal(back.open[0].number, 2);
	assert_string_equal(back.values[0].name, "rkey.0");
	assert_string_equal(back.shown[0].remote_id, "99");
	const struct content *c = job_content(NULL, &back);
	assert_ptr_equal(c, back.own);
	assert_string_equal(c->parts[0].text, "");
	assert_string_equal(c->parts[0].media[0].alt, "a cat");
	assert_int_equal(c->parts[1].comment, 1);
	buf_done(&b);
	arena_done(&a);
}

static void test_content_choice(void **state)
{
	(void)state;
	struct part part = { .text = (char[]){ "x" } }, broken = { .text = NULL };
	struct content c = { .parts = &part, .part_count = 1 }, d = c;
	struct content empty = { .part_count = 0 }, bad = { .parts = &broken, .part_count = 1 };
	struct post p = { .content = &c, .content_count = 1 }, none = { .content_count = 0 };
	struct target t = { .own_count = 0 };
	struct target own = { .own = &d, .own_count = 1 }, own_bad = { .own = &bad, .own_count = 1 };
	assert_ptr_equal(job_content(&p, &t), &c);
	assert_ptr_equal(job_content(&p, &own), &d);
	assert_ptr_equal(job_content(&p, NULL), &c);
	assert_null(job_content(&none, &t));
	assert_null(job_content(NULL, &t));
	assert_null(job_content(&p, &own_bad));
	p.content = &empty;
	assert_null(job_content(&p, &t));
}

static void test_small_rules(void **state)
{
	(void)state;
	struct target t = { .due_ms = 100 };
	assert_int_equal(job_fire_ms(&t), 100);
	t.not_before_ms = 50;
	assert_int_equal(job_fire_ms(&t), 100);
	t.not_before_ms = 500;
	assert_int_equal(job_fire_ms(&t), 500);
	for (int i = 0; i < LATE__COUNT; i++)
		assert_int_equal(late_find(late_name((enum late_rule)i)), i);
	assert_int_equal(late_find("never"), -ST_INVALID);
	assert_string_equal(late_name(LATE__COUNT), "?");
}

static void test_retry_delays(void **state)
{
	(void)state;
	static const int64_t full[] = { 15000, 15000, 30000, 60000, 120000, 240000, 480000, 960000, 1920000, 3600000,
	                                3600000 };
	for (uint64_t tries = 0; tries < 11; tries++) {
		int64_t low = INT64_MAX, high = 0;
		for (int i = 0; i < 2000; i++) {
			int64_t d = retry_delay_ms(tries, next_random());
			assert_true(d >= full[tries] / 2 && d <= full[tries]);
			low = d < low ? d : low;
			high = d > high ? d : high;
		}
		assert_true(low < full[tries] * 6 / 10 && high > full[tries] * 9 / 10);
	}
	assert_true(retry_delay_ms(UINT64_MAX, UINT64_MAX) <= 3600000);
	assert_int_equal(retry_delay_ms(1, 0), 7500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roundtrip_and_unknown_fields), cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_long_nested_record), cmocka_unit_test(test_corrupt), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_damage), cmocka_unit_test(test_dump), cmocka_unit_test(test_varints),
		cmocka_unit_test(test_job_tables), cmocka_unit_test(test_target_roundtrip),
		cmocka_unit_test(test_content_choice),
		cmocka_unit_test(test_small_rules), cmocka_unit_test(test_retry_delays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
