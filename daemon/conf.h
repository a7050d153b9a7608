/* conf.h: the configuration: smmqd.conf and accounts.d/NAME.conf beside it, INI as systemd writes it.
 *
 * A struct conf is immutable once loaded and counted: turns and requests that are under way keep the one they began
 * with. A reload builds a new one from all files, validates all of it, and only then is it swapped in; any error leaves
 * the old one in force. One table (conf_table.c) says name, type, range, unit, default, reloadable and help of each
 * option; manual and sample are compared with it. */
#ifndef SMMQ_CONF_H
#define SMMQ_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/model/job.h"
#include "daemon/model/limit.h"
#include "daemon/plat/plat.h"

#define CONF_MAX_ACCOUNTS 1000
#define CONF_MAX_FILE_BYTES (1024 * 1024)
#define CONF_MAX_OPTIONS 64          /* [Platform] lines of one account */

enum conf_mode { MODE_LIVE, MODE_REHEARSE };

struct conf_account {
	char *name;                      /* the file's name without .conf: [a-z0-9_-], at most 64, begins with a letter or digit */
	char *file;                      /* for messages */
	const struct plat *plat;
	char *base_url;                  /* no trailing slash; NULL where not set */
	char *directory;                 /* absolute; NULL where not set */
	char *public_url, *public_directory, *public_bucket, *public_region;   /* NULL where not set; see struct plat_public */
	char *credential_name;           /* as written; NULL where not set */
	struct value *credential;        /* name = text; a file with one bare line is "token" */
	size_t credential_count;
	char credential_digest[65];      /* SHA-256 of the credential file, hex; "" where there is none: tells a changed one */
	char *time_zone;                 /* default UTC */
	int64_t late;                    /* enum late_rule */
	int64_t max_late_ms;
	struct limit_hours quiet_hours;  /* from == to: none */
	int64_t min_gap_ms;              /* 0 = none */
	int64_t daily_limit;             /* 0 = none */
	int64_t catch_up_per_hour;       /* 0 = no limit */
	int64_t platform_quota;          /* enum conf_quota */
	struct value *options;           /* the [Platform] section, as written, names checked against the platform's list */
	size_t option_count;
};

struct conf {
	char *file;                      /* smmqd.conf */
	char *state_directory;           /* default LOCALSTATEDIR/lib/smmq, or $STATE_DIRECTORY */
	char *socket;                    /* default RUNSTATEDIR/smmq/smmq.sock */
	int64_t log_level;               /* enum log_level */
	int64_t mode;                    /* enum conf_mode */
	int64_t media_max_bytes;
	int64_t map_bytes;
	int64_t key_retention_ms;
	int64_t retention_ms;            /* of ended posts and of the journal */
	int64_t max_connections;
	int64_t max_in_flight;           /* requests to platforms at once */
	int64_t stop_timeout_ms;         /* what is in flight gets this long at SIGTERM */
	char *ca_file, *proxy;           /* NULL where not set */
	int64_t address_family;          /* 0 any, 4, 6 */
	char *read_group, *submit_group, *approve_group, *admin_group;   /* NULL where not set */
	gid_t read_gid, submit_gid, approve_gid, admin_gid;              /* (gid_t)-1 where not set */
	struct conf_account *accounts;   /* sorted by name */
	size_t account_count;
};

struct conf_error {
	char text[1024];                 /* "FILE:LINE: what is wrong and what to write instead"; never holds a secret */
};

/* Reads and validates everything. On success *out has one reference. 0, -ST_CONFIG (error filled), -ST_NO_MEMORY (error filled). */
int conf_load(const char *file, const struct conf **out, struct conf_error *error);
const struct conf *conf_ref(const struct conf *c);        /* thread-safe */
void conf_unref(const struct conf *c);                    /* thread-safe; the last frees, secrets are wiped; NULL is fine */
const struct conf_account *conf_account_find(const struct conf *c, const char *name);
/* Fills what drivers see of an account; points into c. */
/* What the platform takes of the account; none where PlatformQuota=ignore. */
enum conf_quota { QUOTA_KEEP, QUOTA_IGNORE };
struct limit_quota conf_account_quota(const struct conf_account *a);
void conf_account_plat(const struct conf_account *a, struct plat_account *out);
/* "" or a text that names the first option which differs and cannot change without a restart. */
const char *conf_not_reloadable(const struct conf *old, const struct conf *new_conf, char *buf, size_t size);

/* ---- the table, for manuals, tests and --help ---- */
enum conf_type {
	CONF_TEXT, CONF_PATH, CONF_DURATION, CONF_SIZE, CONF_INT, CONF_WORD, CONF_ZONE, CONF_URL, CONF_GROUP, CONF_HOURS,
	CONF_PROXY,                      /* scheme://host:port */
	CONF_PLATFORM                    /* a name of the drivers' table; the member is a const struct plat * */
};
struct conf_row {
	const char *section;             /* "Daemon", "Account" */
	const char *name;                /* "StateDirectory" */
	enum conf_type type;
	size_t offset;                   /* of the member in struct conf or struct conf_account; text is char *, the rest int64_t */
	int64_t min, max;                /* of numbers, durations (ms), sizes (bytes) */
	const char *words;               /* CONF_WORD: "post skip hold", values are their index; "any=0 ipv4=4": or as written */
	const char *fallback;            /* default as one would write it; NULL = not set */
	bool reloadable;
	const char *help;                /* one sentence for the manual */
};
const struct conf_row *conf_table(size_t *count);

#endif
