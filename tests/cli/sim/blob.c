/* blob.c: contents that come in pieces. */
#include "tests/cli/sim/sim.h"

#include <stdlib.h>
#include <string.h>

static struct piece { char *name, *data; size_t len; int index; } pieces[SIM_MAX_PIECES];
static int piece_count;

static struct piece *find(const char *name, int index)
{
	for (int i = 0; i < piece_count; i++)
		if (pieces[i].index == index && strcmp(pieces[i].name, name) == 0)
			return &pieces[i];
	return NULL;
}

void sim_blob_put(const char *name, int index, const char *data, size_t len)
{
	struct piece *p = find(name, index);

	if (!p) {
		if (piece_count == SIM_MAX_PIECES)
			sim_fail("more pieces than a test should make");
		p = &pieces[piece_count++];
		*p = (struct piece){ .name = sim_copy(name), .index = index };
	}
	free(p->data);
	p->data = sim_need(malloc(len + 1));
	if (len)
		memcpy(p->data, data, len);
	p->len = len;
}

size_t sim_blob_size(const char *name)
{
	size_t sum = 0;

	for (int i = 0; i < piece_count; i++)
		if (strcmp(pieces[i].name, name) == 0)
			sum += pieces[i].len;
	return sum;
}

int sim_blob_count(const char *name)
{
	int have = 0;

	for (int i = 0; i < piece_count; i++)
		have += strcmp(pieces[i].name, name) == 0;
	return have;
}

bool sim_blob_whole(const char *name)
{
	int next = 0;

	while (find(name, next))
		next++;
	return next > 0 && sim_blob_count(name) == next;
}

char *sim_blob_join(const char *name, size_t *len)
{
	char *all = sim_need(malloc(sim_blob_size(name) + 1));
	const struct piece *p;

	*len = 0;
	for (int i = 0; (p = find(name, i)) != NULL; i++) {
		memcpy(all + *len, p->data, p->len);
		*len += p->len;
	}
	return all;
}

void sim_blob_note(const char *name, cJSON *entry)
{
	char hash[65], *all;
	size_t len;

	all = sim_blob_join(name, &len);
	sim_hash(all, len, hash);
	sim_set_number(entry, "size", (int64_t)len);
	sim_set(entry, "sha256", hash);
	sim_set(entry, "mime", sim_sniff(all, len));
	free(all);
}
