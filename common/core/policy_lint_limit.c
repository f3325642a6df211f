/* policy_lint: limits that never act, and warm-up without providers. */
#include "core/policy_lint_part.h"

#include "core/policy_form.h"
#include "core/rate.h"

#include <stdio.h>
#include <string.h>

/* What one message may have: RFC 5321 4.5.3.1.8, and what MTAs take. */
#define RCPTS_USUAL 100
#define BYTES_USUAL (INT64_C(10) << 20)

/* A limit where it stands. */
struct placed {
	const struct gp_limit_policy *limit;
	const struct gp_policy *block; /* NULL: over all of them */
	const char *subject;           /* of a finding about it */
	unsigned keys;                 /* bits of enum gp_limit_key */
};

static unsigned
bit(enum gp_limit_key key)
{
	return 1U << (unsigned)key;
}

/* Within a block its domain is always the same. */
static struct placed
place(const struct gp_limit_policy *limit, const struct gp_policy *block)
{
	struct placed p = { .limit = limit,
		.block = block,
		.subject = block == NULL ? "" : block->domain };

	for (size_t i = 0; i < limit->by.n; i++)
		p.keys |= bit(limit->by.v[i]);
	p.keys &= ~bit(GP_BY_ALL);
	if (block != NULL)
		p.keys &= ~bit(GP_BY_DOMAIN);
	return p;
}

/* -- which hides which ---------------------------------------------------- */

static bool
is_shortest(const struct gp_rates *rates, const struct gp_rate *one)
{
	for (size_t i = 0; i < rates->n; i++)
		if (rates->v[i].period_ms < one->period_ms)
			return false;
	return true;
}

/* How much fits at once. */
static int64_t
capacity(const struct gp_limit_policy *limit, const struct gp_rate *rate)
{
	return limit->burst > 0 && is_shortest(&limit->rate, rate)
	           ? limit->burst
	           : rate->n;
}

/* Is a meter of `a` full before one of `b`, that is fed no more? */
static bool
is_tighter(const struct gp_limit_policy *a, const struct gp_rate *ra,
    const struct gp_limit_policy *b, const struct gp_rate *rb)
{
	return capacity(a, ra) <= capacity(b, rb) &&
	       (double)ra->n * (double)rb->period_ms <=
	           (double)rb->n * (double)ra->period_ms;
}

static bool
hides(const struct placed *a, const struct placed *b)
{
	const struct gp_limit_policy *la = a->limit;
	const struct gp_limit_policy *lb = b->limit;
	/* one over all blocks with `domain` is one a block */
	const unsigned keys =
	    b->block != NULL ? a->keys & ~bit(GP_BY_DOMAIN) : a->keys;

	if (la->count != lb->count || la->mode != GP_ENFORCE ||
	    la->over == GP_OVER_LOG || (keys & ~b->keys) != 0)
		return false;
	for (size_t i = 0; i < lb->rate.n; i++) {
		bool found = false;

		for (size_t j = 0; j < la->rate.n && !found; j++)
			found =
			    is_tighter(la, &la->rate.v[j], lb, &lb->rate.v[i]);
		if (!found)
			return false;
	}
	return true;
}

/* Of two that hide one another the later one is the one too many. */
static bool
is_hidden(const struct gp_lint *l, const struct placed *by,
    const struct placed *one, bool later)
{
	if (!hides(by, one) || (!later && hides(one, by)))
		return false;
	gp_findings_add(l->out, GP_YELLOW, "limit", one->subject,
	    "limit \"%s\" never acts: %s \"%s\" is reached before it",
	    one->limit->name,
	    by->limit->origin.file == NULL ? "the built-in" : "limit",
	    by->limit->name);
	gp_lint_where(l, gp_origin_of(one->limit->origins,
			     one->block == NULL ? "limit" : "domain/limit",
			     "rate", one->limit->origin));
	if (by->limit->origin.file == NULL)
		gp_findings_remedy(l->out,
		    "a smaller rate here, or a larger one in rate { "
		    "login-limit }");
	else
		gp_findings_remedy(l->out,
		    "take it out, or a smaller rate than in %s:%u",
		    by->limit->origin.file, by->limit->origin.line);
	return true;
}

/* The limit that every login has. */
static struct gp_limit_policy
login_limit(const struct gp_lint *l)
{
	static const enum gp_limit_key by_auth[] = { GP_BY_AUTH };

	return (struct gp_limit_policy){ .name = GP_RATE_LOGIN,
		.count = GP_COUNT_RECIPIENTS,
		.by = { 1, by_auth },
		.rate = l->globals->rate.login,
		.mode = GP_ENFORCE };
}

static void
lint_hidden(const struct gp_lint *l, const struct placed *one,
    const struct gp_limits *siblings, size_t at)
{
	const struct gp_limits *top = &l->globals->limits;
	const struct gp_limit_policy login = login_limit(l);
	struct placed by = place(&login, NULL);

	if (login.rate.n > 0 && is_hidden(l, &by, one, true))
		return;
	for (size_t i = 0; i < siblings->n; i++) {
		by = place(&siblings->v[i], one->block);
		if (i != at && is_hidden(l, &by, one, i < at))
			return;
	}
	for (size_t i = 0; one->block != NULL && i < top->n; i++) {
		by = place(&top->v[i], NULL);
		if (is_hidden(l, &by, one, true))
			return;
	}
}

/* -- one limit ------------------------------------------------------------ */

static void
tell_size(const struct gp_lint *l, const struct placed *p, int64_t least,
    const char *what)
{
	struct gp_buf text;

	gp_buf_init(&text, 64);
	gp_form_write_amount(least, &text);
	gp_findings_add(l->out, GP_YELLOW, "limit", p->subject,
	    "limit \"%s\" has room for %s %s at once: a message with more "
	    "passes only when nothing was sent before",
	    p->limit->name, gp_buf_cstr(&text), what);
	gp_lint_where(l, p->limit->origin);
	gp_buf_clear(&text);
}

/* Does a usual message fit, where others keep the meter from being empty? */
static void
lint_size(const struct gp_lint *l, const struct placed *p)
{
	const unsigned own = bit(GP_BY_AUTH) | bit(GP_BY_SENDER) |
	                     bit(GP_BY_CLIENT) | bit(GP_BY_RCPT_DOMAIN) |
	                     bit(GP_BY_PROVIDER);
	const struct gp_limit_policy *limit = p->limit;
	int64_t least = INT64_MAX;

	if ((p->keys & own) != 0)
		return;
	for (size_t i = 0; i < limit->rate.n; i++)
		if (capacity(limit, &limit->rate.v[i]) < least)
			least = capacity(limit, &limit->rate.v[i]);
	if (limit->count == GP_COUNT_BYTES && least < BYTES_USUAL) {
		tell_size(l, p, least, "bytes");
		gp_findings_remedy(l->out, "burst = 10m, or a larger rate");
	}
	if ((limit->count == GP_COUNT_RECIPIENTS ||
		limit->count == GP_COUNT_UNIQUE_RECIPIENTS) &&
	    least < RCPTS_USUAL) {
		tell_size(l, p, least, "recipients");
		gp_findings_remedy(l->out,
		    "burst = %d, or a larger rate: a message may have %d "
		    "recipients",
		    RCPTS_USUAL, RCPTS_USUAL);
	}
}

static void
lint_keys(const struct gp_lint *l, const struct placed *p)
{
	if ((p->keys & bit(GP_BY_AUTH)) != 0 &&
	    !l->globals->trust.authenticated) {
		gp_findings_add(l->out, GP_YELLOW, "limit", p->subject,
		    "limit \"%s\" is by login, and trust.authenticated = no: "
		    "mail with a login alone is taken for inbound",
		    p->limit->name);
		gp_lint_where(l, p->limit->origin);
		gp_findings_remedy(l->out, "trust { authenticated = yes }");
	}
	if ((p->keys & bit(GP_BY_PROVIDER)) != 0 &&
	    l->globals->providers.n == 0) {
		gp_findings_add(l->out, GP_YELLOW, "limit", p->subject,
		    "limit \"%s\" is by provider, and no provider is known: "
		    "each domain of recipients has a meter of its own",
		    p->limit->name);
		gp_lint_where(l, p->limit->origin);
		gp_findings_remedy(l->out,
		    "provider blocks, as in policy.d/providers.conf");
	}
}

static void
lint_limits(const struct gp_lint *l, const struct gp_limits *all,
    const struct gp_policy *block)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct placed p = place(&all->v[i], block);

		lint_keys(l, &p);
		lint_size(l, &p);
		lint_hidden(l, &p, all, i);
	}
}

void
gp_lint_top_limits(const struct gp_lint *l)
{
	lint_limits(l, &l->globals->limits, NULL);
}

/* -- warm-up -------------------------------------------------------------- */

static void
lint_warmups(const struct gp_lint *l, const struct gp_policy *block)
{
	if (block->n_warmups == 0 || l->globals->providers.n > 0)
		return;
	gp_findings_add(l->out, GP_YELLOW, "warmup", block->domain,
	    "warm-up goes by provider, and no provider is known: the whole "
	    "world is \"other\"");
	gp_lint_where(l, block->warmups[0].origin);
	gp_findings_remedy(l->out,
	    "provider blocks, as in policy.d/providers.conf");
}

void
gp_lint_block_limits(const struct gp_lint *l, const struct gp_policy *block)
{
	const struct gp_limits all = { block->n_limits, block->limits };

	lint_limits(l, &all, block);
	lint_warmups(l, block);
}
