/* See dnsmsg.h. */
#include "core/dnsmsg.h"

static const struct {
	enum gp_dns_type type;
	const char *name;
} types[] = {
	{ GP_DNS_A, "A" },
	{ GP_DNS_NS, "NS" },
	{ GP_DNS_CNAME, "CNAME" },
	{ GP_DNS_PTR, "PTR" },
	{ GP_DNS_MX, "MX" },
	{ GP_DNS_TXT, "TXT" },
	{ GP_DNS_AAAA, "AAAA" },
};

#define TYPES (sizeof(types) / sizeof(types[0]))

const char *
gp_dns_type_name(enum gp_dns_type type)
{
	for (size_t i = 0; i < TYPES; i++)
		if (types[i].type == type)
			return types[i].name;
	return "?";
}

enum gp_rc
gp_dns_type_parse(struct gp_str s, enum gp_dns_type *out)
{
	for (size_t i = 0; i < TYPES; i++) {
		if (!gp_str_eq_nocase(s, gp_str(types[i].name)))
			continue;
		*out = types[i].type;
		return GP_OK;
	}
	return GP_NONE;
}

bool
gp_dns_name_valid(struct gp_str name)
{
	struct gp_str rest = name;

	if (name.n == 0 || name.n > GP_DOMAIN_MAX ||
	    gp_str_find(name, '\0') != name.n)
		return false;
	while (rest.p != NULL) {
		struct gp_str label = gp_str_split(&rest, '.');

		if (label.n == 0 || label.n > GP_LABEL_MAX)
			return false;
	}
	return true;
}
