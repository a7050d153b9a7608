/* base64.h: RFC 4648 over libcrypto. */
#ifndef SMMQ_PROTO_BASE64_H
#define SMMQ_PROTO_BASE64_H

#include <stddef.h>

#include "proto/arena.h"

/* Bytes that len bytes become, with padding and without a NUL. */
#define BASE64_BYTES(len) (((len) + 2) / 3 * 4)

/* Into out, which holds BASE64_BYTES(len) + 1; len at most INT_MAX / 2. */
void base64_block(char *out, const void *data, size_t len);
/* With padding (section 4). NULL without memory; arena->error is then set. */
const char *base64_encode(struct arena *a, const void *data, size_t len);
/* Without padding, safe in URLs (section 5), as PKCE and JWT want it. NULL without memory. */
const char *base64_url_encode(struct arena *a, const void *data, size_t len);

#endif
