/*
 * senders - who may write mail From: a domain.
 *
 * The `senders { }` section of a domain block, asked by the signer before it
 * signs and by the limiter before it admits: the same words, this function.
 *
 * Source:   none; RFC 6409 section 6.1 allows it.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_SENDERS_H
#define GP_CORE_SENDERS_H

#include "base/arena.h"
#include "core/mailbox.h"
#include "core/policy.h"
#include "core/verdict.h"

/* Who sends, as the MTA tells it. */
struct gp_sender_facts {
	const char *login; /* {auth_authen}; NULL or "": none */
	struct gp_ip client;
	bool bounce; /* made by our own MTA, with a null sender */
};

/* gp_login_normalize - as logins are compared: ASCII letters lower-cased, and
 * "+tag" cut from the part before the last "@" unless nothing would be left of
 * it; "" for NULL. */
const char *gp_login_normalize(const char *login, struct gp_arena *arena);

/*
 * gp_senders_allow - may this sender write as `address`, whose domain the
 * policy block is for?
 *
 * Without a `senders` section: yes.  Else a sender is listed when his login is
 * in `auth` ("LOGIN", "*@DOMAIN" or "*") or his address in `clients`; with
 * own-address a login must besides be equal to `address`, or have it as an
 * alias, and with own-address and an empty `auth` that alone is enough.
 *
 * The listed logins and domains are normalised as the sender's are.  The
 * address may have a "+tag" more than the login's; case of ASCII letters is
 * ignored. Without a login own-address asks for nothing.
 *
 * True with *why NULL, or false with *why as a clause without names of the
 * sender's choice: "login not listed in senders.auth", "client not listed in
 * senders.clients", "login may use its own address only".
 */
bool gp_senders_allow(const struct gp_senders_policy *policy,
    const struct gp_sender_facts *facts, const struct gp_mailbox *address,
    struct gp_arena *arena, const char **why);

/*
 * gp_senders_refuse - what `else` says about one who may not: reject (550
 * 5.7.1) or tempfail (451 4.7.1), naming `domain`; `continue` for `unsigned`,
 * and for a bounce in any case, since refusing it would lose it.
 */
struct gp_verdict gp_senders_refuse(const struct gp_senders_policy *policy,
    const struct gp_sender_facts *facts, const char *domain, const char *why,
    struct gp_arena *arena);

/* What the rules of several domains say together. */
struct gp_senders_finding {
	const struct gp_policy *policy; /* of the domain that objects; NULL:
	                                 * none does */
	const char *why;                /* with it; see gp_senders_allow */
	struct gp_verdict verdict;      /* `continue` for `unsigned`, too */
};

/*
 * gp_senders_check - gp_senders_allow and gp_senders_refuse for each address,
 * by the block of its domain; where several object, the strictest answers.
 */
struct gp_senders_finding gp_senders_check(const struct gp_config *config,
    const struct gp_mailboxes *addresses, const struct gp_sender_facts *facts,
    struct gp_arena *arena);

#endif
