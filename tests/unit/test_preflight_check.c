/* Preflight against a zone: alignment, egress addresses and the record, and
 * that nothing is asked that is not required. */
#include "mta/preflight_check.h"

#include "base/time.h"
#include "core/domain.h"
#include "io/policy_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char zone[] =
    "_dmarc.shop.example. TXT \"v=DMARC1; p=reject\"\n"
    "shop.example. TXT \"v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all\"\n"
    "bounce.shop.example. TXT \"v=spf1 ip4:192.0.2.1 ~all\"\n"
    "mail.shop.example. TXT \"v=spf1 ip4:192.0.2.1 ?all\"\n"
    "broken.shop.example. TXT \"v=spf1 moo:x\"\n"
    "dead.shop.example. * !SERVFAIL\n"
    "mixed.shop.example. TXT \"v=spf1 exists:%{i}.t.example -all\"\n"
    "192.0.2.1.t.example. A 127.0.0.2\n"
    "192.0.2.2.t.example. * !SERVFAIL\n"
    "local.shop.example. TXT \"v=spf1 exists:%{l}.l.example -all\"\n"
    "news.l.example. A 127.0.0.2\n"
    /* six times one question and three more: 25 of 32 with the record */
    "hungry.shop.example. TXT \"v=spf1 mx:1.m.example mx:2.m.example"
    " mx:3.m.example mx:4.m.example mx:5.m.example mx:6.m.example"
    " ip4:192.0.2.0/24 -all\"\n"
    "1.m.example. MX 1 a1.m.example\n1.m.example. MX 1 a2.m.example\n"
    "1.m.example. MX 1 a3.m.example\n"
    "2.m.example. MX 1 b1.m.example\n2.m.example. MX 1 b2.m.example\n"
    "2.m.example. MX 1 b3.m.example\n"
    "3.m.example. MX 1 c1.m.example\n3.m.example. MX 1 c2.m.example\n"
    "3.m.example. MX 1 c3.m.example\n"
    "4.m.example. MX 1 d1.m.example\n4.m.example. MX 1 d2.m.example\n"
    "4.m.example. MX 1 d3.m.example\n"
    "5.m.example. MX 1 e1.m.example\n5.m.example. MX 1 e2.m.example\n"
    "5.m.example. MX 1 e3.m.example\n"
    "6.m.example. MX 1 f1.m.example\n6.m.example. MX 1 f2.m.example\n"
    "6.m.example. MX 1 f3.m.example\n"
    "*.m.example. A 198.51.100.1\n"
    "_dmarc.strict.example. TXT \"v=DMARC1; p=none; adkim=s; aspf=s\"\n"
    "strict.example. TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
    "news.strict.example. TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
    "_dmarc.apart.example. TXT \"v=DMARC1; p=none\"\n"
    "_dmarc.news.apart.example. TXT \"v=DMARC1; p=none; psd=n\"\n"
    "_dmarc.invalid.example. TXT \"v=DMARC1; p=nonsense\"\n"
    "_dmarc.temp.example. * !SERVFAIL\n"
    "temp.example. TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
    /* the record is there, the way to its organizational domain is not */
    "_dmarc.news.half.example. TXT \"v=DMARC1; p=none\"\n"
    "_dmarc.half.example. * !SERVFAIL\n"
    "other.example. TXT \"v=spf1 ip4:192.0.2.1 -all\"\n";

#define BLOCK(name, preflight)                                                 \
	"domain \"" name "\" { subdomains = yes\n"                             \
	"  key \"s1\" { file = \"a.pem\" }\n"                                  \
	"  " preflight " }\n"

#define HASH "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
#define SIGNED(d)                                                              \
	"DKIM-Signature: v=1; a=rsa-sha256; b=AAAA; bh=" HASH "; d=" d         \
	"; s=s1; h=From:List-Unsubscribe:List-Unsubscribe-Post\n"
#define FROM(d) "From: a@" d "\n"
#define CLICK                                                                  \
	"List-Unsubscribe: <https://shop.example/u>\n"                         \
	"List-Unsubscribe-Post: List-Unsubscribe=One-Click\n"

struct row {
	const char *label;
	const char *domain;        /* whose block has it */
	const char *require;       /* words in quotes, parted by commas */
	const char *egress;        /* likewise */
	const char *sender, *helo; /* NULL: <news@DOMAIN>, mail.shop.example */
	const char *fields;
	const char *missing, *open; /* names, parted by commas */
	const char *why;            /* in the first clause; NULL: any */
	bool psl;                   /* discovery */
	bool silent;                /* DNS is not asked */
	bool over;                  /* fields are missing */
	unsigned budget;            /* 0: 64 */
};

#define DKIM   "\"aligned-dkim\""
#define SPF    "\"aligned-spf\""
#define RECORD "\"dmarc-record\""
#define ONE    "\"list-unsubscribe-oneclick\""

static const struct row rows[] = {
	/* RFC 9989 4.4.1 */
	{ .label = "DKIM: the domain itself",
	    .domain = "shop.example",
	    .require = DKIM,
	    .fields = FROM("shop.example") SIGNED("shop.example"),
	    .silent = true },
	{ .label = "DKIM: the domain above, relaxed",
	    .domain = "shop.example",
	    .require = DKIM,
	    .fields = FROM("a.shop.example") SIGNED("shop.example") },
	{ .label = "DKIM: the domain above, by list",
	    .domain = "shop.example",
	    .require = DKIM,
	    .fields = FROM("a.shop.example") SIGNED("shop.example"),
	    .psl = true },
	{ .label = "DKIM: the domain above, strict",
	    .domain = "strict.example",
	    .require = DKIM,
	    .fields = FROM("a.strict.example") SIGNED("strict.example"),
	    .missing = "aligned-dkim",
	    .why = "the signing domain strict.example is not aligned with"
		   " From: a.strict.example by the DMARC record of"
		   " strict.example" },
	{ .label = "DKIM: the domain itself, strict",
	    .domain = "strict.example",
	    .require = DKIM,
	    .fields = FROM("strict.example") SIGNED("strict.example"),
	    .silent = true },
	{ .label = "DKIM: an organizational domain of its own",
	    .domain = "apart.example",
	    .require = DKIM,
	    .fields = FROM("news.apart.example") SIGNED("apart.example"),
	    .missing = "aligned-dkim",
	    .why = "is not aligned" },
	{ .label = "DKIM: the same, by list, which knows of none",
	    .domain = "apart.example",
	    .require = DKIM,
	    .fields = FROM("news.apart.example") SIGNED("apart.example"),
	    .psl = true },
	{ .label = "DKIM: the domain above, no record",
	    .domain = "none.example",
	    .require = DKIM,
	    .fields = FROM("a.none.example") SIGNED("none.example"),
	    .missing = "aligned-dkim",
	    .why = "the signing domain none.example is not From:"
		   " a.none.example, which has no DMARC record" },
	{ .label = "DKIM: DNS does not tell",
	    .domain = "temp.example",
	    .require = DKIM,
	    .fields = FROM("a.temp.example") SIGNED("temp.example"),
	    .open = "aligned-dkim",
	    .why = "DNS gave no answer: SERVFAIL" },
	{ .label = "DKIM: DNS does not tell, and need not",
	    .domain = "temp.example",
	    .require = DKIM,
	    .fields = FROM("temp.example") SIGNED("temp.example"),
	    .silent = true },
	{ .label = "DKIM: nothing is signed",
	    .domain = "shop.example",
	    .require = DKIM,
	    .fields = FROM("shop.example"),
	    .missing = "aligned-dkim",
	    .why = "no DKIM signature of shop.example",
	    .silent = true },
	{ .label = "DKIM: signed by a stranger",
	    .domain = "shop.example",
	    .require = DKIM,
	    .fields = FROM("shop.example") SIGNED("other.example"),
	    .missing = "aligned-dkim",
	    .silent = true },

	/* RFC 9989 4.4.2, RFC 7208 */
	{ .label = "SPF: alignment alone",
	    .domain = "shop.example",
	    .require = SPF,
	    .fields = FROM("shop.example"),
	    .silent = true },
	{ .label = "SPF: each address passes",
	    .domain = "shop.example",
	    .require = SPF,
	    .egress = "\"192.0.2.1\", \"2001:db8::1\"",
	    .fields = FROM("shop.example") },
	{ .label = "SPF: one does not",
	    .domain = "shop.example",
	    .require = SPF,
	    .egress = "\"192.0.2.1\", \"192.0.2.9\"",
	    .fields = FROM("shop.example"),
	    .missing = "aligned-spf",
	    .why = "the SPF record of shop.example does not let all addresses"
		   " of `egress` pass: 192.0.2.9 fail" },
	{ .label = "SPF: two do not",
	    .domain = "shop.example",
	    .require = SPF,
	    .egress = "\"2001:db8::2\", \"192.0.2.1\", \"192.0.2.9\"",
	    .fields = FROM("shop.example"),
	    .missing = "aligned-spf",
	    .why = ": 2001:db8::2 fail, 192.0.2.9 fail" },
	{ .label = "SPF: softfail is no pass",
	    .domain = "shop.example",
	    .require = SPF,
	    .egress = "\"192.0.2.9\"",
	    .sender = "<x@bounce.shop.example>",
	    .fields = FROM("shop.example"),
	    .missing = "aligned-spf",
	    .why = "192.0.2.9 softfail" },
	{ .label = "SPF: neutral is no pass",
	    .domain = "shop.example",
	    .require = SPF,
	    .egress = "\"192.0.2.9\"",
	    .sender = "<x@mail.shop.example>",
	    .fields = FROM("shop.example"),
	    .missing = "aligned-spf",
	    .why = "192.0.2.9 neutral" },
	{ .label = "SPF: no record",
	    .domain = "shop.example",
	    .require = SPF,
	    .egress = "\"192.0.2.1\"",
	    .sender = "<x@none.shop.example>",
	    .fields = FROM("shop.example"),
	    .missing = "aligned-spf",
	    .why = "192.0.2.1 none" },
	{ .label = "SPF: a broken record",
	    .domain = "shop.example",
	    .require = SPF,
	    .egress = "\"192.0.2.1\"",
	    .sender = "<x@broken.shop.example>",
	    .fields = FROM("shop.example"),
	    .missing = "aligned-spf",
	    .why = "192.0.2.1 permerror" },
	{ .label = "SPF: DNS does not tell",
	    .domain = "shop.example",
	    .require = SPF,
	    .egress = "\"192.0.2.1\"",
	    .sender = "<x@dead.shop.example>",
	    .fields = FROM("shop.example"),
	    .open = "aligned-spf",
	    .why = "SERVFAIL" },
	{ .label = "SPF: DNS tells of one, and that passes",
	    .domain = "shop.example",
	    .require = SPF,
	    .egress = "\"192.0.2.1\", \"192.0.2.2\"",
	    .sender = "<x@mixed.shop.example>",
	    .fields = FROM("shop.example"),
	    .open = "aligned-spf" },
	{ .label = "SPF: DNS tells of one, and that fails",
	    .domain = "shop.example",
	    .require = SPF,
	    .egress = "\"192.0.2.2\", \"192.0.2.3\"",
	    .sender = "<x@mixed.shop.example>",
	    .fields = FROM("shop.example"),
	    .missing = "aligned-spf",
	    .why = ": 192.0.2.3 fail" },
	{ .label = "SPF: the local part counts",
	    .domain = "shop.example",
	    .require = SPF,
	    .egress = "\"192.0.2.1\"",
	    .sender = "<news@local.shop.example>",
	    .fields = FROM("shop.example") },
	{ .label = "SPF: another local part",
	    .domain = "shop.example",
	    .require = SPF,
	    .egress = "\"192.0.2.1\"",
	    .sender = "<info@local.shop.example>",
	    .fields = FROM("shop.example"),
	    .missing = "aligned-spf" },
	{ .label = "SPF: many questions for each of many addresses",
	    .domain = "shop.example",
	    .require = SPF,
	    .egress = "\"192.0.2.1\", \"192.0.2.2\", \"192.0.2.3\","
		      " \"192.0.2.4\"",
	    .sender = "<x@hungry.shop.example>",
	    .fields = FROM("shop.example") },
	{ .label = "SPF: the message has no questions left",
	    .domain = "shop.example",
	    .require = SPF,
	    .egress = "\"192.0.2.1\"",
	    .sender = "<x@hungry.shop.example>",
	    .fields = FROM("shop.example"),
	    .budget = 9,
	    .open = "aligned-spf",
	    .why = "budget" },
	{ .label = "SPF: the domain below, relaxed",
	    .domain = "shop.example",
	    .require = SPF,
	    .egress = "\"192.0.2.1\"",
	    .sender = "<x@bounce.shop.example>",
	    .fields = FROM("shop.example") },
	{ .label = "SPF: the domain below, strict",
	    .domain = "strict.example",
	    .require = SPF,
	    .egress = "\"192.0.2.1\"",
	    .sender = "<x@news.strict.example>",
	    .fields = FROM("strict.example"),
	    .missing = "aligned-spf",
	    .why = "MAIL FROM news.strict.example is not aligned with From:"
		   " strict.example" },
	{ .label = "SPF: another domain",
	    .domain = "shop.example",
	    .require = SPF,
	    .egress = "\"192.0.2.1\"",
	    .sender = "<x@other.example>",
	    .fields = FROM("shop.example"),
	    .missing = "aligned-spf",
	    .why = "MAIL FROM other.example is not aligned" },
	{ .label = "SPF: another domain, no record",
	    .domain = "none.example",
	    .require = SPF,
	    .sender = "<x@other.example>",
	    .fields = FROM("none.example"),
	    .missing = "aligned-spf",
	    .why = "MAIL FROM other.example is not From: none.example, which"
		   " has no DMARC record" },
	{ .label = "SPF: alignment is not known",
	    .domain = "temp.example",
	    .require = SPF,
	    .sender = "<x@b.temp.example>",
	    .fields = FROM("temp.example"),
	    .open = "aligned-spf" },
	{ .label = "SPF: alignment is not known, and not asked for again",
	    .domain = "temp.example",
	    .require = SPF,
	    .sender = "<x@b.temp.example>",
	    .fields = FROM("temp.example"),
	    .budget = 1,
	    .open = "aligned-spf",
	    .why = "SERVFAIL" },
	{ .label = "SPF: alignment is not known, the record is",
	    .domain = "half.example",
	    .require = SPF "," RECORD,
	    .sender = "<x@b.half.example>",
	    .fields = FROM("news.half.example"),
	    .open = "aligned-spf" },
	{ .label = "SPF: a null sender is HELO",
	    .domain = "shop.example",
	    .require = SPF,
	    .egress = "\"192.0.2.1\"",
	    .sender = "<>",
	    .fields = FROM("shop.example") },
	{ .label = "SPF: HELO of another domain",
	    .domain = "shop.example",
	    .require = SPF,
	    .sender = "<>",
	    .helo = "other.example",
	    .fields = FROM("shop.example"),
	    .missing = "aligned-spf",
	    .why = "HELO other.example is not aligned" },
	{ .label = "SPF: HELO does not pass",
	    .domain = "shop.example",
	    .require = SPF,
	    .egress = "\"192.0.2.9\"",
	    .sender = "<>",
	    .fields = FROM("shop.example"),
	    .missing = "aligned-spf",
	    .why = "mail.shop.example" },
	{ .label = "SPF: HELO of one label",
	    .domain = "shop.example",
	    .require = SPF,
	    .sender = "<>",
	    .helo = "localhost",
	    .fields = FROM("shop.example"),
	    .missing = "aligned-spf",
	    .why = "HELO is a name of one label",
	    .silent = true },
	{ .label = "SPF: no address",
	    .domain = "shop.example",
	    .require = SPF,
	    .sender = "<<>",
	    .fields = FROM("shop.example"),
	    .missing = "aligned-spf",
	    .why = "MAIL FROM is no address",
	    .silent = true },

	/* RFC 9989 4.10 */
	{ .label = "record: its own",
	    .domain = "shop.example",
	    .require = RECORD,
	    .fields = FROM("shop.example") },
	{ .label = "record: the parent's",
	    .domain = "shop.example",
	    .require = RECORD,
	    .fields = FROM("a.b.shop.example") },
	{ .label = "record: none",
	    .domain = "none.example",
	    .require = RECORD,
	    .fields = FROM("none.example"),
	    .missing = "dmarc-record",
	    .why = "no DMARC record that can be used for none.example: no"
		   " record was found" },
	{ .label = "record: not valid",
	    .domain = "invalid.example",
	    .require = RECORD,
	    .fields = FROM("invalid.example"),
	    .missing = "dmarc-record",
	    .why = "the record has no valid policy" },
	{ .label = "record: DNS does not tell",
	    .domain = "temp.example",
	    .require = RECORD,
	    .fields = FROM("temp.example") SIGNED("temp.example"),
	    .open = "dmarc-record",
	    .why = "SERVFAIL" },
	{ .label = "record: found, alignment is not known",
	    .domain = "half.example",
	    .require = RECORD "," DKIM,
	    .fields = FROM("news.half.example") SIGNED("half.example"),
	    .open = "aligned-dkim" },

	/* RFC 8058 */
	{ .label = "one-click: signed and aligned",
	    .domain = "shop.example",
	    .require = ONE,
	    .fields = FROM("shop.example") CLICK SIGNED("shop.example"),
	    .silent = true },
	{ .label = "one-click: not aligned",
	    .domain = "strict.example",
	    .require = ONE,
	    .fields = FROM("a.strict.example") CLICK SIGNED("strict.example"),
	    .missing = "list-unsubscribe-oneclick",
	    .why = "the signing domain strict.example is not aligned" },
	{ .label = "one-click: alignment is not known",
	    .domain = "temp.example",
	    .require = ONE,
	    .fields = FROM("a.temp.example") CLICK SIGNED("temp.example"),
	    .open = "list-unsubscribe-oneclick" },
	{ .label = "one-click: fields are not there",
	    .domain = "temp.example",
	    .require = ONE,
	    .fields = FROM("a.temp.example") SIGNED("temp.example"),
	    .missing = "list-unsubscribe-oneclick",
	    .why = "no List-Unsubscribe field",
	    .silent = true },
	{ .label = "one-click: not covered, whatever DNS says",
	    .domain = "temp.example",
	    .require = ONE,
	    .fields = FROM("a.temp.example") CLICK
	    "DKIM-Signature: v=1; a=rsa-sha256; b=AAAA; bh=" HASH
	    "; d=temp.example; s=s1; h=From\n",
	    .missing = "list-unsubscribe-oneclick",
	    .why = "covers both",
	    .silent = true },
	{ .label = "one-click: signed by a stranger",
	    .domain = "shop.example",
	    .require = ONE,
	    .fields = FROM("shop.example") CLICK SIGNED("other.example"),
	    .missing = "list-unsubscribe-oneclick",
	    .silent = true },

	/* all together */
	{ .label = "all is there",
	    .domain = "shop.example",
	    .require = "\"from-one\"," DKIM "," SPF "," RECORD ",\"date\","
		       "\"message-id\",\"subject\"," ONE,
	    .egress = "\"192.0.2.1\"",
	    .fields = FROM("shop.example") CLICK
	    "Date: x\nMessage-ID: x\nSubject: x\n" SIGNED("shop.example") },
	{ .label = "nothing is there",
	    .domain = "none.example",
	    .require = "\"subject\",\"from-one\"," DKIM "," SPF "," RECORD
		       ",\"date\",\"message-id\"," ONE,
	    .sender = "<x@other.example>",
	    .fields = FROM("none.example"),
	    .missing = "subject,aligned-dkim,aligned-spf,dmarc-record,date,"
		       "message-id,list-unsubscribe-oneclick",
	    .why = "no Subject field" },
	{ .label = "several authors: the block of MAIL FROM",
	    .domain = "shop.example",
	    .require = DKIM "," SPF "," RECORD ",\"from-one\"",
	    .fields = FROM("none.example") FROM("other.example")
		SIGNED("shop.example"),
	    .missing = "aligned-dkim,aligned-spf,dmarc-record,from-one",
	    .why = "there are 2 From fields",
	    .silent = true },
	{ .label = "no author: the block of MAIL FROM",
	    .domain = "shop.example",
	    .require = "\"from-one\"",
	    .fields = "Date: x\n",
	    .missing = "from-one",
	    .why = "there is no From field",
	    .silent = true },
	{ .label = "a header of which fields are missing",
	    .domain = "shop.example",
	    .require = "\"from-one\"," DKIM "," SPF "," RECORD ",\"date\"",
	    .fields = FROM("shop.example"),
	    .over = true,
	    .open = "from-one,aligned-dkim,aligned-spf,dmarc-record,date",
	    .silent = true },
};

/* -- the table --------------------------------------------------------- */

struct bench {
	struct gp_config *config;
	struct gp_dns *dns;
	struct gp_metrics *metrics;
	struct gp_psl *psl;
	struct gp_arena *arena;
};

static void
open_bench(struct bench *b, const char *policy, bool psl)
{
	struct gp_problems problems;

	gp_problems_init(&problems);
	*b = (struct bench){ .arena = gp_arena_new() };
	if (gp_policy_parse(gp_str(policy), "test", &b->config, &problems) !=
	    GP_OK)
		fail_msg("%s", gp_buf_cstr(&problems.text));
	gp_problems_clear(&problems);
	b->metrics = gp_metrics_new("dmarc");
	assert_int_equal(gp_dns_open_zone(gp_str(zone), b->metrics, &b->dns,
			     NULL),
	    GP_OK);
	if (psl)
		assert_int_equal(gp_psl_load(NULL, &b->psl, NULL), GP_OK);
}

static void
close_bench(struct bench *b)
{
	gp_arena_free(b->arena);
	gp_config_unref(b->config);
	gp_dns_close(b->dns);
	gp_metrics_free(b->metrics);
	gp_psl_free(b->psl);
}

static bool
was_asked(const struct bench *b)
{
	return gp_metrics_get(b->metrics, GP_M_DNS_CACHE, 0) +
	           gp_metrics_get(b->metrics, GP_M_DNS_CACHE, 1) >
	       0;
}

static struct gp_preflight_result
check(struct bench *b, const struct row *r, bool bounce)
{
	struct gp_header h = { .n = 0 };
	struct gp_addr sender;
	const char *path = r->sender;
	struct gp_preflight_mail mail = { .header = &h,
		.sender = &sender,
		.helo = r->helo == NULL ? "mail.shop.example" : r->helo,
		.bounce = bounce };
	const struct gp_preflight_checker with = { .arena = b->arena,
		.config = b->config,
		.metrics = b->metrics,
		.psl = b->psl };
	struct gp_dns_scope scope = { .dns = b->dns,
		.arena = gp_arena_new(),
		.deadline_us = GP_NEVER_US,
		.budget = r->budget == 0 ? 64 : r->budget };
	struct gp_str rest = gp_str(r->fields);
	struct gp_preflight_result out;

	while (rest.n > 0) {
		struct gp_str value = gp_str_split(&rest, '\n');
		struct gp_str name = gp_str_split(&value, ':');

		gp_header_add(&h, b->arena, name, value);
	}
	h.over = r->over;
	if (path == NULL)
		path = gp_arena_printf(b->arena, "<news@%s>", r->domain);
	mail.sender_readable = gp_addr_parse(gp_str(path), false, b->arena,
				   &sender, NULL) == GP_OK;
	out = gp_preflight_check(&with, &scope, &mail);
	gp_arena_free(scope.arena); /* the result must outlive it */
	return out;
}

static const char *
names(const struct gp_preflight *p, enum gp_preflight_state state,
    struct gp_arena *arena)
{
	const char *out = "";

	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].state == state)
			out = gp_arena_printf(arena, "%s%s%s", out,
			    *out == '\0' ? "" : ",",
			    gp_preflight_need_name(p->v[i].need));
	return out;
}

static void
check_counts(const struct bench *b, const struct gp_preflight *p)
{
	int64_t missing = 0;

	assert_int_equal(gp_metrics_get(b->metrics, GP_M_PREFLIGHT,
			     p->missing > 0 ? 2
			     : p->open > 0  ? 1
					    : 0),
	    1);
	for (unsigned i = 0; i < GP_NEEDS; i++)
		missing +=
		    gp_metrics_get(b->metrics, GP_M_PREFLIGHT_MISSING, i);
	assert_int_equal(missing, p->missing);
}

static void
play(const struct row *r)
{
	char policy[1024];
	struct gp_preflight_result out;
	struct bench b;

	(void)snprintf(policy, sizeof(policy),
	    "dmarc { discovery = %s }\n"
	    "domain \"%s\" { subdomains = yes key \"s1\" { file = \"a\" }\n"
	    "  preflight { mode = enforce require = { %s } egress = { %s }\n"
	    "    else = reject temperror = tempfail } }\n",
	    r->psl ? "psl" : "treewalk", r->domain, r->require,
	    r->egress == NULL ? "" : r->egress);
	open_bench(&b, policy, r->psl);
	out = check(&b, r, false);
	assert_true(out.judged);
	assert_string_equal(names(&out.found, GP_PREFLIGHT_MISSING, b.arena),
	    r->missing == NULL ? "" : r->missing);
	assert_string_equal(names(&out.found, GP_PREFLIGHT_OPEN, b.arena),
	    r->open == NULL ? "" : r->open);
	if (r->why != NULL && strstr(out.found.v[0].why, r->why) == NULL)
		fail_msg("%s", out.found.v[0].why);
	assert_int_equal(was_asked(&b), !r->silent);
	assert_int_equal(out.verdict.action, r->missing != NULL ? GP_REJECT
					     : r->open != NULL  ? GP_TEMPFAIL
								: GP_CONTINUE);
	check_counts(&b, &out.found);
	close_bench(&b);
}

static void
preflight_check_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		print_message("# %s\n", rows[i].label);
		play(&rows[i]);
	}
}

/* -- which block ------------------------------------------------------- */

#define OTHERS                                                                 \
	"domain \"plain.example\" { key \"s1\" { file = \"a\" } }\n"           \
	"domain \"shop.example\" { key \"s1\" { file = \"a\" }\n"              \
	"  preflight { mode = monitor require = { \"date\" } else = reject } " \
	"}\n"

static const struct row elsewhere[] = {
	{ .label = "a block without the section",
	    .domain = "plain.example",
	    .fields = FROM("plain.example") },
	{ .label = "no block",
	    .domain = "other.example",
	    .fields = FROM("other.example") },
	{ .label = "From: decides, not MAIL FROM",
	    .domain = "shop.example",
	    .fields = FROM("plain.example") },
	{ .label = "two authors, and MAIL FROM of no block",
	    .domain = "other.example",
	    .fields = FROM("shop.example") FROM("plain.example") },
	{ .label = "two authors, and no MAIL FROM",
	    .domain = "shop.example",
	    .sender = "<>",
	    .fields = FROM("shop.example") FROM("plain.example") },
};

static void
preflight_check_leaves_others_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(elsewhere); i++) {
		struct gp_preflight_result out;
		struct bench b;

		print_message("# %s\n", elsewhere[i].label);
		open_bench(&b, OTHERS, false);
		assert_true(gp_preflight_any(b.config));
		out = check(&b, &elsewhere[i], false);
		assert_false(out.judged);
		assert_int_equal(out.verdict.action, GP_CONTINUE);
		assert_false(was_asked(&b));
		for (unsigned j = 0; j < 3; j++)
			assert_int_equal(gp_metrics_get(b.metrics,
					     GP_M_PREFLIGHT, j),
			    0);
		close_bench(&b);
	}
}

static void
preflight_check_knows_whether_any_block_wants_it(void **state)
{
	struct bench b;

	(void)state;
	open_bench(&b, "domain \"plain.example\" { }\n", false);
	assert_false(gp_preflight_any(b.config));
	close_bench(&b);
}

static void
preflight_check_monitors_and_spares_bounces(void **state)
{
	const struct row r = { .domain = "shop.example",
		.fields = FROM("shop.example") };
	struct gp_preflight_result out;
	struct bench b;

	(void)state;
	open_bench(&b, OTHERS, false);
	out = check(&b, &r, false);
	assert_true(out.judged && out.verdict.monitored);
	assert_int_equal(out.verdict.action, GP_CONTINUE);
	assert_int_equal(out.verdict.disposition, GP_DO_REJECT);
	out = check(&b, &r, true);
	assert_true(out.judged);
	assert_false(out.verdict.monitored);
	assert_int_equal(out.found.missing, 1);
	close_bench(&b);
}

/* More addresses than a clause has room for: none is lost without a word. */
static void
preflight_check_counts_what_it_can_not_name(void **state)
{
	const struct row r = { .domain = "shop.example",
		.sender = "<x@shop.example>",
		.fields = FROM("shop.example") };
	struct gp_preflight_result out;
	unsigned long named = 0, more;
	struct gp_buf policy;
	struct bench b;

	(void)state;
	gp_buf_init(&policy, 4096);
	gp_buf_adds(&policy,
	    "domain \"shop.example\" { preflight { mode = enforce"
	    " require = { \"aligned-spf\" } egress = { \"192.0.2.1\"");
	for (int i = 101; i < 132; i++)
		gp_buf_addf(&policy, ", \"192.0.2.%d\"", i);
	gp_buf_adds(&policy, " } else = reject } }\n");
	open_bench(&b, gp_buf_cstr(&policy), false);
	out = check(&b, &r, false);
	assert_int_equal(out.found.missing, 1);
	for (const char *p = out.found.v[0].why; *p != '\0'; p++)
		named += strncmp(p, "192.0.2.", 8) == 0;
	assert_non_null(strstr(out.found.v[0].why, " more"));
	more = strtoul(strstr(out.found.v[0].why, " and ") + 5, NULL, 10);
	assert_int_equal(named + more, 31);
	gp_buf_clear(&policy);
	close_bench(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(preflight_check_table),
		cmocka_unit_test(preflight_check_leaves_others_alone),
		cmocka_unit_test(
		    preflight_check_knows_whether_any_block_wants_it),
		cmocka_unit_test(preflight_check_monitors_and_spares_bounces),
		cmocka_unit_test(preflight_check_counts_what_it_can_not_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
