/* DMARC from records and identifiers to result and policy. */
#include "core/dmarc.h"

#include "core/dmarc_walk.h"

#include "core/domain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A zone is lines "NAME TEXT": a TXT record, or "!temp" (no answer), or "."
 * (the name exists and has none).  A name above one that is there exists too.
 */
struct zone {
	const char *text;
	unsigned asked;
	unsigned dmarc_asked; /* of them at _dmarc names */
};

static bool
names_it(struct gp_str line_name, const char *name, bool *exists)
{
	if (gp_str_eq(line_name, gp_str(name)))
		return *exists = true;
	if (line_name.n > strlen(name) &&
	    line_name.p[line_name.n - strlen(name) - 1] == '.' &&
	    gp_str_ends_nocase(line_name, gp_str(name)))
		*exists = true;
	return false;
}

static void
answer(struct zone *z, const struct gp_dns_question *q,
    struct gp_dns_answer *out, struct gp_dns_rr *rr, size_t max)
{
	struct gp_str rest = gp_str(z->text);
	bool exists = false;

	z->asked++;
	z->dmarc_asked += strncmp(q->name, "_dmarc.", 7) == 0;
	*out = (struct gp_dns_answer){ .rc = GP_NONE, .rr = rr };
	while (rest.n > 0) {
		struct gp_str text = gp_str_split(&rest, '\n');
		struct gp_str name = gp_str_split(&text, ' ');

		if (!names_it(name, q->name, &exists) ||
		    gp_str_eq(text, GP_STR(".")))
			continue;
		if (gp_str_eq(text, GP_STR("!temp"))) {
			*out = (struct gp_dns_answer){ .rc = GP_TEMP,
				.why = "timeout" };
			return;
		}
		if (q->type != GP_DNS_TXT || out->n == max)
			continue;
		rr[out->n++].text = text;
		out->rc = GP_OK;
	}
	out->nxdomain = !exists;
}

/* A public suffix list of three. */
static const char *
suffix(const void *arg, const char *domain)
{
	static const char *const list[] = { "com", "example", "co.uk" };

	(void)arg;
	for (const char *d = domain; d != NULL; d = gp_domain_parent(d))
		for (size_t i = 0; i < 3; i++)
			if (gp_domain_parent(d) != NULL &&
			    strcmp(gp_domain_parent(d), list[i]) == 0)
				return d;
	return NULL;
}

static const struct gp_dmarc_outcome *
evaluate(struct gp_arena *arena, struct zone *z, const char *author,
    const char *spf, const char *dkim_list, enum gp_dmarc_discovery how)
{
	const char *dkim[16];
	struct gp_dmarc_query q = { .author = author,
		.spf = spf,
		.dkim = dkim,
		.discovery = how,
		.suffix = suffix };
	struct gp_str rest = gp_str(dkim_list);
	struct gp_dns_question question;
	struct gp_dmarc_eval *e;

	while (rest.n > 0 && q.n_dkim < 16) {
		struct gp_str d = gp_str_split(&rest, ' ');

		dkim[q.n_dkim++] = gp_arena_strndup(arena, d.p, d.n);
	}
	e = gp_dmarc_eval_new(arena, &q);
	while (gp_dmarc_next(e, &question)) {
		struct gp_dns_answer a;
		struct gp_dns_rr rr[8];

		assert_true(z->asked < 200);
		answer(z, &question, &a, rr, 8);
		gp_dmarc_feed(e, &a);
	}
	return gp_dmarc_outcome(e);
}

/* -- one row for each sentence -------------------------------------------- */

struct row {
	const char *section, *label, *zone, *author, *spf, *dkim;
	enum gp_dmarc_result result;
	const char *policy;        /* effective; with pass and fail */
	const char *policy_domain; /* NULL: not looked at */
	enum gp_dmarc_discovery how;
};

#define P    GP_DMARC_R_PASS
#define F    GP_DMARC_R_FAIL
#define N    GP_DMARC_R_NONE
#define T    GP_DMARC_R_TEMPERROR
#define WALK GP_DMARC_TREEWALK
#define LIST GP_DMARC_PSL
#define A(s) "_dmarc.a.example " s "\n"
#define V    "v=DMARC1; "

static const struct row rows[] = {
	/* alignment */
	{ "4.4.1", "strict DKIM: the same name", A(V "p=reject; adkim=s"),
	    "a.example", NULL, "a.example", P, "reject", "a.example", WALK },
	{ "4.4.1", "strict DKIM: a sub-domain is not", A(V "p=reject; adkim=s"),
	    "a.example", NULL, "m.a.example", F, "reject", "a.example", WALK },
	{ "4.4.1", "strict DKIM of a sub-domain's author: the parent is not",
	    A(V "p=reject; adkim=s"), "m.a.example", NULL, "a.example", F,
	    "reject", "a.example", WALK },
	{ "4.4.1", "relaxed DKIM: a sub-domain is", A(V "p=reject"),
	    "a.example", NULL, "m.a.example", P, "reject", NULL, WALK },
	{ "4.4.1", "relaxed DKIM: the parent is", A(V "p=reject"),
	    "m.a.example", NULL, "a.example", P, "reject", "a.example", WALK },
	{ "4.4.1", "relaxed DKIM: a sibling is", A(V "p=reject"), "m.a.example",
	    NULL, "n.a.example", P, "reject", NULL, WALK },
	{ "4.4.1", "one aligned signature is enough", A(V "p=reject"),
	    "a.example", NULL, "x.example y.example a.example", P, "reject",
	    NULL, WALK },
	{ "4.4.1", "another domain", A(V "p=reject"), "a.example", NULL,
	    "b.example", F, "reject", NULL, WALK },
	{ "4.4.1", "a name that only ends alike", A(V "p=reject"), "a.example",
	    NULL, "xa.example", F, "reject", NULL, WALK },
	{ "4.4.2", "strict SPF: the same name", A(V "p=reject; aspf=s"),
	    "a.example", "a.example", "", P, "reject", NULL, WALK },
	{ "4.4.2", "strict SPF: a sub-domain is not", A(V "p=reject; aspf=s"),
	    "a.example", "m.a.example", "", F, "reject", NULL, WALK },
	{ "4.4.2", "relaxed SPF: a sub-domain is", A(V "p=reject"), "a.example",
	    "m.a.example", "", P, "reject", NULL, WALK },
	{ "4.4.2", "aspf=s says nothing of DKIM", A(V "p=reject; aspf=s"),
	    "a.example", "m.a.example", "m.a.example", P, "reject", NULL,
	    WALK },
	{ "4.4.2", "adkim=s says nothing of SPF", A(V "p=reject; adkim=s"),
	    "a.example", "m.a.example", "m.a.example", P, "reject", NULL,
	    WALK },
	{ "5.3.5", "no identifier at all", A(V "p=reject"), "a.example", NULL,
	    "", F, "reject", "a.example", WALK },
	/* policy discovery */
	{ "4.10.1", "no record anywhere", "", "a.example", NULL, "a.example", N,
	    NULL, NULL, WALK },
	{ "4.10.1", "the author's own record: p, not sp",
	    "_dmarc.m.a.example " V "p=none; sp=reject\n" A(V "p=reject"),
	    "m.a.example", NULL, "", F, "none", "m.a.example", WALK },
	{ "4.10.1", "inherited: sp for a name that exists",
	    A(V "p=reject; sp=quarantine; np=none") "m.a.example .\n",
	    "m.a.example", NULL, "", F, "quarantine", "a.example", WALK },
	{ "4.10.1", "inherited: np for one that does not",
	    A(V "p=none; sp=quarantine; np=reject"), "m.a.example", NULL, "", F,
	    "reject", "a.example", WALK },
	{ "4.7", "np absent: sp", A(V "p=none; sp=quarantine"), "m.a.example",
	    NULL, "", F, "quarantine", "a.example", WALK },
	{ "4.7", "np and sp absent: p", A(V "p=reject"), "m.a.example", NULL,
	    "", F, "reject", "a.example", WALK },
	{ "4.7", "np is not for the domain itself", A(V "p=none; np=reject"),
	    "a.example", NULL, "", F, "none", "a.example", WALK },
	{ "3.2.13", "a name above one that exists does exist (RFC 8020)",
	    A(V "p=none; sp=quarantine; np=reject") "x.m.a.example t\n",
	    "m.a.example", NULL, "", F, "quarantine", "a.example", WALK },
	{ "4.7", "p absent is none", A(V "rua=mailto:x@a.example"), "a.example",
	    NULL, "", F, "none", "a.example", WALK },
	{ "4.10.1", "p no policy, with rua", A(V "p=kill; rua=mailto:x@y.z"),
	    "a.example", NULL, "", F, "none", "a.example", WALK },
	{ "4.10.1", "p no policy, without rua", A(V "p=kill"), "a.example",
	    NULL, "a.example", N, NULL, NULL, WALK },
	{ "4.10.1", "sp no policy, with rua",
	    A(V "p=reject; sp=x; rua=mailto:x@y.z"), "a.example", NULL, "", F,
	    "none", "a.example", WALK },
	{ "4.10.1", "np no policy, rua no URI",
	    A(V "p=reject; np=x; rua=nobody"), "a.example", NULL, "", N, NULL,
	    NULL, WALK },
	{ "4.10", "two records: none of them counts",
	    A(V "p=reject") A(V "p=none"), "a.example", NULL, "a.example", N,
	    NULL, NULL, WALK },
	{ "4.10", "two records: the walk goes on",
	    "_dmarc.m.a.example " V "p=none\n_dmarc.m.a.example " V
	    "p=none\n" A(V "p=reject"),
	    "m.a.example", NULL, "", F, "reject", "a.example", WALK },
	{ "4.10", "other TXT records beside it do not count",
	    A("hello") A(V "p=reject") A("v=spf1 -all"), "a.example", NULL, "",
	    F, "reject", "a.example", WALK },
	{ "4.10.1", "a record between author and organization is not used",
	    "_dmarc.m.a.example " V "p=none\n" A(V "p=reject"), "x.m.a.example",
	    NULL, "", F, "reject", "a.example", WALK },
	/* the organizational domain */
	{ "4.10.2", "psd=n: it is that domain",
	    "_dmarc.m.a.example " V "p=none; psd=n\n" A(V "p=reject"),
	    "x.m.a.example", NULL, "", F, "none", "m.a.example", WALK },
	{ "4.10.2", "psd=n parts what is above it",
	    "_dmarc.m.a.example " V "p=reject; psd=n\n" A(V "p=reject"),
	    "m.a.example", NULL, "a.example", F, "reject", NULL, WALK },
	{ "4.10.2", "psd=y: one label below",
	    "_dmarc.bank " V "p=none; psd=y\n_dmarc.a.bank " V "p=reject\n",
	    "m.a.bank", NULL, "n.a.bank", P, "reject", "a.bank", WALK },
	{ "4.10.2", "psd=y: its customers are not one",
	    "_dmarc.bank " V "p=reject; psd=y\n", "a.bank", NULL, "b.bank", F,
	    "reject", "bank", WALK },
	{ "4.10.1", "the PSD's policy: sp",
	    "_dmarc.bank " V "p=none; sp=reject; psd=y\na.bank .\n", "a.bank",
	    NULL, "", F, "reject", "bank", WALK },
	{ "4.10.1", "the PSD's policy: np",
	    "_dmarc.bank " V "p=none; np=reject; psd=y\n", "a.bank", NULL, "",
	    F, "reject", "bank", WALK },
	{ "4.10.1", "not the PSD's where the organization has one",
	    "_dmarc.bank " V "p=reject; psd=y\n_dmarc.a.bank " V "p=none\n",
	    "m.a.bank", NULL, "", F, "none", "a.bank", WALK },
	{ "4.10.2", "psd=y at the start of the walk is not above it",
	    "_dmarc.bank " V "p=reject; psd=y\n", "bank", NULL, "bank", P,
	    "reject", "bank", WALK },
	{ "4.10.2", "otherwise the fewest labels",
	    "_dmarc.m.a.example " V "p=reject\n" A(V "p=none"), "m.a.example",
	    NULL, "a.example", P, "reject", "m.a.example", WALK },
	{ "4.10.2", "a suffix that publishes without psd joins its customers",
	    "_dmarc.example " V "p=none\n" A(V "p=reject"), "a.example", NULL,
	    "b.example", P, "reject", "a.example", WALK },
	{ "4.10.2", "no record above: each is its own",
	    "_dmarc.m.a.example " V "p=reject\n", "m.a.example", NULL,
	    "a.example", F, "reject", "m.a.example", WALK },
	/* t=, ignored tags */
	{ "4.7", "t=y: reject is quarantine", A(V "p=reject; t=y"), "a.example",
	    NULL, "", F, "quarantine", NULL, WALK },
	{ "4.7", "t=y: quarantine is none", A(V "p=quarantine; t=y"),
	    "a.example", NULL, "", F, "none", NULL, WALK },
	{ "4.7", "t=y: none is none", A(V "p=none; t=y"), "a.example", NULL, "",
	    F, "none", NULL, WALK },
	{ "4.7", "t=y of an inherited sp", A(V "p=none; sp=reject; t=y"),
	    "m.a.example", NULL, "", F, "quarantine", NULL, WALK },
	{ "C.5", "pct, rf and ri are ignored",
	    A(V "p=reject; pct=0; rf=x; ri=7"), "a.example", NULL, "", F,
	    "reject", NULL, WALK },
	/* DNS */
	{ "5.3.6", "no answer for the author's record", A("!temp"), "a.example",
	    NULL, "a.example", T, NULL, NULL, WALK },
	{ "5.3.6", "no answer further up", "_dmarc.example !temp\n",
	    "a.example", NULL, "", T, NULL, NULL, WALK },
	{ "5.3.6", "an identical name needs no further answer",
	    A(V "p=reject") "_dmarc.example !temp\n", "a.example", NULL,
	    "a.example", P, "reject", NULL, WALK },
	{ "5.3.6", "no answer for an identifier",
	    A(V "p=reject") "_dmarc.m.a.example !temp\n", "a.example", NULL,
	    "m.a.example", T, NULL, NULL, WALK },
	{ "5.3.6", "another identifier is aligned without it",
	    A(V "p=reject") "_dmarc.m.a.example !temp\n", "a.example", NULL,
	    "m.a.example n.a.example", P, "reject", NULL, WALK },
	{ "5.3.6", "no answer whether the name exists: no policy",
	    A(V "p=none; np=reject") "m.a.example !temp\n", "m.a.example", NULL,
	    "", T, NULL, NULL, WALK },
	{ "5.3.6", "that does not matter when it passes",
	    A(V "p=none; np=reject") "m.a.example !temp\n", "m.a.example", NULL,
	    "m.a.example", P, "none", NULL, WALK },
	/* by public suffix list (RFC 7489) */
	{ "7489 6.6.3", "the author's record", A(V "p=reject"), "a.example",
	    NULL, "", F, "reject", "a.example", LIST },
	{ "7489 6.6.3", "that of the registered domain: sp",
	    A(V "p=none; sp=reject"), "x.y.a.example", NULL, "", F, "reject",
	    "a.example", LIST },
	{ "7489 6.6.3", "nothing between", "_dmarc.y.a.example " V "p=reject\n",
	    "x.y.a.example", NULL, "", N, NULL, NULL, LIST },
	{ "7489 6.6.3", "two records end it", A(V "p=none") A(V "p=reject"),
	    "a.example", NULL, "", N, NULL, NULL, LIST },
	{ "7489 3.1", "siblings are aligned", A(V "p=reject"), "m.a.example",
	    NULL, "n.a.example", P, "reject", NULL, LIST },
	{ "7489 3.1", "customers of a suffix are not",
	    "_dmarc.a.co.uk " V "p=reject\n", "a.co.uk", NULL, "b.co.uk", F,
	    "reject", NULL, LIST },
	{ "7489 3.1", "also where the list differs from the walk",
	    "_dmarc.m.a.example " V "p=reject\n", "m.a.example", NULL,
	    "a.example", P, "reject", "m.a.example", LIST },
};

static void
dmarc_table_holds_each_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct gp_arena *arena = gp_arena_new();
		struct zone z = { .text = r->zone };
		const struct gp_dmarc_outcome *o;

		print_message("# %s: %s\n", r->section, r->label);
		o = evaluate(arena, &z, r->author, r->spf, r->dkim, r->how);
		assert_string_equal(gp_dmarc_result_name(o->result),
		    gp_dmarc_result_name(r->result));
		if (r->policy != NULL)
			assert_string_equal(gp_dmarc_request_name(o->policy),
			    r->policy);
		if (r->policy_domain != NULL)
			assert_string_equal(o->policy_domain, r->policy_domain);
		assert_int_equal(o->reason == NULL, o->result == P);
		assert_int_equal(o->queries, z.asked);
		gp_arena_free(arena);
	}
}

/* -- the walk ----------------------------------------------------------------
 */

struct walk_row {
	const char *author;
	unsigned queries; /* of a walk that finds nothing */
};

static const struct walk_row walk_rows[] = {
	{ "com", 1 },
	{ "example.com", 2 },
	{ "a.b.c.d.e.f.com", 7 },
	{ "a.b.c.d.e.f.g.com", 8 },
	{ "a.b.c.d.e.f.g.h.com", 8 },
	{ "a.b.c.d.e.f.g.h.i.j.mail.example.com", 8 },
};

static void
dmarc_walk_never_asks_more_than_eight(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(walk_rows) / sizeof(walk_rows[0]); i++) {
		struct gp_arena *arena = gp_arena_new();
		struct zone z = { .text = "" };

		evaluate(arena, &z, walk_rows[i].author, NULL, "", WALK);
		assert_int_equal(z.asked, walk_rows[i].queries);
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
	struct zone z = { .text = zone };
	const struct gp_dmarc_outcome *o;

	(void)state;
	o = evaluate(arena, &z, "a.b.c.d.e.f.g.h.i.j.mail.example.com", NULL,
	    "", WALK);
	assert_string_equal(o->policy_domain, "h.i.j.mail.example.com");
	assert_int_equal(o->policy, GP_DMARC_REJECT);
	gp_arena_free(arena);
}

static void
dmarc_many_identifiers_are_cut_to_the_related(void **state)
{
	static const char zone[] = "_dmarc.a.example v=DMARC1; p=reject\n";
	struct gp_arena *arena = gp_arena_new();
	struct zone z = { .text = zone };
	const struct gp_dmarc_outcome *o;

	(void)state;
	o = evaluate(arena, &z, "a.example", NULL,
	    "1.example 2.example 3.example 4.example 5.example 6.example"
	    " 7.example 8.example 9.example 10.example 11.example m.a.example",
	    WALK);
	assert_int_equal(o->result, P);
	assert_string_equal(o->aligned, "m.a.example");
	gp_arena_free(arena);
}

/* -- properties
 * ----------------------------------------------------------------- */

static unsigned dice_state = 1;

static unsigned
dice(unsigned n)
{
	dice_state = dice_state * 1103515245 + 12345;
	return (dice_state >> 16) % n;
}

static const char *const names[] = { "example", "a.example", "b.example",
	"m.a.example", "n.a.example", "x.m.a.example", "com" };
static const char *const bodies[] = { "p=none", "p=quarantine", "p=reject",
	"p=reject; sp=none", "p=none; np=reject", "p=reject; psd=n",
	"p=reject; psd=y", "p=reject; adkim=s; aspf=s", "p=reject; t=y", "p=x",
	"p=x; rua=mailto:a@b.c" };

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
make_zone(char *text, size_t size)
{
	size_t at = 0;

	text[0] = '\0';
	for (unsigned n = dice(5); n > 0; n--)
		at += (size_t)snprintf(text + at, size - at,
		    "_dmarc.%s v=DMARC1; %s\n", names[dice(COUNT(names))],
		    bodies[dice(COUNT(bodies))]);
	if (dice(4) == 0)
		(void)snprintf(text + at, size - at, "_dmarc.%s !temp\n",
		    names[dice(COUNT(names))]);
}

static void
dmarc_pass_implies_an_aligned_identifier(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct gp_arena *arena = gp_arena_new();
		const struct gp_dmarc_outcome *o;
		char text[1024];
		char dkim[64];
		struct zone z = { .text = text };
		const char *author = names[dice(COUNT(names))];
		const char *spf =
		    dice(2) == 0 ? NULL : names[dice(COUNT(names))];

		make_zone(text, sizeof(text));
		(void)snprintf(dkim, sizeof(dkim), "%s %s",
		    names[dice(COUNT(names))], names[dice(COUNT(names))]);
		o = evaluate(arena, &z, author, spf, dkim, WALK);
		assert_true(z.asked <= 4 * GP_DMARC_WALK_MAX + 1);
		if (o->result == P) {
			assert_true(o->spf_aligned || o->dkim_aligned);
			assert_true(
			    strstr(dkim, o->aligned) != NULL ||
			    (spf != NULL && strcmp(spf, o->aligned) == 0));
			if (o->record.strict_dkim && o->record.strict_spf)
				assert_string_equal(o->aligned, author);
		}
		if (o->result == P || o->result == F) {
			assert_true(o->policy <= o->asked);
			assert_true(o->policy >= GP_DMARC_NONE);
			assert_true(
			    strcmp(author, o->policy_domain) == 0 ||
			    gp_domain_is_below(author, o->policy_domain));
		}
		gp_arena_free(arena);
	}
}

/* More identifiers never turn a pass into a fail; none never passes. */
static void
dmarc_identifiers_only_help(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		struct gp_arena *arena = gp_arena_new();
		char text[1024];
		struct zone z = { .text = text };
		const char *author = names[dice(COUNT(names))];
		const char *dkim = names[dice(COUNT(names))];
		enum gp_dmarc_result without, with;

		make_zone(text, sizeof(text));
		without = evaluate(arena, &z, author, NULL, "", WALK)->result;
		assert_true(without != P);
		z.asked = 0;
		without = evaluate(arena, &z, author, NULL, dkim, WALK)->result;
		z.asked = 0;
		with = evaluate(arena, &z, author, names[dice(COUNT(names))],
		    dkim, WALK)
		           ->result;
		if (without == P)
			assert_int_equal(with, P);
		gp_arena_free(arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dmarc_table_holds_each_sentence),
		cmocka_unit_test(dmarc_walk_never_asks_more_than_eight),
		cmocka_unit_test(dmarc_walk_leaps_to_seven_labels),
		cmocka_unit_test(dmarc_many_identifiers_are_cut_to_the_related),
		cmocka_unit_test(dmarc_pass_implies_an_aligned_identifier),
		cmocka_unit_test(dmarc_identifiers_only_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
