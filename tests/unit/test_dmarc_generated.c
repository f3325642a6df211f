/* DMARC by the letter of RFC 9989, over products and over chance. */
#include "support/dmarc_naive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

/* -- p, sp, np x adkim, aspf x t x who has the record x who is authenticated
 */

struct place {
	const char *label, *author, *record;
	char psd;
	bool exists;
};

static const struct place places[] = {
	{ "the author's own", "a.example", "a.example", 'u', true },
	{ "his organization's, he exists", "m.a.example", "a.example", 'u',
	    true },
	{ "his organization's, he does not", "m.a.example", "a.example", 'u',
	    false },
	{ "the same with psd=n", "m.a.example", "a.example", 'n', true },
	{ "his PSD's, he exists", "a.example", "example", 'y', true },
	{ "his PSD's, he does not", "a.example", "example", 'y', false },
};

/* NULL: the mechanism did not pass */
static const char *const identifiers[] = { NULL, "a.example", "m.a.example",
	"n.a.example", "b.example", "example" };

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
make_case(struct dmarc_case *c, const struct place *at, unsigned spf,
    unsigned dkim)
{
	memset(c, 0, sizeof(*c));
	(void)snprintf(c->author, sizeof(c->author), "%s", at->author);
	c->author_exists = at->exists;
	c->has_spf = identifiers[spf] != NULL;
	if (c->has_spf)
		(void)snprintf(c->spf, sizeof(c->spf), "%s", identifiers[spf]);
	c->n_dkim = identifiers[dkim] != NULL;
	if (c->n_dkim > 0)
		(void)snprintf(c->dkim[0], sizeof(c->dkim[0]), "%s",
		    identifiers[dkim]);
	c->n = 1;
	(void)snprintf(c->entry[0].name, sizeof(c->entry[0].name), "%s",
	    at->record);
	c->entry[0].psd = at->psd;
}

/* Every combination of tags; returns how many. */
static unsigned
check_tags(struct dmarc_case *c)
{
	struct dmarc_entry *e = &c->entry[0];
	unsigned n = 0;

	for (unsigned i = 0; i < 5 * 5 * 5 * 8; i++, n++) {
		struct dmarc_verdict naive, quick;

		e->p = (enum dmarc_word)(i % 5);
		e->sp = (enum dmarc_word)(i / 5 % 5);
		e->np = (enum dmarc_word)(i / 25 % 5);
		e->adkim_s = (i / 125 & 1) != 0;
		e->aspf_s = (i / 125 & 2) != 0;
		e->test = (i / 125 & 4) != 0;
		e->rua = e->test;
		naive = dmarc_naive(c);
		quick = dmarc_ask(c, true);
		if (quick.result != naive.result ||
		    quick.policy != naive.policy)
			print_message("# tags %u, spf %s, dkim %s\n", i, c->spf,
			    c->dkim[0]);
		assert_int_equal(quick.result, naive.result);
		assert_int_equal(quick.policy, naive.policy);
		assert_int_equal(quick.spf_aligned, naive.spf_aligned);
		assert_int_equal(quick.dkim_aligned, naive.dkim_aligned);
	}
	return n;
}

static void
dmarc_product_is_what_the_rfc_says(void **state)
{
	unsigned n = 0;

	(void)state;
	for (size_t at = 0; at < COUNT(places); at++) {
		print_message("# the record is %s\n", places[at].label);
		for (unsigned spf = 0; spf < COUNT(identifiers); spf++)
			for (unsigned d = 0; d < COUNT(identifiers); d++) {
				struct dmarc_case c;

				make_case(&c, &places[at], spf, d);
				n += check_tags(&c);
			}
	}
	assert_int_equal(n, 6 * 6 * 6 * 1000);
}

/* -- chance --------------------------------------------------------------- */

static unsigned
dice(unsigned *state)
{
	*state = *state * 1103515245 + 12345;
	return *state >> 16 & 0xff;
}

static void
dmarc_random_cases_hold(void **state)
{
	unsigned seen[GP_DMARC_RESULTS] = { 0 };
	unsigned chance = 1;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		uint8_t bytes[24];
		size_t n = 4 + dice(&chance) % (sizeof(bytes) - 3);
		struct dmarc_case c;

		for (size_t k = 0; k < n; k++)
			bytes[k] = (uint8_t)dice(&chance);
		dmarc_case_read(&c, bytes, n);
		dmarc_case_check(&c);
		seen[dmarc_naive(&c).result]++;
	}
	/* none of them is here by name alone */
	for (unsigned r = 0; r < GP_DMARC_RESULTS; r++)
		if (r != GP_DMARC_R_PERMERROR)
			assert_true(seen[r] > 500);
	assert_int_equal(seen[GP_DMARC_R_PERMERROR], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dmarc_product_is_what_the_rfc_says),
		cmocka_unit_test(dmarc_random_cases_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
