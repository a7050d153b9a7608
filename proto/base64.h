/* base64.h: RFC 4648 over libcrypto. */
#ifndef SMMQ_PROTO_BASE64_H
#define SMMQ_PROTO_BASE64_H

#include <stddef.h>

#include "proto/arena.h"

/* With padding (section 4). NULL without memory; arena->error is then set. */
const char *base64_encode(struct arena *a, const void *data, size_t len);
/* Without padding, safe in URLs (section 5), as PKCE and JWT want it. NULL without memory. */
const char *base64_url_encode(struct arena *a, const void *data, size_t len);

#endif
