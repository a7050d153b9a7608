/* conf_read.h: the inside of the configuration, for conf*.c, its unit test and its fuzzer.
 *
 * conf_read.c turns text into (line, section, option, value), conf_source.c finds the table's row for each, conf_value.c
 * turns the value into the member, conf_account.c checks what an account needs as a whole. The first error ends it all. */
#ifndef SMMQ_CONF_READ_H
#define SMMQ_CONF_READ_H

#include <stddef.h>

#include "daemon/conf.h"
#include "proto/arena.h"

#define CONF_MAX_LINE_BYTES 197               /* inih's buffer of 200, less CR, LF and NUL */
#define CONF_MAX_ROWS 64
#define CONF_MAX_BYTES (32 * 1024 * 1024)     /* memory of one configuration */
#define CONF_MAX_CREDENTIAL_BYTES (64 * 1024)
#define CONF_MAX_CREDENTIAL_VALUES 32

/* Fills error with "FILE:LINE: text" (line 0: "FILE: text") and returns -ST_CONFIG. */
int conf_fail(struct conf_error *error, const char *file, unsigned line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
int conf_no_memory(struct conf_error *error);

/* ---- conf_read.c: files and lines ---- */

/* A whole file in the arena, NUL-terminated; at most CONF_MAX_FILE_BYTES. */
int conf_read_file(struct arena *a, const char *path, char **out_text, size_t *out_len, struct conf_error *error);

/* Called for each section line (name NULL) and each option. Anything but 0 ends the reading. */
typedef int (*conf_line_fn)(void *ctx, unsigned line, const char *section, const char *name, const char *value);
int conf_read_text(const char *file, const char *text, size_t len, conf_line_fn fn, void *ctx, struct conf_error *error);

/* ---- conf_source.c: one file and what it sets ---- */
struct conf_source {
	const char *file;
	struct arena *arena;
	struct conf_error *error;
	struct conf *conf;                        /* smmqd.conf fills this, or */
	struct conf_account *account;             /* a file of accounts.d this; the other is NULL */
	unsigned line_of[CONF_MAX_ROWS];          /* where each row of the table was set; 0 = it was not */
	unsigned option_line[CONF_MAX_OPTIONS];   /* the same for the [Platform] lines, in the order of account->options */
};

/* Sets what text says. Whether an account is complete is not looked at. */
int conf_source_parse(struct conf_source *s, const char *text, size_t len);
/* Sets what text did not say. */
int conf_source_defaults(struct conf_source *s);
/* The line where an option was set; 0 if it was not. */
unsigned conf_source_line(const struct conf_source *s, const char *section, const char *name);

/* ---- conf_value.c, conf_url.c: one value ---- */
int conf_value_set(struct conf_source *s, const struct conf_row *row, unsigned line, const char *value);
/* 0, ENOENT, or another errno. */
int conf_group_find(const char *name, gid_t *out);
/* The number of a word in a row's list: its index, or what stands behind '='. -1 if it is not in the list. */
int64_t conf_word_value(const char *words, const char *word);
/* A row's list as people read it: "any, ipv4 or ipv6". Returns buf. */
char *conf_word_list(const char *words, char *buf, size_t size);
/* The name that is probably meant, or NULL. names ends with NULL. */
const char *conf_nearest(const char *word, const char *const *names);
/* NULL, or what is wrong with a URL as a static text that does not repeat it. Removes trailing slashes. */
const char *conf_url_check(char *url);
const char *conf_proxy_check(char *url);

/* ---- conf_account.c, conf_credential.c ---- */

/* After parse and defaults: is everything there that the platform needs, and nothing that it ignores? */
int conf_account_check(struct conf_source *s);
/* After conf_credential_load: does the credential hold what the platform needs? */
int conf_account_check_credential(struct conf_source *s);

/* A credential file's bytes. Values point into it, so it lives as long as the configuration and is wiped at its end. */
struct conf_secret { struct conf_secret *next; size_t len; char *data; };

/* Reads what account->credential_name names, if anything, and puts the bytes in front of *list. */
int conf_credential_load(struct conf_source *s, struct conf_secret **list);
/* Splits len bytes of data (a NUL follows) in place. file is for messages; they never repeat the content. */
int conf_credential_split(struct conf_source *s, const char *file, char *data, size_t len);
void conf_secret_free(struct conf_secret *list);

#endif
