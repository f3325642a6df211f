/* See domain.h. */
#include "core/domain.h"

#include "base/xalloc.h"

#include <idn2.h>
#include <string.h>

/* No U-label that fits into an A-label is longer in UTF-8. */
#define ULABEL_BYTES ((size_t)GP_LABEL_MAX * 4)

static bool
is_ascii(struct gp_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] > 0x7f)
			return false;
	return true;
}

static bool
is_label_char(char c)
{
	return gp_is_alnum(c) || c == '-' || c == '_' ||
	       (unsigned char)c > 0x7f;
}

/* Copy in lower case; a label in ASCII is then in its one spelling. */
static enum gp_rc
check_ascii_label(struct gp_str label, char out[GP_LABEL_MAX + 1],
    struct gp_err *err)
{
	if (label.n == 0)
		return gp_fail(err, GP_PERM, "a label of the domain is empty");
	if (label.n > GP_LABEL_MAX)
		return gp_fail(err, GP_PERM,
		    "a label of the domain has %zu octets, more than %d",
		    label.n, GP_LABEL_MAX);
	if (label.p[0] == '-' || label.p[label.n - 1] == '-')
		return gp_fail(err, GP_PERM,
		    "a label of the domain begins or ends with a hyphen");
	for (size_t i = 0; i < label.n; i++) {
		char c = label.p[i];

		if (!is_label_char(c) || (unsigned char)c > 0x7f)
			return gp_fail(err, GP_PERM,
			    "octet 0x%02x can not stand in a domain",
			    (unsigned)(unsigned char)c);
		out[i] = gp_lower(c);
	}
	out[label.n] = '\0';
	return GP_OK;
}

/* Hand one label to libidn2, which wants a C string and allocates. */
static enum gp_rc
to_a_label(struct gp_str label, int flags, char out[GP_LABEL_MAX + 1],
    struct gp_err *err)
{
	char text[ULABEL_BYTES + 1];
	uint8_t *mapped = NULL;
	enum gp_rc rc;
	int idn;

	memcpy(text, label.p, label.n);
	text[label.n] = '\0';
	idn = idn2_lookup_u8((const uint8_t *)text, &mapped, flags);
	if (idn == IDN2_MALLOC)
		gp_out_of_memory();
	if (idn != IDN2_OK)
		return gp_fail(err, GP_PERM,
		    "a label of the domain is not valid in IDNA: %s",
		    idn2_strerror_name(idn));
	rc = check_ascii_label(gp_str((const char *)mapped), out, err);
	idn2_free(mapped);
	return rc;
}

static enum gp_rc
normalize_label(struct gp_str label, char out[GP_LABEL_MAX + 1],
    struct gp_err *err)
{
	if (is_ascii(label)) {
		enum gp_rc rc = check_ascii_label(label, out, err);

		if (rc != GP_OK || !gp_str_starts_nocase(label, GP_STR("xn--")))
			return rc;
		/* Without the round trip emoji labels pass, which IDNA2008
		 * forbids and registries sell; UTS 46 still refuses what
		 * would be mapped to another label. */
		return to_a_label(gp_str(out),
		    IDN2_NONTRANSITIONAL | IDN2_NO_ALABEL_ROUNDTRIP, out, err);
	}
	if (label.n > ULABEL_BYTES)
		return gp_fail(err, GP_PERM,
		    "a label of the domain is longer than %d octets",
		    GP_LABEL_MAX);
	for (size_t i = 0; i < label.n; i++)
		if (!is_label_char(label.p[i]))
			return gp_fail(err, GP_PERM,
			    "octet 0x%02x can not stand in a domain",
			    (unsigned)(unsigned char)label.p[i]);
	return to_a_label(label, IDN2_NONTRANSITIONAL, out, err);
}

static enum gp_rc
normalize(struct gp_str in, char out[GP_DOMAIN_TEXT], struct gp_err *err)
{
	struct gp_str rest = in;
	size_t n = 0;

	if (in.n > 0 && in.p[in.n - 1] == '.')
		rest.n--;
	if (rest.n == 0)
		return gp_fail(err, GP_PERM, "the domain is empty");
	while (rest.p != NULL) {
		struct gp_str label = gp_str_split(&rest, '.');
		char text[GP_LABEL_MAX + 1];
		size_t length;
		enum gp_rc rc = normalize_label(label, text, err);

		if (rc != GP_OK)
			return rc;
		length = strlen(text);
		if (n + (n != 0) + length > GP_DOMAIN_MAX)
			return gp_fail(err, GP_PERM,
			    "the domain is longer than %d octets",
			    GP_DOMAIN_MAX);
		if (n != 0)
			out[n++] = '.';
		memcpy(out + n, text, length);
		n += length;
	}
	out[n] = '\0';
	return GP_OK;
}

enum gp_rc
gp_domain_normalize(struct gp_str in, char out[GP_DOMAIN_TEXT],
    struct gp_err *err)
{
	enum gp_rc rc = normalize(in, out, err);

	if (rc != GP_OK)
		out[0] = '\0';
	return rc;
}

bool
gp_domain_is_below(const char *domain, const char *parent)
{
	size_t n = strlen(domain);
	size_t above = strlen(parent);

	return n > above + 1 && domain[n - above - 1] == '.' &&
	       strcmp(domain + (n - above), parent) == 0;
}

bool
gp_domain_matches(const char *domain, const char *pattern)
{
	return strncmp(pattern, "*.", 2) == 0
	           ? gp_domain_is_below(domain, pattern + 2)
	           : strcmp(domain, pattern) == 0;
}

const char *
gp_domain_parent(const char *domain)
{
	const char *dot = strchr(domain, '.');

	return dot == NULL ? NULL : dot + 1;
}

unsigned
gp_domain_labels(const char *domain)
{
	unsigned labels = 1;

	for (const char *p = domain; (p = strchr(p, '.')) != NULL; p++)
		labels++;
	return labels;
}
