/*
 * key - what the subcommands of `gatepost key` have in common.
 */
#ifndef GP_CTL_KEY_H
#define GP_CTL_KEY_H

#include "core/dkim_record.h"
#include "ctl/ctl.h"
#include "io/crypto.h"

/* One call: the policy, and the domain that is spoken of. */
struct ctl_key_call {
	const struct ctl *ctl;
	const struct ctl_args *args;
	struct gp_arena *arena;
	struct gp_config *config;
	char domain[GP_DOMAIN_TEXT];
	const struct gp_policy *block; /* of that very domain; NULL: none */
};

/* ctl_key_begin - read the policy, and the domain from the first argument if
 * there is one.  Returns 0, 64 or 78; ctl_key_end in any case. */
int ctl_key_begin(struct ctl_key_call *call, const struct ctl *ctl,
    const struct ctl_args *args);
void ctl_key_end(struct ctl_key_call *call);

/* ctl_key_code - the exit code for a rc that is not GP_OK. */
int ctl_key_code(enum gp_rc rc);

/* ctl_key_wanted - is this key one of those that the arguments behind the
 * domain name?  Without any: is it in use (staged or active)? */
bool ctl_key_wanted(const struct ctl_key_call *call,
    const struct gp_key_policy *key);

/* ctl_key_choose - the block must have each key that is named, and one at
 * least that is wanted.  Returns 0, or 1 after having said what is missing. */
int ctl_key_choose(const struct ctl_key_call *call);

/* ctl_key_load - the private key from its file; it lives as long as the call.
 */
GP_MUST_USE enum gp_rc
ctl_key_load(struct ctl_key_call *call, const struct gp_key_policy *key,
    const struct gp_private_key **out, struct gp_err *err);

/* ctl_key_public - load it.  Returns 0, or 1, 75 or 77 (this user may not)
 * after having said why not. */
int ctl_key_public(struct ctl_key_call *call, const struct gp_key_policy *key,
    const struct gp_dkim_public **out);

const char *ctl_key_state(enum gp_key_state state); /* "staged" ... */

/* ctl_key_algorithm - "RSA" or "Ed25519". */
const char *ctl_key_algorithm(const struct gp_dkim_public *key);

/* ctl_key_date - "2026-11-22"; memory from the arena. */
const char *ctl_key_date(int64_t s, struct gp_arena *arena);

/* ctl_key_record - its record, one line; memory from the arena. */
struct gp_str
ctl_key_record(const struct gp_dkim_public *key, struct gp_arena *arena);

/* ctl_key_directory - of the policy file, with a slash; "" for that of the
 * process. */
const char *ctl_key_directory(const struct ctl_key_call *call);

/* The subcommands, a file each. */
int ctl_key_new(const struct ctl *ctl, const struct ctl_args *args);
int ctl_key_list(const struct ctl *ctl, const struct ctl_args *args);
int ctl_key_dns(const struct ctl *ctl, const struct ctl_args *args);
int ctl_key_check(const struct ctl *ctl, const struct ctl_args *args);
int ctl_key_activate(const struct ctl *ctl, const struct ctl_args *args);
int ctl_key_retire(const struct ctl *ctl, const struct ctl_args *args);

#endif
