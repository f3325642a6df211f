/* See dkim_sign.h. */
#include "core/dkim_sign.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* -- whether ------------------------------------------------------------ */

void
gp_dkim_plan(const struct gp_config *config, const struct gp_dkim_outbound *m,
    struct gp_arena *arena, struct gp_dkim_plan *out)
{
	struct gp_senders_finding senders;
	struct gp_err err;
	enum gp_rc rc = gp_author_find(m->header, arena, &out->author, &err);

	/* each must be allowed, whichever of them the readers will show */
	senders = gp_senders_check(config, &out->author.all, &m->sender, arena);
	out->sign = false;
	out->bounce = m->sender.bounce;
	out->verdict = senders.verdict;
	out->policy = senders.policy;
	out->why = senders.why;
	if (senders.policy != NULL)
		return;
	if (rc != GP_OK) {
		out->why = gp_arena_strdup(arena, err.msg);
		return;
	}
	out->policy = gp_policy_for(config, out->author.domain);
	if (out->policy->domain == NULL) {
		out->policy = NULL;
		out->why = "no block for the From: domain";
	} else if (out->policy->n_keys == 0) {
		out->why = "the block has no key";
	} else if (m->header->over) {
		out->why = "the header is too large";
	} else {
		out->sign = true;
		out->why =
		    gp_arena_printf(arena, "block %s", out->policy->domain);
	}
}

void
gp_dkim_plan_fragile(struct gp_dkim_plan *plan, unsigned found,
    struct gp_arena *arena)
{
	const char *what;
	unsigned first = 0;

	if (!plan->sign || plan->bounce || found == 0 ||
	    plan->policy->signing.on_fragile != GP_FRAGILE_REJECT)
		return;
	while ((found & 1U << first) == 0)
		first++;
	what = gp_fragile_text((enum gp_fragile)first);
	plan->sign = false;
	plan->why = what;
	plan->verdict = gp_reject("5.6.0",
	    gp_arena_printf(arena,
		"this message would be changed on its way and its signature "
		"broken: %s",
		what),
	    "on-fragile");
}

/* -- what ---------------------------------------------------------------- */

static const char *const signed_fields[] = { "From", "Sender", "Reply-To", "To",
	"Cc", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type",
	"Content-Transfer-Encoding", "In-Reply-To", "References", "List-Id",
	"List-Help", "List-Owner", "List-Post", "List-Subscribe",
	"List-Archive", "List-Unsubscribe", "List-Unsubscribe-Post",
	"Feedback-ID", "Auto-Submitted", "CFBL-Address", "CFBL-Feedback-ID",
	"Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc", "Resent-Date",
	"Resent-Message-ID" };

/* Against a second field that is put in afterwards, where readers would
 * believe it. */
static const char *const oversigned_always[] = { "From", "Subject", "To", "Cc",
	"Reply-To", "MIME-Version", "Content-Type",
	"Content-Transfer-Encoding" };

/* Where there are none others may add them: mailing lists; and of the first
 * two an MTA that submits (RFC 5321 section 6.4), as Sendmail does behind its
 * filters. */
static const char *const oversigned_present[] = { "Date", "Message-ID",
	"Sender", "In-Reply-To", "References", "List-Unsubscribe",
	"List-Unsubscribe-Post", "Feedback-ID" };

/* The names of h= as they are collected. */
struct choice {
	const struct gp_header *h;
	struct gp_str *names;
	size_t n, max;
};

static bool
chosen(const struct choice *c, struct gp_str name)
{
	for (size_t i = 0; i < c->n; i++)
		if (gp_str_eq_nocase(c->names[i], name))
			return true;
	return false;
}

/* Will one of that name leave in a form that nobody knows?  From is signed as
 * it is: without it there is no signature. */
static bool
is_unsettled(const struct choice *c, struct gp_str name)
{
	if (gp_str_eq_nocase(name, GP_STR("From")))
		return false;
	for (size_t i = 0; i < c->h->n; i++)
		if (c->h->v[i].unsettled &&
		    gp_str_eq_nocase(c->h->v[i].name, name))
			return true;
	return false;
}

/* Each instance, and `more` names without one. */
static void
choose(struct choice *c, struct gp_str name, size_t more)
{
	size_t n = gp_header_count(c->h, name) + more;

	if (chosen(c, name) || is_unsettled(c, name))
		return;
	for (; n > 0 && c->n < c->max; n--)
		c->names[c->n++] = name;
}

static void
choose_oversigned(struct choice *c, const char *name)
{
	if (strcmp(name, "default") != 0) {
		choose(c, gp_str(name), 1);
		return;
	}
	for (size_t i = 0; i < COUNT(oversigned_always); i++)
		choose(c, gp_str(oversigned_always[i]), 1);
	for (size_t i = 0; i < COUNT(oversigned_present); i++)
		if (gp_header_count(c->h, gp_str(oversigned_present[i])) > 0)
			choose(c, gp_str(oversigned_present[i]), 1);
}

static void
choose_signed(struct choice *c, const char *name)
{
	if (strcmp(name, "default") != 0) {
		choose(c, gp_str(name), 0);
		return;
	}
	for (size_t i = 0; i < COUNT(signed_fields); i++)
		choose(c, gp_str(signed_fields[i]), 0);
}

void
gp_dkim_choose(const struct gp_signing_policy *policy,
    const struct gp_header *h, struct gp_arena *arena,
    const struct gp_str **names, size_t *n)
{
	struct choice c = { .h = h, .max = GP_DKIM_NAMES_MAX };

	c.names = gp_arena_alloc(arena,
	    (h->n + COUNT(signed_fields) + COUNT(oversigned_always) +
		COUNT(oversigned_present) + policy->oversign.n) *
		sizeof(*c.names));
	/* what is oversigned is complete with that; so it comes first */
	for (size_t i = 0; i < policy->oversign.n; i++)
		choose_oversigned(&c, policy->oversign.v[i]);
	choose(&c, GP_STR("From"), 0);
	for (size_t i = 0; i < policy->sign.n; i++)
		choose_signed(&c, policy->sign.v[i]);
	*names = c.names;
	*n = c.n;
}
