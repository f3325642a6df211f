/* See dmarc_input.h. */
#include "core/dmarc_input.h"

#include "core/domain.h"

/* The property as a domain name; NULL when it is absent or none. */
static const char *
domain_of(const struct gp_authres_result *r, const char *ptype,
    const char *property, struct gp_arena *arena)
{
	const struct gp_authres_prop *p =
	    gp_authres_prop_find(r, ptype, property);
	char name[GP_DOMAIN_TEXT];

	if (p == NULL || gp_domain_normalize(p->value, name, NULL) != GP_OK)
		return NULL;
	return gp_arena_strdup(arena, name);
}

static void
take_spf(const struct gp_authres_result *r, bool null_sender,
    struct gp_arena *arena, struct gp_dmarc_inputs *out)
{
	const char *property = null_sender ? "helo" : "mailfrom";
	const bool of_helo = gp_authres_prop_find(r, "smtp", "helo") != NULL;

	out->spf_seen = true;
	if (out->spf_result.n > 0 || (of_helo && !null_sender))
		return;
	out->spf_result = r->result;
	out->spf_domain = domain_of(r, "smtp", property, arena);
	if (gp_str_eq_nocase(r->result, GP_STR("pass")))
		out->spf_pass = out->spf_domain;
	else if (gp_str_eq_nocase(r->result, GP_STR("temperror")))
		out->spf_open = out->spf_domain;
}

static void
take_dkim(const struct gp_authres_result *r, struct gp_arena *arena,
    struct gp_dmarc_inputs *out)
{
	const struct gp_authres_prop *s =
	    gp_authres_prop_find(r, "header", "s");
	struct gp_dmarc_signature *sig;

	out->dkim_seen = true;
	if (out->n_signatures == GP_DMARC_SIGNATURES_MAX ||
	    gp_str_eq_nocase(r->result, GP_STR("none")))
		return;
	sig = &out->signatures[out->n_signatures++];
	sig->result = r->result;
	sig->domain = domain_of(r, "header", "d", arena);
	if (s != NULL)
		sig->selector = s->value;
	if (sig->domain == NULL)
		return;
	if (gp_str_eq_nocase(r->result, GP_STR("pass")))
		out->dkim_pass[out->n_dkim_pass++] = sig->domain;
	else if (gp_str_eq_nocase(r->result, GP_STR("temperror")))
		out->dkim_open[out->n_dkim_open++] = sig->domain;
}

void
gp_dmarc_inputs_read(const struct gp_authres *fields, size_t n,
    bool null_sender, struct gp_arena *arena, struct gp_dmarc_inputs *out)
{
	*out = (struct gp_dmarc_inputs){
		.signatures = gp_arena_alloc(arena,
		    GP_DMARC_SIGNATURES_MAX * sizeof(*out->signatures)),
		.dkim_pass = gp_arena_alloc(arena,
		    GP_DMARC_SIGNATURES_MAX * sizeof(*out->dkim_pass)),
		.dkim_open = gp_arena_alloc(arena,
		    GP_DMARC_SIGNATURES_MAX * sizeof(*out->dkim_open)),
	};
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < fields[i].n; j++) {
			const struct gp_authres_result *r =
			    &fields[i].result[j];

			if (gp_str_eq_nocase(r->method, GP_STR("spf")))
				take_spf(r, null_sender, arena, out);
			else if (gp_str_eq_nocase(r->method, GP_STR("dkim")))
				take_dkim(r, arena, out);
		}
	}
}

const char *
gp_dmarc_inputs_missing(const struct gp_dmarc_inputs *in)
{
	if (in->spf_seen && in->dkim_seen)
		return NULL;
	if (in->dkim_seen)
		return "no results of gatepost-spf";
	return in->spf_seen ? "no results of gatepost-dkim"
	                    : "no results of gatepost-spf and gatepost-dkim";
}
