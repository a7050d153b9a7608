/* test_io_http_once.c: a request that may be sent only once must be seen by the server once, whatever happens to its connection.
 *
 * http_transfer.c is compiled in, so that single locks can be taken off to see that the others hold. */
#include "daemon/io/http_transfer.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/http_house.h"

/* The trap itself: were libcurl not to do this, the next tests would prove nothing. */
static void an_ordinary_post_is_repeated_by_libcurl(void **state)
{
	struct outcome out;

	(void)state;
	for (int body = 0; body < 2; body++) {
		atomic_store(&posts, 0);
		run(request("GET", "/trap"), &out);
		assert_int_equal(out.reach, HTTP_ANSWERED);
		run(post("/trap", false, body), &out);
		assert_int_equal(out.reach, HTTP_ANSWERED);
		assert_int_equal(atomic_load(&posts), 2);
		/* The repetition stands kept now: use that connection up. */
		run(post("/close", false, body), &out);
	}
}

static void once_is_never_repeated(void **state)
{
	struct outcome out;

	(void)state;
	for (int body = 0; body < 2; body++) {
		atomic_store(&posts, 0);
		run(request("GET", "/trap"), &out);      /* leaves a connection that will die */
		run(post("/trap", true, body), &out);
		assert_int_equal(out.reach, HTTP_MAYBE_SENT);
		assert_string_not_equal(out.error, "");
		assert_int_equal(atomic_load(&posts), 1);
		/* One that has been idle is not trusted: it dies unused, and a new one is answered. */
		run(request("GET", "/trap"), &out);
		sleep(3);
		run(post("/trap", true, body), &out);
		assert_int_equal(out.reach, HTTP_ANSWERED);
		assert_int_equal(atomic_load(&posts), 2);
		/* The answer came a moment ago: the next one is dropped on the same connection. */
		run(post("/close", true, body), &out);
		assert_int_equal(out.reach, HTTP_MAYBE_SENT);
		assert_int_equal(atomic_load(&posts), 3);
	}
}

static void once_follows_and_repeats_nothing(void **state)
{
	static const struct {
		const char *path;
		int status;
	} rows[] = { { "/redirect", 307 }, { "/401", 401 }, { "/417", 417 } };
	struct outcome out;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		atomic_store(&requests, 0);
		run(post(rows[i].path, true, true), &out);
		assert_int_equal(out.reach, HTTP_ANSWERED);
		assert_int_equal(out.status, rows[i].status);
		assert_int_equal(atomic_load(&requests), 1);
	}
	atomic_store(&requests, 0);
	run(request("GET", "/redirect"), &out);
	assert_int_equal(out.status, 307);
	assert_int_equal(atomic_load(&requests), 1);
}

/* Runs GET /trap and then r on the same kept connection. */
static CURLcode run_on_dying_connection(struct http_request *r, struct http_result *res, struct transfer **kept)
{
	static const struct http_options o = { .address_family = 4 };
	struct transfer *first;
	CURLM *multi = curl_multi_init();
	CURLcode code = CURLE_OK;
	CURLMsg *msg;
	int running, left;

	assert_int_equal(transfer_new(request("GET", "/trap"), &o, &first), 0);
	assert_int_equal(transfer_new(r, &o, kept), 0);
	for (int i = 0; i < 2; i++) {
		CURL *easy = i == 0 ? first->easy : (*kept)->easy;

		curl_multi_add_handle(multi, easy);
		do {
			curl_multi_perform(multi, &running);
			if (running > 0)
				curl_multi_poll(multi, NULL, 0, 1000, NULL);
		} while (running > 0);
		while ((msg = curl_multi_info_read(multi, &left)) != NULL)
			code = msg->data.result;
		curl_multi_remove_handle(multi, easy);
	}
	transfer_result(*kept, code, res);
	transfer_free(first);
	curl_multi_cleanup(multi);
	return code;
}

static void every_lock_holds_alone(void **state)
{
	struct http_result res;
	struct transfer *t;

	(void)state;
	/* An empty body needs no rewinding, so that only on_begin stops it. */
	for (int body = 0; body < 2; body++) {
		atomic_store(&posts, 0);
		assert_int_not_equal(run_on_dying_connection(post("/trap", true, body), &res, &t), CURLE_OK);
		assert_int_equal(res.reach, HTTP_MAYBE_SENT);
		assert_int_equal(atomic_load(&posts), 1);
		transfer_free(t);
		atomic_store(&posts, 0);
		assert_int_equal(run_on_dying_connection(post("/trap", false, body), &res, &t), CURLE_OK);
		assert_int_equal(atomic_load(&posts), 2);
		transfer_free(t);
	}
	/* The body that cannot be rewound. */
	static const struct http_options o = { .address_family = 4 };
	assert_int_equal(transfer_new(post("/ok", true, true), &o, &t), 0);
	assert_int_equal(on_seek(t, 0, SEEK_SET), CURL_SEEKFUNC_FAIL);
	transfer_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONLINE(an_ordinary_post_is_repeated_by_libcurl),
		ONLINE(once_is_never_repeated),
		ONLINE(once_follows_and_repeats_nothing),
		ONLINE(every_lock_holds_alone),
	};

	return cmocka_run_group_tests(tests, http_house_open, http_house_close);
}
