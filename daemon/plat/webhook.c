/* webhook.c: the post as signed JSON to a URL of the operator's.
 *
 * One exchange: POST to BaseURL= with
 *   Content-Type: application/json
 *   Idempotency-Key: smmq-<32 hex digits>-ID.n      made of what was fixed when the post was added: a repeat carries the
 *                                                   same key, also out of a store that was restored from a copy
 *   X-Smmq-Timestamp: <unix seconds>                of this sending; a repeat has a new one
 *   X-Smmq-Signature: sha256=<64 lower-case hex digits of HMAC-SHA256(secret, timestamp "." body)>
 * where secret is the credential's "secret" (or its one bare token), timestamp the header's text and body the exact
 * bytes sent. The receiver compares the key with those it has seen, so the request may be repeated. Media are described
 * (sha256, mime, size), their bytes are not sent. A 2xx is done; a JSON answer's "id" and "url" are kept. */
#include "daemon/plat/plat.h"

#include <string.h>

#include "daemon/plat/wire.h"
#include "proto/hash.h"
#include "proto/status.h"

#define MAX_ID_BYTES 512
#define MAX_URL_BYTES 2048

/* A row decides by status alone; those with a Retry-After become a rate limit. */
static const struct wire_rule rules[] = {
	{ 300, 399, NULL, NULL, PLAT_PERMANENT, 0 },
	{ 401, 401, NULL, NULL, PLAT_AUTH, 0 },
	{ 403, 403, NULL, NULL, PLAT_AUTH, 0 },
	{ 408, 408, NULL, NULL, PLAT_TRANSIENT, 0 },
	{ 429, 429, NULL, NULL, PLAT_RATE, 0 },
	{ 400, 499, NULL, NULL, PLAT_PERMANENT, 0 },
	{ 500, 599, NULL, NULL, PLAT_TRANSIENT, 0 },
};

static const char *secret_of(const struct plat_account *account)
{
	const char *secret = plat_credential(account, "secret");

	return secret ? secret : plat_credential(account, "token");
}

static const char *key_of(const struct plat_in *in)
{
	const char *key = plat_get(in->values, "key"), *print;

	if (key)
		return key;
	print = wire_target_print(in, 0);
	if (!print)
		return NULL;
	key = arena_fmt(in->arena, "smmq-%s-%llu.%llu", print, (unsigned long long)in->target->id,
	                (unsigned long long)in->target->n);
	if (key)
		plat_set(in->values, "key", key);
	return key;
}

static const char *sign(struct arena *a, const char *secret, const char *timestamp, const char *body, size_t len)
{
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES + 64);
	unsigned char mac[HASH_SHA256_BYTES];
	char hex[HASH_SHA256_HEX_SIZE];
	int status;

	buf_add_str(&b, timestamp);
	buf_add_char(&b, '.');
	buf_add(&b, body, len);
	status = buf_error(&b);
	if (!status)
		status = hash_hmac_sha256(secret, strlen(secret), b.data, b.len, mac);
	buf_done(&b);
	if (status) {
		a->error = status;
		return NULL;
	}
	return arena_fmt(a, "sha256=%s", hash_hex(mac, sizeof(mac), hex));
}

static void send_post(const struct plat_in *in, struct plat_out *out)
{
	const char *secret = secret_of(in->account), *timestamp, *body, *signature;
	struct plat_request *r;
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	size_t len;

	if (!in->account->base_url) {
		plat_fail(out, PLAT_PERMANENT, "webhook: the account has no BaseURL=");
		return;
	}
	if (!secret) {
		plat_fail(out, PLAT_AUTH, "webhook: the credential has no \"secret\" to sign with: put secret=... into the "
		          "credential file");
		return;
	}
	wire_post_json(in, &b, false);
	body = wire_take(&b, in->arena, &len);
	timestamp = arena_fmt(in->arena, "%lld", (long long)(in->now_ms / 1000));
	if (!body || !timestamp)
		return;
	signature = sign(in->arena, secret, timestamp, body, len);
	r = wire_request(out, "post", PLAT_REPEATABLE, PLAT_POST, in->account->base_url);
	plat_header(r, "Content-Type", "application/json");
	plat_header(r, "Idempotency-Key", key_of(in));
	plat_header(r, "X-Smmq-Timestamp", timestamp);
	plat_header(r, "X-Smmq-Signature", signature);
	plat_body(r, body, len);
}

static void accepted(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	char digits[24];
	const char *id = json_get_id(answer->json, "id", digits), *url = json_get_text(answer->json, "url");

	/* Where the receiver names no id, the key is the one name that both sides know. */
	id = id && *id && strlen(id) <= MAX_ID_BYTES ? wire_excerpt(in->arena, id, strlen(id), MAX_ID_BYTES)
	     : plat_get(in->values, "key");
	url = url && *url && strlen(url) <= MAX_URL_BYTES ? wire_excerpt(in->arena, url, strlen(url), MAX_URL_BYTES)
	      : NULL;
	if (!id)
		id = "accepted";
	for (size_t n = 0; n < in->content->part_count; n++) {
		plat_set_n(in->values, PLAT_ID, n, id);
		plat_set_n(in->values, PLAT_URL, n, url);
	}
	plat_done(out, id, url);
}

static void answered(const struct plat_in *in, struct plat_out *out)
{
	struct wire_answer answer;
	const struct wire_rule *rule;
	enum plat_class klass;

	wire_answer_read(in->arena, in->response, &answer);
	rule = wire_rule_find(rules, WIRE_COUNT(rules), &answer);
	if (answer.status >= 200 && answer.status < 300) {
		accepted(in, out, &answer);
	} else {
		klass = rule ? rule->klass : PLAT_TRANSIENT;
		if (answer.status == 503 && plat_response_header(in->response, "Retry-After"))
			klass = PLAT_RATE;
		wire_refuse(in, out, "webhook", "the post", klass, &answer);
	}
	wire_answer_done(&answer);
}

static void step(const struct plat_in *in, struct plat_out *out)
{
	memset(out, 0, sizeof(*out));
	if (in->response && wire_step_is(in->response_step, "post", NULL))
		answered(in, out);
	else if (plat_get_n(in->values, PLAT_ID, 0))
		wire_all_done(in, out);
	else
		send_post(in, out);
	wire_end(in, out);
}

static void check(const struct plat_in *in, struct plat_report *out)
{
	const struct wire_check c = { .in = in, .out = out, .platform = "webhook" };

	if (wire_check_begin(&c))
		wire_check_plain(&c);
}

static const struct plat_need needs[] = {
	{ "secret", "token", "holds no secret; write the secret alone, or a line secret=..." },
};

const struct plat plat_webhook = {
	.name = "webhook",
	.needs = needs,
	.need_count = WIRE_COUNT(needs),
	.kinds = UINT32_MAX,
	.parallel = 4,
	.needs_base_url = true, .takes_query = true,
	.needs_credential = true,
	.step = step,
	.check = check,
};
