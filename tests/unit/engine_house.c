/* engine_house.c: the doors of io as played for the tests, and a daemon's core without sockets. */
#include "tests/unit/engine_house.h"

#include <sys/stat.h>

#include "daemon/io/clock.h"
#include "daemon/io/file.h"
#include "daemon/io/rng.h"
#include "daemon/io/timer.h"
#include "daemon/log.h"

/* ---- the doors of io ---- */

int64_t now_ms, stepped_ms;
void (*alarm_rings)(void *ctx, bool stepped);
struct sent sent;
unsigned sent_count, written_count;
char written_name[64];
struct written written;

int64_t clock_now_ms(void)
{
	return now_ms;
}

int64_t clock_now_us(void)
{
	return now_ms * 1000;
}

int64_t clock_boot_ms(void)
{
	return now_ms - stepped_ms;
}

void clock_boot_id(char *buf, size_t size)
{
	(void)snprintf(buf, size, "boot");
}

void clock_host_id(char *buf, size_t size)
{
	(void)snprintf(buf, size, "host");
}

void rng_bytes(void *out, size_t len)
{
	memset(out, 5, len);
}

struct timer { int64_t time_ms; };

int timer_new(struct loop *l, void (*cb)(void *ctx, bool stepped), void *ctx, struct timer **out)
{
	static struct timer t;
	(void)l;
	(void)ctx;
	alarm_rings = cb;
	*out = &t;
	return 0;
}

int timer_set(struct timer *t, int64_t time_ms)
{
	t->time_ms = time_ms;
	return 0;
}

void timer_free(struct timer *t)
{
	(void)t;
}

int http_start(struct http *h, struct http_request *r, void (*done)(void *ctx, const struct http_result *res), void *ctx)
{
	(void)h;
	http_request_free(r);
	sent.done = done;
	sent.ctx = ctx;
	sent_count++;
	return 0;
}

const char *files_path(const struct files *f, const char *sha256, char *buf, size_t size)
{
	(void)f;
	(void)snprintf(buf, size, "/media/%s", sha256);
	return buf;
}

int file_publish(struct files *f, const char *directory, const char *name, const void *data, size_t len, const struct file_link *links,
                 size_t link_count, void (*done)(void *ctx, int error, const char *text), void *ctx)
{
	(void)f; (void)directory; (void)data; (void)len; (void)links; (void)link_count;
	(void)snprintf(written_name, sizeof written_name, "%s", name);
	written.done = done;
	written.ctx = ctx;
	written_count++;
	return 0;
}

int file_unpublish(struct files *f, const char *directory, const char *name, void (*done)(void *ctx, int error, const char *text),
                   void *ctx)
{
	return file_publish(f, directory, name, NULL, 0, NULL, 0, done, ctx);
}

/* ---- a daemon ---- */

static void on_reply(void *ctx, uint64_t conn, const char *text, size_t len)
{
	(void)ctx; (void)conn; (void)text; (void)len;
}

static void on_due(void *ctx, uint64_t account_no, int64_t due_ms)
{
	engine_due(((struct house *)ctx)->engine, account_no, due_ms);
}

static void on_periodic(void *ctx, int64_t due_ms)
{
	engine_periodic(((struct house *)ctx)->engine, due_ms);
}

static void on_journal(void *ctx)
{
	engine_schedule(((struct house *)ctx)->engine);
}

static void on_nothing(void *ctx)
{
	(void)ctx;
}

static void on_fatal(void *ctx, int status)
{
	(void)ctx;
	fail_msg("fatal %d", status);
}

void write_text(const struct house *h, const char *name, const char *text)
{
	char path[200];
	(void)snprintf(path, sizeof path, "%s/%s", h->w->directory, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

static const char *path_of(const struct house *h, const char *name)
{
	static char path[200];
	(void)snprintf(path, sizeof path, "%s/%s", h->w->directory, name);
	return path;
}

const struct conf *house_conf(const struct house *h)
{
	struct conf_error error;
	const struct conf *conf;
	if (conf_load(path_of(h, "smmqd.conf"), &conf, &error) < 0)
		fail_msg("%s", error.text);
	return conf;
}

int house_setup(void **state)
{
	void *world;
	char text[1000];
	struct house *h = calloc(1, sizeof *h);
	log_setup(LOG_LEVEL_ERR - 1);
	now_ms = START_MS;
	stepped_ms = 0;
	sent_count = written_count = 0;
	if (world_setup(&world) != 0)
		return -1;
	h->w = world;
	(void)mkdir(path_of(h, "accounts.d"), 0700);
	(void)mkdir(path_of(h, "out"), 0700);
	(void)snprintf(text, sizeof text, "[Daemon]\nStateDirectory=%s\nSocket=%s/s\n", h->w->directory, h->w->directory);
	write_text(h, "smmqd.conf", text);
	(void)snprintf(text, sizeof text, "[Account]\nPlatform=outbox\nDirectory=%s/out\n", h->w->directory);
	write_text(h, "accounts.d/box.conf", text);
	write_text(h, "accounts.d/cup.conf", text);
	write_text(h, "secret", "identifier=x\npassword=abcdefgh\n");
	(void)snprintf(text, sizeof text, "[Account]\nPlatform=bluesky\nBaseURL=https://sky.example\nCredential=%s/secret\n", h->w->directory);
	write_text(h, "accounts.d/sky.conf", text);
	h->conf = house_conf(h);
	const struct turn_sinks sinks = { .ctx = h, .reply = on_reply, .due = on_due, .periodic = on_periodic, .journal = on_journal,
	                                  .room = on_nothing, .fatal = on_fatal, .wake = on_nothing };
	assert_int_equal(turns_new(h->w->store, &sinks, &h->turns), 0);
	turns_set_conf(h->turns, h->conf);
	const struct engine_parts parts = { .turns = h->turns };
	assert_int_equal(engine_new(&parts, &h->engine), 0);
	engine_conf(h->engine, h->conf);
	*state = h;
	return 0;
}

int house_teardown(void **state)
{
	static const char *const files[] = { "accounts.d/box.conf", "accounts.d/cup.conf", "accounts.d/sky.conf", "smmqd.conf", "secret" };
	struct house *h = *state;
	void *world = h->w;
	turns_free(h->turns);
	engine_free(h->engine);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		(void)unlink(path_of(h, files[i]));
	(void)rmdir(path_of(h, "accounts.d"));
	(void)rmdir(path_of(h, "out"));
	conf_unref(h->conf);
	(void)world_teardown(&world);
	free(h);
	return 0;
}

void house_run(struct house *h)
{
	engine_schedule(h->engine);
	turns_pump(h->turns);
}

void house_start(struct house *h)
{
	engine_start(h->engine);
	turns_pump(h->turns);
}

char text_hello[] = "hello";
static char step_post[] = "post.0", zone_utc[] = "UTC";

/* One post with one target, written as it is. */
void put_target(struct house *h, struct target *t, const char *platform)
{
	struct part part = { .text = text_hello };
	struct content content = { .parts = &part, .part_count = 1 };
	struct post p = { .id = t->id, .rev = 1, .target_count = 1, .content = &content, .content_count = 1 };
	struct account account;
	begin(h->w, true);
	assert_int_equal(store_account_make(h->w->txn, &h->w->arena, t->account, platform, &account), 0);
	t->n = 1;
	t->rev = 1;
	t->account_no = account.no;
	t->zone = zone_utc;
	assert_int_equal(store_post_put(h->w->txn, &p), 0);
	assert_int_equal(store_target_put(h->w->txn, t, true), 0);
	commit(h->w);
}

struct target get_target(struct house *h, uint64_t id)
{
	struct target t;
	begin(h->w, false);
	assert_int_equal(store_target_get(h->w->txn, &h->w->arena, id, 1, &t), 0);
	roll_back(h->w);
	return t;
}

/* An unknown target whose next look is due now. */
void put_unknown(struct house *h, uint64_t id, char *account, const char *platform)
{
	struct attempt open = { .number = 1, .step = step_post, .armed_ms = now_ms - 5000, .lost_ms = now_ms - 4000, .evidence = text_hello,
	                        .look_ms = now_ms };
	struct target t = { .id = id, .account = account, .state = STATE_UNKNOWN, .due_ms = now_ms - 5000, .open = &open, .open_count = 1,
	                    .attempts = 1 };
	const struct periodic_ref ref = { .due_ms = now_ms, .kind = PERIODIC_RECONCILE, .id = id, .n = 1 };
	put_target(h, &t, platform);
	begin(h->w, true);
	assert_int_equal(store_periodic_put(h->w->txn, &ref, "", 0), 0);
	commit(h->w);
}

