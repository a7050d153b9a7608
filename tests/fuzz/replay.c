/* replay.c: a main for the fuzz targets without a fuzzer. Feeds every file of the directories (or files) given as
 * arguments to the target, and then deterministic mutations of each, so that `make check` does something on any
 * compiler. The number of mutations is taken from FUZZ_MUTATIONS, the seed is fixed. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_BYTES (4u * 1024 * 1024)
#define GROW_BYTES 64u
#define DEFAULT_MUTATIONS 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t seed = UINT64_C(0x2545f4914f6cdd1d);
static unsigned long runs;

static size_t below(size_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return n ? (size_t)(seed % n) : 0;
}

/* A copy of the exact size, so that the sanitizer sees a read past the end. */
static void feed(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	if (!copy)
		exit(99);
	memcpy(copy, data, size);
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	runs++;
}

/* One small change; data has room for GROW_BYTES more. Returns the new size. */
static size_t mutate(uint8_t *data, size_t size)
{
	static const char tokens[] = "\"\\{}[]:,.-+eE09 \n\t\0\x7f\x80\xc3\xff\x01";
	size_t at = below(size + 1), n = 1 + below(8);
	switch (below(5)) {
	case 0:
		if (at < size)
			data[at] = (uint8_t)below(256);
		return size;
	case 1:
		if (at < size)
			data[at] = (uint8_t)tokens[below(sizeof tokens)];
		return size;
	case 2:
		memmove(data + at + 1, data + at, size - at);
		data[at] = (uint8_t)tokens[below(sizeof tokens)];
		return size + 1;
	case 3:
		if (n > size - at)
			n = size - at;
		memmove(data + at, data + at + n, size - at - n);
		return size - n;
	default:
		if (n > size - at)
			n = size - at;
		memmove(data + at + n, data + at, size - at);
		return size + n;
	}
}

static void feed_mutations(const uint8_t *data, size_t size, unsigned long count)
{
	uint8_t *copy = malloc(size + GROW_BYTES);
	if (!copy)
		exit(99);
	for (unsigned long i = 0; i < count; i++) {
		size_t len = size;
		memcpy(copy, data, size);
		for (size_t changes = 1 + below(6); changes; changes--)
			len = mutate(copy, len);
		feed(copy, len);
	}
	free(copy);
}

static int replay_file(const char *path, unsigned long mutations)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(MAX_BYTES);
	if (!f || !data) {
		fprintf(stderr, "cannot read %s\n", path);
		free(data);
		if (f)
			(void)fclose(f);
		return 1;
	}
	size_t size = fread(data, 1, MAX_BYTES, f);
	(void)fclose(f);
	feed(data, size);
	feed_mutations(data, size, mutations);
	free(data);
	return 0;
}

static int not_hidden(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int replay(const char *path, unsigned long mutations)
{
	struct stat st;
	struct dirent **list = NULL;
	int failed = 0;
	if (stat(path, &st) != 0) {
		fprintf(stderr, "no such file or directory: %s\n", path);
		return 1;
	}
	if (!S_ISDIR(st.st_mode))
		return replay_file(path, mutations);
	int n = scandir(path, &list, not_hidden, alphasort);
	if (n <= 0)
		fprintf(stderr, "nothing to replay in %s\n", path);
	for (int i = 0; i < n; i++) {
		char name[4096];
		(void)snprintf(name, sizeof name, "%s/%s", path, list[i]->d_name);
		failed |= replay_file(name, mutations);
		free(list[i]);
	}
	free(list);
	return failed || n <= 0;
}

int main(int argc, char **argv)
{
	const char *text = getenv("FUZZ_MUTATIONS");
	unsigned long mutations = text ? strtoul(text, NULL, 10) : DEFAULT_MUTATIONS;
	int failed = argc < 2;
	if (failed)
		fprintf(stderr, "usage: %s directory-or-file ...\n", argv[0]);
	for (int i = 1; i < argc; i++)
		failed |= replay(argv[i], mutations);
	printf("%lu inputs\n", runs);
	return failed;
}
