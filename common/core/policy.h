/*
 * policy - the operator's will as an immutable snapshot.
 *
 * The text is read elsewhere (io/policy_file); here settings, each with its
 * origin, become typed values by one table of options.  Values of a domain
 * block stand over its profile, over the global section, over the built-in
 * default, and every value remembers where it came from.
 *
 * A snapshot never changes.  It is reference counted: a session takes one at
 * connect and gives it back at the end.
 *
 * Purity:   pure; the reference count is atomic.
 * Threads:  a snapshot may be read by any number of threads.
 */
#ifndef GP_CORE_POLICY_H
#define GP_CORE_POLICY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/ip.h"
#include "core/dkim_canon.h"
#include "core/dkim_result.h"
#include "core/limits.h"
#include "core/spf_result.h"
#include "core/verdict.h"

enum gp_mode { GP_MONITOR, GP_ENFORCE };
enum gp_engine { GP_BUILTIN, GP_SECOND, GP_COMPARE }; /* SECOND: the library */

/* Where a value was written; file is NULL for a built-in default. */
struct gp_origin {
	const char *file;
	unsigned line; /* from 1; 0: the file as a whole */
};

/* Lists, owned by the snapshot. */
struct gp_strings {
	size_t n;
	const char *const *v;
};
struct gp_prefixes {
	size_t n;
	const struct gp_prefix *v;
};

/* -- for the whole daemon ---------------------------------------------- */

/* How SPF is checked; the same for every recipient. */
struct gp_spf_checking {
	enum gp_engine engine;
	unsigned max_terms; /* 1 to 10 */
	unsigned max_voids; /* 0 to 10 */
	int64_t timeout_ms; /* 1 s to 20 s, the whole check */
	bool helo;          /* check the HELO identity of non-null senders */
	const char *explanation; /* default for fail; macros of RFC 7208 are
	                          * not expanded here; "" for none */
};

/* What is said of a signature whose l= leaves the body's end unsigned. */
enum gp_body_length { GP_BODY_LENGTH_POLICY, GP_BODY_LENGTH_PASS };

/* How signatures are checked, and what the outcome means. */
struct gp_dkim_checking {
	enum gp_mode mode;
	enum gp_disposition on[GP_DKIM_RESULTS]; /* TAG, TEMPFAIL or REJECT */
	enum gp_engine engine;
	unsigned max_signatures; /* 1 to 32 */
	unsigned min_rsa_bits;   /* 1024 to 4096 */
	int64_t timeout_ms;      /* 1 s to 20 s, all key look-ups together */
	enum gp_body_length body_length;
};

enum gp_dmarc_discovery { GP_DMARC_TREEWALK, GP_DMARC_PSL, GP_DMARC_BOTH };
enum gp_dmarc_reject { GP_DMARC_NEVER, GP_DMARC_CORROBORATED, GP_DMARC_ALWAYS };

/* Why what was done is not what was asked for (RFC 9990). */
enum gp_dmarc_reason {
	GP_DMARC_AS_ASKED,
	GP_DMARC_LOCAL_POLICY,
	GP_DMARC_MAILING_LIST,
	GP_DMARC_OTHER,
	GP_DMARC_TEST_MODE,
	GP_DMARC_TRUSTED_FORWARDER,
};

/* How DMARC is checked; the same for every recipient. */
struct gp_dmarc_checking {
	enum gp_dmarc_discovery discovery;
	int64_t timeout_ms;    /* 1 s to 20 s, all look-ups together */
	bool records;          /* keep what reports are made of */
	int64_t record_bytes;  /* 1 MiB to 64 GiB, of their file */
	int64_t record_age_ms; /* 1 to 365 days */
};

/* What DMARC results mean for mail to one recipient domain. */
struct gp_dmarc_policy {
	enum gp_mode mode;
	enum gp_dmarc_reject reject;    /* what p=reject leads to */
	enum gp_disposition quarantine; /* TAG, HOLD or REJECT */
	enum gp_disposition temperror;  /* TAG or TEMPFAIL */
	enum gp_disposition multi_from; /* several domains, or unreadable */
	enum gp_disposition no_from;
};

/* The words of an override; UNSET: as the recipient's policy has it. */
enum gp_override_reject {
	GP_OVERRIDE_REJECT_UNSET,
	GP_OVERRIDE_NEVER,
	GP_OVERRIDE_CORROBORATED,
	GP_OVERRIDE_ALWAYS,
};
enum gp_override_quarantine {
	GP_OVERRIDE_QUARANTINE_UNSET,
	GP_OVERRIDE_TAG,
	GP_OVERRIDE_HOLD,
	GP_OVERRIDE_REJECT,
};
enum gp_override_dmarc { GP_OVERRIDE_DMARC_UNSET, GP_OVERRIDE_NONE };

/* An exception from DMARC: what is given of from, clients and header, at
 * least one of them, must match. */
struct gp_override_policy {
	const char *name;
	const char *label;      /* "override NAME" */
	struct gp_strings from; /* Author Domains, normalised; with "*." in
	                         * front every name below */
	struct gp_prefixes clients;
	struct gp_strings header; /* one of these fields is there */
	int64_t until_s;          /* 00:00 UTC of its last day, seconds since
	                           * 1970; 0: it does not end */
	enum gp_override_reject reject;
	enum gp_override_quarantine quarantine;
	enum gp_override_dmarc dmarc; /* NONE: let through */
	enum gp_dmarc_reason reason;
	const struct gp_origin *origins; /* by option number */
	struct gp_origin origin;         /* of the block */
};
struct gp_overrides {
	size_t n; /* at most GP_OVERRIDES_MAX, in order of reading */
	const struct gp_override_policy *v;
};

/* -- what a message of ours must have before it leaves ------------------- */

enum gp_preflight_need {
	GP_NEED_FROM_ONE,     /* one From field with one domain */
	GP_NEED_ALIGNED_DKIM, /* a signature of our signer that aligns */
	GP_NEED_ALIGNED_SPF,  /* MAIL FROM aligns, and each egress passes */
	GP_NEED_DMARC_RECORD, /* one is published for the From: domain */
	GP_NEED_DATE,
	GP_NEED_MESSAGE_ID,
	GP_NEED_SUBJECT,
	GP_NEED_ONE_CLICK, /* RFC 8058, both fields signed */
	GP_NEEDS           /* how many */
};
struct gp_preflight_needs {
	size_t n;
	const enum gp_preflight_need *v;
};
struct gp_preflight_policy {
	bool given; /* false: no `preflight` block, nothing is looked at */
	enum gp_mode mode;
	struct gp_preflight_needs require;
	struct gp_prefixes egress; /* the addresses that mail leaves from, each
	                            * a single one */
	enum gp_disposition otherwise; /* TAG (`warn`), TEMPFAIL or REJECT */
	enum gp_disposition temperror; /* DNS did not tell: TAG or TEMPFAIL */
};

/* -- how fast mail may leave --------------------------------------------- */

enum gp_limit_count {
	GP_COUNT_RECIPIENTS,
	GP_COUNT_MESSAGES,
	GP_COUNT_BYTES,             /* of the message, for each one */
	GP_COUNT_UNIQUE_RECIPIENTS, /* one that came in the same period is
	                             * free */
};
enum gp_limit_key {
	GP_BY_DOMAIN,      /* the sending domain: this block */
	GP_BY_AUTH,        /* the login */
	GP_BY_SENDER,      /* the envelope sender */
	GP_BY_CLIENT,      /* the client address, of IPv6 its /64 */
	GP_BY_RCPT_DOMAIN, /* the recipient's domain */
	GP_BY_PROVIDER,    /* who receives for the recipient's domain */
	GP_BY_ALL,         /* one meter for all that the block sends */
};
struct gp_limit_keys {
	size_t n; /* at least 1 */
	const enum gp_limit_key *v;
};
struct gp_rate {
	int64_t n;         /* 1 to 10^12 */
	int64_t period_ms; /* 1 s to 31 d */
};
struct gp_rates {
	size_t n; /* of a limit: at least 1 */
	const struct gp_rate *v;
};

enum gp_limit_over { GP_OVER_DEFER, GP_OVER_REJECT, GP_OVER_LOG };

/* A limit: each combination of its keys has a meter for each rate. */
struct gp_limit_policy {
	const char *name;
	enum gp_limit_count count;
	struct gp_limit_keys by;
	struct gp_rates rate;
	int64_t burst; /* at most so many at once, to 10^12; 0: as the rate.  It
	                * is that of the rate with the shortest period, and at
	                * most the number of each other one */
	enum gp_limit_over over;
	enum gp_mode mode;
	const struct gp_origin *origins; /* by option number */
	struct gp_origin origin;         /* of the block */
};
struct gp_limits {
	size_t n; /* in order of reading */
	const struct gp_limit_policy *v;
};

/* What share of a meter that several classes feed one of them may fill: bulk
 * mail leaves room for transactional mail. */
enum gp_mail_class { GP_CLASS_NORMAL, GP_CLASS_TRANSACTIONAL, GP_CLASS_BULK };

/*
 * The mail of a young domain to one provider: a daily cap on recipients that
 * grows with each day of sending.  0: as core/warmup has it for the provider.
 */
struct gp_warmup_policy {
	const char *name;  /* of a provider, "other", or "all": each one that
	                    * has no block of its own */
	int64_t first_day; /* recipients on the first day, to 10^9 */
	unsigned grow;     /* thousandths, 1001 to 4000; 0: see above */
	int64_t plateau;   /* the cap ends here, to 10^12; 0: see above */
	unsigned hours;    /* a day's cap is spread over, 1 to 24 */
	enum gp_limit_over over; /* DEFER or LOG */
	enum gp_mode mode;
	const struct gp_origin *origins; /* by option number */
	struct gp_origin origin;         /* of the block */
};

/* Who receives the mail of many domains. */
struct gp_provider_policy {
	const char *name;             /* lower case, not "other" or "all" */
	struct gp_strings domains;    /* of recipients; "*." in front: below */
	struct gp_strings mx;         /* names of MX hosts, or parents of them,
	                               * normalised, without a dot in front */
	struct gp_strings transports; /* of the MTA: {rcpt_mailer} */
	const struct gp_origin *origins;
	struct gp_origin origin;
};
struct gp_providers {
	size_t n; /* in order of reading; the first that matches has it */
	const struct gp_provider_policy *v;
};

struct gp_resolver_policy {
	struct gp_strings servers; /* "ADDR" or "ADDR:PORT", "[v6]:PORT" */
	int64_t timeout_ms;        /* one try at one server */
	unsigned tries;            /* rounds over all servers */
	int64_t cache_bytes;
	unsigned max_queries; /* for one message */
};

struct gp_trust_policy {
	struct gp_prefixes clients;
	struct gp_strings listeners;
	struct gp_prefixes forwarders; /* inbound: DMARC fails are theirs */
	bool authenticated;
	bool client_certificates;
};

/* How limits work; the limits themselves stand in their own blocks. */
struct gp_rate_policy {
	struct gp_rates login;    /* recipients of every login; n 0: no limit */
	unsigned peers;           /* relays that share the store, 1 to 1000 */
	int64_t store_timeout_ms; /* 5 ms to 5 s */
	int64_t store_bytes;      /* 1 MiB to 1 TiB, all meters together */
	const char *password_file;  /* of Redis; NULL: as the URL says */
	struct gp_strings internal; /* recipient domains that nothing counts
	                             * for, "*." in front: below */
	struct gp_strings internal_transports; /* likewise {rcpt_mailer} */
	const char *contact; /* whom a refused sender may ask; NULL: nobody */
};

/* Sockets, "unix:PATH", "inet:PORT@HOST" or "inet6:PORT@HOST". */
struct gp_listen_policy {
	const char *spf, *dkim, *dmarc, *rate;
};

struct gp_globals {
	const char *authserv_id;   /* NULL: the MTA's {j} */
	struct gp_strings own_ids; /* further ids whose fields are removed */
	const char *seal_key;      /* path; NULL: STATE-DIR/seal.key */
	const char *store;         /* "mem", "lmdb", "redis://..." */
	struct gp_resolver_policy resolver;
	struct gp_trust_policy trust;
	struct gp_spf_checking spf;
	struct gp_dkim_checking dkim;
	struct gp_dmarc_checking dmarc;
	struct gp_overrides overrides;
	struct gp_rate_policy rate;
	struct gp_limits limits; /* over all blocks */
	struct gp_providers providers;
	struct gp_listen_policy listen;
};

/* -- for one domain ---------------------------------------------------- */

/* What a result of SPF means for mail to one recipient domain. */
struct gp_spf_policy {
	enum gp_mode mode;
	enum gp_disposition on[GP_SPF_RESULTS]; /* MAIL FROM identity */
	enum gp_disposition helo_fail;          /* fail of the HELO identity */
};

/* a= of a signature that is written. */
enum gp_signing_algorithm {
	GP_SIGN_ANY, /* of a key: as its file says */
	GP_SIGN_RSA_SHA256,
	GP_SIGN_ED25519_SHA256,
};
struct gp_signing_algorithms {
	size_t n;
	const enum gp_signing_algorithm *v;
};

/* c= as one value. */
enum gp_canons {
	GP_RELAXED_RELAXED,
	GP_RELAXED_SIMPLE,
	GP_SIMPLE_RELAXED,
	GP_SIMPLE_SIMPLE,
};

enum gp_on_fragile { GP_FRAGILE_WARN, GP_FRAGILE_REJECT, GP_FRAGILE_SIGN };

/* How mail From: this domain is signed. */
struct gp_signing_policy {
	struct gp_signing_algorithms algorithms; /* keys of others wait */
	enum gp_canons canon;
	int64_t expire_ms;          /* x= is so far from t=; 0: no x= */
	struct gp_strings sign;     /* field names, or "default" */
	struct gp_strings oversign; /* likewise */
	enum gp_on_fragile on_fragile;
};

/* A retired key neither signs nor is its file opened. */
enum gp_key_state { GP_KEY_STAGED, GP_KEY_ACTIVE, GP_KEY_RETIRED };

/* A signing key; d= is the name of its block. */
struct gp_key_policy {
	const char *selector;                /* s=, normalised as a domain is */
	const char *file;                    /* path of the private key */
	enum gp_signing_algorithm algorithm; /* that the key must be for */
	enum gp_key_state state;
	int64_t activate_after_s; /* with STAGED: not before this time, seconds
	                           * since 1970; 0: no such time */
	bool require_dns;     /* STAGED becomes active only when DNS has it */
	int64_t retired_on_s; /* with RETIRED: the first second of the day on
	                       * which it was; 0: not known */
	const struct gp_origin *origins; /* by option number */
	struct gp_origin origin;         /* of the block */
};

/* "login=address": a further address of this login. */
struct gp_alias {
	const char *login;
	const char *address;
};
struct gp_aliases {
	size_t n;
	const struct gp_alias *v;
};

enum gp_senders_else { GP_ELSE_UNSIGNED, GP_ELSE_TEMPFAIL, GP_ELSE_REJECT };

/* Who may write mail From: this domain. */
struct gp_senders_policy {
	bool given; /* false: no `senders` block, everybody outbound may */
	struct gp_strings auth; /* logins, as written */
	struct gp_prefixes clients;
	enum gp_senders_else otherwise; /* for everybody not listed */
	bool own_address;               /* a login uses its own address only */
	struct gp_aliases aliases;      /* what own_address allows besides */
};

struct gp_config;

/* The values in force for one domain (or for none: the global ones). */
struct gp_policy {
	const char *domain;  /* name of the block; NULL: no block applies */
	const char *profile; /* NULL: none */
	bool subdomains;     /* the block holds for names below it, too */
	struct gp_spf_policy spf;
	struct gp_dmarc_policy dmarc;
	struct gp_signing_policy signing;
	struct gp_senders_policy senders;
	size_t n_keys;
	const struct gp_key_policy *keys;
	struct gp_preflight_policy preflight;
	enum gp_mail_class mail_class;
	size_t n_limits;
	const struct gp_limit_policy *limits;
	size_t n_warmups;
	const struct gp_warmup_policy *warmups;
	const struct gp_config *config;
	const struct gp_origin *origins; /* by option number */
	struct gp_origin origin;         /* of the block */
};

/* -- lookup ------------------------------------------------------------ */

const struct gp_globals *gp_config_globals(const struct gp_config *c);

/*
 * gp_policy_for - the block of `domain` (normalised; NULL for none): exact,
 * else the nearest parent with `subdomains = yes`, else the global values.
 * Never NULL; lives as long as the snapshot.
 */
const struct gp_policy *
gp_policy_for(const struct gp_config *c, const char *domain);

/* gp_config_domains - every domain block, in order of reading. */
const struct gp_policy *gp_config_domains(const struct gp_config *c, size_t *n);

/* gp_config_listen - the configured socket of a daemon ("spf" ...), or the
 * built-in "unix:/run/gatepost/NAME/milter.sock"; NULL for another name. */
const char *gp_config_listen(const struct gp_config *c, const char *daemon);

/* gp_resolver_same - would a resolver of one do for the other? */
bool gp_resolver_same(const struct gp_resolver_policy *a,
    const struct gp_resolver_policy *b);

/* gp_config_id - a number made from what was written, whatever the files are
 * called: equal policies on several hosts have the same. */
uint64_t gp_config_id(const struct gp_config *c);

struct gp_config *gp_config_ref(struct gp_config *c);
void gp_config_unref(struct gp_config *c); /* NULL is allowed */

/*
 * gp_policy_show - append every effective value for this domain, one line
 * each: "spf.fail = reject  # FILE:LINE" or "# built-in".
 */
void gp_policy_show(const struct gp_policy *p, struct gp_buf *out);

/* gp_policy_each - what gp_policy_show writes, value by value. */
struct gp_shown {
	const char *name;       /* "spf.fail", "key.n2026a.state" ... */
	const char *value;      /* as it would stand in a file */
	struct gp_origin where; /* file NULL: built in */
};
typedef void (*gp_shown_fn)(void *arg, const struct gp_shown *value);
void gp_policy_each(const struct gp_policy *p, gp_shown_fn each, void *arg);

/*
 * gp_policy_origin - where the value in force for this domain was written, of
 * an option by its section: "spf.fail", "trust.clients", "preflight.else";
 * file NULL where it is built in.  Not of options in blocks with a title.
 */
struct gp_origin gp_policy_origin(const struct gp_policy *p, const char *name);

/* -- building ---------------------------------------------------------- */

#define GP_NO_BLOCK SIZE_MAX

/* A section that was opened, also an empty one. */
struct gp_block {
	size_t parent;           /* index of the block around it, or
	                          * GP_NO_BLOCK; smaller than its own */
	const char *kind;        /* "spf", "domain", "key" ... */
	const char *title;       /* NULL: none was written */
	bool broken;             /* the title is in the problems already */
	struct gp_origin origin; /* of its opening line */
};

/* One `name = value` or `name = { values }` as it was written. */
struct gp_setting {
	size_t block; /* index of the block it stands in, or GP_NO_BLOCK */
	const char *name;
	bool is_list; /* written with braces */
	bool broken;  /* in the problems already: it counts as written */
	struct gp_strings values;
	struct gp_origin origin;
};

struct gp_config_source {
	const char *directory; /* where relative paths begin; NULL or "": they
	                        * stay relative */
	size_t n_settings;
	const struct gp_setting *settings; /* in order of reading */
	size_t n_blocks;
	const struct gp_block *blocks; /* likewise */
};

/* A list of sentences "FILE:LINE: VALUE: what was expected". */
struct gp_problems {
	struct gp_buf text; /* one a line; GP_CONFIG_PROBLEMS_MAX at most, then
	                     * one line that says so */
	unsigned count;     /* of all */
	struct gp_problem_place {
		size_t at;     /* offset of the line in `text` */
		size_t path_n; /* bytes of the path it begins with */
		unsigned line; /* that it names; 0: none */
	} places[GP_CONFIG_PROBLEMS_MAX];
};
void gp_problems_init(struct gp_problems *p);
void gp_problems_clear(struct gp_problems *p);
void gp_problems_add(struct gp_problems *p, struct gp_origin where,
    const char *fmt, ...) GP_PRINTF(3, 4);

/* gp_problems_sort - by path and line; within one in the order of adding. */
void gp_problems_sort(struct gp_problems *p);

/*
 * gp_config_build - GP_OK: a snapshot with one reference.  GP_PERM: at least
 * one problem was added (all of them are found in one run), *out is NULL.
 */
GP_MUST_USE enum gp_rc gp_config_build(const struct gp_config_source *source,
    struct gp_config **out, struct gp_problems *problems);

/*
 * The table of options as data, for the reader's schema, for did-you-mean,
 * for the manual page's lint: each `i` from 0 until `section` is NULL.
 * Sections come before the options in them.
 */
struct gp_option_info {
	const char *section; /* path: "", "spf", "domain", "domain/key" ... */
	const char *name;    /* NULL: the section itself */
	bool is_list;
	bool titled;          /* with name == NULL: the section has a title */
	const char *expected; /* "tag, reject, tempfail or hold" ... */
	const char *fallback; /* built-in default as it would be written,
	                       * without quotes and braces; "" if none */
};
struct gp_option_info gp_option_info(size_t i);

#endif
