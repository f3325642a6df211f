/*
 * key_ask - what DNS has of a key: by the resolver, and from each of the
 * name servers of the zone.
 */
#ifndef GP_CTL_KEY_ASK_H
#define GP_CTL_KEY_ASK_H

#include "ctl/key.h"
#include "io/dns_authority.h"

/* ctl_key_resolver - as ctl_dns_open; it lives as long as the call. */
int ctl_key_resolver(struct ctl_key_call *call, struct gp_dns **out);

/* ctl_key_ask - the record, as that resolver has it. */
void ctl_key_ask(struct ctl_key_call *call, struct gp_dns *dns,
    const char *domain, const struct gp_key_policy *key,
    const struct gp_dkim_public *public, struct gp_dkim_published *out);

/* One server, and what it has. */
struct ctl_key_server {
	const char *name;    /* "ns1.example.com"; "" when only the address is
	                      * known */
	const char *address; /* "192.0.2.53:53"; of --zone the file */
	bool counts;         /* false: no answer, but another address of the
	                      * same server gave one */
	struct gp_dkim_published published;
};

struct ctl_key_servers {
	const char *record;  /* its name, behind aliases */
	struct gp_dns *zone; /* of --zone, asked instead of them; or NULL */
	size_t n;
	struct ctl_key_server *v;
};

/* ctl_key_servers - who is to be asked for this key.  Returns 0, 1, 64, 75. */
int ctl_key_servers(struct ctl_key_call *call, const struct gp_key_policy *key,
    struct ctl_key_servers *out);

/* ctl_key_ask_all - ask each of them at once, and compare. */
void ctl_key_ask_all(struct ctl_key_call *call,
    const struct gp_dkim_public *public, struct ctl_key_servers *servers);

/* ctl_key_everywhere - does each server that counts have the key? */
bool ctl_key_everywhere(const struct ctl_key_servers *servers);

/* ctl_key_told - has each that counts answered? */
bool ctl_key_told(const struct ctl_key_servers *servers);

/* ctl_key_print_servers - a line for each. */
void ctl_key_print_servers(const struct ctl *ctl, const char *selector,
    const struct ctl_key_servers *servers);

/* ctl_key_keep - until when the record of a retired key must stay. */
const char *ctl_key_keep(const struct gp_policy *block,
    const struct gp_key_policy *key, struct gp_arena *arena);

#endif
