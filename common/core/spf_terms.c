/* See spf_eval.h. */
#include "core/spf_eval.h"

#include <stdio.h>

static enum gp_dns_type
address_type(const struct gp_spf_eval *e)
{
	return e->q.client.family == GP_IP_V6 ? GP_DNS_AAAA : GP_DNS_A;
}

/* -- macros ------------------------------------------------------------ */

static void
got_names(struct gp_spf_eval *e, const struct gp_dns_answer *a)
{
	gp_spf_names_load(&e->names, a, e->arena);
}

static void
got_name_address(struct gp_spf_eval *e, const struct gp_dns_answer *a)
{
	gp_spf_name_judge(e->judged, a, &e->q.client);
}

static void
ask_names(struct gp_spf_eval *e)
{
	char arpa[GP_IP_ARPA];

	gp_spf_ask(e, gp_ip_arpa(&e->q.client, arpa), GP_DNS_PTR, got_names);
}

static void
ask_name_address(struct gp_spf_eval *e, struct gp_spf_name *name)
{
	e->judged = name;
	gp_spf_ask(e, name->name, address_type(e), got_name_address);
}

bool
gp_spf_values_ready(struct gp_spf_eval *e, const struct gp_spf_uses *uses)
{
	struct gp_spf_name *name;

	e->values.domain = gp_spf_top(e)->domain;
	if (!uses->p)
		return true;
	if (!e->names.loaded) {
		ask_names(e);
		return false;
	}
	name = gp_spf_names_pick(&e->names, gp_spf_top(e)->domain, true);
	if (name != NULL && name->state == GP_SPF_NAME_UNKNOWN) {
		ask_name_address(e, name);
		return false;
	}
	e->values.validated = name != NULL ? name->name : "unknown";
	return true;
}

bool
gp_spf_term_target(struct gp_spf_eval *e, const struct gp_spf_term *t,
    char out[GP_DOMAIN_TEXT])
{
	if (t->spec.p != NULL)
		return gp_spf_target_name(t->spec, &e->values, out) == GP_OK;
	(void)snprintf(out, GP_DOMAIN_TEXT, "%s", gp_spf_top(e)->domain);
	return true;
}

/* -- mechanisms -------------------------------------------------------- */

static bool
has_client(const struct gp_spf_eval *e, const struct gp_spf_term *t,
    const struct gp_dns_answer *a)
{
	const struct gp_ip *client = &e->q.client;
	unsigned bits = client->family == GP_IP_V6 ? t->bits6 : t->bits4;

	for (size_t i = 0; a->rc == GP_OK && i < a->n; i++)
		if (gp_ip_in(client, &a->rr[i].ip, bits))
			return true;
	return false;
}

static void
got_address(struct gp_spf_eval *e, const struct gp_dns_answer *a)
{
	if (!gp_spf_temporary(e, a) && !gp_spf_too_void(e, a->rc))
		gp_spf_settle(e, has_client(e, gp_spf_current(e), a));
}

static void
got_existence(struct gp_spf_eval *e, const struct gp_dns_answer *a)
{
	if (!gp_spf_temporary(e, a) && !gp_spf_too_void(e, a->rc))
		gp_spf_settle(e, a->rc == GP_OK);
}

static void
got_host_address(struct gp_spf_eval *e, const struct gp_dns_answer *a)
{
	if (!gp_spf_temporary(e, a) && has_client(e, gp_spf_current(e), a))
		gp_spf_settle(e, true);
}

static void
got_hosts(struct gp_spf_eval *e, const struct gp_dns_answer *a)
{
	char domain[GP_SPF_SHOW];

	if (gp_spf_temporary(e, a) || gp_spf_too_void(e, a->rc))
		return;
	e->hosts.loaded = true;
	if (a->rc != GP_OK)
		return;
	if (a->n > GP_SPF_MX_MAX) {
		gp_spf_stop(e, GP_SPF_PERMERROR,
		    "%s has more than %d mail hosts",
		    gp_spf_show(gp_str(e->question.name), domain),
		    GP_SPF_MX_MAX);
		return;
	}
	for (size_t i = 0; i < a->n; i++)
		if (gp_dns_name_valid(a->rr[i].text))
			e->hosts.name[e->hosts.n++] =
			    gp_arena_dup(e->arena, a->rr[i].text).p;
}

static void
check_mx(struct gp_spf_eval *e, const char *target)
{
	struct gp_spf_hosts *hosts = &e->hosts;

	if (!hosts->loaded)
		gp_spf_ask(e, target, GP_DNS_MX, got_hosts);
	else if (hosts->next < hosts->n)
		gp_spf_ask(e, hosts->name[hosts->next++], address_type(e),
		    got_host_address);
	else
		gp_spf_settle(e, false);
}

static void
check_ptr(struct gp_spf_eval *e, const char *target)
{
	struct gp_spf_name *name;

	if (!e->names.loaded) {
		ask_names(e);
		return;
	}
	/* a void for each term, whoever asked */
	if (gp_spf_too_void(e, e->names.rc))
		return;
	name = gp_spf_names_pick(&e->names, target, false);
	if (name != NULL && name->state == GP_SPF_NAME_UNKNOWN)
		ask_name_address(e, name);
	else
		gp_spf_settle(e, name != NULL);
}

void
gp_spf_check_target(struct gp_spf_eval *e, const struct gp_spf_term *t)
{
	char target[GP_DOMAIN_TEXT];

	/* a name that can not be asked for does not exist */
	if (!gp_spf_term_target(e, t, target))
		gp_spf_settle(e, false);
	else if (t->kind == GP_SPF_TERM_A)
		gp_spf_ask(e, target, address_type(e), got_address);
	else if (t->kind == GP_SPF_TERM_EXISTS)
		gp_spf_ask(e, target, GP_DNS_A, got_existence);
	else if (t->kind == GP_SPF_TERM_MX)
		check_mx(e, target);
	else
		check_ptr(e, target);
}
