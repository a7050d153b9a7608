/* store_upgrade.c: from one store format to the next: numbered steps, each of which can be cut off at any commit and goes on at the
 * next start. A store of a newer format is left alone. */
#include <stdio.h>
#include <string.h>

#include "daemon/store/store_priv.h"
#include "proto/status.h"
#include "proto/unit.h"

#define UPGRADE_BATCH 5000

/* ---- 1 -> 2: a tree for each kind of key; a post's journal entries move next to it ---- */

static int64_t step_adopt(struct store *s, struct store_txn *t)
{
	(void)t;
	return kv_adopt(s->kv, UPGRADE_BATCH);
}

static int64_t step_logs(struct store *s, struct store_txn *t)
{
	(void)s;
	struct kv_cursor *c;
	struct kv_slice k;
	struct key start = key_new('L'), old;
	int64_t moved = 0;
	int rc = kv_cursor_open(t->kv, &c);
	if (rc < 0)
		return rc;
	while (moved < UPGRADE_BATCH && (rc = kv_seek(c, start.b, start.len, &k, NULL)) == 0) {
		const unsigned char *p = k.data;
		if (p[0] != 'L' || k.len != 19)
			break;
		memcpy(old.b, p, k.len);
		old.len = k.len;
		struct key now = store_log_key(key_read(old.b + 1, 8), key_read(old.b + 9, 2), key_read(old.b + 11, 8));
		rc = kv_put(t->kv, now.b, now.len, "", 0);
		if (rc == 0)
			rc = kv_del(t->kv, old.b, old.len);
		if (rc < 0)
			break;
		moved++;
	}
	kv_cursor_close(c);
	return rc < 0 && rc != -ST_NO_ITEM ? rc : moved;
}

/* Each moves a bounded number of keys, in the transaction or in one of its own, and says how many: 0 when it is done. */
static const struct step { int to; int64_t (*run)(struct store *s, struct store_txn *t); } steps[] = {
	{ 2, step_adopt },
	{ 2, step_logs },
};
#define STEP_COUNT (sizeof steps / sizeof steps[0])

/* ---- running them ---- */

static int format_read(struct store *s, struct store_txn *t, int64_t *out, char *why, size_t why_size)
{
	struct arena a;
	char *text;
	arena_init(&a, 1 << 16);
	*out = 0;
	int rc = store_fact_get(t, &a, "format", &text);
	if (rc == 0 && unit_int_parse(text, 1, STORE_FORMAT, out) < 0) {
		(void)snprintf(why, why_size, "%s has store format %s, this smmqd knows up to %d; nothing was touched: "
		               "use the smmqd that wrote it or a newer one", s->directory, text, STORE_FORMAT);
		rc = -ST_REFUSED;
	}
	arena_done(&a);
	return rc == -ST_NO_ITEM ? 0 : rc;
}

static int format_write(struct store_txn *t, int format)
{
	char text[24];
	(void)snprintf(text, sizeof text, "%d", format);
	return store_fact_put(t, "format", text);
}

/* One batch of the step that is next; then the format. 1 while there is more to do. */
static int upgrade_step(struct store *s, struct store_txn *t, size_t *at, char *why, size_t why_size)
{
	int64_t format;
	int rc = format_read(s, t, &format, why, why_size);
	if (rc < 0 || format == STORE_FORMAT)
		return rc;
	while (*at < STEP_COUNT && steps[*at].to <= format)
		(*at)++;
	if (format == 0 || *at == STEP_COUNT)
		return format_write(t, STORE_FORMAT);
	int64_t moved = steps[*at].run(s, t);
	if (moved < 0)
		return (int)moved;
	if (moved == 0)
		(*at)++;
	return 1;
}

static int upgrade_some(struct store *s, size_t *at, char *why, size_t why_size)
{
	struct store_txn *t;
	int rc = store_begin(s, true, &t);
	if (rc < 0)
		return rc;
	int more = upgrade_step(s, t, at, why, why_size);
	if (more < 0) {
		store_abort(t);
		return more;
	}
	rc = store_commit(t);
	if (rc == 0)
		rc = store_sync(s);
	return rc < 0 ? rc : more;
}

int store_upgrade(struct store *s, char *why, size_t why_size)
{
	size_t at = 0;
	int rc;
	while ((rc = upgrade_some(s, &at, why, why_size)) == 1)
		;
	if (rc < 0 && why[0] == '\0')
		(void)snprintf(why, why_size, "cannot read or write %s: %s", s->directory,
		               rc == -ST_NO_SPACE ? "the disk or the map is full; free some space or raise MapSize=" : status_info(rc)->help);
	return rc;
}
