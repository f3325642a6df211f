/* See postfix_place.h. */
#include "io/postfix_place.h"

#include "io/run.h"
#include "io/socket_try.h"

#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRY_MS     5000
#define CALL_MS    30000
#define GROUP_TEXT 65536 /* bytes of one entry of the group database */

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

enum gp_rc
gp_postfix_mount(const struct gp_postfix *p, const char *runtime_dir,
    struct gp_err *err)
{
	static const char *const argv[] = { "systemctl", "enable", "--now",
		GP_POSTFIX_MOUNT, NULL };

	if (access("/run/systemd/system", F_OK) == 0 &&
	    strcmp(runtime_dir, "/run/gatepost") == 0 &&
	    strcmp(p->queue_dir, "/var/spool/postfix") == 0)
		return call(argv, err);
	return gp_fail(err, GP_NONE,
	    "smtpd or cleanup is chrooted in %s: show the sockets there, and "
	    "at each start (/etc/fstab): mount -B --mkdir %s %s%s; or set "
	    "chroot to n in master.cf (postconf -F '*/*/chroot')",
	    p->queue_dir, runtime_dir, p->queue_dir, runtime_dir);
}

enum gp_rc
gp_postfix_unmount(struct gp_err *err)
{
	static const char *const argv[] = { "systemctl", "disable", "--now",
		GP_POSTFIX_MOUNT, NULL };

	return call(argv, err);
}
