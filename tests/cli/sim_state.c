/* sim_state.c: the simulator's memory: statuses, media, idempotency keys, the list of requests. Ids start where the examples
 * of the contract do and rise; everything is kept for the dump, nothing is ever removed. */
#include "tests/cli/sim.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void sim_lock(void)
{
	pthread_mutex_lock(&lock);
}

void sim_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

void sim_sleep(int ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	if (ms <= 0)
		return;
	sim_unlock();
	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
	sim_lock();
}

int64_t sim_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void fail(const char *what)
{
	fprintf(stderr, "sim_mastodon: %s\n", what);
	exit(1);
}

char *sim_copy(const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		fail("out of memory");
	return copy;
}

/* One more zeroed element at the end. Arrays never shrink and double in size; elements move, so ids are kept, not pointers. */
static void *grow(void *array, size_t *count, size_t max, size_t size)
{
	size_t n = *count;
	char *bytes = array;

	if (n >= max)
		fail("more records than a test should make");
	if ((n & (n - 1)) == 0)
		bytes = realloc(array, (n ? 2 * n : 1) * size);
	if (!bytes)
		fail("out of memory");
	memset(bytes + n * size, 0, size);
	*count = n + 1;
	return bytes;
}

bool sim_take(int *counter)
{
	if (*counter <= 0)
		return false;
	--*counter;
	return true;
}

void sim_error(struct sim_reply *r, int status, const char *text)
{
	cJSON_Delete(r->json);
	r->status = status;
	r->json = cJSON_CreateObject();
	cJSON_AddStringToObject(r->json, "error", text);
}

struct sim_status *sim_status_add(struct sim *s)
{
	s->statuses = grow(s->statuses, &s->status_count, SIM_MAX_STATUSES, sizeof *s->statuses);
	struct sim_status *st = &s->statuses[s->status_count - 1];

	st->id = 3299 + s->status_count;
	st->received_ms = sim_now_ms();
	return st;
}

struct sim_status *sim_status_find(struct sim *s, const char *id)
{
	char text[24];

	for (size_t i = 0; id && i < s->status_count; i++) {
		snprintf(text, sizeof text, "%lu", s->statuses[i].id);
		if (strcmp(text, id) == 0 && !s->statuses[i].deleted)
			return &s->statuses[i];
	}
	return NULL;
}

struct sim_media *sim_media_add(struct sim *s)
{
	s->media = grow(s->media, &s->media_count, SIM_MAX_MEDIA, sizeof *s->media);
	s->media[s->media_count - 1].id = 2199 + s->media_count;
	return &s->media[s->media_count - 1];
}

struct sim_media *sim_media_find(struct sim *s, unsigned long id)
{
	return id >= 2200 && id - 2200 < s->media_count ? &s->media[id - 2200] : NULL;
}

struct sim_key *sim_key_find(struct sim *s, int account, const char *key, bool make)
{
	for (size_t i = 0; i < s->key_count; i++)
		if (s->keys[i].account == account && strcmp(s->keys[i].key, key) == 0)
			return &s->keys[i];
	if (!make)
		return NULL;
	s->keys = grow(s->keys, &s->key_count, SIM_MAX_KEYS, sizeof *s->keys);
	s->keys[s->key_count - 1].account = account;
	s->keys[s->key_count - 1].key = sim_copy(key);
	return &s->keys[s->key_count - 1];
}

void sim_log_add(struct sim *s, const char *request, const char *key, int status, int64_t time_ms)
{
	s->log = grow(s->log, &s->log_count, SIM_MAX_LOG, sizeof *s->log);
	struct sim_line *line = &s->log[s->log_count - 1];

	line->time_ms = time_ms;
	line->request = sim_copy(request);
	line->key = sim_copy(key);
	line->status = status;
}

void sim_iso(int64_t ms, char *out, size_t size, bool micros)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char day[32];

	gmtime_r(&seconds, &tm);
	strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, size, "%s.%03d%sZ", day, (int)(ms % 1000), micros ? "000" : "");
}
