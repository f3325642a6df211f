/*
 * fleet - the daemons of this host: their names, their sockets, and which of
 * them should run.
 *
 * Blocking: the file system.
 * Threads:  any.
 */
#ifndef GP_IO_FLEET_H
#define GP_IO_FLEET_H

#include <stdbool.h>

#define GP_FLEET 4

#define GP_FLEET_RUNTIME_DIR "/run/gatepost"
#define GP_FLEET_PATH_MAX    512 /* bytes of a path, with its NUL */

/* What listens in a daemon's folder. */
#define GP_FLEET_CONTROL "control.sock" /* for its owner and root: all */
#define GP_FLEET_STATS   "stats.sock"   /* for its group, too: ping, stats */

extern const char *const gp_fleet[GP_FLEET]; /* "spf", "dkim" ... */

/* gp_fleet_path - "RUNTIME_DIR/NAME/FILE"; what is too long is cut. */
void gp_fleet_path(const char *runtime_dir, const char *name, const char *file,
    char out[GP_FLEET_PATH_MAX]);

/*
 * gp_fleet_enabled - should this daemon run?  It should where its folder is
 * in RUNTIME_DIR: it runs, or has left without tidying up; and, for the
 * folder of the system, where systemd starts it with the host.
 */
bool gp_fleet_enabled(const char *runtime_dir, const char *name);

#endif
