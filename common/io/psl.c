/* See psl.h. */
#include "io/psl.h"

#include "base/xalloc.h"

#include <libpsl.h>
#include <stdbool.h>
#include <stdlib.h>

struct gp_psl {
	const psl_ctx_t *list;
	psl_ctx_t *loaded; /* the same, or NULL when it is the built-in one */
};

/* libpsl takes a damaged file without a word, and would then join customers of
 * one suffix.  A name of two labels is a suffix by a rule alone. */
static bool
is_sound(const psl_ctx_t *list)
{
	return list != NULL && psl_is_public_suffix(list, "co.uk") &&
	       !psl_is_public_suffix(list, "a.co.uk");
}

static psl_ctx_t *
load(const char *path)
{
	psl_ctx_t *list = path == NULL ? NULL : psl_load_file(path);

	if (is_sound(list))
		return list;
	psl_free(list);
	return NULL;
}

enum gp_rc
gp_psl_load(const char *path, struct gp_psl **out, struct gp_err *err)
{
	const char *file = path == NULL ? psl_dist_filename() : path;
	psl_ctx_t *loaded = load(file);
	const psl_ctx_t *list = loaded;

	*out = NULL;
	if (list == NULL && path == NULL)
		list = psl_builtin();
	if (!is_sound(list))
		return gp_fail(err, GP_PERM,
		    "%s: this is no public suffix list; the package"
		    " publicsuffix has one",
		    file);
	*out = gp_xcalloc(1, sizeof(**out));
	(*out)->list = list;
	(*out)->loaded = loaded;
	return GP_OK;
}

void
gp_psl_free(struct gp_psl *psl)
{
	if (psl == NULL)
		return;
	psl_free(psl->loaded);
	free(psl);
}

const char *
gp_psl_organization(const void *psl, const char *domain)
{
	const struct gp_psl *p = psl;

	return psl_registrable_domain(p->list, domain);
}
