/* test_verb.c: the verb table is complete, and request_split takes exactly one spelling of a request. */
#include "proto/verb.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/status.h"

static int split(char *copy, const char *line, struct request *r)
{
	const char *why = NULL;
	strcpy(copy, line);
	int rc = request_split(copy, strlen(copy), r, &why);
	assert_true(rc == 0 || (rc == -ST_USAGE && why && *why));
	return rc;
}

static void test_rows(void **state)
{
	(void)state;
	for (int i = 0; i < VERB__COUNT; i++) {
		const struct verb_info *v = verb_info((enum verb)i);
		assert_non_null(v);
		assert_int_equal(v->verb, i);
		assert_true(strspn(v->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(v->name));
		assert_ptr_equal(verb_find(v->name, strlen(v->name)), v);
		assert_null(verb_find(v->name, strlen(v->name) - 1));
		assert_true(v->min_words <= v->max_words && v->max_words <= REQUEST_MAX_WORDS);
		assert_int_equal(strncmp(v->usage, v->name, strlen(v->name)), 0);
		assert_true(strlen(v->help) > 10);
		assert_int_equal(strchr(v->usage, '{') != NULL, v->body != BODY_NONE);
	}
	assert_null(verb_info(VERB__COUNT));
	assert_null(verb_find("add", 3));
	assert_null(verb_find("", 0));
}

static void test_levels(void **state)
{
	(void)state;
	assert_string_equal(level_name(LEVEL_READ), "read");
	assert_string_equal(level_name(LEVEL_SUBMIT), "submit");
	assert_string_equal(level_name(LEVEL_APPROVE), "approve");
	assert_string_equal(level_name(LEVEL_ADMIN), "admin");
	assert_string_equal(level_name(LEVEL__COUNT), "?");
	for (int i = 0; i < VERB__COUNT; i++) {
		const struct verb_info *v = verb_info((enum verb)i);
		assert_true(!v->writes || v->level >= LEVEL_SUBMIT);
	}
	assert_int_equal(verb_info(VERB_RELOAD)->level, LEVEL_ADMIN);
}

static void test_good_requests(void **state)
{
	(void)state;
	struct request r;
	char line[200];
	assert_int_equal(split(line, "HELLO", &r), 0);
	assert_int_equal(r.verb->verb, VERB_HELLO);
	assert_int_equal(r.words, 0);
	assert_null(r.body);
	assert_int_equal(split(line, "HELLO {}", &r), 0);
	assert_string_equal(r.body, "{}");
	assert_int_equal(split(line, "SHOW 42.1", &r), 0);
	assert_string_equal(r.word[0], "42.1");
	assert_int_equal(split(line, "ADD {\"text\":\"a  b\\t\"}", &r), 0);
	assert_string_equal(r.body, "{\"text\":\"a  b\\t\"}");
	assert_int_equal(r.body_len, strlen(r.body));
	assert_int_equal(split(line, "LIST {\"state\":\"failed\"} ", &r), 0);
	assert_int_equal(split(line, "LIST {\t}", &r), 0);
	assert_int_equal(split(line, "EDIT 7 {\"a\":[1, 2]}", &r), 0);
	assert_string_equal(r.word[0], "7");
	assert_string_equal(r.body, "{\"a\":[1, 2]}");
	assert_int_equal(split(line, "PUT \xc3\xa9t\xc3\xa9.jpg 1234", &r), 0);
	assert_string_equal(r.word[0], "\xc3\xa9t\xc3\xa9.jpg");
	assert_string_equal(r.word[1], "1234");
	assert_int_equal(split(line, "CANCEL", &r), 0);
	assert_int_equal(split(line, "CANCEL 1", &r), 0);
	assert_int_equal(split(line, "CANCEL {}", &r), 0);
	assert_int_equal(split(line, "CANCEL 1 {}", &r), 0);
	assert_int_equal(r.words, 1);
	assert_string_equal(r.body, "{}");
}

static void test_bad_requests(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", " ", "hello", "Hello", " HELLO", "HELLO ", "HELLO  ", "HELLO x", "HELLO x {}", "HELLOX", "SHOW", "SHOW  1",
		"SHOW 1 2",
		"SHOW 1 ", "SHOW {}", "SHOW 1 {}", "ADD", "ADD x {}", "ADD  {}", "ADD{}", "EDIT 1", "EDIT {}", "PUT a",
		"PUT a 1 2",
		"PUT {} 1", "SHOW\t1", "SHOW a\tb", "CANCEL 1 2", "CANCEL 1 2 3 4 5 6 7", "RELOAD {}", "ADD [1]", "ADD \"x\"",
	};
	struct request r;
	char line[200];
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (split(line, bad[i], &r) != -ST_USAGE)
			fail_msg("accepted: '%s'", bad[i]);
	char nul[] = "SHOW 1\0002";
	assert_int_equal(request_split(nul, sizeof nul - 1, &r, NULL), -ST_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows), cmocka_unit_test(test_levels), cmocka_unit_test(test_good_requests),
		cmocka_unit_test(test_bad_requests),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
