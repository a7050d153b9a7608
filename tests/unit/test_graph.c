/* test_graph.c: times, limits and pages of Graph answers, the class of errors, and the lists that options of instagram hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/plat/graph.h"
#include "daemon/plat/instagram.h"
#include "daemon/plat/oauth.h"
#include "proto/status.h"

#define NOW_MS INT64_C(1772357400000)
#define MINUTE_MS (60 * INT64_C(1000))

struct world {
	struct arena arena;
	struct plat_values account_values, values;
	struct plat_account account;
	struct plat_header headers[2];
	struct plat_response response;
	struct plat_in in;
};

static const struct graph plain = { .platform = "plain", .host = "https://graph.example" };

static void begin(struct world *w, int status, const char *body)
{
	memset(w, 0, sizeof(*w));
	arena_init(&w->arena, 1 << 20);
	w->account_values.arena = w->values.arena = &w->arena;
	w->account = (struct plat_account){ .name = "brand" };
	w->response = (struct plat_response){ .status = status, .body = body, .body_len = strlen(body), .headers = w->headers };
	w->in = (struct plat_in){ .arena = &w->arena, .account = &w->account, .account_values = &w->account_values,
	                          .values = &w->values, .response = &w->response, .now_ms = NOW_MS, .steady_ms = NOW_MS };
}

static void add_header(struct world *w, const char *name, const char *value)
{
	w->headers[w->response.header_count++] = (struct plat_header){ .name = name, .value = value };
}

static void test_times(void **state)
{
	static const struct { const char *text; int64_t ms; } rows[] = {
		{ "2026-03-01T09:30:00+0000", NOW_MS }, { "2026-03-01T10:30:00+0100", NOW_MS }, { "2026-03-01T09:30:00+00:00", NOW_MS },
		{ "2026-03-01T09:30:00Z", NOW_MS }, { "2026-03-01T09:30:00", -1 }, { "+0000", -1 }, { "", -1 }, { "1772357400", -1 },
		{ "2026-03-01T09:30:00.000000000000000000000000000+0000", -1 },
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < WIRE_COUNT(rows); i++) {
		int rc = graph_time_ms(rows[i].text, &ms);

		assert_int_equal(rc, rows[i].ms < 0 ? -ST_INVALID : 0);
		if (!rc)
			assert_int_equal(ms, rows[i].ms);
	}
}

/* Seconds until the limit ends, give or take the jitter; and how long a look that is not pressing waits. */
static void test_usage(void **state)
{
	static const struct { const char *name, *value; int64_t reset_ms, ease_ms; } rows[] = {
		{ "X-App-Usage", "{\"call_count\":80,\"total_time\":79}", 0, 0 },
		{ "X-App-Usage", "{\"call_count\":1,\"total_cputime\":80.9}", 0, 0 },
		{ "x-app-usage", "{\"call_count\":81}", 0, MINUTE_MS },
		{ "X-Page-Usage", "{\"total_time\":100}", 0, MINUTE_MS },
		{ "X-Business-Use-Case-Usage", "{\"1\":[{\"type\":\"pages\",\"call_count\":3}],\"2\":[{\"call_count\":95,\"estimated_time_to_regain_access\":7}]}",
		  7 * MINUTE_MS, 7 * MINUTE_MS },
		{ "X-Ad-Account-Usage", "{\"acc_id_util_pct\":9.67,\"reset_time_duration\":100}", 100 * 1000, 0 },
		{ "X-Business-Use-Case-Usage", "{\"1\":[{\"call_count\":100,\"estimated_time_to_regain_access\":99999}]}", 1440 * MINUTE_MS, 1440 * MINUTE_MS },
		{ "X-Business-Use-Case-Usage", "{\"1\":7,\"2\":[7,{}],\"3\":{}}", 0, 0 },
		{ "X-Business-Use-Case-Usage", "[1,2", 0, 0 },
		{ "Retry-After", "90", 90 * 1000, 0 },
	};

	(void)state;
	for (size_t i = 0; i < WIRE_COUNT(rows); i++) {
		struct world w;
		int64_t reset;

		begin(&w, 400, "");
		add_header(&w, rows[i].name, rows[i].value);
		reset = graph_reset_ms(&w.in);
		if (rows[i].reset_ms)
			assert_in_range(reset, NOW_MS + rows[i].reset_ms, NOW_MS + rows[i].reset_ms + 6000);
		else
			assert_int_equal(reset, 0);
		assert_int_equal(graph_ease_ms(&w.in), rows[i].ease_ms);
		arena_done(&w.arena);
	}
}

#define ERROR(code, sub, more) "{\"error\":{\"message\":\"m\",\"code\":" #code ",\"error_subcode\":" #sub more "}}"

static void test_classes(void **state)
{
	static const struct { int status; const char *body; enum plat_class klass, once; } rows[] = {
		{ 400, ERROR(1, 0, ), PLAT_TRANSIENT, PLAT_UNKNOWN }, { 400, ERROR(-1, 5, ), PLAT_TRANSIENT, PLAT_UNKNOWN },
		{ 500, ERROR(2, 0, ), PLAT_TRANSIENT, PLAT_UNKNOWN }, { 403, ERROR(4, 0, ), PLAT_RATE, PLAT_RATE },
		{ 400, ERROR(17, 0, ), PLAT_RATE, PLAT_RATE }, { 400, ERROR(80014, 0, ), PLAT_RATE, PLAT_RATE },
		{ 400, ERROR(368, 0, ), PLAT_RATE, PLAT_RATE }, { 403, ERROR(10, 0, ), PLAT_AUTH, PLAT_AUTH },
		{ 403, ERROR(299, 0, ), PLAT_AUTH, PLAT_AUTH }, { 400, ERROR(100, 33, ), PLAT_PERMANENT, PLAT_PERMANENT },
		{ 400, ERROR(77777, 0, ), PLAT_PERMANENT, PLAT_PERMANENT },
		{ 400, ERROR(77777, 0, ",\"is_transient\":true"), PLAT_TRANSIENT, PLAT_UNKNOWN },
		{ 503, "<html>", PLAT_TRANSIENT, PLAT_UNKNOWN }, { 429, "", PLAT_RATE, PLAT_RATE }, { 403, "", PLAT_AUTH, PLAT_AUTH },
		{ 404, "", PLAT_PERMANENT, PLAT_PERMANENT }, { 302, "", PLAT_PERMANENT, PLAT_PERMANENT }, { 200, "", PLAT_TRANSIENT, PLAT_UNKNOWN },
		{ 200, "{}", PLAT_TRANSIENT, PLAT_UNKNOWN }, { 408, "", PLAT_TRANSIENT, PLAT_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < WIRE_COUNT(rows); i++) {
		struct graph_answer answer;
		struct plat_out out;
		struct world w;

		begin(&w, rows[i].status, rows[i].body);
		graph_answer_read(&w.in, &answer);
		memset(&out, 0, sizeof(out));
		graph_refuse(&w.in, &out, &plain, "x", &answer);
		assert_int_equal(out.klass, rows[i].klass);
		memset(&out, 0, sizeof(out));
		graph_refuse_once(&w.in, &out, &plain, "x", &answer);
		assert_int_equal(out.klass, rows[i].once);
		assert_int_equal(out.verdict, PLAT_FAIL);
		graph_answer_done(&answer);
		arena_done(&w.arena);
	}
}

/* A refused token asks for a session first, and pauses the account when the new one is refused, too. */
static void test_token(void **state)
{
	struct graph_answer answer;
	struct plat_out out;
	struct world w;

	(void)state;
	begin(&w, 401, ERROR(190, 463, ));
	graph_answer_read(&w.in, &answer);
	graph_refuse(&w.in, &out, &plain, "x", &answer);
	assert_int_equal(out.verdict, PLAT_NEED_SESSION);
	assert_true(out.refused);
	graph_refuse(&w.in, &out, &plain, "x", &answer);
	assert_int_equal(out.verdict, PLAT_FAIL);
	assert_int_equal(out.klass, PLAT_AUTH);
	w.in.values = NULL;
	graph_refuse(&w.in, &out, &plain, "x", &answer);
	assert_int_equal(out.klass, PLAT_AUTH);
	assert_false(graph_passes(&answer.wire));
	graph_answer_done(&answer);
	arena_done(&w.arena);
}

static void test_tags(void **state)
{
	static const struct { const char *list, *json; } rows[] = {
		{ "", "[]" }, { " , ", "[]" }, { "jane", "[{\"username\":\"jane\"}]" },
		{ "jane:0.5:0.25,joe:1:0", "[{\"username\":\"jane\",\"x\":0.5,\"y\":0.25},{\"username\":\"joe\",\"x\":1,\"y\":0}]" },
		{ "a:1.0:0.0", "[{\"username\":\"a\",\"x\":1.0,\"y\":0.0}]" },
		/* What is not as it should be is left out; preflight says so. */
		{ "a:0.5 b:1.1:0 c:2:0 d:.5:0 e:0.:0 f:00:0 g::0 :0:0 h:0:0:0 i:-1:0 j:0:1e0", "[]" },
	};
	struct world w;

	(void)state;
	begin(&w, 200, "");
	for (size_t i = 0; i < WIRE_COUNT(rows); i++)
		assert_string_equal(instagram_tags_json(&w.in, rows[i].list, "username"), rows[i].json);
	assert_null(instagram_tags_json(&w.in, NULL, "username"));
	assert_string_equal(instagram_names_json(&w.in, "jane, \"joe\""), "[\"jane\",\"\\\"joe\\\"\"]");
	arena_done(&w.arena);
}

/* Which tokens count is told by an option. */
static void test_logins(void **state)
{
	static char name[] = "Login", facebook[] = "facebook", own[] = "instagram";
	struct value option = { .name = name, .text = own };
	struct plat_account account = { .name = "brand" };

	(void)state;
	assert_null(oauth_of(NULL, &account));
	assert_ptr_equal(oauth_of(&instagram_oauth, &account), &instagram_oauth);
	account.options = &option;
	account.option_count = 1;
	assert_ptr_equal(oauth_of(&instagram_oauth, &account), &instagram_oauth);
	option.text = facebook;
	assert_ptr_equal(oauth_of(&instagram_oauth, &account), instagram_oauth.other);
	assert_string_equal(oauth_of(&instagram_oauth, &account)->refresh.grant_type, "fb_exchange_token");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times), cmocka_unit_test(test_usage), cmocka_unit_test(test_classes),
		cmocka_unit_test(test_token), cmocka_unit_test(test_tags), cmocka_unit_test(test_logins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
