/* What else is known of a message: signs of a detour, and its override. */
#include "core/dmarc_signs.h"
#include "io/policy_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

/* -- signs --------------------------------------------------------------- */

static const struct signs_row {
	const char *label;
	const char *author;
	const char *client; /* NULL: not known */
	const char *field;
	const char *result; /* of the one signature; NULL: none */
	const char *domain; /* NULL: has none */
	struct gp_dmarc_signs want;
} signs_rows[] = {
	{ "none", "a.example", "192.0.2.1", "X", NULL, NULL, { 0 } },
	{ "our own domain", "own.example", "192.0.2.1", "X", NULL, NULL,
	    { .own_domain = true } },
	{ "below our own domain with subdomains", "x.all.example", NULL, "X",
	    NULL, NULL, { .own_domain = true } },
	{ "below our own domain without", "x.own.example", NULL, "X", NULL,
	    NULL, { 0 } },
	{ "List-Id", "a.example", NULL, "list-ID", NULL, NULL,
	    { .list = true } },
	{ "List-Post", "a.example", NULL, "List-Post", NULL, NULL,
	    { .list = true } },
	{ "List-Unsubscribe is no list", "a.example", NULL, "List-Unsubscribe",
	    NULL, NULL, { 0 } },
	{ "a forwarder", "a.example", "198.51.100.7", "X", NULL, NULL,
	    { .forwarder = true } },
	{ "not beside the forwarders", "a.example", "198.51.101.7", "X", NULL,
	    NULL, { 0 } },
	{ "a broken signature", "a.example", NULL, "X", "fail", "a.example",
	    { .broken_aligned = true } },
	{ "of a name below", "a.example", NULL, "X", "FAIL", "m.a.example",
	    { .broken_aligned = true } },
	{ "of a name above", "m.a.example", NULL, "X", "fail", "a.example",
	    { .broken_aligned = true } },
	{ "of a sister", "m.a.example", NULL, "X", "fail", "n.a.example",
	    { 0 } },
	{ "of somebody else", "a.example", NULL, "X", "fail", "xa.example",
	    { 0 } },
	{ "a permerror is none", "a.example", NULL, "X", "permerror",
	    "a.example", { 0 } },
	{ "a pass is none", "a.example", NULL, "X", "pass", "a.example",
	    { 0 } },
	{ "a broken signature without a domain", "a.example", NULL, "X", "fail",
	    NULL, { 0 } },
};

static void
dmarc_signs_find_table(void **state)
{
	struct gp_config *config = NULL;
	struct gp_problems problems;

	(void)state;
	gp_problems_init(&problems);
	assert_int_equal(
	    gp_policy_parse(
		GP_STR("trust { forwarders = { \"198.51.100.0/24\" } }\n"
		       "domain own.example { }\n"
		       "domain all.example { subdomains = yes }\n"),
		"c", &config, &problems),
	    GP_OK);
	for (size_t i = 0; i < sizeof(signs_rows) / sizeof(signs_rows[0]);
	     i++) {
		const struct signs_row *r = &signs_rows[i];
		struct gp_field field = { .name = gp_str(r->field) };
		const struct gp_header header = { .v = &field, .n = 1 };
		struct gp_ip client = { .family = GP_IP_UNKNOWN };
		struct gp_dmarc_signature signature = { .domain = r->domain };
		const struct gp_dmarc_inputs in = { .n_signatures =
							r->result != NULL,
			.signatures = &signature };
		const struct gp_dmarc_mail mail = { .author = r->author,
			.client = &client,
			.header = &header };
		struct gp_dmarc_signs s;

		print_message("# %s\n", r->label);
		if (r->client != NULL)
			assert_int_equal(gp_ip_parse(gp_str(r->client),
					     &client),
			    GP_OK);
		if (r->result != NULL)
			signature.result = gp_str(r->result);
		s = gp_dmarc_signs_find(config, &mail, &in);
		assert_int_equal(s.own_domain, r->want.own_domain);
		assert_int_equal(s.list, r->want.list);
		assert_int_equal(s.broken_aligned, r->want.broken_aligned);
		assert_int_equal(s.forwarder, r->want.forwarder);
		assert_false(s.known_client);
	}
	gp_config_unref(config);
	gp_problems_clear(&problems);
}

/* -- which override ----------------------------------------------------- */

#define NAMES(...)                                                             \
	{                                                                      \
		.n = sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), \
		.v = (const char *const[])                                     \
		{                                                              \
			__VA_ARGS__                                            \
		}                                                              \
	}
#define NET /* 192.0.2.0/24 */                                                 \
	{                                                                      \
		.n = 1, .v = &net                                              \
	}
#define DAY ((int64_t)20000 * 86400)

static struct gp_prefix net;
static const struct gp_override_policy found[] = {
	{ .name = "ended", .from = NAMES("a.example"), .until_s = DAY - 86400 },
	{ .name = "from",
	    .from = NAMES("a.example", "*.b.example"),
	    .until_s = DAY },
	{ .name = "all three",
	    .from = NAMES("c.example"),
	    .clients = NET,
	    .header = NAMES("X-None", "List-Id") },
	{ .name = "client and header",
	    .clients = NET,
	    .header = NAMES("List-Id") },
	{ .name = "client", .clients = NET },
	{ .name = "header", .header = NAMES("X-Other", "X-Mine") },
	{ .name = "never reached", .from = NAMES("a.example") },
};

static const struct found_row {
	const char *label;
	const char *author;
	const char *client; /* NULL: not known */
	const char *field;
	int64_t now_s;
	const char *want; /* NULL: none */
} found_rows[] = {
	{ "the first of two", "a.example", NULL, "X", DAY, "from" },
	{ "the last second of the day", "a.example", NULL, "X", DAY + 86399,
	    "from" },
	{ "the day after: the next one that matches", "a.example", NULL, "X",
	    DAY + 86400, "never reached" },
	{ "its last second was yesterday", "a.example", NULL, "X", DAY - 1,
	    "ended" },
	{ "a name below", "x.b.example", NULL, "X", DAY, "from" },
	{ "a name far below", "x.y.b.example", NULL, "X", DAY, "from" },
	{ "not the name itself", "b.example", NULL, "X", DAY, NULL },
	{ "not a name that ends alike", "xb.example", NULL, "X", DAY, NULL },
	{ "not below a name without *", "x.a.example", NULL, "X", DAY, NULL },
	{ "all three", "c.example", "192.0.2.9", "list-id", DAY, "all three" },
	{ "all three but the author", "d.example", "192.0.2.9", "List-Id", DAY,
	    "client and header" },
	{ "all three but the header", "c.example", "192.0.2.9", "X", DAY,
	    "client" },
	{ "all three but the client", "c.example", "192.0.3.9", "List-Id", DAY,
	    NULL },
	{ "no known client", "c.example", NULL, "List-Id", DAY, NULL },
	{ "a header alone", "d.example", NULL, "x-mine", DAY, "header" },
	{ "no author", NULL, "192.0.2.9", "X-Mine", DAY, NULL },
};

static void
dmarc_override_find_takes_the_first_that_matches(void **state)
{
	const struct gp_globals globals = {
		.overrides = { sizeof(found) / sizeof(found[0]), found }
	};
	const struct gp_globals nothing = { .authserv_id = NULL };

	(void)state;
	assert_int_equal(gp_prefix_parse(GP_STR("192.0.2.0/24"), &net, NULL),
	    GP_OK);
	for (size_t i = 0; i < sizeof(found_rows) / sizeof(found_rows[0]);
	     i++) {
		const struct found_row *r = &found_rows[i];
		struct gp_field field = { .name = gp_str(r->field) };
		const struct gp_header header = { .v = &field, .n = 1 };
		struct gp_ip client = { .family = GP_IP_UNKNOWN };
		const struct gp_dmarc_mail mail = { .author = r->author,
			.client = &client,
			.header = &header };
		const struct gp_override_policy *o;

		print_message("# %s\n", r->label);
		if (r->client != NULL)
			assert_int_equal(gp_ip_parse(gp_str(r->client),
					     &client),
			    GP_OK);
		o = gp_dmarc_override_find(&globals, &mail, r->now_s);
		if (r->want == NULL)
			assert_null(o);
		else if (o == NULL || strcmp(o->name, r->want) != 0)
			fail_msg("%s", o == NULL ? "none" : o->name);
		assert_null(gp_dmarc_override_find(&nothing, &mail, DAY));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dmarc_signs_find_table),
		cmocka_unit_test(
		    dmarc_override_find_takes_the_first_that_matches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
