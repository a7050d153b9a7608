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

#include "proto/status.h"

#define HEAD_BYTES 4096

struct probe {
	int fd;
	unsigned char head[HEAD_BYTES];
	size_t head_len;
	uint32_t width, height;
	bool io_failed;
	off_t at;                      /* of the next byte for a library that reads by itself */
};

/* ---- reading ---- */

static size_t probe_read(struct probe *p, void *out, size_t len)
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

/* ---- MP4: a first box "ftyp" that names a brand of that family. Still pictures (AVIF, HEIC) use the same box. ---- */

static const char mp4_brands[][5] = {
	"isom", "iso2", "iso3", "iso4", "iso5", "iso6", "mp41", "mp42", "avc1", "M4V ",
	"M4VH", "M4VP", "MSNV", "dash", "mmp4", "f4v ", "3gp4", "3gp5", "3gp6",
};
static const char still_brands[][5] = {
	"avif", "avis", "heic", "heix", "heim", "heis", "hevc", "mif1", "msf1", "crx ",
};

static bool brand_in(const unsigned char *brand, const char (*list)[5], size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (memcmp(brand, list[i], 4) == 0)
			return true;
	return false;
}

static bool probe_mp4(struct probe *p)
{
	const unsigned char *h = p->head;
	size_t size;

	if (p->head_len < 16)
		return false;
	size = (size_t)h[0] << 24 | (size_t)h[1] << 16 | (size_t)h[2] << 8 | h[3];
	if (size < 16 || brand_in(h + 8, still_brands, sizeof still_brands / sizeof still_brands[0]))
		return false;
	if (size > p->head_len)
		size = p->head_len;
	/* The major brand at 8, its version at 12, then the compatible ones. */
	for (size_t at = 8; at + 4 <= size; at += at == 8 ? 8 : 4)
		if (brand_in(h + at, mp4_brands, sizeof mp4_brands / sizeof mp4_brands[0]))
			return true;
	return false;
}

/* ---- which one ---- */

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
	{ "video/mp4", 4, 4, "ftyp", probe_mp4, false },
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
