/*
 * spf_macro - macro strings: their syntax, and what they expand to.
 *
 * One reader cuts a string into literal text and macros; the syntax check and
 * the expansion both stand on it, so they cannot disagree.
 *
 * Source:   RFC 7208 section 7 and appendix A (Section 12); RFC 8616 section 4.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_SPF_MACRO_H
#define GP_CORE_SPF_MACRO_H

#include "base/buf.h"
#include "base/ip.h"
#include "core/limits.h"

/* Room for a value from outside in one of our sentences, with the NUL. */
#define GP_SPF_SHOW 128

/*
 * gp_spf_show - `s` as printable US-ASCII; double quotes, backslashes and
 * whatever is not printable become \xHH.  Cut to fit and then marked by "...".
 * Returns `out`.
 */
const char *gp_spf_show(struct gp_str s, char out[GP_SPF_SHOW]);

/* gp_spf_is_ascii - no byte above 127. */
bool gp_spf_is_ascii(struct gp_str s);

/* What a macro string depends on, whatever its case. */
struct gp_spf_uses {
	bool p;     /* %{p}: the client's validated name */
	bool local; /* %{s} or %{l}: the sender's local part */
};

/* Where a macro string stands decides what it may hold. */
enum gp_spf_place {
	GP_SPF_IN_RECORD, /* no space, no %{c} %{r} %{t} */
	GP_SPF_IN_TEXT,   /* explain-string: both are allowed */
};

/*
 * gp_spf_macro_check - is `s` a macro-string (or explain-string)?
 * GP_OK: `*uses` is set.  GP_PERM: err says what is wrong.
 */
GP_MUST_USE enum gp_rc gp_spf_macro_check(struct gp_str s,
    enum gp_spf_place place, struct gp_spf_uses *uses, struct gp_err *err);

/*
 * gp_spf_domain_spec_check - is `s` a domain-spec: a macro-string that ends
 * in a macro or in "." and a top label that is not all digits?
 */
GP_MUST_USE enum gp_rc gp_spf_domain_spec_check(struct gp_str s,
    struct gp_spf_uses *uses, struct gp_err *err);

/* What the macro letters stand for; borrowed. */
struct gp_spf_values {
	struct gp_ip client;       /* i c v */
	struct gp_str local;       /* l s; never empty */
	const char *sender_domain; /* o s */
	const char *domain;        /* d */
	const char *helo;          /* h */
	const char *validated;     /* p */
	const char *receiver;      /* r */
	int64_t now_s;             /* t, seconds since 1970 */
};

/*
 * gp_spf_macro_expand - append the expansion of `s`, which must have passed
 * a check; out->overflow when it does not fit.
 */
void gp_spf_macro_expand(struct gp_str s, const struct gp_spf_values *v,
    struct gp_buf *out);

/*
 * gp_spf_target_name - expand a domain-spec to a name to be asked for: one
 * final dot goes, and labels from the left until 253 bytes are left (RFC 7208
 * section 7.3).
 * GP_OK    `out` is a name that can be asked for.
 * GP_NONE  there can be no such name: an empty or over-long label, or an
 *          expansion beyond all measure.
 */
GP_MUST_USE enum gp_rc gp_spf_target_name(struct gp_str spec,
    const struct gp_spf_values *v, char out[GP_DOMAIN_TEXT]);

#endif
