/* load.c: adds items over a number of connections, each with a number of them in flight, and prints how many were acknowledged a
 * second. Every item is one that is due at a time of its own and carries about 600 bytes:
 *
 *   smmq        ADD of one post
 *   redis       SET of the item and ZADD of its time: two commands, as a queue with times needs them
 *   beanstalkd  put with a delay
 *
 * Usage: load PEER SOCKET CLIENTS IN_FLIGHT COUNT [ACCOUNT [TIME]]     TIME: RFC 3339; default scattered over five years */
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
#define MAX_IN_FLIGHT 512
#define LINE_BYTES 1280
#define SMMQ_TEXT 430               /* with the rest of the request: 600 bytes */
#define ITEM_BYTES 600

struct client { int fd; long sent, answered; char out[MAX_IN_FLIGHT * LINE_BYTES]; size_t out_len, out_at; };
struct when { char text[64]; unsigned long seconds; };

static struct client clients[MAX_CLIENTS];
static struct pollfd polls[MAX_CLIENTS];
static const char *account = "bench", *at;
static long started_ms, refused;

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

static const char *filler(void)
{
	static char text[ITEM_BYTES + 1];
	if (text[0] == '\0')
		memset(text, 'x', ITEM_BYTES);
	return text;
}

/* A random-looking time of the next five years, as real queues have them. */
static void scatter(long number, size_t index, struct when *out)
{
	unsigned long h = (unsigned long)number * 2654435761u + index * 40503u;
	out->seconds = h % (5 * 365 * 86400ul);
	snprintf(out->text, sizeof out->text, "20%02lu-%02lu-%02luT%02lu:%02lu:00Z", 30 + h % 5, 1 + h / 5 % 12, 1 + h / 60 % 28, h / 1680 % 24,
	         h / 40320 % 60);
}

static size_t smmq_add(char *out, long number, size_t index, const struct when *w)
{
	return (size_t)snprintf(out, LINE_BYTES, "ADD {\"accounts\":[\"%s\"],\"text\":\"%.*s %ld\",\"at\":\"%s\",\"key\":\"b%ld-%zu-%ld\"}\n", account,
	                        SMMQ_TEXT, filler(), number, at != NULL ? at : w->text, started_ms, index, number);
}

static size_t redis_add(char *out, long number, size_t index, const struct when *w)
{
	char key[64], score[32];
	int k = snprintf(key, sizeof key, "b%ld-%zu-%ld", started_ms, index, number), s = snprintf(score, sizeof score, "%lu", w->seconds);
	return (size_t)snprintf(out, LINE_BYTES, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n*4\r\n$4\r\nZADD\r\n$5\r\nqueue\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n",
	                        k, key, ITEM_BYTES, filler(), s, score, k, key);
}

static size_t beanstalkd_add(char *out, long number, size_t index, const struct when *w)
{
	(void)number;
	(void)index;
	return (size_t)snprintf(out, LINE_BYTES, "put 0 %lu 60 %d\r\n%s\r\n", 1000 + w->seconds, ITEM_BYTES, filler());
}

static const struct peer {
	const char *name;
	size_t (*add)(char *out, long number, size_t index, const struct when *w);
	long lines;                      /* of answer to one item */
	char refusal;                    /* the first byte of a line that says no */
} peers[] = { { "smmq", smmq_add, 1, 'E' }, { "redis", redis_add, 2, '-' }, { "beanstalkd", beanstalkd_add, 1, 'O' } }, *peer;

static void fill(struct client *c, size_t index, long depth, long quota)
{
	if (c->out_at == c->out_len)
		c->out_at = c->out_len = 0;
	while (c->sent < quota && c->sent - c->answered / peer->lines < depth && c->out_len + LINE_BYTES < sizeof c->out) {
		struct when w;
		scatter(c->sent, index, &w);
		c->out_len += peer->add(c->out + c->out_len, c->sent++, index, &w);
	}
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
		fprintf(stderr, "load: the server closed the connection\n");
		exit(1);
	}
	for (ssize_t i = 0; i < n; i++) {
		c->answered += in[i] == '\n';
		refused += in[i] == '\n' && i + 1 < n && in[i + 1] == peer->refusal;
	}
}

static void run(size_t count, long depth, long quota)
{
	for (long left = 1; left > 0;) {
		left = 0;
		for (size_t i = 0; i < count; i++) {
			fill(&clients[i], i, depth, quota);
			left += quota * peer->lines - clients[i].answered;
			polls[i] = (struct pollfd){ .fd = clients[i].fd, .events = POLLIN };
			if (clients[i].out_at < clients[i].out_len)
				polls[i].events |= POLLOUT;
		}
		if (left > 0 && poll(polls, count, 30000) <= 0) {
			fprintf(stderr, "load: no answer for 30 s\n");
			exit(1);
		}
		for (size_t i = 0; i < count; i++)
			if (polls[i].revents & POLLIN)
				drain(&clients[i]);
	}
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof peers / sizeof *peers; i++)
		if (strcmp(peers[i].name, argv[1]) == 0)
			peer = &peers[i];
	if (argc < 6 || peer == NULL || atol(argv[3]) < 1 || atol(argv[3]) > MAX_CLIENTS || atol(argv[4]) < 1 || atol(argv[4]) > MAX_IN_FLIGHT ||
	    atol(argv[5]) < 1) {
		fprintf(stderr, "usage: load smmq|redis|beanstalkd SOCKET CLIENTS IN_FLIGHT COUNT [ACCOUNT [TIME]]\n");
		return 64;
	}
	size_t count = (size_t)atol(argv[3]);
	long quota = atol(argv[5]) / (long)count;
	if (argc > 6)
		account = argv[6];
	if (argc > 7)
		at = argv[7];
	started_ms = (long)time(NULL) * 1000 + getpid() % 1000;
	for (size_t i = 0; i < count; i++)
		clients[i].fd = dial(argv[2]);
	double start = now_s();
	run(count, atol(argv[4]), quota);
	printf("%.0f\n", (double)(quota * (long)count) / (now_s() - start));
	if (refused > 0)
		fprintf(stderr, "load: %ld refused\n", refused);
	return refused > 0;
}
