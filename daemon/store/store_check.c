/* store_check.c: whether records that speak of each other agree: accounts and their names, targets and their accounts, posts and their
 * keys and targets, plans and what they are for, media and their uses, the journal and its index by post, counters by
 * account. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/store_check.h"
#include "proto/hash.h"
#include "proto/status.h"

#define ACCOUNTS_MAX (1u << 16)          /* numbers of accounts, which are given out once */
#define USES_MAX (1u << 20)              /* different files counted, some 48 MiB; a store with more is told so */

static bool unreadable(int rc)
{
	return rc == -ST_NO_ITEM || rc == -ST_CORRUPT || rc == -ST_NO_ACCOUNT;
}

/* ---- accounts ---- */

static int check_account(void *ctx, struct store_txn *t, struct arena *a, struct care_report *r, const struct kv_slice *k,
                         const struct kv_slice *v)
{
	struct account account, named;
	uint64_t no = k->len == 5 ? key_read((const unsigned char *)k->data + 1, 4) : 0;
	(void)ctx;
	int rc = record_decode(&store_account_type, v->data, v->len, a, &account);
	if (rc == -ST_CORRUPT || (rc == 0 && (account.no != no || account.name == NULL))) {
		care_problem(r, "the account's record does not decode", no, 0, NULL);
		return 0;
	}
	if (rc == 0)
		rc = store_account_find(t, a, account.name, &named);
	if (unreadable(rc) || (rc == 0 && named.no != no)) {
		care_problem(r, "the account's name does not lead to it", no, 0, account.name);
		return 0;
	}
	return rc;
}

static int check_account_name(void *ctx, struct store_txn *t, struct arena *a, struct care_report *r, const struct kv_slice *k,
                              const struct kv_slice *v)
{
	struct account account;
	const char *name = arena_strndup(a, (const char *)k->data + 1, k->len - 1);
	uint64_t no = v->len == 4 ? key_read(v->data, 4) : 0;
	(void)ctx;
	int rc = name == NULL ? -ST_NO_MEMORY : store_account_get(t, a, no, &account);
	if (unreadable(rc) || (rc == 0 && (account.name == NULL || strcmp(account.name, name) != 0))) {
		care_problem(r, "an account's name leads to no account of that name", no, 0, name);
		return 0;
	}
	return rc;
}

/* ---- media: uses counted in a table, then compared with what the files' records say ---- */

struct use { unsigned char sha256[HASH_SHA256_BYTES]; uint64_t count; };
struct uses { struct use *list; size_t room, used; bool full; };

static struct use *use_find(const struct uses *u, const unsigned char *sha256)
{
	size_t at;
	memcpy(&at, sha256, sizeof at);
	for (at &= u->room - 1; u->list[at].count != 0 && memcmp(u->list[at].sha256, sha256, HASH_SHA256_BYTES) != 0;)
		at = (at + 1) & (u->room - 1);
	return &u->list[at];
}

static int uses_grow(struct uses *u)
{
	struct uses larger = { .room = u->room == 0 ? 256 : u->room * 2, .used = u->used };
	if (u->used * 4 < u->room * 3)
		return 0;
	larger.list = calloc(larger.room, sizeof *larger.list);
	if (larger.list == NULL)
		return -ST_NO_MEMORY;
	for (size_t i = 0; i < u->room; i++)
		if (u->list[i].count != 0)
			*use_find(&larger, u->list[i].sha256) = u->list[i];
	free(u->list);
	*u = larger;
	return 0;
}

static int use_add(struct uses *u, const struct media *m)
{
	unsigned char sha256[HASH_SHA256_BYTES];
	if (m->sha256 == NULL || strlen(m->sha256) != 2 * sizeof sha256 || u->full)
		return 0;
	for (size_t i = 0; i < sizeof sha256; i++) {
		unsigned byte = 0;
		(void)sscanf(m->sha256 + 2 * i, "%2x", &byte);
		sha256[i] = (unsigned char)byte;
	}
	int rc = uses_grow(u);
	if (rc < 0)
		return rc;
	struct use *use = use_find(u, sha256);
	if (use->count++ == 0) {
		memcpy(use->sha256, sha256, sizeof sha256);
		u->full = ++u->used == USES_MAX;
	}
	return 0;
}

static int uses_of(struct uses *u, const struct content *c)
{
	int rc = 0;
	for (size_t i = 0; i < c->part_count; i++)
		for (size_t k = 0; k < c->parts[i].media_count && rc == 0; k++)
			rc = use_add(u, &c->parts[i].media[k]);
	for (size_t i = 0; i < c->card_count; i++)
		for (size_t k = 0; k < c->card[i].thumb_count && rc == 0; k++)
			rc = use_add(u, &c->card[i].thumb[k]);
	for (size_t i = 0; i < c->cover_count && rc == 0; i++)
		rc = use_add(u, &c->cover[i]);
	return rc;
}

static int check_blob(void *ctx, struct store_txn *t, struct arena *a, struct care_report *r, const struct kv_slice *k,
                      const struct kv_slice *v)
{
	struct uses *u = ctx;
	struct blob b;
	char hex[HASH_SHA256_HEX_SIZE] = "", detail[120];
	(void)v;
	if (k->len == 1 + HASH_SHA256_BYTES)
		(void)hash_hex((const unsigned char *)k->data + 1, HASH_SHA256_BYTES, hex);
	int rc = hex[0] == '\0' ? -ST_CORRUPT : store_blob_get(t, a, hex, &b);
	if (unreadable(rc)) {
		care_problem(r, "a media file's record does not decode", 0, 0, hex);
		return 0;
	}
	if (rc < 0)
		return rc;
	struct use *use = u->room > 0 ? use_find(u, (const unsigned char *)k->data + 1) : NULL;
	uint64_t count = use != NULL ? use->count : 0;
	if (count != b.refs) {
		(void)snprintf(detail, sizeof detail, "%.16s...: %llu, it is used %llu times", hex, (unsigned long long)b.refs,
		               (unsigned long long)count);
		care_problem(r, "a media file's count of uses is wrong", 0, 0, detail);
	}
	/* Counted: what is left in the table afterwards has no record. */
	if (use != NULL && use->count > 0)
		use->count = UINT64_MAX;
	return 0;
}

static int check_media(struct store_txn *t, struct arena *a, struct care_report *r, struct uses *u)
{
	char hex[HASH_SHA256_HEX_SIZE];
	if (u->full) {
		care_problem(r, "there are too many media files to count their uses", u->used, 0, NULL);
		return 0;
	}
	int rc = care_table(t, 'B', a, r, check_blob, u);
	for (size_t i = 0; i < u->room && rc == 0; i++)
		if (u->list[i].count != 0 && u->list[i].count != UINT64_MAX)
			care_problem(r, "a media file that is used has no record", 0, 0, hash_hex(u->list[i].sha256, HASH_SHA256_BYTES, hex));
	return rc;
}

/* ---- posts, their targets and keys ---- */

struct states { int64_t of[STATE__COUNT]; };

struct walk {
	struct uses uses;
	struct states *accounts;                 /* by number: targets in each state */
	size_t account_room;
	uint64_t id, targets, seen;              /* the post under way; id 0: none */
	bool counts;                             /* its media are counted as used */
};

static void post_end(struct walk *w, struct care_report *r)
{
	if (w->id != 0 && w->seen != w->targets)
		care_problem(r, "the post has not the targets that it says", w->id, w->seen, NULL);
	w->id = 0;
}

static int check_post_links(struct walk *w, struct store_txn *t, struct arena *a, struct care_report *r, const struct post *p)
{
	struct keyed keyed;
	w->id = p->id;
	w->targets = p->target_count;
	w->seen = 0;
	w->counts = !p->media_released;
	int rc = p->key != NULL ? store_key_get(t, a, p->key, &keyed) : 0;
	if (p->key != NULL && (unreadable(rc) || (rc == 0 && keyed.id != p->id))) {
		care_problem(r, "its key does not lead to it", p->id, 0, p->key);
		rc = 0;
	}
	return rc == 0 && w->counts ? uses_of(&w->uses, p->content) : rc;
}

/* A plan to look stands in the index exactly where the target says. */
static int check_plan(struct store_txn *t, struct care_report *r, const struct target *target)
{
	struct kv_slice none;
	struct key k = key_new('P');
	if (target->open_count == 0 || target->open->look_ms == 0)
		return 0;
	key_add(&k, (uint64_t)target->open->look_ms, 8);
	key_add(&k, PERIODIC_RECONCILE, 1);
	key_add(&k, target->id, 8);
	key_add(&k, target->n, 2);
	int rc = kv_get(t->kv, k.b, k.len, &none);
	if (rc == -ST_NO_ITEM)
		care_problem(r, "its next look is not planned", target->id, target->n, NULL);
	return rc == -ST_NO_ITEM ? 0 : rc;
}

static int count_state(struct walk *w, const struct target *target)
{
	if (target->account_no >= ACCOUNTS_MAX || target->state >= STATE__COUNT)
		return 0;
	while (target->account_no >= w->account_room) {
		size_t room = w->account_room == 0 ? 64 : w->account_room * 2;
		struct states *grown = realloc(w->accounts, room * sizeof *grown);
		if (grown == NULL)
			return -ST_NO_MEMORY;
		memset(grown + w->account_room, 0, (room - w->account_room) * sizeof *grown);
		w->accounts = grown;
		w->account_room = room;
	}
	w->accounts[target->account_no].of[target->state]++;
	return 0;
}

static int check_account_counts(struct store_txn *t, struct care_report *r, const struct walk *w)
{
	int64_t kept[STATE__COUNT];
	int rc = 0;
	for (size_t no = 0; no < w->account_room && rc == 0; no++) {
		rc = no == 0 ? 0 : store_counts(t, no, kept);
		for (unsigned s = 0; s < STATE__COUNT && rc == 0 && no > 0; s++)
			if (kept[s] != w->accounts[no].of[s])
				care_problem(r, "the counter of the account is wrong", no, (uint64_t)w->accounts[no].of[s], state_name((enum state)s));
	}
	return rc;
}

static int check_target_links(struct walk *w, struct store_txn *t, struct arena *a, struct care_report *r, const struct target *target)
{
	struct account account;
	if (w->id != target->id)
		care_problem(r, "the target has no post", target->id, target->n, NULL);
	w->seen++;
	int rc = store_account_get(t, a, target->account_no, &account);
	if (unreadable(rc) || (rc == 0 && (account.name == NULL || target->account == NULL || strcmp(account.name, target->account) != 0))) {
		care_problem(r, "its account is not there", target->id, target->n, target->account);
		rc = 0;
	}
	if (rc == 0)
		rc = check_plan(t, r, target);
	if (rc == 0)
		rc = count_state(w, target);
	return rc == 0 && w->id == target->id && w->counts && target->own_count > 0 ? uses_of(&w->uses, target->own) : rc;
}

static int check_log(struct store_txn *t, struct arena *a, struct care_report *r, const unsigned char *p)
{
	struct key j = key_new('J');
	struct kv_slice found;
	struct entry e;
	key_add(&j, key_read(p + 11, 2), 2);
	key_add(&j, key_read(p + 13, 8), 8);
	int rc = kv_get(t->kv, j.b, j.len, &found);
	if (rc == 0)
		rc = store_journal_decode(a, &found, &e);
	if (unreadable(rc) || (rc == 0 && e.id != key_read(p + 1, 8))) {
		care_problem(r, "the journal's index leads to no entry about it", key_read(p + 1, 8), 0, NULL);
		return 0;
	}
	return rc;
}

/* Records that do not decode were named before. */
static int check_item_links(void *ctx, struct store_txn *t, struct arena *a, struct care_report *r, const struct kv_slice *k,
                            const struct kv_slice *v)
{
	struct walk *w = ctx;
	struct post p;
	struct target target;
	if (k->len == STORE_LOG_KEY_BYTES)
		return check_log(t, a, r, k->data);
	if (k->len != 11)
		return 0;
	uint64_t id = key_read((const unsigned char *)k->data + 1, 8), n = key_read((const unsigned char *)k->data + 9, 2);
	if (id != w->id)
		post_end(w, r);
	int rc = n == 0 ? record_decode(&job_post_type, v->data, v->len, a, &p) : record_decode(&job_target_type, v->data, v->len, a, &target);
	if (rc == -ST_CORRUPT && n > 0)
		w->seen++;
	if (rc < 0)
		return rc == -ST_CORRUPT ? 0 : rc;
	if (n > 0)
		return target.id == id && target.n == n ? check_target_links(w, t, a, r, &target) : 0;
	return p.id == id && p.content_count == 1 ? check_post_links(w, t, a, r, &p) : 0;
}

/* Keys outlive their posts; while there is one, they are its key. */
static int check_key(void *ctx, struct store_txn *t, struct arena *a, struct care_report *r, const struct kv_slice *k, const struct kv_slice *v)
{
	struct keyed keyed;
	struct post p;
	unsigned char hash[HASH_SHA256_BYTES];
	(void)ctx;
	const unsigned char *key = k->data;
	bool hashed = key[0] == 'K';
	int rc = k->len == 17 || !hashed ? store_keyed_decode(a, v, &keyed) : -ST_CORRUPT;
	if (rc == -ST_CORRUPT) {
		care_problem(r, "a key's record does not decode", 0, 0, NULL);
		return 0;
	}
	if (rc == 0)
		rc = store_post_get(t, a, keyed.id, &p);
	if (rc < 0)
		return unreadable(rc) ? 0 : rc;
	bool same = p.key != NULL && (hashed ? hash_sha256(p.key, strlen(p.key), hash) == 0 && memcmp(hash, key + 1, 16) == 0
	                                     : strlen(p.key) == k->len - 1 && memcmp(p.key, key + 1, k->len - 1) == 0);
	if (!same)
		care_problem(r, "a key leads to a post with another key", keyed.id, 0, p.key);
	return 0;
}

/* ---- gates, plans, the journal's index ---- */

static int check_gate(void *ctx, struct store_txn *t, struct arena *a, struct care_report *r, const struct kv_slice *k, const struct kv_slice *v)
{
	struct gate gate, again;
	(void)ctx;
	(void)k;
	int rc = store_gate_decode(a, v, &gate);
	if (rc == 0 && gate.name != NULL)
		rc = store_gate_get(t, a, gate.name, &again);
	if (unreadable(rc) || (rc == 0 && (gate.name == NULL || again.since_ms != gate.since_ms))) {
		care_problem(r, "a gate's record does not decode, or stands under another name", 0, 0, rc == 0 ? gate.name : NULL);
		return 0;
	}
	return rc;
}

static int check_periodic(void *ctx, struct store_txn *t, struct arena *a, struct care_report *r, const struct kv_slice *k,
                          const struct kv_slice *v)
{
	const unsigned char *p = k->data;
	struct target target;
	(void)ctx;
	(void)v;
	if (k->len != 20 || p[9] == 0 || p[9] >= PERIODIC__COUNT) {
		care_problem(r, "a plan is of no known kind", 0, 0, NULL);
		return 0;
	}
	bool look = p[9] == PERIODIC_RECONCILE;
	if (!look && p[9] != PERIODIC_CLEAN)
		return 0;
	uint64_t id = key_read(p + 10, 8), n = key_read(p + 18, 2), at_ms = key_read(p + 1, 8);
	int rc = store_target_get(t, a, id, n, &target);
	/* An ended target may have been removed since; its cleaning finds nothing then. */
	if (!look && rc == -ST_NO_ITEM)
		return 0;
	int64_t planned_ms = rc < 0 ? 0 : !look ? target.clean_ms : target.open_count > 0 ? target.open->look_ms : 0;
	if (unreadable(rc) || (rc == 0 && (uint64_t)planned_ms != at_ms)) {
		care_problem(r, look ? "a look is planned for a target that waits for none then"
		                     : "a cleaning is planned for a target that has none then", id, n, NULL);
		return 0;
	}
	return rc;
}

static int check_entry(void *ctx, struct store_txn *t, struct arena *a, struct care_report *r, const struct kv_slice *k,
                       const struct kv_slice *v)
{
	struct kv_slice none;
	struct entry e;
	(void)ctx;
	int rc = k->len == 11 ? store_journal_decode(a, v, &e) : -ST_CORRUPT;
	if (rc < 0 || e.id == 0)
		return rc == -ST_CORRUPT ? 0 : rc;        /* verify names it */
	const unsigned char *p = k->data;
	struct key l = store_log_key(e.id, key_read(p + 1, 2), key_read(p + 3, 8));
	rc = kv_get(t->kv, l.b, l.len, &none);
	if (rc == -ST_NO_ITEM)
		care_problem(r, "an entry of the journal is missing from its index", e.id, e.n, e.event);
	return rc == -ST_NO_ITEM ? 0 : rc;
}

int care_links(struct store_txn *t, struct arena *a, struct care_report *r)
{
	static const struct { char table; care_each *each; } simple[] = {
		{ 'A', check_account }, { 'a', check_account_name }, { 'N', check_key }, { 'K', check_key }, { 'G', check_gate }, { 'P', check_periodic },
		{ 'J', check_entry },
	};
	struct walk w = { .id = 0 };
	int rc = care_table(t, 'I', a, r, check_item_links, &w);
	post_end(&w, r);
	if (rc == 0)
		rc = check_account_counts(t, r, &w);
	if (rc == 0)
		rc = check_media(t, a, r, &w.uses);
	for (size_t i = 0; i < sizeof simple / sizeof simple[0] && rc == 0; i++)
		rc = care_table(t, simple[i].table, a, r, simple[i].each, NULL);
	free(w.uses.list);
	free(w.accounts);
	return rc;
}
