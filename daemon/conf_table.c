/* conf_table.c: every option there is. Reading, manual, sample files and tests all go by these two tables; an option exists
 * when it has a row here and a member in conf.h, and nothing else needs to know. */
#include "daemon/conf.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MS (24 * 60 * MINUTE_MS)
#define YEAR_MS (DAY_MS / 4 * 1461)
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define RELOAD true
#define RESTART false

#define DAEMON(name, type, member, min, max, words, fallback, reload, help) \
	{ "Daemon", name, type, offsetof(struct conf, member), min, max, words, fallback, reload, help }
#define ACCOUNT(name, type, member, min, max, words, fallback, reload, help) \
	{ "Account", name, type, offsetof(struct conf_account, member), min, max, words, fallback, reload, help }

static const struct conf_row table[] = {
	DAEMON("StateDirectory", CONF_PATH, state_directory, 0, 0, NULL, LOCALSTATEDIR "/lib/smmq", RESTART,
	       "Where the queue, the journal and the media are kept; on a local disk, and for one daemon alone."),
	DAEMON("Socket", CONF_PATH, socket, 0, 0, NULL, RUNSTATEDIR "/smmq/smmq.sock", RESTART,
	       "The Unix socket on which the daemon listens, unless systemd passes it one."),
	DAEMON("LogLevel", CONF_WORD, log_level, 0, 0, "err=3 warning=4 notice=5 info=6 debug=7", "info", RELOAD,
	       "Log lines less important than this are not written."),
	DAEMON("Mode", CONF_WORD, mode, 0, 0, "live rehearse", "live", RELOAD,
	       "With rehearse everything runs, but nothing that the public could see is sent."),
	DAEMON("MediaMax", CONF_SIZE, media_max_bytes, KIB, 64 * GIB, NULL, "512M", RELOAD,
	       "The largest media file that is taken."),
	DAEMON("MapSize", CONF_SIZE, map_bytes, 16 * MIB, 16 * 1024 * GIB, NULL, "64G", RELOAD,
	       "The largest size of the store; address space and a sparse file, not memory and not disk."),
	DAEMON("KeyRetention", CONF_DURATION, key_retention_ms, DAY_MS, 100 * YEAR_MS, NULL, "2y", RELOAD,
	       "How long the key of a request is remembered, so that repeating it queues nothing twice."),
	DAEMON("Retention", CONF_DURATION, retention_ms, DAY_MS, 100 * YEAR_MS, NULL, "1y", RELOAD,
	       "How long ended posts and the journal are kept; then they are removed in small steps."),
	DAEMON("MaxConnections", CONF_INT, max_connections, 1, 4096, NULL, "1024", RESTART,
	       "Clients that may be connected at once."),
	DAEMON("MaxInFlight", CONF_INT, max_in_flight, 1, 1024, NULL, "64", RESTART,
	       "Requests to platforms that may be under way at once."),
	DAEMON("StopTimeout", CONF_DURATION, stop_timeout_ms, 1000, 10 * MINUTE_MS, NULL, "30s", RELOAD,
	       "How long a stopping daemon waits for the answers of what it has sent."),
	DAEMON("CAFile", CONF_PATH, ca_file, 0, 0, NULL, NULL, RESTART,
	       "A PEM file of certificate authorities to trust instead of the system's."),
	DAEMON("Proxy", CONF_PROXY, proxy, 0, 0, NULL, NULL, RESTART,
	       "The proxy for all requests, as scheme://host:port with scheme http, https, socks5 or socks5h."),
	DAEMON("AddressFamily", CONF_WORD, address_family, 0, 0, "any=0 ipv4=4 ipv6=6", "any", RESTART,
	       "The Internet protocol by which platforms are reached."),
	DAEMON("ReadGroup", CONF_GROUP, read_group, 0, 0, NULL, NULL, RELOAD,
	       "Members of this Unix group may look at everything."),
	DAEMON("SubmitGroup", CONF_GROUP, submit_group, 0, 0, NULL, NULL, RELOAD,
	       "Members of this Unix group may also queue, change, hold and cancel."),
	DAEMON("ApproveGroup", CONF_GROUP, approve_group, 0, 0, NULL, NULL, RELOAD,
	       "Members of this Unix group may also approve."),
	DAEMON("AdminGroup", CONF_GROUP, admin_group, 0, 0, NULL, NULL, RELOAD,
	       "Members of this Unix group may do everything."),

	ACCOUNT("Platform", CONF_PLATFORM, plat, 0, 0, NULL, NULL, RESTART,
	        "Where the account lives: one of the platforms; see Platforms in smmqd.conf(5). Required."),
	ACCOUNT("BaseURL", CONF_URL, base_url, 0, 0, NULL, NULL, RELOAD,
	        "The address of the account's server; https, or http on this very machine."),
	ACCOUNT("Directory", CONF_PATH, directory, 0, 0, NULL, NULL, RELOAD,
	        "Where outbox writes the finished posts; it must exist."),
	ACCOUNT("PublicURL", CONF_URL, public_url, 0, 0, NULL, NULL, RELOAD,
	        "The address under which the world sees what is put into PublicDirectory= or PublicBucket=, for platforms that fetch media "
	        "by address."),
	ACCOUNT("PublicDirectory", CONF_PATH, public_directory, 0, 0, NULL, NULL, RELOAD,
	        "A directory that a web server shows as PublicURL=; media are copied there before a post and removed after it."),
	ACCOUNT("PublicBucket", CONF_URL, public_bucket, 0, 0, NULL, NULL, RELOAD,
	        "An S3-compatible bucket, as https://host/bucket, instead of PublicDirectory=; its access_key= and secret_key= stand in the "
	        "credential file."),
	ACCOUNT("PublicRegion", CONF_TEXT, public_region, 0, 0, NULL, NULL, RELOAD,
	        "The region that requests to PublicBucket= are signed for; us-east-1 where not set."),
	ACCOUNT("Credential", CONF_TEXT, credential_name, 0, 0, NULL, NULL, RELOAD,
	        "The account's credential file: a name in $CREDENTIALS_DIRECTORY, or the path of a file of mode 0600."),
	ACCOUNT("TimeZone", CONF_ZONE, time_zone, 0, 0, NULL, "UTC", RELOAD,
	        "The zone in which times for this account are read and shown."),
	ACCOUNT("Late", CONF_WORD, late, 0, 0, "post skip hold next", "post", RELOAD,
	        "What becomes of an item that could not be fired in time: post it while it is no later than MaxLate (then it is "
	        "missed), or, once it is a minute late (or MaxLate, if shorter), skip it (missed), hold it for a person, or fire it at "
	        "the next day's same time."),
	ACCOUNT("MaxLate", CONF_DURATION, max_late_ms, 1000, YEAR_MS, NULL, "6h", RELOAD,
	        "How late an item may be and still be posted."),
	ACCOUNT("QuietHours", CONF_HOURS, quiet_hours, 0, 0, NULL, NULL, RELOAD,
	        "Hours of the day, as in 22:00-07:00, in which nothing leaves that is late; a chosen time counts more."),
	ACCOUNT("MinGap", CONF_DURATION, min_gap_ms, 0, 7 * DAY_MS, NULL, "0", RELOAD,
	        "The least time between two posts, for what is late; a chosen time counts more."),
	ACCOUNT("DailyLimit", CONF_INT, daily_limit, 0, 10000, NULL, "0", RELOAD,
	        "Posts that may leave on one day of the account's zone; 0 is no limit."),
	ACCOUNT("CatchUp", CONF_INT, catch_up_per_hour, 0, 10000, NULL, "6", RELOAD,
	        "Late posts (after an outage or a pause) that may leave in an hour; 0 is no limit."),
	ACCOUNT("PlatformQuota", CONF_WORD, platform_quota, 0, 0, "keep ignore", "keep", RELOAD,
	        "Whether what the platform is known to take of an account in a time (mastodon: 300 posts in 3 hours; bluesky: 11666 a day "
	        "and 1666 an hour; x: 2400 a day and 100 an hour) holds posts back before it refuses them; ignore it where the server allows more."),
};

const struct conf_row *conf_table(size_t *count)
{
	*count = sizeof(table) / sizeof(table[0]);
	return table;
}
