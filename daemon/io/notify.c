/* notify.c: the service manager's side of the process. Nothing here can fail in a way that matters without systemd. */
#include "daemon/io/notify.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#define STATUS_MAX 256

/* A newline would start another assignment. */
static const char *status_line(const char *status, char *buf, size_t size)
{
	snprintf(buf, size, "%s", status != NULL ? status : "");
	buf[strcspn(buf, "\r\n")] = '\0';
	return buf;
}

void notify_ready(const char *status)
{
	char text[STATUS_MAX];

	(void)sd_notifyf(0, "READY=1\nMAINPID=%ld\nSTATUS=%s", (long)getpid(), status_line(status, text, sizeof text));
}

void notify_status(const char *status)
{
	char text[STATUS_MAX];

	(void)sd_notifyf(0, "STATUS=%s", status_line(status, text, sizeof text));
}

void notify_stopping(const char *status)
{
	char text[STATUS_MAX];

	(void)sd_notifyf(0, "STOPPING=1\nSTATUS=%s", status_line(status, text, sizeof text));
}

void notify_reloading(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
}

void notify_watchdog(void)
{
	(void)sd_notify(0, "WATCHDOG=1");
}

int64_t notify_watchdog_ms(void)
{
	uint64_t usec = 0;

	if (sd_watchdog_enabled(0, &usec) <= 0)
		return 0;
	return usec < 1000 ? 1 : (int64_t)(usec / 1000);
}

int notify_listen_fd(void)
{
	int count = sd_listen_fds(1), found = -1;

	for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; fd++) {
		if (found < 0 && sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) > 0)
			found = fd;
		else
			close(fd);
	}
	return found;
}
