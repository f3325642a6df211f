/* See policy_file.h. */
#include "io/policy_file.h"

#include "base/xalloc.h"
#include "io/policy_confuse.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct reader {
	struct gp_arena *arena; /* texts and items, until the build is done */
	struct gp_problems *problems;
	unsigned before; /* problems that were there already */
	bool passing;    /* a file could not be read for a passing reason */
	const struct gp_policy_instead *instead; /* not read yet, or NULL */
	size_t n_blocks, max_blocks;
	struct gp_block *blocks;
	size_t n_settings, max_settings;
	struct gp_setting *settings;
};

static void
reader_clear(struct reader *r)
{
	free(r->blocks);
	free(r->settings);
	gp_arena_free(r->arena);
}

/* -- text to blocks and settings --------------------------------------- */

static size_t
block_of(const struct gp_scan_item *item)
{
	return item->parent == NULL ? GP_NO_BLOCK : item->parent->block;
}

static void
add_block(struct reader *r, const struct gp_scan_item *item, const char *file)
{
	if (r->n_blocks == r->max_blocks) {
		r->max_blocks = r->max_blocks * 2 + 64;
		r->blocks =
		    gp_xrealloc(r->blocks, r->max_blocks, sizeof(*r->blocks));
	}
	r->blocks[r->n_blocks++] = (struct gp_block){
		.parent = block_of(item),
		.kind = item->name,
		.title = item->title,
		.broken = item->broken,
		.origin = { .file = file, .line = item->line },
	};
}

static void
add_setting(struct reader *r, const struct gp_scan_item *item, const char *file)
{
	if (r->n_settings == r->max_settings) {
		r->max_settings = r->max_settings * 2 + 64;
		r->settings = gp_xrealloc(r->settings, r->max_settings,
		    sizeof(*r->settings));
	}
	r->settings[r->n_settings++] = (struct gp_setting){
		.block = block_of(item),
		.name = item->name,
		.is_list = item->is_list,
		.broken = item->broken,
		.values = item->values,
		.origin = { .file = file, .line = item->line },
	};
}

static void
read_text(struct reader *r, struct gp_str text, const char *file)
{
	struct gp_scan_item *items =
	    gp_policy_scan(text, file, r->n_blocks, r->arena, r->problems);

	gp_policy_values(items, file, r->arena, r->problems);
	for (const struct gp_scan_item *i = items; i != NULL; i = i->next) {
		if (i->kind == GP_SCAN_OPEN)
			add_block(r, i, file);
		else if (i->kind == GP_SCAN_SETTING)
			add_setting(r, i, file);
	}
}

static enum gp_rc
build(struct reader *r, const char *directory, struct gp_config **out)
{
	struct gp_config_source source = { .directory = directory,
		.n_settings = r->n_settings,
		.settings = r->settings,
		.n_blocks = r->n_blocks,
		.blocks = r->blocks };
	enum gp_rc rc = gp_config_build(&source, out, r->problems);

	if (rc != GP_OK || r->problems->count == r->before)
		return rc;
	gp_config_unref(*out);
	*out = NULL;
	return GP_PERM;
}

/* -- files ------------------------------------------------------------- */

static void
can_not(struct reader *r, const char *path, const char *what)
{
	int error = errno;

	gp_problems_add(r->problems, (struct gp_origin){ .file = path },
	    "%s: %s", what, strerrordesc_np(error));
	r->passing = r->passing || gp_rc_of_errno(error) == GP_TEMP;
}

/* All of it, of at most GP_CONFIG_FILE_MAX bytes, in the arena. */
static bool
slurp(struct reader *r, int fd, const char *path, struct gp_str *text)
{
	struct gp_origin where = { .file = path };
	struct stat st;
	char *p;
	size_t n = 0;
	ssize_t got = 1;

	if (fstat(fd, &st) != 0) {
		can_not(r, path, "can not look at it");
		return false;
	}
	if (!S_ISREG(st.st_mode)) {
		gp_problems_add(r->problems, where, "expected a regular file");
		return false;
	}
	if (st.st_size > GP_CONFIG_FILE_MAX) {
		gp_problems_add(r->problems, where,
		    "%lld bytes: expected at most %d", (long long)st.st_size,
		    GP_CONFIG_FILE_MAX);
		return false;
	}
	p = gp_arena_alloc(r->arena, (size_t)st.st_size + 1);
	while (n < (size_t)st.st_size && got > 0) {
		got = read(fd, p + n, (size_t)st.st_size - n);
		n += got > 0 ? (size_t)got : 0;
	}
	if (got < 0) {
		can_not(r, path, "can not read it");
		return false;
	}
	*text = gp_str_n(p, n);
	return true;
}

static void
read_instead(struct reader *r)
{
	const struct gp_policy_instead *instead = r->instead;

	r->instead = NULL;
	if (instead->text.n > GP_CONFIG_FILE_MAX)
		gp_problems_add(r->problems,
		    (struct gp_origin){ .file = instead->path },
		    "%zu bytes: expected at most %d", instead->text.n,
		    GP_CONFIG_FILE_MAX);
	else
		read_text(r, instead->text, instead->path);
}

/* O_NONBLOCK: a pipe in the place of a file must not make us wait. */
static void
read_file(struct reader *r, const char *path)
{
	struct gp_str text;
	int fd;

	if (r->instead != NULL && strcmp(r->instead->path, path) == 0) {
		read_instead(r);
		return;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		can_not(r, path, "can not open it");
		return;
	}
	if (slurp(r, fd, path, &text))
		read_text(r, text, path);
	(void)close(fd);
}

/* -- policy.d ---------------------------------------------------------- */

static int
is_policy(const struct dirent *entry)
{
	struct gp_str name = gp_str(entry->d_name);

	return name.p[0] != '.' && gp_str_ends_nocase(name, GP_STR(".conf")) &&
	       strstr(name.p, ".dpkg-") == NULL;
}

static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void
read_directory(struct reader *r, const char *path)
{
	struct dirent **entries = NULL;
	int n = scandir(path, &entries, is_policy, by_bytes);

	if (n < 0) {
		if (errno != ENOENT)
			can_not(r, path, "can not read the folder");
		return;
	}
	for (int i = 0; i < n; i++) {
		read_file(r, gp_arena_printf(r->arena, "%s/%s", path,
				 entries[i]->d_name));
		free(entries[i]);
	}
	free(entries);
}

/* What stands before the last slash: "" without one, "/" for "/x". */
static const char *
directory_of(struct reader *r, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return "";
	return gp_arena_strndup(r->arena, path,
	    slash == path ? 1 : (size_t)(slash - path));
}

/* -- all of it --------------------------------------------------------- */

enum gp_rc
gp_policy_load(const char *path, struct gp_config **out,
    struct gp_problems *problems)
{
	return gp_policy_load_with(path, NULL, out, problems);
}

enum gp_rc
gp_policy_load_with(const char *path, const struct gp_policy_instead *instead,
    struct gp_config **out, struct gp_problems *problems)
{
	struct reader r = { .arena = gp_arena_new(),
		.problems = problems,
		.before = problems->count,
		.instead = instead };
	const char *directory = directory_of(&r, path);
	enum gp_rc rc;

	read_file(&r, path);
	read_directory(&r,
	    gp_arena_printf(r.arena, "%s%spolicy.d", directory,
		directory[0] == '\0' || directory[1] == '\0' ? "" : "/"));
	if (r.instead != NULL)
		read_instead(&r);
	rc = build(&r, directory, out);
	gp_problems_sort(problems);
	if (r.passing)
		rc = GP_TEMP;
	reader_clear(&r);
	return rc;
}

enum gp_rc
gp_policy_parse(struct gp_str text, const char *name, struct gp_config **out,
    struct gp_problems *problems)
{
	struct reader r = { .arena = gp_arena_new(),
		.problems = problems,
		.before = problems->count };
	enum gp_rc rc;

	if (text.n > GP_CONFIG_FILE_MAX)
		gp_problems_add(problems, (struct gp_origin){ .file = name },
		    "%zu bytes: expected at most %d", text.n,
		    GP_CONFIG_FILE_MAX);
	else
		read_text(&r, text, name);
	rc = build(&r, NULL, out);
	gp_problems_sort(problems);
	reader_clear(&r);
	return rc;
}
