/* media.h: uploaded files: taken in as a stream, known to the store by their SHA-256, removed a day after nothing uses them.
 * Loop thread. */
#ifndef SMMQ_MEDIA_H
#define SMMQ_MEDIA_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/turn.h"

struct files;
struct ffprobe;
struct engine;
struct media_room;
struct media_put;

int media_new(struct files *files, struct ffprobe *ffprobe, struct turns *turns, struct engine *engine, struct media_room **out);
void media_free(struct media_room *m);

/* A file of exactly size bytes under the name the client gave. more(ctx, status) is called when data may follow or, negative, when a
 * piece could not be stored (then only cancel remains). After media_put_finish, ended(ctx, status) is called once and the put is gone:
 * 0, and the turn that recorded the file has replied to conn; or negative, and the owner replies. */
struct media_put_ops {
	void (*more)(void *ctx, int status);
	void (*ended)(void *ctx, int status);
};
int media_put_new(struct media_room *m, uint64_t conn, const char *name, uint64_t size, const struct media_put_ops *ops, void *ctx,
                  struct media_put **out);
/* Takes a copy; one piece at a time (wait for more). */
int media_put_data(struct media_put *p, const char *data, size_t len);
/* After the last byte. Negative: it could not begin to end; only cancel remains. */
int media_put_finish(struct media_put *p);
/* Ends it without a reply, at any time (the connection is gone). */
void media_put_cancel(struct media_put *p);

#endif
