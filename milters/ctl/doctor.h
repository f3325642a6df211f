/*
 * doctor - what the examinations of `gatepost doctor` share.
 *
 * Each looks at one topic and adds findings; none depends on the outcome of
 * another but through struct doctor.
 */
#ifndef GP_CTL_DOCTOR_H
#define GP_CTL_DOCTOR_H

#include "ctl/ctl.h"

#include "core/finding.h"
#include "io/dns.h"

struct doctor_daemon {
	const char *name;   /* "spf" */
	const char *status; /* what it says; NULL: it does not answer */
	const char *why;    /* why not */
	enum gp_rc rc;      /* of asking: GP_OK, GP_TEMP, GP_PERM */
	const char *socket; /* the one in force, or else as configured; NULL:
	                     * unknown */
};

struct doctor {
	const struct ctl *ctl;
	const struct ctl_args *args;
	struct gp_arena *arena; /* until the end */
	struct gp_findings *findings;
	struct gp_config *config; /* NULL: it can not be read */
	struct gp_dns *dns;       /* NULL: not to be had */
	struct doctor_daemon daemons[CTL_DAEMONS];
};

/* ctl_doctor_progress - on a terminal: what takes its time now; NULL: nothing
 * any more. */
void ctl_doctor_progress(const char *what);

/* ctl_doctor_status - the value of a line of a daemon's status, from
 * d->arena; NULL: it has no such line, or the daemon does not answer. */
const char *ctl_doctor_status(const struct doctor *d,
    const struct doctor_daemon *daemon, const char *key);

/* ctl_doctor_ask - every daemon for its status, into d->daemons; adds no
 * finding. */
void ctl_doctor_ask(struct doctor *d);

/* One topic each. */
void ctl_doctor_daemons(struct doctor *d);
void ctl_doctor_chain(struct doctor *d);
void ctl_doctor_domains(struct doctor *d);

#endif
