noinst_LIBRARIES += daemon/libmodel.a
daemon_libmodel_a_SOURCES = \
	%D%/caltime.c %D%/caltime.h %D%/caltime_parse.c %D%/caltime_zone.c %D%/caltime_zone.h \
	%D%/job.c %D%/job.h \
	%D%/limit.c %D%/limit.h \
	%D%/record.c %D%/record.h \
	%D%/retry.c %D%/retry.h \
	%D%/state.c %D%/state.h \
	%D%/text.c %D%/text.h %D%/text_bluesky.c %D%/text_find.c %D%/text_find.h %D%/text_mastodon.c %D%/text_threads.c \
	%D%/text_x.c %D%/text_x.h %D%/text_x_char.c %D%/text_x_url.c
daemon_libmodel_a_CFLAGS = $(AM_CFLAGS) $(ICU_CFLAGS) $(ICAL_CFLAGS) $(PSL_CFLAGS)
