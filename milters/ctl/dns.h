/*
 * dns - the resolver that a subcommand asks: the policy's, another one
 * (--resolver ADDRESS[:PORT]), or a zone text (--zone FILE).
 */
#ifndef GP_CTL_DNS_H
#define GP_CTL_DNS_H

#include "ctl/ctl.h"

#include "io/dns.h"

/* The rows for a table of options. */
#define CTL_DNS_OPTIONS                                                        \
	{ "--resolver", "ADDRESS[:PORT]", "ask this name server" },            \
	{                                                                      \
		"--zone", "FILE", "ask no one: answers from a zone text"       \
	}

/* ctl_dns_open - as the options say.  Returns 0 with *out (gp_dns_close it), or
 * 64, 65 (the zone text), 69 (no resolver) after having said why. */
int ctl_dns_open(const struct ctl_args *args, const struct gp_config *config,
    struct gp_dns **out);

#endif
