/* clock.c: the clocks, in the units the rest of the program counts in. */
#include "daemon/io/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <time.h>
#include <unistd.h>

/* Names this program in sd_id128_get_machine_app_specific; changing it makes every host look like another one. */
#define HOST_APP_ID SD_ID128_MAKE(6e, 1f, 0b, 52, 9a, c3, 4d, 77, b8, 20, 41, d5, e9, 3a, 76, c4)

static int64_t clock_read_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);      /* cannot fail for the clocks used here */
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
	return clock_read_us(CLOCK_REALTIME);
}

int64_t clock_now_ms(void)
{
	return clock_read_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_boot_ms(void)
{
	return clock_read_us(CLOCK_BOOTTIME) / 1000;
}

void clock_boot_id(char *buf, size_t size)
{
	int fd;
	ssize_t n;

	if (size == 0)
		return;
	buf[0] = '\0';
	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0)
		n = 0;
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
}

void clock_host_id(char *buf, size_t size)
{
	char text[SD_ID128_STRING_MAX];
	sd_id128_t id;

	if (size == 0)
		return;
	buf[0] = '\0';
	if (sd_id128_get_machine_app_specific(HOST_APP_ID, &id) >= 0)
		snprintf(buf, size, "%s", sd_id128_to_string(id, text));
}
