/*
 * record_dmarc - what is kept of a message that DMARC was evaluated for.
 *
 * Kept is what a report can be made of: a message with one Author Domain and
 * pass, fail or temperror.  Not kept: one without a policy (there is nobody
 * who asked for a report), one without a single Author Domain (nobody knows
 * whose report it would be in), and one that was answered with "try again":
 * it comes again, and would be counted twice.
 *
 * A temperror before the record was found has no policy_published.domain; the
 * author's is in header_from.
 *
 * Source:   RFC 9990 sections 3.1.1.7 to 3.1.1.14, and 3.1.3 for the choice
 *           of signatures.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_RECORD_DMARC_H
#define GP_CORE_RECORD_DMARC_H

#include "core/dmarc_decide.h"
#include "core/dmarc_input.h"
#include "core/record.h"

/* What came of one message; borrowed. */
struct gp_record_source {
	int64_t time_s;
	const struct gp_ip *client;
	bool null_sender;
	const char *mail_from; /* its domain; NULL: none, or unreadable */
	enum gp_dmarc_discovery discovery;
	const struct gp_dmarc_inputs *inputs;
	const struct gp_dmarc_case *c;
	const struct gp_dmarc_decision
	    *done; /* as gp_dmarc_most_lenient has it */
	const struct gp_verdict *verdict;
};

/*
 * gp_record_of_dmarc - strings are borrowed from `from` or live in `arena`.
 * The record can be encoded: what does not fit a member is left out of it.  Of
 * many signatures those with the best claim are taken.
 * GP_OK; GP_NONE: no record is kept of this message (see above).
 */
GP_MUST_USE enum gp_rc gp_record_of_dmarc(const struct gp_record_source *from,
    struct gp_arena *arena, struct gp_record *out);

#endif
