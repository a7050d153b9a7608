/* args.c: the parser behind the option tables. It knows no command; it checks values by their kind, so that a bad
 * duration or a wrong word is refused before anything is sent. */
#include "client/args.h"

#include <stdio.h>
#include <string.h>

#include "proto/status.h"
#include "proto/unit.h"
#include "proto/utf8.h"

void args_init(struct args *a)
{
	memset(a, 0, sizeof *a);
}

unsigned args_distance(const char *a, const char *b)
{
	enum { MAX = 32 };
	unsigned row[3][MAX + 1];
	size_t alen = strlen(a), blen = strlen(b);

	if (alen > MAX || blen > MAX)
		return MAX;
	for (size_t j = 0; j <= blen; j++)
		row[0][j] = (unsigned)j;
	for (size_t i = 1; i <= alen; i++) {
		unsigned *now = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= blen; j++) {
			unsigned best = up[j - 1] + (a[i - 1] != b[j - 1]);

			if (up[j] + 1 < best)
				best = up[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && up2[j - 2] + 1 < best)
				best = up2[j - 2] + 1;
			now[j] = best;
		}
	}
	return row[alen % 3][blen];
}

static void closest(const struct arg_option *table, const char *name, const char **best, unsigned *distance)
{
	for (; table && table->name; table++) {
		unsigned d = args_distance(name, table->name);

		if (d < *distance) {
			*distance = d;
			*best = table->name;
		}
	}
}

static int unknown_option(
	struct args *a, const struct arg_option *own, const struct arg_option *common, const char *name)
{
	const char *best = NULL;
	unsigned distance = 4;

	closest(own, name, &best, &distance);
	closest(common, name, &best, &distance);
	if (best && distance * 2 <= strlen(name) + 1)
		snprintf(a->error, sizeof a->error, "there is no option --%.60s; did you mean --%s?", name, best);
	else
		snprintf(a->error, sizeof a->error, "there is no option --%.60s here", name);
	return -ST_USAGE;
}

static const struct arg_option *find_long(const struct arg_option *table, const char *name, size_t len)
{
	for (; table && table->name; table++)
		if (strlen(table->name) == len && memcmp(table->name, name, len) == 0)
			return table;
	return NULL;
}

static const struct arg_option *find_short(const struct arg_option *table, char letter)
{
	for (; table && table->name; table++)
		if (table->letter && table->letter == letter)
			return table;
	return NULL;
}

static bool is_choice(const char *words, const char *value)
{
	size_t len = strlen(value);

	for (const char *w = words; *w;) {
		size_t n = strcspn(w, "|");

		if (n == len && memcmp(w, value, n) == 0)
			return true;
		w += n + (w[n] == '|');
	}
	return false;
}

static int bad_value(struct args *a, const struct arg_option *o, const char *value, const char *why)
{
	snprintf(a->error, sizeof a->error, "--%s: \"%.80s\" %s%s%s", o->name, value, why,
		o->kind == ARG_CHOICE ? " " : "", o->kind == ARG_CHOICE ? o->value : "");
	return -ST_USAGE;
}

static int check_value(struct args *a, const struct arg_option *o, const char *value)
{
	int64_t number;

	if (o->kind != ARG_FILE && !utf8_valid(value, strlen(value), NULL)) {
		snprintf(a->error, sizeof a->error, "the value of --%s is not valid UTF-8", o->name);
		return -ST_USAGE;
	}
	switch (o->kind) {
	case ARG_SPAN:
		if (unit_duration_parse(value, &number) < 0)
			return bad_value(a, o, value, "is not a duration (write 90s, 5min, 2h, 3d or 1h30min)");
		break;
	case ARG_COUNT:
		if (unit_int_parse(value, 1, INT64_MAX, &number) < 0)
			return bad_value(a, o, value, "is not a positive number");
		break;
	case ARG_CHOICE:
		if (!is_choice(o->value, value))
			return bad_value(a, o, value, "is none of");
		break;
	case ARG_FLAG:
	case ARG_TEXT:
	case ARG_FILE:
		break;
	}
	return 0;
}

static int add_hit(struct args *a, const struct arg_option *o, const char *value)
{
	if (a->hit_count == ARGS_MAX_HITS) {
		snprintf(a->error, sizeof a->error, "more than %d options", ARGS_MAX_HITS);
		return -ST_USAGE;
	}
	if (value && check_value(a, o, value) < 0)
		return -ST_USAGE;
	a->hits[a->hit_count++] = (struct arg_hit){ .option = o, .value = value };
	return 0;
}

static int needs_value(struct args *a, const struct arg_option *o)
{
	snprintf(a->error, sizeof a->error, "--%s needs a value: --%s %s", o->name, o->name, o->value);
	return -ST_USAGE;
}

/* Both return how many further words of argv were used, or -ST_USAGE. */
static int parse_long(struct args *a, const struct arg_option *own, const struct arg_option *common, const char *word,
	const char *next)
{
	size_t len = strcspn(word, "=");
	const char *value = word[len] == '=' ? word + len + 1 : NULL;
	const struct arg_option *o = find_long(own, word, len);

	if (!o)
		o = find_long(common, word, len);
	if (!o) {
		char name[64];

		snprintf(name, sizeof name, "%.*s", (int)(len < 60 ? len : 60), word);
		return unknown_option(a, own, common, name);
	}
	if (o->kind == ARG_FLAG) {
		if (value) {
			snprintf(a->error, sizeof a->error, "--%s takes no value", o->name);
			return -ST_USAGE;
		}
		return add_hit(a, o, NULL);
	}
	if (value)
		return add_hit(a, o, value);
	if (!next)
		return needs_value(a, o);
	return add_hit(a, o, next) < 0 ? -ST_USAGE : 1;
}

static int parse_short(struct args *a, const struct arg_option *own, const struct arg_option *common, const char *word,
	const char *next)
{
	for (const char *p = word; *p; p++) {
		const struct arg_option *o = find_short(own, *p);

		if (!o)
			o = find_short(common, *p);
		if (!o) {
			snprintf(a->error, sizeof a->error, "there is no option -%.40s here; a text that begins with a dash goes "
				"behind --", p);
			return -ST_USAGE;
		}
		if (o->kind == ARG_FLAG) {
			if (add_hit(a, o, NULL) < 0)
				return -ST_USAGE;
			continue;
		}
		if (p[1])
			return add_hit(a, o, p + 1 + (p[1] == '='));
		if (!next)
			return needs_value(a, o);
		return add_hit(a, o, next) < 0 ? -ST_USAGE : 1;
	}
	return 0;
}

int args_parse(struct args *a, const struct arg_option *own, const struct arg_option *common, int argc, char **argv,
	bool first_only)
{
	bool literal = false;
	int kept = 0;

	a->operands = argv;
	a->literal_from = SIZE_MAX;
	for (int i = 0; i < argc; i++) {
		char *word = argv[i];
		const char *next = i + 1 < argc ? argv[i + 1] : NULL;
		int used;

		if (literal || word[0] != '-' || word[1] == '\0') {
			if (first_only)
				return i;
			if (!utf8_valid(word, strlen(word), NULL)) {
				snprintf(a->error, sizeof a->error, "argument %d is not valid UTF-8", kept + 1);
				return -ST_USAGE;
			}
			argv[kept++] = word;
			continue;
		}
		if (strcmp(word, "--") == 0) {
			literal = true;
			a->literal_from = (size_t)kept;
			continue;
		}
		used =
			word[1] == '-' ? parse_long(a, own, common, word + 2, next) : parse_short(a, own, common, word + 1, next);
		if (used < 0)
			return used;
		i += used;
	}
	a->operand_count = (size_t)kept;
	return argc;
}

const char *args_value(const struct args *a, const char *name)
{
	for (size_t i = a->hit_count; i-- > 0;)
		if (strcmp(a->hits[i].option->name, name) == 0)
			return a->hits[i].value ? a->hits[i].value : "";
	return NULL;
}

bool args_has(const struct args *a, const char *name)
{
	return args_value(a, name) != NULL;
}

size_t args_count(const struct args *a, const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < a->hit_count; i++)
		count += strcmp(a->hits[i].option->name, name) == 0;
	return count;
}

bool args_is_stdin(const struct args *a, size_t operand)
{
	return operand < a->operand_count && operand < a->literal_from && strcmp(a->operands[operand], "-") == 0;
}

int64_t args_span_ms(const struct args *a, const char *name, int64_t fallback_ms)
{
	const char *text = args_value(a, name);
	int64_t ms;

	return text && unit_duration_parse(text, &ms) == 0 ? ms : fallback_ms;
}

int64_t args_number(const struct args *a, const char *name, int64_t fallback)
{
	const char *text = args_value(a, name);
	int64_t number;

	return text && unit_int_parse(text, 0, INT64_MAX, &number) == 0 ? number : fallback;
}
