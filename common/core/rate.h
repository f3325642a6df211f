/*
 * rate - which meters a message is charged at, and how much.
 *
 * Limits of the sending domain's block, those over all blocks, the built-in
 * one for every login, and warm-up become charges, ready for one call of the
 * store.  A meter's name says whose it is, so that an operator can read it:
 *
 *   m/BLOCK/LIMIT/SECONDS/KEY=VALUE,KEY=VALUE      a limit's window
 *   u/BLOCK/LIMIT/SECONDS/KEY=VALUE,.../HASH       a recipient that came
 *   d/BLOCK/PROVIDER/DAY, s/BLOCK/PROVIDER         warm-up: day and spread
 *
 * BLOCK is "*" for limits over all blocks.  Values from the sender have every
 * octet but letters, digits and "-._@+:" written as %XX; what gets too long is
 * cut and ends in a hash.
 *
 * A limit does not apply where one of its keys is missing: `auth` without a
 * login.  Domains of the provider "other" have a meter each.
 *
 * Source:   the policy file; see core/meter for the arithmetic.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_RATE_H
#define GP_CORE_RATE_H

#include "core/addr.h"
#include "core/charge.h"
#include "core/policy.h"
#include "core/warmup.h"

/* The built-in limit's name, in replies and in the log. */
#define GP_RATE_LOGIN "login-limit"

/* Who sends. */
struct gp_rate_sender {
	const char *login;   /* normalised (core/senders); "": none */
	const char *address; /* reverse-path, see gp_rate_address */
	const char *domain;  /* its domain; NULL: none */
	struct gp_ip client;
};

/* One that receives, and counts. */
struct gp_rate_rcpt {
	struct gp_str local;
	const char *domain;   /* normalised; NULL: <postmaster> */
	const char *provider; /* core/provider; NULL: not asked for */
};

/* What is charged: of a message, or of one recipient of it. */
struct gp_rate_mail {
	const struct gp_config *config;
	struct gp_rate_sender sender;
	size_t n;
	const struct gp_rate_rcpt *rcpts;
	bool counts[4]; /* by enum gp_limit_count: charge it now? */
	int64_t bytes;  /* of the message, for GP_COUNT_BYTES */
};

/* What can be over: the words of a metric. */
enum gp_rate_kind {
	GP_RATE_RECIPIENTS, /* as enum gp_limit_count, ... */
	GP_RATE_MESSAGES,
	GP_RATE_BYTES,
	GP_RATE_UNIQUE,
	GP_RATE_WARMUP, /* ... and besides */
	GP_RATE_SENDERS,
	GP_RATE_KINDS /* how many */
};

/* gp_rate_kind_name - "recipients" ... */
const char *gp_rate_kind_name(enum gp_rate_kind kind);

/* Where a charge comes from. */
struct gp_rate_item {
	const struct gp_limit_policy *limit; /* or, where this is NULL, ... */
	const struct gp_warmup_policy *warmup;
	const struct gp_rate *window; /* with a limit */
	int64_t cap;                  /* with a warm-up: of the day */
	const char *provider;         /* likewise */
	const char *block;            /* "*": over all blocks */
	struct gp_origin origin;      /* of the limit's or warm-up's block */
	enum gp_limit_over over;
	bool monitored; /* mode = monitor */
};

/* Charges, in the arena that was given; zero is the empty plan. */
struct gp_rate_plan {
	size_t n, cap;
	struct gp_charge *charges;
	struct gp_rate_item *items;
	bool overflow; /* more than GP_CHARGES_MAX: some are missing */
};

/* gp_rate_address - a reverse-path as limits know it: lower case, without
 * "+tag"; "<>" for the null one. */
const char *
gp_rate_address(const struct gp_addr *sender, struct gp_arena *arena);

/* gp_rate_exempt - mail to this one counts nowhere: postmaster, abuse, an
 * internal domain or an internal transport (NULL: not known). */
bool gp_rate_exempt(const struct gp_rate_policy *how,
    const struct gp_addr *rcpt, const char *transport);

/* gp_rate_wants_provider - does a limit or warm-up of this block, or a limit
 * over all, ask who receives? */
bool gp_rate_wants_provider(const struct gp_policy *block);

/* gp_rate_add_block - the limits of this block (one with a domain). */
void
gp_rate_add_block(struct gp_rate_plan *plan, const struct gp_rate_mail *mail,
    const struct gp_policy *block, struct gp_arena *arena);

/* gp_rate_add_all - the limits over all blocks, and that of the login.
 * `block` tells the sending domain's name and class. */
void gp_rate_add_all(struct gp_rate_plan *plan, const struct gp_rate_mail *mail,
    const struct gp_policy *block, struct gp_arena *arena);

/* What warm-up of one domain to one provider has come to today. */
struct gp_rate_warm {
	const struct gp_warmup_policy *warmup;
	const char *block, *provider;
	struct gp_warmup_rule rule;
	int64_t day; /* today */
	int64_t cap; /* of today */
};

/* gp_rate_add_warmup - its two meters, for so many recipients. */
void
gp_rate_add_warmup(struct gp_rate_plan *plan, const struct gp_rate_warm *warm,
    int64_t recipients, struct gp_arena *arena);

/* gp_rate_day_charge - the counter of that day, to look at (core/warmup). */
struct gp_charge gp_rate_day_charge(const char *block, const char *provider,
    int64_t day, int64_t cap, struct gp_arena *arena);

/* gp_rate_warmup_key - "n/BLOCK/PROVIDER", where the state's text is kept. */
struct gp_str gp_rate_warmup_key(const char *block, const char *provider,
    struct gp_arena *arena);

enum gp_rate_kind gp_rate_kind_of(const struct gp_rate_item *item);

/* gp_rate_worst - of what did not fit and binds, that with the longest wait;
 * of equals the first.  plan->n: all of it fits or is only watched. */
size_t
gp_rate_worst(const struct gp_rate_plan *plan, const struct gp_charged *made);

#endif
