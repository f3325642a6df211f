/* What sealed results become: identifiers, and what was not said. */
#include "core/dmarc_input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

struct row {
	const char *label;
	const char *fields; /* values, one a line */
	bool null_sender;
	bool spf_seen, dkim_seen;
	const char *spf_result; /* "": none */
	const char *spf_pass;   /* NULL: none */
	const char *dkim_pass;  /* each with a blank */
	size_t n_signatures;
};

static const struct row rows[] = {
	{ "nothing", "", false, false, false, "", NULL, "", 0 },
	{ "SPF pass by MAIL FROM", "mx.test; spf=pass smtp.mailfrom=A.test",
	    false, true, false, "pass", "a.test", "", 0 },
	{ "SPF fail", "mx.test; spf=fail smtp.mailfrom=a.test", false, true,
	    false, "fail", NULL, "", 0 },
	{ "a HELO pass does not count (RFC 9989 4.4.2)",
	    "mx.test; spf=fail smtp.mailfrom=a.test;"
	    " spf=pass smtp.helo=h.test",
	    false, true, false, "fail", NULL, "", 0 },
	{ "nor when it comes first",
	    "mx.test; spf=pass smtp.helo=h.test;"
	    " spf=fail smtp.mailfrom=a.test",
	    false, true, false, "fail", NULL, "", 0 },
	{ "nor alone", "mx.test; spf=pass smtp.helo=h.test", false, true, false,
	    "", NULL, "", 0 },
	{ "but with a null reverse-path", "mx.test; spf=pass smtp.helo=h.test",
	    true, true, false, "pass", "h.test", "", 0 },
	{ "a reverse-path that could not be read", "mx.test; spf=none", false,
	    true, false, "none", NULL, "", 0 },
	{ "a pass for what is no domain",
	    "mx.test; spf=pass smtp.mailfrom=\"a b\"", false, true, false,
	    "pass", NULL, "", 0 },
	{ "a pass for an address", "mx.test; spf=pass smtp.mailfrom=x@a.test",
	    false, true, false, "pass", NULL, "", 0 },
	{ "of two fields the topmost",
	    "mx.test; spf=fail smtp.mailfrom=a.test\n"
	    "mx.test; spf=pass smtp.mailfrom=a.test",
	    false, true, false, "fail", NULL, "", 0 },
	{ "every passing signature",
	    "mx.test; dkim=pass header.d=a.test header.s=x;"
	    " dkim=fail header.d=b.test; dkim=pass header.d=c.test",
	    false, false, true, "", NULL, "a.test c.test ", 3 },
	{ "no signature", "mx.test; dkim=none", false, false, true, "", NULL,
	    "", 0 },
	{ "a pass without d=", "mx.test; dkim=pass header.i=@a.test", false,
	    false, true, "", NULL, "", 1 },
	{ "both, in two fields",
	    "mx.test; dkim=pass header.d=a.test\n"
	    "mx.test; spf=pass smtp.mailfrom=b.test",
	    false, true, true, "pass", "b.test", "a.test ", 1 },
	{ "other methods", "mx.test; arc=pass; dmarc=pass header.from=a.test",
	    false, false, false, "", NULL, "", 0 },
};

static void
read_row(const char *text, bool null_sender, struct gp_arena *arena,
    struct gp_dmarc_inputs *out)
{
	struct gp_authres fields[4];
	struct gp_str rest = gp_str(text);
	size_t n = 0;

	while (rest.n > 0)
		assert_int_equal(gp_authres_parse(gp_str_split(&rest, '\n'),
				     arena, &fields[n++], NULL),
		    GP_OK);
	gp_dmarc_inputs_read(fields, n, null_sender, arena, out);
}

static void
dmarc_input_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct gp_arena *arena = gp_arena_new();
		struct gp_dmarc_inputs in;
		char passes[256] = "";

		print_message("# %s\n", r->label);
		read_row(r->fields, r->null_sender, arena, &in);
		assert_int_equal(in.spf_seen, r->spf_seen);
		assert_int_equal(in.dkim_seen, r->dkim_seen);
		assert_true(gp_str_eq(in.spf_result, gp_str(r->spf_result)));
		if (r->spf_pass == NULL)
			assert_null(in.spf_pass);
		else
			assert_string_equal(in.spf_pass, r->spf_pass);
		for (size_t p = 0; p < in.n_dkim_pass; p++)
			(void)snprintf(passes + strlen(passes),
			    sizeof(passes) - strlen(passes), "%s ",
			    in.dkim_pass[p]);
		assert_string_equal(passes, r->dkim_pass);
		assert_int_equal(in.n_signatures, r->n_signatures);
		gp_arena_free(arena);
	}
}

/* What might have passed is told from what passed and what did not. */
static void
dmarc_input_temperror_is_open(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_dmarc_inputs in;

	(void)state;
	read_row("mx.test; spf=temperror smtp.mailfrom=A.test;"
		 " spf=temperror smtp.helo=h.test\n"
		 "mx.test; dkim=temperror header.d=b.test;"
		 " dkim=pass header.d=c.test; dkim=permerror header.d=d.test;"
		 " dkim=temperror",
	    false, arena, &in);
	assert_null(in.spf_pass);
	assert_string_equal(in.spf_open, "a.test");
	assert_int_equal(in.n_dkim_open, 1);
	assert_string_equal(in.dkim_open[0], "b.test");
	assert_int_equal(in.n_dkim_pass, 1);
	read_row("mx.test; spf=fail smtp.mailfrom=a.test; spf=temperror"
		 " smtp.helo=h.test",
	    false, arena, &in);
	assert_null(in.spf_open);
	gp_arena_free(arena);
}

static void
dmarc_input_signatures_are_bounded(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_authres_prop d = { .ptype = GP_STR("header"),
		.property = GP_STR("d"),
		.value = GP_STR("a.test") };
	struct gp_authres_result results[GP_DMARC_SIGNATURES_MAX + 5];
	const struct gp_authres field = { .id = GP_STR("mx.test"),
		.n = GP_DMARC_SIGNATURES_MAX + 5,
		.result = results };
	struct gp_dmarc_inputs in;

	(void)state;
	for (size_t i = 0; i < field.n; i++)
		results[i] =
		    (struct gp_authres_result){ .method = GP_STR("dkim"),
			    .result = GP_STR("pass"),
			    .n = 1,
			    .prop = &d };
	gp_dmarc_inputs_read(&field, 1, false, arena, &in);
	assert_int_equal(in.n_signatures, GP_DMARC_SIGNATURES_MAX);
	assert_int_equal(in.n_dkim_pass, GP_DMARC_SIGNATURES_MAX);
	gp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dmarc_input_table),
		cmocka_unit_test(dmarc_input_temperror_is_open),
		cmocka_unit_test(dmarc_input_signatures_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
