/*
 * finding - what an examination found: a light, what it is about, and what to
 * do.  `gatepost check`, `doctor`, `postfix status` and `import` speak in
 * these.
 *
 * Purity:   pure.
 * Threads:  one list, one thread at a time.
 */
#ifndef GP_CORE_FINDING_H
#define GP_CORE_FINDING_H

#include "base/arena.h"
#include "core/policy.h"

enum gp_light { GP_GREEN, GP_YELLOW, GP_RED };

struct gp_finding {
	enum gp_light light;
	const char *topic;   /* "dkim", "dns", "socket": a word of ours */
	const char *subject; /* domain, selector, path; "" for none */
	const char *what;    /* a clause without a full stop */
	const char *remedy;  /* what mends it, exactly: a command, a record, a
	                      * line of a file; NULL: nothing to do */
	struct gp_origin where; /* file NULL: no place in the policy */
};

struct gp_findings {
	struct gp_arena *arena;
	size_t n, cap;
	struct gp_finding *v;
};

/* gp_findings_init - an empty list in `arena`. */
void gp_findings_init(struct gp_findings *f, struct gp_arena *arena);

/* gp_findings_add - `topic` is a constant; the rest is copied.  The finding
 * may be changed until the next one is added. */
struct gp_finding *
gp_findings_add(struct gp_findings *f, enum gp_light light, const char *topic,
    const char *subject, const char *fmt, ...) GP_PRINTF(5, 6);

/* gp_findings_remedy - of the finding that was added last. */
void
gp_findings_remedy(struct gp_findings *f, const char *fmt, ...) GP_PRINTF(2, 3);

/* gp_findings_worst - GP_GREEN of an empty list. */
enum gp_light gp_findings_worst(const struct gp_findings *f);

const char *gp_light_name(enum gp_light light); /* "green" ... */

#endif
