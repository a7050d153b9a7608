/* wire.c: HTTP and JSON as values: building requests, reading answers, the words of a failure. */
#include "daemon/plat/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/hash.h"
#include "proto/status.h"
#include "proto/unit.h"
#include "proto/utf8.h"

#define RESET_UNIX_S INT64_C(1000000000)      /* more seconds than that are no span */
#define RESET_MAX_MS (24 * 3600 * INT64_C(1000))
#define SECRET_MIN_BYTES 6

/* ---- requests ---- */

struct plat_request *wire_request(struct plat_out *out, const char *step, enum plat_effect effect,
                                  enum plat_method method,
                                  const char *url)
{
	out->verdict = PLAT_SEND;
	out->request = (struct plat_request){ .step = step, .effect = effect, .method = method, .url = url };
	return &out->request;
}

const char *wire_take(struct buf *b, struct arena *a, size_t *len)
{
	char *copy = NULL;

	if (len)
		*len = 0;
	if (buf_error(b)) {
		if (!a->error)
			a->error = buf_error(b);
	} else {
		copy = arena_strndup(a, buf_cstr(b), b->len);
		if (copy && len)
			*len = b->len;
	}
	buf_done(b);
	return copy;
}

void wire_json_body(struct plat_request *r, struct arena *a, struct buf *b)
{
	size_t len;
	const char *text = wire_take(b, a, &len);

	plat_header(r, "Content-Type", "application/json");
	if (text)
		plat_body(r, text, len);
}

void wire_bearer(struct plat_request *r, struct arena *a, const char *token)
{
	const char *value = arena_fmt(a, "Bearer %s", wire_str(token));

	if (value)
		plat_secret_header(r, "Authorization", value);
}

const char *wire_percent(struct arena *a, const char *text, const char *keep)
{
	static const char unreserved[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);

	for (; text && *text; text++) {
		if (strchr(unreserved, *text) || strchr(keep, *text))
			buf_add_char(&b, *text);
		else
			buf_add_fmt(&b, "%%%02X", (unsigned)(unsigned char)*text);
	}
	return wire_take(&b, a, NULL);
}

const char *wire_hex(struct arena *a, const unsigned char *bytes, size_t len)
{
	char hex[HASH_SHA256_HEX_SIZE];

	return arena_strdup(a, hash_hex(bytes, len < HASH_SHA256_BYTES ? len : HASH_SHA256_BYTES, hex));
}

/* ---- answers ---- */

static const char *message_of(const struct json *json)
{
	static const char *const names[] = { "message", "error_description", "error" };

	for (size_t i = 0; i < WIRE_COUNT(names); i++) {
		const char *text = json_get_text(json, names[i]);

		if (text && *text)
			return text;
	}
	return json_text(json_path(json, "error.message"));
}

void wire_answer_read(struct arena *a, const struct plat_response *r, struct wire_answer *out)
{
	const char *text = NULL, *name;

	*out = (struct wire_answer){ .status = r->status };
	if (r->body_len)
		(void)json_parse(&out->json, r->body, r->body_len, NULL, NULL);
	name = json_get_text(out->json, "error");
	text = message_of(out->json);
	if (text)
		text = wire_excerpt(a, text, strlen(text), WIRE_EXCERPT_CHARS);
	else if (r->body_len)
		text = wire_excerpt(a, r->body, r->body_len, WIRE_EXCERPT_CHARS);
	out->name = wire_str(name);
	out->message = text && *text ? text : "(no text)";
}

void wire_answer_done(struct wire_answer *answer)
{
	json_free(answer->json);
	answer->json = NULL;
	answer->name = "";
}

const struct wire_rule *wire_rule_find(const struct wire_rule *rules, size_t count, const struct wire_answer *answer)
{
	for (size_t i = 0; i < count; i++) {
		const struct wire_rule *r = &rules[i];

		if (answer->status >= r->low && answer->status <= r->high &&
		    (!r->name || !strcmp(r->name, answer->name)) &&
		    (!r->has || strstr(answer->message, r->has)))
			return r;
	}
	return NULL;
}

int wire_iso_ms(const char *text, int64_t *out)
{
	char cut[40];
	const char *dot = strchr(text, '.'), *tail;
	size_t head;

	if (!dot)
		return unit_utc_parse(text, out);
	for (tail = dot + 1; *tail >= '0' && *tail <= '9'; tail++)
		;
	head = (size_t)(dot - text);
	if (head + strlen(tail) + 1 > sizeof(cut))
		return -ST_INVALID;
	memcpy(cut, text, head);
	memcpy(cut + head, tail, strlen(tail) + 1);
	return unit_utc_parse(cut, out);
}

static int64_t seconds_ms(const char *text)
{
	int64_t seconds;

	return text && !unit_int_parse(text, 0, INT64_MAX / 2000, &seconds) ? seconds * 1000 : -1;
}

/* "41", or "41;w=60, 3600;w=86400": seconds until the first window ends, or (for some) since 1970. */
static bool windows_ms(const struct plat_in *in, const char *text, int64_t *out)
{
	char *end;
	long long seconds;

	if (!text || *text < '0' || *text > '9')
		return false;
	seconds = strtoll(text, &end, 10);
	if (seconds > RESET_UNIX_S * 10 || (*end && !strchr(",; ", *end)))
		return false;
	*out = seconds < RESET_UNIX_S ? in->now_ms + seconds * 1000 : seconds * 1000;
	return true;
}

int64_t wire_reset_ms(const struct plat_in *in)
{
	const struct plat_response *r = in->response;
	const char *iso = plat_response_header(r, "X-RateLimit-Reset");
	int64_t reset = 0, span;

	if ((!iso || wire_iso_ms(iso, &reset)) && !windows_ms(in, iso, &reset)) {
		reset = seconds_ms(plat_response_header(r, "RateLimit-Reset"));
		if (reset < 0)
			reset = seconds_ms(plat_response_header(r, "X-Rate-Limit-Reset"));
		span = seconds_ms(plat_response_header(r, "Retry-After"));
		if (reset < 0 && span >= 0)
			reset = span <= RESET_MAX_MS ? in->now_ms + span : in->now_ms + RESET_MAX_MS;
	}
	if (reset <= 0)
		return 0;
	if (reset < in->now_ms)
		reset = in->now_ms;
	if (reset > in->now_ms + RESET_MAX_MS)
		reset = in->now_ms + RESET_MAX_MS;
	return reset + ((int64_t)in->random[0] << 8 | in->random[1]) % 5000 + 1;
}

int64_t plat_spent_ms(const struct plat_in *in)
{
	static const char *const names[] = { "X-RateLimit-Remaining", "RateLimit-Remaining", "X-Rate-Limit-Remaining" };

	for (size_t i = 0; i < WIRE_COUNT(names); i++) {
		const char *left = plat_response_header(in->response, names[i]);

		if (left && left[0] == '0' && (!left[1] || strchr(",; ", left[1])))
			return wire_reset_ms(in);
	}
	return 0;
}

static bool control_char(const char *s, size_t len)
{
	unsigned char c = (unsigned char)s[0];

	return c < 0x20 || c == 0x7f || (len == 2 && c == 0xc2 && (unsigned char)s[1] < 0xa0);
}

static size_t char_len(unsigned char c)
{
	return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

const char *wire_excerpt(struct arena *a, const char *text, size_t len, size_t max_chars)
{
	struct buf b = BUF_INIT(4 * (max_chars + 1));
	bool gap = false;

	for (size_t at = 0, chars = 0; at < len && chars < max_chars;) {
		size_t n = char_len((unsigned char)text[at]);

		if (n > len - at || !utf8_valid(text + at, n, NULL)) {
			at++;
			continue;
		}
		if (control_char(text + at, n) || text[at] == ' ') {
			gap = b.len > 0;
		} else {
			if (gap)
				buf_add_char(&b, ' ');
			chars += gap ? 2 : 1;
			gap = false;
			buf_add(&b, text + at, n);
		}
		at += n;
	}
	return wire_take(&b, a, NULL);
}

/* ---- failures ---- */

static const char *masked(struct arena *a, const char *text, const char *secret)
{
	size_t len = secret ? strlen(secret) : 0;
	const char *at;

	if (len < SECRET_MIN_BYTES)
		return text;
	while (text && (at = strstr(text, secret)))
		text = arena_fmt(a, "%.*s***%s", (int)(at - text), text, at + len);
	return text;
}

static const char *mask_all(const struct plat_in *in, const char *text)
{
	static const char *const tokens[] = { "access", "refresh", "page_token" };

	for (size_t i = 0; i < in->account->credential_count; i++)
		if (strcmp(in->account->credential[i].name, "identifier"))
			text = masked(in->arena, text, in->account->credential[i].text);
	for (size_t i = 0; in->account_values && i < WIRE_COUNT(tokens); i++)
		text = masked(in->arena, text, plat_get(in->account_values, tokens[i]));
	return text;
}

void wire_refuse(const struct plat_in *in, struct plat_out *out, const char *platform, const char *what,
                 enum plat_class klass,
                 const struct wire_answer *answer)
{
	bool redirects = answer->status >= 300 && answer->status < 400;
	const char *place = redirects ? plat_response_header(in->response, "Location") : NULL;
	const char *text;

	if (place)
		text = arena_fmt(in->arena, "%s answered %d to %s: it redirects to %s, which is not followed; set BaseURL= to the "
		                 "final address", platform, answer->status, what,
		                 wire_excerpt(in->arena, place, strlen(place), WIRE_EXCERPT_CHARS));
	else
		text = arena_fmt(in->arena, "%s answered %d to %s: %s", platform, answer->status, what,
		                 answer->message);
	plat_fail(out, klass, mask_all(in, text));
	if (klass == PLAT_RATE)
		out->until_ms = wire_reset_ms(in);
}

void wire_end(const struct plat_in *in, struct plat_out *out)
{
	bool failed = in->arena->error || in->account_values->error || (in->values && in->values->error);
	const struct attempt *open = in->target && in->target->open_count ? &in->target->open[0] : NULL;
	bool once = in->response && in->response_step && open && open->step && !strcmp(open->step, in->response_step);

	/* Whatever the answer was, it could not be kept: a step of effect once must be looked for, all others are
	 * repeated. */
	if (failed)
		plat_fail(out, once ? PLAT_UNKNOWN : PLAT_TRANSIENT,
		          "out of memory or values too large while an exchange was worked on");
	else if (out->verdict == PLAT_FAIL && !out->text)
		out->text = "failed without a text";
}

/* ---- steps and values ---- */

bool wire_step_is(const char *step, const char *name, size_t *index)
{
	size_t len = strlen(name);
	int64_t number;

	if (!step || strncmp(step, name, len))
		return false;
	if (!index)
		return !step[len];
	if (step[len] != '.' || unit_int_parse(step + len + 1, 0, JOB_MAX_PARTS + JOB_MAX_MEDIA, &number))
		return false;
	*index = (size_t)number;
	return true;
}

const char *wire_step_name(struct arena *a, const char *name, size_t index)
{
	const char *step = arena_fmt(a, "%s.%zu", name, index);

	return step ? step : name;
}

int64_t wire_get_int_n(const struct plat_values *v, const char *name, size_t index, int64_t fallback)
{
	const char *text = plat_get_n(v, name, index);
	int64_t number;

	return text && !unit_int_parse(text, INT64_MIN, INT64_MAX, &number) ? number : fallback;
}

static bool kept(const char *name, const char *const *keep)
{
	const char *dot = strrchr(name, '.');
	size_t len = dot ? (size_t)(dot - name) : strlen(name);

	for (; *keep; keep++)
		if (strlen(*keep) == len && !strncmp(*keep, name, len))
			return true;
	return false;
}

void wire_forget(struct plat_values *v, const char *const *keep)
{
	size_t count = 0;

	for (size_t i = 0; i < v->count; i++)
		if (v->list[i].name && kept(v->list[i].name, keep))
			v->list[count++] = v->list[i];
	v->count = count;
}

void wire_renew(const struct plat_in *in, const char *const *keep, size_t n)
{
	const char *made = plat_get(in->values, "made"), *now = wire_part_print(in, n);

	if (!now || (made && !strcmp(made, now)))
		return;
	if (made)
		wire_forget(in->values, keep);
	plat_set(in->values, "made", now);
}

size_t wire_part(const struct plat_in *in)
{
	size_t n = 0;

	while (n < in->content->part_count && plat_get_n(in->values, PLAT_ID, n))
		n++;
	return n;
}

void wire_all_done(const struct plat_in *in, struct plat_out *out)
{
	plat_done(out, plat_get_n(in->values, PLAT_ID, 0), plat_get_n(in->values, PLAT_URL, 0));
}

int64_t wire_armed_steady_ms(const struct plat_in *in)
{
	const struct attempt *a = &in->target->open[0];

	return a->armed_steady_ms ? a->armed_steady_ms : a->armed_ms;
}

int64_t wire_lost_steady_ms(const struct plat_in *in)
{
	const struct attempt *a = &in->target->open[0];

	return a->lost_steady_ms ? a->lost_steady_ms : a->lost_ms;
}

bool wire_unrecorded(const struct plat_in *in)
{
	return in->target->open_count && in->target->open[0].unrecorded;
}

bool wire_known(const struct plat_in *in, const char *id)
{
	for (size_t i = 0; i < in->known_count; i++)
		if (!strcmp(in->known[i], id))
			return true;
	return false;
}

const char *wire_target_print(const struct plat_in *in, size_t n)
{
	const char *text = arena_fmt(in->arena, "%llu.%llu.%zu %lld %s", (unsigned long long)in->target->id, (unsigned long long)in->target->n, n,
	                             (long long)in->post->created_ms, wire_str(in->post->key));
	unsigned char hash[HASH_SHA256_BYTES];

	return !text || hash_sha256(text, strlen(text), hash) ? NULL : wire_hex(in->arena, hash, 16);
}
