noinst_LIBRARIES += daemon/libio.a
daemon_libio_a_SOURCES = \
	%D%/clock.c %D%/clock.h \
	%D%/ffprobe.c %D%/ffprobe.h %D%/ffprobe_read.c \
	%D%/file.c %D%/file.h %D%/file_pool.h %D%/file_publish.c %D%/file_sink.c \
	%D%/http.c %D%/http.h %D%/http_request.c %D%/http_transfer.c %D%/http_transfer.h \
	%D%/image.c %D%/image.h %D%/image_probe.h %D%/image_video.c \
	%D%/loop.c %D%/loop.h \
	%D%/notify.c %D%/notify.h \
	%D%/rng.c %D%/rng.h \
	%D%/server.c %D%/server.h %D%/server_conn.c %D%/server_conn.h \
	%D%/timer.c %D%/timer.h \
	%D%/work.c %D%/work.h
daemon_libio_a_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS) $(CURL_CFLAGS) $(SYSTEMD_CFLAGS) $(CRYPTO_CFLAGS) \
	$(PNG_CFLAGS) $(JPEG_CFLAGS) $(WEBP_CFLAGS)
