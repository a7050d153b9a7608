/* engine_house.h: an engine with its store and turns in one thread, without sockets: clock, alarm, HTTP and files are played. Its
 * accounts: "box" and "cup" (outbox) and "sky" (bluesky). */
#ifndef SMMQ_TESTS_ENGINE_HOUSE_H
#define SMMQ_TESTS_ENGINE_HOUSE_H

#include "daemon/engine_priv.h"
#include "tests/unit/store_world.h"

#define START_MS INT64_C(1900000000000)

struct house { struct world *w; const struct conf *conf; struct turns *turns; struct engine *engine; char unused[65]; unsigned unused_count; };

struct sent { void (*done)(void *ctx, const struct http_result *res); void *ctx; };
struct written { void (*done)(void *ctx, int error, const char *text); void *ctx; };

extern int64_t now_ms;                   /* the clock */
extern int64_t stepped_ms;               /* how far it was set ahead of the time that has passed */
extern void (*alarm_rings)(void *ctx, bool stepped);     /* the engine's alarm */
extern struct sent sent;                 /* the last request */
extern struct written written;           /* the last file */
extern unsigned sent_count, written_count;
extern char written_name[64];
extern char text_hello[];

int house_setup(void **state);
int house_teardown(void **state);
void house_start(struct house *h);
void house_run(struct house *h);
const struct conf *house_conf(const struct house *h);
void write_text(const struct house *h, const char *name, const char *text);

/* One post with one target, written as it is. */
void put_target(struct house *h, struct target *t, const char *platform);
struct target get_target(struct house *h, uint64_t id);
/* An unknown target whose next look is due now. */
void put_unknown(struct house *h, uint64_t id, char *account, const char *platform);

#endif
