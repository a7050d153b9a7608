/* image.c: what a file is, by its content. The first bytes say which library to ask; the library reads the header and
 * nothing behind it. Hostile files are the normal case: every library's own way out of an error is taken over here. */
#include "daemon/io/image.h"

#include <errno.h>
#include <gif_lib.h>
#include <limits.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jpeglib.h>
#include <png.h>
#include <webp/decode.h>

#include "daemon/io/image_probe.h"
#include "proto/status.h"

/* ---- reading ---- */

size_t probe_read(struct probe *p, void *out, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(p->fd, (char *)out + done, len - done, p->at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			p->io_failed = true;
		if (n <= 0)
			break;
		done += (size_t)n;
		p->at += n;
	}
	return done;
}

/* ---- PNG ---- */

static void png_fail(png_structp png, png_const_charp message)
{
	(void)message;
	png_longjmp(png, 1);
}

static void png_ignore(png_structp png, png_const_charp message)
{
	(void)png;
	(void)message;
}

static void png_fill(png_structp png, png_bytep out, size_t len)
{
	if (probe_read(png_get_io_ptr(png), out, len) != len)
		png_error(png, "short");
}

static bool probe_png(struct probe *p)
{
	png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, png_fail, png_ignore);
	png_infop info = png != NULL ? png_create_info_struct(png) : NULL;

	if (info == NULL || setjmp(png_jmpbuf(png)) != 0) {
		png_destroy_read_struct(&png, &info, NULL);
		return false;
	}
	png_set_read_fn(png, p, png_fill);
	/* Profiles and texts may be compressed bombs: all chunks that do not matter are skipped unread. */
	png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
	png_read_info(png, info);
	p->width = png_get_image_width(png, info);
	p->height = png_get_image_height(png, info);
	png_destroy_read_struct(&png, &info, NULL);
	return true;
}

/* ---- JPEG ---- */

struct jpeg_try {
	struct jpeg_error_mgr mgr;     /* first: libjpeg knows only this */
	jmp_buf back;
};

static void jpeg_fail(j_common_ptr cinfo)
{
	struct jpeg_try *t = (struct jpeg_try *)cinfo->err;

	longjmp(t->back, 1);
}

static void jpeg_silent(j_common_ptr cinfo)
{
	(void)cinfo;
}

static bool probe_jpeg_stream(struct probe *p, FILE *file)
{
	struct jpeg_decompress_struct cinfo;
	struct jpeg_try t;

	memset(&cinfo, 0, sizeof cinfo);
	cinfo.err = jpeg_std_error(&t.mgr);
	t.mgr.error_exit = jpeg_fail;
	t.mgr.output_message = jpeg_silent;
	if (setjmp(t.back) != 0) {
		jpeg_destroy_decompress(&cinfo);
		return false;
	}
	jpeg_create_decompress(&cinfo);
	jpeg_stdio_src(&cinfo, file);
	(void)jpeg_read_header(&cinfo, TRUE);
	p->width = cinfo.image_width;
	p->height = cinfo.image_height;
	jpeg_destroy_decompress(&cinfo);
	return true;
}

static bool probe_jpeg(struct probe *p)
{
	int fd = dup(p->fd);
	FILE *file = fd >= 0 ? fdopen(fd, "rb") : NULL;
	bool good;

	if (file == NULL) {
		if (fd >= 0)
			close(fd);
		p->io_failed = true;
		return false;
	}
	rewind(file);
	good = probe_jpeg_stream(p, file);
	fclose(file);
	return good;
}

/* ---- GIF and WebP ---- */

static int gif_fill(GifFileType *gif, GifByteType *out, int len)
{
	return len < 0 ? 0 : (int)probe_read(gif->UserData, out, (size_t)len);
}

static bool probe_gif(struct probe *p)
{
	int error;
	GifFileType *gif = DGifOpen(p, gif_fill, &error);

	if (gif == NULL)
		return false;
	p->width = gif->SWidth > 0 ? (uint32_t)gif->SWidth : 0;
	p->height = gif->SHeight > 0 ? (uint32_t)gif->SHeight : 0;
	(void)DGifCloseFile(gif, &error);
	return true;
}

static bool probe_webp(struct probe *p)
{
	int width = 0, height = 0;

	if (!WebPGetInfo(p->head, p->head_len, &width, &height) || width < 0 || height < 0)
		return false;
	p->width = (uint32_t)width;
	p->height = (uint32_t)height;
	return true;
}

/* ---- which one ---- */

/* Its first bytes are proof enough. */
static bool probe_any(struct probe *p)
{
	(void)p;
	return true;
}

static const struct {
	const char *mime;
	size_t offset, len;
	const char *magic;
	bool (*probe)(struct probe *p);
	bool pixels;
} kinds[] = {
	{ "image/png", 0, 8, "\x89PNG\r\n\x1a\n", probe_png, true },
	{ "image/jpeg", 0, 3, "\xff\xd8\xff", probe_jpeg, true },
	{ "image/gif", 0, 4, "GIF8", probe_gif, true },
	{ "image/webp", 8, 4, "WEBP", probe_webp, true },
	{ "video/quicktime", 4, 8, "ftypqt  ", probe_any, false },
	{ "video/mp4", 4, 4, "ftyp", probe_mp4, false },
	{ "video/quicktime", 4, 4, "moov", probe_movie, false },
	{ "video/quicktime", 4, 4, "mdat", probe_movie, false },
	{ "video/quicktime", 4, 4, "wide", probe_movie, false },
	{ "video/quicktime", 4, 4, "free", probe_movie, false },
	{ "video/quicktime", 4, 4, "skip", probe_movie, false },
	{ "video/webm", 0, 4, "\x1a\x45\xdf\xa3", probe_webm, false },
	{ "application/pdf", 0, 5, "%PDF-", probe_any, false },
};

int image_probe(int fd, char *mime, size_t mime_size, uint32_t *width, uint32_t *height)
{
	struct probe p = { .fd = fd };
	const char *found = "application/octet-stream";

	p.head_len = probe_read(&p, p.head, sizeof p.head);
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (p.head_len < kinds[i].offset + kinds[i].len ||
		    memcmp(p.head + kinds[i].offset, kinds[i].magic, kinds[i].len) != 0)
			continue;
		p.at = 0;
		if (kinds[i].probe(&p) && (!kinds[i].pixels || (p.width > 0 && p.height > 0)))
			found = kinds[i].mime;
		else
			p.width = p.height = 0;
		break;
	}
	if (p.io_failed)
		return -ST_IO;
	snprintf(mime, mime_size, "%s", found);
	*width = p.width;
	*height = p.height;
	return 0;
}
