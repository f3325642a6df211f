/*
 * promtext - texts of metrics of several processes made one text.
 *
 * The processes have families in common and tell theirs apart by a label; in
 * one text a family may stand once, with all of its series behind one HELP
 * and one TYPE.
 *
 * Source:   Prometheus text exposition format 0.0.4.
 * Purity:   pure.
 * Threads:  one text, one thread.
 */
#ifndef GP_CORE_PROMTEXT_H
#define GP_CORE_PROMTEXT_H

#include "base/arena.h"
#include "base/buf.h"

#define GP_PROM_FAMILIES_MAX 512

struct gp_prom_family;

struct gp_promtext {
	struct gp_arena *arena; /* borrowed */
	size_t n;
	struct gp_prom_family *families;
};

/* gp_promtext_init - nothing yet; all of it lives in the arena. */
void gp_promtext_init(struct gp_promtext *t, struct gp_arena *arena);

/*
 * gp_promtext_add - the text of one more process, copied.  What is not of the
 * form is left out: a series without its HELP and TYPE, of another name or with
 * octets that are not printable; families past the maximum.
 */
void gp_promtext_add(struct gp_promtext *t, struct gp_str text);

/* gp_promtext_format - append all of it, families in the order of their first
 * appearance. */
void gp_promtext_format(const struct gp_promtext *t, struct gp_buf *out);

/* One series of a text; all spans are within it. */
struct gp_prom_sample {
	struct gp_str name;
	struct gp_str labels; /* between the braces; empty: none */
	struct gp_str value;
};

/* gp_prom_next - the next line of `*rest` that is a series; false: no more. */
bool gp_prom_next(struct gp_str *rest, struct gp_prom_sample *out);

/* gp_prom_label - take the next label off `*labels`; false: there is none.
 * The value is as it stands between its quotes. */
bool
gp_prom_label(struct gp_str *labels, struct gp_str *name, struct gp_str *value);

#endif
