/* state.c: the simulator's memory: the books, tokens, the list of requests. Everything is kept for the dump, nothing is ever removed. */
#include "tests/cli/sim/sim.h"

#include <errno.h>
#include <inttypes.h>
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

void sim_fail(const char *what)
{
	fprintf(stderr, "sim_platform: %s\n", what);
	exit(1);
}

void *sim_need(void *memory)
{
	if (!memory)
		sim_fail("out of memory");
	return memory;
}

char *sim_copy(const char *text)
{
	return text ? sim_need(strdup(text)) : NULL;
}

bool sim_take(int *counter)
{
	if (*counter <= 0)
		return false;
	--*counter;
	return true;
}

/* The array doubles; lines move. */
void sim_log_add(struct sim *s, const char *request, const char *note, int status, int64_t time_ms)
{
	size_t n = s->log_count;

	if (n >= SIM_MAX_LOG)
		sim_fail("more requests than a test should make");
	if ((n & (n - 1)) == 0)
		s->log = sim_need(realloc(s->log, (n ? 2 * n : 1) * sizeof *s->log));
	s->log[n] = (struct sim_line){ .time_ms = time_ms, .request = sim_copy(request), .note = sim_copy(note), .status = status };
	s->log_count++;
}

void sim_time(int64_t ms, char out[24])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(out, 24, "%Y-%m-%dT%H:%M:%S", &tm);
}

/* ---- books ---- */

cJSON *sim_book(struct sim *s, const char *book)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(s->books, book);

	return list ? list : sim_need(cJSON_AddArrayToObject(s->books, book));
}

cJSON *sim_add(struct sim *s, const char *book, const char *id, int account)
{
	cJSON *list = sim_book(s, book), *entry = sim_need(cJSON_CreateObject());

	if (cJSON_GetArraySize(list) >= SIM_MAX_BOOK)
		sim_fail("more entries than a test should make");
	sim_set(entry, "id", id);
	sim_set_number(entry, "account", account);
	sim_set_number(entry, "received_ms", sim_now_ms());
	cJSON_AddBoolToObject(entry, "deleted", false);
	cJSON_AddItemToArray(list, entry);
	return entry;
}

cJSON *sim_find(struct sim *s, const char *book, const char *id)
{
	cJSON *entry;

	cJSON_ArrayForEach(entry, sim_book(s, book))
		if (id && strcmp(sim_text(entry, "id"), id) == 0 && !cJSON_IsTrue(cJSON_GetObjectItem(entry, "deleted")))
			return entry;
	return NULL;
}

cJSON *sim_own(struct sim *s, const char *book, const char *id, int account)
{
	cJSON *entry = sim_find(s, book, id);

	return entry && sim_number(entry, "account") == account ? entry : NULL;
}

const char *sim_next_id(struct sim *s, char out[24])
{
	snprintf(out, 24, "%" PRId64, ++s->next_id);
	return out;
}

/* ---- tokens ---- */

int sim_account(struct sim *s, const char *token, bool *ended)
{
	*ended = false;
	for (int i = s->grant_count; token && i-- > 0;) {
		if (strcmp(s->grants[i].access, token) != 0)
			continue;
		*ended = s->grants[i].generation < s->generation;
		return s->grants[i].account;
	}
	return -1;
}

struct sim_grant *sim_grant(struct sim *s, int account)
{
	struct sim_grant *g = &s->grants[s->grant_count];
	char text[80];

	if (s->grant_count == SIM_MAX_GRANTS)
		sim_fail("more tokens than a test should need");
	snprintf(text, sizeof text, "access-%d-%d", account, s->grant_count);
	*g = (struct sim_grant){ .access = sim_copy(text), .account = account, .generation = s->generation };
	snprintf(text, sizeof text, "refresh-%d-%d", account, s->grant_count++);
	g->refresh = sim_copy(text);
	return g;
}

struct sim_grant *sim_refresh(struct sim *s, const char *refresh, bool once)
{
	for (int i = 0; refresh && i < s->grant_count; i++) {
		struct sim_grant *g = &s->grants[i];

		if (strcmp(g->refresh, refresh) != 0)
			continue;
		if (once && g->spent)
			return NULL;
		g->spent = true;
		return sim_grant(s, g->account);
	}
	return NULL;
}
