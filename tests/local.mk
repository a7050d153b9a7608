# Tests. Unit and fuzz programs and the simulator need cmocka and libmicrohttpd; scripts need Python 3.

if HAVE_TEST_LIBS
UNIT_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += \
	tests/unit/test_arena tests/unit/test_buf tests/unit/test_caltime tests/unit/test_conf tests/unit/test_json \
	tests/unit/test_line tests/unit/test_plat tests/unit/test_record tests/unit/test_state tests/unit/test_status \
	tests/unit/test_text tests/unit/test_unit tests/unit/test_verb \
	tests/unit/textdump tests/unit/zonedump \
	tests/plat/run_exchanges \
	tests/fuzz/replay_caltime tests/fuzz/replay_conf tests/fuzz/replay_json tests/fuzz/replay_line tests/fuzz/replay_record \
	tests/fuzz/replay_text tests/fuzz/replay_unit \
	tests/doc/dump \
	tests/cli/sim_mastodon

TESTS += \
	tests/unit/test_arena tests/unit/test_buf tests/unit/test_caltime tests/unit/test_conf tests/unit/test_json \
	tests/unit/test_line tests/unit/test_plat tests/unit/test_record tests/unit/test_state tests/unit/test_status \
	tests/unit/test_text tests/unit/test_unit tests/unit/test_verb \
	tests/plat/run_exchanges \
	tests/fuzz/replay_caltime tests/fuzz/replay_conf tests/fuzz/replay_json tests/fuzz/replay_line tests/fuzz/replay_record \
	tests/fuzz/replay_text tests/fuzz/replay_unit

tests_unit_test_arena_LDADD = $(UNIT_LDADD)
tests_unit_test_buf_LDADD = $(UNIT_LDADD)
tests_unit_test_caltime_LDADD = $(UNIT_LDADD)
tests_unit_test_conf_LDADD = $(UNIT_LDADD)
tests_unit_test_json_LDADD = $(UNIT_LDADD)
tests_unit_test_line_LDADD = $(UNIT_LDADD)
tests_unit_test_plat_LDADD = $(UNIT_LDADD)
tests_unit_test_record_LDADD = $(UNIT_LDADD)
tests_unit_test_state_LDADD = $(UNIT_LDADD)
tests_unit_test_status_LDADD = $(UNIT_LDADD)
tests_unit_test_text_LDADD = $(UNIT_LDADD)
tests_unit_test_unit_LDADD = $(UNIT_LDADD)
tests_unit_test_verb_LDADD = $(UNIT_LDADD)
tests_unit_textdump_LDADD = $(UNIT_LDADD)
tests_unit_zonedump_LDADD = $(UNIT_LDADD)
tests_doc_dump_LDADD = $(UNIT_LDADD)

tests_plat_run_exchanges_SOURCES = \
	%D%/plat/run_exchanges.c %D%/plat/exchange.c %D%/plat/exchange.h %D%/plat/exchange_call.c %D%/plat/exchange_match.c \
	%D%/plat/exchange_play.h %D%/plat/exchange_script.c
tests_plat_run_exchanges_LDADD = $(UNIT_LDADD)

tests_fuzz_replay_caltime_SOURCES = %D%/fuzz/replay.c %D%/fuzz/fuzz_caltime.c
tests_fuzz_replay_caltime_LDADD = $(UNIT_LDADD)
tests_fuzz_replay_conf_SOURCES = %D%/fuzz/replay.c %D%/fuzz/fuzz_conf.c
tests_fuzz_replay_conf_LDADD = $(UNIT_LDADD)
tests_fuzz_replay_json_SOURCES = %D%/fuzz/replay.c %D%/fuzz/fuzz_json.c
tests_fuzz_replay_json_LDADD = $(UNIT_LDADD)
tests_fuzz_replay_line_SOURCES = %D%/fuzz/replay.c %D%/fuzz/fuzz_line.c
tests_fuzz_replay_line_LDADD = $(UNIT_LDADD)
tests_fuzz_replay_record_SOURCES = %D%/fuzz/replay.c %D%/fuzz/fuzz_record.c
tests_fuzz_replay_record_LDADD = $(UNIT_LDADD)
tests_fuzz_replay_text_SOURCES = %D%/fuzz/replay.c %D%/fuzz/fuzz_text.c
tests_fuzz_replay_text_LDADD = $(UNIT_LDADD)
tests_fuzz_replay_unit_SOURCES = %D%/fuzz/replay.c %D%/fuzz/fuzz_unit.c
tests_fuzz_replay_unit_LDADD = $(UNIT_LDADD)

tests_cli_sim_mastodon_SOURCES = \
	%D%/cli/sim.h %D%/cli/sim_control.c %D%/cli/sim_count.c %D%/cli/sim_mastodon.c %D%/cli/sim_media.c %D%/cli/sim_state.c \
	%D%/cli/sim_status.c
tests_cli_sim_mastodon_CFLAGS = $(AM_CFLAGS) $(MHD_CFLAGS) $(CJSON_CFLAGS) $(ICU_CFLAGS) $(CRYPTO_CFLAGS)
tests_cli_sim_mastodon_LDADD = $(MHD_LIBS) $(CJSON_LIBS) $(ICU_LIBS) $(CRYPTO_LIBS) -lpthread
endif

script_tests = \
	%D%/style/test_style.py \
	%D%/doc/test_doc.py \
	%D%/cli/test_client.py \
	%D%/cli/test_tools.py
TESTS += $(script_tests)
EXTRA_DIST += $(script_tests) %D%/demo.sh
