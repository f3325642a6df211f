/* See postfix_mount.h. */
#include "core/postfix_mount.h"

#include <string.h>

/* Those that systemd leaves alone in a name. */
static bool
is_plain(char c)
{
	return gp_is_alnum(c) || c == ':' || c == '_' || c == '.';
}

/* Its parts with a "-" between; a "." in front would hide the unit. */
static void
add_path(struct gp_buf *out, const char *path)
{
	struct gp_str rest = gp_str(path);

	while (rest.p != NULL) {
		struct gp_str part = gp_str_split(&rest, '/');

		if (part.n > 0 && out->n > 0)
			gp_buf_addc(out, '-');
		for (size_t i = 0; i < part.n; i++) {
			const char c = part.p[i];

			if (is_plain(c) && (c != '.' || out->n > 0))
				gp_buf_addc(out, c);
			else
				gp_buf_addf(out, "\\x%02x",
				    (unsigned)(unsigned char)c);
		}
	}
}

void
gp_postfix_mount_name(const char *queue_dir, const char *runtime_dir,
    struct gp_buf *out)
{
	struct gp_buf name;

	gp_buf_init(&name, SIZE_MAX);
	add_path(&name, queue_dir);
	add_path(&name, runtime_dir);
	gp_buf_addf(out, "%s.mount", gp_buf_cstr(&name));
	gp_buf_clear(&name);
}

static enum gp_rc
check_folder(const char *dir, struct gp_err *err)
{
	bool plain = dir[0] == '/';

	for (const char *c = dir; *c != '\0'; c++)
		plain = plain && (is_plain(*c) || strchr("/-+@", *c) != NULL);
	return plain ? GP_OK
	             : gp_fail(err, GP_PERM,
			   "%s: no mount unit can be made for that name", dir);
}

enum gp_rc
gp_postfix_mount_text(const char *queue_dir, const char *runtime_dir,
    struct gp_buf *out, struct gp_err *err)
{
	enum gp_rc rc = check_folder(queue_dir, err);

	if (rc == GP_OK)
		rc = check_folder(runtime_dir, err);
	if (rc != GP_OK)
		return rc;
	gp_buf_addf(out,
	    GP_POSTFIX_MOUNT_MARK
	    "[Unit]\n"
	    "Description=gatepost sockets inside %s\n"
	    "Documentation=man:gatepost-postfix(7)\n"
	    "DefaultDependencies=no\n"
	    "ConditionPathIsDirectory=%s\n"
	    "ConditionPathIsDirectory=%s\n"
	    "RequiresMountsFor=%s %s\n"
	    "After=systemd-tmpfiles-setup.service\n"
	    "Before=postfix.service system-postfix.slice umount.target\n"
	    "Conflicts=umount.target\n\n"
	    "[Mount]\n"
	    "What=%s\n"
	    "Where=%s%s\n"
	    "Type=none\n"
	    "Options=bind,nosuid,nodev,noexec\n\n"
	    "[Install]\n"
	    "WantedBy=multi-user.target\n",
	    queue_dir, queue_dir, runtime_dir, queue_dir, runtime_dir,
	    runtime_dir, queue_dir, runtime_dir);
	return GP_OK;
}
