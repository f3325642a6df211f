/* See mailbox.h. */
#include "core/mailbox.h"

#include <string.h>

static void
append(struct gp_mailboxes *all, const struct gp_mailboxes *more,
    struct gp_arena *arena)
{
	size_t n = more->n;
	struct gp_mailbox *v;

	if (all->n == 0) {
		*all = *more;
		return;
	}
	if (n > GP_MAILBOXES_MAX - all->n)
		n = GP_MAILBOXES_MAX - all->n;
	if (n == 0)
		return;
	v = gp_arena_alloc(arena, (all->n + n) * sizeof(*v));
	memcpy(v, all->v, all->n * sizeof(*v));
	memcpy(v + all->n, more->v, n * sizeof(*v));
	*all = (struct gp_mailboxes){ .n = all->n + n, .v = v };
}

static bool
among(const char *domain, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i], domain) == 0)
			return true;
	return false;
}

static void
find_domains(struct gp_author *a, struct gp_arena *arena)
{
	const char **v = gp_arena_alloc(arena, a->all.n * sizeof(*v));

	for (size_t i = 0; i < a->all.n; i++)
		if (!among(a->all.v[i].domain, v, a->n_domains))
			v[a->n_domains++] = a->all.v[i].domain;
	a->domains = v;
}

/* The outcome of the last From field goes to *rc and `why`. */
static void
read_fields(const struct gp_header *h, struct gp_arena *arena,
    struct gp_author *a, enum gp_rc *rc, struct gp_err *why)
{
	for (size_t i = 0; i < h->n; i++) {
		struct gp_mailboxes more;

		/* a blank before the colon is allowed, RFC 5322 4.5 */
		if (!gp_str_eq_nocase(gp_str_trim(h->v[i].name),
			GP_STR("From")))
			continue;
		a->fields++;
		*rc = gp_mailboxes_parse(h->v[i].value, arena, &more, why);
		append(&a->all, &more, arena);
	}
}

enum gp_rc
gp_author_find(const struct gp_header *h, struct gp_arena *arena,
    struct gp_author *out, struct gp_err *err)
{
	struct gp_err why = { .msg = "" };
	enum gp_rc rc = GP_NONE;

	*out = (struct gp_author){ .fields = 0 };
	read_fields(h, arena, out, &rc, &why);
	find_domains(out, arena);
	if (h->over)
		return gp_fail(err, GP_PERM,
		    "the header is too large to know its From fields");
	if (out->fields == 0)
		return gp_fail(err, GP_NONE, "there is no From field");
	if (out->fields > 1)
		return gp_fail(err, GP_PERM, "there are %zu From fields",
		    out->fields);
	if (rc == GP_NONE)
		return gp_fail(err, GP_NONE, "From has no address: %s",
		    why.msg);
	if (rc != GP_OK)
		return gp_fail(err, GP_PERM, "From can not be read: %s",
		    why.msg);
	if (out->n_domains > 1)
		return gp_fail(err, GP_PERM, "From has %zu domains",
		    out->n_domains);
	if (out->all.v[0].is_literal)
		return gp_fail(err, GP_PERM, "From has an address literal");
	out->domain = out->domains[0];
	return GP_OK;
}
