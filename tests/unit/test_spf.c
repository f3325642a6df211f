/* check_host(): what the public suite leaves out; limits, reasons, abandon. */
#include "core/spf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* value NULL: no answer.  Several entries make a set of records. */
struct entry {
	const char *name;
	enum gp_dns_type type;
	const char *value;
};

#define TXT(name, text)                                                        \
	{                                                                      \
		name, GP_DNS_TXT, text                                         \
	}
#define A(name, ip)                                                            \
	{                                                                      \
		name, GP_DNS_A, ip                                             \
	}
#define AAAA(name, ip)                                                         \
	{                                                                      \
		name, GP_DNS_AAAA, ip                                          \
	}
#define MX(name, host)                                                         \
	{                                                                      \
		name, GP_DNS_MX, host                                          \
	}
#define PTR(name, host)                                                        \
	{                                                                      \
		name, GP_DNS_PTR, host                                         \
	}

#define REVERSE "1.2.0.192.in-addr.arpa"

static const struct entry zone[] = {
	TXT("fail.test", "v=spf1 -all"),
	TXT("inc.test", "v=spf1 include:_a.inc.test -all"),
	TXT("_a.inc.test", "v=spf1 include:_b.inc.test -all"),
	TXT("_b.inc.test", "v=spf1 ip4:192.0.2.0/24 -all"),
	TXT("soft-inc.test", "v=spf1 include:soft.test ?all"),
	TXT("soft.test", "v=spf1 ~all"),
	TXT("minus-inc.test", "v=spf1 -include:pass.test"),
	TXT("pass.test", "v=spf1 +all"),
	TXT("redir.test", "v=spf1 redirect=fail.test"),
	TXT("redir-err.test", "v=spf1 redirect=empty.test"),
	TXT("inc-none.test", "v=spf1 include:empty.test +all"),
	TXT("inc-label.test", "v=spf1 include:%{d1} +all"),
	TXT("inc-temp.test", "v=spf1 include:down.test +all"),
	TXT("inc-perm.test", "v=spf1 include:bad.test +all"),
	TXT("bad.test", "v=spf1 foo"),
	A("empty.test", "192.0.2.99"),
	TXT("two.test", "v=spf1 -all"),
	TXT("two.test", "v=spf1 +all"),
	TXT("other.test", "google-site-verification=x"),
	TXT("other.test", "v=spf1 +all"),
	TXT("down.test", NULL),
	TXT("a-temp.test", "v=spf1 a:down.test -all"),
	A("down.test", NULL),
	MX("down.test", NULL),
	/* client's own names */
	PTR(REVERSE, "other.example"),
	PTR(REVERSE, "mail.ptr.test"),
	PTR(REVERSE, "lies.ptr.test"),
	A("other.example", "192.0.2.1"),
	A("mail.ptr.test", "192.0.2.1"),
	A("lies.ptr.test", "198.51.100.9"),
	TXT("ptr.test", "v=spf1 ptr -all"),
	TXT("ptr-other.test", "v=spf1 ptr:lies.ptr.test -ptr:x.%{d} ~all"),
	TXT("ptr-none.test", "v=spf1 ptr:sub.ptr.test -all"),
	TXT("p.test", "v=spf1 exists:%{p}.is.p.test -all"),
	A("other.example.is.p.test", "127.0.0.2"),
	TXT("sub.p.ptr.test", "v=spf1 -all exp=e.p.test"),
	TXT("e.p.test", "from %{p}"),
	PTR("5.2.0.192.in-addr.arpa", "x.example"),
	PTR("5.2.0.192.in-addr.arpa", "mail.pref.test"),
	A("x.example", "192.0.2.5"),
	A("mail.pref.test", "192.0.2.5"),
	TXT("pref.test", "v=spf1 -all exp=e.p.test"),
	TXT("lies.ptr.test", "v=spf1 -all exp=e.p.test"),
	PTR("6.2.0.192.in-addr.arpa", ""),
	PTR("6.2.0.192.in-addr.arpa", "notptr.test"),
	A("notptr.test", "192.0.2.6"),
	/* the names of 192.0.2.66 can not be had, those of .67 are void */
	PTR("66.2.0.192.in-addr.arpa", NULL),
	PTR("67.2.0.192.in-addr.arpa", "n1.gone.test"),
	PTR("67.2.0.192.in-addr.arpa", "n2.gone.test"),
	PTR("67.2.0.192.in-addr.arpa", "n3.gone.test"),
	TXT("gone.test", "v=spf1 ptr -all"),
	TXT("gone-p.test", "v=spf1 a:%{p}.x.test a:y.test a:%{p}.z.test -all"),
	PTR("68.2.0.192.in-addr.arpa", "t.temp.test"),
	A("t.temp.test", NULL),
	TXT("temp.test", "v=spf1 ptr -all"),
	TXT("nomore.test", "v=spf1 ptr:nomore.test a:v1.test a:v2.test ?all"),
	TXT("ptr3.test", "v=spf1 ptr ptr ptr -all"),
	TXT("p-ptr.test", "v=spf1 exists:%{p}.v1.test ptr a:v2.test -all"),
	/* mail hosts */
	TXT("mx.test", "v=spf1 mx -all"),
	MX("mx.test", "h1.mx.test"),
	MX("mx.test", ""),
	MX("mx.test", "h2.mx.test"),
	A("h1.mx.test", "198.51.100.1"),
	A("h2.mx.test", "192.0.2.1"),
	TXT("mx-void.test", "v=spf1 mx a:v1.test -all"),
	MX("mx-void.test", "v1.mx-void.test"),
	MX("mx-void.test", "v2.mx-void.test"),
	MX("mx-void.test", "v3.mx-void.test"),
	TXT("mx-temp.test", "v=spf1 mx:down.test -all"),
	TXT("mx-host-temp.test", "v=spf1 mx -all"),
	MX("mx-host-temp.test", "down.test"),
	/* voids */
	TXT("void2.test", "v=spf1 a:v1.test exists:v2.test -all"),
	TXT("void3.test", "v=spf1 a:v1.test mx:v2.test exists:v3.test -all"),
	TXT("void-inc.test", "v=spf1 a:v1.test a:v2.test include:v3.test -all"),
	TXT("void-data.test", "v=spf1 mx:empty.test mx:empty.test -all"),
	TXT("void-name.test", "v=spf1 a:v1..test a:.v2.test a:v3..test -all"),
	/* terms */
	TXT("ten.test", "v=spf1 a:empty.test a:empty.test a:empty.test "
			"a:empty.test a:empty.test a:empty.test a:empty.test "
			"a:empty.test a:empty.test redirect=fail.test"),
	TXT("eleven.test", "v=spf1 a:empty.test redirect=ten.test"),
	TXT("loop.test", "v=spf1 include:loop.test -all"),
	TXT("rloop.test", "v=spf1 redirect=rloop.test"),
	/* explanations */
	TXT("exp.test", "v=spf1 -all exp=%{l}.exp.test"),
	TXT("good.exp.test",
	    "%{i} is not %{o}%_100%%. See http://x/?%{S} %{r}"),
	TXT("ascii.exp.test", "no \xc3\xa4"),
	TXT("tab.exp.test", "no\ttab"),
	TXT("utf8.exp.test", "x"),
	TXT("long.exp.test", "%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}"
			     "%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}"
			     "%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}"
			     "%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}"
			     "%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}"),
	TXT("exp-only-fail.test", "v=spf1 ~all exp=good.exp.test"),
	TXT("exp-inc.test", "v=spf1 -include:pass-exp.test exp=mine.test"),
	TXT("pass-exp.test", "v=spf1 +all exp=theirs.test"),
	TXT("mine.test", "mine of %{d}"),
	TXT("theirs.test", "theirs"),
	TXT("exp-fixed.test", "v=spf1 -all exp=l.test"),
	TXT("l.test", "you are %{l}"),
	/* local parts */
	TXT("local.test", "v=spf1 exists:%{l}.ok.test include:%{l}.ok.test "
			  "redirect=%{s}.ok.test"),
	A("joe.ok.test", "127.0.0.2"),
	TXT("local-inc.test", "v=spf1 include:%{l}.ok.test -all"),
	/* internationalised */
	TXT("xn--bcher-kva.test", "v=spf1 exists:%{d}.%{o}.%{h} -all"),
	A("xn--bcher-kva.test.xn--bcher-kva.test.xn--mller-kva.test",
	    "127.0.0.2"),
	/* IPv6 */
	TXT("v6.test", "v=spf1 a:v6host.test -all"),
	A("v6host.test", "192.0.2.1"),
	AAAA("v6host.test", "2001:db8::1"),
	TXT("ip6.test", "v=spf1 ip6:::ffff:0:0/90 -all"),
	TXT("four.test", "v=spf1 ip4:192.0.2.1 -all"),
	TXT("exists6.test", "v=spf1 exists:empty.test -all"),
	TXT("mapped.test", "v=spf1 ip6:::ffff:192.0.2.1 ?all"),
};

#define ENTRIES (sizeof(zone) / sizeof(zone[0]))

static struct gp_dns_rr
to_rr(const struct entry *z)
{
	struct gp_dns_rr rr = { .text = gp_str(z->value), .preference = 10 };

	if (z->type == GP_DNS_A || z->type == GP_DNS_AAAA)
		assert_int_equal(gp_ip_parse(rr.text, &rr.ip), GP_OK);
	return rr;
}

/* Answers live in `arena` until the next one: what must last is copied. */
static struct gp_dns_answer
look_up(const struct gp_dns_question *question, struct gp_arena *arena)
{
	struct gp_dns_answer a = { .rc = GP_NONE, .nxdomain = true };
	struct gp_dns_rr *rr;

	gp_arena_clear(arena);
	rr = gp_arena_alloc(arena, ENTRIES * sizeof(*rr));
	for (size_t i = 0; i < ENTRIES; i++) {
		if (!gp_str_eq_nocase(gp_str(zone[i].name),
			gp_str(question->name)))
			continue;
		a.nxdomain = false;
		if (zone[i].type != question->type)
			continue;
		if (zone[i].value == NULL)
			return (struct gp_dns_answer){ .rc = GP_TEMP,
				.why = "SERVFAIL" };
		rr[a.n] = to_rr(&zone[i]);
		rr[a.n].text = gp_arena_dup(arena, rr[a.n].text);
		a.n++;
	}
	a.rr = rr;
	if (a.n > 0)
		a.rc = GP_OK;
	return a;
}

static struct gp_spf_query
ask_for(const char *ip, const char *sender)
{
	const char *at = strrchr(sender, '@');
	struct gp_spf_query q = { .domain = at + 1,
		.local = gp_str_n(sender, (size_t)(at - sender)),
		.helo = "m\xc3\xbcller.test",
		.receiver = "mx.receiver.test",
		.max_terms = GP_SPF_TERMS_MAX,
		.max_voids = GP_SPF_VOIDS_MAX,
		.max_queries = GP_SPF_QUERIES_MAX };

	if (*ip != '\0')
		assert_int_equal(gp_ip_parse(gp_str(ip), &q.client), GP_OK);
	return q;
}

static const struct gp_spf_outcome *
run(const struct gp_spf_query *q, struct gp_arena *arena)
{
	struct gp_arena *answers = gp_arena_new();
	struct gp_spf_eval *e = gp_spf_eval_new(arena, q);
	struct gp_dns_question question;

	while (gp_spf_next(e, &question)) {
		struct gp_dns_answer a = look_up(&question, answers);

		gp_spf_feed(e, &a);
	}
	gp_arena_free(answers);
	return gp_spf_outcome(e);
}

struct row {
	const char *label, *ip, *sender;
	enum gp_spf_result result;
	const char *reason; /* part of it */
	const char *explanation;
	unsigned queries, terms, voids;
};

#define C "192.0.2.1"

static const struct row rows[] = {
	{ "the term and its domain are named", C, "a@fail.test", GP_SPF_FAIL,
	    "'-all' of fail.test matched", NULL, 1, 0, 0 },
	{ "nested includes name both ends", C, "a@inc.test", GP_SPF_PASS,
	    "'include:_a.inc.test' of inc.test matched by "
	    "'ip4:192.0.2.0/24' of _b.inc.test",
	    NULL, 3, 2, 0 },
	{ "fail within include is no match", "203.0.113.1", "a@inc.test",
	    GP_SPF_FAIL, "'-all' of inc.test matched", NULL, 3, 2, 0 },
	{ "softfail within include is none", C, "a@soft-inc.test",
	    GP_SPF_NEUTRAL, "'?all' of soft-inc.test", NULL, 2, 1, 0 },
	{ "the include's own qualifier counts", C, "a@minus-inc.test",
	    GP_SPF_FAIL, "'-include:pass.test' of minus-inc.test", NULL, 2, 1,
	    0 },
	{ "redirect", C, "a@redir.test", GP_SPF_FAIL, "'-all' of fail.test",
	    NULL, 2, 1, 0 },
	{ "redirect to nothing", C, "a@redir-err.test", GP_SPF_PERMERROR,
	    "'redirect=empty.test' of redir-err.test: there is no SPF record",
	    NULL, 2, 1, 1 },
	{ "include of nothing", C, "a@inc-none.test", GP_SPF_PERMERROR,
	    "no SPF record", NULL, 2, 1, 1 },
	{ "include of one label", C, "a@inc-label.test", GP_SPF_PERMERROR,
	    "names no domain", NULL, 1, 1, 0 },
	{ "include that can not be read now", C, "a@inc-temp.test",
	    GP_SPF_TEMPERROR, "TXT of down.test: SERVFAIL", NULL, 2, 1, 0 },
	{ "include with an error", C, "a@inc-perm.test", GP_SPF_PERMERROR,
	    "bad.test: unknown mechanism 'foo'", NULL, 2, 1, 0 },
	{ "no record", C, "a@empty.test", GP_SPF_NONE,
	    "empty.test has no SPF record", NULL, 1, 0, 0 },
	{ "no domain", C, "a@nowhere.test", GP_SPF_NONE, "no SPF record", NULL,
	    1, 0, 0 },
	{ "two records", C, "a@two.test", GP_SPF_PERMERROR,
	    "more than one SPF record", NULL, 1, 0, 0 },
	{ "other TXT records do not matter", C, "a@other.test", GP_SPF_PASS,
	    "'+all' of other.test", NULL, 1, 0, 0 },
	{ "no answer", C, "a@down.test", GP_SPF_TEMPERROR, "SERVFAIL", NULL, 1,
	    0, 0 },
	{ "no answer for an address", C, "a@a-temp.test", GP_SPF_TEMPERROR,
	    "A of down.test", NULL, 2, 1, 0 },
	{ "one label", C, "a@localhost", GP_SPF_NONE, "'localhost' is no", NULL,
	    0, 0, 0 },
	{ "address literal", C, "a@[192.0.2.1]", GP_SPF_NONE, "is no domain",
	    NULL, 0, 0, 0 },
	{ "empty label", C, "a@x..test", GP_SPF_NONE, "is no domain", NULL, 0,
	    0, 0 },
	{ "bytes that are no UTF-8", C, "a@\xff.test", GP_SPF_NONE,
	    "'\\xff.test' is no", NULL, 0, 0, 0 },
	{ "final dot", C, "a@fail.test.", GP_SPF_FAIL, "of fail.test matched",
	    NULL, 1, 0, 0 },
	{ "client without address", "", "a@fail.test", GP_SPF_NONE,
	    "address is not known", NULL, 0, 0, 0 },
	/* only names that can match are validated */
	{ "ptr asks for its own name only", C, "a@ptr.test", GP_SPF_PASS,
	    "'ptr'", NULL, 3, 1, 0 },
	{ "ptr is known the second time", C, "a@ptr-other.test",
	    GP_SPF_SOFTFAIL, "'~all'", NULL, 3, 2, 0 },
	{ "ptr of nobody", C, "a@ptr-none.test", GP_SPF_FAIL, "'-all'", NULL, 2,
	    1, 0 },
	{ "p takes any name at last", C, "a@p.test", GP_SPF_PASS, "exists:%{p}",
	    NULL, 4, 1, 0 },
	{ "p prefers none of the parent's", C, "a@sub.p.ptr.test", GP_SPF_FAIL,
	    "'-all'", "from other.example", 4, 0, 0 },
	{ "p prefers a name below the domain", "192.0.2.5", "a@pref.test",
	    GP_SPF_FAIL, "'-all'", "from mail.pref.test", 4, 0, 0 },
	{ "p is never a name that lies", C, "a@lies.ptr.test", GP_SPF_FAIL,
	    "'-all'", "from other.example", 5, 0, 0 },
	{ "a name that only ends alike is another", "192.0.2.6", "a@ptr.test",
	    GP_SPF_FAIL, "'-all'", NULL, 2, 1, 0 },
	{ "the root is no name", "192.0.2.6", "a@pref.test", GP_SPF_FAIL,
	    "'-all'", "from notptr.test", 4, 0, 0 },
	{ "ptr without answer does not match", "192.0.2.66", "a@ptr.test",
	    GP_SPF_FAIL, "'-all'", NULL, 2, 1, 0 },
	{ "ptr whose address has no answer", "192.0.2.68", "a@temp.test",
	    GP_SPF_FAIL, "'-all'", NULL, 3, 1, 0 },
	{ "a client's void names are no voids", "192.0.2.67", "a@gone.test",
	    GP_SPF_FAIL, "'-all'", NULL, 5, 1, 0 },
	{ "nor are they in a macro", "192.0.2.67", "a@gone-p.test",
	    GP_SPF_PERMERROR, "more than 2 look-ups without result", NULL, 8, 3,
	    3 },
	{ "no PTR at all is a void", "192.0.2.77", "a@nomore.test",
	    GP_SPF_PERMERROR, "without result", NULL, 4, 3, 3 },
	{ "for each term, though asked for once", "192.0.2.77", "a@ptr3.test",
	    GP_SPF_PERMERROR, "without result", NULL, 2, 3, 3 },
	{ "and though a macro asked", "192.0.2.77", "a@p-ptr.test",
	    GP_SPF_PERMERROR, "without result", NULL, 4, 3, 3 },
	{ "mail hosts, the null one skipped", C, "a@mx.test", GP_SPF_PASS,
	    "'mx' of mx.test", NULL, 4, 1, 0 },
	{ "mail hosts without address are no voids", C, "a@mx-void.test",
	    GP_SPF_FAIL, "'-all'", NULL, 6, 2, 1 },
	{ "no answer for mail hosts", C, "a@mx-temp.test", GP_SPF_TEMPERROR,
	    "MX of down.test", NULL, 2, 1, 0 },
	{ "no answer for a mail host", C, "a@mx-host-temp.test",
	    GP_SPF_TEMPERROR, "A of down.test", NULL, 3, 1, 0 },
	{ "two voids", C, "a@void2.test", GP_SPF_FAIL, "'-all'", NULL, 3, 2,
	    2 },
	{ "three voids", C, "a@void3.test", GP_SPF_PERMERROR,
	    "more than 2 look-ups without result", NULL, 4, 3, 3 },
	{ "an include is one too", C, "a@void-inc.test", GP_SPF_PERMERROR,
	    "without result", NULL, 4, 3, 3 },
	{ "so is no data", C, "a@void-data.test", GP_SPF_FAIL, "'-all'", NULL,
	    3, 2, 2 },
	{ "a name that can not be is not asked for", C, "a@void-name.test",
	    GP_SPF_FAIL, "'-all'", NULL, 1, 3, 0 },
	{ "ten terms", C, "a@ten.test", GP_SPF_FAIL, "'-all' of fail.test",
	    NULL, 11, 10, 0 },
	{ "eleven terms", C, "a@eleven.test", GP_SPF_PERMERROR,
	    "more than 10 terms", NULL, 11, 11, 0 },
	{ "a loop of includes", C, "a@loop.test", GP_SPF_PERMERROR,
	    "more than 10 terms", NULL, 11, 11, 0 },
	{ "a loop of redirects", C, "a@rloop.test", GP_SPF_PERMERROR,
	    "more than 10 terms", NULL, 11, 11, 0 },
	{ "explanation", C, "good@exp.test", GP_SPF_FAIL, "'-all'",
	    "192.0.2.1 is not exp.test 100%. See "
	    "http://x/?good%40exp.test mx.receiver.test",
	    2, 0, 0 },
	{ "explanation is US-ASCII or none", C, "ascii@exp.test", GP_SPF_FAIL,
	    "'-all'", NULL, 2, 0, 0 },
	{ "explanation is visible or none", C, "tab@exp.test", GP_SPF_FAIL,
	    "'-all'", NULL, 2, 0, 0 },
	{ "explanation that is not there", C, "x@exp.test", GP_SPF_FAIL,
	    "'-all'", NULL, 2, 0, 0 },
	{ "explanation is for fail only", C, "good@exp-only-fail.test",
	    GP_SPF_SOFTFAIL, "'~all'", NULL, 1, 0, 0 },
	{ "explanation of the first record", C, "a@exp-inc.test", GP_SPF_FAIL,
	    "by '+all' of pass-exp.test", "mine of exp-inc.test", 3, 1, 0 },
	{ "UTF-8 in its name", C, "\xc3\xa4@exp.test", GP_SPF_FAIL, "'-all'",
	    NULL, 1, 0, 0 },
	{ "UTF-8 in its text", C, "\xc3\xa4@exp-fixed.test", GP_SPF_FAIL,
	    "'-all'", NULL, 2, 0, 0 },
	{ "postmaster stands for no local part", C, "@exp-fixed.test",
	    GP_SPF_FAIL, "'-all'", "you are postmaster", 2, 0, 0 },
	{ "local part", C, "joe@local.test", GP_SPF_PASS, "exists:%{l}", NULL,
	    2, 1, 0 },
	{ "UTF-8 local part matches nothing", C, "\xc3\xa4@local.test",
	    GP_SPF_NEUTRAL, "no term of local.test matched", NULL, 1, 0, 0 },
	{ "nor an include", C, "\xc3\xa4@local-inc.test", GP_SPF_FAIL, "'-all'",
	    NULL, 1, 0, 0 },
	{ "U-labels are asked for as A-labels", C,
	    "a@b\xc3\xbc"
	    "cher.test",
	    GP_SPF_PASS, "exists:", NULL, 2, 1, 0 },
	{ "IPv6 asks for AAAA", "2001:db8::1", "a@v6.test", GP_SPF_PASS,
	    "a:v6host", NULL, 2, 1, 0 },
	{ "and only for that", "2001:db8::2", "a@v6.test", GP_SPF_FAIL,
	    "'-all'", NULL, 2, 1, 0 },
	{ "a wide prefix of mapped addresses", "::1", "a@ip6.test", GP_SPF_FAIL,
	    "'-all'", NULL, 1, 0, 0 },
	{ "is of IPv6 all the same", "::fff0:0:1", "a@ip6.test", GP_SPF_PASS,
	    "'ip6:", NULL, 1, 0, 0 },
	{ "IPv4 in IPv6 is IPv4", "::ffff:192.0.2.1", "a@four.test",
	    GP_SPF_PASS, "ip4:", NULL, 1, 0, 0 },
	{ "and no IPv6", "::ffff:192.0.2.1", "a@mapped.test", GP_SPF_NEUTRAL,
	    "'?all'", NULL, 1, 0, 0 },
	{ "exists asks for A always", "2001:db8::1", "a@exists6.test",
	    GP_SPF_PASS, "exists:", NULL, 2, 1, 0 },
};

static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void
spf_table_gives_result_reason_and_counts(void **state)
{
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct gp_spf_query q = ask_for(r->ip, r->sender);
		const struct gp_spf_outcome *o = run(&q, arena);

		if (o->result != r->result ||
		    (r->reason != NULL &&
			strstr(o->reason, r->reason) == NULL) ||
		    !same(o->explanation, r->explanation) ||
		    o->queries != r->queries || o->terms != r->terms ||
		    o->voids != r->voids)
			fail_msg("row: %s: %s (%s) \"%s\" %u %u %u", r->label,
			    gp_spf_result_name(o->result), o->reason,
			    o->explanation == NULL ? "" : o->explanation,
			    o->queries, o->terms, o->voids);
		gp_arena_clear(arena);
	}
	gp_arena_free(arena);
}

static void
spf_configured_limits_are_kept(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_spf_query q;

	(void)state;
	q = ask_for(C, "a@inc.test");
	q.max_terms = 1;
	assert_int_equal(run(&q, arena)->result, GP_SPF_PERMERROR);
	q.max_terms = 2;
	assert_int_equal(run(&q, arena)->result, GP_SPF_PASS);
	q.max_queries = 2;
	assert_int_equal(run(&q, arena)->result, GP_SPF_PERMERROR);
	assert_int_equal(run(&q, arena)->queries, 2);
	assert_string_equal(run(&q, arena)->reason, "more than 2 DNS queries");
	q = ask_for(C, "a@void2.test");
	q.max_voids = 1;
	assert_int_equal(run(&q, arena)->result, GP_SPF_PERMERROR);
	q = ask_for(C, "a@void3.test");
	q.max_voids = 3;
	assert_int_equal(run(&q, arena)->result, GP_SPF_FAIL);
	/* the explanation is what is done without first */
	q = ask_for(C, "good@exp.test");
	q.max_queries = 1;
	assert_int_equal(run(&q, arena)->result, GP_SPF_FAIL);
	assert_null(run(&q, arena)->explanation);
	q = ask_for(C, "a@p.test");
	q.max_queries = 2;
	assert_int_equal(run(&q, arena)->result, GP_SPF_PERMERROR);
	gp_arena_free(arena);
}

static void
spf_long_explanation_is_cut(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_spf_query q = ask_for(C, "long@exp.test");

	(void)state;
	assert_int_equal(strlen(run(&q, arena)->explanation),
	    GP_SPF_EXPLAIN_MAX);
	gp_arena_free(arena);
}

/* Ask `n` questions, then give up. */
static const struct gp_spf_outcome *
abandon_after(const char *sender, unsigned n, struct gp_arena *arena)
{
	struct gp_spf_query q = ask_for(C, sender);
	struct gp_arena *answers = gp_arena_new();
	struct gp_spf_eval *e = gp_spf_eval_new(arena, &q);
	struct gp_dns_question question;

	for (; n > 0 && gp_spf_next(e, &question); n--) {
		struct gp_dns_answer a = look_up(&question, answers);

		gp_spf_feed(e, &a);
	}
	(void)gp_spf_next(e, &question);
	gp_spf_abandon(e);
	assert_false(gp_spf_next(e, &question));
	gp_arena_free(answers);
	return gp_spf_outcome(e);
}

static void
spf_abandoned_check_is_temperror(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	const struct gp_spf_outcome *o;

	(void)state;
	o = abandon_after("a@inc.test", 0, arena);
	assert_int_equal(o->result, GP_SPF_TEMPERROR);
	o = abandon_after("a@inc.test", 2, arena);
	assert_int_equal(o->result, GP_SPF_TEMPERROR);
	assert_non_null(strstr(o->reason, "too long"));
	/* only the explanation was outstanding */
	o = abandon_after("good@exp.test", 1, arena);
	assert_int_equal(o->result, GP_SPF_FAIL);
	assert_string_equal(o->reason, "'-all' of exp.test matched");
	assert_null(o->explanation);
	/* too late to matter */
	o = abandon_after("good@exp.test", 9, arena);
	assert_int_equal(o->result, GP_SPF_FAIL);
	assert_non_null(o->explanation);
	gp_arena_free(arena);
}

static void
spf_question_stands_until_it_is_answered(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_spf_query q = ask_for(C, "a@fail.test");
	struct gp_dns_answer a = { .rc = GP_NONE };
	struct gp_spf_eval *e = gp_spf_eval_new(arena, &q);
	struct gp_dns_question first, again;

	(void)state;
	gp_spf_feed(e, &a); /* nothing was asked yet */
	assert_true(gp_spf_next(e, &first));
	assert_true(gp_spf_next(e, &again));
	assert_string_equal(first.name, "fail.test");
	assert_string_equal(again.name, first.name);
	assert_int_equal(again.type, GP_DNS_TXT);
	gp_spf_feed(e, &a);
	assert_false(gp_spf_next(e, &again));
	gp_spf_feed(e, &a);
	assert_int_equal(gp_spf_outcome(e)->queries, 1);
	assert_int_equal(gp_spf_outcome(e)->result, GP_SPF_NONE);
	gp_arena_free(arena);
}

static void
spf_oversized_record_is_permerror(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_spf_query q = ask_for(C, "a@fail.test");
	static char text[GP_SPF_RECORD_MAX + 1];
	struct gp_dns_rr rr = { .text = { text, sizeof(text) } };
	struct gp_dns_answer a = { .rc = GP_OK, .n = 1, .rr = &rr };
	struct gp_spf_eval *e = gp_spf_eval_new(arena, &q);
	struct gp_dns_question question;

	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, "v=spf1 -all", 11);
	assert_true(gp_spf_next(e, &question));
	gp_spf_feed(e, &a);
	assert_false(gp_spf_next(e, &question));
	assert_int_equal(gp_spf_outcome(e)->result, GP_SPF_PERMERROR);
	gp_arena_free(arena);
}

static void
spf_result_names_read_back(void **state)
{
	enum gp_spf_result r;

	(void)state;
	for (unsigned i = GP_SPF_NONE; i < GP_SPF_RESULTS; i++) {
		const char *name = gp_spf_result_name((enum gp_spf_result)i);

		assert_int_equal(gp_spf_result_parse(gp_str(name), &r), GP_OK);
		assert_int_equal(r, i);
	}
	assert_int_equal(gp_spf_result_parse(GP_STR("SoftFail"), &r), GP_OK);
	assert_int_equal(r, GP_SPF_SOFTFAIL);
	assert_int_equal(gp_spf_result_parse(GP_STR("skipped"), &r), GP_NONE);
	assert_int_equal(gp_spf_result_parse(GP_STR("hardfail"), &r), GP_NONE);
	assert_string_equal(gp_spf_result_name(GP_SPF_SKIPPED), "skipped");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spf_table_gives_result_reason_and_counts),
		cmocka_unit_test(spf_configured_limits_are_kept),
		cmocka_unit_test(spf_long_explanation_is_cut),
		cmocka_unit_test(spf_abandoned_check_is_temperror),
		cmocka_unit_test(spf_question_stands_until_it_is_answered),
		cmocka_unit_test(spf_oversized_record_is_permerror),
		cmocka_unit_test(spf_result_names_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
