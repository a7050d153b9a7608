/* guard.c: comparing instance and clock with what the store remembers. */
#include "daemon/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/engine_restore.h"
#include "daemon/io/clock.h"
#include "daemon/io/rng.h"
#include "daemon/queue.h"
#include "proto/hash.h"
#include "proto/status.h"
#include "proto/unit.h"

struct instance { char id[33]; char host[48]; char file[48]; unsigned long long starts; };
struct clocks { char boot_id[48]; int64_t boot_ms, now_ms; };

struct guard {
	char path[4096], temporary[4096];
	struct instance here;            /* id and starts from the file beside the store; "" where there is none */
	struct clocks clocks;
	unsigned store_doubts;
	struct instance bound;           /* what the store was bound to: to be written to the file */
	int sign;                        /* the socket that shows other daemons of this host that this instance runs; -1 */
};

void guard_read_clocks(struct guard *g)
{
	clock_boot_id(g->clocks.boot_id, sizeof g->clocks.boot_id);
	g->clocks.boot_ms = clock_boot_ms();
	g->clocks.now_ms = clock_now_ms();
}

int guard_new(const char *state_directory, const char *store_file_id, unsigned store_doubts, struct guard **out)
{
	struct guard *g = calloc(1, sizeof *g);
	if (g == NULL)
		return -ST_NO_MEMORY;
	int a = snprintf(g->path, sizeof g->path, "%s/instance", state_directory);
	int b = snprintf(g->temporary, sizeof g->temporary, "%s/.instance", state_directory);
	if (a < 0 || b < 0 || (size_t)a >= sizeof g->path || (size_t)b >= sizeof g->temporary) {
		free(g);
		return -ST_CONFIG;
	}
	FILE *f = fopen(g->path, "re");
	if (f != NULL) {
		if (fscanf(f, "%32s %llu", g->here.id, &g->here.starts) != 2)
			g->here.id[0] = '\0';
		(void)fclose(f);
	}
	clock_host_id(g->here.host, sizeof g->here.host);
	/* The device's number may change from boot to boot; the inode is the file's own. */
	const char *colon = strchr(store_file_id, ':');
	(void)snprintf(g->here.file, sizeof g->here.file, "%s", colon != NULL ? colon + 1 : store_file_id);
	guard_read_clocks(g);
	g->store_doubts = store_doubts;
	g->sign = -1;
	*out = g;
	return 0;
}

void guard_free(struct guard *g)
{
	if (g != NULL && g->sign >= 0)
		(void)close(g->sign);
	free(g);
}

/* ---- a sign of life ---- */

/* A name without a file, so that nothing of it can be copied: whoever runs an instance of the store holds it. -1: it is taken, or
 * sockets cannot be had. */
static int sign_bind(const char *id)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int n = snprintf(a.sun_path + 1, sizeof a.sun_path - 1, "smmqd-instance-%s", id);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || n < 0 || (size_t)n >= sizeof a.sun_path - 1)
		return fd;
	if (bind(fd, (const struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* Whether another daemon on this host works on the store of this instance, as a copy's original may. */
static bool sign_seen(const char *id)
{
	int fd = sign_bind(id);
	if (fd >= 0)
		(void)close(fd);
	return fd < 0;
}

/* A new file under the name, or, on a disk that has no block for one, over the old one: it fits a sector. */
static bool instance_write(const struct guard *g, const char *path, int flags, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
	bool ok = fd >= 0 && pwrite(fd, text, len, 0) == (ssize_t)len && ftruncate(fd, (off_t)len) == 0 && fsync(fd) == 0;
	int saved = errno;
	if (fd >= 0)
		ok = close(fd) == 0 && ok;
	if (ok && path == g->temporary)
		ok = rename(g->temporary, g->path) == 0;
	else if (!ok && path == g->temporary)
		(void)unlink(path);
	if (!ok)
		errno = saved;
	return ok;
}

int guard_bind(struct guard *g)
{
	char text[80];
	size_t len = (size_t)snprintf(text, sizeof text, "%s %llu\n", g->bound.id, g->bound.starts);
	if (g->sign < 0)
		g->sign = sign_bind(g->bound.id);
	if (instance_write(g, g->temporary, O_CREAT | O_TRUNC, text, len) || instance_write(g, g->path, 0, text, len))
		return 0;
	return errno == ENOSPC || errno == ENOENT ? -ST_NO_SPACE : -ST_IO;
}

/* ---- instance ---- */

/* Stores that were bound before births were noted have the number alone. */
static bool same_file(const char *stored, const char *here)
{
	size_t len = strlen(stored);
	return strchr(stored, '-') != NULL ? strcmp(stored, here) == 0 : strncmp(stored, here, len) == 0 && (here[len] == '-' || here[len] == '\0');
}

/* copied: when the store was copied by smmq backup, "" where it was not. */
static const char *instance_doubt(struct turn *t, const struct guard *g, const struct instance *stored, const char *copied)
{
	const struct instance *here = &g->bound;
	if (copied[0] != '\0')
		return arena_fmt(t->arena, "the store is a backup, made at %s", copied);
	if (g->store_doubts & STORE_DOUBT_STALE)
		return "the store is an old copy: the log beside it (wal.0, wal.1) was written by a later state";
	if (strcmp(stored->host, here->host) != 0)
		return "the store was copied from another host";
	if (!same_file(stored->file, here->file))
		return "the store is a copy: its data file is not the one this daemon wrote";
	if (strcmp(stored->id, here->id) != 0)
		return "the file \"instance\" beside the store is missing or belongs to another store";
	if (stored->starts != here->starts && stored->starts != here->starts + 1)
		return arena_fmt(t->arena, "the store was restored: it has seen %llu starts, this directory %llu", stored->starts, here->starts);
	return NULL;
}

/* On another host, or from its own place, the original may come back, or run on unseen; where this one stands in its place, it
 * cannot. */
static int instance_alone(struct turn *t, const struct guard *g, const struct instance *stored, bool *out)
{
	char *path;
	int rc = store_fact_get(t->txn, t->arena, "instance-path", &path);
	*out = rc == 0 && strcmp(path, g->path) == 0 && strcmp(stored->host, g->bound.host) == 0 && !sign_seen(stored->id);
	return rc == -ST_NO_ITEM ? 0 : rc;
}

static int guard_close(struct turn *t, const char *name, const char *reason)
{
	struct gate g = { .name = arena_strdup(t->arena, name), .reason = arena_strdup(t->arena, reason), .since_ms = t->now_ms };
	return queue_gate_set(t, &g);
}

/* When this store was copied; "" where it is none. It is none from now on. */
static int take_copied(struct turn *t, const char **out)
{
	static char none[] = "";
	char *text = none;
	int rc = store_fact_get(t->txn, t->arena, STORE_FACT_COPY, &text);
	*out = text;
	if (rc == -ST_NO_ITEM || (rc == 0 && text[0] == '\0'))
		return 0;
	return rc < 0 ? rc : store_fact_put(t->txn, STORE_FACT_COPY, "");
}

static int guard_instance(struct turn *t, struct guard *g)
{
	char *text;
	const char *copied;
	struct instance stored = { 0 };
	int rc = store_fact_get(t->txn, t->arena, "instance", &text);
	bool first = rc == -ST_NO_ITEM;
	if (rc < 0 && !first)
		return rc;
	if (!first && sscanf(text, "%32s %47s %47s %llu", stored.id, stored.host, stored.file, &stored.starts) != 4)
		return -ST_CORRUPT;
	g->bound = g->here;
	/* The very first start died between its commit and the writing of the file: nothing was ever fired. */
	if (!first && g->bound.id[0] == '\0' && stored.starts == 1)
		memcpy(g->bound.id, stored.id, sizeof g->bound.id);
	if (first || g->bound.id[0] == '\0') {
		unsigned char random[16];
		rng_bytes(random, sizeof random);
		hash_hex(random, sizeof random, g->bound.id);
	}
	if (g->bound.host[0] == '\0')
		(void)snprintf(g->bound.host, sizeof g->bound.host, "unknown");
	bool alone = false;
	rc = take_copied(t, &copied);
	if (rc < 0)
		return rc;
	const char *doubt = first ? NULL : instance_doubt(t, g, &stored, copied);
	rc = doubt != NULL ? instance_alone(t, g, &stored, &alone) : 0;
	if (rc == 0 && doubt != NULL)
		rc = restore_close(t, doubt, alone);
	if (rc == 0)
		rc = store_fact_put(t->txn, "instance-path", g->path);
	/* Without a doubt the file's number counts: it lags behind by the starts that died before they could write it. */
	g->bound.starts = (doubt == NULL || g->here.starts > stored.starts ? g->here.starts : stored.starts) + 1;
	if (rc < 0)
		return rc;
	return store_fact_put(t->txn, "instance", arena_fmt(t->arena, "%s %s %s %llu", g->bound.id, g->bound.host, g->bound.file,
	                                                    g->bound.starts));
}

/* ---- clock ---- */

struct newest { int64_t time_ms; };

static int newest_each(void *ctx, const struct entry *e, const char *cursor)
{
	struct newest *n = ctx;
	(void)cursor;
	n->time_ms = e->time_ms > n->time_ms ? e->time_ms : n->time_ms;
	return 0;
}

static int journal_newest(struct turn *t, int64_t *out_ms)
{
	char cursor[JOURNAL_CURSOR_MAX];
	struct newest newest = { 0 };
	unsigned writer;
	unsigned long long seq;
	int rc = store_journal_end(t->txn, cursor);
	if (rc == 0 && sscanf(cursor, "%u-%llu", &writer, &seq) == 2 && seq > 1) {
		(void)snprintf(cursor, sizeof cursor, "%u-%llu", writer, seq - 1);
		rc = store_journal_walk(t->txn, t->arena, cursor, 0, 2, newest_each, &newest, NULL);
	}
	*out_ms = newest.time_ms;
	return rc;
}

/* How far the clock is from where it should be, as far as this can be known; 0 where it cannot. */
static int clock_off(struct turn *t, const struct clocks *now, int64_t *out_ms)
{
	char *text, boot_id[48];
	long long boot_ms, now_ms;
	int64_t newest_ms;
	*out_ms = 0;
	int rc = store_fact_get(t->txn, t->arena, "clock", &text);
	if (rc == -ST_NO_ITEM || (rc == 0 && text[0] == '\0'))
		return 0;
	if (rc < 0)
		return rc;
	if (sscanf(text, "%47s %lld %lld", boot_id, &boot_ms, &now_ms) != 3)
		return -ST_CORRUPT;
	if (strcmp(boot_id, now->boot_id) == 0 && now->boot_ms >= boot_ms) {
		*out_ms = now->now_ms - (now_ms + (now->boot_ms - boot_ms));
		return 0;
	}
	rc = journal_newest(t, &newest_ms);
	if (rc == 0 && newest_ms < now_ms)
		newest_ms = now_ms;
	if (rc == 0 && now->now_ms < newest_ms)
		*out_ms = now->now_ms - newest_ms;
	return rc;
}

int guard_clock_turn(struct turn *t, void *guard)
{
	const struct guard *g = guard;
	struct gate gate;
	/* While the clock is doubted, what was known before is what the next start compares with. */
	int rc = store_gate_get(t->txn, t->arena, GATE_CLOCK, &gate);
	if (rc != -ST_NO_ITEM)
		return rc;
	const struct clocks *c = &g->clocks;
	return store_fact_put(t->txn, "clock", arena_fmt(t->arena, "%s %lld %lld", c->boot_id[0] != '\0' ? c->boot_id : "-",
	                                                 (long long)c->boot_ms, (long long)c->now_ms));
}

static int guard_clock(struct turn *t, struct guard *g)
{
	struct gate gate;
	int64_t off_ms;
	char span[64];
	int rc = clock_off(t, &g->clocks, &off_ms);
	if (rc < 0)
		return rc;
	bool off = off_ms > GUARD_CLOCK_MS || off_ms < -GUARD_CLOCK_MS;
	rc = store_gate_get(t->txn, t->arena, GATE_CLOCK, &gate);
	if (rc < 0 && rc != -ST_NO_ITEM)
		return rc;
	bool closed = rc == 0;
	if (!off && closed)
		rc = queue_gate_remove(t, GATE_CLOCK, NULL, "clock: it agrees again");
	else if (off && !closed)
		rc = guard_close(t, GATE_CLOCK, arena_fmt(t->arena, "the clock is %s %s of where it was when the daemon last ran; set it right "
		                 "(timedatectl) and restart, or, if it is right: smmq release --gate clock",
		                 unit_duration_format((off_ms < 0 ? -off_ms : off_ms) / 1000 * 1000, span, sizeof span),
		                 off_ms < 0 ? "behind" : "ahead"));
	else
		rc = 0;
	return rc < 0 ? rc : guard_clock_turn(t, g);
}

/* The last instant that the store knows of, 0 if none; and whether it was in another boot. */
static int last_known(struct turn *t, const struct clocks *now, int64_t *out_ms, bool *booted)
{
	char *text, boot_id[48];
	long long boot_ms, now_ms;
	*booted = false;
	int rc = journal_newest(t, out_ms);
	if (rc == 0)
		rc = store_fact_get(t->txn, t->arena, "clock", &text);
	if (rc < 0)
		return rc == -ST_NO_ITEM ? 0 : rc;
	if (sscanf(text, "%47s %lld %lld", boot_id, &boot_ms, &now_ms) != 3)
		return 0;
	*booted = strcmp(boot_id, now->boot_id) != 0;
	*out_ms = now_ms > *out_ms ? now_ms : *out_ms;
	return 0;
}

/* Nothing of such a record was answered, unless the disk changed what it holds: then at least no id is handed out twice. */
static int guard_torn(struct turn *t)
{
	const char *text = "the last record of the log was not whole and is left out, as after a power failure in the middle of a change that "
	                   "was not answered; if the machine did not fail, the disk did: look at smmq log";
	int rc = store_ids_skip(t->txn, RESTORE_ID_SKIP_BOOT);
	if (rc == 0)
		rc = queue_note(t, NULL, NULL, "doubt", text, NULL, NULL);
	if (rc == 0)
		queue_warn(t, text, NULL, NULL);
	return rc;
}

int guard_start_turn(struct turn *t, void *guard)
{
	struct guard *g = guard;
	int64_t known_ms;
	bool booted;
	int rc = last_known(t, &g->clocks, &known_ms, &booted);
	if (rc == 0 && known_ms > 0)
		rc = restore_begin(t, known_ms);
	/* A machine that was put back to a snapshot boots anew, and its ids may have been used: some are left out. */
	if (rc == 0 && booted)
		rc = store_ids_skip(t->txn, RESTORE_ID_SKIP_BOOT);
	if (rc == 0 && g->store_doubts & STORE_DOUBT_TORN)
		rc = guard_torn(t);
	if (rc == 0)
		rc = guard_instance(t, g);
	if (rc == 0)
		rc = guard_clock(t, g);
	return rc < 0 ? rc : queue_note(t, NULL, NULL, "start", NULL, NULL, NULL);
}
