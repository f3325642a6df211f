/* In or out: by authentication, certificate, address, listener, or origin. */
#include "core/direction.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const listeners[] = { "ORIGINATING", "submission" };

struct row {
	const char *label, *client, *daemon, *login, *why;
	bool local, cert;
	/* of the policy */
	bool no_auth, use_certs, no_lists;
};

static const struct row rows[] = {
	{ .label = "a stranger", .client = "203.0.113.9", .why = "inbound" },
	{ .label = "no address at all", .why = "inbound" },
	{ .label = "listed network",
	    .client = "192.0.2.77",
	    .why = "trusted-client" },
	{ .label = "beside the listed network",
	    .client = "192.0.3.1",
	    .why = "inbound" },
	{ .label = "IPv4 in IPv6 is IPv4",
	    .client = "::ffff:192.0.2.77",
	    .why = "trusted-client" },
	{ .label = "listed IPv6", .client = "::1", .why = "trusted-client" },
	{ .label = "listed listener",
	    .client = "203.0.113.9",
	    .daemon = "originating",
	    .why = "trusted-listener" },
	{ .label = "other listener",
	    .client = "203.0.113.9",
	    .daemon = "smtpd",
	    .why = "inbound" },
	{ .label = "listener's name is compared whole",
	    .client = "203.0.113.9",
	    .daemon = "submissions",
	    .why = "inbound" },
	{ .label = "login",
	    .client = "203.0.113.9",
	    .login = "joe",
	    .why = "authenticated" },
	{ .label = "empty login is none",
	    .client = "203.0.113.9",
	    .login = "",
	    .why = "inbound" },
	{ .label = "logins are not believed",
	    .client = "203.0.113.9",
	    .login = "joe",
	    .no_auth = true,
	    .why = "inbound" },
	{ .label = "certificates are not asked for",
	    .client = "203.0.113.9",
	    .cert = true,
	    .why = "inbound" },
	{ .label = "certificate",
	    .client = "203.0.113.9",
	    .cert = true,
	    .use_certs = true,
	    .why = "certificate" },
	{ .label = "no certificate",
	    .client = "203.0.113.9",
	    .use_certs = true,
	    .why = "inbound" },
	{ .label = "local", .local = true, .why = "local" },
	{ .label = "local goes before all",
	    .local = true,
	    .login = "joe",
	    .client = "192.0.2.77",
	    .why = "local" },
	{ .label = "login goes before address",
	    .login = "joe",
	    .client = "192.0.2.77",
	    .why = "authenticated" },
	{ .label = "nothing is trusted",
	    .client = "192.0.2.77",
	    .daemon = "ORIGINATING",
	    .no_lists = true,
	    .why = "inbound" },
};

static const char *
decide(const struct row *row, enum gp_direction *out)
{
	struct gp_direction_facts facts = { .local = row->local,
		.daemon_name = row->daemon,
		.auth_login = row->login,
		.verified_cert = row->cert };
	struct gp_trust_policy trust = { .authenticated = !row->no_auth,
		.client_certificates = row->use_certs };
	struct gp_prefix clients[2];
	const char *why = NULL;

	assert_int_equal(gp_prefix_parse(GP_STR("192.0.2.0/24"), &clients[0],
			     NULL),
	    GP_OK);
	assert_int_equal(gp_prefix_parse(GP_STR("::1"), &clients[1], NULL),
	    GP_OK);
	if (!row->no_lists) {
		trust.clients = (struct gp_prefixes){ 2, clients };
		trust.listeners = (struct gp_strings){ 2, listeners };
	}
	if (row->client != NULL)
		assert_int_equal(gp_ip_parse(gp_str(row->client),
				     &facts.client),
		    GP_OK);
	*out = gp_direction_decide(&trust, &facts, &why);
	return why;
}

static void
direction_table_names_its_rule(void **state)
{
	enum gp_direction direction;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *why = decide(&rows[i], &direction);
		bool inbound = strcmp(rows[i].why, "inbound") == 0;

		if (strcmp(why, rows[i].why) != 0 ||
		    (direction == GP_INBOUND) != inbound)
			fail_msg("row: %s: %s", rows[i].label, why);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(direction_table_names_its_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
