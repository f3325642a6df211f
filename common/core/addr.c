/* See addr.h. */
#include "core/addr.h"

#include "base/ip.h"
#include "core/domain.h"

#include <string.h>

static const struct gp_str ipv6_tag = { "IPv6:", 5 };

/* RFC 5322 3.2.3, and RFC 6531 3.3 for what is not ASCII. */
static bool
is_atext(char c)
{
	return gp_is_alnum(c) || (unsigned char)c > 0x7f ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static struct gp_str
skip(struct gp_str s, size_t n)
{
	return gp_str_n(s.p + n, s.n - n);
}

/* SMTP knows no final dot, which gp_domain_normalize() forgives. */
static enum gp_rc
read_domain(struct gp_str text, char out[GP_DOMAIN_TEXT], struct gp_err *err)
{
	if (text.n != 0 && text.p[text.n - 1] == '.')
		return gp_fail(err, GP_PERM,
		    "the domain of the address ends in a dot");
	return gp_domain_normalize(text, out, err);
}

/* [ A-d-l ":" ]: checked, then forgotten. */
static enum gp_rc
skip_source_route(struct gp_str *in, struct gp_err *err)
{
	char domain[GP_DOMAIN_TEXT];
	char after = ',';

	if (in->n == 0 || in->p[0] != '@')
		return GP_OK;
	while (after == ',') {
		size_t end = 0;

		if (in->n == 0 || in->p[0] != '@')
			return gp_fail(err, GP_PERM,
			    "the source route has no \"@\" before a domain");
		while (end < in->n && in->p[end] != ',' && in->p[end] != ':')
			end++;
		if (end == in->n)
			return gp_fail(err, GP_PERM,
			    "the source route has no \":\" at its end");
		if (read_domain(gp_str_n(in->p + 1, end - 1), domain, err) !=
		    GP_OK)
			return GP_PERM;
		after = in->p[end];
		*in = skip(*in, end + 1);
	}
	return GP_OK;
}

static enum gp_rc
read_quoted_string(struct gp_str *in, struct gp_arena *arena,
    struct gp_str *local, struct gp_err *err)
{
	char *text = gp_arena_alloc(arena, in->n);
	size_t n = 0;
	size_t at = 1;

	for (; at < in->n && in->p[at] != '"'; at++) {
		if (in->p[at] == '\\' &&
		    (++at == in->n || !gp_is_print(in->p[at])))
			return gp_fail(err, GP_PERM,
			    "a backslash stands before no character");
		text[n++] = in->p[at];
	}
	if (at == in->n)
		return gp_fail(err, GP_PERM,
		    "the quoted local part has no end");
	*local = gp_str_n(text, n);
	*in = skip(*in, at + 1);
	return GP_OK;
}

static enum gp_rc
read_dot_string(struct gp_str *in, struct gp_arena *arena, struct gp_str *local,
    struct gp_err *err)
{
	size_t n = 0;

	while (n < in->n && (is_atext(in->p[n]) || in->p[n] == '.')) {
		if (in->p[n] == '.' && (n == 0 || in->p[n - 1] == '.'))
			break;
		n++;
	}
	if (n == 0 || in->p[n - 1] == '.')
		return gp_fail(err, GP_PERM,
		    "the local part is empty, or a dot in it is not between "
		    "two atoms");
	*local = gp_arena_dup(arena, gp_str_n(in->p, n));
	*in = skip(*in, n);
	return GP_OK;
}

static enum gp_rc
read_local_part(struct gp_str *in, struct gp_arena *arena, struct gp_str *local,
    struct gp_err *err)
{
	enum gp_rc rc = in->n != 0 && in->p[0] == '"'
	                    ? read_quoted_string(in, arena, local, err)
	                    : read_dot_string(in, arena, local, err);

	if (rc != GP_OK)
		return rc;
	if (local->n > GP_LOCAL_PART_MAX)
		return gp_fail(err, GP_PERM,
		    "the local part has %zu octets, more than %d", local->n,
		    GP_LOCAL_PART_MAX);
	return GP_OK;
}

enum gp_rc
gp_addr_literal(struct gp_str inside, struct gp_arena *arena,
    const char **domain, struct gp_err *err)
{
	bool v6 = gp_str_starts_nocase(inside, ipv6_tag);
	char printed[GP_IP_TEXT];
	struct gp_ip ip;

	if (v6)
		inside = skip(inside, ipv6_tag.n);
	if (gp_ip_parse(inside, &ip) != GP_OK ||
	    v6 != (gp_str_find(inside, ':') != inside.n))
		return gp_fail(err, GP_PERM,
		    "the address literal is neither [IPv4] nor [IPv6:address]");
	*domain = gp_arena_printf(arena, "[%s%s]",
	    ip.family == GP_IP_V6 ? ipv6_tag.p : "",
	    gp_ip_format(&ip, printed));
	return GP_OK;
}

static enum gp_rc
read_literal(struct gp_str text, struct gp_arena *arena, const char **domain,
    struct gp_err *err)
{
	struct gp_str inside = skip(text, 1);

	if (inside.n == 0 || inside.p[inside.n - 1] != ']')
		return gp_fail(err, GP_PERM,
		    "the address literal has no end, or something behind it");
	inside.n--;
	return gp_addr_literal(inside, arena, domain, err);
}

static enum gp_rc
read_mailbox(struct gp_str in, bool allow_bare, struct gp_arena *arena,
    struct gp_addr *out, struct gp_err *err)
{
	char domain[GP_DOMAIN_TEXT];

	if (allow_bare && gp_str_eq_nocase(in, GP_STR("postmaster"))) {
		out->local = gp_arena_dup(arena, in);
		return GP_OK;
	}
	if (skip_source_route(&in, err) != GP_OK ||
	    read_local_part(&in, arena, &out->local, err) != GP_OK)
		return GP_PERM;
	if (in.n == 0 || in.p[0] != '@')
		return gp_fail(err, GP_PERM,
		    "no \"@\" stands behind the local part");
	in = skip(in, 1);
	if (in.n != 0 && in.p[0] == '[') {
		out->is_literal = true;
		return read_literal(in, arena, &out->domain, err);
	}
	if (read_domain(in, domain, err) != GP_OK)
		return GP_PERM;
	out->domain = gp_arena_strdup(arena, domain);
	return GP_OK;
}

static enum gp_rc
read_path(struct gp_str arg, struct gp_str path, bool allow_bare,
    struct gp_arena *arena, struct gp_addr *out, struct gp_err *err)
{
	if (arg.n > GP_PATH_MAX)
		return gp_fail(err, GP_PERM,
		    "the address has %zu octets, more than %d", arg.n,
		    GP_PATH_MAX);
	if (path.n == 0 && allow_bare)
		return gp_fail(err, GP_PERM, "a recipient can not be empty");
	if (path.n == 0) {
		out->is_null = true;
		return GP_OK;
	}
	if (!gp_str_is_text(path))
		return gp_fail(err, GP_PERM,
		    "the address has a control character or is not UTF-8");
	return read_mailbox(path, allow_bare, arena, out, err);
}

enum gp_rc
gp_addr_parse(struct gp_str arg, bool allow_bare, struct gp_arena *arena,
    struct gp_addr *out, struct gp_err *err)
{
	struct gp_str path = arg;
	struct gp_str raw;
	enum gp_rc rc;

	/* a bracket without its partner stays and is no part of the grammar */
	if (arg.n >= 2 && arg.p[0] == '<' && arg.p[arg.n - 1] == '>')
		path = gp_str_n(arg.p + 1, arg.n - 2);
	raw = path;
	if (raw.n > GP_PATH_MAX)
		raw.n = GP_PATH_MAX;
	raw = gp_arena_dup(arena, raw);
	*out = (struct gp_addr){ .raw = raw };
	rc = read_path(arg, path, allow_bare, arena, out, err);
	if (rc != GP_OK)
		*out = (struct gp_addr){ .raw = raw };
	return rc;
}
