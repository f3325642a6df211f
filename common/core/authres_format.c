/* See authres.h.  Both writers leave out the same things, or a seal would
 * cover what nobody gets to read. */
#include "core/authres.h"
#include "core/authres_word.h"

/* RFC 5322 2.1.1: 78 columns are good, 998 octets are the end. */
#define COLUMNS_MAX 78
#define WORD_MAX    900
#define TAB_COLUMNS 8

struct writer {
	struct gp_buf *out;
	size_t column;
	bool folds;
};

static void
add_quoted(struct gp_str value, struct gp_buf *out)
{
	gp_buf_addc(out, '"');
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '"' || value.p[i] == '\\')
			gp_buf_addc(out, '\\');
		gp_buf_addc(out, value.p[i]);
	}
	gp_buf_addc(out, '"');
}

static void
add_value(struct gp_str value, struct gp_buf *out)
{
	if (gp_word_is_plain(value))
		gp_buf_add_str(out, value);
	else
		add_quoted(value, out);
}

static void
add_lower(struct gp_str keyword, struct gp_buf *out)
{
	for (size_t i = 0; i < keyword.n; i++)
		gp_buf_addc(out, gp_lower(keyword.p[i]));
}

/* Octets of the value in quotes; SIZE_MAX when it can not be written. */
static size_t
quoted_length(struct gp_str value)
{
	size_t n = value.n + 2;

	if (value.n > WORD_MAX || !gp_str_is_text(value))
		return SIZE_MAX;
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] == '"' || value.p[i] == '\\')
			n++;
	return n;
}

static bool
is_writable_word(struct gp_str left, struct gp_str right, struct gp_str value)
{
	size_t quoted = quoted_length(value);

	return left.n <= WORD_MAX && right.n <= WORD_MAX &&
	       quoted <= WORD_MAX && left.n + right.n + quoted + 2 <= WORD_MAX;
}

static bool
is_writable_id(struct gp_str id)
{
	return quoted_length(id) <= WORD_MAX;
}

static bool
is_writable_reason(struct gp_str reason)
{
	return reason.n != 0 &&
	       is_writable_word(GP_STR("reason"), GP_STR(""), reason);
}

static bool
is_writable_prop(const struct gp_authres_prop *prop)
{
	return gp_word_is_keyword(prop->ptype) &&
	       gp_word_is_keyword(prop->property) &&
	       is_writable_word(prop->ptype, prop->property, prop->value);
}

static bool
is_writable_result(const struct gp_authres_result *res)
{
	return gp_word_is_keyword(res->method) &&
	       gp_word_is_keyword(res->result) &&
	       is_writable_word(res->method, res->result, GP_STR(""));
}

/* A blank or a fold, then the word. */
static void
put_word(struct writer *w, struct gp_str word, bool new_line)
{
	bool fold = w->folds &&
	            (new_line || (w->column > TAB_COLUMNS &&
				     w->column + 1 + word.n >= COLUMNS_MAX));

	gp_buf_adds(w->out, fold ? "\n\t" : " ");
	gp_buf_add_str(w->out, word);
	w->column = (fold ? TAB_COLUMNS : w->column + 1) + word.n;
}

static void
put_result(struct writer *w, const struct gp_authres_result *res,
    struct gp_buf *word)
{
	size_t n = 0;

	gp_buf_reset(word);
	gp_buf_add_str(word, res->method);
	gp_buf_addc(word, '=');
	gp_buf_add_str(word, res->result);
	put_word(w, gp_buf_str(word), true);
	if (is_writable_reason(res->reason)) {
		gp_buf_reset(word);
		gp_buf_adds(word, "reason=");
		add_value(res->reason, word);
		put_word(w, gp_buf_str(word), false);
	}
	for (size_t i = 0; i < res->n && n < GP_AUTHRES_PROPS_MAX; i++) {
		if (!is_writable_prop(&res->prop[i]))
			continue;
		gp_buf_reset(word);
		gp_buf_add_str(word, res->prop[i].ptype);
		gp_buf_addc(word, '.');
		gp_buf_add_str(word, res->prop[i].property);
		gp_buf_addc(word, '=');
		if (gp_word_is_plain_address(res->prop[i].value))
			gp_buf_add_str(word, res->prop[i].value);
		else
			add_value(res->prop[i].value, word);
		put_word(w, gp_buf_str(word), false);
		n++;
	}
}

static void
write_field(const struct gp_authres *ar, bool folds, struct gp_buf *out)
{
	struct writer w = { .out = out, .folds = folds };
	struct gp_buf word;
	size_t n = 0;

	gp_buf_init(&word, (size_t)2 * WORD_MAX);
	add_value(ar->id, out);
	for (size_t i = 0; i < ar->n && n < GP_AUTHRES_RESULTS_MAX; i++) {
		if (!is_writable_result(&ar->result[i]))
			continue;
		gp_buf_addc(out, ';');
		put_result(&w, &ar->result[i], &word);
		n++;
	}
	if (n == 0)
		gp_buf_adds(out, "; none");
	gp_buf_clear(&word);
}

void
gp_authres_format(const struct gp_authres *ar, struct gp_buf *out)
{
	struct gp_buf line;

	if (!is_writable_id(ar->id))
		return;
	gp_buf_init(&line, COLUMNS_MAX - (sizeof(GP_AUTHRES_NAME ": ") - 1));
	write_field(ar, false, &line);
	if (line.overflow)
		write_field(ar, true, out);
	else
		gp_buf_add_str(out, gp_buf_str(&line));
	gp_buf_clear(&line);
}

static void
add_canonical_result(const struct gp_authres_result *res, struct gp_buf *out)
{
	size_t n = 0;

	gp_buf_addc(out, ';');
	add_lower(res->method, out);
	gp_buf_addc(out, '=');
	add_lower(res->result, out);
	if (is_writable_reason(res->reason)) {
		gp_buf_adds(out, " reason=");
		add_quoted(res->reason, out);
	}
	for (size_t i = 0; i < res->n && n < GP_AUTHRES_PROPS_MAX; i++) {
		if (!is_writable_prop(&res->prop[i]))
			continue;
		gp_buf_addc(out, ' ');
		add_lower(res->prop[i].ptype, out);
		gp_buf_addc(out, '.');
		add_lower(res->prop[i].property, out);
		gp_buf_addc(out, '=');
		add_quoted(res->prop[i].value, out);
		n++;
	}
}

void
gp_authres_canonical(const struct gp_authres *ar, struct gp_buf *out)
{
	size_t n = 0;

	if (!is_writable_id(ar->id))
		return;
	add_quoted(ar->id, out);
	for (size_t i = 0; i < ar->n && n < GP_AUTHRES_RESULTS_MAX; i++) {
		if (!is_writable_result(&ar->result[i]))
			continue;
		add_canonical_result(&ar->result[i], out);
		n++;
	}
}
