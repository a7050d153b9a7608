/* form.c: bodies that are forms. */
#include "daemon/plat/form.h"

#include <stdio.h>

#include "daemon/plat/wire.h"

/* ---- URL-encoded ---- */

void form_begin(struct form *f, struct arena *a)
{
	*f = (struct form){ .arena = a, .text = BUF_INIT(WIRE_MAX_BODY_BYTES) };
}

void form_add(struct form *f, const char *name, const char *value)
{
	if (!value)
		return;
	if (f->text.len)
		buf_add_char(&f->text, '&');
	buf_add_str(&f->text, wire_str(wire_percent(f->arena, name, "")));
	buf_add_char(&f->text, '=');
	buf_add_str(&f->text, wire_str(wire_percent(f->arena, value, "")));
}

void form_add_int(struct form *f, const char *name, int64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%lld", (long long)value);
	form_add(f, name, digits);
}

const char *form_text(struct form *f)
{
	return wire_take(&f->text, f->arena, NULL);
}

void form_body(struct form *f, struct plat_request *r)
{
	size_t len;
	const char *text = wire_take(&f->text, f->arena, &len);

	plat_header(r, "Content-Type", "application/x-www-form-urlencoded");
	if (text)
		plat_body(r, text, len);
}

/* ---- multipart ---- */

void multipart_begin(struct multipart *m, const struct plat_in *in, struct plat_request *r)
{
	const char *hex = wire_hex(in->arena, in->random, sizeof(in->random));

	*m = (struct multipart){ .request = r, .arena = in->arena, .text = BUF_INIT(WIRE_MAX_BODY_BYTES),
	                         .boundary = arena_fmt(in->arena, "smmq-%s", wire_str(hex)) };
	plat_header(r, "Content-Type", arena_fmt(in->arena, "multipart/form-data; boundary=%s", wire_str(m->boundary)));
}

/* As browsers do it: quotes and line breaks of a name are percent-encoded. */
static void add_quoted(struct buf *b, const char *name)
{
	buf_add_char(b, '"');
	for (; *name; name++) {
		if (*name == '"' || (unsigned char)*name < 0x20)
			buf_add_fmt(b, "%%%02X", (unsigned)(unsigned char)*name);
		else
			buf_add_char(b, *name);
	}
	buf_add_char(b, '"');
}

static void add_head(struct multipart *m, const char *name)
{
	buf_add_fmt(&m->text, "--%s\r\nContent-Disposition: form-data; name=", wire_str(m->boundary));
	add_quoted(&m->text, name);
}

void multipart_text(struct multipart *m, const char *name, const char *value)
{
	if (!value)
		return;
	add_head(m, name);
	buf_add_str(&m->text, "\r\n\r\n");
	buf_add_str(&m->text, value);
	buf_add_str(&m->text, "\r\n");
}

static void flush(struct multipart *m)
{
	size_t len;
	const char *text = wire_take(&m->text, m->arena, &len);

	m->text = (struct buf)BUF_INIT(WIRE_MAX_BODY_BYTES);
	if (text)
		plat_body(m->request, text, len);
}

void multipart_media(struct multipart *m, const char *name, const struct media *file, uint64_t offset, uint64_t len)
{
	const char *own = file->name && *file->name ? file->name : NULL;

	add_head(m, name);
	buf_add_str(&m->text, "; filename=");
	add_quoted(&m->text, own ? own : wire_str(arena_fmt(m->arena, "media.%s", wire_extension(file->mime))));
	buf_add_fmt(&m->text, "\r\nContent-Type: %s\r\n\r\n", file->mime ? file->mime : "application/octet-stream");
	flush(m);
	plat_body_range(m->request, file, offset, len);
	buf_add_str(&m->text, "\r\n");
}

void multipart_end(struct multipart *m)
{
	buf_add_fmt(&m->text, "--%s--\r\n", wire_str(m->boundary));
	flush(m);
}
