/* core/finding: a list that keeps what it was told. */
#include "core/finding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
finding_list_keeps_copies_in_order(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_findings f;
	char subject[16];

	(void)state;
	gp_findings_init(&f, arena);
	assert_int_equal(gp_findings_worst(&f), GP_GREEN);
	for (unsigned i = 0; i < 100; i++) {
		(void)snprintf(subject, sizeof(subject), "s%u", i);
		gp_findings_add(&f, i == 57 ? GP_YELLOW : GP_GREEN, "dkim",
		    subject, "number %u", i);
		if (i == 57)
			gp_findings_remedy(&f, "mend %s", subject);
	}
	assert_int_equal(f.n, 100);
	assert_string_equal(f.v[99].subject, "s99");
	assert_string_equal(f.v[0].what, "number 0");
	assert_string_equal(f.v[57].remedy, "mend s57");
	assert_null(f.v[58].remedy);
	assert_int_equal(gp_findings_worst(&f), GP_YELLOW);
	gp_findings_add(&f, GP_RED, "dns", "", "bad")->where =
	    (struct gp_origin){ .file = "a.conf", .line = 3 };
	gp_findings_add(&f, GP_GREEN, "dns", "", "good");
	assert_int_equal(gp_findings_worst(&f), GP_RED);
	assert_int_equal(f.v[100].where.line, 3);
	gp_arena_free(arena);
}

static void
finding_text_has_a_bound(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_findings f;
	char text[10000];

	(void)state;
	(void)memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	gp_findings_init(&f, arena);
	gp_findings_add(&f, GP_RED, "dns", "", "%s", text);
	assert_true(strlen(f.v[0].what) < 5000);
	gp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finding_list_keeps_copies_in_order),
		cmocka_unit_test(finding_text_has_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
