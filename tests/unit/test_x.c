/* test_x.c: what the exchange scripts of X cannot show: the login, and texts as they are compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/plat/x.h"

/* RFC 7636, appendix B. */
static const char verifier[] = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

static char name_id[] = "client_id", text_id[] = "client1";
static struct value credential[] = { { .name = name_id, .text = text_id } };
static const struct plat_account account = { .name = "brand", .credential = credential, .credential_count = 1 };

static void test_authorize(void **state)
{
	struct arena a;
	struct plat_values values = { .arena = &a };
	const struct plat_in in = { .arena = &a, .account = &account, .account_values = &values };

	(void)state;
	arena_init(&a, 1 << 20);
	assert_string_equal(oauth_authorize_url(&in, &x_oauth, "http://127.0.0.1:8080/x", "st", verifier),
	                    "https://x.com/i/oauth2/authorize?response_type=code&client_id=client1&redirect_uri=http%3A%2F%2F127.0.0.1%3A8080%2Fx"
	                    "&scope=tweet.read%20tweet.write%20users.read%20media.write%20offline.access&state=st"
	                    "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256");
	arena_done(&a);
}

/* A login brings tokens of a profile that is not known yet, whatever the file was good for before. */
static void test_login(void **state)
{
	static const struct plat_login login = { .code = "c1", .verifier = verifier, .redirect_uri = "http://127.0.0.1:8080/x" };
	static const char tokens[] = "{\"expires_in\":7200,\"access_token\":\"A1\",\"refresh_token\":\"R1\"}";
	const struct plat_response answer = { .status = 200, .body = tokens, .body_len = sizeof(tokens) - 1 };
	struct arena a;
	struct plat_values values = { .arena = &a };
	struct plat_in in = { .arena = &a, .account = &account, .account_values = &values, .login = &login, .now_ms = 1772357400000 };
	struct plat_out out;

	(void)state;
	arena_init(&a, 1 << 20);
	plat_set(&values, "own_id", "700001");
	plat_set(&values, "cred", wire_credential_print(&in));
	plat_x.session(&in, &out);
	assert_int_equal(out.verdict, PLAT_SEND);
	assert_string_equal(out.request.url, "https://api.x.com/2/oauth2/token");
	assert_string_equal(out.request.step, "token.code");
	assert_string_equal(out.request.pieces[0].data, "grant_type=authorization_code&code=c1&redirect_uri=http%3A%2F%2F127.0.0.1%3A8080%2Fx"
	                    "&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk&client_id=client1");
	in.response = &answer;
	in.response_step = "token.code";
	plat_x.session(&in, &out);
	assert_int_equal(out.verdict, PLAT_SEND);
	assert_string_equal(out.request.step, "who");
	assert_string_equal(plat_get(&values, "access"), "A1");
	assert_null(plat_get(&values, "cred"));
	arena_done(&a);
}

static void test_plain(void **state)
{
	static const struct { const char *text, *plain; } rows[] = {
		{ "Hello", "Hello" }, { "  a \n\n b\t", "a b" }, { "e\xcc\x81", "é" }, { "", "" }, { "A.Example", "A.Example" },
		{ "see HTTPS://Example.COM/Path/ now", "see example.com/Path now" }, { "example.com", "example.com" }, { "http://example.com?Q=1", "example.com?Q=1" },
		{ "http://example.com/", "example.com" }, { "(example.com/a/b)", "(example.com/a/b)" },
	};
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < WIRE_COUNT(rows); i++)
		assert_string_equal(x_plain(&a, rows[i].text), rows[i].plain);
	arena_done(&a);
}

static void test_plain_post(void **state)
{
	static const struct { const char *post, *plain; } rows[] = {
		{ "{\"id\":\"7\",\"text\":\"a &amp;lt; b\"}", "a &lt; b" },
		{ "{\"id\":\"7\",\"text\":\"x https://t.co/a\"}", "x t.co/a" },
		{ "{\"id\":\"7\",\"text\":\"x https://t.co/a\",\"attachments\":{\"media_keys\":[\"3_1\"]}}", "x" },
		{ "{\"id\":\"7\",\"text\":\"https://t.co/a\",\"attachments\":{\"media_keys\":[\"3_1\"]}}", "" },
		{ "{\"id\":\"7\",\"text\":\"x https://t.co/a https://t.co/b\",\"attachments\":{\"media_keys\":[\"3_1\"]},\"entities\":{\"urls\":["
		  "{\"url\":\"https://t.co/a\",\"expanded_url\":\"https://example.com/1\"},{\"url\":\"https://t.co/b\",\"expanded_url\":"
		  "\"https://x.com/demo/status/7/photo/1\",\"media_key\":\"3_1\"}]}}", "x example.com/1" },
		{ "{\"id\":\"7\",\"text\":\"x https://t.co/b\",\"entities\":{\"urls\":[{\"url\":\"https://t.co/b\",\"expanded_url\":"
		  "\"https://x.com/other/status/77\"}]}}", "x x.com/other/status/77" },
		{ "{\"id\":\"7\"}", NULL },
	};
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < WIRE_COUNT(rows); i++) {
		struct json *post;
		const char *plain;

		assert_int_equal(json_parse(&post, rows[i].post, strlen(rows[i].post), NULL, NULL), 0);
		plain = x_plain_post(&a, post);
		if (rows[i].plain)
			assert_string_equal(plain, rows[i].plain);
		else
			assert_null(plain);
		json_free(post);
	}
	arena_done(&a);
}

static void test_post_id(void **state)
{
	static const struct { const char *text, *id; } rows[] = {
		{ "1990000000000000001", "1990000000000000001" }, { "https://x.com/a/status/12?s=20", "12" }, { "https://x.com/a/status/12/photo/1", "12" },
		{ "https://x.com/a", NULL }, { "12a", NULL }, { "12/3", NULL }, { "", NULL }, { "https://x.com/a/status/12a", NULL },
		{ "12345678901234567890", NULL },
	};
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < WIRE_COUNT(rows); i++) {
		const char *id = x_post_id(&a, rows[i].text);

		if (rows[i].id)
			assert_string_equal(id, rows[i].id);
		else
			assert_null(id);
	}
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_authorize), cmocka_unit_test(test_login), cmocka_unit_test(test_plain), cmocka_unit_test(test_plain_post),
		cmocka_unit_test(test_post_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
