/*
 * postfix_mount - the mount unit that shows the sockets' folder inside the root
 * folder of a Postfix instance.  Of the default one it is shipped; for others
 * it is made of the same text.
 *
 * Source:   systemd.unit(5), "String escaping for inclusion in unit names";
 *           systemd.mount(5).
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_POSTFIX_MOUNT_H
#define GP_CORE_POSTFIX_MOUNT_H

#include "base/buf.h"
#include "base/err.h"

/* The first line of a unit that was made. */
#define GP_POSTFIX_MOUNT_MARK                                                  \
	"# Made by \"gatepost postfix enable\"; \"disable\" removes it.\n"

/* gp_postfix_mount_name - append the name that systemd wants for a mount on
 * queue_dir/runtime_dir: "var-spool-postfix\x2dout-run-gatepost.mount". */
void gp_postfix_mount_name(const char *queue_dir, const char *runtime_dir,
    struct gp_buf *out);

/* gp_postfix_mount_text - append the unit.  GP_PERM: a folder is not absolute,
 * or has a character that means something else in a unit. */
GP_MUST_USE enum gp_rc gp_postfix_mount_text(const char *queue_dir,
    const char *runtime_dir, struct gp_buf *out, struct gp_err *err);

#endif
