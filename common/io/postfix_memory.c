/* See postfix_memory.h.
 *
 * The daemons' group may write to the state folder.  What root is to believe
 * must be in a folder of root's own.
 */
#include "io/postfix_memory.h"

#include "io/small_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER    "postfix"
#define STATE_MAX 1048576 /* bytes */

/* The folder is ours or root's, and nobody else may write to it. */
static enum gp_rc
check_folder(const char *folder, struct gp_err *err)
{
	struct stat st;

	if (lstat(folder, &st) != 0)
		return errno == ENOENT
		           ? GP_NONE
		           : gp_fail(err, GP_PERM, "%s: can not look at it: %m",
				 folder);
	if (!S_ISDIR(st.st_mode) || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0 ||
	    (st.st_uid != 0 && st.st_uid != geteuid()))
		return gp_fail(err, GP_PERM,
		    "%s: it must be a folder that only root writes to", folder);
	return GP_OK;
}

static enum gp_rc
load(struct gp_postfix_memory *m, struct gp_err *err)
{
	struct gp_small_file file;
	struct gp_err why;
	enum gp_rc rc = check_folder(m->folder, err);

	m->known = false;
	m->state = (struct gp_postfix_state){ .config_dir = m->config_dir };
	gp_postfix_items_init(&m->state.items, m->arena);
	if (rc == GP_OK)
		rc = gp_small_file_read(m->arena, m->path, STATE_MAX, &file,
		    err);
	if (rc != GP_OK)
		return rc == GP_NONE ? GP_OK : rc;
	if (gp_postfix_state_parse(file.text, m->arena, &m->state, &why) !=
	    GP_OK)
		return gp_fail(err, GP_PERM, "%s: %s", m->path, why.msg);
	if (strcmp(m->state.config_dir, m->config_dir) != 0)
		return gp_fail(err, GP_PERM, "%s: it is of %s", m->path,
		    m->state.config_dir);
	m->known = true;
	return GP_OK;
}

enum gp_rc
gp_postfix_recall(struct gp_arena *arena, const char *state_dir,
    const char *config_dir, struct gp_postfix_memory *m, struct gp_err *err)
{
	struct gp_buf name;

	*m = (struct gp_postfix_memory){ .arena = arena, .lock = -1 };
	m->config_dir = gp_arena_strdup(arena, config_dir);
	gp_buf_init(&name, SIZE_MAX);
	gp_postfix_state_name(config_dir, &name);
	m->folder = gp_arena_printf(arena, "%s/" FOLDER, state_dir);
	m->path =
	    gp_arena_printf(arena, "%s/%s", m->folder, gp_buf_cstr(&name));
	gp_buf_clear(&name);
	return load(m, err);
}

void
gp_postfix_memory_close(struct gp_postfix_memory *m)
{
	if (m->lock >= 0)
		(void)close(m->lock);
	m->lock = -1;
}

enum gp_rc
gp_postfix_memory_hold(struct gp_postfix_memory *m, struct gp_err *err)
{
	if (mkdir(m->folder, 0755) != 0 && errno != EEXIST)
		return gp_fail(err, errno == ENOENT ? GP_NONE : GP_PERM,
		    "%s: can not make it: %m", m->folder);
	if (check_folder(m->folder, err) != GP_OK)
		return GP_PERM;
	m->lock = open(m->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->lock < 0)
		return gp_fail(err, GP_PERM, "%s: can not open it: %m",
		    m->folder);
	if (flock(m->lock, LOCK_EX | LOCK_NB) != 0)
		return gp_fail(err, GP_TEMP,
		    "%s: another gatepost works on Postfix just now",
		    m->folder);
	return load(m, err); /* somebody may have just written it */
}

enum gp_rc
gp_postfix_remember(struct gp_postfix_memory *m, struct gp_err *err)
{
	struct gp_small_file file = { .mode = 0644,
		.uid = geteuid(),
		.gid = getegid() };
	struct gp_buf text;
	enum gp_rc rc;

	gp_buf_init(&text, STATE_MAX);
	gp_postfix_state_format(&m->state, &text);
	file.text = gp_buf_str(&text);
	rc = text.overflow
	         ? gp_fail(err, GP_PERM, "%s: it would be too large", m->path)
	         : gp_small_file_replace(m->arena, m->path, &file, err);
	gp_buf_clear(&text);
	return rc;
}

void
gp_postfix_forget(struct gp_postfix_memory *m)
{
	(void)unlink(m->path);
}

/* The state in this file, when its instance has not been removed since. */
static enum gp_rc
load_other(const struct gp_postfix_memory *m, const char *name,
    struct gp_postfix_memory *out)
{
	struct gp_small_file file;
	struct gp_err err;
	enum gp_rc rc;

	*out = (struct gp_postfix_memory){ .arena = m->arena, .lock = -1 };
	out->path = gp_arena_printf(m->arena, "%s/%s", m->folder, name);
	if (strcmp(out->path, m->path) == 0 ||
	    !gp_str_ends_nocase(gp_str(name), GP_STR(".state")))
		return GP_NONE;
	rc = gp_small_file_read(m->arena, out->path, STATE_MAX, &file, &err);
	if (rc == GP_OK)
		rc = gp_postfix_state_parse(file.text, m->arena, &out->state,
		    &err);
	if (rc == GP_OK && access(gp_arena_printf(m->arena, "%s/main.cf",
				      out->state.config_dir),
			       F_OK) != 0)
		rc = GP_NONE;
	return rc;
}

enum gp_rc
gp_postfix_bequeath(const struct gp_postfix_memory *m, struct gp_err *err)
{
	struct gp_postfix_memory heir;
	struct dirent **list = NULL;
	const int n = scandir(m->folder, &list, NULL, alphasort);
	enum gp_rc rc = GP_NONE;

	for (int i = 0; i < n; i++) {
		if (rc == GP_NONE &&
		    load_other(m, list[i]->d_name, &heir) == GP_OK) {
			heir.state.member = m->state.member;
			rc = gp_postfix_remember(&heir, err);
		}
		free(list[i]);
	}
	free(list);
	return rc;
}
