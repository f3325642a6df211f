/* promtext: several texts become one that Prometheus takes. */
#include "core/promtext.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define A_HEAD "# HELP gp_a_total What a counts.\n# TYPE gp_a_total counter\n"
#define H_HEAD "# HELP gp_h A histogram.\n# TYPE gp_h histogram\n"
#define H_OF(d)                                                                \
	"gp_h_bucket{daemon=\"" d "\",le=\"+Inf\"} 1\n"                        \
	"gp_h_sum{daemon=\"" d "\"} 0.5\n"                                     \
	"gp_h_count{daemon=\"" d "\"} 1\n"

struct row {
	const char *label;
	const char *texts[3];
	const char *want;
};

static const struct row rows[] = {
	{ "nothing", { NULL }, "" },
	{ "one", { A_HEAD "gp_a_total{daemon=\"spf\"} 1\n" },
	    A_HEAD "gp_a_total{daemon=\"spf\"} 1\n" },
	{ "two of one family",
	    { A_HEAD "gp_a_total{daemon=\"spf\"} 1\n",
		A_HEAD "gp_a_total{daemon=\"dkim\"} 2\n" },
	    A_HEAD "gp_a_total{daemon=\"spf\"} 1\n"
		   "gp_a_total{daemon=\"dkim\"} 2\n" },
	{ "a family that only the second has",
	    { A_HEAD "gp_a_total 1\n",
		H_HEAD H_OF("b") A_HEAD "gp_a_total{daemon=\"b\"} 2\n" },
	    A_HEAD
	    "gp_a_total 1\ngp_a_total{daemon=\"b\"} 2\n" H_HEAD H_OF("b") },
	{ "histograms",
	    { H_HEAD H_OF("a"), H_HEAD H_OF("b"), H_HEAD H_OF("c") },
	    H_HEAD H_OF("a") H_OF("b") H_OF("c") },
	{ "a family without series", { A_HEAD, H_HEAD H_OF("a") },
	    H_HEAD H_OF("a") },
	{ "a series before its head", { "gp_a_total 1\n" A_HEAD }, "" },
	{ "a series of another family", { A_HEAD "gp_b_total 1\n" }, "" },
	{ "a longer name", { A_HEAD "gp_a_total_x 1\n" }, "" },
	{ "a series without TYPE",
	    { "# HELP gp_a_total What a counts.\ngp_a_total 1\n" }, "" },
	{ "what is not printable",
	    { A_HEAD "gp_a_total{daemon=\"\033[1m\"} 1\ngp_a_total 2\n" },
	    A_HEAD "gp_a_total 2\n" },
	{ "no newline at the end", { A_HEAD "gp_a_total 1" },
	    A_HEAD "gp_a_total 1\n" },
	{ "a head without a name", { "# HELP \n# TYPE \n 1\n" }, "" },
};

static void
promtext_merge_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_arena *arena = gp_arena_new();
		struct gp_promtext t;
		struct gp_buf out;

		print_message("# %s\n", rows[i].label);
		gp_buf_init(&out, SIZE_MAX);
		gp_promtext_init(&t, arena);
		for (size_t k = 0; k < 3 && rows[i].texts[k] != NULL; k++)
			gp_promtext_add(&t, gp_str(rows[i].texts[k]));
		gp_promtext_format(&t, &out);
		assert_string_equal(gp_buf_cstr(&out), rows[i].want);
		gp_buf_clear(&out);
		gp_arena_free(arena);
	}
}

static void
promtext_families_are_bounded(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_promtext t;
	struct gp_buf text;
	struct gp_buf out;

	(void)state;
	gp_buf_init(&text, SIZE_MAX);
	gp_buf_init(&out, SIZE_MAX);
	for (int i = 0; i < 2 * GP_PROM_FAMILIES_MAX; i++)
		gp_buf_addf(&text, "# HELP f%d x\n# TYPE f%d gauge\nf%d 1\n", i,
		    i, i);
	gp_promtext_init(&t, arena);
	gp_promtext_add(&t, gp_buf_str(&text));
	gp_promtext_format(&t, &out);
	assert_int_equal(t.n, GP_PROM_FAMILIES_MAX);
	assert_non_null(strstr(gp_buf_cstr(&out), "\nf511 1\n"));
	assert_null(strstr(gp_buf_cstr(&out), "f512"));
	gp_buf_clear(&text);
	gp_buf_clear(&out);
	gp_arena_free(arena);
}

struct sample_row {
	const char *line;
	const char *want; /* "NAME|LABEL=VALUE,...|VALUE"; NULL: no series */
};

static const struct sample_row sample_rows[] = {
	{ "a 1", "a||1" },
	{ "a{} 1", "a||1" },
	{ "a{b=\"c\"} 1.5", "a|b=c,|1.5" },
	{ "a{b=\"c\",d=\"e f\"} 1", "a|b=c,d=e f,|1" },
	{ "a{b=\"}\\\"\",d=\"\"} 1", "a|b=}\\\",d=,|1" },
	{ "a{b=\"c\",} 1", "a|b=c,|1" },
	{ "", NULL },
	{ "# HELP a b", NULL },
	{ "a", NULL },
	{ "a ", NULL },
	{ "a{b=\"c\" 1", NULL },
	{ "a{b=\"c\"}1", NULL },
	{ "{b=\"c\"} 1", NULL },
};

static void
promtext_samples_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sample_rows) / sizeof(sample_rows[0]);
	     i++) {
		const struct sample_row *row = &sample_rows[i];
		struct gp_str rest = gp_str(row->line);
		struct gp_prom_sample s;
		struct gp_str name;
		struct gp_str value;
		struct gp_buf got;

		print_message("# %s\n", row->line);
		assert_int_equal(gp_prom_next(&rest, &s), row->want != NULL);
		if (row->want == NULL)
			continue;
		gp_buf_init(&got, SIZE_MAX);
		gp_buf_addf(&got, "%.*s|", GP_STR_ARG(s.name));
		while (gp_prom_label(&s.labels, &name, &value))
			gp_buf_addf(&got, "%.*s=%.*s,", GP_STR_ARG(name),
			    GP_STR_ARG(value));
		gp_buf_addf(&got, "|%.*s", GP_STR_ARG(s.value));
		assert_string_equal(gp_buf_cstr(&got), row->want);
		gp_buf_clear(&got);
	}
}

static void
promtext_samples_pass_over_what_is_none(void **state)
{
	struct gp_str rest = GP_STR(A_HEAD "\nodd line {\na 1\nb 2");
	struct gp_prom_sample s;

	(void)state;
	assert_true(gp_prom_next(&rest, &s));
	assert_true(gp_str_eq(s.name, GP_STR("odd")));
	assert_true(gp_prom_next(&rest, &s));
	assert_true(gp_str_eq(s.name, GP_STR("a")));
	assert_true(gp_prom_next(&rest, &s));
	assert_true(gp_str_eq(s.value, GP_STR("2")));
	assert_false(gp_prom_next(&rest, &s));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(promtext_merge_table),
		cmocka_unit_test(promtext_families_are_bounded),
		cmocka_unit_test(promtext_samples_table),
		cmocka_unit_test(promtext_samples_pass_over_what_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
