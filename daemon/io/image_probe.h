/* image_probe.h: what the files of image share. Private to them. */
#ifndef SMMQ_IO_IMAGE_PROBE_H
#define SMMQ_IO_IMAGE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROBE_HEAD_BYTES 4096

struct probe {
	int fd;
	unsigned char head[PROBE_HEAD_BYTES];
	size_t head_len;
	uint32_t width, height;
	bool io_failed;
	off_t at;                      /* of the next byte that probe_read gives */
};

/* Up to len bytes from `at` on; less at the end of the file, or when reading failed (io_failed). */
size_t probe_read(struct probe *p, void *out, size_t len);

/* image_video.c: whether it is one, by the structure behind the first bytes. */
bool probe_mp4(struct probe *p);
bool probe_movie(struct probe *p);
bool probe_webm(struct probe *p);

#endif
