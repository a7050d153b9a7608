/* hash.c: the only file of proto that knows libcrypto; its failures become our status here. */
#include "proto/hash.h"

#include <limits.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "proto/status.h"

int hash_sha256(const void *data, size_t len, unsigned char out[HASH_SHA256_BYTES])
{
	memset(out, 0, HASH_SHA256_BYTES);
	if (EVP_Digest(data ? data : "", len, out, NULL, EVP_sha256(), NULL) != 1)
		return -ST_NO_MEMORY;
	return 0;
}

int hash_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
                     unsigned char out[HASH_SHA256_BYTES])
{
	unsigned int out_len = 0;

	memset(out, 0, HASH_SHA256_BYTES);
	if (key_len > INT_MAX)
		return -ST_TOO_LARGE;
	if (!HMAC(EVP_sha256(), key ? key : "", (int)key_len, data ? data : (const void *)"", len, out, &out_len))
		return -ST_NO_MEMORY;
	return 0;
}

char *hash_hex(const unsigned char *bytes, size_t len, char *hex)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	hex[2 * len] = '\0';
	return hex;
}
