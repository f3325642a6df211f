/* See preflight.h; preflight_read.c reads the header. */
#include "core/preflight.h"

#include <string.h>

#define PREFIX "preflight."

/* Bytes of all clauses; gp_reply_text cuts them to what a reply may have. */
#define TEXT_MAX 4096

/* -- words -------------------------------------------------------------- */

static const char *
rule_name(enum gp_preflight_need need)
{
	switch (need) {
	case GP_NEED_FROM_ONE:
		return PREFIX "from-one";
	case GP_NEED_ALIGNED_DKIM:
		return PREFIX "aligned-dkim";
	case GP_NEED_ALIGNED_SPF:
		return PREFIX "aligned-spf";
	case GP_NEED_DMARC_RECORD:
		return PREFIX "dmarc-record";
	case GP_NEED_DATE:
		return PREFIX "date";
	case GP_NEED_MESSAGE_ID:
		return PREFIX "message-id";
	case GP_NEED_SUBJECT:
		return PREFIX "subject";
	case GP_NEED_ONE_CLICK:
		return PREFIX "list-unsubscribe-oneclick";
	case GP_NEEDS:
		break;
	}
	return PREFIX "unknown";
}

const char *
gp_preflight_need_name(enum gp_preflight_need need)
{
	return rule_name(need) + sizeof(PREFIX) - 1;
}

bool
gp_preflight_any(const struct gp_config *config)
{
	const struct gp_policy *v;
	size_t n;

	v = gp_config_domains(config, &n);
	for (size_t i = 0; i < n; i++)
		if (v[i].preflight.given)
			return true;
	return false;
}

/* -- the judgement ------------------------------------------------------- */

/* The worst of what one-click needs; of equals the first. */
static const struct gp_preflight_point *
one_click(const struct gp_preflight_header *header,
    const struct gp_preflight_facts *facts)
{
	const struct gp_preflight_point *const all[] = { &header->one_click,
		&header->covered, &facts->dkim };
	const struct gp_preflight_point *worst = all[0];

	for (size_t i = 1; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i]->state > worst->state)
			worst = all[i];
	return worst;
}

static const struct gp_preflight_point *
point_of(enum gp_preflight_need need, const struct gp_preflight_header *header,
    const struct gp_preflight_facts *facts)
{
	static const struct gp_preflight_point met = { GP_PREFLIGHT_MET, NULL };

	switch (need) {
	case GP_NEED_FROM_ONE:
		return &header->from_one;
	case GP_NEED_ALIGNED_DKIM:
		return &facts->dkim;
	case GP_NEED_ALIGNED_SPF:
		return &facts->spf;
	case GP_NEED_DMARC_RECORD:
		return &facts->record;
	case GP_NEED_DATE:
		return &header->date;
	case GP_NEED_MESSAGE_ID:
		return &header->message_id;
	case GP_NEED_SUBJECT:
		return &header->subject;
	case GP_NEED_ONE_CLICK:
		return one_click(header, facts);
	case GP_NEEDS:
		break;
	}
	return &met;
}

static bool
has(const struct gp_preflight *p, enum gp_preflight_need need)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].need == need)
			return true;
	return false;
}

void
gp_preflight_judge(const struct gp_preflight_policy *policy,
    const struct gp_preflight_header *header,
    const struct gp_preflight_facts *facts, struct gp_preflight *out)
{
	*out = (struct gp_preflight){ .n = 0 };
	for (size_t i = 0; i < policy->require.n; i++) {
		const enum gp_preflight_need need = policy->require.v[i];
		const struct gp_preflight_point *point =
		    point_of(need, header, facts);

		if (point->state == GP_PREFLIGHT_MET || has(out, need))
			continue;
		out->v[out->n++] = (struct gp_preflight_finding){ .need = need,
			.state = point->state,
			.why = point->why };
		if (point->state == GP_PREFLIGHT_MISSING)
			out->missing++;
		else
			out->open++;
	}
}

/* -- what is done about it ----------------------------------------------- */

/* "date,subject": the names of all in that state. */
static void
add_names(const struct gp_preflight *p, enum gp_preflight_state state,
    const char *between, struct gp_buf *out)
{
	const char *before = "";

	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i].state != state)
			continue;
		gp_buf_adds(out, before);
		gp_buf_adds(out, gp_preflight_need_name(p->v[i].need));
		before = between;
	}
}

/* Two may be missing for the same reason. */
static bool
is_said(const struct gp_preflight *p, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (p->v[i].state == p->v[at].state &&
		    strcmp(p->v[i].why, p->v[at].why) == 0)
			return true;
	return false;
}

/* The clauses of all in that state. */
static void
add_clauses(const struct gp_preflight *p, enum gp_preflight_state state,
    struct gp_buf *out)
{
	const char *before = ": ";

	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i].state != state || is_said(p, i))
			continue;
		gp_buf_adds(out, before);
		gp_buf_adds(out, p->v[i].why);
		before = "; ";
	}
}

static const char *
reply_text(const struct gp_preflight *p, enum gp_preflight_state state,
    struct gp_arena *arena)
{
	struct gp_buf text;
	const char *out;

	gp_buf_init(&text, TEXT_MAX);
	gp_buf_adds(&text,
	    state == GP_PREFLIGHT_MISSING
		? "this message lacks what receivers demand (preflight): "
		: "this message can not be checked now (preflight): ");
	add_names(p, state, ", ", &text);
	add_clauses(p, state, &text);
	out = gp_arena_strdup(arena, gp_buf_cstr(&text));
	gp_buf_clear(&text);
	return out;
}

static const char *
first_rule(const struct gp_preflight *p, enum gp_preflight_state state)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].state == state)
			return rule_name(p->v[i].need);
	return PREFIX "pass";
}

struct gp_verdict
gp_preflight_verdict(const struct gp_preflight_policy *policy,
    const struct gp_preflight *p, bool bounce, struct gp_arena *arena)
{
	const enum gp_preflight_state state =
	    p->missing > 0 ? GP_PREFLIGHT_MISSING : GP_PREFLIGHT_OPEN;
	enum gp_disposition d = GP_DO_TAG;
	struct gp_verdict v = gp_continue();

	v.why = first_rule(p, state);
	if (p->n > 0 && !bounce)
		d = p->missing > 0 ? policy->otherwise : policy->temperror;
	if (policy->mode == GP_ENFORCE && d == GP_DO_REJECT)
		return gp_reject("5.7.1", reply_text(p, state, arena), v.why);
	if (policy->mode == GP_ENFORCE && d == GP_DO_TEMPFAIL)
		return gp_tempfail("4.7.1", reply_text(p, state, arena), v.why);
	/* what is left is to be watched, or nothing to be done */
	v.disposition = d;
	v.monitored = d != GP_DO_TAG;
	return v;
}

static void
describe_names(const struct gp_preflight *p, enum gp_preflight_state state,
    const char *key, struct gp_logline *line)
{
	struct gp_buf names;

	gp_buf_init(&names, GP_LOG_VALUE_MAX);
	add_names(p, state, ",", &names);
	if (names.n > 0)
		gp_logline_adds(line, key, gp_buf_cstr(&names));
	gp_buf_clear(&names);
}

void
gp_preflight_describe(const struct gp_preflight *p, struct gp_logline *line)
{
	gp_logline_adds(line, "preflight",
	    p->missing > 0 ? "fail"
	    : p->open > 0  ? "open"
			   : "pass");
	describe_names(p, GP_PREFLIGHT_MISSING, "missing", line);
	describe_names(p, GP_PREFLIGHT_OPEN, "open", line);
	for (size_t i = 0; i < p->n; i++)
		gp_logline_adds(line, gp_preflight_need_name(p->v[i].need),
		    p->v[i].why);
}
