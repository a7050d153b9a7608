/* test_conf_credential.c: files of credentials: who may read them, what stands in them, what each platform needs. */
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

#include "daemon/conf_read.h"
#include "tests/unit/conf_house.h"

static void test_credential_files(void **state)
{
	static const char *const file = "accounts.d/brand.conf";
	const struct conf *c;

	(void)state;
	put_account("mastodon", "@/creds/c");
	FAILS(file, 4, "Credential=", "No such file");
	put_bytes("creds/c", SECRET "\n", strlen(SECRET) + 1, 0640);
	FAILS(file, 4, "Credential=", at("creds/c"), "mode 0600");
	assert_int_equal(chmod(at("creds/c"), 0604), 0);
	FAILS(file, 4, "Credential=", "chmod 600");
	assert_int_equal(chmod(at("creds/c"), 0400), 0);
	conf_unref(load_ok());
	/* The mode that counts is the file's, not the link's. */
	assert_int_equal(symlink("c", at("creds/link")), 0);
	put_account("mastodon", "@/creds/link");
	conf_unref(load_ok());
	put_account("mastodon", "@/creds");
	FAILS(file, 4, "Credential=", "is no regular file");
	put_account("mastodon", "creds/c");
	FAILS(file, 4, "Credential=", "relative path");
	put_account("mastodon", SECRET);
	FAILS(file, 4, "Credential=", "$CREDENTIALS_DIRECTORY is not set", "LoadCredential=");
	(void)setenv("CREDENTIALS_DIRECTORY", at("creds"), 1);
	FAILS(file, 4, "Credential=", "No such file");
	/* systemd's directory: its access list shows as group bits. */
	assert_int_equal(chmod(at("creds/c"), 0440), 0);
	put_account("mastodon", "c");
	c = load_ok();
	assert_string_equal(c->accounts[0].credential[0].text, SECRET);
	conf_unref(c);
	put_account("mastodon", "@/creds/c");
	conf_unref(load_ok());
	put_account("mastodon", "..");
	FAILS(file, 4, "Credential=", "relative path");
	(void)unsetenv("CREDENTIALS_DIRECTORY");
}

static void test_credential_content(void **state)
{
	static const struct { const char *platform, *text; unsigned line; const char *why; } rows[] = {
		{ "mastodon", "", 0, "is empty" },
		{ "mastodon", "\n# only this\n", 0, "is empty" },
		{ "mastodon", SECRET "\n" SECRET "2\n", 2, "name=value" },
		{ "mastodon", "token=" SECRET "\n" SECRET "\n", 2, "name=value" },
		{ "mastodon", SECRET "\ntoken=" SECRET "\n", 1, "name=value" },
		{ "mastodon", "token=" SECRET "\ntoken=" SECRET "\n", 2, "given before" },
		{ "mastodon", "token=\n", 1, "token= is empty" },
		{ "mastodon", "my " SECRET "\n", 1, "blanks" },
		{ "mastodon", SECRET "\x01\n", 0, "clean UTF-8" },
		{ "mastodon", SECRET "\xff\n", 0, "clean UTF-8" },
	};

	(void)state;
	put_account("mastodon", "@/creds/c");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put_secret("creds/c", rows[i].text);
		FAILS("creds/c", rows[i].line, rows[i].why);
	}
	put_bytes("creds/c", SECRET "\0x", strlen(SECRET) + 2, 0600);
	FAILS("creds/c", 0, "clean UTF-8");
	assert_int_equal(truncate(at("creds/c"), CONF_MAX_CREDENTIAL_BYTES + 1), 0);
	FAILS("accounts.d/brand.conf", 4, "64 KiB");
}

static void test_credential_needs(void **state)
{
	static const struct { const char *platform, *text, *why; } rows[] = {
		{ "mastodon", "identifier=" SECRET "\n", "token=" },
		{ "bluesky", SECRET "\n", "identifier=" },
		{ "bluesky", "identifier=a.example\n", "password=" },
		{ "webhook", "password=" SECRET "\n", "secret=" },
		{ "threads", "client_secret=" SECRET "\n", "access_token=" },
		{ "instagram", "identifier=a\n", "client_id=" },
		{ "tiktok", "identifier=a\n", "client_id=" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put_account(rows[i].platform, "@/creds/c");
		put_secret("creds/c", rows[i].text);
		FAILS("accounts.d/brand.conf", 4, "Credential=", rows[i].why);
	}
}

static void test_credential_values(void **state)
{
	const struct conf_account *a;
	const struct conf *c;

	(void)state;
	/* One of several names is enough. */
	put_account("threads", "@/creds/c");
	put_secret("creds/c", "client_id=app1\n");
	conf_unref(load_ok());
	put_secret("creds/c", SECRET "\n");
	conf_unref(load_ok());
	put_account("bluesky", "@/creds/c");
	put_secret("creds/c", "\r\n# app password\r\nidentifier = a.example \r\n  password\t=\t a=b c\r\n");
	c = load_ok();
	a = &c->accounts[0];
	assert_int_equal(a->credential_count, 2);
	assert_string_equal(a->credential[0].name, "identifier");
	assert_string_equal(a->credential[0].text, "a.example");
	assert_string_equal(a->credential[1].name, "password");
	assert_string_equal(a->credential[1].text, "a=b c");
	conf_unref(c);
	/* A token may hold '=' and look like name=value with a name that is none. */
	put_account("mastodon", "@/creds/c");
	put_secret("creds/c", "\xc3\xa4" "bc=def==");
	c = load_ok();
	assert_string_equal(c->accounts[0].credential[0].text, "\xc3\xa4" "bc=def==");
	conf_unref(c);
}

static void test_digest(void **state)
{
	char first[65];
	const struct conf *c;

	(void)state;
	put_account("mastodon", "@/creds/c");
	put_secret("creds/c", "abc");
	c = load_ok();
	assert_string_equal(c->accounts[0].credential_digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	(void)snprintf(first, sizeof(first), "%s", c->accounts[0].credential_digest);
	conf_unref(c);
	put_secret("creds/c", "abd");
	c = load_ok();
	assert_string_not_equal(c->accounts[0].credential_digest, first);
	conf_unref(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_credential_files),
		TEST(test_credential_content),
		TEST(test_credential_needs),
		TEST(test_credential_values),
		TEST(test_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
