/*
 * See record.h.
 *
 *     version  checksum  time  address  policy  outcome  strings ...
 *        1         8       8     1+16      7       5
 *
 * Numbers are big-endian; a string is an octet of length and its octets.
 * Values of enumerations are written as they are, so those of other modules
 * are pinned here.
 */
#include "core/record.h"

#include "base/siphash.h"

#include <string.h>

#define VERSION        2
#define CHECKSUM_BYTES 8
#define HEAD_BYTES     (1 + CHECKSUM_BYTES)

_Static_assert(GP_SPF_SKIPPED == 0 && GP_SPF_NONE == 1 && GP_SPF_NEUTRAL == 2 &&
		   GP_SPF_PASS == 3 && GP_SPF_FAIL == 4 &&
		   GP_SPF_SOFTFAIL == 5 && GP_SPF_TEMPERROR == 6 &&
		   GP_SPF_PERMERROR == 7 && GP_SPF_RESULTS == 8,
    "stored values of SPF results");
_Static_assert(GP_DKIM_NONE == 0 && GP_DKIM_PASS == 1 && GP_DKIM_FAIL == 2 &&
		   GP_DKIM_POLICY == 3 && GP_DKIM_TEMPERROR == 4 &&
		   GP_DKIM_PERMERROR == 5 && GP_DKIM_RESULTS == 6,
    "stored values of DKIM results");
_Static_assert(HEAD_BYTES + 8 + 17 + 7 + 5 + 5 * (1 + GP_DOMAIN_MAX) + 3 +
		       GP_RECORD_DKIM_MAX * (1 + 2 * (1 + GP_DOMAIN_MAX)) <=
		   GP_RECORD_BYTES_MAX,
    "the longest record fits");
_Static_assert(GP_DOMAIN_MAX <= 255 && GP_RECORD_COMMENT_MAX <= GP_DOMAIN_MAX,
    "an octet of length, and the sum above");

/* Against accident, not against somebody: the key is no secret. */
static uint64_t
checksum(const uint8_t *p, size_t n)
{
	static const uint64_t seed[2] = { UINT64_C(0x7265636f72642031),
		UINT64_C(0x67617465706f7374) };

	return gp_siphash(seed, p, n);
}

static uint64_t
get_be64(const uint8_t *p)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 8; i++)
		value = value << 8 | p[i];
	return value;
}

static void
put_be64(uint8_t *p, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++)
		p[i] = (uint8_t)(value >> (56 - 8 * i));
}

/* -- what a member may be, for both directions ---------------------------- */

static bool
is_name(struct gp_str s)
{
	if (s.n > GP_DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!gp_is_print(s.p[i]) || s.p[i] == ' ')
			return false;
	return true;
}

static bool
is_comment(struct gp_str s)
{
	return s.n <= GP_RECORD_COMMENT_MAX && gp_str_is_text(s);
}

static bool
spf_is_good(const struct gp_record *r)
{
	if (r->spf.scope == GP_RECORD_NO_SPF)
		return r->spf.domain.n == 0 && r->spf.result == GP_SPF_SKIPPED;
	return (unsigned)r->spf.scope <= GP_RECORD_HELO &&
	       (unsigned)r->spf.result < GP_SPF_RESULTS &&
	       is_name(r->spf.domain);
}

static bool
dkim_is_good(const struct gp_record *r)
{
	if (r->n_dkim > GP_RECORD_DKIM_MAX)
		return false;
	for (unsigned i = 0; i < r->n_dkim; i++)
		if ((unsigned)r->dkim[i].result >= GP_DKIM_RESULTS ||
		    !is_name(r->dkim[i].domain) ||
		    !is_name(r->dkim[i].selector))
			return false;
	return true;
}

static bool
published_is_good(const struct gp_record *r)
{
	return is_name(r->policy_published.domain) &&
	       (unsigned)r->policy_published.discovery_method <=
	           GP_RECORD_TREEWALK &&
	       (unsigned)r->policy_published.p <= GP_RECORD_P_REJECT &&
	       (unsigned)r->policy_published.sp <= GP_RECORD_P_REJECT &&
	       (unsigned)r->policy_published.np <= GP_RECORD_P_REJECT &&
	       (unsigned)r->policy_published.adkim <= GP_RECORD_STRICT &&
	       (unsigned)r->policy_published.aspf <= GP_RECORD_STRICT;
}

static bool
evaluated_is_good(const struct gp_record *r)
{
	return (unsigned)r->policy_evaluated.result <= GP_RECORD_R_PERMERROR &&
	       (unsigned)r->policy_evaluated.disposition <=
	           GP_RECORD_D_REJECT &&
	       (unsigned)r->policy_evaluated.reason <=
	           GP_RECORD_O_TRUSTED_FORWARDER &&
	       is_comment(r->policy_evaluated.comment);
}

/* The first member that is not as it has to be; NULL: all are. */
static const char *
broken_member(const struct gp_record *r)
{
	if (r->time_s < 0)
		return "time";
	if (r->source_ip.family != GP_IP_UNKNOWN &&
	    r->source_ip.family != GP_IP_V4 && r->source_ip.family != GP_IP_V6)
		return "source_ip";
	if (r->header_from.n == 0 || !is_name(r->header_from))
		return "header_from";
	if (!is_name(r->envelope_from))
		return "envelope_from";
	if (!published_is_good(r))
		return "policy_published";
	if (!evaluated_is_good(r))
		return "policy_evaluated";
	if (!spf_is_good(r))
		return "spf";
	return dkim_is_good(r) ? NULL : "dkim";
}

static size_t
address_bytes(enum gp_ip_family family)
{
	switch (family) {
	case GP_IP_V4:
		return 4;
	case GP_IP_V6:
		return 16;
	case GP_IP_UNKNOWN:
	default:
		return 0;
	}
}

/* -- writing; the bounds above make all of it fit ------------------------- */

static void
put_octet(uint8_t **at, unsigned value)
{
	*(*at)++ = (uint8_t)value;
}

static void
put_str(uint8_t **at, struct gp_str s)
{
	put_octet(at, (unsigned)s.n);
	if (s.n != 0)
		memcpy(*at, s.p, s.n);
	*at += s.n;
}

static void
put_fixed(uint8_t **at, const struct gp_record *r)
{
	const size_t n = address_bytes(r->source_ip.family);

	put_be64(*at, (uint64_t)r->time_s);
	*at += 8;
	put_octet(at, r->source_ip.family);
	memcpy(*at, r->source_ip.b, n);
	*at += n;
	put_octet(at, r->policy_published.discovery_method);
	put_octet(at, r->policy_published.p);
	put_octet(at, r->policy_published.sp);
	put_octet(at, r->policy_published.np);
	put_octet(at, r->policy_published.adkim);
	put_octet(at, r->policy_published.aspf);
	put_octet(at, r->policy_published.testing);
	put_octet(at, r->policy_evaluated.result);
	put_octet(at, r->policy_evaluated.disposition);
	put_octet(at, r->policy_evaluated.dkim);
	put_octet(at, r->policy_evaluated.spf);
	put_octet(at, r->policy_evaluated.reason);
}

enum gp_rc
gp_record_encode(const struct gp_record *r, uint8_t out[GP_RECORD_BYTES_MAX],
    size_t *n, struct gp_err *err)
{
	const char *broken = broken_member(r);
	uint8_t *at = out + HEAD_BYTES;

	*n = 0;
	if (broken != NULL)
		return gp_fail(err, GP_PERM, "record: %s is not what it may be",
		    broken);
	put_fixed(&at, r);
	put_str(&at, r->header_from);
	put_str(&at, r->envelope_from);
	put_str(&at, r->policy_published.domain);
	put_str(&at, r->policy_evaluated.comment);
	put_octet(&at, r->spf.scope);
	put_octet(&at, r->spf.result);
	put_str(&at, r->spf.domain);
	put_octet(&at, r->n_dkim);
	for (unsigned i = 0; i < r->n_dkim; i++) {
		put_octet(&at, r->dkim[i].result);
		put_str(&at, r->dkim[i].domain);
		put_str(&at, r->dkim[i].selector);
	}
	*n = (size_t)(at - out);
	out[0] = VERSION;
	put_be64(out + 1, checksum(out + HEAD_BYTES, *n - HEAD_BYTES));
	return GP_OK;
}

/* -- reading -------------------------------------------------------------- */

struct reader {
	const uint8_t *p;
	size_t n;
	bool failed; /* sticky: asked for more than there is */
};

static const uint8_t *
get_bytes(struct reader *r, size_t n)
{
	const uint8_t *at = r->p;

	if (r->failed || n > r->n) {
		r->failed = true;
		return NULL;
	}
	r->p += n;
	r->n -= n;
	return at;
}

static unsigned
get_octet(struct reader *r)
{
	const uint8_t *at = get_bytes(r, 1);

	return at == NULL ? 0 : *at;
}

static bool
get_bool(struct reader *r)
{
	unsigned value = get_octet(r);

	if (value > 1)
		r->failed = true;
	return value == 1;
}

static struct gp_str
get_str(struct reader *r)
{
	const size_t n = get_octet(r);
	const uint8_t *at = get_bytes(r, n);

	return at == NULL ? gp_str(NULL) : gp_str_n((const char *)at, n);
}

static void
get_address(struct reader *r, struct gp_ip *ip)
{
	const unsigned family = get_octet(r);
	const uint8_t *at;

	if (family == GP_IP_UNKNOWN)
		return;
	if (family != GP_IP_V4 && family != GP_IP_V6) {
		r->failed = true;
		return;
	}
	ip->family = (enum gp_ip_family)family;
	at = get_bytes(r, address_bytes(ip->family));
	if (at != NULL)
		memcpy(ip->b, at, address_bytes(ip->family));
}

static void
get_fixed(struct reader *in, struct gp_record *r)
{
	const uint8_t *at = get_bytes(in, 8);

	/* beyond INT64_MAX is negative, which no record has */
	r->time_s = at == NULL ? -1 : (int64_t)get_be64(at);
	get_address(in, &r->source_ip);
	r->policy_published.discovery_method =
	    (enum gp_record_discovery)get_octet(in);
	r->policy_published.p = (enum gp_record_policy)get_octet(in);
	r->policy_published.sp = (enum gp_record_policy)get_octet(in);
	r->policy_published.np = (enum gp_record_policy)get_octet(in);
	r->policy_published.adkim = (enum gp_record_alignment)get_octet(in);
	r->policy_published.aspf = (enum gp_record_alignment)get_octet(in);
	r->policy_published.testing = get_bool(in);
	r->policy_evaluated.result = (enum gp_record_result)get_octet(in);
	r->policy_evaluated.disposition =
	    (enum gp_record_disposition)get_octet(in);
	r->policy_evaluated.dkim = get_bool(in);
	r->policy_evaluated.spf = get_bool(in);
	r->policy_evaluated.reason = (enum gp_record_override)get_octet(in);
}

static void
get_record(struct reader *in, struct gp_record *r)
{
	get_fixed(in, r);
	r->header_from = get_str(in);
	r->envelope_from = get_str(in);
	r->policy_published.domain = get_str(in);
	r->policy_evaluated.comment = get_str(in);
	r->spf.scope = (enum gp_record_scope)get_octet(in);
	r->spf.result = (enum gp_spf_result)get_octet(in);
	r->spf.domain = get_str(in);
	r->n_dkim = get_octet(in);
	for (unsigned i = 0; i < r->n_dkim && i < GP_RECORD_DKIM_MAX; i++) {
		r->dkim[i].result = (enum gp_dkim_result)get_octet(in);
		r->dkim[i].domain = get_str(in);
		r->dkim[i].selector = get_str(in);
	}
}

enum gp_rc
gp_record_decode(struct gp_str bytes, struct gp_record *out)
{
	struct reader in = { .p = (const uint8_t *)bytes.p, .n = bytes.n };
	const uint8_t *head = get_bytes(&in, HEAD_BYTES);

	*out = (struct gp_record){ 0 };
	if (head == NULL || bytes.n > GP_RECORD_BYTES_MAX ||
	    head[0] != VERSION || get_be64(head + 1) != checksum(in.p, in.n))
		return GP_NONE;
	get_record(&in, out);
	if (!in.failed && in.n == 0 && broken_member(out) == NULL)
		return GP_OK;
	*out = (struct gp_record){ 0 };
	return GP_NONE;
}
