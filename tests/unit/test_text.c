/* test_text.c: normal form, grapheme clusters, entities of all flavours and the lengths of Mastodon and X. The wide
 * comparisons with the platforms' own libraries are tests/cli/oracle_text.mjs and oracle_x.mjs; here stand the rules one by
 * one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/model/text.h"
#include "proto/arena.h"
#include "proto/status.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void test_graphemes(void **state)
{
	static const struct { const char *text; int64_t count; } rows[] = {
		{ "", 0 }, { "a", 1 }, { "hello world", 11 }, { "\r\n", 1 }, { "a\r\nb", 3 }, { "\n\r", 2 },
		{ "\r", 1 },
		{ "é", 1 }, { "e\xcc\x81", 1 }, { "e\xcc\x81\r\n", 2 }, { "👍🏽", 1 }, { "👨‍👩‍👧‍👦", 1 }, { "🇫🇷🇩🇪", 2 },
		{ "🇫", 1 }, { "각", 1 },
		{ "กำ", 1 }, { "क्षि", 1 }, { "日本語", 3 }, { "1️⃣", 1 }, { "🏳️‍🌈!", 2 }, { "a\xe2\x80\x8d" "b", 2 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (text_graphemes(rows[i].text, strlen(rows[i].text)) != rows[i].count)
			fail_msg("'%s': not %lld", rows[i].text, (long long)rows[i].count);
}

static void test_blank(void **state)
{
	static const char *const blank[] = { "", " \t\r\n", "\u00a0\u3000", "\u202e", "\ufeff", "\u200b\u200d\u2060", "\u00ad", " \ufe0f \U000e0020" };
	static const char *const seen[] = { "a", "\u200d.", "\u202eabc", "\u00e9", "\U0001f600", "\u2800" };

	(void)state;
	for (size_t i = 0; i < sizeof blank / sizeof blank[0]; i++)
		assert_true(text_is_blank(blank[i]));
	for (size_t i = 0; i < sizeof seen / sizeof seen[0]; i++)
		assert_false(text_is_blank(seen[i]));
}

static void test_cut(void **state)
{
	static const struct { const char *text; size_t max, bytes; } rows[] = {
		{ "", 5, 0 }, { "abc", 0, 0 }, { "abc", 2, 2 }, { "abc", 9, 3 }, { "a\r\nb", 2, 3 }, { "é!", 1, 2 },
		{ "👍🏽x", 1, 8 },
		{ "x👍🏽", 1, 1 }, { "x👍🏽", 2, 9 }, { "日本", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(text_cut_graphemes(rows[i].text, strlen(rows[i].text), rows[i].max), rows[i].bytes);
}

static void test_nfc(void **state)
{
	static const struct { const char *text, *nfc; } rows[] = {
		{ "plain", NULL }, { "", NULL }, { "é", NULL }, { "日本語 👍🏽", NULL }, { "e\xcc\x81t\xc3\xa9", "été" },
		{ "\xe2\x84\xab", "Å" }, { "*\xcc\x93", NULL }, { "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "한" },
		{ "a\xcc\xa3\xcc\x87", "ạ\xcc\x87" },
		{ "\xf0\x9d\x85\x98\xf0\x9d\x85\xa5", NULL }, { "\xef\xac\xac", "\xd7\xa9\xd6\xbc\xd7\x81" },
	};
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *nfc = text_nfc(&a, rows[i].text);

		assert_non_null(nfc);
		if (rows[i].nfc == NULL)
			assert_ptr_equal(nfc, rows[i].text);
		else
			assert_string_equal(nfc, rows[i].nfc);
	}
	assert_int_equal(a.error, 0);
	arena_done(&a);
	arena_init(&a, 8);
	assert_null(text_nfc(&a, "a long one, e\xcc\x81"));
	assert_int_equal(a.error, -ST_TOO_LARGE);
	arena_done(&a);
}

/* Entities as one string: kind letter, the visible text, '=', the value. */
static char *described(struct arena *a, const char *text, enum text_flavour flavour)
{
	static const char letters[] = { [ENTITY_URL] = 'U', [ENTITY_MENTION] = 'M', [ENTITY_TAG] = 'T' };
	struct entity *e;
	int64_t count = text_find(a, text, flavour, &e);
	char *out = arena_strdup(a, "");
	size_t end = 0;

	assert_true(count >= 0);
	for (int64_t i = 0; i < count; i++) {
		assert_true(e[i].start >= end && e[i].start < e[i].end && e[i].end <= strlen(text));
		end = e[i].end;
		out = arena_fmt(a, "%s%s%c:%.*s=%s", out, i > 0 ? " | " : "", letters[e[i].kind],
		    (int)(e[i].end - e[i].start),
		                text + e[i].start, e[i].value);
	}
	assert_non_null(out);
	return out;
}

struct found_row { const char *text, *found; };

static void check_rows(const struct found_row *rows, size_t count, enum text_flavour flavour)
{
	struct arena a;

	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < count; i++) {
		const char *got = described(&a, rows[i].text, flavour);

		if (strcmp(got, rows[i].found) != 0)
			fail_msg("'%s'\n got  %s\n want %s", rows[i].text, got, rows[i].found);
	}
	arena_done(&a);
}

static void test_bluesky(void **state)
{
	static const struct found_row rows[] = {
		{ "nothing here", "" },
		{ "Grüße https://acme.example", "U:https://acme.example=https://acme.example" },
		{ "see acme.com.", "U:acme.com=https://acme.com" },
		{ "(acme.com)", "U:acme.com=https://acme.com" },
		{ "https://a.com/x_(y)", "U:https://a.com/x_(y)=https://a.com/x_(y)" },
		/* the library's own quirk */
		{ "(https://a.com/x_(y))", "U:https://a.com/x_(y))=https://a.com/x_(y))" },
		{ "https://a.com/ü?q=日本!", "U:https://a.com/ü?q=日本=https://a.com/ü?q=日本" },
		{ "acme.invalidending x.m end.", "" },
		{ "a.co.za b.ck", "U:a.co.za=https://a.co.za | U:b.ck=https://b.ck" },
		{ "HTTPS://A.com", "" },
		{ "http://", "" }, { "https://.", "" }, { "https:///etc", "" },      /* no URI for the server */
		{ "http.cat", "U:http.cat=https://http.cat" },
		{ "hi @bob.example.com!", "M:@bob.example.com=bob.example.com" },
		{ "@bob @x.test (@a.org)", "M:@x.test=x.test | M:@a.org=a.org" },
		{ "mail me@a.org", "" },
		{ "@a.com_b @a.com-", "M:@a.com=a.com" },
		{ "#tag, #Été! #123 #1a", "T:#tag=tag | T:#Été=Été | T:#1a=1a" },
		{ "＃日本語 x#no (#no)", "T:＃日本語=日本語" },
		{ "#️⃣ #!!! # #a#b", "T:#a#b=a#b" },
		{ "#a\xe2\x80\x8b" "b", "T:#a=a" },
		{ "$aapl, ($BTC) $TOOLONG $1 $é", "T:$aapl=$AAPL | T:$BTC=$BTC" },
		{ "#a(b.com #c", "T:#a(b.com=a(b.com | T:#c=c" },      /* the first one wins */
		{ "#1(b.com", "T:#1(b.com=1(b.com" }, { "#1(2.com b.c", "T:#1(2.com=1(2.com" },
	};

	(void)state;
	check_rows(rows, COUNT(rows), TEXT_BLUESKY);
}

static void test_bluesky_tag_length(void **state)
{
	char text[256];
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	for (int n = 63; n <= 66; n++) {
		snprintf(text, sizeof(text), "#%0*d", n, 0);
		memset(text + 1, 'x', (size_t)n);
		assert_int_equal(described(&a, text, TEXT_BLUESKY)[0] == 'T', n <= 64);
		strcat(text, "!!");
		assert_int_equal(described(&a, text, TEXT_BLUESKY)[0] == 'T', n <= 64);
	}
	arena_done(&a);
}

static void test_mastodon(void **state)
{
	static const struct found_row rows[] = {
		{ "nothing here", "" },
		{ "see https://a.example/x?y=1&z#f.", "U:https://a.example/x?y=1&z#f=https://a.example/x?y=1&z#f" },
		{ "(http://a.com/x_(y)) b.com", "U:http://a.com/x_(y)=http://a.com/x_(y)" },
		{ "http://a.com:8080/x, HTTP://B.com",
		"U:http://a.com:8080/x=http://a.com:8080/x | U:HTTP://B.com=HTTP://B.com" },
		{ "http://a.com. http://a.com/. https://",
		"U:http://a.com=http://a.com | U:http://a.com/=http://a.com/" },
		{ "xhttp://a.com @http://a.com", "" },
		{ "https://münchen.example/straße", "U:https://münchen.example/straße=https://münchen.example/straße" },
		{ "https://a.com/(b https://a.com/((c))",
		"U:https://a.com/=https://a.com/ | U:https://a.com/((c))=https://a.com/((c))" },
		{ "@bob @bob@social.example. me@x.org", "M:@bob=bob | M:@bob@social.example=bob@social.example" },
		{ "@a.b- @é =@x /@x @x@", "M:@a.b=a.b" },
		{ "@bob://x @bobé", "" },
		{ "#tag #1 #1a #日本語 x#no #_ /#no", "T:#tag=tag | T:#1a=1a | T:#日本語=日本語" },
		{ "#a#b #it's #a·b", "T:#a=a | T:#it=it | T:#a·b=a·b" },
		{ "https://a.com/@bob/#tag", "U:https://a.com/@bob/#tag=https://a.com/@bob/#tag" },
	};

	(void)state;
	check_rows(rows, COUNT(rows), TEXT_MASTODON);
}

/* An emoji counts as its bytes, whatever it is joined from; everything else as characters. */
static void test_threads_length(void **state)
{
	static const struct { const char *text; int64_t used; } rows[] = {
		{ "", 0 }, { "Hello", 5 }, { "Gr\u00fc\u00dfe", 5 }, { "\u4f60\u597d", 2 }, { "a\r\nb", 4 },
		{ "e\u0301", 2 },
		{ "\U0001F600", 4 }, { "a\U0001F600b", 6 },
		{ "\U0001F1EB\U0001F1F7", 8 },                               /* a flag */
		{ "\U0001F44D\U0001F3FD", 8 },                               /* a thumb with a skin colour */
		{ "\U0001F468\u200D\U0001F469\u200D\U0001F467", 18 },       /* a family */
		{ "1\uFE0F\u20E3", 7 },                                     /* a keycap */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(text_threads_length(rows[i].text), rows[i].used);
	assert_int_equal(text_characters("Gr\u00fc\u00dfe \U0001F600"), 7);
}

static void test_mastodon_length(void **state)
{
	static const struct { const char *text; int64_t chars, length; } rows[] = {
		{ "", 23, 0 }, { "hello", 23, 5 }, { "👨‍👩‍👧‍👦é", 23, 2 },
		{ "https://a.example/a/very/long/path/that/goes/on/and/on", 23, 23 },
		{ "see http://a.io now", 23, 31 }, { "see http://a.io now", 30, 38 },
		{ "@bob@social.example hi", 23, 7 }, { "@bob hi", 23, 7 },
		{ "http://a.io http://b.io", 23, 47 }, { "http://a.io", 0, 0 },
		{ "#tag @a@b.c https://x.example.", 23, 32 },
		{ "a.com", 23, 5 },
	};
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t got = text_mastodon_length(&a, rows[i].text, rows[i].chars);

		if (got != rows[i].length)
			fail_msg("'%s': %lld, not %lld", rows[i].text, (long long)got, (long long)rows[i].length);
	}
	assert_int_equal(text_mastodon_length(&a, "http://a.io", -1), -ST_INVALID);
	assert_int_equal(text_mastodon_length(&a, "x", INT64_MAX), -ST_INVALID);
	arena_done(&a);
}

static void test_x(void **state)
{
	static const struct found_row rows[] = {
		{ "nothing here", "" },
		{ "see example.com now", "U:example.com=https://example.com" },
		{ "(http://a.com/x_(y)) HTTP://B.COM.", "U:http://a.com/x_(y)=http://a.com/x_(y) | U:HTTP://B.COM=HTTP://B.COM" },
		{ "a.com?x=1 a.com/?x=1! a.com:80/ http://a.com:80?q", "U:a.com=https://a.com | U:a.com/?x=1=https://a.com/?x=1 | "
		  "U:a.com:80/=https://a.com:80/ | U:http://a.com:80?q=http://a.com:80?q" },
		{ "a.notanending a.com1 a.co.za b.za a.com日本", "U:a.co.za=https://a.co.za | U:b.za=https://b.za | U:a.com=https://a.com" },
		{ "http://münchen.рф/straße", "U:http://münchen.рф/straße=http://münchen.рф/straße" },
		{ "日本.com 日本a.com http://日本.com", "U:a.com=https://a.com | U:http://日本.com=http://日本.com" },
		{ "x/a.com x.-a.com _a.com -a.com", "" },
		{ "@bob, me@a.org ＠eve @toolongtoolongtoolongx @é @a@b", "M:@bob=bob | M:＠eve=eve | M:@toolongtoolongtoolon=toolongtoolongtoolon" },
		{ "#tag #1 #1a ＃日本語 x#no &#no #a#b #️⃣", "T:#tag=tag | T:#1a=1a | T:＃日本語=日本語" },
		{ "$aapl, $BRK.B $TOOLONG $1 x$A ($A)", "T:$aapl=$AAPL | T:$BRK.B=$BRK.B" },
		{ "https://t.co/abc/def https://t.co/", "U:https://t.co/abc=https://t.co/abc | U:https://t.co/=https://t.co/" },
	};

	(void)state;
	check_rows(rows, COUNT(rows), TEXT_X);
}

static void test_x_length(void **state)
{
	static const struct { const char *text; int64_t length; } rows[] = {
		/* the contract's */
		{ "Hello", 5 }, { "Größe", 5 }, { "Привет", 6 }, { "日本", 4 }, { "한국", 4 }, { "–—", 2 }, { "…", 2 }, { "€", 2 }, { "•", 2 },
		{ "™", 2 }, { "“x”", 3 }, { "👨‍👩‍👧‍👦", 2 }, { "See https://example.com/a?b=c now", 31 }, { "example.com", 23 }, { "http://x.co", 23 },
		/* composed first */
		{ "", 0 }, { "e\xcc\x81", 1 }, { "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", 2 }, { "q\xcc\x87", 2 },
		/* the edges of what counts 1 */
		{ "\xe1\x83\xbf", 1 }, { "\xe1\x84\x80", 2 }, { "\xe2\x80\x8d", 1 }, { "\xe2\x80\x8e", 2 }, { "\xe2\x80\x90\xe2\x80\x9f", 2 },
		{ "\xe2\x80\xb2\xe2\x80\xb7", 2 }, { "\xe2\x80\xb8", 2 },
		/* emoji of every make */
		{ "👍👍🏽", 4 }, { "🇫🇷🇩🇪", 4 }, { "🇫", 2 }, { "🇦🇦", 4 }, { "1️⃣#⃣", 4 }, { "1", 1 }, { "1️", 3 }, { "❤️❤", 4 }, { "©©️", 3 },
		{ "🏴󠁧󠁢󠁳󠁣󠁴󠁿", 2 }, { "🏳️‍🌈", 2 }, { "👩🏽‍❤️‍💋‍👨🏿", 2 }, { "☝️🏽", 2 }, { "👁‍🗨", 2 }, { "👁️‍🗨️", 5 }, { "👍️", 4 }, { "♾️", 4 }, { "🕴️‍♀️", 2 },
		{ "👨‍🎄", 2 }, { "👪🏽", 4 }, { "☺︎", 4 }, { "👩‍", 3 },
		/* links */
		{ "a.com b.org", 47 }, { "a.com?x=1", 27 }, { "a.com.", 24 }, { "@a.com", 6 }, { "日本.com", 8 }, { "日本a.com", 27 },
		{ "http://日本.com", 23 }, { "https://t.co/abc/def", 27 }, { "a.com/1️⃣", 27 },
		{ "foo.com.日本.中国/x", 32 }, /* the library's own quirk */
		{ "http://xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.com", 23 },
		{ "http://xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.com", 75 },
		{ "http://üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü.com", 23 },
		{ "http://üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü.com", 71 },
	};
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t got = text_x_length(&a, rows[i].text);

		if (got != rows[i].length)
			fail_msg("'%s': %lld, not %lld", rows[i].text, (long long)got, (long long)rows[i].length);
	}
	arena_done(&a);
}

/* Texts made to cost: bounded in number, linear in time (a quadratic scan of these would run for minutes). */
static void test_hostile(void **state)
{
	static const char *const patterns[] = { "(", "((a", "@", "(@", " @a", " #", "#a ", "$A ", "(a.com", "http://",
	    " http://a.io", "(@a.b",
	                                        "@a@", "https://a/(", "\xe2\x80\x8b", "👨‍", "e\xcc\x81", "a.", "\r\n",
	                                        "\xe6\x97\xa5", "a.com", "日.", "é.a", "a.com/(", "🇫", "_.", "xn--a.", "👁", "a_" };
	const size_t size = 200000;
	char *text = malloc(size + 16);
	struct arena a;

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < COUNT(patterns); i++) {
		size_t len = strlen(patterns[i]), used = 0;
		struct entity *e;
		int64_t count;

		while (used + len <= size) {
			memcpy(text + used, patterns[i], len);
			used += len;
		}
		text[used] = '\0';
		arena_init(&a, 64 << 20);
		for (int flavour = TEXT_BLUESKY; flavour <= TEXT_X; flavour++) {
			count = text_find(&a, text, (enum text_flavour)flavour, &e);
			assert_in_range(count, 0, 1000);
		}
		assert_true(text_mastodon_length(&a, text, 23) >= 0);
		assert_true(text_x_length(&a, text) > 0);
		assert_true(text_graphemes(text, used) > 0);
		assert_non_null(text_nfc(&a, text));
		arena_done(&a);
	}
	free(text);
}

static void test_no_memory(void **state)
{
	struct arena a;
	struct entity *e;

	(void)state;
	for (size_t max = 0; max < 600; max += 7) {
		arena_init(&a, max);
		assert_true(text_find(&a, "#a #b https://a.com #c #d #e #f #g #h #i #j", TEXT_BLUESKY, &e) <= 10);
		assert_true(a.error != 0 || max > 100);
		arena_done(&a);
		arena_init(&a, max);
		assert_true(text_find(&a, "#a #b https://a.com #c", TEXT_X, &e) <= 10);
		assert_true(text_x_length(&a, "é a.com") <= 25);
		arena_done(&a);
	}
	arena_init(&a, 10);
	assert_int_equal(text_find(&a, "#a", TEXT_BLUESKY, &e), -ST_TOO_LARGE);
	assert_null(e);
	assert_int_equal(text_mastodon_length(&a, "#a", 23), -ST_TOO_LARGE);
	assert_int_equal(text_x_length(&a, "#a"), -ST_TOO_LARGE);
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_graphemes), cmocka_unit_test(test_blank), cmocka_unit_test(test_cut), cmocka_unit_test(test_nfc),
		    cmocka_unit_test(test_bluesky),
		cmocka_unit_test(test_bluesky_tag_length), cmocka_unit_test(test_mastodon),
		    cmocka_unit_test(test_mastodon_length), cmocka_unit_test(test_threads_length), cmocka_unit_test(test_x), cmocka_unit_test(test_x_length),
		cmocka_unit_test(test_hostile), cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
