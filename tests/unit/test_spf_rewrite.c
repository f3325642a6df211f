/* What libspf2 gets to read instead of a record. */
#include "mta/spf_rewrite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define FIFTY "123456789.123456789.123456789.123456789.123456789."

struct row {
	const char *label, *client, *record;
	const char *wanted; /* NULL: libspf2 can not hold it */
};

static const struct row rows[] = {
	{ "an empty record keeps its space", "192.0.2.1", "v=spf1", "v=spf1 " },
	{ "order and qualifiers stay", "192.0.2.1",
	    "v=spf1  MX ~a:b.test ?Ip4:192.0.2.9  -all ",
	    "v=spf1 mx ~a:b.test ?ip4:192.0.2.9 -all " },
	{ "exp= is left out", "192.0.2.1", "v=spf1 exp=e.test mx -all",
	    "v=spf1 mx -all " },
	{ "exp= with the killer is left out", "192.0.2.1",
	    "v=spf1 exp=%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}"
	    "%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}.test -all",
	    "v=spf1 -all " },
	{ "other modifiers are left out", "192.0.2.1",
	    "v=spf1 exp-text=%{d}x.y a.b-c_d=%{l} mx", "v=spf1 mx " },
	{ "redirect goes to the end", "192.0.2.1",
	    "v=spf1 redirect=r.test ip4:192.0.2.7 mx",
	    "v=spf1 ip4:192.0.2.7 mx redirect=r.test " },
	{ "redirect with all counts for nothing", "192.0.2.1",
	    "v=spf1 redirect=r.test ~all", "v=spf1 ~all " },
	{ "behind all nothing counts", "192.0.2.1", "v=spf1 -all mx a:x.test",
	    "v=spf1 -all " },
	{ "a final dot goes", "192.0.2.1", "v=spf1 include:i.test. ptr:p.test.",
	    "v=spf1 include:i.test ptr:p.test " },
	{ "the prefix length of IPv4", "192.0.2.1", "v=spf1 a/24//64 mx/32//0",
	    "v=spf1 a/24 mx " },
	{ "the prefix length of IPv6", "2001:db8::1", "v=spf1 a/24//64 mx/0",
	    "v=spf1 a//64 mx " },
	{ "length 0 of a and mx is a mark", "192.0.2.1",
	    "v=spf1 a/0 -mx:m.test/0//9 ?a:%{d}.test/0",
	    "v=spf1 a:%{d}\1 -mx:m.test\1 ?a:%{d}.test\1 " },
	{ "length 0 of a for IPv6", "2001:db8::1", "v=spf1 a:a.test//0 mx//0",
	    "v=spf1 a:a.test\1 mx:%{d}\1 " },
	{ "length 0 of networks in halves", "192.0.2.1",
	    "v=spf1 ip4:1.2.3.4/0 -ip6:1::/0",
	    "v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1 -ip6:::/1 -ip6:8000::/1 " },
	{ "networks", "192.0.2.1", "v=spf1 ip4:192.0.2.0/24 ip6:2001:DB8::/32",
	    "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 " },
	{ "macros that it can expand stay", "192.0.2.1",
	    "v=spf1 exists:%{ir}.%{v}.%{l-}.%{dr+_}.%{o}.%%%_%-x.test",
	    "v=spf1 exists:%{ir}.%{v}.%{l-}.%{dr+_}.%{o}.%%%_%-x.test " },
	{ "a number of parts is ours to expand", "192.0.2.1",
	    "v=spf1 exists:%{d2}.%{i9}.test",
	    "v=spf1 exists:d.test.192.0.2.1.test " },
	{ "upper case is ours to expand", "192.0.2.1",
	    "v=spf1 exists:%{L}.test", "v=spf1 exists:a-b%%2Bc.test " },
	{ "delimiters that it does not know are ours", "192.0.2.1",
	    "v=spf1 exists:%{l,/}.test", "v=spf1 exists:a-b+c.test " },
	{ "many macros are ours to expand", "192.0.2.1",
	    "v=spf1 exists:%{v}%{v}%{v}%{v}%{v}%{v}%{v}%{v}.%{v}%{v}%{v}%{v}"
	    "%{v}%{v}%{v}%{v}.%{v}.test",
	    "v=spf1 exists:"
	    "in-addrin-addrin-addrin-addrin-addrin-addrin-addrin-addr."
	    "in-addrin-addrin-addrin-addrin-addrin-addrin-addrin-addr."
	    "in-addr.test " },
	{ "an expansion that is no name", "192.0.2.1",
	    "v=spf1 exists:%{d9}..%{d1}.test mx", "v=spf1 exists:.. mx " },
	{ "a literal as long as a name is cut from the left", "192.0.2.1",
	    "v=spf1 a:" FIFTY FIFTY FIFTY FIFTY FIFTY "cut.test",
	    "v=spf1 a:123456789.123456789.123456789.123456789." FIFTY FIFTY
		FIFTY FIFTY "cut.test " },
	{ "ptr of no name asks nothing", "192.0.2.1",
	    "v=spf1 -ptr:x..test ptr:%{d}", "v=spf1 -a:.. ptr:%{d} " },
	{ "%{p} that it expands wrong", "192.0.2.1", "v=spf1 exists:%{p2}.test",
	    NULL },
	{ "behind all it does not matter", "192.0.2.1",
	    "v=spf1 -all exists:%{p2}.test", "v=spf1 -all " },
};

static const struct gp_spf_values values = { .local = { "a-b+c", 5 },
	.sender_domain = "s.test",
	.domain = "d.test",
	.helo = "h.test",
	.receiver = "r.test",
	.now_s = 1 };

static enum gp_rc
rewrite(const char *client, const char *text, const char *validated,
    struct gp_buf *out)
{
	struct gp_spf_values v = values;
	struct gp_arena *arena = gp_arena_new();
	struct gp_spf_record record;
	struct gp_err err;
	enum gp_rc rc;

	v.validated = validated;
	assert_int_equal(gp_ip_parse(gp_str(client), &v.client), GP_OK);
	rc = gp_spf_record_parse(gp_str(text), arena, &record, &err);
	if (rc != GP_OK)
		fail_msg("%s: %s", text, err.msg);
	rc = gp_spf_rewrite(&record, &v, out, &err);
	if (rc != GP_OK)
		assert_true(strlen(err.msg) > 10);
	gp_arena_free(arena);
	return rc;
}

static void
spf_rewrite_each_row_as_wanted(void **state)
{
	struct gp_buf out;

	(void)state;
	gp_buf_init(&out, 10000);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		enum gp_rc rc;

		gp_buf_reset(&out);
		rc = rewrite(r->client, r->record, NULL, &out);
		if (r->wanted == NULL ? rc == GP_OK
				      : rc != GP_OK || strcmp(gp_buf_cstr(&out),
							   r->wanted) != 0)
			fail_msg("%s: rc %d, \"%s\"", r->label, rc,
			    gp_buf_cstr(&out));
	}
	gp_buf_clear(&out);
}

static void
spf_rewrite_known_validated_name_is_expanded(void **state)
{
	struct gp_buf out;

	(void)state;
	gp_buf_init(&out, 1000);
	assert_int_equal(rewrite("192.0.2.1", "v=spf1 exists:%{p2}.test",
			     "mx.sender.test", &out),
	    GP_OK);
	assert_string_equal(gp_buf_cstr(&out),
	    "v=spf1 exists:sender.test.test ");
	gp_buf_clear(&out);
}

/* The library keeps a network in 8 bytes and drops what comes after 511. */
static enum gp_rc
rewrite_networks(unsigned n)
{
	struct gp_buf in, out;
	enum gp_rc rc;

	gp_buf_init(&in, 10000);
	gp_buf_init(&out, 10000);
	gp_buf_adds(&in, "v=spf1");
	for (unsigned i = 0; i < n; i++)
		gp_buf_adds(&in, " ip4:198.51.100.1");
	gp_buf_adds(&in, " -all");
	rc = rewrite("192.0.2.1", gp_buf_cstr(&in), NULL, &out);
	gp_buf_clear(&in);
	gp_buf_clear(&out);
	return rc;
}

static void
spf_rewrite_more_than_the_library_holds_is_refused(void **state)
{
	(void)state;
	assert_int_equal(rewrite_networks(62), GP_OK);
	assert_int_equal(rewrite_networks(64), GP_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spf_rewrite_each_row_as_wanted),
		cmocka_unit_test(spf_rewrite_known_validated_name_is_expanded),
		cmocka_unit_test(
		    spf_rewrite_more_than_the_library_holds_is_refused),
	};

	return cmocka_run_group_tests_name("spf_rewrite", tests, NULL, NULL);
}
