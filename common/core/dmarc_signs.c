/* See dmarc_signs.h. */
#include "core/dmarc_signs.h"

#include "core/domain.h"

#include <string.h>

#define DAY_S 86400

static bool
has_client(const struct gp_prefixes *list, const struct gp_ip *client)
{
	for (size_t i = 0; i < list->n; i++)
		if (gp_prefix_has(&list->v[i], client))
			return true;
	return false;
}

/* -- signs ------------------------------------------------------------- */

static bool
has_broken(const struct gp_dmarc_inputs *in, const char *author)
{
	for (size_t i = 0; i < in->n_signatures; i++) {
		const struct gp_dmarc_signature *s = &in->signatures[i];

		if (s->domain != NULL &&
		    gp_str_eq_nocase(s->result, GP_STR("fail")) &&
		    (strcmp(s->domain, author) == 0 ||
			gp_domain_is_below(s->domain, author) ||
			gp_domain_is_below(author, s->domain)))
			return true;
	}
	return false;
}

struct gp_dmarc_signs
gp_dmarc_signs_find(const struct gp_config *config,
    const struct gp_dmarc_mail *mail, const struct gp_dmarc_inputs *in)
{
	const struct gp_trust_policy *trust = &gp_config_globals(config)->trust;

	return (struct gp_dmarc_signs){
		.own_domain =
		    gp_policy_for(config, mail->author)->domain != NULL,
		.list = gp_header_count(mail->header, GP_STR("List-Id")) > 0 ||
		        gp_header_count(mail->header, GP_STR("List-Post")) > 0,
		.broken_aligned = has_broken(in, mail->author),
		.forwarder = has_client(&trust->forwarders, mail->client),
	};
}

/* -- overrides --------------------------------------------------------- */

static bool
has_author(const struct gp_strings *from, const char *author)
{
	for (size_t i = 0; i < from->n; i++)
		if (gp_domain_matches(author, from->v[i]))
			return true;
	return false;
}

static bool
has_field(const struct gp_strings *names, const struct gp_header *header)
{
	for (size_t i = 0; i < names->n; i++)
		if (gp_header_count(header, gp_str(names->v[i])) > 0)
			return true;
	return false;
}

const struct gp_override_policy *
gp_dmarc_override_find(const struct gp_globals *globals,
    const struct gp_dmarc_mail *mail, int64_t now_s)
{
	const struct gp_overrides *all = &globals->overrides;

	for (size_t i = 0; mail->author != NULL && i < all->n; i++) {
		const struct gp_override_policy *o = &all->v[i];

		if ((o->until_s == 0 || now_s < o->until_s + DAY_S) &&
		    (o->from.n == 0 || has_author(&o->from, mail->author)) &&
		    (o->clients.n == 0 ||
			has_client(&o->clients, mail->client)) &&
		    (o->header.n == 0 || has_field(&o->header, mail->header)))
			return o;
	}
	return NULL;
}
