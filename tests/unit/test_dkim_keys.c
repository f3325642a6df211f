/* Signing keys: opened with the policy, kept in memory, promoted by DNS. */
#include "base/time.h"
#include "io/policy_file.h"
#include "mta/dkim_keys.h"
#include "support/dkim_pem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* 2026-12-01 00:00 UTC, and a second before and after. */
#define THE_DAY 1796083200

struct lab {
	char dir[64];
	struct gp_config *config;
	struct gp_dkim_keys *keys;
	struct gp_dns *dns;
	struct gp_arena *arena;
	struct gp_problems problems;
	struct gp_metrics *metrics;
};

static int
setup(void **state)
{
	struct lab *l = calloc(1, sizeof(*l));

	(void)snprintf(l->dir, sizeof(l->dir), "/tmp/gatepost-keys-XXXXXX");
	assert_non_null(mkdtemp(l->dir));
	dkim_pem_write(l->dir, "a.pem", DKIM_PEM_RSA_A);
	dkim_pem_write(l->dir, "b.pem", DKIM_PEM_RSA_B);
	dkim_pem_write(l->dir, "ed.pem", DKIM_PEM_ED25519);
	l->arena = gp_arena_new();
	l->metrics = gp_metrics_new("dkim");
	gp_problems_init(&l->problems);
	*state = l;
	return 0;
}

static void
remove_file(const struct lab *l, const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", l->dir, name);
	(void)unlink(path);
}

static int
teardown(void **state)
{
	struct lab *l = *state;

	gp_dkim_keys_close(l->keys);
	gp_config_unref(l->config);
	gp_dns_close(l->dns);
	gp_arena_free(l->arena);
	gp_metrics_free(l->metrics);
	gp_problems_clear(&l->problems);
	remove_file(l, "a.pem");
	remove_file(l, "b.pem");
	remove_file(l, "ed.pem");
	(void)rmdir(l->dir);
	free(l);
	return 0;
}

/* A policy text in which each "@" stands for the folder. */
static struct gp_config *
parse(struct lab *l, const char *text)
{
	struct gp_config *config;
	struct gp_buf full;

	gp_buf_init(&full, 65536);
	for (; *text != '\0'; text++) {
		if (*text == '@')
			gp_buf_adds(&full, l->dir);
		else
			gp_buf_addc(&full, *text);
	}
	if (gp_policy_parse(gp_buf_str(&full), "p.conf", &config,
		&l->problems) != GP_OK)
		fail_msg("%s", gp_buf_cstr(&l->problems.text));
	gp_buf_clear(&full);
	return config;
}

static enum gp_rc
open_keys(struct lab *l, const char *text)
{
	l->config = parse(l, text);
	return gp_dkim_keys_open(l->config, NULL, l->metrics, &l->keys,
	    &l->problems);
}

static void
open_zone(struct lab *l, const char *text)
{
	struct gp_err err;

	gp_dns_close(l->dns);
	if (gp_dns_open_zone(gp_str(text), NULL, &l->dns, &err) != GP_OK)
		fail_msg("%s", err.msg);
}

/* "s._domainkey.example.com. TXT ..." in strings of 200 octets. */
static char *
zone_line(enum dkim_pem which, const char *before)
{
	char *record = dkim_pem_record(which);
	struct gp_buf text;
	char *copy;

	gp_buf_init(&text, 8192);
	gp_buf_addf(&text, "%sb._domainkey.example.com. TXT", before);
	for (size_t i = 0, n = strlen(record); i < n; i += 200)
		gp_buf_addf(&text, " \"%.200s\"", record + i);
	gp_buf_addc(&text, '\n');
	copy = strdup(gp_buf_cstr(&text));
	gp_buf_clear(&text);
	free(record);
	return copy;
}

static const struct gp_policy *
block(const struct lab *l, const char *domain)
{
	return gp_policy_for(l->config, domain);
}

/* The keys of example.com that sign: their selectors, each with a blank. */
static const char *
signing(struct lab *l)
{
	size_t n;
	const struct gp_dkim_key *k =
	    gp_dkim_keys_of(l->keys, block(l, "example.com"), l->arena, &n);
	const char *text = "";

	for (size_t i = 0; i < n; i++)
		if (k[i].signs)
			text = gp_arena_printf(l->arena, "%s%s ", text,
			    k[i].policy->selector);
	return text;
}

static void
promote(struct lab *l, int64_t now_s)
{
	struct gp_dns_scope scope = { .dns = l->dns,
		.arena = gp_arena_new(),
		.deadline_us = GP_NEVER_US,
		.budget = 8 };

	gp_dkim_keys_promote(l->keys, block(l, "example.com"), &scope, now_s);
	gp_arena_free(scope.arena);
}

/* -- opening ----------------------------------------------------------- */

static void
dkim_keys_active_ones_sign_in_the_order_of_the_file(void **state)
{
	struct lab *l = *state;

	assert_int_equal(
	    open_keys(l,
		"domain \"other.example\" { key \"x\" { file = \"@/b.pem\" } "
		"}\n"
		"domain \"example.com\" {\n"
		"  key \"e\" { file = \"@/ed.pem\" algorithm = ed25519-sha256 "
		"}\n"
		"  key \"a\" { file = \"@/a.pem\" algorithm = rsa-sha256 }\n"
		"  key \"s\" { file = \"@/b.pem\" state = staged }\n"
		"  key \"r\" { file = \"/gone\" state = retired } }\n"),
	    GP_OK);
	assert_string_equal(signing(l), "e a ");
	assert_int_equal(gp_metrics_get(l->metrics, GP_M_DKIM_KEYS, 0), 3);
	assert_int_equal(gp_metrics_get(l->metrics, GP_M_DKIM_KEYS, 1), 1);
	assert_int_equal(gp_metrics_get(l->metrics, GP_M_DKIM_KEYS, 2), 1);
}

static void
dkim_keys_algorithms_switch_keys_off(void **state)
{
	struct lab *l = *state;

	assert_int_equal(
	    open_keys(l,
		"domain \"example.com\" { algorithms = { rsa-sha256 }\n"
		"  key \"e\" { file = \"@/ed.pem\" }\n"
		"  key \"a\" { file = \"@/a.pem\" } }\n"),
	    GP_OK);
	assert_string_equal(signing(l), "a ");
}

static void
dkim_keys_all_problems_come_in_one_run_with_their_lines(void **state)
{
	struct lab *l = *state;
	const char *text;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/a.pem", l->dir);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(open_keys(l, "domain \"example.com\" {\n"
				      "  key \"a\" { file = \"@/a.pem\" }\n"
				      "  key \"g\" { file = \"@/gone.pem\" }\n"
				      "  key \"e\" { file = \"@/ed.pem\""
				      " algorithm = rsa-sha256 }\n"
				      "  key \"b\" { file = \"@/b.pem\" } }\n"),
	    GP_PERM);
	assert_null(l->keys);
	assert_int_equal(l->problems.count, 3);
	text = gp_buf_cstr(&l->problems.text);
	assert_non_null(strstr(text, "p.conf:2:"));
	assert_non_null(strstr(text, "chmod"));
	assert_non_null(strstr(text, "p.conf:3:"));
	assert_non_null(strstr(text, "gone.pem"));
	assert_non_null(strstr(text, "p.conf:4:"));
	assert_non_null(strstr(text, "ed25519-sha256"));
}

static void
dkim_keys_vanished_file_works_on_and_fails_the_reload(void **state)
{
	static const char text[] =
	    "domain \"example.com\" { key \"a\" { file = \"@/a.pem\" } }\n";
	struct lab *l = *state;
	struct gp_dkim_keys *fresh;
	struct gp_config *config;
	uint8_t sig[GP_SIGNATURE_BYTES];
	const uint8_t hash[GP_SHA256_BYTES] = { 1 };
	const struct gp_dkim_key *k;
	size_t n;

	assert_int_equal(open_keys(l, text), GP_OK);
	remove_file(l, "a.pem");
	config = parse(l, text);
	assert_int_equal(gp_dkim_keys_open(config, l->keys, l->metrics, &fresh,
			     &l->problems),
	    GP_PERM);
	assert_null(fresh);
	gp_config_unref(config);
	k = gp_dkim_keys_of(l->keys, block(l, "example.com"), l->arena, &n);
	assert_int_equal(gp_private_key_sign(k[0].key, hash, sig, &n), GP_OK);
	assert_int_equal(n, 256);
}

/* -- promotion --------------------------------------------------------- */

#define STAGED                                                                 \
	"domain \"example.com\" {\n"                                           \
	"  key \"a\" { file = \"@/a.pem\" }\n"                                 \
	"  key \"b\" { file = \"@/b.pem\" state = staged"                      \
	" activate-after = \"2026-12-01\" } }\n"

struct promote_row {
	const char *label, *policy;
	enum dkim_pem published;
	const char *before; /* of the published record, in the zone */
	int64_t now_s;
	const char *signs;
};

static const struct promote_row promote_rows[] = {
	{ "DNS has this very key", STAGED, DKIM_PEM_RSA_B, "", THE_DAY,
	    "a b " },
	{ "not before the day", STAGED, DKIM_PEM_RSA_B, "", THE_DAY - 1, "a " },
	{ "another key under the selector", STAGED, DKIM_PEM_RSA_A, "", THE_DAY,
	    "a " },
	{ "another type of key", STAGED, DKIM_PEM_ED25519, "", THE_DAY, "a " },
	{ "the record has another name", STAGED, DKIM_PEM_RSA_B, "x", THE_DAY,
	    "a " },
	{ "revoked beside it", STAGED, DKIM_PEM_RSA_B,
	    "b._domainkey.example.com. TXT \"v=DKIM1; p=\"\n", THE_DAY, "a " },
	{ "what is no key record does not matter", STAGED, DKIM_PEM_RSA_B,
	    "b._domainkey.example.com. TXT \"hello\"\n", THE_DAY, "a b " },
	{ "without a day it stays staged",
	    "domain \"example.com\" { key \"b\" { file = \"@/b.pem\""
	    " state = staged } }\n",
	    DKIM_PEM_RSA_B, "", THE_DAY, "" },
	{ "DNS is not asked where it is not required",
	    "domain \"example.com\" { key \"b\" { file = \"@/b.pem\""
	    " state = staged activate-after = \"2026-12-01\""
	    " require-dns = no } }\n",
	    DKIM_PEM_RSA_A, "", THE_DAY, "b " },
};

static void
dkim_keys_staged_is_promoted_by_day_and_dns(void **state)
{
	for (size_t i = 0; i < sizeof(promote_rows) / sizeof(promote_rows[0]);
	     i++) {
		const struct promote_row *r = &promote_rows[i];
		char *zone = zone_line(r->published, r->before);
		struct lab *l = *state;

		print_message("# %s\n", r->label);
		open_zone(l, zone);
		assert_int_equal(open_keys(l, r->policy), GP_OK);
		promote(l, r->now_s);
		assert_string_equal(signing(l), r->signs);
		gp_dkim_keys_close(l->keys);
		gp_config_unref(l->config);
		l->keys = NULL;
		l->config = NULL;
		free(zone);
	}
}

static void
dkim_keys_dns_trouble_promotes_nothing_and_is_not_asked_again(void **state)
{
	char *zone = zone_line(DKIM_PEM_RSA_B, "");
	struct lab *l = *state;

	open_zone(l, "b._domainkey.example.com. * !SERVFAIL\n");
	assert_int_equal(open_keys(l, STAGED), GP_OK);
	promote(l, THE_DAY);
	assert_string_equal(signing(l), "a ");
	open_zone(l, zone); /* there by now, but within the same minute */
	promote(l, THE_DAY);
	assert_string_equal(signing(l), "a ");
	free(zone);
}

static void
dkim_keys_reload_remembers_what_was_promoted(void **state)
{
	char *zone = zone_line(DKIM_PEM_RSA_B, "");
	struct lab *l = *state;
	struct gp_dkim_keys *old;
	struct gp_config *old_config;

	open_zone(l, zone);
	assert_int_equal(open_keys(l, STAGED), GP_OK);
	promote(l, THE_DAY);
	old = l->keys;
	old_config = l->config;
	l->config = parse(l, STAGED);
	assert_int_equal(gp_dkim_keys_open(l->config, old, l->metrics, &l->keys,
			     &l->problems),
	    GP_OK);
	assert_ptr_equal(gp_dkim_keys_cache(old), gp_dkim_keys_cache(l->keys));
	assert_string_equal(signing(l), "a b ");
	gp_dkim_keys_close(old);
	gp_config_unref(old_config);

	/* another key in the file of that name is not the one DNS had */
	dkim_pem_write(l->dir, "b.pem", DKIM_PEM_ED25519);
	old = l->keys;
	old_config = l->config;
	l->config = parse(l, STAGED);
	assert_int_equal(gp_dkim_keys_open(l->config, old, l->metrics, &l->keys,
			     &l->problems),
	    GP_OK);
	assert_string_equal(signing(l), "a ");
	gp_dkim_keys_close(old);
	gp_config_unref(old_config);
	free(zone);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(dkim_keys_active_ones_sign_in_the_order_of_the_file),
		T(dkim_keys_algorithms_switch_keys_off),
		T(dkim_keys_all_problems_come_in_one_run_with_their_lines),
		T(dkim_keys_vanished_file_works_on_and_fails_the_reload),
		T(dkim_keys_staged_is_promoted_by_day_and_dns),
		T(dkim_keys_dns_trouble_promotes_nothing_and_is_not_asked_again),
		T(dkim_keys_reload_remembers_what_was_promoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
