/* conf_url.c: the two kinds of URL in the configuration, checked strictly. What they must not hold: a user or password, since
 * secrets never stand in the configuration; and plain http to another machine, since tokens would travel in clear. */
#include "daemon/conf_read.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include "proto/status.h"
#include "proto/unit.h"

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define HOST_CHARS LETTERS DIGITS ".-_"
#define PATH_CHARS LETTERS DIGITS "-._~!$&'()*+,;=:@/%"
#define MAX_HOST 253

struct url {
	char host[MAX_HOST + 1];    /* without brackets */
	bool bracketed;
	char *path;                 /* "" or begins with '/' */
};

/* Behind "scheme://" when url begins with it, in any case; else NULL. */
static char *after_scheme(char *url, const char *scheme)
{
	size_t n = strlen(scheme);

	return strncasecmp(url, scheme, n) == 0 && strncmp(url + n, "://", 3) == 0 ? url + n + 3 : NULL;
}

static const char *split_port(const char *port, const char *end)
{
	char digits[6];
	size_t len = (size_t)(end - port);
	int64_t number;

	if (len == 0 || len >= sizeof(digits))
		return "has no valid port; a port is a number from 1 to 65535";
	memcpy(digits, port, len);
	digits[len] = '\0';
	if (unit_int_parse(digits, 1, 65535, &number) < 0)
		return "has no valid port; a port is a number from 1 to 65535";
	return NULL;
}

static const char *split_host(struct url *u, const char *host, size_t len)
{
	struct in6_addr six;

	if (len == 0)
		return "names no host";
	if (len > MAX_HOST)
		return "names a host longer than 253 characters";
	memcpy(u->host, host, len);
	u->host[len] = '\0';
	if (u->bracketed)
		return inet_pton(AF_INET6, u->host, &six) == 1 ? NULL : "has no valid IPv6 address in its brackets";
	if (u->host[strspn(u->host, HOST_CHARS)] || u->host[0] == '.' || u->host[0] == '-')
		return "names a host with characters that do not belong there; write international names in their xn-- form";
	return NULL;
}

/* host[:port] from authority to end. */
static const char *split_authority(struct url *u, const char *authority, const char *end)
{
	const char *host = authority, *host_end, *wrong;

	if (memchr(authority, '@', (size_t)(end - authority)))
		return "must not hold a user name or password; secrets go into a credential file";
	u->bracketed = *authority == '[';
	if (u->bracketed) {
		host++;
		host_end = memchr(host, ']', (size_t)(end - host));
		if (!host_end)
			return "has a [ without its ]";
	} else {
		host_end = memchr(host, ':', (size_t)(end - host));
		if (!host_end)
			host_end = end;
	}
	wrong = split_host(u, host, (size_t)(host_end - host));
	if (wrong)
		return wrong;
	host_end += u->bracketed ? 1 : 0;
	if (host_end == end)
		return NULL;
	return *host_end == ':' ? split_port(host_end + 1, end) : "has something behind the host that is no port";
}

static const char *split(struct url *u, char *after)
{
	size_t len = strcspn(after, "/?#");
	const char *wrong = split_authority(u, after, after + len);

	if (wrong)
		return wrong;
	u->path = after + len;
	if (strchr(u->path, '#'))
		return "must not hold a #; leave out what begins with it";
	/* A query is kept: a webhook may need one. Who cannot use it refuses it (conf_account.c). */
	if (u->path[strspn(u->path, PATH_CHARS "?")])
		return "has characters in its path that do not belong there; write them as %XX";
	if (strchr(u->path, '?'))
		return NULL;
	for (len = strlen(u->path); len > 0 && u->path[len - 1] == '/'; len--)
		u->path[len - 1] = '\0';
	return NULL;
}

static bool is_loopback(const struct url *u)
{
	struct in_addr four;
	struct in6_addr six;

	if (u->bracketed)
		return inet_pton(AF_INET6, u->host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
	if (inet_pton(AF_INET, u->host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == IN_LOOPBACKNET;
	return strcasecmp(u->host, "localhost") == 0;
}

const char *conf_url_check(char *url)
{
	char *safe = after_scheme(url, "https"), *clear = after_scheme(url, "http");
	struct url u = { .path = NULL };
	const char *wrong;

	if (!safe && !clear)
		return "must begin with https:// (or http:// for a server on this machine)";
	wrong = split(&u, safe ? safe : clear);
	if (wrong)
		return wrong;
	if (clear && !is_loopback(&u))
		return "is plain http, and the token would travel in clear; write https:// (http:// is for 127.0.0.0/8, [::1] and "
		       "localhost alone)";
	return NULL;
}

const char *conf_proxy_check(char *url)
{
	static const char *const schemes[] = { "http", "https", "socks5", "socks5h", NULL };
	struct url u = { .path = NULL };
	const char *wrong;
	char *after = NULL;

	for (size_t i = 0; schemes[i] && !after; i++)
		after = after_scheme(url, schemes[i]);
	if (!after)
		return "must begin with http://, https://, socks5:// or socks5h://";
	wrong = split(&u, after);
	if (wrong)
		return wrong;
	return *u.path ? "is scheme://host:port; leave out the path" : NULL;
}
