/* test_plat_rooms.c: what the drivers share: forms, kinds of posts, tokens, chunks and polls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/plat/form.h"
#include "daemon/plat/kind.h"
#include "daemon/plat/linkedin.h"
#include "daemon/plat/oauth.h"
#include "daemon/plat/progress.h"
#include "tests/unit/plat_world.h"

#define HOUR_MS (3600 * INT64_C(1000))

/* ---- forms ---- */

static void test_form(void **state)
{
	struct world w;
	struct form f;

	(void)state;
	world_begin(&w);
	form_begin(&f, &w.arena);
	form_add(&f, "text", "a b&c=d+é~");
	form_add(&f, "absent", NULL);
	form_add(&f, "empty", "");
	form_add_int(&f, "n", INT64_MIN);
	assert_string_equal(form_text(&f), "text=a%20b%26c%3Dd%2B%C3%A9~&empty=&n=-9223372036854775808");
	form_add(&f, "again", "1");
	form_body(&f, &w.out.request);
	assert_string_equal(header(&w.out.request, "Content-Type"), "application/x-www-form-urlencoded");
	assert_int_equal(w.out.request.piece_count, 1);
	assert_string_equal(w.out.request.pieces[0].data, "again=1");
	world_end(&w);
}

static void test_multipart_range(void **state)
{
	struct plat_request *r;
	struct multipart m;
	struct world w;

	(void)state;
	world_begin(&w);
	r = &w.out.request;
	multipart_begin(&m, &w.in, r);
	multipart_text(&m, "segment\"x", "1");
	multipart_text(&m, "absent", NULL);
	multipart_media(&m, "media", &w.media, 2, 3);
	multipart_end(&m);
	assert_int_equal(r->piece_count, 3);
	assert_string_equal(r->pieces[0].data,
	                    "--smmq-00000000000000000000000000000000\r\nContent-Disposition: form-data; name=\"segment%22x\"\r\n\r\n1\r\n"
	                    "--smmq-00000000000000000000000000000000\r\nContent-Disposition: form-data; name=\"media\"; "
	                    "filename=\"a%22b%0D%0A.png\"\r\nContent-Type: image/png\r\n\r\n");
	assert_int_equal(r->pieces[1].kind, PLAT_MEDIA);
	assert_int_equal(r->pieces[1].offset, 2);
	assert_int_equal(r->pieces[1].len, 3);
	assert_string_equal(r->pieces[2].data, "\r\n--smmq-00000000000000000000000000000000--\r\n");
	world_end(&w);
}

/* ---- videos ---- */

/* A rule that needs what is not known says why it is not. */
static void test_unknown_video(void **state)
{
	static const struct wire_video_limits limits = { .max_ms = 60000, .video_codecs = "h264" };
	static char mime[] = "video/mp4", codec[] = "hevc", why[] = "ffprobe is not installed where the daemon runs";
	struct plat_report report = { .finding_count = 0 };
	struct world w;
	struct wire_check c = { &w.in, &report, "x" };

	(void)state;
	world_begin(&w);
	w.media.mime = mime;
	wire_check_video(&c, 0, "media 1", &w.media, &limits);
	assert_int_equal(report.finding_count, 2);
	assert_string_equal(report.findings[0].message, "x: media 1: its duration cannot be told, and the platform limits it; "
	                                                "install ffprobe and add the file again");
	report.finding_count = 0;
	w.media.unprobed = why;
	wire_check_video(&c, 0, "media 1", &w.media, &limits);
	assert_string_equal(report.findings[0].message, "x: media 1: its duration cannot be told, and the platform limits it: "
	                                                "ffprobe is not installed where the daemon runs");
	report.finding_count = 0;
	w.media.duration_ms = 60001;
	w.media.video_codec = codec;
	wire_check_video(&c, 0, "media 1", &w.media, &limits);
	assert_int_equal(report.finding_count, 2);
	assert_string_equal(report.findings[0].rule, "media-duration");
	assert_int_equal(report.findings[0].value, 60001);
	assert_string_equal(report.findings[1].rule, "media-codec");
	world_end(&w);
}

/* ---- kinds ---- */

static void test_kinds(void **state)
{
	static char image[] = "image/jpeg", video[] = "video/mp4", pdf[] = "application/pdf", alt[] = "A loaf";
	struct media media[2] = { { .mime = image }, { .mime = image } };
	struct part parts[3] = { { .media = media } };
	struct card card = { .url = alt };
	struct poll poll = { .choice_count = 2 };
	struct content c = { .parts = parts, .part_count = 1 };

	(void)state;
	assert_int_equal(kind_of(&c), KIND_BIT(KIND_TEXT));
	c.card = &card;
	c.card_count = 1;
	assert_int_equal(kind_of(&c), KIND_BIT(KIND_LINK));
	parts[0].media_count = 1;
	assert_int_equal(kind_of(&c), KIND_BIT(KIND_IMAGE));
	parts[0].media_count = 2;
	media[0].alt = alt;
	assert_int_equal(kind_of(&c), KIND_BIT(KIND_IMAGES) | KIND_BIT(KIND_ALT));
	media[0].alt = NULL;
	media[1].mime = video;
	assert_int_equal(kind_of(&c), KIND_BIT(KIND_MIXED));
	media[0].mime = pdf;
	assert_int_equal(kind_of(&c), KIND_BIT(KIND_DOCUMENT));
	media[0].mime = video;
	parts[0].media_count = 1;
	assert_int_equal(kind_of(&c), KIND_BIT(KIND_VIDEO));
	c.form = FORM_STORY;
	assert_int_equal(kind_of(&c), KIND_BIT(KIND_STORY));
	c.form = FORM_POST;
	c.poll = &poll;
	c.poll_count = 1;
	parts[2].comment = 1;
	c.part_count = 3;
	assert_int_equal(kind_of(&c), KIND_BIT(KIND_VIDEO) | KIND_BIT(KIND_THREAD) | KIND_BIT(KIND_COMMENT) | KIND_BIT(KIND_POLL));
	c.part_count = 2;
	parts[1].comment = 1;
	assert_int_equal(kind_of(&c), KIND_BIT(KIND_VIDEO) | KIND_BIT(KIND_COMMENT) | KIND_BIT(KIND_POLL));
}

static void test_kind_refused(void **state)
{
	struct plat_report report = { .finding_count = 0 };
	struct wire_check c = { .out = &report, .platform = "here" };
	struct world w;

	(void)state;
	world_begin(&w);
	c.in = &w.in;
	w.content.language = world_text;
	kind_check(&c, KIND_BIT(KIND_TEXT));
	assert_int_equal(report.finding_count, 0);
	kind_check(&c, KIND_BIT(KIND_IMAGE) | KIND_BIT(KIND_STORY));
	assert_int_equal(report.finding_count, 1);
	assert_string_equal(report.findings[0].rule, "kind");
	assert_string_equal(report.findings[0].message,
	                    "here: this post needs \"text\", which here does not have (it has: image, story)");
	world_end(&w);
}

/* ---- tokens ---- */

static const struct oauth rotating = {
	.platform = "here", .client_id_name = "client_id", .basic = true, .authorize_url = "https://here.example/authorize",
	.scope_separator = " ", .scopes = "read write", .pkce = true,
	.code = { .url = "https://api.here.example/token", .grant_type = "authorization_code" },
	.refresh = { .url = "https://api.here.example/token", .grant_type = "refresh_token", .token_name = "refresh_token" },
};

struct tokens { struct world w; struct value credential[5]; };

static void tokens_begin(struct tokens *t)
{
	static char names[][16] = { "client_id", "client_secret", "access_token", "refresh_token" };
	static char texts[][16] = { "me", "s3cret", "A1", "R1" };

	world_begin(&t->w);
	for (size_t i = 0; i < 4; i++)
		t->credential[i] = (struct value){ .name = names[i], .text = texts[i] };
	t->w.account.credential = t->credential;
	t->w.account.credential_count = 4;
	t->w.in.values = NULL;
}

/* The answer to what was sent last. */
static bool token_answer(struct tokens *t, int status, const char *body)
{
	const char *step = t->w.out.request.step;
	bool filled;

	respond(&t->w, status, body, NULL, 0);
	t->w.in.response_step = step;
	memset(&t->w.out, 0, sizeof(t->w.out));
	filled = oauth_session(&t->w.in, &t->w.out, &rotating);
	t->w.in.response = NULL;
	return filled;
}

static void test_token_of_file(void **state)
{
	struct tokens t;

	(void)state;
	tokens_begin(&t);
	assert_false(oauth_session(&t.w.in, &t.w.out, &rotating));
	assert_string_equal(oauth_token(&t.w.in), "A1");
	/* The file is the same: what was stored since stays. */
	plat_set(&t.w.account_values, "access", "A2");
	assert_false(oauth_session(&t.w.in, &t.w.out, &rotating));
	assert_string_equal(oauth_token(&t.w.in), "A2");
	t.credential[3].text = t.credential[0].text;
	assert_false(oauth_session(&t.w.in, &t.w.out, &rotating));
	assert_string_equal(oauth_token(&t.w.in), "A1");
	world_end(&t.w);
}

static void test_token_rotates(void **state)
{
	struct tokens t;

	(void)state;
	tokens_begin(&t);
	assert_false(oauth_session(&t.w.in, &t.w.out, &rotating));
	plat_set(&t.w.account_values, PLAT_REFUSED, "1");
	t.w.in.now_ms += HOUR_MS;
	assert_true(oauth_session(&t.w.in, &t.w.out, &rotating));
	assert_int_equal(t.w.out.verdict, PLAT_SEND);
	assert_string_equal(t.w.out.request.pieces[0].data, "grant_type=refresh_token&refresh_token=R1");
	assert_string_equal(header(&t.w.out.request, "Authorization"), "Basic bWU6czNjcmV0");
	assert_false(token_answer(&t, 200, "{\"access_token\":\"A2\",\"refresh_token\":\"R2\",\"expires_in\":7200}"));
	assert_string_equal(oauth_token(&t.w.in), "A2");
	assert_string_equal(plat_get(&t.w.account_values, "refresh"), "R2");
	assert_true(oauth_fresh(&t.w.in, HOUR_MS));
	assert_false(oauth_fresh(&t.w.in, 3 * HOUR_MS));
	/* It is not asked for again while it lasts, and in time before it ends. */
	assert_false(oauth_session(&t.w.in, &t.w.out, &rotating));
	assert_in_range(oauth_refresh_ms(&t.w.in, &rotating) - t.w.in.now_ms, 7200 * 600, 7200 * 800);
	t.w.in.now_ms += 7200 * 1000 - 1000;
	assert_true(oauth_session(&t.w.in, &t.w.out, &rotating));
	assert_string_equal(t.w.out.request.pieces[0].data, "grant_type=refresh_token&refresh_token=R2");
	/* A server's fault ends nothing. */
	assert_false(token_answer(&t, 503, "{}"));
	assert_string_equal(plat_get(&t.w.account_values, "refresh"), "R2");
	t.w.in.now_ms += 2000;
	assert_true(oauth_session(&t.w.in, &t.w.out, &rotating));
	assert_true(token_answer(&t, 503, "{}"));
	assert_int_equal(t.w.out.klass, PLAT_TRANSIENT);
	assert_true(oauth_session(&t.w.in, &t.w.out, &rotating));
	assert_true(token_answer(&t, 400, "{\"error\":\"invalid_grant\"}"));
	assert_int_equal(t.w.out.klass, PLAT_AUTH);
	assert_non_null(strstr(t.w.out.text, "smmq account login brand"));
	world_end(&t.w);
}

static void test_login(void **state)
{
	/* The verifier and challenge of RFC 7636, appendix B. */
	static const char verifier[] = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
	const struct plat_login login = { .code = "c/1", .verifier = verifier, .redirect_uri = "http://127.0.0.1:9/" };
	struct tokens t;

	(void)state;
	tokens_begin(&t);
	assert_string_equal(oauth_authorize_url(&t.w.in, &rotating, login.redirect_uri, "st", verifier),
	                    "https://here.example/authorize?response_type=code&client_id=me&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2F&"
	                    "scope=read%20write&state=st&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&"
	                    "code_challenge_method=S256");
	t.w.in.login = &login;
	assert_true(oauth_session(&t.w.in, &t.w.out, &rotating));
	assert_string_equal(t.w.out.request.pieces[0].data,
	                    "grant_type=authorization_code&code=c%2F1&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2F&"
	                    "code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
	assert_false(token_answer(&t, 200, "{\"access_token\":\"L1\",\"refresh_token\":\"L2\",\"expires_in\":60}"));
	t.w.in.login = NULL;
	t.w.in.response = NULL;
	/* The file that was there before does not take it back. */
	plat_set(&t.w.account_values, "access_until_ms", NULL);
	assert_false(oauth_session(&t.w.in, &t.w.out, &rotating));
	assert_string_equal(oauth_token(&t.w.in), "L1");
	world_end(&t.w);
}

/* ---- chunks and polls ---- */

static void test_chunks(void **state)
{
	struct chunk c;
	struct world w;

	(void)state;
	world_begin(&w);
	assert_true(chunk_next(&w.in, 0, 25, 10, &c));
	assert_true(c.index == 0 && c.offset == 0 && c.len == 10 && !c.last);
	chunk_arrived(&w.in, 0, 20);
	assert_true(chunk_next(&w.in, 0, 25, 10, &c));
	assert_true(c.index == 2 && c.offset == 20 && c.len == 5 && c.last);
	chunk_arrived(&w.in, 0, 25);
	assert_false(chunk_next(&w.in, 0, 25, 10, &c));
	assert_true(chunk_next(&w.in, 1, 10, 10, &c) && c.last);
	assert_false(chunk_next(&w.in, 1, 10, 0, &c));
	chunk_forget(&w.in, 0);
	assert_true(chunk_next(&w.in, 0, 25, 10, &c) && c.offset == 0);
	world_end(&w);
}

/* What is left over goes with the last chunk, which is never the shorter one. */
static void test_full_chunks(void **state)
{
	struct chunk c;
	struct world w;

	(void)state;
	world_begin(&w);
	assert_true(chunk_next_full(&w.in, 0, 39, 10, &c) && c.offset == 0 && c.len == 10 && !c.last);
	chunk_arrived(&w.in, 0, 10);
	assert_true(chunk_next_full(&w.in, 0, 39, 10, &c) && c.offset == 10 && c.len == 10 && !c.last);
	chunk_arrived(&w.in, 0, 20);
	assert_true(chunk_next_full(&w.in, 0, 39, 10, &c) && c.index == 2 && c.len == 19 && c.last);
	assert_true(chunk_next_full(&w.in, 0, 40, 10, &c) && c.len == 10 && !c.last);
	chunk_arrived(&w.in, 0, 39);
	assert_false(chunk_next_full(&w.in, 0, 39, 10, &c));
	assert_true(chunk_next_full(&w.in, 1, 10, 10, &c) && c.len == 10 && c.last);
	assert_true(chunk_next_full(&w.in, 1, 5, 10, &c) && c.len == 5 && c.last);
	world_end(&w);
}

static void test_polls(void **state)
{
	static const struct poll_plan plan = { .first_ms = 2000, .fast_ms = 5000, .fast_for_ms = 60000, .slow_ms = 30000,
	                                       .give_up_ms = 900000 };
	struct world w;

	(void)state;
	world_begin(&w);
	assert_false(poll_under_way(&w.in, "ready", 3));
	poll_begin(&w.in, &w.out, &plan, "ready", 3);
	assert_true(poll_under_way(&w.in, "ready", 3));
	assert_int_equal(w.out.verdict, PLAT_WAIT);
	assert_true(w.out.until_ms == w.in.now_ms + 2000);
	assert_true(poll_again(&w.in, &w.out, &plan, "ready", 3, 0) && w.out.until_ms == w.in.now_ms + 5000);
	assert_true(poll_again(&w.in, &w.out, &plan, "ready", 3, 9000) && w.out.until_ms == w.in.now_ms + 9000);
	w.in.steady_ms += 60000;
	assert_true(poll_again(&w.in, &w.out, &plan, "ready", 3, 0) && w.out.until_ms == w.in.now_ms + 30000);
	w.in.steady_ms += 900000;
	assert_false(poll_again(&w.in, &w.out, &plan, "ready", 3, 0));
	assert_false(poll_under_way(&w.in, "ready", 3));
	assert_false(fault_count(&w.in, "faults", 2));
	assert_true(fault_count(&w.in, "faults", 2));
	assert_false(fault_count(&w.in, "faults", 2));
	world_end(&w);
}

/* ---- LinkedIn's little text ---- */

static void test_little_text(void **state)
{
	static const struct { const char *text, *sent; bool hashtags; } rows[] = {
		{ "plain", "plain", false },
		{ "\\|{}@[]()<>#*_~", "\\\\\\|\\{\\}\\@\\[\\]\\(\\)\\<\\>\\#\\*\\_\\~", false },
		{ "#tag a#b # #_x \n#é", "#tag a\\#b \\# \\#\\_x \n#é", false },
		{ "#tag", "\\#tag", true },
		{ "@[A b](urn:li:person:x-1)!", "@[A b](urn:li:person:x-1)!", false },
		{ "@[A](urn:li:share:1)", "\\@\\[A\\]\\(urn:li:share:1\\)", false },
		{ "@[](urn:li:person:x)", "\\@\\[\\]\\(urn:li:person:x\\)", false },
		{ "@[A](urn:li:person:)", "\\@\\[A\\]\\(urn:li:person:\\)", false },
	};
	struct world w;

	(void)state;
	world_begin(&w);
	for (size_t i = 0; i < WIRE_COUNT(rows); i++) {
		const char *sent = linkedin_escape(&w.arena, rows[i].text, rows[i].hashtags);

		assert_string_equal(sent, rows[i].sent);
		assert_string_equal(linkedin_plain(&w.arena, sent), linkedin_plain(&w.arena, linkedin_escape(&w.arena, rows[i].text, true)));
	}
	assert_string_equal(linkedin_plain(&w.arena, "  a \n\t b\\_c "), "a b_c");
	assert_int_equal(linkedin_length("a\u00e9\u20ac\U0001f600"), 5);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form), cmocka_unit_test(test_multipart_range), cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_kind_refused), cmocka_unit_test(test_token_of_file), cmocka_unit_test(test_token_rotates),
		cmocka_unit_test(test_login), cmocka_unit_test(test_unknown_video), cmocka_unit_test(test_chunks), cmocka_unit_test(test_full_chunks),
		cmocka_unit_test(test_polls), cmocka_unit_test(test_little_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
