/* See proc.h. */
#include "proc.h"

#include "base/xalloc.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

/* One row of the process table. */
struct row {
	pid_t pid, parent;
	int64_t waited_ticks;
	int64_t threads, rss_pages;
	bool ours;
};

struct table {
	struct row *v;
	size_t n;
};

enum gp_rc
ml_pids_parse(struct gp_str text, struct ml_pids *out)
{
	struct gp_str rest = text;
	uint64_t pid;

	out->n = 0;
	while (rest.p != NULL) {
		if (gp_parse_u64(gp_str_split(&rest, ','), INT32_MAX, &pid) !=
			GP_OK ||
		    out->n == ML_PIDS_MAX)
			return GP_PERM;
		out->v[out->n++] = (pid_t)pid;
	}
	return GP_OK;
}

/* Reads a small file of /proc whole; false when it is not there. */
static bool
slurp(const char *path, char *buf, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t got;

	if (fd < 0)
		return false;
	while (n + 1 < cap && (got = read(fd, buf + n, cap - 1 - n)) > 0)
		n += (size_t)got;
	(void)close(fd);
	buf[n] = '\0';
	return n > 0;
}

/* The number in column `want` of blank-separated `text`, from 0. */
static int64_t
column(struct gp_str text, unsigned want)
{
	uint64_t value = 0;
	struct gp_str word;

	for (unsigned at = 0; text.p != NULL; at++) {
		word = gp_str_split(&text, ' ');
		if (at < want)
			continue;
		if (gp_parse_u64(gp_str_trim(word), INT64_MAX, &value) != GP_OK)
			return 0;
		return (int64_t)value;
	}
	return 0;
}

static bool
read_row(pid_t pid, struct row *row)
{
	char path[64], text[1024];
	const char *p;
	struct gp_str s;

	(void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (!slurp(path, text, sizeof text) ||
	    (p = strrchr(text, ')')) == NULL || p[1] == '\0')
		return false;
	s = gp_str(p + 2); /* field 3 of proc(5) is column 0 */
	row->pid = pid;
	row->parent = (pid_t)column(s, 1);
	row->waited_ticks = column(s, 13) + column(s, 14);
	row->threads = column(s, 17);
	row->rss_pages = column(s, 21);
	row->ours = false;
	return true;
}

static int
only_numbers(const struct dirent *entry)
{
	return gp_is_digit(entry->d_name[0]);
}

static void
read_table(struct table *t)
{
	struct dirent **entries;
	int n = scandir("/proc", &entries, only_numbers, NULL);
	uint64_t pid;

	if (n < 0)
		return;
	t->v = gp_xcalloc((size_t)n + 1, sizeof *t->v);
	for (int i = 0; i < n; i++) {
		if (gp_parse_u64(gp_str(entries[i]->d_name), INT32_MAX, &pid) ==
			GP_OK &&
		    read_row((pid_t)pid, &t->v[t->n]))
			t->n++;
		free(entries[i]);
	}
	free(entries);
}

static bool
is_ours(const struct table *t, const struct ml_pids *pids, const struct row *r)
{
	for (size_t i = 0; i < pids->n; i++)
		if (pids->v[i] == r->pid)
			return true;
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].ours && t->v[i].pid == r->parent)
			return true;
	return false;
}

static void
mark_descendants(struct table *t, const struct ml_pids *pids)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (size_t i = 0; i < t->n; i++)
			if (!t->v[i].ours && is_ours(t, pids, &t->v[i])) {
				t->v[i].ours = true;
				changed = true;
			}
	}
}

static int64_t
clock_ns(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts) != 0)
		return 0;
	return (int64_t)ts.tv_sec * NS_PER_S + (int64_t)ts.tv_nsec;
}

static int64_t
cpu_of(const struct row *row)
{
	int64_t tick_ns = NS_PER_S / sysconf(_SC_CLK_TCK);
	clockid_t clock;
	int64_t ns = 0;

	if (clock_getcpuclockid(row->pid, &clock) == 0)
		ns = clock_ns(clock);
	return ns + row->waited_ticks * tick_ns;
}

static int64_t
pss_of(pid_t pid)
{
	char path[64], text[4096];
	const char *line;
	struct gp_str rest;
	uint64_t kb;

	(void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
	if (!slurp(path, text, sizeof text) ||
	    (line = strstr(text, "\nPss:")) == NULL)
		return 0;
	rest = gp_str_trim(gp_str(line + 5));
	if (gp_parse_u64(gp_str_split(&rest, ' '), INT32_MAX, &kb) != GP_OK)
		return 0;
	return (int64_t)kb;
}

static unsigned
fds_of(pid_t pid)
{
	struct dirent **entries;
	char path[64];
	int n;

	(void)snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	if ((n = scandir(path, &entries, only_numbers, NULL)) < 0)
		return 0;
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
	return (unsigned)n;
}

void
ml_usage_read(const struct ml_pids *pids, struct ml_usage *out)
{
	int64_t page_kb = sysconf(_SC_PAGESIZE) / 1024;
	struct table table = { 0 };

	memset(out, 0, sizeof *out);
	if (pids->n == 0)
		return;
	read_table(&table);
	mark_descendants(&table, pids);
	for (size_t i = 0; i < table.n; i++) {
		const struct row *row = &table.v[i];

		if (!row->ours)
			continue;
		out->cpu_ns += cpu_of(row);
		out->rss_kb += row->rss_pages * page_kb;
		out->pss_kb += pss_of(row->pid);
		out->threads += (unsigned)row->threads;
		out->fds += fds_of(row->pid);
		out->procs++;
	}
	free(table.v);
}

int64_t
ml_self_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t
ml_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* user, nice, system, irq, softirq and steal; not idle and iowait. */
int64_t
ml_machine_busy_ns(void)
{
	static const unsigned busy[] = { 0, 1, 2, 5, 6, 7 };
	int64_t tick_ns = NS_PER_S / sysconf(_SC_CLK_TCK);
	char text[8192];
	struct gp_str all, line;
	int64_t ticks = 0;

	if (!slurp("/proc/stat", text, sizeof text) ||
	    strncmp(text, "cpu  ", 5) != 0)
		return 0;
	all = gp_str(text + 5);
	line = gp_str_split(&all, '\n');
	for (size_t i = 0; i < sizeof busy / sizeof busy[0]; i++)
		ticks += column(line, busy[i]);
	return ticks * tick_ns;
}
