/* oauth1.c: OAuth 1.0a: the signature base string, its HMAC and the header. */
#include "daemon/plat/oauth1.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/plat/wire.h"
#include "proto/base64.h"
#include "proto/hash.h"
#include "proto/status.h"

#define OWN_PARAMS 6

static const char *encoded(struct arena *a, const char *text)
{
	return wire_str(wire_percent(a, wire_str(text), ""));
}

/* RFC 5849, 3.1: what the header holds besides the signature. */
static void own_params(struct arena *a, const struct oauth1 *o, struct oauth1_param out[OWN_PARAMS])
{
	const struct oauth1_param own[OWN_PARAMS] = {
		{ "oauth_consumer_key", o->consumer_key }, { "oauth_nonce", o->nonce }, { "oauth_signature_method", "HMAC-SHA1" },
		{ "oauth_timestamp", arena_fmt(a, "%lld", (long long)o->time_s) }, { "oauth_token", o->token },
		{ "oauth_version", "1.0" },
	};

	memcpy(out, own, sizeof(own));
}

static int compare(const void *left, const void *right)
{
	const struct oauth1_param *l = left, *r = right;
	int order = strcmp(l->name, r->name);

	return order ? order : strcmp(l->value, r->value);
}

/* 3.4.1.3.2: encoded, then in the order of their bytes. */
static const char *normal_params(struct arena *a, const struct oauth1 *o, const struct oauth1_param *params, size_t count)
{
	struct oauth1_param own[OWN_PARAMS], *all = arena_alloc(a, OWN_PARAMS + count, sizeof(*all));
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);

	if (!all)
		return NULL;
	own_params(a, o, own);
	for (size_t i = 0; i < OWN_PARAMS + count; i++) {
		const struct oauth1_param *p = i < OWN_PARAMS ? &own[i] : &params[i - OWN_PARAMS];

		all[i] = (struct oauth1_param){ encoded(a, p->name), encoded(a, p->value) };
	}
	qsort(all, OWN_PARAMS + count, sizeof(*all), compare);
	for (size_t i = 0; i < OWN_PARAMS + count; i++)
		buf_add_fmt(&b, "%s%s=%s", i ? "&" : "", all[i].name, all[i].value);
	return wire_take(&b, a, NULL);
}

const char *oauth1_signature(struct arena *a, const struct oauth1 *o, const char *method, const char *url,
                             const struct oauth1_param *params, size_t count)
{
	unsigned char mac[HASH_SHA1_BYTES];
	const char *normal, *base, *key;

	if (count > OAUTH1_MAX_PARAMS) {
		a->error = -ST_TOO_LARGE;
		return NULL;
	}
	normal = normal_params(a, o, params, count);
	base = normal ? arena_fmt(a, "%s&%s&%s", method, encoded(a, url), encoded(a, normal)) : NULL;
	key = arena_fmt(a, "%s&%s", encoded(a, o->consumer_secret), encoded(a, o->token_secret));
	if (!base || !key || a->error)
		return NULL;
	if (hash_hmac_sha1(key, strlen(key), base, strlen(base), mac)) {
		a->error = -ST_NO_MEMORY;
		return NULL;
	}
	return base64_encode(a, mac, sizeof(mac));
}

const char *oauth1_header(struct arena *a, const struct oauth1 *o, const char *method, const char *url,
                          const struct oauth1_param *params, size_t count)
{
	const char *signature = oauth1_signature(a, o, method, url, params, count);
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	struct oauth1_param own[OWN_PARAMS];

	if (!signature)
		return NULL;
	own_params(a, o, own);
	buf_add_fmt(&b, "OAuth oauth_signature=\"%s\"", encoded(a, signature));
	for (size_t i = 0; i < OWN_PARAMS; i++)
		buf_add_fmt(&b, ", %s=\"%s\"", own[i].name, encoded(a, own[i].value));
	return wire_take(&b, a, NULL);
}
