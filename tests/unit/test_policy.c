/* The snapshot: which value holds for which domain, and where it is from. */
#include "io/policy_file.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct gp_config *
config_of(struct gp_str text)
{
	struct gp_config *config = NULL;
	struct gp_problems problems;

	gp_problems_init(&problems);
	if (gp_policy_parse(text, "c", &config, &problems) != GP_OK)
		fail_msg("%s", gp_buf_cstr(&problems.text));
	gp_problems_clear(&problems);
	return config;
}

static void
check_strings(const struct gp_strings *s, size_t n, const char *const *want)
{
	assert_int_equal(s->n, n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(s->v[i], want[i]);
}

static void
check_prefixes(const struct gp_prefixes *p, size_t n, const char *const *want)
{
	assert_int_equal(p->n, n);
	for (size_t i = 0; i < n; i++) {
		struct gp_prefix prefix;

		assert_int_equal(gp_prefix_parse(gp_str(want[i]), &prefix,
				     NULL),
		    GP_OK);
		assert_true(gp_ip_eq(&p->v[i].ip, &prefix.ip));
		assert_int_equal(p->v[i].bits, prefix.bits);
	}
}

/* -- defaults ---------------------------------------------------------- */

static void
policy_without_a_word_has_the_safe_defaults(void **state)
{
	static const char *const clients[] = { "127.0.0.0/8", "::1" };
	static const char *const listeners[] = { "ORIGINATING" };
	struct gp_config *config = config_of(GP_STR(""));
	const struct gp_globals *g = gp_config_globals(config);
	const struct gp_policy *p = gp_policy_for(config, NULL);

	(void)state;
	assert_null(g->authserv_id);
	assert_null(g->seal_key);
	assert_int_equal(g->own_ids.n, 0);
	assert_string_equal(g->store, "lmdb");
	assert_int_equal(g->resolver.servers.n, 0);
	assert_int_equal(g->resolver.timeout_ms, 2000);
	assert_int_equal(g->resolver.tries, 2);
	assert_int_equal(g->resolver.cache_bytes, 16 << 20);
	assert_int_equal(g->resolver.max_queries, 64);
	check_prefixes(&g->trust.clients, 2, clients);
	check_strings(&g->trust.listeners, 1, listeners);
	assert_true(g->trust.authenticated);
	assert_false(g->trust.client_certificates);
	assert_int_equal(g->spf.engine, GP_BUILTIN);
	assert_int_equal(g->spf.max_terms, 10);
	assert_int_equal(g->spf.max_voids, 2);
	assert_int_equal(g->spf.timeout_ms, 20000);
	assert_true(g->spf.helo);
	assert_string_equal(g->spf.explanation, "");
	assert_int_equal(p->spf.mode, GP_MONITOR);
	for (size_t i = 0; i < GP_SPF_RESULTS; i++)
		assert_int_equal(p->spf.on[i], GP_DO_TAG);
	assert_int_equal(p->spf.helo_fail, GP_DO_TAG);
	assert_int_equal(g->dkim.engine, GP_BUILTIN);
	assert_int_equal(g->dkim.max_signatures, 8);
	assert_int_equal(g->dkim.min_rsa_bits, 1024);
	assert_int_equal(g->dkim.mode, GP_ENFORCE);
	for (size_t i = 0; i < GP_DKIM_RESULTS; i++)
		assert_int_equal(g->dkim.on[i], GP_DO_TAG);
	assert_int_equal(g->dkim.timeout_ms, 10000);
	assert_int_equal(g->dkim.body_length, GP_BODY_LENGTH_POLICY);
	assert_int_equal(gp_policy_for(config, NULL)->dmarc.mode, GP_MONITOR);
	assert_int_equal(g->dmarc.discovery, GP_DMARC_TREEWALK);
	assert_true(g->dmarc.records);
	assert_int_equal(g->dmarc.record_bytes, 256 << 20);
	assert_int_equal(g->dmarc.record_age_ms, INT64_C(31) * 86400000);
	assert_int_equal(gp_policy_for(config, NULL)->dmarc.reject,
	    GP_DMARC_CORROBORATED);
	assert_int_equal(gp_policy_for(config, NULL)->dmarc.quarantine,
	    GP_DO_TAG);
	assert_int_equal(gp_policy_for(config, NULL)->dmarc.temperror,
	    GP_DO_TAG);
	assert_int_equal(gp_policy_for(config, NULL)->dmarc.multi_from,
	    GP_DO_REJECT);
	assert_int_equal(gp_policy_for(config, NULL)->dmarc.no_from,
	    GP_DO_REJECT);
	gp_config_unref(config);
}

static void
policy_domain_without_a_word_has_the_safe_defaults(void **state)
{
	static const char *const fields[] = { "default" };
	struct gp_config *config = config_of(GP_STR("domain a.example {\n"
						    "key s { file = f }\n"
						    "limit l { rate = 5/1m }\n"
						    "}\n"));
	const struct gp_policy *p = gp_policy_for(config, "a.example");

	(void)state;
	assert_string_equal(p->domain, "a.example");
	assert_int_equal(p->origin.line, 1);
	assert_null(p->profile);
	assert_false(p->subdomains);
	assert_false(p->senders.given);
	assert_int_equal(p->senders.otherwise, GP_ELSE_UNSIGNED);
	assert_false(p->senders.own_address);
	assert_int_equal(p->n_keys, 1);
	assert_string_equal(p->keys[0].selector, "s");
	assert_string_equal(p->keys[0].file, "f");
	assert_int_equal(p->signing.algorithms.n, 2);
	assert_int_equal(p->signing.algorithms.v[0], GP_SIGN_RSA_SHA256);
	assert_int_equal(p->signing.algorithms.v[1], GP_SIGN_ED25519_SHA256);
	assert_int_equal(p->signing.canon, GP_RELAXED_RELAXED);
	assert_int_equal(p->signing.expire_ms, INT64_C(10) * 86400000);
	check_strings(&p->signing.sign, 1, fields);
	check_strings(&p->signing.oversign, 1, fields);
	assert_int_equal(p->signing.on_fragile, GP_FRAGILE_WARN);
	assert_int_equal(p->keys[0].algorithm, GP_SIGN_ANY);
	assert_int_equal(p->keys[0].state, GP_KEY_ACTIVE);
	assert_int_equal(p->keys[0].activate_after_s, 0);
	assert_true(p->keys[0].require_dns);
	assert_int_equal(p->keys[0].origin.line, 2);
	assert_int_equal(p->n_limits, 1);
	assert_string_equal(p->limits[0].name, "l");
	assert_int_equal(p->limits[0].count, GP_COUNT_RECIPIENTS);
	assert_int_equal(p->limits[0].by.n, 1);
	assert_int_equal(p->limits[0].by.v[0], GP_BY_DOMAIN);
	assert_int_equal(p->limits[0].rate.n, 1);
	assert_int_equal(p->limits[0].rate.v[0].n, 5);
	assert_int_equal(p->limits[0].rate.v[0].period_ms, 60000);
	assert_int_equal(p->limits[0].burst, 0);
	assert_int_equal(p->limits[0].over, GP_OVER_DEFER);
	assert_int_equal(p->limits[0].mode, GP_ENFORCE);
	assert_int_equal(p->limits[0].origin.line, 3);
	gp_config_unref(config);
}

/* -- what is written --------------------------------------------------- */

static const char everything[] =
    "authserv-id = \"MX.Receiver.Example\"\n"
    "own-ids = { \"old.receiver.example\", legacy }\n"
    "seal-key = \"/etc/gatepost/seal.key\"\n"
    "store = \"redis://127.0.0.1:6379/0\"\n"
    "resolver { servers = { \"127.0.0.1:5300\" } timeout = 1s tries = 3\n"
    "    cache-size = 64k max-queries = 100 }\n"
    "trust { clients = { \"10.0.0.0/8\" } listeners = { } authenticated = no\n"
    "    client-certificates = yes }\n"
    "spf { mode = enforce engine = compare fail = reject softfail = hold\n"
    "    neutral = tempfail none = hold permerror = reject\n"
    "    temperror = tempfail helo-check = no helo-fail = reject\n"
    "    max-terms = 9 max-void = 0 timeout = 10s explanation = \"no %\" }\n"
    "dkim { mode = monitor engine = libopendkim max-signatures = 3\n"
    "    min-rsa-bits = 2048 timeout = 3s body-length = pass }\n"
    "dmarc { mode = enforce discovery = both reject = always\n"
    "    quarantine = hold temperror = tempfail multi-from = tempfail\n"
    "    no-from = tag records = no record-bytes = 64g record-age = 1d }\n"
    "listen { spf = \"inet:8891@127.0.0.1\" rate = \"unix:/run/r.sock\" }\n";

static void
policy_globals_are_typed(void **state)
{
	static const char *const ids[] = { "old.receiver.example", "legacy" };
	static const char *const servers[] = { "127.0.0.1:5300" };
	static const char *const clients[] = { "10.0.0.0/8" };
	struct gp_config *config = config_of(gp_str(everything));
	const struct gp_globals *g = gp_config_globals(config);

	(void)state;
	assert_string_equal(g->authserv_id, "mx.receiver.example");
	check_strings(&g->own_ids, 2, ids);
	assert_string_equal(g->seal_key, "/etc/gatepost/seal.key");
	assert_string_equal(g->store, "redis://127.0.0.1:6379/0");
	check_strings(&g->resolver.servers, 1, servers);
	assert_int_equal(g->resolver.timeout_ms, 1000);
	assert_int_equal(g->resolver.tries, 3);
	assert_int_equal(g->resolver.cache_bytes, 65536);
	assert_int_equal(g->resolver.max_queries, 100);
	check_prefixes(&g->trust.clients, 1, clients);
	assert_int_equal(g->trust.listeners.n, 0);
	assert_false(g->trust.authenticated);
	assert_true(g->trust.client_certificates);
	assert_int_equal(g->spf.engine, GP_COMPARE);
	assert_int_equal(g->spf.max_terms, 9);
	assert_int_equal(g->spf.max_voids, 0);
	assert_int_equal(g->spf.timeout_ms, 10000);
	assert_false(g->spf.helo);
	assert_string_equal(g->spf.explanation, "no %");
	assert_int_equal(g->dkim.engine, GP_SECOND);
	assert_int_equal(g->dkim.max_signatures, 3);
	assert_int_equal(g->dkim.min_rsa_bits, 2048);
	assert_int_equal(g->dkim.mode, GP_MONITOR);
	assert_int_equal(g->dkim.timeout_ms, 3000);
	assert_int_equal(g->dkim.body_length, GP_BODY_LENGTH_PASS);
	assert_int_equal(gp_policy_for(config, NULL)->dmarc.mode, GP_ENFORCE);
	assert_int_equal(g->dmarc.discovery, GP_DMARC_BOTH);
	assert_false(g->dmarc.records);
	assert_int_equal(g->dmarc.record_bytes, INT64_C(64) << 30);
	assert_int_equal(g->dmarc.record_age_ms, 86400000);
	assert_int_equal(gp_policy_for(config, NULL)->dmarc.reject,
	    GP_DMARC_ALWAYS);
	assert_int_equal(gp_policy_for(config, NULL)->dmarc.quarantine,
	    GP_DO_HOLD);
	assert_int_equal(gp_policy_for(config, NULL)->dmarc.temperror,
	    GP_DO_TEMPFAIL);
	assert_int_equal(gp_policy_for(config, NULL)->dmarc.multi_from,
	    GP_DO_TEMPFAIL);
	assert_int_equal(gp_policy_for(config, NULL)->dmarc.no_from, GP_DO_TAG);
	gp_config_unref(config);
}

static void
policy_actions_belong_to_their_results(void **state)
{
	struct gp_config *config = config_of(gp_str(everything));
	const struct gp_spf_policy *spf = &gp_policy_for(config, NULL)->spf;

	(void)state;
	assert_int_equal(spf->mode, GP_ENFORCE);
	assert_int_equal(spf->on[GP_SPF_SKIPPED], GP_DO_TAG);
	assert_int_equal(spf->on[GP_SPF_PASS], GP_DO_TAG);
	assert_int_equal(spf->on[GP_SPF_FAIL], GP_DO_REJECT);
	assert_int_equal(spf->on[GP_SPF_SOFTFAIL], GP_DO_HOLD);
	assert_int_equal(spf->on[GP_SPF_NEUTRAL], GP_DO_TEMPFAIL);
	assert_int_equal(spf->on[GP_SPF_NONE], GP_DO_HOLD);
	assert_int_equal(spf->on[GP_SPF_PERMERROR], GP_DO_REJECT);
	assert_int_equal(spf->on[GP_SPF_TEMPERROR], GP_DO_TEMPFAIL);
	assert_int_equal(spf->helo_fail, GP_DO_REJECT);
	gp_config_unref(config);
}

/* Each option sets the action of its result, and no other. */
static void
policy_dkim_actions_belong_to_their_results(void **state)
{
	static const struct {
		const char *text;
		enum gp_dkim_result result;
		enum gp_disposition want;
	} rows[] = {
		{ "dkim { none = reject }", GP_DKIM_NONE, GP_DO_REJECT },
		{ "dkim { fail = reject }", GP_DKIM_FAIL, GP_DO_REJECT },
		{ "dkim { policy = tempfail }", GP_DKIM_POLICY,
		    GP_DO_TEMPFAIL },
		{ "dkim { temperror = tempfail }", GP_DKIM_TEMPERROR,
		    GP_DO_TEMPFAIL },
		{ "dkim { permerror = reject }", GP_DKIM_PERMERROR,
		    GP_DO_REJECT },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_config *config = config_of(gp_str(rows[i].text));
		const struct gp_globals *g = gp_config_globals(config);

		for (int r = 0; r < GP_DKIM_RESULTS; r++)
			if (g->dkim.on[r] != (r == (int)rows[i].result
						     ? rows[i].want
						     : GP_DO_TAG))
				fail_msg("%s: result %d", rows[i].text, r);
		gp_config_unref(config);
	}
}

static void
policy_listen_is_as_written_or_built_in(void **state)
{
	struct gp_config *config = config_of(gp_str(everything));

	(void)state;
	assert_string_equal(gp_config_listen(config, "spf"),
	    "inet:8891@127.0.0.1");
	assert_string_equal(gp_config_listen(config, "rate"),
	    "unix:/run/r.sock");
	assert_string_equal(gp_config_listen(config, "dkim"),
	    "unix:/run/gatepost/dkim/milter.sock");
	assert_string_equal(gp_config_listen(config, "dmarc"),
	    "unix:/run/gatepost/dmarc/milter.sock");
	assert_null(gp_config_listen(config, "flow"));
	gp_config_unref(config);
}

static void
policy_domain_values_are_typed(void **state)
{
	static const char *const auth[] = { "newsletter-app", "b@c" };
	static const char *const clients[] = { "10.20.7.10" };
	struct gp_config *config = config_of(GP_STR(
	    "domain \"B\303\274cher.example\" {\n"
	    "  key \"N2026a\" { file = a state = staged require-dns = no\n"
	    "    activate-after = \"2026-12-01\" }\n"
	    "  key n2026b { file = \"/b\" state = retired\n"
	    "    retired-on = 2026-12-01 }\n"
	    "  senders { auth = { newsletter-app, \"b@c\" }\n"
	    "    clients = { \"10.20.7.10\" } else = reject\n"
	    "    own-address = yes aliases = { "
	    "\"joe=Info@B\303\274cher.example\" }\n"
	    "  }\n"
	    "  limit all { count = messages by = { auth, provider }\n"
	    "    rate = { \"2000/1m\", \"60000/1h\" } burst = 50\n"
	    "    over = reject mode = monitor }\n"
	    "}\n"));
	const struct gp_policy *p =
	    gp_policy_for(config, "xn--bcher-kva.example");

	(void)state;
	assert_int_equal(p->n_keys, 2);
	assert_string_equal(p->keys[0].selector, "n2026a");
	assert_int_equal(p->keys[0].state, GP_KEY_STAGED);
	assert_int_equal(p->keys[0].activate_after_s, 1796083200);
	assert_false(p->keys[0].require_dns);
	assert_int_equal(p->keys[0].retired_on_s, 0);
	assert_string_equal(p->keys[1].file, "/b");
	assert_int_equal(p->keys[1].retired_on_s, 1796083200);
	assert_true(p->senders.given);
	check_strings(&p->senders.auth, 2, auth);
	check_prefixes(&p->senders.clients, 1, clients);
	assert_int_equal(p->senders.otherwise, GP_ELSE_REJECT);
	assert_true(p->senders.own_address);
	assert_int_equal(p->senders.aliases.n, 1);
	assert_string_equal(p->senders.aliases.v[0].login, "joe");
	assert_string_equal(p->senders.aliases.v[0].address,
	    "Info@xn--bcher-kva.example");
	assert_int_equal(p->limits[0].count, GP_COUNT_MESSAGES);
	assert_int_equal(p->limits[0].by.n, 2);
	assert_int_equal(p->limits[0].by.v[1], GP_BY_PROVIDER);
	assert_int_equal(p->limits[0].rate.n, 2);
	assert_int_equal(p->limits[0].rate.v[1].n, 60000);
	assert_int_equal(p->limits[0].rate.v[1].period_ms, 3600000);
	assert_int_equal(p->limits[0].burst, 50);
	assert_int_equal(p->limits[0].over, GP_OVER_REJECT);
	assert_int_equal(p->limits[0].mode, GP_MONITOR);
	gp_config_unref(config);
}

static void
policy_signing_values_are_typed(void **state)
{
	static const char *const sign[] = { "default", "X-Campaign" };
	struct gp_config *config = config_of(GP_STR(
	    "domain a.example {\n"
	    "  algorithms = ed25519-sha256\n"
	    "  canon = simple/relaxed  expire = 0  on-fragile = reject\n"
	    "  sign = { default, X-Campaign }  oversign = { }\n"
	    "  key new { file = n algorithm = ed25519-sha256 state = staged }\n"
	    "  key old { file = o algorithm = rsa-sha256 state = retired }\n"
	    "  key \"B\303\274ro.2026\" { file = b }\n"
	    "}\n"));
	const struct gp_policy *p = gp_policy_for(config, "a.example");

	(void)state;
	assert_int_equal(p->signing.algorithms.n, 1);
	assert_int_equal(p->signing.algorithms.v[0], GP_SIGN_ED25519_SHA256);
	assert_int_equal(p->signing.canon, GP_SIMPLE_RELAXED);
	assert_int_equal(p->signing.expire_ms, 0);
	check_strings(&p->signing.sign, 2, sign);
	assert_int_equal(p->signing.oversign.n, 0);
	assert_int_equal(p->signing.on_fragile, GP_FRAGILE_REJECT);
	assert_int_equal(p->n_keys, 3);
	assert_int_equal(p->keys[0].algorithm, GP_SIGN_ED25519_SHA256);
	assert_int_equal(p->keys[0].state, GP_KEY_STAGED);
	assert_int_equal(p->keys[1].algorithm, GP_SIGN_RSA_SHA256);
	assert_int_equal(p->keys[1].state, GP_KEY_RETIRED);
	assert_string_equal(p->keys[2].selector, "xn--bro-hoa.2026");
	gp_config_unref(config);
}

/* -- which block ------------------------------------------------------- */

static void
policy_domains_come_in_order_of_reading(void **state)
{
	static const char *const want[] = { "z.example", "a.example",
		"m.example", "a.a.example" };
	struct gp_config *config =
	    config_of(GP_STR("profile first { }\n"
			     "domain Z.example { profile = last }\n"
			     "domain a.example { }\n"
			     "profile middle { }\n"
			     "domain m.example. { }\n"
			     "domain a.a.example { }\n"
			     "profile last { }\n"));
	const struct gp_policy *domains;
	size_t n = 0;

	(void)state;
	domains = gp_config_domains(config, &n);
	assert_int_equal(n, COUNT(want));
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(domains[i].domain, want[i]);
		assert_ptr_equal(&domains[i], gp_policy_for(config, want[i]));
	}
	gp_config_unref(config);
	config = config_of(GP_STR("profile p { }"));
	(void)gp_config_domains(config, &n);
	assert_int_equal(n, 0);
	gp_config_unref(config);
}

static void
policy_for_takes_exact_then_nearest_open_parent_then_global(void **state)
{
	static const struct {
		const char *domain;
		const char *block;
	} rows[] = {
		{ "example.com", "example.com" },
		{ "x.example.com", "example.com" },
		{ "y.x.example.com", "example.com" },
		{ "news.example.com", "news.example.com" },
		{ "a.news.example.com", "example.com" },
		{ "tx.example.com", "tx.example.com" },
		{ "a.b.tx.example.com", "tx.example.com" },
		{ "xexample.com", NULL },
		{ "com", NULL },
		{ "closed.example", "closed.example" },
		{ "a.closed.example", NULL },
		{ "", NULL },
		{ NULL, NULL },
	};
	struct gp_config *config =
	    config_of(GP_STR("domain example.com { subdomains = yes }\n"
			     "domain news.example.com { }\n"
			     "domain tx.example.com { subdomains = yes }\n"
			     "domain closed.example { subdomains = no }\n"));

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct gp_policy *p =
		    gp_policy_for(config, rows[i].domain);

		assert_non_null(p);
		assert_ptr_equal(p->config, config);
		if (rows[i].block == NULL && p->domain != NULL)
			fail_msg("%s: %s", rows[i].domain, p->domain);
		if (rows[i].block != NULL &&
		    (p->domain == NULL ||
			strcmp(p->domain, rows[i].block) != 0))
			fail_msg("%s: %s", rows[i].domain, p->domain);
	}
	gp_config_unref(config);
}

static void
policy_profile_can_open_subdomains(void **state)
{
	struct gp_config *config = config_of(
	    GP_STR("domain a.example { profile = p }\n"
		   "domain b.example { profile = p subdomains = no }\n"
		   "profile p { subdomains = yes }\n"));

	(void)state;
	assert_string_equal(gp_policy_for(config, "x.a.example")->domain,
	    "a.example");
	assert_null(gp_policy_for(config, "x.b.example")->domain);
	gp_config_unref(config);
}

/* -- which value ------------------------------------------------------- */

static const char layers[] =
    "spf { mode = enforce fail = reject softfail = reject }\n" /* 1 */
    "profile bulk {\n"                                         /* 2 */
    "  spf { softfail = hold neutral = hold }\n"               /* 3 */
    "  senders { auth = { p } else = tempfail }\n"             /* 4 */
    "  limit all { rate = 5/1m mode = monitor }\n"             /* 5 */
    "  limit more { rate = 7/1m }\n"                           /* 6 */
    "}\n"                                                      /* 7 */
    "domain a.example {\n"                                     /* 8 */
    "  profile = bulk\n"                                       /* 9 */
    "  spf { neutral = tempfail }\n"                           /* 10 */
    "  senders { auth = { d } }\n"                             /* 11 */
    "  limit own { rate = 9/1m }\n"                            /* 12 */
    "  limit all { rate = 6/1m }\n"                            /* 13 */
    "}\n"                                                      /* 14 */
    "domain b.example { }\n"                                   /* 15 */
    "domain c.example { profile = bulk }\n";                   /* 16 */

static void
policy_value_of_domain_over_profile_over_global_over_built_in(void **state)
{
	struct gp_config *config = config_of(gp_str(layers));
	const struct gp_policy *a = gp_policy_for(config, "a.example");
	const struct gp_policy *b = gp_policy_for(config, "b.example");
	const struct gp_policy *c = gp_policy_for(config, "c.example");

	(void)state;
	assert_int_equal(a->spf.mode, GP_ENFORCE);
	assert_int_equal(a->spf.on[GP_SPF_FAIL], GP_DO_REJECT);
	assert_int_equal(a->spf.on[GP_SPF_SOFTFAIL], GP_DO_HOLD);
	assert_int_equal(a->spf.on[GP_SPF_NEUTRAL], GP_DO_TEMPFAIL);
	assert_int_equal(a->spf.on[GP_SPF_NONE], GP_DO_TAG);
	assert_string_equal(a->senders.auth.v[0], "d");
	assert_int_equal(a->senders.otherwise, GP_ELSE_TEMPFAIL);
	assert_int_equal(b->spf.on[GP_SPF_SOFTFAIL], GP_DO_REJECT);
	assert_int_equal(b->spf.on[GP_SPF_NEUTRAL], GP_DO_TAG);
	assert_false(b->senders.given);
	assert_true(c->senders.given);
	assert_string_equal(c->senders.auth.v[0], "p");
	assert_int_equal(c->spf.on[GP_SPF_NEUTRAL], GP_DO_HOLD);
	gp_config_unref(config);
}

static void
policy_signing_of_domain_over_profile_over_built_in(void **state)
{
	static const char *const theirs[] = { "default", "X-P" };
	static const char *const ours[] = { "X-D" };
	struct gp_config *config =
	    config_of(GP_STR("profile p { expire = 7d canon = simple/simple\n"
			     "  sign = { default, X-P } on-fragile = sign\n"
			     "  algorithms = { rsa-sha256 } oversign = { } }\n"
			     "domain a.example { profile = p expire = 0\n"
			     "  sign = { X-D } oversign = default }\n"
			     "domain b.example { profile = p }\n"));
	const struct gp_signing_policy *a =
	    &gp_policy_for(config, "a.example")->signing;
	const struct gp_signing_policy *b =
	    &gp_policy_for(config, "b.example")->signing;
	const struct gp_signing_policy *none =
	    &gp_policy_for(config, "c.example")->signing;

	(void)state;
	assert_int_equal(a->expire_ms, 0);
	assert_int_equal(a->canon, GP_SIMPLE_SIMPLE);
	assert_int_equal(a->on_fragile, GP_FRAGILE_SIGN);
	assert_int_equal(a->algorithms.n, 1);
	check_strings(&a->sign, 1, ours);
	assert_int_equal(a->oversign.n, 1);
	assert_int_equal(b->expire_ms, INT64_C(7) * 86400000);
	check_strings(&b->sign, 2, theirs);
	assert_int_equal(b->oversign.n, 0);
	assert_int_equal(none->expire_ms, INT64_C(10) * 86400000);
	assert_int_equal(none->algorithms.n, 2);
	gp_config_unref(config);
}

static void
policy_limits_of_domain_and_profile_are_merged_by_name(void **state)
{
	struct gp_config *config = config_of(gp_str(layers));
	const struct gp_policy *a = gp_policy_for(config, "a.example");
	const struct gp_policy *c = gp_policy_for(config, "c.example");

	(void)state;
	assert_int_equal(a->n_limits, 3);
	assert_string_equal(a->limits[0].name, "own");
	assert_string_equal(a->limits[1].name, "all");
	assert_int_equal(a->limits[1].rate.v[0].n, 6);
	assert_int_equal(a->limits[1].mode, GP_MONITOR);
	assert_int_equal(a->limits[1].origin.line, 13);
	assert_string_equal(a->limits[2].name, "more");
	assert_int_equal(c->n_limits, 2);
	assert_int_equal(c->limits[0].rate.v[0].n, 5);
	assert_int_equal(c->limits[0].origin.line, 5);
	gp_config_unref(config);
}

/* -- showing ----------------------------------------------------------- */

/* The line of one option, without its end. */
static struct gp_str
line_of(const struct gp_buf *text, const char *option)
{
	struct gp_str rest = gp_buf_str(text);
	size_t n = strlen(option);

	while (rest.p != NULL) {
		struct gp_str line = gp_str_split(&rest, '\n');

		if (line.n > n + 3 && memcmp(line.p, option, n) == 0 &&
		    memcmp(line.p + n, " = ", 3) == 0)
			return line;
	}
	fail_msg("no line for %s in\n%s", option, gp_buf_cstr(text));
	return gp_str("");
}

static void
policy_show_names_the_origin_of_each_value(void **state)
{
	static const char *const rows[][2] = {
		{ "spf.mode", "spf.mode = enforce  # c:1" },
		{ "spf.softfail", "spf.softfail = hold  # c:3" },
		{ "spf.neutral", "spf.neutral = tempfail  # c:10" },
		{ "spf.none", "spf.none = tag  # built-in" },
		{ "spf.max-terms", "spf.max-terms = 10  # built-in" },
		{ "trust.clients",
		    "trust.clients = { \"127.0.0.0/8\", \"::1/128\" }"
		    "  # built-in" },
		{ "profile", "profile = \"bulk\"  # c:9" },
		{ "subdomains", "subdomains = no  # built-in" },
		{ "senders.auth", "senders.auth = { \"d\" }  # c:11" },
		{ "senders.else", "senders.else = tempfail  # c:4" },
		{ "limit.all.rate", "limit.all.rate = { \"6/1m\" }  # c:13" },
		{ "limit.all.mode", "limit.all.mode = monitor  # c:5" },
		{ "limit.all.by", "limit.all.by = { domain }  # built-in" },
		{ "limit.more.rate", "limit.more.rate = { \"7/1m\" }  # c:6" },
		{ "authserv-id", "authserv-id = \"\"  # built-in" },
	};
	struct gp_config *config = config_of(gp_str(layers));
	struct gp_buf text;

	(void)state;
	gp_buf_init(&text, 65536);
	gp_policy_show(gp_policy_for(config, "a.example"), &text);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_str line = line_of(&text, rows[i][0]);

		if (!gp_str_eq(line, gp_str(rows[i][1])))
			fail_msg("%.*s, wanted %s", GP_STR_ARG(line),
			    rows[i][1]);
	}
	gp_buf_reset(&text);
	gp_policy_show(gp_policy_for(config, "other.example"), &text);
	(void)line_of(&text, "spf.mode");
	assert_null(strstr(gp_buf_cstr(&text), "subdomains"));
	gp_buf_clear(&text);
	gp_config_unref(config);
}

static void
policy_show_has_signing_and_keys(void **state)
{
	static const char *const rows[][2] = {
		{ "algorithms",
		    "algorithms = { rsa-sha256, ed25519-sha256 }  # built-in" },
		{ "canon", "canon = relaxed/simple  # c:2" },
		{ "expire", "expire = 0  # c:1" },
		{ "sign", "sign = { \"default\", \"X-A\" }  # c:2" },
		{ "oversign", "oversign = { \"default\" }  # built-in" },
		{ "on-fragile", "on-fragile = warn  # built-in" },
		{ "key.a.b.file", "key.a.b.file = \"f\"  # c:3" },
		{ "key.a.b.algorithm", "key.a.b.algorithm = \"\"  # built-in" },
		{ "key.a.b.state", "key.a.b.state = retired  # c:3" },
		{ "key.s.algorithm", "key.s.algorithm = rsa-sha256  # c:4" },
		{ "key.s.state", "key.s.state = active  # built-in" },
		{ "dkim.mode", "dkim.mode = enforce  # built-in" },
		{ "dkim.fail", "dkim.fail = reject  # c:5" },
		{ "dkim.temperror", "dkim.temperror = tag  # built-in" },
		{ "dkim.timeout", "dkim.timeout = 10s  # built-in" },
	};
	struct gp_config *config =
	    config_of(GP_STR("profile p { expire = 0 }\n"
			     "domain a.example { profile = p"
			     " canon = relaxed/simple sign = { default, X-A }\n"
			     "key A.b { file = f state = retired }\n"
			     "key s { file = f algorithm = rsa-sha256 } }\n"
			     "dkim { fail = reject }\n"));
	struct gp_buf text;

	(void)state;
	gp_buf_init(&text, 65536);
	gp_policy_show(gp_policy_for(config, "a.example"), &text);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_str line = line_of(&text, rows[i][0]);

		if (!gp_str_eq(line, gp_str(rows[i][1])))
			fail_msg("%.*s, wanted %s", GP_STR_ARG(line),
			    rows[i][1]);
	}
	gp_buf_clear(&text);
	gp_config_unref(config);
}

/* -- overrides --------------------------------------------------------- */

static const char overrides[] =
    "override pay { from = { Pay.example, \"*.example.org\" }\n"  /* 1 */
    " reject = always quarantine = hold }\n"                      /* 2 */
    "domain a.example { }\n"                                      /* 3 */
    "override lists { clients = 192.0.2.0/24 header = List-Id\n"  /* 4 */
    " dmarc = none until = 2026-12-31 reason = mailing_list }\n"; /* 5 */

static void
policy_overrides_are_kept_in_order(void **state)
{
	static const char *const from[] = { "pay.example", "*.example.org" };
	static const char *const clients[] = { "192.0.2.0/24" };
	static const char *const header[] = { "List-Id" };
	struct gp_config *config = config_of(gp_str(overrides));
	const struct gp_overrides *all = &gp_config_globals(config)->overrides;
	const struct gp_override_policy *o = all->v;

	(void)state;
	assert_int_equal(all->n, 2);
	assert_string_equal(o->name, "pay");
	assert_string_equal(o->label, "override pay");
	assert_int_equal(o->origin.line, 1);
	check_strings(&o->from, 2, from);
	assert_int_equal(o->clients.n, 0);
	assert_int_equal(o->header.n, 0);
	assert_int_equal(o->until_s, 0);
	assert_int_equal(o->reject, GP_OVERRIDE_ALWAYS);
	assert_int_equal(o->quarantine, GP_OVERRIDE_HOLD);
	assert_int_equal(o->dmarc, GP_OVERRIDE_DMARC_UNSET);
	assert_int_equal(o->reason, GP_DMARC_LOCAL_POLICY);
	o++;
	assert_string_equal(o->name, "lists");
	assert_string_equal(o->origin.file, "c");
	assert_int_equal(o->origin.line, 4);
	assert_int_equal(o->from.n, 0);
	check_prefixes(&o->clients, 1, clients);
	check_strings(&o->header, 1, header);
	assert_int_equal(o->until_s, 1798675200);
	assert_int_equal(o->reject, GP_OVERRIDE_REJECT_UNSET);
	assert_int_equal(o->quarantine, GP_OVERRIDE_QUARANTINE_UNSET);
	assert_int_equal(o->dmarc, GP_OVERRIDE_NONE);
	assert_int_equal(o->reason, GP_DMARC_MAILING_LIST);
	gp_config_unref(config);
}

static void
policy_show_has_the_overrides(void **state)
{
	static const char *const rows[][2] = {
		{ "override.pay.from", "override.pay.from = { \"pay.example\","
				       " \"*.example.org\" }  # c:1" },
		{ "override.pay.clients",
		    "override.pay.clients = { }  # built-in" },
		{ "override.pay.until",
		    "override.pay.until = \"\"  # built-in" },
		{ "override.pay.reject",
		    "override.pay.reject = always  # c:2" },
		{ "override.pay.dmarc",
		    "override.pay.dmarc = \"\"  # built-in" },
		{ "override.lists.reject",
		    "override.lists.reject = \"\"  # built-in" },
		{ "override.lists.until",
		    "override.lists.until = \"2026-12-31\"  # c:5" },
		{ "override.lists.reason",
		    "override.lists.reason = mailing_list  # c:5" },
	};
	static const char *const domains[] = { NULL, "a.example" };
	struct gp_config *config = config_of(gp_str(overrides));
	struct gp_buf text;

	(void)state;
	gp_buf_init(&text, 65536);
	for (size_t i = 0; i < 2 * COUNT(rows); i++) {
		const char *const *row = rows[i / 2];
		struct gp_str line;

		gp_buf_reset(&text);
		gp_policy_show(gp_policy_for(config, domains[i % 2]), &text);
		line = line_of(&text, row[0]);
		if (!gp_str_eq(line, gp_str(row[1])))
			fail_msg("%.*s, wanted %s", GP_STR_ARG(line), row[1]);
	}
	gp_buf_clear(&text);
	gp_config_unref(config);
}

static void
policy_overrides_are_bounded(void **state)
{
	(void)state;
	for (unsigned n = GP_OVERRIDES_MAX; n <= GP_OVERRIDES_MAX + 2; n++) {
		struct gp_config *config = NULL;
		struct gp_problems problems;
		struct gp_buf text;

		gp_buf_init(&text, 1 << 20);
		for (unsigned i = 0; i < n; i++)
			gp_buf_addf(&text,
			    "override o%u { header = X dmarc = none }\n", i);
		gp_problems_init(&problems);
		assert_int_equal(gp_policy_parse(gp_buf_str(&text), "c",
				     &config, &problems),
		    n == GP_OVERRIDES_MAX ? GP_OK : GP_PERM);
		assert_string_equal(gp_buf_cstr(&problems.text),
		    n == GP_OVERRIDES_MAX
			? ""
			: "c:1001: override: expected at most 1000\n");
		gp_config_unref(config);
		gp_problems_clear(&problems);
		gp_buf_clear(&text);
	}
}

/* -- id, references, table --------------------------------------------- */

static uint64_t
id_of(const char *text)
{
	struct gp_config *config = config_of(gp_str(text));
	uint64_t id = gp_config_id(config);

	gp_config_unref(config);
	return id;
}

static void
policy_id_is_that_of_the_content(void **state)
{
	(void)state;
	assert_true(id_of("store = mem") == id_of("# x\nstore   = \"mem\"\n"));
	assert_true(id_of("store = mem") != id_of("store = lmdb"));
	assert_true(id_of("spf { }") != id_of("dkim { }"));
	assert_true(id_of("own-ids = { a, b }") != id_of("own-ids = { ab }"));
	assert_true(id_of("domain a.b { }") != id_of("domain a.c { }"));
	assert_true(
	    id_of("domain a.b { spf { } }") != id_of("domain a.b { } spf { }"));
}

static void *
take_and_give_back(void *arg)
{
	struct gp_config *config = arg;

	for (int i = 0; i < 1000; i++) {
		struct gp_config *mine = gp_config_ref(config);

		assert_non_null(gp_policy_for(mine, "x.a.example")->config);
		gp_config_unref(mine);
	}
	gp_config_unref(config);
	return NULL;
}

static void
policy_snapshot_lives_until_its_last_reference(void **state)
{
	struct gp_config *config =
	    config_of(GP_STR("domain a.example { subdomains = yes }"));
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
				     take_and_give_back, gp_config_ref(config)),
		    0);
	gp_config_unref(config);
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	gp_config_unref(NULL);
}

static void
policy_option_table_has_each_option_once_below_its_section(void **state)
{
	struct gp_option_info info;
	size_t n = 0;

	(void)state;
	for (; (info = gp_option_info(n)).section != NULL; n++) {
		size_t same = 0;
		size_t sections = info.section[0] == '\0';
		struct gp_option_info other;

		assert_true(info.name == NULL || info.expected[0] != '\0');
		assert_non_null(info.fallback);
		for (size_t i = 0; (other = gp_option_info(i)).section != NULL;
		     i++) {
			if (strcmp(other.section, info.section) != 0)
				continue;
			if (other.name == NULL)
				sections += i <= n;
			else if (info.name != NULL)
				same += strcmp(other.name, info.name) == 0;
		}
		assert_int_equal(sections, 1);
		assert_int_equal(same, info.name != NULL);
	}
	assert_true(n > 80);
	assert_null(gp_option_info(n + 1).section);
}

/* -- many -------------------------------------------------------------- */

static double
cpu_seconds(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* CPU time to load `n` domains and find each of them. */
static double
load_domains(unsigned n)
{
	double start = cpu_seconds();
	struct gp_config *config;
	struct gp_buf text;
	char name[64];

	gp_buf_init(&text, GP_CONFIG_FILE_MAX);
	for (unsigned i = 0; i < n; i++)
		gp_buf_addf(&text,
		    "domain d%u.example { spf { fail = reject }\n"
		    " limit all { rate = { \"%u/1m\" } } }\n",
		    i, i + 1);
	assert_false(text.overflow);
	config = config_of(gp_buf_str(&text));
	for (unsigned i = 0; i < n; i++) {
		const struct gp_policy *p;

		(void)snprintf(name, sizeof(name), "d%u.example", i);
		p = gp_policy_for(config, name);
		assert_string_equal(p->domain, name);
		assert_int_equal(p->limits[0].rate.v[0].n, i + 1);
	}
	gp_config_unref(config);
	gp_buf_clear(&text);
	return cpu_seconds() - start;
}

/* Eight times the domains take eight times as long, not sixty-four. */
static void
policy_loading_is_linear_in_the_domains(void **state)
{
	double few = load_domains(2500);
	double many = load_domains(20000);

	(void)state;
	print_message("# 2500 domains %.3f s, 20000 domains %.3f s\n", few,
	    many);
	assert_true(many < few * 32);
}

/* CPU time to refuse `n` domains, none of which has its profile. */
static double
refuse_domains(unsigned n)
{
	double start = cpu_seconds();
	struct gp_config *config = NULL;
	struct gp_problems problems;
	struct gp_buf text;

	gp_problems_init(&problems);
	gp_buf_init(&text, GP_CONFIG_FILE_MAX);
	for (unsigned i = 0; i < n; i++)
		gp_buf_addf(&text,
		    "profile p%u { }\ndomain d%u.example { profile = q%u }\n",
		    i, i, i);
	assert_false(text.overflow);
	assert_int_equal(gp_policy_parse(gp_buf_str(&text), "c", &config,
			     &problems),
	    GP_PERM);
	assert_int_equal(problems.count, n);
	gp_buf_clear(&text);
	gp_problems_clear(&problems);
	return cpu_seconds() - start;
}

static void
policy_refusing_is_linear_in_the_domains(void **state)
{
	double few = refuse_domains(2500);
	double many = refuse_domains(20000);

	(void)state;
	print_message("# 2500 domains %.3f s, 20000 domains %.3f s\n", few,
	    many);
	assert_true(many < few * 32);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policy_without_a_word_has_the_safe_defaults),
		cmocka_unit_test(
		    policy_domain_without_a_word_has_the_safe_defaults),
		cmocka_unit_test(policy_globals_are_typed),
		cmocka_unit_test(policy_actions_belong_to_their_results),
		cmocka_unit_test(policy_dkim_actions_belong_to_their_results),
		cmocka_unit_test(policy_listen_is_as_written_or_built_in),
		cmocka_unit_test(policy_domain_values_are_typed),
		cmocka_unit_test(policy_signing_values_are_typed),
		cmocka_unit_test(policy_domains_come_in_order_of_reading),
		cmocka_unit_test(
		    policy_for_takes_exact_then_nearest_open_parent_then_global),
		cmocka_unit_test(policy_profile_can_open_subdomains),
		cmocka_unit_test(
		    policy_value_of_domain_over_profile_over_global_over_built_in),
		cmocka_unit_test(
		    policy_signing_of_domain_over_profile_over_built_in),
		cmocka_unit_test(
		    policy_limits_of_domain_and_profile_are_merged_by_name),
		cmocka_unit_test(policy_overrides_are_kept_in_order),
		cmocka_unit_test(policy_show_has_the_overrides),
		cmocka_unit_test(policy_overrides_are_bounded),
		cmocka_unit_test(policy_show_names_the_origin_of_each_value),
		cmocka_unit_test(policy_show_has_signing_and_keys),
		cmocka_unit_test(policy_id_is_that_of_the_content),
		cmocka_unit_test(
		    policy_snapshot_lives_until_its_last_reference),
		cmocka_unit_test(
		    policy_option_table_has_each_option_once_below_its_section),
		cmocka_unit_test(policy_loading_is_linear_in_the_domains),
		cmocka_unit_test(policy_refusing_is_linear_in_the_domains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
