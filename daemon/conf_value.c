/* conf_value.c: one value of the configuration, from text to the member that its row names.
 *
 * Messages repeat a value only where it cannot be a secret by mistake: words, numbers, zones, groups, never URLs or paths. */
#include "daemon/conf_read.h"

#include <errno.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/model/caltime.h"
#include "proto/status.h"
#include "proto/unit.h"

#define MAX_NEAREST 48
#define MAX_GROUP_BYTES (4 * 1024 * 1024)
#define SHOWN "%.60s"

/* ---- words ---- */

/* The next word of a list, and its length without "=value". NULL at the end. */
static const char *next_word(const char **at, size_t *len)
{
	const char *word = *at + strspn(*at, " ");
	size_t whole = strcspn(word, " ");

	*len = strcspn(word, " =");
	*at = word + whole;
	return whole ? word : NULL;
}

int64_t conf_word_value(const char *words, const char *word)
{
	const char *at = words, *w;
	size_t len;

	for (int64_t index = 0; (w = next_word(&at, &len)); index++) {
		if (strlen(word) != len || memcmp(w, word, len) != 0)
			continue;
		return w[len] == '=' ? w[len + 1] - '0' : index;
	}
	return -1;
}

char *conf_word_list(const char *words, char *buf, size_t size)
{
	const char *at = words, *rest, *w;
	size_t len, rest_len, used = 0;

	buf[0] = '\0';
	for (bool first = true; (w = next_word(&at, &len)); first = false) {
		rest = at;
		const char *join = first ? "" : next_word(&rest, &rest_len) ? ", " : " or ";
		int n = snprintf(buf + used, size - used, "%s%.*s", join, (int)len, w);
		if (n < 0 || (size_t)n >= size - used)
			break;
		used += (size_t)n;
	}
	return buf;
}

static size_t least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Insertions, removals and changes that make b of a, without regard to case. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t row[MAX_NEAREST + 1], a_len = strlen(a), b_len = strlen(b);

	if (a_len > MAX_NEAREST || b_len > MAX_NEAREST)
		return MAX_NEAREST;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t above = row[j];
			size_t same = strncasecmp(a + i - 1, b + j - 1, 1) == 0 ? 0 : 1;
			row[j] = least(row[j - 1] + 1, above + 1, diagonal + same);
			diagonal = above;
		}
	}
	return row[b_len];
}

const char *conf_nearest(const char *word, const char *const *names)
{
	size_t best = strlen(word) / 3 + 2;
	const char *found = NULL;

	for (; *names; names++) {
		size_t d = edit_distance(word, *names);
		if (d < best) {
			best = d;
			found = *names;
		}
	}
	return found;
}

/* ---- setters: one for each type ---- */

typedef int (*set_fn)(struct conf_source *s, const struct conf_row *row, unsigned line, const char *value, void *member);

static int set_text(struct conf_source *s, const struct conf_row *row, unsigned line, const char *value, void *member)
{
	char *copy = arena_strdup(s->arena, value);

	(void)row;
	(void)line;
	if (!copy)
		return conf_no_memory(s->error);
	memcpy(member, &copy, sizeof(copy));
	return 0;
}

static int set_path(struct conf_source *s, const struct conf_row *row, unsigned line, const char *value, void *member)
{
	char path[4096];
	size_t len = strlen(value);

	if (value[0] != '/')
		return conf_fail(s->error, s->file, line, "%s= must be an absolute path, beginning with /", row->name);
	if (len >= sizeof(path))
		return conf_fail(s->error, s->file, line, "%s= is longer than %zu bytes", row->name, sizeof(path) - 1);
	while (len > 1 && value[len - 1] == '/')
		len--;
	memcpy(path, value, len);
	path[len] = '\0';
	return set_text(s, row, line, path, member);
}

static int set_duration(struct conf_source *s, const struct conf_row *row, unsigned line, const char *value, void *member)
{
	char low[64], high[64];
	int64_t ms;

	if (unit_duration_parse(value, &ms) < 0)
		return conf_fail(s->error, s->file, line, "%s=" SHOWN " is not a duration; write it with units, as in 90s, 5min, 1h30min, 2d",
		                 row->name, value);
	if (ms < row->min || ms > row->max)
		return conf_fail(s->error, s->file, line, "%s=" SHOWN " is out of range; it goes from %s to %s", row->name, value,
		                 unit_duration_format(row->min, low, sizeof(low)), unit_duration_format(row->max, high, sizeof(high)));
	memcpy(member, &ms, sizeof(ms));
	return 0;
}

static int set_size(struct conf_source *s, const struct conf_row *row, unsigned line, const char *value, void *member)
{
	char low[64], high[64];
	int64_t bytes;

	if (unit_size_parse(value, &bytes) < 0)
		return conf_fail(s->error, s->file, line, "%s=" SHOWN " is not a size; write bytes, or a number with K, M, G or T, as in 512M",
		                 row->name, value);
	if (bytes < row->min || bytes > row->max)
		return conf_fail(s->error, s->file, line, "%s=" SHOWN " is out of range; it goes from %s to %s", row->name, value,
		                 unit_size_format(row->min, low, sizeof(low)), unit_size_format(row->max, high, sizeof(high)));
	memcpy(member, &bytes, sizeof(bytes));
	return 0;
}

static int set_int(struct conf_source *s, const struct conf_row *row, unsigned line, const char *value, void *member)
{
	int64_t number;

	if (unit_int_parse(value, row->min, row->max, &number) < 0)
		return conf_fail(s->error, s->file, line, "%s=" SHOWN " is not a whole number from %lld to %lld", row->name, value,
		                 (long long)row->min, (long long)row->max);
	memcpy(member, &number, sizeof(number));
	return 0;
}

static int set_word(struct conf_source *s, const struct conf_row *row, unsigned line, const char *value, void *member)
{
	int64_t number = conf_word_value(row->words, value);
	char list[256];

	if (number < 0)
		return conf_fail(s->error, s->file, line, "%s=" SHOWN " is not known; write %s", row->name, value,
		                 conf_word_list(row->words, list, sizeof(list)));
	memcpy(member, &number, sizeof(number));
	return 0;
}

static int set_zone(struct conf_source *s, const struct conf_row *row, unsigned line, const char *value, void *member)
{
	if (caltime_zone_check(value) < 0)
		return conf_fail(s->error, s->file, line, "%s=" SHOWN " is no time zone of this system; write one of `timedatectl "
		                 "list-timezones`, as in Europe/Paris (package tzdata)", row->name, value);
	return set_text(s, row, line, value, member);
}

static int set_checked(struct conf_source *s, const struct conf_row *row, unsigned line, const char *value, void *member,
                       const char *(*check)(char *url))
{
	char *url = arena_strdup(s->arena, value);
	const char *wrong = url ? check(url) : NULL;

	if (!url)
		return conf_no_memory(s->error);
	if (wrong)
		return conf_fail(s->error, s->file, line, "%s= %s", row->name, wrong);
	memcpy(member, &url, sizeof(url));
	return 0;
}

static int set_url(struct conf_source *s, const struct conf_row *row, unsigned line, const char *value, void *member)
{
	return set_checked(s, row, line, value, member, conf_url_check);
}

static int set_proxy(struct conf_source *s, const struct conf_row *row, unsigned line, const char *value, void *member)
{
	return set_checked(s, row, line, value, member, conf_proxy_check);
}

int conf_group_find(const char *name, gid_t *out)
{
	struct group group, *found = NULL;
	size_t size = 4096;
	char *buf = NULL;
	int error;

	do {
		free(buf);
		size *= 2;
		buf = malloc(size);
		error = buf ? getgrnam_r(name, &group, buf, size, &found) : ENOMEM;
	} while (error == ERANGE && size < MAX_GROUP_BYTES);
	if (found)
		*out = group.gr_gid;
	free(buf);
	return found ? 0 : error ? error : ENOENT;
}

/* The number goes into a member of its own: conf.c fills those when all is read. Here the name is checked, with its line. */
static int set_group(struct conf_source *s, const struct conf_row *row, unsigned line, const char *value, void *member)
{
	gid_t gid;
	int error = conf_group_find(value, &gid);

	if (error == ENOENT)
		return conf_fail(s->error, s->file, line, "%s=" SHOWN " is no group of this system; make it with groupadd, or name another",
		                 row->name, value);
	if (error)
		return conf_fail(s->error, s->file, line, "%s=" SHOWN " cannot be looked up: %s", row->name, value, strerror(error));
	return set_text(s, row, line, value, member);
}

static int set_hours(struct conf_source *s, const struct conf_row *row, unsigned line, const char *value, void *member)
{
	struct limit_hours hours;

	if (limit_hours_parse(value, &hours) < 0)
		return conf_fail(s->error, s->file, line, "%s=" SHOWN " is no span of hours; write one like 22:00-07:00", row->name, value);
	memcpy(member, &hours, sizeof(hours));
	return 0;
}

static int set_platform(struct conf_source *s, const struct conf_row *row, unsigned line, const char *value, void *member)
{
	const struct plat *plat = plat_find(value);
	char list[256] = "";
	size_t used = 0;

	for (size_t i = 0; !plat && plat_at(i); i++) {
		int n = snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", plat_at(i)->name);
		if (n < 0 || (size_t)n >= sizeof(list) - used)
			break;
		used += (size_t)n;
	}
	if (!plat)
		return conf_fail(s->error, s->file, line, "%s=" SHOWN " is not known; write one of %s", row->name, value, list);
	memcpy(member, &plat, sizeof(plat));
	return 0;
}

static const set_fn setters[] = {
	[CONF_TEXT] = set_text, [CONF_PATH] = set_path, [CONF_DURATION] = set_duration, [CONF_SIZE] = set_size,
	[CONF_INT] = set_int, [CONF_WORD] = set_word, [CONF_ZONE] = set_zone, [CONF_URL] = set_url, [CONF_GROUP] = set_group, [CONF_HOURS] = set_hours,
	[CONF_PROXY] = set_proxy, [CONF_PLATFORM] = set_platform,
};

int conf_value_set(struct conf_source *s, const struct conf_row *row, unsigned line, const char *value)
{
	char *base = s->conf ? (char *)s->conf : (char *)s->account;

	if (!*value)
		return conf_fail(s->error, s->file, line, "%s= is empty; give it a value, or remove the line", row->name);
	return setters[row->type](s, row, line, value, base + row->offset);
}
