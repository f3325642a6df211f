/* See dkim_verify.h. */
#include "core/dkim_verify.h"

#include "base/time.h"
#include "core/domain.h"

#include <stdio.h>
#include <string.h>

static void
decide(struct gp_dkim_check *c, enum gp_dkim_result result, const char *reason)
{
	c->decided = true;
	c->result = result;
	c->reason = result == GP_DKIM_PASS ? NULL : reason;
}

/* -- what the header alone decides ------------------------------------- */

/*
 * Fields that may stand once (RFC 5322 3.6, RFC 2045) and that a reader is
 * shown.  Signatures are made from the last one upwards, so one more on top
 * is what he would see (RFC 6376 8.15).
 */
static const char *const single[] = { "Subject", "Date", "To", "Cc", "Reply-To",
	"Sender", "Message-ID", "MIME-Version", "Content-Type",
	"Content-Transfer-Encoding" };

#define SINGLES (sizeof(single) / sizeof(single[0]))

/* What all signatures of a message are judged by. */
struct message {
	const char *broken;     /* why none of them can be used, or NULL */
	size_t counts[SINGLES]; /* of the fields above */
	int64_t now_s;
};

static const char *
message_broken(const struct gp_header *h)
{
	const size_t froms = gp_header_count(h, GP_STR("From"));

	if (h->over)
		return "header is too large";
	if (froms == 0)
		return "message has no From field";
	if (froms > 1)
		return "message has several From fields";
	return NULL;
}

static size_t
times_signed(const struct gp_dkim_sig *sig, struct gp_str name)
{
	size_t n = 0;

	for (size_t i = 0; i < sig->n_headers; i++)
		if (gp_str_eq_nocase(sig->headers[i], name))
			n++;
	return n;
}

/* A field that stands more often than it is signed, though it is signed;
 * NULL: none. */
static const char *
unsigned_instance(const struct message *m, const struct gp_dkim_sig *sig)
{
	for (size_t i = 0; i < SINGLES; i++) {
		size_t n;

		if (m->counts[i] < 2)
			continue;
		n = times_signed(sig, gp_str(single[i]));
		if (n > 0 && n < m->counts[i])
			return single[i];
	}
	return NULL;
}

static void
judge_alone(struct gp_dkim_check *c, const struct message *m,
    struct gp_arena *arena)
{
	const struct gp_dkim_sig *sig = &c->sig;
	const char *extra;

	if (m->broken != NULL) {
		decide(c, GP_DKIM_PERMERROR, m->broken);
		return;
	}
	if (sig->algorithm == GP_DKIM_RSA_SHA1) {
		decide(c, GP_DKIM_POLICY, "rsa-sha1 is not accepted");
		return;
	}
	if (sig->has_expiry &&
	    m->now_s > gp_time_add(sig->expiry_s, GP_DKIM_DRIFT_S)) {
		decide(c, GP_DKIM_PERMERROR, "signature has expired");
		return;
	}
	if (sig->has_time &&
	    sig->time_s > gp_time_add(m->now_s, GP_DKIM_DRIFT_S)) {
		decide(c, GP_DKIM_PERMERROR, "signature is from the future");
		return;
	}
	extra = unsigned_instance(m, sig);
	if (extra != NULL)
		decide(c, GP_DKIM_POLICY,
		    gp_arena_printf(arena, "a further %s field is not signed",
			extra));
}

/* -- which of them ------------------------------------------------------ */

static bool
is_related(const struct gp_dkim_sig *sig, const char *author)
{
	const char *d = sig->domain;

	if (d == NULL || author == NULL)
		return false;
	return strcmp(d, author) == 0 || gp_domain_is_below(d, author) ||
	       gp_domain_is_below(author, d);
}

/* Leave at most `max` of the checks: those of the author, then from the top;
 * their order stays. */
static void
choose(struct gp_dkim_checks *cs, const char *author, size_t max)
{
	size_t related = 0, others, kept = 0;

	if (cs->n <= max)
		return;
	for (size_t i = 0; i < cs->n; i++)
		related += is_related(&cs->v[i].sig, author);
	if (related > max)
		related = max;
	others = max - related;
	for (size_t i = 0; i < cs->n; i++) {
		size_t *left =
		    is_related(&cs->v[i].sig, author) ? &related : &others;

		if (*left == 0)
			continue;
		--*left;
		cs->v[kept++] = cs->v[i];
	}
	cs->ignored += cs->n - kept;
	cs->n = kept;
}

static void
read_one(struct gp_dkim_check *c, const struct gp_field *field,
    struct gp_arena *arena)
{
	struct gp_err err = { "" };

	*c = (struct gp_dkim_check){ .field = field };
	if (gp_dkim_sig_parse(field->value, arena, &c->sig, &err) != GP_OK)
		decide(c, GP_DKIM_PERMERROR, gp_arena_strdup(arena, err.msg));
}

static void
read_all(const struct gp_header *h, struct gp_arena *arena,
    struct gp_dkim_checks *out)
{
	const struct gp_str name = GP_STR(GP_DKIM_SIGNATURE);
	size_t n = gp_header_count(h, name);

	*out = (struct gp_dkim_checks){ .n = 0 };
	if (n == 0)
		return;
	if (n > GP_DKIM_FIELDS_MAX) {
		out->ignored = n - GP_DKIM_FIELDS_MAX;
		n = GP_DKIM_FIELDS_MAX;
	}
	out->v = gp_arena_alloc(arena, n * sizeof(*out->v));
	for (size_t i = 0; i < h->n && out->n < n; i++)
		if (gp_str_eq_nocase(h->v[i].name, name))
			read_one(&out->v[out->n++], &h->v[i], arena);
}

void
gp_dkim_checks_begin(const struct gp_header *h, const char *author,
    const struct gp_dkim_checking *how, int64_t now_s, struct gp_arena *arena,
    struct gp_dkim_checks *out)
{
	struct message m = { .now_s = now_s };

	read_all(h, arena, out);
	if (out->n == 0)
		return;
	choose(out, author, how->max_signatures);
	m.broken = message_broken(h);
	for (size_t i = 0; i < SINGLES; i++)
		m.counts[i] = gp_header_count(h, gp_str(single[i]));
	for (size_t i = 0; i < out->n; i++)
		if (!out->v[i].decided)
			judge_alone(&out->v[i], &m, arena);
}

/* -- the key ------------------------------------------------------------ */

enum gp_rc
gp_dkim_question(struct gp_dkim_check *c, struct gp_dns_question *q)
{
	int n;

	q->type = GP_DNS_TXT;
	q->name[0] = '\0';
	if (c->sig.selector == NULL || c->sig.domain == NULL)
		return GP_NONE;
	n = snprintf(q->name, sizeof(q->name), "%s._domainkey.%s",
	    c->sig.selector, c->sig.domain);
	if (n > 0 && (size_t)n < sizeof(q->name) &&
	    gp_dns_name_valid(gp_str(q->name)))
		return GP_OK;
	q->name[0] = '\0';
	if (!c->decided)
		decide(c, GP_DKIM_PERMERROR, "name of the key is too long");
	return GP_NONE;
}

/* The one key record of the answers; else the check is decided. */
static bool
take_record(struct gp_dkim_check *c, const struct gp_dns_answer *a,
    struct gp_arena *arena)
{
	struct gp_err err = { "" }, first_err = { "" };
	enum gp_rc found = GP_NONE;

	for (size_t i = 0; i < a->n; i++) {
		struct gp_dkim_key_record record;
		enum gp_rc rc =
		    gp_dkim_key_parse(a->rr[i].text, arena, &record, &err);

		if (rc == GP_NONE)
			continue;
		if (found != GP_NONE) {
			decide(c, GP_DKIM_PERMERROR, "several key records");
			return false;
		}
		found = rc;
		first_err = err;
		if (rc == GP_OK)
			c->record = record;
	}
	if (found == GP_OK)
		return true;
	decide(c, GP_DKIM_PERMERROR,
	    found == GP_NONE ? "no key record for signature"
			     : gp_arena_strdup(arena, first_err.msg));
	return false;
}

/* Why the key may not be used for this signature; NULL: it may. */
static const char *
key_refused(const struct gp_dkim_check *c)
{
	const struct gp_dkim_key_record *r = &c->record;

	if (r->revoked)
		return "key is revoked";
	if (!r->for_email)
		return "key is not for email";
	if (!r->sha256)
		return "key is not for sha256";
	if (c->sig.algorithm == GP_DKIM_ED25519_SHA256 &&
	    r->key.type != GP_DKIM_KEY_ED25519)
		return "key is not of type ed25519";
	if (c->sig.algorithm == GP_DKIM_RSA_SHA256 &&
	    r->key.type != GP_DKIM_KEY_RSA)
		return "key is not of type rsa";
	if (r->strict && strcmp(c->sig.identity, c->sig.domain) != 0)
		return "key is not for i= below d=";
	return NULL;
}

static void
judge_key(struct gp_dkim_check *c, const struct gp_dkim_checking *how,
    struct gp_arena *arena)
{
	const char *refused = key_refused(c);

	c->testing = c->record.testing;
	if (!c->record.revoked)
		c->bits = c->record.key.bits;
	if (refused != NULL) {
		decide(c, GP_DKIM_PERMERROR, refused);
		return;
	}
	if (c->record.key.type == GP_DKIM_KEY_RSA &&
	    c->bits < how->min_rsa_bits)
		decide(c, GP_DKIM_POLICY,
		    gp_arena_printf(arena, "RSA key of %u bits", c->bits));
}

void
gp_dkim_feed_key(struct gp_dkim_check *c, const struct gp_dns_answer *a,
    const struct gp_dkim_checking *how, struct gp_arena *arena)
{
	if (c->decided)
		return;
	switch (a->rc) {
	case GP_OK:
		if (take_record(c, a, arena))
			judge_key(c, how, arena);
		break;
	case GP_NONE:
		decide(c, GP_DKIM_PERMERROR, "no key for signature");
		break;
	case GP_TEMP:
	case GP_PERM:
	default:
		decide(c, GP_DKIM_TEMPERROR,
		    gp_arena_printf(arena, "key not available: %s",
			a->why == NULL ? "no answer" : a->why));
		break;
	}
}

/* -- body and signature -------------------------------------------------- */

void
gp_dkim_feed_body(struct gp_dkim_check *c, uint64_t total,
    const uint8_t hash[GP_DKIM_HASH_BYTES], const struct gp_dkim_checking *how)
{
	const struct gp_dkim_sig *sig = &c->sig;

	if (c->decided)
		return;
	if (sig->has_length && sig->length > total)
		decide(c, GP_DKIM_PERMERROR, "l= is beyond the body");
	else if (memcmp(sig->body_hash, hash, GP_DKIM_HASH_BYTES) != 0)
		decide(c, GP_DKIM_FAIL, "body hash did not verify");
	else if (sig->has_length && sig->length < total &&
		 how->body_length == GP_BODY_LENGTH_POLICY)
		c->tail_unsigned = true;
}

void
gp_dkim_feed_signature(struct gp_dkim_check *c, bool good)
{
	if (!good)
		gp_dkim_settle(c, GP_DKIM_FAIL, "signature did not verify");
	else if (c->tail_unsigned)
		gp_dkim_settle(c, GP_DKIM_POLICY,
		    "l= leaves body text unsigned");
	else
		gp_dkim_settle(c, GP_DKIM_PASS, NULL);
}

void
gp_dkim_settle(struct gp_dkim_check *c, enum gp_dkim_result result,
    const char *reason)
{
	if (!c->decided)
		decide(c, result, reason);
}
