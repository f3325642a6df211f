/*
 * dns_zone_data - a zone text as it lies in memory.  Internal to io/dns:
 * dns_zone.c writes it, dns_zone_answer.c reads it.
 */
#ifndef GP_IO_DNS_ZONE_DATA_H
#define GP_IO_DNS_ZONE_DATA_H

#include "base/arena.h"
#include "io/dns_zone.h"

/* What a name has when it has only names below it; and, of a fault, all. */
#define GP_DNS_TYPE_NOTHING 0U
#define GP_DNS_TYPE_ANY     0U

enum gp_dns_fault_kind {
	GP_DNS_FAULT_SERVFAIL,
	GP_DNS_FAULT_REFUSED,
	GP_DNS_FAULT_NXDOMAIN,
	GP_DNS_FAULT_TIMEOUT,
	GP_DNS_FAULT_DELAY,
	GP_DNS_FAULTS /* how many */
};

struct gp_dns_zone_fault {
	const char *name; /* without "*." */
	bool below;       /* names below, not the name itself */
	unsigned type;    /* or GP_DNS_TYPE_ANY */
	enum gp_dns_fault_kind kind;
	int64_t delay_us;
};

struct gp_dns_zone_record {
	const char *name; /* lower case */
	unsigned type;    /* or GP_DNS_TYPE_NOTHING */
	unsigned line;
	uint32_t ttl_s;
	const char *target; /* CNAME: as a name to ask for */
	struct gp_dns_rr rr;
};

struct gp_dns_zone {
	struct gp_arena *arena;
	struct gp_dns_zone_record *records; /* by name, type and line */
	struct gp_dns_rr *rr;               /* rr[i] is that of records[i] */
	size_t n;
	struct gp_dns_zone_fault *faults;
	size_t n_faults;
};

/* gp_dns_zone_order - of two records, for qsort(3). */
int gp_dns_zone_order(const void *a, const void *b);

#endif
