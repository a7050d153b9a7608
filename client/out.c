/* out.c: writing to standard output. All of it goes through put(), so that a reader that went away is noticed once and
 * everything later is dropped silently. */
#include "config.h"      

#include "client/out.h"

#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "client/conn.h"
#include "proto/buf.h"
#include "proto/json.h"
#include "proto/status.h"
#include "proto/unit.h"

#define TEXT_MAX_BYTES (16u * 1024 * 1024)

void out_init(struct out *o, bool json, bool quiet)
{
	const char *no_color = getenv("NO_COLOR"), *columns = getenv("COLUMNS"), *term = getenv("TERM");
	struct winsize size;
	int64_t n;

	memset(o, 0, sizeof *o);
	o->json = json;
	o->quiet = quiet;
	o->tty = !json && isatty(STDOUT_FILENO);
	o->color = o->tty && !(no_color && *no_color) && !(term && strcmp(term, "dumb") == 0);
	o->columns = 80;
	if (!o->tty)
		return;
	/* widths need a UTF-8 locale whatever the user's is, since the protocol is UTF-8 */
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		setlocale(LC_CTYPE, "");
	if (columns && unit_int_parse(columns, 20, 10000, &n) == 0)
		o->columns = (int)n;
	else if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
		o->columns = size.ws_col;
}

static void check(struct out *o, bool failed)
{
	if (!failed || o->closed || o->error)
		return;
	if (errno == EPIPE)
		o->closed = true;
	else
		o->error = errno ? errno : EIO;
}

static void put(struct out *o, const char *data, size_t len)
{
	if (!o->closed && !o->error && len > 0)
		check(o, fwrite(data, 1, len, stdout) != len);
}

static void put_str(struct out *o, const char *s)
{
	put(o, s, strlen(s));
}

void out_flush(struct out *o)
{
	if (!o->closed && !o->error)
		check(o, fflush(stdout) != 0);
}

int out_finish(struct out *o, int status)
{
	out_flush(o);
	if (!o->error)
		return status;
	fprintf(stderr, "smmq: cannot write the answer: %s\n", strerror(o->error));
	return status ? status : status_info(ST_IO)->exit_status;
}

void out_fmt(struct out *o, const char *fmt, ...)
{
	va_list ap;

	if (o->closed || o->error)
		return;
	va_start(ap, fmt);
	check(o, vfprintf(stdout, fmt, ap) < 0);
	va_end(ap);
}

/* The code point at s (valid UTF-8 from line.c) and its length. */
static size_t decode(const unsigned char *s, unsigned *code)
{
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	*code = len == 1 ? s[0] : s[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			*code = 0xfffd;
			return i;
		}
		*code = *code << 6 | (s[i] & 0x3fu);
	}
	return len;
}

/* Controls, and the marks that reorder a line or break it: they could make a terminal show what is not there. */
static bool is_hostile(unsigned c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029 || (c >= 0x202a && c <= 0x202e)
		|| (c >= 0x2066 && c <= 0x2069);
}

static void escape(struct buf *b, const char *text, bool blanks)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s) {
		unsigned c;
		size_t len = decode(s, &c);

		if (blanks && (c == '\n' || c == '\t'))
			buf_add_char(b, ' ');
		else if (is_hostile(c))
			buf_add_fmt(b, "\\u%04x", c);
		else
			buf_add(b, s, len);
		s += len;
	}
}

void out_text(struct out *o, const char *text)
{
	struct buf b = BUF_INIT(TEXT_MAX_BYTES);

	escape(&b, text ? text : "", true);
	put_str(o, buf_cstr(&b));
	buf_done(&b);
}

void out_block(struct out *o, const char *indent, const char *text)
{
	while (text && *text) {
		size_t len = strcspn(text, "\n");
		struct buf b = BUF_INIT(TEXT_MAX_BYTES);

		buf_add(&b, text, len);
		put_str(o, indent);
		out_text(o, buf_cstr(&b));
		put_str(o, "\n");
		buf_done(&b);
		text += len + (text[len] == '\n');
	}
}

static const char *color_code(enum out_color color)
{
	static const char *const codes[] = { "", "\033[32m", "\033[33m", "\033[31m", "\033[36m", "\033[1m" };

	return codes[color];
}

void out_color(struct out *o, enum out_color color, const char *text)
{
	bool on = o->color && color != COLOR_NONE;

	if (on)
		put_str(o, color_code(color));
	out_text(o, text);
	if (on)
		put_str(o, "\033[0m");
}

enum out_color out_state_color(const char *state)
{
	static const struct { const char *name; enum out_color color; } rows[] = {
		{ "published", COLOR_GOOD }, { "ready", COLOR_GOOD }, { "sending", COLOR_BUSY }, { "failed", COLOR_BAD },
		{ "unknown", COLOR_BAD }, { "paused", COLOR_BAD }, { "gone", COLOR_BAD }, { "missed", COLOR_WARN },
		{ "expired", COLOR_WARN }, { "held", COLOR_WARN }, { "draft", COLOR_WARN },
	};

	for (size_t i = 0; state && i < sizeof rows / sizeof *rows; i++)
		if (strcmp(rows[i].name, state) == 0)
			return rows[i].color;
	return COLOR_NONE;
}

/* JSON that came over the line is clean below U+0020; DEL and U+0080..U+009F can only stand in strings, where \u is the
 * same. */
void out_json(struct out *o, const char *text, size_t len)
{
	size_t from = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i], next = i + 1 < len ? (unsigned char)text[i + 1] : 0;
		bool c1 = c == 0xc2 && next >= 0x80 && next <= 0x9f;

		if (!c1 && c != 0x7f)
			continue;
		put(o, text + from, i - from);
		out_fmt(o, "\\u%04x", c1 ? next : c);
		i += c1;
		from = i + 1;
	}
	put(o, text + from, len - from);
	put_str(o, "\n");
}

/* Cuts the escaped text to width columns (with an ellipsis) and returns its width. */
static int fit(struct buf *b, int width, bool cut)
{
	const unsigned char *s = (const unsigned char *)buf_cstr(b);
	int used = 0;
	size_t at = 0, cut_at = 0;

	while (s[at]) {
		unsigned c;
		size_t len = decode(s + at, &c);
		int w = wcwidth((wchar_t)c);

		if (w < 0)
			w = 1;
		if (used + w <= width - 1)
			cut_at = at + len;
		used += w;
		at += len;
		if (cut && used > width) {
			b->len = cut_at;
			b->data[cut_at] = '\0';
			buf_add_str(b, "…");
			return width;
		}
	}
	return used;
}

static void cell(
	struct out *o, const struct out_column *column, int left, bool last, const char *text, enum out_color color)
{
	struct buf b = BUF_INIT(TEXT_MAX_BYTES);
	int used;

	escape(&b, text && *text ? text : o->tty && last ? "" : "-", true);
	if (!o->tty) {
		put_str(o, buf_cstr(&b));
		put_str(o, last ? "\n" : "\t");
		buf_done(&b);
		return;
	}
	used = last ? fit(&b, left > 10 ? left : 10, column->cut) : fit(&b, column->width, column->cut);
	if (o->color && color != COLOR_NONE)
		put_str(o, color_code(color));
	put_str(o, buf_cstr(&b));
	if (o->color && color != COLOR_NONE)
		put_str(o, "\033[0m");
	if (last)
		put_str(o, "\n");
	else
		out_fmt(o, "%*s", used < column->width ? column->width - used + 2 : 2, "");
	buf_done(&b);
}

void out_head(struct out *o, const struct out_column *columns, size_t count)
{
	if (!o->tty)
		return;
	for (size_t i = 0; i < count; i++)
		cell(o, &columns[i], o->columns, i + 1 == count, columns[i].title, COLOR_HEAD);
}

void out_row(struct out *o, const struct out_column *columns, size_t count, const char *const *cells, int colored)
{
	int left = o->columns;

	for (size_t i = 0; i < count; i++) {
		cell(o, &columns[i], left, i + 1 == count, cells[i],
			colored == (int)i ? out_state_color(cells[i]) : COLOR_NONE);
		left -= columns[i].width + 2;
	}
}

/* One line of talk; escaped as a whole, since a message may quote what a platform said. */
static void talk(const char *prefix, const char *message)
{
	struct buf b = BUF_INIT(TEXT_MAX_BYTES);

	fflush(stdout);
	escape(&b, message, false);
	fprintf(stderr, "%s%s\n", prefix, buf_cstr(&b));
	buf_done(&b);
}

void out_note(struct out *o, const char *fmt, ...)
{
	struct buf b = BUF_INIT(TEXT_MAX_BYTES);
	va_list ap;

	if (o->quiet)
		return;
	va_start(ap, fmt);
	buf_add_vfmt(&b, fmt, ap);
	va_end(ap);
	out_flush(o);
	talk("", buf_cstr(&b));
	buf_done(&b);
}

__attribute__((format(printf, 4, 0)))
static int fail_va(struct out *o, int status, const char *key, const char *fmt, va_list ap)
{
	const struct status_info *info = status_info(status);
	struct buf b = BUF_INIT(TEXT_MAX_BYTES), line = BUF_INIT(TEXT_MAX_BYTES);
	struct json_writer w;

	buf_add_vfmt(&b, fmt, ap);
	out_flush(o);
	talk("smmq: ", buf_cstr(&b));
	if (o->json) {
		jw_init(&w, &line);
		jw_object(&w, NULL);
		jw_str(&w, "code", info->word);
		jw_str(&w, "message", buf_cstr(&b));
		jw_bool(&w, "retryable", info->retryable);
		jw_bool(&w, "safe_to_retry", info->safe_to_retry);
		if (key)
			jw_str(&w, "key", key);
		jw_end(&w);
		out_json(o, buf_cstr(&line), line.len);
	}
	buf_done(&b);
	buf_done(&line);
	return info->exit_status;
}

int out_fail(struct out *o, int status, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = fail_va(o, status, NULL, fmt, ap);
	va_end(ap);
	return rc;
}

int out_fail_key(struct out *o, int status, const char *key, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = fail_va(o, status, key, fmt, ap);
	va_end(ap);
	return rc;
}

static void refused_json(struct out *o, const struct answer *a)
{
	struct buf line = BUF_INIT(TEXT_MAX_BYTES);
	struct json_writer w;

	jw_init(&w, &line);
	jw_object(&w, NULL);
	jw_str(&w, "code", a->word);
	for (const struct json *m = json_first(a->json); m; m = json_next(m))
		if (strcmp(json_key(m), "code") != 0)
			jw_value(&w, json_key(m), m);
	jw_end(&w);
	out_json(o, buf_cstr(&line), line.len);
	buf_done(&line);
}

int out_refused(struct out *o, const struct answer *a, const char *about)
{
	const char *message = json_get_text(a->json, "message");
	struct buf b = BUF_INIT(TEXT_MAX_BYTES);

	if (about)
		buf_add_fmt(&b, "%s: ", about);
	buf_add_str(&b, message ? message : a->word);
	out_flush(o);
	talk("smmq: ", buf_cstr(&b));
	for (const struct json *f = json_first(json_get(a->json, "findings")); f; f = json_next(f)) {
		const char *account = json_get_text(f, "account"), *text = json_get_text(f, "message");

		buf_reset(&b);
		buf_add_fmt(&b, "%s%s%s", account ? account : "", account ? ": " : "", text ? text : "refused");
		talk("  ", buf_cstr(&b));
	}
	buf_done(&b);
	if (o->json)
		refused_json(o, a);
	return a->exit_status;
}
