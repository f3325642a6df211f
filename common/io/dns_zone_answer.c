/* See dns_zone.h. */
#include "io/dns_zone_data.h"

#include <string.h>

#define NEGATIVE_TTL_S 60

/* The first record at or behind (name, type). */
static size_t
lower_bound(const struct gp_dns_zone *z, const char *name, unsigned type)
{
	const struct gp_dns_zone_record key = { .name = name, .type = type };
	size_t from = 0, to = z->n;

	while (from < to) {
		const size_t middle = from + (to - from) / 2;

		if (gp_dns_zone_order(&z->records[middle], &key) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static bool
name_exists(const struct gp_dns_zone *z, const char *name)
{
	const size_t i = lower_bound(z, name, GP_DNS_TYPE_NOTHING);

	return i < z->n && strcmp(z->records[i].name, name) == 0;
}

/* Whose records answer for `name`: its own, or those of the wildcard right
 * below its closest existing ancestor (RFC 4592 section 3.3.1). */
static bool
name_source(const struct gp_dns_zone *z, const char *name,
    char source[GP_DOMAIN_TEXT + 2])
{
	const char *parent = name;

	memcpy(source, name, strlen(name) + 1);
	if (name_exists(z, name))
		return true;
	while ((parent = strchr(parent, '.')) != NULL) {
		parent++;
		if (!name_exists(z, parent))
			continue;
		memcpy(source, "*.", 2);
		memcpy(source + 2, parent, strlen(parent) + 1);
		return name_exists(z, source);
	}
	source[0] = '*';
	source[1] = '\0';
	return name_exists(z, source);
}

static bool
fault_hits(const struct gp_dns_zone_fault *f, const char *name, unsigned type)
{
	const struct gp_str s = gp_str(name), zone = gp_str(f->name);

	if (f->type != GP_DNS_TYPE_ANY && f->type != type)
		return false;
	if (!f->below)
		return gp_str_eq(s, zone);
	return s.n > zone.n && s.p[s.n - zone.n - 1] == '.' &&
	       gp_str_ends_nocase(s, zone);
}

static void
fault_decide(enum gp_dns_fault_kind kind, struct gp_dns_zone_reply *r)
{
	struct gp_dns_answer *a = &r->answer;

	a->rc = GP_TEMP;
	switch (kind) {
	case GP_DNS_FAULT_SERVFAIL:
		a->why = "SERVFAIL";
		break;
	case GP_DNS_FAULT_REFUSED:
		a->why = "REFUSED";
		break;
	case GP_DNS_FAULT_TIMEOUT:
		a->why = "timeout";
		r->delay_us += GP_DNS_ZONE_TIMEOUT_US;
		break;
	case GP_DNS_FAULT_NXDOMAIN:
		a->rc = GP_NONE;
		a->nxdomain = true;
		break;
	case GP_DNS_FAULT_DELAY:
	case GP_DNS_FAULTS:
		break;
	}
}

/* True when a fault decides the answer: the first one that is no delay. */
static bool
apply_faults(const struct gp_dns_zone *z, const char *name, unsigned type,
    struct gp_dns_zone_reply *r)
{
	bool decided = false;

	for (size_t i = 0; i < z->n_faults; i++) {
		const struct gp_dns_zone_fault *f = &z->faults[i];

		if (!fault_hits(f, name, type))
			continue;
		r->delay_us += f->delay_us;
		if (f->kind != GP_DNS_FAULT_DELAY && !decided) {
			fault_decide(f->kind, r);
			decided = true;
		}
	}
	return decided;
}

static void
ttl_lower(struct gp_dns_answer *a, uint32_t ttl_s)
{
	if (a->ttl_s > ttl_s)
		a->ttl_s = ttl_s;
}

/* Fills in the records of (source, type); false when there are none. */
static bool
take_records(const struct gp_dns_zone *z, const char *source, unsigned type,
    struct gp_dns_answer *a)
{
	const size_t first = lower_bound(z, source, type);
	size_t n = 0;

	while (first + n < z->n && z->records[first + n].type == type &&
	       strcmp(z->records[first + n].name, source) == 0) {
		ttl_lower(a, z->records[first + n].ttl_s);
		n++;
	}
	if (n == 0)
		return false;
	a->rr = &z->rr[first];
	a->n = n;
	return true;
}

static void
temporary(struct gp_dns_answer *a, const char *why)
{
	*a = (struct gp_dns_answer){ .rc = GP_TEMP, .why = why };
}

struct gp_dns_zone_reply
gp_dns_zone_answer(const struct gp_dns_zone *z, const struct gp_dns_question *q)
{
	struct gp_dns_zone_reply r = { .answer.ttl_s = GP_DNS_TTL_MAX_S };
	struct gp_dns_answer *a = &r.answer;
	char source[GP_DOMAIN_TEXT + 2];
	const char *name = q->name;

	for (unsigned link = 0; link <= GP_DNS_CNAME_MAX; link++) {
		struct gp_dns_answer cname = { .ttl_s = a->ttl_s };

		if (apply_faults(z, name, q->type, &r)) {
			ttl_lower(a, a->rc == GP_TEMP ? 0 : NEGATIVE_TTL_S);
			return r;
		}
		a->nxdomain = !name_source(z, name, source);
		if (!a->nxdomain && take_records(z, source, q->type, a)) {
			if (a->n > GP_DNS_RRS_MAX)
				temporary(a, "too large");
			return r;
		}
		if (a->nxdomain ||
		    !take_records(z, source, GP_DNS_CNAME, &cname)) {
			a->rc = GP_NONE;
			ttl_lower(a, NEGATIVE_TTL_S);
			return r;
		}
		a->ttl_s = cname.ttl_s;
		name = z->records[cname.rr - z->rr].target;
	}
	temporary(a, "CNAME chain too long");
	return r;
}

bool
gp_dns_zone_delays(const struct gp_dns_zone *z)
{
	for (size_t i = 0; i < z->n_faults; i++)
		if (z->faults[i].kind == GP_DNS_FAULT_DELAY ||
		    z->faults[i].kind == GP_DNS_FAULT_TIMEOUT)
			return true;
	return false;
}
