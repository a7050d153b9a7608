/* span.h: how far text is plain, eight bytes at a time: most of what is read and written is, and needs no look at each byte. */
#ifndef SMMQ_PROTO_SPAN_H
#define SMMQ_PROTO_SPAN_H

#include <stddef.h>

/* Length of the run that s begins with of printable ASCII (0x20 to 0x7e) other than the quote and the backslash: what
 * stands in a JSON string as itself. */
size_t span_plain(const char *s, size_t len);
/* The same of all ASCII, control characters too. */
size_t span_ascii(const char *s, size_t len);

#endif
