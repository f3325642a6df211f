/* What is set in main.cf and master.cf, and what is taken back. */
#include "core/postfix_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define SMTP        "smtp inet n - y - - smtpd\ncleanup unix n - y - 0 cleanup\n"
#define MSA         "submission inet n - y - - smtpd -o x=y\n"
#define ONE(n, a)                                                              \
	"{ unix:$gatepost_socket_dir/" n                                       \
	"/milter.sock, connect_timeout=5s, default_action=" a " }"

/* A run of the plan, as text. */
struct lab {
	struct gp_arena *arena;
	struct gp_postfix_items main, wrote;
	struct gp_postfix_services services;
	struct gp_buf notes;
	struct gp_postfix_plan plan;
	struct gp_err err;
};

static void
lab_open(struct lab *l, const char *main_cf, const char *services,
    const char *overrides)
{
	*l = (struct lab){ .arena = gp_arena_new() };
	gp_buf_init(&l->notes, SIZE_MAX);
	l->plan.notes = &l->notes;
	gp_postfix_items_init(&l->main, l->arena);
	gp_postfix_items_init(&l->wrote, l->arena);
	gp_postfix_items_read(&l->main, gp_str(main_cf));
	gp_postfix_services_read(l->arena, gp_str(services), gp_str(overrides),
	    &l->services);
}

static void
lab_close(struct lab *l)
{
	gp_buf_clear(&l->notes);
	gp_arena_free(l->arena);
}

static struct gp_postfix_now
now(const struct lab *l)
{
	return (struct gp_postfix_now){ .main = &l->main,
		.services = &l->services,
		.wrote = &l->wrote };
}

static enum gp_rc
enable(struct lab *l, struct gp_postfix_wish wish)
{
	const struct gp_postfix_now n = now(l);

	for (size_t i = 0; i < GP_POSTFIX_DAEMONS; i++)
		wish.daemons[i] = true;
	wish.socket_dir = "/run/gatepost";
	gp_buf_reset(&l->notes);
	return gp_postfix_plan_enable(&n, &wish, l->arena, &l->plan, &l->err);
}

static void
disable(struct lab *l, bool force)
{
	const struct gp_postfix_now n = now(l);

	gp_buf_reset(&l->notes);
	gp_postfix_plan_disable(&n, force, l->arena, &l->plan);
}

static const char *
after(const struct lab *l, const char *service, const char *name)
{
	const struct gp_postfix_item *item =
	    gp_postfix_items_find(&l->plan.items, service, name);

	return item == NULL          ? "(untouched)"
	       : item->after == NULL ? "(none)"
	                             : item->after;
}

/* Set it as postconf would. */
static void
set_service(struct lab *l, const struct gp_postfix_item *item)
{
	struct gp_postfix_service *s = NULL;
	struct gp_postfix_override *v;
	size_t n = 0;

	for (size_t i = 0; i < l->services.n; i++)
		if (strcmp(l->services.v[i].name, item->service) == 0)
			s = &l->services.v[i];
	assert_non_null(s);
	v = gp_arena_alloc(l->arena, (s->n_overrides + 1) * sizeof(*v));
	for (size_t i = 0; i < s->n_overrides; i++)
		if (strcmp(s->overrides[i].name, item->name) != 0)
			v[n++] = s->overrides[i];
	if (item->after != NULL)
		v[n++] = (struct gp_postfix_override){ .name = item->name,
			.value = item->after };
	s->overrides = v;
	s->n_overrides = n;
}

static void
set_main(struct lab *l, const char *name, const char *value)
{
	struct gp_postfix_items next;

	gp_postfix_items_init(&next, l->arena);
	for (size_t i = 0; i < l->main.n; i++)
		if (strcmp(l->main.v[i].name, name) != 0)
			gp_postfix_items_add(&next, &l->main.v[i]);
	if (value != NULL)
		gp_postfix_items_add(&next,
		    &(struct gp_postfix_item){ .name = name, .before = value });
	l->main = next;
}

/* The plan is carried out, and remembered when `remember`. */
static void
carry_out(struct lab *l, bool remember)
{
	gp_postfix_items_init(&l->wrote, l->arena);
	for (size_t i = 0; i < l->plan.items.n; i++) {
		const struct gp_postfix_item *item = &l->plan.items.v[i];

		if (item->service != NULL)
			set_service(l, item);
		else
			set_main(l, item->name, item->after);
		if (remember && item->after != NULL)
			gp_postfix_items_add(&l->wrote, item);
	}
}

/* All settings, in order of their names. */
static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static char *
settings(const struct lab *l)
{
	const char *lines[64];
	struct gp_buf b;
	size_t n = 0;
	char *text;

	for (size_t i = 0; i < l->main.n; i++)
		lines[n++] = gp_arena_printf(l->arena, "%s = %s",
		    l->main.v[i].name, l->main.v[i].before);
	for (size_t i = 0; i < l->services.n; i++)
		for (size_t k = 0; k < l->services.v[i].n_overrides; k++)
			lines[n++] = gp_arena_printf(l->arena, "%s/%s = %s",
			    l->services.v[i].name,
			    l->services.v[i].overrides[k].name,
			    l->services.v[i].overrides[k].value);
	qsort(lines, n, sizeof(lines[0]), by_name);
	gp_buf_init(&b, SIZE_MAX);
	for (size_t i = 0; i < n; i++)
		gp_buf_addf(&b, "%s\n", lines[i]);
	text = gp_arena_strdup(l->arena, gp_buf_cstr(&b));
	gp_buf_clear(&b);
	return text;
}

static const struct gp_postfix_wish both = { .mx = true, .submission = true };
static const struct gp_postfix_wish mx = { .mx = true };
static const struct gp_postfix_wish submission = { .submission = true };

/* -- roles ---------------------------------------------------------------- */

static void
plan_of_both_gives_each_port_its_list(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, "", SMTP MSA, "submission/inet/x = y\n");
	assert_int_equal(enable(&l, both), GP_OK);
	assert_string_equal(after(&l, NULL, "gatepost_socket_dir"),
	    "/run/gatepost");
	assert_string_equal(after(&l, NULL, GP_POSTFIX_INBOUND_LIST),
	    ONE("spf", "accept") ", " ONE("dkim", "accept") ", " ONE("dmarc",
		"accept") ", " ONE("rate", "accept"));
	assert_string_equal(after(&l, NULL, GP_POSTFIX_SUBMISSION_LIST),
	    ONE("spf", "accept") ", " ONE("dkim", "tempfail") ", " ONE("dmarc",
		"accept") ", " ONE("rate", "tempfail"));
	assert_string_equal(after(&l, NULL, GP_POSTFIX_LOCAL_LIST),
	    ONE("dkim", "tempfail") ", " ONE("dmarc", "accept") ", " ONE("rate",
		"tempfail"));
	assert_string_equal(after(&l, NULL, "smtpd_milters"),
	    "$gatepost_inbound_milters");
	assert_string_equal(after(&l, NULL, "non_smtpd_milters"),
	    "$gatepost_local_milters");
	assert_string_equal(after(&l, "submission/inet",
				GP_POSTFIX_INBOUND_LIST),
	    "$gatepost_submission_milters");
	assert_string_equal(after(&l, "submission/inet",
				"milter_macro_daemon_name"),
	    "ORIGINATING");
	assert_string_equal(after(&l, "submission/inet", "smtpd_milters"),
	    "(untouched)");
	assert_string_equal(after(&l, "smtp/inet", "smtpd_milters"),
	    "(untouched)");
	assert_string_equal(gp_buf_cstr(&l.notes), "");
	lab_close(&l);
}

static void
plan_of_mx_leaves_submission_and_limits_out(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, "", SMTP MSA, "");
	assert_int_equal(enable(&l, mx), GP_OK);
	assert_string_equal(after(&l, NULL, GP_POSTFIX_INBOUND_LIST),
	    ONE("spf", "accept") ", " ONE("dkim", "accept") ", " ONE("dmarc",
		"accept"));
	assert_string_equal(after(&l, NULL, GP_POSTFIX_SUBMISSION_LIST),
	    "(untouched)");
	assert_string_equal(after(&l, NULL, GP_POSTFIX_LOCAL_LIST),
	    ONE("dkim", "tempfail") ", " ONE("dmarc", "accept"));
	assert_string_equal(after(&l, "submission/inet",
				GP_POSTFIX_INBOUND_LIST),
	    "(untouched)");
	lab_close(&l);
}

static void
plan_of_submission_gives_port_25_an_empty_list(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, "smtpd_milters = inet:a:1\n", SMTP MSA, "");
	assert_int_equal(enable(&l, submission), GP_OK);
	assert_string_equal(after(&l, NULL, GP_POSTFIX_INBOUND_LIST), "");
	assert_string_equal(after(&l, NULL, GP_POSTFIX_SUBMISSION_LIST),
	    ONE("dkim", "tempfail") ", " ONE("dmarc", "accept") ", " ONE("rate",
		"tempfail"));
	assert_string_equal(after(&l, NULL, "smtpd_milters"),
	    "$gatepost_inbound_milters, inet:a:1");
	lab_close(&l);
	/* nobody needs that where the service has a list of its own */
	lab_open(&l, "smtpd_milters = inet:a:1\n", SMTP MSA,
	    "submission/inet/smtpd_milters = inet:b:2\n");
	assert_int_equal(enable(&l, submission), GP_OK);
	assert_string_equal(after(&l, NULL, GP_POSTFIX_INBOUND_LIST),
	    "(untouched)");
	assert_string_equal(after(&l, NULL, "smtpd_milters"), "(untouched)");
	assert_string_equal(after(&l, "submission/inet", "smtpd_milters"),
	    "$gatepost_submission_milters,inet:b:2");
	lab_close(&l);
	/* nor where there is no such service */
	lab_open(&l, "", SMTP, "");
	assert_int_equal(enable(&l, submission), GP_OK);
	assert_string_equal(after(&l, NULL, "smtpd_milters"), "(untouched)");
	assert_non_null(strstr(gp_buf_cstr(&l.notes), "no service"));
	lab_close(&l);
}

static void
plan_of_failure_is_by_task_or_as_told(void **state)
{
	struct gp_postfix_wish wish = both;
	struct lab l;

	(void)state;
	lab_open(&l, "", SMTP MSA, "");
	wish.failure = GP_POSTFIX_OPEN;
	assert_int_equal(enable(&l, wish), GP_OK);
	assert_null(
	    strstr(after(&l, NULL, GP_POSTFIX_SUBMISSION_LIST), "tempfail"));
	assert_null(strstr(after(&l, NULL, GP_POSTFIX_LOCAL_LIST), "tempfail"));
	wish.failure = GP_POSTFIX_CLOSED;
	assert_int_equal(enable(&l, wish), GP_OK);
	assert_null(strstr(after(&l, NULL, GP_POSTFIX_INBOUND_LIST), "accept"));
	assert_null(
	    strstr(after(&l, NULL, GP_POSTFIX_SUBMISSION_LIST), "accept"));
	lab_close(&l);
}

/* -- what others have there ----------------------------------------------- */

struct inverse_row {
	const char *label, *main, *services, *overrides;
	const char *smtpd; /* of main.cf, when enabled */
};

static const struct inverse_row inverses[] = {
	{ "nothing", "", SMTP, "", "$gatepost_inbound_milters" },
	{ "empty values", "smtpd_milters = \nnon_smtpd_milters =\n", SMTP, "",
	    "$gatepost_inbound_milters" },
	{ "others", "smtpd_milters = inet:a:1, { unix:/b, x=y } $c\n", SMTP, "",
	    "$gatepost_inbound_milters, inet:a:1, { unix:/b, x=y } $c" },
	{ "odd separators", "smtpd_milters = a   b ,c\n", SMTP, "",
	    "$gatepost_inbound_milters, a   b ,c" },
	{ "submission", "", SMTP MSA, "submission/inet/x = y\n",
	    "$gatepost_inbound_milters" },
	{ "a list of its own", "smtpd_milters = a\n", SMTP MSA,
	    "submission/inet/smtpd_milters = inet:b:2\n"
	    "submission/inet/milter_macro_daemon_name = MSA\n",
	    "$gatepost_inbound_milters, a" },
	{ "an empty list of its own", "", SMTP MSA,
	    "submission/inet/smtpd_milters = \n", "$gatepost_inbound_milters" },
	{ "port 25 with a list of its own", "", SMTP,
	    "smtp/inet/smtpd_milters = inet:b:2\n",
	    "$gatepost_inbound_milters" },
	{ "a reference of local mail",
	    "smtpd_milters = a\nnon_smtpd_milters = $smtpd_milters\n", SMTP, "",
	    "$gatepost_inbound_milters, a" },
	{ "postscreen", "",
	    "smtp inet n - y - 1 postscreen\nsmtpd pass - - y - - smtpd\n",
	    "smtpd/pass/smtpd_milters = a\n", "$gatepost_inbound_milters" },
};

/* Whether or not the state is remembered, or all is done twice. */
static void
plan_disable_is_the_inverse_of_enable(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(inverses); i++)
		for (int remember = 0; remember < 2; remember++) {
			const struct inverse_row *row = &inverses[i];
			struct lab l;
			const char *before, *enabled;

			print_message("# %s\n", row->label);
			lab_open(&l, row->main, row->services, row->overrides);
			before = settings(&l);
			assert_int_equal(enable(&l, both), GP_OK);
			assert_string_equal(after(&l, NULL, "smtpd_milters"),
			    row->smtpd);
			assert_true(gp_postfix_items_change(&l.plan.items));
			carry_out(&l, true);
			enabled = settings(&l);
			assert_int_equal(enable(&l, both), GP_OK);
			assert_false(gp_postfix_items_change(&l.plan.items));
			carry_out(&l, remember != 0);
			assert_string_equal(settings(&l), enabled);
			disable(&l, false);
			carry_out(&l, false);
			if (remember != 0)
				assert_string_equal(settings(&l), before);
			assert_null(strstr(settings(&l), "gatepost"));
			disable(&l, false);
			assert_false(gp_postfix_items_change(&l.plan.items));
			lab_close(&l);
		}
}

static void
plan_change_of_role_takes_back_what_is_not_wanted(void **state)
{
	static const struct gp_postfix_wish *const roles[] = { &both, &mx,
		&submission };
	struct lab l;

	(void)state;
	for (size_t from = 0; from < ROWS(roles); from++)
		for (size_t to = 0; to < ROWS(roles); to++) {
			const char *straight, *before;

			lab_open(&l, "smtpd_milters = a\n", SMTP MSA,
			    "submission/inet/x = y\n");
			before = settings(&l);
			assert_int_equal(enable(&l, *roles[to]), GP_OK);
			carry_out(&l, true);
			straight = settings(&l);
			disable(&l, false);
			carry_out(&l, false);
			assert_int_equal(enable(&l, *roles[from]), GP_OK);
			carry_out(&l, true);
			assert_int_equal(enable(&l, *roles[to]), GP_OK);
			carry_out(&l, true);
			assert_string_equal(settings(&l), straight);
			disable(&l, false);
			carry_out(&l, false);
			assert_string_equal(settings(&l), before);
			lab_close(&l);
		}
}

static void
plan_local_mail_that_follows_smtpd_is_not_seen_twice(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, "non_smtpd_milters = $smtpd_milters\n", SMTP, "");
	assert_int_equal(enable(&l, both), GP_OK);
	assert_string_equal(after(&l, NULL, "non_smtpd_milters"),
	    "(untouched)");
	assert_string_equal(after(&l, NULL, GP_POSTFIX_LOCAL_LIST),
	    "(untouched)");
	assert_non_null(strstr(gp_buf_cstr(&l.notes), "$smtpd_milters"));
	lab_close(&l);
}

static void
plan_services_that_take_no_milters_stay(void **state)
{
	static const char services[] =
	    SMTP "127.0.0.1:10025 inet n - n - - smtpd\n"
		 "10026 inet n - n - - smtpd\n" MSA;
	struct lab l;

	(void)state;
	lab_open(&l, "", services,
	    "127.0.0.1:10025/inet/receive_override_options = no_milters\n"
	    "smtp/inet/smtpd_milters =\n"
	    "submission/inet/receive_override_options = a,no_milters\n");
	assert_int_equal(enable(&l, both), GP_OK);
	assert_string_equal(after(&l, "submission/inet",
				GP_POSTFIX_INBOUND_LIST),
	    "(untouched)");
	assert_string_equal(after(&l, "smtp/inet", "smtpd_milters"),
	    "(untouched)");
	assert_non_null(strstr(gp_buf_cstr(&l.notes), "smtp/inet: "));
	assert_non_null(strstr(gp_buf_cstr(&l.notes), "10026/inet: "));
	assert_null(strstr(gp_buf_cstr(&l.notes), "10025"));
	lab_close(&l);
}

/* -- what somebody has changed since -------------------------------------- */

static void
plan_enable_does_not_overwrite_what_was_changed(void **state)
{
	struct gp_postfix_wish wish = both;
	struct lab l;

	(void)state;
	lab_open(&l, "", SMTP MSA, "");
	assert_int_equal(enable(&l, both), GP_OK);
	carry_out(&l, true);
	set_main(&l, GP_POSTFIX_INBOUND_LIST, "{ unix:/mine }");
	assert_int_equal(enable(&l, both), GP_PERM);
	assert_non_null(strstr(l.err.msg, GP_POSTFIX_INBOUND_LIST));
	assert_non_null(strstr(l.err.msg, "--force"));
	wish.force = true;
	assert_int_equal(enable(&l, wish), GP_OK);
	assert_non_null(
	    strstr(after(&l, NULL, GP_POSTFIX_INBOUND_LIST), "/spf/"));
	lab_close(&l);
}

static void
plan_disable_keeps_what_was_changed_and_takes_our_part(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, "smtpd_milters = a\n", SMTP MSA, "");
	assert_int_equal(enable(&l, both), GP_OK);
	carry_out(&l, true);
	set_main(&l, "smtpd_milters", "new, $gatepost_inbound_milters, a");
	set_main(&l, GP_POSTFIX_INBOUND_LIST,
	    "{ unix:$gatepost_socket_dir/spf/milter.sock }");
	disable(&l, false);
	assert_string_equal(after(&l, NULL, "smtpd_milters"), "new, a");
	assert_string_equal(after(&l, NULL, GP_POSTFIX_INBOUND_LIST),
	    "{ unix:$gatepost_socket_dir/spf/milter.sock }");
	/* it is used there */
	assert_string_equal(after(&l, NULL, GP_POSTFIX_SOCKET_DIR),
	    "/run/gatepost");
	assert_string_equal(after(&l, NULL, GP_POSTFIX_LOCAL_LIST), "(none)");
	assert_non_null(strstr(gp_buf_cstr(&l.notes), "--force"));
	disable(&l, true);
	assert_string_equal(after(&l, NULL, GP_POSTFIX_INBOUND_LIST), "(none)");
	assert_string_equal(after(&l, NULL, GP_POSTFIX_SOCKET_DIR), "(none)");
	lab_close(&l);
}

static void
plan_disable_keeps_a_list_that_is_used_elsewhere(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, "", SMTP, "");
	assert_int_equal(enable(&l, both), GP_OK);
	carry_out(&l, true);
	set_main(&l, "mine", "${x?{$gatepost_inbound_milters}}");
	disable(&l, true);
	assert_string_equal(after(&l, NULL, "smtpd_milters"), "(none)");
	assert_non_null(
	    strstr(after(&l, NULL, GP_POSTFIX_INBOUND_LIST), "/spf/"));
	assert_string_equal(after(&l, NULL, GP_POSTFIX_SOCKET_DIR),
	    "/run/gatepost");
	assert_non_null(strstr(gp_buf_cstr(&l.notes), "as mine refers to it"));
	lab_close(&l);
}

static void
plan_word_of_others_is_not_taken_back(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, "", SMTP MSA,
	    "submission/inet/milter_macro_daemon_name = ORIGINATING\n");
	assert_int_equal(enable(&l, both), GP_OK);
	carry_out(&l, true);
	disable(&l, true);
	assert_string_equal(after(&l, "submission/inet",
				"milter_macro_daemon_name"),
	    "(untouched)");
	lab_close(&l);
}

static void
plan_of_a_value_without_end_is_refused(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, "smtpd_milters = { a\n", SMTP, "");
	assert_int_equal(enable(&l, both), GP_PERM);
	assert_non_null(strstr(l.err.msg, "smtpd_milters"));
	lab_close(&l);
	lab_open(&l, "", SMTP MSA,
	    "submission/inet/smtpd_milters = ${x ? {a} : {b}}\n");
	assert_int_equal(enable(&l, both), GP_PERM);
	assert_non_null(strstr(l.err.msg, "submission/inet"));
	lab_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plan_of_both_gives_each_port_its_list),
		cmocka_unit_test(plan_of_mx_leaves_submission_and_limits_out),
		cmocka_unit_test(
		    plan_of_submission_gives_port_25_an_empty_list),
		cmocka_unit_test(plan_of_failure_is_by_task_or_as_told),
		cmocka_unit_test(plan_disable_is_the_inverse_of_enable),
		cmocka_unit_test(
		    plan_change_of_role_takes_back_what_is_not_wanted),
		cmocka_unit_test(
		    plan_local_mail_that_follows_smtpd_is_not_seen_twice),
		cmocka_unit_test(plan_services_that_take_no_milters_stay),
		cmocka_unit_test(
		    plan_enable_does_not_overwrite_what_was_changed),
		cmocka_unit_test(
		    plan_disable_keeps_what_was_changed_and_takes_our_part),
		cmocka_unit_test(
		    plan_disable_keeps_a_list_that_is_used_elsewhere),
		cmocka_unit_test(plan_word_of_others_is_not_taken_back),
		cmocka_unit_test(plan_of_a_value_without_end_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
