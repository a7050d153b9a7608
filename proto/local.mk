noinst_LIBRARIES += proto/libproto.a
proto_libproto_a_SOURCES = \
	%D%/arena.c %D%/arena.h \
	%D%/buf.c %D%/buf.h \
	%D%/base64.c %D%/base64.h \
	%D%/hash.c %D%/hash.h \
	%D%/json.c %D%/json.h %D%/json_scan.c %D%/json_scan.h %D%/json_write.c \
	%D%/line.c %D%/line.h \
	%D%/status.c %D%/status.h \
	%D%/unit.c %D%/unit.h \
	%D%/span.c %D%/span.h %D%/utf8.c %D%/utf8.h \
	%D%/verb.c %D%/verb.h
proto_libproto_a_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS) $(CRYPTO_CFLAGS)
dist_doc_DATA += %D%/PROTOCOL
dist_man_MANS += %D%/smmq-protocol.7
