/* See spf_eval.h. */
#include "core/spf_eval.h"

static void
got_explanation(struct gp_spf_eval *e, const struct gp_dns_answer *a)
{
	struct gp_str text;

	if (a->rc != GP_OK || a->n != 1 ||
	    a->rr[0].text.n > GP_SPF_RECORD_MAX ||
	    gp_spf_macro_check(a->rr[0].text, GP_SPF_IN_TEXT, &e->explain_uses,
		NULL) != GP_OK) {
		e->ended = true;
		return;
	}
	text = gp_arena_dup(e->arena, a->rr[0].text);
	e->explain = text;
}

static void
expand_explanation(struct gp_spf_eval *e)
{
	struct gp_buf buf;
	struct gp_str text;

	gp_buf_init(&buf, (size_t)GP_SPF_RECORD_MAX * 4);
	gp_spf_macro_expand(e->explain, &e->values, &buf);
	text = gp_buf_str(&buf);
	if (text.n > GP_SPF_EXPLAIN_MAX)
		text.n = GP_SPF_EXPLAIN_MAX;
	if (!buf.overflow && text.n > 0 && gp_spf_is_ascii(text))
		e->outcome.explanation = gp_arena_dup(e->arena, text).p;
	gp_buf_clear(&buf);
	e->ended = true;
}

void
gp_spf_explain(struct gp_spf_eval *e)
{
	const struct gp_spf_term *exp = gp_spf_top(e)->record.exp;
	char target[GP_DOMAIN_TEXT];

	if (e->explain.p != NULL) {
		if (gp_spf_values_ready(e, &e->explain_uses))
			expand_explanation(e);
		return;
	}
	if (!gp_spf_values_ready(e, &exp->uses))
		return;
	if ((exp->uses.local && e->local_is_utf8) ||
	    !gp_spf_term_target(e, exp, target))
		e->ended = true;
	else
		gp_spf_ask(e, target, GP_DNS_TXT, got_explanation);
}
