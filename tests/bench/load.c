/* load.c: adds posts over a number of connections, each with a number of requests in flight, and prints how many were
 * acknowledged per second. Every request has the size the figures are stated for (about 600 bytes).
 *
 * Usage: load SOCKET CLIENTS IN_FLIGHT COUNT [ACCOUNT [TIME]]     TIME: an RFC 3339 instant; default spread over five years */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_CLIENTS 256
#define TEXT_BYTES 430
#define LINE_BYTES 1024

struct client { int fd; long sent, answered; char out[256 * LINE_BYTES]; size_t out_len, out_at; };

static struct client clients[MAX_CLIENTS];
static struct pollfd polls[MAX_CLIENTS];
static const char *account = "bench", *at;
static long started_s, refused;

static double now_s(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int dial(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(addr.sun_path, sizeof addr.sun_path, "%s", path);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof addr) < 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

static size_t write_add(char *out, long number, size_t index)
{
	static char text[TEXT_BYTES + 1];
	char when[64];
	if (text[0] == '\0')
		memset(text, 'x', TEXT_BYTES);
	if (at == NULL) {
		/* Scattered, as real queues are: a random-looking day of the next five years. */
		unsigned long h = (unsigned long)number * 2654435761u + index * 40503u;
		snprintf(when, sizeof when, "20%02lu-%02lu-%02luT%02lu:%02lu:00Z", 30 + h % 5, 1 + h / 5 % 12, 1 + h / 60 % 28, h / 1680 % 24,
		         h / 40320 % 60);
	}
	return (size_t)snprintf(out, LINE_BYTES, "ADD {\"accounts\":[\"%s\"],\"text\":\"%s %ld\",\"at\":\"%s\",\"key\":\"b%ld-%zu-%ld\"}\n", account,
	                        text, number, at != NULL ? at : when, started_s, index, number);
}

static void fill(struct client *c, size_t index, long depth, long quota)
{
	if (c->out_at == c->out_len)
		c->out_at = c->out_len = 0;
	while (c->sent < quota && c->sent - c->answered < depth && c->out_len + LINE_BYTES < sizeof c->out)
		c->out_len += write_add(c->out + c->out_len, c->sent++, index);
	while (c->out_at < c->out_len) {
		ssize_t n = send(c->fd, c->out + c->out_at, c->out_len - c->out_at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n <= 0)
			return;
		c->out_at += (size_t)n;
	}
}

static void drain(struct client *c)
{
	char in[65536];
	ssize_t n = recv(c->fd, in, sizeof in, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		fprintf(stderr, "load: the daemon closed the connection\n");
		exit(1);
	}
	for (ssize_t i = 0; i < n; i++) {
		if (in[i] != '\n')
			continue;
		c->answered++;
		if (i + 4 < n && in[i + 1] == 'E')
			refused++;
	}
}

int main(int argc, char **argv)
{
	if (argc < 5 || atol(argv[2]) < 1 || atol(argv[2]) > MAX_CLIENTS || atol(argv[3]) < 1 || atol(argv[4]) < 1) {
		fprintf(stderr, "usage: load SOCKET CLIENTS IN_FLIGHT COUNT [ACCOUNT [TIME]]\n");
		return 64;
	}
	size_t count = (size_t)atol(argv[2]);
	long depth = atol(argv[3]), quota = atol(argv[4]) / (long)count, left = quota * (long)count;
	if (argc > 5)
		account = argv[5];
	if (argc > 6)
		at = argv[6];
	started_s = (long)time(NULL) * 1000 + getpid() % 1000;
	for (size_t i = 0; i < count; i++)
		clients[i].fd = dial(argv[1]);
	double start = now_s();
	while (left > 0) {
		left = 0;
		for (size_t i = 0; i < count; i++) {
			fill(&clients[i], i, depth, quota);
			left += quota - clients[i].answered;
			polls[i] = (struct pollfd){ .fd = clients[i].fd, .events = POLLIN };
			if (clients[i].out_at < clients[i].out_len)
				polls[i].events |= POLLOUT;
		}
		if (left > 0 && poll(polls, count, 10000) <= 0) {
			fprintf(stderr, "load: no answer for 10 s\n");
			return 1;
		}
		for (size_t i = 0; i < count; i++)
			if (polls[i].revents & POLLIN)
				drain(&clients[i]);
	}
	double took = now_s() - start;
	printf("%.0f\n", (double)(quota * (long)count) / took);
	if (refused > 0)
		fprintf(stderr, "load: %ld refused\n", refused);
	return refused > 0;
}
