/* main.c: the command line of smmqd. */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "daemon/app.h"
#include "daemon/conf.h"
#include "daemon/log.h"
#include "proto/status.h"

static const char usage[] =
	"Usage: smmqd [-c FILE] [--check]\n"
	"\n"
	"  -c, --config FILE   the configuration (default " SYSCONFDIR "/smmq/smmqd.conf)\n"
	"      --check         read and validate the configuration, then exit\n"
	"  -h, --help          this text\n"
	"  -V, --version       the version\n"
	"\n"
	"Runs in the foreground. See smmqd(8), smmqd.conf(5).\n";

/* Credentials must not end in a core file or be read by another process of the same user. */
static void keep_secrets_in(void)
{
	const struct rlimit none = { 0, 0 };
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)umask(0077);
}

int main(int argc, char **argv)
{
	enum { OPT_CHECK = 256 };
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' }, { "check", no_argument, NULL, OPT_CHECK },
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' }, { 0 },
	};
	const char *file = SYSCONFDIR "/smmq/smmqd.conf";
	bool check = false;
	for (int opt; (opt = getopt_long(argc, argv, "c:hV", options, NULL)) != -1;) {
		switch (opt) {
		case 'c': file = optarg; break;
		case OPT_CHECK: check = true; break;
		case 'h': (void)fputs(usage, stdout); return 0;
		case 'V': (void)puts("smmqd " PACKAGE_VERSION); return 0;
		default: (void)fputs(usage, stderr); return status_info(ST_USAGE)->exit_status;
		}
	}
	if (optind < argc) {
		(void)fprintf(stderr, "smmqd: takes no arguments, got \"%s\"\n%s", argv[optind], usage);
		return status_info(ST_USAGE)->exit_status;
	}
	keep_secrets_in();
	const struct conf *conf;
	struct conf_error error;
	int rc = conf_load(file, &conf, &error);
	if (rc < 0) {
		if (check)
			(void)fprintf(stderr, "%s\n", error.text);
		else
			log_line(LOG_LEVEL_ERR, error.text, NULL);
		return status_info(rc)->exit_status;
	}
	int status = 0;
	log_setup((enum log_level)conf->log_level);
	if (check)
		(void)printf("%s: %zu accounts, no errors\n", file, conf->account_count);
	else
		status = app_run(conf);
	conf_unref(conf);
	return status;
}
