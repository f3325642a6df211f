/* See policy_options.h: the rows about mail that leaves. */
#include "core/policy_options.h"

#include <assert.h>

/* -- preflight --------------------------------------------------------- */

static const struct gp_word needs[] = { { "from-one", GP_NEED_FROM_ONE },
	{ "aligned-dkim", GP_NEED_ALIGNED_DKIM },
	{ "aligned-spf", GP_NEED_ALIGNED_SPF },
	{ "dmarc-record", GP_NEED_DMARC_RECORD }, { "date", GP_NEED_DATE },
	{ "message-id", GP_NEED_MESSAGE_ID }, { "subject", GP_NEED_SUBJECT },
	{ "list-unsubscribe-oneclick", GP_NEED_ONE_CLICK }, { NULL, 0 } };
static_assert(sizeof(needs) / sizeof(needs[0]) == GP_NEEDS + 1,
    "a word for each need");
static const struct gp_word elses[] = { { "warn", GP_DO_TAG },
	{ "tempfail", GP_DO_TEMPFAIL }, { "reject", GP_DO_REJECT },
	{ NULL, 0 } };
static const struct gp_word patience[] = { { "tag", GP_DO_TAG },
	{ "tempfail", GP_DO_TEMPFAIL }, { "accept", GP_DO_TAG }, { NULL, 0 } };

#define AT(member) .offset = offsetof(struct gp_policy, preflight.member)
const struct gp_option gp_preflight_options[] = {
	{ .name = "mode",
	    .kind = GP_WORD,
	    .expected = GP_MODE_EXPECTED,
	    .fallback = "monitor",
	    .words = gp_mode_words,
	    AT(mode) },
	{ .name = "require",
	    .kind = GP_WORD,
	    .is_list = true,
	    .distinct = true,
	    .expected = "words of from-one, aligned-dkim, aligned-spf,"
			" dmarc-record, date, message-id, subject,"
			" list-unsubscribe-oneclick",
	    .fallback = "from-one, aligned-dkim, aligned-spf, dmarc-record,"
			" date, message-id, subject",
	    .words = needs,
	    AT(require) },
	{ .name = "egress",
	    .kind = GP_ADDRESS,
	    .is_list = true,
	    .expected = "at most 32 single IP addresses, not networks",
	    .fallback = "",
	    .max = GP_EGRESS_MAX,
	    AT(egress) },
	{ .name = "else",
	    .kind = GP_WORD,
	    .expected = "warn, tempfail or reject",
	    .fallback = "warn",
	    .words = elses,
	    AT(otherwise) },
	{ .name = "temperror",
	    .kind = GP_WORD,
	    .expected = "tag, tempfail or accept (the same as tag)",
	    .fallback = "tag",
	    .words = patience,
	    AT(temperror) },
};
#undef AT

/* -- limits ------------------------------------------------------------ */

static const struct gp_word counts[] = { { "recipients", GP_COUNT_RECIPIENTS },
	{ "messages", GP_COUNT_MESSAGES }, { "bytes", GP_COUNT_BYTES },
	{ "unique-recipients", GP_COUNT_UNIQUE_RECIPIENTS }, { NULL, 0 } };
static const struct gp_word keys[] = { { "auth", GP_BY_AUTH },
	{ "sender", GP_BY_SENDER }, { "domain", GP_BY_DOMAIN },
	{ "client", GP_BY_CLIENT }, { "rcpt-domain", GP_BY_RCPT_DOMAIN },
	{ "provider", GP_BY_PROVIDER }, { "all", GP_BY_ALL }, { NULL, 0 } };
static const struct gp_word overs[] = { { "defer", GP_OVER_DEFER },
	{ "tempfail", GP_OVER_DEFER }, { "reject", GP_OVER_REJECT },
	{ "log", GP_OVER_LOG }, { NULL, 0 } };

#define RATES_FORM                                                             \
	"rates NUMBER/TIME, at most 8, with a number from 1 to 1000000000000"  \
	" and a time from 1s to 31d"

#define AT(member) .offset = offsetof(struct gp_limit_policy, member)
#define LIMIT(by_fallback)                                                     \
	{ .name = "count",                                                     \
		.kind = GP_WORD,                                               \
		.expected =                                                    \
		    "recipients, messages, bytes or unique-recipients",        \
		.fallback = "recipients",                                      \
		.words = counts,                                               \
		AT(count) },                                                   \
	    { .name = "by",                                                    \
		    .kind = GP_WORD,                                           \
		    .is_list = true,                                           \
		    .distinct = true,                                          \
		    .expected = "at least one of auth, sender, domain,"        \
				" client, rcpt-domain, provider, or all"       \
				" alone",                                      \
		    .fallback = (by_fallback),                                 \
		    .words = keys,                                             \
		    .min = 1,                                                  \
		    AT(by) },                                                  \
	    { .name = "rate",                                                  \
		    .kind = GP_RATE,                                           \
		    .is_list = true,                                           \
		    .required = true,                                          \
		    .expected = RATES_FORM,                                    \
		    .min = 1,                                                  \
		    .max = GP_LIMIT_RATES_MAX,                                 \
		    AT(rate) },                                                \
	    { .name = "burst",                                                 \
		    .kind = GP_AMOUNT,                                         \
		    .expected = "a number up to 1000000000000, or with k, m,"  \
				" g; 0 for that of the rate",                  \
		    .fallback = "0",                                           \
		    .max = INT64_C(1000000000000),                             \
		    AT(burst) },                                               \
	    { .name = "over",                                                  \
		    .kind = GP_WORD,                                           \
		    .expected = "defer, tempfail (the same), reject or log",   \
		    .fallback = "defer",                                       \
		    .words = overs,                                            \
		    AT(over) },                                                \
	{                                                                      \
		.name = "mode", .kind = GP_WORD, .expected = GP_MODE_EXPECTED, \
		.fallback = "enforce", .words = gp_mode_words, AT(mode)        \
	}
const struct gp_option gp_limit_options[] = { LIMIT("domain") };
const struct gp_option gp_top_limit_options[] = { LIMIT("all") };
#undef AT

/* -- warm-up ----------------------------------------------------------- */

static const struct gp_word warmup_overs[] = { { "defer", GP_OVER_DEFER },
	{ "tempfail", GP_OVER_DEFER }, { "log", GP_OVER_LOG }, { NULL, 0 } };

#define AT(member) .offset = offsetof(struct gp_warmup_policy, member)
const struct gp_option gp_warmup_options[] = {
	{ .name = "first-day",
	    .kind = GP_AMOUNT,
	    .or_zero = true,
	    .expected = "a number from 1 to 1000000000, 0 for that of the"
			" provider",
	    .fallback = "0",
	    .min = 1,
	    .max = 1000000000,
	    AT(first_day) },
	{ .name = "grow",
	    .kind = GP_FACTOR,
	    .or_zero = true,
	    .expected = "a number from 1.001 to 4, 0 for that of the provider",
	    .fallback = "0",
	    .min = 1001,
	    .max = 4000,
	    AT(grow) },
	{ .name = "plateau",
	    .kind = GP_AMOUNT,
	    .or_zero = true,
	    .expected = "a number from 1 to 1000000000000, 0 for that of the"
			" provider",
	    .fallback = "0",
	    .min = 1,
	    .max = INT64_C(1000000000000),
	    AT(plateau) },
	{ .name = "hours",
	    .kind = GP_NUMBER,
	    .expected = "a number from 1 to 24",
	    .fallback = "12",
	    .min = 1,
	    .max = 24,
	    AT(hours) },
	{ .name = "over",
	    .kind = GP_WORD,
	    .expected = "defer, tempfail (the same) or log",
	    .fallback = "defer",
	    .words = warmup_overs,
	    AT(over) },
	{ .name = "mode",
	    .kind = GP_WORD,
	    .expected = GP_MODE_EXPECTED,
	    .fallback = "enforce",
	    .words = gp_mode_words,
	    AT(mode) },
};
#undef AT

/* -- providers --------------------------------------------------------- */

#define AT(member) .offset = offsetof(struct gp_provider_policy, member)
const struct gp_option gp_provider_options[] = {
	{ .name = "domains",
	    .kind = GP_DOMAINS,
	    .is_list = true,
	    .expected = "domain names, with \"*.\" in front for all below",
	    .fallback = "",
	    AT(domains) },
	{ .name = "mx",
	    .kind = GP_HOST,
	    .is_list = true,
	    .expected = "names of MX hosts, or the ends of such names",
	    .fallback = "",
	    AT(mx) },
	{ .name = "transports",
	    .kind = GP_NAME,
	    .is_list = true,
	    .expected = "names without white space",
	    .fallback = "",
	    AT(transports) },
};
#undef AT

/* -- how all of it works ----------------------------------------------- */

#define AT(member) .offset = offsetof(struct gp_globals, rate.member)
const struct gp_option gp_rate_options[] = {
	{ .name = "login-limit",
	    .kind = GP_RATE,
	    .is_list = true,
	    .expected = RATES_FORM,
	    .fallback = "1000/1h",
	    .max = GP_LIMIT_RATES_MAX,
	    AT(login) },
	{ .name = "peers",
	    .kind = GP_NUMBER,
	    .expected = "a number from 1 to 1000",
	    .fallback = "1",
	    .min = 1,
	    .max = 1000,
	    AT(peers) },
	{ .name = "store-timeout",
	    .kind = GP_DURATION,
	    .expected = "a time from 5ms to 5s",
	    .fallback = "50ms",
	    .min = 5,
	    .max = 5000,
	    AT(store_timeout_ms) },
	{ .name = "store-bytes",
	    .kind = GP_SIZE,
	    .expected = "a size from 1m to 1024g",
	    .fallback = "256m",
	    .min = INT64_C(1) << 20,
	    .max = INT64_C(1) << 40,
	    AT(store_bytes) },
	{ .name = "password-file",
	    .kind = GP_PATH,
	    .expected = "a path, or \"\" for the password of the store's URL",
	    AT(password_file) },
	{ .name = "internal",
	    .kind = GP_DOMAINS,
	    .is_list = true,
	    .expected = "domain names, with \"*.\" in front for all below",
	    .fallback = "",
	    AT(internal) },
	{ .name = "internal-transports",
	    .kind = GP_NAME,
	    .is_list = true,
	    .expected = "names without white space",
	    .fallback = "local, virtual, lmtp",
	    AT(internal_transports) },
	{ .name = "contact",
	    .kind = GP_LINE,
	    .expected = "printable US-ASCII of at most 200 characters, or \"\"",
	    .max = 200,
	    AT(contact) },
};
#undef AT
