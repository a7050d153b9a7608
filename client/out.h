/* out.h: what the user sees. Answers go to standard output, talk to standard error; with -j an answer is one JSON
 * object per line and an error is one too. Text that came from the daemon never reaches a terminal with its control
 * characters. */
#ifndef SMMQ_CLIENT_OUT_H
#define SMMQ_CLIENT_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct answer;

struct out {
	bool json, quiet;
	bool tty;                /* standard output is a terminal: headings, widths, cut texts */
	bool color;
	int columns;             /* width of the terminal */
	bool closed;             /* the reader went away (EPIPE): streams end quietly */
	int error;               /* errno of another failure to write */
};

enum out_color { COLOR_NONE, COLOR_GOOD, COLOR_WARN, COLOR_BAD, COLOR_BUSY, COLOR_HEAD };

/* A column of a table. On a terminal it is padded to `width`, and cut to it if `cut`; the last column gets the rest of
 * the line. Elsewhere fields are separated by tabs and whole. */
struct out_column { const char *title; int width; bool cut; };

void out_init(struct out *o, bool json, bool quiet);
/* Flushes. The exit status of the process: `status`, or 74 where the answer could not be written. */
int out_finish(struct out *o, int status);
void out_flush(struct out *o);

void out_fmt(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));   /* text of our own only */
void out_text(struct out *o, const char *text); /* text of others: escaped, newlines become blanks; NULL is "" */
void out_block(struct out *o, const char *indent, const char *text);   /* several lines of others, each behind indent */
void out_color(struct out *o, enum out_color color, const char *text); /* text of others, coloured on a terminal */
void out_json(struct out *o, const char *text, size_t len);   /* one line of JSON as it came */

enum out_color out_state_color(const char *state);
void out_head(struct out *o, const struct out_column *columns, size_t count);
/* cells[i] NULL or "": "-". color colours the column of that index; -1: none. */
void out_row(struct out *o, const struct out_column *columns, size_t count, const char *const *cells, int colored);

/* Talk: one line on standard error, escaped; not with -q. */
void out_note(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* An error found by the client: "smmq: ..." on standard error, with -j also an object on standard output. Returns the
 * exit status that goes with `status` (negative or positive enum status). */
int out_fail(struct out *o, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same with one more member in the object, "key". */
int out_fail_key(struct out *o, int status, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* An ERR of the daemon, with its findings. about (may be NULL): the id it is about. Returns its exit status. */
int out_refused(struct out *o, const struct answer *a, const char *about);

#endif
