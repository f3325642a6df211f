/* See policy_token.h. */
#include "core/policy_token.h"

#include <string.h>

#define SHOWN_MAX    64
#define NO_VARIABLES ": expected no ${, variables are not put in"

static void
problem(const struct gp_tokens *t, unsigned line, const char *text)
{
	gp_problems_add(t->problems,
	    (struct gp_origin){ .file = t->file, .line = line }, "%s", text);
}

/* -- bytes ------------------------------------------------------------- */

/* A line with a NUL or with something that is no UTF-8 is said once; words
 * and strings with such bytes are then BROKEN without another word. */
static bool
is_clean(struct gp_str s)
{
	return gp_str_find(s, '\0') == s.n && gp_str_is_utf8(s);
}

static void
check_bytes(struct gp_tokens *t)
{
	struct gp_str rest = t->text;
	unsigned line = 1;

	for (; rest.p != NULL; line++) {
		struct gp_str text = gp_str_split(&rest, '\n');

		if (gp_str_find(text, '\0') != text.n)
			problem(t, line, "a NUL byte: expected text");
		else if (!gp_str_is_utf8(text))
			problem(t, line,
			    "a byte that is no UTF-8: expected UTF-8");
	}
}

static char
byte_at(const struct gp_tokens *t, size_t at)
{
	if (at >= t->text.n)
		return '\0';
	return t->text.p[at];
}

static bool
has(const struct gp_tokens *t, const char *two)
{
	return t->text.n - t->at >= 2 && memcmp(t->text.p + t->at, two, 2) == 0;
}

/* -- blanks and comments ----------------------------------------------- */

static void
skip_line(struct gp_tokens *t)
{
	while (t->at < t->text.n && t->text.p[t->at] != '\n')
		t->at++;
}

static void
skip_comment(struct gp_tokens *t)
{
	unsigned line = t->line;

	for (t->at += 2; t->at < t->text.n; t->at++) {
		if (has(t, "*/")) {
			t->at += 2;
			return;
		}
		if (t->text.p[t->at] == '\n')
			t->line++;
	}
	problem(t, line, "/*: expected */ at the end of the comment");
}

static void
skip_blanks(struct gp_tokens *t)
{
	while (t->at < t->text.n) {
		char c = t->text.p[t->at];

		if (c == '#' || has(t, "//")) {
			skip_line(t);
		} else if (has(t, "/*")) {
			skip_comment(t);
		} else if (gp_is_space(c)) {
			t->at++;
			t->line += c == '\n';
		} else {
			return;
		}
	}
}

/* -- tokens ------------------------------------------------------------ */

/* "SCHEME:...@", with quotes or without, may be the URL of a store. */
static bool
has_password(struct gp_str raw)
{
	struct gp_str rest = raw;

	(void)gp_str_split(&rest, ':');
	return gp_str_find(rest, '@') < rest.n && gp_str_find(raw, '/') < raw.n;
}

void
gp_token_problem(const struct gp_tokens *t, const struct gp_token *token,
    const char *why)
{
	struct gp_str raw = token->raw;
	size_t n = raw.n > SHOWN_MAX ? SHOWN_MAX : raw.n;
	bool hidden = has_password(raw);

	if (hidden)
		n = gp_str_find(raw, ':') + 1;
	while (n < raw.n && n > 0 && ((unsigned char)raw.p[n] & 0xc0) == 0x80)
		n--;
	gp_problems_add(t->problems,
	    (struct gp_origin){ .file = t->file, .line = token->line },
	    "%.*s%s%s", (int)n, n == 0 ? "" : raw.p, hidden ? "..." : "", why);
}

static void
breaks(struct gp_tokens *t, const char *why)
{
	gp_token_problem(t, &t->now, why);
	t->now.kind = GP_TOKEN_BROKEN;
}

static void
end_token(struct gp_tokens *t, size_t from)
{
	t->now.raw = gp_str_n(t->text.p + from, t->at - from);
}

static void
check_length(struct gp_tokens *t)
{
	if (t->now.kind != GP_TOKEN_BROKEN && t->now.raw.n > GP_TOKEN_MAX)
		breaks(t, ": expected at most 4096 bytes");
}

static bool
is_word_byte(char c)
{
	return gp_is_alnum(c) || (c != '\0' && strchr("._-:/@%", c) != NULL);
}

static bool
ends_word(const struct gp_tokens *t)
{
	char c = byte_at(t, t->at);

	return t->at == t->text.n || gp_is_space(c) || has(t, "+=") ||
	       (c != '\0' && strchr("{}=,()\"'#", c) != NULL);
}

static bool
begins_comment(const struct gp_tokens *t)
{
	return has(t, "//") || has(t, "/*");
}

/* ${NAME}, as far as it goes on this line. */
static void
skip_variable(struct gp_tokens *t)
{
	while (t->at < t->text.n && t->text.p[t->at] != '\n' &&
	       t->text.p[t->at] != '}')
		t->at++;
	if (byte_at(t, t->at) == '}')
		t->at++;
}

/* What is wrong with a word is said of all that stands together. */
static void
read_word(struct gp_tokens *t)
{
	size_t from = t->at;
	bool variable = false;
	bool comment = false;
	bool good = true;

	t->now.kind = GP_TOKEN_WORD;
	while (!ends_word(t)) {
		good = good && is_word_byte(t->text.p[t->at]);
		variable = has(t, "${");
		comment = comment || begins_comment(t);
		t->at++;
	}
	if (variable)
		skip_variable(t);
	end_token(t, from);
	if (variable)
		breaks(t, NO_VARIABLES);
	else if (!is_clean(t->now.raw))
		t->now.kind = GP_TOKEN_BROKEN;
	else if (comment)
		breaks(t, ": expected quotes, there is // or /* in it");
	else if (!good)
		breaks(t, ": expected a word, or quotes around this");
	check_length(t);
}

static void
check_string(struct gp_tokens *t, bool bad_escape)
{
	struct gp_str raw = t->now.raw;

	if (!is_clean(raw)) {
		t->now.kind = GP_TOKEN_BROKEN;
		return;
	}
	if (!gp_str_is_text(raw))
		breaks(t, ": expected no control characters");
	else if (bad_escape)
		breaks(t, ": expected only the quote or \\ after a \\");
	for (size_t i = 0; i + 1 < raw.n && t->now.kind == GP_TOKEN_STRING; i++)
		if (raw.p[i] == '$' && raw.p[i + 1] == '{')
			breaks(t, NO_VARIABLES);
	check_length(t);
}

/* The two escapes that are allowed mean the same to libconfuse. */
static void
read_string(struct gp_tokens *t)
{
	size_t from = t->at;
	char quote = t->text.p[t->at++];
	bool bad_escape = false;

	t->now.kind = GP_TOKEN_STRING;
	while (t->at < t->text.n && t->text.p[t->at] != quote &&
	       t->text.p[t->at] != '\n') {
		char after = byte_at(t, t->at + 1);

		if (t->text.p[t->at] != '\\')
			t->at++;
		else if (after == quote || after == '\\')
			t->at += 2;
		else {
			bad_escape = true;
			t->at++;
		}
	}
	if (byte_at(t, t->at) != quote) {
		end_token(t, from);
		breaks(t, ": expected a closing quote on the same line");
		return;
	}
	t->at++;
	end_token(t, from);
	check_string(t, bad_escape);
}

void
gp_token_next(struct gp_tokens *t)
{
	char c;

	skip_blanks(t);
	t->now = (struct gp_token){ .kind = GP_TOKEN_END, .line = t->line };
	if (t->at == t->text.n)
		return;
	c = t->text.p[t->at];
	if (c == '"' || c == '\'') {
		read_string(t);
	} else if (has(t, "+=") || (c != '\0' && strchr("{}=,()", c) != NULL)) {
		t->now.kind = GP_TOKEN_MARK;
		t->now.mark = c;
		t->at += c == '+' ? 2 : 1;
		t->now.raw = gp_str_n(t->text.p + t->at - 1, 1);
	} else {
		read_word(t);
	}
}

void
gp_token_rewind(struct gp_tokens *t, const struct gp_token *token)
{
	t->at = (size_t)(token->raw.p - t->text.p);
	t->line = token->line;
	gp_token_next(t);
}

bool
gp_token_is_mark(const struct gp_tokens *t, char mark)
{
	return t->now.kind == GP_TOKEN_MARK && t->now.mark == mark;
}

bool
gp_token_is_text(const struct gp_tokens *t)
{
	return t->now.kind == GP_TOKEN_WORD || t->now.kind == GP_TOKEN_STRING;
}

void
gp_tokens_init(struct gp_tokens *t, struct gp_str text, const char *file,
    struct gp_problems *problems)
{
	*t = (struct gp_tokens){ .text = text,
		.line = 1,
		.file = file,
		.problems = problems };
	check_bytes(t);
	gp_token_next(t);
}
