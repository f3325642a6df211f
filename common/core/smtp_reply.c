/* See smtp_reply.h. */
#include "core/smtp_reply.h"

/* One line, without its end.  GP_NONE: it has none yet. */
static enum gp_rc
take_line(struct gp_str *in, struct gp_str *line, struct gp_err *err)
{
	size_t n = gp_str_find(*in, '\n');

	if (n > GP_SMTP_LINE_MAX)
		return gp_fail(err, GP_PERM, "a line of over %d octets",
		    GP_SMTP_LINE_MAX);
	if (n == in->n)
		return GP_NONE;
	*line = gp_str_n(in->p, n);
	if (n > 0 && in->p[n - 1] == '\r')
		line->n--;
	*in = gp_str_n(in->p + n + 1, in->n - n - 1);
	return GP_OK;
}

/* "250-" or "250 " or "250"; 0: no code. */
static unsigned
code_of(struct gp_str line, bool *more)
{
	uint64_t code;

	if (line.n < 3 ||
	    gp_parse_u64(gp_str_n(line.p, 3), 599, &code) != GP_OK ||
	    code < 200)
		return 0;
	if (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-')
		return 0;
	*more = line.n > 3 && line.p[3] == '-';
	return (unsigned)code;
}

enum gp_rc
gp_smtp_reply_take(struct gp_str *in, struct gp_smtp_reply *out,
    struct gp_err *err)
{
	struct gp_str rest = *in, line = { .n = 0 };
	bool more = true;

	*out = (struct gp_smtp_reply){ .code = 0 };
	for (unsigned n = 0; more; n++) {
		enum gp_rc rc = take_line(&rest, &line, err);
		unsigned code;

		if (rc != GP_OK)
			return rc;
		code = code_of(line, &more);
		if (code == 0 || n == GP_SMTP_LINES_MAX ||
		    (n > 0 && code != out->code))
			return gp_fail(err, GP_PERM, "no reply of SMTP");
		out->code = code;
	}
	out->text = gp_str_n(in->p, in->n - rest.n);
	*in = rest;
	return GP_OK;
}

bool
gp_smtp_reply_offers(const struct gp_smtp_reply *r, struct gp_str keyword)
{
	struct gp_str rest = r->text;
	bool first = true;

	while (rest.n > 0) {
		struct gp_str line = gp_str_trim(gp_str_split(&rest, '\n'));
		struct gp_str word = line.n < 4
		                         ? gp_str_n(NULL, 0)
		                         : gp_str_n(line.p + 4, line.n - 4);

		word.n = gp_str_find(word, ' ');
		if (!first && gp_str_eq_nocase(word, keyword))
			return true;
		first = false;
	}
	return false;
}
