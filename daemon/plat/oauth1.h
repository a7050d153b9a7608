/* oauth1.h: signing requests by OAuth 1.0a (RFC 5849, HMAC-SHA1), as X's Ads API wants it. Private to plat/.
 *
 * The parameters are those of the query and of a form body; JSON and multipart bodies are not signed. form.h encodes as it is
 * signed here, so that the bytes sent and signed agree. */
#ifndef SMMQ_PLAT_OAUTH1_H
#define SMMQ_PLAT_OAUTH1_H

#include <stddef.h>
#include <stdint.h>

#include "proto/arena.h"

#define OAUTH1_MAX_PARAMS 64

struct oauth1 {
	const char *consumer_key, *consumer_secret, *token, *token_secret;
	const char *nonce;           /* never the same again */
	int64_t time_s;              /* within five minutes of the server's */
};
struct oauth1_param { const char *name, *value; };

/* The signature in base64; url without query. NULL without memory, or with more than OAUTH1_MAX_PARAMS; arena->error is
 * then set. */
const char *oauth1_signature(struct arena *a, const struct oauth1 *o, const char *method, const char *url,
                             const struct oauth1_param *params, size_t count);
/* The value of the header Authorization, a secret. NULL as above. */
const char *oauth1_header(struct arena *a, const struct oauth1 *o, const char *method, const char *url,
                          const struct oauth1_param *params, size_t count);

#endif
