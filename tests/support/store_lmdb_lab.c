/* See store_lmdb_lab.h. */
#include "support/store_lmdb_lab.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

void
store_lmdb_lab_open(struct store_lmdb_lab *lab)
{
	char parent[] = "/tmp/gatepost-test.XXXXXX";

	assert_non_null(mkdtemp(parent));
	(void)snprintf(lab->dir, sizeof(lab->dir), "%s/rate", parent);
	(void)snprintf(lab->data, sizeof(lab->data), "%s/data.mdb", lab->dir);
}

bool
store_lmdb_lab_empty_files(const struct store_lmdb_lab *lab)
{
	DIR *d = opendir(lab->dir);
	const struct dirent *e;

	if (d == NULL)
		return false;
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	(void)closedir(d);
	return true;
}

void
store_lmdb_lab_empty(const struct store_lmdb_lab *lab)
{
	if (store_lmdb_lab_empty_files(lab))
		assert_int_equal(rmdir(lab->dir), 0);
}

void
store_lmdb_lab_close(struct store_lmdb_lab *lab)
{
	store_lmdb_lab_empty(lab);
	*strrchr(lab->dir, '/') = '\0';
	assert_int_equal(rmdir(lab->dir), 0);
}

unsigned
store_lmdb_lab_files(const struct store_lmdb_lab *lab, const char *part)
{
	DIR *d = opendir(lab->dir);
	const struct dirent *e;
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += strstr(e->d_name, part) != NULL;
	(void)closedir(d);
	return n;
}

struct gp_store_backend
store_lmdb_lab_store(const struct store_lmdb_lab *lab, int64_t max_bytes)
{
	struct gp_store_backend b = { NULL, NULL };
	struct gp_err err = { "" };

	if (gp_store_lmdb_open(lab->dir, max_bytes, &b, &err) != GP_OK)
		fail_msg("not opened: %s", err.msg);
	return b;
}

struct gp_charge
store_lmdb_lab_counter(const char *key)
{
	return (struct gp_charge){
		.key = gp_str(key),
		.rule = { .capacity = 1e12, .factor = 1, .share = 1 },
		.cost = 1,
		.keep_ms = 30 * LAB_DAY_MS,
	};
}

enum gp_rc
store_lmdb_lab_charge(struct gp_store_backend b, int64_t now_ms,
    const struct gp_charge *c, size_t n)
{
	struct gp_charged out[8];

	assert_true(n <= 8);
	return b.ops->apply(b.self, GP_STORE_CHARGE, now_ms, c, n, out);
}

double
store_lmdb_lab_level(struct gp_store_backend b, int64_t now_ms,
    const struct gp_charge *c)
{
	struct gp_charge probe = *c;
	struct gp_charged out;

	/* what can not fit shows what is there; at an empty meter all fits */
	probe.rule.capacity = 1;
	probe.cost = 1e9;
	probe.watch = true;
	probe.mark = (struct gp_str){ 0 };
	assert_int_equal(b.ops->apply(b.self, GP_STORE_PEEK, now_ms, &probe, 1,
			     &out),
	    GP_OK);
	return out.fits ? 0 : out.level;
}
