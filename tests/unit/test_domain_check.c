/* What DNS says of a sending domain, against what the policy needs. */
#include "mta/domain_check.h"

#include "io/clock.h"
#include "io/policy_file.h"
#include "support/dkim_pem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a)   (sizeof(a) / sizeof((a)[0]))
#define FINDINGS   6
#define THE_DAY    1796083200 /* 2026-12-01 */
#define TIMEOUT_MS 5000

struct lab {
	char dir[64];
	char *record_a; /* of the keys a.pem, b.pem */
	char *record_ed;
	struct gp_arena *arena;
};

static int
setup(void **state)
{
	struct lab *l = calloc(1, sizeof(*l));

	(void)snprintf(l->dir, sizeof(l->dir), "/tmp/gatepost-check-XXXXXX");
	assert_non_null(mkdtemp(l->dir));
	dkim_pem_write(l->dir, "a.pem", DKIM_PEM_RSA_A);
	dkim_pem_write(l->dir, "ed.pem", DKIM_PEM_ED25519);
	l->record_a = dkim_pem_record(DKIM_PEM_RSA_A);
	l->record_ed = dkim_pem_record(DKIM_PEM_ED25519);
	l->arena = gp_arena_new();
	*state = l;
	return 0;
}

static int
teardown(void **state)
{
	static const char *const names[] = { "a.pem", "ed.pem" };
	struct lab *l = *state;
	char path[128];

	for (size_t i = 0; i < COUNT(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", l->dir, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(l->dir);
	gp_arena_free(l->arena);
	free(l->record_a);
	free(l->record_ed);
	free(l);
	return 0;
}

/* In zone and policy: "{D}" is the folder, "{A}" and "{E}" are the key records,
 * "{A-40}" is the first without its last 40 octets. */
static char *
expand(const struct lab *l, const char *text)
{
	const size_t n = strlen(l->record_a) - 40;
	struct gp_buf out;
	char *copy;

	gp_buf_init(&out, 65536);
	while (*text != '\0') {
		if (strncmp(text, "{D}", 3) == 0) {
			gp_buf_adds(&out, l->dir);
			text += 3;
		} else if (strncmp(text, "{A}", 3) == 0) {
			gp_buf_adds(&out, l->record_a);
			text += 3;
		} else if (strncmp(text, "{E}", 3) == 0) {
			gp_buf_adds(&out, l->record_ed);
			text += 3;
		} else if (strncmp(text, "{A-40}", 6) == 0) {
			gp_buf_add(&out, l->record_a, n);
			text += 6;
		} else if (strncmp(text, "{-40}", 5) == 0) {
			gp_buf_adds(&out, l->record_a + n);
			text += 5;
		} else {
			gp_buf_addc(&out, *text++);
		}
	}
	assert_false(out.overflow);
	copy = strdup(gp_buf_cstr(&out));
	gp_buf_clear(&out);
	return copy;
}

struct row {
	const char *label;
	const char *topic;
	const char *block; /* what stands in domain "shop.example" */
	const char *zone;
	struct {
		enum gp_light light;
		const char *what;   /* is in it */
		const char *remedy; /* is in it; NULL: there is none */
	} want[FINDINGS]; /* of the topic, in order; ends where what is NULL */
};

static const char *const blocklists[] = { "bl.example", "zen.example" };

static struct gp_config *
policy_of(const struct lab *l, const char *block)
{
	struct gp_problems problems;
	struct gp_config *config = NULL;
	char *inner = expand(l, block);
	char text[4096];

	(void)snprintf(text, sizeof(text),
	    "\ndomain \"shop.example\" {\n%s\n}\n", inner);
	gp_problems_init(&problems);
	if (gp_policy_parse(gp_str(text), "p.conf", &config, &problems) !=
	    GP_OK)
		fail_msg("%s", gp_buf_cstr(&problems.text));
	gp_problems_clear(&problems);
	free(inner);
	return config;
}

static void
examine(const struct lab *l, const struct gp_config *config, const char *zone,
    struct gp_findings *out)
{
	struct gp_domain_checking with = { .config = config,
		.blocklists = { COUNT(blocklists), blocklists },
		.timeout_ms = TIMEOUT_MS,
		.now_s = THE_DAY };
	char *text = expand(l, zone);
	struct gp_err err;

	if (gp_dns_open_zone(gp_str(text), NULL, &with.dns, &err) != GP_OK)
		fail_msg("%s", err.msg);
	gp_domain_check(&with, gp_policy_for(config, "shop.example"), out);
	gp_dns_close(with.dns);
	free(text);
}

static void
show(const struct gp_findings *f, const char *topic)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->v[i].topic, topic) == 0)
			print_message("# %s %s: %s -> %s\n",
			    gp_light_name(f->v[i].light), f->v[i].subject,
			    f->v[i].what,
			    f->v[i].remedy == NULL ? "" : f->v[i].remedy);
}

static bool
has(const struct lab *l, const char *text, const char *part)
{
	char *full = expand(l, part);
	bool found = strstr(text, full) != NULL;

	free(full);
	return found;
}

static bool
fits(const struct lab *l, const struct row *row, size_t n,
    const struct gp_finding *f)
{
	if (n >= FINDINGS || row->want[n].what == NULL ||
	    row->want[n].light != f->light ||
	    !has(l, f->what, row->want[n].what))
		return false;
	if (row->want[n].remedy == NULL)
		return f->remedy == NULL;
	return f->remedy != NULL && has(l, f->remedy, row->want[n].remedy);
}

static void
run_rows(const struct lab *l, const struct row *rows, size_t n_rows)
{
	for (size_t r = 0; r < n_rows; r++) {
		const struct row *row = &rows[r];
		struct gp_config *config = policy_of(l, row->block);
		struct gp_findings f;
		size_t n = 0;

		gp_findings_init(&f, l->arena);
		examine(l, config, row->zone, &f);
		for (size_t i = 0; i < f.n; i++) {
			if (strcmp(f.v[i].topic, row->topic) != 0)
				continue;
			if (!fits(l, row, n, &f.v[i])) {
				show(&f, row->topic);
				fail_msg("%s: finding %zu", row->label, n);
			}
			n++;
		}
		if (n < FINDINGS && row->want[n].what != NULL) {
			show(&f, row->topic);
			fail_msg("%s: %zu findings", row->label, n);
		}
		gp_config_unref(config);
	}
}

/* -- dkim ----------------------------------------------------------------- */

#define KEY_A  "key \"s1\" { file = \"{D}/a.pem\" }"
#define STAGED "key \"s1\" { file = \"{D}/a.pem\" state = staged }"
#define AT_S1  "s1._domainkey.shop.example. TXT "

static const struct row dkim_rows[] = {
	{ "the key", "dkim", KEY_A, AT_S1 "\"{A}\"\n",
	    { { GP_GREEN, "published, and it is the key that signs", NULL } } },
	{ "split into strings", "dkim", KEY_A, AT_S1 "\"{A-40}\" \"{-40}\"\n",
	    { { GP_GREEN, "published", NULL } } },
	{ "both", "dkim",
	    KEY_A " key \"s2\" { file = \"{D}/ed.pem\" state = staged }",
	    AT_S1 "\"{A}\"\ns2._domainkey.shop.example. TXT \"{E}\"\n",
	    { { GP_GREEN, "the key that signs", NULL },
		{ GP_GREEN, "does not sign yet", NULL } } },
	{ "nothing", "dkim", KEY_A, "",
	    { { GP_RED, "no key record",
		"publish: TXT s1._domainkey.shop.example {A}" } } },
	{ "nothing of a staged one", "dkim", STAGED, "",
	    { { GP_YELLOW, "no key record",
		"publish: TXT s1._domainkey.shop.example {A}" } } },
	{ "nothing of one that signs without asking DNS", "dkim",
	    "key \"s1\" { file = \"{D}/a.pem\" state = staged "
	    "activate-after = \"2026-12-01\" require-dns = no }",
	    "", { { GP_RED, "no key record", "publish:" } } },
	{ "the same a day before", "dkim",
	    "key \"s1\" { file = \"{D}/a.pem\" state = staged "
	    "activate-after = \"2026-12-02\" require-dns = no }",
	    "", { { GP_YELLOW, "no key record", "publish:" } } },
	{ "nothing of one that waits for DNS", "dkim",
	    "key \"s1\" { file = \"{D}/a.pem\" state = staged "
	    "activate-after = \"2026-12-01\" }",
	    "", { { GP_YELLOW, "no key record", "publish:" } } },
	{ "nothing of an algorithm that is off", "dkim",
	    "algorithms = { \"rsa-sha256\" } "
	    "key \"s2\" { file = \"{D}/ed.pem\" }",
	    "", { { GP_YELLOW, "no key record", "publish:" } } },
	{ "retired", "dkim",
	    "key \"s1\" { file = \"{D}/a.pem\" state = retired }", "",
	    { { GP_GREEN, NULL, NULL } } },
	{ "DNS does not answer", "dkim", KEY_A, AT_S1 "!SERVFAIL\n",
	    { { GP_YELLOW, "could not be asked now", "try again later" } } },
	{ "cut", "dkim", KEY_A, AT_S1 "\"{A-40}\"\n",
	    { { GP_RED, "it has 352 of 392 characters",
		"replace what is there by: TXT s1._domainkey.shop.example "
		"{A}" } } },
	{ "cut into two records", "dkim", KEY_A,
	    AT_S1 "\"{A-40}\"\n" AT_S1 "\"{-40}\"\n",
	    { { GP_RED, "a further string of this one", "replace" } } },
	{ "two keys", "dkim", KEY_A, AT_S1 "\"{A}\"\n" AT_S1 "\"{E}\"\n",
	    { { GP_RED, "several key records", "replace" } } },
	{ "revoked", "dkim", KEY_A, AT_S1 "\"v=DKIM1; p=\"\n",
	    { { GP_RED, "revoked", "replace" } } },
	{ "testing", "dkim", KEY_A, AT_S1 "\"{A}; t=y\"\n",
	    { { GP_YELLOW, "t=y", "replace what is there by:" } } },
	{ "another type", "dkim", KEY_A, AT_S1 "\"{E}\"\n",
	    { { GP_RED, "k= does not name", "replace" } } },
	{ "sha1 only", "dkim", KEY_A, AT_S1 "\"{A}; h=sha1\"\n",
	    { { GP_RED, "sha256", "replace" } } },
	{ "not for mail", "dkim", KEY_A, AT_S1 "\"{A}; s=tlsrpt\"\n",
	    { { GP_RED, "email", "replace" } } },
	{ "quotes in it", "dkim", KEY_A, AT_S1 "\"\\\"{A}\\\"\"\n",
	    { { GP_RED, "quotes or backslashes", "replace" } } },
	{ "at the domain above", "dkim",
	    "} domain \"news.shop.example\" {" KEY_A "} domain \"x.example\" {",
	    "", { { GP_GREEN, NULL, NULL } } },
	{ "the zone twice", "dkim", KEY_A,
	    "s1._domainkey.shop.example.shop.example. TXT \"{A}\"\n",
	    { { GP_RED,
		"it is at s1._domainkey.shop.example.shop.example instead",
		"publish:" } } },
	{ "no private key, a record", "dkim",
	    "key \"s1\" { file = \"{D}/none.pem\" }", AT_S1 "\"{A}\"\n",
	    { { GP_YELLOW, "not compared with ours: {D}/none.pem",
		"mend the key's file first" } } },
	{ "no private key, no record", "dkim",
	    "key \"s1\" { file = \"{D}/none.pem\" }", AT_S1 "\"v=DKIM1; p=\"\n",
	    { { GP_RED,
		"no usable key is published, and ours is not known: "
		"{D}/none.pem",
		"mend the key's file first" } } },
};

static void
domain_check_dkim_tells_of_each_mistake(void **state)
{
	run_rows(*state, dkim_rows, COUNT(dkim_rows));
}

static void
domain_check_dkim_above_is_found(void **state)
{
	const struct lab *l = *state;
	static const char zone[] = "s1._domainkey.shop.example. TXT \"{A}\"\n";
	struct gp_config *config =
	    policy_of(l, "} domain \"news.shop.example\" { key \"s1\" "
			 "{ file = \"{D}/a.pem\" }");
	struct gp_domain_checking with = { .config = config,
		.timeout_ms = TIMEOUT_MS,
		.now_s = THE_DAY };
	struct gp_findings f;
	char *text = expand(l, zone);

	gp_findings_init(&f, l->arena);
	assert_int_equal(gp_dns_open_zone(gp_str(text), NULL, &with.dns, NULL),
	    GP_OK);
	gp_domain_check(&with, gp_policy_for(config, "news.shop.example"), &f);
	assert_non_null(
	    strstr(f.v[0].what, "it is at s1._domainkey.shop.example instead"));
	assert_string_equal(f.v[0].subject, "s1._domainkey.news.shop.example");
	assert_string_equal(f.v[0].where.file, "p.conf");
	assert_int_equal(f.v[0].where.line, 3);
	gp_dns_close(with.dns);
	free(text);
	gp_config_unref(config);
}

/* -- spf ------------------------------------------------------------------ */

#define EGRESS(list) "preflight { egress = { " list " } }"
#define ONE          EGRESS("\"192.0.2.1\"")
#define TWO          EGRESS("\"192.0.2.1\", \"2001:db8::1\"")
#define SPF(record)  "shop.example. TXT \"" record "\"\n"

static const struct row spf_rows[] = {
	{ "passes", "spf", TWO,
	    SPF("v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all"),
	    { { GP_GREEN, "192.0.2.1 passes", NULL },
		{ GP_GREEN, "2001:db8::1 passes", NULL } } },
	{ "no record", "spf", TWO, "",
	    { { GP_RED, "there is no SPF record",
		"publish: TXT shop.example v=spf1 ip4:192.0.2.1 "
		"ip6:2001:db8::1 ~all" } } },
	{ "no record and no egress", "spf", "", "",
	    { { GP_RED, "there is no SPF record", "ip4:ADDRESS" } } },
	{ "one does not pass", "spf", TWO, SPF("v=spf1 ip4:192.0.2.1 ~all"),
	    { { GP_GREEN, "192.0.2.1 passes", NULL },
		{ GP_RED, "does not pass: 2001:db8::1 softfail",
		    "replace the record by: TXT shop.example v=spf1 "
		    "ip6:2001:db8::1 ip4:192.0.2.1 ~all" } } },
	{ "none passes", "spf", TWO, SPF("v=spf1 -all"),
	    { { GP_RED, "192.0.2.1 fail, 2001:db8::1 fail",
		"v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all" } } },
	{ "no egress", "spf", "", SPF("v=spf1 -all"),
	    { { GP_YELLOW, "no egress address is configured",
		  "preflight { egress = { \"ADDRESS\" } }" },
		{ GP_GREEN, "can be used: v=spf1 -all", NULL } } },
	{ "private egress", "spf", EGRESS("\"10.0.0.1\""), SPF("v=spf1 -all"),
	    { { GP_YELLOW, "the egress addresses are private", "egress = {" },
		{ GP_GREEN, "can be used", NULL } } },
	{ "two records", "spf", ONE, SPF("v=spf1 -all") SPF("v=spf1 ~all"),
	    { { GP_RED, "2 SPF records", "merge them" } } },
	{ "broken", "spf", ONE, SPF("v=spf1 ip4:192.0.2 -all"),
	    { { GP_RED, "the record is broken", "mend" } } },
	{ "everybody", "spf", ONE, SPF("v=spf1 +all"),
	    { { GP_RED, "everybody pass", "~all or -all" },
		{ GP_GREEN, "passes", NULL } } },
	{ "everybody of another", "spf", ONE,
	    SPF("v=spf1 include:x.example -all") "x.example. TXT \"v=spf1 "
						 "all\"\n",
	    { { GP_RED, "everybody pass", "~all or -all" },
		{ GP_GREEN, "passes", NULL } } },
	{ "neutral", "spf", ONE, SPF("v=spf1 ip4:192.0.2.1"),
	    { { GP_YELLOW, "says nothing", "~all or -all" },
		{ GP_GREEN, "passes", NULL } } },
	{ "ptr", "spf", ONE, SPF("v=spf1 ip4:192.0.2.1 ptr -all"),
	    { { GP_YELLOW, "\"ptr\"", "ip4: and ip6:" },
		{ GP_GREEN, "passes", NULL } } },
	{ "nine look-ups", "spf", ONE,
	    SPF("v=spf1 ip4:192.0.2.1 a:a.example a:a.example a:a.example "
		"a:a.example a:a.example a:a.example a:a.example a:a.example "
		"a:a.example -all") "a.example. A 192.0.2.80\n",
	    { { GP_YELLOW, "9 of the 10 look-ups", "place of an include" },
		{ GP_GREEN, "passes", NULL } } },
	{ "eleven look-ups", "spf", ONE,
	    SPF("v=spf1 ip4:192.0.2.1 a:a.example a:a.example a:a.example "
		"a:a.example a:a.example a:a.example a:a.example a:a.example "
		"a:a.example a:a.example a:a.example "
		"-all") "a.example. A 192.0.2.80\n",
	    { { GP_RED, "can not use the record", "at most 10 terms" } } },
	{ "DNS does not answer", "spf", ONE, "shop.example. TXT !SERVFAIL\n",
	    { { GP_YELLOW, "could not be asked now", "try again later" } } },
	{ "DNS does not answer for an include", "spf", ONE,
	    SPF("v=spf1 include:x.example -all") "x.example. TXT !SERVFAIL\n",
	    { { GP_YELLOW, "could not be checked now", "try again later" } } },
};

static void
domain_check_spf_of_each_egress(void **state)
{
	run_rows(*state, spf_rows, COUNT(spf_rows));
}

/* -- dmarc ---------------------------------------------------------------- */

#define DMARC(record) "_dmarc.shop.example. TXT \"" record "\"\n"
#define RUA           "; rua=mailto:d@shop.example"

static const struct row dmarc_rows[] = {
	{ "reject", "dmarc", "", DMARC("v=DMARC1; p=reject" RUA),
	    { { GP_GREEN, "applies: reject", NULL } } },
	{ "above", "dmarc", "",
	    "_dmarc.example. TXT \"v=DMARC1; p=reject; "
	    "sp=quarantine" RUA "\"\n",
	    { { GP_GREEN, "_dmarc.example applies: quarantine", NULL } } },
	{ "none published", "dmarc", "", "",
	    { { GP_RED, "there is no DMARC record",
		"publish: TXT _dmarc.shop.example v=DMARC1; p=none; "
		"rua=mailto:dmarc-reports@shop.example" } } },
	{ "watching", "dmarc", "", DMARC("v=DMARC1; p=none" RUA),
	    { { GP_GREEN, "applies: none", NULL },
		{ GP_YELLOW, "only watches: p=none", "p=quarantine" } } },
	{ "test mode", "dmarc", "", DMARC("v=DMARC1; p=reject; t=y" RUA),
	    { { GP_GREEN, "applies: reject", NULL },
		{ GP_YELLOW, "only watches: t=y", "p=quarantine" } } },
	{ "no reports", "dmarc", "", DMARC("v=DMARC1; p=reject"),
	    { { GP_GREEN, "applies", NULL },
		{ GP_YELLOW, "no reports", "rua=mailto:" } } },
	{ "reports to nobody", "dmarc", "",
	    DMARC("v=DMARC1; p=reject; rua=me@shop.example"),
	    { { GP_GREEN, "applies", NULL },
		{ GP_YELLOW, "no address that can be used", "rua=mailto:" } } },
	{ "reports to others", "dmarc", "",
	    DMARC("v=DMARC1; p=reject; rua=mailto:a@yes.example!10m , "
		  "mailto:b@no.example!10m,mailto:c@reports.shop.example,"
		  "https://x.example/d") "shop.example._report._dmarc.yes."
					 "example. TXT \"v=DMARC1\"\n",
	    { { GP_GREEN, "applies", NULL },
		{ GP_YELLOW, "no reports go to no.example",
		    "TXT shop.example._report._dmarc.no.example "
		    "v=DMARC1" } } },
	{ "reports to others that can not be asked", "dmarc", "",
	    DMARC("v=DMARC1; p=reject; rua=mailto:b@no.example") "shop.example."
								 "_report._"
								 "dmarc.no."
								 "example. TXT "
								 "!SERVFAIL\n",
	    { { GP_GREEN, "applies", NULL } } },
	{ "no policy", "dmarc", "", DMARC("v=DMARC1; p=refuse" RUA),
	    { { GP_RED, "is no policy", "none, quarantine or reject" } } },
	{ "p= is missing", "dmarc", "", DMARC("v=DMARC1; sp=none" RUA),
	    { { GP_RED, "p= is not in the record", "none, quarantine" } } },
	{ "two", "dmarc", "",
	    DMARC("v=DMARC1; p=reject") DMARC("v=DMARC1; p=none"),
	    { { GP_RED, "several DMARC records", "leave one" } } },
	{ "misspelt", "dmarc", "", DMARC("v=dmarc1; p=reject"),
	    { { GP_RED, "is no DMARC record: v=dmarc1; p=reject",
		"publish:" } } },
	{ "quoted twice", "dmarc", "", DMARC("\\\"v=DMARC1; p=reject\\\""),
	    { { GP_RED, "is no DMARC record: \"v=DMARC1", "publish:" } } },
	{ "at the domain itself", "dmarc", "", SPF("v=DMARC1; p=reject"),
	    { { GP_RED, "is at shop.example, where nobody looks",
		"publish:" } } },
	{ "the zone twice", "dmarc", "",
	    "_dmarc.shop.example.shop.example. TXT \"v=DMARC1; p=none\"\n",
	    { { GP_RED, "is at _dmarc.shop.example.shop.example",
		"publish:" } } },
	{ "strict, and names below are signed", "dmarc",
	    "subdomains = yes " KEY_A, DMARC("v=DMARC1; p=reject; adkim=s" RUA),
	    { { GP_RED, "adkim=s", "take adkim=s out" } } },
	{ "strict, and no names below", "dmarc", KEY_A,
	    DMARC("v=DMARC1; p=reject; adkim=s" RUA),
	    { { GP_GREEN, "applies", NULL } } },
	{ "names below are open", "dmarc", "subdomains = yes",
	    DMARC("v=DMARC1; p=reject; sp=none" RUA),
	    { { GP_GREEN, "applies: reject", NULL },
		{ GP_YELLOW, "sp=none", "take sp=none out" } } },
	{ "DNS does not answer", "dmarc", "",
	    "_dmarc.shop.example. TXT "
	    "!SERVFAIL\n",
	    { { GP_YELLOW, "_dmarc.shop.example: SERVFAIL", "later" } } },
	{ "DNS does not answer above", "dmarc", "",
	    "_dmarc.example. TXT "
	    "!SERVFAIL\n",
	    { { GP_YELLOW, "_dmarc.example: SERVFAIL", "later" } } },
};

static void
domain_check_dmarc_of_the_record_that_applies(void **state)
{
	run_rows(*state, dmarc_rows, COUNT(dmarc_rows));
}

/* -- addresses ------------------------------------------------------------ */

#define PTR_ONE "1.2.0.192.in-addr.arpa. PTR mx.shop.example.\n"
#define V6_ARPA                                                                \
	"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
#define V6 EGRESS("\"2001:db8::1\"")

static const struct row address_rows[] = {
	{ "its own name", "name", ONE, PTR_ONE "mx.shop.example. A 192.0.2.1\n",
	    { { GP_GREEN, "is mx.shop.example, which has this", NULL } } },
	{ "IPv6", "name", V6,
	    V6_ARPA ".ip6.arpa. PTR mx.shop.example.\n"
		    "mx.shop.example. AAAA 2001:db8::1\n",
	    { { GP_GREEN, "is mx.shop.example", NULL } } },
	{ "the second name", "name", ONE,
	    "1.2.0.192.in-addr.arpa. PTR other.example.\n" PTR_ONE
	    "mx.shop.example. A 192.0.2.1\n",
	    { { GP_GREEN, "is mx.shop.example", NULL } } },
	{ "no name", "name", ONE, "",
	    { { GP_RED, "has no name", "PTR 1.2.0.192.in-addr.arpa" } } },
	{ "another's name", "name", ONE,
	    PTR_ONE "mx.shop.example. A 192.0.2.9\n",
	    { { GP_RED, "mx.shop.example does not have this address",
		"publish: A mx.shop.example 192.0.2.1" } } },
	{ "DNS does not answer", "name", ONE,
	    "1.2.0.192.in-addr.arpa. PTR !SERVFAIL\n",
	    { { GP_YELLOW, "could not be asked now", "later" } } },
	{ "DNS does not answer for the name", "name", ONE,
	    PTR_ONE "mx.shop.example. A !SERVFAIL\n",
	    { { GP_YELLOW, "the address of mx.shop.example", "later" } } },
	{ "private", "name", EGRESS("\"10.0.0.1\", \"fd00::1\", \"127.0.0.1\""),
	    "",
	    { { GP_GREEN, "is a private address", NULL },
		{ GP_GREEN, "is a private address", NULL },
		{ GP_GREEN, "is a private address", NULL } } },
	{ "in no list", "blocklist", ONE, "",
	    { { GP_GREEN, "is not in 2 of 2 lists", NULL } } },
	{ "listed", "blocklist", ONE,
	    "1.2.0.192.zen.example. A 127.0.0.4\n"
	    "1.2.0.192.zen.example. TXT \"see https://zen.example/1\"\n",
	    { { GP_RED,
		  "is listed in zen.example as 127.0.0.4: see https://zen",
		  "ask zen.example" },
		{ GP_GREEN, "is not in 1 of 2 lists", NULL } } },
	{ "listed, IPv6", "blocklist", V6, V6_ARPA ".bl.example. A 127.0.0.2\n",
	    { { GP_RED, "is listed in bl.example as 127.0.0.2", "ask bl" },
		{ GP_GREEN, "is not in 1 of 2 lists", NULL } } },
	{ "a list that refuses", "blocklist", ONE,
	    "1.2.0.192.zen.example. A 127.255.255.254\n",
	    { { GP_YELLOW, "does not answer this resolver", "resolver {" },
		{ GP_GREEN, "is not in 1 of 2 lists", NULL } } },
	{ "listed beside that", "blocklist", ONE,
	    "1.2.0.192.zen.example. A 127.255.255.254\n"
	    "1.2.0.192.zen.example. A 127.0.0.2\n",
	    { { GP_RED, "as 127.0.0.2", "ask" },
		{ GP_GREEN, "is not in 1 of 2 lists", NULL } } },
	{ "a zone that was sold", "blocklist", ONE,
	    "*.bl.example. A 203.0.113.7\n",
	    { { GP_YELLOW, "203.0.113.7, which is no code",
		  "leave bl.example" },
		{ GP_GREEN, "is not in 1 of 2 lists", NULL } } },
	{ "127.0.0.1", "blocklist", ONE, "1.2.0.192.bl.example. A 127.0.0.1\n",
	    { { GP_YELLOW, "no code of a block list", "leave" },
		{ GP_GREEN, "is not in 1 of 2 lists", NULL } } },
	{ "a list that is silent", "blocklist", ONE,
	    "*.bl.example. A "
	    "!SERVFAIL\n",
	    { { GP_YELLOW, "could not be asked now: bl.example", "later" },
		{ GP_GREEN, "is not in 1 of 2 lists", NULL } } },
};

static void
domain_check_addresses_by_name_and_list(void **state)
{
	run_rows(*state, address_rows, COUNT(address_rows));
}

/* Of two domains with one address, and of an address given twice. */
static void
domain_check_addresses_are_told_once(void **state)
{
	const struct lab *l = *state;
	struct gp_config *config =
	    policy_of(l, ONE "} domain \"b.example\" {" ONE);
	static const char zone[] =
	    "shop.example. TXT \"v=spf1 ip4:192.0.2.0/24 -all\"\n"
	    "b.example. TXT \"v=spf1 ip4:192.0.2.0/24 -all\"\n";
	struct gp_prefix again[3];
	struct gp_domain_checking with = { .config = config,
		.blocklists = { COUNT(blocklists), blocklists },
		.egress = { 3, again },
		.timeout_ms = TIMEOUT_MS };
	struct gp_findings f;
	size_t names = 0, lists = 0, passes = 0;

	assert_int_equal(gp_prefix_parse(GP_STR("192.0.2.1"), &again[0], NULL),
	    GP_OK);
	assert_int_equal(gp_prefix_parse(GP_STR("192.0.2.2"), &again[1], NULL),
	    GP_OK);
	assert_int_equal(gp_prefix_parse(GP_STR("10.0.0.1"), &again[2], NULL),
	    GP_OK);
	assert_int_equal(gp_dns_open_zone(gp_str(zone), NULL, &with.dns, NULL),
	    GP_OK);
	gp_findings_init(&f, l->arena);
	gp_domain_check(&with, gp_policy_for(config, "shop.example"), &f);
	gp_domain_check(&with, gp_policy_for(config, "b.example"), &f);
	for (size_t i = 0; i < f.n; i++) {
		names += strcmp(f.v[i].topic, "name") == 0;
		lists += strcmp(f.v[i].topic, "blocklist") == 0;
		passes += strcmp(f.v[i].topic, "spf") == 0;
	}
	assert_int_equal(names, 3);
	assert_int_equal(lists, 2);
	assert_int_equal(passes, 4);
	gp_dns_close(with.dns);
	gp_config_unref(config);
}

/* One by one they would take eight times the delay. */
static void
domain_check_questions_go_out_together(void **state)
{
	const struct lab *l = *state;
	static const char zone[] =
	    "s1._domainkey.shop.example. TXT !DELAY 400ms\n"
	    "s2._domainkey.shop.example. TXT !DELAY 400ms\n"
	    "shop.example. TXT !DELAY 400ms\n"
	    "_dmarc.shop.example. TXT !DELAY 400ms\n"
	    "1.2.0.192.in-addr.arpa. PTR !DELAY 400ms\n"
	    "1.2.0.192.bl.example. A !DELAY 400ms\n"
	    "1.2.0.192.zen.example. A !DELAY 400ms\n"
	    "mx.shop.example. A !DELAY 400ms\n" AT_S1 "\"{A}\"\n"
	    "s2._domainkey.shop.example. TXT \"{E}\"\n" PTR_ONE
	    "mx.shop.example. A 192.0.2.1\n" SPF("v=spf1 ip4:192.0.2.1 -all")
		DMARC("v=DMARC1; p=reject" RUA);
	struct gp_config *config =
	    policy_of(l, ONE KEY_A " key \"s2\" { file = \"{D}/ed.pem\" }");
	struct gp_findings f;
	int64_t took_us = -gp_clock_us();

	gp_findings_init(&f, l->arena);
	examine(l, config, zone, &f);
	took_us += gp_clock_us();
	assert_int_equal(gp_findings_worst(&f), GP_GREEN);
	assert_in_range(took_us, 800000, 2400000);
	gp_config_unref(config);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    domain_check_dkim_tells_of_each_mistake, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    domain_check_dkim_above_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(domain_check_spf_of_each_egress,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    domain_check_dmarc_of_the_record_that_applies, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    domain_check_addresses_by_name_and_list, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    domain_check_addresses_are_told_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    domain_check_questions_go_out_together, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
