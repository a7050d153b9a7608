/* utf8.h: strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef SMMQ_PROTO_UTF8_H
#define SMMQ_PROTO_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether all len bytes are well-formed UTF-8. On false, *bad_at (may be NULL) is the offset of the first bad byte. */
bool utf8_valid(const char *s, size_t len, size_t *bad_at);

/* Length of the longest prefix of at most max_bytes that does not cut a code point. s must be valid. */
size_t utf8_cut(const char *s, size_t len, size_t max_bytes);

#endif
