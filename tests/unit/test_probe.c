/* The probe: what is sent, and what the header that comes back tells. */
#include "core/probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

static const char *const own[] = { "old.example" };
static const struct gp_strings own_ids = { 1, own };

/* The probe after its forged fields went (`kept` of them stay) and `fields`
 * came on top. */
static void
returned(struct gp_header *out, struct gp_arena *arena, size_t kept,
    const char *const *fields)
{
	struct gp_header sent;

	*out = (struct gp_header){ .n = 0 };
	for (; fields != NULL && *fields != NULL; fields++)
		gp_header_add(out, arena, GP_STR("Authentication-Results"),
		    gp_str(*fields));
	gp_probe_header(&sent, arena, "mx.example", &own_ids);
	for (size_t i = 0; i < sent.n; i++)
		if (i >= 2 - kept)
			gp_header_add(out, arena, sent.v[i].name,
			    sent.v[i].value);
}

static void
probe_has_a_forged_field_for_each_name(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_probe_found f;
	struct gp_header h;

	(void)state;
	gp_probe_header(&h, arena, "mx.example", &own_ids);
	assert_true(gp_authres_claims(h.v[0].value, "mx.example"));
	assert_true(gp_authres_claims(h.v[1].value, "old.example"));
	assert_int_equal(gp_header_count(&h, GP_STR("From")), 1);
	gp_probe_read(&h, arena, "mx.example", &f);
	assert_int_equal(f.forged, 2);
	assert_int_equal(f.strangers, 1);
	assert_int_equal(f.ours, 0);
	assert_null(f.dmarc);
	gp_arena_free(arena);
}

static void
probe_that_came_back_is_read(void **state)
{
	static const struct {
		size_t kept;
		const char *fields[4];
		struct gp_probe_found want;
	} rows[] = {
		{ 0,
		    { " mx.example; spf=none smtp.mailfrom=example.invalid; "
		      "dkim=none; dmarc=none header.from=example.invalid" },
		    { .strangers = 1,
			.ours = 1,
			.spf = "none",
			.dkim = "none",
			.dmarc = "none" } },
		{ 0,
		    { " MX.example; dkim=none policy.gatepost-seal=x",
			" mx.example; spf=temperror policy.gatepost-seal=y" },
		    { .strangers = 1,
			.ours = 2,
			.sealed = true,
			.spf = "temperror",
			.dkim = "none" } },
		{ 1, { NULL }, { .forged = 1, .strangers = 1 } },
		{ 0, { " other.example; dmarc=pass", " mx.example none;;" },
		    { .strangers = 3 } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct gp_probe_found *want = &rows[i].want;
		struct gp_arena *arena = gp_arena_new();
		struct gp_probe_found f;
		struct gp_header h;

		returned(&h, arena, rows[i].kept, rows[i].fields);
		gp_probe_read(&h, arena, "mx.example", &f);
		assert_int_equal(f.forged, want->forged);
		assert_int_equal(f.strangers, want->strangers);
		assert_int_equal(f.ours, want->ours);
		assert_int_equal(f.sealed, want->sealed);
		assert_true(gp_str_eq(gp_str(f.spf), gp_str(want->spf)));
		assert_true(gp_str_eq(gp_str(f.dkim), gp_str(want->dkim)));
		assert_true(gp_str_eq(gp_str(f.dmarc), gp_str(want->dmarc)));
		gp_arena_free(arena);
	}
}

static void
probe_comes_from_a_stranger(void **state)
{
	static const struct {
		const char *clients[4];
		const char *forwarder;
		const char *want; /* NULL: none is left */
	} rows[] = {
		{ { NULL }, NULL, "192.0.2.25" },
		{ { "192.0.2.0/24" }, NULL, "198.51.100.25" },
		{ { "192.0.2.0/24" }, "198.51.100.25", "203.0.113.25" },
		{ { "0.0.0.0/0" }, NULL, "2001:db8::25" },
		{ { "0.0.0.0/0", "::/0" }, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_trust_policy trust = { .authenticated = true };
		struct gp_prefix clients[4], forwarder;
		struct gp_ip ip;
		char text[GP_IP_TEXT];
		size_t n = 0;

		for (; rows[i].clients[n] != NULL; n++)
			assert_int_equal(
			    gp_prefix_parse(gp_str(rows[i].clients[n]),
				&clients[n], NULL),
			    GP_OK);
		trust.clients = (struct gp_prefixes){ n, clients };
		if (rows[i].forwarder != NULL) {
			assert_int_equal(gp_prefix_parse(gp_str(
							     rows[i].forwarder),
					     &forwarder, NULL),
			    GP_OK);
			trust.forwarders =
			    (struct gp_prefixes){ 1, &forwarder };
		}
		assert_int_equal(gp_probe_client(&trust, &ip),
		    rows[i].want == NULL ? GP_NONE : GP_OK);
		if (rows[i].want != NULL)
			assert_string_equal(gp_ip_format(&ip, text),
			    rows[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probe_has_a_forged_field_for_each_name),
		cmocka_unit_test(probe_that_came_back_is_read),
		cmocka_unit_test(probe_comes_from_a_stranger),
	};

	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
