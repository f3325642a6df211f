/* See preflight.h: what the header of a message has. */
#include "core/preflight.h"

#include "base/time.h"
#include "core/dkim_sig.h"

#include <string.h>

#define UNSUBSCRIBE      "List-Unsubscribe"
#define UNSUBSCRIBE_POST "List-Unsubscribe-Post"

static struct gp_preflight_point
met(void)
{
	return (struct gp_preflight_point){ .state = GP_PREFLIGHT_MET };
}

static struct gp_preflight_point
missing(const char *why)
{
	return (struct gp_preflight_point){ .state = GP_PREFLIGHT_MISSING,
		.why = why };
}

/* Not among the fields that were kept. */
static struct gp_preflight_point
not_seen(const struct gp_header *h, const char *why)
{
	if (!h->over)
		return missing(why);
	return (struct gp_preflight_point){ .state = GP_PREFLIGHT_OPEN,
		.why = "the header is too large to know" };
}

/* -- fields that are there once ------------------------------------------- */

/* The fields of that name; a blank before the colon is allowed, RFC 5322 4.5.
 * `*last` is the last of them. */
static size_t
count(const struct gp_header *h, const char *name, struct gp_str *last)
{
	size_t n = 0;

	*last = gp_str(NULL);
	for (size_t i = 0; i < h->n; i++) {
		if (!gp_str_eq_nocase(gp_str_trim(h->v[i].name), gp_str(name)))
			continue;
		*last = h->v[i].value;
		n++;
	}
	return n;
}

static struct gp_preflight_point
exactly_one(const struct gp_header *h, const char *name, struct gp_arena *arena,
    struct gp_str *value)
{
	const size_t n = count(h, name, value);

	if (n > 1)
		return missing(
		    gp_arena_printf(arena, "%zu %s fields", n, name));
	if (n == 0 || h->over)
		return not_seen(h, gp_arena_printf(arena, "no %s field", name));
	return met();
}

static struct gp_preflight_point
read_from(const struct gp_preflight_message *m)
{
	if (m->trouble == NULL)
		return met();
	if (m->author->fields > 1 || m->author->n_domains > 1)
		return missing(m->trouble);
	return not_seen(m->header, m->trouble);
}

/* -- one-click ------------------------------------------------------------ */

/* White space and comments, RFC 5322 3.2.2; false: a comment has no end, or is
 * nested too deep. */
static bool
skip_cfws(struct gp_str *s)
{
	size_t depth = 0, i;

	for (i = 0; i < s->n && depth <= GP_COMMENT_DEPTH_MAX; i++) {
		const char c = s->p[i];

		if (c == '(')
			depth++;
		else if (depth == 0 && !gp_is_space(c))
			break;
		else if (depth > 0 && c == ')')
			depth--;
		else if (depth > 0 && c == '\\')
			i++;
	}
	if (i > s->n)
		i = s->n;
	*s = gp_str_n(s->p + i, s->n - i);
	return depth == 0;
}

static bool
is_uri_char(char c)
{
	return gp_is_print(c) && strchr(" \"<>\\^`{|}", c) == NULL;
}

/* RFC 3986 3.2: "//" and an authority whose host is not empty; user names have
 * no place in one that others are to follow. */
static bool
has_host(struct gp_str after_colon)
{
	const struct gp_str slashes = gp_str_n(after_colon.p, 2);

	return after_colon.n > 2 && gp_str_eq(slashes, GP_STR("//")) &&
	       (gp_is_alnum(after_colon.p[2]) || after_colon.p[2] == '[');
}

/* How many URIs of each kind a list has. */
struct uris {
	size_t https, http;
};

static bool
take_uri(struct gp_str *rest, struct gp_arena *arena, struct uris *out)
{
	const size_t end = gp_str_find(*rest, '>');
	char *uri;
	struct gp_str text;
	size_t n = 0;

	if (end == rest->n || rest->p[0] != '<')
		return false;
	/* white space in it does not count, RFC 2369 section 2 */
	uri = gp_arena_alloc(arena, end + 1);
	for (size_t i = 1; i < end; i++)
		if (!gp_is_space(rest->p[i]))
			uri[n++] = rest->p[i];
	*rest = gp_str_n(rest->p + end + 1, rest->n - end - 1);
	for (size_t i = 0; i < n; i++)
		if (!is_uri_char(uri[i]))
			return false;
	text = gp_str_n(uri, n);
	if (gp_str_starts_nocase(text, GP_STR("http:")))
		out->http++;
	if (!gp_str_starts_nocase(text, GP_STR("https:")))
		return gp_str_find(text, ':') > 0 && gp_str_find(text, ':') < n;
	out->https++;
	return has_host(gp_str_n(uri + 6, n - 6));
}

/* RFC 2369 section 2: URIs in angle brackets, parted by commas. */
static bool
read_uris(struct gp_str value, struct gp_arena *arena, struct uris *out)
{
	struct gp_str rest = value;

	*out = (struct uris){ .https = 0 };
	for (;;) {
		if (!skip_cfws(&rest) || rest.n == 0 ||
		    !take_uri(&rest, arena, out) || !skip_cfws(&rest))
			return false;
		if (rest.n == 0)
			return true;
		if (rest.p[0] != ',')
			return false;
		rest = gp_str_n(rest.p + 1, rest.n - 1);
	}
}

static struct gp_preflight_point
read_one_click(const struct gp_header *h, struct gp_arena *arena)
{
	struct gp_str list, post;
	struct gp_preflight_point both[] = {
		exactly_one(h, UNSUBSCRIBE, arena, &list),
		exactly_one(h, UNSUBSCRIBE_POST, arena, &post),
	};
	struct uris uris;

	for (int state = GP_PREFLIGHT_MISSING; state > GP_PREFLIGHT_MET;
	     state--)
		for (size_t i = 0; i < 2; i++)
			if ((int)both[i].state == state)
				return both[i];
	if (!read_uris(list, arena, &uris))
		return missing(UNSUBSCRIBE " is no list of <URI>");
	if (uris.https == 0)
		return missing(UNSUBSCRIBE " has no https URI");
	if (uris.https + uris.http > 1)
		return missing(
		    UNSUBSCRIBE " has more than one web address (RFC 8058)");
	if (!gp_str_eq_nocase(gp_str_trim(post),
		GP_STR("List-Unsubscribe=One-Click")))
		return missing(
		    UNSUBSCRIBE_POST " is not List-Unsubscribe=One-Click");
	return met();
}

/* -- signatures of ours ---------------------------------------------------- */

/* Why a signature does not count; the more is right about it, the later. */
enum fault {
	NOT_OURS,
	NOT_READABLE,
	NOT_LIKE_OURS,
	NOT_YET,
	EXPIRED,
	NO_FAULT
};

static bool
is_key_of(const struct gp_policy *policy, const struct gp_dkim_sig *sig)
{
	if (policy->domain == NULL || sig->domain == NULL ||
	    sig->selector == NULL || strcmp(sig->domain, policy->domain) != 0)
		return false;
	for (size_t i = 0; i < policy->n_keys; i++)
		if (policy->keys[i].state != GP_KEY_RETIRED &&
		    strcmp(policy->keys[i].selector, sig->selector) == 0)
			return true;
	return false;
}

static enum fault
read_signature(const struct gp_preflight_message *m, struct gp_str value,
    struct gp_arena *arena, struct gp_dkim_sig *sig)
{
	const bool readable =
	    gp_dkim_sig_parse(value, arena, sig, NULL) == GP_OK;

	if (!is_key_of(m->policy, sig))
		return NOT_OURS;
	if (!readable)
		return NOT_READABLE;
	if (sig->has_length || sig->algorithm == GP_DKIM_RSA_SHA1)
		return NOT_LIKE_OURS;
	if (sig->has_time &&
	    sig->time_s > gp_time_add(m->now_s, GP_DKIM_DRIFT_S))
		return NOT_YET;
	if (sig->has_expiry && sig->expiry_s <= m->now_s)
		return EXPIRED;
	return NO_FAULT;
}

static bool
covers(const struct gp_dkim_sig *sig, const char *name)
{
	for (size_t i = 0; i < sig->n_headers; i++)
		if (gp_str_eq_nocase(sig->headers[i], gp_str(name)))
			return true;
	return false;
}

static const char *
no_signature(const struct gp_policy *policy, enum fault nearest, size_t n,
    struct gp_arena *arena)
{
	static const char *const clauses[] = {
		[NOT_READABLE] = "is malformed",
		[NOT_LIKE_OURS] = "has l= or rsa-sha1",
		[NOT_YET] = "has a t= in the future",
		[EXPIRED] = "has expired",
	};

	if (policy->n_keys == 0)
		return gp_arena_printf(arena,
		    "block %s has no key to sign with", policy->domain);
	if (n == 0)
		return gp_arena_printf(arena,
		    "no DKIM signature of %s (gatepost-dkim must come before "
		    "gatepost-dmarc)",
		    policy->domain);
	if (nearest == NOT_OURS)
		return gp_arena_printf(arena,
		    "no DKIM signature with d=%s and a key of that block",
		    policy->domain);
	return gp_arena_printf(arena, "the DKIM signature of %s %s",
	    policy->domain, clauses[nearest]);
}

static void
read_signatures(const struct gp_preflight_message *m, struct gp_arena *arena,
    struct gp_preflight_header *out)
{
	enum fault nearest = NOT_OURS;
	bool covered = false;
	size_t n = 0;

	for (size_t i = 0; i < m->header->n; i++) {
		const struct gp_field *f = &m->header->v[i];
		struct gp_dkim_sig sig;
		enum fault fault;

		if (!gp_str_eq_nocase(f->name, GP_STR(GP_DKIM_SIGNATURE)))
			continue;
		n++;
		fault = read_signature(m, f->value, arena, &sig);
		if (fault > nearest)
			nearest = fault;
		if (fault == NO_FAULT && covers(&sig, UNSUBSCRIBE) &&
		    covers(&sig, UNSUBSCRIBE_POST))
			covered = true;
	}
	out->is_signed = out->covered = met();
	if (nearest != NO_FAULT)
		out->is_signed = out->covered = not_seen(m->header,
		    no_signature(m->policy, nearest, n, arena));
	else if (!covered)
		out->covered = not_seen(m->header,
		    "no DKIM signature of ours covers both List-Unsubscribe"
		    " fields");
}

void
gp_preflight_read(const struct gp_preflight_message *m, struct gp_arena *arena,
    struct gp_preflight_header *out)
{
	const struct gp_header *h = m->header;
	struct gp_str value;

	out->from_one = read_from(m);
	out->date = exactly_one(h, "Date", arena, &value);
	out->message_id = exactly_one(h, "Message-ID", arena, &value);
	out->subject = exactly_one(h, "Subject", arena, &value);
	out->one_click = read_one_click(h, arena);
	read_signatures(m, arena, out);
}
