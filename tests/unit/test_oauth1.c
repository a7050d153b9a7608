/* test_oauth1.c: OAuth 1.0a signatures: X's documentation, our contract's vectors, HMAC-SHA1 by RFC 2202. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/plat/oauth1.h"
#include "proto/hash.h"
#include "proto/status.h"

static const struct oauth1 demo = {
	.consumer_key = "ck-demo", .consumer_secret = "cs-demo", .token = "at-demo", .token_secret = "ts-demo",
	.nonce = "nonce123456", .time_s = 1772357400,
};

static void test_hmac_sha1(void **state)
{
	unsigned char mac[HASH_SHA1_BYTES];
	char hex[2 * HASH_SHA1_BYTES + 1];

	(void)state;
	assert_int_equal(hash_hmac_sha1("Jefe", 4, "what do ya want for nothing?", 28, mac), 0);
	assert_string_equal(hash_hex(mac, sizeof(mac), hex), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
	assert_int_equal(hash_hmac_sha1(NULL, 0, NULL, 0, mac), 0);
	assert_string_equal(hash_hex(mac, sizeof(mac), hex), "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d");
}

static void test_signature(void **state)
{
	static const struct oauth1_param campaign[] = {
		{ "name", "Boost [smmq:6f1c]" }, { "funding_instrument_id", "fi01" }, { "entity_status", "PAUSED" },
		{ "daily_budget_amount_local_micro", "5000000" },
	};
	static const struct oauth1_param update[] = {
		{ "status", "Hello Ladies + Gentlemen, a signed OAuth request!" }, { "include_entities", "true" },
	};
	static const struct oauth1 documented = {
		.consumer_key = "xvz1evFS4wEEPTGEFPHBog", .consumer_secret = "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
		.token = "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
		.token_secret = "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
		.nonce = "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg", .time_s = 1318622958,
	};
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	assert_string_equal(oauth1_signature(&a, &demo, "POST", "https://api.x.com/2/tweets", NULL, 0), "zlQ9w7Hm88mK4Z6n9zg9o3ysb6Y=");
	assert_string_equal(oauth1_signature(&a, &demo, "POST", "https://ads-api.x.com/12/accounts/abc12/campaigns", campaign, 4),
	                    "gkJl9g90IXvwfz+C0aexEoWxtB8=");
	assert_string_equal(oauth1_signature(&a, &documented, "POST", "https://api.twitter.com/1.1/statuses/update.json", update, 2),
	                    "hCtSmYh+iHYCEqBWrE7C7hYmtUk=");
	arena_done(&a);
}

/* Equal names go by their values; what is not unreserved is encoded before it is put in order. */
static void test_order(void **state)
{
	static const struct oauth1_param one[] = { { "a", "2" }, { "a", "10" }, { "b ", "x" }, { "b", "é" }, { "c", NULL } };
	static const struct oauth1_param two[] = { { "c", "" }, { "b", "é" }, { "a", "10" }, { "b ", "x" }, { "a", "2" } };
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	assert_string_equal(oauth1_signature(&a, &demo, "GET", "https://ads-api.x.com/12/x", one, 5),
	                    oauth1_signature(&a, &demo, "GET", "https://ads-api.x.com/12/x", two, 5));
	arena_done(&a);
}

static void test_header(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	assert_string_equal(oauth1_header(&a, &demo, "POST", "https://api.x.com/2/tweets", NULL, 0),
	                    "OAuth oauth_signature=\"zlQ9w7Hm88mK4Z6n9zg9o3ysb6Y%3D\", oauth_consumer_key=\"ck-demo\", "
	                    "oauth_nonce=\"nonce123456\", oauth_signature_method=\"HMAC-SHA1\", oauth_timestamp=\"1772357400\", "
	                    "oauth_token=\"at-demo\", oauth_version=\"1.0\"");
	arena_done(&a);
}

static void test_bounds(void **state)
{
	struct oauth1_param many[OAUTH1_MAX_PARAMS + 1];
	struct arena a;

	(void)state;
	for (size_t i = 0; i <= OAUTH1_MAX_PARAMS; i++)
		many[i] = (struct oauth1_param){ "name", "value" };
	arena_init(&a, 1 << 20);
	assert_non_null(oauth1_signature(&a, &demo, "GET", "https://ads-api.x.com/12/x", many, OAUTH1_MAX_PARAMS));
	assert_null(oauth1_header(&a, &demo, "GET", "https://ads-api.x.com/12/x", many, OAUTH1_MAX_PARAMS + 1));
	assert_int_equal(a.error, -ST_TOO_LARGE);
	arena_done(&a);
	for (size_t max = 0; max < 1000; max += 10) {
		arena_init(&a, max);
		assert_null(oauth1_header(&a, &demo, "GET", "https://ads-api.x.com/12/x", many, 5));
		assert_int_not_equal(a.error, 0);
		arena_done(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hmac_sha1), cmocka_unit_test(test_signature), cmocka_unit_test(test_order),
		cmocka_unit_test(test_header), cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
