/* See lmdb_aside.h. */
#include "io/lmdb_aside.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "io/clock.h"
#include "io/log.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARK ".corrupt-"

/* When `name` was set aside, as it says itself; false: it is another file. */
static bool
read_name(const char *name, const char *base, uint64_t *at_s)
{
	const size_t n = strlen(base);

	return strncmp(name, base, n) == 0 &&
	       strncmp(name + n, MARK, sizeof(MARK) - 1) == 0 &&
	       gp_parse_u64(gp_str(name + n + sizeof(MARK) - 1), UINT64_MAX,
		   at_s) == GP_OK;
}

/* How many there are, and the name of the oldest. */
static unsigned
count(DIR *folder, const char *base, char oldest[NAME_MAX + 1])
{
	uint64_t at_s, oldest_s = UINT64_MAX;
	const struct dirent *e;
	unsigned n = 0;

	rewinddir(folder);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): a folder of its own */
	while ((e = readdir(folder)) != NULL) {
		if (!read_name(e->d_name, base, &at_s))
			continue;
		if (n++ == 0 || at_s < oldest_s) {
			oldest_s = at_s;
			(void)snprintf(oldest, NAME_MAX + 1, "%s", e->d_name);
		}
	}
	return n;
}

static void
remove_oldest(const char *path, const char *base)
{
	char oldest[NAME_MAX + 1];
	DIR *folder = opendir(path);

	if (folder == NULL)
		return;
	while (count(folder, base, oldest) > GP_LMDB_ASIDE_MAX &&
	       unlinkat(dirfd(folder), oldest, 0) == 0)
		continue;
	(void)closedir(folder);
}

static enum gp_rc
move(const char *path, const char *to, struct gp_err *err)
{
	char text[128];
	int error;

	if (rename(path, to) == 0)
		return GP_OK;
	error = errno;
	return gp_fail(err, gp_rc_of_errno(error), "%s: %s", path,
	    strerror_r(error, text, sizeof(text)));
}

enum gp_rc
gp_lmdb_aside(const char *path, const char *what, const char *why,
    struct gp_err *err)
{
	char *to = gp_xcalloc(PATH_MAX, 1);
	enum gp_rc rc;
	char *slash;

	(void)snprintf(to, PATH_MAX, "%s" MARK "%lld", path,
	    (long long)gp_clock_wall_s());
	rc = move(path, to, err);
	if (rc == GP_OK) {
		gp_log(GP_LOG_ERROR,
		    "%s: %s; set aside as %s, and a new one begun", what, why,
		    to);
		(void)snprintf(to, PATH_MAX, "%s", path);
		slash = strrchr(to, '/');
		if (slash != NULL) {
			*slash = '\0';
			remove_oldest(to, slash + 1);
		}
	}
	free(to);
	return rc;
}
