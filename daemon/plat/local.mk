noinst_LIBRARIES += daemon/libplat.a
daemon_libplat_a_SOURCES = \
	%D%/plat.c %D%/plat.h \
	%D%/wire.c %D%/wire_content.c %D%/wire_media.c %D%/wire.h \
	%D%/form.c %D%/form.h \
	%D%/kind.c %D%/kind.h \
	%D%/oauth.c %D%/oauth.h \
	%D%/graph.c %D%/graph.h \
	%D%/oauth1.c %D%/oauth1.h \
	%D%/progress.c %D%/progress.h \
	%D%/public.c %D%/public.h \
	%D%/container.c %D%/container_look.c %D%/container_make.c %D%/container.h \
	%D%/outbox.c \
	%D%/instagram.c %D%/instagram_check.c %D%/instagram_session.c %D%/instagram_tags.c %D%/instagram.h \
	%D%/threads.c %D%/threads_check.c %D%/threads.h \
	%D%/webhook.c \
	%D%/mastodon.c %D%/mastodon_check.c %D%/mastodon_find.c %D%/mastodon_media.c %D%/mastodon_session.c %D%/mastodon.h \
	%D%/linkedin.c %D%/linkedin_find.c %D%/linkedin_media.c %D%/linkedin_session.c %D%/linkedin_text.c %D%/linkedin.h \
	%D%/bluesky.c %D%/bluesky_look.c %D%/bluesky_quote.c %D%/bluesky_record.c %D%/bluesky_session.c %D%/bluesky_video.c %D%/bluesky.h \
	%D%/facebook.c %D%/facebook_check.c %D%/facebook_find.c %D%/facebook_match.c %D%/facebook_post.c %D%/facebook_session.c \
	%D%/facebook_status.c %D%/facebook_upload.c %D%/facebook.h \
	%D%/x.c %D%/x_check.c %D%/x_find.c %D%/x_media.c %D%/x_option.c %D%/x_session.c %D%/x_text.c %D%/x.h \
	%D%/pinterest.c %D%/pinterest_find.c %D%/pinterest_session.c %D%/pinterest_video.c %D%/pinterest.h \
	%D%/youtube.c %D%/youtube_find.c %D%/youtube_session.c %D%/youtube_upload.c %D%/youtube.h \
	%D%/tiktok.c %D%/tiktok_check.c %D%/tiktok_find.c %D%/tiktok_make.c %D%/tiktok_put.c %D%/tiktok_session.c \
	%D%/tiktok_status.c %D%/tiktok.h
daemon_libplat_a_CFLAGS = $(AM_CFLAGS)
