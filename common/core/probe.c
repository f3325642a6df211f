/* See probe.h. */
#include "core/probe.h"

#include "core/seal.h"

/* No filter of ours writes this domain, so a field with it is what we sent. */
#define FORGED   "forged.example.invalid"
#define STRANGER "mx.stranger.invalid"

enum gp_rc
gp_probe_client(const struct gp_trust_policy *trust, struct gp_ip *out)
{
	static const char *const places[] = { "192.0.2.25", "198.51.100.25",
		"203.0.113.25", "2001:db8::25" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		bool known = gp_ip_parse(gp_str(places[i]), out) != GP_OK;

		for (size_t k = 0; k < trust->clients.n; k++)
			known |= gp_prefix_has(&trust->clients.v[k], out);
		for (size_t k = 0; k < trust->forwarders.n; k++)
			known |= gp_prefix_has(&trust->forwarders.v[k], out);
		if (!known)
			return GP_OK;
	}
	return GP_NONE;
}

/* -- the message -------------------------------------------------------- */

static void
add(struct gp_header *h, struct gp_arena *arena, const char *name,
    const char *value)
{
	gp_header_add(h, arena, gp_str(name), gp_str(value));
}

static void
add_forged(struct gp_header *h, struct gp_arena *arena, const char *id)
{
	add(h, arena, GP_AUTHRES_NAME,
	    gp_arena_printf(arena,
		" %s; spf=pass smtp.mailfrom=" FORGED
		"; dkim=pass header.d=" FORGED
		"; dmarc=pass header.from=" FORGED,
		id));
}

void
gp_probe_header(struct gp_header *out, struct gp_arena *arena, const char *id,
    const struct gp_strings *own)
{
	*out = (struct gp_header){ .n = 0 };
	add_forged(out, arena, id);
	for (size_t i = 0; i < own->n; i++)
		add_forged(out, arena, own->v[i]);
	add(out, arena, GP_AUTHRES_NAME,
	    " " STRANGER "; dmarc=pass header.from=example.invalid");
	add(out, arena, "From",
	    " gatepost doctor <gatepost-doctor@example.invalid>");
	add(out, arena, "To", " <gatepost-doctor@example.invalid>");
	add(out, arena, "Subject", " a probe of gatepost doctor");
	add(out, arena, "Date", " Thu, 01 Jan 2026 00:00:00 +0000");
	add(out, arena, "Message-ID", " <gatepost-doctor@example.invalid>");
}

/* -- what became of it -------------------------------------------------- */

static bool
has(struct gp_str s, struct gp_str part)
{
	for (size_t i = 0; i + part.n <= s.n; i++)
		if (gp_str_eq(gp_str_n(s.p + i, part.n), part))
			return true;
	return false;
}

static void
read_result(const struct gp_authres_result *r, struct gp_arena *arena,
    struct gp_probe_found *out)
{
	const struct {
		struct gp_str method;
		const char **result;
	} methods[] = { { GP_STR("spf"), &out->spf },
		{ GP_STR("dkim"), &out->dkim },
		{ GP_STR("dmarc"), &out->dmarc } };

	for (size_t i = 0; i < 3; i++)
		if (gp_str_eq_nocase(r->method, methods[i].method) &&
		    *methods[i].result == NULL)
			*methods[i].result =
			    gp_arena_strndup(arena, r->result.p, r->result.n);
	if (gp_authres_prop_find(r, GP_SEAL_PTYPE, GP_SEAL_PROPERTY) != NULL)
		out->sealed = true;
}

static void
read_field(struct gp_str value, struct gp_arena *arena, const char *id,
    struct gp_probe_found *out)
{
	struct gp_authres ar;

	if (has(value, GP_STR(FORGED))) {
		out->forged++;
		return;
	}
	if (gp_authres_parse(value, arena, &ar, NULL) != GP_OK ||
	    !gp_str_eq_nocase(ar.id, gp_str(id))) {
		out->strangers++;
		return;
	}
	out->ours++;
	for (size_t i = 0; i < ar.n; i++)
		read_result(&ar.result[i], arena, out);
}

void
gp_probe_read(const struct gp_header *h, struct gp_arena *arena, const char *id,
    struct gp_probe_found *out)
{
	*out = (struct gp_probe_found){ .forged = 0 };
	for (size_t i = 0; i < h->n; i++)
		if (gp_str_eq_nocase(h->v[i].name, GP_STR(GP_AUTHRES_NAME)))
			read_field(h->v[i].value, arena, id, out);
}
