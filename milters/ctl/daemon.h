/* daemon - status, stats, tail and reload ask several daemons at once. */
#ifndef GP_CTL_DAEMON_H
#define GP_CTL_DAEMON_H

#include "ctl/ctl.h"

#include "io/control_client.h"
#include "io/fleet.h"

#define CTL_NAME_MAX 16

/* Those that were named, or all. */
struct ctl_fleet {
	size_t n;
	bool named; /* on the command line, or by --control */
	struct ctl_member {
		char name[CTL_NAME_MAX];
		char path[GP_FLEET_PATH_MAX]; /* of its control socket */
		bool enabled;                 /* it should run */
	} v[GP_FLEET];
	struct gp_control_ask asks[GP_FLEET]; /* of the last ctl_fleet_ask */
};

/* ctl_fleet_choose - by the words of the command line.  Returns 0, or 64
 * after having said why. */
int ctl_fleet_choose(const struct ctl *ctl, const struct ctl_args *args,
    struct ctl_fleet *fleet);

/* ctl_fleet_ask - all of them at once; ctl_fleet_clear it. */
void
ctl_fleet_ask(struct ctl_fleet *fleet, const char *request, int64_t timeout_ms);
void ctl_fleet_clear(struct ctl_fleet *fleet);

/* ctl_fleet_off - it does not run, and nobody expects it to. */
bool ctl_fleet_off(const struct ctl_fleet *fleet, size_t i);

/* ctl_value - the rest of the line that begins with this key and a blank;
 * p is NULL where there is none. */
struct gp_str ctl_value(struct gp_str text, const char *key);

int ctl_status(const struct ctl *ctl, const struct ctl_args *args);
int ctl_stats(const struct ctl *ctl, const struct ctl_args *args);
int ctl_tail(const struct ctl *ctl, const struct ctl_args *args);

#endif
