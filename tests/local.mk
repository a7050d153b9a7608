# Tests. What takes longest stands first, so that the rest runs beside it.

# The environment of every test; what a test needs is said in the comment at its top.
AM_TESTS_ENVIRONMENT = \
	srcdir='$(abs_top_srcdir)'; top_builddir='$(abs_top_builddir)'; \
	SMMQD='$(abs_top_builddir)/smmqd'; SMMQ='$(abs_top_builddir)/smmq'; DUMP='$(abs_top_builddir)/tests/doc/dump'; \
	SIM_PLATFORM='$(abs_top_builddir)/tests/cli/sim_platform'; SMMQ_ZONEDUMP='$(abs_top_builddir)/tests/unit/zonedump'; \
	SMMQ_TEXTDUMP='$(abs_top_builddir)/tests/unit/textdump'; PYTHONDONTWRITEBYTECODE=1; \
	: "$${SMMQ_TEST_CACHE=$(abs_top_builddir)/tests/cli/cache}"; \
	: "$${ASAN_OPTIONS=detect_leaks=1:abort_on_error=0}"; : "$${UBSAN_OPTIONS=print_stacktrace=1}"; \
	export srcdir top_builddir SMMQD SMMQ DUMP SIM_PLATFORM SMMQ_ZONEDUMP SMMQ_TEXTDUMP PYTHONDONTWRITEBYTECODE SMMQ_TEST_CACHE \
		ASAN_OPTIONS UBSAN_OPTIONS;

# A test that hangs fails, long after any that is only slow.
TEST_EXTENSIONS = .py .sh
TIME_LIMIT = timeout --foreground -k 10 1200
PY_LOG_COMPILER = $(TIME_LIMIT) $(PYTHON3)
SH_LOG_COMPILER = $(TIME_LIMIT) sh
LOG_COMPILER = $(TIME_LIMIT)

slow_tests = \
	%D%/cli/test_mastodon.py \
	%D%/cli/test_bluesky.py \
	%D%/cli/test_bluesky_media.py \
	%D%/cli/test_facebook.py \
	%D%/cli/test_platforms.py \
	%D%/fault/check_kill.py \
	%D%/fault/test_alloc.py \
	%D%/fault/test_cuts.py \
	%D%/fault/test_faults.py \
	%D%/cli/test_outbox.py \
	%D%/cli/test_media.py \
	%D%/cli/test_start.py \
	%D%/cli/test_pace.py \
	%D%/cli/test_care.py \
	%D%/cli/test_public.py \
	%D%/cli/test_restore.py \
	%D%/cli/test_service.py \
	%D%/cli/test_sim.py \
	%D%/cli/test_tools.py \
	%D%/cli/test_upgrade.py \
	%D%/cli/oracle.sh \
	%D%/cli/zones.py \
	%D%/contract/contract.sh

# Seconds each: for builds with other compilers and with sanitizers.
quick_tests = \
	%D%/cli/test_durable.py \
	%D%/cli/test_hostile.py \
	%D%/cli/test_client.py \
	%D%/doc/transcripts.py \
	%D%/fuzz/replay.sh \
	%D%/plat/run_exchanges \
	%D%/sim/run_sim \
	%D%/sim/test_mutants.sh \
	$(unit_tests)

document_tests = \
	%D%/doc/test_doc.py \
	%D%/style/test_style.py \
	%D%/style/test_shell.sh \
	%D%/units/test_units.sh

unit_tests = \
	%D%/unit/test_arena \
	%D%/unit/test_buf \
	%D%/unit/test_caltime \
	%D%/unit/test_check \
	%D%/unit/test_conf \
	%D%/unit/test_conf_credential \
	%D%/unit/test_engine \
	%D%/unit/test_login \
	%D%/unit/test_graph \
	%D%/unit/test_io_ffprobe \
	%D%/unit/test_io_file \
	%D%/unit/test_io_http \
	%D%/unit/test_io_http_once \
	%D%/unit/test_io_image \
	%D%/unit/test_io_server \
	%D%/unit/test_io_timer \
	%D%/unit/test_json \
	%D%/unit/test_kv \
	%D%/unit/test_kv_log \
	%D%/unit/test_limit \
	%D%/unit/test_line \
	%D%/unit/test_log \
	%D%/unit/test_map \
	%D%/unit/test_oauth1 \
	%D%/unit/test_plat \
	%D%/unit/test_plat_rooms \
	%D%/unit/test_prune \
	%D%/unit/test_record \
	%D%/unit/test_restore \
	%D%/unit/test_span \
	%D%/unit/test_state \
	%D%/unit/test_status \
	%D%/unit/test_store \
	%D%/unit/test_store_things \
	%D%/unit/test_text \
	%D%/unit/test_turn \
	%D%/unit/test_unit \
	%D%/unit/test_verb \
	%D%/unit/test_x

EXTRA_DIST += \
	%D%/bench/bench.py \
	%D%/bench/bullmq \
	%D%/bench/peers.py \
	%D%/demo.sh \
	%D%/cli/bluesky \
	%D%/cli/npm_ci.sh \
	%D%/cli/oracle \
	%D%/cli/oracle.sh \
	%D%/cli/oracle_text.mjs \
	%D%/cli/oracle_x.mjs \
	%D%/cli/formats \
	%D%/cli/pictures.py \
	%D%/cli/proxy.py \
	%D%/cli/servers.py \
	%D%/cli/smmqtest.py \
	%D%/cli/stores.py \
	%D%/cli/test_bluesky.py \
	%D%/cli/test_bluesky_media.py \
	%D%/cli/test_facebook.py \
	%D%/cli/test_care.py \
	%D%/cli/test_client.py \
	%D%/cli/test_durable.py \
	%D%/cli/test_hostile.py \
	%D%/cli/test_mastodon.py \
	%D%/cli/test_outbox.py \
	%D%/cli/test_pace.py \
	%D%/cli/test_platforms.py \
	%D%/cli/test_public.py \
	%D%/cli/test_restore.py \
	%D%/cli/test_service.py \
	%D%/cli/test_sim.py \
	%D%/cli/test_media.py \
	%D%/cli/test_start.py \
	%D%/cli/test_tools.py \
	%D%/cli/test_upgrade.py \
	%D%/cli/zones.py \
	%D%/contract/contract.mjs \
	%D%/contract/contract.sh \
	%D%/contract/exceptions.json \
	%D%/contract/judge_google.mjs \
	%D%/contract/judge_lexicon.mjs \
	%D%/contract/judge_meta.mjs \
	%D%/contract/judge_openapi.mjs \
	%D%/contract/mutants.mjs \
	%D%/contract/node \
	%D%/doc/test_doc.py \
	%D%/doc/transcripts.py \
	%D%/fault/check_kill.py \
	%D%/fault/counter.py \
	%D%/fault/faulttest.py \
	%D%/fault/test_alloc.py \
	%D%/fault/test_cuts.py \
	%D%/fault/test_faults.py \
	%D%/fuzz/corpus \
	%D%/fuzz/replay.sh \
	%D%/sim/mutate.sh \
	%D%/sim/test_mutants.sh \
	%D%/style/test_shell.sh \
	%D%/style/test_style.py \
	%D%/units/test_units.sh

dist-hook:
	cp -p $(srcdir)/%D%/plat/*.x $(distdir)/%D%/plat/

# What tests fetched.
clean-local:
	rm -rf %D%/cli/cache

if HAVE_TEST_LIBS
TESTS += $(slow_tests) $(quick_tests) $(document_tests)

check_PROGRAMS += \
	$(unit_tests) \
	%D%/unit/textdump \
	%D%/unit/zonedump \
	%D%/plat/run_exchanges \
	%D%/sim/run_sim \
	%D%/sim/mutant_absent \
	%D%/sim/mutant_attempt \
	%D%/sim/mutant_late \
	%D%/sim/mutant_resend \
	%D%/fuzz/replay_caltime \
	%D%/fuzz/replay_conf \
	%D%/fuzz/replay_json \
	%D%/fuzz/replay_line \
	%D%/fuzz/replay_record \
	%D%/fuzz/replay_text \
	%D%/fuzz/replay_unit \
	%D%/doc/dump \
	%D%/fault/smmqd_falloc \
	%D%/cli/sim_platform

check-quick:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(quick_tests)'
else
check-local:
	@echo "make check needs cmocka, libmicrohttpd and Python 3 (packages libcmocka-dev, libmicrohttpd-dev, python3); see ./bootstrap check" >&2
	@exit 1
endif
.PHONY: check-quick

# Long campaigns; a short form of each is part of make check. SEED=n repeats the choices of a run.
check-kill: smmqd smmq
	$(AM_TESTS_ENVIRONMENT) SMMQ_KILLS=$${SMMQ_KILLS:-1000} $(PYTHON3) '$(abs_top_srcdir)/tests/fault/check_kill.py'
.PHONY: check-kill
check-sim: tests/sim/run_sim
	tests/sim/run_sim --seed $${SEED:-1} --seeds $${SEEDS:-340} --items 300 --minimum 1
	tests/sim/run_sim --seed $${SEED:-1} --seeds $${BACK_SEEDS:-100} --items 300 --back 90 --steps 20
	tests/sim/run_sim --seed $${SEED:-1} --seeds $${LATE_SEEDS:-100} --items 300 --steps 20
	tests/sim/run_sim --seed $${SEED:-1} --seeds $${STOP_SEEDS:-4} --items 12 --accounts 1 --every-stop
.PHONY: check-sim

# Of every program here that says nothing else. Test programs that include a file of the daemon define all of its names, so
# that the archive's own copy of it is not taken.
LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)

# Measuring: never part of check. BENCH='adds late': only some rows; see tests/bench/bench.py.
bench_programs = %D%/bench/load %D%/bench/lmdb_limit %D%/bench/sink
EXTRA_PROGRAMS = $(bench_programs)
tests_bench_load_LDADD =
tests_bench_sink_LDADD =
tests_bench_lmdb_limit_LDADD = $(LMDB_LIBS)
tests_bench_lmdb_limit_CFLAGS = $(AM_CFLAGS) $(LMDB_CFLAGS)
bench: smmqd smmq $(bench_programs)
	$(AM_TESTS_ENVIRONMENT) $(PYTHON3) '$(abs_top_srcdir)/tests/bench/bench.py'
.PHONY: bench

tests_unit_test_io_file_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
tests_unit_test_io_http_SOURCES = %D%/unit/test_io_http.c %D%/unit/http_house.c %D%/unit/http_house.h
tests_unit_test_io_http_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS) $(CURL_CFLAGS)
tests_unit_test_io_http_once_SOURCES = %D%/unit/test_io_http_once.c %D%/unit/http_house.c %D%/unit/http_house.h
tests_unit_test_io_http_once_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS) $(CURL_CFLAGS)
tests_unit_test_io_image_CFLAGS = $(AM_CFLAGS) $(PNG_CFLAGS) $(JPEG_CFLAGS) $(WEBP_CFLAGS)
tests_unit_test_io_server_SOURCES = %D%/unit/test_io_server.c %D%/unit/server_house.c %D%/unit/server_house.h
tests_unit_test_io_server_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
tests_unit_test_io_timer_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
tests_unit_test_plat_SOURCES = %D%/unit/test_plat.c %D%/unit/plat_world.h
tests_unit_test_plat_rooms_SOURCES = %D%/unit/test_plat_rooms.c %D%/unit/plat_world.h
tests_unit_test_engine_SOURCES = %D%/unit/test_engine.c %D%/unit/engine_house.c %D%/unit/engine_house.h %D%/unit/store_world.h
tests_unit_test_login_SOURCES = %D%/unit/test_login.c %D%/unit/engine_house.c %D%/unit/engine_house.h %D%/unit/store_world.h
tests_unit_test_restore_SOURCES = %D%/unit/test_restore.c %D%/unit/engine_house.c %D%/unit/engine_house.h %D%/unit/store_world.h
tests_unit_test_conf_SOURCES = %D%/unit/test_conf.c %D%/unit/conf_house.c %D%/unit/conf_house.h
tests_unit_test_conf_credential_SOURCES = %D%/unit/test_conf_credential.c %D%/unit/conf_house.c %D%/unit/conf_house.h
tests_unit_test_kv_SOURCES = %D%/unit/test_kv.c %D%/unit/kv_world.h
tests_unit_test_kv_log_SOURCES = %D%/unit/test_kv_log.c %D%/unit/kv_world.h
tests_unit_test_store_SOURCES = %D%/unit/test_store.c %D%/unit/store_world.h
tests_unit_test_store_things_SOURCES = %D%/unit/test_store_things.c %D%/unit/store_world.h
tests_unit_test_map_SOURCES = %D%/unit/test_map.c %D%/unit/store_world.h
tests_unit_test_check_SOURCES = %D%/unit/test_check.c %D%/unit/store_world.h
tests_unit_test_prune_SOURCES = %D%/unit/test_prune.c %D%/unit/store_world.h
# A commit that fails.
tests_unit_test_turn_SOURCES = %D%/unit/test_turn.c %D%/unit/store_world.h
tests_unit_test_turn_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=kv_commit

tests_plat_run_exchanges_SOURCES = \
	%D%/plat/run_exchanges.c %D%/plat/exchange.c %D%/plat/exchange.h %D%/plat/exchange_call.c %D%/plat/exchange_match.c \
	%D%/plat/exchange_play.h %D%/plat/exchange_script.c

# The real core; the files of daemon/io that it would reach the world through are replaced.
check_LIBRARIES = %D%/sim/libsim.a
tests_sim_libsim_a_SOURCES = \
	%D%/sim/sim.h %D%/sim/sim_bluesky.c %D%/sim/sim_check.c %D%/sim/sim_core.c %D%/sim/sim_core.h \
	%D%/sim/sim_cover.c %D%/sim/sim_io.c %D%/sim/sim_people.c %D%/sim/sim_platform.c %D%/sim/sim_world.c
tests_sim_libsim_a_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS) $(CURL_CFLAGS) $(LMDB_CFLAGS)
SIM_LDADD = %D%/sim/libsim.a $(DAEMON_LIBS)
tests_sim_run_sim_SOURCES = %D%/sim/run_sim.c
tests_sim_run_sim_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=kv_commit
tests_sim_run_sim_LDADD = $(SIM_LDADD)

# The same with a core that is broken in one place: what the simulation is for must make it fail.
tests_sim_mutant_attempt_SOURCES = %D%/sim/run_sim.c
nodist_tests_sim_mutant_attempt_SOURCES = %D%/sim/mutant_attempt_core.c
tests_sim_mutant_resend_SOURCES = %D%/sim/run_sim.c
nodist_tests_sim_mutant_resend_SOURCES = %D%/sim/mutant_resend_core.c
tests_sim_mutant_absent_SOURCES = %D%/sim/run_sim.c
nodist_tests_sim_mutant_absent_SOURCES = %D%/sim/mutant_absent_core.c
tests_sim_mutant_late_SOURCES = %D%/sim/run_sim.c
nodist_tests_sim_mutant_late_SOURCES = %D%/sim/mutant_late_core.c
tests_sim_mutant_late_LDFLAGS = $(tests_sim_run_sim_LDFLAGS)
tests_sim_mutant_late_LDADD = $(SIM_LDADD)
tests_sim_mutant_attempt_LDFLAGS = $(tests_sim_run_sim_LDFLAGS)
tests_sim_mutant_resend_LDFLAGS = $(tests_sim_run_sim_LDFLAGS)
tests_sim_mutant_absent_LDFLAGS = $(tests_sim_run_sim_LDFLAGS)
tests_sim_mutant_attempt_LDADD = $(SIM_LDADD)
tests_sim_mutant_resend_LDADD = $(SIM_LDADD)
tests_sim_mutant_absent_LDADD = $(SIM_LDADD)
MUTATE = $(AM_V_GEN)$(MKDIR_P) %D%/sim && sh $(srcdir)/%D%/sim/mutate.sh
tests/sim/mutant_attempt_core.c: $(top_srcdir)/daemon/engine_turn.c
	$(MUTATE) $(top_srcdir)/daemon/engine_turn.c $@ 'd->target->open_count = 1;' 'd->target->open_count = 0;'
tests/sim/mutant_resend_core.c: $(top_srcdir)/daemon/engine_turn.c
	$(MUTATE) $(top_srcdir)/daemon/engine_turn.c $@ 'a->reach == HTTP_MAYBE_SENT && once' 'a->reach == HTTP_MAYBE_SENT && false'
tests/sim/mutant_absent_core.c: $(top_srcdir)/daemon/engine_look.c
	$(MUTATE) $(top_srcdir)/daemon/engine_look.c $@ 'd->conf->plat->reconcile(&d->pin, &d->out);' 'd->out.verdict = PLAT_SETTLED; d->out.text = "absent";'
tests/sim/mutant_late_core.c: $(top_srcdir)/daemon/engine.c
	$(MUTATE) $(top_srcdir)/daemon/engine.c $@ 'next_ms = lanes_ms < next_ms ? lanes_ms : next_ms' 'next_ms = lanes_ms / 2 + 900000 < next_ms / 2 ? lanes_ms + 1800000 : next_ms'
CLEANFILES += %D%/sim/mutant_attempt_core.c %D%/sim/mutant_late_core.c %D%/sim/mutant_resend_core.c %D%/sim/mutant_absent_core.c

# The daemon with allocations that can be made to fail.
tests_fault_smmqd_falloc_SOURCES = daemon/main.c %D%/fault/falloc.c
tests_fault_smmqd_falloc_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS) $(CURL_CFLAGS)
tests_fault_smmqd_falloc_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup \
	-Wl,--wrap=curl_global_init
tests_fault_smmqd_falloc_LDADD = $(DAEMON_LIBS)

tests_fuzz_replay_caltime_SOURCES = %D%/fuzz/replay.c %D%/fuzz/fuzz_caltime.c
tests_fuzz_replay_conf_SOURCES = %D%/fuzz/replay.c %D%/fuzz/fuzz_conf.c
tests_fuzz_replay_json_SOURCES = %D%/fuzz/replay.c %D%/fuzz/fuzz_json.c
tests_fuzz_replay_line_SOURCES = %D%/fuzz/replay.c %D%/fuzz/fuzz_line.c
tests_fuzz_replay_record_SOURCES = %D%/fuzz/replay.c %D%/fuzz/fuzz_record.c
tests_fuzz_replay_text_SOURCES = %D%/fuzz/replay.c %D%/fuzz/fuzz_text.c
tests_fuzz_replay_unit_SOURCES = %D%/fuzz/replay.c %D%/fuzz/fuzz_unit.c

# Each platform's interface for posting, played on loopback.
tests_cli_sim_platform_SOURCES = \
	%D%/cli/sim/blob.c %D%/cli/sim/bluesky.c %D%/cli/sim/container.c %D%/cli/sim/container.h %D%/cli/sim/control.c \
	%D%/cli/sim/facebook.c %D%/cli/sim/facebook.h %D%/cli/sim/facebook_media.c %D%/cli/sim/file.c %D%/cli/sim/graph.c \
	%D%/cli/sim/graph.h %D%/cli/sim/http.c %D%/cli/sim/instagram.c %D%/cli/sim/json.c %D%/cli/sim/linkedin.c \
	%D%/cli/sim/linkedin.h %D%/cli/sim/linkedin_media.c %D%/cli/sim/mastodon.c %D%/cli/sim/mastodon.h \
	%D%/cli/sim/mastodon_media.c %D%/cli/sim/pinterest.c %D%/cli/sim/sim.h %D%/cli/sim/snapchat.c %D%/cli/sim/state.c \
	%D%/cli/sim/text.c %D%/cli/sim/threads.c %D%/cli/sim/tiktok.c %D%/cli/sim/x.c %D%/cli/sim/x.h %D%/cli/sim/x_media.c \
	%D%/cli/sim/x_read.c %D%/cli/sim/youtube.c
tests_cli_sim_platform_CFLAGS = $(AM_CFLAGS) $(MHD_CFLAGS) $(CJSON_CFLAGS) $(CURL_CFLAGS) $(ICU_CFLAGS) $(CRYPTO_CFLAGS)
tests_cli_sim_platform_LDADD = $(MHD_LIBS) $(CJSON_LIBS) $(CURL_LIBS) $(ICU_LIBS) $(CRYPTO_LIBS) -lpthread
