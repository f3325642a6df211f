/*
 * proc - what processes cost: CPU time, memory, threads, descriptors.
 *
 * CPU is the kernel's clock of each process (nanoseconds, all its threads,
 * also those that have ended) and utime + stime of the children it has waited
 * for; descendants are found through /proc.
 *
 * Blocking: reads /proc.
 * Threads:  any.
 */
#ifndef GP_BENCH_PROC_H
#define GP_BENCH_PROC_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ML_PIDS_MAX 32

struct ml_pids {
	pid_t v[ML_PIDS_MAX];
	size_t n;
};

struct ml_usage {
	int64_t cpu_ns;
	int64_t rss_kb; /* summed: pages that are shared count each time */
	int64_t pss_kb; /* shared pages counted once; 0: not readable */
	unsigned threads, procs, fds;
};

/* ml_pids_parse - "12,345".  GP_PERM: not such a list, or too long. */
GP_MUST_USE enum gp_rc ml_pids_parse(struct gp_str text, struct ml_pids *out);

/* ml_usage_read - these processes and all their descendants, summed up;
 * one that does not exist adds nothing. */
void ml_usage_read(const struct ml_pids *pids, struct ml_usage *out);

/* ml_self_cpu_ns - this process; ml_machine_busy_ns - everything that runs
 * on this machine, in ticks of 10 ms. */
int64_t ml_self_cpu_ns(void);
int64_t ml_machine_busy_ns(void);

/* ml_now_ns - monotonic. */
int64_t ml_now_ns(void);

#endif
