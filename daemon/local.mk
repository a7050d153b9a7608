noinst_LIBRARIES += daemon/libsmmqd.a
daemon_libsmmqd_a_SOURCES = \
	%D%/app.c %D%/app.h %D%/app_priv.h %D%/app_wire.c \
	%D%/cmd.c %D%/cmd.h %D%/cmd_priv.h \
	%D%/cmd_add.c \
	%D%/cmd_admin.c \
	%D%/cmd_args.c \
	%D%/cmd_care.c \
	%D%/cmd_content.c \
	%D%/cmd_edit.c \
	%D%/cmd_extra.c \
	%D%/cmd_list.c \
	%D%/cmd_log.c \
	%D%/cmd_login.c \
	%D%/cmd_pace.c \
	%D%/cmd_peer.c \
	%D%/cmd_select.c \
	%D%/cmd_status.c \
	%D%/cmd_stop.c \
	%D%/cmd_view.c \
	%D%/conf.c %D%/conf.h \
	%D%/conf_account.c \
	%D%/conf_credential.c \
	%D%/conf_read.c %D%/conf_read.h \
	%D%/conf_source.c \
	%D%/conf_table.c \
	%D%/conf_url.c \
	%D%/conf_value.c \
	%D%/engine.c %D%/engine.h %D%/engine_priv.h \
	%D%/engine_clean.c \
	%D%/engine_drive.c \
	%D%/engine_fire.c \
	%D%/engine_look.c \
	%D%/engine_restore.c %D%/engine_restore.h \
	%D%/engine_run.c \
	%D%/engine_turn.c \
	%D%/guard.c %D%/guard.h \
	%D%/keep.c %D%/keep.h \
	%D%/log.c %D%/log.h \
	%D%/media.c %D%/media.h \
	%D%/queue.c %D%/queue.h \
	%D%/queue_backlog.c \
	%D%/queue_limit.c \
	%D%/reload.c %D%/reload.h \
	%D%/token.c %D%/token.h \
	%D%/token_login.c \
	%D%/token_plan.c \
	%D%/turn.c %D%/turn.h %D%/turn_effect.c %D%/turn_priv.h %D%/turn_store.c
daemon_libsmmqd_a_CFLAGS = $(AM_CFLAGS) $(INIH_CFLAGS)

sbin_PROGRAMS += smmqd
smmqd_SOURCES = %D%/main.c
smmqd_LDADD = $(DAEMON_LIBS)

# Everything the daemon is made of, in link order; tests link the same.
MODEL_LIBS = daemon/libmodel.a proto/libproto.a $(CJSON_LIBS) $(CRYPTO_LIBS) $(ICU_LIBS) $(PSL_LIBS) $(ICAL_LIBS) -lpthread
DAEMON_LIBS = daemon/libsmmqd.a daemon/libplat.a daemon/libstore.a daemon/libio.a daemon/libsmmqd.a $(MODEL_LIBS) \
	$(UV_LIBS) $(CURL_LIBS) $(LMDB_LIBS) $(ZLIB_LIBS) $(SYSTEMD_LIBS) $(INIH_LIBS) $(PNG_LIBS) $(JPEG_LIBS) $(WEBP_LIBS) $(GIF_LIBS)

dist_man_MANS += %D%/smmqd.8 %D%/smmqd.conf.5
