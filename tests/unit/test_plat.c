/* test_plat.c: the parts of the drivers that have exact answers: values, keys, tokens, signatures, multipart bodies,
 * limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/plat/bluesky.h"
#include "daemon/plat/plat.h"
#include "daemon/plat/wire.h"
#include "proto/hash.h"
#include "proto/status.h"
#include "tests/unit/plat_world.h"

/* ---- values ---- */

static void test_values(void **state)
{
	struct world w;
	char big[64];

	(void)state;
	world_begin(&w);
	assert_null(plat_get(&w.values, "a"));
	plat_set(&w.values, "a", "1");
	plat_set_int(&w.values, "b", INT64_MIN);
	plat_set_n(&w.values, "c", 7, "x");
	plat_set(&w.values, "a", "2");
	assert_string_equal(plat_get(&w.values, "a"), "2");
	assert_true(plat_get_int(&w.values, "b", 0) == INT64_MIN);
	assert_string_equal(plat_get(&w.values, "c.7"), "x");
	assert_string_equal(plat_get_n(&w.values, "c", 7), "x");
	assert_int_equal(plat_get_int(&w.values, "c.7", -5), -5);
	assert_int_equal(w.values.count, 3);
	plat_set(&w.values, "a", NULL);
	plat_set(&w.values, "never", NULL);
	assert_null(plat_get(&w.values, "a"));
	assert_string_equal(plat_get_n(&w.values, "c", 7), "x");
	assert_int_equal(w.values.count, 2);
	for (int i = 0; i < JOB_MAX_VALUES + 5; i++) {
		snprintf(big, sizeof(big), "v%d", i);
		plat_set(&w.values, big, "");
	}
	assert_int_equal(w.values.count, JOB_MAX_VALUES);
	assert_int_equal(w.values.error, -ST_TOO_LARGE);
	world_end(&w);
}

static void test_value_too_large(void **state)
{
	static char big[PLAT_MAX_VALUE_BYTES + 2];
	struct world w;

	(void)state;
	world_begin(&w);
	memset(big, 'x', PLAT_MAX_VALUE_BYTES);
	plat_set(&w.values, "a", big);
	assert_int_equal(w.values.error, 0);
	big[PLAT_MAX_VALUE_BYTES] = 'x';
	plat_set(&w.values, "b", big);
	assert_int_equal(w.values.error, -ST_TOO_LARGE);
	assert_null(plat_get(&w.values, "b"));
	world_end(&w);
}

static void test_forget(void **state)
{
	static const char *const keep[] = { "id", "key", NULL };
	struct world w;

	(void)state;
	world_begin(&w);
	plat_set_n(&w.values, "id", 0, "a");
	plat_set_n(&w.values, "idx", 0, "b");
	plat_set(&w.values, "key", "c");
	plat_set(&w.values, "keys", "d");
	plat_set_n(&w.values, "id", 11, "e");
	wire_forget(&w.values, keep);
	assert_int_equal(w.values.count, 3);
	assert_string_equal(plat_get_n(&w.values, "id", 11), "e");
	assert_null(plat_get(&w.values, "keys"));
	world_end(&w);
}

/* ---- table, classes, headers ---- */

static void test_table(void **state)
{
	(void)state;
	assert_ptr_equal(plat_find("outbox"), &plat_outbox);
	assert_ptr_equal(plat_find("bluesky"), &plat_bluesky);
	assert_null(plat_find("Bluesky"));
	assert_null(plat_at(1000));
	for (size_t i = 0; plat_at(i); i++) {
		assert_ptr_equal(plat_find(plat_at(i)->name), plat_at(i));
		assert_non_null(plat_at(i)->step);
		assert_non_null(plat_at(i)->check);
		assert_true(plat_at(i)->parallel > 0);
	}
	assert_string_equal(plat_class_name(PLAT_DUPLICATE), "duplicate");
	assert_string_equal(plat_class_name((enum plat_class)77), "?");
}

static void test_request_bounds(void **state)
{
	static struct plat_request r;
	const struct plat_header answer[] = { { "Content-TYPE", "a", false }, { "X", "b", false } };
	const struct plat_response response = { .headers = answer, .header_count = 2 };

	(void)state;
	plat_header(&r, "A", "x\r\nInjected: 1");
	plat_header(&r, "B", NULL);
	assert_int_equal(r.header_count, 0);
	for (int i = 0; i < PLAT_MAX_HEADERS + 3; i++)
		plat_secret_header(&r, "A", "x");
	assert_int_equal(r.header_count, PLAT_MAX_HEADERS);
	assert_true(r.headers[0].secret);
	for (int i = 0; i < PLAT_MAX_PIECES + 3; i++)
		plat_body(&r, "x", 1);
	assert_int_equal(r.piece_count, PLAT_MAX_PIECES);
	assert_string_equal(plat_response_header(&response, "content-type"), "a");
	assert_null(plat_response_header(&response, "content"));
}

/* ---- hashes ---- */

static void test_hash(void **state)
{
	unsigned char sum[HASH_SHA256_BYTES];
	char hex[HASH_SHA256_HEX_SIZE];

	(void)state;
	assert_int_equal(hash_sha256("abc", 3, sum), 0);
	assert_string_equal(hash_hex(sum, sizeof(sum), hex),
	                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(hash_sha256(NULL, 0, sum), 0);
	assert_string_equal(hash_hex(sum, sizeof(sum), hex),
	                    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	/* RFC 4231, test case 2 */
	assert_int_equal(hash_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, sum), 0);
	assert_string_equal(hash_hex(sum, sizeof(sum), hex),
	                    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

/* ---- webhook: the signature covers timestamp and the bytes sent ---- */

static void test_webhook_signature(void **state)
{
	struct world w;
	unsigned char mac[HASH_SHA256_BYTES];
	char signed_text[4096], hex[HASH_SHA256_HEX_SIZE];
	const struct plat_request *r;
	const char *key;

	(void)state;
	world_begin(&w);
	plat_webhook.step(&w.in, &w.out);
	r = &w.out.request;
	assert_int_equal(w.out.verdict, PLAT_SEND);
	assert_int_equal(r->effect, PLAT_REPEATABLE);
	assert_string_equal(header(r, "X-Smmq-Timestamp"), "1795287600");
	snprintf(signed_text, sizeof(signed_text), "1795287600.%.*s", (int)r->pieces[0].len, r->pieces[0].data);
	assert_int_equal(hash_hmac_sha256("key", 3, signed_text, strlen(signed_text), mac), 0);
	assert_string_equal(header(r, "X-Smmq-Signature") + 7, hash_hex(mac, sizeof(mac), hex));
	key = header(r, "Idempotency-Key");
	assert_int_equal(strlen(key), strlen("smmq--42.1") + 32);
	assert_string_equal(key + strlen(key) - 5, "-42.1");
	/* A store restored from a copy knows nothing of the first sending, and yet sends the same key. */
	w.values.count = 0;
	memset(w.in.random, 9, sizeof(w.in.random));
	plat_webhook.step(&w.in, &w.out);
	assert_string_equal(header(&w.out.request, "Idempotency-Key"), key);
	/* The same number given out again is another post. */
	w.values.count = 0;
	w.post.created_ms++;
	plat_webhook.step(&w.in, &w.out);
	assert_string_not_equal(header(&w.out.request, "Idempotency-Key"), key);
	world_end(&w);
}

/* ---- mastodon: the upload form ---- */

static void test_multipart(void **state)
{
	struct world w;
	const struct plat_request *r;

	(void)state;
	world_begin(&w);
	w.part.media = &w.media;
	w.part.media_count = 1;
	plat_set(&w.account_values, "own_id", "1");
	plat_set(&w.account_values, "cred", wire_credential_print(&w.in));
	plat_mastodon.step(&w.in, &w.out);
	r = &w.out.request;
	assert_string_equal(r->step, "upload.0");
	assert_string_equal(header(r, "Content-Type"),
	                    "multipart/form-data; boundary=smmq-00000000000000000000000000000000");
	assert_int_equal(r->piece_count, 3);
	assert_string_equal(r->pieces[0].data,
	                    "--smmq-00000000000000000000000000000000\r\n"
	                    "Content-Disposition: form-data; name=\"description\"\r\n\r\nRed\r\n"
	                    "--smmq-00000000000000000000000000000000\r\n"
	                    "Content-Disposition: form-data; name=\"file\"; filename=\"a%22b%0D%0A.png\"\r\n"
	                    "Content-Type: image/png\r\n\r\n");
	assert_int_equal(r->pieces[1].kind, PLAT_MEDIA);
	assert_int_equal(r->pieces[1].len, 7);
	assert_string_equal(r->pieces[1].sha256, "00112233");
	assert_string_equal(r->pieces[2].data, "\r\n--smmq-00000000000000000000000000000000--\r\n");
	assert_true(r->headers[0].secret);
	world_end(&w);
}

/* ---- bluesky: keys and tokens ---- */

static void test_tid(void **state)
{
	static const struct { int64_t us; unsigned clock; const char *tid; } vectors[] = {
		{ 1795287600000000, 7, "3n2trvupv222b" }, { 1795287600000001, 7, "3n2trvupv232b" },
			{ 1795287601000000, 0, "3n2trvvofm222" },
		{ 0, 0, "2222222222222" },
	};
	char tid[BLUESKY_TID_SIZE];

	(void)state;
	for (size_t i = 0; i < WIRE_COUNT(vectors); i++) {
		bluesky_tid(vectors[i].us, vectors[i].clock, tid);
		assert_string_equal(tid, vectors[i].tid);
	}
	bluesky_tid(INT64_MAX, 1023, tid);
	assert_true(strchr("234567abcdefghij", tid[0]) != NULL);
}

static void test_rkeys_increase(void **state)
{
	struct world w;
	const char *before = NULL;

	(void)state;
	world_begin(&w);
	for (size_t n = 0; n < 50; n++) {
		const char *rkey;

		w.in.random[0] = (unsigned char)(n * 91);
		w.in.now_ms += 3;
		w.in.steady_ms += 3;
		rkey = bluesky_rkey(&w.in, n);
		assert_true(!before || strcmp(before, rkey) < 0);
		assert_string_equal(rkey, bluesky_rkey(&w.in, n));
		before = rkey;
	}
	world_end(&w);
}

static void test_jwt(void **state)
{
	static const struct { const char *token; int64_t exp; } vectors[] = {
		{ "h.eyJleHAiOjE3OTUyOTQ4MDB9.s", 1795294800 }, { "h.eyJleHAiOjE4MDMwNjM2MDB9.s", 1803063600 },
		{ "h.eyJleHAiOjE3OTUyOTQ4MDB9", 0 }, { "h..s", 0 }, { "", 0 }, { "h.!!!.s", 0 }, { "h.e30.s", 0 },
		/* {"exp":"soon"}, {"exp":-5}, {"exp":1795294800} padded */
		{ "h.eyJleHAiOiJzb29uIn0.s", 0 }, { "h.eyJleHAiOi01fQ.s", 0 },
			{ "h.eyJleHAiOjE3OTUyOTQ4MDB9==.s", 1795294800 },
	};

	(void)state;
	for (size_t i = 0; i < WIRE_COUNT(vectors); i++)
		assert_true(bluesky_jwt_exp(vectors[i].token) == vectors[i].exp);
	assert_true(bluesky_jwt_exp(NULL) == 0);
}

/* ---- words and limits of answers ---- */

static void test_excerpt(void **state)
{
	static const struct { const char *text; size_t max; const char *cut; } vectors[] = {
		{ "plain", 200, "plain" }, { "  a\r\n\tb\x7f", 200, "a b" },
			{ "Gr\xc3\xbc\xc3\x9f" "e", 3, "Gr\xc3\xbc" }, { "a\xff\xc3", 9, "a" },
		{ "a\xc2\x9b" "b", 9, "a b" }, { "", 9, "" }, { "\xf0\x9f\x98\x80x", 1, "\xf0\x9f\x98\x80" },
	};
	struct world w;

	(void)state;
	world_begin(&w);
	for (size_t i = 0; i < WIRE_COUNT(vectors); i++)
		assert_string_equal(wire_excerpt(&w.arena, vectors[i].text, strlen(vectors[i].text), vectors[i].max),
		                    vectors[i].cut);
	world_end(&w);
}

static void test_reset(void **state)
{
	const int64_t now = 1795287600000;
	static const struct { const char *name, *value; int64_t after_ms; } vectors[] = {
		{ "X-RateLimit-Reset", "2026-11-21T19:05:00.123456Z", 300000 },
			{ "ratelimit-reset", "1795287660", 60000 },
		{ "Retry-After", "7", 7000 }, { "Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT", -1 },
			{ "Retry-After", "-1", -1 },
		{ "RateLimit-Reset", "99999999999999", 86400000 }, { "RateLimit-Reset", "5", 0 }, { "Other", "5", -1 },
	};
	struct world w;

	(void)state;
	world_begin(&w);
	for (size_t i = 0; i < WIRE_COUNT(vectors); i++) {
		const struct plat_header h = { vectors[i].name, vectors[i].value, false };
		int64_t until;

		respond(&w, 429, "", &h, 1);
		until = wire_reset_ms(&w.in);
		if (vectors[i].after_ms < 0)
			assert_true(until == 0);
		else
			assert_true(until > now + vectors[i].after_ms && until <= now + vectors[i].after_ms + 5000);
	}
	world_end(&w);
}

/* A secret that a server throws back does not get into the text for people. */
static void test_masked(void **state)
{
	static char secret[] = "0123456789";
	struct wire_answer answer = { .status = 400, .message = "bad token 0123456789, really 01234567890123456789" };
	struct world w;

	(void)state;
	world_begin(&w);
	w.credential[0].text = secret;
	respond(&w, 400, "", NULL, 0);
	wire_refuse(&w.in, &w.out, "x", "it", PLAT_PERMANENT, &answer);
	assert_string_equal(w.out.text, "x answered 400 to it: bad token ***, really ******");
	world_end(&w);
}

static void test_percent(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	assert_string_equal(wire_percent(&w.arena, "/a b/\xc3\xbc%?#", "/"), "/a%20b/%C3%BC%25%3F%23");
	assert_string_equal(wire_percent(&w.arena, "did:plc:x/y", ":"), "did:plc:x%2Fy");
	world_end(&w);
}

static void test_step_names(void **state)
{
	size_t n = 99;

	(void)state;
	assert_true(wire_step_is("status.12", "status", &n));
	assert_int_equal(n, 12);
	assert_false(wire_step_is("status", "status", &n));
	assert_false(wire_step_is("status.x", "status", &n));
	assert_false(wire_step_is("status.999999", "status", &n));
	assert_false(wire_step_is("statusx.1", "status", &n));
	assert_false(wire_step_is(NULL, "status", &n));
	assert_true(wire_step_is("find", "find", NULL));
	assert_false(wire_step_is("find.1", "find", NULL));
}

/* Nothing that a server sends may do more than fail. */
static void test_hostile_answers(void **state)
{
	static const char *const bodies[] = {
		"", "{", "[]", "null", "7", "\"x\"", "[1,2]", "{\"id\":{}}", "{\"id\":[]}", "{\"error\":7}",
			"[{\"id\":null}]", "[null,7,\"x\",[]]",
		"{\"id\":\"5\",\"status\":7}", "{\"id\":\"5\",\"status\":\"ERROR\",\"error_message\":[]}", "{\"status\":\"PUBLISHED\"}",
		"{\"data\":7,\"paging\":{\"next\":1,\"cursors\":{\"after\":\"x\"}}}", "{\"data\":[7,{\"id\":\"1\"},{\"id\":\"2\",\"text\":\"x\",\"timestamp\":\"+0000\"}]}",
		"{\"error\":{}}", "{\"error\":{\"code\":\"1\",\"message\":{}}}", "{\"error\":{\"code\":4,\"error_subcode\":2207051}}",
		"{\"blob\":7,\"did\":7,\"uri\":7,\"cid\":[]}", "{\"accessJwt\":7}", "{\"configuration\":7}", "\xff\xfe",
			"{\"did\":\"did:x\",\"uri\":\"\",\"cid\":\"\"}",
	};
	static const char *const steps[] = {
		"status.0", "status.9", "before", "upload.0", "upload.9", "ready.0", "post.0", "post.9", "exists.0",
			"handle.0", "handle.9", "blob.0",
		"thumb", "cid.0", "cid.9", "find", "source.0", "source.9", "probe", "look", "who", "limits.2",
			"limits.1", "app", "create", "refresh",
		"write", "post", "nonsense", "", "quota", "create.0", "create.1", "create.9", "publish.0", "link.0", "state.0", "find.0", "public.0",
		"reach.0", "remove.0", "comment.0",
	};
	static const int codes[] = { 0, 100, 200, 202, 206, 301, 400, 401, 403, 404, 422, 429, 500, 503, 999 };
	static char step_name[] = "status.0", post_name[] = "post.0", publish_name[] = "publish.0";
	struct attempt attempt = { .armed_ms = 1795287500000 };

	(void)state;
	for (size_t p = 0; plat_at(p); p++) {
		for (size_t i = 0; i < WIRE_COUNT(bodies) * WIRE_COUNT(steps) * WIRE_COUNT(codes); i++) {
			struct world w;

			world_begin(&w);
			w.account.directory = "/tmp";
			plat_set(&w.account_values, "own_id", "1");
			plat_set(&w.account_values, "did", "did:plc:x");
			plat_set(&w.account_values, "access", "h.x.s");
			plat_set(&w.account_values, "cred", wire_credential_print(&w.in));
			plat_set(&w.values, "cand.0", "5");
			plat_set(&w.values, "media.0", "5");
			respond(&w, codes[i % WIRE_COUNT(codes)], bodies[i / WIRE_COUNT(codes) % WIRE_COUNT(bodies)],
			        NULL, 0);
			w.in.response_step = steps[i / WIRE_COUNT(codes) / WIRE_COUNT(bodies)];
			plat_set(&w.values, "box.0", "5");
			attempt.step = plat_at(p) == &plat_bluesky ? post_name : plat_at(p)->oauth ? publish_name : step_name;
			w.target.open = &attempt;
			w.target.open_count = 1;
			plat_at(p)->step(&w.in, &w.out);
			assert_true(w.out.verdict != PLAT_FAIL || w.out.text);
			if (plat_at(p)->reconcile)
				plat_at(p)->reconcile(&w.in, &w.out);
			w.in.post = NULL;
			w.in.values = NULL;
			w.in.content = NULL;
			w.in.target = NULL;
			if (plat_at(p)->session)
				plat_at(p)->session(&w.in, &w.out);
			assert_int_equal(w.arena.error, 0);
			world_end(&w);
		}
	}
}

/* The same of a Page, for all that a post can be and every step. */
static void test_hostile_page(void **state)
{
	static const char *const bodies[] = {
		"", "[]", "{}", "{\"id\":\"5\"}", "{\"success\":true}", "{\"video_id\":5,\"upload_url\":7,\"upload_session_id\":\"1\",\"start_offset\":\"3\"}",
		"{\"video_id\":\"5\",\"upload_url\":\"https://x.example/v\",\"upload_session_id\":\"1\",\"start_offset\":\"3\",\"end_offset\":\"7\"}",
		"{\"start_offset\":\"7\",\"end_offset\":\"7\"}", "{\"start_offset\":-1,\"end_offset\":99999999999999999999}",
		"{\"error\":{\"code\":6001,\"error_subcode\":1363037,\"error_data\":\"{\"}}", "{\"error\":{\"code\":100,\"error_subcode\":33}}",
		"{\"error\":{\"code\":190}}", "{\"debug_info\":{\"retriable\":false,\"message\":7}}", "{\"status\":7,\"post_id\":[]}",
		"{\"status\":{\"video_status\":\"error\",\"processing_phase\":{\"status\":\"error\",\"errors\":7}}}",
		"{\"status\":{\"uploading_phase\":{\"bytes_transferred\":\"x\"}},\"published\":true}", "{\"status\":{\"publishing_phase\":{\"status\":\"complete\"}}}",
		"{\"h\":\"x\",\"file_offset\":7}", "{\"data\":[7,{},{\"id\":\"5\",\"created_time\":\"x\",\"attachments\":7,\"message\":[]},{\"media_id\":\"5\",\"post_id\":\"6\"}]}",
		"{\"data\":[{\"id\":\"5\",\"access_token\":7}],\"paging\":{\"next\":\"x\",\"cursors\":{\"after\":\"y\"}}}", "{\"data\":{\"type\":\"PAGE\",\"scopes\":7}}",
		"{\"is_published\":true}", "{\"page_story_id\":\"1_2\"}",
	};
	static const char *const steps[] = { "post.0", "post.9", "before", "draft", "url.0", "status", "photo.0", "photo.9", "start", "session", "chunk", "put",
	                                     "ask", "list", "look.video", "look.draft", "look.photo", "token.debug", "token.refresh", "pages.0", "pages.9" };
	static const int codes[] = { 200, 302, 400, 401, 503 };
	static const char *const mimes[] = { NULL, "image/png", "video/mp4" };
	static const char *const had[] = { "made", "video", "photo.0", "accepted", "draft" };
	static char post_name[] = "post.0";
	struct attempt attempt = { .armed_ms = 1795287500000, .step = post_name };

	(void)state;
	for (size_t i = 0; i < WIRE_COUNT(bodies) * WIRE_COUNT(steps) * WIRE_COUNT(codes) * WIRE_COUNT(mimes) * WIRE_COUNT(had) * FORM__COUNT; i++) {
		size_t rest = i, body = rest % WIRE_COUNT(bodies), step = (rest /= WIRE_COUNT(bodies)) % WIRE_COUNT(steps);
		size_t code = (rest /= WIRE_COUNT(steps)) % WIRE_COUNT(codes), mime = (rest /= WIRE_COUNT(codes)) % WIRE_COUNT(mimes);
		struct world w;

		world_begin(&w);
		w.content.form = (rest /= WIRE_COUNT(mimes)) % FORM__COUNT;
		plat_set(&w.values, had[rest / FORM__COUNT], "5");
		w.media.mime = (char *)(uintptr_t)mimes[mime];
		w.part.media = &w.media;
		w.part.media_count = mimes[mime] != NULL;
		plat_set(&w.account_values, "own_id", "1");
		plat_set(&w.account_values, "access", "h.x.s");
		plat_set(&w.account_values, "page_token", "p.x.s");
		plat_set(&w.account_values, "cred", wire_credential_print(&w.in));
		respond(&w, codes[code], bodies[body], NULL, 0);
		w.in.response_step = steps[step];
		w.target.open = &attempt;
		w.target.open_count = 1;
		attempt.unrecorded = i % 2;
		plat_facebook.step(&w.in, &w.out);
		assert_true(w.out.verdict != PLAT_FAIL || w.out.text);
		plat_facebook.reconcile(&w.in, &w.out);
		assert_true(w.out.verdict != PLAT_SEND || w.out.request.effect == PLAT_NONE);
		w.in.values = NULL;
		w.in.content = NULL;
		plat_facebook.session(&w.in, &w.out);
		assert_int_equal(w.arena.error, 0);
		world_end(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values), cmocka_unit_test(test_value_too_large), cmocka_unit_test(test_forget),
		cmocka_unit_test(test_table), cmocka_unit_test(test_request_bounds), cmocka_unit_test(test_hash),
		cmocka_unit_test(test_webhook_signature), cmocka_unit_test(test_multipart), cmocka_unit_test(test_tid),
		cmocka_unit_test(test_rkeys_increase), cmocka_unit_test(test_jwt), cmocka_unit_test(test_excerpt),
		cmocka_unit_test(test_reset), cmocka_unit_test(test_masked), cmocka_unit_test(test_percent),
		cmocka_unit_test(test_step_names), cmocka_unit_test(test_hostile_answers),
		cmocka_unit_test(test_hostile_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
