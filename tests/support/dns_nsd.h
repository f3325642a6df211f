/*
 * dns_nsd - a real name server, nsd, on loopback for one zone.
 *
 * It runs in the foreground below a new folder in TMPDIR; dns_nsd_stop() ends
 * it by its process id and removes the folder.
 */
#ifndef TESTS_DNS_NSD_H
#define TESTS_DNS_NSD_H

#include <sys/types.h>

struct dns_nsd {
	pid_t pid;
	unsigned port;
	char folder[64];
};

/*
 * dns_nsd_start - serve the zone `name`, `text` in master-file form.  Waits
 * until it answers, at most 10 s.  0: it does; 1: nsd is not installed; -1:
 * it does not, its log is on stderr.
 */
int dns_nsd_start(struct dns_nsd *nsd, const char *name, const char *text);
void dns_nsd_stop(struct dns_nsd *nsd);

#endif
