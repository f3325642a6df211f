/* See policy_edit.h.  Places are offsets in the text, and a span is what lies
 * between two of them. */
#include "core/policy_edit.h"

#include "core/domain.h"
#include "core/policy_token.h"

#include <string.h>

struct span {
	size_t from, to; /* `to` is behind the last byte */
};

/* One statement: an option, or a block. */
struct statement {
	struct span all;
	struct gp_str name;
	struct gp_str title; /* of a block, with its quotes; n 0: none */
	bool is_block;
	struct span body; /* the value; of a block what is between its braces */
};

static size_t
at(const struct gp_tokens *t, const struct gp_token *token)
{
	return (size_t)(token->raw.p - t->text.p);
}

static size_t
behind(const struct gp_tokens *t, const struct gp_token *token)
{
	return at(t, token) + token->raw.n;
}

/* -- statements ---------------------------------------------------------- */

/* From behind `{`, which is the present token, to the `}` that belongs to it;
 * the token after that one is the present one then. */
static struct span
read_braces(struct gp_tokens *t)
{
	struct span inner = { .from = behind(t, &t->now) };
	size_t depth = 1;

	inner.to = inner.from;
	gp_token_next(t);
	while (depth > 0 && t->now.kind != GP_TOKEN_END) {
		depth += gp_token_is_mark(t, '{');
		depth -= gp_token_is_mark(t, '}');
		inner.to = at(t, &t->now);
		gp_token_next(t);
	}
	return inner;
}

/* What stands behind `=`. */
static void
read_value(struct gp_tokens *t, struct statement *s)
{
	if (gp_token_is_mark(t, '{')) {
		s->body.from = at(t, &t->now);
		s->body.to = read_braces(t).to + 1;
	} else {
		s->body.from = at(t, &t->now);
		s->body.to = behind(t, &t->now);
		gp_token_next(t);
	}
	s->all.to = s->body.to;
}

static bool
read_block(struct gp_tokens *t, struct statement *s)
{
	s->is_block = true;
	if (gp_token_is_text(t)) {
		s->title = t->now.raw;
		gp_token_next(t);
	}
	if (!gp_token_is_mark(t, '{'))
		return false;
	s->body = read_braces(t);
	s->all.to = s->body.to + 1;
	return true;
}

/* The next statement before the end of the block, or of the text. */
static bool
next_statement(struct gp_tokens *t, struct statement *s)
{
	if (t->now.kind != GP_TOKEN_WORD)
		return false;
	*s = (struct statement){ .name = t->now.raw };
	s->all.from = at(t, &t->now);
	gp_token_next(t);
	if (!gp_token_is_mark(t, '='))
		return read_block(t, s);
	gp_token_next(t);
	if (!gp_token_is_text(t) && !gp_token_is_mark(t, '{'))
		return false;
	read_value(t, s);
	return true;
}

/* Is this the title, which is written in some other way? */
static bool
is_titled(const struct statement *s, const char *title)
{
	struct gp_str raw = s->title;
	char normal[GP_DOMAIN_TEXT];

	if (raw.n > 1 && (raw.p[0] == '"' || raw.p[0] == '\''))
		raw = gp_str_n(raw.p + 1, raw.n - 2);
	return gp_domain_normalize(raw, normal, NULL) == GP_OK &&
	       strcmp(normal, title) == 0;
}

/* From the present token on; the present one is the first in the block then. */
static bool
enter(struct gp_tokens *t, const char *kind, const char *title,
    struct statement *block)
{
	while (next_statement(t, block)) {
		if (!block->is_block || !gp_str_eq(block->name, gp_str(kind)) ||
		    !is_titled(block, title))
			continue;
		t->at = block->body.from;
		gp_token_next(t);
		return true;
	}
	return false;
}

/* -- the edit ------------------------------------------------------------- */

/* What is read while one edit is made. */
struct edit {
	struct gp_str text;
	struct gp_tokens tokens; /* at the first one in `block` */
	struct gp_problems unheard;
	struct statement block;
};

static void
edit_clear(struct edit *e)
{
	gp_problems_clear(&e->unheard);
}

/* False: the block is not there. */
static bool
edit_init(struct edit *e, const struct gp_policy_key *key)
{
	e->text = key->text;
	gp_problems_init(&e->unheard);
	gp_tokens_init(&e->tokens, key->text, "", &e->unheard);
	if (enter(&e->tokens, "domain", key->domain, &e->block) &&
	    (key->selector == NULL ||
		enter(&e->tokens, "key", key->selector, &e->block)))
		return true;
	edit_clear(e);
	return false;
}

static bool
find_option(struct edit *e, const char *name, struct statement *s)
{
	while (next_statement(&e->tokens, s))
		if (!s->is_block && gp_str_eq(s->name, gp_str(name)))
			return true;
	return false;
}

static void
add_span(const struct edit *e, size_t from, size_t to, struct gp_buf *out)
{
	gp_buf_add(out, e->text.p + from, to - from);
}

/* -- lines ----------------------------------------------------------------- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static size_t
line_start(const struct edit *e, size_t place)
{
	while (place > 0 && e->text.p[place - 1] != '\n')
		place--;
	return place;
}

/* How many blanks begin at `place`? */
static size_t
blanks(const struct edit *e, size_t place)
{
	size_t n = 0;

	while (place + n < e->text.n && is_blank(e->text.p[place + n]))
		n++;
	return n;
}

/* Only blanks stand before it on its line. */
static bool
begins_line(const struct edit *e, size_t place)
{
	size_t start = line_start(e, place);

	return start + blanks(e, start) >= place;
}

/* Behind the end of the line, if nothing but blanks stands before that, and
 * where `comment` a comment to its end; else 0. */
static size_t
rest_of_line(const struct edit *e, size_t place, bool comment)
{
	struct gp_str rest;
	size_t end;

	place += blanks(e, place);
	rest = gp_str_n(e->text.p + place, e->text.n - place);
	end = gp_str_find(rest, '\n');
	if (end == rest.n)
		return 0;
	if (end == 0 || (end == 1 && rest.p[0] == '\r') ||
	    (comment &&
		(rest.p[0] == '#' || gp_str_starts_nocase(rest, GP_STR("//")))))
		return place + end + 1;
	return 0;
}

/* A statement as a line of its own at `place`, where a line begins, indented
 * as far as the line of `like`. */
static void
insert_line(const struct edit *e, size_t place, size_t like, bool deeper,
    const char *statement, struct gp_buf *out)
{
	size_t start = line_start(e, like);
	bool cr = place > 1 && e->text.p[place - 2] == '\r';

	add_span(e, 0, place, out);
	add_span(e, start, start + blanks(e, start), out);
	gp_buf_addf(out, "%s%s%s", deeper ? "\t" : "", statement,
	    cr ? "\r\n" : "\n");
	add_span(e, place, e->text.n, out);
}

/* As the last one in the block; `first` is its first statement, or where it
 * closes. */
static void
insert_last(const struct edit *e, size_t first, const char *statement,
    struct gp_buf *out)
{
	size_t close = e->block.body.to;
	size_t line = line_start(e, close);
	bool alone = begins_line(e, close) && line > e->block.body.from;

	if (alone && first != close && begins_line(e, first)) {
		insert_line(e, line, first, false, statement, out);
	} else if (alone) {
		insert_line(e, line, close, true, statement, out);
	} else {
		add_span(e, 0, close, out);
		gp_buf_addf(out, "%s%s ",
		    gp_is_space(e->text.p[close - 1]) ? "" : " ", statement);
		add_span(e, close, e->text.n, out);
	}
}

static size_t
first_in(const struct edit *e)
{
	return e->tokens.now.kind == GP_TOKEN_WORD
	           ? at(&e->tokens, &e->tokens.now)
	           : e->block.body.to;
}

/* -- set, remove, add ------------------------------------------------------ */

enum gp_rc
gp_policy_edit_set(const struct gp_policy_key *key, const char *name,
    const char *value, struct gp_buf *out)
{
	struct edit e;
	struct statement s;
	size_t first;

	if (!edit_init(&e, key))
		return GP_NONE;
	first = first_in(&e);
	if (find_option(&e, name, &s)) {
		add_span(&e, 0, s.body.from, out);
		gp_buf_adds(out, value);
		add_span(&e, s.body.to, e.text.n, out);
	} else {
		struct gp_buf statement;

		gp_buf_init(&statement, SIZE_MAX);
		gp_buf_addf(&statement, "%s = %s", name, value);
		insert_last(&e, first, gp_buf_cstr(&statement), out);
		gp_buf_clear(&statement);
	}
	edit_clear(&e);
	return GP_OK;
}

/* The line that it has for itself, or it and the blanks before it. */
static struct span
what_goes(const struct edit *e, const struct statement *s)
{
	struct span gone = s->all;
	size_t end = rest_of_line(e, gone.to, false);
	const char *next = gone.to < e->text.n ? e->text.p + gone.to : " ";

	if (end != 0 && begins_line(e, gone.from)) {
		gone.from = line_start(e, gone.from);
		gone.to = end;
	} else if (gp_is_space(*next) || *next == '}') {
		while (gone.from > 0 && is_blank(e->text.p[gone.from - 1]))
			gone.from--;
	}
	return gone;
}

enum gp_rc
gp_policy_edit_remove(const struct gp_policy_key *key, const char *name,
    struct gp_buf *out)
{
	struct edit e;
	struct statement s;
	struct span gone = { 0, 0 };

	if (!edit_init(&e, key))
		return GP_NONE;
	if (find_option(&e, name, &s))
		gone = what_goes(&e, &s);
	add_span(&e, 0, gone.from, out);
	add_span(&e, gone.to, e.text.n, out);
	edit_clear(&e);
	return GP_OK;
}

enum gp_rc
gp_policy_edit_add(const struct gp_policy_key *key, const char *statement,
    struct gp_buf *out)
{
	struct gp_policy_key domain = *key;
	struct statement last = { .is_block = false };
	struct statement s;
	struct edit e;
	size_t first, place = 0;

	domain.selector = NULL;
	if (!edit_init(&e, &domain))
		return GP_NONE;
	first = first_in(&e);
	while (next_statement(&e.tokens, &s))
		if (s.is_block && gp_str_eq(s.name, GP_STR("key")))
			last = s;
	if (last.is_block && begins_line(&e, last.all.from))
		place = rest_of_line(&e, last.all.to, true);
	if (place != 0)
		insert_line(&e, place, last.all.from, false, statement, out);
	else
		insert_last(&e, first, statement, out);
	edit_clear(&e);
	return GP_OK;
}
