/* form.h: bodies that are forms: URL-encoded and multipart. Private to plat/.
 *
 * A file in a multipart body is a range of a stored media file; io/http streams it. Errors stick in the arena. */
#ifndef SMMQ_PLAT_FORM_H
#define SMMQ_PLAT_FORM_H

#include "daemon/plat/plat.h"
#include "proto/buf.h"

/* ---- application/x-www-form-urlencoded (WHATWG URL, 5), blanks as %20 so that signed and sent bytes agree ---- */

struct form { struct arena *arena; struct buf text; };

void form_begin(struct form *f, struct arena *a);
/* A NULL value leaves the field out. */
void form_add(struct form *f, const char *name, const char *value);
void form_add_int(struct form *f, const char *name, int64_t value);
/* "a=1&b=2" in the arena, for a query; f is empty then. NULL on error. */
const char *form_text(struct form *f);
/* The form as the body of r; f is empty then. */
void form_body(struct form *f, struct plat_request *r);

/* ---- multipart/form-data (RFC 7578) ---- */

struct multipart { struct plat_request *request; struct arena *arena; const char *boundary; struct buf text; };

/* The boundary is made of in->random. */
void multipart_begin(struct multipart *m, const struct plat_in *in, struct plat_request *r);
/* A NULL value leaves the field out. */
void multipart_text(struct multipart *m, const char *name, const char *value);
/* len bytes of the media file from offset, under the file's own name (made of its kind where it has none). */
void multipart_media(struct multipart *m, const char *name, const struct media *file, uint64_t offset, uint64_t len);
void multipart_end(struct multipart *m);

#endif
