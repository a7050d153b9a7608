/* hash.c: the only file of proto that knows libcrypto; its failures become our status here. */
#include "proto/hash.h"

#include <pthread.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "proto/status.h"

enum hmac_kind { HMAC_SHA1, HMAC_SHA256, HMAC__COUNT };

/* EVP_sha256() and HMAC() look algorithms up at each use, under locks; fetched once they are only used, or copied. */
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;
static EVP_MD *fetched;
static EVP_MAC_CTX *hmac_models[HMAC__COUNT];

static EVP_MAC_CTX *hmac_model(EVP_MAC *mac, char *digest)
{
	const OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end() };
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;

	if (ctx && EVP_MAC_CTX_set_params(ctx, params) == 1)
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

static void fetch(void)
{
	static char sha1[] = "SHA1", sha256[] = "SHA256";
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
	hmac_models[HMAC_SHA1] = hmac_model(mac, sha1);
	hmac_models[HMAC_SHA256] = hmac_model(mac, sha256);
	EVP_MAC_free(mac);
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

static int hmac(enum hmac_kind kind, const void *key, size_t key_len, const void *data, size_t len, unsigned char *out, size_t out_bytes)
{
	size_t out_len = 0;

	memset(out, 0, out_bytes);
	(void)pthread_once(&fetch_once, fetch);
	EVP_MAC_CTX *ctx = hmac_models[kind] ? EVP_MAC_CTX_dup(hmac_models[kind]) : NULL;
	int ok = ctx && EVP_MAC_init(ctx, key ? key : (const void *)"", key_len, NULL) == 1 &&
	         EVP_MAC_update(ctx, data ? data : (const void *)"", len) == 1 && EVP_MAC_final(ctx, out, &out_len, out_bytes) == 1;
	EVP_MAC_CTX_free(ctx);
	return ok && out_len == out_bytes ? 0 : -ST_NO_MEMORY;
}

int hash_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
                     unsigned char out[HASH_SHA256_BYTES])
{
	return hmac(HMAC_SHA256, key, key_len, data, len, out, HASH_SHA256_BYTES);
}

int hash_hmac_sha1(const void *key, size_t key_len, const void *data, size_t len, unsigned char out[HASH_SHA1_BYTES])
{
	return hmac(HMAC_SHA1, key, key_len, data, len, out, HASH_SHA1_BYTES);
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
