/* See import_files.h: writing. */
#include "io/import_files.h"

#include "base/xalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_TEXT  4096
#define KEY_GROUP  "_gatepost-dkim"
#define KEYS_MODE  0750
#define NSS_BUFFER 65536

static enum gp_rc
cannot(const char *path, struct gp_err *err)
{
	int error = errno;

	return gp_fail(err, gp_rc_of_errno(error), "%s: %s", path,
	    strerrordesc_np(error));
}

static enum gp_rc
join(char out[PATH_TEXT], const char *dir, const char *name, struct gp_err *err)
{
	int n = snprintf(out, PATH_TEXT, "%s/%s", dir, name);

	if (n < 0 || n >= PATH_TEXT)
		return gp_fail(err, GP_PERM, "%s: too long a path", name);
	return GP_OK;
}

/* -- what is there -------------------------------------------------------- */

/* GP_OK: the same; GP_NONE: there is none; GP_PERM: another one. */
static enum gp_rc
compare(const char *path, struct gp_str text)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_import_source here = { .root = "", .arena = arena };
	struct gp_str old;
	enum gp_rc rc =
	    gp_import_read(&here, path, GP_IMPORT_FILE_MAX, &old, NULL);

	if (rc == GP_OK && !gp_str_eq(old, text))
		rc = GP_PERM;
	if (rc == GP_TEMP)
		rc = GP_PERM;
	gp_import_wipe(old);
	gp_arena_free(arena);
	return rc;
}

enum gp_rc
gp_import_may_put(const struct gp_import_place *place,
    const struct gp_import_key *keys, struct gp_err *err)
{
	char path[PATH_TEXT], name[PATH_TEXT];
	struct stat st;

	if (place->force)
		return GP_OK;
	if (join(name, "policy.d", place->name, err) != GP_OK ||
	    join(path, place->dir, name, err) != GP_OK)
		return GP_PERM;
	if (lstat(path, &st) == 0)
		return gp_fail(err, GP_PERM,
		    "%s is there already: --force replaces it", path);
	for (; keys != NULL; keys = keys->next) {
		if (join(path, place->dir, keys->file, err) != GP_OK)
			return GP_PERM;
		if (compare(path, keys->pem) == GP_PERM)
			return gp_fail(err, GP_PERM,
			    "%s is there already, and another key: --force "
			    "replaces it",
			    path);
	}
	return GP_OK;
}

/* -- one file ------------------------------------------------------------- */

static enum gp_rc
write_all(int fd, const char *path, struct gp_str text, struct gp_err *err)
{
	while (text.n > 0) {
		ssize_t n = write(fd, text.p, text.n);

		if (n < 0 && errno != EINTR)
			return cannot(path, err);
		if (n > 0)
			text = gp_str_n(text.p + n, text.n - (size_t)n);
	}
	return fsync(fd) == 0 ? GP_OK : cannot(path, err);
}

/* The group of the signer; false: this system has none. */
static bool
find_group(gid_t *gid)
{
	char *buffer = gp_xcalloc(NSS_BUFFER, 1);
	struct group group;
	struct group *found = NULL;

	(void)getgrnam_r(KEY_GROUP, &group, buffer, NSS_BUFFER, &found);
	if (found != NULL)
		*gid = found->gr_gid;
	free(buffer);
	return found != NULL;
}

/* A key that only the signer may read besides root. */
static enum gp_rc
protect(int fd, bool key, const char *path, struct gp_err *err)
{
	gid_t gid = 0;

	if (key && find_group(&gid) && fchown(fd, (uid_t)-1, gid) != 0 &&
	    errno != EPERM)
		return cannot(path, err);
	return fchmod(fd, key ? 0640 : 0644) == 0 ? GP_OK : cannot(path, err);
}

/* The new file under its name: in place of an old one only when told. */
static enum gp_rc
name_it(const char *temporary, const char *path, bool force, struct gp_err *err)
{
	if (force)
		return rename(temporary, path) == 0 ? GP_OK : cannot(path, err);
	if (link(temporary, path) != 0)
		return cannot(path, err);
	(void)unlink(temporary);
	return GP_OK;
}

static enum gp_rc
put(const char *path, bool key, bool force, struct gp_str text,
    struct gp_err *err)
{
	char temporary[PATH_TEXT];
	int n = snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
	enum gp_rc rc;
	int fd;

	if (n < 0 || n >= PATH_TEXT)
		return gp_fail(err, GP_PERM, "%s: too long a path", path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return cannot(path, err);
	rc = write_all(fd, path, text, err);
	if (rc == GP_OK)
		rc = protect(fd, key, path, err);
	if (rc == GP_OK)
		rc = name_it(temporary, path, force, err);
	if (rc != GP_OK)
		(void)unlink(temporary);
	(void)close(fd);
	return rc;
}

/* -- all of them ------------------------------------------------------------
 */

static enum gp_rc
make_dir(const char *path, bool keys, struct gp_err *err)
{
	gid_t gid = 0;

	if (mkdir(path, keys ? KEYS_MODE : 0755) != 0)
		return errno == EEXIST ? GP_OK : cannot(path, err);
	if (keys && find_group(&gid) && chown(path, (uid_t)-1, gid) != 0 &&
	    errno != EPERM)
		return cannot(path, err);
	return GP_OK;
}

static enum gp_rc
put_keys(const struct gp_import_place *place, const struct gp_import_key *keys,
    struct gp_err *err)
{
	char path[PATH_TEXT];
	enum gp_rc rc = join(path, place->dir, "keys", err);

	if (rc == GP_OK && keys != NULL)
		rc = make_dir(path, true, err);
	for (; rc == GP_OK && keys != NULL; keys = keys->next) {
		rc = join(path, place->dir, keys->file, err);
		if (rc == GP_OK && compare(path, keys->pem) != GP_OK)
			rc = put(path, true, place->force, keys->pem, err);
	}
	return rc;
}

enum gp_rc
gp_import_put_files(const struct gp_import_place *place,
    const struct gp_import_key *keys, struct gp_str text, struct gp_err *err)
{
	char dir[PATH_TEXT], path[PATH_TEXT];
	enum gp_rc rc = make_dir(place->dir, false, err);

	if (rc == GP_OK)
		rc = join(dir, place->dir, "policy.d", err);
	if (rc == GP_OK)
		rc = make_dir(dir, false, err);
	if (rc == GP_OK)
		rc = put_keys(place, keys, err);
	if (rc == GP_OK)
		rc = join(path, dir, place->name, err);
	return rc == GP_OK ? put(path, false, place->force, text, err) : rc;
}
