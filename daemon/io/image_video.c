/* image_video.c: containers of videos, by their outermost structure; what is in them is asked of ffprobe (ffprobe.h). */
#include <string.h>

#include "daemon/io/image_probe.h"

static uint64_t big_endian(const unsigned char *p, size_t len)
{
	uint64_t v = 0;

	for (size_t i = 0; i < len; i++)
		v = v << 8 | p[i];
	return v;
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

bool probe_mp4(struct probe *p)
{
	const unsigned char *h = p->head;
	size_t size;

	if (p->head_len < 16)
		return false;
	size = (size_t)big_endian(h, 4);
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

/* ---- QuickTime without "ftyp", as older programs write it: boxes, among them "moov" with its header ---- */

#define MAX_BOXES 16

/* The box at p->at; where it ends. False: there is none. */
static bool next_box(struct probe *p, char type[4], off_t *end)
{
	unsigned char head[16];
	off_t start = p->at;
	uint64_t size, least = 8;

	if (probe_read(p, head, 8) != 8)
		return false;
	size = big_endian(head, 4);
	if (size == 1) {
		least = 16;
		if (probe_read(p, head + 8, 8) != 8)
			return false;
		size = big_endian(head + 8, 8);
	}
	if (size < least || size > (uint64_t)(INT64_MAX - start))
		return false;
	memcpy(type, head + 4, 4);
	*end = start + (off_t)size;
	return true;
}

bool probe_movie(struct probe *p)
{
	static const char before[][5] = { "mdat", "wide", "free", "skip" };
	char type[4], inner[4];
	off_t end, inner_end;

	for (int i = 0; i < MAX_BOXES && next_box(p, type, &end); i++) {
		if (memcmp(type, "moov", 4) == 0)
			return next_box(p, inner, &inner_end) && inner_end <= end &&
			       (memcmp(inner, "mvhd", 4) == 0 || memcmp(inner, "cmov", 4) == 0) &&
			       probe_read(p, inner, 1) == 1;
		if (!brand_in((const unsigned char *)type, before, sizeof before / sizeof before[0]))
			return false;
		p->at = end;
	}
	return false;
}

/* ---- WebM: an EBML header whose document type is "webm" (RFC 8794; others are Matroska's) ---- */

#define EBML_DOCTYPE 0x4282

/* A variable-length number at *at, before end: its first bit that is set says how long it is. That bit belongs to ids. */
static bool ebml_number(const struct probe *p, size_t *at, size_t end, bool is_id, uint64_t *out)
{
	size_t len = 1;
	unsigned first;

	if (*at >= end)
		return false;
	first = p->head[*at];
	while (len <= 8 && !(first & (0x100u >> len)))
		len++;
	if (len > (is_id ? 4u : 8u) || len > end - *at)
		return false;
	*out = big_endian(p->head + *at, len);
	if (!is_id)
		*out &= ~(UINT64_C(1) << (7 * len));
	*at += len;
	return true;
}

bool probe_webm(struct probe *p)
{
	size_t at = 4, end = p->head_len;
	uint64_t id, size;

	if (!ebml_number(p, &at, end, false, &size))
		return false;
	if (size < end - at)
		end = at + (size_t)size;
	while (ebml_number(p, &at, end, true, &id) && ebml_number(p, &at, end, false, &size) && size <= end - at) {
		if (id == EBML_DOCTYPE)
			return size >= 4 && memcmp(p->head + at, "webm", 4) == 0 && (size == 4 || p->head[at + 4] == '\0');
		at += (size_t)size;
	}
	return false;
}
