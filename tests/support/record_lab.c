/* See record_lab.h. */
#include "support/record_lab.h"

#include "io/clock.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_US (30 * GP_US_PER_S)

void
record_lab_open(struct record_lab *lab)
{
	char parent[] = "/tmp/gatepost-test.XXXXXX";

	assert_non_null(mkdtemp(parent));
	(void)snprintf(lab->dir, sizeof(lab->dir), "%s/records", parent);
	(void)snprintf(lab->data, sizeof(lab->data), "%s/data.mdb", lab->dir);
	(void)snprintf(lab->locks, sizeof(lab->locks), "%s/lock.mdb", lab->dir);
}

void
record_lab_empty(const struct record_lab *lab)
{
	DIR *d = opendir(lab->dir);
	const struct dirent *e;

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	(void)closedir(d);
	assert_int_equal(rmdir(lab->dir), 0);
}

void
record_lab_close(struct record_lab *lab)
{
	record_lab_empty(lab);
	*strrchr(lab->dir, '/') = '\0';
	assert_int_equal(rmdir(lab->dir), 0);
}

struct gp_record_store *
record_lab_store(const struct record_lab *lab, int64_t max_bytes)
{
	struct gp_record_store *s;
	struct gp_err err = { "" };

	if (gp_record_store_open(lab->dir, max_bytes, LAB_YEAR_S, &s, &err) !=
	    GP_OK)
		fail_msg("not opened: %s", err.msg);
	return s;
}

enum gp_rc
record_lab_append(struct gp_record_store *s, int64_t time_s, unsigned n)
{
	char from[32];
	struct gp_record r = {
		.time_s = time_s,
		.source_ip = { GP_IP_V4, { 192, 0, 2, 1 } },
		.envelope_from = GP_STR("bounce.example"),
		.policy_published.domain = GP_STR("example"),
		.policy_evaluated.comment = GP_STR("a comment of some length"),
		.spf = { GP_RECORD_MFROM, GP_SPF_PASS,
		    GP_STR("bounce.example") },
		.n_dkim = 2,
		.dkim = {
			{ GP_DKIM_PASS, GP_STR("mail.example.com"),
			    GP_STR("n2026a") },
			{ GP_DKIM_FAIL, GP_STR("list.example.org"),
			    GP_STR("selector") },
		},
	};

	(void)snprintf(from, sizeof(from), "%u.example", n);
	r.header_from = gp_str(from);
	return gp_record_store_append(s, &r);
}

void
record_lab_flush(struct gp_record_store *s)
{
	assert_int_equal(gp_record_store_flush(s, gp_clock_us() + PATIENCE_US),
	    GP_OK);
}

void
record_lab_fill(struct gp_record_store *s, int64_t time_s, unsigned first,
    unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (i % 1000 == 999)
			record_lab_flush(s);
		assert_int_equal(record_lab_append(s, time_s + i, first + i),
		    GP_OK);
	}
	record_lab_flush(s);
}

static bool
count(void *arg, const struct gp_record *r)
{
	struct record_tally *t = arg;
	const struct gp_str number =
	    gp_str_n(r->header_from.p, gp_str_find(r->header_from, '.'));
	uint64_t n;

	assert_int_equal(gp_parse_u64(number, UINT32_MAX, &n), GP_OK);
	if (t->n == 0 || n < t->lowest)
		t->lowest = (unsigned)n;
	if (t->n == 0 || n > t->highest)
		t->highest = (unsigned)n;
	if (t->n > 0 && r->time_s < t->last_s)
		t->in_order = false;
	t->last_s = r->time_s;
	t->n++;
	if (n < t->seen_n)
		t->seen[n]++;
	return true;
}

void
record_lab_tally(struct gp_record_store *s, int64_t from_s, int64_t to_s,
    struct record_tally *t)
{
	*t = (struct record_tally){
		.in_order = true,
		.seen = t->seen,
		.seen_n = t->seen_n,
	};
	assert_int_equal(gp_record_store_walk(s, from_s, to_s, count, t,
			     &t->damaged),
	    GP_OK);
}

unsigned
record_lab_files(const struct record_lab *lab, const char *part)
{
	DIR *d = opendir(lab->dir);
	const struct dirent *e;
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += strstr(e->d_name, part) != NULL;
	assert_int_equal(closedir(d), 0);
	return n;
}
