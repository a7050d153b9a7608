/* test_state.c: the table of states against the promises that rest on it. */
#include "daemon/model/state.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/status.h"

static void test_table_is_a_function(void **state)
{
	(void)state;
	size_t count;
	const struct transition *t = state_table(&count);
	assert_true(count > 0);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(state_next(t[i].from, t[i].event), t[i].to);
		for (size_t j = 0; j < i; j++)
			assert_false(t[i].from == t[j].from && t[i].event == t[j].event);
	}
	size_t found = 0;
	for (int s = 0; s < STATE__COUNT; s++)
		for (int e = 0; e < EVENT__COUNT; e++) {
			int to = state_next((enum state)s, (enum event)e);
			assert_true(to == -ST_CONFLICT || (to >= 0 && to < STATE__COUNT));
			found += to >= 0;
		}
	assert_int_equal(found, count);
	assert_int_equal(state_next(STATE__COUNT, EVENT_HOLD), -ST_CONFLICT);
}

static void test_names(void **state)
{
	(void)state;
	for (int s = 0; s < STATE__COUNT; s++)
		assert_int_equal(state_find(state_name((enum state)s)), s);
	assert_int_equal(state_find("?"), -ST_INVALID);
	assert_int_equal(state_find(""), -ST_INVALID);
	assert_int_equal(state_find(NULL), -ST_INVALID);
	assert_string_equal(state_name(STATE__COUNT), "?");
	assert_string_equal(event_name(EVENT__COUNT), "?");
	assert_string_equal(event_name(EVENT_HOLD), "hold");
	assert_string_equal(event_name(EVENT_EXPIRE), "expire");
}

static void test_stored_numbers(void **state)
{
	(void)state;
	static const char *const names[] = { "draft", "queued", "sending", "published", "failed", "unknown", "held",
	                                     "cancelled",
	                                     "missed", "expired" };
	assert_int_equal(sizeof names / sizeof *names, STATE__COUNT);
	for (int s = 0; s < STATE__COUNT; s++)
		assert_string_equal(state_name((enum state)s), names[s]);
}

static void test_terminal(void **state)
{
	(void)state;
	size_t count;
	const struct transition *t = state_table(&count);
	for (int s = 0; s < STATE__COUNT; s++) {
		bool leaves = false, reached = s == STATE_DRAFT;
		for (size_t i = 0; i < count; i++) {
			leaves |= t[i].from == (enum state)s;
			reached |= t[i].to == (enum state)s;
		}
		assert_int_equal(state_terminal((enum state)s), !leaves);
		assert_true(reached);
		assert_false(state_terminal((enum state)s) && state_live((enum state)s));
	}
	assert_false(state_terminal(STATE_FAILED));
	assert_false(state_live(STATE_FAILED));
	assert_true(state_live(STATE_HELD));
}

/* Once the platform may have seen it, only an answer leads on: no hold, no cancel, no second send. */
static void test_no_way_round_unknown(void **state)
{
	(void)state;
	static const enum event refused[] = { EVENT_ARM, EVENT_HOLD, EVENT_CANCEL, EVENT_RELEASE, EVENT_RETRY, EVENT_MISS,
	                                      EVENT_EXPIRE,
	                                      EVENT_QUEUE, EVENT_DOUBT, EVENT_DEFER };
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		assert_int_equal(state_next(STATE_UNKNOWN, refused[i]), -ST_CONFLICT);
		if (refused[i] != EVENT_DEFER)
			assert_int_equal(state_next(STATE_SENDING, refused[i]), -ST_CONFLICT);
	}
	for (int s = 0; s < STATE__COUNT; s++) {
		assert_int_equal(state_next((enum state)s, EVENT_ARM), s == STATE_QUEUED ? (int)STATE_SENDING : -ST_CONFLICT);
		assert_int_equal(state_next((enum state)s, EVENT_SETTLE),
		                 s == STATE_UNKNOWN ? (int)STATE_QUEUED : -ST_CONFLICT);
		assert_int_equal(state_next((enum state)s, EVENT_LOSE), s == STATE_SENDING ? (int)STATE_UNKNOWN : -ST_CONFLICT);
		assert_int_equal(state_next((enum state)s, EVENT_DOUBT), s == STATE_QUEUED ? (int)STATE_UNKNOWN : -ST_CONFLICT);
	}
}

static void test_design_rows(void **state)
{
	(void)state;
	assert_int_equal(state_next(STATE_DRAFT, EVENT_QUEUE), STATE_QUEUED);
	assert_int_equal(state_next(STATE_SENDING, EVENT_DEFER), STATE_QUEUED);
	assert_int_equal(state_next(STATE_HELD, EVENT_RELEASE), STATE_QUEUED);
	assert_int_equal(state_next(STATE_HELD, EVENT_CANCEL), STATE_CANCELLED);
	assert_int_equal(state_next(STATE_FAILED, EVENT_RETRY), STATE_QUEUED);
	assert_int_equal(state_next(STATE_FAILED, EVENT_HOLD), STATE_HELD);
	assert_int_equal(state_next(STATE_UNKNOWN, EVENT_PUBLISH), STATE_PUBLISHED);
	assert_int_equal(state_next(STATE_UNKNOWN, EVENT_FAIL), STATE_FAILED);
	assert_int_equal(state_next(STATE_QUEUED, EVENT_MISS), STATE_MISSED);
	assert_int_equal(state_next(STATE_QUEUED, EVENT_EXPIRE), STATE_EXPIRED);
	assert_int_equal(state_next(STATE_QUEUED, EVENT_PUBLISH), -ST_CONFLICT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_is_a_function), cmocka_unit_test(test_names), cmocka_unit_test(test_stored_numbers),
		cmocka_unit_test(test_terminal), cmocka_unit_test(test_no_way_round_unknown),
		cmocka_unit_test(test_design_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
