/* args.h: command lines by table. Every command has one table of options; parsing, did-you-mean, help, the manual's
 * test and the completions all go by it. Options may stand anywhere before "--"; their order is kept, because --alt
 * belongs to the -m before it. */
#ifndef SMMQ_CLIENT_ARGS_H
#define SMMQ_CLIENT_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum arg_kind {
	ARG_FLAG,        /* takes no value */
	ARG_TEXT,        /* UTF-8 */
	ARG_FILE,        /* a path: any bytes */
	ARG_SPAN,        /* a duration, unit_duration_parse */
	ARG_COUNT,       /* a positive integer */
	ARG_CHOICE       /* one of the words in `value`, "post|skip|hold" */
};

struct arg_option {
	const char *name;        /* without "--"; NULL ends a table */
	char letter;             /* 0: no short form */
	enum arg_kind kind;
	const char *value;       /* what the value is called, or the words of ARG_CHOICE; NULL for a flag */
	const char *help;        /* one line */
};

struct arg_hit {
	const struct arg_option *option;
	const char *value;       /* NULL for a flag */
};

#define ARGS_MAX_HITS 256

struct args {
	struct arg_hit hits[ARGS_MAX_HITS];
	size_t hit_count;
	char **operands;
	size_t operand_count;
	size_t literal_from;     /* operands from here on stood behind "--": a "-" there is text */
	char error[512];         /* after -ST_USAGE: what is wrong, without newline */
};

void args_init(struct args *a);
/* Reads argv[0 .. argc-1] by the two tables; operands are moved to the front of argv. With first_only it stops at the
 * first operand. May be called again to add to the same struct. Returns how many of argv were used (with first_only the
 * rest is untouched), or -ST_USAGE. */
int args_parse(struct args *a, const struct arg_option *own, const struct arg_option *common, int argc, char **argv,
	bool first_only);

bool args_has(const struct args *a, const char *name);
const char *args_value(const struct args *a, const char *name);      /* the last one given, or NULL */
size_t args_count(const struct args *a, const char *name);
bool args_is_stdin(const struct args *a, size_t operand);            /* the operand is "-" and not behind "--" */
int64_t args_span_ms(const struct args *a, const char *name, int64_t fallback_ms);
int64_t args_number(const struct args *a, const char *name, int64_t fallback);

/* Changes needed to make b of a (insert, delete, replace, swap neighbours); used for did-you-mean. */
unsigned args_distance(const char *a, const char *b);

#endif
