/* The store in an LMDB file, by the suite of all stores. */
#include "support/store_suite.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[] = "/tmp/gatepost-test.XXXXXX";

static struct gp_store_backend
open_lmdb(void)
{
	struct gp_store_backend b;
	struct gp_err err = { "" };

	if (gp_store_lmdb_open(dir, INT64_C(64) << 20, &b, &err) != GP_OK) {
		(void)fprintf(stderr, "not opened: %s\n", err.msg);
		abort();
	}
	return b;
}

static void
remove_folder(void)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		(void)closedir(d);
	(void)rmdir(dir);
}

int
main(void)
{
	static const struct store_suite suite = {
		.name = "lmdb",
		.open = open_lmdb,
	};
	int failed;

	if (mkdtemp(dir) == NULL)
		return 1;
	failed = store_suite_run(&suite);
	remove_folder();
	return failed;
}
