/*
 * milter - a table of event functions becomes a daemon.
 *
 * main.c is the daemon's life: options, policy, sockets, signals, an end
 * within 6 s of SIGTERM.  milter.c is the only file that knows libmilter: it
 * negotiates (a NULL handler becomes SMFIP_NO*, one that never replies
 * SMFIP_NR_*), turns callbacks into session events, and applies effects.
 *
 * Blocking: for the life of the daemon.
 * Threads:  main; libmilter makes its own workers.
 */
#ifndef GP_MTA_MILTER_H
#define GP_MTA_MILTER_H

#include "mta/session.h"

/* gp_milter_main - returns the exit code, one of sysexits.h. */
int gp_milter_main(const struct gp_milter *milter, int argc, char **argv);

#endif
