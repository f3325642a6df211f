/* logread: the strict reader of what core/logfmt writes. */
#include "core/logread.h"

#include "core/logfmt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct row {
	const char *line;
	const char *want; /* "ID|KEY=VALUE,..." with ! for what is cut, + for
	                   * fields left out; NULL: no line of ours */
};

static const struct row rows[] = {
	{ "4Q1: action=accept", "4Q1|action=accept," },
	{ "NOQUEUE:", "NOQUEUE|" },
	{ "a:b: x=y", "a:b|x=y," },
	{ "\"a b\": x=y", "a b|x=y," },
	{ "Q: from=\"a \\\"b\\\\\\x07\" no-results-of=spf",
	    "Q|from=a \"b\\\a,no-results-of=spf," },
	{ "Q: a=\"\"", "Q|a=," },
	{ "Q: a=\"bcd\"... e=f", "Q|a=bcd!,e=f," },
	{ "Q: a=b ...", "Q|a=b,+" },
	{ "Q: ...", "Q|+" },
	{ "", NULL },
	{ ":", NULL },
	{ ": a=b", NULL },
	{ "Q", NULL },
	{ "Q a=b", NULL },
	{ "Q:a=b", NULL },
	{ "\"Q: a=b", NULL },
	{ "Q: a", NULL },
	{ "Q: a=", NULL },
	{ "Q: =b", NULL },
	{ "Q:  a=b", NULL },
	{ "Q: a=b ", NULL },
	{ "Q: a=\"b", NULL },
	{ "Q: a=\"b\"c", NULL },
	{ "Q: a=b=c", NULL },
	{ "Q: a=\"\\y\"", NULL },
	{ "Q: a=\"\\x0\"", NULL },
	{ "Q: a=\"\\x0g\"", NULL },
	{ "Q: a=\"\001\"", NULL },
	{ "Q: a=... b=c", "Q|a=...,b=c," },
};

static enum gp_rc
read_line(struct gp_str line, struct gp_buf *out)
{
	struct gp_logfield f;
	enum gp_rc rc = gp_logread_id(&line, out, NULL);

	if (rc != GP_OK)
		return rc;
	gp_buf_init(&f.value, SIZE_MAX);
	gp_buf_addc(out, '|');
	while ((rc = gp_logread_next(&line, &f, NULL)) == GP_OK)
		gp_buf_addf(out, "%.*s=%.*s%s,", GP_STR_ARG(f.key),
		    GP_STR_ARG(gp_buf_str(&f.value)), f.cut ? "!" : "");
	if (rc == GP_NONE && line.n > 0)
		gp_buf_addc(out, '+');
	gp_buf_clear(&f.value);
	return rc;
}

static void
logread_line_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_buf got;
		enum gp_rc rc;

		print_message("# %s\n", rows[i].line);
		gp_buf_init(&got, SIZE_MAX);
		rc = read_line(gp_str(rows[i].line), &got);
		assert_int_equal(rc, rows[i].want == NULL ? GP_PERM : GP_NONE);
		if (rows[i].want != NULL)
			assert_string_equal(gp_buf_cstr(&got), rows[i].want);
		gp_buf_clear(&got);
	}
}

/* Every octet comes back as it was. */
static void
logread_reads_what_logfmt_writes(void **state)
{
	struct gp_logline line;
	struct gp_logfield f;
	struct gp_str rest;
	struct gp_buf id;
	char value[16];

	(void)state;
	gp_buf_init(&id, SIZE_MAX);
	gp_buf_init(&f.value, SIZE_MAX);
	for (unsigned c = 0; c < 256; c += sizeof(value)) {
		for (unsigned i = 0; i < sizeof(value); i++)
			value[i] = (char)(c + i);
		gp_logline_start(&line, gp_str_n(value, sizeof(value)));
		gp_logline_add(&line, "v", gp_str_n(value, sizeof(value)));
		rest = gp_str_n(line.text, line.n);
		gp_buf_reset(&id);
		assert_int_equal(gp_logread_id(&rest, &id, NULL), GP_OK);
		assert_int_equal(gp_logread_next(&rest, &f, NULL), GP_OK);
		assert_int_equal(id.n, sizeof(value));
		assert_memory_equal(id.p, value, sizeof(value));
		assert_int_equal(f.value.n, sizeof(value));
		assert_memory_equal(f.value.p, value, sizeof(value));
		assert_int_equal(gp_logread_next(&rest, &f, NULL), GP_NONE);
	}
	gp_buf_clear(&f.value);
	gp_buf_clear(&id);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logread_line_table),
		cmocka_unit_test(logread_reads_what_logfmt_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
