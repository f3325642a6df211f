/*
 * See mailbox.h.
 *
 * The reader goes over the value once, from left to right.  What stands before
 * "@", "<" or ":" is read as words and dots before it is known whether it is a
 * local part, a display name or the name of a group; that is all the looking
 * ahead there is.  The first thing that does not fit stops it for good.
 */
#include "core/mailbox.h"

#include "core/addr.h"
#include "core/domain.h"

#include <string.h>

/* No domain of GP_DOMAIN_MAX octets in A-labels is longer in UTF-8. */
#define DOMAIN_BYTES ((size_t)GP_DOMAIN_MAX * 4)

struct reader {
	struct gp_str in; /* octets checked: no controls but in folds */
	size_t at;
	struct gp_arena *arena;
	struct gp_err *err; /* NULL once stopped: the first clause stays */
	enum gp_rc rc;
	size_t n_domains; /* read, those of routes too */
	size_t n, cap;
	struct gp_mailbox *v;
};

/* What was collected; n goes on counting when there is no more room. */
struct text {
	char *p;
	size_t n, room;
};

/* Words and dots: a phrase, a local part, or both. */
struct words {
	char p[GP_LOCAL_PART_MAX];
	struct text text; /* unquoted, for a local part */
	bool any;
	bool dot_first;
	bool alternate; /* word *("." word) */
};

static void
stop(struct reader *r, enum gp_rc rc)
{
	r->rc = rc;
	r->err = NULL;
	r->at = r->in.n;
}

/* '\0' at the end; there is none before it. */
static char
next(const struct reader *r)
{
	if (r->at == r->in.n)
		return '\0';
	return r->in.p[r->at];
}

static bool
take(struct reader *r, char c)
{
	if (next(r) != c)
		return false;
	r->at++;
	return true;
}

static void
add(struct text *t, char c)
{
	if (t->n < t->room)
		t->p[t->n] = c;
	t->n++;
}

/* RFC 5322 3.2.3, RFC 6532 3.2 */
static bool
is_atext(char c)
{
	return (gp_is_print(c) && strchr(" ()<>[]:;@\\,.\"", c) == NULL) ||
	       (unsigned char)c > 0x7f;
}

/* -- octets ------------------------------------------------------------ */

/* Line ends must be folds; then a reader need not tell them from blanks. */
static bool
is_fold(struct gp_str s, size_t at)
{
	if (s.p[at] == '\r')
		return at + 1 < s.n && s.p[at + 1] == '\n';
	return at + 1 < s.n && (s.p[at + 1] == ' ' || s.p[at + 1] == '\t');
}

static enum gp_rc
check_octets(struct gp_str s, struct gp_err *err)
{
	if (s.n > GP_FIELD_MAX)
		return gp_fail(err, GP_PERM,
		    "the field has more than %d octets", GP_FIELD_MAX);
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '\r' || c == '\n') {
			if (!is_fold(s, i))
				return gp_fail(err, GP_PERM,
				    "a line end is not part of a fold");
		} else if ((c < 0x20 && c != '\t') || c == 0x7f ||
			   (c == 0xc2 && i + 1 < s.n &&
			       (unsigned char)s.p[i + 1] < 0xa0)) {
			return gp_fail(err, GP_PERM,
			    "there is a control character in it");
		}
	}
	if (!gp_str_is_utf8(s))
		return gp_fail(err, GP_PERM, "it is not UTF-8");
	return GP_OK;
}

/* -- comments, words --------------------------------------------------- */

/* From behind a backslash: the character it makes plain, '\0' if none. */
static char
quoted_pair(struct reader *r)
{
	char c = next(r);

	if (c == '\0' || c == '\r' || c == '\n') {
		stop(r, gp_fail(r->err, GP_PERM,
			    "a backslash stands before no character"));
		return '\0';
	}
	r->at++;
	return c;
}

static void
skip_comment(struct reader *r)
{
	unsigned depth = 0;

	do {
		if (take(r, '\\'))
			(void)quoted_pair(r);
		else if (take(r, '('))
			depth++;
		else if (take(r, ')'))
			depth--;
		else
			r->at++;
	} while (depth > 0 && depth <= GP_COMMENT_DEPTH_MAX && r->at < r->in.n);
	if (depth > GP_COMMENT_DEPTH_MAX)
		stop(r, gp_fail(r->err, GP_PERM,
			    "comments are nested more than %d deep",
			    GP_COMMENT_DEPTH_MAX));
	else if (depth > 0)
		stop(r, gp_fail(r->err, GP_PERM, "a comment has no end"));
}

/* [CFWS] */
static void
skip_blanks(struct reader *r)
{
	while (r->at < r->in.n) {
		if (gp_is_space(next(r)))
			r->at++;
		else if (next(r) == '(')
			skip_comment(r);
		else
			return;
	}
}

static void
read_atom(struct reader *r, struct text *out)
{
	while (is_atext(next(r)))
		add(out, r->in.p[r->at++]);
}

static void
read_quoted_string(struct reader *r, struct text *out)
{
	char c;

	r->at++;
	while ((c = next(r)) != '\0' && c != '"') {
		r->at++;
		if (c == '\\')
			c = quoted_pair(r);
		/* of a fold the blank behind it is content, RFC 5322 3.2.4 */
		if (c != '\r' && c != '\n')
			add(out, c);
	}
	if (!take(r, '"'))
		stop(r, gp_fail(r->err, GP_PERM, "a quoted string has no end"));
}

static void
read_words(struct reader *r, struct words *w)
{
	bool after_word = false;

	w->text = (struct text){ .p = w->p, .room = sizeof(w->p) };
	w->any = false;
	w->alternate = true;
	skip_blanks(r);
	w->dot_first = next(r) == '.';
	while (next(r) == '.' || next(r) == '"' || is_atext(next(r))) {
		bool is_word = next(r) != '.';

		if (is_word == after_word)
			w->alternate = false;
		if (next(r) == '"')
			read_quoted_string(r, &w->text);
		else if (is_word)
			read_atom(r, &w->text);
		else
			add(&w->text, r->in.p[r->at++]);
		w->any = true;
		after_word = is_word;
		skip_blanks(r);
	}
	if (!after_word)
		w->alternate = false;
}

/* -- domains ----------------------------------------------------------- */

static const char *
read_literal(struct reader *r)
{
	struct gp_str text = gp_str_n(r->in.p + r->at + 1, r->in.n - r->at - 1);
	const char *domain = NULL;
	size_t end = gp_str_find(text, ']');

	if (end == text.n) {
		stop(r,
		    gp_fail(r->err, GP_PERM, "an address literal has no end"));
		return NULL;
	}
	r->at += 1 + end + 1;
	text = gp_str_trim(gp_str_n(text.p, end));
	if (gp_addr_literal(text, r->arena, &domain, r->err) != GP_OK)
		stop(r, GP_PERM);
	return domain;
}

/* atom *("." atom), blanks between them */
static const char *
read_name(struct reader *r)
{
	char raw[DOMAIN_BYTES];
	char name[GP_DOMAIN_TEXT];
	struct text text = { .p = raw, .room = sizeof(raw) };

	do {
		if (text.n != 0)
			add(&text, '.');
		skip_blanks(r);
		if (!is_atext(next(r))) {
			stop(r, gp_fail(r->err, GP_PERM,
				    "a domain is missing or incomplete"));
			return NULL;
		}
		read_atom(r, &text);
		skip_blanks(r);
	} while (take(r, '.'));
	if (text.n > text.room) {
		stop(r,
		    gp_fail(r->err, GP_PERM,
			"a domain is longer than %d octets", GP_DOMAIN_MAX));
		return NULL;
	}
	if (gp_domain_normalize(gp_str_n(raw, text.n), name, r->err) != GP_OK) {
		stop(r, GP_PERM);
		return NULL;
	}
	return gp_arena_strdup(r->arena, name);
}

/* NULL when there is none; then the reader is stopped. */
static const char *
read_domain(struct reader *r, bool *is_literal)
{
	const char *domain;

	if (++r->n_domains > GP_MAILBOXES_MAX) {
		stop(r, gp_fail(r->err, GP_PERM,
			    "there are more than %d addresses in it",
			    GP_MAILBOXES_MAX));
		return NULL;
	}
	skip_blanks(r);
	*is_literal = next(r) == '[';
	domain = *is_literal ? read_literal(r) : read_name(r);
	skip_blanks(r);
	return domain;
}

/* -- mailboxes --------------------------------------------------------- */

static void
add_mailbox(struct reader *r, struct gp_mailbox mailbox)
{
	if (r->n == r->cap) {
		size_t cap = r->cap == 0 ? 1 : 4 * r->cap;
		struct gp_mailbox *v =
		    gp_arena_alloc(r->arena, cap * sizeof(*v));

		if (r->n > 0)
			memcpy(v, r->v, r->n * sizeof(*v));
		r->v = v;
		r->cap = cap;
	}
	r->v[r->n++] = mailbox;
}

/* From the "@" on; `w` is what stands before it. */
static void
read_address(struct reader *r, const struct words *w)
{
	struct gp_mailbox mailbox;

	if (!w->alternate)
		stop(r, gp_fail(r->err, GP_PERM,
			    "what stands before \"@\" is no local part"));
	else if (w->text.n > w->text.room)
		stop(r, gp_fail(r->err, GP_PERM,
			    "the local part has %zu octets, more than %d",
			    w->text.n, GP_LOCAL_PART_MAX));
	else if (!take(r, '@'))
		stop(r, gp_fail(r->err, GP_PERM, "an address has no domain"));
	if (r->rc != GP_OK)
		return;
	mailbox.local = gp_arena_dup(r->arena, gp_str_n(w->p, w->text.n));
	mailbox.domain = read_domain(r, &mailbox.is_literal);
	if (mailbox.domain != NULL)
		add_mailbox(r, mailbox);
}

/* [obs-route]: checked, then forgotten. */
static void
skip_route(struct reader *r)
{
	bool may_begin = true;
	bool any = false;
	bool literal;

	skip_blanks(r);
	if (next(r) != '@' && next(r) != ',')
		return;
	while (!any || !take(r, ':')) {
		if (take(r, ',')) {
			may_begin = true;
			skip_blanks(r);
		} else if (may_begin && take(r, '@')) {
			any = read_domain(r, &literal) != NULL;
			may_begin = false;
		} else {
			stop(r, gp_fail(r->err, GP_PERM,
				    "a source route is not as it must be"));
			return;
		}
	}
}

/* From behind the "<". */
static void
read_angle(struct reader *r)
{
	struct words w;

	skip_route(r);
	read_words(r, &w);
	if (!w.any)
		stop(r, gp_fail(r->err, GP_PERM,
			    "there is no address between \"<\" and \">\""));
	read_address(r, &w);
	if (!take(r, '>'))
		stop(r, gp_fail(r->err, GP_PERM,
			    "\">\" does not stand behind an address"));
	skip_blanks(r);
}

/*
 * "<" behind a bare address: many programs write the address as its own name,
 * unquoted, against the grammar.  With one domain in both places there is but
 * one reading of who wrote.
 */
static void
read_named_by_address(struct reader *r)
{
	read_angle(r);
	if (r->rc != GP_OK)
		return;
	if (strcmp(r->v[r->n - 1].domain, r->v[r->n - 2].domain) != 0) {
		stop(r, gp_fail(r->err, GP_PERM,
			    "an address of another domain stands as the name"));
		return;
	}
	r->v[r->n - 2] = r->v[r->n - 1];
	r->n--;
}

/*
 * What stands between two commas: a mailbox, or nothing (RFC 5322 4.4); true
 * when it was the beginning of a group, up to its ":".
 */
static bool
read_member(struct reader *r)
{
	struct words w;

	read_words(r, &w);
	if (next(r) == '@') {
		read_address(r, &w);
		if (take(r, '<'))
			read_named_by_address(r);
		return false;
	}
	if (w.dot_first) {
		stop(r, gp_fail(r->err, GP_PERM,
			    "a display name begins with a dot"));
		return false;
	}
	if (take(r, '<')) {
		read_angle(r);
		return false;
	}
	if (w.any && take(r, ':'))
		return true;
	if (w.any)
		stop(r, gp_fail(r->err, GP_PERM, "a name has no address"));
	return false;
}

static void
read_group(struct reader *r)
{
	do {
		if (read_member(r))
			stop(r, gp_fail(r->err, GP_PERM,
				    "a group stands in a group"));
	} while (take(r, ','));
	if (!take(r, ';'))
		stop(r,
		    gp_fail(r->err, GP_PERM, "a group does not end in \";\""));
	skip_blanks(r);
}

static void
read_list(struct reader *r)
{
	bool any_group = false;

	do {
		if (read_member(r)) {
			any_group = true;
			read_group(r);
		}
	} while (take(r, ','));
	if (r->at < r->in.n)
		stop(r,
		    gp_fail(r->err, GP_PERM,
			"something that is no comma stands behind an address"));
	if (r->n == 0 && !any_group)
		stop(r, gp_fail(r->err, GP_PERM, "there is no address in it"));
	if (r->n == 0 && r->rc == GP_OK)
		r->rc = gp_fail(r->err, GP_NONE,
		    "there are only empty groups in it");
}

enum gp_rc
gp_mailboxes_parse(struct gp_str value, struct gp_arena *arena,
    struct gp_mailboxes *out, struct gp_err *err)
{
	struct reader r = { .in = value, .arena = arena, .err = err };
	enum gp_rc rc = check_octets(value, err);

	*out = (struct gp_mailboxes){ .n = 0 };
	if (rc != GP_OK)
		return rc;
	read_list(&r);
	if (r.rc == GP_OK)
		*out = (struct gp_mailboxes){ .n = r.n, .v = r.v };
	return r.rc;
}
