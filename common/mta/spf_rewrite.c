/* See spf_rewrite.h. */
#include "mta/spf_rewrite.h"

#include <string.h>

/* Bytes of a record in the library's own form; beyond 511 it drops terms. */
#define RECORD_BYTES 500

/* Literal text of one domain-spec: its length is kept in a byte. */
#define LITERAL_BYTES 240

/* Macros of one domain-spec that we leave to the library. */
#define MACROS_MAX 16

/* What the library spends on a mechanism, a prefix length, a piece of text. */
#define HEAD_BYTES ((size_t)4)

struct writer {
	const struct gp_spf_values *v;
	struct gp_buf *out;
	size_t bytes; /* in the library's form, never less than it takes */
};

/* The part of a macro behind its letter: digits, "r", delimiters. */
static bool
plain_transformers(struct gp_str s)
{
	size_t i = 0;

	if (s.n > 0 && s.p[0] == 'r')
		i++;
	for (; i < s.n; i++)
		if (s.p[i] == '\0' || strchr(".-+=_", s.p[i]) == NULL)
			return false;
	return true;
}

/* Does the library expand this domain-spec as RFC 7208 does, and within its
 * bounds? */
static bool
library_expands(struct gp_str s, unsigned *macros)
{
	*macros = 0;
	if (s.n > LITERAL_BYTES)
		return false;
	for (;;) {
		size_t start = gp_str_find(s, '%');
		size_t end;

		if (start + 2 >= s.n)
			return true;
		s = gp_str_n(s.p + start + 1, s.n - start - 1);
		if (s.p[0] != '{') {
			s = gp_str_n(s.p + 1, s.n - 1);
			continue;
		}
		end = gp_str_find(s, '}');
		if (end == s.n || end < 2 || ++*macros > MACROS_MAX ||
		    gp_lower(s.p[1]) != s.p[1] ||
		    !plain_transformers(gp_str_n(s.p + 2, end - 2)))
			return false;
		s = gp_str_n(s.p + end, s.n - end);
	}
}

static void
write_name(struct writer *w, const char *name)
{
	for (; *name != '\0'; name++) {
		if (*name == '%')
			gp_buf_adds(w->out, "%%");
		else if (*name == ' ')
			gp_buf_adds(w->out, "%_");
		else
			gp_buf_addc(w->out, *name);
	}
}

/* ":" or "=" and the domain-spec, without a final dot. */
static enum gp_rc
write_spec(struct writer *w, char before, const struct gp_spf_term *t,
    struct gp_err *err)
{
	const size_t start = w->out->n;
	struct gp_str spec = t->spec;
	char name[GP_DOMAIN_TEXT];
	unsigned macros;

	gp_buf_addc(w->out, before);
	if (spec.n > 0 && spec.p[spec.n - 1] == '.')
		spec.n--;
	if (library_expands(spec, &macros))
		gp_buf_add_str(w->out, spec);
	else if (t->uses.p && w->v->validated == NULL)
		return gp_fail(err, GP_NONE,
		    "libspf2 can not expand one of its macros");
	else if (gp_spf_target_name(t->spec, w->v, name) == GP_OK)
		write_name(w, name);
	else
		gp_buf_adds(w->out, GP_SPF_NO_NAME);
	/* each run of text has a head; a macro takes no more than its text */
	w->bytes += w->out->n - start + (macros + 1) * HEAD_BYTES;
	return GP_OK;
}

static void
write_network(struct writer *w, const struct gp_spf_term *t, const char *name)
{
	const bool v4 = t->kind == GP_SPF_TERM_IP4;
	const unsigned bits = v4 ? t->bits4 : t->bits6;
	char text[GP_IP_TEXT];

	if (bits == 0) {
		gp_buf_adds(w->out, v4 ? "ip4:0.0.0.0/1 " : "ip6:::/1 ");
		if (t->qualifier != '+')
			gp_buf_addc(w->out, t->qualifier);
		gp_buf_adds(w->out, v4 ? "ip4:128.0.0.0/1" : "ip6:8000::/1");
	} else {
		gp_buf_addf(w->out, "%s:%s", name, gp_ip_format(&t->net, text));
		if (bits < (v4 ? 32 : 128))
			gp_buf_addf(w->out, "/%u", bits);
	}
	w->bytes += (v4 ? 4 : sizeof(t->net.b)) + (bits == 0 ? 20 : 0);
}

/* "a" and "mx": only the prefix length that this client meets. */
static enum gp_rc
write_hosts(struct writer *w, const struct gp_spf_term *t, struct gp_err *err)
{
	const bool v6 = w->v->client.family == GP_IP_V6;
	const unsigned bits = v6 ? t->bits6 : t->bits4;

	if (t->spec.p != NULL) {
		if (write_spec(w, ':', t, err) != GP_OK)
			return GP_NONE;
	} else if (bits == 0) {
		gp_buf_adds(w->out, ":%{d}");
	}
	if (bits == 0)
		gp_buf_addc(w->out, GP_SPF_ANY_ADDRESS);
	else if (bits < (v6 ? 128 : 32))
		gp_buf_addf(w->out, v6 ? "//%u" : "/%u", bits);
	w->bytes += 3 * HEAD_BYTES; /* prefix length, %{d}, the mark */
	return GP_OK;
}

static enum gp_rc
write_named(struct writer *w, const char *name, const struct gp_spf_term *t,
    struct gp_err *err)
{
	gp_buf_adds(w->out, name);
	if (t->kind == GP_SPF_TERM_A || t->kind == GP_SPF_TERM_MX)
		return write_hosts(w, t, err);
	if (t->spec.p == NULL)
		return GP_OK;
	return write_spec(w, ':', t, err);
}

/* With a target that can not be, "ptr" matches nothing and asks nothing, but
 * libspf2 would ask: "a" of such a name does as it should. */
static enum gp_rc
write_ptr(struct writer *w, const struct gp_spf_term *t, struct gp_err *err)
{
	char name[GP_DOMAIN_TEXT];

	if (t->spec.p == NULL || (t->uses.p && w->v->validated == NULL) ||
	    gp_spf_target_name(t->spec, w->v, name) == GP_OK)
		return write_named(w, "ptr", t, err);
	gp_buf_adds(w->out, "a:" GP_SPF_NO_NAME);
	w->bytes += HEAD_BYTES + strlen(GP_SPF_NO_NAME);
	return GP_OK;
}

static enum gp_rc
write_mechanism(struct writer *w, const struct gp_spf_term *t,
    struct gp_err *err)
{
	gp_buf_addc(w->out, ' ');
	if (t->qualifier != '+')
		gp_buf_addc(w->out, t->qualifier);
	w->bytes += HEAD_BYTES;
	switch (t->kind) {
	case GP_SPF_TERM_IP4:
		write_network(w, t, "ip4");
		return GP_OK;
	case GP_SPF_TERM_IP6:
		write_network(w, t, "ip6");
		return GP_OK;
	case GP_SPF_TERM_INCLUDE:
		return write_named(w, "include", t, err);
	case GP_SPF_TERM_A:
		return write_named(w, "a", t, err);
	case GP_SPF_TERM_MX:
		return write_named(w, "mx", t, err);
	case GP_SPF_TERM_PTR:
		return write_ptr(w, t, err);
	case GP_SPF_TERM_EXISTS:
		return write_named(w, "exists", t, err);
	case GP_SPF_TERM_ALL:
	case GP_SPF_TERM_REDIRECT:
	case GP_SPF_TERM_EXP:
	case GP_SPF_TERM_UNKNOWN:
		break;
	}
	gp_buf_adds(w->out, "all");
	return GP_OK;
}

enum gp_rc
gp_spf_rewrite(const struct gp_spf_record *record,
    const struct gp_spf_values *v, struct gp_buf *out, struct gp_err *err)
{
	struct writer w = { .v = v, .out = out };
	bool ends = false;

	gp_buf_adds(out, "v=spf1");
	for (size_t i = 0; i < record->n && !ends; i++) {
		const struct gp_spf_term *t = &record->term[i];

		if (t->kind >= GP_SPF_TERM_REDIRECT)
			continue;
		if (write_mechanism(&w, t, err) != GP_OK)
			return GP_NONE;
		ends = t->kind == GP_SPF_TERM_ALL;
	}
	if (record->redirect != NULL && !ends) {
		gp_buf_adds(out, " redirect");
		w.bytes += HEAD_BYTES;
		if (write_spec(&w, '=', record->redirect, err) != GP_OK)
			return GP_NONE;
	}
	/* without a space behind it the library does not know "v=spf1" */
	gp_buf_addc(out, ' ');
	if (w.bytes > RECORD_BYTES || out->overflow)
		return gp_fail(err, GP_NONE,
		    "the record is longer than libspf2 can hold");
	return GP_OK;
}
