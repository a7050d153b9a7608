/* hash.h: SHA-256 and HMAC of bytes in memory, over libcrypto. For fingerprints and signatures of small things;
 * files are hashed in pieces where they are read. */
#ifndef SMMQ_PROTO_HASH_H
#define SMMQ_PROTO_HASH_H

#include <stddef.h>

#define HASH_SHA256_BYTES 32
#define HASH_SHA1_BYTES 20
#define HASH_SHA256_HEX_SIZE (2 * HASH_SHA256_BYTES + 1)

/* 0, or -ST_NO_MEMORY (then out is zeroed). data may be NULL when len is 0. */
int hash_sha256(const void *data, size_t len, unsigned char out[HASH_SHA256_BYTES]);
/* The same over pieces, one after the other. */
struct hash_piece { const void *data; size_t len; };
int hash_sha256_pieces(const struct hash_piece *pieces, size_t count, unsigned char out[HASH_SHA256_BYTES]);
/* RFC 2104. 0 or -ST_NO_MEMORY. */
int hash_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
                     unsigned char out[HASH_SHA256_BYTES]);
/* The same with SHA-1, where a platform signs with that (OAuth 1.0a). */
int hash_hmac_sha1(const void *key, size_t key_len, const void *data, size_t len, unsigned char out[HASH_SHA1_BYTES]);
/* Lower-case hex with a final NUL; hex holds 2 * len + 1 bytes. Returns hex. */
char *hash_hex(const unsigned char *bytes, size_t len, char *hex);

#endif
