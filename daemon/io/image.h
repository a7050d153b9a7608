/* image.h: what a file is, by its content. Headers are read by libpng, libjpeg, libwebp and giflib; nothing is decoded.
 * Pool threads only. */
#ifndef SMMQ_IO_IMAGE_H
#define SMMQ_IO_IMAGE_H

#include <stddef.h>
#include <stdint.h>

/* Fills mime ("image/png", "image/jpeg", "image/gif", "image/webp", "video/mp4", "video/quicktime", "video/webm",
 * "application/pdf", else "application/octet-stream") and the pixel size of images. A damaged image of a known kind gives
 * "application/octet-stream". 0 or -ST_IO. */
int image_probe(int fd, char *mime, size_t mime_size, uint32_t *width, uint32_t *height);

#endif
