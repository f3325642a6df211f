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
 * Source:   DESIGN.md sections 6 and 14.
 * Purity:   pure; the reference count is atomic.
 * Threads:  a snapshot may be read by any number of threads.
 */
#ifndef GP_CORE_POLICY_H
#define GP_CORE_POLICY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/ip.h"
#include "core/limits.h"
#include "core/spf_result.h"
#include "core/verdict.h"

enum gp_mode { GP_MONITOR, GP_ENFORCE };
enum gp_engine { GP_BUILTIN, GP_SECOND, GP_COMPARE }; /* SECOND: the library */

/* Where a value was written; file is NULL for a built-in default. */
struct gp_origin {
	const char *file;
	unsigned line; /* from 1 */
};

/* A list of strings or prefixes, owned by the snapshot. */
struct gp_strings {
	size_t n;
	const char *const *v;
};
struct gp_prefixes {
	size_t n;
	const struct gp_prefix *v;
};

/* What a result of SPF means for mail to one recipient domain. */
struct gp_spf_policy {
	enum gp_mode mode;
	enum gp_disposition on[GP_SPF_RESULTS]; /* MAIL FROM identity */
	enum gp_disposition helo_fail;          /* fail of the HELO identity */
};

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
	bool authenticated;
	bool client_certificates;
};

struct gp_config;

/* The values in force for one domain (or for none: the global ones). */
struct gp_policy {
	const char *domain; /* name of the block; NULL: no block applies */
	struct gp_spf_policy spf;
	const struct gp_config *config;
	const struct gp_origin *origins; /* by option number, see policy.c */
};

/* Values that hold for the whole daemon. */
struct gp_globals {
	const char *authserv_id;   /* NULL: the MTA's {j} */
	struct gp_strings own_ids; /* further ids whose fields are removed */
	const char *seal_key;      /* path; NULL: STATE-DIR/seal.key */
	const char *store;         /* "mem", "lmdb", "redis://..." */
	struct gp_resolver_policy resolver;
	struct gp_trust_policy trust;
	struct gp_spf_checking spf;
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

/* gp_config_listen - the configured socket of a daemon ("spf" ...), or the
 * built-in "unix:/run/gatepost/NAME/milter.sock". */
const char *gp_config_listen(const struct gp_config *c, const char *daemon);

/* gp_config_id - a number that differs between snapshots, for the log. */
uint64_t gp_config_id(const struct gp_config *c);

struct gp_config *gp_config_ref(struct gp_config *c);
void gp_config_unref(struct gp_config *c); /* NULL is allowed */

/*
 * gp_policy_show - append every effective value for this domain, one line
 * each: "spf.fail = reject  # FILE:LINE" or "# built-in".
 */
void gp_policy_show(const struct gp_policy *p, struct gp_buf *out);

/* -- building ---------------------------------------------------------- */

/* One `name = value` or `name = { values }` as it was written. */
struct gp_setting {
	const char *section;  /* path of section kinds, "" at top level:
	                       * "spf", "domain", "domain/spf", "domain/key" */
	const char *title;    /* title of the outermost section or NULL */
	const char *subtitle; /* title of the inner section or NULL */
	const char *name;
	bool is_list; /* written with braces */
	struct gp_strings values;
	struct gp_origin origin;
};

/* A section that was opened, also an empty one. */
struct gp_block {
	const char *section, *title, *subtitle;
	struct gp_origin origin; /* of its opening line */
};

struct gp_config_source {
	size_t n_settings;
	const struct gp_setting *settings; /* in order of reading */
	size_t n_blocks;
	const struct gp_block *blocks;
};

/* A list of sentences "FILE:LINE: VALUE: what was expected". */
struct gp_problems {
	struct gp_buf text; /* one a line */
	unsigned count;
};
void gp_problems_init(struct gp_problems *p);
void gp_problems_clear(struct gp_problems *p);
void gp_problems_add(struct gp_problems *p, struct gp_origin where,
    const char *fmt, ...) GP_PRINTF(3, 4);

/*
 * gp_config_build - GP_OK: a snapshot with one reference.  GP_PERM: at least
 * one problem was added (all of them are found in one run), *out is NULL.
 */
GP_MUST_USE enum gp_rc gp_config_build(const struct gp_config_source *source,
    struct gp_config **out, struct gp_problems *problems);

/*
 * The table of options as data, for the reader's schema, for did-you-mean,
 * for the manual page's lint: each `i` from 0 until `section` is NULL.
 */
struct gp_option_info {
	const char *section; /* as gp_setting.section */
	const char *name;    /* NULL: the section itself */
	bool is_list;
	bool titled;          /* with name == NULL: the section has a title */
	const char *expected; /* "tag, reject, tempfail or hold" ... */
	const char *fallback; /* built-in default as text, "" if none */
};
struct gp_option_info gp_option_info(size_t i);

#endif
