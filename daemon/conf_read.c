/* conf_read.c: from a file to lines, and from lines to (section, option, value).
 *
 * inih does the reading of INI; what stands between it and the text is a reader that lets it see only lines which it cannot
 * misread. Debian's inih cuts a line at 200 bytes, takes a line that begins with a blank for the rest of the value before,
 * takes ':' for '=', cuts a value at " ;", and ignores what follows a ']': each of these is refused here by file and line. */
#include "daemon/conf_read.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/status.h"
#include "proto/utf8.h"

#define MAX_SHOWN_PATH 400
#define MAX_SHOWN_NAME 24

int conf_fail(struct conf_error *error, const char *file, unsigned line, const char *fmt, ...)
{
	size_t size = sizeof(error->text), len = strlen(file);
	const char *dots = len > MAX_SHOWN_PATH ? "..." : "";
	const char *shown = len > MAX_SHOWN_PATH ? file + len - MAX_SHOWN_PATH : file;
	int n = line ? snprintf(error->text, size, "%s%s:%u: ", dots, shown, line) :
	               snprintf(error->text, size, "%s%s: ", dots, shown);
	va_list ap;

	va_start(ap, fmt);
	if (n > 0 && (size_t)n < size)
		(void)vsnprintf(error->text + n, size - (size_t)n, fmt, ap);
	va_end(ap);
	return -ST_CONFIG;
}

int conf_no_memory(struct conf_error *error)
{
	(void)snprintf(error->text, sizeof(error->text), "no memory for the configuration");
	return -ST_NO_MEMORY;
}

/* ---- files ---- */

static int read_all(int fd, char *text, size_t size, size_t *out_len)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, text + len, size - len);
		if (n == 0)
			break;
		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0)
			len += (size_t)n;
	}
	*out_len = len;
	return 0;
}

static int read_open_file(struct arena *a, int fd, const char *path, char **out_text, size_t *out_len, struct conf_error *error)
{
	struct stat st;
	size_t size, len;
	char *text;

	if (fstat(fd, &st) < 0)
		return conf_fail(error, path, 0, "cannot be read: %s", strerror(errno));
	if (S_ISDIR(st.st_mode))
		return conf_fail(error, path, 0, "is a directory; a configuration file was expected here");
	/* /dev/null is an empty configuration; a pipe could block the daemon for ever. */
	if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
		return conf_fail(error, path, 0, "is not a regular file");
	if (st.st_size > CONF_MAX_FILE_BYTES)
		return conf_fail(error, path, 0, "is larger than %d bytes; that is no configuration file", CONF_MAX_FILE_BYTES);
	/* One byte more than it had, to notice a file that grows meanwhile or has no size. */
	size = S_ISREG(st.st_mode) ? (size_t)st.st_size + 1 : CONF_MAX_FILE_BYTES;
	text = arena_alloc(a, size + 1, 1);
	if (!text)
		return conf_no_memory(error);
	if (read_all(fd, text, size, &len) < 0)
		return conf_fail(error, path, 0, "cannot be read: %s", strerror(errno));
	if (len == size)
		return conf_fail(error, path, 0, "grew while it was read, or has no end; try again");
	text[len] = '\0';
	*out_text = text;
	*out_len = len;
	return 0;
}

int conf_read_file(struct arena *a, const char *path, char **out_text, size_t *out_len, struct conf_error *error)
{
	int r, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && errno == ENOENT)
		return conf_fail(error, path, 0, "no such file; create it, or name another with -c");
	if (fd < 0 && errno == EACCES)
		return conf_fail(error, path, 0, "cannot be read: %s; the user that runs smmqd must be able to", strerror(errno));
	if (fd < 0)
		return conf_fail(error, path, 0, "cannot be read: %s", strerror(errno));
	r = read_open_file(a, fd, path, out_text, out_len, error);
	(void)close(fd);
	return r;
}

/* ---- lines ---- */

struct reader {
	const char *file;
	const char *at, *end;
	unsigned line;
	int status;                   /* the first failure; ends the reading */
	struct conf_error *error;
	conf_line_fn fn;
	void *ctx;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool has_control(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)s[i] < 0x20 && s[i] != '\t') || s[i] == 0x7f)
			return true;
	return false;
}

/* Letters and digits alone: then the '=' behind it is the first of "=:" and inih splits where we do. */
static size_t name_len(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && ((s[n] >= 'A' && s[n] <= 'Z') || (s[n] >= 'a' && s[n] <= 'z') || (s[n] >= '0' && s[n] <= '9')))
		n++;
	return n;
}

static bool has_digit(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] >= '0' && s[i] <= '9')
			return true;
	return false;
}

static int check_section(struct reader *r, const char *s, size_t len)
{
	char name[CONF_MAX_LINE_BYTES + 1];
	size_t n = name_len(s + 1, len - 1);

	if (n == 0 || n + 2 != len || s[len - 1] != ']')
		return conf_fail(r->error, r->file, r->line, "a section line is [Name] and nothing else");
	memcpy(name, s + 1, n);
	name[n] = '\0';
	return r->fn(r->ctx, r->line, name, NULL, NULL);
}

static int check_option(struct reader *r, const char *s, size_t len)
{
	size_t n = name_len(s, len), at = n;

	while (at < len && is_blank(s[at]))
		at++;
	/* An option's name is safe to repeat; what else stands there might be a token that was pasted. */
	if (n == len && n <= MAX_SHOWN_NAME && !has_digit(s, n))
		return conf_fail(r->error, r->file, r->line, "%.*s lacks its value; write Option=value", (int)n, s);
	if (n == 0 || at == len || s[at] != '=')
		return conf_fail(r->error, r->file, r->line, "is neither [Section] nor Option=value; a comment begins with # or ;");
	for (size_t i = at + 1; i + 1 < len; i++)
		if (is_blank(s[i]) && (s[i + 1] == ';' || s[i + 1] == '#'))
			return conf_fail(r->error, r->file, r->line,
			                 "\" %c\" inside a value is not accepted; a comment stands on a line of its own", s[i + 1]);
	if (s[len - 1] == '\\')
		return conf_fail(r->error, r->file, r->line,
		                 "ends with a backslash; a value cannot go on in the next line");
	return 0;
}

static int check_line(struct reader *r, const char *s, size_t len, size_t max_len)
{
	if (!utf8_valid(s, len, NULL) || has_control(s, len))
		return conf_fail(r->error, r->file, r->line, "is not clean UTF-8 text; remove control characters and other bytes");
	if (is_blank(s[0]))
		return conf_fail(r->error, r->file, r->line,
		                 "begins with a blank; an option begins its line, and a value cannot go on in the next line");
	if (len > max_len)
		return conf_fail(r->error, r->file, r->line, "is longer than %zu bytes; shorten it (a path by a symbolic link)", max_len);
	return s[0] == '[' ? check_section(r, s, len) : check_option(r, s, len);
}

/* The next line without what surrounds it: its end, blanks before that, and a byte order mark before the first. */
static void take_line(struct reader *r, const char **out, size_t *out_len)
{
	const char *s = r->at, *newline = memchr(s, '\n', (size_t)(r->end - s));
	const char *end = newline ? newline : r->end;

	r->at = newline ? newline + 1 : r->end;
	r->line++;
	if (r->line == 1 && end - s >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0)
		s += 3;
	while (end > s && (is_blank(end[-1]) || end[-1] == '\r'))
		end--;
	*out = s;
	*out_len = (size_t)(end - s);
}

static bool is_comment(const char *s, size_t len)
{
	size_t i = 0;

	while (i < len && is_blank(s[i]))
		i++;
	return i == len || s[i] == '#' || s[i] == ';';
}

/* inih's fgets. A comment of any length goes in as an empty line. */
static char *next_line(char *buf, int size, void *stream)
{
	struct reader *r = stream;
	size_t len, max_len = size < CONF_MAX_LINE_BYTES + 3 ? (size_t)size - 3 : CONF_MAX_LINE_BYTES;
	const char *s;

	if (r->status || r->at == r->end)
		return NULL;
	take_line(r, &s, &len);
	if (is_comment(s, len))
		len = 0;
	else
		r->status = check_line(r, s, len, max_len);
	if (r->status)
		return NULL;
	memcpy(buf, s, len);
	buf[len] = '\0';
	return buf;
}

static int found(void *ctx, const char *section, const char *name, const char *value)
{
	struct reader *r = ctx;

	if (!r->status)
		r->status = r->fn(r->ctx, r->line, section, name, value);
	return r->status == 0;
}

int conf_read_text(const char *file, const char *text, size_t len, conf_line_fn fn, void *ctx, struct conf_error *error)
{
	struct reader r = { .file = file, .at = text, .end = text + len, .error = error, .fn = fn, .ctx = ctx };
	int line = ini_parse_stream(next_line, &r, found, &r);

	if (r.status)
		return r.status;
	if (line < 0)
		return conf_no_memory(error);
	if (line > 0)
		return conf_fail(error, file, (unsigned)line, "cannot be understood; write [Section] or Option=value");
	return 0;
}
