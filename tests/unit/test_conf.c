/* test_conf.c: every class of configuration error by its one line, the defaults, the comparison at reload, and that no
 * secret ever stands in an error. */
#include <grp.h>
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

#include "daemon/conf_read.h"
#include "daemon/log.h"
#include "proto/status.h"
#include "tests/unit/conf_house.h"

/* ---- defaults and values ---- */

static void test_defaults(void **state)
{
	const struct conf *c = load_ok();

	(void)state;
	assert_string_equal(c->file, at("smmqd.conf"));
	assert_string_equal(c->state_directory, LOCALSTATEDIR "/lib/smmq");
	assert_string_equal(c->socket, RUNSTATEDIR "/smmq/smmq.sock");
	assert_int_equal(c->log_level, LOG_LEVEL_INFO);
	assert_int_equal(c->mode, MODE_LIVE);
	assert_int_equal(c->media_max_bytes, 512 * 1024 * 1024);
	assert_int_equal(c->map_bytes, INT64_C(64) << 30);
	assert_int_equal(c->key_retention_ms, INT64_C(2) * 36525 * 864000);
	assert_int_equal(c->max_connections, 1024);
	assert_int_equal(c->max_in_flight, 64);
	assert_int_equal(c->stop_timeout_ms, 30000);
	assert_null(c->ca_file);
	assert_null(c->proxy);
	assert_int_equal(c->address_family, 0);
	assert_null(c->read_group);
	assert_true(c->read_gid == (gid_t)-1 && c->admin_gid == (gid_t)-1);
	assert_int_equal(c->account_count, 0);
	conf_unref(c);
}

static void test_no_accounts_directory(void **state)
{
	const struct conf *c;

	(void)state;
	assert_int_equal(rmdir(at("accounts.d")), 0);
	c = load_ok();
	assert_int_equal(c->account_count, 0);
	assert_null(conf_account_find(c, "brand"));
	conf_unref(c);
}

static void test_environment(void **state)
{
	const struct conf *c;

	(void)state;
	(void)setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two", 1);
	(void)setenv("RUNTIME_DIRECTORY", "/run/one", 1);
	c = load_ok();
	assert_string_equal(c->state_directory, "/var/lib/one");
	assert_string_equal(c->socket, "/run/one/smmq.sock");
	conf_unref(c);
	put("smmqd.conf", "[Daemon]\nStateDirectory=/srv/q/\nSocket=/srv/s\n");
	c = load_ok();
	assert_string_equal(c->state_directory, "/srv/q");
	assert_string_equal(c->socket, "/srv/s");
	conf_unref(c);
	(void)unsetenv("STATE_DIRECTORY");
	(void)unsetenv("RUNTIME_DIRECTORY");
}

static void test_all_options(void **state)
{
	struct group *group = getgrgid(getgid());
	char text[2048];
	const struct conf *c;

	(void)state;
	if (!group)
		skip();
	(void)snprintf(text, sizeof(text),
	               "\xef\xbb\xbf# a comment; of any length and with \"=\"\r\n  ; another\n\n[Daemon]\r\nStateDirectory = /q\nSocket=/s\n"
	               "LogLevel=err\nMode=rehearse\nMediaMax=1M\nMapSize=16M\nKeyRetention=1w\nMaxConnections=1\nMaxInFlight=2\n"
	               "StopTimeout=1min 30s\nCAFile=/ca.pem\nProxy=socks5h://[::1]:1080\nAddressFamily=ipv6\n"
	               "ReadGroup=%s\nSubmitGroup=%s\nApproveGroup=%s\nAdminGroup=%s", group->gr_name, group->gr_name, group->gr_name,
	               group->gr_name);
	put("smmqd.conf", text);
	c = load_ok();
	assert_string_equal(c->state_directory, "/q");
	assert_string_equal(c->socket, "/s");
	assert_int_equal(c->log_level, LOG_LEVEL_ERR);
	assert_int_equal(c->mode, MODE_REHEARSE);
	assert_int_equal(c->media_max_bytes, 1 << 20);
	assert_int_equal(c->map_bytes, 16 << 20);
	assert_int_equal(c->key_retention_ms, 7 * 86400000);
	assert_int_equal(c->max_connections, 1);
	assert_int_equal(c->max_in_flight, 2);
	assert_int_equal(c->stop_timeout_ms, 90000);
	assert_string_equal(c->ca_file, "/ca.pem");
	assert_string_equal(c->proxy, "socks5h://[::1]:1080");
	assert_int_equal(c->address_family, 6);
	assert_string_equal(c->admin_group, group->gr_name);
	assert_true(c->read_gid == getgid() && c->submit_gid == getgid() && c->approve_gid == getgid() && c->admin_gid == getgid());
	conf_unref(c);
}

static void test_accounts(void **state)
{
	const struct conf_account *a;
	struct plat_account seen;
	const struct conf *c;

	(void)state;
	put_here("accounts.d/zeta.conf", "[Account]\nPlatform=outbox\nDirectory=@/out/\n");
	put_here("accounts.d/a1_b-c.conf", "[Platform]\nVisibility=unlisted\n[Account]\nPlatform=mastodon\nBaseURL=HTTPS://Social.Example:8443/a//\n"
	         "Credential=@/creds/c\nTimeZone=Europe/Paris\nLate=hold\nMaxLate=90min\n");
	put_secret("creds/c", SECRET "\n");
	put("accounts.d/README", "nonsense");
	put("accounts.d/old.conf.bak", "nonsense");
	assert_int_equal(symlink("gone", at("accounts.d/.#zeta.conf")), 0);
	c = load_ok();
	assert_int_equal(c->account_count, 2);
	a = conf_account_find(c, "a1_b-c");
	assert_ptr_equal(a, &c->accounts[0]);
	assert_string_equal(a->plat->name, "mastodon");
	assert_string_equal(a->base_url, "HTTPS://Social.Example:8443/a");
	assert_string_equal(a->time_zone, "Europe/Paris");
	assert_int_equal(a->late, LATE_HOLD);
	assert_int_equal(a->max_late_ms, 90 * 60000);
	assert_int_equal(strlen(a->credential_digest), 64);
	conf_account_plat(a, &seen);
	assert_int_equal(seen.credential_count, 1);
	assert_string_equal(seen.credential[0].name, "token");
	assert_string_equal(seen.credential[0].text, SECRET);
	assert_int_equal(seen.option_count, 1);
	assert_string_equal(seen.options[0].text, "unlisted");
	a = conf_account_find(c, "zeta");
	assert_non_null(a);
	assert_string_equal(a->directory, at("out"));
	assert_string_equal(a->time_zone, "UTC");
	assert_int_equal(a->late, LATE_POST);
	assert_int_equal(a->max_late_ms, 6 * 3600000);
	assert_string_equal(a->credential_digest, "");
	assert_null(conf_account_find(c, "zet"));
	assert_null(conf_account_find(c, ""));
	conf_unref(c);
}

/* ---- errors: files and lines ---- */

static void test_file_errors(void **state)
{
	(void)state;
	assert_int_equal(remove(at("smmqd.conf")), 0);
	FAILS("smmqd.conf", 0, "no such file", "-c");
	assert_int_equal(mkdir(at("smmqd.conf"), 0755), 0);
	FAILS("smmqd.conf", 0, "is a directory");
	assert_int_equal(rmdir(at("smmqd.conf")), 0);
	assert_int_equal(mkfifo(at("smmqd.conf"), 0600), 0);
	FAILS("smmqd.conf", 0, "not a regular file");
	assert_int_equal(remove(at("smmqd.conf")), 0);
	put("smmqd.conf", "");
	assert_int_equal(truncate(at("smmqd.conf"), CONF_MAX_FILE_BYTES + 1), 0);
	FAILS("smmqd.conf", 0, "larger than 1048576 bytes");
}

static void test_long_line(void **state)
{
	char text[1024];
	const struct conf *c;

	(void)state;
	/* Exactly at the limit nothing is lost; one byte more is refused, never cut. */
	(void)snprintf(text, sizeof(text), "# %0500d\n[Daemon]\nStateDirectory=/%0*d\n", 0, CONF_MAX_LINE_BYTES - 16, 7);
	put("smmqd.conf", text);
	c = load_ok();
	assert_int_equal(strlen(c->state_directory), CONF_MAX_LINE_BYTES - 15);
	assert_int_equal(c->state_directory[strlen(c->state_directory) - 1], '7');
	conf_unref(c);
	(void)snprintf(text, sizeof(text), "\n[Daemon]\nStateDirectory=/%0*d\n", CONF_MAX_LINE_BYTES - 15, 7);
	put("smmqd.conf", text);
	FAILS("smmqd.conf", 3, "longer than 197 bytes");
}

static void test_line_errors(void **state)
{
	const struct conf *c;

	(void)state;
	MAIN_FAILS("[Daemon]\nLogLevel=info ; chatty\n", 2, "\" ;\"", "line of its own");
	MAIN_FAILS("[Daemon]\nLogLevel=info\t# chatty\n", 2, "\" #\"", "line of its own");
	MAIN_FAILS("[Daemon]\nCAFile= ;\n", 2, "line of its own");
	MAIN_FAILS("[Daemon]\nCAFile=/a\n  /b\n", 3, "begins with a blank");
	MAIN_FAILS("[Daemon]\nCAFile=/a\\\n", 2, "backslash");
	MAIN_FAILS("[Daemon]\nLogLevel:info\n", 2, "Option=value");
	MAIN_FAILS("[Daemon]\nLog:Level=info\n", 2, "Option=value");
	MAIN_FAILS("[Daemon]\nLogLevel\n", 2, "LogLevel lacks its value");
	MAIN_FAILS("[Daemon]\n=info\n", 2, "Option=value");
	MAIN_FAILS("[Daemon]\n" SECRET "\n", 2, "Option=value");
	MAIN_FAILS("[Daemon\n", 1, "[Name]");
	MAIN_FAILS("[Daemon] x\n", 1, "[Name]");
	MAIN_FAILS("[]\n", 1, "[Name]");
	MAIN_FAILS("[Daemon]\nMode=\x01live\n", 2, "UTF-8");
	MAIN_FAILS("[Daemon]\nMode=\xff\n", 2, "UTF-8");
	put_bytes("smmqd.conf", "[Daemon]\nMode=live\0x\n", sizeof("[Daemon]\nMode=live\0x\n") - 1, 0644);
	FAILS("smmqd.conf", 2, "control characters");
	MAIN_FAILS("Mode=live\n", 1, "Mode=", "[Daemon]");
	/* ';' and '#' that no blank precedes belong to the value. */
	put("smmqd.conf", "[Daemon]\nCAFile=/a;b#c;\n");
	c = load_ok();
	assert_string_equal(c->ca_file, "/a;b#c;");
	conf_unref(c);
}

/* ---- errors: names and values ---- */

static void test_name_errors(void **state)
{
	(void)state;
	MAIN_FAILS("[Demon]\n", 1, "[Demon]", "did you mean [Daemon]?");
	MAIN_FAILS("[Account]\n", 1, "accounts.d/NAME.conf");
	MAIN_FAILS("[Zzzzzzzzzz]\n", 1, "here goes [Daemon]");
	MAIN_FAILS("[Daemon]\nStateDir=/x\n", 2, "StateDir=", "smmqd.conf(5)");
	MAIN_FAILS("[Daemon]\nStateDirectoy=/x\n", 2, "did you mean StateDirectory=?");
	MAIN_FAILS("[Daemon]\nloglevel=info\n", 2, "did you mean LogLevel=?");
	MAIN_FAILS("[Daemon]\nQqqqqqqq=info\n", 2, "Qqqqqqqq=", "smmqd.conf(5)");
	MAIN_FAILS("[Daemon]\nMode=live\n[Daemon]\nMode=live\n", 4, "Mode=", "line 2");
	put("smmqd.conf", "");
	ACCOUNT_FAILS("[Daemon]\n", 1, "belongs into smmqd.conf");
	ACCOUNT_FAILS("[Acount]\n", 1, "did you mean [Account]?");
	ACCOUNT_FAILS("[Account]\nBaseUrl=x\n", 2, "did you mean BaseURL=?");
	assert_int_equal(remove(at("accounts.d/brand.conf")), 0);
	put("accounts.d/Brand.conf", "");
	FAILS("accounts.d/Brand.conf", 0, "account's name", "rename");
	assert_int_equal(rename(at("accounts.d/Brand.conf"), at("accounts.d/-b.conf")), 0);
	FAILS("accounts.d/-b.conf", 0, "account's name");
}

static void test_value_errors(void **state)
{
	(void)state;
	MAIN_FAILS("[Daemon]\nStateDirectory=q\n", 2, "StateDirectory=", "absolute");
	MAIN_FAILS("[Daemon]\nStateDirectory=\n", 2, "StateDirectory=", "empty");
	MAIN_FAILS("[Daemon]\nLogLevel=loud\n", 2, "LogLevel=loud", "err, warning, notice, info or debug");
	MAIN_FAILS("[Daemon]\nAddressFamily=any=0\n", 2, "AddressFamily=", "any, ipv4 or ipv6");
	MAIN_FAILS("[Daemon]\nMode=\"live\"\n", 2, "live or rehearse");
	MAIN_FAILS("[Daemon]\nMediaMax=big\n", 2, "MediaMax=big", "512M");
	MAIN_FAILS("[Daemon]\nMapSize=1M\n", 2, "MapSize=1M", "out of range", "16M");
	MAIN_FAILS("[Daemon]\nStopTimeout=30\n", 2, "StopTimeout=30", "units");
	MAIN_FAILS("[Daemon]\nStopTimeout=1d\n", 2, "out of range", "10min");
	MAIN_FAILS("[Daemon]\nMaxConnections=0\n", 2, "MaxConnections=0", "from 1 to 4096");
	MAIN_FAILS("[Daemon]\nMaxInFlight=many\n", 2, "MaxInFlight=many", "whole number");
	MAIN_FAILS("[Daemon]\nAdminGroup=no-such-group-here\n", 2, "AdminGroup=no-such-group-here", "groupadd");
	MAIN_FAILS("[Daemon]\nSocket=/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
	           "0123456789\n", 2, "Socket=", "107 bytes");
	MAIN_FAILS("[Daemon]\nProxy=ftp://p:1\n", 2, "Proxy=", "socks5://");
	put("smmqd.conf", "[Daemon]\nProxy=http://u:" SECRET "@p:1\n");
	FAILS("smmqd.conf", 2, "Proxy=", "user name or password");
	MAIN_FAILS("[Daemon]\nProxy=http://p:1/x\n", 2, "Proxy=", "path");
	put("smmqd.conf", "");
	ACCOUNT_FAILS("[Account]\nTimeZone=Europe/Pariss\n", 2, "TimeZone=Europe/Pariss", "time zone");
	ACCOUNT_FAILS("[Account]\nLate=later\n", 2, "Late=later", "post, skip, hold or next");
	ACCOUNT_FAILS("[Account]\nPlatform=mastadon\n", 2, "Platform=mastadon", "outbox", "bluesky");
}

/* Each is refused for the reason given; NULL = accepted. */
static void test_urls(void **state)
{
	static const struct { const char *url, *why, *kept; } rows[] = {
		{ "https://a.example", NULL, "https://a.example" },
		{ "https://a.example/", NULL, "https://a.example" },
		{ "https://a.example:1/x/y%20//", NULL, "https://a.example:1/x/y%20" },
		{ "http://127.0.0.1:80", NULL, "http://127.0.0.1:80" },
		{ "http://127.255.3.4", NULL, "http://127.255.3.4" },
		{ "http://localhost:3000/", NULL, "http://localhost:3000" },
		{ "http://[::1]:3000", NULL, "http://[::1]:3000" },
		{ "https://[2001:db8::1]", NULL, "https://[2001:db8::1]" },
		{ "http://a.example", "plain http", NULL },
		{ "http://128.0.0.1", "plain http", NULL },
		{ "http://[::2]", "plain http", NULL },
		{ "http://localhost.example", "plain http", NULL },
		{ "http://127.0.0.1.example", "plain http", NULL },
		{ "http://127.0.0.1@a.example", "user name", NULL },
		{ "https://u:p@a.example", "user name", NULL },
		{ "https://", "no host", NULL },
		{ "https:///x", "no host", NULL },
		{ "https://a.example:", "port", NULL },
		{ "https://a.example:0", "port", NULL },
		{ "https://a.example:65536", "port", NULL },
		{ "https://a.example:8 0", "port", NULL },
		{ "https://[::1", "[ without", NULL },
		{ "https://[::g]", "IPv6", NULL },
		{ "https://[::1]x", "no port", NULL },
		{ "https://a b", "characters", NULL },
		{ "https://\xc3\xa4.example", "xn--", NULL },
		{ "https://a.example/x?y=1&z", NULL, "https://a.example/x?y=1&z" },
		{ "https://a.example/x?y\"", "path", NULL },
		{ "https://a.example#y", "a #", NULL },
		{ "https://a.example/x?y#z", "a #", NULL },
		{ "https://a.example/\"", "path", NULL },
		{ "ftp://a.example", "https://", NULL },
		{ "a.example", "https://", NULL },
		{ "https:/a.example", "https://", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char url[128];
		(void)snprintf(url, sizeof(url), "%s", rows[i].url);
		const char *wrong = conf_url_check(url);
		if (rows[i].why) {
			if (!wrong || !strstr(wrong, rows[i].why))
				print_error("%s: %s\n", rows[i].url, wrong ? wrong : "accepted");
			assert_true(wrong && strstr(wrong, rows[i].why));
		} else {
			if (wrong)
				print_error("%s: %s\n", rows[i].url, wrong);
			assert_null(wrong);
			assert_string_equal(url, rows[i].kept);
		}
	}
}

static void test_platform_needs(void **state)
{
	(void)state;
	ACCOUNT_FAILS("[Account]\n", 0, "Platform=");
	ACCOUNT_FAILS("", 0, "Platform=");
	ACCOUNT_FAILS("[Account]\nPlatform=outbox\n", 0, "Platform=outbox", "Directory=");
	ACCOUNT_FAILS("[Account]\nPlatform=outbox\nDirectory=@/none\n", 3, "Directory=", "No such file", "make it");
	ACCOUNT_FAILS("[Account]\nPlatform=outbox\nDirectory=@/smmqd.conf\n", 3, "Directory=", "no directory");
	ACCOUNT_FAILS("[Account]\nPlatform=outbox\nDirectory=@/out\nBaseURL=https://x\n", 4, "BaseURL=", "outbox", "remove");
	ACCOUNT_FAILS("[Account]\nPlatform=outbox\nDirectory=@/out\nCredential=x\n", 4, "Credential=", "remove");
	ACCOUNT_FAILS("[Account]\nPlatform=mastodon\n", 0, "mastodon", "BaseURL=");
	ACCOUNT_FAILS("[Account]\nPlatform=mastodon\nBaseURL=https://x\n", 0, "mastodon", "Credential=");
	ACCOUNT_FAILS("[Account]\nPlatform=mastodon\nBaseURL=https://x\nCredential=x\nDirectory=@/out\n", 5, "Directory=", "remove");
	ACCOUNT_FAILS("[Account]\nPlatform=outbox\nDirectory=@/out\nPublicURL=https://x/m\n", 4, "PublicURL=", "PublicDirectory=");
	ACCOUNT_FAILS("[Account]\nPlatform=outbox\nDirectory=@/out\nPublicDirectory=@/out\n", 0, "PublicURL=", "missing");
	ACCOUNT_FAILS("[Account]\nPlatform=outbox\nDirectory=@/out\nPublicURL=https://x\nPublicDirectory=@/none\n", 5, "PublicDirectory=",
	              "make it");
	ACCOUNT_FAILS("[Account]\nPlatform=outbox\nDirectory=@/out\nPublicURL=https://x\nPublicDirectory=@/out\nPublicBucket=https://s/b\n",
	              6, "exclude each other");
	ACCOUNT_FAILS("[Account]\nPlatform=outbox\nDirectory=@/out\nPublicURL=https://x\nPublicBucket=https://s/b\n", 0, "Credential=",
	              "access_key=");
	put_secret("creds/p", "token=abcdef\naccess_key=AK\n");
	ACCOUNT_FAILS("[Account]\nPlatform=mastodon\nBaseURL=https://x\nPublicURL=https://x\nPublicBucket=https://s/b\nCredential=@/creds/p\n",
	              6, "secret_key=");
	ACCOUNT_FAILS("[Account]\nPlatform=outbox\nDirectory=@/out\n[Platform]\nVisibility=public\n", 5, "outbox", "no options");
}

static void test_platform_options(void **state)
{
	static const char begin[] = "[Account]\nPlatform=mastodon\nBaseURL=https://x\nCredential=@/creds/c\n[Platform]\n";
	char text[1024];

	(void)state;
	put_secret("creds/c", SECRET);
	(void)snprintf(text, sizeof(text), "%sVisibilty=public\n", begin);
	ACCOUNT_FAILS(text, 6, "did you mean Visibility=?");
	(void)snprintf(text, sizeof(text), "%sVisibility=all\n", begin);
	ACCOUNT_FAILS(text, 6, "Visibility=all", "public, unlisted or private");
	(void)snprintf(text, sizeof(text), "%sVisibility=\n", begin);
	ACCOUNT_FAILS(text, 6, "Visibility=", "empty");
	(void)snprintf(text, sizeof(text), "%sVisibility=public\nVisibility=private\n", begin);
	ACCOUNT_FAILS(text, 7, "Visibility=", "line 6");
}

/* ---- counting and reload ---- */

static void test_references(void **state)
{
	const struct conf *c = load_ok();

	(void)state;
	assert_ptr_equal(conf_ref(c), c);
	conf_unref(c);
	assert_int_equal(c->max_in_flight, 64);
	conf_unref(c);
	conf_unref(NULL);
}

static void test_bad_reload_keeps_out(void **state)
{
	struct conf_error error;
	const struct conf *c = load_ok(), *same = c;

	(void)state;
	put("smmqd.conf", "[Daemon]\nMode=x\n");
	assert_int_equal(conf_load(at("smmqd.conf"), &c, &error), -ST_CONFIG);
	assert_ptr_equal(c, same);
	conf_unref(c);
}

static void test_not_reloadable(void **state)
{
	char buf[512];
	const struct conf *a, *b;

	(void)state;
	put_here("accounts.d/brand.conf", "[Account]\nPlatform=outbox\nDirectory=@/out\n");
	a = load_ok();
	put("smmqd.conf", "[Daemon]\nLogLevel=debug\nStopTimeout=5s\nMapSize=1G\n");
	put_here("accounts.d/brand.conf", "[Account]\nPlatform=outbox\nDirectory=@/creds\nTimeZone=Asia/Tokyo\n");
	b = load_ok();
	assert_string_equal(conf_not_reloadable(a, b, buf, sizeof(buf)), "");
	conf_unref(b);
	put("smmqd.conf", "[Daemon]\nCAFile=/x\n");
	b = load_ok();
	assert_non_null(strstr(conf_not_reloadable(a, b, buf, sizeof(buf)), "CAFile="));
	assert_non_null(strstr(conf_not_reloadable(b, a, buf, sizeof(buf)), "CAFile="));
	conf_unref(b);
	put("smmqd.conf", "[Daemon]\nMaxInFlight=3\n");
	b = load_ok();
	assert_non_null(strstr(conf_not_reloadable(a, b, buf, sizeof(buf)), "MaxInFlight="));
	assert_non_null(strstr(buf, "restart"));
	conf_unref(b);
	put("smmqd.conf", "");
	put_account("mastodon", "@/creds/c");
	put_secret("creds/c", SECRET);
	b = load_ok();
	assert_non_null(strstr(conf_not_reloadable(a, b, buf, sizeof(buf)), "Platform="));
	assert_non_null(strstr(buf, "brand.conf"));
	conf_unref(b);
	conf_unref(a);
}

/* ---- the table ---- */

static void test_table(void **state)
{
	size_t count;
	const struct conf_row *rows = conf_table(&count);

	(void)state;
	assert_in_range(count, 1, CONF_MAX_ROWS);
	for (size_t i = 0; i < count; i++) {
		assert_non_null(rows[i].help);
		assert_int_equal(rows[i].type == CONF_WORD, rows[i].words != NULL);
		for (size_t j = 0; j < i; j++)
			assert_false(strcmp(rows[i].section, rows[j].section) == 0 &&
			             (strcmp(rows[i].name, rows[j].name) == 0 || rows[i].offset == rows[j].offset));
	}
	for (size_t i = 0; plat_at(i); i++)
		for (size_t k = 0; k < plat_at(i)->option_count; k++) {
			const struct plat_option *o = &plat_at(i)->options[k];

			assert_non_null(o->help);
			if (o->words && o->fallback)
				assert_true(conf_word_value(o->words, o->fallback) >= 0);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_defaults),
		TEST(test_no_accounts_directory),
		TEST(test_environment),
		TEST(test_all_options),
		TEST(test_accounts),
		TEST(test_file_errors),
		TEST(test_long_line),
		TEST(test_line_errors),
		TEST(test_name_errors),
		TEST(test_value_errors),
		TEST(test_urls),
		TEST(test_platform_needs),
		TEST(test_platform_options),
		TEST(test_references),
		TEST(test_bad_reload_keeps_out),
		TEST(test_not_reloadable),
		TEST(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
