/*
 * Any TXT records of a sending domain: its key, SPF and DMARC records and what
 * a block list says, in this order with a NUL between them.  Oracles: each
 * topic has its finding; what is not green has a remedy; no record can put a
 * control character into a sentence.
 */
#include "io/policy_file.h"
#include "mta/domain_check.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NAMES 4

static const char *const names[NAMES] = { "s1._domainkey.a.example",
	"a.example", "_dmarc.a.example", "1.2.0.192.bl.example" };
static const char policy[] =
    "domain \"a.example\" { subdomains = yes\n"
    "key \"s1\" { file = \"/nonexistent/a.pem\" }\n"
    "preflight { egress = { 192.0.2.1, \"2001:db8::1\" } } }\n";

static struct gp_config *config;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct gp_problems problems;

	(void)argc;
	(void)argv;
	gp_problems_init(&problems);
	if (gp_policy_parse(gp_str(policy), "p", &config, &problems) != GP_OK)
		abort();
	gp_problems_clear(&problems);
	return 0;
}

static void
add_record(struct gp_buf *zone, const char *name, struct gp_str text)
{
	gp_buf_addf(zone, "%s. TXT \"", name);
	for (size_t i = 0; i < text.n; i++)
		gp_buf_addf(zone, "\\%03u", (unsigned)(uint8_t)text.p[i]);
	gp_buf_adds(zone, "\"\n");
}

static struct gp_dns *
zone_of(struct gp_str rest)
{
	struct gp_dns *dns = NULL;
	struct gp_buf zone;

	gp_buf_init(&zone, 524288);
	gp_buf_adds(&zone, "1.2.0.192.bl.example. A 127.0.0.2\n"
			   "*.b.example. TXT \"v=spf1 mx -all\"\n");
	for (size_t i = 0; i < NAMES && rest.p != NULL; i++)
		add_record(&zone, names[i], gp_str_split(&rest, '\0'));
	if (gp_dns_open_zone(gp_buf_str(&zone), NULL, &dns, NULL) != GP_OK)
		dns = NULL; /* too long a record */
	gp_buf_clear(&zone);
	return dns;
}

static void
check_text(const char *text)
{
	assert(text[0] != '\0');
	for (; *text != '\0'; text++)
		assert((unsigned char)*text >= ' ' && *text != 0x7f);
}

static void
check_findings(const struct gp_findings *f)
{
	static const char *const topics[] = { "dkim", "spf", "dmarc", "name",
		"blocklist" };

	for (size_t t = 0; t < sizeof(topics) / sizeof(topics[0]); t++) {
		size_t n = 0;

		for (size_t i = 0; i < f->n; i++)
			n += strcmp(f->v[i].topic, topics[t]) == 0;
		assert(n > 0);
	}
	for (size_t i = 0; i < f->n; i++) {
		check_text(f->v[i].what);
		assert((f->v[i].light == GP_GREEN) == (f->v[i].remedy == NULL));
		if (f->v[i].remedy != NULL)
			check_text(f->v[i].remedy);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const lists[] = { "bl.example" };
	struct gp_domain_checking with = { .config = config,
		.blocklists = { 1, lists },
		.timeout_ms = 1000 };
	struct gp_arena *arena;
	struct gp_findings f;

	if (size > 16384)
		return 0;
	with.dns = zone_of(gp_str_n((const char *)data, size));
	if (with.dns == NULL)
		return 0;
	arena = gp_arena_new();
	gp_findings_init(&f, arena);
	gp_domain_check(&with, gp_policy_for(config, "a.example"), &f);
	check_findings(&f);
	gp_dns_close(with.dns);
	gp_arena_free(arena);
	return 0;
}
