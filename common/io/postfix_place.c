/* See postfix_place.h. */
#include "io/postfix_place.h"

#include "core/postfix_mount.h"
#include "io/run.h"
#include "io/small_file.h"
#include "io/socket_try.h"

#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRY_MS     5000
#define CALL_MS    30000
#define GROUP_TEXT 65536 /* bytes of one entry of the group database */
#define UNITS      "/etc/systemd/system"
#define UNIT_MAX   16384 /* bytes */
#define SHIPPED    "var-spool-postfix-run-gatepost.mount"

enum gp_rc
gp_postfix_reach(const struct gp_postfix *p, const char *socket, bool *inside,
    struct gp_err *err)
{
	struct gp_socket_try t = { .socket = socket, .timeout_ms = TRY_MS };
	enum gp_rc rc;

	*inside = false;
	if (geteuid() == 0)
		t.user = p->mail_owner;
	rc = gp_socket_try(&t, err);
	if (rc != GP_OK || !p->chrooted || geteuid() != 0)
		return rc;
	t.chroot = p->queue_dir;
	rc = gp_socket_try(&t, err);
	*inside = rc != GP_OK;
	return rc;
}

static enum gp_rc
call(const char *const *argv, struct gp_err *err)
{
	const struct gp_run what = { .argv = argv, .timeout_ms = CALL_MS };
	struct gp_run_result r;
	enum gp_rc rc = gp_run(&what, &r, err);

	if (rc == GP_OK && r.code != 0) {
		struct gp_str why = gp_str_trim(gp_buf_str(&r.err));

		rc = gp_fail(err, GP_PERM, "%s: exit code %d: %.*s", argv[0],
		    r.code, GP_STR_ARG(why));
	}
	gp_run_clear(&r);
	return rc;
}

/* -- the group ------------------------------------------------------------ */

/* Is there such a group that he is not in? */
static bool
is_missing(const char *user)
{
	char *text = malloc(GROUP_TEXT);
	struct group entry, *found = NULL;
	bool missing;

	missing = text != NULL &&
	          getgrnam_r(GP_POSTFIX_GROUP, &entry, text, GROUP_TEXT,
		      &found) == 0 &&
	          found != NULL;
	for (size_t i = 0; missing && found->gr_mem[i] != NULL; i++)
		missing = strcmp(found->gr_mem[i], user) != 0;
	free(text);
	return missing;
}

enum gp_rc
gp_postfix_join(const struct gp_postfix *p, struct gp_err *err)
{
	const char *const argv[] = { "gpasswd", "-a", p->mail_owner,
		GP_POSTFIX_GROUP, NULL };

	return is_missing(p->mail_owner) ? call(argv, err) : GP_NONE;
}

enum gp_rc
gp_postfix_leave(const struct gp_postfix *p, struct gp_err *err)
{
	const char *const argv[] = { "gpasswd", "-d", p->mail_owner,
		GP_POSTFIX_GROUP, NULL };

	return call(argv, err);
}

/* -- the mount ------------------------------------------------------------ */

static const char *
unit_path(const struct gp_postfix *p, const char *unit)
{
	return gp_arena_printf(p->arena, UNITS "/%s", unit);
}

static enum gp_rc
manage(const char *verb, const char *unit, struct gp_err *err)
{
	const char *const argv[] = { "systemctl", verb, "--now", unit, NULL };

	return call(argv, err);
}

/* An administrator's own unit stays as it is. */
static enum gp_rc
make_unit(const struct gp_postfix *p, const char *unit, struct gp_str text,
    struct gp_err *err)
{
	const struct gp_small_file file = { .text = text, .mode = 0644 };
	enum gp_rc rc = gp_small_file_create(unit_path(p, unit), &file, err);

	return rc == GP_NONE ? GP_OK : rc;
}

/* Gone, when it is one that we made. */
static void
remove_unit(const struct gp_postfix *p, const char *unit)
{
	static const char *const reload[] = { "systemctl", "daemon-reload",
		NULL };
	const char *path = unit_path(p, unit);
	struct gp_small_file file;

	if (gp_small_file_read(p->arena, path, UNIT_MAX, &file, NULL) ==
		GP_OK &&
	    gp_str_starts_nocase(file.text, GP_STR(GP_POSTFIX_MOUNT_MARK)) &&
	    unlink(path) == 0)
		(void)!call(reload, NULL);
}

static enum gp_rc
start_unit(const struct gp_postfix *p, const char *unit, struct gp_str text,
    struct gp_err *err)
{
	enum gp_rc rc = GP_OK;

	if (strcmp(unit, SHIPPED) != 0)
		rc = make_unit(p, unit, text, err);
	if (rc == GP_OK)
		rc = manage("enable", unit, err);
	if (rc != GP_OK)
		remove_unit(p, unit);
	return rc;
}

enum gp_rc
gp_postfix_mount(const struct gp_postfix *p, const char *runtime_dir,
    const char **unit, struct gp_err *err)
{
	struct gp_buf name, text;
	enum gp_rc rc = GP_NONE;

	gp_buf_init(&name, SIZE_MAX);
	gp_buf_init(&text, UNIT_MAX);
	gp_postfix_mount_name(p->queue_dir, runtime_dir, &name);
	*unit = gp_arena_strdup(p->arena, gp_buf_cstr(&name));
	if (access("/run/systemd/system", F_OK) == 0 &&
	    gp_postfix_mount_text(p->queue_dir, runtime_dir, &text, NULL) ==
		GP_OK)
		rc = start_unit(p, *unit, gp_buf_str(&text), err);
	else
		(void)gp_fail(err, rc,
		    "smtpd or cleanup is chrooted in %s: show the sockets "
		    "there, and at each start (/etc/fstab): mount -B --mkdir "
		    "%s %s%s; or set chroot to n in master.cf (postconf -F "
		    "'*/*/chroot')",
		    p->queue_dir, runtime_dir, p->queue_dir, runtime_dir);
	gp_buf_clear(&name);
	gp_buf_clear(&text);
	return rc;
}

enum gp_rc
gp_postfix_unmount(const struct gp_postfix *p, const char *unit,
    struct gp_err *err)
{
	enum gp_rc rc = manage("disable", unit, err);

	remove_unit(p, unit);
	return rc;
}
