/* sim_check.c: the promises, checked against the platforms' own books. */
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/store/store_priv.h"
#include "proto/hash.h"
#include "proto/status.h"
#include "tests/sim/sim_core.h"

struct check { struct core *core; struct store_txn *txn; struct arena arena; unsigned faults; int64_t states[STATE__COUNT]; uint64_t published_parts; };

__attribute__((format(printf, 4, 5)))
static void fault(struct check *k, const struct target *t, const char *word, const char *fmt, ...)
{
	va_list ap;
	printf("%s %llu.%llu %s %s: ", word, (unsigned long long)t->id, (unsigned long long)t->n, t->account, state_name((enum state)t->state));
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf(" (%s)\n", t->reason != NULL ? t->reason : "no reason");
	k->faults++;
}

static const struct host *host_of(const struct target *t)
{
	char name[64];
	(void)snprintf(name, sizeof name, "%s.sim", t->account);
	return sim_host_find(name);
}

static const struct item *item_of(const struct core *c, uint64_t number)
{
	return number > 0 && number <= c->item_count ? &c->items[number - 1] : NULL;
}

/* What one part may look like in public, by the target's state. */
static void check_part(struct check *k, const struct target *t, const struct item *item, size_t part)
{
	const struct host *h = host_of(t);
	unsigned seen = sim_seen(h, item->number, part);
	bool repeatable = h->kind == KIND_WEBHOOK || h->kind == KIND_OUTBOX;
	if (seen > 1)
		fault(k, t, "DOUBLED", "part %zu is seen %u times", part, seen);
	if (t->state == STATE_PUBLISHED && seen == 0)
		fault(k, t, "LOST", "part %zu is not there", part);
	/* A repeatable request that was given up may have arrived; so may one that arrives minutes after its sender gave up. */
	if (repeatable || sim_was_late(h, item->number) || t->state == STATE_UNKNOWN || t->state == STATE_PUBLISHED)
		return;
	if (seen > 0 && part >= t->shown_count)
		fault(k, t, "SILENT", "part %zu is seen, but not known of", part);
	if (item->cancelled[t->n - 1] && item->id == t->id && seen > 0 && part >= item->shown_when_cancelled[t->n - 1])
		fault(k, t, "SENT AFTER CANCEL", "part %zu", part);
}

/* ---- lateness: what was published long after its time has a reason that the journal tells ---- */

#define LATE_MS (15 * 60 * INT64_C(1000))

struct excuse { int64_t from_ms, until_ms; const char *account; bool own, found; };

static int excuse_each(void *ctx, const struct entry *e, const char *cursor)
{
	static const char *const plain[] = { "add", "arm", "intent", "answer", "publish" };
	struct excuse *x = ctx;
	bool says = e->reason != NULL || strcmp(e->event, "start") == 0;
	(void)cursor;
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		says = says && strcmp(e->event, plain[i]) != 0;
	if (!x->own)
		says = says && e->id == 0 && e->time_ms >= x->from_ms && e->time_ms <= x->until_ms && (e->account == NULL || strcmp(e->account, x->account) == 0);
	x->found |= says;
	return 0;
}

static void check_late(struct check *k, const struct target *t)
{
	char cursor[JOURNAL_CURSOR_MAX] = "";
	struct excuse x = { t->due_ms - LATE_MS, t->published_ms, t->account, true, false };
	if (t->state != STATE_PUBLISHED || t->published_ms - t->due_ms < LATE_MS || k->core->steps)
		return;
	(void)store_journal_walk(k->txn, &k->arena, cursor, t->id, SIZE_MAX, excuse_each, &x, NULL);
	x.own = false;
	cursor[0] = '\0';
	if (!x.found)
		(void)store_journal_walk(k->txn, &k->arena, cursor, 0, SIZE_MAX, excuse_each, &x, NULL);
	if (!x.found)
		fault(k, t, "LATE", "%lld s after its time, and nothing says why", (long long)(t->published_ms - t->due_ms) / 1000);
}

static int check_target(void *ctx, const struct store_ref *ref)
{
	struct check *k = ctx;
	struct target t;
	struct post p;
	size_t part;
	if (store_target_get(k->txn, &k->arena, ref->id, ref->n, &t) < 0 || store_post_get(k->txn, &k->arena, ref->id, &p) < 0) {
		printf("CORRUPT %llu.%llu\n", (unsigned long long)ref->id, (unsigned long long)ref->n);
		k->faults++;
		return 0;
	}
	const struct item *item = item_of(k->core, sim_mark(p.content->parts[0].text, &part));
	k->states[t.state]++;
	if (t.state == STATE_QUEUED || t.state == STATE_SENDING || t.state == STATE_DRAFT)
		fault(k, &t, "STUCK", "due %lld, fires %lld, now %lld", (long long)t.due_ms, (long long)job_fire_ms(&t), (long long)sim_wall_ms());
	if (t.state == STATE_UNKNOWN && (t.open_count == 0 || t.open->evidence == NULL))
		fault(k, &t, "STUCK", "no evidence");
	if (t.state == STATE_UNKNOWN && t.open_count == 1 && t.open->look_ms != 0)
		fault(k, &t, "STUCK", "still to be looked for");
	if ((t.state == STATE_FAILED || t.state == STATE_MISSED || t.state == STATE_EXPIRED || t.state == STATE_UNKNOWN) && t.reason == NULL)
		fault(k, &t, "STUCK", "no reason");
	check_late(k, &t);
	for (size_t i = 0; item != NULL && i < item->parts; i++)
		check_part(k, &t, item, i);
	arena_reset(&k->arena);
	return 0;
}

static void check_counts(struct check *k)
{
	int64_t counts[STATE__COUNT];
	if (store_counts(k->txn, 0, counts) < 0 || memcmp(counts, k->states, sizeof counts) != 0) {
		printf("COUNTERS differ from what is there\n");
		k->faults++;
	}
}

/* Every accepted post is there. */
static void check_accepted(struct check *k)
{
	for (size_t i = 0; i < k->core->item_count; i++) {
		const struct item *item = &k->core->items[i];
		struct post p;
		if (item->id != 0 && store_post_get(k->txn, &k->arena, item->id, &p) < 0) {
			printf("LOST %llu was acknowledged and is not there\n", (unsigned long long)item->id);
			k->faults++;
		}
		arena_reset(&k->arena);
	}
}

static char journal_hash[CORE_HASH_SIZE];

const char *core_journal_hash(void)
{
	return journal_hash;
}

/* The chain, computed anew: hash = SHA-256(hash before, key, record). */
static void check_journal(struct check *k)
{
	unsigned char before[32] = { 0 }, now[EVP_MAX_MD_SIZE];
	struct kv_cursor *c;
	struct kv_slice key, v;
	struct key start = key_new('J');
	uint64_t entries = 0;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (ctx == NULL || kv_cursor_open(store_kv(k->txn), &c) < 0)
		return;
	for (int rc = kv_seek(c, start.b, start.len, &key, &v); rc == 0 && ((const char *)key.data)[0] == 'J'; rc = kv_next(c, &key, &v)) {
		bool ok = v.len >= 32 && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 && EVP_DigestUpdate(ctx, before, 32) == 1 &&
		          EVP_DigestUpdate(ctx, key.data, key.len) == 1 && EVP_DigestUpdate(ctx, (const char *)v.data + 32, v.len - 32) == 1 &&
		          EVP_DigestFinal_ex(ctx, now, NULL) == 1;
		entries++;
		if (!ok || memcmp(now, v.data, 32) != 0 || key_read((const unsigned char *)key.data + 3, 8) != entries) {
			printf("JOURNAL entry %llu breaks the chain\n", (unsigned long long)entries);
			k->faults++;
			break;
		}
		memcpy(before, now, 32);
	}
	printf("journal: %llu entries, %s\n", (unsigned long long)entries, hash_hex(before, 32, journal_hash));
	EVP_MD_CTX_free(ctx);
	kv_cursor_close(c);
}

unsigned core_check(struct core *c)
{
	struct check k = { .core = c };
	struct store_page page = { .max_looks = SIZE_MAX };
	arena_init(&k.arena, 1 << 26);
	if (store_begin(c->store, false, &k.txn) < 0)
		return 1;
	if (store_page_walk(k.txn, &page, check_target, &k) != 0)
		k.faults++;
	check_counts(&k);
	check_accepted(&k);
	check_journal(&k);
	store_abort(k.txn);
	arena_done(&k.arena);
	printf("targets:");
	for (int s = 0; s < STATE__COUNT; s++)
		if (k.states[s] > 0)
			printf(" %s %lld", state_name((enum state)s), (long long)k.states[s]);
	printf("\n");
	return k.faults;
}
