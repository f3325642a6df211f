/* See policy_options.h. */
#include "core/policy_options.h"

#include <assert.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* -- words ------------------------------------------------------------- */

const struct gp_word gp_mode_words[] = { { "monitor", GP_MONITOR },
	{ "enforce", GP_ENFORCE }, { NULL, 0 } };
static const struct gp_word spf_engines[] = { { "builtin", GP_BUILTIN },
	{ "libspf2", GP_SECOND }, { "compare", GP_COMPARE }, { NULL, 0 } };
static const struct gp_word dkim_engines[] = { { "builtin", GP_BUILTIN },
	{ "libopendkim", GP_SECOND }, { "compare", GP_COMPARE }, { NULL, 0 } };
static const struct gp_word actions[] = { { "tag", GP_DO_TAG },
	{ "reject", GP_DO_REJECT }, { "tempfail", GP_DO_TEMPFAIL },
	{ "hold", GP_DO_HOLD }, { NULL, 0 } };
static const struct gp_word answers[] = { { "tag", GP_DO_TAG },
	{ "tempfail", GP_DO_TEMPFAIL }, { "reject", GP_DO_REJECT },
	{ NULL, 0 } };
static const struct gp_word quarantines[] = { { "tag", GP_DO_TAG },
	{ "hold", GP_DO_HOLD }, { "reject", GP_DO_REJECT }, { NULL, 0 } };
static const struct gp_word patience[] = { { "tag", GP_DO_TAG },
	{ "tempfail", GP_DO_TEMPFAIL }, { "accept", GP_DO_TAG }, { NULL, 0 } };
static const struct gp_word body_lengths[] = { { "policy",
						   GP_BODY_LENGTH_POLICY },
	{ "pass", GP_BODY_LENGTH_PASS }, { NULL, 0 } };
static const struct gp_word discoveries[] = { { "treewalk", GP_DMARC_TREEWALK },
	{ "psl", GP_DMARC_PSL }, { "both", GP_DMARC_BOTH }, { NULL, 0 } };
static const struct gp_word rejects[] = { { "never", GP_DMARC_NEVER },
	{ "corroborated", GP_DMARC_CORROBORATED },
	{ "always", GP_DMARC_ALWAYS }, { NULL, 0 } };
static const struct gp_word elses[] = { { "reject", GP_ELSE_REJECT },
	{ "tempfail", GP_ELSE_TEMPFAIL }, { "unsigned", GP_ELSE_UNSIGNED },
	{ NULL, 0 } };
static const struct gp_word states[] = { { "staged", GP_KEY_STAGED },
	{ "active", GP_KEY_ACTIVE }, { "retired", GP_KEY_RETIRED },
	{ NULL, 0 } };
static const struct gp_word algorithms[] = { { "rsa-sha256",
						 GP_SIGN_RSA_SHA256 },
	{ "ed25519-sha256", GP_SIGN_ED25519_SHA256 }, { NULL, 0 } };
static const struct gp_word canons[] = { { "relaxed/relaxed",
					     GP_RELAXED_RELAXED },
	{ "relaxed/simple", GP_RELAXED_SIMPLE },
	{ "simple/relaxed", GP_SIMPLE_RELAXED },
	{ "simple/simple", GP_SIMPLE_SIMPLE }, { NULL, 0 } };
static const struct gp_word fragile_words[] = { { "warn", GP_FRAGILE_WARN },
	{ "reject", GP_FRAGILE_REJECT }, { "sign", GP_FRAGILE_SIGN },
	{ NULL, 0 } };
static const struct gp_word stores[] = { { "mem", 0 }, { "lmdb", 0 },
	{ NULL, 0 } }; /* for the guess only */
static const struct gp_word classes[] = { { "normal", GP_CLASS_NORMAL },
	{ "transactional", GP_CLASS_TRANSACTIONAL }, { "bulk", GP_CLASS_BULK },
	{ NULL, 0 } };

#define ACTION_WORDS "tag, reject, tempfail or hold"
#define ANSWER_WORDS "tag, tempfail or reject"
#define FIELD_FORM                                                             \
	"\"default\" or names of header fields, none of them a trace field"
#define SOCKET_FORM "unix:PATH, inet:PORT@HOST or inet6:PORT@HOST"

/* -- options ----------------------------------------------------------- */

#define AT(member) .offset = offsetof(struct gp_globals, member)

static const struct gp_option top_options[] = {
	{ .name = "authserv-id",
	    .kind = GP_DOMAIN,
	    .expected = "a domain name, or \"\" for the name of the MTA",
	    AT(authserv_id) },
	{ .name = "own-ids",
	    .kind = GP_NAME,
	    .is_list = true,
	    .expected = "names without white space",
	    .fallback = "",
	    AT(own_ids) },
	{ .name = "seal-key",
	    .kind = GP_PATH,
	    .expected = "a path, or \"\" for seal.key in the state directory",
	    AT(seal_key) },
	{ .name = "store",
	    .kind = GP_STORE,
	    .expected = "mem, lmdb, or the URL of a Redis server",
	    .fallback = "lmdb",
	    .words = stores,
	    AT(store) },
};

static const struct gp_option resolver_options[] = {
	{ .name = "servers",
	    .kind = GP_SERVER,
	    .is_list = true,
	    .expected = "addresses, each ADDRESS, IPv4:PORT or [IPv6]:PORT",
	    .fallback = "",
	    AT(resolver.servers) },
	{ .name = "timeout",
	    .kind = GP_DURATION,
	    .expected = "a time from 100ms to 10s",
	    .fallback = "2s",
	    .min = 100,
	    .max = 10000,
	    AT(resolver.timeout_ms) },
	{ .name = "tries",
	    .kind = GP_NUMBER,
	    .expected = "a number from 1 to 5",
	    .fallback = "2",
	    .min = 1,
	    .max = 5,
	    AT(resolver.tries) },
	{ .name = "cache-size",
	    .kind = GP_SIZE,
	    .expected = "a size from 64k to 4g",
	    .fallback = "16m",
	    .min = INT64_C(64) << 10,
	    .max = INT64_C(4) << 30,
	    AT(resolver.cache_bytes) },
	{ .name = "max-queries",
	    .kind = GP_NUMBER,
	    .expected = "a number from 16 to 1000",
	    .fallback = "64",
	    .min = 16,
	    .max = 1000,
	    AT(resolver.max_queries) },
};

static const struct gp_option trust_options[] = {
	{ .name = "clients",
	    .kind = GP_PREFIX,
	    .is_list = true,
	    .expected = "IP addresses or prefixes",
	    .fallback = "127.0.0.0/8, ::1",
	    AT(trust.clients) },
	{ .name = "listeners",
	    .kind = GP_NAME,
	    .is_list = true,
	    .expected = "names without white space",
	    .fallback = "ORIGINATING",
	    AT(trust.listeners) },
	{ .name = "forwarders",
	    .kind = GP_PREFIX,
	    .is_list = true,
	    .expected = "IP addresses or prefixes",
	    .fallback = "",
	    AT(trust.forwarders) },
	{ .name = "authenticated",
	    .kind = GP_BOOL,
	    .expected = "yes or no",
	    .fallback = "yes",
	    AT(trust.authenticated) },
	{ .name = "client-certificates",
	    .kind = GP_BOOL,
	    .expected = "yes or no",
	    .fallback = "no",
	    AT(trust.client_certificates) },
};

static const struct gp_option spf_checking_options[] = {
	{ .name = "engine",
	    .kind = GP_WORD,
	    .expected = "builtin, libspf2 or compare",
	    .fallback = "builtin",
	    .words = spf_engines,
	    AT(spf.engine) },
	{ .name = "helo-check",
	    .kind = GP_BOOL,
	    .expected = "yes or no",
	    .fallback = "yes",
	    AT(spf.helo) },
	{ .name = "max-terms",
	    .kind = GP_NUMBER,
	    .expected = "a number from 1 to 10",
	    .fallback = "10",
	    .min = 1,
	    .max = GP_SPF_TERMS_MAX,
	    AT(spf.max_terms) },
	{ .name = "max-void",
	    .kind = GP_NUMBER,
	    .expected = "a number from 0 to 10",
	    .fallback = "2",
	    .max = 10,
	    AT(spf.max_voids) },
	{ .name = "timeout",
	    .kind = GP_DURATION,
	    .expected = "a time from 1s to 20s",
	    .fallback = "20s",
	    .min = 1000,
	    .max = INT64_C(1000) * GP_SPF_TIMEOUT_S,
	    AT(spf.timeout_ms) },
	{ .name = "explanation",
	    .kind = GP_LINE,
	    .expected = "printable US-ASCII of at most 400 characters",
	    .fallback = "",
	    .max = GP_SPF_EXPLAIN_MAX,
	    AT(spf.explanation) },
};

#define DKIM_ACTION(result, member)                                            \
	{                                                                      \
		.name = (result), .kind = GP_WORD, .expected = ANSWER_WORDS,   \
		.fallback = "tag", .words = answers, AT(member)                \
	}
static const struct gp_option dkim_options[] = {
	{ .name = "mode",
	    .kind = GP_WORD,
	    .expected = GP_MODE_EXPECTED,
	    .fallback = "enforce",
	    .words = gp_mode_words,
	    AT(dkim.mode) },
	DKIM_ACTION("none", dkim.on[GP_DKIM_NONE]),
	DKIM_ACTION("fail", dkim.on[GP_DKIM_FAIL]),
	DKIM_ACTION("policy", dkim.on[GP_DKIM_POLICY]),
	DKIM_ACTION("temperror", dkim.on[GP_DKIM_TEMPERROR]),
	DKIM_ACTION("permerror", dkim.on[GP_DKIM_PERMERROR]),
	{ .name = "engine",
	    .kind = GP_WORD,
	    .expected = "builtin, libopendkim or compare",
	    .fallback = "builtin",
	    .words = dkim_engines,
	    AT(dkim.engine) },
	{ .name = "max-signatures",
	    .kind = GP_NUMBER,
	    .expected = "a number from 1 to 32",
	    .fallback = "8",
	    .min = 1,
	    .max = 32,
	    AT(dkim.max_signatures) },
	{ .name = "min-rsa-bits",
	    .kind = GP_NUMBER,
	    .expected = "a number from 1024 to 4096",
	    .fallback = "1024",
	    .min = 1024,
	    .max = 4096,
	    AT(dkim.min_rsa_bits) },
	{ .name = "timeout",
	    .kind = GP_DURATION,
	    .expected = "a time from 1s to 20s",
	    .fallback = "10s",
	    .min = 1000,
	    .max = 20000,
	    AT(dkim.timeout_ms) },
	{ .name = "body-length",
	    .kind = GP_WORD,
	    .expected = "policy or pass",
	    .fallback = "policy",
	    .words = body_lengths,
	    AT(dkim.body_length) },
};

static const struct gp_option dmarc_checking_options[] = {
	{ .name = "discovery",
	    .kind = GP_WORD,
	    .expected = "treewalk, psl or both",
	    .fallback = "treewalk",
	    .words = discoveries,
	    AT(dmarc.discovery) },
	{ .name = "timeout",
	    .kind = GP_DURATION,
	    .expected = "a time from 1s to 20s",
	    .fallback = "10s",
	    .min = 1000,
	    .max = 20000,
	    AT(dmarc.timeout_ms) },
	{ .name = "records",
	    .kind = GP_BOOL,
	    .expected = "yes or no",
	    .fallback = "yes",
	    AT(dmarc.records) },
	{ .name = "record-bytes",
	    .kind = GP_SIZE,
	    .expected = "a size from 1m to 64g",
	    .fallback = "256m",
	    .min = INT64_C(1) << 20,
	    .max = INT64_C(64) << 30,
	    AT(dmarc.record_bytes) },
	{ .name = "record-age",
	    .kind = GP_DURATION,
	    .expected = "a time from 1d to 365d",
	    .fallback = "31d",
	    .min = INT64_C(24) * 3600 * 1000,
	    .max = INT64_C(365) * 24 * 3600 * 1000,
	    AT(dmarc.record_age_ms) },
};

#define LISTEN(daemon)                                                         \
	{                                                                      \
		.name = #daemon, .kind = GP_SOCKET, .expected = SOCKET_FORM,   \
		.fallback = "unix:/run/gatepost/" #daemon "/milter.sock",      \
		AT(listen.daemon)                                              \
	}
static const struct gp_option listen_options[] = { LISTEN(spf), LISTEN(dkim),
	LISTEN(dmarc), LISTEN(rate) };
#undef AT

#define AT(member) .offset = offsetof(struct gp_policy, member)

static const struct gp_option domain_options[] = {
	{ .name = "profile",
	    .kind = GP_NAME,
	    .expected = "the name of a profile",
	    AT(profile) },
};

static const struct gp_option block_options[] = {
	{ .name = "subdomains",
	    .kind = GP_BOOL,
	    .expected = "yes or no",
	    .fallback = "no",
	    AT(subdomains) },
	{ .name = "algorithms",
	    .kind = GP_WORD,
	    .is_list = true,
	    .expected = "rsa-sha256, ed25519-sha256 or both",
	    .fallback = "rsa-sha256, ed25519-sha256",
	    .words = algorithms,
	    .min = 1,
	    AT(signing.algorithms) },
	{ .name = "canon",
	    .kind = GP_WORD,
	    .expected = "relaxed/relaxed, relaxed/simple, simple/relaxed or"
			" simple/simple",
	    .fallback = "relaxed/relaxed",
	    .words = canons,
	    AT(signing.canon) },
	{ .name = "expire",
	    .kind = GP_DURATION,
	    .expected = "0 for none, or a time from 1h to 365d",
	    .fallback = "10d",
	    .or_zero = true,
	    .min = INT64_C(3600) * 1000,
	    .max = INT64_C(365) * 24 * 3600 * 1000,
	    AT(signing.expire_ms) },
	{ .name = "sign",
	    .kind = GP_FIELD_NAME,
	    .is_list = true,
	    .expected = FIELD_FORM,
	    .fallback = "default",
	    AT(signing.sign) },
	{ .name = "oversign",
	    .kind = GP_FIELD_NAME,
	    .is_list = true,
	    .expected = FIELD_FORM,
	    .fallback = "default",
	    AT(signing.oversign) },
	{ .name = "on-fragile",
	    .kind = GP_WORD,
	    .expected = "warn, reject or sign",
	    .fallback = "warn",
	    .words = fragile_words,
	    AT(signing.on_fragile) },
	{ .name = "class",
	    .kind = GP_WORD,
	    .expected = "normal, transactional or bulk",
	    .fallback = "normal",
	    .words = classes,
	    AT(mail_class) },
};

#define SPF_ACTION(result, member)                                             \
	{                                                                      \
		.name = (result), .kind = GP_WORD, .expected = ACTION_WORDS,   \
		.fallback = "tag", .words = actions, AT(member)                \
	}
static const struct gp_option spf_options[] = {
	{ .name = "mode",
	    .kind = GP_WORD,
	    .expected = GP_MODE_EXPECTED,
	    .fallback = "monitor",
	    .words = gp_mode_words,
	    AT(spf.mode) },
	SPF_ACTION("fail", spf.on[GP_SPF_FAIL]),
	SPF_ACTION("softfail", spf.on[GP_SPF_SOFTFAIL]),
	SPF_ACTION("neutral", spf.on[GP_SPF_NEUTRAL]),
	SPF_ACTION("none", spf.on[GP_SPF_NONE]),
	SPF_ACTION("permerror", spf.on[GP_SPF_PERMERROR]),
	SPF_ACTION("temperror", spf.on[GP_SPF_TEMPERROR]),
	SPF_ACTION("helo-fail", spf.helo_fail),
};

static const struct gp_option dmarc_options[] = {
	{ .name = "mode",
	    .kind = GP_WORD,
	    .expected = GP_MODE_EXPECTED,
	    .fallback = "monitor",
	    .words = gp_mode_words,
	    AT(dmarc.mode) },
	{ .name = "reject",
	    .kind = GP_WORD,
	    .expected = "never, corroborated or always",
	    .fallback = "corroborated",
	    .words = rejects,
	    AT(dmarc.reject) },
	{ .name = "quarantine",
	    .kind = GP_WORD,
	    .expected = "tag, hold or reject",
	    .fallback = "tag",
	    .words = quarantines,
	    AT(dmarc.quarantine) },
	{ .name = "temperror",
	    .kind = GP_WORD,
	    .expected = "tag, tempfail or accept (the same as tag)",
	    .fallback = "tag",
	    .words = patience,
	    AT(dmarc.temperror) },
	{ .name = "multi-from",
	    .kind = GP_WORD,
	    .expected = ANSWER_WORDS,
	    .fallback = "reject",
	    .words = answers,
	    AT(dmarc.multi_from) },
	{ .name = "no-from",
	    .kind = GP_WORD,
	    .expected = ANSWER_WORDS,
	    .fallback = "reject",
	    .words = answers,
	    AT(dmarc.no_from) },
};

static const struct gp_option senders_options[] = {
	{ .name = "auth",
	    .kind = GP_NAME,
	    .is_list = true,
	    .expected = "logins without white space",
	    .fallback = "",
	    AT(senders.auth) },
	{ .name = "clients",
	    .kind = GP_PREFIX,
	    .is_list = true,
	    .expected = "IP addresses or prefixes",
	    .fallback = "",
	    AT(senders.clients) },
	{ .name = "else",
	    .kind = GP_WORD,
	    .expected = "reject, tempfail or unsigned",
	    .fallback = "unsigned",
	    .words = elses,
	    AT(senders.otherwise) },
	{ .name = "own-address",
	    .kind = GP_BOOL,
	    .expected = "yes or no",
	    .fallback = "no",
	    AT(senders.own_address) },
	{ .name = "aliases",
	    .kind = GP_ALIAS,
	    .is_list = true,
	    .expected = "texts \"LOGIN=LOCAL@DOMAIN\"",
	    .fallback = "",
	    AT(senders.aliases) },
};
#undef AT

#define AT(member) .offset = offsetof(struct gp_key_policy, member)
static const struct gp_option key_options[] = {
	{ .name = "file",
	    .kind = GP_PATH,
	    .required = true,
	    .expected = "the path of a private key",
	    AT(file) },
	{ .name = "algorithm",
	    .kind = GP_WORD,
	    .expected = "rsa-sha256 or ed25519-sha256",
	    .words = algorithms,
	    AT(algorithm) },
	{ .name = "state",
	    .kind = GP_WORD,
	    .expected = "staged, active or retired",
	    .fallback = "active",
	    .words = states,
	    AT(state) },
	{ .name = "activate-after",
	    .kind = GP_DATE,
	    .expected = "a date YYYY-MM-DD, or \"\" for none",
	    AT(activate_after_s) },
	{ .name = "require-dns",
	    .kind = GP_BOOL,
	    .expected = "yes or no",
	    .fallback = "yes",
	    AT(require_dns) },
	{ .name = "retired-on",
	    .kind = GP_DATE,
	    .expected = "a date YYYY-MM-DD, or \"\" for none",
	    AT(retired_on_s) },
};
#undef AT

/* -- groups ------------------------------------------------------------ */

enum {
	FIRST_RESOLVER = COUNT(top_options),
	FIRST_TRUST = FIRST_RESOLVER + COUNT(resolver_options),
	FIRST_SPF_CHECKING = FIRST_TRUST + COUNT(trust_options),
	FIRST_DKIM = FIRST_SPF_CHECKING + COUNT(spf_checking_options),
	FIRST_DMARC_CHECKING = FIRST_DKIM + COUNT(dkim_options),
	FIRST_LISTEN = FIRST_DMARC_CHECKING + COUNT(dmarc_checking_options),
	FIRST_RATE = FIRST_LISTEN + COUNT(listen_options),
	END_GLOBALS = FIRST_RATE + GP_RATE_OPTIONS,
	FIRST_BLOCK = COUNT(domain_options),
	FIRST_SPF = FIRST_BLOCK + COUNT(block_options),
	FIRST_DMARC = FIRST_SPF + COUNT(spf_options),
	FIRST_SENDERS = FIRST_DMARC + COUNT(dmarc_options),
	FIRST_PREFLIGHT = FIRST_SENDERS + COUNT(senders_options),
	END_POLICY = FIRST_PREFLIGHT + GP_PREFLIGHT_OPTIONS,
};
static_assert(END_GLOBALS == GP_GLOBALS_OPTIONS, "count of global options");
static_assert(END_POLICY == GP_POLICY_OPTIONS, "count of policy options");
static_assert(COUNT(key_options) == GP_KEY_OPTIONS, "count of key options");
/* Values are written through pointers of the size of an int. */
static_assert(sizeof(enum gp_mode) == sizeof(int), "size of an enum");

#define GROUP(name, target_, first_)                                           \
	{                                                                      \
		.target = (target_), .first = (first_),                        \
		.n = COUNT(name##_options), .options = name##_options,         \
	}
#define ELSEWHERE(NAME, name, target_, first_)                                 \
	{                                                                      \
		.target = (target_), .first = (first_),                        \
		.n = GP_##NAME##_OPTIONS, .options = gp_##name##_options,      \
	}
const struct gp_option_group gp_option_groups[GP_GROUPS] = {
	[GP_GROUP_TOP] = GROUP(top, GP_IN_GLOBALS, 0),
	[GP_GROUP_RESOLVER] = GROUP(resolver, GP_IN_GLOBALS, FIRST_RESOLVER),
	[GP_GROUP_TRUST] = GROUP(trust, GP_IN_GLOBALS, FIRST_TRUST),
	[GP_GROUP_SPF_CHECKING] =
	    GROUP(spf_checking, GP_IN_GLOBALS, FIRST_SPF_CHECKING),
	[GP_GROUP_DKIM] = GROUP(dkim, GP_IN_GLOBALS, FIRST_DKIM),
	[GP_GROUP_DMARC_CHECKING] =
	    GROUP(dmarc_checking, GP_IN_GLOBALS, FIRST_DMARC_CHECKING),
	[GP_GROUP_LISTEN] = GROUP(listen, GP_IN_GLOBALS, FIRST_LISTEN),
	[GP_GROUP_DOMAIN] = GROUP(domain, GP_IN_POLICY, 0),
	[GP_GROUP_BLOCK] = GROUP(block, GP_IN_POLICY, FIRST_BLOCK),
	[GP_GROUP_SPF] = GROUP(spf, GP_IN_POLICY, FIRST_SPF),
	[GP_GROUP_DMARC] = GROUP(dmarc, GP_IN_POLICY, FIRST_DMARC),
	[GP_GROUP_SENDERS] = GROUP(senders, GP_IN_POLICY, FIRST_SENDERS),
	[GP_GROUP_KEY] = GROUP(key, GP_IN_KEY, 0),
	[GP_GROUP_LIMIT] = ELSEWHERE(LIMIT, limit, GP_IN_LIMIT, 0),
	[GP_GROUP_TOP_LIMIT] = ELSEWHERE(LIMIT, top_limit, GP_IN_LIMIT, 0),
	[GP_GROUP_WARMUP] = ELSEWHERE(WARMUP, warmup, GP_IN_WARMUP, 0),
	[GP_GROUP_PROVIDER] = ELSEWHERE(PROVIDER, provider, GP_IN_PROVIDER, 0),
	[GP_GROUP_PREFLIGHT] =
	    ELSEWHERE(PREFLIGHT, preflight, GP_IN_POLICY, FIRST_PREFLIGHT),
	[GP_GROUP_RATE] = ELSEWHERE(RATE, rate, GP_IN_GLOBALS, FIRST_RATE),
	[GP_GROUP_OVERRIDE] = ELSEWHERE(OVERRIDE, override, GP_IN_OVERRIDE, 0),
};
