/* The public suffix list: names whose place in it will not change. */
#include "io/psl.h"

#include "core/dmarc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct row {
	const char *label, *domain;
	const char *organization; /* NULL: a public suffix */
};

static const struct row rows[] = {
	{ "ICANN's section, one label", "com", NULL },
	{ "one below", "a.com", "a.com" },
	{ "two below", "b.a.com", "a.com" },
	{ "ICANN's section, two labels", "co.uk", NULL },
	{ "one below", "a.co.uk", "a.co.uk" },
	{ "three below", "d.c.a.co.uk", "a.co.uk" },
	{ "the suffix above", "uk", NULL },
	{ "beside the suffix of two labels", "a.uk", "a.uk" },
	{ "the private section: customers", "github.io", NULL },
	{ "each is one", "a.github.io", "a.github.io" },
	{ "and what is below him", "b.a.github.io", "a.github.io" },
	{ "a rule with *", "a.ck", NULL },
	{ "one below", "b.a.ck", "b.a.ck" },
	{ "two below", "c.b.a.ck", "b.a.ck" },
	{ "the exception from it", "www.ck", "www.ck" },
	{ "one below that", "a.www.ck", "www.ck" },
	{ "an A-label as suffix", "xn--p1ai", NULL },
	{ "one below", "a.xn--p1ai", "a.xn--p1ai" },
	{ "an A-label in a suffix of two", "xn--55qx5d.cn", NULL },
	{ "two below", "b.a.xn--55qx5d.cn", "a.xn--55qx5d.cn" },
	{ "an A-label below a suffix", "a.xn--mnchen-3ya.de",
	    "xn--mnchen-3ya.de" },
	{ "named by no rule", "example", NULL },
	{ "one below", "a.example", "a.example" },
	{ "two below", "b.a.example", "a.example" },
	{ "an underscore", "_b.a_c.com", "a_c.com" },
};

static void
psl_table_holds(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		const char *org = gp_psl_organization(*state, r->domain);

		print_message("# %s: %s\n", r->domain, r->label);
		if (r->organization == NULL) {
			assert_null(org);
			continue;
		}
		assert_string_equal(org, r->organization);
		assert_ptr_equal(org,
		    r->domain + strlen(r->domain) - strlen(org));
	}
}

/* 253 octets: of 127 labels, and of the longest ones. */
static void
psl_longest_names_have_their_organization(void **state)
{
	char many[254], big[254];

	for (size_t i = 0; i < 253; i++)
		many[i] = i % 2 == 0 ? 'a' : '.';
	memcpy(many + 250, "com", 4);
	memset(big, 'a', 253);
	big[60] = big[124] = big[188] = '.';
	memcpy(big + 249, ".com", 5);
	assert_null(strchr(gp_psl_organization(*state, many) + 2, 'a'));
	assert_ptr_equal(gp_psl_organization(*state, many), many + 248);
	assert_ptr_equal(gp_psl_organization(*state, big), big + 189);
}

static void *
ask_often(void *psl)
{
	for (size_t i = 0; i < 20000; i++) {
		const struct row *r = &rows[i % (sizeof(rows) / sizeof(*rows))];
		const char *org = gp_psl_organization(psl, r->domain);

		if (r->organization == NULL
			? org != NULL
			: org == NULL || strcmp(org, r->organization) != 0)
			return psl;
	}
	return NULL;
}

static void
psl_threads_get_the_same(void **state)
{
	pthread_t threads[4];

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_often,
				     *state),
		    0);
	for (size_t i = 0; i < 4; i++) {
		void *wrong;

		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
}

/* -- files ---------------------------------------------------------------- */

struct file_row {
	const char *label, *text;
	enum gp_rc rc;
};

static const struct file_row file_rows[] = {
	{ "a list as text", "uk\nco.uk\n", GP_OK },
	{ "with comments", "// ===BEGIN ICANN DOMAINS===\ncom\n\nco.uk\n",
	    GP_OK },
	{ "nothing", "", GP_PERM },
	{ "another text", "hello world\n", GP_PERM },
	{ "a list of one rule for all", "*.uk\n*.co.uk\n", GP_PERM },
	{ "a compiled one, cut", ".DAFSA@PSL_0   \nxx", GP_PERM },
};

static void
psl_file_is_taken_when_it_is_a_list(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(file_rows) / sizeof(*file_rows); i++) {
		const struct file_row *r = &file_rows[i];
		char path[] = "/tmp/gp-psl-XXXXXX";
		int fd = mkstemp(path);
		struct gp_err err = { "" };
		struct gp_psl *psl;

		print_message("# %s\n", r->label);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, r->text, strlen(r->text)),
		    (ssize_t)strlen(r->text));
		(void)close(fd);
		assert_int_equal(gp_psl_load(path, &psl, &err), r->rc);
		(void)unlink(path);
		assert_int_equal(psl == NULL, r->rc != GP_OK);
		assert_int_equal(strstr(err.msg, path) == err.msg, psl == NULL);
		if (psl != NULL)
			assert_string_equal(gp_psl_organization(psl,
						"b.a.co.uk"),
			    "a.co.uk");
		gp_psl_free(psl);
	}
}

static void
psl_file_that_is_not_there_is_named(void **state)
{
	struct gp_psl *psl;
	struct gp_err err;

	(void)state;
	assert_int_equal(gp_psl_load("/nonexistent/list", &psl, &err), GP_PERM);
	assert_null(psl);
	assert_non_null(strstr(err.msg, "/nonexistent/list: "));
	assert_non_null(strstr(err.msg, "publicsuffix"));
	assert_int_equal(gp_psl_load("/", &psl, NULL), GP_PERM);
	gp_psl_free(NULL);
}

/* -- in an evaluation ------------------------------------------------------ */

/* Records at a.github.io and b.github.io; a.github.io signed. */
static enum gp_dmarc_result
evaluate(const void *psl, const char *author)
{
	static const char *const dkim[] = { "a.github.io" };
	const struct gp_dmarc_query q = { .author = author,
		.n_dkim = 1,
		.dkim = dkim,
		.discovery = GP_DMARC_PSL,
		.suffix = gp_psl_organization,
		.suffix_arg = psl };
	struct gp_arena *arena = gp_arena_new();
	struct gp_dmarc_eval *e = gp_dmarc_eval_new(arena, &q);
	const struct gp_dns_rr rr = { .text = GP_STR("v=DMARC1; p=reject") };
	struct gp_dns_question question;
	enum gp_dmarc_result result;

	while (gp_dmarc_next(e, &question)) {
		struct gp_dns_answer a = { .rc = GP_NONE };

		if (strstr(question.name, "_dmarc.a.github.io") != NULL ||
		    strstr(question.name, "_dmarc.b.github.io") != NULL)
			a = (struct gp_dns_answer){ .rr = &rr, .n = 1 };
		gp_dmarc_feed(e, &a);
	}
	result = gp_dmarc_outcome(e)->result;
	gp_arena_free(arena);
	return result;
}

static void
psl_dmarc_parts_the_customers_of_a_suffix(void **state)
{
	assert_int_equal(evaluate(*state, "c.a.github.io"), GP_DMARC_R_PASS);
	assert_int_equal(evaluate(*state, "b.github.io"), GP_DMARC_R_FAIL);
	assert_int_equal(evaluate(*state, "github.io"), GP_DMARC_R_NONE);
}

static int
load_list(void **state)
{
	struct gp_psl *psl;

	if (gp_psl_load(NULL, &psl, NULL) != GP_OK)
		return -1;
	*state = psl;
	return 0;
}

static int
free_list(void **state)
{
	gp_psl_free(*state);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(psl_table_holds),
		cmocka_unit_test(psl_longest_names_have_their_organization),
		cmocka_unit_test(psl_threads_get_the_same),
		cmocka_unit_test(psl_file_is_taken_when_it_is_a_list),
		cmocka_unit_test(psl_file_that_is_not_there_is_named),
		cmocka_unit_test(psl_dmarc_parts_the_customers_of_a_suffix),
	};

	return cmocka_run_group_tests(tests, load_list, free_list);
}
