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
#include "core/milter_list.h"
#include "io/dns.h"
#include "io/postfix_conf.h"

struct doctor_daemon {
	const char *name;   /* "spf" */
	const char *status; /* what it says; NULL: it does not answer */
	const char *why;    /* why not */
	enum gp_rc rc;      /* of asking: GP_OK, GP_TEMP, GP_PERM */
	const char *socket; /* the one in force, or else as configured; NULL:
	                     * unknown */
};

/* A list of milters in the MTA's configuration. */
struct doctor_list {
	const char *service; /* of master.cf, "submission/inet"; NULL: main.cf
	                      */
	const char *name;    /* "smtpd_milters" */
	struct gp_milter_list list;
	int rank[GP_MILTER_LIST_MAX]; /* place in d->daemons; -1: not ours */
};

struct doctor {
	const struct ctl *ctl;
	const struct ctl_args *args;
	struct gp_arena *arena; /* until the end */
	struct gp_findings *findings;
	struct gp_config *config; /* NULL: it can not be read */
	struct gp_dns *dns;       /* NULL: not to be had */
	struct doctor_daemon daemons[CTL_DAEMONS];
	enum gp_rc mta; /* GP_OK: what follows is the Postfix here */
	const char *mta_why;
	struct gp_postfix postfix;
	size_t n_lists;
	struct doctor_list *lists;
	struct gp_strings blocklists; /* --blocklist */
	struct gp_prefixes egress;    /* --egress */
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

/* ctl_doctor_find_mta - Postfix and the lists of milters in it; adds no
 * finding. */
void ctl_doctor_find_mta(struct doctor *d);

/* ctl_doctor_read_ports - is each --smtp of its form?  Returns 0, or 64. */
int ctl_doctor_read_ports(struct doctor *d);

/* One topic each. */
void ctl_doctor_daemons(struct doctor *d);
void ctl_doctor_sockets(struct doctor *d);
void ctl_doctor_postfix(struct doctor *d);
void ctl_doctor_chain(struct doctor *d);
void ctl_doctor_domains(struct doctor *d);
void ctl_doctor_tls(struct doctor *d);
void ctl_doctor_clock(struct doctor *d);
void ctl_doctor_resolver(struct doctor *d);
void ctl_doctor_files(struct doctor *d);

#endif
