/* conf_credential.c: credential files. Their bytes live in one block for each file that is wiped when the configuration
 * goes; values point into it and are copied nowhere. No message repeats a byte of them, nor the text of Credential=
 * while it is not known to name a file, since people paste tokens into the wrong place. */
#include "daemon/conf_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/hash.h"
#include "proto/status.h"
#include "proto/utf8.h"

#define NAMES "token, access_token, refresh_token, client_id, client_secret, identifier, password, secret, access_key, secret_key"

static const char *const names[] = {
	"token", "access_token", "refresh_token", "client_id", "client_secret", "identifier", "password", "secret", "access_key",
	"secret_key", NULL
};

void conf_secret_free(struct conf_secret *list)
{
	while (list) {
		struct conf_secret *next = list->next;
		if (list->data) {
			explicit_bzero(list->data, list->len);
			free(list->data);
		}
		free(list);
		list = next;
	}
}

/* ---- content ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts the line at *at out of the text, without the blanks around it; *at moves on. NULL at the end. */
static char *cut_line(char **at, const char *end)
{
	char *line = *at, *newline, *tail;

	if (line >= end)
		return NULL;
	newline = memchr(line, '\n', (size_t)(end - line));
	tail = newline ? newline : line + (end - line);
	*at = tail + 1;
	while (tail > line && is_blank(tail[-1]))
		tail--;
	*tail = '\0';
	return line + strspn(line, " \t\r");
}

static const char *known_name(const char *line, size_t len)
{
	for (size_t i = 0; names[i]; i++)
		if (strlen(names[i]) == len && memcmp(names[i], line, len) == 0)
			return names[i];
	return NULL;
}

/* A token may hold '=' itself, so a line alone is name=value only when it begins with a known name. */
static char *split_line(char *line, const char **out_name)
{
	size_t len = strcspn(line, " \t=");
	char *equals = line + len + strspn(line + len, " \t");

	*out_name = *equals == '=' ? known_name(line, len) : NULL;
	return *out_name ? equals + 1 + strspn(equals + 1, " \t") : line;
}

static int add_value(struct conf_source *s, const char *file, unsigned line, const char *name, char *text)
{
	struct conf_account *a = s->account;
	struct value *grown;

	if (!*text)
		return conf_fail(s->error, file, line, "%s= is empty", name);
	for (size_t i = 0; i < a->credential_count; i++)
		if (strcmp(a->credential[i].name, name) == 0)
			return conf_fail(s->error, file, line, "%s= was given before in this file", name);
	if (a->credential_count == CONF_MAX_CREDENTIAL_VALUES)
		return conf_fail(s->error, file, line, "too many lines; a credential file holds a few values");
	grown = arena_grow(s->arena, a->credential, a->credential_count, a->credential_count + 1, sizeof(*grown));
	if (!grown)
		return conf_no_memory(s->error);
	grown[a->credential_count].name = arena_strdup(s->arena, name);
	grown[a->credential_count].text = text;
	if (!grown[a->credential_count].name)
		return conf_no_memory(s->error);
	a->credential = grown;
	a->credential_count++;
	return 0;
}

static bool is_clean(const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)data[i] < 0x20 && !strchr("\t\r\n", data[i])) || data[i] == '\0' || data[i] == 0x7f)
			return false;
	return utf8_valid(data, len, NULL);
}

int conf_credential_split(struct conf_source *s, const char *file, char *data, size_t len)
{
	char *at = data, *line, *text, *bare = NULL;
	const char *name, *end = data + len;
	unsigned number = 0, bare_line = 0;
	int r = 0;

	if (!is_clean(data, len))
		return conf_fail(s->error, file, 0, "is not clean UTF-8 text; write one token, or name=value lines");
	while (!r && (line = cut_line(&at, end))) {
		number++;
		if (!*line || *line == '#')
			continue;
		text = split_line(line, &name);
		if (name) {
			r = add_value(s, file, number, name, text);
		} else if (bare || s->account->credential_count > 0) {
			return conf_fail(s->error, file, number, "is no name=value line with a known name; names are " NAMES);
		} else {
			bare = text;
			bare_line = number;
		}
	}
	if (!r && bare && s->account->credential_count > 0)
		return conf_fail(s->error, file, bare_line, "is no name=value line with a known name; names are " NAMES);
	if (!r && bare && strpbrk(bare, " \t"))
		return conf_fail(s->error, file, bare_line, "is no token, since it holds blanks; write one token, or name=value lines");
	if (!r && bare)
		r = add_value(s, file, bare_line, "token", bare);
	if (!r && s->account->credential_count == 0)
		return conf_fail(s->error, file, 0, "is empty; write one token, or name=value lines with names of " NAMES);
	return r;
}

/* ---- files ---- */

static int refuse(struct conf_source *s, const char *text)
{
	return conf_fail(s->error, s->file, conf_source_line(s, "Account", "Credential"), "Credential= %s", text);
}

/* For a file that was opened: its name is a name. */
static int refuse_file(struct conf_source *s, const char *path, const char *text)
{
	return conf_fail(s->error, s->file, conf_source_line(s, "Account", "Credential"), "Credential= names %.400s, which %s", path, text);
}

/* systemd guards its directory and opens the files to us by an access list, which shows as group bits: modes are not judged
 * there. */
static bool below(const char *path, const char *directory)
{
	size_t len = directory ? strlen(directory) : 0;

	return len > 0 && strncmp(path, directory, len) == 0 && path[len] == '/' && !strstr(path + len, "/../");
}

static int find_file(struct conf_source *s, char *path, size_t size, bool *guarded)
{
	const char *name = s->account->credential_name, *directory = getenv("CREDENTIALS_DIRECTORY");
	int n;

	if (name[0] == '/') {
		*guarded = below(name, directory);
		n = snprintf(path, size, "%s", name);
	} else {
		if (strchr(name, '/') || name[0] == '.')
			return refuse(s, "is a relative path; write an absolute one, or the bare name of a file in $CREDENTIALS_DIRECTORY");
		if (!directory || directory[0] != '/')
			return refuse(s, "is a bare name, but $CREDENTIALS_DIRECTORY is not set; add LoadCredential= to the systemd unit, "
			              "or write the absolute path of a file of mode 0600");
		*guarded = true;
		n = snprintf(path, size, "%s/%s", directory, name);
	}
	return n > 0 && (size_t)n < size ? 0 : refuse(s, "names a path that is too long");
}

static int check_file(struct conf_source *s, int fd, const char *path, bool guarded, size_t *out_size)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return refuse_file(s, path, "cannot be read");
	if (!S_ISREG(st.st_mode))
		return refuse_file(s, path, "is no regular file");
	if (!guarded && (st.st_mode & (S_IRWXG | S_IRWXO)))
		return refuse_file(s, path, "others than its owner may use; give it mode 0600 (chmod 600)");
	if (st.st_size > CONF_MAX_CREDENTIAL_BYTES)
		return refuse_file(s, path, "is larger than 64 KiB; that is no credential");
	*out_size = (size_t)st.st_size;
	return 0;
}

/* read(2) straight into the block: stdio would leave a copy behind. */
static int read_block(struct conf_source *s, int fd, const char *path, struct conf_secret *block, size_t size)
{
	size_t len = 0;

	block->data = calloc(1, size + 1);
	if (!block->data)
		return conf_no_memory(s->error);
	block->len = size;
	while (len < size) {
		ssize_t n = read(fd, block->data + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return refuse_file(s, path, "cannot be read");
		if (n == 0)
			return refuse_file(s, path, "was changed while it was read; try again");
		len += (size_t)n;
	}
	return 0;
}

static int digest(struct conf_source *s, const struct conf_secret *block)
{
	unsigned char sum[HASH_SHA256_BYTES];

	if (hash_sha256(block->data, block->len, sum) < 0)
		return conf_no_memory(s->error);
	(void)hash_hex(sum, sizeof(sum), s->account->credential_digest);
	return 0;
}

int conf_credential_load(struct conf_source *s, struct conf_secret **list)
{
	struct conf_secret *block;
	char path[4096];
	bool guarded = false;
	size_t size = 0;
	int r, fd;

	if (!s->account->credential_name)
		return 0;
	r = find_file(s, path, sizeof(path), &guarded);
	if (r)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return conf_fail(s->error, s->file, conf_source_line(s, "Account", "Credential"),
		                 "Credential= names a file that cannot be opened: %s", strerror(errno));
	block = calloc(1, sizeof(*block));
	if (block) {
		block->next = *list;
		*list = block;
	}
	r = block ? check_file(s, fd, path, guarded, &size) : conf_no_memory(s->error);
	if (!r)
		r = read_block(s, fd, path, block, size);
	(void)close(fd);
	if (!r)
		r = digest(s, block);
	return r ? r : conf_credential_split(s, path, block->data, block->len);
}
