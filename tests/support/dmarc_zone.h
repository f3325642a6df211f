/*
 * dmarc_zone - an evaluation of core/dmarc over a few lines of text.
 *
 * A zone is lines "NAME TEXT": a TXT record, or "!temp" or "!perm" (DNS gives
 * no answer), or "." (the name exists and has none).  A name above one that is
 * there exists too.
 */
#ifndef GP_TESTS_DMARC_ZONE_H
#define GP_TESTS_DMARC_ZONE_H

#include "core/dmarc.h"

struct dmarc_zone {
	const char *text;
	const char *author, *spf; /* spf NULL: none */
	const char *dkim;         /* names with blanks between */
	enum gp_dmarc_discovery how;
	bool every;
	unsigned asked; /* out: questions */
};

/* dmarc_zone_evaluate - by public suffix list: com, example, bank and co.uk.
 * The outcome lives in `arena`. */
const struct gp_dmarc_outcome *
dmarc_zone_evaluate(struct gp_arena *arena, struct dmarc_zone *z);

#endif
