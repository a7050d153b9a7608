/* conf_house.c: files are real, in a private directory that is removed at the end. */
#include "tests/unit/conf_house.h"

#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/status.h"

static char root[PATH_MAX / 4];

/* ---- files ---- */

const char *at(const char *name)
{
	static char paths[8][PATH_MAX / 2];
	static unsigned turn;
	char *path = paths[turn++ % 8];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", root, name);
	return path;
}

void put_bytes(const char *name, const void *data, size_t len, mode_t mode)
{
	FILE *f = fopen(at(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(at(name), mode), 0);
}

void put(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text), 0644);
}

void put_secret(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text), 0600);
}

void put_here(const char *name, const char *text)
{
	char out[8192] = "";
	size_t n = 0;

	for (; *text; text++)
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s", *text == '@' ? root : (char[]){ *text, '\0' });
	put(name, out);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int conf_house_setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	(void)snprintf(root, sizeof(root), "%s/smmq-conf-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(root))
		return -1;
	(void)unsetenv("STATE_DIRECTORY");
	(void)unsetenv("RUNTIME_DIRECTORY");
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	put("smmqd.conf", "");
	return mkdir(at("accounts.d"), 0755) || mkdir(at("out"), 0755) || mkdir(at("creds"), 0700);
}

int conf_house_teardown(void **state)
{
	(void)state;
	return nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- loading ---- */

const struct conf *load_ok(void)
{
	struct conf_error error = { "" };
	const struct conf *c = NULL;
	int r = conf_load(at("smmqd.conf"), &c, &error);

	if (r)
		print_error("%s\n", error.text);
	assert_int_equal(r, 0);
	return c;
}

void load_fails(const char *file, unsigned line, const char *const *parts)
{
	struct conf_error error = { "" };
	const struct conf *c = NULL;
	char begin[PATH_MAX];
	int r = conf_load(at("smmqd.conf"), &c, &error);

	if (line)
		(void)snprintf(begin, sizeof(begin), "%s:%u: ", at(file), line);
	else
		(void)snprintf(begin, sizeof(begin), "%s: ", at(file));
	if (r != -ST_CONFIG || strncmp(error.text, begin, strlen(begin)) != 0)
		print_error("got %d: %s\nwanted %s\n", r, error.text, begin);
	assert_int_equal(r, -ST_CONFIG);
	assert_null(c);
	assert_int_equal(strncmp(error.text, begin, strlen(begin)), 0);
	for (; *parts; parts++) {
		if (!strstr(error.text, *parts))
			print_error("\"%s\" lacks \"%s\"\n", error.text, *parts);
		assert_non_null(strstr(error.text, *parts));
	}
	assert_null(strchr(error.text, '\n'));
	assert_null(strstr(error.text, SECRET));
}


void put_account(const char *platform, const char *credential)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "[Account]\nPlatform=%s\nBaseURL=https://x\nCredential=%s\n", platform, credential);
	put_here("accounts.d/brand.conf", text);
}
