/* run_exchanges.c: plays every script of a folder (or those named), once straight and then with a restart of the
 * process after each request in turn: the end must always be the same. One line per script; exit status 1 if any
 * failed. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/plat/exchange.h"

static int play(const char *path)
{
	struct script *s = exchange_read(path);
	int requests, restarts = 0;

	if (!s)
		return 1;
	requests = s->check && !exchange_check(s) ? -1 : s->event_count ? exchange_run(s, 0) : 0;
	exchange_free(s);
	while (requests > restarts) {
		s = exchange_read(path);
		if (!s || exchange_run(s, ++restarts) < 0)
			requests = -1;
		exchange_free(s);
	}
	printf("%s %s: %d requests, %d restarts\n", requests < 0 ? "FAIL" : "ok", path, requests, restarts);
	return requests < 0;
}

static int is_script(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return len > 2 && !strcmp(e->d_name + len - 2, ".x");
}

static int play_folder(const char *folder)
{
	struct dirent **list;
	int count = scandir(folder, &list, is_script, alphasort), failed = 0;

	if (count < 1) {
		printf("FAIL: no scripts in %s\n", folder);
		return 1;
	}
	for (int i = 0; i < count; i++) {
		char path[4096];

		if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, list[i]->d_name) < sizeof(path))
			failed += play(path);
		free(list[i]);
	}
	free(list);
	printf("%d scripts, %d failed\n", count, failed);
	return failed;
}

int main(int argc, char **argv)
{
	const char *source = getenv("srcdir");
	char folder[4096];
	int failed = 0;

	snprintf(folder, sizeof(folder), "%s/tests/plat", source ? source : ".");
	if (argc < 2)
		failed = play_folder(folder);
	for (int i = 1; i < argc; i++)
		failed += play(argv[i]);
	return failed ? 1 : 0;
}
