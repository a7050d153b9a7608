/* sink.c: the other end of what is published: an HTTP server on loopback that answers at once, as a webhook's receiver and as a
 * Mastodon would, and knows when the first byte of each request came. A body says when it was due: "due=MILLISECONDS".
 *
 * Usage: sink COUNT     prints "port N"; after COUNT posts, or on SIGTERM, one line: count, lateness of the first byte in
 * microseconds (p50 p99 max), seconds between the first and the last, posts a second. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_FDS 8192
#define MAX_REQUEST 16384
#define MAX_POSTS 2000000
#define BATCH 256

struct peer { char in[MAX_REQUEST + 1]; size_t len; long first_us; };

static struct peer *peers[MAX_FDS];
static long late_us[MAX_POSTS], begin_us, end_us;
static size_t posts, want;
static volatile sig_atomic_t stop;

static long now_us(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void on_term(int signo)
{
	(void)signo;
	stop = 1;
}

static int by_number(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;
	return (x > y) - (x < y);
}

static void report(void)
{
	double seconds = (double)(end_us - begin_us) / 1e6;
	qsort(late_us, posts, sizeof *late_us, by_number);
	if (posts > 0)
		printf("%zu %ld %ld %ld %.3f %.0f\n", posts, late_us[posts / 2], late_us[posts * 99 / 100], late_us[posts - 1], seconds,
		       seconds > 0 ? (double)posts / seconds : 0);
	else
		printf("0 0 0 0 0 0\n");
	fflush(stdout);
}

static void note(const struct peer *p, long at_us)
{
	const char *due = strstr(p->in, "due=");
	if (due == NULL || posts == MAX_POSTS)
		return;
	if (posts == 0)
		begin_us = p->first_us;
	end_us = at_us;
	late_us[posts++] = p->first_us - atol(due + 4) * 1000;
	stop = posts >= want;
}

static void answer(int fd, const struct peer *p)
{
	static unsigned long id = 100000;
	char body[256], out[512];
	if (strncmp(p->in, "GET", 3) == 0 && strstr(p->in, "/statuses?") != NULL)
		snprintf(body, sizeof body, "[]");
	else
		snprintf(body, sizeof body, "{\"id\":\"%lu\",\"url\":\"http://localhost/1\",\"acct\":\"a\",\"name\":\"smmq\",\"configuration\":{}}",
		         strncmp(p->in, "GET", 3) == 0 ? 7 : ++id);
	int len = snprintf(out, sizeof out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
	if (write(fd, out, (size_t)len) != len)
		fprintf(stderr, "sink: an answer could not be written\n");
}

/* The length of the whole request at the front; 0 while it is not all there. */
static size_t request_len(const struct peer *p)
{
	const char *end = strstr(p->in, "\r\n\r\n"), *length = strcasestr(p->in, "\r\ncontent-length:");
	if (end == NULL)
		return 0;
	size_t len = (size_t)(end + 4 - p->in) + (length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0);
	return p->len >= len ? len : 0;
}

static void peer_close(int fd)
{
	close(fd);
	free(peers[fd]);
	peers[fd] = NULL;
}

static void peer_read(int fd, long at_us)
{
	struct peer *p = peers[fd];
	if (p->len == 0)
		p->first_us = at_us;
	ssize_t n = read(fd, p->in + p->len, MAX_REQUEST - p->len);
	if (n <= 0) {
		peer_close(fd);
		return;
	}
	p->len += (size_t)n;
	p->in[p->len] = '\0';
	for (size_t len; (len = request_len(p)) > 0;) {
		if (strncmp(p->in, "POST", 4) == 0)
			note(p, at_us);
		answer(fd, p);
		memmove(p->in, p->in + len, p->len - len + 1);
		p->len -= len;
		p->first_us = at_us;
	}
}

static void peer_accept(int listener, int epoll)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
	if (fd < 0)
		return;
	if (fd >= MAX_FDS || (peers[fd] = calloc(1, sizeof *peers[fd])) == NULL) {
		close(fd);
		return;
	}
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
}

static int listen_anywhere(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof addr;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0 || listen(fd, 4096) < 0 ||
	    getsockname(fd, (struct sockaddr *)&addr, &len) < 0) {
		perror("sink");
		exit(1);
	}
	printf("port %d\n", ntohs(addr.sin_port));
	fflush(stdout);
	return fd;
}

int main(int argc, char **argv)
{
	struct sigaction term = { .sa_handler = on_term };
	int listener = listen_anywhere(), epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = { .events = EPOLLIN, .data.fd = listener }, events[BATCH];
	want = argc > 1 ? strtoul(argv[1], NULL, 10) : MAX_POSTS;
	(void)sigaction(SIGTERM, &term, NULL);
	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
	while (!stop) {
		int n = epoll_wait(epoll, events, BATCH, -1);
		long at_us = now_us();
		for (int i = 0; i < n; i++)
			if (events[i].data.fd == listener)
				peer_accept(listener, epoll);
			else if (peers[events[i].data.fd] != NULL)
				peer_read(events[i].data.fd, at_us);
	}
	report();
	return 0;
}
