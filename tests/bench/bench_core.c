/*
 * bench_core - nanoseconds of each step of a message, without any milter.
 *
 *   bench_core [WORD]    only steps whose name contains WORD
 */
#include "lib/steps.h"

#include "base/xalloc.h"
#include "core/addr.h"
#include "core/authres.h"
#include "core/domain.h"
#include "core/policy.h"
#include "core/seal.h"
#include "core/spf.h"
#include "io/clock.h"
#include "io/dns.h"
#include "io/policy_file.h"
#include "io/seal_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define DOMAINS 1000

static const char zone[] =
    "s0.example TXT \"v=spf1 ip4:192.0.2.0/24 ip4:198.51.100.0/24 -all\"\n"
    "mail.s0.example TXT \"v=spf1 a -all\"\n"
    "mail.s0.example A 192.0.2.10\n"
    "inc0.example TXT \"v=spf1 include:n1.inc0.example -all\"\n"
    "n1.inc0.example TXT \"v=spf1 ip4:203.0.113.1 include:n2.inc0.example "
    "-all\"\n"
    "n2.inc0.example TXT \"v=spf1 ip4:203.0.113.2 include:n3.inc0.example "
    "-all\"\n"
    "n3.inc0.example TXT \"v=spf1 ip4:203.0.113.3 include:n4.inc0.example "
    "-all\"\n"
    "n4.inc0.example TXT \"v=spf1 ip4:203.0.113.4 include:n5.inc0.example "
    "-all\"\n"
    "n5.inc0.example TXT \"v=spf1 ip4:203.0.113.5 ip4:192.0.2.0/24 -all\"\n"
    "mx0.example TXT \"v=spf1 a mx exists:%{ir}.%{v}._spf.%{d2} -all\"\n"
    "mx0.example A 203.0.113.9\n"
    "mx0.example MX 10 mail.s0.example\n";

/* What the steps work on. */
struct world {
	struct gp_arena *arena;
	struct gp_dns *dns;
	struct gp_config *config;
	struct gp_seal_key key;
	struct gp_seal_facts facts;
	struct gp_buf text;
	char field[1024]; /* a sealed Authentication-Results value */
};

static void
must(bool fine, const char *what)
{
	if (fine)
		return;
	(void)fprintf(stderr, "bench_core: %s\n", what);
	abort();
}

static struct gp_dns_scope
scope_of(struct world *w)
{
	struct gp_dns_scope scope = { .dns = w->dns,
		.arena = w->arena,
		.deadline_us = gp_clock_us() + 5 * GP_US_PER_S,
		.budget = 32 };

	return scope;
}

static void
dns_hit(void *world, const char *name)
{
	struct world *w = world;
	struct gp_dns_scope scope = scope_of(w);
	struct gp_dns_answer answer;

	must(gp_dns_query(&scope, name, GP_DNS_TXT, &answer) == GP_OK, name);
}

/* check_host() of the client 192.0.2.10, from the resolver's cache. */
static void
spf(void *world, const char *domain)
{
	struct world *w = world;
	static const uint8_t client[] = { 192, 0, 2, 10 };
	struct gp_spf_query query = { .client = gp_ip_from_bytes(client,
					  sizeof client),
		.local = GP_STR("user"),
		.domain = domain,
		.helo = "mail.s0.example",
		.receiver = "mx.local.example",
		.now_s = 1700000000,
		.max_terms = GP_SPF_TERMS_MAX,
		.max_voids = GP_SPF_VOIDS_MAX,
		.max_queries = GP_SPF_QUERIES_MAX };
	struct gp_spf_eval *e = gp_spf_eval_new(w->arena, &query);
	struct gp_dns_scope scope = scope_of(w);
	struct gp_dns_question question;
	struct gp_dns_answer answer;

	while (gp_spf_next(e, &question)) {
		(void)gp_dns_query(&scope, question.name, question.type,
		    &answer);
		gp_spf_feed(e, &answer);
	}
	must(gp_spf_outcome(e)->result == GP_SPF_PASS, domain);
}

/* The field that gatepost-spf adds: one result, two properties. */
static void
make_field(struct world *w, struct gp_authres *ar, bool sealed)
{
	struct gp_authres_prop props[2] = {
		{ GP_STR("smtp"), GP_STR("mailfrom"), GP_STR("s0.example") },
		{ GP_STR("smtp"), GP_STR("helo"), GP_STR("mail.s0.example") },
	};
	struct gp_authres_result result = { .method = GP_STR("spf"),
		.result = GP_STR("pass"),
		.reason = GP_STR("ip4:192.0.2.0/24 in s0.example"),
		.n = 2 };

	result.prop = gp_arena_alloc(w->arena, sizeof props);
	memcpy(result.prop, props, sizeof props);
	ar->id = GP_STR("mx.local.example");
	ar->n = 1;
	ar->result = gp_arena_alloc(w->arena, sizeof result);
	*ar->result = result;
	if (sealed)
		gp_seal_add(ar, &w->facts, gp_seal_key_mac, &w->key, w->arena);
	gp_buf_reset(&w->text);
	gp_authres_format(ar, &w->text);
}

static void
authres_format(void *world, const char *sealed)
{
	struct world *w = world;
	struct gp_authres ar = { 0 };

	make_field(w, &ar, *sealed != '\0');
}

static void
seal_check(void *world, const char *unused)
{
	struct world *w = world;
	struct gp_authres ar = { 0 };

	(void)unused;
	must(gp_authres_parse(gp_str(w->field), w->arena, &ar, NULL) == GP_OK &&
		 gp_seal_check(&ar, &w->facts, gp_seal_key_mac, &w->key),
	    "the seal does not fit");
}

static void
authres_claims(void *world, const char *value)
{
	(void)world;
	must(!gp_authres_claims(gp_str(value), "mx.local.example"), value);
}

static void
policy_for(void *world, const char *domain)
{
	struct world *w = world;

	must(gp_policy_for(w->config, domain) != NULL, domain);
}

static void
path_parse(void *world, const char *path)
{
	struct world *w = world;
	struct gp_addr address;

	must(gp_addr_parse(gp_str(path), false, w->arena, &address, NULL) ==
		 GP_OK,
	    path);
}

static void
arena_cycle(void *world, const char *unused)
{
	struct world *w = world;

	(void)unused;
	(void)gp_arena_alloc(w->arena, 512);
}

static const struct ml_step steps[] = {
	{ "an empty arena, 512 bytes from it", arena_cycle, "", 0 },
	{ "DNS cache, hit", dns_hit, "s0.example", 0 },
	{ "SPF, ip4 terms, from the cache", spf, "s0.example", 0 },
	{ "SPF, 5 includes, from the cache", spf, "inc0.example", 0 },
	{ "SPF, a and mx, from the cache", spf, "mx0.example", 0 },
	{ "reverse-path, read", path_parse, "<user@s0.example>", 0 },
	{ "policy, exact domain of 1000", policy_for, "d500.example", 0 },
	{ "policy, parent domain", policy_for, "a.b.c.d500.example", 0 },
	{ "policy, unknown domain", policy_for, "nowhere.example", 0 },
	{ "Authentication-Results, write", authres_format, "", 0 },
	{ "Authentication-Results, seal and write", authres_format, "sealed",
	    0 },
	{ "Authentication-Results, read, seal checked", seal_check, "", 0 },
	{ "a foreign field, is it ours?", authres_claims,
	    "mx.other.example; spf=pass smtp.mailfrom=s0.example", 0 },
};

/* A policy with a block for each of many domains. */
static void
load_policy(struct world *w)
{
	struct gp_problems problems;
	struct gp_buf text;

	gp_buf_init(&text, (size_t)1 << 20);
	for (int i = 0; i < DOMAINS; i++)
		gp_buf_addf(&text,
		    "domain \"d%d.example\" { subdomains = yes }\n", i);
	gp_problems_init(&problems);
	must(gp_policy_parse(gp_buf_str(&text), "bench", &w->config,
		 &problems) == GP_OK,
	    gp_buf_cstr(&problems.text));
	gp_problems_clear(&problems);
	gp_buf_clear(&text);
}

static void
world_open(struct world *w)
{
	static const uint8_t client[] = { 192, 0, 2, 10 };
	struct gp_authres ar = { 0 };
	struct gp_err err;

	memset(w, 0, sizeof *w);
	w->arena = gp_arena_new();
	gp_buf_init(&w->text, 4096);
	must(gp_dns_open_zone(gp_str(zone), NULL, &w->dns, &err) == GP_OK,
	    "the zone");
	load_policy(w);
	memset(w->key.bytes, 'k', sizeof w->key.bytes);
	w->facts.queue_id = GP_STR("4XyZab12cdz1");
	w->facts.client = gp_ip_from_bytes(client, sizeof client);
	w->facts.mail_from = GP_STR("user@s0.example");
	w->facts.minute = 28333333;
	make_field(w, &ar, true);
	must(w->text.n < sizeof w->field, "the field is too long");
	memcpy(w->field, gp_buf_cstr(&w->text), w->text.n + 1);
}

static void
world_close(struct world *w)
{
	gp_config_unref(w->config);
	gp_dns_close(w->dns);
	gp_buf_clear(&w->text);
	gp_arena_free(w->arena);
}

int
main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	static struct world world;

	world_open(&world);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
		if (strstr(steps[i].name, word) != NULL)
			ml_step_measure(&steps[i], &world, world.arena);
	world_close(&world);
	return EX_OK;
}
