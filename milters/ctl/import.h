/* import - one call of `gatepost import`. */
#ifndef GP_CTL_IMPORT_H
#define GP_CTL_IMPORT_H

#include "ctl/ctl.h"

#include "io/import_files.h"

struct import {
	const struct ctl *ctl;
	const struct ctl_args *args;
	const char *conf; /* of the other filter */
	struct gp_arena *arena;
	struct gp_import_source source;
	struct gp_import_place place;
	struct gp_import im;
	struct gp_import_override *overrides; /* command line of a service */
	struct gp_findings report;
};

/* ctl_import_beside - /etc/default and systemd's drop-ins; a drop-in may name
 * another file than the usual one. */
void ctl_import_beside(struct import *job);

/* ctl_import_keys - read the private keys; what can not be used is dropped. */
void ctl_import_keys(struct import *job);

/* ctl_import_wipe - forget them. */
void ctl_import_wipe(struct import *job);

/* ctl_import_dns - is the public half of each key published?  Adds to the
 * report. */
void ctl_import_dns(struct import *job, const struct gp_config *config);

/* ctl_import_next - what to do now, in which order. */
void ctl_import_next(const struct import *job);

#endif
