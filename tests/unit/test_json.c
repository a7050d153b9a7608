/* test_json.c: what the door refuses, what it keeps exact, and that written text reads back as it was meant. */
#include "proto/json.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "proto/status.h"

static struct json *parse(const char *text)
{
	struct json *v = NULL;
	const char *why = "";
	int rc = json_parse(&v, text, strlen(text), &why, NULL);
	if (rc)
		fail_msg("refused: %s: %s", text, why);
	return v;
}

static char *print(const struct json *v)
{
	struct buf b = BUF_INIT(1 << 22);
	json_print(v, &b);
	assert_int_equal(buf_error(&b), 0);
	return buf_steal(&b);
}

static void assert_refused(const char *text, size_t len)
{
	struct json *v = NULL;
	const char *why = NULL;
	size_t at = SIZE_MAX;
	/* A copy of the exact size lets the sanitizer see a read past the end. */
	char *copy = malloc(len ? len : 1);
	memcpy(copy, text, len);
	if (json_parse(&v, copy, len, &why, &at) != -ST_INVALID)
		fail_msg("accepted: %s", text);
	assert_null(v);
	assert_non_null(why);
	assert_true(at <= len);
	free(copy);
}

static void test_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", " ", "{", "}", "[", "]", "[1", "[1,", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}",
		"{'a':1}",
		"{\"a\":1 \"b\":2}", "{1:2}", "[1 2]", "nul", "nulll", "NULL", "True", "tru", "NaN", "Infinity", "-Infinity",
		"-", "+1",
		"01", "-01", "00", "1.", ".5", "-.5", "1.e1", "1e", "1e+", "0x10", "1 2", "{} {}", "{}x", "\"", "\"a", "\"\\",
		"\"\\x\"",
		"\"\\u12\"", "\"\\u12g4\"", "\"\\u0000\"", "\"\\ud800\"", "\"\\ud800x\"", "\"\\udc00\"", "\"\\ud800\\u0041\"",
		"\"\\ud800\\ud800\"", "\"a\nb\"", "\"a\tb\"", "\"\x01\"", "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"",
		"\"\xf4\x90\x80\x80\"",
		"\"\xc3\"", "\xef\xbb\xbf{}", "{\"a\":1,\"a\":2}", "{\"a\":1,\"b\":{\"c\":1,\"c\":1}}",
		"{\"a\":1,\"\\u0061\":2}",
		"{\"\xc3\xa9\":1,\"\\u00e9\":2}", "{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", "{\"\":1,\"\":2}",
		"{\"/\":1,\"\\/\":1}",
		"[1]\v", "\v1", "/* */1", "1//", "{\"a\":1}}", "\"\\", "\"\\u", "{\"a\":.}", "tr", "f", "\"abc\\ud83d\\u",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_refused(bad[i], strlen(bad[i]));
	assert_refused("1\0", 2);
	assert_refused("\"a\0b\"", 5);
	assert_refused("\0", 1);
}

static void test_reason_and_place(void **state)
{
	(void)state;
	struct json *v;
	const char *why;
	size_t at;
	assert_int_equal(json_parse(&v, "{\"a\":1,\"a\":2}", 13, &why, &at), -ST_INVALID);
	assert_int_equal(at, 7);
	assert_string_equal(why, "a key stands twice in one object");
	assert_int_equal(json_parse(&v, "[1,2,x]", 7, &why, &at), -ST_INVALID);
	assert_int_equal(at, 5);
	assert_int_equal(json_parse(&v, "[1,2,\"\xff\"]", 9, &why, &at), -ST_INVALID);
	assert_int_equal(at, 6);
	assert_int_equal(json_parse(&v, "x", 1, NULL, NULL), -ST_INVALID);
}

static void test_depth(void **state)
{
	(void)state;
	char text[200];
	for (size_t depth = 1; depth <= 40; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		struct json *v;
		int rc = json_parse(&v, text, 2 * depth, NULL, NULL);
		assert_int_equal(rc, depth <= JSON_MAX_DEPTH ? 0 : -ST_INVALID);
		if (rc == 0) {
			char *again = print(v);
			assert_int_equal(strlen(again), 2 * depth);
			free(again);
		}
		json_free(v);
	}
}

static void test_member_limit(void **state)
{
	(void)state;
	for (int n = JSON_MAX_MEMBERS; n <= JSON_MAX_MEMBERS + 1; n++) {
		struct buf b = BUF_INIT(1 << 20);
		struct json_writer w;
		jw_init(&w, &b);
		jw_object(&w, NULL);
		for (int i = 0; i < n; i++) {
			char key[16];
			(void)snprintf(key, sizeof key, "k%d", i);
			jw_int(&w, key, i);
		}
		jw_end(&w);
		struct json *v;
		assert_int_equal(json_parse(&v, b.data, b.len, NULL, NULL), n <= JSON_MAX_MEMBERS ? 0 : -ST_INVALID);
		if (v) {
			int64_t last = 0;
			assert_int_equal(json_count(v), n);
			assert_int_equal(json_get_int(v, "k999", &last), 0);
			assert_int_equal(last, 999);
		}
		json_free(v);
		buf_done(&b);
	}
}

static void test_integers_are_exact(void **state)
{
	(void)state;
	static const struct { const char *text; int rc; int64_t value; } rows[] = {
		{ "0", 0, 0 }, { "-0", 0, 0 }, { "7", 0, 7 }, { "999999999999999", 0, 999999999999999 },
		{ "-999999999999999", 0, -999999999999999 }, { "9007199254740993", 0, 9007199254740993 },
		{ "9223372036854775807", 0, INT64_MAX }, { "-9223372036854775808", 0, INT64_MIN },
		{ "9223372036854775808", -ST_INVALID, 0 }, { "-9223372036854775809", -ST_INVALID, 0 },
		{ "123456789012345678901234567890", -ST_INVALID, 0 }, { "2.0", 0, 2 }, { "2.5", -ST_INVALID, 0 },
		{ "1.00000000000000000000001", -ST_INVALID, 0 }, { "0.99999999999999999999999", -ST_INVALID, 0 },
		{ "1e3", -ST_INVALID, 0 }, { "1e-400", -ST_INVALID, 0 }, { "1e999", -ST_INVALID, 0 }, { "-3.000", 0, -3 },
		{ "\"12\"", -ST_INVALID, 0 }, { "\"1234567890123456\"", 0, 1234567890123456 },
		{ "\"0234567890123456\"", -ST_INVALID, 0 },
		{ "\"123456789012345x\"", -ST_INVALID, 0 }, { "\"\"", -ST_INVALID, 0 }, { "true", -ST_INVALID, 0 },
		{ "null", -ST_INVALID, 0 }, { "[1]", -ST_INVALID, 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct json *v = parse(rows[i].text);
		int64_t out = 77;
		assert_int_equal(json_int(v, &out), rows[i].rc);
		assert_int_equal(out, rows[i].rc ? 77 : rows[i].value);
		json_free(v);
	}
	int64_t out = 77;
	assert_int_equal(json_int(NULL, &out), -ST_INVALID);
}

static void test_long_integers_inside(void **state)
{
	(void)state;
	struct json *v = parse("{\"a\": 12345678901234567 ,\"b\":[1, -9999999999999999,2],\"c\":\"x\"}");
	assert_string_equal(json_get_text(v, "a"), "12345678901234567");
	assert_string_equal(json_text(json_path(v, "b.1")), "-9999999999999999");
	int64_t n = 0;
	assert_int_equal(json_int(json_path(v, "b.2"), &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(json_get_text(v, "c"), "x");
	json_free(v);
}

static void test_fractions_keep_their_text(void **state)
{
	(void)state;
	static const char text[] =
		"[1,0.1,2,{\"x\":0.30000000000000004,\"long\":1234567890123456,\"e\":1E+2},-0.0,1e999,5]";
	struct json *v = parse(text);
	char *again = print(v);
	assert_string_equal(again,
	                    "[1,0.1,2,{\"x\":0.30000000000000004,\"long\":\"1234567890123456\",\"e\":1E+2},-0.0,1e999,5]");
	free(again);
	assert_string_equal(json_number_text(json_at(v, 1)), "0.1");
	assert_null(json_number_text(json_at(v, 0)));
	assert_null(json_number_text(NULL));
	json_free(v);
	char digits[80] = "0.";
	memset(digits + 2, '3', JSON_MAX_NUMBER - 2);
	v = parse(digits);
	json_free(v);
	strcat(digits, "3");
	assert_refused(digits, strlen(digits));
}

static void test_access(void **state)
{
	(void)state;
	struct json *v = parse("{\"s\":\"x\",\"t\":true,\"f\":false,\"z\":null,"
	                       "\"a\":[10,20,{\"k\":\"v\"}],\"o\":{\"\":1,\"p\":{\"q\":3}}}");
	assert_int_equal(json_kind(v), JSON_OBJECT);
	assert_int_equal(json_kind(NULL), JSON_NULL);
	assert_int_equal(json_kind(json_get(v, "z")), JSON_NULL);
	assert_int_equal(json_kind(json_get(v, "a")), JSON_ARRAY);
	assert_int_equal(json_count(v), 6);
	assert_int_equal(json_count(json_get(v, "s")), 0);
	assert_string_equal(json_text(json_path(v, "a.2.k")), "v");
	assert_null(json_path(v, "a.3"));
	assert_null(json_path(v, "a.x"));
	assert_null(json_path(v, "a.-1"));
	assert_null(json_path(v, "a."));
	assert_null(json_path(v, "s.x"));
	assert_null(json_path(v, "o.p.q.r"));
	assert_null(json_path(NULL, "x"));
	assert_non_null(json_path(v, "o."));
	int64_t n = 0;
	assert_int_equal(json_int(json_path(v, "o.p.q"), &n), 0);
	assert_int_equal(n, 3);
	assert_null(json_get(json_get(v, "a"), "x"));
	assert_null(json_get(NULL, "x"));
	assert_null(json_get(v, "S"));
	assert_true(json_true(json_get(v, "t"), false));
	assert_false(json_true(json_get(v, "f"), true));
	assert_true(json_true(json_get(v, "s"), true));
	assert_true(json_true(NULL, true));
	assert_null(json_text(json_get(v, "t")));
	assert_null(json_at(v, 6));
	assert_string_equal(json_key(json_at(v, 5)), "o");
	assert_null(json_key(json_first(json_get(v, "a"))));
	size_t seen = 0;
	for (const struct json *e = json_first(v); e; e = json_next(e))
		seen++;
	assert_int_equal(seen, 6);
	json_free(v);
	json_free(NULL);
}

static void test_ids(void **state)
{
	(void)state;
	char b[24];
	struct json *v = parse("{\"n\":42,\"m\":-999999999999999,"
	                       "\"big\":12345678901234567890123,\"s\":\"abc\",\"e\":\"\",\"f\":1.5,\"t\":true}");
	assert_string_equal(json_get_id(v, "n", b), "42");
	assert_string_equal(json_get_id(v, "m", b), "-999999999999999");
	assert_string_equal(json_get_id(v, "big", b), "12345678901234567890123");
	assert_string_equal(json_get_id(v, "s", b), "abc");
	assert_null(json_get_id(v, "e", b));
	assert_null(json_get_id(v, "f", b));
	assert_null(json_get_id(v, "t", b));
	assert_null(json_get_id(v, "absent", b));
	json_free(v);
}

static void test_writer(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(1000);
	struct json_writer w;
	jw_init(&w, &b);
	jw_object(&w, NULL);
	jw_str(&w, "s", "a\"b\\c\n\x01\x7f\t\xc3\xa9/");
	jw_str(&w, "null", NULL);
	jw_strn(&w, "n", "abc\0def", 7);
	jw_array(&w, "a");
	jw_int(&w, NULL, INT64_MIN);
	jw_bool(&w, NULL, true);
	jw_object(&w, NULL);
	jw_end(&w);
	jw_null(&w, NULL);
	jw_end(&w);
	jw_raw(&w, "r", "[1]", 3);
	jw_str(&w, "bad", "x\xffy\xc3");
	jw_end(&w);
	assert_int_equal(buf_error(&b), 0);
	assert_string_equal(buf_cstr(&b),
	                    "{\"s\":\"a\\\"b\\\\c\\n\\u0001\\u007f\\t\xc3\xa9/\",\"null\":null,\"n\":\"abc\\u0000def\","
	                    "\"a\":[-9223372036854775808,true,{},null],\"r\":[1],\"bad\":\"x\xef\xbf\xbdy\xef\xbf\xbd\"}");
	buf_done(&b);
}

static void test_writer_misuse(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(1000);
	struct json_writer w;
	jw_init(&w, &b);
	jw_end(&w);
	assert_int_equal(buf_error(&b), -ST_INTERNAL);
	buf_reset(&b);
	jw_init(&w, &b);
	jw_object(&w, NULL);
	jw_int(&w, NULL, 1);
	assert_int_equal(buf_error(&b), -ST_INTERNAL);
	buf_reset(&b);
	jw_init(&w, &b);
	jw_int(&w, NULL, 1);
	jw_int(&w, NULL, 1);
	assert_int_equal(buf_error(&b), -ST_INTERNAL);
	buf_reset(&b);
	jw_init(&w, &b);
	for (int i = 0; i < JW_MAX_DEPTH; i++)
		jw_array(&w, NULL);
	assert_int_equal(buf_error(&b), 0);
	jw_array(&w, NULL);
	assert_int_equal(buf_error(&b), -ST_INTERNAL);
	for (int i = 0; i < 100; i++)
		jw_end(&w);
	buf_done(&b);
	struct buf small = BUF_INIT(5);
	jw_init(&w, &small);
	jw_str(&w, NULL, "too long for this");
	assert_int_equal(buf_error(&small), -ST_TOO_LARGE);
	buf_done(&small);
}

static uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void write_random(struct json_writer *w, const char *key, int depth)
{
	char text[24], name[32];
	size_t len = next_random() % sizeof text;
	int children = (int)(next_random() % 6);
	switch (next_random() % (depth < 6 ? 6 : 4)) {
	case 0:
		jw_int(w, key, (int64_t)next_random() >> (next_random() % 63));
		break;
	case 1:
		for (size_t i = 0; i < len; i++)
			text[i] = (char)(1 + next_random() % 127);
		jw_strn(w, key, text, len);
		break;
	case 2:
		jw_bool(w, key, next_random() & 1);
		break;
	case 3:
		jw_null(w, key);
		break;
	case 4:
		jw_array(w, key);
		for (int i = 0; i < children; i++)
			write_random(w, NULL, depth + 1);
		jw_end(w);
		break;
	default:
		jw_object(w, key);
		for (int i = 0; i < children; i++) {
			(void)snprintf(name, sizeof name, "%d\"\xc3\xa9%c", i, (char)(1 + next_random() % 127));
			write_random(w, name, depth + 1);
		}
		jw_end(w);
		break;
	}
}

/* Written text parses, and prints as the same text but for long integers, which become strings and then stay the
 * same. */
static void test_random_roundtrip(void **state)
{
	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int round = 0; round < 2000; round++) {
		struct buf b = BUF_INIT(1 << 22);
		struct json_writer w;
		jw_init(&w, &b);
		write_random(&w, NULL, 0);
		assert_int_equal(buf_error(&b), 0);
		struct json *v = parse(buf_cstr(&b));
		char *once = print(v);
		struct json *v2 = parse(once);
		char *twice = print(v2);
		assert_string_equal(once, twice);
		assert_true(strlen(once) >= b.len);
		/* Every shorter text must be refused, whatever the cut meets: only a number can be cut into a number. */
		for (size_t cut = 0; cut < b.len && round < 300; cut++) {
			struct json *part;
			int rc = json_parse(&part, b.data, cut, NULL, NULL);
			bool number = b.data[0] == '-' || (b.data[0] >= '0' && b.data[0] <= '9');
			assert_true(rc == -ST_INVALID || number);
			json_free(part);
		}
		free(once);
		free(twice);
		json_free(v);
		json_free(v2);
		buf_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused), cmocka_unit_test(test_reason_and_place), cmocka_unit_test(test_depth),
		cmocka_unit_test(test_member_limit), cmocka_unit_test(test_integers_are_exact),
		cmocka_unit_test(test_long_integers_inside), cmocka_unit_test(test_fractions_keep_their_text),
		cmocka_unit_test(test_access), cmocka_unit_test(test_ids), cmocka_unit_test(test_writer),
		cmocka_unit_test(test_writer_misuse), cmocka_unit_test(test_random_roundtrip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
