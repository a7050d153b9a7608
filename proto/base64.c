/* base64.c: RFC 4648 over libcrypto. */
#include "proto/base64.h"

#include <limits.h>
#include <string.h>

#include <openssl/evp.h>

#include "proto/status.h"

static char *encode(struct arena *a, const void *data, size_t len)
{
	char *out;

	if (len > (size_t)INT_MAX / 2) {
		a->error = -ST_TOO_LARGE;
		return NULL;
	}
	out = arena_alloc(a, (len + 2) / 3 * 4 + 1, 1);
	if (out)
		out[EVP_EncodeBlock((unsigned char *)out, data, (int)len)] = '\0';
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
