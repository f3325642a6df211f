/* See dmarc_walk.h. */
#include "core/dmarc_walk.h"

#include "core/domain.h"

#include <string.h>

/* Labels that are left when the walk leaps (RFC 9989 4.10, step 4). */
#define LEAP_LABELS 7

void
gp_dmarc_walk_begin(struct gp_dmarc_walk *w, const char *start)
{
	w->start = w->target = start;
	w->n = 0;
}

/* RFC 9989 4.10, steps 3, 4 and 7. */
static const char *
next_target(const char *target)
{
	unsigned labels = gp_domain_labels(target);

	if (labels <= LEAP_LABELS)
		return gp_domain_parent(target);
	for (; labels > LEAP_LABELS; labels--)
		target = gp_domain_parent(target);
	return target;
}

enum gp_rc
gp_dmarc_walk_record(const struct gp_dns_answer *a, struct gp_dmarc_record *out)
{
	struct gp_dmarc_record record;
	size_t n = 0;

	for (size_t i = 0; a->rc == GP_OK && i < a->n; i++)
		if (gp_dmarc_record_parse(a->rr[i].text, &record) == GP_OK &&
		    n++ == 0)
			*out = record;
	return n == 1 ? GP_OK : n == 0 ? GP_NONE : GP_PERM;
}

void
gp_dmarc_walk_feed(struct gp_dmarc_walk *w, const struct gp_dns_answer *a)
{
	struct gp_dmarc_found *f = &w->found[w->n];

	if (gp_dmarc_walk_record(a, &f->record) == GP_OK) {
		f->name = w->target;
		w->n++;
		if (f->record.psd != GP_DMARC_PSD_U) {
			w->target = NULL;
			return;
		}
	}
	w->target = next_target(w->target);
}

/* The name that is one label longer than `parent` on the way to `name`. */
static const char *
one_below(const char *name, const char *parent)
{
	const char *below = name;
	const char *up;

	while (
	    (up = gp_domain_parent(below)) != NULL && strcmp(up, parent) != 0)
		below = up;
	return below;
}

/* RFC 9989 4.10.2: from the longest to the shortest. */
const char *
gp_dmarc_walk_organization(const struct gp_dmarc_walk *w)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct gp_dmarc_found *f = &w->found[i];

		if (f->record.psd == GP_DMARC_PSD_N)
			return f->name;
		if (f->record.psd == GP_DMARC_PSD_Y &&
		    strcmp(f->name, w->start) != 0)
			return one_below(w->start, f->name);
	}
	return w->n > 0 ? w->found[w->n - 1].name : w->start;
}

const struct gp_dmarc_found *
gp_dmarc_walk_policy(const struct gp_dmarc_walk *w)
{
	const char *org = gp_dmarc_walk_organization(w);

	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->found[i].name, org) == 0)
			return &w->found[i];
	/* an organization without a record is below a PSD, and the walk ended
	 * with the PSD's */
	return w->n > 0 ? &w->found[w->n - 1] : NULL;
}
