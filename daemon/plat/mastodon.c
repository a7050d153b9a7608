/* mastodon.c: publishing through the REST API of a Mastodon instance.
 *
 * A part is: its media (mastodon_media.c), for a first part without media one read of the newest own status (so that a
 * look after a lost answer knows where to begin), then POST /api/v1/statuses with an idempotency key that was committed
 * before. The server remembers the key for an hour; what happens after a lost answer is in mastodon_find.c. */
#include "daemon/plat/mastodon.h"

#include <string.h>

#include "daemon/plat/kind.h"
#include "proto/buf.h"
#include "proto/hash.h"
#include "proto/json.h"

#define DAY_MS (24 * 3600 * INT64_C(1000))
#define STATUS_TIMEOUT_MS (60 * INT64_C(1000))

static const char *const lasting[] = { PLAT_ID, PLAT_URL, NULL };
/* What outlives an edit: key and losses do, since the key still guards what was sent. */
static const char *const lasting_of_part[] = { PLAT_ID, PLAT_URL, "key", "first_ms", "losses", "keys", "sent", "since", NULL };

/* Texts are told in English (Accept-Language); where the status alone decides, no text is looked at. */
static const struct wire_rule rules[] = {
	{ 300, 399, NULL, NULL, PLAT_PERMANENT, 0 },
	{ 401, 401, NULL, NULL, PLAT_AUTH, 0 },
	{ 403, 403, NULL, NULL, PLAT_AUTH, 0 },
	{ 408, 408, NULL, NULL, PLAT_UNKNOWN, 0 },
	{ 422, 422, NULL, "requires an authenticated user", PLAT_AUTH, 0 },
	{ 422, 422, NULL, "have not finished processing", PLAT_TRANSIENT, MASTODON_POLL_MEDIA },
	{ 422, 422, NULL, "not found or already attached", PLAT_UNKNOWN, 0 },
	{ 422, 422, NULL, "Duplicate record", PLAT_UNKNOWN, 0 },
	{ 422, 422, NULL, "over limit", PLAT_RATE, MASTODON_DAY },
	{ 429, 429, NULL, NULL, PLAT_RATE, 0 },
	{ 400, 499, NULL, NULL, PLAT_PERMANENT, 0 },
	{ 500, 599, NULL, NULL, PLAT_TRANSIENT, 0 },
	{ -1, 999, NULL, NULL, PLAT_TRANSIENT, 0 },
};

const struct wire_rule *mastodon_rule(const struct wire_answer *answer)
{
	const struct wire_rule *rule = wire_rule_find(rules, WIRE_COUNT(rules), answer);

	return rule ? rule : &rules[WIRE_COUNT(rules) - 1];
}

void mastodon_refuse(const struct plat_in *in, struct plat_out *out, const char *what, const struct wire_answer *answer)
{
	const struct wire_rule *rule = mastodon_rule(answer);

	wire_refuse(in, out, "mastodon", what, rule->klass, answer);
	if (rule->act == MASTODON_DAY)
		out->until_ms = in->now_ms + DAY_MS;
}

void mastodon_refuse_read(const struct plat_in *in, struct plat_out *out, const char *what,
                          const struct wire_answer *answer)
{
	mastodon_refuse(in, out, what, answer);
	if (out->klass == PLAT_UNKNOWN)
		out->klass = PLAT_TRANSIENT;
}

struct plat_request *mastodon_request(const struct plat_in *in, struct plat_out *out, const char *step,
                                      enum plat_effect effect,
                                      enum plat_method method, const char *path)
{
	const char *base = in->account->base_url ? in->account->base_url : "";
	struct plat_request *r = wire_request(out, step, effect, method, arena_fmt(in->arena, "%s%s", base, path));

	wire_bearer(r, in->arena, plat_credential(in->account, "token"));
	plat_header(r, "Accept-Language", "en");
	return r;
}

bool mastodon_ready(const struct plat_in *in)
{
	const char *cred = plat_get(in->account_values, "cred"), *now = wire_credential_print(in);

	return plat_get(in->account_values, "own_id") && cred && now && !strcmp(cred, now);
}

const char *mastodon_text(const struct plat_in *in, size_t n)
{
	return wire_text(in->arena, in->content, n, true);
}

/* A fingerprint of a text without the white space around it, which the server strips. NULL without memory. */
static const char *text_print(struct arena *a, const char *text)
{
	static const char blank[] = " \t\r\n\v\f";
	unsigned char hash[HASH_SHA256_BYTES];
	size_t len;

	text += strspn(text, blank);
	len = strlen(text);
	while (len && strchr(blank, text[len - 1]))
		len--;
	return hash_sha256(text, len, hash) ? NULL : wire_hex(a, hash, 8);
}

bool mastodon_is_text(const struct plat_in *in, size_t n, const char *source)
{
	const char *sent = plat_get(in->values, "sent"), *now = text_print(in->arena, wire_str(mastodon_text(in, n)));
	const char *its = text_print(in->arena, source);

	return its && ((now && !strcmp(its, now)) || (sent && !strcmp(its, sent)));
}

const char *mastodon_visibility(const struct plat_in *in)
{
	static const char *const known[] = { "public", "unlisted", "private" };
	const char *wanted = plat_setting(in, "Visibility");

	for (size_t i = 0; wanted && i < WIRE_COUNT(known); i++)
		if (!strcmp(known[i], wanted))
			return known[i];
	return "public";
}

const char *mastodon_parent(const struct plat_in *in, size_t n)
{
	if (!n)
		return NULL;
	return plat_get_n(in->values, PLAT_ID, in->content->parts[n].comment ? 0 : n - 1);
}

void mastodon_stands(const struct plat_in *in, size_t n, const char *id, const char *url)
{
	id = arena_strdup(in->arena, id);
	url = arena_strdup(in->arena, url);
	plat_set_n(in->values, PLAT_ID, n, id);
	plat_set_n(in->values, PLAT_URL, n, url);
	wire_forget(in->values, lasting);
}

void mastodon_new_key(const struct plat_in *in, size_t n)
{
	/* A part's first key is the same out of a store that was restored from a copy: within the hour the server knows it. */
	const char *hex = plat_get(in->values, "key") ? wire_hex(in->arena, in->random, sizeof(in->random))
	                                              : wire_target_print(in, n);
	const char *key = hex ? arena_fmt(in->arena, "smmq-%s-%zu", hex, n) : NULL;

	if (!key)
		return;
	plat_set(in->values, "key", key);
	plat_set_int(in->values, "first_ms", in->steady_ms);
	plat_set(in->values, "losses", NULL);
}

/* ---- the exchanges ---- */

/* ISO 639 is asked for; only Chinese is told apart by region there. */
static void write_language(struct json_writer *w, const char *language)
{
	if (language && *language)
		jw_strn(w, "language", language,
		        strncmp(language, "zh-", 3) ? strcspn(language, "-_") : strlen(language));
}

static void write_poll(struct json_writer *w, const struct content *c)
{
	if (!c->poll_count)
		return;
	jw_object(w, "poll");
	jw_array(w, "options");
	for (size_t i = 0; i < c->poll->choice_count; i++)
		jw_str(w, NULL, c->poll->choices[i].text);
	jw_end(w);
	jw_int(w, "expires_in", c->poll->duration_ms / 1000);
	jw_bool(w, "multiple", c->poll->multiple != 0);
	jw_end(w);
}

static void send_status(const struct plat_in *in, struct plat_out *out, size_t n)
{
	const struct part *p = &in->content->parts[n];
	const char *parent = mastodon_parent(in, n);
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	struct plat_request *r;
	struct json_writer w;
	bool over = in->steady_ms - plat_get_int(in->values, "first_ms", 0) >= MASTODON_KEY_LIFE_MS;

	r = mastodon_request(in, out, wire_step_name(in->arena, "status", n), PLAT_ONCE, PLAT_POST, "/api/v1/statuses");
	/* A look that found nothing let the same key go out again, but the server may have forgotten it since, and what it
	 * guarded may have arrived late: only a new look allows a new key. */
	if (plat_get(in->values, "key") && over && plat_get(in->values, "losses")) {
		r->mark = plat_get(in->values, "key");
		plat_fail(out, PLAT_UNKNOWN, "an earlier try was not found, and its idempotency key is too old to be used again: "
		          "looking once more");
		return;
	}
	/* A key that the server may have forgotten protects nothing; every earlier use of it is accounted for. */
	if (!plat_get(in->values, "key") || over)
		mastodon_new_key(in, n);
	r->mark = plat_get(in->values, "key");
	r->timeout_ms = STATUS_TIMEOUT_MS;
	plat_header(r, "Idempotency-Key", r->mark);
	plat_set(in->values, "sent", text_print(in->arena, wire_str(mastodon_text(in, n))));
	jw_init(&w, &b);
	jw_object(&w, NULL);
	jw_str(&w, "status", mastodon_text(in, n));
	if (p->media_count) {
		jw_array(&w, "media_ids");
		for (size_t k = 0; k < p->media_count; k++)
			jw_str(&w, NULL, plat_get_n(in->values, "media", k));
		jw_end(&w);
	}
	if (!n)
		write_poll(&w, in->content);
	if (parent)
		jw_str(&w, "in_reply_to_id", parent);
	if (in->content->warning) {
		jw_str(&w, "spoiler_text", in->content->warning);
		jw_bool(&w, "sensitive", true);
	}
	jw_str(&w, "visibility", mastodon_visibility(in));
	write_language(&w, in->content->language);
	jw_end(&w);
	wire_json_body(r, in->arena, &b);
}

static void send_before(const struct plat_in *in, struct plat_out *out)
{
	const char *own = wire_percent(in->arena, plat_get(in->account_values, "own_id"), "");
	const char *path = arena_fmt(in->arena, "/api/v1/accounts/%s/statuses?limit=1&exclude_reblogs=true",
	                             wire_str(own));

	mastodon_request(in, out, "before", PLAT_NONE, PLAT_GET, wire_str(path));
}

static void proceed(const struct plat_in *in, struct plat_out *out)
{
	size_t n = wire_part(in);

	if (n == in->content->part_count) {
		wire_all_done(in, out);
		return;
	}
	if (!mastodon_ready(in)) {
		out->verdict = PLAT_NEED_SESSION;
		return;
	}
	wire_renew(in, lasting_of_part, n);
	if (mastodon_media(in, out, n))
		return;
	if (!n && !in->content->parts[n].media_count && !plat_get(in->values, "since"))
		send_before(in, out);
	else
		send_status(in, out, n);
}

/* ---- the answers ---- */

/* The read bounds a later look by what was there before, which no clock can do. Nothing is posted while a server fails at it: what got
 * lost then could not be looked for. A server that refuses it for good does not keep the post from going out. */
static bool before_answer(const struct plat_in *in, struct plat_out *out)
{
	struct wire_answer answer;
	char digits[24];
	bool refused;

	wire_answer_read(in->arena, in->response, &answer);
	refused = mastodon_rule(&answer)->klass == PLAT_AUTH || mastodon_rule(&answer)->klass == PLAT_RATE ||
	          !(answer.status >= 400 && answer.status < 500);
	if (answer.status == 200 && json_kind(answer.json) == JSON_ARRAY) {
		const char *id = json_get_id(json_first(answer.json), "id", digits);

		plat_set(in->values, "since", id ? id : "0");
	} else if (refused) {
		mastodon_refuse_read(in, out, "the read before posting", &answer);
		if (out->klass == PLAT_PERMANENT)
			out->klass = PLAT_TRANSIENT;
	} else {
		plat_set(in->values, "since", "-");
	}
	wire_answer_done(&answer);
	return out->verdict == PLAT_FAIL;
}

static void status_refused(const struct plat_in *in, struct plat_out *out, size_t n, const struct wire_answer *answer)
{
	const struct wire_rule *rule = mastodon_rule(answer);

	if (answer->status >= 200 && answer->status < 300) {
		plat_fail(out, PLAT_UNKNOWN,
		          arena_fmt(in->arena, "mastodon answered %d to the status, but with no status in it: %s", answer->status,
		                    answer->message));
		return;
	}
	mastodon_refuse(in, out, "the status", answer);
	if (answer->status >= 500)
		out->klass = PLAT_UNKNOWN;
	if (out->klass == PLAT_UNKNOWN)
		return;
	/* An earlier try that was lost may still turn up: looks go on from before that one. */
	if (!plat_get(in->values, "losses"))
		plat_set(in->values, "since", NULL);
	if (rule->act == MASTODON_POLL_MEDIA) {
		for (size_t k = 0; k < in->content->parts[n].media_count; k++)
			plat_set_n(in->values, "media_wait", k, "1");
		plat_wait(out, in->now_ms + 2000);
	}
}

static bool status_answer(const struct plat_in *in, struct plat_out *out, size_t n)
{
	struct wire_answer answer;
	char digits[24];
	const char *id, *url;

	wire_answer_read(in->arena, in->response, &answer);
	id = json_get_id(answer.json, "id", digits);
	url = json_get_text(answer.json, "url");
	if (!url)
		url = json_get_text(answer.json, "uri");
	if (answer.status >= 200 && answer.status < 300 && id && *id)
		mastodon_stands(in, n, id, url);
	else
		status_refused(in, out, n, &answer);
	wire_answer_done(&answer);
	return out->verdict != PLAT_SEND;
}

/* True when *out is filled. An answer that belongs to no step of the part under way is too late to matter. */
static bool answered(const struct plat_in *in, struct plat_out *out)
{
	size_t part = wire_part(in), n;

	if (part == in->content->part_count)
		return false;
	if (wire_step_is(in->response_step, "status", &n))
		return n == part && status_answer(in, out, n);
	if (wire_step_is(in->response_step, "before", NULL))
		return before_answer(in, out);
	return mastodon_media_answer(in, out, part);
}

static void step(const struct plat_in *in, struct plat_out *out)
{
	memset(out, 0, sizeof(*out));
	if (!in->response || !answered(in, out))
		proceed(in, out);
	wire_end(in, out);
}

static const struct plat_option options[] = {
	{ .name = "Visibility", .words = "public unlisted private", .fallback = "public", .help = "Who can see the posts.", .per_post = true },
};

static const struct plat_need needs[] = {
	{ "token", NULL, "holds no access token; write the token alone, or a line token=..." },
};

const struct plat plat_mastodon = {
	.name = "mastodon",
	.needs = needs,
	.need_count = WIRE_COUNT(needs),
	.kinds = KIND_BIT(KIND_TEXT) | KIND_BIT(KIND_LINK) | KIND_BIT(KIND_IMAGE) | KIND_BIT(KIND_IMAGES) | KIND_BIT(KIND_THREAD) |
	         KIND_BIT(KIND_COMMENT) | KIND_BIT(KIND_ALT) | KIND_BIT(KIND_LANGUAGE) | KIND_BIT(KIND_VIDEO) | KIND_BIT(KIND_POLL) |
	         KIND_BIT(KIND_WARNING),
	.options = options,
	.option_count = WIRE_COUNT(options),
	.parallel = 1,
	/* 4.2: 300 statuses in 3 hours, an instance's default. */
	.quota = { .posts = 300, .window_ms = 3 * 3600 * INT64_C(1000), .slots = 12 },
	.needs_base_url = true,
	.needs_credential = true,
	.settle_ms = 10 * 1000,
	.session_ms = DAY_MS,
	.step = step,
	.reconcile = mastodon_reconcile,
	.session = mastodon_session,
	.check = mastodon_check,
};
