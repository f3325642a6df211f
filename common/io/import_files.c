/* See import_files.h: reading. */
#include "io/import_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_MAX 256

static const char *
located(const struct gp_import_source *s, const char *path)
{
	const char *base = s->im == NULL ? NULL : s->im->base;

	if (path[0] != '/' && base != NULL)
		path = gp_arena_printf(s->arena, "%s/%s", base, path);
	if (path[0] == '/')
		path = gp_arena_printf(s->arena, "%s%s", s->root, path);
	return path;
}

static enum gp_rc
no(int error, struct gp_err *err)
{
	if (error == ENOENT || error == ENOTDIR)
		return gp_fail(err, GP_NONE, "there is no such file");
	return gp_fail(err, gp_rc_of_errno(error), "%s",
	    strerrordesc_np(error));
}

static enum gp_rc
read_all(int fd, char *p, size_t n, size_t *got, struct gp_err *err)
{
	*got = 0;
	while (*got < n) {
		ssize_t more = read(fd, p + *got, n - *got);

		if (more < 0 && errno == EINTR)
			continue;
		if (more < 0)
			return no(errno, err);
		if (more == 0)
			break;
		*got += (size_t)more;
	}
	return GP_OK;
}

static enum gp_rc
read_open(int fd, size_t max, struct gp_arena *arena, struct gp_str *text,
    struct gp_err *err)
{
	struct stat st;
	size_t got;
	enum gp_rc rc;
	char *p;

	if (fstat(fd, &st) != 0)
		return no(errno, err);
	if (!S_ISREG(st.st_mode))
		return gp_fail(err, GP_PERM, "no regular file");
	if (st.st_size < 0 || (uint64_t)st.st_size > max)
		return gp_fail(err, GP_PERM, "larger than %zu octets", max);
	p = gp_arena_alloc(arena, (size_t)st.st_size + 1);
	rc = read_all(fd, p, (size_t)st.st_size, &got, err);
	*text = gp_str_n(p, got);
	return rc;
}

enum gp_rc
gp_import_read(const struct gp_import_source *s, const char *path, size_t max,
    struct gp_str *text, struct gp_err *err)
{
	int fd = open(located(s, path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	enum gp_rc rc;

	*text = gp_str_n("", 0);
	if (fd < 0)
		return no(errno, err);
	rc = read_open(fd, max, s->arena, text, err);
	(void)close(fd);
	return rc;
}

void
gp_import_wipe(struct gp_str text)
{
	/* what it points at was ours to write before it was a span */
	union {
		const char *is;
		char *was;
	} p = { .is = text.p };

	if (text.n > 0)
		explicit_bzero(p.was, text.n);
}

enum gp_rc
gp_import_read_table(void *arg, const char *path, struct gp_str *text,
    struct gp_err *err)
{
	return gp_import_read(arg, path, GP_IMPORT_FILE_MAX, text, err);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *const *
gp_import_names(const struct gp_import_source *s, const char *path)
{
	const char **names =
	    gp_arena_alloc(s->arena, (NAMES_MAX + 1) * sizeof(*names));
	DIR *dir = opendir(located(s, path));
	struct dirent *e;
	size_t n = 0;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): a folder of its own */
	while (dir != NULL && n < NAMES_MAX && (e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.' &&
		    gp_str_ends_nocase(gp_str(e->d_name), GP_STR(".conf")))
			names[n++] =
			    gp_arena_printf(s->arena, "%s/%s", path, e->d_name);
	if (dir != NULL)
		(void)closedir(dir);
	qsort(names, n, sizeof(*names), by_name);
	return names;
}
