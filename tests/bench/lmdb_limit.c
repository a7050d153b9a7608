/* lmdb_limit.c: what LMDB itself allows: puts of 600 bytes in key order, PER of them in each synced commit; prints puts a second.
 *
 * Usage: lmdb_limit DIRECTORY PER COUNT     DIRECTORY: empty, on the disk in question */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ITEM_BYTES 600

static double now_s(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void must(int rc, const char *what)
{
	if (rc == 0)
		return;
	fprintf(stderr, "lmdb_limit: %s: %s\n", what, mdb_strerror(rc));
	exit(1);
}

int main(int argc, char **argv)
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	char item[ITEM_BYTES];
	if (argc != 4 || atol(argv[2]) < 1 || atol(argv[3]) < 1) {
		fprintf(stderr, "usage: lmdb_limit DIRECTORY PER COUNT\n");
		return 64;
	}
	long per = atol(argv[2]), count = atol(argv[3]), done = 0;
	memset(item, 'x', sizeof item);
	must(mdb_env_create(&env), "create");
	must(mdb_env_set_mapsize(env, (size_t)16 << 30), "map size");
	must(mdb_env_open(env, argv[1], 0, 0600), argv[1]);
	must(mdb_txn_begin(env, NULL, 0, &txn), "begin");
	must(mdb_dbi_open(txn, NULL, 0, &dbi), "open");
	must(mdb_txn_commit(txn), "commit");
	double start = now_s();
	while (done < count) {
		must(mdb_txn_begin(env, NULL, 0, &txn), "begin");
		for (long i = 0; i < per; i++, done++) {
			unsigned char key[8];
			for (int b = 0; b < 8; b++)
				key[b] = (unsigned char)((unsigned long)done >> (8 * (7 - b)));
			MDB_val k = { sizeof key, key }, v = { sizeof item, item };
			must(mdb_put(txn, dbi, &k, &v, 0), "put");
		}
		must(mdb_txn_commit(txn), "commit");
	}
	printf("%.0f\n", (double)done / (now_s() - start));
	mdb_env_close(env);
	return 0;
}
