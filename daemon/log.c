/* log.c: a line is built whole on the stack and leaves in one write(2), so lines of several threads never mix and a
 * full disk or a closed stderr costs nothing but the line. */
#include "daemon/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CUT_MARK "..."

struct line {
	char text[LOG_MAX_BYTES];
	size_t len;
	bool cut;
};

static const struct {
	const char *name;
	enum log_level level;
} levels[] = {
	{ "err", LOG_LEVEL_ERR },
	{ "warning", LOG_LEVEL_WARNING },
	{ "notice", LOG_LEVEL_NOTICE },
	{ "info", LOG_LEVEL_INFO },
	{ "debug", LOG_LEVEL_DEBUG },
};

static atomic_int max_level = LOG_LEVEL_INFO;
static atomic_bool to_journal;

/* systemd names the device and inode of the stream it reads: stderr may have been redirected since. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	const char *forced = getenv("SMMQ_LOG");
	unsigned long long dev, ino;
	struct stat st;

	if (forced != NULL && strcmp(forced, "journal") == 0)
		return true;
	if (stream == NULL || sscanf(stream, "%llu:%llu", &dev, &ino) != 2 || fstat(STDERR_FILENO, &st) != 0)
		return false;
	return dev == (unsigned long long)st.st_dev && ino == (unsigned long long)st.st_ino;
}

void log_setup(enum log_level max)
{
	atomic_store(&max_level, (int)max);
	atomic_store(&to_journal, stderr_is_journal());
}

bool log_wants(enum log_level level)
{
	return (int)level <= atomic_load(&max_level);
}

int log_level_find(const char *name)
{
	for (size_t i = 0; name != NULL && i < sizeof levels / sizeof levels[0]; i++)
		if (strcmp(levels[i].name, name) == 0)
			return (int)levels[i].level;
	return -1;
}

static const char *level_word(enum log_level level)
{
	for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
		if (levels[i].level == level)
			return levels[i].name;
	return "info";
}

/* Appends all or nothing, and nothing more after the first piece that did not fit. Room for mark and newline stays. */
static void line_add(struct line *l, const char *data, size_t len)
{
	if (l->cut || len > sizeof l->text - sizeof CUT_MARK - l->len) {
		l->cut = true;
		return;
	}
	memcpy(l->text + l->len, data, len);
	l->len += len;
}

/* The length of the control character at s: ASCII controls, and C1 (U+0080 to U+009F), which terminals obey too. */
static size_t control_len(const unsigned char *s)
{
	if (s[0] < 0x20 || s[0] == 0x7f)
		return 1;
	return s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f ? 2 : 0;
}

static size_t char_len(const unsigned char *s)
{
	size_t want = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc0 ? 2 : 1, n = 1;

	while (n < want && (s[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* Writes the escape of a control character of one byte (or the second byte of two) to out, which holds 5 bytes. */
static size_t escape_control(unsigned char c, char *out)
{
	static const char hex[] = "0123456789abcdef";
	static const char named[][2] = { { '\n', 'n' }, { '\t', 't' }, { '\r', 'r' } };

	out[0] = '\\';
	for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
		if (c == (unsigned char)named[i][0]) {
			out[1] = named[i][1];
			return 2;
		}
	}
	out[1] = 'x';
	out[2] = hex[c >> 4];
	out[3] = hex[c & 15];
	return 4;
}

static void line_add_text(struct line *l, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	char escaped[5];

	while (*s != '\0' && !l->cut) {
		size_t control = control_len(s), n = control > 0 ? control : char_len(s);

		if (control > 0)
			line_add(l, escaped, escape_control(s[control - 1], escaped));
		else
			line_add(l, (const char *)s, n);
		s += n;
	}
}

static void line_add_head(struct line *l, enum log_level level)
{
	char head[64];
	struct timespec ts;
	struct tm tm;
	int n;

	if (atomic_load(&to_journal)) {
		n = snprintf(head, sizeof head, "<%d>", (int)level);
	} else {
		clock_gettime(CLOCK_REALTIME, &ts);
		gmtime_r(&ts.tv_sec, &tm);
		n = snprintf(head, sizeof head, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s ", tm.tm_year + 1900,
		             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ts.tv_nsec / 1000000,
		             level_word(level));
	}
	if (n > 0 && (size_t)n < sizeof head)
		line_add(l, head, (size_t)n);
}

void log_line(enum log_level level, const char *message, const char *tail_fmt, ...)
{
	struct line l = { .len = 0 };
	char tail[LOG_MAX_BYTES];
	va_list ap;

	if (!log_wants(level))
		return;
	line_add_head(&l, level);
	line_add_text(&l, message);
	if (tail_fmt != NULL && tail_fmt[0] != '\0') {
		va_start(ap, tail_fmt);
		int n = vsnprintf(tail, sizeof tail, tail_fmt, ap);
		va_end(ap);
		if (n > 0) {
			line_add(&l, " ", 1);
			line_add_text(&l, tail);
			if ((size_t)n >= sizeof tail)
				l.cut = true;
		}
	}
	if (l.cut) {
		memcpy(l.text + l.len, CUT_MARK, sizeof CUT_MARK - 1);
		l.len += sizeof CUT_MARK - 1;
	}
	l.text[l.len++] = '\n';
	/* A line that cannot be written has nowhere to be reported. */
	ssize_t written = write(STDERR_FILENO, l.text, l.len);
	(void)written;
}

static bool needs_quotes(const char *value)
{
	const unsigned char *s = (const unsigned char *)value;

	if (*s == '\0')
		return true;
	for (; *s != '\0'; s++)
		if (*s == ' ' || *s == '"' || *s == '\\' || *s == '=' || control_len(s) > 0)
			return true;
	return false;
}

char *log_quote(const char *value, char *buf, size_t size)
{
	const unsigned char *s = (const unsigned char *)(value != NULL ? value : "");
	bool quoted = needs_quotes((const char *)s);
	size_t len = 0, end = quoted ? 2 : 1;      /* bytes that must stay free: closing quote and NUL */
	char piece[5];

	if (size == 0)
		return buf;
	if (size < 4) {
		buf[0] = '\0';
		return buf;
	}
	if (quoted)
		buf[len++] = '"';
	while (*s != '\0') {
		size_t control = control_len(s), take = control > 0 ? control : char_len(s), n = take;
		const char *from = (const char *)s;

		if (control > 0) {
			n = escape_control(s[control - 1], piece);
			from = piece;
		} else if (*s == '"' || *s == '\\') {
			piece[0] = '\\';
			piece[1] = (char)*s;
			n = 2;
			from = piece;
		}
		if (n > size - end - len)
			break;
		memcpy(buf + len, from, n);
		len += n;
		s += take;
	}
	if (quoted)
		buf[len++] = '"';
	buf[len] = '\0';
	return buf;
}
