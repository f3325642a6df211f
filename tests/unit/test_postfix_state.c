/* What is remembered of an instance, and the services that postconf lists. */
#include "core/postfix_master.h"
#include "core/postfix_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define SUM         "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEAD        "gatepost-postfix 1\nconfig /etc/postfix\n"

static void
state_written_is_read_again(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_postfix_state s = { .config_dir = "/etc/postfix",
		.main = { "main.cf.gatepost-1", SUM, SUM },
		.member = "_gatepost" };
	struct gp_postfix_state again;
	struct gp_err err;
	struct gp_buf b;

	(void)state;
	gp_postfix_items_init(&s.items, arena);
	gp_postfix_items_add(&s.items,
	    &(struct gp_postfix_item){ .service = "submission/inet",
		.name = "x",
		.after = "a b = c, { d }" });
	gp_postfix_items_add(&s.items,
	    &(struct gp_postfix_item){ .name = "y", .after = "", .old = "" });
	gp_buf_init(&b, SIZE_MAX);
	gp_postfix_state_format(&s, &b);
	assert_int_equal(gp_postfix_state_parse(gp_buf_str(&b), arena, &again,
			     &err),
	    GP_OK);
	assert_string_equal(again.config_dir, "/etc/postfix");
	assert_string_equal(again.main.backup, "main.cf.gatepost-1");
	assert_string_equal(again.main.before, SUM);
	assert_string_equal(again.main.after, SUM);
	assert_null(again.master.backup);
	assert_string_equal(again.member, "_gatepost");
	assert_null(again.mount);
	assert_int_equal(again.items.n, 2);
	assert_string_equal(again.items.v[0].service, "submission/inet");
	assert_string_equal(again.items.v[0].after, "a b = c, { d }");
	assert_null(again.items.v[0].old);
	assert_null(again.items.v[1].service);
	assert_string_equal(again.items.v[1].after, "");
	assert_string_equal(again.items.v[1].old, "");
	gp_buf_clear(&b);
	gp_arena_free(arena);
}

static void
state_that_is_damaged_is_refused(void **state)
{
	static const char *const bad[] = { "", "\n",
		"gatepost-postfix 2\nend\n", "gatepost-postfix 1\nend\n", HEAD,
		HEAD "en\n", HEAD "end\nmore\n", HEAD "config /b\nend\n",
		HEAD "what x\nend\n", HEAD "main\nend\n", HEAD "main x\nend\n",
		HEAD "main x\nold y\nend\n", HEAD "main x y\nwrote\nend\n",
		HEAD "main x\nwrote a\nwrote b\nend\n", HEAD "wrote a\nend\n",
		HEAD "service s\nwrote a\nend\n",
		HEAD "main x\nmain y\nwrote a\nend\n",
		HEAD "main x\nwrote a\nmember b\nend\n",
		HEAD "main-before 12\nend\n",
		HEAD "main-backup ../../etc/shadow\nend\n",
		HEAD "main-backup .hidden\nend\n", HEAD "member \nend\n",
		HEAD "main-after " SUM "0\nend\n" };
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < ROWS(bad); i++) {
		struct gp_postfix_state s;
		struct gp_err err;

		if (gp_postfix_state_parse(gp_str(bad[i]), arena, &s, &err) !=
		    GP_PERM)
			fail_msg("%s", bad[i]);
	}
	gp_arena_free(arena);
}

static void
state_file_has_a_name_of_its_own(void **state)
{
	static const struct {
		const char *dir, *name;
	} rows[] = { { "/etc/postfix", "etc%2Fpostfix.state" },
		{ "/etc/postfix-out", "etc%2Fpostfix-out.state" },
		{ "/a/../b c", "a%2F%2E%2E%2Fb%20c.state" } };

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct gp_buf b;

		gp_buf_init(&b, SIZE_MAX);
		gp_postfix_state_name(rows[i].dir, &b);
		assert_string_equal(gp_buf_cstr(&b), rows[i].name);
		gp_buf_clear(&b);
	}
}

struct use_row {
	const char *line, *overrides;
	enum gp_postfix_use use;
};

static const struct use_row uses[] = {
	{ "smtp inet n - y - - smtpd", "", GP_POSTFIX_INBOUND },
	{ "25 inet n - y - - smtpd", "25/inet/smtpd_sasl_auth_enable = yes",
	    GP_POSTFIX_INBOUND },
	{ "127.0.0.1:25 inet n - y - - smtpd", "", GP_POSTFIX_INBOUND },
	{ "[::1]:smtp inet n - y - - smtpd", "", GP_POSTFIX_INBOUND },
	{ "smtpd pass - - y - - smtpd", "", GP_POSTFIX_INBOUND },
	{ "smtp inet n - y - 1 postscreen", "", GP_POSTFIX_NO_SMTPD },
	{ "smtp unix - - y - - smtp", "", GP_POSTFIX_NO_SMTPD },
	{ "submission inet n - y - - smtpd", "", GP_POSTFIX_SUBMISSION },
	{ "submissions inet n - y - - smtpd", "", GP_POSTFIX_SUBMISSION },
	{ "smtps inet n - y - - smtpd", "", GP_POSTFIX_SUBMISSION },
	{ "[2001:db8::1]:587 inet n - y - - smtpd", "", GP_POSTFIX_SUBMISSION },
	{ "1.2.3.4:465 inet n - y - - smtpd", "", GP_POSTFIX_SUBMISSION },
	{ "10587 inet n - y - - smtpd",
	    "10587/inet/smtpd_sasl_auth_enable = yes", GP_POSTFIX_SUBMISSION },
	{ "10587 inet n - y - - smtpd",
	    "10587/inet/milter_macro_daemon_name = ORIGINATING",
	    GP_POSTFIX_SUBMISSION },
	{ "10025 inet n - y - - smtpd", "", GP_POSTFIX_OTHER },
	{ "10025 inet n - y - - smtpd",
	    "10025/inet/smtpd_sasl_auth_enable = no", GP_POSTFIX_OTHER },
	{ "10587 inet n - y - - smtpd", "587/inet/smtpd_sasl_auth_enable = yes",
	    GP_POSTFIX_OTHER },
};

static void
service_table_says_what_each_is_for(void **state)
{
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < ROWS(uses); i++) {
		struct gp_postfix_services all;

		gp_postfix_services_read(arena, gp_str(uses[i].line),
		    gp_str(uses[i].overrides), &all);
		assert_int_equal(all.n, 1);
		if (gp_postfix_use(&all.v[0]) != uses[i].use)
			fail_msg("%s", uses[i].line);
	}
	gp_arena_free(arena);
}

static void
service_lines_that_are_none_are_left_out(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_postfix_services all;

	(void)state;
	gp_postfix_services_read(arena,
	    GP_STR("\nsmtp inet n -\n# x\nsmtp      inet  n       -       y  "
		   "     -       -       smtpd -o a=b\n"),
	    GP_STR("smtp/inet/a = b = c\nno = such\nother/inet/a = b\n=\n"),
	    &all);
	assert_int_equal(all.n, 1);
	assert_string_equal(all.v[0].name, "smtp/inet");
	assert_int_equal(all.v[0].n_overrides, 1);
	assert_string_equal(gp_postfix_override_of(&all.v[0], "a"), "b = c");
	assert_null(gp_postfix_override_of(&all.v[0], "b"));
	gp_arena_free(arena);
}

static void
service_in_a_chroot_is_one_that_talks_to_milters(void **state)
{
	static const struct {
		const char *line, *level;
		bool chrooted;
	} rows[] = {
		{ "smtp inet n - y - - smtpd", "3.6", true },
		{ "smtp inet n - n - - smtpd", "0", false },
		{ "smtp inet n - - - - smtpd", "3.6", false },
		{ "smtp inet n - - - - smtpd", "1", false },
		{ "smtp inet n - - - - smtpd", "0", true },
		{ "smtp inet n - - - - smtpd", "", true },
		{ "cleanup unix n - y - 0 cleanup", "3.6", true },
		{ "smtp unix - - y - - smtp", "3.6", false },
	};
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct gp_postfix_services all;

		gp_postfix_services_read(arena, gp_str(rows[i].line),
		    gp_str(""), &all);
		if (gp_postfix_chrooted(&all, rows[i].level) !=
		    rows[i].chrooted)
			fail_msg("%s, level %s", rows[i].line, rows[i].level);
	}
	gp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_written_is_read_again),
		cmocka_unit_test(state_that_is_damaged_is_refused),
		cmocka_unit_test(state_file_has_a_name_of_its_own),
		cmocka_unit_test(service_table_says_what_each_is_for),
		cmocka_unit_test(service_lines_that_are_none_are_left_out),
		cmocka_unit_test(
		    service_in_a_chroot_is_one_that_talks_to_milters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
