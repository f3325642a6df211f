/* See record_dmarc.h. */
#include "core/record_dmarc.h"

#include "core/domain.h"

#include <string.h>

/* -- words of one module in those of the other ----------------------------- */

static enum gp_record_result
result_of(enum gp_dmarc_result r)
{
	switch (r) {
	case GP_DMARC_R_PASS:
		return GP_RECORD_R_PASS;
	case GP_DMARC_R_FAIL:
		return GP_RECORD_R_FAIL;
	case GP_DMARC_R_TEMPERROR:
		return GP_RECORD_R_TEMPERROR;
	case GP_DMARC_R_PERMERROR:
		return GP_RECORD_R_PERMERROR;
	case GP_DMARC_R_NONE:
	case GP_DMARC_RESULTS:
		break;
	}
	return GP_RECORD_R_NONE;
}

static enum gp_record_policy
policy_of(enum gp_dmarc_request r)
{
	switch (r) {
	case GP_DMARC_NONE:
		return GP_RECORD_P_NONE;
	case GP_DMARC_QUARANTINE:
		return GP_RECORD_P_QUARANTINE;
	case GP_DMARC_REJECT:
		return GP_RECORD_P_REJECT;
	case GP_DMARC_ABSENT:
		break;
	}
	return GP_RECORD_P_ABSENT;
}

static enum gp_record_override
override_of(enum gp_dmarc_reason r)
{
	switch (r) {
	case GP_DMARC_LOCAL_POLICY:
		return GP_RECORD_O_LOCAL_POLICY;
	case GP_DMARC_MAILING_LIST:
		return GP_RECORD_O_MAILING_LIST;
	case GP_DMARC_OTHER:
		return GP_RECORD_O_OTHER;
	case GP_DMARC_TEST_MODE:
		return GP_RECORD_O_POLICY_TEST_MODE;
	case GP_DMARC_TRUSTED_FORWARDER:
		return GP_RECORD_O_TRUSTED_FORWARDER;
	case GP_DMARC_AS_ASKED:
		break;
	}
	return GP_RECORD_O_NONE;
}

/* -- strings -------------------------------------------------------------- */

static bool
is_plain(struct gp_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!gp_is_print(s.p[i]) || s.p[i] == ' ')
			return false;
	return s.n <= GP_DOMAIN_MAX;
}

/* A name that a record can hold: U-labels as A-labels, else empty. */
static struct gp_str
name_of(struct gp_str s, struct gp_arena *arena)
{
	char name[GP_DOMAIN_TEXT];

	if (is_plain(s))
		return s;
	if (gp_domain_normalize(s, name, NULL) != GP_OK)
		return GP_STR("");
	return gp_str(gp_arena_strdup(arena, name));
}

/* As much of it as fits, whole characters; "" when it is no text. */
static struct gp_str
comment_of(const char *text)
{
	struct gp_str s = gp_str(text);

	if (s.n > GP_RECORD_COMMENT_MAX)
		s.n = GP_RECORD_COMMENT_MAX;
	for (unsigned cut = 0; cut < 4 && s.n > 0 && !gp_str_is_text(s); cut++)
		s.n--;
	return gp_str_is_text(s) ? s : GP_STR("");
}

/* -- members -------------------------------------------------------------- */

static void
set_published(const struct gp_record_source *from, struct gp_record *out)
{
	const struct gp_dmarc_outcome *o = from->c->outcome;

	out->policy_published.discovery_method = from->discovery == GP_DMARC_PSL
	                                             ? GP_RECORD_PSL
	                                             : GP_RECORD_TREEWALK;
	if (o->policy_domain == NULL)
		return;
	out->policy_published.domain = gp_str(o->policy_domain);
	out->policy_published.p = policy_of(o->record.p);
	out->policy_published.sp = policy_of(o->record.sp);
	out->policy_published.np = policy_of(o->record.np);
	out->policy_published.adkim =
	    o->record.strict_dkim ? GP_RECORD_STRICT : GP_RECORD_RELAXED;
	out->policy_published.aspf =
	    o->record.strict_spf ? GP_RECORD_STRICT : GP_RECORD_RELAXED;
	out->policy_published.testing = o->record.testing;
}

static enum gp_record_disposition
disposition_of(const struct gp_record_source *from)
{
	const struct gp_dmarc_outcome *o = from->c->outcome;

	switch (from->done->applied) {
	case GP_DMARC_REJECT:
		return GP_RECORD_D_REJECT;
	case GP_DMARC_QUARANTINE:
		return GP_RECORD_D_QUARANTINE;
	case GP_DMARC_NONE:
	case GP_DMARC_ABSENT:
		break;
	}
	/* "pass": it passed a policy that asks for something */
	return o->result == GP_DMARC_R_PASS && o->asked > GP_DMARC_NONE
	           ? GP_RECORD_D_PASS
	           : GP_RECORD_D_NONE;
}

static void
set_evaluated(const struct gp_record_source *from, struct gp_record *out)
{
	const struct gp_dmarc_outcome *o = from->c->outcome;

	out->policy_evaluated.result = result_of(o->result);
	out->policy_evaluated.disposition = disposition_of(from);
	out->policy_evaluated.spf = o->spf_aligned;
	out->policy_evaluated.dkim = o->dkim_aligned;
	out->policy_evaluated.reason = override_of(from->done->reason);
	if (o->result == GP_DMARC_R_TEMPERROR)
		out->policy_evaluated.reason = GP_RECORD_O_OTHER;
	if (out->policy_evaluated.reason != GP_RECORD_O_NONE)
		out->policy_evaluated.comment = comment_of(
		    o->result == GP_DMARC_R_TEMPERROR ? o->reason
						      : from->done->comment);
}

static void
set_spf(const struct gp_record_source *from, struct gp_record *out)
{
	const struct gp_dmarc_inputs *in = from->inputs;
	enum gp_spf_result result;

	if (gp_spf_result_parse(in->spf_result, &result) != GP_OK ||
	    result == GP_SPF_SKIPPED)
		return;
	out->spf.scope = from->null_sender ? GP_RECORD_HELO : GP_RECORD_MFROM;
	out->spf.result = result;
	out->spf.domain = gp_str(in->spf_domain);
}

/* -- signatures ----------------------------------------------------------- */

/* The ranks of RFC 9990 3.1.3, the best first. */
enum { SAME, RELATED, PASSES, OTHERS, RANKS };

static unsigned
rank_of(const struct gp_dmarc_signature *s, enum gp_dkim_result result,
    const struct gp_dmarc_case *c)
{
	const char *org = c->outcome->org_domain;

	if (result != GP_DKIM_PASS)
		return OTHERS;
	if (strcmp(s->domain, c->author) == 0)
		return SAME;
	return org != NULL && (strcmp(s->domain, org) == 0 ||
				  gp_domain_is_below(s->domain, org))
	           ? RELATED
	           : PASSES;
}

static void
add_signatures(const struct gp_record_source *from, unsigned rank,
    struct gp_arena *arena, struct gp_record *out)
{
	for (size_t i = 0; i < from->inputs->n_signatures; i++) {
		const struct gp_dmarc_signature *s =
		    &from->inputs->signatures[i];
		enum gp_dkim_result result;

		if (s->domain == NULL || out->n_dkim == GP_RECORD_DKIM_MAX ||
		    gp_dkim_result_parse(s->result, &result) != GP_OK ||
		    rank_of(s, result, from->c) != rank)
			continue;
		out->dkim[out->n_dkim].result = result;
		out->dkim[out->n_dkim].domain = gp_str(s->domain);
		out->dkim[out->n_dkim].selector = name_of(s->selector, arena);
		out->n_dkim++;
	}
}

/* -- the record ----------------------------------------------------------- */

static bool
is_kept(const struct gp_record_source *from)
{
	return from->c->author != NULL &&
	       from->verdict->action != GP_TEMPFAIL &&
	       (from->c->outcome->result == GP_DMARC_R_PASS ||
		   from->c->outcome->result == GP_DMARC_R_FAIL ||
		   from->c->outcome->result == GP_DMARC_R_TEMPERROR);
}

enum gp_rc
gp_record_of_dmarc(const struct gp_record_source *from, struct gp_arena *arena,
    struct gp_record *out)
{
	*out = (struct gp_record){ .time_s = from->time_s };
	if (!is_kept(from))
		return GP_NONE;
	out->source_ip = *from->client;
	out->header_from = gp_str(from->c->author);
	out->envelope_from = name_of(gp_str(from->mail_from), arena);
	set_published(from, out);
	set_evaluated(from, out);
	set_spf(from, out);
	for (unsigned rank = 0; rank < RANKS; rank++)
		add_signatures(from, rank, arena, out);
	return GP_OK;
}
