/* hash.c: the only file of proto that knows libcrypto; its failures become our status here. */
#include "proto/hash.h"

#include <limits.h>
#include <pthread.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "proto/status.h"

/* EVP_sha256() looks the algorithm up at each use, under locks; fetched once it is only used. */
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;
static EVP_MD *fetched;

static void fetch(void)
{
	fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static const EVP_MD *sha256(void)
{
	(void)pthread_once(&fetch_once, fetch);
	return fetched ? fetched : EVP_sha256();
}

int hash_sha256(const void *data, size_t len, unsigned char out[HASH_SHA256_BYTES])
{
	const struct hash_piece piece = { data, len };

	return hash_sha256_pieces(&piece, 1, out);
}

int hash_sha256_pieces(const struct hash_piece *pieces, size_t count, unsigned char out[HASH_SHA256_BYTES])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok = ctx && EVP_DigestInit_ex(ctx, sha256(), NULL) == 1;

	memset(out, 0, HASH_SHA256_BYTES);
	for (size_t i = 0; ok && i < count; i++)
		ok = EVP_DigestUpdate(ctx, pieces[i].data ? pieces[i].data : "", pieces[i].len) == 1;
	ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -ST_NO_MEMORY;
}

static int hmac(const EVP_MD *md, const void *key, size_t key_len, const void *data, size_t len, unsigned char *out, size_t out_bytes)
{
	unsigned int out_len = 0;

	memset(out, 0, out_bytes);
	if (key_len > INT_MAX)
		return -ST_TOO_LARGE;
	if (!HMAC(md, key ? key : "", (int)key_len, data ? data : (const void *)"", len, out, &out_len))
		return -ST_NO_MEMORY;
	return 0;
}

int hash_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
                     unsigned char out[HASH_SHA256_BYTES])
{
	return hmac(sha256(), key, key_len, data, len, out, HASH_SHA256_BYTES);
}

int hash_hmac_sha1(const void *key, size_t key_len, const void *data, size_t len, unsigned char out[HASH_SHA1_BYTES])
{
	return hmac(EVP_sha1(), key, key_len, data, len, out, HASH_SHA1_BYTES);
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
