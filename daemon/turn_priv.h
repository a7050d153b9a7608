/* turn_priv.h: what the files of turn share: the queue of jobs, and who may touch which part of it. */
#ifndef SMMQ_TURN_PRIV_H
#define SMMQ_TURN_PRIV_H

#include <pthread.h>

#include "daemon/turn.h"

enum effect_kind { EFFECT_REPLY, EFFECT_DUE, EFFECT_PERIODIC, EFFECT_CALL };

struct effect {
	struct effect *next;
	enum effect_kind kind;
	union {
		struct { uint64_t conn; size_t len; char *text; } reply;
		struct { uint64_t account_no; int64_t due_ms; } due;
		struct { void (*run)(void *); void (*drop)(void *); void *data; } call;
	} u;
};

struct job {
	struct job *next;
	int (*run)(struct turn *, void *);
	void (*failed)(void *, int);
	void (*free_input)(void *);
	void *input;
	size_t cost_bytes;
	int64_t now_ms, steady_ms;
	const struct conf *conf;
	struct effect *effects;
	int status;
};

struct job_list { struct job *head, **tail; size_t count, bytes; };

/* A job goes from waiting (loop thread) over written (store thread) to done (sync thread), and is released by the loop thread. */
struct turns {
	struct store *store;
	struct turn_sinks sinks;
	pthread_t store_thread, sync_thread;
	bool threaded;
	pthread_mutex_t mutex;
	pthread_cond_t cond;             /* for the store thread: something waits, or there is room in written */
	pthread_cond_t sync_cond;        /* for the sync thread */
	/* under the mutex */
	struct job_list waiting, written, done;
	bool stop, sync_stop;
	bool running, syncing;
	bool full;                       /* somebody was turned away */
	int fatal;
	struct effect *spent;            /* released effects: freed by the store thread, whose heap they are of */
	/* loop thread */
	const struct conf *conf;
	int64_t steady_offset_ms;
	/* store thread */
	struct arena arena;
};

void job_list_init(struct job_list *l);
void job_list_add(struct job_list *l, struct job *j);
struct job *job_list_take(struct job_list *l);   /* NULL where there is none */

/* turn_effect.c */
void effect_release(const struct turn_sinks *s, const struct effect *e);
void effects_free(struct effect *list);          /* with what the calls were given */
void effects_drop(struct job *j);

/* turn_store.c. All but the threads are called with the mutex held, and give it up while they work. */
void *turns_store_thread(void *turns);
void *turns_sync_thread(void *turns);
bool turns_step(struct turns *ts);               /* runs a group, which is written then; false when nothing waits */
void turns_sync(struct turns *ts);               /* what is written is done */
bool turns_tidy(struct turns *ts, bool idle);    /* a slice of the store's own work; true while there is more of it */

#endif
