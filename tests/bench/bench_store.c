/*
 * bench_store - decisions of a store: how many a second, and what keys cost.
 *
 *   bench_store run  WHERE FOLDER [SECONDS]  1 and 8 threads, 4 meters each
 *   bench_store keys WHERE FOLDER [COUNT]    put COUNT meters there (1000000)
 *
 * WHERE is as in the policy: mem, lmdb, redis://...; FOLDER is for lmdb.  A
 * decision is one charge through the front: the meters of a login of 1000, of
 * a sender of 5000, of a domain of 50 with a provider, and one of all.
 */
#include "base/xalloc.h"
#include "io/clock.h"
#include "io/store.h"
#include "io/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define METERS       4
#define THREADS_MOST 8
#define KEY_MAX      64
#define KEYS_ATONCE  100
#define MEBIBYTE     1048576.0

/* As the limit of the issue: a million keys in so much. */
#define MAX_BYTES (INT64_C(256) << 20)

static struct gp_store *store;

static void
must(bool fine, const char *what)
{
	if (fine)
		return;
	(void)fprintf(stderr, "bench_store: %s\n", what);
	_exit(EX_UNAVAILABLE);
}

struct worker {
	pthread_t thread;
	int64_t until_us;
	uint32_t seed;
	uint64_t decisions;
	char key[METERS][KEY_MAX];
	struct gp_charge charge[METERS];
};

static uint32_t
next(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void
set_charge(struct worker *w, unsigned i, const char *kind, unsigned number)
{
	(void)snprintf(w->key[i], KEY_MAX, "%s:u%u@news.customer.example", kind,
	    number);
	w->charge[i] = (struct gp_charge){ .key = gp_str(w->key[i]),
		.rule = { .capacity = 1e9,
		    .rate = 1e6,
		    .factor = 1,
		    .share = 1 },
		.cost = 1,
		.keep_ms = 3600000 };
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct gp_charged out[METERS];

	while (gp_clock_us() < w->until_us) {
		set_charge(w, 0, "login", next(&w->seed) % 1000);
		set_charge(w, 1, "sender", next(&w->seed) % 5000);
		set_charge(w, 2, "domain", next(&w->seed) % 50);
		set_charge(w, 3, "all", 0);
		if (gp_store_charge(store, w->charge, METERS, out) == GP_OK)
			w->decisions++;
	}
	return NULL;
}

static double
cpu_s(void)
{
	struct rusage u;

	must(getrusage(RUSAGE_SELF, &u) == 0, "getrusage");
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void
run(const char *where, unsigned threads, unsigned seconds)
{
	static struct worker workers[THREADS_MOST];
	const int64_t start_us = gp_clock_us();
	const double start_cpu = cpu_s();
	uint64_t sum = 0;
	double passed;

	memset(workers, 0, sizeof(workers));
	for (unsigned i = 0; i < threads; i++) {
		workers[i].seed = i;
		workers[i].until_us = start_us + seconds * GP_US_PER_S;
		must(gp_thread_start(&workers[i].thread, work, &workers[i],
			 NULL) == GP_OK,
		    "a thread");
	}
	for (unsigned i = 0; i < threads; i++) {
		must(pthread_join(workers[i].thread, NULL) == 0, "a thread");
		sum += workers[i].decisions;
	}
	passed = (double)(gp_clock_us() - start_us) / 1e6;
	must(sum > 0, "no decision was made");
	(void)printf("%-6.6s %u thread%s %9.0f decisions a second, %6.2f us of "
		     "CPU each\n",
	    where, threads, threads == 1 ? " " : "s", (double)sum / passed,
	    (cpu_s() - start_cpu) * 1e6 / (double)sum);
}

/* Resident, by the kernel; 0 where it does not say. */
static double
resident_mib(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	char line[128] = "", *rest = line;
	long pages = 0;

	if (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		(void)strtol(line, &rest, 10);
		pages = strtol(rest, NULL, 10);
	}
	if (f != NULL)
		(void)fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / MEBIBYTE;
}

static void
put_keys(unsigned count)
{
	static char key[KEYS_ATONCE][KEY_MAX];
	static struct gp_charge charge[KEYS_ATONCE];
	static struct gp_charged out[KEYS_ATONCE];
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++) {
		(void)snprintf(key[n], KEY_MAX,
		    "sender:user%07u@news.customer.example", i);
		charge[n] = (struct gp_charge){ .key = gp_str(key[n]),
			.rule = { .capacity = 1000,
			    .rate = 0.01,
			    .factor = 1,
			    .share = 1 },
			.cost = 900,
			.keep_ms = 86400000 };
		if (++n < KEYS_ATONCE && i + 1 < count)
			continue;
		must(gp_store_charge(store, charge, n, out) == GP_OK,
		    "a key was refused");
		n = 0;
	}
}

static bool
count_key(void *arg, struct gp_str key, const struct gp_meter *m,
    int64_t now_ms)
{
	(void)key;
	(void)m;
	(void)now_ms;
	++*(unsigned *)arg;
	return true;
}

static void
keys(const char *where, unsigned count)
{
	const double before = resident_mib();
	const int64_t start_us = gp_clock_us();
	unsigned there = 0;
	struct gp_buf text;

	put_keys(count);
	gp_store_sync(store);
	(void)printf("%-6.6s %u keys in %.1f s; this process %+.0f MiB\n",
	    where, count, (double)(gp_clock_us() - start_us) / 1e6,
	    resident_mib() - before);
	if (gp_store_walk(store, GP_STR(""), count + 1, count_key, &there) ==
	    GP_OK)
		(void)printf("%-6.6s %u of them are there\n", where, there);
	gp_buf_init(&text, 4096);
	gp_store_describe(store, &text);
	(void)printf("%s", gp_buf_cstr(&text));
	gp_buf_clear(&text);
}

static unsigned
number(int argc, char **argv, unsigned otherwise)
{
	uint64_t n = otherwise;

	must(argc < 5 || gp_parse_u64(gp_str(argv[4]), 100000000, &n) == GP_OK,
	    "no such number");
	return (unsigned)n;
}

int
main(int argc, char **argv)
{
	struct gp_store_options o = { .max_bytes = MAX_BYTES,
		.timeout_ms = 1000,
		.peers = 1 };
	struct gp_err err = { "" };

	if (argc < 4 || argc > 5 ||
	    (strcmp(argv[1], "run") != 0 && strcmp(argv[1], "keys") != 0)) {
		(void)fprintf(stderr,
		    "usage: bench_store run|keys WHERE FOLDER [N]\n");
		return EX_USAGE;
	}
	o.where = argv[2];
	o.directory = argv[3];
	must(gp_store_open(&o, &store, &err) == GP_OK, err.msg);
	if (strcmp(argv[1], "keys") == 0) {
		keys(o.where, number(argc, argv, 1000000));
	} else {
		run(o.where, 1, number(argc, argv, 3));
		run(o.where, THREADS_MOST, number(argc, argv, 3));
	}
	gp_store_unref(store);
	return EX_OK;
}
