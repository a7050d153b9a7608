/* test_io_image.c: files of every kind, made here by the libraries' own writers, whole and damaged. */
#include "daemon/io/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <gif_lib.h>
#include <jpeglib.h>
#include <png.h>
#include <webp/encode.h>

#define OCTETS "application/octet-stream"

struct sample {
	unsigned char data[65536];
	size_t len;
};

static struct sample png, jpeg, gif, webp, movie, webm;

static void sample_add(struct sample *s, const void *data, size_t len)
{
	assert_true(len <= sizeof s->data - s->len);
	memcpy(s->data + s->len, data, len);
	s->len += len;
}

static void probe(const void *data, size_t len, char *mime, uint32_t *width, uint32_t *height)
{
	char path[] = "/tmp/test_image_XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	assert_int_equal(image_probe(fd, mime, 64, width, height), 0);
	close(fd);
}

static void expect(const void *data, size_t len, const char *mime, uint32_t width, uint32_t height)
{
	char got[64];
	uint32_t w = 99, h = 99;

	probe(data, len, got, &w, &h);
	assert_string_equal(got, mime);
	assert_int_equal(w, width);
	assert_int_equal(h, height);
}

/* ---- making samples ---- */

static void png_take(png_structp p, png_bytep data, size_t len)
{
	sample_add(png_get_io_ptr(p), data, len);
}

static void make_png(void)
{
	png_structp p = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png_create_info_struct(p);
	unsigned char row[3 * 37] = { 1, 2, 3 };
	char key[] = "Comment", text[] = "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz";
	png_text comment = { .compression = PNG_TEXT_COMPRESSION_zTXt, .key = key, .text = text };

	png_set_write_fn(p, &png, png_take, NULL);
	png_set_IHDR(p, info, 37, 11, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
	             PNG_FILTER_TYPE_DEFAULT);
	png_set_text(p, info, &comment, 1);
	png_write_info(p, info);
	for (int i = 0; i < 11; i++)
		png_write_row(p, row);
	png_write_end(p, info);
	png_destroy_write_struct(&p, &info);
}

static void make_jpeg(void)
{
	struct jpeg_compress_struct c;
	struct jpeg_error_mgr err;
	unsigned char *out = NULL;
	unsigned long len = 0;
	unsigned char row[3 * 20] = { 200, 100 };
	JSAMPROW rows[1] = { row };

	c.err = jpeg_std_error(&err);
	jpeg_create_compress(&c);
	jpeg_mem_dest(&c, &out, &len);
	c.image_width = 20;
	c.image_height = 33;
	c.input_components = 3;
	c.in_color_space = JCS_RGB;
	jpeg_set_defaults(&c);
	jpeg_start_compress(&c, TRUE);
	for (int i = 0; i < 33; i++)
		jpeg_write_scanlines(&c, rows, 1);
	jpeg_finish_compress(&c);
	jpeg_destroy_compress(&c);
	sample_add(&jpeg, out, len);
	free(out);
}

static int gif_take(GifFileType *g, const GifByteType *data, int len)
{
	sample_add(g->UserData, data, (size_t)len);
	return len;
}

static void make_gif(void)
{
	int error;
	GifColorType colors[2] = { { 0, 0, 0 }, { 255, 255, 255 } };
	ColorMapObject *map = GifMakeMapObject(2, colors);
	GifFileType *g = EGifOpen(&gif, gif_take, &error);
	GifPixelType row[15] = { 0, 1 };

	EGifSetGifVersion(g, true);
	EGifPutScreenDesc(g, 15, 4, 1, 0, map);
	EGifPutImageDesc(g, 0, 0, 15, 4, false, NULL);
	for (int i = 0; i < 4; i++)
		EGifPutLine(g, row, 15);
	EGifCloseFile(g, &error);
	GifFreeMapObject(map);
}

static void make_webp(void)
{
	unsigned char pixels[3 * 24 * 18] = { 9 };
	uint8_t *out = NULL;
	size_t len = WebPEncodeLosslessRGB(pixels, 24, 18, 3 * 24, &out);

	sample_add(&webp, out, len);
	WebPFree(out);
}

static int make_samples(void **state)
{
	(void)state;
	make_png();
	make_jpeg();
	make_gif();
	make_webp();
	sample_add(&movie, "\0\0\0\10wide\0\0\0\1mdat\0\0\0\0\0\0\0\24abcd\0\0\0\24moov\0\0\0\14mvhdabcd", 48);
	sample_add(&webm, "\032\105\337\243\213\102\206\201\1\102\202\204webm", 16);
	return 0;
}

/* ---- tests ---- */

static void whole_images(void **state)
{
	(void)state;
	expect(png.data, png.len, "image/png", 37, 11);
	expect(jpeg.data, jpeg.len, "image/jpeg", 20, 33);
	expect(gif.data, gif.len, "image/gif", 15, 4);
	expect(webp.data, webp.len, "image/webp", 24, 18);
	expect(movie.data, movie.len, "video/quicktime", 0, 0);
	expect(webm.data, webm.len, "video/webm", 0, 0);
}

static void cut_headers_are_octets(void **state)
{
	(void)state;
	expect(png.data, 20, OCTETS, 0, 0);
	expect(jpeg.data, 30, OCTETS, 0, 0);
	expect(gif.data, 9, OCTETS, 0, 0);
	expect(webp.data, 18, OCTETS, 0, 0);
	expect("", 0, OCTETS, 0, 0);
	expect("hello, world", 12, OCTETS, 0, 0);
}

static void damaged_headers_are_octets(void **state)
{
	struct sample s = png;

	(void)state;
	s.data[18] ^= 0x40;      /* width no longer fits the chunk's checksum */
	expect(s.data, s.len, OCTETS, 0, 0);
	s = png;
	memset(s.data + 16, 0, 8);
	expect(s.data, s.len, OCTETS, 0, 0);
	s = jpeg;
	memset(s.data + 3, 0xff, s.len - 3);
	expect(s.data, s.len, OCTETS, 0, 0);
}

/* Whatever a byte is changed to, the answer is a kind and nothing ends the program. */
static void every_damage_is_survived(void **state)
{
	struct sample *all[] = { &png, &jpeg, &gif, &webp, &movie, &webm };
	char mime[64];
	uint32_t w, h;

	(void)state;
	for (size_t k = 0; k < sizeof all / sizeof all[0]; k++) {
		size_t head = all[k]->len < 200 ? all[k]->len : 200;

		for (size_t i = 0; i < head; i++) {
			struct sample s = *all[k];

			s.data[i] = (unsigned char)~s.data[i];
			probe(s.data, s.len, mime, &w, &h);
			probe(all[k]->data, i, mime, &w, &h);
		}
	}
}

static void box(struct sample *s, const char *brands)
{
	size_t n = strlen(brands);
	unsigned char head[8] = { 0, 0, 0, (unsigned char)(12 + n), 'f', 't', 'y', 'p' };

	s->len = 0;
	sample_add(s, head, 8);
	sample_add(s, brands, 4);
	sample_add(s, "\0\0\2\0", 4);
	sample_add(s, brands + 4, n - 4);
	sample_add(s, "\0\0\0\10mdat", 8);
}

static void videos_by_their_brand(void **state)
{
	static const struct {
		const char *brands, *mime;
	} rows[] = {
		{ "isom", "video/mp4" },     { "mp42isom", "video/mp4" },     { "XXXXiso5mp41", "video/mp4" },
		{ "avifmif1miafiso8", OCTETS }, { "heicmif1isom", OCTETS }, { "XXXXYYYY", OCTETS },
	};
	struct sample s;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		box(&s, rows[i].brands);
		expect(s.data, s.len, rows[i].mime, 0, 0);
	}
	expect("\0\0\0\20ftypisom", 12, OCTETS, 0, 0);
}

/* Movies of QuickTime, with the box that names the family and, older, without. */
static void movies_by_their_boxes(void **state)
{
	static const struct {
		const char *data, *mime;
		size_t len;
	} rows[] = {
		{ "\0\0\0\24ftypqt  \0\0\2\0qt  \0\0\0\10wide", "video/quicktime", 28 },
		{ "\0\0\0\24ftypqt  \0\0\2\0mp42\0\0\0\10wide", "video/quicktime", 28 },
		{ "\0\0\0\24moov\0\0\0\14mvhdabcd", "video/quicktime", 20 },
		{ "\0\0\0\10wide\0\0\0\14mdatabcd\0\0\0\24moov\0\0\0\14mvhdabcd", "video/quicktime", 40 },
		{ "\0\0\0\1mdat\0\0\0\0\0\0\0\24abcd\0\0\0\24moov\0\0\0\14mvhdabcd", "video/quicktime", 40 },
		{ "\0\0\0\10wide\0\0\0\14mdatabcd", OCTETS, 20 },
		{ "\0\0\0\1mdat\377\377\377\377\377\377\377\377abcd", OCTETS, 20 },
		{ "\0\0\0\1mdat\0\0\0\0\0\0\0\0abcd", OCTETS, 20 },
		{ "\0\0\0\0wide\0\0\0\0wide", OCTETS, 16 },
		{ "\0\0\0\24moov\0\0\0\14mvhd", OCTETS, 16 },
		{ "The moov is a word, and free", OCTETS, 28 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		expect(rows[i].data, rows[i].len, rows[i].mime, 0, 0);
}

static void webm_by_its_document_type(void **state)
{
	static const struct {
		const char *data, *mime;
		size_t len;
	} rows[] = {
		{ "\032\105\337\243\213\102\206\201\1\102\202\204webm", "video/webm", 16 },
		{ "\032\105\337\243\215\102\206\201\1\102\202\206webm\0\0", "video/webm", 18 },
		{ "\032\105\337\243\1\0\0\0\0\0\0\7\102\202\204webm", "video/webm", 19 },
		{ "\032\105\337\243\217\102\206\201\1\102\202\210matroska", OCTETS, 20 },
		{ "\032\105\337\243\213\102\206\201\1\102\202\204web", OCTETS, 15 },
		{ "\032\105\337\243\204\102\206\201\1\102\202\204webm", OCTETS, 16 },
		{ "\032\105\337\243\213\102\206\1\177\377\377\377\377\377\377", OCTETS, 16 },
		{ "\032\105\337\243\0", OCTETS, 5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		expect(rows[i].data, rows[i].len, rows[i].mime, 0, 0);
}

static void documents(void **state)
{
	(void)state;
	expect("%PDF-1.7\n%\342\343\317\323\n", 15, "application/pdf", 0, 0);
	expect("%PDF is a kind of file", 22, OCTETS, 0, 0);
}

static void unreadable_is_an_error(void **state)
{
	char mime[64];
	uint32_t w, h;

	(void)state;
	assert_true(image_probe(-1, mime, sizeof mime, &w, &h) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_images),
		cmocka_unit_test(cut_headers_are_octets),
		cmocka_unit_test(damaged_headers_are_octets),
		cmocka_unit_test(every_damage_is_survived),
		cmocka_unit_test(videos_by_their_brand),
		cmocka_unit_test(movies_by_their_boxes),
		cmocka_unit_test(webm_by_its_document_type),
		cmocka_unit_test(documents),
		cmocka_unit_test(unreadable_is_an_error),
	};

	return cmocka_run_group_tests(tests, make_samples, NULL);
}
