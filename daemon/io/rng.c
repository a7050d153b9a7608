/* rng.c: randomness from the kernel. Marks and keys are made of it, so a guess is never an alternative to it: without
 * randomness this waits, and the service manager's watchdog sees to the rest. */
#include "daemon/io/rng.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "daemon/log.h"

#define RETRY_US 100000

void rng_bytes(void *out, size_t len)
{
	unsigned char *p = out;
	bool told = false;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (n < 0 && errno != EINTR) {
			if (!told)
				log_line(LOG_LEVEL_ERR, "the kernel gives no random bytes (getrandom), waiting for them",
				         "reason=\"%s\"", strerror(errno));
			told = true;
			usleep(RETRY_US);
		}
	}
}
