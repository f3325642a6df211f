/* See postfix_list.h. */
#include "core/postfix_list.h"

#include <string.h>

static bool
parts(char c)
{
	return gp_is_space(c) || c == ',';
}

static bool
in_name(char c)
{
	return gp_is_alnum(c) || c == '_';
}

/* -- elements ---------------------------------------------------------- */

/* The length of the element that `s` begins with, or 0: no partner. */
static size_t
measure(struct gp_str s)
{
	size_t depth = 0, i;

	for (i = 0; i < s.n; i++) {
		const char c = s.p[i];

		if (c == '{' || c == '(')
			depth++;
		else if (c == '}' || c == ')') {
			if (depth == 0)
				return 0;
			depth--;
		} else if (depth == 0 && parts(c))
			break;
	}
	return depth == 0 ? i : 0;
}

enum gp_rc
gp_postfix_list_next(struct gp_str *rest, struct gp_str *element)
{
	struct gp_str s = *rest;

	while (s.n > 0 && parts(s.p[0]))
		s = gp_str_n(s.p + 1, s.n - 1);
	*rest = s;
	*element = gp_str_n(s.p, measure(s));
	if (s.n == 0)
		return GP_NONE;
	if (element->n == 0)
		return GP_PERM;
	*rest = gp_str_n(s.p + element->n, s.n - element->n);
	return GP_OK;
}

enum gp_rc
gp_postfix_list_check(struct gp_str value, struct gp_err *err)
{
	struct gp_str rest = value, element;
	enum gp_rc rc;

	do
		rc = gp_postfix_list_next(&rest, &element);
	while (rc == GP_OK);
	if (rc == GP_PERM)
		return gp_fail(err, GP_PERM, "\"%.*s\": a brace has no partner",
		    GP_STR_ARG(value));
	return GP_OK;
}

/* -- references -------------------------------------------------------- */

/* `s` begins behind a "$": how long is the rest of a plain $name, ${name} or
 * $(name); 0: it is another, or a condition. */
static size_t
reference(struct gp_str s, const char *name)
{
	const size_t n = strlen(name);
	const bool open = s.n > 0 && (s.p[0] == '{' || s.p[0] == '(');

	if (!open)
		return s.n >= n && memcmp(s.p, name, n) == 0 &&
		               (s.n == n || !in_name(s.p[n]))
		           ? n
		           : 0;
	if (s.n < n + 2 || memcmp(s.p + 1, name, n) != 0 ||
	    s.p[n + 1] != (s.p[0] == '{' ? '}' : ')'))
		return 0;
	return n + 2;
}

static bool
is_reference(struct gp_str element, const char *name)
{
	return element.n > 1 && element.p[0] == '$' &&
	       reference(gp_str_n(element.p + 1, element.n - 1), name) ==
	           element.n - 1;
}

bool
gp_postfix_list_has(struct gp_str value, const char *name)
{
	struct gp_str element;

	while (gp_postfix_list_next(&value, &element) == GP_OK)
		if (is_reference(element, name))
			return true;
	return false;
}

/* The name that follows a "$" at the begin of `s`, also in a condition
 * "${name?...}". */
static struct gp_str
referred(struct gp_str s)
{
	size_t from = 0, to;

	if (s.n > 0 && (s.p[0] == '{' || s.p[0] == '('))
		for (from = 1; from < s.n && gp_is_space(s.p[from]);)
			from++;
	for (to = from; to < s.n && in_name(s.p[to]);)
		to++;
	return gp_str_n(s.p + from, to - from);
}

bool
gp_postfix_refers(struct gp_str value, const char *name)
{
	for (size_t i = 0; i + 1 < value.n; i++) {
		struct gp_str behind =
		    gp_str_n(value.p + i + 1, value.n - i - 1);

		if (value.p[i] == '$' &&
		    gp_str_eq(referred(behind), gp_str(name)))
			return true;
	}
	return false;
}

/* -- changes ----------------------------------------------------------- */

void
gp_postfix_list_add(struct gp_buf *out, const char *name, struct gp_str value)
{
	value = gp_str_trim(value);
	gp_buf_addf(out, "$%s", name);
	if (value.n > 0) {
		gp_buf_adds(out, ", ");
		gp_buf_add_str(out, value);
	}
}

/* What parts two elements stays as it was, but that before a removed one; when
 * the first is removed, that behind it. */
void
gp_postfix_list_remove(struct gp_buf *out, const char *name,
    struct gp_str value)
{
	const size_t from = out->n;
	struct gp_str rest = value, element;
	const char *kept = value.p; /* what comes is copied from here on */

	while (gp_postfix_list_next(&rest, &element) == GP_OK) {
		if (is_reference(element, name)) {
			kept = rest.p;
			continue;
		}
		if (out->n == from)
			kept = element.p;
		gp_buf_add(out, kept, (size_t)(rest.p - kept));
		kept = rest.p;
	}
	/* from a brace without partner on nothing is touched */
	if (rest.n > 0) {
		if (out->n == from)
			kept = rest.p;
		gp_buf_add(out, kept, (size_t)(rest.p + rest.n - kept));
	}
}

/* Is there a condition whose blanks count? */
static bool
has_condition(struct gp_str value)
{
	for (size_t i = 0; i + 1 < value.n; i++)
		if (value.p[i] == '$' && value.p[i + 1] == '{') {
			struct gp_str name = referred(
			    gp_str_n(value.p + i + 1, value.n - i - 1));
			const char *end = name.p + name.n;

			if (end == value.p + value.n || *end != '}')
				return true;
		}
	return false;
}

enum gp_rc
gp_postfix_list_pack(struct gp_buf *out, struct gp_str value,
    struct gp_err *err)
{
	bool blank = false;
	char last = ',';

	value = gp_str_trim(value);
	if (has_condition(value)) {
		for (size_t i = 0; i < value.n; i++)
			blank = blank || gp_is_space(value.p[i]);
		if (blank)
			return gp_fail(err, GP_PERM,
			    "\"%.*s\": postconf does not take its blanks",
			    GP_STR_ARG(value));
	}
	for (size_t i = 0; i < value.n; i++) {
		const char c = value.p[i];

		if (gp_is_space(c)) {
			blank = true;
			continue;
		}
		if (blank && last != ',' && last != '{' && c != ',' && c != '}')
			gp_buf_addc(out, ',');
		blank = false;
		gp_buf_addc(out, c);
		last = c;
	}
	return GP_OK;
}
