/* See import_files.h: the policy as it would be. */
#include "io/import_files.h"

#include "io/policy_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_TEXT 4096

struct stage {
	const struct gp_import_place *place;
	char dir[64];           /* the temporary one */
	char real[PATH_MAX];    /* place->dir, absolute */
	struct gp_arena *arena; /* of paths */
};

static const char *
in(struct stage *s, const char *dir, const char *name)
{
	return gp_arena_printf(s->arena, "%s/%s", dir, name);
}

static bool
put(const char *path, const char *text)
{
	size_t n = strlen(text);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool good = fd >= 0 && write(fd, text, n) == (ssize_t)n;

	if (fd >= 0)
		(void)close(fd);
	return good;
}

/* Links to every file of policy.d but the one that is replaced. */
static bool
link_parts(struct stage *s)
{
	const char *from = in(s, s->real, "policy.d");
	const char *to = in(s, s->dir, "policy.d");
	DIR *dir = opendir(from);
	struct dirent *e;
	bool good = true;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): a folder of its own */
	while (dir != NULL && good && (e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.' &&
		    strcmp(e->d_name, s->place->name) != 0)
			good = symlink(in(s, from, e->d_name),
				   in(s, to, e->d_name)) == 0;
	if (dir != NULL)
		(void)closedir(dir);
	return good;
}

static bool
set_up(struct stage *s, const char *text)
{
	const char *main_file = in(s, s->real, "gatepost.conf");
	const char *copy = in(s, s->dir, "gatepost.conf");
	struct stat st;
	bool good = mkdir(in(s, s->dir, "policy.d"), 0700) == 0;

	if (good && s->real[0] != '\0' && lstat(main_file, &st) == 0)
		good = symlink(main_file, copy) == 0;
	else if (good)
		good = put(copy, "");
	if (good && s->real[0] != '\0')
		good = link_parts(s);
	if (good && text != NULL)
		good =
		    put(in(s, in(s, s->dir, "policy.d"), s->place->name), text);
	return good;
}

static void
empty(struct stage *s, const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): a folder of its own */
	while (dir != NULL && (e = readdir(dir)) != NULL)
		(void)unlink(in(s, path, e->d_name));
	if (dir != NULL)
		(void)closedir(dir);
}

static void
tear_down(struct stage *s)
{
	const char *parts = in(s, s->dir, "policy.d");

	empty(s, parts);
	(void)rmdir(parts);
	empty(s, s->dir);
	(void)rmdir(s->dir);
}

/* Problems with the names that the files really have. */
static void
rename_all(const struct stage *s, struct gp_problems *problems,
    const struct gp_problems *found)
{
	struct gp_str rest = gp_buf_str(&found->text);

	while (rest.n > 0) {
		struct gp_str line = gp_str_split(&rest, '\n');

		while (line.n > 0) {
			if (gp_str_starts_nocase(line, gp_str(s->dir))) {
				gp_buf_adds(&problems->text, s->place->dir);
				line = gp_str_n(line.p + strlen(s->dir),
				    line.n - strlen(s->dir));
			} else {
				gp_buf_addc(&problems->text, *line.p);
				line = gp_str_n(line.p + 1, line.n - 1);
			}
		}
		gp_buf_addc(&problems->text, '\n');
	}
	problems->count += found->count;
}

static enum gp_rc
load(struct stage *s, struct gp_config **out, struct gp_problems *problems)
{
	struct gp_problems found;
	enum gp_rc rc;

	gp_problems_init(&found);
	rc = gp_policy_load(in(s, s->dir, "gatepost.conf"), out, &found);
	rename_all(s, problems, &found);
	gp_problems_clear(&found);
	return rc;
}

enum gp_rc
gp_import_load(const struct gp_import_place *place, const char *text,
    struct gp_config **out, struct gp_problems *problems)
{
	struct stage s = { .place = place, .dir = "/tmp/gatepost.XXXXXX" };
	enum gp_rc rc = GP_TEMP;

	*out = NULL;
	if (mkdtemp(s.dir) == NULL) {
		gp_problems_add(problems, (struct gp_origin){ .file = s.dir },
		    "%s", strerrordesc_np(errno));
		return GP_TEMP;
	}
	if (realpath(place->dir, s.real) == NULL)
		s.real[0] = '\0';
	s.arena = gp_arena_new();
	if (set_up(&s, text))
		rc = load(&s, out, problems);
	else
		gp_problems_add(problems, (struct gp_origin){ .file = s.dir },
		    "%s", strerrordesc_np(errno));
	tear_down(&s);
	gp_arena_free(s.arena);
	return rc;
}

const char *
gp_import_section_at(const struct gp_import_place *place, const char *section,
    struct gp_arena *arena)
{
	/* what the reader says about the second one */
	static const char first[] = "the first is at ";
	struct gp_config *config = NULL;
	struct gp_problems problems;
	const char *where = NULL;
	const char *at;

	gp_problems_init(&problems);
	if (gp_import_load(place, gp_arena_printf(arena, "%s { }\n", section),
		&config, &problems) == GP_PERM) {
		at = strstr(gp_buf_cstr(&problems.text), first);
		if (at != NULL)
			where = gp_arena_strndup(arena, at + sizeof(first) - 1,
			    strcspn(at + sizeof(first) - 1, "\n"));
	}
	gp_config_unref(config);
	gp_problems_clear(&problems);
	return where;
}
