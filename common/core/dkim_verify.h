/*
 * dkim_verify - which signatures to check, and what each step says of them.
 *
 * Sans-I/O: the shell keeps the header, hashes the body as `checks` asks,
 * looks up the keys it names, does the cryptography, and feeds each outcome
 * back.  A signature is on its own from the first step to the last: what is
 * wrong with one never touches another.
 *
 * Source:   RFC 6376 sections 5.4, 6 and 8; RFC 8301; RFC 8463; RFC 8601
 *           section 2.7.1.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_DKIM_VERIFY_H
#define GP_CORE_DKIM_VERIFY_H

#include "core/authres.h"
#include "core/dkim_key.h"
#include "core/dkim_result.h"
#include "core/dkim_sig.h"
#include "core/dnsmsg.h"
#include "core/limits.h"
#include "core/logfmt.h"
#include "core/policy.h"
#include "core/verdict.h"

/* One signature under check. */
struct gp_dkim_check {
	const struct gp_field *field;
	struct gp_dkim_sig sig;
	bool decided; /* result and reason stand */
	enum gp_dkim_result result;
	const char *reason; /* clause for the report; NULL with PASS */
	bool testing;       /* t=y of its key: never refused for it */
	bool tail_unsigned; /* l= is short of the body, and must not be */
	struct gp_dkim_key_record record; /* when its key is known */
	unsigned bits;                    /* of its key; 0: not known */
	bool unjudged; /* the second engine could not be asked about it */
};

struct gp_dkim_checks {
	size_t n;
	struct gp_dkim_check *v; /* as in the message, from the top */
	size_t ignored;          /* signatures beyond the bound */
};

/*
 * gp_dkim_checks_begin - choose at most how->max_signatures of the fields
 * named DKIM-Signature: when there are more, those whose d= is `author` or
 * related to it by being above or below come first, then those on top.  `h`
 * must outlive `out`.  `author`: the Author Domain, NULL for none.
 *
 * Decided at once: malformed ones (permerror), rsa-sha1 (policy), expired and
 * future ones (permerror, GP_DKIM_DRIFT_S allowed), all of them when the
 * message has not exactly one From field or h->over (permerror), and one that
 * leaves a second instance of a field unsigned which may stand once and of
 * which it signs one (policy; RFC 6376 8.15): Subject, Date, To, Cc, Reply-To,
 * Sender, Message-ID, MIME-Version, Content-Type, Content-Transfer-Encoding.
 */
void gp_dkim_checks_begin(const struct gp_header *h, const char *author,
    const struct gp_dkim_checking *how, int64_t now_s, struct gp_arena *arena,
    struct gp_dkim_checks *out);

/* gp_dkim_question - the name of its key: "s._domainkey.d", type TXT.
 * GP_NONE when that is no name that can be asked: the check is decided. */
GP_MUST_USE enum gp_rc
gp_dkim_question(struct gp_dkim_check *c, struct gp_dns_question *q);

/*
 * gp_dkim_feed_key - what DNS said.  GP_TEMP: temperror.  None, no key record
 * among the answers, several of them, broken, revoked (empty p=), a type that
 * a= does not use, h= without sha256, s= without email, t=s with i= below d=:
 * permerror.  RSA under how->min_rsa_bits: policy.  Else c->record.key is the
 * key to verify with.
 */
void gp_dkim_feed_key(struct gp_dkim_check *c, const struct gp_dns_answer *a,
    const struct gp_dkim_checking *how, struct gp_arena *arena);

/*
 * gp_dkim_feed_body - the canonical body's length and the hash of as much of
 * it as l= says.  Another hash: fail.  l= beyond the body: permerror.  l=
 * short of it: when the signature fits, the result will be policy, but with
 * how->body_length = pass.
 */
void gp_dkim_feed_body(struct gp_dkim_check *c, uint64_t total,
    const uint8_t hash[GP_DKIM_HASH_BYTES], const struct gp_dkim_checking *how);

/* gp_dkim_feed_signature - the last step: pass (or policy, see above), or
 * fail. */
void gp_dkim_feed_signature(struct gp_dkim_check *c, bool good);

/* gp_dkim_settle - settle one from outside (the second engine); nothing when it
 * is decided.  `reason` lives as long as the check. */
void gp_dkim_settle(struct gp_dkim_check *c, enum gp_dkim_result result,
    const char *reason);

/*
 * gp_dkim_overall - one result for the message: pass when one passes, else
 * temperror when one may pass later, else the first of policy, fail,
 * permerror that there is; none without signatures.  `*which` is the check
 * that it is from, or NULL.
 */
enum gp_dkim_result gp_dkim_overall(const struct gp_dkim_checks *cs,
    const struct gp_dkim_check **which);

/*
 * gp_dkim_decide - the verdict by how->on[overall] and how->mode; a result
 * that comes from a key in test mode (t=y) is only tagged (RFC 6376 3.6.1).
 * 550 5.7.20 (no passing signature), 451 4.7.5 (key not available now);
 * `why` is the option: "dkim.fail" ... (RFC 7372 section 3.1).
 */
struct gp_verdict gp_dkim_decide(const struct gp_dkim_checks *cs,
    const struct gp_dkim_checking *how, struct gp_arena *arena);

/*
 * gp_dkim_authres - one result a signature, in `arena`: reason when it is no
 * pass, header.d, header.s, header.a, and header.b with the first 8 characters
 * of b=, or as many more as tell it from the others; what could not be read
 * is left out.  dkim=none without signatures.  ar->id is the caller's.
 */
void gp_dkim_authres(const struct gp_dkim_checks *cs, struct gp_arena *arena,
    struct gp_authres *ar);

/* gp_dkim_describe - " dkim=pass d=... s=... signatures=2" for the log. */
void gp_dkim_describe(const struct gp_dkim_checks *cs, struct gp_logline *line);

#endif
