/* falloc.c: makes the n-th allocation fail. Linked into a build of the daemon whose own calls go through the wrappers
 * (-Wl,--wrap=malloc and so on); cJSON and libcurl are given them as their hooks. The counter is in a file that the test maps too
 * (SMMQ_FALLOC): it is set to n, counts down with each allocation of whatever thread, and the one that makes it 0 fails. At 0 or
 * below nothing fails. */
#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
CURLcode __real_curl_global_init(long flags);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t len);
CURLcode __wrap_curl_global_init(long flags);

static int64_t *counter;

__attribute__((constructor)) static void falloc_open(void)
{
	cJSON_Hooks hooks = { __wrap_malloc, free };
	const char *path = getenv("SMMQ_FALLOC");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map = fd >= 0 ? mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
	if (map != MAP_FAILED)
		counter = map;
	if (fd >= 0)
		(void)close(fd);
	cJSON_InitHooks(&hooks);
}

static int fails(void)
{
	return counter != NULL && __atomic_load_n(counter, __ATOMIC_RELAXED) > 0 && __atomic_sub_fetch(counter, 1, __ATOMIC_RELAXED) == 0;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

char *__wrap_strndup(const char *s, size_t len)
{
	size_t n = strnlen(s, len);
	char *copy = __wrap_malloc(n + 1);
	if (copy == NULL)
		return NULL;
	memcpy(copy, s, n);
	copy[n] = '\0';
	return copy;
}

char *__wrap_strdup(const char *s)
{
	return __wrap_strndup(s, strlen(s));
}

CURLcode __wrap_curl_global_init(long flags)
{
	return curl_global_init_mem(flags, __wrap_malloc, free, __wrap_realloc, __wrap_strdup, __wrap_calloc);
}
