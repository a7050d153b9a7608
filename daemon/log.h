/* log.h: one line per thing an operator may want to know. Structured: a sentence, then a `key=value` tail.
 * Under systemd (JOURNAL_STREAM) lines carry the journal's "<N>" priority prefix; on a terminal or file a time stamp.
 * Includes nothing of ours. Thread-safe. A line is at most LOG_MAX_BYTES; control characters are escaped, so no input
 * can forge a line. Values with blanks are quoted. */
#ifndef SMMQ_LOG_H
#define SMMQ_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_MAX_BYTES 4096

enum log_level { LOG_LEVEL_ERR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_NOTICE = 5, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/* Lines above max are dropped. Call before threads start, and again on reload. */
void log_setup(enum log_level max);
/* Whether a line of this level would be written: for what is costly to put together. */
bool log_wants(enum log_level level);
/* "err", "warning", "notice", "info", "debug"; -1 for anything else. */
int log_level_find(const char *name);

/* log_line(LOG_LEVEL_INFO, "published", "item=%s account=%s", id, account): message and tail; tail may be NULL.
 * The tail is printed as formatted; use log_quote for values that may hold anything. */
void log_line(enum log_level level, const char *message, const char *tail_fmt, ...) __attribute__((format(printf, 3, 4)));
/* value as it may stand in the tail: quoted and escaped where needed; written to buf, cut to size. Returns buf. */
char *log_quote(const char *value, char *buf, size_t size);

#endif
