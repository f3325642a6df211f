/*
 * spf_eval - the evaluator's state and its steps; for spf*.c alone.
 *
 * check_host() is recursive and may stop at any query.  Here the recursion is
 * a stack of frames (one more for each include), and what would be the rest
 * of a function after a query is the function in `then`.  A term is entered
 * again until it has all that it asked for.
 *
 *     spf.c          frames, records, results; the functions of spf.h
 *     spf_terms.c    the mechanisms that look at a <target-name>
 *     spf_explain.c  the explanation of a fail
 *
 * Source:   RFC 7208 sections 4, 5 and 6.
 * Purity:   pure.
 * Threads:  one evaluation, one thread at a time.
 */
#ifndef GP_CORE_SPF_EVAL_H
#define GP_CORE_SPF_EVAL_H

#include "core/spf.h"
#include "core/spf_macro.h"
#include "core/spf_names.h"
#include "core/spf_record.h"

/* What goes on with an answer. */
typedef void gp_spf_then(struct gp_spf_eval *, const struct gp_dns_answer *);

/* One check_host() in progress. */
struct gp_spf_frame {
	const char *domain;
	struct gp_spf_record record;
	bool has_record;
	size_t next;  /* the term at work */
	bool counted; /* it counts among those that query */
	/* the include or redirect that led here; NULL: the first one */
	const struct gp_spf_term *via;
	const char *via_domain;
};

/* The hosts of the "mx" at work. */
struct gp_spf_hosts {
	bool loaded;
	size_t n, next;
	const char *name[GP_SPF_MX_MAX];
};

struct gp_spf_eval {
	struct gp_arena *arena;
	struct gp_spf_query q;
	struct gp_spf_values values;
	bool local_is_utf8; /* RFC 8616: terms with %{s} %{l} never match */

	bool asking;
	struct gp_dns_question question;
	gp_spf_then *then;

	struct gp_spf_frame stack[GP_SPF_DEPTH_MAX];
	size_t depth; /* of the frame at work */
	struct gp_spf_hosts hosts;
	struct gp_spf_names names;
	struct gp_spf_name *judged; /* whose addresses were asked for */

	/* the innermost match, for the reason */
	const struct gp_spf_term *match;
	const char *match_domain;

	bool explaining; /* the result is known, its explanation is not */
	bool ended;
	struct gp_str explain; /* explain-string; p == NULL: not yet known */
	struct gp_spf_uses explain_uses;
	struct gp_spf_outcome outcome;
};

/* The frame and the term at work. */
static inline struct gp_spf_frame *
gp_spf_top(struct gp_spf_eval *e)
{
	return &e->stack[e->depth];
}

static inline const struct gp_spf_term *
gp_spf_current(struct gp_spf_eval *e)
{
	return &gp_spf_top(e)->record.term[gp_spf_top(e)->next];
}

/* -- spf.c ------------------------------------------------------------- */

/* gp_spf_stop - the check ends with this result, for this reason. */
void gp_spf_stop(struct gp_spf_eval *e, enum gp_spf_result result,
    const char *fmt, ...) GP_PRINTF(3, 4);

/* gp_spf_settle - the term at work matches, or the next one is at work. */
void gp_spf_settle(struct gp_spf_eval *e, bool match);

/* gp_spf_ask - the next question; with none left the check ends. */
void gp_spf_ask(struct gp_spf_eval *e, const char *name, enum gp_dns_type type,
    gp_spf_then *then);

/* gp_spf_temporary - is the answer temporary?  That ends the check. */
bool gp_spf_temporary(struct gp_spf_eval *e, const struct gp_dns_answer *a);

/* gp_spf_too_void - did a term's own look-up end with `rc`, and find nothing
 * for the time too many?  That ends the check.  To be asked once a term. */
bool gp_spf_too_void(struct gp_spf_eval *e, enum gp_rc rc);

/* -- spf_terms.c ------------------------------------------------------- */

/* gp_spf_values_ready - have all values that a macro string needs; false:
 * something was asked for it, come again. */
bool gp_spf_values_ready(struct gp_spf_eval *e, const struct gp_spf_uses *uses);

/* gp_spf_term_target - the <target-name> of a term: the expanded domain-spec,
 * else <domain>.  False: there is no such name. */
bool gp_spf_term_target(struct gp_spf_eval *e, const struct gp_spf_term *t,
    char out[GP_DOMAIN_TEXT]);

/* gp_spf_check_target - a, mx, ptr or exists. */
void gp_spf_check_target(struct gp_spf_eval *e, const struct gp_spf_term *t);

/* -- spf_explain.c ----------------------------------------------------- */

/* gp_spf_explain - one step on the way to the explanation.  Whatever goes
 * wrong there leaves the result as it is, unexplained. */
void gp_spf_explain(struct gp_spf_eval *e);

#endif
