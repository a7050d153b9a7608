/* test_io_timer.c: loop, wake-ups and the alarm. A step of the clock is played by a read(2) that says what the kernel
 * would say, since no test may set the machine's clock. */
#include "daemon/io/timer.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/io/clock.h"
#include "daemon/io/loop.h"
#include "daemon/io/rng.h"

static bool play_step, play_unread_step;

static ssize_t played_read(int fd, void *out, size_t len)
{
	if (play_step) {
		play_step = false;
		errno = ECANCELED;
		return -1;
	}
	return read(fd, out, len);
}

static int played_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *old)
{
	int err = timerfd_settime(fd, flags, when, old);

	if (!play_unread_step)
		return err;
	play_unread_step = false;      /* what the kernel says when the step was not read before: armed, and an error */
	errno = ECANCELED;
	return -1;
}

#define read played_read
#define timerfd_settime played_settime
#include "daemon/io/timer.c"
#undef read
#undef timerfd_settime

static struct loop *loop;
static unsigned fired, stepped_count;
static int64_t fired_at;

static int set_up(void **state)
{
	(void)state;
	fired = stepped_count = 0;
	return loop_new(&loop);
}

static int tear_down(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

static void on_alarm(void *ctx, bool stepped)
{
	(void)ctx;
	fired++;
	stepped_count += stepped;
	fired_at = clock_now_ms();
	if (!stepped)
		loop_stop(loop);
}

static void on_limit(void *ctx)
{
	(void)ctx;
	loop_stop(loop);
}

static void rings_at_its_time(void **state)
{
	struct timer *t;
	int64_t due = clock_now_ms() + 60;

	(void)state;
	assert_int_equal(timer_new(loop, on_alarm, NULL, &t), 0);
	assert_int_equal(timer_set(t, clock_now_ms() + 3600000), 0);
	assert_int_equal(timer_set(t, due), 0);
	loop_run(loop);
	assert_int_equal(fired, 1);
	assert_int_equal(stepped_count, 0);
	assert_true(fired_at >= due);
	timer_free(t);
}

static void past_rings_at_once(void **state)
{
	static const int64_t times[] = { 1, 0, -5 };
	struct timer *t;

	(void)state;
	assert_int_equal(timer_new(loop, on_alarm, NULL, &t), 0);
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		assert_int_equal(timer_set(t, times[i]), 0);
		loop_run(loop);
		assert_int_equal(fired, i + 1);
	}
	timer_free(t);
}

static void disarmed_is_silent(void **state)
{
	struct loop_tick *limit;
	struct timer *t;

	(void)state;
	assert_int_equal(timer_new(loop, on_alarm, NULL, &t), 0);
	assert_int_equal(timer_set(t, clock_now_ms() + 20), 0);
	assert_int_equal(timer_set(t, INT64_MAX), 0);
	assert_int_equal(loop_tick_new(loop, 100, on_limit, NULL, &limit), 0);
	loop_run(loop);
	assert_int_equal(fired, 0);
	loop_tick_free(limit);
	timer_free(t);
}

static void step_keeps_the_alarm(void **state)
{
	struct timer *t;

	(void)state;
	assert_int_equal(timer_new(loop, on_alarm, NULL, &t), 0);
	assert_int_equal(timer_set(t, clock_now_ms() + 20), 0);
	play_step = true;
	loop_run(loop);
	assert_int_equal(stepped_count, 1);
	assert_int_equal(fired, 2);      /* the step, then the alarm at its own time */
	timer_free(t);
}

static void unread_step_is_told(void **state)
{
	struct timer *t;

	(void)state;
	assert_int_equal(timer_new(loop, on_alarm, NULL, &t), 0);
	play_unread_step = true;
	assert_int_equal(timer_set(t, clock_now_ms() + 20), 0);
	assert_int_equal(fired, 0);      /* from the loop, not from within the call */
	loop_run(loop);
	assert_int_equal(stepped_count, 1);
	assert_int_equal(fired, 2);
	timer_free(t);
}

static struct loop_wake *wake;
static unsigned woken;

static void on_wake(void *ctx)
{
	(void)ctx;
	woken++;
	loop_stop(loop);
}

static void *send_wake(void *arg)
{
	(void)arg;
	loop_wake_send(wake);
	return NULL;
}

static void threads_wake_the_loop(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(loop_wake_new(loop, on_wake, NULL, &wake), 0);
	assert_int_equal(pthread_create(&thread, NULL, send_wake, NULL), 0);
	loop_run(loop);
	pthread_join(thread, NULL);
	assert_int_equal(woken, 1);
	loop_wake_free(wake);
}

static int got_signal;

static void on_signo(void *ctx, int signo)
{
	(void)ctx;
	got_signal = signo;
	loop_stop(loop);
}

static void signals_arrive(void **state)
{
	(void)state;
	assert_int_equal(loop_signals(loop, on_signo, NULL), 0);
	kill(getpid(), SIGHUP);
	loop_run(loop);
	assert_int_equal(got_signal, SIGHUP);
	kill(getpid(), SIGPIPE);      /* ignored, or this program ends here */
	kill(getpid(), SIGTERM);
	loop_run(loop);
	assert_int_equal(got_signal, SIGTERM);
}

static void forgotten_handles_are_closed(void **state)
{
	struct loop_tick *tick;
	struct loop_wake *w;

	(void)state;
	/* tear_down frees the loop; the leak checker would report what stays behind. */
	assert_int_equal(loop_tick_new(loop, 1000, on_limit, NULL, &tick), 0);
	assert_int_equal(loop_wake_new(loop, on_wake, NULL, &w), 0);
}

static void clocks_and_randomness(void **state)
{
	char boot[40], host[40];
	unsigned char a[32], b[32];

	(void)state;
	assert_true(clock_now_ms() > INT64_C(1600000000000));
	assert_true(clock_now_us() / 1000 >= clock_now_ms() - 60000);
	assert_true(clock_boot_ms() > 0);
	clock_boot_id(boot, sizeof boot);
	assert_int_equal(strlen(boot), 36);
	clock_host_id(host, sizeof host);
	assert_true(strlen(host) == 32 || strlen(host) == 0);
	rng_bytes(a, sizeof a);
	rng_bytes(b, sizeof b);
	assert_memory_not_equal(a, b, sizeof a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rings_at_its_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(past_rings_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(disarmed_is_silent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(step_keeps_the_alarm, set_up, tear_down),
		cmocka_unit_test_setup_teardown(unread_step_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(threads_wake_the_loop, set_up, tear_down),
		cmocka_unit_test_setup_teardown(signals_arrive, set_up, tear_down),
		cmocka_unit_test_setup_teardown(forgotten_handles_are_closed, set_up, tear_down),
		cmocka_unit_test(clocks_and_randomness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
