/* A login from its address to the account's token, with the platform played: daemon/token_login.c, token.c and the engine's part. */
#include "tests/unit/engine_house.h"

#include "daemon/io/http.h"
#include "daemon/token.h"
#include "proto/status.h"

#define REDIRECT "http://127.0.0.1:8765/"

struct half { struct house *house; const char *account, *text; int rc; uint64_t account_no; char out[2000]; bool begin; };

static int half_turn(struct turn *t, void *input)
{
	struct half *x = input;
	const struct conf_account *conf = conf_account_find(t->conf, x->account);
	const char *why = NULL, *url = NULL;
	x->rc = x->begin ? token_login_begin(t, conf, x->text, &url, &why)
	                 : token_login_end(t, conf, x->text, "alice", &x->account_no, &why);
	(void)snprintf(x->out, sizeof x->out, "%s", url != NULL ? url : why != NULL ? why : "");
	return 0;
}

static void half_failed(void *input, int status)
{
	(void)input;
	fail_msg("status %d", status);
}

static void run_half(struct house *h, struct half *x)
{
	x->house = h;
	assert_int_equal(turns_submit(h->turns, half_turn, half_failed, NULL, x, sizeof *x), 0);
	turns_pump(h->turns);
}

static struct half begin_login(struct house *h, const char *account, const char *redirect)
{
	struct half x = { .account = account, .text = redirect, .begin = true };
	run_half(h, &x);
	return x;
}

static struct half end_login(struct house *h, const char *text)
{
	struct half x = { .account = "xx", .text = text };
	run_half(h, &x);
	return x;
}

static int login_setup(void **state)
{
	char text[600];
	if (house_setup(state) != 0)
		return -1;
	struct house *h = *state;
	write_text(h, "app", "client_id=app-7\n");
	(void)snprintf(text, sizeof text, "[Account]\nPlatform=x\nCredential=%s/app\n", h->w->directory);
	write_text(h, "accounts.d/xx.conf", text);
	(void)snprintf(text, sizeof text, "[Account]\nPlatform=linkedin\nCredential=%s/app\n", h->w->directory);
	write_text(h, "accounts.d/li.conf", text);
	(void)snprintf(text + strlen(text), sizeof text - strlen(text), "[Platform]\nAuthor=urn:li:organization:7\n");
	write_text(h, "accounts.d/lo.conf", text);
	(void)snprintf(text, sizeof text, "[Account]\nPlatform=tiktok\nCredential=%s/app\n", h->w->directory);
	write_text(h, "accounts.d/tt.conf", text);
	const struct conf *conf = house_conf(h);
	conf_unref(h->conf);
	h->conf = conf;
	turns_set_conf(h->turns, conf);
	engine_conf(h->engine, conf);
	house_start(h);
	return 0;
}

static int login_teardown(void **state)
{
	static const char *const files[] = { "accounts.d/xx.conf", "accounts.d/li.conf", "accounts.d/lo.conf", "accounts.d/tt.conf", "app" };
	struct house *h = *state;
	char path[200];
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", h->w->directory, files[i]);
		(void)unlink(path);
	}
	return house_teardown(state);
}

static struct account account_of(struct house *h)
{
	struct account a;
	begin(h->w, false);
	assert_int_equal(store_account_find(h->w->txn, &h->w->arena, "xx", &a), 0);
	roll_back(h->w);
	return a;
}

static const char *value_of(const struct account *a, const char *name)
{
	for (size_t i = 0; i < a->value_count; i++)
		if (strcmp(a->values[i].name, name) == 0)
			return a->values[i].text;
	return NULL;
}

static void answer(int status, const char *body)
{
	const struct http_result res = { .reach = HTTP_ANSWERED, .status = status, .body = body, .body_len = strlen(body) };
	sent.done(sent.ctx, &res);
}

/* The address that the browser comes back to, for a login that was begun. */
static const char *answer_of(const char *url, const char *code)
{
	static char text[500];
	const char *state = strstr(url, "&state=");
	assert_non_null(state);
	(void)snprintf(text, sizeof text, REDIRECT "?state=%.*s&code=%s#_", (int)strcspn(state + 7, "&"), state + 7, code);
	return text;
}

static void finish(struct house *h, const char *who)
{
	struct half first = begin_login(h, "xx", REDIRECT);
	assert_int_equal(first.rc, 0);
	struct half second = end_login(h, answer_of(first.out, "c%2F1"));
	assert_int_equal(second.rc, 0);
	unsigned sent_before = sent_count;
	engine_session(h->engine, second.account_no);
	house_run(h);
	assert_int_equal(sent_count, sent_before + 1);
	answer(200, "{\"access_token\":\"t-new\",\"refresh_token\":\"r-new\",\"expires_in\":7200}");
	house_run(h);
	assert_int_equal(sent_count, sent_before + 2);
	answer(200, who);
	house_run(h);
}

static void test_login(void **state)
{
	struct house *h = *state;
	struct half first = begin_login(h, "xx", REDIRECT);
	assert_int_equal(first.rc, 0);
	assert_memory_equal(first.out, "https://x.com/i/oauth2/authorize?", 33);
	assert_non_null(strstr(first.out, "client_id=app-7"));
	assert_non_null(strstr(first.out, "redirect_uri=http%3A%2F%2F127.0.0.1%3A8765%2F"));
	assert_non_null(strstr(first.out, "code_challenge_method=S256"));
	finish(h, "{\"data\":{\"id\":\"42\",\"username\":\"brand\"}}");
	struct account a = account_of(h);
	assert_null(a.pause_reason);
	assert_true(a.session_ms == now_ms);
	assert_string_equal(value_of(&a, "access"), "t-new");
	assert_string_equal(value_of(&a, "own_id"), "42");
	/* Nothing of the login is left, so that no code is ever used twice. */
	assert_null(value_of(&a, "login_code"));
	assert_null(value_of(&a, "login_verifier"));
}

/* A second login with another profile's token is refused, and the same one's ends the pause. */
static void test_other_profile(void **state)
{
	struct house *h = *state;
	finish(h, "{\"data\":{\"id\":\"42\",\"username\":\"brand\"}}");
	finish(h, "{\"data\":{\"id\":\"43\",\"username\":\"rival\"}}");
	struct account a = account_of(h);
	assert_non_null(a.pause_reason);
	assert_non_null(strstr(a.pause_reason, "rival"));
	finish(h, "{\"data\":{\"id\":\"42\",\"username\":\"brand\"}}");
	a = account_of(h);
	assert_null(a.pause_reason);
	assert_true(a.session_ms == now_ms);
}

static void test_refused_code(void **state)
{
	struct house *h = *state;
	struct half first = begin_login(h, "xx", REDIRECT), second = end_login(h, answer_of(first.out, "old"));
	assert_int_equal(second.rc, 0);
	engine_session(h->engine, second.account_no);
	house_run(h);
	answer(400, "{\"error\":\"invalid_grant\",\"error_description\":\"the code is too old\"}");
	house_run(h);
	struct account a = account_of(h);
	assert_non_null(a.pause_reason);
	assert_non_null(strstr(a.pause_reason, "smmq account login xx"));
	assert_null(value_of(&a, "login_code"));
}

/* A failure that passes is tried again with the same code; once it was taken, it is not sent again. */
static void test_passing_failure(void **state)
{
	struct house *h = *state;
	struct half first = begin_login(h, "xx", REDIRECT), second = end_login(h, answer_of(first.out, "c1"));
	engine_session(h->engine, second.account_no);
	house_run(h);
	assert_int_equal(sent_count, 1);
	const struct http_result lost = { .reach = HTTP_NOT_SENT, .error = "no such host" };
	sent.done(sent.ctx, &lost);
	house_run(h);
	now_ms += 10 * 60 * 1000;
	house_run(h);
	assert_int_equal(sent_count, 2);
	answer(503, "busy");
	house_run(h);
	now_ms += 10 * 60 * 1000;
	house_run(h);
	assert_int_equal(sent_count, 3);
	answer(200, "{\"access_token\":\"t-new\",\"refresh_token\":\"r-new\",\"expires_in\":7200}");
	house_run(h);
	assert_int_equal(sent_count, 4);
	struct account a = account_of(h);
	assert_null(value_of(&a, "login_code"));
	answer(200, "{\"data\":{\"id\":\"42\",\"username\":\"brand\"}}");
	house_run(h);
	a = account_of(h);
	assert_null(a.pause_reason);
	assert_true(a.session_ms == now_ms);
}

/* A token is refreshed in time though nothing is to be posted; a refresh that fails in passing is tried again later. */
static void test_planned_refresh(void **state)
{
	static const char *const bodies[] = { "busy", "{\"access_token\":\"t-2\",\"refresh_token\":\"r-2\",\"expires_in\":7200}" };
	static const int64_t ahead_ms[] = { 97 * 60 * 1000, 61 * 60 * 1000, 97 * 60 * 1000 };
	struct house *h = *state;
	finish(h, "{\"data\":{\"id\":\"42\",\"username\":\"brand\"}}");
	unsigned before = sent_count;
	now_ms += 60 * 60 * 1000;
	house_run(h);
	assert_int_equal(sent_count, before);
	now_ms -= 60 * 60 * 1000;
	for (unsigned i = 0; i < 3; i++) {
		now_ms += ahead_ms[i];
		house_run(h);
		assert_int_equal(sent_count, before + 1 + i);
		answer(i > 0 ? 200 : 503, bodies[i > 0]);
		house_run(h);
	}
	struct account a = account_of(h);
	assert_null(a.pause_reason);
	assert_string_equal(value_of(&a, "access"), "t-2");
}

/* What is asked for is what the account needs. */
static void test_scopes(void **state)
{
	struct house *h = *state;
	struct half member = begin_login(h, "li", REDIRECT), organization = begin_login(h, "lo", REDIRECT);
	assert_int_equal(member.rc, 0);
	assert_non_null(strstr(member.out, "&scope=openid%20profile%20w_member_social&"));
	assert_non_null(strstr(organization.out, "&scope=openid%20profile%20w_organization_social%20r_organization_social&"));
}

/* TikTok has its own name for the client, commas between scopes, and a challenge in hex. */
static void test_client_key(void **state)
{
	struct house *h = *state;
	struct half first = begin_login(h, "tt", REDIRECT);
	const char *at;
	assert_int_equal(first.rc, 0);
	assert_memory_equal(first.out, "https://www.tiktok.com/v2/auth/authorize/?", 42);
	assert_non_null(strstr(first.out, "client_key=app-7&"));
	assert_null(strstr(first.out, "client_id="));
	assert_non_null(strstr(first.out, "&scope=user.info.basic%2Cvideo.publish%2Cvideo.upload%2Cvideo.list&"));
	at = strstr(first.out, "&code_challenge=");
	assert_non_null(at);
	assert_int_equal(strspn(at + 16, "0123456789abcdef"), 64);
	assert_memory_equal(at + 80, "&code_challenge_method=S256", 27);
}

/* A person who has to log in again is told in time. */
static void test_until(void **state)
{
	static char name[] = "access_until_ms", access[] = "access", text[] = "1900000360000", token[] = "t", refresh[] = "refresh_until_ms",
	            later[] = "1900000990000", had[] = "refresh";
	struct house *h = *state;
	struct value values[] = { { .name = access, .text = token }, { .name = name, .text = text }, { .name = refresh, .text = later },
	                          { .name = had, .text = token } };
	struct account a = { .values = values, .value_count = 2 };
	const struct conf_account *conf = conf_account_find(h->conf, "xx");
	assert_true(token_until_ms(&h->w->arena, conf, &a) == 1900000360000);
	a.value_count = 4;
	assert_true(token_until_ms(&h->w->arena, conf, &a) == 1900000990000);
	assert_true(token_until_ms(&h->w->arena, conf_account_find(h->conf, "sky"), &a) == 0);
}

/* An answer that comes while a session is under way is used by the next one, which follows at once. */
static void test_behind_a_session(void **state)
{
	struct house *h = *state;
	finish(h, "{\"data\":{\"id\":\"42\",\"username\":\"brand\"}}");
	struct account a = account_of(h);
	now_ms += 3 * 3600 * 1000;
	engine_session(h->engine, a.no);        /* a refresh */
	house_run(h);
	unsigned before = sent_count;
	struct half first = begin_login(h, "xx", REDIRECT), second = end_login(h, answer_of(first.out, "c2"));
	assert_int_equal(second.rc, 0);
	engine_session(h->engine, second.account_no);
	house_run(h);
	assert_int_equal(sent_count, before);
	answer(200, "{\"access_token\":\"t-2\",\"refresh_token\":\"r-2\",\"expires_in\":7200}");
	house_run(h);
	assert_int_equal(sent_count, before + 1);
	answer(200, "{\"access_token\":\"t-3\",\"refresh_token\":\"r-3\",\"expires_in\":7200}");
	house_run(h);
	answer(200, "{\"data\":{\"id\":\"42\",\"username\":\"brand\"}}");
	house_run(h);
	a = account_of(h);
	assert_string_equal(value_of(&a, "access"), "t-3");
	assert_null(value_of(&a, "login_code"));
}

static void test_wrong_answers(void **state)
{
	struct house *h = *state;
	assert_int_equal(begin_login(h, "sky", REDIRECT).rc, -ST_REFUSED);
	assert_int_equal(begin_login(h, "xx", "somewhere").rc, -ST_INVALID);
	assert_int_equal(begin_login(h, "xx", "http://a b/").rc, -ST_INVALID);
	assert_int_equal(end_login(h, "c1").rc, -ST_CONFLICT);
	struct half first = begin_login(h, "xx", REDIRECT);
	assert_int_equal(end_login(h, REDIRECT "?code=c1&state=another").rc, -ST_INVALID);
	assert_int_equal(end_login(h, REDIRECT "?code=c1").rc, -ST_INVALID);
	assert_int_equal(end_login(h, REDIRECT).rc, -ST_INVALID);
	assert_int_equal(end_login(h, "").rc, -ST_INVALID);
	assert_int_equal(end_login(h, answer_of(first.out, "")).rc, -ST_INVALID);
	struct half denied = end_login(h, answer_of(first.out, "&error=access_denied&error_description=No%20thanks"));
	assert_int_equal(denied.rc, -ST_INVALID);
	char text[600];
	(void)snprintf(text, sizeof text, "%.*s&error=access_denied&error_description=No+thanks", (int)strcspn(answer_of(first.out, "x"), "&"),
	               answer_of(first.out, "x"));
	denied = end_login(h, text);
	assert_int_equal(denied.rc, -ST_REFUSED);
	assert_non_null(strstr(denied.out, "No thanks"));
	now_ms += 31 * 60 * 1000;
	assert_int_equal(end_login(h, answer_of(first.out, "c1")).rc, -ST_CONFLICT);
}

/* An answer counts once. */
static void test_twice(void **state)
{
	struct house *h = *state;
	struct half first = begin_login(h, "xx", REDIRECT);
	assert_int_equal(end_login(h, answer_of(first.out, "c1")).rc, 0);
	assert_int_equal(end_login(h, answer_of(first.out, "c1")).rc, -ST_CONFLICT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_login, login_setup, login_teardown),
		cmocka_unit_test_setup_teardown(test_other_profile, login_setup, login_teardown),
		cmocka_unit_test_setup_teardown(test_refused_code, login_setup, login_teardown),
		cmocka_unit_test_setup_teardown(test_passing_failure, login_setup, login_teardown),
		cmocka_unit_test_setup_teardown(test_planned_refresh, login_setup, login_teardown),
		cmocka_unit_test_setup_teardown(test_scopes, login_setup, login_teardown),
		cmocka_unit_test_setup_teardown(test_client_key, login_setup, login_teardown),
		cmocka_unit_test_setup_teardown(test_until, login_setup, login_teardown),
		cmocka_unit_test_setup_teardown(test_behind_a_session, login_setup, login_teardown),
		cmocka_unit_test_setup_teardown(test_wrong_answers, login_setup, login_teardown),
		cmocka_unit_test_setup_teardown(test_twice, login_setup, login_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
