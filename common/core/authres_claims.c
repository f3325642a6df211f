/*
 * See authres.h.  The crude reader: it does not ask what the field says but
 * what anybody could take it to say.  Whatever the strict reader finds is
 * among that (fuzz_authres_claims holds both to it).
 */
#include "core/authres.h"
#include "core/domain.h"

#include "base/xalloc.h"

#include <stdlib.h>
#include <string.h>

/* How one kind of reader goes through a field: bits of its habits. */
enum habit {
	SKIPS_COMMENTS = 1,
	NESTS_COMMENTS = 2,
	HEEDS_BACKSLASH = 4,
	HEEDS_QUOTES = 8,
	HEEDS_QUOTES_IN_COMMENTS = 16,
	ALL_HABITS = 31
};

struct reading {
	unsigned habits;
	unsigned depth; /* of comments */
	bool quoted;
	bool escaped;
};

enum fate { SHOWN, PASSED_OVER, ENDS_PART };

/* Longest word with UTF-8 that can be a domain, and how many are tried. */
#define WORD_MAX  ((size_t)GP_DOMAIN_MAX * 4)
#define WORDS_MAX 4

struct head {
	struct gp_str name; /* what is looked for, as in `text` */
	size_t n;
	char *text; /* shown octets in lower case; '!' for any that is no
	             * letter of a name, dot, "=" or "@" */
	bool *gap;  /* something was passed over before text[i] */
	bool gap_is_next;
	bool has_content;
	char domain[GP_DOMAIN_TEXT]; /* of a word */
	char word[WORD_MAX];
	size_t word_n;
	unsigned words_left;
	bool word_is_utf8;
	bool word_found;
};

static bool
is_high(char c)
{
	return (unsigned char)c > 0x7f;
}

static bool
is_name_char(char c)
{
	return gp_is_alnum(c) || c == '-' || c == '_';
}

static char
shown_as(char c)
{
	if (is_name_char(c) || c == '.' || c == '=' || c == '@')
		return gp_lower(c);
	return '!';
}

/* Opening and closing of comments; true when `c` was that. */
static bool
is_paren(struct reading *r, char c)
{
	if (c == '(') {
		r->depth = (r->habits & NESTS_COMMENTS) ? r->depth + 1 : 1;
		return true;
	}
	if (c == ')' && r->depth > 0) {
		r->depth--;
		return true;
	}
	return false;
}

static enum fate
read_octet(struct reading *r, char c)
{
	unsigned quotes =
	    r->depth > 0 ? HEEDS_QUOTES_IN_COMMENTS : HEEDS_QUOTES;

	if (r->escaped) {
		r->escaped = false;
		return r->depth > 0 ? PASSED_OVER : SHOWN;
	}
	if (c == '\\') {
		r->escaped = (r->habits & HEEDS_BACKSLASH) != 0;
		return PASSED_OVER;
	}
	if (c == '"') {
		if (r->habits & quotes)
			r->quoted = !r->quoted;
		return PASSED_OVER;
	}
	if (!r->quoted && (r->habits & SKIPS_COMMENTS) && is_paren(r, c))
		return PASSED_OVER;
	if (r->depth > 0)
		return PASSED_OVER;
	if (c == ';' && !r->quoted)
		return ENDS_PART;
	return (unsigned char)c <= ' ' || c == 0x7f ? PASSED_OVER : SHOWN;
}

/* A word with UTF-8 is complete: is it the name in U-labels? */
static void
end_word(struct head *h)
{
	if (h->word_is_utf8 && h->words_left > 0) {
		struct gp_str word = gp_str_n(h->word, h->word_n);

		h->words_left--;
		while (word.n > 0 && word.p[0] == '.')
			word = gp_str_n(word.p + 1, word.n - 1);
		while (word.n > 0 && word.p[word.n - 1] == '.')
			word.n--;
		if (gp_domain_normalize(word, h->domain, NULL) == GP_OK &&
		    gp_str_eq(gp_str(h->domain), h->name))
			h->word_found = true;
	}
	h->word_n = 0;
	h->word_is_utf8 = false;
}

static void
show(struct head *h, char c)
{
	h->text[h->n] = shown_as(c);
	h->gap[h->n++] = h->gap_is_next;
	h->gap_is_next = false;
	h->has_content |= gp_is_alnum(c) || is_high(c);
	if (!is_name_char(c) && c != '.' && !is_high(c)) {
		end_word(h);
		return;
	}
	h->word_is_utf8 |= is_high(c);
	if (h->word_n < sizeof(h->word))
		h->word[h->word_n++] = c;
}

static void
pass_over(struct head *h)
{
	h->gap_is_next = true;
	end_word(h);
}

static void
start_head(struct head *h)
{
	h->n = 0;
	h->gap_is_next = false;
	h->has_content = false;
	h->words_left = WORDS_MAX;
	h->word_n = 0;
	h->word_is_utf8 = false;
	h->word_found = false;
}

/* Fill `h` with the first part that has content, as such a reader sees it. */
static void
read_head(struct head *h, struct gp_str field, unsigned habits)
{
	struct reading r = { .habits = habits };

	start_head(h);
	for (size_t i = 0; i < field.n; i++) {
		switch (read_octet(&r, field.p[i])) {
		case SHOWN:
			show(h, field.p[i]);
			break;
		case PASSED_OVER:
			pass_over(h);
			break;
		case ENDS_PART:
			end_word(h);
			if (h->has_content)
				return;
			start_head(h);
			break;
		}
	}
	end_word(h);
}

static bool
joins(const struct head *h, size_t left)
{
	return !h->gap[left + 1] && is_name_char(h->text[left]);
}

/* Does the name at text[at] stand alone, and not as a property's value? */
static bool
counts(const struct head *h, size_t at)
{
	size_t end = at + h->name.n;

	while (end < h->n && !h->gap[end] && h->text[end] == '.')
		end++;
	if (end < h->n && !h->gap[end] && is_name_char(h->text[end]))
		return false;
	while (at > 0 && !h->gap[at] && h->text[at - 1] == '.')
		at--;
	if (at > 0 && joins(h, at - 1))
		return false;
	if (at < 2)
		return true;
	if (h->text[at - 1] == '=')
		return !is_name_char(h->text[at - 2]);
	return h->text[at - 1] != '@' ||
	       (!is_name_char(h->text[at - 2]) && h->text[at - 2] != '=');
}

static bool
finds_name(const struct head *h)
{
	size_t from = 0;

	if (h->word_found)
		return true;
	while (from < h->n) {
		const char *p =
		    memmem(h->text + from, h->n - from, h->name.p, h->name.n);

		if (p == NULL)
			return false;
		if (counts(h, (size_t)(p - h->text)))
			return true;
		from = (size_t)(p - h->text) + 1;
	}
	return false;
}

/* Habits that make no difference without others are not tried twice. */
static bool
is_distinct(unsigned habits)
{
	if (!(habits & SKIPS_COMMENTS) &&
	    (habits & (NESTS_COMMENTS | HEEDS_QUOTES_IN_COMMENTS)))
		return false;
	return (habits & HEEDS_QUOTES) || !(habits & HEEDS_QUOTES_IN_COMMENTS);
}

/* Readers differ only in what they make of these. */
static bool
can_be_read_differently(struct gp_str value)
{
	return gp_str_find(value, '(') != value.n ||
	       gp_str_find(value, '"') != value.n ||
	       gp_str_find(value, '\\') != value.n;
}

/* The id as it would stand in `text`, without dots around; "" if there is no
 * letter in it. */
static struct gp_str
fold_name(const char *id, char *folded)
{
	struct gp_str name = gp_str(id);
	char domain[GP_DOMAIN_TEXT];
	bool has_content = false;
	size_t n = 0;

	if (gp_domain_normalize(name, domain, NULL) == GP_OK)
		name = gp_str(domain);
	for (size_t i = 0; i < name.n; i++) {
		struct reading r = { .habits = 0 };

		if (read_octet(&r, name.p[i]) != SHOWN ||
		    (n == 0 && name.p[i] == '.'))
			continue;
		folded[n++] = shown_as(name.p[i]);
		has_content |= gp_is_alnum(name.p[i]);
	}
	while (n > 0 && folded[n - 1] == '.')
		n--;
	return gp_str_n(folded, has_content ? n : 0);
}

bool
gp_authres_claims(struct gp_str value, const char *id)
{
	/* an id of U-labels is longer as A-labels, but then not above this */
	char *folded = gp_xcalloc(strlen(id) + GP_DOMAIN_TEXT, 1);
	struct head *h = gp_xcalloc(1, sizeof(*h));
	unsigned most = can_be_read_differently(value) ? ALL_HABITS : 0;
	bool claimed = false;

	h->name = fold_name(id, folded);
	h->text = gp_xcalloc(value.n, 1);
	h->gap = gp_xcalloc(value.n, sizeof(*h->gap));
	for (unsigned habits = 0; habits <= most && !claimed; habits++) {
		if (h->name.n == 0 || !is_distinct(habits))
			continue;
		read_head(h, value, habits);
		claimed = finds_name(h);
	}
	free(h->gap);
	free(h->text);
	free(h);
	free(folded);
	return claimed;
}
