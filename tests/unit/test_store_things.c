/* test_store_things.c: the journal and the small tables: periodic work, gates, keys, media, accounts. */
#include "proto/hash.h"
#include "tests/unit/store_world.h"

/* ---- the journal ---- */

static char text_event[] = "test", text_detail[] = "{\"x\":1}";

static void note(struct world *w, uint64_t id)
{
	struct entry e = { .time_ms = 5, .id = id, .n = id != 0, .event = text_event, .detail = text_detail };
	assert_int_equal(store_journal_add(w->txn, &e), 0);
}

static uint64_t chain_length(struct world *w, unsigned char last[32])
{
	struct kv_cursor *c;
	struct kv_slice k, v;
	struct key start = key_new('J');
	uint64_t count = 0;
	memset(last, 0, 32);
	assert_int_equal(kv_cursor_open(store_kv(w->txn), &c), 0);
	for (int rc = kv_seek(c, start.b, 1, &k, &v); rc == 0 && ((const char *)k.data)[0] == 'J'; rc = kv_next(c, &k, &v)) {
		char *all = malloc(32 + k.len + v.len - 32);
		assert_non_null(all);
		memcpy(all, last, 32);
		memcpy(all + 32, k.data, k.len);
		memcpy(all + 32 + k.len, (const char *)v.data + 32, v.len - 32);
		assert_int_equal(hash_sha256(all, k.len + v.len, last), 0);
		free(all);
		assert_memory_equal(last, v.data, 32);
		assert_int_equal(key_read((const unsigned char *)k.data + 3, 8), ++count);
	}
	kv_cursor_close(c);
	return count;
}

struct walk { size_t count; uint64_t ids[200]; size_t stop_at; };

static int walk_each(void *ctx, const struct entry *e, const char *cursor)
{
	struct walk *k = ctx;
	assert_non_null(cursor);
	if (k->stop_at != 0 && k->count == k->stop_at)
		return 3;
	k->ids[k->count++] = e->id;
	return 0;
}

static void test_journal(void **state)
{
	struct world *w = *state;
	unsigned char hash[32];
	char cursor[JOURNAL_CURSOR_MAX] = "", end[JOURNAL_CURSOR_MAX];
	struct walk k = { 0 };
	bool at_end;
	for (int round = 0; round < 10; round++) {
		begin(w, true);
		for (uint64_t i = 0; i < 10; i++)
			note(w, i % 3);
		if (round % 5 == 4)
			roll_back(w);
		else
			commit(w);
		if (round == 6)
			reopen(w);
	}
	begin(w, false);
	assert_int_equal(chain_length(w, hash), 80);
	for (int i = 0; i < 200 && k.count < 80; i++)
		assert_int_equal(store_journal_walk(w->txn, &w->arena, cursor, 0, 3, walk_each, &k, &at_end), 0);
	assert_int_equal(k.count, 80);
	assert_int_equal(store_journal_walk(w->txn, &w->arena, cursor, 0, 3, walk_each, &k, &at_end), 0);
	assert_true(at_end);
	assert_int_equal(store_journal_end(w->txn, end), 0);
	assert_string_equal(cursor, end);
	k.count = 0;
	cursor[0] = '\0';
	assert_int_equal(store_journal_walk(w->txn, &w->arena, cursor, 2, 1000, walk_each, &k, &at_end), 0);
	assert_int_equal(k.count, 24);
	/* Where each stops, the walk goes on from there. */
	k = (struct walk){ .stop_at = 5 };
	cursor[0] = '\0';
	assert_int_equal(store_journal_walk(w->txn, &w->arena, cursor, 0, 1000, walk_each, &k, &at_end), 3);
	k.stop_at = 0;
	assert_int_equal(store_journal_walk(w->txn, &w->arena, cursor, 0, 1000, walk_each, &k, &at_end), 0);
	assert_int_equal(k.count, 80);
}

static void test_journal_cursors(void **state)
{
	static const char *const none[] = { "x", "1-", "1-0", "2-5", "1-5x", "1--5", "-1-5", "1-9999999999999999999" };
	struct world *w = *state;
	struct walk k = { 0 };
	char cursor[JOURNAL_CURSOR_MAX];
	begin(w, true);
	for (int i = 0; i < 10; i++)
		note(w, 0);
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
		(void)snprintf(cursor, sizeof cursor, "%s", none[i]);
		assert_int_equal(store_journal_walk(w->txn, &w->arena, cursor, 0, 10, walk_each, &k, NULL), -ST_INVALID);
	}
	/* Behind the end: of entries that a restored store no longer has. */
	(void)snprintf(cursor, sizeof cursor, "1-12");
	assert_int_equal(store_journal_walk(w->txn, &w->arena, cursor, 0, 10, walk_each, &k, NULL), -ST_GONE);
	struct key first = key_new('J');
	key_add(&first, STORE_WRITER, 2);
	key_add(&first, 1, 8);
	assert_int_equal(kv_del(store_kv(w->txn), first.b, first.len), 0);
	(void)snprintf(cursor, sizeof cursor, "1-1");
	assert_int_equal(store_journal_walk(w->txn, &w->arena, cursor, 0, 10, walk_each, &k, NULL), -ST_GONE);
}

/* ---- periodic work ---- */

static void put(struct world *w, int64_t due_ms, enum periodic kind, uint64_t id, const char *data)
{
	const struct periodic_ref ref = { .due_ms = due_ms, .kind = kind, .id = id, .n = 1 };
	assert_int_equal(store_periodic_put(w->txn, &ref, data, strlen(data)), 0);
}

static void test_periodic(void **state)
{
	struct world *w = *state;
	struct periodic_ref refs[10];
	struct kv_slice data[10];
	int64_t next;
	begin(w, true);
	assert_int_equal(store_periodic_next(w->txn, &next), 0);
	assert_true(next == INT64_MAX);
	put(w, 300, PERIODIC_GATE, 0, "gate");
	put(w, 100, PERIODIC_RECONCILE, 7, "");
	put(w, 100, PERIODIC_RECONCILE, 8, "");
	put(w, 200, PERIODIC_MEDIA, 1, "file");
	assert_int_equal(store_periodic_next(w->txn, &next), 0);
	assert_int_equal(next, 100);
	assert_int_equal(store_periodic_list(w->txn, &w->arena, 99, refs, data, 10), 0);
	assert_int_equal(store_periodic_list(w->txn, &w->arena, 200, refs, data, 10), 3);
	assert_int_equal(refs[0].id, 7);
	assert_int_equal(refs[1].id, 8);
	assert_int_equal(refs[2].kind, PERIODIC_MEDIA);
	assert_memory_equal(data[2].data, "file", 4);
	assert_int_equal(store_periodic_del(w->txn, &refs[0]), 0);
	assert_int_equal(store_periodic_del(w->txn, &refs[0]), 0);
	assert_int_equal(store_periodic_list(w->txn, &w->arena, INT64_MAX, refs, data, 10), 3);
	assert_int_equal(store_periodic_list(w->txn, &w->arena, INT64_MAX, refs, data, 2), 2);
}

/* ---- media ---- */

static void file_name(char name[65], unsigned seed)
{
	unsigned char hash[32];
	assert_int_equal(hash_sha256(&seed, sizeof seed, hash), 0);
	hash_hex(hash, 32, name);
}

/* However many files fall due in one millisecond, each keeps its own entry. */
static void test_media_plans(void **state)
{
	struct world *w = *state;
	static struct periodic_ref refs[200];
	static struct kv_slice data[200];
	char name[65];
	begin(w, true);
	for (unsigned i = 0; i < 100; i++) {
		file_name(name, i);
		assert_int_equal(store_blob_plan(w->txn, name, 5000), 0);
		assert_int_equal(store_blob_plan(w->txn, name, 5000), 0);
	}
	assert_int_equal(store_periodic_list(w->txn, &w->arena, 5000, refs, data, 200), 100);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(refs[i].kind, PERIODIC_MEDIA);
		assert_int_equal(data[i].len, 64);
	}
	assert_int_equal(store_blob_plan(w->txn, "nonsense", 1), -ST_INVALID);
}

static void test_blobs(void **state)
{
	struct world *w = *state;
	char name[65], mime[] = "image/png";
	struct blob b = { .mime = mime, .size_bytes = 7, .refs = 2 }, got;
	begin(w, true);
	file_name(name, 1);
	assert_int_equal(store_blob_get(w->txn, &w->arena, name, &got), -ST_NO_ITEM);
	assert_int_equal(store_blob_put(w->txn, name, &b), 0);
	assert_int_equal(store_blob_get(w->txn, &w->arena, name, &got), 0);
	assert_string_equal(got.mime, mime);
	assert_int_equal(got.refs, 2);
	assert_int_equal(store_blob_del(w->txn, name), 0);
	assert_int_equal(store_blob_get(w->txn, &w->arena, name, &got), -ST_NO_ITEM);
	name[0] = 'G';
	assert_int_equal(store_blob_get(w->txn, &w->arena, name, &got), -ST_INVALID);
	assert_int_equal(store_blob_get(w->txn, &w->arena, "", &got), -ST_INVALID);
	file_name(name, 1);
	name[63] = '\0';
	assert_int_equal(store_blob_put(w->txn, name, &b), -ST_INVALID);
}

/* A record from before videos were looked into: what it does not have is not known, and it says so. */
static void test_blob_of_an_older_version(void **state)
{
	static const char old[] = "\1" "\1\11video/mp4" "\2\1\7" "\5\1\2";
	static const char media[] = "\1" "\1\4abcd" "\4\11video/mp4" "\5\1\7";
	struct world *w = *state;
	unsigned char key[33] = "B";
	char name[65];
	struct blob got;
	struct media m = { .sha256 = name };
	begin(w, true);
	file_name(name, 1);
	for (size_t i = 0; i < 32; i++) {
		unsigned byte;
		assert_int_equal(sscanf(name + 2 * i, "%2x", &byte), 1);
		key[1 + i] = (unsigned char)byte;
	}
	assert_int_equal(kv_put(store_kv(w->txn), key, sizeof key, old, sizeof old - 1), 0);
	assert_int_equal(store_blob_get(w->txn, &w->arena, name, &got), 0);
	assert_int_equal(got.refs, 2);
	store_blob_media(&got, &m);
	assert_string_equal(m.mime, "video/mp4");
	assert_int_equal(m.size_bytes, 7);
	assert_int_equal(m.duration_ms, 0);
	assert_null(m.video_codec);
	assert_non_null(job_media_unknown(&m));
	assert_ptr_equal(m.sha256, name);
	assert_int_equal(record_decode(&job_media_type, media, sizeof media - 1, &w->arena, &m), 0);
	assert_string_equal(m.mime, "video/mp4");
	assert_int_equal(m.audio_hz, 0);
	assert_non_null(job_media_unknown(&m));
}

static void test_blob_of_a_video(void **state)
{
	static char mime[] = "video/mp4", codec[] = "h264", sound[] = "aac", why[] = "nobody knows";
	struct world *w = *state;
	char name[65];
	struct blob b = { .mime = mime, .size_bytes = 7, .width = 4, .height = 3, .duration_ms = 5, .frame_milli = 6, .bit_rate = 8,
	                  .video_codec = codec, .audio_codec = sound, .audio_channels = 2, .audio_hz = 9 }, got;
	struct media m = { .name = name };
	begin(w, true);
	file_name(name, 1);
	assert_int_equal(store_blob_put(w->txn, name, &b), 0);
	assert_int_equal(store_blob_get(w->txn, &w->arena, name, &got), 0);
	store_blob_media(&got, &m);
	assert_true(m.size_bytes == 7 && m.width == 4 && m.height == 3 && m.duration_ms == 5 && m.frame_milli == 6 && m.bit_rate == 8);
	assert_true(m.audio_channels == 2 && m.audio_hz == 9);
	assert_string_equal(m.video_codec, codec);
	assert_string_equal(m.audio_codec, sound);
	assert_null(job_media_unknown(&m));
	b.unprobed = why;
	assert_int_equal(store_blob_put(w->txn, name, &b), 0);
	assert_int_equal(store_blob_get(w->txn, &w->arena, name, &got), 0);
	store_blob_media(&got, &m);
	assert_string_equal(job_media_unknown(&m), why);
	mime[0] = 'x';
	assert_null(job_media_unknown(&(struct media){ .mime = mime, .unprobed = why }));
	mime[0] = 'v';
}

/* ---- gates, keys, accounts ---- */

static void test_gates(void **state)
{
	struct world *w = *state;
	char long_a[200], long_b[200], short_name[] = "all", reason[] = "because";
	struct gate list[10], got;
	memset(long_a, 'x', sizeof long_a - 1);
	long_a[sizeof long_a - 1] = '\0';
	memcpy(long_b, long_a, sizeof long_b);
	long_b[198] = 'y';
	begin(w, true);
	struct gate gates[] = { { .name = short_name, .reason = reason }, { .name = long_a, .until_ms = 9 }, { .name = long_b } };
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(store_gate_put(w->txn, &gates[i]), 0);
	assert_int_equal(store_gate_put(w->txn, &gates[1]), 0);
	assert_int_equal(store_gate_list(w->txn, &w->arena, list, 10), 3);
	assert_int_equal(store_gate_get(w->txn, &w->arena, long_a, &got), 0);
	assert_int_equal(got.until_ms, 9);
	assert_string_equal(got.name, long_a);
	assert_int_equal(store_gate_del(w->txn, long_a), 0);
	assert_int_equal(store_gate_get(w->txn, &w->arena, long_a, &got), -ST_NO_ITEM);
	assert_int_equal(store_gate_get(w->txn, &w->arena, long_b, &got), 0);
	assert_int_equal(store_gate_get(w->txn, &w->arena, short_name, &got), 0);
	assert_string_equal(got.reason, reason);
}

static void test_keys(void **state)
{
	struct world *w = *state;
	char sha[] = "abc", longest[201];
	struct keyed k = { .id = 42, .request_sha256 = sha, .created_ms = 5 }, got;
	memset(longest, 'k', 200);
	longest[200] = '\0';
	begin(w, true);
	assert_int_equal(store_key_get(w->txn, &w->arena, longest, &got), -ST_NO_ITEM);
	assert_int_equal(store_key_put(w->txn, longest, &k), 0);
	assert_int_equal(store_key_get(w->txn, &w->arena, longest, &got), 0);
	assert_int_equal(got.id, 42);
	assert_string_equal(got.request_sha256, sha);
	longest[199] = 'l';
	assert_int_equal(store_key_get(w->txn, &w->arena, longest, &got), -ST_NO_ITEM);
}

/* The longest name that the configuration allows is an account like others. */
static void test_accounts(void **state)
{
	struct world *w = *state;
	char longest[65];
	struct account a, b, list[10];
	memset(longest, 'n', 64);
	longest[64] = '\0';
	begin(w, true);
	assert_int_equal(store_account_find(w->txn, &w->arena, longest, &a), -ST_NO_ACCOUNT);
	assert_int_equal(store_account_make(w->txn, &w->arena, longest, "outbox", &a), 0);
	assert_int_equal(store_account_make(w->txn, &w->arena, "other", "webhook", &b), 0);
	assert_int_equal(b.no, a.no + 1);
	commit(w);
	reopen(w);
	begin(w, true);
	assert_int_equal(store_account_make(w->txn, &w->arena, longest, "outbox", &b), 0);
	assert_int_equal(b.no, a.no);
	assert_int_equal(store_account_list(w->txn, &w->arena, list, 10), 2);
	assert_string_equal(list[0].name, longest);
	assert_string_equal(list[1].platform, "webhook");
	assert_int_equal(store_account_get(w->txn, &w->arena, 99, &a), -ST_NO_ACCOUNT);
	memset(longest, 'm', 64);
	assert_int_equal(store_account_find(w->txn, &w->arena, longest, &a), -ST_NO_ACCOUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_journal, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_journal_cursors, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_periodic, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_media_plans, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_blobs, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_blob_of_an_older_version, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_blob_of_a_video, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_gates, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_keys, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_accounts, world_setup, world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
