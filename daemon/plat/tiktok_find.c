/* tiktok_find.c: looking for a post whose answer was lost.
 *
 * With a publish_id its state tells all: taken, or bytes missing (then they go to the same address once more, which makes no second
 * post), or failed, which is definite. Without one (files that TikTok fetches) it is looked for among the profile's videos, by its words
 * and its time, 15, 30 and 60 minutes after the loss. That list shows neither what is not public nor what moderators have not seen,
 * so what is not found is never taken for absent: a person decides.
 *
 * An attempt that is not recorded (plat.h) is looked for once; there a public post that is not listed has had its time. */
#include "daemon/plat/tiktok.h"

#include <string.h>

#include "daemon/model/text.h"

#define MINUTE_MS (60 * INT64_C(1000))
#define SKEW_MS (2 * MINUTE_MS)
#define REACH_MS (120 * MINUTE_MS)
#define DAY_MS (24 * 60 * MINUTE_MS)
#define MAX_PAGES 20
#define LEAST_CUT_BYTES 32         /* of a text that is cut; shorter beginnings fit too much */

static const int64_t look_after_ms[] = { 15 * MINUTE_MS, 30 * MINUTE_MS, 60 * MINUTE_MS };
static const char *const look_values[] = { "list_next", "list_pages", "hits", "match", "mute" };

static void forget_look(const struct plat_in *in)
{
	for (size_t i = 0; i < WIRE_COUNT(look_values); i++)
		plat_set(in->values, look_values[i], NULL);
}

/* ---- the list ---- */

void tiktok_list(const struct plat_in *in, struct plat_out *out)
{
	const char *next = plat_get(in->values, "list_next");
	struct buf b = BUF_INIT(4096);
	struct json_writer w;

	jw_init(&w, &b);
	jw_object(&w, NULL);
	jw_int(&w, "max_count", 20);
	if (next)
		jw_raw(&w, "cursor", next, strlen(next));
	jw_end(&w);
	tiktok_request(in, out, "list", PLAT_NONE, PLAT_POST, "/v2/video/list/?fields=id,title,video_description,create_time", &b);
}

static int64_t sent_ms(const struct plat_in *in)
{
	return plat_get_int(in->values, "sent_ms", in->target->open_count ? in->target->open[0].armed_ms : in->now_ms);
}

/* One form, single blanks, none around. */
static const char *plain(const struct plat_in *in, const char *text)
{
	static const char blank[] = " \t\r\n\v\f";
	const char *at = text_nfc(in->arena, text);
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);

	for (at = wire_str(at) + strspn(wire_str(at), blank); *at; at++) {
		if (!strchr(blank, *at))
			buf_add_char(&b, *at);
		else if (at[1] && !strchr(blank, at[1]))
			buf_add_char(&b, ' ');
	}
	return wire_str(wire_take(&b, in->arena, NULL));
}

static bool same_words(const struct plat_in *in, const char *ours, const char *theirs)
{
	size_t a, b;

	ours = plain(in, wire_str(ours));
	theirs = plain(in, wire_str(theirs));
	a = strlen(ours);
	b = strlen(theirs);
	if (!a || !b)
		return false;
	if (a == b)
		return !strcmp(ours, theirs);
	return (a < b ? a : b) >= LEAST_CUT_BYTES && !strncmp(ours, theirs, a < b ? a : b);
}

/* Whether an entry has our words; a post without any has none to be known by. */
static bool is_ours(const struct plat_in *in, const struct json *entry)
{
	const struct content *c = in->content;
	const char *title = json_get_text(entry, "title"), *text = json_get_text(entry, "video_description"), *ours = c->parts[0].text;

	if (!wire_str(ours)[0])
		ours = c->title;
	return same_words(in, ours, text) || same_words(in, ours, title);
}

static void weigh(const struct plat_in *in, const struct json *entry, int64_t created_ms)
{
	int64_t reach_ms = plat_get(in->values, "listing") ? DAY_MS : REACH_MS, count = plat_get_int(in->values, "hits", 0);
	bool mute = text_is_blank(wire_str(in->content->parts[0].text)) && !in->content->title;
	char digits[24];
	const char *id = json_get_id(entry, "id", digits);

	if (!id || wire_known(in, id) || created_ms < sent_ms(in) - SKEW_MS)
		return;
	if (!wire_unrecorded(in) && created_ms > sent_ms(in) + reach_ms)
		return;
	if (mute)
		plat_set(in->values, "mute", id);
	if (!is_ours(in, entry))
		return;
	plat_set_int(in->values, "hits", count + 1);
	plat_set(in->values, "match", id);
}

/* The cursor as digits; NULL where there is none. */
static const char *cursor_of(const struct plat_in *in, const struct json *data)
{
	char digits[24];
	const char *text = json_get_id(data, "cursor", digits);

	return text && *text && strlen(text) < 20 && strspn(text, "0123456789") == strlen(text) ? arena_strdup(in->arena, text) : NULL;
}

bool tiktok_listed(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer, int64_t *hits, const char **id)
{
	const struct json *data = json_get(answer->json, "data"), *list = json_get(data, "videos");
	int64_t pages = plat_get_int(in->values, "list_pages", 0) + 1, created_s, oldest_ms = INT64_MAX;
	const char *next = cursor_of(in, data);
	bool more = json_true(json_get(data, "has_more"), false);

	if (!json_get(data, "has_more") && json_kind(list) != JSON_ARRAY) {
		plat_fail(out, PLAT_TRANSIENT, "tiktok answered the look for the post without a list");
		return true;
	}
	for (const struct json *e = json_first(list); e; e = json_next(e)) {
		if (json_get_int(e, "create_time", &created_s) || created_s < 0 || created_s > INT64_MAX / 2000)
			continue;
		weigh(in, e, created_s * 1000);
		oldest_ms = created_s * 1000 < oldest_ms ? created_s * 1000 : oldest_ms;
	}
	more = more && oldest_ms >= sent_ms(in) - SKEW_MS;
	if (more && (!next || pages >= MAX_PAGES)) {
		plat_undecided(out, "tiktok: the list of videos cannot be looked through to the end; look at the profile and resolve it by hand");
		return true;
	}
	if (more) {
		plat_set(in->values, "list_next", next);
		plat_set_int(in->values, "list_pages", pages);
		tiktok_list(in, out);
		return true;
	}
	*hits = plat_get_int(in->values, "hits", 0);
	*id = arena_strdup(in->arena, plat_get(in->values, "match"));
	return false;
}

/* ---- by the list ---- */

static void look(const struct plat_in *in, struct plat_out *out)
{
	size_t looks = (size_t)plat_get_int(in->values, "looks", 0);
	int64_t earliest = wire_lost_steady_ms(in) + look_after_ms[looks < WIRE_COUNT(look_after_ms) ? looks : 0];

	/* A look that was cut off goes on with the next page. */
	if (!plat_get(in->values, "list_next"))
		forget_look(in);
	if (!wire_unrecorded(in) && in->steady_ms < earliest)
		plat_wait(out, in->now_ms + (earliest - in->steady_ms));
	else
		tiktok_list(in, out);
}

static void not_found(const struct plat_in *in, struct plat_out *out)
{
	int64_t looks = plat_get_int(in->values, "looks", 0) + 1;
	const char *mute = plat_get(in->values, "mute");

	if (mute) {
		plat_undecided(out, arena_fmt(in->arena, "tiktok: video %s was made at that time, but a post without a text cannot be told from another; "
		                         "look at the profile and resolve it by hand", mute));
	} else if (wire_unrecorded(in) && tiktok_chosen(in, "Privacy", "public") && !tiktok_is_draft(in)) {
		plat_settled(out, "absent");
	} else if (wire_unrecorded(in) || looks >= (int64_t)WIRE_COUNT(look_after_ms)) {
		plat_undecided(out, "tiktok does not list the post; its list shows neither what is not public nor what moderators have not seen: "
		               "look at the profile and the app's inbox, and resolve it by hand");
	} else {
		plat_set_int(in->values, "looks", looks);
		forget_look(in);
		look(in, out);
		return;
	}
	forget_look(in);
	plat_set(in->values, "looks", NULL);
}

static void list_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	const char *id = NULL;
	int64_t hits = 0;

	if (!tiktok_good(answer)) {
		tiktok_refuse(in, out, "the look for the post", answer);
		/* A token that may not list videos never will tell. */
		if (out->verdict == PLAT_FAIL && (out->klass == PLAT_PERMANENT || !strncmp(answer->name, "scope_", 6)))
			plat_undecided(out, out->text);
		return;
	}
	oauth_accepted(in);
	if (tiktok_listed(in, out, answer, &hits, &id)) {
		if (out->verdict == PLAT_UNDECIDED)
			forget_look(in);
		return;
	}
	if (hits == 1) {
		tiktok_stands(in, id, true);
		wire_all_done(in, out);
	} else if (hits > 1) {
		plat_undecided(out, arena_fmt(in->arena, "tiktok: %lld videos carry the text of this post (one is %s) and cannot be told apart",
		                         (long long)hits, wire_str(id)));
		forget_look(in);
	} else {
		not_found(in, out);
	}
}

/* ---- by the state ---- */

/* The last bytes did not arrive: they go out again to the same address, while it lasts. */
static void bytes_missing(const struct plat_in *in, struct plat_out *out, uint64_t uploaded)
{
	plat_set(in->values, "lost", "1");
	plat_set(in->values, PLAT_ACCEPTED, NULL);
	tiktok_arrived(in, uploaded);
	plat_settled(out, arena_fmt(in->arena, "absent: TikTok has %llu bytes of the video and waits for the rest", (unsigned long long)uploaded));
}

static void taken(const struct plat_in *in, struct plat_out *out)
{
	if (plat_get(in->values, "slow")) {
		plat_undecided(out, "tiktok is still working on the post after a day; look at the profile and resolve it by hand");
		return;
	}
	tiktok_accepted(in, out);
	plat_settled(out, "tiktok has taken the post and works on it");
	out->until_ms = 0;
}

static void state_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	enum tiktok_state state;
	const char *id;

	if (!tiktok_good(answer) && tiktok_rule(answer)->act == TIKTOK_UNKNOWN_ID) {
		look(in, out);        /* its state is not kept any more */
		return;
	}
	if (!tiktok_good(answer)) {
		tiktok_refuse(in, out, "the question for the post", answer);
		if (out->verdict == PLAT_FAIL && out->klass == PLAT_PERMANENT)
			out->klass = PLAT_TRANSIENT;
		return;
	}
	oauth_accepted(in);
	state = tiktok_state(in, answer);
	id = tiktok_posted_id(answer);
	if (state == TIKTOK_SHORT && !tiktok_fetches(in)) {
		bytes_missing(in, out, tiktok_uploaded(answer));
	} else if (state == TIKTOK_DRAFTED || (state == TIKTOK_POSTED && id)) {
		tiktok_stands(in, id ? id : wire_str(plat_get(in->values, "publish")), id != NULL);
		wire_all_done(in, out);
	} else if (state == TIKTOK_FAILED) {
		/* The next step reads the reason. */
		plat_set(in->values, "slow", NULL);
		taken(in, out);
		out->text = "absent: tiktok did not publish it";
	} else {
		taken(in, out);
	}
}

void tiktok_reconcile(const struct plat_in *in, struct plat_out *out)
{
	struct wire_answer answer;
	bool by_state = plat_get(in->values, "publish");
	size_t k;

	memset(out, 0, sizeof(*out));
	if (plat_get_n(in->values, PLAT_ID, 0)) {
		wire_all_done(in, out);
	} else if (!tiktok_ready(in)) {
		out->verdict = PLAT_NEED_SESSION;
	} else if (in->response && (wire_step_is(in->response_step, "status", &k) || wire_step_is(in->response_step, "list", NULL))) {
		tiktok_answer(in, &answer);
		if (wire_step_is(in->response_step, "list", NULL))
			list_answer(in, out, &answer);
		else
			state_answer(in, out, &answer);
		wire_answer_done(&answer);
	} else if (by_state && !plat_get(in->values, "looks")) {
		tiktok_ask(in, out);
	} else {
		look(in, out);
	}
	wire_end(in, out);
}
