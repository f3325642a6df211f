/* The front of SPF: bounds of a message, metrics, and two engines compared. */
#include "mta/spf_check.h"

#include "io/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char zone[] =
    "pass.test TXT \"v=spf1 a:host.test -all\"\nhost.test A 192.0.2.1\n"
    "fail.test TXT \"v=spf1 -all exp=why.test\"\nwhy.test TXT \"not %{i}\"\n"
    "soft.test TXT \"v=spf1 a:host2.test a:host3.test ~all\"\n"
    "host2.test A 203.0.113.2\nhost3.test A 203.0.113.3\n"
    "temp.test * !SERVFAIL\n"
    "slow.test TXT \"v=spf1 a:s1.test a:s2.test a:s3.test +all\"\n"
    "s1.test A !DELAY 200ms\ns2.test A !DELAY 200ms\ns3.test A !DELAY 200ms\n"
    "loop.test TXT \"v=spf1 ip4:127.0.0.0/8 -all\"\n"
    /* RFC 7208 section 7.3 wants the name below the domain for %{p},
     * libspf2 takes the first */
    "two.test TXT \"v=spf1 exists:%{p}.listed.test ~all\"\n"
    "1.2.0.192.in-addr.arpa PTR first.other.test\n"
    "1.2.0.192.in-addr.arpa PTR mail.two.test\n"
    "first.other.test A 192.0.2.1\nmail.two.test A 192.0.2.1\n"
    "mail.two.test.listed.test A 127.0.0.2\n";

struct lab {
	struct gp_dns *dns;
	struct gp_metrics *metrics;
	struct gp_dns_scope scope;
	struct gp_spf_checking how;
	struct gp_spf_checker checker;
	unsigned queries;
};

static void
lab_open(struct lab *l, enum gp_engine engine)
{
	struct gp_err err;

	*l = (struct lab){ .queries = GP_SPF_QUERIES_MAX };
	if (gp_dns_open_zone(gp_str(zone), NULL, &l->dns, &err) != GP_OK)
		fail_msg("%s", err.msg);
	l->metrics = gp_metrics_new("spf");
	l->scope = (struct gp_dns_scope){ .dns = l->dns,
		.arena = gp_arena_new(),
		.deadline_us = gp_clock_us() + 20 * GP_US_PER_S,
		.budget = GP_DNS_MESSAGE_QUERIES };
	l->how = (struct gp_spf_checking){ .engine = engine,
		.max_terms = GP_SPF_TERMS_MAX,
		.max_voids = GP_SPF_VOIDS_MAX };
	l->checker = (struct gp_spf_checker){ .arena = l->scope.arena,
		.how = &l->how,
		.metrics = l->metrics,
		.receiver = "receiver.test" };
}

static void
lab_close(struct lab *l)
{
	gp_arena_free(l->scope.arena);
	gp_dns_close(l->dns);
	gp_metrics_free(l->metrics);
}

static struct gp_spf_check_result
check_from(struct lab *l, const char *client, const char *domain)
{
	const struct gp_spf_identity id = { .askable = true,
		.local = GP_STR("user"),
		.domain = domain };
	struct gp_ip ip;

	assert_int_equal(gp_ip_parse(gp_str(client), &ip), GP_OK);
	return gp_spf_check(&l->checker, &l->scope, &ip, "helo.test", &id,
	    &l->queries);
}

static struct gp_spf_check_result
check(struct lab *l, const char *domain)
{
	return check_from(l, "192.0.2.1", domain);
}

/* What went to stderr, where lines go before gp_log_open. */
struct capture {
	int saved;
	FILE *file;
	char text[4096];
};

static void
capture_start(struct capture *c)
{
	c->file = tmpfile();
	assert_non_null(c->file);
	(void)fflush(stderr);
	c->saved = dup(STDERR_FILENO);
	assert_true(dup2(fileno(c->file), STDERR_FILENO) >= 0);
}

static void
capture_stop(struct capture *c)
{
	size_t n;

	(void)fflush(stderr);
	assert_true(dup2(c->saved, STDERR_FILENO) >= 0);
	(void)close(c->saved);
	rewind(c->file);
	n = fread(c->text, 1, sizeof(c->text) - 1, c->file);
	c->text[n] = '\0';
	(void)fclose(c->file);
}

/* -- each engine ------------------------------------------------------- */

static void
spf_check_every_engine_passes_fails_and_explains(void **state)
{
	static const enum gp_engine engines[] = { GP_BUILTIN, GP_SECOND,
		GP_COMPARE };
	struct gp_spf_check_result r;
	struct lab l;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		lab_open(&l, engines[i]);
		r = check(&l, "pass.test");
		assert_int_equal(r.result, GP_SPF_PASS);
		assert_string_equal(r.domain, "pass.test");
		assert_null(r.explanation);
		assert_int_equal(l.queries, GP_SPF_QUERIES_MAX - 2);
		r = check(&l, "fail.test");
		assert_int_equal(r.result, GP_SPF_FAIL);
		assert_string_equal(r.explanation, "not 192.0.2.1");
		assert_int_equal(l.queries, GP_SPF_QUERIES_MAX - 4);
		assert_int_equal(check(&l, "temp.test").result,
		    GP_SPF_TEMPERROR);
		assert_int_equal(check(&l, "gone.test").result, GP_SPF_NONE);
		lab_close(&l);
	}
}

/* -- without the DNS --------------------------------------------------- */

static void
spf_check_what_can_not_be_asked_is_none_without_dns(void **state)
{
	const struct gp_spf_identity id = { .reason = "HELO is no name" };
	const struct gp_ip unknown = { .family = GP_IP_UNKNOWN };
	const struct gp_spf_identity fine = { .askable = true,
		.local = GP_STR("u"),
		.domain = "pass.test" };
	struct gp_spf_check_result r;
	struct gp_ip ip;
	struct lab l;

	(void)state;
	lab_open(&l, GP_BUILTIN);
	assert_int_equal(gp_ip_parse(GP_STR("192.0.2.1"), &ip), GP_OK);
	r = gp_spf_check(&l.checker, &l.scope, &ip, "h", &id, &l.queries);
	assert_int_equal(r.result, GP_SPF_NONE);
	assert_null(r.domain);
	assert_string_equal(r.reason, "HELO is no name");
	r = gp_spf_check(&l.checker, &l.scope, &unknown, "h", &fine,
	    &l.queries);
	assert_int_equal(r.result, GP_SPF_NONE);
	assert_string_equal(r.domain, "pass.test");
	assert_int_equal(l.scope.budget, GP_DNS_MESSAGE_QUERIES);
	assert_int_equal(l.queries, GP_SPF_QUERIES_MAX);
	assert_int_equal(gp_metrics_get(l.metrics, GP_M_SPF_RESULTS,
			     GP_SPF_NONE),
	    2);
	lab_close(&l);
}

static void
spf_check_without_questions_left_is_temperror(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, GP_BUILTIN);
	l.queries = 0;
	assert_int_equal(check(&l, "pass.test").result, GP_SPF_TEMPERROR);
	assert_int_equal(l.scope.budget, GP_DNS_MESSAGE_QUERIES);
	lab_close(&l);
}

/* -- bounds ------------------------------------------------------------ */

static void
spf_check_never_asks_more_than_is_left(void **state)
{
	static const enum gp_engine engines[] = { GP_BUILTIN, GP_SECOND };
	struct lab l;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		lab_open(&l, engines[i]);
		l.queries = 2; /* soft.test needs three */
		assert_int_equal(check(&l, "soft.test").result,
		    GP_SPF_PERMERROR);
		assert_int_equal(l.queries, 0);
		assert_int_equal(l.scope.budget, GP_DNS_MESSAGE_QUERIES - 2);
		lab_close(&l);
	}
}

static void
spf_check_time_is_up_is_temperror_in_time(void **state)
{
	static const enum gp_engine engines[] = { GP_BUILTIN, GP_SECOND };
	int64_t start_us;
	struct lab l;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		lab_open(&l, engines[i]);
		start_us = gp_clock_us();
		l.scope.deadline_us = start_us + 300 * GP_US_PER_MS;
		assert_int_equal(check(&l, "slow.test").result,
		    GP_SPF_TEMPERROR);
		assert_true(gp_clock_us() - start_us < 3 * GP_US_PER_S);
		lab_close(&l);
	}
}

static void
spf_check_after_the_deadline_asks_nothing(void **state)
{
	static const enum gp_engine engines[] = { GP_BUILTIN, GP_SECOND };
	struct gp_spf_check_result r;
	struct lab l;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		lab_open(&l, engines[i]);
		l.scope.deadline_us = gp_clock_us() - 1;
		r = check(&l, "pass.test");
		assert_int_equal(r.result, GP_SPF_TEMPERROR);
		assert_string_equal(r.reason, "the check took too long");
		assert_int_equal(l.scope.budget, GP_DNS_MESSAGE_QUERIES);
		lab_close(&l);
	}
}

/* -- metrics ----------------------------------------------------------- */

static void
spf_check_counts_by_identity_and_result(void **state)
{
	struct gp_spf_identity id = { .askable = true,
		.is_helo = true,
		.local = GP_STR("postmaster"),
		.domain = "fail.test" };
	struct gp_buf text;
	struct gp_ip ip;
	struct lab l;

	(void)state;
	lab_open(&l, GP_BUILTIN);
	assert_int_equal(gp_ip_parse(GP_STR("192.0.2.1"), &ip), GP_OK);
	(void)check(&l, "pass.test");
	(void)gp_spf_check(&l.checker, &l.scope, &ip, "fail.test", &id,
	    &l.queries);
	assert_int_equal(gp_metrics_get(l.metrics, GP_M_SPF_RESULTS,
			     GP_SPF_PASS),
	    1);
	assert_int_equal(gp_metrics_get(l.metrics, GP_M_SPF_RESULTS,
			     GP_SPF_FAIL),
	    0);
	assert_int_equal(gp_metrics_get(l.metrics, GP_M_SPF_HELO_RESULTS,
			     GP_SPF_FAIL),
	    1);
	gp_buf_init(&text, 1 << 20);
	gp_metrics_format(l.metrics, &text);
	assert_non_null(strstr(gp_buf_cstr(&text),
	    "gatepost_spf_check_seconds_count{daemon=\"spf\"} 2\n"));
	gp_buf_clear(&text);
	lab_close(&l);
}

/* -- compare ----------------------------------------------------------- */

static void
spf_check_compare_acts_on_builtin_and_logs_one_line(void **state)
{
	struct gp_spf_check_result r;
	struct capture c;
	struct lab l;

	(void)state;
	lab_open(&l, GP_SECOND);
	assert_int_equal(check(&l, "two.test").result, GP_SPF_SOFTFAIL);
	lab_close(&l);
	lab_open(&l, GP_COMPARE);
	capture_start(&c);
	r = check(&l, "two.test");
	capture_stop(&c);
	assert_int_equal(r.result, GP_SPF_PASS);
	assert_int_equal(gp_metrics_get(l.metrics, GP_M_SPF_DIFFERENCES, 0), 1);
	assert_non_null(strstr(c.text, "builtin=pass libspf2=softfail "
				       "identity=mailfrom domain=two.test "
				       "client=192.0.2.1 local=user"));
	assert_ptr_equal(strchr(c.text, '\n'), strrchr(c.text, '\n'));
	lab_close(&l);
}

static void
spf_check_compare_of_equals_is_silent_and_free(void **state)
{
	unsigned left, budget;
	struct capture c;
	struct lab l;

	(void)state;
	lab_open(&l, GP_BUILTIN);
	(void)check(&l, "soft.test");
	left = l.queries;
	budget = l.scope.budget;
	lab_close(&l);
	lab_open(&l, GP_COMPARE);
	capture_start(&c);
	assert_int_equal(check(&l, "soft.test").result, GP_SPF_SOFTFAIL);
	capture_stop(&c);
	assert_string_equal(c.text, "");
	assert_int_equal(l.queries, left);
	assert_int_equal(l.scope.budget, budget);
	assert_int_equal(gp_metrics_get(l.metrics, GP_M_SPF_DIFFERENCES, 0), 0);
	lab_close(&l);
}

/* A sender can not put a field of his own into the line. */
static void
spf_check_compare_escapes_what_the_sender_says(void **state)
{
	const struct gp_spf_identity id = { .askable = true,
		.local = GP_STR("a=b\"c\\"),
		.domain = "two.test" };
	struct capture c;
	struct gp_ip ip;
	struct lab l;

	(void)state;
	lab_open(&l, GP_COMPARE);
	assert_int_equal(gp_ip_parse(GP_STR("192.0.2.1"), &ip), GP_OK);
	capture_start(&c);
	(void)gp_spf_check(&l.checker, &l.scope, &ip, "x=y", &id, &l.queries);
	capture_stop(&c);
	assert_non_null(
	    strstr(c.text, " local=\"a=b\\\"c\\\\\" helo=\"x=y\" "));
	lab_close(&l);
}

/* -- threads ----------------------------------------------------------- */

#define THREADS 4
#define ROUNDS  100

static void *
thread(void *arg)
{
	static const struct {
		const char *domain;
		enum gp_spf_result wanted;
	} asked[] = {
		{ "pass.test", GP_SPF_PASS },
		{ "fail.test", GP_SPF_FAIL },
		{ "soft.test", GP_SPF_SOFTFAIL },
		{ "temp.test", GP_SPF_TEMPERROR },
		{ "loop.test", GP_SPF_FAIL },
	};
	const struct lab *shared = arg;
	uintptr_t wrong = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct lab l = *shared;

		l.scope.arena = gp_arena_new();
		l.checker.arena = l.scope.arena;
		wrong += check(&l, asked[i % 5].domain).result !=
		         asked[i % 5].wanted;
		gp_arena_free(l.scope.arena);
	}
	return (void *)wrong;
}

/* One resolver, one set of metrics, a message for each check. */
static void
spf_check_threads_do_not_meet_in_libspf2(void **state)
{
	pthread_t id[THREADS];
	struct lab l;
	void *wrong;

	(void)state;
	lab_open(&l, GP_SECOND);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&id[i], NULL, thread, &l), 0);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(id[i], &wrong), 0);
		assert_null(wrong);
	}
	assert_int_equal(gp_metrics_get(l.metrics, GP_M_SPF_RESULTS,
			     GP_SPF_PASS),
	    THREADS * ROUNDS / 5);
	lab_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    spf_check_every_engine_passes_fails_and_explains),
		cmocka_unit_test(
		    spf_check_what_can_not_be_asked_is_none_without_dns),
		cmocka_unit_test(spf_check_without_questions_left_is_temperror),
		cmocka_unit_test(spf_check_never_asks_more_than_is_left),
		cmocka_unit_test(spf_check_time_is_up_is_temperror_in_time),
		cmocka_unit_test(spf_check_after_the_deadline_asks_nothing),
		cmocka_unit_test(spf_check_counts_by_identity_and_result),
		cmocka_unit_test(
		    spf_check_compare_acts_on_builtin_and_logs_one_line),
		cmocka_unit_test(
		    spf_check_compare_of_equals_is_silent_and_free),
		cmocka_unit_test(
		    spf_check_compare_escapes_what_the_sender_says),
		cmocka_unit_test(spf_check_threads_do_not_meet_in_libspf2),
	};

	return cmocka_run_group_tests_name("spf_check", tests, NULL, NULL);
}
