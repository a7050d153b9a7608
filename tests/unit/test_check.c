/* test_check.c: a whole store has nothing to say; each kind of damage, made below the records, is named. */
#include "daemon/store/store_care.h"
#include "tests/unit/store_world.h"

#define LOOK_MS 1900000000000
#define SHA "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static char text_hello[] = "hello", name_brand[] = "brand", key_k1[] = "k1", sha[] = SHA, label_gate[] = "label:x", event_add[] = "add";

static void make_post(struct store_txn *t, uint64_t id, char *key, enum state state)
{
	struct media media = { .sha256 = sha };
	struct part part = { .text = text_hello, .media = &media, .media_count = 1 };
	struct content content = { .parts = &part, .part_count = 1 };
	struct post p = { .id = id, .key = key, .target_count = 2, .content = &content, .content_count = 1 };
	struct attempt open = { .number = 1, .look_ms = LOOK_MS };
	assert_int_equal(store_post_put(t, &p), 0);
	for (uint64_t n = 1; n <= 2; n++) {
		struct target target = { .id = id, .n = n, .account = name_brand, .account_no = 1, .state = state, .due_ms = LOOK_MS };
		struct entry e = { .id = id, .n = n, .event = event_add };
		if (state == STATE_UNKNOWN) {
			const struct periodic_ref ref = { .due_ms = LOOK_MS, .kind = PERIODIC_RECONCILE, .id = id, .n = n };
			target.open = &open;
			target.open_count = 1;
			assert_int_equal(store_periodic_put(t, &ref, "", 0), 0);
		}
		assert_int_equal(store_target_put(t, &target, true), 0);
		assert_int_equal(store_journal_add(t, &e), 0);
	}
}

/* Posts 1 (queued, with a key) and 2 (unknown, looks planned), both with the one picture, for account 1. */
static int whole_setup(void **state)
{
	int rc = world_setup(state);
	struct world *w = *state;
	struct store_txn *t = begin(w, true);
	struct account account;
	const struct keyed keyed = { .id = 1, .created_ms = 5 };
	const struct blob blob = { .refs = 2 };
	const struct gate gate = { .name = label_gate, .since_ms = 7 };
	assert_int_equal(store_account_make(t, &w->arena, name_brand, "outbox", &account), 0);
	make_post(t, 1, key_k1, STATE_QUEUED);
	make_post(t, 2, NULL, STATE_UNKNOWN);
	assert_int_equal(store_key_put(t, key_k1, &keyed), 0);
	assert_int_equal(store_blob_put(t, sha, &blob), 0);
	assert_int_equal(store_gate_put(t, &gate), 0);
	commit(w);
	return rc;
}

static void expect_problem(struct world *w, const char *words)
{
	static struct care_report report;
	bool named = false;
	assert_int_equal(store_check(begin(w, false), &report), 0);
	for (int64_t i = 0; i < report.problems && i < CARE_MAX_PROBLEMS; i++)
		named = named || strstr(report.problem[i], words) != NULL;
	if (!named)
		fail_msg("\"%s\" is not among the %lld problems; the first: %s", words, (long long)report.problems, report.problem[0]);
	roll_back(w);
}

static void test_whole(void **state)
{
	struct world *w = *state;
	static struct care_report report;
	assert_int_equal(store_check(begin(w, false), &report), 0);
	if (report.problems > 0)
		fail_msg("a whole store has a problem: %s", report.problem[0]);
	assert_int_equal(report.posts, 2);
	assert_int_equal(report.targets, 4);
}

/* The key of a table's nth entry, with its value; of table 'L', the journal's entries by post, which stand among the items. */
static struct key nth(struct kv_txn *t, char table, size_t n, struct kv_slice *v)
{
	struct kv_cursor *c;
	struct kv_slice k;
	bool log = table == 'L';
	struct key start = key_new(log ? 'I' : table), found = { .len = 0 };
	assert_int_equal(kv_cursor_open(t, &c), 0);
	int rc = kv_seek(c, start.b, start.len, &k, v);
	while (rc == 0 && ((log && k.len != STORE_LOG_KEY_BYTES) || n-- > 0))
		rc = kv_next(c, &k, v);
	assert_int_equal(rc, 0);
	assert_int_equal(((const char *)k.data)[0], start.b[0]);
	found.len = k.len;
	memcpy(found.b, k.data, k.len);
	kv_cursor_close(c);
	return found;
}

enum how { REMOVE, GARBAGE, MOVE };      /* MOVE: under a key whose last byte is another */
struct damage { char table; size_t n; enum how how; const char *words; };

static void damage(struct world *w, const struct damage *d)
{
	struct kv_txn *t = store_kv(begin(w, true));
	struct kv_slice v;
	char value[4096];
	struct key k = nth(t, d->table, d->n, &v);
	assert_true(v.len <= sizeof value);
	memcpy(value, v.data, v.len);
	size_t len = v.len;
	if (d->how == GARBAGE) {
		assert_int_equal(kv_put(t, k.b, k.len, "\377\377\377", 3), 0);
	} else {
		assert_int_equal(kv_del(t, k.b, k.len), 0);
		k.b[k.len - 1] ^= 0x40;
		if (d->how == MOVE)
			assert_int_equal(kv_put(t, k.b, k.len, value, len), 0);
	}
	commit(w);
}

static void test_each_damage(void **state)
{
	static const struct damage all[] = {
		{ 'I', 0, REMOVE, "the target has no post" }, { 'I', 0, GARBAGE, "the post's record does not decode" },
		{ 'I', 1, REMOVE, "the post has not the targets that it says" }, { 'I', 1, GARBAGE, "the record does not decode" },
		{ 'D', 0, REMOVE, "missing from the index" }, { 'D', 0, MOVE, "an index entry" },
		{ 'S', 0, REMOVE, "missing from the index" }, { 'S', 0, MOVE, "an index entry" },
		{ 'C', 0, REMOVE, "the counter of the account is wrong" }, { 'C', 0, MOVE, "the counter" },
		{ 'A', 0, REMOVE, "its account is not there" }, { 'A', 0, GARBAGE, "the account's record does not decode" },
		{ 'a', 0, REMOVE, "the account's name does not lead to it" }, { 'a', 0, MOVE, "leads to no account of that name" },
		{ 'N', 0, REMOVE, "its key does not lead to it" }, { 'N', 0, GARBAGE, "a key's record does not decode" },
		{ 'N', 0, MOVE, "a key leads to a post with another key" },
		{ 'G', 0, GARBAGE, "a gate's record does not decode" }, { 'G', 0, MOVE, "stands under another name" },
		{ 'P', 0, REMOVE, "its next look is not planned" }, { 'P', 0, MOVE, "a look is planned for a target that waits for none" },
		{ 'B', 0, REMOVE, "a media file that is used has no record" }, { 'B', 0, GARBAGE, "a media file's record does not decode" },
		{ 'B', 0, MOVE, "a media file's count of uses is wrong" },
		{ 'L', 0, REMOVE, "missing from its index" }, { 'L', 0, MOVE, "the journal's index leads to no entry" },
	};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		damage(*state, &all[i]);
		expect_problem(*state, all[i].words);
		world_teardown(state);
		whole_setup(state);
	}
}

/* Numbers that are wrong in records that decode. */
static void test_wrong_numbers(void **state)
{
	struct world *w = *state;
	const struct blob blob = { .refs = 3 };
	const struct keyed keyed = { .id = 2 };
	assert_int_equal(store_blob_put(begin(w, true), sha, &blob), 0);
	commit(w);
	expect_problem(w, "count of uses is wrong: 0011223344556677...: 3, it is used 2 times");
	assert_int_equal(store_key_put(begin(w, true), key_k1, &keyed), 0);
	commit(w);
	expect_problem(w, "1.0: its key does not lead to it: k1");
	expect_problem(w, "2.0: a key leads to a post with another key");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole, whole_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_each_damage, whole_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_wrong_numbers, whole_setup, world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
