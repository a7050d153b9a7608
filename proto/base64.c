/* base64.c: RFC 4648 over libcrypto. */
#include "proto/base64.h"

#include <limits.h>
#include <string.h>

#include <openssl/evp.h>

#include "proto/status.h"

void base64_block(char *out, const void *data, size_t len)
{
	out[EVP_EncodeBlock((unsigned char *)out, data, (int)len)] = '\0';
}

static char *encode(struct arena *a, const void *data, size_t len)
{
	char *out;

	if (len > (size_t)INT_MAX / 2) {
		a->error = -ST_TOO_LARGE;
		return NULL;
	}
	out = arena_alloc(a, BASE64_BYTES(len) + 1, 1);
	if (out)
		base64_block(out, data, len);
	return out;
}

const char *base64_encode(struct arena *a, const void *data, size_t len)
{
	return encode(a, data, len);
}

const char *base64_url_encode(struct arena *a, const void *data, size_t len)
{
	char *out = encode(a, data, len), *c;

	for (c = out; c && *c && *c != '='; c++) {
		if (*c == '+')
			*c = '-';
		else if (*c == '/')
			*c = '_';
	}
	if (c)
		*c = '\0';
	return out;
}
