/*
 * charge - what one message costs at one meter.
 *
 * All charges of a message go to the store in one call, in order, each upon
 * what those before it left; either all that bind fit and all are made, or
 * none is.
 *
 * Purity:   types, no code.
 */
#ifndef GP_CORE_CHARGE_H
#define GP_CORE_CHARGE_H

#include "core/meter.h"

#define GP_CHARGE_KEY_MAX 240  /* octets */
#define GP_CHARGES_MAX    8192 /* of one call */

struct gp_charge {
	struct gp_str key; /* of the meter: printable US-ASCII without blanks,
	                    * 1 to GP_CHARGE_KEY_MAX octets */
	struct gp_meter_rule rule;
	double cost;     /* tokens, over 0 */
	double least;    /* of a debit alone: so much the meter has before it
	                  * takes the cost, which may be 0 then */
	bool watch;      /* it binds nobody: made where it fits, and where it
	                  * does not the others are made all the same */
	int64_t keep_ms; /* unused for so long, the meter may be forgotten */

	/* A second key of the same form; while it is kept in the store the
	 * charge is free.  Empty: none. */
	struct gp_str mark;
	int64_t mark_ms; /* a mark that is set is kept so long */
};

/* What became of it. */
struct gp_charged {
	bool fits;    /* or would, where nothing was made */
	bool free;    /* its mark was there: it cost nothing */
	double level; /* of the meter behind it, or as it is, where nothing was
	               * made */
	int64_t wait_ms; /* until it fits; 0: it does; GP_METER_NEVER */
};

#endif
