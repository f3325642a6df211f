/* DMARC from records and identifiers to result and policy. */
#include "support/dmarc_zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static const struct gp_dmarc_outcome *
evaluate(struct gp_arena *arena, const char *zone, const char *author,
    const char *spf, const char *dkim)
{
	struct dmarc_zone z = { .text = zone,
		.author = author,
		.spf = spf,
		.dkim = dkim };

	return dmarc_zone_evaluate(arena, &z);
}

/* -- one row for each sentence -------------------------------------------- */

struct row {
	const char *section, *label, *zone, *author, *spf, *dkim;
	enum gp_dmarc_result result;
	const char *policy;        /* effective; with pass and fail */
	const char *policy_domain; /* NULL: not looked at */
};

#define P    GP_DMARC_R_PASS
#define F    GP_DMARC_R_FAIL
#define N    GP_DMARC_R_NONE
#define T    GP_DMARC_R_TEMPERROR
#define A(s) "_dmarc.a.example " s "\n"
#define C(s) "_dmarc.example.com " s "\n"
#define V    "v=DMARC1; "

static const struct row rows[] = {
	/* alignment */
	{ "4.4.1", "strict DKIM: the same name", A(V "p=reject; adkim=s"),
	    "a.example", NULL, "a.example", P, "reject", "a.example" },
	{ "4.4.1", "strict DKIM: a sub-domain is not", A(V "p=reject; adkim=s"),
	    "a.example", NULL, "m.a.example", F, "reject", "a.example" },
	{ "4.4.1", "strict DKIM of a sub-domain's author: the parent is not",
	    A(V "p=reject; adkim=s"), "m.a.example", NULL, "a.example", F,
	    "reject", "a.example" },
	{ "4.4.1", "relaxed DKIM: a sub-domain is", A(V "p=reject"),
	    "a.example", NULL, "m.a.example", P, "reject", NULL },
	{ "4.4.1", "relaxed DKIM: the parent is", A(V "p=reject"),
	    "m.a.example", NULL, "a.example", P, "reject", "a.example" },
	{ "4.4.1", "relaxed DKIM: a sibling is", A(V "p=reject"), "m.a.example",
	    NULL, "n.a.example", P, "reject", NULL },
	{ "4.4.1", "one aligned signature is enough", A(V "p=reject"),
	    "a.example", NULL, "x.example y.example a.example", P, "reject",
	    NULL },
	{ "4.4.1", "another domain", A(V "p=reject"), "a.example", NULL,
	    "b.example", F, "reject", NULL },
	{ "4.4.1", "a name that only ends alike", A(V "p=reject"), "a.example",
	    NULL, "xa.example", F, "reject", NULL },
	{ "4.4.2", "strict SPF: the same name", A(V "p=reject; aspf=s"),
	    "a.example", "a.example", "", P, "reject", NULL },
	{ "4.4.2", "strict SPF: a sub-domain is not", A(V "p=reject; aspf=s"),
	    "a.example", "m.a.example", "", F, "reject", NULL },
	{ "4.4.2", "relaxed SPF: a sub-domain is", A(V "p=reject"), "a.example",
	    "m.a.example", "", P, "reject", NULL },
	{ "4.4.2", "aspf=s says nothing of DKIM", A(V "p=reject; aspf=s"),
	    "a.example", "m.a.example", "m.a.example", P, "reject", NULL },
	{ "4.4.2", "adkim=s says nothing of SPF", A(V "p=reject; adkim=s"),
	    "a.example", "m.a.example", "m.a.example", P, "reject", NULL },
	{ "5.3.5", "no identifier at all", A(V "p=reject"), "a.example", NULL,
	    "", F, "reject", "a.example" },
	/* policy discovery */
	{ "4.10.1", "no record anywhere", "", "a.example", NULL, "a.example", N,
	    NULL, NULL },
	{ "4.10.1", "the author's own record: p, not sp",
	    "_dmarc.m.a.example " V "p=none; sp=reject\n" A(V "p=reject"),
	    "m.a.example", NULL, "", F, "none", "m.a.example" },
	{ "4.10.1", "inherited: sp for a name that exists",
	    A(V "p=reject; sp=quarantine; np=none") "m.a.example .\n",
	    "m.a.example", NULL, "", F, "quarantine", "a.example" },
	{ "4.10.1", "inherited: np for one that does not",
	    A(V "p=none; sp=quarantine; np=reject"), "m.a.example", NULL, "", F,
	    "reject", "a.example" },
	{ "4.7", "np absent: sp", A(V "p=none; sp=quarantine"), "m.a.example",
	    NULL, "", F, "quarantine", "a.example" },
	{ "4.7", "np and sp absent: p", A(V "p=reject"), "m.a.example", NULL,
	    "", F, "reject", "a.example" },
	{ "4.7", "np is not for the domain itself", A(V "p=none; np=reject"),
	    "a.example", NULL, "", F, "none", "a.example" },
	{ "3.2.13", "a name above one that exists does exist (RFC 8020)",
	    A(V "p=none; sp=quarantine; np=reject") "x.m.a.example t\n",
	    "m.a.example", NULL, "", F, "quarantine", "a.example" },
	{ "4.7", "p absent is none", A(V "rua=mailto:x@a.example"), "a.example",
	    NULL, "", F, "none", "a.example" },
	{ "4.10.1", "p no policy, with rua", A(V "p=kill; rua=mailto:x@y.z"),
	    "a.example", NULL, "", F, "none", "a.example" },
	{ "4.10.1", "p no policy, without rua", A(V "p=kill"), "a.example",
	    NULL, "a.example", N, NULL, NULL },
	{ "4.10.1", "sp no policy, with rua",
	    A(V "p=reject; sp=x; rua=mailto:x@y.z"), "a.example", NULL, "", F,
	    "none", "a.example" },
	{ "4.10.1", "np no policy, rua no URI",
	    A(V "p=reject; np=x; rua=nobody"), "a.example", NULL, "", N, NULL,
	    NULL },
	{ "4.10", "two records: none of them counts",
	    A(V "p=reject") A(V "p=none"), "a.example", NULL, "a.example", N,
	    NULL, NULL },
	{ "4.10", "two records: the walk goes on",
	    "_dmarc.m.a.example " V "p=none\n_dmarc.m.a.example " V
	    "p=none\n" A(V "p=reject"),
	    "m.a.example", NULL, "", F, "reject", "a.example" },
	{ "4.10", "other TXT records beside it do not count",
	    A("hello") A(V "p=reject") A("v=spf1 -all"), "a.example", NULL, "",
	    F, "reject", "a.example" },
	{ "4.10.1", "a record between author and organization is not used",
	    "_dmarc.m.a.example " V "p=none\n" A(V "p=reject"), "x.m.a.example",
	    NULL, "", F, "reject", "a.example" },
	/* the organizational domain */
	{ "4.10.2", "psd=n: it is that domain",
	    "_dmarc.m.a.example " V "p=none; psd=n\n" A(V "p=reject"),
	    "x.m.a.example", NULL, "", F, "none", "m.a.example" },
	{ "4.10.2", "psd=n parts what is above it",
	    "_dmarc.m.a.example " V "p=reject; psd=n\n" A(V "p=reject"),
	    "m.a.example", NULL, "a.example", F, "reject", NULL },
	{ "4.10.2", "psd=y: one label below",
	    "_dmarc.bank " V "p=none; psd=y\n_dmarc.a.bank " V "p=reject\n",
	    "m.a.bank", NULL, "n.a.bank", P, "reject", "a.bank" },
	{ "4.10.2", "psd=y: its customers are not one",
	    "_dmarc.bank " V "p=reject; psd=y\n", "a.bank", NULL, "b.bank", F,
	    "reject", "bank" },
	{ "4.10.1", "the PSD's policy: sp",
	    "_dmarc.bank " V "p=none; sp=reject; psd=y\na.bank .\n", "a.bank",
	    NULL, "", F, "reject", "bank" },
	{ "4.10.1", "the PSD's policy: np",
	    "_dmarc.bank " V "p=none; np=reject; psd=y\n", "a.bank", NULL, "",
	    F, "reject", "bank" },
	{ "4.10.1", "not the PSD's where the organization has one",
	    "_dmarc.bank " V "p=reject; psd=y\n_dmarc.a.bank " V "p=none\n",
	    "m.a.bank", NULL, "", F, "none", "a.bank" },
	{ "4.10.2", "psd=y at the start of the walk is not above it",
	    "_dmarc.bank " V "p=reject; psd=y\n", "bank", NULL, "bank", P,
	    "reject", "bank" },
	{ "4.10.2", "otherwise the fewest labels",
	    "_dmarc.m.a.example " V "p=reject\n" A(V "p=none"), "m.a.example",
	    NULL, "a.example", P, "reject", "m.a.example" },
	{ "4.10.2", "a suffix that publishes without psd joins its customers",
	    "_dmarc.example " V "p=none\n" A(V "p=reject"), "a.example", NULL,
	    "b.example", P, "reject", "a.example" },
	{ "4.10.2", "no record above: each is its own",
	    "_dmarc.m.a.example " V "p=reject\n", "m.a.example", NULL,
	    "a.example", F, "reject", "m.a.example" },
	/* t=, ignored tags */
	{ "4.7", "t=y: reject is quarantine", A(V "p=reject; t=y"), "a.example",
	    NULL, "", F, "quarantine", NULL },
	{ "4.7", "t=y: quarantine is none", A(V "p=quarantine; t=y"),
	    "a.example", NULL, "", F, "none", NULL },
	{ "4.7", "t=y: none is none", A(V "p=none; t=y"), "a.example", NULL, "",
	    F, "none", NULL },
	{ "4.7", "t=y of an inherited sp", A(V "p=none; sp=reject; t=y"),
	    "m.a.example", NULL, "", F, "quarantine", NULL },
	{ "C.5", "pct, rf and ri are ignored",
	    A(V "p=reject; pct=0; rf=x; ri=7"), "a.example", NULL, "", F,
	    "reject", NULL },
	/* DNS */
	{ "5.3.6", "no answer for the author's record", A("!temp"), "a.example",
	    NULL, "a.example", T, NULL, NULL },
	{ "5.3.6", "no answer further up", "_dmarc.example !temp\n",
	    "a.example", NULL, "", T, NULL, NULL },
	{ "5.3.6", "an identical name needs no further answer",
	    A(V "p=reject") "_dmarc.example !temp\n", "a.example", NULL,
	    "a.example", P, "reject", NULL },
	{ "5.3.6", "no answer for an identifier",
	    A(V "p=reject") "_dmarc.m.a.example !temp\n", "a.example", NULL,
	    "m.a.example", T, NULL, NULL },
	{ "5.3.6", "another identifier is aligned without it",
	    A(V "p=reject") "_dmarc.m.a.example !temp\n", "a.example", NULL,
	    "m.a.example n.a.example", P, "reject", NULL },
	{ "5.3.6", "no answer whether the name exists: no policy",
	    A(V "p=none; np=reject") "m.a.example !temp\n", "m.a.example", NULL,
	    "", T, NULL, NULL },
	{ "5.3.6", "that does not matter when it passes",
	    A(V "p=none; np=reject") "m.a.example !temp\n", "m.a.example", NULL,
	    "m.a.example", P, "none", NULL },
	/* the examples of the RFC's text */
	{ "4.4, table 1", "foo beside news", C(V "p=reject"),
	    "news.example.com", NULL, "foo.example.com", P, "reject", NULL },
	{ "4.4, table 1", "news twice", C(V "p=reject; adkim=s"),
	    "news.example.com", NULL, "news.example.com", P, "reject", NULL },
	{ "4.4, table 1", "another organization", C(V "p=reject"),
	    "news.example.com", NULL, "foo.example.net", F, "reject", NULL },
	{ "4.10.2", "mail.example.com and example.com have one: the latter",
	    "_dmarc.mail.example.com " V "p=none\n" C(V "p=reject"),
	    "a.mail.example.com", NULL, "b.example.com", P, "reject",
	    "example.com" },
	{ "4.10.2", "mail.example.com has psd=n",
	    "_dmarc.mail.example.com " V "p=none; psd=n\n" C(V "p=reject"),
	    "a.mail.example.com", NULL, "b.example.com", F, "none",
	    "mail.example.com" },
	{ "4.10.2", "only com has one, with psd=y",
	    "_dmarc.com " V "p=reject; psd=y\n", "a.mail.example.com", NULL,
	    "example.com", P, "reject", "com" },
	{ "4.10.2", "psd=y where the walk leapt: the name that it leapt over",
	    "_dmarc.g.f.e.d.c.b.a " V "p=reject; psd=y\n",
	    "x.i.h.g.f.e.d.c.b.a", NULL, "y.h.g.f.e.d.c.b.a", P, "reject",
	    "g.f.e.d.c.b.a" },
	{ "4.10.2", "the same, below another name",
	    "_dmarc.g.f.e.d.c.b.a " V "p=reject; psd=y\n",
	    "x.i.h.g.f.e.d.c.b.a", NULL, "k.g.f.e.d.c.b.a", F, "reject",
	    "g.f.e.d.c.b.a" },
	/* what ends a walk */
	{ "4.10, step 2", "psd=n at the start: nothing above matters",
	    A(V "p=reject; psd=n") "_dmarc.example !temp\n", "a.example", NULL,
	    "b.example", F, "reject", "a.example" },
	{ "4.10, step 2", "psd=y at the start as well",
	    A(V "p=reject; psd=y") "_dmarc.example !temp\n", "a.example", NULL,
	    "b.example", F, "reject", "a.example" },
	{ "4.10, step 6", "psd=n on the way",
	    A(V "p=reject; psd=n") "_dmarc.example !temp\n", "m.a.example",
	    NULL, "n.a.example", P, "reject", "a.example" },
	{ "4.10, step 6", "psd=y on the way",
	    "_dmarc.x.bank " V "p=reject; psd=y\n_dmarc.bank !temp\n",
	    "m.a.x.bank", NULL, "n.a.x.bank", P, "reject", "x.bank" },
	{ "4.10, step 6", "two records with psd=n do not",
	    A(V "p=reject; psd=n") A(V "p=none; psd=n") "_dmarc.example " V
							"p=none\n",
	    "m.a.example", NULL, "", F, "none", "example" },
	{ "4.7", "psd=u is the same as none",
	    "_dmarc.m.a.example " V "p=none; psd=u\n" A(V "p=reject"),
	    "x.m.a.example", NULL, "", F, "reject", "a.example" },
	{ "4.10, step 2", "v=DMARC1 is not the first: no record",
	    A("p=none; v=DMARC1") A(V "p=reject"), "a.example", NULL, "", F,
	    "reject", "a.example" },
	/* sp=, np= and what is broken */
	{ "4.7", "np alone says nothing of names that exist",
	    A(V "p=none; np=reject") "m.a.example .\n", "m.a.example", NULL, "",
	    F, "none", "a.example" },
	{ "4.7", "sp is not for the domain itself", A(V "p=none; sp=reject"),
	    "a.example", NULL, "", F, "none", "a.example" },
	{ "4.7", "np without p and sp", A(V "np=reject"), "m.a.example", NULL,
	    "", F, "reject", "a.example" },
	{ "A.4", "_dmarc.NAME is there without a record: so is NAME",
	    A(V "p=none; sp=quarantine; np=reject") "_dmarc.m.a.example t\n",
	    "m.a.example", NULL, "", F, "quarantine", "a.example" },
	{ "4.10.1", "np no policy, with rua: p=none",
	    A(V "p=reject; np=x; rua=mailto:x@y.z"), "a.example", NULL, "", F,
	    "none", "a.example" },
	{ "4.10.1", "sp no policy, without rua", A(V "p=reject; sp=x"),
	    "a.example", NULL, "a.example", N, NULL, NULL },
	{ "4.10.1", "an inherited one, with rua: no sp either",
	    A(V "p=x; sp=reject; np=reject; rua=mailto:x@y.z"), "m.a.example",
	    NULL, "", F, "none", "a.example" },
	{ "4.10.1", "an inherited one, without", A(V "p=x; sp=reject"),
	    "m.a.example", NULL, "m.a.example", N, NULL, NULL },
	{ "4.10.1", "a broken one of the author is not passed over",
	    "_dmarc.m.a.example " V "p=x\n" A(V "p=reject"), "m.a.example",
	    NULL, "", N, NULL, NULL },
	{ "4.10.1", "its alignment holds with rua",
	    A(V "p=x; adkim=s; rua=mailto:x@y.z"), "a.example", NULL,
	    "m.a.example", F, "none", "a.example" },
	{ "4.7", "np=none of an inherited record: t=y has no effect",
	    A(V "p=reject; np=none; t=y"), "m.a.example", NULL, "", F, "none",
	    NULL },
	/* passes and what they need */
	{ "4.10.2", "strict: an inherited record, the same name",
	    A(V "p=reject; adkim=s"), "m.a.example", NULL, "m.a.example", P,
	    "reject", "a.example" },
	{ "5.3.5", "SPF and DKIM of others", A(V "p=reject"), "a.example",
	    "b.example", "c.example", F, "reject", NULL },
	{ "5.3.6", "a permanent DNS error is no answer either", A("!perm"),
	    "a.example", NULL, "a.example", T, NULL, NULL },
	{ "5.3.6", "no answer above the author: is the identifier his?",
	    A(V "p=reject") "_dmarc.example !temp\n", "a.example", NULL,
	    "m.a.example", T, NULL, NULL },
	{ "5.3.6", "a stranger's fails whatever it is",
	    A(V "p=reject") "_dmarc.example !temp\n", "a.example", NULL,
	    "a.com", F, "reject", NULL },
	{ "5.3.6", "nothing is authenticated: no answer is needed",
	    A(V "p=reject") "_dmarc.example !temp\n", "a.example", NULL, "", F,
	    "reject", NULL },
};

static void
dmarc_table_holds_each_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct gp_arena *arena = gp_arena_new();
		const struct gp_dmarc_outcome *o;

		print_message("# %s: %s\n", r->section, r->label);
		o = evaluate(arena, r->zone, r->author, r->spf, r->dkim);
		assert_string_equal(gp_dmarc_result_name(o->result),
		    gp_dmarc_result_name(r->result));
		if (r->policy != NULL)
			assert_string_equal(gp_dmarc_request_name(o->policy),
			    r->policy);
		if (r->policy_domain != NULL)
			assert_string_equal(o->policy_domain, r->policy_domain);
		assert_int_equal(o->reason == NULL, o->result == P);
		gp_arena_free(arena);
	}
}

/* -- how much is asked ----------------------------------------------------- */

struct ask_row {
	const char *section, *label, *zone, *author, *spf, *dkim;
	bool every;
	unsigned queries;
};

static const struct ask_row ask_rows[] = {
	{ "4.10", "one label", "", "com", NULL, "", false, 1 },
	{ "4.10", "two", "", "example.com", NULL, "", false, 2 },
	{ "4.10", "seven", "", "a.b.c.d.e.f.com", NULL, "", false, 7 },
	{ "4.10", "eight", "", "a.b.c.d.e.f.g.com", NULL, "", false, 8 },
	{ "4.10", "nine", "", "a.b.c.d.e.f.g.h.com", NULL, "", false, 8 },
	{ "4.10", "the example of the text", "",
	    "a.b.c.d.e.f.g.h.i.j.mail.example.com", NULL, "", false, 8 },
	{ "4.10.2", "the identifier is the author", A(V "p=reject"),
	    "a.example", NULL, "a.example", false, 1 },
	{ "4.10.2", "no record: identifiers do not matter", "", "a.example",
	    "m.a.example", "n.a.example", false, 2 },
	{ "4.10.2", "strict", A(V "p=reject; adkim=s; aspf=s"), "a.example",
	    "m.a.example", "n.a.example", false, 1 },
	{ "4.10.2", "relaxed: the author's walk and the identifier's",
	    A(V "p=reject"), "a.example", NULL, "m.a.example", false, 5 },
	{ "4.10.2", "each identifier has its own", A(V "p=reject; psd=n"),
	    "a.example", NULL, "x.m.a.example y.m.a.example", true, 4 },
	{ "4.10.2", "the first that is aligned is enough", A(V "p=reject"),
	    "a.example", "a.example", "m.a.example", false, 1 },
	{ "5.3.4", "unless every mechanism is asked about", A(V "p=reject"),
	    "a.example", "a.example", "m.a.example", true, 5 },
	{ "4.10.2", "nobody's relative", A(V "p=reject"), "a.example", "b.com",
	    "c.net", true, 1 },
	{ "4.10.1", "np as sp: it does not matter whether he exists",
	    A(V "p=none; sp=reject; np=reject"), "m.a.example", NULL, "", false,
	    3 },
	{ "A.4", "a name at or below his _dmarc shows that he does",
	    A(V "p=none; np=reject") "x._dmarc.m.a.example t\n", "m.a.example",
	    NULL, "", false, 3 },
	{ "4.10.1", "np other than sp: it does", A(V "p=none; np=reject"),
	    "m.a.example", NULL, "", false, 4 },
};

static void
dmarc_asks_no_more_than_the_answer_needs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ask_rows) / sizeof(ask_rows[0]); i++) {
		const struct ask_row *r = &ask_rows[i];
		struct gp_arena *arena = gp_arena_new();
		struct dmarc_zone z = { .text = r->zone,
			.author = r->author,
			.spf = r->spf,
			.dkim = r->dkim,
			.every = r->every };

		print_message("# %s: %s\n", r->section, r->label);
		(void)dmarc_zone_evaluate(arena, &z);
		assert_int_equal(z.asked, r->queries);
		gp_arena_free(arena);
	}
}

/* RFC 9989 4.10: the eight names of its example, and not those leapt over. */
static void
dmarc_walk_leaps_to_seven_labels(void **state)
{
	static const char zone[] =
	    "_dmarc.h.i.j.mail.example.com v=DMARC1; p=reject; psd=n\n"
	    "_dmarc.c.d.e.f.g.h.i.j.mail.example.com v=DMARC1; p=none;"
	    " psd=n\n";
	struct gp_arena *arena = gp_arena_new();
	const struct gp_dmarc_outcome *o;

	(void)state;
	o = evaluate(arena, zone, "a.b.c.d.e.f.g.h.i.j.mail.example.com", NULL,
	    "");
	assert_string_equal(o->policy_domain, "h.i.j.mail.example.com");
	assert_int_equal(o->policy, GP_DMARC_REJECT);
	gp_arena_free(arena);
}

/* RFC 9989 5.3.4: SPF first, DKIM as well. */
static void
dmarc_every_mechanism_is_told_when_asked_for(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct dmarc_zone z = { .text = A(V "p=reject"),
		.author = "a.example",
		.spf = "m.a.example",
		.dkim = "n.a.example b.example" };
	const struct gp_dmarc_outcome *o = dmarc_zone_evaluate(arena, &z);

	(void)state;
	assert_true(o->spf_aligned && !o->dkim_aligned);
	z.every = true;
	z.asked = 0;
	o = dmarc_zone_evaluate(arena, &z);
	assert_true(o->spf_aligned && o->dkim_aligned);
	assert_string_equal(o->aligned, "m.a.example");
	/* and what DNS does not tell there changes no pass */
	z.text = A(V "p=reject") "_dmarc.n.a.example !temp\n";
	z.asked = 0;
	o = dmarc_zone_evaluate(arena, &z);
	assert_int_equal(o->result, P);
	assert_true(o->spf_aligned && !o->dkim_aligned);
	z.text = A(V "p=reject") "_dmarc.example !temp\n";
	z.spf = "a.example";
	z.asked = 0;
	o = dmarc_zone_evaluate(arena, &z);
	assert_int_equal(o->result, P);
	assert_true(o->spf_aligned && !o->dkim_aligned);
	gp_arena_free(arena);
}

/* Strangers before him, nearer and farther ones. */
static void
dmarc_many_identifiers_are_cut_to_the_related(void **state)
{
	static const char strangers[] =
	    "1.example 2.example 3.example 4.example 5.example 6.example"
	    " 7.com 8.com 9.com 10.com 11.example";
	static const char *const last[] = { "m.a.example", "s.a.example",
		"a.example" };
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const char *dkim =
		    gp_arena_printf(arena, "%s %s", strangers, last[i]);
		const struct gp_dmarc_outcome *o =
		    evaluate(arena, A(V "p=reject"), "s.a.example", NULL, dkim);

		assert_int_equal(o->result, P);
		assert_string_equal(o->aligned, last[i]);
	}
	gp_arena_free(arena);
}

/* "_dmarc." and 253 octets are no name: nobody can have a record there, and
 * the walk goes on above. */
static void
dmarc_author_too_long_for_a_question_goes_on_above(void **state)
{
	char author[254];
	struct gp_arena *arena = gp_arena_new();
	struct dmarc_zone z = { .text = A(V "p=none; sp=quarantine; np=reject"),
		.author = author,
		.dkim = "" };
	const struct gp_dmarc_outcome *o;

	(void)state;
	memset(author, 'x', sizeof(author));
	author[60] = author[120] = author[180] = '.';
	(void)snprintf(author + 243, 11, "%s", ".a.example");
	assert_int_equal(strlen(author), 253);
	o = dmarc_zone_evaluate(arena, &z);
	assert_int_equal(o->result, F);
	assert_string_equal(o->policy_domain, "a.example");
	assert_int_equal(o->policy, GP_DMARC_REJECT);
	/* five names above it, and whether it is there */
	assert_int_equal(z.asked, 6);
	z.dkim = author;
	z.asked = 0;
	assert_int_equal(dmarc_zone_evaluate(arena, &z)->result, P);
	gp_arena_free(arena);
}

static void
dmarc_result_names_are_those_of_rfc_8601(void **state)
{
	static const char *const names[] = { "none", "pass", "fail",
		"temperror", "permerror" };

	(void)state;
	for (int i = 0; i < GP_DMARC_RESULTS; i++)
		assert_string_equal(gp_dmarc_result_name(
					(enum gp_dmarc_result)i),
		    names[i]);
	assert_string_equal(gp_dmarc_result_name(GP_DMARC_RESULTS), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dmarc_table_holds_each_sentence),
		cmocka_unit_test(dmarc_asks_no_more_than_the_answer_needs),
		cmocka_unit_test(dmarc_walk_leaps_to_seven_labels),
		cmocka_unit_test(dmarc_every_mechanism_is_told_when_asked_for),
		cmocka_unit_test(dmarc_many_identifiers_are_cut_to_the_related),
		cmocka_unit_test(
		    dmarc_author_too_long_for_a_question_goes_on_above),
		cmocka_unit_test(dmarc_result_names_are_those_of_rfc_8601),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
