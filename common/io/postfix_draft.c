/* See postfix_draft.h. */
#include "io/postfix_draft.h"

#include "io/crypto.h"
#include "io/run.h"
#include "io/small_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FOLDER  "/tmp/gatepost-postfix.XXXXXX"
#define FOUND   ".found" /* the copy that stays as it was */
#define DIFF_MS 10000
#define BACKUPS 100 /* of one second */

/* -- the copy -----------------------------------------------------------*/

static void
hash(struct gp_str text, char out[GP_POSTFIX_SHA256_TEXT])
{
	uint8_t sum[GP_SHA256_BYTES];
	struct gp_sha256 *h = gp_sha256_new();

	gp_sha256_add(h, text.p, text.n);
	gp_sha256_end(h, sum);
	gp_sha256_free(h);
	for (size_t i = 0; i < sizeof(sum); i++)
		(void)snprintf(out + 2 * i, 3, "%02x", (unsigned)sum[i]);
}

static const char *
copy_of(const struct gp_postfix_draft *d, const struct gp_postfix_file *file,
    const char *suffix)
{
	return gp_arena_printf(d->arena, "%s/%s%s", d->copy.config_dir,
	    file->name, suffix);
}

/* The file, and two copies of it. */
static enum gp_rc
take_file(struct gp_postfix_draft *d, const char *config_dir, const char *name,
    struct gp_postfix_file *file, struct gp_err *err)
{
	struct gp_small_file copy;
	enum gp_rc rc;

	*file = (struct gp_postfix_file){ .name = name,
		.path = gp_arena_printf(d->arena, "%s/%s", config_dir, name) };
	rc = gp_small_file_read(d->arena, file->path, GP_POSTFIX_FILE_MAX,
	    &file->found, err);
	if (rc != GP_OK)
		return rc;
	file->draft = file->found.text;
	hash(file->draft, file->before);
	memcpy(file->after, file->before, sizeof(file->after));
	copy = (struct gp_small_file){ .text = file->draft,
		.mode = 0600,
		.uid = geteuid(),
		.gid = getegid() };
	rc = gp_small_file_create(copy_of(d, file, ""), &copy, err);
	if (rc == GP_OK)
		rc = gp_small_file_create(copy_of(d, file, FOUND), &copy, err);
	return rc;
}

enum gp_rc
gp_postfix_draft_open(const struct gp_postfix *p, struct gp_postfix_draft *d,
    struct gp_err *err)
{
	char *folder = gp_arena_strdup(p->arena, FOLDER);
	enum gp_rc rc;

	*d = (struct gp_postfix_draft){ .arena = p->arena, .copy = *p };
	d->copy.config_dir = NULL;
	if (mkdtemp(folder) == NULL)
		return gp_fail(err, gp_rc_of_errno(errno),
		    "%s: can not make a folder: %m", folder);
	d->copy.config_dir = folder;
	rc = take_file(d, p->config_dir, "main.cf", &d->main, err);
	if (rc == GP_OK)
		rc = take_file(d, p->config_dir, "master.cf", &d->master, err);
	return rc;
}

void
gp_postfix_draft_close(struct gp_postfix_draft *d)
{
	static const char *const names[] = { "main.cf", "main.cf" FOUND,
		"master.cf", "master.cf" FOUND };

	if (d->copy.config_dir == NULL)
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(gp_arena_printf(d->arena, "%s/%s",
		    d->copy.config_dir, names[i]));
	(void)rmdir(d->copy.config_dir);
	d->copy.config_dir = NULL;
}

/* -- to edit it -------------------------------------------------------------
 */

/* "postconf -e NAME=VALUE", for services with -P before it, without a value
 * -X.  One call each: of several it writes new ones in no certain order. */
static enum gp_rc
edit(struct gp_postfix_draft *d, const struct gp_postfix_item *item,
    struct gp_err *err)
{
	const char *what = item->name;
	const char *args[4];
	size_t n = 0;

	if (item->service != NULL) {
		args[n++] = "-P";
		what = gp_arena_printf(d->arena, "%s/%s", item->service, what);
	}
	args[n++] = item->after == NULL ? "-X" : "-e";
	if (item->after != NULL)
		what = gp_arena_printf(d->arena, "%s=%s", what, item->after);
	args[n++] = what;
	args[n] = NULL;
	return gp_postfix_call(&d->copy, "postconf", args, NULL, err);
}

/* What has become of the copy. */
static enum gp_rc
take_draft(struct gp_postfix_draft *d, struct gp_postfix_file *file,
    struct gp_err *err)
{
	struct gp_small_file copy;
	enum gp_rc rc = gp_small_file_read(d->arena, copy_of(d, file, ""),
	    GP_POSTFIX_FILE_MAX, &copy, err);

	if (rc != GP_OK)
		return rc;
	file->draft = copy.text;
	hash(file->draft, file->after);
	return GP_OK;
}

enum gp_rc
gp_postfix_draft_apply(struct gp_postfix_draft *d, struct gp_postfix_file *file,
    const struct gp_postfix_items *items, struct gp_err *err)
{
	const bool master = file == &d->master;
	enum gp_rc rc = GP_OK;

	for (size_t i = 0; rc == GP_OK && i < items->n; i++)
		if (gp_postfix_item_changes(&items->v[i]) &&
		    (items->v[i].service != NULL) == master)
			rc = edit(d, &items->v[i], err);
	return rc == GP_OK ? take_draft(d, file, err) : rc;
}

enum gp_rc
gp_postfix_draft_restore(struct gp_postfix_draft *d,
    struct gp_postfix_file *file, const struct gp_postfix_kept *kept,
    struct gp_err *err)
{
	const size_t folder = strlen(file->path) - strlen(file->name);
	struct gp_small_file backup;
	char sum[GP_POSTFIX_SHA256_TEXT];
	const char *path;

	if (kept->backup == NULL || kept->before == NULL ||
	    kept->after == NULL || strcmp(kept->after, file->before) != 0)
		return GP_NONE;
	path = gp_arena_printf(d->arena, "%.*s%s", (int)folder, file->path,
	    kept->backup);
	if (gp_small_file_read(d->arena, path, GP_POSTFIX_FILE_MAX, &backup,
		NULL) != GP_OK)
		return GP_NONE;
	hash(backup.text, sum);
	if (strcmp(sum, kept->before) != 0)
		return GP_NONE;
	backup.mode = 0600;
	if (gp_small_file_replace(d->arena, copy_of(d, file, ""), &backup,
		err) != GP_OK)
		return GP_TEMP;
	return take_draft(d, file, err);
}

bool
gp_postfix_file_changes(const struct gp_postfix_file *file)
{
	return !gp_str_eq(file->found.text, file->draft);
}

/* -- to look at it ------------------------------------------------------------
 */

/* The first line that speaks of a parameter of ours. */
static struct gp_str
complaint(struct gp_str text)
{
	while (text.p != NULL) {
		struct gp_str line = gp_str_split(&text, '\n');

		if (line.n > 0 &&
		    memmem(line.p, line.n, "gatepost_", 9) != NULL)
			return line;
	}
	return gp_str_n(NULL, 0);
}

/* Postfix's programs wait until a file is two seconds old, as somebody may just
 * write it.  Nobody else writes the copy. */
static void
age(const struct gp_postfix_draft *d, const struct gp_postfix_file *file)
{
	static const struct timespec past[2] = { { .tv_sec = 1 },
		{ .tv_sec = 1 } };

	(void)utimensat(AT_FDCWD, copy_of(d, file, ""), past, 0);
}

enum gp_rc
gp_postfix_draft_check(const struct gp_postfix_draft *d, struct gp_err *err)
{
	const char *const argv[] = { "postconf", "-c", d->copy.config_dir, "-n",
		NULL };
	const struct gp_run what = { .argv = argv, .timeout_ms = DIFF_MS };
	struct gp_run_result r;
	struct gp_str line;
	enum gp_rc rc;

	age(d, &d->main);
	age(d, &d->master);
	rc = gp_run(&what, &r, err);
	if (rc == GP_OK) {
		line = complaint(gp_buf_str(&r.err));
		if (line.n > 0)
			rc = gp_fail(err, GP_PERM, "%.*s", GP_STR_ARG(line));
	}
	gp_run_clear(&r);
	return rc;
}

static enum gp_rc
diff(const struct gp_postfix_draft *d, const struct gp_postfix_file *file,
    struct gp_buf *out, struct gp_err *err)
{
	const char *const argv[] = { "diff", "-u", "--label", file->path,
		"--label", file->path, copy_of(d, file, FOUND),
		copy_of(d, file, ""), NULL };
	const struct gp_run what = { .argv = argv, .timeout_ms = DIFF_MS };
	struct gp_run_result r;
	enum gp_rc rc = gp_run(&what, &r, err);

	if (rc == GP_OK)
		gp_buf_add_str(out, gp_buf_str(&r.out));
	gp_run_clear(&r);
	return rc;
}

enum gp_rc
gp_postfix_draft_diff(const struct gp_postfix_draft *d, struct gp_buf *out,
    struct gp_err *err)
{
	enum gp_rc rc = diff(d, &d->main, out, err);

	return rc == GP_OK ? diff(d, &d->master, out, err) : rc;
}

/* -- to put it in place
 * --------------------------------------------------------- */

enum gp_rc
gp_postfix_file_backup(struct gp_postfix_draft *d,
    const struct gp_postfix_file *file, int64_t wall_s, const char **name,
    struct gp_err *err)
{
	const time_t now = (time_t)wall_s;
	struct tm tm;
	char stamp[32];
	enum gp_rc rc = GP_NONE;

	if (gmtime_r(&now, &tm) == NULL ||
	    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm) == 0)
		return gp_fail(err, GP_TEMP, "the clock shows no time");
	for (unsigned i = 1; rc == GP_NONE && i <= BACKUPS; i++) {
		const char *path = gp_arena_printf(d->arena, "%s.gatepost-%s",
		    file->path, stamp);

		if (i > 1)
			path = gp_arena_printf(d->arena, "%s-%u", path, i);
		rc = gp_small_file_create(path, &file->found, err);
		*name = path + strlen(file->path) - strlen(file->name);
	}
	return rc == GP_NONE ? GP_TEMP : rc;
}

/* While the file has the text that is expected. */
static enum gp_rc
replace(struct gp_postfix_draft *d, const struct gp_postfix_file *file,
    struct gp_str expected, struct gp_str text, struct gp_err *err)
{
	struct gp_small_file now, next = file->found;
	enum gp_rc rc = gp_small_file_read(d->arena, file->path,
	    GP_POSTFIX_FILE_MAX, &now, err);

	if (rc != GP_OK)
		return rc;
	if (!gp_str_eq(now.text, expected))
		return gp_fail(err, GP_TEMP, "%s: it was changed meanwhile",
		    file->path);
	next.text = text;
	return gp_small_file_replace(d->arena, file->path, &next, err);
}

enum gp_rc
gp_postfix_file_install(struct gp_postfix_draft *d,
    struct gp_postfix_file *file, struct gp_err *err)
{
	enum gp_rc rc;

	if (!gp_postfix_file_changes(file))
		return GP_OK;
	rc = replace(d, file, file->found.text, file->draft, err);
	file->installed = rc == GP_OK;
	return rc;
}

enum gp_rc
gp_postfix_file_revert(struct gp_postfix_draft *d, struct gp_postfix_file *file,
    struct gp_err *err)
{
	enum gp_rc rc;

	if (!file->installed)
		return GP_OK;
	rc = replace(d, file, file->draft, file->found.text, err);
	file->installed = rc != GP_OK;
	return rc;
}
