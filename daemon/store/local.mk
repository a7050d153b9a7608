noinst_LIBRARIES += daemon/libstore.a
daemon_libstore_a_SOURCES = \
	%D%/kv.c %D%/kv.h %D%/kv_priv.h \
	%D%/kv_backup.c \
	%D%/kv_cursor.c \
	%D%/kv_lmdb.c %D%/kv_lmdb.h %D%/kv_lmdb_priv.h \
	%D%/kv_lmdb_env.c \
	%D%/kv_lmdb_file.c %D%/kv_lmdb_file.h \
	%D%/kv_lmdb_map.c \
	%D%/kv_log.c \
	%D%/kv_merge.c \
	%D%/kv_overlay.c %D%/kv_overlay.h \
	%D%/kv_wal.c %D%/kv_wal.h \
	%D%/store.c %D%/store.h %D%/store_priv.h \
	%D%/store_care.c %D%/store_care.h \
	%D%/store_check.c %D%/store_check.h \
	%D%/store_journal.c \
	%D%/store_page.c \
	%D%/store_prune.c \
	%D%/store_target.c \
	%D%/store_things.c \
	%D%/store_upgrade.c
daemon_libstore_a_CFLAGS = $(AM_CFLAGS) $(LMDB_CFLAGS) $(CRYPTO_CFLAGS) $(ZLIB_CFLAGS)
